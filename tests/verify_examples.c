/* tests/verify_examples.c -- worked examples small enough for a calculator, and the same on a
 * reader's numbers: the value, its derivatives by the formula of the code and by differences of the
 * value. Numbers outside an equation's domain are refused; a derivative that differs is counted.
 * Behind them stand the steps between the equations, shown when asked for by name: `cai trace`
 * prints a command for each of its numbers, and tests/trace.sh runs them.
 * docs/equations.md shows what this file prints; tests/equations.sh compares the two, and the
 * formulas and sources with the comments of equations.c.
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* x[COUNT]: how many numbers there are, of an example that takes as many as it is given. */
enum { MAX_ARGS = 6, MAX_NUMBERS = 1024, COUNT = MAX_NUMBERS - 1 };
typedef struct {
    const char *name;
    double value, lo, hi;
    enum { REAL, WHOLE_NUMBER, SERIES } what; /* SERIES: more may follow, p_1=0.9,0.6,.. */
} Arg;
#define ANY -1000, 1000, REAL
#define LOGP -1000, 0, REAL
#define LOGR -19.99, 19.99, REAL /* beyond 20 nats the exponential is held: ratio_of */
#define SHARE 0, 1, REAL
#define POSITIVE 0.001, 1000, REAL
#define NOT_NEGATIVE 0, 1000, REAL
#define WHOLE(lo, hi) lo, hi, WHOLE_NUMBER

static double gradient[MAX_ARGS]; /* by formula, left by the value functions; NAN: none */

// ------------------------------------------------------------------------------------
// the value of each example, with its gradient

static double e1(const double *x)
{
    double L = pm_loss(x[0], x[1], x[2], &gradient[0]);
    gradient[1] = -gradient[0];
    return L;
}

static double e1_entropy(const double *x) { return label_entropy(x[0]); }

static double e2(const double *x)
{
    double p = p_A_of(x[0], x[1]);
    gradient[0] = p * (1 - p);
    gradient[1] = -gradient[0];
    return p;
}

static double e2_orders(const double *x)
{
    gradient[0] = 0.5;
    gradient[1] = -0.5;
    return p_both_orders(x[0], x[1]);
}

static double e2_chains(const double *x)
{
    gradient[0] = gradient[1] = gradient[2] = 1 / x[COUNT];
    return p_chains((int)x[COUNT], x);
}

static double e2_clamp(const double *x) { return p_clamp(x[0], x[1], x[2]); }
static double e2_hard(const double *x) { return p_hard(x[0]); }
static double e2_label(const double *x) { return p_clamp(p_both_orders(x[0], x[1]), x[2], x[3]); }
static double e3(const double *x) { return elo_win(x[0], x[1]); }
static double e3_score(const double *x) { return elo_of_score(x[0]); }

static double e3_fit(const double *x) /* two players: the rating of the first, the second at 0 */
{
    double wins[4] = { 0, x[0], x[1], 0 }, R[2];
    elo_fit(2, wins, 1, R);
    return R[0];
}

static double e4_k1(const double *x)
{
    gradient[0] = 1;
    return kl_k1(x[0]);
}

static double e4_k2(const double *x)
{
    gradient[0] = x[0];
    return kl_k2(x[0]);
}

static double e4_k3(const double *x)
{
    gradient[0] = kl_k3_slope(x[0]);
    return kl_k3(x[0]);
}

static double e4_reward(const double *x)
{
    gradient[0] = 1;
    gradient[1] = -x[2];
    gradient[2] = -x[1];
    return reward_penalised(x[0], x[1], kl_k1(x[2]));
}

static double e5(const double *x)
{
    int clipped;
    return ppo_clip_loss(x[0], x[1], x[2], x[3], &gradient[0], &clipped);
}

static double e5_value(const double *x)
{
    int clipped;
    return value_loss(x[0], x[1], x[2], x[3], &gradient[0], &clipped);
}

static double e6(const double *x) /* an answer of two tokens: the advantage of the first */
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

static double e8_pairs(const double *x)
{
    double p[2] = { x[0], x[2] }, label[2] = { x[1], x[3] };
    return ece_of_pairs(2, p, label, 10);
}

static double e9(const double *x) { return harm_loss(x[0], x[1], &gradient[0]); }
static double e10(const double *x) { return mc_accuracy(3, x); }

static double e10_pairs(const double *x)
{
    double p[2] = { x[0], x[2] }, label[2] = { x[1], x[3] };
    return accuracy_of_pairs(2, p, label);
}

static double e11(const double *x) /* two answers; d beta log Z / d r is the optimal policy */
{
    double pi_0[2] = { x[0], 1 - x[0] }, r[2] = { x[1], x[2] };
    return gibbs_optimum(2, pi_0, r, x[3], &gradient[1]);
}

static double e12(const double *x)
{
    double L = dpo_loss(x[0], x[1], x[2], x[3], x[4], x[5], &gradient[0]);
    gradient[1] = -gradient[0];
    return L;
}

static double e12_ipo(const double *x)
{
    double L = ipo_loss(x[0], x[1], x[2], x[3], x[4], &gradient[0]);
    gradient[1] = -gradient[0];
    return L;
}

static double e13(const double *x)
{
    gradient[0] = gradient[1] = -1;
    return sft_loss((int)x[COUNT], x);
}

static double e13_distill(const double *x)
{
    double p_0[2] = { x[0], 1 - x[0] };
    return distill_loss(2, p_0, x + 1, &gradient[1]);
}

static double e14(const double *x) { return scored_feedback(3, x); }

// ------------------------------------------------------------------------------------
// the steps between the equations; where the loop has no function of its own, they are a second
// writing of it

static double step_preference(const double *x) { return sigmoid(x[0] - x[1]); }

static double step_slope_A(const double *x)
{
    double dr_A;
    pm_loss(x[0], x[1], x[2], &dr_A);
    return dr_A;
}

static double step_slope_B(const double *x) { return -step_slope_A(x); }
static double step_difference(const double *x) { return x[0] - x[1]; }
static double step_ratio(const double *x) { return ratio_of(x[0], x[1]); }
static double step_free(const double *x) { return ratio_of(x[0], x[1]) * x[2]; }

static double step_held(const double *x)
{
    return clamp(ratio_of(x[0], x[1]), 1 - x[3], 1 + x[3]) * x[2];
}

static double step_mean(const double *x)
{
    double sum = 0;
    for (int i = 0; i < (int)x[COUNT]; i++) sum += x[i];
    return sum / x[COUNT];
}

static double step_deviation(const double *x)
{
    double mean = step_mean(x), sum = 0;
    for (int i = 0; i < (int)x[COUNT]; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / x[COUNT] + 1e-8);
}

static double step_total(const double *x) { return x[0] + x[1] * x[2]; }

static double step_gae(const double *x) /* the token behind is what gives A_next with V_next */
{
    double r[2] = { x[0], x[3] + x[2] }, V[2] = { x[1], x[2] }, A[2], G[2];
    gae(2, r, V, x[4], x[5], A, G);
    return A[0];
}

static double step_return(const double *x) { return x[0] + x[1]; }
static double step_whitened(const double *x) { return (x[0] - x[1]) / x[2]; }

// ------------------------------------------------------------------------------------
// domains that two numbers share: what is wrong, or NULL

static const char *letters(const double *x)
{
    return exp(x[0]) + exp(x[1]) > 1 + 1e-6
               ? "P(\"(A)\") + P(\"(B)\") is above 1; give both logp_A and logp_B"
               : NULL;
}

static const char *clamp_order(const double *x) { return x[1] > x[2] ? "lo is above hi" : NULL; }
static const char *label_order(const double *x) { return x[2] > x[3] ? "lo is above hi" : NULL; }

static const char *ratio_held(const double *x)
{
    return fabs(x[0] - x[1]) > 19.99
               ? "logp - logp_old is not within -19.99 and 19.99, beyond which rho is held"
               : NULL;
}

static const char *no_distribution(const double *x)
{
    return fabs(exp(x[1]) + exp(x[2]) - 1) > 1e-6
               ? "e^logp_theta_1 + e^logp_theta_2 is not 1; give both of a distribution"
               : NULL;
}

static const char *no_marks(const double *x)
{
    double sum = x[0] + x[1] + x[2];
    return sum > 1 + 1e-6 ? "p_1 + p_2 + p_3 is above 1; give all three"
           : sum == 0     ? "p_1 + p_2 + p_3 is 0: no mark has a probability"
                          : NULL;
}

// ------------------------------------------------------------------------------------
// the table; formulas and sources as in equations.c

// clang-format off
static const struct {
    const char *tag, *name, *formula, *source;
    double (*value)(const double *);
    const char *(*refuse)(const double *);
    Arg arg[MAX_ARGS];
} EXAMPLE[] = {
    { "E1", "pm_loss", "- p log s(r_A - r_B) - (1 - p) log s(r_B - r_A)",
      "Askell (hard labels); CAI sec. 4.1 (soft labels)", e1, NULL,
      { { "r_A", 1.2, ANY }, { "r_B", 0.3, ANY }, { "p", 0.8, SHARE } } },
    { "E1", "label_entropy", "- p log p - (1 - p) log(1 - p)",
      "follows from pm_loss", e1_entropy, NULL,
      { { "p", 0.6, SHARE } } },
    { "E2", "p_A_of", "s(logp_A - logp_B)",
      "CAI sec. 4.1", e2, letters,
      { { "logp_A", -1, LOGP }, { "logp_B", -2, LOGP } } },
    { "E2", "p_both_orders", "1/2 [p_ab + 1 - p_ba]",
      "RLAIF sec. 2.1.1", e2_orders, NULL,
      { { "p_ab", 0.9, SHARE }, { "p_ba", 0.3, SHARE } } },
    { "E2", "p_chains", "1/K sum_k p_k",
      "CAI fig. 4", e2_chains, NULL,
      { { "p_1", 0.9, 0, 1, SERIES }, { "p_2", 0.6, SHARE }, { "p_3", 0.3, SHARE } } },
    { "E2", "p_clamp", "min(max(p, lo), hi)",
      "CAI sec. 4.1", e2_clamp, clamp_order,
      { { "p", 0.97, SHARE }, { "lo", 0.4, SHARE }, { "hi", 0.6, SHARE } } },
    { "E2", "p_hard", "1[p > 1/2]",
      "CAI sec. 4.3", e2_hard, NULL,
      { { "p", 0.97, SHARE } } },
    { "E2", "label", "p_clamp(p_both_orders(p_ab, p_ba), lo, hi)",
      "p_ab and p_ba as they stand in feedback.jsonl", e2_label, label_order,
      { { "p_ab", 0.9, SHARE }, { "p_ba", 0.3, SHARE }, { "lo", 0.4, SHARE },
        { "hi", 0.6, SHARE } } },
    { "E3", "elo_win", "1 / (1 + 10^(-(R_i - R_j)/400))",
      "HH eq. 2.1", e3, NULL,
      { { "R_i", 100, -1e4, 1e4, 0 }, { "R_j", 0, -1e4, 1e4, 0 } } },
    { "E3", "elo_of_score", "(400 / ln 10) delta_r",
      "HH sec. 2.4", e3_score, NULL,
      { { "delta_r", 0.405, ANY } } },
    { "E3", "elo_fit", "maximise over R sum_ij wins_ij log W(i beats j), R_anchor = 0",
      "HH sec. 2.4", e3_fit, NULL,
      { { "won", 60, 0, 1e6, 0 }, { "lost", 20, 0, 1e6, 0 } } },
    { "E4", "kl_k1", "logr",
      "HH eq. 4.1 (the KL); Note (k1, k2, k3)", e4_k1, NULL,
      { { "logr", 0.5, LOGR } } },
    { "E4", "kl_k2", "logr^2 / 2",
      "HH eq. 4.1 (the KL); Note (k1, k2, k3)", e4_k2, NULL,
      { { "logr", 0.5, LOGR } } },
    { "E4", "kl_k3", "e^-logr - 1 + logr",
      "HH eq. 4.1 (the KL); Note (k1, k2, k3)", e4_k3, NULL,
      { { "logr", 0.5, LOGR } } },
    { "E4", "reward_penalised", "r_PM [t is the last token] - lambda_kl k1(logr_t)",
      "HH eq. 4.1", e4_reward, NULL,
      { { "r_PM", 1, ANY }, { "lambda_kl", 0.1, NOT_NEGATIVE }, { "logr", 0.5, LOGR } } },
    { "E5", "ppo_clip_loss", "- min( rho A, clip(rho, 1 - eps, 1 + eps) A )",
      "PPO eq. 7; HH app. B.1 (eps_clip)", e5, ratio_held,
      { { "logp", -1, LOGP }, { "logp_old", -1.1, LOGP }, { "A", 1, ANY },
        { "eps", 0.2, 0.001, 1, 0 } } },
    { "E5", "value_loss", "1/2 max( (V - G)^2, (V_held - G)^2 )",
      "common PPO programs", e5_value, NULL,
      { { "V", 0.5, ANY }, { "V_old", 0.4, ANY }, { "G", 1, ANY },
        { "eps_value", 0.2, POSITIVE } } },
    { "E6", "gae", "delta_t + gamma lambda A_{t+1}",
      "GAE eq. 16", e6, NULL,
      { { "r_1", -0.1, ANY }, { "r_2", 1, ANY }, { "V_1", 0.2, ANY }, { "V_2", 0.5, ANY },
        { "gamma", 1, SHARE }, { "lambda", 0.95, SHARE } } },
    { "E7", "sqrt_kl", "sqrt KL(pi || pi_0)",
      "HH sec. 4.3", e7, NULL,
      { { "kl", 4, ANY } } },
    { "E7", "kl_best_of_n", "log n - (n - 1)/n",
      "Gao (section not checked)", e7_bon, NULL,
      { { "n", 16, WHOLE(1, 1e6) } } },
    { "E7", "r_best_of_n", "d (alpha - beta d)",
      "Gao sec. 1", e7_gold, NULL,
      { { "d", 2, NOT_NEGATIVE }, { "alpha", 1, ANY }, { "beta", 0.1, ANY } } },
    { "E7", "r_rl", "d (alpha - beta log d)",
      "Gao sec. 1", e7_rl, NULL,
      { { "d", 2, NOT_NEGATIVE }, { "alpha", 1, ANY }, { "beta", 0.1, ANY } } },
    { "E8", "ece", "sum_b n_b/n | acc_b - conf_b |",
      "CAI fig. 9; HH fig. 9", e8, NULL,
      { { "p_1", 0.9, SHARE }, { "y_1", 1, WHOLE(0, 1) }, { "p_2", 0.2, SHARE },
        { "y_2", 0, WHOLE(0, 1) } } },
    { "E8", "ece_of_pairs", "sum_b n_b/n | right_b - c_b |",
      "HH fig. 9; CAI fig. 9", e8_pairs, NULL,
      { { "p_1", 0.9, SHARE }, { "label_1", 1, SHARE }, { "p_2", 0.2, SHARE },
        { "label_2", 1, SHARE } } },
    { "E9", "harm_loss", "(s_hat - s)^2",
      "CAI sec. 4.5", e9, NULL,
      { { "s_hat", 2.5, ANY }, { "s", 3, WHOLE(0, 4) } } },
    { "E10", "mc_accuracy", "1/n sum_i 1[p_correct,i > 1/2]",
      "CAI fig. 4", e10, NULL,
      { { "p_1", 0.9, SHARE }, { "p_2", 0.5, SHARE }, { "p_3", 0.2, SHARE } } },
    { "E10", "accuracy_of_pairs", "1/n sum_i right_i",
      "CAI fig. 4 (its PM)", e10_pairs, NULL,
      { { "p_1", 0.9, SHARE }, { "label_1", 1, SHARE }, { "p_2", 0.2, SHARE },
        { "label_2", 0.3, SHARE } } },
    { "E11", "gibbs_optimum", "beta log Z, Z = sum_y pi_0(y) e^(r(y)/beta)",
      "DPO eq. 4", e11, NULL,
      { { "pi_0", 0.4, SHARE }, { "r_1", 1, ANY }, { "r_2", 0, ANY }, { "beta", 0.5, POSITIVE } } },
    { "E12", "dpo_loss", "- p log s(h) - (1 - p) log s(-h)",
      "DPO eq. 7 (p = 1); the soft form follows from E1", e12, NULL,
      { { "logp_w", -3, LOGP }, { "logp_l", -4, LOGP }, { "ref_w", -3.5, LOGP },
        { "ref_l", -3.8, LOGP }, { "beta", 0.1, POSITIVE }, { "p", 1, SHARE } } },
    { "E12", "ipo_loss", "(h - 1/(2 tau))^2",
      "IPO eq. 17", e12_ipo, NULL,
      { { "logp_w", -3, LOGP }, { "logp_l", -4, LOGP }, { "ref_w", -3.5, LOGP },
        { "ref_l", -3.8, LOGP }, { "tau", 0.5, POSITIVE } } },
    { "E13", "sft_loss", "- sum_t log pi(y_t | x, y_<t)",
      "CAI sec. 3.1", e13, NULL,
      { { "logp_1", -0.1, -1000, 0, SERIES }, { "logp_2", -2.3, LOGP } } },
    { "E13", "distill_loss", "sum_i p_0,i (log p_0,i - log p_theta,i)",
      "HH app. A.1", e13_distill, no_distribution,
      { { "p_0", 0.7, SHARE }, { "logp_theta_1", -0.5108256238, LOGP },
        { "logp_theta_2", -0.9162907319, LOGP } } },
    { "E14", "scored_feedback", "(2 s - (n + 1)) / (n - 1)",
      "RLAIF sec. 2.2.2", e14, no_marks,
      { { "p_1", 0.1, SHARE }, { "p_2", 0.2, SHARE }, { "p_3", 0.5, SHARE } } },
    /* steps: no source */
    { "E1", "preference", "s(r_A - r_B)", NULL, step_preference, NULL,
      { { "r_A", 1.2, ANY }, { "r_B", 0.3, ANY } } },
    { "E1", "slope_A", "s(r_A - r_B) - p", NULL, step_slope_A, NULL,
      { { "r_A", 1.2, ANY }, { "r_B", 0.3, ANY }, { "p", 0.8, SHARE } } },
    { "E1", "slope_B", "p - s(r_A - r_B)", NULL, step_slope_B, NULL,
      { { "r_A", 1.2, ANY }, { "r_B", 0.3, ANY }, { "p", 0.8, SHARE } } },
    { "E3", "score_margin", "r_i - r_j", NULL, step_difference, NULL,
      { { "r_i", 0.2, ANY }, { "r_j", -0.3, ANY } } },
    { "E4", "score_counted", "r_PM - level (D15)", NULL, step_difference, NULL,
      { { "r_PM", 1, ANY }, { "level", 0.2, ANY } } },
    { "E5", "ratio", "e^(logp - logp_old)", NULL, step_ratio, ratio_held,
      { { "logp", -1, LOGP }, { "logp_old", -1.1, LOGP } } },
    { "E5", "free_term", "rho A", NULL, step_free, ratio_held,
      { { "logp", -1, LOGP }, { "logp_old", -1.1, LOGP }, { "A", 1, ANY } } },
    { "E5", "held_term", "clip(rho, 1 - eps, 1 + eps) A", NULL, step_held, ratio_held,
      { { "logp", -1, LOGP }, { "logp_old", -1.1, LOGP }, { "A", 1, ANY },
        { "eps", 0.2, 0, 1, 0 } } },
    { "E5", "loss_mean", "1/N sum_i L_i", NULL, step_mean, NULL,
      { { "L_1", -0.5, -1000, 1000, SERIES }, { "L_2", 0.3, ANY } } },
    { "E5", "loss_total", "L_clip + c_v L_V", NULL, step_total, NULL,
      { { "L_clip", -0.2, ANY }, { "c_v", 0.1, NOT_NEGATIVE }, { "L_V", 0.5, ANY } } },
    { "E6", "gae_step", "r + gamma V_next - V + gamma lambda A_next", NULL, step_gae, NULL,
      { { "r", -0.1, ANY }, { "V", 0.2, ANY }, { "V_next", 0.5, ANY }, { "A_next", 0.5, ANY },
        { "gamma", 1, SHARE }, { "lambda", 0.95, SHARE } } },
    { "E6", "gae_return", "A + V", NULL, step_return, NULL,
      { { "A", 0.675, ANY }, { "V", 0.2, ANY } } },
    { "E6", "whiten_mean", "1/N sum_i A_i", NULL, step_mean, NULL,
      { { "A_1", 0.7, -1000, 1000, SERIES }, { "A_2", -0.1, ANY } } },
    { "E6", "whiten_deviation", "sqrt(1/N sum_i (A_i - mean)^2 + 1e-8) (D6)", NULL,
      step_deviation, NULL, { { "A_1", 0.7, -1000, 1000, SERIES }, { "A_2", -0.1, ANY } } },
    { "E6", "whitened", "(A - mean) / deviation (D6)", NULL, step_whitened, NULL,
      { { "A", 0.7, ANY }, { "mean", 0.3, ANY }, { "deviation", 0.4, 1e-9, 1000, 0 } } },
};
// clang-format on
enum { N_EXAMPLES = sizeof EXAMPLE / sizeof EXAMPLE[0] };

// ------------------------------------------------------------------------------------
// derivatives by differences

/* Example e at x, with argument i moved by `by`. */
static double moved(int e, const double *x, int i, double by)
{
    static double y[MAX_NUMBERS];
    memcpy(y, x, sizeof y);
    y[i] += by;
    return EXAMPLE[e].value(y);
}

/* Five points: h^4 of truncation, 1e-16 / h of rounding. */
static double central(int e, const double *x, int i)
{
    double h = 1e-5;
    return (8 * (moved(e, x, i, h) - moved(e, x, i, -h))
            - (moved(e, x, i, 2 * h) - moved(e, x, i, -2 * h)))
           / (12 * h);
}

/* Three points on one side; h < 0: the left one. For the corners of E5's clips. */
static double one_sided(int e, const double *x, int i, double h)
{
    return (4 * moved(e, x, i, h) - moved(e, x, i, 2 * h) - 3 * moved(e, x, i, 0)) / (2 * h);
}

/* To a millionth of the slope, or of 1 if the slope is small; a NaN agrees with nothing. */
static int agree(double by_formula, double by_differences)
{
    return fabs(by_formula - by_differences) <= 1e-6 * fmax(1, fabs(by_formula));
}

/* Prints the derivative by argument i both ways. Returns whether they disagree. At a corner the
 * formula must be the slope of one side. */
static int compare_slopes(int e, const double *x, int i, double by_formula)
{
    double slope = central(e, x, i);
    printf("    d/d %-8s by formula %.9g, by differences ", EXAMPLE[e].arg[i].name,
           by_formula + 0.0); /* no -0 */
    if (agree(by_formula, slope)) {
        printf("%.9g\n", slope + 0.0);
        return 0;
    }
    for (double h = 1e-7; h < 2e-5;
         h *= 10) { /* short beside a corner; longer where values are large */
        double left = one_sided(e, x, i, -h), right = one_sided(e, x, i, h);
        if (agree(by_formula, left) == agree(by_formula, right)) continue;
        printf("%.9g on the left, %.9g on the right (a corner)\n", left + 0.0, right + 0.0);
        return 0;
    }
    printf("%.9g: THEY DISAGREE\n", slope);
    return 1;
}

static int n_args(int e)
{
    int n = 0;
    while (n < MAX_ARGS && EXAMPLE[e].arg[n].name) n++;
    return n;
}

/* Prints example e at x. Returns the number of disagreements; a value that is no number is one. */
static int show(int e, const double *x)
{
    double value, by_formula[MAX_ARGS];
    for (int i = 0; i < MAX_ARGS; i++) gradient[i] = NAN;
    value = EXAMPLE[e].value(x);
    memcpy(by_formula, gradient, sizeof by_formula);
    printf("%s  %s = %s\n", EXAMPLE[e].tag, EXAMPLE[e].name, EXAMPLE[e].formula);
    if (EXAMPLE[e].source) printf("    source: %s\n", EXAMPLE[e].source);
    printf("   ");
    for (int i = 0; i < n_args(e) && (EXAMPLE[e].arg[0].what != SERIES || i < (int)x[COUNT]); i++)
        printf(" %s=%.10g", EXAMPLE[e].arg[i].name, x[i]);
    if ((int)x[COUNT] > n_args(e)) printf(" .. %d numbers", (int)x[COUNT]);
    printf("\n    value %.9g%s\n", value + 0.0, isfinite(value) ? "" : ": NO NUMBER");
    int disagree = !isfinite(value);
    for (int i = 0; i < n_args(e); i++)
        if (!isnan(by_formula[i]) && i < (int)x[COUNT])
            disagree += compare_slopes(e, x, i, by_formula[i]);
    return disagree;
}

// ------------------------------------------------------------------------------------
// the reader's numbers

/* The number at the beginning of text, up to a comma if others may follow. Returns what follows. */
static const char *take_number(const char *text, const Arg *a, int more, const char *whole,
                               double *x)
{
    char *end;
    *x = strtod(text, &end);
    size_t n = (size_t)(end - text);
    int plain = n > 0 && (!*end || (more && *end == ',')) && strspn(text, "+-.0123456789eE") >= n;
    int inside = *x >= a->lo && *x <= a->hi && (a->what != WHOLE_NUMBER || *x == floor(*x));
    if (!plain || !inside)
        die(EXIT_USAGE, "%.60s: not a %snumber from %g to %g; give one", whole,
            a->what == WHOLE_NUMBER ? "whole " : "", a->lo, a->hi);
    return *end && end[1] ? end + 1 : NULL; /* a comma may stand at the end: a list of one */
}

/* "name=number" from the command line into x, if example e has that argument; of one whose numbers
 * may go on, "name_1=number,number,..". */
static int take(int e, const char *text, double *x)
{
    const char *number = strchr(text, '=') + 1;
    for (int i = 0; i < n_args(e); i++) {
        const Arg *a = &EXAMPLE[e].arg[i];
        size_t n = strlen(a->name);
        if ((size_t)(number - 1 - text) != n || strncmp(text, a->name, n)) continue;
        int more = a->what == SERIES, k = i;
        int list = more && strchr(number, ',');
        while (number && k < COUNT) number = take_number(number, a, more, text, &x[k++]);
        if (number) die(EXIT_USAGE, "%.60s..: more than %d numbers; give fewer", text, COUNT);
        if (list) x[COUNT] = k;
        return 1;
    }
    return 0;
}

/* Example e is one of the tag's (NULL: of any), or the one of that name; a step is asked for by
 * name. */
static int asked(int e, const char *tag, const char *name)
{
    if (tag && strcmp(EXAMPLE[e].tag, tag)) return 0;
    return name ? strcmp(EXAMPLE[e].name, name) == 0 : EXAMPLE[e].source != NULL;
}

static void check_names(const char *tag, const char *name, int n, char **argument)
{
    static double x[MAX_NUMBERS];
    for (int k = 0; k < n; k++) {
        const char *equals = strchr(argument[k], '=');
        int known = 0;
        if (!equals)
            die(EXIT_USAGE, "%s: not of the form name=number; give for example p=0.8", argument[k]);
        for (int e = 0; e < N_EXAMPLES; e++)
            known |= asked(e, tag, name) && take(e, argument[k], x);
        if (!known)
            die(EXIT_USAGE, "%s: %s has no such argument; `build/verify %s` shows what it has",
                argument[k], name ? name : tag, tag);
        for (int j = 0; j < k; j++)
            if (strncmp(argument[j], argument[k], (size_t)(equals - argument[k]) + 1) == 0)
                die(EXIT_USAGE, "%s: %.*s is given twice; give it once", argument[k],
                    (int)(equals - argument[k]), argument[k]);
    }
}

/* The example that the first argument names; NULL: it names none. */
static const char *name_of(const char *tag, int n, char **argument)
{
    for (int e = 0; e < N_EXAMPLES && n > 0; e++)
        if (asked(e, tag, argument[0])) return EXAMPLE[e].name;
    return NULL;
}

/* Every argument must belong to an example of the tag; then only the examples are shown that take
 * at least one of the arguments, or the one that is named. All are checked before the first is
 * shown. */
int examples(const char *tag, int n, char **argument)
{
    static double x[N_EXAMPLES][MAX_NUMBERS];
    int known = 0, wanted[N_EXAMPLES] = { 0 }, disagree = 0;
    const char *name = name_of(tag, n, argument);
    if (name) n--, argument++;
    check_names(tag, name, n, argument);
    for (int e = 0; e < N_EXAMPLES; e++) {
        if (!asked(e, tag, name)) continue;
        known = 1;
        wanted[e] = n == 0;
        for (int i = 0; i < n_args(e); i++) x[e][i] = EXAMPLE[e].arg[i].value;
        x[e][COUNT] = n_args(e);
        for (int k = 0; k < n; k++) wanted[e] |= take(e, argument[k], x[e]);
        const char *wrong = wanted[e] && EXAMPLE[e].refuse ? EXAMPLE[e].refuse(x[e]) : NULL;
        if (wrong) die(EXIT_USAGE, "%s: %s", EXAMPLE[e].name, wrong);
    }
    for (int e = 0; e < N_EXAMPLES; e++)
        if (wanted[e]) disagree += show(e, x[e]);
    return known ? disagree : -1;
}
