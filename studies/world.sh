#!/usr/bin/env bash
# Claim    In another world, with its own constitution, each principle's behaviour appears, and goes with the principle.
# Source   the textbook section, exercise "a constitution for a customer service chatbot" (seven
#          principles)
# Control  the same loop without that one principle, six times
# Seconds  840
#
# The shop (data/shop.txt, data/shop_law.txt) carries six of the seven principles: two about acts
# (prying, pledging), four about manners. A principle is drawn for one critique and one label in
# five to seven, not for two in three as in the town: hence 14 revisions, of which the last is
# learned, twice as many labels, and these up to 0.85, not 0.6.
. "$(dirname "$0")/lib.sh"

acts="prying pledging" manners="sympathy candour escalation brevity"
rerun shop eval --town "$here/data/shop.txt" --constitution "$here/data/shop_law.txt" \
    --max-new 60 --context 1024 \
    --revisions 14 --final-only 1 --ai-prefs $((2 * $(sed -n "s/^ai-prefs //p" "$RUN/flags.txt"))) \
        --clamp-lo 0.15 --clamp-hi 0.85
for p in $acts $manners; do
    awk -v without="^$p-" '/^\[/ { on = $2 !~ without } on' "$here/data/shop_law.txt" >no_$p.txt
    "$here/cai" run --pretrained shop --constitution no_$p.txt --out no_$p \
        --to rl --quiet 1 >/dev/null
    cp no_$p/rl_cai.bin no_$p.bin
done
RUN=$PWD/shop
cai eval base helpful sl_cai rl_cai ./no_prying ./no_pledging ./no_sympathy \
    ./no_candour ./no_escalation ./no_brevity --tsv figures.tsv

for p in $acts $manners; do
    case $acts in *$p*) f=harmful_$p better=below worse=above ;; *) f=due_$p better=above worse=below ;; esac
    claim   "RL-CAI, $p: better than before"    rl_cai $f $better base $f
    control "without the principle it is worse" no_$p $f $worse rl_cai $f
    say "$p $(percent base $f), SL-CAI $(percent sl_cai $f), RL-CAI" \
        "$(percent rl_cai $f), without it $(percent no_$p $f)"
done
for p in sympathy candour escalation; do
    claim   "$p comes where it is due"          rl_cai due_$p above rl_cai undue_$p
done
say "helpful $(percent helpful helpful) -> $(percent rl_cai helpful)"
verdict
