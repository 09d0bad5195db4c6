/* lib/real.h -- the number that arrays are made of.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_REAL_H
#define CAI_REAL_H

#ifdef CAI_DOUBLE /* the verifier's build: the same sources in double precision */
typedef double real;
#else
typedef float real;
#endif

static inline int min_int(int a, int b) { return a < b ? a : b; }
static inline int max_int(int a, int b) { return a > b ? a : b; }

#endif
