/* engine/checkpoint.c -- models and score heads in files.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"
#include "lib/files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// Checkpoints: llama2.c's version 0. Little-endian machines only, as that program.
// Seven int32 (vocab_size negative: head not tied), then float32 in the block's order, with two
// tables that nobody reads any more between the final norm and the head.

static size_t dead_tables(const Config *c) { return (size_t)c->seq_len * (size_t)head_size(c); }

/* Numbers of the file's body in the block's order: before and after the dead tables. */
static void body_sizes(const Model *m, size_t *before, size_t *after) {
    *before = (size_t)(m->rms_final - m->w) + (size_t)m->c.dim;
    *after = m->c.tied ? 0 : (size_t)m->c.vocab_size * (size_t)m->c.dim;
}

/* Reads n float32 into reals. */
static void read_floats(FILE *f, real *to, size_t n, const char *path) {
    float part[1024];
    while (n > 0) {
        size_t k = n < 1024 ? n : 1024;
        if (fread(part, sizeof(float), k, f) != k) die(EXIT_INPUT, "%s: cannot be read to its end; copy it anew", path);
        for (size_t i = 0; i < k; i++) {
            if (!isfinite(part[i])) die(EXIT_INPUT, "%s: holds a weight that is no finite number; make it anew", path);
            *to++ = part[i];
        }
        n -= k;
    }
}

/* Errors show in commit_file, which checks the stream. */
static void write_floats(FILE *f, const real *from, size_t n) {
    float part[1024];
    while (n > 0) {
        size_t k = n < 1024 ? n : 1024;
        for (size_t i = 0; i < k; i++) part[i] = (float)from[i];
        fwrite(part, sizeof(float), k, f);
        from += k, n -= k;
    }
}

/* Reads and judges the header; dies unless the file has exactly the length its sizes imply, so
 * that nothing is allocated on the word of a broken file. */
static Config read_header(FILE *f, const char *path) {
    int32_t h[7];
    if (fread(h, sizeof *h, 7, f) != 7) die(EXIT_INPUT, "%s: too short for a checkpoint; give a model file", path);
    if (h[5] == INT32_MIN) h[5] = 0;
    Config c = {h[0], h[1], h[2], h[3], h[4], h[5] < 0 ? -h[5] : h[5], h[6], h[5] > 0};
    const char *wrong = config_error(&c);
    if (wrong) die(EXIT_INPUT, "%s: %s; this is no llama2.c checkpoint (version 0)", path, wrong);
    Tensor t[MAX_TENSORS];
    int n = model_tensors(&c, t);
    size_t numbers = dead_tables(&c);
    for (int i = 0; i < n; i++)
        if (strncmp(t[i].name, "score", 5) != 0) numbers += t[i].size;
    uint64_t implied = sizeof h + (uint64_t)numbers * sizeof(float);
    if (fseek(f, 0, SEEK_END) != 0) die(EXIT_INPUT, "%s: is not a plain file; give a model file", path);
    long length = ftell(f);
    if (length < 0 || (uint64_t)length != implied)
        die(EXIT_INPUT, "%s: has %ld bytes where its header implies %llu; copy it anew", path, length,
            (unsigned long long)implied);
    fseek(f, sizeof h, SEEK_SET);
    return c;
}

Model *model_load(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) die(EXIT_INPUT, "%s: cannot be opened; check the path", path);
    Model *m = model_new(read_header(f, path));
    size_t before, after;
    body_sizes(m, &before, &after);
    read_floats(f, m->w, before, path);
    fseek(f, (long)(dead_tables(&m->c) * sizeof(float)), SEEK_CUR);
    read_floats(f, m->head, after, path);
    fclose(f);
    return m;
}

void model_save(const Model *m, const char *path) {
    const Config *c = &m->c;
    int32_t h[7] = {c->dim, c->hidden_dim, c->n_layers, c->n_heads, c->n_kv_heads,
                    c->tied ? c->vocab_size : -c->vocab_size, c->seq_len};
    size_t before, after;
    body_sizes(m, &before, &after);
    FILE *f = create_file(path);
    fwrite(h, sizeof *h, 7, f);
    write_floats(f, m->w, before);
    const real nothing = 0;
    for (size_t i = 0; i < dead_tables(c); i++) write_floats(f, &nothing, 1);
    write_floats(f, m->head, after);
    commit_file(f, path);
}

// ------------------------------------------------------------------------------------
// The score head's file: magic, version, dim; score_w and score_b as float32; checksum of it all

typedef struct { char magic[4]; int32_t version, dim; } ScoreHeader;
static const ScoreHeader SCORE_HEADER = {{'C', 'A', 'I', 's'}, 1, 0};

void score_head_save(const Model *m, const char *path) {
    size_t n = (size_t)m->c.dim + 1;                    /* score_b follows score_w in the block */
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

void score_head_load(Model *m, const char *path) {
    size_t size, n = (size_t)m->c.dim + 1, body = sizeof(ScoreHeader) + n * sizeof(float);
    char *file = read_file(path, &size);
    ScoreHeader h;
    uint64_t sum;
    if (size < sizeof h || memcmp(file, &SCORE_HEADER, offsetof(ScoreHeader, dim)) != 0)
        die(EXIT_INPUT, "%s: is no score head of version 1; train the preference model again", path);
    memcpy(&h, file, sizeof h);
    if (h.dim != m->c.dim)
        die(EXIT_INPUT, "%s: belongs to a model of width %d, not %d; use the pair that was saved together", path, h.dim, m->c.dim);
    if (size != body + sizeof sum) die(EXIT_INPUT, "%s: has %zu bytes, not %zu; copy it anew", path, size, body + sizeof sum);
    memcpy(&sum, file + body, sizeof sum);
    if (sum != checksum(file + sizeof h, n * sizeof(float), checksum(&h, sizeof h, 0)))
        die(EXIT_INPUT, "%s: its checksum is wrong; copy it anew", path);
    for (size_t i = 0; i < n; i++) {
        float w;
        memcpy(&w, file + sizeof h + i * sizeof w, sizeof w);
        m->score_w[i] = w;
    }
    free(file);
}
