/* cli/begin.c -- a run that begins with what others have trained.
 *
 * --pretrained RUN: the stages data to helpful are another run's. Their files are copied with
 * their records, so the new run ends with the bytes of one that was made from nothing by the same
 * flags, and a new constitution costs the stages from revise on. --base MODEL: tokenizer and
 * pretrained model are a person's own.
 *
 * Reading order: what goes together, another run, a checkpoint.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/begin.h"
#include "cli/inputs.h"
#include "cli/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void check_beginning(const Args *arg, Plan plan)
{
    if (arg->pretrained && arg->base)
        die(EXIT_USAGE, "--base %s: beside --pretrained, one is enough; see cai --help", arg->base);
    if (!arg->base != !arg->tokenizer && strcmp(arg->command, "run") == 0)
        die(EXIT_USAGE, "%s: --base and --tokenizer go together; give both",
            arg->base ? arg->base : arg->tokenizer);
    if (option_given(&arg->settings, "text") && option_given(&arg->settings, "corpus"))
        die(EXIT_USAGE,
            "--corpus: the number of the town's documents, and --text takes their place; leave one "
            "out");
    int first = stage_index(arg->pretrained ? "revise" : "helpful");
    if (!arg->pretrained && !arg->base) return;
    int ends_before = arg->pretrained && plan.to < first;
    if (ends_before || (arg->from && plan.from < first))
        die(EXIT_USAGE, "--%s %s: what is to be made begins with the stage %s; see cai --help",
            ends_before ? "to" : "from", STAGES[ends_before ? plan.to : plan.from].name,
            STAGES[first].name);
}

// ------------------------------------------------------------------------------------
// Another run

/* That run by this command's flags, ready to be looked at. */
static Run source_run(const Run *run, const Args *arg)
{
    Run source = *run;
    int end = stage_index("revise");
    source.folder = arg->pretrained;
    source.records = (Records){ 0 };
    records_of(&source);
    if (!is_there(run_path(&source, "flags.txt").s))
        die(EXIT_INPUT, "%s: is no run of cai: it has no flags.txt; check the path", source.folder);
    options_load(&source);
    Run asked = arg->settings.preset ? *run : source;
    options_apply(&asked, &arg->settings);
    Text differ = options_differences(&source, &asked, LATER_FLAGS);
    if (differ.n)
        die(EXIT_USAGE,
            "--pretrained %s: that run has %s; name no flag of a stage that is copied, or leave "
            "--pretrained away",
            source.folder, differ.s);
    int first = first_unfinished(&source.records, end);
    if (first < end)
        die(EXIT_INPUT, "%s: its stage %s is not finished; finish it with cai run --out %s",
            source.folder, STAGES[first].name, source.folder);
    asked.folder = source.folder;
    asked.records = source.records;
    return asked;
}

static void make_folder_at(const Run *run, const char *name)
{
    Path path = run_path(run, name);
    if (mkdir(path.s, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", path.s,
            strerror(errno));
}

/* Bytes that are not as they were recorded end the program. 0: that run has no such file. */
static int copy_run_file(Run *source, const Run *to, const char *name)
{
    Path from = run_path(source, name), path = run_path(to, name);
    size_t size;
    if (!is_there(from.s)) return 0;
    char *data = read_file(records_read(&source->records, name).s, &size);
    FILE *f = create_file(path.s);
    fwrite(data, 1, size, f);
    commit_file(f, path.s);
    free(data);
    return 1;
}

/* Of kernels.txt the lines of the stages that are copied. */
static void copy_kernels(Run *source, const Run *to, int end)
{
    Path from = run_path(source, "kernels.txt"), path = run_path(to, "kernels.txt");
    if (!is_there(from.s)) return;
    char *text = read_text(from.s);
    FILE *f = create_file(path.s);
    for (char *s = text, *next; *s; s = next) {
        next = s + strcspn(s, "\n");
        next += *next == '\n';
        for (int k = 0; k < end; k++)
            if (strncmp(s, STAGES[k].name, strlen(STAGES[k].name)) == 0)
                fwrite(s, 1, (size_t)(next - s), f);
    }
    commit_file(f, path.s);
    free(text);
}

/* Everything up to `end`, into a folder of its own. */
static void copy_run(Run *source, Run *to, int end, int constitution)
{
    char name[32];
    make_folder_at(to, "data");
    make_folder_at(to, "metrics");
    to->records.loaded = 1;
    options_save(to);
    if (copy_run_file(source, to, "text.txt")) record_run_file(&to->records, "text.txt", 0);
    if (copy_run_file(source, to, "town.txt")) record_run_file(&to->records, "town.txt", 0);
    for (int i = 1; constitution && i < 100; i++) {
        snprintf(name, sizeof name, i == 1 ? "constitution.txt" : "constitution.%d.txt", i);
        if (!record_of(&source->records, "run", name) || !copy_run_file(source, to, name)) break;
        record_run_file(&to->records, name, 0);
    }
    for (int k = 0; k < end; k++) {
        for (int i = 0; STAGES[k].writes[i]; i++) copy_run_file(source, to, STAGES[k].writes[i]);
        records_take(&to->records, &source->records, STAGES[k].name);
    }
    copy_kernels(source, to, end);
    records_save(&to->records);
}

/* Whether this folder began with that run: it has its records. */
static int began_so(Run *run, const Run *source, int end)
{
    if (!run->records.n) return 0;
    for (int i = 0; i < source->records.n; i++) {
        const Record *r = &source->records.r[i], *own = record_of(&run->records, r->stage, r->file);
        int k = stage_index(r->stage);
        if (k < 0 || k >= end || (own && own->sum == r->sum)) continue;
        die(EXIT_INPUT, "%s: did not begin with %s: its %s is another; choose another --out",
            run->folder, source->folder, r->file);
    }
    return 1;
}

int begin_with_run(Run *run, const Args *arg, Plan plan)
{
    int end = stage_index("revise");
    Run source = source_run(run, arg), new = source;
    Inputs in;
    Text aside = { 0 };
    if (began_so(run, &source, end)) return 1;
    set_workers(run);
    options_check(&source);
    inputs_read(&source, &in, &arg->settings);
    plan.from = plan.first = plan.from > end ? plan.from : end;
    plan.elsewhere = 1;
    inputs_check(&source, &in, plan);
    text_add(&aside, "%s.begun", run->folder);
    new.folder = aside.s;
    new.records = (Records){ 0 };
    records_of(&new);
    if (mkdir(aside.s, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", aside.s,
            strerror(errno));
    lock_run(&new);
    copy_run(&source, &new, end, !option_given(&arg->settings, "constitution"));
    if (rename(aside.s, run->folder))
        die(EXIT_INPUT, "%s: %s, so %s is left as it is; choose another --out", run->folder,
            strerror(errno), aside.s);
    if (!source.quiet)
        fprintf(stderr, "cai: %s: data, tokenizer, base and helpful models are those of %s\n",
                printable(run->folder), printable(source.folder));
    run->records = (Records){ 0 };
    records_of(run);
    records_load(&run->records);
    return 1;
}

// ------------------------------------------------------------------------------------
// A checkpoint of elsewhere

void take_sizes(Run *run, const Args *arg)
{
    Model *m = model_load(arg->base);
    const Config *c = &m->c;
    const struct {
        const char *flag;
        int size;
    } is[] = { { "dim", c->dim },
               { "hidden", c->hidden_dim },
               { "layers", c->n_layers },
               { "heads", c->n_heads },
               { "kv-heads", c->n_kv_heads },
               { "vocab", c->vocab_size },
               { "context", c->seq_len },
               { "superwords", 0 } };
    run->tok = tokenizer_load(arg->tokenizer, c->vocab_size);
    for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
        const char *given = option_given(&arg->settings, is[i].flag);
        char size[16];
        snprintf(size, sizeof size, "%d", is[i].size);
        if (given && strcmp(given, size))
            die(EXIT_USAGE, "--%s %s: the model %s has %s; leave the flag out", is[i].flag, given,
                arg->base, size);
        option_set(run, is[i].flag, size);
    }
    model_free(m);
}

static void keep_file(const Run *run, const char *from, const char *name)
{
    Path path = run_path(run, name);
    size_t size;
    char *data = read_file(from, &size);
    if (is_there(path.s)) {
        if (sum_of_file(path.s) != checksum(data, size, 0))
            die(EXIT_INPUT, "%s: is there already and not the same as %s; choose another --out",
                path.s, from);
    } else {
        FILE *f = create_file(path.s);
        fwrite(data, 1, size, f);
        commit_file(f, path.s);
    }
    free(data);
}

void keep_base(const Run *run, const Args *arg)
{
    keep_file(run, arg->base, "base.bin");
    keep_file(run, arg->tokenizer, "tokenizer.bin");
}
