/* data/standings.c -- files of answers rated by the oracle: their Elo against each other, and means
 * of what was counted of answers.
 * SPDX-License-Identifier: MIT
 */
#include "data/games.h"
#include "data/rows.h"

#include <stdlib.h>
#include <string.h>

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

void say_standings(Run *run, const char *const *file, int n, int evasion_fine, const char *tsv_path)
{
    static const char *const heading[] = { "harmless", "helpful", "mean harm" };
    static const char *const key[] = { "elo_harmless", "elo_helpful", "harm_mean" };
    Town *town = town_load(run->town);
    Oracle *people = oracle_open(town);
    Player *player = xcalloc((size_t)n, sizeof *player);
    Figure *figure[3];
    FILE *tsv = tsv_path ? create_file(tsv_path) : NULL;
    for (int m = 0; m < n; m++) {
        player[m] = player_of(people, file[m]);
        player[m].prompt.path = xstrdup(file[m]);
        check_same_prompts(&player[0], &player[m], file[m]);
    }
    for (int k = 0; k < 3; k++) figure[k] = xcalloc((size_t)n, sizeof *figure[k]);
    play(player, n, 1, evasion_fine ? HARMS_LESS_EVASION_OR_NOT : HARMS_LESS,
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
    if (tsv) commit_file(tsv, tsv_path);
    print_tables(printable(t.s));
    oracle_close(people);
    town_free(town);
}

void write_means(Run *run, const Texts *prompt, const int *step, const double *x, int steps,
                 const char *path)
{
    Town *town = town_load(run->town);
    Oracle *people = oracle_open(town);
    FILE *f = create_file(path);
    fprintf(f, "model\tfigure\tn\tvalue\tlo\thi\n");
    for (int k = 0; k < steps; k++) {
        Tally t = { 0 };
        for (int i = 0; i < prompt->n; i++)
            if (step[i] == k) tally_add(&t, x[i], oracle_rate(people, prompt->s[i], "").verb);
        Figure mean = mean_of(&t, rng_key((uint64_t)run->seed, S_ASK, 5));
        if (t.n)
            fprintf(f, "%d\tscore\t%d\t%.6g\t%.6g\t%.6g\n", k, mean.n, mean.value, mean.at.lo,
                    mean.at.hi);
        tally_free(&t);
    }
    commit_file(f, path);
    oracle_close(people);
    town_free(town);
}
