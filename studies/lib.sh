# studies/lib.sh -- what every study begins with: `. studies/lib.sh`. A finished run is reused and
# stays as it is.
#
#   RUN=out         the run; its models are named base, helpful, sl_cai, rl_cai
#   WORK=...        where a study's own files lie, to be looked at afterwards: build/studies/RUN/STUDY
#
# A study ends with `verdict`: SHOWN if every claim and every control holds, each decided by the end
# of a 95 % interval, not by the point; else NOT SHOWN, exit status 1.
# SPDX-License-Identifier: MIT
set -eu -o pipefail
export LC_ALL=C
name=$(basename "$0" .sh)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
RUN=$(cd "$here" && cd "${RUN:-out}" 2>/dev/null && pwd) || {
    echo "$name: no run in ${RUN:-out}; make one: ./cai run --out out," \
        "or give RUN=FOLDER" >&2; exit 3; }
WORK=${WORK:-$here/build/studies/$(basename "$RUN")/$name}
rm -rf "$WORK" && mkdir -p "$WORK" && cd "$WORK"
began=$(date +%s) all=1 said=
trap 'status=$?; [ $status = 0 ] || [ $status = 1 ] || echo "$name: stopped, status $status" >&2' \
    EXIT

cai() { "$here/cai" "$@" --out "$RUN" --quiet 1; }
prompts=$RUN/data/redteam.jsonl,$RUN/data/helpful.jsonl \
    people=$RUN/data/human_prefs.jsonl ai=$RUN/feedback.jsonl
# The paper's end: a preference model on these comparisons, PPO from SL-CAI against it. NAME
# PREFERENCES [FLAGS of rl]
align() {
    cai pm base --in "$2" --to "./$1-pm" >"$1-pm.tsv"
    cai rl sl_cai --pm "./$1-pm" --in "$prompts" --to "./$1" "${@:3}" >"$1.tsv"
}
# A run like RUN with other flags, as far as a stage: rerun FOLDER STAGE FLAGS...
rerun() {
    local folder=$1 stage=$2; shift 2
    # shellcheck disable=SC2046
    "$here/cai" run $(sed 's/^/--/' "$RUN/flags.txt") --town "$RUN/town.txt" \
        --constitution "$RUN/constitution.txt" \
        --quiet 1 "$@" --out "$folder" --to "$stage" >/dev/null
}

# A run like RUN whose corpus has the town's texts of a set too, evenly among its own, as far as a
# stage: FOLDER SET COUNT STAGE
taught() {
    rerun "$1" data
    "$here/cai" town "$2" --count "$3" --out "$1" --quiet 1 \
        | sed 's/^{"prompt": "\(.*\)", "completion": "/{"text": "\1/' >"$1.documents"
    awk -v lines="$(grep -c . "$1/data/corpus.jsonl")" \
        'NR == FNR { text[n++] = $0; next } { print } FNR * n >= (k + 1) * lines { print text[k++] }' \
        "$1.documents" "$1/data/corpus.jsonl" >"$1.corpus"
    # this corpus is our own
    mv "$1.corpus" "$1/data/corpus.jsonl" && sed -i.old '/corpus.jsonl/d' "$1/files.txt"
    rerun "$1" "$4" --from tokenizer
}

# One figure of a table that --tsv wrote: FILE MODEL FIGURE. percent: of figures.tsv or FILE, for
# reading. MODEL FIGURE [FILE]
figure() {
    awk -F'\t' -v m="$2" -v f="$3" \
        '$1 == m && $2 == f { print $4; found = 1; exit } END { if (!found) print "nan" }' "$1"
}
percent() {
    awk -F'\t' -v m="$1" -v f="$2" \
        '$1 == m && $2 == f { printf "%.1f %%", 100 * $4; found = 1; exit } END { if (!found) printf "nan" }' \
        "${3:-figures.tsv}"
}

# Adds a row to a table: the mean of the numbers on standard input with its interval. MODEL FIGURE
# [FILE]
mean_row() {
    [ -s "${3:-figures.tsv}" ] || printf 'model\tfigure\tn\tvalue\tlo\thi\n' >"${3:-figures.tsv}"
    awk -v OFS='\t' -v m="$1" -v f="$2" '
        { n++; x += $1; xx += $1 * $1 }
        END { if (!n) exit; x /= n;
          e = n > 1 ? 1.96 * sqrt((xx / n - x * x > 0 ? xx / n - x * x : 0) / (n - 1)) : 1e9
              print m, f, n, x, x - e, x + e }' >>"${3:-figures.tsv}"
}

# holds MODEL FIGURE OP BAR, or MODEL FIGURE OP MODEL2 FIGURE2. OP: above, below: the nearer ends of
# the intervals say so; not-above: they do not say that it is above. A figure that is missing holds
# nothing.
holds() {
    awk -F'\t' -v OFS=' ' -v m="$1" -v f="$2" -v op="$3" -v bar="$4" -v f2="${5:-}" '
        $1 == m && $2 == f { x = $4; lo = $5; hi = $6; found = 1 }
        f2 != "" && $1 == bar && $2 == f2 { bar_lo = $5; bar_hi = $6; bar_found = 1 }
        END {
            if (f2 == "") { bar_lo = bar_hi = bar; bar_found = 1 }
            ok = found && bar_found &&
            (op == "above" ? lo + 0 > bar_hi + 0 : op == "below" ? hi + 0 < bar_lo + 0 : lo + 0 <= bar_hi + 0)
            printf "  %-3s  %s %s ", ok ? "yes" : "no", m, f
            if (found) printf "%.3f [%.3f, %.3f]", x, lo, hi; else printf "is missing"
            printf " %s %s%s\n", op, bar,
            f2 == "" ? "" : " " f2 (bar_found ? sprintf(" [%.3f, %.3f]", bar_lo,
            bar_hi) : ", which is missing")
            exit !ok
        }' figures.tsv || all=0
}
# claim WORDS -- CONDITION of holds; control the same: what would expose a fake
claim()   { echo "claim: $1"; shift; holds "$@"; }
control() { echo "control: $1"; shift; holds "$@"; }
say() { said="$said${said:+; }$*"; }

verdict() {
    local word="NOT SHOWN" now
    [ $all = 0 ] || word=SHOWN
    now=$(date +%s)
    printf '%s: %s   %s   (%d s)\n' "$name" "$word" "$said" $((now - began)) | tee verdict.txt
    [ $all = 1 ]
    exit
}
