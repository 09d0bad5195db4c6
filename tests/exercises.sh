#!/usr/bin/env bash
# tests/exercises.sh -- the grader is graded: blanks all red, the program's own functions all green,
# every known mistake red with its own hint; answers that crash, hang, print or do not compile are
# one red line each.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1 B=${B:-build}
G=exercises/grade
n=$($G list | grep -c .) TABLE=exercises/table.txt

# ---- the table
is "fifteen exercises or more, five of them silent bugs" \
    "$((n - 5 >= 15)) $(grep -c '^symptom' $TABLE)" "1 5"
is "forty known mistakes or more" "$(($($G mistakes | grep -c .) >= 40))" 1
is "no exercise and no mistake twice" "$({ $G list; $G mistakes; } | sort | uniq -d)" ""
while IFS='	' read -r e has; do
    is "$e has level, minutes, both questions and a case" "$has" "1 1 1 1 1"
done < <(awk -F'\t' '
    function tell() {
      if (e != "") print e "\t" n["level"] + 0, n["minutes"] + 0, n["predict"] + 0,
      n["break"] + 0, cases[e] + 0; split("", n) }
    FILENAME ~ /cases/ { if (split($0, w, "\"") > 2 && $0 ~ /\{ "[a-z0-9-]*", case_/) cases[w[2]]++;
        next }
    $1 == "exercise" { tell(); e = $2 }
    $1 == "level" && $2 ~ /^[123]$/ || $1 == "minutes" && $2 ~ /^[0-9]+$/ ||
    $1 == "predict" && /[?]/ || $1 == "break" { n[$1] = 1 }
    END { tell() }' exercises/cases.c $TABLE)
while read -r m there; do [ "$there" = 1 ] && ok "origin $m" || bad "origin $m" "not in tests/mutants.txt"; done < <(awk -F'\t' '
    FILENAME ~ /mutants/ { if ($1 == "mutant") there[$2] = 1; next }
    $1 == "origin" && !seen[$2]++ { print $2, there[$2] + 0 }' tests/mutants.txt $TABLE)
$G table >"$T/table"
sed -n '/^| exercise/,/^$/p' exercises/README.md | sed '/^$/d' >"$T/shown"
cmp -s "$T/table" "$T/shown" && ok "exercises/README.md shows the table" \
    || bad "exercises/README.md shows the table" "put in what exercises/grade table prints"

for e in $(awk -F'\t' '$1 == "exercise" { e = $2 } $1 == "symptom" { print e }' $TABLE); do
    is "$e: curves of a run without the bug and of one with it" \
        "$(sed -n 's/^[a-z]*\/[a-z_/]*, \([a-z]*\): .*/\1/p' exercises/plots/$e.txt \
            | sort -u | xargs)" "bug good"
done

# ---- blanks and solutions
$G write "$T/blank" >/dev/null
$G --answers "$T/blank" >"$T/out"
is "blanks: all red" "$? $(tail -1 "$T/out") $(grep -c ': not done yet$' "$T/out")" \
    "1 0 passed, $n failed $((n - 5))"
is "silent bugs: what was handed out is not named" \
    "$(grep -c ': the mistake that was handed out is still there$' "$T/out")" 5
is "blanks: the questions are in them" \
    "$(grep -l 'Predict first:' "$T"/blank/*.c \
        | grep -c .) $(grep -l 'Then break it:' "$T"/blank/*.c | grep -c .)" "$n $n"
echo mine >"$T/blank/gae.c"
$G write "$T/blank" >/dev/null
is "silent bugs: the curves are named" "$(grep -l "exercises/plots/" "$T"/blank/*.c | grep -c .)" 5
is "an answer is not overwritten" "$(cat "$T/blank/gae.c")" mine
$G solve "$T/own"
$G --answers "$T/own" >"$T/out"
is "the program's own functions: all green" "$? $(tail -1 "$T/out")" "0 $n passed, 0 failed"

# ---- every known mistake: its numbers are told its own hint; the first of every exercise is also handed in as an answer
$G hints >"$T/hints"
$G mistakes >"$T/mistakes"
awk '!seen[$1]++' "$T/mistakes" >"$T/firsts"
while read -r e m; do $G mistake "$T/wrong" $e $m; done <"$T/firsts"
$G --answers "$T/wrong" >"$T/out"
while read -r kind e m said; do
    if [ "$kind" = bug ]; then want="the mistake that was handed out"; else want="[$m] "; fi
    case $said in "not ok - $e: $want"?* | "not ok - $e: $m: $want"?*) ok "$e: $m has its hint" ;; *) bad "$e: $m" "$said" ;; esac
done < <(awk -F'\t' '
    FILENAME ~ /table/ { if ($1 == "exercise") e = $2; if ($1 == "bug") bug[e, $2] = 1; next }
    { split($0, w, " ") }
    FILENAME ~ /hints|out/ { k = substr($0, index($0, " - ") + 3); split(k, p, ": ");
      said[FILENAME, p[1], FILENAME ~ /hints/ ? p[2] : ""] = $0; next }
    FILENAME ~ /firsts/ { print ((w[1], w[2]) in bug) ? "bug" : "-", $0, said[OUT, w[1], ""]; next }
    { print ((w[1], w[2]) in bug) ? "bug" : "-", $0, said[HINTS, w[1],
      w[2]] }' OUT="$T/out" HINTS="$T/hints" $TABLE "$T/hints" "$T/out" "$T/firsts" "$T/mistakes")

# ---- answers that are no answers
answer() {
    sed '/todo();/,$d' "$T/blank/elo-win.c" >"$T/odd/elo-win.c"
    echo "$1" >>"$T/odd/elo-win.c"
}
said() { $G --answers "$T/odd" elo-win | head -1; }
mkdir "$T/odd"
is "no file" "$(said)" "not ok - elo-win: no $T/odd/elo-win.c; make exercises"
answer 'int *p = 0; return *p; }'
case $(said) in "not ok - elo-win: ended with status "*) ok "a crash" ;; *) bad "a crash" "$(said)" ;; esac
answer 'for (volatile int i = 0;; i++); }'
is "no end" "$(said)" "not ok - elo-win: did not end within ten seconds"
answer 'return x; }'
case $(said) in *"does not compile: "*elo-win.c:[0-9]*error*) ok "a mistake in C is shown with its line" ;; *) bad "a mistake in C" "$(said)" ;; esac
answer 'printf("W 1"); return 1 / (1 + pow(10, (R_j - R_i) / 400)); }'
sed -i.old '1i #include <stdio.h>' "$T/odd/elo-win.c"
is "another way of writing it passes, and may print" "$(said)" "ok - elo-win"
answer 'return 0.5; }'
case $(said) in "not ok - elo-win: W (1 of 4): got 0.5, wanted 0.640065") ok "an unknown mistake shows a number" ;; *) bad "an unknown mistake" "$(said)" ;; esac
# two mistakes: e for 10, and one of its own
answer 'return R_i > 2000 ? 0.5 : 1 / (1 + exp((R_j - R_i) / 400)); }'
case $(said) in "not ok - elo-win: W (1 of 4): got 0.5621765, wanted 0.640065; perhaps [base-e] "?*) ok "one of two mistakes is named" ;; *) bad "one of two mistakes is named" "$(said)" ;; esac
answer 'return 1 / (1 + pow(10, (R_j - R_i) / 400.000001)); }'
case $(said) in "not ok - elo-win: W (2 of 4): got 0.24025307"*", wanted 0.24025307"*) ok "a small difference shows its digits" ;; *) bad "a small difference shows its digits" "$(said)" ;; esac
answer 'return NAN; }'
case $(said) in "not ok - elo-win: W (1 of 4): got "*nan*) ok "NaN is red" ;; *) bad "NaN is red" "$(said)" ;; esac
$G solve "$T/long" && sed -i.old 's/.n\(", principle, a, b\)/\1/' "$T/long/judge-prompt.c"
$G --answers "$T/long" judge-prompt >"$T/out"
is "a long text is shown where it parts" \
    "$(($(head -1 "$T/out" | wc -c) < 220)) $(head -1 "$T/out" \
        | grep -c 'wanted .*n.nThe_answer_is:')" "1 1"
$G nothing >"$T/out" 2>&1
is "an unknown exercise" "$? $(grep -c . "$T/out")" "2 1"
if have python3 "the form of --json"; then
    is "--json is what Gradescope reads" "$($G --json --answers "$T/odd" elo-win | python3 -c '
import json, sys
t = json.load(sys.stdin)["tests"][0]
print(t["name"], t["score"], t["max_score"], t["output"][:2])')" "elo-win 0 1 W "
fi

closes
