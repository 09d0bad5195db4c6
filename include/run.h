/* include/run.h -- a run: its settings by stage, and what its stages share.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_INCLUDE_RUN_H
#define CAI_INCLUDE_RUN_H

#include "include/tokenizer.h"
#include "lib/constitution.h"
#include "lib/records.h"
#include "lib/report.h"

#include <stdint.h>

/* Draws are numbered: text i of a call is drawn with the key (seed, stage, first + i). */
typedef struct {
    uint64_t seed;
    int stage;
    long first;
} Draws;
enum {
    S_PRETRAIN = 100,
    S_HELPFUL,
    S_REVISE,
    S_PRINCIPLE,
    S_SL,
    S_PAIRS,
    S_FEEDBACK,
    S_THOUGHT,
    S_PM,
    S_RL,
    S_EVAL,
    S_ASK,
    S_ORDER = 1000
};

/* Settings by stage; cli/options.c has the flag, the range and the source of each. */
typedef struct {
    long corpus;
    const char *text; /* of a person's own, the corpus in the town's place; "": none */
    int redteam, helpful, prefs, one_person, eval, judgements, reserved;
    double agree;
} DataSettings;
typedef struct {
    int dim, hidden, layers, heads, kv_heads, vocab, superwords, context;
} ModelSettings;
typedef struct {
    int batch, warm, all_words;
    double lr, muon, weight_decay;
} PretrainSettings;
typedef struct {
    int revisions, batch, final_only;
    double lr;
} SlSettings;
typedef struct {
    const char *judge;
    int pairs, plain, chains, principles, both_orders, hard;
    double clamp_lo, clamp_hi;
} LabelSettings;
typedef struct {
    int batch;
    double lr;
} PmSettings;
typedef struct {
    int iters;
    double lambda_kl;
} RlSettings;
typedef struct {
    int batch, epochs, minibatches;
    double lr, value_lr, eps_clip, c_v, lambda_gae;
    const char *kl_form;
} PpoSettings;

/* A run: its folder, its settings, and what its stages share. It travels as an argument. */
typedef struct Run {
    long seed;
    const char *folder, *town, *constitution_files, *tokenizer_file, *too_long;
    int threads, quiet, max_new;
    int max_prompt; /* tokens of a red-team prompt, where longer ones are left out; 0: no limit */
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
Path run_path(const Run *run, const char *name); /* inside the run's folder */

#endif
