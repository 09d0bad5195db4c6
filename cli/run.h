/* cli/run.h -- the stages in order, and what runs them.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_RUN_H
#define CAI_RUN_H

#include "cai.h"

#define VERSION "cai 0.1"

enum { N_STAGES = 10, MAX_FILES = 20 };
typedef struct {
    const char *name;
    void (*run)(Run *run);
    const char *what;
    const char *writes[MAX_FILES], *reads[MAX_FILES];       /* in the run's folder, NULL at the end */
} Stage;
extern const Stage STAGES[N_STAGES];
int stage_index(const char *name);                          /* -1: no such stage */
StageFiles stage_files(const Run *run, int k);

/* Stages first..to, of a run that was asked for from..to. */
typedef struct { int from, to, first, anew; } Plan;

void records_of(Run *run);              /* ties the run's records to its folder */
void lock_run(const Run *run);          /* dies if another process is at work in the folder */
void run_stages(Run *run, Plan plan);

/* kernels.txt (cli/kernels.c) */
void kernels_check(const Run *run);             /* dies if it is no such file */
void kernels_note(const Run *run, int k);       /* stage k is computed by those of this process */
void kernels_compare(const Run *run, int first);    /* says if stages before `first` had others */

#endif
