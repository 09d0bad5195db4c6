/* data/stages.h -- the two stages that know the town: what the run starts from, and what it is
 * worth.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_STAGES_H
#define CAI_STAGES_H

#include "cai.h"

void stage_data(Run *run);
void stage_eval(Run *run);

#endif
