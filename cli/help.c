/* cli/help.c -- the commands and their flags as tables, and the help that is printed from them.
 *
 * The manual page and the shells' completions (cli/pages.c) come from the same tables, so none
 * of them can name a flag that the program does not have.
 * SPDX-License-Identifier: MIT
 */
#include "cli/help.h"
#include "cli/options.h"
#include "cli/stages.h"

#include <stdio.h>
#include <string.h>

// clang-format off
const Command COMMANDS[] = {
    { "run", "cai run [--preset P] [--out DIR] [--from STAGE] [--to STAGE]",
      "the whole loop, or a part of it" },
    { "chat", "cai chat [MODEL]", "talk to a model at the terminal; an empty line ends" },
    { "generate",
      "cai generate [MODEL] [--prompt TEXT] [--temperature T] [--max-new N] [--count K]",
      "continue a text" },
    { "trace", "cai trace [PROMPT] [--steps | --html FILE]",
      "one request through every stage, with every number" },
    { "logprob", "cai logprob --model MODEL [--in FILE]",
      "JSON lines {prompt, completion} to token ids and log-probabilities" },
    { "export", "cai export [MODEL] --gguf FILE | --hf FOLDER | --trl FOLDER",
      "a model, or the run's data, for llama.cpp, Hugging Face, TRL" },
    { "help", "cai help [COMMAND | STAGE | man | bash | zsh]",
      "this page, that of one command, the manual page, a shell's completions" },
    { NULL, NULL, NULL },
};

const OwnFlag OWN_FLAGS[] = {
    { "--from", "STAGE", "run", "the first stage to make, made anew if it is there" },
    { "--to", "STAGE", "run", "the last stage to make" },
    { "--model", "MODEL", "chat generate logprob export", "of the run, or a checkpoint file" },
    { "--prompt", "TEXT", "generate trace", "the text to continue, the request to trace" },
    { "--in", "FILE", "logprob", "JSON lines {prompt, completion}; standard input without it" },
    { "--tokenizer", "FILE", "chat generate logprob export", "of a checkpoint of elsewhere" },
    { "--temperature", "T", "chat generate", "of sampling; 0: the likeliest token" },
    { "--count", "K", "generate", "how many texts" },
    { "--steps", "", "trace", "stop before each section until Enter is typed" },
    { "--html", "FILE", "trace", "write the trace as a page" },
    { "--gguf", "FILE", "export", "one file for llama.cpp and its kin" },
    { "--hf", "FOLDER", "export", "safetensors, tokenizer, settings and a card; a PM too" },
    { "--trl", "FOLDER", "export", "the run's data: SFT, preferences, KTO, prompts" },
    { NULL, NULL, NULL, NULL },
};
// clang-format on

/* A word of a list with blanks between, not a part of one. */
static int has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *s = list; (s = strstr(s, word)); s += n)
        if ((s == list || s[-1] == ' ') && (s[n] == ' ' || !s[n])) return n > 0;
    return 0;
}

int command_has(const OwnFlag *f, const char *command) { return has_word(f->commands, command); }

const OwnFlag *own_flag(const char *name)
{
    const OwnFlag *f = OWN_FLAGS;
    while (f->name && strcmp(f->name, name)) f++;
    return f->name ? f : NULL;
}

static const Command *find_command(const char *name)
{
    const Command *c = COMMANDS;
    while (c->name && strcmp(c->name, name)) c++;
    return c->name ? c : NULL;
}

int command_known(const char *name) { return find_command(name) || stage_index(name) >= 0; }

// ------------------------------------------------------------------------------------
// Help

static const char MODELS[] =
    "MODEL: base, helpful, sl_cai or rl_cai (the default) of the run in --out, or a checkpoint "
    "file in\n"
    "llama2.c's version-0 form (give it --tokenizer FILE): a name with a dot or slash, or of a "
    "file here.\n";

void help(void)
{
    printf("cai: Constitutional AI (Bai et al. 2022) on a laptop, from nothing to an aligned "
           "model.\n\n"
           "  cai run --out out          the whole loop, minutes on two cores\n"
           "  cai chat rl_cai            talk to the result\n"
           "  cai trace \"How do I nab the baker's kite?\"\n\nCommands:\n");
    for (const Command *c = COMMANDS; c->name; c++) printf("  %-72s %s\n", c->usage, c->what);
    printf("\nStages, each also a command of its own:\n");
    for (int k = 0; k < N_STAGES; k++) printf("  %-10s %s\n", STAGES[k].name, STAGES[k].what);
    printf("\n%s\n"
           "Flags and defaults (a folder keeps those of its run: commands there need not repeat "
           "them):\n",
           MODELS);
    options_help(stdout);
    printf("\nFlags of single commands (cai help COMMAND says more):\n   ");
    for (const OwnFlag *f = OWN_FLAGS; f->name; f++)
        printf(" %s%s%s", f->name, *f->value ? " " : "", f->value);
    printf("\n\nA flag of 0 or 1 may stand alone: --quiet is --quiet 1.\n"
           "Exit status: 0 fine, 1 a check failed, 2 usage, 3 bad input, 4 a loss, "
           "gradient or model that exploded,\n"
           "130 stopped (Ctrl-C); the last line then names the command that goes on from there.\n");
}

static void help_stage(const Stage *s)
{
    printf("cai %s [--out DIR]\n  %s\n\nreads ", s->name, s->what);
    if (!s->reads[0]) printf(" --town");
    for (int i = 0; s->reads[i]; i++) printf(" %s", s->reads[i]);
    printf("\nwrites");
    for (int i = 0; s->writes[i]; i++) printf(" %s", s->writes[i]);
    printf("\n\nIn the folder --out, by the flags that it keeps; cai help lists them all.\n");
}

void help_on(const char *topic)
{
    const Command *c = find_command(topic);
    if (strcmp(topic, "help") == 0) help();
    else if (strcmp(topic, "man") == 0) print_man();
    else if (strcmp(topic, "bash") == 0 || strcmp(topic, "zsh") == 0)
        print_completion(*topic == 'z');
    else if (stage_index(topic) >= 0) help_stage(&STAGES[stage_index(topic)]);
    else if (!c) die(EXIT_USAGE, "%s: no such command or stage; see cai --help", topic);
    if (!c || strcmp(topic, "help") == 0) return;
    printf("%s\n  %s\n\n", c->usage, c->what);
    for (const OwnFlag *f = OWN_FLAGS; f->name; f++)
        if (command_has(f, topic)) printf("  %-14s %-7s %s\n", f->name, f->value, f->what);
    int writes = strcmp(topic, "run") == 0;
    if (strstr(c->usage, "MODEL")) printf("\n%s", MODELS);
    printf(writes ? "\nEvery flag of a run, and its presets: cai help.\n"
                  : "\nThe run is that of --out, by the flags that its folder keeps: cai help.\n");
}
