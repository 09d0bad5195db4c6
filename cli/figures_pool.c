/* cli/figures_pool.c -- what a picture shows of several seeds: where they have the same x, their
 * mean and the range between the lowest and the highest; else a curve a seed. And the Pareto front.
 * SPDX-License-Identifier: MIT
 */
#include "cli/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int same_curve(const FigureRow *a, const FigureRow *b)
{
    return strcmp(a->figure, b->figure) == 0 && strcmp(a->series, b->series) == 0;
}

int seeds_of(const Claim *c, const Rows *r)
{
    int seeds = 0;
    for (int i = 0; i < r->n; i++) {
        int before = !is_of_figure(&r->row[i], c);
        for (int k = 0; k < i && !before; k++)
            before = r->row[k].seed == r->row[i].seed && is_of_figure(&r->row[k], c);
        seeds += !before;
    }
    return seeds;
}

/* The rows of a curve at its x in all seeds: how many, their mean, the lowest and the highest. */
static int at_same_x(const Rows *r, const FigureRow *row, double *mean, Interval *range)
{
    int n = 0;
    *mean = 0;
    *range = (Interval){ INFINITY, -INFINITY };
    for (int i = 0; i < r->n; i++) {
        const FigureRow *at = &r->row[i];
        if (!same_curve(at, row) || at->x != row->x) continue;
        n++;
        *mean += at->y;
        range->lo = fmin(range->lo, at->y);
        range->hi = fmax(range->hi, at->y);
    }
    *mean /= n;
    return n;
}

/* Whether every x of a curve has a point of each seed. */
static int can_be_pooled(const Rows *r, const FigureRow *curve, int seeds)
{
    double mean;
    Interval range;
    for (int i = 0; i < r->n; i++)
        if (same_curve(&r->row[i], curve) && at_same_x(r, &r->row[i], &mean, &range) != seeds)
            return 0;
    return 1;
}

Rows pooled_rows(const Claim *c, const Rows *r)
{
    Rows pool = { 0 };
    int seeds = seeds_of(c, r);
    long first = 0;
    for (int i = r->n - 1; i >= 0; i--)
        if (is_of_figure(&r->row[i], c)) first = r->row[i].seed;
    for (int i = 0; i < r->n; i++) {
        const FigureRow *row = &r->row[i];
        Figure f = { (int)row->n, row->y, { row->lo, row->hi } };
        if (!is_of_figure(row, c)) continue;
        if (seeds > 1) f.at = (Interval){ NAN, NAN };
        if (seeds > 1 && can_be_pooled(r, row, seeds)) {
            if (row->seed != first) continue;
            at_same_x(r, row, &f.value, &f.at);
        }
        rows_add(&pool, row->figure, row->series, row->x, f, row->seed);
    }
    return pool;
}

void add_bars(Text *t, const Claim *c, const Rows *r)
{
    int seeds = seeds_of(c, r), bars = 0, apart = 0;
    for (int i = 0; i < r->n; i++) {
        if (!is_of_figure(&r->row[i], c)) continue;
        int pools = seeds > 1 && can_be_pooled(r, &r->row[i], seeds);
        bars |= seeds > 1 ? pools : !isnan(r->row[i].lo);
        apart |= seeds > 1 && !pools;
    }
    if (seeds == 1) text_add(t, "%s", bars ? "bars: 95 % intervals" : "no intervals");
    if (seeds > 1 && bars)
        text_add(t, "mean of %d seeds, bars from the lowest to the highest%s", seeds,
                 apart ? "; a curve a seed where x differs" : "");
    else if (seeds > 1) text_add(t, "a curve for each of %d seeds, no bars", seeds);
}

// ------------------------------------------------------------------------------------
// The Pareto front of figure 2

static int is_better(const FigureRow *a, const FigureRow *b)
{
    return a->x >= b->x && a->y >= b->y && (a->x > b->x || a->y > b->y);
}

/* Does row i stand on the front, as the first of those in its place? */
static int is_on_front(const Rows *r, int i, const char *figure)
{
    const FigureRow *row = &r->row[i];
    if (strcmp(row->figure, figure)) return 0;
    for (int k = 0; k < r->n; k++) {
        const FigureRow *other = &r->row[k];
        int same = other->x == row->x && other->y == row->y;
        if (strcmp(other->figure, figure)) continue;
        if (is_better(other, row) || (same && k < i)) return 0;
    }
    return 1;
}

/* The points of a run's figure that no other beats on both axes, from left to right. */
void rows_add_front(Rows *r, const char *figure, long seed)
{
    int n = r->n;
    double after = -INFINITY;
    for (int best; n; after = r->row[best].x) {
        best = -1;
        for (int i = 0; i < n; i++)
            if (r->row[i].x > after && is_on_front(r, i, figure)
                && (best < 0 || r->row[i].x < r->row[best].x))
                best = i;
        if (best < 0) return;
        rows_add(r, figure, FRONT, r->row[best].x,
                 (Figure){ (int)r->row[best].n, r->row[best].y, { NAN, NAN } }, seed);
    }
}
