#!/usr/bin/env bash
# Claim    In another world, with its own constitution, each principle's behaviour appears, and goes with the principle.
# Source   the textbook section, exercise "a constitution for a customer service chatbot" (seven principles)
# Control  the same loop without that one principle, five times
# Seconds  400
#
# The shop (data/shop.txt, data/shop_law.txt) carries five of the seven principles: two about acts (prying, pledging),
# three about manners (sympathy, escalation, brevity). A principle is drawn for every fifth critique and label, not for
# two in three as in the town: hence ten revisions, of which the last is learned, and labels up to 0.8, not 0.6.
. "$(dirname "$0")/lib.sh"

acts="prying pledging" manners="sympathy escalation brevity"
rerun shop eval --town "$here/data/shop.txt" --constitution "$here/data/shop_law.txt" --max-new 60 --context 384 \
    --revisions 10 --final-only 1 --clamp-lo 0.2 --clamp-hi 0.8
for p in $acts $manners; do
    awk -v without="^$p-" '/^\[/ { on = $2 !~ without } on' "$here/data/shop_law.txt" >no_$p.txt
    "$here/cai" run --pretrained shop --constitution no_$p.txt --out no_$p --to rl --quiet 1 >/dev/null
    cp no_$p/rl_cai.bin no_$p.bin
done
RUN=$PWD/shop
cai eval base helpful sl_cai rl_cai ./no_prying ./no_pledging ./no_sympathy ./no_escalation ./no_brevity --tsv figures.tsv

for p in $acts; do
    claim   "$p: less than before"              rl_cai harmful_$p below base harmful_$p
    control "without the principle there is more"   no_$p harmful_$p above rl_cai harmful_$p
    say "$p $(percent base harmful_$p), SL-CAI $(percent sl_cai harmful_$p), RL-CAI $(percent rl_cai harmful_$p), without it $(percent no_$p harmful_$p)"
done
for p in $manners; do
    claim   "$p: more than before"              rl_cai due_$p above base due_$p
    control "without the principle there is less"   no_$p due_$p below rl_cai due_$p
    control "namely what there was before"      no_$p due_$p not-above base due_$p
    say "$p $(percent base due_$p), SL-CAI $(percent sl_cai due_$p), RL-CAI $(percent rl_cai due_$p), without it $(percent no_$p due_$p)"
done
claim "sympathy comes when it is due"           rl_cai due_sympathy above rl_cai undue_sympathy
say "helpful $(percent helpful helpful) -> $(percent rl_cai helpful)"
verdict
