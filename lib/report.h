/* lib/report.h -- what a stage tells while it works: progress on standard error, metrics for its
 * file. Every function takes NULL for a caller that wants no report.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_REPORT_H
#define CAI_REPORT_H

#include "lib/text.h"

#include <signal.h>
#include <stdint.h>

typedef struct {
    const char *stage; /* its name; it is stage k of n */
    int k, n, quiet;
    long seed;
    double started, drawn;    /* seconds: when the loop began, when the line was last drawn */
    long first;               /* steps of the loop that were done before this process */
    int live;                 /* a terminal: one line, drawn again and again */
    Text metrics;             /* the stage's file so far */
    const char *folder;       /* of the run: where a training loop's state is kept */
    uint64_t belongs;         /* what a state must have been made under to be taken up */
    double save_every, saved; /* seconds between states; when the last one was written */
    int snapshots;            /* every so many steps a training loop writes its model, 0: never */
    const char *model;        /* as MODEL-STEP.bin */
    const char *again;        /* the command that goes on after a stop */
    volatile sig_atomic_t line_open, in_loop, stop; /* written or read by the signal handler */
} Report;

double now_seconds(void);
/* Columns of the terminal that fd leads to, asked anew every time: it may have been resized. As
 * COLUMNS has it, if that is set. 0: fd leads to a file or a pipe. */
int terminal_columns(int fd);
/* Step i of n and the one metric that matters; draws at most every few seconds. */
void progress(Report *r, long i, long n, const char *metric, double value);
void end_line(Report *r);
void warning(Report *r, const char *text); /* on standard error, quiet or not */
extern const char METRICS_HEADER[];        /* the first line of every metrics file */
void metric(Report *r, long step, const char *name, double value);
void metric_of(Report *r, const char *name, double value, long n); /* a figure of n items */

#endif
