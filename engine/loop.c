/* engine/loop.c -- what a training loop says and keeps: its state, so that a stopped run goes on
 * from there, and PPO's figures.
 * SPDX-License-Identifier: MIT
 */
#include "engine/loop.h"
#include "engine/checkpoint.h"
#include "engine/state.h"
#include "include/equations.h"
#include "lib/files.h"
#include "lib/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Path state_file(const Report *r, const char *loop)
{
    Path p;
    snprintf(p.s, sizeof p.s, "%s/%s.state", r->folder, loop);
    return p;
}

/* A state fits only the very records it was made under: with any other files before it the stage
 * begins anew. */
long resume(Report *r, const char *loop, Trainer *t)
{
    if (!r) return 0;
    char *metrics;
    long done = trainer_load(t, state_file(r, loop).s, r->belongs, &metrics);
    r->started = r->saved = now_seconds();
    r->first = done > 0 ? done : 0;
    r->in_loop = 1;
    if (done < 0) return 0;
    text_clear(&r->metrics);
    text_add(&r->metrics, "%s", metrics);
    free(metrics);
    if (!r->quiet)
        fprintf(stderr, "[%d/%d] %-9s goes on after step %ld\n", r->k, r->n, r->stage, done);
    return done;
}

static void save_snapshot(const Report *r, const Trainer *t, long done)
{
    Text path = { 0 };
    text_add(&path, "%s-%ld.bin", r->model, done);
    model_save(t->m, path.s);
    free(path.s);
}

void save_progress(Report *r, const char *loop, Trainer *t, long done)
{
    if (r && r->snapshots && done % r->snapshots == 0) save_snapshot(r, t, done);
    if (!r || (!r->stop && now_seconds() - r->saved < r->save_every)) return;
    trainer_save(t, state_file(r, loop).s, r->belongs, done, r->metrics.n ? r->metrics.s : "");
    r->saved = now_seconds();
    if (!r->stop) return;
    if (r->line_open) fputc('\n', stderr);
    die(EXIT_STOPPED, "stage %s stopped after step %ld, which is saved; %s goes on from there",
        r->stage, done, r->again ? r->again : "the same command");
}

void ppo_metrics(Report *r, int it, const Rollout *ro, const PpoStats *s)
{
    metric(r, it, "episode", (double)(it + 1) * ro->seq.n);
    metric(r, it, "lr", s->lr);
    metric(r, it, "objective/kl", s->kl);
    metric(r, it, "objective/kl_k3", s->k3);
    metric(r, it, "objective/sqrt_kl", sqrt_kl(s->kl)); /* abscissa of HH's reward plots (E7) */
    metric(r, it, "objective/entropy", s->entropy);
    metric(r, it, "objective/non_score_reward", s->non_score_reward);
    metric(r, it, "objective/rlhf_reward", s->rlhf_reward);
    metric(r, it, "objective/scores", s->scores);
    metric(r, it, "objective/raw_scores", ro->raw); /* before levels were taken off (D15) */
    metric(r, it, "policy/entropy_avg", s->entropy / s->length); /* a token, when it sampled */
    metric(r, it, "policy/approxkl_avg", s->approxkl);
    metric(r, it, "policy/clipfrac_avg", s->clipfrac);
    metric(r, it, "loss/policy_avg", s->policy_loss);
    metric(r, it, "loss/value_avg", s->value_loss);
    metric(r, it, "val/clipfrac_avg", s->value_clipfrac);
    metric(r, it, "val/ratio", s->ratio);
    metric(r, it, "val/explained_var", s->explained_var);
    metric(r, it, "val/ratio_var", s->ratio_var);
    metric(r, it, "val/num_eos_tokens", s->num_eos);
    metric(r, it, "length", s->length);
}

static int same_answer(const Rollout *ro, int a, int b)
{
    int n = seq_len(&ro->seq, a) - ro->prompt_len[a];
    if (seq_len(&ro->seq, b) - ro->prompt_len[b] != n) return 0;
    return memcmp(seq_tok(&ro->seq, a) + ro->prompt_len[a],
                  seq_tok(&ro->seq, b) + ro->prompt_len[b], (size_t)n * sizeof(int))
           == 0;
}

/* One finding is told a stage, the first: after it the others follow, and what to do is the
 * same. */
void watch_collapse(Report *r, int it, const Rollout *ro, const PpoStats *s, int *warned)
{
    enum { MAX_KL = 1 }; /* nats a token, a toy choice: the town's runs stay below 0.15 */
    static const char advice[] =
        "raise the KL penalty (--lambda-kl, --helpful-kl) or lower --ppo-lr";
    char say[512];
    int same = 0;
    if (*warned) return;
    for (int b = 0; b < ro->seq.n; b++) same += same_answer(ro, 0, b);
    if (same == ro->seq.n && same >= 4)
        snprintf(say, sizeof say,
                 "iteration %d: all %d answers are the same: the policy has collapsed onto one "
                 "text that the preference model likes; %s",
                 it, same, advice);
    else if (s->kl > MAX_KL * s->length)
        snprintf(say, sizeof say,
                 "iteration %d: KL to the starting model is %.1f nats in %.1f tokens: the policy "
                 "no longer speaks the language it learned, and its score means little; %s",
                 it, s->kl, s->length, advice);
    else return;
    warning(r, say);
    *warned = 1;
}
