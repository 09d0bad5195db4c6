#!/usr/bin/env bash
# tests/lint.sh -- the rules of the house that a machine can check: style, warnings, who may include
# and call whom, sizes, no hidden state. CONTRIBUTING.md says them in words.
#
# Prints one line a rule that holds, one a finding, and closes with the counts for tests/run. What a
# missing tool leaves out is said by name.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
ok()   { echo "ok - $1"; }
bad()  { echo "not ok - $1"; }
skip() { echo "skipped: $1"; }
# holds RULE: every line of standard input is a finding; without any the rule holds.
holds() {
    awk -v rule="$1" '{ print "not ok - " rule ": " $0 } END { if (!NR) print "ok - " rule }'
}

if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    tracked() { git ls-files -- "$@" | while IFS= read -r f; do [ -e "$f" ] && echo "$f"; done; }
else                                                # an unpacked archive
    tracked() { find . -type f -not -path './build/*' | sed 's|^\./||' | while IFS= read -r f; do
        for p in "$@"; do case $f in $p) echo "$f" ;; esac; done; done; }
fi
tracked '*.c' '*.h' | sort >"$T/sources"
grep -vE '^(tests|exercises)/' "$T/sources" >"$T/rooms"
STUDENT="cai.h cai.c equations.c model.c train.c tokenizer.c"     # what a student reads

rules() {

# ------------------------------------------------------------------------------------
# Who may include whom, and whose functions a room may call. A room is a folder, or a file of the
# top level; tests see everything. Arrows run downwards only, a line each: one that is not here
# turns this red.

INCLUDES="
include     lib
equations.c include
tokenizer.c include
tokenizer.c lib
model.c     include
model.c     lib
engine      include
engine      lib
train.c     include
train.c     engine
train.c     lib
cai.h       include
cai.h       engine
cai.h       lib
cai.c       cai.h
cai.c       lib
study       cai.h
data        cai.h
data        lib
export      cai.h
export      lib
cli         export
cli         cai.h
cli         study
cli         include
cli         lib
cli         data
"
CALLS="
tokenizer.c lib
model.c     lib
engine      lib
engine      equations.c
engine      tokenizer.c
engine      model.c
train.c     lib
train.c     equations.c
train.c     model.c
train.c     engine
cai.c       lib
cai.c       equations.c
cai.c       tokenizer.c
cai.c       model.c
cai.c       engine
cai.c       train.c
study       lib
study       equations.c
study       model.c
study       tokenizer.c
study       engine
study       train.c
study       cai.c
data        lib
data        equations.c
data        tokenizer.c
data        model.c
data        engine
data        train.c
data        cai.c
export      lib
export      engine
export      model.c
export      cai.c
cli         export
cli         lib
cli         equations.c
cli         tokenizer.c
cli         model.c
cli         engine
cli         train.c
cli         cai.c
cli         study
cli         data
"
# arrows RULE ALLOWED: lines "FROM TO WHAT" on standard input, those that are not allowed are
# findings
arrows() {
    echo "$2" | awk 'NF { print $1, $2 }' >"$T/allowed"
    sort -u | awk \
        'NR == FNR { allowed[$1, $2]; next }
         !(($1, $2) in allowed) { print $1 " -> " $2 ": " $3 " " $4 " " $5 }' \
        "$T/allowed" - | holds "$1"
}

# shellcheck disable=SC2046
awk 'function room(f) { return f ~ "/" ? substr(f, 1, index(f, "/") - 1) : f }
     NR == FNR { source[$0]; next }
     /^ *# *include *"/ {
         to = $0; sub(/^[^"]*"/, "", to); sub(/".*/, "", to)
         dir = FILENAME; if (!sub("/[^/]*$", "/", dir)) dir = ""
         if (!(to in source)) { to = dir to; while (sub("[^/]*/[.][.]/", "", to)) ; }
         where = to in source ? room(to) : "nowhere"
         print room(FILENAME), where, FILENAME, "includes", to
     }' "$T/sources" $(cat "$T/rooms") >"$T/includes"
awk '$1 != $2' "$T/includes" | arrows "includes run downwards" "$INCLUDES"
# Nor do they run in a circle, within a room or through several. A source and its header are one.
awk 'function unit(f) { sub("^include/", "", f); sub("[.][ch]$", "", f); return f }
     unit($3) != unit($5) { print unit($3), unit($5) }' "$T/includes" \
    | tsort 2>&1 >/dev/null | sed 's/^tsort: //' | tr '\n' ' ' \
    | sed 's/^-: input contains a loop: //; s/-: input contains a loop: /and /g; /./s/$/\n/' \
    | holds "includes run in no circle"

# ------------------------------------------------------------------------------------
# every file compiles without a warning, more of them than `make` asks for

STRICT="-Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes -Wstrict-prototypes"
FLAGS="-std=c11 -fopenmp-simd -pthread -I. -fno-pie"
pkg-config --exists openblas 2>/dev/null \
    && FLAGS="$FLAGS -DCAI_OPENBLAS $(pkg-config --cflags openblas)"
compile() {                                         # COMPILER FOLDER-OF-OBJECTS, "" for none
    while IFS= read -r f; do
        how=-fsyntax-only
        case $f in
        # fuzz.c is one program a reader, with a library of clang; web/ is for wasm32
        *.h | tests/fuzz/* | exercises/* | web/*) continue ;;
        tests/verify*) how="-fsyntax-only -DCAI_DOUBLE" ;;
        tests/*) ;;
        *) [ -z "$2" ] || { mkdir -p "$2/$(dirname "$f")"; how="-c -o $2/${f%.c}.o"; } ;;
        esac
        # shellcheck disable=SC2086
        $1 $FLAGS $STRICT $how "$f" 2>&1 | grep -E '(warning|error):'
    done <"$T/sources" | sort -u
}
O=$T/objects
if command -v gcc >/dev/null; then
    compile gcc "$O" | holds "gcc warns of nothing"
else
    skip "no gcc (its warnings, what objects say)"
fi
if command -v clang >/dev/null; then
    compile clang "" | holds "clang warns of nothing"
else
    skip "no clang (its warnings)"
fi

# ------------------------------------------------------------------------------------
# what the objects say

if command -v nm >/dev/null && [ "$(uname -s)" = Linux ] && [ -d "$O" ]; then
    # "D room symbol file" of what is defined, "U room symbol file" of what is asked for
    (cd "$O" && find . -name '*.o' -exec nm -gA {} + | sed 's|^\./||') | awk '
        { split($1, part, ":"); f = part[1]; sub(/\.o$/, ".c", f);
          room = f ~ "/" ? substr(f, 1, index(f, "/") - 1) : f
          print ($(NF - 1) == "U" ? "U" : "D"), room, $NF, f }' >"$T/symbols"
    awk '$1 == "D" { home[$3] = $2 } $1 == "U" { user[NR] = $2; what[NR] = $3; file[NR] = $4 }
         END { for (i in what)
                   if (what[i] in home && home[what[i]] != user[i])
                       print user[i], home[what[i]], file[i], "calls", what[i] }' \
        "$T/symbols" | arrows "calls run downwards" "$CALLS"

    # The loop is a library that never heard of the town: whatever data/ or cli/ define, it does not
    # ask for.
    awk '$1 == "D" && ($2 == "data" || $2 == "cli") { above[$3] = $2 }
         $1 == "U" && $2 != "data" && $2 != "cli" { user[NR] = $3; file[NR] = $4 }
         END { for (i in user)
                   if (user[i] in above)
                       print file[i] " asks for " user[i] " of " above[user[i]] "/" }' \
        "$T/symbols" | holds "the loop links without data/ and cli/"

    # Sections of things that change: D and d with a value, B and b without one, C common.
    for f in $STUDENT; do
        case $f in
        *.c) nm "$O/${f%.c}.o" | awk -v f="$f" '$2 ~ /^[DdBbC]$/ { print f ": " $3 }' ;;
        esac
    done | holds "no variable outlives a function in what a student reads"

    # Elsewhere these do, and the reason stands at the line: threads, the library that multiplies,
    # standard input (which comes once), files that were written, copies for a message, what the
    # handler of a signal reads.
    cat >"$T/state" <<END
lib/threads.c pool
lib/threads.c n_workers
lib/threads.c inside_job
lib/gemm.c library_product
lib/gemm.c panel
lib/kernels.c chosen
lib/kernels.c once
lib/files.c me
lib/files.c teller
lib/files.c input
lib/files.c committed
lib/text.c copy
lib/text.c turn
cli/run.c watched
END
    (cd "$O" && find . -name '*.o' -exec nm -A {} + | sed 's|^\./||') | awk '
        NR == FNR { known[$1, $2]; next }
        $(NF - 1) ~ /^[DdBbC]$/ {
            f = $1; sub(/[.]o:.*/, ".c", f)
            name = $NF; sub(/[.][0-9]+$/, "", name)
            if (!((f, name) in known))
                print f ": " name " does; pass it, or say there why not and name it here"
            seen[f, name] }
        END { for (k in known) if (!(k in seen)) {
            sub(SUBSEP, ": ", k)
            print k " does not; take its name off the list" } }' "$T/state" - \
        | holds "no other variable outlives a function"
else
    skip "no nm for ELF objects (calls between rooms, hidden state)"
fi

# ------------------------------------------------------------------------------------
# style and sizes

if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    # shellcheck disable=SC2046
    clang-format --dry-run $(cat "$T/sources") 2>&1 \
        | sed -n 's/:.*Wclang-format-violations.*//p' | uniq -c \
        | awk '{ print $2 ": " $1 " places; clang-format -i " $2 }' \
            | holds "one style (.clang-format)"
else
    skip "no clang-format 14 (one style)"
fi
# shellcheck disable=SC2046
awk 'length > 100 { print FILENAME ":" FNR ": " length " columns" }' $(cat "$T/sources") \
    | holds "lines of C have at most 100 columns"

# Neither have the Makefile and prose. In a page a table's row is one line, and what a program said
# (fenced, or indented by four) stands as it was said; two pages are written by programs.
tracked '*.md' | grep -vE '^docs/(figures|notes/mutants)[.]md$' | while IFS= read -r f; do
    awk '/^ *```/ { fenced = !fenced }
         length > 100 && !fenced && !/^ *[|]/ && !/^    / && !/^ [.]/ {
             print FILENAME ":" FNR ": " length " columns" }' "$f"
done | holds "lines of pages have at most 100 columns"
awk 'length > 100 { print FILENAME ":" FNR ": " length " columns" }' Makefile BSDmakefile \
    | holds "lines of the Makefile have at most 100 columns"

# Of scripts some lines are longer, by a text in quotes that a break would change. There may be
# fewer of them, not more: whoever removes one lowers the number.
LONG=423
tracked '*.sh' '*.py' '*.mjs' '*.js' '*.awk' '*.gp' 'tests/*' 'web/*' 'exercises/*' \
    | grep -vE '^tests/fuzz/|[.](txt|tsv|md|[ch])$' | sort -u | while IFS= read -r f; do
    awk 'length > 100 { print FILENAME ":" FNR ": " length " columns" }' "$f"
done >"$T/long"
n=$(wc -l <"$T/long")
if [ "$n" -gt $LONG ]; then echo "there are $n; wrap what is new"; fi \
    | holds "no more than $LONG lines of scripts above 100 columns"

total=0
for f in $STUDENT; do
    n=$(wc -l <"$f") total=$((total + n)) max=800
    [ "$f" = cai.h ] && max=250
    [ "$n" -le $max ] || echo "$f has $n lines, at most $max"
    [ "$f" != tokenizer.c ] || [ $total -le 3500 ] || echo "together $total lines, at most 3500"
done | holds "what a student reads is short"

# A function: from its first line to the brace that closes it, in the first column.
sizes() {
    awk '/^[A-Za-z].*\) *\{.*\}$/ { print 1, FILENAME ":" FNR; next }
         /^[A-Za-z].*\(/ { first = FNR }
         /^\{$/ { begin = first }
         /^\}$/ && begin { print FNR - begin + 1, FILENAME ":" begin; begin = 0 }' "$@" | sort -n
}
for files in "equations.c model.c train.c tokenizer.c cai.c" \
    "$(grep -E '^(lib|engine|study|data|export|cli)/.*\.c$' "$T/sources" | tr '\n' ' ')"; do
    # shellcheck disable=SC2086
    sizes $files | awk -v what="${files%% *} .." '{ n[NR] = $1; at = $2 }
        END { print "functions of " what ": " NR ", lines: median " n[int((NR + 1) / 2)] \
                    ", p90 " n[int(NR * 0.9)] ", most " n[NR] " (" at ")" }'
done

# ------------------------------------------------------------------------------------
# what is tracked

if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files | while IFS= read -r f; do
        n=$(wc -c <"$f" 2>/dev/null || echo 0)
        [ "$n" -le 300000 ] || echo "$f has $n bytes"
    done | holds "no tracked file above 300 KB"
    # tests/fuzz has single files of a run for the fuzzer to begin with
    git ls-files | grep -v '^tests/fuzz/' \
        | grep -E '(^|/)((files|flags|kernels|summary)\.txt|metrics\.tsv)$|\.(state|bin|head)$' \
        | holds "no folder of a run is tracked"
    for f in out/x out2/x results/x build/x cai; do
        git check-ignore -q "$f" || echo "$f"
    done | holds "runs live under ignored names"
else
    skip "no git (what is tracked)"
fi

}

rules >"$T/report"
grep -v '^skipped: ' "$T/report"
count() { grep -c "^$1" "$T/report"; }
skips=$(count skipped:)
echo "$(count 'ok - ') passed, $(count 'not ok - ')" \
    "failed$([ "$skips" = 0 ] || echo ", $skips skipped")"
grep '^skipped: ' "$T/report"
[ "$(count 'not ok - ')" = 0 ] && [ "$(count 'ok - ')" -gt 0 ]
