#!/usr/bin/env bash
# tests/loop.sh -- the loop as the paper has it: which model samples, judges and is trained at every
# stage, on which texts, from which contexts. Runs the smoke preset stage by stage under a witness
# (tests/spy.c) and compares what the witness saw with the run's files (tests/loop.py). The texts
# are gibberish; the wiring is what counts.
# B (environment): the folder of build/spy. SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
spy=${B:-build}/spy
[ -x "$spy" ] || { echo "no $spy: make $spy"; exit 1; }
command -v python3 >/dev/null || {
    printf '%s\n' '0 passed, 0 failed, 1 skipped' \
        'skipped: no python3 (who samples, judges and learns at every stage)'
    exit 0
}

stage() {
    CAI_SPY=$T/$1.tsv CAI_SPY_RUN=$T/run "$spy" "$1" --out "$T/run" --quiet 1 "${@:2}" >/dev/null \
        || exit 1
}
for s in data tokenizer pretrain helpful revise sl feedback pm rl eval; do
    stage $s $([ $s = data ] && echo --preset smoke)
done
# a stage again, with other flags: STAGE NAME FLAG VALUE..
again() {
    local stage=$1 name=$2 made flags
    [ $stage = sl ] && made=sl_cai.bin || made=feedback.jsonl
    # the rest is ours
    cp -r "$T/run" "$T/$name" && rm "$T/$name"/{files.txt,$made,metrics.tsv,metrics/$stage.tsv}
    for ((flags = 3; flags < $#; flags += 2)); do
        sed -i.old "s/^${!flags} .*/${!flags} ${@:flags+1:1}/" "$T/$name/flags.txt"
    done
    CAI_SPY=$T/$name.tsv CAI_SPY_RUN=$T/$name "$spy" $stage --out "$T/$name" --quiet 1 >/dev/null \
        || exit 1
}
again sl final final-only 1                         # the last step's revisions alone
again feedback plain plain 1                        # labels without chains of thought
again feedback three principles 3                   # labels averaged over three principles
again feedback chains chains 3                      # over three chains of thought
again feedback one-order both-orders 0              # from one order alone
again feedback hard hard 1
again feedback random judge random                  # labels of every size, to see the clamp work
again feedback clamp judge random clamp-lo 0.45 clamp-hi 0.7
again feedback random-plain judge random plain 1
# answers of one token, most of them the same
"$spy" run --preset smoke --corpus 1000 --pretrain-lr 1e-2 --sl-lr 0 \
    --max-new 1 --helpful-iters 1 --to feedback \
    --out "$T/short" --quiet 1 >/dev/null || exit 1
python3 tests/loop.py "$T"
