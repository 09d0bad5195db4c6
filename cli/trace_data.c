/* cli/trace_data.c -- takes one request through every stage, by the acts of cai.c, and keeps what
 * was written, read and computed on the way.
 *
 * Reading order: one function a part of the loop, then the whole.
 * SPDX-License-Identifier: MIT
 */
#include "cli/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* log pi of every token of the text behind the prompt. */
static double *token_logprobs(const Model *m, const char *prompt, const char *text, int finished,
                              int *n)
{
    Seqs s = { 0 };
    int first = push_text(&s, m->tok, prompt, text, finished), all = seq_len(&s, 0);
    double *logp = xcalloc((size_t)all + 1, sizeof *logp);
    completion_logprobs(m, &s, &first, NULL, logp);
    *n = all - first;
    memmove(logp, logp + first, (size_t)*n * sizeof *logp);
    seqs_free(&s);
    return logp;
}

/* ends: the text is an answer, whose end is a token of its own unless it was cut. */
static Sample sample_of(const Model *m, const char *prompt, const Texts *t, int ends)
{
    Sample s = { .text = xstrdup(t->s[0]) };
    s.logp = token_logprobs(m, prompt, t->s[0], ends && !t->cut[0], &s.n);
    return s;
}

static double score_of(const Model *pm, const char *prompt, const char *answer)
{
    Seqs s = { 0 };
    double r;
    push_text(&s, pm->tok, prompt, answer, 1);
    pm_scores(pm, &s, &r);
    seqs_free(&s);
    return r;
}

// ------------------------------------------------------------------------------------
// Section 3: critique and revision, SL-CAI

/* One step; takes the response and leaves its revision there. */
static Step trace_step(Run *run, const Model *m, const Texts *prompt, Texts *response, int step)
{
    const Constitution *law = &run->constitution;
    Revisions r = revise(m, law, prompt, response, (uint64_t)run->seed, step, run->max_new);
    int k = r.principle[0];
    Step s = { .principle = &law->critique[k] };
    char *asked = critique_context(law, prompt->s[0], response->s[0], k);
    s.critique = sample_of(m, asked, &r.critique, 0);
    char *asked_again = revision_context(law, asked, r.critique.s[0], k);
    s.revision = sample_of(m, asked_again, &r.revision, 1);
    free(asked);
    free(asked_again);
    texts_free(response);
    *response = r.revision;
    r.revision = (Texts){ 0 };
    revisions_free(&r);
    return s;
}

static void trace_revisions(Trace *t, Run *run, const Model *base, const Model *helpful,
                            const Model *sl, const Texts *prompt)
{
    Texts response = complete(helpful, prompt, draws(run, S_ASK, 0), run->max_new, 1);
    t->draft = sample_of(helpful, prompt->s[0], &response, 1);
    t->n_steps = run->sl.revisions;
    t->step = xcalloc((size_t)t->n_steps, sizeof *t->step);
    for (int k = 0; k < t->n_steps; k++) {
        Step *s = &t->step[k];
        *s = trace_step(run, helpful, prompt, &response, k + 1);
        int n;
        s->before = token_logprobs(base, prompt->s[0], response.s[0], !response.cut[0], &n);
        s->after = token_logprobs(sl, prompt->s[0], response.s[0], !response.cut[0], &n);
    }
    texts_free(&response);
}

// ------------------------------------------------------------------------------------
// Section 4: AI feedback and the preference model

/* log P of the letters behind the judge's question, read anew: the two parts of E2. Plain: of
 * " (A)" and " (B)" whole; after a chain: of the tokens at which they part (D11). */
static void read_letters(const Model *m, const char *question, const char *chain, double logp[2])
{
    static const char *const letter[2] = { " (A)", " (B)" };
    enum { MAX = 64 };
    int id[2][16], n[2], tail[MAX + 16];
    for (int k = 0; k < 2; k++) n[k] = encode(m->tok, letter[k], 4, 0, id[k]);
    int part = 0, n_tail = chain ? encode(m->tok, THOUGHT_END, strlen(THOUGHT_END), 0, tail) : 0;
    while (id[0][part] == id[1][part]) part++;
    for (int k = 0; k < 2; k++) {
        Seqs asked = { 0 }, whole = { 0 };
        push_text(&asked, m->tok, question, chain, 0);
        int N = seq_len(&asked, 0), length = N + n_tail + (chain ? part + 1 : n[k]);
        int *ids = xcalloc((size_t)length + 1, sizeof *ids), first = N + n_tail;
        if (chain) first += part;
        memcpy(ids, seq_tok(&asked, 0), (size_t)N * sizeof *ids);
        memcpy(ids + N, tail, (size_t)n_tail * sizeof *ids);
        memcpy(ids + N + n_tail, id[k], (size_t)(length - N - n_tail) * sizeof *ids);
        seqs_push(&whole, ids, length);
        completion_logprobs(m, &whole, &first, &logp[k], NULL);
        seqs_free(&asked);
        seqs_free(&whole);
        free(ids);
    }
}

/* One question in one order: what `judge` says, and what it read. The two are the same number when
 * the chain's text is read back in the very tokens that were sampled. */
static Judgement trace_judgement(Run *run, const Model *m, const Texts *prompt, char *principle,
                                 char *first, char *second, long draw)
{
    const Constitution *law = &run->constitution;
    int plain = run->label.plain;
    Judgement j = { 0 };
    Texts chain = { 0 };
    judge(m, law, prompt, &principle, &first, &second, plain, draws(run, S_THOUGHT, draw), &j.p,
          &chain);
    Text t = { 0 };
    if (law->comparison_examples.s) text_add(&t, "%s", law->comparison_examples.s);
    if (plain) layout_choice(&t, prompt->s[0], principle, first, second);
    else layout_thought(&t, prompt->s[0], principle, first, second);
    if (chain.n) j.chain = xstrdup(chain.s[0]);
    read_letters(m, t.s, j.chain, j.logp);
    j.said = j.p;
    j.p = p_A_of(j.logp[0], j.logp[1]);
    texts_free(&chain);
    free(t.s);
    return j;
}

/* The draws are those that judge_both would take. */
static Comparison trace_comparison(Run *run, const Model *m, const Model *pm, const Texts *prompt,
                                   const char *a, const char *b, const Principle *principle)
{
    int K = run->label.plain ? 1 : run->label.chains;
    Comparison c = { .a = xstrdup(a), .b = xstrdup(b), .principle = principle, .chains = K };
    double *p = xcalloc(2 * (size_t)K, sizeof *p); /* p_ab, then p_ba, of every chain */
    c.ab = xcalloc((size_t)K, sizeof *c.ab);
    c.ba = xcalloc((size_t)K, sizeof *c.ba);
    for (int k = 0; k < K; k++) {
        c.ab[k] = trace_judgement(run, m, prompt, principle->choose, c.a, c.b, 200 + 2L * k);
        c.ba[k] = trace_judgement(run, m, prompt, principle->choose, c.b, c.a, 201 + 2L * k);
        p[k] = c.ab[k].p, p[K + k] = c.ba[k].p;
    }
    c.p_ab = p_chains(K, p);
    c.p_ba = p_chains(K, p + K);
    c.label = label_of(&run->label, c.p_ab, c.p_ba);
    c.r_A = score_of(pm, prompt->s[0], a);
    c.r_B = score_of(pm, prompt->s[0], b);
    c.loss = pm_loss(c.r_A, c.r_B, c.label, &c.slope);
    free(p);
    return c;
}

static void comparison_free(Comparison *c)
{
    for (int k = 0; k < c->chains; k++) {
        free(c->ab[k].chain);
        free(c->ba[k].chain);
    }
    free(c->ab);
    free(c->ba);
    free(c->a);
    free(c->b);
}

static const Principle *draw_comparison(const Run *run, int draw)
{
    const Constitution *law = &run->constitution;
    return &law->comparison[draw_principle(draws(run, S_ASK, draw), law->n_comparisons)];
}

/* Under the first of several principles drawn that tells the two apart, or the last of them. */
static Comparison decided_comparison(Run *run, const Model *m, const Model *pm, const Texts *prompt,
                                     const char *a, const char *b)
{
    Comparison c = { 0 };
    for (int k = 0; k < run->constitution.n_comparisons; k++) {
        comparison_free(&c);
        c = trace_comparison(run, m, pm, prompt, a, b, draw_comparison(run, 150 + k));
        if (fabs(c.label - 0.5) >= 0.05) break;
    }
    return c;
}

/* Two answers of SL-CAI, drawn as the stage draws them: equal ones are no pair (D25). */
static void draw_pair(Trace *t, Run *run, const Model *sl, const Texts *prompt)
{
    enum { MAX_DRAWS = 16 };
    Texts a = complete(sl, prompt, draws(run, S_ASK, 101), run->max_new, 1), b = { 0 };
    for (int i = 0; i < MAX_DRAWS && !t->pair_draws; i++) {
        texts_free(&b);
        b = complete(sl, prompt, draws(run, S_ASK, 102 + i), run->max_new, 1);
        if (strcmp(a.s[0], b.s[0])) t->pair_draws = i + 1;
    }
    t->a = xstrdup(a.s[0]);
    t->b = xstrdup(b.s[0]);
    texts_free(&a);
    texts_free(&b);
}

/* A pair whose label says nothing is followed by a comparison of its A with the draft. */
static void trace_feedback(Trace *t, Run *run, const Model *sl, const Model *pm,
                           const Texts *prompt)
{
    Model *m = load_model(run, run->label.plain ? "base" : "helpful");
    int given = t->a != NULL;
    if (!given) draw_pair(t, run, sl, prompt);
    t->comparison[0] =
        given ? decided_comparison(run, m, pm, prompt, t->a, t->b)
              : trace_comparison(run, m, pm, prompt, t->a, t->b, draw_comparison(run, 100));
    t->n_comparisons = 1;
    if (fabs(t->comparison[0].label - 0.5) < 0.005)
        t->comparison[t->n_comparisons++] =
            decided_comparison(run, m, pm, prompt, t->a, t->draft.text);
    t->score_sl = score_of(pm, prompt->s[0], t->a);
    model_free(m);
}

// ------------------------------------------------------------------------------------
// Section 4: RL-CAI. Two iterations of PPO on this one request, from SL-CAI on a copy: in the first
// the policy is its own reference, in the second it has moved, so that KL and values are not 0.

static int all_same(const Seqs *s)
{
    for (int b = 1; b < s->n; b++)
        if (seq_len(s, b) != seq_len(s, 0)
            || memcmp(seq_tok(s, b), seq_tok(s, 0), sizeof(int) * (size_t)seq_len(s, 0)))
            return 0;
    return 1;
}

/* V of the state before every token of the answers, by the model's score head: that of the text so
 * far. Fresh array, packed as the sequences. */
static double *values_now(const Model *m, const Rollout *ro)
{
    const Seqs *s = &ro->seq;
    Seqs before = { 0 };
    double *value = xcalloc((size_t)s->start[s->n] + 1, sizeof *value);
    for (int b = 0; b < s->n; b++)
        for (int i = ro->prompt_len[b]; i < seq_len(s, b); i++)
            seqs_push(&before, seq_tok(s, b), i);
    double *each = xcalloc((size_t)before.n + 1, sizeof *each);
    pm_scores(m, &before, each);
    for (int b = 0, k = 0; b < s->n; b++)
        for (int i = ro->prompt_len[b]; i < seq_len(s, b); i++) value[s->start[b] + i] = each[k++];
    seqs_free(&before);
    free(each);
    return value;
}

/* What the advantages were before ppo_update whitened them, G - V (E6), with mean and deviation. */
static void before_whitening(Iteration *it)
{
    const Rollout *ro = &it->ro;
    double n = 0, mean = 0, var = 0;
    for (int b = 0; b < ro->seq.n; b++)
        for (int i = answer_begin(ro, b); i < answer_end(ro, b); i++) {
            it->adv[i] = ro->ret[i] - ro->value[i];
            mean += it->adv[i], n++;
        }
    it->mean = mean / n;
    for (int b = 0; b < ro->seq.n; b++)
        for (int i = answer_begin(ro, b); i < answer_end(ro, b); i++)
            var += (it->adv[i] - it->mean) * (it->adv[i] - it->mean);
    it->deviation = sqrt(var / n + 1e-8); /* as whiten of train.c */
}

/* What a second pass over the same answers would begin with (E5), and the token that has moved
 * most. */
static void second_pass(Iteration *it, const Ppo *how)
{
    const Rollout *ro = &it->ro;
    double n = 0, d, furthest = -1;
    for (int b = 0, clipped; b < ro->seq.n; b++)
        for (int i = answer_begin(ro, b); i < answer_end(ro, b); i++) {
            it->clip[i] = ppo_clip_loss(it->logp[i], ro->logp_old[i], ro->adv[i], how->eps_clip, &d,
                                        &clipped);
            it->value_loss[i] =
                value_loss(it->value[i], ro->value[i], ro->ret[i], how->eps_value, &d, &clipped);
            it->mean_clip += it->clip[i], it->mean_value += it->value_loss[i], n++;
            if (fabs(ro->logp_old[i] - ro->logp_ref[i]) <= furthest) continue;
            furthest = fabs(ro->logp_old[i] - ro->logp_ref[i]);
            it->telling = b, it->token = i;
        }
    it->mean_clip /= n, it->mean_value /= n;
}

static Iteration trace_iteration(const Trace *t, Run *run, Trainer *pi, const Model *sl,
                                 const Model *pm, const Texts *prompt, int number)
{
    enum { MAX_TRIES = 8 };
    Iteration it = { 0 };
    Seqs asked = { 0 };
    uint64_t key = 0;
    for (int i = 0; i < ANSWERS; i++) push_text(&asked, pi->m->tok, prompt->s[0], NULL, 0);
    for (int k = 0; k < MAX_TRIES && !it.tries; k++) {
        key = rng_key((uint64_t)run->seed, S_ASK, (uint64_t)(300 + MAX_TRIES * number + k));
        ppo_rollout(pi->m, sl, pm, &asked, key, &t->how, &it.ro);
        if (!all_same(&it.ro.seq)) it.tries = k + 1;
    }
    for (int b = 0; b < ANSWERS; b++) {
        it.raw[b] = it.ro.score[b];
        it.ro.score[b] -= t->level; /* D15 */
    }
    ppo_update(pi, &it.ro, key, &t->how, t->lr);
    size_t N = (size_t)it.ro.seq.start[ANSWERS];
    double *block = xcalloc(4 * N + 1, sizeof *block);
    it.adv = block, it.logp = block + N, it.clip = block + 2 * N, it.value_loss = block + 3 * N;
    completion_logprobs(pi->m, &it.ro.seq, it.ro.prompt_len, NULL, it.logp);
    it.value = values_now(pi->m, &it.ro);
    before_whitening(&it);
    second_pass(&it, &t->how);
    seqs_free(&asked);
    return it;
}

static void trace_ppo(Trace *t, Run *run, const Model *sl, const Model *pm, const Texts *prompt)
{
    Model *pi = model_clone(sl);
    memset(pi->score_w, 0, (size_t)pi->c.dim * sizeof(real)); /* the value head (D7) */
    *pi->score_b = 0;
    AdamW opt = finetuning();
    opt.head_lr = run->ppo.value_lr;
    Trainer *trainer = trainer_new(pi, opt);
    t->how = ppo_settings(run, run->rl.lambda_kl);
    t->how.epochs = t->how.minibatches = 1; /* one step, so that its effect can be followed */
    t->lr = run->ppo.lr;
    double *level = prompt_levels(sl, pm, prompt, run->max_new);
    t->level = *level;
    for (int k = 0; k < ITERATIONS; k++)
        t->ppo[k] = trace_iteration(t, run, trainer, sl, pm, prompt, k);
    free(level);
    trainer_free(trainer);
    model_free(pi);
}

// ------------------------------------------------------------------------------------
// The whole

static double sum(const double *x, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++) s += x[i];
    return s;
}

static void trace_end(Trace *t, Run *run, const Model *sl, const Model *pm, const Texts *prompt)
{
    Model *rl = load_model(run, "rl_cai");
    Texts last = complete(rl, prompt, draws(run, S_ASK, 400), run->max_new, 1);
    int n;
    t->answer = sample_of(rl, prompt->s[0], &last, 1);
    double *logp = token_logprobs(sl, prompt->s[0], last.s[0], !last.cut[0], &n);
    t->sl_logp = sum(logp, n);
    t->score_draft = score_of(pm, prompt->s[0], t->draft.text);
    t->score_answer = score_of(pm, prompt->s[0], last.s[0]);
    free(logp);
    texts_free(&last);
    model_free(rl);
}

void trace_run(Trace *t, Run *run)
{
    Texts prompt = { 0 };
    texts_add(&prompt, t->prompt);
    Model *base = load_model(run, "base"), *helpful = load_model(run, "helpful"),
          *sl = load_model(run, "sl_cai"), *pm = load_pm(run, "pm");
    trace_revisions(t, run, base, helpful, sl, &prompt);
    trace_feedback(t, run, sl, pm, &prompt);
    trace_ppo(t, run, sl, pm, &prompt);
    trace_end(t, run, sl, pm, &prompt);
    model_free(base);
    model_free(helpful);
    model_free(sl);
    model_free(pm);
    texts_free(&prompt);
}

static void sample_free(Sample *s)
{
    free(s->text);
    free(s->logp);
}

void trace_free(Trace *t)
{
    for (int k = 0; k < t->n_steps; k++) {
        sample_free(&t->step[k].critique);
        sample_free(&t->step[k].revision);
        free(t->step[k].before);
        free(t->step[k].after);
    }
    for (int k = 0; k < t->n_comparisons; k++) comparison_free(&t->comparison[k]);
    for (int k = 0; k < ITERATIONS; k++) {
        Iteration *it = &t->ppo[k];
        rollout_free(&it->ro);
        free(it->adv); /* the block of four */
        free(it->value);
    }
    sample_free(&t->draft);
    sample_free(&t->answer);
    free(t->step);
    free(t->prompt);
    free(t->a);
    free(t->b);
    *t = (Trace){ 0 };
}
