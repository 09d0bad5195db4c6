/* include/equations.h -- equations.c: the paper's equations, one function each.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_EQUATIONS_H
#define CAI_EQUATIONS_H

double sigmoid(double z);
double softplus(double z);
double clamp(double x, double lo, double hi);

/* E1  Bradley-Terry with soft label p = P(A better): loss, and dL/dr_A (dL/dr_B = -dL/dr_A) */
double pm_loss(double r_A, double r_B, double p, double *dr_A);
double label_entropy(double p); /* H(p): the loss cannot go below it */
/* E2  multiple-choice feedback; p_ab, p_ba = P(the answer shown first is better), A or B first */
double p_A_of(double logp_A, double logp_B);
double p_both_orders(double p_ab, double p_ba);
double p_chains(int K, const double *p_k);
double p_clamp(double p, double lo, double hi);
double p_hard(double p);
/* E3  Elo */
double elo_win(double R_i, double R_j);
double elo_of_score(double delta_r);
void elo_fit(int n, const double *wins, int anchor, double *R); /* wins[i*n + j]: i beat j */
/* E4  KL(pi || pi_0) from samples of pi, logr = log pi - log pi_0 of one token; penalised reward */
double kl_k1(double logr);
double kl_k2(double logr);
double kl_k3(double logr);
double kl_k3_slope(double logr); /* d k3 / d logr */
double reward_penalised(double r_PM_if_last, double lambda_kl, double kl);
double ratio_of(double logp, double logp_old); /* rho of E5 */
/* E5  PPO: losses of one token, and their derivatives by log pi and by V */
double ppo_clip_loss(double logp, double logp_old, double A, double eps_clip, double *dlogp,
                     int *clipped);
double value_loss(double V, double V_old, double G, double eps_value, double *dV, int *clipped);
/* E6  GAE over one answer of T tokens; V beyond the end is 0 */
void gae(int T, const double *r, const double *V, double gamma, double lambda, double *A,
         double *G);
/* E7  square-root KL law, best-of-n */
double sqrt_kl(double kl);
double kl_best_of_n(int n);
double r_best_of_n(double d, double alpha, double beta); /* over-optimisation, d = sqrt KL */
double r_rl(double d, double alpha, double beta);
/* E8  expected calibration error: of probabilities; of comparisons, whichever side is first */
double ece(int n, const double *p, const double *y, int bins);
double ece_of_pairs(int n, const double *p, const double *label, int bins);
/* E9  absolute harmfulness: squared error of a predicted 0..4 rating */
double harm_loss(double s_hat, double s, double *ds_hat);
/* E10 multiple-choice accuracy, and accuracy on labelled comparisons; a tie counts half */
double mc_accuracy(int n, const double *p_correct);
double accuracy_of_pairs(int n, const double *p, const double *label);
/* E11 KL-regularised optimum pi* = pi_0 exp(r/beta)/Z; returns beta log Z, its value */
double gibbs_optimum(int n, const double *pi_0, const double *r, double beta, double *pi_star);
/* E12 DPO with a soft label, IPO; *dlogp_w receives the derivative by the winner's logp */
double dpo_loss(double logp_w, double logp_l, double ref_w, double ref_l, double beta, double p,
                double *dlogp_w);
double ipo_loss(double logp_w, double logp_l, double ref_w, double ref_l, double tau,
                double *dlogp_w);
/* E13 supervised: minus log-likelihood; distillation KL(p_0 || p_theta) over n classes */
double sft_loss(int T, const double *logp);
double distill_loss(int n, const double *p_0, const double *logp_theta, double *dlogp_theta);
/* E14 self-rewarding / scored feedback: expected score of P(i), i = 1..n, rescaled to [-1, 1] */
double scored_feedback(int n, const double *p_i);
/* statistics of the tables */
void wilson(double k, double n, double *lo, double *hi); /* 95 % interval of a share */

#endif
