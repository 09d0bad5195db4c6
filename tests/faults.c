/* tests/faults.c -- memory that is refused: preloaded (LD_PRELOAD), it fails the call of malloc,
 * calloc or realloc whose number is in NO_MEMORY_AT, counted from 1 over all three and all threads;
 * with none it writes how many there were to the file COUNT_MEMORY_TO. glibc. tests/faults.sh
 * builds and uses it; other calls are failed by strace.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

static _Atomic long calls;

static int is_refused(void)
{
    const char *at = getenv("NO_MEMORY_AT");
    if (atomic_fetch_add(&calls, 1) + 1 != (at ? atol(at) : -1)) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return is_refused() ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return is_refused() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t size) { return is_refused() ? NULL : __libc_realloc(p, size); }

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("COUNT_MEMORY_TO");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (f) fprintf(f, "%ld\n", atomic_load(&calls)), fclose(f);
}
