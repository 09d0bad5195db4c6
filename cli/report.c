/* cli/report.c -- report [RUN [RUN]]: one HTML file of a run, or of two beside each other; it needs
 * no network and no script.
 * SPDX-License-Identifier: MIT
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "cli/report.h"
#include "cli/commands.h"
#include "cli/page.h"
#include "cli/places.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char STYLE[] =
    "body{max-width:84rem}.runs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,"
    "30rem),1fr));gap:0 2rem}.runs>div{min-width:0}figure{margin:0}div.p{overflow-x:auto}"
    "svg{width:100%;min-width:36rem;height:auto;display:block}.v{font-weight:bold}"
    "small{opacity:.8;white-space:nowrap}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    "div.t pre{white-space:pre;overflow-wrap:normal}"
    "dd,td,p,li{overflow-wrap:anywhere}h3{font-size:1rem;margin:1rem 0 .3rem}"
    "ul.r{font-size:.9rem;padding-left:1.2rem}td.l{text-align:left;white-space:normal}"
    "@media print{.runs{display:block}div.t pre{font-size:9px}svg{min-width:0}ul.r{font-size:11px}"
    "details:not([open])>*{display:none}figure{break-inside:avoid}}"
    "@media(max-width:40rem){dl{grid-template-columns:1fr}dt{margin-top:.4rem}}";

void put_line_of(FILE *f, const char *tag, const char *format, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    fprintf(f, "<%s>", tag);
    put_html(f, text);
    fprintf(f, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

// ------------------------------------------------------------------------------------
// Pictures, drawn into a folder that is removed again

/* 0: s does not begin with any of them. */
static size_t begins(const char *s, const char *const *with, int n)
{
    for (int k = 0; k < n; k++)
        if (strncmp(s, with[k], strlen(with[k])) == 0) return strlen(with[k]);
    return 0;
}

/* The picture's text from its <svg on: black becomes the page's own colour, light or dark, and
 * names get a number, so that no two pictures share one. */
static void put_picture(FILE *f, const char *svg, const char *alt, int number)
{
    static const char *const black[] = { "\"black\"", "'black'" }, *const names[] = {
        "id='", "id=\"", "href='#", "url(#"
    };
    const char *s = strstr(svg, "<svg");
    if (!s) return;
    fputs("<div class=\"p\"><svg role=\"img\" aria-label=\"", f);
    put_html(f, alt);
    fputc('"', f);
    for (s += 4; *s;) {
        size_t is_black = begins(s, black, 2), is_name = begins(s, names, 4);
        if (is_black) fputs("\"currentColor\"", f);
        else if (is_name) fprintf(f, "%.*sr%d-", (int)is_name, s, number);
        else fputc(*s, f);
        s += is_black + is_name + !(is_black + is_name);
    }
    fputs("</div>\n", f);
}

static void put_points(FILE *f, const Claim *c, const Rows *r)
{
    fputs("<details><summary>The numbers</summary><div class=\"t\"><table><tr><th>panel</th>"
          "<th>series</th><th>x</th><th>y</th><th>95 %</th><th>n</th></tr>\n",
          f);
    for (int i = 0; i < r->n; i++) {
        const FigureRow *row = &r->row[i];
        char at[64] = "";
        if (!is_of_figure(row, c)) continue;
        if (!isnan(row->lo)) snprintf(at, sizeof at, "[%.4g, %.4g]", row->lo, row->hi);
        fprintf(f, "<tr><td>%s</td><td class=\"l\">", row->figure);
        put_html(f, row->series);
        fprintf(f, "</td><td>%.6g</td><td>%.4g</td><td>%s</td><td>%ld</td></tr>\n", row->x, row->y,
                at, row->n);
    }
    fputs("</table></div></details>\n", f);
}

static void put_figure(FILE *f, const Claim *c, const Rows *r, const char *folder, int run)
{
    Text said = { 0 }, alt = { 0 }, name = { 0 }, bars = { 0 };
    int verdict = verdict_of(c, r, &said);
    add_bars(&bars, c, r);
    fputs("<figure>", f);
    text_add(&name, "%s.svg", c->name);
    text_add(&alt, "Figure %s: %s %s, %s. %s", c->name, c->claim, VERDICT[verdict], bars.s,
             said.n ? said.s : "");
    Path path = path_in(folder, name.s);
    if (is_there(path.s)) {
        char *svg = read_text(path.s);
        put_picture(f, svg, alt.s, run);
        free(svg);
    }
    fprintf(f, "<figcaption><p><span class=\"v\">%s.</span> ", VERDICT[verdict]);
    put_html(f, c->claim);
    fputs("</p><ul class=\"r\">", f);
    for (char *line = said.s; line && *line;) {
        size_t n = strcspn(line, "\n");
        line[n] = 0;
        put_line_of(f, "li", "%s", line);
        line += n + 1;
    }
    put_line_of(f, "li", "What is drawn: %s.", bars.s);
    put_line_of(f, "li", "The paper: %s", c->paper);
    put_line_of(f, "li", "What the toy cannot show: %s", c->toy);
    fputs("</ul></figcaption>", f);
    put_points(f, c, r);
    fputs("</figure>\n", f);
    free(said.s);
    free(bars.s);
    free(alt.s);
    free(name.s);
}

static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) remove(path_in(folder, e->d_name).s);
    if (d) closedir(d);
    rmdir(folder);
}

/* Each run is drawn by itself: a run's figures hold its own numbers alone. */
static void put_figures(FILE *f, Run *run, int n, const char *program)
{
    Claims claims = claims_of(program);
    Rows rows[2] = { { 0 } };
    Path folder[2], style = found_file("figures/style.gp", program);
    int drawn = 1;
    char *slash = strrchr(style.s, '/');
    if (slash) *slash = 0;
    for (int k = 0; k < n; k++) {
        const char *tmp = getenv("TMPDIR");
        snprintf(folder[k].s, sizeof folder[k].s, "%s/cai-report-XXXXXX",
                 tmp && *tmp ? tmp : "/tmp");
        if (!mkdtemp(folder[k].s)) die(EXIT_INPUT, "%s: %s", folder[k].s, strerror(errno));
        rows[k] = figures_of(&run[k]);
        drawn &= draw_figures(&claims, &rows[k], folder[k].s, style.s);
    }
    fputs("<h2 id=\"figures\">The figures, each with its claim</h2>\n", f);
    if (!drawn) fputs("<p>no gnuplot: tables only (Debian: gnuplot-nox)</p>\n", f);
    for (int c = 0; c < claims.n; c++) {
        int there = 0;
        for (int k = 0; k < n; k++)
            for (int i = 0; i < rows[k].n; i++)
                there |= is_of_figure(&rows[k].row[i], &claims.claim[c]);
        if (!there) continue;
        put_line_of(f, "h3", "Figure %s", claims.claim[c].name);
        fputs("<div class=\"runs\">", f);
        for (int k = 0; k < n; k++) {
            fputs("<div>", f);
            put_figure(f, &claims.claim[c], &rows[k], folder[k].s, 10 * c + k);
            fputs("</div>", f);
        }
        fputs("</div>\n", f);
    }
    for (int k = 0; k < n; k++) {
        remove_folder(folder[k].s);
        rows_free(&rows[k]);
    }
    claims_free(&claims);
}

// ------------------------------------------------------------------------------------
// The page

static void put_constitution(FILE *f, Run *run)
{
    char *text = read_text(run_path(run, "constitution.txt").s);
    fputs("<pre>", f);
    put_html(f, text);
    fputs("</pre>", f);
    free(text);
}

/* Of cai figures --more snapshots: RLHF on the same prompts, and with people who compare harm. */
static void put_baselines(FILE *f, Run *run)
{
    Path path = run_path(run, "figures/baselines.txt");
    if (!is_there(path.s)) {
        put_line_of(f, "p", "Not measured: cai figures %s --more snapshots",
                    printable(run->folder));
        return;
    }
    char *text = read_text(path.s);
    fputs("<div class=\"t\"><pre>", f);
    put_html(f, text);
    fputs("</pre></div>", f);
    free(text);
}

static void put_right(FILE *f, Run *run) { put_judgements(f, run, "right"); }
static void put_wrong(FILE *f, Run *run) { put_judgements(f, run, "wrong"); }

static void put_part(FILE *f, Run *run, int n, const char *title, void (*part)(FILE *f, Run *run))
{
    put_line_of(f, "h2", "%s", title);
    fputs("<div class=\"runs\">\n", f);
    for (int k = 0; k < n; k++) {
        fputs("<div>", f);
        if (n > 1) put_line_of(f, "h3", "%s", printable(run[k].folder));
        part(f, &run[k]);
        fputs("</div>\n", f);
    }
    fputs("</div>\n", f);
}

void command_report(const Args *arg)
{
    Run run[2];
    Text title = { 0 }, path = { 0 };
    int n = arg->other ? 2 : 1;
    run[0] = finished_run(arg->model ? arg->model : "out");
    if (arg->other) run[1] = finished_run(arg->other);
    text_add(&title, "Constitutional AI in small: %s, seed %ld", run[0].folder, run[0].seed);
    if (n > 1) text_add(&title, "; %s, seed %ld", run[1].folder, run[1].seed);
    text_add(&path, "%s%s", arg->html ? arg->html : run[0].folder, arg->html ? "" : "/report.html");
    FILE *f = begin_html(path.s, title.s, STYLE);
    put_part(f, run, n, "What happened", put_sentences);
    put_part(f, run, n, "The models", put_models);
    put_part(f, run, n, "The paper's baselines", put_baselines);
    put_figures(f, run, n, arg->settings.program);
    put_part(f, run, n, "Ten requests through all models", put_requests);
    put_part(f, run, n, "One training request: draft, critiques, revisions, judgement", put_chain);
    put_part(f, run, n, "The judge's chains that were right", put_right);
    put_part(f, run, n, "The judge's chains that were wrong", put_wrong);
    put_part(f, run, n, "The constitution", put_constitution);
    put_part(f, run, n, "Settings, files, seconds, kernels", put_settings);
    end_html(f, path.s);
    printf("%s\n", printable(path.s));
    free(title.s);
    free(path.s);
}
