/* tests/verify_equations.c -- E1..E14 against values that do not come from equations.c: hand calculations
 * (their steps are in the comments), the definitions written out in long double, series and integrals.
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <math.h>
#include <stddef.h>

typedef long double exact;

static double worst(double a, double b) { return a > b || isnan(a) ? a : b; }       /* a NaN stays */
static exact s(exact z) { return 1 / (1 + expl(-z)); }

// ------------------------------------------------------------------------------------
// E1 preferences

static void preference_loss(void)
{
    double dr, dr2, value = 0, slope = 0, shift = 0, swap = 0, floor = 0, least = 0;
    for (double r_A = -3; r_A <= 3; r_A += 0.75)
        for (double r_B = -2; r_B <= 2; r_B += 0.5)
            for (double p = 0; p <= 1; p += 0.125) {
                exact d = (exact)r_A - r_B, L = -p * logl(s(d)) - (1 - p) * logl(s(-d));
                value = worst(fabs(pm_loss(r_A, r_B, p, &dr) - (double)L), value);
                slope = worst(fabs(dr - (double)(s(d) - p)), slope);
                shift = worst(fabs(pm_loss(r_A + 64, r_B + 64, p, &dr2) - (double)L), shift);
                swap = worst(fabs(pm_loss(r_B, r_A, 1 - p, &dr2) - (double)L) + fabs(dr + dr2), swap);
            }
    for (double p = 0.1; p < 1; p += 0.1) {             /* at the margin logit(p) the loss is H(p) and level */
        double H = -p * log(p) - (1 - p) * log(1 - p);
        floor = worst(fabs(pm_loss(log(p / (1 - p)), 0, p, &dr) - H) + fabs(label_entropy(p) - H), floor);
        least = worst(fabs(dr), least);
    }
    check("E1", "pm_loss/value", "definition in long double", value, ROUNDING);
    check("E1", "pm_loss/slope", "s(r_A - r_B) - p in long double", slope, ROUNDING);
    check("E1", "pm_loss/shift", "the same loss 64 points higher", shift, ROUNDING);
    check("E1", "pm_loss/swap", "A and B exchanged, p for 1 - p", swap, ROUNDING);
    check("E1", "pm_loss/floor", "H(p) at the margin logit(p)", floor, ROUNDING);
    check("E1", "pm_loss/minimum", "slope 0 at the margin logit(p)", least, ROUNDING);
    /* 0.8 ln(1 + e^-0.9) + 0.2 ln(1 + e^0.9) = 0.8 * 0.341153875 + 0.2 * 1.241153875 */
    check("E1", "pm_loss/by_hand", "r_A 1.2, r_B 0.3, p 0.8: 0.521153875", fabs(pm_loss(1.2, 0.3, 0.8, &dr) - 0.521153875), 1e-9);
    check("E1", "pm_loss/far", "margin -1000: loss 1000, no overflow", fabs(pm_loss(-500, 500, 1, &dr) - 1000), ROUNDING * 1000);
}

// ------------------------------------------------------------------------------------
// E2 feedback

static void feedback_labels(void)
{
    double value = 0, identical = 0, sum = 0, p3[] = { 0.9, 0.6, 0.3 };
    for (double a = -9; a < 0; a += 0.7)
        for (double b = -8; b < 0; b += 0.9) {
            exact want = expl(a) / (expl(a) + expl(b));
            double p = p_A_of(a, b), q = p_A_of(b - 0.3, a);
            value = worst(fabs(p - (double)want), value);
            identical = worst(fabs(p_both_orders(p, p) - 0.5), identical);
            sum = worst(fabs(p_both_orders(p, q) + p_both_orders(q, p) - 1), sum);
        }
    check("E2", "p_A_of/value", "e^a / (e^a + e^b) in long double", value, ROUNDING);
    check("E2", "p_both_orders/identical", "a judge with any liking for a place: 1/2", identical, 0);     /* exact */
    check("E2", "p_both_orders/exchanged", "p(x over y) + p(y over x) = 1", sum, ROUNDING);
    /* shown first x wins with 0.9, shown second y (then first) wins with 0.3, so x with 0.7: mean 0.8 */
    check("E2", "p_both_orders/by_hand", "0.9 and 1 - 0.3: 0.8", fabs(p_both_orders(0.9, 0.3) - 0.8), ROUNDING);
    check("E2", "p_chains/by_hand", "0.9, 0.6, 0.3: 0.6", fabs(p_chains(3, p3) - 0.6), ROUNDING);
    check("E2", "p_clamp/ends", "0.97, 0.02, 0.55 in [0.4, 0.6]",
          fabs(p_clamp(0.97, 0.4, 0.6) - 0.6) + fabs(p_clamp(0.02, 0.4, 0.6) - 0.4) + fabs(p_clamp(0.55, 0.4, 0.6) - 0.55), 0);
    check("E2", "p_hard/ties", "0.51, 0.49, 0.5: 1, 0, 0.5", fabs(p_hard(0.51) - 1) + fabs(p_hard(0.49)) + fabs(p_hard(0.5) - 0.5), 0);
}

// ------------------------------------------------------------------------------------
// E3 Elo

static void elo(void)
{
    static const double planted[] = { 0, 130, -75, 310 };
    double value = 0, fit = 0, wins[16] = { 0 }, R[4];
    for (double d = -700; d <= 700; d += 35)
        value = worst(fabs(elo_win(d + 20, 20) - (double)(1 / (1 + powl(10, -(exact)d / 400)))), value);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            if (i != j) wins[i * 4 + j] = (double)(50 / (1 + powl(10, (exact)(planted[j] - planted[i]) / 400)));
    elo_fit(4, wins, 0, R);
    for (int i = 0; i < 4; i++) fit = worst(fabs(R[i] - planted[i]), fit);
    check("E3", "elo_win/value", "1 / (1 + 10^(-d/400)) in long double", value, ROUNDING);
    check("E3", "elo_of_score/value", "400 / ln 10 points a nat", fabs(elo_of_score(2.302585092994046) - 400), 400 * ROUNDING);
    check("E3", "elo_of_score/win", "s(0.405) wins, read in points", fabs(elo_win(elo_of_score(0.405), 0) - (double)s(0.405L)), ROUNDING);
    check("E3", "elo_fit/planted", "expected counts of planted ratings", fit, 1e-6);     /* where its sweeps stop */
}

// ------------------------------------------------------------------------------------
// E4 KL

static void kl_estimators(void)
{
    static const double pi[] = { 0.5, 0.3, 0.2 }, ref[] = { 0.2, 0.3, 0.5 };
    double k1 = 0, k2 = 0, k3 = 0, slope = 0, below = 0;
    exact kl = 0, half = 0;
    for (int i = 0; i < 3; i++) {
        double lr = log(pi[i] / ref[i]);
        exact x = logl((exact)pi[i]) - logl((exact)ref[i]);
        kl += pi[i] * x, half += pi[i] * x * x / 2;
        k1 += pi[i] * kl_k1(lr), k2 += pi[i] * kl_k2(lr), k3 += pi[i] * kl_k3(lr);
    }
    for (double lr = -4; lr <= 4; lr += 0.25) {
        slope = worst(fabs((kl_k3(lr + 1e-5) - kl_k3(lr - 1e-5)) / 2e-5 - kl_k3_slope(lr)) / exp(fabs(lr)), slope);
        below = worst(-kl_k3(lr), below);
    }
    check("E4", "kl_k1/mean", "sum pi log(pi / pi_0), three answers", fabs(k1 - (double)kl), ROUNDING);
    check("E4", "kl_k2/mean", "half the mean square of the log-ratio", fabs(k2 - (double)half), ROUNDING);
    check("E4", "kl_k3/mean", "sum pi log(pi / pi_0), three answers", fabs(k3 - (double)kl), ROUNDING);
    check("E4", "kl_k3/digits", "0.2749 in print", fabs(k3 - 0.2749), 5e-5);              /* half of the last digit */
    check("E4", "kl_k3/sign", "never below 0", below, 0);
    check("E4", "kl_k3_slope/slope", "differences of kl_k3", slope, DIFFERENCES);
    check("E4", "kl/zero", "equal policies: exactly 0", fabs(kl_k1(0)) + fabs(kl_k2(0)) + fabs(kl_k3(0)), 0);
    /* 1 - 0.1 * 0.5: drift is charged, not paid */
    check("E4", "reward_penalised/by_hand", "r 1, lambda 0.1, log-ratio 0.5: 0.95", fabs(reward_penalised(1, 0.1, 0.5) - 0.95), ROUNDING);
}

// ------------------------------------------------------------------------------------
// E5 PPO

static void ppo_losses(void)
{
    double value = 0, slope = 0, v = 0, v_slope = 0, d, up, down, one = 0;
    int c;
    for (double lr = -0.5; lr <= 0.5; lr += 0.0625)
        for (double A = -2; A <= 2; A += 0.5) {
            exact rho = expl(lr), held = rho < 0.8L ? 0.8L : rho > 1.2L ? 1.2L : rho;
            exact J = rho * A < held * A ? rho * A : held * A;           /* the smaller of the two objectives */
            value = worst(fabs(ppo_clip_loss(lr - 1, -1, A, 0.2, &d, &c) + (double)J), value);
            up = ppo_clip_loss(lr - 1 + 1e-6, -1, A, 0.2, &down, &c), down = ppo_clip_loss(lr - 1 - 1e-6, -1, A, 0.2, &down, &c);
            slope = worst(fabs((up - down) / 2e-6 - d), slope);
        }
    for (double V = -1.02; V <= 1; V += 0.15)      /* off the corners of the clip */
        for (double G = -1.03; G <= 1; G += 0.25) {
            exact held = V < 0.1 ? 0.1L : V > 0.5 ? 0.5L : V, a = ((exact)V - G) * ((exact)V - G), b = (held - G) * (held - G);
            v = worst(fabs(value_loss(V, 0.3, G, 0.2, &d, &c) - (double)((a > b ? a : b) / 2)), v);
            up = value_loss(V + 1e-6, 0.3, G, 0.2, &down, &c), down = value_loss(V - 1e-6, 0.3, G, 0.2, &down, &c);
            v_slope = worst(fabs((up - down) / 2e-6 - d), v_slope);
        }
    ppo_clip_loss(-2, -2, 1.7, 0.2, &d, &c);
    one = fabs(ratio_of(-2, -2) - 1) + fabs(d + 1.7) + c;
    check("E5", "ppo_clip_loss/value", "-min(rho A, clip(rho) A) in long double", value, ROUNDING);
    check("E5", "ppo_clip_loss/slope", "differences, both sides of the clip", slope, DIFFERENCES);
    check("E5", "ppo_clip_loss/ratio_one", "first pass: ratio 1, slope -A, not clipped", one, 0);
    /* rho = e^0.5 = 1.6487 > 1.2 with A = 2: held at 2.4, so the loss is -2.4 and nothing pulls further */
    check("E5", "ppo_clip_loss/by_hand", "log-ratio 0.5, A 2: -2.4, slope 0", fabs(ppo_clip_loss(-0.5, -1, 2, 0.2, &d, &c) + 2.4) + fabs(d), ROUNDING);
    /* the same ratio with A = -2: unclipped, -rho A = 3.2974: a bad token that became likelier is pulled back */
    check("E5", "ppo_clip_loss/bad_token", "log-ratio 0.5, A -2: 3.297442541", fabs(ppo_clip_loss(-0.5, -1, -2, 0.2, &d, &c) - 3.297442541), 1e-9);
    check("E5", "value_loss/value", "max of clipped and plain squares, halved", v, ROUNDING);
    check("E5", "value_loss/slope", "differences, both sides of the clip", v_slope, DIFFERENCES);
}

// ------------------------------------------------------------------------------------
// E6 advantages

static void advantages(void)
{
    enum { T = 5 };
    static const double r[T] = { -0.1, 0.3, -0.2, 0.05, 1 }, V[T + 1] = { 0.2, -0.4, 0.6, 0.1, 0.5, 0 };
    double A[T], G[T], td[T], G_td[T], mc[T], G_mc[T], sum = 0, step = 0, whole = 0, returns = 0;
    gae(T, r, V, 0.9, 0.7, A, G);
    gae(T, r, V, 1, 0, td, G_td);
    gae(T, r, V, 1, 1, mc, G_mc);
    for (int t = 0; t < T; t++) {
        double want = 0, rest = 0;
        for (int k = t; k < T; k++) want += pow(0.9 * 0.7, k - t) * (r[k] + 0.9 * V[k + 1] - V[k]), rest += r[k];
        sum = worst(fabs(A[t] - want), sum);
        step = worst(fabs(td[t] - (r[t] + V[t + 1] - V[t])), step);
        whole = worst(fabs(mc[t] - (rest - V[t])), whole);
        returns = worst(fabs(G[t] - (A[t] + V[t])), returns);
    }
    check("E6", "gae/sum", "sum (gamma lambda)^k delta, written out", sum, ROUNDING);
    check("E6", "gae/lambda_0", "r_t + V_(t+1) - V_t, V beyond the end 0", step, ROUNDING);
    check("E6", "gae/lambda_1", "the rewards to come minus V_t", whole, ROUNDING);
    check("E6", "gae/returns", "A + V", returns, ROUNDING);
}

// ------------------------------------------------------------------------------------
// E7 .. E10 measures

static void measures(void)
{
    double bon = 0, d, one[10], y[10] = { 1, 1, 1 }, top[2] = { 1, 0.95 }, y_top[2] = { 1, 0 }, mc[] = { 0.9, 0.5, 0.2, 0.8 };
    for (int n = 1; n <= 64; n *= 2) {      /* the best of n uniform draws has density n u^(n-1): Simpson's rule on its KL */
        enum { PARTS = 20000 };
        exact sum = 0;
        for (int k = 0; k <= PARTS; k++) {
            exact u = (exact)k / PARTS, f = n * powl(u, n - 1);
            sum += (k == 0 || k == PARTS ? 1 : k % 2 ? 4 : 2) * (f > 0 ? f * logl(f) : 0);
        }
        bon = worst(fabs(kl_best_of_n(n) - (double)(sum / (3 * (exact)PARTS))), bon);
    }
    check("E7", "kl_best_of_n/integral", "KL of the maximum's density, Simpson's rule", bon, 1e-8);     /* the rule's error at n = 2 */
    check("E7", "sqrt_kl/value", "4: 2; -0.1: 0", fabs(sqrt_kl(4) - 2) + fabs(sqrt_kl(-0.1)), 0);
    /* d (1 - 0.1 d) is largest at d = 5, 2.5; d (1 - 0.5 ln d) at d = e, e/2 */
    check("E7", "r_best_of_n/largest", "alpha 1, beta 0.1: 2.5 at 5, level there",
          fabs(r_best_of_n(5, 1, 0.1) - 2.5) + fabs(r_best_of_n(5.001, 1, 0.1) - r_best_of_n(4.999, 1, 0.1)), ROUNDING * 10);
    check("E7", "r_rl/largest", "alpha 1, beta 0.5: e/2 at e", fabs(r_rl(2.718281828459045, 1, 0.5) - 1.3591409142295225), ROUNDING);
    for (int i = 0; i < 10; i++) one[i] = 0.3;
    check("E8", "ece/calibrated", "ten times 0.3, three right: 0", ece(10, one, y, 10), ROUNDING);
    /* bin of 1: gap 0; bin of 0.95: the same last bin with ten bins, so |(1 - 1) + (0 - 0.95)| / 2 */
    check("E8", "ece/by_hand", "1 right, 0.95 wrong: 0.475", fabs(ece(2, top, y_top, 10) - 0.475), ROUNDING);
    check("E8", "ece/bins", "0.3 right, 0.7 wrong, apart: 0.7", fabs(ece(2, (double[]){ 0.3, 0.7 }, (double[]){ 1, 0 }, 10) - 0.7), ROUNDING);
    check("E9", "harm_loss/by_hand", "2.5 for 3: 0.25, slope -1", fabs(harm_loss(2.5, 3, &d) - 0.25) + fabs(d + 1), 0);
    check("E10", "mc_accuracy/by_hand", "right, tie, wrong, right: 2.5 of 4", fabs(mc_accuracy(4, mc) - 0.625), 0);
}

// ------------------------------------------------------------------------------------
// E11 .. E14

static void optimum(void)
{
    static const double pi_0[] = { 0.2, 0.3, 0.5 }, r[] = { 1, 0, -1 };
    double pi[3], better = -1, J = 0, beta = 0.7;
    double top = gibbs_optimum(3, pi_0, r, beta, pi);
    exact Z = 0, want = 0;
    for (int i = 0; i < 3; i++) Z += pi_0[i] * expl(r[i] / (exact)beta);
    for (int i = 0; i < 3; i++) want = worst((double)fabsl(pi[i] - pi_0[i] * expl(r[i] / (exact)beta) / Z), (double)want);
    for (int i = 0; i < 3; i++) J += pi[i] * (r[i] - beta * log(pi[i] / pi_0[i]));
    for (int a = 1; a < 40; a++)
        for (int b = 1; a + b < 40; b++) {              /* every other policy on a grid is worth less */
            double q[3] = { a / 40.0, b / 40.0, (40 - a - b) / 40.0 }, J_q = 0;
            for (int i = 0; i < 3; i++) J_q += q[i] * (r[i] - beta * log(q[i] / pi_0[i]));
            better = worst(J_q - top, better);
        }
    check("E11", "gibbs_optimum/policy", "pi_0 exp(r/beta) / Z in long double", (double)want, ROUNDING);
    check("E11", "gibbs_optimum/worth", "mean reward minus beta KL of that policy", fabs(J - top), ROUNDING);
    check("E11", "gibbs_optimum/log_Z", "beta log Z in long double", fabs(top - (double)(beta * logl(Z))), ROUNDING);
    check("E11", "gibbs_optimum/best", "no policy on a grid of 741 is worth more", better, 0);
}

static void direct_losses(void)
{
    double d, slope = 0, least = 0, value = 0, ipo = 0;
    for (double w = -6; w < -1; w += 0.8)
        for (double l = -5; l < -1; l += 0.7)
            for (double p = 0.5; p <= 1; p += 0.25) {
                exact h = 0.3L * (((exact)w + 3) - ((exact)l + 2.5L));
                value = worst(fabs(dpo_loss(w, l, -3, -2.5, 0.3, p, &d) - (double)(-p * logl(s(h)) - (1 - p) * logl(s(-h)))), value);
                double up, down, x;
                up = dpo_loss(w + 1e-5, l, -3, -2.5, 0.3, p, &x), down = dpo_loss(w - 1e-5, l, -3, -2.5, 0.3, p, &x);
                slope = worst(fabs((up - down) / 2e-5 - d), slope);
                ipo_loss(w, l, -3, -2.5, 0.4, &d);
                up = ipo_loss(w + 1e-5, l, -3, -2.5, 0.4, &x), down = ipo_loss(w - 1e-5, l, -3, -2.5, 0.4, &x);
                ipo = worst(fabs((up - down) / 2e-5 - d), ipo);
            }
    check("E12", "dpo_loss/value", "definition in long double", value, ROUNDING);
    check("E12", "dpo_loss/slope", "differences", slope, DIFFERENCES);
    check("E12", "dpo_loss/start", "pi = pi_0: ln 2, slope -beta/2", fabs(dpo_loss(-3, -2, -3, -2, 0.1, 1, &d) - 0.6931471805599453) + fabs(d + 0.05), ROUNDING);
    dpo_loss(-3 + log(4) / 0.1, -2, -3, -2, 0.1, 0.8, &least);          /* beta h = logit(0.8) = ln 4 */
    check("E12", "dpo_loss/minimum", "soft label 0.8: level at beta h = ln 4", fabs(least), ROUNDING);
    check("E12", "ipo_loss/slope", "differences", ipo, DIFFERENCES);
    check("E12", "ipo_loss/minimum", "0 and level at the margin 1/(2 tau)", fabs(ipo_loss(-1.75, -2, -3, -2, 0.4, &d)) + fabs(d), ROUNDING);
}

static void supervised(void)
{
    double logp[] = { log(0.5), log(0.25), 0 }, p_0[] = { 0.7, 0.3 }, even[] = { log(0.5), log(0.5) }, same[] = { log(0.7), log(0.3) }, d[2];
    double five[] = { 0, 0, 0, 0, 1 }, first[] = { 1, 0, 0, 0, 0 }, level[] = { 0.2, 0.2, 0.2, 0.2, 0.2 }, mixed[] = { 0.1, 0, 0, 0.5, 0.4 };
    check("E13", "sft_loss/by_hand", "1/2 times 1/4: ln 8", fabs(sft_loss(3, logp) - log(8)), ROUNDING);
    /* 0.7 ln 1.4 + 0.3 ln 0.6 = 0.235530563 - 0.153247687 */
    check("E13", "distill_loss/by_hand", "(0.7, 0.3) to (0.5, 0.5): 0.082282878", fabs(distill_loss(2, p_0, even, d) - 0.082282878), 1e-9);
    check("E13", "distill_loss/slope", "-p_0", fabs(d[0] + 0.7) + fabs(d[1] + 0.3), 0);
    check("E13", "distill_loss/equal", "equal distributions: 0", fabs(distill_loss(2, p_0, same, d)), ROUNDING);
    check("E14", "scored_feedback/ends", "all on 5: 1; all on 1: -1; level: 0",
          fabs(scored_feedback(5, five) - 1) + fabs(scored_feedback(5, first) + 1) + fabs(scored_feedback(5, level)), ROUNDING);
    /* mean 0.1 + 2 + 2 = 4.1 on 1..5, (4.1 - 3) / 2 */
    check("E14", "scored_feedback/by_hand", "0.1 on 1, 0.5 on 4, 0.4 on 5: 0.55", fabs(scored_feedback(5, mixed) - 0.55), ROUNDING);
}

void verify_equations(void)
{
    preference_loss();
    feedback_labels();
    elo();
    kl_estimators();
    ppo_losses();
    advantages();
    measures();
    optimum();
    direct_losses();
    supervised();
}
