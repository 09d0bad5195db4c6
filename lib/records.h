/* lib/records.h -- files.txt, the record of a run's folder: which stage wrote which file, with checksums.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_RECORDS_H
#define CAI_RECORDS_H

#include "lib/text.h"

#include <stdint.h>

/* A stage is finished when it has records and they stand after those of all stages before it: made
 * later than what it read. unsure ("?" before the stage): the stage is being made anew. */
typedef struct { char *stage, *file; uint64_t sum; int unsure; } Record;

/* A file of the person's own that a stage reads: changed afterwards, the stage is no longer what it says. */
typedef struct { const char *stage, *flag, *path; } OwnFile;

typedef struct {
    Record *r;
    int n, loaded;
    const char *folder;
    const char *const *stages;      /* (n_stages) names, in the order of the run */
    int n_stages;
    const OwnFile *own;             /* (n_own) */
    int n_own;
} Records;

Path path_in(const char *folder, const char *name);
void records_load(Records *k);
void records_save(Records *k);

/* The path of a file of the run that is about to be read, once its bytes are what its stage wrote.
 * A file without a record is the person's own and is taken as it is. */
Path records_read(Records *k, const char *name);

/* Finished stages from the beginning on: the number of the first that is not, at most end. */
int first_unfinished(Records *k, int end);
void check_own_files(Records *k, int from);     /* that stages before `from` have read: as they were */
void mark_unsure(Records *k, int stage);        /* before a stage is made anew */
/* Replaces the records of a stage by those of the files that it has just written. */
void record_stage(Records *k, const char *stage, const char *const *files, int n_files);
uint64_t sum_of_file(const char *path);

#endif
