/* lib/gunzip.h -- files packed by gzip, read by the system's zlib where there is one.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_GUNZIP_H
#define CAI_GUNZIP_H

#include <stddef.h>

int is_packed(const char *data, size_t size); /* by gzip: its first bytes say so */
/* The bytes that were packed, with room for a NUL after them. NULL without zlib, at a broken file
 * or above max_bytes: *why says which. */
char *unpacked(const char *data, size_t *size, size_t max_bytes, const char **why);

#endif
