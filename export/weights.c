/* export/weights.c -- the model's tensors under the names of other programs, and its pieces in
 * their spelling: what GGUF and Hugging Face's form have in common.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

/* Names of a layer's tensors (%d: its number) and of the others, as in Names. */
// clang-format off
static const char *const LAYER[][2] = {
    { "blk.%d.attn_norm.weight",   "model.layers.%d.input_layernorm.weight" },
    { "blk.%d.attn_q.weight",      "model.layers.%d.self_attn.q_proj.weight" },
    { "blk.%d.attn_k.weight",      "model.layers.%d.self_attn.k_proj.weight" },
    { "blk.%d.attn_v.weight",      "model.layers.%d.self_attn.v_proj.weight" },
    { "blk.%d.attn_output.weight", "model.layers.%d.self_attn.o_proj.weight" },
    { "blk.%d.ffn_norm.weight",    "model.layers.%d.post_attention_layernorm.weight" },
    { "blk.%d.ffn_gate.weight",    "model.layers.%d.mlp.gate_proj.weight" },
    { "blk.%d.ffn_down.weight",    "model.layers.%d.mlp.down_proj.weight" },
    { "blk.%d.ffn_up.weight",      "model.layers.%d.mlp.up_proj.weight" },
};
static const char *const REST[][2] = {
    { "token_embd.weight",  "model.embed_tokens.weight" },
    { "output_norm.weight", "model.norm.weight" },
    { "output.weight",      "lm_head.weight" },
};
// clang-format on

static Weight named(const char *format, int layer, const real *w, int rows, int cols, int heads)
{
    Weight t = { .w = w, .rows = rows, .cols = cols, .is_row = rows == 1, .heads = heads };
    char *digits = strstr(format, "%d");
    if (!digits) snprintf(t.name, sizeof t.name, "%s", format);
    else
        snprintf(t.name, sizeof t.name, "%.*s%d%s", (int)(digits - format), format, layer,
                 digits + 2);
    return t;
}

Weight *weights_of(const Model *m, Names names, int *n)
{
    enum { IN_LAYER = sizeof LAYER / sizeof *LAYER };
    const Config *c = &m->c;
    int C = c->dim, F = c->hidden_dim, KD = kv_dim(c), H = c->n_heads, K = c->n_kv_heads, i = 0;
    Weight *t = xcalloc((size_t)c->n_layers * IN_LAYER + 3, sizeof *t);
    t[i++] = named(REST[0][names], 0, m->tok_emb, c->vocab_size, C, 0);
    for (int l = 0; l < c->n_layers; l++) {
        Layer w = model_layer(m, l);
        const Weight of[IN_LAYER] = {
            named(LAYER[0][names], l, w.rms_att, 1, C, 0),
            named(LAYER[1][names], l, w.wq, C, C, H),
            named(LAYER[2][names], l, w.wk, KD, C, K),
            named(LAYER[3][names], l, w.wv, KD, C, 0),
            named(LAYER[4][names], l, w.wo, C, C, 0),
            named(LAYER[5][names], l, w.rms_ffn, 1, C, 0),
            named(LAYER[6][names], l, w.w1, F, C, 0),
            named(LAYER[7][names], l, w.w2, C, F, 0),
            named(LAYER[8][names], l, w.w3, F, C, 0),
        };
        memcpy(t + i, of, sizeof of);
        i += IN_LAYER;
    }
    t[i++] = named(REST[1][names], 0, m->rms_final, 1, C, 0);
    if (!c->tied) t[i++] = named(REST[2][names], 0, m->head, c->vocab_size, C, 0);
    *n = i;
    return t;
}

/* Ours rotates rows 2i and 2i + 1 of a head together, Hugging Face's i and i + D/2. */
int row_of_halves(int r, int head_size)
{
    int first = r - r % head_size, i = r % head_size, half = head_size / 2;
    return first + (i < half ? 2 * i : 2 * (i - half) + 1);
}

// ------------------------------------------------------------------------------------
// Pieces

int *merges_of(const Tokenizer *tok, int *n)
{
    int *id = xcalloc((size_t)tok->vocab_size, sizeof *id), k = 0;
    for (int i = TOKEN_BYTE + 256; i < tok->vocab_size; i++) id[k++] = i;
    for (int i = 1; i < k; i++) { /* by insertion: a file is nearly in order */
        int x = id[i], j = i;
        for (; j > 0 && tok->score[id[j - 1]] < tok->score[x]; j--) id[j] = id[j - 1];
        id[j] = x;
    }
    *n = k;
    return id;
}

char *spelled(const Tokenizer *tok, int id)
{
    static const char *const special[TOKEN_BYTE] = { "<unk>", "<s>", "</s>" };
    static const char blank[] = "\xE2\x96\x81"; /* U+2581 */
    Text t = { 0 };
    const char *piece = id < TOKEN_BYTE ? special[id] : tok->pieces.text[id];
    if (strstr(piece, blank) || utf8_bad(piece))
        die(EXIT_INPUT, "tokenizer: piece %d %s; such a tokenizer cannot be exported", id,
            utf8_bad(piece) ? "is not UTF-8 text" : "holds U+2581, which stands for a blank there");
    text_add(&t, "%s", "");
    for (const char *c = piece; *c; c++)
        text_add(&t, *c == ' ' ? "%s" : "%.1s", *c == ' ' ? blank : c);
    return t.s;
}

FILE *create_new_file(const char *path)
{
    if (is_there(path) && !is_device(path))
        die(EXIT_INPUT, "%s: is there already; remove it or choose another name", path);
    return create_file(path);
}
