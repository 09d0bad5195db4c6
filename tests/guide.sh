#!/usr/bin/env bash
# tests/guide.sh -- what the guide, the exercises' page and the lecturer's page show is what the
# program does: every command of a "console" block runs, and its output is compared line by line,
# numbers to a relative 1e-5; "..." stands for any lines. `out` is a smoke run, made here; what
# hangs on a trained model is compared as a claim on README.md's table. Then the forms: heads,
# minutes, questions, names of functions, quoted lines.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1 B=${B:-build}
PAGES="docs/guide/0*.md" DOCS="docs/guide/*.md docs/lecturer.md exercises/README.md"

./cai run --preset smoke --seed 7 --quiet 1 --out "$T/out" >/dev/null 2>&1 || bad "a smoke run"

# matches SHOWN PRINTED: shown lines in the order of the printed ones; "..." skips lines, numbers
# are compared by size
matches() {
    awk -v printed="$2" '
        function number(s) { return s ~ /^[-+]?[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?[,%]?$/ }
        function alike(a, b,   x, y, n, i, d, s) {
            n = split(a, x, /[ =]+/)
            if (split(b, y, /[ =]+/) != n) return 0
            for (i = 1; i <= n; i++) {
                if (x[i] == y[i]) continue
                if (!number(x[i]) || !number(y[i])) return 0
                d = x[i] - y[i]; if (d < 0) d = -d
                s = x[i] + 0; if (s < 0) s = -s
                if (d > 1e-5 * s + 1e-9) return 0
            }
            return 1
        }
        BEGIN { while ((getline line <printed) > 0) out[++n] = line; at = 1 }
        { sub(/[ \t]+$/, "") }
        $0 == "..." { skip = 1; next }
        {
            while (skip && at <= n && !alike($0, trimmed(out[at]))) at++
            if (at > n || !alike($0, trimmed(out[at]))) {
              print "shown \"" $0 "\", printed \"" (at > n ? "nothing more" : out[at]) "\"";
              wrong = 1; exit }
            at++; skip = 0
        }
        function trimmed(s) { sub(/[ \t]+$/, "", s); return s }
        END { if (!wrong && !skip && at <= n) print "printed also \"" out[at] "\"" }' "$1"
}
# run COMMAND: as the reader types it, with the smoke run for out
run() {
    local command
    command=$(sed -E "s#(^| |=)out((-[a-z]+)?)(/| |\$)#\1$T/out\2\4#g; s#(^| |=)out((-[a-z]+)?)(/| |\$)#\1$T/out\2\4#g
        s#build/verify#$B/verify#g; s#^\./cai run#./cai run --preset smoke --quiet 1#" <<<"$1")
    bash -o pipefail -c "$command" >"$T/printed" 2>"$T/error" </dev/null
}
check() {       # the command and what is shown after it
    [ -n "$command" ] || return
    run "$command"
    local status=$?
    if [ $status != 0 ]; then bad "$page: $command" "status $status: $(tail -1 "$T/error")"
    else
        why=$(matches "$T/shown" "$T/printed")
        if [ -z "$why" ]; then ok "$page: $command"; else bad "$page: $command" "$why"; fi
    fi
    command=
}
n_commands=0
for page in $DOCS; do
    inside= command=
    while IFS= read -r line; do
        if [ -z "$inside" ]; then [ "$line" = '```console' ] && inside=1; continue; fi
        case $line in
        '```') check; inside= ;;
        '$ '*) check; command=${line#??}; : >"$T/shown"; n_commands=$((n_commands + 1)) ;;
        *) printf '%s\n' "$line" >>"$T/shown" ;;
        esac
    done <$page
done
is "commands were found" "$((n_commands > 25))" 1

# the experiments change what they say
differs() { cmp -s "$T/out/$1" "$T/$2/$1" && bad "$2 has another $1" || ok "$2 has another $1"; }
equal() { cmp -s "$T/out/$1" "$T/$2/$1" && ok "$2 has the same $1" || bad "$2 has the same $1"; }
differs feedback.jsonl out-swapped; differs pm.bin out-swapped; equal sl_cai.bin out-swapped
differs feedback.jsonl out-inverted; equal revisions.jsonl out-inverted
differs revisions.jsonl out-theft; equal helpful.bin out-theft
differs feedback.jsonl out-random; differs rl_cai.bin out-free; equal pm.bin out-free
is "swapped: chosen is what was rejected" \
    "$(head -n 1 "$T/out/feedback.jsonl" | sed 's/.*"rejected": "\([^"]*\)".*/\1/')" \
    "$(head -n 1 "$T/out-swapped/feedback.jsonl" | sed 's/.*"chosen": "\([^"]*\)".*/\1/')"
# a branch that changes nothing ends as the run; one flag changes that flag alone, and the same
# command goes on
exercises/branch "$T/out" rl "$T/same" \
    && ./cai run --quiet 1 --out "$T/same" --from rl >/dev/null 2>&1
is "a branch has the run's flags and ends with its bytes" \
    "$? $(cmp "$T/out/flags.txt" "$T/same/flags.txt" 2>&1)$(cmp "$T/out/rl_cai.bin" "$T/same/rl_cai.bin" 2>&1)" "0 "
exercises/branch "$T/out" rl "$T/one" \
    && ./cai run --quiet 1 --out "$T/one" --from rl --lambda-kl 0 >/dev/null 2>&1
is "one flag of a branch is changed" \
    "$? $(diff "$T/out/flags.txt" "$T/one/flags.txt" | grep '^[<>]' | xargs)" \
        "0 < lambda-kl 0.07 > lambda-kl 0"
./cai run --quiet 1 --out "$T/one" --from rl --lambda-kl 0 >/dev/null 2>&1
is "the same command goes on in a branch" "$?" 0
for arguments in "" "$T/out pm" "$T/nothing pm $T/x" "$T/out data $T/x" \
    "$T/out eval $T/x" "$T/out pm $T/out-free"; do
    exercises/branch $arguments >"$T/printed" 2>&1
    is "branch ${arguments//$T\//}: one line, status 2" "$? $(grep -c . "$T/printed")" "2 1"
done

# ---- the comparison itself can fail
printf 'value 1.5\n' >"$T/printed"
for shown in "value 1.6" "value" "value 1.5 x" "other 1.5"; do
    echo "$shown" >"$T/shown"
    [ -n "$(matches "$T/shown" "$T/printed")" ] && ok "not taken for 'value 1.5': $shown" \
        || bad "taken for 'value 1.5': $shown"
done
echo "value 1.500001" >"$T/shown"
is "a number to five digits is the same" "$(matches "$T/shown" "$T/printed")" ""
: >"$T/shown"
[ -n "$(matches "$T/shown" "$T/printed")" ] && ok "printed but not shown is seen" \
    || bad "printed but not shown is seen"

# ---- the forms
names="01-context 02-the-problem 03-the-idea 04-the-math 05-worked-example 06-the-code 07-limitations 08-impact 09-summary"
is "the pages" "$(ls $PAGES | xargs -n 1 basename | sed 's/\.md//' | xargs)" "$names"
head_of() { sed -n 's/^Level \([123]\) of 3, \([0-9]*\) minutes\..*/\1 \2/p' docs/guide/$1.md; }
minutes=0
for p in $names; do
    is "$p: head, two questions, a thing to try" "$(head_of $p | grep -c .) $(sed -n '/^## Questions/,/^## Try/p' docs/guide/$p.md | grep -c '^[0-9]\. ') $(
        sed -n '/^## Try/,$p' docs/guide/$p.md | grep -c '^\$ ' | sed 's/[1-9]/some/')" "1 2 some"
    is "$p: level and minutes of the contents" \
        "$(sed -n "s/^| \[$p\].* | \([0-9]\) | \([0-9]*\) |$/\1 \2/p" docs/guide/README.md)" \
            "$(head_of $p)"
    minutes=$((minutes + $(head_of $p | cut -d' ' -f2)))
done
is "47 minutes" $minutes 47
is "01 to 03 have no formula" \
    "$(sed '/^```/,/^```/d' docs/guide/0[123]*.md \
        | grep -nE '[=+]|\bE[0-9]|log |[a-z]_[a-z]|pi\(' | head -1)" ""
is "no line breaks a word of the paths: links lead somewhere" "$(for f in $DOCS; do
    grep -oE '\]\([^)#:]+' $f | cut -c3- | while read -r l; do [ -e "$(dirname $f)/$l" ] || echo "$f: $l"; done; done)" ""

# 04: each row's number, tag and function
sed -n 's/^| .* | \(E[0-9]*\) | `\([a-z_A-Z]*\)` | `build\/verify \(.*\)` | \([-0-9.]*\) |$/\1 \2 \4 \3/p' docs/guide/04-the-math.md >"$T/rows"
is "04 has ten rows" "$(grep -c . "$T/rows")" 10
while read -r tag f value arguments; do
    is "04: $f" "${arguments%% *} $($B/verify $arguments \
        | awk -v f="$f" '/^E/ { on = $2 == f } on && $1 == "value" { print $2 }')" "$tag $value"
    grep -q "^double $f(\|^void $f(" equations.c && ok "04: $f stands in equations.c" \
        || bad "04: $f stands in equations.c"
done <"$T/rows"

# 06: functions and quoted lines are those of cai.c
for f in $(grep -o '`[a-z_]*`' docs/guide/06-the-code.md | tr -d '`' | sort -u); do
    case $f in base | step) continue ;; esac
    grep -qE "^[A-Za-z].*[ *]$f\(" cai.c && ok "06: $f is a function of cai.c" \
        || bad "06: $f is a function of cai.c"
done
sed -n '/^```c$/,/^```$/p' docs/guide/06-the-code.md | grep -v '^```' >"$T/quoted"
is "06 quotes lines" "$(($(grep -c . "$T/quoted") >= 9))" 1
while IFS= read -r line; do
    grep -qxF -- "$line" cai.c && ok "06: $line" \
        || bad "06 quotes a line that cai.c has not" "$line"
done <"$T/quoted"

# the lab sheet: 45 minutes, none of its exercises shorter than the table of exercises says; the
# plan: 90, no gap
sed -n '/^## Lab sheet/,/^Who/s/^[0-9]\. (\([0-9]*\)) \(.*\)/\1 \2/p' docs/lecturer.md >"$T/lab"
is "the lab sheet takes 45 minutes" "$(awk '{ n += $1 } END { print n }' "$T/lab")" 45
is "no exercise of the lab sheet has less time than it needs" "$(awk '
    FILENAME ~ /README/ { if (split($0, c, " *[|] *") > 4 && c[4] ~ /^[0-9]+$/) need[c[2]] = c[4];
      next }
    { n = 0; s = "";
      for (e in need) if (index(" " $0 " ", " " e " ") || index($0, " " e ".") ||
      index($0, " " e ":")) { n += need[e]; s = s " " e }
      if (n > $1) print s " need " n " minutes, have " $1; found += n }
    END { if (!found) print "no exercise found" }' exercises/README.md "$T/lab")" ""
is "the plan has 90 minutes and no gap" \
    "$(sed -n 's/^| \([0-9]*\)-\([0-9]*\) | .*/\1 \2/p' docs/lecturer.md \
        | awk '$1 != at { print "gap at " $1 } { at = $2 } END { print at }')" 90
# each experiment and every other command shown has its seconds
is "commands of the lecturer's page have their seconds" "$(sed -n '/^```console/,/^```/p' docs/lecturer.md | sed -n 's/^\$ .*\(--from [a-z]*\).*/\1/p; s/^\$ \.\/cai \(trace\|plot\) .*/cai \1/p
    s/^\$ \(exercises\/branch\|build\/verify\) .*/\1/p' | sort -u | while read -r c; do
    sed -n '/^### Seconds/,/^Pictures/p' docs/lecturer.md | grep -q -- "^|.*\`$c\`.* |" || echo "$c"; done)" ""

# ---- claims of 09 and 07 on trained models: README.md's table, three seeds each
column() {
    sed -n "s/^| $1 | //p" README.md | awk -F' [|] ' -v c="$2" '{ print $c }' \
        | tr -d '|' | tr '/' ' '
}
if [ -n "$(column RL-CAI 1)" ]; then
    paste -d' ' <(column helpful-only 1 | xargs -n 1) <(column SL-CAI 1 | xargs -n 1) \
        <(column RL-CAI 1 | xargs -n 1) >"$T/harmful"
    is "harmful falls from helpful-only over SL-CAI to RL-CAI, seed by seed" \
        "$(awk '$1 > $2 && $2 > $3' "$T/harmful" | grep -c .)" 3
    is "RL-CAI stays helpful: 95 % or more" \
        "$(column RL-CAI 3 | xargs -n 1 | awk '$1 >= 95' | grep -c .)" 3
    is "harmful drafts fall at every revision" "$(sed -n 's/^| harmful drafts of training prompts after[^|]*|[^|]*| \(.*\) | pass |/\1/p' docs/results.md \
        | tr '|' '\n' | awk 'NF == 5 && $1 > $2 && $2 > $3 && $3 > $4 && $4 > $5' | grep -c .)" 3
else
    bad "README.md's table is read"
fi

closes
