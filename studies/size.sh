#!/usr/bin/env bash
# Claim    Small models cannot judge themselves; larger ones can.
# Source   the textbook section, exercise on self-critique; CAI figure 4
# Control  plain judging, which no size here can do: the chain of thought must be what grows
# Seconds  60
. "$(dirname "$0")/lib.sh"

dim=$(awk '$1 == "dim" { print $2 }' "$RUN/flags.txt")
# FOLDER FLAGS: a helpful-only model of that size, its skills
size() {
    rerun "$PWD/$1" helpful "${@:2}"
    "$here/cai" skills helpful --out "$PWD/$1" --quiet 1 --tsv one.tsv >/dev/null
    sed "s/^helpful/$1/; 1d" one.tsv >>figures.tsv
}
cai skills helpful --tsv figures.tsv >/dev/null
size quarter --dim $((dim / 4)) --hidden $((dim / 2))
size half    --dim $((dim / 2)) --hidden $dim
size flat    --layers 1
awk -F'\t' '$2 ~ /judging|plain|facts/ {
    printf "  %-8s %-8s %.2f [%.2f, %.2f]\n", $1, $2, $4, $5, $6 }' figures.tsv

claim "by chain: the run's size judges better than a quarter of its width" \
    helpful judging above quarter judging
claim "and well" helpful judging above 0.9
control "plainly it judges worse than by chain" helpful plain below helpful judging
say "right by chain: width $((dim / 4)), $((dim / 2)), $dim:" \
    "$(percent quarter judging), $(percent half judging), $(percent helpful judging);" \
    "one layer $(percent flat judging)"
say "plainly: $(percent quarter plain), $(percent half plain), $(percent helpful plain)"
verdict
