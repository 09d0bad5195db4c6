/* lib/files.h -- errors, memory, files written whole or not at all.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_FILES_H
#define CAI_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    EXIT_FINE = 0,
    EXIT_CHECK = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3,
    EXIT_NUMERICS = 4,
    EXIT_STOPPED = 130 /* by Ctrl-C or a request to end */
};

/* Prints "cai: <message>" as one line on standard error and exits. Every message says what is
 * wrong and what to do, "FILE:LINE: what; what to do" where a file is concerned. */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *xcalloc(size_t n, size_t size);           /* zeroed; dies when out of memory */
void *xrealloc(void *p, size_t n, size_t size); /* n*size checked for overflow */
char *xstrdup(const char *s);

/* What cannot be asked for is there: reading it tells why it cannot be had. */
int is_there(const char *path);

/* Whole file, NUL added; dies above 1 GiB. "-" is standard input; what gzip packed is unpacked. */
char *read_file(const char *path, size_t *size);
int is_standard_input(const char *path);
char *read_text(const char *path); /* the same; dies at a line that is not UTF-8 */
/* The bytes of a file as a text, in place. */
char *text_of(char *data, size_t size, const char *path);

/* A file is written under a temporary name and takes its real one in commit_file, so that a crash
 * or a full disk never leaves half a file: FILE *f = create_file(p); ...; commit_file(f, p). */
FILE *create_file(const char *path);
void commit_file(FILE *f, const char *path); /* flush, check, fsync, rename; dies on failure */
/* A device or a pipe, such as /dev/null: those two write straight into it, since a rename would
 * put a file in its place. */
int is_device(const char *path);
int committed_files(char ***path); /* given to commit_file since the last call; free them */

uint64_t checksum(const void *data, size_t size, uint64_t seed); /* FNV-1a, 64 bits */

#endif
