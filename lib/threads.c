/* lib/threads.c -- workers: threads that live as long as the program and take job numbers from a
 * common counter.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "lib/threads.h"

#include <pthread.h>
#include <stdint.h>

// ------------------------------------------------------------------------------------
// Workers: threads that live as long as the program and take job numbers from a common counter

int n_workers = 1;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    int threads;                        /* started so far; the caller is a worker too, not counted */
    int allowed;                        /* of these, how many may join the current round */
    int n, next, running;               /* jobs, next to take, being run */
    void (*job)(void *context, int i);
    void *context;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .start = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static _Thread_local int inside_job;    /* a job that calls parallel runs its own jobs itself */

/* Takes and runs jobs until none is left. The lock is held on entry and on return. */
static void run_jobs(void) {
    while (pool.next < pool.n) {
        int i = pool.next++;
        pool.running++;
        pthread_mutex_unlock(&pool.lock);
        inside_job = 1;
        pool.job(pool.context, i);
        inside_job = 0;
        pthread_mutex_lock(&pool.lock);
        pool.running--;
    }
    if (pool.running == 0) pthread_cond_signal(&pool.done);
}

static void *worker(void *number) {
    int me = (int)(intptr_t)number;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        if (me < pool.allowed) run_jobs();
        pthread_cond_wait(&pool.start, &pool.lock);
    }
    return NULL;
}

void parallel(int n, void (*job)(void *context, int i), void *context) {
    if (n_workers <= 1 || n <= 1 || inside_job) {
        for (int i = 0; i < n; i++) job(context, i);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool.n = n, pool.next = 0, pool.job = job, pool.context = context;
    pool.allowed = n_workers - 1;
    while (pool.threads < pool.allowed) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)pool.threads) != 0) break;
        pthread_detach(thread);
        pool.threads++;
    }
    pthread_cond_broadcast(&pool.start);
    run_jobs();
    while (pool.running > 0) pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}
