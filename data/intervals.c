/* data/intervals.c -- 95 % intervals when items come in clusters: shares in closed form, anything
 * else by resampling clusters.
 * SPDX-License-Identifier: MIT */
#include "data/intervals.h"
#include "cai.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double Z =
    1.959963984540054; /* 95 % of the normal distribution lie within Z of its mean */

void tally_add(Tally *t, double x, const char *cluster)
{
    int c = cluster ? 0 : t->clusters;
    while (c < t->clusters && !(t->name[c] && strcmp(t->name[c], cluster) == 0)) c++;
    if (c == t->clusters) {
        t->name = xrealloc(t->name, (size_t)c + 1, sizeof *t->name);
        t->name[t->clusters++] = cluster;
    }
    t->x = xrealloc(t->x, (size_t)t->n + 1, sizeof *t->x);
    t->cluster = xrealloc(t->cluster, (size_t)t->n + 1, sizeof *t->cluster);
    t->x[t->n] = x;
    t->cluster[t->n++] = c;
}

void tally_free(Tally *t)
{
    free(t->x);
    free(t->cluster);
    free(t->name);
    *t = (Tally){ 0 };
}

double tally_mean(const Tally *t)
{
    double sum = 0;
    for (int i = 0; i < t->n; i++) sum += t->x[i];
    return t->n ? sum / t->n : NAN;
}

/* Student's quantile. From a table up to ten degrees of freedom; beyond, its expansion around the
 * normal quantile z (Abramowitz and Stegun 26.7.5), right to 1e-5:
 *
 *     t = z + (z^3 + z) / 4 df + (5 z^5 + 16 z^3 + 3 z) / 96 df^2
 *         + (3 z^7 + 19 z^5 + 17 z^3 - 15 z) / 384 df^3
 *         + (79 z^9 + 776 z^7 + 1482 z^5 - 1920 z^3 - 945 z) / 92160 df^4
 */
double t_quantile(int df)
{
    static const double few[] = { 12.706205, 4.302653, 3.182446, 2.776445, 2.570582,
                                  2.446912,  2.364624, 2.306004, 2.262157, 2.228139 };
    double q = Z * Z, d = df;
    if (df <= 10) return few[df - 1];
    return Z
           * (1 + (q + 1) / (4 * d) + ((5 * q + 16) * q + 3) / (96 * d * d)
              + (((3 * q + 19) * q + 17) * q - 15) / (384 * d * d * d)
              + ((((79 * q + 776) * q + 1482) * q - 1920) * q - 945) / (92160 * d * d * d * d));
}

/* Wilson's interval of a share p, with the number of independent items that the clusters are
 * worth:
 *
 *     V     = m / (m - 1)  sum_c ( sum_{i in c} (x_i - p) )^2 / n^2     variance of p
 *     n_eff = p (1 - p) / V  (z / t_{m-1})^2,   at most n               of such a variance
 *
 * The last factor pays for V being an estimate from m - 1 degrees of freedom. Where all items
 * agree nothing is known of V, and n_eff is n: at 0 % and 100 % the interval is that of
 * independent items. One cluster is worth one item. Source: Kish's design effect; Korn and
 * Graubard 1998 for the factor. */
Interval share_interval(const Tally *t)
{
    int n = t->n, m = t->clusters;
    double p = tally_mean(t), V = 0, n_eff = n;
    double *off = xcalloc((size_t)m + 1, sizeof *off); /* sum of x - p of each cluster */
    Interval at;
    for (int i = 0; i < n; i++) off[t->cluster[i]] += t->x[i] - p;
    for (int c = 0; c < m; c++) V += off[c] * off[c];
    free(off);
    if (m > 1) V *= (double)m / (m - 1) / n / n;
    if (n && p > 0 && p < 1) {
        double factor = m > 1 ? Z / t_quantile(m - 1) : 0;
        n_eff = m == 1 ? 1 : V > 0 ? fmin(n, p * (1 - p) / V * factor * factor) : n;
    }
    wilson(n ? p * n_eff : 0, n_eff, &at.lo, &at.hi);
    return at;
}

/* The bootstrap's draw: as many clusters as there are, with replacement. */
void resample(uint64_t key, int draw, int clusters, int *times)
{
    for (int c = 0; c < clusters; c++) times[c] = 0;
    for (int c = 0; c < clusters; c++)
        times[rng_below(key, (uint64_t)draw * (uint64_t)clusters + (uint64_t)c, clusters)]++;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The middle part of the statistics of all resamples. Of few clusters the resamples vary too
 * little, by sqrt((m - 1) / m), and Student's distribution takes the place of the normal: instead
 * of 2.5 % of the resamples, a share
 *
 *     tail = Phi( - sqrt(m / (m - 1)) t_{m-1} )
 *
 * is left out at either end; 1.6 % of 20 clusters. Source: Hesterberg 2015, the expanded
 * percentile interval. */
Interval resampled_interval(double x[DRAWS], int clusters)
{
    double m = clusters, wide = m > 1 ? sqrt(m / (m - 1)) * t_quantile(clusters - 1) : 0;
    double tail = m > 1 ? 0.5 * erfc(wide / sqrt(2)) : 0;
    int out = (int)(tail * DRAWS + 0.5);
    qsort(x, DRAWS, sizeof *x, ascending);
    return (Interval){ x[out], x[DRAWS - 1 - out] };
}

Interval mean_interval(const Tally *t, uint64_t key)
{
    double mean[DRAWS];
    size_t m = (size_t)t->clusters + 1;
    double *sum = xcalloc(m, sizeof *sum), *n = xcalloc(m, sizeof *n);
    int *times = xcalloc(m, sizeof *times);
    if (!t->n) {
        free(sum);
        free(n);
        free(times);
        return (Interval){ NAN, NAN };
    }
    for (int i = 0; i < t->n; i++) {
        sum[t->cluster[i]] += t->x[i];
        n[t->cluster[i]]++;
    }
    for (int d = 0; d < DRAWS; d++) {
        double all = 0, items = 0;
        resample(key, d, t->clusters, times);
        for (int c = 0; c < t->clusters; c++) {
            all += times[c] * sum[c];
            items += times[c] * n[c];
        }
        mean[d] = all / items;
    }
    free(sum);
    free(n);
    free(times);
    return resampled_interval(mean, t->clusters);
}
