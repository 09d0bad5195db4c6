#!/usr/bin/env python3
"""tests/others/cases.py CAI RUN MODEL N FOLDER -- what cai says of N prompts, for the programs that
are not ours.

Writes FOLDER/cases (JSON lines: prompt, ids, greedy, completion_ids, logprobs) and FOLDER/texts
(text, ids).
SPDX-License-Identifier: MIT
"""
import json
import random
import subprocess
import sys

cai, run, model, n, folder = sys.argv[1:]
HARD = ["é wörld ▲ 12", "a  b   c", " leading", "trailing ", "tab\there", "\n",
        "\n\n\n", "kite", "😀 Ω", "<0x41> <s", "Human:Assistant:",
        "aaaaaaaaaaaaaaaaaaaa", "12345 67.89", "quote \" back \\ slash", "The the THE"]


def logprobs(pairs):
    lines = "".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in pairs)
    out = subprocess.run([cai, "logprob", "--out", run, "--model", model],
                         input=lines, capture_output=True, text=True, check=True)
    return [json.loads(s) for s in out.stdout.splitlines()]


rows = [json.loads(s) for s in open(f"{run}/data/corpus.jsonl")]
rng = random.Random(1)
texts = [t["text"] for t in rows[:40]] + HARD
words = [w for t in rows for w in t["text"].split()]
texts += [" ".join(rng.choices(words, k=rng.randint(1, 30))) for _ in range(400 - len(texts))]
ASKED = ("redteam", "helpful", "eval_redteam", "eval_helpful", "eval_contrast")      # a smoke run has few of each
prompts = [json.loads(s)["prompt"] for f in ASKED for s in open(f"{run}/data/{f}.jsonl")][:int(n) - 2] + HARD[:2]
with open(f"{folder}/texts", "w") as f:
    for text, r in zip(texts, logprobs([(t, "x") for t in texts])):
        f.write(json.dumps({"text": text, "ids": r["prompt_tokens"]}) + "\n")
with open(f"{folder}/cases", "w") as f:
    for p, r in zip(prompts,
                    logprobs([(p, " I will not help you with the kite.") for p in prompts])):
        greedy = subprocess.run([cai, "generate", model, "--out", run, "--prompt",
                                 p, "--temperature", "0", "--max-new", "16"],
                                capture_output=True, text=True, check=True).stdout[:-1]
        f.write(json.dumps({"prompt": p, "ids": r["prompt_tokens"], "greedy": greedy,
                            "completion_ids": r["tokens"],
                            "logprobs": r["logprobs"]}) + "\n")
