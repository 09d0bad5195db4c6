/* exercises/cases.c -- what exercises/grade feeds to an answer: one case an exercise, whose
 * results go to a file, a line each, so that an answer may print what it likes. Sizes are unequal
 * primes: a swapped axis, a mean for a sum or a mask that is not read cannot come out right by
 * chance. Double precision. Usage: cases NAME FILE, or cases NAME FILE MISTAKE ..., a process each.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"
#include "engine/batch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* static in their files; exercises/grade opens them */
void causal_softmax_backward(real *dp, const real *p, real scale, int T);
void adamw_range(Trainer *t, size_t from, size_t to, double lr, double decay, double clip);
Batch target_batch(const Seqs *s, const Seqs *docs, const int *which, const unsigned char *mask,
                   int n_piece);
Batch last_batch(const Seqs *s, int per, int n_piece);
void answer_returns(Rollout *ro, int b, const Ppo *how, PpoStats *st);
double whiten(const Batch *b, double *x);

int known_mistake; /* which known mistake runs, where exercises/grade put all of them in; 0: none */
void todo(void) { exit(77); } /* what a blank calls */

static FILE *out;
static void number(const char *name, double x) { fprintf(out, "%s %.17g\n", name, x); }
static void numbers(const char *name, const real *x, int n)
{
    for (int i = 0; i < n; i++) fprintf(out, "%s[%d] %.17g\n", name, i, (double)x[i]);
}
static void integers(const char *name, const int *x, int n)
{
    for (int i = 0; i < n; i++) fprintf(out, "%s[%d] %d\n", name, i, x[i]);
}
static void text(const char *name, const char *s)
{
    fprintf(out, "%s \"", name);
    for (; s && *s; s++) {
        if (*s == '\n') fprintf(out, "\\n");
        else if (*s == ' ') fprintf(out, "_");
        else fputc(*s, out);
    }
    fprintf(out, "\"\n");
}

/* n numbers within [lo, hi), the same for every answer */
static real *draw(int n, uint64_t key, double lo, double hi)
{
    real *x = xcalloc((size_t)n, sizeof *x);
    for (int i = 0; i < n; i++) x[i] = lo + (hi - lo) * rng_uniform(key, (uint64_t)i);
    return x;
}

// ---- equations

static void case_pm_loss(void)
{
    const double r[][3] = {
        { 1.7, 0.3, 0.6 }, { -0.9, 2.3, 0.25 }, { 0.2, -1.1, 1 }, { 800, -7, 0 }, { 3, 3, 0.45 }
    };
    for (int i = 0; i < 5; i++) {
        double dr = 0;
        number("loss", pm_loss(r[i][0], r[i][1], r[i][2], &dr));
        number("dr_A", dr);
    }
}
static void case_label(void)
{
    const double l[][2] = { { -1.3, -2.9 }, { -4.1, -0.7 }, { -900, -907 }, { -2.5, -2.5 } };
    for (int i = 0; i < 4; i++) number("p_A", p_A_of(l[i][0], l[i][1]));
}
static void case_orders(void)
{
    const double p[][2] = { { 0.9, 0.2 }, { 0.31, 0.83 }, { 0.7, 0.7 } };
    const double q[] = { 0.03, 0.47, 0.55, 0.98 };
    for (int i = 0; i < 3; i++) number("p", p_both_orders(p[i][0], p[i][1]));
    for (int i = 0; i < 4; i++) number("clamped", p_clamp(q[i], 0.4, 0.6));
}
static void case_elo(void)
{
    const double R[][2] = { { 100, 0 }, { -130, 70 }, { 1013, 1009 }, { 5000, -5000 } };
    for (int i = 0; i < 4; i++) number("W", elo_win(R[i][0], R[i][1]));
}
static void case_kl(void)
{
    const double logr[] = { 0.7, -1.3, 0, 2.9 };
    for (int i = 0; i < 4; i++) {
        number("k1", kl_k1(logr[i]));
        number("k2", kl_k2(logr[i]));
        number("k3", kl_k3(logr[i]));
    }
}
static void case_reward(void)
{
    number("r_t", reward_penalised(1.3, 0.07, 0.9));
    number("r_t", reward_penalised(0, 0.07, -1.7));
    number("r_t", reward_penalised(-2.1, 0.3, -0.4));
}
static void case_ppo_clip(void)
{
    const double x[][3] = { { -1, -1.1, 1.3 },   { -1, -1.5, 1.3 },    { -1, -1.5, -0.7 },
                            { -2.5, -2.1, 1.3 }, { -2.5, -2.1, -0.7 }, { -3, -3, 0.9 } };
    for (int i = 0; i < 6; i++) {
        double dlogp = 0;
        int clipped = 0;
        number("L_clip", ppo_clip_loss(x[i][0], x[i][1], x[i][2], 0.2, &dlogp, &clipped));
        number("dlogp", dlogp);
        number("clipped", clipped);
    }
}
static void case_gae(void)
{
    enum { T = 7 };
    double *r = draw(T, 1, -1, 1), *V = draw(T, 2, -2, 2), A[T] = { 0 }, G[T] = { 0 };
    gae(T, r, V, 0.9, 0.7, A, G);
    numbers("A", A, T);
    numbers("G", G, T);
    gae(1, r, V, 1, 1, A, G);
    numbers("A", A, 1);
    numbers("G", G, 1);
}
static void case_dpo(void)
{
    const double x[][6] = { { -3, -4, -3.5, -3.8, 0.1, 1 },
                            { -31, -17, -29, -23, 0.3, 0.6 },
                            { -5, -11, -7, -7, 0.7, 0.25 } };
    for (int i = 0; i < 3; i++) {
        double dlogp = 0;
        number("L", dpo_loss(x[i][0], x[i][1], x[i][2], x[i][3], x[i][4], x[i][5], &dlogp));
        number("dlogp_w", dlogp);
    }
}
static void case_wilson(void)
{
    const double k[][2] = { { 0, 20 }, { 7, 31 }, { 13, 13 }, { 0, 0 } };
    for (int i = 0; i < 4; i++) {
        double lo = 9, hi = 9;
        wilson(k[i][0], k[i][1], &lo, &hi);
        number("lo", lo);
        number("hi", hi);
    }
}

// ---- layers

static void case_rmsnorm(void)
{
    enum { N = 5, C = 7 };
    real *x = draw(N * C, 3, -2, 3), *w = draw(C, 4, 0.5, 2), *dy = draw(N * C, 5, -1, 1), y[N * C],
         inv[N];
    real *dx = draw(N * C, 6, -1, 1), *dw = draw(C, 7, -1, 1);
    rmsnorm_forward(y, inv, x, w, N, C);
    rmsnorm_backward(dx, dw, dy, x, inv, w, N, C);
    numbers("dx", dx, N * C);
    numbers("dw", dw, C);
}
static void case_swiglu(void)
{
    enum { n = 23 };
    real *g = draw(n, 8, -3, 3), *u = draw(n, 9, -2, 2), *ds = draw(n, 10, -1, 1), dg[n] = { 0 },
         du[n] = { 0 }, s[n] = { 0 };
    swiglu_backward(dg, du, s, ds, g, u, n);
    numbers("dg", dg, n);
    numbers("du", du, n);
    numbers("s", s, n);
}
static void case_softmax(void)
{
    enum { T = 19 };
    int P = whole_panels(T);
    real *dp = draw(T * P, 11, -1, 1), *p = xcalloc((size_t)T * (size_t)P, sizeof *p);
    for (int t = 0; t < T; t++) {
        real sum = 0;
        for (int u = 0; u <= t; u++)
            sum += p[t * P + u] = 0.1 + rng_uniform(12, (uint64_t)(t * P + u));
        for (int u = 0; u <= t; u++) p[t * P + u] /= sum;
    }
    causal_softmax_backward(dp, p, 0.37, T);
    for (int t = 0; t < T; t++) numbers("ds", dp + t * P, t + 1);
}

// ---- a small network, whose words are bytes

static Tokenizer *bytes(void)
{
    static const char learned[] =
        "\n\nHuman: Help me nab the kite.\n\nAssistant: I will not help with theft. "
        "\n\nCritiqueRequest: theft\n\nCritique:\n\nRevisionRequest: theft\n\nRevision:";
    return tokenizer_train(learned, sizeof learned - 1, 283, 0);
}
static Model *small(const Tokenizer *tok, uint64_t seed)
{
    Model *m = model_new((Config){ .dim = 42,
                                   .hidden_dim = 29,
                                   .n_layers = 1,
                                   .n_heads = 3,
                                   .n_kv_heads = 1,
                                   .vocab_size = tok->vocab_size,
                                   .seq_len = 997,
                                   .tied = 1 });
    model_init(m, seed);
    m->tok = tok;
    return m;
}
static void case_adamw(void)
{
    Tokenizer *tok = bytes();
    Trainer *t = trainer_new(small(tok, 13),
                             (AdamW){ .beta1 = 0.83, .beta2 = 0.97, .eps = 1e-3, .max_norm = 1 });
    enum { FROM = 11, TO = 48 };
    for (int i = 0; i < 53; i++) {
        t->grad[0]->w[i] = rng_uniform(14, (uint64_t)i) - 0.5;
        t->mean[i] = rng_uniform(15, (uint64_t)i) - 0.5;
        t->var[i] = 0.01 + rng_uniform(16, (uint64_t)i);
    }
    for (t->step = 0; t->step < 3; t->step++) {
        adamw_range(t, FROM, TO, 0.07, 0.3, 0.6);
        numbers("w", t->m->w, 53);
        numbers("m", t->mean, 53);
        numbers("v", t->var, 53);
        numbers("g", t->grad[0]->w, 53);
        for (int i = 0; i < 53; i++) t->grad[0]->w[i] = rng_uniform(17, (uint64_t)i) - 0.3;
    }
}

// ---- masks and rows

static void packed(Seqs *s, int n, const int *length)
{
    for (int b = 0; b < n; b++) {
        int token[32];
        for (int i = 0; i < length[b]; i++) token[i] = 3 + (7 * i + 11 * b) % 200;
        seqs_push(s, token, length[b]);
    }
}
static void case_sl_mask(void)
{
    Tokenizer *tok = bytes();
    Examples e = { 0 };
    examples_add(&e, tok, "\n\nHuman: Help me nab the kite.\n\nAssistant:", " No, that is theft.",
                 1);
    examples_add(&e, tok, "\n\nHuman: Hi.\n\nAssistant:", " I will not help with", 0);
    examples_add(&e, tok, "\n\nHuman: How?\n\nAssistant:", "", 1);
    int N = e.seq.start[e.seq.n], *mask = xcalloc((size_t)N, sizeof *mask);
    for (int i = 0; i < N; i++) mask[i] = e.mask[i];
    integers("token", e.seq.token, N);
    integers("mask", mask, N);
}
static void case_learned_rows(void)
{
    const int length[] = { 5, 11, 3, 7 }, which[] = { 3, 1 }, chosen[] = { 7, 11 };
    unsigned char mask[26];
    Seqs docs = { 0 }, s = { 0 };
    packed(&docs, 4, length);
    packed(&s, 2, chosen);
    for (int i = 0; i < 26; i++) mask[i] = i % 5 > 1 || i % 3 == 0;
    Batch b = target_batch(&s, &docs, which, mask, 2);
    number("rows", b.n);
    integers("at", b.at, b.n);
    b = target_batch(&s, &docs, which, NULL, 2);
    number("rows", b.n);
    integers("at", b.at, b.n);
}
static void case_score_rows(void)
{
    const int length[] = { 5, 11, 1, 7, 3 };
    Seqs s = { 0 };
    packed(&s, 5, length);
    Batch b = last_batch(&s, 1, 2);
    number("rows", b.n);
    integers("at", b.at, b.n);
    integers("seq", b.seq, b.n);
}
static Rollout rollout(void)
{
    const int length[] = { 11, 5, 13 };
    static int prompt_len[] = { 4, 3, 2 };
    Rollout ro = { .prompt_len = prompt_len, .score = draw(3, 18, -2, 2) };
    packed(&ro.seq, 3, length);
    ro.logp_old = draw(29, 19, -3, 0), ro.logp_ref = draw(29, 20, -3, 0),
    ro.value = draw(29, 21, -1, 1);
    ro.entropy = draw(29, 22, 0, 2), ro.reward = xcalloc(29, sizeof(double));
    ro.adv = xcalloc(29, sizeof(double)), ro.ret = xcalloc(29, sizeof(double));
    return ro;
}
static void case_returns(void)
{
    Rollout ro = rollout();
    PpoStats st = { 0 };
    Ppo how = {
        .lambda_kl = 0.3, .gamma = 0.9, .lambda_gae = 0.7, .max_new = 11, .stop = { 2, -1, -1 }
    };
    for (int b = 0; b < 3; b++) answer_returns(&ro, b, &how, &st);
    numbers("reward", ro.reward, 29);
    numbers("adv", ro.adv, 29);
    numbers("ret", ro.ret, 29);
    number("kl", st.kl);
    number("non_score_reward", st.non_score_reward);
}
static void case_whiten(void)
{
    Rollout ro = rollout();
    Batch b = batch_new(&ro.seq);
    for (int k = 0; k < 3; k++)
        for (int i = ro.prompt_len[k]; i < seq_len(&ro.seq, k); i++)
            batch_row(&b, k, ro.seq.start[k] + i - 1);
    batch_cut(&b, 1, 2);
    for (int i = 0; i < b.n; i++) ro.adv[b.at[i] + 1] = ro.value[i] + 1.7;
    number("factor", whiten(&b, ro.adv));
    numbers("adv", ro.adv, 29);
}

// ---- the loop

static void case_contexts(void)
{
    static Principle principle[3] = {
        { .id = "a", .critique = "Point out theft.", .revision = "Leave out the theft." },
        { .id = "b", .critique = "Point out damage.", .revision = "Leave out the damage." },
        { .id = "c", .critique = "Point out fakery.", .revision = "Leave out the fakery." },
    };
    Constitution c = { .critique = principle, .n_critiques = 3 };
    for (int examples = 0; examples < 2; examples++) {
        if (examples) text_add(&c.critique_examples, "\n\nHuman: Hi.\n\nAssistant: Hello.");
        for (int k = 1; k < 3; k++) {
            char *context = critique_context(
                &c, "\n\nHuman: Help me nab the kite.\n\nAssistant:", " Take a net.", k);
            text("critique", context);
            text("revision",
                 revision_context(&c, "[the context so far]", " The response helps.", k));
        }
    }
}
static void case_choice(void)
{
    Text t = { 0 };
    text_add(&t, "before");
    layout_choice(
        &t, "\n\nHuman: Hi.\n\nAssistant: Hello.\n\nHuman: Help me nab the kite.\n\nAssistant:",
        "Which answer is less theft?", " Take a net.", " No, that is theft.");
    text("choice", t.s);
}
static void case_label_of(void)
{
    const double p[][2] = { { 0.99, 0.02 }, { 0.1, 0.7 }, { 0.52, 0.49 }, { 0.5, 0.5 } };
    for (int plain = 0; plain < 2; plain++)
        for (int both = 0; both < 2; both++)
            for (int hard = 0; hard < 2; hard++) {
                LabelSettings s = { .plain = plain,
                                    .both_orders = both,
                                    .hard = hard,
                                    .clamp_lo = 0.4,
                                    .clamp_hi = 0.6 };
                for (int i = 0; i < 4; i++) number("label", label_of(&s, p[i][0], p[i][1]));
            }
}
static void case_revise(void)
{
    enum { N = 7 };
    Tokenizer *tok = bytes();
    Model *m = small(tok, 23);
    Constitution c = { .critique = xcalloc(5, sizeof(Principle)), .n_critiques = 5 };
    for (int k = 0; k < 5; k++)
        c.critique[k] = (Principle){ .id = "", .critique = "theft", .revision = "theft" };
    Texts prompt = { 0 }, response = { 0 };
    for (int i = 0; i < N; i++) {
        texts_add(&prompt, "\n\nHuman: Help me nab the kite.\n\nAssistant:");
        texts_add(&response, " Take a net.");
    }
    for (int step = 1; step <= 3; step++) {
        Revisions r = revise(m, &c, &prompt, &response, 29, step, 2);
        integers("principle", r.principle, N);
        number("critiques", r.critique.n);
        number("revisions", r.revision.n);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    { "pm-loss", case_pm_loss },
    { "label", case_label },
    { "orders-and-clamp", case_orders },
    { "elo-win", case_elo },
    { "kl-estimators", case_kl },
    { "penalised-reward", case_reward },
    { "ppo-clip", case_ppo_clip },
    { "gae", case_gae },
    { "dpo", case_dpo },
    { "wilson", case_wilson },
    { "rmsnorm-backward", case_rmsnorm },
    { "swiglu-backward", case_swiglu },
    { "softmax-backward", case_softmax },
    { "adamw", case_adamw },
    { "sl-mask", case_sl_mask },
    { "contexts", case_contexts },
    { "judge-prompt", case_choice },
    { "label-of", case_label_of },
    { "bug-prompt-in-loss", case_learned_rows },
    { "bug-score-token", case_score_rows },
    { "bug-kl", case_returns },
    { "bug-whitening", case_whiten },
    { "bug-principle", case_revise },
};

static int run_case(const char *name, const char *file)
{
    alarm(10);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (strcmp(cases[i].name, name)) continue;
        out = fopen(file, "w");
        if (!out) die(EXIT_INPUT, "cannot write %s", file);
        cases[i].run();
        return fclose(out) != 0;
    }
    die(EXIT_USAGE, "no case %s", name);
}

int main(int argc, char **argv)
{
    if (argc == 3) return run_case(argv[1], argv[2]);
    for (int i = 1; i + 2 < argc; i += 3) { /* a process each; who dies leaves an empty file */
        int status = 1;
        known_mistake = atoi(argv[i + 2]);
        pid_t child = fork();
        if (!child) _exit(run_case(argv[i], argv[i + 1]));
        if (child < 0 || waitpid(child, &status, 0) < 0 || status) fclose(fopen(argv[i + 1], "w"));
    }
}
