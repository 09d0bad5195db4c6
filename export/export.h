/* export/export.h -- models and data in the forms of other programs.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_EXPORT_H
#define CAI_EXPORT_H

#include "cai.h"

/* A tensor of the model under a name of another program. */
typedef struct {
    char name[80];
    const real *w; /* (rows, cols) */
    int rows, cols;
    int is_row; /* of one dimension: a norm's weights */
    int heads;  /* not 0: a matrix of queries or keys with so many heads */
} Weight;
typedef enum { NAMES_GGUF, NAMES_HF } Names;
Weight *weights_of(const Model *m, Names names, int *n); /* all but the score head */
/* Row r of a matrix whose heads are rotated in halves, as a row of ours: rotated are neighbours. */
int row_of_halves(int r, int head_size);

/* Ids of the pieces that are made by merging, earliest merge first. */
int *merges_of(const Tokenizer *tok, int *n);
/* A piece as SentencePiece spells it, a blank as U+2581. Dies at one that this cannot spell. */
char *spelled(const Tokenizer *tok, int id);

FILE *create_new_file(const char *path); /* dies if it is there already: nothing is lost */

void export_gguf(const Model *m, const char *path, const char *name);
void export_safetensors(const Model *m, const char *path, int is_pm);
void export_tokenizer_json(const Tokenizer *tok, const char *path);
/* The folder that Hugging Face's programs read. run: its settings and figures go into the card;
 * NULL: no run's model. */
void export_hf(const Model *m, const char *folder, const char *name, int is_pm, const Run *run);
void export_trl(Run *run, const char *folder); /* the run's data as TRL's trainers read them */

#endif
