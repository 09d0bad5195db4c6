/* cli/inputs.h -- what a run is made of: the town and the constitution, read once, and the files
 * of its folder; all of it looked at before the first stage.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_INPUTS_H
#define CAI_INPUTS_H

#include "cli/options.h"
#include "cli/stages.h"

/* A flag's file or files as they were read: these bytes are parsed, checksummed and copied. */
typedef struct {
    const char *flag, *copy;
    Texts path;
    char **data;
    size_t *size;
    uint64_t sum;
} Source;
typedef struct {
    Source town, constitution, text; /* text: no files where --text is not given */
} Inputs;

void inputs_read(Run *run, Inputs *in, const Settings *given);
/* Dies at whatever the plan's stages would find missing or broken, or would write over and may
 * not. */
void inputs_check(Run *run, const Inputs *in, Plan plan);
void inputs_keep(Run *run,
                 Inputs *in); /* copies them into the folder, where the stages read them */
Constitution
constitution_of_run(Run *run, const Settings *given); /* for a look into a run: the folder's copy */
const char *town_of_run(Run *run, const Settings *given); /* its path, likewise */
void check_principles(Run *run); /* dies at one that leaves no room in the context */

#endif
