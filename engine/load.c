/* engine/load.c -- the files of a run as models, prompts and comparisons.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "engine/load.h"
#include "engine/checkpoint.h"
#include "engine/forms.h"
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

/* A file that is no JSON has a request a line. */
static Texts load_lines(const char *path)
{
    Texts t = { .path = xstrdup(path) };
    char *text = read_text(path), *next = text;
    int line = 0;
    for (char *s; (s = next) && *s;) {
        if ((next = strchr(s, '\n'))) *next++ = 0;
        Text prompt = { 0 };
        line++;
        text_add(&prompt, "\n\nHuman: %s\n\nAssistant:", s);
        if (s[strspn(s, " \t")]) texts_add_line(&t, prompt.s, line);
        free(prompt.s);
    }
    free(text);
    return t;
}

int is_json(const char *path)
{
    size_t size;
    char *data = read_file(path, &size);
    const char *s = data + (strncmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
    s += strspn(s, " \t\r\n");
    int is = !*s || *s == '{' || *s == '[';
    free(data);
    return is;
}

Texts load_conversations(const char *path)
{
    if (!is_json(path)) return load_lines(path);
    Texts t = { .path = xstrdup(path) };
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        Text prompt = { 0 };
        read_prompt(j, path, &prompt);
        texts_add_line(&t, prompt.s, json_line(j));
        free(prompt.s);
    }
    json_close(j);
    if (!t.n) die(EXIT_INPUT, "%s:1: no records; run the stage that writes it", path);
    return t;
}

Texts load_prompts(const char *path, const Model *m)
{
    Texts t = load_conversations(path);
    Seqs s = { 0 };
    for (int i = 0; i < t.n; i++) {
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

/* Appends an answer with its prompt; one that is too long ends the program. */
static void push_answer(Seqs *s, const Model *m, const char *prompt, const char *answer,
                        int finished, const char *path, int line)
{
    push_text(s, m->tok, prompt, answer, finished);
    int n = seq_len(s, s->n - 1);
    if (n > m->c.seq_len)
        die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten it", path, line, n,
            m->c.seq_len);
}

static void push_side(Seqs *s, const Model *m, JsonLines *j, const char *path, const char *side)
{
    Text prompt = { 0 }, answer = { 0 };
    char cut[32];
    snprintf(cut, sizeof cut, "%s_cut", side);
    int finished = !json_num_or(j, cut, 0); /* a sample that was cut has no stop token */
    read_answer(j, path, side, &prompt, &answer);
    push_answer(s, m, prompt.s, answer.s, finished, path, json_line(j));
    free(prompt.s);
    free(answer.s);
}

static void push_p(Comparisons *c, double p)
{
    c->p = xrealloc(c->p, (size_t)c->pair.n / 2, sizeof(double));
    c->p[c->pair.n / 2 - 1] = p;
}

static void push_labelled(Comparisons *c, const Labelled *k, const char *path, const Model *m)
{
    for (int i = 0; i < k->n_pair; i++) {
        for (int side = 0; side < 2; side++) {
            int a = k->pair[i][side];
            push_answer(&c->pair, m, k->prompt.s[a], k->answer.s[a], 1, path, k->prompt.line[a]);
        }
        push_p(c, 1);
    }
}

void load_comparisons(Comparisons *c, const char *path, const Model *m)
{
    JsonLines *j = json_open(path);
    Labelled labelled = { 0 };
    while (json_next(j)) {
        if (is_labelled(j)) {
            labelled_add(&labelled, j, path);
            continue;
        }
        push_side(&c->pair, m, j, path, "chosen");
        push_side(&c->pair, m, j, path, "rejected");
        double p = json_num_or(j, "p_chosen", 1.0);
        if (!(p >= 0 && p <= 1))
            die(EXIT_INPUT, "%s:%d: p_chosen is not within 0 to 1; mend the line", path,
                json_line(j));
        push_p(c, p);
    }
    json_close(j);
    if (labelled.prompt.n) labelled_pair(&labelled, path);
    push_labelled(c, &labelled, path, m);
    labelled_free(&labelled);
}
