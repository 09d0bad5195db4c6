/* data/perplexity.c -- how well the models still read the text that they were pretrained on, on its
 * held-out documents: what finetuning costs, without an oracle.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "data/eval.h"

#include <math.h>
#include <stdlib.h>

/* exp of the mean loss (E13) over documents, each counted once; in brackets by the bootstrap. */
static Figure perplexity_of(Eval *e, const char *name, const char *file)
{
    Model *m = load_model(e->run, name);
    Examples docs = load_documents(e->run, file, m->c.seq_len);
    Trainer *reader = trainer_new(m, finetuning());
    Tally loss = { 0 };
    for (int i = 0; i < docs.seq.n; i++)
        tally_add(&loss, sft_eval(reader, &docs.seq, &i, 1, docs.mask), NULL);
    Figure f = mean_of(&loss, next_bootstrap(e));
    tally_free(&loss);
    examples_free(&docs);
    trainer_free(reader);
    return (Figure){ f.n, exp(f.value), { exp(f.at.lo), exp(f.at.hi) } };
}

void say_perplexity(Eval *e)
{
    static const char file[] = "data/eval_text.jsonl";
    Text t = { 0 };
    if (!is_there(run_path(e->run, file).s)) return;
    for (int m = 0; m < N_MODELS; m++) {
        Figure f = perplexity_of(e, MODELS[m], file);
        if (!m) text_add(&t, "\nPerplexity on held-out documents, n = %d:\n", f.n);
        text_add(&t, "  %-*s", NAME_WIDTH, MODEL_NAMES[m]);
        add_number(&t, f);
        text_add(&t, "\n");
        figure_metric(&e->run->report, MODELS[m], "perplexity", f);
    }
    say(e, &t);
    free(t.s);
}
