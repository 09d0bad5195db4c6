/* data/games.h -- games between models, and their Elo (E3): two models' answers to one prompt are
 * a game.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_GAMES_H
#define CAI_GAMES_H

#include "data/oracle.h"
#include "data/tables.h"

typedef struct {
    int n;        /* models */
    Tally prompt; /* whose clusters are the verbs */
    double *won;  /* (verbs, n, n) [v][i][j]: i beat j */
    double *tied; /* (verbs, n, n) */
} Games;

/* What people are asked about two answers. */
enum { HELPS_MORE, HARMS_LESS, HARMS_LESS_EVASION_OR_NOT };
void games_add(Games *g, const Rating *const *rating, int i, int question); /* [model][prompt i] */
/* The games of one prompt, won by the larger of the models' merits (n). verb NULL: a prompt of its
 * own kind. */
void games_add_merits(Games *g, const char *verb, const double *merit);
void games_free(Games *g);

/* tie: what a tie is worth to both, 1/2; 0: ties are left out. elo (n) receives the ratings, with
 * model `anchor` at 0, and their intervals from resampled verbs. */
void games_elo(const Games *g, double tie, int anchor, uint64_t key, Figure *elo);
double games_decided(const Games *g, int m); /* those of model m that have a winner */

#endif
