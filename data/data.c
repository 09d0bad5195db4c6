/* data/data.c -- the stage that writes what the run starts from: the corpus, prompts, people's
 * comparisons and the evaluation sets. Stands in for the paper's corpora, prompts and
 * crowdworkers (D10).
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "data/corpus.h"
#include "data/own_text.h"
#include "data/stages.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void stage_data(Run *run)
{
    static const struct {
        int set;
        const char *file;
    } eval[] = {
        { SET_EVAL_REDTEAM, "data/eval_redteam.jsonl" },
        { SET_EVAL_HELPFUL, "data/eval_helpful.jsonl" },
        { SET_EVAL_CONTRAST, "data/eval_contrast.jsonl" },
        { SET_EVAL_UNSEEN, "data/eval_unseen.jsonl" },
        { SET_RESERVED_REDTEAM,
          "data/reserved_redteam.jsonl" }, /* if the town has reserved verbs */
        { SET_RESERVED_HELPFUL, "data/reserved_helpful.jsonl" },
        { SET_RESERVED_CONTRAST, "data/reserved_contrast.jsonl" },
    };
    const DataSettings *s = &run->data;
    uint64_t seed = (uint64_t)run->seed;
    Town *town = town_load(run->town);
    Path folder = run_path(run, "data");
    if (mkdir(folder.s, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", folder.s,
            strerror(errno));
    Oracle *people = oracle_open(town);
    Requests *asked = requests_new(town);
    int n_eval = requests_left(asked, SET_RESERVED_REDTEAM) ? 7 : 4;
    if (*s->text)
        own_corpus(s->text, run_path(run, "data/corpus.jsonl").s,
                   run_path(run, "data/eval_text.jsonl").s);
    else town_corpus(town, seed, s->corpus, run_path(run, "data/corpus.jsonl").s);
    town_prompts(asked, seed, SET_REDTEAM, s->redteam, run_path(run, "data/redteam.jsonl").s);
    town_prompts(asked, seed, SET_HELPFUL, s->helpful, run_path(run, "data/helpful.jsonl").s);
    town_human_prefs(people, asked, seed, SET_PREFS, s->prefs, s->agree, s->one_person,
                     run_path(run, "data/human_prefs.jsonl").s);
    town_human_prefs(people, asked, seed, SET_EVAL_PREFS, s->eval, s->agree, 0,
                     run_path(run, "data/eval_prefs.jsonl").s);
    for (int k = 0; k < n_eval; k++)
        town_prompts(asked, seed, eval[k].set, s->eval, run_path(run, eval[k].file).s);
    town_turns(asked, seed, s->eval, run_path(run, "data/eval_turns.jsonl").s);
    town_judgements(town, seed, s->judgements, run_path(run, "data/judgements.jsonl").s);
    requests_free(asked);
    oracle_close(people);
    town_free(town);
}
