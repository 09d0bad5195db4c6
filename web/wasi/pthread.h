/* web/wasi/pthread.h -- threads for a page that has one: a start is refused, so lib/threads.c goes
 * on with the caller alone. SPDX-License-Identifier: MIT
 */
#ifndef CAI_PTHREAD_H
#define CAI_PTHREAD_H

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

#define PTHREAD_MUTEX_INITIALIZER                                                                  \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define PTHREAD_COND_INITIALIZER                                                                   \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define PTHREAD_ONCE_INIT 0
enum { PTHREAD_CREATE_DETACHED = 1 };
static inline int pthread_mutex_lock(pthread_mutex_t *m) { return (void)m, 0; }
static inline int pthread_mutex_unlock(pthread_mutex_t *m) { return (void)m, 0; }
static inline int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    return (void)c, (void)m, 0;
}
static inline int pthread_cond_broadcast(pthread_cond_t *c) { return (void)c, 0; }
static inline int pthread_attr_init(pthread_attr_t *a) { return (void)a, 0; }
static inline int pthread_attr_setstacksize(pthread_attr_t *a, size_t n)
{
    return (void)a, (void)n, 0;
}
static inline int pthread_attr_setdetachstate(pthread_attr_t *a, int d)
{
    return (void)a, (void)d, 0;
}
static inline int pthread_attr_destroy(pthread_attr_t *a) { return (void)a, 0; }
static inline int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x)
{
    return (void)t, (void)a, (void)f, (void)x, EAGAIN;
}
static inline int pthread_once(pthread_once_t *once, void (*f)(void))
{
    if (!*once) *once = 1, f();
    return 0;
}
static inline int pause(void) { return 0; } /* nobody else is there to end the program */

#endif
