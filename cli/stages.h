/* cli/stages.h -- the stages in the order of the run, and the files that each writes and reads.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_STAGES_H
#define CAI_CLI_STAGES_H

#include "cai.h"

/* The one place of the version: make dist, CITATION.cff and CHANGELOG.md are checked against it. */
#define VERSION "cai 0.1"
#define VERSION_DATE "November 27, 2026" /* of this version's manual page */

enum { N_STAGES = 10 };
typedef struct {
    const char *name;
    void (*run)(Run *run);
    const char *what;
    const char *writes[MAX_FILES], *reads[MAX_FILES]; /* in the run's folder, NULL at the end */
} Stage;
extern const Stage STAGES[N_STAGES];
int stage_index(const char *name); /* -1: no such stage */
int writer_of(const char *file);   /* the stage that writes this file of a run; -1: none */

StageFiles stage_files(const Run *run, int k); /* what stage k writes and reads by these settings */
void records_of(Run *run);                     /* ties the run's records to its folder */

/* Stages first..to are to be made, of a run that was asked for from..to. anew: also those that are
 * finished. own_base: tokenizer and pretrained model are the person's own (--base). elsewhere: what
 * is looked at is another run's, of which a new one is to be begun (--pretrained). */
typedef struct {
    int from, to, first, anew, own_base, elsewhere;
} Plan;
int is_made(Plan plan, int k); /* whether stage k is to be made */

#endif
