/* cli/study_judge.c -- judge: which of two answers is better, by a principle drawn for each pair.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"

/* {prompt, a, b}, or {prompt, chosen, rejected} with a label that is to be made anew. */
static void add_pairs(const char *path, Texts *prompt, Texts *a, Texts *b)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        const char *first = json_str_or(j, "a", NULL) ? "a" : "chosen";
        const char *second = json_str_or(j, "b", NULL) ? "b" : "rejected";
        check_conversation(path, json_line(j), json_str(j, "prompt"));
        texts_add_line(prompt, json_str(j, "prompt"), json_line(j));
        texts_add(a, json_str(j, first));
        texts_add(b, json_str(j, second));
        a->cut[a->n - 1] = json_num_or(j, *first == 'a' ? "a_cut" : "chosen_cut", 0) != 0;
        b->cut[b->n - 1] = json_num_or(j, *second == 'b' ? "b_cut" : "rejected_cut", 0) != 0;
    }
    json_close(j);
}

/* As the stage feedback does it, and in the form of its file. */
void study_judge(Run *run, const Args *arg)
{
    Model *m = the_model(run, arg);
    Texts file = given_files(arg), a = { 0 }, b = { 0 }, prompt = { .path = xstrdup(file.s[0]) };
    Feedback f;
    for (int k = 0; k < file.n; k++) add_pairs(file.s[k], &prompt, &a, &b);
    if (!prompt.n) die(EXIT_INPUT, "%s:1: no pair to judge; give some", file.s[0]);
    label_pairs(m, &run->constitution, &run->label, (uint64_t)run->seed, &prompt, &a, &b, &f,
                study_report(run, arg));
    write_feedback(run, stdout, &prompt, &a, &b, &f);
    feedback_free(&f);
    texts_free(&file);
    texts_free(&prompt);
    texts_free(&a);
    texts_free(&b);
    model_free(m);
}
