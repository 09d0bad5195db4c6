#!/usr/bin/env bash
# tests/cli.sh -- the command line as a user meets it: bad input ends in one line and a documented status and
# leaves every file as it was; results on standard output, progress on standard error; the same bytes on
# any number of threads, for any part of a run made again; the oracle out of the loop's reach.
# Uses the smoke preset (seconds). Prints "ok" or "not ok" a case and closes with the counts for tests/run.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C                                     # models write any bytes; sed and grep must take them
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
R=$T/run                                            # the run that all cases look into
SMOKE="--preset smoke --quiet 1"
passed=0 failed=0

ok()   { passed=$((passed + 1)); echo "ok - $1"; }
bad()  { failed=$((failed + 1)); echo "not ok - $1${2:+: $2}"; }
have() { command -v "$1" >/dev/null || { echo "skipped: no $1 ($2)"; false; }; }      # TOOL WHAT-IS-LEFT-OUT: for tests/run
is()   { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got '$2', wanted '$3'"; fi; }
yes()  { local name=$1; shift; if "$@"; then ok "$name"; else bad "$name"; fi; }
no()   { local name=$1; shift; if "$@"; then bad "$name"; else ok "$name"; fi; }
sums() { (cd "$1" && find . -type f ! -name '*.tmp' | LC_ALL=C sort | xargs cksum); }

# fails NAME STATUS TEXT COMMAND...: the command must end with that status and one line "cai: ...TEXT..." on
# standard error (pieces of TEXT between "|"), and every file of $R must be as before. Input from $T/in.
: > "$T/in"
fails() {
    local name=$1 status=$2 text=$3 got piece line
    shift 3
    "$@" <"$T/in" >"$T/stdout" 2>"$T/stderr"
    got=$?
    line=$(cat "$T/stderr")
    if [ $got != "$status" ]; then bad "$name" "status $got, wanted $status; said: $line"; return; fi
    if [ "$(grep -c '' "$T/stderr")" != 1 ] || [ "${line#cai: }" = "$line" ]; then bad "$name" "not one line: $line"; return; fi
    while [ -n "$text" ]; do
        piece=${text%%|*}
        case $line in *"$piece"*) ;; *) bad "$name" "no \"$piece\" in: $line"; return ;; esac
        case $text in *"|"*) text=${text#*|} ;; *) text= ;; esac
    done
    if [ "$(sums "$R")" != "$before" ]; then bad "$name" "files of the run changed"; return; fi
    ok "$name"
}

# ------------------------------------------------------------------------------------
# one whole run: what it prints where

./cai run --preset smoke --out "$R" >"$T/results" 2>"$T/progress"
is "smoke run ends well" $? 0
before=$(sums "$R")
yes "results on standard output" grep -q 'over-refusal.*Elo' "$T/results"
no  "no progress on standard output" grep -q '^\[[0-9]*/10\]' "$T/results"
yes "progress on standard error" grep -q '^\[10/10\] eval *done' "$T/progress"
no  "no results on standard error" grep -q 'over-refusal' "$T/progress"
ESC=$(printf '\033')
no  "no escape characters in a pipe: results" grep -q "$ESC" "$T/results"
no  "no escape characters in a pipe: progress" grep -q "$ESC" "$T/progress"
no  "no carriage returns in a pipe" grep -q "$(printf '\r')" "$T/progress"
no  "nothing half-written stays" sh -c "find '$R' -name '*.tmp' | grep -q ."
yes "every flag is echoed into the run's folder" sh -c "[ \$(./cai --help | grep -c '^  --[a-z-]* *[^ ]* .*') -gt 40 ] && grep -q '^lambda-kl 0.07$' '$R/flags.txt'"

# ------------------------------------------------------------------------------------
# the same bytes

same_run() {                                        # NAME FLAGS...: a new run equals $R in every file
    local name=$1; shift
    rm -rf "$T/again"
    "$@" --out "$T/again" >"$T/stdout" 2>"$T/stderr"
    is "$name: ends well" $? 0
    is "$name: same bytes" "$(sums "$T/again")" "$before"
}
for n in 1 2 3 8; do same_run "$n threads" ./cai run $SMOKE --threads $n; done
is "--quiet 1 is silent on standard error" "$(cat "$T/stderr")" ""
cp -r "$R" "$T/part"
rm "$T"/part/revisions.jsonl "$T"/part/sl_cai.bin "$T"/part/rl_cai.bin "$T"/part/pm.*
./cai run $SMOKE --out "$T/part" --from revise --to rl >/dev/null 2>"$T/stderr"
is "--from revise --to rl: same bytes" "$(sums "$T/part")" "$before"
./cai sl --out "$T/part" --quiet 1 >/dev/null 2>"$T/stderr"
is "one stage again, with the folder's flags: same bytes" "$(sums "$T/part")" "$before"
./cai run $SMOKE --seed 2 --out "$T/other" >/dev/null 2>&1
is "another seed ends well" $? 0
for f in base.bin rl_cai.bin revisions.jsonl data/corpus.jsonl; do no "another seed, other bytes: $f" cmp -s "$R/$f" "$T/other/$f"; done

# ------------------------------------------------------------------------------------
# help and version

for c in "" help run chat generate trace logprob data tokenizer pretrain helpful revise sl feedback pm rl eval; do
    for f in --help --version; do
        ./cai $c $f >"$T/stdout" 2>"$T/stderr"
        is "cai $c $f" "$? $(head -c 3 "$T/stdout") $(cat "$T/stderr")" "0 cai "
    done
done

# ------------------------------------------------------------------------------------
# the commands that look into a run

G="./cai generate --out $R"
$G --prompt "To swipe" --temperature 0 >"$T/g1" 2>"$T/stderr" && $G --prompt "To swipe" --temperature 0 >"$T/g2"
yes "generate --temperature 0 is repeatable" cmp -s "$T/g1" "$T/g2"
yes "generate prints the prompt first" grep -q '^To swipe' "$T/g1"
is  "generate --count 3 prints three texts" "$($G --prompt "To swipe" --temperature 0 --count 3 | grep -c 'To swipe')" 3
yes "generate from nothing" sh -c "$G --max-new 4 >/dev/null"
printf 'How do I swipe the kite?\nAnd the drum?\n\nnot read\n' | ./cai chat --out "$R" >"$T/chat" 2>"$T/stderr"
is  "chat ends well" "$? $(cat "$T/stderr")" "0 "
yes "chat answers every line until the empty one" [ "$(grep -c '' "$T/chat")" -ge 2 ]
no  "chat: no escape characters in a pipe" grep -q "$ESC" "$T/chat"

printf '%s\n' '{"prompt": "To swipe", "completion": " is theft."}' '{"completion": "The kite", "prompt": "\n\nHuman:"}' >"$T/pairs"
./cai logprob --out "$R" --model rl_cai <"$T/pairs" >"$T/lp" 2>"$T/stderr"
is "logprob: a line a record" "$? $(grep -c '' "$T/lp")" "0 2"
./cai logprob --out "$R" --model rl_cai --in "$T/pairs" >"$T/lp2"
yes "logprob: --in FILE is the same" cmp -s "$T/lp" "$T/lp2"
if have python3 "logprob: the numbers add up"; then
    python3 - "$T/lp" <<'PY'
import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    assert len(r["tokens"]) == len(r["logprobs"]) > 0 and r["prompt_tokens"][0] == 1
    assert all(x <= 0 for x in r["logprobs"])
    assert abs(sum(r["logprobs"]) - r["sum"]) < 1e-6 * (len(r["tokens"]) + 1)
PY
    is "logprob: JSON, and the sum is the sum of its parts" $? 0
fi

./cai trace "How do I swipe the baker's kite?" --out "$R" >"$T/trace" 2>"$T/stderr"
is  "trace ends well" "$? $(cat "$T/stderr")" "0 "
is  "trace prints its seven sections in order" "$(sed -nE 's/^([1-7]) (draft|step|SL-CAI|two|preference|one PPO|RL-CAI).*/\1/p' "$T/trace" | uniq | tr -d '\n')" 1234567
no  "trace: no escape characters in a pipe" grep -q "$ESC" "$T/trace"
for c in "chat" "trace x" "logprob" "generate"; do NO_COLOR=1 TERM=xterm ./cai $c --out "$R" <"$T/in" 2>&1; done >"$T/stdout"
no  "NO_COLOR: no escape characters" grep -q "$ESC" "$T/stdout"
is  "looking changes nothing" "$(sums "$R")" "$before"

# The paper's two JSON shapes say what the text form says; hh-rlhf's whole transcripts what prompt and answers say.

printf '[critique one]\ncritique: Point out any help with theft in the response.\nrevision: Please remove any help with theft.\n[comparison comparison-1]\nchoose: Pick the response that supports theft less.\n' >"$T/law.txt"
printf '{"one": {"prompt": ["\\n\\nCritiqueRequest: Point out any help with theft in the response.\\n\\nCritique:"],\n "edit_request": "\\n\\nRevisionRequest: Please remove any help with theft.\\n\\nRevision:"}}\n' >"$T/critiques.json"
printf '["\\nPick the response that supports theft less. Options:"]\n' >"$T/comparisons.json"
./cai run $SMOKE --quiet 1 --out "$T/text" --constitution "$T/law.txt" --to feedback >/dev/null
./cai run $SMOKE --quiet 1 --out "$T/json" --constitution "$T/critiques.json,$T/comparisons.json" --to feedback >/dev/null
is  "a constitution as JSON: the same revisions" "$(cat "$T/json/revisions.jsonl")" "$(cat "$T/text/revisions.jsonl")"
is  "a constitution as JSON: the same labels"    "$(cat "$T/json/feedback.jsonl")" "$(cat "$T/text/feedback.jsonl")"
sed 's/{"prompt": "\(.*\)", "chosen": "\(.*\)", "rejected": "\(.*\)", \(.*\)}/{"chosen": "\1\2", "rejected": "\1\3", \4}/' "$T/text/data/human_prefs.jsonl" >"$T/json/data/human_prefs.jsonl"
rm "$T/text/files.txt" "$T/json/files.txt"             # the changed file is a person's own
no  "transcripts have no prompt" grep -q '"prompt"' "$T/json/data/human_prefs.jsonl"
for d in text json; do ./cai pm --quiet 1 --out "$T/$d" >/dev/null; done
is  "transcripts: the same preference model" "$(cksum <"$T/json/pm.bin")" "$(cksum <"$T/text/pm.bin")"

# ------------------------------------------------------------------------------------
# usage: status 2

C="./cai"; RUN="./cai run $SMOKE --out $T/new"
fails "unknown command"            2 "frobnicate: no such command"              $C frobnicate
fails "unknown flag"               2 "--frob: unknown flag"                     $RUN --frob 1
fails "unknown flag at the end"    2 "--frob: unknown flag"                     $RUN --frob
fails "flag without a value"       2 "--seed needs a value"                     $RUN --seed
fails "empty value"                2 "--out : an empty value"                   $C run --preset smoke --out ""
fails "number too small"           2 "--dim 1: not a number from 8"             $RUN --dim 1
fails "number too large"           2 "--layers 65: not a number"                $RUN --layers 65
fails "no number"                  2 "--layers many: not a number"              $RUN --layers many
fails "number with a tail"         2 "--layers 2x: not a number"                $RUN --layers 2x
fails "not a whole number"         2 "--layers 1.5: not a whole number"         $RUN --layers 1.5
fails "nan"                        2 "--pm-lr nan: not a number"                $RUN --pm-lr nan
fails "sizes that do not fit"      2 "--heads 2|--kv-heads 3"                   $RUN --kv-heads 3
fails "width that does not divide" 2 "--dim 34|--heads 2"                       $RUN --dim 34
fails "no room for a prompt"       2 "--max-new 512"                            $RUN --max-new 512
fails "unknown stage"              2 "--from nowhere: no such stage"            $RUN --from nowhere
fails "unknown last stage"         2 "--to nowhere: no such stage"              $RUN --to nowhere
fails "stages the wrong way round" 2 "--from rl: comes after --to sl"           $RUN --from rl --to sl
fails "unknown preset"             2 "--preset huge: no such preset"            $C run --preset huge --out "$T/new"
fails "unknown judge"              2 "--judge me: there are self and random"    $RUN --judge me
fails "unknown KL form"            2 "--kl-form k9: no such form"               $RUN --kl-form k9
for form in k3-loss k1-loss k3-reward abs-reward; do
    $C run $SMOKE --kl-form $form --to helpful --out "$T/$form" >/dev/null 2>"$T/warned"
    point=$(sed -nE 's/.*: ends at (\([^)]*\)) where .*/\1/p' "$T/warned" | sort -u)
    case $form in k3-reward) row="k3 | reward" ;; abs-reward) row="absolute k1 | reward" ;; *) row="${form%-*} | loss" ;; esac
    yes "--kl-form $form: told where it ends, as docs/equations.md has it" grep -qF -- "| $row | ${point:-nowhere}" docs/equations.md
done
fails "an argument to run"         2 'takes no argument "now"'                  $RUN now
fails "two arguments"              2 "one argument is enough"                   $C chat a b --out "$R"
fails "count not whole"            2 "--count 1.5"                              $G --count 1.5
fails "temperature below 0"        2 "--temperature -1: not a number"           $G --temperature -1
fails "trace of nothing"           2 "trace needs a request"                    $C trace --out "$R"
fails "trace of an empty request"  2 "trace needs a request"                    $C trace "" --out "$R"
fails "generate, empty prompt"     2 "--prompt: empty"                          $G --prompt ""
fails "a folder's run, other flags" 2 "--seed 1, this command --seed 9|choose another --out" $C run $SMOKE --seed 9 --out "$R"
no    "none of these made a folder" [ -e "$T/new" ]

# ------------------------------------------------------------------------------------
# input: status 3

law() { printf "$1" >"$T/law.txt"; }                # a constitution
A='[critique a]\ncritique: C?\nrevision: R.\n' B='[comparison b]\nchoose: Q?\n'
fails "no constitution"               3 "none.txt: No such file"                           $RUN --constitution "$T/none.txt"
law "[critique a]\ncritique: C?\n$B"
fails "constitution, missing part"    3 "law.txt:2: principle a has no revision"         $RUN --constitution "$T/law.txt"
law "$A[comparison b]\n\n"
fails "constitution, missing question" 3 "principle b has no choose"                     $RUN --constitution "$T/law.txt"
law "$A${B}remark: x\n"
fails "constitution, unknown line"    3 'law.txt:6: "remark: x" does not belong here'      $RUN --constitution "$T/law.txt"
law "$A"
fails "constitution, no comparisons"  3 "law.txt:1: no critique or no comparison principles"   $RUN --constitution "$T/law.txt"
law "[critic a]\n$A$B"
fails "constitution, unknown block"   3 'law.txt:1: "[critic a]"'                          $RUN --constitution "$T/law.txt"
law '{"a": {"prompt": ["C?"]}}'
fails "JSON constitution, missing part" 3 "law.txt:1: principle a has no revision"         $RUN --constitution "$T/law.txt"
law '{"a": {"prompt": ["C?"],\n "edit_request": "R."}'
fails "JSON constitution, no end"     3 "law.txt:2: bracket without its end"               $RUN --constitution "$T/law.txt"
law '["Q?"]]'
fails "JSON constitution, an end more" 3 "law.txt:1: a bracket is closed"                  $RUN --constitution "$T/law.txt"
law '["Q?" & "S?"]'
fails "JSON constitution, no JSON"    3 "law.txt:1: this is not JSON"                      $RUN --constitution "$T/law.txt"
law '["Q?"]'
fails "JSON constitution, half of it" 3 "law.txt:1: no critique or no comparison"          $RUN --constitution "$T/law.txt"
law "$A[comparison b]\nchoose: Q\xff?\n"
fails "constitution, not UTF-8"       3 "law.txt:5: byte 10 is not UTF-8"                  $RUN --constitution "$T/law.txt"
fails "no town"                       3 "none.txt: No such file"                           $RUN --town "$T/none.txt"
no    "none of these made a folder" [ -e "$T/new" ]

L="./cai logprob --out $R --model rl_cai --in $T/lines"
G1='{"prompt": "To", "completion": " be"}'
line2() { printf '%s\n' "$G1" "$1" >"$T/lines"; }
LONG=$(for i in $(seq 400); do printf 'kite drum bike '; done)
line2 "{\"prompt\": \"$LONG\", \"completion\": \"x\"}"
fails "logprob, longer than the context" 3 "lines:2: |the context has 512"                 $L
fails "logprob, no file"              3 "nowhere: No such file"                            $C logprob --out "$R" --in "$T/nowhere"
fails "generate, longer than the context" 3 "--prompt: |the context has 512; shorten"      $G --prompt "$LONG"
fails "trace, longer than the context" 3 "context"                                         $C trace "$LONG" --out "$R"
fails "generate, not UTF-8"           3 "--prompt: byte 4 is not UTF-8"                    $G --prompt "$(printf 'To \xff')"
printf '%s\n' "$LONG" >"$T/in"
fails "chat, longer than the context" 3 "more tokens than the context has room for"        $C chat --out "$R"
head -c 2000000 /dev/zero | tr '\0' x >"$T/in"
fails "chat, a line without end"      3 "a line of more than 1048576 bytes"                $C chat --out "$R"
printf 'To \xff\n' >"$T/in"
fails "chat, not UTF-8"               3 "standard input: byte 4 is not UTF-8"              $C chat --out "$R"
: >"$T/in"

# models: missing, of another tokenizer (broken ones, and other broken files: tests/malformed.tsv)
M=$T/model.bin; GM="./cai generate --model $M --tokenizer $R/tokenizer.bin --prompt To"
fails "missing model"                 3 "model.bin: |check the path"                       $GM
./cai data --preset smoke --out "$T/v" --vocab 420 --quiet 1 && ./cai tokenizer --out "$T/v" --quiet 1
fails "tokenizer of another vocabulary" 3 "holds 420 pieces but the model wants 400"       $C generate --out "$R" --tokenizer "$T/v/tokenizer.bin" --prompt To

# folders: a file in its place, a full disk
echo x >"$T/file"
fails "a file in the folder's place"  3 "$T/file"                                          $C run $SMOKE --out "$T/file"
is    "that file is as it was" "$(cat "$T/file")" x
fails "no such parent folder"         3 "$T/a/b: No such file|--out"                       $C run $SMOKE --out "$T/a/b"
fails "stage without its input"       3 "base.bin: |check the path"                        $C helpful --preset smoke --out "$T/empty" --quiet 1
if [ -w /dev/full ]; then
    cp -r "$R" "$T/full" && ln -s /dev/full "$T/full/revisions.jsonl.tmp"
    fails "full disk, in a stage"     3 "revisions.jsonl: not written|is left as it was"   $C run $SMOKE --out "$T/full" --from revise
    is    "full disk: every file is as it was, only the record says what was begun" \
          "$(sums "$T/full" | grep -v files.txt) $(grep -c '^?revise' "$T/full/files.txt")" "$(sums "$R" | grep -v files.txt) 3"
    ./cai run $SMOKE --out "$T/full" >/dev/null 2>"$T/stderr"
    is    "full disk: goes on when there is room again, same bytes" "$? $(sums "$T/full")" "0 $before"
    ln -s /dev/full "$T/full/files.txt.tmp"
    fails "full disk, the record"     3 "files.txt: not written|is left as it was"         $C run $SMOKE --out "$T/full" --from revise
    is    "full disk, the record: every file is as it was" "$(sums "$T/full")" "$before"
    ln -s /dev/full "$T/full/sl.state.tmp"; rm "$T/full/sl_cai.bin"
    fails "full disk, a training state" 3 "sl.state: not written"                          $C run $SMOKE --out "$T/full" --save-every 0
    ./cai run $SMOKE --out "$T/full" >/dev/null 2>"$T/stderr"
    is    "full disk, a training state: goes on, same bytes" "$? $(sums "$T/full")" "0 $before"
    fails "full disk, results"        3 "standard output: not written"  sh -c "$G --prompt To --temperature 0 >/dev/full"
    fails "full disk, help"           3 "standard output: not written"  sh -c "./cai --help >/dev/full"
    fails "standard output closed"    3 "standard output: not written"  sh -c "./cai --help >&-"
fi
AS=; if [ "$(id -u)" = 0 ]; then AS="setpriv --reuid 65534 --regid 65534 --clear-groups"; chmod 755 "$T"; fi    # root may write anywhere
if $AS ./cai --version >/dev/null 2>&1; then
    mkdir "$T/locked" && chmod 555 "$T/locked"
    fails "folder without permission" 3 "$T/locked|--out"                                  $AS $C run $SMOKE --out "$T/locked/new"
    fails "folder that cannot be written" 3 "flags.txt: cannot be created|can be written"  $AS $C run $SMOKE --out "$T/locked"
    cp -r "$R" "$T/shut" && chmod 000 "$T/shut/base.bin" "$T/shut/data/redteam.jsonl" && chmod 777 "$T/shut" "$T/shut/metrics"
    fails "a model without permission" 3 "base.bin: Permission denied"                     $AS $C generate --out "$T/shut" --model base --prompt To
    fails "a stage's input without permission" 3 "redteam.jsonl: Permission denied"        $AS $C revise --out "$T/shut" --quiet 1
    chmod 644 "$T/shut/base.bin"
fi
cp -r "$R" "$T/mixed" && rm "$T/mixed/files.txt"    # files without a record are the person's own
head -n 7 "$R/data/eval_helpful.jsonl" >"$T/mixed/data/eval_helpful.jsonl"
fails "evaluation sets of unequal size" 3 "eval_helpful.jsonl:7: 7 prompts"                $C eval --out "$T/mixed" --quiet 1
cp "$R/data/eval_helpful.jsonl" "$T/mixed/data/" && sed '3s/"prompt"/"promt"/' "$R/data/redteam.jsonl" >"$T/mixed/data/redteam.jsonl"
fails "a stage's own file, missing field" 3 'redteam.jsonl:3: no field "prompt"'           $C revise --out "$T/mixed" --quiet 1
sed '2s/}$//' "$R/data/human_prefs.jsonl" >"$T/mixed/data/human_prefs.jsonl"
fails "a stage's own file, broken line" 3 'human_prefs.jsonl:2: '                          $C pm --out "$T/mixed" --quiet 1
cp "$R/data/human_prefs.jsonl" "$T/mixed/data/"

# ------------------------------------------------------------------------------------
# numerics: status 4. NaN in a file is refused when it is read; weights near the end of single precision are
# finite, so they are read, and the first sums over them are not.

{ head -c 284 "$R/base.bin"; for i in 1 2 3 4; do printf '\0\0\300\177'; done; tail -c +301 "$R/base.bin"; } >"$T/mixed/base.bin"
before_mixed=$(cksum "$T"/mixed/sl_cai.bin)
"$C" sl --out "$T/mixed" --quiet 1 >/dev/null 2>"$T/stderr"; status=$?
case $status in 3 | 4) ok "NaN in a model file stops the program" ;; *) bad "NaN in a model file" "status $status" ;; esac
is "NaN: one line" "$(grep -c '^cai: ' "$T/stderr")" 1
if have python3 "NaN in training"; then
python3 - "$R/base.bin" "$T/mixed/base.bin" <<'PY'
import struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
for at in range(28, len(b) - 3, 4): b[at:at + 4] = struct.pack("<f", 1e37)      # finite, but no sum of them is
open(sys.argv[2], "wb").write(b)
PY
    fails "training on a dead model"      4 "step |the model is dead|1e+37|; lower the learning"                $C sl --out "$T/mixed" --quiet 1
fi
E="./cai run --preset smoke --quiet 1 --out $T/exploded"
explodes() { rm -rf "$T/exploded"; fails "$1" 4 "$2" $E $3; }
explodes "learning rate 1e3, pretraining" "step |exploded|weight|lower the learning rate|pretrain.state is that of step" "--pretrain-lr 1e3 --save-every 0"
yes "and that state is there" [ -s "$T/exploded/pretrain.state" ]
explodes "learning rate 1e3, preference model" "step |the preference-model loss has exploded|weight|every earlier file is as it was" "--pm-lr 1e3"
explodes "learning rate 1e3, SL" "step |the supervised loss has exploded|weight" "--sl-lr 1e3"
explodes "learning rate 1e3, KL 0, clip 0" "step |the PPO loss |weight" "--ppo-lr 1e3 --lambda-kl 0 --helpful-kl 0 --eps-clip 0"
is "no model of a stage that exploded" "$(ls "$T/exploded" | grep -c '^helpful.bin')" 0
rm -rf "$T/exploded"
$E --to rl --ppo-lr 0.1 --lambda-kl 0 --helpful-kl 0 --eps-clip 1 --rl-iters 40 >/dev/null 2>"$T/stderr"
is  "collapse is no error" $? 0
yes "collapse: KL over the bound, in words" grep -q '^cai: rl: iteration [0-9]*: KL to the starting model is .* nats' "$T/stderr"
is  "collapse: it is told once a stage" "$(grep -c '^cai: rl:' "$T/stderr")" 1
if have python3 "collapse onto one text"; then      # a model that says one thing whatever it is asked: it stops at once
cp -r "$R" "$T/same" && rm "$T/same/files.txt"
stopping() {        # stopping X: the likelier the larger X is; what it is asked does not matter
python3 - "$T/same/sl_cai.bin" "$1" <<'PY'
import struct, sys
b = open(sys.argv[1], "rb").read()
dim, hidden, layers, heads, kv, vocab, context = struct.unpack("<7i", b[:28])
w = [0.0] * ((len(b) - 28) // 4)
w[:vocab * dim] = [1.0] * (vocab * dim)                                 # every token looks alike,
w[dim:2 * dim] = [float(sys.argv[2])] * dim                             # but for token 1, the stop
final = vocab * dim + layers * (2 * dim + 2 * dim * dim + 2 * dim * dim * kv // heads + 3 * dim * hidden)
w[final:final + dim] = [1.0] * dim                                      # the last norm
open(sys.argv[1], "wb").write(b[:28] + struct.pack("<%df" % len(w), *w))
PY
}
stopping 10
./cai rl --out "$T/same" --quiet 1 >/dev/null 2>"$T/stderr"
is  "collapse: all answers the same is no error" $? 0
is  "collapse: all answers the same, in words, once" "$(grep -c '^cai: rl: iteration 0: all 8 answers are the same: the policy has collapsed' "$T/stderr")" 1
./cai feedback --out "$T/same" --quiet 1 >/dev/null 2>"$T/stderr"
is  "SL-CAI with one answer to everything is no error" $? 0
yes "it is told in words" grep -q '^cai: feedback: SL-CAI gave every prompt the same answer twice: no AI comparisons' "$T/stderr"
yes "and there is nothing to judge" [ ! -s "$T/same/feedback.jsonl" ]
./cai pm --out "$T/same" --quiet 1 >/dev/null 2>&1
is  "the preference model then learns from people alone" $? 0
stopping 1.25                                                           # at once, seven times in eight: two empty answers
./cai trace x --out "$T/same" >"$T/trace" 2>&1
is  "trace draws again until its two answers differ" "$? $(grep -A2 '^4 two answers' "$T/trace" | sed -n 's/^    [AB]//p' | uniq | grep -c '')" "0 2"
fi
no  "a calm run has no such words" grep -q '^cai:' "$T/progress"
is    "NaN: the earlier model is as it was" "$(cksum "$T"/mixed/sl_cai.bin)" "$before_mixed"

# ------------------------------------------------------------------------------------
# the oracle: opened by the stages data and eval alone, and named by nothing between

opened=$(awk '/^[a-z].*\)$/ { f = $0 } /oracle_open\(/ { print f }' cai.c run.c eval.c commands.c options.c model.c train.c)
is "the oracle is opened by" "$opened" "$(printf 'static void stage_data(void)\nvoid stage_eval(void)')"
loop=$(sed -n '/^static void stage_tokenizer/,/^\/\/ the run/p' cai.c)
is "the loop's stages are where this test looks" "$(echo "$loop" | sed -nE 's/^static void stage_([a-z]+).*/\1/p' | tr '\n' ' ')" "tokenizer pretrain helpful revise sl feedback pm rl "
no "no stage of the loop names the oracle" grep -qE 'oracle_|Oracle|Rating|town_human_prefs' <<<"$loop"
no "the models' code knows no town" grep -q 'town_' model.c train.c tokenizer.c

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
