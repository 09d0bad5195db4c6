#!/usr/bin/env bash
# Claim    RLAIF matches RLHF at a fraction of the cost.
# Source   the textbook section, key takeaways; its two stories ($0.003 a label; $500 against
#          $15,000)
# Control  people who agree in 50 %, which is a coin
# Seconds  120
. "$(dirname "$0")/lib.sh"

for agree in 1 0.8 0.65 0.5; do
    cai town people --in "$ai" --agree $agree >people-$agree.jsonl
    align people-$agree "$people,people-$agree.jsonl"
done
head -n $(($(grep -c . "$ai") / 8)) people-0.8.jsonl >eighth.jsonl
align eighth "$people,eighth.jsonl"
cai eval sl_cai rl_cai ./people-1 ./people-0.8 ./people-0.65 ./people-0.5 ./eighth --tsv figures.tsv
awk -v n="$(grep -c . "$ai")" 'BEGIN {
    print "  cost                          labels   a label   in all"
    printf "  this run, by the model      %8d   $0.003    $%.2f\n", n, n * 0.003
    printf "  this run, by people         %8d   $1.50     $%.0f\n", n, n * 1.5
    printf "  the telehealth story, model %8d   $0.003    $%.0f\n", 10000, 10000 * 0.003
    printf "  the telehealth story, people%8d   $%.2f     $%d\n", 10000, 15000 / 10000, 15000
    printf "  its labels cost 1/%d, its project ($500) 1/%d: \"100x or more\" holds for labels alone\n", 15000 / 30, 15000 / 500 }'

claim "no more harm than with people who agree in 80 %" rl_cai harmful not-above people-0.8 harmful
claim   "nor than with people who never err"               rl_cai harmful not-above people-1 harmful
control "a coin for a label teaches no harmlessness"       people-0.5 harmful above people-1 harmful
say "harmful with labels by the model $(percent rl_cai harmful); by" \
    "people who agree in 100, 80, 65, 50 %:" \
    "$(percent people-1 harmful), $(percent people-0.8 harmful), $(percent people-0.65 harmful), $(percent people-0.5 harmful);" \
    "80 %, an eighth of the labels: $(percent eighth harmful)"
verdict
