/* engine/batch.c -- a batch of sequences is cut into pieces, and a model reads them in parallel,
 * forward and backward. The pieces do not depend on the number of threads.
 *
 * Reading order: rows and pieces; read_piece; reading alone; forward and backward in training.
 * SPDX-License-Identifier: MIT
 */
#include "engine/batch.h"
#include "lib/files.h"
#include "lib/threads.h"

#include <math.h>
#include <stdlib.h>

Batch batch_new(const Seqs *s)
{
    Batch b = { .s = s };
    size_t N = s->n ? s->start[s->n] : 0;
    b.seq = xcalloc(2 * N + 1, sizeof(int));
    b.at = b.seq + N;
    b.logp = xcalloc(5 * N + 1, sizeof(double));
    b.entropy = b.logp + N, b.score = b.entropy + N;
    b.dlogp = b.score + N, b.dscore = b.dlogp + N;
    return b;
}

void batch_free(Batch *b)
{
    free(b->seq);
    free(b->logp);
    free(b->first);
}

void batch_row(Batch *b, int seq, int at)
{
    b->seq[b->n] = seq;
    b->at[b->n++] = at;
}

/* Cuts the batch into pieces of whole sequences with about equal numbers of tokens, possibly none.
 * Groups of `per` sequences stay together (2: a pair, whose common beginning forward encodes once);
 * a group belongs to the piece that its middle token falls in. The first pieces are the shards,
 * unless the caller chooses others. */
void batch_cut(Batch *b, int per, int n_piece)
{
    const Seqs *s = b->s;
    int n = s->n / per, group = 0, row = 0;
    long long total = s->n ? s->start[n * per] : 0;
    b->n_piece = n_piece;
    b->first = xcalloc(3 * (size_t)n_piece + 2, sizeof(int));
    b->begin = b->first + n_piece + 1, b->dead = b->begin + n_piece + 1;
    for (int k = 0; k < n_piece; k++) {
        while (group < n) {
            long long twice_middle = (long long)s->start[group * per] + s->start[(group + 1) * per];
            if (twice_middle * n_piece >= 2 * total * k) break;
            group++;
        }
        b->first[k] = group * per;
    }
    b->first[n_piece] = n * per;
    for (int k = 0; k < n_piece; k++) {
        while (row < b->n && b->seq[row] < b->first[k + 1]) row++;
        b->begin[k + 1] = row;
    }
    b->n_shard = n_piece < SHARDS ? n_piece : SHARDS;
    for (int j = 0; j < b->n_shard; j++) b->shard[j] = j;
}

// ------------------------------------------------------------------------------------
// Forward and backward over the pieces, in parallel

/* 1 if the state after sequence b is 0. The weights have then grown so large that the final norm's
 * sum of squares overflows, and every state is x / infinity. */
static int is_dead(const Model *m, const Acts *a, const Seqs *s, int b)
{
    int T = seq_len(s, b), j = 0;
    const real *h = T ? acts_states(m, a, b) + (size_t)(T - 1) * m->c.dim : NULL;
    while (h && j < m->c.dim && h[j] == 0) j++;
    return j == m->c.dim;
}

/* Runs piece k through m and reads its rows; afterwards `a` holds what backward needs. */
static void read_piece(Batch *b, int k, const Model *m, Acts *a)
{
    int first = b->first[k], last = b->first[k + 1], from = b->begin[k], n = b->begin[k + 1] - from;
    if (first == last) return;
    int *state = xcalloc(2 * (size_t)n + 1, sizeof(int)), *target = state + n;
    real *logp = xcalloc(3 * (size_t)n + 1, sizeof(real)), *entropy = logp + n,
         *score = entropy + n;
    for (int i = 0; i < n; i++) {
        state[i] = b->at[from + i] - b->s->start[first];
        if (b->reads & LOGP) target[i] = b->s->token[b->at[from + i] + 1];
    }
    forward(m, a, b->s, first, last);
    b->dead[k] = is_dead(m, a, b->s, last - 1);
    if (b->reads & LOGP)
        logprobs(m, a, n, state, target, logp, b->reads & ENTROPY ? entropy : NULL);
    if (b->reads & SCORE) scores(m, a, n, state, score);
    for (int i = 0; i < n; i++) {
        b->logp[from + i] = logp[i];
        b->entropy[from + i] = entropy[i];
        b->score[from + i] = score[i];
    }
    free(state);
    free(logp);
}

typedef struct {
    Batch *b;
    const Model *m;
    Trainer *t;
    int order[SHARDS];
} Job;

static void read_job(void *context, int job)
{
    const Job *q = context;
    Acts *a = acts_new();
    for (int k = job; k < q->b->n_piece; k += SHARDS) read_piece(q->b, k, q->m, a);
    acts_free(a);
}

_Noreturn void die_of_weights(void)
{
    die(EXIT_NUMERICS,
        "a model's output is not finite, or does not depend on its input: its "
        "weights are too large, too small or damaged; train it again at a lower rate");
}

void read_model(const Model *m, Batch *b, int reads)
{
    int bad = 0;
    b->reads = reads;
    parallel(SHARDS, read_job, &(Job){ .b = b, .m = m });
    for (int k = 0; k < b->n_piece; k++) bad |= b->dead[k];
    for (int i = 0; i < b->n; i++) bad |= !isfinite(b->logp[i]) || !isfinite(b->score[i]);
    if (bad) die_of_weights();
}

/* The shards' order of work: the largest number of tokens first, so that workers wait least for
 * each other. The order of work changes no number. */
static Job shard_jobs(Trainer *t, Batch *b)
{
    Job q = { .b = b, .m = t->m, .t = t };
    int size[SHARDS];
    for (int j = 0; j < b->n_shard; j++) {
        int k = b->shard[j], at = j;
        size[j] = b->s->n ? b->s->start[b->first[k + 1]] - b->s->start[b->first[k]] : 0;
        for (; at > 0 && size[q.order[at - 1]] < size[j]; at--) q.order[at] = q.order[at - 1];
        q.order[at] = j;
    }
    return q;
}

static void forward_job(void *context, int job)
{
    const Job *q = context;
    int shard = q->order[job];
    read_piece(q->b, q->b->shard[shard], q->m, q->t->acts[shard]);
}

/* t->dead is set here, told by check_loss. */
void forward_shards(Trainer *t, Batch *b, int reads)
{
    Job q = shard_jobs(t, b);
    b->reads = reads;
    parallel(b->n_shard, forward_job, &q);
    t->dead = 0;
    for (int j = 0; j < b->n_shard; j++) t->dead |= b->dead[b->shard[j]];
}

static void backward_job(void *context, int job)
{
    const Job *q = context;
    const Batch *b = q->b;
    int shard = q->order[job], k = b->shard[shard], from = b->begin[k], n = b->begin[k + 1] - from;
    if (b->first[k] == b->first[k + 1]) return;
    real *dlogp = xcalloc(2 * (size_t)n + 1, sizeof *dlogp), *dscore = dlogp + n;
    for (int i = 0; i < n; i++) {
        dlogp[i] = (real)b->dlogp[from + i];
        dscore[i] = (real)b->dscore[from + i];
    }
    backward(q->m, q->t->grad[shard], q->t->acts[shard], b->reads & LOGP ? dlogp : NULL,
             b->reads & SCORE ? dscore : NULL);
    free(dlogp);
}

void backward_shards(Trainer *t, Batch *b)
{
    Job q = shard_jobs(t, b);
    parallel(b->n_shard, backward_job, &q);
}
