/* tests/verify_world.c -- a world small enough to list: six tokens, one of them the stop, answers
 * of up to four tokens. Expectations are sums over every answer, so "unbiased" and "reaches the
 * optimum" are equalities, not averages over samples. The policy is a table of logits, one row a
 * prefix: its gradients are one line.
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { V = 6, STOP = 0, LONGEST = 4 };
enum { PREFIXES = 1 + 5 + 25 + 125, ANSWERS = 1 + 5 + 25 + 125 + 5 * 125 };

typedef struct {
    int n, token[LONGEST];
    int prefix[LONGEST]; /* prefix[t]: the state before token t */
} Answer;
static Answer answer[ANSWERS];
static int n_answers;

/* Prefixes are numbered by the digits of their tokens, 1..5, in base 5 after all shorter ones. */
static void list_answers(Answer a, int prefix)
{
    a.prefix[a.n] = prefix;
    for (int token = 0; token < V; token++) {
        Answer b = a;
        b.token[b.n++] = token;
        if (token == STOP || b.n == LONGEST) answer[n_answers++] = b;
        else list_answers(b, 5 * prefix + token);
    }
}

typedef double Table[PREFIXES][V];

static void softmax(const double *z, double *p, int n)
{
    double top = z[0], sum = 0;
    for (int i = 1; i < n; i++) top = fmax(top, z[i]);
    for (int i = 0; i < n; i++) sum += p[i] = exp(z[i] - top);
    for (int i = 0; i < n; i++) p[i] /= sum;
}

static void table_policy(Table z, Table p)
{
    for (int s = 0; s < PREFIXES; s++) softmax(z[s], p[s], V);
}

static double answer_logp(Table p, const Answer *a)
{
    double sum = 0;
    for (int t = 0; t < a->n; t++) sum += log(p[a->prefix[t]][a->token[t]]);
    return sum;
}

/* grad += weight * d log pi(token | prefix) / d logits */
static void add_score(Table grad, Table p, int prefix, int token, double weight)
{
    for (int v = 0; v < V; v++) grad[prefix][v] += weight * ((v == token) - p[prefix][v]);
}

/* Any table of rewards. */
static double reward_of(int i) { return 2 * rng_uniform(5, (uint64_t)i) - 1; }

static Table z, z_0, p, p_0;
static double value[PREFIXES]; /* any baseline that knows the prefix alone */

static void make_world(void)
{
    if (!n_answers) list_answers((Answer){ 0 }, 0);
    for (int s = 0; s < PREFIXES; s++)
        for (int v = 0; v < V; v++) {
            z[s][v] = rng_normal(6, (uint64_t)(s * V + v));
            z_0[s][v] = 0.7 * rng_normal(7, (uint64_t)(s * V + v));
        }
    for (int s = 0; s < PREFIXES; s++) value[s] = rng_normal(8, (uint64_t)s);
    table_policy(z, p);
    table_policy(z_0, p_0);
}

static double largest_difference(Table a, Table b)
{
    double d = 0;
    for (int s = 0; s < PREFIXES; s++)
        for (int v = 0; v < V; v++) d = larger(d, fabs(a[s][v] - b[s][v]));
    return d;
}

// ------------------------------------------------------------------------------------
// the policy gradient

static const double lambda = 0.3; /* lambda_kl */

/* d/dz of J = sum_y pi(y) [r(y) - lambda log(pi(y) / pi_0(y))]: the definition, differentiated. The
 * derivative of log pi(y) inside the brackets is kept, although it sums to zero. */
static void exact_gradient(Table grad)
{
    memset(grad, 0, sizeof(Table));
    for (int i = 0; i < n_answers; i++) {
        const Answer *a = &answer[i];
        double logp = answer_logp(p, a), logr = logp - answer_logp(p_0, a);
        double gain = reward_of(i) - lambda * logr;
        for (int t = 0; t < a->n; t++)
            add_score(grad, p, a->prefix[t], a->token[t], exp(logp) * (gain - lambda));
    }
}

/* What PPO's first pass does on average: rewards by E4, advantages by E6, slopes by E5 at ratio 1;
 * every answer weighted by its probability. sees: how much of the answer's own reward leaks into
 * the value (a bug on purpose). */
static void expected_update(Table grad, int baseline, double sees)
{
    memset(grad, 0, sizeof(Table));
    for (int i = 0; i < n_answers; i++) {
        const Answer *a = &answer[i];
        double r[LONGEST], U[LONGEST], A[LONGEST], G[LONGEST], slope;
        for (int t = 0; t < a->n; t++) {
            double logr = log(p[a->prefix[t]][a->token[t]] / p_0[a->prefix[t]][a->token[t]]);
            r[t] = reward_penalised(t == a->n - 1 ? reward_of(i) : 0, lambda, logr);
            U[t] = (baseline ? value[a->prefix[t]] : 0) + sees * reward_of(i);
        }
        gae(a->n, r, U, 1, 1, A, G);
        for (int t = 0; t < a->n; t++) {
            int clipped;
            ppo_clip_loss(-1, -1, A[t], 0.2, &slope, &clipped);
            add_score(grad, p, a->prefix[t], a->token[t], -slope * exp(answer_logp(p, a)));
        }
    }
}

static void unbiased(void)
{
    static Table exact, got;
    double all = 0, k1 = 0;
    for (int i = 0; i < n_answers; i++) all += exp(answer_logp(p, &answer[i]));
    exact_gradient(exact);
    expected_update(got, 0, 0);
    check("E5", "world/probabilities", "all 781 answers listed: sum 1", fabs(all - 1), ROUNDING);
    check("E5", "world/unbiased", "exact gradient of J, no baseline",
          largest_difference(exact, got), ROUNDING);
    expected_update(got, 1, 0);
    check("E5", "world/baseline", "exact gradient of J, any value of the prefix",
          largest_difference(exact, got), ROUNDING);
    expected_update(got, 1, 0.5);
    /* this one must be wrong: the check passes if the bias is large */
    check("E5", "world/value_sees_answer", "a value that sees the action biases: > 0.001",
          1e-3 / largest_difference(exact, got), 1);
    memset(got, 0, sizeof got);
    for (int i = 0; i < n_answers; i++)
        for (int t = 0; t < answer[i].n; t++) /* d k1 / d log pi = 1 */
            add_score(got, p, answer[i].prefix[t], answer[i].token[t],
                      exp(answer_logp(p, &answer[i])));
    for (int s = 0; s < PREFIXES; s++)
        for (int v = 0; v < V; v++) k1 = larger(k1, fabs(got[s][v]));
    check("E4", "world/k1_in_loss", "its mean gradient is 0", k1, ROUNDING);
}

// ------------------------------------------------------------------------------------
// the optimum (E11) is where PPO and DPO arrive

static double total_variation(const double *a, const double *b, int n)
{
    double d = 0;
    for (int i = 0; i < n; i++) d += fabs(a[i] - b[i]) / 2;
    return d;
}

/* Exact gradient ascent of PPO's expectation on whole answers: every state's logits, until the
 * gradient is 0. */
static void ppo_arrives(double *pi_star)
{
    static Table g;
    static double pi[ANSWERS], z_keep[PREFIXES][V];
    double worth = 0;
    memcpy(z_keep, z, sizeof z_keep);
    memcpy(z, z_0, sizeof z);
    for (int step = 0; step < 4000; step++) {
        double reach[PREFIXES] = { 0 };
        table_policy(z, p);
        expected_update(g, 0, 0);
        for (int i = 0; i < n_answers; i++)
            for (int t = 0; t < answer[i].n; t++)
                reach[answer[i].prefix[t]] += exp(answer_logp(p, &answer[i]));
        /* natural steps: divided by what a softmax does to them */
        for (int s = 0; s < PREFIXES; s++)
            for (int v = 0; v < V; v++)
                z[s][v] += 0.5 / lambda * 0.1 * g[s][v] / (reach[s] * p[s][v]);
        if (step > 100 && step % 100 == 0) {
            double most = 0;
            for (int s = 0; s < PREFIXES; s++)
                for (int v = 0; v < V; v++) most = larger(most, fabs(g[s][v]));
            if (most < 1e-12) break;
        }
    }
    table_policy(z, p);
    for (int i = 0; i < n_answers; i++) {
        pi[i] = exp(answer_logp(p, &answer[i]));
        worth += pi[i] * (reward_of(i) - lambda * (log(pi[i]) - answer_logp(p_0, &answer[i])));
    }
    check("E11", "world/ppo_arrives", "pi_0 exp(r/lambda) / Z, total variation",
          total_variation(pi, pi_star, n_answers), 1e-10);
    double Z = 0;
    for (int i = 0; i < n_answers; i++)
        Z += exp(answer_logp(p_0, &answer[i]) + reward_of(i) / lambda);
    check("E11", "world/worth", "lambda log Z", fabs(worth - lambda * log(Z)), ROUNDING);
    memcpy(z, z_keep, sizeof z);
    table_policy(z, p);
}

/* DPO with every pair of the answers of up to two tokens, labelled with P(A > B) of E1, the rewards
 * being the scores. */
static void dpo_arrives(void)
{
    enum { N = 31 };
    double logp_0[N], r[N], w[N] = { 0 }, pi_0[N], pi[N], pi_star[N], g[N], all = 0;
    for (int i = 0, k = 0; k < N; i++)
        if (answer[i].n <= 2 || answer[i].token[2] == STOP) {
            if (answer[i].n > 3) continue;
            logp_0[k] = answer_logp(p_0, &answer[i]), r[k++] = reward_of(i);
        }
    for (int i = 0; i < N; i++) all += exp(logp_0[i]);
    for (int i = 0; i < N; i++) pi_0[i] = exp(logp_0[i]) / all, w[i] = log(pi_0[i]);
    gibbs_optimum(N, pi_0, r, lambda, pi_star);
    for (int step = 0; step < 60000; step++) {
        softmax(w, pi, N);
        memset(g, 0, sizeof g);
        for (int i = 0; i < N; i++)
            for (int j = i + 1; j < N; j++) {
                double d, q = 1 / (1 + exp(r[j] - r[i]));
                dpo_loss(log(pi[i]), log(pi[j]), log(pi_0[i]), log(pi_0[j]), lambda, q, &d);
                g[i] += d, g[j] -= d;
            }
        double most = 0; /* d log pi_i - d log pi_j is d w_i - d w_j: the softmax cancels */
        for (int i = 0; i < N; i++) w[i] -= 0.8 * g[i], most = larger(most, fabs(g[i]));
        if (most < 1e-13) break;
    }
    softmax(w, pi, N);
    check("E12", "world/dpo_arrives", "pi_0 exp(r/beta) / Z, total variation",
          total_variation(pi, pi_star, N), 1e-12);
}

/* The same ascent with samples: three answers, 3000 steps of 16 samples each, the policy averaged
 * over the last 2000 steps; 20 runs. Their standard error gives the band, and the band must be much
 * narrower than the distance to where a wrong estimator leads (k3 in the loss: 0.566 for 0.529). */
static void ppo_arrives_sampled(void)
{
    static const double ref[3] = { 0.2, 0.3, 0.5 }, r[3] = { 1, 0, -1 };
    double w[3], pi[3], star[3], mean = 0, square = 0, A, G;
    enum { RUNS = 20 };
    gibbs_optimum(3, ref, r, 1, star);
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < 3; i++) w[i] = log(ref[i]);
        double tail = 0;
        for (int step = 0; step < 3000; step++) {
            double g[3] = { 0 }, slope;
            uint64_t key = rng_key(11, (uint64_t)run, (uint64_t)step);
            softmax(w, pi, 3);
            for (int k = 0; k < 16; k++) {
                double u = rng_uniform(key, (uint64_t)k);
                int y = u < pi[0] ? 0 : u < pi[0] + pi[1] ? 1 : 2, clipped;
                double reward = reward_penalised(r[y], 1, log(pi[y] / ref[y])), zero = 0;
                gae(1, &reward, &zero, 1, 1, &A, &G);
                ppo_clip_loss(-1, -1, A, 0.2, &slope, &clipped);
                for (int v = 0; v < 3; v++) g[v] -= slope * ((v == y) - pi[v]) / 16;
            }
            for (int v = 0; v < 3; v++) w[v] += 0.02 * g[v];
            if (step >= 1000) tail += pi[0] / 2000;
        }
        mean += tail / RUNS, square += tail * tail / RUNS;
    }
    double error = sqrt((square - mean * mean) / (RUNS - 1));
    check("E11", "world/ppo_sampled", "pi*(best) within 4 standard errors, 20 runs",
          fabs(mean - star[0]) / (4 * error), 1);
    check("E11", "world/ppo_sampled_band", "4 standard errors: below 0.01", 4 * error, 0.01);
}

// ------------------------------------------------------------------------------------
// the KL table: where exact ascent ends for each estimator, in the reward and in the loss

/* The two forms that reverse log pi - log pi_0: what some programs ship. */
static double reversed_k1(double logr) { return -logr; }
static double reversed_k3(double logr) { return expm1(logr) - logr; }
static double reversed_k3_slope(double logr) { return expm1(logr); }
static double absolute(double logr) { return fabs(logr); }
static double one(double logr) { return 1 + 0 * logr; }
static double same(double logr) { return logr; }

typedef struct {
    const char *name;
    double (*in_reward)(double), (*slope_in_loss)(double);
    double ends[3], ends_level[3];
} Placement;

/* Where ascent comes to rest, beta 1, pi_0 = (.2, .3, .5), from (.22, .30, .48), for rewards
 * (1, 0, -1) and for none. A point is at rest where all answers with pi_i > 0 have the same
 * a_i = r_i - penalty_i, x_i = pi_i / pi_0,i:
 *   optimum             pi_0 e^r / Z
 *   k3 in the loss      penalty 1 - 1/x: x_i = 1 / (k - r_i), k = 1.353428827698
 *   k1 in the loss      penalty 1 for all: the best answer wins; no rewards: every point is at rest
 *   k3 in the reward    penalty 1/x - 1 + log x: grows without bound as x falls, so answers die out
 *   |k1| in the reward  the third dies; 1 - log x_1 = -log x_2: pi_1 = .2 e / (.2 e + .3)
 *   reversed k3, loss   penalty x - 1: x_i = 1.3 + r_i
 *   reversed k3, reward penalty x - 1 - log x: the third dies; equal a_1 and a_2 give pi_1, with no
 *                       rewards x_1 = x_2. (.200, .300, .500) is at rest too, but repels: after a
 *                       time of 2000 ascent still creeps past (.210, .315, .475). */
// clang-format off
static const Placement PLACEMENT[] = {
    { "k1_reward", kl_k1, NULL,
      { .5290564774931999, .2919435019325063, .1790000205742738 }, { .2, .3, .5 } },
    { "k2_loss", NULL, same,
      { .5290564774931999, .2919435019325063, .1790000205742738 }, { .2, .3, .5 } },
    { "k3_loss", NULL, kl_k3_slope,
      { .5658847958226543, .2216592360531813, .2124559681241644 }, { .2, .3, .5 } },
    { "k1_loss", NULL, one, { 1, 0, 0 }, { .22, .30, .48 } },
    { "k3_reward", kl_k3, NULL, { 1, 0, 0 }, { 0, 1, 0 } },
    { "absolute_reward", absolute, NULL,
      { .6444049826448045, .3555950173551955, 0 }, { .4, .6, 0 } },
    { "reversed_k1_reward", reversed_k1, NULL, { 1, 0, 0 }, { 1, 0, 0 } },
    { "reversed_k3_loss", NULL, reversed_k3_slope, { .46, .39, .15 }, { .2, .3, .5 } },
    { "reversed_k3_reward", reversed_k3, NULL,
      { .6352138783299932, .3647861216700068, 0 }, { .4, .6, 0 } },
};
// clang-format on

/* Gradient ascent in the logits, d w_i = pi_i (a_i - mean a). Time runs faster where the softmax is
 * flat: the path stays the same, and corners are reached in reasonable time. */
static void ascend(const Placement *k, const double *r, double *pi)
{
    static const double ref[3] = { 0.2, 0.3, 0.5 };
    double w[3] = { log(0.22), log(0.30), log(0.48) };
    for (int step = 0; step < 200000; step++) {
        double a[3], mean = 0, steep = 0;
        softmax(w, pi, 3);
        for (int i = 0; i < 3; i++) {
            double logr = log(fmax(pi[i], 1e-300) / ref[i]);
            a[i] = r[i] - (k->in_reward ? k->in_reward(logr) : k->slope_in_loss(logr));
            mean += pi[i] * a[i];
            steep = fmax(steep, pi[i] * (1 - pi[i]));
        }
        for (int i = 0; i < 3; i++) w[i] += 0.1 / fmax(steep, 1e-12) * pi[i] * (a[i] - mean);
    }
    softmax(w, pi, 3);
}

static void kl_table(void)
{
    static const double r[3] = { 1, 0, -1 }, level[3] = { 0 };
    static char name[32][40], what[32][80];
    int n = 0;
    for (size_t k = 0; k < sizeof PLACEMENT / sizeof PLACEMENT[0]; k++)
        for (int j = 0; j < 2; j++, n++) {
            const Placement *q = &PLACEMENT[k];
            const double *want = j ? q->ends_level : q->ends;
            double pi[3], off = 0;
            ascend(q, j ? level : r, pi);
            for (int i = 0; i < 3; i++) off = larger(off, fabs(pi[i] - want[i]));
            snprintf(name[n], sizeof name[n], "kl/%s%s", q->name, j ? "_level" : "");
            snprintf(what[n], sizeof what[n], "ends at (%.3f, %.3f, %.3f)", pi[0], pi[1], pi[2]);
            /* an answer that dies out does so like 1 over the time */
            check("E4", name[n], what[n], off, want[2] == 0 ? 1e-5 : 1e-12);
        }
}

void verify_world(void)
{
    static double pi_star[ANSWERS], pi_0[ANSWERS], r[ANSWERS];
    make_world();
    unbiased();
    for (int i = 0; i < n_answers; i++)
        pi_0[i] = exp(answer_logp(p_0, &answer[i])), r[i] = reward_of(i);
    gibbs_optimum(n_answers, pi_0, r, lambda, pi_star);
    ppo_arrives(pi_star);
    dpo_arrives();
    ppo_arrives_sampled();
    kl_table();
}
