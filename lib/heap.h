/* lib/heap.h -- a priority queue: places with a score, the highest score first.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_HEAP_H
#define CAI_HEAP_H

#include <stddef.h>

typedef struct {
    float score; /* not NaN */
    int at;      /* the place; of equal scores the lower place comes first */
} HeapEntry;

typedef struct {
    HeapEntry *entry;
    size_t n, max_n;
} Heap;

void heap_push(Heap *h, float score, int at);
HeapEntry heap_pop(Heap *h); /* the first; n > 0 */

#endif
