/* cli/figures.c -- figures RUN ...: the paper's figures drawn from finished runs, each with its
 * claim and a verdict that may be NOT SHOWN.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/figures.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/places.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const PARTS[] = { "snapshots", "revisions", "sizes" };
enum { N_PARTS = 3 };

static void make_figures_folder(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --to", path,
            strerror(errno));
}

/* What the run holds, and what --more measured beside it: RUN/figures/PART.tsv. */
Rows figures_of(Run *run)
{
    Rows r = { 0 };
    rows_of_run(&r, run);
    rows_of_judge(&r, run);
    rows_of_training(&r, run);
    for (int k = 0; k < N_PARTS; k++) {
        char name[64];
        Rows more = { 0 };
        snprintf(name, sizeof name, "figures/%s.tsv", PARTS[k]);
        rows_read(&more, run_path(run, name).s);
        rows_add_all(&r, &more);
        rows_free(&more);
    }
    rows_add_front(&r, "2a", run->seed);
    return r;
}

/* figures/measure.sh trains and asks what the run does not hold; it composes the small commands. */
static void measure(const Run *run, const char *part, const char *program)
{
    Path script = found_file("figures/measure.sh", program);
    int known = strcmp(part, "all") == 0;
    for (int k = 0; k < N_PARTS; k++) known |= strcmp(part, PARTS[k]) == 0;
    if (!known)
        die(EXIT_USAGE, "--more %s: no such part; there are snapshots, revisions, sizes, all",
            part);
    make_figures_folder(run_path(run, "figures").s);
    char *argv[] = { "bash", script.s, (char *)program, (char *)run->folder, (char *)part, NULL };
    if (run_program(argv) != 0)
        die(EXIT_INPUT, "%s: did not measure %s; what it says stands above", script.s, part);
}

// ------------------------------------------------------------------------------------
// What is printed, and the page of pictures

static void say_verdicts(const Claims *c, const Rows *r)
{
    for (int k = 0; k < c->n; k++) {
        Text said = { 0 };
        int v = verdict_of(&c->claim[k], r, &said);
        printf("%-9s %-12s  %s\n", c->claim[k].name, VERDICT[v], c->claim[k].claim);
        for (char *line = said.s; line && *line;) {
            size_t n = strcspn(line, "\n");
            printf("    %.*s\n", (int)n, line);
            line += n + 1;
        }
        free(said.s);
    }
}

/* In a cell of a table, a line a rule. */
static void put_cell(FILE *f, const char *s)
{
    for (; s && *s; s++) {
        if (*s == '\n') fputs(s[1] ? "<br>" : "", f);
        else fputc(*s == '|' ? '/' : *s, f);
    }
}

/* " in 168 s, 199 s": how long the runs' measurements of that part took. */
static void add_seconds(Text *t, const Args *arg, const char *part)
{
    int said = 0;
    for (int k = 0; k < (arg->n_models ? arg->n_models : 1); k++) {
        Path path = path_in(arg->n_models ? arg->models[k] : "out", "figures/seconds.tsv");
        if (!part || !is_there(path.s)) continue;
        char *text = read_text(path.s), *at = strstr(text, part);
        if (at)
            text_add(t, "%s%.*s s", said++ ? ", " : " in ",
                     (int)strcspn(at + strlen(part) + 1, "\n"), at + strlen(part) + 1);
        free(text);
    }
}

/* FOLDER.md beside the folder of pictures. */
static void write_page(const Args *arg, const Claims *c, const Rows *r, const char *folder,
                       int drawn)
{
    const char *slash = strrchr(folder, '/'), *name = slash ? slash + 1 : folder;
    Text path = { 0 };
    text_add(&path, "%s.md", folder);
    FILE *f = create_file(path.s);
    fprintf(f,
            "# The paper's figures, drawn from runs\n\n"
            "`cai figures` wrote this page. A rule holds by the nearer ends of its 95 %% "
            "intervals. SHOWN: every rule holds;\nNOT SHOWN: one does not; DEPENDS: seeds "
            "disagree; not measured: a rule has no numbers yet.\n\n"
            "Points and numbers of every seed: [figures.tsv](%s/figures.tsv). Seconds are by the "
            "clock, a run's each, whatever else\nthe machine did.\n\n"
            "| figure | claim | verdict | the paper | ours: rule by rule |\n"
            "| --- | --- | --- | --- | --- |\n",
            name);
    for (int k = 0; k < c->n; k++) {
        Text said = { 0 };
        int v = verdict_of(&c->claim[k], r, &said);
        fprintf(f, "| [%s](#figure-%s) | %s | %s | ", c->claim[k].name, c->claim[k].name,
                c->claim[k].claim, VERDICT[v]);
        put_cell(f, c->claim[k].paper);
        fprintf(f, " | ");
        put_cell(f, said.s);
        fprintf(f, " |\n");
        free(said.s);
    }
    for (int k = 0; k < c->n; k++) {
        const Claim *x = &c->claim[k];
        int there = 0;
        for (int i = 0; i < r->n; i++) there |= is_of_figure(&r->row[i], x);
        fprintf(f, "\n## Figure %s\n\n", x->name);
        if (drawn && there) fprintf(f, "![%s](%s/%s.svg)\n\n", x->claim, name, x->name);
        Text seconds = { 0 }, bars = { 0 };
        add_seconds(&seconds, arg, x->needs);
        add_bars(&bars, x, r);
        fprintf(f,
                "%s What is drawn: %s. What the toy cannot show: %s Made by `cai figures "
                "RUN%s%s`%s.\n",
                x->claim, there ? bars.s : "nothing yet", x->toy, x->needs ? " --more " : "",
                x->needs ? x->needs : "", seconds.n ? seconds.s : "");
        free(seconds.s);
        free(bars.s);
    }
    commit_file(f, path.s);
    free(path.s);
}

void command_figures(const Args *arg)
{
    Rows all = { 0 };
    const char *program = arg->settings.program;
    int n = arg->n_models ? arg->n_models : 1;
    Text folder = { 0 };
    Claims claims = claims_of(program);
    Path style = found_file("figures/style.gp", program);
    if (!strchr(style.s, '/')) die(EXIT_INPUT, "figures/style.gp: not found; install cai anew");
    *strrchr(style.s, '/') = 0;
    for (int k = 0; k < n; k++) {
        Run run = finished_run(arg->n_models ? arg->models[k] : "out");
        if (arg->more) measure(&run, arg->more, program);
        Rows r = figures_of(&run);
        rows_add_all(&all, &r);
        if (k == 0)
            text_add(&folder, "%s%s", arg->to ? arg->to : run.folder, arg->to ? "" : "/figures");
        rows_free(&r);
    }
    make_figures_folder(folder.s);
    rows_write(&all, path_in(folder.s, "figures.tsv").s);
    int drawn = draw_figures(&claims, &all, folder.s, style.s);
    write_page(arg, &claims, &all, folder.s, drawn);
    say_verdicts(&claims, &all);
    printf("%s/: figures.tsv%s; the page is %s.md\n", printable(folder.s),
           drawn ? ", and a .svg and a .png each" : " alone: no gnuplot (Debian: gnuplot-nox)",
           printable(folder.s));
    rows_free(&all);
    claims_free(&claims);
    free(folder.s);
}
