/* lib/threads.h -- workers.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_THREADS_H
#define CAI_THREADS_H

extern int n_workers; /* threads that share work, the caller among them */

/* job(context, i) for i = 0..n-1; returns when all are done. A job may call parallel itself:
 * workers that have nothing to do help it. Which thread runs which job is open. */
void parallel(int n, void (*job)(void *context, int i), void *context);
int helpers(void); /* how many other workers have nothing to do at this moment */

/* Processor cores that this process may use: by its affinity, and by the CPU time that its control
 * groups grant it (half a core counts as one). */
int allowed_cores(void);
/* The latter alone: self is what /proc/self/cgroup says, root where the control groups are mounted
 * (/sys/fs/cgroup). 0: no limit. */
int cgroup_cores(const char *self, const char *root);

#endif
