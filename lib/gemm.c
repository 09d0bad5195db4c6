/* lib/gemm.c -- matrix products. About 95 % of the arithmetic of a training step happens here.
 *
 * Every element of a result is a sum over the inner dimension in order, BLOCK_K terms at a time. So
 * its bytes do not depend on how the result is cut into tiles, on the width of the vectors, or on
 * how many threads share a product; only on whether a * b + c is rounded once (FMA) or twice.
 *
 * Reading order: packing, tiles, product, the products of a linear layer.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "lib/gemm.h"
#include "lib/threads.h"

#include <string.h>

enum { BLOCK_K = 512 };            /* of the inner dimension at a time: a panel of 64 KB at most */
enum { LINE = 64 / sizeof(real) }; /* numbers that memory brings at once */
enum { LANES = VECTOR_BYTES / sizeof(real) }; /* numbers in a vector */
enum { WIDE = COLS / LANES };                 /* vectors in a row of a tile */

/* Vectors as gcc and clang have them for every processor. Some are read from and written to arrays,
 * which are aligned as single numbers are. */
typedef real Vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real InArray __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));

/* Loops over a tile's rows and vectors are written out, or the sums would lie in memory. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

// ------------------------------------------------------------------------------------
// Packing: what a tile reads of the right operand lies end to end

/* Four by four numbers, transposed: to (4, COLS) from (4, ld). */
typedef real Four __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
#ifdef __clang__
#define MIX(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#ifdef CAI_DOUBLE
typedef long long Place;
#else
typedef int Place;
#endif
typedef Place FourPlaces __attribute__((vector_size(4 * sizeof(real))));
#define MIX(a, b, i, j, k, l) __builtin_shuffle(a, b, (FourPlaces){ i, j, k, l })
#endif
static inline void transpose_four(real *to, const real *from, int ld)
{
    Four a = *(const Four *)from, b = *(const Four *)(from + ld);
    Four c = *(const Four *)(from + 2 * ld), d = *(const Four *)(from + 3 * ld);
    Four ab0 = MIX(a, b, 0, 4, 1, 5), ab1 = MIX(a, b, 2, 6, 3, 7);
    Four cd0 = MIX(c, d, 0, 4, 1, 5), cd1 = MIX(c, d, 2, 6, 3, 7);
    *(Four *)to = MIX(ab0, cd0, 0, 1, 4, 5);
    *(Four *)(to + COLS) = MIX(ab0, cd0, 2, 3, 6, 7);
    *(Four *)(to + 2 * COLS) = MIX(ab1, cd1, 0, 1, 4, 5);
    *(Four *)(to + 3 * COLS) = MIX(ab1, cd1, 2, 3, 6, 7);
}

/* One panel: columns 0..n-1 of b (k, n), n <= COLS, to (k, COLS), filled up with zeros. */
static void pack_panel(real *panel, const real *b, int row, int col, int k, int n)
{
    int p = 0;
    if (col == 1 && n == COLS)
        for (; p < k; p++) memcpy(panel + p * COLS, b + (size_t)p * row, sizeof(real) * COLS);
    if (row == 1 && n == COLS)
        for (; p + 4 <= k; p += 4)
            for (int j = 0; j < COLS; j += 4)
                transpose_four(panel + p * COLS + j, b + (size_t)j * col + p, col);
    for (; p < k; p++)
        for (int j = 0; j < COLS; j++)
            panel[p * COLS + j] = j < n ? b[(size_t)p * row + (size_t)j * col] : 0;
}

/* Packs b (k, n) into panels (n / COLS rounded up, k, COLS). Element (p, j) of b is at
 * b[p * row + j * col]. */
void pack(real *panel, const real *b, int row, int col, int k, int n)
{
    for (int j = 0; j < n; j += COLS, panel += (size_t)k * COLS)
        pack_panel(panel, b + (size_t)j * col, row, col, k, min_int(COLS, n - j));
}

// ------------------------------------------------------------------------------------
// Tiles

// clang-format off
/* Writes or adds the first m rows and n columns of sum (R, COLS) to c. Whole tiles go by
 * vectors. */
static inline __attribute__((always_inline))
void store(int R, int m, int n, Vector sum[][WIDE], int add, real *c, int ldc)
{
    if (m == R && n == COLS) {
        UNROLL for (int i = 0; i < R; i++)
            UNROLL for (int w = 0; w < WIDE; w++) {
                InArray *to = (InArray *)(c + (size_t)i * ldc + w * LANES);
                if (add) *to += sum[i][w];
                else *to = sum[i][w];
            }
        return;
    }
    InArray copy[ROWS][WIDE];
    UNROLL for (int i = 0; i < R; i++)
        UNROLL for (int w = 0; w < WIDE; w++) copy[i][w] = sum[i][w];
    const real *from = (const real *)copy;
    for (int i = 0; i < m; i++, c += ldc, from += COLS)
        for (int j = 0; j < n; j++) c[j] = add ? c[j] + from[j] : from[j];
}

/* c (m, n) (+)= a b, m <= R, n <= COLS, b a panel (k, COLS). Element (i, p) of a is at
 * a[i * row + p * col]. R is a constant wherever this is inlined. What lies behind the panel, of
 * packed weights the next one, is fetched meanwhile; with few rows there would be no meanwhile. */
static inline __attribute__((always_inline))
void tile_of(int R, int m, int n, int k, const real *a, int row, int col, const real *panel,
             int add, real *c, int ldc)
{
    Vector sum[ROWS][WIDE] = { { { 0 } } };
    const real *x[ROWS];
    for (int i = 0; i < R; i++) x[i] = a + (i < m ? (size_t)i * row : 0);
    for (int p = 0; p < k; p++, panel += COLS) {
        Vector b[WIDE];
        UNROLL for (int w = 0; w < WIDE; w++) b[w] = *(const InArray *)(panel + w * LANES);
        for (int j = 0; R == ROWS && j < COLS; j += LINE)
            __builtin_prefetch(panel + (size_t)k * COLS + j, 0, 2);
        UNROLL for (int i = 0; i < R; i++)
            UNROLL for (int w = 0; w < WIDE; w++) sum[i][w] += x[i][(size_t)p * col] * b[w];
    }
    store(R, m, n, sum, add, c, ldc);
}
// clang-format on

/* The same for m <= ROWS: rows that are not there cost as much as others. */
static void tile(int m, int n, int k, const real *a, int row, int col, const real *panel, int add,
                 real *c, int ldc)
{
    if (m > 4) tile_of(ROWS, m, n, k, a, row, col, panel, add, c, ldc);
    else if (m > 1) tile_of(4, m, n, k, a, row, col, panel, add, c, ldc);
    else tile_of(1, m, n, k, a, row, col, panel, add, c, ldc);
}

// clang-format off
/* y = x panel for R rows, each with a panel of its own, n <= COLS. Side by side: every sum waits
 * for its own last term, and a single row has few of them. */
static inline __attribute__((always_inline))
void rows_of(int R, int n, int k, const Row *row, int ld)
{
    real sum[ROWS][COLS] = { { 0 } };
    for (int p = 0; p < k; p++)
        #pragma GCC unroll 8
        for (int i = 0; i < R; i++)
            #pragma omp simd
            for (int j = 0; j < n; j++) sum[i][j] += row[i].x[p] * row[i].panel[(size_t)p * ld + j];
    for (int i = 0; i < R; i++) memcpy(row[i].y, sum[i], sizeof(real) * (size_t)n);
}
// clang-format on

/* The same for m <= ROWS. */
void rows(int m, int n, int k, const Row *row, int ld)
{
    if (n == COLS && m == ROWS) rows_of(ROWS, COLS, k, row, ld);
    else if (n == COLS && m == 4) rows_of(4, COLS, k, row, ld);
    else
        for (int i = 0; i < m; i++) rows_of(1, n, k, row + i, ld);
}

// ------------------------------------------------------------------------------------
// Products

/* c (+)= op(a) op(b), op(a) (m, k), op(b) (k, n), c (m, n), row-major with row strides lda ldb ldc;
 * ta, tb: the operand is stored transposed. Shape: only the tiles that touch c's lower triangle are
 * wanted; or op(a) is zero above, or below, its diagonal. */
void product(Shape shape, int ta, int tb, int m, int n, int k, const real *a, int lda,
             const real *b, int ldb, int add, real *c, int ldc)
{
    /* Scratch of the thread. No call reads what an earlier one left there. */
    static _Thread_local real panel[BLOCK_K * COLS] __attribute__((aligned(64)));
    int a_row = ta ? 1 : lda, a_col = ta ? lda : 1, b_row = tb ? 1 : ldb, b_col = tb ? ldb : 1;
    for (int j = 0; j < n; j += COLS)
        for (int p = 0; p < k; p += BLOCK_K) {
            int cols = min_int(COLS, n - j), depth = min_int(BLOCK_K, k - p);
            pack_panel(panel, b + (size_t)p * b_row + (size_t)j * b_col, b_row, b_col, depth, cols);
            for (int i = shape == LOWER_RESULT ? j / ROWS * ROWS : 0; i < m; i += ROWS) {
                int height = min_int(ROWS, m - i), from = 0, to = depth;
                if (shape == LOWER_LEFT) to = max_int(0, min_int(to, i + height - p));
                if (shape == UPPER_LEFT) from = max_int(0, min_int(to, i - p));
                tile(height, cols, to - from, a + (size_t)i * a_row + (size_t)(p + from) * a_col,
                     a_row, a_col, panel + from * COLS, add || p > 0, c + (size_t)i * ldc + j, ldc);
            }
        }
}

/* y (+)= x w^T with w packed beforehand, for the few rows of sampling: packing w anew at every call
 * would cost as much as the product. */
void matmul_packed(real *y, const real *x, const real *panel, int n, int c_in, int c_out, int add)
{
    for (int j = 0; j < c_out; j += COLS, panel += (size_t)c_in * COLS)
        for (int i = 0; i < n; i += ROWS)
            tile(min_int(ROWS, n - i), min_int(COLS, c_out - j), c_in, x + (size_t)i * c_in, c_in,
                 1, panel, add, y + (size_t)i * c_out + j, c_out);
}

// ------------------------------------------------------------------------------------
// The products of a linear layer: the library's, if there is one

/* One for the process, given by lib/kernels.c before the first product. Passed as an argument it
 * would stand in every layer of the network, which does not care. */
static LibraryProduct *library_product;

void product_library(LibraryProduct *library) { library_product = library; }

typedef struct { /* a product, and into how wide pieces of its result it is cut */
    int ta, tb, m, n, k, lda, ldb, add, ldc, width;
    const real *a, *b;
    real *c;
} Pieces;

static void piece_job(void *context, int i)
{
    const Pieces *q = context;
    int j = i * q->width;
    const real *b = q->b + (size_t)j * (q->tb ? q->ldb : 1);
    product(WHOLE, q->ta, q->tb, q->m, min_int(q->width, q->n - j), q->k, q->a, q->lda, b, q->ldb,
            q->add, q->c + j, q->ldc);
}

enum { WORTH_SHARING = 1 << 21 }; /* multiplications: some 30 microseconds of a core's time */

/* Workers that have nothing to do are given columns of the result: so more than SHARDS of them help
 * in training. Not with a library, whose sums may depend on the sizes. */
static void gemm(int ta, int tb, int m, int n, int k, const real *a, int lda, const real *b,
                 int ldb, int add, real *c, int ldc)
{
    enum { ROW_MAJOR = 101, AS_IT_IS = 111 };
    if (library_product) {
        library_product(ROW_MAJOR, AS_IT_IS + ta, AS_IT_IS + tb, m, n, k, 1, a, lda, b, ldb,
                        (real)add, c, ldc);
        return;
    }
    int others = (double)m * n * k < WORTH_SHARING ? 0 : helpers();
    int panels = whole_panels(n) / COLS, pieces = min_int(panels, 2 * (others + 1));
    Pieces q = { ta, tb, m, n, k, lda, ldb, add, ldc, .width = n, .a = a, .b = b, .c = c };
    if (others && pieces > 1) q.width = (panels + pieces - 1) / pieces * COLS;
    if (q.width < n) parallel((n + q.width - 1) / q.width, piece_job, &q);
    else product(WHOLE, ta, tb, m, n, k, a, lda, b, ldb, add, c, ldc);
}

/* y = x w^T: y (n, c_out), x (n, c_in), w (c_out, c_in) */
void matmul(real *y, const real *x, const real *w, int n, int c_in, int c_out)
{
    gemm(0, 1, n, c_out, c_in, x, c_in, w, c_in, 0, y, c_out);
}

/* y += x w^T: the end of both branches of a layer, added to the residual stream */
void matmul_add(real *y, const real *x, const real *w, int n, int c_in, int c_out)
{
    gemm(0, 1, n, c_out, c_in, x, c_in, w, c_in, 1, y, c_out);
}

/* dx (+)= dy w: dx (n, c_in), dy (n, c_out) */
void matmul_dx(real *dx, const real *dy, const real *w, int n, int c_in, int c_out, int add)
{
    gemm(0, 0, n, c_in, c_out, dy, c_out, w, c_in, add, dx, c_in);
}

/* dw += dy^T x: dw (c_out, c_in) */
void matmul_dw(real *dw, const real *dy, const real *x, int n, int c_in, int c_out)
{
    gemm(1, 0, c_out, c_in, n, dy, c_out, x, c_in, 1, dw, c_in);
}
