/* cli/commands.h -- the commands that look into a run, and what was given to them.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_COMMANDS_H
#define CAI_COMMANDS_H

#include "cli/options.h"

/* A command line. model: the first of models. settings: those of a run's flags that it names. */
enum { MAX_MODELS = 32 };
typedef struct {
    const char *command, *model, *models[MAX_MODELS], *prompt, *in, *from, *to, *tokenizer;
    const char *gguf, *hf, *trl, *html, *other;
    const char *critic, *drafter, *prefix, *pm, *tsv, *more, *pretrained, *base;
    double temperature, beta;
    int n_models, count, help, version, steps;
    int no_critique, every_principle, ipo, snapshots, old_way, prefer_evasion;
    Settings settings;
} Args;

void check_text(const char *where, const char *s); /* dies if it is not UTF-8 */
/* That a person named: of the run, or a file. */
Model *load_given_model(Run *run, const char *name);
int is_model_of_run(const Run *run, const char *name); /* 1: of the run, and there */
void command_compare(const Args *arg);
void command_plot(const Args *arg);
void command_figures(const Args *arg);
void command_report(const Args *arg);
void command_chat(Run *run, const Args *arg);
void command_export(Run *run, const Args *arg);
void command_generate(Run *run, const Args *arg);
void command_logprob(Run *run, const Args *arg);
void command_trace(Run *run, const Args *arg);

#endif
