/* engine/decode.c -- batched sampling with a cache of keys and values.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"
#include "lib/files.h"
#include "lib/gemm.h"
#include "lib/random.h"
#include "lib/threads.h"
#include "lib/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// Sampling. Streams go in groups of a fixed size, whatever the number of workers: a product's
// rounding may depend on its number of rows, so the groups must not depend on the machine.

enum { GROUP = 32 };        /* at most */

/* Streams of a group. Of 16 the caches of two workers mostly fit into a processor's own cache; where the weights alone fill
 * that, they are better read for 32 (measured at 0.9 and 5.1 million parameters). */
static int group_size(const Model *m) { return m->n_param < 2000000 ? 16 : GROUP; }

/* The same for one position from a cache: o (H, D) over positions 0..n-1; q (H, D), k (T/COLS, K, D, COLS), v (T, K, D),
 * s (H, whole_panels(n)) scratch. Reading the cache takes most of the time, it is too large for the processor's own: hence
 * all heads at once, from end to end. */
void attention_cached(real *o, real *s, const real *q, const real *k, const real *v, int n, int H, int K, int D) {
    int P = whole_panels(n), KD = K * D, W = COLS;
    for (int t = 0; t < n; t += COLS, k += KD * COLS)
        for (int h = 0; h < H; h += ROWS) {
            Row row[ROWS];
            int m = least(ROWS, H - h);
            for (int i = 0; i < m; i++) row[i] = (Row){q + (h + i) * D, k + (h + i) / (H / K) * D * COLS, s + (h + i) * P + t};
            rows(m, COLS, D, row, COLS);
        }
    for (int h = 0; h < H; h++) {
        real *p = s + h * P;
        for (int t = n; t < P; t++) p[t] = -INFINITY;
        real inv = 1 / exp_sum(p, p, 1 / (real)sqrt(D), max_of(p, n), P);
        for (int t = 0; t < P; t++) p[t] *= inv;
    }
    while (D % W) W--;              /* a row is W columns of a head */
    for (int j = 0; j < H * D; j += ROWS * W) {
        Row row[ROWS];
        int m = least(ROWS, (H * D - j) / W);
        for (int i = 0; i < m; i++) {
            int at = j + i * W, h = at / D;
            row[i] = (Row){s + h * P, v + h / (H / K) * D + at % D, o + at};
        }
        rows(m, W, n, row, KD);
    }
}

typedef struct { real *wq, *wk, *wv, *wo, *w1, *w2, *w3, *head; } Packed;    /* panels, (L) of each */

typedef struct {            /* one call of sample; streams write to their own rows */
    const Model *m;
    const Seqs *prompt;
    const uint64_t *key;
    Sampling how;
    Question q;             /* q.n = 0: none */
    Packed w;
    int *token;             /* (B, max_new) */
    real *logp;             /* (B, max_new) or NULL */
    double *answer;         /* (B, 2) */
    int *length;            /* (B) */
} Sampler;

typedef struct {            /* one group: its cache, and one row per live stream */
    int G, T;               /* streams; positions there is room for, whole panels */
    real *k;                /* (L, G, T/COLS, K, D, COLS) panels of positions: scored side by side */
    real *v;                /* (L, G, T, K, D) */
    int n, id[GROUP];       /* live streams: number within the group */
    int token[GROUP], pos[GROUP];               /* the newest token of each, and where it stands */
    int told[GROUP];        /* by stream: tokens of the question it has got; -1 before its completion has ended */
    real *rope;             /* (T, D) */
    real *x, *xn, *q, *o;   /* (n, C) */
    real *kn, *vn;          /* (n, K D) keys and values of the newest token */
    real *g, *u;            /* (n, F) */
    real *logits;           /* (n, V) */
    real *s;                /* (H T) or (V) scratch */
    real inv[GROUP];
} Decoder;

/* Panels of one matrix of a layer, in reals. */
static size_t packed_size(int c_in, int c_out) { return (size_t)whole_panels(c_out) * (size_t)c_in; }

static real *pack_layers(const real *w, int L, int c_in, int c_out) {
    size_t size = packed_size(c_in, c_out);
    real *panel = xcalloc((size_t)L * size, sizeof(real));
    for (int l = 0; l < L; l++) pack(panel + l * size, w + (size_t)l * c_out * c_in, 1, c_in, c_in, c_out);
    return panel;
}

static Packed packed_new(const Model *m) {
    int L = m->c.n_layers, C = m->c.dim, F = m->c.hidden_dim, KD = kv_dim(&m->c);
    return (Packed){
        pack_layers(m->wq, L, C, C), pack_layers(m->wk, L, C, KD), pack_layers(m->wv, L, C, KD), pack_layers(m->wo, L, C, C),
        pack_layers(m->w1, L, C, F), pack_layers(m->w2, L, F, C), pack_layers(m->w3, L, C, F),
        pack_layers(m->head, 1, C, m->c.vocab_size)};
}

static void packed_free(Packed *w) {
    real *all[] = {w->wq, w->wk, w->wv, w->wo, w->w1, w->w2, w->w3, w->head};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

/* Room for a group whose longest stream has T positions. */
static Decoder *decoder_new(const Model *m, int T) {
    Decoder *d = xcalloc(1, sizeof *d);
    const Config *c = &m->c;
    size_t C = (size_t)c->dim, F = (size_t)c->hidden_dim, KD = (size_t)kv_dim(c), V = (size_t)c->vocab_size;
    d->G = group_size(m);
    d->T = whole_panels(T);
    d->k = xcalloc((size_t)(c->n_layers * d->G) * KD, sizeof(real) * (size_t)d->T);
    d->v = xcalloc((size_t)(c->n_layers * d->G) * KD, sizeof(real) * (size_t)d->T);
    real *p = xcalloc(GROUP * (4 * C + 2 * KD + 2 * F + V) + V + (size_t)(c->n_heads * d->T), sizeof(real));
    d->x = p, p += GROUP * C;
    d->xn = p, p += GROUP * C;
    d->q = p, p += GROUP * C;
    d->o = p, p += GROUP * C;
    d->kn = p, p += GROUP * KD;
    d->vn = p, p += GROUP * KD;
    d->g = p, p += GROUP * F;
    d->u = p, p += GROUP * F;
    d->logits = p, p += GROUP * V;
    d->s = p;
    d->rope = xcalloc((size_t)d->T * head_size(c), sizeof(real));
    rope_table(d->rope, d->T, head_size(c));
    return d;
}

static void decoder_free(Decoder *d) {
    free(d->k);
    free(d->v);
    free(d->x);
    free(d->rope);
    free(d);
}

/* Where the cache of layer l, stream i begins, in d->k as in d->v. */
static size_t cache_at(const Decoder *d, const Config *c, int l, int i) {
    return ((size_t)l * (size_t)d->G + (size_t)i) * (size_t)kv_dim(c) * (size_t)d->T;
}

/* Stores keys and values (K, D) of one token of stream i. */
static void cache_store(Decoder *d, const Config *c, int l, int i, int pos, const real *k, const real *v) {
    size_t at = cache_at(d, c, l, i), KD = (size_t)kv_dim(c);
    real *panel = d->k + at + (size_t)(pos / COLS) * KD * COLS + pos % COLS;
    for (size_t j = 0; j < KD; j++) panel[j * COLS] = k[j];
    memcpy(d->v + at + (size_t)pos * KD, v, sizeof(real) * KD);
}

/* x += wo attention(norm(x)) for the newest token of every live stream */
static void decode_attention(const Sampler *sm, Decoder *d, int l) {
    const Config *c = &sm->m->c;
    int n = d->n, C = c->dim, KD = kv_dim(c), H = c->n_heads, K = c->n_kv_heads, D = head_size(c);
    size_t cc = packed_size(C, C), kc = packed_size(C, KD);
    rmsnorm_forward(d->xn, d->inv, d->x, sm->m->rms_att + l * C, n, C);
    matmul_packed(d->q, d->xn, sm->w.wq + l * cc, n, C, C, 0);
    matmul_packed(d->kn, d->xn, sm->w.wk + l * kc, n, C, KD, 0);
    matmul_packed(d->vn, d->xn, sm->w.wv + l * kc, n, C, KD, 0);
    rope_forward(d->q, d->rope, d->pos, n, H, D);
    rope_forward(d->kn, d->rope, d->pos, n, K, D);
    for (int i = 0; i < n; i++) {
        cache_store(d, c, l, d->id[i], d->pos[i], d->kn + i * KD, d->vn + i * KD);
        size_t at = cache_at(d, c, l, d->id[i]), row = (size_t)i * C;
        attention_cached(d->o + row, d->s, d->q + row, d->k + at, d->v + at, d->pos[i] + 1, H, K, D);
    }
    matmul_packed(d->x, d->o, sm->w.wo + l * cc, n, C, C, 1);
}

/* x += w2 (silu(w1 n) * w3 n), n = norm(x) */
static void decode_ffn(const Sampler *sm, Decoder *d, int l) {
    int n = d->n, C = sm->m->c.dim, F = sm->m->c.hidden_dim;
    size_t up = packed_size(C, F), down = packed_size(F, C);
    rmsnorm_forward(d->xn, d->inv, d->x, sm->m->rms_ffn + l * C, n, C);
    matmul_packed(d->g, d->xn, sm->w.w1 + l * up, n, C, F, 0);
    matmul_packed(d->u, d->xn, sm->w.w3 + l * up, n, C, F, 0);
    swiglu_forward(d->g, d->g, d->u, (size_t)n * F);
    matmul_packed(d->x, d->g, sm->w.w2 + l * down, n, F, C, 1);
}

/* logits (n, V) from the normed states */
static void decode_logits(const Sampler *sm, Decoder *d) {
    matmul_packed(d->logits, d->xn, sm->w.head, d->n, sm->m->c.dim, sm->m->c.vocab_size, 0);
}

/* Logits after the newest token of each live stream: forward, one position at a time. */
static void decode_step(const Sampler *sm, Decoder *d) {
    const Model *m = sm->m;
    embed_forward(d->x, m->tok_emb, d->token, d->n, m->c.dim);
    for (int l = 0; l < m->c.n_layers; l++) {
        decode_attention(sm, d, l);
        decode_ffn(sm, d, l);
    }
    rmsnorm_forward(d->xn, d->inv, d->x, m->rms_final, d->n, m->c.dim);
    decode_logits(sm, d);
}

/* Runs the prompts first..last-1 through forward and takes its keys, values and last states, to be
 * streams at.. of the group. Streams without room for one more token never become live. */
static void prefill(const Sampler *sm, Decoder *d, Acts *a, int first, int last, int at) {
    const Config *c = &sm->m->c;
    int C = c->dim;
    forward(sm->m, a, sm->prompt, first, last);
    for (int b = first; b < last; b++, at++) {
        int T = seq_len(sm->prompt, b);
        if (T == 0) die(EXIT_INPUT, "an empty prompt; give at least the begin token");
        for (int l = 0; l < c->n_layers; l++)
            for (int t = 0; t < T; t++) {
                cache_store(d, c, l, at, t, acts_key(sm->m, a, l, b, t), acts_value(sm->m, a, l, b, t));
            }
        if (T == c->seq_len || sm->how.max_new < 1) continue;
        memcpy(d->xn + d->n * C, acts_state(sm->m, a, b, T - 1), sizeof(real) * (size_t)C);
        d->id[d->n] = at;
        d->pos[d->n++] = T - 1;
    }
}

/* One draw from softmax(logits / temperature) by walking up the cumulative sum to u in [0, 1):
 * no sort. logp (may be NULL): log probability at temperature 1. e (V) is scratch. */
static int draw(const real *logits, double temperature, double u, int V, real *e, real *logp) {
    int chosen = 0;
    real top = max_of(logits, V), sum = 0;
    if (temperature > 0) {
        sum = exp_sum(e, logits, (real)(1 / temperature), top, V);
        real goal = (real)u * sum, so_far = 0;
        for (int j = 0; j < V; j++) {
            if (e[j] > 0) chosen = j;           /* rounding may leave goal just above the last sum */
            so_far += e[j];
            if (goal < so_far) break;
        }
    } else
        while (chosen < V - 1 && logits[chosen] < top) chosen++;
    if (logp) {
        if (temperature != 1) sum = exp_sum(e, logits, 1, top, V);
        *logp = logits[chosen] - top - (real)log(sum);
    }
    return chosen;
}

/* The next token of live stream i, number b of all: drawn until its completion has ended, then the question's; -1: the
 * stream has ended, its answer has been read. */
static int next_token(const Sampler *sm, Decoder *d, int i, int b) {
    int V = sm->m->c.vocab_size, *told = &d->told[d->id[i]];
    real *logits = d->logits + (size_t)i * V;
    if (*told < 0) {
        int at = sm->length[b]++;
        size_t cell = (size_t)b * (size_t)sm->how.max_new + (size_t)at;
        int token = draw(logits, sm->how.temperature, rng_uniform(sm->key[b], (uint64_t)at), V, d->s, sm->logp ? sm->logp + cell : NULL);
        sm->token[cell] = token;
        int stopped = is_stop(token, sm->how.stop), full = at + 1 >= sm->how.max_new || d->pos[i] + 2 + sm->q.n >= sm->m->c.seq_len;
        if (!stopped && !full) return token;
        *told = 0;
        if (!stopped && sm->q.n > 0) return token;
    }
    if (*told < sm->q.n) return sm->q.then[(*told)++];
    for (int k = 0; sm->q.n > 0 && k < 2; k++) {
        real top = max_of(logits, V);
        sm->answer[2 * (size_t)b + k] = logits[sm->q.ask[k]] - top - log((double)exp_sum(d->s, logits, 1, top, V));
    }
    return -1;
}

/* A token for every live stream; streams that end drop out. first: the stream number of the group's stream 0. */
static void draw_all(const Sampler *sm, Decoder *d, int first) {
    int live = 0;
    for (int i = 0; i < d->n; i++) {
        int token = next_token(sm, d, i, first + d->id[i]);
        if (token < 0) continue;
        d->id[live] = d->id[i];
        d->token[live] = token;
        d->pos[live++] = d->pos[i] + 1;
    }
    d->n = live;
}

/* Job of one worker: group g from prompts to completions. */
static void sample_group(void *context, int g) {
    const Sampler *sm = context;
    int G = group_size(sm->m), first = g * G, last = least(first + G, sm->prompt->n), T = 0;
    for (int b = first; b < last; b++) T = most(T, seq_len(sm->prompt, b));
    int at_once = most(4, 1024 / most(T, 1));           /* prompts of about so many tokens together: activations take room */
    Acts *a = acts_new();
    Decoder *d = decoder_new(sm->m, least(sm->m->c.seq_len, T + sm->how.max_new + sm->q.n));
    memset(d->told, -1, sizeof d->told);
    for (int b = first; b < last; b += at_once) prefill(sm, d, a, b, least(b + at_once, last), b - first);
    decode_logits(sm, d);
    for (draw_all(sm, d, first); d->n > 0; draw_all(sm, d, first)) decode_step(sm, d);
    decoder_free(d);
    acts_free(a);
}

int is_stop(int token, const int stop[3]) { return token >= 0 && (token == stop[0] || token == stop[1] || token == stop[2]); }

static void run_sampler(Sampler *sm, Seqs *out, real **logp) {
    int G = group_size(sm->m);
    size_t B = (size_t)sm->prompt->n, row, n = 0;
    sm->how.max_new = most(0, least(sm->how.max_new, sm->m->c.seq_len));
    row = (size_t)sm->how.max_new;
    sm->w = packed_new(sm->m);
    sm->token = xcalloc(B * row + 1, sizeof(int));
    sm->length = xcalloc(B + 1, sizeof(int));
    if (logp) sm->logp = xcalloc(B * row + 1, sizeof(real));
    parallel((sm->prompt->n + G - 1) / G, sample_group, sm);
    seqs_clear(out);
    for (size_t b = 0; b < B; b++) {
        seqs_push(out, sm->token + b * row, sm->length[b]);
        if (logp) memmove(sm->logp + n, sm->logp + b * row, sizeof(real) * (size_t)sm->length[b]);
        n += (size_t)sm->length[b];
    }
    if (logp) *logp = sm->logp;
    free(sm->token);
    free(sm->length);
    packed_free(&sm->w);
}

void sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Seqs *out, real **logp) {
    run_sampler(&(Sampler){.m = m, .prompt = prompt, .key = key, .how = how}, out, logp);
}

void sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Question q, Seqs *out, double *answer) {
    run_sampler(&(Sampler){.m = m, .prompt = prompt, .key = key, .how = how, .q = q, .answer = answer}, out, NULL);
}
