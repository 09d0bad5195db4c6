/* cli/report.h -- the parts of a run's report, each put on a page as HTML.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_REPORT_H
#define CAI_CLI_REPORT_H

#include "cli/figures.h"

#include <stdio.h>

void put_line_of(FILE *f, const char *tag, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* <tag>..</tag>, its text escaped */

/* cli/report_numbers.c */
void put_sentences(FILE *f, Run *run); /* ten, with this run's numbers */
void put_models(FILE *f, Run *run);    /* a row a model */
void put_settings(FILE *f, Run *run);  /* flags, files, seconds, kernels */

/* cli/report_samples.c */
void put_requests(FILE *f, Run *run); /* ten, through all models */
void put_chain(FILE *f, Run *run);    /* one request: draft, critiques, revisions, judgement */
void put_judgements(FILE *f, Run *run, const char *heading); /* chains that are right and wrong */

#endif
