/* cli/figures_draw.c -- pictures by gnuplot: for each figure NAME.dat, a block of points a curve,
 * and NAME.gp, what stands where; figures/panels.gp and figures/style.gp make the picture of them.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/figures.h"
#include "cli/child.h"
#include "cli/help.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { /* one curve: rows of one panel, series and seed */
    int panel, colour, n;
    const char *series;
    long seed;
} Block;
typedef struct {
    int n;
    Block *block;
    Texts series;
} Blocks;

static int series_number(Texts *all, const char *series)
{
    int k = 0;
    while (k < all->n && strcmp(all->s[k], series)) k++;
    if (k == all->n) texts_add(all, series);
    return k;
}

/* In the order of panels; within one, as the rows come. */
static Blocks blocks_of(const Claim *c, const Rows *r)
{
    Blocks b = { 0 };
    for (int p = 0; p < c->panels; p++)
        for (int i = 0; i < r->n; i++) {
            const FigureRow *row = &r->row[i];
            int k = 0;
            if (!is_of_figure(row, c) || row->figure[strlen(row->figure) - 1] != c->panel[p].letter)
                continue;
            for (; k < b.n; k++) {
                const Block *at = &b.block[k];
                if (at->panel == p && at->seed == row->seed && !strcmp(at->series, row->series))
                    break;
            }
            if (k == b.n) {
                b.block = xrealloc(b.block, (size_t)b.n + 1, sizeof *b.block);
                b.block[b.n++] =
                    (Block){ p, series_number(&b.series, row->series), 0, row->series, row->seed };
            }
            b.block[k].n++;
        }
    return b;
}

/* Two blank lines end a block. */
static void write_points(const Claim *c, const Rows *r, const Blocks *b, const char *path)
{
    FILE *f = create_file(path);
    for (int k = 0; k < b->n; k++) {
        const Block *at = &b->block[k];
        fprintf(f, "# panel %c, %s, seed %ld or all: x y lo hi\n", c->panel[at->panel].letter,
                at->series, at->seed);
        for (int i = 0; i < r->n; i++) {
            const FigureRow *row = &r->row[i];
            if (!is_of_figure(row, c) || row->seed != at->seed || strcmp(row->series, at->series)
                || row->figure[strlen(row->figure) - 1] != c->panel[at->panel].letter)
                continue;
            int bare = isnan(row->lo);
            fprintf(f, "%.6g %.6g %.6g %.6g\n", row->x, row->y, bare ? row->y : row->lo,
                    bare ? row->y : row->hi);
        }
        fprintf(f, "\n\n");
    }
    commit_file(f, path);
}

/* As a string of gnuplot's, broken at blanks. */
static void put_string(FILE *f, const char *s, int width)
{
    int column = 0;
    fputc('"', f);
    for (; *s; s++, column++) {
        int word = (int)strcspn(s + 1, " ");
        if (*s == ' ' && column + word >= width) fputs("\\n", f), column = -1;
        else if (*s == '"' || *s == '\\') fprintf(f, "\\%c", *s);
        else fputc(*s, f);
    }
    fputc('"', f);
}

static void put_numbers(FILE *f, const char *name, const Blocks *b, int (*of)(const Block *))
{
    fprintf(f, "array %s[%d] = [", name, b->n);
    for (int k = 0; k < b->n; k++) fprintf(f, "%s%d", k ? ", " : "", of(&b->block[k]));
    fprintf(f, "]\n");
}
static int colour_of(const Block *b) { return b->colour + 1; }
static int every_of(const Block *b) { return b->n > 12 ? b->n / 6 : 1; } /* a mark every so many */

/* What a panel reaches over, its intervals with it, and a step between tics so that at most `tics`
 * stand on an axis: 1, 2 or 5 times a power of ten. */
typedef struct {
    double lo, hi, step;
} Axis;

static double nice_step(double range, int tics)
{
    double least = range / tics, ten = pow(10, floor(log10(least)));
    return ten * (least <= ten ? 1 : least <= 2 * ten ? 2 : least <= 5 * ten ? 5 : 10);
}

static Axis axis_of(const Claim *c, const Rows *r, int p, int is_y, int tics)
{
    Axis a = { INFINITY, -INFINITY, 1 };
    int whole = 1, boxes = has_word(c->panel[p].how, "boxes"),
        logx = has_word(c->panel[p].how, "logx");
    for (int i = 0; i < r->n; i++) {
        const FigureRow *row = &r->row[i];
        if (!is_of_figure(row, c) || row->figure[strlen(row->figure) - 1] != c->panel[p].letter)
            continue;
        double at = is_y ? row->y : row->x;
        whole &= at == floor(at);
        a.lo = fmin(a.lo, is_y && !isnan(row->lo) ? row->lo : at);
        a.hi = fmax(a.hi, is_y && !isnan(row->hi) ? row->hi : at);
    }
    if (has_word(c->panel[p].how, "diagonal")) a = (Axis){ 0, 1, 1 };
    if (is_y && boxes) a.lo = 0;
    if (a.lo == a.hi) {
        a.hi += fabs(a.hi) / 2 + (a.hi == 0);
        a.lo -= fabs(a.lo) / 2 + (a.lo == 0);
    }
    double room = (a.hi - a.lo) * 0.05;
    a.step = nice_step(a.hi - a.lo, tics);
    if (whole && a.step < 1) a.step = 1;
    if (logx && !is_y && a.lo > 0) return (Axis){ a.lo / 1.3, a.hi * 1.3, 0 };
    return (Axis){ a.lo - (is_y && boxes ? 0 : room), a.hi + room, a.step };
}

/* On a logarithmic axis a tic stands where a point does: "130k" 129512, .. */
static void put_tics(FILE *f, const Claim *c, const Rows *r, int p)
{
    Text t = { 0 };
    if (has_word(c->panel[p].how, "logx"))
        for (int i = 0; i < r->n; i++) {
            const FigureRow *row = &r->row[i];
            char tic[64];
            if (!is_of_figure(row, c) || row->figure[strlen(row->figure) - 1] != c->panel[p].letter)
                continue;
            snprintf(tic, sizeof tic, "'%.*f%s' %.9g", 0, row->x >= 1000 ? row->x / 1000 : row->x,
                     row->x >= 1000 ? "k" : "", row->x);
            if (!t.n || !strstr(t.s, tic)) text_add(&t, "%s%s", t.n ? ", " : "", tic);
        }
    put_string(f, t.n ? t.s : "", 99999);
    free(t.s);
}

static void put_of_panel(FILE *f, const Claim *c, const Rows *r, const Blocks *b, int p, int panels,
                         const char *what)
{
    int first = 0, last, columns = panels > 3 ? (panels + 1) / 2 : panels;
    while (first < b->n && b->block[first].panel != p) first++;
    for (last = first; last < b->n && b->block[last].panel == p;) last++;
    Axis x = axis_of(c, r, p, 0, 8 / columns + 1), y = axis_of(c, r, p, 1, panels > 3 ? 5 : 8);
    if (strcmp(what, "xtext") == 0) put_string(f, c->panel[p].x, 60);
    else if (strcmp(what, "ytext") == 0) put_string(f, c->panel[p].y, 60);
    else if (strcmp(what, "first") == 0) fprintf(f, "%d", first + 1);
    else if (strcmp(what, "last") == 0) fprintf(f, "%d", last);
    else if (strcmp(what, "tics") == 0) put_tics(f, c, r, p);
    else if (strcmp(what, "xlo") == 0) fprintf(f, "%.9g", x.lo);
    else if (strcmp(what, "xhi") == 0) fprintf(f, "%.9g", x.hi);
    else if (strcmp(what, "xstep") == 0) fprintf(f, "%.9g", x.step);
    else if (strcmp(what, "ylo") == 0) fprintf(f, "%.9g", y.lo);
    else if (strcmp(what, "yhi") == 0) fprintf(f, "%.9g", y.hi);
    else if (strcmp(what, "ystep") == 0) fprintf(f, "%.9g", y.step);
    else fprintf(f, "%d", has_word(c->panel[p].how, what));
}

static void put_setting(FILE *f, const char *name, const char *s, int width)
{
    fprintf(f, "%s = ", name);
    put_string(f, s, width);
    fputc('\n', f);
}

static void write_script(const Claim *c, const Rows *r, const Blocks *b, const char *verdict,
                         const char *folder, const char *style, const char *path)
{
    static const char *const array[] = { "xtext",    "ytext", "xlo",  "xhi",        "xstep", "ylo",
                                         "yhi",      "ystep", "logx", "categories", "first", "last",
                                         "diagonal", "boxes", "dots", "tics" };
    int shown[PANELS], panels = 0;
    FILE *f = create_file(path);
    Text paper = { 0 };
    for (int p = 0; p < c->panels; p++)
        for (int k = 0, there = 0; k < b->n && !there; k++)
            if ((there = b->block[k].panel == p)) shown[panels++] = p;
    text_add(&paper, "The paper: %s", c->paper);
    fprintf(f, "# what figures/panels.gp draws; cai figures writes this\n");
    put_setting(f, "name", c->name, 999);
    put_setting(f, "folder", folder, 99999);
    put_setting(f, "style", style, 99999);
    put_setting(f, "claim", c->claim, 80);
    put_setting(f, "verdict", verdict, 112);
    put_setting(f, "paper", paper.s, 112);
    int front = 0; /* which series it is; 0: none */
    for (int k = 0; k < b->series.n; k++)
        if (strcmp(b->series.s[k], FRONT) == 0) front = k + 1;
    fprintf(f, "front = %d\npanels = %d\nseries = %d\narray label[%d] = [", front, panels,
            b->series.n, b->series.n);
    for (int k = 0; k < b->series.n; k++) {
        if (k) fprintf(f, ", ");
        put_string(f, b->series.s[k], 999);
    }
    fprintf(f, "]\n");
    for (size_t i = 0; i < sizeof array / sizeof array[0]; i++) {
        fprintf(f, "array %s[%d] = [", array[i], panels);
        for (int k = 0; k < panels; k++) {
            if (k) fprintf(f, ", ");
            put_of_panel(f, c, r, b, shown[k], panels, array[i]);
        }
        fprintf(f, "]\n");
    }
    put_numbers(f, "colour", b, colour_of);
    put_numbers(f, "every", b, every_of);
    fprintf(f, "load style.\"/panels.gp\"\n");
    commit_file(f, path);
    free(paper.s);
}

/* One process a kind of picture. 0: there is no gnuplot. */
static int run_gnuplot(const char *kind, const Texts *script)
{
    char set[32], **argv = xcalloc((size_t)script->n + 4, sizeof *argv);
    snprintf(set, sizeof set, "kind = \"%s\"", kind);
    argv[0] = "gnuplot", argv[1] = "-e", argv[2] = set;
    for (int k = 0; k < script->n; k++) argv[3 + k] = script->s[k];
    int status = run_program(argv);
    free(argv);
    if (status == 127) return 0;
    if (status) die(EXIT_INPUT, "gnuplot: did not draw; its message stands above");
    return 1;
}

/* "SHOWN, seed 83: the numbers of the first rule; bars: 95 % intervals" */
static void add_verdict(Text *t, const Claim *c, const Rows *r)
{
    Text said = { 0 };
    const char *rule = VERDICT[verdict_of(c, r, &said)];
    text_add(t, "%s, ", rule);
    if (seeds_of(c, r) == 1 && said.n) {
        char *first = strstr(said.s, "seed");
        text_add(t, "%.*s; ", (int)strcspn(first, "\n"), first);
    }
    add_bars(t, c, r);
    free(said.s);
}

int draw_figures(const Claims *c, const Rows *r, const char *folder, const char *style)
{
    Texts script = { 0 };
    for (int k = 0; k < c->n; k++) {
        Rows drawn = pooled_rows(&c->claim[k], r);
        Blocks b = blocks_of(&c->claim[k], &drawn);
        Text name = { 0 }, verdict = { 0 };
        if (b.n) {
            add_verdict(&verdict, &c->claim[k], r);
            text_add(&name, "%s.dat", c->claim[k].name);
            write_points(&c->claim[k], &drawn, &b, path_in(folder, name.s).s);
            text_clear(&name);
            text_add(&name, "%s.gp", c->claim[k].name);
            texts_add(&script, path_in(folder, name.s).s);
            write_script(&c->claim[k], &drawn, &b, verdict.s, folder, style,
                         script.s[script.n - 1]);
        }
        rows_free(&drawn);
        free(name.s);
        free(verdict.s);
        free(b.block);
        texts_free(&b.series);
    }
    int drawn = script.n && run_gnuplot("svg", &script) && run_gnuplot("png", &script);
    texts_free(&script);
    return drawn;
}
