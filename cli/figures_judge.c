/* cli/figures_judge.c -- the rows of figure 9, how far a label's probability can be believed, and
 * of the labels' histogram.
 * SPDX-License-Identifier: MIT
 */
#include "cli/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Judgements whose answer is known: p that the first is better, y 1 if it is. Each counts from both
 * sides, as p and 1 - p. */
enum { BINS = 10 };
typedef struct {
    int n;
    double *p, *y; /* (n) */
    Tally verb;    /* (n) whose clusters are the verbs */
    Texts names;
} Labels;

static const char *keep(Texts *names, const char *s)
{
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->s[i], s) == 0) return names->s[i];
    texts_add(names, s);
    return names->s[names->n - 1];
}

static void add_label(Labels *l, double p, double y, const char *verb)
{
    l->p = xrealloc(l->p, (size_t)l->n + 1, sizeof *l->p);
    l->y = xrealloc(l->y, (size_t)l->n + 1, sizeof *l->y);
    l->p[l->n] = p;
    l->y[l->n++] = y;
    tally_add(&l->verb, y, keep(&l->names, verb));
}

static Labels held_out_labels(Run *run, const char *judge)
{
    Labels l = { 0 };
    JsonLines *j = json_open(records_read(&run->records, "judged.jsonl").s);
    while (json_next(j)) {
        if (strcmp(json_str(j, "judge"), judge) || strcmp(json_str(j, "set"), "judgements"))
            continue;
        const char *better = json_str(j, "better");
        double p = p_both_orders(json_num(j, "p_ab"), json_num(j, "p_ba"));
        if (*better == 'n') continue;
        add_label(&l, p, *better == 'a', json_str(j, "verb"));
        add_label(&l, 1 - p, *better != 'a', json_str(j, "verb"));
    }
    json_close(j);
    return l;
}

static void labels_free(Labels *l)
{
    free(l->p);
    free(l->y);
    tally_free(&l->verb);
    texts_free(&l->names);
}

static int bin_of(double p) { return p >= 1 ? BINS - 1 : (int)(p * BINS); }

/* Reliability: in each bin the share that is right, at the mean of what was said; and how many. */
static void add_reliability(Rows *r, const Labels *l, const char *series, long seed)
{
    for (int b = 0; b < BINS; b++) {
        Tally right = { 0 };
        double mean = 0;
        for (int i = 0; i < l->n; i++) {
            if (bin_of(l->p[i]) != b) continue;
            tally_add(&right, l->y[i], l->verb.name[l->verb.cluster[i]]);
            mean += l->p[i];
        }
        if (right.n) rows_add(r, "9a", series, mean / right.n, share_of(&right), seed);
        rows_add(r, "9b", series, (b + 0.5) / BINS, (Figure){ right.n, right.n, { NAN, NAN } },
                 seed);
        tally_free(&right);
    }
}

/* E8, with an interval from resampled verbs. at: where it stands in the picture. */
static void add_ece(Rows *r, const Labels *l, const char *series, int at, long seed)
{
    double x[DRAWS];
    int *times = xcalloc((size_t)l->verb.clusters + 1, sizeof *times);
    for (int d = 0; d < DRAWS; d++) {
        Labels drawn = { 0 };
        resample(rng_key((uint64_t)seed, S_ASK, 6), d, l->verb.clusters, times);
        for (int i = 0; i < l->n; i++)
            for (int k = 0; k < times[l->verb.cluster[i]]; k++) {
                drawn.p = xrealloc(drawn.p, (size_t)drawn.n + 1, sizeof *drawn.p);
                drawn.y = xrealloc(drawn.y, (size_t)drawn.n + 1, sizeof *drawn.y);
                drawn.p[drawn.n] = l->p[i];
                drawn.y[drawn.n++] = l->y[i];
            }
        x[d] = ece(drawn.n, drawn.p, drawn.y, BINS);
        labels_free(&drawn);
    }
    Figure f = { l->n, ece(l->n, l->p, l->y, BINS), resampled_interval(x, l->verb.clusters) };
    rows_add(r, "9c", series, at, f, seed);
    free(times);
}

/* How a label is spread, before and after the clamp: in twenty bins from 1/2, undecided, to 1. */
static void add_histogram(Rows *r, Run *run)
{
    enum { CELLS_OF_HALF = 20 };
    int raw[CELLS_OF_HALF] = { 0 }, label[CELLS_OF_HALF] = { 0 }, n = 0;
    JsonLines *j = json_open(records_read(&run->records, "feedback.jsonl").s);
    for (; json_next(j); n++) {
        double p = p_both_orders(json_num(j, "p_ab"), json_num(j, "p_ba")),
               q = json_num(j, "p_chosen");
        int a = (int)(2 * (fmax(p, 1 - p) - 0.5) * CELLS_OF_HALF),
            b = (int)(2 * (fmax(q, 1 - q) - 0.5) * CELLS_OF_HALF);
        raw[a < CELLS_OF_HALF ? a : CELLS_OF_HALF - 1]++;
        label[b < CELLS_OF_HALF ? b : CELLS_OF_HALF - 1]++;
    }
    json_close(j);
    for (int k = 0; k < CELLS_OF_HALF; k++) {
        double x = 0.5 + (k + 0.5) / CELLS_OF_HALF / 2, percent = n ? 100.0 / n : 0;
        rows_add(r, "labels-a", "as judged", x, (Figure){ n, percent * raw[k], { NAN, NAN } },
                 run->seed);
        rows_add(r, "labels-b", "as the PM learns it", x,
                 (Figure){ n, percent * label[k], { NAN, NAN } }, run->seed);
    }
}

void rows_of_judge(Rows *r, Run *run)
{
    Labels plain = held_out_labels(run, "plain"), chain = held_out_labels(run, "chain");
    if (plain.n) {
        add_reliability(r, &plain, "plain", run->seed);
        add_ece(r, &plain, "plain", 1, run->seed);
    }
    for (int how = 0; how < 3 && chain.n; how++) {
        static const char *const name[] = { "chain, raw", "chain, clamped", "chain, hard" };
        for (int i = 0; i < chain.n; i++)
            if (how) /* from the raw label: a clamp leaves on its side what p_hard decides */
                chain.p[i] = how == 1
                                 ? p_clamp(chain.p[i], run->label.clamp_lo, run->label.clamp_hi)
                                 : p_hard(chain.p[i]);
        if (how < 2) add_reliability(r, &chain, name[how], run->seed);
        add_ece(r, &chain, name[how], 2 + how, run->seed);
    }
    labels_free(&plain);
    labels_free(&chain);
    add_histogram(r, run);
}
