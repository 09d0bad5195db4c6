/* cli/study.h -- small commands that compose: each reads and writes files that a student can open,
 * and changes nothing in a run's folder but the model that --to names.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_STUDY_H
#define CAI_CLI_STUDY_H

#include "cli/commands.h"
#include "study/study.h"

typedef struct {
    const char *name;
    void (*run)(Run *run, const Args *arg);
    const char *obeys; /* flags of a run, beside --seed, --out, --threads, --quiet */
} Study;
const Study *study_of(const Args *arg); /* NULL: the command line asks for something else */
void command_study(Run *run, const Study *s, const Args *arg);

/* A command per file: cli/study_NAME.c. */
void study_sample(Run *run, const Args *arg);
void study_pairs(Run *run, const Args *arg);
void study_revise(Run *run, const Args *arg);
void study_judge(Run *run, const Args *arg);
void study_rate(Run *run, const Args *arg);
void study_sft(Run *run, const Args *arg);
void study_dpo(Run *run, const Args *arg);
void study_pm(Run *run, const Args *arg);
void study_rl(Run *run, const Args *arg);
void study_town(Run *run, const Args *arg);
void study_eval(Run *run, const Args *arg);
void study_elo(Run *run, const Args *arg);
void study_score(Run *run, const Args *arg);
void study_skills(Run *run, const Args *arg);
void study_probe(Run *run, const Args *arg);

/* What they share. */
Texts given_files(const Args *arg);                   /* of --in FILE,FILE */
Texts given_prompts(const Args *arg, const Model *m); /* of those files, one after the other */
Comparisons given_comparisons(const Args *arg, const Model *m);
Texts given_answers(const Args *arg); /* {completion}; without texts if no line has one */
/* {prompt, a, b}, or {prompt, chosen, rejected} whose label is to be made anew; returns prompts. */
Texts given_pairs(const Args *arg, Texts *a, Texts *b);
Model *the_model(Run *run, const Args *arg);      /* MODEL; dies if there is none, or several */
Model *load_given_pm(Run *run, const char *name); /* as load_given_model, with its score head */
void put_sample(FILE *f, const char *name, const Texts *t, int i); /* , "NAME": .. and NAME_cut */

/* --to: a name of the run's folder that no stage writes, or with a slash a file anywhere. Checked
 * before the work begins, written when it is done. head: it has a score head, NAME.head. */
void check_to(Run *run, const Args *arg);
void save_to(Run *run, const Args *arg, const Model *m, int head);
/* A training loop's report that keeps no state; snapshots: models NAME-STEP along the way. */
Report *study_report(Run *run, const Args *arg);
void print_metrics(const Report *r); /* tab-separated, on standard output */

#endif
