/* cli/study_sample.c -- sample: an answer to each prompt; pairs: two different ones.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"

#include <stdlib.h>

/* What is put into the assistant's mouth before it speaks: {begin}, "" where there is none. */
static Texts given_begins(const Args *arg)
{
    Texts file = given_files(arg), begin = { 0 };
    for (int k = 0; k < file.n; k++) {
        if (!is_json(file.s[k])) { /* a request a line */
            Texts lines = load_conversations(file.s[k]);
            for (int i = 0; i < lines.n; i++) texts_add(&begin, "");
            texts_free(&lines);
            continue;
        }
        JsonLines *j = json_open(file.s[k]);
        while (json_next(j)) texts_add(&begin, json_str_or(j, "begin", ""));
        json_close(j);
    }
    texts_free(&file);
    return begin;
}

/* The prefix stands before each prompt, as a rule would; what is written is the bare prompt. */
void study_sample(Run *run, const Args *arg)
{
    Model *m = the_model(run, arg);
    Texts prompt = given_prompts(arg, m), begin = given_begins(arg), asked = { .from = &prompt };
    for (int i = 0; i < prompt.n; i++) {
        Text t = { 0 };
        text_add(&t, "%s%s", arg->prefix ? arg->prefix : "", prompt.s[i]);
        texts_add(&asked, t.s);
        free(t.s);
    }
    Texts answer =
        complete_from(m, &asked, &begin, draws(run, S_ASK, 0), run->max_new, arg->temperature);
    for (int i = 0; i < prompt.n; i++) {
        json_put(stdout, "{", "prompt", prompt.s[i]);
        if (*begin.s[i]) json_put(stdout, ", ", "begin", begin.s[i]);
        put_sample(stdout, "completion", &answer, i);
        printf("}\n");
    }
    texts_free(&prompt);
    texts_free(&begin);
    texts_free(&asked);
    texts_free(&answer);
    model_free(m);
}

/* As the stage feedback draws them. */
void study_pairs(Run *run, const Args *arg)
{
    Model *m = the_model(run, arg);
    Texts asked = given_prompts(arg, m), a = { 0 }, b = { 0 };
    Texts prompt =
        sample_pairs(m, &asked, run->label.pairs, (uint64_t)run->seed, run->max_new, &a, &b);
    for (int i = 0; i < prompt.n; i++) {
        json_put(stdout, "{", "prompt", prompt.s[i]);
        put_sample(stdout, "a", &a, i);
        put_sample(stdout, "b", &b, i);
        printf("}\n");
    }
    texts_free(&asked);
    texts_free(&prompt);
    texts_free(&a);
    texts_free(&b);
    model_free(m);
}
