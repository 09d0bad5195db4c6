/* lib/json.h -- JSON lines, an object a line, or one array of objects or of texts.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_JSON_H
#define CAI_JSON_H

#include <stddef.h>
#include <stdio.h>

typedef struct JsonLines JsonLines;
typedef struct { /* a string inside a nested value */
    const char *s;
    int is_name, depth; /* brackets around it */
} JsonPart;
enum { JSON_NONE, JSON_TEXT, JSON_NUMBER, JSON_NESTED };
JsonLines *json_open(const char *path);
JsonLines *json_read(char *data, size_t size, const char *path); /* that file's bytes; takes them */
int json_next(JsonLines *j); /* 1 a record, 0 the end; dies on a broken line */
const char *json_str(JsonLines *j, const char *key); /* dies if the field is missing */
const char *json_str_or(JsonLines *j, const char *key, const char *otherwise);
double json_num(JsonLines *j, const char *key);
double json_num_or(JsonLines *j, const char *key, double otherwise);
/* For files that are one JSON value: its strings in order, NULL at the end. depth: brackets around
 * it; is_name: it is a field's name. */
const char *json_walk(JsonLines *j, int *depth, int *is_name);
int json_has(const JsonLines *j, const char *key); /* JSON_NONE: not there, or null */
const JsonPart *json_parts(const JsonLines *j, const char *key, int *n); /* of a nested value */
const char *json_text(const JsonLines *j); /* of an array of texts the present one; or NULL */
int json_line(const JsonLines *j);
void json_close(JsonLines *j);
void json_put_str(FILE *f, const char *text); /* writes "text" quoted and escaped */
/* A field whose value is a string, after `before`. */
void json_put(FILE *f, const char *before, const char *key, const char *value);

#endif
