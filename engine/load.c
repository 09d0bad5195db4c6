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
    if (!t.n) die(EXIT_INPUT, "%s:1: no records; give it at least one", path);
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
        if (s[strspn(s, " \t")]) {
            add_prompt_text(&prompt, s);
            check_conversation(path, line, prompt.s);
            texts_add_line(&t, prompt.s, line);
        }
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
    if (!t.n) die(EXIT_INPUT, "%s:1: no records; give it at least one", path);
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

// ------------------------------------------------------------------------------------
// What is beyond the context (--too-long): skip leaves it out, cut takes away a conversation's
// oldest turns, and of an answer its end

typedef struct {
    int skips, cuts;      /* what is to become of it; neither: the program ends */
    int n, left_out, cut; /* what became of it */
} Fit;

static Fit fit_of(const Run *run)
{
    return (Fit){ .skips = strcmp(run->too_long, "skip") == 0,
                  .cuts = strcmp(run->too_long, "cut") == 0 };
}

static void say_fit(const Run *run, const Fit *f, const char *path, const char *what)
{
    if (f->n && f->left_out == f->n)
        die(EXIT_INPUT, "%s:1: each of its %d %s is too long for the context; give shorter ones",
            path, f->n, what);
    if (f->left_out + f->cut && !run->quiet)
        fprintf(stderr, "cai: %s: of %d %s %d are too long: %d cut, %d left out\n", printable(path),
                f->n, what, f->left_out + f->cut, f->cut, f->left_out);
}

static int tokens_in(const Model *m, const char *a, const char *b)
{
    Seqs s = { 0 };
    push_text(&s, m->tok, a, b, 0);
    int n = seq_len(&s, 0);
    seqs_free(&s);
    return n;
}

/* The conversation without its oldest turn of each; NULL: it has one only. */
static const char *without_oldest(const char *prompt) { return strstr(prompt + 1, "\n\nHuman:"); }

Texts run_prompts(Run *run, const char *name, const Model *m)
{
    Path path = records_read(&run->records, name);
    Fit fit = fit_of(run);
    if (!fit.skips && !fit.cuts) return load_prompts(path.s, m);
    Texts all = load_conversations(path.s), kept = { .path = xstrdup(path.s) };
    int most = m->c.seq_len - run->max_new;
    if (run->max_prompt && strcmp(name, "data/redteam.jsonl") == 0) most = run->max_prompt;
    for (int i = 0; i < all.n; i++) {
        const char *s = all.s[i];
        while (fit.cuts && s && tokens_in(m, s, NULL) > most) s = without_oldest(s);
        fit.n++;
        if (s && s > all.s[i]) fit.cut++;
        if (!s || tokens_in(m, s, NULL) > most) fit.left_out++;
        else texts_add_line(&kept, s, all.line[i]);
    }
    texts_free(&all);
    say_fit(run, &fit, path.s, "prompts");
    return kept;
}

void load_tokenizer(Run *run, int vocab_size)
{
    const char *path = run->tokenizer_file;
    if (run->tok) tokenizer_free(run->tok); /* of before the tokenizer stage */
    run->tok =
        tokenizer_load(path ? path : records_read(&run->records, "tokenizer.bin").s, vocab_size);
}

Model *load_model(Run *run, const char *name)
{
    Path file;
    int is_path = strchr(name, '/') || is_standard_input(name);
    int n = snprintf(file.s, sizeof file.s, "%s%s", name, is_path ? "" : ".bin");
    if (n >= (int)sizeof file.s)
        die(EXIT_INPUT, "%.40s..: the path is too long; give a shorter one", name);
    if (!is_path) file = records_read(&run->records, file.s);
    if (!is_standard_input(name) && !is_there(file.s))
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

// ------------------------------------------------------------------------------------
// Comparisons

/* Appends an answer with its prompt. */
static void push_answer(Seqs *s, const Model *m, const char *prompt, const char *answer,
                        int finished)
{
    push_text(s, m->tok, prompt, answer, finished);
    int over = seq_len(s, s->n - 1) - m->c.seq_len;
    if (over > 0) s->start[s->n] -= over; /* its end is cut, and so it is not finished */
}

typedef struct {
    Text prompt, answer;
    int finished; /* 0: a sample that was cut, which has no stop token */
} Side;

static void free_side(Side *a)
{
    free(a->prompt.s);
    free(a->answer.s);
}

static int longest(const Model *m, const char *const prompt[2], const Side side[2])
{
    int n = 0;
    for (int k = 0; k < 2; k++)
        n = max_int(n, tokens_in(m, prompt[k], side[k].answer.s) + side[k].finished);
    return n;
}

/* Adds a comparison, the better side first, as far as it fits. */
static void push_pair(Comparisons *c, const Model *m, const Side side[2], double p, Fit *fit,
                      const char *path, int line)
{
    const char *prompt[2] = { side[0].prompt.s, side[1].prompt.s };
    int n = longest(m, prompt, side), room = 1;
    fit->n++;
    if (n > m->c.seq_len && !fit->skips && !fit->cuts)
        die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten it", path, line, n,
            m->c.seq_len);
    while (fit->cuts && longest(m, prompt, side) > m->c.seq_len && without_oldest(prompt[0])
           && without_oldest(prompt[1]))
        for (int k = 0; k < 2; k++) prompt[k] = without_oldest(prompt[k]);
    for (int k = 0; k < 2; k++) room &= tokens_in(m, prompt[k], NULL) < m->c.seq_len;
    if (n > m->c.seq_len && (fit->skips || !room)) {
        fit->left_out++;
        return;
    }
    fit->cut += n > m->c.seq_len;
    for (int k = 0; k < 2; k++)
        push_answer(&c->pair, m, prompt[k], side[k].answer.s, side[k].finished);
    c->p = xrealloc(c->p, (size_t)c->pair.n / 2, sizeof(double));
    c->p[c->pair.n / 2 - 1] = p;
}

static Side read_side(JsonLines *j, const char *path, const char *name)
{
    Side a = { .finished = !was_cut(j, name) };
    read_answer(j, path, name, &a.prompt, &a.answer);
    return a;
}

static void push_labelled(Comparisons *c, const Labelled *k, const char *path, const Model *m,
                          Fit *fit)
{
    for (int i = 0; i < k->n_pair; i++) {
        Side side[2] = { { .finished = 1 }, { .finished = 1 } };
        int line = 0;
        for (int a = 0; a < 2; a++) {
            text_add(&side[a].prompt, "%s", k->prompt.s[k->pair[i][a]]);
            text_add(&side[a].answer, "%s", k->answer.s[k->pair[i][a]]);
            line = max_int(line, k->prompt.line[k->pair[i][a]]);
        }
        push_pair(c, m, side, 1, fit, path, line);
        free_side(&side[0]);
        free_side(&side[1]);
    }
}

static void add_comparisons(Comparisons *c, const char *path, const Model *m, Fit *fit)
{
    JsonLines *j = json_open(path);
    Labelled labelled = { 0 };
    while (json_next(j)) {
        if (is_labelled(j)) {
            labelled_add(&labelled, j, path);
            continue;
        }
        Side side[2] = { read_side(j, path, "chosen"), read_side(j, path, "rejected") };
        double p = json_num_or(j, "p_chosen", 1.0);
        if (!(p >= 0 && p <= 1))
            die(EXIT_INPUT, "%s:%d: p_chosen is not within 0 to 1; mend the line", path,
                json_line(j));
        push_pair(c, m, side, p, fit, path, json_line(j));
        free_side(&side[0]);
        free_side(&side[1]);
    }
    json_close(j);
    if (labelled.prompt.n) labelled_pair(&labelled, path);
    push_labelled(c, &labelled, path, m, fit);
    labelled_free(&labelled);
}

void load_comparisons(Comparisons *c, const char *path, const Model *m)
{
    Fit stops = { 0 };
    add_comparisons(c, path, m, &stops);
}

void run_comparisons(Run *run, Comparisons *c, const char *name, const Model *m)
{
    Path path = records_read(&run->records, name);
    Fit fit = fit_of(run);
    add_comparisons(c, path.s, m, &fit);
    say_fit(run, &fit, path.s, "comparisons");
}
