/* tests/fuzz/fuzz.c -- coverage-guided fuzzing of every reader (libFuzzer): whatever the bytes, a
 * reader comes back or ends the program with its one line; it never reads beyond, never loops,
 * never takes memory on a file's word.
 *
 * One source, one program a reader: compiled with -DREADER=read_town and so on. Inputs reach the
 * reader as a file, as always. A reader that refuses calls _exit(), which the Makefile renames
 * fuzz_exit for this build, and a jump goes back to the loop. What a refusing reader leaves behind
 * (files open, memory) the system would have taken back; here allocations and files, renamed too,
 * are kept in lists and given back after every input.
 * SPDX-License-Identifier: MIT
 */
#define _XOPEN_SOURCE 700 /* mkstemp, mkdtemp, pwrite */
#include "cli/options.h"
#include "cli/stages.h"
#include "data/corpus.h"
#include "lib/gunzip.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#undef exit
#undef _exit
#undef calloc
#undef realloc
#undef free
#undef fopen
#undef fclose

// ------------------------------------------------------------------------------------
// exit, memory and files, led through here

extern void *calloc(size_t, size_t);
extern void free(void *);
extern FILE *fopen(const char *, const char *);
extern int fclose(FILE *);
extern _Noreturn void exit(int);

typedef struct Block {
    struct Block *before, *after;
    size_t size, unused;
} Block; /* stands before each allocation */
static Block all = { &all, &all, 0, 0 };
static FILE *file[64];
static jmp_buf back;
static int at_work;
static char path[64], written[80]; /* of the input; of what a reader writes */

static void *take(Block *b, size_t size)
{
    if (!b) return NULL;
    if (!at_work) { /* outlives the input: in no list */
        *b = (Block){ b, b, size, 0 };
        return b + 1;
    }
    *b = (Block){ &all, all.after, size, 0 };
    all.after->before = b;
    return (all.after = b) + 1;
}

static void leave(Block *b) { b->before->after = b->after, b->after->before = b->before; }

/* The most a reader may ask for in one piece: far above what an input of some kilobytes can be
 * worth. */
static void check_size(size_t size)
{
    if (at_work && size > (size_t)64 << 20) abort();
}

void *fuzz_calloc(size_t n, size_t size)
{
    check_size(n * size);
    return take(calloc(n * size + sizeof(Block), 1), n * size);
}

void fuzz_free(void *p)
{
    if (!p) return;
    leave((Block *)p - 1);
    free((Block *)p - 1);
}

void *fuzz_realloc(void *p, size_t size)
{
    check_size(size);
    void *q = fuzz_calloc(size, 1); /* never in place: who keeps an old pointer is found */
    if (p && q) {
        size_t old = ((Block *)p - 1)->size;
        memcpy(q, p, old < size ? old : size);
        fuzz_free(p);
    }
    return q;
}

FILE *fuzz_fopen(const char *name, const char *mode)
{
    FILE *f = fopen(name, mode);
    for (int i = 0; f && i < 64; i++)
        if (!file[i]) {
            file[i] = f;
            break;
        }
    return f;
}

int fuzz_fclose(FILE *f)
{
    for (int i = 0; i < 64; i++)
        if (file[i] == f) file[i] = NULL;
    return fclose(f);
}

_Noreturn void fuzz_exit(int status)
{
    if (!at_work) exit(status);
    if (status != EXIT_INPUT && status != EXIT_USAGE) abort(); /* no other end is a reader's */
    longjmp(back, 1);
}

// ------------------------------------------------------------------------------------
// the readers

/* Inputs live in memory where the system has a place for that: thousands a second would wear a
 * disk. */
static char folder[64]; /* of what is read by its name */

static void sweep(void)
{
    static const char *const names[] = { "flags.txt", "files.txt", "" };
    char name[80];
    remove(path);
    remove(written);
    for (int i = 0; *folder && i < 3; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        remove(name);
    }
}

static void scratch(char *name, size_t size)
{
    snprintf(name, size, "%s/cai_fuzz_XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
}

static void write_input(const void *data, size_t size)
{
    static int fd;
    if (!fd) {
        scratch(path, sizeof path);
        fd = mkstemp(path);
        atexit(sweep);
        snprintf(written, sizeof written, "%s.out", path);
    }
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
}

/* The checksums of our own files keep a fuzzer out; with an odd first byte they are put right for
 * it. */
static void write_summed(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(size + 1, 1);
    if (size) memcpy(copy, data + 1, size - 1);
    if (size > 9 && data[0] & 1) {
        uint64_t sum = checksum(copy, size - 9, 0);
        memcpy(copy + size - 9, &sum, 8);
    }
    write_input(copy, size ? size - 1 : 0);
    free(copy);
}

typedef void Reader(const uint8_t *data, size_t size);
Reader read_tokenizer, read_checkpoint, read_head, read_state, read_town, read_constitution,
    read_json, read_forms, read_flags, read_records, read_documents, read_packed;

static const Config small = { 4, 4, 1, 1, 1, 3, 4, 1 };

void read_tokenizer(const uint8_t *data, size_t size)
{
    write_input(data, size);
    Tokenizer *t = tokenizer_load(path, 0);
    int ids[256];
    size_t n = size < 200 ? size : 200;
    for (int begin = 0; begin < 2; begin++) { /* and what it then does to a text: the file itself */
        int k = encode(t, (const char *)data, n, begin, ids);
        fuzz_free(decode(t, ids, k, NULL));
    }
}

void read_checkpoint(const uint8_t *data, size_t size)
{
    write_input(data, size);
    Model *m = model_load(path);
    Seqs s = { 0 };
    int ids[2] = { 0, m->c.vocab_size - 1 }, row = 0;
    real logp;
    if (m->n_param > 100000) return;
    seqs_push(&s, ids, min_int(2, m->c.seq_len));
    Acts *a = acts_new();
    forward(m, a, &s, 0, 1);
    logprobs(m, a, 1, &row, ids, &logp, NULL);
}

void read_head(const uint8_t *data, size_t size)
{
    write_summed(data, size);
    score_head_load(model_new(small), path);
}

void read_state(const uint8_t *data, size_t size)
{
    char *notes;
    write_summed(data, size);
    Trainer *t = trainer_new(model_new(small), (AdamW){ 0 });
    if (trainer_load(t, path, 7, &notes) >= 0 && strlen(notes) > size) abort();
}

void read_town(const uint8_t *data, size_t size)
{
    write_input(data, size);
    Town *t = town_load(path);
    Oracle *o = oracle_open(t);
    Requests *r = requests_new(t);
    town_corpus(t, 1, 20, written);
    town_human_prefs(o, r, 1, SET_PREFS, 8, 0.9, 0, written);
    town_judgements(t, 1, 4, written);
    town_prompts(r, 1, SET_EVAL_REDTEAM, 4, written);
}

void read_constitution(const uint8_t *data, size_t size)
{
    write_input(data, size);
    constitution_load(path);
}

void read_documents(const uint8_t *data, size_t size)
{
    size_t n;
    write_input(data, size);
    char *text = read_file(path, &n);
    Texts docs = documents_of(text, n, path);
    for (int i = 0; i < docs.n; i++)
        if (!*docs.s[i]) abort();
    texts_free(&docs);
}

void read_packed(const uint8_t *data, size_t size)
{
    size_t n;
    write_input(data, size);
    char *text = read_file(path, &n);
    if (text[n] || (is_packed((const char *)data, size) && n > 2000 * size)) abort();
}

void read_json(const uint8_t *data, size_t size)
{
    write_input(data, size);
    JsonLines *j = json_open(path);
    FILE *f = fuzz_fopen("/dev/null", "w");
    while (json_next(j)) {
        json_put(f, "", "a", json_str_or(j, "prompt", ""));
        json_num_or(j, "step", 0);
    }
    json_str(j, "prompt");
}

void read_forms(const uint8_t *data, size_t size)
{
    write_input(data, size);
    JsonLines *j = json_open(path);
    Labelled labelled = { 0 };
    while (json_next(j)) {
        Text prompt = { 0 }, answer = { 0 };
        if (is_labelled(j)) labelled_add(&labelled, j, path);
        else if (json_has(j, "chosen")) read_answer(j, path, "chosen", &prompt, &answer);
        else read_prompt(j, path, &prompt);
        fuzz_free(prompt.s);
        fuzz_free(answer.s);
    }
    labelled_pair(&labelled, path);
    json_close(j);
}

static Run in_folder(const char *name, const uint8_t *data, size_t size)
{
    Run run = { 0 };
    char at[128];
    if (!*folder) {
        scratch(folder, sizeof folder);
        if (!mkdtemp(folder)) abort();
        atexit(sweep);
    }
    options_default(&run);
    option_set(&run, "out", folder);
    records_of(&run);
    snprintf(at, sizeof at, "%s/%s", folder, name);
    FILE *f = fopen(at, "wb");
    fwrite(data, 1, size, f);
    fclose(f);
    return run;
}

void read_flags(const uint8_t *data, size_t size)
{
    Run run = in_folder("flags.txt", data, size);
    records_of(&run);
    options_load(&run);
    options_check(&run);
}

void read_records(const uint8_t *data, size_t size)
{
    Run run = in_folder("files.txt", data, size);
    records_of(&run);
    records_load(&run.records);
    records_read(&run.records, "base.bin");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char **unread;
    n_workers = 1;
    at_work = 1;
    if (!setjmp(back)) READER(data, size);
    at_work = 0;
    for (int i = 0; i < 8; i++) printable(""); /* the copies that it keeps are not the input's */
    committed_files(&unread);
    for (int i = 0; i < 64; i++)
        if (file[i]) {
            fclose(file[i]);
            file[i] = NULL;
        }
    while (all.after != &all) fuzz_free(all.after + 1);
    return 0;
}
