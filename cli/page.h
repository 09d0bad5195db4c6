/* cli/page.h -- a page of samples, numbers and tables, for the terminal and as HTML. It knows
 * nothing of what it shows.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_PAGE_H
#define CAI_PAGE_H

#include "lib/text.h"

#include <stdio.h>

/* A text or a number. check: what follows `build/verify` to compute the number from those that it
 * stands on; NULL: it was read from a model, or is no number. */
typedef struct {
    char *text, *check;
} PageCell;

enum { NOTE, SAMPLE, NUMBER, HEAD, ROW }; /* SAMPLE, NUMBER: a name, and the text or number */
typedef struct {
    int kind, n, telling; /* telling: a row whose checks the terminal shows, too */
    PageCell *cell;
} PageLine;
typedef struct {
    char *title, *ask; /* ask: what to predict before it is shown */
    int n;
    PageLine *line;
} PageSection;
typedef struct {
    char *title;
    int n;
    PageSection *section;
} Page;

void page_section(Page *p, const char *title, const char *ask);
void page_note(Page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void page_sample(Page *p, const char *name, const char *text);
/* A number to four decimals, in a line of its own, and its check. */
void page_number(Page *p, const char *name, double x, const char *check, ...)
    __attribute__((format(printf, 4, 5)));
void page_line(Page *p, const char *name); /* the same, whose page_value follows */
/* A table: a head, then rows; cells are added to the row that was begun last. */
void page_head(Page *p, const char *columns); /* names with '|' between them */
void page_row(Page *p, int telling);
void page_cell(Page *p, const char *text);
void page_value(Page *p, double x, const char *check, ...) __attribute__((format(printf, 3, 4)));
void page_free(Page *p);

/* On standard output; steps: stops before each section at a terminal until a line is typed. */
void page_print(const Page *p, int steps);
/* A page on its own, light or dark as the reader's system is, for screen and paper. */
void page_html(const Page *p, const char *path);

/* Other pages of the same look: what stands between is the caller's. A file that is there and is
 * none of these pages is not written over. */
FILE *begin_html(const char *path, const char *title, const char *more_style);
void end_html(FILE *f, const char *path);
void put_html(FILE *f, const char *text); /* escaped */

#endif
