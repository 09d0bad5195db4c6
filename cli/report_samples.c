/* cli/report_samples.c -- a run's report: what the models, the critic and the judge said.
 * SPDX-License-Identifier: MIT
 */
#include "cli/report.h"
#include "cli/page.h"
#include "data/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_pair(FILE *f, const char *name, const char *text)
{
    put_line_of(f, "dt", "%s", printable(name));
    put_line_of(f, "dd", "%s", printable(text + strspn(text, "\n ")));
}

/* The last human turn alone where there is one turn; else the conversation. */
static void put_request(FILE *f, const char *prompt)
{
    Text t = { 0 };
    text_add(&t, "%s", prompt + strspn(prompt, "\n"));
    char *end = strstr(t.s, "\n\nAssistant:");
    if (end && !strstr(end + 1, "\n\nHuman:")) *end = 0;
    put_pair(f, "request", t.s);
    free(t.s);
}

/* The first four of mischief, the first three of what is fine and of one's own things, in the
 * order of the evaluation: none is chosen. */
void put_requests(FILE *f, Run *run)
{
    static const struct {
        const char *set;
        int n;
    } of[] = { { "redteam", 4 }, { "helpful", 3 }, { "contrast", 3 } };
    fputs("<p>The first four of mischief, three of what is fine, three of what is fine with one's "
          "own things, in the evaluation's order; none is chosen.</p>\n",
          f);
    for (int k = 0; k < 3; k++) {
        Texts prompt = { 0 }, answer[N_MODELS] = { { 0 } }, class[N_MODELS] = { { 0 } };
        JsonLines *j = json_open(records_read(&run->records, "answers.jsonl").s);
        while (json_next(j)) {
            int m = 0;
            while (m < N_MODELS && strcmp(MODELS[m], json_str(j, "model"))) m++;
            if (m == N_MODELS || strcmp(json_str(j, "set"), of[k].set) || answer[m].n == of[k].n)
                continue;
            if (m == 0) texts_add(&prompt, json_str(j, "prompt"));
            texts_add(&answer[m], json_str(j, "completion"));
            texts_add(&class[m], json_str(j, "class"));
        }
        json_close(j);
        for (int i = 0; i < prompt.n; i++) {
            fputs("<dl>", f);
            put_request(f, prompt.s[i]);
            for (int m = 0; m < N_MODELS; m++) {
                Text name = { 0 };
                text_add(&name, "%s: %s", MODEL_NAMES[m], class[m].s[i]);
                put_pair(f, name.s, answer[m].s[i]);
                free(name.s);
            }
            fputs("</dl><hr>\n", f);
        }
        texts_free(&prompt);
        for (int m = 0; m < N_MODELS; m++) {
            texts_free(&answer[m]);
            texts_free(&class[m]);
        }
    }
}

/* The label of that prompt's pair. */
static void put_label(FILE *f, Run *run, const char *prompt)
{
    JsonLines *j = json_open(records_read(&run->records, "feedback.jsonl").s);
    while (json_next(j)) {
        if (strcmp(json_str(j, "prompt"), prompt)) continue;
        put_pair(f, "SL-CAI, one answer", json_str(j, "chosen"));
        put_pair(f, "SL-CAI, another", json_str(j, "rejected"));
        put_pair(f, "the judge is asked", json_str(j, "question"));
        put_pair(f, "its chain", json_str_or(j, "chain", "(none)"));
        Text p = { 0 };
        text_add(&p, "%.3f; shown in the other order %.3f; the label, clamped: %.3f",
                 json_num(j, "p_ab"), 1 - json_num(j, "p_ba"), json_num(j, "p_chosen"));
        put_pair(f, "p(the first is better)", p.s);
        free(p.s);
        break;
    }
    json_close(j);
}

void put_chain(FILE *f, Run *run)
{
    char *prompt = NULL;
    JsonLines *j = json_open(records_read(&run->records, "revisions.jsonl").s);
    fputs("<p>The first training prompt of mischief. <code>cai trace REQUEST</code> shows any "
          "request with every number.</p><dl>\n",
          f);
    while (json_next(j)) {
        if (!prompt) {
            prompt = xstrdup(json_str(j, "prompt"));
            put_request(f, prompt);
            put_pair(f, "draft", json_str(j, "response"));
        }
        if (strcmp(prompt, json_str(j, "prompt"))) continue;
        Text name = { 0 };
        text_add(&name, "critique %.0f, %s", json_num(j, "step"), json_str(j, "principle"));
        put_pair(f, name.s, json_str(j, "critique"));
        put_pair(f, "revision", json_str(j, "revision"));
        free(name.s);
    }
    json_close(j);
    if (prompt) put_label(f, run, prompt);
    fputs("</dl>\n", f);
    free(prompt);
}

/* Pairs of the stage feedback, beside what the oracle says of them: judged.jsonl has them in the
 * same order. p: that the first is better, of both orders. */
void put_judgements(FILE *f, Run *run, const char *which)
{
    enum { SHOWN_CHAINS = 3 };
    int shown = 0, counted[2] = { 0 }, wanted = strcmp(which, "right") == 0;
    JsonLines *said = json_open(records_read(&run->records, "feedback.jsonl").s),
              *known = json_open(records_read(&run->records, "judged.jsonl").s);
    fputs("<div>", f);
    while (json_next(known)) {
        if (strcmp(json_str(known, "set"), "own_pairs")) continue;
        if (run->label.principles > 1 || !json_next(said)) break;
        const char *better = json_str(known, "better");
        double p = p_both_orders(json_num(known, "p_ab"), json_num(known, "p_ba"));
        if (*better == 'n' || fabs(p - 0.5) < 1e-9) continue;
        int right = (p > 0.5) == (*better == 'a');
        counted[right]++;
        if (right != wanted || shown == SHOWN_CHAINS) continue;
        shown++;
        Text t = { 0 };
        fputs("<dl>", f);
        put_request(f, json_str(known, "prompt"));
        put_pair(f, "asked", json_str(known, "question"));
        put_pair(f, *better == 'a' ? "first, the better" : "first", json_str(known, "a"));
        put_pair(f, *better == 'a' ? "second" : "second, the better", json_str(known, "b"));
        put_pair(f, "chain", json_str_or(said, "chain", "(none)"));
        text_add(&t, "%.3f", p);
        put_pair(f, "p(the first is better)", t.s);
        free(t.s);
        fputs("</dl><hr>\n", f);
    }
    json_close(said);
    json_close(known);
    put_line_of(f, "p", "The first %d of %d that are %s; known are %d.", shown, counted[wanted],
                which, counted[0] + counted[1]);
    fputs("</div>\n", f);
}
