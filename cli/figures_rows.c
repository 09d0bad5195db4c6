/* cli/figures_rows.c -- the figures' rows, and the tidy table that they are kept in: figure,
 * series, x, y, lo, hi, n, seed, with tabs between.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "cli/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A point that is no number is no point. */
/* What rounding left of a zero is a zero: it is not above one. */
static double rounded(double x) { return fabs(x) < 1e-9 ? 0 : x; }

void rows_add(Rows *r, const char *figure, const char *series, double x, Figure f, long seed)
{
    if (!isfinite(x) || !isfinite(f.value)) return;
    r->row = xrealloc(r->row, (size_t)r->n + 1, sizeof *r->row);
    r->row[r->n++] = (FigureRow){ xstrdup(figure),  xstrdup(series),  x,   rounded(f.value),
                                  rounded(f.at.lo), rounded(f.at.hi), f.n, seed };
}

static void free_row(FigureRow *row)
{
    free(row->figure);
    free(row->series);
}

void rows_add_all(Rows *r, const Rows *more)
{
    int kept = 0;
    for (int i = 0; i < r->n; i++) {
        int again = 0;
        for (int k = 0; k < more->n && !again; k++)
            again = strcmp(r->row[i].figure, more->row[k].figure) == 0
                    && r->row[i].seed == more->row[k].seed;
        if (again) free_row(&r->row[i]);
        else r->row[kept++] = r->row[i];
    }
    r->n = kept;
    for (int k = 0; k < more->n; k++) {
        const FigureRow *m = &more->row[k];
        rows_add(r, m->figure, m->series, m->x, (Figure){ (int)m->n, m->y, { m->lo, m->hi } },
                 m->seed);
    }
}

void rows_free(Rows *r)
{
    for (int i = 0; i < r->n; i++) free_row(&r->row[i]);
    free(r->row);
    *r = (Rows){ 0 };
}

/* An empty cell is a number that is not known. */
static double number_of(const char *cell, const char *path, int line)
{
    char *end;
    double x = *cell ? strtod(cell, &end) : NAN;
    if (*cell && *end)
        die(EXIT_INPUT, "%s:%d: \"%s\" is no number; mend or remove the file", path, line, cell);
    return x;
}

void rows_read(Rows *r, const char *path)
{
    if (!is_there(path)) return;
    char *text = read_text(path), *s = text;
    for (int line = 1; *s; line++) {
        char *cell[8] = { s }, *end = s + strcspn(s, "\n");
        int n = 1;
        for (char *c = s; c < end; c++)
            if (*c == '\t') {
                *c = 0;
                if (n < 8) cell[n] = c + 1;
                n++;
            }
        s = end + (*end == '\n');
        *end = 0;
        if (n != 8)
            die(EXIT_INPUT, "%s:%d: %d columns, not 8; mend or remove the file", path, line, n);
        if (line == 1) continue;
        rows_add(r, cell[0], cell[1], number_of(cell[2], path, line),
                 (Figure){ (int)number_of(cell[6], path, line),
                           number_of(cell[3], path, line),
                           { number_of(cell[4], path, line), number_of(cell[5], path, line) } },
                 (long)number_of(cell[7], path, line));
    }
    free(text);
}

static void put_number(FILE *f, double x)
{
    if (isfinite(x)) fprintf(f, "\t%.6g", x);
    else fputc('\t', f);
}

void rows_write(const Rows *r, const char *path)
{
    FILE *f = create_file(path);
    fprintf(f, "figure\tseries\tx\ty\tlo\thi\tn\tseed\n");
    for (int i = 0; i < r->n; i++) {
        const FigureRow *row = &r->row[i];
        fprintf(f, "%s\t%s", row->figure, row->series);
        put_number(f, row->x);
        put_number(f, row->y);
        put_number(f, row->lo);
        put_number(f, row->hi);
        fprintf(f, "\t%ld\t%ld\n", row->n, row->seed);
    }
    commit_file(f, path);
}
