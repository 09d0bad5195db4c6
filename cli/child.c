/* cli/child.c -- another program, started and waited for.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* fork */
#include "cli/child.h"
#include "lib/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int run_program(char *const argv[])
{
    int status = 0;
    fflush(NULL); /* or the child would have what is not written yet, too */
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[0], argv);
        _exit(errno == ENOENT ? 127 : 126);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        die(EXIT_INPUT, "%s: cannot be started (%s); try again", argv[0], strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
