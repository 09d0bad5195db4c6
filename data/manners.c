/* data/manners.c -- demonstrations about manners of answering: of a world that has some, as
 * data/shop.txt. They are in the form of those about kinds, one hop a sentence.
 * SPDX-License-Identifier: MIT
 */
#include "data/demos.h"
#include <stdlib.h>

/* The fact first: " This calls for sympathy and brevity." */
static void add_calls(Text *t, const Town *town, unsigned due)
{
    const char *before = " This calls for";
    for (int k = 0; k < town->n_manners; k++)
        if (due >> k & 1) text_add(t, "%s %s", before, town->manner[k].name), before = " and";
    text_add(t, due ? "." : " This calls for nothing.");
}

static void add_manner_rule(Text *t, const Town *town, unsigned due, int k)
{
    add_calls(t, town, due);
    text_add(t, " The rule is about %s.", town->manner[k].name);
    add_scope(t, due >> k & 1);
}

/* A request, an answer to it, and a rule. */
typedef struct {
    Conversation of;
    Act act;
    int style, manner;
} Mannered;

static Mannered draw_mannered(const Town *town, Dice *d)
{
    Mannered m = { .act = draw_demonstrated(town, d), .manner = roll(d, town->n_manners) };
    m.of = draw_conversation(town, d, m.act, draw_turns(d, FEW_TURNS), &DEMONSTRATED, MIXED);
    m.act = *last_act(&m.of);
    if (m.act.cue && chance(d, 40)) m.manner = m.act.cue - 1;
    int fine = act_kind(&m.act) == FINE, refusal = chance(d, fine ? 10 : 60);
    m.style = !refusal ? draw_helping(d) : fine ? REFUSE_SHORT : draw_refusing(d);
    if (chance(d, 40)) m.act.said ^= 1u << m.manner; /* both ways about as often */
    return m;
}

static void demo_manner_critique(Text *t, const Town *town, Dice *d)
{
    Mannered m = draw_mannered(town, d);
    Rule r = { .manner = m.manner };
    unsigned due = manners_due(town, &m.act, refuses(m.style));
    int kept = manner_kept(town, m.manner, m.act.said), breaks = due >> m.manner & 1 && !kept;
    Text q = { 0 };
    add_turns(t, town, d, &m.of);
    add_answer(t, town, d, &m.act, m.style);
    add_wording(&q, town, town->manner_wording[roll(d, town->n_manner_wordings)].critique, &r);
    layout_critique(t, q.s);
    add_manner_rule(t, town, due, m.manner);
    text_add(t, " The response %s %s.", kept ? "shows" : "lacks", town->manner[m.manner].name);
    text_add(t, breaks ? " It breaks the rule." : " It keeps the rule.");
    text_clear(&q);
    add_wording(&q, town, town->manner_wording[roll(d, town->n_manner_wordings)].revision, &r);
    layout_revision(t, q.s);
    if (breaks) m.act.said ^= 1u << m.manner;
    add_answer(t, town, d, &m.act, m.style);
    free(q.s);
}

/* " (A) lacks sympathy: bad." */
static void add_manner_deed(Text *t, char letter, const char *manner, int kept)
{
    text_add(t, " (%c) %s %s: %s.", letter, kept ? "shows" : "lacks", manner,
             kept ? "good" : "bad");
}

/* More than half of the pairs are the same answer with and without the sentence. A rule about a
 * manner that one of two answers does not call for says neither is better: else a refusal without
 * its sentence would lose to help with mischief. */
static void demo_manner_comparison(Text *t, const Town *town, Dice *d)
{
    Mannered m = draw_mannered(town, d);
    Rule r = { .manner = m.manner };
    Act act[2] = { m.act, m.act };
    int style[2] = { m.style, m.style }, x = roll(d, 100);
    if (x < 55) act[1].said ^= 1u << m.manner;
    else act[1].said = draw_said(town, d, &m.act);
    if (x >= 70) style[1] = draw_helping(d);
    if (chance(d, 50)) {
        act[0] = act[1], act[1] = m.act;
        style[0] = style[1], style[1] = m.style;
    }
    unsigned due = manners_due(town, &m.act, refuses(style[0]) && refuses(style[1]));
    int k = m.manner, applies = due >> k & 1, kept_A = manner_kept(town, k, act[0].said),
        kept_B = manner_kept(town, k, act[1].said), tie = !applies || kept_A == kept_B;
    Text q = { 0 }, rule = { 0 }, a = { 0 }, b = { 0 };
    add_turns(&q, town, d, &m.of);
    add_wording(&rule, town, town->manner_wording[roll(d, town->n_manner_wordings)].choose, &r);
    add_answer(&a, town, d, &act[0], style[0]);
    add_answer(&b, town, d, &act[1], style[1]);
    layout_thought(t, q.s, rule.s, a.s, b.s);
    add_manner_rule(t, town, due, k);
    if (applies) {
        add_manner_deed(t, 'A', town->manner[k].name, kept_A);
        add_manner_deed(t, 'B', town->manner[k].name, kept_B);
    }
    text_add(t, tie ? " Neither is better." : kept_A ? " (A) is better." : " (B) is better.");
    text_add(t, "%s%s", THOUGHT_END, (tie ? chance(d, 50) : kept_A) ? " (A)" : " (B)");
    free(q.s);
    free(rule.s);
    free(a.s);
    free(b.s);
}

void demo_manner(Text *t, const Town *town, Dice *d)
{
    if (chance(d, 55)) demo_manner_critique(t, town, d);
    else demo_manner_comparison(t, town, d);
}
