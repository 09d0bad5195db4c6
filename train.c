/* train.c -- training: AdamW and Muon, supervised finetuning, the preference model, DPO, PPO.
 *
 * Every loss is a function of equations.c, called once a token or a pair; here stand the batches
 * around them. Not here: text, prompts, principles, stages, files (all in cai.c); how a model computes
 * its log-probabilities (model.c). No entropy bonus, no adaptive KL coefficient, no reward scaling.
 *
 * Reading order: trainer_step, sft_step, pm_step; ppo_rollout, ppo_update.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// Batches: picking sequences, cutting them into shards, listing the rows that are asked for

/* Cuts s into k runs of whole sequences with about equal numbers of tokens: run j is sequences
 * first[j]..first[j+1]-1, possibly none. Groups of `per` sequences stay together (2: a pair).
 * A group belongs to the run its middle token falls in. first (k+1). */
static void cut(const Seqs *s, int per, int k, int *first)
{
    int n = s->n / per, i = 0;
    long long total = s->n ? s->start[n * per] : 0;
    for (int j = 0; j < k; j++) {
        while (i < n) {
            long long twice_middle = (long long)s->start[i * per] + s->start[(i + 1) * per];
            if (twice_middle * k >= 2 * total * j) break;
            i++;
        }
        first[j] = i * per;
    }
    first[k] = n * per;
}

/* The shards by their number of tokens, the largest first: taken in this order they keep two workers waiting least. */
static void largest_first(const Seqs *s, const int *first, int *order)
{
    int size[SHARDS];
    for (int i = 0; i < SHARDS; i++) {
        int at = i;
        size[i] = s->n ? s->start[first[i + 1]] - s->start[first[i]] : 0;
        for (; at > 0 && size[order[at - 1]] < size[i]; at--) order[at] = order[at - 1];
        order[at] = i;
    }
}

/* The batch which[0..n) of s, `per` sequences an item. *flag (may be NULL with mask NULL too)
 * receives the mask of its tokens, all 1 without a mask: a fresh array, packed as the batch. */
static Seqs pick(const Seqs *s, int per, const int *which, int n,
                 const unsigned char *mask, unsigned char **flag)
{
    Seqs batch = { 0 };
    for (int i = 0; i < n; i++)
        for (int b = per * which[i]; b < per * (which[i] + 1); b++)
            seqs_push(&batch, seq_tok(s, b), seq_len(s, b));
    if (!flag) return batch;
    *flag = xcalloc(batch.n ? batch.start[batch.n] + 1 : 1, 1);
    for (int i = 0, b = 0; i < n; i++)
        for (int c = per * which[i]; c < per * (which[i] + 1); c++, b++) {
            unsigned char *to = *flag + batch.start[b];
            if (mask) memcpy(to, mask + s->start[c], seq_len(s, c));
            else memset(to, 1, seq_len(s, c));
        }
    return batch;
}

/* 1 at the tokens of the answers: sequence b's from prompt_len[b] on. Packed as s. */
static unsigned char *answer_flags(const Seqs *s, const int *prompt_len)
{
    unsigned char *flag = xcalloc(s->n ? s->start[s->n] + 1 : 1, 1);
    for (int b = 0; b < s->n; b++)
        for (int j = prompt_len[b]; j < seq_len(s, b); j++) flag[s->start[b] + j] = 1;
    return flag;
}

/* Targets among the tokens of one sequence: those flagged, save the first, which nothing
 * precedes and so nothing predicts. */
static long count_targets(const Seqs *s, const unsigned char *flag, int first, int last)
{
    long n = 0;
    for (int b = first; b < last; b++)
        for (int i = s->start[b] + 1; i < s->start[b + 1]; i++) n += flag[i];
    return n;
}

typedef struct {            /* rows of one shard at which the model is read */
    int n;
    int *row, *target, *at; /* (n) row in the shard; target token; its place in the packed batch */
    real *logp, *entropy, *score, *dlogp, *dscore;   /* (n) */
} Rows;

static Rows rows_new(int n)
{
    Rows r = { .n = n };
    r.row = xcalloc(3 * (size_t)n + 1, sizeof *r.row);
    r.logp = xcalloc(5 * (size_t)n + 1, sizeof *r.logp);
    r.target = r.row + n, r.at = r.target + n;
    r.entropy = r.logp + n, r.score = r.entropy + n, r.dlogp = r.score + n, r.dscore = r.dlogp + n;
    return r;
}

static void rows_free(Rows *r)
{
    free(r->row);
    free(r->logp);
}

/* The rows that predict the targets of sequences first..last-1: the one before each target. */
static Rows target_rows(const Seqs *s, const unsigned char *flag, int first, int last)
{
    Rows r = rows_new((int)count_targets(s, flag, first, last));
    int n = 0;
    for (int b = first; b < last; b++)
        for (int i = s->start[b] + 1; i < s->start[b + 1]; i++)
            if (flag[i]) {
                r.at[n] = i;
                r.row[n] = i - 1 - s->start[first];
                r.target[n++] = s->token[i];
            }
    return r;
}

/* The last rows of sequences first..last-1, where the PM's score is read. */
static Rows last_rows(const Seqs *s, int first, int last)
{
    Rows r = rows_new(last - first);
    for (int b = first; b < last; b++) {
        if (!seq_len(s, b))
            die(EXIT_INPUT, "sequence %d is empty, and a score is read at the last token; "
                "drop empty records", b);
        r.row[b - first] = s->start[b + 1] - 1 - s->start[first];
    }
    return r;
}

// ------------------------------------------------------------------------------------
// Reading a model without training it. A long list goes through in pieces of bounded size;
// the pieces do not depend on the number of threads.

enum { PIECE_TOKENS = 2048 };

typedef struct {
    const Model *m;
    const Seqs *s;
    const unsigned char *flag;      /* NULL: read the score at the last token of each sequence */
    const int *first;               /* (n_piece+1) */
    int n_piece;
    double *logp, *entropy, *value; /* (N) at the targets, packed as s->token; may be NULL */
    double *score;                  /* (B) with flag NULL */
} Reading;

static void read_last(const Reading *q, Acts *a, int first, int last)
{
    Rows r = last_rows(q->s, first, last);
    scores(q->m, a, r.n, r.row, r.score);
    for (int i = 0; i < r.n; i++) q->score[first + i] = r.score[i];
    rows_free(&r);
}

static void read_targets(const Reading *q, Acts *a, int first, int last)
{
    Rows r = target_rows(q->s, q->flag, first, last);
    logprobs(q->m, a, r.n, r.row, r.target, r.logp, q->entropy ? r.entropy : NULL);
    if (q->value) scores(q->m, a, r.n, r.row, r.score);
    for (int i = 0; i < r.n; i++) {
        q->logp[r.at[i]] = r.logp[i];
        if (q->entropy) q->entropy[r.at[i]] = r.entropy[i];
        if (q->value) q->value[r.at[i]] = r.score[i];
    }
    rows_free(&r);
}

static void read_job(void *context, int shard)
{
    const Reading *q = context;
    Acts *a = acts_new();
    for (int k = shard; k < q->n_piece; k += SHARDS) {
        int first = q->first[k], last = q->first[k + 1];
        if (first == last) continue;
        forward(q->m, a, q->s, first, last);
        if (q->flag) read_targets(q, a, first, last);
        else read_last(q, a, first, last);
    }
    acts_free(a);
}

/* Reads q->m on all of q->s; without given pieces, in pieces of about PIECE_TOKENS. */
static void read_model(Reading q)
{
    int *own = NULL;
    if (!q.first) {
        q.n_piece = 1 + (q.s->n ? q.s->start[q.s->n] : 0) / PIECE_TOKENS;
        q.first = own = xcalloc(q.n_piece + 1, sizeof *own);
        cut(q.s, 1, q.n_piece, own);
    }
    parallel(SHARDS, read_job, &q);
    free(own);
}

/* sum (B) and per_token (N, packed as s->token, 0 at the prompts); either may be NULL. */
void completion_logprobs(const Model *m, const Seqs *s, const int *prompt_len,
                         double *sum, double *per_token)
{
    int N = s->n ? s->start[s->n] : 0;
    unsigned char *flag = answer_flags(s, prompt_len);
    double *logp = xcalloc(N + 1, sizeof *logp);
    read_model((Reading){ .m = m, .s = s, .flag = flag, .logp = logp });
    for (int b = 0; sum && b < s->n; b++)
        sum[b] = -sft_loss(seq_len(s, b), logp + s->start[b]);
    if (per_token) memcpy(per_token, logp, N * sizeof *logp);
    free(logp);
    free(flag);
}

void pm_scores(const Model *pm, const Seqs *s, double *score)
{
    read_model((Reading){ .m = pm, .s = s, .score = score });
}

/* E1 fixes scores up to a constant only; this fixes the constant, as HH do before plotting (app.
 * B.2). It matters in PPO, where a score is weighed against missing_stop_penalty. */
void pm_centre(Model *pm, const Seqs *s)
{
    double *score = xcalloc(s->n + 1, sizeof *score), mean = 0;
    pm_scores(pm, s, score);
    for (int b = 0; b < s->n; b++) mean += score[b] / s->n;
    *pm->score_b -= (real)mean;
    free(score);
}

// ------------------------------------------------------------------------------------
// Supervised fine-tuning (E13): pretraining, and SL-CAI on the revisions

typedef struct {
    Trainer *t;
    const Seqs *s;
    const unsigned char *flag;
    int first[SHARDS + 1], order[SHARDS];
    double scale;                   /* 1 / targets of the whole batch */
    double loss[SHARDS];
} Sft;

static void sft_job(void *context, int job)
{
    Sft *q = context;
    Trainer *t = q->t;
    int shard = q->order[job], first = q->first[shard], last = q->first[shard + 1];
    if (first == last) return;
    Rows r = target_rows(q->s, q->flag, first, last);
    double *logp = xcalloc(r.n + 1, sizeof *logp);
    forward(t->m, t->acts[shard], q->s, first, last);
    logprobs(t->m, t->acts[shard], r.n, r.row, r.target, r.logp, NULL);
    for (int i = 0; i < r.n; i++) {
        logp[i] = r.logp[i];
        r.dlogp[i] = (real)-q->scale;
    }
    q->loss[shard] = q->scale * sft_loss(r.n, logp);
    backward(t->m, t->grad[shard], t->acts[shard], r.dlogp, NULL);
    free(logp);
    rows_free(&r);
}

double sft_step(Trainer *t, const Seqs *docs, const int *which, int n,
                const unsigned char *mask, double lr)
{
    unsigned char *flag;
    Seqs batch = pick(docs, 1, which, n, mask, &flag);
    long targets = count_targets(&batch, flag, 0, batch.n);
    double loss = 0;
    if (targets) {
        Sft q = { .t = t, .s = &batch, .flag = flag, .scale = 1.0 / targets };
        cut(&batch, 1, SHARDS, q.first);
        largest_first(&batch, q.first, q.order);
        parallel(SHARDS, sft_job, &q);
        for (int i = 0; i < SHARDS; i++) loss += q.loss[i];
        check_loss(t, "supervised", loss, 10 * log(t->m->c.vocab_size + 1.0));      /* blind: log V */
        trainer_step(t, lr);
    }
    free(flag);
    seqs_free(&batch);
    return loss;
}

double sft_eval(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask)
{
    unsigned char *flag;
    Seqs batch = pick(docs, 1, which, n, mask, &flag);
    int N = batch.n ? batch.start[batch.n] : 0;
    long targets = count_targets(&batch, flag, 0, batch.n);
    double *logp = xcalloc(N + 1, sizeof *logp);            /* stays 0 where no target is */
    read_model((Reading){ .m = t->m, .s = &batch, .flag = flag, .logp = logp });
    double loss = targets ? sft_loss(N, logp) / targets : 0;
    free(logp);
    free(flag);
    seqs_free(&batch);
    return loss;
}

// ------------------------------------------------------------------------------------
// The preference model (E1)

typedef struct {
    Trainer *t;
    const Seqs *s;
    const double *p;                /* (n) labels of the batch's pairs */
    int n, first[SHARDS + 1];
    double *loss, *margin;          /* (n) r_A - r_B */
} Pm;

static void pm_job(void *context, int shard)
{
    Pm *q = context;
    Trainer *t = q->t;
    int first = q->first[shard], last = q->first[shard + 1];
    if (first == last) return;
    Rows r = last_rows(q->s, first, last);
    forward(t->m, t->acts[shard], q->s, first, last);
    scores(t->m, t->acts[shard], r.n, r.row, r.score);
    for (int j = 0; j < r.n / 2; j++) {
        int pair = first / 2 + j;
        double r_A = r.score[2 * j], r_B = r.score[2 * j + 1], dr_A;
        q->loss[pair] = pm_loss(r_A, r_B, q->p[pair], &dr_A);
        q->margin[pair] = r_A - r_B;
        r.dscore[2 * j] = (real)(dr_A / q->n);
        r.dscore[2 * j + 1] = -r.dscore[2 * j];
    }
    backward(t->m, t->grad[shard], t->acts[shard], NULL, r.dscore);
    rows_free(&r);
}

/* Means over the batch. A pair with p = 1/2 has no better side: it counts in the loss and the
 * floor, not in accuracy and margin (which is that of the side the label prefers). */
static PmStats pm_stats(const Pm *q)
{
    PmStats st = { 0 };
    double *p_correct = xcalloc(q->n + 1, sizeof *p_correct);
    int judged = 0;
    for (int i = 0; i < q->n; i++) {
        st.loss += q->loss[i] / q->n;
        st.entropy_floor += label_entropy(q->p[i]) / q->n;
        if (q->p[i] == 0.5) continue;
        double margin = q->p[i] > 0.5 ? q->margin[i] : -q->margin[i];
        st.margin += margin;
        p_correct[judged++] = sigmoid(margin);
    }
    st.accuracy = mc_accuracy(judged, p_correct);
    st.margin /= judged ? judged : 1;
    free(p_correct);
    return st;
}

PmStats pm_step(Trainer *t, const Seqs *pairs, const double *p, const int *which, int n, double lr)
{
    Seqs batch = pick(pairs, 2, which, n, NULL, NULL);
    double *p_batch = xcalloc(3 * (size_t)n + 1, sizeof *p_batch);
    Pm q = { .t = t, .s = &batch, .p = p_batch, .n = n };
    q.loss = p_batch + n, q.margin = p_batch + 2 * n;
    for (int i = 0; i < n; i++) p_batch[i] = p[which[i]];
    cut(&batch, 2, SHARDS, q.first);
    parallel(SHARDS, pm_job, &q);
    PmStats st = pm_stats(&q);
    check_loss(t, "preference-model", st.loss, 100);       /* blind: log 2 */
    trainer_step(t, lr);
    free(p_batch);
    seqs_free(&batch);
    return st;
}

// ------------------------------------------------------------------------------------
// DPO (E12): the extension without a reward model

typedef struct {
    Trainer *t;
    const Seqs *s;
    const unsigned char *flag;
    const double *p, *ref;          /* (n) labels; (N) reference log-probabilities per token */
    double beta, *loss;             /* loss (n) */
    int n, first[SHARDS + 1];
} Dpo;

/* Log-probability of sequence b: the sum over its rows i..; *i moves past them. */
static double sum_rows(const Rows *r, const Seqs *s, int b, int *i, const double *ref,
                       double *sum_ref)
{
    double sum = 0;
    *sum_ref = 0;
    for (; *i < r->n && r->at[*i] < s->start[b + 1]; ++*i) {
        sum += r->logp[*i];
        *sum_ref += ref[r->at[*i]];
    }
    return sum;
}

static void dpo_job(void *context, int shard)
{
    Dpo *q = context;
    Trainer *t = q->t;
    int first = q->first[shard], last = q->first[shard + 1];
    if (first == last) return;
    Rows r = target_rows(q->s, q->flag, first, last);
    forward(t->m, t->acts[shard], q->s, first, last);
    logprobs(t->m, t->acts[shard], r.n, r.row, r.target, r.logp, NULL);
    for (int b = first, i = 0; b < last; b += 2) {
        int begin = i;
        double ref_w, ref_l, dlogp_w;
        double logp_w = sum_rows(&r, q->s, b, &i, q->ref, &ref_w);
        int middle = i;
        double logp_l = sum_rows(&r, q->s, b + 1, &i, q->ref, &ref_l);
        q->loss[b / 2] = dpo_loss(logp_w, logp_l, ref_w, ref_l, q->beta, q->p[b / 2], &dlogp_w);
        for (int j = begin; j < i; j++)
            r.dlogp[j] = (real)((j < middle ? dlogp_w : -dlogp_w) / q->n);
    }
    backward(t->m, t->grad[shard], t->acts[shard], r.dlogp, NULL);
    rows_free(&r);
}

/* The reference reads the batch in the very pieces the policy trains on: while the two are equal
 * their log-probabilities agree to the last bit and the loss is log 2 exactly. */
double dpo_step(Trainer *t, const Model *ref, const Seqs *pairs, const int *prompt_len,
                const double *p, const int *which, int n, double beta, double lr)
{
    Seqs batch = pick(pairs, 2, which, n, NULL, NULL);
    int N = batch.n ? batch.start[batch.n] : 0;
    int *prompt = xcalloc(batch.n + 1, sizeof *prompt);
    for (int b = 0; b < batch.n; b++) prompt[b] = prompt_len[2 * which[b / 2] + b % 2];
    unsigned char *flag = answer_flags(&batch, prompt);
    double *p_batch = xcalloc(2 * (size_t)n + 1, sizeof *p_batch);
    double *logp = xcalloc(N + 1, sizeof *logp);
    for (int i = 0; i < n; i++) p_batch[i] = p[which[i]];
    Dpo q = { .t = t, .s = &batch, .flag = flag, .p = p_batch, .ref = logp, .beta = beta,
              .loss = p_batch + n, .n = n };
    cut(&batch, 2, SHARDS, q.first);
    read_model((Reading){ .m = ref, .s = &batch, .flag = flag, .first = q.first,
                          .n_piece = SHARDS, .logp = logp });
    parallel(SHARDS, dpo_job, &q);
    double loss = 0;
    for (int i = 0; i < n; i++) loss += q.loss[i] / n;
    check_loss(t, "DPO", loss, 100);                       /* blind: log 2 */
    trainer_step(t, lr);
    free(p_batch), free(logp), free(flag), free(prompt);
    seqs_free(&batch);
    return loss;
}

// ------------------------------------------------------------------------------------
// PPO (E4, E5, E6)
//
//     repeat:  y ~ pi(.|x) for each prompt x                        ppo_rollout
//              r_PM(x, y), log pi_old, log pi_0, V                  ppo_rollout
//              r_t (E4), A_t and G_t (E6), A whitened               ppo_returns
//              for each epoch, for each minibatch: one step on E5   ppo_update
//
// D7: the value is the score head of the policy itself; the two share a trunk. The head starts
// at 0, so the first advantages are plain rewards.

enum { DRAW_ANSWER = 1, DRAW_ORDER = 2 };           /* uses of the iteration's random key */

/* The answers are cut into micro-batches of whole sequences ONCE; a micro-batch is one shard's
 * job, a minibatch is up to SHARDS micro-batches, and epochs shuffle micro-batches, never what
 * is in them. So the sequences that gave log pi_old together are also trained on together, every
 * matrix product has the same shape, and until the first step the ratio is 1 and the KL of equal
 * models 0 bit for bit: the cheapest bug detector PPO has. Fresh array (*n + 1). */
static int *micro_batches(const Seqs *s, const Ppo *how, int *n)
{
    *n = SHARDS * how->minibatches < s->n ? SHARDS * how->minibatches : s->n;
    int *first = xcalloc(*n + 1, sizeof *first);
    if (*n) cut(s, 1, *n, first);
    return first;
}

void rollout_free(Rollout *ro)
{
    seqs_free(&ro->seq);
    free(ro->prompt_len);
    free(ro->score);
    free(ro->logp_old);             /* the block of all seven arrays */
    *ro = (Rollout){ 0 };
}

/* y ~ pi(.|x), temperature 1: any other temperature would sample from a policy that is not the
 * one whose log-probabilities the ratio and the KL are made of. */
static void draw_answers(const Model *pi, const Seqs *prompts, uint64_t key, const Ppo *how,
                         Rollout *out)
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
        int T = least(seq_len(&answer, b), fits);   /* one behind the context cannot be read */
        whole = xrealloc(whole, P + T + 1, sizeof *whole);
        memcpy(whole, seq_tok(prompts, b), P * sizeof *whole);
        memcpy(whole + P, seq_tok(&answer, b), T * sizeof *whole);
        seqs_push(&out->seq, whole, P + T);
        out->prompt_len[b] = P;
    }
    free(whole);
    free(keys);
    seqs_free(&answer);
}

static int has_stopped(const Rollout *ro, int b, const Ppo *how)
{
    int T = seq_len(&ro->seq, b);
    if (T <= ro->prompt_len[b]) return 0;
    return is_stop(seq_tok(&ro->seq, b)[T - 1], how->stop);
}

/* PM scores, less the penalty for answers that were cut. The PM learned from answers that end with stop[0]; one that ended with
 * another is read with that end too, or PPO finds that an end which no comparison has shown scores higher than any answer. */
static void score_answers(const Model *pm, const Ppo *how, Rollout *ro)
{
    Seqs read = ro->seq;
    size_t N = ro->seq.n ? (size_t)ro->seq.start[ro->seq.n] : 0;
    read.token = xcalloc(N + 1, sizeof(int));
    if (N) memcpy(read.token, ro->seq.token, N * sizeof(int));
    for (int b = 0; b < read.n; b++)
        if (has_stopped(ro, b, how)) read.token[read.start[b + 1] - 1] = how->stop[0];
    pm_scores(pm, &read, ro->score);
    for (int b = 0; b < read.n; b++)
        if (!has_stopped(ro, b, how)) ro->score[b] -= how->missing_stop_penalty;
    free(read.token);
}

/* What the models say of one iteration's samples. log pi_old is read by forward, not taken from
 * sample, whose cached products round otherwise. *out must
 * be all zero or an earlier rollout. reward, adv and ret wait for ppo_update. */
void ppo_rollout(const Model *pi, const Model *pi_0, const Model *pm, const Seqs *prompts,
                 uint64_t key, const Ppo *how, Rollout *out)
{
    rollout_free(out);
    out->prompt_len = xcalloc(prompts->n + 1, sizeof *out->prompt_len);
    out->score = xcalloc(prompts->n + 1, sizeof *out->score);
    draw_answers(pi, prompts, key, how, out);
    size_t N = out->seq.n ? out->seq.start[out->seq.n] : 0;
    double *block = xcalloc(7 * N + 1, sizeof *block);
    out->logp_old = block, out->logp_ref = block + N, out->value = block + 2 * N;
    out->reward = block + 3 * N, out->adv = block + 4 * N, out->ret = block + 5 * N;
    out->entropy = block + 6 * N;
    int n, *first = micro_batches(&out->seq, how, &n);
    unsigned char *flag = answer_flags(&out->seq, out->prompt_len);
    read_model((Reading){ .m = pi, .s = &out->seq, .flag = flag, .first = first, .n_piece = n,
                          .logp = out->logp_old, .entropy = out->entropy, .value = out->value });
    read_model((Reading){ .m = pi_0, .s = &out->seq, .flag = flag, .first = first, .n_piece = n,
                          .logp = out->logp_ref });
    score_answers(pm, how, out);
    free(flag);
    free(first);
}

/* KlForm: where the KL penalty sits and how it is estimated. PPO treats a reward as a constant,
 * so a penalty there acts through the policy gradient; a penalty in the loss acts through its own
 * derivative. Only two of the six lead to E11's optimum:
 *
 *     k1 in the reward    the optimum; the default
 *     k2 in the loss      the optimum (d k2 = lr dlr, whose mean is the KL's gradient)
 *     k3 in the loss      another point: its mean gradient is that of KL(pi_0 || pi)
 *     k1 in the loss      nothing: the mean of d log pi under pi is 0
 *     k3 in the reward    no restraint, or worse
 *     |k1| in the reward  another point; pushes tokens that are already too rare further down
 *
 * A penalty in the loss is divided by the deviation that whitening divides the advantages by:
 * reward and penalty keep their proportion wherever the penalty sits.
 * In the reward: lr of the sampling policy, constant. */
static double kl_in_reward(KlForm form, double lr)
{
    return form == KL_K1_REWARD ? kl_k1(lr) : form == KL_K3_REWARD ? kl_k3(lr)
         : form == KL_ABS_REWARD ? fabs(lr) : 0;
}

static const char *const KL_FORMS[] = { "k1-reward", "k2-loss", "k3-loss", "k1-loss", "k3-reward", "abs-reward" };

int kl_form_index(const char *name)      /* a KlForm; -1: no such form */
{
    for (int k = 0; k < 6; k++)
        if (strcmp(name, KL_FORMS[k]) == 0) return k;
    return -1;
}

/* In the loss: lr of the policy being trained. *dlr receives the derivative by lr (or log pi). */
static double kl_in_loss(KlForm form, double lr, double *dlr)
{
    *dlr = form == KL_K1_LOSS ? 1 : form == KL_K2_LOSS ? lr
         : form == KL_K3_LOSS ? kl_k3_slope(lr) : 0;
    return form == KL_K1_LOSS ? kl_k1(lr) : form == KL_K2_LOSS ? kl_k2(lr)
         : form == KL_K3_LOSS ? kl_k3(lr) : 0;
}

/* D6: advantages to mean 0, variance 1 (dividing by n), over all answer tokens of the iteration,
 * prompts left out. All equal: all 0. Returns the factor, 1 / deviation. */
static double whiten(const unsigned char *flag, int N, double *x)
{
    double n = 0, mean = 0, var = 0;
    for (int i = 0; i < N; i++) if (flag[i]) n++, mean += x[i];
    mean /= n > 0 ? n : 1;
    for (int i = 0; i < N; i++) if (flag[i]) var += (x[i] - mean) * (x[i] - mean);
    double factor = 1 / sqrt(var / (n > 0 ? n : 1) + 1e-8);
    for (int i = 0; i < N; i++) if (flag[i]) x[i] = factor * (x[i] - mean);
    return factor;
}

/* E4 at every answer token of sequence b, then E6. Adds the answer's share to the statistics. */
static void answer_returns(Rollout *ro, int b, const Ppo *how, PpoStats *st)
{
    int B = ro->seq.n, from = ro->seq.start[b] + ro->prompt_len[b], to = ro->seq.start[b + 1];
    double penalty = 0;
    for (int i = from; i < to; i++) {
        double lr = ro->logp_old[i] - ro->logp_ref[i];
        double r_PM_if_last = i == to - 1 ? ro->score[b] : 0;
        if (how->kl_form == KL_K1_REWARD)
            ro->reward[i] = reward_penalised(r_PM_if_last, how->lambda_kl, lr);
        else ro->reward[i] = r_PM_if_last - how->lambda_kl * kl_in_reward(how->kl_form, lr);
        penalty += ro->reward[i] - r_PM_if_last;
        st->kl += kl_k1(lr) / B;
        st->k3 += kl_k3(lr) / B;
        st->entropy += ro->entropy[i] / B;
    }
    gae(to - from, ro->reward + from, ro->value + from, how->gamma, how->lambda_gae,
        ro->adv + from, ro->ret + from);
    st->non_score_reward += penalty / B;
    st->scores += ro->score[b] / B;
    st->rlhf_reward += (ro->score[b] + penalty) / B;
    st->length += (double)(to - from) / B;
    st->num_eos += has_stopped(ro, b, how);
}

typedef struct { double policy, value, kl2, clipped, v_clipped, d_rho, d_rho2, tokens; } PassSums;

typedef struct {            /* one minibatch: job i trains on micro-batch micro[i] */
    Trainer *t;
    const Rollout *ro;
    const Ppo *how;
    const unsigned char *flag;
    const int *first, *micro;
    double scale;           /* 1 / answer tokens of the minibatch */
    double lambda_in_loss;  /* lambda_kl in the units of whitened advantages */
    PassSums sum[SHARDS];
    double loss[SHARDS];
} PpoPass;

/* Loss of one answer token and its derivatives by log pi and V:
 *     L = L_clip + c_v L_V  (+ lambda_kl KL, if it sits in the loss);   no entropy bonus (HH) */
static double ppo_token(const PpoPass *q, int at, double logp, double V,
                        double *dlogp, double *dV, PassSums *sum)
{
    const Rollout *ro = q->ro;
    const Ppo *how = q->how;
    int clipped, v_clipped;
    double dlr, rho = ratio_of(logp, ro->logp_old[at]);
    double L_clip = ppo_clip_loss(logp, ro->logp_old[at], ro->adv[at], how->eps_clip, dlogp,
                                  &clipped);
    double L_V = value_loss(V, ro->value[at], ro->ret[at], how->eps_value, dV, &v_clipped);
    double L_kl = q->lambda_in_loss * kl_in_loss(how->kl_form, logp - ro->logp_ref[at], &dlr);
    *dlogp += q->lambda_in_loss * dlr;
    *dV *= how->c_v;
    sum->policy += L_clip, sum->value += L_V, sum->tokens++;
    sum->clipped += clipped, sum->v_clipped += v_clipped;
    sum->kl2 += kl_k2(logp - ro->logp_old[at]);
    sum->d_rho += rho - 1, sum->d_rho2 += (rho - 1) * (rho - 1);
    return L_clip + L_kl + how->c_v * L_V;
}

static void ppo_job(void *context, int shard)
{
    PpoPass *q = context;
    Trainer *t = q->t;
    const Seqs *s = &q->ro->seq;
    int first = q->first[q->micro[shard]], last = q->first[q->micro[shard] + 1];
    if (first == last) return;
    Rows r = target_rows(s, q->flag, first, last);
    forward(t->m, t->acts[shard], s, first, last);
    logprobs(t->m, t->acts[shard], r.n, r.row, r.target, r.logp, NULL);
    scores(t->m, t->acts[shard], r.n, r.row, r.score);
    for (int i = 0; i < r.n; i++) {
        double dlogp, dV;
        q->loss[shard] += q->scale * ppo_token(q, r.at[i], r.logp[i], r.score[i], &dlogp, &dV,
                                               &q->sum[shard]);
        r.dlogp[i] = (real)(q->scale * dlogp);
        r.dscore[i] = (real)(q->scale * dV);
    }
    backward(t->m, t->grad[shard], t->acts[shard], r.dlogp, r.dscore);
    rows_free(&r);
}

/* One step on micro-batches micro[0..n), n <= SHARDS: the mean over their answer tokens. */
static void ppo_minibatch(PpoPass q, int n, double lr, PassSums *total)
{
    long tokens = 0;
    double loss = 0;
    for (int i = 0; i < n; i++)
        tokens += count_targets(&q.ro->seq, q.flag, q.first[q.micro[i]], q.first[q.micro[i] + 1]);
    if (!tokens) return;
    q.scale = 1.0 / tokens;
    parallel(n, ppo_job, &q);
    for (int i = 0; i < n; i++) {
        loss += q.loss[i];
        total->policy += q.sum[i].policy, total->value += q.sum[i].value;
        total->kl2 += q.sum[i].kl2, total->tokens += q.sum[i].tokens;
        total->clipped += q.sum[i].clipped, total->v_clipped += q.sum[i].v_clipped;
        total->d_rho += q.sum[i].d_rho, total->d_rho2 += q.sum[i].d_rho2;
    }
    check_loss(q.t, "PPO", loss, 1e8);      /* near 1; KL forms that are wrong on purpose reach 1e5 */
    trainer_step(q.t, lr);
}

static void shuffle(int *x, int n, uint64_t key)
{
    for (int i = n - 1; i > 0; i--) {
        int j = rng_below(key, i, i + 1), swap = x[i];
        x[i] = x[j];
        x[j] = swap;
    }
}

/* kl, k3, entropy, rewards and lengths: means over answers of the sums over their tokens, before
 * the update (KL of the sampling policy to pi_0, its own samples). The others: means over the
 * tokens of all passes; approxkl is the k2 of the trained policy to the sampling one. */
PpoStats ppo_update(Trainer *t, Rollout *ro, uint64_t key, const Ppo *how, double lr)
{
    PpoStats st = { 0 };
    PassSums sum = { 0 };
    int n, *first = micro_batches(&ro->seq, how, &n), *order = xcalloc(n + 1, sizeof *order);
    unsigned char *flag = answer_flags(&ro->seq, ro->prompt_len);
    for (int b = 0; b < ro->seq.n; b++) answer_returns(ro, b, how, &st);
    double factor = whiten(flag, ro->seq.n ? ro->seq.start[ro->seq.n] : 0, ro->adv);

    PpoPass pass = { .t = t, .ro = ro, .how = how, .flag = flag, .first = first,
                     .lambda_in_loss = how->lambda_kl * factor };
    for (int epoch = 0; epoch < how->epochs; epoch++) {
        for (int i = 0; i < n; i++) order[i] = i;
        shuffle(order, n, rng_key(key, DRAW_ORDER, epoch));
        for (int k = 0; k < how->minibatches; k++) {
            int from = (int)((long)n * k / how->minibatches);
            int to = (int)((long)n * (k + 1) / how->minibatches);
            pass.micro = order + from;
            ppo_minibatch(pass, to - from, lr, &sum);
        }
    }
    double tokens = sum.tokens > 0 ? sum.tokens : 1, d_rho = sum.d_rho / tokens;
    st.policy_loss = sum.policy / tokens, st.value_loss = sum.value / tokens;
    st.clipfrac = sum.clipped / tokens, st.value_clipfrac = sum.v_clipped / tokens;
    st.approxkl = sum.kl2 / tokens;
    st.ratio = 1 + d_rho, st.ratio_var = sum.d_rho2 / tokens - d_rho * d_rho;
    free(first), free(order), free(flag);
    return st;
}
