/* web/wasi/platform.h -- what a browser lacks: signals, limits, locks, libraries. Nothing is
 * signalled, nothing is limited, no other process is there. Threads: web/wasi/pthread.h, or
 * web/wasi/threads/pthread.h for a page whose memory can be shared.
 *
 * The compiler reads this before every file when it builds for wasm32-wasi, so that the sources
 * are the same everywhere.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_PLATFORM_H
#define CAI_PLATFORM_H

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pthread.h>

/* Signals: none comes. The page stops a run by ending its worker; the last state is kept. */
struct sigaction {
    void (*sa_handler)(int);
    int sa_flags;
};
enum { SA_RESTART = 1 };
static inline int sigaction(int s, const struct sigaction *now, struct sigaction *before)
{
    (void)s, (void)now;
    if (before) before->sa_handler = SIG_DFL;
    return 0;
}

/* Limits: none. */
typedef unsigned long long rlim_t;
struct rlimit {
    rlim_t rlim_cur, rlim_max;
};
#define RLIM_INFINITY (~0ull)
enum { RLIMIT_STACK = 3 };
static inline int getrlimit(int what, struct rlimit *r)
{
    (void)what;
    return r->rlim_cur = r->rlim_max = RLIM_INFINITY, 0;
}
static inline int setrlimit(int what, const struct rlimit *r) { return (void)what, (void)r, 0; }

/* The size of a terminal: there is none. */
struct winsize {
    unsigned short ws_row, ws_col;
};
enum { TIOCGWINSZ = 0x5413 };

/* Locks: a folder in memory is this tab's alone. */
enum { LOCK_EX = 2, LOCK_NB = 4 };
static inline int flock(int fd, int how) { return (void)fd, (void)how, 0; }

/* The program's own file: not in the folders that it sees. */
static inline char *realpath(const char *path, char *to) { return (void)path, (void)to, NULL; }

/* Other processes, which would draw figures: none is started. */
#define WIFEXITED(status) ((void)(status), 0)
#define WEXITSTATUS(status) (status)
#define WTERMSIG(status) (status)
static inline pid_t fork(void) { return -1; }
static inline int execvp(const char *file, char *const argv[])
{
    return (void)file, (void)argv, -1;
}
static inline pid_t waitpid(pid_t child, int *status, int how)
{
    return (void)child, (void)status, (void)how, -1;
}
static inline char *mkdtemp(char *name) { return (void)name, NULL; }

/* Libraries loaded at run time: none. */
enum { RTLD_NOW = 2, RTLD_LOCAL = 0 };
static inline void *dlopen(const char *file, int how) { return (void)file, (void)how, NULL; }
static inline void *dlsym(void *file, const char *name) { return (void)file, (void)name, NULL; }

#endif
