/* data/tables.h -- tables of figures with their intervals, at most 100 columns wide, and the
 * metrics file.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TABLES_H
#define CAI_TABLES_H

#include "cai.h"
#include "data/intervals.h"

typedef struct {
    int n;
    double value;
    Interval at;
} Figure; /* of n items; NaN: nothing is known */

Figure share_of(const Tally *t);              /* closed form; 0 items: NaN */
Figure mean_of(const Tally *t, uint64_t key); /* bootstrap */

/* Into metrics/eval.tsv: MODEL/NAME, and with .lo and .hi the ends of its interval; n in the
 * column "step". */
void figure_metric(Report *r, const char *group, const char *name, Figure f);

/* A row of a table: a name and six cells at most, under every cell its interval. */
enum { CELLS = 6, NAME_WIDTH = 13, CELL_WIDTH = 14, WIDTH = NAME_WIDTH + CELLS * CELL_WIDTH };
typedef struct {
    char value[16], interval[24];
} Cell;
Cell cell_percent(Figure share);
Cell cell_whole(Figure f); /* no decimals */
Cell cell_count(double n);
/* above: the first of two lines of headings, NULL if there is one line. */
void table_head(Text *t, const char *name, const char *const *above, const char *const *heading,
                int cells);
void table_row(Text *t, const char *name, const Cell *cell, int cells);
/* Text on standard output. At a terminal of WIDE columns, a row's intervals stand behind its
 * numbers; elsewhere, and in every file, below them. */
enum { WIDE_CELL = 22, WIDE = NAME_WIDTH + CELLS * WIDE_CELL };
void print_tables(const char *text);

/* "12.3 % [9.0, 16.9]", "0.008 [0.005, 0.013]"; "-" if nothing is known */
void add_percent(Text *t, Figure share);
void add_number(Text *t, Figure f);
/* Text broken at spaces, or within a word longer than a line, so that no line is wider than the
 * tables; in the columns behind a name, or, with NULL, in all. */
void add_wrapped(Text *t, const char *name, const char *text);

#endif
