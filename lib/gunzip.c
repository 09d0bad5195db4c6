/* lib/gunzip.c -- files packed by gzip (RFC 1952), read by the system's zlib where there is one.
 *
 * It is looked for when such a file is read, so nothing is needed to build or to run without it.
 * SPDX-License-Identifier: MIT
 */
#include "lib/gunzip.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* zlib's z_stream, as its manual has it. */
typedef struct {
    const unsigned char *next_in;
    unsigned avail_in;
    unsigned long total_in;
    unsigned char *next_out;
    unsigned avail_out;
    unsigned long total_out;
    const char *msg;
    void *state, *zalloc, *zfree, *opaque;
    int data_type;
    unsigned long adler, reserved;
} Stream;

enum { GZIP = 15 + 16, NO_FLUSH = 0, OK = 0, STREAM_END = 1, BUF_ERROR = -5 };
typedef struct {
    int (*init)(Stream *, int, const char *, int), (*inflate)(Stream *, int), (*reset)(Stream *),
        (*end)(Stream *);
} Zlib;

/* 0: there is none. */
static int open_zlib(Zlib *z)
{
    static const char *const name[] = { "libz.so.1", "libz.so.6", "libz.so", "libz.dylib" };
    void *file = NULL;
    for (int i = 0; i < 4 && !file; i++) file = dlopen(name[i], RTLD_NOW | RTLD_LOCAL);
    if (!file) return 0;
    *(void **)&z->init = dlsym(file, "inflateInit2_");
    *(void **)&z->inflate = dlsym(file, "inflate");
    *(void **)&z->reset = dlsym(file, "inflateReset");
    *(void **)&z->end = dlsym(file, "inflateEnd");
    return z->init && z->inflate && z->reset && z->end;
}

int is_packed(const char *data, size_t size)
{
    return size > 2 && memcmp(data, "\x1f\x8b\x08", 3) == 0;
}

/* The memory for n + 1 bytes and more; NULL: there is none, and the old is free. */
static char *grown(char *out, size_t n, size_t *capacity)
{
    if (*capacity - n > 1) return out;
    char *more = realloc(out, *capacity *= 2);
    if (!more) free(out);
    return more;
}

/* A file may hold several packed parts, one after the other. */
char *unpacked(const char *data, size_t *size, size_t max_bytes, const char **why)
{
    enum { PIECE = 1 << 30 };
    Zlib z;
    Stream s = { .next_in = (const unsigned char *)data };
    size_t capacity = 1 << 15, n = 0, left = *size;
    *why = "there is no zlib to read it by; unpack it with gunzip";
    if (!open_zlib(&z) || z.init(&s, GZIP, "1", (int)sizeof s) != OK) return NULL;
    char *out = NULL;
    for (int status = OK; left || status != STREAM_END;) {
        if (!(out = grown(out, out ? n : capacity, &capacity))) *why = "it is too large for memory";
        if (!out) break;
        size_t in = left < PIECE ? left : PIECE, room = capacity - n - 1;
        s.avail_in = (unsigned)in, s.avail_out = (unsigned)(room < PIECE ? room : PIECE);
        s.next_out = (unsigned char *)out + n;
        if (status == STREAM_END) z.reset(&s);
        status = z.inflate(&s, NO_FLUSH);
        left -= in - s.avail_in;
        n = (size_t)((char *)s.next_out - out);
        *why = status == BUF_ERROR ? "its end is missing; fetch it anew" : "broken; fetch it anew";
        if (n > max_bytes) *why = "holds more than 1 GiB; check that it is the right file";
        if ((status == OK || status == STREAM_END) && n <= max_bytes) continue;
        free(out);
        out = NULL;
        break;
    }
    z.end(&s);
    *size = n;
    return out;
}
