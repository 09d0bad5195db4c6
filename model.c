/* model.c -- a small Llama out of the layers: forward, backward, batched sampling, checkpoints.
 *
 * What it is: everything between token ids and numbers about them. A decoder-only transformer as
 * in llama2.c (RMSNorm, rotary positions, grouped-query attention, SwiGLU, head tied to the
 * embedding or not) with a scalar head beside the usual one: the paper's preference model, and
 * PPO's value, are this network read through one number.
 *
 * What it is not: it knows no text, no loss, no optimiser. It has no automatic differentiation:
 * the backward pass is the forward pass's steps in reverse, each layer's in layers.c. No dropout, no
 * biases, no half precision, no GPU; one shard of a batch runs on one thread.
 *
 * Reading order: the parameter block, the network's forward and backward, sampling, files; random
 * numbers and workers are at the end.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RMS_EPS ((real)1e-5)       /* under the root of RMSNorm, as llama2.c has it */
#define ROPE_BASE 10000.0          /* wavelengths of the rotary positions go from 2 pi to 2 pi BASE */

// ------------------------------------------------------------------------------------
// RMSNorm.  y = w * x * inv,  inv = 1 / sqrt(mean(x^2) + eps), row by row

/* y (N, C), inv (N), x (N, C), w (C) */
void rmsnorm_forward(real *y, real *inv, const real *x, const real *w, int N, int C) {
    for (int i = 0; i < N; i++, x += C, y += C) {
        real sum = 0;
        #pragma omp simd reduction(+ : sum)
        for (int j = 0; j < C; j++) sum += x[j] * x[j];
        real s = 1 / (real)sqrt(sum / C + RMS_EPS);
        #pragma omp simd
        for (int j = 0; j < C; j++) y[j] = w[j] * (x[j] * s);
        inv[i] = s;
    }
}

/* Adds to dx (N, C) and dw (C). With g = dy * w:
 * dx += inv * (g - x * inv^2 * mean(g x)),  dw += dy * x * inv: every x_j also moves inv. */
void rmsnorm_backward(real *dx, real *dw, const real *dy, const real *x, const real *inv,
                             const real *w, int N, int C) {
    for (int i = 0; i < N; i++, x += C, dx += C, dy += C) {
        real dot = 0, s = inv[i];
        #pragma omp simd reduction(+ : dot)
        for (int j = 0; j < C; j++) dot += dy[j] * w[j] * x[j];
        real pull = dot / C * s * s;
        #pragma omp simd
        for (int j = 0; j < C; j++) {
            dx[j] += s * (dy[j] * w[j] - x[j] * pull);
            dw[j] += dy[j] * (x[j] * s);
        }
    }
}

// ------------------------------------------------------------------------------------
// Rotary positions: pair (2j, 2j+1) of each head turns by the angle pos * BASE^(-2j/D)

/* table (T, D): of each position, cos for j = 0..D/2-1, then sin for the same j */
void rope_table(real *table, int T, int D) {
    for (int t = 0; t < T; t++)
        for (int j = 0; j < D / 2; j++) {
            double angle = t * pow(ROPE_BASE, -2.0 * j / D);
            table[(size_t)t * D + j] = (real)cos(angle);
            table[(size_t)t * D + D / 2 + j] = (real)sin(angle);
        }
}

/* Turns x (N, heads, D) in place, row i by position pos[i]; sign -1 turns it back. */
static void rotate(real *x, const real *table, const int *pos, real sign, int N, int heads, int D) {
    for (int i = 0; i < N; i++) {
        const real *cosine = table + (size_t)pos[i] * D, *sine = cosine + D / 2;
        for (int h = 0; h < heads; h++, x += D)
            #pragma omp simd
            for (int j = 0; j < D / 2; j++) {
                real a = x[2 * j], b = x[2 * j + 1], c = cosine[j], s = sign * sine[j];
                x[2 * j] = a * c - b * s;
                x[2 * j + 1] = a * s + b * c;
            }
    }
}

void rope_forward(real *x, const real *table, const int *pos, int N, int heads, int D) {
    rotate(x, table, pos, 1, N, heads, D);
}

/* The transpose of a rotation is the rotation back. */
void rope_backward(real *dx, const real *table, const int *pos, int N, int heads, int D) {
    rotate(dx, table, pos, -1, N, heads, D);
}

// ------------------------------------------------------------------------------------
// Softmax over the past:  p_t = exp(scale s_t) / sum over u <= row

/* s (T, whole_panels(T)) in place, zero beyond the diagonal to the end of its panel; panels wholly in
 * the future are neither written nor read. Whole panels, since ends of odd length cost most of the time. */
static void causal_softmax_forward(real *s, real scale, int T) {
    for (int t = 0, ld = whole_panels(T); t < T; t++, s += ld) {
        int n = whole_panels(t + 1);
        for (int u = t + 1; u < n; u++) s[u] = -INFINITY;
        real inv = 1 / exp_sum(s, s, scale, max_of(s, n), n);
        for (int u = 0; u < n; u++) s[u] *= inv;
        for (int u = t + 1; u < n; u++) s[u] = 0;
    }
}

/* ds = scale * p * (dp - sum(dp * p)), in place on dp, sizes as above: one pass per row. The double
 * loop over pairs that the Jacobian suggests would make attention cubic in T. */
static void causal_softmax_backward(real *dp, const real *p, real scale, int T) {
    for (int t = 0, ld = whole_panels(T); t < T; t++, dp += ld, p += ld) {
        int n = whole_panels(t + 1);
        real dot = 0;
        for (int u = t + 1; u < n; u++) dp[u] = 0;      /* what the product left there; p is 0 */
        #pragma omp simd reduction(+ : dot)
        for (int u = 0; u < n; u++) dot += dp[u] * p[u];
        #pragma omp simd
        for (int u = 0; u < n; u++) dp[u] = scale * p[u] * (dp[u] - dot);
    }
}

// ------------------------------------------------------------------------------------
// Attention of one sequence.  o = p v,  p = softmax(q k^T / sqrt(D)), head by head
// Query head h reads key/value head h / (H/K). Rows of q hold all heads: hence the row strides.

/* o (T, H, D), p (H, T, P) kept for backward, q (T, H, D), k v (T, K, D); P = whole_panels(T) */
void attention_forward(real *o, real *p, const real *q, const real *k, const real *v,
                              int T, int H, int K, int D) {
    real scale = 1 / (real)sqrt(D);
    int P = whole_panels(T), HD = H * D, KD = K * D;
    for (int h = 0; h < H; h++, p += (size_t)T * P) {
        const real *kh = k + h / (H / K) * D, *vh = v + h / (H / K) * D;
        product(LOWER_RESULT, 0, 1, T, T, D, q + h * D, HD, kh, KD, 0, p, P);           /* s = q k^T */
        causal_softmax_forward(p, scale, T);
        product(LOWER_LEFT, 0, 0, T, D, T, p, P, vh, KD, 0, o + h * D, HD);             /* o = p v */
    }
}

/* dq (T, H, D); adds to dk dv (T, K, D), as query heads share them; ds (T, P) is scratch */
void attention_backward(real *dq, real *dk, real *dv, real *ds, const real *d_o, const real *p,
                               const real *q, const real *k, const real *v, int T, int H, int K, int D) {
    real scale = 1 / (real)sqrt(D);
    int P = whole_panels(T), HD = H * D, KD = K * D;
    for (int h = 0; h < H; h++, p += (size_t)T * P) {
        int kv = h / (H / K) * D;
        const real *qh = q + h * D, *doh = d_o + h * D;
        product(UPPER_LEFT, 1, 0, T, D, T, p, P, doh, HD, 1, dv + kv, KD);              /* dv += p^T do */
        product(LOWER_RESULT, 0, 1, T, T, D, doh, HD, v + kv, KD, 0, ds, P);            /* dp = do v^T */
        causal_softmax_backward(ds, p, scale, T);
        product(LOWER_LEFT, 0, 0, T, D, T, ds, P, k + kv, KD, 0, dq + h * D, HD);       /* dq = ds k */
        product(UPPER_LEFT, 1, 0, T, D, T, ds, P, qh, HD, 1, dk + kv, KD);              /* dk += ds^T q */
    }
}

// ------------------------------------------------------------------------------------
// SwiGLU.  s = silu(g) * u,  silu(g) = g sigma(g)

/* s g u (n): n = N F */
void swiglu_forward(real *s, const real *g, const real *u, size_t n) {
    #pragma omp simd
    for (size_t i = 0; i < n; i++) s[i] = g[i] / (1 + fast_exp(-g[i])) * u[i];
}

/* dg = ds u sigma(g) (1 + g (1 - sigma(g))),  du = ds silu(g). Also s, again: keeping it from the
 * forward pass would cost more than this multiplication. */
void swiglu_backward(real *dg, real *du, real *s, const real *ds, const real *g, const real *u,
                            size_t n) {
    #pragma omp simd
    for (size_t i = 0; i < n; i++) {
        real sigma = 1 / (1 + fast_exp(-g[i])), silu = g[i] * sigma;
        s[i] = silu * u[i];
        du[i] = ds[i] * silu;
        dg[i] = ds[i] * u[i] * sigma * (1 + g[i] * (1 - sigma));
    }
}

// ------------------------------------------------------------------------------------
// Embedding.  x_i = E[token_i]

/* x (N, C), E (V, C) */
void embed_forward(real *x, const real *E, const int *token, int N, int C) {
    for (int i = 0; i < N; i++, x += C) memcpy(x, E + (size_t)token[i] * C, sizeof(real) * (size_t)C);
}

/* Adds to dE, token after token: a token seen twice gets both. */
void embed_backward(real *dE, const real *dx, const int *token, int N, int C) {
    for (int i = 0; i < N; i++, dx += C)
        for (int j = 0; j < C; j++) dE[(size_t)token[i] * C + j] += dx[j];
}

// ------------------------------------------------------------------------------------
// Softmax over the vocabulary.  log pi(target) = logit[target] - log sum exp(logit)

/* logp (n), entropy (n) or NULL; logits (n, V) become probabilities, which is all backward needs */
void logsoftmax_forward(real *logp, real *entropy, real *logits, const int *target, int n, int V) {
    for (int i = 0; i < n; i++, logits += V) {
        real top = max_of(logits, V), chosen = logits[target[i]] - top, sum = 0, mean = 0;
        #pragma omp simd reduction(+ : sum, mean)
        for (int j = 0; j < V; j++) {
            real z = logits[j] - top, e = fast_exp(z);
            sum += e;
            mean += e * z;
            logits[j] = e;
        }
        real log_sum = (real)log(sum), inv = 1 / sum;
        logp[i] = chosen - log_sum;
        if (entropy) entropy[i] = log_sum - mean * inv;         /* -sum p log p */
        for (int j = 0; j < V; j++) logits[j] *= inv;
    }
}

/* dlogits = dlogp (onehot(target) - p), in place on p (n, V) */
void logsoftmax_backward(real *p, const real *dlogp, const int *target, int n, int V) {
    for (int i = 0; i < n; i++, p += V) {
        for (int j = 0; j < V; j++) p[j] *= -dlogp[i];
        p[target[i]] += dlogp[i];
    }
}

// ------------------------------------------------------------------------------------
// The parameter block: one allocation, one table of what lies where

/* What is wrong with these sizes, or NULL. The bounds keep every product below within 64 bits. */
const char *config_error(const Config *c) {
    if (c->dim < 1 || c->dim > 1 << 14) return "dim is not within 1..16384";
    if (c->hidden_dim < 1 || c->hidden_dim > 1 << 16) return "hidden_dim is not within 1..65536";
    if (c->n_layers < 1 || c->n_layers > 1 << 8) return "n_layers is not within 1..256";
    if (c->n_heads < 1 || c->dim % c->n_heads) return "dim is not a multiple of n_heads";
    if (head_size(c) % 2) return "the head size dim / n_heads is odd";
    if (c->n_kv_heads < 1 || c->n_heads % c->n_kv_heads) return "n_heads is not a multiple of n_kv_heads";
    if (c->vocab_size < 1 || c->vocab_size > 1 << 20) return "vocab_size is not within 1..1048576";
    if (c->seq_len < 1 || c->seq_len > 1 << 20) return "seq_len is not within 1..1048576";
    return NULL;
}

int model_tensors(const Config *c, Tensor *out) {
    int L = c->n_layers, C = c->dim, F = c->hidden_dim, KD = kv_dim(c), V = c->vocab_size, n = 0;
    const Tensor table[] = {
        {"tok_emb",   0, 0, 1, V, C},
        {"rms_att",   0, 0, L, 1, C},
        {"wq",        0, 0, L, C, C},
        {"wk",        0, 0, L, KD, C},
        {"wv",        0, 0, L, KD, C},
        {"wo",        0, 0, L, C, C},
        {"rms_ffn",   0, 0, L, 1, C},
        {"w1",        0, 0, L, F, C},
        {"w2",        0, 0, L, C, F},
        {"w3",        0, 0, L, F, C},
        {"rms_final", 0, 0, 1, 1, C},
        {"head",      0, 0, c->tied ? 0 : 1, V, C},
        {"score_w",   0, 0, 1, 1, C},
        {"score_b",   0, 0, 1, 1, 1},
    };
    size_t offset = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].layers == 0) continue;             /* a tied head is no tensor of its own */
        out[n] = table[i];
        out[n].offset = offset;
        out[n].size = (size_t)table[i].layers * (size_t)table[i].rows * (size_t)table[i].cols;
        offset += out[n++].size;
    }
    return n;
}

Model *model_new(Config c) {
    const char *wrong = config_error(&c);
    if (wrong) die(EXIT_USAGE, "model sizes: %s; choose others", wrong);
    blas_use_one_thread();
    Tensor t[MAX_TENSORS];
    int n = model_tensors(&c, t);
    Model *m = xcalloc(1, sizeof *m);
    m->c = c;
    m->n_param = t[n - 1].offset + t[n - 1].size;
    m->w = xcalloc(m->n_param, sizeof(real));
    real **field[] = {&m->tok_emb, &m->rms_att, &m->wq, &m->wk, &m->wv, &m->wo, &m->rms_ffn, &m->w1,
                      &m->w2, &m->w3, &m->rms_final, &m->head, &m->score_w, &m->score_b};
    for (int i = 0, f = 0; i < n; i++, f++) {           /* the table's order, head left out if tied */
        if (c.tied && field[f] == &m->head) f++;
        *field[f] = m->w + t[i].offset;
    }
    if (c.tied) m->head = m->tok_emb;
    return m;
}

void model_free(Model *m) {
    if (!m) return;
    free(m->w);
    free(m);
}

Model *model_clone(const Model *m) {
    Model *copy = model_new(m->c);
    memcpy(copy->w, m->w, m->n_param * sizeof(real));
    copy->tok = m->tok;
    return copy;
}

/* Matrices normal with variance 1 / fan-in, the two that write to the residual stream smaller by
 * sqrt(2L), so that its size at the top does not grow with depth; norms 1; score head 0. */
void model_init(Model *m, uint64_t seed) {
    Tensor t[MAX_TENSORS];
    int n = model_tensors(&m->c, t);
    for (int i = 0; i < n; i++) {
        real *w = m->w + t[i].offset;
        uint64_t key = rng_key(seed, 0, (uint64_t)i);
        int is_norm = strncmp(t[i].name, "rms", 3) == 0, is_score = strncmp(t[i].name, "score", 5) == 0;
        int to_residual = strcmp(t[i].name, "wo") == 0 || strcmp(t[i].name, "w2") == 0;
        double std = 1 / sqrt(t[i].cols) / (to_residual ? sqrt(2.0 * m->c.n_layers) : 1);
        for (size_t j = 0; j < t[i].size; j++)
            w[j] = is_norm ? 1 : is_score ? 0 : (real)(std * rng_normal(key, j));
    }
}

// ------------------------------------------------------------------------------------
// Packed sequences

void seqs_push(Seqs *s, const int *token, int n) {
    if (s->n + 2 > s->cap_n) {
        s->cap_n = 2 * s->n + 16;
        s->start = xrealloc(s->start, (size_t)s->cap_n, sizeof(int));
        if (s->n == 0) s->start[0] = 0;
    }
    int end = s->start[s->n];
    if (n > (1 << 29) - end) die(EXIT_INPUT, "more than %d tokens in one list; give fewer or shorter texts", 1 << 29);
    if (end + n > s->cap_token) {
        s->cap_token = 2 * (end + n) + 64;
        s->token = xrealloc(s->token, (size_t)s->cap_token, sizeof(int));
    }
    if (n > 0) memcpy(s->token + end, token, sizeof(int) * (size_t)n);
    s->start[++s->n] = end + n;
}

void seqs_clear(Seqs *s) { s->n = 0; }

void seqs_free(Seqs *s) {
    free(s->start);
    free(s->token);
    *s = (Seqs){0};
}

// ------------------------------------------------------------------------------------
// Activations

typedef struct { real *p; size_t cap; } Buf;      /* grows; contents are lost when it does */

static real *room(Buf *b, size_t n) {
    if (n > b->cap) {
        free(b->p);
        b->p = xcalloc(n, sizeof(real));
        b->cap = n;
    }
    return b->p;
}

typedef struct { int *p, cap; } Ints;

static int *room_ints(Ints *b, int n) {
    if (n > b->cap) b->p = xrealloc(b->p, (size_t)(b->cap = n), sizeof(int));
    return b->p;
}

/* Kept per layer: the residual stream before each half, q k v, the attention weights and output,
 * gate and up. Norms and silu(g)*u are cheap and computed again in backward. */
struct Acts {
    int N, first, last;                 /* the shard: rows, sequences */
    const Seqs *s;
    Ints token, pos;                    /* (N) of each row; its position within its sequence */
    Ints place;                         /* (tokens of the shard) the row of each */
    Ints same;                          /* (sequences) leading tokens whose rows are an earlier sequence's */
    int n_logp, n_score;                /* rows of the latest logprobs and scores: */
    Ints row, target, score_row;        /* (n_logp) twice, (n_score) */
    size_t att;                         /* attention weights of one layer: sum of H T T */
    int rope_T, rope_D;                 /* what the table covers */
    Buf rope;                           /* (T, D) */
    Buf x;                              /* (2L+1, N, C) residual stream before each norm */
    Buf q, k, v, p, o;                  /* (L, N, C) (L, N, KD) twice (L, att) (L, N, C) */
    Buf g, u;                           /* (L, N, F) */
    Buf h;                              /* (N, C) final normed state */
    Buf prob, hrow;                     /* (n_logp, V) (n_logp, C) */
    Buf xn, inv, ffn;                   /* (N, C) (N) (N, F) scratch, forward and backward */
    Buf dx, dxn, dq, dk, dv, d_o, ds, dg, du, dffn, dhrow;   /* gradients, one layer at a time */
    Buf q1, k1, v1, o1, dq1, dk1, dv1;  /* (T, C) or (T, KD): one sequence whose beginning lies with another */
};

Acts *acts_new(void) { return xcalloc(1, sizeof(Acts)); }

void acts_free(Acts *a) {
    if (!a) return;
    Buf *all[] = {&a->rope, &a->x, &a->q, &a->k, &a->v, &a->p, &a->o, &a->g, &a->u, &a->h, &a->prob,
                  &a->hrow, &a->xn, &a->inv, &a->ffn, &a->dx, &a->dxn, &a->dq, &a->dk, &a->dv, &a->d_o,
                  &a->ds, &a->dg, &a->du, &a->dffn, &a->dhrow, &a->q1, &a->k1, &a->v1, &a->o1, &a->dq1, &a->dk1, &a->dv1};
    Ints *ints[] = {&a->token, &a->pos, &a->place, &a->same, &a->row, &a->target, &a->score_row};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]->p);
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) free(ints[i]->p);
    free(a);
}

static const real *rope_rows(Acts *a, int T, int D) {
    if (T > a->rope_T || D != a->rope_D) {
        rope_table(room(&a->rope, (size_t)T * (size_t)D), T, D);
        a->rope_T = T;
        a->rope_D = D;
    }
    return a->rope.p;
}

enum { SHARE_FROM = 8 };            /* tokens: a shorter common beginning is not worth the copying */

static int common_start(const Seqs *s, int a, int b) {
    int n = least(seq_len(s, a), seq_len(s, b)), i = 0;
    while (i < n && seq_tok(s, a)[i] == seq_tok(s, b)[i]) i++;
    return i;
}

/* Gives every token its row. What a row holds depends on its token and those before it only, so a sequence that
 * begins as an earlier one takes that one's rows up to where they part: two answers to one prompt, or two letters
 * after one question, are encoded once as far as they agree. */
static void place_rows(Acts *a, const Seqs *s, int first, int last) {
    int tokens = s->start[last] - s->start[first], N = 0, whole = first;
    int *place = room_ints(&a->place, tokens), *same = room_ints(&a->same, last - first);
    room_ints(&a->token, tokens), room_ints(&a->pos, tokens);
    for (int b = first, *earlier = place; b < last; b++) {
        int T = seq_len(s, b), n = b > first ? common_start(s, whole, b) : 0;
        if (n < SHARE_FROM) n = 0, whole = b, earlier = place;
        for (int t = 0; t < T; t++) {
            place[t] = t < n ? earlier[t] : N;
            a->token.p[place[t]] = seq_tok(s, b)[t];
            a->pos.p[place[t]] = t;
            N += t >= n;
        }
        same[b - first] = n;
        place += T;
    }
    a->N = N;
}

/* The row of token t of sequence b. */
static int row_at(const Acts *a, int b, int t) { return a->place.p[a->s->start[b] - a->s->start[a->first] + t]; }

/* Takes the shard's sequences: checks them against the model and lays out the rows. */
static void acts_take(Acts *a, const Config *c, const Seqs *s, int first, int last) {
    int longest = 1;
    a->s = s, a->first = first, a->last = last;
    a->n_logp = a->n_score = 0;
    a->att = 0;
    for (int b = first; b < last; b++) {
        int T = seq_len(s, b);
        if (T > c->seq_len)
            die(EXIT_INPUT, "a text of %d tokens does not fit the model's context of %d; shorten it", T, c->seq_len);
        longest = T > longest ? T : longest;
        a->att += (size_t)c->n_heads * (size_t)T * (size_t)whole_panels(T);
    }
    place_rows(a, s, first, last);
    for (int i = 0; i < a->N; i++)
        if (a->token.p[i] < 0 || a->token.p[i] >= c->vocab_size)
            die(EXIT_INPUT, "token %d is beyond the model's vocabulary of %d; use the tokenizer it was trained with",
                a->token.p[i], c->vocab_size);
    rope_rows(a, longest, head_size(c));
}

int acts_rows(const Acts *a) { return a->N; }

const real *acts_key(const Model *m, const Acts *a, int l, int b, int t) {
    return a->k.p + ((size_t)l * a->N + row_at(a, b, t)) * kv_dim(&m->c);
}

const real *acts_value(const Model *m, const Acts *a, int l, int b, int t) {
    return a->v.p + ((size_t)l * a->N + row_at(a, b, t)) * kv_dim(&m->c);
}

const real *acts_state(const Model *m, const Acts *a, int b, int t) {
    return a->h.p + (size_t)row_at(a, b, t) * m->c.dim;
}

/* The rows of sequence b in x (N, width), from its first token on: where they lie, or a copy if they lie in two places. */
static const real *rows_of(const Acts *a, Buf *copy, const real *x, int b, int width) {
    int T = seq_len(a->s, b);
    if (a->same.p[b - a->first] == 0) return x + (T ? (size_t)row_at(a, b, 0) * width : 0);
    real *to = room(copy, (size_t)T * width);
    for (int t = 0; t < T; t++) memcpy(to + (size_t)t * width, x + (size_t)row_at(a, b, t) * width, sizeof(real) * (size_t)width);
    return to;
}

// ------------------------------------------------------------------------------------
// The network forward

/* x_mid = x + wo attention(norm(x)) for layer l; x, x_mid (N, C) */
static void attention_block_forward(const Model *m, Acts *a, int l, real *x_mid, const real *x) {
    const Config *c = &m->c;
    int N = a->N, C = c->dim, KD = kv_dim(c), H = c->n_heads, K = c->n_kv_heads, D = head_size(c);
    size_t cc = (size_t)C * C, kc = (size_t)KD * C, nc = (size_t)N * C, nk = (size_t)N * KD;
    real *q = a->q.p + l * nc, *k = a->k.p + l * nk, *v = a->v.p + l * nk, *o = a->o.p + l * nc;
    real *p = a->p.p + l * a->att;

    rmsnorm_forward(a->xn.p, a->inv.p, x, m->rms_att + l * C, N, C);
    matmul(q, a->xn.p, m->wq + l * cc, N, C, C);
    matmul(k, a->xn.p, m->wk + l * kc, N, C, KD);
    matmul(v, a->xn.p, m->wv + l * kc, N, C, KD);
    rope_forward(q, a->rope.p, a->pos.p, N, H, D);
    rope_forward(k, a->rope.p, a->pos.p, N, K, D);
    for (int b = a->first; b < a->last; b++) {
        int T = seq_len(a->s, b), n = a->same.p[b - a->first];
        if (n == T) continue;                           /* every row of it has been there before */
        real *own = o + (size_t)row_at(a, b, n) * C, *to = n ? room(&a->o1, (size_t)T * C) : own;
        attention_forward(to, p, rows_of(a, &a->q1, q, b, C), rows_of(a, &a->k1, k, b, KD), rows_of(a, &a->v1, v, b, KD), T, H, K, D);
        if (n) memcpy(own, to + (size_t)n * C, sizeof(real) * (size_t)(T - n) * C);     /* the beginning again, which is wasteful */
        p += (size_t)H * T * whole_panels(T);
    }
    memcpy(x_mid, x, nc * sizeof(real));
    matmul_add(x_mid, a->o.p + l * nc, m->wo + l * cc, N, C, C);
}

/* x_out = x + w2 (silu(w1 n) * w3 n), n = norm(x) */
static void ffn_block_forward(const Model *m, Acts *a, int l, real *x_out, const real *x) {
    int N = a->N, C = m->c.dim, F = m->c.hidden_dim;
    size_t fc = (size_t)F * C, nf = (size_t)N * F;
    real *g = a->g.p + l * nf, *u = a->u.p + l * nf;

    rmsnorm_forward(a->xn.p, a->inv.p, x, m->rms_ffn + l * C, N, C);
    matmul(g, a->xn.p, m->w1 + l * fc, N, C, F);
    matmul(u, a->xn.p, m->w3 + l * fc, N, C, F);
    swiglu_forward(a->ffn.p, g, u, nf);
    memcpy(x_out, x, (size_t)N * C * sizeof(real));
    matmul_add(x_out, a->ffn.p, m->w2 + l * fc, N, F, C);
}

void forward(const Model *m, Acts *a, const Seqs *s, int first, int last) {
    const Config *c = &m->c;
    acts_take(a, c, s, first, last);
    size_t N = (size_t)a->N, L = (size_t)c->n_layers, C = (size_t)c->dim, F = (size_t)c->hidden_dim;
    size_t nc = N * C, nk = N * (size_t)kv_dim(c);
    real *x = room(&a->x, (2 * L + 1) * nc);
    room(&a->q, L * nc), room(&a->k, L * nk), room(&a->v, L * nk), room(&a->o, L * nc);
    room(&a->p, L * a->att), room(&a->g, L * N * F), room(&a->u, L * N * F);
    room(&a->h, nc), room(&a->xn, nc), room(&a->inv, N), room(&a->ffn, N * F);

    embed_forward(x, m->tok_emb, a->token.p, a->N, c->dim);
    for (int l = 0; l < c->n_layers; l++, x += 2 * nc) {
        attention_block_forward(m, a, l, x + nc, x);
        ffn_block_forward(m, a, l, x + 2 * nc, x + nc);
    }
    rmsnorm_forward(a->h.p, a->inv.p, x, m->rms_final, a->N, c->dim);
}

/* row[i] = the row of token[i], counted from the shard's first */
static void place_of(const Acts *a, Ints *row, int n, const int *token) {
    room_ints(row, n);
    for (int i = 0; i < n; i++) {
        assert(token[i] >= 0 && token[i] < a->s->start[a->last] - a->s->start[a->first]);
        row->p[i] = a->place.p[token[i]];
    }
}

void logprobs(const Model *m, Acts *a, int n, const int *token, const int *target,
              real *logp, real *entropy) {
    int C = m->c.dim, V = m->c.vocab_size;
    a->n_logp = n;
    if (n == 0) return;
    memcpy(room_ints(&a->target, n), target, sizeof(int) * (size_t)n);
    real *h = room(&a->hrow, (size_t)n * C), *logits = room(&a->prob, (size_t)n * V);
    place_of(a, &a->row, n, token);
    for (int i = 0; i < n; i++) {
        assert(target[i] >= 0 && target[i] < V);
        memcpy(h + (size_t)i * C, a->h.p + (size_t)a->row.p[i] * C, sizeof(real) * (size_t)C);
    }
    matmul(logits, h, m->head, n, C, V);
    logsoftmax_forward(logp, entropy, logits, target, n, V);
}

void scores(const Model *m, Acts *a, int n, const int *token, real *score) {
    int C = m->c.dim;
    a->n_score = n;
    if (n == 0) return;
    place_of(a, &a->score_row, n, token);
    for (int i = 0; i < n; i++) {
        const real *h = a->h.p + (size_t)a->score_row.p[i] * C;
        real sum = 0;
        #pragma omp simd reduction(+ : sum)
        for (int j = 0; j < C; j++) sum += m->score_w[j] * h[j];
        score[i] = sum + m->score_b[0];
    }
}

// ------------------------------------------------------------------------------------
// The network backward: the same steps in reverse. a->dx holds the gradient of the residual stream
// throughout; each half of a layer adds its share to it.

/* dh (N, C) from the two heads, zero for rows that neither asked for */
static void heads_backward(const Model *m, Model *grad, Acts *a, real *dh, const real *dlogp, const real *dscore) {
    int C = m->c.dim, V = m->c.vocab_size, n = dlogp ? a->n_logp : 0;
    memset(dh, 0, (size_t)a->N * C * sizeof(real));
    if (n > 0) {
        real *dlogits = a->prob.p, *dhrow = room(&a->dhrow, (size_t)n * C);
        logsoftmax_backward(dlogits, dlogp, a->target.p, n, V);
        matmul_dx(dhrow, dlogits, m->head, n, C, V, 0);
        if (grad->head) matmul_dw(grad->head, dlogits, a->hrow.p, n, C, V);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < C; j++) dh[(size_t)a->row.p[i] * C + j] += dhrow[(size_t)i * C + j];
    }
    for (int i = 0; dscore && i < a->n_score; i++) {
        size_t at = (size_t)a->score_row.p[i] * C;
        for (int j = 0; j < C; j++) {
            dh[at + j] += dscore[i] * m->score_w[j];
            grad->score_w[j] += dscore[i] * a->h.p[at + j];
        }
        grad->score_b[0] += dscore[i];
    }
}

/* x_out = x + w2 s, s = silu(g) * u, g = w1 n, u = w3 n, n = norm(x) */
static void ffn_block_backward(const Model *m, Model *grad, Acts *a, int l, const real *x) {
    int N = a->N, C = m->c.dim, F = m->c.hidden_dim;
    size_t fc = (size_t)F * C, nf = (size_t)N * F;
    const real *g = a->g.p + l * nf, *u = a->u.p + l * nf;
    real *dx = a->dx.p, *dxn = a->dxn.p, *dg = a->dg.p, *du = a->du.p;

    matmul_dx(a->dffn.p, dx, m->w2 + l * fc, N, F, C, 0);
    swiglu_backward(dg, du, a->ffn.p, a->dffn.p, g, u, nf);
    matmul_dw(grad->w2 + l * fc, dx, a->ffn.p, N, F, C);
    rmsnorm_forward(a->xn.p, a->inv.p, x, m->rms_ffn + l * C, N, C);
    matmul_dw(grad->w1 + l * fc, dg, a->xn.p, N, C, F);
    matmul_dw(grad->w3 + l * fc, du, a->xn.p, N, C, F);
    matmul_dx(dxn, dg, m->w1 + l * fc, N, C, F, 0);
    matmul_dx(dxn, du, m->w3 + l * fc, N, C, F, 1);
    rmsnorm_backward(dx, grad->rms_ffn + l * C, dxn, x, a->inv.p, m->rms_ffn + l * C, N, C);
}

/* attention_backward of sequence b, whose beginning lies with an earlier one. The outputs of the beginning are that one's, so
 * their d_o is 0 here; its keys and values are read by both, so what comes back for them is added. */
static void shared_attention_backward(Acts *a, int b, const real *p, const real *q, const real *k, const real *v,
                                      int T, int H, int K, int D) {
    int n = a->same.p[b - a->first], C = H * D, KD = K * D;
    size_t c0 = (size_t)row_at(a, b, n) * C, tc = (size_t)T * C, tk = (size_t)T * KD, own = (size_t)(T - n) * C;
    real *d_o = room(&a->o1, tc), *dq = room(&a->dq1, tc), *dk = room(&a->dk1, tk), *dv = room(&a->dv1, tk);
    memset(d_o, 0, (tc - own) * sizeof(real));
    memcpy(d_o + (tc - own), a->d_o.p + c0, own * sizeof(real));
    memset(dk, 0, tk * sizeof(real));
    memset(dv, 0, tk * sizeof(real));
    attention_backward(dq, dk, dv, a->ds.p, d_o, p, q, k, v, T, H, K, D);
    memcpy(a->dq.p + c0, dq + (tc - own), own * sizeof(real));
    for (int t = 0; t < T; t++) {
        size_t to = (size_t)row_at(a, b, t) * KD;
        for (int j = 0; j < KD; j++) {
            a->dk.p[to + j] += dk[(size_t)t * KD + j];
            a->dv.p[to + j] += dv[(size_t)t * KD + j];
        }
    }
}

/* x_mid = x + wo o, o = attention(rope(wq n), rope(wk n), wv n), n = norm(x) */
static void attention_block_backward(const Model *m, Model *grad, Acts *a, int l, const real *x) {
    const Config *c = &m->c;
    int N = a->N, C = c->dim, KD = kv_dim(c), H = c->n_heads, K = c->n_kv_heads, D = head_size(c);
    size_t cc = (size_t)C * C, kc = (size_t)KD * C, nc = (size_t)N * C, nk = (size_t)N * KD;
    const real *q = a->q.p + l * nc, *k = a->k.p + l * nk, *v = a->v.p + l * nk, *p = a->p.p + l * a->att;
    real *dx = a->dx.p, *dxn = a->dxn.p, *dq = a->dq.p, *dk = a->dk.p, *dv = a->dv.p;

    matmul_dx(a->d_o.p, dx, m->wo + l * cc, N, C, C, 0);
    matmul_dw(grad->wo + l * cc, dx, a->o.p + l * nc, N, C, C);
    memset(dk, 0, nk * sizeof(real));
    memset(dv, 0, nk * sizeof(real));
    for (int b = a->first; b < a->last; b++) {
        int T = seq_len(a->s, b), n = a->same.p[b - a->first];
        if (n == T) continue;
        const real *qb = rows_of(a, &a->q1, q, b, C), *kb = rows_of(a, &a->k1, k, b, KD), *vb = rows_of(a, &a->v1, v, b, KD);
        size_t c0 = (size_t)row_at(a, b, n) * C, k0 = (size_t)row_at(a, b, n) * KD;
        if (n == 0) attention_backward(dq + c0, dk + k0, dv + k0, a->ds.p, a->d_o.p + c0, p, qb, kb, vb, T, H, K, D);
        else shared_attention_backward(a, b, p, qb, kb, vb, T, H, K, D);
        p += (size_t)H * T * whole_panels(T);
    }
    rope_backward(dq, a->rope.p, a->pos.p, N, H, D);
    rope_backward(dk, a->rope.p, a->pos.p, N, K, D);
    rmsnorm_forward(a->xn.p, a->inv.p, x, m->rms_att + l * C, N, C);
    matmul_dw(grad->wq + l * cc, dq, a->xn.p, N, C, C);
    matmul_dw(grad->wk + l * kc, dk, a->xn.p, N, C, KD);
    matmul_dw(grad->wv + l * kc, dv, a->xn.p, N, C, KD);
    matmul_dx(dxn, dq, m->wq + l * cc, N, C, C, 0);
    matmul_dx(dxn, dk, m->wk + l * kc, N, C, KD, 1);
    matmul_dx(dxn, dv, m->wv + l * kc, N, C, KD, 1);
    rmsnorm_backward(dx, grad->rms_att + l * C, dxn, x, a->inv.p, m->rms_att + l * C, N, C);
}

void backward(const Model *m, Model *grad, Acts *a, const real *dlogp, const real *dscore) {
    const Config *c = &m->c;
    size_t N = (size_t)a->N, nc = N * (size_t)c->dim, nk = N * (size_t)kv_dim(c), nf = N * (size_t)c->hidden_dim;
    size_t longest = 0;
    for (int b = a->first; b < a->last; b++)
        if ((size_t)seq_len(a->s, b) > longest) longest = (size_t)seq_len(a->s, b);
    room(&a->dx, nc), room(&a->dxn, nc), room(&a->dq, nc), room(&a->d_o, nc), room(&a->dk, nk), room(&a->dv, nk);
    room(&a->dg, nf), room(&a->du, nf), room(&a->dffn, nf), room(&a->ds, (longest + COLS) * longest);

    const real *x = a->x.p + 2 * (size_t)c->n_layers * nc;
    heads_backward(m, grad, a, a->dxn.p, dlogp, dscore);
    rmsnorm_forward(a->xn.p, a->inv.p, x, m->rms_final, a->N, c->dim);
    memset(a->dx.p, 0, nc * sizeof(real));
    rmsnorm_backward(a->dx.p, grad->rms_final, a->dxn.p, x, a->inv.p, m->rms_final, a->N, c->dim);
    for (int l = c->n_layers - 1; l >= 0; l--) {
        ffn_block_backward(m, grad, a, l, x -= nc);
        attention_block_backward(m, grad, a, l, x -= nc);
    }
    if (grad->tok_emb) embed_backward(grad->tok_emb, a->dx.p, a->token.p, a->N, c->dim);
}
