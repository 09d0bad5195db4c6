/* cli/begin.h -- a run that begins with what others have trained: another run's models, or a
 * checkpoint of elsewhere.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_BEGIN_H
#define CAI_BEGIN_H

#include "cli/commands.h"
#include "cli/stages.h"

void check_beginning(const Args *arg, Plan plan); /* that its flags go together */

/* --pretrained. Makes the run's folder, whole or not at all, once what the plan reads has been
 * looked at; one that was begun so is left as it is. Returns 1: the folder is there. */
int begin_with_run(Run *run, const Args *arg, Plan plan);

/* --base: the model's sizes become the run's; its file and the tokenizer's go into the folder, as
 * the person's own. */
void take_sizes(Run *run, const Args *arg);
void keep_base(const Run *run, const Args *arg);

#endif
