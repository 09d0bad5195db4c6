/* cli/plot.c -- a metric along a stage, as a curve at the terminal.
 *
 * Reading order: what a metrics file says, one line, a picture of dots, the command.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "cli/plot.h"
#include "cli/commands.h"
#include "cli/stages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// What a metrics file says: stage, step, metric, seed, value, n, with tabs between

/* The next line's step, metric and value. metric is not ended by a NUL, but by a tab. NULL: there
 * is none. */
static const char *next_metric(const char **at, double *step, double *value)
{
    const char *stage = *at, *end = stage + strcspn(stage, "\n"), *field[6] = { stage };
    int n = 1;
    for (const char *s = stage; s < end && n < 6; s++)
        if (*s == '\t') field[n++] = s + 1;
    if (n < 5) return NULL;
    *at = end + (*end == '\n');
    *step = strtod(field[1], NULL);
    *value = strtod(field[4], NULL);
    return field[2];
}

static int is_metric(const char *field, const char *name)
{
    size_t n = strlen(name);
    return strncmp(field, name, n) == 0 && field[n] == '\t';
}

Curve curve_of(const char *metrics, const char *metric)
{
    Curve c = { 0 };
    double x, y;
    for (const char *field; (field = next_metric(&metrics, &x, &y));) {
        if (!is_metric(field, metric) || !isfinite(y)) continue;
        c.x = xrealloc(c.x, (size_t)c.n + 1, sizeof *c.x);
        c.y = xrealloc(c.y, (size_t)c.n + 1, sizeof *c.y);
        c.x[c.n] = x;
        c.y[c.n++] = y;
    }
    return c;
}

void curve_free(Curve *c)
{
    free(c->x);
    free(c->y);
    *c = (Curve){ 0 };
}

static void widen(const Curve *c, double *lo, double *hi)
{
    for (int i = 0; i < c->n; i++) {
        *lo = fmin(*lo, c->y[i]);
        *hi = fmax(*hi, c->y[i]);
    }
}

// ------------------------------------------------------------------------------------
// One line

/* What the locale's variables say, the first of them that is set. */
static int terminal_has_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (int i = 0; i < 3; i++) {
        const char *s = getenv(names[i]);
        if (s && *s) return strstr(s, "UTF-8") || strstr(s, "utf8") || strstr(s, "UTF8");
    }
    return 0;
}

static void add_code(Text *t, unsigned code)
{
    char s[8] = { 0 };
    utf8_put(s, code);
    text_add(t, "%s", s);
}

void add_sparkline(Text *t, const Curve *c, int width)
{
    static const char plain[] = "_.-=+*#@";
    double lo = INFINITY, hi = -INFINITY;
    int utf8 = terminal_has_utf8(), cells = c->n < width ? c->n : width;
    widen(c, &lo, &hi);
    for (int k = 0; k < cells; k++) {
        int first = (int)((long)k * c->n / cells), end = (int)((k + 1L) * c->n / cells);
        double mean = 0;
        for (int i = first; i < end; i++) mean += c->y[i] / (end - first);
        int level = hi > lo ? (int)(7.999 * (mean - lo) / (hi - lo)) : 0;
        level = level < 0 ? 0 : level > 7 ? 7 : level;
        if (utf8) add_code(t, 0x2581 + (unsigned)level); /* a block, an eighth to full */
        else text_add(t, "%c", plain[level]);
    }
}

int add_stage_sparkline(Text *t, const char *stage, const char *metrics)
{
    enum { ROOM = 60 };
    int loss = strcmp(stage, "pretrain") == 0;
    if (!loss && strcmp(stage, "rl") && strcmp(stage, "helpful")) return 0;
    Curve c = curve_of(metrics, loss ? "loss" : "objective/scores");
    if (c.n > 1) {
        text_add(t, "%s ", loss ? "loss" : "score");
        add_sparkline(t, &c, ROOM);
        text_add(t, " %.3g to %.3g", c.y[0], c.y[c.n - 1]);
    }
    int any = c.n > 1;
    curve_free(&c);
    return any;
}

// ------------------------------------------------------------------------------------
// A picture of dots, two by four to a character

enum { WIDE = 72, HIGH = 12 };
typedef struct {
    unsigned char on[4 * HIGH][2 * WIDE];
} Dots;

/* The curve at that share of its length, on the straight line between two steps. */
static double value_at(const Curve *c, double share)
{
    double x = c->x[0] + share * (c->x[c->n - 1] - c->x[0]);
    int i = 0;
    while (i + 2 < c->n && c->x[i + 1] <= x) i++;
    if (c->n == 1 || c->x[i + 1] == c->x[i]) return c->y[i];
    return c->y[i] + (x - c->x[i]) / (c->x[i + 1] - c->x[i]) * (c->y[i + 1] - c->y[i]);
}

static void draw_dots(Dots *d, const Curve *c, double lo, double hi)
{
    int before = -1;
    for (int x = 0; x < 2 * WIDE; x++) {
        double y = (value_at(c, x / (2.0 * WIDE - 1)) - lo) / (hi > lo ? hi - lo : 1);
        int row = (int)lround((1 - y) * (4 * HIGH - 1)), from = before < 0 ? row : before;
        for (int r = from < row ? from : row; r <= (from < row ? row : from); r++) d->on[r][x] = 1;
        before = row;
    }
}

static void print_dots(const Dots *d, double lo, double hi)
{
    static const int bit[4][2] = { { 0, 3 }, { 1, 4 }, { 2, 5 }, { 6, 7 } }; /* of Braille */
    int utf8 = terminal_has_utf8();
    for (int row = 0; row < HIGH; row++) {
        Text t = { 0 };
        if (row == 0) text_add(&t, "%10.4g |", hi);
        else if (row == HIGH - 1) text_add(&t, "%10.4g |", lo);
        else text_add(&t, "%10s |", "");
        for (int x = 0; x < WIDE; x++) {
            unsigned dots = 0;
            for (int k = 0; k < 8; k++)
                dots |= (unsigned)d->on[4 * row + k / 2][2 * x + k % 2] << bit[k / 2][k % 2];
            if (utf8 && dots) add_code(&t, 0x2800 + dots);
            else text_add(&t, "%c", dots ? '*' : ' ');
        }
        while (t.s[t.n - 1] == ' ') t.s[--t.n] = 0;
        puts(t.s);
        free(t.s);
    }
}

// ------------------------------------------------------------------------------------
// The command

/* A metric's name in full is STAGE/METRIC. A person may leave the stage out, or all but the last
 * part. */
static int is_meant(const char *full, const char *wanted)
{
    const char *metric = strchr(full, '/') + 1, *part = strrchr(full, '/') + 1;
    size_t stage = (size_t)(metric - full);
    if (strcmp(full, wanted) == 0 || strcmp(metric, wanted) == 0 || strcmp(part, wanted) == 0)
        return 1;
    return strncmp(full, wanted, stage) == 0 && strcmp(part, wanted + stage) == 0;
}

static char *metrics_of(const Run *run, const char *stage)
{
    Text name = { 0 };
    text_add(&name, "metrics/%s.tsv", stage);
    Path path = run_path(run, name.s);
    free(name.s);
    return is_there(path.s) ? read_text(path.s) : NULL;
}

/* The metrics of a run that have a step, each once, in the order of the run. */
static Texts metric_names(const Run *run)
{
    Texts all = { 0 };
    for (int k = 0; k < N_STAGES; k++) {
        char *text = metrics_of(run, STAGES[k].name);
        double x, y;
        const char *at = text ? text : "";
        for (const char *field; (field = next_metric(&at, &x, &y));) {
            Text full = { 0 };
            int there = 0;
            text_add(&full, "%s/%.*s", STAGES[k].name, (int)strcspn(field, "\t"), field);
            for (int i = 0; i < all.n; i++) there |= strcmp(all.s[i], full.s) == 0;
            if (!there && x > 0) texts_add(&all, full.s);
            free(full.s);
        }
        free(text);
    }
    return all;
}

/* The one metric of the run that is meant: not freed. */
static const char *the_metric(const Run *run, const char *wanted)
{
    Texts all = metric_names(run), meant = { 0 };
    Text list = { 0 };
    for (int i = 0; i < all.n; i++)
        if (is_meant(all.s[i], wanted)) texts_add(&meant, all.s[i]);
    if (!all.n)
        die(EXIT_INPUT, "%s: no run with metrics stands there; give the folder of one",
            run->folder);
    if (meant.n == 1) return meant.s[0];
    for (int i = 0; i < (meant.n ? meant.n : all.n); i++)
        text_add(&list, " %s", meant.n ? meant.s[i] : all.s[i]);
    die(EXIT_USAGE, "plot %s: %s; there %s%s", wanted,
        meant.n ? "more than one metric is called so" : "no such metric", meant.n ? "are" : "is",
        list.s);
}

/* A curve a run, one under the other, all with the same scale. */
void command_plot(const Args *arg)
{
    Run run[MAX_MODELS] = { { 0 } };
    Curve curve[MAX_MODELS];
    double lo = INFINITY, hi = -INFINITY;
    const char *name = NULL;
    int n = arg->n_models > 1 ? arg->n_models - 1 : 1;
    if (!arg->model) die(EXIT_USAGE, "plot: which metric? cai plot scores; see cai help plot");
    for (int k = 0; k < n; k++) {
        run[k].folder = arg->n_models > 1 ? arg->models[k + 1] : "out";
        name = the_metric(&run[k], arg->model);
        Text stage = { 0 };
        text_add(&stage, "%.*s", (int)strcspn(name, "/"), name);
        char *metrics = metrics_of(&run[k], stage.s);
        curve[k] = curve_of(metrics, strchr(name, '/') + 1);
        widen(&curve[k], &lo, &hi);
        free(metrics);
        free(stage.s);
    }
    for (int k = 0; k < n; k++) {
        Dots d = { 0 };
        if (!curve[k].n) die(EXIT_INPUT, "%s: no value of %s is a number", run[k].folder, name);
        draw_dots(&d, &curve[k], lo, hi);
        printf("%s%s, %s: %.4g to %.4g\n", k ? "\n" : "", name, printable(run[k].folder),
               curve[k].y[0], curve[k].y[curve[k].n - 1]);
        print_dots(&d, lo, hi);
        printf("%10s  step %-*.0f%*.0f\n", "", WIDE - 14, curve[k].x[0], 9,
               curve[k].x[curve[k].n - 1]);
        curve_free(&curve[k]);
    }
}
