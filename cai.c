/* cai.c -- Constitutional AI, the paper's loop in the paper's order: layouts, critique and
 * revision, SL-CAI, AI feedback, the hybrid preference model, RL-CAI; then helpful-only RLHF,
 * which the paper takes as given, and pretraining.
 *
 * Every section has two parts. The paper's act is a function of models, texts and numbers, and
 * can be called from any program (tests/own_loop.c does). The stage reads the run's files, calls
 * the act, and writes the run's files; a person may replace any of them by his own. Nothing in
 * the loop looks an answer up: the critic, the reviser and the judge are the model. No oracle is
 * linked to this file.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"

#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// The paper's prompt layouts, byte for byte (Bai et al., released prompt files). Each appends to t.
// P is a prompt, "\n\nHuman: ...\n\nAssistant:", with earlier turns before it if there are any.

/* One human turn, and the assistant's turn opened:  \n\nHuman: {request}\n\nAssistant: */
void layout_human(Text *t, const char *request)
{
    text_add(t, "\n\nHuman: %s\n\nAssistant:", request);
}

/* {P}{R}\n\nCritiqueRequest: {request}\n\nCritique: */
void layout_critique(Text *t, const char *critique_request)
{
    text_add(t, "\n\nCritiqueRequest: %s\n\nCritique:", critique_request);
}

/* the same, {critique}\n\nRevisionRequest: {request}\n\nRevision: */
void layout_revision(Text *t, const char *revision_request)
{
    text_add(t, "\n\nRevisionRequest: %s\n\nRevision:", revision_request);
}

/* The conversation of a prompt: its first blank line and the open assistant's turn are taken off,
 * and the speakers get the given names. */
static void add_conversation(Text *t, const char *prompt, const char *human, const char *assistant)
{
    static const char H[] = "\n\nHuman:", A[] = "\n\nAssistant:";
    size_t n = strlen(prompt), end = sizeof A - 1;
    if (n >= end && strcmp(prompt + n - end, A) == 0) n -= end;
    for (size_t i = 0; i < n;) {
        const char *gap = i ? "\n\n" : "";
        if (strncmp(prompt + i, H, sizeof H - 1) == 0) {
            text_add(t, "%s%s:", gap, human);
            i += sizeof H - 1;
        } else if (strncmp(prompt + i, A, sizeof A - 1) == 0) {
            text_add(t, "%s%s:", gap, assistant);
            i += sizeof A - 1;
        } else {
            text_add(t, "%c", prompt[i++]);
        }
    }
}

/* Plain comparison; the scored continuations are " (A)" and " (B)". The layout, a line of it on a
 * line here, its newlines written out:
 *     \n\n
 *     Consider the following conversation between a human and an assistant:\n\n
 *     {conversation}\n\n\n
 *     {principle} Options:\n
 *      (A) [[[{a}]]]\n
 *      (B) [[[{b}]]]\n\n
 *     The answer is: */
void layout_choice(Text *t, const char *prompt, const char *principle, const char *a, const char *b)
{
    text_add(t, "\n\nConsider the following conversation between a human and an assistant:\n\n");
    add_conversation(t, prompt, "Human", "Assistant");
    text_add(t, "\n\n\n%s Options:\n (A) [[[%s]]]\n (B) [[[%s]]]\n\n", principle, a, b);
    text_add(t, "The answer is:");
}

/* Comparison by chain of thought. The chain is sampled after this, then THOUGHT_END asks for the
 * letter. In the conversation the speakers are called H and A:
 *     \n\n
 *     Human: Consider the following conversation between a human (H) and an assistant (A):\n\n
 *     {conversation}\n\n
 *     {principle} Options:\n
 *      (A) [[[{a}]]]\n
 *      (B) [[[{b}]]]\n\n
 *     Assistant: Let's think step by step: */
void layout_thought(Text *t, const char *prompt, const char *principle, const char *a,
                    const char *b)
{
    text_add(t, "\n\nHuman: Consider the following conversation between a human (H) and an "
                "assistant (A):\n\n");
    add_conversation(t, prompt, "H", "A");
    text_add(t, "\n\n%s Options:\n (A) [[[%s]]]\n (B) [[[%s]]]\n\n", principle, a, b);
    text_add(t, "Assistant: Let's think step by step:");
}

const char *const THOUGHT_END = "\n\nHuman:\nSo the answer is:";

// ------------------------------------------------------------------------------------
// Texts in, texts out: what every act stands on

/* Samples an answer to each prompt, and if q asks a question, what the model says to it after
 * each answer: log_p (n, 2) receives the log-probabilities of the two tokens that q asks for. */
static Texts complete_and_ask(const Model *m, const Texts *prompt, Draws d, int max_new,
                              double temperature, Question q, double *log_p)
{
    Seqs p = { 0 }, out = { 0 };
    Texts answer = { 0 };
    Sampling how = { .temperature = temperature, .max_new = max_new };
    uint64_t *key = xcalloc((size_t)prompt->n, sizeof *key);
    answer_stops(m->tok, how.stop);
    for (int i = 0; i < prompt->n; i++) {
        push_text(&p, m->tok, prompt->s[i], NULL, 0);
        check_length(&p, i, m->c.seq_len - (q.n ? q.n + 1 : 0), prompt, i);
        key[i] = rng_key(d.seed, (uint64_t)d.stage, (uint64_t)(d.first + i));
    }
    if (q.n) sample_and_ask(m, &p, key, how, q, &out, log_p);
    else sample(m, &p, key, how, &out, NULL);
    for (int i = 0; i < out.n; i++) {
        int n = seq_len(&out, i), last = n ? seq_tok(&out, i)[n - 1] : -1;
        char *s = decode(m->tok, seq_tok(&out, i), n - is_stop(last, how.stop), NULL);
        texts_add(&answer, s);
        answer.cut[i] = !is_stop(last, how.stop); /* max_new or the context's end came first */
        free(s);
    }
    seqs_free(&p);
    seqs_free(&out);
    free(key);
    return answer;
}

Texts complete(const Model *m, const Texts *prompt, Draws d, int max_new, double temperature)
{
    return complete_and_ask(m, prompt, d, max_new, temperature, (Question){ 0 }, NULL);
}

/* A random order of 0..n-1 (Fisher and Yates). */
int *shuffled(int n, Draws d)
{
    uint64_t key = rng_key(d.seed, (uint64_t)d.stage, (uint64_t)d.first);
    int *a = xcalloc((size_t)n, sizeof(int));
    for (int i = 0; i < n; i++) {
        int j = rng_below(key, (uint64_t)i, i + 1);
        a[i] = a[j];
        a[j] = i;
    }
    return a;
}

/* One principle of n, drawn independently for every item. */
int draw_principle(Draws d, int n)
{
    return rng_below(rng_key(d.seed, (uint64_t)d.stage, (uint64_t)d.first), 0, n);
}

// ------------------------------------------------------------------------------------
// Section 3. Critique and revision: "revise the response", four times, each time under a principle
// drawn anew. What came before a step is dropped, so that a step can be repeated.

/* The context of one step: worked examples if any (D3), the prompt with the present response as
 * if it had been the first, the critique request. */
char *critique_context(const Constitution *c, const char *prompt, const char *response, int k)
{
    Text t = { 0 };
    text_add(&t, "%s%s%s", c->critique_examples.s ? c->critique_examples.s : "", prompt, response);
    layout_critique(&t, c->critique[k].critique);
    return t.s;
}

/* Goes on from the context above with its critique. */
char *revision_context(const Constitution *c, const char *context, const char *critique, int k)
{
    Text t = { 0 };
    text_add(&t, "%s%s", context, critique);
    layout_revision(&t, c->critique[k].revision);
    return t.s;
}

/* One step for all prompts: draw a principle each, then sample critique and revision at T = 1. */
Revisions revise(const Model *m, const Constitution *c, const Texts *prompt, const Texts *response,
                 uint64_t seed, int step, int max_new)
{
    long n = prompt->n;
    Texts context = { .from = prompt };
    Revisions r = { .principle = xcalloc((size_t)n, sizeof(int)) };
    for (int i = 0; i < n; i++) {
        r.principle[i] = draw_principle((Draws){ seed, S_PRINCIPLE, step * n + i }, c->n_critiques);
        char *s = critique_context(c, prompt->s[i], response->s[i], r.principle[i]);
        texts_add(&context, s);
        free(s);
    }
    r.critique = complete(m, &context, (Draws){ seed, S_REVISE, 2 * step * n }, MAX_CRITIQUE, 1);
    for (int i = 0; i < n; i++) {
        char *s = revision_context(c, context.s[i], r.critique.s[i], r.principle[i]);
        free(context.s[i]);
        context.s[i] = s;
    }
    r.revision = complete(m, &context, (Draws){ seed, S_REVISE, (2 * step + 1) * n }, max_new, 1);
    texts_free(&context);
    return r;
}

void revisions_free(Revisions *r)
{
    texts_free(&r->critique);
    texts_free(&r->revision);
    free(r->principle);
    *r = (Revisions){ 0 };
}

/* A field with text i of t; NAME_cut says of a sample that its end was not the model's. */
static void put_answer(FILE *f, const char *name, const Texts *t, int i)
{
    json_put(f, ", ", name, t->s[i]);
    if (t->cut[i]) fprintf(f, ", \"%s_cut\": 1", name);
}

/* Writes one step of all prompts and returns how many responses it changed. */
int write_revisions(const Run *run, FILE *f, const Texts *prompt, const Texts *response,
                    const Revisions *r, int step)
{
    int changed = 0;
    for (int i = 0; i < prompt->n; i++) {
        changed += strcmp(response->s[i], r->revision.s[i]) != 0;
        json_put(f, "{", "prompt", prompt->s[i]);
        json_put(f, ", ", "principle", run->constitution.critique[r->principle[i]].id);
        put_answer(f, "response", response, i);
        put_answer(f, "critique", &r->critique, i);
        put_answer(f, "revision", &r->revision, i);
        fprintf(f, ", \"step\": %d}\n", step);
    }
    return changed;
}

/* The helpful-only model answers every red-team prompt; then four times (--revisions): draw a
 * principle, critique, revise. All steps go to revisions.jsonl. */
void stage_revise(Run *run)
{
    Model *helpful = load_model(run, "helpful");
    Texts prompt = run_prompts(run, "data/redteam.jsonl", helpful);
    Texts response = complete(helpful, &prompt, draws(run, S_REVISE, 0), run->max_new, 1);
    Path path = run_path(run, "revisions.jsonl");
    FILE *f = create_file(path.s);
    for (int step = 1; step <= run->sl.revisions; step++) {
        Revisions r = revise(helpful, &run->constitution, &prompt, &response, (uint64_t)run->seed,
                             step, run->max_new);
        double changed = (double)write_revisions(run, f, &prompt, &response, &r, step) / prompt.n;
        progress(&run->report, step, run->sl.revisions, "share revised", changed);
        metric(&run->report, step, "changed", changed);
        texts_free(&response);
        response = r.revision; /* the next step revises what this one wrote */
        r.revision = (Texts){ 0 };
        revisions_free(&r);
    }
    commit_file(f, path.s);
    texts_free(&prompt);
    texts_free(&response);
    model_free(helpful);
}

// ------------------------------------------------------------------------------------
// Section 3. SL-CAI: the PRETRAINED model, finetuned for one epoch on the revisions of all steps
// and on two samples a helpfulness prompt from the helpful-only model

/* The optimiser of the stages after pretraining. D13: in those whose model answers, the
 * embedding, which is the output head too, stays as pretrained. Every softmax pushes down the
 * words that an answer did not use, and AdamW makes large steps of small steady pushes: things
 * that no prompt of these stages names would be unlearned. For the same reason eps is 1e-5, as
 * usual in PPO: smaller gradients stay small. */
AdamW finetuning(void)
{
    AdamW a = { .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-5, .max_norm = 1, .frozen = 1 };
    return a;
}

/* One epoch of E13 on the examples' answers, in random order. */
void train_sl(Model *m, const Examples *e, int batch, double lr, uint64_t seed, Report *report)
{
    int n = e->seq.n, total = (n + batch - 1) / batch;
    int *order = shuffled(n, (Draws){ seed, S_ORDER, S_SL });
    Trainer *t = trainer_new(m, finetuning());
    for (int k = (int)resume(report, "sl", t); k < total; k++) {
        int size = k + 1 < total ? batch : n - k * batch;
        double loss = sft_step(t, &e->seq, order + k * batch, size, e->mask,
                               lr * lr_schedule(LR_CONSTANT, k, 5, total)); /* D23 */
        progress(report, k + 1, total, "loss", loss);
        metric(report, k, "loss", loss);
        save_progress(report, "sl", t, k + 1);
    }
    trainer_done(t);
    free(order);
}

/* The revisions of all steps, or of the last one alone (--final-only). */
static void add_revisions(Run *run, Examples *e, const Model *m)
{
    Path path = records_read(&run->records, "revisions.jsonl");
    JsonLines *j = json_open(path.s);
    while (json_next(j)) {
        if (run->sl.final_only && json_num(j, "step") != run->sl.revisions) continue;
        examples_add(e, m->tok, json_str(j, "prompt"), json_str(j, "revision"),
                     !was_cut(j, "revision"));
        if (seq_len(&e->seq, e->seq.n - 1) > m->c.seq_len)
            die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten it", path.s,
                json_line(j), seq_len(&e->seq, e->seq.n - 1), m->c.seq_len);
    }
    json_close(j);
    if (!e->seq.n) die(EXIT_INPUT, "%s:1: no revision to learn from; make it anew", path.s);
    metric(&run->report, 0, "revisions", e->seq.n);
}

/* Section 3.2. The revisions, and two answers of the helpful-only model to every helpful prompt. */
void stage_sl(Run *run)
{
    Model *m = load_model(run, "base"), *helpful = load_model(run, "helpful");
    Examples examples = { 0 };
    add_revisions(run, &examples, m);
    Texts prompt = run_prompts(run, "data/helpful.jsonl", helpful);
    for (int k = 0; k < 2; k++) {
        Texts answer =
            complete(helpful, &prompt, draws(run, S_SL, (long)k * prompt.n), run->max_new, 1);
        for (int i = 0; i < answer.n; i++)
            examples_add(&examples, m->tok, prompt.s[i], answer.s[i], !answer.cut[i]);
        texts_free(&answer);
    }
    train_sl(m, &examples, run->sl.batch, run->sl.lr, (uint64_t)run->seed, &run->report);
    model_save(m, run_path(run, "sl_cai.bin").s);
    texts_free(&prompt);
    examples_free(&examples);
    model_free(m);
    model_free(helpful);
}

// ------------------------------------------------------------------------------------
// Section 4. AI feedback: two answers of SL-CAI, one principle, "which is better?"

/* l[2 i] = log P(" (A)" | context i), l[2 i + 1] likewise for (B), summed over the letters'
 * tokens (E2). */
static void letters(const Model *m, const Texts *context, double *l)
{
    int n = context->n, *prompt_len = xcalloc(2 * (size_t)n, sizeof(int));
    Seqs s = { 0 };
    for (int i = 0; i < n; i++) {
        prompt_len[2 * i] = push_text(&s, m->tok, context->s[i], " (A)", 0);
        prompt_len[2 * i + 1] = push_text(&s, m->tok, context->s[i], " (B)", 0);
        check_length(&s, 2 * i + 1, m->c.seq_len, context, i);
    }
    completion_logprobs(m, &s, prompt_len, l, NULL);
    seqs_free(&s);
    free(prompt_len);
}

/* The question after a chain (D11): which of the two tokens at which " (A)" and " (B)" part. What
 * they begin with is the same for both, and E2 divides by their sum. then (64): room for its
 * tokens. */
static Question which_letter(const Tokenizer *tok, int *then)
{
    int A[16], B[16], n = encode(tok, THOUGHT_END, strlen(THOUGHT_END), 0, then), k = 0;
    encode(tok, " (A)", 4, 0, A);
    encode(tok, " (B)", 4, 0, B);
    for (; A[k] == B[k]; k++) then[n++] = A[k];
    return (Question){ then, n, { A[k], B[k] } };
}

/* p[i] = P(first option is better) for a[i] shown first and b[i] second, under principle[i].
 * Plain: the letter right after the multiple-choice layout. Else a chain of thought is sampled
 * first and the letter is read in the second human turn, as in the released few-shot file. chain
 * (may be NULL) gets the chains. */
void judge(const Model *m, const Constitution *c, const Texts *prompt, char *const *principle,
           char *const *a, char *const *b, int plain, Draws d, double *p, Texts *chain)
{
    int n = prompt->n, then[64];
    Texts context = { .from = prompt }, thought = { 0 };
    double *l = xcalloc(2 * (size_t)n, sizeof(double));
    for (int i = 0; i < n; i++) {
        Text t = { 0 };
        if (c->comparison_examples.s) text_add(&t, "%s", c->comparison_examples.s);
        if (plain) layout_choice(&t, prompt->s[i], principle[i], a[i], b[i]);
        else layout_thought(&t, prompt->s[i], principle[i], a[i], b[i]);
        texts_add(&context, t.s);
        free(t.s);
    }
    if (plain) letters(m, &context, l);
    else thought = complete_and_ask(m, &context, d, MAX_THOUGHT, 1, which_letter(m->tok, then), l);
    for (int i = 0; i < n; i++) p[i] = p_A_of(l[2 * i], l[2 * i + 1]);
    if (chain) *chain = thought;
    else texts_free(&thought);
    texts_free(&context);
    free(l);
}

/* Both orders, K chains each. p_ab[i] = P(the first shown is better) with a shown first; p_ba[i]
 * the same with b shown first. A judge that only looks at the order has p_ab = p_ba. */
void judge_both(const Model *m, const Constitution *c, const Texts *prompt, char *const *principle,
                char *const *a, char *const *b, int plain, int chains, Draws d, double *p_ab,
                double *p_ba, Texts *chain)
{
    int n = prompt->n, K = plain ? 1 : chains;
    double *p_k = xcalloc((size_t)(2 * K * n), sizeof(double)), each[64];
    for (int k = 0; k < K; k++) {
        Draws ab = { d.seed, d.stage, d.first + 2L * k * n };
        Draws ba = { d.seed, d.stage, ab.first + n };
        judge(m, c, prompt, principle, a, b, plain, ab, p_k + 2 * k * n, k ? NULL : chain);
        judge(m, c, prompt, principle, b, a, plain, ba, p_k + (2 * k + 1) * n, NULL);
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < K; k++) each[k] = p_k[2 * k * n + i];
        p_ab[i] = p_chains(K, each);
        for (int k = 0; k < K; k++) each[k] = p_k[(2 * k + 1) * n + i];
        p_ba[i] = p_chains(K, each);
    }
    free(p_k);
}

/* The label as it enters the PM: both orders (D4), clamped if it came from a chain of thought,
 * hard if asked for. */
double label_of(const LabelSettings *s, double p_ab, double p_ba)
{
    double p = s->both_orders ? p_both_orders(p_ab, p_ba) : p_ab;
    if (!s->plain) p = p_clamp(p, s->clamp_lo, s->clamp_hi);
    return s->hard ? p_hard(p) : p;
}

/* Two answers a and b to every prompt, round after round until there are `pairs` of them. D2: the
 * paper has one pair a prompt. D25: equal answers make no comparison and are left out. Returns
 * the prompts. */
Texts sample_pairs(const Model *sl, const Texts *asked, int pairs, uint64_t seed, int max_new,
                   Texts *a, Texts *b)
{
    enum { MAX_ROUNDS = 16 }; /* toy choice; a model with one answer to everything has no pairs */
    Texts prompt = { .path = asked->path ? xstrdup(asked->path) : NULL };
    for (long k = 0; k < MAX_ROUNDS && prompt.n < pairs; k++) {
        Texts x = complete(sl, asked, (Draws){ seed, S_PAIRS, 2 * k * asked->n }, max_new, 1);
        Texts y = complete(sl, asked, (Draws){ seed, S_PAIRS, (2 * k + 1) * asked->n }, max_new, 1);
        for (int i = 0; i < asked->n && prompt.n < pairs; i++) {
            if (strcmp(x.s[i], y.s[i]) == 0) continue;
            texts_add_line(&prompt, asked->s[i], asked->line[i]);
            texts_add(a, x.s[i]);
            texts_add(b, y.s[i]);
            a->cut[a->n - 1] = x.cut[i];
            b->cut[b->n - 1] = y.cut[i];
        }
        texts_free(&x);
        texts_free(&y);
    }
    return prompt;
}

/* The labels of pairs (a, b): p[i] = P(a better), the mean of `principles` labels, each under a
 * principle drawn anew (the paper: one). Every draw is kept in *f. --judge random is the control
 * that must teach nothing. */
void label_pairs(const Model *feedback, const Constitution *c, const LabelSettings *s,
                 uint64_t seed, const Texts *prompt, const Texts *a, const Texts *b, Feedback *f,
                 Report *report)
{
    int n = prompt->n, random = strcmp(s->judge, "random") == 0;
    size_t all = (size_t)s->principles * (size_t)n;
    *f = (Feedback){ .draws = s->principles,
                     .p = xcalloc((size_t)n, sizeof(double)),
                     .p_ab = xcalloc(all, sizeof(double)),
                     .p_ba = xcalloc(all, sizeof(double)),
                     .principle = xcalloc(all, sizeof(int)),
                     .chain = xcalloc((size_t)s->principles, sizeof(Texts)) };
    char **question = xcalloc((size_t)n, sizeof(char *));
    for (int k = 0; k < s->principles; k++) {
        double *p_ab = f->p_ab + (size_t)k * n, *p_ba = f->p_ba + (size_t)k * n;
        for (int i = 0; i < n; i++) {
            Draws d = { seed, S_FEEDBACK, (long)k * n + i };
            int drawn = draw_principle(d, c->n_comparisons);
            f->principle[k * n + i] = drawn;
            question[i] = c->comparison[drawn].choose;
        }
        judge_both(feedback, c, prompt, question, a->s, b->s, s->plain, s->chains,
                   (Draws){ seed, S_THOUGHT, 2L * k * s->chains * n }, p_ab, p_ba, &f->chain[k]);
        for (int i = 0; i < n; i++) {
            if (random) {
                p_ab[i] = rng_uniform(rng_key(seed, S_FEEDBACK, 1u << 30), (uint64_t)(k * n + i));
                p_ba[i] = 1 - p_ab[i];
            }
            f->p[i] += label_of(s, p_ab[i], p_ba[i]) / s->principles;
        }
        progress(report, k + 1, s->principles, "pairs", n);
    }
    free(question);
}

void feedback_free(Feedback *f)
{
    free(f->p);
    free(f->p_ab);
    free(f->p_ba);
    free(f->principle);
    for (int k = 0; k < f->draws; k++) texts_free(&f->chain[k]);
    free(f->chain);
}

/* A line a pair, the better answer as "chosen". Of every draw of a principle: its name and
 * question, the chain of the first order, and p_ab and p_ba of judge_both with chosen as a; draws
 * after the first are numbered (principle_2 ...). p_chosen is the mean of their labels. */
void write_feedback(const Run *run, FILE *out, const Texts *prompt, const Texts *a, const Texts *b,
                    const Feedback *f)
{
    for (int i = 0, n = prompt->n; i < n; i++) {
        int a_wins = f->p[i] >= 0.5;
        json_put(out, "{", "prompt", prompt->s[i]);
        put_answer(out, "chosen", a_wins ? a : b, i);
        put_answer(out, "rejected", a_wins ? b : a, i);
        for (int k = 0; k < f->draws; k++) {
            const Principle *principle = &run->constitution.comparison[f->principle[k * n + i]];
            double p_ab = f->p_ab[k * n + i], p_ba = f->p_ba[k * n + i];
            char no[16] = "", field[32];
            if (k) snprintf(no, sizeof no, "_%d", k + 1);
            snprintf(field, sizeof field, "principle%s", no);
            json_put(out, ", ", field, principle->id);
            snprintf(field, sizeof field, "question%s", no);
            json_put(out, ", ", field, principle->choose);
            snprintf(field, sizeof field, "chain%s", no);
            json_put(out, ", ", field, run->label.plain ? "" : f->chain[k].s[i]);
            fprintf(out, ", \"p_ab%s\": %.6f, \"p_ba%s\": %.6f", no, a_wins ? p_ab : p_ba, no,
                    a_wins ? p_ba : p_ab);
        }
        fprintf(out, ", \"p_chosen\": %.6f}\n", a_wins ? f->p[i] : 1 - f->p[i]);
    }
}

/* Section 4.1. Two answers of SL-CAI to every red-team prompt. The helpful-only model judges by
 * chain of thought, or (--plain) the pretrained one without, as in the paper. */
void stage_feedback(Run *run)
{
    Model *sl = load_model(run, "sl_cai");
    Model *feedback = load_model(run, run->label.plain ? "base" : "helpful");
    uint64_t seed = (uint64_t)run->seed;
    Texts asked = run_prompts(run, "data/redteam.jsonl", sl);
    Texts a = { 0 }, b = { 0 };
    Texts prompt = sample_pairs(sl, &asked, run->label.pairs, seed, run->max_new, &a, &b);
    if (run->label.pairs && !prompt.n)
        warning(&run->report,
                "SL-CAI gave every prompt the same answer twice: no AI comparisons, so the "
                "preference model learns helpfulness only");
    Feedback f;
    label_pairs(feedback, &run->constitution, &run->label, seed, &prompt, &a, &b, &f, &run->report);
    Path path = run_path(run, "feedback.jsonl");
    FILE *out = create_file(path.s);
    write_feedback(run, out, &prompt, &a, &b, &f);
    commit_file(out, path.s);
    feedback_free(&f);
    texts_free(&asked);
    texts_free(&prompt);
    texts_free(&a);
    texts_free(&b);
    model_free(sl);
    model_free(feedback);
}

// ------------------------------------------------------------------------------------
// Section 4. The preference model: ONE model on human helpfulness and AI harmlessness comparisons

/* E1, one epoch in random order from the given model, then centred. D9: no pretraining on public
 * comparisons. */
void train_pm(Model *pm, const Comparisons *c, int batch, double lr, Draws d, Report *report,
              const char *name)
{
    int n = c->pair.n / 2, total = (n + batch - 1) / batch;
    int *order = shuffled(n, (Draws){ d.seed, S_ORDER, d.stage });
    AdamW opt = finetuning();
    opt.frozen = 0; /* it never writes a word, so none is unlearned (D13) */
    Trainer *t = trainer_new(pm, opt);
    for (int k = (int)resume(report, name, t); k < total; k++) {
        int size = k + 1 < total ? batch : n - k * batch;
        PmStats st = pm_step(t, &c->pair, c->p, order + k * batch, size,
                             lr * lr_schedule(LR_LINEAR, k, 5, total)); /* D23 */
        progress(report, k + 1, total, "pm accuracy", st.accuracy);
        metric(report, k, "loss", st.loss);
        metric(report, k, "loss_floor", st.entropy_floor); /* H(p), the least with soft labels */
        metric(report, k, "accuracy", st.accuracy);
        metric(report, k, "margin", st.margin);
        save_progress(report, name, t, k + 1);
    }
    pm_centre(pm, &c->pair);
    trainer_done(t);
    free(order);
}

/* Section 4.2, from the pretrained model. */
void stage_pm(Run *run)
{
    Model *pm = load_model(run, "base");
    Comparisons c = { 0 };
    run_comparisons(run, &c, "data/human_prefs.jsonl", pm);
    run_comparisons(run, &c, "feedback.jsonl", pm);
    train_pm(pm, &c, run->pm.batch, run->pm.lr, draws(run, S_PM, 0), &run->report, "pm");
    save_pm(run, pm, "pm");
    comparisons_free(&c);
    model_free(pm);
}

// ------------------------------------------------------------------------------------
// Section 4. RL-CAI: PPO against the preference model

/* D15. E1 sees differences between answers to one prompt only, so each prompt's scores have a
 * level of their own. A value function that starts at 0 (D7) would have to learn those levels
 * first; until then they are noise in every advantage. So a score is counted from what pi_0's
 * most likely answer to that prompt scores: a constant of the prompt, which leaves the optimum
 * (E11) where it is. (prompts->n) values. */
double *prompt_levels(const Model *pi_0, const Model *pm, const Texts *prompts, int max_new)
{
    Texts answer = complete(pi_0, prompts, (Draws){ 0 }, max_new, 0);
    Seqs s = { 0 };
    for (int i = 0; i < prompts->n; i++)
        push_text(&s, pi_0->tok, prompts->s[i], answer.s[i], !answer.cut[i]);
    double *level = xcalloc((size_t)prompts->n + 1, sizeof *level);
    pm_scores(pm, &s, level);
    texts_free(&answer);
    seqs_free(&s);
    return level;
}

/* The prompts of iteration `it`: every prompt once, in random order, before any comes again. */
static void draw_prompts(int it, int batch, int n, Draws d, int *which)
{
    int *order = NULL;
    long pass = -1;
    for (int b = 0; b < batch; b++) {
        long drawn = (long)it * batch + b;
        if (pass != drawn / n) {
            pass = drawn / n;
            free(order);
            order = shuffled(n, (Draws){ d.seed, S_ORDER + d.stage, pass });
        }
        which[b] = order[drawn % n];
    }
    free(order);
}

/* PPO from the reference policy pi_0 itself. Each iteration: prompts, answers and their scores,
 * update. */
Model *train_rl(const Model *pi_0, const Model *pm, const Texts *prompts, const Ppo *how, int iters,
                int batch, double lr, double value_lr, Draws d, Report *report, const char *name)
{
    Model *pi = model_clone(pi_0);
    memset(pi->score_w, 0, (size_t)pi->c.dim * sizeof(real)); /* the value head starts at 0 (D7) */
    *pi->score_b = 0;
    AdamW opt = finetuning();
    opt.head_lr = value_lr;
    Trainer *t = trainer_new(pi, opt);
    double *level = prompt_levels(pi_0, pm, prompts, how->max_new);
    int *which = xcalloc((size_t)batch, sizeof *which), warned = 0;
    for (int it = (int)resume(report, name, t); it < iters; it++) {
        Seqs asked = { 0 };
        Rollout ro = { 0 };
        uint64_t key = rng_key(d.seed, (uint64_t)d.stage, (uint64_t)it);
        draw_prompts(it, batch, prompts->n, d, which);
        for (int b = 0; b < batch; b++) push_text(&asked, pi->tok, prompts->s[which[b]], NULL, 0);
        ppo_rollout(pi, pi_0, pm, &asked, key, how, &ro);
        for (int b = 0; b < batch; b++) ro.score[b] -= level[which[b]];
        PpoStats s = ppo_update(t, &ro, key, how, lr * lr_schedule(LR_LINEAR, it, 2, iters + 2));
        progress(report, it + 1, iters, "score", s.scores);
        ppo_metrics(report, it, &ro, &s);
        watch_collapse(report, it, &ro, &s, &warned);
        save_progress(report, name, t, it + 1);
        rollout_free(&ro);
        seqs_free(&asked);
    }
    free(which);
    free(level);
    trainer_done(t);
    return pi;
}

Ppo ppo_settings(const Run *run, double lambda_kl)
{
    const PpoSettings *s = &run->ppo;
    Ppo how = { .lambda_kl = lambda_kl,
                .eps_clip = s->eps_clip,
                .eps_value = 0.2, /* as eps_clip; the papers state no value loss (D6) */
                .c_v = s->c_v,
                .gamma = 1, /* HH app. B.1 */
                .lambda_gae = s->lambda_gae,
                .epochs = s->epochs,
                .minibatches = s->minibatches,
                .max_new = run->max_new,
                .missing_stop_penalty = 1, /* D20, toy choice */
                .kl_form = kl_form_index(s->kl_form) };
    answer_stops(run->tok, how.stop);
    return how;
}

static Model *rl_of(Run *run, const Model *pi_0, const Model *pm, const Texts *prompts,
                    const RlSettings *s, int stage, const char *name)
{
    Ppo how = ppo_settings(run, s->lambda_kl);
    return train_rl(pi_0, pm, prompts, &how, s->iters, run->ppo.batch, run->ppo.lr,
                    run->ppo.value_lr, draws(run, stage, 0), &run->report, name);
}

/* Section 4.2. The policy begins as SL-CAI, and SL-CAI is also pi_0 of the KL penalty. Prompts are
 * those of the earlier stages, red-team and helpfulness, and no new ones (D24). */
void stage_rl(Run *run)
{
    Model *sl = load_model(run, "sl_cai"), *pm = load_pm(run, "pm");
    Texts prompts = run_prompts(run, "data/redteam.jsonl", sl);
    Texts helpful = run_prompts(run, "data/helpful.jsonl", sl);
    for (int i = 0; i < helpful.n; i++) texts_add_line(&prompts, helpful.s[i], helpful.line[i]);
    Model *pi = rl_of(run, sl, pm, &prompts, &run->rl, S_RL, "rl");
    model_save(pi, run_path(run, "rl_cai.bin").s);
    texts_free(&prompts);
    texts_free(&helpful);
    model_free(sl);
    model_free(pm);
    model_free(pi);
}

// ------------------------------------------------------------------------------------
// Section 1.4, taken as given by the paper: helpful-only RLHF, a PM on the human helpfulness
// comparisons alone and PPO from the pretrained model

void stage_helpful(Run *run)
{
    Model *base = load_model(run, "base"), *pm = load_model(run, "base");
    Comparisons c = { 0 };
    run_comparisons(run, &c, "data/human_prefs.jsonl", pm);
    train_pm(pm, &c, run->pm.batch, run->pm.lr, draws(run, S_HELPFUL, 0), &run->report,
             "helpful_pm");
    Texts prompts = run_prompts(run, "data/helpful.jsonl", base); /* no red-team prompts: D18 */
    Model *pi = rl_of(run, base, pm, &prompts, &run->helpful, S_HELPFUL, "helpful");
    save_pm(run, pm, "helpful_pm");
    model_save(pi, run_path(run, "helpful.bin").s);
    comparisons_free(&c);
    texts_free(&prompts);
    model_free(base);
    model_free(pm);
    model_free(pi);
}

// ------------------------------------------------------------------------------------
// Taken as given by the paper: the tokenizer, the pretrained model

void stage_tokenizer(Run *run)
{
    enum { ENOUGH = 2000000 }; /* bytes, toy choice; the town's words have all come long before */
    Texts docs = load_field(records_read(&run->records, "data/corpus.jsonl").s, "text");
    Text all = { 0 };
    for (int i = 0; i < docs.n && all.n < ENOUGH; i++) text_add(&all, "%s", docs.s[i]);
    Tokenizer *t = tokenizer_train(all.s, all.n, run->model.vocab, run->model.superwords);
    metric(&run->report, 0, "pieces", t->vocab_size);
    tokenizer_save(t, run_path(run, "tokenizer.bin").s);
    tokenizer_free(t);
    texts_free(&docs);
    free(all.s);
}

/* Cuts the documents into steps of about `tokens` tokens, whole documents in the corpus's order:
 * step k takes first[k] .. first[k + 1] - 1. Returns first (steps + 1). */
static int *cut_steps(const Seqs *s, int tokens, int *steps)
{
    int *first = xcalloc((size_t)s->n + 1, sizeof(int)), n = 0;
    for (int i = 0, in_step; i < s->n; n++) {
        first[n] = i;
        for (in_step = 0; i < s->n && in_step < tokens; i++) in_step += seq_len(s, i);
    }
    first[n] = s->n;
    *steps = n;
    return first;
}

/* One pass over the corpus, in its order. Moments, eps and clipping are those of GPT-3 (Brown et
 * al. 2020, app. B); Muon takes the layers' matrices (D14). */
void stage_pretrain(Run *run)
{
    const PretrainSettings *set = &run->pretrain;
    const ModelSettings *c = &run->model;
    load_tokenizer(run, 0);
    Examples e = load_documents(run, "data/corpus.jsonl", c->context);
    Model *m = model_new((Config){ c->dim, c->hidden, c->layers, c->heads, c->kv_heads,
                                   run->tok->vocab_size, c->context, 1 });
    m->tok = run->tok;
    model_init(m, rng_key((uint64_t)run->seed, S_PRETRAIN, 0));
    Trainer *t = trainer_new(m, (AdamW){ .beta1 = 0.9,
                                         .beta2 = 0.95,
                                         .eps = 1e-8,
                                         .max_norm = 1,
                                         .weight_decay = set->weight_decay,
                                         .muon = set->muon });
    int steps, *first = cut_steps(&e.seq, set->batch, &steps);
    int *order = xcalloc((size_t)e.seq.n, sizeof(int));
    for (int i = 0; i < e.seq.n; i++) order[i] = i;
    for (int k = (int)resume(&run->report, "pretrain", t); k < steps; k++) {
        double lr = set->lr * lr_schedule(LR_COSINE, k, set->warm, steps);
        double loss = sft_step(t, &e.seq, order + first[k], first[k + 1] - first[k], e.mask, lr);
        progress(&run->report, k + 1, steps, "loss", loss);
        if (k % 10 == 0 || k + 1 == steps) metric(&run->report, k, "loss", loss);
        save_progress(&run->report, "pretrain", t, k + 1);
    }
    model_save(m, run_path(run, "base.bin").s);
    trainer_done(t);
    model_free(m);
    examples_free(&e);
    free(order);
    free(first);
}
