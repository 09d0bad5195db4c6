/* model.c -- the network: a small Llama, forward and backward.
 *
 * Everything between token ids and numbers about them: a decoder-only transformer as in llama2.c
 * (RMSNorm, rotary positions, grouped-query attention, SwiGLU, an output head that may be tied to
 * the embedding). A second head gives one number a token. The paper's preference model and PPO's
 * value are this network, read through that second head.
 *
 * There is no automatic differentiation. The backward pass takes the forward pass's steps in
 * reverse; above each of its steps stands the forward line that it differentiates. There are no
 * biases, no dropout and no half precision. A call runs on one thread; engine/batch.c gives each
 * thread its own sequences.
 *
 * Reading order: the parameter table; the layers, each forward and then backward; the activations;
 * the two heads; the network. Matrix products are in lib/gemm.c, sampling in engine/decode.c, files
 * in engine/checkpoint.c.
 *
 * Arrays are row-major. Shapes stand in brackets, with the letters of include/model.h: N tokens of
 * a packed batch, T tokens of one sequence, C width, F hidden width, L layers, H query heads,
 * K key/value heads, D head size, V vocabulary. A "d" before a name is the derivative of the loss
 * by it.
 * SPDX-License-Identifier: MIT
 */
#include "include/model.h"
#include "lib/files.h"
#include "lib/gemm.h"
#include "lib/kernels.h"
#include "lib/random.h"
#include "lib/vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const real RMS_EPS = (real)1e-5; /* added to the mean square in RMSNorm, as in llama2.c */
static const double ROPE_BASE = 10000;  /* wavelengths go from 2 pi to 2 pi ROPE_BASE positions */

// ------------------------------------------------------------------------------------
// The parameters: one block of numbers, and the table of what lies where

/* What is wrong with these sizes, or NULL. The bounds keep products of sizes within 64 bits. */
const char *config_error(const Config *c)
{
    if (c->dim < 1 || c->dim > 1 << 14) return "dim is not within 1..16384";
    if (c->hidden_dim < 1 || c->hidden_dim > 1 << 16) return "hidden_dim is not within 1..65536";
    if (c->n_layers < 1 || c->n_layers > 1 << 8) return "n_layers is not within 1..256";
    if (c->n_heads < 1 || c->dim % c->n_heads) return "dim is not a multiple of n_heads";
    if (head_size(c) % 2) return "the head size dim / n_heads is odd";
    if (c->n_kv_heads < 1 || c->n_heads % c->n_kv_heads)
        return "n_heads is not a multiple of n_kv_heads";
    if (c->vocab_size < 1 || c->vocab_size > 1 << 20) return "vocab_size is not within 1..1048576";
    if (c->seq_len < 1 || c->seq_len > 1 << 20) return "seq_len is not within 1..1048576";
    return NULL;
}

/* The table of the block, in the order of llama2.c's files, the score head last. Returns the number
 * of tensors. out (MAX_TENSORS). A tied head is no tensor of its own. */
int model_tensors(const Config *c, Tensor *out)
{
    int L = c->n_layers, C = c->dim, F = c->hidden_dim, KD = kv_dim(c), V = c->vocab_size, n = 0;
    // clang-format off
    const Tensor table[] = {        /* layers, rows, columns */
        { "tok_emb",   0, 0, 1, V, C },
        { "rms_att",   0, 0, L, 1, C },
        { "wq",        0, 0, L, C, C },
        { "wk",        0, 0, L, KD, C },
        { "wv",        0, 0, L, KD, C },
        { "wo",        0, 0, L, C, C },
        { "rms_ffn",   0, 0, L, 1, C },
        { "w1",        0, 0, L, F, C },
        { "w2",        0, 0, L, C, F },
        { "w3",        0, 0, L, F, C },
        { "rms_final", 0, 0, 1, 1, C },
        { "head",      0, 0, c->tied ? 0 : 1, V, C },
        { "score_w",   0, 0, 1, 1, C },
        { "score_b",   0, 0, 1, 1, 1 },
    };
    // clang-format on
    size_t offset = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].layers == 0) continue;
        out[n] = table[i];
        out[n].offset = offset;
        out[n].size = (size_t)table[i].layers * (size_t)table[i].rows * (size_t)table[i].cols;
        offset += out[n++].size;
    }
    return n;
}

/* A model of these sizes, every number 0. Ends the program if the sizes are wrong. */
Model *model_new(Config c)
{
    const char *wrong = config_error(&c);
    if (wrong) die(EXIT_USAGE, "model sizes: %s; choose others", wrong);
    kernels_start();
    Tensor t[MAX_TENSORS];
    int n = model_tensors(&c, t);
    Model *m = xcalloc(1, sizeof *m);
    m->c = c;
    m->n_param = t[n - 1].offset + t[n - 1].size;
    m->w = xcalloc(m->n_param, sizeof(real));

    /* The fields point into the block, in the table's order. */
    real **field[] = { &m->tok_emb,   &m->rms_att, &m->wq,      &m->wk,     &m->wv,
                       &m->wo,        &m->rms_ffn, &m->w1,      &m->w2,     &m->w3,
                       &m->rms_final, &m->head,    &m->score_w, &m->score_b };
    for (int i = 0, f = 0; i < n; i++, f++) {
        if (c.tied && field[f] == &m->head) f++;
        *field[f] = m->w + t[i].offset;
    }
    if (c.tied) m->head = m->tok_emb;
    return m;
}

void model_free(Model *m)
{
    if (!m) return;
    free(m->w);
    free(m);
}

/* A copy with numbers of its own; the tokenizer is the same one. */
Model *model_clone(const Model *m)
{
    Model *copy = model_new(m->c);
    memcpy(copy->w, m->w, m->n_param * sizeof(real));
    copy->tok = m->tok;
    return copy;
}

/* Matrices are normal with variance 1 / columns. The two that write to the residual stream are
 * smaller by sqrt(2 L), so that the stream's size at the top does not grow with depth. Norms are 1,
 * the score head 0. */
void model_init(Model *m, uint64_t seed)
{
    Tensor t[MAX_TENSORS];
    int n = model_tensors(&m->c, t);
    for (int i = 0; i < n; i++) {
        real *w = m->w + t[i].offset;
        uint64_t key = rng_key(seed, 0, (uint64_t)i);
        int is_norm = strncmp(t[i].name, "rms", 3) == 0;
        int is_score = strncmp(t[i].name, "score", 5) == 0;
        int to_residual = strcmp(t[i].name, "wo") == 0 || strcmp(t[i].name, "w2") == 0;
        double std = 1 / sqrt(t[i].cols) / (to_residual ? sqrt(2.0 * m->c.n_layers) : 1);
        for (size_t j = 0; j < t[i].size; j++)
            w[j] = is_norm ? 1 : is_score ? 0 : (real)(std * rng_normal(key, j));
    }
}

/* Layer l's tensors: of the weights, or of the gradient, which has the same form. */
Layer model_layer(const Model *m, int l)
{
    size_t C = (size_t)m->c.dim, CC = C * C, KC = (size_t)kv_dim(&m->c) * C;
    size_t FC = (size_t)m->c.hidden_dim * C, at = (size_t)l;
    return (Layer){ m->rms_att + at * C, m->wq + at * CC, m->wk + at * KC,
                    m->wv + at * KC,     m->wo + at * CC, m->rms_ffn + at * C,
                    m->w1 + at * FC,     m->w2 + at * FC, m->w3 + at * FC };
}

// ------------------------------------------------------------------------------------
// Embedding.  x_i = E[token_i]

/* x (N, C), E (V, C), token (N) */
void embed_forward(real *x, const real *E, const int *token, int N, int C)
{
    for (int i = 0; i < N; i++, x += C)
        memcpy(x, E + (size_t)token[i] * C, sizeof(real) * (size_t)C);
}

/* Adds dx (N, C) to dE (V, C), token after token: a token that occurs twice gets both. */
void embed_backward(real *dE, const real *dx, const int *token, int N, int C)
{
    for (int i = 0; i < N; i++, dx += C)
        for (int j = 0; j < C; j++) dE[(size_t)token[i] * C + j] += dx[j];
}

// ------------------------------------------------------------------------------------
// RMSNorm, row by row (Zhang and Sennrich 2019).  y = w * x * inv,  inv = 1 / sqrt(mean(x^2) + eps)

/* y (N, C), inv (N) kept for backward, x (N, C), w (C) */
void rmsnorm_forward(real *y, real *inv, const real *x, const real *w, int N, int C)
{
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

/* Adds to dx (N, C) and dw (C). Each x_j acts on its own y_j, and on all of the row through inv:
 *     d inv / d x_j = -inv^3 x_j / C,  hence, with g = dy * w,
 *     dx += inv * (g - x * inv^2 * mean(g x))
 *     dw += dy * x * inv */
void rmsnorm_backward(real *dx, real *dw, const real *dy, const real *x, const real *inv,
                      const real *w, int N, int C)
{
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
// Rotary positions (Su et al. 2021). The pair (2j, 2j+1) of each head turns by the angle
// pos * BASE^(-2j/D). The product of a query and a key then depends on their distance only.

/* table (T, D): for each position the cosines of j = 0..D/2-1, then the sines */
void rope_table(real *table, int T, int D)
{
    for (int t = 0; t < T; t++)
        for (int j = 0; j < D / 2; j++) {
            /* In double, since a late position has turned many times. */
            double angle = t * pow(ROPE_BASE, -2.0 * j / D);
            table[(size_t)t * D + j] = (real)cos(angle);
            table[(size_t)t * D + D / 2 + j] = (real)sin(angle);
        }
}

/* Turns x (N, heads, D) in place, row i by the angles of position pos[i]; sign -1 turns it back. */
static void rotate(real *x, const real *table, const int *pos, real sign, int N, int heads, int D)
{
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

void rope_forward(real *x, const real *table, const int *pos, int N, int heads, int D)
{
    rotate(x, table, pos, 1, N, heads, D);
}

/* The transpose of a rotation is the rotation back. */
void rope_backward(real *dx, const real *table, const int *pos, int N, int heads, int D)
{
    rotate(dx, table, pos, -1, N, heads, D);
}

// ------------------------------------------------------------------------------------
// Attention of one sequence, head by head (Vaswani et al. 2017):
//
//     s = q k^T / sqrt(D)    p_t = softmax(s_t) over the positions u <= t    o = p v
//
// Query head h reads key/value head h / (H / K). A row of q holds all heads, hence the strides of
// the products. Half of s is the future and zero in p: products skip the tiles that lie in it, and
// a row is filled with zeros up to the end of a tile only. P = whole_panels(T) is the length of a
// row.

/* Softmax over the past, in place: s (T, P) becomes p. Row t is read and written up to the panel of
 * t. */
static void causal_softmax_forward(real *s, real scale, int T)
{
    for (int t = 0, P = whole_panels(T); t < T; t++, s += P) {
        int n = whole_panels(t + 1);
        for (int u = t + 1; u < n; u++) s[u] = -INFINITY;
        real inv = 1 / exp_sum(s, s, scale, max_of(s, n), n);
        for (int u = 0; u < n; u++) s[u] *= inv;
        for (int u = t + 1; u < n; u++) s[u] = 0;
    }
}

/* In place, dp (T, P) becomes ds; p (T, P). The Jacobian of a row is dp_u / ds_v = p_u ([u = v] -
 * p_v); summed over u it gives
 *     ds = scale * p * (dp - sum(dp * p))
 * in one pass a row. A double loop over u and v would make attention cubic in T. */
static void causal_softmax_backward(real *dp, const real *p, real scale, int T)
{
    for (int t = 0, P = whole_panels(T); t < T; t++, dp += P, p += P) {
        int n = whole_panels(t + 1);
        real dot = 0;
        for (int u = t + 1; u < n; u++) dp[u] = 0; /* the product left something there */
#pragma omp simd reduction(+ : dot)
        for (int u = 0; u < n; u++) dot += dp[u] * p[u];
#pragma omp simd
        for (int u = 0; u < n; u++) dp[u] = scale * p[u] * (dp[u] - dot);
    }
}

/* o (T, H, D), p (H, T, P) kept for backward, q (T, H, D), k v (T, K, D) */
void attention_forward(real *o, real *p, const real *q, const real *k, const real *v, int T, int H,
                       int K, int D)
{
    real scale = 1 / (real)sqrt(D);
    int P = whole_panels(T), HD = H * D, KD = K * D;
    for (int h = 0; h < H; h++, p += (size_t)T * P) {
        const real *qh = q + h * D, *kh = k + h / (H / K) * D, *vh = v + h / (H / K) * D;
        /* s = q k^T */
        product(LOWER_RESULT, 0, 1, T, T, D, qh, HD, kh, KD, 0, p, P);
        /* p = softmax(s / sqrt(D)) */
        causal_softmax_forward(p, scale, T);
        /* o = p v */
        product(LOWER_LEFT, 0, 0, T, D, T, p, P, vh, KD, 0, o + h * D, HD);
    }
}

/* dq (T, H, D); adds to dk dv (T, K, D), since query heads share them; d_o (T, H, D) and the arrays
 * of the forward pass; dp (T, P) is scratch: first dp, then ds */
void attention_backward(real *dq, real *dk, real *dv, real *dp, const real *d_o, const real *p,
                        const real *q, const real *k, const real *v, int T, int H, int K, int D)
{
    real scale = 1 / (real)sqrt(D);
    int P = whole_panels(T), HD = H * D, KD = K * D;
    for (int h = 0; h < H; h++, p += (size_t)T * P) {
        int kv = h / (H / K) * D;
        const real *qh = q + h * D, *doh = d_o + h * D;
        /* o = p v:  dv += p^T do,  dp = do v^T */
        product(UPPER_LEFT, 1, 0, T, D, T, p, P, doh, HD, 1, dv + kv, KD);
        product(LOWER_RESULT, 0, 1, T, T, D, doh, HD, v + kv, KD, 0, dp, P);
        /* p = softmax(s / sqrt(D)) */
        causal_softmax_backward(dp, p, scale, T);
        /* s = q k^T:  dq = ds k,  dk += ds^T q */
        product(LOWER_LEFT, 0, 0, T, D, T, dp, P, k + kv, KD, 0, dq + h * D, HD);
        product(UPPER_LEFT, 1, 0, T, D, T, dp, P, qh, HD, 1, dk + kv, KD);
    }
}

// ------------------------------------------------------------------------------------
// SwiGLU.  s = silu(g) * u,  silu(g) = g sigma(g) (Shazeer 2020)

/* s g u (n), n = N F */
void swiglu_forward(real *s, const real *g, const real *u, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) s[i] = g[i] / (1 + fast_exp(-g[i])) * u[i];
}

/* From sigma' = sigma (1 - sigma), silu'(g) = sigma(g) (1 + g (1 - sigma(g))). Hence
 *     dg = ds u silu'(g)
 *     du = ds silu(g)
 * Also s, computed again: to keep it from the forward pass would cost more than this
 * multiplication. All arrays (n). */
void swiglu_backward(real *dg, real *du, real *s, const real *ds, const real *g, const real *u,
                     size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        real sigma = 1 / (1 + fast_exp(-g[i])), silu = g[i] * sigma;
        s[i] = silu * u[i];
        du[i] = ds[i] * silu;
        dg[i] = ds[i] * u[i] * sigma * (1 + g[i] * (1 - sigma));
    }
}

// ------------------------------------------------------------------------------------
// Softmax over the vocabulary.  log pi(target) = logit[target] - log sum exp(logit)

/* logp (n), entropy (n) in nats or NULL, target (n). logits (n, V) become probabilities, which are
 * all that backward needs. The row's largest logit is subtracted first, so that no exp overflows;
 * probabilities do not depend on it. */
void logsoftmax_forward(real *logp, real *entropy, real *logits, const int *target, int n, int V)
{
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
        if (entropy) entropy[i] = log_sum - mean * inv; /* -sum p log p */
        for (int j = 0; j < V; j++) logits[j] *= inv;
    }
}

/* dlogits = dlogp (onehot(target) - p), in place on p (n, V); dlogp target (n) */
void logsoftmax_backward(real *p, const real *dlogp, const int *target, int n, int V)
{
    for (int i = 0; i < n; i++, p += V) {
        for (int j = 0; j < V; j++) p[j] *= -dlogp[i];
        p[target[i]] += dlogp[i];
    }
}

// ------------------------------------------------------------------------------------
// Activations: what the forward pass keeps for the backward pass, and scratch

/* What is kept of one layer. Norms and silu(g) u are cheap: backward computes them again. */
typedef struct {
    real *x, *x_mid; /* (N, C) residual stream before each half */
    real *q, *k, *v; /* (N, C) (N, KD) (N, KD), turned by their positions */
    real *p, *o;     /* attention weights (H, T, P) of each sequence in turn; (N, C) */
    real *g, *u;     /* (N, F) */
} Kept;

typedef struct { /* numbers that stay allocated from call to call */
    real *p;
    size_t size;
} Block;

struct Acts {
    const Seqs *seqs;    /* the packed batch, of which this is sequences first..last-1 */
    int first, last, N;  /* N: their tokens, a row each */
    int longest;         /* tokens of the longest sequence, at least 1 */
    const int *token;    /* (N) */
    int *pos;            /* (N) position of each row in its sequence */
    Kept *layer;         /* (L+1); the last one holds only x, the residual stream at the top */
    real *h;             /* (N, C) final normed state */
    real *xn, *inv, *s;  /* (N, C) (N) (N, F) norm, its factor, silu(g) u: scratch of both passes */
    int n_logp, n_score; /* rows that the latest logprobs and scores asked for: */
    int *row, *target;   /* (n_logp) */
    int *score_row;      /* (n_score) */
    real *hrow, *prob;   /* (n_logp, C) states, (n_logp, V) probabilities of these rows */
    real *dhrow;         /* (n_logp, C) */
    real *rope;          /* (rope_T, rope_D) table of angles */
    int rope_T, rope_D;
    Block forward, heads, backward, table; /* where all of this lies */
};

Acts *acts_new(void) { return xcalloc(1, sizeof(Acts)); }

void acts_free(Acts *a)
{
    if (!a) return;
    free(a->forward.p), free(a->heads.p), free(a->backward.p), free(a->table.p);
    free(a->pos), free(a->layer), free(a->row), free(a->target), free(a->score_row);
    free(a);
}

/* At least n numbers, whose values are undefined. */
static real *reserve(Block *b, size_t n)
{
    if (!b->p || n > b->size) {
        free(b->p);
        b->p = xcalloc(n + 1, sizeof(real));
        b->size = n;
    }
    return b->p;
}

/* The next n numbers of a block. */
static real *take(real **next, size_t n)
{
    real *p = *next;
    *next += n;
    return p;
}

/* How many attention weights (H, T, P) a sequence of T tokens has. */
static size_t n_weights(const Config *c, int T)
{
    return (size_t)c->n_heads * (size_t)T * (size_t)whole_panels(T);
}

/* Takes sequences first..last-1 of s: checks them against the model, numbers their positions, and
 * lays out what the forward pass fills. */
static void acts_begin(Acts *a, const Config *c, const Seqs *s, int first, int last)
{
    int D = head_size(c), row = 0;
    size_t n_att = 0;
    a->seqs = s, a->first = first, a->last = last, a->longest = 1;
    a->N = s->start[last] - s->start[first];
    a->token = a->N > 0 ? seq_tok(s, first) : NULL;
    a->n_logp = a->n_score = 0;
    a->pos = xrealloc(a->pos, (size_t)a->N + 1, sizeof(int));
    /* Every token must be one that the model knows, at a position that it knows. */
    for (int b = first; b < last; b++) {
        int T = seq_len(s, b);
        if (T > c->seq_len)
            die(EXIT_INPUT, "a text of %d tokens does not fit the context of %d; shorten it", T,
                c->seq_len);
        for (int t = 0; t < T; t++) {
            int token = seq_tok(s, b)[t];
            if (token < 0 || token >= c->vocab_size)
                die(EXIT_INPUT,
                    "token %d is beyond the vocabulary of %d; use the model's tokenizer", token,
                    c->vocab_size);
            a->pos[row++] = t;
        }
        a->longest = max_int(a->longest, T);
        n_att += n_weights(c, T);
    }

    /* One block holds it all. */
    size_t L = (size_t)c->n_layers, N = (size_t)a->N, NC = N * (size_t)c->dim;
    size_t NKD = N * (size_t)kv_dim(c), NF = N * (size_t)c->hidden_dim;
    size_t size = L * (4 * NC + 2 * NKD + n_att + 2 * NF) + 3 * NC + N + NF;
    real *next = reserve(&a->forward, size);
    a->layer = xrealloc(a->layer, L + 1, sizeof *a->layer);
    for (size_t l = 0; l < L; l++) {
        Kept *k = &a->layer[l];
        k->x = take(&next, NC), k->x_mid = take(&next, NC);
        k->q = take(&next, NC), k->k = take(&next, NKD), k->v = take(&next, NKD);
        k->p = take(&next, n_att), k->o = take(&next, NC);
        k->g = take(&next, NF), k->u = take(&next, NF);
    }
    a->layer[L] = (Kept){ .x = take(&next, NC) }, a->h = take(&next, NC);
    a->xn = take(&next, NC), a->inv = take(&next, N), a->s = take(&next, NF);
    assert(next == a->forward.p + size);

    /* The table of angles lasts until a longer sequence comes. */
    if (a->longest > a->rope_T || D != a->rope_D) {
        a->rope = reserve(&a->table, (size_t)a->longest * (size_t)D);
        rope_table(a->rope, a->longest, D);
        a->rope_T = a->longest, a->rope_D = D;
    }
}

/* The first row of sequence b. */
static size_t first_row(const Acts *a, int b)
{
    return (size_t)(a->seqs->start[b] - a->seqs->start[a->first]);
}

void acts_cache(const Model *m, const Acts *a, int l, int b, const real **k, const real **v)
{
    size_t at = first_row(a, b) * (size_t)kv_dim(&m->c);
    *k = a->layer[l].k + at;
    *v = a->layer[l].v + at;
}

const real *acts_states(const Model *m, const Acts *a, int b)
{
    return a->h + first_row(a, b) * (size_t)m->c.dim;
}

// ------------------------------------------------------------------------------------
// The two heads, on the final normed states h (N, C)

/* logits = h head^T at n rows,  logp = log softmax(logits)[target] */
void logprobs(const Model *m, Acts *a, int n, const int *token, const int *target, real *logp,
              real *entropy)
{
    int C = m->c.dim, V = m->c.vocab_size;
    size_t nC = (size_t)n * (size_t)C, nV = (size_t)n * (size_t)V;
    a->n_logp = n;
    if (n == 0) return;
    real *next = reserve(&a->heads, 2 * nC + nV);
    a->hrow = take(&next, nC), a->dhrow = take(&next, nC), a->prob = take(&next, nV);
    a->row = xrealloc(a->row, (size_t)n, sizeof(int));
    a->target = xrealloc(a->target, (size_t)n, sizeof(int));

    /* The states of these rows, side by side. */
    for (int i = 0; i < n; i++) {
        assert(token[i] >= 0 && token[i] < a->N && target[i] >= 0 && target[i] < V);
        a->row[i] = token[i], a->target[i] = target[i];
        memcpy(a->hrow + (size_t)i * C, a->h + (size_t)token[i] * C, sizeof(real) * (size_t)C);
    }
    /* The logits, then in place the probabilities. */
    matmul(a->prob, a->hrow, m->head, n, C, V);
    logsoftmax_forward(logp, entropy, a->prob, target, n, V);
}

/* score = h . score_w + score_b at n rows */
void scores(const Model *m, Acts *a, int n, const int *token, real *score)
{
    int C = m->c.dim;
    a->n_score = n;
    a->score_row = xrealloc(a->score_row, (size_t)n + 1, sizeof(int));
    for (int i = 0; i < n; i++) {
        assert(token[i] >= 0 && token[i] < a->N);
        a->score_row[i] = token[i];
        const real *h = a->h + (size_t)token[i] * C;
        real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int j = 0; j < C; j++) sum += m->score_w[j] * h[j];
        score[i] = sum + m->score_b[0];
    }
}

/* dh (N, C) from both heads, zero in rows that neither was asked for; adds to grad. dlogp (n_logp)
 * and dscore (n_score) may be NULL. */
static void heads_backward(const Model *m, Model *grad, Acts *a, real *dh, const real *dlogp,
                           const real *dscore)
{
    int C = m->c.dim, V = m->c.vocab_size, n = dlogp ? a->n_logp : 0;
    memset(dh, 0, (size_t)a->N * C * sizeof(real));
    if (n > 0) {
        /* logp = log softmax(logits)[target], in place on the probabilities */
        real *dlogits = a->prob;
        logsoftmax_backward(dlogits, dlogp, a->target, n, V);
        /* logits = h head^T:  dh = dlogits head,  dhead += dlogits^T h. A row that was asked for
         * twice gets both. If the head is tied, grad->head is grad->tok_emb: both uses add up. */
        matmul_dx(a->dhrow, dlogits, m->head, n, C, V, 0);
        if (grad->head) matmul_dw(grad->head, dlogits, a->hrow, n, C, V);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < C; j++)
                dh[(size_t)a->row[i] * C + j] += a->dhrow[(size_t)i * C + j];
    }
    /* score = h . score_w + score_b:  dh = dscore score_w,  dscore_w += dscore h */
    for (int i = 0; dscore && i < a->n_score; i++) {
        size_t at = (size_t)a->score_row[i] * C;
        for (int j = 0; j < C; j++) {
            dh[at + j] += dscore[i] * m->score_w[j];
            grad->score_w[j] += dscore[i] * a->h[at + j];
        }
        grad->score_b[0] += dscore[i];
    }
}

// ------------------------------------------------------------------------------------
// The network

/* Sequences first..last-1 of s through
 *
 *     x = E[token]
 *     in each layer  x = x + attention(norm(x)),  x = x + feed_forward(norm(x))
 *     h = norm(x)
 *
 * All products and norms take the N rows of the batch together. Only attention knows which sequence
 * a row belongs to, and the rotation which position it has. */
void forward(const Model *m, Acts *a, const Seqs *s, int first, int last)
{
    const Config *c = &m->c;
    int C = c->dim, F = c->hidden_dim, H = c->n_heads, K = c->n_kv_heads;
    int D = head_size(c), KD = K * D;
    acts_begin(a, c, s, first, last);
    int N = a->N;
    size_t NC = (size_t)N * C, NF = (size_t)N * F;

    /* x = E[token] */
    embed_forward(a->layer[0].x, m->tok_emb, a->token, N, C);

    for (int l = 0; l < c->n_layers; l++) {
        Layer w = model_layer(m, l);
        Kept k = a->layer[l];
        real *x_next = a->layer[l + 1].x;

        /* The first half: attention. xn = norm(x);  q = xn wq^T,  k = xn wk^T,  v = xn wv^T */
        rmsnorm_forward(a->xn, a->inv, k.x, w.rms_att, N, C);
        matmul(k.q, a->xn, w.wq, N, C, C);
        matmul(k.k, a->xn, w.wk, N, C, KD);
        matmul(k.v, a->xn, w.wv, N, C, KD);

        /* q and k turn by their positions. */
        rope_forward(k.q, a->rope, a->pos, N, H, D);
        rope_forward(k.k, a->rope, a->pos, N, K, D);

        /* o = softmax(q k^T / sqrt(D)) v, of each sequence by itself */
        real *p = k.p;
        for (int b = first; b < last; b++) {
            int T = seq_len(s, b);
            size_t at = first_row(a, b), q = at * C, kv = at * KD;
            attention_forward(k.o + q, p, k.q + q, k.k + kv, k.v + kv, T, H, K, D);
            p += n_weights(c, T);
        }

        /* x_mid = x + o wo^T */
        memcpy(k.x_mid, k.x, NC * sizeof(real));
        matmul_add(k.x_mid, k.o, w.wo, N, C, C);

        /* The second half: feed-forward. xn = norm(x_mid);  g = xn w1^T,  u = xn w3^T */
        rmsnorm_forward(a->xn, a->inv, k.x_mid, w.rms_ffn, N, C);
        matmul(k.g, a->xn, w.w1, N, C, F);
        matmul(k.u, a->xn, w.w3, N, C, F);

        /* s = silu(g) u */
        swiglu_forward(a->s, k.g, k.u, NF);

        /* x_next = x_mid + s w2^T */
        memcpy(x_next, k.x_mid, NC * sizeof(real));
        matmul_add(x_next, a->s, w.w2, N, F, C);
    }

    /* h = norm(x), the input of both heads */
    rmsnorm_forward(a->h, a->inv, a->layer[c->n_layers].x, m->rms_final, N, C);
}

/* The steps of forward in reverse. Above each stands the forward line, and after a colon what
 * follows from it: of y = x w^T,  dx = dy w  and  dw += dy^T x. dx is the gradient of the residual
 * stream all the way down: the line x + f(norm(x)) hands it on as it is and adds the share of
 * f(norm(x)). */
void backward(const Model *m, Model *grad, Acts *a, const real *dlogp, const real *dscore)
{
    const Config *c = &m->c;
    int C = c->dim, F = c->hidden_dim, H = c->n_heads, K = c->n_kv_heads;
    int D = head_size(c), KD = K * D, N = a->N;
    size_t NC = (size_t)N * C, NKD = (size_t)N * KD, NF = (size_t)N * F;

    /* The gradients of one layer at a time. */
    size_t n_scores = (size_t)a->longest * (size_t)whole_panels(a->longest);
    real *next = reserve(&a->backward, 4 * NC + 2 * NKD + n_scores + 3 * NF);
    real *dx = take(&next, NC), *dxn = take(&next, NC), *dq = take(&next, NC);
    real *d_o = take(&next, NC), *dk = take(&next, NKD), *dv = take(&next, NKD);
    real *ds = take(&next, NF), *dg = take(&next, NF), *du = take(&next, NF);
    real *dp = take(&next, n_scores);

    /* logp and score of h; here dxn is dh */
    heads_backward(m, grad, a, dxn, dlogp, dscore);

    /* h = norm(x), whose factor inv is computed again */
    const real *x = a->layer[c->n_layers].x;
    rmsnorm_forward(a->xn, a->inv, x, m->rms_final, N, C);
    memset(dx, 0, NC * sizeof(real));
    rmsnorm_backward(dx, grad->rms_final, dxn, x, a->inv, m->rms_final, N, C);

    for (int l = c->n_layers - 1; l >= 0; l--) {
        Layer w = model_layer(m, l), d = model_layer(grad, l);
        Kept k = a->layer[l];

        /* x_next = x_mid + s w2^T,  s = silu(g) u:  ds = dx w2,  dw2 += dx^T s */
        matmul_dx(ds, dx, w.w2, N, F, C, 0);
        swiglu_backward(dg, du, a->s, ds, k.g, k.u, NF);
        matmul_dw(d.w2, dx, a->s, N, F, C);

        /* g = xn w1^T,  u = xn w3^T:  dw1 += dg^T xn,  dw3 += du^T xn,  dxn = dg w1 + du w3 */
        rmsnorm_forward(a->xn, a->inv, k.x_mid, w.rms_ffn, N, C);
        matmul_dw(d.w1, dg, a->xn, N, C, F);
        matmul_dw(d.w3, du, a->xn, N, C, F);
        matmul_dx(dxn, dg, w.w1, N, C, F, 0);
        matmul_dx(dxn, du, w.w3, N, C, F, 1);

        /* xn = norm(x_mid), added to what the residual stream hands on */
        rmsnorm_backward(dx, d.rms_ffn, dxn, k.x_mid, a->inv, w.rms_ffn, N, C);

        /* x_mid = x + o wo^T:  do = dx wo,  dwo += dx^T o */
        matmul_dx(d_o, dx, w.wo, N, C, C, 0);
        matmul_dw(d.wo, dx, k.o, N, C, C);

        /* o = softmax(q k^T / sqrt(D)) v, of each sequence by itself. dk and dv are sums over the
         * query heads that share a key. */
        const real *p = k.p;
        memset(dk, 0, NKD * sizeof(real));
        memset(dv, 0, NKD * sizeof(real));
        for (int b = a->first; b < a->last; b++) {
            int T = seq_len(a->seqs, b);
            size_t at = first_row(a, b), q = at * C, kv = at * KD;
            attention_backward(dq + q, dk + kv, dv + kv, dp, d_o + q, p, k.q + q, k.k + kv,
                               k.v + kv, T, H, K, D);
            p += n_weights(c, T);
        }

        /* q and k turn by their positions. */
        rope_backward(dq, a->rope, a->pos, N, H, D);
        rope_backward(dk, a->rope, a->pos, N, K, D);

        /* q = xn wq^T,  k = xn wk^T,  v = xn wv^T:  dwq += dq^T xn and so on,
         * dxn = dq wq + dk wk + dv wv */
        rmsnorm_forward(a->xn, a->inv, k.x, w.rms_att, N, C);
        matmul_dw(d.wq, dq, a->xn, N, C, C);
        matmul_dw(d.wk, dk, a->xn, N, C, KD);
        matmul_dw(d.wv, dv, a->xn, N, C, KD);
        matmul_dx(dxn, dq, w.wq, N, C, C, 0);
        matmul_dx(dxn, dk, w.wk, N, C, KD, 1);
        matmul_dx(dxn, dv, w.wv, N, C, KD, 1);

        /* xn = norm(x), likewise */
        rmsnorm_backward(dx, d.rms_att, dxn, k.x, a->inv, w.rms_att, N, C);
    }

    /* x = E[token] */
    if (grad->tok_emb) embed_backward(grad->tok_emb, dx, a->token, N, C);
}
