/* cli/commands.h -- the commands that look into a run, and what was given to them.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_COMMANDS_H
#define CAI_COMMANDS_H

#include "cli/options.h"

/* A command line. settings: those of a run's flags that it names. */
typedef struct {
    const char *command, *model, *prompt, *in, *from, *to, *tokenizer, *gguf, *hf, *trl, *html,
        *other;
    double temperature;
    int count, help, version, steps;
    Settings settings;
} Args;

void check_text(const char *where, const char *s); /* dies if it is not UTF-8 */
Model *load_given_model(Run *run,
                        const char *name); /* that a person named: of the run, or a file */
void command_chat(Run *run, const Args *arg);
void command_export(Run *run, const Args *arg);
void command_generate(Run *run, const Args *arg);
void command_logprob(Run *run, const Args *arg);
void command_trace(Run *run, const Args *arg);

#endif
