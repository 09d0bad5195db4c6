/* cli/chat.h -- what the parts of a chat share.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CHAT_H
#define CAI_CHAT_H

#include "cli/commands.h"
#include "cli/line.h"
#include "cli/words.h"

typedef struct {
    Run *run;
    const Settings *settings; /* what the command line names */
    double temperature;
    const char *name; /* of the model */
    Model *m;
    Text talk;       /* the conversation, in the paper's layout */
    size_t answered; /* its bytes before the last answer; 0: there is none */
    long turn;       /* answers so far: each has draws of its own */
    int line;        /* of the input */
    Lines lines;
    Words words;
} Chat;

int tokens_in(const Model *m, const char *text);
int drop_turn(Text *talk); /* takes the oldest turn off; 0: there is one only */

/* why.c: critique and judgement of the last answer, each under a principle drawn anew. */
void show_why(Chat *c);

#endif
