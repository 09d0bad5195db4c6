/* lib/gemm.h -- matrix products; row-major arrays, shapes at the functions.
 *
 * The products here are our own, or those of a BLAS library that lib/kernels.c found, checked and
 * handed over by product_library().
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_GEMM_H
#define CAI_GEMM_H

#include "lib/real.h"

// clang-format off
/* The products of a linear layer: x (n, c_in), w (c_out, c_in), y (n, c_out). In this order
 * y = x w^T,  y += x w^T,  dx (+)= dy w,  dw += dy^T x. */
void matmul(real *y, const real *x, const real *w, int n, int c_in, int c_out);
void matmul_add(real *y, const real *x, const real *w, int n, int c_in, int c_out);
void matmul_dx(real *dx, const real *dy, const real *w, int n, int c_in, int c_out, int add);
void matmul_dw(real *dw, const real *dy, const real *x, int n, int c_in, int c_out);
// clang-format on

/* A tile is a block of the result, ROWS by COLS, whose sums stay in registers. COLS is two vectors
 * wide (four of the narrow ones); ROWS is what the registers then hold. */
#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64, COLS = 128 / sizeof(real), ROWS = 8 };
#elif defined(__AVX2__) && defined(__FMA__)
enum { VECTOR_BYTES = 32, COLS = 64 / sizeof(real), ROWS = 6 };
#else
enum { VECTOR_BYTES = 16, COLS = 64 / sizeof(real), ROWS = 4 };
#endif
static inline int whole_panels(int n) { return (n + COLS - 1) / COLS * COLS; }

/* The same with w packed beforehand into panels of COLS columns, for the few rows of sampling. */
void pack(real *panel, const real *b, int row, int col, int k, int n);
void matmul_packed(real *y, const real *x, const real *panel, int n, int c_in, int c_out, int add);

/* Half of attention's square matrices is zero, the future: tiles that lie in it are skipped. */
typedef enum { WHOLE, LOWER_RESULT, LOWER_LEFT, UPPER_LEFT } Shape;
void product(Shape shape, int ta, int tb, int m, int n, int k, const real *a, int lda,
             const real *b, int ldb, int add, real *c, int ldc);

/* m rows of a product, each with a panel of its own: y (n) = x (k) panel (k, n), whose rows are ld
 * numbers apart. */
typedef struct {
    const real *x, *panel;
    real *y;
} Row;
void rows(int m, int n, int k, const Row *row, int ld);

/* A library's product, as cblas_sgemm and cblas_dgemm have it (order 101: row-major; transpose
 * 111: no, 112: yes). The products of linear layers use it from then on; NULL: our own. */
typedef void LibraryProduct(int order, int ta, int tb, int m, int n, int k, real alpha,
                            const real *a, int lda, const real *b, int ldb, real beta, real *c,
                            int ldc);
void product_library(LibraryProduct *library);

#endif
