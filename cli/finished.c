/* cli/finished.c -- what a finished run says of itself.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "cli/finished.h"
#include "cli/stages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

Run finished_run(const char *folder)
{
    Run run = { 0 };
    options_default(&run);
    option_set(&run, "out", folder);
    records_of(&run);
    records_load(&run.records);
    if (!options_load(&run) || !is_there(run_path(&run, "metrics/eval.tsv").s))
        die(EXIT_INPUT, "%s: no finished run stands there; give the folder of one, or finish it",
            folder);
    return run;
}

/* n: the items behind it. */
static double value_of(const char *metrics, const char *key, int *n)
{
    Text field = { 0 };
    text_add(&field, "\t%s\t", key);
    const char *at = strstr(metrics, field.s), *value = at ? strchr(at + field.n, '\t') : NULL;
    free(field.s);
    if (!value) return NAN;
    char *end;
    double x = strtod(value + 1, &end);
    *n = *end == '\t' ? (int)strtol(end + 1, NULL, 10) : 0;
    return x;
}

Figure figure_of(const char *metrics, const char *key)
{
    Text lo = { 0 }, hi = { 0 };
    Figure f = { 0 };
    text_add(&lo, "%s.lo", key);
    text_add(&hi, "%s.hi", key);
    f.at.lo = value_of(metrics, lo.s, &f.n);
    f.at.hi = value_of(metrics, hi.s, &f.n);
    f.value = value_of(metrics, key, &f.n);
    free(lo.s);
    free(hi.s);
    return f;
}
