#!/usr/bin/env bash
# Claim    Without the KL penalty the policy learns to exploit the preference model: the score rises, the quality falls.
# Source   the textbook section, warning on the KL divergence penalty ("quickly"); E7
# Control  the same rate with the penalty
# Seconds  75
#
# The claim says "quickly": at the run's own rate it is looked at too, and at one about three times
# as large.
. "$(dirname "$0")/lib.sh"

pi() { cai rl sl_cai --pm pm --in "$prompts" --to ./"$1" "${@:2}" >"$1.tsv"; }
pi gentle --lambda-kl 0
pi free   --lambda-kl 0 --ppo-lr 1e-3 --rl-iters 30 --snapshots 5
pi bound  --ppo-lr 1e-3 --rl-iters 30
cai eval sl_cai rl_cai ./gentle $(ls free-*.bin | sort -t- -k2 -n | sed 's|^|./|') ./free ./bound \
    --tsv figures.tsv

last() { awk -F'\t' -v m="objective/$2" '$3 == m { v = $5 } END { printf "%.2f", v }' "$1.tsv"; }
first() { awk -F'\t' -v m="objective/$2" '$3 == m { printf "%.2f", $5; exit }' "$1.tsv"; }
echo "  score against KL, without the penalty (iteration, sqrt of KL, score):"
awk -F'\t' '$3 == "objective/sqrt_kl" { k[$2] = $5 } $3 == "objective/scores" { s[$2] = $5 }
    END { for (i = 0; i in k; i += 5) printf "    %2d %6.2f %6.2f\n", i, k[i], s[i] }' free.tsv

claim   "the quality falls below where it began"   free quality below sl_cai quality
claim   "helpfulness falls"                        free helpful below sl_cai helpful
control "with the penalty it does not"             bound quality above free quality
say "score $(first free scores) -> $(last free scores), helpful" \
    "$(percent sl_cai helpful) -> $(percent free helpful) without," \
    "$(percent bound helpful) with the penalty"
say "at the run's own rate, no penalty: harmful $(percent gentle harmful)," \
    "helpful $(percent gentle helpful): not quickly"
verdict
