/* cli/options.h -- flags, presets, and the flags that a run's folder keeps.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_OPTIONS_H
#define CAI_OPTIONS_H

#include "cai.h"

/* What a command line says of a run's flags. */
typedef struct {
    const char *name, *value;
} Setting;
typedef struct {
    const char *preset;
    Setting *set;
    int n;
    const char *program; /* argv[0] */
    int looks;           /* the command only looks into a run */
    int taken;           /* the town's texts are another run's (--pretrained) */
} Settings;

int has_word(const char *list, const char *word); /* not a part of one */
int option_known(const char *name);
const char *option_given(const Settings *s, const char *name);  /* its value; NULL: not given */
void option_set(Run *run, const char *name, const char *value); /* of a known flag */
double flag_number(const char *flag, const char *value, double lo, double hi, int whole);

void options_default(Run *run);
void options_apply(Run *run, const Settings *s); /* the preset, then the flags */
int options_load(Run *run);                      /* from the run's folder; 0: it has none */
int options_load_branch(Run *run);
void options_check(const Run *run);         /* what no single flag's range can tell */
void options_check_context(const Run *run); /* that an answer leaves room for a prompt */
void options_warn(
    const Run *run);         /* what is obeyed, and leads elsewhere than to the paper's optimum */
void options_save(Run *run); /* in the folder, if they are not there yet */
/* Where these flags differ from the folder's: "--dim 32, this command --dim 64; ..". Nothing: s is
 * NULL. except: names that are no part of the run here. */
Text options_differences(const Run *folder, const Run *run, const char *except);
extern const char LATER_FLAGS[]; /* those that no stage up to helpful goes by */
void options_help(FILE *f);

/* Flag or preset i as the help has it. 0: there are no more. */
typedef struct {
    const char *name, *value;
    char what[160];
    int is_file; /* its value is a path */
} OptionLine;
int option_at(int i, OptionLine *o);
int preset_at(int i, OptionLine *o);
int option_is_switch(const char *name); /* its values are 0 and 1 */

#endif
