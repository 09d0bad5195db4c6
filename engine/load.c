/* engine/load.c -- the files of a run as models, prompts and comparisons.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "engine/load.h"
#include "engine/checkpoint.h"
#include "lib/files.h"
#include "lib/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Draws draws(const Run *run, int stage, long first)
{
    return (Draws){ (uint64_t)run->seed, stage, first };
}

Path run_path(const Run *run, const char *name) { return path_in(run->folder, name); }

Texts load_field(const char *path, const char *field)
{
    Texts t = { .path = xstrdup(path) };
    JsonLines *j = json_open(path);
    while (json_next(j)) texts_add_line(&t, json_str(j, field), json_line(j));
    json_close(j);
    if (!t.n) die(EXIT_INPUT, "%s:1: no records; run the stage that writes it", path);
    return t;
}

/* A conversation is "\n\nHuman: ...\n\nAssistant: ..." in turn, and ends where the assistant is to
 * speak. */
void check_conversation(const char *path, int line, const char *prompt)
{
    static const char H[] = "\n\nHuman:", A[] = "\n\nAssistant:";
    const char *what = NULL;
    if (!strstr(prompt, H)) what = "no human turn";
    else if (strncmp(prompt, H, sizeof H - 1)) what = "the first turn is not the human's";
    for (const char *p = prompt; !what;) { /* p: at a human turn */
        const char *answer = strstr(p, A), *next = strstr(p + 1, H);
        const char *again = answer ? strstr(answer + 1, A) : NULL;
        if (answer && !answer[sizeof A - 1]) {
            if (!next) return;
            answer = NULL; /* a human turn stands before it */
        }
        if (next && (!answer || next < answer))
            what = "two human turns without an Assistant: between them";
        else if (!answer) what = "the last turn is the human's; an Assistant: is missing after it";
        else if (again && (!next || again < next))
            what = "two turns of the assistant's without a Human: between them";
        else if (!next) what = "it ends with the assistant's words";
        p = next;
    }
    die(EXIT_INPUT,
        "%s:%d: %s; write \"\\n\\nHuman: ...\\n\\nAssistant:\", earlier turns before it", path,
        line, what);
}

Texts load_prompts(const char *path, const Model *m)
{
    Texts t = load_field(path, "prompt");
    Seqs s = { 0 };
    for (int i = 0; i < t.n; i++) {
        if (!*t.s[i]) die(EXIT_INPUT, "%s:%d: an empty prompt; give a text", path, t.line[i]);
        check_conversation(path, t.line[i], t.s[i]);
        seqs_clear(&s);
        push_text(&s, m->tok, t.s[i], NULL, 0);
        check_length(&s, 0, m->c.seq_len - 1, &t, i);
    }
    seqs_free(&s);
    return t;
}

void load_tokenizer(Run *run, int vocab_size)
{
    const char *path = run->tokenizer_file;
    run->tok =
        tokenizer_load(path ? path : records_read(&run->records, "tokenizer.bin").s, vocab_size);
}

Model *load_model(Run *run, const char *name)
{
    Path file;
    int is_path = strchr(name, '/') != NULL;
    int n = snprintf(file.s, sizeof file.s, "%s%s", name, is_path ? "" : ".bin");
    if (n >= (int)sizeof file.s)
        die(EXIT_INPUT, "%.40s..: the path is too long; give a shorter one", name);
    if (!is_path) file = records_read(&run->records, file.s);
    if (access(file.s, F_OK))
        die(EXIT_INPUT, "%s: is not there; check the path, or make the run first: cai run --out %s",
            file.s, run->folder);
    Model *m = model_load(file.s);
    if (!run->tok) load_tokenizer(run, m->c.vocab_size);
    if (run->tok->vocab_size != m->c.vocab_size)
        die(EXIT_INPUT,
            "%s: has %d pieces, the tokenizer %d; use the tokenizer it was trained with", name,
            m->c.vocab_size, run->tok->vocab_size);
    m->tok = run->tok;
    return m;
}

void save_pm(Run *run, const Model *pm, const char *name)
{
    char file[64]; /* names of ours: short */
    snprintf(file, sizeof file, "%s.bin", name);
    model_save(pm, run_path(run, file).s);
    snprintf(file, sizeof file, "%s.head", name);
    score_head_save(pm, run_path(run, file).s);
}

Model *load_pm(Run *run, const char *name)
{
    char file[64];
    Model *pm = load_model(run, name);
    snprintf(file, sizeof file, "%s.head", name);
    score_head_load(pm, records_read(&run->records, file).s);
    return pm;
}

/* Without a field "prompt" a side is a whole transcript, as in hh-rlhf: what comes up to its last
 * "Assistant:" is the prompt. */
static void push_side(Seqs *pairs, const Tokenizer *tok, JsonLines *j, const char *path,
                      const char *side)
{
    static const char turn[] = "\n\nAssistant:";
    const char *prompt = json_str_or(j, "prompt", NULL), *answer = json_str(j, side), *last = NULL;
    char cut[32];
    snprintf(cut, sizeof cut, "%s_cut", side);
    int finished = !json_num_or(j, cut, 0); /* a sample that was cut has no stop token */
    if (prompt) {
        check_conversation(path, json_line(j), prompt);
        push_text(pairs, tok, prompt, answer, finished);
        return;
    }
    for (const char *s = answer; (s = strstr(s, turn)); s += strlen(turn)) last = s + strlen(turn);
    if (!last)
        die(EXIT_INPUT, "%s:%d: no field \"prompt\" and no \"Assistant:\" in \"%s\"; add one", path,
            json_line(j), side);
    char *before = xstrdup(answer);
    before[last - answer] = 0;
    check_conversation(path, json_line(j), before);
    push_text(pairs, tok, before, last, finished);
    free(before);
}

void load_comparisons(Comparisons *c, const char *path, const Model *m)
{
    JsonLines *j = json_open(path);
    Seqs *s = &c->pair;
    while (json_next(j)) {
        push_side(s, m->tok, j, path, "chosen");
        push_side(s, m->tok, j, path, "rejected");
        double p = json_num_or(j, "p_chosen", 1.0);
        for (int b = s->n - 2; b < s->n; b++)
            if (seq_len(s, b) > m->c.seq_len)
                die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten it", path,
                    json_line(j), seq_len(s, b), m->c.seq_len);
        if (!(p >= 0 && p <= 1))
            die(EXIT_INPUT, "%s:%d: p_chosen is not within 0 to 1; mend the line", path,
                json_line(j));
        c->p = xrealloc(c->p, (size_t)s->n / 2, sizeof(double));
        c->p[s->n / 2 - 1] = p;
    }
    json_close(j);
}
