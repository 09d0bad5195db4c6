/* cli/compare.c -- two finished runs side by side: the settings that differ, the figures of their
 * tables with the difference, and requests whose answers changed.
 *
 * Reading order: settings, figures, answers, the command.
 * SPDX-License-Identifier: MIT
 */
#include "cli/commands.h"
#include "cli/finished.h"
#include "data/eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// Settings: flags.txt has them in one order, a line each; and what the person gave by a flag

static void say_settings(const Run *a, const Run *b)
{
    static const char *const copy[] = { "constitution.txt", "town.txt" };
    char *left = read_text(run_path(a, "flags.txt").s),
         *right = read_text(run_path(b, "flags.txt").s);
    int differ = 0;
    printf("Settings that differ: %s, %s\n", printable(a->folder), printable(b->folder));
    for (char *x = left, *y = right; *x && *y; differ++) {
        char *end_x = strchr(x, '\n'), *end_y = strchr(y, '\n');
        *end_x = *end_y = 0;
        if (strcmp(x, y) == 0) differ--;
        else printf("  --%s, %s\n", printable(x), printable(strchr(y, ' ') + 1));
        x = end_x + 1, y = end_y + 1;
    }
    for (int k = 0; k < 2; k++) {
        int same = sum_of_file(run_path(a, copy[k]).s) == sum_of_file(run_path(b, copy[k]).s);
        if (!same) printf("  %s: its text\n", copy[k]);
        differ += !same;
    }
    if (!differ) printf("  none\n");
    free(left);
    free(right);
}

// ------------------------------------------------------------------------------------
// Figures, as the evaluation wrote them with their intervals, which allow for requests about one
// verb being alike

/* a - b, with a 95 % interval from those of the two:
 *
 *     lo = d - sqrt( (a - lo_a)^2 + (hi_b - b)^2 ),   hi = d + sqrt( (hi_a - a)^2 + (b - lo_b)^2 )
 *
 * It takes the runs for independent. Runs with one seed share their requests, and differ by less
 * than this allows for. Source: Newcombe 1998, method 10, for shares; Zou and Donner 2008. */
static Figure difference_of(Figure a, Figure b)
{
    double d = a.value - b.value;
    return (Figure){ .value = d,
                     .at = { d - hypot(a.value - a.at.lo, b.at.hi - b.value),
                             d + hypot(a.at.hi - a.value, b.value - b.at.lo) } };
}

static void say_figure(const char *name, const char *key, double scale, int digits, const char *a,
                       const char *b)
{
    Figure f = figure_of(a, key), g = figure_of(b, key), d = difference_of(f, g);
    if (isnan(f.value) || isnan(g.value)) return;
    printf("%-26s %9.*f %9.*f %+9.*f", name, digits, scale * f.value, digits, scale * g.value,
           digits, scale * d.value);
    if (!isnan(d.at.lo) && !isnan(d.at.hi))
        printf("  [%.*f, %.*f]%s", digits, scale * d.at.lo, digits, scale * d.at.hi,
               d.at.lo > 0 || d.at.hi < 0 ? " *" : "");
    putchar('\n');
}

// clang-format off
static const struct { const char *title, *group, *key; double scale; int digits; } OF_MODELS[] = {
    { "harmful, %", "", "harmful", 100, 1 },
    { "refused well, %", "", "refused_well", 100, 1 },
    { "helpful, %", "", "helpful", 100, 1 },
    { "over-refusal, %", "", "over_refusal", 100, 1 },
    { "evasive, %", "", "evasive", 100, 1 },
    { "broken, %", "", "broken", 100, 1 },
    { "Elo harmless, ties half", "", "elo_harmless", 1, 0 },
    { "Elo helpful, ties half", "", "elo_helpful", 1, 0 },
    { "harmful at turn 3, %", "turn3/", "harmful", 100, 1 },
    { "harmful, other verbs, %", "unseen/", "harmful", 100, 1 },
};
static const struct { const char *name, *key; double scale; int digits; } OF_RUNS[] = {
    { "harmful draft, %", "draft_0/harmful", 100, 1 },
    { "  after 1 revision", "draft_1/harmful", 100, 1 },
    { "  after 2", "draft_2/harmful", 100, 1 },
    { "  after 3", "draft_3/harmful", 100, 1 },
    { "  after 4", "draft_4/harmful", 100, 1 },
    { "judge right, chain, %", "judge/heldout_chain", 100, 1 },
    { "judge right, plain, %", "judge/heldout_plain", 100, 1 },
    { "PM right, %", "pm/accuracy", 100, 1 },
    { "PM calibration error", "pm/ece", 1, 3 },
    { "PM margin, refusal", "pm/harmless_margin", 1, 3 },
};
// clang-format on

static void say_figures(const Run *a, const Run *b)
{
    char *left = read_text(run_path(a, "metrics/eval.tsv").s),
         *right = read_text(run_path(b, "metrics/eval.tsv").s);
    printf("\nFigures: first run, second run, first less second with its 95 %% interval; * 0 is "
           "outside.\n");
    for (size_t k = 0; k < sizeof OF_MODELS / sizeof OF_MODELS[0]; k++) {
        for (int m = 0; m < N_MODELS; m++) {
            char name[64], key[64];
            snprintf(name, sizeof name, "  %s", MODEL_NAMES[m]);
            snprintf(key, sizeof key, "%s%s/%s", OF_MODELS[k].group, MODELS[m], OF_MODELS[k].key);
            if (m == 0 && isnan(figure_of(left, key).value + figure_of(right, key).value)) break;
            if (m == 0) printf("\n%s\n", OF_MODELS[k].title);
            say_figure(name, key, OF_MODELS[k].scale, OF_MODELS[k].digits, left, right);
        }
    }
    putchar('\n');
    for (size_t k = 0; k < sizeof OF_RUNS / sizeof OF_RUNS[0]; k++)
        say_figure(OF_RUNS[k].name, OF_RUNS[k].key, OF_RUNS[k].scale, OF_RUNS[k].digits, left,
                   right);
    free(left);
    free(right);
}

// ------------------------------------------------------------------------------------
// RL-CAI's answers to the requests that both runs asked

typedef struct {
    Texts prompt, answer, class;
} Answers;

static Answers answers_of(Run *run)
{
    Answers a = { 0 };
    JsonLines *j = json_open(records_read(&run->records, "answers.jsonl").s);
    while (json_next(j)) {
        if (strcmp(json_str(j, "model"), MODELS[RL_CAI])) continue;
        texts_add(&a.prompt, json_str(j, "prompt"));
        texts_add(&a.answer, json_str(j, "completion"));
        texts_add(&a.class, json_str(j, "class"));
    }
    json_close(j);
    return a;
}

static void answers_free(Answers *a)
{
    texts_free(&a->prompt);
    texts_free(&a->answer);
    texts_free(&a->class);
}

static void say_pair(const Answers *a, int i, const Answers *b, int j)
{
    Text t = { 0 };
    text_add(&t, "\n");
    add_wrapped(&t, "request", a->prompt.s[i] + strspn(a->prompt.s[i], "\n"));
    add_wrapped(&t, a->class.s[i], a->answer.s[i]);
    add_wrapped(&t, b->class.s[j], b->answer.s[j]);
    fputs(printable(t.s), stdout);
    free(t.s);
}

/* Those whose class changed come first. */
static void say_changes(Run *left, Run *right)
{
    enum { SHOWN = 10 };
    Answers a = answers_of(left), b = answers_of(right);
    int *other = xcalloc((size_t)a.prompt.n + 1, sizeof *other), both = 0, changed = 0, shown = 0;
    for (int i = 0; i < a.prompt.n; i++) {
        for (other[i] = 0; other[i] < b.prompt.n; other[i]++)
            if (strcmp(a.prompt.s[i], b.prompt.s[other[i]]) == 0) break;
        if (other[i] == b.prompt.n) other[i] = -1;
        else both++, changed += strcmp(a.answer.s[i], b.answer.s[other[i]]) != 0;
    }
    printf("\nRL-CAI's answers: %d requests stand in both runs, %d answers differ.\n", both,
           changed);
    for (int by_class = 1; by_class >= 0; by_class--)
        for (int i = 0; i < a.prompt.n && shown < SHOWN; i++) {
            int j = other[i];
            if (j < 0 || strcmp(a.answer.s[i], b.answer.s[j]) == 0) continue;
            if ((strcmp(a.class.s[i], b.class.s[j]) != 0) != by_class) continue;
            say_pair(&a, i, &b, j);
            shown++;
        }
    free(other);
    answers_free(&a);
    answers_free(&b);
}

void command_compare(const Args *arg)
{
    if (!arg->other || arg->settings.n || arg->settings.preset)
        die(EXIT_USAGE, "compare takes the folders of two runs, and no flags: cai compare out "
                        "out-2");
    Run a = finished_run(arg->model), b = finished_run(arg->other);
    say_settings(&a, &b);
    say_figures(&a, &b);
    say_changes(&a, &b);
}
