/* cli/trace.h -- what became of one request in every stage of a run.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TRACE_H
#define CAI_TRACE_H

#include "cli/commands.h"

/* A text that a model wrote, and log pi of each of its tokens, in nats. */
typedef struct {
    char *text;
    int n;
    double *logp;
} Sample;

typedef struct { /* one critique and revision */
    const Principle *principle;
    Sample critique, revision;
    double *before, *after; /* log pi of the revision's tokens by the pretrained model, by SL-CAI */
} Step;

typedef struct {       /* the judge's answer: which of two is better? */
    char *chain;       /* NULL: none */
    double logp[2], p; /* log P of (A) and (B); P(the first is better), of these */
    double said;       /* the same as `judge` gave it */
} Judgement;

/* Two answers, the judgement of them in both orders, the preference model's scores. */
typedef struct {
    char *a, *b;
    const Principle *principle;
    int chains;
    Judgement *ab, *ba; /* (chains) a shown first; b shown first */
    double p_ab, p_ba, label, r_A, r_B, loss, slope;
} Comparison;

/* One iteration of PPO on a few answers to this request, and one pass over them. */
enum { ANSWERS = 4, ITERATIONS = 2 };
typedef struct {
    Rollout ro;             /* its adv: whitened */
    int tries;              /* draws of the answers until not all were the same; 0: they all are */
    double raw[ANSWERS];    /* scores before the prompt's level is taken off */
    double *adv;            /* (N) before whitening */
    double mean, deviation; /* of these, over the tokens of all answers */
    double *logp, *value;   /* (N) by the policy after the pass */
    double *clip, *value_loss; /* (N) L_clip and L_V of a second pass (E5), and their means */
    double mean_clip, mean_value;
    int telling, token; /* the answer, and its token, where the policy is furthest from pi_0 */
} Iteration;

/* The tokens of answer b, in arrays packed as the sequences. */
static inline int answer_begin(const Rollout *ro, int b)
{
    return ro->seq.start[b] + ro->prompt_len[b];
}
static inline int answer_end(const Rollout *ro, int b) { return ro->seq.start[b + 1]; }

typedef struct {
    char *prompt;   /* in the paper's layout */
    char *a, *b;    /* the pair: given with the prompt, or drawn from SL-CAI */
    int pair_draws; /* of b until it differed from a; 0: it never did, or the pair was given */
    Sample draft;
    int n_steps;
    Step *step;
    int n_comparisons;
    Comparison comparison[2]; /* the pair; if its label is 0.5, A against the draft, too */
    Ppo how;
    double lr, level;
    Iteration ppo[ITERATIONS];
    Sample answer;  /* RL-CAI's */
    double sl_logp; /* log P of it by SL-CAI */
    double score_draft, score_sl,
        score_answer; /* by the preference model, the second of SL-CAI's */
} Trace;

void trace_run(Trace *t, Run *run); /* t: a prompt, and a pair if there is one */
void trace_free(Trace *t);

#endif
