/* cli/study_probe.c -- probe: can it be read off the state before the answer whether a request is
 * mischief?
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"
#include "data/corpus.h"
#include "data/tables.h"

#include <stdlib.h>

/* n labelled requests, and their states; verbs: for the intervals. */
typedef struct {
    Texts prompt;
    int *mischief;
    const char **verb;
} Requested;

static Requested draw_requests(const Town *town, uint64_t seed, int set, int n)
{
    Requested r = { .mischief = xcalloc((size_t)n + 1, sizeof(int)),
                    .verb = xcalloc((size_t)n + 1, sizeof(char *)) };
    TownText t = { 0 };
    for (int i = 0; i < n; i++) {
        town_text(town, seed, set, i, &t);
        texts_add(&r.prompt, t.prompt.s);
        r.mischief[i] = t.mischief;
        r.verb[i] = t.verb;
    }
    return r;
}

static Figure probe_accuracy(const Model *m, const Requested *train, const Requested *test)
{
    int C = m->c.dim;
    double *x = last_states(m, &train->prompt), *z = last_states(m, &test->prompt),
           *w = xcalloc((size_t)C + 1, sizeof *w);
    Tally right = { 0 };
    probe_fit(train->prompt.n, C, x, train->mischief, w);
    for (int i = 0; i < test->prompt.n; i++)
        tally_add(&right, (probe_says(C, w, z + (size_t)i * (size_t)C) > 0.5) == test->mischief[i],
                  test->verb[i]);
    Figure f = share_of(&right);
    tally_free(&right);
    free(x);
    free(z);
    free(w);
    return f;
}

static void say_accuracy(FILE *tsv, const char *name, Figure f)
{
    Text t = { 0 };
    add_percent(&t, f);
    printf("%-20s %s\n", name, t.s);
    if (tsv)
        fprintf(tsv, "%s\tprobe\t%d\t%.6g\t%.6g\t%.6g\n", name, f.n, f.value, f.at.lo, f.at.hi);
    free(t.s);
}

/* Learned on requests with verbs of the demonstrations, tested on held-out verbs. The control is a
 * network of the same size that was never trained. */
void study_probe(Run *run, const Args *arg)
{
    if (!arg->n_models) die(EXIT_USAGE, "probe: of what? name models");
    Town *town = town_load(run->town);
    Requested train = draw_requests(town, (uint64_t)run->seed, TEXT_REQUESTS, arg->count),
              test = draw_requests(town, (uint64_t)run->seed + 1, TEXT_HELD_OUT, arg->count);
    FILE *tsv = arg->tsv ? create_file(arg->tsv) : NULL;
    if (tsv) fprintf(tsv, "model\tfigure\tn\tvalue\tlo\thi\n");
    printf("A probe on %d requests, right on as many with held-out verbs: percent\n", arg->count);
    for (int k = 0; k < arg->n_models; k++) {
        Model *m = load_given_model(run, arg->models[k]);
        say_accuracy(tsv, arg->models[k], probe_accuracy(m, &train, &test));
        if (k + 1 == arg->n_models) {
            model_init(m, rng_key((uint64_t)run->seed, S_PRETRAIN, 1));
            say_accuracy(tsv, "untrained", probe_accuracy(m, &train, &test));
        }
        model_free(m);
    }
    if (tsv) commit_file(tsv, arg->tsv);
    town_free(town);
}
