/* cli/texts.c -- continue texts, and say how probable they are: generate, logprob.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/commands.h"
#include "cli/words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a person typed; files are checked line by line where they are read. */
void check_text(const char *where, const char *s)
{
    if (utf8_bad(s))
        die(EXIT_INPUT, "%s: byte %ld is not UTF-8 text; type it anew", where, utf8_bad(s));
}

static int is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static int ends_in_bin(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".bin") == 0;
}

/* A name with a slash or of a file here is that file (.bin may be left out after a slash); any
 * other is a model of the run. *model: its name there; in_run: it is there. */
static int is_of_run(const Run *run, const char *name, Text *model, int *in_run)
{
    text_add(model, "%s%s", name, ends_in_bin(name) ? "" : ".bin");
    *in_run = !strchr(name, '/') && is_file(run_path(run, model->s).s);
    model->s[model->n -= 4] = 0;
    return !strchr(name, '/') && !is_file(name) && (*in_run || !strchr(name, '.'));
}

int is_model_of_run(const Run *run, const char *name)
{
    Text model = { 0 };
    int in_run, of_run = is_of_run(run, name, &model, &in_run);
    free(model.s);
    return of_run && in_run;
}

Model *load_given_model(Run *run, const char *name)
{
    Text here = { 0 }, model = { 0 };
    int in_run, of_run = is_of_run(run, name, &model, &in_run);
    if (!of_run && in_run)
        fprintf(stderr, "cai: %s: the file here is taken, not the %s.bin of %s\n", printable(name),
                printable(model.s), printable(run->folder));
    const char *end = strchr(name, '/') && !is_file(name) && !ends_in_bin(name) ? ".bin" : "";
    text_add(&here, "%s%s%s", strchr(name, '/') ? "" : "./", name, end);
    Model *m = load_model(run, of_run ? model.s : here.s);
    free(here.s);
    free(model.s);
    return m;
}

/* Prints ids as text. As llama2.c: what cannot be printed is left out. */
static void print_tokens(const Tokenizer *tok, const int *ids, int n)
{
    size_t size;
    char *s = decode(tok, ids, n, &size);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= ' ' ? c != 127 : c == '\n' || c == '\t' || c == '\r') putchar(c);
    }
    putchar('\n');
    free(s);
}

/* Continues a raw text; with --temperature 0 the text that llama2.c's run prints for the same
 * files. */
void command_generate(Run *run, const Args *arg)
{
    if (arg->prompt && !*arg->prompt)
        die(EXIT_USAGE,
            "--prompt: empty; give a text, or leave the flag out to begin from nothing");
    if (arg->prompt) check_text("--prompt", arg->prompt);
    Model *m = load_given_model(run, arg->model);
    Seqs p = { 0 }, out = { 0 };
    uint64_t *key = xcalloc((size_t)arg->count, sizeof *key);
    for (int i = 0; i < arg->count; i++) {
        push_text(&p, m->tok, arg->prompt ? arg->prompt : "", NULL, 0);
        key[i] = rng_key((uint64_t)run->seed, S_ASK, (uint64_t)i);
    }
    if (seq_len(&p, 0) >= m->c.seq_len)
        die(EXIT_INPUT, "--prompt: %d tokens, the context has %d; shorten it", seq_len(&p, 0),
            m->c.seq_len);
    if (arg->prompt) say_unknown_of_run(run, arg->model, arg->prompt);
    sample(m, &p, key, (Sampling){ arg->temperature, run->max_new, { TOKEN_BEGIN, -1, -1 } }, &out,
           NULL);
    for (int i = 0; i < arg->count; i++) {
        int P = seq_len(&p, i), T = seq_len(&out, i);
        if (T && seq_tok(&out, i)[T - 1] == TOKEN_BEGIN) T--;
        int *ids = xcalloc((size_t)(P + T), sizeof(int));
        memcpy(ids, seq_tok(&p, i), (size_t)P * sizeof(int));
        memcpy(ids + P, seq_tok(&out, i), (size_t)T * sizeof(int));
        print_tokens(run->tok, ids, P + T);
        free(ids);
    }
    seqs_free(&p);
    seqs_free(&out);
    free(key);
    model_free(m);
}

static void print_ids(const char *name, const int *ids, int n)
{
    printf("\"%s\": [", name);
    for (int i = 0; i < n; i++) printf("%s%d", i ? ", " : "", ids[i]);
    printf("], ");
}

/* One record: log-probabilities of the completion's tokens, in nats. */
static void print_logprobs(const Model *m, JsonLines *j, const char *path)
{
    const char *prompt = json_str(j, "prompt"), *completion = json_str(j, "completion");
    Seqs s = { 0 };
    if (!*prompt) die(EXIT_INPUT, "%s:%d: an empty prompt; give a text", path, json_line(j));
    if (!*completion)
        die(EXIT_INPUT, "%s:%d: an empty completion; give a text", path, json_line(j));
    int P = push_text(&s, m->tok, prompt, completion, 0), n = s.start[1];
    if (n > m->c.seq_len)
        die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten the prompt", path,
            json_line(j), n, m->c.seq_len);
    double sum, *each = xcalloc((size_t)n, sizeof(double));
    completion_logprobs(m, &s, &P, &sum, each);
    putchar('{');
    print_ids("prompt_tokens", s.token, P);
    print_ids("tokens", s.token + P, n - P);
    printf("\"logprobs\": [");
    for (int i = P; i < n; i++) printf("%s%.6f", i > P ? ", " : "", each[i]);
    printf("], \"sum\": %.6f}\n", sum);
    free(each);
    seqs_free(&s);
}

void command_logprob(Run *run, const Args *arg)
{
    const char *path = arg->in ? arg->in : "-";
    Model *m = load_given_model(run, arg->model);
    JsonLines *j = json_open(path);
    while (json_next(j)) print_logprobs(m, j, path);
    json_close(j);
    model_free(m);
}
