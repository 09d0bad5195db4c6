/* cli/why.c -- why an answer is good or bad: what the critic and the judge of this run, its
 * helpful-only model, make of it, as in the stages revise and feedback.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/chat.h"
#include "cli/inputs.h"
#include "data/tables.h"

#include <stdlib.h>
#include <string.h>

static Draws draws_of_why(const Chat *c, long first)
{
    enum { BEHIND_ALL_ANSWERS = 1 << 20, OF_AN_ANSWER = 64 };
    return draws(c->run, S_ASK, BEHIND_ALL_ANSWERS + OF_AN_ANSWER * c->turn + first);
}

/* The critique of an answer, as in section 3. 0: the context has no room for it. */
static int add_critique(Chat *c, Text *t, const Model *critic, const Constitution *law,
                        const char *prompt, const char *answer)
{
    int k = draw_principle(draws_of_why(c, 0), law->n_critiques);
    Text context = { 0 }, principle = { 0 };
    text_add(&context, "%s%s", prompt, answer);
    layout_critique(&context, law->critique[k].critique);
    int fits = tokens_in(critic, context.s) + MAX_CRITIQUE <= critic->c.seq_len;
    if (fits) {
        Texts asked = { .n = 1, .s = &context.s };
        Texts said = complete(critic, &asked, draws_of_why(c, 1), MAX_CRITIQUE, 1);
        text_add(&principle, "%s: %s", law->critique[k].id, law->critique[k].critique);
        add_wrapped(t, "principle", principle.s);
        add_wrapped(t, "critique", said.s[0]);
        texts_free(&said);
    }
    free(principle.s);
    free(context.s);
    return fits;
}

/* Another answer of the same model to compare with; NULL if it always says the same. */
static char *another_answer(Chat *c, char *prompt, const char *answer)
{
    enum { TRIES = 16 };
    Texts asked = { .n = 1, .s = &prompt };
    char *other = NULL;
    for (int i = 0; i < TRIES && !other; i++) {
        Texts a = complete(c->m, &asked, draws_of_why(c, 8 + i), c->run->max_new, 1);
        if (strcmp(a.s[0], answer)) other = xstrdup(a.s[0]);
        texts_free(&a);
    }
    return other;
}

/* The label of the pair, as in section 4. 0: the context has no room for it. */
static int add_judgement(Chat *c, Text *t, const Model *judge, const Constitution *law,
                         char *prompt, char *answer, char *other)
{
    const LabelSettings *how = &c->run->label;
    int k = draw_principle(draws_of_why(c, 2), law->n_comparisons);
    char *question = law->comparison[k].choose;
    Texts asked = { .n = 1, .s = &prompt }, chain = { 0 };
    Text context = { 0 }, principle = { 0 };
    double p_ab, p_ba;
    layout_thought(&context, prompt, question, answer, other); /* longer than the plain layout */
    text_add(&context, "%s (A)", THOUGHT_END);
    int fits = tokens_in(judge, context.s) + MAX_THOUGHT <= judge->c.seq_len;
    if (fits) {
        judge_both(judge, law, &asked, &question, &answer, &other, how->plain, how->chains,
                   draws_of_why(c, 32), &p_ab, &p_ba, &chain);
        text_add(&principle, "%s: %s", law->comparison[k].id, question);
        add_wrapped(t, "principle", principle.s);
        add_wrapped(t, "(A)", answer);
        add_wrapped(t, "(B)", other);
        if (chain.n) add_wrapped(t, "thought", chain.s[0]);
        text_add(t, "P(this answer is better) = %.3f shown first, %.3f shown second; label %.3f\n",
                 p_ab, 1 - p_ba, label_of(how, p_ab, p_ba)); /* p_ba is of the other, shown first */
    }
    texts_free(&chain);
    free(principle.s);
    free(context.s);
    return fits;
}

/* Both look at the last turns that they have room for. */
static void explain(Chat *c, Text *t, const Constitution *law, const Model *critic,
                    const Model *judge)
{
    char *answer = c->talk.s + c->answered;
    Text prompt = { 0 };
    text_add(&prompt, "%.*s", (int)c->answered, c->talk.s);
    int said;
    while (!(said = add_critique(c, t, critic, law, prompt.s, answer)) && drop_turn(&prompt))
        ;
    if (!said) text_add(t, "(the context has no room for a critique)\n");
    text_add(t, "\n");
    char *other = another_answer(c, prompt.s, answer);
    said = !other;
    while (other && !(said = add_judgement(c, t, judge, law, prompt.s, answer, other))
           && drop_turn(&prompt))
        ;
    if (!other) text_add(t, "(%s has no other answer to compare this one with)\n", c->name);
    if (!said) text_add(t, "(the context has no room for a judgement)\n");
    free(other);
    free(prompt.s);
}

void show_why(Chat *c)
{
    const char *judge_name = c->run->label.plain ? "base" : "helpful";
    if (!is_model_of_run(c->run, "helpful") || !is_model_of_run(c->run, judge_name)) {
        printf("(this run has no critic and judge yet: its helpful-only model)\n");
        return;
    }
    Constitution law = constitution_of_run(c->run, c->settings);
    Model *critic = load_model(c->run, "helpful"), *judge = load_model(c->run, judge_name);
    Text t = { 0 };
    explain(c, &t, &law, critic, judge);
    printf("%s", printable(t.s));
    free(t.s);
    model_free(critic);
    model_free(judge);
}
