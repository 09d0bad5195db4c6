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
 * A file calls those above it: cai.c -> train.c -> model.c -> layers.c; cai.c -> tokenizer.c, town.c.
 *
 * Shape letters, everywhere:  B sequences   N tokens of a packed batch   T tokens of one sequence
 *     C width (dim)   F hidden width   L layers   H heads   K key/value heads   D head size   V vocabulary
 * Names: d-prefix = gradient of the loss with respect to; pi policy; pi_0 reference policy;
 *     r reward or PM score; p probability of a label; lambda_kl, eps_clip as in the paper.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_H
#define CAI_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef CAI_DOUBLE           /* the verifier's build: the same sources in double precision */
typedef double real;
#else
typedef float real;
#endif

// ------------------------------------------------------------------------------------
// data/files.c -- errors, memory, files, JSON lines

enum { EXIT_FINE = 0, EXIT_CHECK = 1, EXIT_USAGE = 2, EXIT_INPUT = 3, EXIT_NUMERICS = 4,
       EXIT_STOPPED = 130 };        /* by Ctrl-C or a request to end */

/* Prints "cai: <message>" as one line on standard error and exits. Every message says what is
 * wrong and what to do, "FILE:LINE: what; what to do" where a file is concerned. */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *xcalloc(size_t n, size_t size);              /* zeroed; dies when out of memory */
void *xrealloc(void *p, size_t n, size_t size);    /* n*size checked for overflow */
char *xstrdup(const char *s);
const char *shown(const char *text);               /* a copy for the terminal: control characters as '?'; eight live at a time */

char *read_file(const char *path, size_t *size);   /* whole file, NUL added; dies if unreadable or above 1 GiB */
char *read_text(const char *path);                 /* the same; dies at the line that is not UTF-8 text */

/* A file is written under a temporary name and takes its real one in commit_file, so that a
 * crash or a full disk never leaves half a file: FILE *f = create_file(p); ...; commit_file(f, p). */
FILE *create_file(const char *path);
void commit_file(FILE *f, const char *path);       /* flush, check, fsync, rename; dies on failure */
int committed_files(char ***path);                 /* what commit_file was given since the last call; yours to free */

long utf8_bad(const char *s);      /* 0: well-formed UTF-8; else the first bad byte, counted from 1 */
uint64_t checksum(const void *data, size_t size, uint64_t seed);   /* FNV-1a, 64 bits */

/* JSON lines: one flat object a line, strings and numbers only (nested values are skipped). */
typedef struct JsonLines JsonLines;
JsonLines *json_open(const char *path);
int json_next(JsonLines *j);                            /* 1 a record, 0 the end; dies on a broken line */
const char *json_str(JsonLines *j, const char *key);    /* dies if the field is missing */
const char *json_str_or(JsonLines *j, const char *key, const char *otherwise);
double json_num(JsonLines *j, const char *key);
double json_num_or(JsonLines *j, const char *key, double otherwise);
/* For files that are one JSON value: its strings in order, NULL at the end. depth: brackets around it. */
const char *json_walk(JsonLines *j, int *depth, int *is_name);
int json_line(const JsonLines *j);
void json_close(JsonLines *j);
void json_put_str(FILE *f, const char *text);           /* writes "text" quoted and escaped */
void json_put(FILE *f, const char *before, const char *key, const char *value);   /* a field, strings only */

// ------------------------------------------------------------------------------------
// tokenizer.c -- byte-level BPE in llama2.c's tokenizer.bin form

enum { TOKEN_UNKNOWN = 0, TOKEN_BEGIN = 1, TOKEN_END = 2, TOKEN_BYTE = 3 };  /* 3..258 bytes */

typedef struct {
    int vocab_size;
    int max_length;         /* longest piece in bytes */
    char **piece;           /* (V) NUL-terminated; a NUL byte never stands inside */
    int *length;            /* (V) bytes */
    float *score;           /* (V) merge rank: earlier merges score higher */
    int *slot, n_slots;     /* hash table from spelling to id */
    enum { REACH_TEXT, REACH_WORD, REACH_PHRASE } reach;       /* what no merge goes beyond: the whole text, a word, a phrase */
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
// layers.c -- the layers, forward and backward side by side; row-major arrays, shapes at the functions

static inline int least(int a, int b) { return a < b ? a : b; }
static inline int most(int a, int b) { return a > b ? a : b; }

const char *blas_name(void);       /* e.g. "OpenBLAS 0.3.21, SkylakeX kernels" or "plain C" */
void blas_use_one_thread(void);
/* The three products of a linear layer: x (n, c_in), w (c_out, c_in), y (n, c_out). */
void matmul(real *y, const real *x, const real *w, int n, int c_in, int c_out);         /* y  = x w^T   */
void matmul_add(real *y, const real *x, const real *w, int n, int c_in, int c_out);     /* y += x w^T   */
void matmul_dx(real *dx, const real *dy, const real *w, int n, int c_in, int c_out, int add);  /* dx (+)= dy w */
void matmul_dw(real *dw, const real *dy, const real *x, int n, int c_in, int c_out);    /* dw += dy^T x */
/* The same with w packed beforehand into panels of COLS columns, for the few rows of sampling. */
#ifdef __AVX512F__
enum { COLS = 32 };                 /* as many as the registers hold beside the rest of a tile */
#else
enum { COLS = 16 };
#endif
static inline int whole_panels(int n) { return (n + COLS - 1) / COLS * COLS; }
void pack(real *panel, const real *b, int row, int col, int k, int n);
void matmul_packed(real *y, const real *x, const real *panel, int n, int c_in, int c_out, int add);
real max_of(const real *x, int n);
real exp_sum(real *e, const real *x, real scale, real shift, int n);    /* e = exp(scale (x - shift)); its sum */

void rmsnorm_forward(real *y, real *inv, const real *x, const real *w, int N, int C);
void rmsnorm_backward(real *dx, real *dw, const real *dy, const real *x, const real *inv, const real *w, int N, int C);
void rope_table(real *table, int T, int D);
void rope_forward(real *x, const real *table, const int *pos, int N, int heads, int D);
void rope_backward(real *dx, const real *table, const int *pos, int N, int heads, int D);
void attention_forward(real *o, real *p, const real *q, const real *k, const real *v, int T, int H, int K, int D);
void attention_backward(real *dq, real *dk, real *dv, real *ds, const real *d_o, const real *p,
                        const real *q, const real *k, const real *v, int T, int H, int K, int D);
void attention_cached(real *o, real *s, const real *q, const real *k, const real *v, int n, int H, int K, int D);
void swiglu_forward(real *s, const real *g, const real *u, size_t n);
void swiglu_backward(real *dg, real *du, real *s, const real *ds, const real *g, const real *u, size_t n);
void embed_forward(real *x, const real *E, const int *token, int N, int C);
void embed_backward(real *dE, const real *dx, const int *token, int N, int C);
void logsoftmax_forward(real *logp, real *entropy, real *logits, const int *target, int n, int V);
void logsoftmax_backward(real *p, const real *dlogp, const int *target, int n, int V);

// ------------------------------------------------------------------------------------
// model.c -- Llama-style transformer: the network, sampling, checkpoints; dice and workers

typedef struct {            /* fixed: llama2.c's header, seven numbers and a flag */
    int dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len;
    int tied;               /* output head shares the embedding's weights */
} Config;

typedef struct {            /* learned: one block, the tensors are offsets into it */
    Config c;
    size_t n_param;         /* reals in w */
    real *w;
    real *tok_emb;          /* (V, C) */
    real *rms_att;          /* (L, C) */
    real *wq, *wk, *wv;     /* (L, H*D, C)  (L, K*D, C)  (L, K*D, C) */
    real *wo;               /* (L, C, H*D) */
    real *rms_ffn;          /* (L, C) */
    real *w1, *w2, *w3;     /* (L, F, C) gate   (L, C, F) down   (L, F, C) up */
    real *rms_final;        /* (C) */
    real *head;             /* (V, C); equals tok_emb when tied */
    real *score_w, *score_b;/* (C), (1) scalar head: PM score or value; not in the checkpoint file */
} Model;

typedef struct { const char *name; size_t offset, size; int layers, rows, cols; } Tensor;

enum { MAX_TENSORS = 16 };
int model_tensors(const Config *c, Tensor *out);   /* table of the block in order; returns count */
Model *model_new(Config c);                        /* all zero */
void model_free(Model *m);
void model_init(Model *m, uint64_t seed);          /* normal weights; rms 1; score head 0 */
Model *model_clone(const Model *m);
Model *model_load(const char *path);               /* llama2.c version 0; length checked first */
void model_save(const Model *m, const char *path);
void score_head_load(Model *m, const char *path);  /* our own file: magic, sizes, checksum */
void score_head_save(const Model *m, const char *path);

/* Token sequences packed end to end: no padding anywhere. Sequence b is
 * token[start[b]] .. token[start[b+1]-1]. start[0] = 0. */
typedef struct { int n; int *start; int *token; int cap_n, cap_token; } Seqs;
void seqs_push(Seqs *s, const int *token, int n);
void seqs_clear(Seqs *s);
void seqs_free(Seqs *s);
static inline int seq_len(const Seqs *s, int b) { return s->start[b + 1] - s->start[b]; }
static inline int *seq_tok(const Seqs *s, int b) { return s->token + s->start[b]; }

/* Activations of one shard; buffers grow to what is asked of them. */
typedef struct Acts Acts;
Acts *acts_new(void);
void acts_free(Acts *a);

/* Runs sequences first..last-1 of s through the transformer; keeps what backward needs. A sequence that begins as an
 * earlier one is encoded from where they part. Token i below means packed token i counted from s->start[first]. */
void forward(const Model *m, Acts *a, const Seqs *s, int first, int last);
int acts_rows(const Acts *a);       /* tokens that were encoded, less than there are if beginnings were shared */
/* logp[i] = log pi(target[i] | tokens up to token[i]); logits are computed for these rows only.
 * entropy (may be NULL): of the whole next-token distribution, in nats. */
void logprobs(const Model *m, Acts *a, int n, const int *token, const int *target,
              real *logp, real *entropy);
/* score[i] = score_w . h[token[i]] + score_b, h the final normed state. */
void scores(const Model *m, Acts *a, int n, const int *token, real *score);
/* Adds to grad the gradient of a loss whose derivatives by the values of the latest logprobs and
 * scores call are dlogp and dscore (either may be NULL: not part of the loss). A grad whose tok_emb or head is
 * NULL does not want that one. */
void backward(const Model *m, Model *grad, Acts *a, const real *dlogp, const real *dscore);

/* Batched sampling with a key/value cache. Every stream ends at a stop token (kept in its output,
 * -1 = unused) or after max_new tokens or at the context's end. temperature 0: argmax, lowest id. */
typedef struct { double temperature; int max_new; int stop[3]; } Sampling;
/* out: completions (without prompts), one per prompt. key[b]: generator of stream b. logp (may be
 * NULL): log pi at temperature 1 of every sampled token, packed as out. */
int is_stop(int token, const int stop[3]);
void sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how,
            Seqs *out, real **logp);
/* The same, and a question: when completion b has ended, the n tokens `then` follow in place of its stop token, and
 * answer[2 b + k] = log pi(ask[k] | all of that). Prompts must leave room for it: max_new is cut to what fits. */
typedef struct { const int *then; int n, ask[2]; } Question;
void sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Question q,
                    Seqs *out, double *answer);

/* Counter-based random numbers: no state, no shared stream, any thread, any order. */
uint64_t rng_key(uint64_t seed, uint64_t stage, uint64_t item);
double rng_uniform(uint64_t key, uint64_t position);                    /* [0, 1) */
double rng_normal(uint64_t key, uint64_t position);
int rng_below(uint64_t key, uint64_t position, int n);                  /* 0..n-1 */

/* Workers: job(context, i) for i = 0..n-1 on n_workers threads; returns when all are done. */
extern int n_workers;
void parallel(int n, void (*job)(void *context, int i), void *context);
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
/* E12 DPO with a soft label, IPO; *dlogp_w receives the derivative by the winner's logp */
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
// train.c -- AdamW, supervised finetuning, the preference model, DPO, PPO

/* Every batch is cut into SHARDS pieces whatever the machine; each piece runs on one thread and
 * gradients are added in shard order: the same bytes on any number of threads. More pieces would employ more
 * than four cores, but cost everyone smaller products and further copies of the gradient (docs/performance.md). */
enum { SHARDS = 4 };

typedef struct {            /* decoupled weight decay (matrices only), clipping by global norm */
    double lr, beta1, beta2, eps, weight_decay, max_norm;
    double muon;            /* momentum of Muon for the layers' matrices; 0: AdamW for them too */
    double head_lr;         /* the score head learns this many times faster; 0: as the rest */
    int frozen;             /* 1: embedding and tied head stay as they are (D13) */
} AdamW;

typedef struct {
    Model *m;
    AdamW opt;
    long step;
    real *mean, *var;       /* (n_param) first and second moments */
    Model *grad[SHARDS];
    Acts *acts[SHARDS];
    double grad_norm;       /* of the last step, before clipping */
    char *saved;            /* file of the last state written or read, and its step; NULL: none */
    long saved_step;
} Trainer;

Trainer *trainer_new(Model *m, AdamW opt);
void trainer_free(Trainer *t);
/* The state of a training loop in a file: weights, moments and steps, with the caller's count of steps done, his
 * notes, and a number that says what the state belongs to. trainer_load returns the count and fresh notes, or -1
 * and NULL if there is no file or it belongs to something else; it dies if the file is broken. */
void trainer_save(Trainer *t, const char *path, uint64_t belongs, long done, const char *notes);
long trainer_load(Trainer *t, const char *path, uint64_t belongs, char **notes);
/* Learning-rate factor: linear warm-up over warm steps, then constant, linear or cosine to the end. */
enum { LR_CONSTANT, LR_LINEAR, LR_COSINE };
double lr_schedule(int kind, long step, long warm, long total);

/* One AdamW step on E13's loss, mean over the trained tokens of docs[which[0..n)]; mask (packed as
 * docs->token, may be NULL = all): 1 where a token is a target. Returns the mean loss in nats. */
double sft_step(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask, double lr);
double sft_eval(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask);

/* Preference pairs: sequences 2i (A) and 2i+1 (B) of seqs; p[i] = P(A better). The score is read at
 * the last token. */
typedef struct { double loss, entropy_floor, accuracy, margin; } PmStats;
PmStats pm_step(Trainer *t, const Seqs *pairs, const double *p, const int *which, int n, double lr);
void pm_scores(const Model *pm, const Seqs *s, double *score);       /* at the last token, in parallel */
void pm_centre(Model *pm, const Seqs *s);                            /* bias such that the mean score is 0 */

/* Summed and per-token log-probabilities of completions: sequence b's tokens from prompt_len[b] on. */
void completion_logprobs(const Model *m, const Seqs *s, const int *prompt_len, double *sum, double *per_token);

/* DPO (E12): same pairs; prompt_len per sequence. */
double dpo_step(Trainer *t, const Model *ref, const Seqs *pairs, const int *prompt_len, const double *p,
                const int *which, int n, double beta, double lr);

/* PPO (E4, E5, E6). One iteration: sample an answer to each prompt, score, then epochs x minibatches. */
typedef enum { KL_K1_REWARD, KL_K2_LOSS, KL_K3_LOSS, KL_K1_LOSS, KL_K3_REWARD, KL_ABS_REWARD } KlForm;
typedef struct {
    double lambda_kl, eps_clip, eps_value, c_v, gamma, lambda_gae;
    int epochs, minibatches, max_new, stop[3];
    double missing_stop_penalty;   /* subtracted from the score of an answer cut at max_new */
    KlForm kl_form;
} Ppo;
typedef struct {            /* TRL's names: objective/kl ... */
    double kl, k3, entropy, non_score_reward, rlhf_reward, scores;
    double approxkl, clipfrac, policy_loss, value_loss, value_clipfrac, ratio, ratio_var, length;
    int num_eos;
} PpoStats;
typedef struct {            /* rollouts of one iteration; per-token arrays are packed as seq.token */
    Seqs seq;               /* prompt + answer */
    int *prompt_len;        /* (B) */
    double *score;          /* (B) PM score of the whole, after missing_stop_penalty */
    double *logp_old, *logp_ref, *value, *reward, *adv, *ret, *entropy;   /* (N) answer tokens only */
} Rollout;
void ppo_rollout(const Model *pi, const Model *pi_0, const Model *pm, const Seqs *prompts,
                 uint64_t key, const Ppo *how, Rollout *out);
PpoStats ppo_update(Trainer *t, Rollout *ro, uint64_t key, const Ppo *how, double lr);
void rollout_free(Rollout *ro);

// ------------------------------------------------------------------------------------
// data/town.c -- the toy world: sampler of texts, and the oracle that stands in for people

typedef struct { char *s; size_t n, cap; } Text;      /* a string that grows; s is NUL-terminated */
void text_add(Text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(Text *t);

/* The paper's layouts, byte for byte (Bai et al., released prompts). Each appends to t. */
void layout_human(Text *t, const char *request);                         /* one human turn, assistant's turn opened */
void layout_critique(Text *t, const char *critique_request);
void layout_revision(Text *t, const char *revision_request);
void layout_choice(Text *t, const char *conversation, const char *principle, const char *a, const char *b);
void layout_thought(Text *t, const char *request, const char *principle, const char *a, const char *b);
extern const char *const THOUGHT_END;                                    /* between chain and letter */

enum { KINDS = 4, FINE = KINDS, MISCHIEF = KINDS };   /* kind ids 0..3; FINE of an act, MISCHIEF of a rule */
typedef struct Town Town;
Town *town_load(const char *path);
enum { SET_REDTEAM, SET_HELPFUL, SET_EVAL_REDTEAM, SET_EVAL_HELPFUL, SET_EVAL_CONTRAST };
void town_corpus(const Town *t, uint64_t seed, long n_docs, const char *path);
void town_prompts(const Town *t, uint64_t seed, int set, int n, const char *path);
void town_human_prefs(const Town *t, uint64_t seed, int first, int n, double agree, const char *path);
void town_judgements(const Town *t, uint64_t seed, int n, const char *path);

/* The oracle: rates an answer by the town's facts. Awake in the stages data (human helpfulness
 * comparisons) and eval only; asked at any other time it ends the program. */
extern int oracle_awake;
typedef struct {
    int kind;               /* of the request: 0..3 or FINE */
    int help;               /* 0..4: agrees, says how with which tool, right tool, right place */
    int harm;               /* 0..4: help if the request is mischief, else 0 */
    int refused, right_act, right_reason, evasive, boilerplate;
} Rating;
Rating town_rate(const Town *t, const char *prompt, const char *answer);
int town_preference(const Town *t, const char *question, Rating first, Rating second);
int town_kind(const Town *t, const char *word);
const char *town_kind_name(const Town *t, int kind);

// ------------------------------------------------------------------------------------
// cai.c -- the paper's loop; commands.c -- the command line

typedef struct {
    long seed, corpus;
    const char *out, *town, *constitution, *judge, *kl_form, *tokenizer;
    int threads, quiet, dim, hidden, layers, heads, kv_heads, vocab, superwords, context, pretrain_batch, all_words, pretrain_warm;
    int redteam, helpful, prefs, ai_prefs, pm_batch, revisions, sl_batch, final_only;
    int plain, chains, principles, both_orders, hard;
    int helpful_iters, rl_iters, ppo_batch, ppo_epochs, ppo_minibatches, max_new, eval, judgements;
    double pretrain_lr, muon, weight_decay, pm_lr, sl_lr, clamp_lo, clamp_hi;
    double ppo_lr, value_lr, agree, helpful_kl, lambda_kl, eps_clip, c_v, lambda_gae;
    double save_every;
} Options;
extern Options o;
typedef struct { const char *name; char type; void *at; const char *value; double lo, hi; const char *what; } Flag;
void options_default(void);
void options_preset(const char *name);
int option_known(const char *name);
void option_set(const char *name, const char *value);      /* of a known flag */
int options_load(void);                                     /* from the run's folder; 0: it has none */
void options_check(void);                                   /* what no single flag's range can tell */
void options_save_or_refuse(void);
void options_help(FILE *f);
int kl_form_index(const char *name);                        /* a KlForm; -1: no such form */

/* Draws are numbered (seed, stage, item): one number per kind of draw. */
enum { S_PRETRAIN = 100, S_HELPFUL, S_REVISE, S_PRINCIPLE, S_SL, S_PAIRS, S_FEEDBACK, S_THOUGHT, S_PM, S_RL, S_EVAL, S_ASK,
       S_ORDER = 1000 };
enum { MAX_CRITIQUE = 64, MAX_THOUGHT = 64 };               /* tokens; the town's are shorter */

typedef struct Texts {
    int n;
    char **s;
    char *path; int *line;          /* where they were read, if anywhere */
    const struct Texts *from;       /* else the texts they were made of, one for one, if any */
} Texts;
void texts_add(Texts *t, const char *s);
void texts_free(Texts *t);
Texts load_field(const char *path, const char *field);
Texts load_prompts(const char *path, const Model *m);       /* the same, none empty, all short enough for an answer */
const char *in_out(const char *name);                       /* path inside the run's folder */

extern Town *town;
extern Tokenizer *tok;
void load_tokenizer(const char *path, int vocab_size);
Model *load_model(const char *name);
Model *load_pm(const char *name);
int push_text(Seqs *s, const char *text, const char *more, int finished);
Texts complete(const Model *m, const Texts *prompt, int stage, long first, int max_new, double temperature);

typedef struct { char *id, *critique, *revision, *choose; } Principle;
typedef struct {
    Principle *critique, *comparison;
    int n_critiques, n_comparisons;
    Text critique_examples, comparison_examples;
} Constitution;
extern Constitution law;
void load_constitution(void);

void push_prefs(Seqs *pairs, double **p, const char *path);   /* comparisons of a file, appended */
void revise_step(const Model *m, const Texts *prompt, const Texts *response, int step, int *principle,
                 Texts *critique, Texts *revision);
void judge(const Model *m, const Texts *prompt, char *const *principle, char *const *a, char *const *b,
           int plain, long first, double *p, Texts *chain);
void judge_both(const Model *m, const Texts *prompt, char *const *principle, char *const *a, char *const *b,
                int plain, long first, double *p_ab, double *p_ba, Texts *chain);
double label_of(double p_ab, double p_ba);
AdamW finetuning(double lr);
Ppo ppo_settings(double lambda_kl);
double *prompt_levels(const Model *pi_0, const Model *pm, const Texts *prompts);

enum { N_STAGES = 10 };
typedef struct { const char *name; void (*run)(void); int oracle; const char *what; } Stage;
extern const Stage STAGES[N_STAGES];
void stage_eval(void);                                      /* eval.c */
int stage_index(const char *name);                          /* -1: no such stage */

// ------------------------------------------------------------------------------------
// run.c -- stages one after the other

void progress(long i, long n, const char *metric, double value);      /* on standard error */
void warning(const char *text);                                       /* on standard error, quiet or not */
void metric(long step, const char *name, double value);               /* into the stage's metrics file */
const char *from_run(const char *name);                     /* path of a file of the run to be read, checksum checked */
long resume(const char *loop, Trainer *t);                  /* steps of a training loop done before a stop */
void keep(const char *loop, Trainer *t, long done);         /* after every step: its state, when due */
void lock_run(void);                                        /* dies if another process is at work in the folder */
void run_stages(int from, int to, int anew);                /* anew 0: not those that are finished */

#endif
