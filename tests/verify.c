/* tests/verify.c -- build/verify: every equation and every backward pass checked on the reader's
 * own machine, in double precision, against values that do not come from the code under test.
 *
 *     build/verify                          the table; exit status 1 if a row fails
 *     build/verify E1                       one equation: its checks and worked examples
 *     build/verify E1 r_A=1.2 r_B=0.3 p=0.8 the examples with the reader's own numbers
 *     build/verify E1 pm_loss p=0.6         one example, or a step of `cai trace`, by name
 *     build/verify --examples               the worked examples of all tags
 *     build/verify --list                   the checks' names
 *     build/verify --dump DIR               tiny cases as JSON, for other programs to recompute
 *
 * SPDX-License-Identifier: MIT
 */
#include "verify.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *wanted; /* a tag, or NULL: all */
static int listing, n_checks, n_failed;

void check(const char *tag, const char *name, const char *against, double error, double tolerance)
{
    int pass = error <= tolerance; /* false for a NaN */
    if (wanted && strcmp(tag, wanted)) return;
    n_checks++;
    n_failed += !pass;
    if (listing) printf("%s\n", name);
    else
        printf("%-6s %-30s %-52s %9.1e %8.0e  %s\n", tag, name, against, error, tolerance,
               pass ? "pass" : "FAIL");
}

static void head(void)
{
    if (!listing)
        printf("%-6s %-30s %-52s %9s %8s\n", "tag", "function/check", "against", "error",
               "at most");
}

/* Whether the wanted tag is one of these; a group without it need not run. */
static int asks_for(const char *tags)
{
    char tag[8];
    snprintf(tag, sizeof tag, " %.4s ", wanted ? wanted : "");
    return !wanted || strstr(tags, tag) != NULL;
}

static void everything(void)
{
    verify_equations();
    if (asks_for(" E4 E5 E11 E12 ")) verify_world();
    if (asks_for(" layer ")) verify_layers();
    if (asks_for(" E1 E4 E5 E12 E13 model ")) verify_model();
}

int main(int argc, char **argv)
{
    int disagree = 0;
    n_workers = 2;
    if (argc == 2 && strcmp(argv[1], "--examples") == 0)
        return examples(NULL, 0, NULL) ? EXIT_CHECK : EXIT_FINE;
    if (argc == 3 && strcmp(argv[1], "--dump") == 0) {
        dump_cases(argv[2]);
        return EXIT_FINE;
    }
    listing = argc == 2 && strcmp(argv[1], "--list") == 0;
    if (argc > 1 && !listing) {
        if (examples(argv[1], -1, NULL) < 0)
            die(EXIT_USAGE,
                "%s: no such equation; give E1 to E14, --examples, --list or --dump DIR", argv[1]);
        wanted = argv[1];
        disagree = examples(argv[1], argc - 2, argv + 2);
    }
    if (argc <= 2) {
        head();
        everything();
    }
    if (argc <= 2 && !listing) printf("%d checks, %d failed\n", n_checks, n_failed);
    return n_failed || disagree ? EXIT_CHECK : EXIT_FINE;
}
