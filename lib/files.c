/* lib/files.c -- errors, memory, files written whole or not at all.
 *
 * Everything that can go wrong outside the mathematics goes wrong here: a missing file, a full
 * disk. Each ends the program with one line that says what, where, and what to do, so no caller
 * checks a return value.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* fileno, fsync */
#include "lib/files.h"
#include "lib/gunzip.h"
#include "lib/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// errors and memory

/* Whether this thread is the first that has something to tell. Workers fail together: of a batch
 * that does not fit the memory, each of its pieces. */
static int is_first_to_tell(void)
{
    static _Thread_local char me;
    static char *_Atomic teller;
    char *nobody = NULL;
    return atomic_compare_exchange_strong(&teller, &nobody, &me) || nobody == &me;
}

/* A message may quote a file, so it is made printable. Of a long one the middle is cut, never the
 * end, which says what to do. One thread ends the program, by _exit: exit would take a library's
 * memory from under threads that are at work in it. */
void die(int status, const char *format, ...)
{
    enum { HALF = 2000 };
    char line[HALF + 3 + HALF + 1];
    va_list arguments, again;
    while (!is_first_to_tell()) pause();
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(line, sizeof line, format, arguments);
    char *whole = n < (int)sizeof line ? NULL : calloc((size_t)n + 1, 1);
    if (whole) {
        vsnprintf(whole, (size_t)n + 1, format, again);
        memcpy(line + HALF, "...", 3);
        memcpy(line + HALF + 3, whole + n - HALF, HALF + 1);
        free(whole);
    }
    va_end(arguments);
    va_end(again);
    make_printable(line, 0);
    fflush(stdout);
    fprintf(stderr, "cai: %s\n", line);
    _exit(status);
}

/* n * size, at least 1: a size of zero is a size like any other, and gives a pointer. */
static size_t bytes_of(size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        die(EXIT_INPUT, "%zu x %zu bytes overflow; the input is too large", n, size);
    return n && size ? n * size : 1;
}

static void *got_memory(void *p, size_t bytes)
{
    if (!p) die(EXIT_INPUT, "out of memory for %zu bytes; use a smaller model or batch", bytes);
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    return got_memory(calloc(bytes_of(n, size), 1), bytes_of(n, size));
}

void *xrealloc(void *p, size_t n, size_t size)
{
    return got_memory(realloc(p, bytes_of(n, size)), bytes_of(n, size));
}

char *xstrdup(const char *s)
{
    size_t size = strlen(s) + 1;
    return memcpy(xcalloc(size, 1), s, size);
}

// ------------------------------------------------------------------------------------
// whole files

int is_there(const char *path)
{
    return access(path, F_OK) == 0
           || (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG);
}

static const size_t MAX_BYTES = (size_t)1 << 30; /* a wrong path may be a device without an end */

/* Grown, not sized by fseek: so a pipe can be read too. */
static char *read_stream(FILE *f, const char *path, size_t *size)
{
    size_t n = 0, capacity = 1 << 16;
    char *data = xrealloc(NULL, capacity, 1);
    for (size_t got; (got = fread(data + n, 1, capacity - n - 1, f)) > 0;) {
        n += got;
        if (n > MAX_BYTES)
            die(EXIT_INPUT, "%s: is larger than 1 GiB; check that it is the right file", path);
        if (capacity - n == 1) data = xrealloc(data, capacity *= 2, 1);
    }
    if (ferror(f))
        die(EXIT_INPUT, "%s: cannot be read (%s); check that it is a file", path, strerror(errno));
    data[n] = 0;
    *size = n;
    if (!is_packed(data, n)) return data;
    const char *why;
    char *text = unpacked(data, size, MAX_BYTES, &why);
    if (!text) die(EXIT_INPUT, "%s: is packed by gzip, and %s", path, why);
    text[*size] = 0;
    free(data);
    return text;
}

/* Standard input by its descriptor, which may be a socket, that no path opens. It comes once, and
 * who looks at a file twice gets it twice. */
static char *read_standard_input(size_t *size)
{
    static struct {
        char *data;
        size_t size;
    } input;
    if (!input.data) input.data = read_stream(stdin, "standard input", &input.size);
    *size = input.size;
    return memcpy(xcalloc(input.size + 1, 1), input.data, input.size + 1);
}

int is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
}

char *read_file(const char *path, size_t *size)
{
    size_t n;
    char *data;
    if (is_standard_input(path)) {
        data = read_standard_input(&n);
    } else {
        FILE *f = fopen(path, "rb");
        if (!f) die(EXIT_INPUT, "%s: %s; check the path", path, strerror(errno));
        data = read_stream(f, path, &n);
        fclose(f);
    }
    if (size) *size = n;
    return data;
}

/* A text that a person wrote: its first line that is not UTF-8 text ends the program. Windows's
 * line ends become ours, and so goes its mark at the start. */
char *text_of(char *text, size_t size, const char *path)
{
    size_t n = 0, line_start = 0;
    int line = 1;
    for (size_t i = 0, bytes; i < size; i += bytes) {
        bytes = (size_t)utf8_length(text + i);
        if (bytes == 0 || text[i] == 0)
            die(EXIT_INPUT, "%s:%d: byte %zu is %s; correct the line", path, line,
                i - line_start + 1, bytes ? "a NUL, which no text holds" : "not UTF-8 text");
        if (text[i] == '\n') line++, line_start = i + 1;
    }
    for (size_t i = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; i < size; i++)
        if (text[i] != '\r' || text[i + 1] != '\n') text[n++] = text[i];
    text[n] = 0;
    return text;
}

char *read_text(const char *path)
{
    size_t size;
    char *data = read_file(path, &size);
    return text_of(data, size, path);
}

int is_device(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

/* Same folder as the file: rename is atomic only within one file system. */
static char *temporary_name(const char *path)
{
    size_t n = strlen(path);
    char *name = xcalloc(n + sizeof ".tmp", 1);
    memcpy(name, path, n);
    if (!is_device(path)) memcpy(name + n, ".tmp", sizeof ".tmp");
    return name;
}

FILE *create_file(const char *path)
{
    char *name = temporary_name(path);
    FILE *f = fopen(name, "wb");
    if (!f)
        die(EXIT_INPUT,
            "%s: cannot be created (%s); check that its folder exists and can be written", path,
            strerror(errno));
    free(name);
    return f;
}

/* Noted here and not by the caller: a stage is recorded with every file that was written in it,
 * whichever room wrote it. */
static struct {
    char **path;
    int n;
} committed;

int committed_files(char ***path)
{
    int n = committed.n;
    *path = committed.path;
    committed.path = NULL, committed.n = 0;
    return n;
}

/* Once each: a state may be written hundreds of times. */
static void note_committed(const char *path)
{
    for (int i = 0; i < committed.n; i++)
        if (strcmp(committed.path[i], path) == 0) return;
    committed.path = xrealloc(committed.path, (size_t)committed.n + 1, sizeof *committed.path);
    committed.path[committed.n++] = xstrdup(path);
}

void commit_file(FILE *f, const char *path)
{
    char *name = temporary_name(path);
    errno = 0;
    int device = strcmp(name, path) == 0;
    int bad = fflush(f) != 0 || ferror(f) || (!device && fsync(fileno(f)) != 0);
    int why = errno;
    if (fclose(f) != 0 && !bad) bad = 1, why = errno;
    if (!bad && !device && rename(name, path) != 0) bad = 1, why = errno;
    if (bad) {
        if (!device) remove(name);
        die(EXIT_INPUT,
            "%s: not written (%s), an older one is left as it was; free some space or choose "
            "another place",
            path, why ? strerror(why) : "a write failed");
    }
    if (!device) note_committed(path);
    free(name);
}

/* FNV-1a with the published basis and prime. Against a bad disk or a cut download, not against an
 * adversary. seed: the checksum of what comes before, to go over several blocks; 0 to begin. (A
 * checksum that is 0 by chance begins anew, for who writes and who reads alike: no harm.) */
uint64_t checksum(const void *data, size_t size, uint64_t seed)
{
    const unsigned char *byte = data;
    uint64_t h = seed ? seed : 14695981039346656037u;
    for (size_t i = 0; i < size; i++) h = (h ^ byte[i]) * 1099511628211u;
    return h;
}
