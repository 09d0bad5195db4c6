/* cli/report_numbers.c -- a run's report: ten sentences, the models' table, settings and files.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* stat's times */
#include "cli/plot.h"
#include "cli/report.h"
#include "cli/stages.h"
#include "cli/page.h"
#include "data/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ------------------------------------------------------------------------------------
// Ten sentences

typedef struct {
    char s[64];
} Share;

/* "3.9 % [1.1, 12.9]" */
static Share share(const char *eval, const char *key)
{
    Share text = { "(not measured)" };
    Figure x = figure_of(eval, key);
    if (!isnan(x.value))
        snprintf(text.s, sizeof text.s, "%.1f %% [%.1f, %.1f]", 100 * x.value, 100 * x.at.lo,
                 100 * x.at.hi);
    return text;
}

static Curve curve_in(const Run *run, const char *file, const char *metric)
{
    char *text = read_text(run_path(run, file).s);
    Curve c = curve_of(text, metric);
    free(text);
    if (c.n) return c;
    c.y = xcalloc(1, sizeof *c.y);
    c.y[0] = NAN;
    c.n = 1;
    return c;
}

static void put_training(FILE *f, Run *run)
{
    Curve loss = curve_in(run, "metrics/pretrain.tsv", "loss");
    put_line_of(f, "li",
                "The pretrained model has width %d and %d layers; its loss fell from %.2f to %.2f "
                "nats a token on %ld documents of a toy town.",
                run->model.dim, run->model.layers, loss.y[0], loss.y[loss.n - 1], run->data.corpus);
    curve_free(&loss);
}

static void put_ppo(FILE *f, Run *run)
{
    Curve score = curve_in(run, "metrics/rl.tsv", "objective/scores"),
          kl = curve_in(run, "metrics/rl.tsv", "objective/kl");
    put_line_of(f, "li",
                "In %d iterations of PPO the score rose from %.3f to %.3f, %.2f nats of KL away "
                "from SL-CAI (penalty %g).",
                run->rl.iters, score.y[0], score.y[score.n - 1], kl.y[kl.n - 1], run->rl.lambda_kl);
    curve_free(&score);
    curve_free(&kl);
}

void put_sentences(FILE *f, Run *run)
{
    char *e = read_text(run_path(run, "metrics/eval.tsv").s), last[32];
    Figure less = figure_of(e, "rl_cai/elo_harmless"), more = figure_of(e, "rl_cai/elo_helpful"),
           error = figure_of(e, "pm/ece");
    snprintf(last, sizeof last, "draft_%d/harmful", run->sl.revisions);
    fputs("<p>Shares are of held-out requests where nothing else is said; in brackets 95 % "
          "intervals.</p><ol>\n",
          f);
    put_training(f, run);
    put_line_of(f, "li",
                "It answers %s of mischief with harm, and helps fully with %s of what is fine.",
                share(e, "base/harmful").s, share(e, "base/helpful").s);
    put_line_of(f, "li", "Helpful-only RLHF helps with %s of what is fine, and harms in %s.",
                share(e, "helpful/helpful").s, share(e, "helpful/harmful").s);
    put_line_of(f, "li",
                "Of its drafts for the training prompts %s are harmful, after one revision %s, "
                "after %d %s.",
                share(e, "draft_0/harmful").s, share(e, "draft_1/harmful").s, run->sl.revisions,
                share(e, last).s);
    put_line_of(f, "li", "SL-CAI, finetuned on the revisions, harms in %s and refuses well in %s.",
                share(e, "sl_cai/harmful").s, share(e, "sl_cai/refused_well").s);
    put_line_of(f, "li", "The judge is right in %s of known judgements by a chain, plainly in %s.",
                share(e, "judge/heldout_chain").s, share(e, "judge/heldout_plain").s);
    put_line_of(f, "li",
                "The preference model, taught by these labels and by people's, agrees with people "
                "in %s; its calibration error is %.3f.",
                share(e, "pm/accuracy").s, error.value);
    put_ppo(f, run);
    put_line_of(f, "li",
                "RL-CAI harms in %s, refuses well in %s, helps fully with %s and refuses %s of "
                "what is fine.",
                share(e, "rl_cai/harmful").s, share(e, "rl_cai/refused_well").s,
                share(e, "rl_cai/helpful").s, share(e, "rl_cai/over_refusal").s);
    put_line_of(f, "li",
                "Against SL-CAI it stands at %.0f [%.0f, %.0f] Elo in harmlessness and at %.0f "
                "[%.0f, %.0f] in helpfulness; %s of its answers to what is fine are broken.",
                less.value, less.at.lo, less.at.hi, more.value, more.at.lo, more.at.hi,
                share(e, "rl_cai/fine_broken").s);
    fputs("</ol>\n", f);
    free(e);
}

// ------------------------------------------------------------------------------------
// The models

void put_models(FILE *f, Run *run)
{
    static const struct {
        const char *title, *key;
        double scale;
    } column[] = {
        { "harmful, %", "harmful", 100 },           { "refused well, %", "refused_well", 100 },
        { "evasive, %", "evasive", 100 },           { "helpful, %", "helpful", 100 },
        { "over-refusal, %", "over_refusal", 100 }, { "Elo harmless", "elo_harmless", 1 },
        { "Elo helpful", "elo_helpful", 1 }
    };
    enum { COLUMNS = sizeof column / sizeof column[0] };
    char *e = read_text(run_path(run, "metrics/eval.tsv").s);
    fputs("<div class=\"t\"><table><tr><th>model</th>", f);
    for (int c = 0; c < COLUMNS; c++) put_line_of(f, "th", "%s", column[c].title);
    fputs("</tr>\n", f);
    for (int m = 0; m < N_MODELS; m++) {
        fputs("<tr>", f);
        put_line_of(f, "td", "%s", MODEL_NAMES[m]);
        for (int c = 0; c < COLUMNS; c++) {
            char key[64];
            snprintf(key, sizeof key, "%s/%s", MODELS[m], column[c].key);
            Figure x = figure_of(e, key);
            int digits = column[c].scale > 1;
            fprintf(f, "<td>%.*f<br><small>[%.*f, %.*f]</small></td>", digits,
                    column[c].scale * x.value, digits, column[c].scale * x.at.lo, digits,
                    column[c].scale * x.at.hi);
        }
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
    free(e);
}

// ------------------------------------------------------------------------------------
// Settings, files, seconds, kernels

/* When a stage was done, by its metrics file; 0: it has none. */
static double done_at(const Run *run, int k)
{
    struct stat st;
    char name[64];
    snprintf(name, sizeof name, "metrics/%s.tsv", STAGES[k].name);
    if (stat(run_path(run, name).s, &st)) return 0;
    return (double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec;
}

static void put_files(FILE *f, const Run *run)
{
    fputs("<p>Seconds are by the files' times: a stage's metrics file after the one before it. A "
          "copied folder has none.</p><div class=\"t\"><table><tr><th>stage</th><th>seconds</th>"
          "<th>files, in bytes</th></tr>\n",
          f);
    for (int k = 0; k < N_STAGES; k++) {
        double spent = k ? done_at(run, k) - done_at(run, k - 1) : NAN;
        Text files = { 0 };
        for (int i = 0; STAGES[k].writes[i]; i++) {
            struct stat st;
            if (stat(run_path(run, STAGES[k].writes[i]).s, &st) == 0)
                text_add(&files, "%s%s %ld", files.n ? ", " : "", STAGES[k].writes[i],
                         (long)st.st_size);
        }
        fprintf(f, "<tr><td>%s</td>", STAGES[k].name);
        if (spent > 0.05 && spent < 1e6) fprintf(f, "<td>%.1f</td>", spent);
        else fprintf(f, "<td></td>");
        put_line_of(f, "td class=\"l\"", "%s", files.n ? files.s : "");
        fputs("</tr>\n", f);
        free(files.s);
    }
    fputs("</table></div>\n", f);
}

void put_settings(FILE *f, Run *run)
{
    static const char *const file[] = { "flags.txt", "kernels.txt" }, *const title[] = {
        "Flags", "What multiplied"
    };
    put_files(f, run);
    for (int k = 0; k < 2; k++) {
        Path path = run_path(run, file[k]);
        if (!is_there(path.s)) continue;
        char *text = read_text(path.s);
        fprintf(f, "<details><summary>%s</summary><pre>", title[k]);
        put_html(f, text);
        fputs("</pre></details>\n", f);
        free(text);
    }
}
