/* include/tokenizer.h -- tokenizer.c: byte-level BPE in llama2.c's tokenizer.bin form.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TOKENIZER_H
#define CAI_TOKENIZER_H

#include "lib/table.h"

#include <stddef.h>

enum { TOKEN_UNKNOWN = 0, TOKEN_BEGIN = 1, TOKEN_END = 2, TOKEN_BYTE = 3 }; /* 3..258 bytes */

enum { MAX_PIECE = 128 }; /* bytes of a piece that is learned */

typedef struct {
    int vocab_size;               /* V */
    int max_length;               /* of a piece, in bytes */
    StringTable pieces;           /* (V) NUL-terminated; no piece holds a NUL */
    float *score;                 /* (V) earlier merges score higher */
    unsigned char (*joined)[256]; /* (256, 256) 1: some piece holds these two bytes side by side */
} Tokenizer;

/* The last `superwords` pieces may hold several words of a phrase. */
Tokenizer *tokenizer_train(const char *text, size_t size, int vocab_size, int superwords);
/* vocab_size 0: as many pieces as the file holds */
Tokenizer *tokenizer_load(const char *path, int vocab_size);
void tokenizer_save(const Tokenizer *t, const char *path);
void tokenizer_free(Tokenizer *t);

/* Writes the ids of text[0..size) to out (room for size+2) and returns their number. with_begin:
 * put TOKEN_BEGIN and llama2.c's dummy space first, as at the start of a document; without it the
 * text is encoded as a continuation, nothing added. */
int encode(const Tokenizer *t, const char *text, size_t size, int with_begin, int *out);
/* The bytes of ids[0..n): the inverse of encode. Returns a fresh NUL-terminated string, *size its
 * bytes (may be NULL). TOKEN_BEGIN has no bytes and takes the dummy space off what follows it. */
char *decode(const Tokenizer *t, const int *ids, int n, size_t *size);

#endif
