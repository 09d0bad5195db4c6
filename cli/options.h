/* cli/options.h -- flags, presets, and the flags that a run's folder keeps.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_OPTIONS_H
#define CAI_OPTIONS_H

#include "cai.h"

void options_default(Run *run);
void options_preset(Run *run, const char *name);
int option_known(const char *name);
void option_set(Run *run, const char *name, const char *value);     /* of a known flag */
int options_load(Run *run);                 /* from the run's folder; 0: it has none */
void options_check(const Run *run);         /* what no single flag's range can tell */
void options_save_or_refuse(const Run *run);
void options_help(FILE *f);

#endif
