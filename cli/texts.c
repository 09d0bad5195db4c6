/* cli/texts.c -- continue texts, and say how probable they are: generate, logprob.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

/* What a person typed; files are checked line by line where they are read. */
void check_text(const char *where, const char *s)
{
    if (utf8_bad(s)) die(EXIT_INPUT, "%s: byte %ld is not UTF-8 text; type it anew", where, utf8_bad(s));
}

/* Continues a raw text; with --temperature 0 the text that llama2.c's run prints for the same files. */
void command_generate(Run *run, const Args *arg)
{
    if (arg->prompt && !*arg->prompt) die(EXIT_USAGE, "--prompt: empty; give a text, or leave the flag out to begin from nothing");
    if (arg->prompt) check_text("--prompt", arg->prompt);
    Model *m = load_model(run, arg->model);
    Seqs p = { 0 }, out = { 0 };
    uint64_t *key = xcalloc((size_t)arg->count, sizeof *key);
    for (int i = 0; i < arg->count; i++) {
        push_text(&p, m->tok, arg->prompt ? arg->prompt : "", NULL, 0);
        key[i] = rng_key((uint64_t)run->seed, S_ASK, (uint64_t)i);
    }
    if (seq_len(&p, 0) >= m->c.seq_len)
        die(EXIT_INPUT, "--prompt: %d tokens, the context has %d; shorten it", seq_len(&p, 0), m->c.seq_len);
    sample(m, &p, key, (Sampling){ arg->temperature, run->max_new, { TOKEN_BEGIN, -1, -1 } }, &out, NULL);
    for (int i = 0; i < arg->count; i++) {
        Seqs whole = { 0 };
        int n = seq_len(&out, i);
        if (n && seq_tok(&out, i)[n - 1] == TOKEN_BEGIN) n--;
        seqs_push(&whole, seq_tok(&p, i), seq_len(&p, i));
        int *ids = xcalloc((size_t)(seq_len(&p, i) + n), sizeof(int));
        memcpy(ids, seq_tok(&p, i), (size_t)seq_len(&p, i) * sizeof(int));
        memcpy(ids + seq_len(&p, i), seq_tok(&out, i), (size_t)n * sizeof(int));
        size_t size;
        char *s = decode(run->tok, ids, seq_len(&p, i) + n, &size);
        for (size_t c = 0; c < size; c++)       /* as llama2.c: what cannot be printed is left out */
            if ((unsigned char)s[c] >= ' ' ? s[c] != 127 : s[c] == '\n' || s[c] == '\t' || s[c] == '\r') putchar(s[c]);
        putchar('\n');
        free(s);
        free(ids);
        seqs_free(&whole);
    }
    seqs_free(&p);
    seqs_free(&out);
    free(key);
    model_free(m);
}

void command_logprob(Run *run, const Args *arg)
{
    Model *m = load_model(run, arg->model);
    JsonLines *j = json_open(arg->in ? arg->in : "/dev/stdin");
    while (json_next(j)) {
        Seqs s = { 0 };
        const char *path = arg->in ? arg->in : "/dev/stdin";
        if (!*json_str(j, "prompt")) die(EXIT_INPUT, "%s:%d: an empty prompt; give a text", path, json_line(j));
        if (!*json_str(j, "completion")) die(EXIT_INPUT, "%s:%d: an empty completion; give a text", path, json_line(j));
        int prompt_len = push_text(&s, m->tok, json_str(j, "prompt"), json_str(j, "completion"), 0), n = s.start[1];
        if (n > m->c.seq_len)
            die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten the prompt", path, json_line(j), n, m->c.seq_len);
        double sum, *each = xcalloc((size_t)n, sizeof(double));
        completion_logprobs(m, &s, &prompt_len, &sum, each);
        printf("{\"prompt_tokens\": [");
        for (int i = 0; i < prompt_len; i++) printf("%s%d", i ? ", " : "", s.token[i]);
        printf("], \"tokens\": [");
        for (int i = prompt_len; i < n; i++) printf("%s%d", i > prompt_len ? ", " : "", s.token[i]);
        printf("], \"logprobs\": [");
        for (int i = prompt_len; i < n; i++) printf("%s%.6f", i > prompt_len ? ", " : "", each[i]);
        printf("], \"sum\": %.6f}\n", sum);
        free(each);
        seqs_free(&s);
    }
    json_close(j);
    model_free(m);
}
