/* cli/study.c -- the table of the small commands, and what they share: files in, a model out.
 *
 * Reading order: the table, files in, a model out.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/study.h"
#include "cli/help.h"
#include "cli/inputs.h"
#include "cli/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// clang-format off
static const Study STUDIES[] = {
    { "town", study_town, "town agree" },
    { "sample", study_sample, "max-new" },
    { "revise", study_revise, "revisions constitution max-new" },
    { "pairs", study_pairs, "ai-prefs max-new" },
    { "judge", study_judge,
      "constitution judge plain chains principles both-orders hard clamp-lo clamp-hi" },
    { "rate", study_rate, "" },
    { "sft", study_sft, "sl-lr sl-batch" },
    { "dpo", study_dpo, "ppo-lr pm-batch" },
    { "pm", study_pm, "pm-lr pm-batch" },
    { "rl", study_rl,
      "rl-iters lambda-kl kl-form ppo-batch ppo-epochs ppo-minibatches ppo-lr value-lr eps-clip "
      "c-v lambda-gae max-new" },
    { "eval", study_eval, "town max-new" },
    { "elo", study_elo, "town" },
    { "score", study_score, "town" },
    { "skills", study_skills, "town constitution chains max-new" },
    { "probe", study_probe, "town" },
};
// clang-format on
enum { N_STUDIES = sizeof STUDIES / sizeof STUDIES[0] };

/* A stage of the same name goes by the run's own files alone; who names a model or a file means
 * the small command. */
const Study *study_of(const Args *arg)
{
    for (int i = 0; i < N_STUDIES; i++)
        if (strcmp(STUDIES[i].name, arg->command) == 0
            && (stage_index(arg->command) < 0 || arg->model || arg->in || arg->to || arg->critic
                || arg->drafter))
            return &STUDIES[i];
    return NULL;
}

/* It goes by the flags of the folder's run, and obeys those of its own that it is given. */
void command_study(Run *run, const Study *s, const Args *arg)
{
    if (arg->settings.preset)
        die(EXIT_USAGE, "--preset: not a flag of cai %s with models of its own; see cai --help",
            s->name);
    for (int i = 0; i < arg->settings.n; i++) {
        const char *flag = arg->settings.set[i].name;
        if (!has_word("seed out threads quiet", flag) && !has_word(s->obeys, flag))
            die(EXIT_USAGE, "--%s: cai %s with models of its own does not go by it; see cai --help",
                flag, s->name);
    }
    options_load(run);
    options_apply(run, &arg->settings);
    set_workers(run);
    options_check(run);
    options_check_context(run);
    if (has_word(s->obeys, "constitution"))
        run->constitution = constitution_of_run(run, &arg->settings);
    if (has_word(s->obeys, "town")) run->town = town_of_run(run, &arg->settings);
    s->run(run, arg);
}

// ------------------------------------------------------------------------------------
// Files in

Texts given_files(const Args *arg)
{
    if (!arg->in)
        die(EXIT_USAGE, "%s: of which texts? give --in FILE; see cai --help", arg->command);
    return split_list(arg->in);
}

Texts given_prompts(const Args *arg, const Model *m)
{
    Texts file = given_files(arg), prompts = load_prompts(file.s[0], m);
    for (int k = 1; k < file.n; k++) {
        Texts more = load_prompts(file.s[k], m);
        for (int i = 0; i < more.n; i++) texts_add_line(&prompts, more.s[i], more.line[i]);
        texts_free(&more);
    }
    texts_free(&file);
    return prompts;
}

Comparisons given_comparisons(const Args *arg, const Model *m)
{
    Comparisons c = { 0 };
    Texts file = given_files(arg);
    for (int k = 0; k < file.n; k++) load_comparisons(&c, file.s[k], m);
    if (!c.pair.n) die(EXIT_INPUT, "%s:1: no comparison to learn from; give some", file.s[0]);
    texts_free(&file);
    return c;
}

/* The answer in one field of the record; the prompt it is to goes to `prompt`. */
static void add_side(JsonLines *j, const char *path, const char *side, Text *prompt, Texts *answer)
{
    Text s = { 0 };
    read_answer(j, path, side, prompt, &s);
    texts_add(answer, s.s);
    answer->cut[answer->n - 1] = was_cut(j, side);
    free(s.s);
}

/* {prompt, a, b}, or a comparison in any form of engine/forms.h, with a label that is to be made
 * anew. */
static void add_pairs(const char *path, Texts *prompt, Texts *a, Texts *b)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        Text asked[2] = { { 0 } };
        add_side(j, path, json_has(j, "a") ? "a" : "chosen", &asked[0], a);
        add_side(j, path, json_has(j, "b") ? "b" : "rejected", &asked[1], b);
        if (strcmp(asked[0].s, asked[1].s))
            die(EXIT_INPUT, "%s:%d: the two answers are to different prompts; give both the same",
                path, json_line(j));
        texts_add_line(prompt, asked[0].s, json_line(j));
        free(asked[0].s);
        free(asked[1].s);
    }
    json_close(j);
}

Texts given_pairs(const Args *arg, Texts *a, Texts *b)
{
    Texts file = given_files(arg), prompt = { .path = xstrdup(file.s[0]) };
    for (int k = 0; k < file.n; k++) add_pairs(file.s[k], &prompt, a, b);
    if (!prompt.n) die(EXIT_INPUT, "%s:1: no pair of answers; give some", file.s[0]);
    texts_free(&file);
    return prompt;
}

Texts given_answers(const Args *arg)
{
    Texts file = given_files(arg), answer = { 0 };
    int without = 0;
    for (int k = 0; k < file.n; k++) {
        JsonLines *j = json_open(file.s[k]);
        while (json_next(j)) {
            Text prompt = { 0 }; /* given_prompts reads it */
            if (json_has(j, "completion")) add_side(j, file.s[k], "completion", &prompt, &answer);
            else without++;
            free(prompt.s);
            if (answer.n && without)
                die(EXIT_INPUT,
                    "%s:%d: some lines have a \"completion\", some have none; give all "
                    "or none",
                    file.s[k], json_line(j));
        }
        json_close(j);
    }
    texts_free(&file);
    return answer;
}

Model *the_model(Run *run, const Args *arg)
{
    if (arg->n_models != 1)
        die(EXIT_USAGE, "%s: takes one MODEL, there are %d; see cai --help", arg->command,
            arg->n_models);
    return load_given_model(run, arg->models[0]);
}

/* The head lies beside the model: NAME.bin, NAME.head. */
Model *load_given_pm(Run *run, const char *name)
{
    if (!strchr(name, '/')) return load_pm(run, name);
    Model *pm = load_given_model(run, name);
    size_t n = strlen(name), end = n > 4 && strcmp(name + n - 4, ".bin") == 0 ? n - 4 : n;
    Text head = { 0 };
    text_add(&head, "%.*s.head", (int)end, name);
    score_head_load(pm, head.s);
    free(head.s);
    return pm;
}

void put_sample(FILE *f, const char *name, const Texts *t, int i)
{
    json_put(f, ", ", name, t->s[i]);
    if (t->cut[i]) fprintf(f, ", \"%s_cut\": 1", name);
}

// ------------------------------------------------------------------------------------
// A model out

static Path file_of(const Run *run, const char *to, const char *ending)
{
    Path p;
    size_t n = strlen(to), end = n > 4 && strcmp(to + n - 4, ".bin") == 0 ? n - 4 : n;
    int size = snprintf(p.s, sizeof p.s, "%.*s%s", (int)end, to, ending);
    if (size < 0 || size >= (int)sizeof p.s)
        die(EXIT_USAGE, "--to %.40s..: the path is too long; give a shorter one", to);
    return strchr(to, '/') ? p : run_path(run, p.s);
}

/* The file's name inside the folder; NULL: it lies elsewhere. */
static const char *name_in_run(const Args *arg, const Path *p)
{
    return strchr(arg->to, '/') ? NULL : strrchr(p->s, '/') + 1;
}

void check_to(Run *run, const Args *arg)
{
    static const char *const endings[] = { ".bin", ".head" };
    if (!arg->to)
        die(EXIT_USAGE, "%s: where to? give --to NAME, or --to ./FILE; see cai --help",
            arg->command);
    for (int k = 0; k < 2; k++) {
        Path path = file_of(run, arg->to, endings[k]);
        const char *name = name_in_run(arg, &path);
        if (!name) continue;
        if (writer_of(name) >= 0)
            die(EXIT_USAGE, "--to %s: the stage %s writes that; choose another name", arg->to,
                STAGES[writer_of(name)].name);
        if (!k) lock_run(run);
        if (!run->records.loaded) records_load(&run->records);
        check_outputs(&run->records, (StageFiles){ .stage = "run", .writes = { name } });
    }
}

/* Into the folder as a file of no stage, with its checksum. */
static void save_file(Run *run, const Args *arg, const Model *m, const char *ending,
                      void (*save)(const Model *m, const char *path))
{
    Path path = file_of(run, arg->to, ending);
    const char *name = name_in_run(arg, &path);
    if (name) record_run_file(&run->records, name, 1);
    if (name) records_save(&run->records);
    save(m, path.s);
    if (name) record_run_file(&run->records, name, 0);
    if (name) records_save(&run->records);
}

void save_to(Run *run, const Args *arg, const Model *m, int head)
{
    save_file(run, arg, m, ".bin", model_save);
    if (head) save_file(run, arg, m, ".head", score_head_save);
}

/* No state is ever due, and none of another loop's fits. */
Report *study_report(Run *run, const Args *arg)
{
    Report *r = &run->report;
    *r = (Report){ .stage = arg->command,
                   .k = 1,
                   .n = 1,
                   .quiet = run->quiet,
                   .seed = run->seed,
                   .folder = run->folder,
                   .started = now_seconds(),
                   .save_every = INFINITY,
                   .snapshots = arg->snapshots };
    if (arg->snapshots) r->model = xstrdup(file_of(run, arg->to, "").s);
    return r;
}

void print_metrics(const Report *r)
{
    printf("%s%s", METRICS_HEADER, r->metrics.n ? r->metrics.s : "");
}
