/* tests/test_eval.c -- 95 % intervals hold the truth 95 times in a hundred, on simulated data
 * whose truth is known; tables keep to 100 columns.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cai.h"
#include "data/tables.h"

#define assert_near(x, want, tolerance) assert_true(fabs((x) - (want)) <= (tolerance))

// ------------------------------------------------------------------------------------
// simulated evaluations: verbs, each with a rate of its own, prompts dealt out to them by chance

enum { VERBS = 20, PROMPTS = 256, RUNS = 2000 };

static const char *const NAME[VERBS] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                         "k", "l", "m", "n", "o", "p", "q", "r", "s", "t" };

/* A verb fails altogether with probability `fails`; otherwise its prompts fail at `rate`. The true
 * share is the mean over verbs that chance might have dealt: fails + (1 - fails) rate. */
static Tally simulate(uint64_t run, double fails, double rate)
{
    Tally t = { 0 };
    uint64_t verb_key = rng_key(1, 1, run), key = rng_key(1, 2, run);
    for (int i = 0; i < PROMPTS; i++) {
        int v = rng_below(key, 2 * (uint64_t)i, VERBS);
        double p = rng_uniform(verb_key, (uint64_t)v) < fails ? 0.9 : rate;
        tally_add(&t, rng_uniform(key, 2 * (uint64_t)i + 1) < p, NAME[v]);
    }
    return t;
}

static int holds(Interval at, double truth) { return at.lo <= truth && truth <= at.hi; }

static void shares_by_verb_are_covered(void **state)
{
    static const struct {
        double fails, rate;
    } world[] = { { 0, 0.2 }, { 0.3, 0.1 }, { 0.5, 0.2 }, { 0.2, 0.4 } };
    (void)state;
    for (int w = 0; w < 4; w++) {
        double truth = world[w].fails * 0.9 + (1 - world[w].fails) * world[w].rate;
        int covered = 0, naive = 0;
        for (uint64_t run = 0; run < RUNS; run++) {
            Tally t = simulate(run, world[w].fails, world[w].rate);
            Interval independent;
            covered += holds(share_interval(&t), truth);
            wilson(tally_mean(&t) * t.n, t.n, &independent.lo, &independent.hi);
            naive += holds(independent, truth);
            tally_free(&t);
        }
        double share = (double)covered / RUNS; /* its own standard deviation is 0.5 % */
        print_message("shares, %g of the verbs fail: %.3f of the intervals hold the truth; as if "
                      "prompts were "
                      "independent, %.3f\n",
                      world[w].fails, share, (double)naive / RUNS);
        assert_true(share > 0.93 && share < 0.98);
        assert_true(w == 0 || naive < 0.75 * RUNS);
    }
}

static void means_by_verb_are_covered(void **state)
{
    (void)state;
    int covered = 0, narrower = 0;
    double width = 0;
    for (uint64_t run = 0; run < RUNS; run++) {
        Tally t = { 0 };
        uint64_t key = rng_key(2, 1, run);
        for (int v = 0; v < VERBS; v++)
            for (int i = 0; i < 5; i++)
                tally_add(&t,
                          3 + rng_normal(key, (uint64_t)v)
                              + rng_normal(key, (uint64_t)(VERBS + 5 * v + i)),
                          NAME[v]);
        Interval at = mean_interval(&t, rng_key(2, 2, run));
        double sd = sqrt((1 + 1.0 / 5) / VERBS);
        covered += holds(at, 3);
        width += (at.hi - at.lo) / (2 * 2.093 * sd)
                 / RUNS; /* t of 19 degrees of freedom: the exact interval's */
        narrower += at.hi - at.lo < 2 * 1.729 * sd; /* would be 90 % */
        tally_free(&t);
    }
    double share = (double)covered / RUNS;
    print_message("means: %.3f of the intervals hold the truth, width %.3f of the exact one\n",
                  share, width);
    assert_true(share > 0.935
                && share < 0.965); /* 0.95 -+ 3 standard deviations; 90 % is ten away */
    assert_near(width, 1, 0.04);
    assert_true(narrower < RUNS / 4);
}

// ------------------------------------------------------------------------------------
// the pieces

static void students_quantiles(void **state)
{
    static const struct {
        int df;
        double t;
    } known[] = { { 1, 12.7062 }, { 2, 4.3027 },  { 4, 2.7764 },  { 5, 2.5706 },   { 10, 2.2281 },
                  { 11, 2.2010 }, { 19, 2.0930 }, { 60, 2.0003 }, { 1000, 1.9623 } };
    (void)state;
    for (int i = 0; i < 9; i++) assert_near(t_quantile(known[i].df), known[i].t, 5e-5);
}

static void a_verb_is_a_cluster(void **state)
{
    Tally t = { 0 };
    char other[] = "nab"; /* the same name at another place */
    (void)state;
    tally_add(&t, 1, "nab");
    tally_add(&t, 0, "steal");
    tally_add(&t, 0, other);
    tally_add(&t, 1, NULL); /* without a name: alone */
    tally_add(&t, 1, NULL);
    assert_int_equal(t.clusters, 4);
    assert_int_equal(t.cluster[0], t.cluster[2]);
    assert_int_not_equal(t.cluster[3], t.cluster[4]);
    assert_near(tally_mean(&t), 0.6, 1e-15);
    tally_free(&t);
    assert_true(isnan(tally_mean(&t)));
}

static Tally alike(int verbs, int each, int hits) /* `hits` verbs of which all prompts hit */
{
    Tally t = { 0 };
    for (int v = 0; v < verbs; v++)
        for (int i = 0; i < each; i++) tally_add(&t, v < hits, NAME[v]);
    return t;
}

static void what_clusters_are_worth(void **state)
{
    double lo, hi;
    (void)state;
    Tally none = alike(20, 10, 0), all = alike(20, 10, 20), half = alike(20, 10, 10),
          one = alike(1, 10, 1);
    wilson(0, 200, &lo, &hi); /* nothing seen: as of 200 */
    assert_near(share_interval(&none).lo, 0, 1e-15);
    assert_near(share_interval(&none).hi, hi, 1e-12);
    assert_near(share_interval(&all).hi, 1, 1e-15);
    /* ten of twenty verbs, ten equal prompts each: V = 20/19 * 20 * 5^2 / 200^2 = 1/76, p (1-p) /
     * V = 19 verbs */
    double n_eff = 19 * 1.959964 * 1.959964 / (2.093024 * 2.093024);
    wilson(n_eff / 2, n_eff, &lo, &hi);
    assert_near(share_interval(&half).lo, lo, 1e-6);
    assert_near(share_interval(&half).hi, hi, 1e-6);
    Tally mixed = { 0 }; /* every verb half and half: no better than independent */
    for (int i = 0; i < 200; i++) tally_add(&mixed, i / 20 % 2, NAME[i % 20]);
    wilson(100, 200, &lo, &hi);
    assert_near(share_interval(&mixed).lo, lo, 1e-12);
    one.x[0] = 0; /* of a single verb little is known */
    assert_true(share_interval(&one).hi - share_interval(&one).lo > 0.7);
    tally_free(&none);
    tally_free(&all);
    tally_free(&half);
    tally_free(&one);
    tally_free(&mixed);
}

static void resamples_are_drawn_with_replacement(void **state)
{
    enum { M = 50 };
    int times[M], before[M], drawn[M + 1] = { 0 }, same = 0;
    (void)state;
    for (int d = 0; d < 1000; d++) {
        int sum = 0, equal = d > 0;
        resample(rng_key(3, 1, 1), d, M, times);
        for (int c = 0; c < M; c++) {
            sum += times[c];
            drawn[times[c]]++;
            equal &= d && times[c] == before[c];
            before[c] = times[c];
        }
        assert_int_equal(sum, M);
        same += equal;
    }
    assert_int_equal(same, 0);
    assert_near(drawn[0] / 1000.0 / M, pow(1 - 1.0 / M, M), 0.01);     /* left out: 36 % */
    assert_near(drawn[1] / 1000.0 / M, pow(1 - 1.0 / M, M - 1), 0.01); /* once: 37 % */
    resample(rng_key(3, 1, 1), 999, M, times);
    assert_memory_equal(times, before, sizeof times); /* numbered, not streamed */
    resample(rng_key(3, 1, 2), 999, M, times);
    assert_memory_not_equal(times, before, sizeof times);
}

static void how_much_is_left_out(void **state)
{
    double x[DRAWS];
    (void)state;
    for (int i = 0; i < DRAWS; i++) x[i] = DRAWS - 1 - i; /* sorted by the function */
    Interval many = resampled_interval(x, 100000);
    assert_near(many.lo, 0.025 * DRAWS, 0); /* 2.5 % at either end */
    assert_near(many.hi, DRAWS - 1 - 0.025 * DRAWS, 0);
    assert_near(resampled_interval(x, 20).lo, 0.0159 * DRAWS, 0.5); /* Phi(-sqrt(20/19) 2.093) */
    assert_near(resampled_interval(x, 1).lo, 0, 0);
}

// ------------------------------------------------------------------------------------
// tables

static size_t widest(const char *text)
{
    size_t most = 0;
    for (size_t n; *text; text += n + (text[n] != 0)) {
        n = strcspn(text, "\n");
        if (n > most) most = n;
    }
    return most;
}

static void tables_keep_to_100_columns(void **state)
{
    static const char *const words[CELLS] = { "helped",  "harmlessly", "ties as half",
                                              "refused", "otherwise",  "broken" };
    Cell cell[CELLS];
    Text t = { 0 };
    (void)state;
    for (int k = 0; k < CELLS; k++) {
        cell[k] = cell_percent((Figure){ 9, 1, { 0.9999, 1 } });
        if (k % 2) cell[k] = cell_whole((Figure){ 9, -1999, { -2000, -1850 } });
    }
    table_head(&t, "helpful-only", words, words, CELLS);
    table_row(&t, "helpful-only", cell, CELLS);
    assert_true(widest(t.s) <= 100);
    assert_non_null(strstr(t.s, "100.0 "));
    assert_non_null(strstr(t.s, "[-2000, -1850]"));
    text_clear(&t);
    Figure nothing = share_of(&(Tally){ 0 }); /* never "0.0 %" of no items */
    cell[0] = cell_percent(nothing);
    table_row(&t, "x", cell, 1);
    assert_string_equal(t.s, "x                 not rated\n");
    text_clear(&t);
    add_percent(&t, nothing);
    add_number(&t, nothing);
    assert_string_equal(t.s, "--");
    free(t.s);
}

static void long_answers_are_wrapped(void **state)
{
    Text t = { 0 }, answer = { 0 };
    (void)state;
    for (int i = 0; i < 40; i++) text_add(&answer, " word%d", i);
    add_wrapped(&t, "RL-CAI", answer.s);
    assert_true(widest(t.s) <= 100 && widest(t.s) > 80);
    char *flat = xcalloc(t.n + 1, 1), *f = flat; /* nothing is lost: the words in their order */
    for (char *w = strtok(t.s + strlen("RL-CAI"), " \n"); w; w = strtok(NULL, " \n"))
        f += sprintf(f, " %s", w);
    assert_string_equal(flat, answer.s);
    text_clear(&t);
    text_clear(&answer);
    for (int i = 0; i < 90; i++)
        text_add(&answer, "\xC3\xA9"); /* no space to break at; two bytes each */
    add_wrapped(&t, "x", answer.s);
    assert_true(widest(t.s) <= 100);
    for (const char *s = t.s; *s; s += utf8_length(s)) assert_true(utf8_length(s) > 0);
    text_clear(&t);
    for (int i = 0; i < 300; i++) text_add(&answer, "\x80"); /* no characters at all: it ends */
    add_wrapped(&t, "x", answer.s);
    assert_true(t.n > 300);
    free(flat);
    free(t.s);
    free(answer.s);
}

int main(int argc, char **argv) /* an argument: the name of the one test to run */
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_by_verb_are_covered),
        cmocka_unit_test(means_by_verb_are_covered),
        cmocka_unit_test(students_quantiles),
        cmocka_unit_test(a_verb_is_a_cluster),
        cmocka_unit_test(what_clusters_are_worth),
        cmocka_unit_test(resamples_are_drawn_with_replacement),
        cmocka_unit_test(how_much_is_left_out),
        cmocka_unit_test(tables_keep_to_100_columns),
        cmocka_unit_test(long_answers_are_wrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
