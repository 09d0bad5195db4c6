#!/usr/bin/env bash
# tests/kill.sh -- a run that is killed again and again and started again with the same command ends with the
# bytes of one that was never stopped: every file, metrics and all. Also: Ctrl-C, two runs in one folder, records.
# KILLS (environment, default 6): SIGKILLs at random moments spread over the whole loop; `make kills` has 25.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
KILLS=${KILLS:-6}
RUN="./cai run --preset smoke --helpful-iters 4 --rl-iters 4 --quiet 1"
passed=0 failed=0

ok()   { passed=$((passed + 1)); echo "ok - $1"; }
bad()  { failed=$((failed + 1)); echo "not ok - $1${2:+: $2}"; }
is()   { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got '$2', wanted '$3'"; fi; }
has()  { case $2 in *"$3"*) ok "$1" ;; *) bad "$1" "no '$3' in: $2" ;; esac; }
sums() { (cd "$1" && find . -type f | sort | xargs cksum); }      # temporary files and states too: none may stay

start=$(date +%s%N)
$RUN --out "$T/whole" >"$T/table"
is "a run that is not stopped" $? 0
whole=$(sums "$T/whole") ms=$(( ($(date +%s%N) - start) / 1000000 ))

# ------------------------------------------------------------------------------------
# SIGKILL. A state after every step, so that a kill may also hit its writing. Every kill waits a random part of
# what a whole run takes over KILLS; a run that gets to its end before is begun again in a new folder.

n=0 folders=0 states=0 RANDOM=${SEED:-4}
while [ $n -lt "$KILLS" ]; do
    folders=$((folders + 1)) D=$T/killed$folders
    while [ $n -lt "$KILLS" ]; do
        $RUN --out "$D" --save-every 0 >"$T/out" 2>"$T/err" &
        pid=$!
        sleep "$(awk -v r=$RANDOM -v ms=$ms 'BEGIN { printf "%.3f", 0.03 + r / 32768 * ms / 1000 * 0.8 }')"
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
echo "# $n kills over $folders runs, $states of them inside a training loop"
