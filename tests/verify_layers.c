/* tests/verify_layers.c -- the backward pass of every layer against central differences of its
 * forward pass. The loss of a layer is sum c y with fixed random c, so that dy = c; every element
 * of every input is moved.
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Nothing round, H > K. */
enum { N = 5, C = 12, F = 10, T = 7, H = 4, K = 2, D = 6, VOCAB = 9, MAX = 4096 };
static real x[MAX], w[MAX], u[MAX], c[MAX], dx[MAX], dw[MAX], du[MAX]; /* inputs, gradients */
static real y[MAX], kept[MAX], table[MAX];
static int token[N] = { 3, 8, 3, 0, 5 }, pos[N] = { 0, 4, 1, 2, 6 };

static void fill(real *a, int n, uint64_t key)
{
    for (int i = 0; i < n; i++) a[i] = (real)rng_normal(key, (uint64_t)i);
}

static void start(void)
{
    fill(x, MAX, 1), fill(w, MAX, 2), fill(u, MAX, 3), fill(c, MAX, 4);
    memset(dx, 0, sizeof dx), memset(dw, 0, sizeof dw), memset(du, 0, sizeof du);
}

static double weighted(const real *a, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)c[i] * a[i];
    return sum;
}

/* Largest difference between d and the slopes of loss() by a[0..n), over the largest slope. */
static double off(real *a, int n, const real *d, double (*loss)(void))
{
    double worst = 0, largest = 0, h = 1e-5;
    for (int i = 0; i < n; i++) {
        real at = a[i];
        a[i] = (real)(at + h);
        double up = loss();
        a[i] = (real)(at - h);
        double down = loss();
        a[i] = at;
        worst = larger(worst, fabs((up - down) / (2 * h) - d[i]));
        largest = larger(largest, fabs(d[i]));
    }
    return worst / largest; /* all zero: NaN, which fails */
}

static void row(const char *name, double error)
{
    check("layer", name, "central differences, every element", error, DIFFERENCES);
}

static double linear(void)
{
    matmul(y, x, w, N, C, F);
    return weighted(y, N * F);
}
static double linear_add(void)
{
    memset(y, 0, sizeof y);
    matmul_add(y, x, w, N, C, F);
    return weighted(y, N * F);
}
static double packed(void)
{
    pack(kept, w, 1, C, C, F);
    matmul_packed(y, x, kept, N, C, F, 0);
    return weighted(y, N * F);
}

static void products(void)
{
    start();
    matmul_dx(dx, c, w, N, C, F, 0);
    matmul_dw(dw, c, x, N, C, F);
    row("matmul/x", off(x, N * C, dx, linear));
    row("matmul/w", off(w, F * C, dw, linear));
    row("matmul_add/x", off(x, N * C, dx, linear_add));
    row("matmul_packed/x", off(x, N * C, dx, packed));
    matmul_dx(dx, c, w, N, C, F, 1); /* adds: twice the gradient */
    for (int i = 0; i < N * C; i++) dx[i] /= 2;
    row("matmul_dx/adds", off(x, N * C, dx, linear));
    double plain = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < F; j++) {
            double sum = 0;
            for (int k = 0; k < C; k++) sum += (double)x[i * C + k] * w[j * C + k];
            plain += (double)c[i * F + j] * sum;
        }
    check("layer", "matmul/value", "three loops", fabs(linear() - plain) + fabs(packed() - plain),
          ROUNDING * 100);
}

static double norm(void)
{
    rmsnorm_forward(y, kept, x, w, N, C);
    return weighted(y, N * C);
}

static void rmsnorm(void)
{
    double value = 0;
    start();
    norm();
    rmsnorm_backward(dx, dw, c, x, kept, w, N, C);
    row("rmsnorm/x", off(x, N * C, dx, norm));
    row("rmsnorm/w", off(w, C, dw, norm));
    norm();
    for (int i = 0; i < N; i++) {
        double square = 0;
        for (int j = 0; j < C; j++) square += (double)x[i * C + j] * x[i * C + j] / C;
        for (int j = 0; j < C; j++)
            value = larger(value, fabs(y[i * C + j] - w[j] * x[i * C + j] / sqrt(square + 1e-5)));
    }
    check("layer", "rmsnorm/value", "w x / sqrt(mean x^2 + 1e-5)", value, ROUNDING * 10);
}

static double turned(void)
{
    memcpy(y, x, sizeof y);
    rope_forward(y, table, pos, N, 2, D);
    return weighted(y, N * 2 * D);
}

static void rope(void)
{
    double value = 0;
    start();
    rope_table(table, T, D);
    memcpy(dx, c, sizeof dx);
    rope_backward(dx, table, pos, N, 2, D);
    row("rope/x", off(x, N * 2 * D, dx, turned));
    turned();
    for (int i = 0; i < N; i++) /* the angle of pair j is pos 10000^(-2j/D) */
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < D / 2; j++) {
                double a = pos[i] / pow(10000, 2.0 * j / D);
                const real *from = x + (i * 2 + h) * D + 2 * j, *to = y + (i * 2 + h) * D + 2 * j;
                value = larger(value, fabs(to[0] - (from[0] * cos(a) - from[1] * sin(a)))
                                          + fabs(to[1] - (from[0] * sin(a) + from[1] * cos(a))));
            }
    check("layer", "rope/value", "rotation of neighbouring pairs by pos 10000^(-2j/D)", value,
          ROUNDING * 10);
}

/* q in x, k in w, v in u; kept: attention weights, dx.. in the same order */
static double attend(void)
{
    attention_forward(y, kept, x, w, u, T, H, K, D);
    return weighted(y, T * H * D);
}

static void attention(void)
{
    static real ds[MAX], o[MAX], scratch[H * COLS];
    double value = 0, cached = 0;
    start();
    attend();
    attention_backward(dx, dw, du, ds, c, kept, x, w, u, T, H, K, D);
    row("attention/q", off(x, T * H * D, dx, attend));
    row("attention/k", off(w, T * K * D, dw, attend));
    row("attention/v", off(u, T * K * D, du, attend));
    attend();
    for (int t = 0; t < T; t++)
        for (int h = 0; h < H; h++) {
            double e[T], sum = 0;
            int g = h / (H / K);
            for (int s = 0; s <= t; s++) {
                e[s] = 0;
                for (int j = 0; j < D; j++)
                    e[s] += (double)x[(t * H + h) * D + j] * w[(s * K + g) * D + j];
                sum += e[s] = exp(e[s] / sqrt(D));
            }
            for (int j = 0; j < D; j++) {
                double want = 0;
                for (int s = 0; s <= t; s++) want += e[s] / sum * u[(s * K + g) * D + j];
                o[(t * H + h) * D + j] = (real)want;
                value = larger(value, fabs(y[(t * H + h) * D + j] - want));
            }
        }
    check("layer", "attention/value", "softmax(q k / sqrt D) v, loops over the past", value,
          ROUNDING * 10);
    static real keys[K * D * COLS], out[H * D]; /* the last position from a cache */
    for (int s = 0; s < T; s++)
        for (int j = 0; j < K * D; j++) keys[j * COLS + s] = w[s * K * D + j];
    attention_cached(out, scratch, x + (T - 1) * H * D, keys, u, T, H, K, D);
    for (int j = 0; j < H * D; j++) cached = larger(cached, fabs(out[j] - o[(T - 1) * H * D + j]));
    check("layer", "attention_cached/value", "the same loops", cached, ROUNDING * 10);
}

static double gated(void)
{
    swiglu_forward(y, x, u, N * F);
    return weighted(y, N * F);
}

static void swiglu(void)
{
    static real again[MAX];
    double value = 0, recomputed = 0;
    start();
    gated();
    swiglu_backward(dx, du, again, c, x, u, N * F);
    for (int i = 0; i < N * F; i++) {
        value = larger(value, fabs(y[i] - x[i] / (1 + exp(-x[i])) * u[i]));
        recomputed = larger(recomputed, fabs(again[i] - y[i]));
    }
    row("swiglu/gate", off(x, N * F, dx, gated));
    row("swiglu/up", off(u, N * F, du, gated));
    check("layer", "swiglu/value", "g / (1 + e^-g) u, forward and again in backward",
          value + recomputed, ROUNDING * 10);
}

static double embedded(void)
{
    embed_forward(y, w, token, N, C);
    return weighted(y, N * C);
}

static real entropy[N];
static double vocabulary(void)
{
    memcpy(kept, x, sizeof kept);
    logsoftmax_forward(y, entropy, kept, token, N, VOCAB);
    return weighted(y, N);
}

static void ends(void)
{
    double value = 0;
    start();
    embed_backward(dw, c, token, N, C);
    row("embed/table", off(w, VOCAB * C, dw, embedded));
    vocabulary();
    logsoftmax_backward(kept, c, token, N, VOCAB);
    memcpy(dx, kept, sizeof dx);
    row("logsoftmax/logits", off(x, N * VOCAB, dx, vocabulary));
    vocabulary();
    for (int i = 0; i < N; i++) {
        double sum = 0, H_i = 0;
        for (int j = 0; j < VOCAB; j++) sum += exp(x[i * VOCAB + j]);
        for (int j = 0; j < VOCAB; j++)
            H_i -= exp(x[i * VOCAB + j]) / sum * (x[i * VOCAB + j] - log(sum));
        value = larger(value,
                       fabs(y[i] - (x[i * VOCAB + token[i]] - log(sum))) + fabs(entropy[i] - H_i));
    }
    check("layer", "logsoftmax/value", "log-probability and entropy written out", value,
          ROUNDING * 10);
}

void verify_layers(void)
{
    products();
    rmsnorm();
    rope();
    attention();
    swiglu();
    ends();
}
