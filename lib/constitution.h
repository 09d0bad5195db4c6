/* lib/constitution.h -- the principles that the model criticises, revises and judges by.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CONSTITUTION_H
#define CAI_CONSTITUTION_H

#include "lib/text.h"

typedef struct {
    char *id;                  /* its name, as printed and written in the records */
    char *critique, *revision; /* requests of a critique principle (section 3) */
    char *choose;              /* question of a comparison principle (section 4) */
    const char *path;          /* the file it was read from, and the line it begins on */
    int line;
} Principle;

typedef struct {
    const char *path;
    int line;
} Place;

typedef struct {
    Principle *critique, *comparison;
    int n_critiques, n_comparisons;
    Text critique_examples, comparison_examples; /* worked examples, none by default (D3) */
    Place critique_example, comparison_example;  /* where the first of them stands */
    /* Of the paper's files: comparisons by chain of thought with {} for a principle, or pairs of
     * answers, the better one first. cli/inputs.c lays them out. */
    Texts chain, asked, better, worse;
} Constitution;

/* The names in a list with commas between them; a list that is itself the name of a file is that
 * one. */
Texts split_list(const char *list);

/* Adds the principles of one file, of which these are the bytes. Dies at a line that is no
 * principle. */
void constitution_add(Constitution *c, char *data, size_t size, const char *path);
void constitution_check(const Constitution *c,
                        const char *list);        /* dies if a kind of principle is missing */
Constitution constitution_load(const char *list); /* all three */

#endif
