/* cli/figures_claims.c -- what each figure claims, read from figures/claims.txt, and whether the
 * rows show it.
 *
 * Reading order: the file, a rule, the verdict.
 * SPDX-License-Identifier: MIT
 */
#include "cli/figures.h"
#include "cli/places.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const VERDICT[] = { "NOT SHOWN", "SHOWN", "DEPENDS", "not measured" };

// ------------------------------------------------------------------------------------
// The file: [NAME], then lines KEY: VALUE

/* The next part of s up to '|', without blanks around it; s moves behind it. */
static char *next_part(char **s)
{
    char *part = *s + strspn(*s, " "), *end = part + strcspn(part, "|");
    *s = *end ? end + 1 : end;
    *end = 0;
    while (end > part && end[-1] == ' ') *--end = 0;
    return xstrdup(part);
}

static void add_key(Claim *c, const char *key, char *value, const char *path, int line)
{
    if (strcmp(key, "claim") == 0) c->claim = xstrdup(value);
    else if (strcmp(key, "paper") == 0) c->paper = xstrdup(value);
    else if (strcmp(key, "toy") == 0) c->toy = xstrdup(value);
    else if (strcmp(key, "needs") == 0) c->needs = xstrdup(value);
    else if (strcmp(key, "rule") == 0) texts_add_line(&c->rule, value, line);
    else if (strcmp(key, "panel") == 0 && c->panels < PANELS) {
        Panel *p = &c->panel[c->panels++];
        char *letter = next_part(&value);
        p->letter = *letter;
        p->x = next_part(&value);
        p->y = next_part(&value);
        p->how = next_part(&value);
        free(letter);
    } else
        die(EXIT_INPUT, "%s:%d: %s: no such key, or too many panels; see the file's head", path,
            line, key);
}

Claims claims_read(const char *path)
{
    Claims c = { 0 };
    char *text = read_text(path), *s = text;
    for (int line = 1; *s; line++) {
        char *end = s + strcspn(s, "\n"), *value = s + strcspn(s, ":");
        int last = !*end;
        *end = 0;
        if (*s == '[' && end > s + 1 && end[-1] == ']') {
            end[-1] = 0;
            c.claim = xrealloc(c.claim, (size_t)c.n + 1, sizeof *c.claim);
            c.claim[c.n++] = (Claim){ .name = xstrdup(s + 1), .rule.path = xstrdup(path) };
        } else if (*s && *s != '#') {
            if (!c.n || value > end || !*value)
                die(EXIT_INPUT, "%s:%d: neither [NAME] nor KEY: VALUE; mend the line", path, line);
            *value++ = 0;
            add_key(&c.claim[c.n - 1], s, value + strspn(value, " "), path, line);
        }
        s = end + !last;
    }
    free(text);
    for (int k = 0; k < c.n; k++)
        if (!c.claim[k].claim || !c.claim[k].paper || !c.claim[k].toy || !c.claim[k].panels)
            die(EXIT_INPUT, "%s: [%s] lacks its claim, paper, toy or panel; add it", path,
                c.claim[k].name);
    return c;
}

Claims claims_of(const char *program)
{
    return claims_read(found_file("figures/claims.txt", program).s);
}

void claims_free(Claims *c)
{
    for (int k = 0; k < c->n; k++) {
        Claim *x = &c->claim[k];
        for (int p = 0; p < x->panels; p++) {
            free(x->panel[p].x);
            free(x->panel[p].y);
            free(x->panel[p].how);
        }
        texts_free(&x->rule);
        free(x->name);
        free(x->claim);
        free(x->paper);
        free(x->toy);
        free(x->needs);
    }
    free(c->claim);
}

int is_of_figure(const FigureRow *row, const Claim *c)
{
    size_t n = strlen(c->name);
    const char *rest = row->figure + n + (row->figure[n] == '-');
    return strncmp(row->figure, c->name, n) == 0 && rest[0] >= 'a' && rest[0] <= 'z' && !rest[1];
}

// ------------------------------------------------------------------------------------
// A rule: FIGURE "SERIES" POINT above | below | not-above | not-below FIGURE "SERIES" POINT, or a
// number on its right. POINT: first, last, highest, lowest, or an x; one point alone is no first

static const FigureRow *row_at(const Rows *r, long seed, const char *figure, const char *series,
                               const char *point)
{
    const FigureRow *best = NULL, *last = NULL;
    char *end;
    double x = strtod(point, &end);
    for (int i = 0; i < r->n; i++) {
        const FigureRow *row = &r->row[i];
        if (row->seed != seed || strcmp(row->figure, figure) || strcmp(row->series, series))
            continue;
        last = row;
        if (!*end && fabs(row->x - x) > 1e-9) continue;
        if (!best || strcmp(point, "last") == 0
            || (strcmp(point, "highest") == 0 && row->y > best->y)
            || (strcmp(point, "lowest") == 0 && row->y < best->y))
            best = row;
    }
    return strcmp(point, "first") == 0 && best == last ? NULL : best;
}

/* A point without an interval is taken as it is. */
static double low(const FigureRow *row) { return isnan(row->lo) ? row->y : row->lo; }
static double high(const FigureRow *row) { return isnan(row->hi) ? row->y : row->hi; }

static void add_point(Text *t, const char *series, const char *point, const FigureRow *row)
{
    text_add(t, "%s, %s %.3g", series, point, row->y);
    if (!isnan(row->lo)) text_add(t, " [%.3g, %.3g]", row->lo, row->hi);
}

/* -1: no numbers. */
int rule_holds(const char *rule, const Rows *r, long seed, Text *said)
{
    char f[2][32] = { "" }, s[2][64] = { "" }, p[2][16] = { "" }, op[16] = "", *end;
    int n = sscanf(rule, "%31s \"%63[^\"]\" %15s %15s %31s \"%63[^\"]\" %15s", f[0], s[0], p[0], op,
                   f[1], s[1], p[1]);
    double bar = strtod(f[1], &end);
    int not = strncmp(op, "not-", 4) == 0, above = strcmp(op + 4 * not, "above") == 0;
    if ((n != 5 || *end) && n != 7) die(EXIT_INPUT, "\"%s\": not a rule; see claims.txt", rule);
    if (!above && strcmp(op + 4 * not, "below"))
        die(EXIT_INPUT, "\"%s\": neither above nor below; see claims.txt", rule);
    const FigureRow *a = row_at(r, seed, f[0], s[0], p[0]),
                    fixed = { .y = bar, .lo = NAN, .hi = NAN };
    const FigureRow *b = n == 7 ? row_at(r, seed, f[1], s[1], p[1]) : &fixed;
    if (!a || !b) return -1;
    int holds = above ? low(a) > high(b) : high(a) < low(b);
    add_point(said, s[0], p[0], a);
    text_add(said, " %s ", op);
    if (n == 7) add_point(said, s[1], p[1], b);
    else text_add(said, "%.3g", bar);
    return not ? !holds : holds;
}

// ------------------------------------------------------------------------------------
// The verdict

static int seed_after(const Rows *r, const Claim *c, long before, int first, long *seed)
{
    int found = 0;
    for (int i = 0; i < r->n; i++)
        if (is_of_figure(&r->row[i], c) && (first || r->row[i].seed > before)
            && (!found || r->row[i].seed < *seed)) {
            *seed = r->row[i].seed;
            found = 1;
        }
    return found;
}

int verdict_of(const Claim *c, const Rows *r, Text *said)
{
    int verdict = UNMEASURED, first = 1;
    long seed = 0;
    for (; seed_after(r, c, seed, first, &seed); first = 0) {
        int here = SHOWN;
        for (int k = 0; k < c->rule.n; k++) {
            Text what = { 0 };
            int holds = rule_holds(c->rule.s[k], r, seed, &what);
            text_add(said, "%s  seed %ld: %s\n",
                     holds < 0 ? "?  "
                     : holds   ? "yes"
                               : "no ",
                     seed, holds < 0 ? c->rule.s[k] : what.s);
            free(what.s);
            if (holds < 0) here = UNMEASURED;
            else if (!holds && here == SHOWN) here = NOT_SHOWN;
        }
        if (first) verdict = here;
        else if (verdict != here && verdict != UNMEASURED)
            verdict = here == UNMEASURED ? UNMEASURED : DEPENDS;
    }
    return c->rule.n ? verdict : UNMEASURED;
}
