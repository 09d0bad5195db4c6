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

// ------------------------------------------------------------------------------------
// The parameter block: one allocation, one table of what lies where

static int head_size(const Config *c) { return c->dim / c->n_heads; }
static int kv_dim(const Config *c) { return c->n_kv_heads * head_size(c); }

/* What is wrong with these sizes, or NULL. The bounds keep every product below within 64 bits. */
static const char *config_error(const Config *c) {
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

// ------------------------------------------------------------------------------------
// Sampling. Streams go in groups of a fixed size, whatever the number of workers: a product's
// rounding may depend on its number of rows, so the groups must not depend on the machine.

enum { GROUP = 32 };        /* at most */

/* Streams of a group. Of 16 the caches of two workers mostly fit into a processor's own cache; where the weights alone fill
 * that, they are better read for 32 (measured at 0.9 and 5.1 million parameters). */
static int group_size(const Model *m) { return m->n_param < 2000000 ? 16 : GROUP; }

typedef struct { real *wq, *wk, *wv, *wo, *w1, *w2, *w3, *head; } Packed;    /* panels, (L) of each */

typedef struct {            /* one call of sample; streams write to their own rows */
    const Model *m;
    const Seqs *prompt;
    const uint64_t *key;
    Sampling how;
    Question q;             /* q.n = 0: none */
    Packed w;
    int *token;             /* (B, max_new) */
    real *logp;             /* (B, max_new) or NULL */
    double *answer;         /* (B, 2) */
    int *length;            /* (B) */
} Sampler;

typedef struct {            /* one group: its cache, and one row per live stream */
    int G, T;               /* streams; positions there is room for, whole panels */
    real *k;                /* (L, G, T/COLS, K, D, COLS) panels of positions: scored side by side */
    real *v;                /* (L, G, T, K, D) */
    int n, id[GROUP];       /* live streams: number within the group */
    int token[GROUP], pos[GROUP];               /* the newest token of each, and where it stands */
    int told[GROUP];        /* by stream: tokens of the question it has got; -1 before its completion has ended */
    const real *rope;       /* (T, D) */
    real *x, *xn, *q, *o;   /* (n, C) */
    real *kn, *vn;          /* (n, K D) keys and values of the newest token */
    real *g, *u;            /* (n, F) */
    real *logits;           /* (n, V) */
    real *s;                /* (H T) or (V) scratch */
    real inv[GROUP];
} Decoder;

/* Panels of one matrix of a layer, in reals. */
static size_t packed_size(int c_in, int c_out) { return (size_t)whole_panels(c_out) * (size_t)c_in; }

static real *pack_layers(const real *w, int L, int c_in, int c_out) {
    size_t size = packed_size(c_in, c_out);
    real *panel = xcalloc((size_t)L * size, sizeof(real));
    for (int l = 0; l < L; l++) pack(panel + l * size, w + (size_t)l * c_out * c_in, 1, c_in, c_in, c_out);
    return panel;
}

static Packed packed_new(const Model *m) {
    int L = m->c.n_layers, C = m->c.dim, F = m->c.hidden_dim, KD = kv_dim(&m->c);
    return (Packed){
        pack_layers(m->wq, L, C, C), pack_layers(m->wk, L, C, KD), pack_layers(m->wv, L, C, KD), pack_layers(m->wo, L, C, C),
        pack_layers(m->w1, L, C, F), pack_layers(m->w2, L, F, C), pack_layers(m->w3, L, C, F),
        pack_layers(m->head, 1, C, m->c.vocab_size)};
}

static void packed_free(Packed *w) {
    real *all[] = {w->wq, w->wk, w->wv, w->wo, w->w1, w->w2, w->w3, w->head};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* Room for a group whose longest stream has T positions. */
static Decoder *decoder_new(const Model *m, int T) {
    Decoder *d = xcalloc(1, sizeof *d);
    const Config *c = &m->c;
    size_t C = (size_t)c->dim, F = (size_t)c->hidden_dim, KD = (size_t)kv_dim(c), V = (size_t)c->vocab_size;
    d->G = group_size(m);
    d->T = whole_panels(T);
    d->k = xcalloc((size_t)(c->n_layers * d->G) * KD, sizeof(real) * (size_t)d->T);
    d->v = xcalloc((size_t)(c->n_layers * d->G) * KD, sizeof(real) * (size_t)d->T);
    real *p = xcalloc(GROUP * (4 * C + 2 * KD + 2 * F + V) + V + (size_t)(c->n_heads * d->T), sizeof(real));
    d->x = p, p += GROUP * C;
    d->xn = p, p += GROUP * C;
    d->q = p, p += GROUP * C;
    d->o = p, p += GROUP * C;
    d->kn = p, p += GROUP * KD;
    d->vn = p, p += GROUP * KD;
    d->g = p, p += GROUP * F;
    d->u = p, p += GROUP * F;
    d->logits = p, p += GROUP * V;
    d->s = p;
    return d;
}

static void decoder_free(Decoder *d) {
    free(d->k);
    free(d->v);
    free(d->x);
    free(d);
}

/* Where the cache of layer l, stream i begins, in d->k as in d->v. */
static size_t cache_at(const Decoder *d, const Config *c, int l, int i) {
    return ((size_t)l * (size_t)d->G + (size_t)i) * (size_t)kv_dim(c) * (size_t)d->T;
}

/* Stores keys and values (K, D) of one token of stream i. */
static void cache_store(Decoder *d, const Config *c, int l, int i, int pos, const real *k, const real *v) {
    size_t at = cache_at(d, c, l, i), KD = (size_t)kv_dim(c);
    real *panel = d->k + at + (size_t)(pos / COLS) * KD * COLS + pos % COLS;
    for (size_t j = 0; j < KD; j++) panel[j * COLS] = k[j];
    memcpy(d->v + at + (size_t)pos * KD, v, sizeof(real) * KD);
}

/* x += wo attention(norm(x)) for the newest token of every live stream */
static void decode_attention(const Sampler *sm, Decoder *d, int l) {
    const Config *c = &sm->m->c;
    int n = d->n, C = c->dim, KD = kv_dim(c), H = c->n_heads, K = c->n_kv_heads, D = head_size(c);
    size_t cc = packed_size(C, C), kc = packed_size(C, KD);
    rmsnorm_forward(d->xn, d->inv, d->x, sm->m->rms_att + l * C, n, C);
    matmul_packed(d->q, d->xn, sm->w.wq + l * cc, n, C, C, 0);
    matmul_packed(d->kn, d->xn, sm->w.wk + l * kc, n, C, KD, 0);
    matmul_packed(d->vn, d->xn, sm->w.wv + l * kc, n, C, KD, 0);
    rope_forward(d->q, d->rope, d->pos, n, H, D);
    rope_forward(d->kn, d->rope, d->pos, n, K, D);
    for (int i = 0; i < n; i++) {
        cache_store(d, c, l, d->id[i], d->pos[i], d->kn + i * KD, d->vn + i * KD);
        size_t at = cache_at(d, c, l, d->id[i]), row = (size_t)i * C;
        attention_cached(d->o + row, d->s, d->q + row, d->k + at, d->v + at, d->pos[i] + 1, H, K, D);
    }
    matmul_packed(d->x, d->o, sm->w.wo + l * cc, n, C, C, 1);
}

/* x += w2 (silu(w1 n) * w3 n), n = norm(x) */
static void decode_ffn(const Sampler *sm, Decoder *d, int l) {
    int n = d->n, C = sm->m->c.dim, F = sm->m->c.hidden_dim;
    size_t up = packed_size(C, F), down = packed_size(F, C);
    rmsnorm_forward(d->xn, d->inv, d->x, sm->m->rms_ffn + l * C, n, C);
    matmul_packed(d->g, d->xn, sm->w.w1 + l * up, n, C, F, 0);
    matmul_packed(d->u, d->xn, sm->w.w3 + l * up, n, C, F, 0);
    swiglu_forward(d->g, d->g, d->u, (size_t)n * F);
    matmul_packed(d->x, d->g, sm->w.w2 + l * down, n, F, C, 1);
}

/* logits (n, V) from the normed states */
static void decode_logits(const Sampler *sm, Decoder *d) {
    matmul_packed(d->logits, d->xn, sm->w.head, d->n, sm->m->c.dim, sm->m->c.vocab_size, 0);
}

/* Logits after the newest token of each live stream: forward, one position at a time. */
static void decode_step(const Sampler *sm, Decoder *d) {
    const Model *m = sm->m;
    embed_forward(d->x, m->tok_emb, d->token, d->n, m->c.dim);
    for (int l = 0; l < m->c.n_layers; l++) {
        decode_attention(sm, d, l);
        decode_ffn(sm, d, l);
    }
    rmsnorm_forward(d->xn, d->inv, d->x, m->rms_final, d->n, m->c.dim);
    decode_logits(sm, d);
}

/* Runs the prompts first..last-1 through forward and takes its keys, values and last states, to be
 * streams at.. of the group. Streams without room for one more token never become live. */
static void prefill(const Sampler *sm, Decoder *d, Acts *a, int first, int last, int at) {
    const Config *c = &sm->m->c;
    int C = c->dim, KD = kv_dim(c);
    forward(sm->m, a, sm->prompt, first, last);
    for (int b = first; b < last; b++, at++) {
        int T = seq_len(sm->prompt, b);
        if (T == 0) die(EXIT_INPUT, "an empty prompt; give at least the begin token");
        for (int l = 0; l < c->n_layers; l++)
            for (int t = 0; t < T; t++) {
                size_t from = ((size_t)l * a->N + row_at(a, b, t)) * (size_t)KD;
                cache_store(d, c, l, at, t, a->k.p + from, a->v.p + from);
            }
        if (T == c->seq_len || sm->how.max_new < 1) continue;
        memcpy(d->xn + d->n * C, a->h.p + (size_t)row_at(a, b, T - 1) * C, sizeof(real) * (size_t)C);
        d->id[d->n] = at;
        d->pos[d->n++] = T - 1;
    }
}

/* One draw from softmax(logits / temperature) by walking up the cumulative sum to u in [0, 1):
 * no sort. logp (may be NULL): log probability at temperature 1. e (V) is scratch. */
static int draw(const real *logits, double temperature, double u, int V, real *e, real *logp) {
    int chosen = 0;
    real top = max_of(logits, V), sum = 0;
    if (temperature > 0) {
        sum = exp_sum(e, logits, (real)(1 / temperature), top, V);
        real goal = (real)u * sum, so_far = 0;
        for (int j = 0; j < V; j++) {
            if (e[j] > 0) chosen = j;           /* rounding may leave goal just above the last sum */
            so_far += e[j];
            if (goal < so_far) break;
        }
    } else
        while (chosen < V - 1 && logits[chosen] < top) chosen++;
    if (logp) {
        if (temperature != 1) sum = exp_sum(e, logits, 1, top, V);
        *logp = logits[chosen] - top - (real)log(sum);
    }
    return chosen;
}

/* The next token of live stream i, number b of all: drawn until its completion has ended, then the question's; -1: the
 * stream has ended, its answer has been read. */
static int next_token(const Sampler *sm, Decoder *d, int i, int b) {
    int V = sm->m->c.vocab_size, *told = &d->told[d->id[i]];
    real *logits = d->logits + (size_t)i * V;
    if (*told < 0) {
        int at = sm->length[b]++;
        size_t cell = (size_t)b * (size_t)sm->how.max_new + (size_t)at;
        int token = draw(logits, sm->how.temperature, rng_uniform(sm->key[b], (uint64_t)at), V, d->s, sm->logp ? sm->logp + cell : NULL);
        sm->token[cell] = token;
        int stopped = is_stop(token, sm->how.stop), full = at + 1 >= sm->how.max_new || d->pos[i] + 2 + sm->q.n >= sm->m->c.seq_len;
        if (!stopped && !full) return token;
        *told = 0;
        if (!stopped && sm->q.n > 0) return token;
    }
    if (*told < sm->q.n) return sm->q.then[(*told)++];
    for (int k = 0; sm->q.n > 0 && k < 2; k++) {
        real top = max_of(logits, V);
        sm->answer[2 * (size_t)b + k] = logits[sm->q.ask[k]] - top - log((double)exp_sum(d->s, logits, 1, top, V));
    }
    return -1;
}

/* A token for every live stream; streams that end drop out. first: the stream number of the group's stream 0. */
static void draw_all(const Sampler *sm, Decoder *d, int first) {
    int live = 0;
    for (int i = 0; i < d->n; i++) {
        int token = next_token(sm, d, i, first + d->id[i]);
        if (token < 0) continue;
        d->id[live] = d->id[i];
        d->token[live] = token;
        d->pos[live++] = d->pos[i] + 1;
    }
    d->n = live;
}

/* Job of one worker: group g from prompts to completions. */
static void sample_group(void *context, int g) {
    const Sampler *sm = context;
    int G = group_size(sm->m), first = g * G, last = least(first + G, sm->prompt->n), T = 0;
    for (int b = first; b < last; b++) T = most(T, seq_len(sm->prompt, b));
    int at_once = most(4, 1024 / most(T, 1));           /* prompts of about so many tokens together: activations take room */
    Acts *a = acts_new();
    Decoder *d = decoder_new(sm->m, least(sm->m->c.seq_len, T + sm->how.max_new + sm->q.n));
    memset(d->told, -1, sizeof d->told);
    for (int b = first; b < last; b += at_once) prefill(sm, d, a, b, least(b + at_once, last), b - first);
    decode_logits(sm, d);
    d->rope = rope_rows(a, d->T, head_size(&sm->m->c));
    for (draw_all(sm, d, first); d->n > 0; draw_all(sm, d, first)) decode_step(sm, d);
    decoder_free(d);
    acts_free(a);
}

int is_stop(int token, const int stop[3]) { return token >= 0 && (token == stop[0] || token == stop[1] || token == stop[2]); }

static void run_sampler(Sampler *sm, Seqs *out, real **logp) {
    int G = group_size(sm->m);
    size_t B = (size_t)sm->prompt->n, row, n = 0;
    sm->how.max_new = most(0, least(sm->how.max_new, sm->m->c.seq_len));
    row = (size_t)sm->how.max_new;
    sm->w = packed_new(sm->m);
    sm->token = xcalloc(B * row + 1, sizeof(int));
    sm->length = xcalloc(B + 1, sizeof(int));
    if (logp) sm->logp = xcalloc(B * row + 1, sizeof(real));
    parallel((sm->prompt->n + G - 1) / G, sample_group, sm);
    seqs_clear(out);
    for (size_t b = 0; b < B; b++) {
        seqs_push(out, sm->token + b * row, sm->length[b]);
        if (logp) memmove(sm->logp + n, sm->logp + b * row, sizeof(real) * (size_t)sm->length[b]);
        n += (size_t)sm->length[b];
    }
    if (logp) *logp = sm->logp;
    free(sm->token);
    free(sm->length);
    packed_free(&sm->w);
}

void sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Seqs *out, real **logp) {
    run_sampler(&(Sampler){.m = m, .prompt = prompt, .key = key, .how = how}, out, logp);
}

void sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Question q, Seqs *out, double *answer) {
    run_sampler(&(Sampler){.m = m, .prompt = prompt, .key = key, .how = how, .q = q, .answer = answer}, out, NULL);
}

// ------------------------------------------------------------------------------------
// Checkpoints: llama2.c's version 0. Little-endian machines only, as that program.
// Seven int32 (vocab_size negative: head not tied), then float32 in the block's order, with two
// tables that nobody reads any more between the final norm and the head.

static size_t dead_tables(const Config *c) { return (size_t)c->seq_len * (size_t)head_size(c); }

/* Numbers of the file's body in the block's order: before and after the dead tables. */
static void body_sizes(const Model *m, size_t *before, size_t *after) {
    *before = (size_t)(m->rms_final - m->w) + (size_t)m->c.dim;
    *after = m->c.tied ? 0 : (size_t)m->c.vocab_size * (size_t)m->c.dim;
}

/* Reads n float32 into reals. */
static void read_floats(FILE *f, real *to, size_t n, const char *path) {
    float part[1024];
    while (n > 0) {
        size_t k = n < 1024 ? n : 1024;
        if (fread(part, sizeof(float), k, f) != k) die(EXIT_INPUT, "%s: cannot be read to its end; copy it anew", path);
        for (size_t i = 0; i < k; i++) {
            if (!isfinite(part[i])) die(EXIT_INPUT, "%s: holds a weight that is no finite number; make it anew", path);
            *to++ = part[i];
        }
        n -= k;
    }
}

/* Errors show in commit_file, which checks the stream. */
static void write_floats(FILE *f, const real *from, size_t n) {
    float part[1024];
    while (n > 0) {
        size_t k = n < 1024 ? n : 1024;
        for (size_t i = 0; i < k; i++) part[i] = (float)from[i];
        fwrite(part, sizeof(float), k, f);
        from += k, n -= k;
    }
}

/* Reads and judges the header; dies unless the file has exactly the length its sizes imply, so
 * that nothing is allocated on the word of a broken file. */
static Config read_header(FILE *f, const char *path) {
    int32_t h[7];
    if (fread(h, sizeof *h, 7, f) != 7) die(EXIT_INPUT, "%s: too short for a checkpoint; give a model file", path);
    if (h[5] == INT32_MIN) h[5] = 0;
    Config c = {h[0], h[1], h[2], h[3], h[4], h[5] < 0 ? -h[5] : h[5], h[6], h[5] > 0};
    const char *wrong = config_error(&c);
    if (wrong) die(EXIT_INPUT, "%s: %s; this is no llama2.c checkpoint (version 0)", path, wrong);
    Tensor t[MAX_TENSORS];
    int n = model_tensors(&c, t);
    size_t numbers = dead_tables(&c);
    for (int i = 0; i < n; i++)
        if (strncmp(t[i].name, "score", 5) != 0) numbers += t[i].size;
    uint64_t implied = sizeof h + (uint64_t)numbers * sizeof(float);
    if (fseek(f, 0, SEEK_END) != 0) die(EXIT_INPUT, "%s: is not a plain file; give a model file", path);
    long length = ftell(f);
    if (length < 0 || (uint64_t)length != implied)
        die(EXIT_INPUT, "%s: has %ld bytes where its header implies %llu; copy it anew", path, length,
            (unsigned long long)implied);
    fseek(f, sizeof h, SEEK_SET);
    return c;
}

Model *model_load(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) die(EXIT_INPUT, "%s: cannot be opened; check the path", path);
    Model *m = model_new(read_header(f, path));
    size_t before, after;
    body_sizes(m, &before, &after);
    read_floats(f, m->w, before, path);
    fseek(f, (long)(dead_tables(&m->c) * sizeof(float)), SEEK_CUR);
    read_floats(f, m->head, after, path);
    fclose(f);
    return m;
}

void model_save(const Model *m, const char *path) {
    const Config *c = &m->c;
    int32_t h[7] = {c->dim, c->hidden_dim, c->n_layers, c->n_heads, c->n_kv_heads,
                    c->tied ? c->vocab_size : -c->vocab_size, c->seq_len};
    size_t before, after;
    body_sizes(m, &before, &after);
    FILE *f = create_file(path);
    fwrite(h, sizeof *h, 7, f);
    write_floats(f, m->w, before);
    const real nothing = 0;
    for (size_t i = 0; i < dead_tables(c); i++) write_floats(f, &nothing, 1);
    write_floats(f, m->head, after);
    commit_file(f, path);
}

// ------------------------------------------------------------------------------------
// The score head's file: magic, version, dim; score_w and score_b as float32; checksum of it all

typedef struct { char magic[4]; int32_t version, dim; } ScoreHeader;
static const ScoreHeader SCORE_HEADER = {{'C', 'A', 'I', 's'}, 1, 0};

void score_head_save(const Model *m, const char *path) {
    size_t n = (size_t)m->c.dim + 1;                    /* score_b follows score_w in the block */
    float *data = xcalloc(n, sizeof(float));
    for (size_t i = 0; i < n; i++) data[i] = (float)m->score_w[i];
    ScoreHeader h = SCORE_HEADER;
    h.dim = m->c.dim;
    uint64_t sum = checksum(data, n * sizeof(float), checksum(&h, sizeof h, 0));
    FILE *f = create_file(path);
    fwrite(&h, sizeof h, 1, f);
    fwrite(data, sizeof(float), n, f);
    fwrite(&sum, sizeof sum, 1, f);
    commit_file(f, path);
    free(data);
}

void score_head_load(Model *m, const char *path) {
    size_t size, n = (size_t)m->c.dim + 1, body = sizeof(ScoreHeader) + n * sizeof(float);
    char *file = read_file(path, &size);
    ScoreHeader h;
    uint64_t sum;
    if (size < sizeof h || memcmp(file, &SCORE_HEADER, offsetof(ScoreHeader, dim)) != 0)
        die(EXIT_INPUT, "%s: is no score head of version 1; train the preference model again", path);
    memcpy(&h, file, sizeof h);
    if (h.dim != m->c.dim)
        die(EXIT_INPUT, "%s: belongs to a model of width %d, not %d; use the pair that was saved together", path, h.dim, m->c.dim);
    if (size != body + sizeof sum) die(EXIT_INPUT, "%s: has %zu bytes, not %zu; copy it anew", path, size, body + sizeof sum);
    memcpy(&sum, file + body, sizeof sum);
    if (sum != checksum(file + sizeof h, n * sizeof(float), checksum(&h, sizeof h, 0)))
        die(EXIT_INPUT, "%s: its checksum is wrong; copy it anew", path);
    for (size_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, file + sizeof h + i * sizeof w, sizeof w);
        m->score_w[i] = w;
    }
    free(file);
}

// ------------------------------------------------------------------------------------
// Random numbers from a counter: the number at (key, position) is a hash of both. Nothing is
// carried from draw to draw, so any thread may draw anything in any order and get the same.

/* A bijection of 64 bits in which every input bit moves every output bit: two rounds of shift,
 * xor and multiply (the finaliser of splitmix64; Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rng_bits(uint64_t key, uint64_t position) {
    return mix(key + (position + 1) * 0x9e3779b97f4a7c15u);     /* 2^64 / golden ratio, odd */
}

uint64_t rng_key(uint64_t seed, uint64_t stage, uint64_t item) {
    return rng_bits(rng_bits(rng_bits(0, seed), stage), item);
}

double rng_uniform(uint64_t key, uint64_t position) {
    return (double)(rng_bits(key, position) >> 11) * 0x1p-53;
}

/* Box and Muller: the radius from one uniform in (0, 1], the angle from another. */
double rng_normal(uint64_t key, uint64_t position) {
    double u = 1 - rng_uniform(key, 2 * position), v = rng_uniform(key, 2 * position + 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Biased by at most n / 2^53. */
int rng_below(uint64_t key, uint64_t position, int n) {
    return (int)(rng_uniform(key, position) * n);
}

// ------------------------------------------------------------------------------------
// Workers: threads that live as long as the program and take job numbers from a common counter

int n_workers = 1;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    int threads;                        /* started so far; the caller is a worker too, not counted */
    int allowed;                        /* of these, how many may join the current round */
    int n, next, running;               /* jobs, next to take, being run */
    void (*job)(void *context, int i);
    void *context;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .start = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static _Thread_local int inside_job;    /* a job that calls parallel runs its own jobs itself */

/* Takes and runs jobs until none is left. The lock is held on entry and on return. */
static void run_jobs(void) {
    while (pool.next < pool.n) {
        int i = pool.next++;
        pool.running++;
        pthread_mutex_unlock(&pool.lock);
        inside_job = 1;
        pool.job(pool.context, i);
        inside_job = 0;
        pthread_mutex_lock(&pool.lock);
        pool.running--;
    }
    if (pool.running == 0) pthread_cond_signal(&pool.done);
}

static void *worker(void *number) {
    int me = (int)(intptr_t)number;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        if (me < pool.allowed) run_jobs();
        pthread_cond_wait(&pool.start, &pool.lock);
    }
    return NULL;
}

void parallel(int n, void (*job)(void *context, int i), void *context) {
    if (n_workers <= 1 || n <= 1 || inside_job) {
        for (int i = 0; i < n; i++) job(context, i);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool.n = n, pool.next = 0, pool.job = job, pool.context = context;
    pool.allowed = n_workers - 1;
    while (pool.threads < pool.allowed) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)pool.threads) != 0) break;
        pthread_detach(thread);
        pool.threads++;
    }
    pthread_cond_broadcast(&pool.start);
    run_jobs();
    while (pool.running > 0) pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}
