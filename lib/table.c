/* lib/table.c -- a list of strings that are found by their spelling, and counted: a hash table.
 * SPDX-License-Identifier: MIT
 */
#include "lib/table.h"
#include "lib/files.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_bytes(uint32_t h, const char *s, int n) /* FNV-1a, going on from h */
{
    for (int i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

/* Where the string's index stands, or the empty slot where it belongs. Slots are probed one after
 * the other; at least half of them are empty. Their number is a power of two. */
static int *find_slot(const StringTable *t, const char *a, int n_a, const char *b, int n_b)
{
    uint32_t h = hash_bytes(hash_bytes(2166136261u, a, n_a), b, n_b);
    for (uint32_t i = h ^ h >> 15;; i++) {
        int *slot = &t->slot[i & (2 * (uint32_t)t->max_n - 1)];
        if (*slot < 0) return slot;
        const char *text = t->text[*slot];
        if (t->length[*slot] == n_a + n_b && memcmp(text, a, (size_t)n_a) == 0
            && memcmp(text + n_a, b, (size_t)n_b) == 0)
            return slot;
    }
}

int table_find(const StringTable *t, const char *a, int n_a, const char *b, int n_b)
{
    return t->n ? *find_slot(t, a, n_a, b, n_b) : -1;
}

static void enter(StringTable *t, int i)
{
    int *slot = find_slot(t, t->text[i], t->length[i], "", 0);
    if (*slot < 0) *slot = i;
}

int table_add(StringTable *t, const char *text, int length)
{
    if (t->n == t->max_n) {
        t->max_n = t->max_n ? 2 * t->max_n : 512;
        t->text = xrealloc(t->text, (size_t)t->max_n, sizeof *t->text);
        t->length = xrealloc(t->length, (size_t)t->max_n, sizeof *t->length);
        t->count = xrealloc(t->count, (size_t)t->max_n, sizeof *t->count);
        t->slot = xrealloc(t->slot, 2 * (size_t)t->max_n, sizeof *t->slot);
        for (int i = 0; i < 2 * t->max_n; i++) t->slot[i] = -1;
        for (int i = 0; i < t->n; i++) enter(t, i);
    }
    t->text[t->n] = (char *)text;
    t->length[t->n] = length;
    t->count[t->n] = 0;
    enter(t, t->n);
    return t->n++;
}

void table_count(StringTable *t, const char *text, int length, long by)
{
    int i = table_find(t, text, length, "", 0);
    if (i < 0) i = table_add(t, text, length);
    t->count[i] += by;
}

/* In byte order; of two strings that begin alike the shorter one is first. */
static int compare(const StringTable *t, int i, int k)
{
    int a = t->length[i], b = t->length[k];
    int order = memcmp(t->text[i], t->text[k], (size_t)(a < b ? a : b));
    return order ? order : a - b;
}

/* Of equally frequent strings the first in byte order, so that the result does not depend on the
 * order in which they came. */
int table_most_frequent(const StringTable *t, long min)
{
    int best = -1;
    for (int i = 0; i < t->n; i++) {
        long more = t->count[i] - (best < 0 ? min : t->count[best]);
        if (more > 0 || (more == 0 && (best < 0 || compare(t, i, best) < 0))) best = i;
    }
    return best;
}

void table_free(StringTable *t)
{
    free(t->text);
    free(t->length);
    free(t->count);
    free(t->slot);
    *t = (StringTable){ 0 };
}
