/* lib/seqs.h -- token sequences packed end to end: no padding anywhere.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_SEQS_H
#define CAI_SEQS_H

/* All zero is an empty list, whose start may be NULL. */
typedef struct {
    int n;                /* sequences */
    int *start;           /* (n + 1) sequence b begins at token[start[b]]; start[0] = 0 */
    int *token;           /* (start[n]) */
    int cap_n, cap_token; /* what is allocated */
} Seqs;

void seqs_push(Seqs *s, const int *token, int n); /* appends a sequence of n tokens, n >= 0 */
void seqs_clear(Seqs *s);                         /* no sequences; the memory is kept */
void seqs_free(Seqs *s);

static inline int seq_len(const Seqs *s, int b) { return s->start[b + 1] - s->start[b]; }
static inline int *seq_tok(const Seqs *s, int b) { return s->token + s->start[b]; }

#endif
