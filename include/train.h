/* include/train.h -- train.c: losses over batches, and what a training step works on.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TRAIN_H
#define CAI_TRAIN_H

#include "include/trainer.h"

/* Each ..._step is one step of the optimiser on the items which[0..n) of a list, at learning rate
 * lr. Losses are means, in nats, of the model before the step. A loss or gradient that has exploded
 * ends the program (check_loss). */

/* E13 on documents: the mean of -log pi over their learned tokens, which it returns. mask, packed
 * as docs->token: 1 where a token is learned; NULL: all are. sft_eval: the same mean without a
 * step. */
double sft_step(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask,
                double lr);
double sft_eval(Trainer *t, const Seqs *docs, const int *which, int n, const unsigned char *mask);

/* E1 on pairs: sequences 2i (A) and 2i+1 (B), prompt and answer, with p[i] = P(A better). The score
 * is read at the last token. */
typedef struct {
    double loss, entropy_floor, accuracy, margin;
} PmStats;
PmStats pm_step(Trainer *t, const Seqs *pairs, const double *p, const int *which, int n, double lr);
/* The scores of any sequences (s->n), and the shift of pm's scores that makes their mean 0. */
void pm_scores(const Model *pm, const Seqs *s, double *score);
void pm_centre(Model *pm, const Seqs *s);

/* log pi(answer | prompt) in nats, the answer of sequence b being its tokens from prompt_len[b] on:
 * sum (s->n), per_token (packed as s->token, 0 in the prompts). Either may be NULL. */
void completion_logprobs(const Model *m, const Seqs *s, const int *prompt_len, double *sum,
                         double *per_token);

/* E12 on such pairs against the reference model ref, which stays as it is. prompt_len: of every
 * sequence. ipo 0: DPO, beta as in dpo_loss; 1: IPO, beta is tau, and the first of a pair is the
 * winner whatever p. Returns the loss. */
double dpo_step(Trainer *t, const Model *ref, const Seqs *pairs, const int *prompt_len,
                const double *p, const int *which, int n, int ipo, double beta, double lr);

/* E4: where PPO's KL penalty acts, how it is estimated. Ppo.kl_form: a place in this table. */
typedef struct {
    const char *name;
    enum { KL_IN_REWARD, KL_IN_LOSS } place;
    enum { KL_K1, KL_K2, KL_K3, KL_ABS } estimator;
    int right;        /* 1: PPO ends at E11's optimum; 0: for the lesson */
    const char *ends; /* where exact ascent ends in the world of three answers (train.c) */
    const char *why;
} KlForm;
enum { N_KL_FORMS = 6 };
extern const KlForm kl_forms[N_KL_FORMS];
int kl_form_index(const char *name); /* -1: no such form */

typedef struct {
    double lambda_kl;                /* E4, at every token */
    double eps_clip, eps_value, c_v; /* E5; eps_value 0: values are not clipped */
    double gamma, lambda_gae;        /* E6 */
    int epochs, minibatches;
    int max_new, stop[3]; /* an answer ends at a stop token (-1: none) or after max_new tokens */
    double missing_stop_penalty; /* taken off the score of an answer that was cut (D20) */
    int kl_form;                 /* of kl_forms; 0: k1 in the reward */
} Ppo;

typedef struct { /* TRL's names: objective/kl ... */
    /* before the update, means over answers of the sums over their tokens; KL(pi || pi_0) */
    double kl, k3, entropy, non_score_reward, rlhf_reward, scores, length;
    double explained_var; /* of the returns by the values, E6: 1 all, 0 none; NaN: no variance */
    double lr;            /* of the update */
    int num_eos;          /* answers that were not cut */
    /* of the update, means over the tokens of all passes; approxkl: k2 of the policy being
     * trained to the one that sampled */
    double approxkl, clipfrac, policy_loss, value_loss, value_clipfrac, ratio, ratio_var;
} PpoStats;

typedef struct {     /* one iteration's answers; per-token arrays are packed as seq.token */
    Seqs seq;        /* prompt + answer */
    int *prompt_len; /* (B) */
    double *score;   /* (B) PM score of the whole, less missing_stop_penalty */
    double raw;      /* mean of the scores as the PM gave them */
    double *logp_old, *logp_ref, *value, *entropy; /* (N) by ppo_rollout, 0 in the prompts */
    double *reward, *adv, *ret;                    /* (N) by ppo_update: E4, E6 */
} Rollout;

/* One iteration of PPO: ppo_rollout samples an answer to every prompt and reads pi, pi_0 and pm;
 * ppo_update makes epochs x minibatches steps of E5 on them. Between the two a caller may change
 * out->score. key: of the iteration's draws. *out: all zero, or an earlier rollout. */
void ppo_rollout(const Model *pi, const Model *pi_0, const Model *pm, const Seqs *prompts,
                 uint64_t key, const Ppo *how, Rollout *out);
PpoStats ppo_update(Trainer *t, Rollout *ro, uint64_t key, const Ppo *how, double lr);
void rollout_free(Rollout *ro);

#endif
