/* export/hf.c -- a model as the folder that Hugging Face's programs read: model.safetensors,
 * config.json, tokenizer.json with its settings, and a card that says what it is.
 *
 * Their Llama rotates the halves of a head, ours neighbours, so the rows of queries and keys
 * change places (row_of_halves); the products of queries with keys are the same.
 *
 * Reading order: weights, tokenizer, settings, card.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "export/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static Path in_folder(const char *folder, const char *name) { return path_in(folder, name); }

// ------------------------------------------------------------------------------------
// model.safetensors: uint64 bytes of the header; the header, JSON; the numbers, end to end

static void add_entry(Text *header, const Weight *t, size_t *offset)
{
    size_t end = *offset + (size_t)t->rows * (size_t)t->cols * sizeof(float);
    text_add(header, ", \"%s\": {\"dtype\": \"F32\", \"shape\": ", t->name);
    if (t->is_row && strcmp(t->name, "score.weight")) text_add(header, "[%d]", t->cols);
    else text_add(header, "[%d, %d]", t->rows, t->cols);
    text_add(header, ", \"data_offsets\": [%zu, %zu]}", *offset, end);
    *offset = end;
}

static void put_weight(FILE *f, const Weight *t, int D)
{
    size_t C = (size_t)t->cols;
    for (int r = 0; r < t->rows; r++)
        write_floats(f, t->w + (size_t)(t->heads ? row_of_halves(r, D) : r) * C, C);
}

void export_safetensors(const Model *m, const char *path, int is_pm)
{
    int n;
    Weight *t = weights_of(m, NAMES_HF, &n);
    Text header = { 0 };
    size_t offset = 0;
    t = xrealloc(t, (size_t)n + 1, sizeof *t);
    if (is_pm) t[n++] = (Weight){ "score.weight", m->score_w, 1, m->c.dim, 1, 0 };
    text_add(&header, "{\"__metadata__\": {\"format\": \"pt\"}");
    for (int i = 0; i < n; i++) add_entry(&header, &t[i], &offset);
    text_add(&header, "}");
    while (header.n % 8) text_add(&header, " ");
    uint64_t bytes = header.n;
    FILE *f = create_new_file(path);
    fwrite(&bytes, sizeof bytes, 1, f);
    fwrite(header.s, 1, header.n, f);
    for (int i = 0; i < n; i++) put_weight(f, &t[i], head_size(&m->c));
    commit_file(f, path);
    free(header.s);
    free(t);
}

// ------------------------------------------------------------------------------------
// tokenizer.json: byte-pair merges in order of rank, a blank put before each text, bytes for what
// has no piece

/* Every way to put a piece together of two others; a better piece's come first. */
static void put_merges(FILE *f, const Tokenizer *tok)
{
    int n, some = 0, *id = merges_of(tok, &n);
    for (int k = 0; k < n; k++) {
        const char *s = tok->pieces.text[id[k]];
        int length = (int)strlen(s);
        for (int cut = 1; cut < length; cut++) {
            int a = table_find(&tok->pieces, s, cut, "", 0);
            int b = table_find(&tok->pieces, s + cut, length - cut, "", 0);
            if (a < TOKEN_BYTE || b < TOKEN_BYTE) continue;
            char *left = spelled(tok, a), *right = spelled(tok, b);
            Text pair = { 0 };
            text_add(&pair, "%s %s", left, right);
            fputs(some++ ? ",\n" : "\n", f);
            json_put_str(f, pair.s);
            free(left);
            free(right);
            free(pair.s);
        }
    }
    free(id);
}

void export_tokenizer_json(const Tokenizer *tok, const char *path)
{
    FILE *f = create_new_file(path);
    fputs("{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [", f);
    for (int i = 0; i < TOKEN_BYTE; i++) {
        char *s = spelled(tok, i);
        fprintf(f,
                "%s\n{\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, "
                "\"rstrip\": false, \"normalized\": false, \"special\": true}",
                i ? "," : "", i, s);
        free(s);
    }
    fputs(
        "],\n\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [\n"
        "{\"type\": \"Prepend\", \"prepend\": \"\u2581\"},\n"
        "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\u2581\"}]},\n"
        "\"pre_tokenizer\": null,\n"
        "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [\n"
        "{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", "
        "\"type_id\": 0}}], \"pair\": [\n"
        "{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", "
        "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 1}}],\n"
        "\"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [1], \"tokens\": [\"<s>\"]}}},\n"
        "\"decoder\": {\"type\": \"Sequence\", \"decoders\": [\n"
        "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\u2581\"}, \"content\": \" \"},\n"
        "{\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"},\n"
        "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]},\n"
        "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": \"<unk>\", "
        "\"continuing_subword_prefix\": null,\n\"end_of_word_suffix\": null, \"fuse_unk\": true, "
        "\"byte_fallback\": true, \"ignore_merges\": false, \"vocab\": {",
        f);
    for (int i = 0; i < tok->vocab_size; i++) {
        char *s = spelled(tok, i);
        fputs(i ? ",\n" : "\n", f);
        json_put_str(f, s);
        fprintf(f, ": %d", i);
        free(s);
    }
    fputs("},\n\"merges\": [", f);
    put_merges(f, tok);
    fputs("]}}\n", f);
    commit_file(f, path);
}

/* The paper's layout of a conversation. Token 1 begins a text and ends an answer. */
static void export_tokenizer_config(const Tokenizer *tok, const Config *c, const char *path)
{
    (void)tok;
    FILE *f = create_new_file(path);
    fprintf(f,
            "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"bos_token\": \"<s>\", "
            "\"eos_token\": \"<s>\", \"unk_token\": \"<unk>\",\n\"pad_token\": \"</s>\", "
            "\"model_max_length\": %d, \"clean_up_tokenization_spaces\": false,\n"
            "\"chat_template\": ",
            c->seq_len);
    json_put_str(f, "{{ bos_token }}{% for message in messages %}"
                    "{% if message['role'] == 'assistant' %}{{ '\\n\\nAssistant: ' + "
                    "message['content'] }}"
                    "{% else %}{{ '\\n\\nHuman: ' + message['content'] }}{% endif %}{% endfor %}"
                    "{% if add_generation_prompt %}{{ '\\n\\nAssistant:' }}{% endif %}");
    fputs("}\n", f);
    commit_file(f, path);
}

// ------------------------------------------------------------------------------------
// config.json, generation_config.json

static void export_config(const Config *c, const char *path, int is_pm)
{
    FILE *f = create_new_file(path);
    fprintf(f,
            "{\"architectures\": [\"%s\"], \"model_type\": \"llama\",\n"
            "\"hidden_size\": %d, \"intermediate_size\": %d, \"num_hidden_layers\": %d,\n"
            "\"num_attention_heads\": %d, \"num_key_value_heads\": %d, \"head_dim\": %d,\n"
            "\"vocab_size\": %d, \"max_position_embeddings\": %d, \"tie_word_embeddings\": %s,\n"
            "\"hidden_act\": \"silu\", \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0,\n"
            "\"attention_bias\": false, \"mlp_bias\": false, \"attention_dropout\": 0.0,\n"
            "\"bos_token_id\": 1, \"eos_token_id\": 1, \"pad_token_id\": 2, \"torch_dtype\": "
            "\"float32\"%s}\n",
            is_pm ? "LlamaForSequenceClassification" : "LlamaForCausalLM", c->dim, c->hidden_dim,
            c->n_layers, c->n_heads, c->n_kv_heads, head_size(c), c->vocab_size, c->seq_len,
            c->tied ? "true" : "false",
            is_pm ? ",\n\"id2label\": {\"0\": \"score\"}, \"label2id\": {\"score\": 0}" : "");
    commit_file(f, path);
}

static void export_generation_config(const char *path)
{
    FILE *f = create_new_file(path);
    fputs("{\"do_sample\": true, \"temperature\": 1.0, \"top_p\": 1.0, \"bos_token_id\": 1, "
          "\"eos_token_id\": 1, \"pad_token_id\": 2}\n",
          f);
    commit_file(f, path);
}

// ------------------------------------------------------------------------------------
// The card

/* A file of the run in a fence, if it is there. */
static void quote_file(FILE *f, const Run *run, const char *what, const char *name)
{
    Path path = run_path(run, name);
    if (!is_there(path.s)) return;
    char *text = read_file(path.s, NULL);
    fprintf(f, "\n## %s\n\n```\n%s```\n", what, text);
    free(text);
}

static void export_card(const Model *m, const char *path, const char *name, int is_pm,
                        const Run *run)
{
    const Config *c = &m->c;
    FILE *f = create_new_file(path);
    fprintf(
        f,
        "---\nlicense: mit\ntags: [constitutional-ai]\n---\n# %s\n\n"
        "A model of `cai`, Constitutional AI (Bai et al. 2022, arXiv 2212.08073) on a toy town: "
        "%d layers, width %d, %d pieces, %zu parameters. It knows the town and nothing else, "
        "and is of use for teaching alone.\n\n"
        "* A text begins with token 1, and an answer ends with token 1.\n"
        "* The layout is `\\n\\nHuman: ...\\n\\nAssistant: ...`; the chat template writes it.\n"
        "* In training, prompt and answer were encoded apart from each other. Encoded as one "
        "text, a piece may span the seam.\n",
        name, c->n_layers, c->dim, c->vocab_size, m->n_param - (size_t)(is_pm ? 0 : c->dim + 1));
    if (is_pm)
        fprintf(f,
                "* A preference model: the score stands at the last token, which is token 1. Its "
                "constant %.9g has no place in this form and is left out; differences of scores, "
                "which are all that is trained, are the same.\n",
                (double)*m->score_b);
    if (run) {
        quote_file(f, run, "Settings of the run", "flags.txt");
        quote_file(f, run, "Figures of the run", "summary.txt");
    }
    commit_file(f, path);
}

void export_hf(const Model *m, const char *folder, const char *name, int is_pm, const Run *run)
{
    if (mkdir(folder, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written", folder, strerror(errno));
    export_config(&m->c, in_folder(folder, "config.json").s, is_pm);
    export_generation_config(in_folder(folder, "generation_config.json").s);
    export_tokenizer_json(m->tok, in_folder(folder, "tokenizer.json").s);
    export_tokenizer_config(m->tok, &m->c, in_folder(folder, "tokenizer_config.json").s);
    export_card(m, in_folder(folder, "README.md").s, name, is_pm, run);
    export_safetensors(m, in_folder(folder, "model.safetensors").s, is_pm);
}
