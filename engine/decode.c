/* engine/decode.c -- sampling: the network one token at a time, with a cache of keys and values.
 *
 * Each prompt is a stream. A worker takes a group of streams from prompts to completions
 * (sample_group):
 *
 *     prefill        the prompts go through forward (model.c); their keys and values fill the cache
 *     next_tokens    each stream draws a token, or is given one of a question, or has ended
 *     decode_step    the network for the newest tokens; those before them are in the cache
 *
 * decode_step is forward for one position, line by line; what differs is attention, which reads the
 * cache. Letters as in cai.h; n is the number of live streams, G that of a group.
 * SPDX-License-Identifier: MIT
 */
#include "engine/decode.h"
#include "engine/batch.h"
#include "lib/files.h"
#include "lib/gemm.h"
#include "lib/random.h"
#include "lib/threads.h"
#include "lib/vector.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_GROUP = 32 };

/* G. It depends on the model and never on the number of workers: how a product rounds may depend on
 * its number of rows, and the text must not depend on the machine. With 16 streams the caches of
 * two workers mostly fit into a processor's own cache. Larger weights fill that by themselves, and
 * are better read for 32 streams at once (measured at 0.9 and 5.1 million parameters). */
static int group_size(const Model *m) { return m->n_param < 2000000 ? 16 : MAX_GROUP; }

// ------------------------------------------------------------------------------------
// Weights, packed once a call for matmul_packed

typedef struct {
    real *wq, *wk, *wv, *wo, *w1, *w3, *w2;
} PackedLayer;

typedef struct {
    PackedLayer *layer; /* (L) */
    real *head, *block; /* block: all of it, in the order of use */
} Packed;

/* The size of a packed matrix. */
static size_t packed_size(int c_in, int c_out)
{
    return (size_t)whole_panels(c_out) * (size_t)c_in;
}

/* Packs w (c_out, c_in) at *next, which moves behind it. The few rows of a step would not pay for
 * what a library does at every call: to bring w into this order. */
static real *pack_matrix(real **next, const real *w, int c_in, int c_out)
{
    real *panel = *next;
    pack(panel, w, 1, c_in, c_in, c_out);
    *next += packed_size(c_in, c_out);
    return panel;
}

static Packed pack_model(const Model *m)
{
    int L = m->c.n_layers, C = m->c.dim, F = m->c.hidden_dim, KD = kv_dim(&m->c),
        V = m->c.vocab_size;
    size_t a_layer =
        2 * packed_size(C, C) + 2 * packed_size(C, KD) + 2 * packed_size(C, F) + packed_size(F, C);
    Packed p = { .layer = xcalloc((size_t)L, sizeof(PackedLayer)) };
    p.block = xcalloc((size_t)L * a_layer + packed_size(C, V), sizeof(real));
    real *next = p.block;
    /* In the order of use: while a product runs, what lies behind its matrix is fetched. */
    for (int l = 0; l < L; l++) {
        Layer w = model_layer(m, l);
        PackedLayer *to = &p.layer[l];
        to->wq = pack_matrix(&next, w.wq, C, C);
        to->wk = pack_matrix(&next, w.wk, C, KD);
        to->wv = pack_matrix(&next, w.wv, C, KD);
        to->wo = pack_matrix(&next, w.wo, C, C);
        to->w1 = pack_matrix(&next, w.w1, C, F);
        to->w3 = pack_matrix(&next, w.w3, C, F);
        to->w2 = pack_matrix(&next, w.w2, F, C);
    }
    p.head = pack_matrix(&next, m->head, C, V);
    return p;
}

// ------------------------------------------------------------------------------------
// A call, and a group

typedef struct { /* one call of sample; each stream writes to its own rows */
    const Model *m;
    const Seqs *prompt;
    const uint64_t *key; /* (B) */
    Sampling how;
    Question q; /* q.n = 0: none */
    Packed w;
    int end;        /* the last position that a completion may reach */
    int *token;     /* (B, max_new) completions */
    int *length;    /* (B) of each */
    char *dead;     /* (B) 1: what it was drawn from is no distribution, or is of no input */
    real *logp;     /* (B, max_new) or NULL */
    double *answer; /* (B, 2) */
} Sampler;

typedef struct { /* one group */
    int G, T;    /* streams; positions that the cache has room for, whole panels */
    real *k;     /* (L, G, T / COLS, K, D, COLS) keys, in panels of COLS positions */
    real *v;     /* (L, G, T, K, D) values */
    /* (G) how many of the question's tokens a stream was given; -1: its completion goes on. */
    int asked[MAX_GROUP];

    int n;                /* live streams; of each: */
    int id[MAX_GROUP];    /* its number within the group */
    int token[MAX_GROUP]; /* its newest token */
    int pos[MAX_GROUP];   /* where that stands */
    real *x, *xn, *q, *o; /* (n, C) residual stream, norm, queries, attention output */
    real *k1, *v1;        /* (n, KD) keys and values of the newest token */
    real *g, *u;          /* (n, F) */
    real *logits;         /* (n, V) */
    real inv[MAX_GROUP];
    real *scratch; /* (H, T) or (V) */
    real *rope;    /* (T, D) */
} Decoder;

/* A group whose longest stream comes to T positions. */
static Decoder *decoder_new(const Model *m, int T)
{
    const Config *c = &m->c;
    size_t C = (size_t)c->dim, F = (size_t)c->hidden_dim, KD = (size_t)kv_dim(c);
    size_t V = (size_t)c->vocab_size, n = MAX_GROUP;
    Decoder *d = xcalloc(1, sizeof *d);
    d->G = group_size(m);
    d->T = whole_panels(T);
    d->k = xcalloc((size_t)(c->n_layers * d->G) * KD, sizeof(real) * (size_t)d->T);
    d->v = xcalloc((size_t)(c->n_layers * d->G) * KD, sizeof(real) * (size_t)d->T);
    d->rope = xcalloc((size_t)d->T, sizeof(real) * (size_t)head_size(c));
    rope_table(d->rope, d->T, head_size(c));
    real *next =
        xcalloc(n * (4 * C + 2 * KD + 2 * F + V) + V + (size_t)(c->n_heads * d->T), sizeof(real));
    d->x = next, next += n * C;
    d->xn = next, next += n * C;
    d->q = next, next += n * C;
    d->o = next, next += n * C;
    d->k1 = next, next += n * KD;
    d->v1 = next, next += n * KD;
    d->g = next, next += n * F;
    d->u = next, next += n * F;
    d->logits = next, next += n * V;
    d->scratch = next;
    return d;
}

static void decoder_free(Decoder *d)
{
    free(d->k), free(d->v);
    free(d->rope);
    free(d->x); /* the block of all the others */
    free(d);
}

// ------------------------------------------------------------------------------------
// The cache

/* Where layer l of stream i begins, in d->k as in d->v. */
static size_t cache_at(const Decoder *d, const Config *c, int l, int i)
{
    return ((size_t)l * (size_t)d->G + (size_t)i) * (size_t)kv_dim(c) * (size_t)d->T;
}

/* Stores key and value (K, D) of position pos of stream i. */
static void cache_store(Decoder *d, const Config *c, int l, int i, int pos, const real *k,
                        const real *v)
{
    size_t at = cache_at(d, c, l, i), KD = (size_t)kv_dim(c);
    real *panel = d->k + at + (size_t)(pos / COLS) * KD * COLS + pos % COLS;
    for (size_t j = 0; j < KD; j++) panel[j * COLS] = k[j];
    memcpy(d->v + at + (size_t)pos * KD, v, sizeof(real) * KD);
}

/* attention_forward for the last of n positions:  p = softmax(q k^T / sqrt(D)),  o = p v.  o q (H,
 * D), k (panels, K, D, COLS), v (n, K, D), s (H, P) scratch, P = whole_panels(n). The cache is
 * larger than the processor's own and reading it takes most of the time. Hence it is read once from
 * end to end, for ROWS heads side by side. */
void attention_cached(real *o, real *s, const real *q, const real *k, const real *v, int n, int H,
                      int K, int D)
{
    int P = whole_panels(n), KD = K * D, W = COLS;
    Row row[ROWS];

    /* s = q k^T: a row of the product is a head, a panel is COLS positions. */
    for (int t = 0; t < n; t += COLS, k += KD * COLS)
        for (int h = 0; h < H; h += ROWS) {
            int m = min_int(ROWS, H - h);
            for (int i = 0; i < m; i++) {
                int kv = (h + i) / (H / K) * D;
                row[i] = (Row){ q + (h + i) * D, k + kv * COLS, s + (h + i) * P + t };
            }
            rows(m, COLS, D, row, COLS);
        }

    /* p = softmax(s / sqrt(D)), 0 from n to the end of the panel */
    for (int h = 0; h < H; h++) {
        real *p = s + h * P;
        for (int t = n; t < P; t++) p[t] = -INFINITY;
        real inv = 1 / exp_sum(p, p, 1 / (real)sqrt(D), max_of(p, n), P);
        for (int t = 0; t < P; t++) p[t] *= inv;
    }

    /* o = p v: a row of the product is W columns of a head. */
    while (D % W) W--;
    for (int j = 0; j < H * D; j += ROWS * W) {
        int m = min_int(ROWS, (H * D - j) / W);
        for (int i = 0; i < m; i++) {
            int at = j + i * W, h = at / D, kv = h / (H / K) * D;
            row[i] = (Row){ s + h * P, v + kv + at % D, o + at };
        }
        rows(m, W, n, row, KD);
    }
}

// ------------------------------------------------------------------------------------
// Prompts and steps

/* logits = h head^T, h (n, C) in d->xn */
static void decode_logits(const Sampler *sm, Decoder *d)
{
    matmul_packed(d->logits, d->xn, sm->w.head, d->n, sm->m->c.dim, sm->m->c.vocab_size, 0);
}

/* Runs prompts first..last-1 through forward. Their keys and values go into the cache of streams
 * id.. of the group, their last states to d->xn. */
static void prefill(const Sampler *sm, Decoder *d, Acts *a, int first, int last, int id)
{
    const Config *c = &sm->m->c;
    int C = c->dim, KD = kv_dim(c), max_new = sm->how.max_new;
    forward(sm->m, a, sm->prompt, first, last);
    for (int b = first; b < last; b++, id++) {
        int T = seq_len(sm->prompt, b);
        if (T == 0) die(EXIT_INPUT, "an empty prompt; give at least the begin token");
        if (sm->q.n > 0 && T + (max_new > 0) + sm->q.n > c->seq_len)
            die(EXIT_INPUT,
                "a prompt of %d tokens leaves no room for a question of %d in the model's context "
                "of %d; shorten it",
                T, sm->q.n, c->seq_len);

        /* Without a completion to come, a question follows at once; without both, nothing does. */
        if (max_new == 0 && sm->q.n == 0) continue;
        d->asked[id] = max_new == 0 ? 0 : -1;
        for (int l = 0; l < c->n_layers; l++) {
            const real *k, *v;
            acts_cache(sm->m, a, l, b, &k, &v);
            for (int t = 0; t < T; t++, k += KD, v += KD) cache_store(d, c, l, id, t, k, v);
        }

        /* The stream is live, and its first draw is from the prompt's last state. */
        const real *h = acts_states(sm->m, a, b) + (size_t)(T - 1) * C;
        memcpy(d->xn + d->n * C, h, sizeof(real) * (size_t)C);
        d->id[d->n] = id;
        d->pos[d->n++] = T - 1;
    }
}

/* Logits after the newest token of each live stream: forward for one position. */
static void decode_step(const Sampler *sm, Decoder *d)
{
    const Model *m = sm->m;
    const Config *c = &m->c;
    int n = d->n, C = c->dim, F = c->hidden_dim, H = c->n_heads, K = c->n_kv_heads,
        D = head_size(c), KD = K * D;

    /* x = E[token] */
    embed_forward(d->x, m->tok_emb, d->token, n, C);

    for (int l = 0; l < c->n_layers; l++) {
        Layer w = model_layer(m, l);
        PackedLayer packed = sm->w.layer[l];

        /* xn = norm(x);  q = xn wq^T,  k = xn wk^T,  v = xn wv^T */
        rmsnorm_forward(d->xn, d->inv, d->x, w.rms_att, n, C);
        matmul_packed(d->q, d->xn, packed.wq, n, C, C, 0);
        matmul_packed(d->k1, d->xn, packed.wk, n, C, KD, 0);
        matmul_packed(d->v1, d->xn, packed.wv, n, C, KD, 0);

        /* q and k turn by their positions. */
        rope_forward(d->q, d->rope, d->pos, n, H, D);
        rope_forward(d->k1, d->rope, d->pos, n, K, D);

        /* o = softmax(q k^T / sqrt(D)) v, with the keys and values of all positions so far */
        for (int i = 0; i < n; i++) {
            size_t at = cache_at(d, c, l, d->id[i]), row = (size_t)i * C;
            cache_store(d, c, l, d->id[i], d->pos[i], d->k1 + i * KD, d->v1 + i * KD);
            attention_cached(d->o + row, d->scratch, d->q + row, d->k + at, d->v + at,
                             d->pos[i] + 1, H, K, D);
        }

        /* x += o wo^T */
        matmul_packed(d->x, d->o, packed.wo, n, C, C, 1);

        /* xn = norm(x);  g = xn w1^T,  u = xn w3^T */
        rmsnorm_forward(d->xn, d->inv, d->x, w.rms_ffn, n, C);
        matmul_packed(d->g, d->xn, packed.w1, n, C, F, 0);
        matmul_packed(d->u, d->xn, packed.w3, n, C, F, 0);

        /* s = silu(g) u, in place of g;  x += s w2^T */
        swiglu_forward(d->g, d->g, d->u, (size_t)n * F);
        matmul_packed(d->x, d->g, packed.w2, n, F, C, 1);
    }

    /* h = norm(x) */
    rmsnorm_forward(d->xn, d->inv, d->x, m->rms_final, n, C);
    decode_logits(sm, d);
}

// ------------------------------------------------------------------------------------
// Drawing

/* One draw from softmax(logits / temperature), logits (V): walks up the cumulative sum to u in [0,
 * 1). Temperature 0: the largest, of equals the first. logp (may be NULL) receives the
 * log-probability at temperature 1. e (V) is scratch. */
static int draw(const real *logits, double temperature, double u, int V, real *e, real *logp)
{
    int chosen = 0;
    real top = max_of(logits, V), sum = 0;
    if (temperature > 0) {
        /* Not above the largest real: infinity times the 0 of the top logit would be no number. */
        double steepest = sizeof(real) == sizeof(float) ? FLT_MAX : DBL_MAX;
        /* e_j = exp((logit_j - top) / temperature) */
        sum = exp_sum(e, logits, (real)fmin(1 / temperature, steepest), top, V);
        real goal = (real)u * sum, so_far = 0;
        for (int j = 0; j < V; j++) {
            if (e[j] > 0) chosen = j; /* rounding may leave goal just above the last sum */
            so_far += e[j];
            if (goal < so_far) break;
        }
    } else {
        /* the first that is as large as the largest */
        while (chosen < V - 1 && logits[chosen] < top) chosen++;
    }
    if (logp) {
        /* log pi(chosen) = logit - top - log sum exp(logit - top) */
        if (temperature != 1) sum = exp_sum(e, logits, 1, top, V);
        *logp = logits[chosen] - top - (real)log(sum);
    }
    return chosen;
}

int is_stop(int token, const int stop[3])
{
    return token >= 0 && (token == stop[0] || token == stop[1] || token == stop[2]);
}

/* The token that live stream i reads next, or -1 if it has ended. b: its number among all prompts.
 * A completion grows until a stop token, max_new or the end. Then the question follows, if there is
 * one: after a completion that was cut, in place of a stop token. After the question stands the
 * answer. */
static int next_token(const Sampler *sm, Decoder *d, int i, int b)
{
    int V = sm->m->c.vocab_size, max_new = sm->how.max_new, *asked = &d->asked[d->id[i]];
    const real *logits = d->logits + (size_t)i * V;
    if (*asked < 0) {
        /* The completion's next token. */
        int at = sm->length[b]++;
        size_t cell = (size_t)b * (size_t)max_new + (size_t)at;
        double u = rng_uniform(sm->key[b], (uint64_t)at);
        int token =
            draw(logits, sm->how.temperature, u, V, d->scratch, sm->logp ? sm->logp + cell : NULL);
        sm->token[cell] = token;
        int stopped = is_stop(token, sm->how.stop),
            full = at + 1 >= max_new || d->pos[i] + 1 >= sm->end;
        if (!stopped && !full) return token;

        /* It has ended. One that was cut still has its last token read before the question. */
        *asked = 0;
        if (!stopped && sm->q.n > 0) return token;
    }
    if (*asked < sm->q.n) return sm->q.then[(*asked)++];
    if (sm->q.n > 0) {
        /* answer_k = log pi(ask_k) */
        real top = max_of(logits, V);
        double log_sum = log((double)exp_sum(d->scratch, logits, 1, top, V));
        for (int k = 0; k < 2; k++)
            sm->answer[2 * (size_t)b + k] = logits[sm->q.ask[k]] - top - log_sum;
    }
    return -1;
}

/* 1 if the logits are not all finite, or the state that they come from is 0 (engine/batch.c says
 * why). Told when the workers are done. */
static int is_dead(const real *state, const real *logits, int C, int V)
{
    int j = 0;
    real zero = 0;
    while (j < C && state[j] == 0) j++;
#pragma omp simd reduction(+ : zero)
    for (int i = 0; i < V; i++) zero += logits[i] * 0;
    return j == C || zero != 0;
}

/* The next token of every live stream; those that have ended drop out. first: the number of the
 * group's stream 0 among all prompts. */
static void next_tokens(const Sampler *sm, Decoder *d, int first)
{
    int live = 0;
    for (int i = 0; i < d->n; i++) {
        int b = first + d->id[i], C = sm->m->c.dim, V = sm->m->c.vocab_size;
        sm->dead[b] |= is_dead(d->xn + (size_t)i * C, d->logits + (size_t)i * V, C, V);
        int token = next_token(sm, d, i, b);
        if (token < 0) continue;
        d->id[live] = d->id[i];
        d->token[live] = token;
        d->pos[live++] = d->pos[i] + 1;
    }
    d->n = live;
}

// ------------------------------------------------------------------------------------
// Groups and calls

/* Job of one worker: group g from prompts to completions. */
static void sample_group(void *context, int g)
{
    const Sampler *sm = context;
    int G = group_size(sm->m), first = g * G, last = min_int(first + G, sm->prompt->n), longest = 1;
    for (int b = first; b < last; b++) longest = max_int(longest, seq_len(sm->prompt, b));
    Decoder *d = decoder_new(sm->m, min_int(sm->m->c.seq_len, longest + sm->how.max_new + sm->q.n));

    /* About 1024 tokens of prompts go through forward together: activations take memory. */
    Acts *a = acts_new();
    int at_once = max_int(4, 1024 / longest);
    for (int b = first; b < last; b += at_once)
        prefill(sm, d, a, b, min_int(b + at_once, last), b - first);
    acts_free(a);

    /* The first tokens come from the prompts' states, the others step by step. */
    decode_logits(sm, d);
    next_tokens(sm, d, first);
    while (d->n > 0) {
        decode_step(sm, d);
        next_tokens(sm, d, first);
    }
    decoder_free(d);
}

/* Completes all prompts. The completions and their log-probabilities are packed end to end. */
static void run_sampler(Sampler *sm, Seqs *out, real **logp)
{
    int G = group_size(sm->m), seq_len_max = sm->m->c.seq_len;
    sm->how.max_new = max_int(0, min_int(sm->how.max_new, seq_len_max));
    /* As in llama2.c, the last token may stand one position behind the context: the network does
     * not read it. A question is read, and must stand within the context. */
    sm->end = sm->q.n > 0 ? seq_len_max - 1 - sm->q.n : seq_len_max;
    size_t B = (size_t)sm->prompt->n, row = (size_t)sm->how.max_new, n = 0;
    sm->w = pack_model(sm->m);
    sm->token = xcalloc(B * row + 1, sizeof(int));
    sm->length = xcalloc(B + 1, sizeof(int));
    sm->dead = xcalloc(B + 1, 1);
    if (logp) sm->logp = xcalloc(B * row + 1, sizeof(real));

    /* Each group is a job for a worker. */
    parallel((sm->prompt->n + G - 1) / G, sample_group, sm);
    if (memchr(sm->dead, 1, B)) die_of_weights();

    /* The rows of (B, max_new), end to end. */
    seqs_clear(out);
    for (size_t b = 0; b < B; b++) {
        size_t length = (size_t)sm->length[b];
        seqs_push(out, sm->token + b * row, (int)length);
        if (logp) memmove(sm->logp + n, sm->logp + b * row, sizeof(real) * length);
        n += length;
    }
    if (logp) *logp = sm->logp;
    free(sm->token), free(sm->length), free(sm->dead);
    free(sm->w.layer), free(sm->w.block);
}

void sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Seqs *out,
            real **logp)
{
    Sampler sm = { .m = m, .prompt = prompt, .key = key, .how = how };
    run_sampler(&sm, out, logp);
}

void sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how,
                    Question q, Seqs *out, double *answer)
{
    Sampler sm = { .m = m, .prompt = prompt, .key = key, .how = how, .q = q, .answer = answer };
    run_sampler(&sm, out, NULL);
}
