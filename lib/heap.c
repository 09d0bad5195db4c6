/* lib/heap.c -- a priority queue in an array: entry i comes before entries 2i + 1 and 2i + 2.
 * SPDX-License-Identifier: MIT
 */
#include "lib/heap.h"
#include "lib/files.h"

static int comes_first(HeapEntry a, HeapEntry b)
{
    return a.score > b.score || (a.score == b.score && a.at < b.at);
}

/* The new entry starts at the end and rises past all that it comes before. */
void heap_push(Heap *h, float score, int at)
{
    if (h->n == h->max_n) {
        h->max_n = h->max_n ? 2 * h->max_n : 64;
        h->entry = xrealloc(h->entry, h->max_n, sizeof *h->entry);
    }
    HeapEntry new = { score, at };
    size_t i = h->n++;
    for (; i > 0 && comes_first(new, h->entry[(i - 1) / 2]); i = (i - 1) / 2)
        h->entry[i] = h->entry[(i - 1) / 2];
    h->entry[i] = new;
}

/* The last entry takes the first one's place and sinks past all that come before it. */
HeapEntry heap_pop(Heap *h)
{
    HeapEntry first = h->entry[0], last = h->entry[--h->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && comes_first(h->entry[child + 1], h->entry[child])) child++;
        if (!comes_first(h->entry[child], last)) break;
        h->entry[i] = h->entry[child];
    }
    h->entry[i] = last;
    return first;
}
