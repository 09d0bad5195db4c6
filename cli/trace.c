/* cli/trace.c -- one request through every stage, with every number.
 *
 * Reading order: one function a part of the loop, then the whole.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/commands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* log P(completion | prompt), in nats. */
static double logprob_of(const Model *m, const char *prompt, const char *completion, int finished)
{
    Seqs s = { 0 };
    double sum;
    int n = push_text(&s, m->tok, prompt, completion, finished);
    completion_logprobs(m, &s, &n, &sum, NULL);
    seqs_free(&s);
    return sum;
}

/* One step of critique and revision; takes the response and leaves its revision there. */
static void trace_step(Run *run, const Model *m, const Texts *prompt, Texts *response, int step)
{
    const Constitution *law = &run->constitution;
    Revisions r = revise(m, law, prompt, response, (uint64_t)run->seed, step, run->max_new);
    const Principle *p = &law->critique[r.principle[0]];
    Text c = { 0 };
    text_add(&c, "%s%s%s", law->critique_examples.s ? law->critique_examples.s : "", prompt->s[0],
             response->s[0]);
    layout_critique(&c, p->critique);
    printf("2 step %d, principle drawn: %s\n    %s\n    critique%s\n        log P = %.3f\n", step,
           printable(p->id), printable(p->critique), printable(r.critique.s[0]),
           logprob_of(m, c.s, r.critique.s[0], 0));
    text_add(&c, "%s", r.critique.s[0]);
    layout_revision(&c, p->revision);
    printf("    %s\n    revision%s\n        log P = %.3f\n", printable(p->revision),
           printable(r.revision.s[0]), logprob_of(m, c.s, r.revision.s[0], 1));
    texts_free(response);
    *response = r.revision;
    r.revision = (Texts){ 0 };
    revisions_free(&r);
    free(c.s);
}

static void trace_revisions(Run *run, const Texts *prompt)
{
    Model *helpful = load_model(run, "helpful"), *base = load_model(run, "base");
    Texts response = complete(helpful, prompt, draws(run, S_ASK, 0), run->max_new, 1);
    printf("1 draft (helpful-only RLHF)%s\n    log P = %.3f\n", printable(response.s[0]),
           logprob_of(helpful, prompt->s[0], response.s[0], 1));
    for (int step = 1; step <= run->sl.revisions; step++)
        trace_step(run, helpful, prompt, &response, step);
    printf("3 SL-CAI trains the pretrained model on the revisions: E13 loss of the last one = "
           "%.4f, its log P negated, before training\n",
           -logprob_of(base, prompt->s[0], response.s[0], 1));
    texts_free(&response);
    model_free(helpful);
    model_free(base);
}

/* Two answers of SL-CAI, drawn as the stage draws them: equal ones are no pair. */
static void draw_pair(Run *run, const Texts *prompt, Texts *a, Texts *b)
{
    Model *sl = load_model(run, "sl_cai");
    *a = complete(sl, prompt, draws(run, S_ASK, 101), run->max_new, 1);
    *b = (Texts){ 0 };
    for (int i = 0; i < 16 && (!b->n || strcmp(a->s[0], b->s[0]) == 0); i++) {
        texts_free(b);
        *b = complete(sl, prompt, draws(run, S_ASK, 102 + i), run->max_new, 1);
    }
    model_free(sl);
}

/* Returns the label, P(a better) as it enters the preference model. */
static double trace_feedback(Run *run, const Texts *prompt, const Texts *a, const Texts *b)
{
    Model *judge = load_model(run, run->label.plain ? "base" : "helpful");
    int k = rng_below(rng_key((uint64_t)run->seed, S_ASK, 100), 0, run->constitution.n_comparisons);
    const Principle *principle = &run->constitution.comparison[k];
    char *question = principle->choose;
    Texts chain = { 0 };
    double p_ab, p_ba;
    judge_both(judge, &run->constitution, prompt, &question, a->s, b->s, run->label.plain,
               run->label.chains, draws(run, S_THOUGHT, 200), &p_ab, &p_ba, &chain);
    double label = label_of(&run->label, p_ab, p_ba);
    printf("4 two answers of SL-CAI\n    A%s\n    B%s\n    principle drawn: %s\n    %s\n",
           printable(a->s[0]), printable(b->s[0]), printable(principle->id), printable(question));
    if (chain.n) printf("    thought%s\n", printable(chain.s[0]));
    printf("    E2  p(A better) shown first %.4f, shown second %.4f; label %.4f%s\n", p_ab, p_ba,
           label, run->label.plain ? "" : " after both orders and clamp");
    texts_free(&chain);
    model_free(judge);
    return label;
}

static void trace_pm(Run *run, const char *prompt, const char *a, const char *b, double label)
{
    Model *pm = load_pm(run, "pm");
    Seqs s = { 0 };
    double r[2], dr;
    push_text(&s, pm->tok, prompt, a, 1);
    push_text(&s, pm->tok, prompt, b, 1);
    pm_scores(pm, &s, r);
    double loss = pm_loss(r[0], r[1], label, &dr);
    printf("5 preference model (E1)\n    r_A = %.4f  r_B = %.4f  sigma(r_A - r_B) = %.4f\n"
           "    loss = %.4f  dL/dr_A = %+.4f  dL/dr_B = %+.4f\n",
           r[0], r[1], sigmoid(r[0] - r[1]), loss, dr, -dr);
    seqs_free(&s);
    model_free(pm);
}

static int same_sequence(const Seqs *s, int a, int b)
{
    int n = seq_len(s, a);
    return seq_len(s, b) == n && memcmp(seq_tok(s, a), seq_tok(s, b), sizeof(int) * (size_t)n) == 0;
}

/* The first answer's tokens; now: their log pi after the pass. */
static void print_ppo_table(const Run *run, const Rollout *ro, const Ppo *how, const double *now)
{
    printf("    %-14s %9s %9s %8s %9s %8s %9s %8s %s\n", "token", "log pi", "log pi_0", "k1",
           "reward", "V", "advantage", "ratio", "clipped");
    for (int i = ro->prompt_len[0]; i < ro->seq.start[1]; i++) {
        char *s = decode(run->tok, ro->seq.token + i, 1, NULL);
        double d;
        int clipped;
        ppo_clip_loss(now[i], ro->logp_old[i], ro->adv[i], how->eps_clip, &d, &clipped);
        printf("    %-14s %9.4f %9.4f %8.4f %9.4f %8.4f %9.4f %8.4f %s\n",
               ro->seq.token[i] == TOKEN_BEGIN ? "(stop)" : printable(s), ro->logp_old[i],
               ro->logp_ref[i], kl_k1(ro->logp_old[i] - ro->logp_ref[i]), ro->reward[i],
               ro->value[i], ro->adv[i], exp(now[i] - ro->logp_old[i]), clipped ? "yes" : "no");
        free(s);
    }
}

/* One PPO iteration on this one prompt, from RL-CAI's start (SL-CAI) on a copy: the table is after
 * its first pass, so that ratio and clipping can be seen to move. */
static void trace_ppo(Run *run, const Texts *prompt)
{
    enum { ANSWERS = 4 }; /* advantages are whitened over several answers */
    Model *sl = load_model(run, "sl_cai"), *pi = model_clone(sl), *pm = load_pm(run, "pm");
    memset(pi->score_w, 0, (size_t)pi->c.dim * sizeof(real));
    Ppo how = ppo_settings(run, run->rl.lambda_kl);
    AdamW opt = finetuning();
    opt.head_lr = run->ppo.value_lr;
    Trainer *t = trainer_new(pi, opt);
    Seqs batch = { 0 };
    Rollout ro = { 0 };
    for (int i = 0; i < ANSWERS; i++) push_text(&batch, pi->tok, prompt->s[0], NULL, 0);
    ppo_rollout(pi, sl, pm, &batch, rng_key((uint64_t)run->seed, S_ASK, 300), &how, &ro);
    double *level = prompt_levels(sl, pm, prompt, run->max_new), r_PM = ro.score[0];
    for (int i = 0; i < ANSWERS; i++) ro.score[i] -= *level;
    how.epochs = 1;
    ppo_update(t, &ro, 0, &how, run->ppo.lr);
    double *now = xcalloc((size_t)ro.seq.start[ro.seq.n], sizeof(double)), sum[ANSWERS];
    completion_logprobs(pi, &ro.seq, ro.prompt_len, sum, now);
    printf("6 one PPO step (E4, E5, E6) on the first of %d answers, score %.4f counts %.4f (D15), "
           "lambda_KL %g\n",
           ANSWERS, r_PM, ro.score[0], how.lambda_kl);
    int same = 0;
    for (int i = 0; i < ANSWERS; i++) same += same_sequence(&ro.seq, 0, i);
    if (same == ANSWERS)
        printf("    the %d answers are the same: none is better than their mean, so no advantage "
               "is left to learn from\n",
               ANSWERS);
    print_ppo_table(run, &ro, &how, now);
    free(level);
    rollout_free(&ro);
    seqs_free(&batch);
    trainer_free(t);
    model_free(sl);
    model_free(pi);
    model_free(pm);
    free(now);
}

void command_trace(Run *run, const Args *arg)
{
    if (!arg->prompt || !*arg->prompt)
        die(EXIT_USAGE, "trace needs a request; try cai trace \"How do I nab the baker's kite?\"");
    check_text("trace", arg->prompt);
    Text request = { 0 };
    Texts a, b, prompt = { 0 };
    layout_human(&request, arg->prompt);
    texts_add(&prompt, request.s);
    printf("request: %s\n", printable(arg->prompt));
    trace_revisions(run, &prompt);
    draw_pair(run, &prompt, &a, &b);
    double label = trace_feedback(run, &prompt, &a, &b);
    trace_pm(run, request.s, a.s[0], b.s[0], label);
    trace_ppo(run, &prompt);
    Model *rl = load_model(run, "rl_cai");
    Texts last = complete(rl, &prompt, draws(run, S_ASK, 400), run->max_new, 1);
    printf("7 RL-CAI answers%s\n    log P = %.3f\n", printable(last.s[0]),
           logprob_of(rl, request.s, last.s[0], 1));
    model_free(rl);
    texts_free(&prompt);
    texts_free(&last);
    texts_free(&a);
    texts_free(&b);
    free(request.s);
}
