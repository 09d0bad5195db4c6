/* include/trainer.h -- what a training step works on: a model, its optimiser's state, its
 * gradients.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TRAINER_H
#define CAI_TRAINER_H

#include "include/model.h"

/* Every batch is cut into SHARDS pieces whatever the machine; their gradients are added in shard
 * order: the same bytes on any number of threads. A piece is one worker's; a worker without a piece
 * takes columns of the others' large products. More pieces would cost smaller products and more
 * copies of the gradient (docs/performance.md). */
enum { SHARDS = 4 };

typedef struct { /* decoupled weight decay (matrices only), clipping by global norm */
    double beta1, beta2, eps, weight_decay, max_norm;
    double muon;    /* momentum of Muon for the layers' matrices; 0: AdamW for them too (D14) */
    double head_lr; /* the score head learns this many times faster; 0: as the rest (D7) */
    int frozen;     /* 1: embedding and tied head stay as they are (D13) */
} AdamW;

typedef struct {
    Model *m;
    AdamW opt;
    long step;        /* steps done */
    double largest;   /* weight before the first step, in absolute value */
    real *mean, *var; /* (n_param) first and second moments */
    Model *grad[SHARDS];
    Acts *acts[SHARDS];
    double grad_norm; /* of the last step, before clipping */
    int dead;         /* 1: the last forward pass gave states of 0, whatever it read */
    char *saved;      /* file of the last state written or read, and its step; NULL: none */
    long saved_step;
} Trainer;

#endif
