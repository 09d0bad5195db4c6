/* tests/spy.c -- the program with a witness: build/spy is ./cai whose stages call the functions
 * below instead of those of model.c, engine/ and train.c; each notes what it was given and passes
 * it on. tests/loop.py reads the notes.
 *
 * The Makefile compiles cai.c, data/ and cli/ with -Dsample=spy_sample and so on, this file
 * without. Notes go to the file named by CAI_SPY, tab-separated: function, model, then texts as
 * JSON strings. A model is noted by the checkpoint in the run's folder (CAI_SPY_RUN) that holds
 * the same weights at that moment, "-" if none does: the file's NAME proves nothing, its bytes
 * do.
 *
 * CAI_SPY_SCRIPT names a file that says what comes out, so that tables are counted from answers
 * that a test chose (tests/tables.py): JSON lines {"model", "prompt", "answer"}, a model's answer
 * to a prompt, and {"text", "score"}, a preference model's score of prompt and answer.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cai.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* And of each sample, as "ended", whether it ends with a stop token. */
void spy_sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Seqs *out,
                real **logp);
void spy_sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how,
                        Question q, Seqs *out, double *answer);
void spy_completion_logprobs(const Model *m, const Seqs *s, const int *prompt_len, double *sum,
                             double *per_token);
double spy_sft_step(Trainer *t, const Seqs *docs, const int *which, int n,
                    const unsigned char *mask, double lr);
PmStats spy_pm_step(Trainer *t, const Seqs *pairs, const double *p, const int *which, int n,
                    double lr);
void spy_ppo_rollout(const Model *pi, const Model *pi_0, const Model *pm, const Seqs *prompts,
                     uint64_t key, const Ppo *how, Rollout *out);
void spy_pm_centre(Model *pm, const Seqs *s);
void spy_pm_scores(const Model *pm, const Seqs *s, double *score);

static FILE *notes;
static const Tokenizer *tok; /* of the model that was noted last */

static int noting(const char *function)
{
    const char *path = getenv("CAI_SPY");
    if (!path) return 0;
    if (!notes && !(notes = fopen(path, "a")))
        die(EXIT_INPUT, "%s: cannot be written; choose another CAI_SPY", path);
    fputs(function, notes);
    return 1;
}

static void note(const char *text) { fprintf(notes, "\t%s", text); }
static void note_number(double x) { fprintf(notes, "\t%.17g", x); }
static void note_end(void)
{
    fputc('\n', notes);
    fflush(notes);
}

static void note_tokens(const int *token, int n)
{
    char *text = decode(tok, token, n, NULL);
    fputc('\t', notes);
    json_put_str(notes, text);
    free(text);
}

/* The checkpoint of the run's folder that holds these weights. */
static const char *name_of(const Model *m)
{
    static const char *const NAMES[] = {
        "base", "helpful", "sl_cai", "rl_cai", "helpful_pm", "pm"
    };
    size_t body = (size_t)(m->score_w - m->w); /* the score heads are in files of their own */
    const char *found = "-", *folder = getenv("CAI_SPY_RUN");
    for (int i = 0; i < 6 && *found == '-'; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.bin", NAMES[i]);
        Path path = path_in(folder ? folder : ".", name);
        if (access(path.s, R_OK)) continue;
        Model *file = model_load(path.s);
        if (memcmp(file->w, m->w, body * sizeof(real)) == 0) found = NAMES[i];
        model_free(file);
    }
    return found;
}

static void note_model(const Model *m)
{
    tok = m->tok;
    note(name_of(m));
}

/* function, model, temperature, the draw's key (its upper 53 bits), prompt; a line a prompt */
static void note_prompts(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how)
{
    for (int b = 0; b < prompt->n; b++) {
        if (!noting("sample")) break;
        if (b) note("\"");
        else note_model(m); /* ditto */
        note_number(how.temperature);
        note_number((double)(key[b] >> 11));
        note_tokens(seq_tok(prompt, b), seq_len(prompt, b));
        note_end();
    }
}

// ------------------------------------------------------------------------------------
// the script

typedef struct {
    char *model, *text, *answer;
    double score;
} Line;
static Line *script;
static int n_script;

/* The line of the script about this text; of that model's answer to it, if model is not NULL.
 * Ends the program if there is none: a table must not be counted from anything else. */
static const Line *scripted(const char *model, const char *text)
{
    if (!script) {
        JsonLines *j = json_open(getenv("CAI_SPY_SCRIPT"));
        while (json_next(j)) {
            const char *m = json_str_or(j, "model", NULL);
            script = xrealloc(script, (size_t)n_script + 1, sizeof *script);
            script[n_script++] =
                (Line){ m ? xstrdup(m) : NULL, xstrdup(json_str(j, m ? "prompt" : "text")),
                        m ? xstrdup(json_str(j, "answer")) : NULL, m ? 0 : json_num(j, "score") };
        }
        json_close(j);
    }
    for (int i = 0; i < n_script; i++)
        if ((model ? script[i].model && strcmp(script[i].model, model) == 0 : !script[i].model)
            && strcmp(script[i].text, text) == 0)
            return &script[i];
    die(EXIT_CHECK, "the script has no line about %s %s", model ? model : "the score of",
        printable(text));
}

static void answer_by_script(const Model *m, const Seqs *prompt, Seqs *out)
{
    const char *name = name_of(m);
    seqs_clear(out);
    for (int b = 0; b < prompt->n; b++) {
        char *text = decode(m->tok, seq_tok(prompt, b), seq_len(prompt, b), NULL);
        const Line *line = scripted(name, text);
        size_t size = strlen(line->answer);
        int *ids = xcalloc(size + 3, sizeof *ids), n = encode(m->tok, line->answer, size, 0, ids);
        ids[n] = TOKEN_BEGIN;
        seqs_push(out, ids, n + 1);
        free(ids);
        free(text);
    }
}

// ------------------------------------------------------------------------------------
// the functions that are watched

void spy_sample(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how, Seqs *out,
                real **logp)
{
    note_prompts(m, prompt, key, how);
    sample(m, prompt, key, how, out, logp);
    if (getenv("CAI_SPY_SCRIPT")) answer_by_script(m, prompt, out);
    for (int b = 0; b < out->n; b++) {
        int T = seq_len(out, b);
        if (!noting("ended")) break;
        if (b) note("\"");
        else note_model(m);
        note_number(T && is_stop(seq_tok(out, b)[T - 1], how.stop));
        note_end();
    }
}

/* What spy_sample notes of the drawing; of each question what spy_completion_logprobs notes. */
void spy_sample_and_ask(const Model *m, const Seqs *prompt, const uint64_t *key, Sampling how,
                        Question q, Seqs *out, double *answer)
{
    note_prompts(m, prompt, key, how);
    sample_and_ask(m, prompt, key, how, q, out, answer);
    for (int i = 0; i < 2 * prompt->n; i++) {
        int b = i / 2, T = seq_len(out, b);
        if (!noting("letters")) break;
        if (T && is_stop(seq_tok(out, b)[T - 1], how.stop)) T--;
        char *part[] = { decode(tok, seq_tok(prompt, b), seq_len(prompt, b), NULL),
                         decode(tok, seq_tok(out, b), T, NULL), decode(tok, q.then, q.n, NULL) };
        Text whole = { 0 }; /* part by part, as a byte 0 ends a text */
        for (int k = 0; k < 3; k++) {
            text_add(&whole, "%s", part[k]);
            free(part[k]);
        }
        if (i) note("\"");
        else note_model(m);
        note_number(answer[i]);
        fputc('\t', notes);
        json_put_str(notes, whole.s);
        note_tokens(&q.ask[i % 2], 1);
        note_end();
        free(whole.s);
    }
}

/* function, model, sum, prompt, completion; a line a sequence */
void spy_completion_logprobs(const Model *m, const Seqs *s, const int *prompt_len, double *sum,
                             double *per_token)
{
    completion_logprobs(m, s, prompt_len, sum, per_token);
    for (int b = 0; sum && b < s->n; b++) {
        if (!noting("letters")) break;
        if (b) note("\"");
        else note_model(m);
        note_number(sum[b]);
        note_tokens(seq_tok(s, b), prompt_len[b]);
        note_tokens(seq_tok(s, b) + prompt_len[b], seq_len(s, b) - prompt_len[b]);
        note_end();
    }
}

/* function, model, 1 if the last token is the stop token and a target, the tokens that are no
 * targets, those that are; a line a document */
double spy_sft_step(Trainer *t, const Seqs *docs, const int *which, int n,
                    const unsigned char *mask, double lr)
{
    for (int i = 0; mask && i < n; i++) {
        int b = which[i], T = seq_len(docs, b), *part = xcalloc((size_t)T, sizeof *part);
        const unsigned char *target = mask + docs->start[b];
        if (!noting("sft")) {
            free(part);
            break;
        }
        if (t->step || i) note("\"");
        else note_model(t->m);
        note_number(seq_tok(docs, b)[T - 1] == TOKEN_BEGIN && target[T - 1]);
        for (int is_target = 0; is_target < 2; is_target++) {
            int k = 0;
            for (int j = 0; j < T; j++)
                if (target[j] == is_target) part[k++] = seq_tok(docs, b)[j];
            note_tokens(part, k);
        }
        note_end();
        free(part);
    }
    return sft_step(t, docs, which, n, mask, lr);
}

/* function, model, P(A better), whether A ends with the stop token, whether B does, whole text of
 * A, of B; a line a pair */
PmStats spy_pm_step(Trainer *t, const Seqs *pairs, const double *p, const int *which, int n,
                    double lr)
{
    for (int i = 0; i < n; i++) {
        int b = 2 * which[i];
        if (!noting("pm")) break;
        if (t->step || i) note("\"");
        else note_model(t->m);
        note_number(p[which[i]]);
        for (int k = b; k < b + 2; k++)
            note_number(seq_tok(pairs, k)[seq_len(pairs, k) - 1] == TOKEN_BEGIN);
        note_tokens(seq_tok(pairs, b), seq_len(pairs, b));
        note_tokens(seq_tok(pairs, b + 1), seq_len(pairs, b + 1));
        note_end();
    }
    return pm_step(t, pairs, p, which, n, lr);
}

void spy_pm_centre(Model *pm, const Seqs *s)
{
    if (noting("centre")) {
        note_number(s->n);
        note_end();
    }
    pm_centre(pm, s);
}

/* function, model, score, whole text; a line a sequence */
void spy_pm_scores(const Model *pm, const Seqs *s, double *score)
{
    pm_scores(pm, s, score);
    for (int b = 0; getenv("CAI_SPY_SCRIPT") && b < s->n; b++) {
        char *text = decode(pm->tok, seq_tok(s, b), seq_len(s, b), NULL);
        score[b] = scripted(NULL, text)->score;
        free(text);
    }
    for (int b = 0; b < s->n; b++) {
        if (!noting("scores")) break;
        if (b) note("\"");
        else note_model(pm);
        note_number(score[b]);
        note_tokens(seq_tok(s, b), seq_len(s, b));
        note_end();
    }
}

/* function, pi, pi_0, pm, lambda_kl, gamma, stop tokens in use, value head at 0, prompt; a line a
 * prompt */
void spy_ppo_rollout(const Model *pi, const Model *pi_0, const Model *pm, const Seqs *prompts,
                     uint64_t key, const Ppo *how, Rollout *out)
{
    for (int b = 0; b < prompts->n; b++) {
        if (!noting("rollout")) break;
        int live = 0;
        for (int j = 0; j < pi->c.dim; j++) live |= pi->score_w[j] != 0;
        if (b) note("\"\t\"\t\"");
        else note_model(pi), note_model(pi_0), note_model(pm);
        note_number(how->lambda_kl), note_number(how->gamma),
            note_number((how->stop[0] >= 0) + (how->stop[1] >= 0) + (how->stop[2] >= 0)),
            note_number(live);
        note_tokens(seq_tok(prompts, b), seq_len(prompts, b));
        note_end();
    }
    ppo_rollout(pi, pi_0, pm, prompts, key, how, out);
    for (int b = 0; b < prompts->n; b++) { /* "scored", score, prompt */
        if (!noting("scored")) break;
        note_number(out->score[b]);
        note_tokens(seq_tok(prompts, b), seq_len(prompts, b));
        note_end();
    }
}
