/* equations.c -- the paper's equations E1 to E14, one pure function each: scalars in double, no
 * memory, no files. A comment gives the formula (indented), the arguments and, last, the source. It
 * says whether the function is a loss (made small) or an objective (made large), and of each KL on
 * whose samples it is taken. The training loops call these functions; nothing is computed a second
 * time inline. docs/equations.md maps the paper to this file and repeats formulas and sources.
 *
 * Reading order: E1 and E2 (what a preference label is), then pm_step in train.c; E4, E5, E6, then
 * ppo_rollout and ppo_update there. The rest stands alone.
 *
 * Sources, by short name. CAI, HH and RLAIF were read; the others are quoted at second hand.
 *   CAI     Bai et al. 2022b, arXiv 2212.08073      HH    Bai et al. 2022a, arXiv 2204.05862
 *   PPO     Schulman et al. 2017, arXiv 1707.06347  GAE   Schulman et al. 2015, arXiv 1506.02438
 *   DPO     Rafailov et al. 2023, arXiv 2305.18290  IPO   Azar et al. 2023, arXiv 2310.12036
 *   RLAIF   Lee et al. 2023, arXiv 2309.00267       Gao   Gao et al. 2022, arXiv 2210.10760
 *   Askell  Askell et al. 2021, arXiv 2112.00861    Note  Schulman, "Approximating KL", 2020
 * SPDX-License-Identifier: MIT
 */
#include "include/equations.h"

#include <math.h>

// ------------------------------------------------------------------------------------
// The logistic function and its integral, in forms that cannot overflow

/* s(z) = 1 / (1 + e^-z), in (0, 1). The exponent is never positive. */
double sigmoid(double z)
{
    double e = exp(-fabs(z));
    return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* log(1 + e^z) = -log s(-z): how every -log s(..) below is computed, so that a large margin
 * gives a large loss and not log(0). */
double softplus(double z) { return fmax(z, 0) + log1p(exp(-fabs(z))); }

/* x held within [lo, hi]. Written with comparisons because fmin and fmax would swallow a NaN:
 * a NaN given to a function of this file comes out again and reaches the checks that stop a run. */
double clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

// ------------------------------------------------------------------------------------
// E1, E2, E3 -- preferences: the loss of the preference model, its labels, its units

/* E1  Preference-model loss with a soft label (Bradley-Terry).
 *
 *     P(A > B) = s(r_A - r_B)
 *     L(r_A, r_B; p) = - p log s(r_A - r_B) - (1 - p) log s(r_B - r_A)
 *     dL/dr_A = s(r_A - r_B) - p,   dL/dr_B = -dL/dr_A
 *
 * r_A, r_B  PM scores of the two answers to one prompt     scalars
 * p         the label, P(A is better), from E2             in [0, 1]
 * *dr_A     receives dL/dr_A                               in [-1, 1]
 * Loss. p = 1 is Askell's log(1 + e^(r_bad - r_good)), which HH uses; for soft labels, which CAI
 * uses without a formula, it is the cross-entropy. The minimum lies at r_A - r_B = logit(p) and
 * is the label's entropy H(p), not 0: a label clamped to 0.6 asks for a margin of 0.405 and
 * cannot go below 0.673. Only the difference of the scores counts.
 * Source: Askell (hard labels); CAI sec. 4.1 (soft labels). */
double pm_loss(double r_A, double r_B, double p, double *dr_A)
{
    double margin = r_A - r_B;
    *dr_A = sigmoid(margin) - p;
    return p * softplus(-margin) + (1 - p) * softplus(margin);
}

/* E1  The entropy of a label, the floor of that loss; in [0, log 2], 0 for hard labels.
 *     H(p) = - p log p - (1 - p) log(1 - p)
 * Source: follows from pm_loss. */
double label_entropy(double p) { return p == 0 || p == 1 ? 0 : -p * log(p) - (1 - p) * log1p(-p); }

/* E2  The feedback model's answer as a probability: multiple choice, normalised over two.
 *
 *     p_A = P("(A)") / (P("(A)") + P("(B)")) = s(logp_A - logp_B)
 *
 * logp_A, logp_B  log-probability of each answer, summed over its tokens     (-inf, 0]
 * Returns the soft label p of E1, in [0, 1]. Source: CAI sec. 4.1. */
double p_A_of(double logp_A, double logp_B) { return sigmoid(logp_A - logp_B); }

/* E2  The same question asked in both orders, so that a liking for the first place cancels.
 *
 *     p = 1/2 [p_ab + 1 - p_ba]
 *
 * p_ab  P(the answer shown first is better), A shown first: P(A is better)       in [0, 1]
 * p_ba  P(the answer shown first is better), B shown first: P(B is better)       in [0, 1]
 * CAI is silent on the order (D4). Equal values give 1/2 to the bit. Source: RLAIF sec. 2.1.1. */
double p_both_orders(double p_ab, double p_ba) { return 0.5 * (1 + (p_ab - p_ba)); }

/* E2  Several chains of thought, averaged; p_k (K), each in [0, 1]; K = 5 in CAI.
 *     p = 1/K sum_k p_k
 * Source: CAI fig. 4. */
double p_chains(int K, const double *p_k)
{
    double sum = 0;
    for (int k = 0; k < K; k++) sum += p_k[k];
    return sum / K;
}

/* E2  Clamp of a chain-of-thought label; lo <= hi, 0.4 and 0.6 in CAI.
 *     p <- min(max(p, lo), hi)
 * A written argument ends in a verdict, so its p is near 0 or 1 whatever the truth. Values
 * inside [lo, hi] stay as they are; this is no rescaling. Source: CAI sec. 4.1. */
double p_clamp(double p, double lo, double hi) { return clamp(p, lo, hi); }

/* E2  Hard label. An exact tie stays 1/2: rounding it to 0 would favour B.
 *     p <- 1[p > 1/2]
 * Source: CAI sec. 4.3. */
double p_hard(double p) { return p > 0.5 ? 1 : p < 0.5 ? 0 : p; }

/* E3  Elo: the probability that i beats j.
 *
 *     W = 1 / (1 + 10^(-(R_i - R_j)/400))
 *
 * R_i, R_j  ratings     any real; 70 points are 60 %, 200 are 76 %
 * The sign is own minus opponent; HH prints the other one. Source: HH eq. 2.1. */
static const double ELO_PER_NAT = 173.71779276130073; /* 400 / ln 10; HH rounds to 174 */
double elo_win(double R_i, double R_j) { return sigmoid((R_i - R_j) / ELO_PER_NAT); }

/* E3  A difference of PM scores, delta_r = r_i - r_j, in Elo points.
 *     R_i - R_j = (400 / ln 10) delta_r
 * Source: HH sec. 2.4. */
double elo_of_score(double delta_r) { return ELO_PER_NAT * delta_r; }

/* Newton's step for rating i alone, at most one nat long: slope / -curvature of E3's objective. */
static double elo_newton_step(int n, const double *wins, const double *R, int i)
{
    double slope = 0, curvature = 0;
    for (int j = 0; j < n; j++) {
        if (j == i) continue;
        double games = wins[i * n + j] + wins[j * n + i], W = elo_win(R[i], R[j]);
        slope += wins[i * n + j] - games * W;
        curvature += games * W * (1 - W);
    }
    if (curvature <= 0) return 0; /* no games */
    return ELO_PER_NAT * clamp(slope / curvature, -1, 1);
}

/* E3  Fit of ratings to game counts.
 *
 *     maximise over R   sum_ij wins_ij log W(i beats j),   R_anchor = 0
 *
 * wins    (n, n)  wins[i*n + j] = games i won against j, 0 or more; the diagonal is not read
 * anchor  the player whose rating is the zero point        R  (n) receives the ratings
 * The counts decide what a tie is, and a table must say which: 60 won, 20 lost, 20 tied are 147.2
 * points with ties as half a win for both (70 to 30), 190.8 without ties (60 to 20).
 * Objective, concave: Newton's step for one rating at a time, at most one nat long, until none
 * moves. A player who never lost (or never won) has no finite rating: it stops at the limit.
 * HH fits win counts to Elo; maximum likelihood is our reading of it. Source: HH sec. 2.4. */
void elo_fit(int n, const double *wins, int anchor, double *R)
{
    enum { SWEEPS = 20000 };
    const double LIMIT = 2000; /* toy choice: odds of 100,000 to one */
    for (int i = 0; i < n; i++) R[i] = 0;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double moved = 0;
        for (int i = 0; i < n; i++) {
            if (i == anchor) continue;
            double to = clamp(R[i] + elo_newton_step(n, wins, R, i), -LIMIT, LIMIT);
            moved = fmax(moved, fabs(to - R[i]));
            R[i] = to;
        }
        if (moved < 1e-11) return;
    }
}

// ------------------------------------------------------------------------------------
// E4, E5, E6 -- reinforcement learning: penalised reward, PPO's losses, advantages

/* The log-ratio is held within 20 nats before exp: e^20 is already no probability ratio to learn
 * from, and e^90 overflows a float. Beyond it the slopes of E4 and E5 stay as they are at the
 * bound and go on pulling back, where the derivative of the held exponential is 0. */
static const double LOG_RATIO_MAX = 20;
double ratio_of(double logp, double logp_old)
{
    return exp(clamp(logp - logp_old, -LOG_RATIO_MAX, LOG_RATIO_MAX));
}

/* E4  Estimates of KL(pi || pi_0) from one token that pi sampled.
 *
 *     logr = log pi(y_t) - log pi_0(y_t)
 *     k1 = logr
 *     k2 = logr^2 / 2
 *     k3 = e^-logr - 1 + logr,   d k3 / d logr = 1 - e^-logr
 *
 * logr  the log-ratio at a token y_t drawn from pi; swapping the roles of the two in k3 gives
 *       another number. Sum over an answer's tokens for the KL of the answer.
 * k1 is unbiased and may be negative; k2 is biased, but its GRADIENT on samples of pi is that of
 * the KL; k3 is unbiased and never negative: the monitor. All are exactly 0 at logr = 0.
 * Source: HH eq. 4.1 (the KL); Note (k1, k2, k3). */
double kl_k1(double logr) { return logr; }
double kl_k2(double logr) { return 0.5 * logr * logr; }
double kl_k3(double logr) { return expm1(clamp(-logr, -LOG_RATIO_MAX, LOG_RATIO_MAX)) + logr; }
double kl_k3_slope(double logr) { return -expm1(clamp(-logr, -LOG_RATIO_MAX, LOG_RATIO_MAX)); }

/* E4  The reward PPO sees at one token.
 *
 *     r_total(x, y) = r_PM(x, y) - lambda_kl KL(pi || pi_0)
 *     r_t = r_PM [t is the last token] - lambda_kl k1(logr_t)
 *
 * r_PM_if_last  PM score of the whole answer at its last token, 0 at every other one
 * lambda_kl     0.001 in HH
 * kl            of this token, sampled from pi: k1(logr_t); other estimates, --kl-form, are for the
 *               lesson. A constant: no gradient flows
 * Objective. The first line is HH's, for a whole answer; the second is what is done here (D5):
 * its sum over the answer is the first with the KL estimated by k1. Source: HH eq. 4.1. */
double reward_penalised(double r_PM_if_last, double lambda_kl, double kl)
{
    return r_PM_if_last - lambda_kl * kl;
}

/* E5  PPO's clipped loss of one token.
 *
 *     rho = pi(a|s) / pi_old(a|s)
 *     L_clip = - min( rho A, clip(rho, 1 - eps, 1 + eps) A )
 *     dL/dlog pi = - rho A,  or 0 where the clipped side is the smaller
 *
 * logp, logp_old  log pi and log pi_old of the token that pi_old sampled
 * A               its advantage (E6, whitened)
 * eps_clip        0.2 in HH
 * *dlogp          receives dL/dlog pi        *clipped  1 where the clip stops the gradient
 * Loss. At rho = 1: the policy gradient. Source: PPO eq. 7; HH app. B.1 (eps_clip). */
double ppo_clip_loss(double logp, double logp_old, double A, double eps_clip, double *dlogp,
                     int *clipped)
{
    double rho = ratio_of(logp, logp_old);
    double free = rho * A, held = clamp(rho, 1 - eps_clip, 1 + eps_clip) * A;
    *clipped = held < free;
    *dlogp = *clipped ? 0 : -rho * A;
    return *clipped ? -held : -free;
}

/* E5  Value loss of one state.
 *
 *     V_held = clip(V, V_old - eps_value, V_old + eps_value)
 *     L_V = 1/2 max( (V - G)^2, (V_held - G)^2 )
 *
 * V, V_old   the value now and at sampling time, of the prefix before the token
 * G          its return (E6)
 * eps_value  0 or less: no clipping, L_V = 1/2 (V - G)^2
 * *dV        receives dL_V/dV                *clipped  1 where the clip stops the gradient
 * Loss. Written this way V_held IS V inside the bounds; V_old + (V - V_old) would differ in the
 * last bit and stop the gradient of half the tokens for no reason.
 * The papers do not state a value loss (D6). Source: common PPO programs. */
double value_loss(double V, double V_old, double G, double eps_value, double *dV, int *clipped)
{
    double V_held = eps_value > 0 ? clamp(V, V_old - eps_value, V_old + eps_value) : V;
    double free = (V - G) * (V - G), held = (V_held - G) * (V_held - G);
    *clipped = held > free;
    *dV = *clipped ? 0 : V - G;
    return 0.5 * (*clipped ? held : free);
}

/* E6  Generalised advantage estimation over one answer.
 *
 *     delta_t = r_t + gamma V_{t+1} - V_t,   V_T = 0
 *     A_t = delta_t + gamma lambda A_{t+1},  A_T = 0
 *     G_t = A_t + V_t
 *
 * T          tokens of the answer
 * r, V       (T) rewards (E4); values of the states before each token
 * gamma      1 in HH           lambda  in [0, 1]. D6: the papers do not say
 * A, G       (T) receive advantages (objective) and returns
 * lambda = 0: one-step errors. lambda = 1: the return minus V_t; with gamma = 1 every token is
 * credited with all that follows it, nearest to HH, where an answer is ONE step. A reward k tokens
 * later counts (gamma lambda)^k directly; the rest comes through V only. Source: GAE eq. 16. */
void gae(int T, const double *r, const double *V, double gamma, double lambda, double *A, double *G)
{
    double V_next = 0, A_next = 0;
    for (int t = T - 1; t >= 0; t--) {
        double delta = r[t] + gamma * V_next - V[t];
        A[t] = delta + gamma * lambda * A_next;
        G[t] = A[t] + V[t];
        V_next = V[t];
        A_next = A[t];
    }
}

// ------------------------------------------------------------------------------------
// E7 .. E11 -- what the results are measured with

/* E7  Abscissa of HH's reward plots; the KL on samples of pi, a mean of k1 below 0 taken as 0.
 *     d = sqrt KL(pi || pi_0)
 * To second order the KL is quadratic in the change of pi while the reward is linear in it, so
 * reward against sqrt KL starts straight. Source: HH sec. 4.3. */
double sqrt_kl(double kl) { return sqrt(clamp(kl, 0, INFINITY)); }

/* E7  KL of best-of-n sampling to plain sampling; n >= 1 answers drawn, the best of them kept.
 *     KL = log n - (n - 1)/n
 * Source: Gao (section not checked). */
double kl_best_of_n(int n) { return log(n) - (n - 1.0) / n; }

/* E7  Over-optimisation: the gold reward at distance d = sqrt KL >= 0, for best-of-n and for RL.
 *     R_bon(d) = d (alpha - beta d)
 *     R_RL(d) = d (alpha - beta log d)
 * alpha, beta: fitted, reward per unit d; both are 0 at d = 0. Objective. Source: Gao sec. 1. */
double r_best_of_n(double d, double alpha, double beta) { return d * (alpha - beta * d); }
double r_rl(double d, double alpha, double beta) { return d ? d * (alpha - beta * log(d)) : 0; }

/* x's bin of equal-width bins of [0, 1]: x = 1 belongs to the last one, a NaN to the first. */
static int bin_of(double x, int bins) { return x >= 1 ? bins - 1 : x > 0 ? (int)(x * bins) : 0; }

/* E8  Expected calibration error of stated probabilities.
 *
 *     ECE = sum_b n_b/n | acc_b - conf_b |
 *
 * p     (n) stated probability, in [0, 1]    y  (n) 1 where it came true, else 0
 * bins  number of equal-width bins of p in [0, 1]; acc_b, conf_b: means of y and p in bin b
 * In [0, 1], 0 is calibrated; n = 0 gives 0. The papers plot the bins; the sum is the usual one.
 * Not for comparisons whose chosen side stands first: y = 1 throughout says nothing about p.
 * Source: CAI fig. 9; HH fig. 9. */
double ece(int n, const double *p, const double *y, int bins)
{
    double error = 0;
    for (int b = 0; b < bins; b++) {
        double gap = 0; /* n_b (acc_b - conf_b) */
        for (int i = 0; i < n; i++)
            if (bin_of(p[i], bins) == b) gap += y[i] - p[i];
        error += fabs(gap);
    }
    return n ? error / n : 0;
}

/* How often the side that p prefers is the one that the raters prefer; half in a tie. */
static double agreement(double p, double label)
{
    return p_hard(p) * label + (1 - p_hard(p)) * (1 - label);
}

/* E8  Expected calibration error of comparisons: how sure, against how often right.
 *
 *     c = max(p, 1 - p),   right = label if p > 1/2, 1 - label if p < 1/2, 1/2 if p = 1/2
 *     ECE = sum_b n_b/n | right_b - c_b |
 *
 * p      (n) P(A is better) by the judge or PM, s(r_A - r_B); HH plots it as c = s(|r_A - r_B|)
 * label  (n) P(A is better) by the people or oracle; a soft label gives the expectation
 * bins   number of equal-width bins of c in [1/2, 1]; right_b, c_b: means in bin b
 * Exchanging A and B (p to 1 - p, label to 1 - label) changes nothing; n = 0 gives 0.
 * Source: HH fig. 9; CAI fig. 9. */
double ece_of_pairs(int n, const double *p, const double *label, int bins)
{
    double error = 0;
    for (int b = 0; b < bins; b++) {
        double gap = 0; /* n_b (right_b - c_b) */
        for (int i = 0; i < n; i++) {
            double c = p[i] < 0.5 ? 1 - p[i] : p[i];
            if (bin_of(2 * c - 1, bins) == b) gap += agreement(p[i], label[i]) - c;
        }
        error += fabs(gap);
    }
    return n ? error / n : 0;
}

/* E9  Absolute harmfulness: squared error of a predicted rating.
 *
 *     L = (s_hat - s)^2,   dL/ds_hat = 2 (s_hat - s)
 *
 * s_hat  predicted, a real      s  the rater's 0 (attack failed), 1, 2, 3 or 4 (succeeded)
 * Loss. Source: CAI sec. 4.5. */
double harm_loss(double s_hat, double s, double *ds_hat)
{
    *ds_hat = 2 * (s_hat - s);
    return (s_hat - s) * (s_hat - s);
}

/* E10  Multiple-choice accuracy; p_correct (n) is the right option's probability, in [0, 1].
 *     acc = 1/n sum_i 1[p_correct,i > 1/2]
 * A tie counts 1/2; n = 0 gives 1/2. Source: CAI fig. 4. */
double mc_accuracy(int n, const double *p_correct)
{
    double right = 0;
    for (int i = 0; i < n; i++) right += p_hard(p_correct[i]);
    return n ? right / n : 0.5;
}

/* E10  Accuracy on labelled comparisons; p, label (n) and right_i as in ece_of_pairs.
 *     acc = 1/n sum_i right_i
 * Exchanging A and B changes nothing; n = 0 gives 1/2. Source: CAI fig. 4 (its PM). */
double accuracy_of_pairs(int n, const double *p, const double *label)
{
    double right = 0;
    for (int i = 0; i < n; i++) right += agreement(p[i], label[i]);
    return n ? right / n : 0.5;
}

/* E11  The policy that KL-regularised RL would reach with unlimited skill.
 *
 *     pi* = argmax_pi  E_pi[r] - beta KL(pi || pi_0) = pi_0 e^(r/beta) / Z
 *     value at pi*  =  beta log Z,   Z = sum_y pi_0(y) e^(r(y)/beta)
 *
 * pi_0, r  (n) reference probabilities of all n possible answers, sum 1; their rewards
 * beta     > 0; lambda_kl of E4
 * pi_star  (n) receives pi*
 * Returns the value. Objective; KL of pi to pi_0, exact. Source: DPO eq. 4. */
double gibbs_optimum(int n, const double *pi_0, const double *r, double beta, double *pi_star)
{
    double r_max = -INFINITY, Z = 0; /* r_max is taken out: no overflow */
    for (int y = 0; y < n; y++)
        if (pi_0[y] > 0) r_max = fmax(r_max, r[y]);
    for (int y = 0; y < n; y++)
        Z += pi_star[y] = pi_0[y] == 0 ? 0 : pi_0[y] * exp((r[y] - r_max) / beta);
    for (int y = 0; y < n; y++) pi_star[y] /= Z;
    return r_max + beta * log(Z);
}

// ------------------------------------------------------------------------------------
// E12, E13, E14 -- losses beside the paper's RL

/* E12  Direct preference optimisation with a soft label.
 *
 *     h = beta [ (logp_w - ref_w) - (logp_l - ref_l) ]
 *     L = - p log s(h) - (1 - p) log s(-h)
 *     dL/dlogp_w = beta (s(h) - p),   dL/dlogp_l = -dL/dlogp_w
 *
 * logp_w, logp_l  log pi of the winner and the loser, SUMMED over their answer tokens
 * ref_w, ref_l    the same under pi_0
 * beta            > 0; larger stays closer to pi_0        p  P(w is better); 1 is plain DPO
 * *dlogp_w        receives dL/dlogp_w
 * Loss: E1 with beta times the log-ratio in the place of the score. log 2 at pi = pi_0.
 * Source: DPO eq. 7 (p = 1); the soft form follows from E1. */
double dpo_loss(double logp_w, double logp_l, double ref_w, double ref_l, double beta, double p,
                double *dlogp_w)
{
    double dr;
    double loss = pm_loss(beta * (logp_w - ref_w), beta * (logp_l - ref_l), p, &dr);
    *dlogp_w = beta * dr;
    return loss;
}

/* E12  Identity preference optimisation: a margin to reach instead of one to grow.
 *
 *     h = (logp_w - ref_w) - (logp_l - ref_l)
 *     L = (h - 1/(2 tau))^2,   dL/dlogp_w = 2 (h - 1/(2 tau)),   dL/dlogp_l = -dL/dlogp_w
 *
 * tau > 0; the rest as in dpo_loss, log-probabilities summed (programs that take means have another
 * tau). Loss. Source: IPO eq. 17. */
double ipo_loss(double logp_w, double logp_l, double ref_w, double ref_l, double tau,
                double *dlogp_w)
{
    double h = (logp_w - ref_w) - (logp_l - ref_l), miss = h - 1 / (2 * tau);
    *dlogp_w = 2 * miss;
    return miss * miss;
}

/* E13  Supervised loss; logp (T) of the target tokens.
 *     L = - sum_t log pi(y_t | x, y_<t),   dL/dlogp_t = -1
 * Loss. Source: CAI sec. 3.1. */
double sft_loss(int T, const double *logp)
{
    double sum = 0;
    for (int t = 0; t < T; t++) sum += logp[t];
    return -sum;
}

/* E13  Context distillation.
 *
 *     L = KL(p_0 || p_theta) = sum_i p_0,i (log p_0,i - log p_theta,i)
 *
 * p_0, logp_theta  (n) the teacher's probabilities, the pupil's log-probabilities
 * dlogp_theta      (n) receives dL/dlogp_theta,i = -p_0,i
 * Loss. KL of the TEACHER to the pupil, exact, no samples; HH's classes are the 50 likeliest tokens
 * and one rest. CAI does not do it. Source: HH app. A.1. */
double distill_loss(int n, const double *p_0, const double *logp_theta, double *dlogp_theta)
{
    double kl = 0;
    for (int i = 0; i < n; i++) {
        if (p_0[i] != 0) kl += p_0[i] * (log(p_0[i]) - logp_theta[i]);
        dlogp_theta[i] = -p_0[i];
    }
    return kl;
}

/* E14  Feedback as a score: the judge's expected mark.
 *
 *     s = sum_{i=1..n} i P(i) / sum_i P(i)
 *     rescaled to [-1, 1]:  (2 s - (n + 1)) / (n - 1)
 *
 * p_i  (n) probability of each mark 1..n (p_i[0] is mark 1), n >= 2, n = 10 in RLAIF; their sum
 *      is in (0, 1], the rest being on other words. Objective. Source: RLAIF sec. 2.2.2. */
double scored_feedback(int n, const double *p_i)
{
    double s = 0, sum = 0;
    for (int i = 1; i <= n; i++) {
        s += i * p_i[i - 1];
        sum += p_i[i - 1];
    }
    return (2 * s / sum - (n + 1)) / (n - 1);
}

/* Wilson's 95 % interval of a share: k of n, 0 <= k <= n. Unlike k/n -+ 2 sd it is right at 0 of
 * 20, where the upper end is 16 % and not 0. n = 0: nothing known, [0, 1]. */
void wilson(double k, double n, double *lo, double *hi)
{
    const double z = 1.959963984540054;
    if (n <= 0) {
        *lo = 0;
        *hi = 1;
        return;
    }
    double share = k / n, z2_n = z * z / n;
    double middle = (share + z2_n / 2) / (1 + z2_n);
    double half = z * sqrt(share * (1 - share) / n + z2_n / (4 * n)) / (1 + z2_n);
    *lo = clamp(middle - half, 0, 1);
    *hi = clamp(middle + half, 0, 1);
}
