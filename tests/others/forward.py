#!/usr/bin/env python3
"""tests/others/forward.py FOLDER CASES -- log-probabilities, or a PM's scores, of the exported
safetensors by PyTorch.

A Llama as Hugging Face's: the halves of a head are rotated. Written from the form's description,
with no code of ours. CASES: JSON lines {"ids", "completion_ids", "logprobs"} or {"ids", "score"}.
Prints the largest difference; scores are compared by their differences, since the form has no place
for the constant.
SPDX-License-Identifier: MIT
"""
import json
import struct
import sys

import torch
import torch.nn.functional as F

folder, cases = sys.argv[1:]
config = json.load(open(folder + "/config.json"))
with open(folder + "/model.safetensors", "rb") as f:
    (size,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(size))
    data = f.read()
w = {}
for name, t in header.items():
    if name != "__metadata__":
        a, b = t["data_offsets"]
        assert t["dtype"] == "F32" and (b - a) == 4 * torch.Size(t["shape"]).numel()
        w[name] = torch.frombuffer(bytearray(data[a:b]),
                                   dtype=torch.float32).reshape(t["shape"]).double()
assert max(t["data_offsets"][1] for n, t in header.items() if n != "__metadata__") == len(data)
H, K, D = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]


def norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config["rms_norm_eps"]) * weight


def rotate(x):                                     # (heads, T, D)
    T = x.shape[1]
    angle = torch.arange(T).double()[:,
                                     None] * config["rope_theta"] ** (-torch.arange(0,
                                             D, 2).double() / D)
    cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
    half = torch.cat([-x[..., D // 2:], x[..., :D // 2]], -1)
    return x * cos + half * sin


def states(ids):
    x = w["model.embed_tokens.weight"][torch.tensor(ids)]
    T = len(ids)
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        h = norm(x, w[p + "input_layernorm.weight"])
        q, k, v = ((h @ w[p + f"self_attn.{c}_proj.weight"].T).reshape(T, -1, D).transpose(0, 1)
                   for c in "qkv")
        k, v = (t.repeat_interleave(H // K, 0) for t in (rotate(k), v))
        future = torch.ones(T, T, dtype=torch.bool).triu(1)
        o = F.softmax((rotate(q) @ k.transpose(1, 2) / D ** 0.5).masked_fill(future, float("-inf")),
                      -1) @ v
        x = x + o.transpose(0, 1).reshape(T, -1) @ w[p + "self_attn.o_proj.weight"].T
        h = norm(x, w[p + "post_attention_layernorm.weight"])
        x = x + (F.silu(h @ w[p + "mlp.gate_proj.weight"].T) * (h @ w[p
                + "mlp.up_proj.weight"].T)) @ w[p + "mlp.down_proj.weight"].T
    return norm(x, w["model.norm.weight"])


far, n, ours, theirs = 0.0, 0, [], []
for line in open(cases):
    case = json.loads(line)
    if "score" in case:
        theirs.append((states(case["ids"]) @ w["score.weight"].T)[-1].item())
        ours.append(case["score"])
        continue
    ids = case["ids"] + case["completion_ids"]
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    logp = F.log_softmax(states(ids) @ head.T, -1)
    for i, (token, value) in enumerate(zip(case["completion_ids"], case["logprobs"])):
        far = max(far, abs(logp[len(case["ids"]) - 1 + i, token].item() - value))
        n += 1
for a, b in zip(ours[1:], theirs[1:]):
    far = max(far, abs((a - ours[0]) - (b - theirs[0])))
    n += 1
print(f"{n} compared, farthest {far:.1e}")
