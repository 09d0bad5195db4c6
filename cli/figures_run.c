/* cli/figures_run.c -- the rows of the figures that a finished run holds.
 *
 * Reading order: the evaluation, the training.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* stat */
#include "cli/figures.h"
#include "cli/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char HELPFUL_RUN[] = "helpful-only RLHF", CAI_RUN[] = "RL-CAI";

static Figure times(Figure f, double by)
{
    return (Figure){ f.n, by * f.value, { by * f.at.lo, by * f.at.hi } };
}

static Figure of_model(const char *eval, const char *model, const char *name)
{
    Text key = { 0 };
    text_add(&key, "%s/%s", model, name);
    Figure f = figure_of(eval, key.s);
    free(key.s);
    return f;
}

// ------------------------------------------------------------------------------------
// The evaluation: figures 2, 4, 5, 8, 10

/* Where a run of RL begins and where it ends; what lies between wants snapshots (--more). */
static void add_ends(Rows *r, const Run *run, const char *eval, const char *series,
                     const char *from, const char *to, int iters)
{
    const char *model[2] = { from, to };
    for (int k = 0; k < 2; k++) {
        double seen = k ? (double)iters * run->ppo.batch : 0;
        Figure harmless = of_model(eval, model[k], "elo_harmless"),
               helpful = of_model(eval, model[k], "elo_helpful");
        rows_add(r, "2a", series, helpful.value, harmless, run->seed);
        rows_add(r, "8a", series, seen, helpful, run->seed);
        rows_add(r, "8b", series, seen, harmless, run->seed);
        rows_add(r, "10a", series, seen, of_model(eval, model[k], "harm_mean"), run->seed);
    }
}

static double parameters(const Run *run)
{
    struct stat st;
    return stat(run_path(run, "base.bin").s, &st) ? NAN : (double)st.st_size / sizeof(float);
}

void rows_of_run(Rows *r, Run *run)
{
    char *eval = read_text(run_path(run, "metrics/eval.tsv").s);
    double size = parameters(run);
    add_ends(r, run, eval, HELPFUL_RUN, "base", "helpful", run->helpful.iters);
    add_ends(r, run, eval, CAI_RUN, "sl_cai", "rl_cai", run->rl.iters);
    rows_add(r, "4a", "PM, people's labels", size, times(figure_of(eval, "pm/accuracy"), 100),
             run->seed);
    rows_add(r, "4a", "plain", size, times(figure_of(eval, "judge/heldout_plain"), 100), run->seed);
    rows_add(r, "4a", "chain of thought", size, times(figure_of(eval, "judge/heldout_chain"), 100),
             run->seed);
    for (int k = 0; k <= run->sl.revisions; k++) {
        char draft[32];
        snprintf(draft, sizeof draft, "draft_%d", k);
        rows_add(r, "5a", "harmful", k, times(of_model(eval, draft, "harmful"), 100), run->seed);
        rows_add(r, "5a", "refused well", k, times(of_model(eval, draft, "refused_well"), 100),
                 run->seed);
    }
    free(eval);
}

// ------------------------------------------------------------------------------------
// The training: curves of what the steps said of themselves, without intervals

typedef struct {
    const char *figure, *series, *stage, *metric, *less; /* less: a metric that is taken off */
} Line;

/* At most MOST points; n: the steps whose mean a point is. */
enum { MOST = 40 };
static void add_line(Rows *r, const Run *run, const Line *l, double unit)
{
    Text name = { 0 };
    text_add(&name, "metrics/%s.tsv", l->stage);
    char *text = read_text(run_path(run, name.s).s);
    Curve c = curve_of(text, l->metric), off = curve_of(text, l->less ? l->less : "");
    int points = c.n < MOST ? c.n : MOST;
    for (int k = 0; k < points; k++) {
        int first = (int)((long)k * c.n / points), end = (int)((k + 1L) * c.n / points);
        double x = 0, y = 0;
        for (int i = first; i < end; i++) {
            x += (c.x[i] + (unit > 1)) * unit / (end - first);
            y += (c.y[i] - (i < off.n ? off.y[i] : 0)) / (end - first);
        }
        rows_add(r, l->figure, l->series, x, (Figure){ end - first, y, { NAN, NAN } }, run->seed);
    }
    curve_free(&c);
    curve_free(&off);
    free(text);
    free(name.s);
}

/* The score against how far the policy has gone, sqrt(KL) (E7). */
static void add_goodhart(Rows *r, const Run *run, const char *series, const char *stage)
{
    Text name = { 0 };
    text_add(&name, "metrics/%s.tsv", stage);
    char *text = read_text(run_path(run, name.s).s);
    Curve x = curve_of(text, "objective/sqrt_kl"), y = curve_of(text, "objective/scores");
    for (int i = 0; i < x.n && i < y.n; i++)
        rows_add(r, "goodhart-a", series, x.y[i], (Figure){ 0, y.y[i], { NAN, NAN } }, run->seed);
    curve_free(&x);
    curve_free(&y);
    free(text);
    free(name.s);
}

void rows_of_training(Rows *r, Run *run)
{
    static const Line once[] = {
        { "training-a", "pretraining", "pretrain", "loss", NULL },
        { "training-b", "SL-CAI", "sl", "loss", NULL },
        { "training-c", "PM of helpful-only RLHF", "helpful", "loss", "loss_floor" },
        { "training-c", "PM of RL-CAI", "pm", "loss", "loss_floor" },
        { "training-d", "PM of helpful-only RLHF", "helpful", "accuracy", NULL },
        { "training-d", "PM of RL-CAI", "pm", "accuracy", NULL },
    };
    static const struct {
        const char *figure, *metric;
    } ppo[] = { { "ppo-a", "objective/scores" },   { "ppo-b", "objective/kl" },
                { "ppo-c", "policy/entropy_avg" }, { "ppo-d", "policy/clipfrac_avg" },
                { "ppo-e", "val/explained_var" },  { "ppo-f", "length" } };
    for (size_t k = 0; k < sizeof once / sizeof once[0]; k++) add_line(r, run, &once[k], 1);
    for (size_t k = 0; k < sizeof ppo / sizeof ppo[0]; k++) {
        Line l = { ppo[k].figure, HELPFUL_RUN, "helpful", ppo[k].metric, NULL };
        add_line(r, run, &l, run->ppo.batch);
        l.series = CAI_RUN;
        l.stage = "rl";
        add_line(r, run, &l, run->ppo.batch);
    }
    add_goodhart(r, run, HELPFUL_RUN, "helpful");
    add_goodhart(r, run, CAI_RUN, "rl");
}
