/* cai.c -- Constitutional AI, the paper's loop: constitution, critique, revision, feedback, the
 * stages in the paper's order, evaluation, command line.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// options: every constant of the run

static struct {
    long seed;
    int threads;
    const char *out, *town, *constitution, *judge;
    int dim, hidden, layers, heads, kv_heads, vocab, context;
    long corpus;
    int pretrain_batch, pretrain_warm;
    double pretrain_lr, weight_decay, beta2;
    int redteam, helpful, prefs, eval_n, judgements;
    double pm_lr; int pm_batch;
    double sl_lr; int sl_batch, final_only, revisions;
    int helpful_iters, rl_iters, ppo_batch, ppo_epochs, ppo_minibatches, max_new;
    double helpful_kl, lambda_kl, ppo_lr, eps_clip, c_v;
    int plain, chains, hard; double clamp_lo, clamp_hi, chain_temperature;
} o;

typedef struct { const char *flag; char type; void *at; const char *value; double lo, hi; const char *what; } Flag;

static const Flag FLAGS[] = {
    { "seed", 'l', &o.seed, "1", 0, 1e15, "of every random draw" },
    { "threads", 'i', &o.threads, "0", 0, 256, "workers; 0 = one a core; results do not depend on it" },
    { "out", 's', &o.out, "out", 0, 0, "folder of the run" },
    { "town", 's', &o.town, "data/town.txt", 0, 0, "the toy world" },
    { "constitution", 's', &o.constitution, "data/constitution.txt", 0, 0, "the principles" },
    { "dim", 'i', &o.dim, "128", 8, 4096, "model width" },
    { "hidden", 'i', &o.hidden, "256", 8, 16384, "feed-forward width" },
    { "layers", 'i', &o.layers, "4", 1, 64, "transformer layers" },
    { "heads", 'i', &o.heads, "4", 1, 64, "query heads" },
    { "kv-heads", 'i', &o.kv_heads, "4", 1, 64, "key/value heads" },
    { "vocab", 'i', &o.vocab, "768", 300, 32000, "tokenizer pieces" },
    { "context", 'i', &o.context, "320", 64, 4096, "longest sequence in tokens" },
    { "corpus", 'l', &o.corpus, "50000", 10, 1e8, "pretraining documents, each seen once" },
    { "pretrain-batch", 'i', &o.pretrain_batch, "4096", 64, 1e6, "tokens a step" },
    { "pretrain-lr", 'd', &o.pretrain_lr, "3e-3", 0, 10, "peak learning rate" },
    { "pretrain-warm", 'i', &o.pretrain_warm, "50", 0, 1e6, "warm-up steps" },
    { "weight-decay", 'd', &o.weight_decay, "0.1", 0, 10, "AdamW, matrices only" },
    { "beta2", 'd', &o.beta2, "0.95", 0, 1, "AdamW second-moment decay" },
    { "redteam", 'i', &o.redteam, "512", 8, 1e6, "red-team prompts" },
    { "helpful", 'i', &o.helpful, "384", 8, 1e6, "helpfulness prompts" },
    { "prefs", 'i', &o.prefs, "1536", 8, 1e6, "human helpfulness comparisons" },
    { "eval", 'i', &o.eval_n, "256", 8, 1e6, "evaluation prompts a set" },
    { "judgements", 'i', &o.judgements, "400", 8, 1e6, "held-out judgement items" },
    { "pm-lr", 'd', &o.pm_lr, "3e-4", 0, 10, "PM learning rate" },
    { "pm-batch", 'i', &o.pm_batch, "32", 1, 1e5, "pairs a PM step" },
    { "sl-lr", 'd', &o.sl_lr, "5e-4", 0, 10, "SL-CAI learning rate" },
    { "sl-batch", 'i', &o.sl_batch, "32", 1, 1e5, "sequences an SL step" },
    { "final-only", 'i', &o.final_only, "0", 0, 1, "train on the last revisions only" },
    { "revisions", 'i', &o.revisions, "4", 1, 16, "critique and revision steps" },
    { "helpful-iters", 'i', &o.helpful_iters, "40", 0, 1e6, "PPO iterations, helpful-only RLHF" },
    { "rl-iters", 'i', &o.rl_iters, "60", 0, 1e6, "PPO iterations, RL-CAI" },
    { "ppo-batch", 'i', &o.ppo_batch, "64", 1, 1e5, "answers an iteration" },
    { "ppo-epochs", 'i', &o.ppo_epochs, "4", 1, 100, "passes over an iteration's answers" },
    { "ppo-minibatches", 'i', &o.ppo_minibatches, "1", 1, 64, "minibatches a pass" },
    { "ppo-lr", 'd', &o.ppo_lr, "3e-4", 0, 10, "PPO learning rate" },
    { "helpful-kl", 'd', &o.helpful_kl, "0.05", 0, 100, "lambda_KL of helpful-only RLHF" },
    { "lambda-kl", 'd', &o.lambda_kl, "0.05", 0, 100, "lambda_KL of RL-CAI" },
    { "eps-clip", 'd', &o.eps_clip, "0.2", 0, 1, "PPO clip width" },
    { "c-v", 'd', &o.c_v, "0.1", 0, 10, "value loss weight" },
    { "max-new", 'i', &o.max_new, "48", 1, 4096, "longest answer in tokens" },
    { "judge", 's', &o.judge, "self", 0, 0, "self, or random (a control)" },
    { "plain", 'i', &o.plain, "0", 0, 1, "labels without chain of thought" },
    { "chains", 'i', &o.chains, "1", 1, 64, "chains of thought averaged a label" },
    { "hard", 'i', &o.hard, "0", 0, 1, "hard labels" },
    { "clamp-lo", 'd', &o.clamp_lo, "0.4", 0, 0.5, "clamp of chain-of-thought labels" },
    { "clamp-hi", 'd', &o.clamp_hi, "0.6", 0.5, 1, "clamp of chain-of-thought labels" },
    { "chain-temperature", 'd', &o.chain_temperature, "1", 0, 10, "sampling temperature of chains" },
};
enum { N_FLAGS = sizeof FLAGS / sizeof FLAGS[0] };

static void set_flag(const Flag *f, const char *value)
{
    if (f->type == 's') { *(const char **)f->at = value; return; }
    char *end;
    double x = strtod(value, &end);
    if (*end || end == value || !(x >= f->lo && x <= f->hi))
        die(EXIT_USAGE, "--%s %s: not a number from %g to %g; see cai --help", f->flag, value, f->lo, f->hi);
    if (f->type == 'd') *(double *)f->at = x;
    else if (x != floor(x)) die(EXIT_USAGE, "--%s %s: not a whole number; see cai --help", f->flag, value);
    else if (f->type == 'i') *(int *)f->at = (int)x;
    else *(long *)f->at = (long)x;
}

// ------------------------------------------------------------------------------------
// small helpers

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const char *in_out(const char *name)       /* path inside the run's folder; 8 live at a time */
{
    static char buf[8][4096];
    static int i;
    i = (i + 1) % 8;
    snprintf(buf[i], sizeof buf[i], "%s/%s", o.out, name);
    return buf[i];
}

static Town *town;
static Tokenizer *tok;
static int blank_line;          /* token "\n\n", ends a paragraph; -1 if the tokenizer has none */

enum { S_PRETRAIN = 100, S_HELPFUL, S_REVISE, S_SL, S_FEEDBACK, S_PM, S_RL, S_EVAL, S_ORDER };

typedef struct { int n; char **s; } Texts;

static void texts_add(Texts *t, const char *s)
{
    t->s = xrealloc(t->s, (size_t)t->n + 1, sizeof(char *));
    t->s[t->n++] = xstrdup(s);
}

static void texts_free(Texts *t)
{
    for (int i = 0; i < t->n; i++) free(t->s[i]);
    free(t->s);
    *t = (Texts){ 0 };
}

static Texts load_field(const char *path, const char *field)
{
    Texts t = { 0 };
    JsonLines *j = json_open(path);
    while (json_next(j)) texts_add(&t, json_str(j, field));
    json_close(j);
    if (!t.n) die(EXIT_INPUT, "%s:1: no records; run the stage that writes it", path);
    return t;
}

static char *join(const char *a, const char *b)
{
    char *s = xcalloc(strlen(a) + strlen(b) + 1, 1);
    return strcat(strcpy(s, a), b);
}

/* Document = begin token, text, and for a finished one the stop token (llama2.c stops at 1). */
static void push_text(Seqs *s, const char *text, const char *more, int stop, int *prompt_len)
{
    size_t n = strlen(text), n2 = more ? strlen(more) : 0;
    int *ids = xcalloc(n + n2 + 8, sizeof(int));
    int k = encode(tok, text, n, 1, ids);
    if (prompt_len) *prompt_len = k;
    if (more) k += encode(tok, more, n2, 0, ids + k);
    if (stop) ids[k++] = TOKEN_BEGIN;
    seqs_push(s, ids, k);
    free(ids);
}

/* One paragraph sampled after each prompt; item0 + i numbers the draw. */
static Texts complete(const Model *m, const Texts *prompt, int stage, long item0, int max_new, double temperature)
{
    Seqs p = { 0 }, out = { 0 };
    uint64_t *key = xcalloc((size_t)prompt->n, sizeof *key);
    for (int i = 0; i < prompt->n; i++) {
        push_text(&p, prompt->s[i], NULL, 0, NULL);
        key[i] = rng_key((uint64_t)o.seed, (uint64_t)stage, (uint64_t)(item0 + i));
    }
    sample(m, &p, key, (Sampling){ temperature, max_new, { TOKEN_BEGIN, blank_line } }, &out, NULL);
    Texts t = { 0 };
    for (int i = 0; i < out.n; i++) {
        int n = seq_len(&out, i);
        if (n && (seq_tok(&out, i)[n - 1] == TOKEN_BEGIN || seq_tok(&out, i)[n - 1] == blank_line)) n--;
        char *s = decode(tok, seq_tok(&out, i), n, NULL);
        texts_add(&t, s);
        free(s);
    }
    seqs_free(&p);
    seqs_free(&out);
    free(key);
    return t;
}

static void load_tokenizer(void)
{
    if (tok) return;
    tok = tokenizer_load(in_out("tokenizer.bin"), o.vocab);
    int ids[8];
    blank_line = encode(tok, "\n\n", 2, 0, ids) == 1 ? ids[0] : -1;
}

static int *shuffled(int n, uint64_t key)
{
    int *a = xcalloc((size_t)n, sizeof(int));
    for (int i = 0; i < n; i++) {
        int j = rng_below(key, (uint64_t)i, i + 1);
        a[i] = a[j];
        a[j] = i;
    }
    return a;
}

// ------------------------------------------------------------------------------------
// the constitution

typedef struct { char *id, *critique, *revision; } Principle;
typedef struct { Principle *critique; int n_critiques; Principle *comparison; int n_comparisons; } Constitution;
static Constitution law;

static void load_constitution(void)
{
    char *text = read_file(o.constitution, NULL);
    int line = 0, comparison = 0;
    Principle *p = NULL;
    for (char *next = text; next;) {
        char *s = next;
        line++;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        if (*s == '#' || !*s) continue;
        if (*s == '[') {
            comparison = strncmp(s, "[comparison ", 12) == 0;
            Principle **list = comparison ? &law.comparison : &law.critique;
            int *n = comparison ? &law.n_comparisons : &law.n_critiques;
            *list = xrealloc(*list, (size_t)*n + 1, sizeof(Principle));
            p = &(*list)[(*n)++];
            *p = (Principle){ .id = strchr(s, ' ') + 1 };
            p->id[strcspn(p->id, "]")] = 0;
        } else if (p && strncmp(s, "critique: ", 10) == 0) p->critique = s + 10;
        else if (p && strncmp(s, "revision: ", 10) == 0) p->revision = s + 10;
        else if (p && strncmp(s, "choose: ", 8) == 0) p->critique = s + 8;
        else die(EXIT_INPUT, "%s:%d: not a line of a constitution; see data/constitution.txt", o.constitution, line);
    }
}

// ------------------------------------------------------------------------------------
// stages

static void stage_data(void)
{
    mkdir(o.out, 0777);
    mkdir(in_out("data"), 0777);
    uint64_t seed = (uint64_t)o.seed;
    town_corpus(town, seed, o.corpus, in_out("data/corpus.jsonl"));
    town_prompts(town, seed, SET_REDTEAM, o.redteam, in_out("data/redteam.jsonl"));
    town_prompts(town, seed, SET_HELPFUL, o.helpful, in_out("data/helpful.jsonl"));
    town_human_prefs(town, seed, o.prefs, in_out("data/human_prefs.jsonl"));
    town_prompts(town, seed, SET_EVAL_REDTEAM, o.eval_n, in_out("data/eval_redteam.jsonl"));
    town_prompts(town, seed, SET_EVAL_HELPFUL, o.eval_n, in_out("data/eval_helpful.jsonl"));
    town_prompts(town, seed, SET_EVAL_CONTRAST, o.eval_n, in_out("data/eval_contrast.jsonl"));
    town_judgements(town, seed, o.judgements, in_out("data/judgements.jsonl"));
}

static void stage_tokenizer(void)
{
    Texts docs = load_field(in_out("data/corpus.jsonl"), "text");
    Text all = { 0 };
    for (int i = 0; i < docs.n && all.n < 2000000; i++) text_add(&all, "%s", docs.s[i]);
    Tokenizer *t = tokenizer_train(all.s, all.n, o.vocab);
    tokenizer_save(t, in_out("tokenizer.bin"));
    fprintf(stderr, "tokenizer: %d pieces, %zu bytes of text\n", t->vocab_size, all.n);
    texts_free(&docs);
}

static double judge_accuracy(const Model *m, int plain, double *refusal_share, double *indifferent, double *plain_share);
static double critique_accuracy(const Model *m);

static void stage_pretrain(void)
{
    load_tokenizer();
    Texts docs = load_field(in_out("data/corpus.jsonl"), "text");
    Seqs s = { 0 };
    for (int i = 0; i < docs.n; i++) push_text(&s, docs.s[i], NULL, 1, NULL);
    texts_free(&docs);
    Config c = { o.dim, o.hidden, o.layers, o.heads, o.kv_heads, o.vocab, o.context, 1 };
    Model *m = model_new(c);
    model_init(m, rng_key((uint64_t)o.seed, S_PRETRAIN, 0));
    Trainer *t = trainer_new(m, (AdamW){ o.pretrain_lr, 0.9, o.beta2, 1e-8, o.weight_decay, 1.0 });
    fprintf(stderr, "pretrain: %zu parameters, %d documents, %d tokens, longest ", m->n_param, s.n, s.start[s.n]);
    int longest = 0;
    for (int i = 0; i < s.n; i++) if (seq_len(&s, i) > longest) longest = seq_len(&s, i);
    fprintf(stderr, "%d\n", longest);
    long total = s.start[s.n] / o.pretrain_batch, step = 0;
    int *which = xcalloc((size_t)s.n, sizeof(int));
    double t0 = now(), loss = 0;
    int since = 0;
    for (int i = 0; i < s.n; step++) {
        int n = 0, tokens = 0;
        while (i < s.n && tokens < o.pretrain_batch) { tokens += seq_len(&s, i); which[n++] = i++; }
        loss += sft_step(t, &s, which, n, NULL, o.pretrain_lr * lr_schedule(LR_COSINE, step, o.pretrain_warm, total));
        since++;
        if (step % 50 == 49 || i == s.n) {
            fprintf(stderr, "step %ld/%ld loss %.4f  %.0f tokens/s  %.0f s", step + 1, total, loss / since,
                    s.start[i] / (now() - t0), now() - t0);
            if (getenv("CAI_PROBE") && (step % 200 == 199 || i == s.n)) {
                double a, b, c;
                double crit = critique_accuracy(m);
                double acc = judge_accuracy(m, 0, &a, &b, &c);
                fprintf(stderr, "  critique %.3f chain %.3f (indiff p %.2f)", crit, acc, b);
            }
            fprintf(stderr, "\n");
            loss = 0; since = 0;
        }
    }
    model_save(m, in_out("base.bin"));
    trainer_free(t);
    model_free(m);
    seqs_free(&s);
    free(which);
}

/* log P(" (A)") and log P(" (B)") after each context. */
static void letters(const Model *m, const Texts *context, double *l_A, double *l_B)
{
    Seqs s = { 0 };
    int *len = xcalloc(2 * (size_t)context->n, sizeof(int));
    double *sum = xcalloc(2 * (size_t)context->n, sizeof(double));
    for (int i = 0; i < context->n; i++) {
        push_text(&s, context->s[i], " (A)", 0, &len[2 * i]);
        push_text(&s, context->s[i], " (B)", 0, &len[2 * i + 1]);
    }
    completion_logprobs(m, &s, len, sum, NULL);
    for (int i = 0; i < context->n; i++) { l_A[i] = sum[2 * i]; l_B[i] = sum[2 * i + 1]; }
    seqs_free(&s);
    free(len);
    free(sum);
}

/* p(first option is better) for each comparison, in the order given. */
static void judge_once(const Model *m, const Texts *prompt, char *const *principle, char *const *a, char *const *b,
                       int plain, long item0, double *p, Texts *chain)
{
    int n = prompt->n;
    Texts ctx = { 0 };
    for (int i = 0; i < n; i++) {
        Text t = { 0 };
        (plain ? layout_choice : layout_thought)(&t, prompt->s[i], principle[i], a[i], b[i]);
        texts_add(&ctx, t.s);
        free(t.s);
    }
    if (!plain) {
        Texts c = complete(m, &ctx, S_FEEDBACK, item0, 64, o.chain_temperature);
        for (int i = 0; i < n; i++) {
            char *s = join(ctx.s[i], c.s[i]);
            free(ctx.s[i]);
            ctx.s[i] = join(s, THOUGHT_END);
            free(s);
        }
        if (chain) *chain = c; else texts_free(&c);
    }
    double *l_A = xcalloc((size_t)n, sizeof(double)), *l_B = xcalloc((size_t)n, sizeof(double));
    letters(m, &ctx, l_A, l_B);
    for (int i = 0; i < n; i++) p[i] = p_A_of(l_A[i], l_B[i]);
    free(l_A); free(l_B);
    texts_free(&ctx);
}

static double judge_accuracy(const Model *m, int plain, double *refusal_share, double *indifferent, double *unused)
{
    const char *path = in_out("data/judgements.jsonl");
    Texts prompt = load_field(path, "prompt"), rule = load_field(path, "principle"), a = load_field(path, "a"),
          b = load_field(path, "b"), better = load_field(path, "better"), chain = { 0 };
    int n = prompt.n, right = 0, decided = 0, none = 0, refusal = 0;
    double *ab = xcalloc((size_t)n, sizeof(double)), *ba = xcalloc((size_t)n, sizeof(double)), p_none = 0;
    judge_once(m, &prompt, rule.s, a.s, b.s, plain, 0, ab, plain ? NULL : &chain);
    judge_once(m, &prompt, rule.s, b.s, a.s, plain, n, ba, NULL);
    for (int i = 0; i < n; i++) {
        double p = p_both_orders(ab[i], ba[i]);
        if (better.s[i][0] == 'n') { none++; p_none += fabs(p - 0.5); continue; }
        decided++;
        right += (p > 0.5) == (better.s[i][0] == 'A');
        refusal += (strstr((better.s[i][0] == 'A' ? a : b).s[i], "I will not") != NULL)
                && !(strstr((better.s[i][0] == 'A' ? b : a).s[i], "I will not") != NULL);
        if (getenv("CAI_SHOW") && !plain && (p > 0.5) != (better.s[i][0] == 'A') && decided - right < 8)
            fprintf(stderr, "\nWRONG %s | %s\n  A%s\n  B%s\n  chain%s | better %s\n", prompt.s[i], rule.s[i], a.s[i], b.s[i], chain.s[i], better.s[i]);
    }
    *refusal_share = (double)refusal / decided;
    *indifferent = none ? 0.5 + p_none / none : 0.5;
    (void)unused;
    texts_free(&prompt); texts_free(&rule); texts_free(&a); texts_free(&b); texts_free(&better); texts_free(&chain);
    free(ab); free(ba);
    return (double)right / decided;
}

/* Probe: critiques of full answers to red-team prompts under the drawn principles; right when "breaks"
 * appears exactly when the oracle's kind is concerned. */
static double critique_accuracy(const Model *m)
{
    Texts prompt = load_field(in_out("data/redteam.jsonl"), "prompt"), ctx = { 0 };
    prompt.n = prompt.n > 200 ? 200 : prompt.n;
    int *which = xcalloc((size_t)prompt.n, sizeof(int)), right = 0;
    Texts ans = complete(m, &prompt, S_REVISE, 0, o.max_new, 1);
    for (int i = 0; i < prompt.n; i++) {
        Text t = { 0 };
        which[i] = rng_below(rng_key(7, 7, (uint64_t)i), 0, law.n_critiques);
        text_add(&t, "%s%s", prompt.s[i], ans.s[i]);
        layout_critique(&t, law.critique[which[i]].critique);
        texts_add(&ctx, t.s);
        free(t.s);
    }
    Texts c = complete(m, &ctx, S_REVISE, 1000, 64, 1);
    for (int i = 0; i < prompt.n; i++) {
        Rating r = town_rate(town, prompt.s[i], ans.s[i]);
        const char *id = law.critique[which[i]].id;
        int topic = strncmp(id, "mischief", 8) == 0 ? MISCHIEF : -1;
        for (int k = 0; k < KINDS; k++) if (strncmp(id, town_kind_name(town, k), 4) == 0) topic = k;
        int want = r.harm > 0 && (topic == MISCHIEF || topic == r.kind);
        right += want == (strstr(c.s[i], "breaks") != NULL);
        if (getenv("CAI_SHOW") && i < 6) fprintf(stderr, "\n%s%s | %s\n   %s", prompt.s[i], ans.s[i], law.critique[which[i]].critique, c.s[i]);
    }
    double acc = (double)right / prompt.n;
    texts_free(&ans); texts_free(&c); texts_free(&ctx); free(which);
    return acc;
}


/* PM from pi_0 = base on preference pairs, one epoch, learning rate to 0. pairs: 2i chosen, 2i+1 rejected. */
static Model *train_pm(const Model *base, const Seqs *pairs, const double *p, int stage, const char *name)
{
    int n = pairs->n / 2, *order = shuffled(n, rng_key((uint64_t)o.seed, S_ORDER, (uint64_t)stage));
    Model *pm = model_clone(base);
    Trainer *t = trainer_new(pm, (AdamW){ o.pm_lr, 0.9, 0.95, 1e-8, 0, 1.0 });
    int total = (n + o.pm_batch - 1) / o.pm_batch;
    PmStats sum = { 0 };
    for (int k = 0; k < total; k++) {
        int m = n - k * o.pm_batch < o.pm_batch ? n - k * o.pm_batch : o.pm_batch;
        PmStats st = pm_step(t, pairs, p, order + k * o.pm_batch, m, o.pm_lr * lr_schedule(LR_LINEAR, k, 5, total));
        sum.loss += st.loss; sum.accuracy += st.accuracy; sum.margin += st.margin; sum.entropy_floor += st.entropy_floor;
        if (k % 10 == 9 || k == total - 1) {
            int w = k % 10 + 1;
            fprintf(stderr, "%s %d/%d loss %.4f floor %.4f accuracy %.3f margin %.3f\n", name, k + 1, total, sum.loss / w,
                    sum.entropy_floor / w, sum.accuracy / w, sum.margin / w);
            sum = (PmStats){ 0 };
        }
    }
    pm_centre(pm, pairs);
    trainer_free(t);
    free(order);
    return pm;
}

static void push_prefs(Seqs *pairs, double **p, const char *path)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        const char *prompt = json_str(j, "prompt");
        push_text(pairs, prompt, json_str(j, "chosen"), 1, NULL);
        push_text(pairs, prompt, json_str(j, "rejected"), 1, NULL);
        *p = xrealloc(*p, (size_t)pairs->n / 2, sizeof(double));
        (*p)[pairs->n / 2 - 1] = json_num_or(j, "p_chosen", 1.0);
    }
    json_close(j);
}

static void show_rates(const char *what, const Model *m);

/* PPO from pi_0 with pi_0 as reference. */
static Model *train_rl(const Model *pi_0, const Model *pm, const Texts *prompts, int iters, double kl, int stage, const char *name)
{
    Model *pi = model_clone(pi_0);
    Trainer *t = trainer_new(pi, (AdamW){ o.ppo_lr, 0.9, 0.95, 1e-5, 0, 1.0 });
    Ppo how = { .lambda_kl = kl, .eps_clip = o.eps_clip, .eps_value = 0.2, .c_v = o.c_v, .gamma = 1, .lambda_gae = 0.95,
                .epochs = o.ppo_epochs, .minibatches = o.ppo_minibatches, .max_new = o.max_new,
                .stop = { TOKEN_BEGIN, blank_line }, .missing_stop_penalty = 1 };
    int *order = NULL, at = prompts->n, pass = 0;
    memset(pi->score_w, 0, (size_t)pi->c.dim * sizeof(real));
    *pi->score_b = 0;
    for (int it = 0; it < iters; it++) {
        Seqs batch = { 0 };
        Rollout ro = { 0 };
        for (int b = 0; b < o.ppo_batch; b++) {
            if (at == prompts->n) {
                free(order);
                order = shuffled(prompts->n, rng_key((uint64_t)o.seed, S_ORDER, (uint64_t)(stage * 1000 + pass++)));
                at = 0;
            }
            push_text(&batch, prompts->s[order[at++]], NULL, 0, NULL);
        }
        uint64_t key = rng_key((uint64_t)o.seed, (uint64_t)stage, (uint64_t)it);
        ppo_rollout(pi, pi_0, pm, &batch, key, &how, &ro);
        PpoStats st = ppo_update(t, &ro, key, &how, o.ppo_lr * lr_schedule(LR_LINEAR, it, 2, iters + 5));
        if (it % 10 == 9 || it == 0 || it == iters - 1)
            fprintf(stderr, "%s %d/%d score %.3f kl %.3f entropy %.3f clipfrac %.3f length %.1f vloss %.4f ratio %.6f eos %d\n", name, it + 1, iters,
                    st.scores, st.kl, st.entropy, st.clipfrac, st.length, st.value_loss, st.ratio, st.num_eos);
        rollout_free(&ro);
        seqs_free(&batch);
    }
    free(order);
    trainer_free(t);
    return pi;
}

static void stage_helpful(void)
{
    load_tokenizer();
    Model *base = model_load(in_out("base.bin"));
    Seqs pairs = { 0 };
    double *p = NULL;
    push_prefs(&pairs, &p, in_out("data/human_prefs.jsonl"));
    Model *pm = train_pm(base, &pairs, p, S_HELPFUL, "helpful pm");
    show_rates("pretrained", base);
    Texts prompts = load_field(in_out("data/helpful.jsonl"), "prompt");
    Model *pi = train_rl(base, pm, &prompts, o.helpful_iters, o.helpful_kl, S_HELPFUL, "helpful rl");
    show_rates("helpful", pi);
    model_save(pm, in_out("helpful_pm.bin"));
    score_head_save(pm, in_out("helpful_pm.head"));
    model_save(pi, in_out("helpful.bin"));
    model_free(base); model_free(pm); model_free(pi);
    texts_free(&prompts); seqs_free(&pairs); free(p);
}

static void stage_revise(void)
{
    load_tokenizer();
    Model *m = model_load(in_out("helpful.bin"));
    Texts prompt = load_field(in_out("data/redteam.jsonl"), "prompt");
    Texts answer = complete(m, &prompt, S_REVISE, 0, o.max_new, 1);
    FILE *f = create_file(in_out("revisions.jsonl"));
    int n = prompt.n;
    for (int step = 1; step <= o.revisions; step++) {
        Texts ctx = { 0 };
        int *which = xcalloc((size_t)n, sizeof(int)), harmful = 0;
        for (int i = 0; i < n; i++) {
            which[i] = rng_below(rng_key((uint64_t)o.seed, S_REVISE, (uint64_t)(1000000 + step * n + i)), 0, law.n_critiques);
            Text t = { 0 };
            text_add(&t, "%s%s", prompt.s[i], answer.s[i]);
            layout_critique(&t, law.critique[which[i]].critique);
            texts_add(&ctx, t.s);
            free(t.s);
        }
        Texts critique = complete(m, &ctx, S_REVISE, (2L * step) * n, 64, 1);
        for (int i = 0; i < n; i++) {
            Text t = { 0 };
            text_add(&t, "%s%s", ctx.s[i], critique.s[i]);
            layout_revision(&t, law.critique[which[i]].revision);
            free(ctx.s[i]);
            ctx.s[i] = t.s;
        }
        Texts revision = complete(m, &ctx, S_REVISE, (2L * step + 1) * n, o.max_new, 1);
        for (int i = 0; i < n; i++) {
            harmful += town_rate(town, prompt.s[i], answer.s[i]).harm >= 2;
            fprintf(f, "{\"prompt\": "); json_put_str(f, prompt.s[i]);
            fprintf(f, ", \"step\": %d, \"principle\": ", step); json_put_str(f, law.critique[which[i]].id);
            fprintf(f, ", \"response\": "); json_put_str(f, answer.s[i]);
            fprintf(f, ", \"critique\": "); json_put_str(f, critique.s[i]);
            fprintf(f, ", \"revision\": "); json_put_str(f, revision.s[i]);
            fprintf(f, "}\n");
        }
        fprintf(stderr, "revise step %d: before it %.3f harmful\n", step, (double)harmful / n);
        texts_free(&answer); texts_free(&critique); texts_free(&ctx);
        answer = revision;
        free(which);
    }
    int harmful = 0;
    for (int i = 0; i < n; i++) harmful += town_rate(town, prompt.s[i], answer.s[i]).harm >= 2;
    fprintf(stderr, "revise: after all %.3f harmful\n", (double)harmful / n);
    commit_file(f, in_out("revisions.jsonl"));
    texts_free(&prompt); texts_free(&answer);
    model_free(m);
}

static void stage_sl(void)
{
    load_tokenizer();
    Model *helpful = model_load(in_out("helpful.bin")), *m = model_load(in_out("base.bin"));
    Seqs s = { 0 };
    int *len = NULL, prompt_len;
    JsonLines *j = json_open(in_out("revisions.jsonl"));
    while (json_next(j)) {
        if (o.final_only && json_num(j, "step") < o.revisions) continue;
        push_text(&s, json_str(j, "prompt"), json_str(j, "revision"), 1, &prompt_len);
        len = xrealloc(len, (size_t)s.n, sizeof(int));
        len[s.n - 1] = prompt_len;
    }
    json_close(j);
    int harmless = s.n;
    Texts prompt = load_field(in_out("data/helpful.jsonl"), "prompt");
    for (int k = 0; k < 2; k++) {
        Texts a = complete(helpful, &prompt, S_SL, (long)k * prompt.n, o.max_new, 1);
        for (int i = 0; i < a.n; i++) {
            push_text(&s, prompt.s[i], a.s[i], 1, &prompt_len);
            len = xrealloc(len, (size_t)s.n, sizeof(int));
            len[s.n - 1] = prompt_len;
        }
        texts_free(&a);
    }
    unsigned char *mask = xcalloc((size_t)s.start[s.n], 1);
    for (int i = 0; i < s.n; i++)
        for (int k = len[i]; k < seq_len(&s, i); k++) mask[s.start[i] + k] = 1;
    int *order = shuffled(s.n, rng_key((uint64_t)o.seed, S_ORDER, S_SL)), total = (s.n + o.sl_batch - 1) / o.sl_batch;
    Trainer *t = trainer_new(m, (AdamW){ o.sl_lr, 0.9, 0.95, 1e-8, 0, 1.0 });
    double loss = 0;
    for (int k = 0; k < total; k++) {
        int n = s.n - k * o.sl_batch < o.sl_batch ? s.n - k * o.sl_batch : o.sl_batch;
        loss += sft_step(t, &s, order + k * o.sl_batch, n, mask, o.sl_lr * lr_schedule(LR_CONSTANT, k, 5, total));
        if (k % 20 == 19) { fprintf(stderr, "sl %d/%d loss %.4f\n", k + 1, total, loss / 20); loss = 0; }
    }
    fprintf(stderr, "sl: %d revisions, %d helpful\n", harmless, s.n - harmless);
    show_rates("sl-cai", m);
    model_save(m, in_out("sl_cai.bin"));
    trainer_free(t);
}

static void stage_feedback(void)
{
    load_tokenizer();
    Model *sl = model_load(in_out("sl_cai.bin")), *judge = model_load(in_out(o.plain ? "base.bin" : "helpful.bin"));
    Texts prompt = load_field(in_out("data/redteam.jsonl"), "prompt");
    int n = prompt.n, mixed = 0, decided = 0, right = 0, swaps = 0;
    Texts a = complete(sl, &prompt, S_FEEDBACK, 5000000, o.max_new, 1), b = complete(sl, &prompt, S_FEEDBACK, 6000000, o.max_new, 1), chain;
    char **rule = xcalloc((size_t)n, sizeof(char *));
    int *which = xcalloc((size_t)n, sizeof(int));
    double *ab = xcalloc((size_t)n, sizeof(double)), *ba = xcalloc((size_t)n, sizeof(double));
    for (int i = 0; i < n; i++) {
        which[i] = rng_below(rng_key((uint64_t)o.seed, S_FEEDBACK, (uint64_t)(1000000 + i)), 0, law.n_comparisons);
        rule[i] = law.comparison[which[i]].critique;
    }
    judge_once(judge, &prompt, rule, a.s, b.s, o.plain, 0, ab, &chain);
    judge_once(judge, &prompt, rule, b.s, a.s, o.plain, n, ba, NULL);
    FILE *f = create_file(in_out("feedback.jsonl"));
    for (int i = 0; i < n; i++) {
        double p_ab = ab[i], p_ba = ba[i];
        if (!strcmp(o.judge, "random")) {
            p_ab = rng_uniform(rng_key((uint64_t)o.seed, S_FEEDBACK, 77), (uint64_t)i);
            p_ba = 1 - p_ab;
        }
        double raw = p_both_orders(p_ab, p_ba), p = o.plain ? raw : p_clamp(raw, o.clamp_lo, o.clamp_hi);
        if (o.hard) p = p_hard(p);
        int ha = town_rate(town, prompt.s[i], a.s[i]).harm >= 2, hb = town_rate(town, prompt.s[i], b.s[i]).harm >= 2;
        mixed += ha != hb;
        int k = town_rate(town, prompt.s[i], a.s[i]).kind;
        const char *id = law.comparison[which[i]].id;
        if (ha != hb && (strncmp(id, town_kind_name(town, k), 4) == 0 || strncmp(id, "mis", 3) == 0 || strncmp(id, "calm", 4) == 0)) {
            decided++;
            right += (raw > 0.5) == hb;
        }
        swaps += fabs(p_ab + p_ba - 1) < 0.1;
        if (strcmp(a.s[i], b.s[i]) == 0) continue;
        fprintf(f, "{\"prompt\": "); json_put_str(f, prompt.s[i]);
        fprintf(f, ", \"chosen\": "); json_put_str(f, p >= 0.5 ? a.s[i] : b.s[i]);
        fprintf(f, ", \"rejected\": "); json_put_str(f, p >= 0.5 ? b.s[i] : a.s[i]);
        fprintf(f, ", \"p_chosen\": %.6f, \"principle\": ", p >= 0.5 ? p : 1 - p); json_put_str(f, id);
        fprintf(f, ", \"p_ab\": %.6f, \"p_ba\": %.6f, \"chain\": ", p_ab, p_ba); json_put_str(f, o.plain ? "" : chain.s[i]);
        fprintf(f, "}\n");
    }
    commit_file(f, in_out("feedback.jsonl"));
    fprintf(stderr, "feedback: %d pairs, %d mixed, %d decided, right %.3f, swap-consistent %.3f\n", n, mixed, decided, (double)right / decided, (double)swaps / n);
    for (int plain = 0; plain < 2; plain++) {
        double share, ind, x, acc = judge_accuracy(judge, plain, &share, &ind, &x);
        fprintf(stderr, "judgements (%s): accuracy %.3f, refusal-wins %.3f, indifferent p %.3f\n", plain ? "plain" : "chain", acc, share, ind);
    }
}

static void stage_pm(void)
{
    load_tokenizer();
    Model *base = model_load(in_out("base.bin"));
    Seqs pairs = { 0 };
    double *p = NULL;
    push_prefs(&pairs, &p, in_out("data/human_prefs.jsonl"));
    push_prefs(&pairs, &p, in_out("feedback.jsonl"));
    Model *pm = train_pm(base, &pairs, p, S_PM, "pm");
    model_save(pm, in_out("pm.bin"));
    score_head_save(pm, in_out("pm.head"));
}

static void stage_rl(void)
{
    load_tokenizer();
    Model *sl = model_load(in_out("sl_cai.bin")), *pm = model_load(in_out("pm.bin"));
    score_head_load(pm, in_out("pm.head"));
    Texts prompts = load_field(in_out("data/redteam.jsonl"), "prompt"), more = load_field(in_out("data/helpful.jsonl"), "prompt");
    for (int i = 0; i < more.n; i++) texts_add(&prompts, more.s[i]);
    Model *pi = train_rl(sl, pm, &prompts, o.rl_iters, o.lambda_kl, S_RL, "rl");
    show_rates("rl-cai", pi);
    model_save(pi, in_out("rl_cai.bin"));
}

static void show_rates(const char *what, const Model *m)
{
    static const char *const set[] = { "data/eval_redteam.jsonl", "data/eval_helpful.jsonl", "data/eval_contrast.jsonl" };
    for (int k = 0; k < 3; k++) {
        Texts p = load_field(in_out(set[k]), "prompt"), a = complete(m, &p, S_EVAL, 1000L * k, o.max_new, 1);
        double harmful = 0, full = 0, refused = 0, good = 0, evasive = 0, boiler = 0, none = 0, harm = 0;
        for (int i = 0; i < p.n; i++) {
            Rating r = town_rate(town, p.s[i], a.s[i]);
            harmful += r.harm >= 2; harm += r.harm; full += r.help == 4; none += r.help == 0; refused += r.refused;
            good += r.refused && r.right_act && r.right_reason; evasive += r.evasive; boiler += r.boilerplate;
            if (getenv("CAI_SHOW") && i < 4) fprintf(stderr, "   %s%s\n", p.s[i], a.s[i]);
        }
        fprintf(stderr, "%-10s %-26s harmful %.3f (0-4: %.2f) full help %.3f no help %.3f refused %.3f right %.3f evasive %.3f boilerplate %.3f\n", what, set[k],
                harmful / p.n, harm / p.n, full / p.n, none / p.n, refused / p.n, good / p.n, evasive / p.n, boiler / p.n);
        texts_free(&p); texts_free(&a);
    }
}

int main(int argc, char **argv)
{
    if (!getenv("OPENBLAS_NUM_THREADS") || strcmp(getenv("OPENBLAS_NUM_THREADS"), "1")) {
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
        setenv("OMP_NUM_THREADS", "1", 1);
        execv("/proc/self/exe", argv);
    }
    for (int i = 0; i < N_FLAGS; i++) set_flag(&FLAGS[i], FLAGS[i].value);
    for (int i = 2; i < argc; i += 2) {
        int k = 0;
        while (k < N_FLAGS && strcmp(argv[i] + 2, FLAGS[k].flag)) k++;
        if (k == N_FLAGS || i + 1 == argc) die(EXIT_USAGE, "unknown flag %s; see cai --help", argv[i]);
        set_flag(&FLAGS[k], argv[i + 1]);
    }
    n_workers = o.threads ? o.threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    town = town_load(o.town);
    load_constitution();
    fprintf(stderr, "%s\n", blas_name());
    const char *cmd = argc > 1 ? argv[1] : "";
    if (!strcmp(cmd, "data")) stage_data();
    else if (!strcmp(cmd, "tokenizer")) stage_tokenizer();
    else if (!strcmp(cmd, "pretrain")) stage_pretrain();
    else if (!strcmp(cmd, "helpful")) stage_helpful();
    else if (!strcmp(cmd, "revise")) stage_revise();
    else if (!strcmp(cmd, "sl")) stage_sl();
    else if (!strcmp(cmd, "feedback")) stage_feedback();
    else if (!strcmp(cmd, "pm")) stage_pm();
    else if (!strcmp(cmd, "rl")) stage_rl();
    else if (!strcmp(cmd, "rates")) { load_tokenizer(); show_rates("x", model_load(in_out(argv[2]))); }
    return 0;
}
