/* cli/run.c -- runs the stages one after the other, and goes on where a run was stopped.
 *
 * Three things are kept in the run's folder for that: files.txt, a record of every finished stage with
 * the checksums of its files (lib/records.c); in a training loop a state every so often (engine/loop.c);
 * and a lock on the folder, which goes with the process. Draws are numbered, not streamed, so a run that
 * was stopped and one that was not end in the same bytes.
 *
 * Reading order: the stages, signals, the run.
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE             /* flock */
#define _DARWIN_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "cli/run.h"
#include "data/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// The stages, in the order of the run

const Stage STAGES[N_STAGES] = {
    { "data", stage_data, "the town's texts: corpus, prompts, human comparisons, evaluation sets",
      { "data/corpus.jsonl", "data/redteam.jsonl", "data/helpful.jsonl", "data/human_prefs.jsonl",
        "data/eval_prefs.jsonl", "data/eval_redteam.jsonl", "data/eval_helpful.jsonl",
        "data/eval_contrast.jsonl", "data/eval_unseen.jsonl", "data/reserved_redteam.jsonl",
        "data/reserved_helpful.jsonl", "data/reserved_contrast.jsonl", "data/judgements.jsonl",
        "metrics/data.tsv" } },
    { "tokenizer", stage_tokenizer, "byte-level BPE on the corpus",
      { "tokenizer.bin", "metrics/tokenizer.tsv" } },
    { "pretrain", stage_pretrain, "base.bin: a language model from nothing",
      { "base.bin", "metrics/pretrain.tsv" } },
    { "helpful", stage_helpful, "helpful.bin: helpful-only RLHF",
      { "helpful_pm.bin", "helpful_pm.head", "helpful.bin", "metrics/helpful.tsv" } },
    { "revise", stage_revise, "revisions.jsonl: critique and revision of red-team answers",
      { "revisions.jsonl", "metrics/revise.tsv" } },
    { "sl", stage_sl, "sl_cai.bin: finetuned on the revisions",
      { "sl_cai.bin", "metrics/sl.tsv" } },
    { "feedback", stage_feedback, "feedback.jsonl: pairs of SL-CAI answers judged by the model",
      { "feedback.jsonl", "metrics/feedback.tsv" } },
    { "pm", stage_pm, "pm.bin: one preference model on human and AI comparisons",
      { "pm.bin", "pm.head", "metrics/pm.tsv" } },
    { "rl", stage_rl, "rl_cai.bin: PPO against the preference model",
      { "rl_cai.bin", "metrics/rl.tsv" } },
    { "eval", stage_eval, "summary.txt: every model on held-out prompts",
      { "answers.jsonl", "judged.jsonl", "summary.txt", "metrics/eval.tsv" } },
};

int stage_index(const char *name)
{
    for (int k = 0; k < N_STAGES; k++)
        if (strcmp(STAGES[k].name, name) == 0) return k;
    return -1;
}

void records_of(Run *run)
{
    static const char *names[N_STAGES];
    static OwnFile own[3];
    for (int k = 0; k < N_STAGES; k++) names[k] = STAGES[k].name;
    own[0] = (OwnFile){ "data", "--town", run->town };
    own[1] = (OwnFile){ "revise", "--constitution", run->constitution_files };
    own[2] = (OwnFile){ "feedback", "--constitution", run->constitution_files };
    run->records.folder = run->folder;
    run->records.stages = names;
    run->records.n_stages = N_STAGES;
    run->records.own = own;
    run->records.n_own = 3;
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
    if (run->report.metrics.n) fputs(run->report.metrics.s, f);
    commit_file(f, path.s);
}

static void gather_metrics(Run *run)
{
    Path path = run_path(run, "metrics.tsv");
    FILE *f = create_file(path.s);
    fprintf(f, "stage\tstep\tmetric\tseed\tvalue\n");
    for (int k = 0; k < N_STAGES; k++) {
        Path one = metrics_file(run, k);
        if (access(one.s, R_OK)) continue;
        char *text = read_file(one.s, NULL);
        fputs(text, f);
        free(text);
    }
    commit_file(f, path.s);
}

// ------------------------------------------------------------------------------------
// Signals

static Report *watched;         /* the handler has no argument: the report of the run at work */

/* In a training loop the next step's end is soon, and its state is worth keeping. Elsewhere, or when asked
 * a second time, nothing is: the stage is made anew. Only calls that a signal handler may make. */
static void on_signal(int unused)
{
    static const char say[] = "cai: stopped; finished stages are kept, the same cai run (without --from) "
                              "goes on from there\n";
    (void)unused;
    if (watched->in_loop && !watched->stop) { watched->stop = 1; return; }
    if (watched->line_open && write(2, "\n", 1) < 0) _exit(EXIT_STOPPED);
    if (write(2, say, sizeof say - 1) < 0) _exit(EXIT_STOPPED);
    _exit(EXIT_STOPPED);
}

static void watch_signals(Report *report)
{
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
    watched = report;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, NULL, &before);
    if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &a, NULL);  /* a closed terminal; nohup stays as it is */
    signal(SIGPIPE, SIG_IGN);       /* a reader of the results that has gone is told at the end, by finish() */
}

// ------------------------------------------------------------------------------------
// The run

/* One process at a time writes a folder. The lock is on the folder itself, leaves no file, and ends with the
 * process however that ends. A file system that cannot lock folders is no reason not to run. */
void lock_run(const Run *run)
{
    int folder = open(run->folder, O_RDONLY | O_CLOEXEC);
    if (folder < 0)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be read with --out", run->folder, strerror(errno));
    if (flock(folder, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        die(EXIT_INPUT, "%s: another cai is at work in this folder; wait for it, or choose another --out",
            run->folder);
}

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

static void record_files(Run *run, int k)
{
    int n = 0;
    while (n < MAX_FILES && STAGES[k].files[n]) n++;
    record_stage(&run->records, STAGES[k].name, STAGES[k].files, n);
}

/* flags.txt, unless it was recorded when it was written: the command's flags are those in it, or it had been
 * refused. Removed and written anew with other flags, it is found here: the stages are not of these. */
static void record_flags(Run *run)
{
    static const char *const flags[] = { "flags.txt" };
    Records *k = &run->records;
    int known = 0;
    for (int i = 0; i < k->n; i++) known |= strcmp(k->r[i].stage, "run") == 0;
    if (!known) record_stage(k, "run", flags, 1);
    records_read(k, "flags.txt");
    records_save(k);
}

static double run_stage(Run *run, int k)
{
    Report *r = &run->report;
    double start = now_seconds();
    r->stage = STAGES[k].name;
    r->started = r->drawn = start;
    r->first = 0;
    text_clear(&r->metrics);
    mark_unsure(&run->records, k);
    r->belongs = sum_of_file(run_path(run, "files.txt").s);
    STAGES[k].run(run);
    r->in_loop = 0;
    write_metrics(run, k);
    record_files(run, k);
    remove_states(run, k);
    end_line(r);
    if (!run->quiet)
        fprintf(stderr, "[%d/%d] %-9s done in %.1f s: %s\n", r->k, r->n, r->stage, now_seconds() - start,
                STAGES[k].what);
    if (r->stop)
        die(EXIT_STOPPED, "stopped after the stage %s; the same cai run (without --from) goes on from there",
            r->stage);
    return now_seconds() - start;
}

static void say_finished(const Run *run, int to)
{
    if (!run->quiet)
        fprintf(stderr, "%s: finished before, and every file is as it was written; to make it anew give "
                "--from data or another --out\n", run->folder);
    if (to < N_STAGES - 1) return;
    char *text = read_file(run_path(run, "summary.txt").s, NULL);
    fputs(shown(text), stdout);
    free(text);
}

void run_stages(Run *run, int from, int to, int anew)
{
    double start = now_seconds(), spent[N_STAGES] = { 0 };
    Report *r = &run->report;
    Path metrics = run_path(run, "metrics");
    if (mkdir(metrics.s, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", metrics.s, strerror(errno));
    *r = (Report){ .n = to - from + 1, .quiet = run->quiet, .seed = run->seed, .folder = run->folder,
                   .save_every = run->save_every };
    r->live = isatty(2) && getenv("TERM") && strcmp(getenv("TERM"), "dumb");
    watch_signals(r);
    if (!run->records.loaded) records_load(&run->records);
    record_flags(run);
    int first = anew ? from : first_unfinished(&run->records, to + 1);
    check_own_files(&run->records, first);
    for (int k = from; k <= to; k++) {
        r->k = k - from + 1;
        if (k >= first) { if (anew) remove_states(run, k); spent[k] = run_stage(run, k); continue; }
        remove_states(run, k);
        if (!run->quiet)
            fprintf(stderr, "[%d/%d] %-9s finished before: %s\n", r->k, r->n, STAGES[k].name, STAGES[k].what);
    }
    gather_metrics(run);
    if (first > to) say_finished(run, to);
    else if (to == N_STAGES - 1) {
        printf("\nSeconds:");
        for (int k = first; k <= to; k++) printf(" %s %.1f", STAGES[k].name, spent[k]);
        printf("; in all %.1f. Files: %s/\n", now_seconds() - start, run->folder);
    }
}
