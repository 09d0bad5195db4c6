/* data/own_text.c -- the corpus of a person's own, in the town's place.
 * SPDX-License-Identifier: MIT
 */
#include "data/own_text.h"
#include "cai.h"

/* Toy choices: one document of twenty, five hundred at most. */
enum { HELD_OUT_OF = 20, MAX_HELD_OUT = 500 };

static int is_held_out(int i)
{
    return i % HELD_OUT_OF == HELD_OUT_OF - 1 && i / HELD_OUT_OF < MAX_HELD_OUT;
}

/* "cut": 1 says that a document is a text's paragraph and may be cut to the context's length. */
static void write_documents(const Texts *docs, int held_out, const char *path)
{
    FILE *f = create_file(path);
    for (int i = 0; i < docs->n; i++) {
        if (is_held_out(i) != held_out) continue;
        json_put(f, "{", "text", docs->s[i]);
        fprintf(f, "%s}\n", docs->cut[i] ? ", \"cut\": 1" : "");
    }
    commit_file(f, path);
}

void own_corpus(const char *text, const char *corpus, const char *held_out)
{
    size_t size;
    char *data = read_file(text, &size);
    Texts docs = documents_of(data, size, text);
    write_documents(&docs, 0, corpus);
    if (docs.n >= HELD_OUT_OF) write_documents(&docs, 1, held_out);
    texts_free(&docs);
}
