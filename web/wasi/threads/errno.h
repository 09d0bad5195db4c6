/* web/wasi/threads/errno.h -- wasi-libc is compiled for one thread: its errno is a plain variable,
 * the same for all. No job of parallel reads it. SPDX-License-Identifier: MIT
 */
#define _Thread_local
#include_next <errno.h>
#undef _Thread_local
