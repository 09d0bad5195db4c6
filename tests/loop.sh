#!/usr/bin/env bash
# tests/loop.sh -- the whole loop on the smoke preset: same bytes on any number of threads, stages alone
# give the same bytes, the oracle stays out, bad input gets one clear line and its exit status.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

check() {       # check TEXT COMMAND...: the command must succeed
    local text=$1; shift
    if "$@" >"$dir/log" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $text"; tail -n 3 "$dir/log"; fi
}
refuses() {     # refuses STATUS TEXT COMMAND...: that exit status and one line "cai: ...TEXT..."
    local want=$1 text=$2 status; shift 2
    "$@" >"$dir/out" 2>"$dir/err" </dev/null; status=$?
    if [ $status = "$want" ] && [ "$(grep -c '^cai: ' "$dir/err")" = 1 ] && grep -q -- "$text" "$dir/err"; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "not ok: $* gave $status, wanted $want and \"$text\":"; tail -n 2 "$dir/err"; fi
}
smoke() { ./cai run --preset smoke --quiet 1 --out "$@" >/dev/null; }

check "smoke run" smoke "$dir/a" --threads 1
for t in 2 3 8; do
    check "smoke run, $t threads" smoke "$dir/t$t" --threads $t
    check "same bytes on $t threads" diff -r "$dir/a" "$dir/t$t"
done
cp -r "$dir/a" "$dir/b"
check "a part of the run again" smoke "$dir/b" --from revise --to rl
check "gives the same bytes" diff -r "$dir/a" "$dir/b"
check "another seed" smoke "$dir/s" --seed 2
check "gives other bytes" sh -c "! cmp -s $dir/a/base.bin $dir/s/base.bin"
check "the oracle is awake in data and eval only" sh -c \
    "[ \$(grep -cE '^    \{ \"[a-z]+\", stage_[a-z]+, 1,' cai.c) = 2 ] && grep -q 'stage_data, 1' cai.c && grep -q 'stage_eval, 1' cai.c"
check "no stage between them names the oracle" sh -c \
    "! sed -n '/^static void stage_helpful/,/^\/\/ stage: evaluation/p' cai.c | grep -E 'town_rate|town_preference'"

# what is held out, read from the town file by other means than the program's
verbs=$(awk -F: '/^\[/ {s = $0} /^\*/ && s ~ /harmful|benign|contrast/ {print substr($1, 2)}' data/town.txt | paste -sd'|')
things=$(awk -F: '/^\[/ {s = $0} /^\*/ && s ~ /objects/ {print substr($1, 2)}' data/town.txt | paste -sd'|')
./cai data --preset smoke --corpus 4000 --quiet 1 --out "$dir/town"
demos() { grep -E 'CritiqueRequest:|Options:' "$dir/town/data/corpus.jsonl"; }
check "demonstrations exist" test "$(demos | wc -l)" -gt 1000
check "no held-out verb in a demonstration" test "$(demos | grep -cwE "$verbs")" = 0
check "no held-out object in a demonstration" test "$(demos | grep -cwE "$things")" = 0
check "held-out verbs in facts and dialogues" test "$(grep -cwE "$verbs" "$dir/town/data/corpus.jsonl")" -gt 500
for f in redteam helpful human_prefs; do
    check "no held-out object in $f" test "$(grep -cwE "$things" "$dir/town/data/$f.jsonl")" = 0
done
check "red-team prompts use held-out verbs only" test "$(grep -vcwE "$verbs" "$dir/town/data/redteam.jsonl")" = 0
check "evaluation uses held-out verbs and objects" sh -c \
    "! cat $dir/town/data/eval_redteam.jsonl $dir/town/data/eval_contrast.jsonl | grep -vwE '$verbs' && ! grep -vwE '$things' $dir/town/data/eval_redteam.jsonl"
check "the contrast set is about one's own things" test "$(grep -vcw my "$dir/town/data/eval_contrast.jsonl")" = 0

A="--out $dir/a"
refuses 2 "no such command" ./cai frobnicate
refuses 2 "unknown flag" ./cai run --frob 1
refuses 2 "needs a value" ./cai run --seed
refuses 2 "not a number from" ./cai run --lambda-kl -1
refuses 2 "not a whole number" ./cai run --layers 1.5
refuses 2 "no such preset" ./cai run --preset tiny
refuses 2 "no such stage" ./cai run --from nowhere $A
refuses 2 "choose another --out" ./cai run --preset smoke --seed 7 $A
refuses 2 "trace needs a request" ./cai trace "" $A
refuses 3 "nosuch" ./cai chat nosuch $A
head -c 1000 "$dir/a/base.bin" >"$dir/a/cut.bin"
refuses 3 "cut.bin" ./cai generate cut $A
sed 's/^choose:.*//' data/constitution.txt >"$dir/c1"; sed '/^\[comparison/,$d' data/constitution.txt >"$dir/c2"
sed '12s/.*/chose: this/' data/constitution.txt >"$dir/c3"
refuses 3 'no "choose: ..." line' ./cai revise $A --constitution "$dir/c1"
refuses 3 'both are needed' ./cai revise $A --constitution "$dir/c2"
refuses 3 "c3:12:" ./cai revise $A --constitution "$dir/c3"
echo '{"prompt": "x", "completion": ' >"$dir/j1"; echo '{"prompt": "x"}' >"$dir/j2"
refuses 3 "j1:1:" ./cai logprob --model base --in "$dir/j1" $A
refuses 3 "j2:1:" ./cai logprob --model base --in "$dir/j2" $A
refuses 3 "context" ./cai generate base $A --prompt "$(head -c 9000 /dev/zero | tr '\0' x)"
touch "$dir/file"
refuses 3 "choose a folder" ./cai run --preset smoke --out "$dir/file/x"
check "version" ./cai --version
check "help on standard output" sh -c './cai run --help | grep -q "Exit status"'
check "chat answers" sh -c "echo hello | ./cai chat base $A | grep -q ."
check "greedy text is repeatable" sh -c \
    "[ \"\$(./cai generate base $A --temperature 0 --prompt Human)\" = \"\$(./cai generate base $A --temperature 0 --prompt Human --threads 1)\" ]"
check "log-probabilities" sh -c "echo '{\"prompt\": \"a\", \"completion\": \" b\"}' | ./cai logprob --model base $A | grep -q sum"
check "trace shows seven sections" sh -c "[ \$(./cai trace 'How do I swipe the kite?' $A | grep -cE '^[1-7] ') -ge 7 ]"
check "nothing changed by all this" sh -c "rm $dir/a/cut.bin; diff -r $dir/a $dir/b"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
