/* tests/death.h -- runs a function that must end the program, in a child process, and checks
 * its exit status and what it says on standard error: one line that holds every wanted text.
 * SPDX-License-Identifier: MIT
 */
#ifndef DEATH_H
#define DEATH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* want: texts that the message must hold, "|" between them. */
static void expect_death(void (*job)(const char *), const char *argument, int status,
                         const char *want)
{
    int pipes[2];
    char said[8192];
    size_t n = 0;
    fflush(NULL);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pipes[1], 2);
        close(pipes[0]);
        close(pipes[1]);
        job(argument);
        _exit(99); /* it lived */
    }
    close(pipes[1]);
    for (ssize_t got;
         n < sizeof said - 1 && (got = read(pipes[0], said + n, sizeof said - 1 - n)) > 0;)
        n += (size_t)got;
    close(pipes[0]);
    said[n] = 0;
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != status)
        fail_msg("status %d, said: %s", ended >> 8, said);
    char *newline = strchr(said, '\n');
    if (!newline || newline[1] || strncmp(said, "cai: ", 5) != 0)
        fail_msg("not one line: %s", said);
    char wanted[512];
    snprintf(wanted, sizeof wanted, "%s", want);
    for (char *w = strtok(wanted, "|"); w; w = strtok(NULL, "|"))
        if (!strstr(said, w)) fail_msg("\"%s\" not in: %s", w, said);
}

/* A fresh folder for the files of one test program, gone with it. */
static char scratch[64];
static const char *in_scratch(const char *name)
{
    static char path[4][256];
    static int turn;
    char *p = path[turn = (turn + 1) % 4];
    snprintf(p, sizeof path[0], "%s/%s", scratch, name);
    return p;
}
static int make_scratch(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/cai_test_XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}
static int remove_scratch(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    return system(command);
}

static void write_bytes(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

#endif
