#!/usr/bin/env bash
# tests/chat.sh -- a chat as a student has it: at a pseudo terminal (tests/chat.py), and through a
# pipe; and what is said of words that the models have never read. Uses one smoke run.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
R=$T/run
./cai run --preset smoke --quiet 1 --out "$R" >/dev/null || exit 1
chat() { ./cai chat --out "$R" "$@" >"$T/stdout" 2>"$T/stderr"; }
errors() { cat "$T/stderr"; }

# ------------------------------------------------------------------------------------
# a pipe: standard output holds the answers, a line each and nothing else

printf 'How do I swipe the kite?\nHelp me fix my bike.\n\nnot read\n' | chat
is "answers end at the empty line" "$? $(grep -a -c '' "$T/stdout") $(errors)" "0 2 "
cp "$T/stdout" "$T/unix"
printf 'How do I swipe the kite?\r\nHelp me fix my bike.\r\n\r\nnot read\r\n' | chat
is "lines that end as on Windows: the same bytes" "$? $(cmp "$T/stdout" "$T/unix") $(errors)" "0  "
printf '/help\n' | chat
is "commands are the terminal's: a line is a message" \
    "$? $(grep -a -c '^/model' "$T/stdout") $(errors)" "0 0 "
printf 'How?\nHelp\0me\n' | chat
is "a NUL is refused with its place" "$? $(errors)" \
    "3 cai: standard input:2: byte 5 is a NUL, which no text holds; type it anew"
is "what came before it is answered" "$(grep -a -c '' "$T/stdout")" 1
printf 'How?\nTo \xff\n' | chat
is "so is what is not UTF-8" "$? $(errors)" \
    "3 cai: standard input:2: byte 4 is not UTF-8 text; type it anew"

# ------------------------------------------------------------------------------------
# words that the models have never read

says() {
    local name=$1 want=$2
    shift 2
    "$@" >/dev/null 2>"$T/stderr" </dev/null
    is "$name" "$? $(errors)" "0 $want"
}
it="is not a word of this town; the model has never read it"
G="./cai generate --out $R --max-new 2 --prompt"
says "generate names one"          "cai: \"explode\" $it" $G "How do I explode the kite?"
says "a word twice is named once"  "cai: \"explode\" $it" $G "explode explode"
says "two" 'cai: "explode", "tower7" are not words of this town; the model has never read them' \
    $G "explode the kite tower7"
says "six: five and more" \
    'cai: "aa", "bb", "cc", "dd", "ee" and more are not words of this town; the model has never read them' $G "aa bb cc dd ee ff gg"
says "a long one is cut" "cai: \"$(printf 'x%.0s' $(seq 30))..\" $it" \
    $G "$(printf 'x%.0s' $(seq 40))"
says "a cut is at a character" "cai: \"$(printf 'x%.0s' $(seq 29))ü..\" $it" \
    $G "$(printf 'x%.0s' $(seq 29))üü"
says "another spelling" 'cai: the model has read "how", "kite" in this spelling only' \
    $G "HOW do I swipe the Kite?"
says "known words: nothing"        "" $G "How do I swipe the kite?"
says "trace names it, too" "cai: \"explode\" $it" ./cai trace --out "$R" \
    "How do I explode the kite?"
cp "$R/base.bin" "$T/base.bin"
says "nothing is known of a model elsewhere" "" ./cai generate "$T/base.bin" \
    --tokenizer "$R/tokenizer.bin" --out "$R" --max-new 2 --prompt zebra
cp -r "$R" "$T/bare" && rm -r "$T/bare/data"
says "nor of a run without its corpus" "" ./cai generate --out "$T/bare" --max-new 2 --prompt zebra

# a person's own corpus, and a constitution in other words
mkdir "$T/own" && cp -r "$R/data" "$T/own/"
for i in 1 2 3 4 5 6 7 8; do
    printf '{"text": "\\n\\nHuman: zebra stripes?\\n\\nAssistant: A zebra has %s."}\n' \
        black white stripes many few some "no spots" legs
done >"$T/own/data/corpus.jsonl"
printf '[critique noise-1]\ncritique: Is the zebra a friend?\nrevision: Has it stripes?\n[critique known]\ncritique: A zebra has legs.\nrevision: many legs\n[comparison other]\nchoose: the zebra has\n' >"$T/law.txt"
./cai run --preset smoke --quiet 1 --from tokenizer --constitution "$T/law.txt" \
    --out "$T/own" >/dev/null 2>"$T/stderr" || bad "a run of a person's own corpus" "$(errors)"
is "a constitution is told once, by its worst principle" "$(errors)" \
    "cai: 6 of the 8 words of principle noise-1 are unknown to the model; 2 principles have such words"
mkdir "$T/law" \
    && sed '0,/^critique: /s//critique: Zebra. /' data/constitution.txt >"$T/law/constitution.txt"
# what a run of N documents and this constitution says of words
tells() {
    ./cai run --preset smoke --corpus "$1" --context 2048 --layers 1 \
        --redteam 8 --to revise --quiet 1 \
        --constitution "$2" --out "$T/tells" 2>&1 >/dev/null \
            | sed 's/the [0-9]* words of principle [^ ]*/the words of a principle/'
    rm -rf "$T/tells"
}
is "an edited constitution of the same name" "$(tells 1000 "$T/law/constitution.txt")" \
    "cai: 1 of the words of a principle is unknown to the model"
is "the program's own: nothing"              "$(tells 1000 data/constitution.txt)" ""
is "nor of a corpus too small for it"        "$(tells 60 data/constitution.txt)" ""
says "a person's own corpus has its own words" \
    'cai: "kite" is not a word of its corpus; the model has never read it' ./cai generate \
        --out "$T/own" --max-new 2 --prompt "kite zebra"

# ------------------------------------------------------------------------------------
# a terminal

if command -v python3 >/dev/null; then
    python3 tests/chat.py "$R" >"$T/said" 2>&1 \
        || bad "tests/chat.py ends well" "$(tail -n 1 "$T/said")"
    grep -v '^[0-9]* passed\|^skipped: ' "$T/said"
    passed=$((passed + $(grep -c '^ok' "$T/said"))) \
        failed=$((failed + $(grep -c '^not ok' "$T/said")))
    while IFS= read -r why; do skip "${why#skipped: }"; done < <(grep '^skipped: ' "$T/said")
else
    skip "no python3 (the chat at a terminal)"
fi
closes
[ "$failed" = 0 ] && [ "$passed" -gt 20 ]
