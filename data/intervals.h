/* data/intervals.h -- 95 % intervals of what the tables say, when items come in clusters.
 *
 * Prompts of an evaluation set are distinct, but a verb stands in a dozen of them, and a model
 * that does not know a verb fails in all. The verbs, not the prompts, are what chance has dealt
 * out independently; an interval that takes the prompts for independent is too narrow
 * (tests/test_eval.c: where three verbs in ten fail altogether, 49 % of such intervals hold the
 * true share, 95 % of those below).
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_INTERVALS_H
#define CAI_INTERVALS_H

#include <stdint.h>

/* Numbers of items, and the cluster that each belongs to. */
typedef struct {
    int n, clusters;
    double *x;         /* (n) */
    int *cluster;      /* (n) in 0..clusters-1 */
    const char **name; /* (clusters) NULL: a cluster of one item without a name */
} Tally;

typedef struct {
    double lo, hi;
} Interval;

void tally_add(Tally *t, double x, const char *cluster); /* cluster NULL: one of its own */
void tally_free(Tally *t);
double tally_mean(const Tally *t); /* NaN if there are no items */

/* t with 95 % of Student's distribution, of df >= 1 degrees of freedom, between -t and t. */
double t_quantile(int df);

/* Of a share: x are 0 or 1 (1/2 of an undecided item). In closed form. */
Interval share_interval(const Tally *t);

/* Of anything else: by the bootstrap. times (clusters) receives how often each cluster was drawn in
 * resample number `draw`; the caller computes his statistic with every item counted that often, and
 * hands the statistics of all DRAWS resamples, which it sorts, to resampled_interval. */
enum { DRAWS = 1000 };
void resample(uint64_t key, int draw, int clusters, int *times);
Interval resampled_interval(double x[DRAWS], int clusters);

Interval mean_interval(const Tally *t, uint64_t key); /* of tally_mean, by the bootstrap */

#endif
