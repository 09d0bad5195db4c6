#!/usr/bin/env bash
# tests/studies.sh -- the small commands and the studies. Chained, the commands make the very bytes
# of the stages; what they add to a run's folder leaves the run as it was; what they cannot obey or
# read is refused in one line. Every study runs on a smoke run, ends in its verdict, and leaves that
# run alone; its verdict is not judged at this size.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
R=$T/run SMOKE="--preset smoke --quiet 1"
same() { if cmp -s "$2" "$3"; then ok "$1"; else bad "$1"; fi; }
differ() { if cmp -s "$2" "$3"; then bad "$1"; else ok "$1"; fi; }
sums() { (cd "$1" && find . -type f | sort | xargs cksum); }
C() { ./cai "$@" --out "$R" --quiet 1; }
# NAME STATUS TEXT COMMAND...: one line that has TEXT; the run stays
fails() {
    local name=$1 status=$2 text=$3 got; shift 3
    "$@" >"$T/stdout" 2>"$T/stderr" </dev/null; got=$?
    if [ $got = "$status" ] && [ "$(grep -c '' "$T/stderr")" = 1 ] \
        && grep -qF -- "$text" "$T/stderr" && [ "$(sums "$R")" = "$before" ]
    then ok "$name"; else bad "$name" "status $got: $(cat "$T/stderr")"; fi
}
./cai run $SMOKE --out "$R" >/dev/null || bad "the smoke run"
before=$(sums "$R")

# ------------------------------------------------------------------------------------
# chained, they make what the stages made

C revise --critic helpful --in "$R/data/redteam.jsonl" >"$T/revisions.jsonl"
same "revise: the bytes of revisions.jsonl" "$T/revisions.jsonl" "$R/revisions.jsonl"
C pairs sl_cai --in "$R/data/redteam.jsonl" >"$T/pairs.jsonl"
C judge helpful --in "$T/pairs.jsonl" >"$T/feedback.jsonl"
same "pairs, judge: the bytes of feedback.jsonl" "$T/feedback.jsonl" "$R/feedback.jsonl"
C pm base --in "$R/data/human_prefs.jsonl,$T/feedback.jsonl" --to "$T/pm" >/dev/null
same "pm: the bytes of pm.bin" "$T/pm.bin" "$R/pm.bin"
same "pm: the bytes of pm.head" "$T/pm.head" "$R/pm.head"
C rl sl_cai --pm "$T/pm" --in "$R/data/redteam.jsonl,$R/data/helpful.jsonl" \
    --to "$T/rl" --snapshots 1 >"$T/rl.tsv"
same "rl: the bytes of rl_cai.bin" "$T/rl.bin" "$R/rl_cai.bin"
same "rl: the last snapshot is the model" "$T/rl-2.bin" "$T/rl.bin"
differ "rl: an earlier one is not" "$T/rl-1.bin" "$T/rl.bin"
same "rl: the metrics of the stage" "$T/rl.tsv" "$R/metrics/rl.tsv"
C eval rl_cai --tsv "$T/eval.tsv" >/dev/null
is "eval: the figures of the stage" \
    "$(awk -F'\t' '$2 ~ /^(harmful|helpful|over_refusal)$/ { print $2, $3, $4 }' "$T/eval.tsv" \
        | sort)" \
    "$(awk -F'\t' '$3 ~ /^rl_cai\/(harmful|helpful|over_refusal)$/ {
        sub("rl_cai/", "", $3); print $3, $6, $5 }' "$R/metrics/eval.tsv" | sort)"
C revise --critic helpful --in "$R/data/redteam.jsonl" --threads 1 \
    | cmp -s - "$T/revisions.jsonl" && ok "one thread, the same bytes" \
        || bad "one thread, the same bytes"
is "all that, and the run is as it was" "$(sums "$R")" "$before"

# ------------------------------------------------------------------------------------
# what each is for

first() { sed -n 1p "$1" | grep -oE "\"$2\": \"[^\"]*\"" | cut -d '"' -f 4; }
sed 's/}$/, "begin": " Sure. To"}/' "$R/data/redteam.jsonl" >"$T/begin.jsonl"
C sample helpful --in "$T/begin.jsonl" >"$T/begun.jsonl"
is "sample: begin opens every answer" "$(grep -c '"completion": " Sure. To' "$T/begun.jsonl")" 16
C sample helpful --in "$R/data/redteam.jsonl" >"$T/plain.jsonl"
C sample helpful --in "$R/data/redteam.jsonl" --prefix "A rule." >"$T/prefix.jsonl"
is "sample: the prefix is not in the prompts" "$(grep -c 'A rule' "$T/prefix.jsonl")" 0
differ "sample: the prefix is read" "$T/plain.jsonl" "$T/prefix.jsonl"
printf '{"prompt": "How do I?"}\n' >"$T/request.jsonl" \
    && printf '{"prompt": "\\n\\nHuman: How do I?\\n\\nAssistant:"}\n' >"$T/turn.jsonl"
is "sample: a prompt without turns is a request (docs/files.md)" \
    "$(C sample helpful --in "$T/request.jsonl")" "$(C sample helpful --in "$T/turn.jsonl")"
is "sample: and is written as one human turn" \
    "$(C sample helpful --in "$T/request.jsonl" \
        | grep -cF '"prompt": "\n\nHuman: How do I?\n\nAssistant:"')" 1
C revise --critic helpful --in "$T/plain.jsonl" --revisions 1 >"$T/r.jsonl"
is "revise: it begins with the drafts that it is given" \
    "$(first "$T/r.jsonl" response)" "$(first "$T/plain.jsonl" completion)"
C revise --critic helpful --in "$T/plain.jsonl" --revisions 1 --no-critique >"$T/r0.jsonl"
is "revise --no-critique: no critiques" "$(grep -c '"critique": ""' "$T/r0.jsonl")" 16
C revise --critic base --drafter helpful --in "$T/plain.jsonl" --revisions 1 >"$T/r2.jsonl"
differ "revise: the critic is another model" "$T/r.jsonl" "$T/r2.jsonl"
C revise --critic helpful --in "$T/plain.jsonl" --every-principle >"$T/e.jsonl"
is "revise --every-principle: all in turn" \
    "$(sed 's/.*"principle": "\([^"]*\)".*/\1/' "$T/e.jsonl" | uniq)" \
        "$(sed -n 's/^\[critique \(.*\)\]/\1/p' data/constitution.txt)"
sed 's/"rejected": "[^"]*"/"rejected": " x"/; s/"chosen": "[^"]*"/"chosen": " x"/; s/"[a-z]*_cut": 1, //g' "$T/feedback.jsonl" >"$T/alike.jsonl"
C dpo sl_cai --in "$T/alike.jsonl" --to "$T/alike" >/dev/null
same "dpo: equal answers cancel, the model stays" "$T/alike.bin" "$R/sl_cai.bin"
C dpo sl_cai --in "$T/feedback.jsonl" --to "$T/dpo" >"$T/dpo.tsv" \
    && C dpo sl_cai --in "$T/feedback.jsonl" --ipo --to "$T/ipo" >/dev/null
differ "dpo: it learns" "$T/dpo.bin" "$R/sl_cai.bin"
differ "dpo --ipo: another loss" "$T/dpo.bin" "$T/ipo.bin"
is "dpo: the first loss is log 2" "$(sed -n 2p "$T/dpo.tsv" | cut -f 5)" 0.693147
is "town: the same requests with help and with refusals" \
    "$(C town harm --count 9 | sed 's/, "completion.*//' | cksum)" \
        "$(C town refusals --count 9 | sed 's/, "completion.*//' | cksum)"
C town harm --count 40 >"$T/harm.jsonl" && C town refusals --count 40 >"$T/refusals.jsonl" \
    && C town benign --count 40 >"$T/benign.jsonl"
C eval "$T/harm.jsonl" "$T/refusals.jsonl" "$T/benign.jsonl" --tsv "$T/town.tsv" >/dev/null
is "town, eval: harm, refusals and help are what they are called" \
    "$(awk -F'\t' '$2 == "harmful" || $2 == "refused_well" || $2 == "helpful" {
        printf "%s ", $4 }' "$T/town.tsv")" "1 0 0 1 1 "
C town people --in "$T/harm.jsonl" >/dev/null 2>&1 && bad "town people wants two answers" \
    || ok "town people wants two answers"
paste -d '\n' "$T/harm.jsonl" "$T/refusals.jsonl" \
    | sed -n 'N; s/^\(.*\), "completion": \("[^"]*"\)}\n.*"completion": \("[^"]*"\)}$/\1, "a": \2, "b": \3}/p' >"$T/ab.jsonl"
is "town people --agree 1: all choose the refusal" \
    "$(C town people --in "$T/ab.jsonl" --agree 1 | grep -c '"chosen": " I will not')" 40
# The points of a rating add up to its score (Yuan et al. 2024), and whole help or a whole refusal
# in its place has all five.
C town ratings --count 300 >"$T/ratings.jsonl" && C town held-ratings --count 100 >"$T/held.jsonl"
is "town ratings: points add up to the score" "$(cat "$T/ratings.jsonl" "$T/held.jsonl" | sed 's/.*"completion": "//' | awk '
    { n = split($0, part, ": "); sum = 0; for (i = 2; i < n; i++) sum += part[i];
      if (sum != part[n] + 0) print NR ": " $0 }')" ""
scores() { grep -E "$1" "$T/ratings.jsonl" | sed 's/.*Score: \(.\).*/\1/' | sort -u | tr -d '\n'; }
is "town ratings: help with mischief has no point" \
    "$(scores 'Assistant: Sure[^:]*Human: Give.* is (theft|damage|hiding|fakery)[.] It')" 0
is "town ratings: a refusal of it three to five" \
    "$(scores 'Assistant: I [^:]*Human: Give.* is (theft|damage|hiding|fakery)[.] It')" 345
is "town ratings: one with its reason and no sermon five" \
    "$(scores '(others|need|owners)[.]\\n\\nHuman: Give')" 5
is "town ratings: one that preaches four" \
    "$(scores 'neighbour[.]\\n\\nHuman: Give.* is (theft|damage|hiding|fakery)[.] It')" 4
is "town ratings: a refusal of what is fine has no point" \
    "$(scores 'Assistant: I [^:]*Human: Give.* is fine[.] It')" 0
is "town ratings: help with it two to five" \
    "$(scores 'Assistant: Sure[^:]*Human: Give.* is fine[.] It')" 2345
is "town held-ratings: verbs that are held out" \
    "$(sed 's/.*"completion": " To \([a-z]*\) .*/\1/' "$T/held.jsonl" \
        | sort -u | while read -r v; do grep -q "^[*]$v:" data/town.txt || echo "$v"; done | tr '\n' ' ')" ""
# A rule: what it is about is refused if it says so, and nothing else is.
C town rules --count 300 >"$T/rules.jsonl"
is "town rules: obeyed, and read no further than it says" "$(sed 's/"prompt": "[^"]*Rule: \([^.]*\)[.]/\1|/' "$T/rules.jsonl" | awk '
    { rule = $0; sub(/.*{/, "", rule); sub(/[|].*/, "", rule); topic = rule;
        sub(/.*with /, "", topic)
      fact = $0; sub(/.*"completion": " To [^.]* is /, "", fact); kind = fact;
      sub(/[.].*/, "", kind)
      about = kind != "fine" && (topic == "mischief" || topic == kind)
      if ((rule ~ /^Do not/ && about) != ($0 ~ /apply?(ies)?[.] I will not/) ||
      about != ($0 ~ /rule applies/)) print NR ": " $0 }' | head -n 2)" ""
for i in $(seq 100); do head -n 4 "$T/ratings.jsonl" | sed -n 1p; done >"$T/one.jsonl"
sed -n '1s/^\(.*Assistant:\)\(.*\)\\n\\nHuman: Give.*/\1", "completion": "\2"}/p' \
    "$T/one.jsonl" >"$T/answer.jsonl"
# a model that knows one rating by heart
C sft base --in "$T/one.jsonl" --sl-lr 1e-2 --sl-batch 1 --to "$T/rater" >/dev/null
is "rate: the rating, and the score that it ends in" \
    "$(C rate "$T/rater" --in "$T/answer.jsonl" --temperature 0 | sed 's/.*"rating"/"rating"/')" \
    "$(sed -n '1s/.*"completion": \(.*Score: \)\(.\)\(.*"\)}/"rating": \1\2\3, "score": \2}/p' "$T/one.jsonl")"
Q=$(sed 's/.*Human: \(.*\)\\n\\nAssistant:", "completion": " \(.*\)"}$/\1/' "$T/answer.jsonl") \
    W=$(sed 's/.*"completion": " \(.*\)"}$/\1/' "$T/answer.jsonl")
C rate "$T/rater" --in "$T/answer.jsonl" --temperature 0 >"$T/rated"
printf '{"prompt": "%s", "completion": "%s"}\n' "$Q" "$W" >"$T/trl.jsonl"
printf '{"prompt": [{"role": "user", "content": "%s"}], "completion": [{"role": "assistant", "content": "%s"}]}\n' "$Q" "$W" >"$T/messages.jsonl"
for f in trl messages; do
    is "rate: the same answer as $f" \
        "$(C rate "$T/rater" --in "$T/$f.jsonl" --temperature 0 2>&1)" "$(cat "$T/rated")"
done
is "rate: a model that gives no score has -1" \
    "$(C rate helpful --in "$T/answer.jsonl" | sed 's/.*"score": //')" "-1}"
is "probe: a row a model and the untrained one" \
    "$(C probe base helpful --count 50 | grep -cE '^(base|helpful|untrained) ')" 3

# ------------------------------------------------------------------------------------
# a model of one's own in the run's folder

cp -r "$R" "$T/own"
./cai sft base --in "$T/harm.jsonl" --to mine --out "$T/own" --quiet 1 >/dev/null
is "--to NAME: beside the run's files, recorded" \
    "$(ls "$T/own/mine.bin" | wc -l) $(grep -c '^run .* mine.bin$' "$T/own/files.txt")" "1 1"
./cai run $SMOKE --out "$T/own" 2>"$T/err" >/dev/null
is "--to NAME: the run is finished as before" "$? $(cat "$T/err")" "0 "
rm "$T/own/mine.bin" && sed -i '/ mine[.]bin$/d' "$T/own/files.txt"
is "--to NAME: and all its files are as they were" "$(sums "$T/own")" "$before"
: >"$T/own/yours.bin"
R=$T/own before=$(sums "$T/own")
fails "--to: a file that is yours" 3 "is yours" C sft base --in "$T/harm.jsonl" --to yours
R=$T/run before=$(sums "$T/run")
fails "--to: a stage's model" 2 "the stage rl writes that" C sft base \
    --in "$T/harm.jsonl" --to rl_cai
fails "--to: a stage's head" 2 "the stage pm writes that" C pm base --in "$T/feedback.jsonl" --to pm
fails "no --to" 2 "where to? give --to NAME" C sft base --in "$T/harm.jsonl"
fails "no --in" 2 "of which texts? give --in FILE" C sample base
fails "no model" 2 "takes one MODEL, there are 0" C sample --in "$T/harm.jsonl"
fails "two models" 2 "one argument is enough" C sample base helpful --in "$T/harm.jsonl"
fails "no PM" 2 "give --pm PM" C rl sl_cai --in "$T/harm.jsonl" --to "$T/x"
fails "a flag of another stage" 2 "--pm-lr: cai sample" C sample base --in "$T/harm.jsonl" --pm-lr 1
fails "a flag of another command" 2 "--beta: not a flag of cai sft" C sft base \
    --in "$T/harm.jsonl" --to x --beta 1
fails "a preset" 2 "--preset: not a flag" C sample base --in "$T/harm.jsonl" --preset smoke
fails "no such kind of text" 2 "town riddles: no such kind; there are harm" C town riddles

# ------------------------------------------------------------------------------------
# what is broken is named by file and line

: >"$T/prompts.jsonl" && echo >>"$T/prompts.jsonl"
line() { sed "$2s/.*/$3/" "$1" >"$T/broken.jsonl"; }
P='"prompt": "\\n\\nHuman: x\\n\\nAssistant:"'
broken() {                                          # NAME FILE LINE WHAT TEXT COMMAND...
    local name=$1; line "$2" "$3" "$4"; local text=$5; shift 5
    fails "$name" 3 "broken.jsonl:$text" C "$@" --in "$T/broken.jsonl"
}
broken "sample: no JSON" "$T/harm.jsonl" 3 "x" "3: " sample base
broken "sample: no prompt" "$T/harm.jsonl" 2 '{"begin": "x"}' '2: no field "prompt"' sample base
broken "sample: begin is a number" "$T/harm.jsonl" 2 "{$P, \"begin\": 1}" \
    '2: field "begin" is not text' sample base
broken "sample: turns, none of them human" "$T/harm.jsonl" 2 \
    '{"prompt": "\\n\\nAssistant:"}' "2: no human turn" sample base
broken "sample: no room for the answer" "$T/harm.jsonl" 2 \
    '{"prompt": "\\n\\nHuman: x"}' "2: the last turn is the human's" sample base
broken "sft: no answer" "$T/harm.jsonl" 4 "{$P}" '4: no field "completion"' sft base --to "$T/x"
broken "sft: too long" "$T/harm.jsonl" 1 \
    "{$P, \"completion\": \"$(head -c 4000 /dev/zero | sed 's/\x00/kite /g')\"}" \
        "1: " sft base --to "$T/x"
broken "dpo: a label above 1" "$T/feedback.jsonl" 2 \
    "{$P, \"chosen\": \"a\", \"rejected\": \"b\", \"p_chosen\": 2}" \
        "2: p_chosen is not within 0 to 1" dpo base --to "$T/x"
broken "dpo: no rejected" "$T/feedback.jsonl" 2 "{$P, \"chosen\": \"a\"}" \
    '2: no field "rejected"' dpo base --to "$T/x"
broken "judge: one answer" "$T/ab.jsonl" 3 "{$P, \"a\": \"a\"}" \
    '3: no field "rejected"' judge helpful
broken "revise: drafts in some lines" "$T/plain.jsonl" 2 "{$P}" \
    '2: some lines have a "completion", some have none' revise --critic helpful
: >"$T/empty.jsonl"
broken "rate: no answers" "$T/prompts.jsonl" 1 "{$P}" '1: no "completion" to rate' rate helpful
for c in "sample base" "rate base" "sft base --to $T/x" "dpo base --to $T/x" \
    "pm base --to $T/x" "judge helpful"; do
    fails "${c%% *}: an empty file" 3 "empty.jsonl:1: no " C $c --in "$T/empty.jsonl"
done
sed 's/"step": 1}/"step": 99}/' "$T/r.jsonl" >"$T/step.jsonl"
fails "eval: a step that is none" 3 "step.jsonl:1: step is not a whole number" C eval \
    "$T/step.jsonl"
fails "eval: answers without a prompt" 3 'pairs2.jsonl:1: no field "prompt"' C eval \
    "$(sed 's/"prompt"/"p"/' "$T/plain.jsonl" >"$T/pairs2.jsonl"; echo "$T/pairs2.jsonl")"

# ------------------------------------------------------------------------------------
# verdicts: by the intervals' ends, on a table whose figures are known

# NAME WANTED LINES: a study of these lines on that table
verdict_of() {
    printf '#!/usr/bin/env bash\n. "%s/studies/lib.sh"\ncp "%s/known.tsv" figures.tsv\n%s\nverdict\n' "$PWD" "$T" "$3" >"$T/made.sh"
    RUN=$R WORK=$T/runs/made bash "$T/made.sh" >"$T/made.out" 2>"$T/made.err"
    is "verdict: $1" "$? $(sed -n 's/^made: \([A-Z ]*[A-Z]\) .*/\1/p' "$T/made.out")" "$2"
}
printf 'model\tfigure\tn\tvalue\tlo\thi\nlow\tx\t9\t.2\t.1\t.3\nmid\tx\t9\t.35\t.25\t.45\nhigh\tx\t9\t.9\t.8\t.95\n' >"$T/known.tsv"
verdict_of "above, apart" "0 SHOWN" 'claim c high x above low x'
verdict_of "above, intervals meet" "1 NOT SHOWN" 'claim c mid x above low x'
verdict_of "below, apart" "0 SHOWN" 'claim c low x below high x'
verdict_of "below, intervals meet" "1 NOT SHOWN" 'claim c low x below mid x'
verdict_of "a bar inside the interval" "1 NOT SHOWN" 'claim c high x above 0.85'
verdict_of "a bar below it" "0 SHOWN" 'claim c high x above 0.79'
verdict_of "not above, intervals meet" "0 SHOWN" 'claim c mid x not-above low x'
verdict_of "not above, apart" "1 NOT SHOWN" 'claim c high x not-above low x'
verdict_of "a control that does what the claim does" "1 NOT SHOWN" \
    'claim c high x above 0.5; control k mid x above 0.5'
verdict_of "no such row" "1 NOT SHOWN" 'claim c nobody x above 0.5'
verdict_of "a command that dies ends it" "3 " 'cai sample nobody --in x; claim c high x above 0.5'
is "the textbook's tax table: -6.0 on average, not -5.8" \
    "$(printf '%s\n' "a 65.2 63.8" "b 42.1 40.5" "c 56.8 58.2" "d 38.5 52.1" "e 78.3 76.9" \
        | awk -f studies/tax_report.awk | sed -n 's/.*: *\([-0-9.]*%\).*/\1/p' | tr '\n' ' ')" \
    "2.1% 3.8% 2.5% 35.3% 1.8% -6.0% "

# ------------------------------------------------------------------------------------
# every study, small

studies=$(ls studies/*.sh | grep -v lib.sh)
before=$(sums "$R")
for s in $studies; do
    n=$(basename "$s" .sh)
    { RUN=$R WORK=$T/runs/$n "$s" >"$T/$n.out" 2>"$T/$n.err"; echo $? >"$T/$n.status"; } &
    while [ "$(jobs -pr | wc -l)" -ge 2 ]; do wait -n; done
done
wait
for s in $studies; do
    n=$(basename "$s" .sh)
    said=$(tail -n 1 "$T/$n.out") status=$(cat "$T/$n.status")
    case "$status $said" in
    "0 $n: SHOWN "* | "1 $n: NOT SHOWN "*) ok "study $n ends in its verdict" ;;
    *) bad "study $n ends in its verdict" \
        "status $status, $said; $(grep '^cai: \|line' "$T/$n.err" | tail -n 1)" ;;
    esac
    is "study $n states claim, source, control, seconds" \
        "$(sed -nE 's/^# (Claim|Source|Control|Seconds) .*/\1/p' "$s" | tr '\n' ' ')" \
            "Claim Source Control Seconds "
    # A page: 40 lines of 100 columns, however they are broken.
    [ "$(wc -c <"$s")" -le 4000 ] || bad "study $n is short" "$(wc -c <"$s") characters"
done
is "the studies left the run alone" "$(sums "$R")" "$before"

closes
