#!/usr/bin/python3
"""The shapes of tests/bench.c in PyTorch, with the settings that were fastest on the machines we
have: a thread a core, passive waiting, large allocations kept, large pages, and OpenBLAS's kernels
for the processor's widest vectors. Prints training and sampling rates in tokens/s, and ours
(build/bench, measured in turn with them, five times) as a ratio, pair by pair.
`make bench` runs it if the system's Python has torch (Debian: python3-torch).
SPDX-License-Identifier: MIT
"""
import os
import sys

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
FAST = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "OMP_NUM_THREADS": str(CORES),
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "1073741824",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
OURS = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}    # our own tiles
if "OPENBLAS_CORETYPE" not in os.environ and os.path.exists("/proc/cpuinfo"):
    flags = open("/proc/cpuinfo").read().split()
    if "avx512vl" in flags or "avx2" in flags:
        FAST["OPENBLAS_CORETYPE"] = "SkylakeX" if "avx512vl" in flags else "Haswell"
if any(os.environ.get(k) != v for k, v in FAST.items()):    # these count only from the start
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **FAST})

import statistics
import subprocess
import time
import torch
from torch.nn import functional as F

H, V, B, T = 4, 1024, 32, 128


def turn(x, cos, sin):                          # rotary positions on neighbouring pairs
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


def angles(D, n):
    a = torch.arange(n).float()[:, None] * 10000.0 ** (-torch.arange(0, D, 2).float() / D)
    return a.cos(), a.sin()


def norm(x, w):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w


def weights(L, C):
    hidden = (8 * C // 3 + 31) // 32 * 32
    new = lambda *s: (torch.randn(*s) / s[-1] ** 0.5).requires_grad_()
    one = lambda: torch.ones(C, requires_grad=True)
    layers = [dict(n1=one(), qkv=new(3 * C, C), o=new(C, C), n2=one(),
                   up=new(2 * hidden, C), down=new(C, hidden)) for _ in range(L)]
    return dict(emb=new(V, C), layers=layers, n=one())


def tensors(w):
    return [w["emb"], w["n"]] + [t for layer in w["layers"] for t in layer.values()]


def feed_forward(x, p):
    gate, up = F.linear(norm(x, p["n2"]), p["up"]).chunk(2, dim=-1)
    return x + F.linear(F.silu(gate) * up, p["down"])


def training(L, C):
    w, D = weights(L, C), C // H
    cos, sin = angles(D, T)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    step = torch.optim.AdamW(tensors(w), lr=1e-4)
    token = torch.randint(V, (B, T + 1))

    def one():
        x = w["emb"][token[:, :-1]]
        for p in w["layers"]:
            q, k, v = F.linear(norm(x, p["n1"]), p["qkv"]).view(B, T, 3, H,
                    D).permute(2, 0, 3, 1, 4)
            s = turn(q, cos, sin) @ turn(k, cos, sin).transpose(-1, -2) / D ** 0.5
            a = s.masked_fill(future, float("-inf")).softmax(-1) @ v
            x = x + F.linear(a.transpose(1, 2).reshape(B, T, C), p["o"])
            x = feed_forward(x, p)
        logits = F.linear(norm(x, w["n"]), w["emb"])
        step.zero_grad(set_to_none=True)
        F.cross_entropy(logits.reshape(-1, V), token[:, 1:].reshape(-1)).backward()
        step.step()
    return B * T / median(one)


@torch.inference_mode()
def sampling(L, C, streams, n=128):
    w, D = weights(L, C), C // H
    cos, sin = angles(D, n)
    K, U = torch.zeros(L, streams, H, n, D), torch.zeros(L, streams, H, n, D)

    def one():
        token = torch.ones(streams, dtype=torch.long)
        for t in range(n):
            x = w["emb"][token]
            for l, p in enumerate(w["layers"]):
                q, k, v = F.linear(norm(x, p["n1"]), p["qkv"]).view(streams, 3, H, D).unbind(1)
                K[l, :, :, t], U[l, :, :, t] = turn(k, cos[t], sin[t]), v
                s = turn(q, cos[t], sin[t])[:, :, None] @ K[l, :, :, :t + 1].transpose(-1,
                        -2) / D ** 0.5
                x = x + F.linear((s.softmax(-1) @ U[l, :, :, :t + 1]).reshape(streams, C), p["o"])
                x = feed_forward(x, p)
            token = torch.multinomial(F.linear(norm(x, w["n"]), w["emb"]).softmax(-1), 1)[:, 0]
    return streams * n / median(one)


def median(work, rounds=5, seconds=1):
    work()
    times, begin = [], time.perf_counter()
    while len(times) < rounds or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(kind, L, C, theirs):
    pairs = [(theirs(), float(subprocess.check_output([sys.argv[1], kind, str(L), str(C)],
                                                      env=OURS))) for _ in range(5)]
    ratios = sorted(ours / torch_s for torch_s, ours in pairs)
    print(f"PyTorch {torch.__version__}, {L} of {C}, {kind}: {statistics.median(p[0] for p in pairs):.0f} tokens/s; "
          f"ours {ratios[2]:.2f} times that ({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


torch.set_num_threads(CORES)
for L, C in ((4, 128), (6, 256)):
    compare("train", L, C, lambda: training(L, C))
    compare("sample", L, C, lambda: sampling(L, C, 64))
