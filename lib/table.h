/* lib/table.h -- a list of strings that are found by their spelling, and counted.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_TABLE_H
#define CAI_TABLE_H

typedef struct {
    int n, max_n;
    char **text; /* (n) as given, not copied; any bytes */
    int *length; /* (n) bytes */
    long *count; /* (n) what table_count added up */
    int *slot;   /* (2 max_n) index of a string, or -1 */
} StringTable;

/* Index of the string spelled a then b, or -1. In two parts, since merging asks about neighbours;
 * n_b may be 0. Of equal strings the first is found. */
int table_find(const StringTable *t, const char *a, int n_a, const char *b, int n_b);
int table_add(StringTable *t, const char *text,
              int length); /* at the end, even if there; its index */
void table_count(StringTable *t, const char *text, int length,
                 long by); /* adds it if it is not there */
int table_most_frequent(const StringTable *t,
                        long min); /* index, or -1 if none has a count of min */
void table_free(StringTable *t);   /* not the texts */

#endif
