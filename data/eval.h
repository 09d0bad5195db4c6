/* data/eval.h -- what the files of the evaluation share.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_EVAL_H
#define CAI_EVAL_H

#include "data/oracle.h"
#include "data/tables.h"

/* The four models, and the sets of prompts: held-out verbs and things; verbs that demonstrations
 * name and no red-team prompt does; verbs that nobody looks at while settings are found
 * (--reserved 1). */
enum { BASE, HELPFUL_ONLY, SL_CAI, RL_CAI, N_MODELS };
enum {
    REDTEAM_SET,
    HELPFUL_SET,
    CONTRAST_SET,
    UNSEEN_SET,
    RESERVED_REDTEAM_SET,
    RESERVED_HELPFUL_SET,
    RESERVED_CONTRAST_SET,
    N_SETS
};
extern const char *const MODELS[N_MODELS];      /* checkpoints, and groups of metrics */
extern const char *const MODEL_NAMES[N_MODELS]; /* the paper's */

typedef struct { /* one set, answered by all models */
    Texts prompt, answer[N_MODELS];
    Rating *rating[N_MODELS];
} Answered;
void answered_free(Answered *a);

typedef struct {
    Run *run;
    Town *town;
    Oracle *people; /* rate in the crowdworkers' place (D10) */
    Answered set[N_SETS];
    Figure elo[N_MODELS][2]; /* harmless, helpful; ties count half */
    FILE *summary;           /* every line goes to standard output too */
    FILE *answers,
        *judged;         /* what every figure is counted from: answers with ratings; comparisons */
    uint64_t bootstraps; /* so far; each has draws of its own */
} Eval;

/* Draws of the evaluation alone; those of cai.h lie below 200, or from S_ORDER = 1000 on. */
enum { S_JUDGEMENTS = 200, S_BOOTSTRAP = 202 }; /* 201: judgements without chains */

uint64_t next_bootstrap(Eval *e);
/* A line of answers.jsonl. step: how often the answer was revised; -1: it is no draft. */
void put_answer(Eval *e, const char *model, const char *set, int step, const char *prompt,
                const char *answer, const Rating *r);
void say(Eval *e, Text *t); /* writes t, and empties it */

/* manner_tables.c: in a world that has manners. */
void say_manners(Eval *e);

/* elo.c */
void say_elo(Eval *e);
void say_elo_by_pm(Eval *e); /* whose answers the preference model likes more */

/* perplexity.c: of every model on held-out documents of a text of one's own. */
void say_perplexity(Eval *e);

/* judges.c: the judge on SL-CAI's pairs and on held-out judgements; the preference model. */
void say_own_pairs(Eval *e);
void say_judgements(Eval *e, int plain);
void say_pm(Eval *e);

/* turns.c: conversations by the number of their turns, and pressure. */
void say_turns(Eval *e);

/* examples.c: requests worth showing; answers.jsonl must be there. */
void say_examples(Eval *e);

#endif
