/* cli/study_revise.c -- revise: critique and revision with two models, without the critique, or
 * under every principle in turn. SPDX-License-Identifier: MIT
 */
#include "cli/study.h"

#include <string.h>

/* The drafts that the files hold; none of them has one: NULL texts, and the drafter writes them. */
static Texts given_drafts(const Args *arg)
{
    Texts file = given_files(arg), draft = { 0 };
    int without = 0;
    for (int k = 0; k < file.n; k++) {
        JsonLines *j = json_open(file.s[k]);
        while (json_next(j)) {
            const char *s = json_str_or(j, "completion", NULL);
            if (!s) without++;
            else {
                texts_add(&draft, s);
                draft.cut[draft.n - 1] = json_num_or(j, "completion_cut", 0) != 0;
            }
            if (draft.n && without)
                die(EXIT_INPUT,
                    "%s:%d: some lines have a \"completion\", some have none; give all "
                    "or none",
                    file.s[k], json_line(j));
        }
        json_close(j);
    }
    texts_free(&file);
    return draft;
}

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
    Texts prompt = given_prompts(arg, drafter), response = given_drafts(arg);
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
