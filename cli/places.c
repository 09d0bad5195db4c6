/* cli/places.c -- where the program's own data lie, found from wherever it is called.
 *
 * Nothing is compiled in, so that an installed tree may be moved.
 * SPDX-License-Identifier: MIT
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/places.h"
#include "lib/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* dir/name; 0: too long for a path. */
static int join(Path *p, const char *dir, size_t n_dir, const char *name)
{
    int n = snprintf(p->s, sizeof p->s, "%.*s/%s", (int)n_dir, n_dir ? dir : ".", name);
    return n > 0 && n < (int)sizeof p->s;
}

/* The program's file: argv[0] if that is a path, else what the shell found along PATH. */
static int program_file(const char *program, Path *p)
{
    const char *list = getenv("PATH");
    if (strchr(program, '/')) {
        snprintf(p->s, sizeof p->s, "%s", program);
        return 1;
    }
    for (const char *dir = list ? list : ""; *dir;) {
        size_t n = strcspn(dir, ":");
        if (join(p, dir, n, program) && access(p->s, X_OK) == 0) return 1;
        dir += n + (dir[n] == ':');
    }
    return 0;
}

Path found_file(const char *name, const char *program)
{
    static const char *const place[] = { "../share/cai/", "" };
    Path as_named, p;
    snprintf(as_named.s, sizeof as_named.s, "%s", name);
    if (*name == '/' || is_there(name) || !program_file(program, &p)) return as_named;
    char *file = realpath(p.s, NULL); /* behind the links */
    for (int i = 0; file && i < 2; i++) {
        char there[sizeof p.s];
        int n = snprintf(there, sizeof there, "%s%s", place[i], name);
        size_t folder = (size_t)(strrchr(file, '/') - file);
        if (n >= (int)sizeof there || !join(&p, file, folder, there) || access(p.s, R_OK)) continue;
        free(file);
        return p;
    }
    free(file);
    return as_named;
}
