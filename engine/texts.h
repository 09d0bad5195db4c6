/* engine/texts.h -- texts as tokens: prompts, examples, comparisons.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TEXTS_H
#define CAI_TEXTS_H

#include "include/model.h"
#include "lib/text.h"

/* Tokens that end an answer (D21); -1: the tokenizer has no such piece. */
void answer_stops(const Tokenizer *tok, int stop[3]);
/* Appends a document: begin token, text, its continuation (or NULL), the stop token if it is
 * finished. Returns the tokens before the continuation. */
int push_text(Seqs *s, const Tokenizer *tok, const char *text, const char *more, int finished);
/* Dies if sequence b of s has more than `limit` tokens, with the line that text i of t was read
 * from. */
void check_length(const Seqs *s, int b, int limit, const Texts *t, int i);

/* Supervised finetuning: sequences, and 1 in the mask where a token is learned. */
typedef struct {
    Seqs seq;
    unsigned char *mask;
} Examples;
void examples_add(Examples *e, const Tokenizer *tok, const char *prompt, const char *answer,
                  int finished);
/* Appends a document of pretraining, in which the model's own turns are learned (D16). */
void document_add(Examples *e, const Tokenizer *tok, const char *text, int all_words);
long examples_learned(const Examples *e); /* tokens that are targets */
void examples_free(Examples *e);

/* Preference model: sequences 2i and 2i+1 are two answers to one prompt, p[i] = P(the first is
 * better). */
typedef struct {
    Seqs pair;
    double *p;
} Comparisons;
void comparisons_add(Comparisons *c, const Tokenizer *tok, const char *prompt, const char *a,
                     const char *b, double p);
void comparisons_free(Comparisons *c);

#endif
