#!/usr/bin/env bash
# tests/malformed.sh -- every line of tests/malformed.tsv: a good file of a smoke run is changed,
# the command that reads it must end with the status and the message of the line, in one line that
# names the file, and leave every other file as it was.
#
# Changes: text:T the file is T; cut:N its first N bytes (-N: all but the last N); at:N:T bytes T
# from byte N on (-N: from the end); add:T bytes T at the end; line:N:T line N is T; sed:S edited by
# sed; folder: a folder in its place; long:N:T and fill:N:T line N is T with a text for @, of far
# more tokens than the context has, or of just as many as leave no room for what a stage puts around
# it. T with the escapes of printf's %b.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
R=$T/run F=$T/flags W=$T/work SMOKE="--preset smoke --quiet 1"

# A stage that has begun may have said so in the records of a folder that is the person's own.
sums() {
    find "$R" "$T"/mine* "$F" "$W" \
        -type f ! -name '*.tmp' ! -path '*/mine*/files.txt' ! -path '*/mine*/kernels.txt' \
            | sort | xargs cksum
}

# R a whole run; mine.STAGE the same as a person's own files (no records), without what that stage
# writes; F too, for its flags; W stopped in the stage sl.
./cai run $SMOKE --out "$R" >/dev/null || bad "the smoke run"
for s in revise sl pm rl eval; do
    cp -r "$R" "$T/mine.$s" \
        && (cd "$T/mine.$s" && grep flags.txt files.txt >kept \
            && mv kept files.txt && rm metrics.tsv metrics/$s.tsv)
done
rm "$T/mine.sl/sl_cai.bin" "$T"/mine.eval/{summary.txt,answers.jsonl,judged.jsonl}
rm "$T/mine.revise/revisions.jsonl" "$T"/mine.pm/pm.* "$T/mine.rl/rl_cai.bin"
cp -r "$R" "$T/source"
cp -r "$R" "$F" && rm "$F/files.txt"
cp -r "$R" "$W" && rm "$W/sl_cai.bin"
./cai run $SMOKE --out "$W" --save-every 0 >/dev/null 2>&1 & pid=$!
while [ ! -e "$W/sl.state" ] && kill -0 $pid 2>/dev/null; do :; done
kill -INT $pid; wait $pid
[ -e "$W/sl.state" ] || bad "a training state to break"

# target READER: its file ($file) and its command ($run)
target() {
    case $1 in
        tokenizer) file=$T/tokenizer.bin good=$R/tokenizer.bin \
            run="generate --out $R --prompt To --tokenizer $file" ;;
        checkpoint) file=$T/model.bin good=$R/base.bin \
            run="generate --model $file --tokenizer $R/tokenizer.bin --prompt To" ;;
        head)         file=$T/mine.rl/pm.head run="rl --out $T/mine.rl --quiet 1" ;;
        state)        file=$W/sl.state run="run $SMOKE --out $W" ;;
        town) file=$T/town.txt good=tests/fuzz/town/small.txt \
            run="run $SMOKE --out $T/new --town $file --to data" ;;
        constitution) file=$T/law.txt good=tests/fuzz/constitution/small.txt \
            run="run $SMOKE --out $T/new --constitution $file" ;;
        text) file=$T/own.txt good=tests/fuzz/documents/lines.jsonl \
            run="run $SMOKE --out $T/new --text $file --to data" ;;
        packed) file=$T/own.gz good=tests/fuzz/packed/small.gz \
            run="run $SMOKE --out $T/new --text $file --to data" ;;
        chains) file=$T/law.json good=tests/fuzz/constitution/chain_examples.json \
            run="run $SMOKE --out $T/new --constitution data/constitution.txt,$file" ;;
        pairs) file=$T/law.json good=tests/fuzz/constitution/pair_examples.json \
            run="run $SMOKE --plain 1 --out $T/new --constitution data/constitution.txt,$file" ;;
        critiques) file=$T/law.json good=tests/fuzz/constitution/critique_examples.json \
            run="run $SMOKE --out $T/new --constitution data/constitution.txt,$file" ;;
        source) file=$T/source/flags.txt run="run --pretrained $T/source --quiet 1 --out $T/new" ;;
        json) file=$T/lines good=/dev/null run="logprob --out $R --model rl_cai --in $file" ;;
        prompts) file=$T/mine.revise/data/redteam.jsonl \
            run="revise --out $T/mine.revise --quiet 1" ;;
        prefs)        file=$T/mine.pm/data/human_prefs.jsonl run="pm --out $T/mine.pm --quiet 1" ;;
        feedback)     file=$T/mine.pm/feedback.jsonl run="pm --out $T/mine.pm --quiet 1" ;;
        revisions)    file=$T/mine.sl/revisions.jsonl run="sl --out $T/mine.sl --quiet 1" ;;
        judgements) file=$T/mine.eval/data/judgements.jsonl \
            run="eval --out $T/mine.eval --quiet 1" ;;
        turns) file=$T/mine.eval/data/eval_turns.jsonl run="eval --out $T/mine.eval --quiet 1" ;;
        kernels)      file=$T/mine.pm/kernels.txt run="pm --out $T/mine.pm --quiet 1" ;;
        flags)        file=$F/flags.txt run="generate --out $F --prompt To" ;;
        flags-stage)  file=$F/flags.txt run="sl --out $F --quiet 1" ;;
        flags-run)    file=$F/flags.txt run="run $SMOKE --out $F" ;;
        records)      file=$W/files.txt run="run $SMOKE --out $W" ;;
        *)            bad "malformed.tsv" "no reader $1" ;;
    esac
}

words() { head -c "$1" /dev/zero | sed 's/\x00/kite drum /g'; }     # N times two words
change() {                                          # GOOD FILE CHANGE
    local good=$1 file=$2 how=${3%%:*} what=${3#*:} n size
    size=$(wc -c <"$good") n=${what%%:*}
    case $how in
        text) printf '%b' "$what" >"$file" ;;
        cut) if [ "$what" -lt 0 ]; then what=$((size + what)); fi; head \
            -c "$what" "$good" >"$file" ;;
        add)  { cat "$good"; printf '%b' "$what"; } >"$file" ;;
        at)   cp "$good" "$file"; if [ "$n" -lt 0 ]; then n=$((size + n)); fi
              printf '%b' "${what#*:}" | dd of="$file" bs=1 seek="$n" conv=notrunc 2>/dev/null ;;
        line) { head -n $((n - 1)) "$good"; printf '%b\n' "${what#*:}"; tail \
            -n +$((n + 1)) "$good"; } >"$file" ;;
        sed)  sed "$what" "$good" >"$file" ;;
        long | fill)
              local text; text=$(words $([ $how = long ] && echo 2000 || echo "$FILL"))
              { head -n $((n - 1)) "$good"; t=${what#*:}; printf '%s\n' \
                  "${t/@/$text}"; tail -n +$((n + 1)) "$good"; } >"$file" ;;
        folder) mkdir "$file" ;;
    esac
}

# Words of which the prompt alone still fits the context of 768.
FILL=10
asked() { printf '\n\nHuman: %s\n\nAssistant:' "$(words "$1")"; }
while ./cai generate --out "$R" --max-new 1 --prompt "$(asked $((FILL + 10)))" >/dev/null 2>&1; do
    FILL=$((FILL + 10))
done

# What a message says of a file, if that is more than 40 characters of it (and two that may stand
# there by chance).
quoted() {
    [ -f "$file" ] && SAID=$line awk 'BEGIN { RS = "\001" } { t = t $0 }
        END { m = ENVIRON["SAID"];
          for (i = 1; i + 42 <= length(m); i++) if (index(t, substr(m, i, 43))) {
            print substr(m, i, 43); exit } }' "$file"
}

while IFS=$'\t' read -r reader name how status text; do
    case $reader in '' | '#'*) continue ;; esac
    good= ; target "$reader"; name="$reader: $name"
    if [ -z "$good" ]; then cp "$file" "$T/good"; good=$T/good; fi
    rm -rf "$file"; change "$good" "$file" "$how"
    before=$(sums)
    ./cai $run </dev/null >"$T/stdout" 2>"$T/stderr"; got=$?
    line=$(cat "$T/stderr") why=
    [ "$got" = "$status" ] || why="status $got, wanted $status; said: $line"
    [ "$(grep -c '' "$T/stderr")" = 1 ] && case $line in "cai: "*) ;; *) false ;; esac || why=${why:-"not one line: $line"}
    case $line in *"$file"* | *jsonl:*) ;; *) why=${why:-"names no file: $line"} ;; esac
    while [ -n "$text" ]; do
        case $line in *"${text%%|*}"*) ;; *) why=${why:-"no \"${text%%|*}\" in: $line"} ;; esac
        case $text in *"|"*) text=${text#*|} ;; *) text= ;; esac
    done
    [ -z "$(quoted)" ] || why=${why:-"quotes more than 40 characters: $(quoted)"}
    [ "$(sums)" = "$before" ] || why=${why:-"files changed"}
    if [ -z "$why" ]; then ok "$name"; else bad "$name" "$why"; fi
    rm -rf "$file"
    if [ "$good" = "$T/good" ]; then cp "$T/good" "$file"; fi
done <tests/malformed.tsv

closes
