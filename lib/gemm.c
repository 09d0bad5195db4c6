/* lib/gemm.c -- matrix products: the BLAS's for large ones, our own tiles for small ones.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "lib/gemm.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if defined(CAI_OPENBLAS)
#include <cblas.h>
#elif defined(CAI_ACCELERATE)
#include <Accelerate/Accelerate.h>
#endif

// ------------------------------------------------------------------------------------
// Products. All the arithmetic that counts is here: about 95 % of the operations of a step.

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
/* c (+)= op(a) op(b), op(a) (m, k), op(b) (k, n), c (m, n), row-major with row strides lda ldb ldc;
 * ta, tb: the operand is stored transposed. Shape: only the tiles that touch c's lower triangle are
 * wanted; or op(a) is zero above, or below, its diagonal. In C that the compiler vectorises: by gcc, with
 * 512-bit vectors, a good library's speed on the matrices of these models; elsewhere half of it. */
void product(Shape shape, int ta, int tb, int m, int n, int k, const real *a, int lda,
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
void rows(int m, int n, int k, const Row *row, int ld) {
    if (n == COLS && m == ROWS) rows_of(ROWS, COLS, k, row, ld);
    else if (n == COLS && m == 4) rows_of(4, COLS, k, row, ld);
    else for (int i = 0; i < m; i++) rows_of(1, n, k, row + i, ld);
}
