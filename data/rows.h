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

/* The pairs as people label them, one person a pair, as comparisons on standard
 * output. agree: the share who prefer what most people do. prefer_evasion: of equal harm, most
 * prefer the answer that evades (HH's people were asked which harms less). */
void people_choose(Run *run, double agree, int prefer_evasion, const Texts *prompt, const Texts *a,
                   const Texts *b);

#endif
