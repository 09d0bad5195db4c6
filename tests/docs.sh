#!/usr/bin/env bash
# tests/docs.sh -- the pages and the tree agree: every relative link leads somewhere, every file
# named in `code` style exists, docs/reading.md names functions that stand in the file of their row
# and lists every source.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
holds() {
    awk -v rule="$1" '{ print "not ok - " rule ": " $0 } END { if (!NR) print "ok - " rule }'
}
pages=$(ls README.md CONTRIBUTING.md docs/*.md docs/notes/*.md 2>/dev/null)
READING=docs/reading.md

rules() {

# [words](path#part): from the page's own folder. The part is a heading of the page that it leads
# to, as GitHub spells it.
for page in $pages; do
    grep -onE '\]\([^)# ]*(#[^) ]*)?\)' "$page" | sed -E 's/^([0-9]+):\]\((.*)\)$/\1 \2/' \
        | while read -r line link; do
        case $link in http*) continue ;; esac
        file=${link%%#*} to=$page
        [ -z "$file" ] || to=$(dirname "$page")/$file
        [ -e "$to" ] || { echo "$page:$line: $link leads nowhere"; continue; }
        case $link in *'#'*)
            sed -n 's/^#\{1,\} *//p' "$to" | tr 'A-Z ' 'a-z-' \
                | tr -cd 'a-z0-9\n_-' | grep -qxF -- "${link#*#}" \
                || echo "$page:$line: $link: no such heading" ;;
        esac
    done
done | holds "every link leads somewhere"

# `path` that looks like a file of ours: a known folder or a known ending, and none of the marks of
# commands and patterns. What a run writes is not tracked.
for page in $pages; do
    grep -onE '`[A-Za-z0-9_./-]+`' "$page" | tr -d '`' | while IFS=: read -r line path; do
        case $path in
        cai.[ch] | equations.c | model.c | train.c | tokenizer.c | Makefile) ;;
        lib/* | engine/* | data/*.[cht]* | data/controls/* | cli/* | tests/* | docs/*) ;;
        *.[ch] | *.md | *.sh | *.py) ;;
        *) continue ;;
        esac
        [ -e "$path" ] || [ -e "$(dirname "$page")/$path" ] \
            || echo "$page:$line: $path is not there"
    done
done | holds "every file that a page names is there"

# Rows "| .. | .. | functions | `file` |": a definition begins in the first column.
sed -n 's/^|[^|]*|[^|]*|\([^|]*\)| `\([^`|]*\)` |$/\2|\1/p' $READING >"$T/rows"
while IFS='|' read -r file functions; do
    for f in $(echo "$functions" | grep -o '`[a-z0-9_A-Z]*`' | tr -d '`'); do
        echo "$file $f"
    done
done <"$T/rows" >"$T/functions"
while read -r file f; do
    [ -e "$file" ] && grep -qE "^[A-Za-z].*\b$f\(.*[^;]$" "$file" || echo "$f is not in $file"
done <"$T/functions" | holds "every function of $READING stands in its file"
[ "$(wc -l <"$T/functions")" -ge 20 ] \
    || echo "not ok - $READING: only $(wc -l <"$T/functions") functions were found in its tables"

# In the paths: every `name` is defined in one of the files of its row, and every file's name is
# one.
sed -n '/^## Five questions/,/^## /p' $READING | grep '^| [A-Z]' | while IFS= read -r row; do
    files=$(echo "$row" | grep -oE '`[a-z/]+\.[ch]`' | tr -d '`')
    for f in $(echo "$row" | grep -oE '`[a-z0-9_]+`' | tr -d '`'); do
        # shellcheck disable=SC2086
        grep -qE "^[A-Za-z].*\b$f\(.*[^;]$" $files || echo "$f is in none of" $files
    done
done | holds "the paths of $READING name functions of their files"

# "LO to HI %" of three seeds, as a row of docs/results.md has them: page|what stands before
# it|row|number in a cell. Pages in prose may break the line anywhere.
while IFS='|' read -r page before row k; do
    range=$(grep -F "| $row |" docs/results.md | head -n 1 | awk -F'|' -v k="$k" '{
        for (i = 4; i <= 6; i++) { split($i, v, " "); x = int(100 * v[k] + 0.5)
        if (i == 4 || x < lo) lo = x; if (i == 4 || x > hi) hi = x } print lo " to " hi " %" }')
    tr '\n' ' ' <"$page" | grep -qF "$before$range" || echo "$page: no \"$before$range\" ($row)"
done <<'ROWS' | holds "the pages quote docs/results.md's ranges"
docs/guide/07-limitations.md|the same rules make |control, inverted comparison principles: RL-CAI harmful|1
docs/guide/07-limitations.md|(harmful in |control, theft alone: theft harmful|1
docs/guide/07-limitations.md|judging plainly it is right in |judge, held-out judgements, plain: right|1
docs/guide/07-limitations.md|(always "the refusal" would get |always the refusal would be right in|1
docs/guide/07-limitations.md|by chain of thought in |judge, held-out judgements, chain of thought: right|1
docs/lecturer.md|after 0 to 4 revisions is |harmful drafts of training prompts after 0, 1, 2, 3, 4 revisions|1
docs/lecturer.md|%, |harmful drafts of training prompts after 0, 1, 2, 3, 4 revisions|2
docs/lecturer.md|%, |harmful drafts of training prompts after 0, 1, 2, 3, 4 revisions|3
docs/lecturer.md|%, |harmful drafts of training prompts after 0, 1, 2, 3, 4 revisions|4
docs/lecturer.md|%, |harmful drafts of training prompts after 0, 1, 2, 3, 4 revisions|5
docs/lecturer.md|(less to more): |control, inverted comparison principles: RL-CAI harmful|1
docs/lecturer.md|**Theft alone**: theft |control, theft alone: theft harmful|1
docs/lecturer.md|harmful in |control, random judge: RL-CAI harmful|1
docs/lecturer.md|SL-CAI in |SL-CAI harmful of that control|1
docs/lecturer.md|(right in |judge, held-out judgements, chain of thought: right|1
ROWS

# The table of studies: a row for each, and a verdict says what came out.
for f in studies/*.sh; do
    n=$(basename "$f" .sh) row=$(grep -F "| [$(basename "$f" .sh)](" docs/studies.md)
    case $n:$row in lib:) ;; *SHOWN*"|  |" | *DEPENDS*"|  |") echo "$n: a verdict, and nothing that came out" ;; *:) echo "$n has no row" ;; esac
done | holds "docs/studies.md has every study, and what came out of it"
sed -n '/^## Not done/,$s/^| \([a-z-]*\) |.*/\1/p' docs/studies.md | while IFS= read -r n; do
    [ ! -e "studies/$n.sh" ] || echo "$n is there"
done | holds "what docs/studies.md says is not done is not there"

sed -n '/^## The files/,$p' $READING | sed -n 's/^| `\([^`]*\)` |.*/\1/p' | sort >"$T/listed"
{ git ls-files '*.c' '*.h' 2>/dev/null || find . -name '*.[ch]' \
    | sed 's|^\./||'; } | grep -v '^tests/' | while IFS= read -r f; do
    [ ! -e "$f" ] || case $f in *.h) [ -e "${f%.h}.c" ] || [ "${f%%/*}" != lib ] || echo "$f" ;; *) echo "$f" ;; esac
done | sort | comm -13 "$T/listed" - | sed 's/$/ is not listed/' \
    | holds "$READING lists every source"
sort "$T/listed" | uniq -d | sed 's/$/ is listed twice/' | holds "$READING lists no file twice"
while IFS= read -r f; do
    [ -e "$f" ] || echo "$f is not there"
done <"$T/listed" | holds "every file that $READING lists is there"

}

rules >"$T/report"
cat "$T/report"
count() { grep -c "^$1" "$T/report"; }
echo "$(count 'ok - ') passed, $(count 'not ok - ') failed"
[ "$(count 'not ok - ')" = 0 ] && [ "$(count 'ok - ')" -gt 0 ]
