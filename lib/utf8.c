/* lib/utf8.c -- UTF-8, and what of a text may go to a terminal.
 * SPDX-License-Identifier: MIT
 */
#include "lib/utf8.h"

/* Bytes of the well-formed character at s, 0 if there is none (Unicode's table 3-7: no overlong
 * forms, no surrogates, nothing above U+10FFFF). Stops at a NUL by itself. */
int utf8_length(const char *s)
{
    const unsigned char *c = (const unsigned char *)s;
    if (c[0] < 0x80) return 1;
    int n = c[0] < 0xC2 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : c[0] < 0xF5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((c[i] & 0xC0) != 0x80) return 0;
    if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F)) return 0;
    if ((c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F)) return 0;
    return n;
}

long utf8_bad(const char *s)
{
    for (const char *c = s; *c; c += utf8_length(c))
        if (utf8_length(c) == 0) return (long)(c - s) + 1;
    return 0;
}

char *utf8_put(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *to++ = (char)((0xF0 << (3 - more)) | (code >> 6 * more)); /* 110, 1110 or 11110, top bits */
    while (more-- > 0) *to++ = (char)(0x80 | ((code >> 6 * more) & 0x3F));
    return to;
}

/* Control characters are those of ASCII, U+0080..U+009F, and the bytes 80..9F alone, which some
 * terminals take for the same: 9B begins a sequence that moves the cursor or recolours. */
void make_printable(char *text, int keep_lines)
{
    for (char *c = text; *c;) {
        int n = utf8_length(c);
        unsigned char byte = (unsigned char)c[0], next = (unsigned char)c[1];
        int line = keep_lines && (byte == '\n' || byte == '\t');
        if ((byte < ' ' && !line) || byte == 127 || (n == 0 && byte < 0xA0)) c[0] = '?';
        if (n == 2 && byte == 0xC2 && next < 0xA0) c[0] = c[1] = '?';
        c += n ? n : 1;
    }
}
