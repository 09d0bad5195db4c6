/* test_train.c -- known answers for E1..E14, and for the training that uses them.
 *
 * Build in double (-DCAI_DOUBLE) with train.c, model.c, data/files.c, cmocka and, if wanted, BLAS;
 * the float build runs too, with the exact tests exact and the others at float tolerances.
 * Expected values are literals with their derivation beside them, worked out apart from train.c.
 * Gradients are compared with central differences; of a whole training step too: with beta1 = 0,
 * lr = 0 and no clipping the first moment after a step IS the gradient and the weights stay.
 * SPDX-License-Identifier: MIT
 */
#define _XOPEN_SOURCE 700
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cai.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "death.h"

#ifdef CAI_DOUBLE
#define EXACT_BUILD 1
#else
#define EXACT_BUILD 0
#endif

#define close_to(got, want, tolerance) close_at(got, want, tolerance, #got, __FILE__, __LINE__)
static void close_at(double got, double want, double tolerance, const char *what, const char *file,
                     int line)
{
    if (fabs(got - want) <= tolerance) return; /* false for a NaN */
    print_error("%s = %.17g, want %.17g within %g\n", what, got, want, tolerance);
    _fail(file, line);
}

/* In the float build the tests of whole models keep their form at a float's precision. */
static double loose(double tolerance) { return EXACT_BUILD ? tolerance : fmax(tolerance, 2e-4); }

// ------------------------------------------------------------------------------------
// E1, E2, E3

static void e1_value(void **state)
{
    (void)state;
    double d;
    /* s(1/2) = 0.62245933; 0.7 * 0.47407698 + 0.3 * 0.97407698; dr_A = 0.62245933 - 0.7 */
    close_to(pm_loss(1.25, 0.75, 0.7, &d), 0.6240769841801066, 1e-15);
    close_to(d, -0.07754066879814536, 1e-15);
    /* hard label: log(1 + e^(r_bad - r_good)) = log(1 + e^-2) */
    close_to(pm_loss(3, 1, 1, &d), 0.1269280110429726, 1e-15);
    close_to(pm_loss(1, 3, 0, &d), 0.1269280110429726, 1e-15);
    /* equal scores: log 2 for every label */
    close_to(pm_loss(5, 5, 0.9, &d), 0.6931471805599453, 1e-15);
    /* stable: -log s(-800) = 800, not inf */
    close_to(pm_loss(-400, 400, 1, &d), 800, 1e-12);
    close_to(d, -1, 1e-15);
    assert_true(isnan(pm_loss(NAN, 0, 0.5, &d)));
}

static void e1_gradient(void **state)
{
    (void)state;
    double d, unused, h = 1e-6;
    for (double r = -3; r <= 3; r += 0.5)
        for (double p = 0; p <= 1; p += 0.25) {
            pm_loss(r, 0.3, p, &d);
            close_to((pm_loss(r + h, 0.3, p, &unused) - pm_loss(r - h, 0.3, p, &unused)) / (2 * h),
                     d, 1e-9);
            close_to((pm_loss(r, 0.3 - h, p, &unused) - pm_loss(r, 0.3 + h, p, &unused)) / (2 * h),
                     d, 1e-9);
        }
}

static void e1_minimum_floor_shift_swap(void **state)
{
    (void)state;
    double d, e, best = log(0.6 / 0.4); /* logit(0.6) = log 1.5 = 0.405 */
    /* H(0.6) = -0.6 log 0.6 - 0.4 log 0.4 */
    close_to(pm_loss(best, 0, 0.6, &d), 0.6730116670092565, 1e-15);
    close_to(d, 0, 1e-15);
    assert_true(pm_loss(best + 0.01, 0, 0.6, &d) > 0.6730116670092565 + 1e-6);
    assert_true(pm_loss(best - 0.01, 0, 0.6, &d) > 0.6730116670092565 + 1e-6);
    close_to(pm_loss(7 + 1.5, 7, 0.2, &d), pm_loss(1.5, 0, 0.2, &e), 1e-15);
    close_to(d, e, 1e-15);
    close_to(pm_loss(0.4, 1.1, 0.2, &d), pm_loss(1.1, 0.4, 0.8, &e), 1e-15);
    close_to(d, -e, 1e-15);
}

static void e2_labels(void **state)
{
    (void)state;
    /* P("(A)") = 0.3, P("(B)") = 0.1, the rest elsewhere: 0.3 / 0.4 */
    close_to(p_A_of(log(0.3), log(0.1)), 0.75, 1e-15);
    close_to(p_A_of(log(0.1), log(0.3)), 0.25, 1e-15);
    close_to(p_A_of(-2000, -2000), 0.5, 0);
    close_to(p_A_of(-1000, -1), 0, 1e-300);
    /* A judge that says 0.9 for the first place whatever stands there: no opinion */
    close_to(p_both_orders(0.9, 0.9), 0.5, 1e-15);
    close_to(p_both_orders(0.8, 0.4), 0.7, 1e-15); /* (0.8 + 1 - 0.4) / 2 */
    close_to(p_both_orders(0.8, 0.4) + p_both_orders(0.4, 0.8), 1, 1e-15);
    close_to(p_chains(5, (double[]){ 1, 1, 0, 1, 0.5 }), 0.7, 1e-15);
    close_to(p_chains(1, (double[]){ 0.3 }), 0.3, 0);
    close_to(p_clamp(0.97, 0.4, 0.6), 0.6, 0);
    close_to(p_clamp(0.02, 0.4, 0.6), 0.4, 0);
    close_to(p_clamp(0.53, 0.4, 0.6), 0.53, 0); /* a clamp, no rescaling */
    assert_true(isnan(p_clamp(NAN, 0.4, 0.6)));
    close_to(p_hard(0.51), 1, 0);
    close_to(p_hard(0.49), 0, 0);
    close_to(p_hard(0.5), 0.5, 0);
    assert_true(isnan(p_hard(NAN)));
}

static void e3_elo_units(void **state)
{
    (void)state;
    close_to(elo_win(70, 0), 0.5993967967092568, 1e-12);    /* 1/(1 + 10^-0.175) */
    close_to(elo_win(100, 300), 0.2402530733520421, 1e-12); /* 1 - 1/(1 + 10^-0.5) */
    close_to(elo_win(-123, -123), 0.5, 0);
    close_to(elo_of_score(1), 173.71779276130073, 1e-12);               /* 400 / ln 10 */
    close_to(elo_win(elo_of_score(0.8), 0), 0.6899744811276125, 1e-12); /* s(0.8) */
    assert_true(elo_win(1, 0) > 0.5);                                   /* own minus opponent */
}

static void e3_fit_recovers_planted_strengths(void **state)
{
    (void)state;
    const double planted[5] = { 0, 146, -96, 121, -350 };
    double wins[25], R[5], more[25];
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) /* a chain: distant pairs never meet */
            wins[i * 5 + j] = i == j || abs(i - j) > 2
                                  ? 0
                                  : (10 + i + j) / (1 + pow(10, -(planted[i] - planted[j]) / 400));
    elo_fit(5, wins, 0, R);
    for (int i = 0; i < 5; i++) close_to(R[i], planted[i], 1e-7);
    elo_fit(5, wins, 3, R); /* another anchor shifts, no more */
    for (int i = 0; i < 5; i++) close_to(R[i], planted[i] - planted[3], 1e-7);
    /* 3 wins of 4: odds 3, 400 log10 3 = 190.8485 */
    elo_fit(2, (double[]){ 0, 3, 1, 0 }, 1, R);
    close_to(R[0], 190.84850188786498, 1e-9);
    /* never lost: no finite maximum, the fit must say a finite number all the same */
    elo_fit(2, (double[]){ 0, 4, 0, 0 }, 1, R);
    assert_true(R[0] >= 1000 && R[0] <= 1e4);
    /* no games at all: stays at the anchor's level; the diagonal is ignored */
    memset(more, 0, sizeof more);
    more[0] = 7;
    elo_fit(5, more, 0, R);
    for (int i = 0; i < 5; i++) close_to(R[i], 0, 0);
}

static void e3_ties(void **state)
{
    (void)state;
    /* 60 won, 20 lost, 20 tied. Without ties: odds 3, 400 log10 3; with halves: odds 7/3. */
    double R[3], H[3];
    elo_fit(2, (double[]){ 0, 60, 20, 0 }, 1, R);
    elo_fit(2, (double[]){ 0, 60 + 10, 20 + 10, 0 }, 1, H);
    close_to(R[0], 190.84850188786498, 1e-9);
    close_to(H[0], 147.19071411783780, 1e-9);
    /* three players in a line, odds 3 and 2 a step; without ties 400 log10 2 and 400 log10 6 */
    const double decided[9] = { 0, 20, 10, 40, 0, 30, 60, 90, 0 };
    elo_fit(3, decided, 0, R);
    close_to(R[1], 120.41199826559248, 1e-9);
    close_to(R[2], 311.26050015345746, 1e-9);
    /* ties as halves, 60 a pair: all three come nearer, in the same order */
    double halves[9];
    for (int i = 0; i < 9; i++) halves[i] = decided[i] + (i % 4 ? 30 : 0);
    elo_fit(3, halves, 0, H);
    assert_true(0 < H[1] && H[1] < R[1] - 10 && H[1] < H[2] && H[2] < R[2] - 10);
}

// ------------------------------------------------------------------------------------
// E4, E5, E6

static void e4_kl_estimators(void **state)
{
    (void)state;
    close_to(kl_k1(-0.7), -0.7, 0);
    close_to(kl_k2(-0.7), 0.245, 1e-16);              /* 0.49 / 2 */
    close_to(kl_k3(0.3), 0.04081822068171786, 1e-15); /* e^-0.3 - 1 + 0.3 */
    close_to(kl_k3(-0.5), 0.1487212707001282, 1e-15); /* e^0.5 - 1 - 0.5 */
    close_to(kl_k1(0), 0, 0);
    close_to(kl_k2(0), 0, 0);
    close_to(kl_k3(0), 0, 0);
    assert_true(isfinite(kl_k3(-1000)) && kl_k3(-1000) > 1e8); /* no overflow */
    assert_true(isnan(kl_k3(NAN)));
    /* Exact expectations over three answers drawn from pi:
     * KL = 0.5 log 2.5 + 0 + 0.2 log 0.4 = 0.27488722; E k2 = (0.7) log(2.5)^2 / 2 = 0.29385605 */
    const double pi[3] = { 0.5, 0.3, 0.2 }, pi_0[3] = { 0.2, 0.3, 0.5 };
    double k1 = 0, k2 = 0, k3 = 0;
    for (int y = 0; y < 3; y++) {
        double logr = log(pi[y] / pi_0[y]);
        k1 += pi[y] * kl_k1(logr), k2 += pi[y] * kl_k2(logr), k3 += pi[y] * kl_k3(logr);
    }
    close_to(k1, 0.27488721956224654, 1e-15);
    close_to(k2, 0.29385604686146616, 1e-15);
    close_to(k3, 0.27488721956224654, 1e-15);
}

static void e4_reward(void **state)
{
    (void)state;
    close_to(reward_penalised(0, 0.1, 0.5), -0.05, 1e-16);
    close_to(reward_penalised(2, 0.1, 0.5), 1.95, 1e-15);
    close_to(reward_penalised(0, 0.1, -0.5), 0.05, 1e-16); /* no absolute value: k1 may pay back */
    /* token rewards add up to HH's r_PM - lambda KL: 1.5 - 0.02 (0.3 - 0.1 + 0.6) */
    close_to(reward_penalised(0, 0.02, 0.3) + reward_penalised(0, 0.02, -0.1)
                 + reward_penalised(1.5, 0.02, 0.6),
             1.484, 1e-15);
}

static void e5_policy(void **state)
{
    (void)state;
    double d;
    int clipped;
    close_to(ppo_clip_loss(-1, -1, 2, 0.2, &d, &clipped), -2, 0); /* rho = 1 exactly */
    close_to(d, -2, 0);
    assert_int_equal(clipped, 0);
    /* rho 1.5, A > 0: held at 1.2 A, no gradient */
    close_to(ppo_clip_loss(log(1.5), 0, 2, 0.2, &d, &clipped), -2.4, 1e-15);
    close_to(d, 0, 0);
    assert_int_equal(clipped, 1);
    /* rho 0.5, A > 0: the minimum is the free side 0.5 A, and pulls back */
    close_to(ppo_clip_loss(log(0.5), 0, 2, 0.2, &d, &clipped), -1, 1e-15);
    close_to(d, -1, 1e-15);
    assert_int_equal(clipped, 0);
    /* rho 0.5, A < 0: min(-1, -1.6) = -1.6, no gradient */
    close_to(ppo_clip_loss(log(0.5), 0, -2, 0.2, &d, &clipped), 1.6, 1e-15);
    close_to(d, 0, 0);
    assert_int_equal(clipped, 1);
    /* rho 1.5, A < 0: min(-3, -2.4) = -3 */
    close_to(ppo_clip_loss(log(1.5), 0, -2, 0.2, &d, &clipped), 3, 1e-15);
    close_to(d, 3, 1e-15);
    assert_int_equal(clipped, 0);
    assert_true(isfinite(ppo_clip_loss(1000, 0, -1, 0.2, &d, &clipped)) && isfinite(d));
    assert_true(isnan(ppo_clip_loss(NAN, 0, -1, 0.2, &d, &clipped)));
}

static void e5_value(void **state)
{
    (void)state;
    double d;
    int clipped;
    close_to(value_loss(1.5, 9, 1, 0, &d, &clipped), 0.125, 1e-16); /* 0.5 * 0.5^2 */
    close_to(d, 0.5, 1e-16);
    assert_int_equal(clipped, 0);
    /* V moved from 0 to 1 towards G = 1, held at 0.2: max(0, 0.64) / 2, no gradient */
    close_to(value_loss(1, 0, 1, 0.2, &d, &clipped), 0.32, 1e-15);
    close_to(d, 0, 0);
    assert_int_equal(clipped, 1);
    /* V moved away from G: max(4, 1.44) / 2, gradient V - G */
    close_to(value_loss(-1, 0, 1, 0.2, &d, &clipped), 2, 1e-15);
    close_to(d, -2, 1e-15);
    assert_int_equal(clipped, 0);
    /* inside the bound both are the same: not clipped */
    close_to(value_loss(0.1, 0, 1, 0.2, &d, &clipped), 0.405, 1e-15);
    close_to(d, -0.9, 1e-15);
    assert_int_equal(clipped, 0);
    /* .. to the last bit, or rounding would stop gradients at random */
    for (int i = 0; i < 1000; i++) {
        /* drawn apart: a V made as V_old + x would come back exactly from V_old + (V - V_old) */
        double V_old = 0.18 * rng_uniform(1, i) - 0.09, V = 0.18 * rng_uniform(2, i) - 0.09,
               G = rng_normal(3, i);
        value_loss(V, V_old, G, 0.2, &d, &clipped);
        assert_true(d == V - G && !clipped);
    }
}

static void e5_gradients(void **state)
{
    (void)state;
    double d, unused, h = 1e-6;
    int c;
    for (double x = -0.95; x < 1; x += 0.1)
        for (double A = -1.5; A <= 1.5; A += 1) {
            ppo_clip_loss(x, 0, A, 0.2, &d, &c);
            close_to((ppo_clip_loss(x + h, 0, A, 0.2, &unused, &c)
                      - ppo_clip_loss(x - h, 0, A, 0.2, &unused, &c))
                         / (2 * h),
                     d, 1e-8);
            value_loss(x, 0.13, A, 0.2, &d, &c);
            close_to((value_loss(x + h, 0.13, A, 0.2, &unused, &c)
                      - value_loss(x - h, 0.13, A, 0.2, &unused, &c))
                         / (2 * h),
                     d, 1e-8);
        }
}

static void e6_gae(void **state)
{
    (void)state;
    const double r[3] = { 0.1, -0.2, 1 }, V[3] = { 0.5, 0.4, 0.3 };
    double A[3], G[3];
    /* gamma 0.9, lambda 0.8: delta = (0.1 + 0.36 - 0.5, -0.2 + 0.27 - 0.4, 1 - 0.3) = (-0.04,
     * -0.33, 0.7) A_2 = 0.7, A_1 = -0.33 + 0.72 * 0.7 = 0.174, A_0 = -0.04 + 0.72 * 0.174 =
     * 0.08528 */
    gae(3, r, V, 0.9, 0.8, A, G);
    close_to(A[2], 0.7, 1e-15);
    close_to(A[1], 0.174, 1e-15);
    close_to(A[0], 0.08528, 1e-15);
    close_to(G[0], 0.58528, 1e-15);
    close_to(G[2], 1, 1e-15);
    gae(3, r, V, 1, 1, A, G); /* Monte Carlo: 0.9 - 0.5, 0.8 - 0.4, 1 - 0.3 */
    close_to(A[0], 0.4, 1e-15);
    close_to(A[1], 0.4, 1e-15);
    close_to(A[2], 0.7, 1e-15);
    close_to(G[0], 0.9, 1e-15);
    gae(3, r, V, 1, 0, A, G); /* one-step errors: 0.1 + 0.4 - 0.5 = 0, .. */
    close_to(A[0], 0, 1e-15);
    close_to(A[1], -0.3, 1e-15);
    close_to(A[2], 0.7, 1e-15);
    gae(1, r, V, 0.9, 0.8, A, G);
    close_to(A[0], -0.4, 1e-15); /* nothing after the end */
}

/* Sum over all answers of pi(y) A(y) grad log pi(y), with A = r - lambda log-ratio from E4, must be
 * the exact gradient of E_pi[r] - lambda KL(pi || pi_0), taken numerically on softmax logits. */
static double value_of_logits(const double *z, const double *r, const double *pi_0, double lambda)
{
    double sum = 0, value = 0;
    for (int y = 0; y < 3; y++) sum += exp(z[y]);
    for (int y = 0; y < 3; y++)
        value += exp(z[y]) / sum * (r[y] - lambda * (z[y] - log(sum) - log(pi_0[y])));
    return value;
}

static void e4_e5_policy_gradient_is_unbiased(void **state)
{
    (void)state;
    const double z[3] = { 0.4, -0.3, 0.1 }, r[3] = { 1, 0.2, -0.7 }, pi_0[3] = { 0.2, 0.3, 0.5 };
    double sum = 0, pi[3], unused[3];
    for (int y = 0; y < 3; y++) sum += exp(z[y]);
    for (int y = 0; y < 3; y++) pi[y] = exp(z[y]) / sum;
    for (int k = 0; k < 3; k++) {
        double g = 0, up[3], down[3], h = 1e-6;
        for (int y = 0; y < 3; y++) {
            double A, dlogp, reward = reward_penalised(r[y], 0.3, log(pi[y] / pi_0[y]));
            int clipped;
            gae(1, &reward, (double[]){ 0.17 }, 1, 0.95, &A, unused); /* any baseline will do */
            ppo_clip_loss(log(pi[y]), log(pi[y]), A, 0.2, &dlogp, &clipped);
            g += pi[y] * -dlogp * ((y == k) - pi[k]);
        }
        memcpy(up, z, sizeof z), memcpy(down, z, sizeof z);
        up[k] += h, down[k] -= h;
        close_to(
            g, (value_of_logits(up, r, pi_0, 0.3) - value_of_logits(down, r, pi_0, 0.3)) / (2 * h),
            1e-9);
    }
}

// ------------------------------------------------------------------------------------
// E7 .. E14, Wilson

static void e7_distances(void **state)
{
    (void)state;
    close_to(sqrt_kl(6.25), 2.5, 0);
    close_to(sqrt_kl(-0.01), 0, 0);
    assert_true(isnan(sqrt_kl(NAN)));
    close_to(kl_best_of_n(1), 0, 0);
    close_to(kl_best_of_n(4), 0.6362943611198906, 1e-15);   /* log 4 - 3/4 */
    close_to(r_best_of_n(2, 0.9, 0.1), 1.4, 1e-15);         /* 2 (0.9 - 0.2) */
    close_to(r_rl(2, 0.9, 0.1), 1.6613705638880108, 1e-15); /* 2 (0.9 - 0.1 * 0.69314718) */
    close_to(r_rl(0, 0.9, 0.1), 0, 0);
}

static void e8_ece(void **state)
{
    (void)state;
    /* calibrated: 4 at 0.25 of which 1 right, 4 at 0.75 of which 3 */
    const double p[8] = { 0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75 },
                 y[8] = { 1, 0, 0, 0, 1, 1, 1, 0 };
    close_to(ece(8, p, y, 10), 0, 1e-15);
    /* the low ones never right, the high ones always: 1/2 0.25 + 1/2 0.25 */
    const double z[8] = { 0, 0, 0, 0, 1, 1, 1, 1 };
    close_to(ece(8, p, z, 10), 0.25, 1e-15);
    /* in ONE bin the same errors cancel: means 0.5 and 0.5 */
    close_to(ece(8, p, z, 1), 0, 1e-15);
    /* p = 1 is in a bin at all: sure and wrong */
    close_to(ece(1, (double[]){ 1 }, (double[]){ 0 }, 10), 1, 1e-15);
    /* p = 1 is in the last bin with 0.96: 1/2 |1 + 0 - 1.96| over two items = 0.48 */
    close_to(ece(2, (double[]){ 1, 0.96 }, (double[]){ 1, 0 }, 10), 0.48, 1e-15);
}

/* Comparisons by a PM with true probabilities: q = s(1.35 normal) that A is better, and A is better
 * that often. The better side stands first, so the label is 1 throughout. */
enum { COMPARED = 100000 };
static double p_pair[COMPARED], label_pair[COMPARED];

static void compare_by_calibrated_pm(void)
{
    for (int i = 0; i < COMPARED; i++) {
        double q = 1 / (1 + exp(-1.35 * rng_normal(81, i)));
        p_pair[i] = rng_uniform(82, i) < q ? q : 1 - q;
        label_pair[i] = 1;
    }
}

static void exchange_every_second(void)
{
    for (int i = 1; i < COMPARED; i += 2) {
        p_pair[i] = 1 - p_pair[i];
        label_pair[i] = 1 - label_pair[i];
    }
}

static void e8_pairs(void **state)
{
    (void)state;
    /* by hand, bins of 0.05: c = 0.9, 0.9, 0.7, 0.5; right = 1, 0.5, 0, 1/2
     * (1.5 - 1.8) in one bin, (0 - 0.7), (0.5 - 0.5): (0.3 + 0.7 + 0) / 4 */
    const double p[4] = { 0.9, 0.1, 0.3, 0.5 }, label[4] = { 1, 0.5, 1, 0.2 };
    close_to(ece_of_pairs(4, p, label, 10), 0.25, 1e-15);
    close_to(ece_of_pairs(1, (double[]){ 1 }, (double[]){ 0 }, 10), 1, 0); /* sure and wrong */
    close_to(ece_of_pairs(1, (double[]){ 0 }, (double[]){ 0 }, 10), 0, 0); /* sure and right */
    close_to(ece_of_pairs(0, NULL, NULL, 10), 0, 0);
    assert_true(isnan(ece_of_pairs(2, (double[]){ NAN, 0.7 }, label, 10)));
    assert_true(isnan(ece(2, (double[]){ NAN, 0.7 }, label, 10)));
    compare_by_calibrated_pm();
    double before = ece_of_pairs(COMPARED, p_pair, label_pair, 10);
    assert_true(before < 0.01);
    /* p(chosen) with a constant y, the wrong statistic: mean of 2 q (1 - q) = 0.3706 */
    close_to(ece(COMPARED, p_pair, label_pair, 10), 0.3706, 0.003);
    exchange_every_second();
    close_to(ece_of_pairs(COMPARED, p_pair, label_pair, 10), before, 1e-15);
    assert_true(ece(COMPARED, p_pair, label_pair, 10) < 0.02); /* and the wrong one changes */
}

static void e9_harm(void **state)
{
    (void)state;
    double d;
    close_to(harm_loss(2.5, 4, &d), 2.25, 0);
    close_to(d, -3, 0);
    close_to(harm_loss(1, 1, &d), 0, 0);
    close_to(d, 0, 0);
}

static void e10_accuracy(void **state)
{
    (void)state;
    close_to(mc_accuracy(4, (double[]){ 0.9, 0.51, 0.5, 0.1 }), 0.625, 0); /* 2.5 of 4 */
    close_to(mc_accuracy(0, NULL), 0.5, 0);
}

static void e10_pairs(void **state)
{
    (void)state;
    /* verdicts A, B, B, tie: 1, 1 - 0.3, 0, 1/2 */
    const double p[4] = { 0.8, 0.1, 0.49, 0.5 }, label[4] = { 1, 0.3, 1, 1 };
    close_to(accuracy_of_pairs(4, p, label), 0.55, 1e-15);
    close_to(accuracy_of_pairs(0, NULL, NULL), 0.5, 0);
    assert_true(isnan(accuracy_of_pairs(1, (double[]){ NAN }, label)));
    compare_by_calibrated_pm();
    double before = accuracy_of_pairs(COMPARED, p_pair, label_pair);
    close_to(before, 0.7182, 0.0045);                       /* mean of max(q, 1 - q) */
    close_to(before, mc_accuracy(COMPARED, p_pair), 1e-15); /* label 1 throughout */
    exchange_every_second();
    close_to(accuracy_of_pairs(COMPARED, p_pair, label_pair), before, 1e-15);
    close_to(mc_accuracy(COMPARED, p_pair), 0.5, 0.01); /* which changes */
}

static void e11_gibbs(void **state)
{
    (void)state;
    /* pi_0 = (.2, .3, .5), r = (1, 0, -1), beta = 1/2: weights .2 e^2, .3, .5 e^-2, Z =
     * 1.84547886 */
    const double pi_0[3] = { 0.2, 0.3, 0.5 }, r[3] = { 1, 0, -1 };
    double pi[3];
    close_to(gibbs_optimum(3, pi_0, r, 0.5, pi), 0.3063693946465248, 1e-15);
    close_to(pi[0], 0.8007738537094345, 1e-15);
    close_to(pi[1], 0.16255943445036025, 1e-15);
    close_to(pi[2], 0.03666671184020514, 1e-15);
    double value = 0; /* beta log Z is E r - beta KL at the optimum */
    for (int y = 0; y < 3; y++) value += pi[y] * (r[y] - 0.5 * log(pi[y] / pi_0[y]));
    close_to(value, 0.3063693946465248, 1e-15);
    /* no other policy does better */
    double other[3] = { 0.79, 0.17, 0.04 };
    value = 0;
    for (int y = 0; y < 3; y++) value += other[y] * (r[y] - 0.5 * log(other[y] / pi_0[y]));
    assert_true(value < 0.3063693946465248);
    /* large rewards over a small beta do not overflow; an impossible answer stays impossible */
    close_to(gibbs_optimum(2, (double[]){ 1, 0 }, (double[]){ 5000, 9000 }, 1, pi), 5000, 1e-9);
    close_to(pi[0], 1, 0);
    gibbs_optimum(3, pi_0, r, 1e6, pi); /* beta large: stays at pi_0 */
    for (int y = 0; y < 3; y++) close_to(pi[y], pi_0[y], 1e-5);
}

static void e12_dpo_ipo(void **state)
{
    (void)state;
    double d, unused, h = 1e-6;
    /* h = 0.1 [(-3 + 3.5) - (-5 + 4)] = 0.15 */
    close_to(dpo_loss(-3, -5, -3.5, -4, 0.1, 1, &d), 0.620957047789532,
             1e-14);                          /* log(1 + e^-0.15) */
    close_to(d, -0.04625701546562505, 1e-15); /* -0.1 s(-0.15) */
    close_to(dpo_loss(-3, -5, -3.5, -4, 0.1, 0.8, &d), 0.6509570477895321,
             1e-14); /* + 0.2 * 0.15 */
    close_to(d, -0.026257015465625047, 1e-15);
    close_to(dpo_loss(-31, -52, -31, -52, 0.1, 1, &d), 0.6931471805599453, 1e-15); /* step 0 */
    dpo_loss(-3, -5, -3.5, -4, 0.1, 0.8, &d);
    close_to((dpo_loss(-3 + h, -5, -3.5, -4, 0.1, 0.8, &unused)
              - dpo_loss(-3 - h, -5, -3.5, -4, 0.1, 0.8, &unused))
                 / (2 * h),
             d, 1e-9);
    close_to((dpo_loss(-3, -5 + h, -3.5, -4, 0.1, 0.8, &unused)
              - dpo_loss(-3, -5 - h, -3.5, -4, 0.1, 0.8, &unused))
                 / (2 * h),
             -d, 1e-9);
    /* IPO: h = 1.5, target 1/(2 * 0.25) = 2: (1.5 - 2)^2, derivative 2 (-0.5) */
    close_to(ipo_loss(-3, -5, -3.5, -4, 0.25, &d), 0.25, 1e-15);
    close_to(d, -1, 1e-15);
    close_to(ipo_loss(-2.5, -5, -3.5, -4, 0.25, &d), 0, 1e-15); /* at the margin */
}

static void e13_supervised(void **state)
{
    (void)state;
    close_to(sft_loss(3, (double[]){ -0.5, -1.25, -2 }), 3.75, 0);
    double d[3];
    const double q[3] = { log(0.5), log(0.5), log(1e-9) };
    /* 0.7 log(0.7/0.5) + 0.3 log(0.3/0.5); a class the teacher never uses costs nothing */
    close_to(distill_loss(3, (double[]){ 0.7, 0.3, 0 }, q, d), 0.08228287850505178, 1e-15);
    close_to(d[0], -0.7, 0);
    close_to(d[1], -0.3, 0);
    close_to(d[2], 0, 0);
    close_to(distill_loss(2, (double[]){ 0.5, 0.5 }, q, d), 0, 1e-15);
}

static void e14_scored(void **state)
{
    (void)state;
    double p[10] = { 0 };
    p[9] = 0.3; /* all the mass that is on marks is on 10 */
    close_to(scored_feedback(10, p), 1, 1e-15);
    p[9] = 0, p[0] = 1;
    close_to(scored_feedback(10, p), -1, 1e-15);
    for (int i = 0; i < 10; i++) p[i] = 0.1;
    close_to(scored_feedback(10, p), 0, 1e-15);
    /* marks 1..5: 0.5 on 4, 0.5 on 5: s = 4.5, (9 - 6) / 4 */
    close_to(scored_feedback(5, (double[]){ 0, 0, 0, 0.5, 0.5 }), 0.75, 1e-15);
}

static void wilson_interval(void **state)
{
    (void)state;
    double lo, hi;
    wilson(8, 10, &lo, &hi); /* the textbook case */
    close_to(lo, 0.49016247153664183, 1e-12);
    close_to(hi, 0.9433178485456247, 1e-12);
    wilson(0, 20, &lo, &hi); /* z^2 / (20 + z^2) = 3.8414588 / 23.8414588 */
    close_to(lo, 0, 1e-15);
    close_to(hi, 0.16112515805281938, 1e-12);
    wilson(0, 0, &lo, &hi);
    close_to(lo, 0, 0);
    close_to(hi, 1, 0);
}

static void schedule(void **state)
{
    (void)state;
    close_to(lr_schedule(LR_CONSTANT, 0, 4, 10), 0.25, 0);
    close_to(lr_schedule(LR_COSINE, 3, 4, 10), 1, 0);
    close_to(lr_schedule(LR_CONSTANT, 9, 4, 10), 1, 0);
    close_to(lr_schedule(LR_LINEAR, 7, 4, 10), 0.5, 1e-15);
    close_to(lr_schedule(LR_COSINE, 7, 4, 10), 0.5, 1e-15);
    close_to(lr_schedule(LR_COSINE, 6, 4, 10), 0.75, 1e-15); /* (1 + cos 60 degrees) / 2 */
    close_to(lr_schedule(LR_LINEAR, 99, 0, 10), 0, 0);
    /* D23: "linear to 0" is 0 one step after the last; the last of 20 with 5 to warm up has 1/15 */
    close_to(lr_schedule(LR_LINEAR, 19, 5, 20), 1.0 / 15, 1e-15);
    close_to(lr_schedule(LR_LINEAR, 20, 5, 20), 0, 0);
    close_to(lr_schedule(LR_COSINE, 20, 5, 20), 0, 1e-15);
    /* PPO's iterations: N of them end at 3/N */
    close_to(lr_schedule(LR_LINEAR, 19, 2, 22), 0.15, 1e-15);
    close_to(lr_schedule(LR_LINEAR, 8, 2, 11), 1.0 / 3, 1e-15);
    close_to(lr_schedule(LR_LINEAR, 4, 5, 20), 1, 0); /* warm at the last of 5 steps */
    close_to(lr_schedule(LR_LINEAR, 5, 5, 20), 1, 0);
}

// ------------------------------------------------------------------------------------
// A tiny model and its data

static const Config TINY = { .dim = 8,
                             .hidden_dim = 12,
                             .n_layers = 2,
                             .n_heads = 2,
                             .n_kv_heads = 1,
                             .vocab_size = 11,
                             .seq_len = 24,
                             .tied = 0 };

/* With a score head too, and weights large enough that every path carries gradient. */
static Model *tiny_model(uint64_t seed)
{
    Model *m = model_new(TINY);
    model_init(m, seed);
    for (size_t i = 0; i < m->n_param; i++)
        m->w[i] += (real)(0.2 * rng_normal(rng_key(seed, 9, 0), i));
    return m;
}

static Seqs random_seqs(int n, int shortest, int longest, uint64_t seed)
{
    Seqs s = { 0 };
    for (int b = 0; b < n; b++) {
        int token[64], T = shortest + rng_below(rng_key(seed, 1, b), 0, longest - shortest + 1);
        for (int t = 0; t < T; t++) token[t] = rng_below(rng_key(seed, 2, b), t, TINY.vocab_size);
        seqs_push(&s, token, T);
    }
    return s;
}

static const AdamW GRADIENT_ONLY = { .beta1 = 0, .beta2 = 0.99, .eps = 1e-8 }; /* see the header */
static const AdamW NORMAL = {
    .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .max_norm = 1
};

/* Loss of some training step with lr 0: a function of the weights of t->m. */
typedef double (*LossOf)(Trainer *t, const void *data);

/* The gradient a step leaves in t->mean against central differences of the loss it returns. */
static void check_step_gradient(Trainer *t, LossOf loss_of, const void *data)
{
    if (!EXACT_BUILD) return; /* a float's rounding drowns the differences */
    loss_of(t, data);
    size_t n = t->m->n_param;
    real *g = xcalloc(n, sizeof *g);
    memcpy(g, t->mean, n * sizeof *g);
    double worst = 0, largest = 0, h = 1e-5;
    for (size_t i = 0; i < n;
         i += i < n - 20 ? 31 : 1) { /* some of every tensor, all of the score head */
        real w = t->m->w[i];
        t->m->w[i] = (real)(w + h);
        double up = loss_of(t, data);
        t->m->w[i] = (real)(w - h);
        double down = loss_of(t, data);
        t->m->w[i] = w;
        worst = fmax(worst, fabs((up - down) / (2 * h) - g[i]));
        largest = fmax(largest, fabs(g[i]));
    }
    free(g);
    assert_true(largest > 0.01); /* there was something to check */
    close_to(worst, 0, 1e-7 * largest);
}

// ------------------------------------------------------------------------------------
// AdamW and the trainer

/* Two steps by hand on the score bias of an SFT-free gradient: PM pairs give it none, so the
 * gradient is planted in grad[] and a step with an empty batch is asked for. */
static void adamw_two_steps(void **state)
{
    (void)state;
    Model *m = model_new(TINY);
    for (size_t i = 0; i < m->n_param; i++) m->w[i] = 2;
    AdamW opt = { .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1 };
    Trainer *t = trainer_new(m, opt);
    Seqs none = { 0 };
    size_t vec = (size_t)(m->rms_final - m->w), mat = (size_t)(m->wq - m->w);
    /* step 1: g = 3 = 1 + 2 from two shards; m_hat = 3, v_hat = 9: the step is lr (1 [+ 0.1 *
     * 2]) */
    t->grad[0]->w[vec] = t->grad[1]->w[mat] = 1;
    t->grad[SHARDS - 1]->w[vec] = t->grad[2]->w[mat] = 2;
    pm_step(t, &none, NULL, NULL, 0, 0.01);
    close_to(m->w[vec], 1.99, loose(1e-9));
    close_to(m->w[mat], 1.988, loose(1e-9));
    close_to(m->w[vec + 1], 2, 0);                /* a vector: no decay */
    close_to(m->w[mat + 1], 1.998, loose(1e-12)); /* 2 (1 - 0.01 * 0.1) */
    close_to(t->grad_norm, sqrt(18), loose(1e-12));
    for (int i = 0; i < SHARDS; i++) close_to(t->grad[i]->w[vec], 0, 0); /* left zero */
    /* step 2: g = -1. m = 0.27 - 0.1 = 0.17, m_hat = 0.17/0.19; v = 0.0891 + 0.01 = 0.0991,
     * v_hat = 0.0991/0.0199 = 4.97989950; step 0.01 * 0.89473684 / 2.23156884 = 0.00400945 */
    t->grad[2]->w[vec] = -1;
    pm_step(t, &none, NULL, NULL, 0, 0.01);
    close_to(m->w[vec], 1.9859905479, loose(1e-9));
    assert_int_equal(t->step, 2);
    trainer_free(t);
    model_free(m);
}

/* eps stands beside the root, not under it: with g = 0.3 and eps = 0.1 the step is 0.3 / (0.3 +
 * 0.1), under the root it would be 0.3 / sqrt(0.09 + 0.1). Programs differ, and with the usual
 * 1e-8 nobody notices. */
static void adamw_place_of_eps(void **state)
{
    (void)state;
    Model *m = model_new(TINY);
    Trainer *t = trainer_new(m, (AdamW){ .beta1 = 0.9, .beta2 = 0.99, .eps = 0.1 });
    Seqs none = { 0 };
    t->grad[0]->w[0] = (real)0.3;
    pm_step(t, &none, NULL, NULL, 0, 1);
    close_to(m->w[0], -0.75, loose(1e-9));
    trainer_free(t);
    model_free(m);
}

/* g (rows, cols) -> g V diag(f(s) / s) V^T, V and s^2 the eigenvectors and eigenvalues of g^T g
 * by Jacobi's rotations, f Muon's three polynomials applied to a NUMBER: what three matrix steps
 * must come to; 0.01 to 1 must come near 1. */
enum { SIDE = 16 };
static void orthogonalised(int rows, int cols, const double *g, double *out)
{
    double S[SIDE][SIDE] = { { 0 } }, V[SIDE][SIDE] = { { 0 } }, trace = 0;
    for (int i = 0; i < cols; i++)
        for (int j = 0; j < cols; j++)
            for (int k = 0; k < rows; k++) S[i][j] += g[k * cols + i] * g[k * cols + j];
    for (int i = 0; i < cols; i++) V[i][i] = 1, trace += S[i][i];
    for (int sweep = 0; sweep < 60; sweep++)
        for (int p = 0; p < cols; p++)
            for (int q = p + 1; q < cols; q++) {
                double angle = 0.5 * atan2(2 * S[p][q], S[q][q] - S[p][p]), c = cos(angle),
                       z = sin(angle);
                for (int k = 0; k < cols; k++) {
                    double a = S[k][p], b = S[k][q];
                    S[k][p] = c * a - z * b, S[k][q] = z * a + c * b;
                    a = V[k][p], b = V[k][q];
                    V[k][p] = c * a - z * b, V[k][q] = z * a + c * b;
                }
                for (int k = 0; k < cols; k++) {
                    double a = S[p][k], b = S[q][k];
                    S[p][k] = c * a - z * b, S[q][k] = z * a + c * b;
                }
            }
    memset(out, 0, (size_t)(rows * cols) * sizeof *out);
    for (int e = 0; e < cols; e++) {
        double s = sqrt(fmax(S[e][e], 0)), x = s / sqrt(trace);
        if (x < 1e-7) continue; /* more columns than rows: no such direction */
        double y = x, abc[3][3] = { { 8.0932, -23.6195, 17.4453 },
                                    { 3.6366, -2.7220, 0.5366 },
                                    { 2.6614, -1.9773, 0.4526 } };
        for (int k = 0; k < 3; k++)
            x = abc[k][0] * x + abc[k][1] * pow(x, 3) + abc[k][2] * pow(x, 5);
        if (y > 0.01) assert_true(x > 0.728 && x < 1.272);
        for (int i = 0; i < rows; i++) {
            double gv = 0;
            for (int j = 0; j < cols; j++) gv += g[i * cols + j] * V[j][e];
            for (int j = 0; j < cols; j++) out[i * cols + j] += x / s * gv * V[j][e];
        }
    }
}

/* One step of Muon on planted gradients, tall, wide and square; momentum 0.9: X = 0.1 g + 0.9 *
 * 0.1 g, whose direction is g's. wq, wk, wv head by head. What is no matrix of a layer moves as
 * under AdamW. */
static void muon_one_step(void **state)
{
    (void)state;
    Model *m = model_new(TINY);
    for (size_t i = 0; i < m->n_param; i++) m->w[i] = 2;
    Trainer *t = trainer_new(
        m, (AdamW){ .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .muon = 0.9 });
    Seqs none = { 0 };
    Tensor table[MAX_TENSORS];
    int n = model_tensors(&TINY, table);
    for (size_t i = 0; i < m->n_param; i++) t->grad[i % SHARDS]->w[i] = (real)rng_normal(9, i);
    pm_step(t, &none, NULL, NULL, 0, 0.01);
    for (int k = 0; k < n; k++) {
        int rows = table[k].rows, cols = table[k].cols;
        size_t at = table[k].offset;
        double g[SIDE * SIDE], orth[SIDE * SIDE];
        if (table[k].name[0] != 'w') {
            double keep = rows > 1 ? 1 - 0.01 * 0.1 : 1;
            close_to(m->w[at], 2 * keep - 0.01 * (rng_normal(9, at) > 0 ? 1 : -1), loose(1e-7));
            continue;
        }
        assert_true(rows <= SIDE && cols <= SIDE);
        int heads = strcmp(table[k].name, "wq") == 0 ? TINY.n_heads
                    : strpbrk(table[k].name, "kv")   ? TINY.n_kv_heads
                                                     : 1;
        for (int h = 0; h < heads; h++, at += (size_t)(rows / heads * cols)) {
            int R = rows / heads;
            for (int i = 0; i < R * cols; i++) g[i] = rng_normal(9, at + (size_t)i);
            orthogonalised(R, cols, g, orth);
            for (int i = 0; i < R * cols; i++)
                close_to(m->w[at + (size_t)i],
                         2 * (1 - 0.01 * 0.1) - 0.01 * 0.2 * sqrt(R > cols ? R : cols) * orth[i],
                         loose(1e-9));
        }
    }
    trainer_free(t);
    model_free(m);
}

/* Muon's averages, which one step cannot show: in the second step m = 0.9 m + 0.1 g and X = 0.1 g +
 * 0.9 m (Nesterov). With g1 and g2 planted: m = 0.09 g1 + 0.1 g2, X = 0.081 g1 + 0.19 g2. */
static void muon_two_steps(void **state)
{
    (void)state;
    Model *m = model_new(TINY);
    Trainer *t = trainer_new(m, (AdamW){ .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .muon = 0.9 });
    Seqs none = { 0 };
    int rows = TINY.dim, cols = TINY.hidden_dim; /* w2 of layer 0 */
    size_t at = (size_t)(m->w2 - m->w);
    double first[SIDE * SIDE], X[SIDE * SIDE], orth[SIDE * SIDE];
    for (int step = 0; step < 2; step++) {
        for (int i = 0; i < rows * cols; i++)
            t->grad[step]->w[at + (size_t)i] = (real)rng_normal(30 + step, i);
        pm_step(t, &none, NULL, NULL, 0, step ? 0.01 : 0);
        for (int i = 0; i < rows * cols; i++) {
            first[i] = rng_normal(30, i);
            X[i] = 0.081 * first[i] + 0.19 * rng_normal(31, i);
            if (!step) close_to(t->mean[at + (size_t)i], 0.1 * first[i], loose(1e-15));
        }
    }
    orthogonalised(rows, cols, X, orth);
    for (int i = 0; i < rows * cols; i++)
        close_to(m->w[at + (size_t)i], -0.01 * 0.2 * sqrt(cols) * orth[i], loose(1e-9));
    trainer_free(t);
    model_free(m);
}

/* D7: the score head, vector and bias, learns head_lr times faster, and nothing else does. */
static void score_head_learns_faster(void **state)
{
    (void)state;
    Model *m = model_new(TINY);
    Trainer *t = trainer_new(m, (AdamW){ .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .head_lr = 10 });
    Seqs none = { 0 };
    for (size_t i = 0; i < m->n_param; i++) t->grad[0]->w[i] = 1; /* a step of -lr everywhere */
    pm_step(t, &none, NULL, NULL, 0, 0.01);
    size_t head = (size_t)(m->score_w - m->w);
    for (size_t i = 0; i < m->n_param; i++) close_to(m->w[i], i < head ? -0.01 : -0.1, loose(1e-8));
    trainer_free(t);
    model_free(m);
}

/* Every gradient of every shard is 0 after a step, Muon's matrices too: a second step without a new
 * gradient only goes on with the averages. */
static void gradients_are_zero_after_a_step(void **state)
{
    (void)state;
    for (int muon = 0; muon < 2; muon++) {
        Model *m = model_new(TINY);
        Trainer *t = trainer_new(
            m, (AdamW){ .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .muon = muon ? 0.9 : 0 });
        Seqs none = { 0 };
        for (int k = 0; k < SHARDS; k++)
            for (size_t i = 0; i < m->n_param; i++) t->grad[k]->w[i] = (real)rng_normal(k, i);
        pm_step(t, &none, NULL, NULL, 0, 0.01);
        for (int k = 0; k < SHARDS; k++)
            for (size_t i = 0; i < m->n_param; i++) assert_true(t->grad[k]->w[i] == 0);
        trainer_free(t);
        model_free(m);
    }
}

// ------------------------------------------------------------------------------------
// What stops a training: status 4, the step, the tensor, what to do

static Trainer *doomed_trainer(void)
{
    Model *m = model_new(TINY);
    model_init(m, 3);
    return trainer_new(m, NORMAL);
}

static void loss_that_is_no_number(const char *unused)
{
    (void)unused;
    Trainer *t = doomed_trainer();
    t->m->wk[3] = 77, t->step = 12;
    check_loss(t, "some", NAN, 10);
}

static void loss_far_above_blind(const char *unused)
{
    (void)unused;
    Trainer *t = doomed_trainer();
    t->m->rms_ffn[2] = -88;
    check_loss(t, "some", 10.5, 10);
}

static void last_step_too_long(const char *unused)
{
    (void)unused;
    Trainer *t = doomed_trainer();
    t->m->wq[1] = 6, t->step = 1;
    trainer_done(t);
}

static void gradient_that_is_no_number(const char *unused)
{
    (void)unused;
    Trainer *t = doomed_trainer();
    Seqs none = { 0 };
    t->grad[SHARDS - 1]->wv[1] = NAN;
    pm_step(t, &none, NULL, NULL, 0, 0.1);
}

static void losses_that_stop(void **state)
{
    (void)state;
    expect_death(loss_that_is_no_number, "", EXIT_NUMERICS,
                 "step 12: the some loss is not finite|77, is in wk|lower the learning rate");
    expect_death(loss_far_above_blind, "", EXIT_NUMERICS,
                 "step 0: the some loss has exploded to 10.5|88, is in rms_ffn");
    expect_death(gradient_that_is_no_number, "", EXIT_NUMERICS,
                 "step 0: the gradient of wv is not finite|lower the learning rate");
    expect_death(last_step_too_long, "", EXIT_NUMERICS,
                 "step 1: the model has exploded: the largest weight, 6, is in wq; "
                 "at first it was 1|lower the learning rate");
    Trainer *t = doomed_trainer(); /* and these do not */
    check_loss(t, "some", 10, 10);
    check_loss(t, "some", -1e30, 10);
    t->m->wq[1] = 4;
    Model *m = t->m;
    trainer_done(t);
    model_free(m);
}

/* Weights so large that every norm's sum of squares overflows: all states are 0, each token has
 * probability 1/V, the loss is log V (pairs: log 2) and the gradient exactly 0. Nothing in that is
 * not finite or exploded, and no step would ever change it. */
static Trainer *dead_trainer(void)
{
    Trainer *t = doomed_trainer();
    for (size_t i = 0; i < t->m->n_param; i++) t->m->w[i] = (real)(EXACT_BUILD ? 1e200 : 1e30);
    *t->m->score_b = 0;
    return t;
}

static void dead_model_learns(const char *loss)
{
    Trainer *t = dead_trainer();
    Seqs s = random_seqs(8, 4, 9, 5), prompts = random_seqs(4, 2, 4, 6);
    int which[4] = { 0, 1, 2, 3 }, prompt_len[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    double p[4] = { 1, 1, 0, 1 };
    if (*loss == 's') sft_step(t, &s, which, 4, NULL, 0.01);
    if (*loss == 'p') pm_step(t, &s, p, which, 4, 0.01);
    Model *ref = tiny_model(3);
    if (*loss == 'd') dpo_step(t, ref, &s, prompt_len, p, which, 4, 0, 0.1, 0.01);
    Ppo how = { .lambda_kl = 0.1,
                .eps_clip = 0.2,
                .c_v = 0.5,
                .gamma = 1,
                .lambda_gae = 1,
                .epochs = 1,
                .minibatches = 1,
                .max_new = 4,
                .stop = { -1, -1, -1 } };
    Rollout ro = { 0 };
    ppo_rollout(ref, ref, ref, &prompts, 1, &how, &ro); /* alive when it sampled */
    if (*loss == 'r') ppo_update(t, &ro, 1, &how, 0.01);
}

static void dead_model_is_read(const char *unused)
{
    (void)unused;
    Seqs s = random_seqs(8, 4, 9, 5);
    double score[8];
    pm_scores(dead_trainer()->m, &s, score);
}

static void a_dead_model_is_told(void **state)
{
    (void)state;
    static const char *const loss[] = { "sft", "pm", "dpo", "rl" };
    for (int i = 0; i < 4; i++)
        expect_death(
            dead_model_learns, loss[i], EXIT_NUMERICS,
            "step 0: the model is dead|the largest weight, 1e+|tok_emb|lower the learning rate");
    expect_death(dead_model_is_read, "", EXIT_NUMERICS,
                 "a model's output|does not depend on its input");
}

/* D13: a frozen embedding stays bit for bit; everything else learns as without. */
static void frozen_embedding(void **state)
{
    (void)state;
    Model *m = model_new(TINY), *before, *free_one;
    model_init(m, 3);
    before = model_clone(m), free_one = model_clone(m);
    AdamW opt = NORMAL;
    opt.weight_decay = 0, opt.max_norm = 0;
    Trainer *free_t = trainer_new(free_one, opt);
    opt.frozen = 1;
    Trainer *t = trainer_new(m, opt);
    Seqs s = random_seqs(4, 3, 9, 5);
    int which[] = { 0, 1, 2, 3 };
    sft_step(t, &s, which, 4, NULL, 0.01);
    sft_step(free_t, &s, which, 4, NULL, 0.01);
    size_t after = (size_t)(m->rms_att - m->w),
           end = TINY.tied ? m->n_param : (size_t)(m->head - m->w);
    for (size_t i = 0; i < after; i++) assert_true(m->w[i] == before->w[i]);
    for (size_t i = end; i < m->n_param && !TINY.tied; i++)
        if (i < (size_t)(m->score_w - m->w)) assert_true(m->w[i] == before->w[i]);
    for (size_t i = after; i < end; i++) assert_true(m->w[i] == free_one->w[i]);
    trainer_free(t), trainer_free(free_t);
    model_free(m), model_free(before), model_free(free_one);
    seqs_free(&s);
}

static void clipping_by_global_norm(void **state)
{
    (void)state;
    Model *m = model_new(TINY);
    AdamW opt = { .beta1 = 0, .beta2 = 0.99, .eps = 1e-8, .max_norm = 1 };
    Trainer *t = trainer_new(m, opt);
    Seqs none = { 0 };
    t->grad[0]->w[0] = 3,
    t->grad[SHARDS - 1]->w[m->n_param - 1] = -4; /* norm 5: factor 1/5 on both */
    pm_step(t, &none, NULL, NULL, 0, 0);
    close_to(t->grad_norm, 5, loose(1e-12));
    close_to(t->mean[0], 0.6, loose(1e-12));
    close_to(t->mean[m->n_param - 1], -0.8, loose(1e-12));
    t->grad[0]->w[0] = 0.5; /* below the bound: untouched */
    pm_step(t, &none, NULL, NULL, 0, 0);
    close_to(t->mean[0], 0.5, loose(1e-12));
    trainer_free(t);
    model_free(m);
}

static const char *state_path;
static void load_into_another_model(const char *unused)
{
    (void)unused;
    Config other = TINY;
    other.n_layers++;
    char *notes;
    trainer_load(trainer_new(model_new(other), (AdamW){ 0 }), state_path, 7, &notes);
}

/* Stopped after one step of two and taken up by a new trainer: weights and moments are those of
 * a trainer that was never stopped, to the bit. */
static void a_state_goes_on_to_the_bit(void **state)
{
    (void)state;
    char *notes;
    AdamW opt = { .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1 };
    Model *m = model_new(TINY), *whole = model_new(TINY), *taken = model_new(TINY);
    model_init(m, 5), model_init(whole, 5);
    Trainer *t = trainer_new(m, opt), *w = trainer_new(whole, opt), *u = trainer_new(taken, opt);
    Seqs none = { 0 };
    state_path = in_scratch("some.state");
    assert_int_equal(trainer_load(u, state_path, 7, &notes), -1); /* no file */
    for (int step = 0; step < 2; step++) {
        Trainer *both[] = { w, step ? u : t };
        for (int i = 0; i < 2; i++) {
            for (size_t j = 0; j < m->n_param; j++)
                both[i]->grad[0]->w[j] = (real)(rng_uniform(step, j) - 0.5);
            pm_step(both[i], &none, NULL, NULL, 0, 0.01);
        }
        if (step) break;
        trainer_save(t, state_path, 7, 41, "a\tb\n");
        assert_int_equal(trainer_load(u, state_path, 8, &notes),
                         -1); /* it belongs to something else */
        assert_null(notes);
        assert_true(taken->w[0] == 0);
        assert_int_equal(trainer_load(u, state_path, 7, &notes), 41);
        assert_string_equal(notes, "a\tb\n");
        free(notes);
    }
    assert_int_equal(u->step, 2);
    assert_memory_equal(taken->w, whole->w, m->n_param * sizeof(real));
    assert_memory_equal(u->mean, w->mean, m->n_param * sizeof(real));
    assert_memory_equal(u->var, w->var, m->n_param * sizeof(real));
    expect_death(load_into_another_model, "", EXIT_INPUT,
                 "some.state: belongs to a model of other sizes|remove it");
    write_bytes(state_path, "CAIt", 4);
    expect_death(load_into_another_model, "", EXIT_INPUT,
                 "some.state: is no training state of version 1|remove it");
    trainer_free(t), trainer_free(w), trainer_free(u);
    model_free(m), model_free(whole), model_free(taken);
}

// ------------------------------------------------------------------------------------
// SFT

typedef struct {
    Seqs s;
    unsigned char *mask;
    int n, which[16];
} SftData;

static double sft_loss_of(Trainer *t, const void *data)
{
    const SftData *q = data;
    return sft_step(t, &q->s, q->which, q->n, q->mask, 0);
}

static SftData sft_data(int masked)
{
    SftData q = { .s = random_seqs(16, 2, 20, 5),
                  .n = 11,
                  .which = { 3, 0, 14, 7, 2, 9, 15, 1, 12, 5, 8 } };
    if (masked) {
        q.mask = xcalloc(q.s.start[16], 1);
        for (int i = 0; i < q.s.start[16]; i++) q.mask[i] = i % 3 == 0;
    }
    return q;
}

/* Mean over trained tokens of the whole batch, recomputed sequence by sequence. */
static double slow_sft(const Model *m, const SftData *q)
{
    double sum = 0, n = 0;
    Acts *a = acts_new();
    for (int i = 0; i < q->n; i++) {
        int b = q->which[i];
        forward(m, a, &q->s, b, b + 1);
        for (int t = 1; t < seq_len(&q->s, b); t++) {
            if (q->mask && !q->mask[q->s.start[b] + t]) continue;
            int row = t - 1;
            real logp;
            logprobs(m, a, 1, &row, seq_tok(&q->s, b) + t, &logp, NULL);
            sum -= logp, n++;
        }
    }
    acts_free(a);
    return sum / n;
}

static void sft_value_and_gradient(void **state)
{
    (void)state;
    for (int masked = 0; masked < 2; masked++) {
        Model *m = tiny_model(3);
        Trainer *t = trainer_new(m, GRADIENT_ONLY);
        SftData q = sft_data(masked);
        double want = slow_sft(m, &q);
        close_to(sft_loss_of(t, &q), want, loose(1e-12));
        close_to(sft_eval(t, &q.s, q.which, q.n, q.mask), want, loose(1e-12));
        check_step_gradient(t, sft_loss_of, &q);
        trainer_free(t);
        model_free(m);
        seqs_free(&q.s);
        free(q.mask);
    }
}

static void sft_permuted_batch(void **state)
{
    (void)state;
    Model *m = tiny_model(3);
    Trainer *t = trainer_new(m, GRADIENT_ONLY);
    SftData q = sft_data(1);
    double loss = sft_loss_of(t, &q), worst = 0;
    real *g = xcalloc(m->n_param, sizeof *g);
    memcpy(g, t->mean, m->n_param * sizeof *g);
    for (int i = 0, j = q.n - 1; i < j; i++, j--) {
        int w = q.which[i];
        q.which[i] = q.which[j];
        q.which[j] = w;
    }
    close_to(sft_loss_of(t, &q), loss, loose(1e-12));
    for (size_t i = 0; i < m->n_param; i++) worst = fmax(worst, fabs(t->mean[i] - g[i]));
    close_to(worst, 0, loose(1e-12));
    free(g);
    free(q.mask);
    seqs_free(&q.s);
    trainer_free(t);
    model_free(m);
}

/* Uneven batches: a single document, an empty mask, one-token documents, more items than shards. */
static void sft_odd_batches(void **state)
{
    (void)state;
    Model *m = tiny_model(3);
    Trainer *t = trainer_new(m, GRADIENT_ONLY);
    Seqs s = { 0 };
    int one[1] = { 4 }, two[2] = { 4, 5 }, which[3] = { 0, 1, 0 };
    seqs_push(&s, one, 1);
    seqs_push(&s, two, 2);
    unsigned char nothing[3] = { 1, 1, 0 };
    close_to(sft_step(t, &s, which, 3, nothing, 0.1), 0, 0); /* first tokens are no targets */
    assert_int_equal(t->step, 0);
    Acts *a = acts_new();
    real logp;
    forward(m, a, &s, 1, 2);
    logprobs(m, a, 1, (int[]){ 0 }, (int[]){ 5 }, &logp, NULL);
    close_to(sft_step(t, &s, which, 3, NULL, 0), -logp, loose(1e-14));
    close_to(sft_eval(t, &s, which, 0, NULL), 0, 0);
    acts_free(a);
    seqs_free(&s);
    trainer_free(t);
    model_free(m);
}

// ------------------------------------------------------------------------------------
// PM

typedef struct {
    Seqs s;
    double p[12];
    int n, which[12], *prompt_len;
    const Model *ref;
} PairData;

static PairData pair_data(void)
{
    PairData q = { .s = random_seqs(24, 4, 20, 6),
                   .p = { 1, 0, 0.6, 0.4, 0.5, 0.9, 0.2, 0.5, 1, 0.7, 0.45, 0 },
                   .n = 9,
                   .which = { 4, 2, 11, 0, 6, 7, 9, 3, 1 } };
    q.prompt_len = xcalloc(24, sizeof(int));
    for (int b = 0; b < 24; b++) q.prompt_len[b] = 1 + b % 3;
    return q;
}

static void pair_free(PairData *q)
{
    seqs_free(&q->s);
    free(q->prompt_len);
}

static double pm_loss_of(Trainer *t, const void *data)
{
    const PairData *q = data;
    return pm_step(t, &q->s, q->p, q->which, q->n, 0).loss;
}

static double score_of(const Model *m, const Seqs *s, int b)
{
    Acts *a = acts_new();
    int row = seq_len(s, b) - 1;
    real score;
    forward(m, a, s, b, b + 1);
    scores(m, a, 1, &row, &score);
    acts_free(a);
    return score;
}

static void pm_value_statistics_gradient(void **state)
{
    (void)state;
    Model *m = tiny_model(4);
    Trainer *t = trainer_new(m, GRADIENT_ONLY);
    PairData q = pair_data();
    double loss = 0, floor = 0, right = 0, margin = 0, judged = 0, score[24];
    pm_scores(m, &q.s, score);
    for (int b = 0; b < 24; b++) close_to(score[b], score_of(m, &q.s, b), loose(1e-13));
    for (int i = 0; i < q.n; i++) {
        double p = q.p[q.which[i]], d = score[2 * q.which[i]] - score[2 * q.which[i] + 1];
        loss -= (p * log(1 / (1 + exp(-d))) + (1 - p) * log(1 / (1 + exp(d)))) / q.n;
        if (p > 0 && p < 1) floor -= (p * log(p) + (1 - p) * log(1 - p)) / q.n;
        if (p == 0.5) continue;
        judged++;
        right += (p > 0.5) == (d > 0);
        margin += p > 0.5 ? d : -d;
    }
    PmStats st = pm_step(t, &q.s, q.p, q.which, q.n, 0);
    close_to(st.loss, loss, loose(1e-12));
    close_to(st.entropy_floor, floor, 1e-12);
    close_to(st.accuracy, right / judged, 1e-12);
    close_to(st.margin, margin / judged, loose(1e-12));
    check_step_gradient(t, pm_loss_of, &q);
    pm_centre(m, &q.s);
    double mean = 0, shift;
    double centred[24];
    pm_scores(m, &q.s, centred);
    for (int b = 0; b < 24; b++) mean += centred[b] / 24;
    close_to(mean, 0, loose(1e-13));
    shift = centred[0] - score[0];
    for (int b = 0; b < 24; b++) close_to(centred[b] - score[b], shift, loose(1e-13));
    close_to(pm_loss_of(t, &q), st.loss, loose(1e-12)); /* shift-invariant */
    pair_free(&q);
    trainer_free(t);
    model_free(m);
}

// ------------------------------------------------------------------------------------
// Completions and DPO

static void completion_values(void **state)
{
    (void)state;
    Model *m = tiny_model(4);
    PairData q = pair_data();
    int N = q.s.start[24];
    double sum[24], *per_token = xcalloc(N, sizeof *per_token);
    completion_logprobs(m, &q.s, q.prompt_len, sum, per_token);
    Acts *a = acts_new();
    for (int b = 0; b < 24; b++) {
        double want = 0;
        forward(m, a, &q.s, b, b + 1);
        for (int t = 0; t < seq_len(&q.s, b); t++) {
            real logp = 0;
            int row = t - 1;
            if (t >= q.prompt_len[b]) logprobs(m, a, 1, &row, seq_tok(&q.s, b) + t, &logp, NULL);
            close_to(per_token[q.s.start[b] + t], logp, loose(1e-12));
            want += logp;
        }
        close_to(sum[b], want, loose(1e-11));
    }
    double again[24];
    completion_logprobs(m, &q.s, q.prompt_len, again, NULL);
    assert_memory_equal(sum, again, sizeof sum);
    acts_free(a);
    free(per_token);
    pair_free(&q);
    model_free(m);
}

static double dpo_loss_of(Trainer *t, const void *data)
{
    const PairData *q = data;
    return dpo_step(t, q->ref, &q->s, q->prompt_len, q->p, q->which, q->n, 0, 0.3, 0);
}

static void dpo_value_and_gradient(void **state)
{
    (void)state;
    Model *m = tiny_model(4), *ref = model_clone(m), *other = tiny_model(5);
    Trainer *t = trainer_new(m, GRADIENT_ONLY);
    PairData q = pair_data();
    q.ref = ref;
    close_to(dpo_loss_of(t, &q), 0.6931471805599453, 1e-15); /* pi = pi_0: log 2 in both builds */
    q.ref = other;
    double pi[24], pi_0[24], loss = 0;
    completion_logprobs(m, &q.s, q.prompt_len, pi, NULL);
    completion_logprobs(other, &q.s, q.prompt_len, pi_0, NULL);
    for (int i = 0; i < q.n; i++) {
        int w = 2 * q.which[i], l = w + 1;
        double p = q.p[q.which[i]], h = 0.3 * (pi[w] - pi_0[w] - pi[l] + pi_0[l]);
        loss -= (p * log(1 / (1 + exp(-h))) + (1 - p) * log(1 / (1 + exp(h)))) / q.n;
    }
    close_to(dpo_loss_of(t, &q), loss, loose(1e-11));
    check_step_gradient(t, dpo_loss_of, &q);
    pair_free(&q);
    trainer_free(t);
    model_free(m), model_free(ref), model_free(other);
}

// ------------------------------------------------------------------------------------
// PPO

static const Ppo PPO = { .lambda_kl = 0.1,
                         .eps_clip = 0.2,
                         .eps_value = 0.2,
                         .c_v = 0.5,
                         .gamma = 1,
                         .lambda_gae = 0.95,
                         .epochs = 1,
                         .minibatches = 1,
                         .max_new = 8,
                         .stop = { 2, -1, -1 },
                         .missing_stop_penalty = 1.5 };

typedef struct {
    Model *pi, *pi_0, *pm;
    Trainer *t;
    Seqs prompts;
    Rollout ro;
    Ppo how;
} World;

static World world(AdamW opt, uint64_t reference)
{
    World w = {
        .pi = tiny_model(7), .pm = tiny_model(8), .prompts = random_seqs(21, 1, 9, 11), .how = PPO
    };
    w.pi_0 = reference ? tiny_model(reference) : model_clone(w.pi);
    w.t = trainer_new(w.pi, opt);
    return w;
}

static void world_free(World *w)
{
    rollout_free(&w->ro);
    seqs_free(&w->prompts);
    trainer_free(w->t);
    model_free(w->pi), model_free(w->pi_0), model_free(w->pm);
}

static void ppo_first_pass_is_exact(void **state)
{
    (void)state;
    World w = world(NORMAL, 0);
    const int form[3][2] = { { 1, 1 }, { 3, 4 }, { 2, 2 } }; /* epochs, minibatches */
    for (int i = 0; i < 3; i++) {
        w.how.epochs = form[i][0], w.how.minibatches = form[i][1];
        ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 77 + i, &w.how, &w.ro);
        PpoStats st =
            ppo_update(w.t, &w.ro, 77 + i, &w.how, 0); /* lr 0: every pass is a first pass */
        assert_true(st.ratio == 1 && st.ratio_var == 0 && st.approxkl == 0 && st.clipfrac == 0);
        assert_true(st.kl == 0 && st.k3 == 0 && st.non_score_reward == 0);
        close_to(st.policy_loss, 0, loose(1e-12)); /* mean of whitened advantages */
    }
    /* and it moves when lr is not 0: the test above can fail */
    PpoStats st = ppo_update(w.t, &w.ro, 5, &w.how, 0.01);
    assert_true(st.ratio != 1 && st.approxkl > 0 && st.ratio_var > 0);
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 99, &w.how, &w.ro);
    st = ppo_update(w.t, &w.ro, 99, &w.how, 0);
    assert_true(st.kl != 0 && st.k3 > 0 && st.ratio == 1);
    world_free(&w);
}

/* lambda_GAE = gamma = 1 and no penalty: every token's return is its answer's score. Values that
 * are one number foretell nothing, the scores themselves everything, half of them three quarters
 * of the variance. */
static void ppo_explained_variance(void **state)
{
    (void)state;
    const double share[3] = { 0, 1, 0.5 }, wanted[3] = { 0, 1, 0.75 };
    World w = world(NORMAL, 0);
    w.how.lambda_kl = 0, w.how.gamma = 1, w.how.lambda_gae = 1;
    for (int i = 0; i < 3; i++) {
        ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 77, &w.how, &w.ro);
        for (int b = 0; b < w.ro.seq.n; b++) {
            w.ro.score[b] = b % 5;
            for (int k = w.ro.seq.start[b]; k < w.ro.seq.start[b + 1]; k++)
                w.ro.value[k] = 3 + share[i] * w.ro.score[b];
        }
        PpoStats st = ppo_update(w.t, &w.ro, 77, &w.how, 0.001);
        close_to(st.explained_var, wanted[i], 1e-9);
        close_to(st.lr, 0.001, 1e-12);
    }
    world_free(&w);
}

static void ppo_rollout_contents(void **state)
{
    (void)state;
    World w = world(NORMAL, 9);
    w.how.stop[2] = 3;
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 1, &w.how, &w.ro);
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 123, &w.how,
                &w.ro); /* a used one may be used again */
    Acts *a = acts_new();
    int ended[2] = { 0, 0 }, cut = 0;
    assert_int_equal(w.ro.seq.n, 21);
    for (int b = 0; b < 21; b++) {
        const int *token = seq_tok(&w.ro.seq, b);
        int T = seq_len(&w.ro.seq, b), P = w.ro.prompt_len[b], end = token[T - 1],
            stop = end == 2 || end == 3;
        assert_int_equal(P, seq_len(&w.prompts, b));
        assert_memory_equal(token, seq_tok(&w.prompts, b), P * sizeof *token);
        assert_true(stop || T - P == 8);
        if (stop) ended[end - 2]++;
        else cut++;
        Seqs read = { 0 }; /* the PM meets one end only, whichever of the two was sampled */
        seqs_push(&read, token, T);
        if (stop) seq_tok(&read, 0)[T - 1] = 2;
        close_to(w.ro.score[b], score_of(w.pm, &read, 0) - (stop ? 0 : 1.5), loose(1e-12));
        seqs_free(&read);
        for (int t = P; t < T; t++) { /* each from the prefix alone: nothing looks ahead */
            Seqs prefix = { 0 };
            int row = t - 1, i = w.ro.seq.start[b] + t;
            real logp, entropy, value, ref;
            seqs_push(&prefix, token, t);
            forward(w.pi, a, &prefix, 0, 1);
            logprobs(w.pi, a, 1, &row, token + t, &logp, &entropy);
            scores(w.pi, a, 1, &row, &value);
            forward(w.pi_0, a, &prefix, 0, 1);
            logprobs(w.pi_0, a, 1, &row, token + t, &ref, NULL);
            close_to(w.ro.logp_old[i], logp, loose(1e-12));
            close_to(w.ro.logp_ref[i], ref, loose(1e-12));
            close_to(w.ro.value[i], value, loose(1e-12));
            close_to(w.ro.entropy[i], entropy, loose(1e-12));
            seqs_free(&prefix);
        }
        for (int t = 0; t < P; t++) {
            int i = w.ro.seq.start[b] + t;
            assert_true(w.ro.logp_old[i] == 0 && w.ro.logp_ref[i] == 0 && w.ro.value[i] == 0);
        }
    }
    assert_true(ended[0] > 0 && ended[1] > 0 && cut > 0); /* all three kinds were seen */
    acts_free(a);
    world_free(&w);
}

static void ppo_rewards_returns_statistics(void **state)
{
    (void)state;
    World w = world(NORMAL, 9);
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 123, &w.how, &w.ro);
    PpoStats st = ppo_update(w.t, &w.ro, 123, &w.how, 0);
    double kl = 0, k3 = 0, entropy = 0, score = 0, length = 0, penalty = 0, n = 0, mean = 0,
           var = 0, L_V = 0;
    double factor = 0, offset = 0, raw[8], G[8];
    int num_eos = 0;
    for (int b = 0; b < 21; b++) {
        int from = w.ro.seq.start[b] + w.ro.prompt_len[b], to = w.ro.seq.start[b + 1];
        double sum_logr = 0, sum_r = 0;
        for (int i = from; i < to; i++) {
            double logr = w.ro.logp_old[i] - w.ro.logp_ref[i];
            sum_logr += logr, sum_r += w.ro.reward[i];
            k3 += (exp(-logr) - 1 + logr) / 21, entropy += w.ro.entropy[i] / 21;
            if (i < to - 1) close_to(w.ro.reward[i], -0.1 * logr, 1e-13); /* the score comes last */
            mean += w.ro.adv[i], var += w.ro.adv[i] * w.ro.adv[i], n++;
            L_V += 0.5 * pow(w.ro.value[i] - w.ro.ret[i], 2);
        }
        close_to(sum_r, w.ro.score[b] - 0.1 * sum_logr, 1e-12); /* HH eq. 4.1 */
        kl += sum_logr / 21, penalty -= 0.1 * sum_logr / 21, score += w.ro.score[b] / 21;
        length += (to - from) / 21.0, num_eos += w.ro.seq.token[to - 1] == 2;
        /* A before whitening, by the definition: sum over k of (0.95)^k delta_{t+k} */
        for (int t = 0; t < to - from; t++) {
            raw[t] = 0;
            for (int k = t; k < to - from; k++) {
                double next = k + 1 < to - from ? w.ro.value[from + k + 1] : 0;
                raw[t] += pow(0.95, k - t) * (w.ro.reward[from + k] + next - w.ro.value[from + k]);
            }
            G[t] = raw[t] + w.ro.value[from + t];
            close_to(w.ro.ret[from + t], G[t], 1e-12);
        }
        if (b == 0) { /* whitening is one affine map for all tokens */
            assert_true(to - from > 1);
            factor = (w.ro.adv[from] - w.ro.adv[from + 1]) / (raw[0] - raw[1]);
            offset = w.ro.adv[from] - factor * raw[0];
        }
        for (int t = 0; t < to - from; t++)
            close_to(w.ro.adv[from + t], factor * raw[t] + offset, 1e-9);
    }
    close_to(mean / n, 0, 1e-13);
    close_to(var / n, 1, 1e-7);
    assert_true(factor > 0);
    close_to(st.kl, kl, 1e-12);
    close_to(st.k3, k3, 1e-12);
    close_to(st.entropy, entropy, 1e-12);
    close_to(st.scores, score, 1e-12);
    close_to(st.non_score_reward, penalty, 1e-12);
    close_to(st.rlhf_reward, score + penalty, 1e-12);
    close_to(st.length, length, 1e-12);
    close_to(st.value_loss, L_V / n, loose(1e-12));
    assert_int_equal(st.num_eos, num_eos);
    world_free(&w);
}

/* The loss PPO descends, from its statistics. The weights have been moved after the rollout, so
 * that some tokens are clipped on either side. */
static double ppo_loss_of(Trainer *t, const void *data)
{
    World *w = (World *)data;
    PpoStats st = ppo_update(t, &w->ro, 3, &w->how, 0);
    double loss = st.policy_loss + w->how.c_v * st.value_loss, n = 0, kl = 0, mean = 0, var = 0;
    const char *form = kl_forms[w->how.kl_form].name;
    if (strstr(form, "-loss")) {
        int N = w->ro.seq.start[w->ro.seq.n];
        double *logp = xcalloc(N, sizeof *logp), A[64], G[64];
        completion_logprobs(w->pi, &w->ro.seq, w->ro.prompt_len, NULL, logp);
        for (int b = 0; b < w->ro.seq.n; b++) {
            int from = w->ro.seq.start[b] + w->ro.prompt_len[b], to = w->ro.seq.start[b + 1];
            gae(to - from, w->ro.reward + from, w->ro.value + from, 1, 0.95, A, G);
            for (int i = from; i < to; i++) {
                double logr = logp[i] - w->ro.logp_ref[i];
                kl += form[1] == '2'   ? logr * logr / 2
                      : form[1] == '1' ? logr
                                       : exp(-logr) - 1 + logr;
                mean += A[i - from], var += A[i - from] * A[i - from], n++;
            }
        }
        var = var / n - mean * mean / n / n;
        loss += 0.1 * kl / n / sqrt(var + 1e-8);
        free(logp);
    }
    return loss;
}

/* Policy loss and mean ratio, worked out from the log-probabilities and E5 token by token: the
 * ratio is to the policy that sampled, not to the reference. */
static void slow_ppo(World *w, double *policy_loss, double *ratio)
{
    int N = w->ro.seq.start[w->ro.seq.n];
    double *logp = xcalloc(N, sizeof *logp), n = 0;
    completion_logprobs(w->pi, &w->ro.seq, w->ro.prompt_len, NULL, logp);
    *policy_loss = *ratio = 0;
    for (int b = 0; b < w->ro.seq.n; b++)
        for (int i = w->ro.seq.start[b] + w->ro.prompt_len[b]; i < w->ro.seq.start[b + 1]; i++) {
            double rho = exp(logp[i] - w->ro.logp_old[i]), A = w->ro.adv[i];
            *policy_loss -= fmin(rho * A, fmin(fmax(rho, 0.8), 1.2) * A);
            *ratio += rho, n++;
        }
    *policy_loss /= n, *ratio /= n;
    free(logp);
}

static void ppo_gradient(void **state)
{
    (void)state;
    const char *form[4] = { "k1-reward", "k2-loss", "k3-loss", "k1-loss" };
    for (int i = 0; i < 4; i++) {
        World w = world(GRADIENT_ONLY, 9);
        w.how.kl_form = kl_form_index(form[i]);
        ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 123, &w.how, &w.ro);
        for (size_t j = 0; j < w.pi->n_param; j++) w.pi->w[j] += (real)(0.03 * rng_normal(4, j));
        PpoStats st = ppo_update(w.t, &w.ro, 3, &w.how, 0);
        assert_true(st.clipfrac > 0.02 && st.clipfrac < 0.9 && st.value_clipfrac > 0.02
                    && st.value_clipfrac < 0.98);
        double policy_loss, ratio;
        slow_ppo(&w, &policy_loss, &ratio);
        close_to(st.policy_loss, policy_loss, loose(1e-12));
        close_to(st.ratio, ratio, loose(1e-12));
        if (strstr(form[i], "-loss")) { /* penalised once, not twice */
            close_to(st.non_score_reward, 0, 0);
            close_to(st.rlhf_reward, st.scores, 0);
        }
        check_step_gradient(w.t, ppo_loss_of, &w);
        world_free(&w);
    }
}

/* The forms whose penalty is another estimate in the reward, token by token: k3 = e^-logr - 1 +
 * logr, and |logr|. The loss then has none. */
static void ppo_other_rewards(void **state)
{
    (void)state;
    static const char *const form[2] = { "k3-reward", "abs-reward" };
    for (int k = 0; k < 2; k++) {
        World w = world(NORMAL, 9);
        w.how.kl_form = kl_form_index(form[k]);
        ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 123, &w.how, &w.ro);
        ppo_update(w.t, &w.ro, 123, &w.how, 0);
        for (int b = 0; b < 21; b++) {
            int from = w.ro.seq.start[b] + w.ro.prompt_len[b], to = w.ro.seq.start[b + 1];
            for (int i = from; i < to; i++) {
                double logr = w.ro.logp_old[i] - w.ro.logp_ref[i];
                double kl = k ? fabs(logr) : exp(-logr) - 1 + logr;
                close_to(w.ro.reward[i], (i == to - 1 ? w.ro.score[b] : 0) - 0.1 * kl, 1e-12);
            }
        }
        world_free(&w);
    }
}

/* Each prompt, each iteration draws for itself: equal prompts get different answers, another key
 * other ones, the same key the same ones. */
static void ppo_draws_are_new(void **state)
{
    (void)state;
    World w = world(NORMAL, 0);
    Rollout again = { 0 }, other = { 0 };
    seqs_clear(&w.prompts);
    for (int b = 0; b < 16; b++) seqs_push(&w.prompts, (int[]){ 4, 5 }, 2);
    w.how.stop[0] = -1; /* all of them 8 tokens long */
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 1, &w.how, &w.ro);
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 1, &w.how, &again);
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 2, &w.how, &other);
    int same_answer = 0, same_key = 0;
    for (int b = 0; b < 16; b++) {
        const int *token = seq_tok(&w.ro.seq, b);
        assert_memory_equal(token, seq_tok(&again.seq, b), 10 * sizeof *token);
        same_key += memcmp(token, seq_tok(&other.seq, b), 10 * sizeof *token) == 0;
        if (b) same_answer += memcmp(token, seq_tok(&w.ro.seq, 0), 10 * sizeof *token) == 0;
    }
    assert_true(same_key <= 1 && same_answer <= 1); /* 8 tokens of 11: chance is small */
    rollout_free(&again), rollout_free(&other);
    world_free(&w);
}

/* An epoch passes every answer token once, in however many minibatches: while nothing is learned
 * (lr 0) all means over the passes are those of one pass. */
static void ppo_passes_every_token_once(void **state)
{
    (void)state;
    World w = world(NORMAL, 9);
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 123, &w.how, &w.ro);
    for (size_t j = 0; j < w.pi->n_param; j++) w.pi->w[j] += (real)(0.03 * rng_normal(4, j));
    PpoStats one = ppo_update(w.t, &w.ro, 3, &w.how, 0);
    const int form[3][2] = { { 2, 1 }, { 1, 3 }, { 3, 4 } }; /* epochs, minibatches */
    for (int i = 0; i < 3; i++) {
        w.how.epochs = form[i][0], w.how.minibatches = form[i][1];
        PpoStats st = ppo_update(w.t, &w.ro, 3, &w.how, 0);
        close_to(st.policy_loss, one.policy_loss, loose(1e-12));
        close_to(st.value_loss, one.value_loss, loose(1e-12));
        close_to(st.ratio, one.ratio, loose(1e-12));
        close_to(st.ratio_var, one.ratio_var, loose(1e-12));
        close_to(st.approxkl, one.approxkl, loose(1e-12));
        close_to(st.clipfrac, one.clipfrac, EXACT_BUILD ? 1e-15 : 0.02);
        assert_true(st.ratio_var > 0);
    }
    world_free(&w);
}

/* A minibatch's gradient is the mean over ITS tokens. With beta1 = b the first moment after two
 * minibatches is b (1 - b) g1 + (1 - b) g2, so b = 0 and b = 1/2 give g1 and g2; weighted by
 * their shares of the tokens they make up the gradient of the whole in one batch. The shares are
 * not known here, but they add up to 1. */
static void ppo_minibatch_is_a_mean(void **state)
{
    (void)state;
    double *g[3];
    size_t n = 0;
    for (int k = 0; k < 3; k++) {
        AdamW opt = GRADIENT_ONLY;
        opt.beta1 = k == 2 ? 0.5 : 0;
        World w = world(opt, 9);
        w.how.minibatches = k ? 2 : 1;
        ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 123, &w.how, &w.ro);
        ppo_update(w.t, &w.ro, 3, &w.how, 0);
        n = w.pi->n_param;
        g[k] = xcalloc(n, sizeof(double));
        for (size_t i = 0; i < n; i++) g[k][i] = w.t->mean[i];
        world_free(&w);
    }
    double dot = 0, square = 0, worst = 0, largest = 0, *g1 = g[2], *g2 = g[1];
    for (size_t i = 0; i < n; i++) {
        g1[i] = 4 * (g[2][i] - 0.5 * g2[i]);
        dot += (g[0][i] - g2[i]) * (g1[i] - g2[i]);
        square += (g1[i] - g2[i]) * (g1[i] - g2[i]);
    }
    double share = dot / square; /* of the first minibatch */
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(share * g1[i] + (1 - share) * g2[i] - g[0][i]));
        largest = fmax(largest, fabs(g[0][i]));
    }
    assert_true(share > 0.3 && share < 0.7);
    close_to(worst, 0, loose(1e-11) * largest * (EXACT_BUILD ? 1 : 10));
    free(g[0]), free(g[1]), free(g[2]);
}

/* Each epoch, and each iteration, passes the pieces in an order of its own. The norm of the last
 * minibatch's gradient tells which pieces were in it. */
static void ppo_orders_are_new(void **state)
{
    (void)state;
    World w = world(GRADIENT_ONLY, 9);
    w.how.minibatches = 3;
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 123, &w.how, &w.ro);
    int by_epoch = 0, by_key = 0;
    double first = 0;
    for (int i = 0; i < 6; i++) {
        w.how.epochs = 1 + i;
        ppo_update(w.t, &w.ro, 3, &w.how, 0);
        if (!i) first = w.t->grad_norm;
        by_epoch += fabs(w.t->grad_norm - first) > 1e-3 * first;
        w.how.epochs = 1;
        ppo_update(w.t, &w.ro, 3 + (uint64_t)i, &w.how, 0);
        by_key += fabs(w.t->grad_norm - first) > 1e-3 * first;
    }
    assert_true(by_epoch >= 3 && by_key >= 3);
    world_free(&w);
}

/* Prompts as long as the context leave no room for an answer; fewer answers than shards. */
static void ppo_odd_batches(void **state)
{
    (void)state;
    World w = world(NORMAL, 9);
    seqs_free(&w.prompts);
    w.prompts = random_seqs(2, TINY.seq_len, TINY.seq_len, 1);
    int one[1] = { 3 };
    seqs_push(&w.prompts, one, 1);
    w.how.minibatches = 5, w.how.epochs = 2;
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 1, &w.how, &w.ro);
    assert_int_equal(seq_len(&w.ro.seq, 0), TINY.seq_len);
    PpoStats st = ppo_update(w.t, &w.ro, 1, &w.how, 0);
    assert_true(st.ratio == 1 && isfinite(st.policy_loss) && st.length > 0);
    seqs_clear(&w.prompts);
    ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, 1, &w.how, &w.ro);
    assert_int_equal(w.ro.seq.n, 0);
    world_free(&w);
}

// ------------------------------------------------------------------------------------
// The same bytes on any number of threads

static uint64_t train_everything(int workers)
{
    n_workers = workers;
    World w = world(NORMAL, 9);
    PairData q = pair_data();
    SftData d = sft_data(1);
    Trainer *pm = trainer_new(w.pm, NORMAL);
    double numbers[64], *x = numbers;
    memset(numbers, 0, sizeof numbers);
    w.how.epochs = 2, w.how.minibatches = 2;
    for (int i = 0; i < 3; i++) {
        *x++ = sft_step(w.t, &d.s, d.which, d.n, d.mask, 0.01);
        PmStats p = pm_step(pm, &q.s, q.p, q.which, q.n, 0.01);
        *x++ = p.loss, *x++ = p.margin;
        *x++ = dpo_step(w.t, w.pi_0, &q.s, q.prompt_len, q.p, q.which, q.n, 0, 0.3, 0.01);
        ppo_rollout(w.pi, w.pi_0, w.pm, &w.prompts, i, &w.how, &w.ro);
        PpoStats st = ppo_update(w.t, &w.ro, i, &w.how, 0.01);
        *x++ = st.kl, *x++ = st.policy_loss, *x++ = st.value_loss, *x++ = st.ratio_var;
    }
    *x++ = sft_eval(w.t, &d.s, d.which, d.n, NULL);
    pm_centre(w.pm, &q.s);
    uint64_t sum = checksum(numbers, sizeof numbers, 1);
    sum = checksum(w.pi->w, w.pi->n_param * sizeof(real), sum);
    sum = checksum(w.pm->w, w.pm->n_param * sizeof(real), sum);
    sum = checksum(w.t->mean, w.pi->n_param * sizeof(real), sum);
    sum = checksum(w.t->var, w.pi->n_param * sizeof(real), sum);
    trainer_free(pm);
    free(d.mask);
    seqs_free(&d.s);
    pair_free(&q);
    world_free(&w);
    n_workers = 1;
    return sum;
}

static void same_bytes_on_any_number_of_threads(void **state)
{
    (void)state;
    uint64_t one = train_everything(1);
    assert_true(train_everything(1) == one);
    assert_true(train_everything(2) == one);
    assert_true(train_everything(3) == one);
    assert_true(train_everything(8) == one);
}

/* The cut is by tokens, so one document's length moves others between shards; nothing may be
 * lost. */
static void long_lists_are_read_in_pieces(void **state)
{
    (void)state;
    Model *m = tiny_model(4);
    Seqs s = random_seqs(700, 1, 20, 21); /* some 7000 tokens, more than one piece */
    double *score = xcalloc(700, sizeof *score);
    pm_scores(m, &s, score);
    for (int b = 0; b < 700; b += 13) close_to(score[b], score_of(m, &s, b), loose(1e-12));
    close_to(score[699], score_of(m, &s, 699), loose(1e-12));
    free(score);
    seqs_free(&s);
    model_free(m);
}

// ------------------------------------------------------------------------------------
// Where training ends up. A world of three answers of one token to one prompt, as a table inside
// the model: pi_0 = (.2, .3, .5), r = (1, 0, -1), beta = 1; the optimum E11 is (.529, .292, .179).

static const double PI_0[3] = { 0.2, 0.3, 0.5 }, R[3] = { 1, 0, -1 };

/* One-hot embeddings, layers that add nothing: the final state after token y is 2 e_y (4 entries,
 * root mean square 1/2), so head[j][0] = log pi_0[j] / 2 is pi_0 after token 0. */
static Model *table_model(int as_pm)
{
    Model *m = model_new((Config){ .dim = 4,
                                   .hidden_dim = 4,
                                   .n_layers = 1,
                                   .n_heads = 1,
                                   .n_kv_heads = 1,
                                   .vocab_size = 3,
                                   .seq_len = 4 });
    for (int i = 0; i < 4; i++) m->rms_att[i] = m->rms_ffn[i] = m->rms_final[i] = 1;
    for (int y = 0; y < 3; y++) {
        m->tok_emb[4 * y + y] = 1;
        m->head[4 * y] = (real)(log(PI_0[y]) / 2);
        if (as_pm) m->score_w[y] = (real)(R[y] / 2);
    }
    return m;
}

static void policy_of(const Model *m, double *pi)
{
    Seqs s = { 0 };
    for (int y = 0; y < 3; y++) seqs_push(&s, (int[]){ 0, y }, 2);
    completion_logprobs(m, &s, (int[]){ 1, 1, 1 }, pi, NULL);
    for (int y = 0; y < 3; y++) pi[y] = exp(pi[y]);
    seqs_free(&s);
}

static void ppo_ends(const char *name, int epochs, double *pi)
{
    int form = kl_form_index(name);
    Model *m = table_model(0), *pi_0 = table_model(0), *pm = table_model(1);
    Trainer *t = trainer_new(m, (AdamW){ .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 });
    Ppo how = { .lambda_kl = 1,
                .eps_clip = 0.2,
                .c_v = 0.5,
                .gamma = 1,
                .lambda_gae = 0.95,
                .epochs = epochs,
                .minibatches = epochs,
                .max_new = 1,
                .stop = { -1, -1, -1 },
                .kl_form = form };
    Seqs prompts = { 0 };
    Rollout ro = { 0 };
    for (int b = 0; b < 256; b++) seqs_push(&prompts, (int[]){ 0 }, 1);
    for (int i = 0; i < 400; i++) {
        ppo_rollout(m, pi_0, pm, &prompts, rng_key(31, form, i), &how, &ro);
        ppo_update(t, &ro, rng_key(32, form, i), &how, 0.01 * lr_schedule(LR_LINEAR, i, 0, 400));
    }
    policy_of(m, pi);
    rollout_free(&ro);
    seqs_free(&prompts);
    trainer_free(t);
    model_free(m), model_free(pi_0), model_free(pm);
}

static void ends_near(const double *pi, double a, double b, double c, double tolerance)
{
    close_to(pi[0], a, tolerance);
    close_to(pi[1], b, tolerance);
    close_to(pi[2], c, tolerance);
}

/* What the program prints of a form: its name says estimator and place, and it is right if and
 * only if PPO ends at E11's optimum. */
static void kl_table(void **state)
{
    (void)state;
    double best[3];
    char optimum[64];
    int right = 0;
    gibbs_optimum(3, PI_0, R, 1, best);
    snprintf(optimum, sizeof optimum, "(%.3f, %.3f, %.3f)", best[0], best[1], best[2]);
    for (int k = 0; k < N_KL_FORMS; k++) {
        const KlForm *f = &kl_forms[k];
        double end[3];
        char name[32], ends[64];
        static const char *const estimator[] = { "k1", "k2", "k3", "abs" };
        snprintf(name, sizeof name, "%s-%s", estimator[f->estimator],
                 f->place == KL_IN_REWARD ? "reward" : "loss");
        assert_string_equal(f->name, name);
        assert_int_equal(kl_form_index(name), k);
        assert_int_equal(sscanf(f->ends, "(%lf, %lf, %lf)", &end[0], &end[1], &end[2]), 3);
        snprintf(ends, sizeof ends, "(%.3f, %.3f, %.3f)", end[0], end[1], end[2]);
        assert_int_equal(f->right, strcmp(ends, optimum) == 0);
        right += f->right;
        ppo_ends(f->name, 1, best);
        ends_near(best, end[0], end[1], end[2], end[0] == 1 ? 0.1 : 0.04);
    }
    assert_int_equal(right, 2); /* k1 in the reward, k2 in the loss */
    assert_int_equal(kl_form_index("k9"), -1);
}

/* Where each placement of the KL penalty ends up, from exact expected gradients (peers' table):
 * only k1 in the reward and k2 in the loss reach the optimum. */
static void ppo_reaches_the_optimum(void **state)
{
    (void)state;
    double pi[3], best[3];
    gibbs_optimum(3, PI_0, R, 1, best); /* .2 e, .3, .5/e over 1.02759609 */
    ends_near(best, 0.529056, 0.291944, 0.179000, 2e-6);
    ppo_ends("k1-reward", 1, pi);
    ends_near(pi, best[0], best[1], best[2], 0.03);
    ppo_ends("k1-reward", 2, pi); /* several epochs and minibatches: the same place */
    ends_near(pi, best[0], best[1], best[2], 0.03);
    ppo_ends("k2-loss", 1, pi);
    ends_near(pi, best[0], best[1], best[2], 0.03);
}

/* All pairs of answers with Bradley-Terry labels s(r_A - r_B): the PM learns the rewards up to a
 * constant, and DPO the policy that is optimal for them. */
static void pm_and_dpo_recover_the_rewards(void **state)
{
    (void)state;
    Seqs pairs = { 0 };
    double p[3], pi[3], best[3], score[6];
    int which[3] = { 0, 1, 2 }, prompt_len[6] = { 1, 1, 1, 1, 1, 1 }, n = 0;
    for (int a = 0; a < 3; a++)
        for (int b = a + 1; b < 3; b++) {
            seqs_push(&pairs, (int[]){ 0, a }, 2);
            seqs_push(&pairs, (int[]){ 0, b }, 2);
            p[n++] = 1 / (1 + exp(R[b] - R[a]));
        }
    Model *m = table_model(0), *ref = table_model(0), *pm = table_model(0);
    AdamW opt = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    Trainer *t = trainer_new(m, opt), *u = trainer_new(pm, opt);
    PmStats st = { 0 };
    for (int i = 0; i < 1500; i++) {
        dpo_step(t, ref, &pairs, prompt_len, p, which, 3, 0, 1,
                 0.01 * lr_schedule(LR_LINEAR, i, 0, 1500));
        st = pm_step(u, &pairs, p, which, 3, 0.01 * lr_schedule(LR_LINEAR, i, 0, 1500));
    }
    policy_of(m, pi);
    gibbs_optimum(3, PI_0, R, 1, best);
    ends_near(pi, best[0], best[1], best[2], 1e-3);
    pm_scores(pm, &pairs, score); /* pairs (0,1), (0,2), (1,2): margins 1, 2, 1 */
    close_to(score[0] - score[1], 1, 1e-2);
    close_to(score[2] - score[3], 2, 1e-2);
    close_to(score[4] - score[5], 1, 1e-2);
    close_to(st.loss, st.entropy_floor, 1e-4);
    close_to(st.accuracy, 1, 0);
    seqs_free(&pairs);
    trainer_free(t), trainer_free(u);
    model_free(m), model_free(ref), model_free(pm);
}

// ------------------------------------------------------------------------------------
// The training loops of the paper's acts (cai.c), on texts

static Tokenizer *small_tokenizer(void)
{
    static const char text[] = "Human: How do I mend the boat?\n\nAssistant: With a hammer.\n\n";
    return tokenizer_train(text, strlen(text), 280, 0);
}

static Model *small_model(const Tokenizer *tok, uint64_t seed)
{
    Model *m = model_new((Config){ .dim = 8,
                                   .hidden_dim = 12,
                                   .n_layers = 1,
                                   .n_heads = 2,
                                   .n_kv_heads = 1,
                                   .vocab_size = tok->vocab_size,
                                   .seq_len = 64,
                                   .tied = 1 });
    model_init(m, seed);
    for (int i = 0; i < m->c.dim; i++) m->score_w[i] = (real)rng_normal(seed, i);
    m->tok = tok;
    return m;
}

static int moved(const Model *m, const Model *before, const real *tensor, size_t n)
{
    return memcmp(tensor, before->w + (tensor - m->w), n * sizeof(real)) != 0;
}

/* D13: SL-CAI leaves the embedding as pretrained, the preference model learns with all weights. */
static void embedding_learns_in_the_pm_only(void **state)
{
    (void)state;
    Tokenizer *tok = small_tokenizer();
    for (int pm = 0; pm < 2; pm++) {
        Model *m = small_model(tok, 5), *before = model_clone(m);
        Comparisons c = { 0 };
        Examples e = { 0 };
        for (int i = 0; i < 4; i++) {
            comparisons_add(&c, tok, "How do I mend", " the boat", i % 2 ? " a boat" : " With", 1);
            examples_add(&e, tok, "How do I mend", i % 2 ? " the boat" : " a hammer", 1);
        }
        if (pm) train_pm(m, &c, 2, 1e-3, (Draws){ 1, S_PM, 0 }, NULL, "pm");
        else train_sl(m, &e, 2, 1e-3, 1, NULL);
        size_t C = (size_t)m->c.dim;
        assert_int_equal(moved(m, before, m->tok_emb, C * (size_t)m->c.vocab_size), pm);
        assert_int_equal(moved(m, before, m->wq, C * C), 1);
        comparisons_free(&c), examples_free(&e);
        model_free(m), model_free(before);
    }
    tokenizer_free(tok);
}

/* RL as the documents tell it, to the bit: a copy of pi_0 with a value head of 0 (D7) that learns
 * value_lr times faster, the embedding frozen (D13); every iteration new draws, scores counted from
 * that of the reference's most likely answer (D15), and the rate 1/2, 1, then falling by 1/N an
 * iteration to 3/N (D23). All prompts are alike here, so their order says nothing. */
static void rl_loop(void **state)
{
    (void)state;
    enum { N = 5, BATCH = 8 };
    static const double rate[N] = { 0.5, 1, 1, 0.8, 0.6 }; /* the last is 3/5 */
    Tokenizer *tok = small_tokenizer();
    Model *pi_0 = small_model(tok, 5), *pm = small_model(tok, 6), *pi = model_clone(pi_0);
    Ppo how = PPO;
    how.max_new = 6, how.minibatches = 2, how.epochs = 2, how.stop[0] = TOKEN_BEGIN;
    Texts prompts = { 0 };
    for (int i = 0; i < 4; i++) texts_add(&prompts, "How do I mend the boat?");
    Model *got =
        train_rl(pi_0, pm, &prompts, &how, N, BATCH, 0.01, 7, (Draws){ 3, S_RL, 0 }, NULL, "rl");

    memset(pi->score_w, 0, (size_t)pi->c.dim * sizeof(real));
    *pi->score_b = 0;
    Trainer *t = trainer_new(
        pi,
        (AdamW){
            .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .max_norm = 1, .head_lr = 7, .frozen = 1 });
    Seqs asked = { 0 };
    Rollout ro = { 0 };
    for (int b = 0; b < BATCH; b++) push_text(&asked, tok, prompts.s[0], NULL, 0);
    double *level = prompt_levels(pi_0, pm, &prompts, how.max_new);
    for (int it = 0; it < N; it++) {
        uint64_t key = rng_key(3, S_RL, (uint64_t)it);
        ppo_rollout(pi, pi_0, pm, &asked, key, &how, &ro);
        for (int b = 0; b < BATCH; b++) ro.score[b] -= level[0];
        ppo_update(t, &ro, key, &how, 0.01 * rate[it]);
    }
    for (size_t i = 0; i < pi->n_param; i++) close_to(got->w[i], pi->w[i], 1e-6);
    assert_true(fabs((double)*pi->score_b) > 0.01);
    free(level);
    rollout_free(&ro);
    seqs_free(&asked);
    texts_free(&prompts);
    trainer_free(t);
    model_free(pi_0), model_free(pm), model_free(pi), model_free(got);
    tokenizer_free(tok);
}

int main(int argc, char **argv) /* an argument: the name of the one test to run */
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(e1_value),
        cmocka_unit_test(e1_gradient),
        cmocka_unit_test(e1_minimum_floor_shift_swap),
        cmocka_unit_test(e2_labels),
        cmocka_unit_test(e3_elo_units),
        cmocka_unit_test(e3_fit_recovers_planted_strengths),
        cmocka_unit_test(e3_ties),
        cmocka_unit_test(e4_kl_estimators),
        cmocka_unit_test(e4_reward),
        cmocka_unit_test(e5_policy),
        cmocka_unit_test(e5_value),
        cmocka_unit_test(e5_gradients),
        cmocka_unit_test(e6_gae),
        cmocka_unit_test(e4_e5_policy_gradient_is_unbiased),
        cmocka_unit_test(e7_distances),
        cmocka_unit_test(e8_ece),
        cmocka_unit_test(e8_pairs),
        cmocka_unit_test(e9_harm),
        cmocka_unit_test(e10_accuracy),
        cmocka_unit_test(e10_pairs),
        cmocka_unit_test(e11_gibbs),
        cmocka_unit_test(e12_dpo_ipo),
        cmocka_unit_test(e13_supervised),
        cmocka_unit_test(e14_scored),
        cmocka_unit_test(wilson_interval),
        cmocka_unit_test(schedule),
        cmocka_unit_test(adamw_two_steps),
        cmocka_unit_test(adamw_place_of_eps),
        cmocka_unit_test(muon_one_step),
        cmocka_unit_test(muon_two_steps),
        cmocka_unit_test(score_head_learns_faster),
        cmocka_unit_test(gradients_are_zero_after_a_step),
        cmocka_unit_test(losses_that_stop),
        cmocka_unit_test(a_dead_model_is_told),
        cmocka_unit_test(frozen_embedding),
        cmocka_unit_test(clipping_by_global_norm),
        cmocka_unit_test(a_state_goes_on_to_the_bit),
        cmocka_unit_test(sft_value_and_gradient),
        cmocka_unit_test(sft_permuted_batch),
        cmocka_unit_test(sft_odd_batches),
        cmocka_unit_test(pm_value_statistics_gradient),
        cmocka_unit_test(completion_values),
        cmocka_unit_test(dpo_value_and_gradient),
        cmocka_unit_test(ppo_first_pass_is_exact),
        cmocka_unit_test(ppo_explained_variance),
        cmocka_unit_test(ppo_rollout_contents),
        cmocka_unit_test(ppo_rewards_returns_statistics),
        cmocka_unit_test(ppo_gradient),
        cmocka_unit_test(ppo_odd_batches),
        cmocka_unit_test(ppo_other_rewards),
        cmocka_unit_test(ppo_draws_are_new),
        cmocka_unit_test(ppo_passes_every_token_once),
        cmocka_unit_test(ppo_minibatch_is_a_mean),
        cmocka_unit_test(ppo_orders_are_new),
        cmocka_unit_test(same_bytes_on_any_number_of_threads),
        cmocka_unit_test(long_lists_are_read_in_pieces),
        cmocka_unit_test(ppo_reaches_the_optimum),
        cmocka_unit_test(pm_and_dpo_recover_the_rewards),
        cmocka_unit_test(kl_table),
        cmocka_unit_test(embedding_learns_in_the_pm_only),
        cmocka_unit_test(rl_loop),
    };
    return cmocka_run_group_tests_name("train", tests, make_scratch, remove_scratch);
}
