/* run.c -- runs the stages one after the other, and goes on where a run was stopped.
 *
 * Three things are kept in the run's folder for that: files.txt, a record of every finished stage with the
 * checksums of its files; in a training loop a state (weights, moments, step, metrics) every so often; and
 * a lock on the folder, which goes with the process. Draws are numbered, not streamed, so a run that was
 * stopped and one that was not end in the same bytes. Knows stages by name and order, not what they do.
 *
 * Reading order: progress and metrics, records, the state of a training loop, signals, the run.
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE             /* flock */
#define _DARWIN_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "cai.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// progress on standard error, metrics of the stage

static struct {
    const char *stage;
    int k, n;                       /* stage k of n */
    double start, shown, kept;      /* seconds: the loop began, the line was drawn, the state was written */
    long first;                     /* steps that were done before this process */
    int live;                       /* a terminal: one line, drawn again and again */
    volatile sig_atomic_t open;     /* that line has no end yet */
    Text metrics;                   /* the stage's file so far */
} show;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Columns of the terminal, asked anew every time: it may have been resized. */
static int columns(void)
{
    struct winsize w;
    return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col : 80;
}

/* stage k of n, step, the one metric that matters, time left. A live line on a terminal, cut to its width since
 * a wrapped line cannot be drawn over, else a plain line every few seconds. No colour, so NO_COLOR needs nothing. */
void progress(long i, long n, const char *metric, double value)
{
    double t = seconds();
    if (o.quiet || (i < n && t - show.shown < (show.live ? 0.2 : 5))) return;
    show.shown = t;
    double spent = t - show.start, left = i > show.first ? spent * (double)(n - i) / (double)(i - show.first) : 0;
    char line[256];
    snprintf(line, sizeof line, "[%d/%d] %-9s %ld/%ld  %s %.4f  %.0f s, %.0f s left", show.k, show.n, show.stage, i, n, metric,
             value, spent, left);
    if (show.live) fprintf(stderr, "\r%.*s\033[K", columns() - 1, line);
    else fprintf(stderr, "%s\n", line);
    show.open = show.live;
}

static void end_line(void)
{
    if (show.open) fprintf(stderr, "\r\033[K");
    show.open = 0;
}

/* What a student should hear at once and not find in a table later. */
void warning(const char *text)
{
    end_line();
    fprintf(stderr, "cai: %s: %s\n", show.stage, text);
}

void metric(long step, const char *name, double value)
{
    text_add(&show.metrics, "%s\t%ld\t%s\t%ld\t%.6g\n", show.stage, step, name, o.seed, value);
}

static const char *metrics_file(int k)
{
    char name[64];
    snprintf(name, sizeof name, "metrics/%s.tsv", STAGES[k].name);
    return in_out(name);
}

static void write_metrics(int k)
{
    FILE *f = create_file(metrics_file(k));
    if (show.metrics.n) fputs(show.metrics.s, f);
    commit_file(f, metrics_file(k));
}

/* metrics.tsv: the stages' own files one after another, under one header. */
static void gather_metrics(void)
{
    FILE *f = create_file(in_out("metrics.tsv"));
    fprintf(f, "stage\tstep\tmetric\tseed\tvalue\n");
    for (int k = 0; k < N_STAGES; k++) {
        if (access(metrics_file(k), R_OK)) continue;
        char *text = read_file(metrics_file(k), NULL);
        fputs(text, f);
        free(text);
    }
    commit_file(f, in_out("metrics.tsv"));
}

// ------------------------------------------------------------------------------------
// records: files.txt, a line "STAGE CHECKSUM FILE" for everything a finished stage wrote, in the order of time

/* A stage is finished when it has records and they stand after those of all stages before it: made later
 * than what it read. unsure ("?" before the stage): the stage is being made anew, its files are in between. */
typedef struct { char *stage, *file; uint64_t sum; int unsure; } Record;
static struct { Record *r; int n, loaded; } records;

/* The person's own files that a stage reads: changed afterwards, the stage is no longer what it says. */
static const struct { const char *stage, *name; const char **path; } READS[] = {
    { "data", "--town", &o.town }, { "revise", "--constitution", &o.constitution }, { "feedback", "--constitution", &o.constitution },
};
enum { N_READS = sizeof READS / sizeof READS[0] };

static const char *path_of(const Record *r)
{
    for (int i = 0; i < N_READS; i++)
        if (strcmp(r->file, READS[i].name) == 0) return *READS[i].path;
    return in_out(r->file);
}

static uint64_t sum_of(const char *path)
{
    size_t size;
    char *data = read_file(path, &size);
    uint64_t sum = checksum(data, size, 0);
    free(data);
    return sum;
}

/* Of what a person gave: one file, or several with commas between. */
static uint64_t sum_of_list(const char *paths)
{
    uint64_t sum = 0;
    if (access(paths, F_OK) == 0) return sum_of(paths);
    char *copy = xstrdup(paths), *save = NULL;
    for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        uint64_t one = sum_of(p);
        sum = checksum(&one, sizeof one, sum);
    }
    free(copy);
    return sum;
}

static void add_record(const char *stage, const char *file, uint64_t sum, int unsure)
{
    records.r = xrealloc(records.r, (size_t)records.n + 1, sizeof(Record));
    records.r[records.n++] = (Record){ xstrdup(stage), xstrdup(file), sum, unsure };
}

void records_load(void)
{
    const char *path = in_out("files.txt");
    records.loaded = 1;
    if (access(path, F_OK)) return;
    char *text = read_text(path), *next = text, *s;
    for (int line = 1; (s = next) && *s; line++) {
        char stage[16], sum[17], end;
        int at = 0;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        int ok = sscanf(s, "%15s %16[0-9a-f]%c%n", stage, sum, &end, &at) == 3 && strlen(sum) == 16 && end == ' ' && s[at];
        const char *name = stage + (*stage == '?');
        if (!ok || !next || (stage_index(name) < 0 && strcmp(name, "run")))
            die(EXIT_INPUT, "%s:%d: not a line \"STAGE CHECKSUM FILE\"; remove the file, and cai run makes every stage anew", path, line);
        add_record(name, s + at, strtoull(sum, NULL, 16), name > stage);
    }
    free(text);
}

static void records_save(void)
{
    FILE *f = create_file(in_out("files.txt"));
    for (int i = 0; i < records.n; i++) {
        const Record *r = &records.r[i];
        fprintf(f, "%s%s %016llx %s\n", r->unsure ? "?" : "", r->stage, (unsigned long long)r->sum, r->file);
    }
    commit_file(f, in_out("files.txt"));
}

static void check_record(const Record *r)
{
    if (r->unsure) return;
    if (*r->file == '-') {
        if (sum_of_list(path_of(r)) == r->sum) return;
        die(EXIT_INPUT, "%s: has changed since the stage %s read it; go on with --from %s, or choose another --out",
            path_of(r), r->stage, r->stage);
    }
    if (access(path_of(r), F_OK) || sum_of(path_of(r)) == r->sum) return;
    if (strcmp(r->stage, "run") == 0)
        die(EXIT_INPUT, "%s: has changed since the run began; if the change is yours, remove its line from %s", path_of(r), in_out("files.txt"));
    die(EXIT_INPUT, "%s: is not as the stage %s wrote it; make it anew with cai run --from %s, or, if the change is yours, "
        "remove its line from %s", path_of(r), r->stage, r->stage, in_out("files.txt"));
}

/* The path of a file of the run that is about to be read, once its bytes are what its stage wrote. A file
 * without a record is the person's own and is taken as it is. */
const char *from_run(const char *name)
{
    if (!records.loaded) records_load();
    for (int i = 0; i < records.n; i++)
        if (strcmp(records.r[i].file, name) == 0) check_record(&records.r[i]);
    return in_out(name);
}

/* Where the records of a stage begin and end among the first n; 1 if it has any. */
static int find_block(const char *stage, int n, int *first, int *end)
{
    for (*first = 0; *first < n && strcmp(records.r[*first].stage, stage); ++*first) { }
    for (*end = *first; *end < n && strcmp(records.r[*end].stage, stage) == 0; ++*end) { }
    return *end > *first;
}

/* Finished stages from the beginning on: the first that is not, at most end. */
static int first_unfinished(int end)
{
    int last = 0;
    for (int k = 0; k < end; k++) {
        int first, stop;
        if (!find_block(STAGES[k].name, records.n, &first, &stop) || first < last) return k;
        last = first;
        for (int i = first; i < stop; i++) {
            const Record *r = &records.r[i];
            if (r->unsure || (*r->file != '-' && access(path_of(r), F_OK))) return k;
            check_record(r);
        }
    }
    return end;
}

/* The town and the constitution must still be those that the stages before `from` have read. */
static void check_reads(int from)
{
    for (int i = 0; i < records.n; i++)
        if (*records.r[i].file == '-' && stage_index(records.r[i].stage) < from) check_record(&records.r[i]);
}

static void mark_unsure(int k)
{
    int first, end, changed = 0;
    find_block(STAGES[k].name, records.n, &first, &end);
    for (int i = first; i < end; i++) {
        changed |= !records.r[i].unsure;
        records.r[i].unsure = 1;
    }
    if (changed) records_save();
}

static void remove_records(int first, int end)
{
    for (int i = first; i < end; i++) { free(records.r[i].stage); free(records.r[i].file); }
    memmove(records.r + first, records.r + end, (size_t)(records.n - end) * sizeof(Record));
    records.n -= end - first;
}

/* Whether records first..end-1 and those from `fresh` on name the same files with the same checksums. */
static int same_records(int first, int end, int fresh)
{
    int same = 0;
    for (int i = first; i < end; i++)
        for (int k = fresh; k < records.n; k++)
            same += strcmp(records.r[i].file, records.r[k].file) == 0 && records.r[i].sum == records.r[k].sum;
    return same == end - first && same == records.n - fresh;
}

/* Replaces the records of a stage by those of the files it has just written. When they are the same bytes as
 * before the records keep their place, and what was made from them stays finished; else they come last. */
static void record_stage(const char *stage)
{
    char **path;
    int n = committed_files(&path), old = records.n, first, end;
    size_t folder = strlen(in_out(""));
    for (int i = 0; i < n; i++) {
        if (access(path[i], F_OK) == 0 && !strstr(path[i] + folder, ".state") && !strstr(path[i] + folder, "files.txt"))
            add_record(stage, path[i] + folder, sum_of(path[i]), 0);
        free(path[i]);
    }
    free(path);
    for (int i = 0; i < N_READS; i++)
        if (strcmp(READS[i].stage, stage) == 0) add_record(stage, READS[i].name, sum_of_list(*READS[i].path), 0);
    if (old < records.n && find_block(stage, old, &first, &end)) {
        for (int i = first; i < end; i++) records.r[i].unsure = 0;
        if (same_records(first, end, old)) remove_records(old, records.n);
        else remove_records(first, end);
    }
    records_save();
}

/* flags.txt, unless it was recorded when it was written: the command's flags are those in it, or it had been refused. */
static void record_flags(void)
{
    int first, end;
    char **path;
    for (int n = committed_files(&path); n > 0; n--) free(path[n - 1]);
    free(path);
    if (!find_block("run", records.n, &first, &end)) add_record("run", "flags.txt", sum_of(in_out("flags.txt")), 0);
    from_run("flags.txt");          /* removed and written anew with other flags: the stages are not of these */
    records_save();
}

// ------------------------------------------------------------------------------------
// the state of a training loop, and signals

static volatile sig_atomic_t in_loop, stopped;

/* In a training loop the next step's end is soon, and its state is worth keeping. Elsewhere, or when asked a second
 * time, nothing is: the stage is made anew. Only calls that a signal handler may make. */
static void on_signal(int unused)
{
    static const char say[] = "cai: stopped; finished stages are kept, the same cai run (without --from) goes on from there\n";
    (void)unused;
    if (in_loop && !stopped) { stopped = 1; return; }
    if (show.open && write(2, "\n", 1) < 0) _exit(EXIT_STOPPED);
    if (write(2, say, sizeof say - 1) < 0) _exit(EXIT_STOPPED);
    _exit(EXIT_STOPPED);
}

static void watch_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, NULL, &before);
    if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &a, NULL);      /* a closed terminal; nohup stays as it is */
    signal(SIGPIPE, SIG_IGN);       /* a reader of the results that has gone is told at the end, by finish() */
}

static const char *state_file(const char *loop)
{
    char name[64];
    snprintf(name, sizeof name, "%s.state", loop);
    return in_out(name);
}

/* Begins a training loop: returns how many of its steps were done before the run was stopped, the trainer and
 * the metrics as they were then; 0 if this is the beginning. A state fits only the very records it was made
 * under: with any other files before it the stage begins anew. */
long resume(const char *loop, Trainer *t)
{
    char *metrics;
    long done = trainer_load(t, state_file(loop), sum_of(in_out("files.txt")), &metrics);
    show.start = show.kept = seconds();
    show.first = done > 0 ? done : 0;
    in_loop = 1;
    if (done < 0) return 0;
    text_clear(&show.metrics);
    text_add(&show.metrics, "%s", metrics);
    free(metrics);
    if (!o.quiet) fprintf(stderr, "[%d/%d] %-9s goes on after step %ld\n", show.k, show.n, show.stage, done);
    return done;
}

/* After every step of a training loop: writes the state when it is due or the program is to end. */
void keep(const char *loop, Trainer *t, long done)
{
    if (!stopped && seconds() - show.kept < o.save_every) return;
    trainer_save(t, state_file(loop), sum_of(in_out("files.txt")), done, show.metrics.n ? show.metrics.s : "");
    show.kept = seconds();
    if (!stopped) return;
    if (show.open) fputc('\n', stderr);
    die(EXIT_STOPPED, "stage %s stopped after step %ld, which is saved; the same cai run (without --from) goes on from there", show.stage, done);
}

/* A stage has at most two loops: its own and, for helpful, a preference model's. */
static void remove_states(int k)
{
    static const char *const ends[] = { "", "_pm" };
    for (int i = 0; i < 2; i++) {
        Text name = { 0 };
        text_add(&name, "%s%s", STAGES[k].name, ends[i]);
        Text file = { 0 };
        text_add(&file, "%s", state_file(name.s));
        remove(file.s);
        text_add(&file, ".tmp");
        remove(file.s);
        free(name.s);
        free(file.s);
    }
}

// ------------------------------------------------------------------------------------
// the run

/* One process at a time writes a folder. The lock is on the folder itself, leaves no file, and ends with the
 * process however that ends. A file system that cannot lock folders is no reason not to run. */
void lock_run(void)
{
    int folder = open(o.out, O_RDONLY | O_CLOEXEC);
    if (folder < 0) die(EXIT_INPUT, "%s: %s; choose a folder that can be read with --out", o.out, strerror(errno));
    if (flock(folder, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        die(EXIT_INPUT, "%s: another cai is at work in this folder; wait for it, or choose another --out", o.out);
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", path, strerror(errno));
}

static double run_stage(int k)
{
    double start = seconds();
    show.stage = STAGES[k].name;
    show.start = show.shown = start;
    show.first = 0;
    text_clear(&show.metrics);
    mark_unsure(k);
    STAGES[k].run();
    in_loop = 0;
    write_metrics(k);
    record_stage(STAGES[k].name);
    remove_states(k);
    end_line();
    if (!o.quiet)
        fprintf(stderr, "[%d/%d] %-9s done in %.1f s: %s\n", show.k, show.n, show.stage, seconds() - start, STAGES[k].what);
    if (stopped) die(EXIT_STOPPED, "stopped after the stage %s; the same cai run (without --from) goes on from there", show.stage);
    return seconds() - start;
}

static void say_finished(int to)
{
    if (!o.quiet)
        fprintf(stderr, "%s: finished before, and every file is as it was written; to make it anew give --from data or another --out\n", o.out);
    if (to < N_STAGES - 1) return;
    char *text = read_file(in_out("summary.txt"), NULL);
    fputs(shown(text), stdout);
    free(text);
}

/* Stages from..to; without `anew` finished ones are not made again. */
void run_stages(int from, int to, int anew)
{
    double start = seconds(), spent[N_STAGES] = { 0 };
    make_folder(in_out("metrics"));
    watch_signals();
    show.live = isatty(2) && getenv("TERM") && strcmp(getenv("TERM"), "dumb");
    show.n = to - from + 1;
    if (!records.loaded) records_load();
    record_flags();
    int first = anew ? from : first_unfinished(to + 1);
    check_reads(first);
    for (int k = from; k <= to; k++) {
        show.k = k - from + 1;
        if (k >= first) { if (anew) remove_states(k); spent[k] = run_stage(k); continue; }
        remove_states(k);
        if (!o.quiet) fprintf(stderr, "[%d/%d] %-9s finished before: %s\n", show.k, show.n, STAGES[k].name, STAGES[k].what);
    }
    gather_metrics();
    if (first > to) say_finished(to);
    else if (to == N_STAGES - 1) {
        printf("\nSeconds:");
        for (int k = first; k <= to; k++) printf(" %s %.1f", STAGES[k].name, spent[k]);
        printf("; in all %.1f. Files: %s/\n", seconds() - start, o.out);
    }
}
