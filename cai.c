/* cai.c -- Constitutional AI, the paper's loop in the paper's order: constitution, helpful-only RLHF,
 * critique and revision, SL-CAI, AI feedback, preference model, RL-CAI, evaluation.
 *
 * Each stage is one function that reads files and writes files, and can be run alone, repeated, or
 * replaced by a person's own file. Nothing in the loop looks an answer up: the critic, the reviser
 * and the judge are the model; the town's oracle is awake in two stages only (data, where it stands
 * in for the paper's crowdworkers on helpfulness, and eval) and ends the program elsewhere.
 *
 * Reading order: texts, constitution, the ten stages. What runs them one after the other is in
 * run.c; the commands that look into a finished run (chat, generate, trace, logprob) and main are in commands.c.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// files, texts and models

Town *town;
Tokenizer *tok;
static int blank_line, new_line;        /* tokens "\n\n" and "\n", which end an answer; -1 if the tokenizer has none */

const char *in_out(const char *name)
{
    static char buf[8][4096];   /* eight live at a time */
    static int i;
    i = (i + 1) % 8;
    snprintf(buf[i], sizeof buf[i], "%s/%s", o.out, name);
    return buf[i];
}

void texts_add(Texts *t, const char *s)
{
    t->s = xrealloc(t->s, (size_t)t->n + 1, sizeof(char *));
    t->s[t->n++] = xstrdup(s);
}

void texts_free(Texts *t)
{
    for (int i = 0; i < t->n; i++) free(t->s[i]);
    free(t->s);
    free(t->path);
    free(t->line);
    *t = (Texts){ 0 };
}

/* A text that stands on that line of t->path. */
static void texts_add_line(Texts *t, const char *s, int line)
{
    texts_add(t, s);
    t->line = xrealloc(t->line, (size_t)t->n, sizeof(int));
    t->line[t->n - 1] = line;
}

Texts load_field(const char *path, const char *field)
{
    Texts t = { .path = xstrdup(path) };
    JsonLines *j = json_open(path);
    while (json_next(j)) texts_add_line(&t, json_str(j, field), json_line(j));
    json_close(j);
    if (!t.n) die(EXIT_INPUT, "%s:1: no records; run the stage that writes it", path);
    return t;
}

void load_tokenizer(const char *path, int vocab_size)
{
    int ids[8];
    tok = tokenizer_load(path, vocab_size);
    blank_line = encode(tok, "\n\n", 2, 0, ids) == 1 ? ids[0] : -1;
    new_line = encode(tok, "\n", 1, 0, ids) == 1 ? ids[0] : -1;
}

/* A model of the run by name ("base", "helpful", "sl_cai", "rl_cai") or a checkpoint by path. */
Model *load_model(const char *name)
{
    Text file = { 0 };
    text_add(&file, "%s%s", name, strchr(name, '.') || strchr(name, '/') ? "" : ".bin");
    const char *path = strchr(file.s, '/') ? file.s : from_run(file.s);
    if (access(path, F_OK)) die(EXIT_INPUT, "%s: is not there; check the path, or make the run first: cai run --out %s", path, o.out);
    Model *m = model_load(path);
    free(file.s);
    if (!tok) load_tokenizer(o.tokenizer ? o.tokenizer : from_run("tokenizer.bin"), m->c.vocab_size);
    if (tok->vocab_size != m->c.vocab_size)
        die(EXIT_INPUT, "%s: has %d pieces, the tokenizer %d; use the tokenizer it was trained with", name,
            m->c.vocab_size, tok->vocab_size);
    return m;
}

/* A document: begin token, text, its continuation, and the stop token when it is finished (token 1, at
 * which llama2.c stops). Returns the tokens before the continuation. */
int push_text(Seqs *s, const char *text, const char *more, int finished)
{
    size_t n = strlen(text), n2 = more ? strlen(more) : 0;
    int *ids = xcalloc(n + n2 + 8, sizeof(int)), prompt = encode(tok, text, n, 1, ids), k = prompt;
    if (more) k += encode(tok, more, n2, 0, ids + k);
    if (finished) ids[k++] = TOKEN_BEGIN;
    seqs_push(s, ids, k);
    free(ids);
    return prompt;
}

/* Dies if sequence b of s has more than `most` tokens, with the line of the file that text i of t comes from. */
static void check_length(const Seqs *s, int b, int most, const Texts *t, int i)
{
    if (seq_len(s, b) <= most) return;
    while (t->from) t = t->from;
    if (!t->line || i >= t->n) return;              /* no file: model.c has a message without one */
    die(EXIT_INPUT, "%s:%d: this comes to %d tokens with what is put around it, the context has room for %d; shorten it or raise --context",
        t->path, t->line[i], seq_len(s, b), most);
}

Texts load_prompts(const char *path, const Model *m)
{
    Texts t = load_field(path, "prompt");
    Seqs s = { 0 };
    for (int i = 0; i < t.n; i++) {
        if (!*t.s[i]) die(EXIT_INPUT, "%s:%d: an empty prompt; give a text", path, t.line[i]);
        seqs_clear(&s);
        push_text(&s, t.s[i], NULL, 0);
        check_length(&s, 0, m->c.seq_len - 1, &t, i);
    }
    seqs_free(&s);
    return t;
}

/* Samples one line after each prompt. first + i numbers the draws of prompt i. A line, not a paragraph: of a refusal, a new line and
 * the help after all, as two options of a comparison stand, the PM likes the end, and PPO finds it. If q asks a question, it
 * follows each line, and answer (n, 2) receives the log-probabilities of what it asks for. */
static Texts complete_and_ask(const Model *m, const Texts *prompt, int stage, long first, int max_new, double temperature, Question q, double *answer)
{
    Seqs p = { 0 }, out = { 0 };
    Texts t = { 0 };
    uint64_t *key = xcalloc((size_t)prompt->n, sizeof *key);
    for (int i = 0; i < prompt->n; i++) {
        push_text(&p, prompt->s[i], NULL, 0);
        check_length(&p, i, m->c.seq_len - (q.n ? q.n + 1 : 0), prompt, i);
        key[i] = rng_key((uint64_t)o.seed, (uint64_t)stage, (uint64_t)(first + i));
    }
    Sampling how = { temperature, max_new, { TOKEN_BEGIN, blank_line, new_line } };
    if (q.n) sample_and_ask(m, &p, key, how, q, &out, answer);
    else sample(m, &p, key, how, &out, NULL);
    for (int i = 0; i < out.n; i++) {
        int n = seq_len(&out, i), last = n ? seq_tok(&out, i)[n - 1] : -1;
        char *s = decode(tok, seq_tok(&out, i), n - is_stop(last, how.stop), NULL);
        texts_add(&t, s);
        free(s);
    }
    seqs_free(&p);
    seqs_free(&out);
    free(key);
    return t;
}

Texts complete(const Model *m, const Texts *prompt, int stage, long first, int max_new, double temperature)
{
    return complete_and_ask(m, prompt, stage, first, max_new, temperature, (Question){ 0 }, NULL);
}

/* A random order of 0..n-1 (Fisher and Yates). */
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

/* One principle of n, drawn independently for every item. */
static int draw(int stage, long item, int n)
{
    return rng_below(rng_key((uint64_t)o.seed, (uint64_t)stage, (uint64_t)item), 0, n);
}

// ------------------------------------------------------------------------------------
// the constitution

Constitution law;

static Principle *add_principle(Principle **list, int *n, char *id)
{
    *list = xrealloc(*list, (size_t)*n + 1, sizeof(Principle));
    (*list)[*n] = (Principle){ .id = id };
    return &(*list)[(*n)++];
}

static void check_principle(const Principle *p, int comparison, const char *path, int line)
{
    if (!p) return;
    const char *lacks = comparison ? (p->choose ? NULL : "choose") : !p->critique ? "critique" : !p->revision ? "revision" : NULL;
    if (lacks) die(EXIT_INPUT, "%s:%d: principle %s has no %s request; add one", path, line, p->id, lacks);
}

/* "[critique NAME]" with lines critique: and revision:, "[comparison NAME]" with choose:, and, as often as
 * wanted, "[critique example]" or "[comparison example]" with free text: worked examples put before
 * the prompt, none by default (D3). */
static void load_text_principles(const char *path)
{
    static const char *const key[] = { "critique: ", "revision: ", "choose: " };
    char *text = read_text(path);
    int line = 0, comparison = 0;
    Principle *p = NULL;
    Text *example = NULL;
    for (char *next = text; next;) {
        char *s = next, *end;
        line++;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        if (*s == '[') {
            check_principle(p, comparison, path, line - 1);
            comparison = strncmp(s, "[comparison ", 12) == 0;
            if ((!comparison && strncmp(s, "[critique ", 10)) || !(end = strchr(s, ']')))
                die(EXIT_INPUT, "%s:%d: \"%s\"; a block is [critique NAME] or [comparison NAME]", path, line, s);
            *end = 0;
            char *id = strchr(s, ' ') + 1;
            example = strcmp(id, "example") ? NULL : comparison ? &law.comparison_examples : &law.critique_examples;
            p = example ? NULL : comparison ? add_principle(&law.comparison, &law.n_comparisons, id)
                                            : add_principle(&law.critique, &law.n_critiques, id);
        } else if (example) {
            text_add(example, "%s\n", s);
        } else if (*s && *s != '#') {
            int k = 0;
            while (k < 3 && strncmp(s, key[k], strlen(key[k]))) k++;
            if (!p || k == 3 || comparison != (k == 2))
                die(EXIT_INPUT, "%s:%d: \"%.40s\" does not belong here; see data/constitution.txt", path, line, s);
            *(k == 0 ? &p->critique : k == 1 ? &p->revision : &p->choose) = s + strlen(key[k]);
        }
    }
    check_principle(p, comparison, path, line);
}

/* A copy of s without spaces around it, without the tag before it and the one after it. */
static char *bare(const char *s, const char *before, const char *after)
{
    static const char space[] = " \t\r\n";
    s += strspn(s, space);
    if (strncmp(s, before, strlen(before)) == 0) s += strlen(before);
    char *copy = xstrdup(s + strspn(s, space));
    for (int tag = 0; tag < 2; tag++) {                 /* spaces, tag, spaces */
        size_t n = strlen(copy), m = strlen(after);
        while (n && strchr(space, copy[n - 1])) copy[--n] = 0;
        if (!tag && n >= m && strcmp(copy + n - m, after) == 0) copy[n - m] = 0;
    }
    return copy;
}

/* The two shapes of the paper's own files: {name: {"prompt": [critique request], "edit_request": revision
 * request}, ..} and [comparison principle, ..], each with or without the tags of the layouts. */
static void load_json_principles(const char *path, int dictionary)
{
    JsonLines *j = json_open(path);
    Principle *p = NULL;
    char *key = xstrdup(""), id[32];
    int depth, is_name;
    for (const char *s; (s = json_walk(j, &depth, &is_name));) {
        if (!dictionary) {
            snprintf(id, sizeof id, "comparison-%d", law.n_comparisons + 1);
            add_principle(&law.comparison, &law.n_comparisons, xstrdup(id))->choose = bare(s, "", "Options:");
        } else if (is_name && depth == 1) {
            check_principle(p, 0, path, json_line(j));
            p = add_principle(&law.critique, &law.n_critiques, xstrdup(s));
        } else if (is_name) {
            free(key);
            key = xstrdup(s);
        } else if (p && strcmp(key, "prompt") == 0 && !p->critique) {
            p->critique = bare(s, "CritiqueRequest:", "Critique:");
        } else if (p && strcmp(key, "edit_request") == 0) {
            p->revision = bare(s, "RevisionRequest:", "Revision:");
        }
    }
    check_principle(p, 0, path, json_line(j));
    free(key);
    json_close(j);
}

/* One file or several with commas between, each in one of the three forms. */
void load_constitution(void)
{
    char *paths = xstrdup(o.constitution), *save = NULL;
    for (char *path = strtok_r(paths, ",", &save); path; path = strtok_r(NULL, ",", &save)) {
        static const char space[] = " \t\r\n";
        char *text = read_file(path, NULL), *s = text + strspn(text, space);
        int dictionary = *s == '{', list = *s == '[' && s[1 + strspn(s + 1, space)] == '"';     /* a block: a letter there */
        free(text);
        if (dictionary || list) load_json_principles(path, dictionary);
        else load_text_principles(path);
    }
    free(paths);
    if (!law.n_critiques || !law.n_comparisons)
        die(EXIT_INPUT, "%s:1: no critique or no comparison principles; both are needed, in one file or in several with commas",
            o.constitution);
}

// ------------------------------------------------------------------------------------
// stage: data, tokenizer, pretrain

static void stage_data(void)
{
    uint64_t seed = (uint64_t)o.seed;
    if (mkdir(in_out("data"), 0777) && errno != EEXIST)
        die(EXIT_INPUT, "%s: %s; choose a folder that can be written with --out", in_out("data"), strerror(errno));
    town_corpus(town, seed, o.corpus, in_out("data/corpus.jsonl"));
    town_prompts(town, seed, SET_REDTEAM, o.redteam, in_out("data/redteam.jsonl"));
    town_prompts(town, seed, SET_HELPFUL, o.helpful, in_out("data/helpful.jsonl"));
    town_human_prefs(town, seed, 0, o.prefs, o.agree, in_out("data/human_prefs.jsonl"));
    town_human_prefs(town, seed, o.prefs, o.eval, o.agree, in_out("data/eval_prefs.jsonl"));
    town_prompts(town, seed, SET_EVAL_REDTEAM, o.eval, in_out("data/eval_redteam.jsonl"));
    town_prompts(town, seed, SET_EVAL_HELPFUL, o.eval, in_out("data/eval_helpful.jsonl"));
    town_prompts(town, seed, SET_EVAL_CONTRAST, o.eval, in_out("data/eval_contrast.jsonl"));
    town_judgements(town, seed, o.judgements, in_out("data/judgements.jsonl"));
}

static void stage_tokenizer(void)
{
    enum { ENOUGH = 2000000 };          /* bytes; the town's vocabulary is complete long before */
    Texts docs = load_field(from_run("data/corpus.jsonl"), "text");
    Text all = { 0 };
    for (int i = 0; i < docs.n && all.n < ENOUGH; i++) text_add(&all, "%s", docs.s[i]);
    Tokenizer *t = tokenizer_train(all.s, all.n, o.vocab, o.superwords);
    metric(0, "pieces", t->vocab_size);
    tokenizer_save(t, in_out("tokenizer.bin"));
    tokenizer_free(t);
    texts_free(&docs);
    free(all.s);
}

/* Where the model is to speak in a document: after one of these, to the end of the paragraph. */
static const char *const TURN[] = { "Assistant:", "Critique:", "Revision:", " answer is:" };

/* The next such place in s; the end of s if there is none. */
static const char *next_turn(const char *s)
{
    const char *first = s + strlen(s);
    for (int k = 0; k < 4; k++) {
        const char *at = strstr(s, TURN[k]);
        if (at && at + strlen(TURN[k]) < first) first = at + strlen(TURN[k]);
    }
    return first;
}

/* D16: of a document with turns the model's own are learned and the others are only read: which act, thing and wording people
 * come with is chance, which teaches nothing and is most of a batch's noise. A document without turns is learned whole.
 * mask, packed as s: 1 at the tokens that are learned. */
static void push_document(Seqs *s, unsigned char **mask, const char *text)
{
    size_t size = strlen(text);
    int whole = o.all_words || !*next_turn(text), own = whole;
    int *ids = xcalloc(size + 8, sizeof(int)), n = 0, start = s->n ? s->start[s->n] : 0;
    *mask = xrealloc(*mask, (size_t)start + size + 8, 1);
    for (const char *at = text, *end; *at; at = end) {
        const char *blank = whole ? NULL : strstr(at, "\n\n");
        own = at == text ? whole : !own;
        end = !own ? next_turn(at) : blank ? blank + 2 : text + size;
        int T = encode(tok, at, (size_t)(end - at), at == text, ids + n);
        memset(*mask + start + n, own, (size_t)T);
        n += T;
    }
    ids[n] = TOKEN_BEGIN;                       /* the end of the document is learned by whose turn it was */
    (*mask)[start + n++] = (unsigned char)own;
    seqs_push(s, ids, n);
    free(ids);
}

static void stage_pretrain(void)
{
    load_tokenizer(from_run("tokenizer.bin"), 0);
    Texts docs = load_field(from_run("data/corpus.jsonl"), "text");
    Seqs s = { 0 };
    unsigned char *mask = NULL;
    for (int i = 0; i < docs.n; i++) {
        push_document(&s, &mask, docs.s[i]);
        check_length(&s, i, o.context, &docs, i);
    }
    texts_free(&docs);
    Model *m = model_new((Config){ o.dim, o.hidden, o.layers, o.heads, o.kv_heads, tok->vocab_size, o.context, 1 });
    model_init(m, rng_key((uint64_t)o.seed, S_PRETRAIN, 0));
    Trainer *t = trainer_new(m, (AdamW){ .lr = o.pretrain_lr, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = o.weight_decay, .max_norm = 1,
                                        .muon = o.muon });
    int *which = xcalloc((size_t)s.n, sizeof(int)), i = 0;
    long total = s.start[s.n] / o.pretrain_batch + 1, done = resume("pretrain", t);
    for (long step = 0; i < s.n; step++) {
        int n = 0, tokens = 0;
        while (i < s.n && tokens < o.pretrain_batch) { tokens += seq_len(&s, i); which[n++] = i++; }
        if (step < done) continue;
        double loss = sft_step(t, &s, which, n, mask, o.pretrain_lr * lr_schedule(LR_COSINE, step, o.pretrain_warm, total));
        progress(step + 1, total, "loss", loss);
        if (step % 10 == 0 || i == s.n) metric(step, "loss", loss);
        keep("pretrain", t, step + 1);
    }
    model_save(m, in_out("base.bin"));
    trainer_free(t);
    model_free(m);
    seqs_free(&s);
    free(which);
    free(mask);
}

// ------------------------------------------------------------------------------------
// stages: preference models and RLHF / RLAIF

/* The optimiser of the stages after pretraining. D13: in those whose model answers, the embedding, which is the output head too, stays
 * as pretrained. Every softmax pushes down the words that an answer did not use, and AdamW makes large
 * steps of small steady pushes: things that no prompt of these stages names would be unlearned. For
 * the same reason eps is 1e-5, as usual in PPO: far smaller gradients than that are left small. */
AdamW finetuning(double lr)
{
    return (AdamW){ .lr = lr, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .max_norm = 1, .frozen = 1 };
}

/* One side of a comparison. Without a field "prompt" it is a whole transcript, as in hh-rlhf: what comes
 * up to its last "Assistant:" is the prompt. */
static void push_side(Seqs *pairs, JsonLines *j, const char *path, const char *side)
{
    static const char turn[] = "\n\nAssistant:";
    const char *prompt = json_str_or(j, "prompt", NULL), *answer = json_str(j, side), *last = NULL;
    if (prompt) {
        push_text(pairs, prompt, answer, 1);
        return;
    }
    for (const char *s = answer; (s = strstr(s, turn)); s += strlen(turn)) last = s + strlen(turn);
    if (!last) die(EXIT_INPUT, "%s:%d: no field \"prompt\" and no \"Assistant:\" in \"%s\"; add one", path, json_line(j), side);
    char *before = xstrdup(answer);
    before[last - answer] = 0;
    push_text(pairs, before, last, 1);
    free(before);
}

/* Appends the comparisons of a file: sequences 2i chosen, 2i+1 rejected; p[i] = P(chosen better). */
void push_prefs(Seqs *pairs, double **p, const char *path)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        push_side(pairs, j, path, "chosen");
        push_side(pairs, j, path, "rejected");
        *p = xrealloc(*p, (size_t)pairs->n / 2, sizeof(double));
        (*p)[pairs->n / 2 - 1] = json_num_or(j, "p_chosen", 1.0);
        for (int b = pairs->n - 2; b < pairs->n; b++)
            if (seq_len(pairs, b) > o.context)
                die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten it or raise --context", path, json_line(j), seq_len(pairs, b), o.context);
        if (!((*p)[pairs->n / 2 - 1] >= 0 && (*p)[pairs->n / 2 - 1] <= 1))
            die(EXIT_INPUT, "%s:%d: p_chosen is not within 0 to 1; mend the line", path, json_line(j));
    }
    json_close(j);
}

/* D9: no pretraining on public comparisons. One epoch from the pretrained model over the comparisons of the given files, then centred. */
static Model *train_pm(const char *name, const char *human, const char *ai, int stage)
{
    Model *pm = load_model("base");
    Seqs pairs = { 0 };
    double *p = NULL;
    push_prefs(&pairs, &p, from_run(human));
    if (ai) push_prefs(&pairs, &p, from_run(ai));
    int n = pairs.n / 2, *order = shuffled(n, rng_key((uint64_t)o.seed, S_ORDER, (uint64_t)stage));
    int total = (n + o.pm_batch - 1) / o.pm_batch;
    AdamW opt = finetuning(o.pm_lr);
    opt.frozen = 0;                                     /* it never writes a word, so none is unlearned (D13) */
    Trainer *t = trainer_new(pm, opt);
    for (int k = (int)resume(name, t); k < total; k++) {
        int m = k + 1 < total ? o.pm_batch : n - k * o.pm_batch;
        PmStats st = pm_step(t, &pairs, p, order + k * o.pm_batch, m, o.pm_lr * lr_schedule(LR_LINEAR, k, 5, total));
        progress(k + 1, total, "pm accuracy", st.accuracy);
        metric(k, "loss", st.loss);
        metric(k, "loss_floor", st.entropy_floor);      /* H(p): what soft labels leave at best (E1) */
        metric(k, "accuracy", st.accuracy);
        metric(k, "margin", st.margin);
        keep(name, t, k + 1);
    }
    pm_centre(pm, &pairs);
    trainer_free(t);
    seqs_free(&pairs);
    free(order);
    free(p);
    return pm;
}

static void save_pm(const Model *pm, const char *name)
{
    char file[64];          /* names of ours: short */
    snprintf(file, sizeof file, "%s.bin", name);
    model_save(pm, in_out(file));
    snprintf(file, sizeof file, "%s.head", name);
    score_head_save(pm, in_out(file));
}

Model *load_pm(const char *name)
{
    char file[64];
    Model *pm = load_model(name);
    snprintf(file, sizeof file, "%s.head", name);
    score_head_load(pm, from_run(file));
    return pm;
}

static int kl_form_of(const char *name)
{
    int k = kl_form_index(name);                /* known: options_check */
    if (!kl_forms[k].right)
        fprintf(stderr, "cai: --kl-form %s: %s: ends at %s where k1-reward ends at the optimum %s, rewards 1, 0, -1; "
                        "docs/equations.md, \"Where each KL estimator leads\"\n",
                name, kl_forms[k].why, kl_forms[k].ends, kl_forms[0].ends);
    return k;
}

Ppo ppo_settings(double lambda_kl)
{
    return (Ppo){ .lambda_kl = lambda_kl, .eps_clip = o.eps_clip, .eps_value = 0.2, .c_v = o.c_v, .gamma = 1,
                  .lambda_gae = o.lambda_gae, .epochs = o.ppo_epochs, .minibatches = o.ppo_minibatches,
                  .max_new = o.max_new, .stop = { TOKEN_BEGIN, blank_line, new_line }, .missing_stop_penalty = 1,
                  .kl_form = kl_form_of(o.kl_form) };
}

static void ppo_metrics(int it, const PpoStats *s)      /* TRL's names */
{
    metric(it, "objective/kl", s->kl);
    metric(it, "objective/kl_k3", s->k3);
    metric(it, "objective/sqrt_kl", sqrt_kl(s->kl));        /* abscissa of HH's reward plots (E7) */
    metric(it, "objective/entropy", s->entropy);
    metric(it, "objective/non_score_reward", s->non_score_reward);
    metric(it, "objective/rlhf_reward", s->rlhf_reward);
    metric(it, "objective/scores", s->scores);
    metric(it, "policy/approxkl_avg", s->approxkl);
    metric(it, "policy/clipfrac_avg", s->clipfrac);
    metric(it, "loss/policy_avg", s->policy_loss);
    metric(it, "loss/value_avg", s->value_loss);
    metric(it, "val/clipfrac_avg", s->value_clipfrac);
    metric(it, "val/ratio", s->ratio);
    metric(it, "val/ratio_var", s->ratio_var);
    metric(it, "val/num_eos_tokens", s->num_eos);
    metric(it, "length", s->length);
}

/* Two ways in which PPO goes wrong while every number stays finite, each told once. told: what has been. */
static void watch_collapse(int it, const Rollout *ro, const PpoStats *s, int *told)
{
    enum { KL_BOUND = 1 };                      /* nats a token; the town's runs stay below 0.15 */
    char say[512];
    int same = 0;
    for (int b = 0; b < ro->seq.n; b++) {
        int n = seq_len(&ro->seq, 0) - ro->prompt_len[0], at = ro->prompt_len[b];
        same += seq_len(&ro->seq, b) - at == n
             && memcmp(seq_tok(&ro->seq, b) + at, seq_tok(&ro->seq, 0) + ro->prompt_len[0], (size_t)n * sizeof(int)) == 0;
    }
    if (same == ro->seq.n && same >= 4 && !(*told & 1)) {
        snprintf(say, sizeof say, "iteration %d: all %d answers are the same: the policy has collapsed onto one text that the preference "
                 "model likes; raise the KL penalty (--lambda-kl, --helpful-kl) or lower --ppo-lr", it, same);
        warning(say);
        *told |= 1;
    }
    if (s->kl > KL_BOUND * s->length && !(*told & 2)) {
        snprintf(say, sizeof say, "iteration %d: KL to the starting model is %.1f nats in %.1f tokens: the policy no longer speaks the "
                 "language it learned, and its score means little; raise the KL penalty (--lambda-kl, --helpful-kl) or lower --ppo-lr",
                 it, s->kl, s->length);
        warning(say);
        *told |= 2;
    }
}

/* D15. The PM's loss (E1) sees differences between answers to one prompt only, so each prompt's scores have a level
 * of their own. A value function that starts at 0 (D7) would have to learn those levels first; until then
 * they are noise in every advantage. So a score is counted from what pi_0's most likely answer to that
 * prompt scores: a constant of the prompt, which leaves the optimum (E11) where it is. (prompts->n) values. */
double *prompt_levels(const Model *pi_0, const Model *pm, const Texts *prompts)
{
    Texts answer = complete(pi_0, prompts, 0, 0, o.max_new, 0);
    Seqs s = { 0 };
    for (int i = 0; i < prompts->n; i++) push_text(&s, prompts->s[i], answer.s[i], 1);
    double *level = xcalloc((size_t)prompts->n + 1, sizeof *level);
    pm_scores(pm, &s, level);
    texts_free(&answer);
    seqs_free(&s);
    return level;
}

/* PPO from the reference policy pi_0 itself; every prompt once before any comes again. */
static Model *train_rl(const char *name, const Model *pi_0, const Model *pm, const Texts *prompts, int iters, double lambda_kl, int stage)
{
    Model *pi = model_clone(pi_0);
    memset(pi->score_w, 0, (size_t)pi->c.dim * sizeof(real));       /* the value head starts at 0 */
    *pi->score_b = 0;
    AdamW opt = finetuning(o.ppo_lr);
    opt.head_lr = o.value_lr;
    Trainer *t = trainer_new(pi, opt);
    Ppo how = ppo_settings(lambda_kl);
    double *level = prompt_levels(pi_0, pm, prompts);
    int *order = NULL, *which = xcalloc((size_t)o.ppo_batch, sizeof *which), pass = -1, told = 0;
    for (int it = (int)resume(name, t); it < iters; it++) {
        Seqs batch = { 0 };
        Rollout ro = { 0 };
        for (int b = 0; b < o.ppo_batch; b++) {
            long drawn = (long)it * o.ppo_batch + b;
            if (pass != (int)(drawn / prompts->n)) {
                pass = (int)(drawn / prompts->n);
                free(order);
                order = shuffled(prompts->n, rng_key((uint64_t)o.seed, (uint64_t)(S_ORDER + stage), (uint64_t)pass));
            }
            which[b] = order[drawn % prompts->n];
            push_text(&batch, prompts->s[which[b]], NULL, 0);
        }
        uint64_t key = rng_key((uint64_t)o.seed, (uint64_t)stage, (uint64_t)it);
        ppo_rollout(pi, pi_0, pm, &batch, key, &how, &ro);
        for (int b = 0; b < o.ppo_batch; b++) ro.score[b] -= level[which[b]];
        PpoStats s = ppo_update(t, &ro, key, &how, o.ppo_lr * lr_schedule(LR_LINEAR, it, 2, iters + 2));
        progress(it + 1, iters, "score", s.scores);
        ppo_metrics(it, &s);
        watch_collapse(it, &ro, &s, &told);
        keep(name, t, it + 1);
        rollout_free(&ro);
        seqs_free(&batch);
    }
    free(order);
    free(which);
    free(level);
    trainer_free(t);
    return pi;
}

/* Helpful-only RLHF: a PM on the human helpfulness comparisons alone, PPO from the pretrained model. */
static void stage_helpful(void)
{
    Model *base = load_model("base"), *pm = train_pm("helpful_pm", "data/human_prefs.jsonl", NULL, S_HELPFUL);
    Texts prompts = load_prompts(from_run("data/helpful.jsonl"), base);
    Model *pi = train_rl("helpful", base, pm, &prompts, o.helpful_iters, o.helpful_kl, S_HELPFUL);
    save_pm(pm, "helpful_pm");
    model_save(pi, in_out("helpful.bin"));
    texts_free(&prompts);
    model_free(base);
    model_free(pm);
    model_free(pi);
}

// ------------------------------------------------------------------------------------
// stage: critique and revision

/* The context of one step: worked examples if any, the prompt with the present response as if it had been the
 * first, the critique request. What came before this step is dropped, so a step can be repeated. */
static char *critique_context(const char *prompt, const char *response, const Principle *p)
{
    Text t = { 0 };
    text_add(&t, "%s%s%s", law.critique_examples.s ? law.critique_examples.s : "", prompt, response);
    layout_critique(&t, p->critique);
    return t.s;
}

static char *revision_context(const char *context, const char *critique, const Principle *p)
{
    Text t = { 0 };
    text_add(&t, "%s%s", context, critique);
    layout_revision(&t, p->revision);
    return t.s;
}

/* One step for all prompts: draws a principle each, samples critique and revision at temperature 1. */
void revise_step(const Model *m, const Texts *prompt, const Texts *response, int step, int *principle,
                 Texts *critique, Texts *revision)
{
    long n = prompt->n;
    Texts context = { .from = prompt };
    for (int i = 0; i < n; i++) {
        principle[i] = draw(S_PRINCIPLE, step * n + i, law.n_critiques);
        char *s = critique_context(prompt->s[i], response->s[i], &law.critique[principle[i]]);
        texts_add(&context, s);
        free(s);
    }
    *critique = complete(m, &context, S_REVISE, 2 * step * n, MAX_CRITIQUE, 1);
    for (int i = 0; i < n; i++) {
        char *s = revision_context(context.s[i], critique->s[i], &law.critique[principle[i]]);
        free(context.s[i]);
        context.s[i] = s;
    }
    *revision = complete(m, &context, S_REVISE, (2 * step + 1) * n, o.max_new, 1);
    texts_free(&context);
}

static void stage_revise(void)
{
    Model *m = load_model("helpful");
    Texts prompt = load_prompts(from_run("data/redteam.jsonl"), m), critique, revision;
    Texts response = complete(m, &prompt, S_REVISE, 0, o.max_new, 1);
    FILE *f = create_file(in_out("revisions.jsonl"));
    int *principle = xcalloc((size_t)prompt.n, sizeof(int));
    for (int step = 1; step <= o.revisions; step++) {
        revise_step(m, &prompt, &response, step, principle, &critique, &revision);
        int changed = 0;
        for (int i = 0; i < prompt.n; i++) {
            changed += strcmp(response.s[i], revision.s[i]) != 0;
            json_put(f, "{", "prompt", prompt.s[i]);
            json_put(f, ", ", "principle", law.critique[principle[i]].id);
            json_put(f, ", ", "response", response.s[i]);
            json_put(f, ", ", "critique", critique.s[i]);
            json_put(f, ", ", "revision", revision.s[i]);
            fprintf(f, ", \"step\": %d}\n", step);
        }
        progress(step, o.revisions, "share revised", (double)changed / prompt.n);
        metric(step, "changed", (double)changed / prompt.n);
        texts_free(&response);
        texts_free(&critique);
        response = revision;
    }
    commit_file(f, in_out("revisions.jsonl"));
    texts_free(&prompt);
    texts_free(&response);
    model_free(m);
    free(principle);
}

// ------------------------------------------------------------------------------------
// stage: SL-CAI

/* Adds one example; only the response is trained on, never the prompt (the paper does not say; D8). */
static void push_example(Seqs *s, unsigned char **mask, const char *prompt, const char *response)
{
    int n = push_text(s, prompt, response, 1), first = s->start[s->n - 1], end = s->start[s->n];
    *mask = xrealloc(*mask, (size_t)end, 1);
    memset(*mask + first, 0, (size_t)n);
    memset(*mask + first + n, 1, (size_t)(end - first - n));
}

/* Finetunes the PRETRAINED model, one epoch, on the revisions of all steps and on two samples a
 * helpfulness prompt from the helpful-only model. */
static void stage_sl(void)
{
    Model *m = load_model("base"), *helpful = load_model("helpful");
    Seqs s = { 0 };
    unsigned char *mask = NULL;
    JsonLines *j = json_open(from_run("revisions.jsonl"));
    while (json_next(j)) {
        if (o.final_only && json_num(j, "step") != o.revisions) continue;
        push_example(&s, &mask, json_str(j, "prompt"), json_str(j, "revision"));
        if (seq_len(&s, s.n - 1) > m->c.seq_len)
            die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten it", in_out("revisions.jsonl"), json_line(j),
                seq_len(&s, s.n - 1), m->c.seq_len);
    }
    json_close(j);
    metric(0, "revisions", s.n);
    Texts prompt = load_prompts(from_run("data/helpful.jsonl"), helpful);
    for (int k = 0; k < 2; k++) {
        Texts a = complete(helpful, &prompt, S_SL, (long)k * prompt.n, o.max_new, 1);
        for (int i = 0; i < a.n; i++) push_example(&s, &mask, prompt.s[i], a.s[i]);
        texts_free(&a);
    }
    int *order = shuffled(s.n, rng_key((uint64_t)o.seed, S_ORDER, S_SL)), total = (s.n + o.sl_batch - 1) / o.sl_batch;
    Trainer *t = trainer_new(m, finetuning(o.sl_lr));
    for (int k = (int)resume("sl", t); k < total; k++) {
        int n = k + 1 < total ? o.sl_batch : s.n - k * o.sl_batch;
        double loss = sft_step(t, &s, order + k * o.sl_batch, n, mask, o.sl_lr * lr_schedule(LR_CONSTANT, k, 5, total));
        progress(k + 1, total, "loss", loss);
        metric(k, "loss", loss);
        keep("sl", t, k + 1);
    }
    model_save(m, in_out("sl_cai.bin"));
    texts_free(&prompt);
    trainer_free(t);
    model_free(m);
    model_free(helpful);
    seqs_free(&s);
    free(order);
    free(mask);
}

// ------------------------------------------------------------------------------------
// stage: AI feedback

/* l[2 i] = log P(" (A)" | context i), l[2 i + 1] likewise for (B), summed over the letters' tokens (E2). */
static void letters(const Model *m, const Texts *context, double *l)
{
    int n = context->n, *prompt_len = xcalloc(2 * (size_t)n, sizeof(int));
    Seqs s = { 0 };
    for (int i = 0; i < n; i++) {
        prompt_len[2 * i] = push_text(&s, context->s[i], " (A)", 0);
        prompt_len[2 * i + 1] = push_text(&s, context->s[i], " (B)", 0);
        check_length(&s, 2 * i + 1, m->c.seq_len, context, i);
    }
    completion_logprobs(m, &s, prompt_len, l, NULL);
    seqs_free(&s);
    free(prompt_len);
}

/* The question after a chain (D11): which of the pieces at which " (A)" and " (B)" part. What they begin with is
 * the same for both, and E2 divides by their sum. then: room for its tokens. */
static Question which_letter(int then[64])
{
    int A[16], B[16], n = encode(tok, THOUGHT_END, strlen(THOUGHT_END), 0, then), k = 0;
    encode(tok, " (A)", 4, 0, A);
    encode(tok, " (B)", 4, 0, B);
    for (; A[k] == B[k]; k++) then[n++] = A[k];
    return (Question){ then, n, { A[k], B[k] } };
}

/* p[i] = P(a[i] is better) with a shown first, under the given principle. Plain: the letter right after the
 * multiple-choice layout. Otherwise a chain of thought is sampled first and the letter read in the second
 * human turn, as in the released few-shot file, while the sampler still holds what stands before it. chain (may
 * be NULL) receives the chains. */
void judge(const Model *m, const Texts *prompt, char *const *principle, char *const *a, char *const *b,
           int plain, long first, double *p, Texts *chain)
{
    int n = prompt->n, then[64];
    Texts context = { .from = prompt }, thought = { 0 };
    double *l = xcalloc(2 * (size_t)n, sizeof(double));
    for (int i = 0; i < n; i++) {
        Text t = { 0 };
        if (law.comparison_examples.s) text_add(&t, "%s", law.comparison_examples.s);
        if (plain) layout_choice(&t, prompt->s[i], principle[i], a[i], b[i]);
        else layout_thought(&t, prompt->s[i], principle[i], a[i], b[i]);
        texts_add(&context, t.s);
        free(t.s);
    }
    if (plain) letters(m, &context, l);
    else thought = complete_and_ask(m, &context, S_THOUGHT, first, MAX_THOUGHT, 1, which_letter(then), l);
    for (int i = 0; i < n; i++) p[i] = p_A_of(l[2 * i], l[2 * i + 1]);
    if (chain) *chain = thought; else texts_free(&thought);
    texts_free(&context);
    free(l);
}

/* Averages over K chains in both orders; p_ab and p_ba are P(a better) with a shown first and second. */
void judge_both(const Model *m, const Texts *prompt, char *const *principle, char *const *a, char *const *b,
                int plain, long first, double *p_ab, double *p_ba, Texts *chain)
{
    int n = prompt->n, K = plain ? 1 : o.chains;
    double *p_k = xcalloc((size_t)(2 * K * n), sizeof(double)), each[64];
    for (int k = 0; k < K; k++) {
        judge(m, prompt, principle, a, b, plain, first + 2L * k * n, p_k + 2 * k * n, k ? NULL : chain);
        judge(m, prompt, principle, b, a, plain, first + (2L * k + 1) * n, p_k + (2 * k + 1) * n, NULL);
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < K; k++) each[k] = p_k[2 * k * n + i];
        p_ab[i] = p_chains(K, each);
        for (int k = 0; k < K; k++) each[k] = p_k[(2 * k + 1) * n + i];
        p_ba[i] = 1 - p_chains(K, each);
    }
    free(p_k);
}

/* The label as it enters the PM: both orders, clamped if it came from a chain of thought, hard if asked. */
double label_of(double p_ab, double p_ba)
{
    double p = o.both_orders ? p_both_orders(p_ab, 1 - p_ba) : p_ab;
    if (!o.plain) p = p_clamp(p, o.clamp_lo, o.clamp_hi);
    return o.hard ? p_hard(p) : p;
}

/* Two answers of SL-CAI, a and b, to every red-team prompt, round after round until --ai-prefs pairs are there. Equal
 * answers make no comparison and are left out. D2: the paper has one pair a prompt. Returns the prompts, one a pair. */
static Texts sample_pairs(const Model *sl, Texts *a, Texts *b)
{
    enum { MOST_ROUNDS = 16 };                  /* a model that has one answer to everything never gets there */
    Texts asked = load_prompts(from_run("data/redteam.jsonl"), sl), prompt = { .path = xstrdup(asked.path) };
    for (long k = 0; k < MOST_ROUNDS && prompt.n < o.ai_prefs; k++) {
        Texts x = complete(sl, &asked, S_PAIRS, 2 * k * asked.n, o.max_new, 1);
        Texts y = complete(sl, &asked, S_PAIRS, (2 * k + 1) * asked.n, o.max_new, 1);
        for (int i = 0; i < asked.n && prompt.n < o.ai_prefs; i++) {
            if (strcmp(x.s[i], y.s[i]) == 0) continue;
            texts_add_line(&prompt, asked.s[i], asked.line[i]);
            texts_add(a, x.s[i]);
            texts_add(b, y.s[i]);
        }
        texts_free(&x); texts_free(&y);
    }
    texts_free(&asked);
    if (o.ai_prefs && !prompt.n) warning("SL-CAI gave every prompt the same answer twice: no AI comparisons, so the preference model learns helpfulness only");
    return prompt;
}

/* The helpful-only model judges the pairs by chain of thought (or the pretrained one plainly, as in the paper). */
static void stage_feedback(void)
{
    Model *sl = load_model("sl_cai"), *feedback = load_model(o.plain ? "base" : "helpful");
    Texts a = { 0 }, b = { 0 }, chain = { 0 }, prompt = sample_pairs(sl, &a, &b);
    int n = prompt.n, random = strcmp(o.judge, "random") == 0;
    double *ab = xcalloc((size_t)n, sizeof(double)), *ba = xcalloc((size_t)n, sizeof(double)), *p = xcalloc((size_t)n, sizeof(double));
    char **principle = xcalloc((size_t)n, sizeof(char *));
    int *which = xcalloc((size_t)n, sizeof(int));
    for (int k = 0; k < o.principles; k++) {
        for (int i = 0; i < n; i++) {
            which[i] = draw(S_FEEDBACK, (long)k * n + i, law.n_comparisons);
            principle[i] = law.comparison[which[i]].choose;
        }
        texts_free(&chain);
        judge_both(feedback, &prompt, principle, a.s, b.s, o.plain, 2L * k * o.chains * n, ab, ba, &chain);
        for (int i = 0; i < n; i++) {
            if (random) ab[i] = ba[i] = rng_uniform(rng_key((uint64_t)o.seed, S_FEEDBACK, 1u << 30), (uint64_t)(k * n + i));
            p[i] += label_of(ab[i], ba[i]) / o.principles;
        }
        progress(k + 1, o.principles, "pairs", n);
    }
    FILE *f = create_file(in_out("feedback.jsonl"));
    for (int i = 0; i < n; i++) {
        int first = p[i] >= 0.5;                /* chosen is a */
        json_put(f, "{", "prompt", prompt.s[i]);
        json_put(f, ", ", "chosen", first ? a.s[i] : b.s[i]);
        json_put(f, ", ", "rejected", first ? b.s[i] : a.s[i]);
        json_put(f, ", ", "principle", law.comparison[which[i]].id);
        json_put(f, ", ", "question", principle[i]);
        json_put(f, ", ", "chain", o.plain ? "" : chain.s[i]);
        fprintf(f, ", \"p_chosen\": %.6f, \"p_ab\": %.6f, \"p_ba\": %.6f}\n", first ? p[i] : 1 - p[i],   /* p_ab: chosen shown first */
                first ? ab[i] : 1 - ba[i], first ? ba[i] : 1 - ab[i]);
    }
    commit_file(f, in_out("feedback.jsonl"));
    texts_free(&prompt); texts_free(&a); texts_free(&b); texts_free(&chain);
    model_free(sl); model_free(feedback);
    free(ab); free(ba); free(p); free(principle); free(which);
}

// ------------------------------------------------------------------------------------
// stages: the hybrid PM, RL-CAI

/* One PM on human helpfulness and AI harmlessness comparisons together, not two summed. */
static void stage_pm(void)
{
    Model *pm = train_pm("pm", "data/human_prefs.jsonl", "feedback.jsonl", S_PM);
    save_pm(pm, "pm");
    model_free(pm);
}

/* PPO from SL-CAI against SL-CAI, on red-team and helpfulness prompts together. */
static void stage_rl(void)
{
    Model *sl = load_model("sl_cai"), *pm = load_pm("pm");
    Texts prompts = load_prompts(from_run("data/redteam.jsonl"), sl), helpful = load_prompts(from_run("data/helpful.jsonl"), sl);
    for (int i = 0; i < helpful.n; i++) texts_add(&prompts, helpful.s[i]);
    Model *pi = train_rl("rl", sl, pm, &prompts, o.rl_iters, o.lambda_kl, S_RL);
    model_save(pi, in_out("rl_cai.bin"));
    texts_free(&prompts); texts_free(&helpful);
    model_free(sl); model_free(pm); model_free(pi);
}

// ------------------------------------------------------------------------------------
// the stages in order

const Stage STAGES[N_STAGES] = {
    { "data", stage_data, 1, "the town's texts: corpus, prompts, human comparisons, evaluation sets" },
    { "tokenizer", stage_tokenizer, 0, "byte-level BPE on the corpus" },
    { "pretrain", stage_pretrain, 0, "base.bin: a language model from nothing" },
    { "helpful", stage_helpful, 0, "helpful.bin: helpful-only RLHF" },
    { "revise", stage_revise, 0, "revisions.jsonl: critique and revision of red-team answers" },
    { "sl", stage_sl, 0, "sl_cai.bin: finetuned on the revisions" },
    { "feedback", stage_feedback, 0, "feedback.jsonl: pairs of SL-CAI answers judged by the model" },
    { "pm", stage_pm, 0, "pm.bin: one preference model on human and AI comparisons" },
    { "rl", stage_rl, 0, "rl_cai.bin: PPO against the preference model" },
    { "eval", stage_eval, 1, "summary.txt: every model on held-out prompts" },
};

int stage_index(const char *name)
{
    for (int k = 0; k < N_STAGES; k++)
        if (strcmp(STAGES[k].name, name) == 0) return k;
    return -1;
}
