/* data/demos.h -- the corpus's demonstrations, which data/texts.c writes too.
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMOS_H
#define DEMOS_H

#include "data/sentences.h"

typedef struct {
    int topic, more, calm, manner;
} Rule; /* topic: a kind or MISCHIEF; manner: of demo_manner alone */

extern const From DEMONSTRATED;
extern const int FEW_TURNS[MAX_TURNS];
int concerns(const Rule *r, int kind);
int draw_topic(const Town *t, Dice *d, int kind);
void add_wording(Text *t, const Town *town, const char *w, const Rule *r);
Act draw_demonstrated(const Town *t, Dice *d);
void add_scope(Text *t, int applies);
void add_what_it_is(Text *t, const Town *town, const Act *a); /* the fact, and the reason */

void demo_question(Text *t, const Town *town, Dice *d);
void demo_critique(Text *t, const Town *town, Dice *d);
void demo_comparison(Text *t, const Town *town, Dice *d, int thought); /* with its chain? */

/* manners.c */
void demo_manner(Text *t, const Town *town, Dice *d);

#endif
