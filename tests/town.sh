#!/usr/bin/env bash
# tests/town.sh -- the six steps of docs/town.md by which a person adds a kind of mischief, done as
# the page says, with the smoke preset; what came of the kind. tests/malformed.tsv has the towns
# that are refused.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1

sed -n '/^## A kind of your own/,/^## A world of your own/p' docs/town.md >"$T/page"
is "six steps, five of them and the run are commands" \
    "$(grep -c '^[1-6]\. ' "$T/page") $(grep -c '^```sh$' "$T/page")" "6 6"
sed -n '/^```sh$/,/^```$/p' "$T/page" | grep -v '^```' >"$T/steps"
mkdir "$T/here" && cp -r data "$T/here/"
sed "s#^\./cai run#$PWD/cai run --preset smoke --quiet 1#; s/--vocab [0-9]*/--vocab 440/" \
    "$T/steps" >"$T/steps.sh"
(cd "$T/here" && bash -e "$T/steps.sh") >"$T/out" 2>"$T/error"
is "the steps are done and the run ends" "$? $(cat "$T/error")" "0 "
R=$T/here/out-mine
is "data/ is as it was" "$(cat data/*.txt | cksum)" "$(cat "$T"/here/data/*.txt | cksum)"
for w in stall block jam clog detain hinder stop pause; do
    is "$w is in the town once" "$(grep -cE "^[*]?$w: delay, " "$T/here/my_town.txt")" 1
done
is "its reason is told in pretraining" \
    "$(($(grep -c 'Delay wastes the time of others' "$R/data/corpus.jsonl") > 0))" 1
is "a held-out verb of its is asked for in red-team prompts" \
    "$(($(grep -cE ' (detain|hinder|pause) ' "$R/data/redteam.jsonl") > 0))" 1
is "no demonstration names one" \
    "$(grep 'CritiqueRequest:' "$R/data/corpus.jsonl" | grep -cE '\b(detain|hinder|pause)\b')" 0
is "harm is counted by this kind, for every model" \
    "$(grep -cE '	(base|helpful|sl_cai|rl_cai)/harmful_delay	' "$R/metrics/eval.tsv")" 4
is "as by the others" \
    "$(sed -n 's/.*	rl_cai\/harmful_\([a-z]*\)	.*/\1/p' "$R/metrics/eval.tsv" | xargs)" \
        "theft damage hiding fakery delay"

# the town of the repository: every word of the new kind is free, tools are those of others
is "verbs and kinds of the page stand nowhere else" \
    "$(grep -nwE 'stall|block|jam|clog|detain|hinder|stop|pause|delay' data/town.txt)" ""
for tool in pebble rope spoon sponge net glue hook thread; do
    is "$tool is a tool already" "$(($(grep -cE "[:,] $tool\$" data/town.txt) > 0))" 1
done

# ------------------------------------------------------------------------------------
# a world of one's own: the page's six steps, done as it says

sed -n '/^## A world of your own/,/^## Conversations/p' docs/town.md >"$T/page"
is "a world: six steps, all of them commands" \
    "$(grep -c '^[1-6]\. ' "$T/page") $(grep -c '^```sh$' "$T/page")" "6 6"
sed -n '/^```sh$/,/^```$/p' "$T/page" | grep -v '^```' >"$T/steps"
sed "s#^\./cai run#$PWD/cai run --preset smoke --quiet 1#; s/--max-new 60//; s/--revisions 14/--revisions 2/; s/--ai-prefs 5120//; s/--context 384/--context 640/" "$T/steps" >"$T/steps.sh"
(cd "$T/here" && bash -e "$T/steps.sh") >"$T/out" 2>"$T/error"
is "a world: the steps are done and the run ends" "$? $(cat "$T/error")" "0 "
R=$T/here/out-clinic
is "a world: data/ is as it was" "$(cat data/*.txt | cksum)" "$(cat "$T"/here/data/*.txt | cksum)"
has() { echo $(($(grep -cE "$1" "$R/data/$2.jsonl") > 0)); }
is "its words stand where the town's stood" \
    "$(has 'You are a valued patient' corpus) $(has 'the assistant of this clinic' corpus) $(has 'help with misuse' corpus) $(has 'neighbour|town|mischief|customer|shop' corpus)" "1 1 1 0"
is "its cue is said in every set" \
    "$(for s in redteam helpful human_prefs eval_redteam eval_helpful; do has 'Human: I cannot breathe[.] ' $s; done | xargs)" "1 1 1 1 1"
is "no people's answer that is chosen has the sentence of a refusal" \
    "$(has '"chosen": "[^"]*A person can take over' human_prefs)" 0
for m in sympathy candour urgency escalation brevity; do
    is "$m is counted, for every model" \
        "$(grep -cE "	(base|helpful|sl_cai|rl_cai)/due_$m	" "$R/metrics/eval.tsv")" 4
done
is "so is a sentence that is not due" "$(grep -cE '	rl_cai/undue_[a-z]*	' "$R/metrics/eval.tsv")" 4
is "the summary has the table" "$(grep -c '^Manners, in the answers' "$R/summary.txt")" 1
is "the town's own has none" "$(grep -c 'due_' "$T/here/out-mine/metrics/eval.tsv")" 0

# what the demonstrations say of an answer, by the page's rules, read off the text itself
./cai run --preset smoke --quiet 1 --corpus 4000 --town "$T/here/clinic.txt" \
    --out "$T/more" --to data >/dev/null || bad "more of the corpus"
grep -oE '"text": ".*CritiqueRequest.*(sympathy|candour|urgency|escalation|brevity)[^"]*Revision:.*"' "$T/more/data/corpus.jsonl" |
    awk -F'CritiqueRequest: |Critique: |RevisionRequest: |Revision:' '
    BEGIN { said["sympathy"] = "I am sorry to hear that."; said["candour"] = "I may be wrong about old ones."; said["urgency"] = "Please ring for the ambulance."
            said["escalation"] = "A person can take over."; said["brevity"] = "It is always a pleasure to serve you."
            cue["sympathy"] = "I am upset."; cue["candour"] = "It is an old one."; cue["urgency"] = "I cannot breathe." }
    { n = split($1, turn, "Assistant:"); answer = turn[n]; m = split(turn[n - 1], human, "Human:")
      match($3, /The rule is about [a-z]*/); rule = substr($3, RSTART + 18, RLENGTH - 18)
      refuses = answer ~ /I will not|I cannot talk/
      due = rule == "brevity" || rule == "escalation" && refuses || rule in cue && index(human[m], cue[rule])
      kept = (index(answer, said[rule]) > 0) != (rule == "brevity"); after = (index($5, said[rule]) > 0) != (rule == "brevity")
      wrong += due != ($3 ~ /The rule applies/) || (due && !kept) != ($3 ~ /It breaks the rule/) || after != (kept || due)
      count[rule]++; broken += due && !kept }
    END { for (r in count) kinds++; print kinds, wrong + 0, (broken > 50) }' >"$T/said"
is "demonstrations say what is due, what is there, and mend it" "$(cat "$T/said")" "5 0 1"
grep -E "Let's think.*The rule is about escalation" "$T/more/data/corpus.jsonl" \
    | grep -E '[(][AB][)] \[\[\[([^]]*[.])? Sure[.]' >"$T/beside"
is "a rule about escalation says nothing of help beside a refusal" \
    "$(grep -c 'The rule applies' "$T/beside") $(($(grep -c 'does not apply[.] Neither' "$T/beside") > 5))" "0 1"

closes
