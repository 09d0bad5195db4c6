/* cli/run.h -- the stages in order, and what runs them.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_RUN_H
#define CAI_RUN_H

#include "cai.h"

enum { N_STAGES = 10, MAX_FILES = 16 };
typedef struct {
    const char *name;
    void (*run)(Run *run);
    const char *what;
    const char *files[MAX_FILES];       /* what it writes, NULL at the end */
} Stage;
extern const Stage STAGES[N_STAGES];
int stage_index(const char *name);                      /* -1: no such stage */

void records_of(Run *run);              /* ties the run's records to its folder and its own files */
void lock_run(const Run *run);          /* dies if another process is at work in the folder */
void run_stages(Run *run, int from, int to, int anew);  /* anew 0: not those that are finished */

#endif
