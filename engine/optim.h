/* engine/optim.h -- the optimisers: AdamW, Muon, and the step that ends every training step.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_OPTIM_H
#define CAI_OPTIM_H

#include "include/trainer.h"

Trainer *trainer_new(Model *m, AdamW opt); /* m stays the caller's */
void trainer_free(Trainer *t);
void trainer_done(Trainer *t); /* frees it; dies if the steps have blown the weights up */
/* Ends a training step: adds the shards' gradients, clips, updates m with learning rate lr. */
void trainer_step(Trainer *t, double lr);
/* Ends the program with status 4 if the loss is no number, if it is above `blind` or if the model
 * is dead. name: of the loss, for the message. */
void check_loss(const Trainer *t, const char *name, double loss, double blind);
/* Factor on the learning rate at a step (from 0): linear warm-up over `warm` steps, then constant,
 * linear or cosine down to 0 at step `total`, one after the last of `total` steps (D23). */
enum { LR_CONSTANT, LR_LINEAR, LR_COSINE };
double lr_schedule(int kind, long step, long warm, long total);

#endif
