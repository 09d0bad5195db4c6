/* cai.h -- Constitutional AI (Bai et al. 2022, arXiv 2212.08073) on a laptop's CPU.
 *
 * The only header: the table of contents of the program, in reading order.
 *
 *     data/files.c   errors, files written whole or not at all, JSON lines      knows: files
 *     tokenizer.c    byte-level BPE                                             knows: bytes
 *     layers.c       products, norms, attention: forward and backward           knows: arrays
 *     model.c        the transformer: forward, backward, sampling, checkpoints  knows: token ids
 *     equations.c    E1..E14, one function each                                 knows: numbers
 *     train.c        AdamW, SFT, PM, PPO, DPO                                   knows: models, batches
 *     data/town.c    the toy world: its sampler, and the oracle that rates it   knows: the town
 *     options.c      flags and presets                                          knows: flags
 *     cai.c          the paper: constitution, stages                            knows: all of it
 *     eval.c         the tables: every model on held-out prompts                knows: all of it
 *     run.c          stages one after the other, resuming, progress             knows: stages by name
 *     commands.c     the command line: run, chat, generate, trace, logprob      knows: all of it
 *
 * A file calls those above it: cai.c -> train.c -> model.c -> layers.c; cai.c -> tokenizer.c,
 * town.c.
 *
 * Shape letters, everywhere:  B sequences   N tokens of a packed batch   T tokens of one sequence
 *     C width (dim)   F hidden width   L layers   H heads   K key/value heads   D head size   V vocabulary
 * Names: d-prefix = gradient of the loss with respect to; pi policy; pi_0 reference policy;
 *     r reward or PM score; p probability of a label; lambda_kl, eps_clip as in the paper.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_H
#define CAI_H

#include "lib/real.h"
#include "lib/constitution.h"
#include "lib/files.h"
#include "lib/json.h"
#include "lib/random.h"
#include "lib/records.h"
#include "lib/report.h"
#include "lib/seqs.h"
#include "lib/table.h"
#include "lib/text.h"
#include "lib/threads.h"
#include "lib/gemm.h"
#include "lib/vector.h"

// ------------------------------------------------------------------------------------
// tokenizer.c -- byte-level BPE in llama2.c's tokenizer.bin form

enum { TOKEN_UNKNOWN = 0, TOKEN_BEGIN = 1, TOKEN_END = 2, TOKEN_BYTE = 3 };  /* 3..258 bytes */

typedef struct {
    int vocab_size; /* V */
    int max_length; /* of a piece, in bytes */
    StringTable pieces;   /* (V) NUL-terminated; no piece holds a NUL */
    float *score;   /* (V) earlier merges score higher */
    unsigned char (*joined)[256]; /* (256, 256) 1: some piece holds these two bytes side by side */
} Tokenizer;

/* The last `superwords` pieces may hold several words of a phrase. */
Tokenizer *tokenizer_train(const char *text, size_t size, int vocab_size, int superwords);
Tokenizer *tokenizer_load(const char *path, int vocab_size);   /* vocab_size 0: as many as the file holds */
void tokenizer_save(const Tokenizer *t, const char *path);
void tokenizer_free(Tokenizer *t);

/* Writes the ids of text[0..size) to out (room for size+2) and returns their number. with_begin:
 * put TOKEN_BEGIN and llama2.c's dummy space first, as at the start of a document; without it the
 * text is encoded as a continuation, nothing added. */
int encode(const Tokenizer *t, const char *text, size_t size, int with_begin, int *out);
/* The bytes of ids[0..n): the inverse of encode. Returns a fresh NUL-terminated string, *size its
 * bytes (may be NULL). TOKEN_BEGIN has no bytes and takes the dummy space off what follows it. */
char *decode(const Tokenizer *t, const int *ids, int n, size_t *size);

// ------------------------------------------------------------------------------------
// model.c -- the network: layers, forward and backward

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

Model *model_new(Config c);                      /* all numbers 0 */
void model_init(Model *m, uint64_t seed);        /* normal weights, norms 1, score head 0 */
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

// ------------------------------------------------------------------------------------
// engine/checkpoint.c -- models (llama2.c's files, version 0) and score heads (files of our own)

/* A broken file, or one that holds a number that is not finite, ends the program with status 3. */
Model *model_load(const char *path);
void score_head_load(Model *m, const char *path);
void model_save(const Model *m, const char *path);
void score_head_save(const Model *m, const char *path);

// ------------------------------------------------------------------------------------
// engine/decode.c -- sampling

typedef struct {
    double temperature;   /* 0: the likeliest token, of equals the lowest id */
    int max_new, stop[3]; /* tokens at most; tokens that end a completion, -1: none */
} Sampling;

typedef struct { /* n tokens that follow a completion, and two that may come next */
    const int *then;
    int n, ask[2];
} Question;

/* Completes each prompt. A completion is finished if its last token is a stop token, which it
 * keeps. Otherwise it was cut: at max_new tokens, or at the context's end, where the last token
 * stands one behind the context as in llama2.c. key (B): the random numbers of each prompt. out:
 * the completions without their prompts. logp (NULL: not wanted): log pi of each sampled token at
 * temperature 1, packed as out, to be freed. */
void sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Seqs *out,
            real **logp);
/* The same with a question after each completion, in place of its stop token if it has one:
 * answer[2 b + k] = log pi(ask[k] | all of that). A completion is cut where the question would not
 * fit into the context any more; a prompt that leaves no room for it ends the program. */
void sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how,
                    Question q, Seqs *out, double *answer);
int is_stop(int token, const int stop[3]);
/* attention_forward for the last of n positions, from a cache; shapes at the function. */
void attention_cached(real *o, real *s, const real *q, const real *k, const real *v, int n, int H,
                      int K, int D);

// ------------------------------------------------------------------------------------
// equations.c -- the paper's equations, one function each: scalars in double, pure

double sigmoid(double z);
double softplus(double z);
double clamp(double x, double lo, double hi);

/* E1  Bradley-Terry with soft label p = P(A better): loss, and dL/dr_A (dL/dr_B = -dL/dr_A) */
double pm_loss(double r_A, double r_B, double p, double *dr_A);
double label_entropy(double p);                             /* H(p): the loss cannot go below it */
/* E2  multiple-choice feedback; p_ab, p_ba = P(the answer shown first is better), A or B first */
double p_A_of(double logp_A, double logp_B);
double p_both_orders(double p_ab, double p_ba);
double p_chains(int K, const double *p_k);
double p_clamp(double p, double lo, double hi);
double p_hard(double p);
/* E3  Elo */
double elo_win(double R_i, double R_j);
double elo_of_score(double delta_r);
void elo_fit(int n, const double *wins, int anchor, double *R);  /* wins[i*n + j]: i beat j */
/* E4  KL(pi || pi_0) from samples of pi, logr = log pi - log pi_0 of one token; penalised reward */
double kl_k1(double logr);
double kl_k2(double logr);
double kl_k3(double logr);
double kl_k3_slope(double logr);                            /* d k3 / d logr */
double reward_penalised(double r_PM_if_last, double lambda_kl, double logr);
double ratio_of(double logp, double logp_old);                /* rho of E5 */
/* E5  PPO: losses of one token, and their derivatives by log pi and by V */
double ppo_clip_loss(double logp, double logp_old, double A, double eps_clip,
                     double *dlogp, int *clipped);
double value_loss(double V, double V_old, double G, double eps_value, double *dV, int *clipped);
/* E6  GAE over one answer of T tokens; V beyond the end is 0 */
void gae(int T, const double *r, const double *V, double gamma, double lambda,
         double *A, double *G);
/* E7  square-root KL law, best-of-n */
double sqrt_kl(double kl);
double kl_best_of_n(int n);
double r_best_of_n(double d, double alpha, double beta);    /* over-optimisation, d = sqrt KL */
double r_rl(double d, double alpha, double beta);
/* E8  expected calibration error: of probabilities; of comparisons, whichever side is first */
double ece(int n, const double *p, const double *y, int bins);
double ece_of_pairs(int n, const double *p, const double *label, int bins);
/* E9  absolute harmfulness: squared error of a predicted 0..4 rating */
double harm_loss(double s_hat, double s, double *ds_hat);
/* E10 multiple-choice accuracy, and accuracy on labelled comparisons; a tie counts half */
double mc_accuracy(int n, const double *p_correct);
double accuracy_of_pairs(int n, const double *p, const double *label);
/* E11 KL-regularised optimum pi* = pi_0 exp(r/beta)/Z; returns beta log Z, its value */
double gibbs_optimum(int n, const double *pi_0, const double *r, double beta, double *pi_star);
/* E12 DPO, soft-label DPO, IPO; h = beta * difference of log-ratios; dh by the winner's logp */
double dpo_loss(double logp_w, double logp_l, double ref_w, double ref_l, double beta, double p,
                double *dlogp_w);
double ipo_loss(double logp_w, double logp_l, double ref_w, double ref_l, double tau,
                double *dlogp_w);
/* E13 supervised: minus log-likelihood; distillation KL(p_0 || p_theta) over n classes */
double sft_loss(int T, const double *logp);
double distill_loss(int n, const double *p_0, const double *logp_theta, double *dlogp_theta);
/* E14 self-rewarding / scored feedback: expected score of P(i), i = 1..n, rescaled to [-1, 1] */
double scored_feedback(int n, const double *p_i);
/* statistics of the tables */
void wilson(double k, double n, double *lo, double *hi);            /* 95 % interval of a share */


// ------------------------------------------------------------------------------------
// engine/optim.c, engine/state.c -- the optimisers, and the state of a training loop in a file

/* Every batch is cut into SHARDS pieces whatever the machine. Each piece runs on one thread and the
 * gradients are added in shard order: the same bytes on any number of threads. More pieces would
 * employ more cores, but cost smaller products and more copies of the gradient
 * (docs/performance.md). */
enum { SHARDS = 4 };

typedef struct {            /* decoupled weight decay (matrices only), clipping by global norm */
    double lr, beta1, beta2, eps, weight_decay, max_norm;
    double muon;            /* momentum of Muon for the layers' matrices; 0: AdamW for them too (D14) */
    double head_lr;         /* the score head learns this many times faster; 0: as the rest (D7) */
    int frozen;             /* 1: embedding and tied head stay as they are (D13) */
} AdamW;

typedef struct {
    Model *m;
    AdamW opt;
    long step;              /* steps done */
    real *mean, *var;       /* (n_param) first and second moments */
    Model *grad[SHARDS];
    Acts *acts[SHARDS];
    double grad_norm;       /* of the last step, before clipping */
    int dead;               /* 1: the last forward pass gave states of 0, whatever it read */
    char *saved;            /* file of the last state written or read, and its step; NULL: none */
    long saved_step;
} Trainer;

Trainer *trainer_new(Model *m, AdamW opt);         /* m stays the caller's */
void trainer_free(Trainer *t);
/* Ends a training step: adds the shards' gradients, clips, updates m with learning rate lr. */
void trainer_step(Trainer *t, double lr);
/* Ends the program with status 4 if the loss is no number, if it is above `blind` or if the model is
 * dead. name: of the loss, for the message. */
void check_loss(const Trainer *t, const char *name, double loss, double blind);
/* Factor on the learning rate at a step (from 0): linear warm-up over `warm` steps, then constant,
 * linear or cosine down to 0 at step `total`, one after the last of `total` steps (D23). */
enum { LR_CONSTANT, LR_LINEAR, LR_COSINE };
double lr_schedule(int kind, long step, long warm, long total);

/* Weights, moments and the optimiser's steps, with the caller's count of steps done, his notes, and a
 * number that says what the state belongs to. trainer_load returns the count and fresh notes, or -1
 * and NULL if there is no file or it belongs to something else; it dies if the file is broken. */
void trainer_save(Trainer *t, const char *path, uint64_t belongs, long done, const char *notes);
long trainer_load(Trainer *t, const char *path, uint64_t belongs, char **notes);

// ------------------------------------------------------------------------------------
// train.c -- losses over batches: supervised finetuning, the preference model, DPO, PPO
//
// Each ..._step is one step of the optimiser on the items which[0..n) of a list, at learning rate lr.
// Losses are means, in nats, of the model before the step. A loss or gradient that has exploded ends
// the program (check_loss).

/* E13 on documents: the mean of -log pi over their learned tokens, which it returns. mask, packed as
 * docs->token: 1 where a token is learned; NULL: all are. sft_eval: the same mean without a step. */
double sft_step(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask,
                double lr);
double sft_eval(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask);

/* E1 on pairs: sequences 2i (A) and 2i+1 (B), prompt and answer, with p[i] = P(A better). The score
 * is read at the last token. */
typedef struct { double loss, entropy_floor, accuracy, margin; } PmStats;
PmStats pm_step(Trainer *t, const Seqs *pairs, const double *p, const int *which, int n, double lr);
/* The scores of any sequences (s->n), and the shift of pm's scores that makes their mean 0. */
void pm_scores(const Model *pm, const Seqs *s, double *score);
void pm_centre(Model *pm, const Seqs *s);

/* log pi(answer | prompt) in nats, the answer of sequence b being its tokens from prompt_len[b] on:
 * sum (s->n), per_token (packed as s->token, 0 in the prompts). Either may be NULL. */
void completion_logprobs(const Model *m, const Seqs *s, const int *prompt_len, double *sum,
                         double *per_token);

/* E12 on such pairs against the reference model ref, which stays as it is. prompt_len: of every
 * sequence. beta as in dpo_loss. Returns the loss. */
double dpo_step(Trainer *t, const Model *ref, const Seqs *pairs, const int *prompt_len,
                const double *p, const int *which, int n, double beta, double lr);

/* E4: where PPO's KL penalty acts, and how it is estimated. Ppo.kl_form is a place in this table. */
typedef struct {
    const char *name;
    enum { KL_IN_REWARD, KL_IN_LOSS } place;
    enum { KL_K1, KL_K2, KL_K3, KL_ABS } estimator;
    int right;              /* 1: PPO ends at E11's optimum; 0: for the lesson */
    const char *ends;       /* where exact ascent ends in the world of three answers (train.c) */
    const char *why;
} KlForm;
enum { N_KL_FORMS = 6 };
extern const KlForm kl_forms[N_KL_FORMS];
int kl_form_index(const char *name);               /* -1: no such form */

typedef struct {
    double lambda_kl;       /* E4, at every token */
    double eps_clip, eps_value, c_v;                /* E5; eps_value 0: values are not clipped */
    double gamma, lambda_gae;                       /* E6 */
    int epochs, minibatches;
    int max_new, stop[3];   /* an answer ends at a stop token (-1: none) or after max_new tokens */
    double missing_stop_penalty;    /* taken off the score of an answer that was cut (D20) */
    int kl_form;            /* of kl_forms; 0: k1 in the reward */
} Ppo;

typedef struct {            /* TRL's names: objective/kl ... */
    /* before the update, means over answers of the sums over their tokens; KL(pi || pi_0) */
    double kl, k3, entropy, non_score_reward, rlhf_reward, scores, length;
    int num_eos;            /* answers that were not cut */
    /* of the update, means over the tokens of all passes; approxkl: k2 of the policy being trained to
     * the one that sampled */
    double approxkl, clipfrac, policy_loss, value_loss, value_clipfrac, ratio, ratio_var;
} PpoStats;

typedef struct {            /* one iteration's answers; per-token arrays are packed as seq.token */
    Seqs seq;               /* prompt + answer */
    int *prompt_len;        /* (B) */
    double *score;          /* (B) PM score of the whole, less missing_stop_penalty */
    double *logp_old, *logp_ref, *value, *entropy;  /* (N) by ppo_rollout, 0 in the prompts */
    double *reward, *adv, *ret;                     /* (N) by ppo_update: E4, E6 */
} Rollout;

/* One iteration of PPO: ppo_rollout samples an answer to every prompt and reads pi, pi_0 and pm;
 * ppo_update makes epochs x minibatches steps of E5 on them. Between the two a caller may change
 * out->score. key: of the iteration's draws. *out: all zero, or an earlier rollout. */
void ppo_rollout(const Model *pi, const Model *pi_0, const Model *pm, const Seqs *prompts,
                 uint64_t key, const Ppo *how, Rollout *out);
PpoStats ppo_update(Trainer *t, Rollout *ro, uint64_t key, const Ppo *how, double lr);
void rollout_free(Rollout *ro);

// ------------------------------------------------------------------------------------
// cai.c -- the paper's loop: acts over models, texts and numbers; stages over a run's files

/* The paper's layouts, byte for byte. Each appends to t. */
void layout_human(Text *t, const char *request);            /* one human turn, assistant's turn opened */
void layout_critique(Text *t, const char *critique_request);
void layout_revision(Text *t, const char *revision_request);
void layout_choice(Text *t, const char *conversation, const char *principle, const char *a, const char *b);
void layout_thought(Text *t, const char *request, const char *principle, const char *a, const char *b);
extern const char *const THOUGHT_END;                       /* between chain and letter */

/* Draws are numbered: text i of a call is drawn with the key (seed, stage, first + i). */
typedef struct { uint64_t seed; int stage; long first; } Draws;
enum { S_PRETRAIN = 100, S_HELPFUL, S_REVISE, S_PRINCIPLE, S_SL, S_PAIRS, S_FEEDBACK, S_THOUGHT, S_PM, S_RL,
       S_EVAL, S_ASK, S_ORDER = 1000 };
enum { MAX_CRITIQUE = 64, MAX_THOUGHT = 64 };               /* tokens; the town's are shorter */

/* Settings by stage; cli/options.c has the flag, the range and the source of each. */
typedef struct { long corpus; int redteam, helpful, prefs, eval, judgements, reserved; double agree; } DataSettings;
typedef struct { int dim, hidden, layers, heads, kv_heads, vocab, superwords, context; } ModelSettings;
typedef struct { int batch, warm, all_words; double lr, muon, weight_decay; } PretrainSettings;
typedef struct { int revisions, batch, final_only; double lr; } SlSettings;
typedef struct {
    const char *judge;
    int pairs, plain, chains, principles, both_orders, hard;
    double clamp_lo, clamp_hi;
} LabelSettings;
typedef struct { int batch; double lr; } PmSettings;
typedef struct { int iters; double lambda_kl; } RlSettings;
typedef struct {
    int batch, epochs, minibatches;
    double lr, value_lr, eps_clip, c_v, lambda_gae;
    const char *kl_form;
} PpoSettings;

/* A run: its folder, its settings, and what its stages share. It travels as an argument. */
typedef struct Run {
    long seed;
    const char *folder, *town, *constitution_files, *tokenizer_file;
    int threads, quiet, max_new;
    double save_every;
    DataSettings data;
    ModelSettings model;
    PretrainSettings pretrain;
    SlSettings sl;
    LabelSettings label;
    PmSettings pm;
    RlSettings helpful, rl;
    PpoSettings ppo;
    Constitution constitution;
    Tokenizer *tok;
    Records records;
    Report report;
} Run;

Draws draws(const Run *run, int stage, long first);
Path run_path(const Run *run, const char *name);            /* inside the run's folder */
Texts load_field(const char *path, const char *field);
Texts load_prompts(const char *path, const Model *m);       /* none empty, all short enough for an answer */
void load_tokenizer(Run *run, int vocab_size);
Model *load_model(Run *run, const char *name);              /* of the run by name, or a checkpoint by path */
Model *load_pm(Run *run, const char *name);
void save_pm(Run *run, const Model *pm, const char *name);

/* Texts in, texts out. */
void answer_stops(const Tokenizer *tok, int stop[3]);
int push_text(Seqs *s, const Tokenizer *tok, const char *text, const char *more, int finished);
void check_length(const Seqs *s, int b, int limit, const Texts *t, int i);
Texts complete(const Model *m, const Texts *prompt, Draws d, int max_new, double temperature);
int draw_principle(Draws d, int n);

/* Critique and revision: one step for all prompts. */
typedef struct { int *principle; Texts critique, revision; } Revisions;
Revisions revise(const Model *m, const Constitution *c, const Texts *prompt, const Texts *response,
                 uint64_t seed, int step, int max_new);
void revisions_free(Revisions *r);

/* Supervised finetuning: sequences, and 1 in the mask where a token is learned. */
typedef struct { Seqs seq; unsigned char *mask; } Examples;
void examples_add(Examples *e, const Tokenizer *tok, const char *prompt, const char *answer, int finished);
void examples_free(Examples *e);
AdamW finetuning(double lr);
void train_sl(Model *m, const Examples *e, int batch, double lr, uint64_t seed, Report *report);

/* AI feedback: judgement of pairs, and the labels made of it. */
typedef struct {
    int draws;                  /* of a principle, for each of n pairs */
    double *p;                  /* (n) the label */
    double *p_ab, *p_ba;        /* (draws, n) */
    int *principle;             /* (draws, n) */
    Texts *chain;               /* (draws) of n texts */
} Feedback;
void judge(const Model *m, const Constitution *c, const Texts *prompt, char *const *principle,
           char *const *a, char *const *b, int plain, Draws d, double *p, Texts *chain);
void judge_both(const Model *m, const Constitution *c, const Texts *prompt, char *const *principle,
                char *const *a, char *const *b, int plain, int chains, Draws d,
                double *p_ab, double *p_ba, Texts *chain);
double label_of(const LabelSettings *s, double p_ab, double p_ba);
Texts sample_pairs(const Model *sl, const Texts *asked, int pairs, uint64_t seed, int max_new,
                   Texts *a, Texts *b);
void label_pairs(const Model *feedback, const Constitution *c, const LabelSettings *s, uint64_t seed,
                 const Texts *prompt, const Texts *a, const Texts *b, Feedback *f, Report *report);
void feedback_free(Feedback *f);

/* Preference model: sequences 2i and 2i+1 are two answers to one prompt, p[i] = P(the first is
 * better). */
typedef struct { Seqs pair; double *p; } Comparisons;
void comparisons_add(Comparisons *c, const Tokenizer *tok, const char *prompt, const char *a, const char *b,
                     double p);
void load_comparisons(Comparisons *c, const char *path, const Model *m);
void comparisons_free(Comparisons *c);
void train_pm(Model *pm, const Comparisons *c, int batch, double lr, Draws d, Report *report, const char *name);

/* PPO. */
Ppo ppo_settings(const Run *run, double lambda_kl);
double *prompt_levels(const Model *pi_0, const Model *pm, const Texts *prompts, int max_new);
Model *train_rl(const Model *pi_0, const Model *pm, const Texts *prompts, const Ppo *how, int iters,
                int batch, double lr, double value_lr, Draws d, Report *report, const char *name);

/* A training loop's state, figures and warnings (engine/loop.c). */
long resume(Report *r, const char *loop, Trainer *t);       /* steps done before a stop */
void keep(Report *r, const char *loop, Trainer *t, long done);      /* after every step: its state, when due */
void ppo_metrics(Report *r, int it, const PpoStats *s);     /* by TRL's names */
void watch_collapse(Report *r, int it, const Rollout *ro, const PpoStats *s, int *warned);

/* The stages. */
void stage_tokenizer(Run *run);
void stage_pretrain(Run *run);
void stage_helpful(Run *run);
void stage_revise(Run *run);
void stage_sl(Run *run);
void stage_feedback(Run *run);
void stage_pm(Run *run);
void stage_rl(Run *run);

#endif
