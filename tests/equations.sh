#!/usr/bin/env bash
# tests/equations.sh -- the verifier as a reader meets it: every check passes; docs/equations.md,
# the comments of equations.c and what build/verify prints give the same formulas, sources and
# numbers; tags resolve both ways; a number outside an equation's domain ends in one line, status 2.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1
# same TEXT FILE FILE: two files are equal and not empty
same() {
    [ -s "$2" ] && diff "$2" "$3" >"$T/diff" && ok "$1" || bad "$1" "$(head -6 "$T/diff")"
}
V=${B:-build}/verify DOC=docs/equations.md
TAGS="E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11 E12 E13 E14"
SOURCES=$(find . -path ./build -prune -o -path ./tests -prune -o -name '*.[ch]' -print)
# cai trace calls whatever it shows
CALLERS=$(ls ./*.c engine/*.c data/*.c | grep -v '^./equations.c$')

$V >"$T/table"
is "every check passes" "$? $(tail -1 "$T/table" | sed 's/^[0-9]* checks, //')" "0 0 failed"
is "no row says FAIL" "$(grep -c 'FAIL$' "$T/table")" 0
$V --list | sort >"$T/names"
is "check names are used once" "$(uniq -d "$T/names")" ""
awk 'NF > 3 && $2 ~ /\// {print $1, $2}' "$T/table" >"$T/rows"

# ---- the comments of equations.c: "TAG formula F", and "TAG source FUNCTIONS: S" of a comment.
# A comment is /* TAG  title, formulas indented by five, "Source: S." at its end; its functions are
# those between it and the next comment or heading.
comments() {
    awk '
        function finish() {
            if (tag != "") print tag " source " names ": " (source == "" ? "MISSING" : source)
            tag = names = ""
        }
        /^\/\*/ || /^\/\// { finish() }
        /^\/\* E[0-9]+  / { tag = $2; text = source = ""; inside = 1 }
        inside {
            if ($0 ~ /^ \*     [^ ]/) print tag " formula " substr($0, 8)
            line = $0
            sub(/^(\/\*| \*) */, "", line)
            text = text " " line
            if ($0 ~ /\*\/$/) {
                inside = 0
                if (match(text, /Source: .*/)) source = substr(text, RSTART + 8)
                sub(/\.? *\*\/$/, "", source)
            }
            next
        }
        tag != "" && /^(double|void) / {
            name = $2
            sub(/\(.*/, "", name)
            names = names (names == "" ? "" : ", ") name
        }
        END { finish() }' equations.c
}
# section TAG: its text in the docs; bullet NAME: a bullet of standard input, unwrapped
section() { sed -n "/^## $1  /,/^## /p" $DOC | sed '1b; /^## /d'; }
bullets() {
    awk '
        /^\* / { if (line != "") print line; line = substr($0, 3); next }
        /^  [^ ]/ && line != "" { line = line " " substr($0, 3); next }
        { if (line != "") print line; line = "" }
        END { if (line != "") print line }'
}
bullet() { bullets | sed -n "s/^$1: //p"; }
spaces() { tr -s ' '; }

comments | sort -s -k1,1 >"$T/comments"
for tag in $TAGS; do
    section $tag | sed '/^\* /,$d' | sed -n "s/^    \([^ ].*\)/$tag formula \1/p"
    section $tag | bullets | sed -n "s/^Source of \(.*\)/$tag source \1/p" | tr -d '`'
done | sort -s -k1,1 >"$T/documented"
for what in formula source; do
    for tag in $TAGS; do
        grep "^$tag $what " "$T/comments" >"$T/in_c"
        grep "^$tag $what " "$T/documented" >"$T/in_docs"
        same "$tag: each $what of equations.c stands in the docs, no other" "$T/in_c" "$T/in_docs"
    done
done
is "every comment of an equation ends with its source" "$(grep -c 'MISSING' "$T/comments")" 0
is "all functions with a tag have a source" "$(grep -c ' source [a-z]' "$T/comments")" \
    "$(grep -c '^/\* E[0-9]*  ' equations.c)"

# The verifier prints, of each example, a formula of the function's tag and its comment's source.
$V --examples >"$T/examples"
is "the worked examples agree" "$? $(grep -c 'DISAGREE\|NO NUMBER\|nan\|inf' "$T/examples")" "0 0"
examples_of() { awk -v tag="$1" '/^E/ { on = $1 == tag } on' "$T/examples"; }
is "build/verify TAG shows them too" "$($V E2 | sed '/^tag    function/,$d')" "$(examples_of E2)"
for tag in $TAGS; do
    examples_of $tag >"$T/printed"
    section $tag | sed -n '/^```$/,/^```$/p' | grep -v '^```$' >"$T/shown"
    same "$tag: the docs show what build/verify prints" "$T/shown" "$T/printed"
    sed -n "s/^$tag formula //p" "$T/comments" | spaces >"$T/formulas"
    while IFS= read -r line; do
        name=${line#"$tag  "} name=${name%% = *} formula=${line#* = }
        IFS= read -r source
        [ "$name" = label ] && continue                         # two functions, shown together
        grep -qF -- "$formula" "$T/formulas" && ok "$tag: $name has the formula of equations.c" \
            || bad "$tag: $name" "prints '$formula'"
        is "$tag: $name has the source of equations.c" "${source#    source: }" \
            "$(sed -n "s/^$tag source \(.*, \)*$name\(,[^:]*\)*: //p" "$T/comments")"
    done < <(grep -A1 "^$tag  " "$T/printed" | grep -v '^--$')
    section $tag | bullet Checks | tr -d '`,' | tr ' ' '\n' | sort >"$T/listed"
    sed -n "s/^$tag //p" "$T/rows" | sort >"$T/made"
    same "$tag: the docs list its checks" "$T/listed" "$T/made"
    functions=$(section $tag | bullet Functions | tr -d '`,')
    for f in $functions; do
        grep -q "^[a-z].* \**$f(" equations.c && grep -q "$f/\|$f(" tests/verify_*.c \
            && ok "$tag: $f stands in equations.c and in a check" \
            || bad "$tag: $f" "not in equations.c, or in no check"
    done
    for caller in $(section $tag | bullet "Called by" | grep -o '`[a-z][a-z0-9_]*`' | tr -d '`'); do
        case " $functions " in *" $caller "*) continue ;; esac
        # the caller's body, from its definition at the margin to the closing brace
        awk -v f="$caller" \
            '$0 ~ "^[A-Za-z].*[ *]" f "\\(" { on = 1 } on { print } /^}/ { on = 0 }' \
            $SOURCES >"$T/body"
        grep -qE "\<($(echo $functions | tr ' ' '|'))\(" "$T/body" && ok "$tag: $caller calls it" \
            || bad "$tag: $caller" "calls none of $functions"
    done
    awk -v f="$(echo $functions | tr ' ' '|')" '/^[A-Za-z].*[a-z0-9_]\(/ { caller = $0; sub(/\(.*/, "", caller); sub(/.*[ *]/, "", caller) }
        /^ / && !/^ \*/ && $0 ~ "(^|[^a-z0-9_])(" f ")\\(" { print caller }' $CALLERS | sort -u >"$T/callers"
    section $tag | bullet "Called by" | grep -o '`[a-z][a-z0-9_]*`' | tr -d '`' | sort -u >"$T/said"
    is "$tag: the docs name every caller" "$(comm -23 "$T/callers" "$T/said" | tr '\n' ' ')" ""
done

# the KL table: each row shows where its two checks end
while IFS='|' read -r _ name _ ends level _; do
    name=$(echo $name) ends=$(echo "$ends" | grep -o '(.*)') level=$(echo "$level" | grep -o '(.*)')
    is "KL table: $name" "$(grep -cF "kl/$name  " "$T/table") $ends $level" \
        "1 $(sed -n "s|^E4  *kl/$name  *ends at \((.*)\) .*|\1|p" "$T/table") $(
            sed -n "s|^E4  *kl/${name}_level  *ends at \((.*)\) .*|\1|p" "$T/table")"
done < <(grep -E '^\| [a-z0-9_]+ \| .* \| \(' $DOC)
is "KL table: a row for every check" "$(grep -cE '^\| [a-z0-9_]+ \| .* \| \(' $DOC)" \
    "$(grep -c 'kl/.*_level ' "$T/table")"

# ---- tags of the sources and of the docs, both ways
is "E tags of the sources stand in the docs" \
    "$(grep -owhE 'E[0-9]+' $SOURCES tests/verify*.c | sort -u | grep -vxE 'E(1[0-4]|[1-9])')" ""
is "E tags of the docs stand in equations.c" \
    "$(for t in $TAGS; do grep -q "^/\* $t  " equations.c || echo $t; done)" ""
is "the docs have a section a tag" "$(grep -oE '^## E[0-9]+' $DOC | tr -d '# ' | xargs)" "$TAGS"
d_docs=$(grep -oE '^\| D[0-9]+' docs/departures.md | cut -c3- | sort -V | tr '\n' ' ')
d_sources=$(grep -owhE 'D[0-9]{1,2}' $SOURCES | sort -uV | tr '\n' ' ')
is "D tags: the sources' are the docs'" "$d_sources" "$d_docs"
for f in $(sed -nE 's/^(double|void) ([a-z][A-Za-z0-9_]*)\(.*/\2/p' equations.c); do
    case $f in sigmoid | softplus | clamp) continue ;; esac             # arithmetic
    grep -q "\`$f\`" $DOC && ok "$f stands in the docs" || bad "$f stands in the docs"
done
column() {
    sed -n '/^## Glossary/,$p' $DOC | awk -F' *[|] *' -v c=$1 'NF > 5 { print $(c + 1) }' \
        | grep -o '`[A-Za-z0-9_/ ]*`'
}
column 4 >"$T/c"
for name in $(tr -d '`' <"$T/c"); do
    grep -qw "$name" $SOURCES && ok "glossary: $name is in C" || bad "glossary: $name" "not in C"
done
for f in $(sed -nE 's/^(double|void) ([a-z][A-Za-z0-9_]*)\(.*/\2/p' equations.c); do
    case $f in clamp) continue ;; esac                                      # arithmetic
    grep -qxF "\`$f\`" "$T/c" && ok "$f stands in the glossary" || bad "$f stands in the glossary"
done
# what is printed: in the sources' strings; and every metric that the loop writes is in the glossary
column 5 | tr -d '`' >"$T/p"
while IFS= read -r name; do
    grep -qE "\"[^\"]*$name" $SOURCES && ok "glossary: $name is printed" \
        || bad "glossary: $name" "no string of the sources has it"
done <"$T/p"
for name in $(sed -nE 's/.* metric\([^"]*"([^"]*)".*/\1/p' cai.c engine/*.c | sort -u); do
    grep -qxF "$name" "$T/p" && ok "glossary: the metric $name" \
        || bad "glossary: the metric $name" "has no line"
done
for term in logr p_ab p_ba; do
    is "glossary: $term has one line" \
        "$(sed -n '/^## Glossary/,$p' $DOC | grep -c "| \`$term\` |")" 1
done
is "log-ratios of equations.c are not called lr" "$(grep -cw lr equations.c)" 0

# ---- the reader's own numbers
value() { $V "$@" | sed -n 's/ *value //p' | tr '\n' ' '; }
is "own numbers" "$(value E1 r_A=0 r_B=0 p=0.5)" "0.693147181 0.693147181 "
is "only the examples that take the argument" "$($V E4 logr=0.1 | grep -c '^E4')" 4
# lines of feedback.jsonl: p_ab, p_ba and the label they make, clamped and not
is "a label from feedback.jsonl" "$(value E2 p_ab=0.529378 p_ba=0.506230)" "0.511574 0.511574 "
is "a clamped label from feedback.jsonl" "$(value E2 p_ab=0.999832 p_ba=0.000405)" "0.9997135 0.6 "
is "a label without clamp" "$(value E2 p_ab=0.9 p_ba=0.2 lo=0 hi=1)" "0.85 0.97 0.85 "
is "Elo, ties as halves" "$(value E3 won=70 lost=30)" "147.190714 "
is "no ratio without games" "$(value E3 won=0 lost=0)" "0 "
# the ends of the domains, and corners of the clips, where the slope is that of one side
while read -r arguments; do
    $V $arguments >"$T/out" 2>&1
    is "$arguments: derivatives agree" "$? $(grep -cE 'DISAGREE|NO NUMBER|nan| -0(,|$)' "$T/out")" \
        "0 0"
done <<'END'
E1 r_A=1000 r_B=-1000 p=0
E1 r_A=-1000 r_B=1000 p=1
E2 logp_A=-1000 logp_B=0
E3 R_i=10000 R_j=-10000
E3 won=5 lost=0
E4 logr=19.99 lambda_kl=1000
E4 logr=-19.99 lambda_kl=0
E5 logp=0 logp_old=-19.99 A=1000
E5 logp=-19.99 logp_old=0 A=-1000 eps=1
E5 V=0.75 V_old=0.5 G=1 eps_value=0.25
E5 V=0.75 V_old=0.5 G=0.5 eps_value=0.25
E5 V=1 V_old=0.5 G=0.875 eps_value=0.25
E5 V=2 V_old=1 G=1000 eps_value=1
E5 A=0 logp=0 logp_old=0
E6 gamma=0 lambda=0
E7 n=1 d=0 kl=0
E7 n=1000000 d=1000 kl=-3
E8 p_1=1 y_1=0 p_2=0 y_2=1
E8 p_1=0.5 label_1=0.5 p_2=0.5 label_2=0
E9 s_hat=-1000 s=4
E10 p_1=0.5 label_1=0.25 p_2=1 label_2=0
E11 pi_0=0 r_1=1000 r_2=-1000 beta=0.001
E11 pi_0=1 r_1=0 r_2=1000 beta=1000
E12 logp_w=0 logp_l=-1000 beta=1000 tau=0.001 p=0
E13 logp_1=0 logp_2=-1000
E13 p_0=0 logp_theta_1=-1000 logp_theta_2=0
E14 p_1=0 p_2=0 p_3=0.001
END
corners() { $V E5 V=0.75 V_old=0.5 eps_value=0.25 "$@" | grep -c corner; }
is "a corner is shown with both slopes" "$(corners G=1)" 1
is "no corner where the free side is the larger one" "$(corners G=0.5)" 0

# refuses TEXT ARGUMENTS: one line with TEXT, status 2, nothing on standard output
refuses() {
    local text=$1 said status
    shift
    said=$($V "$@" 2>&1 >"$T/out")
    status=$?
    if [[ $status == 2 && $said == *"$text"* && $said != *$'\n'* ]] && [ ! -s "$T/out" ]; then
        ok "refused: $*"
    else
        bad "refused: $*" "status $status, '$said'"
    fi
}
refuses "E15: no such equation" E15
refuses "E0: no such equation" E0
refuses "E: no such equation" E
refuses "e1: no such equation" e1
refuses ": no such equation" ""
refuses "layer: no such equation" layer
refuses "--dump: no such equation" --dump
refuses "x=1: E1 has no such argument" E1 x=1
refuses "r_=1: E1 has no such argument" E1 r_=1
refuses "=1: E1 has no such argument" E1 =1
refuses "lr=0.5: E4 has no such argument" E4 lr=0.5
refuses "not of the form name=number" E1 r_A
refuses "not of the form name=number" E1 ""
refuses "not of the form name=number" E1 p=0.5 0.7
refuses "p is given twice" E1 p=0.5 p=0.5
refuses "p_ab is given twice" E2 p_ab=0.5 p_ba=0.1 p_ab=0.6
for number in "" nan -nan inf -inf 1e400 0x1 half 0.5x " 0.5" "0.5 " --1 1,5 .; do
    refuses "r_A=$number: not a number" E1 "r_A=$number"
done
# every argument of every example: a number and no infinity
for tag in $TAGS; do
    examples_of $tag | sed -n '/^    [A-Za-z_0-9]*=/p' | tr -s ' ' '\n' \
        | sed -n 's/=.*//p' | sort -u >"$T/arguments"
    [ -s "$T/arguments" ] || bad "$tag has arguments"
    for name in $(cat "$T/arguments"); do
        for number in nan 1e300 -1e300; do
            refuses "$name=$number: not a" $tag "$name=$number"
        done
    done
done
# bounds
while read -r text_tag argument; do
    refuses "$argument: not a number from" $text_tag $argument
done <<'END'
E1 p=1.2
E1 p=-0.1
E1 r_A=1001
E2 logp_A=0.1
E2 p_ab=1.0001
E2 p_ba=-0.0001
E2 lo=-1
E2 hi=2
E3 won=-1
E4 logr=-20
E4 logr=20
E4 lambda_kl=-0.1
E5 logp=0.001
E5 logp_old=1
E5 eps=0
E5 eps=1.5
E5 eps_value=-0.2
E6 gamma=1.1
E6 lambda=-0.1
E7 d=-1
E8 p_1=1.1
E8 label_2=2
E10 p_3=-1
E11 pi_0=1.5
E11 beta=0
E12 beta=0
E12 tau=-1
E12 p=2
E13 logp_1=0.5
E13 p_0=1.01
E14 p_1=2
E14 p_2=-0.1
END
refuses "n=2.5: not a whole number from 1" E7 n=2.5
refuses "n=0: not a whole number from 1" E7 n=0
refuses "n=-3: not a whole number from 1" E7 n=-3
refuses "y_1=0.5: not a whole number from 0 to 1" E8 y_1=0.5
refuses "s=2.5: not a whole number from 0 to 4" E9 s=2.5
refuses "s=5: not a whole number from 0 to 4" E9 s=5
# domains of two numbers
refuses "is above 1; give both" E2 logp_A=-0.1 logp_B=-0.2
refuses "is above 1; give both" E2 logp_A=0
refuses "lo is above hi" E2 lo=0.7
refuses "lo is above hi" E2 p_ab=0.5 lo=0.6 hi=0.4
refuses "beyond which rho is held" E5 logp_old=-30
refuses "beyond which rho is held" E5 logp=-25 logp_old=-1
refuses "is not 1; give both" E13 logp_theta_1=-0.5 logp_theta_2=-0.9
refuses "is not 1; give both" E13 logp_theta_1=-0.5
refuses "p_1 + p_2 + p_3 is 0" E14 p_1=0 p_2=0 p_3=0
refuses "p_1 + p_2 + p_3 is above 1" E14 p_1=0.5 p_2=0.6
refuses "p_1 + p_2 + p_3 is above 1" E14 p_1=1 p_2=1 p_3=1

# ---- the second implementation, in Python: it agrees, and it sees a number that is off by 1e-10,
# a NaN and a list that is missing
if have python3 "tests/oracle.py"; then
    $V --dump "$T/cases"
    python3 tests/oracle.py "$T/cases/cases.json" >"$T/oracle"
    is "tests/oracle.py agrees" "$? $(grep -c FAIL "$T/oracle")" "0 0"
    python3 - "$T" <<'PYTHON'
import json, sys
T = sys.argv[1]
def spoilt(name, change):
    d = json.load(open(T + "/cases/cases.json"))
    change(d)
    json.dump(d, open(f"{T}/{name}.json", "w"))
def off(d): d["ppo"]["gradient"]["wk"][3] += 1e-10
def nan(d): d["logp"][5] = float("nan")
def gone(d): d["scalars"] = [c for c in d["scalars"] if c[0] != "ece_of_pairs"]
for change in (off, nan, gone):
    spoilt(change.__name__, change)
PYTHON
    sees() {
        is "tests/oracle.py sees $1" "$3" \
            "$(python3 tests/oracle.py "$T/$2.json" | sed -n 's/^oracle \([^ ]*\) .*FAIL$/\1/p')"
    }
    sees "an error of 1e-10" off ppo/gradient/wk
    sees "a NaN" nan logp
    sees "that a function is missing" gone ece_of_pairs
fi

closes
