/* lib/text.c -- strings that grow, lists of strings, UTF-8, what may go to a terminal.
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

/* A half-trained model writes any bytes, also those that recolour or retitle a terminal. */
const char *shown(const char *text) {
    static char *copy[8];
    static int turn;
    turn = (turn + 1) % 8;
    free(copy[turn]);
    copy[turn] = xstrdup(text);
    for (char *c = copy[turn]; *c; c++) if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 127) *c = '?';
    return copy[turn];
}

// ------------------------------------------------------------------------------------
// UTF-8

/* Bytes of the well-formed character at s, 0 if there is none (Unicode's table 3-7: no overlong
 * forms, no surrogates, nothing above U+10FFFF). Stops at a NUL by itself. */
int utf8_length(const char *s) {
    const unsigned char *c = (const unsigned char *)s;
    if (c[0] < 0x80) return 1;
    int n = c[0] < 0xC2 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : c[0] < 0xF5 ? 4 : 0;
    for (int i = 1; i < n; i++) if ((c[i] & 0xC0) != 0x80) return 0;
    if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F)) return 0;
    if ((c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F)) return 0;
    return n;
}

long utf8_bad(const char *s) {
    for (const char *c = s; *c; c += utf8_length(c)) if (utf8_length(c) == 0) return (long)(c - s) + 1;
    return 0;
}

char *utf8_put(char *to, unsigned code) {
    if (code < 0x80) { *to++ = (char)code; return to; }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *to++ = (char)((0xF0 << (3 - more)) | (code >> 6 * more));     /* 110, 1110 or 11110, top bits */
    while (more-- > 0) *to++ = (char)(0x80 | ((code >> 6 * more) & 0x3F));
    return to;
}
