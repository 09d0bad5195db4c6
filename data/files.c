/* data/files.c -- errors, memory, files written whole or not at all, JSON lines.
 *
 * Everything that can go wrong outside the mathematics goes wrong here: a missing file, a full
 * disk, a broken line. Each ends the program with one line that says what and where and what to
 * do, so no caller checks a return value. That is right for a program, wrong for a library.
 *
 * Not done: no streaming (a file is read whole: the largest here is some tens of MB), no nested
 * JSON (skipped), no JSON writer beyond strings (fprintf writes the rest).
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L     /* fileno, fsync */
#include "../cai.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------
// errors and memory

void die(int status, const char *format, ...) {
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    /* A message may quote a file; a newline or an escape from there must not reach the terminal. */
    for (char *c = line; *c; c++) if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    fflush(stdout);
    fprintf(stderr, "cai: %s\n", line);
    exit(status);
}

/* n * size, at least 1: a size of zero is a size like any other, and gives a pointer. */
static size_t bytes_of(size_t n, size_t size) {
    if (size && n > SIZE_MAX / size) die(EXIT_INPUT, "%zu x %zu bytes overflow; the input is too large", n, size);
    return n && size ? n * size : 1;
}

static void *got_memory(void *p, size_t bytes) {
    if (!p) die(EXIT_INPUT, "out of memory for %zu bytes; use a smaller model or batch", bytes);
    return p;
}

void *xcalloc(size_t n, size_t size) { return got_memory(calloc(bytes_of(n, size), 1), bytes_of(n, size)); }

void *xrealloc(void *p, size_t n, size_t size) {
    return got_memory(realloc(p, bytes_of(n, size)), bytes_of(n, size));
}

char *xstrdup(const char *s) {
    size_t size = strlen(s) + 1;
    return memcpy(xcalloc(size, 1), s, size);
}

/* A half-trained model writes any bytes, also those that recolour or retitle a terminal. */
const char *shown(const char *text) {
    static char *copy[8];
    static int turn;
    turn = (turn + 1) % 8;
    free(copy[turn]);
    copy[turn] = xstrdup(text);
    for (char *c = copy[turn]; *c; c++) if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 127) *c = '?';
    return copy[turn];
}

// ------------------------------------------------------------------------------------
// whole files

static int utf8_length(const char *s);

char *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) die(EXIT_INPUT, "%s: %s; check the path", path, strerror(errno));
    const size_t most_bytes = (size_t)1 << 30;      /* a wrong path may be a device without an end */
    size_t n = 0, room = 1 << 16;
    char *data = xrealloc(NULL, room, 1);
    /* Grown, not sized by fseek: so a pipe can be read too. */
    for (size_t got; (got = fread(data + n, 1, room - n - 1, f)) > 0; ) {
        n += got;
        if (n > most_bytes) die(EXIT_INPUT, "%s: is larger than 1 GiB; check that it is the right file", path);
        if (room - n == 1) data = xrealloc(data, room *= 2, 1);
    }
    if (ferror(f)) die(EXIT_INPUT, "%s: cannot be read (%s); check that it is a file", path, strerror(errno));
    fclose(f);
    data[n] = 0;
    if (size) *size = n;
    return data;
}

/* A text that a person wrote: its first line that is not UTF-8 text ends the program. Windows's line ends become
 * ours, and so goes its mark at the start. */
char *read_text(const char *path) {
    size_t size, n = 0, line_start = 0;
    char *text = read_file(path, &size);
    int line = 1;
    for (size_t i = 0, bytes; i < size; i += bytes) {
        bytes = (size_t)utf8_length(text + i);
        if (bytes == 0 || text[i] == 0)
            die(EXIT_INPUT, "%s:%d: byte %zu is not UTF-8 text; correct the line", path, line, i - line_start + 1);
        if (text[i] == '\n') line++, line_start = i + 1;
    }
    for (size_t i = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; i < size; i++)
        if (text[i] != '\r' || text[i + 1] != '\n') text[n++] = text[i];
    text[n] = 0;
    return text;
}

/* Same folder as the file: rename is atomic only within one file system. */
static char *temporary_name(const char *path) {
    size_t n = strlen(path);
    char *name = xcalloc(n + sizeof ".tmp", 1);
    memcpy(name, path, n);
    memcpy(name + n, ".tmp", sizeof ".tmp");
    return name;
}

FILE *create_file(const char *path) {
    char *name = temporary_name(path);
    FILE *f = fopen(name, "wb");
    if (!f) die(EXIT_INPUT, "%s: cannot be created (%s); check that its folder exists and can be written",
                path, strerror(errno));
    free(name);
    return f;
}

static struct { char **path; int n; } committed;

int committed_files(char ***path) {
    int n = committed.n;
    *path = committed.path;
    committed.path = NULL, committed.n = 0;
    return n;
}

static void note_committed(const char *path) {      /* once each: a state may be written hundreds of times */
    for (int i = 0; i < committed.n; i++) if (strcmp(committed.path[i], path) == 0) return;
    committed.path = xrealloc(committed.path, (size_t)committed.n + 1, sizeof *committed.path);
    committed.path[committed.n++] = xstrdup(path);
}

void commit_file(FILE *f, const char *path) {
    char *name = temporary_name(path);
    errno = 0;
    int bad = fflush(f) != 0 || ferror(f) || fsync(fileno(f)) != 0;
    int why = errno;
    if (fclose(f) != 0 && !bad) { bad = 1; why = errno; }
    if (!bad && rename(name, path) != 0) { bad = 1; why = errno; }
    if (bad) {
        remove(name);
        die(EXIT_INPUT, "%s: not written (%s), an older one is left as it was; free some space or choose another place",
            path, why ? strerror(why) : "a write failed");
    }
    note_committed(path);
    free(name);
}

/* FNV-1a. Against a bad disk or a cut download, not against an adversary. seed: the checksum of
 * what comes before, to go over several blocks; 0 to begin. */
uint64_t checksum(const void *data, size_t size, uint64_t seed) {
    const unsigned char *byte = data;
    uint64_t h = seed ? seed : 14695981039346656037u;
    for (size_t i = 0; i < size; i++) h = (h ^ byte[i]) * 1099511628211u;
    return h;
}

// ------------------------------------------------------------------------------------
// UTF-8

/* Bytes of the well-formed character at s, 0 if there is none (Unicode's table 3-7: no overlong
 * forms, no surrogates, nothing above U+10FFFF). Stops at a NUL by itself. */
static int utf8_length(const char *s) {
    const unsigned char *c = (const unsigned char *)s;
    if (c[0] < 0x80) return 1;
    int n = c[0] < 0xC2 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : c[0] < 0xF5 ? 4 : 0;
    for (int i = 1; i < n; i++) if ((c[i] & 0xC0) != 0x80) return 0;
    if ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F)) return 0;
    if ((c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F)) return 0;
    return n;
}

long utf8_bad(const char *s) {
    for (const char *c = s; *c; c += utf8_length(c)) if (utf8_length(c) == 0) return (long)(c - s) + 1;
    return 0;
}

static char *utf8_put(char *to, unsigned code) {
    if (code < 0x80) { *to++ = (char)code; return to; }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *to++ = (char)((0xF0 << (3 - more)) | (code >> 6 * more));     /* 110, 1110 or 11110, top bits */
    while (more-- > 0) *to++ = (char)(0x80 | ((code >> 6 * more) & 0x3F));
    return to;
}

// ------------------------------------------------------------------------------------
// JSON lines: reading

typedef struct { const char *key, *text; double number; } Field;    /* text NULL: a number */

struct JsonLines {
    char *path, *data;
    char *next;             /* start of the next line */
    char *end;              /* of data */
    char *at;               /* where the parser stands in the present line */
    int line;               /* its number, from 1 */
    int depth;              /* json_walk: brackets that are open */
    int n, room;
    Field *field;           /* (n) of the present record; strings lie in data, unescaped in place */
};

static _Noreturn void broken(const JsonLines *j, const char *what) {
    die(EXIT_INPUT, "%s:%d: %s; correct or remove the line", j->path, j->line, what);
}

JsonLines *json_open(const char *path) {
    JsonLines *j = xcalloc(1, sizeof *j);
    size_t size;
    j->path = xstrdup(path);
    j->data = read_file(path, &size);
    j->end = j->data + size;
    j->next = j->data + (size >= 3 && memcmp(j->data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);  /* Windows's mark */
    return j;
}

void json_close(JsonLines *j) {
    if (!j) return;
    free(j->path); free(j->data); free(j->field); free(j);
}

static void skip_space(JsonLines *j) { j->at += strspn(j->at, " \t\r"); }

static unsigned parse_hex4(JsonLines *j) {
    unsigned code = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *d = *j->at ? strchr(digits, *j->at) : NULL;
        if (!d) broken(j, "\\u without four hexadecimal digits");
        code = code * 16 + (unsigned)(d - digits) % 16;
    }
    return code;
}

/* After "\u". A pair of surrogates is one character. A lone \uDC80..\uDCFF stands for the byte
 * 80..FF that was not UTF-8 (see json_put_str); any other half of a pair is an error. */
static char *parse_unicode(JsonLines *j, char *to) {
    unsigned code = parse_hex4(j);
    if (code == 0) broken(j, "text holds \\u0000, which no text here may");
    if (code >= 0xDC80 && code <= 0xDCFF) { *to++ = (char)(code & 0xFF); return to; }
    if (code >= 0xD800 && code <= 0xDFFF) {
        if (code >= 0xDC00 || j->at[0] != '\\' || j->at[1] != 'u') broken(j, "half of a surrogate pair");
        j->at += 2;
        unsigned low = parse_hex4(j);
        if (low < 0xDC00 || low > 0xDFFF) broken(j, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return utf8_put(to, code);
}

/* No escape is shorter than what it stands for, so the text is unescaped where it lies. */
static char *parse_string(JsonLines *j) {
    if (*j->at != '"') broken(j, "expected \"");
    char *start = ++j->at, *to = start;
    while (*j->at != '"') {
        if ((unsigned char)*j->at < ' ')
            broken(j, *j->at ? "control character in a string (write \\n, \\t, \\u00..)" : "string without an end");
        if (*j->at != '\\') { *to++ = *j->at++; continue; }
        const char *from = "\"\\/bfnrt", *into = "\"\\/\b\f\n\r\t", *found;
        char c = j->at[1];
        if (c == 'u') { j->at += 2; to = parse_unicode(j, to); continue; }
        if (!c || !(found = strchr(from, c))) broken(j, "unknown escape after \\");
        *to++ = into[found - from];
        j->at += 2;
    }
    j->at++;
    *to = 0;
    return start;
}

static double parse_number(JsonLines *j) {
    size_t n = strspn(j->at, "+-.0123456789eE");    /* strtod alone would take inf, nan, 0x10 */
    char *end;
    double x = strtod(j->at, &end);
    if (n == 0 || end != j->at + n || *j->at == '+' || *j->at == '.') broken(j, "expected a value");
    if (x - x != 0) broken(j, "number out of range");
    j->at = end;
    return x;
}

/* Brackets are counted, not matched: enough to find the end of a value that nobody reads. */
static void skip_nested(JsonLines *j) {
    int depth = 0;
    do {
        if (!*j->at) broken(j, "bracket without its end");
        if (*j->at == '"') { parse_string(j); continue; }
        depth += (*j->at == '[' || *j->at == '{') - (*j->at == ']' || *j->at == '}');
        j->at++;
    } while (depth > 0);
}

static int parse_word(JsonLines *j, const char *word) {
    size_t n = strlen(word);
    if (strncmp(j->at, word, n) != 0) return 0;
    j->at += n;
    return 1;
}

static void parse_field(JsonLines *j) {
    skip_space(j);
    Field f = { parse_string(j), NULL, 0 };
    skip_space(j);
    if (*j->at++ != ':') broken(j, "expected : after a field's name");
    skip_space(j);
    if (*j->at == '"') f.text = parse_string(j);
    else if (*j->at == '[' || *j->at == '{') { skip_nested(j); return; }
    else if (parse_word(j, "null")) return;         /* as if it were not there */
    else if (parse_word(j, "true")) f.number = 1;
    else if (!parse_word(j, "false")) f.number = parse_number(j);
    if (j->n == j->room) j->field = xrealloc(j->field, (size_t)(j->room = 2 * j->room + 8), sizeof f);
    j->field[j->n++] = f;
}

static void check_bytes(const JsonLines *j, const char *end) {
    for (const char *c = j->at; c < end; ) {
        int n = utf8_length(c);
        if (n == 0) broken(j, "not UTF-8 text");
        if (*c == 0) broken(j, "NUL byte (UTF-16, or a file cut by a crash?)");
        c += n;
    }
}

int json_next(JsonLines *j) {
    do {
        if (j->next >= j->end) return 0;
        j->at = j->next;
        j->line++;
        char *end = memchr(j->at, '\n', (size_t)(j->end - j->at));
        if (!end) end = j->end;
        *end = 0;
        j->next = end + 1;
        check_bytes(j, end);
        skip_space(j);
    } while (!*j->at);                              /* an empty line is no record */
    j->n = 0;
    if (*j->at++ != '{') broken(j, "expected { at the start of the line");
    skip_space(j);
    if (*j->at == '}') j->at++;
    else for (char c = ','; c == ','; ) {
        parse_field(j);
        skip_space(j);
        c = *j->at ? *j->at++ : 0;
        if (c != ',' && c != '}') broken(j, c ? "expected , or } after a value" : "the line ends too early");
    }
    skip_space(j);
    if (*j->at) broken(j, "something follows the closing }");
    return 1;
}

/* Brackets are counted, not matched. A string is a field's name if a colon follows it. */
const char *json_walk(JsonLines *j, int *depth, int *is_name) {
    if (!j->at) j->at = j->next, j->line = 1;
    for (; *j->at; j->at++) {
        if (*j->at == '"') {
            const char *s = parse_string(j);
            if (utf8_bad(s)) broken(j, "not UTF-8 text");
            *depth = j->depth;
            *is_name = j->at[strspn(j->at, " \t\r\n")] == ':';
            return s;
        }
        if (!strchr(" \t\r\n{}[],:+-.0123456789eEtrufalsn", *j->at)) broken(j, "this is not JSON");
        j->line += *j->at == '\n';
        j->depth += (*j->at == '[' || *j->at == '{') - (*j->at == ']' || *j->at == '}');
        if (j->depth < 0) broken(j, "a bracket is closed that was not opened");
    }
    if (j->at != j->end) broken(j, "NUL byte (UTF-16, or a file cut by a crash?)");
    if (j->depth > 0) broken(j, "bracket without its end");
    return NULL;
}

// ------------------------------------------------------------------------------------
// JSON lines: fields, and writing

static const Field *find_field(const JsonLines *j, const char *key) {
    for (int i = j->n - 1; i >= 0; i--)             /* of a name given twice the last counts */
        if (strcmp(j->field[i].key, key) == 0) return &j->field[i];
    return NULL;
}

static const Field *need_field(const JsonLines *j, const char *key) {
    const Field *f = find_field(j, key);
    if (!f) die(EXIT_INPUT, "%s:%d: no field \"%s\"; add it to the line", j->path, j->line, key);
    return f;
}

const char *json_str(JsonLines *j, const char *key) {
    const Field *f = need_field(j, key);
    if (!f->text) die(EXIT_INPUT, "%s:%d: field \"%s\" is not text; put it in quotes", j->path, j->line, key);
    return f->text;
}

double json_num(JsonLines *j, const char *key) {
    const Field *f = need_field(j, key);
    if (f->text) die(EXIT_INPUT, "%s:%d: field \"%s\" is not a number; take off its quotes", j->path, j->line, key);
    return f->number;
}

const char *json_str_or(JsonLines *j, const char *key, const char *otherwise) {
    return find_field(j, key) ? json_str(j, key) : otherwise;
}

double json_num_or(JsonLines *j, const char *key, double otherwise) {
    return find_field(j, key) ? json_num(j, key) : otherwise;
}

int json_line(const JsonLines *j) { return j->line; }

/* Always valid JSON in valid UTF-8, whatever a half-trained model wrote: a byte NN that is not
 * UTF-8 becomes the lone surrogate \udcNN, which json_next turns back into the byte. (Python's
 * errors="surrogateescape" is the same convention.) */
void json_put_str(FILE *f, const char *text) {
    putc('"', f);
    for (const char *c = text; *c; ) {
        int n = utf8_length(c);
        unsigned byte = (unsigned char)*c;
        if (n == 0) fprintf(f, "\\udc%02x", byte);
        else if (byte == '"' || byte == '\\') fprintf(f, "\\%c", byte);
        else if (byte == '\n') fputs("\\n", f);
        else if (byte == '\t') fputs("\\t", f);
        else if (byte < ' ') fprintf(f, "\\u%04x", byte);
        else fwrite(c, 1, (size_t)n, f);
        c += n ? n : 1;
    }
    putc('"', f);
}

void json_put(FILE *f, const char *before, const char *key, const char *value)
{
    fprintf(f, "%s\"%s\": ", before, key);
    json_put_str(f, value);
}
