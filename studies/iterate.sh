#!/usr/bin/env bash
# Claim    Iterated self-improvement gains at first, then returns diminish and the model degrades after 2 to 3 rounds.
# Source   the textbook section, Code Fragment 17.3.3 (iterative_self_improvement)
# Control  critic and judge fixed at the start; random labels
# Seconds  120
#
# A round: two revisions of the model's own answers, SFT on them; pairs of answers, judged; DPO. The
# rule stops a run when the quality falls below 0.95 of the round before; here all rounds are made,
# and what the rule would do is said.
. "$(dirname "$0")/lib.sh"

cat "$RUN/data/redteam.jsonl" "$RUN/data/helpful.jsonl" | awk 'NR % 2' >prompts.jsonl
# NAME CRITIC-AND-JUDGE (self: the model of the round before) FLAGS
iterate() {
    local m=helpful r critic judge=$2
    for r in 1 2 3; do
        critic=$m; [ "$judge" = self ] || critic=$judge
        cai revise --critic "$critic" --drafter "$m" --in prompts.jsonl --revisions 2 --seed $r \
            | grep '"step": 2' >sft.jsonl
        cai sft "$m" --in sft.jsonl --to ./sft --seed $r >/dev/null
        cai pairs ./sft --in prompts.jsonl --ai-prefs "$(grep -c . prompts.jsonl)" \
            --seed $r >pairs.jsonl
        cai judge "$critic" --in pairs.jsonl --seed $r "${@:3}" >judged.jsonl
        cai dpo ./sft --in judged.jsonl --to "./$1-$r" --seed $r >/dev/null
        m=./$1-$r
    done
}
iterate self self
iterate fixed helpful
iterate random helpful --judge random
cai eval helpful ./self-1 ./self-2 ./self-3 ./fixed-1 ./fixed-2 ./fixed-3 ./random-3 \
    --tsv figures.tsv

best=$(for r in 1 2 3; do echo "$(figure figures.tsv self-$r quality) $r"; done \
    | sort -n | tail -n 1 | cut -d ' ' -f 2)
stop=$(for r in helpful self-1 self-2 self-3; do figure figures.tsv $r quality; done |
    awk 'NR > 2 && $1 < 0.95 * q && !s { s = NR - 1 } { q = $1 } END {
        print s ? "stops in round " s : "does not stop" }')
claim   "the first round gains"                        self-1 quality above helpful quality
claim   "the third is below the best"                  self-3 quality below self-"$best" quality
control "random labels gain less than judged ones"     random-3 quality below self-1 quality
say "quality $(percent helpful quality), $(percent self-1 quality)," \
    "$(percent self-2 quality), $(percent self-3 quality);" \
    "the rule of 0.95 $stop"
say "critic and judge fixed: $(percent fixed-1 quality)," \
    "$(percent fixed-2 quality), $(percent fixed-3 quality);" \
    "random labels, round 3: $(percent random-3 quality)"
verdict
