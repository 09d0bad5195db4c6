/* cli/commands.h -- the commands that look into a run, and what was given to them.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_COMMANDS_H
#define CAI_COMMANDS_H

#include "cai.h"

typedef struct {
    const char *model, *prompt, *in, *from, *to;
    double temperature;
    int count;
} Args;

void check_text(const char *where, const char *s);      /* dies if it is not UTF-8 */
void command_chat(Run *run, const Args *arg);
void command_generate(Run *run, const Args *arg);
void command_logprob(Run *run, const Args *arg);
void command_trace(Run *run, const Args *arg);

#endif
