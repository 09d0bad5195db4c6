/* lib/vector.h -- exponential, maximum and sum of a row of numbers.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_VECTOR_H
#define CAI_VECTOR_H

#include "lib/real.h"

#include <math.h>
#include <stdint.h>

// clang-format off
/* e^x to 2e-7, in a form the compiler turns into vector code: x = k ln 2 + r with |r| <= ln 2 /
 * 2, e^r by its Taylor series, 2^k put straight into the exponent bits. 0 below e^-80, no more
 * than e^80: products with what lies beyond would be denormal numbers, a hundred times slower.
 * NaN stays NaN. */
static inline real fast_exp(real x)
{
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
// clang-format on

real max_of(const real *x, int n);
/* e = exp(scale (x - shift)); its sum */
real exp_sum(real *e, const real *x, real scale, real shift, int n);

#endif
