/* cli/main.c -- the command line: the run and its stages, and the commands that look into a run.
 *
 * Reading order: help, flags, main.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/run.h"
#include "cli/startup.h"
#include "data/town.h"
#include "lib/kernels.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "cai 0.1"

static const struct { const char *name, *usage, *what; } COMMANDS[] = {
    { "run", "cai run [--preset P] [--out DIR] [--from STAGE] [--to STAGE]", "the whole loop, or a part of it" },
    { "chat", "cai chat [MODEL]", "talk to a model at the terminal; an empty line ends" },
    { "generate", "cai generate [MODEL] [--prompt TEXT] [--temperature T] [--max-new N] [--count K]", "continue a text" },
    { "trace", "cai trace PROMPT", "one request through every stage, with every number" },
    { "logprob", "cai logprob --model MODEL [--in FILE]", "JSON lines {prompt, completion} to token ids and log-probabilities" },
    { "help", "cai help", "this page" },
};
enum { N_COMMANDS = sizeof COMMANDS / sizeof COMMANDS[0] };

static void help(void)
{
    printf("cai: Constitutional AI (Bai et al. 2022) on a laptop, from nothing to an aligned model.\n\n"
           "  cai run --out out          the whole loop, minutes on two cores\n"
           "  cai chat rl_cai            talk to the result\n"
           "  cai trace \"How do I nab the baker's kite?\"\n\nCommands:\n");
    for (int i = 0; i < N_COMMANDS; i++) printf("  %-72s %s\n", COMMANDS[i].usage, COMMANDS[i].what);
    printf("\nStages, each also a command of its own:\n");
    for (int k = 0; k < N_STAGES; k++) printf("  %-10s %s\n", STAGES[k].name, STAGES[k].what);
    printf("\nMODEL: base, helpful, sl_cai or rl_cai (the default) of the run in --out, or a checkpoint file in\n"
           "llama2.c's version-0 form (give it --tokenizer FILE).\n\nFlags and defaults:\n");
    options_help(stdout);
    printf("  --model M  --prompt TEXT  --temperature T  --count K  --in FILE  --tokenizer FILE  --from, --to STAGE\n"
           "\nExit status: 0 fine, 1 a check failed, 2 usage, 3 bad input, 4 numerics (NaN or infinity),\n130 stopped (Ctrl-C); the same cai run goes on from there.\n");
}

static const char *flag_argument(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc) die(EXIT_USAGE, "%s needs a value; see cai --help", argv[*i]);
    return argv[++*i];
}

static double number(const char *flag, const char *s, double lo, double hi)
{
    char *end;
    double x = strtod(s, &end);
    if (*end || end == s || !(x >= lo && x <= hi)) die(EXIT_USAGE, "%s %s: not a number from %g to %g; see cai --help", flag, s, lo, hi);
    return x;
}

/* Presets first, wherever they stand; then the folder's own flags; then the command line's. */
static void parse(Run *run, Args *arg, int argc, char **argv, int is_run)
{
    options_default(run);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--preset") == 0) options_preset(run, flag_argument(argc, argv, &i));
        else if (strcmp(argv[i], "--out") == 0) option_set(run, "out", flag_argument(argc, argv, &i));
    }
    if (!is_run) { records_of(run); options_load(run); };
    for (int i = 2; i < argc; i++) {
        const char *f = argv[i];
        if (strncmp(f, "--", 2)) {
            if (arg->model) die(EXIT_USAGE, "\"%s\": one argument is enough; see cai --help", f);
            arg->model = f;
        } else if (strcmp(f, "--preset") == 0) i++;
        else if (strcmp(f, "--from") == 0) arg->from = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--to") == 0) arg->to = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--model") == 0) arg->model = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--prompt") == 0) arg->prompt = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--in") == 0) arg->in = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--tokenizer") == 0) run->tokenizer_file = flag_argument(argc, argv, &i);
        else if (strcmp(f, "--temperature") == 0) arg->temperature = number(f, flag_argument(argc, argv, &i), 0, 100);
        else if (strcmp(f, "--count") == 0) {
            double n = number(f, flag_argument(argc, argv, &i), 1, 1e6);
            if (n != floor(n)) die(EXIT_USAGE, "%s %g: not a whole number; see cai --help", f, n);
            arg->count = (int)n;
        }
        else if (!option_known(f + 2)) die(EXIT_USAGE, "%s: unknown flag; see cai --help", f);
        else option_set(run, f + 2, flag_argument(argc, argv, &i));
    }
}

/* Half a result is none: a full disk or a closed pipe behind standard output is told. */
static int finish(void)
{
    if (fflush(stdout) || ferror(stdout)) die(EXIT_INPUT, "standard output: not written; free some space or send it elsewhere");
    return EXIT_FINE;
}

static int stage_argument(const char *flag, const char *name, int otherwise)
{
    if (!name) return otherwise;
    int k = stage_index(name);
    if (k < 0) die(EXIT_USAGE, "%s %s: no such stage; see cai --help", flag, name);
    return k;
}

int main(int argc, char **argv)
{
    startup(argv);
    const char *command = argc > 1 ? argv[1] : "help";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) command = "help";
        if (strcmp(argv[i], "--version") == 0) { printf("%s\n", VERSION); return finish(); }
    }
    if (strcmp(command, "help") == 0) { help(); return finish(); }
    int stage = stage_index(command), is_run = strcmp(command, "run") == 0, known = stage >= 0;
    for (int i = 0; i < N_COMMANDS; i++) known |= strcmp(command, COMMANDS[i].name) == 0;
    if (!known) die(EXIT_USAGE, "%s: no such command; see cai --help", command);
    Run state = { 0 }, *run = &state;
    Args given = { .temperature = 1, .count = 1 }, *arg = &given;
    parse(run, arg, argc, argv, is_run);
    records_of(run);
    n_workers = run->threads ? run->threads : allowed_cores();
    options_check(run);
    int from = is_run ? stage_argument("--from", arg->from, 0) : stage;
    int to = is_run ? stage_argument("--to", arg->to, N_STAGES - 1) : stage;
    if (from > to) die(EXIT_USAGE, "--from %s: comes after --to %s; see cai --help", STAGES[from].name, STAGES[to].name);
    if (is_run || stage >= 0) {
        if (arg->model) die(EXIT_USAGE, "%s: takes no argument \"%s\"; see cai --help", command, arg->model);
        town_load(run->town);               /* its faults are told now, not by the stage that reads it */
        run->constitution = constitution_load(run->constitution_files);
        if (mkdir(run->folder, 0777) && errno != EEXIST)
            die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", run->folder, strerror(errno));
        if (!run->quiet)
            fprintf(stderr, "%s (%s), %d workers, seed %ld\n", kernels_used(), kernels_reason(), n_workers, run->seed);
        lock_run(run);
        if (is_run || access(run_path(run, "flags.txt").s, F_OK)) options_save_or_refuse(run);
        run_stages(run, from, to, !is_run || arg->from);
        return finish();
    }
    if (strcmp(command, "trace") == 0) {
        run->constitution = constitution_load(run->constitution_files);
        if (arg->model) arg->prompt = arg->model;
        command_trace(run, arg);
    }
    else {
        if (!arg->model) arg->model = "rl_cai";
        if (strcmp(command, "chat") == 0) command_chat(run, arg);
        else if (strcmp(command, "generate") == 0) command_generate(run, arg);
        else command_logprob(run, arg);
    }
    return finish();
}
