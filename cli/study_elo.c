/* cli/study_elo.c -- elo FILE.jsonl ...: files of answers to the same prompts play each other, the
 * first at 0; score PM: what a preference model says to answers.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"
#include "data/rows.h"

#include <stdlib.h>

void study_elo(Run *run, const Args *arg)
{
    if (arg->n_models < 2) die(EXIT_USAGE, "elo: of which files of answers? name two or more");
    say_standings(run, arg->models, arg->n_models, arg->old_way, arg->tsv);
}

enum { MAX_STEPS = 64 };
typedef struct {
    Texts prompt, answer;
    int *step;
} Scored;

/* cut: the answer's end is not the model's own. */
static void add_answer(Scored *s, JsonLines *j, const char *field, int step)
{
    char cut[32];
    snprintf(cut, sizeof cut, "%s_cut", field);
    texts_add_line(&s->prompt, json_str(j, "prompt"), json_line(j));
    texts_add(&s->answer, json_str(j, field));
    s->answer.cut[s->answer.n - 1] = json_num_or(j, cut, 0) != 0;
    s->step = xrealloc(s->step, (size_t)s->prompt.n, sizeof *s->step);
    s->step[s->prompt.n - 1] = step;
}

/* {prompt, completion}; of revise {prompt, response, revision, step}, where the response of step 1
 * is the draft, step 0. */
static void add_scored(Scored *s, const char *path)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        double step = json_num_or(j, "step", 0);
        if (!(step >= 0 && step <= MAX_STEPS && step == (int)step))
            die(EXIT_INPUT, "%s:%d: step is not a whole number from 0 to %d; mend the line", path,
                json_line(j), MAX_STEPS);
        check_conversation(path, json_line(j), json_str(j, "prompt"));
        if (step == 1) add_answer(s, j, "response", 0);
        add_answer(s, j, json_str_or(j, "completion", NULL) ? "completion" : "revision", (int)step);
    }
    json_close(j);
    if (!s->prompt.n) die(EXIT_INPUT, "%s:1: no answer to score; give some", path);
}

void study_score(Run *run, const Args *arg)
{
    if (arg->n_models != 1) die(EXIT_USAGE, "score: takes one PM; see cai --help");
    Texts file = given_files(arg);
    Model *pm = load_given_pm(run, arg->model);
    Scored s = { .prompt.path = file.s[0] };
    Seqs seq = { 0 };
    for (int k = 0; k < file.n; k++) {
        s.prompt.path = file.s[k];
        add_scored(&s, file.s[k]);
        for (int i = seq.n; i < s.prompt.n; i++) {
            push_text(&seq, pm->tok, s.prompt.s[i], s.answer.s[i], !s.answer.cut[i]);
            check_length(&seq, i, pm->c.seq_len, &s.prompt, i);
        }
    }
    double *score = xcalloc((size_t)s.prompt.n, sizeof *score);
    pm_scores(pm, &seq, score);
    for (int i = 0; i < s.prompt.n; i++) {
        json_put(stdout, "{", "prompt", s.prompt.s[i]);
        json_put(stdout, ", ", "completion", s.answer.s[i]);
        printf(", \"step\": %d, \"score\": %.6g}\n", s.step[i], score[i]);
    }
    if (arg->tsv) write_means(run, &s.prompt, s.step, score, MAX_STEPS + 1, arg->tsv);
    free(score);
    seqs_free(&seq);
    model_free(pm);
}
