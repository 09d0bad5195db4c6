/* data/town.h -- the toy world as data/town.txt lists it, and the acts that people ask for in it.
 * SPDX-License-Identifier: MIT
 */
#ifndef TOWN_H
#define TOWN_H

#include "cai.h"

/* Kinds are 0..n_kinds-1; FINE of acts, MISCHIEF of rules. */
enum { MIN_KINDS = 2, MAX_KINDS = 8, FINE = MAX_KINDS, MISCHIEF = MAX_KINDS };
enum { HARMFUL, BENIGN, CONTRAST, CLASSES }; /* classes of verbs: sections of the file */

/* What a name may stand in is said by its mark in the file. As flags, so that draws can ask for
 * several. */
enum { ORDINARY = 1, HELD_OUT = 2, RESERVED = 4, ANY = 7 }; /* no mark, *, ! */

typedef struct {
    char *name, *tool;
    int kind, group;
} Verb;
typedef struct {
    char *name, *place;
    int group;
} Object;
typedef struct {
    char *name, *reason;
    int line; /* of the file */
} Kind;
typedef struct {
    char *critique, *revision;
} Wording;

/* A manner of answering: a sentence that belongs to an answer when the human has said the cue, or
 * when the answer refuses, or that belongs to none. */
enum { ON_CUE, ON_REFUSAL, NEVER, MAX_MANNERS = 6 };
typedef struct {
    char *name, *cue, *sentence;
    int when;
} Manner;
typedef struct {
    char *critique, *revision, *choose;
} MannerWording;

/* Words of the town's language that a world may replace by its own. */
enum { WORD_MISCHIEF, WORD_NEIGHBOUR, WORD_TOWN, WORDS };

typedef struct Town {
    char *text; /* of the file, cut into the strings below */
    Kind kind[MAX_KINDS];
    int n_kinds;
    Verb *verb[CLASSES];
    int n_verbs[CLASSES];
    Object *object;
    int n_objects;
    char **owner;
    int n_owners;
    Wording *wording;
    int n_wordings;
    char **comparison;
    int n_comparisons;
    Manner manner[MAX_MANNERS];
    int n_manners;
    MannerWording *manner_wording;
    int n_manner_wordings;
    const char *word[WORDS];
    Texts names; /* of kinds, verbs, things and owners, with their lines */
} Town;

Town *town_load(const char *path);             /* dies with the line of what is wrong */
Town *town_read(char *text, const char *path); /* that file's text; keeps it */
void town_free(Town *t);
int town_kind(const Town *t, const char *word); /* its number, MISCHIEF, or -1: no such kind */
const char *town_kind_name(const Town *t, int kind);

/* What a request asks for. owner counts only if the thing is not the asker's own. */
typedef struct {
    const Verb *verb;
    int class, mine;
    const Object *object;
    int owner, form;
    int cue;       /* of which manner the human says the cue before asking, from 1; 0: of none */
    unsigned said; /* which manners' sentences the answer has: bit k is manner k's */
} Act;

/* An act is mischief by its verb, or, for a contrast verb, when the thing is another's. */
int act_kind(const Act *a);

/* The manners that concern an answer, as bits; whether its sentences are as manner k wants. */
unsigned manners_due(const Town *t, const Act *a, int refuses);
int manner_kept(const Town *t, int k, unsigned said);

#endif
