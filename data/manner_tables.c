/* data/manner_tables.c -- how often answers have the manners that they call for, in a world that
 * has some.
 * SPDX-License-Identifier: MIT
 */
#include "data/manner_tables.h"
#include "data/eval.h"

#include <stdlib.h>

void count_manners(Manners *m, const Town *t, const Rating *r)
{
    if (r->class == UNRATED) return;
    for (int k = 0; k < t->n_manners; k++)
        if (r->due >> k & 1) tally_add(&m->due[k], manner_kept(t, k, r->said), r->verb);
        else tally_add(&m->undue[k], r->said >> k & 1, r->verb);
}

void manners_free(Manners *m)
{
    for (int k = 0; k < MAX_MANNERS; k++) tally_free(&m->due[k]), tally_free(&m->undue[k]);
}

/* The figures of one model: a metric each, and the cells of its row. */
static void manner_cells(Eval *e, int model, Manners *m, Cell cell[2 * MAX_MANNERS])
{
    int n = 0;
    for (int undue = 0; undue < 2; undue++)
        for (int k = 0; k < e->town->n_manners; k++) {
            Figure f = share_of(undue ? &m->undue[k] : &m->due[k]);
            char key[80];
            if (undue && e->town->manner[k].when == NEVER) continue;
            snprintf(key, sizeof key, "%sdue_%s", undue ? "un" : "", e->town->manner[k].name);
            figure_metric(&e->run->report, MODELS[model], key, f);
            cell[n++] = cell_percent(f);
        }
}

void say_manners(Eval *e)
{
    static const int sets[] = { REDTEAM_SET, HELPFUL_SET, CONTRAST_SET };
    const char *above[2 * MAX_MANNERS], *heading[2 * MAX_MANNERS];
    Text t = { 0 };
    int columns = 0;
    if (!e->town->n_manners) return;
    for (int undue = 0; undue < 2; undue++)
        for (int k = 0; k < e->town->n_manners; k++)
            if (!undue || e->town->manner[k].when != NEVER) {
                above[columns] = undue ? "undue" : "due, kept";
                heading[columns++] = e->town->manner[k].name;
            }
    text_add(&t, "\nManners, in the answers to those requests. Due, kept: of the answers that call "
                 "for it. Undue: of\nthe others, those that have its sentence. Percent.\n\n");
    table_head(&t, "model", above, heading, columns < CELLS ? columns : CELLS);
    for (int model = 0; model < N_MODELS; model++) {
        Manners m = { 0 };
        Cell cell[2 * MAX_MANNERS];
        for (int k = 0; k < 3; k++) {
            const Answered *a = &e->set[sets[k]];
            for (int i = 0; i < a->prompt.n; i++) count_manners(&m, e->town, &a->rating[model][i]);
        }
        manner_cells(e, model, &m, cell);
        table_row(&t, MODEL_NAMES[model], cell, columns < CELLS ? columns : CELLS);
        manners_free(&m);
    }
    say(e, &t);
    free(t.s);
}
