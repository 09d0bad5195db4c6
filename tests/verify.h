/* tests/verify.h -- what the verifier's files share.
 * SPDX-License-Identifier: MIT */
#ifndef VERIFY_H
#define VERIFY_H
#include "cai.h"
#include <math.h>

/* One row of the table. tag: E1..E14, or "layer", "model"; name: FUNCTION/WHAT, never used twice;
 * against: where the expected value comes from, which is never the code under test; error: how far
 * off; the check passes if error <= tolerance (a NaN fails). The reason of a tolerance stands where
 * it is given. */
void check(const char *tag, const char *name, const char *against, double error, double tolerance);

/* The larger of two errors. A NaN stays; fmax would drop it, and the check would pass. */
static inline double larger(double a, double b) { return a > b || isnan(a) ? a : b; }

/* Rounding of a few operations on numbers near 1, in double: 2.2e-16 each; sums of a hundred. */
#define ROUNDING 1e-14
/* Central differences with step h: h^2 of truncation and 1e-16 / h of rounding balance near 1e-5,
 * at 1e-10; relative to gradients of 0.01 and more. */
#define DIFFERENCES 1e-8

void verify_equations(void); /* E1..E14 as functions of numbers */
void verify_world(void);     /* all answers of a small world: bias, optima, the KL table */
void verify_layers(void);    /* backward of each layer against differences of its forward */
void verify_model(void);     /* the whole network through each loss; invariances */
void dump_cases(const char *folder);

/* Worked examples of a tag (NULL: of all) on the numbers of argument[0..n), "name=number" each;
 * n < 0 prints nothing. Returns the number of derivatives that differ from the differences; -1: no
 * such tag. */
int examples(const char *tag, int n, char **argument);
#endif
