/* cli/study_eval.c -- eval MODEL ...: what models, or answers in a file, are worth.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"
#include "data/rows.h"

#include <stdlib.h>
#include <string.h>

/* The last part of a path, without its ending. */
static char *row_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *row = xstrdup(name), *dot = strrchr(row, '.');
    if (dot && dot > row && (!strcmp(dot, ".bin") || !strcmp(dot, ".jsonl"))) *dot = 0;
    return row;
}

/* Held-out requests, mischief and what is fine, each set with the draws of the stage eval, so that
 * a model of the run gets the figures of its summary.txt; or the prompts of --in. */
static void rate_model(Run *run, const Args *arg, Rater *rater, const char *name)
{
    static const char *const sets[] = { "data/eval_redteam.jsonl", "data/eval_helpful.jsonl",
                                        "data/eval_contrast.jsonl" };
    Model *m = load_given_model(run, name);
    Texts prompt = { 0 }, answer;
    if (arg->in) prompt = given_prompts(arg, m);
    else
        for (int k = 0; k < 3; k++) {
            Texts more = load_prompts(records_read(&run->records, sets[k]).s, m);
            for (int i = 0; i < more.n; i++) texts_add_line(&prompt, more.s[i], more.line[i]);
            texts_free(&more);
        }
    answer = complete(m, &prompt, draws(run, S_EVAL, 0), run->max_new, 1);
    rate_row(rater, row_name(name), &prompt, &answer);
    texts_free(&prompt);
    texts_free(&answer);
    model_free(m);
}

/* {prompt, completion}; of revise, {prompt, revision, step}: the drafts and a row a step. */
static void rate_file(Rater *rater, const char *path)
{
    enum { MAX_STEPS = 64 };
    Texts prompt[MAX_STEPS + 1] = { { 0 } }, answer[MAX_STEPS + 1] = { { 0 } };
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        const char *s = json_str_or(j, "completion", NULL), *asked = json_str(j, "prompt");
        double step = json_num_or(j, "step", 0);
        if (!(step >= 0 && step <= MAX_STEPS && step == (int)step))
            die(EXIT_INPUT, "%s:%d: step is not a whole number from 0 to %d; mend the line", path,
                json_line(j), MAX_STEPS);
        check_conversation(path, json_line(j), asked);
        if (step == 1) texts_add(&prompt[0], asked), texts_add(&answer[0], json_str(j, "response"));
        texts_add(&prompt[(int)step], asked);
        texts_add(&answer[(int)step], s ? s : json_str(j, "revision"));
    }
    json_close(j);
    for (int k = 0; k <= MAX_STEPS; k++) {
        Text name = { 0 };
        text_add(&name, "%s", row_name(path));
        if (k || prompt[1].n) text_add(&name, "-%d", k);
        if (prompt[k].n) rate_row(rater, name.s, &prompt[k], &answer[k]);
        texts_free(&prompt[k]);
        texts_free(&answer[k]);
        free(name.s);
    }
}

void study_eval(Run *run, const Args *arg)
{
    if (!arg->n_models) die(EXIT_USAGE, "eval: of what? name models, or files of answers");
    Rater *rater = rater_open(run, arg->tsv);
    for (int k = 0; k < arg->n_models; k++) {
        const char *name = arg->models[k], *dot = strrchr(name, '.');
        if (dot && strcmp(dot, ".jsonl") == 0) rate_file(rater, name);
        else rate_model(run, arg, rater, name);
    }
    rater_close(rater);
}
