/* lib/json.c -- JSON lines: one flat object a line, read and written.
 *
 * Not done: no streaming (a file is read whole: the largest here is some tens of MB), no nested
 * JSON (skipped), no JSON writer beyond strings (fprintf writes the rest).
 * SPDX-License-Identifier: MIT
 */
#include "lib/json.h"
#include "lib/files.h"
#include "lib/text.h"

#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// JSON lines: reading

typedef struct { const char *key, *text; double number; } Field;    /* text NULL: a number */

struct JsonLines {
    char *path, *data;
    char *next;             /* start of the next line */
    char *end;              /* of data */
    char *at;               /* where the parser stands in the present line */
    int line;               /* its number, from 1 */
    int depth;              /* json_walk: brackets that are open, */
    char bracket[64];       /*   which they are, */
    char before;            /*   and what came last: a bracket, a comma, a colon, 'v' a value */
    int n, room;
    Field *field;           /* (n) of the present record; strings lie in data, unescaped in place */
};

static _Noreturn void broken(const JsonLines *j, const char *what) {
    die(EXIT_INPUT, "%s:%d: %s; correct or remove the line", j->path, j->line, what);
}

JsonLines *json_open(const char *path) {
    size_t size;
    char *data = read_file(path, &size);
    return json_read(data, size, path);
}

JsonLines *json_read(char *data, size_t size, const char *path) {
    JsonLines *j = xcalloc(1, sizeof *j);
    j->path = xstrdup(path);
    j->data = data;
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

/* A value, or a field's name, begins here: what came before must let it. */
static void begin_value(JsonLines *j) {
    if (j->before == 'v') broken(j, "a comma is missing");
    j->before = 'v';
}

static void open_bracket(JsonLines *j) {
    begin_value(j);
    if (j->depth == (int)sizeof j->bracket) broken(j, "more than 64 brackets are open");
    j->before = j->bracket[j->depth++] = *j->at;
}

static void close_bracket(JsonLines *j) {
    if (j->depth == 0) broken(j, "a bracket is closed that was not opened");
    if (j->bracket[--j->depth] != (*j->at == ']' ? '[' : '{')) broken(j, "brackets that cross");
    if (j->before == ',' || j->before == ':') broken(j, "nothing stands before the bracket's end");
    j->before = 'v';
}

/* A string is a field's name where a name belongs: first in braces, or after a comma there. */
static int is_field_name(JsonLines *j) {
    if (!j->depth || j->bracket[j->depth - 1] != '{' || j->before == ':') return 0;
    return 1;
}

const char *json_walk(JsonLines *j, int *depth, int *is_name) {
    if (!j->at) j->at = j->next, j->line = 1;
    for (; *j->at; j->at++) {
        char c = *j->at;
        j->line += c == '\n';
        if (strchr(" \t\r\n", c)) continue;
        if (c == '[' || c == '{') open_bracket(j);
        else if (c == ']' || c == '}') close_bracket(j);
        else if (c == ',' && j->depth && j->before == 'v') j->before = ',';
        else if (c == '"') {
            *is_name = is_field_name(j);
            begin_value(j);
            const char *s = parse_string(j);
            if (utf8_bad(s)) broken(j, "not UTF-8 text");
            *depth = j->depth;
            if (!*is_name) return s;
            j->at += strspn(j->at, " \t\r\n");
            if (*j->at++ != ':') broken(j, "expected : after a field's name");
            j->before = ':';
            return s;
        } else {
            begin_value(j);
            if (parse_word(j, "true") || parse_word(j, "false") || parse_word(j, "null")) { j->at--; continue; }
            if (!strchr("-0123456789", c)) broken(j, "this is not JSON");
            parse_number(j);
            j->at--;
        }
    }
    if (j->at < j->end) broken(j, "NUL byte (UTF-16, or a file cut by a crash?)");
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
