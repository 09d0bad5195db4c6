/* include/model.h -- model.c: the network, its layers, forward and backward.
 *
 * Shape letters, everywhere:  B sequences   N tokens of a packed batch   T tokens of one sequence
 *     C width (dim)   F hidden width   L layers   H heads   K key/value heads   D head size
 *     V vocabulary.  d-prefix: the gradient of the loss with respect to.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_MODEL_H
#define CAI_MODEL_H

#include "include/tokenizer.h"
#include "lib/real.h"
#include "lib/seqs.h"

#include <stdint.h>

typedef struct { /* sizes: llama2.c's header, seven numbers and a flag */
    int dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len;
    int tied; /* the output head is the embedding */
} Config;

typedef struct { /* what is learned: one block of numbers, into which the tensors point */
    Config c;
    const Tokenizer *tok; /* what its token ids mean; NULL: unknown. Not read by the network */
    size_t n_param;       /* numbers in w */
    real *w;              /* the block */
    real *tok_emb;        /* (V, C) */
    real *rms_att;        /* (L, C) */
    real *wq, *wk, *wv;   /* (L, C, C) (L, KD, C) (L, KD, C), KD = K D */
    real *wo;             /* (L, C, C) */
    real *rms_ffn;        /* (L, C) */
    real *w1, *w2, *w3;   /* (L, F, C) gate, (L, C, F) down, (L, F, C) up */
    real *rms_final;      /* (C) */
    real *head;           /* (V, C); tok_emb if tied */
    real *score_w;        /* (C) the score head, for a PM's score or a value; it has its own file */
    real *score_b;        /* (1) */
} Model;

typedef struct { /* the same of one layer, of a model or of a gradient */
    real *rms_att, *wq, *wk, *wv, *wo, *rms_ffn, *w1, *w2, *w3;
} Layer;

typedef struct { /* a row of the block's table; size = layers * rows * cols */
    const char *name;
    size_t offset, size;
    int layers, rows, cols;
} Tensor;
enum { MAX_TENSORS = 16 };

static inline int head_size(const Config *c) { return c->dim / c->n_heads; }
static inline int kv_dim(const Config *c) { return c->n_kv_heads * head_size(c); }

Model *model_new(Config c);               /* all numbers 0 */
void model_init(Model *m, uint64_t seed); /* normal weights, norms 1, score head 0 */
Model *model_clone(const Model *m);
void model_free(Model *m);
Layer model_layer(const Model *m, int l);
int model_tensors(const Config *c, Tensor *out); /* the block's table; returns its length */
const char *config_error(const Config *c);       /* what is wrong with these sizes, or NULL */

/* What the forward pass keeps for the backward pass. It grows to what is asked of it and is used
 * again. */
typedef struct Acts Acts;
Acts *acts_new(void);
void acts_free(Acts *a);

/* Runs sequences first..last-1 of s through the network. Below, token i of this batch is packed
 * token s->start[first] + i. */
void forward(const Model *m, Acts *a, const Seqs *s, int first, int last);
/* logp[i] = log pi(target[i] | all up to token[i]), i < n; entropy[i] of that whole distribution,
 * in nats (NULL: not wanted). Logits are computed for these tokens only. */
void logprobs(const Model *m, Acts *a, int n, const int *token, const int *target, real *logp,
              real *entropy);
/* score[i] = score_w . h + score_b, h the final normed state of token[i]. */
void scores(const Model *m, Acts *a, int n, const int *token, real *score);
/* Adds to grad the gradient of a loss. dlogp and dscore are its derivatives by the values of the
 * latest logprobs and scores; NULL: these are not part of it. No gradient of the embedding or the
 * head is computed if grad->tok_emb or grad->head is NULL. */
void backward(const Model *m, Model *grad, Acts *a, const real *dlogp, const real *dscore);
/* What sampling takes over from forward, of sequence b: keys and values (T, KD) of layer l, final
 * normed states (T, C). */
void acts_cache(const Model *m, const Acts *a, int l, int b, const real **k, const real **v);
const real *acts_states(const Model *m, const Acts *a, int b);

/* The layers; formulas and shapes stand at the functions. */
void embed_forward(real *x, const real *E, const int *token, int N, int C);
void embed_backward(real *dE, const real *dx, const int *token, int N, int C);
void rmsnorm_forward(real *y, real *inv, const real *x, const real *w, int N, int C);
void rmsnorm_backward(real *dx, real *dw, const real *dy, const real *x, const real *inv,
                      const real *w, int N, int C);
void rope_table(real *table, int T, int D);
void rope_forward(real *x, const real *table, const int *pos, int N, int heads, int D);
void rope_backward(real *dx, const real *table, const int *pos, int N, int heads, int D);
void attention_forward(real *o, real *p, const real *q, const real *k, const real *v, int T, int H,
                       int K, int D);
void attention_backward(real *dq, real *dk, real *dv, real *dp, const real *d_o, const real *p,
                        const real *q, const real *k, const real *v, int T, int H, int K, int D);
void swiglu_forward(real *s, const real *g, const real *u, size_t n);
void swiglu_backward(real *dg, real *du, real *s, const real *ds, const real *g, const real *u,
                     size_t n);
void logsoftmax_forward(real *logp, real *entropy, real *logits, const int *target, int n, int V);
void logsoftmax_backward(real *p, const real *dlogp, const int *target, int n, int V);

#endif
