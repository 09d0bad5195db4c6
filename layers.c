/* layers.c -- the layers of a Llama, one function forward and one backward, side by side.
 *
 * What it is: arithmetic on arrays of numbers. Products (the BLAS's, or plain C), the exponential,
 * RMSNorm, rotary positions, attention with grouped queries, SwiGLU, embedding, and the softmax over
 * the vocabulary. What it is not: it knows no model, no batch, no loss; model.c puts these together.
 *
 * In backward code dy is the derivative of the loss by y. Parameter gradients are added to what
 * is there, activation gradients are overwritten unless the comment says "adds".
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#if defined(CAI_OPENBLAS)
#include <cblas.h>
#elif defined(CAI_ACCELERATE)
#include <Accelerate/Accelerate.h>
#endif

#define RMS_EPS ((real)1e-5)       /* under the root of RMSNorm, as llama2.c has it */
#define ROPE_BASE 10000.0          /* wavelengths of the rotary positions go from 2 pi to 2 pi BASE */

// ------------------------------------------------------------------------------------
// Products. All the arithmetic that counts is here: about 95 % of the operations of a step.

enum { ROWS = COLS / 4 };           /* a tile of the result, ROWS by COLS: its sums stay in registers, half of them */
enum { BLOCK_K = 512 };             /* of the inner dimension at a time: a panel of 32 KB */
enum { LINE = 64 / sizeof(real) };  /* what memory is fetched in */

/* Packs columns 0..n-1 of b (k, n) into panels (n / COLS rounded up, k, COLS): what a tile reads lies
 * end to end, filled up with zeros. Element (p, j) of b is at b[p * row + j * col]. */
void pack(real *panel, const real *b, int row, int col, int k, int n) {
    for (int j0 = 0; j0 < n; j0 += COLS)
        for (int p = 0, w = least(COLS, n - j0); p < k; p++, panel += COLS) {
            const real *from = b + (size_t)p * row + (size_t)j0 * col;
            if (col == 1 && w == COLS) memcpy(panel, from, sizeof(real) * COLS);
            else for (int j = 0; j < COLS; j++) panel[j] = j < w ? from[(size_t)j * col] : 0;
        }
}

static inline void store(real *c, const real *sum, int n, int add) {
    if (add) for (int j = 0; j < n; j++) c[j] += sum[j];
    else for (int j = 0; j < n; j++) c[j] = sum[j];
}

/* c (m, n) (+)= a b, m <= R, n <= COLS, b a panel (k, COLS). Element (i, p) of a is at a[i * row + p * col]. Where this
 * is inlined R is a constant and the loop over rows is written out: without that the sums would be in memory. What lies
 * behind the panel, of packed weights the next one, is fetched meanwhile; with few rows there would be no meanwhile. */
static inline void tile_of(int R, int m, int n, int k, const real *a, int row, int col, const real *panel,
                           int add, real *c, int ldc) {
    real sum[ROWS][COLS] = {{0}};
    const real *x[ROWS];
    for (int i = 0; i < R; i++) x[i] = a + (i < m ? (size_t)i * row : 0);
    for (int p = 0; p < k; p++, panel += COLS) {
        for (int j = 0; R == ROWS && j < COLS; j += LINE) __builtin_prefetch(panel + (size_t)k * COLS + j, 0, 2);
        #pragma GCC unroll 8
        for (int i = 0; i < R; i++)
            #pragma omp simd
            for (int j = 0; j < COLS; j++) sum[i][j] += x[i][(size_t)p * col] * panel[j];
    }
    for (int i = 0; i < m; i++, c += ldc) {
        if (n == COLS) store(c, sum[i], COLS, add);     /* a constant: no loop is left of it */
        else store(c, sum[i], n, add);
    }
}

/* The same for m <= ROWS: rows that are not there cost as much as others. */
static void tile(int m, int n, int k, const real *a, int row, int col, const real *panel,
                 int add, real *c, int ldc) {
    if (m > 4) tile_of(ROWS, m, n, k, a, row, col, panel, add, c, ldc);
    else if (m > 1) tile_of(4, m, n, k, a, row, col, panel, add, c, ldc);
    else tile_of(1, m, n, k, a, row, col, panel, add, c, ldc);
}

/* Half of attention's square matrices is zero, the future: tiles that lie in it are skipped. */
typedef enum { WHOLE, LOWER_RESULT, LOWER_LEFT, UPPER_LEFT } Shape;

/* c (+)= op(a) op(b), op(a) (m, k), op(b) (k, n), c (m, n), row-major with row strides lda ldb ldc;
 * ta, tb: the operand is stored transposed. Shape: only the tiles that touch c's lower triangle are
 * wanted; or op(a) is zero above, or below, its diagonal. In C that the compiler vectorises: by gcc, with
 * 512-bit vectors, a good library's speed on the matrices of these models; elsewhere half of it. */
static void product(Shape shape, int ta, int tb, int m, int n, int k, const real *a, int lda,
                    const real *b, int ldb, int add, real *c, int ldc) {
    real panel[BLOCK_K * COLS];
    int a_row = ta ? 1 : lda, a_col = ta ? lda : 1, b_row = tb ? 1 : ldb, b_col = tb ? ldb : 1;
    for (int j = 0; j < n; j += COLS)
        for (int p = 0; p < k; p += BLOCK_K) {
            int cols = least(COLS, n - j), depth = least(BLOCK_K, k - p);
            pack(panel, b + (size_t)p * b_row + (size_t)j * b_col, b_row, b_col, depth, cols);
            for (int i = shape == LOWER_RESULT ? j / ROWS * ROWS : 0; i < m; i += ROWS) {
                int rows = least(ROWS, m - i), from = 0, to = depth;
                if (shape == LOWER_LEFT) to = most(0, least(to, i + rows - p));
                if (shape == UPPER_LEFT) from = most(0, least(to, i - p));
                tile(rows, cols, to - from, a + (size_t)i * a_row + (size_t)(p + from) * a_col, a_row, a_col,
                     panel + from * COLS, add || p > 0, c + (size_t)i * ldc + j, ldc);
            }
        }
}

/* The large products of the linear layers go to the BLAS if there is one. */
static void gemm(int ta, int tb, int m, int n, int k, const real *a, int lda,
                 const real *b, int ldb, int add, real *c, int ldc) {
#if defined(CAI_OPENBLAS) || defined(CAI_ACCELERATE)
    enum CBLAS_TRANSPOSE op_a = ta ? CblasTrans : CblasNoTrans, op_b = tb ? CblasTrans : CblasNoTrans;
#ifdef CAI_DOUBLE
    cblas_dgemm(CblasRowMajor, op_a, op_b, m, n, k, 1, a, lda, b, ldb, add, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, op_a, op_b, m, n, k, 1, a, lda, b, ldb, (real)add, c, ldc);
#endif
#else
    product(WHOLE, ta, tb, m, n, k, a, lda, b, ldb, add, c, ldc);
#endif
}

/* y = x w^T: y (n, c_out), x (n, c_in), w (c_out, c_in) */
void matmul(real *y, const real *x, const real *w, int n, int c_in, int c_out) {
    gemm(0, 1, n, c_out, c_in, x, c_in, w, c_in, 0, y, c_out);
}

/* dx (+)= dy w: dx (n, c_in), dy (n, c_out) */
void matmul_dx(real *dx, const real *dy, const real *w, int n, int c_in, int c_out, int add) {
    gemm(0, 0, n, c_in, c_out, dy, c_out, w, c_in, add, dx, c_in);
}

/* dw += dy^T x: dw (c_out, c_in) */
void matmul_dw(real *dw, const real *dy, const real *x, int n, int c_in, int c_out) {
    gemm(1, 0, c_out, c_in, n, dy, c_out, x, c_in, 1, dw, c_in);
}

/* y += x w^T: the end of both branches of a layer, added to the residual stream */
void matmul_add(real *y, const real *x, const real *w, int n, int c_in, int c_out) {
    gemm(0, 1, n, c_out, c_in, x, c_in, w, c_in, 1, y, c_out);
}

/* y (+)= x w^T with w packed beforehand, for the few rows of sampling: a library would pack w anew at
 * every call, which costs as much as the product. */
void matmul_packed(real *y, const real *x, const real *panel, int n, int c_in, int c_out, int add) {
    for (int j = 0; j < c_out; j += COLS, panel += (size_t)c_in * COLS)
        for (int i = 0; i < n; i += ROWS)
            tile(least(ROWS, n - i), least(COLS, c_out - j), c_in, x + (size_t)i * c_in, c_in, 1, panel,
                 add, y + (size_t)i * c_out + j, c_out);
}

/* Which product routines run: timings mean nothing without it. */
const char *blas_name(void) {
#if defined(CAI_OPENBLAS)
    static char name[128];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    char version[64] = "OpenBLAS";
    sscanf(openblas_get_config(), "%*s %63s", version);
    pthread_mutex_lock(&lock);
    snprintf(name, sizeof name, "OpenBLAS %s, %s kernels", version, openblas_get_corename());
    pthread_mutex_unlock(&lock);
    return name;
#elif defined(CAI_ACCELERATE)
    return "Accelerate";
#else
    return "plain C";
#endif
}

/* The workers below are our threads; a library that starts more of its own only gets in their way. */
void blas_use_one_thread(void) {
#if defined(CAI_OPENBLAS)
    openblas_set_num_threads(1);
#endif
}

// ------------------------------------------------------------------------------------
// Exponential. libm's expf called per element costs more than all the products of a small model.

/* e^x to 2e-7, in a form the compiler turns into vector code: x = k ln 2 + r with |r| <= ln 2 / 2,
 * e^r by its Taylor series, 2^k put straight into the exponent bits. 0 below e^-80, no more than e^80:
 * products with what lies beyond would be denormal numbers, a hundred times slower. NaN stays NaN. */
static inline real fast_exp(real x) {
#ifdef CAI_DOUBLE
    return exp(x);          /* the verifier's build wants digits, not speed */
#else
    const float magic = 12582912.0f;            /* 1.5 * 2^23: adding it rounds to an integer */
    union { float f; uint32_t u; } t, two_k;
    float y = x > 80 ? 80 : x;
    t.f = y * 1.44269504f + magic;
    float k = t.f - magic;
    float r = (y - k * 0.693359375f) + k * 2.12194440e-4f;       /* ln 2 in two parts */
    float e = 1 + r * (1 + r * (1.0f / 2 + r * (1.0f / 6 + r * (1.0f / 24
                + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))))));
    two_k.u = (t.u + 127u) << 23;               /* the magic number's own bits fall off the end */
    return x < -80 ? 0 : e * two_k.f;
#endif
}

real max_of(const real *x, int n) {
    real m = x[0];
    #pragma omp simd reduction(max : m)
    for (int i = 1; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

/* e[i] = exp(scale (x[i] - shift)); returns their sum */
real exp_sum(real *e, const real *x, real scale, real shift, int n) {
    real sum = 0;
    #pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        e[i] = fast_exp(scale * (x[i] - shift));
        sum += e[i];
    }
    return sum;
}

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

typedef struct { const real *x, *panel; real *y; } Row;         /* of a product: x (k), panel (k, n) with rows ld apart, y (n) */

/* y = x panel for R rows, each with a panel of its own, n <= COLS. Side by side: every sum waits for its own last term, and
 * a single row has few of them. */
static inline void rows_of(int R, int n, int k, const Row *row, int ld) {
    real sum[ROWS][COLS] = {{0}};
    for (int p = 0; p < k; p++)
        #pragma GCC unroll 8
        for (int i = 0; i < R; i++)
            #pragma omp simd
            for (int j = 0; j < n; j++) sum[i][j] += row[i].x[p] * row[i].panel[(size_t)p * ld + j];
    for (int i = 0; i < R; i++) store(row[i].y, sum[i], n, 0);
}

/* The same for m <= ROWS. */
static void rows(int m, int n, int k, const Row *row, int ld) {
    if (n == COLS && m == ROWS) rows_of(ROWS, COLS, k, row, ld);
    else if (n == COLS && m == 4) rows_of(4, COLS, k, row, ld);
    else for (int i = 0; i < m; i++) rows_of(1, n, k, row + i, ld);
}

/* The same for one position from a cache: o (H, D) over positions 0..n-1; q (H, D), k (T/COLS, K, D, COLS), v (T, K, D),
 * s (H, whole_panels(n)) scratch. Reading the cache takes most of the time, it is too large for the processor's own: hence
 * all heads at once, from end to end. */
void attention_cached(real *o, real *s, const real *q, const real *k, const real *v, int n, int H, int K, int D) {
    int P = whole_panels(n), KD = K * D, W = COLS;
    for (int t = 0; t < n; t += COLS, k += KD * COLS)
        for (int h = 0; h < H; h += ROWS) {
            Row row[ROWS];
            int m = least(ROWS, H - h);
            for (int i = 0; i < m; i++) row[i] = (Row){q + (h + i) * D, k + (h + i) / (H / K) * D * COLS, s + (h + i) * P + t};
            rows(m, COLS, D, row, COLS);
        }
    for (int h = 0; h < H; h++) {
        real *p = s + h * P;
        for (int t = n; t < P; t++) p[t] = -INFINITY;
        real inv = 1 / exp_sum(p, p, 1 / (real)sqrt(D), max_of(p, n), P);
        for (int t = 0; t < P; t++) p[t] *= inv;
    }
    while (D % W) W--;              /* a row is W columns of a head */
    for (int j = 0; j < H * D; j += ROWS * W) {
        Row row[ROWS];
        int m = least(ROWS, (H * D - j) / W);
        for (int i = 0; i < m; i++) {
            int at = j + i * W, h = at / D;
            row[i] = (Row){s + h * P, v + h / (H / K) * D + at % D, o + at};
        }
        rows(m, W, n, row, KD);
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
