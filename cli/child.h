/* cli/child.h -- another program, started and waited for.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_CLI_CHILD_H
#define CAI_CLI_CHILD_H

/* Runs argv[0], looked for along PATH; argv ends with NULL. Its exit status; 127: it is not there;
 * above 128: a signal ended it. Dies if no process can be started. */
int run_program(char *const argv[]);

#endif
