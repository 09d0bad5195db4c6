/* run.c -- runs the stages one after the other: progress on standard error, metrics into the run's folder.
 *
 * Knows stages by name and order only, nothing of what they do.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// progress on standard error, metrics in the run's folder

static struct { const char *stage; int k, n; double start, shown; int live, open; FILE *metrics; } show;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* stage k of n, step, the one metric that matters, time left. A live line on a terminal, else a plain
 * line every few seconds; NO_COLOR needs nothing, since there is no colour. */
void progress(long i, long n, const char *metric, double value)
{
    double t = seconds();
    if (o.quiet || (i < n && t - show.shown < (show.live ? 0.2 : 5))) return;
    show.shown = t;
    double spent = t - show.start, left = i ? spent * (double)(n - i) / (double)i : 0;
    fprintf(stderr, "%s[%d/%d] %-9s %ld/%ld  %s %.4f  %.0f s, %.0f s left%s", show.live ? "\r" : "", show.k, show.n,
            show.stage, i, n, metric, value, spent, left, show.live ? "\033[K" : "\n");
    show.open = show.live;
}

void metric(long step, const char *name, double value)
{
    fprintf(show.metrics, "%s\t%ld\t%s\t%ld\t%.6g\n", show.stage, step, name, o.seed, value);
}

// ------------------------------------------------------------------------------------
// the run

/* metrics.tsv: the stages' own files one after another, under one header. */
static void gather_metrics(void)
{
    FILE *f = create_file(in_out("metrics.tsv"));
    fprintf(f, "stage\tstep\tmetric\tseed\tvalue\n");
    for (int k = 0; k < N_STAGES; k++) {
        char name[64];
        snprintf(name, sizeof name, "metrics/%s.tsv", STAGES[k].name);
        if (access(in_out(name), R_OK)) continue;
        char *text = read_file(in_out(name), NULL);
        fputs(text, f);
        free(text);
    }
    commit_file(f, in_out("metrics.tsv"));
}

void run_stages(int from, int to)
{
    double start = seconds(), spent[N_STAGES] = { 0 };
    if (mkdir(in_out("metrics"), 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", in_out("metrics"), strerror(errno));
    for (int k = from; k <= to; k++) {
        char name[64];
        snprintf(name, sizeof name, "metrics/%s.tsv", STAGES[k].name);
        show.stage = STAGES[k].name;
        show.k = k - from + 1;
        show.n = to - from + 1;
        show.start = show.shown = seconds();
        show.live = isatty(2) && getenv("TERM") && strcmp(getenv("TERM"), "dumb");
        show.metrics = create_file(in_out(name));
        oracle_awake = STAGES[k].oracle;
        STAGES[k].run();
        commit_file(show.metrics, in_out(name));
        spent[k] = seconds() - show.start;
        if (!o.quiet)
            fprintf(stderr, "%s[%d/%d] %-9s done in %.1f s: %s\n", show.open ? "\r\033[K" : "", show.k, show.n, show.stage, spent[k],
                    STAGES[k].what);
        show.open = 0;
    }
    gather_metrics();
    if (to == N_STAGES - 1) {
        printf("\nSeconds:");
        for (int k = from; k <= to; k++) printf(" %s %.1f", STAGES[k].name, spent[k]);
        printf("; in all %.1f. Files: %s/\n", seconds() - start, o.out);
    }
}
