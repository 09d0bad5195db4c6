/* tokenizer.c -- byte-level BPE in llama2.c's tokenizer.bin form. Knows bytes, nothing of models.
 *
 * A vocabulary is a list of pieces (strings), each with a score. Text becomes ids in two moves,
 * those of llama2.c's encoder (github.com/karpathy/llama2.c, run.c): a tokenizer.bin must mean the
 * same to both programs.
 *     1. Every character takes the id of the piece spelled so, or one byte token per byte.
 *     2. The two neighbours whose concatenation is the piece of highest score become that piece
 *        (the first two on a tie), again and again until no two neighbours make a piece.
 * Training runs move 2 backwards. It asks which concatenation of neighbours is the most frequent
 * in the corpus, makes it a piece with a lower score than all before, and merges it: first within
 * words, then, for as many pieces as are asked for, across the words of a phrase.
 *
 * Departures: a NUL byte is encoded like any other (llama2.c stops there). Without a piece " " the
 * dummy space is a byte token (llama2.c reads out of bounds).
 * Not done: no Unicode normalisation, no classes of letters beyond ASCII, no special tokens in
 * text ("<s>" typed by a person is three characters and stays so).
 * Files are little-endian as the machine is; a big-endian machine would need a swap.
 * SPDX-License-Identifier: MIT
 */
#include "include/tokenizer.h"
#include "lib/files.h"
#include "lib/heap.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_LEARNED = TOKEN_BYTE + 256 };
_Static_assert(sizeof(int) == 4, "the files hold int32");

// ------------------------------------------------------------------------------------
// pieces

/* How the special and byte tokens are spelled, which are the same in every vocabulary. */
static const char *fixed_piece(int id, char name[8])
{
    static const char *const special[TOKEN_BYTE] = { "<unk>", "\n<s>\n", "\n</s>\n" };
    if (id < TOKEN_BYTE) return special[id];
    snprintf(name, 8, "<0x%02X>", (unsigned)(id - TOKEN_BYTE) & 0xFF);
    return name;
}

static Tokenizer *tokenizer_new(void)
{
    Tokenizer *t = xcalloc(1, sizeof *t);
    t->joined = xcalloc(256, sizeof *t->joined);
    return t;
}

/* Of two pieces with one spelling the first is found. */
static void add_piece(Tokenizer *t, const char *text, int length, float score)
{
    char *copy = memcpy(xcalloc((size_t)length + 1, 1), text, (size_t)length);
    int id = table_add(&t->pieces, copy, length);
    t->vocab_size = id + 1;
    t->score = xrealloc(t->score, (size_t)t->pieces.max_n, sizeof *t->score);
    t->score[id] = score;
    if (length > t->max_length) t->max_length = length;
    for (int i = 1; i < length; i++)
        t->joined[(unsigned char)text[i - 1]][(unsigned char)text[i]] = 1;
}

void tokenizer_free(Tokenizer *t)
{
    if (!t) return;
    for (int i = 0; i < t->vocab_size; i++) free(t->pieces.text[i]);
    table_free(&t->pieces);
    free(t->score);
    free(t->joined);
    free(t);
}

// ------------------------------------------------------------------------------------
// encode, decode

/* Bytes of the character at s as llama2.c sees it: a byte and at most three continuation bytes. */
static int character_length(const char *s, size_t left)
{
    int n = 1;
    while (n < 4 && (size_t)n < left && ((unsigned char)s[n] & 0xC0) == 0x80) n++;
    return n;
}

/* Move 1 for one character: writes its ids, returns their number. */
static int put_character(const Tokenizer *t, const char *s, int length, int *out)
{
    out[0] = table_find(&t->pieces, s, length, "", 0);
    if (out[0] >= 0) return 1;
    for (int i = 0; i < length; i++) out[i] = TOKEN_BYTE + (unsigned char)s[i];
    return length;
}

/* Move 2 takes tokens as a linked list, and the merges that can be made as a heap whose first is
 * made next. An entry is out of date when its place no longer makes a piece of that score. */
typedef struct {
    int *next, *before; /* (n) the neighbours that are left; n and -1 beyond the ends */
    int *made;          /* (n) the piece that this token and the next one make, or -1 */
    int max_n;
    Heap best;
} Merging;

static void merging_free(Merging *m)
{
    free(m->next); /* and before and made, which lie behind it */
    free(m->best.entry);
}

/* Notes what the token at `at` and the next one make. */
static void note_merge(const Tokenizer *t, Merging *m, const int *id, int n, int at)
{
    const StringTable *p = &t->pieces;
    int a = id[at], next = m->next[at], piece = -1;
    if (next < n && p->length[a] + p->length[id[next]] <= t->max_length)
        piece = table_find(p, p->text[a], p->length[a], p->text[id[next]], p->length[id[next]]);
    if (piece >= 0 && !(t->score[piece] > -1e10f)) piece = -1; /* llama2.c's floor; or NaN */
    if (piece >= 0) heap_push(&m->best, t->score[piece], at);
    m->made[at] = piece;
}

/* Move 2 on id[0..n) in place. Returns how many ids are left. Takes n log n steps. */
static int merge(const Tokenizer *t, Merging *m, int *id, int n)
{
    if (n > m->max_n) {
        m->max_n = n;
        m->next = xrealloc(m->next, 3 * (size_t)m->max_n, sizeof(int));
        m->before = m->next + m->max_n;
        m->made = m->before + m->max_n;
    }
    for (int i = 0; i < n; i++) {
        m->next[i] = i + 1;
        m->before[i] = i - 1;
        note_merge(t, m, id, n, i);
    }
    while (m->best.n > 0) {
        HeapEntry best = heap_pop(&m->best);
        int at = best.at, piece = m->made[at];
        if (piece < 0 || t->score[piece] != best.score) continue; /* out of date */
        int gone = m->next[at], after = m->next[gone];            /* gone: merged into `at` */
        id[at] = piece;
        m->made[gone] = -1;
        m->next[at] = after;
        if (after < n) m->before[after] = at;
        note_merge(t, m, id, n, at);
        if (at > 0) note_merge(t, m, id, n, m->before[at]);
    }
    int left = 0;
    for (int i = 0; i < n; i = m->next[i]) id[left++] = id[i];
    return left;
}

/* 1 if some piece holds the last byte of a's spelling and the first byte of b's side by side. */
static int may_meet(const Tokenizer *t, int a, int b)
{
    const char *end = t->pieces.text[a] + t->pieces.length[a] - 1, *start = t->pieces.text[b];
    return t->joined[(unsigned char)*end][(unsigned char)*start];
}

/* llama2.c merges over the whole text. Here each stretch is merged by itself, which is the same:
 * two tokens that may not meet never come into one piece, however much is merged on either side,
 * so that the two sides do not see each other. */
int encode(const Tokenizer *t, const char *text, size_t size, int with_begin, int *out)
{
    if (size > INT_MAX - 2) die(EXIT_INPUT, "a text of %zu bytes is too long; cut it", size);
    Merging m = { 0 };
    int n = 0, left = 0;
    if (with_begin) out[n++] = TOKEN_BEGIN;
    if (with_begin && size > 0) n += put_character(t, " ", 1, out + n);
    for (size_t i = 0, length; i < size; i += length) {
        length = (size_t)character_length(text + i, size - i);
        n += put_character(t, text + i, (int)length, out + n);
    }
    for (int start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && may_meet(t, out[end - 1], out[end]);) end++;
        memmove(out + left, out + start, (size_t)(end - start) * sizeof *out);
        left += merge(t, &m, out + left, end - start);
    }
    merging_free(&m);
    return left;
}

/* The begin token has no bytes of its own and takes the dummy space off what follows, so that
 * decode(encode(text)) is the text either way. Unknown and end are written as they are spelled. */
char *decode(const Tokenizer *t, const int *ids, int n, size_t *size)
{
    size_t max_size = 1, used = 0;
    for (int i = 0; i < n; i++) max_size += (size_t)t->pieces.length[ids[i]];
    char *text = xcalloc(max_size, 1);
    for (int i = 0; i < n; i++) {
        int id = ids[i], is_byte = id >= TOKEN_BYTE && id < FIRST_LEARNED;
        if (id == TOKEN_BEGIN) continue;
        char byte = (char)(id - TOKEN_BYTE);
        const char *piece = is_byte ? &byte : t->pieces.text[id];
        int length = is_byte ? 1 : t->pieces.length[id];
        int dummy = i > 0 && ids[i - 1] == TOKEN_BEGIN && piece[0] == ' ';
        memcpy(text + used, piece + dummy, (size_t)(length - dummy));
        used += (size_t)(length - dummy);
    }
    if (size) *size = used;
    return text;
}

// ------------------------------------------------------------------------------------
// training: characters, words, phrases

/* Every character that occurs becomes a piece, the most frequent first in case there is no room
 * for all. The rest stay byte tokens; so do stray bytes, and NUL, which no piece may hold. */
static void add_characters(Tokenizer *t, const char *text, size_t size, int vocab_size)
{
    StringTable c = { 0 };                 /* strings lie in the corpus and are not copied */
    table_count(&c, " ", 1, LONG_MAX / 2); /* llama2.c cannot do without: always first */
    for (size_t i = 0; i < size;) {
        int n = character_length(text + i, size - i), a = (unsigned char)text[i];
        int want = a < 0x80 ? 1 : a < 0xC2 ? 0 : a < 0xE0 ? 2 : a < 0xF0 ? 3 : a < 0xF5 ? 4 : 0;
        if (n == want && a != 0) table_count(&c, text + i, n, 1);
        i += (size_t)n;
    }
    for (int best; t->vocab_size < vocab_size && (best = table_most_frequent(&c, 1)) >= 0;) {
        add_piece(t, c.text[best], c.length[best], 0);
        c.count[best] = 0;
    }
    table_free(&c);
}

enum { MARK, SPACE, NEWLINE, DIGIT, LETTER };

/* Bytes above 127 count as letters. */
static int kind_of(char byte)
{
    int c = (unsigned char)byte, lower = c | 32;
    if (c >= 0x80 || (lower >= 'a' && lower <= 'z') || c == '\'') return LETTER;
    if (c >= '0' && c <= '9') return DIGIT;
    return c == ' ' ? SPACE : c == '\n' ? NEWLINE : MARK;
}

/* 1 if neighbouring bytes a and b are of one word. Letters stay together, so do digits and so do
 * newlines; one space stays with the word, number or mark after it. */
static int same_word(char a, char b)
{
    int kind = kind_of(a), next = kind_of(b);
    if (kind == SPACE) return next != SPACE && next != NEWLINE;
    return kind == next && (kind != MARK || a == b);
}

/* 1 if they are of one phrase: words of one line up to a mark, which is the phrase's last. So a
 * prompt that ends with a mark has the same pieces whatever follows it. Newlines stand alone,
 * since answers stop at them. So does a full stop: the last word of a sentence is the piece that
 * it is elsewhere, and what is learned of one holds for the other. */
static int same_phrase(char a, char b)
{
    if (same_word(a, b)) return 1;
    return kind_of(a) != MARK && kind_of(a) != NEWLINE && kind_of(b) != NEWLINE && b != '.';
}

static int count_words(const char *text, int length)
{
    int n = 1;
    for (int i = 1; i < length; i++) n += !same_word(text[i - 1], text[i]);
    return n;
}

// ------------------------------------------------------------------------------------
// training: pieces

typedef struct {
    const char *text;
    int *id, n; /* its tokens */
    long count; /* how often the corpus has it */
} Word;         /* or phrase */

/* Cuts the corpus into words (or phrases), each once with its count, and encodes them. Their texts
 * lie in the corpus and are not copied; so do those of the pairs below. */
static Word *cut_words(const Tokenizer *t, const char *text, size_t size, int phrases, int *n)
{
    int (*same)(char, char) = phrases ? same_phrase : same_word;
    StringTable c = { 0 };
    for (size_t i = 0, end; i < size; i = end) {
        for (end = i + 1; end < size && same(text[end - 1], text[end]);) end++;
        table_count(&c, text + i, (int)(end - i), 1);
    }
    *n = c.n;
    Word *word = xcalloc((size_t)*n, sizeof *word);
    for (int i = 0; i < *n; i++) {
        int length = c.length[i];
        word[i] = (Word){ c.text[i], xcalloc((size_t)length + 2, sizeof(int)), 0, c.count[i] };
        word[i].n = encode(t, word[i].text, (size_t)length, 0, word[i].id);
    }
    table_free(&c);
    return word;
}

/* Of a piece. What is learned of " help you" in one long piece would not be known in another. */
enum { MAX_WORDS = 3 };

/* Bytes of the corpus that a token stands for. */
static int bytes_of(const Tokenizer *t, int id)
{
    return id < FIRST_LEARNED ? 1 : t->pieces.length[id];
}

/* Bytes of tokens id[0] and id[1], whose text this is, if the two may become a piece; else 0. Byte
 * tokens never merge; in a word any other two may, in a phrase two that different words hold. */
static int pair_length(const Tokenizer *t, const int *id, const char *text, int phrases)
{
    int n_a = bytes_of(t, id[0]), n = n_a + bytes_of(t, id[1]);
    if (id[0] < FIRST_LEARNED || id[1] < FIRST_LEARNED) return 0;
    if (same_word(text[n_a - 1], text[n_a]) == phrases) return 0;
    return n <= MAX_PIECE && count_words(text, n) <= MAX_WORDS ? n : 0;
}

/* Adds `by` to the count of every pair of the word. */
static void count_pairs(const Tokenizer *t, const Word *w, int phrases, long by, StringTable *pairs)
{
    const char *at = w->text;
    for (int i = 0; i + 1 < w->n; at += bytes_of(t, w->id[i++])) {
        int n = pair_length(t, w->id + i, at, phrases);
        if (n) table_count(pairs, at, n, by);
    }
}

/* 1 if a pair of the word is spelled so. */
static int has_pair(const Tokenizer *t, const Word *w, int phrases, const char *text, int length)
{
    const char *at = w->text;
    for (int i = 0; i + 1 < w->n; at += bytes_of(t, w->id[i++]))
        if (pair_length(t, w->id + i, at, phrases) == length && !memcmp(at, text, (size_t)length))
            return 1;
    return 0;
}

/* Learns pieces until there are vocab_size or no pair is left that occurs twice: makes the most
 * frequent pair a piece, merges it wherever it stands, and keeps the counts right. The newest piece
 * scores lowest, so the words are at each moment what encode would make of them. Each round looks
 * at all words and all pairs: a second for a megabyte of prose. A priority queue would pay off for
 * vocabularies ten times ours. */
static void learn_pieces(Tokenizer *t, const char *text, size_t size, int vocab_size, int phrases)
{
    if (t->vocab_size >= vocab_size) return;
    StringTable pairs = { 0 };
    Merging m = { 0 };
    int n, best;
    Word *word = cut_words(t, text, size, phrases, &n);
    for (int i = 0; i < n; i++) count_pairs(t, &word[i], phrases, word[i].count, &pairs);
    while (t->vocab_size < vocab_size && (best = table_most_frequent(&pairs, 2)) >= 0) {
        const char *piece = pairs.text[best];
        int length = pairs.length[best];
        add_piece(t, piece, length, t->score[t->vocab_size - 1] - 1);
        for (Word *w = word; w < word + n; w++) {
            if (!has_pair(t, w, phrases, piece, length)) continue;
            count_pairs(t, w, phrases, -w->count, &pairs);
            w->n = merge(t, &m, w->id, w->n);
            count_pairs(t, w, phrases, w->count, &pairs);
        }
    }
    for (int i = 0; i < n; i++) free(word[i].id);
    free(word);
    table_free(&pairs);
    merging_free(&m);
}

/* vocab_size pieces, or fewer if the text has no more (see the result's vocab_size). The last
 * `superwords` of them may hold several words of a phrase: " The rule is". The town's texts then
 * come to a quarter fewer tokens, and everything takes as much less time (Liu et al. 2025,
 * arXiv 2503.13423). */
Tokenizer *tokenizer_train(const char *text, size_t size, int vocab_size, int superwords)
{
    int min = FIRST_LEARNED + superwords + 1;
    if (vocab_size < min)
        die(EXIT_USAGE, "a vocabulary of %d is too small; take at least %d", vocab_size, min);
    if (size > INT_MAX - 2) die(EXIT_INPUT, "a corpus of %zu bytes is too long; give a part", size);
    Tokenizer *t = tokenizer_new();
    for (int id = 0; id < FIRST_LEARNED; id++) {
        char name[8];
        const char *piece = fixed_piece(id, name);
        add_piece(t, piece, (int)strlen(piece), 0);
    }
    add_characters(t, text, size, vocab_size - superwords);
    learn_pieces(t, text, size, vocab_size - superwords, 0);
    learn_pieces(t, text, size, t->vocab_size + superwords, 1);
    return t;
}

// ------------------------------------------------------------------------------------
// tokenizer.bin: int32 longest piece; for each id float32 score, int32 length, the bytes

void tokenizer_save(const Tokenizer *t, const char *path)
{
    FILE *f = create_file(path);
    fwrite(&t->max_length, sizeof(int), 1, f);
    for (int id = 0; id < t->vocab_size; id++) {
        fwrite(&t->score[id], sizeof(float), 1, f);
        fwrite(&t->pieces.length[id], sizeof(int), 1, f);
        fwrite(t->pieces.text[id], 1, (size_t)t->pieces.length[id], f);
    }
    commit_file(f, path); /* a write that failed above is found here */
}

/* The file does not say how many pieces it holds: vocab_size must come from the model, 0: any. */
Tokenizer *tokenizer_load(const char *path, int vocab_size)
{
    size_t size, at = 4;
    char *data = read_file(path, &size), name[8];
    float score;
    int longest, length = 0;
    if (size < 4) die(EXIT_INPUT, "%s: too short for a tokenizer.bin; make it again", path);
    memcpy(&longest, data, 4);
    Tokenizer *t = tokenizer_new();
    for (int id = 0; at < size; id++, at += 8 + (size_t)length) {
        if (size - at >= 8) memcpy(&length, data + at + 4, 4);
        if (size - at < 8 || length < 1 || (size_t)length > size - at - 8)
            die(EXIT_INPUT, "%s: broken at byte %zu, not whole; make or fetch it again", path, at);
        if (length > longest)
            die(EXIT_INPUT, "%s: piece %d is longer than the %d bytes of the header; make it again",
                path, id, longest);
        if (memchr(data + at + 8, 0, (size_t)length))
            die(EXIT_INPUT, "%s: piece %d holds a NUL byte; make or fetch it again", path, id);
        memcpy(&score, data + at, 4);
        add_piece(t, data + at + 8, length, score);
        int is_byte = id >= TOKEN_BYTE && id < FIRST_LEARNED;
        if (is_byte && strcmp(t->pieces.text[id], fixed_piece(id, name)))
            die(EXIT_INPUT, "%s: piece %d is not the byte token %s; make it again", path, id, name);
    }
    free(data);
    if (vocab_size && t->vocab_size != vocab_size)
        die(EXIT_INPUT, "%s: holds %d pieces but the model wants %d; give it its own tokenizer",
            path, t->vocab_size, vocab_size);
    if (t->vocab_size < FIRST_LEARNED)
        die(EXIT_INPUT, "%s: %d pieces are fewer than the %d that are always there; fetch it again",
            path, t->vocab_size, FIRST_LEARNED);
    return t;
}
