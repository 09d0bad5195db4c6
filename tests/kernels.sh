#!/usr/bin/env bash
# tests/kernels.sh -- libraries as they may be found, made here: right ones, wrong ones, such as
# crash or hang. The program says what it took and why, and ends well with each. Then starts that go
# wrong: no process allowed, no /proc, another program of its name, a small stack. Needs a C
# compiler that makes shared libraries.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"

# An OpenBLAS as far as the program looks. CORE: kernels that it takes by itself; KNOWS: those that
# OPENBLAS_CORETYPE may name; ADD: to every sum; START: what it does when it is loaded.
cat >"$T/fake.c" <<'C'
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
static const char *core = CORE;
static void __attribute__((constructor)) start(void)
{
    const char *named = getenv("OPENBLAS_CORETYPE"), *threads = getenv("OPENBLAS_NUM_THREADS");
    if (named && strcasecmp(named, KNOWS) == 0) core = KNOWS;
    if (!threads || atoi(threads) != 1) core = "TooManyThreads";
    START;
}
char *openblas_get_config(void) { return "OpenBLAS 9.8.7 DYNAMIC_ARCH"; }
char *openblas_get_corename(void) { return (char *)core; }
void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                 int ldb, float beta, float *c, int ldc)
{
    for (int i = 0; order == 101 && i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = ADD;
            for (int p = 0; p < k; p++)
                sum += (ta == 112 ? a[p * lda + i] : a[i * lda + p]) * (tb == 112 ? b[j * ldb + p] : b[p * ldb + j]);
            c[i * ldc + j] = alpha * sum + (beta ? beta * c[i * ldc + j] : 0);
        }
}
C
# library CORE KNOWS ADD START
library() {
    rm -rf "$T/lib" && mkdir "$T/lib"
    ${CC:-cc} -shared -fPIC -DCORE="\"$1\"" -DKNOWS="\"$2\"" -DADD="$3" \
        -DSTART="$4" -o "$T/lib/libopenblas.so.0" "$T/fake.c" \
        || {
            skip "no shared libraries by this compiler (an OpenBLAS that goes wrong)"
            closes
            exit
        }
}

# takes NAME WANTED COMMAND...: it ends well, and its first line holds the pieces of WANTED, "|"
# between them.
takes() {
    local name=$1 want=$2 line piece status
    shift 2
    rm -rf "$T/out"
    LD_LIBRARY_PATH="$T/lib" "$@" data --preset smoke --out "$T/out" >"$T/stdout" 2>"$T/stderr"
    status=$?
    line=$(head -n 1 "$T/stderr")
    [ $status = 0 ] || { bad "$name" "status $status: $line"; return; }
    while [ -n "$want" ]; do
        piece=${want%%|*}
        case $line in *"$piece"*) ;; *) bad "$name" "no \"$piece\" in: $line"; return ;; esac
        case $want in *"|"*) want=${want#*|} ;; *) want= ;; esac
    done
    ok "$name"
}

library Oldest Newest 0 ""
if OPENBLAS_CORETYPE=x LD_LIBRARY_PATH="$T/lib" ./cai data --preset smoke --out "$T/probe" 2>&1 \
    | head -n 1 | grep -q 'BLAS=none\|Accelerate'; then
    skip "no OpenBLAS in this build (one that goes wrong)"
else
    takes "kernels named by the user" \
        "OpenBLAS 9.8.7, Newest kernels|OPENBLAS_CORETYPE names them" \
            env OPENBLAS_CORETYPE=newest ./cai
    takes "a name that the library does not know" \
        "Oldest kernels|does not have Foo|OPENBLAS_CORETYPE" env OPENBLAS_CORETYPE=Foo ./cai
    takes "one thread, whatever the user's setting for others" \
        "Newest kernels" env OPENBLAS_CORETYPE=newest OPENBLAS_NUM_THREADS=8 ./cai
    library Oldest Newest 1e-3f ""
    takes "a library that multiplies wrongly" \
        "own tiles|9.8.7 multiplied wrongly" env OPENBLAS_CORETYPE=newest ./cai
    library Oldest Newest 0 'raise(SIGILL)'
    takes "a library that crashes when it is loaded" \
        "own tiles|crashed in a trial" env OPENBLAS_CORETYPE=newest ./cai
    library Oldest Newest '(raise(SIGSEGV), 0)' ""
    takes "a library that crashes at work" \
        "own tiles|9.8.7 crashed in a trial" env OPENBLAS_CORETYPE=newest ./cai
    library Oldest Newest 0 'for (;;) usleep(1000)'
    takes "a library that hangs" "own tiles|hung in a trial" env OPENBLAS_CORETYPE=newest ./cai
    library Oldest Newest 0 '_exit(0)'
    takes "a library that ends the program" \
        "own tiles|failed in a trial" env OPENBLAS_CORETYPE=newest ./cai
    rm "$T/lib/libopenblas.so.0" && echo "no library" >"$T/lib/libopenblas.so.0" \
        && cp "$T/lib/libopenblas.so.0" "$T/lib/libopenblas.so"
    takes "a file that is no library" " worker" env OPENBLAS_CORETYPE=newest ./cai
fi

# ------------------------------------------------------------------------------------
# starts

rm -rf "$T/lib" && mkdir "$T/lib" "$T/bin"
printf '#!/bin/sh\necho "another program of this name"\n' >"$T/bin/cai" && chmod +x "$T/bin/cai"
takes "started under a name that another program has" \
    " worker" env PATH="$T/bin:$PATH" bash -c 'exec -a cai ./cai "$@"' x
takes "started without a second start" " worker" env CAI_STARTED=1 ./cai
takes "a setting of the user's own for the C library" \
    " worker" env GLIBC_TUNABLES=glibc.malloc.check=0 ./cai

takes "a small stack that may be raised" " worker" bash -c 'ulimit -S -s 64 && exec ./cai "$@"' x
LD_LIBRARY_PATH="$T/lib" bash -c 'ulimit -s 64 && exec ./cai data --preset smoke --out "$1"' x \
    "$T/small" >"$T/said" 2>&1
if [ $? = 3 ] && grep -q '^cai: the stack may have less than 128 KB only; ' "$T/said"; then
    ok "a small stack is told"
else
    bad "a small stack is told" "$(head -n 1 "$T/said")"
fi

# One process a user: root has no such limit, so it becomes another user.
chmod 755 "$T" && mkdir "$T/open" && chmod 777 "$T/open" && cp cai "$T/open/cai" \
    && mkdir "$T/open/data" && cp data/*.txt "$T/open/data"
one_process() {
    (cd "$T/open" && ulimit -u 1 \
        && LD_LIBRARY_PATH="$T/lib" "$@" ./cai data --preset smoke --out run)
}
if [ "$(id -u)" != 0 ]; then one_process env >"$T/said" 2>&1; status=$?
elif command -v setpriv >/dev/null; then
one_process setpriv --reuid 65534 --regid 65534 --clear-groups >"$T/said" 2>&1
status=$?
else status=; skip "no setpriv (no other process or thread allowed)"; fi
if [ "$status" = 0 ]; then
    ok "no other process or thread allowed"
elif [ -n "$status" ]; then
    bad "no other process or thread allowed" "status $status: $(head -n 3 "$T/said")"
fi

closes
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
