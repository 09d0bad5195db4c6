/* lib/report.c -- progress on standard error, metrics of a stage, warnings.
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE /* winsize */
#define _DARWIN_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "lib/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int terminal_columns(int fd)
{
    struct winsize w;
    const char *wanted = getenv("COLUMNS");
    if (ioctl(fd, TIOCGWINSZ, &w)) return 0;
    if (wanted && atoi(wanted) > 1) return atoi(wanted);
    return w.ws_col > 1 ? w.ws_col : 80;
}

/* A live line on a terminal, cut to its width since a wrapped line cannot be drawn over; else a
 * plain line every few seconds. No colour, so NO_COLOR needs nothing. */
void progress(Report *r, long i, long n, const char *metric, double value)
{
    double t = now_seconds();
    if (!r || r->quiet || (i < n && t - r->drawn < (r->live ? 0.2 : 5))) return;
    r->drawn = t;
    double spent = t - r->started, left = 0;
    if (i > r->first) left = spent * (double)(n - i) / (double)(i - r->first);
    char line[256];
    snprintf(line, sizeof line, "[%d/%d] %-9s %ld/%ld  %s %.4f  %.0f s, %.0f s left", r->k, r->n,
             r->stage, i, n, metric, value, spent, left);
    int columns = terminal_columns(2);
    if (r->live) fprintf(stderr, "\r%.*s\033[K", columns ? columns - 1 : 79, line);
    else fprintf(stderr, "%s\n", line);
    r->line_open = r->live;
}

void end_line(Report *r)
{
    if (r->line_open) fprintf(stderr, "\r\033[K");
    r->line_open = 0;
}

/* What a student should hear at once and not find in a table later. */
void warning(Report *r, const char *text)
{
    if (r) end_line(r);
    fprintf(stderr, "cai: %s%s%s\n", r ? r->stage : "", r ? ": " : "", text);
}

const char METRICS_HEADER[] = "stage\tstep\tmetric\tseed\tvalue\tn\n";

void metric(Report *r, long step, const char *name, double value)
{
    if (!r) return;
    text_add(&r->metrics, "%s\t%ld\t%s\t%ld\t%.6g\t\n", r->stage, step, name, r->seed, value);
}

void metric_of(Report *r, const char *name, double value, long n)
{
    if (!r) return;
    text_add(&r->metrics, "%s\t0\t%s\t%ld\t%.6g\t%ld\n", r->stage, name, r->seed, value, n);
}
