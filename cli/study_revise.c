/* cli/study_revise.c -- revise: critique and revision with two models, without the critique, or
 * under every principle in turn.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"

/* One of the principles drawn anew for every prompt and step, as the paper has it, or at step k
 * principle k for all. */
static int *principles(const Run *run, const Args *arg, int n, int step)
{
    int *p = xcalloc((size_t)n + 1, sizeof *p), all = run->constitution.n_critiques;
    for (int i = 0; i < n; i++)
        p[i] = arg->every_principle
                   ? (step - 1) % all
                   : draw_principle(draws(run, S_PRINCIPLE, (long)step * n + i), all);
    return p;
}

void study_revise(Run *run, const Args *arg)
{
    const char *name = arg->critic ? arg->critic : arg->drafter ? arg->drafter : "helpful";
    if (arg->model) die(EXIT_USAGE, "revise: say which model does what: --critic M --drafter M");
    Model *critic = load_given_model(run, name);
    Model *drafter = load_given_model(run, arg->drafter ? arg->drafter : name);
    Texts prompt = given_prompts(arg, drafter), response = given_answers(arg);
    int steps = arg->every_principle ? run->constitution.n_critiques : run->sl.revisions;
    if (!response.n)
        response = complete(drafter, &prompt, draws(run, S_REVISE, 0), run->max_new, 1);
    for (int step = 1; step <= steps; step++) {
        Revisions r = revise_with(arg->no_critique ? NULL : critic, drafter, &run->constitution,
                                  principles(run, arg, prompt.n, step), &prompt, &response,
                                  (uint64_t)run->seed, step, run->max_new);
        write_revisions(run, stdout, &prompt, &response, &r, step);
        texts_free(&response);
        response = r.revision;
        r.revision = (Texts){ 0 };
        revisions_free(&r);
    }
    texts_free(&prompt);
    texts_free(&response);
    model_free(critic);
    model_free(drafter);
}
