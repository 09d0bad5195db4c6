#!/usr/bin/env bash
# tests/faults.sh -- a system that fails: the k-th write, fsync, rename, open, read, close, mmap ..
# of a small run fails (strace does it), or its k-th request for memory (tests/faults.c), or the
# process is short of memory, stack, file size, processes. Each run must end with status 0, or with
# status 3 and one line; the same command afterwards, when nothing fails any more, must end well and
# with the bytes of a run that nothing befell, and no file more.
# FAULTS (environment, default 1): how many calls of each kind are tried, drawn at random; `make
# faults` tries all of them but for reads and memory, of which 500, and every limit; the default
# tries a limit of each kind.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_CORETYPE=
FAULTS=${FAULTS:-1} RANDOM=${SEED:-5}
FLAGS="--preset smoke --dim 16 --hidden 16 --layers 1 --heads 1 --corpus 60 --vocab 320 --superwords 4 --redteam 8
--helpful 8 --prefs 8 --ai-prefs 8 --judgements 8 --max-new 4 --revisions 1 --helpful-iters 1 --rl-iters 1 --ppo-batch 4
--context 1024 --save-every 0 --quiet 1"

# A training state whose removal failed may stay: it names the run it belongs to, and no finished
# stage reads it.
sums() { (cd "$1" && find . -type f ! -name '*.state' | sort | xargs cksum); }
run()  { "$@" ./cai run $FLAGS --out "$T/run" >"$T/out" 2>"$T/err"; }

grep -q '__[at]san_init' cai && {
    skip "no plain build (a sanitizer's own calls would fail)"
    closes
    exit
}
./cai run $FLAGS --out "$T/whole" >/dev/null 2>&1 || {
    bad "the run that nothing befalls"
    closes
    exit
}
whole=$(sums "$T/whole")

# judged NAME STATUS: how the run in $T/run ended, and how the next one does.
said() { grep -v "^strace: " "$T/err"; }
judged() {
    local name=$1 status=$2 lines why=
    lines=$(said | grep -c '')
    case $status in
        0) ;;
        3) [ "$lines" = 1 ] && grep -q '^cai: .*; ' "$T/err" \
            || why="not one line that says what to do: $(said | head -n 3)" ;;
        *) why="status $status: $(said | head -n 2)" ;;
    esac
    [ $status = 0 ] || ./cai run $FLAGS --out "$T/run" >"$T/out" 2>"$T/err"; status=$?
    [ $status = 0 ] || why="$why; the next run: status $status: $(head -n 1 "$T/err")"
    [ "$(sums "$T/run")" = "$whole" ] \
        || why="$why; other bytes than a run that nothing befell: $(diff -rq "$T/run" "$T/whole" \
            | head -n 2)"
    rm -rf "$T/run"
    if [ -z "$why" ]; then return 0; else bad "$name" "${why#; }"; return 1; fi
}

# some N MOST: numbers from 1 to N, all if there are at most MOST, else as many at random, of
# several the first and last
some() {
    if [ "$1" -le "$2" ]; then seq "$1"; return; fi
    if [ "$2" = 1 ]; then echo $((1 + (RANDOM * 32768 + RANDOM) % $1)); return; fi
    {
        echo 1
        echo "$1"
        for ((i = 2; i < $2; i++)); do
            echo $((1 + (RANDOM * 32768 + RANDOM) % $1))
        done
    } | sort -nu
}

# ------------------------------------------------------------------------------------
# system calls, from main on: what fails before is the loader's

if ! command -v strace >/dev/null || ! strace -o /dev/null true 2>/dev/null; then
    skip "no strace (system calls that fail)"
else
    CALLS="write:ENOSPC write:EIO fsync:EIO rename:EACCES openat:EMFILE openat:EACCES read:EIO close:EIO mmap:ENOMEM mkdir:EACCES
flock:ENOLCK unlink:EACCES access:EACCES newfstatat:EACCES lseek:EINVAL clone3:EAGAIN prlimit64:EPERM"
    run env CAI_STARTED=1 strace -f --seccomp-bpf -qq -o "$T/calls" -e trace=all -e signal=none
    rm -rf "$T/run"
    for call in $CALLS; do
        name=${call%:*} most=$FAULTS tried=0 good=0
        n=$(grep -cE "^[0-9]+ +$name\(" "$T/calls") \
            before=$(sed '/ fcntl(0/q' "$T/calls" | grep -cE "^[0-9]+ +$name\(")
        if [ "$name" = read ] && [ "$most" -gt 500 ]; then most=500; fi
        for k in $(some $((n - before)) "$most"); do
            k=$((k + before))
            run env CAI_STARTED=1 strace -f --seccomp-bpf -qq -o /dev/null \
                -e trace="$name" -e inject="$name:error=${call#*:}:when=$k" -e signal=none
            status=$? tried=$((tried + 1))
            judged "$call number $k of $n" $status && good=$((good + 1))
        done
        [ $tried != $good ] || ok "$call: $tried of $n calls failed, one at a time"
    done
fi

# ------------------------------------------------------------------------------------
# memory

if ! ${CC:-cc} -shared -fPIC -o "$T/faults.so" tests/faults.c 2>/dev/null; then
    skip "no compiler for tests/faults.c (memory that is refused)"
else
    run env CAI_STARTED=1 LD_PRELOAD="$T/faults.so" COUNT_MEMORY_TO="$T/count"
    rm -rf "$T/run"
    n=$(cat "$T/count") tried=0 good=0 most=$((FAULTS * 4))
    for k in $(some "$n" $((most > 500 ? 500 : most))); do
        run env CAI_STARTED=1 LD_PRELOAD="$T/faults.so" NO_MEMORY_AT="$k"
        status=$? tried=$((tried + 1))
        judged "memory, request $k of $n" $status && good=$((good + 1))
    done
    [ $tried != $good ] || ok "memory: $tried of $n requests refused, one at a time"
fi

# ------------------------------------------------------------------------------------
# limits: -v address space, -s stack, -f size of a file, -u processes, -n open files

LIMITS=("-v 60000" "-s 32" "-f 8" "-u 1" "-n 8") BLAS_LIMITS=("-v 60000")
# below 32 KB of stack the system may end a program before its main
if [ "$FAULTS" -gt 1 ]; then
    LIMITS+=("-v 30000" "-v 120000" "-v 250000" "-s 100" "-s 200" "-f 1" "-f 100" "-n 4") \
        BLAS_LIMITS+=("-v 250000" "-u 1")
fi
for limit in "${LIMITS[@]}"; do
    ( ulimit $limit && run timeout 30 ) 2>/dev/null
    status=$?
    judged "ulimit $limit" $status && ok "ulimit $limit"
done
# the library's products: other bytes, so the way it ends counts
for limit in "${BLAS_LIMITS[@]}"; do
    ( ulimit $limit && OPENBLAS_CORETYPE=Haswell run timeout 30 ) 2>/dev/null
    status=$?
    case $status in 0 | 3) ok "ulimit $limit, the library" ;; *) bad "ulimit $limit, the library" "status $status: $(head -n 2 "$T/err")" ;; esac
    rm -rf "$T/run"
done

closes
