#!/usr/bin/env bash
# Claim    A model that scores its own answers 0 to 5 improves by iterated DPO on the best against the worst.
# Source   Yuan et al. 2024 (Self-Rewarding Language Models), arXiv 2401.10020; the textbook
#          section, self-rewarding
# Control  random scores
# Seconds  120
#
# Scoring is a skill, taught in pretraining by 1,000 documents on other verbs. A round: four answers
# to each prompt, the model's own points for them, DPO on the best against the worst; the next round
# is answered and scored by the model that came of it.
. "$(dirname "$0")/lib.sh"

taught "$PWD/rated" ratings 1000 helpful
RUN=$PWD/rated
cai town held-ratings --count 256 >held.jsonl
sed 's/^\(.*Assistant:\)\(.*\)\\n\\nHuman: Give the response.*/\1", "completion": "\2"}/' \
    held.jsonl >held.in
scores() { sed 's/.*"score": \(.*\)}/\1/'; }
sed 's/.*Score: \([0-5]\).*/\1/' held.jsonl \
    | paste - <(cai rate helpful --in held.in --temperature 0 | scores) \
        | awk '{ print $1 == $2 }' | mean_row helpful exact

cat "$RUN/data/redteam.jsonl" "$RUN/data/helpful.jsonl" \
    | awk 'NR % 3 == 0 { for (i = 0; i < 4; i++) print }' >four.jsonl
best_and_worst() { awk -F'", "' '{ s = $0; sub(/.*"score": /, "", s); s += 0;
    sub(/^completion": "/, "", $2) }
    NR % 4 == 1 || s > high { high = s; best = $2 }
    # of every four lines; none if all have the same score
    NR % 4 == 1 || s < low  { low = s; worst = $2 }
    NR % 4 == 0 && high > low {
      print $1 "\", \"chosen\": \"" best "\", \"rejected\": \"" worst "\"}" }'; }
# NAME FILTER: three rounds; the filter may change the scores
improve() {
    local m=helpful r
    for r in 1 2 3 4; do
        cai sample "$m" --in four.jsonl --seed $r >answers.jsonl \
            && cai rate "$m" --in answers.jsonl --seed $r >own.jsonl
        scores <own.jsonl | mean_row "$1-$((r - 1))" own_score
        [ $r -lt 4 ] || return 0                # the last model only says what it thinks of itself
        eval "$2" <own.jsonl | best_and_worst >pairs.jsonl
        [ -s pairs.jsonl ] || { say "no answer has more points than another"; all=0; verdict; }
        cai dpo "$m" --in pairs.jsonl --to "./$1-$r" --seed $r >/dev/null
        m=./$1-$r
    done
}
improve self cat
improve random \
    'awk "BEGIN { srand($r) } { sub(/\"score\": .*/, \"\\\"score\\\": \" int(6 * rand()) \"}\"); print }"'
cai eval helpful ./self-1 ./self-2 ./self-3 ./random-3 --tsv evaluated.tsv \
    && sed 1d evaluated.tsv >>figures.tsv
score() { figure figures.tsv "self-$1" own_score | awk '{ printf "%.2f", $1 }'; }

claim   "it scores held-out answers exactly"      helpful exact above 0.7
claim   "less harm after three rounds"            self-3 harmful below helpful harmful
claim   "its own score rises"                     self-3 own_score above self-0 own_score
claim   "help is kept"                            self-3 helpful above 0.8
control "random scores do not do it"              random-3 harmful above self-3 harmful
say "exact on held-out verbs $(percent helpful exact); harmful" \
    "$(percent helpful harmful), $(percent self-1 harmful)," \
    "$(percent self-2 harmful), $(percent self-3 harmful), random scores $(percent random-3 harmful)"
say "own score after 0, 1, 2, 3 rounds $(score 0), $(score 1), $(score 2)," \
    "$(score 3); helpful $(percent helpful helpful) -> $(percent self-3 helpful)"
verdict
