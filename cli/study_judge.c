/* cli/study_judge.c -- judge: which of two answers is better, by a principle drawn for each pair.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"

/* As the stage feedback does it, and in the form of its file. */
void study_judge(Run *run, const Args *arg)
{
    Model *m = the_model(run, arg);
    Texts a = { 0 }, b = { 0 }, prompt = given_pairs(arg, &a, &b);
    Feedback f;
    label_pairs(m, &run->constitution, &run->label, (uint64_t)run->seed, &prompt, &a, &b, &f,
                study_report(run, arg));
    write_feedback(run, stdout, &prompt, &a, &b, &f);
    feedback_free(&f);
    texts_free(&prompt);
    texts_free(&a);
    texts_free(&b);
    model_free(m);
}
