#!/usr/bin/env bash
# tests/web.sh -- the page of docs/web.md in a real browser (tests/web.mjs), with the finished run
# RUN (out; if there is none, one is made: a minute). What the page computes is compared with the
# native program, made to add in the same order: byte for byte.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
RUN=${RUN:-out} B=${B:-build}
needs="the page in a browser"
have node "$needs" && have npm "$needs" && have clang "$needs" \
    && have wasm-ld "$needs" && have chromium "$needs" || {
    closes
    exit
}
echo '#include <stdio.h>
int main(void) { return puts("") < 0; }' >"$T/a.c"
clang --target=wasm32-wasi -o "$T/a.wasm" "$T/a.c" 2>/dev/null || {
    skip "no wasi-libc or clang's builtins for wasm32 ($needs)"
    closes
    exit
}
if [ ! -f "$RUN/summary.txt" ]; then
    RUN=$T/run
    ./cai run --out "$RUN" --quiet 1 >/dev/null 2>&1 || exit 1
fi
make -s web RUN="$RUN" >"$T/log" 2>&1 || {
    if [ ! -f $B/wasm/cai.wasm ] || [ -d $B/web-tools/node_modules/puppeteer-core ]; then
        bad "make web" "$(tail -1 "$T/log")"
    else
        skip "no network for npm ($needs)"
    fi
    closes
    exit
}
make -s $B/wasm/web_threads-threads.wasm >"$T/log" 2>&1 \
    || bad "tests/web_threads.c" "$(tail -1 "$T/log")"
make -s B=$B/in-order CC=clang ARCH= BLAS=none \
    EXTRA="-fno-openmp-simd -ffp-contract=off -Wno-unknown-pragmas" $B/in-order/cai \
    >"$T/log" 2>&1 || {
        bad "the native program, adding in order" "$(tail -1 "$T/log")"
        closes
        exit
    }
while read -r line; do
    case $line in
    "ok - "*) ok "${line#ok - }" ;;
    "not ok - "*) bad "${line#not ok - }" ;;
    *) echo "$line" ;;
    esac
done < <(node tests/web.mjs $B/web $B/in-order/cai $B/web-tools/node_modules "$(command -v chromium)" "$RUN" "$T" 2>&1 || echo "not ok - tests/web.mjs ended early")
closes
