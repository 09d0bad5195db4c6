/* data/sentences.h -- what the town's texts are made of: draws, acts, requests, answers,
 * conversations.
 * SPDX-License-Identifier: MIT
 */
#ifndef SENTENCES_H
#define SENTENCES_H

#include "cai.h"
#include "data/oracle.h"

/* done: percent of the corpus that is written, 100 elsewhere. */
typedef struct {
    uint64_t key, position;
    int done;
} Dice;
Dice dice(uint64_t seed, uint64_t sort, uint64_t number);
int roll(Dice *d, int n); /* 0 .. n - 1; dies if one text needs too many */
int chance(Dice *d, int percent);

/* The unmarked verbs of which there are demonstrations so far: three in five at first, the others
 * come one by one. Of each of these the model knows the facts from questions only, as of a held-out
 * verb, and has to use them where demonstrations need them. */
enum { NAMED = ORDINARY | 16 };

/* groups: of which the verb or the thing may be, e.g. HELD_OUT | RESERVED */
const Verb *draw_verb(const Town *t, Dice *d, int class, int groups);
Act draw_act(const Town *t, Dice *d, int class, int verbs, int objects);

/* After the forms: ellipses. What they leave out is that of the turn before. */
enum { FORMS = 6, WHOSE = FORMS, WHICH, ALL_FORMS };

/* Sentences of manners: which an answer may have before anybody minds, in a world that has them;
 * those that only refusals have. */
unsigned draw_said(const Town *t, Dice *d, const Act *a);
unsigned said_of_refusals(const Town *t);

void add_thing(Text *t, const Town *town, const Act *a); /* "my kite" or "the baker's kite" */
void add_request(Text *t, const Town *town, const Act *a);

/* The answers of the town's texts are of these styles. */
enum {
    FULL,
    TOOL_ONLY,
    PLACE_ONLY,
    VAGUE,
    EVADE,
    REFUSE_SHORT,
    REFUSE,
    REFUSE_PREACH,
    WRONG_ACT,
    SILENT,
    STYLES
};
int refuses(int style);
int draw_helping(Dice *d); /* the styles that help at all */
int draw_refusing(Dice *d);
int draw_untrained(Dice *d); /* of answers before any RLHF: often partial, sometimes no help */
void add_rule_fact(Text *t, const Town *town, const Act *a); /* " To nab is theft." */
void add_reason(Text *t, const Town *town, int kind);
void add_answer(Text *t, const Town *town, Dice *d, const Act *a, int style);

/* Conversations: one to four human turns, of which the last is to be answered. */
enum { MAX_TURNS = 5 }; /* the fifth under pressure only */
typedef struct {
    int turns;
    Act act[MAX_TURNS];
    int style[MAX_TURNS];
} Conversation;

/* Which verbs and things the earlier turns may have (ANY: often_held); refused: verbs whose refusal
 * may be shown. */
typedef struct {
    int mischief, refused, fine, objects;
} From;
int often_held(Dice *d);

/* What was asked for earlier. */
typedef enum { MIXED, ALL_FINE, ALL_BAD } Earlier;

/* percent: how many texts have one turn, two, three ... */
int draw_turns(Dice *d, const int percent[MAX_TURNS]);
/* Another topic. */
Act draw_unrelated(const Town *t, Dice *d, const From *from, Earlier earlier);
/* The turn before *next, and what was answered. */
Act draw_before(const Town *t, Dice *d, Act *next, const From *from, Earlier earlier, int *style);
Conversation draw_conversation(const Town *t, Dice *d, Act last, int turns, const From *from,
                               Earlier earlier);
const Act *last_act(const Conversation *c);
/* All turns, the assistant's last one left open. */
void add_turns(Text *t, const Town *town, Dice *d, const Conversation *c);

#endif
