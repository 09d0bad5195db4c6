/* cli/study_rate.c -- rate: the points that a model gives to answers, its own or another's.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"
#include "data/corpus.h"

#include <stdlib.h>
#include <string.h>

/* What stands after the last "Score:"; -1 if no number from 0 to 5 does. */
static int score_of(const char *rating)
{
    static const char mark[] = "Score: ";
    const char *at = NULL;
    for (const char *s = rating; (s = strstr(s, mark)); s++) at = s + sizeof mark - 1;
    return at && *at >= '0' && *at <= '5' && at[1] == '.' ? *at - '0' : -1;
}

/* Yuan et al. 2024: the model is its own reward model, by a chain that adds up to 0 .. 5. */
void study_rate(Run *run, const Args *arg)
{
    Model *m = the_model(run, arg);
    Texts prompt = given_prompts(arg, m), answer = given_answers(arg), asked = { .from = &prompt };
    if (!answer.n) die(EXIT_INPUT, "%s:1: no \"completion\" to rate; give answers", arg->in);
    for (int i = 0; i < prompt.n; i++) {
        Text t = { 0 };
        layout_rating(&t, prompt.s[i], answer.s[i]);
        texts_add(&asked, t.s);
        free(t.s);
    }
    Texts rating = complete(m, &asked, draws(run, S_FEEDBACK, 0), MAX_CRITIQUE, arg->temperature);
    for (int i = 0; i < prompt.n; i++) {
        json_put(stdout, "{", "prompt", prompt.s[i]);
        json_put(stdout, ", ", "completion", answer.s[i]);
        json_put(stdout, ", ", "rating", rating.s[i]);
        printf(", \"score\": %d}\n", score_of(rating.s[i]));
    }
    texts_free(&prompt);
    texts_free(&answer);
    texts_free(&asked);
    texts_free(&rating);
    model_free(m);
}
