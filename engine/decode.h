/* engine/decode.h -- sampling.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_DECODE_H
#define CAI_DECODE_H

#include "include/model.h"

typedef struct {
    double temperature;   /* 0: the likeliest token, of equals the lowest id */
    int max_new, stop[3]; /* tokens at most; tokens that end a completion, -1: none */
} Sampling;

typedef struct { /* n tokens that follow a completion, and two that may come next */
    const int *then;
    int n, ask[2];
} Question;

/* Completes each prompt. A completion is finished if its last token is a stop token, which it
 * keeps. Otherwise it was cut: at max_new tokens, or at the context's end, where the last token
 * stands one behind the context as in llama2.c. key (B): the random numbers of each prompt. out:
 * the completions without their prompts. logp (NULL: not wanted): log pi of each sampled token at
 * temperature 1, packed as out, to be freed. */
void sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Seqs *out,
            real **logp);
/* The same with a question after each completion, in place of its stop token if it has one:
 * answer[2 b + k] = log pi(ask[k] | all of that). A completion is cut where the question would not
 * fit into the context any more; a prompt that leaves no room for it ends the program. */
void sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how,
                    Question q, Seqs *out, double *answer);
int is_stop(int token, const int stop[3]);
/* attention_forward for the last of n positions, from a cache; shapes at the function. */
void attention_cached(real *o, real *s, const real *q, const real *k, const real *v, int n, int H,
                      int K, int D);

#endif
