/* lib/text.c -- strings that grow, lists of strings.
 * SPDX-License-Identifier: MIT
 */
#include "lib/text.h"
#include "lib/files.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(Text *t, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    size_t need = (size_t)vsnprintf(NULL, 0, format, ap);
    if (t->n + need + 1 > t->cap) {
        t->cap = 2 * (t->n + need + 1);
        t->s = xrealloc(t->s, t->cap, 1);
    }
    vsnprintf(t->s + t->n, need + 1, format, again);
    t->n += need;
    va_end(ap);
    va_end(again);
}

void text_clear(Text *t)
{
    t->n = 0;
    text_add(t, "%s", "");
}

void texts_add_line(Texts *t, const char *s, int line)
{
    size_t n = (size_t)t->n + 1;
    t->s = xrealloc(t->s, n, sizeof *t->s);
    t->line = xrealloc(t->line, n, sizeof *t->line);
    t->cut = xrealloc(t->cut, n, 1);
    t->s[t->n] = xstrdup(s);
    t->cut[t->n] = 0;
    t->line[t->n++] = line;
}

void texts_add(Texts *t, const char *s) { texts_add_line(t, s, 0); }

void texts_free(Texts *t)
{
    for (int i = 0; i < t->n; i++) free(t->s[i]);
    free(t->s);
    free(t->line);
    free(t->cut);
    free(t->path);
    *t = (Texts){ 0 };
}

/* The copies are kept here, so that a message can quote texts without freeing them. */
const char *printable(const char *text)
{
    static char *copy[8];
    static int turn;
    turn = (turn + 1) % 8;
    free(copy[turn]);
    copy[turn] = xstrdup(text);
    make_printable(copy[turn], 1);
    return copy[turn];
}
