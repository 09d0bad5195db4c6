/* tests/verify_dump.c -- build/verify --dump DIR: tiny cases as one JSON object in DIR/cases.json,
 * every number with 17 digits, so that any program can recompute them; tests/oracle.py does in
 * plain Python.
 *
 *     config          dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size; the head is tied
 *     weights         NAME: numbers, row-major: tok_emb (V, C), rms_att (L, C), wq wo (L, C, C),
 *                     wk wv (L, K D, C), rms_ffn (L, C), w1 w3 (L, F, C), w2 (L, C, F),
 *                     rms_final (C), score_w (C), score_b (1)
 *     reference       the same for the reference policy
 *     tokens          sequences; a pair is two neighbours, the first of them A or the winner
 *     prompt          tokens of each sequence that are its prompt (DPO, PPO)
 *     logp, score     of each sequence: log pi of its tokens 1.. given those before; score at its
 *                     last token
 *     sft pm dpo      loss and gradient (the names of weights); pm and dpo with labels p, dpo with
 *                     beta
 *     ppo             answers' tokens in sequence order: logp_old, logp_ref, value, reward, adv
 *                     (whitened), ret; scores of the answers; constants; loss and gradient after
 *                     the policy moved to `weights`
 *     adamw           one step from `weights` with sft's gradient: constants, weights after
 *     scalars         [function, arguments.., value] of equations.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const Config SMALL = { 8, 12, 2, 4, 2, 13, 40, 1 };
static const AdamW STILL = { .beta1 = 0, .beta2 = 0.99, .eps = 1e-8 };
enum { B = 6 };
static FILE *f;

static void numbers(const char *name, const real *x, size_t n)
{
    fprintf(f, "\"%s\": [", name);
    for (size_t i = 0; i < n; i++) fprintf(f, "%s%.17g", i ? ", " : "", (double)x[i]);
    fprintf(f, "]");
}

static void tensors(const char *name, const real *w)
{
    Tensor t[MAX_TENSORS];
    int n = model_tensors(&SMALL, t);
    fprintf(f, "\"%s\": {", name);
    for (int i = 0; i < n; i++) {
        numbers(t[i].name, w + t[i].offset, t[i].size);
        fprintf(f, i + 1 < n ? ",\n" : "}");
    }
}

static Model *some_model(uint64_t seed)
{
    Model *m = model_new(SMALL);
    model_init(m, seed);
    for (size_t i = 0; i < m->n_param; i++) m->w[i] += (real)(0.3 * rng_normal(seed + 1, i));
    return m;
}

static void put_tokens(const Seqs *s)
{
    fprintf(f, "\"tokens\": [");
    for (int b = 0; b < s->n; b++) {
        fprintf(f, b ? ", [" : "[");
        for (int t = 0; t < seq_len(s, b); t++) fprintf(f, t ? ", %d" : "%d", seq_tok(s, b)[t]);
        fprintf(f, "]");
    }
    fprintf(f, "],\n");
}

static void loss_and_gradient(const char *name, const Trainer *t, double loss, const char *more)
{
    fprintf(f, "\"%s\": {%s\"loss\": %.17g, ", name, more, loss);
    tensors("gradient", t->mean);
    fprintf(f, "},\n");
}

static void supervised(Trainer *t, const Model *ref, const Seqs *s)
{
    static const double p[] = { 0.9, 0.3, 0.55 };
    static const int which[] = { 0, 1, 2, 3, 4, 5 }, prompt[] = { 2, 2, 1, 2, 3, 2 };
    double *logp = xcalloc((size_t)s->start[B], sizeof *logp), score[B];
    int one[B] = { 1, 1, 1, 1, 1, 1 };
    put_tokens(s);
    fprintf(f, "\"prompt\": [2, 2, 1, 2, 3, 2],\n");
    completion_logprobs(t->m, s, one, NULL, logp);
    numbers("logp", logp, (size_t)s->start[B]);
    pm_scores(t->m, s, score);
    fprintf(f, ",\n");
    numbers("score", score, B);
    fprintf(f, ",\n");
    loss_and_gradient("pm", t, pm_step(t, s, p, which, 3, 0).loss, "\"p\": [0.9, 0.3, 0.55], ");
    loss_and_gradient("dpo", t, dpo_step(t, ref, s, prompt, p, which, 3, 0, 0.3, 0),
                      "\"p\": [0.9, 0.3, 0.55], \"beta\": 0.3, ");
    loss_and_gradient("sft", t, sft_step(t, s, which, B, NULL, 0), "");
    free(logp);
}

static void adamw(const Model *start, const Seqs *s)
{
    static const int which[] = { 0, 1, 2, 3, 4, 5 };
    Model *m = model_clone(start);
    Trainer *t = trainer_new(
        m,
        (AdamW){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .max_norm = 0.5 });
    sft_step(t, s, which, B, NULL, 0.01);
    fprintf(f, "\"adamw\": {\"lr\": 0.01, \"beta1\": 0.9, \"beta2\": 0.95, \"eps\": 1e-8, "
               "\"weight_decay\": 0.1, \"max_norm\": 0.5, ");
    tensors("after", m->w);
    fprintf(f, "},\n");
    trainer_free(t);
    model_free(m);
}

static void answer_numbers(const char *name, const Rollout *ro, const double *x)
{
    fprintf(f, "\"%s\": [", name);
    for (int b = 0, n = 0; b < ro->seq.n; b++)
        for (int i = ro->seq.start[b] + ro->prompt_len[b]; i < ro->seq.start[b + 1]; i++)
            fprintf(f, n++ ? ", %.17g" : "%.17g", x[i]);
    fprintf(f, "],\n");
}

static void ppo(const Model *start, const Model *ref)
{
    Model *m = model_clone(start), *pm = some_model(25);
    Trainer *t = trainer_new(m, STILL);
    Ppo how = { .lambda_kl = 0.1,
                .eps_clip = 0.2,
                .eps_value = 0.2,
                .c_v = 0.1,
                .gamma = 0.97,
                .lambda_gae = 0.9,
                .epochs = 1,
                .minibatches = 1,
                .max_new = 6,
                .stop = { 1, -1, -1 },
                .missing_stop_penalty = 1 };
    Rollout ro = { 0 };
    Seqs prompts = { 0 };
    for (int b = 0; b < B; b++) seqs_push(&prompts, (int[]){ 2 + b, 5, 3 + b }, 2 + b % 2);
    for (size_t j = 0; j < m->n_param; j++)
        m->w[j] += (real)(0.05 * rng_normal(4, j)); /* the policy that samples */
    ppo_rollout(m, ref, pm, &prompts, 123, &how, &ro);
    memcpy(m->w, start->w, m->n_param * sizeof(real)); /* has moved since */
    PpoStats st = ppo_update(t, &ro, 3, &how, 0);
    fprintf(f, "\"ppo\": {\"lambda_kl\": 0.1, \"eps_clip\": 0.2, \"eps_value\": 0.2, \"c_v\": 0.1, "
               "\"gamma\": 0.97, \"lambda_gae\": 0.9,\n");
    put_tokens(&ro.seq);
    fprintf(f, "\"prompt\": [");
    for (int b = 0; b < B; b++) fprintf(f, b ? ", %d" : "%d", ro.prompt_len[b]);
    fprintf(f, "],\n");
    numbers("score", ro.score, B);
    fprintf(f, ",\n");
    answer_numbers("logp_old", &ro, ro.logp_old), answer_numbers("logp_ref", &ro, ro.logp_ref),
        answer_numbers("value", &ro, ro.value);
    answer_numbers("reward", &ro, ro.reward), answer_numbers("adv", &ro, ro.adv),
        answer_numbers("ret", &ro, ro.ret);
    fprintf(f, "\"loss\": %.17g, ", st.policy_loss + how.c_v * st.value_loss);
    tensors("gradient", t->mean);
    fprintf(f, "},\n");
    trainer_free(t), model_free(m), model_free(pm), seqs_free(&prompts), rollout_free(&ro);
}

static int n_scalars;
static void scalar(const char *name, int n, const double *x, double value)
{
    fprintf(f, "%s[\"%s\"", n_scalars++ ? ",\n" : "", name);
    for (int i = 0; i < n; i++) fprintf(f, ", %.17g", x[i]);
    fprintf(f, ", %.17g]", value);
}

/* Equations of preferences and measures on the uniform numbers u (6). */
static void preference_scalars(const double *u)
{
    double d, r[2] = { 4 * u[0] - 2, 4 * u[1] - 2 }, pm[3] = { r[0], r[1], u[2] };
    double logp[2] = { -u[0] - 0.5, -u[1] - 0.5 }, judge[2] = { u[0], u[1] };
    double rating[2] = { 900 * u[0], 900 * u[1] };
    double y[3] = { u[3] > 0.5, u[4] > 0.5, u[5] > 0.5 };
    double certain[6] = { u[0], y[0], u[1], y[1], u[2], y[2] };
    double soft[6] = { u[0], u[3], u[1], u[4], u[2], u[5] };
    scalar("pm_loss", 3, pm, pm_loss(r[0], r[1], u[2], &d));
    scalar("label_entropy", 1, u, label_entropy(u[0]));
    scalar("p_A_of", 2, logp, p_A_of(logp[0], logp[1]));
    scalar("p_both_orders", 2, judge, p_both_orders(u[0], u[1]));
    scalar("elo_win", 2, rating, elo_win(rating[0], rating[1]));
    scalar("ece", 6, certain, ece(3, u, y, 10));
    scalar("ece_of_pairs", 6, soft, ece_of_pairs(3, u, u + 3, 10));
    scalar("accuracy_of_pairs", 6, soft, accuracy_of_pairs(3, u, u + 3));
    scalar("scored_feedback", 5, u, scored_feedback(5, u));
}

/* Equations of RL and the other losses, on the same; k: 0, 1, 2 .. */
static void loss_scalars(const double *u, int k)
{
    double d, out[3], all = u[0] + u[1] + u[2], logr = 2 * u[3] - 1, A = 4 * u[4] - 2;
    double clip[4] = { -u[0] - 0.5, -u[1] - 0.5, A, 0.2 };
    double value[4] = { 4 * u[0] - 2, 4 * u[1] - 2, A, 0.3 };
    double direct[6] = { -4 * u[0], -4 * u[1], -4 * u[2], -4 * u[3], 0.1 + u[4], u[5] };
    double pi_0[3] = { u[0] / all, u[1] / all, u[2] / all }, logq[3] = { -u[3], -u[4], -u[5] };
    double gibbs[7] = { pi_0[0], pi_0[1], pi_0[2], u[3], u[4], u[5], 0.4 };
    double distil[6] = { pi_0[0], pi_0[1], pi_0[2], logq[0], logq[1], logq[2] };
    int c;
    scalar("kl_k2", 1, &logr, kl_k2(logr));
    scalar("kl_k3", 1, &logr, kl_k3(logr));
    scalar("ppo_clip_loss", 4, clip, ppo_clip_loss(clip[0], clip[1], A, 0.2, &d, &c));
    scalar("value_loss", 4, value, value_loss(value[0], value[1], A, 0.3, &d, &c));
    scalar("kl_best_of_n", 1, (double[]){ k + 1 }, kl_best_of_n(k + 1));
    scalar("gibbs_optimum", 7, gibbs, gibbs_optimum(3, pi_0, u + 3, 0.4, out));
    scalar("dpo_loss", 6, direct,
           dpo_loss(direct[0], direct[1], direct[2], direct[3], direct[4], direct[5], &d));
    scalar("ipo_loss", 5, direct,
           ipo_loss(direct[0], direct[1], direct[2], direct[3], direct[4], &d));
    scalar("distill_loss", 6, distil, distill_loss(3, pi_0, logq, out));
}

static void scalars(void)
{
    fprintf(f, "\"scalars\": [\n");
    for (int k = 0; k < 40; k++) {
        double u[6];
        for (int i = 0; i < 6; i++) u[i] = rng_uniform(9, (uint64_t)(6 * k + i));
        preference_scalars(u);
        loss_scalars(u, k);
    }
    fprintf(f, "]\n");
}

void dump_cases(const char *folder)
{
    char path[4096];
    if (mkdir(folder, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written", folder, strerror(errno));
    snprintf(path, sizeof path, "%s/cases.json", folder);
    f = create_file(path);
    Model *m = some_model(21), *ref = some_model(31);
    Trainer *t = trainer_new(m, STILL);
    Seqs s = { 0 };
    for (int b = 0; b < B; b++) {
        int token[8], T = 4 + b % 4;
        for (int i = 0; i < T; i++)
            token[i] = rng_below(rng_key(5, 1, (uint64_t)b), (uint64_t)i, SMALL.vocab_size);
        seqs_push(&s, token, T);
    }
    fprintf(f, "{\"config\": {\"dim\": 8, \"hidden_dim\": 12, \"n_layers\": 2, \"n_heads\": 4, "
               "\"n_kv_heads\": 2, \"vocab_size\": 13},\n");
    tensors("weights", m->w);
    fprintf(f, ",\n");
    tensors("reference", ref->w);
    fprintf(f, ",\n");
    supervised(t, ref, &s);
    ppo(m, ref);
    adamw(m, &s);
    scalars();
    fprintf(f, "}\n");
    commit_file(f, path);
    trainer_free(t), model_free(m), model_free(ref), seqs_free(&s);
}
