#!/usr/bin/env bash
# tests/worlds.sh -- a run that begins with what others have made: another run's models, a checkpoint of elsewhere, a text of
# one's own, prompts that the town does not know. docs/files.md, "Beginning with one's own", says what is promised.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
C=./cai SMOKE="--preset smoke --quiet"
sums() { (cd "$1" && find . -type f | sort | xargs cksum); }
# fails NAME STATUS TEXT COMMAND...: one line on standard error that has TEXT, that status
fails() {
    local name=$1 status=$2 text=$3 got
    shift 3
    "$@" </dev/null >"$T/stdout" 2>"$T/stderr"; got=$?
    if [ "$got" = "$status" ] && [ "$(grep -c '' "$T/stderr")" = 1 ] && grep -qF -- "$text" "$T/stderr"; then ok "$name"
    else bad "$name" "status $got: $(cat "$T/stderr")"; fi
}
OTHER=data/controls/inverted.txt

# ---- --pretrained RUN: the bytes of a run that was made from nothing
$C run $SMOKE --out "$T/a" >/dev/null || bad "the smoke run"
$C run $SMOKE --constitution $OTHER --revisions 2 --out "$T/whole" >/dev/null
before=$(sums "$T/a")
$C run --pretrained "$T/a" --quiet --constitution $OTHER --revisions 2 --out "$T/b" >/dev/null 2>"$T/stderr"
is "--pretrained: the same bytes in every file as from nothing" "$? $(cat "$T/stderr") $(diff -r "$T/b" "$T/whole")" "0  "
is "--pretrained: the other run is as it was" "$(sums "$T/a")" "$before"
yes "nothing is left beside the folder" [ ! -e "$T/b.begun" ]
before=$(sums "$T/b")
$C run --pretrained "$T/a" --quiet --constitution $OTHER --revisions 2 --out "$T/b" >"$T/stdout" 2>"$T/stderr"
is "--pretrained again: finished, nothing written" "$? $(sums "$T/b")" "0 $before"
$C run --pretrained "$T/a" --quiet --to revise --constitution $OTHER --revisions 2 --out "$T/part" >/dev/null
$C run --pretrained "$T/a" --quiet --constitution $OTHER --revisions 2 --out "$T/part" >/dev/null
is "--pretrained in two parts: the same bytes" "$(diff -r "$T/part" "$T/whole")" ""
cp -r "$T/a" "$T/moved" && sed "s/nab/swipe/g" data/town.txt >"$T/town.txt"
rm -r "$T/part" && $C run --pretrained "$T/moved" --quiet --constitution $OTHER --revisions 2 --out "$T/part" >/dev/null
is "--pretrained: a copy of a run does as well" "$(diff -r "$T/part" "$T/whole")" ""

# Every flag of a later stage may be another, and no other flag. docs/reliability.md says which files a flag changes first.
later=$(sed -nE 's/^\| `--([a-z-]+) [^`]*` \| (revisions.jsonl|sl_cai.bin|feedback.jsonl|rl_cai.bin|answers.jsonl).*/\1/p' docs/reliability.md | sort)
earlier=$(sed -nE 's/^\| `--([a-z-]+) [^`]*` \| (all data|data\/|tokenizer.bin|base.bin|helpful).*/\1/p' docs/reliability.md | sort -u)
value() { sed -nE "s/^\\| \`--$1 ([^\`]*)\` .*/\\1/p" docs/reliability.md | sed "s|FILE|$OTHER|"; }
taken= refused=
for f in $later; do $C run --pretrained "$T/a" --quiet --"$f" "$(value "$f")" --to revise --out "$T/l.$f" >/dev/null 2>&1 && taken="$taken $f"; done
for f in $earlier; do
    $C run --pretrained "$T/a" --quiet --"$f" "$(value "$f")" --out "$T/e.$f" >/dev/null 2>"$T/stderr"
    [ $? = 2 ] && grep -q "that run has --$f " "$T/stderr" && [ ! -e "$T/e.$f" ] && refused="$refused $f"
done
is "flags of later stages are taken" "$(echo $taken)" "$(echo $later)"
is "flags of stages that are copied are refused" "$(echo $refused)" "$(echo $earlier)"

fails "no run"                        3 "is no run of cai" $C run --pretrained "$T/none" --out "$T/x"
fails "one that is not so far"        3 "its stage helpful is not finished" sh -c "$C run $SMOKE --to pretrain --out '$T/short' >/dev/null; $C run --pretrained '$T/short' --out '$T/x'"
fails "--from a stage that is copied" 2 "begins with the stage revise" $C run --pretrained "$T/a" --from helpful --out "$T/x"
fails "--to a stage that is copied"   2 "begins with the stage revise" $C run --pretrained "$T/a" --to data --out "$T/x"
fails "a folder that began otherwise" 3 "did not begin with" $C run --pretrained "$T/a" --quiet --out "$(cp -r "$T/whole" "$T/seed"; $C run $SMOKE --seed 3 --out "$T/seed3" >/dev/null; echo "$T/seed3")"
mkdir "$T/full" && echo mine >"$T/full/mine"
fails "a folder with other files"     3 "Directory not empty" $C run --pretrained "$T/a" --quiet --out "$T/full"
is "they are left" "$(cat "$T/full/mine")" mine
printf '[critique x]\ncritique: Say.\n' >"$T/law"
fails "a broken constitution is told first" 3 "$T/law" $C run --pretrained "$T/a" --quiet --constitution "$T/law" --out "$T/x"
cp -r "$T/a" "$T/flipped" && printf x | dd of="$T/flipped/helpful.bin" bs=1 seek=500 conv=notrunc 2>/dev/null
fails "a file of it that has changed" 3 "helpful.bin: is not as the stage helpful wrote it" $C run --pretrained "$T/flipped" --quiet --out "$T/x"
yes "and no folder was made" [ ! -e "$T/x" ]

# ---- --base MODEL --tokenizer FILE
SIZES="--dim 48 --hidden 40 --layers 3 --heads 3 --kv-heads 1 --vocab 420 --superwords 0 --context 640"
$C run $SMOKE $SIZES --to pretrain --out "$T/w" >/dev/null || bad "a checkpoint of elsewhere"
mkdir "$T/else" && cp "$T/w/base.bin" "$T/else/model.bin" && cp "$T/w/tokenizer.bin" "$T/else/tok.bin"
BASE="--base $T/else/model.bin --tokenizer $T/else/tok.bin"
$C run $SMOKE $SIZES --out "$T/w" >/dev/null
$C run $SMOKE $BASE --out "$T/o" >/dev/null 2>"$T/stderr"
is "--base: taken" "$? $(cat "$T/stderr")" "0 "
models() { (cd "$1" && cksum data/*.jsonl ./*.bin ./*.jsonl ./*.head summary.txt flags.txt); }
is "--base: the bytes of the run that trained it itself" "$(models "$T/o")" "$(models "$T/w")"
is "the folder has the model's sizes" "$(grep -cE '^(dim 48|hidden 40|layers 3|heads 3|kv-heads 1|vocab 420|context 640)$' "$T/o/flags.txt")" 7
yes "who read it has its checksum" grep -qE '^helpful [0-9a-f]{16} <base.bin$' "$T/o/files.txt"
before=$(sums "$T/o")
$C run $SMOKE $BASE --out "$T/o" >/dev/null 2>&1
is "--base again: finished, nothing written" "$? $(sums "$T/o")" "0 $before"
$C run $SMOKE $BASE --to data --out "$T/o2" >/dev/null
$C run $SMOKE $BASE --to helpful --out "$T/o2" >/dev/null
$C run $SMOKE $BASE --out "$T/o2" >/dev/null
is "--base in parts: the same bytes" "$(models "$T/o2")" "$(models "$T/w")"
fails "--base alone"              2 "go together" $C run $SMOKE --base "$T/else/model.bin" --out "$T/x"
fails "--tokenizer alone"         2 "go together" $C run $SMOKE --tokenizer "$T/else/tok.bin" --out "$T/x"
fails "--base and --pretrained"   2 "one is enough" $C run $BASE --pretrained "$T/a" --out "$T/x"
fails "--base and another size"   2 "has 48; leave the flag out" $C run $SMOKE $BASE --dim 64 --out "$T/x"
fails "another tokenizer"         3 "the model wants 420" $C run $SMOKE --base "$T/else/model.bin" --tokenizer "$T/a/tokenizer.bin" --out "$T/x"
fails "no model at all"           3 "$T/law" $C run $SMOKE --base "$T/law" --tokenizer "$T/else/tok.bin" --out "$T/x"
fails "--base that is not there"  3 "cannot be opened" $C run $SMOKE --base "$T/none" --tokenizer "$T/else/tok.bin" --out "$T/x"
fails "--base in another's folder" 3 "is there already" $C run $SMOKE --base "$T/else/model.bin" --tokenizer "$T/else/tok.bin" --out "$(mkdir "$T/y"; cp "$T/a/base.bin" "$T/y"; echo "$T/y")"
yes "and no folder was made" [ ! -e "$T/x" ]

closes
