/* cli/kernels.c -- kernels.txt, a line a stage: by which matrix products and which build it was
 * computed. Others add in another order, so a run that is half of one and half of another has the
 * bytes of neither.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/kernels.h"
#include "cli/stages.h"
#include "lib/kernels.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

typedef struct {
    char *line[N_STAGES];
} Lines; /* NULL: not begun yet */

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* The C library's exp and log differ in the last bit too. Only the GNU one says who it is. */
#ifdef __GLIBC__
#define C_LIBRARY "glibc", gnu_get_libc_version()
#else
#define C_LIBRARY "another libc", ""
#endif

static Text present_kernels(void)
{
    const char *library[] = { C_LIBRARY };
    Text t = { 0 };
    text_add(&t, "%s; %s, %s, %s%s%s", kernels_used(), VERSION, COMPILER, library[0],
             *library[1] ? " " : "", library[1]);
    return t;
}

static Lines load_kernels(const Run *run)
{
    Lines all = { { NULL } };
    Path path = run_path(run, "kernels.txt");
    if (!is_there(path.s)) return all;
    char *text = read_text(path.s), *save = NULL;
    int line = 0;
    for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
        size_t n = strcspn(s, " ");
        char *what = s + n + strspn(s + n, " ");
        s[n] = 0;
        line++;
        int k = stage_index(s);
        if (k < 0 || !*what)
            die(EXIT_INPUT,
                "%s:%d: no stage and its kernels; move the file away, and it is begun anew", path.s,
                line);
        all.line[k] = xstrdup(what);
    }
    free(text);
    return all;
}

void kernels_note(const Run *run, int k)
{
    Lines all = load_kernels(run);
    Text now = present_kernels();
    if (!all.line[k] || strcmp(all.line[k], now.s)) {
        Path path = run_path(run, "kernels.txt");
        FILE *f = create_file(path.s);
        free(all.line[k]);
        all.line[k] = xstrdup(now.s);
        for (int i = 0; i < N_STAGES; i++)
            if (all.line[i]) fprintf(f, "%-10s %s\n", STAGES[i].name, all.line[i]);
        commit_file(f, path.s);
    }
    for (int i = 0; i < N_STAGES; i++) free(all.line[i]);
    free(now.s);
}

/* Stages before `first` are finished, and it may have been begun. */
void kernels_compare(const Run *run, int first)
{
    Lines all = load_kernels(run);
    Text now = present_kernels();
    int end = first + is_unsure(&run->records, STAGES[first].name), other = -1;
    for (int i = 0; i < end; i++)
        if (all.line[i] && strcmp(all.line[i], now.s)) other = i;
    if (other >= 0)
        fprintf(stderr,
                "cai: %s: the stage %s was computed by %s, what follows by %s: the bytes will not "
                "be those of one of them alone\n",
                printable(run->folder), STAGES[other].name, printable(all.line[other]), now.s);
    for (int i = 0; i < N_STAGES; i++) free(all.line[i]);
    free(now.s);
}

void kernels_check(const Run *run)
{
    Lines all = load_kernels(run);
    for (int i = 0; i < N_STAGES; i++) free(all.line[i]);
}
