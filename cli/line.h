/* cli/line.h -- lines that a person types, edited where the system has a library for it.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_LINE_H
#define CAI_LINE_H

#include "lib/text.h"

typedef struct {
    int tty; /* 1: a person at a terminal; 0: lines from a pipe or a file */
    char *(*readline)(const char *prompt); /* libedit's; NULL: the terminal's own lines */
    void (*add_history)(const char *line);
} Lines;
Lines lines_open(void);

/* The next line, without its end; "\r\n" is an end like "\n". NULL at the end of the input. *bad:
 * what is wrong with it, "" if nothing is. At a terminal the prompt is shown first. */
char *next_line(const Lines *l, const char *prompt, Text *bad);

#endif
