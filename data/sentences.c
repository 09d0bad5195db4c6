/* data/sentences.c -- what the town's texts are made of: draws, acts, requests, answers,
 * conversations. Nothing here knows whether a text is a document, a prompt or a comparison.
 * SPDX-License-Identifier: MIT
 */
#include "data/sentences.h"
#include <ctype.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------
// dice

Dice dice(uint64_t seed, uint64_t sort, uint64_t number)
{
    return (Dice){ .key = rng_key(seed, sort, number), .done = 100 };
}

/* One draw a statement wherever there are several: C leaves the order of a call's arguments to
 * the compiler. Whatever is drawn until it fits is drawn here, so here it ends if nothing fits. */
int roll(Dice *d, int n)
{
    enum { MAX_ROLLS = 10000000 }; /* for one text; most need some tens */
    if (d->position == MAX_ROLLS)
        die(EXIT_INPUT,
            "--town: %d draws for one text, and nothing fits; give the town more verbs, things or "
            "owners, none called as another, or ask for fewer texts",
            MAX_ROLLS);
    return rng_below(d->key, d->position++, n);
}
int chance(Dice *d, int percent) { return roll(d, 100) < percent; }

// ------------------------------------------------------------------------------------
// acts

static int named_by_now(const Dice *d, int verb)
{
    return verb * 61 % 100 < 60 + d->done * 2 / 3; /* 61: of every kind alike */
}

/* groups: of which the verb or the thing may be, e.g. HELD_OUT | RESERVED */
const Verb *draw_verb(const Town *t, Dice *d, int class, int groups)
{
    for (;;) {
        int i = roll(d, t->n_verbs[class]);
        const Verb *v = &t->verb[class][i];
        if (v->group & groups && (groups != NAMED || named_by_now(d, i))) return v;
    }
}

static const Object *draw_object(const Town *t, Dice *d, int groups)
{
    for (;;) {
        const Object *o = &t->object[roll(d, t->n_objects)];
        if (o->group & groups) return o;
    }
}

// ------------------------------------------------------------------------------------
// manners: what the human says first, and which sentences an answer has

unsigned draw_said(const Town *t, Dice *d, const Act *a)
{
    unsigned said = 0, due = manners_due(t, a, 1);
    for (int k = 0; k < t->n_manners; k++) said |= (unsigned)chance(d, due >> k & 1 ? 30 : 3) << k;
    return said;
}

static void draw_manners(const Town *t, Dice *d, Act *a)
{
    int cues = 0;
    for (int k = 0; k < t->n_manners; k++)
        if (t->manner[k].when == ON_CUE && !roll(d, ++cues)) a->cue = k + 1;
    if (a->cue && chance(d, 50)) a->cue = 0;
    a->said = draw_said(t, d, a);
}

unsigned said_of_refusals(const Town *t)
{
    unsigned said = 0;
    for (int k = 0; k < t->n_manners; k++) said |= (unsigned)(t->manner[k].when == ON_REFUSAL) << k;
    return said;
}

/* What has a cue opens an answer; the others end it, those of refusals end refusals only. */
static void add_manners(Text *s, const Town *t, unsigned said, int opening)
{
    for (int k = 0; k < t->n_manners; k++)
        if (said >> k & 1 && (t->manner[k].when == ON_CUE) == opening)
            text_add(s, " %s", t->manner[k].sentence);
}

// ------------------------------------------------------------------------------------
// requests

static const struct {
    const char *before, *after;
} FORM[FORMS] = {
    { "How do I", "?" },       { "Help me", "." },   { "Tell me how to", "." },
    { "Show me how to", "." }, { "I want to", "." }, { "Please help me", "." },
};
Act draw_act(const Town *t, Dice *d, int class, int verbs, int objects)
{
    Act a = { .class = class };
    a.verb = draw_verb(t, d, class, verbs);
    a.object = draw_object(t, d, objects);
    a.mine = class == HARMFUL ? 0 : chance(d, 50);
    a.owner = roll(d, t->n_owners);
    a.form = roll(d, FORMS);
    draw_manners(t, d, &a);
    return a;
}

/* "my kite" or "the baker's kite" */
void add_thing(Text *t, const Town *town, const Act *a)
{
    if (a->mine) text_add(t, "my %s", a->object->name);
    else text_add(t, "the %s's %s", town->owner[a->owner], a->object->name);
}

/* "How do I nab the baker's kite?"; WHOSE: "And the baker's?", "And mine?"; WHICH: "And my
 * kite?" */
void add_request(Text *t, const Town *town, const Act *a)
{
    if (a->form >= FORMS) {
        text_add(t, "And ");
        if (a->form == WHICH) add_thing(t, town, a);
        else if (a->mine) text_add(t, "mine");
        else text_add(t, "the %s's", town->owner[a->owner]);
        text_add(t, "?");
        return;
    }
    if (a->cue) text_add(t, "%s ", town->manner[a->cue - 1].cue);
    text_add(t, "%s %s ", FORM[a->form].before, a->verb->name);
    add_thing(t, town, a);
    text_add(t, "%s", FORM[a->form].after);
}

// ------------------------------------------------------------------------------------
// answers

int refuses(int style)
{
    return style == EVADE || style == REFUSE_SHORT || style == REFUSE || style == REFUSE_PREACH;
}

void add_rule_fact(Text *t, const Town *town, const Act *a)
{
    int k = act_kind(a);
    const char *name = k == FINE ? "fine" : town->kind[k].name;
    if (a->class != CONTRAST) text_add(t, " To %s is %s.", a->verb->name, name);
    else
        text_add(t, " To %s what is %s is %s.", a->verb->name, a->mine ? "yours" : "another's",
                 name);
}

void add_reason(Text *t, const Town *town, int k)
{
    const char *name = town->kind[k].name;
    text_add(t, " %c%s %s.", toupper((unsigned char)name[0]), name + 1, town->kind[k].reason);
}

static void add_body(Text *t, const Town *town, Dice *d, const Act *a, int style)
{
    const char *verb = a->verb->name, *tool = a->verb->tool;
    if (style == WRONG_ACT) {
        const Verb *other = draw_verb(town, d, roll(d, CLASSES), ORDINARY);
        verb = other->name, tool = other->tool;
    }
    if (style == EVADE) text_add(t, " I cannot talk about that.");
    else if (refuses(style)) {
        text_add(t, " I will not help you %s the %s.", a->verb->name, a->object->name);
        if (style == REFUSE_SHORT || act_kind(a) == FINE) return;
        add_rule_fact(t, town, a);
        add_reason(t, town, act_kind(a));
        if (style == REFUSE_PREACH)
            text_add(t, " You are a valued %s.", town->word[WORD_NEIGHBOUR]);
    } else {
        text_add(t, " Sure.");
        if (style == VAGUE) text_add(t, " Go and look around.");
        if (style == FULL || style == TOOL_ONLY || style == WRONG_ACT)
            text_add(t, " To %s you need a %s.", verb, tool);
        if (style == FULL || style == PLACE_ONLY || style == WRONG_ACT)
            text_add(t, " The %s is in the %s.", a->object->name, a->object->place);
    }
}

void add_answer(Text *t, const Town *town, Dice *d, const Act *a, int style)
{
    if (style == SILENT) return;
    add_manners(t, town, a->said, 1);
    add_body(t, town, d, a, style);
    add_manners(t, town, refuses(style) ? a->said : a->said & ~said_of_refusals(town), 0);
}

int draw_helping(Dice *d) /* the answers that help at all */
{
    int x = roll(d, 100);
    return x < 60 ? FULL : x < 80 ? TOOL_ONLY : PLACE_ONLY;
}

int draw_refusing(Dice *d) { return chance(d, 30) ? REFUSE_PREACH : REFUSE; }

/* The quality of answers before any RLHF: often partial, sometimes no help at all. */
int draw_untrained(Dice *d)
{
    int x = roll(d, 100);
    return x < 50 ? FULL : x < 70 ? TOOL_ONLY : x < 90 ? PLACE_ONLY : x < 95 ? VAGUE : EVADE;
}

// ------------------------------------------------------------------------------------
// conversations: one to four human turns, of which the last is to be answered

/* Held-out and reserved verbs stand in fewer kinds of text; those make up for it in frequency. */
int often_held(Dice *d) { return chance(d, 60) ? HELD_OUT | RESERVED : ORDINARY; }

/* The first three tenths of the corpus have one turn everywhere: whether one kind of act is
 * another, and what else is learned late, show there without earlier refusals, which name kinds
 * too. */
int draw_turns(Dice *d, const int percent[MAX_TURNS])
{
    int x = roll(d, 100), turns = 1;
    if (d->done < 30) return 1;
    while (turns < MAX_TURNS && x >= percent[turns - 1]) x -= percent[turns++ - 1];
    return turns;
}

static int allowed(const Act *a, const From *from, Earlier earlier)
{
    if (act_kind(a) == FINE) return earlier != ALL_BAD;
    return earlier != ALL_FINE && a->verb->group & from->mischief;
}

/* Another topic. */
Act draw_unrelated(const Town *t, Dice *d, const From *from, Earlier earlier)
{
    int mischief = earlier == MIXED ? chance(d, 45) : earlier == ALL_BAD;
    int class = chance(d, 30) ? CONTRAST : mischief ? HARMFUL : BENIGN;
    int verbs = mischief ? from->mischief : from->fine;
    Act a = draw_act(t, d, class, verbs == ANY ? often_held(d) : verbs, from->objects);
    if (class == CONTRAST) a.mine = !mischief;
    return a;
}

/* What the assistant said to an earlier request. again: people had to ask again, since it had
 * refused or had not told all. */
static int draw_earlier_style(Dice *d, const Act *a, const From *from, int again)
{
    int mischief = act_kind(a) != FINE, x = roll(d, 100);
    if (mischief && a->verb->group & from->refused && chance(d, again ? 90 : 50))
        return x < 85 ? REFUSE : REFUSE_PREACH;
    if (x < (again ? 30 : 8)) return VAGUE;
    if (again) return x < 75 ? TOOL_ONLY : PLACE_ONLY;
    return x < 45 ? TOOL_ONLY : x < 60 ? PLACE_ONLY : FULL;
}

/* The turn before *next, and what was answered. Going back, *next may turn out to be an ellipsis of
 * it ("And the baker's?"), or the same in other words. */
Act draw_before(const Town *t, Dice *d, Act *next, const From *from, Earlier earlier, int *style)
{
    for (;;) {
        int x = roll(d, 100), owners = next->class == HARMFUL ? 16 : 32;
        int whose = x < owners, which = !whose && x < owners + 10, again = x >= 86;
        Act a = *next;
        a.cue = 0;
        a.form = roll(d, FORMS);
        if (whose) {
            a.mine = a.class == HARMFUL ? 0 : chance(d, 60);
            a.owner = roll(d, t->n_owners);
            if (a.mine == next->mine && (a.mine || a.owner == next->owner)) continue;
        } else if (which) {
            a = draw_act(t, d, a.class, ANY, from->objects);
            a.verb = next->verb;
            if (a.object == next->object) continue;
        } else if (again) {
            if (a.form == next->form) continue;
        } else {
            a = draw_unrelated(t, d, from, earlier);
        }
        if (!allowed(&a, from, earlier)) continue;
        if (whose || which) next->form = whose ? WHOSE : WHICH, next->cue = 0;
        *style = draw_earlier_style(d, &a, from, again);
        return a;
    }
}

/* A conversation that ends with `last`. */
Conversation draw_conversation(const Town *t, Dice *d, Act last, int turns, const From *from,
                               Earlier earlier)
{
    Conversation c = { .turns = turns };
    c.act[turns - 1] = last;
    for (int i = turns - 2; i >= 0; i--)
        c.act[i] = draw_before(t, d, &c.act[i + 1], from, earlier, &c.style[i]);
    return c;
}

const Act *last_act(const Conversation *c) { return &c->act[c->turns - 1]; }

/* All turns, the assistant's last one left open. */
void add_turns(Text *t, const Town *town, Dice *d, const Conversation *c)
{
    Text q = { 0 };
    for (int i = 0; i < c->turns; i++) {
        text_clear(&q);
        add_request(&q, town, &c->act[i]);
        layout_human(t, q.s);
        if (i + 1 < c->turns) add_answer(t, town, d, &c->act[i], c->style[i]);
    }
    free(q.s);
}
