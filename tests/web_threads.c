/* tests/web_threads.c -- the threads of a browser's tab (web/wasi/threads/pthread.c), a case a
 * word: tests/web.mjs runs it in the page's own workers. SPDX-License-Identifier: MIT
 */
#include "lib/files.h"
#include "lib/threads.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS = 64, TIMES = 20000, BLOCKS = 200 };

typedef struct {
    const char *what;
    pthread_mutex_t lock;
    pthread_cond_t met;
    int count, first_is_here, helper_is_here;
    const char *first; /* of the first thread: where its variable lies */
} Shared;

static _Thread_local char mine = 'm';

/* More than one thread adds to a number, which the lock makes whole. */
static void count(Shared *s)
{
    for (int k = 0; k < TIMES; k++) {
        pthread_mutex_lock(&s->lock);
        s->count++;
        pthread_mutex_unlock(&s->lock);
    }
}

/* Blocks of the heap, each full of one number, are not another thread's too. */
static void fill(Shared *s, int i)
{
    char *block[BLOCKS];
    int wrong = 0;
    for (int k = 0; k < TIMES; k++) {
        int b = k % BLOCKS, size = 1 + (k * 37 + i) % 900;
        if (k >= BLOCKS) {
            for (int j = 0; j < 1 + ((k - BLOCKS) * 37 + i) % 900; j++) wrong += block[b][j] != i;
            free(block[b]);
        }
        block[b] = malloc((size_t)size);
        memset(block[b], i, (size_t)size);
    }
    for (int b = 0; b < BLOCKS; b++) free(block[b]);
    pthread_mutex_lock(&s->lock);
    s->count += wrong;
    pthread_mutex_unlock(&s->lock);
}

/* The first thread waits for a helper, which then does what ends a program. */
static void meet(Shared *s)
{
    int first = s->first == &mine;
    pthread_mutex_lock(&s->lock);
    *(first ? &s->first_is_here : &s->helper_is_here) = 1;
    pthread_cond_broadcast(&s->met);
    while (!s->first_is_here || !s->helper_is_here) pthread_cond_wait(&s->met, &s->lock);
    pthread_mutex_unlock(&s->lock);
    if (first && strcmp(s->what, "all-die")) return;
    if (strcmp(s->what, "trap") == 0) __builtin_trap();
    die(3, "the %s dies", strcmp(s->what, "all-die") ? "helper" : "thread");
}

static void job(void *context, int i)
{
    Shared *s = context;
    if (mine != 'm') s->count = -1000000; /* a thread's variables begin as they are written */
    if (strcmp(s->what, "count") == 0) count(s);
    else if (strcmp(s->what, "heap") == 0) fill(s, i);
    else meet(s);
}

int main(int n, char **word)
{
    static Shared s = { .lock = PTHREAD_MUTEX_INITIALIZER, .met = PTHREAD_COND_INITIALIZER };
    n_workers = allowed_cores();
    s.what = n > 1 ? word[1] : "count";
    s.first = &mine;
    parallel(JOBS, job, &s);
    printf("%s: %d\n", s.what, s.count);
    return 0;
}
