/* engine/pretrain.c -- what the paper takes as given: the tokenizer and the pretrained model.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"

#include <stdlib.h>
#include <string.h>

void stage_tokenizer(Run *run)
{
    enum { ENOUGH = 2000000 };          /* bytes; the town's vocabulary is complete long before */
    Texts docs = load_field(records_read(&run->records, "data/corpus.jsonl").s, "text");
    Text all = { 0 };
    for (int i = 0; i < docs.n && all.n < ENOUGH; i++) text_add(&all, "%s", docs.s[i]);
    Tokenizer *t = tokenizer_train(all.s, all.n, run->model.vocab, run->model.superwords);
    metric(&run->report, 0, "pieces", t->vocab_size);
    tokenizer_save(t, run_path(run, "tokenizer.bin").s);
    tokenizer_free(t);
    texts_free(&docs);
    free(all.s);
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

/* D16: of a document with turns the model's own are learned and the others are only read: which act, thing
 * and wording people come with is chance, which teaches nothing and is most of a batch's noise. A document
 * without turns is learned whole, and so is every one with all_words. */
static void add_document(Examples *e, const Tokenizer *tok, const char *text, int all_words)
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
    ids[n] = TOKEN_BEGIN;                       /* the end of the document is learned by whose turn it was */
    e->mask[start + n++] = (unsigned char)own;
    seqs_push(s, ids, n);
    free(ids);
}

/* Cuts the documents into steps of about `tokens` tokens, whole documents in the corpus's order: step k takes
 * first[k] .. first[k + 1] - 1. Returns first (steps + 1). */
static int *cut_steps(const Seqs *s, int tokens, int *steps)
{
    int *first = xcalloc((size_t)s->n + 1, sizeof(int)), n = 0;
    for (int i = 0, in_step; i < s->n; n++) {
        first[n] = i;
        for (in_step = 0; i < s->n && in_step < tokens; i++) in_step += seq_len(s, i);
    }
    first[n] = s->n;
    *steps = n;
    return first;
}

void stage_pretrain(Run *run)
{
    const PretrainSettings *set = &run->pretrain;
    const ModelSettings *c = &run->model;
    load_tokenizer(run, 0);
    Texts docs = load_field(records_read(&run->records, "data/corpus.jsonl").s, "text");
    Examples e = { 0 };
    for (int i = 0; i < docs.n; i++) {
        add_document(&e, run->tok, docs.s[i], set->all_words);
        check_length(&e.seq, i, c->context, &docs, i);
    }
    texts_free(&docs);
    Model *m = model_new((Config){ c->dim, c->hidden, c->layers, c->heads, c->kv_heads, run->tok->vocab_size,
                                   c->context, 1 });
    m->tok = run->tok;
    model_init(m, rng_key((uint64_t)run->seed, S_PRETRAIN, 0));
    Trainer *t = trainer_new(m, (AdamW){ .lr = set->lr, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .max_norm = 1,
                                         .weight_decay = set->weight_decay, .muon = set->muon });
    int steps, *first = cut_steps(&e.seq, set->batch, &steps), *order = xcalloc((size_t)e.seq.n, sizeof(int));
    for (int i = 0; i < e.seq.n; i++) order[i] = i;
    for (int k = (int)resume(&run->report, "pretrain", t); k < steps; k++) {
        double lr = set->lr * lr_schedule(LR_COSINE, k, set->warm, steps);
        double loss = sft_step(t, &e.seq, order + first[k], first[k + 1] - first[k], e.mask, lr);
        progress(&run->report, k + 1, steps, "loss", loss);
        if (k % 10 == 0 || k + 1 == steps) metric(&run->report, k, "loss", loss);
        keep(&run->report, "pretrain", t, k + 1);
    }
    model_save(m, run_path(run, "base.bin").s);
    trainer_free(t);
    model_free(m);
    examples_free(&e);
    free(order);
    free(first);
}
