#!/usr/bin/env bash
# tests/worlds.sh -- a run that begins with what others have made: another run's models, a
# checkpoint of elsewhere, a text of one's own, prompts that the town does not know. docs/files.md,
# "Beginning with one's own", says what is promised.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
C=./cai SMOKE="--preset smoke --quiet"
sums() { (cd "$1" && find . -type f | sort | xargs cksum); }
# fails NAME STATUS TEXT COMMAND...: one line on standard error that has TEXT, that status
fails() {
    local name=$1 status=$2 text=$3 got
    shift 3
    "$@" </dev/null >"$T/stdout" 2>"$T/stderr"; got=$?
    if [ "$got" = "$status" ] && [ "$(grep -c '' "$T/stderr")" = 1 ] \
        && grep -qF -- "$text" "$T/stderr"; then ok "$name"
    else bad "$name" "status $got: $(cat "$T/stderr")"; fi
}
OTHER=data/controls/inverted.txt

# ---- --pretrained RUN: the bytes of a run that was made from nothing
$C run $SMOKE --out "$T/a" >/dev/null || bad "the smoke run"
$C run $SMOKE --constitution $OTHER --revisions 2 --out "$T/whole" >/dev/null
before=$(sums "$T/a")
$C run --pretrained "$T/a" --quiet --constitution $OTHER --revisions 2 \
    --out "$T/b" >/dev/null 2>"$T/stderr"
is "--pretrained: the same bytes in every file as from nothing" \
    "$? $(cat "$T/stderr") $(diff -r "$T/b" "$T/whole")" "0  "
is "--pretrained: the other run is as it was" "$(sums "$T/a")" "$before"
yes "nothing is left beside the folder" [ ! -e "$T/b.begun" ]
before=$(sums "$T/b")
$C run --pretrained "$T/a" --quiet --constitution $OTHER --revisions 2 \
    --out "$T/b" >"$T/stdout" 2>"$T/stderr"
is "--pretrained again: finished, nothing written" "$? $(sums "$T/b")" "0 $before"
$C run --pretrained "$T/a" --quiet --to revise --constitution $OTHER \
    --revisions 2 --out "$T/part" >/dev/null
$C run --pretrained "$T/a" --quiet --constitution $OTHER --revisions 2 --out "$T/part" >/dev/null
is "--pretrained in two parts: the same bytes" "$(diff -r "$T/part" "$T/whole")" ""
cp -r "$T/a" "$T/moved" && sed "s/nab/swipe/g" data/town.txt >"$T/town.txt"
rm -r "$T/part" \
    && $C run --pretrained "$T/moved" --quiet --constitution $OTHER \
        --revisions 2 --out "$T/part" >/dev/null
is "--pretrained: a copy of a run does as well" "$(diff -r "$T/part" "$T/whole")" ""

# Every flag of a later stage may be another, and no other flag. docs/reliability.md says which
# files a flag changes first.
later=$(sed -nE 's/^\| `--([a-z-]+) [^`]*` \| (revisions.jsonl|sl_cai.bin|feedback.jsonl|rl_cai.bin|answers.jsonl).*/\1/p' docs/reliability.md | sort)
earlier=$(sed -nE 's/^\| `--([a-z-]+) [^`]*` \| (all data|data\/|tokenizer.bin|base.bin|helpful).*/\1/p' docs/reliability.md | sort -u)
value() { sed -nE "s/^\\| \`--$1 ([^\`]*)\` .*/\\1/p" docs/reliability.md | sed "s|FILE|$OTHER|"; }
taken= refused=
for f in $later; do
    $C run --pretrained "$T/a" --quiet --"$f" "$(value "$f")" --to revise \
        --out "$T/l.$f" >/dev/null 2>&1 && taken="$taken $f"
done
for f in $earlier; do
    $C run --pretrained "$T/a" --quiet --"$f" "$(value "$f")" --out "$T/e.$f" \
        >/dev/null 2>"$T/stderr"
    [ $? = 2 ] && grep -q "that run has --$f " "$T/stderr" && [ ! -e "$T/e.$f" ] \
        && refused="$refused $f"
done
is "flags of later stages are taken" "$(echo $taken)" "$(echo $later)"
is "flags of stages that are copied are refused" "$(echo $refused)" "$(echo $earlier)"

fails "no run" 3 "is no run of cai" $C run --pretrained "$T/none" --out "$T/x"
fails "one that is not so far" 3 "its stage helpful is not finished" sh \
    -c "$C run $SMOKE --to pretrain --out '$T/short' >/dev/null; $C run --pretrained '$T/short' --out '$T/x'"
fails "--from a stage that is copied" 2 "begins with the stage revise" \
    $C run --pretrained "$T/a" --from helpful --out "$T/x"
fails "--to a stage that is copied" 2 "begins with the stage revise" \
    $C run --pretrained "$T/a" --to data --out "$T/x"
fails "a folder that began otherwise" 3 "did not begin with" $C run --pretrained "$T/a" \
    --quiet --out \
        "$(cp -r "$T/whole" "$T/seed"; $C run $SMOKE --seed 3 --out "$T/seed3" >/dev/null; echo "$T/seed3")"
mkdir "$T/full" && echo mine >"$T/full/mine"
fails "a folder with other files" 3 "Directory not empty" $C run \
    --pretrained "$T/a" --quiet --out "$T/full"
is "they are left" "$(cat "$T/full/mine")" mine
printf '[critique x]\ncritique: Say.\n' >"$T/law"
fails "a broken constitution is told first" 3 "$T/law" $C run \
    --pretrained "$T/a" --quiet --constitution "$T/law" --out "$T/x"
cp -r "$T/a" "$T/flipped" && printf x \
    | dd of="$T/flipped/helpful.bin" bs=1 seek=500 conv=notrunc 2>/dev/null
fails "a file of it that has changed" 3 "helpful.bin: is not as the stage helpful wrote it" \
    $C run --pretrained "$T/flipped" --quiet --out "$T/x"
yes "and no folder was made" [ ! -e "$T/x" ]

# ---- --base MODEL --tokenizer FILE
SIZES="--dim 48 --hidden 40 --layers 3 --heads 3 --kv-heads 1 --vocab 420 --superwords 0 --context 640"
$C run $SMOKE $SIZES --to pretrain --out "$T/w" >/dev/null || bad "a checkpoint of elsewhere"
mkdir "$T/else" && cp "$T/w/base.bin" "$T/else/model.bin" \
    && cp "$T/w/tokenizer.bin" "$T/else/tok.bin"
BASE="--base $T/else/model.bin --tokenizer $T/else/tok.bin"
$C run $SMOKE $SIZES --out "$T/w" >/dev/null
$C run $SMOKE $BASE --out "$T/o" >/dev/null 2>"$T/stderr"
is "--base: taken" "$? $(cat "$T/stderr")" "0 "
models() { (cd "$1" && cksum data/*.jsonl ./*.bin ./*.jsonl ./*.head summary.txt flags.txt); }
is "--base: the bytes of the run that trained it itself" "$(models "$T/o")" "$(models "$T/w")"
is "the folder has the model's sizes" \
    "$(grep -cE '^(dim 48|hidden 40|layers 3|heads 3|kv-heads 1|vocab 420|context 640)$' "$T/o/flags.txt")" 7
yes "who read it has its checksum" grep -qE '^helpful [0-9a-f]{16} <base.bin$' "$T/o/files.txt"
before=$(sums "$T/o")
$C run $SMOKE $BASE --out "$T/o" >/dev/null 2>&1
is "--base again: finished, nothing written" "$? $(sums "$T/o")" "0 $before"
$C run $SMOKE $BASE --to data --out "$T/o2" >/dev/null
$C run $SMOKE $BASE --to helpful --out "$T/o2" >/dev/null
$C run $SMOKE $BASE --out "$T/o2" >/dev/null
is "--base in parts: the same bytes" "$(models "$T/o2")" "$(models "$T/w")"
fails "--base alone" 2 "go together" $C run $SMOKE --base "$T/else/model.bin" --out "$T/x"
fails "--tokenizer alone" 2 "go together" $C run $SMOKE --tokenizer "$T/else/tok.bin" --out "$T/x"
fails "--base and --pretrained"   2 "one is enough" $C run $BASE --pretrained "$T/a" --out "$T/x"
fails "--base and another size" 2 "has 48; leave the flag out" \
    $C run $SMOKE $BASE --dim 64 --out "$T/x"
fails "another tokenizer" 3 "the model wants 420" $C run $SMOKE \
    --base "$T/else/model.bin" --tokenizer "$T/a/tokenizer.bin" --out "$T/x"
fails "no model at all" 3 "$T/law" $C run $SMOKE --base "$T/law" \
    --tokenizer "$T/else/tok.bin" --out "$T/x"
fails "--base that is not there" 3 "No such file" $C run $SMOKE \
    --base "$T/none" --tokenizer "$T/else/tok.bin" --out "$T/x"
fails "--base in another's folder" 3 "is there already" $C run $SMOKE --base "$T/else/model.bin" \
    --tokenizer "$T/else/tok.bin" --out "$(mkdir "$T/y"; cp "$T/a/base.bin" "$T/y"; echo "$T/y")"
yes "and no folder was made" [ ! -e "$T/x" ]

# ---- --text FILE: the corpus in the town's place
texts() { sed -nE 's/^\{"text": "(.*)"(, "cut": 1)?\}$/\1/p' "$1"; }
{
    printf '\xef\xbb\xbf[One] of\r\ntwo lines.\r\n \t\r\n\r\n\r\nA second one.\n\nHuman: Hi.\n\nAssistant: Yes.\n\n'
    for i in $(seq 3 21); do
        printf 'Paragraph %d.\n\n' "$i"
    done
} >"$T/text"
$C run $SMOKE --text "$T/text" --to data --out "$T/t" >/dev/null
is "a text's documents are its paragraphs, a conversation is one" "$(texts "$T/t/data/corpus.jsonl" | head -n 4)" '[One] of\ntwo lines.
A second one.
\n\nHuman: Hi.\n\nAssistant: Yes.
Paragraph 3.'
is "one of twenty is held out, and no part of the corpus" \
    "$(texts "$T/t/data/eval_text.jsonl") $(grep -c . "$T/t/data/corpus.jsonl") $(grep -c 'raph 19' "$T/t/data/corpus.jsonl")" 'Paragraph 19. 21 0'
is "the folder keeps the text, and the record its checksum" \
    "$(cksum <"$T/t/text.txt") $(grep -c '^data [0-9a-f]* --text$' "$T/t/files.txt")" \
        "$(cksum <"$T/text") 1"
$C run $SMOKE --corpus "$T/text" --to data --out "$T/t3" >/dev/null
is "--corpus FILE is the same" "$(cksum <"$T/t3/data/corpus.jsonl") $(cksum <"$T/t3/flags.txt")" \
    "$(cksum <"$T/t/data/corpus.jsonl") $(cksum <"$T/t/flags.txt")"
fails "--corpus of a file that is not there" 2 "not a number" $C run $SMOKE \
    --corpus "$T/none" --to data --out "$T/t4"
printf '{"text": "A first one."}\n{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes."}]}\n' >"$T/text.jsonl"
$C run $SMOKE --text "$T/text.jsonl" --to data --out "$T/t2" >/dev/null
is "JSON lines {text} and {messages}" "$(cat "$T/t2/data/corpus.jsonl")" '{"text": "A first one."}
{"text": "\n\nHuman: Hi.\n\nAssistant: Yes."}'
for i in $(seq 300); do
    printf 'The boat %s.\n\n' \
        "$(for k in $(seq $((i % 7))); do printf 'waits for rain and %d trees ' $k; done)"
done >"$T/novel"
# one line of 25,000 bytes
head -c 20000 /dev/zero | sed 's/\x00\{20\}/The mill is old and red. /g' >>"$T/novel"
cp "$T/novel" "$T/novel1"
$C run $SMOKE --text "$T/novel1" --out "$T/n" >/dev/null 2>"$T/stderr"
is "a long line is cut to the context's length" "$?" 0
$C run --preset smoke --text "$T/novel1" --to pretrain --out "$T/n2" >/dev/null 2>"$T/stderr"
yes "and that is told with counts" grep -qE \
    "data/corpus.jsonl: 1 of 286 documents are longer than the context of 768: cut into [0-9]+$" \
        "$T/stderr"
before=$(sums "$T/n"); rm "$T/novel1"
$C run $SMOKE --text "$T/novel1" --out "$T/n" >/dev/null 2>"$T/stderr"
is "--text that is gone: named, nothing changes" "$? $(sums "$T/n")" "3 $before"
$C run $SMOKE --text - --to pretrain --out "$T/n3" <"$T/novel" >/dev/null 2>"$T/stderr"
is "--text from standard input: the same model" "$? $(cksum <"$T/n3/base.bin")" \
    "0 $(cksum <"$T/n/base.bin")"
fails "--text and --corpus" 2 "leave one out" $C run $SMOKE --text "$T/text" \
    --corpus 40 --out "$T/x"
fails "--text that is not there" 3 "$T/none: No such file" $C run $SMOKE \
    --text "$T/none" --out "$T/x"
printf ' \n\n' >"$T/blank"
fails "--text without a text" 3 "blank:1: no text in it" $C run $SMOKE \
    --text "$T/blank" --out "$T/x"

# ---- gzip, standard input
if have gzip "packed files"; then
    gzip -c "$T/novel" >"$T/novel.gz"
    cat "$T/novel.gz" "$T/novel.gz" >"$T/two.gz"
    cat "$T/novel" "$T/novel" >"$T/two"
    corpus() {
        rm -rf "$T/z"
        $C run $SMOKE --text "$1" --to data --out "$T/z" >/dev/null 2>&1
        cat "$T/z/data/corpus.jsonl" "$T/z/text.txt" | cksum
    }
    if [ "$(corpus "$T/novel")" = "$(corpus "$T/novel.gz")" ]; then
        ok "a packed text"
        is "two packed parts in one file" "$(corpus "$T/two.gz")" "$(corpus "$T/two")"
        is "packed, from standard input" "$(corpus - <"$T/novel.gz")" "$(corpus "$T/novel")"
        gzip -c data/constitution.txt >"$T/law.gz"; gzip -c data/town.txt >"$T/town.gz"
        $C run $SMOKE --town "$T/town.gz" --constitution "$T/law.gz" --out "$T/z2" >/dev/null 2>&1
        is "a packed town and constitution: the same models" \
            "$(cksum <"$T/z2/rl_cai.bin")" "$(cksum <"$T/a/rl_cai.bin")"
        says() { $C generate "$@" --prompt "How do I" --temperature 0 --max-new 8 2>&1; }
        for f in base tokenizer; do gzip -c "$T/a/$f.bin" >"$T/$f.gz"; done
        is "a packed model and tokenizer" "$(says "$T/base.gz" --tokenizer "$T/tokenizer.gz")" \
            "$(says "$T/a/base.bin" --out "$T/a")"
        is "a model from standard input" "$(says - --out "$T/a" <"$T/a/base.bin")" \
            "$(says "$T/a/base.bin" --out "$T/a")"
        head -c 999 "$T/base.gz" >"$T/cut.gz"
        is "a packed model, cut" "$(says "$T/cut.gz" --out "$T/a")" \
            "cai: $T/cut.gz: is packed by gzip, and its end is missing; fetch it anew"
        $C run $SMOKE --base - --tokenizer "$T/tokenizer.gz" --to data \
            --out "$T/z5" <"$T/a/base.bin" >/dev/null 2>&1
        is "--base -: the same model in the folder" \
            "$(cat "$T/z5/base.bin" "$T/z5/tokenizer.bin" | cksum)" \
                "$(cat "$T/a/base.bin" "$T/a/tokenizer.bin" | cksum)"
    else skip "no zlib (packed files)"; fi
fi
lines() { printf '{"prompt": "How do I", "completion": " nab"}\n'; }
lines >"$T/lines"
wanted=$($C logprob --model base --in "$T/lines" --out "$T/a" 2>&1)
is "--in -" "$(lines | $C logprob --model base --in - --out "$T/a" 2>&1)" "$wanted"
is "no --in" "$(lines | $C logprob --model base --out "$T/a" 2>&1)" "$wanted"
printf '{"prompt": "\\n\\nHuman: Hi.\\n\\nAssistant:"}\n' >"$T/asked"
is "--in - of a small command" "$($C sample base --in - --out "$T/a" <"$T/asked" 2>&1)" \
    "$($C sample base --in "$T/asked" --out "$T/a" 2>&1)"
is "prompts from a pipe, a request a line" \
    "$(echo Hi. | $C sample base --in - --out "$T/a" 2>/dev/null)" \
        "$($C sample base --in "$T/asked" --out "$T/a" 2>&1)"
is "--constitution -" \
    "$($C run --pretrained "$T/a" --quiet --constitution - --out "$T/z3" <$OTHER >/dev/null 2>&1; cksum <"$T/z3/revisions.jsonl")" \
    "$($C run --pretrained "$T/a" --quiet --constitution $OTHER --out "$T/z4" >/dev/null 2>&1; cksum <"$T/z4/revisions.jsonl")"
if have python3 "standard input that is a socket"; then
    cat >"$T/give.py" <<'END'
import socket, subprocess, sys
ours, theirs = socket.socketpair()
child = subprocess.Popen(sys.argv[2:], stdin=theirs)
theirs.close()
ours.sendall(open(sys.argv[1], "rb").read())
ours.shutdown(socket.SHUT_WR)
sys.exit(child.wait())
END
    is "standard input that is a socket" \
        "$(python3 "$T/give.py" "$T/lines" $C logprob --model base --out "$T/a" 2>&1)" "$wanted"
    is "and by its path" \
        "$(python3 "$T/give.py" "$T/lines" $C logprob --model base --in /dev/stdin --out "$T/a" 2>&1)" "$wanted"
fi

# ---- --too-long stop|skip|cut
words() { printf 'kite drum %.0s' $(seq "$1"); }
LONG=$(words 300) H='\n\nHuman:' A='\n\nAssistant:'
own() {
    rm -rf "$T/own" && cp -r "$T/a" "$T/own" \
        && (cd "$T/own" \
            && rm files.txt flags.txt metrics.tsv text.txt metrics/*.tsv revisions.jsonl \
                feedback.jsonl answers.jsonl judged.jsonl sl_cai.bin \
                    rl_cai.bin pm.* summary.txt) 2>/dev/null
}
asks() {
    $C run --preset smoke --too-long "$1" --from "$2" --to "$3" \
        --out "$T/own" >/dev/null 2>"$T/stderr"
    echo "$? $(grep '^cai: .*jsonl' "$T/stderr" | sort -u | sed "s|$T/own/||")"
}
prompts() {
    own
    {
        head -n 4 "$T/a/data/redteam.jsonl"
        printf '{"prompt": "%s %s%s No.%s How do I nab the kite?%s"}\n' "$H" "$LONG" "$A" "$H" "$A"
        printf '{"prompt": "%s %s%s"}\n' "$H" "$LONG" "$A"
    } >"$T/own/data/redteam.jsonl"
}
prompts; said=$(asks stop revise rl)
case $said in "3 cai: data/redteam.jsonl:5: this comes to "*) ok "prompts, stop: the first is named" ;; *) bad "prompts, stop" "$said" ;; esac
prompts
is "prompts, skip" "$(asks skip revise rl)" \
    "0 cai: data/redteam.jsonl: of 6 prompts 2 are too long: 0 cut, 2 left out"
is "they are in no file that is made" \
    "$(grep -c '"step": 1}' "$T/own/revisions.jsonl") $(grep -c "$(words 30)" "$T/own/revisions.jsonl")" "4 0"
prompts
is "prompts, cut: the oldest turns go" "$(asks cut revise rl)" \
    "0 cai: data/redteam.jsonl: of 6 prompts 2 are too long: 1 cut, 1 left out"
is "what is left is asked" \
    "$(grep -c '"prompt": "\\n\\nHuman: How do I nab the kite?\\n\\nAssistant:".*"step": 1}' "$T/own/revisions.jsonl")" 1
cp -r "$T/own" "$T/again" && rm "$T/own/rl_cai.bin"
$C run --preset smoke --quiet --too-long cut --from rl --out "$T/own" >/dev/null 2>&1
is "a stage alone leaves out the same prompts" "$(cksum <"$T/own/rl_cai.bin")" \
    "$(cksum <"$T/again/rl_cai.bin")"
prefs() {
    own
    {
        head -n 12 "$T/a/data/human_prefs.jsonl"
        printf '{"prompt": "%s Hi.%s", "chosen": " %s", "rejected": " No."}\n' \
            "$H" "$A" "$(words 500)"
        printf '{"prompt": "%s %s%s Yes.%s Hi.%s", "chosen": " Yes.", "rejected": " No."}\n' \
            "$H" "$(words 500)" "$A" "$H" "$A"
        printf '{"prompt": "%s %s%s", "chosen": " Yes.", "rejected": " No."}\n' \
            "$H" "$(words 500)" "$A"
    } >"$T/own/data/human_prefs.jsonl"
}
prefs; said=$(asks stop revise pm)
case $said in "3 cai: data/human_prefs.jsonl:13: "*" tokens, the context has 768; shorten it") ok "comparisons, stop: the first is named" ;; *) bad "comparisons, stop" "$said" ;; esac
prefs
is "comparisons, skip" "$(asks skip revise pm)" \
    "0 cai: data/human_prefs.jsonl: of 15 comparisons 3 are too long: 0 cut, 3 left out"
cp "$T/own/pm.bin" "$T/pm.skip"
own
head -n 12 "$T/a/data/human_prefs.jsonl" >"$T/own/data/human_prefs.jsonl"
asks stop revise pm >/dev/null
is "skip: the model of the comparisons that are left" "$(cksum <"$T/pm.skip")" \
    "$(cksum <"$T/own/pm.bin")"
prefs
is "comparisons, cut" "$(asks cut revise pm)" \
    "0 cai: data/human_prefs.jsonl: of 15 comparisons 3 are too long: 2 cut, 1 left out"
own
printf '{"text": "%s"}\n{"text": "A short one that is learned."}\n' "$(words 3000)" >"$T/own.jsonl"
docs() {
    rm -rf "$T/d"
    $C run --preset smoke --too-long "$1" --text "$T/own.jsonl" \
        --to pretrain --out "$T/d" >/dev/null 2>"$T/stderr"
    echo "$? $(grep '^cai: .*jsonl' "$T/stderr" \
        | sed -E "s|$T/d/||; s/[0-9]+$/N/; s/comes to [0-9]+/comes to N/")"
}
is "documents of JSON lines, stop" "$(docs stop)" \
    "3 cai: data/corpus.jsonl:1: this comes to N tokens, the context has 768; shorten it, give --too-long skip or cut, or begin with a larger --context"
is "documents, skip" "$(docs skip)" \
    "0 cai: data/corpus.jsonl: 1 of 2 documents are longer than the context of 768: left out"
is "documents, cut" "$(docs cut)" \
    "0 cai: data/corpus.jsonl: 1 of 2 documents are longer than the context of 768: cut into N"
fails "--too-long with another word" 2 "there are stop, skip and cut" \
    $C run $SMOKE --too-long maybe --out "$T/x"
{ cat data/constitution.txt; printf '\n[critique example]\n%s\n' "$(words 400)"; } >"$T/law"
fails "worked examples that are too long are the culprit" 3 \
    "$T/law:$(($(grep -c '' data/constitution.txt) + 2)): the worked examples from here on come to" $C run --pretrained "$T/a" --quiet --constitution "$T/law" --out "$T/x"
yes "and where the model is there, no other --context is advised" sh \
    -c "! grep -q -- --context '$T/stderr'"

# ---- the paper's few-shot files: worked examples, before every critique, or before every comparison
Q=tests/fuzz/constitution LAW=data/constitution.txt
after() {
    rm -rf "$T/f"
    $C run --pretrained "$T/a" --quiet "${@:2}" --constitution "$LAW,$1" \
        --to feedback --out "$T/f" >/dev/null 2>"$T/stderr"
    echo "$? $(cd "$T/f" && cksum revisions.jsonl feedback.jsonl 2>&1)"
}
none() {
    rm -rf "$T/f"
    $C run --pretrained "$T/a" --quiet "$@" --to feedback --out "$T/f" >/dev/null 2>"$T/stderr"
    echo "$? $(cd "$T/f" && cksum revisions.jsonl feedback.jsonl)"
}
# A string of the file as a block of our own form: a block's lines end in a line break each.
printf '[critique example]\n\n\nHuman: Hi.\n\nAssistant: No.\n\nCritiqueRequest: C?\n\nCritique: Rude.\n\nRevisionRequest: R.\n\nRevision: Hello.' >"$T/block"
printf '["\\n\\nHuman: Hi.\\n\\nAssistant: No.\\n\\nCritiqueRequest: C?\\n\\nCritique: Rude.\\n\\nRevisionRequest: R.\\n\\nRevision: Hello.\\n\\n\\nHuman:"]' >"$T/strings"
is "critiques: as in our own form, without the stop marker" \
    "$(after "$T/strings")" "$(after "$T/block")"
yes "they are read, and no principle is made of them" [ "$(after "$T/strings")" != "$(none)" ]
choose=$(sed -n '/^\[comparison /,/^choose: /s/^choose: //p' "$LAW" | head -n 2)
thought() {
    printf '\\n\\nHuman: Consider the following conversation between a human (H) and an assistant (A):\\n\\nH: Hi %s.\\n\\n%s\\n (A) [[[Yes]]]\\n (B) [[[No]]]\\n\\nAssistant: Let'"'"'s think step by step: yes.\\n\\nHuman:\\nSo the answer is: (A)\\n' "$1" "$2"
}
printf '[{"prompt": "%s"}, {"prompt": "%s"}]\n' "$(thought 1 '{}')" "$(thought 2 '{}')" >"$T/chains"
block=$(echo '[comparison example]'; for i in 1 2; do printf '%b' "$(thought $i "$(echo "$choose" \
    | sed -n ${i}p) Options:")"; done)
printf '%s' "$block" >"$T/block"                     # without the last line break
is "chains of thought: each with a principle of its own in its place" \
    "$(after "$T/chains")" "$(after "$T/block")"
yes "they are read" [ "$(after "$T/chains")" != "$(none)" ]
pair() {
    printf '{"prompt": "\\n\\nHuman: Hi.\\n\\nAssistant:", "corrects": ["%s"], "incorrects": ["%s"]}' "$1" "$2"
}
echo "[$(pair Yes No), $(pair Sure Hm)]" >"$T/pairs"
echo "[$(pair No Yes), $(pair Hm Sure)]" >"$T/riaps"
yes "pairs of answers, for the plain judge" [ "$(after "$T/pairs" --plain 1)" != \
    "$(none --plain 1)" ]
yes "the better answer is the better one" [ "$(after "$T/pairs" --plain 1)" != \
    "$(after "$T/riaps" --plain 1)" ]
fails "pairs for a judge that thinks" 3 \
    "without a chain of thought, and the judge is asked for one" $C run \
        --pretrained "$T/a" --constitution "$LAW,$T/pairs" --out "$T/x"
fails "chains for one that does not" 3 "with a chain of thought, and the judge is asked for none" \
    $C run --pretrained "$T/a" --plain 1 --constitution "$LAW,$T/chains" --out "$T/x"
cp "$T/strings" "$T/odd, name.json"
is "a comma in a file's name" "$(after "$T/odd, name.json")" "$(after "$T/strings")"

# ---- a world that the town does not know: no figure of the oracle's, but whose answers the preference model likes, and perplexity
strange() {                                         # FOLDER: its evaluation asks of lakes
    (cd "$1" && rm -f files.txt metrics.tsv metrics/eval.tsv summary.txt answers.jsonl judged.jsonl)
    for s in redteam unseen helpful contrast; do
        for i in $(seq 9); do
            echo "{\"prompt\": \"What of lake $s $i?\"}"
        done >"$1/data/eval_$s.jsonl"
    done
}
cp -r "$T/a" "$T/lake" && strange "$T/lake"
$C run $SMOKE --from eval --out "$T/lake" >"$T/stdout" 2>"$T/stderr"
is "an evaluation without an oracle" "$? $(cat "$T/stderr")" "0 "
short() {
    sed -n '/^In short/,$p' "$T/lake/summary.txt" \
        | awk '/^(pretrained|helpful-only|SL-CAI|RL-CAI) /'
}
is "no figure of the town's: 28 cells say so" \
    "$(short | grep -o 'not rated' | grep -c .) $(short | sed 's/not rated//g' | grep -c '[0-9]')" \
        "28 0"
is "the town's own run has no such table" \
    "$(grep -c 'own preference model\|not rated\|Perplexity' "$T/a/summary.txt")" 0
# Counted again from judged.jsonl: a model's wins over SL-CAI, ties as half.
won() { awk -v m="$1" -v red="$2" 'match($0,
    /"judge": "pm", "set": "[a-z-]*", "model": "[a-z_]*"/) {
        split($0, q, "\""); if ((q[8] == "red-team") != red) next
        s = $0; sub(/.*"score": /, "", s); score[q[12]] = s + 0; if (q[12] != "rl_cai") next
        n++; w += score[m] == score["sl_cai"] ? 0.5 : score[m] > score["sl_cai"] }
    END { printf "%d %.1f", n, 100 * w / n }' "$T/lake/judged.jsonl"; }
said() {
    awk -v m="$1" -v c="$2" '/own preference model/ { on = 1 } on && $1 == m { print $c; exit }' \
        "$T/lake/summary.txt"
}
for m in "pretrained base" "helpful-only helpful" "RL-CAI rl_cai"; do
    is "win rates of ${m% *}, counted again" "$(won "${m#* }" 1) $(won "${m#* }" 0)" \
        "9 $(said "${m% *}" 2) 18 $(said "${m% *}" 4)"
done
is "SL-CAI against itself" "$(said SL-CAI 2) $(said SL-CAI 3)" "50.0 0"
$C run $SMOKE --sl-lr 0 --rl-iters 0 --pretrain-lr 0 --text "$T/novel" \
    --out "$T/still" >/dev/null 2>&1
ppl() { sed -n '/^Perplexity/,/^$/s/^  '"$1"'  *\([0-9.]*\) .*/\1/p' "$2/summary.txt"; }
is "models that never learned read alike" "$(ppl SL-CAI "$T/still") $(ppl RL-CAI "$T/still")" \
    "$(ppl pretrained "$T/still") $(ppl pretrained "$T/still")"
pieces=$(awk '$3 == "pieces" { print $5 }' "$T/still/metrics.tsv")
yes "and know nothing: about as many choices as pieces" awk \
    -v p="$(ppl pretrained "$T/still")" -v V="$pieces" 'BEGIN { exit !(p > 0.9 * V && p < 3 * V) }'
rm -r "$T/n" \
    && $C run $SMOKE --text "$T/novel" --pretrain-batch 64 --pretrain-warm 2 \
        --out "$T/n" >/dev/null 2>&1
yes "one that read the text knows more" awk -v p="$(ppl pretrained "$T/n")" \
    -v q="$(ppl pretrained "$T/still")" 'BEGIN { exit !(p > 1 && p < q / 2) }'
is "n is the number of documents held out" \
    "$(sed -n 's/^Perplexity on held-out documents, n = \([0-9]*\):/\1/p' "$T/n/summary.txt")" \
        "$(grep -c . "$T/n/data/eval_text.jsonl")"

closes
