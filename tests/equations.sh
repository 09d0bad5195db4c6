#!/usr/bin/env bash
# tests/equations.sh -- the verifier as a reader meets it: every check passes, docs/equations.md shows what it prints,
# tags resolve both ways, bad arguments end in one line and status 2.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
passed=0 failed=0
ok()  { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1${2:+: $2}"; }
have() { command -v "$1" >/dev/null || { echo "skipped: no $1 ($2)"; false; }; }      # TOOL WHAT-IS-LEFT-OUT: for tests/run
is()  { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got '$2', wanted '$3'"; fi; }
V=${B:-build}/verify DOC=docs/equations.md
TAGS="E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11 E12 E13 E14"

$V >"$T/table"
is "every check passes" "$? $(tail -1 "$T/table" | sed 's/^[0-9]* checks, //')" "0 0 failed"
is "no row says FAIL" "$(grep -c 'FAIL$' "$T/table")" 0
$V --list | sort >"$T/names"
is "check names are used once" "$(uniq -d "$T/names")" ""
awk 'NF > 3 && $2 ~ /\// {print $1, $2}' "$T/table" >"$T/rows"

# section TAG: its text in the docs
section() { sed -n "/^## $1  /,/^## /p" $DOC | sed '1b; /^## /d'; }
for tag in $TAGS; do
    $V $tag | sed '/^tag    function/,$d' >"$T/printed"
    section $tag | sed -n '/^```$/,/^```$/p' | grep -v '^```$' >"$T/shown"
    is "$tag: the docs show what build/verify prints" "$(cat "$T/shown")" "$(cat "$T/printed")"
    section $tag | sed -n 's/^\* Checks: //p' | tr -d '`,' | tr ' ' '\n' | sort >"$T/listed"
    is "$tag: the docs list its checks" "$(tr '\n' ' ' <"$T/listed")" "$(sed -n "s/^$tag //p" "$T/rows" | sort | tr '\n' ' ')"
    for f in $(section $tag | sed -n 's/^\* Functions[^:]*: //p' | grep -o '`[a-z][A-Za-z0-9_]*`' | tr -d '`'); do
        grep -q "^[a-z].* \**$f(" equations.c && grep -q "$f/\|$f(" tests/verify_*.c && ok "$tag: $f stands in equations.c and in a check" \
            || bad "$tag: $f" "not in equations.c, or in no check"
    done
done

# tags of the sources and of the docs, both ways
sources="*.c *.h data/*.c tests/verify*.c"
is "E tags of the sources stand in the docs" "$(grep -owhE 'E[0-9]+' $sources | sort -u | grep -vxE 'E(1[0-4]|[1-9])')" ""
is "E tags of the docs stand in equations.c" "$(for t in $TAGS; do grep -qE "^/\* $t  |\* $t  |^/\* $t|// .*$t" equations.c || echo $t; done)" ""
is "the docs have a section a tag" "$(grep -oE '^## E[0-9]+' $DOC | cut -c4- | tr '\n' ' ')" "$TAGS "
d_docs=$(grep -oE '^\| D[0-9]+' docs/departures.md | cut -c3- | sort -V | tr '\n' ' ')
d_sources=$(grep -owhE 'D[0-9]{1,2}' *.c *.h data/*.c | sort -uV | tr '\n' ' ')
is "D tags: the sources' are the docs'" "$d_sources" "$d_docs"
for f in $(sed -nE 's/^(double|void) ([a-z][A-Za-z0-9_]*)\(.*/\2/p' equations.c); do
    case $f in sigmoid | softplus | clamp | wilson) continue ;; esac        # arithmetic, and an interval of statistics
    grep -q "\`$f\`" $DOC && ok "$f stands in the docs" || bad "$f stands in the docs"
done

# the reader's own numbers
is "own numbers" "$($V E1 r_A=0 r_B=0 p=0.5 | sed -n 's/ *value //p')" "0.693147181"
is "only the examples that take the argument" "$($V E4 lr=0.1 | grep -c '^E4')" 4

# refuses TEXT ARGUMENTS: one line with TEXT, status 2, nothing on standard output
refuses() {
    local text=$1 status
    shift
    $V "$@" >"$T/out" 2>"$T/err"
    status=$?
    is "refused: $*" "$status $(wc -l <"$T/err" | tr -d ' ') $(wc -c <"$T/out" | tr -d ' ') $(grep -cF "$text" "$T/err")" "2 1 0 1"
}
refuses "E15: no such equation" E15
refuses "e1: no such equation" e1
refuses "x=1: E1 has no such argument" E1 x=1
refuses "not of the form name=number" E1 r_A
refuses "p=1.2: not a number from 0 to 1" E1 p=1.2
refuses "p=-0.1: not a number" E1 p=-0.1
refuses "p=: not a number" E1 p=
refuses "p=half: not a number" E1 p=half
refuses "p=nan: not a number" E1 p=nan
refuses "r_A=inf: not a number" E1 r_A=inf
refuses "beta=0: not a number" E12 beta=0
refuses "beta=0: not a number" E11 beta=0
refuses "p_1=2: not a number" E14 p_1=2

# the second implementation, in Python: it agrees, and it sees a number that is off by a millionth
if have python3 "tests/oracle.py"; then
    $V --dump "$T/cases"
    python3 tests/oracle.py "$T/cases/cases.json" >"$T/oracle"
    is "tests/oracle.py agrees" "$? $(grep -c FAIL "$T/oracle")" "0 0"
    python3 - "$T" <<'PYTHON'
import json, sys
d = json.load(open(sys.argv[1] + "/cases/cases.json"))
d["ppo"]["gradient"]["wk"][3] += 1e-6
json.dump(d, open(sys.argv[1] + "/off.json", "w"))
PYTHON
    is "tests/oracle.py sees a millionth" "$(python3 tests/oracle.py "$T/off.json" | sed -n 's/^oracle \([^ ]*\) .*FAIL$/\1/p')" "ppo/gradient/wk"
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
