/* lib/threads.h -- workers.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_THREADS_H
#define CAI_THREADS_H

/* job(context, i) for i = 0..n-1 on n_workers threads; returns when all are done. */
extern int n_workers;
void parallel(int n, void (*job)(void *context, int i), void *context);

#endif
