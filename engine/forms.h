/* engine/forms.h -- prompts and comparisons in the forms of others, as conversations of ours.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_FORMS_H
#define CAI_FORMS_H

#include "lib/json.h"
#include "lib/text.h"

/* A conversation is "\n\nHuman: ...\n\nAssistant: ..." in turn, and ends where the assistant is to
 * speak. Dies if it is not. */
void check_conversation(const char *path, int line, const char *prompt);

/* A request alone is laid out as the human's turn; what has turns already stays as it is. */
void add_prompt_text(Text *prompt, const char *s);

/* The conversation that the present record asks to go on with: "prompt", a conversation of ours, a
 * plain request or a list of messages; or "messages", up to where the assistant speaks last. A text
 * in an array of texts is a prompt. */
void read_prompt(JsonLines *j, const char *path, Text *prompt);

/* The document of the present record: "text", "messages" as turns, or a text in an array. */
void read_document(JsonLines *j, const char *path, Text *document);

/* The field `side` ("chosen", "completion" ..) as the answer to a conversation: a text or messages,
 * beside a prompt or with it. */
void read_answer(JsonLines *j, const char *path, const char *side, Text *prompt, Text *answer);

/* The field `side`_cut: 1 where that answer is a sample that was cut, which has no stop token. */
int was_cut(JsonLines *j, const char *side);

/* Labelled answers {prompt, completion, label} as comparisons: a good answer with a bad one to the
 * same prompt. */
typedef struct {
    Texts prompt, answer;
    int *good;      /* (n) */
    int n_pair;     /* comparisons found so far */
    int (*pair)[2]; /* (n_pair) the good answer, the bad one */
} Labelled;
int is_labelled(JsonLines *j);
void labelled_add(Labelled *k, JsonLines *j, const char *path);
void labelled_pair(Labelled *k, const char *path); /* says how many answers are left over */
void labelled_free(Labelled *k);

#endif
