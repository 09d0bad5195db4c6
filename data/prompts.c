/* data/prompts.c -- prompts for training and evaluation, and people's comparisons: which set asks
 * for what, so that nothing that evaluates is asked for elsewhere.
 * SPDX-License-Identifier: MIT
 */
#include "data/corpus.h"
#include "data/sentences.h"
#include <stdlib.h>
#include <string.h>

/* In percent, how many prompts have one turn, two, three, four. */
static const int PROMPT_TURNS[MAX_TURNS] = { 45, 30, 20, 5, 0 };

// ------------------------------------------------------------------------------------
// requests: which sets have which

/* Contrast acts are about another's thing in a set of
 * mischief and about one's own in a set of what is fine. They are 40 % of the training prompts
 * of either kind: a PM that saw them mostly about one's own things, where people want help,
 * would want help with another's too. */
static const struct {
    int class, contrast, verbs, objects;
} SET[SETS] = {
    /* contrast: percent */
    [SET_REDTEAM] = { HARMFUL, 40, HELD_OUT, ORDINARY },
    [SET_HELPFUL] = { BENIGN, 40, ORDINARY | HELD_OUT, ORDINARY },
    [SET_PREFS] = { BENIGN, 40, ORDINARY | HELD_OUT, ORDINARY },
    [SET_EVAL_PREFS] = { BENIGN, 40, ORDINARY | HELD_OUT, ORDINARY },
    [SET_EVAL_REDTEAM] = { HARMFUL, 20, HELD_OUT, HELD_OUT },
    [SET_EVAL_HELPFUL] = { BENIGN, 0, HELD_OUT, HELD_OUT },
    [SET_EVAL_CONTRAST] = { BENIGN, 100, HELD_OUT, HELD_OUT },
    [SET_EVAL_UNSEEN] = { HARMFUL, 33, ORDINARY, HELD_OUT },
    [SET_TURNS_REDTEAM] = { HARMFUL, 20, HELD_OUT, HELD_OUT },
    [SET_TURNS_FINE] = { BENIGN, 50, HELD_OUT, HELD_OUT },
    [SET_PRESSURE] = { HARMFUL, 20, HELD_OUT, HELD_OUT },
    [SET_RESERVED_REDTEAM] = { HARMFUL, 20, RESERVED, HELD_OUT },
    [SET_RESERVED_HELPFUL] = { BENIGN, 0, RESERVED, HELD_OUT },
    [SET_RESERVED_CONTRAST] = { BENIGN, 100, RESERVED, HELD_OUT },
};

struct Requests {
    const Town *town;
    unsigned *sets; /* by place, below: bit k is set if set k has drawn this request */
};

static size_t place(const Town *t, const Act *a, int turns)
{
    size_t verb = (size_t)(a->verb - t->verb[a->class]);
    for (int class = 0; class < a->class; class ++) verb += (size_t)t->n_verbs[class];
    size_t thing = verb * (size_t)t->n_objects + (size_t)(a->object - t->object);
    size_t whose = thing * (size_t)(t->n_owners + 1) + (size_t)(a->mine ? 0 : 1 + a->owner);
    return (whose * ALL_FORMS + (size_t)a->form) * MAX_TURNS + (size_t)turns - 1;
}

Requests *requests_new(const Town *t)
{
    size_t verbs = (size_t)(t->n_verbs[HARMFUL] + t->n_verbs[BENIGN] + t->n_verbs[CONTRAST]);
    size_t things = (size_t)t->n_objects * (size_t)(t->n_owners + 1);
    size_t max_places = (size_t)1 << 27; /* forty times the town's */
    Requests *r = xcalloc(1, sizeof *r);
    r->town = t;
    if (verbs > max_places / (ALL_FORMS * MAX_TURNS) / things)
        die(EXIT_INPUT,
            "--town: %zu verbs and %zu things of somebody's are more requests than can be counted; "
            "give it fewer",
            verbs, things);
    r->sets = xcalloc(verbs * things * ALL_FORMS * MAX_TURNS, sizeof *r->sets);
    return r;
}

void requests_free(Requests *r)
{
    free(r->sets);
    free(r);
}

/* People may compare answers to one prompt more than once, and to prompts of PPO: what evaluates
 * comes in one set only. */
static unsigned forbidden(int set)
{
    unsigned all = (1u << SETS) - 1, training = (1u << SET_EVAL_PREFS) - 1;
    if (set >= SET_EVAL_PREFS) return all;
    return (all & ~training) | (set == SET_PREFS ? 0 : 1u << set);
}

/* The same for one verb and thing: every owner and every form. */
static long left_of(const Requests *r, int set, Act a)
{
    int mine = a.class != HARMFUL && SET[set].class == BENIGN;
    int others = a.class != CONTRAST || SET[set].class == HARMFUL;
    long left = 0;
    for (int who = mine ? -1 : 0; who < (others ? r->town->n_owners : 0); who++)
        for (a.form = 0; a.form < FORMS; a.form++) {
            a.mine = who < 0;
            a.owner = who;
            left += !(r->sets[place(r->town, &a, 1)] & forbidden(set));
        }
    return left;
}

long requests_left(const Requests *r, int set)
{
    const Town *t = r->town;
    long left = 0;
    for (int class = 0; class < CLASSES; class ++) {
        int share = class == CONTRAST ? SET[set].contrast : 100 - SET[set].contrast;
        if (!share || (class != CONTRAST && class != SET[set].class)) continue;
        for (int v = 0; v < t->n_verbs[class]; v++)
            for (int x = 0; x < t->n_objects; x++) {
                Act a = { .class = class, .verb = &t->verb[class][v], .object = &t->object[x] };
                if (a.verb->group & SET[set].verbs && a.object->group & SET[set].objects)
                    left += left_of(r, set, a);
            }
    }
    return left;
}

/* Earlier turns of a training set name no verb as mischief that its red-team prompts have not. */
static From earlier_of(int set)
{
    int fine = set < SET_EVAL_REDTEAM ? ORDINARY | HELD_OUT : HELD_OUT;
    return (From){ HELD_OUT, HELD_OUT, fine, SET[set].objects };
}

/* A conversation that this set may have, of so many turns; 0: any number. Drawn again until it is
 * one. requests_left must not be 0. SET_HELPFUL has held-out verbs in half of the draws: what is
 * fine to do with these must be as frequent in RL as the mischief that red-team prompts ask of
 * them. Not people's comparisons: a verb that stands in better answers oftener than in worse ones
 * is a good word to the PM. Manners concern what is fine too, so in a world that has some three
 * tenths of the red-team prompts are. */
static Conversation draw_request(Requests *r, Dice *d, int set, int turns, Earlier earlier)
{
    From from = earlier_of(set);
    for (;;) {
        int contrast = chance(d, SET[set].contrast), verbs = SET[set].verbs;
        int class = SET[set].class;
        if (set == SET_HELPFUL && chance(d, 50)) verbs = HELD_OUT;
        if (set == SET_REDTEAM && r->town->n_manners && chance(d, 30)) class = BENIGN;
        Act a = draw_act(r->town, d, contrast ? CONTRAST : class, verbs, SET[set].objects);
        if (contrast) a.mine = class == BENIGN;
        Conversation c = draw_conversation(
            r->town, d, a, turns ? turns : draw_turns(d, PROMPT_TURNS), &from, earlier);
        unsigned *sets = &r->sets[place(r->town, last_act(&c), c.turns)];
        if (*sets & forbidden(set)) continue;
        *sets |= 1u << set;
        return c;
    }
}

static void check_enough(const Requests *r, int set, int n, const char *path)
{
    long left = requests_left(r, set);
    if (left < n && (set != SET_PREFS || !left))
        die(EXIT_INPUT,
            "%s: the town has %ld different requests for this set, %d are wanted; "
            "give it more verbs, things or owners, or ask for fewer prompts",
            path, left, n);
}

// ------------------------------------------------------------------------------------
// prompts, comparisons and judgements

/* Evaluation sets from SET_EVAL_REDTEAM on are of one turn, so that their figures stay comparable;
 * town_turns and town_pressure write those of several. */
static int turns_of(int set) { return set < SET_EVAL_REDTEAM ? 0 : 1; }

void town_prompts(Requests *r, uint64_t seed, int set, int n, const char *path)
{
    check_enough(r, set, n, path);
    FILE *f = create_file(path);
    Text p = { 0 };
    for (int i = 0; i < n; i++) {
        Dice d = dice(seed, 10 + (uint64_t)set, (uint64_t)i);
        Earlier earlier = set == SET_REDTEAM && i % 2 ? ALL_FINE : MIXED;
        Conversation c = draw_request(r, &d, set, turns_of(set), earlier);
        text_clear(&p);
        add_turns(&p, r->town, &d, &c);
        json_put(f, "{", "prompt", p.s);
        fprintf(f, "}\n");
    }
    free(p.s);
    commit_file(f, path);
}

static void put_conversation(FILE *f, const Town *t, Dice *d, const Conversation *c,
                             const char *set, int number)
{
    Text p = { 0 };
    add_turns(&p, t, d, c);
    fprintf(f, "{\"set\": \"%s%d\"", set, number);
    json_put(f, ", ", "prompt", p.s);
    fprintf(f, "}\n");
    free(p.s);
}

/* A request, alone and after k = 1, 2, 4 turns in which the assistant complied with other mischief,
 * or refused the same in other words. The turns before it for k = 2 are the last two of those for
 * k = 4. */
static void put_pressed(FILE *f, Requests *r, Dice *d)
{
    static const int depth[] = { 1, 2, 4 };
    Conversation alone = draw_request(r, d, SET_PRESSURE, 1, MIXED), c = { .turns = 0 };
    From from = earlier_of(SET_PRESSURE);
    Act asked = alone.act[0], before[MAX_TURNS - 1];
    for (int i = 0; i < MAX_TURNS - 1; i++) do
            before[i] = draw_unrelated(r->town, d, &from, ALL_BAD);
        while (before[i].verb == asked.verb);
    put_conversation(f, r->town, d, &alone, "alone", 0);
    for (int refused = 0; refused < 2; refused++)
        for (int x = 0; x < 3; x++) {
            int k = depth[x];
            c.turns = k + 1;
            for (int i = 0; i < k; i++) {
                c.act[i] = refused ? asked : before[MAX_TURNS - 1 - k + i];
                if (refused) c.act[i].form = (asked.form + 1 + i) % FORMS;
                c.style[i] = refused ? REFUSE : FULL;
            }
            c.act[k] = asked;
            put_conversation(f, r->town, d, &c, refused ? "refused" : "complied", k);
        }
}

void town_turns(Requests *r, uint64_t seed, int n, const char *path)
{
    static const struct {
        const char *name;
        int set;
        Earlier earlier;
    } sort[] = {
        { "last", SET_TURNS_REDTEAM, ALL_FINE },
        { "all", SET_TURNS_REDTEAM, ALL_BAD },
        { "fine", SET_TURNS_FINE, MIXED },
    };
    check_enough(r, SET_PRESSURE, n / 4, path);
    FILE *f = create_file(path);
    for (int k = 0; k < 3; k++)
        for (int turns = 2; turns <= 3; turns++)
            for (int i = 0; i < n / 2; i++) {
                uint64_t number = (uint64_t)((k * 2 + turns) * n + i);
                Dice d = dice(seed, 10 + (uint64_t)sort[k].set, number);
                Conversation c = draw_request(r, &d, sort[k].set, turns, sort[k].earlier);
                put_conversation(f, r->town, &d, &c, sort[k].name, turns);
            }
    for (int i = 0; i < n / 4; i++) {
        Dice d = dice(seed, 10 + SET_PRESSURE, (uint64_t)i);
        put_pressed(f, r, &d);
    }
    commit_file(f, path);
}

/* The worse answer of a comparison. It is often a refusal of that very request: without such
 * pairs a preference model learns from the AI half alone what refusing is worth, and the policy
 * refuses everything. It is often about another act (WRONG_ACT stands twice): that request and
 * answer must name the same one is learned last. That act is no held-out one: a verb of the red-
 * team prompts that stood in worse answers only would be a bad word. No wrong tool or place for
 * the right act: a PM of this size does not learn them, and labels that it cannot learn are
 * noise in those that it can. */
static void add_worse(Text *t, const Town *town, Dice *d, const Act *a, int style)
{
    Act wrong = *a;
    Verb v = *a->verb;
    if (style != REFUSE) {
        add_answer(t, town, d, a, style);
        return;
    }
    v.kind = roll(d, town->n_kinds); /* a refusal with a reason that is not true */
    wrong.verb = &v;
    wrong.mine = 0;
    add_answer(t, town, d, &wrong, chance(d, 50) ? REFUSE : REFUSE_PREACH);
}

/* Comparisons by the town's people: helpfulness only, on requests that are fine, as in the paper.
 * Their answers are written by this sampler, no model's (D19). */
void town_human_prefs(const Oracle *o, Requests *r, uint64_t seed, int set, int n, double agree,
                      int one_person, const char *path)
{
    static const int worse[] = { TOOL_ONLY,    PLACE_ONLY, VAGUE,     EVADE,
                                 REFUSE_SHORT, WRONG_ACT,  WRONG_ACT, REFUSE };
    check_enough(r, set, n, path);
    FILE *f = create_file(path);
    Text p = { 0 }, x = { 0 }, y = { 0 };
    for (int i = 0; i < n; i++) {
        Dice d = dice(seed, 10 + (uint64_t)set, (uint64_t)i);
        Conversation c = draw_request(r, &d, set, turns_of(set), MIXED);
        Act a = *last_act(&c);
        int style = chance(&d, 5) ? SILENT : worse[roll(&d, 8)];
        text_clear(&p);
        add_turns(&p, r->town, &d, &c);
        text_clear(&x);
        add_answer(&x, r->town, &d, &a, FULL);
        do { /* another act may be drawn the same: no comparison */
            text_clear(&y);
            a.said = draw_said(r->town, &d, &a);
            a.said &= ~said_of_refusals(r->town); /* no better answer has one */
            add_worse(&y, r->town, &d, &a, style);
        } while (strcmp(x.s, y.s) == 0);
        /* the oracle's label, not the sampler's intent */
        int x_chosen = oracle_rate(o, p.s, x.s).help >= oracle_rate(o, p.s, y.s).help;
        if (one_person && rng_uniform(d.key, d.position++) >= agree) x_chosen = !x_chosen;
        json_put(f, "{", "prompt", p.s);
        json_put(f, ", ", "chosen", x_chosen ? x.s : y.s);
        json_put(f, ", ", "rejected", x_chosen ? y.s : x.s);
        fprintf(f, ", \"p_chosen\": %g}\n", one_person ? 1 : agree); /* D17 */
    }
    free(p.s);
    free(x.s);
    free(y.s);
    commit_file(f, path);
}
