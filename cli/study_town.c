/* cli/study_town.c -- town: fresh texts of a kind, to train on or to ask with.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"
#include "data/corpus.h"
#include "data/rows.h"

#include <stdlib.h>
#include <string.h>

static int set_of(const Args *arg)
{
    int set = 0;
    Text names = { 0 };
    for (int k = 0; k < TEXT_SETS; k++) text_add(&names, " %s", TEXT_SET[k]);
    text_add(&names, " people");
    if (!arg->model) die(EXIT_USAGE, "town: of which kind? there are%s", names.s);
    while (set < TEXT_SETS && strcmp(TEXT_SET[set], arg->model)) set++;
    if (set == TEXT_SETS)
        die(EXIT_USAGE, "town %s: no such kind; there are%s", arg->model, names.s);
    free(names.s);
    return set;
}

/* The labels that the paper does without: people choose between the two of each pair. */
static void ask_people(Run *run, const Args *arg)
{
    Texts a = { 0 }, b = { 0 }, prompt = given_pairs(arg, &a, &b);
    people_choose(run, run->data.agree, arg->prefer_evasion, &prompt, &a, &b);
    texts_free(&prompt);
    texts_free(&a);
    texts_free(&b);
}

/* Fields that the kind does not have are left out. */
void study_town(Run *run, const Args *arg)
{
    if (arg->model && strcmp(arg->model, "people") == 0) {
        ask_people(run, arg);
        return;
    }
    int set = set_of(arg);
    Town *town = town_load(run->town);
    TownText t = { 0 };
    for (long i = 0; i < arg->count; i++) {
        town_text(town, (uint64_t)run->seed, set, i, &t);
        json_put(stdout, "{", "prompt", t.prompt.s);
        if (t.begin.n) json_put(stdout, ", ", "begin", t.begin.s);
        if (t.completion.n) json_put(stdout, ", ", "completion", t.completion.s);
        if (set == TEXT_REQUESTS || set == TEXT_HELD_OUT) printf(", \"mischief\": %d", t.mischief);
        printf("}\n");
    }
    town_free(town);
}
