/* cli/kernels.h -- kernels.txt: by which matrix products and which build each stage was computed.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_KERNELS_H
#define CAI_CLI_KERNELS_H

#include "cai.h"

void kernels_check(const Run *run);              /* dies if it is no such file */
void kernels_note(const Run *run, int k);        /* stage k is computed by those of this process */
void kernels_compare(const Run *run, int first); /* says if stages before `first` had others */

#endif
