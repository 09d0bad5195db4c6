#!/usr/bin/env bash
# tests/flags.sh -- every flag of a run is obeyed, and by the stages that it is for: for each row of
# the table "What a flag changes" (docs/reliability.md) a smoke run with that flag is compared with
# one without. The files that the row names must differ; of the files after them those of "on" may,
# their models must; all others must be the same bytes. Runs two at a time. ONLY='chains|sl-lr'
# (environment): these rows alone.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"

DATA="data/corpus.jsonl data/redteam.jsonl data/helpful.jsonl data/human_prefs.jsonl data/eval_prefs.jsonl data/eval_redteam.jsonl
data/eval_helpful.jsonl data/eval_contrast.jsonl data/eval_unseen.jsonl data/reserved_redteam.jsonl data/reserved_helpful.jsonl
data/reserved_contrast.jsonl data/judgements.jsonl"
FILES="$DATA tokenizer.bin base.bin helpful_pm.bin helpful.bin revisions.jsonl sl_cai.bin feedback.jsonl pm.bin rl_cai.bin answers.jsonl judged.jsonl summary.txt"

# Files for the three flags that name one: every owner and every held-out thing renamed; every
# critique in other words; two pages as a text.
sed -e '/^\[owners\]/,/^\[critique wordings\]/s/^\([a-z][a-z]*\)$/\1x/' \
    -e '/^\[objects\]/,/^\[owners\]/s/^\*\([a-z]*\):/*\1x:/' \
    data/town.txt >"$T/town"
sed 's/^critique: /critique: Once more: /' data/constitution.txt >"$T/constitution"
sed 's/$/\n/' docs/files.md docs/town.md >"$T/text"

sed -nE 's/^\| `--([a-z-]+) ([^`]*)` \| (.*) \|$/\1|\2|\3/p' docs/reliability.md >"$T/table"
./cai --help | sed -nE 's/^  --([a-z-]+) .*/\1/p' | grep -vxE 'preset|model' | sort -u >"$T/flags"
if [ "$(cut -d '|' -f 1 "$T/table" | sort -u)" = "$(cat "$T/flags")" ]; then ok \
    "the table has every flag of a run"
else bad "the table has every flag of a run" \
    "$(cut -d '|' -f 1 "$T/table" | sort -u | diff - "$T/flags" | grep '^[<>]' | tr '\n' ' ')"; fi

grep -E "^(${ONLY:-.*})\|" "$T/table" >"$T/rows" && mv "$T/rows" "$T/table"
./cai run --preset smoke --quiet 1 --out "$T/base" >/dev/null || bad "the run to compare with"
# FLAG VALUE: a run, its status and the last that it said
try() {
    local value=$2 out=$T/$1
    [ "$value" = FILE ] && value=$T/$1
    if [ "$1" = out ]; then set -- --out "$T/out"; else set -- "--$1" "$value" --out "$out.run"; fi
    ./cai run --preset smoke --threads 1 "$@" >/dev/null 2>"$out.err"
    echo "$? $(tail -n 1 "$out.err")" >"$out.status"
}
while IFS='|' read -r flag value changes; do
    try "$flag" "$value" &
    while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n; done
done <"$T/table"
wait
[ -d "$T/out" ] && mv "$T/out" "$T/out.run"

while IFS='|' read -r flag value changes; do
    read -r status said <"$T/$flag.status"
    if [ "$status" != 0 ]; then bad "--$flag $value" "$said"; continue; fi
    must=$(echo "$changes" | tr -d ',' | sed -e 's/ on$//' -e "s|^all data|$(echo $DATA)|") \
        on=0 why=
    [ "$changes" = nothing ] && must=
    for f in $FILES; do
        differs=0 named=0
        cmp -s "$T/base/$f" "$T/$flag.run/$f" || differs=1
        case " $must " in *" $f "*) named=1 ;; esac
        if [ $named = 1 ] && [ $differs = 0 ]; then why="$why; $f is the same"; fi
        if [ $named$on = 00 ] && [ $differs = 1 ]; then why="$why; $f differs"; fi
        if [ $on = 1 ] && [ $differs = 0 ] && [ "${f%.bin}" != "$f" ]; then
            why="$why; $f is the same"
        fi
        case $changes in *" on") [ "${must##* }" = "$f" ] && on=1 ;; esac
    done
    for f in $must; do case " $(echo $FILES) " in *" $f "*) ;; *) why="$why; no file $f" ;; esac; done
    if [ -z "$why" ]; then ok "--$flag $value: $changes"; else bad "--$flag $value" "${why#; }"; fi
done <"$T/table"

closes
