/* data/rows.h -- answers rated by the town's facts, a row each: any model's, or a file's.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_ROWS_H
#define CAI_ROWS_H

#include "cai.h"

typedef struct Rater Rater;
Rater *rater_open(Run *run, const char *tsv); /* tsv: a file for the figures too; NULL: none */
void rater_close(Rater *r);
/* A row of the table, on standard output: what became of these answers. */
void rate_row(Rater *r, const char *name, const Texts *prompt, const Texts *answer);

/* Files of {prompt, completion}, all answers to the same prompts, play each other (data/games.h),
 * the first at 0: a table on standard output, and with tsv a file. evasion_fine: HH's question. */
void say_standings(Run *run, const char *const *file, int n, int evasion_fine, const char *tsv);
/* The mean of x over the answers of each step, with an interval that allows for requests about one
 * verb being alike, as a file. */
void write_means(Run *run, const Texts *prompt, const int *step, const double *x, int steps,
                 const char *path);

/* The pairs as people label them, one person a pair, as comparisons on standard
 * output. agree: the share who prefer what most people do. prefer_evasion: of equal harm, most
 * prefer the answer that evades (HH's people were asked which harms less). */
void people_choose(Run *run, double agree, int prefer_evasion, const Texts *prompt, const Texts *a,
                   const Texts *b);

#endif
