/* lib/seqs.c -- packed token sequences.
 * SPDX-License-Identifier: MIT
 */
#include "lib/seqs.h"
#include "lib/files.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 1 << 29 }; /* of a list: twice as many still fit into an int */

void seqs_push(Seqs *s, const int *token, int n)
{
    if (s->n + 2 > s->cap_n) {
        s->cap_n = 2 * s->n + 16;
        s->start = xrealloc(s->start, (size_t)s->cap_n, sizeof(int));
        if (s->n == 0) s->start[0] = 0;
    }
    int end = s->start[s->n];
    if (n > MAX_TOKENS - end)
        die(EXIT_INPUT, "more than %d tokens in one list; give fewer or shorter texts", MAX_TOKENS);
    if (end + n > s->cap_token) {
        s->cap_token = 2 * (end + n) + 64;
        s->token = xrealloc(s->token, (size_t)s->cap_token, sizeof(int));
    }
    if (n > 0) memcpy(s->token + end, token, sizeof(int) * (size_t)n);
    s->start[++s->n] = end + n;
}

void seqs_clear(Seqs *s) { s->n = 0; }

void seqs_free(Seqs *s)
{
    free(s->start);
    free(s->token);
    *s = (Seqs){ 0 };
}
