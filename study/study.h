/* study/study.h -- acts beside the paper's, for the experiments in studies/: the same loop with a
 * part taken out, exchanged or added. cai.h has the paper's own.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_STUDY_H
#define CAI_STUDY_H

#include "cai.h"

/* Prefill: the assistant's turn begins with begin->s[i], put into its mouth, and the model goes on
 * from there. Returns the whole answers. */
Texts complete_from(const Model *m, const Texts *prompt, const Texts *begin, Draws d, int max_new,
                    double temperature);

/* The step `revise` of cai.h with its parts free: the critic writes the critiques (NULL: none,
 * the revision is asked for at once), the drafter the revisions, under principle[i], which passes
 * into the result. With one model and the principles that revise draws, the same bytes. */
Revisions revise_with(const Model *critic, const Model *drafter, const Constitution *c,
                      int *principle, const Texts *prompt, const Texts *response, uint64_t seed,
                      int step, int max_new);

/* E12, one epoch in random order, of pi against pi_0; pi starts as pi_0 and ipo as in dpo_step. */
void train_dpo(Model *pi, const Model *pi_0, const Comparisons *c, int ipo, double beta, int batch,
               double lr, uint64_t seed, Report *report);

/* The final state of each prompt's last token: what the model knows when it begins to answer.
 * (prompt->n, C), to be freed. */
double *last_states(const Model *m, const Texts *prompt);
/* A logistic probe on states x (n, C) with labels y of 0 or 1: weights w (C + 1), the last one the
 * bias; probe_says gives its probability of 1 for one state. */
void probe_fit(int n, int C, const double *x, const int *y, double *w);
double probe_says(int C, const double *w, const double *x);

#endif
