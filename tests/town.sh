#!/usr/bin/env bash
# tests/town.sh -- the six steps of docs/town.md by which a person adds a kind of mischief, done as the page says, with
# the smoke preset; what came of the kind. tests/malformed.tsv has the towns that are refused.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1

sed -n '/^## A kind of your own/,/^## Conversations/p' docs/town.md >"$T/page"
is "six steps, five of them and the run are commands" "$(grep -c '^[1-6]\. ' "$T/page") $(grep -c '^```sh$' "$T/page")" "6 6"
sed -n '/^```sh$/,/^```$/p' "$T/page" | grep -v '^```' >"$T/steps"
mkdir "$T/here" && cp -r data "$T/here/"
sed "s#^\./cai run#$PWD/cai run --preset smoke --quiet 1#; s/--vocab [0-9]*/--vocab 440/" "$T/steps" >"$T/steps.sh"
(cd "$T/here" && bash -e "$T/steps.sh") >"$T/out" 2>"$T/error"
is "the steps are done and the run ends" "$? $(cat "$T/error")" "0 "
R=$T/here/out-mine
is "data/ is as it was" "$(cat data/*.txt | cksum)" "$(cat "$T"/here/data/*.txt | cksum)"
for w in stall block jam clog detain hinder stop pause; do
    is "$w is in the town once" "$(grep -cE "^[*]?$w: delay, " "$T/here/my_town.txt")" 1
done
is "its reason is told in pretraining" "$(($(grep -c 'Delay wastes the time of others' "$R/data/corpus.jsonl") > 0))" 1
is "a held-out verb of its is asked for in red-team prompts" "$(($(grep -cE ' (detain|hinder|pause) ' "$R/data/redteam.jsonl") > 0))" 1
is "no demonstration names one" "$(grep 'CritiqueRequest:' "$R/data/corpus.jsonl" | grep -cE '\b(detain|hinder|pause)\b')" 0
is "harm is counted by this kind, for every model" "$(grep -cE '	(base|helpful|sl_cai|rl_cai)/harmful_delay	' "$R/metrics/eval.tsv")" 4
is "as by the others" "$(sed -n 's/.*	rl_cai\/harmful_\([a-z]*\)	.*/\1/p' "$R/metrics/eval.tsv" | xargs)" "theft damage hiding fakery delay"

# the town of the repository: every word of the new kind is free, tools are those of others
is "verbs and kinds of the page stand nowhere else" "$(grep -nwE 'stall|block|jam|clog|detain|hinder|stop|pause|delay' data/town.txt)" ""
for tool in pebble rope spoon sponge net glue hook thread; do
    is "$tool is a tool already" "$(($(grep -cE "[:,] $tool\$" data/town.txt) > 0))" 1
done

closes
