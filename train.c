/* train.c -- training on token sequences: supervised finetuning, the preference model, DPO, PPO.
 *
 * Every training step has one form:
 *
 *     forward_shards     the model reads the batch: log pi or a score at every row
 *     the loss           a formula of equations.c, and its derivative by what was read
 *     backward_shards    from these derivatives to the gradient of every weight
 *     trainer_step       the optimiser (engine/optim.c)
 *
 * A row is a token at which the model is read (engine/batch.h, which runs rows in parallel).
 *
 * Not here: text, prompts, principles, stages and files (cai.c); how a model computes its
 * log-probabilities (model.c). No entropy bonus, no adaptive KL coefficient, no reward scaling.
 *
 * Reading order: rows; sft_step (E13), pm_step (E1), dpo_step (E12); PPO (E4, E5, E6).
 * SPDX-License-Identifier: MIT
 */
#include "include/train.h"
#include "engine/batch.h"
#include "engine/decode.h"
#include "engine/optim.h"
#include "include/equations.h"
#include "lib/files.h"
#include "lib/random.h"
#include "lib/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// Which rows a loss reads

static int n_tokens(const Seqs *s) { return s->n ? s->start[s->n] : 0; }

/* A row for every token of the answers: sequence b's from prompt_len[b] on. */
static Batch answer_batch(const Seqs *s, const int *prompt_len, int per, int n_piece)
{
    Batch q = batch_new(s);
    for (int b = 0; b < s->n; b++)
        for (int i = prompt_len[b] > 0 ? prompt_len[b] : 1; i < seq_len(s, b); i++)
            batch_row(&q, b, s->start[b] + i - 1);
    batch_cut(&q, per, n_piece);
    return q;
}

/* A row at the last token of every sequence, where the PM's score is read. It has no target. */
static Batch last_batch(const Seqs *s, int per, int n_piece)
{
    Batch q = batch_new(s);
    for (int b = 0; b < s->n; b++) {
        if (!seq_len(s, b))
            die(EXIT_INPUT, "sequence %d is empty: it has no last token to score; drop it", b);
        batch_row(&q, b, s->start[b + 1] - 1);
    }
    batch_cut(&q, per, n_piece);
    return q;
}

/* The items which[0..n) of s, `per` sequences each, packed anew. */
static Seqs pick(const Seqs *s, int per, const int *which, int n)
{
    Seqs batch = { 0 };
    for (int i = 0; i < n; i++)
        for (int b = per * which[i]; b < per * (which[i] + 1); b++)
            seqs_push(&batch, seq_tok(s, b), seq_len(s, b));
    return batch;
}

/* A row for every token that is learned of s, the documents which[..] of docs. mask, packed as
 * docs: 1 at tokens that are learned; NULL: all are. The row is the token before; a document's
 * first token has none. */
static Batch target_batch(const Seqs *s, const Seqs *docs, const int *which,
                          const unsigned char *mask, int n_piece)
{
    Batch q = batch_new(s);
    for (int b = 0; b < s->n; b++)
        for (int i = 1; i < seq_len(s, b); i++)
            if (!mask || mask[docs->start[which[b]] + i]) batch_row(&q, b, s->start[b] + i - 1);
    batch_cut(&q, 1, n_piece);
    return q;
}

// ------------------------------------------------------------------------------------
// Reading a model without training it

enum { PIECE_TOKENS = 2048 }; /* bounds the memory of a long list */
static int pieces_of(const Seqs *s) { return 1 + n_tokens(s) / PIECE_TOKENS; }

/* log pi of every sequence's rows together (b->s->n). Fresh array. */
static double *sum_by_sequence(const Batch *b)
{
    double *sum = xcalloc(b->s->n + 1, sizeof *sum);
    for (int i = 0; i < b->n; i++) sum[b->seq[i]] += b->logp[i];
    return sum;
}

/* x (packed as the sequences), at each row's target: the row's value. */
static void spread(const Batch *b, const double *value, double *x)
{
    for (int i = 0; i < b->n; i++) x[b->at[i] + 1] = value[i];
}

void completion_logprobs(const Model *m, const Seqs *s, const int *prompt_len, double *sum,
                         double *per_token)
{
    Batch b = answer_batch(s, prompt_len, 1, pieces_of(s));
    read_model(m, &b, LOGP);
    double *each = sum_by_sequence(&b);
    if (sum) memcpy(sum, each, s->n * sizeof *sum);
    if (per_token) {
        memset(per_token, 0, n_tokens(s) * sizeof *per_token);
        spread(&b, b.logp, per_token);
    }
    free(each);
    batch_free(&b);
}

void pm_scores(const Model *pm, const Seqs *s, double *score)
{
    Batch b = last_batch(s, 1, pieces_of(s));
    read_model(pm, &b, SCORE);
    memcpy(score, b.score, b.n * sizeof *score);
    batch_free(&b);
}

/* E1 fixes scores up to a constant only; this fixes the constant, as HH do before plotting (app.
 * B.2): 0 is the mean of s. That makes printed scores readable and changes no training here: E1
 * sees differences, and PPO counts a score from its prompt's level (D15), which holds the same
 * constant. */
void pm_centre(Model *pm, const Seqs *s)
{
    double *score = xcalloc(s->n + 1, sizeof *score), mean = 0;
    pm_scores(pm, s, score);
    for (int b = 0; b < s->n; b++) mean += score[b] / s->n;
    *pm->score_b -= (real)mean;
    free(score);
}

// ------------------------------------------------------------------------------------
// E13: supervised training, which is pretraining, and SL-CAI on the revisions

double sft_step(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask,
                double lr)
{
    Seqs s = pick(docs, 1, which, n);
    Batch b = target_batch(&s, docs, which, mask, SHARDS);
    double loss = 0;
    if (b.n) {
        forward_shards(t, &b, LOGP);
        loss = sft_loss(b.n, b.logp) / b.n; /* E13, the mean over all rows */
        for (int i = 0; i < b.n; i++) b.dlogp[i] = -1.0 / b.n;
        backward_shards(t, &b);
        check_loss(t, "supervised", loss, 10 * log(t->m->c.vocab_size + 1.0)); /* blind: log V */
        trainer_step(t, lr);
    }
    batch_free(&b);
    seqs_free(&s);
    return loss;
}

double sft_eval(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask)
{
    Seqs s = pick(docs, 1, which, n);
    Batch b = target_batch(&s, docs, which, mask, pieces_of(&s));
    read_model(t->m, &b, LOGP);
    double loss = b.n ? sft_loss(b.n, b.logp) / b.n : 0;
    batch_free(&b);
    seqs_free(&s);
    return loss;
}

// ------------------------------------------------------------------------------------
// E1: the preference model

/* Statistics are means over the batch. A pair with p = 1/2 has no better side: it counts in loss
 * and floor, not in accuracy and margin (that of the side which the label prefers). */
PmStats pm_step(Trainer *t, const Seqs *pairs, const double *p, const int *which, int n, double lr)
{
    Seqs s = pick(pairs, 2, which, n);
    Batch b = last_batch(&s, 2, SHARDS);
    PmStats st = { 0 };
    double *p_correct = xcalloc(n + 1, sizeof *p_correct);
    int judged = 0;
    forward_shards(t, &b, SCORE);
    for (int i = 0; i < n; i++) {
        double r_A = b.score[2 * i], r_B = b.score[2 * i + 1], p_A = p[which[i]], dr_A;
        st.loss += pm_loss(r_A, r_B, p_A, &dr_A) / n; /* E1 */
        b.dscore[2 * i] = dr_A / n;
        b.dscore[2 * i + 1] = -dr_A / n;
        st.entropy_floor += label_entropy(p_A) / n;
        if (p_A == 0.5) continue;
        double margin = p_A > 0.5 ? r_A - r_B : r_B - r_A;
        st.margin += margin;
        p_correct[judged++] = sigmoid(margin);
    }
    backward_shards(t, &b);
    check_loss(t, "preference-model", st.loss, 100); /* blind: log 2 */
    trainer_step(t, lr);
    st.accuracy = mc_accuracy(judged, p_correct);
    st.margin /= judged ? judged : 1;
    free(p_correct);
    batch_free(&b);
    seqs_free(&s);
    return st;
}

// ------------------------------------------------------------------------------------
// E12: DPO, the extension without a reward model

/* The reference reads the batch in the very pieces the policy trains on: while the two are equal
 * their log-probabilities agree to the last bit, and the loss is log 2 exactly. */
double dpo_step(Trainer *t, const Model *ref, const Seqs *pairs, const int *prompt_len,
                const double *p, const int *which, int n, int ipo, double beta, double lr)
{
    Seqs s = pick(pairs, 2, which, n);
    int *prompt = xcalloc(s.n + 1, sizeof *prompt);
    for (int b = 0; b < s.n; b++) prompt[b] = prompt_len[2 * which[b / 2] + b % 2];
    Batch b = answer_batch(&s, prompt, 2, SHARDS);
    read_model(ref, &b, LOGP);
    double *logp_ref = sum_by_sequence(&b);
    forward_shards(t, &b, LOGP);
    double *logp = sum_by_sequence(&b), *dlogp = xcalloc(s.n + 1, sizeof *dlogp), loss = 0;
    for (int i = 0; i < n; i++) {
        int w = 2 * i, l = 2 * i + 1;
        double p_w = p[which[i]], *ref_w = logp_ref + w, *ref_l = logp_ref + l; /* E12 */
        double of_pair = ipo ? ipo_loss(logp[w], logp[l], *ref_w, *ref_l, beta, &dlogp[w])
                             : dpo_loss(logp[w], logp[l], *ref_w, *ref_l, beta, p_w, &dlogp[w]);
        loss += of_pair / n;
        dlogp[w] /= n;
        dlogp[l] = -dlogp[w];
    }
    for (int i = 0; i < b.n; i++) b.dlogp[i] = dlogp[b.seq[i]];
    backward_shards(t, &b);
    check_loss(t, ipo ? "IPO" : "DPO", loss, ipo ? 1e6 : 100); /* blind: 1/(2 tau)^2; log 2 */
    trainer_step(t, lr);
    free(logp), free(logp_ref), free(dlogp), free(prompt);
    batch_free(&b);
    seqs_free(&s);
    return loss;
}

// ------------------------------------------------------------------------------------
// E4: the KL penalty, where it acts and where PPO then ends
//
// PPO takes rewards as constants, so a penalty in the reward acts through the policy gradient; a
// penalty in the loss acts through its own derivative. In the reward the log-ratio is that of the
// policy that sampled; in the loss it is that of the policy that is being trained. The last column
// is the end of exact ascent for three answers, pi_0 = (.2, .3, .5), rewards (1, 0, -1), lambda_kl
// 1. `make verify` reproduces it (rows kl/...).

const KlForm kl_forms[N_KL_FORMS] = {
    { "k1-reward", KL_IN_REWARD, KL_K1, 1, "(.529, .292, .179)",
      "the optimum of E11; the default" },
    { "k2-loss", KL_IN_LOSS, KL_K2, 1, "(.529, .292, .179)",
      "the optimum of E11: d k2 = logr d logr, whose mean under pi is the KL's gradient" },
    { "k3-loss", KL_IN_LOSS, KL_K3, 0, "(.566, .222, .212)", "the gradient of KL(pi_0 || pi)" },
    { "k1-loss", KL_IN_LOSS, KL_K1, 0, "(1, 0, 0)", "its mean gradient is 0, no restraint" },
    { "k3-reward", KL_IN_REWARD, KL_K3, 0, "(1, 0, 0)",
      "not the gradient of the KL, no restraint" },
    { "abs-reward", KL_IN_REWARD, KL_ABS, 0, "(.644, .356, .000)", "empties rare answers" },
};

int kl_form_index(const char *name)
{
    for (int k = 0; k < N_KL_FORMS; k++)
        if (strcmp(name, kl_forms[k].name) == 0) return k;
    return -1;
}

/* The estimate at one token, logr = log pi - log pi_0. *slope receives its derivative by logr, that
 * is, by log pi. */
static double kl_estimate(const KlForm *form, double logr, double *slope)
{
    switch (form->estimator) {
    case KL_K1: *slope = 1; return kl_k1(logr);
    case KL_K2: *slope = logr; return kl_k2(logr);
    case KL_K3: *slope = kl_k3_slope(logr); return kl_k3(logr);
    default: *slope = logr < 0 ? -1 : 1; return fabs(logr); /* KL_ABS */
    }
}

// ------------------------------------------------------------------------------------
// E5, E6: PPO
//
//     ppo_rollout:  y ~ pi(.|x) for each prompt x                        draw_answers
//                   log pi_old, log pi_0, V of every token; r_PM(x, y)   score_answers
//     ppo_update:   r_t (E4), A_t and G_t (E6)                           answer_returns
//                   A to mean 0 and variance 1                           whiten
//                   for each epoch, for each minibatch: one step on E5   ppo_minibatch
//
// D7: the value is the score head of the policy itself; the two share a trunk. The head starts
// at 0, so the first advantages are plain rewards. Between the two functions the caller may change
// the scores: the loop subtracts each prompt's level (D15).

enum { DRAW_ANSWER = 1, DRAW_ORDER = 2 }; /* uses of the iteration's random key */

/* The answers are cut into pieces of whole sequences ONCE. A minibatch is up to SHARDS pieces, and
 * epochs shuffle pieces, never what is in them. So the sequences that gave log pi_old together are
 * also trained on together, every matrix product has the same shape, and until the first step the
 * ratio is 1 and the KL of equal models 0 bit for bit: the cheapest bug detector PPO has. */
static Batch rollout_batch(const Rollout *ro, const Ppo *how)
{
    int n = SHARDS * how->minibatches;
    return answer_batch(&ro->seq, ro->prompt_len, 1, n < ro->seq.n ? n : ro->seq.n);
}

void rollout_free(Rollout *ro)
{
    seqs_free(&ro->seq);
    free(ro->prompt_len);
    free(ro->score);
    free(ro->logp_old); /* the block of all seven arrays */
    *ro = (Rollout){ 0 };
}

/* y ~ pi(.|x) at temperature 1: any other temperature would sample from a policy that is not the
 * one whose log-probabilities the ratio and the KL are made of. */
static void draw_answers(const Model *pi, const Seqs *prompts, uint64_t key, const Ppo *how,
                         Rollout *ro)
{
    int B = prompts->n;
    Seqs answer = { 0 };
    uint64_t *keys = xcalloc(B + 1, sizeof *keys);
    for (int b = 0; b < B; b++) keys[b] = rng_key(key, DRAW_ANSWER, b);
    Sampling s = { .temperature = 1, .max_new = how->max_new };
    memcpy(s.stop, how->stop, sizeof s.stop);
    sample(pi, prompts, keys, s, &answer, NULL);
    int *whole = NULL;
    for (int b = 0; b < B; b++) {
        int P = seq_len(prompts, b), fits = pi->c.seq_len - P;
        int T = min_int(seq_len(&answer, b), fits); /* one behind the context cannot be read */
        whole = xrealloc(whole, P + T + 1, sizeof *whole);
        memcpy(whole, seq_tok(prompts, b), P * sizeof *whole);
        memcpy(whole + P, seq_tok(&answer, b), T * sizeof *whole);
        seqs_push(&ro->seq, whole, P + T);
        ro->prompt_len[b] = P;
    }
    free(whole);
    free(keys);
    seqs_free(&answer);
}

/* 1: answer b ended by itself, 0: it was cut at max_new or at the context's end. */
static int has_stopped(const Rollout *ro, int b, const Ppo *how)
{
    int T = seq_len(&ro->seq, b);
    if (T <= ro->prompt_len[b]) return 0;
    return is_stop(seq_tok(&ro->seq, b)[T - 1], how->stop);
}

/* r_PM(x, y). D20: an answer that was cut gets missing_stop_penalty less; HH say nothing of them.
 * D21: an answer may end at any of how->stop. The PM learned from answers that end with stop[0], so
 * each is read with that end: else PPO finds an end that no comparison has shown and that scores
 * higher than any answer. */
static void score_answers(const Model *pm, const Ppo *how, Rollout *ro)
{
    Seqs read = ro->seq;
    size_t N = n_tokens(&ro->seq);
    read.token = xcalloc(N + 1, sizeof(int));
    if (N) memcpy(read.token, ro->seq.token, N * sizeof(int));
    for (int b = 0; b < read.n; b++)
        if (has_stopped(ro, b, how)) read.token[read.start[b + 1] - 1] = how->stop[0];
    pm_scores(pm, &read, ro->score);
    ro->raw = 0;
    for (int b = 0; b < ro->seq.n; b++) ro->raw += ro->score[b] / ro->seq.n;
    for (int b = 0; b < read.n; b++)
        if (!has_stopped(ro, b, how)) ro->score[b] -= how->missing_stop_penalty;
    free(read.token);
}

/* log pi_old is read by forward and not taken from sample, whose cached products round otherwise.
 * The reward, adv and ret of the rollout stay 0 until ppo_update. */
void ppo_rollout(const Model *pi, const Model *pi_0, const Model *pm, const Seqs *prompts,
                 uint64_t key, const Ppo *how, Rollout *out)
{
    rollout_free(out);
    out->prompt_len = xcalloc(prompts->n + 1, sizeof *out->prompt_len);
    out->score = xcalloc(prompts->n + 1, sizeof *out->score);
    draw_answers(pi, prompts, key, how, out);
    size_t N = n_tokens(&out->seq);
    double *block = xcalloc(7 * N + 1, sizeof *block);
    out->logp_old = block, out->logp_ref = block + N, out->value = block + 2 * N;
    out->reward = block + 3 * N, out->adv = block + 4 * N, out->ret = block + 5 * N;
    out->entropy = block + 6 * N;
    Batch b = rollout_batch(out, how);
    read_model(pi, &b, LOGP | ENTROPY | SCORE);
    spread(&b, b.logp, out->logp_old);
    spread(&b, b.entropy, out->entropy);
    spread(&b, b.score, out->value);
    read_model(pi_0, &b, LOGP);
    spread(&b, b.logp, out->logp_ref);
    batch_free(&b);
    score_answers(pm, how, out);
}

/* E4 at every token of answer b, then E6. Adds the answer's share to the statistics. */
static void answer_returns(Rollout *ro, int b, const Ppo *how, PpoStats *st)
{
    const KlForm *form = &kl_forms[how->kl_form];
    double lambda_kl = form->place == KL_IN_REWARD ? how->lambda_kl : 0, penalty = 0, slope;
    int B = ro->seq.n, from = ro->seq.start[b] + ro->prompt_len[b], to = ro->seq.start[b + 1];
    for (int i = from; i < to; i++) {
        double logr = ro->logp_old[i] - ro->logp_ref[i];
        double r_PM_if_last = i == to - 1 ? ro->score[b] : 0;
        ro->reward[i] = reward_penalised(r_PM_if_last, lambda_kl, kl_estimate(form, logr, &slope));
        penalty += ro->reward[i] - r_PM_if_last;
        st->kl += kl_k1(logr) / B;
        st->k3 += kl_k3(logr) / B;
        st->entropy += ro->entropy[i] / B;
    }
    gae(to - from, ro->reward + from, ro->value + from, how->gamma, how->lambda_gae, ro->adv + from,
        ro->ret + from);
    st->non_score_reward += penalty / B;
    st->scores += ro->score[b] / B;
    st->rlhf_reward += (ro->score[b] + penalty) / B;
    st->length += (double)(to - from) / B;
    st->num_eos += has_stopped(ro, b, how);
}

/* D6: advantages to mean 0 and variance 1 (dividing by n), over all answer tokens of the iteration,
 * prompts left out. All equal: all 0. Returns the factor, 1 / deviation. */
static double whiten(const Batch *b, double *x)
{
    double n = b->n > 0 ? b->n : 1, mean = 0, var = 0;
    for (int i = 0; i < b->n; i++) mean += x[b->at[i] + 1];
    mean /= n;
    for (int i = 0; i < b->n; i++) var += (x[b->at[i] + 1] - mean) * (x[b->at[i] + 1] - mean);
    double factor = 1 / sqrt(var / n + 1e-8);
    for (int i = 0; i < b->n; i++) x[b->at[i] + 1] = factor * (x[b->at[i] + 1] - mean);
    return factor;
}

/* One step on the rows of b's shards: the mean over them of
 *
 *     L = L_clip + c_v L_V + lambda_kl KL
 *
 * The last term only if the penalty sits in the loss (kl_forms); lambda_kl is then in the units of
 * the whitened advantages, so reward and penalty keep their proportion wherever the penalty sits.
 * No entropy bonus (HH app. B.1). Adds to the statistics the sums over the rows. */
static void ppo_minibatch(Trainer *t, const Rollout *ro, const Ppo *how, double lambda_kl, Batch *b,
                          double lr, PpoStats *st)
{
    int n = 0;
    for (int j = 0; j < b->n_shard; j++) n += b->begin[b->shard[j] + 1] - b->begin[b->shard[j]];
    if (!n) return;
    double loss = 0, scale = 1.0 / n;
    forward_shards(t, b, LOGP | SCORE);
    for (int j = 0; j < b->n_shard; j++) {
        PpoStats sum = { 0 };
        for (int i = b->begin[b->shard[j]]; i < b->begin[b->shard[j] + 1]; i++) {
            int y = b->at[i] + 1, clipped, v_clipped; /* the answer's token */
            double logp = b->logp[i], V = b->score[i], dL_clip, dL_V, dKL;
            double L_clip =
                ppo_clip_loss(logp, ro->logp_old[y], ro->adv[y], how->eps_clip, &dL_clip, &clipped);
            double L_V = value_loss(V, ro->value[y], ro->ret[y], how->eps_value, &dL_V, &v_clipped);
            double KL = kl_estimate(&kl_forms[how->kl_form], logp - ro->logp_ref[y], &dKL);
            loss += scale * (L_clip + how->c_v * L_V + lambda_kl * KL);
            b->dlogp[i] = scale * (dL_clip + lambda_kl * dKL);
            b->dscore[i] = scale * (how->c_v * dL_V);

            double d_rho = ratio_of(logp, ro->logp_old[y]) - 1;
            sum.ratio += d_rho, sum.ratio_var += d_rho * d_rho;
            sum.approxkl += kl_k2(logp - ro->logp_old[y]);
            sum.policy_loss += L_clip, sum.clipfrac += clipped;
            sum.value_loss += L_V, sum.value_clipfrac += v_clipped;
        }
        st->ratio += sum.ratio, st->ratio_var += sum.ratio_var, st->approxkl += sum.approxkl;
        st->policy_loss += sum.policy_loss, st->clipfrac += sum.clipfrac;
        st->value_loss += sum.value_loss, st->value_clipfrac += sum.value_clipfrac;
    }
    backward_shards(t, b);
    check_loss(t, "PPO", loss, 1e8); /* near 1; KL forms that are not right reach 1e5 */
    trainer_step(t, lr);
}

/* Fisher and Yates. */
static void shuffle(int *x, int n, uint64_t key)
{
    for (int i = n - 1; i > 0; i--) {
        int j = rng_below(key, i, i + 1), swap = x[i];
        x[i] = x[j];
        x[j] = swap;
    }
}

/* 1 - Var(return - V) / Var(return) over the answers' tokens: how much of what an answer earns the
 * value head foretold when the answer was sampled. */
static double explained_variance(const Rollout *ro)
{
    double sum[2] = { 0 }, squares[2] = { 0 }, n = 0; /* of the returns, of what is left of them */
    for (int b = 0; b < ro->seq.n; b++)
        for (int i = ro->seq.start[b] + ro->prompt_len[b]; i < ro->seq.start[b + 1]; i++, n++) {
            const double x[2] = { ro->ret[i], ro->ret[i] - ro->value[i] };
            for (int k = 0; k < 2; k++) sum[k] += x[k], squares[k] += x[k] * x[k];
        }
    double var = squares[0] - sum[0] * sum[0] / n, left = squares[1] - sum[1] * sum[1] / n;
    return 1 - left / var;
}

PpoStats ppo_update(Trainer *t, Rollout *ro, uint64_t key, const Ppo *how, double lr)
{
    PpoStats st = { .lr = lr };
    Batch b = rollout_batch(ro, how);
    for (int k = 0; k < ro->seq.n; k++) answer_returns(ro, k, how, &st);
    st.explained_var = explained_variance(ro);
    double factor = whiten(&b, ro->adv);
    double lambda_kl = kl_forms[how->kl_form].place == KL_IN_LOSS ? how->lambda_kl * factor : 0;

    int n = b.n_piece, *order = xcalloc(n + 1, sizeof *order);
    for (int epoch = 0; epoch < how->epochs; epoch++) {
        for (int i = 0; i < n; i++) order[i] = i;
        shuffle(order, n, rng_key(key, DRAW_ORDER, epoch));
        for (int k = 0; k < how->minibatches; k++) {
            int from = (int)((long)n * k / how->minibatches);
            int to = (int)((long)n * (k + 1) / how->minibatches);
            b.n_shard = to - from;
            memcpy(b.shard, order + from, (to - from) * sizeof *order);
            ppo_minibatch(t, ro, how, lambda_kl, &b, lr, &st);
        }
    }
    double tokens = b.n > 0 ? (double)how->epochs * b.n : 1, d_rho = st.ratio / tokens;
    st.policy_loss /= tokens, st.value_loss /= tokens, st.approxkl /= tokens;
    st.clipfrac /= tokens, st.value_clipfrac /= tokens;
    st.ratio = 1 + d_rho, st.ratio_var = st.ratio_var / tokens - d_rho * d_rho;
    free(order);
    batch_free(&b);
    return st;
}
