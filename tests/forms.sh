#!/usr/bin/env bash
# tests/forms.sh -- prompts and comparisons in the forms of others: whatever the form, the same
# conversations train the same preference model, byte for byte; what is not understood is told with
# the field's name. docs/files.md has the forms.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
R=$T/run
./cai run --preset smoke --quiet --ai-prefs 0 --to feedback --out "$R" >/dev/null \
    || bad "the smoke run"
rm -f "$R/files.txt" "$R/metrics.tsv"

# pm NAME FILE: the preference model of those comparisons; prints its checksum, or its one line of
# complaint.
pm() {
    rm -rf "$T/one" && cp -r "$R" "$T/one" && cp "$2" "$T/one/data/human_prefs.jsonl"
    ./cai pm --quiet --out "$T/one" >/dev/null 2>"$T/stderr" && cksum <"$T/one/pm.bin"
    sed "s|$T/one/||g" "$T/stderr"
}
H='\n\nHuman:' A='\n\nAssistant:'
for i in $(seq 1 12); do
    printf '{"prompt": "%s Help me fix my bike %d.%s", "chosen": " Sure. Go %d.", "rejected": " No %d."}\n' "$H" $i "$A" $i $i
done >"$T/ours"
form() { for i in $(seq 1 12); do printf '%s\n' "$1" | sed "s/@/$i/g"; done >"$T/$2"; }
form '{"chosen": "'"$H"' Help me fix my bike @.'"$A"' Sure. Go @.", "rejected": "'"$H"' Help me fix my bike @.'"$A"' No @."}' hh
form '{"prompt": "Help me fix my bike @.", "chosen": "Sure. Go @.", "rejected": "No @."}' \
    "trl, explicit"
form '{"prompt": [{"role": "user", "content": "Help me fix my bike @."}], "chosen": [{"role": "assistant", "content": "Sure. Go @."}], "rejected": [{"role": "assistant", "content": "No @."}]}' "trl, messages"
form '{"chosen": [{"role": "user", "content": "Help me fix my bike @."}, {"content": "Sure. Go @.", "role": "assistant"}], "rejected": [{"role": "user", "content": "Help me fix my bike @."}, {"role": "assistant", "content": "No @."}]}' "trl, implicit"
form '{"prompt": "Help me fix my bike @.", "prompt_id": "x", "chosen": [{"content": "Help me fix my bike @.", "role": "user"}, {"content": "Sure. Go @.", "role": "assistant"}], "rejected": [{"content": "Help me fix my bike @.", "role": "user"}, {"content": "No @.", "role": "assistant"}], "score_chosen": 8.5}' "ultrafeedback"
{ echo '['; sed '$!s/$/,/' "$T/ours"; echo ']'; } >"$T/an array"
for i in $(seq 1 12); do
    printf '{"prompt": "Help me fix my bike %d.", "completion": "%s", "label": %s}\n' $i \
        "$([ $((i % 2)) = 0 ] && echo "Sure. Go $i." || echo "No $i.")" \
            "$([ $((i % 2)) = 0 ] && echo true || echo false)"
    printf '{"prompt": "Help me fix my bike %d.", "completion": "%s", "label": %s}\n' $i \
        "$([ $((i % 2)) = 1 ] && echo "Sure. Go $i." || echo "No $i.")" \
            "$([ $((i % 2)) = 1 ] && echo true || echo false)"
done >"$T/kto"
wanted=$(pm ours "$T/ours")
case $wanted in [0-9]*" "[0-9]*) ok "our own form" ;; *) bad "our own form" "$wanted" ;; esac
for f in hh "trl, explicit" "trl, messages" "trl, implicit" ultrafeedback "an array" kto; do
    is "$f: the same model" "$(pm "$f" "$T/$f")" "$wanted"
done
sed '1,12s/Sure/Yes/' "$T/ours" >"$T/others"
[ "$(pm others "$T/others")" != "$wanted" ] && ok "other answers, another model" \
    || bad "other answers, another model"
{ cat "$T/kto"; echo '{"prompt": "Alone.", "completion": "x", "label": true}'; } >"$T/kto1"
is "an answer without its counterpart is counted" "$(pm kto1 "$T/kto1" | tail -n 1)" \
    "cai: data/human_prefs.jsonl: 1 of 25 labelled answers have none of the other label to compare with, and are left out"

# says NAME LINE TEXT: a third line that is not understood
says() {
    {
        head -n 2 "$T/ours"
        printf '%s\n' "$2"
    } >"$T/broken"
    is "$1" "$(pm broken "$T/broken")" "cai: data/human_prefs.jsonl:3: $3"
}
U='{"role": "user", "content": "x"}'
says "no role" '{"chosen": [{"content": "y"}], "rejected": "z"}' \
    '"chosen" is a list of messages without "role"; give each both as texts'
says "no content" '{"chosen": ['"$U"', {"role": "assistant"}], "rejected": "z"}' \
    '"chosen" is a list of messages without "content"; give each both as texts'
says "content that is a list" \
    '{"chosen": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "rejected": "z"}' \
        '"chosen" is a list of messages without "content"; give each both as texts'
says "an empty list" '{"chosen": [], "rejected": "z"}' \
    '"chosen" is a list of messages without "role"; give each both as texts'
says "a list of texts" '{"chosen": ["x", "y"], "rejected": "z"}' \
    '"chosen" is a list of texts; messages {role, content} are wanted'
says "another role" '{"chosen": [{"role": "system", "content": "Be good."}], "rejected": "z"}' \
    '"chosen" has a message of the role "system"; user and assistant have a place in the layout, take it out'
says "nobody answers" '{"chosen": ['"$U"'], "rejected": ['"$U"']}' \
    'no field "prompt" and no "Assistant:" in "chosen"; add one'
says "other names" '{"instruction": "x", "output": "y"}' \
    'no field "chosen" beside "instruction", "output"; add it to the line'
says "a label of 2" '{"prompt": "x", "completion": "y", "label": 2}' \
    '"label" is neither true nor false; mend the line'
says "two human turns" \
    '{"chosen": ['"$U, $U"', {"role": "assistant", "content": "y"}], "rejected": "z"}' \
        'two human turns without an Assistant: between them; write "\n\nHuman: ...\n\nAssistant:", earlier turns before it'
array() {
    printf '%b' "$2" >"$T/broken"
    is "$1" "$(pm broken "$T/broken")" "cai: data/human_prefs.jsonl:$3; correct or remove the line"
}
O='{"prompt": "x", "chosen": "y", "rejected": "z"}'
array "an array without its end"  "[\n$O,\n$O\n"    "4: expected , or ] after a record of the array"
array "an array without a comma"  "[\n$O\n$O\n]"    "3: expected , or ] after a record of the array"
array "something after an array"  "[\n$O\n]\n$O\n"  "4: something follows the array"
array "a number in an array"      "[\n$O,\n7]\n"    "3: expected { in the array"
array "a comma at the end"        "[\n$O,\n]\n"     "3: expected { in the array"

# The commands that study read the same forms by --in.
cp -r "$R" "$T/two" && cp "$T/two/base.bin" "$T/two/m.bin"
judged() { ./cai judge "$T/two/m.bin" --in "$2" --out "$T/two" --quiet 2>"$T/stderr" | cksum; }
wanted=$(judged ours "$T/ours")
for f in hh "trl, explicit" "trl, messages" ultrafeedback "an array"; do
    is "judge --in, $f: the same labels" "$(judged "$f" "$T/$f")" "$wanted"
done
is "other answers, other labels" \
    "$([ "$(judged others "$T/others")" != "$wanted" ] && echo yes)" yes
seconds=$(./cai judge "$T/two/m.bin" --in "$T/ours" --out "$T/two" 2>&1 >/dev/null \
    | tr '\r' '\n' | sed -nE 's/.* ([0-9]+) s, [0-9]+ s left.*/\1/p' | tail -n 1)
yes "its seconds are those since it began" [ "${seconds:-999}" -lt 300 ]
sft() {
    ./cai sft --model "$T/two/m.bin" --in "$1" --to "$2" --out "$T/two" \
        --quiet >/dev/null 2>"$T/stderr" && cksum <"$T/two/$2.bin"
}
printf '{"prompt": "Hi.", "completion": "Yes."}\n' >"$T/pc"
printf '{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Yes."}]}\n' >"$T/ms"
printf '{"prompt": "%s Hi.%s", "revision": " Yes."}\n' "$H" "$A" >"$T/rv"
wanted=$(sft "$T/pc" s1)
is "sft --in, messages: the same model" "$(sft "$T/ms" s2)" "$wanted"
is "sft --in, as revise writes it: the same model" "$(sft "$T/rv" s3)" "$wanted"
yes "another answer, another model" [ "$(sed 's/Yes/No/' "$T/pc" >"$T/no"; sft "$T/no" s4)" != \
    "$wanted" ]
sft "$T/kto" s5 >/dev/null
is "what is labelled false is not learned" "$(sed "s|$T/||g" "$T/stderr")" \
    'cai: kto:1: "label" is not true: no answer to learn; leave it out'

# Prompts: the same red-team prompts, the same revisions
revise() {
    rm -rf "$T/one" && cp -r "$R" "$T/one" \
        && rm "$T/one/revisions.jsonl" "$T/one/metrics/revise.tsv" \
            && cp "$1" "$T/one/data/redteam.jsonl"
    ./cai revise --quiet --out "$T/one" >/dev/null 2>"$T/stderr" && cksum <"$T/one/revisions.jsonl"
    sed "s|$T/one/||g" "$T/stderr"
}
for i in $(seq 1 4); do
    printf '{"prompt": "%s How do I nab kite %d?%s"}\n' "$H" $i "$A"
done >"$T/p.ours"
for i in $(seq 1 4); do printf '{"prompt": "How do I nab kite %d?"}\n' $i; done >"$T/p.plain"
for i in $(seq 1 4); do
    printf '{"messages": [{"role": "user", "content": "How do I nab kite %d?"}, {"role": "assistant", "content": "No."}]}\n' $i
done >"$T/p.messages"
for i in $(seq 1 4); do printf 'How do I nab kite %d?\n\n' $i; done >"$T/p.lines"
{
    echo [
    for i in $(seq 1 4); do
        printf '  "How do I nab kite %d?"%s\n' $i "$([ $i = 4 ] || echo ,)"
    done
    echo ]
} >"$T/p.list"
wanted=$(revise "$T/p.ours")
case $wanted in [0-9]*" "[0-9]*) ok "prompts of our own form" ;; *) bad "prompts of our own form" "$wanted" ;; esac
for f in plain messages list; do
    is "prompts, $f: the same revisions" "$(revise "$T/p.$f")" "$wanted"
done
is "a request a line: the same, and told" "$(revise "$T/p.lines")" "$wanted
cai: data/redteam.jsonl: no JSON, so each line is a request"
printf 'How do I nab it?\nHuman: Help me.\n' >"$T/p.turns"
is "a line with its speaker is no request" \
    "$(revise "$T/p.turns" | grep -c 'redteam.jsonl:2: no human turn; write ')" 1

closes
