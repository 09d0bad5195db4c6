/* engine/documents.h -- what a model is pretrained on: a text, or JSON lines, as documents.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_DOCUMENTS_H
#define CAI_DOCUMENTS_H

#include "engine/texts.h"
#include "include/run.h"

/* The documents of a file of a person's own, of which these are the bytes (taken): the records of
 * JSON lines {text} or {messages}; or the paragraphs of a text, each with cut = 1. Dies if there
 * are none. */
Texts documents_of(char *data, size_t size, const char *path);

/* The documents of a run's file as examples, none longer than the context. */
Examples load_documents(Run *run, const char *name, int context);

#endif
