/* cli/help.h -- the commands and their flags as tables, and the help that is printed from them.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_HELP_H
#define CAI_HELP_H

/* obeys: of a command that only looks into a run, the run's flags that change what it does. */
typedef struct {
    const char *name, *group, *usage, *what, *obeys; /* group: run, look, build, study */
} Command;
extern const Command COMMANDS[]; /* name NULL at the end */

/* A flag of a command, not of a run. commands: those that have it. value: what it takes. */
typedef struct {
    const char *name, *value, *commands, *what;
} OwnFlag;
extern const OwnFlag OWN_FLAGS[]; /* name NULL at the end */

int command_known(const char *name); /* a command or a stage */
int command_has(const OwnFlag *f, const char *command);
int command_obeys(const char *command, const char *flag); /* a flag of a run, without dashes */
const OwnFlag *own_flag(const char *name);                /* with its dashes; NULL: no such flag */

void help(void);                   /* the page of cai --help */
void help_on(const char *topic);   /* of a command or a stage; or man, bash, zsh: a page for them */
void print_man(void);              /* cli/pages.c: the manual page, in mdoc */
void print_completion(int is_zsh); /* cli/pages.c: what a shell completes */

#endif
