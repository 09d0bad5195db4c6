/* data/data.c -- the stage that writes what the run starts from: the corpus, prompts, people's comparisons
 * and the evaluation sets. Stands in for the paper's corpora, prompts and crowdworkers (D10).
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "data/stages.h"
#include "data/town.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void stage_data(Run *run)
{
    const DataSettings *s = &run->data;
    uint64_t seed = (uint64_t)run->seed;
    Town *town = town_load(run->town);
    Path folder = run_path(run, "data");
    if (mkdir(folder.s, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", folder.s, strerror(errno));
    oracle_awake = 1;
    town_corpus(town, seed, s->corpus, run_path(run, "data/corpus.jsonl").s);
    town_prompts(town, seed, SET_REDTEAM, s->redteam, run_path(run, "data/redteam.jsonl").s);
    town_prompts(town, seed, SET_HELPFUL, s->helpful, run_path(run, "data/helpful.jsonl").s);
    town_human_prefs(town, seed, 0, s->prefs, s->agree, run_path(run, "data/human_prefs.jsonl").s);
    town_human_prefs(town, seed, s->prefs, s->eval, s->agree, run_path(run, "data/eval_prefs.jsonl").s);
    town_prompts(town, seed, SET_EVAL_REDTEAM, s->eval, run_path(run, "data/eval_redteam.jsonl").s);
    town_prompts(town, seed, SET_EVAL_HELPFUL, s->eval, run_path(run, "data/eval_helpful.jsonl").s);
    town_prompts(town, seed, SET_EVAL_CONTRAST, s->eval, run_path(run, "data/eval_contrast.jsonl").s);
    town_judgements(town, seed, s->judgements, run_path(run, "data/judgements.jsonl").s);
    oracle_awake = 0;
}
