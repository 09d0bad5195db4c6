/* tests/test_model.c -- the network against a slow second implementation written from formats.md
 * and sharing no line with model.c; its gradients against finite differences (in double:
 * CAI_DOUBLE); sampling with the cache against the network without; files, broken and whole; random
 * numbers; workers.
 * SPDX-License-Identifier: MIT
 */
#define _XOPEN_SOURCE 700
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include "cai.h"
#include "death.h"

#ifdef CAI_DOUBLE
static const double NEAR = 1e-9; /* two ways to the same number */
#else
static const double NEAR = 1e-4;
#endif

// ------------------------------------------------------------------------------------
// Models and batches to test on

/* dim hidden layers heads kv vocab seq tied: sizes off every round number, GQA, MQA, D = 2, tied or
 * not */
static const Config SIZES[] = {
    { 8, 12, 2, 4, 2, 19, 40, 0 },
    { 12, 20, 2, 2, 2, 33, 40, 1 },
    { 16, 10, 1, 4, 1, 16, 40, 1 },
    { 20, 17, 3, 1, 1, 7, 40, 0 },
};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES };

/* Larger weights than model_init's, norms off 1 and a live score head: every term counts. */
static Model *some_model(Config c, uint64_t seed)
{
    Model *m = model_new(c);
    model_init(m, seed);
    for (size_t i = 0; i < m->n_param; i++) m->w[i] += (real)(0.3 * rng_normal(seed + 1, i));
    return m;
}

static Seqs some_seqs(const Config *c, int n, const int *length)
{
    Seqs s = { 0 };
    int token[1024];
    for (int b = 0; b < n; b++) {
        for (int t = 0; t < length[b]; t++)
            token[t] = rng_below(77, (uint64_t)(1000 * b + t), c->vocab_size);
        seqs_push(&s, token, length[b]);
    }
    return s;
}

static void expect_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (1 + fabs(want))))
        fail_msg("%.12g, not %.12g", got, want);
}

// ------------------------------------------------------------------------------------
// The second implementation: one position at a time, everything in double, read from the file's
// bytes

typedef struct {
    Config c;
    const float *emb, *rms_att, *wq, *wk, *wv, *wo, *rms_ffn, *w1, *w2, *w3, *rms_final, *head;
} Reference;

static Reference reference(const char *file)
{
    int32_t h[7];
    memcpy(h, file, sizeof h);
    Config c = { h[0], h[1], h[2], h[3], h[4], abs(h[5]), h[6], h[5] > 0 };
    int C = c.dim, F = c.hidden_dim, L = c.n_layers, V = c.vocab_size, hs = C / c.n_heads,
        kv = c.n_kv_heads * hs;
    const float *p = (const float *)(const void *)(file + 28);
    Reference r = { .c = c };
    r.emb = p, p += V * C;
    r.rms_att = p, p += L * C;
    r.wq = p, p += L * C * C;
    r.wk = p, p += L * kv * C;
    r.wv = p, p += L * kv * C;
    r.wo = p, p += L * C * C;
    r.rms_ffn = p, p += L * C;
    r.w1 = p, p += L * F * C;
    r.w2 = p, p += L * C * F;
    r.w3 = p, p += L * F * C;
    r.rms_final = p, p += C;
    p += c.seq_len * hs;
    r.head = c.tied ? r.emb : p;
    return r;
}

static void ref_norm(double *y, const double *x, const float *w, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    for (int i = 0; i < n; i++) y[i] = w[i] * x[i] / sqrt(sum / n + 1e-5);
}

static void ref_linear(double *y, const float *w, const double *x, int out, int in)
{
    for (int i = 0; i < out; i++) {
        y[i] = 0;
        for (int j = 0; j < in; j++) y[i] += (double)w[i * in + j] * x[j];
    }
}

static void ref_rope(double *x, int pos, int n, int hs)
{
    for (int i = 0; i < n; i += 2) {
        double angle = pos * pow(10000.0, -(double)(i % hs) / hs), a = x[i], b = x[i + 1];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + 1] = a * sin(angle) + b * cos(angle);
    }
}

/* h (T, C): final normed states; logp (T, V): the log-probabilities after each token. */
static void ref_forward(const Reference *r, const int *token, int T, double *h, double *logp)
{
    enum { MAX = 64 };
    static double keys[4][MAX][MAX], values[4][MAX][MAX];
    Config c = r->c;
    int C = c.dim, F = c.hidden_dim, V = c.vocab_size, H = c.n_heads, hs = C / H,
        kv = c.n_kv_heads * hs;
    for (int t = 0; t < T; t++) {
        double x[MAX], n[MAX], q[MAX], o[MAX], y[MAX], g[MAX], u[MAX];
        for (int i = 0; i < C; i++) x[i] = r->emb[token[t] * C + i];
        for (int l = 0; l < c.n_layers; l++) {
            ref_norm(n, x, r->rms_att + l * C, C);
            ref_linear(q, r->wq + l * C * C, n, C, C);
            ref_linear(keys[l][t], r->wk + l * kv * C, n, kv, C);
            ref_linear(values[l][t], r->wv + l * kv * C, n, kv, C);
            ref_rope(q, t, C, hs);
            ref_rope(keys[l][t], t, kv, hs);
            for (int head = 0; head < H; head++) {
                int at = head / (H / c.n_kv_heads) * hs;
                double e[MAX], sum = 0;
                for (int s = 0; s <= t; s++) {
                    double dot = 0;
                    for (int i = 0; i < hs; i++) dot += q[head * hs + i] * keys[l][s][at + i];
                    sum += e[s] = exp(dot / sqrt(hs));
                }
                for (int i = 0; i < hs; i++) {
                    o[head * hs + i] = 0;
                    for (int s = 0; s <= t; s++)
                        o[head * hs + i] += e[s] / sum * values[l][s][at + i];
                }
            }
            ref_linear(y, r->wo + l * C * C, o, C, C);
            for (int i = 0; i < C; i++) x[i] += y[i];
            ref_norm(n, x, r->rms_ffn + l * C, C);
            ref_linear(g, r->w1 + l * F * C, n, F, C);
            ref_linear(u, r->w3 + l * F * C, n, F, C);
            for (int i = 0; i < F; i++) g[i] = g[i] / (1 + exp(-g[i])) * u[i];
            ref_linear(y, r->w2 + l * C * F, g, C, F);
            for (int i = 0; i < C; i++) x[i] += y[i];
        }
        ref_norm(h + t * C, x, r->rms_final, C);
        ref_linear(logp + t * V, r->head, h + t * C, V, C);
        double sum = 0;
        for (int i = 0; i < V; i++) sum += exp(logp[t * V + i]);
        for (int i = 0; i < V; i++) logp[t * V + i] -= log(sum);
    }
}

/* Every log-probability, entropy and score of a packed batch, rows in any order, from a file's
 * bytes. */
static void like_the_reference(void **state)
{
    (void)state;
    for (int k = 0; k < N_SIZES; k++) {
        const Config *c = &SIZES[k];
        int length[] = { 5, 1, 33, 16 }, V = c->vocab_size, C = c->dim;
        Model *m = some_model(*c, 5), *loaded;
        for (size_t i = 0; i < m->n_param; i++) m->w[i] = (float)m->w[i]; /* what a file can hold */
        model_save(m, in_scratch("m.bin"));
        loaded = model_load(in_scratch("m.bin"));
        memcpy(loaded->score_w, m->score_w, sizeof(real) * (size_t)(C + 1));
        size_t size;
        char *file = read_file(in_scratch("m.bin"), &size);
        Reference r = reference(file);
        Seqs s = some_seqs(c, 4, length);
        Acts *a = acts_new();
        for (int first = 0; first < 4; first += 2) {
            static double h[64 * 64], want[64 * 64];
            forward(loaded, a, &s, first, 4);
            for (int b = 3; b >= first; b--) {
                int T = seq_len(&s, b), row[64 * 64], target[64 * 64];
                static real got[64 * 64], entropy[64 * 64], score[64];
                ref_forward(&r, seq_tok(&s, b), T, h, want);
                for (int i = 0; i < T * V; i++) {
                    row[i] = s.start[b] - s.start[first] + (T * V - 1 - i) / V;
                    target[i] = (T * V - 1 - i) % V;
                }
                logprobs(loaded, a, T * V, row, target, got, entropy);
                for (int i = 0; i < T * V; i++) {
                    double H = 0;
                    int at = T * V - 1 - i;
                    for (int j = 0; j < V; j++)
                        H -= exp(want[at / V * V + j]) * want[at / V * V + j];
                    expect_near(got[i], want[at], NEAR);
                    expect_near(entropy[i], H, NEAR);
                }
                for (int t = 0; t < T; t++) row[t] = s.start[b] - s.start[first] + t;
                scores(loaded, a, T, row, score);
                for (int t = 0; t < T; t++) {
                    double sum = m->score_b[0];
                    for (int i = 0; i < C; i++) sum += (double)m->score_w[i] * h[t * C + i];
                    expect_near(score[t], sum, NEAR);
                }
            }
        }
        acts_free(a);
        seqs_free(&s);
        free(file);
        model_free(m);
        model_free(loaded);
    }
}

// ------------------------------------------------------------------------------------
// Gradients

/* Loss sum a_i logp_i + sum b_j score_j over a shard; fixed rows, some asked for twice, some
 * never. */
typedef struct {
    Model *m;
    Acts *a;
    Seqs s;
    int first, last, n, row[64], target[64], n_score, score_row[8];
    real da[64], db[8];
} Loss;

static Loss some_loss(Config c, const int *length, int n, int first)
{
    Loss L = { .m = some_model(c, 9),
               .a = acts_new(),
               .s = some_seqs(&c, n, length),
               .first = first,
               .last = n,
               .n = 40,
               .n_score = 5 };
    int N = L.s.start[n] - L.s.start[first];
    for (int i = 0; i < L.n; i++) {
        L.row[i] = rng_below(3, (uint64_t)i, N);
        L.target[i] = rng_below(4, (uint64_t)i, c.vocab_size);
        L.da[i] = (real)rng_normal(5, (uint64_t)i);
    }
    for (int j = 0; j < L.n_score; j++) {
        L.score_row[j] = rng_below(6, (uint64_t)j, N);
        L.db[j] = (real)rng_normal(7, (uint64_t)j);
    }
    return L;
}

static void loss_free(Loss *L)
{
    model_free(L->m);
    acts_free(L->a);
    seqs_free(&L->s);
}

static double loss_of(Loss *L, int with_logp, int with_score)
{
    real logp[64], score[8];
    double sum = 0;
    forward(L->m, L->a, &L->s, L->first, L->last);
    logprobs(L->m, L->a, L->n, L->row, L->target, logp, NULL);
    scores(L->m, L->a, L->n_score, L->score_row, score);
    for (int i = 0; with_logp && i < L->n; i++) sum += L->da[i] * logp[i];
    for (int j = 0; with_score && j < L->n_score; j++) sum += L->db[j] * score[j];
    return sum;
}

#ifdef CAI_DOUBLE

/* Every parameter moved both ways; the error of each tensor relative to its gradient, which must be
 * there. */
static void every_gradient(void **state)
{
    (void)state;
    for (int k = 0; k < N_SIZES; k++) {
        int length[] = { 4, 3, 1, 6, 18 };
        Loss L = some_loss(SIZES[k], length, 5, k % 2);
        Model *grad = model_new(SIZES[k]);
        Tensor t[MAX_TENSORS];
        int n = model_tensors(&SIZES[k], t);
        loss_of(&L, 1, 1);
        backward(L.m, grad, L.a, L.da, L.db);
        for (int i = 0; i < n; i++)
            for (int l = 0; l < t[i].layers; l++) {
                double wrong = 0, all = 0, h = 1e-5;
                size_t size = t[i].size / (size_t)t[i].layers;
                for (size_t j = t[i].offset + (size_t)l * size;
                     j < t[i].offset + (size_t)(l + 1) * size; j++) {
                    double w = L.m->w[j], up, down;
                    L.m->w[j] = w + h;
                    up = loss_of(&L, 1, 1);
                    L.m->w[j] = w - h;
                    down = loss_of(&L, 1, 1);
                    L.m->w[j] = w;
                    double slope = (up - down) / (2 * h);
                    wrong += (slope - grad->w[j]) * (slope - grad->w[j]);
                    all += slope * slope;
                }
                if (!(all > 1e-6)) fail_msg("%s of layer %d: no gradient to compare", t[i].name, l);
                if (!(sqrt(wrong / all) <= 1e-6))
                    fail_msg("%s of layer %d: off by %.2g", t[i].name, l, sqrt(wrong / all));
            }
        model_free(grad);
        loss_free(&L);
    }
}

/* A sequence longer than the inner blocks of the products: the slope along one random direction. */
static void gradient_of_a_long_text(void **state)
{
    (void)state;
    Config c = { 8, 12, 2, 2, 1, 19, 600, 1 };
    int length[] = { 20, 547 };
    Loss L = some_loss(c, length, 2, 0);
    Model *grad = model_new(c), *start = model_clone(L.m);
    double h = 1e-5, up = 0, down = 0, along = 0;
    loss_of(&L, 1, 1);
    backward(L.m, grad, L.a, L.da, L.db);
    for (size_t i = 0; i < grad->n_param; i++) along += grad->w[i] * rng_normal(8, i);
    for (size_t i = 0; i < grad->n_param; i++) L.m->w[i] = start->w[i] + h * rng_normal(8, i);
    up = loss_of(&L, 1, 1);
    for (size_t i = 0; i < grad->n_param; i++) L.m->w[i] = start->w[i] - h * rng_normal(8, i);
    down = loss_of(&L, 1, 1);
    expect_near(along, (up - down) / (2 * h), 1e-6);
    model_free(grad);
    model_free(start);
    loss_free(&L);
}

#endif

/* Gradients are added to what is there; a NULL leaves its half of the loss out; nothing asked,
 * nothing given. */
static void gradients_add_up(void **state)
{
    (void)state;
    int length[] = { 7, 20 };
    Loss L = some_loss(SIZES[0], length, 2, 0);
    Model *both = model_new(SIZES[0]), *apart = model_new(SIZES[0]);
    loss_of(&L, 1, 1);
    backward(L.m, both, L.a, L.da, L.db);
    loss_of(&L, 1, 1);
    backward(L.m, apart, L.a, NULL, L.db);
    loss_of(&L, 1, 1);
    backward(L.m, apart, L.a, L.da, NULL);
    for (size_t i = 0; i < both->n_param; i++) expect_near(apart->w[i], both->w[i], NEAR);
    memset(apart->w, 0, sizeof(real) * apart->n_param);
    forward(L.m, L.a, &L.s, 0, 2); /* forgets the rows asked for before */
    backward(L.m, apart, L.a, L.da, L.db);
    for (size_t i = 0; i < apart->n_param; i++) assert_true(apart->w[i] == 0);
    model_free(both);
    model_free(apart);
    loss_free(&L);
}

// ------------------------------------------------------------------------------------
// Batches

/* logp of every token but the first of sequences first..last-1, packed; returns how many. */
static int all_logp(const Model *m, Acts *a, const Seqs *s, int first, int last, real *logp)
{
    int row[2048], target[2048], n = 0;
    forward(m, a, s, first, last);
    for (int b = first; b < last; b++)
        for (int t = 1; t < seq_len(s, b); t++) {
            row[n] = s->start[b] - s->start[first] + t - 1;
            target[n++] = seq_tok(s, b)[t];
        }
    logprobs(m, a, n, row, target, logp, NULL);
    return n;
}

/* What stands beside a sequence, before it in its buffers or after a token in it, changes
 * nothing. */
static void neighbours_do_not_matter(void **state)
{
    (void)state;
    int length[] = { 9, 30, 17, 2, 40 }, at = 0;
    Model *m = some_model(SIZES[1], 3);
    Seqs s = some_seqs(&SIZES[1], 5, length);
    Acts *a = acts_new();
    real packed[2048], alone[2048];
    all_logp(m, a, &s, 0, 5, packed);
    for (int b = 0; b < 5; b++) {
        int n = all_logp(m, a, &s, b, b + 1, alone);
        for (int i = 0; i < n; i++) expect_near(alone[i], packed[at + i], NEAR);
        at += n;
    }
    int n = all_logp(m, a, &s, 1, 2, alone);
    seq_tok(&s, 1)[20] ^= 1;
    all_logp(m, a, &s, 1, 2, packed);
    for (int i = 0; i < n; i++) assert_true(i < 19 ? alone[i] == packed[i] : alone[i] != packed[i]);
    acts_free(a);
    seqs_free(&s);
    model_free(m);
}

/* Values and gradients of a packed batch are those of its sequences one by one, also where they
 * begin alike or are the same. */
static void packed_like_one_by_one(void **state)
{
    (void)state;
    enum { B = 5 };
    const int length[B] = { 20, 25, 20, 1, 33 }, alike[B] = { 0, 12, 20, 1, 0 }; /* as sequence 0 */
    for (int k = 0; k < N_SIZES; k++) {
        Model *m = some_model(SIZES[k], 9), *together = model_new(SIZES[k]),
              *apart = model_new(SIZES[k]);
        Acts *a = acts_new();
        Seqs s = { 0 };
        int token[B][40], last[B];
        real logp[256], da[256], db[B], score[B], want[256], want_score;
        for (int b = 0; b < B; b++) {
            for (int t = 0; t < length[b]; t++)
                token[b][t] = t < alike[b] ? token[0][t] : (b + 3 * t) % SIZES[k].vocab_size;
            seqs_push(&s, token[b], length[b]);
        }
        int n = all_logp(m, a, &s, 0, B, logp);
        for (int i = 0; i < n; i++) da[i] = (real)rng_normal(5, (uint64_t)i);
        for (int b = 0; b < B; b++)
            last[b] = s.start[b + 1] - 1, db[b] = (real)rng_normal(7, (uint64_t)b);
        scores(m, a, B, last, score);
        backward(m, together, a, da, db);
        for (int b = 0, at = 0; b < B; b++) {
            int each = all_logp(m, a, &s, b, b + 1, want), end = length[b] - 1;
            scores(m, a, 1, &end, &want_score);
            backward(m, apart, a, da + at, db + b);
            expect_near(score[b], want_score, NEAR);
            for (int i = 0; i < each; i++) expect_near(logp[at + i], want[i], NEAR);
            at += each;
        }
        double wrong = 0, all = 0;
        for (size_t i = 0; i < apart->n_param; i++) {
            wrong += (together->w[i] - apart->w[i]) * (together->w[i] - apart->w[i]);
            all += apart->w[i] * apart->w[i];
        }
        assert_true(all > 1 && sqrt(wrong / all) < NEAR);
        acts_free(a);
        seqs_free(&s);
        model_free(m), model_free(together), model_free(apart);
    }
}

/* Large weights saturate, broken ones show: a NaN is never smoothed over. */
static void extremes(void **state)
{
    (void)state;
    int length[] = { 30 };
    Model *m = some_model(SIZES[0], 3);
    Seqs s = some_seqs(&SIZES[0], 1, length);
    Acts *a = acts_new();
    real logp[64];
    for (size_t i = 0; i < m->n_param; i++) m->w[i] *= 300;
    int n = all_logp(m, a, &s, 0, 1, logp);
    for (int i = 0; i < n; i++) assert_true(isfinite(logp[i]) && logp[i] <= 0);
    m->w2[3] = NAN;
    all_logp(m, a, &s, 0, 1, logp);
    for (int i = 0; i < n; i++) assert_true(isnan(logp[i]));
    acts_free(a);
    seqs_free(&s);
    model_free(m);
}

/* The three products against three loops, at sizes around the tiles' and beyond the blocks'. */
static void products(void **state)
{
    (void)state;
    const int sizes[][3] = { { 1, 1, 1 },    { 3, 5, 17 },    { 4, 16, 16 },
                             { 33, 31, 18 }, { 5, 1030, 20 }, { 1030, 7, 9 } };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int n = sizes[k][0], in = sizes[k][1], out = sizes[k][2];
        real *x = xcalloc((size_t)(n * in), sizeof *x), *w = xcalloc((size_t)(out * in), sizeof *w);
        real *y = xcalloc((size_t)(n * out), sizeof *y),
             *dy = xcalloc((size_t)(n * out), sizeof *dy);
        real *dx = xcalloc((size_t)(n * in), sizeof *dx),
             *dw = xcalloc((size_t)(out * in), sizeof *dw);
        for (int i = 0; i < n * in; i++) x[i] = (real)rng_normal(1, (uint64_t)i), dx[i] = 1;
        for (int i = 0; i < out * in; i++) w[i] = (real)rng_normal(2, (uint64_t)i), dw[i] = 2;
        for (int i = 0; i < n * out; i++) dy[i] = (real)rng_normal(3, (uint64_t)i), y[i] = NAN;
        matmul(y, x, w, n, in, out);
        matmul_dx(dx, dy, w, n, in, out, 1);
        matmul_dw(dw, dy, x, n, in, out);
        for (int i = 0; i < n; i++)
            for (int o = 0; o < out; o++) {
                double sum = 0;
                for (int j = 0; j < in; j++) sum += (double)x[i * in + j] * w[o * in + j];
                expect_near(y[i * out + o], sum, NEAR);
            }
        for (int j = 0; j < in; j++) {
            for (int i = 0; i < n; i++) {
                double sum = 1;
                for (int o = 0; o < out; o++) sum += (double)dy[i * out + o] * w[o * in + j];
                expect_near(dx[i * in + j], sum, NEAR);
            }
            for (int o = 0; o < out; o++) {
                double sum = 2;
                for (int i = 0; i < n; i++) sum += (double)dy[i * out + o] * x[i * in + j];
                expect_near(dw[o * in + j], sum, NEAR);
            }
        }
        matmul_dx(dx, dy, w, n, in, out, 0);
        double sum = 0;
        for (int o = 0; o < out; o++) sum += (double)dy[o] * w[o * in];
        expect_near(dx[0], sum, NEAR);
        free(x), free(w), free(y), free(dy), free(dx), free(dw);
    }
}

/* Attention of one position from a cache against loops: heads and their sizes around a panel's,
 * positions beyond it. What no token has stored may be anything. */
static void cached_attention(void **state)
{
    (void)state;
    const int sizes[][3] = { { 1, 1, 6 },    { 4, 4, COLS },     { 4, 2, 2 * COLS },
                             { 8, 8, COLS }, { 9, 3, COLS + 2 }, { 6, 1, COLS } }; /* H K D */
    const int past[] = { 1, COLS, COLS + 1, 2 * COLS + 5 };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes * 4; k++) {
        int H = sizes[k / 4][0], K = sizes[k / 4][1], D = sizes[k / 4][2], n = past[k % 4],
            P = whole_panels(n), KD = K * D;
        real *q = xcalloc((size_t)(H * D), sizeof *q), *o = xcalloc((size_t)(H * D), sizeof *o),
             *s = xcalloc((size_t)(H * P), sizeof *s);
        real *keys = xcalloc((size_t)(P * KD), sizeof *keys),
             *v = xcalloc((size_t)(n * KD), sizeof *v);
        for (int i = 0; i < P * KD; i++) keys[i] = NAN;
        for (int i = 0; i < H * D; i++) q[i] = (real)rng_normal(1, (uint64_t)i);
        for (int i = 0; i < n * KD; i++) {
            int t = i / KD, j = i % KD;
            keys[(t / COLS * KD + j) * COLS + t % COLS] = (real)rng_normal(2, (uint64_t)i);
            v[i] = (real)rng_normal(3, (uint64_t)i);
        }
        attention_cached(o, s, q, keys, v, n, H, K, D);
        for (int h = 0; h < H; h++)
            for (int d = 0; d < D; d++) {
                double sum = 0, out = 0;
                for (int t = 0; t < n; t++) {
                    double score = 0;
                    for (int j = 0, kv = h / (H / K) * D; j < D; j++)
                        score +=
                            q[h * D + j] * rng_normal(2, (uint64_t)(t * KD + kv + j)) / sqrt(D);
                    sum += exp(score);
                    out += exp(score) * rng_normal(3, (uint64_t)(t * KD + h / (H / K) * D + d));
                }
                expect_near(o[h * D + d], out / sum, NEAR);
            }
        free(q), free(o), free(s), free(keys), free(v);
    }
}

// ------------------------------------------------------------------------------------
// Sampling

enum { STREAMS = 70 }; /* five groups, of a large model three, the last one ragged */

static void some_prompts(const Config *c, Seqs *prompt, uint64_t *key, int longest)
{
    int length[STREAMS];
    for (int b = 0; b < STREAMS; b++) {
        length[b] = 1 + b % longest;
        key[b] = rng_key(1, 2, (uint64_t)b);
    }
    *prompt = some_seqs(c, STREAMS, length);
}

/* Each completion after its prompt. */
static Seqs joined(const Seqs *prompt, const Seqs *out)
{
    Seqs whole = { 0 };
    int token[2048];
    for (int b = 0; b < prompt->n; b++) {
        int n = seq_len(prompt, b), more = seq_len(out, b);
        if (n > 0) memcpy(token, seq_tok(prompt, b), sizeof(int) * (size_t)n);
        if (more > 0) memcpy(token + n, seq_tok(out, b), sizeof(int) * (size_t)more);
        seqs_push(&whole, token, n + more);
    }
    return whole;
}

/* The same model with room for one more token: a completion may end behind the context, where the
 * model itself does not read. */
static Model *wider(const Model *m)
{
    Model *w = model_clone(m);
    w->c.seq_len++;
    return w;
}

/* The log-probabilities that come with samples, at any temperature, are those of the network
 * without cache; streams end where they must. */
static void samples_like_the_network(void **state)
{
    (void)state;
    const Config large = { 32, 10, 2, 2, 1, 65536, 40, 1 }; /* its groups are larger */
    for (int k = 0; k <= N_SIZES; k++)
        for (int hot = 0; hot < 2; hot++) {
            Config c = k < N_SIZES ? SIZES[k] : large;
            Model *m = some_model(c, 3), *reader = wider(m);
            Seqs prompt, out = { 0 };
            uint64_t key[STREAMS];
            real *logp, want[2048];
            Acts *a = acts_new();
            Sampling how = { hot ? 1.7 : 1.0, 25, { 2, 5, -1 } };
            some_prompts(&c, &prompt, key, 35);
            sample(m, &prompt, key, how, &out, &logp);
            Seqs whole = joined(&prompt, &out);
            assert_int_equal(out.n, STREAMS);
            for (int b = 0, at = 0; b < STREAMS; b++) {
                int n = seq_len(&out, b), before = seq_len(&prompt, b), *token = seq_tok(&out, b);
                all_logp(reader, a, &whole, b, b + 1, want);
                for (int i = 0; i < n; i++) expect_near(logp[at + i], want[before - 1 + i], NEAR);
                for (int i = 0; i < n - 1; i++) assert_true(token[i] != 2 && token[i] != 5);
                int fits = c.seq_len + 1 - before, stopped = token[n - 1] == 2 || token[n - 1] == 5;
                assert_true(stopped ? n <= 25 && n <= fits : n == (fits < 25 ? fits : 25));
                at += n;
            }
            free(logp);
            acts_free(a);
            seqs_free(&prompt), seqs_free(&out), seqs_free(&whole);
            model_free(m), model_free(reader);
        }
}

/* llama2.c's loop, written from its document: a step a position, steps no more than the context
 * has, each of them a token of the prompt or the likeliest one; token 1 ends the text and is not
 * part of it. */
static void fills_the_context_like_llama2c(void **state)
{
    (void)state;
    int full = 0, ended = 0;
    for (int k = 0; k < N_SIZES; k++) {
        const Config *c = &SIZES[k];
        Model *m = some_model(*c, 5), *loaded;
        model_save(m, in_scratch("m.bin"));
        loaded = model_load(in_scratch("m.bin"));
        size_t size;
        char *file = read_file(in_scratch("m.bin"), &size);
        Reference r = reference(file);
        for (int P = 1; P <= c->seq_len; P += 13) {
            Seqs prompt = some_seqs(c, 1, &P), out = { 0 };
            static double h[64 * 64], logp[64 * 64];
            int text[64], n = P, steps = c->seq_len;
            memcpy(text, seq_tok(&prompt, 0), sizeof(int) * (size_t)P);
            for (int pos = P - 1; pos < steps; pos++) {
                int next = 0;
                ref_forward(&r, text, pos + 1, h, logp);
                for (int j = 1; j < c->vocab_size; j++)
                    if (logp[pos * c->vocab_size + j] > logp[pos * c->vocab_size + next]) next = j;
                if (next == 1) break;
                text[n++] = next;
            }
            sample(loaded, &prompt, (uint64_t[]){ 1 }, (Sampling){ 0, 1000, { 1, -1, -1 } }, &out,
                   NULL);
            int got = seq_len(&out, 0), stopped = seq_tok(&out, 0)[got - 1] == 1;
            assert_int_equal(P + got - stopped, n);
            assert_memory_equal(seq_tok(&out, 0), text + P, sizeof(int) * (size_t)(n - P));
            if (!stopped) assert_int_equal(n, c->seq_len + 1);
            full += !stopped, ended += stopped;
            seqs_free(&prompt), seqs_free(&out);
        }
        free(file);
        model_free(m), model_free(loaded);
    }
    assert_true(full > 2 && ended > 0);
}

/* The last token alone tells how a completion ended: a stop token and nothing after it, or cut, and
 * then as long as max_new or the context lets it be. Prompts up to the context's end, with a
 * question and without. */
static void finished_or_cut(void **state)
{
    (void)state;
    int seen[2][3] = { { 0 } };
    Question q = { (int[]){ 6, 2, 3 }, 3, { 4, 1 } };
    for (int asks = 0; asks < 2; asks++)
        for (int max_new = 1; max_new < 16; max_new += 7) {
            const Config *c = &SIZES[0];
            int last_prompt = asks ? c->seq_len - 4 : c->seq_len;
            Model *m = some_model(*c, 3);
            Seqs prompt, out = { 0 };
            uint64_t key[STREAMS];
            double answer[2 * STREAMS] = { 0 };
            Sampling how = { 1, max_new, { 2, 5, -1 } };
            some_prompts(c, &prompt, key, last_prompt);
            if (asks) sample_and_ask(m, &prompt, key, how, q, &out, answer);
            else sample(m, &prompt, key, how, &out, NULL);
            for (int b = 0; b < STREAMS; b++) {
                int n = seq_len(&out, b),
                    fits = (asks ? c->seq_len - 3 : c->seq_len + 1) - seq_len(&prompt, b);
                assert_true(n >= 1 && n <= max_new && n <= fits);
                for (int i = 0; i < n - 1; i++)
                    assert_false(is_stop(seq_tok(&out, b)[i], how.stop));
                int finished = is_stop(seq_tok(&out, b)[n - 1], how.stop);
                if (!finished) assert_int_equal(n, fits < max_new ? fits : max_new);
                if (asks) assert_true(answer[2 * b] < 0 && answer[2 * b + 1] < 0);
                seen[asks][finished ? 0 : n == max_new ? 1 : 2]++;
            }
            seqs_free(&prompt), seqs_free(&out);
            model_free(m);
        }
    for (int i = 0; i < 6; i++) assert_true(seen[i / 3][i % 3] > 0); /* each end was met */
}

/* A question after each completion changes nothing of it, and the answers are what the network
 * without cache says of the whole text, the stop token left out. */
static void a_question_after_samples(void **state)
{
    (void)state;
    int stopped = 0, cut = 0;
    for (int k = 0; k < N_SIZES; k++) {
        Model *m = some_model(SIZES[k], 3);
        Seqs prompt, alone = { 0 }, out = { 0 }, whole = { 0 };
        uint64_t key[STREAMS];
        double answer[2 * STREAMS];
        real want[64];
        Acts *a = acts_new();
        Sampling how = { 1, 12, { 2, 5, -1 } };
        Question q = { (int[]){ 6, 2, 3 }, 3, { 4, 1 } };
        some_prompts(&SIZES[k], &prompt, key, 20);
        sample(m, &prompt, key, how, &alone, NULL);
        sample_and_ask(m, &prompt, key, how, q, &out, answer);
        for (int b = 0; b < STREAMS; b++) {
            int n = seq_len(&out, b), P = seq_len(&prompt, b),
                stops = is_stop(seq_tok(&out, b)[n - 1], how.stop), token[64];
            assert_int_equal(n, seq_len(&alone, b));
            assert_memory_equal(seq_tok(&out, b), seq_tok(&alone, b), sizeof(int) * (size_t)n);
            stopped += stops, cut += !stops, n -= stops;
            memcpy(token, seq_tok(&prompt, b), sizeof(int) * (size_t)P);
            memcpy(token + P, seq_tok(&out, b), sizeof(int) * (size_t)n);
            memcpy(token + P + n, q.then, sizeof(int) * 3);
            for (int i = 0; i < 2; i++) {
                token[P + n + 3] = q.ask[i];
                seqs_clear(&whole);
                seqs_push(&whole, token, P + n + 4);
                int last = all_logp(m, a, &whole, 0, 1, want) - 1;
                expect_near(answer[2 * b + i], want[last], NEAR);
            }
        }
        acts_free(a);
        seqs_free(&prompt), seqs_free(&alone), seqs_free(&out), seqs_free(&whole);
        model_free(m);
    }
    assert_true(stopped > 20 && cut > 20);
}

/* Without room for the completion it would have made, a shorter one: the question stands in the
 * context to its end. */
static void a_question_at_the_contexts_end(void **state)
{
    (void)state;
    Model *m = some_model(SIZES[0], 3);
    Seqs prompt = { 0 }, out = { 0 };
    int begin[40] = { 1 }, then[] = { 6, 2, 3 };
    double answer[4] = { 1, 1, 1, 1 };
    seqs_push(&prompt, begin, 36); /* of 40: one token, and the question */
    seqs_push(&prompt, begin, 34);
    sample_and_ask(m, &prompt, (uint64_t[]){ 1, 2 }, (Sampling){ 1, 30, { -1, -1, -1 } },
                   (Question){ then, 3, { 4, 1 } }, &out, answer);
    assert_int_equal(seq_len(&out, 0), 1);
    assert_int_equal(seq_len(&out, 1), 3);
    for (int i = 0; i < 4; i++) assert_true(answer[i] < 0);

    /* No completion at all: the question follows the prompt, both to the context's end. */
    int token[40];
    real want[64];
    Acts *a = acts_new();
    Seqs whole = { 0 };
    for (int t = 0; t < 40; t++) token[t] = t < 37 ? begin[t] : then[t - 37];
    seqs_clear(&prompt);
    seqs_push(&prompt, begin, 37);
    sample_and_ask(m, &prompt, (uint64_t[]){ 1 }, (Sampling){ 1, 0, { -1, -1, -1 } },
                   (Question){ then, 3, { 4, 1 } }, &out, answer);
    assert_int_equal(seq_len(&out, 0), 0);
    seqs_push(&whole, token, 40);
    forward(m, a, &whole, 0, 1);
    logprobs(m, a, 2, (int[]){ 39, 39 }, (int[]){ 4, 1 }, want, NULL);
    for (int i = 0; i < 2; i++) expect_near(answer[i], want[i], NEAR);
    acts_free(a);
    seqs_free(&prompt), seqs_free(&out), seqs_free(&whole);
    model_free(m);
}

/* Far beyond one panel of the cache and one block of the products. */
static void samples_a_long_text(void **state)
{
    (void)state;
    Config c = { 8, 12, 2, 2, 1, 19, 700, 1 };
    Model *m = some_model(c, 3), *reader = wider(m);
    Seqs prompt = { 0 }, out = { 0 };
    int begin[600] = { 1 };
    uint64_t key[] = { rng_key(1, 2, 3), rng_key(1, 2, 4) };
    real *logp, want[2048];
    Acts *a = acts_new();
    seqs_push(&prompt, begin, 1);
    seqs_push(&prompt, begin, 590);
    sample(m, &prompt, key, (Sampling){ 1, 1000000, { -1, -1, -1 } }, &out, &logp);
    Seqs whole = joined(&prompt, &out);
    assert_int_equal(seq_len(&whole, 0), 701);
    assert_int_equal(seq_len(&whole, 1), 701);
    int n = all_logp(reader, a, &whole, 0, 1, want);
    for (int i = 0; i < n; i++) expect_near(logp[i], want[i], NEAR);
    all_logp(reader, a, &whole, 1, 2, want);
    for (int i = 0; i < 111; i++) expect_near(logp[n + i], want[589 + i], NEAR);
    free(logp);
    acts_free(a);
    seqs_free(&prompt), seqs_free(&out), seqs_free(&whole);
    model_free(m), model_free(reader);
}

/* Temperature 0 takes the likeliest token of the network without cache, step after step. */
static void greedy_is_argmax(void **state)
{
    (void)state;
    for (int k = 0; k < N_SIZES; k++) {
        int V = SIZES[k].vocab_size, row[64], target[64];
        Model *m = some_model(SIZES[k], 3);
        Seqs prompt, out = { 0 };
        uint64_t key[STREAMS];
        real logp[64];
        Acts *a = acts_new();
        some_prompts(&SIZES[k], &prompt, key, 9);
        sample(m, &prompt, key, (Sampling){ 0, 10, { -1, -1, -1 } }, &out, NULL);
        Seqs whole = joined(&prompt, &out);
        for (int b = 0; b < STREAMS; b += 9) {
            forward(m, a, &whole, b, b + 1);
            for (int t = seq_len(&prompt, b); t < seq_len(&whole, b); t++) {
                for (int j = 0; j < V; j++) row[j] = t - 1, target[j] = j;
                logprobs(m, a, V, row, target, logp, NULL);
                for (int j = 0; j < V; j++)
                    assert_true(logp[j] <= logp[seq_tok(&whole, b)[t]] + NEAR);
            }
        }
        acts_free(a);
        seqs_free(&prompt), seqs_free(&out), seqs_free(&whole);
        model_free(m);
    }
    Model *flat = model_new(SIZES[0]); /* all logits equal: the lowest id */
    for (size_t i = 0; i < flat->n_param; i++) flat->w[i] = (real)0.1;
    Seqs prompt = { 0 }, out = { 0 };
    seqs_push(&prompt, (int[]){ 3 }, 1);
    sample(flat, &prompt, (uint64_t[]){ 1 }, (Sampling){ 0, 3, { -1, -1, -1 } }, &out, NULL);
    assert_int_equal(seq_len(&out, 0), 3);
    for (int i = 0; i < 3; i++) assert_int_equal(seq_tok(&out, 0)[i], 0);
    seqs_free(&prompt), seqs_free(&out);
    model_free(flat);
}

/* Tokens come as often as softmax(logits / temperature) says: chi-squared over 20000 streams and
 * two positions, the second a generator position later. */
static void frequencies(void **state)
{
    (void)state;
    enum { B = 20000 };
    Config c = SIZES[3];
    int V = c.vocab_size, row[16] = { 0 }, target[16];
    const double temperatures[] = { 1, 0.5, 2 };
    Model *m = some_model(c, 11);
    for (int i = 0; i < V * c.dim; i++) m->head[i] *= (real)0.4;
    for (int k = 0; k < 3; k++) {
        Seqs prompt = { 0 }, out = { 0 };
        uint64_t *key = xcalloc(B, sizeof *key);
        real logp[16];
        double T = temperatures[k], p[16], sum = 0, seen[16] = { 0 }, chi = 0;
        Acts *a = acts_new();
        for (int b = 0; b < B; b++) {
            seqs_push(&prompt, (int[]){ 4 }, 1);
            key[b] = rng_key(5, (uint64_t)k, (uint64_t)b);
        }
        sample(m, &prompt, key, (Sampling){ T, 2, { -1, -1, -1 } }, &out, NULL);
        for (int j = 0; j < V; j++) target[j] = j;
        for (int second = -1; second < V;
             second++) { /* -1: the first position; then the second, by the first */
            int before[2] = { 4, second }, n = 0;
            Seqs s = { 0 };
            seqs_push(&s, before, second < 0 ? 1 : 2);
            for (int j = 0; j < V; j++) row[j] = second < 0 ? 0 : 1, seen[j] = 0;
            forward(m, a, &s, 0, 1);
            logprobs(m, a, V, row, target, logp, NULL);
            sum = chi = 0;
            for (int j = 0; j < V; j++) sum += p[j] = exp(logp[j] / T);
            for (int b = 0; b < B; b++) {
                const int *token = seq_tok(&out, b);
                if (second < 0) seen[token[0]]++, n++;
                else if (token[0] == second) seen[token[1]]++, n++;
            }
            for (int j = 0; j < V; j++) {
                double want = n * p[j] / sum;
                if (want > 0.5) chi += (seen[j] - want) * (seen[j] - want) / want;
            }
            if (chi > 35)
                fail_msg("temperature %g after %d: chi-squared %g with %d degrees", T, second, chi,
                         V - 1);
            seqs_free(&s);
        }
        acts_free(a);
        free(key);
        seqs_free(&prompt), seqs_free(&out);
    }
    model_free(m);
}

/* Any temperature above 0: towards 0 the likeliest token, however small it is; towards infinity all
 * alike. */
static void extreme_temperatures(void **state)
{
    (void)state;
    enum { B = 7000 };
    const double cold[] = { 1e-5, 1e-37, 1e-38, 1e-40, 1e-300, 5e-324 };
    Config c = SIZES[3];
    int V = c.vocab_size;
    Model *m = some_model(c, 11);
    Seqs prompt = { 0 }, likeliest = { 0 }, out = { 0 };
    uint64_t *key = xcalloc(B, sizeof *key);
    for (int b = 0; b < B; b++) {
        seqs_push(&prompt, (int[]){ b % V }, 1);
        key[b] = rng_key(5, 9, (uint64_t)b);
    }
    sample(m, &prompt, key, (Sampling){ 0, 12, { -1, -1, -1 } }, &likeliest, NULL);
    for (size_t k = 0; k < sizeof cold / sizeof *cold; k++) {
        real *logp;
        sample(m, &prompt, key, (Sampling){ cold[k], 12, { -1, -1, -1 } }, &out, &logp);
        assert_memory_equal(out.token, likeliest.token, sizeof(int) * (size_t)out.start[B]);
        for (int i = 0; i < out.start[B]; i++) assert_true(isfinite(logp[i]) && logp[i] <= 0);
        free(logp);
    }
    for (int k = 0; k < 3; k++) {
        double seen[16] = { 0 }, chi = 0;
        sample(m, &prompt, key, (Sampling){ (double[]){ 1e10, 1e30, 1e300 }[k], 1, { -1, -1, -1 } },
               &out, NULL);
        for (int b = 0; b < B; b++) seen[out.token[b]]++;
        for (int j = 0; j < V; j++)
            chi += (seen[j] - B / (double)V) * (seen[j] - B / (double)V) * V / B;
        if (chi > 35) fail_msg("hot: chi-squared %g with %d degrees", chi, V - 1);
    }
    free(key);
    seqs_free(&prompt), seqs_free(&likeliest), seqs_free(&out);
    model_free(m);
}

/* Edges: no room but for one, nothing wanted, no prompts; the output is cleared first. */
static void sampling_edges(void **state)
{
    (void)state;
    int length[] = { 40, 39, 1 };
    Model *m = some_model(SIZES[0], 3);
    Seqs prompt = some_seqs(&SIZES[0], 3, length), out = { 0 }, none = { 0 };
    uint64_t key[3] = { 1, 2, 3 };
    real *logp;
    seqs_push(&out, length, 2);
    sample(m, &prompt, key, (Sampling){ 1, 8, { -1, -1, -1 } }, &out, &logp);
    assert_int_equal(out.n, 3);
    assert_int_equal(seq_len(&out, 0), 1);
    assert_int_equal(seq_len(&out, 1), 2);
    assert_int_equal(seq_len(&out, 2), 8);
    free(logp);
    sample(m, &prompt, key, (Sampling){ 1, 0, { -1, -1, -1 } }, &out, NULL);
    assert_int_equal(out.n, 3);
    assert_int_equal(out.start[3], 0);
    sample(m, &none, key, (Sampling){ 1, 8, { -1, -1, -1 } }, &out, NULL);
    assert_int_equal(out.n, 0);
    seqs_free(&prompt), seqs_free(&out), seqs_free(&none);
    model_free(m);
}

static void sample_it(const char *lengths)
{
    int length[2];
    sscanf(lengths, "%d %d", &length[0], &length[1]);
    Model *m = some_model(SIZES[0], 3);
    Seqs prompt = some_seqs(&SIZES[0], 2, length), out = { 0 };
    sample(m, &prompt, (uint64_t[]){ 1, 2 }, (Sampling){ 1, 8, { -1, -1, -1 } }, &out, NULL);
}

static void ask_it(const char *length)
{
    int n = atoi(length);
    Model *m = some_model(SIZES[0], 3);
    Seqs prompt = some_seqs(&SIZES[0], 1, &n), out = { 0 };
    double answer[2];
    sample_and_ask(m, &prompt, (uint64_t[]){ 1 }, (Sampling){ 1, 8, { -1, -1, -1 } },
                   (Question){ (int[]){ 6, 2, 3 }, 3, { 4, 1 } }, &out, answer);
}

static void forward_it(const char *token)
{
    int t = atoi(token);
    Model *m = some_model(SIZES[0], 3);
    Seqs s = { 0 };
    seqs_push(&s, &t, 1);
    forward(m, acts_new(), &s, 0, 1);
}

static void bad_input(void **state)
{
    (void)state;
    expect_death(sample_it, "3 41", EXIT_INPUT, "41 tokens|context of 40");
    expect_death(sample_it, "0 3", EXIT_INPUT, "empty prompt");
    expect_death(ask_it, "37", EXIT_INPUT, "37 tokens|question of 3|context of 40");
    expect_death(forward_it, "19", EXIT_INPUT, "token 19|vocabulary of 19");
    expect_death(forward_it, "-1", EXIT_INPUT, "token -1");
}

// ------------------------------------------------------------------------------------
// Workers

typedef struct {
    int done[100], inner;
} Marks;
static void mark(void *context, int i) { ((Marks *)context)->done[i]++; }
static void nest(void *context, int i) { parallel(10, mark, (Marks *)context + i); }

static void jobs_run_once(void **state)
{
    (void)state;
    for (n_workers = 1; n_workers <= 5; n_workers++)
        for (int n = 0; n <= 100; n += 7) {
            Marks m = { { 0 }, 0 };
            parallel(n, mark, &m);
            for (int i = 0; i < 100; i++) assert_int_equal(m.done[i], i < n);
        }
    n_workers = 2; /* fewer than have been started */
    Marks *m = xcalloc(4, sizeof *m);
    parallel(4, nest, m);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 100; i++) assert_int_equal(m[k].done[i], i < 10);
    free(m);
    n_workers = 1;
}

static void same_on_any_number_of_workers(void **state)
{
    (void)state;
    Model *m = some_model(SIZES[2], 3);
    Seqs prompt, out[3] = { { 0 } };
    uint64_t key[STREAMS];
    real *logp[3];
    some_prompts(&SIZES[2], &prompt, key, 9);
    for (int k = 0; k < 3; k++) {
        n_workers = (int[]){ 1, 2, 5 }[k];
        sample(m, &prompt, key, (Sampling){ 1, 20, { 1, -1, -1 } }, &out[k], &logp[k]);
        assert_int_equal(out[k].start[STREAMS], out[0].start[STREAMS]);
        assert_memory_equal(out[k].start, out[0].start, sizeof(int) * (STREAMS + 1));
        assert_memory_equal(out[k].token, out[0].token,
                            sizeof(int) * (size_t)out[0].start[STREAMS]);
        assert_memory_equal(logp[k], logp[0], sizeof(real) * (size_t)out[0].start[STREAMS]);
    }
    n_workers = 1;
    for (int k = 0; k < 3; k++) {
        free(logp[k]);
        seqs_free(&out[k]);
    }
    seqs_free(&prompt);
    model_free(m);
}

// ------------------------------------------------------------------------------------
// The block, its beginnings and its files

/* Tensors follow each other without a hole, in the file's order; beginnings have the variance they
 * should. */
static void block_and_init(void **state)
{
    (void)state;
    for (int k = 0; k < N_SIZES; k++) {
        Tensor t[MAX_TENSORS];
        int n = model_tensors(&SIZES[k], t);
        size_t at = 0;
        Model *m = model_new(SIZES[k]);
        assert_int_equal(n, SIZES[k].tied ? 13 : 14);
        for (int i = 0; i < n; i++) {
            assert_int_equal(t[i].offset, at);
            assert_int_equal(t[i].size,
                             (size_t)t[i].layers * (size_t)t[i].rows * (size_t)t[i].cols);
            at += t[i].size;
        }
        assert_int_equal(m->n_param, at);
        assert_ptr_equal(m->tok_emb, m->w);
        assert_ptr_equal(m->score_b, m->w + at - 1);
        assert_int_equal(m->head == m->tok_emb, SIZES[k].tied);
        for (size_t i = 0; i < at; i++) assert_true(m->w[i] == 0);
        model_free(m);
    }
    Config c = { 64, 96, 2, 4, 4, 128, 32, 0 };
    Model *m = model_new(c), *again = model_new(c), *other = model_new(c);
    model_init(m, 1);
    model_init(again, 1);
    model_init(other, 2);
    assert_memory_equal(m->w, again->w, sizeof(real) * m->n_param);
    assert_memory_not_equal(m->wq, other->wq, 64);
    double sum = 0;
    for (int i = 0; i < 2 * 96 * 64; i++) sum += m->w1[i] * m->w1[i];
    expect_near(sum / (2 * 96 * 64), 1.0 / 64, 0.002);
    for (int i = 0; i < 64; i++) assert_true(m->rms_final[i] == 1 && m->score_w[i] == 0);
    assert_true(m->score_b[0] == 0);
    static const Tokenizer some;
    m->tok = &some;
    Model *copy = model_clone(m);
    assert_true(copy->tok == &some && again->tok == NULL && copy->w != m->w);
    assert_memory_equal(copy->w, m->w, sizeof(real) * m->n_param);
    model_free(m), model_free(again), model_free(other), model_free(copy);
}

static void saves_and_loads(void **state)
{
    (void)state;
    for (int k = 0; k < N_SIZES; k++) {
        Model *m = some_model(SIZES[k], 5);
        model_save(m, in_scratch("a.bin"));
        Model *loaded = model_load(in_scratch("a.bin"));
        assert_memory_equal(&loaded->c, &SIZES[k], sizeof(Config));
        for (size_t i = 0; i < m->n_param - (size_t)SIZES[k].dim - 1; i++)
            assert_true(loaded->w[i] == (real)(float)m->w[i]);
        for (int i = 0; i <= SIZES[k].dim; i++)
            assert_true(loaded->score_w[i] == 0); /* not in this file */
        model_save(loaded, in_scratch("b.bin"));
        size_t a_size, b_size;
        char *a = read_file(in_scratch("a.bin"), &a_size),
             *b = read_file(in_scratch("b.bin"), &b_size);
        assert_int_equal(a_size, b_size);
        assert_memory_equal(a, b, a_size);
        score_head_save(m, in_scratch("a.score"));
        score_head_load(loaded, in_scratch("a.score"));
        for (int i = 0; i <= SIZES[k].dim; i++)
            assert_true(loaded->score_w[i] == (real)(float)m->score_w[i]);
        free(a), free(b);
        model_free(m), model_free(loaded);
    }
}

static void load_it(const char *path) { model_load(path); }
static void load_score(const char *path) { score_head_load(model_new(SIZES[0]), path); }
static void make_it(const char *unused)
{
    (void)unused;
    model_new((Config){ 8, 12, 2, 3, 3, 19, 40, 0 });
}

/* A checkpoint of which one number of the header, or the length, or a weight, is a lie. */
static void broken_checkpoints(void **state)
{
    (void)state;
    static const struct {
        int at, value;
        const char *says;
    } lies[] = {
        { 0, 0, "dim is not" },
        { 0, -8, "dim is not" },
        { 0, 1 << 30, "dim is not" },
        { 1, 0, "hidden_dim" },
        { 1, INT32_MAX, "hidden_dim" },
        { 2, 0, "n_layers" },
        { 2, 1 << 20, "n_layers" },
        { 3, 0, "n_heads" },
        { 3, 3, "n_heads" },
        { 3, 8, "odd" },
        { 4, 0, "n_kv_heads" },
        { 4, 3, "n_kv_heads" },
        { 4, -2, "n_kv_heads" },
        { 5, 0, "vocab_size" },
        { 5, INT32_MIN, "vocab_size" },
        { 5, INT32_MAX, "vocab_size" },
        { 6, 0, "seq_len" },
        { 6, -1, "seq_len" },
        { 0, 16384, "header implies" },
        { 1, 13, "header implies" },
        { 2, 256, "header implies" },
        { 5, 19, "header implies" },
        { 5, -20, "header implies" },
        { 6, 41, "header implies" },
        { 5, -(1 << 20), "header implies" },
    };
    Model *m = some_model(SIZES[0], 5);
    model_save(m, in_scratch("good.bin"));
    size_t size;
    char *file = read_file(in_scratch("good.bin"), &size), path[256], says[300];
    snprintf(path, sizeof path, "%s", in_scratch("bad.bin"));
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        int32_t h[7];
        memcpy(h, file, sizeof h);
        h[lies[i].at] = lies[i].value;
        write_bytes(path, h, sizeof h);
        FILE *f = fopen(path, "ab");
        assert_int_equal(fwrite(file + sizeof h, 1, size - sizeof h, f), size - sizeof h);
        fclose(f);
        snprintf(says, sizeof says, "bad.bin: |%s", lies[i].says);
        expect_death(load_it, path, EXIT_INPUT, says);
    }
    const size_t lengths[] = { 0, 4, 27, 28, 29, 1000, size - 4, size - 1 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_bytes(path, file, lengths[i]);
        expect_death(load_it, path, EXIT_INPUT, lengths[i] < 28 ? "too short" : "header implies");
    }
    write_bytes(path, file, size + 1); /* read_file adds a NUL */
    expect_death(load_it, path, EXIT_INPUT, "header implies");
    memcpy(file + size - 4, &(float){ NAN }, 4);
    write_bytes(path, file, size);
    expect_death(load_it, path, EXIT_INPUT, "no finite number");
    expect_death(load_it, in_scratch("none.bin"), EXIT_INPUT, "none.bin: ");
    expect_death(load_it, in_scratch("."), EXIT_INPUT, ".: ");
    expect_death(make_it, "", EXIT_USAGE, "not a multiple of n_heads");
    free(file);
    model_free(m);
}

/* Every bit of a score head's file counts. */
static void broken_score_heads(void **state)
{
    (void)state;
    Model *m = some_model(SIZES[0], 5), *wide = some_model(SIZES[1], 5);
    char path[256];
    size_t size;
    snprintf(path, sizeof path, "%s", in_scratch("bad.score"));
    score_head_save(wide, path);
    expect_death(load_score, path, EXIT_INPUT, "width 12, not 8");
    score_head_save(m, path);
    char *file = read_file(path, &size);
    for (size_t i = 0; i < size; i++) {
        file[i] ^= (char)(1 << i % 8);
        write_bytes(path, file, size);
        expect_death(load_score, path, EXIT_INPUT,
                     i < 8    ? "no score head"
                     : i < 12 ? "width"
                              : "checksum");
        file[i] ^= (char)(1 << i % 8);
    }
    for (size_t n = 0; n < size; n += 5) {
        write_bytes(path, file, n);
        expect_death(load_score, path, EXIT_INPUT, n < 12 ? "no score head" : "bytes, not");
    }
    write_bytes(path, file, size + 1);
    expect_death(load_score, path, EXIT_INPUT, "bytes, not");
    for (int i = 0; i <= SIZES[0].dim;
         i += 4) { /* a right checksum of no number; the last is score_b */
        real good = m->score_w[i];
        m->score_w[i] = (real)(real[]){ NAN, INFINITY, -INFINITY }[i / 4];
        score_head_save(m, path);
        expect_death(load_score, path, EXIT_INPUT, "bad.score: |no finite number");
        m->score_w[i] = good;
    }
    score_head_save(m, path);
    score_head_load(m, path);
    free(file);
    model_free(m), model_free(wide);
}

// ------------------------------------------------------------------------------------
// Random numbers

static void random_numbers(void **state)
{
    (void)state;
    enum { N = 200000 };
    double mean = 0, square = 0, pairs = 0, normal = 0, normal2 = 0, normal4 = 0;
    int bins[16] = { 0 }, dice[6] = { 0 };
    for (uint64_t i = 0; i < N; i++) {
        uint64_t key = rng_key(1, i % 5, i / 1000); /* few positions of many keys, as in use */
        double u = rng_uniform(key, i % 1000), next = rng_uniform(key, i % 1000 + 1),
               z = rng_normal(key, i % 1000);
        assert_true(u >= 0 && u < 1 && isfinite(z));
        assert_true(rng_uniform(key, i % 1000) == u);
        mean += u / N, square += u * u / N, pairs += u * next / N;
        normal += z / N, normal2 += z * z / N, normal4 += z * z * z * z / N;
        bins[(int)(u * 16)]++;
        int d = rng_below(key, i % 1000, 6);
        assert_true(d >= 0 && d < 6);
        dice[d]++;
    }
    assert_true(fabs(mean - 0.5) < 0.004 && fabs(square - 1 / 3.0) < 0.004
                && fabs(pairs - 0.25) < 0.004);
    assert_true(fabs(normal) < 0.012 && fabs(normal2 - 1) < 0.02 && fabs(normal4 - 3) < 0.2);
    for (int i = 0; i < 16; i++) assert_true(abs(bins[i] - N / 16) < 600);
    for (int i = 0; i < 6; i++) assert_true(abs(dice[i] - N / 6) < 900);
    assert_true(rng_key(1, 2, 3) != rng_key(1, 3, 2) && rng_key(1, 2, 3) != rng_key(2, 1, 3)
                && rng_key(0, 0, 0) != rng_key(0, 0, 1));
    assert_true(rng_uniform(0, 0) != rng_uniform(0, 1) && rng_uniform(0, 1) != rng_uniform(1, 0));
    assert_true(rng_key(1, 2, 3)
                == UINT64_C(0x27d1dade99ddf6a4)); /* a change here changes every result */
    assert_int_equal(rng_below(5, 5, 1), 0);
}

int main(int argc, char **argv)
{ /* an argument: the name of the one test to run */
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_the_reference),
#ifdef CAI_DOUBLE
        cmocka_unit_test(every_gradient),
        cmocka_unit_test(gradient_of_a_long_text),
#endif
        cmocka_unit_test(gradients_add_up),
        cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(packed_like_one_by_one),
        cmocka_unit_test(extremes),
        cmocka_unit_test(products),
        cmocka_unit_test(cached_attention),
        cmocka_unit_test(samples_like_the_network),
        cmocka_unit_test(samples_a_long_text),
        cmocka_unit_test(fills_the_context_like_llama2c),
        cmocka_unit_test(finished_or_cut),
        cmocka_unit_test(a_question_after_samples),
        cmocka_unit_test(a_question_at_the_contexts_end),
        cmocka_unit_test(greedy_is_argmax),
        cmocka_unit_test(frequencies),
        cmocka_unit_test(extreme_temperatures),
        cmocka_unit_test(sampling_edges),
        cmocka_unit_test(bad_input),
        cmocka_unit_test(block_and_init),
        cmocka_unit_test(saves_and_loads),
        cmocka_unit_test(broken_checkpoints),
        cmocka_unit_test(broken_score_heads),
        cmocka_unit_test(random_numbers),
        /* last: a child of fork has no workers, and death.h forks */
        cmocka_unit_test(jobs_run_once),
        cmocka_unit_test(same_on_any_number_of_workers),
    };
    return cmocka_run_group_tests_name("model", tests, make_scratch, remove_scratch);
}
