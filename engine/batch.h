/* engine/batch.h -- a batch: sequences, the rows at which a model is read, and the pieces that are
 * read in parallel, forward and backward. A loss is what stands between the two (train.c).
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_BATCH_H
#define CAI_BATCH_H

#include "include/trainer.h"

enum { LOGP = 1, ENTROPY = 2, SCORE = 4 }; /* what is read at a row */

typedef struct {
    const Seqs *s; /* stays the caller's */
    int n;         /* rows, in the order of the tokens */
    int *seq;      /* (n) the sequence of each */
    int *at;       /* (n) the token whose final state is read; its target is token at + 1 */
    double *logp, *entropy; /* (n) of the target, of the whole distribution; in nats */
    double *score;          /* (n) the score head on the state: PM score or value */
    double *dlogp, *dscore; /* (n) derivatives of the loss, for backward_shards */
    int reads;              /* of LOGP, ENTROPY, SCORE: what the latest forward pass read */
    int n_piece;
    int *first;  /* (n_piece+1) piece k is sequences first[k]..first[k+1]-1 */
    int *begin;  /* (n_piece+1) and rows begin[k]..begin[k+1]-1 */
    int *dead;   /* (n_piece) 1: the model's states are 0, whatever it reads */
    int n_shard; /* of the next training step: shard j is piece shard[j] */
    int shard[SHARDS];
} Batch;

/* A batch is made in three steps: batch_new, batch_row for every row, batch_cut. */
Batch batch_new(const Seqs *s);            /* no rows yet, room for one a token */
void batch_row(Batch *b, int seq, int at); /* appends a row */
void batch_cut(Batch *b, int per, int n_piece);
void batch_free(Batch *b);

/* Ends the program for a model that gives no numbers, or the same whatever it reads. */
_Noreturn void die_of_weights(void);

/* Reads m at every row, without training it. */
void read_model(const Model *m, Batch *b, int reads);
/* Reads the model that is being trained at the rows of b's shards; keeps what backward needs. */
void forward_shards(Trainer *t, Batch *b, int reads);
/* Adds to the trainer's gradients that of the loss whose derivatives stand in b->dlogp (if the
 * forward pass read LOGP) and b->dscore (if it read SCORE). */
void backward_shards(Trainer *t, Batch *b);

#endif
