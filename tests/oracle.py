#!/usr/bin/env python3
"""tests/oracle.py FILE -- recomputes the cases of `build/verify --dump DIR` in plain Python: a
second, slow version of the network, of each loss, of their gradients and of AdamW, that shares no
code with the first. Standard library only. Every number must agree to 1e-12. The gradients come
from the twenty lines of class Var: each operation keeps what it was made from and the local slopes,
and backward() adds them up in reverse order.
SPDX-License-Identifier: MIT
"""
import json
import math
import sys

TOLERANCE = 1e-12       # two orders of summation over some hundred terms: 1e-14 and less


class Var:
    def __init__(self, value, made_from=()):
        self.value, self.made_from, self.grad = value, made_from, 0.0

    def __add__(self, b):
        b = var(b)
        return Var(self.value + b.value, ((self, 1.0), (b, 1.0)))

    def __mul__(self, b):
        b = var(b)
        return Var(self.value * b.value, ((self, b.value), (b, self.value)))

    def apply(self, value, slope):
        return Var(value, ((self, slope),))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, b):
        return self + -var(b)

    __radd__, __rmul__ = __add__, __mul__

    def exp(self):
        return self.apply(math.exp(self.value), math.exp(self.value))

    def log(self):
        return self.apply(math.log(self.value), 1 / self.value)

    def power(self, n):
        return self.apply(self.value ** n, n * self.value ** (n - 1))


def var(x):
    return x if isinstance(x, Var) else Var(x)


def dot(a, b):              # one node for a sum of products: the lists are long
    return Var(sum(x.value * y.value for x, y in zip(a, b)),
               tuple((x, y.value) for x, y in zip(a, b))
               + tuple((y, x.value) for x, y in zip(a, b)))


def total(a):
    return Var(sum(x.value for x in a), tuple((x, 1.0) for x in a))


def backward(loss):
    order, seen, stack = [], set(), [(loss, False)]
    while stack:            # every node after what it was made from, without recursion
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(n, False) for n, _ in node.made_from]
    loss.grad = 1.0
    for node in reversed(order):
        for n, slope in node.made_from:
            n.grad += slope * node.grad


# ------------------------------------------------------------------------------------
# the network: a Llama, one token at a time

def rows(flat, n, width):
    return [flat[i * width:(i + 1) * width] for i in range(n)]


def rmsnorm(x, w):
    scale = (dot(x, x) * (1 / len(x)) + 1e-5).power(-0.5)
    return [a * scale * g for a, g in zip(x, w)]


def turned(x, pos, size):   # neighbouring pairs of each head turn by pos / 10000^(2j/size)
    out = []
    for h in range(0, len(x), size):
        for j in range(size // 2):
            c, s = math.cos(pos / 10000 ** (2 * j / size)), math.sin(pos / 10000 ** (2 * j / size))
            a, b = x[h + 2 * j], x[h + 2 * j + 1]
            out += [a * c - b * s, a * s + b * c]
    return out


def softmax(z):
    top = max(v.value for v in z)
    e = [(v - top).exp() for v in z]
    inverse = total(e).power(-1)
    return [v * inverse for v in e]


def states(w, c, tokens):
    """Final normed state after each token."""
    C, F, H, K = c["dim"], c["hidden_dim"], c["n_heads"], c["n_kv_heads"]
    D, L = C // H, c["n_layers"]
    cache = [([], []) for _ in range(L)]
    out = []
    for pos, token in enumerate(tokens):
        x = w["tok_emb"][token * C:(token + 1) * C]
        for l in range(L):
            mat = lambda name, r, k: rows(w[name][l * r * k:(l + 1) * r * k], r, k)
            n = rmsnorm(x, w["rms_att"][l * C:(l + 1) * C])
            q = turned([dot(r, n) for r in mat("wq", C, C)], pos, D)
            cache[l][0].append(turned([dot(r, n) for r in mat("wk", K * D, C)], pos, D))
            cache[l][1].append([dot(r, n) for r in mat("wv", K * D, C)])
            o = []
            for h in range(H):
                g = h // (H // K) * D
                mine = q[h * D:(h + 1) * D]
                a = softmax([dot(mine, k[g:g + D]) * D ** -0.5 for k in cache[l][0]])
                o += [dot(a, [v[g + j] for v in cache[l][1]]) for j in range(D)]
            x = [a + dot(r, o) for a, r in zip(x, mat("wo", C, C))]
            n = rmsnorm(x, w["rms_ffn"][l * C:(l + 1) * C])
            gate = [dot(r, n) for r in mat("w1", F, C)]
            up = [dot(r, n) for r in mat("w3", F, C)]
            s = [g * ((-g).exp() + 1).power(-1) * u for g, u in zip(gate, up)]
            x = [a + dot(r, s) for a, r in zip(x, mat("w2", C, F))]
        out.append(rmsnorm(x, w["rms_final"]))
    return out


def read(w, c, tokens):
    """log pi of tokens 1.. and the scalar head's number after each token."""
    h = states(w, c, tokens)
    emb = rows(w["tok_emb"], c["vocab_size"], c["dim"])
    logp = []
    for state, target in zip(h, tokens[1:]):
        z = [dot(r, state) for r in emb]
        top = max(v.value for v in z)
        logp.append(z[target] - top - total([(v - top).exp() for v in z]).log())
    return logp, [dot(w["score_w"], s) + w["score_b"][0] for s in h]


# ------------------------------------------------------------------------------------
# losses

def softplus(z):            # log(1 + e^z)
    return (z.exp() + 1).log()


def preference(margin, p):
    return softplus(-margin) * p + softplus(margin) * (1 - p)


def sft(w, d):
    logp = [v for t in d["tokens"] for v in read(w, d["config"], t)[0]]
    return -total(logp) * (1 / len(logp))


def pm(w, d):
    r = [read(w, d["config"], t)[1][-1] for t in d["tokens"]]
    p = d["pm"]["p"]
    losses = [preference(r[2 * i] - r[2 * i + 1], p[i]) for i in range(len(p))]
    return total(losses) * (1 / len(p))


def dpo(w, d):
    ref = leaves(d["reference"])
    ratio = []
    for tokens, prompt in zip(d["tokens"], d["prompt"]):
        mine, theirs = read(w, d["config"], tokens)[0], read(ref, d["config"], tokens)[0]
        ratio.append(total(mine[prompt - 1:]) - sum(v.value for v in theirs[prompt - 1:]))
    p, beta = d["dpo"]["p"], d["dpo"]["beta"]
    losses = [preference((ratio[2 * i] - ratio[2 * i + 1]) * beta, p[i]) for i in range(len(p))]
    return total(losses) * (1 / len(p))


def clip(x, lo, hi):
    return min(max(x, lo), hi)


def ppo(w, d):
    q, terms, k = d["ppo"], [], 0
    for tokens, prompt in zip(q["tokens"], q["prompt"]):
        logp, value = read(w, d["config"], tokens)
        for t in range(prompt, len(tokens)):            # the value of the state before the token
            A, rho = q["adv"][k], (logp[t - 1] - q["logp_old"][k]).exp()
            held = clip(rho.value, 1 - q["eps_clip"], 1 + q["eps_clip"]) * A
            terms.append(-(rho * A) if rho.value * A <= held else var(-held))
            V, G = value[t - 1], q["ret"][k]
            near = clip(V.value, q["value"][k] - q["eps_value"], q["value"][k] + q["eps_value"])
            free = (V - G) * (V - G) * 0.5
            held = 0.5 * (near - G) ** 2
            terms.append((free if free.value >= held else var(held)) * q["c_v"])
            k += 1
    return total(terms) * (1 / k)


def advantages(q):
    """Rewards, whitened advantages and returns from what the rollout holds."""
    reward, adv, ret, k = [], [], [], 0
    for b, (tokens, prompt) in enumerate(zip(q["tokens"], q["prompt"])):
        T = len(tokens) - prompt
        logr = [old - ref for old, ref in zip(q["logp_old"][k:k + T], q["logp_ref"][k:k + T])]
        r = [-q["lambda_kl"] * x for x in logr]
        r[-1] += q["score"][b]
        V = q["value"][k:k + T] + [0]
        for t in range(T):
            A = sum((q["gamma"] * q["lambda_gae"]) ** (u - t)
                    * (r[u] + q["gamma"] * V[u + 1] - V[u]) for u in range(t, T))
            adv.append(A)
            ret.append(A + V[t])
        reward += r
        k += T
    mean = sum(adv) / k
    deviation = math.sqrt(sum((a - mean) ** 2 for a in adv) / k + 1e-8)
    return reward, [(a - mean) / deviation for a in adv], ret


def adamw(d):
    o, g = d["adamw"], d["sft"]["gradient"]
    norm = math.sqrt(sum(x * x for t in g.values() for x in t))
    factor = min(1, o["max_norm"] / norm)
    after = {}
    for name, w in d["weights"].items():
        decay = 0 if name.startswith(("rms", "score")) else o["weight_decay"]
        after[name] = []
        for x, slope in zip(w, g[name]):    # the first step: the moments are corrected to g and g^2
            m, v = factor * slope, (factor * slope) ** 2
            after[name].append(x - o["lr"] * (m / (math.sqrt(v) + o["eps"]) + decay * x))
    return after


# ------------------------------------------------------------------------------------
# the equations as functions of numbers

def s(z):
    return 1 / (1 + math.exp(-z))


def ece(*a):
    pairs, error = list(zip(a[::2], a[1::2])), 0
    for b in range(10):
        inside = [(p, y) for p, y in pairs if min(int(10 * p), 9) == b]
        if inside:
            acc, conf = (sum(x[k] for x in inside) / len(inside) for k in (1, 0))
            error += abs(acc - conf) * len(inside)
    return error / len(pairs)


def pairs_ece(*a):          # the likelier side of each comparison, and the label's share of it
    turned = [(p, l) if p > 0.5 else (1 - p, 1 - l) for p, l in zip(a[::2], a[1::2])]
    error = 0
    for b in range(10):
        inside = [(c, l) for c, l in turned if 0.5 + b / 20 <= c < 0.5 + (b + 1) / 20]
        error += abs(sum(l - c for c, l in inside))
    return error / len(turned)


def pairs_accuracy(*a):
    return sum(l if p > 0.5 else 1 - l for p, l in zip(a[::2], a[1::2])) / (len(a) // 2)


def value_loss(V, V_old, G, eps):
    return max((V - G) ** 2, (clip(V, V_old - eps, V_old + eps) - G) ** 2) / 2


def dpo_number(w, l, ref_w, ref_l, beta, p):
    h = beta * ((w - ref_w) - (l - ref_l))
    return -p * math.log(s(h)) - (1 - p) * math.log(s(-h))


SCALARS = {
    "pm_loss": lambda a, b, p: -p * math.log(s(a - b)) - (1 - p) * math.log(s(b - a)),
    "label_entropy": lambda p: p * math.log(1 / p) + (1 - p) * math.log(1 / (1 - p)),
    "p_A_of": lambda a, b: math.exp(a) / (math.exp(a) + math.exp(b)),
    "p_both_orders": lambda ab, ba: (ab + 1 - ba) / 2,
    "elo_win": lambda i, j: 1 / (1 + 10 ** ((j - i) / 400)),
    "kl_k2": lambda x: x * x / 2,
    "kl_k3": lambda x: math.exp(-x) - 1 + x,
    "ppo_clip_loss": lambda n, o, A, e: -min(
        math.exp(n - o) * A, clip(math.exp(n - o), 1 - e, 1 + e) * A),
    "value_loss": value_loss,
    "kl_best_of_n": lambda n: math.log(n) - (n - 1) / n,
    "ece": ece,
    "ece_of_pairs": pairs_ece,
    "accuracy_of_pairs": pairs_accuracy,
    "gibbs_optimum": lambda a, b, c, x, y, z, beta: beta * math.log(
        a * math.exp(x / beta) + b * math.exp(y / beta) + c * math.exp(z / beta)),
    "dpo_loss": dpo_number,
    "ipo_loss": lambda w, l, ref_w, ref_l, tau: ((w - ref_w) - (l - ref_l) - 1 / (2 * tau)) ** 2,
    "distill_loss": lambda a, b, c, x, y, z: sum(
        p * (math.log(p) - q) for p, q in ((a, x), (b, y), (c, z))),
    "scored_feedback": lambda *p: (2 * sum((i + 1) * x for i, x in enumerate(p)) / sum(p)
                                   - (len(p) + 1)) / (len(p) - 1),
}

# ------------------------------------------------------------------------------------
# comparison

compared = failed = 0


def row(name, got, want):
    """Largest difference, relative to numbers above 1. No numbers, or a NaN: a failure."""
    global compared, failed
    compared += len(want)
    errors = [abs(a - b) / max(1, abs(b)) for a, b in zip(got, want)]
    fine = len(got) == len(want) > 0 and all(e <= TOLERANCE for e in errors)
    failed += not fine
    error = max(errors, default=math.inf)
    print(f"oracle {name:<34} {len(want):6d} numbers {error:9.1e} {TOLERANCE:8.0e}"
          f"  {'pass' if fine else 'FAIL'}")


def leaves(weights):
    return {name: [Var(x) for x in flat] for name, flat in weights.items()}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        d = json.load(file)
    w = leaves(d["weights"])
    out = [read(w, d["config"], t) for t in d["tokens"]]
    row("logp", [v for logp, _ in out for v in [0.0] + [x.value for x in logp]], d["logp"])
    row("score", [score[-1].value for _, score in out], d["score"])
    for name, loss in (("sft", sft), ("pm", pm), ("dpo", dpo), ("ppo", ppo)):
        w = leaves(d["weights"])
        value = loss(w, d)
        backward(value)
        row(name + "/loss", [value.value], [d[name]["loss"]])
        for tensor, want in d[name]["gradient"].items():
            row(f"{name}/gradient/{tensor}", [v.grad for v in w[tensor]], want)
    for name, got in zip(("reward", "adv", "ret"), advantages(d["ppo"])):
        row("ppo/" + name, got, d["ppo"][name])
    for name, got in adamw(d).items():
        row("adamw/" + name, got, d["adamw"]["after"][name])
    for name, f in SCALARS.items():
        cases = [c for c in d["scalars"] if c[0] == name]
        row(name, [f(*c[1:-1]) for c in cases], [c[-1] for c in cases])
    print(f"{compared} numbers recomputed in Python, {failed} rows failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
