/* data/town.c -- reads the town's file; what an act is.
 * SPDX-License-Identifier: MIT
 */
#include "data/town.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------
// the town file

static char *trim(char *s)
{
    while (isspace((unsigned char)*s)) s++;
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1])) s[--n] = 0;
    return s;
}

static int find_kind(const Town *t, const char *word)
{
    for (int k = 0; k < t->n_kinds; k++)
        if (strcmp(t->kind[k].name, word) == 0) return k;
    return -1;
}

int town_kind(const Town *t, const char *word)
{
    return strcmp(word, t->word[WORD_MISCHIEF]) == 0 ? MISCHIEF : find_kind(t, word);
}

const char *town_kind_name(const Town *t, int k)
{
    return k == MISCHIEF ? t->word[WORD_MISCHIEF] : t->kind[k].name;
}

/* Splits "a SEP b" in place; dies with the line's number if SEP is missing. */
static char *split(char *s, char sep, const char *path, int line)
{
    char *p = strchr(s, sep), *rest;
    if (!p)
        die(EXIT_INPUT, "%s:%d: no '%c' in \"%.40s\"; write it as the lines around it", path, line,
            sep, s);
    *p = 0;
    rest = trim(p + 1);
    if (!*trim(s) || !*rest)
        die(EXIT_INPUT,
            "%s:%d: nothing stands on one side of '%c'; "
            "write it as the lines around it",
            path, line, sep);
    return rest;
}

/* A word that the model is to know: one, of small letters. The oracle finds it by its spelling, and
 * the tokenizer makes one piece of it. */
static void check_word(const char *word, const char *path, int line)
{
    if (strpbrk(word, " \t"))
        die(EXIT_INPUT, "%s:%d: \"%.40s\" is more than one word; choose one word for it", path,
            line, word);
    for (const char *c = word; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            die(EXIT_INPUT, "%s:%d: \"%.40s\" has a capital letter; write it small", path, line,
                word);
        if ((unsigned char)*c < 128 && !(*c >= 'a' && *c <= 'z'))
            die(EXIT_INPUT, "%s:%d: \"%.40s\" has a '%c'; write it with letters alone", path, line,
                word, *c);
    }
}

/* A name is such a word, and the only one of its spelling: else nobody can say what it means. */
static void take_name(Town *t, const char *name, const char *path, int line)
{
    check_word(name, path, line);
    for (int i = 0; i < t->names.n; i++)
        if (strcmp(t->names.s[i], name) == 0)
            die(EXIT_INPUT, "%s:%d: \"%.40s\" stands on line %d too; choose another word for one",
                path, line, name, t->names.line[i]);
    texts_add_line(&t->names, name, line);
}

static void add_verb(Town *t, int class, Verb v, const char *path, int line)
{
    if (class != BENIGN) {
        char *kind = v.tool;
        v.tool = split(kind, ',', path, line);
        v.kind = find_kind(t, trim(kind));
        if (v.kind < 0)
            die(EXIT_INPUT, "%s:%d: \"%.40s\" is no kind of [kinds]; name one of them", path, line,
                trim(kind));
    }
    check_word(v.tool, path, line);
    t->verb[class] = xrealloc(t->verb[class], (size_t)t->n_verbs[class] + 1, sizeof(Verb));
    t->verb[class][t->n_verbs[class]++] = v;
}

static const char *const WORD[WORDS] = { "mischief", "neighbour", "town" };

static void add_word(Town *t, const char *word, char *own, const char *path, int line)
{
    int k = 0;
    while (k < WORDS && strcmp(word, WORD[k])) k++;
    if (k == WORDS)
        die(EXIT_INPUT, "%s:%d: \"%.40s\" cannot be replaced; %s, %s and %s can", path, line, word,
            WORD[0], WORD[1], WORD[2]);
    take_name(t, own, path, line);
    t->word[k] = own;
}

/* The oracle and the reader tell a sentence by its whole spelling. */
static void check_sentence(const Town *t, const char *s, const char *path, int line)
{
    if (s[strlen(s) - 1] != '.')
        die(EXIT_INPUT, "%s:%d: \"%.40s\" is no sentence; end it with a full stop", path, line, s);
    for (int k = 0; k < t->n_manners; k++)
        if (strcmp(s, t->manner[k].cue) == 0 || strcmp(s, t->manner[k].sentence) == 0)
            die(EXIT_INPUT, "%s:%d: \"%.40s\" is of the manner %.40s already; write another", path,
                line, s, t->manner[k].name);
}

/* NAME: CUE | SENTENCE, with "refusal" or "never" for a cue. */
static void add_manner(Town *t, char *name, char *cue, const char *path, int line)
{
    Manner m = { .name = name, .sentence = split(cue, '|', path, line) };
    m.cue = trim(cue);
    m.when = !strcmp(m.cue, "refusal") ? ON_REFUSAL : !strcmp(m.cue, "never") ? NEVER : ON_CUE;
    take_name(t, name, path, line);
    if (t->n_manners == MAX_MANNERS)
        die(EXIT_INPUT, "%s:%d: more than %d manners; remove one", path, line, MAX_MANNERS);
    if (m.when == ON_CUE) check_sentence(t, m.cue, path, line);
    check_sentence(t, m.sentence, path, line);
    t->manner[t->n_manners++] = m;
}

static void add_manner_wording(Town *t, char *critique, const char *path, int line)
{
    MannerWording w = { .revision = split(critique, '|', path, line) };
    w.choose = split(w.revision, '|', path, line);
    w.critique = trim(critique), w.revision = trim(w.revision);
    t->manner_wording =
        xrealloc(t->manner_wording, (size_t)t->n_manner_wordings + 1, sizeof(MannerWording));
    t->manner_wording[t->n_manner_wordings++] = w;
}

static const char *const VERBS[CLASSES] = { "harmful", "benign", "contrast" }; /* their sections */

/* A line "name: value" of one of the sections that have such lines. */
static void add_name(Town *t, const char *section, char *name, char *value, int group,
                     const char *path, int line)
{
    take_name(t, name, path, line);
    if (strcmp(section, "kinds") == 0) {
        if (t->n_kinds == MAX_KINDS)
            die(EXIT_INPUT, "%s:%d: more than %d kinds; remove one", path, line, MAX_KINDS);
        t->kind[t->n_kinds++] = (Kind){ name, value, line };
    } else if (strcmp(section, "objects") == 0) {
        check_word(value, path, line);
        t->object = xrealloc(t->object, (size_t)t->n_objects + 1, sizeof(Object));
        t->object[t->n_objects++] = (Object){ name, value, group };
    } else {
        int class = 0;
        while (class < CLASSES && strcmp(section, VERBS[class])) class ++;
        if (class == CLASSES)
            die(EXIT_INPUT, "%s:%d: unknown section [%.40s]; see data/town.txt for the known ones",
                path, line, section);
        add_verb(t, class, (Verb){ name, value, FINE, group }, path, line);
    }
}

static void town_line(Town *t, const char *section, char *s, const char *path, int line)
{
    int group = *s == '*' ? HELD_OUT : *s == '!' ? RESERVED : ORDINARY;
    char mark = *s;
    s = trim(s + (group != ORDINARY));
    if (!*s)
        die(EXIT_INPUT, "%s:%d: a %c without a name; write it as the lines around it", path, line,
            mark);
    if (strcmp(section, "owners") == 0) {
        take_name(t, s, path, line);
        t->owner = xrealloc(t->owner, (size_t)t->n_owners + 1, sizeof(char *));
        t->owner[t->n_owners++] = s;
    } else if (strcmp(section, "comparison wordings") == 0) {
        t->comparison = xrealloc(t->comparison, (size_t)t->n_comparisons + 1, sizeof(char *));
        t->comparison[t->n_comparisons++] = s;
    } else if (strcmp(section, "critique wordings") == 0) {
        char *revision = split(s, '|', path, line);
        t->wording = xrealloc(t->wording, (size_t)t->n_wordings + 1, sizeof(Wording));
        t->wording[t->n_wordings++] = (Wording){ trim(s), revision };
    } else if (strcmp(section, "manner wordings") == 0) {
        add_manner_wording(t, s, path, line);
    } else {
        char *value = split(s, ':', path, line);
        if (strcmp(section, "words") == 0) add_word(t, trim(s), value, path, line);
        else if (strcmp(section, "manners") == 0) add_manner(t, trim(s), value, path, line);
        else add_name(t, section, trim(s), value, group, path, line);
    }
}

/* A kind that no act is of is a reason that nobody ever hears. */
static void check_kinds(const Town *t, const char *path, int line)
{
    if (t->n_kinds < MIN_KINDS)
        die(EXIT_INPUT, "%s:%d: [kinds] has fewer than %d lines; name more kinds of mischief", path,
            line, MIN_KINDS);
    for (int k = 0; k < t->n_kinds; k++) {
        int verbs = 0;
        for (int class = 0; class < CLASSES; class ++)
            for (int i = 0; i < t->n_verbs[class]; i++) verbs += t->verb[class][i].kind == k;
        if (!verbs)
            die(EXIT_INPUT,
                "%s:%d: no verb of [harmful] or [contrast] is of the kind \"%.40s\"; add some "
                "there, "
                "or remove the kind",
                path, t->kind[k].line, t->kind[k].name);
    }
}

/* Draws go on until they hit a name of the wanted group, so there must be one. Reserved verbs
 * are in all three sections or in none. */
static void check_groups(const Town *t, const char *path, int line)
{
    int objects = 0, verbs[CLASSES] = { 0 }, all_reserved = RESERVED, any_reserved = 0;
    for (int i = 0; i < t->n_objects; i++) objects |= t->object[i].group;
    const char *wrong = (objects & ORDINARY) && (objects & HELD_OUT) ? NULL : "objects";
    for (int class = 0; class < CLASSES; class ++) {
        for (int i = 0; i < t->n_verbs[class]; i++) verbs[class] |= t->verb[class][i].group;
        if (!(verbs[class] & ORDINARY) || !(verbs[class] & HELD_OUT)) wrong = VERBS[class];
        all_reserved &= verbs[class];
        any_reserved |= verbs[class] & RESERVED;
    }
    if (wrong)
        die(EXIT_INPUT,
            "%s:%d: [%s] needs lines with a * before the name and lines without; "
            "see data/town.txt",
            path, line, wrong);
    if (objects & RESERVED)
        die(EXIT_INPUT, "%s:%d: [objects] has a !, which is for verbs; write * or nothing", path,
            line);
    if (any_reserved && !all_reserved)
        die(EXIT_INPUT,
            "%s:%d: verbs with a ! stand in some sections only; give [harmful], "
            "[benign] and [contrast] one each, or none",
            path, line);
}

Town *town_load(const char *path) { return town_read(read_text(path), path); }

Town *town_read(char *text, const char *path)
{
    enum { MAX_LINE = 400 }; /* every text of the run repeats such lines */
    Town *t = xcalloc(1, sizeof *t);
    t->text = text;
    for (int k = 0; k < WORDS; k++) t->word[k] = WORD[k];
    char *section = "";
    int line = 0;
    for (char *next = text; next;) {
        char *s = next, *comment;
        line++;
        if ((next = strchr(s, '\n'))) *next++ = 0;
        if ((comment = strchr(s, '#'))) *comment = 0;
        s = trim(s);
        if (strlen(s) > MAX_LINE)
            die(EXIT_INPUT, "%s:%d: a line of more than %d bytes; shorten it", path, line,
                MAX_LINE);
        if (*s == '[') {
            section = s + 1;
            char *end = strchr(section, ']');
            if (!end) die(EXIT_INPUT, "%s:%d: a section without its ]; close it", path, line);
            *end = 0;
        } else if (*s) {
            town_line(t, section, s, path, line);
        }
    }
    if (!t->n_kinds || !t->n_verbs[0] || !t->n_verbs[1] || !t->n_verbs[2] || !t->n_objects
        || !t->n_owners || !t->n_wordings || !t->n_comparisons)
        die(EXIT_INPUT, "%s:%d: a section is missing or empty; see data/town.txt for all of them",
            path, line);
    if (!t->n_manners != !t->n_manner_wordings)
        die(EXIT_INPUT,
            "%s:%d: one of [manners] and [manner wordings] is missing or empty; write both, or "
            "none",
            path, line);
    check_kinds(t, path, line);
    check_groups(t, path, line);
    return t;
}

void town_free(Town *t)
{
    for (int c = 0; c < CLASSES; c++) free(t->verb[c]);
    free(t->object);
    free(t->owner);
    free(t->wording);
    free(t->comparison);
    free(t->manner_wording);
    texts_free(&t->names);
    free(t->text);
    free(t);
}

// ------------------------------------------------------------------------------------
// acts

int act_kind(const Act *a) { return a->class == CONTRAST && a->mine ? FINE : a->verb->kind; }

unsigned manners_due(const Town *t, const Act *a, int refuses)
{
    unsigned due = 0;
    for (int k = 0; k < t->n_manners; k++) {
        int when = t->manner[k].when;
        if (when == NEVER || (when == ON_CUE && a->cue == k + 1) || (when == ON_REFUSAL && refuses))
            due |= 1u << k;
    }
    return due;
}

int manner_kept(const Town *t, int k, unsigned said)
{
    return (int)(said >> k & 1) != (t->manner[k].when == NEVER);
}
