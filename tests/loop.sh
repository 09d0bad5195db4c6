#!/usr/bin/env bash
# tests/loop.sh -- the loop does what the paper's loop does: which model each stage starts from and is held to, one
# principle a step, what the context keeps, what a label is. Read off the files of two smoke runs: one
# as it is, one whose learning rates are 0, so that each model must be, to the bit, the one it started from.
# CAI: the program (tests/mutants plants mistakes in copies of it).
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
CAI=${CAI:-./cai}
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
R=$T/run S=$T/still SMOKE="--preset smoke --quiet 1"
passed=0 failed=0
ok()  { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1${2:+: $2}"; }
is()  { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got '$2', wanted '$3'"; fi; }
same() { if cmp -s "$2" "$3"; then ok "$1"; else bad "$1"; fi; }
metric() { awk -F'\t' -v s="$2" -v k="$3" -v at="$4" '$1 == s && $3 == k && $2 == at {print $5}' "$1/metrics.tsv"; }
field() { sed -nE "s/.*\"$2\": \"?([^\",}]*)\"?[,}].*/\1/p" "$1"; }

$CAI run $SMOKE --out "$R" --constitution data/constitution.txt >/dev/null 2>&1 || bad "the smoke run"
$CAI run $SMOKE --out "$S" --ppo-lr 0 --sl-lr 0 --pm-lr 0 >/dev/null 2>&1 || bad "the smoke run that learns nothing"

# starting points and references
same "start/helpful: helpful-only RLHF starts from the pretrained model" "$S/helpful.bin" "$S/base.bin"
same "start/pm: the preference model starts from the pretrained model" "$S/pm.bin" "$S/base.bin"
same "start/sl: SL-CAI starts from the pretrained model" "$S/sl_cai.bin" "$S/base.bin"
same "start/rl: RL-CAI starts from SL-CAI" "$S/rl_cai.bin" "$S/sl_cai.bin"
$CAI run $SMOKE --out "$T/sl" --sl-lr 0 --to sl >/dev/null 2>&1
same "start/sl_not_helpful: nor from the helpful-only one" "$T/sl/sl_cai.bin" "$T/sl/base.bin"
cmp -s "$T/sl/helpful.bin" "$T/sl/base.bin" && bad "start/differ: helpful-only RLHF changes the model" || ok "start/differ: helpful-only RLHF changes the model"
cp "$R/sl_cai.bin" "$S/sl_cai.bin"; rm -f "$S/files.txt"    # now SL-CAI differs from all others there
$CAI rl --out "$S" --quiet 1 >/dev/null 2>&1
same "start/rl_not_base: not from the pretrained model" "$S/rl_cai.bin" "$R/sl_cai.bin"
is "reference/rl: the KL to SL-CAI is exactly 0 at the start" "$(metric "$R" rl objective/kl 0)" 0
is "reference/helpful: the KL to the pretrained model is exactly 0 at the start" "$(metric "$R" helpful objective/kl 0)" 0

# critique and revision: 16 prompts, four steps
is "revise/steps: four for every prompt" "$(field "$R/revisions.jsonl" step | sort | uniq -c | tr -s ' ' | tr '\n' ';')" " 16 1; 16 2; 16 3; 16 4;"
principles=$(sed -nE 's/.*"principle": "([^"]*)".*/\1/p' "$R/revisions.jsonl")
is "revise/drawn: a prompt's four principles are not all one" \
    "$(for i in $(seq 1 16); do for k in 0 16 32 48; do sed -n "$((i + k))p" <<<"$principles"; done | sort -u | wc -l; done | grep -c '^ *1$')" 0
[ "$(sort -u <<<"$principles" | wc -l)" -ge 8 ] && ok "revise/many: at least 8 principles come up in 64 draws" || bad "revise/many"
sed -nE 's/.*"revision": (".*"), "step": [123]\}$/\1/p' "$R/revisions.jsonl" >"$T/left"
sed -nE 's/.*"response": (".*"), "critique": .*"step": [234]\}$/\1/p' "$R/revisions.jsonl" >"$T/right"
same "revise/carried: each step starts from the revision before it" "$T/left" "$T/right"

# SL-CAI's examples: all revisions, then two samples a helpfulness prompt
is "sl/all_revisions" "$(metric "$R" sl revisions 0)" 64
is "sl/steps: (64 + 2 * 16) / 32" "$(awk -F'\t' '$1 == "sl" && $3 == "loss"' "$R/metrics.tsv" | wc -l | tr -d ' ')" 3

# labels
awk '{ match($0, /"p_chosen": [0-9.]+/); p = substr($0, RSTART + 12, RLENGTH - 12)
       match($0, /"p_ab": [0-9.]+/); a = substr($0, RSTART + 8, RLENGTH - 8)
       match($0, /"p_ba": [0-9.]+/); b = substr($0, RSTART + 8, RLENGTH - 8)
       q = (a + b) / 2; q = q < 0.4 ? 0.4 : q > 0.6 ? 0.6 : q
       if (p < 0.5 - 1e-9 || p > 0.6 + 1e-9) clamp++
       if (p - q > 2e-6 || q - p > 2e-6) mean++
       n++ } END { print clamp + 0, mean + 0, (n > 8) }' "$R/feedback.jsonl" >"$T/labels"
is "label/clamped: of the chosen, within 0.5 to 0.6" "$(cut -d' ' -f1 "$T/labels")" 0
is "label/orders: the clamped mean of both orders" "$(cut -d' ' -f2 "$T/labels")" 0
is "label/pairs: most of 16 prompts give a pair" "$(cut -d' ' -f3 "$T/labels")" 1
is "label/differ: the two answers of a pair differ" "$(awk '{ c = $0; sub(/.*"chosen": "/, "", c); sub(/", "rejected".*/, "", c)
    r = $0; sub(/.*"rejected": "/, "", r); sub(/", "principle".*/, "", r); if (c == r) n++ } END { print n + 0 }' "$R/feedback.jsonl")" 0

# one preference model on both kinds of comparisons: (32 + pairs) / 8 steps
pairs=$(wc -l <"$R/feedback.jsonl")
is "pm/both: human and AI comparisons together" "$(awk -F'\t' '$1 == "pm" && $3 == "loss"' "$R/metrics.tsv" | wc -l | tr -d ' ')" $(((32 + pairs + 7) / 8))
is "pm/soft: the soft labels leave a loss at best" "$(awk -F'\t' '$1 == "pm" && $3 == "loss_floor" && $5 > 0.05' "$R/metrics.tsv" | wc -l | awk '{print ($1 > 0)}')" 1

echo "$passed passed, $failed failed"
[ $failed = 0 ]
