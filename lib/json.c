/* lib/json.c -- JSON lines: one object a line, read and written.
 *
 * A file that is one array of objects, or of texts, is read as well. Of a nested value the strings
 * are kept in their order.
 *
 * Not done: no streaming (a file is read whole: the largest here is some tens of MB), no JSON
 * writer beyond strings (fprintf writes the rest).
 * SPDX-License-Identifier: MIT
 */
#include "lib/json.h"
#include "lib/files.h"
#include "lib/text.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *key, *text;
    double number;
    int first, n; /* of a nested value: its parts */
    int kind;     /* JSON_NONE: null */
} Field;

struct JsonLines {
    char *path, *data;
    char *next;   /* start of the next line */
    char *end;    /* of data */
    char *at;     /* where the parser stands in the present line */
    int line;     /* its number, from 1 */
    Text open;    /* brackets that are open around it: "[{" */
    int n, max_n; /* fields of the present record */
    Field *field; /* (n) strings lie in data, unescaped in place */
    int n_part, max_part;
    JsonPart *part;   /* (n_part) of all nested values of the record */
    char array;       /* what the elements begin with where the file is one array; or 0 */
    int n_read;       /* elements read of it */
    const char *text; /* the present element where it is a text and no object */
    enum { VALUE, VALUE_OR_END, NAME, NAME_OR_END, COMMA_OR_END } wanted; /* by next_string */
};

enum { MAX_FIELDS = 1000 }; /* of a record: names are compared with each other */

static _Noreturn void broken(const JsonLines *j, const char *what)
{
    die(EXIT_INPUT, "%s:%d: %s; correct or remove the line", j->path, j->line, what);
}

JsonLines *json_open(const char *path)
{
    size_t size;
    char *data = read_file(path, &size);
    return json_read(data, size, path);
}

JsonLines *json_read(char *data, size_t size, const char *path)
{
    JsonLines *j = xcalloc(1, sizeof *j);
    j->path = xstrdup(path);
    j->data = data;
    j->end = j->data + size;
    int has_mark = size >= 3 && memcmp(j->data, "\xEF\xBB\xBF", 3) == 0; /* some editors put one */
    j->next = j->data + (has_mark ? 3 : 0);
    const char *s = j->next + strspn(j->next, " \t\r\n");
    char first = *s == '[' ? s[1 + strspn(s + 1, " \t\r\n")] : 0;
    if (first && strchr("{\"]", first)) j->array = first;
    return j;
}

void json_close(JsonLines *j)
{
    if (!j) return;
    free(j->path);
    free(j->data);
    free(j->open.s);
    free(j->field);
    free(j->part);
    free(j);
}

// ------------------------------------------------------------------------------------
// strings, numbers, words

static void check_bytes(JsonLines *j, const char *end)
{
    for (const char *c = j->at; c < end;) {
        int n = utf8_length(c);
        if (n == 0) broken(j, "not UTF-8 text");
        if (*c == 0) broken(j, "NUL byte (UTF-16, or a file cut by a crash?)");
        j->line += *c == '\n';
        c += n;
    }
}

/* Newlines occur in files that are one value; a line of JSON lines has none inside. */
static void skip_space(JsonLines *j)
{
    for (; *j->at && strchr(" \t\r\n", *j->at); j->at++) j->line += *j->at == '\n';
}

static unsigned parse_hex4(JsonLines *j)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned code = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        const char *d = *j->at ? strchr(digits, *j->at) : NULL;
        if (!d) broken(j, "\\u without four hexadecimal digits");
        code = code * 16 + (unsigned)(d - digits) % 16;
    }
    return code;
}

/* After "\u". A pair of surrogates is one character. \uEF80..\uEFFF stands for the byte 80..FF that
 * was not UTF-8 (see json_put_str), and so does a lone \uDC80..\uDCFF, as Python writes it; any
 * other half of a pair is an error. */
static char *parse_unicode(JsonLines *j, char *to)
{
    unsigned code = parse_hex4(j);
    if (code == 0) broken(j, "text holds \\u0000, which no text here may");
    if ((code >= 0xEF80 && code <= 0xEFFF) || (code >= 0xDC80 && code <= 0xDCFF)) {
        *to = (char)(code & 0xFF);
        return to + 1;
    }
    if (code >= 0xD800 && code <= 0xDFFF) {
        if (code >= 0xDC00 || j->at[0] != '\\' || j->at[1] != 'u')
            broken(j, "half of a surrogate pair");
        j->at += 2;
        unsigned low = parse_hex4(j);
        if (low < 0xDC00 || low > 0xDFFF) broken(j, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    return utf8_put(to, code);
}

/* No escape is shorter than what it stands for, so the text is unescaped where it lies. */
static char *parse_string(JsonLines *j)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    if (*j->at != '"') broken(j, "expected \"");
    char *start = ++j->at, *to = start;
    while (*j->at != '"') {
        unsigned char c = (unsigned char)j->at[0];
        if (c == 0) broken(j, "string without an end");
        if (c < ' ') broken(j, "control character in a string (write \\n, \\t, \\u00..)");
        if (c != '\\') {
            *to++ = *j->at++;
            continue;
        }
        const char *found = j->at[1] ? strchr(from, j->at[1]) : NULL;
        if (!found && j->at[1] != 'u') broken(j, "unknown escape after \\");
        j->at += 2;
        if (found) *to++ = into[found - from];
        else to = parse_unicode(j, to);
    }
    j->at++;
    *to = 0;
    return start;
}

static double parse_number(JsonLines *j)
{
    size_t n = strspn(j->at, "+-.0123456789eE"); /* strtod alone would take inf, nan, 0x10 */
    char *end;
    double x = strtod(j->at, &end);
    if (n == 0 || end != j->at + n || *j->at == '+' || *j->at == '.') broken(j, "expected a value");
    if (x - x != 0) broken(j, "number out of range");
    j->at = end;
    return x;
}

static int parse_word(JsonLines *j, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(j->at, word, n) != 0) return 0;
    j->at += n;
    return 1;
}

// ------------------------------------------------------------------------------------
// nested values

static void close_bracket(JsonLines *j)
{
    char opened = j->open.s[j->open.n - 1];
    if (!strchr("]}", *j->at)) broken(j, "a comma is missing");
    if (*j->at != (opened == '{' ? '}' : ']')) broken(j, "brackets that cross");
    j->at++;
    j->open.n--;
    j->wanted = COMMA_OR_END;
}

/* The next string of a value, a name or a text, or NULL once the value is whole. j->wanted says
 * what may come next; at the value's beginning it is VALUE, and no bracket is open. */
static char *next_string(JsonLines *j, int *is_name)
{
    for (;;) {
        skip_space(j);
        char c = *j->at;
        if (j->wanted == COMMA_OR_END && j->open.n == 0) return NULL;
        if (!c && j->open.n) broken(j, "bracket without its end");
        int closes = c == ']' || c == '}';
        if (closes && (j->wanted == VALUE || j->wanted == NAME))
            broken(j, "nothing stands before the bracket's end");
        if (j->wanted == COMMA_OR_END && c == ',') {
            j->at++;
            j->wanted = j->open.s[j->open.n - 1] == '{' ? NAME : VALUE;
        } else if (closes || j->wanted == COMMA_OR_END) {
            close_bracket(j);
        } else if (j->wanted == NAME || j->wanted == NAME_OR_END) {
            char *s = parse_string(j);
            skip_space(j);
            if (*j->at++ != ':') broken(j, "expected : after a field's name");
            j->wanted = VALUE;
            *is_name = 1;
            return s;
        } else if (c == '[' || c == '{') {
            text_add(&j->open, "%c", *j->at++);
            j->wanted = c == '{' ? NAME_OR_END : VALUE_OR_END;
        } else {
            if (!c || !strchr("\"-0123456789tfn", c))
                broken(j, "this is not JSON: expected a value");
            j->wanted = COMMA_OR_END;
            *is_name = 0;
            if (c == '"') return parse_string(j);
            if (!parse_word(j, "null") && !parse_word(j, "true") && !parse_word(j, "false"))
                parse_number(j);
        }
    }
}

static void read_nested(JsonLines *j)
{
    int is_name;
    j->wanted = VALUE;
    for (const char *s; (s = next_string(j, &is_name));) {
        if (j->n_part == j->max_part) {
            j->max_part = 2 * j->max_part + 8;
            j->part = xrealloc(j->part, (size_t)j->max_part, sizeof *j->part);
        }
        j->part[j->n_part++] = (JsonPart){ s, is_name, (int)j->open.n };
    }
}

const char *json_walk(JsonLines *j, int *depth, int *is_name)
{
    if (!j->at) {
        j->at = j->next;
        j->line = 1;
        check_bytes(j, j->end);
        j->line = 1;
    }
    const char *s = next_string(j, is_name);
    if (s && utf8_bad(s)) broken(j, "not UTF-8 text");
    if (!s && (*j->at == ']' || *j->at == '}'))
        broken(j, "a bracket is closed that was not opened");
    if (!s && *j->at) broken(j, "something follows the value");
    *depth = (int)j->open.n;
    return s;
}

// ------------------------------------------------------------------------------------
// records

static void parse_field(JsonLines *j)
{
    skip_space(j);
    Field f = { .key = parse_string(j), .kind = JSON_NUMBER };
    for (int i = 0; i < j->n; i++)
        if (strcmp(j->field[i].key, f.key) == 0) broken(j, "a field's name is given twice");
    if (j->n == MAX_FIELDS) broken(j, "more than 1000 fields");
    skip_space(j);
    if (*j->at != ':') broken(j, "expected : after a field's name");
    j->at++;
    skip_space(j);
    if (*j->at == '"') {
        f.kind = JSON_TEXT;
        f.text = parse_string(j);
    } else if (*j->at == '[' || *j->at == '{') {
        f.kind = JSON_NESTED;
        f.first = j->n_part;
        read_nested(j);
        f.n = j->n_part - f.first;
    } else if (parse_word(j, "null")) {
        f.kind = JSON_NONE;
    } else if (parse_word(j, "true")) {
        f.number = 1;
    } else if (!parse_word(j, "false")) {
        f.number = parse_number(j);
    }
    if (j->n == j->max_n) {
        j->max_n = 2 * j->max_n + 8;
        j->field = xrealloc(j->field, (size_t)j->max_n, sizeof *j->field);
    }
    j->field[j->n++] = f;
}

/* From the brace that opens it to the one that closes it. */
static void parse_object(JsonLines *j)
{
    j->n = j->n_part = 0;
    if (*j->at++ != '{')
        broken(j, j->array ? "expected { in the array" : "expected { at the start of the line");
    skip_space(j);
    if (*j->at == '}') {
        j->at++;
        return;
    }
    for (char c = ','; c == ',';) {
        parse_field(j);
        skip_space(j);
        c = *j->at ? *j->at++ : 0;
        if (!c) broken(j, "the line ends too early");
        if (c != ',' && c != '}') broken(j, "expected , or } after a value");
    }
}

/* The next line that is not empty, cut off. 0: there is none. */
static int next_line(JsonLines *j)
{
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
    } while (!*j->at);
    return 1;
}

/* The next element of the one array. Its text is checked as a whole, before the first. */
static int next_element(JsonLines *j)
{
    if (j->n_read++ == 0) {
        j->at = j->next, j->line = 1;
        check_bytes(j, j->end);
        j->line = 1;
        skip_space(j);
        j->at++; /* the bracket that told */
    }
    skip_space(j);
    char c = *j->at;
    if (j->n_read > 1 && c == ',') j->at++;
    else if (c == ']') {
        j->at++;
        skip_space(j);
        if (*j->at) broken(j, "something follows the array");
        j->n_read = 0, j->next = j->at, j->array = 0; /* no next line either */
        return 0;
    } else if (j->n_read > 1) broken(j, "expected , or ] after a record of the array");
    skip_space(j);
    return 1;
}

/* A text has no fields. All elements are of the first one's kind. */
static void parse_element(JsonLines *j)
{
    if (j->array == '{') {
        parse_object(j);
        return;
    }
    j->n = j->n_part = 0;
    if (*j->at != '"') broken(j, "expected a text in the array");
    j->text = parse_string(j);
}

int json_next(JsonLines *j)
{
    j->text = NULL;
    if (j->array) {
        if (!next_element(j)) return 0;
        parse_element(j);
        return 1;
    }
    if (!next_line(j)) return 0;
    if (strncmp(j->at, "\xEF\xBB\xBF", 3) == 0)
        broken(j, "a byte order mark (EF BB BF) that is not at the start of the file");
    parse_object(j);
    skip_space(j);
    if (*j->at) broken(j, "something follows the closing }");
    return 1;
}

// ------------------------------------------------------------------------------------
// fields of the present record

/* Whatever its value, unless that is null. */
static const Field *any_field(const JsonLines *j, const char *key)
{
    for (int i = 0; i < j->n; i++)
        if (j->field[i].kind != JSON_NONE && strcmp(j->field[i].key, key) == 0) return &j->field[i];
    return NULL;
}

/* A text or a number: who asks for one does not see a nested value. */
static const Field *find_field(const JsonLines *j, const char *key)
{
    const Field *f = any_field(j, key);
    return f && f->kind != JSON_NESTED ? f : NULL;
}

/* The names that the line has instead are told: three, or 40 characters of them. */
static const Field *need_field(const JsonLines *j, const char *key)
{
    enum { SHOWN = 3 };
    const Field *f = find_field(j, key);
    if (f) return f;
    for (int i = 0; i < j->n; i++)
        if (strcmp(j->field[i].key, key) == 0)
            die(EXIT_INPUT, "%s:%d: field \"%s\" is %s; give it a value of the form's", j->path,
                j->line, key, j->field[i].kind == JSON_NONE ? "null" : "a list or an object");
    Text names = { 0 };
    int i = 0;
    for (int room = 40; i < j->n && i < SHOWN && room > 0; i++) {
        text_add(&names, "%s\"%.*s\"", i ? ", " : " beside ", room, j->field[i].key);
        room -= (int)strlen(j->field[i].key);
    }
    if (j->n > i) text_add(&names, " ..");
    die(EXIT_INPUT, "%s:%d: no field \"%s\"%s; add it to the line", j->path, j->line, key,
        names.n ? names.s : "");
}

const char *json_str(JsonLines *j, const char *key)
{
    const Field *f = need_field(j, key);
    if (f->kind != JSON_TEXT)
        die(EXIT_INPUT, "%s:%d: field \"%s\" is not text; put it in quotes", j->path, j->line, key);
    return f->text;
}

double json_num(JsonLines *j, const char *key)
{
    const Field *f = need_field(j, key);
    if (f->kind != JSON_NUMBER)
        die(EXIT_INPUT, "%s:%d: field \"%s\" is not a number; take off its quotes", j->path,
            j->line, key);
    return f->number;
}

const char *json_str_or(JsonLines *j, const char *key, const char *otherwise)
{
    return find_field(j, key) ? json_str(j, key) : otherwise;
}

double json_num_or(JsonLines *j, const char *key, double otherwise)
{
    return find_field(j, key) ? json_num(j, key) : otherwise;
}

int json_has(const JsonLines *j, const char *key)
{
    const Field *f = any_field(j, key);
    return f ? f->kind : JSON_NONE;
}

const JsonPart *json_parts(const JsonLines *j, const char *key, int *n)
{
    const Field *f = any_field(j, key);
    *n = f ? f->n : 0;
    return f ? j->part + f->first : NULL;
}

const char *json_text(const JsonLines *j) { return j->text; }

int json_line(const JsonLines *j) { return j->line; }

// ------------------------------------------------------------------------------------
// writing

/* Always valid JSON, for strict readers too, whatever a half-trained model wrote: a byte NN that is
 * not UTF-8 becomes the escape \uefNN of a character for private use, which json_next turns back
 * into the byte. Such a character itself is written as it is, not as an escape, and stays. */
void json_put_str(FILE *f, const char *text)
{
    putc('"', f);
    for (const char *c = text; *c;) {
        int n = utf8_length(c);
        unsigned byte = (unsigned char)*c;
        if (n == 0) fprintf(f, "\\uef%02x", byte);
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
