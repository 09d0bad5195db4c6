/* cli/plot.h -- a metric along a stage, as a curve at the terminal.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_PLOT_H
#define CAI_CLI_PLOT_H

#include "lib/text.h"

typedef struct {
    int n;
    double *x, *y; /* (n) step, value */
} Curve;
Curve curve_of(const char *metrics, const char *metric); /* of a stage's metrics file; n 0: none */
void curve_free(Curve *c);

/* One line of at most `width` characters, each higher the larger the mean of its steps; without
 * UTF-8 in the locale, in plain characters. */
void add_sparkline(Text *t, const Curve *c, int width);

/* What a stage was about, for the end of its progress: "score ..  0.1 to 0.8". 0: it has none. */
int add_stage_sparkline(Text *t, const char *stage, const char *metrics);

#endif
