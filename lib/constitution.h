/* lib/constitution.h -- the principles that the model criticises, revises and judges by.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CONSTITUTION_H
#define CAI_CONSTITUTION_H

#include "lib/text.h"

typedef struct {
    char *id;                   /* its name, as printed and written in the records */
    char *critique, *revision;  /* requests of a critique principle (section 3) */
    char *choose;               /* question of a comparison principle (section 4) */
} Principle;

typedef struct {
    Principle *critique, *comparison;
    int n_critiques, n_comparisons;
    Text critique_examples, comparison_examples;    /* worked examples, none by default (D3) */
} Constitution;

/* Reads one file, or several with commas between them. Dies at a line that is no principle. */
Constitution constitution_load(const char *list);

#endif
