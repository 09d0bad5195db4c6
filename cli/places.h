/* cli/places.h -- where the program's own data lie: the town and the constitution.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_PLACES_H
#define CAI_PLACES_H

#include "lib/text.h"

/* A file by a name such as data/town.txt: here, then in share/cai of the installed program, then
 * beside the program. The name itself if it is in none of them. program: argv[0]. */
Path found_file(const char *name, const char *program);

#endif
