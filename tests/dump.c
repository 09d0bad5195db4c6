/* tests/dump.c -- writes the tiny cases: every number that goes into a loss, and every number that comes out,
 * so that anyone can work them out again without this program (tests/oracle.py does, in plain Python).
 *
 * Double precision only (CAI_DOUBLE). dump_cases(DIR) writes one JSON file a subject, numbers with 17 digits:
 *
 *     model.json      config, tensor shapes, the weights of four models: pi_old, pi, pi_0, pm
 *     forward.json    log-probabilities, entropies, scores of a packed batch; the same with the head tied
 *     sample.json     completions drawn with the cache at temperature 0.7, their log-probabilities at 1
 *     sft.json pm.json dpo.json ppo.json      losses, statistics, gradients by every weight
 *     step.json       AdamW (two steps), AdamW with frozen embedding, Muon (one step): weights and moments
 *     scalar.json     E1..E14 on grids: name, arguments, results
 *
 * Shapes. A packed batch is token (N) and start (B+1): sequence b is token[start[b]] .. token[start[b+1]-1].
 * Arrays "per token" are (N), 0 where nothing is predicted. Tensors are flat, row-major, in the order of
 * model.json's "shapes" [layers, rows, cols]; a gradient is a flat list of all tensors one after another.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "../cai.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void dump_cases(const char *dir);

// ------------------------------------------------------------------------------------
// JSON: fields one after another; `first` knows whether a comma is due

static FILE *out;
static const char *folder;
static char path[4096];
static int first;

static void begin(const char *name)
{
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    out = create_file(path);
    fputc('{', out);
    first = 1;
}

static void end(void)
{
    fputs("}\n", out);
    commit_file(out, path);
}

static void key(const char *name)
{
    fprintf(out, "%s\n\"%s\": ", first ? "" : ",", name);
    first = 0;
}

static void object(const char *name) { key(name); fputc('{', out); first = 1; }
static void object_end(void) { fputc('}', out); first = 0; }
static void text(const char *name, const char *s) { key(name); fprintf(out, "\"%s\"", s); }
static void number(const char *name, double x) { key(name); fprintf(out, "%.17g", x); }

static void doubles(const char *name, const double *x, size_t n)
{
    key(name);
    for (size_t i = 0; i < n; i++) fprintf(out, "%s%.17g", i ? ", " : "[", x[i]);
    fputs(n ? "]" : "[]", out);
}

static void reals(const char *name, const real *x, size_t n)        /* the same type in this build */
{
    double *y = xcalloc(n + 1, sizeof *y);
    for (size_t i = 0; i < n; i++) y[i] = x[i];
    doubles(name, y, n);
    free(y);
}

static void ints(const char *name, const int *x, int n)
{
    key(name);
    for (int i = 0; i < n; i++) fprintf(out, "%s%d", i ? ", " : "[", x[i]);
    fputs(n ? "]" : "[]", out);
}

static void batch(const Seqs *s)
{
    ints("token", s->token, s->start[s->n]);
    ints("start", s->start, s->n + 1);
}

// ------------------------------------------------------------------------------------
// The tiny world: two query heads a key/value head and two pairs a head, so that no mapping is its own inverse

static Config tiny = { .dim = 16, .hidden_dim = 12, .n_layers = 2, .n_heads = 4, .n_kv_heads = 2, .vocab_size = 9,
                       .seq_len = 16, .tied = 0 };

/* model_init leaves norms at 1 and the score head at 0; here every weight is moved, so that every term counts. */
static Model *tiny_model(uint64_t seed, int tied)
{
    Config c = tiny;
    c.tied = tied;
    Model *m = model_new(c);
    model_init(m, seed);
    for (size_t i = 0; i < m->n_param; i++) m->w[i] += (real)(0.2 * rng_normal(rng_key(seed, 1, 0), i));
    return m;
}

static Model *pi_old, *pi, *pi_0, *pm;      /* sampler; policy some steps later; reference; preference model */

static Seqs random_seqs(int n, int shortest, int longest, uint64_t seed)
{
    Seqs s = { 0 };
    for (int b = 0; b < n; b++) {
        int token[64], T = shortest + rng_below(rng_key(seed, 1, (uint64_t)b), 0, longest - shortest + 1);
        for (int t = 0; t < T; t++) token[t] = rng_below(rng_key(seed, 2, (uint64_t)b), (uint64_t)t, tiny.vocab_size);
        seqs_push(&s, token, T);
    }
    return s;
}

/* With beta1 = 0, lr = 0 and no clipping the first moment after a step is the gradient, the weights stay. */
static Trainer *gradient_trainer(const Model *m)
{
    return trainer_new(model_clone(m), (AdamW){ .beta1 = 0, .beta2 = 0.99, .eps = 1e-8 });
}

static void gradient(Trainer *t)
{
    reals("gradient", t->mean, t->m->n_param);
    model_free(t->m);
    trainer_free(t);
}

// ------------------------------------------------------------------------------------
// The network

static void dump_model(void)
{
    Tensor table[MAX_TENSORS];
    int n = model_tensors(&tiny, table);
    begin("model");
    object("config");
    number("dim", tiny.dim), number("hidden_dim", tiny.hidden_dim), number("n_layers", tiny.n_layers);
    number("n_heads", tiny.n_heads), number("n_kv_heads", tiny.n_kv_heads), number("vocab_size", tiny.vocab_size);
    object_end();
    object("shapes");
    for (int i = 0; i < n; i++) ints(table[i].name, (int[]){ table[i].layers, table[i].rows, table[i].cols }, 3);
    object_end();
    const Model *all[] = { pi_old, pi, pi_0, pm };
    const char *name[] = { "pi_old", "pi", "pi_0", "pm" };
    for (int i = 0; i < 4; i++) reals(name[i], all[i]->w, all[i]->n_param);
    end();
}

/* Row i predicts token i+1 of its sequence; the last row of a sequence predicts nothing and gives its score. */
static void forward_values(const Model *m, const Seqs *s)
{
    int N = s->start[s->n], row[256], target[256], n = 0;
    real logp[256], entropy[256], score[256];
    double at[256] = { 0 }, at_entropy[256] = { 0 };
    Acts *a = acts_new();
    forward(m, a, s, 0, s->n);
    for (int b = 0; b < s->n; b++)
        for (int i = s->start[b] + 1; i < s->start[b + 1]; i++) row[n] = i - 1, target[n++] = s->token[i];
    logprobs(m, a, n, row, target, logp, entropy);
    for (int i = 0; i < n; i++) at[row[i] + 1] = logp[i], at_entropy[row[i] + 1] = entropy[i];
    for (int i = 0; i < N; i++) row[i] = i;
    scores(m, a, N, row, score);
    doubles("logp", at, (size_t)N);                 /* per token: of this token, after those before it */
    doubles("entropy", at_entropy, (size_t)N);      /* of the distribution this token was one of */
    reals("score", score, (size_t)N);               /* after this token */
    acts_free(a);
}

static void dump_forward(void)
{
    Seqs s = random_seqs(3, 5, 12, 21);
    Model *tied = tiny_model(5, 1);
    begin("forward");
    text("shapes", "token (N), start (B+1); logp, entropy, score (N); tied: weights without head");
    batch(&s);
    forward_values(pi, &s);
    object("tied");
    reals("weights", tied->w, tied->n_param);
    forward_values(tied, &s);
    object_end();
    end();
    model_free(tied);
    seqs_free(&s);
}

static void dump_sample(void)
{
    Seqs prompt = random_seqs(3, 1, 4, 22), answer = { 0 };
    uint64_t keys[3] = { 1, 2, 3 };
    real *logp;
    sample(pi, &prompt, keys, (Sampling){ .temperature = 0.7, .max_new = 6, .stop = { 2, -1 } }, &answer, &logp);
    begin("sample");
    text("shapes", "prompt and answer: packed batches; logp (N of answer), at temperature 1, the stop token's included");
    object("prompt"), batch(&prompt), object_end();
    object("answer"), batch(&answer), object_end();
    reals("logp", logp, (size_t)answer.start[answer.n]);
    end();
    free(logp);
    seqs_free(&prompt), seqs_free(&answer);
}

// ------------------------------------------------------------------------------------
// The losses

enum { DOCS = 4, PAIRS = 3 };

static void dump_sft(void)
{
    Seqs s = random_seqs(DOCS, 3, 9, 31);
    int which[DOCS] = { 0, 1, 2, 3 }, N = s.start[s.n], mask[256];
    unsigned char flag[256];
    for (int i = 0; i < N; i++) flag[i] = mask[i] = i % 3 != 1;
    begin("sft");
    text("shapes", "mask (N): 1 where a token is a target; the first of a sequence never is. loss: mean over targets");
    batch(&s);
    ints("mask", mask, N);
    Trainer *t = gradient_trainer(pi);
    number("loss", sft_step(t, &s, which, DOCS, flag, 0));
    gradient(t);
    end();
    seqs_free(&s);
}

static const double LABEL[2][PAIRS] = { { 1, 1, 1 }, { 0.6, 0.25, 0.5 } };     /* hard, soft */

static void dump_pm(void)
{
    Seqs s = random_seqs(2 * PAIRS, 2, 8, 41);
    int which[PAIRS] = { 0, 1, 2 };
    begin("pm");
    text("shapes", "sequences 2i (A) and 2i+1 (B); p (pairs): P(A better). The score stands after the last token");
    batch(&s);
    for (int soft = 0; soft < 2; soft++) {
        object(soft ? "soft" : "hard");
        doubles("p", LABEL[soft], PAIRS);
        Trainer *t = gradient_trainer(pm);
        PmStats st = pm_step(t, &s, LABEL[soft], which, PAIRS, 0);
        number("loss", st.loss), number("floor", st.entropy_floor), number("accuracy", st.accuracy), number("margin", st.margin);
        gradient(t);
        object_end();
    }
    end();
    seqs_free(&s);
}

/* IPO has no training step: its gradient is put together from the model's own backward. */
static double ipo_gradient(Trainer *t, const Seqs *s, const int *prompt_len, double tau)
{
    double pi_sum[2 * PAIRS], ref_sum[2 * PAIRS], loss = 0, d[PAIRS];
    int row[256], target[256], n = 0;
    real logp[256], dlogp[256];
    completion_logprobs(t->m, s, prompt_len, pi_sum, NULL);
    completion_logprobs(pi_0, s, prompt_len, ref_sum, NULL);
    for (int i = 0; i < PAIRS; i++)
        loss += ipo_loss(pi_sum[2 * i], pi_sum[2 * i + 1], ref_sum[2 * i], ref_sum[2 * i + 1], tau, &d[i]) / PAIRS;
    for (int b = 0; b < s->n; b++)
        for (int i = s->start[b] + prompt_len[b]; i < s->start[b + 1]; i++) {
            dlogp[n] = (real)((b % 2 ? -1 : 1) * d[b / 2] / PAIRS);
            row[n] = i - 1, target[n++] = s->token[i];
        }
    forward(t->m, t->acts[0], s, 0, s->n);
    logprobs(t->m, t->acts[0], n, row, target, logp, NULL);
    backward(t->m, t->grad[0], t->acts[0], dlogp, NULL);
    memcpy(t->mean, t->grad[0]->w, t->m->n_param * sizeof(real));
    return loss;
}

static void dump_dpo(void)
{
    Seqs s = random_seqs(2 * PAIRS, 4, 9, 51);
    int which[PAIRS] = { 0, 1, 2 }, prompt_len[2 * PAIRS] = { 1, 2, 3, 1, 2, 3 };
    begin("dpo");
    text("shapes", "sequences 2i (winner) and 2i+1 (loser); prompt_len (B): answers begin there; p (pairs). Reference: pi_0");
    batch(&s);
    ints("prompt_len", prompt_len, 2 * PAIRS);
    number("beta", 0.3), number("tau", 0.4);
    for (int kind = 0; kind < 3; kind++) {
        object(kind == 0 ? "hard" : kind == 1 ? "soft" : "ipo");
        Trainer *t = gradient_trainer(pi);
        if (kind < 2) {
            doubles("p", LABEL[kind], PAIRS);
            number("loss", dpo_step(t, pi_0, &s, prompt_len, LABEL[kind], which, PAIRS, 0.3, 0));
        } else number("loss", ipo_gradient(t, &s, prompt_len, 0.4));
        gradient(t);
        object_end();
    }
    end();
    seqs_free(&s);
}

/* pi_old samples; the step is taken on pi, some way off, so that tokens are clipped on both sides. */
static void dump_ppo(void)
{
    static const char *const form[] = { "k1-reward", "k2-loss", "k3-loss", "k1-loss", "k3-reward", "abs-reward" };
    Ppo how = { .lambda_kl = 0.3, .eps_clip = 0.1, .eps_value = 0.1, .c_v = 0.5, .gamma = 0.97, .lambda_gae = 0.9,
                .epochs = 1, .minibatches = 1, .max_new = 5, .stop = { 2, -1 }, .missing_stop_penalty = 1.5 };
    Seqs prompts = random_seqs(6, 1, 4, 61);
    begin("ppo");
    text("shapes", "token: prompts and answers; prompt_len, score (B); the other arrays per token, answers only; adv whitened");
    number("lambda_kl", how.lambda_kl), number("eps_clip", how.eps_clip), number("eps_value", how.eps_value);
    number("c_v", how.c_v), number("gamma", how.gamma), number("lambda_gae", how.lambda_gae);
    number("max_new", how.max_new), number("stop", how.stop[0]), number("missing_stop_penalty", how.missing_stop_penalty);
    for (int k = 0; k < 6; k++) {
        Rollout ro = { 0 };
        how.kl_form = (KlForm)k;
        ppo_rollout(pi_old, pi_0, pm, &prompts, 7, &how, &ro);
        size_t N = (size_t)ro.seq.start[ro.seq.n];
        Trainer *t = gradient_trainer(pi);
        PpoStats st = ppo_update(t, &ro, 7, &how, 0);
        if (k == 0) {
            batch(&ro.seq);
            ints("prompt_len", ro.prompt_len, ro.seq.n);
            doubles("score", ro.score, (size_t)ro.seq.n);
            doubles("logp_old", ro.logp_old, N), doubles("logp_ref", ro.logp_ref, N);
            doubles("value", ro.value, N), doubles("entropy", ro.entropy, N);
        }
        object(form[k]);
        doubles("reward", ro.reward, N), doubles("adv", ro.adv, N), doubles("ret", ro.ret, N);
        number("kl", st.kl), number("k3", st.k3), number("mean_entropy", st.entropy), number("scores", st.scores);
        number("non_score_reward", st.non_score_reward), number("rlhf_reward", st.rlhf_reward), number("length", st.length);
        number("num_eos", st.num_eos), number("policy_loss", st.policy_loss), number("value_loss", st.value_loss);
        number("clipfrac", st.clipfrac), number("value_clipfrac", st.value_clipfrac), number("approxkl", st.approxkl);
        number("ratio", st.ratio), number("ratio_var", st.ratio_var);
        gradient(t);
        object_end();
        rollout_free(&ro);
    }
    end();
    seqs_free(&prompts);
}

// ------------------------------------------------------------------------------------
// The optimisers, on the gradient of an SFT batch

static void step_case(const char *name, AdamW opt, int steps)
{
    Seqs s = random_seqs(DOCS, 3, 9, 31);
    int which[DOCS] = { 0, 1, 2, 3 };
    Trainer *t = trainer_new(model_clone(pi), opt);
    object(name);
    number("steps", steps), number("lr", opt.lr), number("beta1", opt.beta1), number("beta2", opt.beta2), number("eps", opt.eps);
    number("weight_decay", opt.weight_decay), number("max_norm", opt.max_norm), number("muon", opt.muon), number("frozen", opt.frozen);
    for (int k = 0; k < steps; k++) sft_step(t, &s, which, DOCS, NULL, opt.lr);
    number("grad_norm", t->grad_norm);
    reals("after", t->m->w, t->m->n_param);
    reals("mean", t->mean, t->m->n_param);
    reals("var", t->var, t->m->n_param);
    object_end();
    model_free(t->m);
    trainer_free(t);
    seqs_free(&s);
}

static void dump_step(void)
{
    Seqs s = random_seqs(DOCS, 3, 9, 31);
    begin("step");
    text("shapes", "from pi, all tokens targets; after, mean, var: flat as weights. grad_norm: of the last step, before clipping");
    batch(&s);
    step_case("adamw", (AdamW){ .lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .weight_decay = 0.1, .max_norm = 0.5 }, 2);
    step_case("frozen", (AdamW){ .lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .frozen = 1 }, 1);
    step_case("muon", (AdamW){ .lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .weight_decay = 0.1, .max_norm = 0.5, .muon = 0.9 }, 1);
    end();
    seqs_free(&s);
}

// ------------------------------------------------------------------------------------
// E1..E14 as numbers

/* One record: the function, its arguments (arrays in place), its results (value, then derivatives). */
static void record(const char *tag, const char *name, int n_in, const double *in, int n_out, const double *result)
{
    fprintf(out, "%s\n{\"tag\": \"%s\", \"function\": \"%s\"", first ? "" : ",", tag, name);
    first = 0;
    doubles("in", in, (size_t)n_in);
    doubles("out", result, (size_t)n_out);
    fputc('}', out);
}
/* A list of numbers with its length before it; a loop over the listed values of x. */
#define IN(...)  (int)(sizeof (double[]){ __VA_ARGS__ } / sizeof(double)), (double[]){ __VA_ARGS__ }
#define GRID(x, ...)  for (double x##_[] = { __VA_ARGS__ }, *x##_p = x##_, x; \
                           x##_p < x##_ + sizeof x##_ / sizeof *x##_ && (x = *x##_p, 1); x##_p++)

static void preferences(void)
{
    double d;
    GRID(r, -30, -2.5, -0.3, 0, 0.7, 4) GRID(p, 0, 0.25, 0.5, 0.6, 1) {
        double L = pm_loss(r, 0.4, p, &d);
        record("E1", "pm_loss", IN(r, 0.4, p), IN(L, d));
        L = dpo_loss(-7 + r / 4, -9, -7.5, -8.25, 0.3, p, &d);
        record("E12", "dpo_loss", IN(-7 + r / 4, -9, -7.5, -8.25, 0.3, p), IN(L, d));
    }
    GRID(p, 0, 0.1, 0.45, 0.5, 0.58, 0.9, 1) {
        record("E1", "label_entropy", IN(p), IN(label_entropy(p)));
        record("E2", "p_clamp", IN(p, 0.4, 0.6), IN(p_clamp(p, 0.4, 0.6)));
        record("E2", "p_hard", IN(p), IN(p_hard(p)));
        record("E2", "p_both_orders", IN(p, 0.3), IN(p_both_orders(p, 0.3)));
        record("E2", "p_chains", IN(p, 0.3, 0.9), IN(p_chains(3, (double[]){ p, 0.3, 0.9 })));
    }
    GRID(l, -40, -3, -1, -0.01) record("E2", "p_A_of", IN(l, -2), IN(p_A_of(l, -2)));
    GRID(R, -350, -10, 0, 70, 200) {
        record("E3", "elo_win", IN(R, 20), IN(elo_win(R, 20)));
        record("E3", "elo_of_score", IN(R / 100), IN(elo_of_score(R / 100)));
    }
    const double wins[16] = { 0, 7, 9, 2.5, 3, 0, 6, 4, 1, 5, 0, 3, 4.5, 8, 6, 0 };
    double R[4];
    elo_fit(4, wins, 1, R);
    record("E3", "elo_fit", 16, wins, 4, R);         /* anchor 1 */
    GRID(tau, 0.1, 0.5, 2) {
        double L = ipo_loss(-7, -9, -7.5, -8.25, tau, &d);
        record("E12", "ipo_loss", IN(-7, -9, -7.5, -8.25, tau), IN(L, d));
    }
}

static void reinforcement(void)
{
    double d;
    int clipped;
    GRID(lr, -3, -0.4, 0, 0.2, 2) {
        record("E4", "kl_k1", IN(lr), IN(kl_k1(lr), 1));
        record("E4", "kl_k2", IN(lr), IN(kl_k2(lr), lr));
        record("E4", "kl_k3", IN(lr), IN(kl_k3(lr), kl_k3_slope(lr)));
        record("E4", "reward_penalised", IN(1.5, 0.3, lr), IN(reward_penalised(1.5, 0.3, lr)));
    }
    GRID(x, -0.9, -0.23, -0.1, 0.05, 0.17, 0.19, 0.8) GRID(A, -1.5, 0.6) {
        double L = ppo_clip_loss(x - 2, -2, A, 0.2, &d, &clipped);
        record("E5", "ppo_clip_loss", IN(x - 2, -2, A, 0.2), IN(L, d, clipped));
        L = value_loss(x, 0.1, A, 0.2, &d, &clipped);
        record("E5", "value_loss", IN(x, 0.1, A, 0.2), IN(L, d, clipped));
    }
    const double r[4] = { 0.1, -0.2, 0.05, 1 }, V[4] = { 0.5, 0.4, -0.3, 0.2 };
    GRID(gamma, 1, 0.9) GRID(lambda, 0, 0.8, 1) {
        double AG[8];
        gae(4, r, V, gamma, lambda, AG, AG + 4);
        record("E6", "gae", IN(gamma, lambda, 0.1, -0.2, 0.05, 1, 0.5, 0.4, -0.3, 0.2), 8, AG);
    }
}

static void measures(void)
{
    double d;
    GRID(x, -0.1, 0, 0.04, 2.5) record("E7", "sqrt_kl", IN(x), IN(sqrt_kl(x)));
    GRID(n, 1, 4, 64) record("E7", "kl_best_of_n", IN(n), IN(kl_best_of_n((int)n)));
    GRID(x, 0.5, 2, 6) {
        record("E7", "r_best_of_n", IN(x, 0.9, 0.1), IN(r_best_of_n(x, 0.9, 0.1)));
        record("E7", "r_rl", IN(x, 0.9, 0.1), IN(r_rl(x, 0.9, 0.1)));
        d = 0;
        double L = harm_loss(x, 4, &d);
        record("E9", "harm_loss", IN(x, 4), IN(L, d));
    }
    const double p[10] = { 0, 0.05, 0.1, 0.31, 0.34, 0.5, 0.77, 0.9, 0.96, 1 }, y[10] = { 0, 1, 0, 1, 0, 1, 1, 0, 1, 1 };
    GRID(bins, 1, 5, 10) {
        double in[21] = { bins };
        memcpy(in + 1, p, sizeof p), memcpy(in + 11, y, sizeof y);
        record("E8", "ece", 21, in, IN(ece(10, p, y, (int)bins)));
    }
    record("E10", "mc_accuracy", 10, p, IN(mc_accuracy(10, p)));
    GRID(beta, 0.05, 0.5, 3) {
        double result[4];
        result[0] = gibbs_optimum(3, (double[]){ 0.2, 0.3, 0.5 }, (double[]){ 1, 0, -1 }, beta, result + 1);
        record("E11", "gibbs_optimum", IN(beta, 0.2, 0.3, 0.5, 1, 0, -1), 4, result);
    }
}

static void other_losses(void)
{
    const double logp[3] = { -0.5, -1.25, -2 }, mark[5] = { 0.05, 0.1, 0.3, 0.25, 0.1 };
    double result[4];
    record("E13", "sft_loss", 3, logp, IN(sft_loss(3, logp)));
    result[0] = distill_loss(3, (double[]){ 0.7, 0.3, 0 }, logp, result + 1);
    record("E13", "distill_loss", IN(0.7, 0.3, 0, -0.5, -1.25, -2), 4, result);
    record("E14", "scored_feedback", 5, mark, IN(scored_feedback(5, mark)));
}

static void dump_scalar(void)
{
    begin("scalar");
    text("shapes", "in: the arguments of tests/dump.c, arrays in place; out: the value, then derivatives or arrays");
    key("records");
    fputc('[', out);
    first = 1;
    preferences();
    reinforcement();
    measures();
    other_losses();
    fputc(']', out);
    end();
}

void dump_cases(const char *dir)
{
    folder = dir;
    if (mkdir(dir, 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --dump", dir, strerror(errno));
    pi_old = tiny_model(1, 0), pi_0 = tiny_model(2, 0), pm = tiny_model(3, 0);
    pi = model_clone(pi_old);
    for (size_t i = 0; i < pi->n_param; i++) pi->w[i] += (real)(0.03 * rng_normal(4, i));
    dump_model();
    dump_forward();
    dump_sample();
    dump_sft();
    dump_pm();
    dump_dpo();
    dump_ppo();
    dump_step();
    dump_scalar();
    model_free(pi_old), model_free(pi), model_free(pi_0), model_free(pm);
}

#ifdef DUMP_MAIN            /* alone: build/dump DIR. Otherwise build/verify --dump DIR calls dump_cases */
int main(int argc, char **argv)
{
    if (argc != 2) die(EXIT_USAGE, "dump needs one argument, the folder to write to");
    dump_cases(argv[1]);
    return 0;
}
#endif
