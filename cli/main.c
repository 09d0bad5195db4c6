/* cli/main.c -- the command line: the run and its stages, and the commands that look into a run.
 *
 * Reading order: the command line, writing commands, reading commands, main.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/begin.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/inputs.h"
#include "cli/run.h"
#include "cli/startup.h"
#include "cli/study.h"
#include "lib/kernels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// The command line

static void add_model(Args *arg, const char *name)
{
    if (arg->n_models == MAX_MODELS)
        die(EXIT_USAGE, "\"%s\": more than %d arguments; see cai --help", name, MAX_MODELS);
    if (!arg->n_models) arg->model = name;
    arg->models[arg->n_models++] = name;
}

static void set_own_flag(Args *arg, const char *flag, const char *value)
{
    if (strcmp(flag, "--from") == 0) arg->from = value;
    else if (strcmp(flag, "--to") == 0) arg->to = value;
    else if (strcmp(flag, "--pretrained") == 0) arg->pretrained = value;
    else if (strcmp(flag, "--base") == 0) arg->base = value;
    else if (strcmp(flag, "--model") == 0) add_model(arg, value);
    else if (strcmp(flag, "--prompt") == 0) arg->prompt = value;
    else if (strcmp(flag, "--in") == 0) arg->in = value;
    else if (strcmp(flag, "--tokenizer") == 0) arg->tokenizer = value;
    else if (strcmp(flag, "--prefix") == 0) arg->prefix = value;
    else if (strcmp(flag, "--critic") == 0) arg->critic = value;
    else if (strcmp(flag, "--drafter") == 0) arg->drafter = value;
    else if (strcmp(flag, "--pm") == 0) arg->pm = value;
    else if (strcmp(flag, "--tsv") == 0) arg->tsv = value;
    else if (strcmp(flag, "--more") == 0) arg->more = value;
    else if (strcmp(flag, "--gguf") == 0) arg->gguf = value;
    else if (strcmp(flag, "--hf") == 0) arg->hf = value;
    else if (strcmp(flag, "--trl") == 0) arg->trl = value;
    else if (strcmp(flag, "--html") == 0) arg->html = value;
    else if (strcmp(flag, "--steps") == 0) arg->steps = 1;
    else if (strcmp(flag, "--count") == 0) arg->count = (int)flag_number(flag, value, 1, 1e6, 1);
    else if (strcmp(flag, "--no-critique") == 0) arg->no_critique = 1;
    else if (strcmp(flag, "--every-principle") == 0) arg->every_principle = 1;
    else if (strcmp(flag, "--snapshots") == 0)
        arg->snapshots = (int)flag_number(flag, value, 0, 1e6, 1);
    else if (strcmp(flag, "--ipo") == 0) arg->ipo = 1;
    else if (strcmp(flag, "--prefer-evasion") == 0) arg->prefer_evasion = 1;
    else if (strcmp(flag, "--evasion-fine") == 0) arg->old_way = 1;
    else if (strcmp(flag, "--beta") == 0) arg->beta = flag_number(flag, value, 1e-6, 1e6, 0);
    else {
        arg->temperature = flag_number(flag, value, 0, 100, 0);
        if (arg->temperature > 0 && arg->temperature < 0.01)
            die(EXIT_USAGE,
                "--temperature %s: neither 0 (the likeliest token) nor a number from 0.01 to 100; "
                "see cai --help",
                value);
    }
}

/* --corpus takes a number of the town's documents, or a file, which is --text then. */
static int is_corpus_file(const char *value)
{
    char *end;
    strtod(value, &end);
    return strcmp(value, "-") == 0 || ((*end || end == value) && is_there(value));
}

/* A flag and its value. 0: the program has no such flag. */
static int take_flag(Args *arg, const char *flag, const char *value)
{
    const OwnFlag *own = own_flag(flag);
    if (!own && strcmp(flag, "--preset") && !option_known(flag + 2)) return 0;
    if (!value) die(EXIT_USAGE, "%s needs a value; see cai --help", flag);
    if (own) {
        if (!command_has(own, arg->command))
            die(EXIT_USAGE, "%s: not a flag of cai %s; see cai --help", flag, arg->command);
        if (strcmp(flag, "--model") == 0 && arg->model)
            die(EXIT_USAGE, "--model %s: after \"%s\", one is enough; see cai --help", value,
                arg->model);
        set_own_flag(arg, flag, value);
    } else if (!command_obeys(arg->command, flag + 2)) {
        die(EXIT_USAGE, "%s: not a flag of cai %s; see cai --help", flag, arg->command);
    } else if (strcmp(flag, "--preset") == 0) {
        arg->settings.preset = value;
    } else {
        Settings *s = &arg->settings;
        int file = strcmp(flag, "--corpus") == 0 && is_corpus_file(value);
        s->set = xrealloc(s->set, (size_t)s->n + 1, sizeof *s->set);
        s->set[s->n++] = (Setting){ file ? "text" : flag + 2, value };
    }
    return 1;
}

/* A flag without a value, or one of 0 or 1 whose number is left out. */
static int stands_alone(const char *flag, const char *next)
{
    const OwnFlag *own = own_flag(flag);
    if (own) return !*own->value;
    return option_is_switch(flag + 2) && (!next || !*next || next[strspn(next, "+-.0123456789")]);
}

static int takes_many(const char *command)
{
    return has_word("eval elo skills probe plot figures", command);
}

/* Each argument is read once, so a value is never taken for a flag. The folder is not looked at. */
static Args parse(int argc, char **argv)
{
    Args arg = {
        .command = argc > 1 ? argv[1] : "help", .temperature = 1, .count = 1, .beta = 0.1
    }; /* DPO's usual one */
    arg.settings.program = argv[0];
    for (int i = 1; i < argc; i++) {
        const char *f = argv[i];
        if (strcmp(f, "--help") == 0 || strcmp(f, "-h") == 0) arg.help = 1;
        else if (strcmp(f, "--version") == 0 || strcmp(f, "-V") == 0) arg.version = 1;
        else if (i == 1) continue;
        else if (strncmp(f, "--", 2) == 0) {
            int alone = stands_alone(f, argv[i + 1]);
            if (!take_flag(&arg, f, alone ? "1" : argv[i + 1]))
                die(EXIT_USAGE, "%s: unknown flag; see cai --help", f);
            i += !alone;
        } else if (arg.model && !arg.other && has_word("compare report", arg.command)) {
            arg.other = f;
        } else if (arg.model && !takes_many(arg.command))
            die(EXIT_USAGE, "\"%s\": one argument is enough; see cai --help", f);
        else add_model(&arg, f);
    }
    arg.help |= strcmp(arg.command, "help") == 0;
    return arg;
}

/* One word of a command line as a shell reads it. */
static void add_word(Text *t, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./,:=@%";
    text_add(t, "%s", t->n ? " " : "");
    if (*word && !word[strspn(word, plain)]) {
        text_add(t, "%s", word);
        return;
    }
    text_add(t, "'");
    for (; *word; word++) text_add(t, *word == '\'' ? "'\\''" : "%c", *word);
    text_add(t, "'");
}

/* The command that goes on after this one was stopped: the same, but not from a stage that is
 * behind it. */
static char *command_again(int argc, char **argv)
{
    Text t = { 0 };
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--from") == 0 && i++) continue;
        add_word(&t, argv[i]);
        if (i >= 2 && strncmp(argv[i], "--", 2) == 0 && !stands_alone(argv[i], argv[i + 1])
            && i + 1 < argc)
            add_word(&t, argv[++i]);
    }
    return t.s;
}

// ------------------------------------------------------------------------------------
// Commands that write: the run and its stages

static int stage_argument(const char *flag, const char *name, int otherwise)
{
    if (!name) return otherwise;
    int k = stage_index(name);
    if (k < 0) die(EXIT_USAGE, "%s %s: no such stage; see cai --help", flag, name);
    return k;
}

static Plan plan_of(const Args *arg)
{
    int stage = stage_index(arg->command);
    Plan p = { .from = stage, .to = stage, .anew = stage >= 0 || arg->from };
    if (stage < 0) {
        p.from = stage_argument("--from", arg->from, 0);
        p.to = stage_argument("--to", arg->to, N_STAGES - 1);
    }
    p.own_base = arg->base != NULL;
    if (p.from > p.to)
        die(EXIT_USAGE, "--from %s: comes after --to %s; see cai --help", STAGES[p.from].name,
            STAGES[p.to].name);
    return p;
}

/* The folder is locked before anything in it is read, so that no other process changes it
 * meanwhile. 0: it is yet to be made. */
static int enter_folder(Run *run)
{
    struct stat st;
    if (stat(run->folder, &st)) return 0;
    if (!S_ISDIR(st.st_mode))
        die(EXIT_INPUT, "%s: is a file, not a folder; choose another --out", run->folder);
    lock_run(run);
    return 1;
}

static void make_folder(Run *run)
{
    if (mkdir(run->folder, 0777))
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", run->folder,
            strerror(errno));
    lock_run(run);
}

static void say_beginning(const Run *run)
{
    if (run->quiet) return;
    fprintf(stderr, "%s (%s), %d worker%s, seed %ld\n", kernels_used(), kernels_reason(), n_workers,
            n_workers == 1 ? "" : "s", run->seed);
}

/* A run states all its flags, so those that it does not name are the defaults. A stage, a run
 * that began with another's models, and one that branched off another go by the folder's, and what
 * they name must be the same; the first command of a branch may name others. */
static void take_flags(Run *run, const Args *arg)
{
    options_apply(run, &arg->settings);
    if (arg->base) take_sizes(run, arg);
    Run folder = *run;
    int branch = options_load_branch(&folder), has = options_load(&folder);
    int by_folder = branch || (has && (stage_index(arg->command) >= 0 || arg->pretrained));
    if (by_folder && !arg->settings.preset) {
        *run = folder;
        options_apply(run, &arg->settings);
    }
    if (!has) return;
    Text differ = options_differences(&folder, run, "");
    if (differ.n)
        die(EXIT_USAGE, "%s: this folder's run has %s; choose another --out or remove the folder",
            run->folder, differ.s);
}

/* Nothing is written before everything has been looked at. */
static void command_write(Run *run, Args *arg)
{
    arg->settings.taken = arg->pretrained != NULL;
    Plan plan = plan_of(arg);
    Inputs in;
    if (arg->model)
        die(EXIT_USAGE, "%s: takes no argument \"%s\"; see cai --help", arg->command, arg->model);
    check_beginning(arg, plan);
    int there = enter_folder(run);
    records_load(&run->records);
    if (arg->pretrained) there = begin_with_run(run, arg, plan);
    take_flags(run, arg);
    set_workers(run);
    options_check(run);
    options_check_context(run);
    inputs_read(run, &in, &arg->settings);
    plan.first = plan.anew ? plan.from : first_unfinished(&run->records, plan.to + 1);
    inputs_check(run, &in, plan);
    options_warn(run);
    say_beginning(run);
    if (!there) make_folder(run);
    if (arg->base) keep_base(run, arg);
    options_save(run);
    inputs_keep(run, &in);
    records_save(&run->records);
    run_stages(run, plan);
}

// ------------------------------------------------------------------------------------
// Commands that read: a look into a run, or at a checkpoint

/* They go by the flags of the folder's run; what they are told otherwise they obey, and say so. */
static void command_read(Run *run, Args *arg)
{
    int trace = strcmp(arg->command, "trace") == 0, has = options_load(run);
    Run folder = *run;
    Text differ = { 0 };
    arg->settings.looks = 1;
    options_apply(run, &arg->settings);
    if (has) differ = options_differences(&folder, run, trace ? "" : "seed max-new");
    if (differ.n)
        fprintf(stderr, "cai: %s: the run has %s\n", printable(run->folder), printable(differ.s));
    set_workers(run);
    options_check(run);
    run->tokenizer_file = arg->tokenizer;
    if (trace) {
        if (arg->model && arg->prompt)
            die(EXIT_USAGE, "\"%s\": beside --prompt, one is enough; see cai --help", arg->model);
        options_check_context(run);
        run->constitution = constitution_of_run(run, &arg->settings);
        if (arg->model) arg->prompt = arg->model;
        command_trace(run, arg);
        return;
    }
    if (!arg->model) arg->model = "rl_cai";
    if (strcmp(arg->command, "chat") == 0) command_chat(run, arg);
    else if (strcmp(arg->command, "generate") == 0) command_generate(run, arg);
    else if (strcmp(arg->command, "export") == 0) command_export(run, arg);
    else command_logprob(run, arg);
}

/* Half a result is none: a full disk or a closed pipe behind standard output is told. */
static int finish(void)
{
    if (fflush(stdout) || ferror(stdout))
        die(EXIT_INPUT, "standard output: not written; free some space or send it elsewhere");
    return EXIT_FINE;
}

/* cai help COMMAND and cai COMMAND --help say the same. */
static const char *help_topic(const Args *arg)
{
    if (strcmp(arg->command, "help") == 0 && arg->model) return arg->model;
    return *arg->command == '-' ? "help" : arg->command;
}

/* The commands that take folders of runs as arguments, and no flag of a run. */
static int looks_at_runs(const Args *arg)
{
    if (strcmp(arg->command, "compare") == 0) command_compare(arg);
    else if (strcmp(arg->command, "plot") == 0) command_plot(arg);
    else if (strcmp(arg->command, "figures") == 0) command_figures(arg);
    else if (strcmp(arg->command, "report") == 0) command_report(arg);
    else return 0;
    return 1;
}

int main(int argc, char **argv)
{
    startup(argv);
    Args arg = parse(argc, argv);
    Run run = { 0 };
    const Study *study = study_of(&arg);
    int writes = strcmp(arg.command, "run") == 0 || stage_index(arg.command) >= 0;
    if (arg.version) printf("%s\n", VERSION);
    else if (arg.help) help_on(help_topic(&arg));
    else if (!command_known(arg.command))
        die(EXIT_USAGE, "%s: no such command; see cai --help", arg.command);
    if (arg.version || arg.help) return finish();
    if (looks_at_runs(&arg)) return finish();
    options_default(&run);
    if (option_given(&arg.settings, "out"))
        option_set(&run, "out", option_given(&arg.settings, "out"));
    records_of(&run);
    run.report.again = command_again(argc, argv);
    if (study) command_study(&run, study, &arg);
    else if (writes) command_write(&run, &arg);
    else command_read(&run, &arg);
    exit(finish()); /* what the run holds lives as long as the program */
}
