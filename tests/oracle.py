#!/usr/bin/env python3
"""tests/oracle.py DIR -- works out the cases of tests/dump.c a second time, slowly, in plain Python.

Written from the papers' formulas and from nothing in the C sources: lists of numbers, no packages. A number here
remembers how it was made, so every gradient follows from the formula of its loss by the chain rule alone.
Prints one line a case (worst error) and a total; exit status 1 when an error is above 1e-9.
SPDX-License-Identifier: MIT
"""
import json, math, sys

TOLERANCE = 1e-9            # relative to the largest number of a list: room for a million roundings, for no other formula


# ------------------------------------------------------------------------------------
# Numbers that remember: v the value, g dL/dv, made of [(number, derivative by it), ..]

TAPE = []                   # in order of making, so backwards it is an order for the chain rule

class Num:
    __slots__ = ("v", "g", "made_of")
    def __init__(self, v, made_of=()):
        self.v, self.g, self.made_of = v, 0.0, made_of
        TAPE.append(self)
    def __add__(a, b):
        b = num(b)
        return Num(a.v + b.v, ((a, 1.0), (b, 1.0)))
    def __mul__(a, b):
        b = num(b)
        return Num(a.v * b.v, ((a, b.v), (b, a.v)))
    def __pow__(a, k):      # k a plain number
        return Num(a.v ** k, ((a, k * a.v ** (k - 1)),))
    def __neg__(a): return a * -1.0
    def __sub__(a, b): return a + -num(b)
    def __rsub__(a, b): return num(b) + -a
    def __truediv__(a, b): return a * num(b) ** -1
    __radd__, __rmul__ = __add__, __mul__

def num(x): return x if isinstance(x, Num) else Num(float(x))
def value(x): return x.v if isinstance(x, Num) else x
def exp(x): e = math.exp(x.v); return Num(e, ((x, e),))
def log(x): return Num(math.log(x.v), ((x, 1 / x.v),))
def total(xs): return Num(math.fsum(x.v for x in xs), tuple((x, 1.0) for x in xs))
def dot(a, b):
    return Num(math.fsum(x.v * y.v for x, y in zip(a, b)), tuple((x, y.v) for x, y in zip(a, b)) + tuple((y, x.v) for x, y in zip(a, b)))
def larger(a, b): return a if a.v >= b.v else b
def smaller(a, b): return a if a.v <= b.v else b

def gradient(loss, by):
    """dL/dx of every x in by; forgets the tape."""
    loss.g = 1.0
    for n in reversed(TAPE):
        for x, d in n.made_of: x.g += n.g * d
    TAPE.clear()
    return [x.g for x in by]


# ------------------------------------------------------------------------------------
# The transformer: Llama's

class Llama:
    """weights: flat; shapes: name -> [layers, rows, cols], in order. Without a head the embedding is the head."""
    def __init__(self, weights, shapes, config):
        self.all, self.t, at = [Num(w) for w in weights], {}, 0
        for name, (L, R, C) in shapes.items():
            rows = [self.all[at + i * C: at + (i + 1) * C] for i in range(L * R)]
            self.t[name] = [rows[l * R:(l + 1) * R] for l in range(L)]
            at += L * R * C
        assert at == len(weights)
        self.head = self.t.get("head", self.t["tok_emb"])[0]
        self.c = config

    def hidden(self, tokens):
        """The final normed states: one list of dim numbers a token."""
        t, c = self.t, self.c
        H, K, D = c["n_heads"], c["n_kv_heads"], c["dim"] // c["n_heads"]
        norm = lambda x, w: [wi * xi * scale for scale in [(dot(x, x) / len(x) + 1e-5) ** -0.5] for wi, xi in zip(w, x)]
        times = lambda W, x: [dot(row, x) for row in W]
        x = [list(t["tok_emb"][0][token]) for token in tokens]
        for l in range(c["n_layers"]):
            keys, values = [], []
            for pos in range(len(x)):
                n = norm(x[pos], t["rms_att"][l][0])
                q, k, v = (times(t[w][l], n) for w in ("wq", "wk", "wv"))
                heads = [turn(q[h * D:(h + 1) * D], pos) for h in range(H)]
                keys.append([turn(k[j * D:(j + 1) * D], pos) for j in range(K)])
                values.append([v[j * D:(j + 1) * D] for j in range(K)])
                mixed = []
                for h in range(H):
                    shared = h * K // H                         # neighbouring query heads share a key head
                    p = softmax([dot(heads[h], key[shared]) * D ** -0.5 for key in keys])   # this token and those before
                    mixed += [dot(p, [v[shared][j] for v in values]) for j in range(D)]
                x[pos] = [a + b for a, b in zip(x[pos], times(t["wo"][l], mixed))]
            for pos in range(len(x)):
                n = norm(x[pos], t["rms_ffn"][l][0])
                gate, up = times(t["w1"][l], n), times(t["w3"][l], n)
                x[pos] = [a + b for a, b in zip(x[pos], times(t["w2"][l], [g * sigmoid(g) * u for g, u in zip(gate, up)]))]
        return [norm(h, t["rms_final"][0][0]) for h in x]

    def read(self, tokens):
        """Per token: log-probability after its prefix and entropy of that distribution (0 at the first); score after it."""
        h = self.hidden(tokens)
        logp, entropy = [num(0)], [num(0)]
        for i in range(1, len(tokens)):
            logits = [dot(row, h[i - 1]) for row in self.head]
            p = softmax(logits)
            logp.append(log(p[tokens[i]]))
            entropy.append(-dot(p, [log(q) for q in p]))
        return logp, entropy, [dot(self.t["score_w"][0][0], s) + self.t["score_b"][0][0][0] for s in h]

def turn(x, pos):
    """Rotary position: pair j = (x_2j, x_2j+1) turns by pos * 10000^(-2j/D)."""
    y = []
    for j in range(len(x) // 2):
        a, b, angle = x[2 * j], x[2 * j + 1], pos * 10000.0 ** (-2.0 * j / len(x))
        y += [a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle)]
    return y

def softmax(x):
    top = max(a.v for a in x)                                   # a constant: it cancels
    e = [exp(a - top) for a in x]
    scale = total(e) ** -1
    return [a * scale for a in e]

def sigmoid(z): return (exp(-z) + 1) ** -1 if z.v > 0 else exp(z) * (exp(z) + 1) ** -1
def minus_log_sigmoid(z): return log(exp(-z) + 1) if z.v > 0 else log(exp(z) + 1) - z


# ------------------------------------------------------------------------------------
# The losses, as the papers write them

def bradley_terry(margin, p): return minus_log_sigmoid(margin) * p + minus_log_sigmoid(-margin) * (1 - p)        # E1
def k1(lr): return lr                                                                                            # E4
def k2(lr): return lr * lr * 0.5
def k3(lr): return exp(-lr) - 1 + lr
def held(x, lo, hi): return num(lo) if x.v < lo else num(hi) if x.v > hi else x
def ppo_clip(logp, old, A, eps):                                                                                 # E5
    rho = exp(logp - old)
    free, bound = rho * A, held(rho, 1 - eps, 1 + eps) * A
    return -smaller(free, bound), float(bound.v < free.v)
def value_loss(V, V_old, G, eps):
    free, bound = (V - G) ** 2, (held(V, V_old - eps, V_old + eps) - G) ** 2
    return larger(free, bound) * 0.5, float(bound.v > free.v)
def advantages(r, V, gamma, lam):                                                                                # E6
    """By the definition: A_t is the sum over k >= t of (gamma lambda)^(k-t) delta_k."""
    T, V = len(r), V + [0.0]
    delta = [r[t] + gamma * V[t + 1] - V[t] for t in range(T)]
    A = [sum((gamma * lam) ** (k - t) * delta[k] for k in range(t, T)) for t in range(T)]
    return A, [a + v for a, v in zip(A, V)]
def dpo_margin(w, l, ref_w, ref_l): return (w - ref_w) - (l - ref_l)                                             # E12


# ------------------------------------------------------------------------------------
# Comparing

results = []
def check(name, got, want):
    """Lists of numbers, or dictionaries' worth of them: the worst error, on the scale of the largest."""
    got = [value(x) for x in got]
    scale = max(abs(x) for x in want) or 1.0
    error = max([abs(a - b) for a, b in zip(got, want)], default=0.0) / scale
    fine = len(got) == len(want) and error <= TOLERANCE         # False for a NaN
    results.append(fine)
    print("%-44s %8d numbers   worst error %8.1e   %s" % (name, len(want), error, "ok" if fine else "MISS"))

def load(name):
    with open("%s/%s.json" % (sys.argv[1], name)) as f: return json.load(f)

def sequences(d): return [d["token"][a:b] for a, b in zip(d["start"], d["start"][1:])]
def cut(per_token, d): return [per_token[a:b] for a, b in zip(d["start"], d["start"][1:])]

MODEL = load("model")
SHAPES, CONFIG = MODEL["shapes"], MODEL["config"]
def model(name): return Llama(MODEL[name], SHAPES, CONFIG)

def case_forward():
    d = load("forward")
    tied = {k: v for k, v in SHAPES.items() if k != "head"}
    for name, m, want in [("untied head", model("pi"), d), ("tied head", Llama(d["tied"]["weights"], tied, CONFIG), d["tied"])]:
        read = [m.read(s) for s in sequences(d)]
        for k, what in enumerate(["logp", "entropy", "score"]):
            check("forward, %s: %s" % (name, what), sum([r[k] for r in read], []), want[what])
        TAPE.clear()

def case_sample():
    d, m, logp = load("sample"), model("pi"), []
    for prompt, answer in zip(sequences(d["prompt"]), sequences(d["answer"])):
        logp += m.read(prompt + answer)[0][len(prompt):]
    check("sampling with cache: log-probabilities", logp, d["logp"])
    TAPE.clear()

def sft_loss(m, d, mask):
    """Minus the mean log-probability of the targets of the WHOLE batch (E13)."""
    logp = [x for s, flags in zip(sequences(d), cut(mask, d)) for x, f in list(zip(m.read(s)[0], flags))[1:] if f]
    return total(logp) * (-1 / len(logp))

def case_sft():
    d, m = load("sft"), model("pi")
    loss = sft_loss(m, d, d["mask"])
    check("SFT: loss", [loss], [d["loss"]])
    check("SFT: gradient", gradient(loss, m.all), d["gradient"])

def case_pm():
    d = load("pm")
    for kind in ["hard", "soft"]:
        m, want, p = model("pm"), d[kind], d[kind]["p"]
        score = [m.read(s)[2][-1] for s in sequences(d)]        # after the last token
        margin = [score[2 * i] - score[2 * i + 1] for i in range(len(p))]
        loss = total([bradley_terry(x, q) for x, q in zip(margin, p)]) * (1 / len(p))
        floor = sum(-q * math.log(q) - (1 - q) * math.log(1 - q) for q in p if 0 < q < 1) / len(p)
        judged = [x.v if q > 0.5 else -x.v for x, q in zip(margin, p) if q != 0.5]
        check("PM, %s labels: loss, floor, accuracy, margin" % kind,
              [loss, floor, sum(x > 0 for x in judged) / len(judged), sum(judged) / len(judged)],
              [want["loss"], want["floor"], want["accuracy"], want["margin"]])
        check("PM, %s labels: gradient" % kind, gradient(loss, m.all), want["gradient"])

def case_dpo():
    d = load("dpo")
    answer_sum = lambda m: [total(m.read(s)[0][n:]) for s, n in zip(sequences(d), d["prompt_len"])]
    ref = [x.v for x in answer_sum(model("pi_0"))]
    for kind in ["hard", "soft", "ipo"]:
        m, want = model("pi"), d[kind]
        pi = answer_sum(m)
        h = [dpo_margin(pi[i], pi[i + 1], ref[i], ref[i + 1]) for i in range(0, len(pi), 2)]
        if kind == "ipo": each = [(x - 1 / (2 * d["tau"])) ** 2 for x in h]
        else: each = [bradley_terry(x * d["beta"], p) for x, p in zip(h, want["p"])]
        loss = total(each) * (1 / len(h))
        check("DPO, %s: loss" % kind, [loss], [want["loss"]])
        check("DPO, %s: gradient" % kind, gradient(loss, m.all), want["gradient"])

def case_ppo():
    d = load("ppo")
    text, n_prompt, B = sequences(d), d["prompt_len"], len(d["prompt_len"])
    def read(name, what): m = model(name); r = [[x.v for x in m.read(s)[what]] for s in text]; TAPE.clear(); return r
    blank = lambda per_seq: [0.0 if i < n_prompt[b] else x for b, s in enumerate(per_seq) for i, x in enumerate(s)]
    old, ref, entropy = read("pi_old", 0), read("pi_0", 0), read("pi_old", 1)
    V = [[0.0] + s[:-1] for s in read("pi_old", 2)]             # the value of a token's PREFIX
    stopped = [s[-1] == d["stop"] and len(s) > n for s, n in zip(text, n_prompt)]
    score = [s[-1] - (0 if ok else d["missing_stop_penalty"]) for s, ok in zip(read("pm", 2), stopped)]
    check("PPO rollout: scores", score, d["score"])
    for what, got in [("logp_old", old), ("logp_ref", ref), ("value", V), ("entropy", entropy)]:
        check("PPO rollout: " + what, blank(got), d[what])
    in_reward = {"k1-reward": lambda x: x, "k3-reward": lambda x: math.exp(-x) - 1 + x, "abs-reward": abs}
    in_loss = {"k1-loss": k1, "k2-loss": k2, "k3-loss": k3}
    answer = [range(n, len(s)) for s, n in zip(text, n_prompt)]
    for form in ["k1-reward", "k2-loss", "k3-loss", "k1-loss", "k3-reward", "abs-reward"]:
        want, charge = d[form], in_reward.get(form, lambda x: 0.0)
        reward, A, G = ([[0.0] * len(s) for s in text] for _ in range(3))
        for b in range(B):
            r = [-d["lambda_kl"] * charge(old[b][i] - ref[b][i]) for i in answer[b]]
            r[-1] += score[b]                                   # the score comes with the last token
            a, g = advantages(r, [V[b][i] for i in answer[b]], d["gamma"], d["lambda_gae"])
            for k, i in enumerate(answer[b]): reward[b][i], A[b][i], G[b][i] = r[k], a[k], g[k]
        tokens = [(b, i) for b in range(B) for i in answer[b]]
        n = len(tokens)
        mean = sum(A[b][i] for b, i in tokens) / n              # whitening over all answer tokens (D6)
        factor = (sum((A[b][i] - mean) ** 2 for b, i in tokens) / n + 1e-8) ** -0.5
        for b, i in tokens: A[b][i] = (A[b][i] - mean) * factor
        for what, got in [("reward", reward), ("adv", A), ("ret", G)]: check("PPO %s: %s" % (form, what), sum(got, []), want[what])

        m = model("pi")
        now = [m.read(s) for s in text]
        policy, v_loss, penalty, clips, v_clips, rho, kl2 = [], [], [], 0.0, 0.0, [], 0.0
        for b, i in tokens:
            logp, value_now = now[b][0][i], now[b][2][i - 1]
            L, c = ppo_clip(logp, old[b][i], A[b][i], d["eps_clip"])
            policy.append(L)
            clips += c
            L, c = value_loss(value_now, V[b][i], G[b][i], d["eps_value"])
            v_loss.append(L)
            v_clips += c
            if form in in_loss: penalty.append(in_loss[form](logp - ref[b][i]))
            rho.append(math.exp(logp.v - old[b][i]))
            kl2 += (logp.v - old[b][i]) ** 2 / 2
        policy, v_loss = total(policy) * (1 / n), total(v_loss) * (1 / n)
        # a penalty in the loss is scaled like the advantages, or whitening would change lambda (train.c says why)
        loss = policy + v_loss * d["c_v"] + (total(penalty) * (d["lambda_kl"] * factor / n) if penalty else num(0))
        lr = [old[b][i] - ref[b][i] for b, i in tokens]
        charged = -d["lambda_kl"] * sum(map(charge, lr)) / B
        mean_rho = sum(rho) / n
        stats = {"kl": sum(lr) / B, "k3": sum(math.exp(-x) - 1 + x for x in lr) / B, "mean_entropy": sum(entropy[b][i] for b, i in tokens) / B,
                 "scores": sum(score) / B, "non_score_reward": charged, "rlhf_reward": sum(score) / B + charged, "length": n / B,
                 "num_eos": sum(stopped), "policy_loss": policy, "value_loss": v_loss, "clipfrac": clips / n, "value_clipfrac": v_clips / n,
                 "approxkl": kl2 / n, "ratio": mean_rho, "ratio_var": sum((x - mean_rho) ** 2 for x in rho) / n}
        check("PPO %s: statistics" % form, stats.values(), [want[k] for k in stats])
        check("PPO %s: gradient" % form, gradient(loss, m.all), want["gradient"])
        if form == "k1-reward": assert 0 < clips < n and 0 < v_clips < n, "no clipped token: this case shows nothing"


# ------------------------------------------------------------------------------------
# The optimisers

def tensors():
    at = 0
    for name, (L, R, C) in SHAPES.items():
        for _ in range(L):
            yield name, range(at, at + R * C), R, C
            at += R * C

def product(A, B): return [[sum(a * b for a, b in zip(row, col)) for col in zip(*B)] for row in A]

def orthogonalise(g, R, C):
    """Jordan's five Newton-Schulz steps: X <- a X + b (X X') X + c (X X')^2 X from X = g / |g|."""
    size = math.sqrt(sum(x * x for x in g))
    X = [[x / size for x in g[r * C:(r + 1) * C]] for r in range(R)]
    for _ in range(5):
        A = product(X, list(zip(*X)))
        AX = product(A, X)
        AAX = product(A, AX)
        X = [[3.4445 * x - 4.7750 * y + 2.0315 * z for x, y, z in zip(*rows)] for rows in zip(X, AX, AAX)]
    return sum(X, [])

def case_step():
    d = load("step")
    for name in ["adamw", "frozen", "muon"]:
        o, w = d[name], list(MODEL["pi"])
        mean, var = [0.0] * len(w), [0.0] * len(w)
        for step in range(1, int(o["steps"]) + 1):
            m = Llama(w, SHAPES, CONFIG)
            g = gradient(sft_loss(m, d, [1] * len(d["token"])), m.all)
            if o["frozen"]:
                for tensor, at, R, C in tensors():
                    if tensor in ("tok_emb", "head"): g[at.start:at.stop] = [0.0] * len(at)     # D13: both ends stay
            norm = math.sqrt(sum(x * x for x in g))
            if o["max_norm"] and norm > o["max_norm"]: g = [x * o["max_norm"] / norm for x in g]     # all by one factor
            for tensor, at, R, C in tensors():
                decay = o["lr"] * o["weight_decay"] if R > 1 and C > 1 else 0.0         # matrices only, decoupled
                if o["muon"] and tensor[0] == "w":
                    mu = o["muon"]
                    for i in at: mean[i] = mu * mean[i] + (1 - mu) * g[i]
                    X = orthogonalise([(1 - mu) * g[i] + mu * mean[i] for i in at], R, C)
                    for i, x in zip(at, X): w[i] -= decay * w[i] + o["lr"] * 0.2 * math.sqrt(max(R, C)) * x
                    continue
                for i in at:
                    mean[i] = o["beta1"] * mean[i] + (1 - o["beta1"]) * g[i]
                    var[i] = o["beta2"] * var[i] + (1 - o["beta2"]) * g[i] * g[i]
                    m_hat, v_hat = mean[i] / (1 - o["beta1"] ** step), var[i] / (1 - o["beta2"] ** step)
                    w[i] -= decay * w[i] + o["lr"] * m_hat / (math.sqrt(v_hat) + o["eps"])
        check("%s: gradient norm" % name, [norm], [o["grad_norm"]])
        for what, got in [("after", w), ("mean", mean), ("var", var)]: check("%s: %s" % (name, what), got, o[what])


# ------------------------------------------------------------------------------------
# E1..E14 on numbers. Each returns value, derivatives or arrays as dump.c lists them.

def with_slope(f):
    """f of one Num: its value and derivative."""
    def run(x, *rest):
        n = Num(x)
        y = f(n, *rest)
        y, extra = (y[0], list(y[1:])) if isinstance(y, tuple) else (y, [])
        return [y.v] + gradient(y, [n]) + extra
    return run

def elo_fit(wins):
    """Zermelo's iteration: strength_i <- games won / sum over j of games / (strength_i + strength_j)."""
    n, s = 4, [1.0] * 4
    for _ in range(3000):
        s = [sum(wins[i * n + j] for j in range(n) if j != i)
             / sum((wins[i * n + j] + wins[j * n + i]) / (s[i] + s[j]) for j in range(n) if j != i) for i in range(n)]
        s = [x / s[1] for x in s]
    return [400 * math.log10(x) for x in s]

def ece(a):
    bins, n = int(a[0]), (len(a) - 1) // 2
    p, y, error = a[1:n + 1], a[n + 1:], 0.0
    for b in range(bins):
        inside = [i for i in range(n) if b / bins <= p[i] < (b + 1) / bins or (p[i] == 1 and b == bins - 1)]
        if not inside: continue
        conf, acc = sum(p[i] for i in inside) / len(inside), sum(y[i] for i in inside) / len(inside)
        error += len(inside) / n * abs(acc - conf)
    return [error]

def gibbs(beta, *rest):
    pi_0, r = rest[:3], rest[3:]
    w = [p * math.exp(x / beta) for p, x in zip(pi_0, r)]
    return [beta * math.log(sum(w))] + [x / sum(w) for x in w]

def gae(gamma, lam, *rest):
    A, G = advantages(list(rest[:4]), list(rest[4:]), gamma, lam)
    return A + G

def dpo(w, l, ref_w, ref_l, beta, p): return bradley_terry(dpo_margin(w, l, ref_w, ref_l) * beta, p)
def hard(p): return 1.0 if p > 0.5 else 0.0 if p < 0.5 else 0.5

FUNCTIONS = {
    "pm_loss": with_slope(lambda a, b, p: bradley_terry(a - b, p)),
    "label_entropy": lambda p: [sum(-q * math.log(q) for q in (p, 1 - p) if q > 0)],
    "p_A_of": lambda a, b: [math.exp(a) / (math.exp(a) + math.exp(b))],
    "p_both_orders": lambda ab, ba: [(ab + (1 - ba)) / 2],
    "p_chains": lambda *p: [sum(p) / len(p)],
    "p_clamp": lambda p, lo, hi: [min(max(p, lo), hi)],
    "p_hard": lambda p: [hard(p)],
    "elo_win": lambda i, j: [1 / (1 + 10 ** (-(i - j) / 400))],
    "elo_of_score": lambda r: [400 / math.log(10) * r],
    "elo_fit": lambda *w: elo_fit(w),
    "kl_k1": with_slope(k1), "kl_k2": with_slope(k2), "kl_k3": with_slope(k3),
    "reward_penalised": lambda r, lam, lr: [r - lam * lr],
    "ppo_clip_loss": with_slope(ppo_clip),
    "value_loss": with_slope(value_loss),
    "gae": gae,
    "sqrt_kl": lambda x: [math.sqrt(max(x, 0))],
    "kl_best_of_n": lambda n: [math.log(n) - (n - 1) / n],
    "r_best_of_n": lambda d, a, b: [d * a - b * d * d],
    "r_rl": lambda d, a, b: [d * a - b * d * math.log(d)],
    "ece": lambda *a: ece(a),
    "harm_loss": with_slope(lambda s, s0: (s - s0) ** 2),
    "mc_accuracy": lambda *p: [sum(map(hard, p)) / len(p)],
    "gibbs_optimum": gibbs,
    "dpo_loss": with_slope(dpo),
    "ipo_loss": with_slope(lambda w, l, rw, rl, tau: (dpo_margin(w, l, rw, rl) - 1 / (2 * tau)) ** 2),
    "sft_loss": lambda *logp: [-sum(logp)],
    "distill_loss": lambda a, b, c, x, y, z: [sum(p * (math.log(p) - q) for p, q in ((a, x), (b, y), (c, z)) if p > 0), -a, -b, -c],
    "scored_feedback": lambda *p: [2 * (sum((i + 1) * x for i, x in enumerate(p)) / sum(p) - 1) / (len(p) - 1) - 1],
}

def case_scalar():
    by_name = {}
    for r in load("scalar")["records"]: by_name.setdefault((r["tag"], r["function"]), []).append(r)
    for (tag, name), records in by_name.items():
        got = [FUNCTIONS[name](*r["in"]) for r in records]
        assert all(len(a) == len(r["out"]) for a, r in zip(got, records)), name
        check("%s %s" % (tag, name), sum(got, []), sum([r["out"] for r in records], []))
        TAPE.clear()


for case in [case_forward, case_sample, case_sft, case_pm, case_dpo, case_ppo, case_step, case_scalar]: case()
print("%d agree, %d miss (tolerance %g)" % (sum(results), len(results) - sum(results), TOLERANCE))
sys.exit(0 if all(results) else 1)
