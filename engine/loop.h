/* engine/loop.h -- what a training loop says and keeps.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_LOOP_H
#define CAI_LOOP_H

#include "include/train.h"
#include "lib/report.h"

long resume(Report *r, const char *loop, Trainer *t); /* steps done before a stop */
void save_progress(Report *r, const char *loop, Trainer *t,
                   long done); /* after every step: its state, when due */
/* By TRL's names, but for eps, episodes a second: the same run writes the same bytes. */
void ppo_metrics(Report *r, int it, const Rollout *ro, const PpoStats *s);
void watch_collapse(Report *r, int it, const Rollout *ro, const PpoStats *s, int *warned);

#endif
