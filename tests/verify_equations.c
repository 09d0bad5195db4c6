/* tests/verify_equations.c -- E1..E14 against values that do not come from equations.c: hand
 * calculations (their steps are in the comments), the definitions written out in long double,
 * series and integrals; and every number that a comment of equations.c states.
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

typedef long double exact;

static exact s(exact z) { return 1 / (1 + expl(-z)); }
static double off(double got, exact want) { return (double)fabsl(got - want); }

/* Half of the last digit of a number that is printed with so many digits after the point. */
static double half_of_digit(int digits) { return 0.5 * pow(10, -digits); }

// ------------------------------------------------------------------------------------
// E1 preferences

static void preference_loss(void)
{
    double dr, dr2, value = 0, slope = 0, shift = 0, swap = 0, floor = 0, least = 0;
    for (double r_A = -3; r_A <= 3; r_A += 0.75)
        for (double r_B = -2; r_B <= 2; r_B += 0.5)
            for (double p = 0; p <= 1; p += 0.125) {
                exact d = (exact)r_A - r_B, L = -p * logl(s(d)) - (1 - p) * logl(s(-d));
                value = larger(off(pm_loss(r_A, r_B, p, &dr), L), value);
                slope = larger(off(dr, s(d) - p), slope);
                shift = larger(off(pm_loss(r_A + 64, r_B + 64, p, &dr2), L), shift);
                swap = larger(off(pm_loss(r_B, r_A, 1 - p, &dr2), L) + fabs(dr + dr2), swap);
            }
    for (double p = 0.1; p < 1; p += 0.1) { /* at the margin logit(p) the loss is H(p), level */
        exact H = -p * logl(p) - (1 - (exact)p) * logl(1 - (exact)p);
        floor = larger(off(pm_loss(log(p / (1 - p)), 0, p, &dr), H), floor);
        floor = larger(off(label_entropy(p), H), floor);
        least = larger(fabs(dr), least);
    }
    check("E1", "pm_loss/value", "definition in long double", value, ROUNDING);
    check("E1", "pm_loss/slope", "s(r_A - r_B) - p in long double", slope, ROUNDING);
    check("E1", "pm_loss/shift", "the same loss 64 points higher", shift, ROUNDING);
    check("E1", "pm_loss/swap", "A and B exchanged, p for 1 - p", swap, ROUNDING);
    check("E1", "pm_loss/floor", "H(p) at the margin logit(p)", floor, ROUNDING);
    check("E1", "pm_loss/minimum", "slope 0 at the margin logit(p)", least, ROUNDING);
    /* 0.8 ln(1 + e^-0.9) + 0.2 ln(1 + e^0.9) = 0.8 * 0.341153874734 + 0.2 * 1.241153874734 */
    check("E1", "pm_loss/by_hand", "r_A 1.2, r_B 0.3, p 0.8: 0.52115387473...",
          fabs(pm_loss(1.2, 0.3, 0.8, &dr) - 0.5211538747320878), ROUNDING);
    check("E1", "pm_loss/far", "margin -1000: loss 1000, no overflow",
          fabs(pm_loss(-500, 500, 1, &dr) - 1000), ROUNDING * 1000);
    /* the comment's numbers: ln 1.5 = 0.405465 and H(0.6) = 0.673012 */
    pm_loss(0.405, 0, 0.6, &dr);
    check("E1", "pm_loss/margin_of_0.6", "level at 0.405, to its last digit", fabs(dr),
          half_of_digit(3) / 4); /* slope of the slope: at most 1/4 */
    check("E1", "label_entropy/of_0.6", "0.673, to its last digit",
          fabs(label_entropy(0.6) - 0.673), half_of_digit(3));
    check("E1", "label_entropy/ends", "hard labels 0, 1/2: log 2",
          label_entropy(0) + label_entropy(1) + off(label_entropy(0.5), logl(2)), ROUNDING);
}

// ------------------------------------------------------------------------------------
// E2 feedback

static void feedback_labels(void)
{
    double value = 0, identical = 0, sum = 0, p3[] = { 0.9, 0.6, 0.3 };
    for (double a = -9; a < 0; a += 0.7)
        for (double b = -8; b < 0; b += 0.9) {
            double p = p_A_of(a, b), q = p_A_of(b - 0.3, a);
            value = larger(off(p, expl(a) / (expl(a) + expl(b))), value);
            identical = larger(fabs(p_both_orders(p, p) - 0.5), identical);
            sum = larger(fabs(p_both_orders(p, q) + p_both_orders(q, p) - 1), sum);
        }
    check("E2", "p_A_of/value", "e^a / (e^a + e^b) in long double", value, ROUNDING);
    check("E2", "p_both_orders/identical", "a judge with any liking for a place: 1/2", identical,
          0); /* exact */
    check("E2", "p_both_orders/exchanged", "p(x over y) + p(y over x) = 1", sum, ROUNDING);
    /* shown first A wins with 0.9; shown first B wins with 0.3, so A with 0.7: mean 0.8 */
    check("E2", "p_both_orders/by_hand", "0.9 and 1 - 0.3: 0.8",
          fabs(p_both_orders(0.9, 0.3) - 0.8), ROUNDING);
    check("E2", "p_chains/by_hand", "0.9, 0.6, 0.3: 0.6", fabs(p_chains(3, p3) - 0.6), ROUNDING);
    check("E2", "p_clamp/ends", "0.97, 0.02, 0.55 in [0.4, 0.6]",
          fabs(p_clamp(0.97, 0.4, 0.6) - 0.6) + fabs(p_clamp(0.02, 0.4, 0.6) - 0.4)
              + fabs(p_clamp(0.55, 0.4, 0.6) - 0.55),
          0);
    check("E2", "p_hard/ties", "0.51, 0.49, 0.5: 1, 0, 0.5",
          fabs(p_hard(0.51) - 1) + fabs(p_hard(0.49)) + fabs(p_hard(0.5) - 0.5), 0);
}

// ------------------------------------------------------------------------------------
// E3 Elo

/* Three players: 70, 100 and 40 games that i won, j won, or nobody, in the odds of R 0, 120, -60
 * where nobody is left out; and the fit with each tie as half a win. */
static void elo_ties(void)
{
    static const double planted[] = { 0, 120, -60 };
    double without[9] = { 0 }, halves[9] = { 0 }, R[3], H[3], fit = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            if (i == j) continue;
            double W = (double)(1 / (1 + powl(10, (exact)(planted[j] - planted[i]) / 400)));
            without[i * 3 + j] = 80 * W;
            halves[i * 3 + j] = 80 * W + 30; /* 60 ties more a pair */
        }
    elo_fit(3, without, 0, R);
    elo_fit(3, halves, 0, H);
    for (int i = 0; i < 3; i++) fit = larger(fabs(R[i] - planted[i]), fit);
    check("E3", "elo_fit/without_ties", "planted 120 and -60 from decided games", fit, 1e-9);
    check("E3", "elo_fit/ties_pull", "ties as halves: 0 < H_1 < 120, -60 < H_2 < 0",
          larger(fabs(H[1] - 60) - 60, fabs(H[2] + 30) - 30), -1); /* inside by 1 and more */
    /* two players have a closed form: 400 log10(70/30) and 400 log10(60/20) */
    elo_fit(2, (double[]){ 0, 70, 30, 0 }, 1, H);
    elo_fit(2, (double[]){ 0, 60, 20, 0 }, 1, R);
    check("E3", "elo_fit/half_ties", "60:20 and 20 ties as halves: 400 log10(7/3)",
          off(H[0], 400 * log10l(7.0L / 3)), 1e-9);
    check("E3", "elo_fit/no_ties", "60:20: 400 log10(3)", off(R[0], 400 * log10l(3)), 1e-9);
    check("E3", "elo_fit/comment", "147.2 and 190.8, to the last digit",
          larger(fabs(H[0] - 147.2), fabs(R[0] - 190.8)), half_of_digit(1));
}

static void elo(void)
{
    static const double planted[] = { 0, 130, -75, 310 };
    double value = 0, fit = 0, wins[16] = { 0 }, R[4];
    for (double d = -700; d <= 700; d += 35)
        value = larger(off(elo_win(d + 20, 20), 1 / (1 + powl(10, -(exact)d / 400))), value);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            exact W = 1 / (1 + powl(10, (exact)(planted[j] - planted[i]) / 400));
            if (i != j) wins[i * 4 + j] = (double)(50 * W);
        }
    elo_fit(4, wins, 0, R);
    for (int i = 0; i < 4; i++) fit = larger(fabs(R[i] - planted[i]), fit);
    check("E3", "elo_win/value", "1 / (1 + 10^(-d/400)) in long double", value, ROUNDING);
    check("E3", "elo_win/comment", "70 points 60 %, 200 points 76 %, to a percent's half",
          larger(fabs(elo_win(70, 0) - 0.60), fabs(elo_win(200, 0) - 0.76)), half_of_digit(2));
    check("E3", "elo_win/limit", "2000 points: odds of 100,000 to one",
          off(elo_win(2000, 0) / elo_win(0, 2000), 1e5L), 1e5 * 1e-10); /* 1 - W has 11 digits */
    check("E3", "elo_of_score/value", "400 / ln 10 points a nat",
          fabs(elo_of_score(2.302585092994046) - 400), 400 * ROUNDING);
    check("E3", "elo_of_score/win", "s(0.405) wins, read in points",
          off(elo_win(elo_of_score(0.405), 0), s(0.405L)), ROUNDING);
    check("E3", "elo_of_score/HH", "HH's 174 a nat, to the last digit", fabs(elo_of_score(1) - 174),
          half_of_digit(0));
    check("E3", "elo_fit/planted", "expected counts of planted ratings", fit, 1e-9);
    elo_ties();
}

// ------------------------------------------------------------------------------------
// E4 KL

static void kl_estimators(void)
{
    static const double pi[] = { 0.5, 0.3, 0.2 }, ref[] = { 0.2, 0.3, 0.5 };
    double k1 = 0, k2 = 0, k3 = 0, slope = 0, below = 0;
    exact kl = 0, half = 0;
    for (int i = 0; i < 3; i++) {
        double logr = log(pi[i] / ref[i]);
        exact x = logl((exact)pi[i]) - logl((exact)ref[i]);
        kl += pi[i] * x, half += pi[i] * x * x / 2;
        k1 += pi[i] * kl_k1(logr), k2 += pi[i] * kl_k2(logr), k3 += pi[i] * kl_k3(logr);
    }
    for (double logr = -4; logr <= 4; logr += 0.25) {
        slope = larger(off(kl_k3_slope(logr), 1 - expl(-(exact)logr)) / exp(fabs(logr)), slope);
        below = larger(-kl_k3(logr), below);
    }
    check("E4", "kl_k1/mean", "sum pi log(pi / pi_0), three answers", off(k1, kl), ROUNDING);
    check("E4", "kl_k2/mean", "half the mean square of the log-ratio", off(k2, half), ROUNDING);
    check("E4", "kl_k3/mean", "sum pi log(pi / pi_0), three answers", off(k3, kl), ROUNDING);
    /* 0.5 ln 2.5 + 0.3 ln 1 + 0.2 ln 0.4 = 0.3 ln 2.5 */
    check("E4", "kl_k3/by_hand", "0.3 ln 2.5 = 0.274887219562...", fabs(k3 - 0.27488721956224654),
          ROUNDING);
    check("E4", "kl_k3/sign", "never below 0", below, 0);
    check("E4", "kl_k3_slope/slope", "1 - e^-logr in long double", slope, ROUNDING);
    check("E4", "kl_k3_slope/held", "40 nats below: as at 20; a ratio of e^20",
          fabs(kl_k3_slope(-40) - kl_k3_slope(-20)) + fabs(ratio_of(0, -40) - ratio_of(0, -20))
              + off(ratio_of(0, -20) / 485165195.40979027796L, 1),
          ROUNDING);
    check("E4", "kl_k3_slope/comment", "e^90 overflows a float, e^20 does not",
          exp(90) > FLT_MAX && exp(20) < FLT_MAX ? 0 : 1, 0);
    check("E4", "kl/zero", "equal policies: exactly 0",
          fabs(kl_k1(0)) + fabs(kl_k2(0)) + fabs(kl_k3(0)), 0);
    /* 1 - 0.1 * 0.5: drift is charged, not paid */
    check("E4", "reward_penalised/by_hand", "r 1, lambda 0.1, log-ratio 0.5: 0.95",
          fabs(reward_penalised(1, 0.1, 0.5) - 0.95), ROUNDING);
}

// ------------------------------------------------------------------------------------
// E5 PPO

static void policy_loss(void)
{
    double value = 0, slope = 0, d, one;
    int c;
    for (double logr = -0.5; logr <= 0.5; logr += 0.0625)
        for (double A = -2; A <= 2; A += 0.5) {
            exact rho = expl(logr), held = rho < 0.8L ? 0.8L : rho > 1.2L ? 1.2L : rho;
            exact J = fminl(rho * A, held * A);
            exact dJ = rho * A <= held * A ? rho * A : 0; /* d rho / d log pi = rho */
            value = larger(off(ppo_clip_loss(logr - 1, -1, A, 0.2, &d, &c), -J), value);
            slope = larger(off(d, -dJ), slope);
        }
    ppo_clip_loss(-2, -2, 1.7, 0.2, &d, &c);
    one = fabs(ratio_of(-2, -2) - 1) + fabs(d + 1.7) + c;
    check("E5", "ppo_clip_loss/value", "-min(rho A, clip(rho) A) in long double", value, ROUNDING);
    check("E5", "ppo_clip_loss/slope", "-rho A, or 0 where the clip is smaller", slope, ROUNDING);
    check("E5", "ppo_clip_loss/ratio_one", "first pass: ratio 1, slope -A, not clipped", one, 0);
    /* rho = e^0.5 = 1.6487 > 1.2 with A = 2: held at 2.4, so the loss is -2.4, nothing pulls on */
    check("E5", "ppo_clip_loss/by_hand", "log-ratio 0.5, A 2: -2.4, slope 0",
          fabs(ppo_clip_loss(-0.5, -1, 2, 0.2, &d, &c) + 2.4) + fabs(d), ROUNDING);
    /* the same ratio, A = -2: -rho A = 2 e^0.5; a bad token that became likelier is pulled back */
    check("E5", "ppo_clip_loss/bad_token", "log-ratio 0.5, A -2: 3.29744254140...",
          fabs(ppo_clip_loss(-0.5, -1, -2, 0.2, &d, &c) - 3.2974425414002564), ROUNDING);
}

static void value_losses(void)
{
    double value = 0, slope = 0, d;
    int c, stopped = 0;
    for (double V = -1.02; V <= 1; V += 0.15)
        for (double G = -1.03; G <= 1; G += 0.25) {
            exact held = V < 0.1 ? 0.1L : V > 0.5 ? 0.5L : V;
            exact a = ((exact)V - G) * ((exact)V - G), b = (held - G) * (held - G);
            value = larger(off(value_loss(V, 0.3, G, 0.2, &d, &c), fmaxl(a, b) / 2), value);
            slope = larger(off(d, a >= b ? (exact)V - G : 0), slope);
        }
    check("E5", "value_loss/value", "max of clipped and plain squares, halved", value, ROUNDING);
    check("E5", "value_loss/slope", "V - G, or 0 where the clip is larger", slope, ROUNDING);
    for (int i = 0; i < 10000; i++) { /* drawn apart, well inside the bounds */
        double V_old = 0.18 * rng_uniform(1, (uint64_t)i) - 0.09, G = rng_normal(3, (uint64_t)i);
        double V = 0.18 * rng_uniform(2, (uint64_t)i) - 0.09;
        value_loss(V, V_old, G, 0.2, &d, &c);
        stopped += c || d != V - G;
    }
    check("E5", "value_loss/inside", "inside the bounds: V itself, to the last bit", stopped, 0);
}

// ------------------------------------------------------------------------------------
// E6 advantages

/* The return of E6 as a mean of n-step returns (lambda-return), which uses no advantage:
 * G_t = (1 - lambda) sum_{n < T - t} lambda^(n-1) G_t^(n) + lambda^(T-t-1) G_t^(T-t). */
static double lambda_return(int T, const double *r, const double *V, double gamma, double lambda,
                            int t)
{
    double sum = 0, rewards = 0;
    for (int n = 1; n <= T - t; n++) {
        rewards += pow(gamma, n - 1) * r[t + n - 1];
        double n_step = rewards + pow(gamma, n) * V[t + n]; /* V[T] is 0 */
        sum += pow(lambda, n - 1) * (n < T - t ? 1 - lambda : 1) * n_step;
    }
    return sum;
}

static void advantages(void)
{
    enum { T = 5 };
    static const double r[T] = { -0.1, 0.3, -0.2, 0.05, 1 }, late[T] = { 0, 0, 0, 0, 1 };
    static const double V[T + 1] = { 0.2, -0.4, 0.6, 0.1, 0.5, 0 }, none[T + 1] = { 0 };
    double A[T], G[T], td[T], G_td[T], mc[T], G_mc[T], far[T], G_far[T];
    double sum = 0, step = 0, whole = 0, returns = 0, decay = 0;
    gae(T, r, V, 0.9, 0.7, A, G);
    gae(T, r, V, 1, 0, td, G_td);
    gae(T, r, V, 1, 1, mc, G_mc);
    gae(T, late, none, 0.9, 0.7, far, G_far);
    for (int t = 0; t < T; t++) {
        double want = 0, rest = 0;
        for (int k = t; k < T; k++) {
            want += pow(0.9 * 0.7, k - t) * (r[k] + 0.9 * V[k + 1] - V[k]);
            rest += r[k];
        }
        sum = larger(fabs(A[t] - want), sum);
        step = larger(fabs(td[t] - (r[t] + V[t + 1] - V[t])), step);
        whole = larger(fabs(mc[t] - (rest - V[t])), whole);
        returns = larger(fabs(G[t] - lambda_return(T, r, V, 0.9, 0.7, t)), returns);
        decay = larger(fabs(far[t] - pow(0.9 * 0.7, T - 1 - t)), decay);
    }
    check("E6", "gae/sum", "sum (gamma lambda)^k delta, written out", sum, ROUNDING);
    check("E6", "gae/lambda_0", "r_t + V_(t+1) - V_t, V beyond the end 0", step, ROUNDING);
    check("E6", "gae/lambda_1", "the rewards to come minus V_t", whole, ROUNDING);
    check("E6", "gae/returns", "lambda-weighted mean of n-step returns", returns, ROUNDING);
    check("E6", "gae/late_reward", "V = 0, 1 at the end: (gamma lambda)^k", decay, ROUNDING);
}

// ------------------------------------------------------------------------------------
// E7 .. E10 measures

/* KL of the best of n uniform draws, density f = n u^(n-1), to the uniform one: the integral of
 * f log f by Simpson's rule, with u = x^4 so that no derivative is infinite at 0. */
static double best_of_n_integral(int n)
{
    enum { PARTS = 20000 };
    exact sum = 0;
    for (int k = 0; k <= PARTS; k++) {
        exact x = (exact)k / PARTS, u = x * x * x * x, f = n * powl(u, n - 1);
        sum += (k == 0 || k == PARTS ? 1
                : k % 2              ? 4
                                     : 2)
               * 4 * x * x * x * (f > 0 ? f * logl(f) : 0);
    }
    return (double)(sum / (3 * (exact)PARTS));
}

static void distances(void)
{
    double bon = 0;
    for (int n = 1; n <= 16; n *= 2)
        bon = larger(fabs(kl_best_of_n(n) - best_of_n_integral(n)), bon);
    check("E7", "kl_best_of_n/integral", "KL of the maximum's density, Simpson's rule", bon, 1e-10);
    check("E7", "sqrt_kl/value", "4: 2; -0.1: 0", fabs(sqrt_kl(4) - 2) + fabs(sqrt_kl(-0.1)), 0);
    /* d (1 - 0.1 d) is largest at d = 5, 2.5; d (1 - 0.5 ln d) at d = e, e/2 */
    check("E7", "r_best_of_n/largest", "alpha 1, beta 0.1: 2.5 at 5, level there",
          fabs(r_best_of_n(5, 1, 0.1) - 2.5)
              + fabs(r_best_of_n(5.001, 1, 0.1) - r_best_of_n(4.999, 1, 0.1)),
          ROUNDING);
    check("E7", "r_rl/largest", "alpha 1, beta 0.5: e/2 at e; 0 at 0",
          fabs(r_rl(2.718281828459045, 1, 0.5) - 1.3591409142295225) + fabs(r_rl(0, 1, 0.5)),
          ROUNDING);
}

/* Comparisons by a PM that is right about its own doubts: margins 1.35 times normal, and A is the
 * better with probability s(margin). The better answer stands first, so the label is 1. */
enum { COMPARISONS = 100000 };
static double p[COMPARISONS], label[COMPARISONS];

static void simulate(void)
{
    for (int i = 0; i < COMPARISONS; i++) {
        double p_A = (double)s(1.35L * rng_normal(71, (uint64_t)i));
        p[i] = rng_uniform(72, (uint64_t)i) < p_A ? p_A : 1 - p_A;
        label[i] = 1;
    }
}

static void exchange_every_second(void)
{
    for (int i = 1; i < COMPARISONS; i += 2) p[i] = 1 - p[i], label[i] = 1 - label[i];
}

static void calibration(void)
{
    double one[10], y[10] = { 1, 1, 1 }, top[2] = { 1, 0.95 }, y_top[2] = { 1, 0 };
    for (int i = 0; i < 10; i++) one[i] = 0.3;
    check("E8", "ece/calibrated", "ten times 0.3, three right: 0", ece(10, one, y, 10), ROUNDING);
    /* 1 and 0.95 share the last of ten bins: |(1 - 1) + (0 - 0.95)| / 2 */
    check("E8", "ece/by_hand", "1 right, 0.95 wrong: 0.475", fabs(ece(2, top, y_top, 10) - 0.475),
          ROUNDING);
    check("E8", "ece/bins", "0.3 right, 0.7 wrong, apart: 0.7",
          fabs(ece(2, (double[]){ 0.3, 0.7 }, (double[]){ 1, 0 }, 10) - 0.7), ROUNDING);
    /* c: 0.95, 0.7, 0.7, 0.5; right: 1, 0, 0.8, 1/2; bins of 0.05: gaps 0.05, -0.7 + 0.1, 0 */
    check("E8", "ece_of_pairs/by_hand", "0.95:1, 0.7:0, 0.3:0.2, 0.5:1: 0.65/4",
          fabs(ece_of_pairs(4, (double[]){ 0.95, 0.7, 0.3, 0.5 }, (double[]){ 1, 0, 0.2, 1 }, 10)
               - 0.1625),
          ROUNDING);
    simulate();
    double before = ece_of_pairs(COMPARISONS, p, label, 10);
    double accuracy = accuracy_of_pairs(COMPARISONS, p, label);
    check("E8", "ece_of_pairs/simulated", "a calibrated PM, 100,000 comparisons: 0", before, 0.005);
    /* the mean of 2 q (1 - q), q = s(1.35 normal), by numerical integration: 0.37061; ece() of the
     * same data bins p(chosen) and finds 37 % of error in a PM that has none */
    check("E8", "ece/not_for_pairs", "the same PM through ece(): 0.3706",
          fabs(ece(COMPARISONS, p, label, 10) - 0.37061), 0.002); /* 3 standard errors */
    for (int i = 0; i < COMPARISONS; i++) p[i] = p[i] < 0.5 ? p[i] / 2 : (1 + p[i]) / 2;
    check("E8", "ece_of_pairs/overconfident", "half of each doubt denied: above 0.1",
          0.1 / ece_of_pairs(COMPARISONS, p, label, 10), 1);
    simulate();
    exchange_every_second();
    check("E8", "ece_of_pairs/exchanged", "sides of every second one exchanged: the same",
          fabs(ece_of_pairs(COMPARISONS, p, label, 10) - before), 1e-15);
    check("E10", "accuracy_of_pairs/exchanged", "sides of every second one exchanged: the same",
          fabs(accuracy_of_pairs(COMPARISONS, p, label) - accuracy), 1e-15);
    /* the better answer is the likelier one with probability max(q, 1 - q): mean 0.71821 */
    check("E10", "accuracy_of_pairs/simulated", "mean of max(q, 1 - q): 0.7182",
          fabs(accuracy - 0.71821), 0.0043); /* 3 standard errors */
}

static void measures(void)
{
    double d, lo, hi, mc[] = { 0.9, 0.5, 0.2, 0.8 };
    distances();
    calibration();
    check("E9", "harm_loss/by_hand", "2.5 for 3: 0.25, slope -1",
          fabs(harm_loss(2.5, 3, &d) - 0.25) + fabs(d + 1), 0);
    check("E10", "mc_accuracy/by_hand", "right, tie, wrong, right: 2.5 of 4",
          fabs(mc_accuracy(4, mc) - 0.625), 0);
    /* verdicts A, tie, B, A; labels 1, 0, 0.2, 0.3: 1 + 1/2 + 0.8 + 0.3 */
    check("E10", "accuracy_of_pairs/by_hand", "1, 1/2, 0.8, 0.3 of 4: 0.65",
          fabs(accuracy_of_pairs(4, mc, (double[]){ 1, 0, 0.2, 0.3 }) - 0.65), ROUNDING);
    wilson(0, 20, &lo, &hi); /* z^2 / (n + z^2) = 3.841459 / 23.841459 */
    check("E10", "wilson/none_of_20", "0 to 16 %, to the last digit", larger(lo, fabs(hi - 0.16)),
          half_of_digit(2));
    check("E10", "wilson/by_hand", "upper end 0.161125...", fabs(hi - 0.16112515805281936),
          ROUNDING);
}

// ------------------------------------------------------------------------------------
// E11 .. E14

static void optimum(void)
{
    static const double pi_0[] = { 0.2, 0.3, 0.5 }, r[] = { 1, 0, -1 };
    double pi[3], better = -1, J = 0, beta = 0.7, want = 0;
    double top = gibbs_optimum(3, pi_0, r, beta, pi);
    exact Z = 0;
    for (int i = 0; i < 3; i++) Z += pi_0[i] * expl(r[i] / (exact)beta);
    for (int i = 0; i < 3; i++)
        want = larger(off(pi[i], pi_0[i] * expl(r[i] / (exact)beta) / Z), want);
    for (int i = 0; i < 3; i++) J += pi[i] * (r[i] - beta * log(pi[i] / pi_0[i]));
    for (int a = 1; a < 40; a++)
        for (int b = 1; a + b < 40; b++) { /* every other policy is worth less */
            double q[3] = { a / 40.0, b / 40.0, (40 - a - b) / 40.0 }, J_q = 0;
            for (int i = 0; i < 3; i++) J_q += q[i] * (r[i] - beta * log(q[i] / pi_0[i]));
            better = larger(J_q - top, better);
        }
    check("E11", "gibbs_optimum/policy", "pi_0 exp(r/beta) / Z in long double", want, ROUNDING);
    check("E11", "gibbs_optimum/worth", "mean reward minus beta KL of that policy", fabs(J - top),
          ROUNDING);
    check("E11", "gibbs_optimum/log_Z", "beta log Z in long double", off(top, beta * logl(Z)),
          ROUNDING);
    check("E11", "gibbs_optimum/best", "no policy on a grid of 741 is worth more", better, 0);
}

static void direct_losses(void)
{
    double d, slope = 0, least = 0, value = 0, ipo = 0, ipo_slope = 0;
    for (double w = -6; w < -1; w += 0.8)
        for (double l = -5; l < -1; l += 0.7)
            for (double q = 0.5; q <= 1; q += 0.25) {
                exact margin = ((exact)w + 3) - ((exact)l + 2.5L), h = 0.3L * margin;
                exact L = -q * logl(s(h)) - (1 - q) * logl(s(-h)), miss = margin - 1.25L;
                value = larger(off(dpo_loss(w, l, -3, -2.5, 0.3, q, &d), L), value);
                slope = larger(off(d, 0.3L * (s(h) - q)), slope);
                ipo = larger(off(ipo_loss(w, l, -3, -2.5, 0.4, &d), miss * miss), ipo);
                ipo_slope = larger(off(d, 2 * miss), ipo_slope);
            }
    check("E12", "dpo_loss/value", "definition in long double", value, ROUNDING);
    check("E12", "dpo_loss/slope", "beta (s(h) - p) in long double", slope, ROUNDING);
    check("E12", "dpo_loss/start", "pi = pi_0: ln 2, slope -beta/2",
          fabs(dpo_loss(-3, -2, -3, -2, 0.1, 1, &d) - 0.6931471805599453) + fabs(d + 0.05),
          ROUNDING);
    dpo_loss(-3 + log(4) / 0.1, -2, -3, -2, 0.1, 0.8, &least); /* logit(0.8) = ln 4 */
    check("E12", "dpo_loss/minimum", "soft label 0.8: level at h = ln 4", fabs(least), ROUNDING);
    check("E12", "ipo_loss/value", "(h - 1/(2 tau))^2 in long double", ipo, 10 * ROUNDING);
    check("E12", "ipo_loss/slope", "2 (h - 1/(2 tau)) in long double", ipo_slope, ROUNDING);
    check("E12", "ipo_loss/minimum", "0 and level at the margin 1/(2 tau)",
          fabs(ipo_loss(-1.75, -2, -3, -2, 0.4, &d)) + fabs(d), ROUNDING);
}

static void supervised(void)
{
    double logp[] = { log(0.5), log(0.25), 0 }, d[2];
    double p_0[] = { 0.7, 0.3 }, even[] = { log(0.5), log(0.5) }, same[] = { log(0.7), log(0.3) };
    double five[] = { 0, 0, 0, 0, 1 }, first[] = { 1, 0, 0, 0, 0 },
           level[] = { 0.2, 0.2, 0.2, 0.2, 0.2 };
    double mixed[] = { 0.1, 0, 0, 0.5, 0.4 }, half[] = { 0.05, 0, 0, 0.25, 0.2 };
    check("E13", "sft_loss/by_hand", "1/2 times 1/4: ln 8",
          fabs(sft_loss(3, logp) - 2.0794415416798357), ROUNDING);
    /* 0.7 ln 1.4 + 0.3 ln 0.6 = 0.235530565635 - 0.153247687130 */
    check("E13", "distill_loss/by_hand", "(0.7, 0.3) to (0.5, 0.5): 0.0822828785...",
          fabs(distill_loss(2, p_0, even, d) - 0.08228287850505178), ROUNDING);
    check("E13", "distill_loss/slope", "-p_0", fabs(d[0] + 0.7) + fabs(d[1] + 0.3), 0);
    check("E13", "distill_loss/equal", "equal distributions: 0",
          fabs(distill_loss(2, p_0, same, d)), ROUNDING);
    check("E14", "scored_feedback/ends", "all on 5: 1; all on 1: -1; level: 0",
          fabs(scored_feedback(5, five) - 1) + fabs(scored_feedback(5, first) + 1)
              + fabs(scored_feedback(5, level)),
          ROUNDING);
    /* mean 0.1 + 2 + 2 = 4.1 on 1..5, (4.1 - 3) / 2 */
    check("E14", "scored_feedback/by_hand", "0.1 on 1, 0.5 on 4, 0.4 on 5: 0.55",
          fabs(scored_feedback(5, mixed) - 0.55), ROUNDING);
    check("E14", "scored_feedback/rest", "half of the probability on other words: as before",
          fabs(scored_feedback(5, half) - 0.55), ROUNDING);
}

// ------------------------------------------------------------------------------------
// a NaN comes out again

/* How many of these are numbers. */
static int numbers(int n, const double *x)
{
    int count = 0;
    for (int i = 0; i < n; i++) count += !isnan(x[i]);
    return count;
}

static void not_a_number(void)
{
    double N = NAN, two[2] = { NAN, 0.5 }, fine[2] = { 0.4, 0.6 }, d, A[2], G[2], pi[2];
    int c;
    gae(2, two, fine, 1, 0.9, A, G);
    const double labels[] = {
        pm_loss(N, 0, 0.5, &d), pm_loss(0, N, 0.5, &d), pm_loss(0, 0, N, &d), label_entropy(N),
        p_A_of(N, -1), p_both_orders(N, 0.5), p_chains(2, two), p_clamp(N, 0.4, 0.6), p_hard(N),
        elo_win(N, 0), elo_of_score(N),
    }, rl[] = {
        kl_k1(N), kl_k2(N), kl_k3(N), kl_k3_slope(N), reward_penalised(N, 1, 0), ratio_of(N, 0),
        ppo_clip_loss(N, 0, 1, 0.2, &d, &c), ppo_clip_loss(0, 0, N, 0.2, &d, &c),
        value_loss(N, 0, 0, 0.2, &d, &c), value_loss(0, 0, N, 0.2, &d, &c), A[0], G[0],
    }, measured[] = {
        sqrt_kl(N), r_best_of_n(N, 1, 1), r_rl(N, 1, 1), ece(2, two, fine, 10),
        ece(2, fine, two, 10), ece_of_pairs(2, two, fine, 10), ece_of_pairs(2, fine, two, 10),
        harm_loss(N, 0, &d), mc_accuracy(2, two), accuracy_of_pairs(2, two, fine),
        accuracy_of_pairs(2, fine, two),
    }, losses[] = {
        gibbs_optimum(2, two, fine, 1, pi), gibbs_optimum(2, fine, two, 1, pi),
        dpo_loss(N, 0, 0, 0, 1, 1, &d), ipo_loss(N, 0, 0, 0, 1, &d), sft_loss(2, two),
        distill_loss(2, two, fine, pi), distill_loss(2, fine, two, pi), scored_feedback(2, two),
    };
    int n = numbers(sizeof labels / sizeof *labels, labels) + numbers(sizeof rl / sizeof *rl, rl);
    n += numbers(sizeof measured / sizeof *measured, measured);
    n += numbers(sizeof losses / sizeof *losses, losses);
    check("nan", "equations/nan", "a NaN given to any function of E1 to E14 comes out", n, 0);
}

void verify_equations(void)
{
    preference_loss();
    feedback_labels();
    elo();
    kl_estimators();
    policy_loss();
    value_losses();
    advantages();
    measures();
    optimum();
    direct_losses();
    supervised();
    not_a_number();
}
