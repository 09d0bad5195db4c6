/* data/tables.c -- tables of figures with their intervals, at most 100 columns wide, and the
 * metrics file.
 * SPDX-License-Identifier: MIT
 */
#include "data/tables.h"

#include <math.h>
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
