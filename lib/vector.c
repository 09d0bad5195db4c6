/* lib/vector.c -- maximum and exponential of a row of numbers.
 * SPDX-License-Identifier: MIT
 */
#include "lib/vector.h"

real max_of(const real *x, int n)
{
    real m = x[0];
#pragma omp simd reduction(max : m)
    for (int i = 1; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

/* e[i] = exp(scale (x[i] - shift)); returns their sum */
real exp_sum(real *e, const real *x, real scale, real shift, int n)
{
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        e[i] = fast_exp(scale * (x[i] - shift));
        sum += e[i];
    }
    return sum;
}
