/* lib/constitution.c -- reads the constitution: the principles that the model judges itself by.
 *
 * Three forms are read: our own text form and the two JSON shapes of the paper's released files.
 * Reading order: text form, JSON forms, constitution_load.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L     /* strtok_r */
#include "lib/constitution.h"
#include "lib/files.h"
#include "lib/json.h"

#include <stdlib.h>
#include <string.h>

/* Appends a principle to a list of n and returns it. */
static Principle *add_principle(Principle **list, int *n, char *id)
{
    *list = xrealloc(*list, (size_t)*n + 1, sizeof(Principle));
    (*list)[*n] = (Principle){ .id = id };
    return &(*list)[(*n)++];
}

static void check_principle(const Principle *p, int comparison, const char *path, int line)
{
    if (!p) return;
    const char *lacks = comparison ? (p->choose ? NULL : "choose") : !p->critique ? "critique" : !p->revision ? "revision" : NULL;
    if (lacks) die(EXIT_INPUT, "%s:%d: principle %s has no %s request; add one", path, line, p->id, lacks);
}

/* "[critique NAME]" with lines critique: and revision:, "[comparison NAME]" with choose:, and, as often as
 * wanted, "[critique example]" or "[comparison example]" with free text: worked examples put before
 * the prompt, none by default (D3). */
static void load_text_principles(Constitution *c, const char *path)
{
    static const char *const key[] = { "critique: ", "revision: ", "choose: " };
    char *text = read_text(path);
    int line = 0, comparison = 0;
    Principle *p = NULL;
    Text *example = NULL;
    for (char *next = text; next;) {
        char *s = next, *end;
        line++;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        if (*s == '[') {
            check_principle(p, comparison, path, line - 1);
            comparison = strncmp(s, "[comparison ", 12) == 0;
            if ((!comparison && strncmp(s, "[critique ", 10)) || !(end = strchr(s, ']')))
                die(EXIT_INPUT, "%s:%d: \"%s\"; a block is [critique NAME] or [comparison NAME]", path, line, s);
            *end = 0;
            char *id = strchr(s, ' ') + 1;
            example = strcmp(id, "example") ? NULL : comparison ? &c->comparison_examples : &c->critique_examples;
            p = example ? NULL : comparison ? add_principle(&c->comparison, &c->n_comparisons, id)
                                            : add_principle(&c->critique, &c->n_critiques, id);
        } else if (example) {
            text_add(example, "%s\n", s);
        } else if (*s && *s != '#') {
            int k = 0;
            while (k < 3 && strncmp(s, key[k], strlen(key[k]))) k++;
            if (!p || k == 3 || comparison != (k == 2))
                die(EXIT_INPUT, "%s:%d: \"%.40s\" does not belong here; see data/constitution.txt", path, line, s);
            *(k == 0 ? &p->critique : k == 1 ? &p->revision : &p->choose) = s + strlen(key[k]);
        }
    }
    check_principle(p, comparison, path, line);
}

/* A copy of s without spaces around it, without the tag before it and the one after it. */
static char *bare(const char *s, const char *before, const char *after)
{
    static const char space[] = " \t\r\n";
    s += strspn(s, space);
    if (strncmp(s, before, strlen(before)) == 0) s += strlen(before);
    char *copy = xstrdup(s + strspn(s, space));
    for (int tag = 0; tag < 2; tag++) {                 /* spaces, tag, spaces */
        size_t n = strlen(copy), m = strlen(after);
        while (n && strchr(space, copy[n - 1])) copy[--n] = 0;
        if (!tag && n >= m && strcmp(copy + n - m, after) == 0) copy[n - m] = 0;
    }
    return copy;
}

/* The two shapes of the paper's own files: {name: {"prompt": [critique request], "edit_request": revision
 * request}, ..} and [comparison principle, ..], each with or without the tags of the layouts. */
static void load_json_principles(Constitution *c, const char *path, int dictionary)
{
    JsonLines *j = json_open(path);
    Principle *p = NULL;
    char *key = xstrdup(""), id[32];
    int depth, is_name;
    for (const char *s; (s = json_walk(j, &depth, &is_name));) {
        if (!dictionary) {
            snprintf(id, sizeof id, "comparison-%d", c->n_comparisons + 1);
            add_principle(&c->comparison, &c->n_comparisons, xstrdup(id))->choose = bare(s, "", "Options:");
        } else if (is_name && depth == 1) {
            check_principle(p, 0, path, json_line(j));
            p = add_principle(&c->critique, &c->n_critiques, xstrdup(s));
        } else if (is_name) {
            free(key);
            key = xstrdup(s);
        } else if (p && strcmp(key, "prompt") == 0 && !p->critique) {
            p->critique = bare(s, "CritiqueRequest:", "Critique:");
        } else if (p && strcmp(key, "edit_request") == 0) {
            p->revision = bare(s, "RevisionRequest:", "Revision:");
        }
    }
    check_principle(p, 0, path, json_line(j));
    free(key);
    json_close(j);
}

/* One file or several with commas between, each in one of the three forms. */
Constitution constitution_load(const char *list)
{
    Constitution law = { 0 }, *c = &law;
    char *paths = xstrdup(list), *save = NULL;
    for (char *path = strtok_r(paths, ",", &save); path; path = strtok_r(NULL, ",", &save)) {
        static const char space[] = " \t\r\n";
        char *text = read_file(path, NULL), *s = text + strspn(text, space);
        int dictionary = *s == '{', list = *s == '[' && s[1 + strspn(s + 1, space)] == '"';     /* a block: a letter there */
        free(text);
        if (dictionary || list) load_json_principles(c, path, dictionary);
        else load_text_principles(c, path);
    }
    free(paths);
    if (!c->n_critiques || !c->n_comparisons)
        die(EXIT_INPUT, "%s:1: no critique or no comparison principles; both are needed, in one file or in several with commas",
            list);
    return law;
}
