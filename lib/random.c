/* lib/random.c -- random numbers from a counter: no state, no shared stream, any thread, any order.
 * SPDX-License-Identifier: MIT
 */
#include "lib/random.h"

#include <math.h>

// ------------------------------------------------------------------------------------
// Random numbers from a counter: the number at (key, position) is a hash of both. Nothing is
// carried from draw to draw, so any thread may draw anything in any order and get the same.

/* A bijection of 64 bits in which every input bit moves every output bit: two rounds of shift,
 * xor and multiply (the finaliser of splitmix64; Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rng_bits(uint64_t key, uint64_t position)
{
    return mix(key + (position + 1) * 0x9e3779b97f4a7c15u); /* 2^64 / golden ratio, odd */
}

uint64_t rng_key(uint64_t seed, uint64_t stage, uint64_t item)
{
    return rng_bits(rng_bits(rng_bits(0, seed), stage), item);
}

double rng_uniform(uint64_t key, uint64_t position)
{
    return (double)(rng_bits(key, position) >> 11) * 0x1p-53;
}

/* Box and Muller: the radius from one uniform in (0, 1], the angle from another. */
double rng_normal(uint64_t key, uint64_t position)
{
    double u = 1 - rng_uniform(key, 2 * position), v = rng_uniform(key, 2 * position + 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Biased by at most n / 2^53. */
int rng_below(uint64_t key, uint64_t position, int n)
{
    return (int)(rng_uniform(key, position) * n);
}
