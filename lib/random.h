/* lib/random.h -- counter-based random numbers: no state, any thread, any order.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_RANDOM_H
#define CAI_RANDOM_H

#include <stdint.h>

uint64_t rng_key(uint64_t seed, uint64_t stage, uint64_t item);
double rng_uniform(uint64_t key, uint64_t position); /* [0, 1) */
double rng_normal(uint64_t key, uint64_t position);
int rng_below(uint64_t key, uint64_t position, int n); /* 0..n-1 */

#endif
