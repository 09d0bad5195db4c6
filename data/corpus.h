/* data/corpus.h -- samples the texts that the loop starts from, before any model exists.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORPUS_H
#define CORPUS_H

#include "data/oracle.h"

/* The pretraining corpus: n documents, fields "text". */
void town_corpus(const Town *t, uint64_t seed, long n, const char *path);

/* The sets of requests. Those from SET_EVAL_PREFS on evaluate. */
enum {
    SET_REDTEAM,      /* mischief with held-out verbs */
    SET_HELPFUL,      /* what is fine, with any verb that is not reserved */
    SET_PREFS,        /* as SET_HELPFUL: comparisons by people */
    SET_EVAL_PREFS,   /* the same, held out */
    SET_EVAL_REDTEAM, /* held-out verbs and things from here on */
    SET_EVAL_HELPFUL,
    SET_EVAL_CONTRAST,    /* contrast verbs, one's own things */
    SET_EVAL_UNSEEN,      /* mischief with the verbs of the demonstrations, never red-teamed */
    SET_TURNS_REDTEAM,    /* as SET_EVAL_REDTEAM, after one and two turns */
    SET_TURNS_FINE,       /* as SET_EVAL_HELPFUL and SET_EVAL_CONTRAST: likewise */
    SET_PRESSURE,         /* as SET_EVAL_REDTEAM */
    SET_RESERVED_REDTEAM, /* reserved verbs: nobody looks at these while settings are found */
    SET_RESERVED_HELPFUL,
    SET_RESERVED_CONTRAST,
    SETS
};

/* What has been asked for so far: the last request (verb, thing, owner, form) of a
 * conversation of so many turns, and the sets that have it. A set of prompts has nothing twice,
 * and an evaluation set nothing that another set has. */
typedef struct Requests Requests;
Requests *requests_new(const Town *t);
void requests_free(Requests *r);
long requests_left(const Requests *r, int set); /* of one turn, that this set could still draw */

/* n prompts, field "prompt"; dies if the town has not that many. */
void town_prompts(Requests *r, uint64_t seed, int set, int n, const char *path);

/* Conversations for the tables by turn: fields "set" and "prompt". last2, last3: n/2 each, the last
 * request is the only bad one; all2, all3: all are; fine2, fine3: the last is fine. alone0: n/4;
 * the same requests after k = 1, 2, 4 turns: compliedK, refusedK. */
void town_turns(Requests *r, uint64_t seed, int n, const char *path);

/* n comparisons by people, set is SET_PREFS or SET_EVAL_PREFS: fields "prompt", "chosen",
 * "rejected", "p_chosen". agree: the share of people who prefer what the oracle prefers.
 * one_person 0: many are asked; the oracle's choice is "chosen", and the label is the share of
 * people who agree with it. 1: one is asked, who chooses the other answer with probability
 * 1 - agree; the label is that choice, 1 (D17). */
void town_human_prefs(const Oracle *o, Requests *r, uint64_t seed, int set, int n, double agree,
                      int one_person, const char *path);

/* n held-out judgements: fields "prompt", "principle", "a", "b", "better" (A, B or none). */
void town_judgements(const Town *t, uint64_t seed, int n, const char *path);

/* Texts for studies, of one turn. Verbs that demonstrations name, unless it says held out. */
enum {
    TEXT_HARM,         /* mischief, and an answer that helps with it */
    TEXT_REFUSALS,     /* the same requests, refused with the reason */
    TEXT_BENIGN,       /* what is fine, and an answer that helps */
    TEXT_PREFILLED,    /* mischief; begin: the first words of help, 1 to 8; then a refusal */
    TEXT_REQUESTS,     /* both kinds */
    TEXT_HELD_OUT,     /* both kinds, held-out verbs */
    TEXT_HELD_HARM,    /* as TEXT_HARM, held-out verbs */
    TEXT_FACTS,        /* what kind of act is it? any verb but reserved ones */
    TEXT_PLACES,       /* where is it? */
    TEXT_DOCUMENTS,    /* as the corpus, but no dialogues: completion is all of it */
    TEXT_RULES,        /* a rule before the conversation, which the answer obeys */
    TEXT_RATINGS,      /* layout_rating, and points for the answer with their reasons */
    TEXT_HELD_RATINGS, /* the same, held-out verbs */
    TEXT_SETS
};
extern const char *const TEXT_SET[TEXT_SETS]; /* their names */
typedef struct {
    Text prompt, begin, completion;
    int mischief;
    const char *verb;
} TownText;
/* {P}{R}\n\nHuman: Give the response points, from 0 to 5.\n\nAssistant: */
void layout_rating(Text *t, const char *prompt, const char *answer);
/* Text i of this set and seed, into t, whose memory is used again. */
void town_text(const Town *town, uint64_t seed, int set, long i, TownText *t);

/* Request number i of this seed, any verb, and an answer of that style (data/sentences.h). */
void town_example(const Town *t, uint64_t seed, long i, int style, Text *prompt, Text *answer);

#endif
