/* cli/study_elo.c -- elo FILE.jsonl ...: files of answers to the same prompts play each other, the
 * first at 0; score PM: what a preference model says to answers. SPDX-License-Identifier: MIT
 */
#include "cli/study.h"
#include "data/games.h"

#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// Elo

typedef struct {
    char *name;
    Texts prompt;
    Rating *rating;
} Player;

/* {prompt, completion}, rated by the oracle. */
static Player player_of(const Oracle *o, const char *path)
{
    const char *slash = strrchr(path, '/');
    Player p = { .name = xstrdup(slash ? slash + 1 : path) };
    size_t n = strlen(p.name);
    if (n > 6 && strcmp(p.name + n - 6, ".jsonl") == 0) p.name[n - 6] = 0;
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        check_conversation(path, json_line(j), json_str(j, "prompt"));
        texts_add_line(&p.prompt, json_str(j, "prompt"), json_line(j));
        p.rating = xrealloc(p.rating, (size_t)p.prompt.n, sizeof *p.rating);
        p.rating[p.prompt.n - 1] = oracle_rate(o, json_str(j, "prompt"), json_str(j, "completion"));
    }
    json_close(j);
    if (!p.prompt.n) die(EXIT_INPUT, "%s:1: no answer to rate; give some", path);
    return p;
}

static void check_same_prompts(const Player *a, const Player *b, const char *path)
{
    for (int i = 0; i < a->prompt.n && i < b->prompt.n; i++)
        if (strcmp(a->prompt.s[i], b->prompt.s[i]))
            die(EXIT_INPUT, "%s:%d: another prompt than in the first file; ask all the same", path,
                b->prompt.line[i]);
    if (a->prompt.n != b->prompt.n)
        die(EXIT_INPUT, "%s:%d: %d prompts, the first file has %d; ask all the same", path,
            b->prompt.line[b->prompt.n - 1], b->prompt.n, a->prompt.n);
}

/* Mischief is asked about harm, what is fine about help. */
static void play(const Player *player, int n, int harmless, int question, uint64_t key, Figure *elo)
{
    const Rating **rating = xcalloc((size_t)n, sizeof *rating);
    Games g = { .n = n };
    for (int m = 0; m < n; m++) rating[m] = player[m].rating;
    for (int i = 0; i < player[0].prompt.n; i++)
        if (harmless == (rating[0][i].kind != FINE)) games_add(&g, rating, i, question);
    if (!g.prompt.n)
        die(EXIT_INPUT, "%s:1: no prompt is %s; give both kinds", player[0].prompt.path,
            harmless ? "mischief" : "fine");
    games_elo(&g, 0.5, 0, key, elo);
    games_free(&g);
    free(rating);
}

/* Mean harm, 0 to 4, of the answers to mischief: the paper's absolute harmfulness. */
static Figure mean_harm(const Player *p, uint64_t key)
{
    Tally harm = { 0 };
    for (int i = 0; i < p->prompt.n; i++)
        if (p->rating[i].class != UNRATED && p->rating[i].kind != FINE)
            tally_add(&harm, p->rating[i].harm, p->rating[i].verb);
    Figure f = mean_of(&harm, key);
    tally_free(&harm);
    return f;
}

/* old_way: an evasive answer is as harmless as a refusal with its reason, as for HH's workers. */
void study_elo(Run *run, const Args *arg)
{
    static const char *const heading[] = { "harmless", "helpful", "mean harm" };
    static const char *const key[] = { "elo_harmless", "elo_helpful", "harm_mean" };
    int n = arg->n_models;
    if (n < 2) die(EXIT_USAGE, "elo: of which files of answers? name two or more");
    Oracle *people = oracle_open(town_load(run->town));
    Player *player = xcalloc((size_t)n, sizeof *player);
    Figure *figure[3];
    FILE *tsv = arg->tsv ? create_file(arg->tsv) : NULL;
    for (int m = 0; m < n; m++) {
        player[m] = player_of(people, arg->models[m]);
        player[m].prompt.path = xstrdup(arg->models[m]);
        check_same_prompts(&player[0], &player[m], arg->models[m]);
    }
    for (int k = 0; k < 3; k++) figure[k] = xcalloc((size_t)n, sizeof *figure[k]);
    play(player, n, 1, arg->old_way ? HARMS_LESS_EVASION_OR_NOT : HARMS_LESS,
         rng_key((uint64_t)run->seed, S_ASK, 2), figure[0]);
    play(player, n, 0, HELPS_MORE, rng_key((uint64_t)run->seed, S_ASK, 3), figure[1]);
    Text t = { 0 };
    table_head(&t, "answers", NULL, heading, 3);
    if (tsv) fprintf(tsv, "model\tfigure\tn\tvalue\tlo\thi\n");
    for (int m = 0; m < n; m++) {
        figure[2][m] = mean_harm(&player[m], rng_key((uint64_t)run->seed, S_ASK, 4));
        Cell cell[3] = { cell_whole(figure[0][m]), cell_whole(figure[1][m]) };
        snprintf(cell[2].value, sizeof cell[2].value, "%.2f", figure[2][m].value);
        snprintf(cell[2].interval, sizeof cell[2].interval, "[%.2f, %.2f]", figure[2][m].at.lo,
                 figure[2][m].at.hi);
        table_row(&t, player[m].name, cell, 3);
        for (int k = 0; k < 3 && tsv; k++)
            fprintf(tsv, "%s\t%s\t%d\t%.6g\t%.6g\t%.6g\n", player[m].name, key[k], figure[k][m].n,
                    figure[k][m].value, figure[k][m].at.lo, figure[k][m].at.hi);
    }
    if (tsv) commit_file(tsv, arg->tsv);
    fputs(printable(t.s), stdout);
    oracle_close(people);
}

// ------------------------------------------------------------------------------------
// Scores

enum { MAX_STEPS = 64 };
typedef struct {
    Texts prompt, answer;
    int *step;
} Scored;

/* cut: the answer's end is not the model's own. */
static void add_answer(Scored *s, JsonLines *j, const char *field, int step)
{
    char cut[32];
    snprintf(cut, sizeof cut, "%s_cut", field);
    texts_add_line(&s->prompt, json_str(j, "prompt"), json_line(j));
    texts_add(&s->answer, json_str(j, field));
    s->answer.cut[s->answer.n - 1] = json_num_or(j, cut, 0) != 0;
    s->step = xrealloc(s->step, (size_t)s->prompt.n, sizeof *s->step);
    s->step[s->prompt.n - 1] = step;
}

/* {prompt, completion}; of revise {prompt, response, revision, step}, where the response of step 1
 * is the draft, step 0. */
static void add_scored(Scored *s, const char *path)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        double step = json_num_or(j, "step", 0);
        if (!(step >= 0 && step <= MAX_STEPS && step == (int)step))
            die(EXIT_INPUT, "%s:%d: step is not a whole number from 0 to %d; mend the line", path,
                json_line(j), MAX_STEPS);
        check_conversation(path, json_line(j), json_str(j, "prompt"));
        if (step == 1) add_answer(s, j, "response", 0);
        add_answer(s, j, json_str_or(j, "completion", NULL) ? "completion" : "revision", (int)step);
    }
    json_close(j);
    if (!s->prompt.n) die(EXIT_INPUT, "%s:1: no answer to score; give some", path);
}

/* The mean of every step, with an interval that allows for requests about one verb being alike. */
static void write_means(Run *run, const Scored *s, const double *score, const char *path)
{
    Oracle *people = oracle_open(town_load(run->town));
    FILE *f = create_file(path);
    fprintf(f, "model\tfigure\tn\tvalue\tlo\thi\n");
    for (int k = 0; k <= MAX_STEPS; k++) {
        Tally t = { 0 };
        for (int i = 0; i < s->prompt.n; i++)
            if (s->step[i] == k)
                tally_add(&t, score[i], oracle_rate(people, s->prompt.s[i], "").verb);
        Figure mean = mean_of(&t, rng_key((uint64_t)run->seed, S_ASK, 5));
        if (t.n)
            fprintf(f, "%d\tscore\t%d\t%.6g\t%.6g\t%.6g\n", k, mean.n, mean.value, mean.at.lo,
                    mean.at.hi);
        tally_free(&t);
    }
    commit_file(f, path);
    oracle_close(people);
}

void study_score(Run *run, const Args *arg)
{
    if (arg->n_models != 1) die(EXIT_USAGE, "score: takes one PM; see cai --help");
    Texts file = given_files(arg);
    Model *pm = load_given_pm(run, arg->model);
    Scored s = { .prompt.path = file.s[0] };
    Seqs seq = { 0 };
    for (int k = 0; k < file.n; k++) {
        s.prompt.path = file.s[k];
        add_scored(&s, file.s[k]);
        for (int i = seq.n; i < s.prompt.n; i++) {
            push_text(&seq, pm->tok, s.prompt.s[i], s.answer.s[i], !s.answer.cut[i]);
            check_length(&seq, i, pm->c.seq_len, &s.prompt, i);
        }
    }
    double *score = xcalloc((size_t)s.prompt.n, sizeof *score);
    pm_scores(pm, &seq, score);
    for (int i = 0; i < s.prompt.n; i++) {
        json_put(stdout, "{", "prompt", s.prompt.s[i]);
        json_put(stdout, ", ", "completion", s.answer.s[i]);
        printf(", \"step\": %d, \"score\": %.6g}\n", s.step[i], score[i]);
    }
    if (arg->tsv) write_means(run, &s, score, arg->tsv);
    free(score);
    seqs_free(&seq);
    model_free(pm);
}
