/* lib/threads.c -- workers: threads that live as long as the program and take jobs from open loops.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "lib/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// Loops whose jobs are open to every worker

/* Set before the first loop. How many workers there are changes no result, only the time. */
int n_workers = 1;

enum { STACK = 8 << 20 }; /* bytes of a worker's stack; some systems give 128 KB by default */

typedef struct Loop {
    int n, next, running; /* jobs, next to take, being run */
    void (*job)(void *context, int i);
    void *context;
    struct Loop *older;
} Loop;

/* The threads and the loops that are open to them. There is one pool: threads outlive the loop that
 * started them, and a loop within a job finds those that have nothing to do. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a loop was opened, or the last job of one was done */
    int threads, allowed;   /* started so far, the caller not counted; how many of these may work */
    int idle;               /* of those that may, and of callers that wait: without a job */
    Loop *newest;           /* open loops, the innermost first */
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static _Thread_local int inside_job; /* 1: this thread is running a job */

/* An open loop that has a job to take, or NULL. */
static Loop *open_loop(void)
{
    Loop *l = pool.newest;
    while (l && l->next == l->n) l = l->older;
    return l;
}

/* Takes the loop's next job and runs it. The lock is held on entry and on return. */
static void run_one(Loop *l)
{
    int i = l->next++, outside = !inside_job;
    l->running++;
    pthread_mutex_unlock(&pool.lock);
    inside_job = 1;
    l->job(l->context, i);
    if (outside) inside_job = 0;
    pthread_mutex_lock(&pool.lock);
    if (--l->running == 0 && l->next == l->n) pthread_cond_broadcast(&pool.changed);
}

static void *worker(void *number)
{
    int me = (int)(intptr_t)number;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        Loop *l = me < pool.allowed ? open_loop() : NULL;
        if (l) {
            pool.idle--;
            run_one(l);
            pool.idle++;
        } else pthread_cond_wait(&pool.changed, &pool.lock);
    }
    return NULL;
}

/* Starts the workers that are missing. If the system refuses one there are fewer, which costs
 * time only. */
static void start_workers(void)
{
    pthread_attr_t attributes;
    if (pool.threads >= n_workers - 1 || pthread_attr_init(&attributes)) return;
    pthread_attr_setstacksize(&attributes, STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (pool.threads < n_workers - 1) {
        pthread_t thread;
        void *number = (void *)(intptr_t)pool.threads;
        if (pthread_create(&thread, &attributes, worker, number)) break;
        pool.threads++;
    }
    pthread_attr_destroy(&attributes);
}

int helpers(void)
{
    if (n_workers <= 1) return 0;
    pthread_mutex_lock(&pool.lock);
    int n = pool.idle;
    pthread_mutex_unlock(&pool.lock);
    return n;
}

/* The caller is a worker of its own loop. When no job of it is left to take, the outermost
 * caller helps with loops that its jobs have opened; an inner one waits, since its own job waits
 * for it. */
void parallel(int n, void (*job)(void *context, int i), void *context)
{
    if (n_workers <= 1 || n <= 1 || (inside_job && helpers() == 0)) {
        for (int i = 0; i < n; i++) job(context, i);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    Loop own = { .n = n, .job = job, .context = context, .older = pool.newest };
    if (!inside_job) {
        start_workers();
        pool.allowed = n_workers - 1 < pool.threads ? n_workers - 1 : pool.threads;
        pool.idle = pool.allowed;
    }
    pool.newest = &own;
    pthread_cond_broadcast(&pool.changed);
    while (own.next < own.n) run_one(&own);
    if (!inside_job) pool.idle++;
    while (own.running > 0) {
        Loop *l = inside_job ? NULL : open_loop();
        if (l) pool.idle--, run_one(l), pool.idle++;
        else pthread_cond_wait(&pool.changed, &pool.lock);
    }
    Loop **at = &pool.newest;
    while (*at != &own) at = &(*at)->older;
    *at = own.older;
    pthread_mutex_unlock(&pool.lock);
}

// ------------------------------------------------------------------------------------
// How many cores there are for us

/* The first two numbers of a file, "max" being -1; how many were read. */
static int read_two(const char *path, long long x[2])
{
    char line[128] = "";
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (!fgets(line, sizeof line, f)) line[0] = 0;
    fclose(f);
    if (strncmp(line, "max", 3) == 0) return x[0] = -1, 1 + (sscanf(line, "max %lld", &x[1]) == 1);
    return sscanf(line, "%lld %lld", &x[0], &x[1]);
}

/* Cores that the control group in this folder grants, rounded up; 0: no limit. Version 2 has
 * quota and period (microseconds) in one file, version 1 in two. */
static int folder_cores(const char *folder)
{
    char path[1200];
    long long x[2] = { -1, -1 }, period[2] = { 0, 0 };
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_two(path, x) == 2) period[0] = x[1];
    else {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        if (read_two(path, x) < 1) return 0;
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        if (read_two(path, period) < 1) return 0;
    }
    if (x[0] <= 0 || period[0] <= 0) return 0;
    long long cores = (x[0] + period[0] - 1) / period[0];
    return cores < 1 << 20 ? (int)cores : 0;
}

/* The least of a group's limit and those of the groups it lies in; path: of the group below
 * root. */
static int path_cores(const char *root, const char *path)
{
    char folder[1100];
    int cores = 0;
    snprintf(folder, sizeof folder, "%s%s", root, path);
    for (;;) {
        int here = folder_cores(folder);
        if (here && (!cores || here < cores)) cores = here;
        char *cut = strrchr(folder, '/');
        if (!cut || (size_t)(cut - folder) < strlen(root)) return cores;
        *cut = 0;
    }
}

/* A line of self is "number:controllers:path"; version 2 has no controllers and is mounted at root,
 * version 1 has its groups for cpu at root/cpu or root/cpu,cpuacct (others hold no quota). */
int cgroup_cores(const char *self, const char *root)
{
    char line[1100], folder[1100];
    int cores = 0;
    FILE *f = fopen(self, "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        snprintf(folder, sizeof folder, "%.500s%s%.500s", root, list[1] ? "/" : "", list + 1);
        int here = path_cores(folder, path);
        if (here && (!cores || here < cores)) cores = here;
    }
    fclose(f);
    return cores;
}

int allowed_cores(void)
{
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
    int granted = cgroup_cores("/proc/self/cgroup", "/sys/fs/cgroup");
    if (granted && granted < cores) cores = granted;
#endif
    return cores < 1 ? 1 : cores;
}
