"""tests/loop.py DIR -- the witness's notes (tests/spy.c) against the files of the run, stage by
stage.

Written from the paper: what each stage reads, from whom it samples, what it trains on. Prints "ok"
or "not ok" a case, then the counts for tests/run. Standard library alone.
SPDX-License-Identifier: MIT
"""
import json, math, re, sys
from collections import Counter

T = sys.argv[1]
counts = Counter()
def is_true(name, fine, why=""):
    counts[bool(fine)] += 1
    print(("ok - " if fine else "not ok - ") + name
          + (": " + str(why)[:300] if why and not fine else ""))
def same(name, got, want):
    if isinstance(want, list): got, want = Counter(got), Counter(want)         # whatever the order
    is_true(name, got == want,
            "not wanted %r; missing %r" % (list(got - want)[:1], list(want - got)[:1])
            if isinstance(want, Counter) else "got %r, wanted %r" % (got, want))

def records(name, run="run"):
    with open("%s/%s/%s" % (T, run, name)) as f: return [json.loads(line) for line in f]

def notes(stage):
    """(function, models, numbers, texts) of every note; a ditto mark repeats the models."""
    found, models = [], None
    with open("%s/%s.tsv" % (T, stage)) as f:
        for line in f:
            function, *rest = line.rstrip("\n").split("\t")
            k = {"rollout": 3, "centre": 0, "scored": 0}.get(function, 1)
            if rest[:k] != ['"'] * k or k == 0: models = rest[:k]
            texts = [json.loads(x) for x in rest[k:] if x.startswith('"')]
            found.append((function, tuple(models),
                          [float(x) for x in rest[k:len(rest) - len(texts)]], texts))
    return found

def of(stage, function): return [n for n in notes(stage) if n[0] == function]
def who(these): return {name for n in these for name in n[1]}
def sigmoid(z): return 1 / (1 + math.exp(-z))

law = {}                                                        # principle's name -> its requests
for line in open("data/constitution.txt"):
    if line.startswith("["): name = line.strip("[]\n").split(" ", 1)[1]
    elif ": " in line and not line.startswith("#"):
        kind, request = line.rstrip("\n").split(": ", 1)
        law.setdefault(name, {})[kind] = request

redteam = [r["prompt"] for r in records("data/redteam.jsonl")]
helpful = [r["prompt"] for r in records("data/helpful.jsonl")]
human = records("data/human_prefs.jsonl")
is_true("data: no comparison of two equal answers",
        all(r["chosen"] != r["rejected"] for r in human))


# ------------------------------------------------------------------------------------
# pretraining: of a document with turns, the model's own; of another, all

def own_turns(text):
    """(what is only read, what is learned)"""
    turn = re.compile(r"(Assistant:|Critique:|Revision:|answer is:)(.*?)(\n\n|\Z)", re.S)
    learned = "".join(m.group(2) + m.group(3) for m in turn.finditer(text))
    return (turn.sub(r"\1", text), learned) if learned else ("", text)

seen = of("pretrain", "sft")
same("pretrain: the model's own turns are learned, the others read",
     [tuple(x[3]) for x in seen], [own_turns(r["text"]) for r in records("data/corpus.jsonl")])
same("pretrain: the stop token is a target", {x[2][0] for x in seen}, {1.0})


# ------------------------------------------------------------------------------------
# helpful-only RLHF: a PM on human comparisons alone, PPO from and against the pretrained model

seen, rolls = of("helpful", "pm"), of("helpful", "rollout")
first = rolls[:rolls.index([r for r in rolls if r[1] != rolls[0][1]][0])] if len({r[1]
        for r in rolls}) > 1 else rolls
same("helpful: its PM starts from the pretrained model", seen[0][1], ("base",))
same("helpful: its PM sees the human comparisons and no others",
     [(n[3][0], n[3][1], n[2][0]) for n in seen],
     [(r["prompt"] + r["chosen"], r["prompt"] + r["rejected"], 0.9) for r in human])
same("helpful: PPO starts from the pretrained model", first[0][1][0], "base")
same("helpful: the reference stays the pretrained model", {r[1][1] for r in rolls}, {"base"})
is_true("helpful: helpfulness prompts only", {r[3][0] for r in rolls} <= set(helpful))
same("helpful: its own lambda_KL", {r[2][0] for r in rolls}, {0.3})
# 2 iterations of 8, 16 prompts
same("helpful: every prompt once before any comes again", [r[3][0] for r in rolls], helpful)


# ------------------------------------------------------------------------------------
# critique and revision

revisions, seen = records("revisions.jsonl"), of("revise", "sample")
n, steps = len(redteam), len(revisions) // len(redteam)
def request(tag, text, answer): return "\n\n%sRequest: %s\n\n%s:" % (tag, text, answer)
contexts = list(redteam)
for i, r in enumerate(revisions):
    critique = redteam[i % n] + r["response"] + request("Critique",
                                                        law[r["principle"]]["critique"], "Critique")
    contexts += [critique,
                 critique + r["critique"]
                 + request("Revision", law[r["principle"]]["revision"], "Revision")]
def turns(text): return text.count("\n\nHuman: ")
is_true("data: prompts of one turn and of several",
        {1, 2} <= {turns(p) for p in redteam} and {1, 2} <= {turns(p) for p in helpful}
        and {1, 2} <= {turns(r["prompt"]) for r in human})
is_true("revise: critiques of conversations, every turn in its place",
        any(turns(c) > 1 and "CritiqueRequest: " in c for c in (x[3][0] for x in seen)))
same("revise: the helpful-only model does it all", who(seen), {"helpful"})
same("revise: sampled at temperature 1", {x[2][0] for x in seen}, {1.0})
same("revise: four steps", steps, 4)
same("revise: contexts hold prompt, present response, one principle, and no earlier critique",
     [x[3][0] for x in seen], contexts)
same("revise: a step revises what the step before wrote", [r["response"] for r in revisions[n:]],
     [r["revision"] for r in revisions[:-n]])
by_prompt = [[revisions[s * n + i]["principle"] for s in range(steps)] for i in range(n)]
repeated = sum(a == b for p in by_prompt for a, b in zip(p, p[1:])) / (n * (steps - 1))
is_true("revise: the principle is drawn anew at every step", repeated < 0.4, repeated)
is_true("revise: every prompt draws its own principle",
        min(len({p[s] for p in by_prompt}) for s in range(steps)) > 4)


keys = [x[2][1] for x in seen]
is_true("revise: every text has a draw of its own",
        len(set(keys)) == len(keys) == n * (1 + 2 * steps))


# ------------------------------------------------------------------------------------
# SL-CAI

seen, samples = of("sl", "sft"), of("sl", "sample")
same("sl: finetunes the pretrained model", seen[0][1], ("base",))
same("sl: two helpful samples a prompt, by the helpful-only model",
     [(x[1][0], x[3][0]) for x in samples], [("helpful", p) for p in helpful] * 2)
want = Counter((r["prompt"], r["revision"]) for r in revisions)
got = Counter(tuple(x[3]) for x in seen)
is_true("sl: of a conversation the last answer alone is learned",
        any(turns(read) > 1 for read, _ in got)
        and {read for read, _ in got} <= set(redteam + helpful),
        [read for read, _ in got if read not in redteam + helpful][:1])
is_true("sl: targets are the revisions of all steps, never prompts or critiques",
        not want - got, list((want - got))[:1])
same("sl: the rest are helpful answers", [p for p, _ in (got - want).elements()], helpful * 2)
same("sl: every helpful sample has a draw of its own", len({x[2][1] for x in samples}),
     2 * len(helpful))
want = Counter((r["prompt"], r["revision"]) for r in revisions if r["step"] == steps)
got = Counter(tuple(x[3]) for x in of("final", "sft"))
is_true("sl, final-only: the last step's revisions and no other", not want - got
        and Counter(p for p, _ in (got - want).elements()) == Counter(helpful * 2),
        list((got - want))[:1])
stops = {(r["prompt"], r["revision"], 1.0 - r.get("revision_cut", 0)) for r in revisions}
is_true("sl: the stop token is a target where the model ended its revision, not where max-new cut it",
        {s for _, _, s in stops} == {0.0, 1.0}
        and stops <= {(x[3][0], x[3][1], x[2][0]) for x in seen})


# ------------------------------------------------------------------------------------
# AI feedback. The letters' log-probabilities are the witness's; the labels are worked out from them
# here

def conversation(prompt, human, assistant):
    text = prompt[:-len("\n\nAssistant:")] if prompt.endswith("\n\nAssistant:") else prompt
    return text.replace("\n\nHuman:", "\n\n%s:" % human).replace("\n\nAssistant:",
            "\n\n%s:" % assistant).lstrip("\n")

def question(r, a, b, plain):
    """The context up to where the letter, or the chain of thought, begins."""
    options = "%s Options:\n (A) [[[%s]]]\n (B) [[[%s]]]\n\n" % (r["question"], a, b)
    if plain:
        return "\n\nConsider the following conversation between a human and an assistant:\n\n" + \
        conversation(r["prompt"], "Human", "Assistant") + "\n\n\n" + options + "The answer is:"
    return "\n\nHuman: Consider the following conversation between a human (H) and an assistant (A):\n\n" + \
        conversation(r["prompt"], "H",
                     "A") + "\n\n" + options + "Assistant: Let's think step by step:"

def every_judged(seen, r, a, b, plain):
    """p(the first option), and the chain, of every question in which a stands first."""
    start, end = question(r, a, b, plain), "" if plain else "\n\nHuman:\nSo the answer is:"
    for x, y in zip(seen[::2], seen[1::2]):
        if not (x[3][0].startswith(start) and end in x[3][0][len(start):]): continue
        chain = x[3][0][len(start):]
        chain = chain[:chain.index(end)]
        read = [note[3][0][len(start + chain + end):] + note[3][1] for note in (x, y)]
        # the pieces at which they part
        assert y[3][0] == x[3][0] and (read == [" (A)", " (B)"] or not plain
                                       and read == [" (A", " (B"])
        yield sigmoid(x[2][0] - y[2][0]), chain

def judged(seen, r, a, b, plain):
    # an error if it was not asked, or twice
    (found,) = every_judged(seen, r, a, b, plain)
    return found

for name, plain, judge_model in [("run", 0, "helpful"), ("plain", 1, "base")]:
    stage, tag = "plain" if plain else "feedback", "feedback, plain: " if plain else "feedback: "
    rows, letters, samples = records("feedback.jsonl", name), of(stage,
            "letters"), of(stage, "sample")
    pairs = [x for x in samples if x[3][0] in set(redteam)]
    same(tag + "SL-CAI answers every red-team prompt twice a pair",
         [(x[1][0], x[3][0]) for x in pairs], [("sl_cai", p) for p in redteam] * 4)
    same(tag + "the judge is the %s model" % judge_model, who(letters), {judge_model})
    if not plain: same(tag + "chains are the judge's own",
                       who(x for x in samples if x not in pairs), {"helpful"})
    try:
        forth = [judged(letters, r, r["chosen"], r["rejected"], plain) for r in rows]
        back = [judged(letters, r, r["rejected"], r["chosen"], plain) for r in rows]
    except (ValueError, AssertionError) as error:
        is_true(tag + "asked in both orders, one principle a question", False, error)
        continue
    is_true(tag + "asked in both orders, one principle a question", len(rows) == 24)
    # the file has six decimals
    close = lambda got, want: max(abs(a - b) for a, b in zip(got, want)) < 2e-6
    # P(the first shown is better), of either order
    p_ab, p_ba = [p for p, _ in forth], [p for p, _ in back]
    p = [(a + 1 - b) / 2 for a, b in zip(p_ab, p_ba)]
    clamped = [x if plain else min(max(x, 0.4), 0.6) for x in p]
    if not plain: is_true(tag + "pairs for conversations, too",
                          {1, 2} <= {turns(r["prompt"]) for r in rows})
    is_true(tag + "p_ab is p(first shown) where chosen stands first",
            close([r["p_ab"] for r in rows], p_ab))
    is_true(tag + "p_ba is p(first shown) where rejected stands first",
            close([r["p_ba"] for r in rows], p_ba))
    is_true(tag + "the label is their mean%s" % ("" if plain else ", clamped to 0.4..0.6"),
            close([r["p_chosen"] for r in rows], clamped))
    is_true(tag + "soft labels, chosen the likelier",
            all(0.5 - 1e-6 <= r["p_chosen"] < 1 for r in rows)
            and len({r["p_chosen"] for r in rows}) > 1)
    if not plain: is_true(tag + "the chain in the file is one of the two",
                          all(r["chain"] in (a[1], b[1]) for r, a, b in zip(rows, forth, back)))
    is_true(tag + "every comparison draws its own principle",
            len({r["principle"] for r in rows}) > 4)

# The smoke run's judge knows nothing, its labels lie near 1/2 and no clamp shows; the random
# judge's lie anywhere.
for name, lo, hi, what in [("random", 0.4, 0.6, "chain labels are clamped to 0.4..0.6"),
                           ("random-plain", 0, 1, "plain labels stay as they are"),
                           ("clamp", 0.45, 0.7, "the clamp is the flags' where they say so")]:
    rows = records("feedback.jsonl", name)
    # of the better answer: the lower bound is the worse one's
    p = [(r["p_ab"] + 1 - r["p_ba"]) / 2 for r in rows]
    held = lambda x: min(max(x, lo), hi)
    is_true("feedback, random judge: " + what,
            max(p) > 0.7 and all(min(abs(r["p_chosen"] - held(x)),
                                     abs(r["p_chosen"] - 1 + held(1 - x))) < 2e-6
                                                                      for r, x in zip(rows, p)),
                                                                              [(r["p_chosen"], x)
                                                                                      for r, x in zip(rows, p)][:2])

rows = records("feedback.jsonl", "one-order")
def of_one(p): return min(max(p, 0.4), 0.6)
# chosen was shown first, or second
one = [(of_one(r["p_ab"]), 1 - of_one(r["p_ba"])) for r in rows]
is_true("feedback, one order: the label is that order's own",
        all(min(abs(r["p_chosen"] - x) for x in of) < 2e-6 for r, of in zip(rows, one))
        and sum(abs(r["p_chosen"] - of_one((r["p_ab"] + 1 - r["p_ba"]) / 2)) > 1e-5
                for r in rows) > len(rows) / 2)
same("feedback, hard: chosen is certain",
     {r["p_chosen"] for r in records("feedback.jsonl", "hard")}, {1.0})

rows, letters = records("feedback.jsonl", "chains"), of("chains", "letters")
try:
    several = 0
    for r in rows:
        for p, x, y in (("p_ab", "chosen", "rejected"), ("p_ba", "rejected", "chosen")):
            asked = list(every_judged(letters, r, r[x], r[y], 0))
            several += len({chain for _, chain in asked}) > 1
            assert len(asked) == 3 and abs(sum(q for q, _ in asked) / 3 - r[p]) < 2e-6, (p,
                    asked, r[p])
    is_true("feedback, three chains: p is the mean over the chains, in either order",
            several > len(rows))
except AssertionError as error:
    is_true("feedback, three chains: p is the mean over the chains, in either order",
            False, repr(error))
for stage in "feedback", "three", "chains":
    keys = [x[2][1] for x in of(stage, "sample")]
    is_true("%s: every answer and every chain has a draw of its own" % stage,
            len(set(keys)) == len(keys) > 100)

rows, letters = records("feedback.jsonl", "three"), of("three", "letters")
try:
    mean, differ = [], 0
    for r in rows:
        # asked twice: which is which?
        if len({r["question"], r["question_2"], r["question_3"]}) < 3: continue
        labels = []
        for no in ("", "_2", "_3"):
            one = dict(r, question=r["question" + no])
            (p, chain), (q, _) = (judged(letters, one, r[x], r[y], 0) for x,
                                  y in (("chosen", "rejected"), ("rejected", "chosen")))
            assert abs(p - r["p_ab" + no]) < 2e-6 and abs(q - r["p_ba" + no]) < 2e-6
            labels.append(min(max((p + 1 - q) / 2, 0.4), 0.6))
        mean.append(sum(labels) / 3)
        differ += 1
        assert abs(r["p_chosen"] - mean[-1]) < 2e-6
    is_true("feedback, three principles: every draw is recorded, the label is the mean of their labels",
            differ > len(rows) / 2 and len(set(mean)) > 1)
except (ValueError, AssertionError, KeyError) as error:
    is_true("feedback, three principles: every draw is recorded, the label is the mean of their labels", False, repr(error))

rows = records("feedback.jsonl", "short")
is_true("feedback: pairs of equal answers are left out",
        rows and all(r["chosen"] != r["rejected"] for r in rows))


# ------------------------------------------------------------------------------------
# the hybrid PM, RL-CAI

# objective/scores of the first iteration, from what the PM said
def counted(stage, prompts):
    level = dict(zip(prompts, (x[2][0] for x in of(stage, "scores"))))
    above = [x[2][0] - level[x[3][0]] for x in of(stage, "scored")[:8]]
    return max(map(abs, above)), sum(above) / len(above)

rows, seen = records("feedback.jsonl"), of("pm", "pm")
same("pm: starts from the pretrained model", seen[0][1], ("base",))
same("pm: human comparisons and AI ones with their soft labels",
     [(x[3][0], x[3][1], x[2][0]) for x in seen],
     [(r["prompt"] + r["chosen"], r["prompt"] + r["rejected"], r["p_chosen"])
      for r in human + rows])
same("pm: a sample that was cut has no stop token", [tuple(x[2][1:]) for x in seen],
     [(1.0, 1.0)] * len(human)
     + [(1.0 - r.get("chosen_cut", 0), 1.0 - r.get("rejected_cut", 0)) for r in rows])
ended = [x[2][0] for x in of("feedback", "ended") if x[1] == ("sl_cai",)]
# two samples a prompt and round: all first ones, then all second ones
n = len(redteam)
drawn = Counter((redteam[i], *sorted((1 - ended[2 * k * n + i], 1 - ended[(2 * k + 1) * n + i])))
                for k in range(len(ended) // (2 * n)) for i in range(n))
told = Counter((r["prompt"], *sorted((r.get("chosen_cut", 0), r.get("rejected_cut", 0))))
               for r in rows)
is_true("feedback: the file says of both samples which were cut",
        len(ended) == 4 * n and not told - drawn, list((told - drawn))[:2])
is_true("feedback: some samples were cut and some were not",
        {r.get("chosen_cut", 0) for r in rows} == {0, 1})
same("pm: centred on all of them", [x[2][0] for x in of("pm", "centre")], [2.0 * len(seen)])

rolls = of("rl", "rollout")
batch = 8
same("rl: PPO starts from SL-CAI", {r[1][0] for r in rolls[:batch]}, {"sl_cai"})
same("rl: the reference stays SL-CAI", {r[1][1] for r in rolls}, {"sl_cai"})
same("rl: the reward is the hybrid PM", {r[1][2] for r in rolls}, {"pm"})
is_true("rl: red-team and helpfulness prompts together",
        {r[3][0] in set(redteam) for r in rolls} == {True, False}
        and {r[3][0] for r in rolls} <= set(redteam + helpful))
# 2 iterations of 8, 32 prompts
same("rl: no prompt comes again before all have come",
     max(Counter(r[3][0] for r in rolls).values()), 1)
same("rl: levels are SL-CAI's most likely answers, one a prompt",
     [(x[1][0], x[2][0], x[3][0]) for x in of("rl", "sample")],
     [("sl_cai", 0.0, p) for p in redteam + helpful])
same("rl: levels are scores of the hybrid PM", (who(of("rl", "scores")), len(of("rl", "scores"))),
     ({"pm"}, len(redteam + helpful)))
same("rl: lambda_KL, gamma, three stop tokens, value head at 0",
     [tuple(r[2]) for r in rolls[:batch]], [(0.07, 1.0, 3.0, 0.0)] * batch)
metrics = {}
for line in open(T + "/run/metrics.tsv"):
    stage, step, name, _, x, _ = line.rstrip("\n").split("\t")
    if stage != "stage": metrics[stage, name, int(step)] = float(x)
for stage, prompts in ("helpful", helpful), ("rl", redteam + helpful):
    most, want = counted(stage, prompts)
    is_true("%s: scores count from the levels" % stage,
            most > 0.5 and abs(metrics[stage, "objective/scores", 0] - want) < 1e-5,
            (most, metrics[stage, "objective/scores", 0], want))
same("rl: first iteration, KL 0 and ratio 1",
     (metrics["rl", "objective/kl", 0], metrics["rl", "objective/non_score_reward", 0]), (0.0, 0.0))


# ------------------------------------------------------------------------------------
# evaluation

# What is counted from the answers, and how, is for tests/tables.py; here: who is asked what, with
# which draws, and that
# nothing of it was seen before.

models, sets = ["base", "helpful", "sl_cai", "rl_cai"], ["redteam", "helpful", "contrast", "unseen"]
asked = {s: [r["prompt"] for r in records("data/eval_%s.jsonl" % s)] for s in sets}
reserved = [r["prompt"] for s in sets[:3] for r in records("data/reserved_%s.jsonl" % s)]
held_out = records("data/eval_prefs.jsonl")
trained_on = redteam + helpful + [r["prompt"] for r in human]
evaluated = sum(asked.values(), []) + reserved + [r["prompt"] for r in held_out]
is_true("eval: prompts stand in no training file, in one evaluation set, once",
        not set(evaluated) & set(trained_on)
        and max(Counter(evaluated).values()) == 1,
        [p for p, n in Counter(evaluated).items() if n > 1 or p in trained_on])
talked = records("data/eval_turns.jsonl")
is_true("eval: conversations of the tables by turn stand in no training file",
        not {r["prompt"] for r in talked} & set(trained_on))
corpus = [r["text"] for r in records("data/corpus.jsonl")]
is_true("eval: no prompt stands in the pretraining corpus",
        not any(p in text for p in evaluated for text in corpus))

seen = of("eval", "sample")
answers = [x for x in seen if x[3][0] in set(evaluated)]
in_turns = [x for x in seen if x[3][0] in {r["prompt"] for r in talked} and x not in answers]
same("eval: every model on every conversation of the tables by turn",
     [(x[1][0], x[3][0]) for x in in_turns],
     [(m, r["prompt"]) for m in models for r in talked])
seen = [x for x in seen if x not in in_turns]
n = sum(map(len, asked.values()))
is_true("eval: every model on every prompt of the four sets, one after the other; reserved ones left alone",
        [(x[1][0], x[3][0]) for x in answers] == [(m, p) for m in models
                                                  for s in sets for p in asked[s]])
same("eval: sampled at temperature 1", {x[2][0] for x in seen + in_turns}, {1.0})
keys = [x[2][1] for x in answers]
is_true("eval: no two prompts share a draw, whatever their sets", len(set(keys[:n])) == n)
is_true("eval: the models share the draws of a prompt", keys == keys[:n] * 4)
chains = [x[2][1] for x in seen if x not in answers]
elsewhere = {x[2][1] for stage in ("revise", "sl", "feedback", "rl")
             for x in of(stage, "sample") if x[2][0]}
is_true("eval: no draw of the judge's chains is used twice, none of another stage again",
        chains and len(set(chains)) == len(chains)
        and len(elsewhere) > 100 and not set(keys + chains) & elsewhere
        and not set(keys) & set(chains))

letters, judged_rows = of("eval", "letters"), records("judged.jsonl")
items = records("data/judgements.jsonl")
for judge, plain, name in [("chain", 0, "helpful"), ("plain", 1, "base")]:
    rows = [r for r in judged_rows if r["judge"] == judge and r["set"] == "judgements"]
    mine = [x for x in letters if ("Let's think step by step:" in x[3][0]) == (not plain)]
    same("eval: who judges held-out judgements, " + judge, who(mine), {name})
    try:
        p = [[judged(mine, r, r[a], r[b], plain)[0] for a, b in ("ab", "ba")]
             for r in rows if r["a"] != r["b"]]
        fine = len(rows) == len(items) == 8 and len(p) > 4 and all(abs(x - r["p_ab"]) < 1e-6
                and abs(y - r["p_ba"]) < 1e-6 for (x, y),
                r in zip(p, (r for r in rows if r["a"] != r["b"])))
        is_true("eval: both orders of every held-out judgement, as the judge said, " + judge,
                fine, p[:2])
    except (ValueError, AssertionError) as error:
        is_true("eval: both orders of every held-out judgement, as the judge said, " + judge,
                False, repr(error))

scored = of("eval", "scores")
same("eval: the hybrid PM on held-out comparisons, none from training",
     [(x[1][0], x[3][0]) for x in scored[:2 * len(held_out)]],
     [("pm", r["prompt"] + r[side]) for r in held_out for side in ("chosen", "rejected")])
trained_pairs = {(r["prompt"], r["chosen"], r["rejected"]) for r in human}
is_true("eval: the PM's comparisons are none that it was trained on",
        len(held_out) == 8 and not {(r["prompt"], r["chosen"], r["rejected"])
                                    for r in held_out} & trained_pairs)
rows = [r for r in judged_rows if r["judge"] == "pm"]
same("eval: its scores are in judged.jsonl",
     [(round(r["score_a"], 5), round(r["score_b"], 5), r["label"]) for r in rows],
     [(round(a[2][0], 5), round(b[2][0], 5), r["p_chosen"]) for a, b,
      r in zip(scored[::2], scored[1::2], held_out)])

print("%d passed, %d failed" % (counts[True], counts[False]))
sys.exit(counts[False] > 0)
