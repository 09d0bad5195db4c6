#!/usr/bin/env bash
# tests/compare.sh -- `cai compare RUN RUN` on smoke runs: the settings that differ and no others;
# figures as metrics/eval.tsv has them, the difference and its interval worked out here anew; the
# requests whose answers changed, counted here anew; a run beside itself differs in nothing.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1

sed 's/fixes/mends/' data/constitution.txt >"$T/law.txt"; echo "# a word more" >>"$T/law.txt"
./cai run --preset smoke --quiet 1 --out "$T/a" >/dev/null 2>&1 || bad "a smoke run"
./cai run --preset smoke --quiet 1 --out "$T/b" --hard 1 --rl-iters 4 \
    --constitution "$T/law.txt" >/dev/null 2>&1 || bad "another"
cp -r "$T/a" "$T/same"
before=$(cat "$T"/a/* "$T"/b/* 2>/dev/null | cksum)

./cai compare "$T/a" "$T/b" >"$T/out" 2>"$T/error"
is "ends well" "$? $(cat "$T/error")" "0 "
is "settings that differ, and no others" \
    "$(sed -n '2,/^$/p' "$T/out" | sed '/^$/d' | tr -d '\n' | sed "s#$T#T#g")" \
    "  --constitution data/constitution.txt, T/law.txt  --hard 0, 1  --rl-iters 2, 4  constitution.txt: its text"
./cai compare "$T/a" "$T/same" >"$T/itself"
is "a run and its copy: no setting, no answer, no figure differs" \
    "$(sed -n 2p "$T/itself") $(grep -c ', 0 answers differ' "$T/itself") $(grep -E '^[^ ].*  \[|^  .*  \[' "$T/itself" | grep -vcE ' \+0(\.0+)?  \[')" "  none 1 0"
is "and none is marked" "$(grep -c ' \*$' "$T/itself")" 0

if have python3 "figures and answers, counted anew"; then
    python3 - "$T" >"$T/anew" <<'PY'
import json, math, sys
T = sys.argv[1]
def metrics(run): return {l.split("\t")[2]: float(l.split("\t")[4]) for l in list(open(f"{T}/{run}/metrics/eval.tsv"))if l.startswith("eval\t")}
def answers(run): return {r["prompt"]: r["completion"] for r in map(json.loads, open(f"{T}/{run}/answers.jsonl")) if r["model"] == "rl_cai"}
a, b = metrics("a"), metrics("b")
text, model, wrong, seen = open(T + "/out", errors="replace").read().split("\n\nRL-CAI's")[0], {"pretrained": "base", "helpful-only": "helpful", "SL-CAI": "sl_cai", "RL-CAI": "rl_cai"}, 0, 0
keys = {"harmful, %": "%s/harmful", "refused well, %": "%s/refused_well", "helpful, %": "%s/helpful", "Elo harmless, ties half": "%s/elo_harmless", "harmful, other verbs, %": "unseen/%s/harmful"}
title = ""
for line in text.split("\n"):
    if not line.startswith("  "): title = line
    word = line.split()
    if title not in keys or not word or word[0] not in model: continue
    k, s = keys[title] % model[word[0]], 1 if "Elo" in title else 100
    x, y = a[k], b[k]
    lo = x - y - math.sqrt((x - a[k + ".lo"]) ** 2 + (b[k + ".hi"] - y) ** 2)
    hi = x - y + math.sqrt((a[k + ".hi"] - x) ** 2 + (y - b[k + ".lo"]) ** 2)
    said = [float(w.strip("[],")) for w in word[1:6]]
    seen += 1
    if max(abs(p - s * q) for p, q in zip(said, (x, y, x - y, lo, hi))) > (0.5 if s == 1 else 0.05) + 1e-3: print("wrong:", title, line)
    if (lo > 0 or hi < 0) != line.endswith("*"): print("mark:", line)
print(seen, "figures")
p, q = answers("a"), answers("b")
print("%d requests stand in both runs, %d answers differ." % (len(p.keys() & q.keys()), sum(p[k] != q[k] for k in p.keys() & q.keys())))
PY
    is "figures, differences, intervals and marks" "$(sed '$d' "$T/anew")" "20 figures"
    is "requests and answers" "$(sed -n "s/^RL-CAI's answers: //p" "$T/out")" "$(tail -1 "$T/anew")"
fi
is "ten of them at most are shown" \
    "$(grep -ac '^request ' "$T/out" | awk '{ print ($1 > 0 && $1 <= 10) }')" 1
is "nothing was written" "$(cat "$T"/a/* "$T"/b/* 2>/dev/null | cksum)" "$before"

fails() {
    local want=$2
    shift 2
    "$@" >"$T/printed" 2>"$T/error"
    is "$NAME" "$? $(grep -c . "$T/error") $(grep -c "$want" "$T/error")" "$STATUS 1 1"
}
NAME="one folder" STATUS=2 fails x "takes the folders of two runs" ./cai compare "$T/a"
NAME="none" STATUS=2 fails x "takes the folders of two runs" ./cai compare
NAME="three" STATUS=2 fails x "one argument is enough" ./cai compare "$T/a" "$T/b" "$T/same"
NAME="a flag" STATUS=2 fails x "seed: not a flag of cai compare" ./cai compare \
    "$T/a" "$T/b" --seed 2
NAME="no run" STATUS=3 fails x "no finished run stands there" ./cai compare "$T/a" "$T/nothing"
rm "$T/same/metrics/eval.tsv"
NAME="a run that is not finished" STATUS=3 fails x \
    "no finished run stands there" ./cai compare "$T/a" "$T/same"

closes
