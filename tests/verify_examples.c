/* tests/verify_examples.c -- worked examples small enough for a calculator, and the same on a reader's numbers:
 * the value, its gradient by the formula of the code, its gradient by central differences.
 * docs/equations.md shows what this file prints; tests/equations.sh compares the two.
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGS = 6 };
typedef struct { const char *name; double value, lo, hi; } Arg;
#define ANY -1e6, 1e6
#define LOGP -1e6, 0
#define SHARE 0, 1
#define POSITIVE 1e-6, 1e6

static double gradient[MAX_ARGS];       /* by formula, left by the value functions; NAN: the code has none */

static double e1(const double *x) { double d, L = pm_loss(x[0], x[1], x[2], &d); gradient[0] = d; gradient[1] = -d; return L; }
static double e2(const double *x) { double p = p_A_of(x[0], x[1]); gradient[0] = p * (1 - p); gradient[1] = -gradient[0]; return p; }
static double e2_orders(const double *x) { gradient[0] = 0.5, gradient[1] = -0.5; return p_both_orders(x[0], x[1]); }
static double e2_chains(const double *x) { gradient[0] = gradient[1] = gradient[2] = 1.0 / 3; return p_chains(3, x); }
static double e2_clamp(const double *x) { return p_clamp(x[0], x[1], x[2]); }
static double e3(const double *x) { return elo_win(x[0], x[1]); }
static double e3_score(const double *x) { return elo_of_score(x[0]); }
static double e4_k1(const double *x) { gradient[0] = 1; return kl_k1(x[0]); }
static double e4_k2(const double *x) { gradient[0] = x[0]; return kl_k2(x[0]); }
static double e4_k3(const double *x) { gradient[0] = kl_k3_slope(x[0]); return kl_k3(x[0]); }
static double e4_reward(const double *x) { gradient[0] = 1, gradient[1] = -x[2], gradient[2] = -x[1]; return reward_penalised(x[0], x[1], x[2]); }
static double e5(const double *x) { int c; return ppo_clip_loss(x[0], x[1], x[2], x[3], &gradient[0], &c); }
static double e5_value(const double *x) { int c; return value_loss(x[0], x[1], x[2], x[3], &gradient[0], &c); }
static double e6(const double *x)       /* an answer of two tokens: the advantage of the first */
{
    double r[2] = { x[0], x[1] }, V[2] = { x[2], x[3] }, A[2], G[2];
    gae(2, r, V, x[4], x[5], A, G);
    return A[0];
}
static double e7(const double *x) { return sqrt_kl(x[0]); }
static double e7_bon(const double *x) { return kl_best_of_n((int)x[0]); }
static double e7_gold(const double *x) { return r_best_of_n(x[0], x[1], x[2]); }
static double e7_rl(const double *x) { return r_rl(x[0], x[1], x[2]); }
static double e8(const double *x)
{
    double p[2] = { x[0], x[2] }, y[2] = { x[1], x[3] };
    return ece(2, p, y, 10);
}
static double e9(const double *x) { return harm_loss(x[0], x[1], &gradient[0]); }
static double e10(const double *x) { return mc_accuracy(3, x); }
static double e11(const double *x)      /* two answers; the gradient of beta log Z by r is the optimal policy */
{
    double pi_0[2] = { x[0], 1 - x[0] }, r[2] = { x[1], x[2] }, pi[2], v = gibbs_optimum(2, pi_0, r, x[3], pi);
    gradient[1] = pi[0], gradient[2] = pi[1];
    return v;
}
static double e12(const double *x) { double L = dpo_loss(x[0], x[1], x[2], x[3], x[4], x[5], &gradient[0]); gradient[1] = -gradient[0]; return L; }
static double e12_ipo(const double *x) { double L = ipo_loss(x[0], x[1], x[2], x[3], x[4], &gradient[0]); gradient[1] = -gradient[0]; return L; }
static double e13(const double *x) { gradient[0] = gradient[1] = -1; return sft_loss(2, x); }
static double e13_distill(const double *x)
{
    double p_0[2] = { x[0], 1 - x[0] };
    gradient[0] = NAN;
    double d[2], L = distill_loss(2, p_0, x + 1, d);
    gradient[1] = d[0], gradient[2] = d[1];
    return L;
}
static double e14(const double *x) { return scored_feedback(3, x); }

static const struct { const char *tag, *name, *formula; double (*value)(const double *); Arg arg[MAX_ARGS]; } EXAMPLE[] = {
    { "E1", "pm_loss", "-p log s(r_A - r_B) - (1 - p) log s(r_B - r_A)", e1, { { "r_A", 1.2, ANY }, { "r_B", 0.3, ANY }, { "p", 0.8, SHARE } } },
    { "E2", "p_A_of", "s(logp_A - logp_B)", e2, { { "logp_A", -1, LOGP }, { "logp_B", -2, LOGP } } },
    { "E2", "p_both_orders", "(p_ab + 1 - p_ba) / 2", e2_orders, { { "p_ab", 0.9, SHARE }, { "p_ba", 0.3, SHARE } } },
    { "E2", "p_chains", "(p_1 + p_2 + p_3) / 3", e2_chains, { { "p_1", 0.9, SHARE }, { "p_2", 0.6, SHARE }, { "p_3", 0.3, SHARE } } },
    { "E2", "p_clamp", "min(max(p, lo), hi)", e2_clamp, { { "p", 0.97, SHARE }, { "lo", 0.4, SHARE }, { "hi", 0.6, SHARE } } },
    { "E3", "elo_win", "1 / (1 + 10^((R_j - R_i) / 400))", e3, { { "R_i", 100, ANY }, { "R_j", 0, ANY } } },
    { "E3", "elo_of_score", "400 / ln 10 * delta_r", e3_score, { { "delta_r", 0.405, ANY } } },
    { "E4", "kl_k1", "lr", e4_k1, { { "lr", 0.5, -20, 20 } } },
    { "E4", "kl_k2", "lr^2 / 2", e4_k2, { { "lr", 0.5, -20, 20 } } },
    { "E4", "kl_k3", "e^-lr - 1 + lr", e4_k3, { { "lr", 0.5, -20, 20 } } },
    { "E4", "reward_penalised", "r_PM - lambda_kl lr", e4_reward, { { "r_PM", 1, ANY }, { "lambda_kl", 0.1, 0, 1e6 }, { "lr", 0.5, -20, 20 } } },
    { "E5", "ppo_clip_loss", "-min(rho A, clip(rho, 1 - eps, 1 + eps) A)", e5,
      { { "logp", -1, LOGP }, { "logp_old", -1.1, LOGP }, { "A", 1, ANY }, { "eps", 0.2, SHARE } } },
    { "E5", "value_loss", "max((V - G)^2, (V_clipped - G)^2) / 2", e5_value, { { "V", 0.5, ANY }, { "V_old", 0.4, ANY }, { "G", 1, ANY }, { "eps_value", 0.2, POSITIVE } } },
    { "E6", "gae", "A_1 = delta_1 + gamma lambda delta_2", e6,
      { { "r_1", -0.1, ANY }, { "r_2", 1, ANY }, { "V_1", 0.2, ANY }, { "V_2", 0.5, ANY }, { "gamma", 1, SHARE }, { "lambda", 0.95, SHARE } } },
    { "E7", "sqrt_kl", "sqrt(kl)", e7, { { "kl", 4, 0, 1e6 } } },
    { "E7", "kl_best_of_n", "log n - (n - 1) / n", e7_bon, { { "n", 16, 1, 1e6 } } },
    { "E7", "r_best_of_n", "d (alpha - beta d)", e7_gold, { { "d", 2, 0, 1e6 }, { "alpha", 1, ANY }, { "beta", 0.1, ANY } } },
    { "E7", "r_rl", "d (alpha - beta log d)", e7_rl, { { "d", 2, 0, 1e6 }, { "alpha", 1, ANY }, { "beta", 0.1, ANY } } },
    { "E8", "ece", "sum_b |sum of (y - p) in bin b| / n", e8, { { "p_1", 0.9, SHARE }, { "y_1", 1, SHARE }, { "p_2", 0.8, SHARE }, { "y_2", 0, SHARE } } },
    { "E9", "harm_loss", "(s_hat - s)^2", e9, { { "s_hat", 2.5, ANY }, { "s", 3, 0, 4 } } },
    { "E10", "mc_accuracy", "share of p > 1/2, a tie counts half", e10, { { "p_1", 0.9, SHARE }, { "p_2", 0.5, SHARE }, { "p_3", 0.2, SHARE } } },
    { "E11", "gibbs_optimum", "beta log(pi_0 e^(r_1/beta) + (1 - pi_0) e^(r_2/beta))", e11,
      { { "pi_0", 0.4, SHARE }, { "r_1", 1, ANY }, { "r_2", 0, ANY }, { "beta", 0.5, POSITIVE } } },
    { "E12", "dpo_loss", "E1 with beta (logp - ref) for the scores", e12,
      { { "logp_w", -3, LOGP }, { "logp_l", -4, LOGP }, { "ref_w", -3.5, LOGP }, { "ref_l", -3.8, LOGP }, { "beta", 0.1, POSITIVE }, { "p", 1, SHARE } } },
    { "E12", "ipo_loss", "((logp_w - ref_w) - (logp_l - ref_l) - 1 / (2 tau))^2", e12_ipo,
      { { "logp_w", -3, LOGP }, { "logp_l", -4, LOGP }, { "ref_w", -3.5, LOGP }, { "ref_l", -3.8, LOGP }, { "tau", 0.5, POSITIVE } } },
    { "E13", "sft_loss", "-(logp_1 + logp_2)", e13, { { "logp_1", -0.1, LOGP }, { "logp_2", -2.3, LOGP } } },
    { "E13", "distill_loss", "sum p_0 (log p_0 - logp)", e13_distill, { { "p_0", 0.7, SHARE }, { "logp_1", -0.5, LOGP }, { "logp_2", -0.9, LOGP } } },
    { "E14", "scored_feedback", "(2 sum i p_i / sum p_i - (n + 1)) / (n - 1)", e14, { { "p_1", 0.1, SHARE }, { "p_2", 0.3, SHARE }, { "p_3", 0.6, SHARE } } },
};
enum { N_EXAMPLES = sizeof EXAMPLE / sizeof EXAMPLE[0] };

/* "name=number" from the command line into x, if example e has that argument. */
static int take(int e, const char *text, double *x)
{
    const char *equals = strchr(text, '=');
    for (int i = 0; i < MAX_ARGS && EXAMPLE[e].arg[i].name; i++) {
        const Arg *a = &EXAMPLE[e].arg[i];
        size_t n = strlen(a->name);
        if ((size_t)(equals - text) != n || strncmp(text, a->name, n)) continue;
        char *end;
        x[i] = strtod(equals + 1, &end);
        if (*end || end == equals + 1 || !(x[i] >= a->lo && x[i] <= a->hi))
            die(EXIT_USAGE, "%s: not a number from %g to %g; give one", text, a->lo, a->hi);
        return 1;
    }
    return 0;
}

static void show(int e, double *x)
{
    double value, up, down, by_formula[MAX_ARGS];
    for (int i = 0; i < MAX_ARGS; i++) gradient[i] = NAN;
    value = EXAMPLE[e].value(x);
    memcpy(by_formula, gradient, sizeof by_formula);
    printf("%s  %s = %s\n   ", EXAMPLE[e].tag, EXAMPLE[e].name, EXAMPLE[e].formula);
    for (int i = 0; i < MAX_ARGS && EXAMPLE[e].arg[i].name; i++) printf(" %s=%g", EXAMPLE[e].arg[i].name, x[i]);
    printf("\n    value %.9g\n", value);
    for (int i = 0; i < MAX_ARGS && EXAMPLE[e].arg[i].name; i++) {
        double at = x[i], h = 1e-5;
        if (isnan(by_formula[i])) continue;
        x[i] = at + h, up = EXAMPLE[e].value(x);
        x[i] = at - h, down = EXAMPLE[e].value(x);
        x[i] = at;
        printf("    d/d %-8s by formula %.9g, by differences %.9g\n", EXAMPLE[e].arg[i].name, by_formula[i], (up - down) / (2 * h));
    }
}

/* n < 0: only asks whether the tag is known. Every argument must belong to an example of the tag; then only
 * the examples are shown that take at least one of the arguments. */
int examples(const char *tag, int n, char **argument)
{
    int known = 0;
    for (int e = 0; e < N_EXAMPLES; e++) known |= strcmp(EXAMPLE[e].tag, tag) == 0;
    for (int k = 0; k < n; k++) {
        int used = 0;
        double x[MAX_ARGS];
        if (!strchr(argument[k], '=')) die(EXIT_USAGE, "%s: not of the form name=number; give for example p=0.8", argument[k]);
        for (int e = 0; e < N_EXAMPLES; e++) used |= strcmp(EXAMPLE[e].tag, tag) == 0 && take(e, argument[k], x);
        if (!used) die(EXIT_USAGE, "%s: %s has no such argument; `build/verify %s` shows what it has", argument[k], tag, tag);
    }
    for (int e = 0; e < N_EXAMPLES && n >= 0; e++) {
        double x[MAX_ARGS] = { 0 };
        int used = 0;
        if (strcmp(EXAMPLE[e].tag, tag)) continue;
        for (int i = 0; i < MAX_ARGS; i++) x[i] = EXAMPLE[e].arg[i].value;
        for (int k = 0; k < n; k++) used |= take(e, argument[k], x);
        if (n == 0 || used) show(e, x);
    }
    return known;
}
