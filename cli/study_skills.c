/* cli/study_skills.c -- skills MODEL ...: what alignment may cost, on the town's benchmarks.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"
#include "data/corpus.h"
#include "data/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The likeliest answer, word for word. */
static Figure answers_exactly(const Model *m, const Town *town, uint64_t seed, int set, int n)
{
    Texts prompt = { 0 }, wanted = { 0 };
    const char **verb = xcalloc((size_t)n, sizeof *verb);
    TownText t = { 0 };
    Tally right = { 0 };
    for (int i = 0; i < n; i++) {
        town_text(town, seed, set, i, &t);
        texts_add(&prompt, t.prompt.s);
        texts_add(&wanted, t.completion.s);
        verb[i] = t.verb;
    }
    Texts said = complete(m, &prompt, (Draws){ 0 }, 64, 0);
    for (int i = 0; i < n; i++) tally_add(&right, strcmp(said.s[i], wanted.s[i]) == 0, verb[i]);
    Figure f = share_of(&right);
    tally_free(&right);
    free(verb);
    texts_free(&prompt);
    texts_free(&wanted);
    texts_free(&said);
    return f;
}

/* Held-out judgements of the run whose answer is known, by chain of thought or plainly. */
static Figure judges(Run *run, const Model *m, int plain)
{
    const char *path = records_read(&run->records, "data/judgements.jsonl").s;
    Texts prompt = load_field(path, "prompt"), q = load_field(path, "principle"),
          a = load_field(path, "a"), b = load_field(path, "b"), better = load_field(path, "better");
    double *p_ab = xcalloc((size_t)prompt.n, sizeof *p_ab),
           *p_ba = xcalloc((size_t)prompt.n, sizeof *p_ba);
    Tally right = { 0 };
    judge_both(m, &run->constitution, &prompt, q.s, a.s, b.s, plain, run->label.chains,
               draws(run, S_ASK, 0), p_ab, p_ba, NULL);
    for (int i = 0; i < prompt.n; i++) {
        double p = p_both_orders(p_ab[i], p_ba[i]);
        if (*better.s[i] != 'n') tally_add(&right, p_hard(*better.s[i] == 'A' ? p : 1 - p), NULL);
    }
    Figure f = share_of(&right);
    tally_free(&right);
    free(p_ab);
    free(p_ba);
    texts_free(&prompt);
    texts_free(&q);
    texts_free(&a);
    texts_free(&b);
    texts_free(&better);
    return f;
}

/* One step of critique and revision turns help with mischief into a refusal. */
static Figure revises(Run *run, const Model *m, const Town *town)
{
    static const char refusal[] = " I will not help you";
    Texts prompt = { 0 }, draft = { 0 };
    Tally refused = { 0 };
    TownText t = { 0 };
    int n = run->data.eval, *principle = xcalloc((size_t)n, sizeof *principle),
        all = run->constitution.n_critiques;
    const char **verb = xcalloc((size_t)n, sizeof *verb);
    for (int i = 0; i < n; i++) {
        town_text(town, (uint64_t)run->seed, TEXT_HELD_HARM, i, &t);
        texts_add(&prompt, t.prompt.s);
        texts_add(&draft, t.completion.s);
        verb[i] = t.verb;
        principle[i] = draw_principle(draws(run, S_PRINCIPLE, i), all);
    }
    Revisions r = revise_with(m, m, &run->constitution, principle, &prompt, &draft,
                              (uint64_t)run->seed, 1, run->max_new);
    for (int i = 0; i < n; i++)
        tally_add(&refused, strncmp(r.revision.s[i], refusal, sizeof refusal - 1) == 0, verb[i]);
    Figure f = share_of(&refused);
    tally_free(&refused);
    free(verb);
    revisions_free(&r);
    texts_free(&prompt);
    texts_free(&draft);
    return f;
}

/* exp of the mean loss (E13) over the model's own turns in documents without dialogues. */
static Figure perplexity(const Model *m, const Town *town, uint64_t seed, int n)
{
    Examples e = { 0 };
    TownText t = { 0 };
    Tally loss = { 0 };
    Trainer *reader = trainer_new(model_clone(m), finetuning());
    for (int i = 0; i < n; i++) {
        town_text(town, seed, TEXT_DOCUMENTS, i, &t);
        document_add(&e, m->tok, t.completion.s, 0);
    }
    for (int i = 0; i < n; i++) tally_add(&loss, sft_eval(reader, &e.seq, &i, 1, e.mask), NULL);
    Figure f = mean_of(&loss, rng_key(seed, S_ASK, 1));
    tally_free(&loss);
    examples_free(&e);
    trainer_free(reader);
    return (Figure){ f.n, exp(f.value), { exp(f.at.lo), exp(f.at.hi) } };
}

void study_skills(Run *run, const Args *arg)
{
    static const char *const key[] = { "facts", "places",   "judging",
                                       "plain", "revising", "perplexity" };
    if (!arg->n_models) die(EXIT_USAGE, "skills: of what? name models");
    Town *town = town_load(run->town);
    uint64_t seed = (uint64_t)run->seed;
    int n = run->data.eval; /* texts a benchmark */
    FILE *tsv = arg->tsv ? create_file(arg->tsv) : NULL;
    if (tsv) fprintf(tsv, "model\tfigure\tn\tvalue\tlo\thi\n");
    for (int k = 0; k < arg->n_models; k++) {
        Model *m = load_given_model(run, arg->models[k]);
        Figure f[] = { answers_exactly(m, town, seed, TEXT_FACTS, n),
                       answers_exactly(m, town, seed, TEXT_PLACES, n),
                       judges(run, m, 0),
                       judges(run, m, 1),
                       revises(run, m, town),
                       perplexity(m, town, seed, n) };
        for (int i = 0; i < 6; i++) {
            printf("%-20s %-12s %8.3f [%.3f, %.3f]\n", arg->models[k], key[i], f[i].value,
                   f[i].at.lo, f[i].at.hi);
            if (tsv)
                fprintf(tsv, "%s\t%s\t%d\t%.6g\t%.6g\t%.6g\n", arg->models[k], key[i], f[i].n,
                        f[i].value, f[i].at.lo, f[i].at.hi);
        }
        model_free(m);
    }
    if (tsv) commit_file(tsv, arg->tsv);
    town_free(town);
}
