/* cli/page.c -- a page of samples, numbers and tables, for the terminal and as HTML.
 *
 * Reading order: how a page is made, at the terminal, as HTML.
 * SPDX-License-Identifier: MIT
 */
#include "cli/page.h"
#include "lib/files.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// How a page is made

void page_section(Page *p, const char *title, const char *ask)
{
    p->section = xrealloc(p->section, (size_t)p->n + 1, sizeof *p->section);
    p->section[p->n++] = (PageSection){ .title = xstrdup(title), .ask = xstrdup(ask) };
}

static void add_line(Page *p, int kind, int telling)
{
    PageSection *s = &p->section[p->n - 1];
    s->line = xrealloc(s->line, (size_t)s->n + 1, sizeof *s->line);
    s->line[s->n++] = (PageLine){ .kind = kind, .telling = telling };
}

/* Takes check. */
static void add_cell(Page *p, const char *text, char *check)
{
    PageSection *s = &p->section[p->n - 1];
    PageLine *l = &s->line[s->n - 1];
    l->cell = xrealloc(l->cell, (size_t)l->n + 1, sizeof *l->cell);
    l->cell[l->n++] = (PageCell){ xstrdup(text), check };
}

static char *formatted(const char *format, va_list ap)
{
    if (!format) return NULL;
    va_list again;
    va_copy(again, ap);
    size_t n = (size_t)vsnprintf(NULL, 0, format, ap) + 1;
    char *s = xcalloc(n, 1);
    vsnprintf(s, n, format, again);
    va_end(again);
    return s;
}

void page_note(Page *p, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *text = formatted(format, ap);
    va_end(ap);
    add_line(p, NOTE, 0);
    add_cell(p, text, NULL);
    free(text);
}

void page_sample(Page *p, const char *name, const char *text)
{
    add_line(p, SAMPLE, 0);
    add_cell(p, name, NULL);
    add_cell(p, text + (*text == ' '), NULL);
}

static void add_number(Page *p, double x, char *check)
{
    char text[32];
    snprintf(text, sizeof text, "%.4f", fabs(x) < 0.00005 ? 0 : x); /* no "-0.0000" */
    add_cell(p, text, check);
}

void page_line(Page *p, const char *name)
{
    add_line(p, NUMBER, 0);
    add_cell(p, name, NULL);
}

void page_number(Page *p, const char *name, double x, const char *check, ...)
{
    va_list ap;
    va_start(ap, check);
    page_line(p, name);
    add_number(p, x, formatted(check, ap));
    va_end(ap);
}

void page_head(Page *p, const char *columns)
{
    add_line(p, HEAD, 0);
    for (size_t n = strcspn(columns, "|");; n = strcspn(columns, "|")) {
        Text name = { 0 };
        text_add(&name, "%.*s", (int)n, columns);
        add_cell(p, name.s, NULL);
        free(name.s);
        if (!columns[n]) return;
        columns += n + 1;
    }
}

void page_row(Page *p, int telling) { add_line(p, ROW, telling); }

void page_cell(Page *p, const char *text) { add_cell(p, text, NULL); }

void page_value(Page *p, double x, const char *check, ...)
{
    va_list ap;
    va_start(ap, check);
    add_number(p, x, formatted(check, ap));
    va_end(ap);
}

void page_free(Page *p)
{
    for (int k = 0; k < p->n; k++) {
        PageSection *s = &p->section[k];
        for (int i = 0; i < s->n; i++) {
            for (int c = 0; c < s->line[i].n; c++) {
                free(s->line[i].cell[c].text);
                free(s->line[i].cell[c].check);
            }
            free(s->line[i].cell);
        }
        free(s->line);
        free(s->title);
        free(s->ask);
    }
    free(p->section);
    free(p->title);
    *p = (Page){ 0 };
}

// ------------------------------------------------------------------------------------
// At the terminal

enum { NAME_COLUMN = 16, NUMBER_COLUMN = 10 };

/* Text broken at spaces so that no line is wider than a terminal of 100 columns. */
static void print_wrapped(const char *text, int indent)
{
    size_t room = 100 - (size_t)indent;
    for (int first = 1; *text || first; first = 0) {
        size_t n = strcspn(text, "\n");
        if (n > room)
            for (n = room; n && text[n] != ' '; n--)
                ;
        if (!n) n = strcspn(text, " \n"); /* a word longer than the line */
        if (!first) printf("\n%*s", indent, "");
        printf("%.*s", (int)n, text);
        text += n;
        while (*text == ' ' || *text == '\n') text++;
    }
    putchar('\n');
}

static void print_line(const PageLine *l)
{
    const PageCell *c = l->cell;
    switch (l->kind) {
    case NOTE:
        printf("    ");
        print_wrapped(printable(c[0].text), 4);
        return;
    case SAMPLE:
        printf("    %-*s ", NAME_COLUMN, c[0].text);
        print_wrapped(printable(c[1].text), NAME_COLUMN + 5);
        return;
    case NUMBER:
        printf("    %-*s %*s", NAME_COLUMN, c[0].text, NUMBER_COLUMN, c[1].text);
        if (c[1].check) printf("    # build/verify %s", c[1].check);
        putchar('\n');
        return;
    default: /* HEAD, ROW: the first column is a name */
        printf("    %-*s", NAME_COLUMN, printable(c[0].text));
        for (int k = 1; k < l->n; k++) printf(" %*s", NUMBER_COLUMN, c[k].text);
        printf("%s\n", l->telling ? " <" : "");
    }
}

/* The numbers of one row of a table once more, each with its check. */
static void print_checks(const PageLine *head, const PageLine *row)
{
    printf("    the row marked <, %s:\n", printable(row->cell[0].text));
    for (int k = 1; k < row->n; k++)
        if (row->cell[k].check)
            printf("    %-*s %*s    # build/verify %s\n", NAME_COLUMN, head->cell[k].text,
                   NUMBER_COLUMN, row->cell[k].text, row->cell[k].check);
}

static void print_section(const PageSection *s)
{
    const PageLine *head = NULL;
    printf("%s\n", printable(s->title));
    for (int i = 0; i < s->n; i++) {
        print_line(&s->line[i]);
        if (s->line[i].kind == HEAD) head = &s->line[i];
        if (s->line[i].kind != ROW || (i + 1 < s->n && s->line[i + 1].kind == ROW)) continue;
        for (int k = i; k >= 0 && s->line[k].kind == ROW; k--) /* the table's end */
            if (s->line[k].telling) print_checks(head, &s->line[k]);
    }
}

void page_print(const Page *p, int steps)
{
    printf("%s\n", printable(p->title));
    for (int k = 0; k < p->n; k++) {
        if (steps) {
            int c;
            printf("\n-- %s %s[Enter goes on, q ends] ", p->section[k].title, p->section[k].ask);
            fflush(stdout);
            int first = c = getchar();
            while (c != '\n' && c != EOF) c = getchar();
            if (first == 'q' || first == EOF) return;
        }
        print_section(&p->section[k]);
    }
}

// ------------------------------------------------------------------------------------
// As HTML: no script, nothing from elsewhere

static const char STYLE[] =
    ":root{color-scheme:light dark}"
    "body{max-width:68rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .5rem;border-top:1px solid #8888}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.3rem 0}"
    "dt{opacity:.75}dd{margin:0;white-space:pre-wrap}dd.x{font-family:ui-monospace,monospace}"
    "code{font-size:.8rem;opacity:.8;overflow-wrap:anywhere;margin-left:1rem}"
    "div.t{overflow-x:auto}table{border-collapse:collapse;font:.85rem ui-monospace,monospace}"
    "td,th{padding:.1rem .6rem;text-align:right}td:first-child,th:first-child{text-align:left;"
    "white-space:pre}tr.telling{outline:2px solid #c70}th{border-bottom:1px solid #8888}"
    "td[title]{text-decoration:underline dotted}summary{cursor:pointer}p.ask{font-style:italic}"
    "@media print{body{margin:0;font-size:11px}h2,h3{break-after:avoid}table,dl{break-inside:avoid}"
    "div.t{overflow:visible}table{font-size:9px}td,th{padding:.1rem .25rem}}";

/* A half-trained model writes bytes that are no UTF-8; a page has none. */
void put_html(FILE *f, const char *text)
{
    for (int n; *text; text += n ? n : 1) {
        n = utf8_length(text);
        if (*text == '&') fputs("&amp;", f);
        else if (*text == '<') fputs("&lt;", f);
        else if (*text == '>') fputs("&gt;", f);
        else if (*text == '"') fputs("&quot;", f);
        else if (n) fwrite(text, 1, (size_t)n, f);
        else putc('?', f);
    }
}

static void put_row(FILE *f, const PageLine *l)
{
    const char *tag = l->kind == HEAD ? "th" : "td";
    fprintf(f, "<tr%s>", l->telling ? " class=\"telling\"" : "");
    for (int k = 0; k < l->n; k++) {
        fprintf(f, "<%s", tag);
        if (l->cell[k].check) {
            fputs(" title=\"build/verify ", f);
            put_html(f, l->cell[k].check);
            putc('"', f);
        }
        putc('>', f);
        put_html(f, printable(l->cell[k].text));
        fprintf(f, "</%s>", tag);
    }
    fputs("</tr>\n", f);
}

static void put_line(FILE *f, const PageLine *l)
{
    fputs(l->kind == NOTE ? "<p>" : "<dl><dt>", f);
    put_html(f, printable(l->cell[0].text));
    if (l->kind != NOTE) {
        fputs(l->kind == NUMBER ? "</dt><dd class=\"x\">" : "</dt><dd>", f);
        put_html(f, printable(l->cell[1].text));
        if (l->cell[1].check) {
            fputs(" <code>build/verify ", f);
            put_html(f, l->cell[1].check);
            fputs("</code>", f);
        }
    }
    fputs(l->kind == NOTE ? "</p>\n" : "</dd></dl>\n", f);
}

static void put_section(FILE *f, const PageSection *s)
{
    fputs("<h2>", f);
    put_html(f, printable(s->title));
    fputs("</h2>\n", f);
    if (*s->ask) {
        fputs("<p class=\"ask\">", f);
        put_html(f, s->ask);
        fputs("</p>\n", f);
    }
    for (int i = 0; i < s->n; i++) {
        int table = s->line[i].kind == HEAD || s->line[i].kind == ROW;
        if (s->line[i].kind == HEAD) fputs("<div class=\"t\"><table>\n", f);
        if (table) put_row(f, &s->line[i]);
        else put_line(f, &s->line[i]);
        if (table && (i + 1 == s->n || s->line[i + 1].kind != ROW)) fputs("</table></div>\n", f);
    }
}

static const char FIRST[] = "<!doctype html><!-- cai page -->\n";

FILE *begin_html(const char *path, const char *title, const char *more_style)
{
    char there[sizeof FIRST] = { 0 };
    FILE *old = is_device(path) ? NULL : fopen(path, "rb");
    if (old) {
        size_t n = fread(there, 1, sizeof FIRST - 1, old);
        fclose(old);
        if (n && strcmp(there, FIRST))
            die(EXIT_INPUT, "%s: is there and is no page of cai's; choose another name", path);
    }
    FILE *f = create_file(path);
    fprintf(f, "%s<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", FIRST);
    put_html(f, printable(title));
    fprintf(f,
            "</title>\n<meta name=\"viewport\" content=\"width=device-width\"><style>%s%s</style>"
            "</head><body>\n<h1>",
            STYLE, more_style);
    put_html(f, printable(title));
    fputs("</h1>\n", f);
    return f;
}

void end_html(FILE *f, const char *path)
{
    fputs("</body></html>\n", f);
    commit_file(f, path);
}

void page_html(const Page *p, const char *path)
{
    FILE *f = begin_html(path, p->title, "");
    fputs("<p>A number with a command, beside it or shown when pointed at (underlined), is "
          "computed anew by that command. The others were read from a model.</p>\n",
          f);
    for (int k = 0; k < p->n; k++) put_section(f, &p->section[k]);
    end_html(f, path);
}
