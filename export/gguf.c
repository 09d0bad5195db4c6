/* export/gguf.c -- a model as one GGUF file (version 3), which llama.cpp and its kin read.
 *
 *     "GGUF", uint32 version, uint64 tensors, uint64 fields
 *     each field: its name, its type, its value
 *     each tensor: its name, its dimensions (the fastest first), its type, where its numbers begin
 *     the numbers, each tensor at a multiple of 32 bytes
 *
 * A text is its length (uint64) and its bytes. llama.cpp rotates neighbours in a model of the kind
 * "llama", as we do, so the matrices are written as they are.
 * SPDX-License-Identifier: MIT
 */
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

enum {
    GGUF_UINT32 = 4,
    GGUF_INT32 = 5,
    GGUF_FLOAT32 = 6,
    GGUF_BOOL = 7,
    GGUF_TEXT = 8,
    GGUF_ARRAY = 9
};
enum { ALIGN = 32, TENSOR_F32 = 0 };
enum { PIECE_NORMAL = 1, PIECE_UNKNOWN = 2, PIECE_CONTROL = 3, PIECE_BYTE = 6 };

// ------------------------------------------------------------------------------------
// Fields

static void put_u32(FILE *f, uint32_t x) { fwrite(&x, sizeof x, 1, f); }
static void put_u64(FILE *f, uint64_t x) { fwrite(&x, sizeof x, 1, f); }

static void put_text(FILE *f, const char *s)
{
    put_u64(f, strlen(s));
    fwrite(s, 1, strlen(s), f);
}

static void field_u32(FILE *f, const char *name, int x)
{
    put_text(f, name);
    put_u32(f, GGUF_UINT32);
    put_u32(f, (uint32_t)x);
}

static void field_float(FILE *f, const char *name, float x)
{
    put_text(f, name);
    put_u32(f, GGUF_FLOAT32);
    fwrite(&x, sizeof x, 1, f);
}

static void field_bool(FILE *f, const char *name, int x)
{
    put_text(f, name);
    put_u32(f, GGUF_BOOL);
    putc(x, f);
}

static void field_text(FILE *f, const char *name, const char *text)
{
    put_text(f, name);
    put_u32(f, GGUF_TEXT);
    put_text(f, text);
}

static void field_array(FILE *f, const char *name, int type, int n)
{
    put_text(f, name);
    put_u32(f, GGUF_ARRAY);
    put_u32(f, (uint32_t)type);
    put_u64(f, (uint64_t)n);
}

// ------------------------------------------------------------------------------------
// The parts of the file

enum { MODEL_FIELDS = 12, TOKENIZER_FIELDS = 10 };

static void put_model_fields(FILE *f, const Config *c, const char *name)
{
    field_text(f, "general.architecture", "llama");
    field_text(f, "general.name", name);
    field_u32(f, "general.file_type", TENSOR_F32);
    field_u32(f, "llama.vocab_size", c->vocab_size);
    field_u32(f, "llama.context_length", c->seq_len);
    field_u32(f, "llama.embedding_length", c->dim);
    field_u32(f, "llama.block_count", c->n_layers);
    field_u32(f, "llama.feed_forward_length", c->hidden_dim);
    field_u32(f, "llama.attention.head_count", c->n_heads);
    field_u32(f, "llama.attention.head_count_kv", c->n_kv_heads);
    field_u32(f, "llama.rope.dimension_count", head_size(c));
    field_float(f, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

/* "llama" is the tokenizer by scores. Our models stop at token 1, which begins a text too. */
static void put_tokenizer_fields(FILE *f, const Tokenizer *tok)
{
    int V = tok->vocab_size;
    field_text(f, "tokenizer.ggml.model", "llama");
    field_array(f, "tokenizer.ggml.tokens", GGUF_TEXT, V);
    for (int i = 0; i < V; i++) {
        char *s = spelled(tok, i);
        put_text(f, s);
        free(s);
    }
    field_array(f, "tokenizer.ggml.scores", GGUF_FLOAT32, V);
    fwrite(tok->score, sizeof(float), (size_t)V, f);
    field_array(f, "tokenizer.ggml.token_type", GGUF_INT32, V);
    for (int i = 0; i < V; i++)
        put_u32(f, i == TOKEN_UNKNOWN     ? PIECE_UNKNOWN
                   : i < TOKEN_BYTE       ? PIECE_CONTROL
                   : i < TOKEN_BYTE + 256 ? PIECE_BYTE
                                          : PIECE_NORMAL);
    field_u32(f, "tokenizer.ggml.unknown_token_id", TOKEN_UNKNOWN);
    field_u32(f, "tokenizer.ggml.bos_token_id", TOKEN_BEGIN);
    field_u32(f, "tokenizer.ggml.eos_token_id", TOKEN_BEGIN);
    field_bool(f, "tokenizer.ggml.add_bos_token", 1);
    field_bool(f, "tokenizer.ggml.add_eos_token", 0);
    field_bool(f, "tokenizer.ggml.add_space_prefix", 1);
}

static uint64_t aligned(uint64_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

static void pad(FILE *f)
{
    while (ftell(f) % ALIGN) putc(0, f);
}

void export_gguf(const Model *m, const char *path, const char *name)
{
    int n;
    Weight *t = weights_of(m, NAMES_GGUF, &n);
    FILE *f = create_new_file(path);
    uint64_t offset = 0;
    fputs("GGUF", f);
    put_u32(f, 3);
    put_u64(f, (uint64_t)n);
    put_u64(f, MODEL_FIELDS + TOKENIZER_FIELDS);
    put_model_fields(f, &m->c, name);
    put_tokenizer_fields(f, m->tok);
    for (int i = 0; i < n; i++) {
        put_text(f, t[i].name);
        put_u32(f, t[i].is_row ? 1 : 2);
        put_u64(f, (uint64_t)t[i].cols);
        if (!t[i].is_row) put_u64(f, (uint64_t)t[i].rows);
        put_u32(f, TENSOR_F32);
        put_u64(f, offset);
        offset += aligned((uint64_t)t[i].rows * (uint64_t)t[i].cols * sizeof(float));
    }
    for (int i = 0; i < n; i++) {
        pad(f);
        write_floats(f, t[i].w, (size_t)t[i].rows * (size_t)t[i].cols);
    }
    pad(f);
    commit_file(f, path);
    free(t);
}
