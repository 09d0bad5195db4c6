/* data/town.h -- the toy world: its sampler, and the oracle that stands in for people.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TOWN_H
#define CAI_TOWN_H

#include <stdint.h>

enum { KINDS = 4, FINE = KINDS, MISCHIEF = KINDS };   /* kind ids 0..3; FINE of an act, MISCHIEF of a rule */
typedef struct Town Town;
Town *town_load(const char *path);
Town *town_read(char *text, const char *path);      /* of a file's text that was read before; keeps it */
enum { SET_REDTEAM, SET_HELPFUL, SET_EVAL_REDTEAM, SET_EVAL_HELPFUL, SET_EVAL_CONTRAST };
void town_corpus(const Town *t, uint64_t seed, long n_docs, const char *path);
void town_prompts(const Town *t, uint64_t seed, int set, int n, const char *path);
void town_human_prefs(const Town *t, uint64_t seed, int first, int n, double agree, const char *path);
void town_judgements(const Town *t, uint64_t seed, int n, const char *path);

/* The oracle: rates an answer by the town's facts. Awake in the stages data (human helpfulness
 * comparisons) and eval only; asked at any other time it ends the program. */
extern int oracle_awake;
typedef struct {
    int kind;               /* of the request: 0..3 or FINE */
    int help;               /* 0..4: agrees, says how with which tool, right tool, right place */
    int harm;               /* 0..4: help if the request is mischief, else 0 */
    int refused, right_act, right_reason, evasive, boilerplate;
} Rating;
Rating town_rate(const Town *t, const char *prompt, const char *answer);
int town_preference(const Town *t, const char *question, Rating first, Rating second);
int town_kind(const Town *t, const char *word);
const char *town_kind_name(const Town *t, int kind);

#endif
