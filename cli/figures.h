/* cli/figures.h -- the paper's figures from a finished run: rows of numbers, claims about them, and
 * pictures.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_FIGURES_H
#define CAI_CLI_FIGURES_H

#include "cli/finished.h"

/* A point of a figure. figure: its name and the panel's letter, "5a". lo, hi: a 95 % interval, NaN
 * where none is known. n: the items behind it. */
typedef struct {
    char *figure, *series;
    double x, y, lo, hi;
    long n, seed;
} FigureRow;
typedef struct {
    int n;
    FigureRow *row;
} Rows;
void rows_add(Rows *r, const char *figure, const char *series, double x, Figure f, long seed);
void rows_add_all(Rows *r,
                  const Rows *more);       /* of the same figure and seed, more's take the place */
void rows_read(Rows *r, const char *path); /* nothing if there is no such file */
void rows_write(const Rows *r, const char *path);
void rows_free(Rows *r);

void rows_of_run(Rows *r, Run *run);      /* cli/figures_run.c: what a finished run holds */
void rows_of_judge(Rows *r, Run *run);    /* cli/figures_judge.c: calibration, labels */
void rows_of_training(Rows *r, Run *run); /* cli/figures_run.c: loss, score, KL, .. */

#define FRONT "Pareto front"
void rows_add_front(Rows *r, const char *figure, long seed); /* cli/figures_pool.c */

/* A figure as figures/claims.txt has it. */
enum { PANELS = 6 };
typedef struct {
    char letter, *x, *y, *how; /* how: words of logx, diagonal, dots, boxes, categories */
} Panel;
typedef struct {
    char *name, *claim, *paper, *toy, *needs; /* needs: the part of --more that it stands on */
    Panel panel[PANELS];
    int panels;
    Texts rule;
} Claim;
typedef struct {
    int n;
    Claim *claim;
} Claims;
Claims claims_read(const char *path);
void claims_free(Claims *c);

/* SHOWN: every rule holds by the nearer ends of the intervals. DEPENDS: seeds disagree.
 * UNMEASURED: a rule has no numbers. */
enum { NOT_SHOWN, SHOWN, DEPENDS, UNMEASURED };
extern const char *const VERDICT[];
int rule_holds(const char *rule, const Rows *r, long seed, Text *said); /* -1: no numbers */
int verdict_of(const Claim *c, const Rows *r, Text *said); /* said: a line a rule and seed */

/* Several seeds in one picture, cli/figures_pool.c: the mean and the range where all have the same
 * x, else a curve a seed. add_bars: says what the bars are of. */
int seeds_of(const Claim *c, const Rows *r);
Rows pooled_rows(const Claim *c, const Rows *r);
void add_bars(Text *t, const Claim *c, const Rows *r);

/* Pictures, cli/figures_draw.c. 0: there is no gnuplot. */
int draw_figures(const Claims *c, const Rows *r, const char *folder, const char *style);

/* For the report: rows of one run, and the claims that it can be asked about. */
Rows figures_of(Run *run);
Claims claims_of(const char *program);
int is_of_figure(const FigureRow *row, const Claim *c); /* "5a" is of "5" */

#endif
