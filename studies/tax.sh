#!/usr/bin/env bash
# Claim    The alignment tax is real but small: alignment preserves most capabilities.
# Source   the textbook section, "The Alignment Tax" (AlignmentTaxReport)
# Control  RL-CAI finetuned on 100 texts at a hundred times the rate: the benchmarks must see that
# Seconds  25
. "$(dirname "$0")/lib.sh"

printf '%s\n' "MMLU 65.2 63.8" "HumanEval 42.1 40.5" "GSM8K 56.8 58.2" \
    "TruthfulQA 38.5 52.1" "HellaSwag 78.3 76.9" |
    awk -v title="the textbook's own table" -f "$here/studies/tax_report.awk"
cai town benign --count 100 >benign.jsonl
cai sft rl_cai --in benign.jsonl --sl-lr 2e-2 --sl-batch 8 --to ./forgetful >/dev/null
cai skills base helpful sl_cai rl_cai ./forgetful --tsv figures.tsv
report() {                                          # BASE ALIGNED: in the textbook's form
    for skill in facts places judging revising; do
        echo "$skill $(figure figures.tsv "$1" $skill) $(figure figures.tsv "$2" $skill)"
    done | awk -v title="$2 vs $1" -f "$here/studies/tax_report.awk"
}
report base helpful
report base rl_cai | tee report.txt

claim   "real: the language suffers"         rl_cai perplexity above base perplexity
for skill in facts places judging revising; do
    claim "small: $skill keeps nine tenths" rl_cai $skill above \
        "$(figure figures.tsv base $skill | awk '{ print 0.9 * $1 }')"
done
control "a model that forgets is seen"       ./forgetful facts below rl_cai facts
say "$(sed -n 's/ *Average tax *: */average tax /p' report.txt), perplexity" \
    "$(figure figures.tsv base perplexity | cut -c 1-4)" \
    "-> $(figure figures.tsv rl_cai perplexity | cut -c 1-4)"
say "helpful-only: facts $(percent base facts) -> $(percent helpful facts);" \
    "control: facts $(percent rl_cai facts) -> $(percent ./forgetful facts)"
verdict
