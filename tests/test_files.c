/* tests/test_files.c -- files appear whole or not at all; JSON lines are read as RFC 8259 says,
 * broken ones are refused with their line; what json_put_str writes is read back byte for byte.
 * SPDX-License-Identifier: MIT
 */
#define _XOPEN_SOURCE 700
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "cai.h"
#include "death.h"

static void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

// ------------------------------------------------------------------------------------
// memory and messages

static void dies_at_length(const char *text) { die(EXIT_INPUT, "list %s: too long; cut it", text); }
static void dies_in_one_line(const char *text) { die(EXIT_NUMERICS, "step %d: %s", 7, text); }
static void alloc_too_much(const char *unused)
{
    (void)unused;
    xcalloc(SIZE_MAX / 2, 3);
}
static void realloc_too_much(const char *unused)
{
    (void)unused;
    xrealloc(NULL, SIZE_MAX / 2, 3);
}

static void messages(void **state)
{
    (void)state;
    expect_death(dies_in_one_line, "loss is nan; lower --lr", EXIT_NUMERICS,
                 "cai: step 7: loss is nan; lower --lr");
    expect_death(dies_in_one_line, "a\nb\033[31mred", EXIT_NUMERICS, "a?b?[31mred");
    expect_death(dies_in_one_line,
                 "\xC2\x9B"
                 "31mred \x9B",
                 EXIT_NUMERICS, "7: ??31mred ?");
    char *text = xcalloc(9001, 1); /* the middle of a long message is cut, never what to do */
    memset(text, 'x', 9000);
    expect_death(dies_at_length, text, EXIT_INPUT,
                 "cai: list xxx|xxx...xxx|xxx: too long; cut it\n");
    text[3970] = 0; /* just fits */
    expect_death(dies_at_length, text, EXIT_INPUT, "cai: list xxx|xxxxx: too long; cut it\n");
    free(text);
    expect_death(alloc_too_much, "", EXIT_INPUT, "overflow");
    expect_death(realloc_too_much, "", EXIT_INPUT, "overflow");
}

static void memory(void **state)
{
    (void)state;
    int *p = xcalloc(1000, sizeof *p);
    for (int i = 0; i < 1000; i++) assert_int_equal(p[i], 0);
    p[999] = 5;
    p = xrealloc(p, 100000, sizeof *p);
    assert_int_equal(p[999], 5);
    free(xrealloc(p, 0, 4)); /* 0 is a size like any other: not NULL, not freed twice */
    free(xcalloc(0, 4));
    char *s = xstrdup("town");
    assert_string_equal(s, "town");
    free(s);
}

static void checksums(void **state)
{ /* values published with the algorithm */
    (void)state;
    assert_true(checksum("", 0, 0) == 0xcbf29ce484222325u);
    assert_true(checksum("a", 1, 0) == 0xaf63dc4c8601ec8cu);
    assert_true(checksum("foobar", 6, 0) == 0x85944171f73967e8u);
    assert_true(checksum("bar", 3, checksum("foo", 3, 0)) == checksum("foobar", 6, 0));
}

// ------------------------------------------------------------------------------------
// whole files

static void read_it(const char *path) { free(read_file(path, NULL)); }

static void reads(void **state)
{
    (void)state;
    size_t size,
        sizes[] = { 0, 1, 65534, 65535, 65536, 65537, 300000 }; /* around the buffer's size */
    for (int i = 0; i < 7; i++) {
        char *data = xcalloc(sizes[i] + 1, 1);
        for (size_t k = 0; k < sizes[i]; k++) data[k] = (char)(k * 31 >> 3); /* NUL bytes too */
        const char *path = in_scratch("some.bin");
        write_bytes(path, data, sizes[i]);
        char *got = read_file(path, &size);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(got, data, size + 1);
        free(data);
        free(got);
    }
    expect_death(read_it, in_scratch("missing"), EXIT_INPUT,
                 "/missing: |No such file|check the path");
    expect_death(read_it, scratch, EXIT_INPUT, "cannot be read|directory");
}

static void holds(const char *path, const char *text)
{
    char *got = read_file(path, NULL);
    assert_string_equal(got, text);
    free(got);
}

static void write_much(const char *path)
{
    FILE *f = create_file(path);
    for (int i = 0; i < 100000; i++) fprintf(f, "line %d\n", i);
    commit_file(f, path);
}
static void write_little(const char *path)
{
    FILE *f = create_file(path);
    fputs("new", f); /* stays in the buffer: only the flush can fail */
    commit_file(f, path);
}

static void writes(void **state)
{
    (void)state;
    const char *path = in_scratch("out.txt"), *temporary = in_scratch("out.txt.tmp");
    write_text(path, "old");
    FILE *f = create_file(path);
    fputs("half", f);
    fflush(f);
    holds(path, "old"); /* until the commit nothing is seen of it */
    fputs(" and half", f);
    commit_file(f, path);
    holds(path, "half and half");
    assert_int_not_equal(access(temporary, F_OK), 0);

    /* A full disk: the temporary file leads to a device without any room. (Works for root too.) */
    if (access("/dev/full", W_OK) == 0) {
        void (*write_[])(const char *) = { write_much, write_little };
        for (int i = 0; i < 2; i++) {
            assert_int_equal(symlink("/dev/full", temporary), 0);
            expect_death(write_[i], path, EXIT_INPUT, "out.txt: |No space left|free some space");
            holds(path, "half and half");
            assert_int_not_equal(access(temporary, F_OK), 0); /* swept away */
        }
    }
    expect_death(write_little, in_scratch("no/folder"), EXIT_INPUT,
                 "no/folder: |cannot be created|folder exists");
    const char *folder = in_scratch("folder"); /* rename over a folder that is not empty */
    mkdir(folder, 0700);
    write_text(in_scratch("folder/kept"), "kept");
    expect_death(write_little, folder, EXIT_INPUT, "folder: not written|directory");
    holds(in_scratch("folder/kept"), "kept");
    assert_int_not_equal(access(in_scratch("folder.tmp"), F_OK), 0);
}

/* Only what is certainly missing is missing: of a loop of links nobody can say what is there. */
static void files_that_are_there(void **state)
{
    (void)state;
    const char *loop = in_scratch("loop");
    char name[5000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    write_text(in_scratch("there.txt"), "");
    assert_int_equal(symlink(loop, loop), 0);
    assert_true(is_there(in_scratch("there.txt")));
    assert_true(is_there(loop));
    assert_false(is_there(in_scratch("missing.txt")));
    assert_false(is_there(in_scratch("there.txt/below")));
    assert_false(is_there(name));
    expect_death(write_little, in_scratch("loop/file"), EXIT_INPUT,
                 "loop/file: |cannot be created");
}

// ------------------------------------------------------------------------------------
// JSON lines

static JsonLines *lines(const char *text)
{
    const char *path = in_scratch("some.jsonl");
    write_text(path, text);
    return json_open(path);
}

static void fields(void **state)
{
    (void)state;
    JsonLines *j =
        lines("\xEF\xBB\xBF{\"prompt\": \"swipe the bike ?\", \"p\":0.25,\"n\" : -3e2}\r\n\n  \t\n"
              "{ }\n{\"a\": true, \"b\": false, \"c\": null, \"d\": \"\"}\n"
              "{\"x\": {\"a\": [1, \"}]\\\"\", {}]}, \"y\": [[], {\"p\": 9}], \"p\": 2}");
    assert_int_equal(json_next(j), 1);
    assert_int_equal(json_line(j), 1);
    assert_string_equal(json_str(j, "prompt"), "swipe the bike ?");
    assert_true(json_num(j, "p") == 0.25 && json_num(j, "n") == -300);
    assert_string_equal(json_str_or(j, "none", "else"), "else");
    assert_string_equal(json_str_or(j, "prompt", "else"), "swipe the bike ?");
    assert_true(json_num_or(j, "none", 7) == 7 && json_num_or(j, "p", 7) == 0.25);
    assert_int_equal(json_next(j), 1);
    assert_int_equal(json_line(j), 4);        /* empty lines are counted, not returned */
    assert_true(json_num_or(j, "p", 7) == 7); /* nothing is left of the line before */
    assert_int_equal(json_next(j), 1);
    assert_true(json_num(j, "a") == 1 && json_num(j, "b") == 0 && json_num_or(j, "c", 7) == 7);
    assert_string_equal(json_str(j, "d"), "");
    assert_int_equal(json_next(j), 1);
    assert_true(json_num(j, "p") == 2); /* the nested p is not seen */
    assert_true(json_num_or(j, "x", 7) == 7 && json_num_or(j, "a", 7) == 7);
    assert_int_equal(json_next(j), 0);
    assert_int_equal(json_next(j), 0);
    json_close(j);
    json_close(NULL);
}

static void escapes(void **state)
{
    (void)state;
    const char *cases[][2] = {
        { "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
        { "\\u0041\\u00e9\\u00E9\\u20ac\\u0001\\u007f", "A\xC3\xA9\xC3\xA9\xE2\x82\xAC\1\x7F" },
        { "\\u0080\\u07ff\\u0800\\uffff", "\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF" },
        { "\\ud83d\\ude00\\ud800\\udc00\\udbff\\udfff",
          "\xF0\x9F\x98\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF" },
        { "\xF0\x9F\x98\x80 \xC3\xA9", "\xF0\x9F\x98\x80 \xC3\xA9" },
        { "\\udc80\\udcff", "\x80\xFF" },   /* bytes that were not UTF-8, as Python has them */
        { "\\uef80\\uefff", "\x80\xFF" },   /* as we write them */
        { "\xEE\xBE\x80", "\xEE\xBE\x80" }, /* U+EF80 itself */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[256];
        snprintf(line, sizeof line, "{\"t\": \"%s\"}\n", cases[i][0]);
        JsonLines *j = lines(line);
        assert_int_equal(json_next(j), 1);
        assert_string_equal(json_str(j, "t"), cases[i][1]);
        json_close(j);
    }
}

static void puts_what_it_reads(void **state)
{
    (void)state;
    const char *path = in_scratch("put.jsonl");
    char text[200][64];
    FILE *f = create_file(path);
    for (int i = 0; i < 200; i++) {
        uint64_t key = rng_key(5, 6, (uint64_t)i);
        int n = rng_below(key, 100, 63);
        static const char often[] = "a\"\\\n\t\x1F\x7F\xC3\xA9\xF0\x9F\x98\x80\xE2\xED\xA0";
        for (int k = 0; k < n; k++) { /* half of the lines: bytes that often form UTF-8 */
            uint64_t at = (uint64_t)k;
            text[i][k] =
                i % 2 ? (char)(1 + rng_below(key, at, 255)) : often[rng_below(key, at, 16)];
        }
        text[i][n] = 0;
        fputs("{\"t\": ", f);
        json_put_str(f, text[i]);
        fputs("}\n", f);
    }
    commit_file(f, path);
    JsonLines *j = json_open(path); /* which refuses what is not UTF-8 or not JSON */
    for (int i = 0; i < 200; i++) {
        assert_int_equal(json_next(j), 1);
        assert_int_equal(json_line(j), i + 1);
        assert_string_equal(json_str(j, "t"), text[i]);
    }
    assert_int_equal(json_next(j), 0);
    json_close(j);

    f = create_file(path);
    json_put_str(f, "\"\\/\n\t\r\1 caf\xC3\xA9 \xFF");
    commit_file(f, path);
    holds(path, "\"\\\"\\\\/\\n\\t\\u000d\\u0001 caf\xC3\xA9 \\uefff\"");
}

static void long_line(void **state)
{
    (void)state;
    size_t n = 3000000;
    char *text = xcalloc(n + 32, 1);
    strcpy(text, "{\"t\": \"");
    memset(text + 7, 'x', n);
    strcpy(text + 7 + n, "\", \"n\": 1}\n");
    JsonLines *j = lines(text);
    assert_int_equal(json_next(j), 1);
    assert_int_equal(strlen(json_str(j, "t")), n);
    assert_true(json_num(j, "n") == 1);
    json_close(j);
    free(text);
}

static void read_all(const char *path)
{
    JsonLines *j = json_open(path);
    while (json_next(j)) {
        json_str_or(j, "t", "");
        json_num_or(j, "n", 0);
    }
    json_close(j);
}

static void walk_all(const char *path)
{
    JsonLines *j = json_open(path);
    int depth, is_name;
    while (json_walk(j, &depth, &is_name)) {}
    json_close(j);
}

static void need_text(const char *path)
{
    JsonLines *j = json_open(path);
    json_next(j);
    json_str(j, "p");
}
static void need_number(const char *path)
{
    JsonLines *j = json_open(path);
    json_next(j);
    json_num(j, "p");
}

static void broken_lines(void **state)
{
    (void)state;
    const char *cases[][2] = {
        { "prompt", "expected {" },
        { "[1]", "expected {" },
        { "{\"a\" 1}", "expected :" },
        { "{a: 1}", "expected \"" },
        { "{\"a\": 1,}", "expected \"" },
        { "{\"a\": 1 \"b\": 2}", "expected , or }" },
        { "{\"a\": 1", "ends too early" },
        { "{\"a\": \"x", "string without an end" },
        { "{\"a\": \"x\\", "escape" },
        { "{\"a\": \"\\x\"}", "unknown escape" },
        { "{\"a\": \"\\u12g4\"}", "hexadecimal" },
        { "{\"a\": \"\\u12", "hexadecimal" },
        { "{\"a\": \"\\ud83d\"}", "surrogate" },
        { "{\"a\": \"\\ud83d\\u0041\"}", "surrogate" },
        { "{\"a\": \"\\udc00\"}", "surrogate" },
        { "{\"a\": \"\\u0000\"}", "\\u0000" },
        { "{\"a\": \"tab\there\"}", "control" },
        { "{\"a\": nan}", "expected a value" },
        { "{\"a\": 0x10}", "expected a value" },
        { "{\"a\": +1}", "expected a value" },
        { "{\"a\": 1e999}", "out of range" },
        { "{\"a\": 1.2.3}", "expected a value" },
        { "{\"a\": -}", "expected a value" },
        { "{\"a\": }", "expected a value" },
        { "{\"a\": [1, {}", "bracket" },
        { "{\"a\": 1} x", "follows" },
        { "{\"a\": \"\xFF\"}", "not UTF-8" },
        { "{\"a\": \"\xC0\x80\"}", "not UTF-8" },
        { "{\"a\": \"\xED\xA0\x80\"}", "not UTF-8" },
        { "{\"a\": \"\xE2\x82\"}", "not UTF-8" },
        { "{\"a\": \"\xE0\x80\x80\"}", "not UTF-8" },
        { "{\"a\": \"\xF0\x80\x80\x80\"}", "not UTF-8" },
        { "{\"a\": \"\xF4\x90\x80\x80\"}", "not UTF-8" },
        { "{\"a\": truely}", "expected , or }" },
        { "{\"a\": 1, \"b\": 2, \"a\": 3}", "a field's name is given twice" },
        { "{\"a\": null, \"\\u0061\": 3}", "a field's name is given twice" },
        { "{\"x\": [1 2]}", "a comma is missing" },
        { "{\"x\": [{]}]}", "brackets that cross" },
        { "{\"x\": [1}}", "brackets that cross" },
        { "{\"x\": {\"a\": 1]}", "brackets that cross" },
        { "{\"x\": [1, ]}", "nothing stands before the bracket's end" },
        { "{\"x\": {\"a\": 1, }}", "nothing stands before the bracket's end" },
        { "{\"x\": {\"a\": }}", "nothing stands before the bracket's end" },
        { "{\"x\": [1, ", "bracket without its end" },
        { "{\"x\": {\"a\": ", "bracket without its end" },
        { "{\"x\": {\"a\" 1}}", "expected :" },
        { "{\"x\": [,1]}", "expected a value" },
        { "{\"x\": [nonsense]}", "expected a value" },
        { "{\"x\": {1}}", "expected \"" },
        { "\xEF\xBB\xBF{}", "byte order mark" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        const char *path = in_scratch("broken.jsonl");
        snprintf(text, sizeof text, "{\"t\": \"fine\"}\n\n%s", cases[i][0]);
        write_text(path, text);
        char want[128];
        snprintf(want, sizeof want, "broken.jsonl:3: |%s|; correct or remove the line",
                 cases[i][1]);
        expect_death(read_all, path, EXIT_INPUT, want);
    }
    const char *path = in_scratch("nul.jsonl");
    write_bytes(path, "{\"t\": \"a\0b\"}\n", 13);
    expect_death(read_all, path, EXIT_INPUT, "nul.jsonl:1: NUL byte");
    write_text(path, "{\"q\": 1}\n");
    expect_death(need_text, path, EXIT_INPUT, "nul.jsonl:1: no field \"p\"|add it");
    write_text(path, "{\"p\": 1}\n");
    expect_death(need_text, path, EXIT_INPUT, "field \"p\" is not text");
    write_text(path, "{\"p\": \"1\"}\n");
    expect_death(need_number, path, EXIT_INPUT, "field \"p\" is not a number");
}

/* A file that is one value: every string with its depth, names told from texts. */
static void walks(void **state)
{
    (void)state;
    JsonLines *j = lines("\xEF\xBB\xBF{\"one\" : {\"a\": [\"x\", \"y\"], \"b\": null},\n \"two\":[ "
                         "], \"n\": -1e3, \"t\": \"z\" }\r\n");
    struct {
        const char *s;
        int depth, is_name, line;
    } want[] = { { "one", 1, 1, 1 }, { "a", 2, 1, 1 }, { "x", 3, 0, 1 },
                 { "y", 3, 0, 1 },   { "b", 2, 1, 1 }, { "two", 1, 1, 2 },
                 { "n", 1, 1, 2 },   { "t", 1, 1, 2 }, { "z", 1, 0, 2 } };
    int depth, is_name;
    for (int i = 0; i < 9; i++) {
        assert_string_equal(json_walk(j, &depth, &is_name), want[i].s);
        assert_true(depth == want[i].depth && is_name == want[i].is_name
                    && json_line(j) == want[i].line);
    }
    assert_null(json_walk(j, &depth, &is_name));
    assert_null(json_walk(j, &depth, &is_name));
    json_close(j);
    const char *cases[][2] = { { "[\"a\"\n\"b\"]", "2: a comma is missing" },
                               { "{\"a\": \"b\"\n]", "2: brackets that cross" },
                               { "[\"a\",\n\n]", "3: nothing stands before the bracket's end" },
                               { "[\"a\"}", "1: brackets that cross" },
                               { "{\"a\"\n\n\"b\"}", "3: expected :" },
                               { "[\"a\", {\"b\": [}]]", "1: brackets that cross" },
                               { "[\"a\"] x", "1: something follows" },
                               { "[[\"a\"]", "1: bracket without its end" },
                               { "", "1: this is not JSON: expected a value" },
                               { "\n[\"\xFF\"]", "2: not UTF-8" },
                               { "[\"a\"]]", "1: a bracket is closed that was not opened" },
                               { "[\"\xEF\xBB\xBF\", \xEF\xBB\xBF]", "1: this is not JSON" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = in_scratch("walked.json");
        char want_text[128];
        write_text(path, cases[i][0]);
        snprintf(want_text, sizeof want_text, "walked.json:%s|; correct or remove the line",
                 cases[i][1]);
        expect_death(walk_all, path, EXIT_INPUT, want_text);
    }
    const char *path = in_scratch("nul.json");
    write_bytes(path, "[\n\"a\", \0 \"b\"]", 13);
    expect_death(walk_all, path, EXIT_INPUT, "nul.json:2: NUL byte");
}

/* A thousand fields are read, one more is refused: their names are compared with each other. */
static void many_fields(void **state)
{
    (void)state;
    Text t = { 0 };
    text_add(&t, "{");
    for (int i = 0; i < 1000; i++) text_add(&t, "%s\"f%d\": %d", i ? ", " : "", i, i);
    text_add(&t, "}\n");
    JsonLines *j = lines(t.s);
    assert_int_equal(json_next(j), 1);
    assert_true(json_num(j, "f0") == 0 && json_num(j, "f999") == 999);
    json_close(j);
    t.n -= 2;
    text_add(&t, ", \"one more\": 1}\n");
    write_text(in_scratch("many.jsonl"), t.s);
    expect_death(read_all, in_scratch("many.jsonl"), EXIT_INPUT,
                 "many.jsonl:1: more than 1000 fields");
    free(t.s);
}

static void for_a_terminal(void **state)
{
    (void)state;
    const char *cases[][2] = { { "two\n\tlines \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
                                 "two\n\tlines \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80" },
                               { "\033[31mred\a\r\x7F", "?[31mred???" },
                               { "\xC2\x9B"
                                 "31m \xC2\x80\xC2\x9F \xC2\xA0",
                                 "??31m ???? \xC2\xA0" }, /* U+009B: the same as escape [ */
                               { "\x9B"
                                 "31m \x80\x9F \xFF\xC3",
                                 "?31m ?? \xFF\xC3" }, /* alone, as 8-bit terminals read them */
                               { "\xE2\x82", "\xE2?" } };
    for (int i = 0; i < 5; i++) assert_string_equal(printable(cases[i][0]), cases[i][1]);
    char line[] = "a\n\tb\xC2\x9B"
                  "c";
    make_printable(line, 0);
    assert_string_equal(line, "a??b??c");
}

int main(int argc, char **argv)
{ /* an argument: the name of the one test to run */
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),       cmocka_unit_test(memory),
        cmocka_unit_test(checksums),      cmocka_unit_test(reads),
        cmocka_unit_test(writes),         cmocka_unit_test(fields),
        cmocka_unit_test(escapes),        cmocka_unit_test(puts_what_it_reads),
        cmocka_unit_test(long_line),      cmocka_unit_test(broken_lines),
        cmocka_unit_test(walks),          cmocka_unit_test(many_fields),
        cmocka_unit_test(for_a_terminal), cmocka_unit_test(files_that_are_there),
    };
    return cmocka_run_group_tests_name("files", tests, make_scratch, remove_scratch);
}
