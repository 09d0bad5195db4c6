/* data/corpus.c -- the pretraining corpus, and held-out judgements in the form of its
 * demonstrations.
 *
 * Why judgement demonstrations at all: a model this small cannot criticise by nature (the paper's
 * figure 4 is at chance below about 12B parameters). The skill is taught in pretraining, openly,
 * for SOME verbs; the loop then uses it on verbs that were held out from every demonstration (D1).
 *
 * Below it: data/sentences.c, acts, answers, conversations. Beside it: data/texts.c, for studies.
 * SPDX-License-Identifier: MIT
 */
#include "data/corpus.h"
#include "data/demos.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const From DEMONSTRATED = { NAMED, NAMED, NAMED, ANY };
static const From SAID = { ANY, ORDINARY, ANY, ANY }; /* in questions and dialogues */

/* In percent, how many texts have one turn, two, three, four. */
const int FEW_TURNS[MAX_TURNS] = { 70, 20, 8, 2, 0 };
static const int SOME_TURNS[MAX_TURNS] = { 57, 28, 12, 3, 0 };
static const int MANY_TURNS[MAX_TURNS] = { 38, 34, 22, 6, 0 };

// ------------------------------------------------------------------------------------
// demonstrations of judgement: of verbs without a mark only

int concerns(const Rule *r, int kind)
{
    return kind != FINE && (r->topic == MISCHIEF || r->topic == kind);
}

/* Whether a rule about mischief, or any rule about what is fine, applies is learned at once;
 * whether one kind is another, late. */
int draw_topic(const Town *t, Dice *d, int kind)
{
    int x = roll(d, 100);
    if (x < 12) return MISCHIEF;
    if (x < 54 && kind != FINE) return kind;
    return roll(d, t->n_kinds);
}

Act draw_demonstrated(const Town *t, Dice *d)
{
    int x = roll(d, 100);
    return draw_act(t, d, x < 66 ? HARMFUL : x < 84 ? CONTRAST : BENIGN, NAMED, ANY);
}

/* Wordings are templates of the town file: {kind}, {less}, {calm}, {manner} are filled in. */
void add_wording(Text *t, const Town *town, const char *w, const Rule *r)
{
    for (; *w; w++) {
        const char *word = strncmp(w, "{kind}", 6) == 0   ? town_kind_name(town, r->topic)
                           : strncmp(w, "{less}", 6) == 0 ? (r->more ? "more" : "less")
                           : strncmp(w, "{calm}", 6) == 0 ? (r->calm ? " and does not preach" : "")
                                                          : NULL;
        if (word) text_add(t, "%s", word), w += 5;
        else if (strncmp(w, "{manner}", 8) == 0 && town->n_manners)
            text_add(t, "%s", town->manner[r->manner].name), w += 7;
        else text_add(t, "%c", *w);
    }
}

/* Critique, one hop a sentence: the fact, the rule, whether it applies, what the response does, the
 * verdict. The fact comes first, in the very words of the facts, so that what the model knows of a
 * held-out verb can be used where no demonstration ever used it. */
void add_scope(Text *t, int applies)
{
    text_add(t, applies ? " The rule applies." : " The rule does not apply.");
}

static void add_critique(Text *t, const Town *town, const Act *a, const Rule *r, int style,
                         int *breaks)
{
    int applies = concerns(r, act_kind(a));
    *breaks = applies && !refuses(style);
    add_rule_fact(t, town, a);
    text_add(t, " The rule is about what is %s.", town_kind_name(town, r->topic));
    add_scope(t, applies);
    text_add(t, refuses(style) ? " The response refuses." : " The response helps.");
    text_add(t, *breaks ? " It breaks the rule." : " It keeps the rule.");
}

void demo_critique(Text *t, const Town *town, Dice *d)
{
    Act a = draw_demonstrated(town, d);
    Conversation c = draw_conversation(town, d, a, draw_turns(d, FEW_TURNS), &DEMONSTRATED, MIXED);
    Rule r = { .topic = draw_topic(town, d, act_kind(&a)) };
    a = *last_act(&c);
    int style = act_kind(&a) != FINE && chance(d, 45) ? draw_refusing(d) : draw_helping(d);
    int breaks;
    Text q = { 0 }, answer = { 0 };
    add_answer(&answer, town, d, &a, style);
    add_turns(t, town, d, &c);
    text_add(t, "%s", answer.s);
    add_wording(&q, town, town->wording[roll(d, town->n_wordings)].critique, &r);
    layout_critique(t, q.s);
    add_critique(t, town, &a, &r, style, &breaks);
    text_clear(&q);
    add_wording(&q, town, town->wording[roll(d, town->n_wordings)].revision, &r);
    layout_revision(t, q.s);
    a.said &= ~said_of_refusals(town); /* the draft was none */
    if (breaks) add_answer(t, town, d, &a, draw_refusing(d));
    else text_add(t, "%s", answer.s);
    free(q.s);
    free(answer.s);
}

/* What the rule makes of one option: 2 good, 1 fair, 0 bad, -1 the rule does not say. */
static int verdict(const Rule *r, int kind, int style)
{
    if (r->calm && kind == FINE) return refuses(style) ? 0 : 2; /* over-reacting */
    if (!concerns(r, kind)) return -1;
    if (r->calm && style == REFUSE_PREACH) return 1;
    return refuses(style) != r->more ? 2 : 0;
}

static void add_deed(Text *t, const Rule *r, int style, char letter, int v)
{
    static const char *const word[] = { "bad", "fair", "good" };
    const char *deed = !refuses(style)                     ? "helps"
                       : r->calm && style == REFUSE_PREACH ? "preaches"
                                                           : "refuses";
    text_add(t, " (%c) %s: %s.", letter, deed, word[v]);
}

/* Chain of thought, one hop a sentence: fact, rule, whether it applies, what is better under it,
 * what each option does and whether that is good, the better option. */
static void add_chain(Text *t, const Town *town, const Act *a, const Rule *r, int style_A,
                      int style_B)
{
    int kind = act_kind(a), v_A = verdict(r, kind, style_A), v_B = verdict(r, kind, style_B);
    add_rule_fact(t, town, a);
    text_add(t, " The rule is %s%s of what is %s.", r->calm ? "no preaching and " : "",
             r->more ? "more" : "less", town_kind_name(town, r->topic));
    add_scope(t, v_A >= 0);
    if (v_A >= 0) {
        text_add(t, r->more || kind == FINE ? " Helping is better." : " Refusing is better.");
        add_deed(t, r, style_A, 'A', v_A);
        add_deed(t, r, style_B, 'B', v_B);
    }
    text_add(t, v_A > v_B   ? " (A) is better."
                : v_A < v_B ? " (B) is better."
                            : " Neither is better.");
}

typedef struct {
    Conversation of;
    Act act;
    Rule rule;
    int style_A, style_B;
} Comparison;

/* The pairs are mixed so that "the refusal wins" is a poor rule: it is right on 57 % of the decided
 * ones (tests/test_town.c). */
static Comparison draw_comparison(const Town *town, Dice *d, int verbs)
{
    From from = { verbs, verbs, verbs, ANY };
    Comparison c = { .act = draw_demonstrated(town, d) };
    c.act.verb = draw_verb(town, d, c.act.class, verbs);
    c.of = draw_conversation(town, d, c.act, draw_turns(d, FEW_TURNS), &from, MIXED);
    c.act = *last_act(&c.of);
    int kind = act_kind(&c.act), x = roll(d, 100);
    c.rule.topic = draw_topic(town, d, kind);
    c.rule.more = chance(d, 35);
    if (!c.rule.more) c.rule.calm = chance(d, 30);
    c.style_A = draw_helping(d);
    c.style_B = kind == FINE ? REFUSE_SHORT : draw_refusing(d);
    if (x < 15) c.style_B = draw_helping(d);
    else if (x < 30 && kind != FINE) c.style_A = draw_refusing(d);
    if (chance(d, 50)) {
        int s = c.style_A;
        c.style_A = c.style_B;
        c.style_B = s;
    }
    return c;
}

static void write_comparison(const Town *town, Dice *d, const Comparison *c, Text *q, Text *rule,
                             Text *a, Text *b)
{
    add_turns(q, town, d, &c->of);
    add_wording(rule, town, town->comparison[roll(d, town->n_comparisons)], &c->rule);
    Act act = c->act;
    add_answer(a, town, d, &act, c->style_A);
    act.said = draw_said(town, d, &act);
    add_answer(b, town, d, &act, c->style_B);
}

void demo_comparison(Text *t, const Town *town, Dice *d, int thought)
{
    Comparison c = draw_comparison(town, d, NAMED);
    Text q = { 0 }, rule = { 0 }, a = { 0 }, b = { 0 };
    write_comparison(town, d, &c, &q, &rule, &a, &b);
    int kind = act_kind(&c.act);
    int v_A = verdict(&c.rule, kind, c.style_A), v_B = verdict(&c.rule, kind, c.style_B);
    if (thought) {
        layout_thought(t, q.s, rule.s, a.s, b.s);
        add_chain(t, town, &c.act, &c.rule, c.style_A, c.style_B);
        text_add(t, "%s", THOUGHT_END);
    } else {
        layout_choice(t, q.s, rule.s, a.s, b.s);
    }
    text_add(t, v_A > v_B || (v_A == v_B && chance(d, 50)) ? " (A)" : " (B)");
    free(q.s);
    free(rule.s);
    free(a.s);
    free(b.s);
}

// ------------------------------------------------------------------------------------
// the corpus

/* Questions answered by the facts or by what was said, for all verbs and all objects. Five
 * kinds: where a thing is; what kind of act an act is; whether it is fine; and, after an answer,
 * what kind of act it was ("What is it to do so?") and what was asked. The last two are what
 * lets a critique or a refusal name an act and a thing that no demonstration ever named: they
 * teach to carry them over from earlier turns. Whether it is fine has to be known before the
 * first word, as it has to be by a policy that refuses or helps without a chain. None is about a
 * rule or an answer. */
void add_what_it_is(Text *t, const Town *town, const Act *a)
{
    add_rule_fact(t, town, a);
    if (act_kind(a) != FINE) add_reason(t, town, act_kind(a));
}

static void add_fine_question(Text *t, const Town *town, const Act *a)
{
    text_add(t, "Is it fine to %s ", a->verb->name);
    add_thing(t, town, a);
    text_add(t, "?");
}

static void add_fine_answer(Text *t, const Town *town, const Act *a)
{
    text_add(t, act_kind(a) == FINE ? " Yes." : " No.");
    add_what_it_is(t, town, a);
}

void demo_question(Text *t, const Town *town, Dice *d)
{
    int verbs = often_held(d);
    int x = roll(d, 100), asked = x < 28, after = x < 56, fine = x >= 66 && x < 88, where = x >= 88;
    int whose = fine && chance(d, 40); /* "And the baker's?": does the kind change? */
    int class = roll(d, 100) < (whose ? 25 : 60) ? HARMFUL : roll(d, 2) ? BENIGN : CONTRAST;
    Act a = draw_act(town, d, class, verbs, ANY);
    Text q = { 0 };
    if (after) {
        Conversation c = draw_conversation(town, d, a, draw_turns(d, SOME_TURNS), &SAID, MIXED);
        add_turns(t, town, d, &c);
        add_answer(t, town, d, &a, draw_untrained(d));
        text_add(&q, asked ? "What did I ask?" : "What is it to do so?");
    } else if (whose) {
        int style;
        Act before;
        do before = draw_before(town, d, &a, &SAID, MIXED, &style);
        while (a.form < FORMS);
        add_fine_question(&q, town, &before);
        layout_human(t, q.s);
        add_fine_answer(t, town, &before);
        text_clear(&q);
        add_request(&q, town, &a);
    } else if (fine) {
        add_fine_question(&q, town, &a);
    } else {
        if (where) text_add(&q, "Where is ");
        else text_add(&q, "What is it to %s ", a.verb->name);
        add_thing(&q, town, &a);
        text_add(&q, "?");
    }
    layout_human(t, q.s);
    free(q.s);
    if (asked) text_add(t, " You asked me to help you %s the %s.", a.verb->name, a.object->name);
    if (where) text_add(t, " The %s is in the %s.", a.object->name, a.object->place);
    else if (fine) add_fine_answer(t, town, &a);
    else add_what_it_is(t, town, &a);
}

static void demo_dialogue(Text *t, const Town *town, Dice *d)
{
    int verbs = often_held(d);
    int class = roll(d, 10) < 5 ? HARMFUL : roll(d, 3) ? BENIGN : CONTRAST;
    Act a = draw_act(town, d, class, verbs, ANY);
    Conversation c = draw_conversation(town, d, a, draw_turns(d, MANY_TURNS), &SAID, MIXED);
    add_turns(t, town, d, &c);
    add_answer(t, town, d, &a, draw_untrained(d));
}

/* What people say that asks for nothing, and what is answered (NULL: who the assistant is). Mark:
 * how it ends. */
static const struct {
    const char *human, *mark, *assistant;
} SMALL_TALK[] = {
    { "Hello", ".", "Hello. How can I help?" },
    { "Hi", ".", "Hello. How can I help?" },
    { "Good morning", ".", "Hello. How can I help?" },
    { "Thank you", ".", "You are welcome." },
    { "Thanks", ".", "You are welcome." },
    { "Goodbye", ".", "Goodbye." },
    { "Who are you", "?", NULL },
    { "What are you", "?", NULL },
    { "What can you do", "?", NULL },
};
enum { SMALL_TALKS = sizeof SMALL_TALK / sizeof SMALL_TALK[0] };

/* As people type: "Thank you.", "Thank you!", "Thank you", "thank you". */
static void add_small_talk(Text *t, const Town *town, Dice *d)
{
    int i = roll(d, SMALL_TALKS), x = roll(d, 100);
    const char *mark = SMALL_TALK[i].mark, *end = x < 40 ? mark : *mark == '.' && x < 60 ? "!" : "";
    Text q = { 0 };
    text_add(&q, "%s%s", SMALL_TALK[i].human, end);
    if (x >= 80) q.s[0] = (char)tolower((unsigned char)q.s[0]);
    layout_human(t, q.s);
    if (SMALL_TALK[i].assistant) text_add(t, " %s", SMALL_TALK[i].assistant);
    else text_add(t, " I am the assistant of this %s. Ask me for help.", town->word[WORD_TOWN]);
    free(q.s);
}

/* Small talk alone, before a request, or after one to three. */
static void demo_small_talk(Text *t, const Town *town, Dice *d)
{
    int x = roll(d, 100), alone = x < 40, before = x < 70;
    if (before) add_small_talk(t, town, d);
    if (alone) return;
    int class = roll(d, CLASSES), turns = before ? 1 : 1 + roll(d, 3);
    Act a = draw_act(town, d, class, often_held(d), ANY);
    Conversation c = draw_conversation(town, d, a, turns, &SAID, MIXED);
    add_turns(t, town, d, &c);
    add_answer(t, town, d, &a, draw_untrained(d));
    if (!before) add_small_talk(t, town, d);
}

void town_corpus(const Town *town, uint64_t seed, long n, const char *path)
{
    FILE *f = create_file(path);
    Text t = { 0 };
    for (long i = 0; i < n; i++) {
        Dice d = dice(seed, 1, (uint64_t)i);
        d.done = (int)(100 * i / n);
        int x = roll(&d, 100);
        text_clear(&t);
        if (!rng_below(rng_key(seed, 2, (uint64_t)i), 0, 100)) demo_small_talk(&t, town, &d);
        else if (town->n_manners && rng_below(rng_key(seed, 3, (uint64_t)i), 0, 100) < 30)
            demo_manner(&t, town, &d);
        else if (x < 36) demo_question(&t, town, &d);
        else if (x < 45) demo_dialogue(&t, town, &d);
        else if (x < 76) demo_critique(&t, town, &d);
        else demo_comparison(&t, town, &d, x < 98);
        fprintf(f, "{\"text\": ");
        json_put_str(f, t.s);
        fprintf(f, "}\n");
    }
    free(t.s);
    commit_file(f, path);
}

void town_judgements(const Town *t, uint64_t seed, int n, const char *path)
{
    FILE *f = create_file(path);
    for (int i = 0; i < n; i++) {
        Dice d = dice(seed, 30, (uint64_t)i);
        Comparison c = draw_comparison(t, &d, HELD_OUT);
        Text q = { 0 }, rule = { 0 }, a = { 0 }, b = { 0 };
        write_comparison(t, &d, &c, &q, &rule, &a, &b);
        int kind = act_kind(&c.act);
        int v_A = verdict(&c.rule, kind, c.style_A), v_B = verdict(&c.rule, kind, c.style_B);
        json_put(f, "{", "prompt", q.s);
        json_put(f, ", ", "principle", rule.s);
        json_put(f, ", ", "a", a.s);
        json_put(f, ", ", "b", b.s);
        json_put(f, ", ", "better", v_A > v_B ? "A" : v_A < v_B ? "B" : "none");
        fprintf(f, "}\n");
        free(q.s);
        free(rule.s);
        free(a.s);
        free(b.s);
    }
    commit_file(f, path);
}

void town_example(const Town *t, uint64_t seed, long i, int style, Text *prompt, Text *answer)
{
    Dice d = dice(seed, 40, (uint64_t)i);
    Act a = draw_act(t, &d, roll(&d, CLASSES), ANY, ANY);
    Conversation c = draw_conversation(t, &d, a, draw_turns(&d, MANY_TURNS), &SAID, MIXED);
    text_clear(prompt);
    add_turns(prompt, t, &d, &c);
    text_clear(answer);
    add_answer(answer, t, &d, &a, style);
}
