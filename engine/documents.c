/* engine/documents.c -- what a model is pretrained on: a text, or JSON lines, as documents.
 * SPDX-License-Identifier: MIT
 */
#include "engine/documents.h"
#include "engine/forms.h"
#include "lib/files.h"
#include "lib/json.h"

#include <stdlib.h>
#include <string.h>

static const char SPACE[] = " \t\r\n";

/* JSON lines begin with an object, JSON in one piece with a list of objects or of texts. */
static int is_json_text(const char *s)
{
    if (strncmp(s, "\xEF\xBB\xBF", 3) == 0) s += 3;
    s += strspn(s, SPACE);
    if (*s == '[') {
        s += 1 + strspn(s + 1, SPACE);
        if (*s == '"') return 1;
    }
    return *s == '{' && strchr("\"}", s[1 + strspn(s + 1, SPACE)]);
}

static void add_records(Texts *docs, char *data, size_t size, const char *path)
{
    JsonLines *j = json_read(data, size, path);
    while (json_next(j)) {
        Text t = { 0 };
        read_document(j, path, &t);
        if (!t.n) die(EXIT_INPUT, "%s:%d: an empty document; give a text", path, json_line(j));
        texts_add_line(docs, t.s, json_line(j));
        free(t.s);
    }
    json_close(j);
}

/* Adds the paragraph s, which begins on that line. What the assistant says belongs to the
 * conversation before it, whose layout has blank lines (cai.c). */
static void add_paragraph(Texts *docs, const char *s, int line)
{
    static const char H[] = "Human:", A[] = "Assistant:";
    const char *last = docs->n ? docs->s[docs->n - 1] : "";
    int is_turn = strncmp(s, H, sizeof H - 1) == 0 || strncmp(s, A, sizeof A - 1) == 0;
    Text t = { 0 };
    if (strncmp(s, A, sizeof A - 1) == 0 && strncmp(last, "\n\nHuman:", 8) == 0) {
        text_add(&t, "%s\n\n%s", last, s);
        free(docs->s[docs->n - 1]);
        docs->s[docs->n - 1] = t.s;
        return;
    }
    text_add(&t, "%s%s", is_turn ? "\n\n" : "", s);
    texts_add_line(docs, t.s, line);
    docs->cut[docs->n - 1] = 1;
    free(t.s);
}

/* Blank lines part paragraphs; the line breaks within one stay. */
static void add_paragraphs(Texts *docs, char *text)
{
    Text p = { 0 };
    int line = 0, begin = 1;
    for (char *s = text, *next = text; next; s = next) {
        line++;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        int blank = !s[strspn(s, SPACE)];
        if (!blank && !p.n) begin = line;
        if (!blank) text_add(&p, "%s%s", p.n ? "\n" : "", s);
        if (p.n && (blank || !next)) {
            add_paragraph(docs, p.s, begin);
            text_clear(&p);
        }
    }
    free(p.s);
}

Texts documents_of(char *data, size_t size, const char *path)
{
    Texts docs = { .path = xstrdup(path) };
    if (is_json_text(data)) {
        add_records(&docs, data, size, path);
    } else {
        add_paragraphs(&docs, text_of(data, size, path));
        free(data);
    }
    if (!docs.n) die(EXIT_INPUT, "%s:1: no text in it; give some", path);
    return docs;
}

/* The last example in pieces of the context's length, each after a begin token. Returns how many
 * there are. */
static int cut_last(Examples *e, int context)
{
    Seqs *s = &e->seq;
    int n = seq_len(s, s->n - 1), first = s->start[s->n - 1], pieces = 0;
    int *token = xcalloc((size_t)n, sizeof *token);
    unsigned char *mask = xcalloc((size_t)n, 1);
    memcpy(token, s->token + first, (size_t)n * sizeof *token);
    memcpy(mask, e->mask + first, (size_t)n);
    s->n--;
    for (int at = 1; at < n; at += context - 1, pieces++) {
        int k = n - at < context - 1 ? n - at : context - 1, start = s->start[s->n];
        token[at - 1] = TOKEN_BEGIN;
        e->mask = xrealloc(e->mask, (size_t)(start + k + 1), 1);
        memcpy(e->mask + start, mask + at - 1, (size_t)k + 1);
        e->mask[start] = 0;
        seqs_push(s, token + at - 1, k + 1);
    }
    free(token);
    free(mask);
    return pieces;
}

Examples load_documents(Run *run, const char *name, int context)
{
    Texts docs = { .path = xstrdup(records_read(&run->records, name).s) };
    Examples e = { 0 };
    int skips = strcmp(run->too_long, "skip") == 0, cuts = strcmp(run->too_long, "cut") == 0;
    int left_out = 0, cut = 0, pieces = 0;
    JsonLines *j = json_open(docs.path);
    for (; json_next(j); docs.n++) {
        document_add(&e, run->tok, json_str(j, "text"), run->pretrain.all_words);
        int n = seq_len(&e.seq, e.seq.n - 1);
        if (n <= context) continue;
        if (skips) e.seq.n--, left_out++;
        else if (cuts || json_num_or(j, "cut", 0)) pieces += cut_last(&e, context), cut++;
        else
            die(EXIT_INPUT,
                "%s:%d: this comes to %d tokens, the context has %d; shorten it, give --too-long "
                "skip or cut, or begin with a larger --context",
                docs.path, json_line(j), n, context);
    }
    json_close(j);
    if (left_out + cut && !run->quiet)
        fprintf(stderr, "cai: %s: %d of %d documents are longer than the context of %d: ",
                printable(docs.path), left_out + cut, docs.n, context);
    if (left_out && !run->quiet) fprintf(stderr, "left out\n");
    if (cut && !run->quiet) fprintf(stderr, "cut into %d\n", pieces);
    if (!examples_learned(&e))
        die(EXIT_INPUT,
            "%s:1: no token to learn in any document; give some with text after "
            "\"Assistant:\"",
            docs.path);
    docs.n = 0;
    texts_free(&docs);
    return e;
}
