/* engine/checkpoint.h -- models (llama2.c's files, version 0) and score heads (files of our own).
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CHECKPOINT_H
#define CAI_CHECKPOINT_H

#include "include/model.h"

#include <stdio.h>

/* A broken file, or one that holds a number that is not finite, ends the program with status 3. */
Model *model_load(const char *path);
void score_head_load(Model *m, const char *path);
void model_save(const Model *m, const char *path);
void score_head_save(const Model *m, const char *path);

void write_floats(FILE *f, const real *from, size_t n); /* float32, in any file */

#endif
