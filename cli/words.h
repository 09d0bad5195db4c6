/* cli/words.h -- the words that a run's models have read, and what is said of others.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_WORDS_H
#define CAI_WORDS_H

#include "cai.h"

/* The words of the corpus that the run's models were pretrained on, as they stand there. Nothing
 * is known (n = 0) without that file, and of a model that is a file elsewhere. */
typedef struct {
    StringTable word;
    int towns; /* 1: the corpus is the town's; 0: the person's own */
} Words;
Words words_of_run(Run *run, const char *model); /* model: its name as given, NULL: the run's */
void words_free(Words *w);

/* One line on standard error about the words of a text that the models have never read; nothing if
 * there is none, or nothing is known. */
void say_unknown(const Words *w, const char *text);
void say_unknown_of_run(Run *run, const char *model, const char *text);
/* The same for the principle of a constitution that has the largest share of them. */
void say_unknown_principles(const Words *w, const Constitution *c);

#endif
