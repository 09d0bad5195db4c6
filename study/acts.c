/* study/acts.c -- sampling from the middle of an answer, revision with its parts free, DPO.
 * SPDX-License-Identifier: MIT
 */
#include "study/study.h"

#include <stdlib.h>
#include <string.h>

/* The prompt and what is put into the mouth are cut into tokens one by one, as they are in
 * training: " Sure" is then the very token that the model would have said. */
Texts complete_from(const Model *m, const Texts *prompt, const Texts *begin, Draws d, int max_new,
                    double temperature)
{
    Seqs p = { 0 }, out = { 0 };
    Texts answer = { 0 };
    Sampling how = { .temperature = temperature, .max_new = max_new };
    uint64_t *key = xcalloc((size_t)prompt->n + 1, sizeof *key);
    answer_stops(m->tok, how.stop);
    for (int i = 0; i < prompt->n; i++) {
        push_text(&p, m->tok, prompt->s[i], begin->s[i], 0);
        check_length(&p, i, m->c.seq_len - 1, prompt, i);
        key[i] = rng_key(d.seed, (uint64_t)d.stage, (uint64_t)(d.first + i));
    }
    sample(m, &p, key, how, &out, NULL);
    for (int i = 0; i < out.n; i++) {
        int n = seq_len(&out, i), last = n ? seq_tok(&out, i)[n - 1] : -1;
        char *s = decode(m->tok, seq_tok(&out, i), n - is_stop(last, how.stop), NULL);
        Text whole = { 0 };
        text_add(&whole, "%s%s", begin->s[i], s);
        texts_add(&answer, whole.s);
        answer.cut[i] = !is_stop(last, how.stop);
        free(whole.s);
        free(s);
    }
    seqs_free(&p);
    seqs_free(&out);
    free(key);
    return answer;
}

Revisions revise_with(const Model *critic, const Model *drafter, const Constitution *c,
                      int *principle, const Texts *prompt, const Texts *response, uint64_t seed,
                      int step, int max_new)
{
    int n = prompt->n;
    Texts context = { .from = prompt };
    Revisions r = { .principle = principle };
    for (int i = 0; i < n; i++) {
        Text t = { 0 };
        text_add(&t, "%s%s%s", c->critique_examples.s ? c->critique_examples.s : "", prompt->s[i],
                 response->s[i]);
        if (critic) layout_critique(&t, c->critique[principle[i]].critique);
        texts_add(&context, t.s);
        free(t.s);
    }
    if (critic)
        r.critique =
            complete(critic, &context, (Draws){ seed, S_REVISE, 2L * step * n }, MAX_CRITIQUE, 1);
    for (int i = 0; i < n; i++) {
        Text t = { 0 };
        if (!critic) texts_add(&r.critique, "");
        text_add(&t, "%s%s", context.s[i], r.critique.s[i]);
        layout_revision(&t, c->critique[principle[i]].revision);
        free(context.s[i]);
        context.s[i] = t.s;
    }
    r.revision =
        complete(drafter, &context, (Draws){ seed, S_REVISE, (2L * step + 1) * n }, max_new, 1);
    texts_free(&context);
    return r;
}

/* What both answers of a pair begin with cancels in E12, value and gradient, whether it is the
 * prompt or the first words of both answers. So the prompt may as well reach that far. */
static int *common_starts(const Seqs *pair)
{
    int *len = xcalloc((size_t)pair->n + 1, sizeof *len);
    for (int b = 0; b + 1 < pair->n; b += 2) {
        const int *x = seq_tok(pair, b), *y = seq_tok(pair, b + 1);
        int n = 0;
        while (n < seq_len(pair, b) && n < seq_len(pair, b + 1) && x[n] == y[n]) n++;
        len[b] = len[b + 1] = n;
    }
    return len;
}

void train_dpo(Model *pi, const Model *pi_0, const Comparisons *c, int ipo, double beta, int batch,
               double lr, uint64_t seed, Report *report)
{
    int n = c->pair.n / 2, total = (n + batch - 1) / batch, *prompt_len = common_starts(&c->pair);
    int *order = shuffled(n, (Draws){ seed, S_ORDER, S_RL });
    Trainer *t = trainer_new(pi, finetuning());
    for (int k = (int)resume(report, "dpo", t); k < total; k++) {
        int size = k + 1 < total ? batch : n - k * batch;
        double loss = dpo_step(t, pi_0, &c->pair, prompt_len, c->p, order + k * batch, size, ipo,
                               beta, lr * lr_schedule(LR_LINEAR, k, 5, total));
        progress(report, k + 1, total, "loss", loss);
        metric(report, k, "loss", loss);
        save_progress(report, "dpo", t, k + 1);
    }
    trainer_free(t);
    free(order);
    free(prompt_len);
}
