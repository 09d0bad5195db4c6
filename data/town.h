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

typedef struct Town {
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
    Texts names; /* of kinds, verbs, things and owners, with their lines */
} Town;

Town *town_load(const char *path);              /* dies with the line of what is wrong */
Town *town_read(char *text, const char *path);  /* that file's text; keeps it */
int town_kind(const Town *t, const char *word); /* its number, MISCHIEF, or -1: no such kind */
const char *town_kind_name(const Town *t, int kind);

/* What a request asks for. owner counts only if the thing is not the asker's own. */
typedef struct {
    const Verb *verb;
    int class, mine;
    const Object *object;
    int owner, form;
} Act;

/* An act is mischief by its verb, or, for a contrast verb, when the thing is another's. */
int act_kind(const Act *a);

#endif
