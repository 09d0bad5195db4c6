/* data/examples.h -- requests worth showing: chosen by what became of them, not by hand.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_EXAMPLES_H
#define CAI_EXAMPLES_H

#include "cai.h"

/* The pair of feedback.jsonl that says most, for `cai trace` without a request: one that the judge
 * told apart as clearly as any, with a prompt of one turn if there is one. */
typedef struct {
    char *prompt, *chosen, *rejected; /* prompt: whole, in the paper's layout */
    double label;                     /* P(chosen better), as the preference model learned it */
    int line, alike, of;              /* its line; pairs labelled as clearly; all pairs */
} TellingPair;
TellingPair telling_pair(const char *feedback); /* dies if the file has none */
void say_why(Text *t, const TellingPair *p);    /* in one sentence */

#endif
