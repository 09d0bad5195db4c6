#!/usr/bin/env bash
# tests/cli.sh -- the command line as a user meets it: bad input ends in one line and a documented
# status and leaves every file as it was; results on standard output, progress on standard error;
# the same bytes on any number of threads, for any part of a run made again; the oracle out of the
# loop's reach. Uses the smoke preset (seconds). Prints "ok" or "not ok" a case and closes with the
# counts for tests/run.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
build=${B:-build}                                   # its objects
R=$T/run                                            # the run that all cases look into
SMOKE="--preset smoke --quiet 1"

no()   { local name=$1; shift; if "$@"; then bad "$name"; else ok "$name"; fi; }
sums() { (cd "$1" && find . -type f ! -name '*.tmp' | LC_ALL=C sort | xargs cksum); }

# fails NAME STATUS TEXT COMMAND...: the command must end with that status and one line "cai:
# ...TEXT..." on standard error (pieces of TEXT between "|"), and every file of $R must be as
# before. Input from $T/in.
: > "$T/in"
fails() {
    local name=$1 status=$2 text=$3 got piece line
    shift 3
    "$@" <"$T/in" >"$T/stdout" 2>"$T/stderr"
    got=$?
    line=$(cat "$T/stderr")
    if [ $got != "$status" ]; then
        bad "$name" "status $got, wanted $status; said: $line"
        return
    fi
    if [ "$(grep -c '' "$T/stderr")" != 1 ] || [ "${line#cai: }" = "$line" ]; then
        bad "$name" "not one line: $line"
        return
    fi
    while [ -n "$text" ]; do
        piece=${text%%|*}
        case $line in *"$piece"*) ;; *) bad "$name" "no \"$piece\" in: $line"; return ;; esac
        case $text in *"|"*) text=${text#*|} ;; *) text= ;; esac
    done
    if [ "$(sums "$R")" != "$before" ]; then bad "$name" "files of the run changed"; return; fi
    ok "$name"
}

# own DIR STAGE...: every file of the folder becomes the person's own, as if put there by hand, but
# for those that the stages write, which are gone.
own() {
    local dir=$1 stage; shift
    rm -f "$dir/files.txt" "$dir/metrics.tsv"
    for stage; do
        rm -f "$dir/metrics/$stage.tsv"
        case $stage in
            helpful) rm -f "$dir"/helpful* ;;       revise) rm -f "$dir/revisions.jsonl" ;;
            sl) rm -f "$dir/sl_cai.bin" ;;          feedback) rm -f "$dir/feedback.jsonl" ;;
            pm) rm -f "$dir"/pm.* ;;                rl) rm -f "$dir/rl_cai.bin" ;;
            eval) rm -f "$dir/answers.jsonl" "$dir/judged.jsonl" "$dir/summary.txt" ;;
        esac
    done
}

# ------------------------------------------------------------------------------------
# one whole run: what it prints where

./cai run --preset smoke --out "$R" >"$T/results" 2>"$T/progress"
is "smoke run ends well" $? 0
before=$(sums "$R")
yes "results on standard output" grep -q '^Elo' "$T/results"
no  "no progress on standard output" grep -q '^\[[0-9]*/10\]' "$T/results"
yes "progress on standard error" grep -q '^\[10/10\] eval *done' "$T/progress"
no  "no results on standard error" grep -q '^Elo\|^model ' "$T/progress"
ESC=$(printf '\033')
no  "no escape characters in a pipe: results" grep -q "$ESC" "$T/results"
no  "no escape characters in a pipe: progress" grep -q "$ESC" "$T/progress"
no  "no carriage returns in a pipe" grep -q "$(printf '\r')" "$T/progress"
no  "nothing half-written stays" sh -c "find '$R' -name '*.tmp' | grep -q ."
no  "a run that is fine has nothing to say" grep -q '^cai:' "$T/progress"
yes "every flag is echoed into the run's folder" sh \
    -c "[ \$(./cai --help | grep -c '^  --[a-z-]* *[^ ]* .*') -gt 40 ] && grep -q '^lambda-kl 0.07$' '$R/flags.txt'"

# ------------------------------------------------------------------------------------
# the same bytes

# NAME FLAGS...: a new run equals $R in every file
same_run() {
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
for f in base.bin rl_cai.bin revisions.jsonl data/corpus.jsonl; do
    no "another seed, other bytes: $f" cmp -s "$R/$f" "$T/other/$f"
done

# ------------------------------------------------------------------------------------
# help and version

for c in "" help run chat generate trace logprob data tokenizer pretrain \
    helpful revise sl feedback pm rl eval; do
    for f in --help --version; do
        ./cai $c $f >"$T/stdout" 2>"$T/stderr"
        is "cai $c $f" "$? $(head -c 3 "$T/stdout") $(cat "$T/stderr")" "0 cai "
    done
done

# ------------------------------------------------------------------------------------
# the commands that look into a run

G="./cai generate --out $R"
$G --prompt "To swipe" --temperature 0 >"$T/g1" 2>"$T/stderr" \
    && $G --prompt "To swipe" --temperature 0 >"$T/g2"
yes "generate --temperature 0 is repeatable" cmp -s "$T/g1" "$T/g2"
yes "generate prints the prompt first" grep -q '^To swipe' "$T/g1"
is "generate --count 3 prints three texts" \
    "$($G --prompt "To swipe" --temperature 0 --count 3 | grep -c 'To swipe')" 3
yes "generate from nothing" sh -c "$G --max-new 4 >/dev/null"
printf 'How do I swipe the kite?\nAnd the drum?\n\nnot read\n' \
    | ./cai chat --out "$R" >"$T/chat" 2>"$T/stderr"
is  "chat ends well" "$? $(cat "$T/stderr")" "0 "
yes "chat answers every line until the empty one" [ "$(grep -c '' "$T/chat")" -ge 2 ]
no  "chat: no escape characters in a pipe" grep -q "$ESC" "$T/chat"

printf '%s\n' '{"prompt": "To swipe", "completion": " is theft."}' \
    '{"completion": "The kite", "prompt": "\n\nHuman:"}' >"$T/pairs"
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
is "trace prints its seven sections in order" \
    "$(sed -nE 's/^([1-7]) (draft|step|SL-CAI|two|preference|one PPO|RL-CAI).*/\1/p' "$T/trace" \
        | uniq | tr -d '\n')" 1234567
no  "trace: no escape characters in a pipe" grep -q "$ESC" "$T/trace"
for c in "chat" "trace x" "logprob" "generate"; do
    NO_COLOR=1 TERM=xterm ./cai $c --out "$R" <"$T/in" 2>&1
done >"$T/stdout"
no  "NO_COLOR: no escape characters" grep -q "$ESC" "$T/stdout"
is  "looking changes nothing" "$(sums "$R")" "$before"

# The paper's two JSON shapes say what the text form says; hh-rlhf's whole transcripts what prompt
# and answers say.

printf '[critique one]\ncritique: Point out any help with theft in the response.\nrevision: Please remove any help with theft.\n[comparison comparison-1]\nchoose: Pick the response that supports theft less.\n' >"$T/law.txt"
printf '{"one": {"prompt": ["\\n\\nCritiqueRequest: Point out any help with theft in the response.\\n\\nCritique:"],\n "edit_request": "\\n\\nRevisionRequest: Please remove any help with theft.\\n\\nRevision:"}}\n' >"$T/critiques.json"
printf '["\\nPick the response that supports theft less. Options:"]\n' >"$T/comparisons.json"
./cai run $SMOKE --quiet 1 --out "$T/text" --constitution "$T/law.txt" --to feedback >/dev/null
./cai run $SMOKE --quiet 1 --out "$T/json" --constitution "$T/critiques.json,$T/comparisons.json" \
    --to feedback >/dev/null
is "a constitution as JSON: the same revisions" "$(cat "$T/json/revisions.jsonl")" \
    "$(cat "$T/text/revisions.jsonl")"
is "a constitution as JSON: the same labels" "$(cat "$T/json/feedback.jsonl")" \
    "$(cat "$T/text/feedback.jsonl")"
sed 's/{"prompt": "\(.*\)", "chosen": "\(.*\)", "rejected": "\(.*\)", \(.*\)}/{"chosen": "\1\2", "rejected": "\1\3", \4}/' "$T/text/data/human_prefs.jsonl" >"$T/json/data/human_prefs.jsonl"
own "$T/text" pm; own "$T/json" pm                      # the changed file is a person's own
no  "transcripts have no prompt" grep -q '"prompt"' "$T/json/data/human_prefs.jsonl"
for d in text json; do ./cai pm --quiet 1 --out "$T/$d" >/dev/null; done
is "transcripts: the same preference model" "$(cksum <"$T/json/pm.bin")" \
    "$(cksum <"$T/text/pm.bin")"

# ------------------------------------------------------------------------------------
# usage: status 2

C="./cai"; RUN="./cai run $SMOKE --out $T/new"
fails "unknown command"            2 "frobnicate: no such command"              $C frobnicate
fails "unknown flag"               2 "--frob: unknown flag"                     $RUN --frob 1
fails "unknown flag at the end"    2 "--frob: unknown flag"                     $RUN --frob
fails "flag without a value"       2 "--seed needs a value"                     $RUN --seed
fails "empty value" 2 "--out : an empty value" $C run --preset smoke --out ""
fails "number too small"           2 "--dim 1: not a number from 8"             $RUN --dim 1
fails "number too large"           2 "--layers 65: not a number"                $RUN --layers 65
fails "no number"                  2 "--layers many: not a number"              $RUN --layers many
fails "number with a tail"         2 "--layers 2x: not a number"                $RUN --layers 2x
fails "not a whole number"         2 "--layers 1.5: not a whole number"         $RUN --layers 1.5
fails "nan"                        2 "--pm-lr nan: not a number"                $RUN --pm-lr nan
fails "sizes that do not fit"      2 "--heads 2|--kv-heads 3"                   $RUN --kv-heads 3
fails "width that does not divide" 2 "--dim 34|--heads 2"                       $RUN --dim 34
fails "no room for a prompt"       2 "--max-new 768"                            $RUN --max-new 768
fails "unknown stage"              2 "--from nowhere: no such stage"            $RUN --from nowhere
fails "unknown last stage"         2 "--to nowhere: no such stage"              $RUN --to nowhere
fails "stages the wrong way round" 2 "--from rl: comes after --to sl" $RUN --from rl --to sl
fails "unknown preset" 2 "--preset huge: no such preset" $C run --preset huge --out "$T/new"
fails "unknown judge"              2 "--judge me: there are self and random"    $RUN --judge me
fails "unknown KL form"            2 "--kl-form k9: no such form"               $RUN --kl-form k9
for form in k1-reward k2-loss k3-loss k1-loss k3-reward abs-reward; do
    $C run $SMOKE --kl-form $form --to helpful --out "$T/$form" >/dev/null 2>"$T/warned"
    case $form in k1-reward | k2-loss) is "--kl-form $form leads to the optimum: no word" "$(cat "$T/warned")" ""; continue ;; esac
    is "--kl-form $form: one line, for all its stages" "$(grep -c '' "$T/warned")" 1
    point=$(sed -nE 's/.*: ends at \(([^)]*)\) where .*/\1/p' "$T/warned" \
        | awk -F ', *' '{ printf "(%.3f, %.3f, %.3f)", $1, $2, $3 }')
    row=$(echo $form | sed 's/^abs-/absolute-/; s/-/_/')
    yes "--kl-form $form: told where it ends, as docs/equations.md has it" grep \
        -q "^| $row | [^|]* | ${point:-nowhere}" docs/equations.md
done
fails "an argument to run"         2 'takes no argument "now"'                  $RUN now
fails "two arguments" 2 "one argument is enough" $C chat a b --out "$R"
fails "count not whole"            2 "--count 1.5"                              $G --count 1.5
fails "temperature below 0"        2 "--temperature -1: not a number"           $G --temperature -1
fails "a model twice" 2 "one is enough" $C generate base --model base --out "$R"
fails "a request twice" 2 "one is enough" $C trace x --prompt y --out "$R"
fails "refused, with a KL form that ends elsewhere: one line all the same" 3 \
    "none.txt: No such file" $RUN --kl-form k3-loss --town "$T/none.txt"
fails "trace of an empty request" 2 "an empty request" $C trace "" --out "$R"
fails "steps where none can stop" 2 "--steps stops at a terminal" $C trace x --steps --out "$R"
fails "generate, empty prompt"     2 "--prompt: empty"                          $G --prompt ""
fails "a folder's run, other flags" 2 "--seed 1, this command --seed 9|choose another --out" \
    $C run $SMOKE --seed 9 --out "$R"
no    "none of these made a folder" [ -e "$T/new" ]

# ------------------------------------------------------------------------------------
# input: status 3

law() { printf "$1" >"$T/law.txt"; }                # a constitution
A='[critique a]\ncritique: C?\nrevision: R.\n' B='[comparison b]\nchoose: Q?\n'
fails "no constitution" 3 "none.txt: No such file" $RUN --constitution "$T/none.txt"
law "[critique a]\ncritique: C?\n$B"
fails "constitution, missing part" 3 "law.txt:2: principle a has no revision" \
    $RUN --constitution "$T/law.txt"
law "$A[comparison b]\n\n"
fails "constitution, missing question" 3 "principle b has no choose" \
    $RUN --constitution "$T/law.txt"
law "$A${B}remark: x\n"
fails "constitution, unknown line" 3 'law.txt:6: "remark: x" does not belong here' \
    $RUN --constitution "$T/law.txt"
law "$A"
fails "constitution, no comparisons" 3 "law.txt:1: no critique or no comparison principles" \
    $RUN --constitution "$T/law.txt"
law "[critic a]\n$A$B"
fails "constitution, unknown block" 3 'law.txt:1: "[critic a]"' $RUN --constitution "$T/law.txt"
law '{"a": {"prompt": ["C?"]}}'
fails "JSON constitution, missing part" 3 "law.txt:1: principle a has no revision" \
    $RUN --constitution "$T/law.txt"
law '{"a": {"prompt": ["C?"],\n "edit_request": "R."}'
fails "JSON constitution, no end" 3 "law.txt:2: bracket without its end" \
    $RUN --constitution "$T/law.txt"
law '["Q?"]]'
fails "JSON constitution, an end more" 3 "law.txt:1: a bracket is closed that was not opened" \
    $RUN --constitution "$T/law.txt"
law '["Q?", & "S?"]'
fails "JSON constitution, no JSON" 3 "law.txt:1: this is not JSON" $RUN --constitution "$T/law.txt"
law '["Q?"]'
fails "JSON constitution, half of it" 3 "law.txt:1: no critique or no comparison" \
    $RUN --constitution "$T/law.txt"
law "$A[comparison b]\nchoose: Q\xff?\n"
fails "constitution, not UTF-8" 3 "law.txt:5: byte 10 is not UTF-8" $RUN --constitution "$T/law.txt"
fails "no town" 3 "none.txt: No such file" $RUN --town "$T/none.txt"
no    "none of these made a folder" [ -e "$T/new" ]

L="./cai logprob --out $R --model rl_cai --in $T/lines"
G1='{"prompt": "To", "completion": " be"}'
line2() { printf '%s\n' "$G1" "$1" >"$T/lines"; }
LONG=$(for i in $(seq 400); do printf 'kite drum bike '; done)
line2 "{\"prompt\": \"$LONG\", \"completion\": \"x\"}"
fails "logprob, longer than the context" 3 "lines:2: |the context has 768"                 $L
fails "logprob, no file" 3 "nowhere: No such file" $C logprob --out "$R" --in "$T/nowhere"
fails "generate, longer than the context" 3 "--prompt: |the context has 768; shorten" \
    $G --prompt "$LONG"
fails "trace, longer than the context" 3 "context" $C trace "$LONG" --out "$R"
fails "generate, not UTF-8" 3 "--prompt: byte 4 is not UTF-8" $G --prompt "$(printf 'To \xff')"
printf '%s\n' "$LONG" >"$T/in"
fails "chat, longer than the context" 3 "more tokens than the context has room for" \
    $C chat --out "$R"
head -c 2000000 /dev/zero | tr '\0' x >"$T/in"
fails "chat, a line without end" 3 "a line of more than 1048576 bytes" $C chat --out "$R"
printf 'To \xff\n' >"$T/in"
fails "chat, not UTF-8" 3 "standard input:1: byte 4 is not UTF-8" $C chat --out "$R"
: >"$T/in"

# models: missing, of another tokenizer (broken ones, and other broken files: tests/malformed.tsv)
M=$T/model.bin; GM="./cai generate --model $M --tokenizer $R/tokenizer.bin --prompt To"
fails "missing model"                 3 "model.bin: |check the path"                       $GM
./cai data --preset smoke --out "$T/v" --vocab 420 --quiet 1 \
    && ./cai tokenizer --out "$T/v" --quiet 1
fails "tokenizer of another vocabulary" 3 "holds 420 pieces but the model wants 400" \
    $C generate --out "$R" --tokenizer "$T/v/tokenizer.bin" --prompt To

# folders: a file in its place, a full disk
echo x >"$T/file"
fails "a file in the folder's place" 3 "$T/file" $C run $SMOKE --out "$T/file"
is    "that file is as it was" "$(cat "$T/file")" x
fails "no such parent folder" 3 "$T/a/b: No such file|--out" $C run $SMOKE --out "$T/a/b"
fails "stage without its input" 3 \
    "corpus.jsonl: is not there, and the stage tokenizer reads it|--from data" \
        $C tokenizer --preset smoke --out "$T/empty" --quiet 1
no    "and no folder for it" [ -e "$T/empty" ]
if [ -w /dev/full ]; then
    cp -r "$R" "$T/full" && ln -s /dev/full "$T/full/revisions.jsonl.tmp"
    fails "full disk, in a stage" 3 "revisions.jsonl: not written|is left as it was" \
        $C run $SMOKE --out "$T/full" --from revise
    is    "full disk: every file is as it was, only the record says what was begun" \
          "$(sums "$T/full" | grep -v files.txt) $(grep -c '^?revise' "$T/full/files.txt")" \
              "$(sums "$R" | grep -v files.txt) 3"
    ./cai run $SMOKE --out "$T/full" >/dev/null 2>"$T/stderr"
    is "full disk: goes on when there is room again, same bytes" "$? $(sums "$T/full")" "0 $before"
    ln -s /dev/full "$T/full/files.txt.tmp"
    fails "full disk, the record" 3 "files.txt: not written|is left as it was" \
        $C run $SMOKE --out "$T/full" --from revise
    is    "full disk, the record: every file is as it was" "$(sums "$T/full")" "$before"
    ln -s /dev/full "$T/full/sl.state.tmp"; rm "$T/full/sl_cai.bin"
    fails "full disk, a training state" 3 "sl.state: not written" \
        $C run $SMOKE --out "$T/full" --save-every 0
    ./cai run $SMOKE --out "$T/full" >/dev/null 2>"$T/stderr"
    is    "full disk, a training state: goes on, same bytes" "$? $(sums "$T/full")" "0 $before"
    fails "full disk, results" 3 "standard output: not written" sh \
        -c "$G --prompt To --temperature 0 >/dev/full"
    fails "full disk, help" 3 "standard output: not written" sh -c "./cai --help >/dev/full"
    fails "standard output closed"    3 "standard output: not written"  sh -c "./cai --help >&-"
fi
# root may write anywhere
AS=
if [ "$(id -u)" = 0 ]; then
    AS="setpriv --reuid 65534 --regid 65534 --clear-groups"
    chmod 755 "$T"
fi
if $AS ./cai --version >/dev/null 2>&1; then
    mkdir "$T/locked" && chmod 555 "$T/locked"
    fails "folder without permission" 3 "$T/locked|--out" $AS $C run $SMOKE --out "$T/locked/new"
    fails "folder that cannot be written" 3 "flags.txt: cannot be created|can be written" $AS \
        $C run $SMOKE --out "$T/locked"
    cp -r "$R" "$T/shut" && chmod 000 "$T/shut/base.bin" "$T/shut/data/redteam.jsonl" \
        && chmod 777 "$T/shut" "$T/shut/metrics"
    fails "a model without permission" 3 "base.bin: Permission denied" $AS \
        $C generate --out "$T/shut" --model base --prompt To
    fails "a stage's input without permission" 3 "redteam.jsonl: Permission denied" $AS \
        $C revise --out "$T/shut" --quiet 1
    chmod 644 "$T/shut/base.bin"
    chmod 000 "$T/shut/flags.txt"
    fails "flags.txt without permission, a look" 3 "flags.txt: Permission denied" $AS \
        $C generate --out "$T/shut" --prompt To
    fails "flags.txt without permission, a stage" 3 "flags.txt: Permission denied" $AS \
        $C eval --out "$T/shut" --quiet 1
    fails "flags.txt without permission, a run" 3 "flags.txt: Permission denied" $AS \
        $C run $SMOKE --out "$T/shut"
    cp -r "$R" "$T/medium" && find "$T/medium" -type f -exec chmod 444 {} + \
        && find "$T/medium" -type d -exec chmod 555 {} +
    $AS $C run $SMOKE --out "$T/medium" >"$T/stdout" 2>"$T/stderr"
    is "a finished run on a medium that cannot be written" \
        "$? $(cat "$T/stderr") $(cat "$T/stdout")" "0  $(cat "$R/summary.txt")"
    $AS $C trace kite --out "$T/medium" >"$T/stdout" 2>"$T/stderr"
    is    "a look into it" "$? $(cat "$T/stderr")" "0 "
    find "$T/medium" -type d -exec chmod 755 {} +
fi
cp -r "$R" "$T/gone" && rm "$T/gone/flags.txt"
fails "flags.txt gone, a look" 3 \
    "flags.txt: is gone, and this command has other flags than the run" \
        $C generate --out "$T/gone" --prompt To
fails "flags.txt gone, a stage" 3 "flags.txt: is gone" $C eval --out "$T/gone"
fails "flags.txt gone, another run" 3 "flags.txt: is gone" $C run $SMOKE --seed 2 --out "$T/gone"
./cai run $SMOKE --out "$T/gone" >/dev/null 2>"$T/stderr"
is "flags.txt gone, the same run: it is there again" \
    "$? $(cat "$T/stderr") $(sums "$T/gone")" "0  $before"
cp -r "$R" "$T/sizes" && own "$T/sizes" eval \
    && head -n 7 "$R/data/eval_helpful.jsonl" >"$T/sizes/data/eval_helpful.jsonl"
$C eval --out "$T/sizes" --quiet 1 >/dev/null
yes "evaluation sets of unequal size" grep -q 'n = 7 benign and 8 contrast requests' \
    "$T/sizes/summary.txt"
cp -r "$R" "$T/mixed" && own "$T/mixed" revise pm
sed '3s/"prompt"/"promt"/' "$R/data/redteam.jsonl" >"$T/mixed/data/redteam.jsonl"
fails "a stage's own file, missing field" 3 'redteam.jsonl:3: no field "prompt"' \
    $C revise --out "$T/mixed" --quiet 1
sed '2s/}$//' "$R/data/human_prefs.jsonl" >"$T/mixed/data/human_prefs.jsonl"
fails "a stage's own file, broken line" 3 'human_prefs.jsonl:2: ' $C pm --out "$T/mixed" --quiet 1
cp "$R/data/human_prefs.jsonl" "$T/mixed/data/"

# ------------------------------------------------------------------------------------
# accepted means obeyed: what a command takes and does not go by is refused, or said

O="--out $R"
fails "a stage with another seed than its folder's" 2 \
    "--seed 1, this command --seed 2" $C eval --seed 2 $O
fails "a stage with another rate" 2 "--sl-lr 0.0002, this command --sl-lr 0.05" \
    $C sl --sl-lr 0.05 $O
fails "a stage with another KL weight" 2 "--lambda-kl 0.07, this command --lambda-kl 1" \
    $C rl --lambda-kl 1 $O
fails "a stage with another width" 2 "--dim 32, this command --dim 64" $C pretrain --dim 64 $O
fails "a stage with another preset" 2 "--dim 32, this command --dim 128" $C eval --preset demo $O
fails "a stage with another constitution" 2 \
    "--constitution data/constitution.txt, this command --constitution x" \
        $C revise --constitution x $O
fails "every difference is named" 2 "--dim 64; --layers 2, this command --layers 3" \
    $C sl --dim 64 --layers 3 $O
cp -r "$R" "$T/same-flags"
./cai sl --sl-lr 2e-4 --seed 1 --preset smoke --quiet 1 --out "$T/same-flags" \
    >/dev/null 2>"$T/stderr"
is "a stage with its folder's flags is no other" \
    "$? $(cat "$T/stderr") $(sums "$T/same-flags")" "0  $before"
for c in "sl --from pm" "run --temperature 1" "run --prompt x" \
    "generate --in x" "logprob --count 2" "trace --model base" "eval --model base"; do
    fails "a flag of other commands: $c" 2 "not a flag of cai ${c%% *}" $C $c $O
done
# NAME TEXT COMMAND...: status 0, and that one line on standard error; "" none
says() {
    local name=$1 text=$2 got; shift 2
    "$@" <"$T/in" >"$T/stdout" 2>"$T/stderr"; got=$?
    case "$got $(cat "$T/stderr")" in
        "0 "*"$text"*) is "$name" "$(grep -c '' "$T/stderr")" \
            "$([ -z "$text" ] && echo 0 || echo 1)" ;;
        *) bad "$name" "status $got: $(cat "$T/stderr")" ;;
    esac
}
printf 'How do I swipe the kite?\n' >"$T/in"
sed 's/^critique: /critique: Really: /' data/constitution.txt >"$T/really.txt"
says "a look with the run's flags has nothing to say" "" $C trace kite $O
says "a look with another constitution says so" \
    "the run has --constitution data/constitution.txt, this command --constitution $T/really.txt" \
        $C trace kite --constitution "$T/really.txt" $O
yes  "and goes by it" grep -q 'Really: ' "$T/stdout"
says "a look with another KL weight says so" \
    "the run has --lambda-kl 0.07, this command --lambda-kl 1" $C trace kite --lambda-kl 1 $O
yes  "and goes by it" grep -q 'lambda_KL 1, eps' "$T/stdout"
fails "a flag that a look does not use is refused" 2 \
    "--dim: not a flag of cai generate" $G --dim 64 --prompt To
says "length and seed are a command's own" "" $G --max-new 3 --seed 4 --prompt To
says "chat, too" "" $C chat --max-new 3 --seed 4 $O
: >"$T/in"
is   "looking changes nothing, whatever it is told" "$(sums "$R")" "$before"

fails "a temperature that is meant for nothing" 2 \
    "--temperature 1e-40: neither 0|from 0.01 to 100" $G --temperature 1e-40
fails "a temperature below the least" 2 "--temperature 0.009: neither 0" $G --temperature 0.009
says "the least temperature" "" $G --temperature 0.01 --prompt To --max-new 2
fails "a value head that does not learn" 2 "--value-lr 0: not a number from 0.001" $RUN --value-lr 0
fails "no piece left beside the superwords" 2 \
    "--vocab 300: too few beside --superwords 72; take at least 332" \
        $C run --vocab 300 --superwords 72 --out "$T/new"
fails "a corpus of more than a file may have" 2 \
    "--corpus 3100000: not a number from 10 to 2e+06" $RUN --corpus 3100000
no    "none of these made a folder" [ -e "$T/new" ]
is "a value is no flag: --prompt --preset" \
    "$($G --prompt --preset --temperature 0 --max-new 1 | head -c 8)" "--preset"
is "a value is no flag: --prompt --help" \
    "$($G --prompt --help --temperature 0 --max-new 1 | head -c 6)" "--help"

# a model by name, by path, or of a name that both have
cp "$R/base.bin" "$T/m.bin"; here=$PWD
in_t() { (cd "$T" && "$here/cai" "$@"); }
A0="--temperature 0 --max-new 6 --prompt To --out run"
is "a file here by its name" "$(in_t generate m.bin $A0)" \
    "$($G --model base --temperature 0 --max-new 6 --prompt To)"
cp "$R/base.bin" "$T/rl_cai"
says "a name that both have: the file here is taken, and that is said" \
    "rl_cai: the file here is taken, not the rl_cai.bin of run" in_t generate rl_cai $A0
is    "it is taken" "$(cat "$T/stdout")" "$(in_t generate m.bin $A0)"
rm "$T/rl_cai"
says  "else it is the run's" "" in_t generate rl_cai $A0
says  "a name with a dot that only the run has" "" in_t generate sl_cai.bin $A0
fails "a name with a dot that nobody has" 3 "none.bin: |check the path" $C generate none.bin $O
says "generate goes by the model's context, not by --context" "" $C generate \
    "$T/m.bin" --tokenizer "$R/tokenizer.bin" --max-new 500 --prompt To --out "$T/nowhere"
fails "chat, too" 2 \
    "--max-new 768: leaves no room for a message in the context of $T/m.bin, 768 tokens" \
        $C chat "$T/m.bin" --tokenizer "$R/tokenizer.bin" --max-new 768 --out "$T/nowhere"

# names of files
law "$A$B"; cp "$T/law.txt" "$T/a,b.txt"
$RUN --constitution "$T/a,b.txt" --to data --out "$T/comma" >/dev/null 2>"$T/stderr"
is "a comma in a file's name" "$? $(cat "$T/stderr") $(cksum <"$T/comma/constitution.txt")" \
    "0  $(cksum <"$T/law.txt")"
fails "a line break in a file's name" 2 "a name with control characters" \
    $RUN --constitution "$(printf 'a\nb')"
fails "a file's name that is not UTF-8" 2 "bytes that are not UTF-8" $RUN --town "$(printf 'a\377')"
mkdir -p "$T/a-long-name-of-a-folder"; many=
for i in $(seq 99); do
    f=$T/a-long-name-of-a-folder/principle-number-$i.txt many=$many,$f
    printf '[critique a%d]\ncritique: C?\nrevision: R.\n[comparison b%d]\nchoose: Q?\n' $i $i >"$f"
done
yes   "a list of files above 4 KB: it is one" [ ${#many} -gt 4200 ]
./cai run $SMOKE --constitution "${many#,}" --to tokenizer --out "$T/many" >/dev/null 2>"$T/stderr"
is "a list of files above 4 KB" \
    "$? $(cat "$T/stderr") $(ls "$T"/many/constitution*.txt | wc -l | tr -d ' ')" "0  99"
./cai run $SMOKE --constitution "${many#,}" --to tokenizer --out "$T/many" >/dev/null 2>"$T/stderr"
is    "and again: it is the same run" "$? $(cat "$T/stderr")" "0 "
sed -i.bak 's/C?/D?/' "$T/a-long-name-of-a-folder/principle-number-98.txt"
./cai revise --out "$T/many" >/dev/null 2>"$T/stderr"
has98() { grep -q '^critique: D?$' "$T/many/constitution.98.txt"; }
no    "a stage that may not begin changes no copy" has98

# ------------------------------------------------------------------------------------
# provenance: what a stage used is what is recorded

# FILE SED: in a run of the law and the town here, FILE is edited after data
during() {
    rm -rf "$T/edited"; cp data/constitution.txt "$T/c.txt"; cp data/town.txt "$T/t.txt"
    $C run $SMOKE --constitution "$T/c.txt" --town "$T/t.txt" --save-every 0 \
        --out "$T/edited" >"$T/stdout" 2>"$T/stderr" & pid=$!
    while [ ! -e "$T/edited/pretrain.state" ] && kill -0 $pid 2>/dev/null; do :; done
    sed -i.bak "$2" "$T/$1"; wait $pid
}
during c.txt 's/^critique: /critique: Really: /'
is "a constitution edited while the run goes on changes nothing in it" \
    "$? $(cksum <"$T/edited/revisions.jsonl")" "0 $(cksum <"$R/revisions.jsonl")"
is "what is kept is what was read" "$(cksum <"$T/edited/constitution.txt")" \
    "$(cksum <data/constitution.txt)"
M="$C run $SMOKE --constitution $T/c.txt --town $T/t.txt --out $T/edited"
fails "and the next run sees that it has changed" 3 \
    "$T/c.txt: has changed since the stage revise read it" $M
says "a look into the run goes by the run's own" "" $C trace kite --out "$T/edited"
no   "and not by the edited one" grep -q 'Really: ' "$T/stdout"
# of held-out verbs, the kind
during t.txt 's/^\*\([a-z]*\): [a-z]*,/*\1: damage,/'
is "a town edited while the run goes on changes nothing in it" \
    "$? $(cksum <"$T/edited/answers.jsonl")" "0 $(cksum <"$R/answers.jsonl")"
fails "and the next run sees that it has changed" 3 \
    "$T/t.txt: has changed since the stage data read it" $M
printf x >>"$T/edited/constitution.txt"
cp data/town.txt "$T/t.txt"
fails "a copy that was changed" 3 "constitution.txt: is not as cai run wrote it; move it away" \
    $C trace kite --out "$T/edited"

bash -c "./cai run $SMOKE --constitution <(cat data/constitution.txt) --town <(cat data/town.txt) --out $T/piped" >/dev/null 2>"$T/stderr"
is "town and constitution from pipes: the same run" \
    "$? $(cat "$T/stderr") $(sums "$T/piped" | grep -vE 'flags|files.txt')" \
        "0  $(sums "$R" | grep -vE 'flags|files.txt')"
rm "$T/piped/rl_cai.bin"
./cai rl --quiet 1 --out "$T/piped" >/dev/null 2>"$T/stderr"
is "and its stages go on without the pipes" \
    "$? $(cat "$T/stderr") $(cksum <"$T/piped/rl_cai.bin")" "0  $(cksum <"$R/rl_cai.bin")"
is "which were recorded by what came through" "$(grep -- ' --' "$T/piped/files.txt")" \
    "$(grep -- ' --' "$R/files.txt")"
cp -r "$R" "$T/moved"
(cd "$T" && mkdir -p empty-place && cd empty-place \
    && "$here/cai" rl --quiet 1 --out "$T/moved" >/dev/null 2>"$T/stderr")
is "a stage from another place goes by the run's copies" \
    "$? $(cat "$T/stderr") $(sums "$T/moved")" "0  $before"

is "kernels and build are recorded, a line a stage" \
    "$(cut -d ' ' -f 1 "$R/kernels.txt" | tr '\n' ' ')" \
        "data tokenizer pretrain helpful revise sl feedback pm rl eval "
yes "the kernels are those of the first line" grep -qF \
    "$(sed -nE '1s/ \([^(]*\), [0-9]+ workers.*//p' "$T/progress"); cai 0.1, " "$R/kernels.txt"
if libc=$(getconf GNU_LIBC_VERSION 2>/dev/null); then
    yes "and so is the C library" [ "$(grep -c ", $libc\$" "$R/kernels.txt")" = 10 ]
fi
cp -r "$R" "$T/kernels" && rm "$T/kernels/rl_cai.bin"
sed -i.bak 's/^\(pretrain *\).*/\1another machine/' "$T/kernels/kernels.txt" \
    && rm "$T/kernels/kernels.txt.bak"
says "a run that goes on with other kernels says so in one line" \
    "the stage pretrain was computed by another machine, what follows by " \
        $C run $SMOKE --out "$T/kernels"
is   "and keeps what was" "$(grep -c 'another machine' "$T/kernels/kernels.txt")" 1
says "a finished run computes nothing and says nothing" "" $C run $SMOKE --out "$T/kernels"

# ------------------------------------------------------------------------------------
# a person's own file is never written over

# FILE: in $T/kept, a run of which that file is the person's own
mine() {
    rm -rf "$T/kept" && cp -r "$R" "$T/kept"
    head -n 9 "$R/$1" >"$T/kept/$1"
    sed -i.bak "\\| $1\$|d" "$T/kept/files.txt" && rm "$T/kept/files.txt.bak"
    K="$C run $SMOKE --out $T/kept" own_sum=$(cksum <"$T/kept/$1")
}
mine data/redteam.jsonl; rm "$T/kept/data/helpful.jsonl"
fails "its record removed, another file of the stage deleted" 3 \
    "$T/kept/data/redteam.jsonl: is yours|the stage data would write over it; move it away" $K
is   "it is still there" "$(cksum <"$T/kept/data/redteam.jsonl")" "$own_sum"
fails "the stage itself" 3 "$T/kept/data/redteam.jsonl: is yours" $C data --out "$T/kept"
mv "$T/kept/data/redteam.jsonl" "$T/mine"
$K >/dev/null 2>"$T/stderr"
is "moved away as told: the run is whole again" "$? $(cat "$T/stderr") $(sums "$T/kept")" \
    "0  $before"
mine data/redteam.jsonl
fails "a file that is yours now, and was read before" 3 \
    "redteam.jsonl: is yours now, and the stage revise read another; go on with --from revise" $K
$K --from revise >/dev/null 2>"$T/stderr"
is "--from revise goes by it" \
    "$? $(cat "$T/stderr") $(grep -c '' "$T/kept/revisions.jsonl") $(cksum <"$T/kept/data/redteam.jsonl")" "0  36 $own_sum"
says "and then the run is finished" "" $K
printf '{"prompt": "\\n\\nHuman: Well?\\n\\nAssistant:"}\n' >>"$T/kept/data/redteam.jsonl"
fails "a file of yours that changes afterwards" 3 \
    "redteam.jsonl: has changed since the stage revise read it; go on with --from revise" $K
mine revisions.jsonl
fails "yours, and its stage made anew" 3 \
    "revisions.jsonl: is yours|the stage revise would write over it" $K --from revise
cp -r "$R/." "$T/kept" \
    && sed '1s/"step": 1/"step": 2/' "$R/revisions.jsonl" >"$T/kept/revisions.jsonl"
kept=$(cksum <"$T/kept/revisions.jsonl")
fails "ours but changed, and its stage made anew" 3 \
    "revisions.jsonl: is not as the stage revise wrote it; remove it, and cai run makes it anew" \
        $K --from revise
is   "it is still there" "$(cksum <"$T/kept/revisions.jsonl")" "$kept"
rm "$T/kept/revisions.jsonl"; $K >/dev/null 2>&1
is   "removed as told: made anew" "$? $(sums "$T/kept")" "0 $before"
for f in metrics.tsv town.txt kernels.txt summary.txt data/eval_prefs.jsonl metrics/rl.tsv; do
    rm -rf "$T/fresh" && mkdir -p "$T/fresh/data" "$T/fresh/metrics" && echo mine >"$T/fresh/$f"
    fails "a file of yours in a new folder: $f" 3 "$f" $C run $SMOKE --out "$T/fresh"
    is "it is alone and as it was: $f" \
        "$(find "$T/fresh" -type f | wc -l | tr -d ' ') $(cat "$T/fresh/$f")" "1 mine"
done
rm -rf "$T/kept" && cp -r "$R" "$T/kept" && echo mine >>"$T/kept/metrics.tsv" \
    && rm "$T/kept/rl_cai.bin"
fails "metrics.tsv with a note in it" 3 "metrics.tsv: is not as cai run wrote it; move it away" \
    $C run $SMOKE --out "$T/kept"

# ------------------------------------------------------------------------------------
# whatever can be known before the first stage is said before it, and nothing is written

cp -r "$R" "$T/given" && own "$T/given" sl feedback pm rl eval \
    && rm "$T/given/data/judgements.jsonl"
given() { (cd "$T/given" && find . -type f ! -name judgements.jsonl | sort | xargs cksum); }
V="$C run $SMOKE --out $T/given --from sl" given=$(given)
fails "a file that a later stage reads is missing" 3 \
    "data/judgements.jsonl: is not there, and the stage eval reads it; make it with --from data" $V
cp "$R/data/judgements.jsonl" "$T/given/data/"
sed '5s/"chosen"/"chosn"/' "$R/data/human_prefs.jsonl" >"$T/given/data/human_prefs.jsonl"
fails "a file that a later stage reads is broken" 3 'human_prefs.jsonl:5: no field "chosen"' $V
{
    head -n 4 "$R/data/eval_helpful.jsonl"
    printf '{"prompt": "\\n\\nHuman: %s\\n\\nAssistant:"}\n' "$LONG"
} >"$T/given/data/eval_helpful.jsonl"
cp "$R/data/human_prefs.jsonl" "$T/given/data/"
fails "a prompt of a later stage is too long" 3 "eval_helpful.jsonl:5: this comes to " $V
cp "$R/data/eval_helpful.jsonl" "$T/given/data/"
head -c 900 "$R/helpful.bin" >"$T/given/helpful.bin"
fails "a model of a later stage is cut" 3 "helpful.bin: has 900 bytes" $V
cp "$R/helpful.bin" "$T/given/"
is    "and none of these wrote anything" "$(given)" "$given"
law "[critique a]\ncritique: $LONG\nrevision: R.\n$B"
fails "a principle longer than the context, before any tokenizer" 3 \
    "law.txt:1: principle a comes to more than |shorten it" $C run $SMOKE \
        --context 64 --max-new 8 --constitution "$T/law.txt" --out "$T/new"
no    "nothing is written" [ -e "$T/new" ]
# 80 words of letters: 160 tokens and more
WORDS=$(for i in $(seq 80); do printf 'zyxwv '; done)
law "$A[comparison b]\nchoose: $WORDS\n"
fails "one that only the tokenizer can tell" 3 \
    "law.txt:4: principle b comes to |the context has 150; shorten it" \
        $C run $SMOKE --context 150 --max-new 8 --constitution "$T/law.txt" --out "$T/tight"
is    "is told right after it" "$(cd "$T/tight" && ls *.bin)" "tokenizer.bin"
fails "and at once in a folder that has one" 3 "law.txt:4: principle b comes to " \
    $C run $SMOKE --context 150 --max-new 8 --constitution "$T/law.txt" --out "$T/tight"
rm -rf "$T/nothing" && mkdir -p "$T/nothing/data" && cp "$R/tokenizer.bin" "$T/nothing"
printf '{"text": ""}\n{"text": ""}\n' >"$T/nothing/data/corpus.jsonl"
fails "a corpus with nothing to learn" 3 "corpus.jsonl:1: no token to learn" \
    $C pretrain --preset smoke --out "$T/nothing" --quiet 1
no    "no model of it" [ -e "$T/nothing/base.bin" ]
cp -r "$R" "$T/none" && own "$T/none" pm && : >"$T/none/feedback.jsonl"
fails "no comparisons by the model, though some were asked for" 3 \
    "feedback.jsonl:1: no records, and the stage pm reads it|--ai-prefs 0" \
        $C pm --out "$T/none" --quiet 1
./cai run $SMOKE --ai-prefs 0 --out "$T/people" >/dev/null 2>"$T/stderr"
is "none asked for: none, and no word" \
    "$? $(cat "$T/stderr") $(wc -c <"$T/people/feedback.jsonl" | tr -d ' ')" "0  0"

# each stage reads what the table says and no more: with these files alone it begins and ends well
sed -n '/^const Stage STAGES/,/^};/p' cli/stages.c | tr '\n' ' ' \
    | sed 's/{ "\([a-z]*\)", stage_/\n\1 stage_/g' \
    | sed -nE 's/^([a-z]+) stage_[^{]*\{[^}]*\}, *\{ ([^}]*) \}.*/\1 \2/p' | tr -d '",' >"$T/reads"
is "the table of what stages read is where this test looks" \
    "$(cut -d ' ' -f 1 "$T/reads" | tr '\n' ' ')" \
        "data tokenizer pretrain helpful revise sl feedback pm rl eval "
while read -r stage files; do
    [ "$files" = NULL ] && continue
    rm -rf "$T/alone" && mkdir -p "$T/alone/data"
    for f in $files; do cp "$R/$f" "$T/alone/$f"; done
    ./cai $stage --preset smoke --quiet 1 --out "$T/alone" >/dev/null 2>"$T/stderr"
    is "$stage reads these and no others" "$? $(cat "$T/stderr")" "0 "
done <"$T/reads"

# ------------------------------------------------------------------------------------
# numerics: status 4. NaN in a file is refused when it is read; weights near the end of single
# precision are finite, so they are read, and the first sums over them are not.

{
    head -c 284 "$R/base.bin"
    for i in 1 2 3 4; do
        printf '\0\0\300\177'
    done
    tail -c +301 "$R/base.bin"
} >"$T/mixed/base.bin"
cp "$R/revisions.jsonl" "$T/mixed/"; own "$T/mixed" sl
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
    fails "NaN in training" 4 "step 0: the model is dead|; lower the learning" \
        $C sl --out "$T/mixed" --quiet 1
fi
E="./cai run --preset smoke --quiet 1 --out $T/exploded"
explodes() { rm -rf "$T/exploded"; fails "$1" 4 "$2" $E $3; }
explodes "learning rate 1e3, pretraining" \
    "step |exploded|weight|lower the learning rate|pretrain.state is that of step" \
        "--pretrain-lr 1e3 --save-every 0"
yes "and that state is there" [ -s "$T/exploded/pretrain.state" ]
explodes "learning rate 1e3, preference model" \
    "step |the preference-model loss has exploded|weight|every earlier file is as it was" \
        "--pm-lr 1e3"
explodes "learning rate 1e3, SL" "step |the supervised loss has exploded|weight" "--sl-lr 1e3"
explodes "learning rate 1e3, KL 0, clip 0" "step |the PPO loss |weight" \
    "--ppo-lr 1e3 --lambda-kl 0 --helpful-kl 0 --eps-clip 0"
is "no model of a stage that exploded" "$(ls "$T/exploded" | grep -c '^helpful.bin')" 0
rm -rf "$T/exploded"
$E --to rl --ppo-lr 0.1 --lambda-kl 0 --helpful-kl 0 --eps-clip 1 \
    --rl-iters 40 >/dev/null 2>"$T/stderr"
is  "collapse is no error" $? 0
yes "collapse: KL over the bound, in words" grep \
    -q '^cai: rl: iteration [0-9]*: KL to the starting model is .* nats' "$T/stderr"
is  "collapse: it is told once a stage" "$(grep -c '^cai: rl:' "$T/stderr")" 1
# a model that says one thing whatever it is asked: it stops at once
if have python3 "collapse onto one text"; then
cp -r "$R" "$T/same" && own "$T/same" rl
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
is "collapse: all answers the same, in words, once" \
    "$(grep -c '^cai: rl: iteration 0: all 8 answers are the same: the policy has collapsed' "$T/stderr")" 1
own "$T/same" feedback pm
./cai feedback --out "$T/same" --quiet 1 >/dev/null 2>"$T/stderr"
is  "SL-CAI with one answer to everything is no error" $? 0
yes "it is told in words" grep \
    -q '^cai: feedback: SL-CAI gave every prompt the same answer twice: no AI comparisons' \
        "$T/stderr"
yes "and there is nothing to judge" [ ! -s "$T/same/feedback.jsonl" ]
./cai pm --out "$T/same" --quiet 1 >/dev/null 2>&1
is  "the preference model then learns from people alone" $? 0
# at once, seven times in eight: two empty answers
own "$T/same"; stopping 1.25
./cai trace x --out "$T/same" >"$T/trace" 2>&1
is "trace draws again until its two answers differ" \
    "$? $(sed -n '/^4 two answers/,/^5 /p' "$T/trace" | sed -n 's/^    [AB]//p' \
        | head -n 2 | uniq | grep -c '')" "0 2"
fi
no  "a calm run has no such words" grep -q '^cai:' "$T/progress"
no    "NaN: no model is written" [ -e "$T/mixed/sl_cai.bin" ]

# ------------------------------------------------------------------------------------
# the oracle: opened by the stages data and eval alone and by the commands that rate or ask people,
# and out of reach for all that is between

# asks PATTERN OBJECT...: the objects that refer to such a name of another object
asks() {
    local p=$1 o
    shift
    for o; do
        nm -u "$o" | grep -qE " _?($p)" && basename "$o" .o
    done | tr '\n' ' '
}
LOOP="$build/cai.o $build/train.o $build/model.o $build/equations.o $build/tokenizer.o $(echo $build/engine/*.o $build/lib/*.o $build/study/*.o)"
if have nm "who asks the oracle"; then
    is "the loop's library refers to no name of the town or the oracle" \
        "$(asks 'town_|oracle' $LOOP)" ""
    is "it is all there, and this look would see one" \
        "$(ls $LOOP | wc -l | tr -d ' ') $(asks town_ $build/data/data.o)" \
            "$(ls *.c engine/*.c lib/*.c study/*.c | wc -l | tr -d ' ') data "
    is "it is opened by these alone" \
        "$(asks oracle_open $build/*.o $build/{lib,engine,study,data,export,cli}/*.o)" \
            "data eval people rows standings "
    is "and asked by no others" \
        "$(asks oracle_rate $build/*.o $build/{lib,engine,study,data,export,cli}/*.o)" \
            "eval judges people prompts rows standings turns "
fi

closes
