/* lib/text.h -- strings that grow, lists of strings.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TEXT_H
#define CAI_TEXT_H

#include "lib/utf8.h"

#include <stddef.h>

typedef struct {
    char *s;
    size_t n, cap;
} Text; /* a string that grows; s is NUL-terminated */
void text_add(Text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(Text *t);

/* A list of strings, with the lines of the file they were read from, if any. */
typedef struct Texts {
    int n;
    char **s;           /* (n) */
    int *line;          /* (n) line of each in the file `path`, 0: not from a file */
    unsigned char *cut; /* (n) 1: a sample that max_new or the context ended, not the model */
    char *path;
    const struct Texts *from; /* the texts that these were made of, one for one, if any */
} Texts;
void texts_add(Texts *t, const char *s);                /* a copy of s */
void texts_add_line(Texts *t, const char *s, int line); /* that stands on that line of t->path */
void texts_free(Texts *t);

typedef struct {
    char s[4096];
} Path; /* a file's name, passed by value */

const char *printable(const char *text); /* a copy for the terminal that keeps lines; eight live */

#endif
