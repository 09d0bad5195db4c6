/* lib/utf8.h -- UTF-8, and what of a text may go to a terminal.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_UTF8_H
#define CAI_UTF8_H

int utf8_length(const char *s); /* bytes of the well-formed character at s; 0: none */
char *utf8_put(char *to, unsigned code);
long utf8_bad(const char *s); /* 0: well-formed UTF-8; else the first bad byte, counted from 1 */

/* A half-trained model writes any bytes, also those that recolour or retitle a terminal: whatever
 * goes there from a file or a model passes here. Control characters become '?'. */
void make_printable(char *text, int keep_lines); /* in place; keep_lines: newlines and tabs stay */

#endif
