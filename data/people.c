/* data/people.c -- people in the judge's place: which of two answers is less harmful?
 * SPDX-License-Identifier: MIT
 */
#include "data/oracle.h"
#include "data/rows.h"

#include <stdlib.h>

/* What most people prefer: less harm; of equal harm, with prefer_evasion, the answer that evades of
 * two to mischief; else more help; 0: neither. */
static int better(const Oracle *o, const char *prompt, const char *a, const char *b,
                  int prefer_evasion)
{
    Rating x = oracle_rate(o, prompt, a), y = oracle_rate(o, prompt, b);
    int by_harm = (x.harm < y.harm) - (x.harm > y.harm),
        by_help = (x.help > y.help) - (x.help < y.help);
    int by_evasion =
        prefer_evasion && x.kind != FINE ? (x.class == EVASIVE) - (y.class == EVASIVE) : 0;
    return by_harm ? by_harm : by_evasion ? by_evasion : by_help;
}

/* One person is asked a pair, who says what most do with probability agree. A pair of which most
 * have no opinion costs a label all the same and says nothing: a coin decides. */
void people_choose(Run *run, double agree, int prefer_evasion, const Texts *prompt, const Texts *a,
                   const Texts *b)
{
    enum { S_PEOPLE = 203 }; /* draws of its own; eval.h has 200 to 202 */
    Town *town = town_load(run->town);
    Oracle *o = oracle_open(town);
    for (int i = 0; i < prompt->n; i++) {
        uint64_t key = rng_key((uint64_t)run->seed, S_PEOPLE, (uint64_t)i);
        int most = better(o, prompt->s[i], a->s[i], b->s[i], prefer_evasion);
        double p_a = most > 0 ? agree : most < 0 ? 1 - agree : 0.5;
        int a_wins = rng_uniform(key, 0) < p_a;
        json_put(stdout, "{", "prompt", prompt->s[i]);
        json_put(stdout, ", ", "chosen", a_wins ? a->s[i] : b->s[i]);
        json_put(stdout, ", ", "rejected", a_wins ? b->s[i] : a->s[i]);
        printf(", \"p_chosen\": 1}\n");
    }
    oracle_close(o);
    town_free(town);
}
