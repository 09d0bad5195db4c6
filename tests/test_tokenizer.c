/* tests/test_tokenizer.c -- ids worked out by hand from llama2.c's algorithm; encode against a slow
 * second implementation of it that shares no line with tokenizer.c; decode(encode(bytes)) == bytes;
 * broken tokenizer.bin files.
 * SPDX-License-Identifier: MIT
 */
#define _XOPEN_SOURCE 700
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <time.h>

#include "cai.h"
#include "lib/heap.h"
#include "death.h"

// ------------------------------------------------------------------------------------
// vocabularies

/* A tokenizer.bin in memory; the first 259 pieces are always the same. */
typedef struct {
    char bytes[1 << 16];
    size_t size;
    int n;
} Bin;

static void put(Bin *b, float score, const char *piece)
{
    int32_t length = (int32_t)strlen(piece);
    memcpy(b->bytes + b->size, &score, 4);
    memcpy(b->bytes + b->size + 4, &length, 4);
    memcpy(b->bytes + b->size + 8, piece, (size_t)length);
    b->size += 8 + (size_t)length;
    b->n++;
}

static Bin *bin_new(void)
{
    static Bin b;
    int32_t longest = 16;
    memcpy(b.bytes, &longest, 4);
    b.size = 4;
    b.n = 0;
    put(&b, 0, "<unk>");
    put(&b, 0, "\n<s>\n");
    put(&b, 0, "\n</s>\n");
    for (unsigned i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        put(&b, 0, name);
    }
    return &b;
}

static Tokenizer *bin_load(const Bin *b)
{
    const char *path = in_scratch("made.bin");
    write_bytes(path, b->bytes, b->size);
    return tokenizer_load(path, b->n);
}

static Tokenizer *hand_made(const char *one_more)
{
    Bin *b = bin_new();
    put(b, 0, " ");                        /* 259 */
    put(b, 0, "h");                        /* 260 */
    put(b, 0, "e");                        /* 261 */
    put(b, 0, "l");                        /* 262 */
    put(b, 0, "o");                        /* 263 */
    put(b, -1, " h");                      /* 264 */
    put(b, -2, "ll");                      /* 265 */
    put(b, -3, "el");                      /* 266 */
    put(b, -4, "ell");                     /* 267 */
    put(b, 0, "a");                        /* 268 */
    put(b, -5, "aa");                      /* 269 */
    put(b, 0, "b");                        /* 270 */
    put(b, -6, "ab");                      /* 271 */
    put(b, -6, "ba");                      /* 272 */
    put(b, 0, "\xC3\xA9");                 /* 273 e with acute accent */
    put(b, -2e10f, "oo");                  /* 274 below llama2.c's floor of -1e10: never merged */
    if (one_more) put(b, -0.5f, one_more); /* 275 */
    return bin_load(b);
}

static const char *corpus =
    "alice : please help me swipe the bike .\n\nbob : i will not help , for to swipe is theft .\n\n"
    "alice : why ?\n\nbob : theft takes what belongs to others : 12 bikes and 120 boats .\n\n\n"
    "caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9s \xE2\x82\xAC"
    "20 \xE2\x82\xAC"
    "20  two  spaces  here , the the the swipe swipe";

// ------------------------------------------------------------------------------------
// known ids

static void check_ids(const Tokenizer *t, const char *text, int begin, int n, const int *want)
{
    int got[64];
    assert_int_equal(encode(t, text, strlen(text), begin, got), n);
    assert_memory_equal(got, want, (size_t)n * sizeof *want);
}
#define IDS(t, text, begin, ...)                                                                   \
    check_ids(t, text, begin, (int)(sizeof(int[]){ __VA_ARGS__ } / sizeof(int)),                   \
              (int[]){ __VA_ARGS__ })

static void known_ids(void **state)
{
    (void)state;
    Tokenizer *t = hand_made(NULL);
    IDS(t, "hello", 1, 1, 264, 267, 263); /* " h" -1, "ll" -2 (before "el" -3), then e+ll = "ell" */
    IDS(t, "hello", 0, 260, 267, 263);    /* a continuation: nothing added in front */
    IDS(t, "hel", 0, 260, 266);
    IDS(t, "aaa", 0, 269, 268); /* on a tie the first pair */
    IDS(t, "aba", 0, 271, 268); /* "ab" and "ba" score the same: the first */
    IDS(t, "bab", 0, 272, 270);
    IDS(t, "\xC3\xA9\xC3\xA8", 0, 273, 198,
        171);                     /* a known character, and one that falls to bytes */
    IDS(t, "a\x80", 0, 100, 131); /* llama2.c reads this as one unknown character */
    IDS(t,
        "\x80\x80\x80\x80\x80"
        "a",
        0, 131, 131, 131, 131, 131, 268);
    IDS(t, "oo", 0, 263, 263); /* a score below the floor */
    IDS(t, " ", 1, 1, 259, 259);
    IDS(t, "z", 1, 1, 259, 125);
    IDS(t, "", 1, 1); /* nothing: no dummy space either */
    int id[4];
    assert_int_equal(encode(t, "", 0, 0, id), 0);
    assert_int_equal(encode(t, "a\0a", 3, 0, id), 3);
    assert_int_equal(id[1], 3); /* <0x00> */
    tokenizer_free(t);
}

/* A stranger's pieces across words: " h" merges at -1, then "o" and " h" to "o h" at -0.5. */
static void across_words(void **state)
{
    (void)state;
    Tokenizer *t = hand_made("o h");
    IDS(t, "lo ho", 0, 262, 275, 263);
    tokenizer_free(t);
    t = hand_made("\n<s>\n "); /* even the begin token takes part by its spelling */
    IDS(t, "b", 1, 275, 270);
    tokenizer_free(t);
    t = hand_made("\x80"); /* a "character" ends after four bytes */
    IDS(t, "\xC3\x80\x80\x80\x80", 0, 198, 131, 131, 131, 275);
    tokenizer_free(t);
}

// ------------------------------------------------------------------------------------
// a second encoder: strings, linear search, nothing clever

static int slow_find(const Tokenizer *t, const char *s)
{
    for (int i = 0; i < t->vocab_size; i++)
        if (strcmp(t->pieces.text[i], s) == 0) return i;
    return -1;
}

static int slow_encode(const Tokenizer *t, const char *text, int begin, int *id)
{
    int n = 0;
    if (begin) id[n++] = 1;
    if (begin && *text) id[n++] = slow_find(t, " ");
    while (*text) {
        char one[5] = { *text++ };
        for (int i = 1; i < 4 && ((unsigned char)*text >> 6) == 2; i++) one[i] = *text++;
        int whole = slow_find(t, one);
        if (whole >= 0) id[n++] = whole;
        else
            for (char *c = one; *c; c++) id[n++] = 3 + (unsigned char)*c;
    }
    for (;;) {
        int where = -1, what = -1;
        for (int i = 0; i < n - 1; i++) {
            char both[256];
            snprintf(both, sizeof both, "%s%s", t->pieces.text[id[i]], t->pieces.text[id[i + 1]]);
            int found = slow_find(t, both);
            if (found >= 0 && t->score[found] > (what < 0 ? -1e10f : t->score[what])) {
                where = i;
                what = found;
            }
        }
        if (where < 0) return n;
        id[where] = what;
        memmove(id + where + 1, id + where + 2, (size_t)(--n - where - 1) * sizeof *id);
    }
}

/* Texts likely to hit pieces and boundaries: bits of the vocabulary, spaces, stray bytes. */
static size_t random_text(const Tokenizer *t, uint64_t key, int with_nul, char *text, size_t room)
{
    size_t n = 0;
    int position = 0, parts = rng_below(key, 1000, 14);
    while (parts-- > 0) {
        int kind = rng_below(key, (uint64_t)position++, 8);
        int draw = rng_below(key, (uint64_t)position++, 1 << 20);
        const char *bits[] = { " ", "  ",       "\n",   "\n\n\n", ".",    " ,",
                               "7", "\xE2\x82", "\x80", "\t",     "\r\n", "Z" };
        int piece = 259 + draw % (t->vocab_size - 259);
        if (kind < 4 && n + (size_t)t->pieces.length[piece] < room) {
            memcpy(text + n, t->pieces.text[piece], (size_t)t->pieces.length[piece]);
            n += (size_t)t->pieces.length[piece];
        } else if (kind < 7 && n + 4 < room) n += (size_t)sprintf(text + n, "%s", bits[draw % 12]);
        else if (n + 1 < room) text[n++] = (char)(with_nul ? draw % 256 : 1 + draw % 255);
    }
    text[n] = 0;
    return n;
}

static void same_as_slow(const Tokenizer *t, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        char text[256];
        int fast[300], slow[300];
        size_t size = random_text(t, rng_key(1, 2, (uint64_t)i), 0, text, sizeof text);
        int n = slow_encode(t, text, i & 1, slow);
        if (encode(t, text, size, i & 1, fast) != n
            || memcmp(fast, slow, (size_t)n * sizeof *slow) != 0)
            fail_msg("encoders disagree on \"%s\"", text);
    }
}

/* llama2.c finds any one of two equal pieces: takes doubles out of the comparison. */
static void no_doubles(Tokenizer *t)
{
    for (int i = 0; i < t->vocab_size; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(t->pieces.text[i], t->pieces.text[k]) == 0) t->score[i] = t->score[k];
}

static void like_llama2c(void **state)
{
    (void)state;
    Tokenizer *t = hand_made(NULL);
    same_as_slow(t, 500);
    tokenizer_free(t);
    t = hand_made("l  h");
    same_as_slow(t, 500);
    tokenizer_free(t);
    for (int superwords = 0; superwords <= 40; superwords += 40) {
        t = tokenizer_train(corpus, strlen(corpus), 420, superwords);
        same_as_slow(t, 2000);
        memset(t->joined, 1, 256 * 256); /* whole text at once: the same again */
        same_as_slow(t, 500);
        tokenizer_free(t);
    }
    t = hand_made("l h"); /* several words, and merged before most others */
    same_as_slow(t, 500);
    tokenizer_free(t);

    /* pieces at random, most of them across boundaries, scores with many ties */
    Bin *b = bin_new();
    put(b, 0, " ");
    for (int i = 0; i < 300; i++) {
        char piece[5] = { 0 };
        uint64_t key = rng_key(7, 7, (uint64_t)i);
        int length = 1 + rng_below(key, 9, 4);
        for (int c = 0; c < length; c++) piece[c] = "ab .\n"[rng_below(key, (uint64_t)c, 5)];
        float score = (float)-rng_below(key, 10, 20);
        put(b,
            i == 7   ? NAN
            : i == 8 ? INFINITY
                     : score,
            piece); /* a stranger's file may hold anything */
    }
    t = bin_load(b);
    no_doubles(t);
    same_as_slow(t, 2000);
    tokenizer_free(t);
}

/* Pieces of a and b alone, at random: one merge changes what its neighbours can make, and a later
 * one may score higher than the two that it needs. */
static Tokenizer *tangled(void)
{
    Bin *b = bin_new();
    put(b, 0, " ");
    put(b, 0, "a");
    put(b, 0, "b");
    for (int i = 0; i < 60; i++) {
        char piece[9] = { 0 };
        uint64_t key = rng_key(8, 8, (uint64_t)i);
        int length = 2 + rng_below(key, 9, 7);
        for (int c = 0; c < length; c++) piece[c] = "ab"[rng_below(key, (uint64_t)c, 2)];
        put(b, (float)-rng_below(key, 10, 30), piece);
    }
    Tokenizer *t = bin_load(b);
    no_doubles(t);
    return t;
}

static void long_words(void **state)
{
    (void)state;
    Tokenizer *t = tangled();
    for (int i = 0; i < 30; i++) { /* 20 texts with a period, 10 at random */
        char text[202];
        int fast[204], slow[204], size = 200 + i % 2, period = 1 + i / 2;
        for (int c = 0; c < size; c++)
            text[c] = "ab"[i < 20 ? c / period % 2 : rng_below(9, (uint64_t)(1000 * i + c), 2)];
        text[size] = 0;
        int n = slow_encode(t, text, i & 1, slow);
        assert_int_equal(encode(t, text, (size_t)size, i & 1, fast), n);
        assert_memory_equal(fast, slow, (size_t)n * sizeof *slow);
    }
    tokenizer_free(t);
}

static double seconds_to_encode(const Tokenizer *t, int size)
{
    char *text = xcalloc((size_t)size, 1);
    int *id = xcalloc((size_t)size + 2, sizeof *id);
    for (int i = 0; i < size; i++) text[i] = "ab"[rng_below(5, (uint64_t)i, 2)];
    clock_t start = clock();
    encode(t, text, (size_t)size, 0, id);
    free(text);
    free(id);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* One word of any length takes time in proportion: of 16 times the letters about 16 times as much,
 * not 256. */
static void no_quadratic_time(void **state)
{
    (void)state;
    Tokenizer *t = tangled();
    double once = seconds_to_encode(t, 40000);
    assert_true(seconds_to_encode(t, 640000) < 60 * once);
    tokenizer_free(t);
}

static void heaps_and_tables(void **state)
{
    (void)state;
    Heap h = { 0 };
    for (int i = 0; i < 3000; i++)
        heap_push(&h, (float)rng_below(6, (uint64_t)i, 50), rng_below(7, (uint64_t)i, 50));
    HeapEntry last = { INFINITY, 0 };
    for (int i = 0; i < 3000; i++) {
        HeapEntry e = heap_pop(&h);
        assert_true(e.score < last.score || (e.score == last.score && e.at >= last.at));
        last = e;
        if (i == 1000) heap_push(&h, last.score, last.at), heap_pop(&h);
    }
    assert_int_equal(h.n, 0);
    free(h.entry);

    StringTable table = { 0 };
    static char name[2000][8];
    assert_int_equal(table_find(&table, "x", 1, "", 0), -1);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(table_add(&table, name[i], sprintf(name[i], "%d", i)), i);
    assert_int_equal(table_add(&table, "17", 2), 2000);
    assert_int_equal(table_find(&table, "1", 1, "7", 1), 17); /* in two parts; the first of two */
    assert_int_equal(table_find(&table, "19", 2, "99", 2), 1999);
    assert_int_equal(table_find(&table, "2000", 4, "", 0), -1);
    assert_int_equal(table_find(&table, "1", 1, "", 0), 1);
    assert_int_equal(table_most_frequent(&table, 1), -1);
    table_count(&table, "new", 3, 2);
    table_count(&table, "31", 2, 2);
    table_count(&table, "310", 3, 2);
    table_count(&table, "5", 1, 1);
    assert_int_equal(table_most_frequent(&table, 2),
                     31); /* equally often: the first in byte order */
    assert_int_equal(table_most_frequent(&table, 3), -1);
    table_count(&table, "5", 1, 2);
    assert_int_equal(table_most_frequent(&table, 3), 5);
    assert_int_equal(table.n, 2002);
    table_free(&table);
}

// ------------------------------------------------------------------------------------
// round trips, training

static void round_trip(const Tokenizer *t, const char *text, size_t size, int begin)
{
    int id[600];
    size_t back_size;
    int n = encode(t, text, size, begin, id);
    assert_true((size_t)n <= size + 2);
    char *back = decode(t, id, n, &back_size);
    assert_int_equal(back_size, size);
    assert_memory_equal(back, text, size);
    assert_int_equal(back[size], 0);
    free(back);
}

static void round_trips(void **state)
{
    (void)state;
    Tokenizer *trained = tokenizer_train(corpus, strlen(corpus), 400, 30), *made = hand_made("o h");
    Bin *b = bin_new(); /* no piece at all beyond bytes, not even " " */
    Tokenizer *bare = bin_load(b);
    const Tokenizer *all[] = { trained, made, bare };
    for (int i = 0; i < 1500; i++) {
        char text[512];
        uint64_t key = rng_key(3, 4, (uint64_t)i);
        size_t size;
        if (i % 3 && all[i % 3] != bare) size = random_text(all[i % 3], key, 1, text, sizeof text);
        else
            for (size = 0; size < 512 && size < (size_t)i; size++)
                text[size] = (char)rng_below(key, size, 256);
        round_trip(all[i % 3], text, size, 0);
        round_trip(all[i % 3], text, size, 1);
    }
    round_trip(trained, "\0\0a\0", 4, 1);
    round_trip(trained, " <s>\n<0x41> </s>", 16, 1); /* spelled specials are plain text */
    tokenizer_free(trained);
    tokenizer_free(made);
    tokenizer_free(bare);
}

static void decode_specials(void **state)
{
    (void)state;
    Tokenizer *t = hand_made(NULL);
    char *text = decode(t, (int[]){ 1, 264, 261, 2, 264, 1, 259, 263, 1, 263 }, 10, NULL);
    assert_string_equal(text, "he\n</s>\n hoo");
    free(text);
    text = decode(t, NULL, 0, NULL);
    assert_string_equal(text, "");
    free(text);
    tokenizer_free(t);
}

/* Words: "ab" once, " ab" twice, " ac" once. " a" and "ab" occur 3 times each, the space sorts
 * first; then " ab" occurs twice, and nothing else does. */
static void trains_as_by_hand(void **state)
{
    (void)state;
    Tokenizer *t = tokenizer_train("ab ab ab ac", 11, 300, 0);
    const char *want[] = { " ", "a", "b", "c", " a", " ab" };
    assert_int_equal(t->vocab_size, 259 + 6);
    for (int i = 0; i < 6; i++) assert_string_equal(t->pieces.text[259 + i], want[i]);
    assert_true(t->score[263] == -1 && t->score[264] == -2);
    tokenizer_free(t);
    t = tokenizer_train("", 0, 300, 0);
    assert_int_equal(t->vocab_size, 260); /* the space, always */
    tokenizer_free(t);
    t = tokenizer_train("abc abc", 7, 261, 0); /* no room: b and c stay bytes, and do not merge */
    assert_int_equal(t->vocab_size, 261);
    IDS(t, "ab", 0, 260, 101);
    tokenizer_free(t);
    t = tokenizer_train("a\0a\0a\0a\0", 8, 300, 0);
    assert_int_equal(t->vocab_size, 261); /* no piece holds a NUL */
    tokenizer_free(t);
    t = tokenizer_train("   a   a   a", 12, 300, 0);
    assert_int_equal(t->vocab_size, 262); /* " ", "a", " a": spaces do not merge with each other */
    tokenizer_free(t);
    t = tokenizer_train("b\xFF"
                        "b\xFF"
                        "b\xFF\x80 a\x80 a\x80",
                        13, 300, 0);
    assert_int_equal(t->vocab_size, 261); /* nor bytes that are no character; these do not merge */
    assert_string_equal(t->pieces.text[260], "b");
    tokenizer_free(t);
}

static void trained_pieces(void **state)
{
    (void)state;
    Tokenizer *t = tokenizer_train(corpus, strlen(corpus), 420, 0),
              *again = tokenizer_train(corpus, strlen(corpus), 420, 0);
    assert_int_equal(t->vocab_size, again->vocab_size);
    assert_true(t->vocab_size > 320 && t->vocab_size <= 420);
    for (int i = 0; i < t->vocab_size; i++) {
        assert_string_equal(t->pieces.text[i], again->pieces.text[i]);
        for (int k = 0; k < i; k++) assert_string_not_equal(t->pieces.text[i], t->pieces.text[k]);
    }
    for (const char *c = corpus; *c; c++)
        if ((unsigned char)*c < 128) assert_true(slow_find(t, (char[]){ *c, 0 }) >= 259);
    for (int a = 0; a < 256;
         a++) /* what encode may cut at: bytes that no piece holds side by side */
        for (int b = 0; b < 256; b++) {
            int held = 0;
            for (int i = 0; i < t->vocab_size && !held; i++)
                for (const char *p = t->pieces.text[i]; p[1]; p++)
                    held |= (unsigned char)p[0] == a && (unsigned char)p[1] == b;
            assert_int_equal(t->joined[a][b], held);
        }
    const char *yes[] = { "\n\n", " swipe", " theft", "20", "\xC3\xA9", " caf\xC3\xA9", " ," };
    for (int i = 0; i < 7; i++)
        if (slow_find(t, yes[i]) < 0) fail_msg("no piece \"%s\"", yes[i]);
    for (int i = 259; i < t->vocab_size; i++) { /* a space only in front, marks and kinds alone */
        const char *p = t->pieces.text[i];
        int from = p[0] == ' ' && p[1];
        size_t n = strlen(p + from), letters = 0, digits = 0, newlines = 0;
        for (const char *c = p + from; *c; c++) {
            letters += (unsigned char)*c > 127 || (*c >= 'a' && *c <= 'z');
            digits += *c >= '0' && *c <= '9';
            newlines += *c == '\n';
        }
        if (strchr(p + 1, ' ') || (n > 1 && letters != n && digits != n && newlines != n))
            fail_msg("piece \"%s\"", p);
        if (i > 259 && t->score[i] > t->score[i - 1]) fail_msg("score of \"%s\"", p);
    }
    tokenizer_free(t);
    tokenizer_free(again);
}

/* Words: "x" twice and " x" once, " to" and " go" three times each: pieces in the order " g", "
 * go", " t", " to". Phrases "x to go:", " x to go:" and "x to go" (the colon ends one, the newline
 * is one): " to go" three times, then "x to go", and with its colon it would be four words. The
 * space before x stays alone, since " x" is one word and occurs once. */
static void superwords_as_by_hand(void **state)
{
    (void)state;
    const char *text = "x to go: x to go:\nx to go";
    Tokenizer *t = tokenizer_train(text, strlen(text), 300, 20);
    const char *want[] = { " ", " g", " go", " t", " to", " to go", "x to go" };
    int at[7];
    for (int i = 0; i < 7; i++) {
        at[i] = slow_find(t, want[i]);
        if (at[i] < 0) fail_msg("no piece \"%s\"", want[i]);
        if (i > 1) assert_int_equal(at[i], at[i - 1] + 1);
    }
    assert_int_equal(t->vocab_size, at[6] + 1);
    IDS(t, " x to go: to go", 0, at[0], at[6], slow_find(t, ":"), at[5]);
    IDS(t, "x to\nto go", 0, slow_find(t, "x"), at[4], slow_find(t, "\n"), slow_find(t, "t"),
        slow_find(t, "o"), at[2]);
    tokenizer_free(t);
    const char *ends[] = { "a b:\na b:\n",  " b:", "a b.\na b.\n", " b.", "a b\na b\n", "b\n",
                           "a b\nb a\nb a", "\nb", "a: b\na: b\n", ": b" };
    for (int i = 0; i < 10;
         i += 2) { /* a colon ends its phrase, a full stop and a newline are none of it */
        t = tokenizer_train(ends[i], strlen(ends[i]), 300, 20);
        assert_int_equal(slow_find(t, ends[i + 1]) >= 0, i == 0);
        tokenizer_free(t);
    }
    t = tokenizer_train(text, strlen(text), 300, 0);
    assert_true(slow_find(t, " to") > 0 && slow_find(t, " to go") < 0);
    tokenizer_free(t);
}

/* What the stages rely on: a prompt that ends with a mark has the same pieces whatever follows it,
 * so that a model that learned from whole texts knows what it sees of a prompt alone. */
static void prompts_end_at_marks(void **state)
{
    (void)state;
    const char *talk =
        "they ask: will it? it will. (it will) they ask: will it? it will. (it will) [it] will";
    Tokenizer *t = tokenizer_train(talk, strlen(talk), 420, 40);
    for (int i = 0; i < 2000; i++) {
        char text[512], marks[] = ":(.?]";
        int whole[600], parts[600];
        size_t n = random_text(t, rng_key(5, 6, (uint64_t)i), 0, text, 250), m;
        text[n++] = marks[i % 5];
        m = random_text(t, rng_key(5, 7, (uint64_t)i), 0, text + n, 250);
        if (text[n] == text[n - 1] || (text[n] & 0xC0) == 0x80)
            continue; /* "::" is one word; a stray byte belongs to what is before */
        int k = encode(t, text, n, 1, parts);
        k += encode(t, text + n, m, 0, parts + k);
        if (encode(t, text, n + m, 1, whole) != k
            || memcmp(whole, parts, (size_t)k * sizeof *whole) != 0)
            fail_msg("\"%s\" changes its beginning", text);
    }
    tokenizer_free(t);
}

static void saves_and_loads(void **state)
{
    (void)state;
    Tokenizer *t = tokenizer_train(corpus, strlen(corpus), 420, 30);
    const char *path = in_scratch("saved.bin");
    tokenizer_save(t, path);
    Tokenizer *u = tokenizer_load(path, t->vocab_size);
    assert_memory_equal(u->joined, t->joined, 256 * 256);
    assert_int_equal(u->max_length, t->max_length);
    for (int i = 0; i < t->vocab_size; i++) {
        assert_string_equal(t->pieces.text[i], u->pieces.text[i]);
        assert_true(t->score[i] == u->score[i]);
    }
    size_t size;
    char *bytes = read_file(path, &size);
    assert_int_equal(*(int32_t *)(void *)bytes, t->max_length);
    assert_memory_equal(bytes + 4, "\0\0\0\0\5\0\0\0<unk>",
                        13); /* score 0, length 5, little-endian */
    free(bytes);
    tokenizer_free(t);
    tokenizer_free(u);
}

// ------------------------------------------------------------------------------------
// broken files

static int wanted_size;
static void load_it(const char *path) { tokenizer_load(path, wanted_size); }
static void train_it(const char *text) { tokenizer_train(text, strlen(text), wanted_size, 0); }

static void refuse(const Bin *b, size_t size, int wanted, const char *says)
{
    const char *path = in_scratch("bad.bin");
    write_bytes(path, b->bytes, size);
    wanted_size = wanted;
    expect_death(load_it, path, EXIT_INPUT, says);
}

static void broken_files(void **state)
{
    (void)state;
    Bin *b = bin_new();
    put(b, 0, " ");
    put(b, 0, "x");
    refuse(b, b->size, 512, "bad.bin: |holds 261 pieces but the model wants 512|its own tokenizer");
    refuse(b, b->size, 260, "holds 261 pieces but the model wants 260");
    refuse(b, b->size, -5, "holds 261 pieces");
    refuse(b, b->size - 1, 261, "broken at byte");
    refuse(b, b->size - 9, 261, "holds 260 pieces but"); /* cut between two pieces */
    refuse(b, 7, 261, "broken at byte 4");
    refuse(b, 3, 261, "too short");
    refuse(b, 0, 261, "too short");
    refuse(b, 4, 0, "0 pieces are fewer than the 259");
    int32_t lengths[] = { -1, 0, INT32_MAX };
    for (int i = 0; i < 3; i++) { /* the length of piece 0, before any allocation */
        memcpy(b->bytes + 8, &lengths[i], 4);
        refuse(b, b->size, 261, "broken at byte 4");
    }
    b = bin_new();
    b->bytes[b->size - 3] = '0'; /* <0xFF> becomes <0x0F> */
    put(b, 0, " ");
    refuse(b, b->size, 260, "piece 258 is not the byte token <0xFF>");
    b = bin_new();
    put(b, 0, "ab");
    b->bytes[b->size - 1] = 0;
    refuse(b, b->size, 260, "piece 259 holds a NUL byte");
    b = bin_new();
    put(b, 0, "seventeen letters");
    refuse(b, b->size, 260, "piece 259 is longer than the 16 bytes of the header");
    wanted_size = 300;
    expect_death(load_it, in_scratch("none.bin"), EXIT_INPUT, "none.bin: |No such file");
    wanted_size = 259;
    expect_death(train_it, "text", EXIT_USAGE, "259 is too small; take at least 260");
}

int main(int argc, char **argv) /* an argument: the name of the one test to run */
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_ids),
        cmocka_unit_test(across_words),
        cmocka_unit_test(like_llama2c),
        cmocka_unit_test(long_words),
        cmocka_unit_test(no_quadratic_time),
        cmocka_unit_test(heaps_and_tables),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(decode_specials),
        cmocka_unit_test(trains_as_by_hand),
        cmocka_unit_test(trained_pieces),
        cmocka_unit_test(superwords_as_by_hand),
        cmocka_unit_test(prompts_end_at_marks),
        cmocka_unit_test(saves_and_loads),
        cmocka_unit_test(broken_files),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, make_scratch, remove_scratch);
}
