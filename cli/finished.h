/* cli/finished.h -- what a finished run says of itself.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_FINISHED_H
#define CAI_CLI_FINISHED_H

#include "cli/options.h"
#include "data/tables.h"

Run finished_run(const char *folder); /* with its flags; dies if it is not finished */

/* A figure of metrics/eval.tsv with its interval, which allows for requests about one verb being
 * alike. NaN: the run has no such figure. */
Figure figure_of(const char *metrics, const char *key);

#endif
