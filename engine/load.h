/* engine/load.h -- the files of a run as models, prompts and comparisons.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_LOAD_H
#define CAI_LOAD_H

#include "engine/texts.h"
#include "include/run.h"

Texts load_field(const char *path, const char *field);
int is_json(const char *path); /* 0: a file of prompts may be text, a request a line */
/* Prompts in any form of engine/forms.h, as conversations, none empty. */
Texts load_conversations(const char *path);
/* Those, and all short enough for an answer. */
Texts load_prompts(const char *path, const Model *m);
/* Those of a file of the run, what is beyond the context as --too-long says. */
Texts run_prompts(Run *run, const char *name, const Model *m);
void load_tokenizer(Run *run, int vocab_size);
Model *load_model(Run *run, const char *name); /* of the run by name, or a checkpoint by path */
Model *load_pm(Run *run, const char *name);
void save_pm(Run *run, const Model *pm, const char *name);
void load_comparisons(Comparisons *c, const char *path, const Model *m);
void run_comparisons(Run *run, Comparisons *c, const char *name, const Model *m);

#endif
