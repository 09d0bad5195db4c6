#!/usr/bin/env bash
# tests/trace.sh -- `cai trace`: every number that a formula gives stands beside a command of build/verify, and the
# command gives that number; the page in HTML has the same numbers; what equal answers and a label of 0.50 lead to;
# --steps; the request that it chooses. On a smoke run, on one with a few thousand documents, and on the folder in RUN
# if that is set. SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C OPENBLAS_NUM_THREADS=1 B=${B:-build}
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
passed=0 failed=0
ok()  { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1${2:+: $2}"; }
have() { command -v "$1" >/dev/null || { echo "skipped: no $1 ($2)"; false; }; }
is()  { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got '$2', wanted '$3'"; fi; }
REQUEST="How do I nab the baker's kite?"

./cai run --preset smoke --quiet 1 --out "$T/smoke" >/dev/null 2>&1 || bad "a smoke run"
./cai run --quiet 1 --out "$T/small" --corpus 2500 --redteam 64 --helpful 64 --prefs 256 --ai-prefs 128 --eval 32 \
    --judgements 8 --helpful-iters 2 --rl-iters 3 --ppo-batch 64 >/dev/null 2>&1 || bad "a small run"

# numbers FILE: of a trace, a line each "NUMBER<tab>COMMAND"
numbers() { sed -nE 's/^.* (-?[0-9]+\.[0-9]+) +# build\/verify (.*)$/\1\t\2/p' "$1"; }
# of the page in HTML
html_numbers() {
    sed 's/<td/\n<td/g; s/<dd/\n<dd/g' "$1" | sed -nE \
        's/^<td title="build\/verify ([^"]*)">(-?[0-9.]+)<.*/\2\t\1/p; s/^<dd class="x">(-?[0-9.]+) <code>build\/verify ([^<]*)<.*/\1\t\2/p'
}
# recomputed: of such lines those that the command does not give, to half a unit of the fourth decimal and what the
# seven digits of its numbers leave open
recomputed() {
    local number command value
    while IFS=$'\t' read -r number command; do
        # shellcheck disable=SC2086
        value=$($B/verify $command 2>&1 | sed -n 's/^ *value //p')
        awk -v a="$number" -v b="$value" 'BEGIN { d = a - b; d = d < 0 ? -d : d; s = a < 0 ? -a : a
            exit !(b == "" || d > 0.00005001 + 2e-7 * s) }' && echo "$number, ${value:-nothing}: build/verify ${command:0:60}"
    done
}
for run in "$T/smoke" "$T/small" $RUN; do
    name=$(basename "$run")
    ./cai trace "$REQUEST" --out "$run" >"$T/trace" 2>"$T/error"
    is "$name: ends well" "$? $(cat "$T/error")" "0 "
    numbers "$T/trace" >"$T/numbers"
    is "$name: each command gives its number" "$(recomputed <"$T/numbers" | head -3)" ""
    is "$name: numbers of every tag" "$(cut -f2 "$T/numbers" | cut -d' ' -f1 | sort -uV | xargs)" "E1 E2 E3 E4 E5 E6 E13"
    ./cai trace "$REQUEST" --out "$run" --html "$T/$name.html" >"$T/said" 2>"$T/error"
    is "$name: --html says where" "$? $(cat "$T/error") $(cat "$T/said")" "0  $T/$name.html: written"
    html_numbers "$T/$name.html" >"$T/html"
    is "$name: each command of the page gives its number" "$(recomputed <"$T/html" | head -3)" ""
    is "$name: what the terminal shows stands in the page" "$(sort -u "$T/numbers" | comm -23 - <(sort -u "$T/html") | head -1 | cut -c1-80)" ""
    is "$name: the page has more, the other rows" "$(($(grep -c . "$T/html") > 2 * $(grep -c . "$T/numbers")))" 1
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
