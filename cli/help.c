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
    { "run", "run", "cai run [--preset P] [--out DIR] [--from STAGE] [--to STAGE]",
      "the whole loop, or a part of it", NULL },
    { "help", "run", "cai help [COMMAND | STAGE | man | bash | zsh]",
      "this page, that of one command, the manual page, a shell's completions", NULL },
    { "chat", "look", "cai chat [MODEL]",
      "talk to a model; /help there lists what else a chat can do; piped, an empty line ends it",
      "out threads quiet seed max-new" },
    { "generate", "look",
      "cai generate [MODEL] [--prompt TEXT] [--temperature T] [--max-new N] [--count K]",
      "continue a text",
      "out threads quiet seed max-new" },
    { "trace", "look", "cai trace [PROMPT] [--steps | --html FILE]",
      "one request through every stage, with every number",
      "out threads quiet seed max-new constitution revisions plain chains both-orders hard "
      "clamp-lo clamp-hi ppo-lr lambda-kl kl-form eps-clip c-v lambda-gae" },
    { "compare", "look", "cai compare RUN RUN",
      "two runs side by side: settings, figures, answers", "" },
    { "plot", "look", "cai plot METRIC [RUN ...]",
      "a metric along its stage as a curve, of out or of the runs named", "" },
    { "figures", "look", "cai figures [RUN ...] [--more PART] [--to FOLDER]",
      "the paper's figures from finished runs, each with its claim and a verdict", "" },
    { "report", "look", "cai report [RUN [RUN]] [--html FILE]",
      "a run, or two beside each other, as one HTML file: figures, tables, samples", "" },
    { "logprob", "look", "cai logprob --model MODEL [--in FILE]",
      "JSON lines {prompt, completion} to token ids and log-probabilities",
      "out threads quiet" },
    { "export", "look", "cai export [MODEL] --gguf FILE | --hf FOLDER | --trl FOLDER",
      "a model, or the run's data, for llama.cpp, Hugging Face, TRL",
      "out threads quiet" },
    { "town", "build", "cai town SET [--count K] | people --in PAIRS [--agree A]",
      "fresh texts: harm, refusals, benign, ..; what people say to pairs of answers", NULL },
    { "sample", "build", "cai sample MODEL --in FILE [--prefix TEXT] [--temperature T]",
      "{prompt} to {prompt, completion}; {begin} is put into the assistant's mouth", NULL },
    { "revise", "build", "cai revise --critic M --in FILE [--drafter M] [--no-critique]",
      "critique and revision of {prompt, completion}; of {prompt}, it drafts first", NULL },
    { "pairs", "build", "cai pairs MODEL --in FILE",
      "{prompt} to two different answers {a}, {b}", NULL },
    { "judge", "build", "cai judge MODEL --in FILE",
      "{prompt, a, b} to {chosen, rejected, p_chosen} and the chain of thought", NULL },
    { "rate", "build", "cai rate MODEL --in FILE [--temperature T]",
      "{prompt, completion} to the points that MODEL gives, 0 to 5, with its reasons", NULL },
    { "sft", "build", "cai sft MODEL --in FILE --to NAME",
      "finetunes on {prompt, completion}", NULL },
    { "dpo", "build", "cai dpo MODEL --in FILE --to NAME [--beta B] [--ipo]",
      "finetunes on {prompt, chosen, rejected, p_chosen}, without a preference model", NULL },
    { "pm", "build", "cai pm MODEL --in FILE --to NAME",
      "a preference model from {prompt, chosen, rejected, p_chosen}", NULL },
    { "rl", "build", "cai rl MODEL --pm PM --in FILE --to NAME [--snapshots N]",
      "PPO on {prompt} against a preference model", NULL },
    { "eval", "study", "cai eval MODEL | FILE.jsonl ... [--in FILE] [--tsv FILE]",
      "a row a model, or a file of answers: harmful, refused well, helpful, ..", NULL },
    { "elo", "study", "cai elo FILE.jsonl FILE.jsonl ... [--evasion-fine] [--tsv FILE]",
      "files of answers to the same prompts play each other; the first is at 0", NULL },
    { "score", "study", "cai score PM --in FILE [--tsv FILE]",
      "{prompt, completion}, or what revise wrote, to what a preference model gives it", NULL },
    { "skills", "study", "cai skills MODEL ... [--tsv FILE]",
      "what alignment may cost: facts, places, judging, revising, perplexity", NULL },
    { "probe", "study", "cai probe MODEL ... [--count K] [--tsv FILE]",
      "is mischief read off the state before the answer? by a logistic probe", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

const OwnFlag OWN_FLAGS[] = {
    { "--from", "STAGE", "run", "the first stage to make, made anew if it is there" },
    { "--to", "NAME", "run sft dpo pm rl figures",
      "run: the last stage; figures: a folder; else the model's name, or ./FILE" },
    { "--pretrained", "RUN", "run",
      "begin with that run's data, tokenizer, base and helpful models, by its flags" },
    { "--base", "MODEL", "run", "a checkpoint of elsewhere, with its --tokenizer, as the base" },
    { "--more", "PART", "figures", "measure first, minutes: snapshots, revisions, sizes, all" },
    { "--model", "MODEL", "chat generate logprob export sample pairs judge rate sft dpo pm rl",
      "of the run, or a checkpoint file" },
    { "--prompt", "TEXT", "generate trace", "the text to continue, the request to trace" },
    { "--in", "FILE", "logprob town sample revise pairs judge rate sft dpo pm rl eval score",
      "JSON lines; FILE,FILE: of several files; logprob reads standard input without it" },
    { "--tokenizer", "FILE", "run chat generate logprob export", "of a checkpoint of elsewhere" },
    { "--temperature", "T", "chat generate sample rate", "of sampling; 0: the likeliest token" },
    { "--count", "K", "generate town probe", "how many texts" },
    { "--steps", "", "trace", "stop before each section until Enter is typed" },
    { "--html", "FILE", "trace report", "write a page there (report: RUN/report.html)" },
    { "--gguf", "FILE", "export", "one file for llama.cpp and its kin" },
    { "--hf", "FOLDER", "export", "safetensors, tokenizer, settings and a card; a PM too" },
    { "--trl", "FOLDER", "export", "the run's data: SFT, preferences, KTO, prompts" },
    { "--prefix", "TEXT", "sample", "stands before every prompt, as a rule would" },
    { "--critic", "MODEL", "revise", "writes the critiques" },
    { "--drafter", "MODEL", "revise", "writes drafts and revisions; the critic without it" },
    { "--no-critique", "", "revise", "ask for the revision at once" },
    { "--every-principle", "", "revise", "all principles in turn, not one drawn a step" },
    { "--pm", "PM", "rl", "the preference model: a name of the run, or a file beside its .head" },
    { "--snapshots", "N", "sft dpo pm rl", "write the model every N steps, as NAME-STEP" },
    { "--beta", "B", "dpo", "0.1: how close to MODEL it stays; of IPO, tau" },
    { "--ipo", "", "dpo", "IPO's loss: a margin to reach instead of one to grow" },
    { "--prefer-evasion", "", "town", "people like what evades mischief best of equal harm" },
    { "--evasion-fine", "", "elo", "as HH asked: an evasive answer is a good one" },
    { "--tsv", "FILE", "eval elo score skills probe", "the figures with their intervals" },
    { NULL, NULL, NULL, NULL },
};
// clang-format on

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

int command_obeys(const char *command, const char *flag)
{
    const Command *c = find_command(command);
    return !c || !c->obeys || has_word(c->obeys, flag);
}

int command_known(const char *name) { return find_command(name) || stage_index(name) >= 0; }

// ------------------------------------------------------------------------------------
// Help

static const char MODELS[] =
    "MODEL: base, helpful, sl_cai or rl_cai (the default) of the run in --out, or a checkpoint "
    "file in\n"
    "llama2.c's version-0 form (give it --tokenizer FILE): a name with a dot or slash, or of a "
    "file here.\n";

static void help_group(const char *group, const char *title)
{
    printf("\n%s\n", title);
    for (const Command *c = COMMANDS; c->name; c++)
        if (strcmp(c->group, group) == 0) printf("  %-72s %s\n", c->usage, c->what);
}

void help(void)
{
    printf("cai: Constitutional AI (Bai et al. 2022) on a laptop, from nothing to an aligned "
           "model.\n\n"
           "  cai run --out out          the whole loop, minutes on two cores\n"
           "  cai chat rl_cai            talk to the result\n"
           "  cai trace \"How do I nab the baker's kite?\"\n");
    help_group("run", "Run:");
    printf("Stages, each also a command of its own:\n");
    for (int k = 0; k < N_STAGES; k++) printf("  %-10s %s\n", STAGES[k].name, STAGES[k].what);
    help_group("look", "Look:");
    help_group("build", "Build: JSON lines in; JSON lines out, on standard output, or a model:");
    help_group("study", "Study (docs/studies.md):");
    printf(
        "\n%s\n"
        "Flags and defaults (a folder keeps those of its run; of the commands there only cai run "
        "must\nname them again; a flag that a command cannot obey is refused):\n",
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
    if (strstr(c->usage, "MODEL")) printf("\n%s", MODELS);
    if (!c->obeys) printf("\nEvery flag of a run, and its presets: cai help.\n");
    else if (!*c->obeys)
        printf("\nEach run by the flags that its folder keeps; a run's flags are refused.\n");
    else
        printf(
            "\nThe run is that of --out, by the flags that its folder keeps. Of a run's flags it "
            "obeys\n%s: cai help.\n",
            c->obeys);
}
