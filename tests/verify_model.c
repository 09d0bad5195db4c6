/* tests/verify_model.c -- the whole network through every loss of train.c: the gradient that a
 * training step leaves behind against differences of the loss that it reports; then what must not
 * change a result. With learning rate 0, beta1 0 and no clipping a step changes nothing and its
 * gradient stands in t->mean.
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const Config TIED = { 8, 12, 2, 4, 2, 19, 40, 1 }, UNTIED = { 8, 12, 2, 4, 1, 19, 40, 0 };
static const AdamW STILL = { .beta1 = 0, .beta2 = 0.99, .eps = 1e-8 };
enum { B = 6 };

/* Larger weights than at the start: every term counts. */
static Model *some_model(Config c, uint64_t seed)
{
    Model *m = model_new(c);
    model_init(m, seed);
    for (size_t i = 0; i < m->n_param; i++) m->w[i] += (real)(0.3 * rng_normal(seed + 1, i));
    return m;
}

static Seqs some_seqs(int n, int longest, uint64_t seed)
{
    Seqs s = { 0 };
    for (int b = 0; b < n; b++) {
        int token[64], T = 3 + rng_below(rng_key(seed, 1, (uint64_t)b), 0, longest - 2);
        for (int t = 0; t < T; t++)
            token[t] = rng_below(rng_key(seed, 2, (uint64_t)b), (uint64_t)t, 19);
        seqs_push(&s, token, T);
    }
    return s;
}

typedef double (*Loss)(Trainer *t);

/* The loss with parameter i moved by `by`. */
static double moved(Trainer *t, Loss loss, size_t i, double by)
{
    real at = t->m->w[i];
    t->m->w[i] = (real)(at + by);
    double value = loss(t);
    t->m->w[i] = at;
    return value;
}

/* Largest difference between the gradient and five-point differences of the loss, over the largest
 * slope: h^4 of truncation, 1e-16 / h of rounding. Every thirteenth parameter is moved, which meets
 * every tensor, and all of the last ones: the score head. */
static double off(Trainer *t, Loss loss)
{
    double worst = 0, largest = 0, h = 1e-5;
    size_t n = t->m->n_param;
    loss(t);
    real *g = xcalloc(n, sizeof *g);
    memcpy(g, t->mean, n * sizeof *g);
    for (size_t i = 0; i < n; i += i + 20 < n ? 13 : 1) {
        double near = moved(t, loss, i, h) - moved(t, loss, i, -h);
        double far = moved(t, loss, i, 2 * h) - moved(t, loss, i, -2 * h);
        worst = larger(worst, fabs((8 * near - far) / (12 * h) - g[i]));
        largest = larger(largest, fabs(g[i]));
    }
    free(g);
    return worst / largest; /* all zero: NaN, which fails */
}

static void row(const char *tag, const char *name, double error)
{
    check(tag, name, "central differences of the reported loss", error, DIFFERENCES);
}

// ------------------------------------------------------------------------------------
// supervised, preference model, DPO

static Seqs seqs;
static unsigned char mask[512];
static int which[2 * B], prompt_len[2 * B];
static double label[2 * B];
static Model *reference;

static double sft(Trainer *t) { return sft_step(t, &seqs, which, B, mask, 0); }
static double pm(Trainer *t) { return pm_step(t, &seqs, label, which, B, 0).loss; }
static double dpo(Trainer *t)
{
    return dpo_step(t, reference, &seqs, prompt_len, label, which, B, 0, 0.3, 0);
}
static double ipo(Trainer *t)
{
    return dpo_step(t, reference, &seqs, prompt_len, label, which, B, 1, 0.3, 0);
}

static void supervised_losses(Config c, const char *sft_name, const char *pm_name,
                              const char *dpo_name)
{
    seqs = some_seqs(2 * B, 9, 5);
    reference = some_model(c, 31);
    for (int i = 0; i < 512; i++) mask[i] = i % 3 != 0;
    for (int i = 0; i < 2 * B; i++) which[i] = i, prompt_len[i] = 2, label[i] = 0.1 + 0.08 * i;
    Trainer *t = trainer_new(some_model(c, 21), STILL);
    row("E13", sft_name, off(t, sft));
    row("E1", pm_name, off(t, pm));
    row("E12", dpo_name, off(t, dpo));
    if (c.tied) row("E12", "dpo_step/ipo", off(t, ipo));
    model_free(t->m), trainer_free(t), model_free(reference), seqs_free(&seqs);
}

// ------------------------------------------------------------------------------------
// PPO

static const Ppo HOW = { .lambda_kl = 0.1,
                         .eps_clip = 0.2,
                         .eps_value = 0.2,
                         .c_v = 0.1,
                         .gamma = 1,
                         .lambda_gae = 0.95,
                         .epochs = 1,
                         .minibatches = 1,
                         .max_new = 6,
                         .stop = { 1, -1, -1 },
                         .missing_stop_penalty = 1 };
static Ppo how;
static Rollout ro;

/* Mean over the answers' tokens of the KL term in the loss, in the units of whitened advantages. */
static double kl_term(Trainer *t)
{
    int n = ro.seq.start[ro.seq.n], tokens = 0;
    double *logp = xcalloc((size_t)n, sizeof *logp), A[64], G[64], kl = 0, mean = 0, square = 0;
    completion_logprobs(t->m, &ro.seq, ro.prompt_len, NULL, logp);
    for (int b = 0; b < ro.seq.n; b++) {
        int from = ro.seq.start[b] + ro.prompt_len[b], T = ro.seq.start[b + 1] - from;
        gae(T, ro.reward + from, ro.value + from, how.gamma, how.lambda_gae, A, G);
        for (int i = 0; i < T; i++, tokens++) {
            double logr = logp[from + i] - ro.logp_ref[from + i];
            const char *form = kl_forms[how.kl_form].name;
            kl += strcmp(form, "k1-loss") == 0   ? logr
                  : strcmp(form, "k2-loss") == 0 ? logr * logr / 2
                  : strcmp(form, "k3-loss") == 0 ? exp(-logr) - 1 + logr
                                                 : 0;
            mean += A[i], square += A[i] * A[i];
        }
    }
    free(logp);
    mean /= tokens;
    return how.lambda_kl * kl / tokens / sqrt(square / tokens - mean * mean + 1e-8);
}

static double ppo(Trainer *t)
{
    PpoStats st = ppo_update(t, &ro, 3, &how, 0);
    return st.policy_loss + how.c_v * st.value_loss + kl_term(t);
}

/* The policy has moved away from the one that sampled, so both sides of both clips are met. */
static void ppo_loss(const char *form, const char *name)
{
    Trainer *t = trainer_new(some_model(TIED, 21), STILL);
    Model *pi_0 = some_model(TIED, 23), *score = some_model(TIED, 25);
    Seqs prompts = some_seqs(2 * B, 6, 8);
    how = HOW, how.kl_form = kl_form_index(form);
    ppo_rollout(t->m, pi_0, score, &prompts, 123, &how, &ro);
    for (size_t j = 0; j < t->m->n_param; j++) t->m->w[j] += (real)(0.03 * rng_normal(4, j));
    row("E5", name, off(t, ppo));
    if (how.kl_form == 0) {
        PpoStats st = ppo_update(t, &ro, 3, &how, 0);
        check("E5", "ppo_update/clips_met", "5 % to 95 % of tokens clipped, in both losses",
              larger(fabs(st.clipfrac - 0.5), fabs(st.value_clipfrac - 0.5)), 0.45);
    }
    model_free(t->m), trainer_free(t), model_free(pi_0), model_free(score), seqs_free(&prompts);
}

static void first_pass(void)
{
    Trainer *t = trainer_new(some_model(TIED, 21), STILL);
    Model *pi_0 = model_clone(t->m), *score = some_model(TIED, 25);
    Seqs prompts = some_seqs(2 * B, 6, 8);
    how = HOW;
    ppo_rollout(t->m, pi_0, score, &prompts, 7, &how, &ro);
    PpoStats st = ppo_update(t, &ro, 7, &how, 0);
    check("E5", "ppo_update/first_ratio", "exactly 1, no variance, nothing clipped",
          fabs(st.ratio - 1) + st.ratio_var + st.clipfrac, 0);
    check("E4", "ppo_update/first_kl", "exactly 0 while the policy is the reference",
          fabs(st.kl) + fabs(st.k3) + fabs(st.non_score_reward), 0);
    model_free(t->m), trainer_free(t), model_free(pi_0), model_free(score), seqs_free(&prompts),
        rollout_free(&ro);
}

// ------------------------------------------------------------------------------------
// what must not change a result

static double gradient_difference(Trainer *t, const double *want)
{
    double d = 0;
    for (size_t i = 0; i < t->m->n_param; i++) d = larger(d, fabs(t->mean[i] - want[i]));
    return d;
}

static void invariances(void)
{
    static double whole[8192];
    Trainer *t = trainer_new(some_model(TIED, 21), STILL);
    size_t n = t->m->n_param;
    double loss, tokens[2] = { 0 }, parts = 0, half;
    seqs = some_seqs(B, 9, 5);
    for (int i = 0; i < B; i++) which[i] = i;
    loss = sft_step(t, &seqs, which, B, NULL, 0);
    for (size_t i = 0; i < n; i++) whole[i] = t->mean[i];
    for (int i = 0; i < B; i++) which[i] = (5 * i + 2) % B;
    check("model", "sft_step/permuted", "the same batch in another order: loss and gradient",
          fabs(sft_step(t, &seqs, which, B, NULL, 0) - loss) + gradient_difference(t, whole),
          ROUNDING * 100);
    for (int i = 0; i < B; i++) which[i] = i, tokens[i >= B / 2] += seq_len(&seqs, i) - 1;
    for (int k = 0; k < 2; k++) { /* two half batches, weighted by their tokens */
        half = sft_step(t, &seqs, which + k * B / 2, B / 2, NULL, 0);
        parts += half * tokens[k] / (tokens[0] + tokens[1]);
        for (size_t i = 0; i < n; i++) whole[i] -= t->mean[i] * tokens[k] / (tokens[0] + tokens[1]);
    }
    double rest = 0;
    for (size_t i = 0; i < n; i++) rest = larger(rest, fabs(whole[i]));
    check("model", "sft_step/halves", "two half batches, weighted: loss and gradient",
          fabs(parts - loss) + rest, ROUNDING * 100);
    model_free(t->m), trainer_free(t), seqs_free(&seqs);
}

/* Sequences lie end to end: a neighbour must not be seen. Sampling with a cache gives the same
 * log-probabilities as reading. */
static void packing_and_cache(void)
{
    Model *m = some_model(UNTIED, 21);
    Seqs s = some_seqs(B, 9, 5), prompt = some_seqs(B, 5, 6), out = { 0 }, read = { 0 };
    double in_batch[B], off_alone = 0, off_cache = 0, alone;
    int len[B], first[1];
    uint64_t key[B];
    for (int b = 0; b < B; b++) len[b] = 1, key[b] = rng_key(3, 4, (uint64_t)b);
    completion_logprobs(m, &s, len, in_batch, NULL);
    for (int b = 0; b < B; b++) {
        Seqs one = { 0 };
        seqs_push(&one, seq_tok(&s, b), seq_len(&s, b));
        first[0] = 1;
        completion_logprobs(m, &one, first, &alone, NULL);
        off_alone = larger(off_alone, fabs(alone - in_batch[b]));
        seqs_free(&one);
    }
    check("model", "completion_logprobs/packed", "each sequence read alone", off_alone,
          ROUNDING * 100);
    real *logp;
    sample(m, &prompt, key, (Sampling){ 1, 20, { 1, -1, -1 } }, &out, &logp);
    for (int b = 0; b < B; b++) {
        int token[64], P = seq_len(&prompt, b), T = seq_len(&out, b);
        memcpy(token, seq_tok(&prompt, b), (size_t)P * sizeof(int));
        memcpy(token + P, seq_tok(&out, b), (size_t)T * sizeof(int));
        seqs_push(&read, token, P + T);
        len[b] = P;
    }
    double *each = xcalloc((size_t)read.start[B], sizeof *each);
    completion_logprobs(m, &read, len, NULL, each);
    for (int b = 0, k = 0; b < B; b++)
        for (int i = read.start[b] + len[b]; i < read.start[b + 1]; i++, k++)
            off_cache = larger(off_cache, fabs(each[i] - logp[k]));
    check("model", "sample/cached", "the same answers read without a cache", off_cache,
          ROUNDING * 100);
    free(each), free(logp), model_free(m), seqs_free(&s), seqs_free(&prompt), seqs_free(&out),
        seqs_free(&read);
}

static void dpo_start(void)
{
    Trainer *t = trainer_new(some_model(TIED, 21), STILL);
    Model *same = model_clone(t->m);
    seqs = some_seqs(2 * B, 9, 5);
    for (int i = 0; i < 2 * B; i++) which[i] = i, prompt_len[i] = 2, label[i] = 1;
    check(
        "E12", "dpo_step/start", "pi = pi_0: log 2 in every pair",
        fabs(dpo_step(t, same, &seqs, prompt_len, label, which, B, 0, 0.3, 0) - 0.6931471805599453),
        1e-15);
    check("E12", "dpo_step/ipo_start", "pi = pi_0: (1/(2 tau))^2 in every pair",
          fabs(dpo_step(t, same, &seqs, prompt_len, label, which, B, 1, 0.25, 0) - 4), 1e-14);
    model_free(t->m), trainer_free(t), model_free(same), seqs_free(&seqs);
}

void verify_model(void)
{
    supervised_losses(TIED, "sft_step/tied", "pm_step/tied", "dpo_step/tied");
    supervised_losses(UNTIED, "sft_step/untied", "pm_step/untied", "dpo_step/untied");
    ppo_loss("k1-reward", "ppo_update/k1_reward");
    ppo_loss("k2-loss", "ppo_update/k2_loss");
    ppo_loss("k3-loss", "ppo_update/k3_loss");
    ppo_loss("k1-loss", "ppo_update/k1_loss");
    first_pass();
    dpo_start();
    invariances();
    packing_and_cache();
}
