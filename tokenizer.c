/* tokenizer.c -- byte-level BPE in llama2.c's tokenizer.bin form. Knows bytes, nothing of models.
 *
 * A vocabulary is a list of pieces (strings). Text becomes ids in two moves, those of llama2.c's
 * encoder (github.com/karpathy/llama2.c, run.c), which fixes them for us since the same file
 * must mean the same to both programs:
 *     1. every character takes the id of the piece spelled so, or one byte token per byte;
 *     2. the two neighbours whose concatenation is the piece of highest score become that
 *        piece (the first two on a tie), again and again until no two neighbours are a piece.
 * Training runs move 2 backwards: it asks which concatenation of neighbours is the most frequent
 * in the corpus, makes it a piece with a lower score than all before, and merges: first within words, then, for as
 * many pieces as are asked for, across the words of a phrase.
 *
 * Departures: a NUL byte is encoded like any other (llama2.c stops there); without a piece " " the
 * dummy space is a byte token (llama2.c reads out of bounds).
 * Not done: no Unicode normalisation, no classes of letters beyond ASCII, no special tokens in
 * text ("\n<s>\n" typed by a person is nine characters and stays so).
 * Files are little-endian as the machine is; a big-endian machine would need a swap.
 * SPDX-License-Identifier: MIT
 */
#include "cai.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_LEARNED = TOKEN_BYTE + 256 };

static const char *const special[TOKEN_BYTE] = { "<unk>", "\n<s>\n", "\n</s>\n" };

// ------------------------------------------------------------------------------------
// pieces, and the table that finds them by spelling

static uint32_t hash_bytes(uint32_t h, const char *s, int n) {      /* FNV-1a: can go on from h */
    for (int i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}
enum { HASH_SEED = 216613626 };

/* Id of the piece spelled a then b (given as two strings since that is what merging asks), or -1.
 * Slots are probed one after the other; at least half of them are empty. */
static int find_piece(const Tokenizer *t, const char *a, int n_a, const char *b, int n_b) {
    if (n_a + n_b > t->max_length) return -1;
    uint32_t h = hash_bytes(hash_bytes(HASH_SEED, a, n_a), b, n_b);
    for (uint32_t i = h ^ h >> 15; ; i++) {
        int id = t->slot[i & (uint32_t)(t->n_slots - 1)];
        if (id < 0) return -1;
        if (t->length[id] == n_a + n_b && memcmp(t->piece[id], a, (size_t)n_a) == 0
            && memcmp(t->piece[id] + n_a, b, (size_t)n_b) == 0) return id;
    }
}

/* room: the most pieces that will be added. */
static Tokenizer *tokenizer_new(int room) {
    Tokenizer *t = xcalloc(1, sizeof *t);
    t->piece = xcalloc((size_t)room, sizeof *t->piece);
    t->length = xcalloc((size_t)room, sizeof *t->length);
    t->score = xcalloc((size_t)room, sizeof *t->score);
    for (t->n_slots = 1024; t->n_slots < 2 * room; ) t->n_slots *= 2;
    t->slot = xcalloc((size_t)t->n_slots, sizeof *t->slot);
    for (int i = 0; i < t->n_slots; i++) t->slot[i] = -1;
    return t;
}

/* Of two pieces with one spelling find_piece comes upon the first. */
static void add_piece(Tokenizer *t, const char *text, int length, float score) {
    int id = t->vocab_size++;
    t->piece[id] = memcpy(xcalloc((size_t)length + 1, 1), text, (size_t)length);
    t->length[id] = length;
    t->score[id] = score;
    if (length > t->max_length) t->max_length = length;
    uint32_t h = hash_bytes(HASH_SEED, text, length), i = h ^ h >> 15;   /* as find_piece probes */
    while (t->slot[i & (uint32_t)(t->n_slots - 1)] >= 0) i++;
    t->slot[i & (uint32_t)(t->n_slots - 1)] = id;
}

void tokenizer_free(Tokenizer *t) {
    if (!t) return;
    for (int i = 0; i < t->vocab_size; i++) free(t->piece[i]);
    free(t->piece); free(t->length); free(t->score); free(t->slot); free(t);
}

// ------------------------------------------------------------------------------------
// where text may be cut

enum { MARK, SPACE, NEWLINE, DIGIT, LETTER };

/* Bytes above 127 count as letters. */
static int kind_of(char byte) {
    int c = (unsigned char)byte, low = c | 32;                      /* low: ASCII letters to lower case */
    return c >= 0x80 || (low >= 'a' && low <= 'z') || c == '\'' ? LETTER : c >= '0' && c <= '9' ? DIGIT
         : c == ' ' ? SPACE : c == '\n' ? NEWLINE : MARK;
}

/* 1 if neighbouring bytes a and b are of one word: letters stay together, digits too, newlines too, one space
 * stays with the word, number or mark after it. That two bytes decide, never their surroundings, is what
 * makes encode exact below; so for phrases. */
static int same_word(char a, char b) {
    int kind = kind_of(a), next = kind_of(b);
    if (kind == SPACE) return next != SPACE && next != NEWLINE;
    return kind == next && (kind != MARK || a == b);
}

/* 1 if they are of one phrase: words of one line up to a mark, which is the phrase's last. So a prompt that ends with a mark has the
 * same pieces whatever follows it. Newlines stand alone, for answers stop at them; so does a full stop: a sentence's
 * last word is the same piece that it is elsewhere, and what is learned of one holds for the other. */
static int same_phrase(char a, char b) {
    int kind = kind_of(a);
    return same_word(a, b) || (kind != MARK && kind != NEWLINE && kind_of(b) != NEWLINE && b != '.');
}

/* Bytes of the character at s as llama2.c sees it: a byte and at most three continuation bytes. */
static int character_length(const char *s, size_t left) {
    int n = 1;
    while (n < 4 && (size_t)n < left && ((unsigned char)s[n] & 0xC0) == 0x80) n++;
    return n;
}

/* How far merges may reach in this vocabulary: REACH_WORD if no piece holds a word's boundary; REACH_PHRASE if none holds a phrase's
 * and those of several words ("superwords") score lower than all others, so that they merge last; else REACH_TEXT. The special
 * and byte tokens have so many boundaries inside that no two neighbours could ever make them up. */
static int reach_of(const Tokenizer *t) {
    float lowest = INFINITY, highest_super = -INFINITY;
    for (int id = 0; id < t->vocab_size; id++) {
        if (id < TOKEN_BYTE && strcmp(t->piece[id], special[id]) == 0) continue;
        if (id >= TOKEN_BYTE && id < FIRST_LEARNED) continue;
        int is_super = 0;
        for (int i = 1; i < t->length[id]; i++) {
            char a = t->piece[id][i - 1], b = t->piece[id][i];
            if (!same_phrase(a, b)) return REACH_TEXT;
            is_super |= !same_word(a, b);
        }
        if (is_super) highest_super = fmaxf(highest_super, t->score[id]);
        else lowest = fminf(lowest, t->score[id]);
    }
    return highest_super == -INFINITY ? REACH_WORD : highest_super < lowest ? REACH_PHRASE : REACH_TEXT;
}

// ------------------------------------------------------------------------------------
// encode, decode

/* Move 1 for one character: writes its ids, returns their number. */
static int put_character(const Tokenizer *t, const char *s, int length, int *out) {
    int id = find_piece(t, s, length, "", 0);
    if (id >= 0) { out[0] = id; return 1; }
    for (int i = 0; i < length; i++) out[i] = TOKEN_BYTE + (unsigned char)s[i];
    return length;
}

static int merge_of(const Tokenizer *t, int a, int b) {
    return find_piece(t, t->piece[a], t->length[a], t->piece[b], t->length[b]);
}

/* Move 2 on id[0..n) in place; returns how many are left. made[i]: the piece that i and i+1 would
 * make, or -1. Quadratic in n: fine for words, slow for a "word" of many thousand letters. */
static int merge(const Tokenizer *t, int *id, int n, int *made) {
    for (int i = 0; i + 1 < n; i++) made[i] = merge_of(t, id[i], id[i + 1]);
    for (;;) {
        int best = -1;
        float best_score = -1e10f;                                  /* llama2.c's floor */
        for (int i = 0; i + 1 < n; i++)
            if (made[i] >= 0 && t->score[made[i]] > best_score) best_score = t->score[made[best = i]];
        if (best < 0) return n;
        id[best] = made[best];
        n--;
        for (int i = best + 1; i < n; i++) { id[i] = id[i + 1]; made[i - 1] = made[i]; }
        if (best > 0) made[best - 1] = merge_of(t, id[best - 1], id[best]);
        if (best + 1 < n) made[best] = merge_of(t, id[best], id[best + 1]);
    }
}

/* llama2.c merges over the whole text. We merge between boundaries, which is the same and not
 * quadratic in the text: merges happen only to pieces, no piece holds a boundary, whether
 * there is a boundary between two bytes depends on nothing else, so no merge ever spans one
 * and merges on its two sides do not see each other. Words first and then phrases is llama2.c's order too,
 * since superwords score lowest. A stranger's vocabulary that is neither is merged over the whole text,
 * begin token and all. */
int encode(const Tokenizer *t, const char *text, size_t size, int with_begin, int *out) {
    if (size > INT_MAX - 2) die(EXIT_INPUT, "a text of %zu bytes is too long to encode; cut it", size);
    int *made = xcalloc(size + 2, sizeof *made);
    int n = 0;
    if (with_begin) out[n++] = TOKEN_BEGIN;
    int word = t->reach == REACH_TEXT ? 0 : n, phrase = n;          /* where the present ones begin */
    if (with_begin && size > 0) n += put_character(t, " ", 1, out + n);
    for (size_t i = 0; i < size; ) {
        char before = i > 0 ? text[i - 1] : ' ';
        if (t->reach != REACH_TEXT && !same_word(before, text[i])) n = word = word + merge(t, out + word, n - word, made);
        if (t->reach == REACH_PHRASE && !same_phrase(before, text[i])) n = word = phrase = phrase + merge(t, out + phrase, n - phrase, made);
        int length = character_length(text + i, size - i);
        n += put_character(t, text + i, length, out + n);
        i += (size_t)length;
    }
    n = word + merge(t, out + word, n - word, made);
    if (t->reach == REACH_PHRASE) n = phrase + merge(t, out + phrase, n - phrase, made);
    free(made);
    return n;
}

/* The begin token has no bytes of its own and takes the dummy space off what follows, so that
 * decode(encode(text)) is the text either way. Unknown and end show as they are spelled. */
char *decode(const Tokenizer *t, const int *ids, int n, size_t *size) {
    size_t room = 1, used = 0;
    for (int i = 0; i < n; i++) room += (size_t)t->length[ids[i]];
    char *text = xcalloc(room, 1);
    for (int i = 0; i < n; i++) {
        int id = ids[i];
        if (id == TOKEN_BEGIN) continue;
        char byte = (char)(id - TOKEN_BYTE);
        int is_byte = id >= TOKEN_BYTE && id < FIRST_LEARNED;
        const char *piece = is_byte ? &byte : t->piece[id];
        int length = is_byte ? 1 : t->length[id];
        if (i > 0 && ids[i - 1] == TOKEN_BEGIN && piece[0] == ' ') { piece++; length--; }
        memcpy(text + used, piece, (size_t)length);
        used += (size_t)length;
    }
    if (size) *size = used;
    return text;
}

// ------------------------------------------------------------------------------------
// training

/* Strings with how often they occur, found by spelling. Strings lie in the corpus, never copied: a
 * word is a stretch of it, and so is the concatenation of two neighbours in a word. */
typedef struct { const char *text; int length, n, *id; long count; } Entry;    /* id[n]: of a word */
typedef struct { Entry *entry; int n, room, *slot, n_slots; } Counter;

static void counter_grow(Counter *c) {
    c->room = c->room ? 2 * c->room : 1024;
    c->entry = xrealloc(c->entry, (size_t)c->room, sizeof *c->entry);
    c->n_slots = 2 * c->room;
    c->slot = xrealloc(c->slot, (size_t)c->n_slots, sizeof *c->slot);
    for (int i = 0; i < c->n_slots; i++) c->slot[i] = -1;
    for (int e = 0; e < c->n; e++) {
        uint32_t h = hash_bytes(HASH_SEED, c->entry[e].text, c->entry[e].length), i = h ^ h >> 15;
        while (c->slot[i & (uint32_t)(c->n_slots - 1)] >= 0) i++;
        c->slot[i & (uint32_t)(c->n_slots - 1)] = e;
    }
}

static void count(Counter *c, const char *text, int length, long by) {
    if (c->n == c->room) counter_grow(c);
    uint32_t h = hash_bytes(HASH_SEED, text, length);
    for (uint32_t i = h ^ h >> 15; ; i++) {
        int *slot = &c->slot[i & (uint32_t)(c->n_slots - 1)];
        if (*slot < 0) { *slot = c->n; c->entry[c->n++] = (Entry){ text, length, 0, NULL, by }; return; }
        Entry *e = &c->entry[*slot];
        if (e->length == length && memcmp(e->text, text, (size_t)length) == 0) { e->count += by; return; }
    }
}

static void counter_free(Counter *c) {
    for (int i = 0; i < c->n; i++) free(c->entry[i].id);
    free(c->entry); free(c->slot);
}

/* More frequent first; then in byte order, so that the result does not hang on the table's order. */
static int by_count(const void *pa, const void *pb) {
    const Entry *a = pa, *b = pb;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    int c = memcmp(a->text, b->text, (size_t)(a->length < b->length ? a->length : b->length));
    return c ? c : a->length - b->length;
}

/* Every character that occurs becomes a piece, the most frequent first should there be no room for
 * all; the rest stay byte tokens, as do stray bytes and NUL, which llama2.c's strings cannot hold. */
static void add_characters(Tokenizer *t, const char *text, size_t size, int vocab_size) {
    Counter c = { 0 };
    count(&c, " ", 1, LONG_MAX / 2);                /* llama2.c cannot do without: always first */
    for (size_t i = 0; i < size; ) {
        int n = character_length(text + i, size - i), first = (unsigned char)text[i];
        int want = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
        if (n == want && first != 0) count(&c, text + i, n, 1);
        i += (size_t)n;
    }
    qsort(c.entry, (size_t)c.n, sizeof *c.entry, by_count);
    for (int i = 0; i < c.n && t->vocab_size < vocab_size; i++)
        add_piece(t, c.entry[i].text, c.entry[i].length, 0);
    counter_free(&c);
}

/* Cuts the corpus at its boundaries into words (or phrases), each once with its count, and encodes them. */
static Counter count_words(const Tokenizer *t, const char *text, size_t size) {
    Counter words = { 0 };
    for (size_t i = 0, end; i < size; i = end) {
        for (end = i + 1; end < size && (t->reach == REACH_WORD ? same_word : same_phrase)(text[end - 1], text[end]); ) end++;
        count(&words, text + i, (int)(end - i), 1);
    }
    for (int i = 0; i < words.n; i++) {
        Entry *w = &words.entry[i];
        w->id = xcalloc((size_t)w->length + 2, sizeof *w->id);
        w->n = encode(t, w->text, (size_t)w->length, 0, w->id);
    }
    return words;
}

enum { MOST_WORDS = 3 };        /* of a superword: with longer ones, what is learned of " help you" in one phrase is not known in another */

static int word_count(const char *text, int length) {
    int n = 1;
    for (int i = 1; i < length; i++) n += !same_word(text[i - 1], text[i]);
    return n;
}

/* Calls for every two neighbours of a word (or phrase: then those of two words), neither a byte token, as these never
 * merge: adds by to the count of their concatenation, or with pairs NULL returns 1 if it is the wanted piece. */
static int each_pair(const Tokenizer *t, const Entry *word, Counter *pairs, long by, const char *want, int n_want) {
    const char *at = word->text;
    for (int i = 0; i + 1 < word->n; i++) {
        int a = word->id[i], b = word->id[i + 1];
        int n_a = a < FIRST_LEARNED ? 1 : t->length[a], n = n_a + t->length[b];
        if (a >= FIRST_LEARNED && b >= FIRST_LEARNED && same_word(at[n_a - 1], at[n_a]) == (t->reach == REACH_WORD)
            && word_count(at, n) <= MOST_WORDS) {
            if (pairs) count(pairs, at, n, by);
            else if (n == n_want && memcmp(at, want, (size_t)n) == 0) return 1;
        }
        at += n_a;
    }
    return 0;
}

/* Makes piece the newest and merges it wherever it stands, keeping the counts right. Since words are
 * merged by encode's own rule they are at each moment what encode would make of them. */
static void learn_piece(Tokenizer *t, Counter *words, Counter *pairs, const char *piece, int length, float score) {
    int made[1024];
    add_piece(t, piece, length, score);
    for (int i = 0; i < words->n; i++) {
        Entry *w = &words->entry[i];
        if (!each_pair(t, w, NULL, 0, piece, length)) continue;
        int *scratch = w->n <= 1024 ? made : xcalloc((size_t)w->n, sizeof *scratch);
        each_pair(t, w, pairs, -w->count, NULL, 0);
        w->n = merge(t, w->id, w->n, scratch);
        each_pair(t, w, pairs, w->count, NULL, 0);
        if (scratch != made) free(scratch);
    }
}

/* Learns pieces until there are vocab_size or nothing is left that occurs twice. Each round looks at all words
 * and all pairs: wasteful, and a second for a megabyte of prose; a priority queue would pay off for
 * vocabularies ten times ours. */
static void learn_pieces(Tokenizer *t, const char *text, size_t size, int vocab_size) {
    if (t->vocab_size >= vocab_size) return;
    Counter words = count_words(t, text, size), pairs = { 0 };
    for (int i = 0; i < words.n; i++) each_pair(t, &words.entry[i], &pairs, words.entry[i].count, NULL, 0);
    while (t->vocab_size < vocab_size && pairs.n > 0) {
        const Entry *best = pairs.entry;
        for (int i = 1; i < pairs.n; i++) if (by_count(&pairs.entry[i], best) < 0) best = &pairs.entry[i];
        if (best->count < 2) break;
        learn_piece(t, &words, &pairs, best->text, best->length, t->score[t->vocab_size - 1] - 1);
    }
    counter_free(&words);
    counter_free(&pairs);
}

/* vocab_size pieces, or fewer if the text has no more, see the result's vocab_size; the last `superwords` of them may hold
 * several words of a phrase: " The rule is". The town's texts then come to a quarter fewer tokens, and everything takes as
 * much less time (Liu et al. 2025, arXiv 2503.13423). */
Tokenizer *tokenizer_train(const char *text, size_t size, int vocab_size, int superwords) {
    if (vocab_size - superwords <= FIRST_LEARNED)
        die(EXIT_USAGE, "a vocabulary of %d is too small; take at least %d", vocab_size, FIRST_LEARNED + superwords + 1);
    if (size > INT_MAX - 2) die(EXIT_INPUT, "a corpus of %zu bytes is too long for the tokenizer; give it a part", size);
    Tokenizer *t = tokenizer_new(vocab_size);
    for (int i = 0; i < TOKEN_BYTE; i++) add_piece(t, special[i], (int)strlen(special[i]), 0);
    for (int i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)i);
        add_piece(t, name, 6, 0);
    }
    add_characters(t, text, size, vocab_size - superwords);
    t->reach = REACH_WORD;
    learn_pieces(t, text, size, vocab_size - superwords);
    t->reach = REACH_PHRASE;
    learn_pieces(t, text, size, t->vocab_size + superwords);
    t->reach = reach_of(t);
    return t;
}

// ------------------------------------------------------------------------------------
// tokenizer.bin: int32 longest piece; for each id float32 score, int32 length, the bytes

void tokenizer_save(const Tokenizer *t, const char *path) {
    FILE *f = create_file(path);
    int32_t longest = t->max_length;
    fwrite(&longest, sizeof longest, 1, f);
    for (int i = 0; i < t->vocab_size; i++) {
        int32_t length = t->length[i];
        fwrite(&t->score[i], sizeof t->score[i], 1, f);
        fwrite(&length, sizeof length, 1, f);
        fwrite(t->piece[i], 1, (size_t)length, f);
    }
    commit_file(f, path);           /* a write that failed above is found here */
}

/* Length of the piece whose record begins at byte at; dies if the record is not whole. */
static int32_t piece_length(const char *path, const char *data, size_t size, size_t at) {
    int32_t length = 0;
    if (size - at >= 8) memcpy(&length, data + at + 4, 4);
    if (size - at < 8 || length < 1 || (size_t)length > size - at - 8)
        die(EXIT_INPUT, "%s: broken at byte %zu, not a whole tokenizer.bin; make or fetch it again", path, at);
    return length;
}

static void check_piece(const char *path, const Tokenizer *t, int id, int32_t longest) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", (unsigned)(id - TOKEN_BYTE) & 0xFF);
    if (id >= TOKEN_BYTE && id < FIRST_LEARNED && strcmp(t->piece[id], name) != 0)
        die(EXIT_INPUT, "%s: piece %d is not the byte token %s; give a tokenizer.bin in llama2.c's form", path, id, name);
    if (strlen(t->piece[id]) != (size_t)t->length[id])
        die(EXIT_INPUT, "%s: piece %d holds a NUL byte; llama2.c could not read it, make it again", path, id);
    if (t->length[id] > longest)
        die(EXIT_INPUT, "%s: piece %d is longer than the %d bytes of the header; make or fetch it again",
            path, id, (int)longest);
}

/* The file does not say how many pieces it holds: vocab_size must come from the model. */
Tokenizer *tokenizer_load(const char *path, int vocab_size) {
    size_t size;
    char *data = read_file(path, &size);
    int32_t longest, held = 0;
    if (size < sizeof longest) die(EXIT_INPUT, "%s: too short for a tokenizer.bin; make or fetch it again", path);
    memcpy(&longest, data, sizeof longest);
    for (size_t at = 4; at < size; held++) at += 8 + (size_t)piece_length(path, data, size, at);
    if (vocab_size && held != vocab_size)
        die(EXIT_INPUT, "%s: holds %d pieces but the model wants %d; use the tokenizer the model was trained with",
            path, (int)held, vocab_size);
    if (held < FIRST_LEARNED)
        die(EXIT_INPUT, "%s: %d pieces are fewer than the %d special and byte tokens; give a tokenizer.bin in llama2.c's form",
            path, (int)held, FIRST_LEARNED);
    Tokenizer *t = tokenizer_new(held);
    for (size_t at = 4; at < size; ) {
        int32_t length = piece_length(path, data, size, at);
        float score;
        memcpy(&score, data + at, 4);
        add_piece(t, data + at + 8, length, score);
        check_piece(path, t, t->vocab_size - 1, longest);
        at += 8 + (size_t)length;
    }
    free(data);
    t->reach = reach_of(t);
    return t;
}
