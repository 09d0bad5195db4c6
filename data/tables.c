/* data/tables.c -- tables of figures with their intervals, at most 100 columns wide, and the
 * metrics file.
 * SPDX-License-Identifier: MIT
 */
#include "data/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Figure share_of(const Tally *t)
{
    return (Figure){ t->n, tally_mean(t), t->n ? share_interval(t) : (Interval){ NAN, NAN } };
}

Figure mean_of(const Tally *t, uint64_t key)
{
    return (Figure){ t->n, tally_mean(t), mean_interval(t, key) };
}

void figure_metric(Report *r, const char *group, const char *name, Figure f)
{
    char key[128];
    snprintf(key, sizeof key, "%s/%s", group, name);
    metric_of(r, key, f.value, f.n);
    snprintf(key, sizeof key, "%s/%s.lo", group, name);
    metric_of(r, key, f.at.lo, f.n);
    snprintf(key, sizeof key, "%s/%s.hi", group, name);
    metric_of(r, key, f.at.hi, f.n);
}

Cell cell_percent(Figure share)
{
    Cell c = { "not rated", "" };
    if (isnan(share.value)) return c;
    snprintf(c.value, sizeof c.value, "%.1f", 100 * share.value);
    snprintf(c.interval, sizeof c.interval, "[%.1f, %.1f]", 100 * share.at.lo, 100 * share.at.hi);
    return c;
}

Cell cell_whole(Figure f)
{
    Cell c = { "not rated", "" };
    if (isnan(f.value)) return c;
    snprintf(c.value, sizeof c.value, "%.0f", f.value + 0.0);
    if (f.at.lo < f.at.hi)
        snprintf(c.interval, sizeof c.interval, "[%.0f, %.0f]", f.at.lo, f.at.hi);
    return c;
}

Cell cell_count(double n)
{
    Cell c = { "", "" };
    snprintf(c.value, sizeof c.value, "%.0f", n);
    return c;
}

static void end_row(Text *t)
{
    while (t->s[t->n - 1] == ' ') t->n--;
    text_add(t, "\n");
}

void table_head(Text *t, const char *name, const char *const *above, const char *const *heading,
                int cells)
{
    if (above) {
        text_add(t, "%-*s", NAME_WIDTH, "");
        for (int k = 0; k < cells; k++) text_add(t, "%*s", CELL_WIDTH, above[k]);
        end_row(t);
    }
    text_add(t, "%-*s", NAME_WIDTH, name);
    for (int k = 0; k < cells; k++) text_add(t, "%*s", CELL_WIDTH, heading[k]);
    end_row(t);
}

void table_row(Text *t, const char *name, const Cell *cell, int cells)
{
    int last = cells - 1; /* that has an interval */
    while (last >= 0 && !*cell[last].interval) last--;
    text_add(t, "%-*s", NAME_WIDTH, name);
    for (int k = 0; k < cells; k++) text_add(t, "%*s", CELL_WIDTH, cell[k].value);
    if (last >= 0) text_add(t, "\n%-*s", NAME_WIDTH, "");
    for (int k = 0; k <= last; k++) text_add(t, "%*s", CELL_WIDTH, cell[k].interval);
    text_add(t, "\n");
}

/* The line of intervals below a row: nothing under the name, then cells "[12.3, 45.6]". */
static int is_intervals(const char *line)
{
    size_t blank = strspn(line, " ");
    return blank >= NAME_WIDTH && line[blank] == '[' && strchr("-0123456789", line[blank + 1]);
}

/* Cell k of a line of table_head's or table_row's columns, of n bytes, into s; "": it has none. */
static void copy_cell(char s[CELL_WIDTH + 1], const char *line, size_t n, size_t k)
{
    size_t end = NAME_WIDTH + (k + 1) * CELL_WIDTH, first = end - CELL_WIDTH;
    s[0] = 0;
    if (end > n) return;
    while (first < end && line[first] == ' ') first++;
    snprintf(s, CELL_WIDTH + 1, "%.*s", (int)(end - first), line + first);
}

/* A row and its intervals as one line; a heading, and a row that has none, are wider alone. */
static void print_wide(const char *line, size_t n, const char *intervals)
{
    size_t n_intervals = intervals ? strcspn(intervals, "\n") : 0;
    char value[CELL_WIDTH + 1], at[CELL_WIDTH + 1], *end;
    Text t = { 0 };
    text_add(&t, "%-*.*s", NAME_WIDTH, NAME_WIDTH < n ? NAME_WIDTH : (int)n, line);
    for (size_t k = 0; NAME_WIDTH + k * CELL_WIDTH < n; k++) {
        copy_cell(value, line, n, k);
        copy_cell(at, intervals, n_intervals, k);
        strtod(value, &end);
        if (*end && !*at) text_add(&t, "%*s%*s", WIDE_CELL - 2, value, 2, "");
        else text_add(&t, "%*s %*s", WIDE_CELL - CELL_WIDTH - 1, value, -CELL_WIDTH, at);
    }
    end_row(&t);
    fputs(t.s, stdout);
    free(t.s);
}

/* Of a paragraph whether it is a table with intervals, all of it in the columns. */
static int has_intervals(const char *s)
{
    int any = 0, fits = 1;
    for (size_t n; (n = strcspn(s, "\n")); s += n + (s[n] == '\n')) {
        fits &= n >= NAME_WIDTH && (n - NAME_WIDTH) % CELL_WIDTH == 0;
        any |= is_intervals(s);
    }
    return any && fits;
}

void print_tables(const char *text)
{
    const char *s = text;
    while (terminal_columns(1) >= WIDE && *s) {
        int table = has_intervals(s);
        for (size_t n; (n = strcspn(s, "\n")); s += n + (s[n] == '\n')) {
            const char *next = s + n + (s[n] == '\n');
            int row = is_intervals(next);
            if (!table) printf("%.*s", (int)n + (s[n] == '\n'), s);
            else if (!is_intervals(s)) print_wide(s, n, row ? next : NULL);
        }
        if (*s) putchar(*s++);
    }
    fputs(s, stdout);
}

void add_percent(Text *t, Figure share)
{
    if (isnan(share.value)) text_add(t, "-");
    else
        text_add(t, "%.1f %% [%.1f, %.1f]", 100 * share.value, 100 * share.at.lo,
                 100 * share.at.hi);
}

void add_number(Text *t, Figure f)
{
    if (isnan(f.value)) text_add(t, "-");
    else text_add(t, "%.3f [%.3f, %.3f]", f.value, f.at.lo, f.at.hi);
}

void add_wrapped(Text *t, const char *name, const char *text)
{
    int indent = name ? NAME_WIDTH : 0;
    size_t room = (size_t)(WIDTH - indent);
    while (*text == ' ') text++;
    do {
        size_t n = strcspn(text, "\n"), line = n;
        if (n > room) {
            for (line = room; line && text[line] != ' '; line--)
                ;
            for (n = line ? line : room; (text[n] & 0xC0) == 0x80 && n > 1; n--)
                ; /* no character is cut */
            line = n;
        }
        text_add(t, "%-*s%.*s\n", indent, name ? name : "", (int)line, text);
        name = name ? "" : NULL;
        for (text += n; *text == ' ' || *text == '\n'; text++)
            ;
    } while (*text);
}
