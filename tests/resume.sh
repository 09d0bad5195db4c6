#!/usr/bin/env bash
# tests/resume.sh -- a run that is stopped, by SIGKILL at random moments or politely, and started
# again with the same command ends with the bytes of one that was never stopped: every file, metrics
# and all, and no file more. Also what a finished run does when it is started again, changed files,
# two runs in one folder, a reader that goes away, a terminal that is resized.
# KILLS (environment, default 6): kills at random moments over the whole loop; `make kills` has 25
# and more.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
# loops of several steps each
FLAGS="--preset smoke --helpful-iters 6 --rl-iters 6 --prefs 96 --sl-batch 8"
RUN="./cai run $FLAGS --quiet 1"

has()  { case $2 in *"$3"*) ok "$1" ;; *) bad "$1" "no '$3' in: $2" ;; esac; }
# temporary files and states too: none may stay
sums() { (cd "$1" && find . -type f | sort | xargs cksum); }
# NAME STATUS TEXT COMMAND...: one line and that status
refused() {
    local name=$1 status=$2 text=$3 got; shift 3
    "$@" >"$T/out" 2>"$T/err"; got=$?
    if [ "$got $(grep -c '' "$T/err")" = "$status 1" ]; then has "$name" "$(cat "$T/err")" "$text"
    else bad "$name" "status $got: $(cat "$T/err")"; fi
}

start=$(date +%s%N)
$RUN --out "$T/whole" >"$T/table"
is "a run that is not stopped" $? 0
whole=$(sums "$T/whole") ms=$(( ($(date +%s%N) - start) / 1000000 ))

# ------------------------------------------------------------------------------------
# every training loop stopped once, as soon as it has written a state; the next start takes it up

D=$T/loops how=(INT KILL TERM KILL INT KILL) next=
for loop in pretrain helpful_pm helpful sl pm rl; do
    ./cai run $FLAGS --out "$D" --save-every 0 >"$T/out" 2>"$T/err" & pid=$!
    while [ ! -e "$D/$loop.state" ] && kill -0 $pid 2>/dev/null; do :; done
    kill -"${how[0]}" $pid; wait $pid 2>/dev/null; status=$?
    if [ "${how[0]}" = KILL ]; then is "$loop: killed" $status 137
    else
        is "$loop: SIG${how[0]} ends with status 130" $status 130
        has "$loop: says that it is saved and how to go on" "$(tail -n 1 "$T/err")" \
            "which is saved; ./cai run $FLAGS --out $D --save-every 0 goes on from there"
    fi
    [ -z "$next" ] || has "the next start takes up $next" "$(cat "$T/err")" "goes on after step"
    next=$loop how=("${how[@]:1}")
done
./cai run $FLAGS --out "$D" >"$T/out" 2>"$T/err"
is "and ends well" $? 0
has "the last start takes up $next" "$(cat "$T/err")" "[9/10] rl        goes on after step"
is "every loop stopped once: same bytes in every file" "$(sums "$D")" "$whole"

# ------------------------------------------------------------------------------------
# SIGKILL at random moments, with a state after every step so that a kill may also hit its writing.
# The moments are spread over what a whole run takes; a run that gets to its end is begun again in a
# new folder.

n=0 runs=0 states=0 RANDOM=${SEED:-4} KILLS=${KILLS:-6}
while [ $n -lt "$KILLS" ]; do
    runs=$((runs + 1)) D=$T/killed$runs
    while [ $n -lt "$KILLS" ]; do
        $RUN --out "$D" --save-every 0 >"$T/out" 2>"$T/err" & pid=$!
        sleep "$(awk -v r=$RANDOM -v ms=$ms 'BEGIN {
            printf "%.3f", 0.03 + r / 32768 * ms / 1000 * 0.7 }')"
        if ! kill -9 $pid 2>/dev/null; then wait $pid; break; fi
        wait $pid 2>/dev/null
        n=$((n + 1))
        ls "$D"/*.state >/dev/null 2>&1 && states=$((states + 1))
    done
    $RUN --out "$D" >"$T/out" 2>"$T/err"
    is "killed: goes on to a good end" "$? $(cat "$T/err")" "0 "
    is "killed: same bytes in every file" "$(sums "$D")" "$whole"
    rm -rf "$D"
done
echo "# $n kills in $runs runs, $states of them inside a training loop"

# ------------------------------------------------------------------------------------
# a run begun with a person's own files, and single stages: the advice after a stop is a command
# that goes on, and no file that was there is lost

given() { (cd "$D" && cksum data/*.jsonl tokenizer.bin base.bin helpful.bin); }
# LOOP COMMAND...: SIGINT as soon as the loop has a state
stop_in() {
    local loop=$1; shift
    "$@" >"$T/out" 2>"$T/err" & pid=$!
    while [ ! -e "$D/$loop.state" ] && kill -0 $pid 2>/dev/null; do :; done
    kill -INT $pid; wait $pid 2>/dev/null
}
advice() {
    sed -nE 's/^cai: .*(which is saved;|kept,|stage [a-z]+;) (.*) goes on from there$/\2/p' "$T/err"
}

D="$T/own it's"                                     # a name that a shell must be told in quotes
# the person's own files: those before the stage revise
begin() {
    rm -rf "$D" && mkdir -p "$D/data"
    cp "$T"/whole/data/*.jsonl "$D/data" \
        && cp "$T/whole/tokenizer.bin" "$T/whole/base.bin" "$T/whole/helpful.bin" "$D"
    head -n 20 "$T/whole/data/human_prefs.jsonl" >"$D/data/human_prefs.jsonl"
}
begin; there=$(given)
$RUN --out "$D" --from revise >"$T/out" 2>"$T/err"
is "own files, --from revise, not stopped" "$? $(cat "$T/err")" "0 "
own=$(sums "$D")
for loop in sl pm rl; do
    begin; stop_in $loop $RUN --out "$D" --from revise --save-every 0
    is "own files, stopped in $loop: the command that goes on is named" \
        "$(advice)" "$RUN --out '$T/own it'\''s' --save-every 0"
    eval "$(advice)" >"$T/out" 2>"$T/err"
    is "own files, stopped in $loop: it goes on to the same bytes" \
        "$? $(cat "$T/err") $(sums "$D")" "0  $own"
    is "own files, stopped in $loop: they are as they were" "$(given)" "$there"
done
begin; $RUN --out "$D" --from revise --save-every 0 >"$T/out" 2>"$T/err" & pid=$!
while [ ! -e "$D/sl_cai.bin" ] && kill -0 $pid 2>/dev/null; do :; done
kill -KILL $pid; wait $pid 2>/dev/null
$RUN --out "$D" >"$T/out" 2>"$T/err"
is "own files, killed: cai run goes on after them, to the same bytes" \
    "$? $(cat "$T/err") $(sums "$D")" "0  $own"
is "own files, killed: they are as they were" "$(given)" "$there"
rm "$D/data/redteam.jsonl"
refused "an own file is gone: nobody makes another in its place" 3 \
    "data/redteam.jsonl: is not there" $RUN --out "$D" --from revise
cp "$T/whole/data/redteam.jsonl" "$D/data"

D=$T/stage; cp -r "$T/whole" "$D"
stop_in sl ./cai sl --out "$D" --save-every 0
is "a stage stopped: the command that goes on is named" "$(advice)" \
    "./cai sl --out $D --save-every 0"
is "a stage stopped: its state stays" "$([ -s "$D/sl.state" ] && echo yes)" yes
eval "$(advice)" >"$T/out" 2>"$T/err"
has "a stage stopped: it takes up its state" "$(cat "$T/err")" "sl        goes on after step"
is "a stage stopped: same bytes" "$(sums "$D")" "$whole"

# ------------------------------------------------------------------------------------
# a finished run started again; parts of it made again

D=$T/loops
./cai run $FLAGS --out "$D" >"$T/out" 2>"$T/err"
is "finished run again: ends well" $? 0
has "finished run again: says so and how to make it anew" "$(tail -n 1 "$T/err")" \
    "finished before, and every file is as it was written; to make it anew give --from data"
yes=$(diff <(head -n 14 "$T/out") <(head -n 14 "$T/table") && echo same)
is "finished run again: prints the tables" "$yes" same
is "finished run again: changes nothing" "$(sums "$D")" "$whole"
rm "$D/revisions.jsonl"
./cai run $FLAGS --out "$D" >"$T/out" 2>"$T/err"
is "a file is gone: its stage is made again, those before are not" \
   "$(grep -c 'finished before' "$T/err") $(grep -c 'done in' "$T/err")" "4 6"
is "a file is gone: same bytes" "$(sums "$D")" "$whole"
./cai run $FLAGS --out "$D" --from pm >"$T/out" 2>"$T/err"
is "--from makes stages anew though they are finished" \
    "$(grep -c 'finished before') $(grep -c 'done in' "$T/err")" "0 3" <"$T/err"
is "--from: same bytes" "$(sums "$D")" "$whole"
sed -i.bak '1s/"revision": "/"revision": " No./' "$D/revisions.jsonl" && rm "$D/revisions.jsonl.bak"
refused "a file was changed by hand: refused" 3 \
    "revisions.jsonl: is not as the stage revise wrote it" ./cai sl --out "$D" --quiet 1
sed -i.bak '/ revisions.jsonl$/d' "$D/files.txt" && rm "$D/files.txt.bak"
./cai sl --out "$D" --quiet 1 >"$T/out" 2>"$T/err"
is "its record removed: taken as the person's own" "$? $(cat "$T/err")" "0 "
./cai run $FLAGS --out "$D" >"$T/out" 2>"$T/err"
is "what was made from the old file is made again" \
    "$(grep -c 'finished before' "$T/err") $(grep -c 'done in' "$T/err")" "6 4"

# ------------------------------------------------------------------------------------
# a flipped bit in any file of the run; other inputs, other flags

flip() { python3 - "$1" <<'PY'
import os, sys
b = bytearray(open(sys.argv[1], "rb").read())
b[len(b) * 2 // 3] ^= 4
open(sys.argv[1], "wb").write(b)
PY
}
if have python3 "flipped bits"; then
    flips=0 caught=0
    for f in $(cd "$T/whole" && find . -type f -size +0 ! -name kernels.txt ! -name files.txt \
        | sort); do
        cp "$T/whole/$f" "$T/keep"; flip "$T/whole/$f"; flips=$((flips + 1))
        $RUN --out "$T/whole" >"$T/out" 2>"$T/err"; status=$?
        case "$status $(cat "$T/err")" in
            "3 cai: $T/whole/${f#./}: is not as "* | "3 cai: $T/whole/flags.txt: has changed"* \
                | "2 cai: "*"choose another --out"*) caught=$((caught + 1)) ;;
            *) bad "a flipped bit in $f" "$status $(cat "$T/err")" ;;
        esac
        cp "$T/keep" "$T/whole/$f"
    done
    is "a flipped bit is found in every file of the run" "$caught" "$flips"
    is "these are all files" "$([ $flips -gt 25 ] && echo yes)" yes
    $RUN --out "$T/state" --save-every 0 >/dev/null 2>&1 & pid=$!
    while [ ! -e "$T/state/pretrain.state" ] && kill -0 $pid 2>/dev/null; do :; done
    kill -9 $pid; wait $pid 2>/dev/null
    cp "$T/state/pretrain.state" "$T/keep"
    flip "$T/state/pretrain.state"
    refused "a flipped bit in a training state" 3 \
        "pretrain.state: its checksum is wrong; remove it" $RUN --out "$T/state"
    head -c 2000 "$T/keep" >"$T/state/pretrain.state"
    refused "a training state cut short" 3 "pretrain.state: its checksum is wrong; remove it" \
        $RUN --out "$T/state"
    head -c 20 "$T/keep" >"$T/state/pretrain.state"
    refused "a training state without its header" 3 \
        "pretrain.state: is no training state of version 1" $RUN --out "$T/state"
    rm "$T/state/pretrain.state"; $RUN --out "$T/state" >/dev/null 2>&1
    is "its stage begins anew: same bytes" "$(sums "$T/state")" "$whole"
fi
sed 's/^critique: /critique: Really: /' data/constitution.txt >"$T/law.txt"
cp -r "$T/whole" "$T/law"
sed "s|^constitution .*|constitution $T/law.txt|" "$T/whole/flags.txt" >"$T/law/flags.txt"
sed -i.bak '/ flags.txt$/d' "$T/law/files.txt" && rm "$T/law/files.txt.bak"
LAW="$RUN --constitution $T/law.txt --out $T/law"
refused "another constitution under the old stages: refused" 3 \
    "law.txt: has changed since the stage revise read it; go on with --from revise" $LAW
refused "--from a later stage: refused too" 3 \
    "has changed since the stage revise read it" $LAW --from pm
$LAW --from revise >/dev/null 2>"$T/err"
is "--from the stage that reads it: fine" \
    "$? $(grep -v 'unknown to the model' "$T/err" | sed "s#$T/##")" \
    "0 cai: law.txt: not the constitution.txt of this folder, which it takes the place of"
refused "other flags: refused with the difference" 2 \
    "this folder's run has --seed 1, this command --seed 2" $RUN --out "$T/whole" --seed 2
echo "pretrain 12 base.bin" >>"$T/law/files.txt"
refused "a broken record" 3 "files.txt:$(grep -c '' "$T/law/files.txt"): not a line" $LAW

# ------------------------------------------------------------------------------------
# two runs in one folder; a reader that goes away; a terminal that is resized

$RUN --out "$T/two" >/dev/null 2>&1 & pid=$!
while [ ! -e "$T/two/flags.txt" ] && kill -0 $pid 2>/dev/null; do :; done
kill -STOP $pid
refused "a second run in the folder" 3 "$T/two: another cai is at work in this folder" \
    $RUN --out "$T/two"
refused "a stage in that folder" 3 "another cai is at work" ./cai data --out "$T/two" --quiet 1
mv "$T/two/flags.txt" "$T/keep"; echo broken >"$T/two/flags.txt"
refused "it is refused before it reads what the other may be writing" 3 \
    "another cai is at work" ./cai data --out "$T/two" --quiet 1
mv "$T/keep" "$T/two/flags.txt"
kill -9 $pid; wait $pid 2>/dev/null
$RUN --out "$T/two" >/dev/null 2>"$T/err"
is "the lock went with its process: same bytes" "$? $(cat "$T/err") $(sums "$T/two")" "0  $whole"

rm -rf "$T/two"
{ $RUN --out "$T/two" 2>"$T/err"; echo $? >"$T/status"; } | true
is "nobody reads the results: status 3, one line" \
    "$(cat "$T/status") $(grep -c '^cai: standard output: not written' "$T/err")" "3 1"
is "nobody reads the results: nothing is lost" "$(sums "$T/two")" "$whole"
./cai run $FLAGS --out "$T/shut" >&- 2>&-
is "standard streams closed: no file takes their place, same bytes" \
    "$? $(sums "$T/shut")" "3 $whole"

if have python3 "a terminal that is resized"; then
    python3 - "$T/tty" $FLAGS >"$T/out" 2>&1 <<'PY'
import fcntl, os, pty, re, select, struct, sys, termios
pid, tty = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv("./cai", ["./cai", "run", "--out", sys.argv[1]] + sys.argv[2:] + ["--corpus", "600"])
size = lambda columns: fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
size(70)
said = b""
while True:
    try: part = os.read(tty, 4096)
    except OSError: break
    if not part: break
    said += part
    if b"pretrain" in said and b"\r" in said: size(30)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said[-300:]
live = [len(s) for s in re.findall(rb"\r(\[[^\r\n\x1b]*)\x1b\[K", said)]
assert len(live) > 3 and max(live) < 70 and live[-1] < 30, live
PY
    is "a terminal made narrow mid-run: live lines fit it" "$? $(tail -n 1 "$T/out")" "0 "
fi

closes
