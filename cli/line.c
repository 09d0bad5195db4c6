/* cli/line.c -- lines that a person types. libedit gives them editing and history; it is looked for
 * when a chat begins at a terminal, so that nothing else needs it. Without it the terminal's own
 * lines serve.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/line.h"

#include <dlfcn.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Lines lines_open(void)
{
    static const char *const FILES[] = { "libedit.so.2", "libedit.so.0", "libedit.so",
                                         "libedit.3.dylib" };
    Lines l = { .tty = isatty(0) && isatty(1) };
    const char *term = getenv("TERM");
    int edits = l.tty && term && strcmp(term, "dumb");
    void *file = NULL;
    for (int i = 0; i < 4 && !file && edits; i++) file = dlopen(FILES[i], RTLD_NOW | RTLD_LOCAL);
    if (!file) return l;
    setlocale(LC_CTYPE, ""); /* libedit moves by characters, not bytes */
    *(void **)&l.readline = dlsym(file, "readline");
    *(void **)&l.add_history = dlsym(file, "add_history");
    if (!l.add_history) l.readline = NULL;
    return l;
}

/* NULL at the end of input. Bounded: what is piped in may have no line ends at all. Of a line that
 * is too long, or holds a NUL, the rest is read and dropped. */
static char *read_line(FILE *f, Text *bad)
{
    enum { MAX_LINE = 1 << 20 };
    Text t = { 0 };
    long n = 0;
    int c;
    while ((c = getc(f)) != EOF && c != '\n') {
        if (!bad->n && c == 0)
            text_add(bad, "byte %ld is a NUL, which no text holds; type it anew", n + 1);
        if (n++ == MAX_LINE && !bad->n)
            text_add(bad, "a line of more than %d bytes; write a shorter one", MAX_LINE);
        if (!bad->n) text_add(&t, "%c", c);
    }
    if (c == EOF && !n) return NULL;
    if (t.n && t.s[t.n - 1] == '\r') t.s[--t.n] = 0;
    text_add(&t, "%s", "");
    return t.s;
}

char *next_line(const Lines *l, const char *prompt, Text *bad)
{
    char *line;
    text_clear(bad);
    if (l->readline) {
        fflush(stdout);
        line = l->readline(prompt);
        if (line && *line) l->add_history(line);
    } else {
        if (l->tty) printf("%s", prompt);
        fflush(stdout);
        line = read_line(stdin, bad);
    }
    if (line && !bad->n && utf8_bad(line))
        text_add(bad, "byte %ld is not UTF-8 text; type it anew", utf8_bad(line));
    if (!line && l->tty) printf("\n");
    return line;
}
