/* cli/run.h -- what runs the stages.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_RUN_H
#define CAI_RUN_H

#include "cli/stages.h"

void lock_run(const Run *run); /* dies if another process is at work in the folder */
void set_workers(const Run *run);
void run_stages(Run *run, Plan plan);

#endif
