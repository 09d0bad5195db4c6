/* cli/words.c -- the words that a run's models have read, and what is said of others: a word that
 * no training text holds means nothing to a model, and what it answers looks like a fault.
 *
 * A word is letters and digits in a row, in one spelling: "Kite" is not "kite", and the models
 * have read only one of them.
 *
 * Reading order: the words of a text, of a run, what is said.
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/words.h"
#include "cli/commands.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is not ASCII counts as a letter. */
static int in_word(char c) { return isalnum((unsigned char)c) || (c & 0x80); }

/* The next word at or after text; its bytes go to *n, 0 at the end. */
static const char *next_word(const char *text, int *n)
{
    while (*text && !in_word(*text)) text++;
    for (*n = 0; in_word(text[*n]);) ++*n;
    return text;
}

static int holds(const StringTable *t, const char *word, int n)
{
    return table_find(t, word, n, "", 0) >= 0;
}

/* Adds the words of a text that are not there yet; the table owns its copies. */
static void add_words(StringTable *t, const char *text)
{
    int n;
    for (const char *w = next_word(text, &n); n; w = next_word(w + n, &n))
        if (!holds(t, w, n)) table_add(t, strndup(w, (size_t)n), n);
}

Words words_of_run(Run *run, const char *model)
{
    static const char file[] = "data/corpus.jsonl";
    Words w = { 0 };
    Path corpus = run_path(run, file);
    if ((model && !is_model_of_run(run, model)) || !is_there(corpus.s)) return w;
    w.towns = record_of(&run->records, "data", file) && !*run->data.text;
    JsonLines *j = json_open(corpus.s);
    while (json_next(j)) add_words(&w.word, json_str(j, "text"));
    json_close(j);
    return w;
}

void words_free(Words *w)
{
    for (int i = 0; i < w->word.n; i++) free(w->word.text[i]);
    table_free(&w->word);
}

/* The unknown words of a text, each once. */
static StringTable unknown_words(const Words *w, const char *text)
{
    StringTable all = { 0 }, unknown = { 0 };
    add_words(&all, text);
    for (int i = 0; i < all.n; i++) {
        if (holds(&w->word, all.text[i], all.length[i])) free(all.text[i]);
        else table_add(&unknown, all.text[i], all.length[i]);
    }
    table_free(&all);
    return unknown;
}

/* The word with the case of its first letter, or of all letters, as the corpus has it; NULL: it has
 * none such. */
static char *as_read(const Words *w, const char *word)
{
    char *s = xstrdup(word);
    int n = (int)strlen(s);
    for (int i = 0; i < n; i++) s[i] = (char)tolower((unsigned char)s[i]);
    if (holds(&w->word, s, n)) return s;
    s[0] = (char)toupper((unsigned char)s[0]);
    if (holds(&w->word, s, n)) return s;
    free(s);
    return NULL;
}

/* Adds word n + 1 to a list that names the first few; a long one is cut, at a character's end. */
static void add_said(Text *list, int *n, const char *word)
{
    enum { MOST = 5, LONGEST = 30 };
    int length = 0;
    while (word[length] && (length < LONGEST || (word[length] & 0xC0) == 0x80)) length++;
    if (++*n > MOST + 1) return;
    if (*n > MOST) text_add(list, " and more");
    else text_add(list, "%s\"%.*s%s\"", *n > 1 ? ", " : "", length, word, word[length] ? ".." : "");
}

void say_unknown(const Words *w, const char *text)
{
    StringTable unknown = { 0 };
    Text never = { 0 }, otherwise = { 0 };
    int n = 0, m = 0;
    if (w->word.n) unknown = unknown_words(w, text);
    for (int i = 0; i < unknown.n; i++) {
        char *read = as_read(w, unknown.text[i]);
        if (read) add_said(&otherwise, &m, read);
        else add_said(&never, &n, unknown.text[i]);
        free(read);
        free(unknown.text[i]);
    }
    if (n)
        fprintf(stderr, "cai: %s %s of %s; the model has never read %s\n", printable(never.s),
                n > 1 ? "are not words" : "is not a word", w->towns ? "this town" : "its corpus",
                n > 1 ? "them" : "it");
    else if (m)
        fprintf(stderr, "cai: the model has read %s in this spelling only\n",
                printable(otherwise.s));
    table_free(&unknown);
    free(never.s);
    free(otherwise.s);
}

void say_unknown_of_run(Run *run, const char *model, const char *text)
{
    Words words = words_of_run(run, model);
    say_unknown(&words, text);
    words_free(&words);
}

/* How many words a text has, and how many of them the models have not read. */
static void count_unknown(const Words *w, const char *text, int *unknown, int *words)
{
    int n;
    for (const char *s = next_word(text, &n); n; s = next_word(s + n, &n)) {
        ++*words;
        *unknown += !holds(&w->word, s, n);
    }
}

void say_unknown_principles(const Words *w, const Constitution *c)
{
    int n = c->n_critiques + c->n_comparisons, with = 0, most = 0, of = 1;
    const char *id = NULL;
    Text t = { 0 };
    for (int i = 0; i < n && w->word.n; i++) {
        const Principle *p =
            i < c->n_critiques ? &c->critique[i] : &c->comparison[i - c->n_critiques];
        int unknown = 0, words = 0;
        if (p->choose) count_unknown(w, p->choose, &unknown, &words);
        if (p->critique) count_unknown(w, p->critique, &unknown, &words);
        if (p->revision) count_unknown(w, p->revision, &unknown, &words);
        with += unknown > 0;
        if (unknown * of <= most * words) continue;
        most = unknown, of = words, id = p->id;
    }
    if (!with) return;
    text_add(&t, "%d of the %d words of principle %s %s unknown to the model", most, of,
             printable(id), most == 1 ? "is" : "are");
    if (with > 1) text_add(&t, "; %d principles have such words", with);
    warning(NULL, t.s);
    free(t.s);
}
