/* engine/texts.c -- texts as tokens: prompts, examples of supervised finetuning, comparisons.
 * SPDX-License-Identifier: MIT
 */
#include "engine/texts.h"
#include "lib/files.h"

#include <stdlib.h>
#include <string.h>

/* Where an answer ends (D21): at the stop token, a blank line or a new line. A line, not a
 * paragraph: of two options, a refusal, a new line and the help after all, the PM likes the end,
 * and PPO finds it. */
void answer_stops(const Tokenizer *tok, int stop[3])
{
    static const char *const end[2] = { "\n\n", "\n" };
    int ids[8];
    stop[0] = TOKEN_BEGIN;
    for (int i = 0; i < 2; i++) {
        int n = encode(tok, end[i], strlen(end[i]), 0, ids);
        stop[1 + i] = n == 1 ? ids[0] : -1; /* -1: the tokenizer has no such piece */
    }
}

/* A document: begin token, text, its continuation, and the stop token when it is finished (token
 * 1, at which llama2.c stops). Returns the number of tokens before the continuation. */
int push_text(Seqs *s, const Tokenizer *tok, const char *text, const char *more, int finished)
{
    size_t n = strlen(text), n2 = more ? strlen(more) : 0;
    int *ids = xcalloc(n + n2 + 8, sizeof(int)), prompt = encode(tok, text, n, 1, ids), k = prompt;
    if (more) k += encode(tok, more, n2, 0, ids + k);
    if (finished) ids[k++] = TOKEN_BEGIN;
    seqs_push(s, ids, k);
    free(ids);
    return prompt;
}

/* Dies if sequence b of s has more than `limit` tokens, with the line that text i of t was read
 * from. */
void check_length(const Seqs *s, int b, int limit, const Texts *t, int i)
{
    if (seq_len(s, b) <= limit) return;
    while (t->from) t = t->from;
    if (!t->path || i >= t->n) return; /* no file: model.c has a message without one */
    die(EXIT_INPUT,
        "%s:%d: this comes to %d tokens with what is put around it, the context has room for "
        "%d; shorten it",
        t->path, t->line[i], seq_len(s, b), limit);
}

/* Adds one example. Only the answer is trained on, never the prompt (the paper does not say; D8),
 * and the stop token only if the answer was finished: a sample that was cut must not teach to
 * stop there. */
void examples_add(Examples *e, const Tokenizer *tok, const char *prompt, const char *answer,
                  int finished)
{
    Seqs *s = &e->seq;
    int n = push_text(s, tok, prompt, answer, finished), first = s->start[s->n - 1],
        end = s->start[s->n];
    e->mask = xrealloc(e->mask, (size_t)end, 1);
    memset(e->mask + first, 0, (size_t)n);
    memset(e->mask + first + n, 1, (size_t)(end - first - n));
}

void examples_free(Examples *e)
{
    seqs_free(&e->seq);
    free(e->mask);
    *e = (Examples){ 0 };
}

/* Where the model is to speak in a document: after one of these, to the end of the paragraph. */
static const char *const TURN[] = { "Assistant:", "Critique:", "Revision:", " answer is:" };

/* The next such place in s; the end of s if there is none. */
static const char *next_turn(const char *s)
{
    const char *first = s + strlen(s);
    for (int k = 0; k < 4; k++) {
        const char *at = strstr(s, TURN[k]);
        if (at && at + strlen(TURN[k]) < first) first = at + strlen(TURN[k]);
    }
    return first;
}

/* D16: of a document with turns the model's own are learned and the others are only read: which
 * act, thing and wording people come with is chance, which teaches nothing and is most of a
 * batch's noise. A document without turns is learned whole, and so is every one with all_words. */
void document_add(Examples *e, const Tokenizer *tok, const char *text, int all_words)
{
    Seqs *s = &e->seq;
    size_t size = strlen(text);
    int whole = all_words || !*next_turn(text), own = whole;
    int *ids = xcalloc(size + 8, sizeof(int)), n = 0, start = s->n ? s->start[s->n] : 0;
    e->mask = xrealloc(e->mask, (size_t)start + size + 8, 1);
    for (const char *at = text, *end; *at; at = end) {
        const char *blank = whole ? NULL : strstr(at, "\n\n");
        own = at == text ? whole : !own;
        end = !own ? next_turn(at) : blank ? blank + 2 : text + size;
        int T = encode(tok, at, (size_t)(end - at), at == text, ids + n);
        memset(e->mask + start + n, own, (size_t)T);
        n += T;
    }
    ids[n] = TOKEN_BEGIN; /* the end of the document is learned by whose turn it was */
    e->mask[start + n++] = (unsigned char)own;
    seqs_push(s, ids, n);
    free(ids);
}

long examples_learned(const Examples *e)
{
    long n = 0;
    for (int b = 0; b < e->seq.n; b++)
        for (int i = e->seq.start[b] + 1; i < e->seq.start[b + 1]; i++) n += e->mask[i];
    return n;
}

void comparisons_add(Comparisons *c, const Tokenizer *tok, const char *prompt, const char *a,
                     const char *b, double p)
{
    push_text(&c->pair, tok, prompt, a, 1);
    push_text(&c->pair, tok, prompt, b, 1);
    c->p = xrealloc(c->p, (size_t)c->pair.n / 2, sizeof(double));
    c->p[c->pair.n / 2 - 1] = p;
}

void comparisons_free(Comparisons *c)
{
    seqs_free(&c->pair);
    free(c->p);
    *c = (Comparisons){ 0 };
}
