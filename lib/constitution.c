/* lib/constitution.c -- reads the constitution: the principles that the model judges itself by.
 *
 * Our own text form and the two JSON shapes of the paper's released files are read, and
 * the paper's files of worked examples, as what they are. Reading order: text form, JSON forms,
 * worked examples, files.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L /* access */
#include "lib/constitution.h"
#include "lib/files.h"
#include "lib/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char SPACE[] = " \t\r\n";

static int is_blank(const char *s) { return !s[strspn(s, SPACE)]; }

/* Appends a principle to a list of n and returns it. */
static Principle *add_principle(Principle **list, int *n, char *id, const char *path, int line)
{
    if (is_blank(id)) die(EXIT_INPUT, "%s:%d: a principle without a name; give it one", path, line);
    for (int i = 0; i < *n; i++)
        if (strcmp((*list)[i].id, id) == 0)
            die(EXIT_INPUT, "%s:%d: a second principle %.40s; give each a name of its own", path,
                line, id);
    *list = xrealloc(*list, (size_t)*n + 1, sizeof(Principle));
    (*list)[*n] = (Principle){ .id = id, .path = path, .line = line };
    return &(*list)[(*n)++];
}

/* line: of the principle's end, where what it lacks would stand. */
static void check_principle(const Principle *p, int comparison, int line)
{
    if (!p) return;
    const char *lacks = comparison     ? (p->choose ? NULL : "choose")
                        : !p->critique ? "critique"
                        : !p->revision ? "revision"
                                       : NULL;
    if (lacks)
        die(EXIT_INPUT, "%s:%d: principle %.40s has no %s request; add one", p->path, line, p->id,
            lacks);
}

/* Sets one request of a principle: a text, and the only one. */
static void set_request(char **field, char *text, const Principle *p, const char *name, int line)
{
    if (is_blank(text))
        die(EXIT_INPUT, "%s:%d: principle %.40s has an empty %s request; write one", p->path, line,
            p->id, name);
    if (*field)
        die(EXIT_INPUT,
            "%s:%d: principle %.40s has a second %s request; give each a principle of its own",
            p->path, line, p->id, name);
    *field = text;
}

// ------------------------------------------------------------------------------------
// Text form: "[critique NAME]" with lines critique: and revision:, "[comparison NAME]" with
// choose:, and, as often as wanted, "[critique example]" or "[comparison example]" with free text:
// worked examples put before the prompt, none by default (D3).

/* A line "[...]" begins a block. Returns its principle, or NULL and the text that its lines go
 * to. */
static Principle *begin_block(Constitution *c, char *s, const char *path, int line, int *comparison,
                              Text **example)
{
    char *end = strchr(s, ']');
    *comparison = strncmp(s, "[comparison ", 12) == 0;
    if ((!*comparison && strncmp(s, "[critique ", 10)) || !end)
        die(EXIT_INPUT, "%s:%d: \"%.40s\"; a block is [critique NAME] or [comparison NAME]", path,
            line, s);
    *end = 0;
    char *id = strchr(s, ' ') + 1;
    *example = strcmp(id, "example") ? NULL
               : *comparison         ? &c->comparison_examples
                                     : &c->critique_examples;
    Place *first = *comparison ? &c->comparison_example : &c->critique_example;
    if (*example && !first->path) *first = (Place){ path, line };
    if (*example) return NULL;
    return *comparison ? add_principle(&c->comparison, &c->n_comparisons, id, path, line)
                       : add_principle(&c->critique, &c->n_critiques, id, path, line);
}

static void add_request(Principle *p, int comparison, char *s, const char *path, int line)
{
    static const char *const key[] = { "critique", "revision", "choose" };
    int k = 0;
    size_t n = 0;
    for (; k < 3; k++) {
        n = strlen(key[k]);
        if (strncmp(s, key[k], n) == 0 && s[n] == ':' && (s[n + 1] == ' ' || !s[n + 1])) break;
    }
    if (!p || k == 3 || comparison != (k == 2))
        die(EXIT_INPUT, "%s:%d: \"%.40s\" does not belong here; see data/constitution.txt", path,
            line, s);
    char **field = k == 0 ? &p->critique : k == 1 ? &p->revision : &p->choose;
    set_request(field, s + n + 1 + (s[n + 1] == ' '), p, key[k], line);
}

static void add_text_principles(Constitution *c, char *text, const char *path)
{
    int line = 0, comparison = 0;
    Principle *p = NULL;
    Text *example = NULL;
    for (char *next = text; next;) {
        char *s = next;
        line++;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        if (*s == '[') {
            check_principle(p, comparison, line - 1);
            p = begin_block(c, s, path, line, &comparison, &example);
        } else if (example) {
            text_add(example, "%s\n", s);
        } else if (*s && *s != '#') {
            add_request(p, comparison, s, path, line);
        }
    }
    check_principle(p, comparison, line);
}

// ------------------------------------------------------------------------------------
// The two shapes of the paper's own files: {name: {"prompt": [critique request], "edit_request":
// revision request}, ..} and [comparison principle, ..], each with or without the tags of the
// layouts.

/* A copy of s without spaces around it, without the tag before it and the one after it. */
static char *bare(const char *s, const char *before, const char *after)
{
    s += strspn(s, SPACE);
    if (strncmp(s, before, strlen(before)) == 0) s += strlen(before);
    char *copy = xstrdup(s + strspn(s, SPACE));
    for (int tag = 0; tag < 2; tag++) { /* spaces, tag, spaces */
        size_t n = strlen(copy), m = strlen(after);
        while (n && strchr(SPACE, copy[n - 1])) copy[--n] = 0;
        if (!tag && n >= m && strcmp(copy + n - m, after) == 0) copy[n - m] = 0;
    }
    return copy;
}

/* Whether a list's text is a worked example of critique and revision. A conversation of another
 * kind is no principle either. */
static int is_example(const char *s, const char *path, int line)
{
    int talks = strstr(s, "Human:") || strstr(s, "Assistant:");
    if (strstr(s, "CritiqueRequest:") && strstr(s, "RevisionRequest:") && talks) return 1;
    if (talks)
        die(EXIT_INPUT,
            "%s:%d: a conversation, and neither a comparison principle nor a worked example of "
            "critique and revision; take it out",
            path, line);
    return 0;
}

/* Some of the paper's end in a stop marker, which belongs to no example. */
static void add_critique_example(Constitution *c, const char *s, const char *path, int line)
{
    static const char stop[] = "\n\nHuman:";
    size_t n = strlen(s), m = sizeof stop - 1;
    if (!c->critique_example.path) c->critique_example = (Place){ path, line };
    if (n >= m && strcmp(s + n - m, stop) == 0) n -= m;
    text_add(&c->critique_examples, "%.*s", (int)n, s);
}

static void add_json_principles(Constitution *c, char *data, size_t size, const char *path,
                                int dictionary)
{
    JsonLines *j = json_read(data, size, path);
    Principle *p = NULL;
    char *key = xstrdup(""), id[32];
    int depth, is_name;
    for (const char *s; (s = json_walk(j, &depth, &is_name));) {
        int line = json_line(j);
        if (!dictionary && is_example(s, path, line)) {
            add_critique_example(c, s, path, line);
        } else if (!dictionary) {
            snprintf(id, sizeof id, "comparison-%d", c->n_comparisons + 1);
            p = add_principle(&c->comparison, &c->n_comparisons, xstrdup(id), path, line);
            set_request(&p->choose, bare(s, "", "Options:"), p, "choose", line);
        } else if (is_name && depth == 1) {
            check_principle(p, 0, line);
            p = add_principle(&c->critique, &c->n_critiques, xstrdup(s), path, line);
        } else if (is_name) {
            free(key);
            key = xstrdup(s);
        } else if (p && strcmp(key, "prompt") == 0 && !p->critique) {
            set_request(&p->critique, bare(s, "CritiqueRequest:", "Critique:"), p, "critique",
                        line);
        } else if (p && strcmp(key, "edit_request") == 0) {
            set_request(&p->revision, bare(s, "RevisionRequest:", "Revision:"), p, "revision",
                        line);
        }
    }
    if (dictionary) check_principle(p, 0, json_line(j));
    free(key);
    json_close(j);
}

// ------------------------------------------------------------------------------------
// The paper's worked examples of comparisons: [{"prompt": conversation with {} for a principle,
// chain of thought and answer}, ..], and [{"prompt", "corrects": [better], "incorrects":
// [worse]}, ..]

/* The one text of a field that is a list. */
static const char *only_text(JsonLines *j, const char *key, const char *path)
{
    int n;
    const JsonPart *part = json_parts(j, key, &n);
    if (json_has(j, key) != JSON_NESTED || n != 1 || part->is_name || is_blank(part->s))
        die(EXIT_INPUT, "%s:%d: \"%s\" is no list of one text; write [\"..\"]", path, json_line(j),
            key);
    return part->s;
}

static void add_json_examples(Constitution *c, char *data, size_t size, const char *path)
{
    JsonLines *j = json_read(data, size, path);
    while (json_next(j)) {
        const char *prompt = json_str(j, "prompt");
        int line = json_line(j), is_pair = json_has(j, "corrects") != JSON_NONE;
        const char *slot = strstr(prompt, "{}");
        if (!c->comparison_example.path) c->comparison_example = (Place){ path, line };
        if (is_pair) {
            texts_add_line(&c->asked, prompt, line);
            texts_add(&c->better, only_text(j, "corrects", path));
            texts_add(&c->worse, only_text(j, "incorrects", path));
        } else if (slot && !strstr(slot + 2, "{}") && strstr(slot, "So the answer is:")) {
            texts_add_line(&c->chain, prompt, line);
        } else {
            die(EXIT_INPUT,
                "%s:%d: no worked example: {} for a principle and \"So the answer is:\", or "
                "\"corrects\" and \"incorrects\" are missing; take it out",
                path, line);
        }
    }
    json_close(j);
}

// ------------------------------------------------------------------------------------
// Files: one or several, each in one of the three forms

/* A name ends at the first comma, or end, up to which there is such a file; so a comma in a name
 * does not cut it. Where there is none, at the first comma. */
Texts split_list(const char *list)
{
    Texts names = { 0 };
    for (const char *s = list; *s;) {
        size_t first = strcspn(s, ","), end = first;
        char *name = xstrdup(s);
        for (;; end += 1 + strcspn(s + end + 1, ",")) {
            name[end] = 0;
            if (is_there(name)) break;
            if (!s[end]) {
                end = first;
                break;
            }
            name[end] = ',';
        }
        name[end] = 0;
        if (end) texts_add(&names, name);
        free(name);
        s += end + (s[end] == ',');
    }
    return names;
}

/* A block of the text form has a letter after its bracket, a list of JSON a quote, one of records a
 * brace. */
void constitution_add(Constitution *c, char *data, size_t size, const char *path)
{
    const char *s =
        data + (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0); /* Windows's mark */
    s += strspn(s, SPACE);
    int dictionary = *s == '{', list = *s == '[' ? s[1 + strspn(s + 1, SPACE)] : 0;
    path = xstrdup(path);
    if (list == '{') add_json_examples(c, data, size, path);
    else if (dictionary || list == '"') add_json_principles(c, data, size, path, dictionary);
    else add_text_principles(c, text_of(data, size, path), path);
}

void constitution_check(const Constitution *c, const char *list)
{
    if (!c->n_critiques || !c->n_comparisons)
        die(EXIT_INPUT,
            "%s:1: no critique or no comparison principles; both are needed, in one file or in "
            "several with commas",
            list);
}

Constitution constitution_load(const char *list)
{
    Constitution c = { 0 };
    Texts names = split_list(list);
    for (int i = 0; i < names.n; i++) {
        size_t size;
        char *data = read_file(names.s[i], &size);
        constitution_add(&c, data, size, names.s[i]);
    }
    texts_free(&names);
    constitution_check(&c, list);
    return c;
}
