#!/usr/bin/env python3
"""tests/odd.py KIND N FOLDER -- N runs of ./cai with what a person might give by mistake, drawn at
random:

ends      N ends of ranges, and 12 N values just outside a range or no number (refused, no folder made)
flags     N combinations of flags for a small run
towns     N towns with mistakes, through the stage data
laws      N constitutions with mistakes, through the stage revise
models    N models of finite weights at scales from 1e-30 to 1e30, through every command that reads one

A run is carried through, or is ended by Ctrl-C when its time is over, or ends with the documented
status and one line. Refused before the first stage it leaves nothing behind. Prints a line for what
is otherwise; the last line counts.
SPDX-License-Identifier: MIT
"""
import collections, os, random, re, shutil, subprocess, sys
from array import array

KIND, N, FOLDER = sys.argv[1], int(sys.argv[2]), sys.argv[3]
SECONDS = 5 if KIND == "flags" and N < 100 else 20      # a sample of flags may be stopped early
SMALL = {"preset": "smoke", "dim": 16, "hidden": 16, "layers": 1, "heads": 1,
         "corpus": 60, "vocab": 320, "superwords": 4,
         "redteam": 8, "helpful": 8, "prefs": 8, "ai-prefs": 8, "judgements": 8,
         "max-new": 4, "revisions": 1,
         "helpful-iters": 1, "rl-iters": 1, "ppo-batch": 4, "context": 1024, "quiet": 1}
rng = random.Random(int(os.environ.get("SEED", "6")))
seen, failed = collections.Counter(), 0


def command(*words, stdin=None, seconds=SECONDS):
    """status (None: stopped when its time was over), standard output, standard error"""
    p = subprocess.Popen(["./cai", *map(str, words)], stdin=stdin or subprocess.DEVNULL,
                         stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    try:
        out, err = p.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        p.terminate()
        try:
            p.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            p.kill()
            return "would not stop", b"", b""
        return None, b"", b""
    return p.returncode, out, err


def flags_of(values):
    return [w for name, value in values.items() for w in ("--" + name, value)]


def judge(what, status, err, allowed, also=None):
    """The status is one of these; if it is not 0, one line says why. also: what else is wrong, or None."""
    global failed
    seen[status] += 1
    lines = err.decode("utf-8", "replace").splitlines()
    why = also
    if status not in allowed:
        why = "status %s" % status
    elif status and not (len(lines) == 1 and lines[0].startswith("cai: ")):
        why = "not one line"
    if why:
        failed += 1
        print("not ok - %s: %s: %s" % (what, why, " / ".join(lines[-2:])[:400]), flush=True)


def small_run(what, values, allowed=(0, 2, 3, 4, None), late=()):
    """late: pieces of messages that only a stage can know."""
    out = os.path.join(FOLDER, "odd")
    shutil.rmtree(out, ignore_errors=True)
    status, _, err = command("run", *flags_of({**SMALL, **values}), "--out", out)
    known = status in (2, 3) and os.path.exists(out) and not any(piece in err for piece in late)
    judge(what, status, err, allowed, "told when the run had begun" if known else None)
    shutil.rmtree(out, ignore_errors=True)


def ranges():
    """Numeric flags and their ranges, as the program tells them."""
    page = command("help")[1].decode()
    for name in re.findall(r"^  --([a-z-]+) +[0-9.e-]+ ", page, re.M):
        said = command("run", "--" + name, "x")[2].decode()
        m = re.search(r"not a number from (\S+) to (\S+);", said)
        if m:
            yield name, float(m.group(1)), float(m.group(2))


def outside(known):
    values = [(name, value) for name, lo, hi in known
              for value in ("%.17g" % (lo - 1), "%.17g" % (hi * 1.001 + 1), "",
                            "1x", "nan", "inf", "1e999", "-0.5")]
    for name, value in rng.sample(values, min(12 * N, len(values))):
        small_run("--%s %s" % (name, value), {name: value}, allowed=(2,))


# What a run finds out only when there is a tokenizer, or models: --context is too small for a text.
LATE = (b"--context", b"out of memory", b"different requests")


def ends():
    known = list(ranges())
    outside(known)
    all_ends = [(name, end) for name, *both in known for end in both]
    for name, end in rng.sample(all_ends, min(N, len(all_ends))):
        small_run("--%s %g" % (name, end), {name: "%.17g" % end}, late=LATE)


def flags():
    known = list(ranges())
    for _ in range(N):
        values = {}
        for name, lo, hi in rng.sample(known, rng.randint(1, 6)):
            now = float(SMALL.get(name, 1)) or 1
            near = [lo, hi, 0, now * 10 ** rng.uniform(-1, 1), now + 1, now * 2, now // 2]
            x = min(max(rng.choice(near), lo),
                    hi) if rng.random() < 0.95 else rng.choice([lo - 1, hi + 1])
            values[name] = "%.6g" % (x if rng.random() < 0.3 else round(x))
        small_run(" ".join(map(str, flags_of(values))), values, late=LATE)


def mutant(text):
    """Some mistakes: lines lost, doubled, exchanged, emptied, moved; words and bytes changed."""
    lines = text.splitlines()
    words = re.findall(r"\S+", text)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        if not lines:
            break
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        line = lines[i]
        kind = rng.randrange(11)
        if kind == 0: del lines[i]
        elif kind == 1: lines.insert(j, line)
        elif kind == 2: lines[i], lines[j] = lines[j], line
        elif kind == 3: del lines[min(i, j):max(i, j)]
        elif kind == 4: lines[i] = re.sub(r"\w+", rng.choice(words).replace("\\", ""),
                                          line, count=1)
        elif kind == 5: lines[i] = line[:rng.randint(0, len(line))]
        elif kind == 6: lines[i] = line + rng.choice(words) * rng.choice((1, 3, 100, 100000))
        elif kind == 7: lines[i] = rng.choice(("*", "!", "[", "]", ":", ",", "#",
                                               " ", "|", "{kind}")) + line
        elif kind == 8: lines[i] = line.replace(rng.choice(":,|[]*! "),
                                                rng.choice(("", "::", ",", "|", "\t", "\u00e9")))
        elif kind == 9: lines[i] = "".join(c if rng.random() < 0.95
                                           else chr(rng.choice((0, 7, 27, 0x9b, 0xe9, 0x2028)))
                                           for c in line)
        else: lines[i] = " ".join(rng.sample(line.split(), len(line.split())))
    data = "\n".join(lines).encode() + b"\n"
    if rng.random() < 0.2:
        k = rng.randrange(len(data))
        data = data[:k] + bytes([rng.randrange(256)]) + data[k + 1:]
    return data


def towns():
    path = os.path.join(FOLDER, "town")
    texts = [open("data/town.txt").read(), open("tests/fuzz/town/small.txt").read()]
    for i in range(N):
        with open(path, "wb") as f:
            f.write(mutant(texts[i % 2]))
        out = os.path.join(FOLDER, "odd")
        shutil.rmtree(out, ignore_errors=True)
        status, _, err = command("run", *flags_of(SMALL), "--town", path, "--out",
                                 out, "--to", "data")
        judge("town %d" % i, status, err, (0, 3),
              kept(path, "town%d" % i) if status not in (0, 3) else None)


def laws():
    path, done = os.path.join(FOLDER, "law"), os.path.join(FOLDER, "done")
    texts = [open("data/constitution.txt").read()] + [open("tests/fuzz/constitution/" + f).read()
                                                      for f in ("small.txt", "critiques.json")]
    if command("run", *flags_of(SMALL), "--out", done, "--to", "helpful")[0]:
        sys.exit("not ok - the run for the constitutions")
    for i in range(N):
        with open(path, "wb") as f:
            f.write(mutant(texts[i % 3 if i % 4 else 0]))
        out = os.path.join(FOLDER, "odd")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(done, out)
        os.remove(out + "/flags.txt"), os.remove(out + "/files.txt"), os.remove(out
                + "/constitution.txt")
        os.remove(out + "/town.txt"), os.remove(out + "/metrics.tsv")
        status, _, err = command("run", *flags_of(SMALL), "--constitution", path,
                                 "--out", out, "--from", "revise", "--to", "revise")
        judge("constitution %d" % i, status, err, (0, 3),
              kept(path, "law%d" % i) if status not in (0, 3) else None)


def kept(path, name):
    shutil.copy(path, os.path.join("build", "odd-" + name))
    return "it is build/odd-" + name


def scaled(head, weights):
    """Finite weights: all at random, all times a factor, or a few of them, at a scale of 1e-30 to 1e30."""
    scale, w, kind = 10 ** rng.uniform(-30, 30), array("f", weights), rng.randrange(3)
    for k in range(len(w)) if kind < 2 else rng.sample(range(len(w)), rng.choice((1, 5, 100))):
        w[k] = max(-3e38, min(3e38, (rng.gauss(0, 1) if kind != 1 else w[k]) * scale))
    return head + w.tobytes()


READS = {"revise": ("helpful", "revisions.jsonl"), "sl": ("base", "sl_cai.bin"),
         "feedback": ("sl_cai", "feedback.jsonl"),
         "pm": ("base", "pm.bin pm.head"), "rl": ("pm", "rl_cai.bin"),
         "eval": ("rl_cai", "answers.jsonl judged.jsonl summary.txt"),
         "helpful": ("base", "helpful_pm.bin helpful_pm.head helpful.bin"),
         "trace": ("helpful", "")}


def in_folder(done, stage, model):
    """The command in a folder whose files are the person's own, and one of whose models is this."""
    out = os.path.join(FOLDER, "odd")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(done, out)
    read, writes = READS[stage]
    for name in ["files.txt", "metrics.tsv"] + writes.split() + (["metrics/%s.tsv" % stage]
            if writes else []):
        os.remove(os.path.join(out, name))
    with open(os.path.join(out, read + ".bin"), "wb") as f:
        f.write(model)
    words = ("trace", "Help me fix my bike.") if stage == "trace" else (stage, "--quiet", 1)
    status, text, err = command(*words, "--out", out)
    for name in [w for w in writes.split() if w.endswith("l")
                 or w.endswith("t")] + ["metrics/%s.tsv" % stage]:
        if os.path.exists(os.path.join(out, name)) and stage != "trace":
            text += open(os.path.join(out, name), "rb").read()
    return status, text, err


def models():
    done, path = os.path.join(FOLDER, "done"), os.path.join(FOLDER, "model.bin")
    if command("run", *flags_of(SMALL), "--out", done)[0]:
        sys.exit("not ok - the run for the models")
    base = open(done + "/base.bin", "rb").read()
    head, weights = base[:28], array("f", base[28:])
    lines, talk = os.path.join(FOLDER, "lines"), os.path.join(FOLDER, "talk")
    open(lines, "w").write('{"prompt": "\\n\\nHuman: Help me.\\n\\nAssistant:", "completion": " Sure."}\n')
    open(talk, "w").write("Help me fix my bike.\n\n")
    nothing = set(open(done + "/metrics.tsv", "rb").read().split(b"\n"))
    by_name = ("--model", path, "--tokenizer", done + "/tokenizer.bin")
    for i in range(N):
        model = scaled(head, weights)
        with open(path, "wb") as f:
            f.write(model)
        tries = [("generate", command("generate", *by_name, "--max-new", 8)),
                 ("logprob", command("logprob", *by_name, "--in", lines)),
                 ("chat", command("chat", *by_name, "--max-new", 8, stdin=open(talk)))]
        tries += [(stage, in_folder(done, stage, model)) for stage in list(READS)[i % 2::2]]
        for what, (status, text, err) in tries:
            # Of metrics, shares of nothing are no numbers: of those that were refused if none was,
            # and what
            # the good run has none of either.
            rest = b"\n".join(line for line in text.split(b"\n")
                              if b"right_of_refused" not in line and line not in nothing)
            said = re.search(rb".{0,60}\b-?(nan|inf)\b", rest)
            judge("model %d, %s" % (i, what), status, err, (0, 4),
                  "printed " + said.group().decode("utf-8", "replace") if said else None)


os.makedirs(FOLDER, exist_ok=True)
{"ends": ends, "flags": flags, "towns": towns, "laws": laws, "models": models}[KIND]()
total = sum(seen.values())
print("%s - %s: %d runs, %s" % ("not ok" if failed or not total else "ok", KIND, total,
                                ", ".join("%s: %d" % (s if s is not None else "stopped", n) for s,
                                          n in seen.most_common())))
sys.exit(1 if failed else 0)
