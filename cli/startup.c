/* cli/startup.c -- what happens before anything else does: standard streams, the stack, and
 * settings of the C library that it reads when the program is loaded.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/startup.h"
#include "lib/files.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A standard stream that was closed before the start would give its number to the next file
 * opened, and what is printed would go into that. Standard output is opened for reading, so that
 * its end tells. */
static void open_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_INPUT);
}

/* glibc reads these when it is loaded, so the program starts itself once more. It then keeps
 * what was freed (by default it gives large blocks back and gets them zeroed page by page at the
 * next call) and asks for large pages, so that the sampler's walks through its cache need few of
 * them. Speed is all they change: where the program's own file cannot be found, as without
 * /proc, it goes on without.
 *
 * CAI_STARTED says that this is the second start, and is taken back for programs started from
 * here. Set by the user it prevents the second start, as valgrind needs. Settings of the user's
 * own stay. */
static void start_again(char **argv)
{
#ifdef __GLIBC__
    if (getenv("CAI_STARTED")) {
        unsetenv("CAI_STARTED");
        return;
    }
    setenv("CAI_STARTED", "1", 1);
    setenv("MALLOC_MMAP_THRESHOLD_", "33554432", 0);
    setenv("MALLOC_TRIM_THRESHOLD_", "4294967296", 0);
    setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 0);
    execv("/proc/self/exe", argv);
    unsetenv("CAI_STARTED");
#else
    (void)argv;
#endif
}

/* Without printf, whose own buffers would not fit. */
_Noreturn static void end_for_want_of_stack(void)
{
    static const char say[] =
        "cai: the stack may have less than 128 KB only; allow more with ulimit -s 8192\n";
    ssize_t n = write(2, say, sizeof say - 1);
    _exit(n < 0 ? EXIT_CHECK : EXIT_INPUT);
}

/* The main thread's stack. A limit that is too small (ulimit -s) is raised as far as it may be:
 * what does not fit would end the program without a word. */
static void raise_stack_limit(void)
{
    enum { ENOUGH = 8 << 20, MIN = 128 << 10 };
    struct rlimit r;
    if (getrlimit(RLIMIT_STACK, &r) || r.rlim_cur == RLIM_INFINITY || r.rlim_cur >= ENOUGH) return;
    r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > ENOUGH ? ENOUGH : r.rlim_max;
    setrlimit(RLIMIT_STACK, &r);
    if (r.rlim_cur < MIN) end_for_want_of_stack();
}

void startup(char **argv)
{
    open_streams();
    signal(SIGXFSZ, SIG_IGN); /* a file that grows beyond ulimit -f: the write then tells */
    raise_stack_limit();
    start_again(argv);
}
