/* lib/gemm.h -- matrix products; row-major arrays, shapes at the functions.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_GEMM_H
#define CAI_GEMM_H

#include "lib/real.h"

const char *blas_name(void);       /* e.g. "OpenBLAS 0.3.21, SkylakeX kernels" or "plain C" */
void blas_use_one_thread(void);
/* The three products of a linear layer: x (n, c_in), w (c_out, c_in), y (n, c_out). */
void matmul(real *y, const real *x, const real *w, int n, int c_in, int c_out);         /* y  = x w^T   */
void matmul_add(real *y, const real *x, const real *w, int n, int c_in, int c_out);     /* y += x w^T   */
void matmul_dx(real *dx, const real *dy, const real *w, int n, int c_in, int c_out, int add);  /* dx (+)= dy w */
void matmul_dw(real *dw, const real *dy, const real *x, int n, int c_in, int c_out);    /* dw += dy^T x */

/* The same with w packed beforehand into panels of COLS columns, for the few rows of sampling. */
#ifdef __AVX512F__
enum { COLS = 32 };                 /* as many as the registers hold beside the rest of a tile */
#else
enum { COLS = 16 };
#endif
enum { ROWS = COLS / 4 };           /* a tile of the result, ROWS by COLS: its sums stay in registers, half of them */
static inline int whole_panels(int n) { return (n + COLS - 1) / COLS * COLS; }
void pack(real *panel, const real *b, int row, int col, int k, int n);
void matmul_packed(real *y, const real *x, const real *panel, int n, int c_in, int c_out, int add);

/* Half of attention's square matrices is zero, the future: tiles that lie in it are skipped. */
typedef enum { WHOLE, LOWER_RESULT, LOWER_LEFT, UPPER_LEFT } Shape;
void product(Shape shape, int ta, int tb, int m, int n, int k, const real *a, int lda,
             const real *b, int ldb, int add, real *c, int ldc);

typedef struct { const real *x, *panel; real *y; } Row;     /* of a product: x (k), panel (k, n), y (n) */
void rows(int m, int n, int k, const Row *row, int ld);     /* m rows, each with a panel of its own */

#endif
