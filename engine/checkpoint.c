/* engine/checkpoint.c -- models and score heads in files.
 *
 * Numbers are little-endian, as llama2.c writes them on the machines it runs on. Every file is read
 * with its length checked first, and every number in it must be finite: a broken file ends the
 * program with status 3 and a line that names it.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* fmemopen */
#include "engine/checkpoint.h"
#include "lib/files.h"
#include "lib/gunzip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// Models: llama2.c's checkpoint, version 0
//
//     int32 dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
//                            vocab_size is negative if the head is a matrix of its own
//     float32 tok_emb .. rms_final, in the order of model_tensors
//     float32 (2, seq_len, head size / 2), the rotary tables of old; nobody reads them
//     float32 head, if it is not tied
//
// The score head is not in this file.

static size_t rotary_tables(const Config *c) { return (size_t)c->seq_len * (size_t)head_size(c); }

/* How many of the file's numbers stand before the rotary tables, and how many after them. */
static void body_sizes(const Model *m, size_t *before, size_t *after)
{
    *before = (size_t)(m->rms_final - m->w) + (size_t)m->c.dim;
    *after = m->c.tied ? 0 : (size_t)m->c.vocab_size * (size_t)m->c.dim;
}

/* Reads n float32 from f into to (n). */
static void read_floats(FILE *f, real *to, size_t n, const char *path)
{
    float part[1024];
    while (n > 0) {
        size_t k = n < 1024 ? n : 1024;
        if (fread(part, sizeof(float), k, f) != k)
            die(EXIT_INPUT, "%s: cannot be read to its end; copy it anew", path);
        for (size_t i = 0; i < k; i++) {
            if (!isfinite(part[i]))
                die(EXIT_INPUT, "%s: holds a weight that is no finite number; make it anew", path);
            *to++ = part[i];
        }
        n -= k;
    }
}

/* Writes from (n) to f as float32. An error shows in commit_file, which checks the stream. */
void write_floats(FILE *f, const real *from, size_t n)
{
    float part[1024];
    while (n > 0) {
        size_t k = n < 1024 ? n : 1024;
        for (size_t i = 0; i < k; i++) part[i] = (float)from[i];
        fwrite(part, sizeof(float), k, f);
        from += k, n -= k;
    }
}

/* Reads and judges the header. Dies unless the file has exactly the length that its sizes imply, so
 * that nothing is allocated on the word of a broken file. */
static Config read_header(FILE *f, const char *path)
{
    int32_t h[7];
    if (fread(h, sizeof *h, 7, f) != 7)
        die(EXIT_INPUT, "%s: too short for a checkpoint; give a model file", path);
    if (h[5] == INT32_MIN) h[5] = 0; /* it has no positive counterpart */
    Config c = { h[0], h[1], h[2], h[3], h[4], h[5] < 0 ? -h[5] : h[5], h[6], h[5] > 0 };
    const char *wrong = config_error(&c);
    if (wrong) die(EXIT_INPUT, "%s: %s; this is no llama2.c checkpoint (version 0)", path, wrong);

    Tensor t[MAX_TENSORS];
    int n = model_tensors(&c, t);
    uint64_t numbers = rotary_tables(&c);
    for (int i = 0; i < n; i++)
        if (strncmp(t[i].name, "score", 5) != 0) numbers += t[i].size;
    uint64_t implied = sizeof h + numbers * sizeof(float);

    if (fseek(f, 0, SEEK_END) != 0)
        die(EXIT_INPUT, "%s: is not a plain file; give a model file", path);
    long length = ftell(f);
    if (length < 0 || (uint64_t)length != implied)
        die(EXIT_INPUT, "%s: has %ld bytes where its header implies %llu; copy it anew", path,
            length, (unsigned long long)implied);
    fseek(f, sizeof h, SEEK_SET);
    return c;
}

/* Of standard input or a file that gzip packed the bytes are read first, into *data. */
static FILE *open_model(const char *path, char **data)
{
    char first[3];
    size_t size;
    FILE *f = is_standard_input(path) ? NULL : fopen(path, "rb");
    if (f && !(fread(first, 1, 3, f) == 3 && is_packed(first, 3))) {
        rewind(f);
        return f;
    }
    if (f) fclose(f);
    *data = read_file(path, &size);
    return fmemopen(*data, size + !size, "rb"); /* of nothing there is no stream: the NUL */
}

Model *model_load(const char *path)
{
    char *data = NULL;
    FILE *f = open_model(path, &data);
    Model *m = model_new(read_header(f, path));
    size_t before, after;
    body_sizes(m, &before, &after);
    read_floats(f, m->w, before, path);
    fseek(f, (long)(rotary_tables(&m->c) * sizeof(float)),
          SEEK_CUR); /* less than the length above */
    read_floats(f, m->head, after, path);
    fclose(f);
    free(data);
    return m;
}

void model_save(const Model *m, const char *path)
{
    const Config *c = &m->c;
    int32_t h[7] = { c->dim,     c->hidden_dim, c->n_layers,
                     c->n_heads, c->n_kv_heads, c->tied ? c->vocab_size : -c->vocab_size,
                     c->seq_len };
    size_t before, after;
    body_sizes(m, &before, &after);
    FILE *f = create_file(path);
    fwrite(h, sizeof *h, 7, f);
    write_floats(f, m->w, before);
    const real zero = 0;
    for (size_t i = 0; i < rotary_tables(c); i++) write_floats(f, &zero, 1);
    write_floats(f, m->head, after);
    commit_file(f, path);
}

// ------------------------------------------------------------------------------------
// The score head's file: ScoreHeader; float32 score_w (dim), score_b (1); checksum of all before it

typedef struct {
    char magic[4];
    int32_t version, dim;
} ScoreHeader;
static const ScoreHeader SCORE_HEADER = { { 'C', 'A', 'I', 's' }, 1, 0 };

void score_head_save(const Model *m, const char *path)
{
    size_t n = (size_t)m->c.dim + 1; /* score_b follows score_w in the block */
    float *data = xcalloc(n, sizeof(float));
    for (size_t i = 0; i < n; i++) data[i] = (float)m->score_w[i];
    ScoreHeader h = SCORE_HEADER;
    h.dim = m->c.dim;
    uint64_t sum = checksum(data, n * sizeof(float), checksum(&h, sizeof h, 0));
    FILE *f = create_file(path);
    fwrite(&h, sizeof h, 1, f);
    fwrite(data, sizeof(float), n, f);
    fwrite(&sum, sizeof sum, 1, f);
    commit_file(f, path);
    free(data);
}

void score_head_load(Model *m, const char *path)
{
    size_t size, n = (size_t)m->c.dim + 1, body = sizeof(ScoreHeader) + n * sizeof(float);
    char *file = read_file(path, &size);
    ScoreHeader h;
    uint64_t sum;
    if (size < sizeof h || memcmp(file, &SCORE_HEADER, offsetof(ScoreHeader, dim)) != 0)
        die(EXIT_INPUT, "%s: is no score head of version 1; train the preference model again",
            path);
    memcpy(&h, file, sizeof h);
    if (h.dim != m->c.dim)
        die(EXIT_INPUT,
            "%s: belongs to a model of width %d, not %d; use the pair that was saved "
            "together",
            path, h.dim, m->c.dim);
    if (size != body + sizeof sum)
        die(EXIT_INPUT, "%s: has %zu bytes, not %zu; copy it anew", path, size, body + sizeof sum);
    memcpy(&sum, file + body, sizeof sum);
    if (sum != checksum(file + sizeof h, n * sizeof(float), checksum(&h, sizeof h, 0)))
        die(EXIT_INPUT, "%s: its checksum is wrong; copy it anew", path);
    for (size_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, file + sizeof h + i * sizeof w, sizeof w);
        if (!isfinite(w))
            die(EXIT_INPUT,
                "%s: holds a weight that is no finite number; train the preference "
                "model again",
                path);
        m->score_w[i] = w;
    }
    free(file);
}
