/* cli/study_train.c -- sft, dpo, pm, rl: a model in, files in, a model out under a name of one's
 * own.
 * SPDX-License-Identifier: MIT
 */
#include "cli/study.h"

#include <stdlib.h>

/* What was put into the assistant's mouth is read, not learned. */
static void unlearn_begin(Examples *e, const Model *m, const char *begin)
{
    Seqs s = { 0 };
    int b = e->seq.n - 1, at = push_text(&s, m->tok, "", begin, 0), n = seq_len(&s, 0) - at;
    for (int i = e->seq.start[b]; i < e->seq.start[b + 1] && n; i++)
        if (e->mask[i]) e->mask[i] = 0, n--;
    seqs_free(&s);
}

/* {prompt, completion}; {prompt, revision} as revise writes them; {messages}. */
static void add_examples(Examples *e, const char *path, const Model *m)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        Text prompt = { 0 }, answer = { 0 };
        const char *side = "completion";
        if (!json_has(j, side) && json_has(j, "messages")) side = "messages";
        else if (!json_has(j, side) && json_has(j, "revision")) side = "revision";
        if (json_has(j, "label") && json_num(j, "label") != 1)
            die(EXIT_INPUT, "%s:%d: \"label\" is not true: no answer to learn; leave it out", path,
                json_line(j));
        read_answer(j, path, side, &prompt, &answer);
        examples_add(e, m->tok, prompt.s, answer.s, !was_cut(j, side));
        free(prompt.s);
        free(answer.s);
        unlearn_begin(e, m, json_str_or(j, "begin", ""));
        if (seq_len(&e->seq, e->seq.n - 1) > m->c.seq_len)
            die(EXIT_INPUT, "%s:%d: %d tokens, the context has %d; shorten it", path, json_line(j),
                seq_len(&e->seq, e->seq.n - 1), m->c.seq_len);
    }
    json_close(j);
}

void study_sft(Run *run, const Args *arg)
{
    check_to(run, arg);
    Model *m = the_model(run, arg);
    Texts file = given_files(arg);
    Examples e = { 0 };
    for (int k = 0; k < file.n; k++) add_examples(&e, file.s[k], m);
    if (!e.seq.n) die(EXIT_INPUT, "%s:1: no example to learn from; give some", file.s[0]);
    Report *r = study_report(run, arg);
    train_sl(m, &e, run->sl.batch, run->sl.lr, (uint64_t)run->seed, r);
    save_to(run, arg, m, 0);
    print_metrics(r);
    examples_free(&e);
    texts_free(&file);
    model_free(m);
}

/* At PPO's rate, in the preference model's batches. */
void study_dpo(Run *run, const Args *arg)
{
    check_to(run, arg);
    Model *pi_0 = the_model(run, arg), *pi = model_clone(pi_0);
    Comparisons c = given_comparisons(arg, pi_0);
    Report *r = study_report(run, arg);
    train_dpo(pi, pi_0, &c, arg->ipo, arg->beta, run->pm.batch, run->ppo.lr, (uint64_t)run->seed,
              r);
    save_to(run, arg, pi, 0);
    print_metrics(r);
    comparisons_free(&c);
    model_free(pi_0);
    model_free(pi);
}

void study_pm(Run *run, const Args *arg)
{
    check_to(run, arg);
    Model *pm = the_model(run, arg);
    Comparisons c = given_comparisons(arg, pm);
    Report *r = study_report(run, arg);
    train_pm(pm, &c, run->pm.batch, run->pm.lr, draws(run, S_PM, 0), r, "pm");
    save_to(run, arg, pm, 1);
    print_metrics(r);
    comparisons_free(&c);
    model_free(pm);
}

void study_rl(Run *run, const Args *arg)
{
    check_to(run, arg);
    if (!arg->pm) die(EXIT_USAGE, "rl: against which preference model? give --pm PM");
    Model *pi_0 = the_model(run, arg), *pm = load_given_pm(run, arg->pm);
    Texts prompts = given_prompts(arg, pi_0);
    Ppo how = ppo_settings(run, run->rl.lambda_kl);
    Report *r = study_report(run, arg);
    Model *pi = train_rl(pi_0, pm, &prompts, &how, run->rl.iters, run->ppo.batch, run->ppo.lr,
                         run->ppo.value_lr, draws(run, S_RL, 0), r, "rl");
    save_to(run, arg, pi, 0);
    print_metrics(r);
    texts_free(&prompts);
    model_free(pi_0);
    model_free(pm);
    model_free(pi);
}
