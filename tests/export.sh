#!/usr/bin/env bash
# tests/export.sh -- what leaves is what programs that are not ours read: GGUF by llama.cpp,
# tokenizer.json by Hugging Face's tokenizers, weights and scores by a forward pass in PyTorch, data
# as TRL's trainers want it. Tied and untied heads, grouped queries, the preference model. `make
# others` brings the npm packages into build/others; Debian has python3-torch. RUN=FOLDER
# (environment): a finished run, instead of a smoke run.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OTHERS=${OTHERS:-$PWD/build/others}

R=${RUN:-$T/run}
[ -n "$RUN" ] || ./cai run --preset smoke --quiet --out "$R" >/dev/null || bad "the smoke run"
sums() { find "$R" -type f | sort | xargs cksum; }
before=$(sums)
./cai export rl_cai --out "$R" --gguf "$T/rl.gguf" >/dev/null 2>"$T/stderr"
is "export --gguf" "$? $(cat "$T/stderr")" "0 "
./cai export rl_cai --out "$R" --hf "$T/rl" >/dev/null 2>"$T/stderr"
is "export --hf" "$? $(cat "$T/stderr")" "0 "
./cai export pm --out "$R" --hf "$T/pm" >/dev/null 2>"$T/stderr"
is "export pm --hf" "$? $(cat "$T/stderr")" "0 "
./cai export --out "$R" --trl "$T/trl" >/dev/null 2>"$T/stderr"
is "export --trl" "$? $(cat "$T/stderr")" "0 "
is "the run is as it was" "$(sums)" "$before"

# fails NAME STATUS TEXT ARGUMENTS
fails() {
    local name=$1 status=$2 text=$3; shift 3
    ./cai export --out "$R" "$@" >"$T/stdout" 2>"$T/stderr"
    local got=$?
    case $(cat "$T/stderr") in "cai: "*"$text"*) ;; *) got="$got, $(cat "$T/stderr")" ;; esac
    is "$name" "$got $(grep -c '' "$T/stderr")" "$status 1"
}
fails "standard input is no place to write to" 2 "to -: a pipe or a device" --gguf -
fails "nor is a device" 2 "to /dev/null: a pipe or a device" --gguf /dev/null
fails "a file that is there is not written over" 3 "rl.gguf: is there already; remove it" \
    --gguf "$T/rl.gguf"
fails "nor are those of a folder" 3 "rl/config.json: is there already" --hf "$T/rl"
fails "no form"                                    2 "no form; give one of --gguf"
fails "two forms" 2 "one form at a time" --gguf "$T/a" --hf "$T/b"
fails "no score head in GGUF" 2 "GGUF has no place for the score head of pm" pm --gguf "$T/pm.gguf"
fails "a folder that cannot be made" 3 "No such file or directory" --hf "$T/no/where"
fails "a model that is not there" 3 "nothing.bin: is not there" nothing --gguf "$T/nothing.gguf"

have python3 "the forms, read by other programs" || { closes; exit; }

# An untied head of other numbers: the embedding, each row by its number's parity.
python3 - "$R/rl_cai.bin" "$T/untied.bin" <<'PY'
import array, struct, sys
b = open(sys.argv[1], "rb").read()
h = list(struct.unpack("<7i", b[:28]))
head = array.array("f", b[28:28 + 4 * h[0] * abs(h[5])])
for i in range(len(head)): head[i] *= 0.9 if i // h[0] % 2 else 1.1
h[5] = -h[5]
open(sys.argv[2], "wb").write(struct.pack("<7i", *h) + b[28:] + head.tobytes())
PY
./cai export --model "$T/untied.bin" --tokenizer "$R/tokenizer.bin" \
    --gguf "$T/untied.gguf" >/dev/null || bad "an untied model, --gguf"
./cai export --model "$T/untied.bin" --tokenizer "$R/tokenizer.bin" --hf "$T/untied" >/dev/null \
    || bad "an untied model, --hf"

# What their files must be, by their own descriptions.
python3 - "$T" <<'PY'
import json, os, struct, sys
T = sys.argv[1]
bad = []
for name in ("rl", "untied"):
    b = open(f"{T}/{name}.gguf", "rb").read()
    magic, version, tensors, fields = b[:4], *struct.unpack("<IQQ", b[4:24])
    if (magic, version) != (b"GGUF", 3) or len(b) % 32: bad.append(f"{name}.gguf {magic} {version} {len(b)}")
for name in ("rl", "pm", "untied"):
    b = open(f"{T}/{name}/model.safetensors", "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    header = json.loads(b[8:8 + n])
    ends = sorted(t["data_offsets"] for k, t in header.items() if k != "__metadata__")
    if n % 8 or ends[0][0] or ends[-1][1] != len(b) - 8 - n or any(x[1] != y[0] for x, y in zip(ends, ends[1:])): bad.append(name)
    config = json.load(open(f"{T}/{name}/config.json"))
    if ("lm_head.weight" in header) == config["tie_word_embeddings"]: bad.append(f"{name}: head")
    if ("score.weight" in header) != (config["architectures"] == ["LlamaForSequenceClassification"]): bad.append(f"{name}: score")
    tok = json.load(open(f"{T}/{name}/tokenizer.json"))
    if len(set(tok["model"]["vocab"].values())) != config["vocab_size"]: bad.append(f"{name}: vocabulary")
for name, keys in (("sft", {"prompt", "completion"}), ("preference", {"prompt", "chosen", "rejected", "p_chosen"}),
                   ("kto", {"prompt", "completion", "label"}), ("prompts", {"prompt"})):
    rows = [json.loads(s) for s in open(f"{T}/trl/{name}.jsonl")]
    if not rows or any(set(r) != keys for r in rows): bad.append(f"{name}.jsonl")
    if name == "preference" and any(r["p_chosen"] < 0.5 for r in rows): bad.append("the likelier answer is not the chosen one")
    if name == "kto" and sum(r["label"] for r in rows) * 2 != len(rows): bad.append("kto: not half of the labels")
for root, _, files in os.walk(T):
    for f in files:
        if f.endswith((".json", ".jsonl")): open(os.path.join(root, f), encoding="utf-8").read().encode("utf-8")
print("; ".join(bad))
sys.exit(bool(bad))
PY
is "headers, offsets, fields" "$?" 0
is "the card has the run's settings and figures" \
    "$(grep -c '^lambda-kl \|^Elo\|^# rl_cai' "$T/rl/README.md")" \
    "$((1 + $(grep -c '^lambda-kl ' "$R/flags.txt") + $(grep -c '^Elo' "$R/summary.txt")))"

python3 tests/others/cases.py ./cai "$R" rl_cai 45 "$T" || bad "cases to compare"
mkdir "$T/u" && mkdir "$T/urun" && cp -r "$R/data" "$R/tokenizer.bin" "$T/urun" \
    && cp "$T/untied.bin" "$T/urun/rl_cai.bin" \
    && python3 tests/others/cases.py ./cai "$T/urun" rl_cai 12 "$T/u" \
        || bad "cases of the untied model"
# Scores that the run's evaluation wrote, with the tokens of prompt and answer.
python3 - "$R" >"$T/pairs" <<'PY'
import json, sys
rows = [json.loads(s) for s in open(sys.argv[1] + "/judged.jsonl")]
for r in [r for r in rows if r["judge"] == "pm"][:20]:
    for side in "ab":
        if r[side]: print(json.dumps({"prompt": r["prompt"], "completion": r[side], "score": r["score_" + side]}))
PY
./cai logprob --out "$R" --model pm --in "$T/pairs" >"$T/tokens"
python3 - "$T" <<'PY'
import json, sys
T = sys.argv[1]
with open(T + "/scores", "w") as f:
    for pair, r in zip(open(T + "/pairs"), open(T + "/tokens")):
        r = json.loads(r)
        f.write(json.dumps({"ids": r["prompt_tokens"] + r["tokens"] + [1], "score": json.loads(pair)["score"]}) + "\n")
PY

# near NAME LINE LIMIT: the line says "N .., farthest X": N > 0 and X below the limit.
near() {
    if echo "$2" \
        | awk -v limit="$3" \
            '{ x = $NF + 0 } !($1 > 0 && $NF ~ /^[0-9]/ && x < limit) { exit 1 }'; then
        ok "$1: $2"
    else
        bad "$1" "$2"
    fi
}
torch=
for p in python3 /usr/bin/python3; do
    $p -c 'import torch' 2>/dev/null && torch=$p && break
done
if [ -n "$torch" ]; then
    near "PyTorch, log-probabilities" \
        "$($torch tests/others/forward.py "$T/rl" "$T/cases" 2>&1 | tail -n 1)" 2e-5
    near "PyTorch, an untied head" \
        "$($torch tests/others/forward.py "$T/untied" "$T/u/cases" 2>&1 | tail -n 1)" 2e-5
    near "PyTorch, differences of the PM's scores" \
        "$($torch tests/others/forward.py "$T/pm" "$T/scores" 2>&1 | tail -n 1)" 1e-5
else
    skip "no PyTorch (the weights, by another forward pass)"
fi
if [ -d "$OTHERS/node_modules/@huggingface/tokenizers" ] \
    && have node "ids by Hugging Face's tokenizers"; then
    is "Hugging Face's tokenizers, ids and texts" \
        "$(node tests/others/tokenizers.mjs "$T/rl/tokenizer.json" "$T/texts" 2>&1 | tail -n 3)" \
            "$(grep -c '' "$T/texts") equal, 0 different"
else
    skip "no @huggingface/tokenizers (ids; make others)"
fi
if [ -d "$OTHERS/node_modules/node-llama-cpp" ] && have node "GGUF by llama.cpp"; then
    for m in "rl cases 45" "untied u/cases 12"; do
        read -r model cases n <<<"$m"
        said=$(node tests/others/llama.mjs "$T/$model.gguf" "$T/$cases" 2>&1 | tail -n 4)
        case $said in "$n prompts, $n ids equal, $n greedy equal"*) ok "llama.cpp, $model: ids and greedy text of $n prompts" ;; *) bad "llama.cpp, $model" "$said" ;; esac
        near "llama.cpp, $model: log-probabilities" "$(echo "$said" | tail -n 1)" 2e-4
    done
else
    skip "no node-llama-cpp (GGUF; make others)"
fi

closes
