/* engine/state.h -- the state of a training loop in a file.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_STATE_H
#define CAI_STATE_H

#include "include/trainer.h"

/* Weights, moments and the optimiser's steps, with the caller's count of steps done, his notes,
 * and a number that says what the state belongs to. trainer_load returns the count and fresh
 * notes, or -1 and NULL if there is no file or it belongs to something else; it dies if the file
 * is broken. */
void trainer_save(Trainer *t, const char *path, uint64_t belongs, long done, const char *notes);
long trainer_load(Trainer *t, const char *path, uint64_t belongs, char **notes);

#endif
