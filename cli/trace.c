/* cli/trace.c -- one request through every stage, with every number: a page of what
 * cli/trace_data.c gathered. A number that a formula gives carries the command that computes it
 * anew from those that it stands on (tests/trace.sh runs every one).
 *
 * Reading order: one function a section of the page, then the command.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* isatty */
#include "cli/page.h"
#include "cli/trace.h"
#include "cli/words.h"
#include "data/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Numbers with commas between them, those of an answer or of all answers of a rollout. */
static void add_list(Text *t, const double *x, int from, int to)
{
    for (int i = from; i < to; i++) text_add(t, "%s%.7g", t->n ? "," : "", x[i]);
}

static char *answers_list(const Rollout *ro, const double *x)
{
    Text t = { 0 };
    for (int b = 0; b < ro->seq.n; b++) add_list(&t, x, answer_begin(ro, b), answer_end(ro, b));
    return t.s;
}

/* -log P of a text, in a cell: the loss that E13 gives its tokens. */
static void page_loss(Page *p, const double *logp, int n)
{
    Text t = { 0 };
    add_list(&t, logp, 0, n);
    page_value(p, sft_loss(n, logp), n ? "E13 sft_loss logp_1=%s%s" : NULL, t.s, n == 1 ? "," : "");
    free(t.s);
}

static void say_sample(Page *p, const char *name, const Sample *s)
{
    page_sample(p, name, s->text);
    page_line(p, "E13 -log P");
    page_loss(p, s->logp, s->n);
}

static void say_steps(Page *p, const Trace *t)
{
    page_section(p, "1 draft (helpful-only RLHF)", "Does it help?");
    say_sample(p, "draft", &t->draft);
    for (int k = 0; k < t->n_steps; k++) {
        const Step *s = &t->step[k];
        char title[96];
        snprintf(title, sizeof title, "2 step %d, principle drawn: %s", k + 1, s->principle->id);
        page_section(p, title, "Is the principle about this act? What will the revision be?");
        page_sample(p, "asked", s->principle->critique);
        say_sample(p, "critique", &s->critique);
        page_sample(p, "asked", s->principle->revision);
        say_sample(p, "revision", &s->revision);
    }
}

static void say_sl(Page *p, const Run *run, const Trace *t)
{
    page_section(p, "3 SL-CAI: the pretrained model, finetuned on the revisions (E13)",
                 "By how much does the loss of a revision fall?");
    page_note(p,
              "The stage takes %s, and two answers of the helpful-only model to every "
              "helpfulness prompt. The loss of each revision here, before training and after:",
              run->sl.final_only ? "the last step's revisions only (--final-only 1)"
                                 : "the revisions of all steps, not the last one alone");
    page_head(p, "revision|pretrained|SL-CAI");
    for (int k = 0; k < t->n_steps; k++) {
        const Step *s = &t->step[k];
        char number[16];
        snprintf(number, sizeof number, "%d", k + 1);
        page_row(p, k + 1 == t->n_steps);
        page_cell(p, number);
        page_loss(p, s->before, s->revision.n);
        page_loss(p, s->after, s->revision.n);
    }
}

// ------------------------------------------------------------------------------------
// AI feedback and the preference model

static void say_judgements(Page *p, const char *first, const Judgement *j, int chains)
{
    for (int k = 0; k < chains; k++) {
        if (j[k].chain) page_sample(p, "thought", j[k].chain);
        page_number(p, "log P (A)", j[k].logp[0], NULL);
        page_number(p, "log P (B)", j[k].logp[1], NULL);
        page_number(p, first, j[k].p, "E2 p_A_of logp_A=%.7g logp_B=%.7g", j[k].logp[0],
                    j[k].logp[1]);
        if (fabs(j[k].p - j[k].said) > 1e-4)
            page_note(p,
                      "In the stage it was %.4f: the thought was sampled in other tokens than "
                      "its text is read in.",
                      j[k].said);
    }
}

static void say_mean_of_chains(Page *p, const char *name, const Judgement *j, int chains,
                               double mean)
{
    Text t = { 0 };
    for (int k = 0; k < chains; k++) add_list(&t, &j[k].p, 0, 1);
    page_number(p, name, mean, "E2 p_chains p_1=%s", t.s);
    free(t.s);
}

/* The label as label_of makes it. */
static void say_label(Page *p, const LabelSettings *s, const Comparison *c)
{
    double lo = s->plain ? 0 : s->clamp_lo, hi = s->plain ? 1 : s->clamp_hi, p_ab = c->p_ab;
    double soft = p_clamp(s->both_orders ? p_both_orders(p_ab, c->p_ba) : p_ab, lo, hi);
    if (s->both_orders) {
        page_number(p, "E2 both orders", p_both_orders(p_ab, c->p_ba),
                    "E2 p_both_orders p_ab=%.7g p_ba=%.7g", p_ab, c->p_ba);
        page_number(p, s->plain ? "E2 no clamp" : "E2 clamped", soft,
                    "E2 label p_ab=%.7g p_ba=%.7g lo=%g hi=%g", p_ab, c->p_ba, lo, hi);
    } else {
        page_number(p, "E2 clamped", soft, "E2 p_clamp p=%.7g lo=%g hi=%g", p_ab, lo, hi);
    }
    if (s->hard) page_number(p, "E2 hard", c->label, "E2 p_hard p=%.7g", soft);
    if (s->principles > 1)
        page_note(p, "The run averages the labels of %d principles; this is one of them.",
                  s->principles);
    if (strcmp(s->judge, "random") == 0)
        page_note(p, "The run drew its labels (--judge random); this is what the judge says.");
}

static void say_comparison(Page *p, const Run *run, const Comparison *c)
{
    page_sample(p, "A", c->a);
    page_sample(p, "B", c->b);
    page_sample(p, "principle", c->principle->id);
    page_sample(p, "asked", c->principle->choose);
    page_note(p, "A shown first, so that (A) means A:");
    say_judgements(p, "E2 p_ab", c->ab, c->chains);
    if (c->chains > 1) say_mean_of_chains(p, "E2 mean p_ab", c->ab, c->chains, c->p_ab);
    page_note(p, "B shown first, so that (A) means B. p_ab and p_ba are both P(the answer shown "
                 "first is better):");
    say_judgements(p, "E2 p_ba", c->ba, c->chains);
    if (c->chains > 1) say_mean_of_chains(p, "E2 mean p_ba", c->ba, c->chains, c->p_ba);
    page_note(p, "The label, P(A better):");
    say_label(p, &run->label, c);
}

static void say_feedback(Page *p, const Run *run, const Trace *t, int given)
{
    const Comparison *c = &t->comparison[0];
    page_section(p, "4 two answers of SL-CAI, judged (E2)", "Which is better by the principle?");
    if (given)
        page_note(p, "The pair of that line; the principle is the first of several drawn that "
                     "tells the two apart.");
    else if (!t->pair_draws)
        page_note(p, "SL-CAI gave the same answer every time: the stage leaves such pairs out "
                     "(D25).");
    else if (t->pair_draws > 1)
        page_note(p, "The second answer was drawn %d times until it differed from the first (D25).",
                  t->pair_draws);
    say_comparison(p, run, c);
    if (t->n_comparisons < 2) return;
    page_note(p, "The label is 0.50: %s. Such a pair teaches the preference model nothing.",
              strcmp(c->a, c->b) ? "by this principle neither answer is better"
                                 : "the answers are equal");
    page_section(p, "4 again: SL-CAI's answer A against the helpful-only draft", "And now?");
    page_note(p, "A pair that has something to show; the loop makes none like it. The principle is "
                 "the first of several drawn that tells the two apart.");
    say_comparison(p, run, &t->comparison[1]);
}

static void say_scores(Page *p, const Comparison *c)
{
    char of[96];
    snprintf(of, sizeof of, "r_A=%.7g r_B=%.7g p=%.7g", c->r_A, c->r_B, c->label);
    page_number(p, "r_A", c->r_A, NULL);
    page_number(p, "r_B", c->r_B, NULL);
    page_number(p, "E1 P(A > B)", sigmoid(c->r_A - c->r_B), "E1 preference r_A=%.7g r_B=%.7g",
                c->r_A, c->r_B);
    page_number(p, "E1 loss", c->loss, "E1 pm_loss %s", of);
    page_number(p, "E1 its floor", label_entropy(c->label), "E1 label_entropy p=%.7g", c->label);
    page_number(p, "E1 dL/dr_A", c->slope, "E1 slope_A %s", of);
    page_number(p, "E1 dL/dr_B", -c->slope, "E1 slope_B %s", of);
}

static void say_pm(Page *p, const Trace *t)
{
    page_section(p, "5 preference model (E1)", "Which answer scores higher?");
    say_scores(p, &t->comparison[0]);
    if (t->n_comparisons < 2) return;
    page_note(p, "The second comparison of section 4:");
    say_scores(p, &t->comparison[1]);
}

// ------------------------------------------------------------------------------------
// PPO

/* The scores of all answers, and the whitening of their advantages. */
static void say_answers(Page *p, const Trace *t, const Iteration *it)
{
    const Rollout *ro = &it->ro;
    if (!it->tries)
        page_note(p,
                  "The %d answers are the same in all draws: none is better than their mean, so "
                  "no advantage is left to learn from.",
                  ANSWERS);
    else if (it->tries > 1)
        page_note(p, "In the first %d draws all %d answers were the same; these are of the next.",
                  it->tries - 1, ANSWERS);
    page_number(p, "level", t->level, NULL);
    page_head(p, "answer|r_PM|D15 counts|tokens");
    for (int b = 0; b < ANSWERS; b++) {
        char number[16];
        page_row(p, b == it->telling);
        snprintf(number, sizeof number, "%d", b + 1);
        page_cell(p, number);
        page_value(p, it->raw[b], NULL);
        page_value(p, ro->score[b], "E4 score_counted r_PM=%.7g level=%.7g", it->raw[b], t->level);
        snprintf(number, sizeof number, "%d", answer_end(ro, b) - answer_begin(ro, b));
        page_cell(p, number);
    }
    char *all = answers_list(ro, it->adv);
    page_note(p, "Advantages are whitened over the tokens of all %d answers (D6):", ANSWERS);
    page_number(p, "E6 mean", it->mean, "E6 whiten_mean A_1=%s", all);
    page_number(p, "E6 deviation", it->deviation, "E6 whiten_deviation A_1=%s", all);
    free(all);
}

static char *token_text(const Run *run, int token)
{
    return token == TOKEN_BEGIN ? xstrdup("(stop)") : decode(run->tok, &token, 1, NULL);
}

/* What the estimate of the KL in the reward is: a form that sits in the loss leaves none there. */
static double kl_in_reward(const Ppo *how, double logr)
{
    const KlForm *form = &kl_forms[how->kl_form];
    if (form->place != KL_IN_REWARD) return 0;
    return form->estimator == KL_K1   ? kl_k1(logr)
           : form->estimator == KL_K3 ? kl_k3(logr)
                                      : fabs(logr);
}

/* From log-probabilities and the score to advantages, the answer's tokens. */
static void say_rewards(Page *p, const Run *run, const Trace *t, const Iteration *it)
{
    const Rollout *ro = &it->ro;
    int b = it->telling, end = answer_end(ro, b);
    page_head(p, "token|log pi_0|log pi|E4 k1|E4 reward|V|E6 A|E6 G");
    for (int i = answer_begin(ro, b); i < end; i++) {
        double logr = ro->logp_old[i] - ro->logp_ref[i], last = i == end - 1;
        char *s = token_text(run, ro->seq.token[i]);
        page_row(p, i == it->token);
        page_cell(p, s);
        page_value(p, ro->logp_ref[i], NULL);
        page_value(p, ro->logp_old[i], NULL);
        page_value(p, kl_k1(logr), "E4 kl_k1 logr=%.7g", logr);
        page_value(p, ro->reward[i], "E4 reward_penalised r_PM=%.7g lambda_kl=%.7g logr=%.7g",
                   last ? ro->score[b] : 0, t->how.lambda_kl, kl_in_reward(&t->how, logr));
        page_value(p, ro->value[i], NULL);
        page_value(p, it->adv[i],
                   "E6 gae_step r=%.7g V=%.7g V_next=%.7g A_next=%.7g gamma=%.7g lambda=%.7g",
                   ro->reward[i], ro->value[i], last ? 0 : ro->value[i + 1],
                   last ? 0 : it->adv[i + 1], t->how.gamma, t->how.lambda_gae);
        page_value(p, ro->ret[i], "E6 gae_return A=%.7g V=%.7g", it->adv[i], ro->value[i]);
        free(s);
    }
}

/* From advantages to E5, after one pass: log pi and V have moved. */
static void say_clip(Page *p, const Run *run, const Trace *t, const Iteration *it)
{
    const Rollout *ro = &it->ro;
    double eps = t->how.eps_clip, d;
    page_head(p, "token|E6 whitened|log pi now|E5 ratio|E5 free|E5 held|E5 L_clip|V now|E5 L_V");
    for (int i = answer_begin(ro, it->telling), clipped; i < answer_end(ro, it->telling); i++) {
        double A = ro->adv[i], rho = ratio_of(it->logp[i], ro->logp_old[i]);
        char *s = token_text(run, ro->seq.token[i]), of[96];
        snprintf(of, sizeof of, "logp=%.7g logp_old=%.7g", it->logp[i], ro->logp_old[i]);
        page_row(p, i == it->token);
        page_cell(p, s);
        page_value(p, A, "E6 whitened A=%.10g mean=%.10g deviation=%.10g", it->adv[i], it->mean,
                   it->deviation);
        page_value(p, it->logp[i], NULL);
        page_value(p, rho, "E5 ratio %s", of);
        page_value(p, rho * A, "E5 free_term %s A=%.7g", of, A);
        page_value(p, clamp(rho, 1 - eps, 1 + eps) * A, "E5 held_term %s A=%.7g eps=%.7g", of, A,
                   eps);
        page_value(p, ppo_clip_loss(it->logp[i], ro->logp_old[i], A, eps, &d, &clipped),
                   "E5 ppo_clip_loss %s A=%.7g eps=%.7g", of, A, eps);
        page_value(p, it->value[i], NULL);
        page_value(
            p, value_loss(it->value[i], ro->value[i], ro->ret[i], t->how.eps_value, &d, &clipped),
            "E5 value_loss V=%.7g V_old=%.7g G=%.7g eps_value=%.7g", it->value[i], ro->value[i],
            ro->ret[i], t->how.eps_value);
        free(s);
    }
}

/* The loss of a second pass: the means over the tokens of all answers. */
static void say_pass(Page *p, const Trace *t, const Iteration *it)
{
    char *clip = answers_list(&it->ro, it->clip), *value = answers_list(&it->ro, it->value_loss);
    page_note(p, "E5's loss of a second pass over all %d answers, one minibatch:", ANSWERS);
    page_number(p, "E5 mean L_clip", it->mean_clip, "E5 loss_mean L_1=%s", clip);
    page_number(p, "E5 mean L_V", it->mean_value, "E5 loss_mean L_1=%s", value);
    page_number(p, "E5 L", it->mean_clip + t->how.c_v * it->mean_value,
                "E5 loss_total L_clip=%.7g c_v=%.7g L_V=%.7g", it->mean_clip, t->how.c_v,
                it->mean_value);
    if (kl_forms[t->how.kl_form].place == KL_IN_LOSS)
        page_note(p,
                  "--kl-form %s puts lambda_KL times the KL into the loss too; it is not in "
                  "these numbers.",
                  kl_forms[t->how.kl_form].name);
    free(clip);
    free(value);
}

static void say_ppo(Page *p, const Run *run, const Trace *t)
{
    const Iteration *first = &t->ppo[0], *second = &t->ppo[1];
    page_section(p, "6 one PPO step (E4, E5, E6), from SL-CAI, on this request alone",
                 "pi is pi_0 still: what is the KL?");
    page_note(p,
              "%d answers, one pass, one minibatch, learning rate %g; lambda_KL %g, eps %g. KL "
              "and V are 0 at the start (D7), so every token's advantage is what its answer "
              "counts.",
              ANSWERS, t->lr, t->how.lambda_kl, t->how.eps_clip);
    say_answers(p, t, first);
    page_section(p, "6 a second PPO step: the policy has moved, KL and V are not 0",
                 "Which tokens have moved most?");
    say_answers(p, t, second);
    page_note(p, "Answer %d, the one whose policy has moved furthest from SL-CAI at a token:",
              second->telling + 1);
    say_rewards(p, run, t, second);
    page_note(p, "The same answer after one pass over it; the ratio was 1 before:");
    say_clip(p, run, t, second);
    say_pass(p, t, second);
}

static void say_answer(Page *p, const Trace *t)
{
    double logr = -sft_loss(t->answer.n, t->answer.logp) - t->sl_logp;
    page_section(p, "7 RL-CAI answers", "What has RL changed in the answer?");
    say_sample(p, "answer", &t->answer);
    page_number(p, "log P by SL-CAI", t->sl_logp, NULL);
    page_number(p, "E4 k1, whole", kl_k1(logr), "E4 kl_k1 logr=%.7g", logr);
    page_head(p, "answer of|r_PM|more than draft|E3 Elo points");
    const struct {
        const char *who;
        double r;
    } of[] = { { "helpful-only", t->score_draft },
               { "SL-CAI", t->score_sl },
               { "RL-CAI", t->score_answer } };
    for (int k = 0; k < 3; k++) {
        double more = of[k].r - of[0].r;
        page_row(p, k == 2);
        page_cell(p, of[k].who);
        page_value(p, of[k].r, NULL);
        page_value(p, more, "E3 score_margin r_i=%.7g r_j=%.7g", of[k].r, of[0].r);
        page_value(p, elo_of_score(more), "E3 elo_of_score delta_r=%.7g", more);
    }
}

// ------------------------------------------------------------------------------------
// The command

/* The request, or, of several turns, the conversation. */
static char *title_of(const char *prompt)
{
    static const char H[] = "\n\nHuman: ", A[] = "\n\nAssistant:";
    size_t n = strlen(prompt) - strlen(A), first = strstr(prompt + 1, H) ? 2 : strlen(H);
    Text title = { 0 };
    text_add(&title, "request: %.*s", (int)(n - first), prompt + first);
    return title.s;
}

static Page page_of(const Run *run, const Trace *t, const char *why)
{
    Page p = { 0 };
    p.title = title_of(t->prompt);
    if (why) {
        page_section(&p, "0 why this request", "");
        page_note(&p, "It is chosen because it stands on %s.", why);
    }
    say_steps(&p, t);
    say_sl(&p, run, t);
    say_feedback(&p, run, t, why != NULL);
    say_pm(&p, t);
    say_ppo(&p, run, t);
    say_answer(&p, t);
    return p;
}

/* A request of the reader's own, or the pair of this run that the judge told apart most clearly. */
static Trace begin_trace(Run *run, const Args *arg, Text *why)
{
    Trace t = { 0 };
    if (arg->prompt) {
        Text prompt = { 0 };
        if (!*arg->prompt)
            die(EXIT_USAGE, "trace: an empty request; leave it away, or try cai trace \"How do I "
                            "nab the baker's kite?\"");
        check_text("trace", arg->prompt);
        say_unknown_of_run(run, NULL, arg->prompt);
        layout_human(&prompt, arg->prompt);
        t.prompt = prompt.s;
    } else {
        TellingPair pair = telling_pair(records_read(&run->records, "feedback.jsonl").s);
        t.prompt = pair.prompt, t.a = pair.chosen, t.b = pair.rejected;
        say_why(why, &pair);
    }
    return t;
}

void command_trace(Run *run, const Args *arg)
{
    Text why = { 0 };
    if (arg->steps && (arg->html || !isatty(0) || !isatty(1)))
        die(EXIT_USAGE, "--steps stops at a terminal; leave it away here");
    Trace t = begin_trace(run, arg, &why);
    trace_run(&t, run);
    Page page = page_of(run, &t, why.s);
    if (arg->html) {
        page_html(&page, arg->html);
        printf("%s: written\n", printable(arg->html));
    } else {
        page_print(&page, arg->steps);
    }
    page_free(&page);
    trace_free(&t);
    free(why.s);
}
