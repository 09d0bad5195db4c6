/* lib/records.h -- files.txt, the record of a run's folder: which stage wrote which file and which
 * files of the person's own it read, with checksums.
 *
 * A file with a record is this program's, and is written over only while its bytes are those that
 * were recorded. A file without one is the person's own: it is read as it is and never written
 * over.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_RECORDS_H
#define CAI_RECORDS_H

#include "lib/text.h"

#include <stdint.h>

/* file: NAME, a file of the folder that the stage wrote; <NAME, a file of the folder that it read
 * and that is the person's own; --FLAG, what the person gave by that flag. unsure ("?" before the
 * stage): the stage was begun and has not been finished since. */
typedef struct {
    char *stage, *file;
    uint64_t sum;
    int unsure;
} Record;

/* What the person gave by a flag, the first stage that reads it, and the checksum of its bytes. */
typedef struct {
    const char *stage, *flag, *path;
    uint64_t sum;
} OwnFile;

enum { MAX_STAGES = 16, MAX_OWN = 4 };
typedef struct {
    Record *r;
    int n, loaded;
    const char *folder;
    const char *stages[MAX_STAGES]; /* names, in the order of the run */
    int n_stages;
    OwnFile own[MAX_OWN];
    int n_own;
} Records;

/* What a stage writes and reads: names inside the folder, NULL at the end of each list. What it
 * writes need not all be there in the end. */
enum { MAX_FILES = 24 };
typedef struct {
    const char *stage, *writes[MAX_FILES], *reads[MAX_FILES];
} StageFiles;

Path path_in(const char *folder, const char *name);
uint64_t sum_of_file(const char *path);
void records_load(Records *k);
void records_save(Records *k); /* writes files.txt if it would change */

/* The record of a file, by that stage or, with NULL, by any. NULL: there is none. */
const Record *record_of(Records *k, const char *stage, const char *file);
int has_records(const Records *k, const char *stage);
int is_unsure(const Records *k, const char *stage);

/* The path of a file of the run that is about to be read, once its bytes are what its stage wrote.
 * A file without a record is the person's own and is taken as it is. */
Path records_read(Records *k, const char *name);

/* Number of the first stage that is not finished, at most end. A stage is finished when it has
 * records, its files are there, and its records stand after those of all stages before it. A stage
 * without records before one that has some was skipped: the person has put its files there
 * (--from). */
int first_unfinished(Records *k, int end);

/* Dies if a file that this stage read has changed since, or is the person's own now and was not
 * then. */
void check_inputs(Records *k, StageFiles s);

/* Dies if the stage would write over a file that is not as this program wrote it. */
void check_outputs(Records *k, StageFiles s);

/* Before a stage: its files may be written over from now on. After it: what it wrote and read. */
void begin_stage(Records *k, StageFiles s);
void finish_stage(Records *k, StageFiles s);

/* A file of no stage, under the name "run": flags.txt, metrics.tsv, the copies of what the person
 * gave. */
void record_run_file(Records *k, const char *name, int unsure);
void records_take(Records *k, const Records *from, const char *stage); /* as that run has them */
void forget_run_file(Records *k, const char *name);

/* A checksum of what the stages wrote and read: what a training state must have been made under. */
uint64_t sum_of_stages(const Records *k);

#endif
