#!/usr/bin/env bash
# tests/metrics.sh -- what other programs make of a run's files: metrics under one header with steps
# in the column "step" and numbers of items in "n", TRL's names; JSON lines that a strict reader
# takes, whatever a half-trained model wrote.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
command -v python3 >/dev/null || {
    printf '%s\n' '0 passed, 0 failed, 1 skipped' \
        'skipped: no python3 (metrics and JSON as other programs read them)'
    exit 0
}
./cai run --preset smoke --quiet --rl-iters 4 --out "$T/run" >/dev/null || exit 1
python3 - "$T/run" <<'PY'
import csv, glob, json, math, sys
run = sys.argv[1]
counts = {True: 0, False: 0}
def holds(name, fine, why=""):
    counts[bool(fine)] += 1
    print(("ok - " if fine else "not ok - ") + name + ("" if fine else ": " + str(why)[:300]))
HEADER = ["stage", "step", "metric", "seed", "value", "n"]
def table(path):
    rows = list(csv.reader(open(path), delimiter="\t"))
    return rows[0], [dict(zip(HEADER, r)) for r in rows[1:] if len(r) == 6], len(rows) - 1
whole, all_rows, n = table(run + "/metrics.tsv")
holds("metrics.tsv: one header, six columns", whole == HEADER and len(all_rows) == n > 100, (whole, len(all_rows), n))
parts = []
for path in glob.glob(run + "/metrics/*.tsv"):
    head, rows, k = table(path)
    holds(path[len(run) + 1:] + ": the same header", head == HEADER and len(rows) == k, (head, len(rows), k))
    parts += rows
key = lambda r: sorted(r.items())
holds("metrics.tsv has all of them, and no header twice", sorted(map(key, parts)) == sorted(map(key, all_rows)))
holds("step: whole numbers, 0 in eval", all(r["step"].isdigit() and (r["stage"] != "eval" or r["step"] == "0") for r in all_rows))
holds("n: of every figure of eval, of nothing else", all((r["stage"] == "eval") == r["n"].isdigit() for r in all_rows if r["n"] or r["stage"] == "eval"))
holds("values are numbers", all(isinstance(float(r["value"]), float) for r in all_rows))
rl = {(r["metric"], int(r["step"])): float(r["value"]) for r in all_rows if r["stage"] == "rl"}
steps = range(4)
holds("rl: episode counts answers", [rl["episode", k] for k in steps] == [8, 16, 24, 32], rl)
# up in two iterations, then linear to 0 two iterations after the last
lr = [rl["lr", k] / 3e-4 for k in steps]
holds("rl: lr is the schedule's", all(math.isclose(lr[k], min(1, (k + 1) / 2, (6 - k) / 4), rel_tol=1e-5) for k in steps), lr)
holds("rl: entropy a token times length is that of an answer", all(math.isclose(rl["policy/entropy_avg", k] * rl["length", k],
      rl["objective/entropy", k], rel_tol=1e-4) for k in steps))
# the score counts from the level of its prompt, and one less where the answer was cut
rolls = [rl["objective/raw_scores", k] for k in steps]
holds("rl: raw scores are others than the levelled", all(abs(rolls[k] - rl["objective/scores", k]) > 1e-9 for k in steps))
holds("rl: explained variance is at most 1", all(rl["val/explained_var", k] <= 1 for k in steps))
trl = "episode lr objective/kl objective/entropy objective/non_score_reward objective/rlhf_reward objective/scores policy/approxkl_avg \
policy/clipfrac_avg policy/entropy_avg loss/policy_avg loss/value_avg val/clipfrac_avg val/ratio val/ratio_var val/num_eos_tokens".split()
holds("rl: TRL's names, but for eps", all((name, 0) in rl for name in trl), [x for x in trl if (x, 0) not in rl])
odd = 0
for path in glob.glob(run + "/**/*.jsonl", recursive=True):
    why = ""
    for i, line in enumerate(open(path, encoding="utf-8"), 1):
        odd += "\\uef" in line
        try: json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8")
        except ValueError as e: why = f"line {i}: {e}"
    holds(path[len(run) + 1:] + ": strict JSON", not why, why)
holds("a half-trained model wrote bytes that are no text: there is something to see", odd > 0)
print(f"{counts[True]} passed, {counts[False]} failed")
sys.exit(counts[False] > 0)
PY
