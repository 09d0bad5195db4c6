#!/usr/bin/env bash
# tests/tables.sh -- the evaluation's tables, counted again. A smoke run is made up to the stage rl;
# then its models, drafts, judges and preference model say what a script says (tests/spy.c), the
# stage eval rates and counts that, and tests/tables.py, which wrote the script, holds the tables
# against it. A second time with the sides of every second human comparison exchanged and with
# requests that the town does not know, which must change nothing.
# B (environment): the folder of build/spy. SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
spy=${B:-build}/spy
[ -x "$spy" ] || { echo "no $spy: make $spy"; exit 1; }
command -v python3 >/dev/null || {
    printf '%s\n' '0 passed, 0 failed, 1 skipped' 'skipped: no python3 (the tables, counted again)'
    exit 0
}

mkdir "$T/plain" "$T/exchanged"
"$spy" run --preset smoke --redteam 96 --eval 96 --judgements 300 \
    --reserved 1 --to rl --out "$T/plain/run" --quiet 1 >/dev/null || exit 1
# its files are the person's own from here on
rm -r "$T/plain/run/files.txt" "$T/plain/run/metrics.tsv"
cp -r "$T/plain/run" "$T/exchanged/"
evaluate() {
    python3 tests/tables.py script "$T/$1" || exit 1
    CAI_SPY_SCRIPT=$T/$1/script.jsonl CAI_SPY_RUN=$T/$1/run "$spy" eval \
        --out "$T/$1/run" --quiet 1 >"$T/$1/stdout" || exit 1
    sed -i.old '/^Seconds:/d' "$T/$1/stdout" && sed -i.old '$d' "$T/$1/stdout"
}
evaluate plain
evaluate exchanged
python3 tests/tables.py check "$T/plain" >"$T/said"
passed=$(grep -c '^ok' "$T/said") failed=$(grep -c '^not ok' "$T/said")
sed '$d' "$T/said"
is() {
    if [ "$2" = "$3" ]; then
        echo "ok - $1"
        passed=$((passed + 1))
    else
        echo "not ok - $1: got '$2', wanted '$3'"
        failed=$((failed + 1))
    fi
}
differ() {
    diff <(grep "$1" "$T/plain/run/metrics/eval.tsv") \
        <(grep "$1" "$T/exchanged/run/metrics/eval.tsv")
}
is "no figure changes when the sides of comparisons are exchanged" "$(differ '	pm/')" ""
is "no figure counts requests that the town does not know" "$(differ '_cai/\|base/\|helpful/')" ""
is "summary.txt names them" \
    "$(sed -n 's/.*jsonl: \(1 of 97 requests\).*: not counted.$/\1/p' "$T/exchanged/run/summary.txt" | tr '\n' ' ')" "1 of 97 requests 1 of 97 requests "
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 30 ]
