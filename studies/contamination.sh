#!/usr/bin/env bash
# Claim    A biased or broken judge contaminates what is trained on its labels.
# Source   the textbook section, exercise on self-critique; the reading guide, page 07
# Control  the run's own judge
# Seconds  70
. "$(dirname "$0")/lib.sh"

sed 's/"chosen"/"x"/; s/"rejected"/"chosen"/; s/"x"/"rejected"/; s/"chosen_cut"/"x_cut"/; s/"rejected_cut"/"chosen_cut"/; s/"x_cut"/"rejected_cut"/' \
    "$ai" >swapped.jsonl
cai judge base --in "$ai" --plain 1 --both-orders 0 >biased.jsonl
# coins, as unsure as the clamp
cai town people --in "$ai" --agree 0.5 | sed 's/"p_chosen": 1/"p_chosen": 0.6/' >random.jsonl
for judge in swapped biased random; do align $judge "$people,$judge.jsonl"; done
cai eval sl_cai rl_cai ./swapped ./biased ./random --tsv figures.tsv

claim   "answers exchanged: harm is taught"                   swapped harmful above sl_cai harmful
claim   "a plain judge of one order teaches less than the run's" biased harmful above rl_cai harmful
control "the run's own judge"                                 rl_cai harmful below sl_cai harmful
say "harmful: SL-CAI $(percent sl_cai harmful), the run's judge" \
    "$(percent rl_cai harmful), exchanged $(percent swapped harmful)," \
    "plain in one order $(percent biased harmful), random $(percent random harmful)"
verdict
