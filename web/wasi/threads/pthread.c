/* web/wasi/threads/pthread.c -- locks and starts of threads, where the page's memory is shared.
 *
 * A thread is a worker of the browser with an instance of this program and the same memory. All of
 * them exist before the program starts, since a browser makes none while it runs; pthread_create
 * hands one of them a routine. SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// The end: one thread ends the program, the others leave it at their next wait

/* What web/threads.js gives: the number of threads; a worker that calls run(start) with its stack
 * below top, and over(status) when it cannot go on, or an error number. They are no exports, since
 * the linker makes every export begin with the constructors, as if it were the program's start. */
typedef struct Start Start;
__attribute__((import_module("cai"), import_name("threads"))) int threads_there(void);
__attribute__((import_module("cai"), import_name("start"))) int
start_worker(void (*run)(const Start *start), void (*over)(int status), const Start *start,
             void *top);

static int over;    /* 0, or 1 + the status with which the program ended */
static int changes; /* how often any condition changed: what all that wait for one wait at */

/* Waits while *word is value, but not for long: a lock whose owner is gone is never given back. */
static void wait_while(int *word, int value)
{
    const int64_t LONGEST = 50 * 1000 * 1000; /* nanoseconds */
    if (!__atomic_load_n(&over, __ATOMIC_SEQ_CST))
        __builtin_wasm_memory_atomic_wait32(word, value, LONGEST);
    int ended = __atomic_load_n(&over, __ATOMIC_SEQ_CST);
    if (ended) _Exit(ended - 1);
}

static void notify_changes(void)
{
    __atomic_add_fetch(&changes, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(&changes, UINT32_MAX);
}

/* The first status counts. */
static void thread_over(int status)
{
    int running = 0;
    __atomic_compare_exchange_n(&over, &running, 1 + status, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    notify_changes();
}

int pause(void)
{
    for (;;) wait_while(&changes, __atomic_load_n(&changes, __ATOMIC_SEQ_CST));
}

// ------------------------------------------------------------------------------------
// Locks and conditions

enum { OPEN, LOCKED, WANTED }; /* a lock's word; WANTED: somebody may wait for it */

int pthread_mutex_lock(pthread_mutex_t *m)
{
    int *word = m->__u.__i, open = OPEN;
    if (__atomic_compare_exchange_n(word, &open, LOCKED, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return 0;
    while (__atomic_exchange_n(word, WANTED, __ATOMIC_SEQ_CST) != OPEN) wait_while(word, WANTED);
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
    int *word = m->__u.__i;
    if (__atomic_exchange_n(word, OPEN, __ATOMIC_SEQ_CST) == WANTED)
        __builtin_wasm_memory_atomic_notify(word, 1);
    return 0;
}

/* May return early, as any system's may. */
int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    (void)c;
    int seen = __atomic_load_n(&changes, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(m);
    wait_while(&changes, seen);
    return pthread_mutex_lock(m);
}

int pthread_cond_broadcast(pthread_cond_t *c) { return (void)c, notify_changes(), 0; }

/* Called by the first thread alone. */
int pthread_once(pthread_once_t *once, void (*f)(void))
{
    if (!*once) *once = 1, f();
    return 0;
}

// ------------------------------------------------------------------------------------
// Threads: each has a stack and a copy of the thread-local variables

void __wasm_init_tls(void *place); /* the linker's: fills a thread's variables in, and uses them */

static void *place_for_variables(char *from)
{
    uintptr_t align = __builtin_wasm_tls_align();
    return align ? (void *)(((uintptr_t)from + align - 1) / align * align) : from;
}

static size_t size_of_variables(void)
{
    return __builtin_wasm_tls_size() + __builtin_wasm_tls_align();
}

/* The linker gives the first thread a stack, but no variables. Before main; kept to the end. */
__attribute__((constructor)) static void first_thread(void)
{
    char *block = malloc(size_of_variables());
    if (!block) _Exit(1);
    __wasm_init_tls(place_for_variables(block));
}

struct Start {
    void *(*f)(void *);
    void *x, *variables;
};

static void thread_run(const Start *start)
{
    __wasm_init_tls(start->variables);
    start->f(start->x);
}

int pthread_attr_init(pthread_attr_t *a) { return (void)a, 0; }

int pthread_attr_setstacksize(pthread_attr_t *a, size_t n) { return a->__u.__s[0] = n, 0; }

int pthread_attr_setdetachstate(pthread_attr_t *a, int d) { return (void)a, (void)d, 0; }

int pthread_attr_destroy(pthread_attr_t *a) { return (void)a, 0; }

/* One block: start, thread-local variables, stack. Nobody joins a thread, so the block stays. */
int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x)
{
    enum { STACK_ALIGN = 16 };
    size_t size = sizeof(Start) + size_of_variables() + a->__u.__s[0];
    char *block = malloc(size);
    if (!block) return EAGAIN;
    Start *start = (Start *)block;
    *start = (Start){ f, x, place_for_variables(block + sizeof *start) };
    char *top = block + size;
    int error = start_worker(thread_run, thread_over, start, top - (uintptr_t)top % STACK_ALIGN);
    if (error) free(block);
    *t = NULL;
    return error;
}

/* lib/threads.c asks for one number only. */
long sysconf(int name) { return name == _SC_NPROCESSORS_ONLN ? threads_there() : -1; }

// ------------------------------------------------------------------------------------
// The heap: wasi-libc's has no lock. The linker's --wrap sends every caller here.

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);

static pthread_mutex_t heap = PTHREAD_MUTEX_INITIALIZER;

void *__wrap_malloc(size_t n)
{
    pthread_mutex_lock(&heap);
    void *p = __real_malloc(n);
    pthread_mutex_unlock(&heap);
    return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
    pthread_mutex_lock(&heap);
    void *p = __real_calloc(n, size);
    pthread_mutex_unlock(&heap);
    return p;
}

void *__wrap_realloc(void *old, size_t n)
{
    pthread_mutex_lock(&heap);
    void *p = __real_realloc(old, n);
    pthread_mutex_unlock(&heap);
    return p;
}

void __wrap_free(void *p)
{
    pthread_mutex_lock(&heap);
    __real_free(p);
    pthread_mutex_unlock(&heap);
}
