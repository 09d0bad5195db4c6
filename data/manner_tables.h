/* data/manner_tables.h -- how often answers have the manners that they call for, in a world that
 * has some.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_MANNER_TABLES_H
#define CAI_MANNER_TABLES_H

#include "data/oracle.h"
#include "data/tables.h"

/* Of the answers that call for a manner, those that keep it; of the others, those that have its
 * sentence (of NEVER there are none). */
typedef struct {
    Tally due[MAX_MANNERS], undue[MAX_MANNERS];
} Manners;
void count_manners(Manners *m, const Town *t, const Rating *r);
void manners_free(Manners *m);

#endif
