/* web/wasi/threads/pthread.h -- threads for a page whose memory can be shared: web/threads.js makes
 * the workers, web/wasi/threads/pthread.c the locks. SPDX-License-Identifier: MIT
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
int pthread_mutex_lock(pthread_mutex_t *m);
int pthread_mutex_unlock(pthread_mutex_t *m);
int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int pthread_cond_broadcast(pthread_cond_t *c);
int pthread_attr_init(pthread_attr_t *a);
int pthread_attr_setstacksize(pthread_attr_t *a, size_t n);
int pthread_attr_setdetachstate(pthread_attr_t *a, int d);
int pthread_attr_destroy(pthread_attr_t *a);
int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x);
int pthread_once(pthread_once_t *once, void (*f)(void));
int pause(void); /* until another thread ends the program */

#endif
