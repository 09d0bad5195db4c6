/* cai.h -- Constitutional AI (Bai et al. 2022, arXiv 2212.08073) on a laptop's CPU: what a
 * program calls.
 *
 * The paper's acts take models, texts and numbers; its stages read and write the files of a run.
 * Below them lie, each with a header of its own:
 *
 *     include/equations.h   equations.c   E1 to E14, the paper's equations, one function each
 *     include/tokenizer.h   tokenizer.c   byte-level BPE
 *     include/model.h       model.c       the network: layers, forward, backward
 *     include/train.h       train.c       losses over batches: SFT, PM, DPO, PPO
 *     include/run.h         (this run)    settings by stage, folder, constitution, tokenizer
 *     engine/               sampling, checkpoints, optimisers, texts as tokens, a run's files
 *     lib/                  files, JSON, text, random numbers, threads, matrix products
 *
 * Names: pi policy; pi_0 reference policy; r reward or PM score; p probability of a label;
 * lambda_kl and eps_clip as in the paper. docs/reading.md maps the paper's sections to functions.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_H
#define CAI_H

#include "engine/checkpoint.h"
#include "engine/decode.h"
#include "engine/documents.h"
#include "engine/forms.h"
#include "engine/load.h"
#include "engine/loop.h"
#include "engine/optim.h"
#include "engine/state.h"
#include "engine/texts.h"
#include "include/equations.h"
#include "include/model.h"
#include "include/run.h"
#include "include/tokenizer.h"
#include "include/train.h"
#include "lib/constitution.h"
#include "lib/files.h"
#include "lib/gemm.h"
#include "lib/json.h"
#include "lib/random.h"
#include "lib/records.h"
#include "lib/report.h"
#include "lib/seqs.h"
#include "lib/text.h"
#include "lib/threads.h"
#include "lib/vector.h"

/* The paper's layouts, byte for byte. Each appends to t. */
void layout_human(Text *t, const char *request); /* one human turn, assistant's turn opened */
void layout_critique(Text *t, const char *critique_request);
void layout_revision(Text *t, const char *revision_request);
void layout_choice(Text *t, const char *prompt, const char *principle, const char *a,
                   const char *b);
void layout_thought(Text *t, const char *prompt, const char *principle, const char *a,
                    const char *b);
extern const char *const THOUGHT_END; /* between chain and letter */

/* Texts in, texts out: samples an answer to each prompt; text i is drawn with the key of d at i. */
enum { MAX_CRITIQUE = 64, MAX_THOUGHT = 64 }; /* tokens; the town's are shorter */
Texts complete(const Model *m, const Texts *prompt, Draws d, int max_new, double temperature);
int draw_principle(Draws d, int n); /* one of n, independently for every d */
int *shuffled(int n, Draws d);      /* a random order of 0..n-1, to be freed */

/* Critique and revision under principle k: what the model reads before it writes either, and one
 * step for all prompts. */
char *critique_context(const Constitution *c, const char *prompt, const char *response, int k);
char *revision_context(const Constitution *c, const char *context, const char *critique, int k);
typedef struct {
    int *principle;
    Texts critique, revision;
} Revisions;
Revisions revise(const Model *m, const Constitution *c, const Texts *prompt, const Texts *response,
                 uint64_t seed, int step, int max_new);
int write_revisions(const Run *run, FILE *f, const Texts *prompt, const Texts *response,
                    const Revisions *r, int step); /* returns how many it changed */
void revisions_free(Revisions *r);

/* Supervised finetuning. */
AdamW finetuning(void);
void train_sl(Model *m, const Examples *e, int batch, double lr, uint64_t seed, Report *report);

/* AI feedback: judgement of pairs, and the labels made of it. */
typedef struct {
    int draws;           /* of a principle, for each of n pairs */
    double *p;           /* (n) the label */
    double *p_ab, *p_ba; /* (draws, n) */
    int *principle;      /* (draws, n) */
    Texts *chain;        /* (draws) of n texts */
} Feedback;
void judge(const Model *m, const Constitution *c, const Texts *prompt, char *const *principle,
           char *const *a, char *const *b, int plain, Draws d, double *p, Texts *chain);
void judge_both(const Model *m, const Constitution *c, const Texts *prompt, char *const *principle,
                char *const *a, char *const *b, int plain, int chains, Draws d, double *p_ab,
                double *p_ba, Texts *chain);
double label_of(const LabelSettings *s, double p_ab, double p_ba);
Texts sample_pairs(const Model *sl, const Texts *asked, int pairs, uint64_t seed, int max_new,
                   Texts *a, Texts *b);
void label_pairs(const Model *feedback, const Constitution *c, const LabelSettings *s,
                 uint64_t seed, const Texts *prompt, const Texts *a, const Texts *b, Feedback *f,
                 Report *report);
void write_feedback(const Run *run, FILE *out, const Texts *prompt, const Texts *a, const Texts *b,
                    const Feedback *f);
void feedback_free(Feedback *f);

/* Preference model. */
void train_pm(Model *pm, const Comparisons *c, int batch, double lr, Draws d, Report *report,
              const char *name);

/* PPO. */
Ppo ppo_settings(const Run *run, double lambda_kl);
double *prompt_levels(const Model *pi_0, const Model *pm, const Texts *prompts, int max_new);
Model *train_rl(const Model *pi_0, const Model *pm, const Texts *prompts, const Ppo *how, int iters,
                int batch, double lr, double value_lr, Draws d, Report *report, const char *name);

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
