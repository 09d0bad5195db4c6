/* cli/run.c -- runs the stages one after the other, and goes on where a run was stopped.
 *
 * Three things are kept in the run's folder for that: files.txt, a record of every stage that was
 * begun or finished with the checksums of its files (lib/records.c); in a training loop a state
 * every so often (engine/loop.c); and a lock on the folder, which goes with the process. Draws are
 * numbered, not streamed, so a run that was stopped and one that was not end in the same bytes.
 *
 * Reading order: metrics, signals, the run.
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE /* flock */
#define _DARWIN_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "cli/run.h"
#include "cli/plot.h"
#include "cli/inputs.h"
#include "cli/kernels.h"
#include "cli/words.h"
#include "data/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", path,
            strerror(errno));
}

// ------------------------------------------------------------------------------------
// Metrics files: one a stage, and metrics.tsv, all of them under one header

static Path metrics_file(const Run *run, int k)
{
    char name[64];
    snprintf(name, sizeof name, "metrics/%s.tsv", STAGES[k].name);
    return run_path(run, name);
}

static void write_metrics(Run *run, int k)
{
    Path path = metrics_file(run, k);
    FILE *f = create_file(path.s);
    fputs(METRICS_HEADER, f);
    if (run->report.metrics.n) fputs(run->report.metrics.s, f);
    commit_file(f, path.s);
}

/* Written only if it changes, so that a finished run can be looked at where nothing can be
 * written. */
static void gather_metrics(Run *run)
{
    Path path = run_path(run, "metrics.tsv");
    Text all = { 0 };
    text_add(&all, "%s", METRICS_HEADER);
    for (int k = 0; k < N_STAGES; k++) {
        Path one = metrics_file(run, k);
        if (!is_there(one.s)) continue;
        char *text = read_file(one.s, NULL);
        int has_header = strncmp(text, METRICS_HEADER, strlen(METRICS_HEADER)) == 0;
        text_add(&all, "%s", text + (has_header ? strlen(METRICS_HEADER) : 0));
        free(text);
    }
    char *then = is_there(path.s) ? read_file(path.s, NULL) : NULL;
    if (!then || strcmp(then, all.s)) {
        record_run_file(&run->records, "metrics.tsv", 1);
        records_save(&run->records);
        FILE *f = create_file(path.s);
        fputs(all.s, f);
        commit_file(f, path.s);
    }
    record_run_file(&run->records, "metrics.tsv", 0);
    records_save(&run->records);
    free(then);
    free(all.s);
}

// ------------------------------------------------------------------------------------
// Signals

static struct {
    Report *report;
    char say[4096];
} watched; /* the handler has no argument */

/* In a training loop the next step's end is soon, and its state is worth keeping. Elsewhere, or
 * when asked a second time, nothing is: the stage is made anew. Only calls that a signal handler
 * may make. */
static void on_signal(int unused)
{
    Report *r = watched.report;
    (void)unused;
    if (r->in_loop && !r->stop) {
        r->stop = 1;
        return;
    }
    if (r->line_open && write(2, "\n", 1) < 0) _exit(EXIT_STOPPED);
    if (write(2, watched.say, strlen(watched.say)) < 0) _exit(EXIT_STOPPED);
    _exit(EXIT_STOPPED);
}

static void watch_signals(Report *report)
{
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
    watched.report = report;
    snprintf(watched.say, sizeof watched.say,
             "cai: stopped; finished stages are kept, %.3900s goes on from there\n", report->again);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, NULL, &before);
    /* A closed terminal stops the run too, unless nohup has asked that it does not. */
    if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &a, NULL);
    /* That a reader of the results has gone is told at the end, by finish(). */
    signal(SIGPIPE, SIG_IGN);
}

// ------------------------------------------------------------------------------------
// The run

/* One process at a time writes a folder. The lock is on the folder itself, leaves no file, and
 * ends with the process however that ends. A file system that cannot lock folders is no reason not
 * to run. */
void lock_run(const Run *run)
{
    int folder = open(run->folder, O_RDONLY | O_CLOEXEC);
    if (folder < 0)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be read with --out", run->folder,
            strerror(errno));
    if (flock(folder, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        die(EXIT_INPUT,
            "%s: another cai is at work in this folder; wait for it, or choose another --out",
            run->folder);
}

void set_workers(const Run *run) { n_workers = run->threads ? run->threads : allowed_cores(); }

/* A stage has at most two training loops: its own and, for helpful, a preference model's. */
static void remove_states(const Run *run, int k)
{
    static const char *const ends[] = { ".state", ".state.tmp", "_pm.state", "_pm.state.tmp" };
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", STAGES[k].name, ends[i]);
        remove(run_path(run, name).s);
    }
}

/* Where a stage has a metric that matters: how it went, in a line. */
static void say_curve(const Report *r)
{
    Text t = { 0 };
    if (!r->quiet && r->metrics.n && add_stage_sparkline(&t, r->stage, r->metrics.s))
        fprintf(stderr, "%*s%s\n", 8, "", t.s);
    free(t.s);
}

static double run_stage(Run *run, int k, int last)
{
    Report *r = &run->report;
    StageFiles files = stage_files(run, k);
    double start = now_seconds();
    r->stage = STAGES[k].name;
    r->started = r->drawn = start;
    r->first = 0;
    text_clear(&r->metrics);
    kernels_note(run, k);
    begin_stage(&run->records, files);
    r->belongs = sum_of_stages(&run->records);
    STAGES[k].run(run);
    r->in_loop = 0;
    write_metrics(run, k);
    finish_stage(&run->records, files);
    remove_states(run, k);
    end_line(r);
    if (!run->quiet)
        fprintf(stderr, "[%d/%d] %-9s done in %.1f s: %s\n", r->k, r->n, r->stage,
                now_seconds() - start, STAGES[k].what);
    say_curve(r);
    if (r->stop && !last)
        die(EXIT_STOPPED, "stopped after the stage %s; %s goes on from there", r->stage, r->again);
    return now_seconds() - start;
}

static void say_finished(const Run *run, int to)
{
    if (!run->quiet)
        fprintf(stderr,
                "%s: finished before, and every file is as it was written; to make it anew give "
                "--from data or another --out\n",
                run->folder);
    if (to < N_STAGES - 1) return;
    char *text = read_file(run_path(run, "summary.txt").s, NULL);
    print_tables(printable(text));
    free(text);
}

static Report begin_report(const Run *run, Plan plan)
{
    Report r = { .n = plan.to - plan.from + 1,
                 .quiet = run->quiet,
                 .seed = run->seed,
                 .folder = run->folder,
                 .save_every = run->save_every,
                 .again = run->report.again };
    r.live = isatty(2) && getenv("TERM") && strcmp(getenv("TERM"), "dumb");
    return r;
}

/* The first stage of this plan that puts principles to a model; -1: none does. */
static int first_with_principles(Plan plan)
{
    int revise = stage_index("revise"), feedback = stage_index("feedback");
    if (plan.first > feedback || plan.to < revise) return -1;
    return plan.first <= revise ? revise : feedback;
}

/* A small corpus has not all words of the program's own constitution; one of a thousand documents
 * has, of 12 seeds out of 12. What is missing there is a word that a person has put in. */
static void say_unread_principles(Run *run)
{
    enum { HOLDS_ALL_WORDS = 1000 };
    const char *slash = strrchr(run->constitution_files, '/');
    int is_named_alike = strcmp(slash ? slash : "", "/constitution.txt") == 0;
    if (is_named_alike && run->data.corpus < HOLDS_ALL_WORDS) return;
    Words words = words_of_run(run, NULL);
    say_unknown_principles(&words, &run->constitution);
    words_free(&words);
}

void run_stages(Run *run, Plan plan)
{
    double start = now_seconds(), spent[N_STAGES] = { 0 };
    int tokenizer = stage_index("tokenizer"), first_asking = first_with_principles(plan);
    Report *r = &run->report;
    *r = begin_report(run, plan);
    watch_signals(r);
    if (plan.first <= plan.to) {
        make_folder(run_path(run, "metrics").s);
        kernels_compare(run, plan.first);
    }
    for (int k = plan.from; k <= plan.to; k++) {
        r->k = k - plan.from + 1;
        if (!is_made(plan, k) || (plan.anew && !is_unsure(&run->records, STAGES[k].name)))
            remove_states(run, k);
        if (k == first_asking) say_unread_principles(run);
        if (is_made(plan, k)) spent[k] = run_stage(run, k, k == plan.to);
        else if (!run->quiet)
            fprintf(stderr, "[%d/%d] %-9s %s: %s\n", r->k, r->n, STAGES[k].name,
                    has_records(&run->records, STAGES[k].name) ? "finished before" : "yours",
                    STAGES[k].what);
        if (k == tokenizer && k >= plan.first && plan.to >= stage_index("revise")) {
            if (!run->tok) load_tokenizer(run, 0);
            check_principles(run);
        }
    }
    gather_metrics(run);
    if (plan.first > plan.to) say_finished(run, plan.to);
    else if (plan.to == N_STAGES - 1) {
        printf("\nSeconds:");
        for (int k = plan.first; k <= plan.to; k++) printf(" %s %.1f", STAGES[k].name, spent[k]);
        printf("; in all %.1f. Files: %s/\n", now_seconds() - start, run->folder);
    }
}
