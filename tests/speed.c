/* tests/speed.c -- GFLOP/s of the products of a linear layer, forward and backward, at the demo's
 * size, on one thread or on so many: the same program in a browser's engine and natively
 * (docs/web.md).
 * SPDX-License-Identifier: MIT
 */
#include "lib/gemm.h"
#include "lib/report.h"
#include "lib/threads.h"

#include <stdio.h>
#include <stdlib.h>

static void nothing(void *context, int i) { (void)context, (void)i; }

int main(int words, char **word)
{
    enum { N = 1280, IN = 128, OUT = 256 }; /* tokens of a batch, dim, hidden of the demo */
    static real x[N * IN], w[OUT * IN], y[N * OUT], dx[N * IN], dw[OUT * IN];
    double best = 0;
    n_workers = words > 1 ? atoi(word[1]) : 1;
    for (int i = 0; i < N * IN; i++) x[i] = (real)(i % 7 - 3);
    for (int i = 0; i < OUT * IN; i++) w[i] = (real)(i % 5 - 2);
    parallel(n_workers, nothing, NULL); /* starts the helpers that the products ask for */
    for (int round = 0; round < 20; round++) {
        double start = now_seconds();
        for (int i = 0; i < 10; i++) {
            matmul(y, x, w, N, IN, OUT);
            matmul_dx(dx, y, w, N, IN, OUT, 0);
            matmul_dw(dw, y, x, N, IN, OUT);
        }
        double rate = 10 * 3 * 2.0 * N * IN * OUT / (now_seconds() - start) / 1e9;
        if (rate > best) best = rate;
    }
    printf("%.1f GFLOP/s (best of 20 rounds), check %g\n", best, (double)(dw[7] + dx[11]));
    return 0;
}
