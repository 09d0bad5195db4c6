"""tests/figures.py FOLDER -- reads the numbers back out of the pictures that `cai figures` drew and
compares them with figures.tsv: an axis is what its tics say, a point is where its mark stands. A
line a figure, beginning with "ok" or not."""
import collections, glob, math, os, re, sys
import xml.etree.ElementTree as ET

S = "{http://www.w3.org/2000/svg}"
COLOURS = ["0,114,178", "213,94,0", "0,158,115", "204,121,167", "230,159,0",
           "86,180,233", "119,119,119"]
folder = sys.argv[1]
rows = collections.defaultdict(list)                      # of a panel, "5a"
# of a panel and series: x to y of a seed
curves = collections.defaultdict(lambda: collections.defaultdict(dict))
seeds = collections.defaultdict(set)                      # of a figure, "5"
for line in list(open(folder + "/figures.tsv"))[1:]:
    f, series, x, y, lo, hi, n, seed = line.rstrip("\n").split("\t")
    rows[f].append((series, float(x), float(y), float(lo) if lo else None,
                    float(hi) if hi else None))
    curves[f, series][seed].setdefault(float(x), []).append(float(y))
    seeds[f.rstrip("abcdefgh").rstrip("-")].add(seed)
# Of several seeds, as the caption has it: a mean and the range where x are the same, else a curve a
# seed without bars.
for (f, series), by_seed in curves.items():
    all_seeds = seeds[f.rstrip("abcdefgh").rstrip("-")]
    if len(all_seeds) < 2: continue
    mine = [r for r in rows[f] if r[0] == series]
    rows[f] = [r for r in rows[f] if r[0] != series]
    xs = [sorted(c) for c in by_seed.values()]
    if len(by_seed) == len(all_seeds) and all(x == xs[0] for x in xs) and all(len(y) == 1
            for c in by_seed.values() for y in c.values()):
        for x in xs[0]:
            ys = [c[x][0] for c in by_seed.values()]
            rows[f].append((series, x, sum(ys) / len(ys), min(ys), max(ys)))
    else: rows[f] += [(*r[:3], None, None) for r in mine]

def value(text):
    m = re.fullmatch(r"(-?[0-9.]+)(k?)", text)
    return float(m[1]) * (1000 if m[2] else 1) if m else None

def place(g):
    m = re.match(r"translate\(([-0-9.]+),\s*([-0-9.]+)\)", g.get("transform") or "")
    return (float(m[1]), float(m[2])) if m else None

def line_through(tics):                                   # pixel to value
    tics = sorted(set(tics))
    if len(tics) < 2: return None
    (p, a), (q, b) = tics[0], tics[-1]
    for r, c in tics:
        if abs(a + (r - p) * (b - a) / (q - p) - c) > abs(b - a) * 0.01: return None
    return lambda r: a + (r - p) * (b - a) / (q - p), abs((b - a) / (q - p))

def panels_of(root):
    """In the order drawn: tics of y and x, then marks and bars, a dictionary a panel."""
    found = []
    for e in root.iter():
        if e.tag == S + "g" and place(e) and e.get("text-anchor") in ("end",
                "middle") and "rotate" not in e.get("transform"):
            text = "".join(e.itertext()).strip()
            v = value(text)
            if v is None: continue
            x, y = place(e)
            axis = "y" if e.get("text-anchor") == "end" else "x"
            if axis == "y" and (not found or found[-1]["marks"]
                                or found[-1]["tics_x"]): found.append({"tics_x": [],
                                        "tics_y": [], "marks": [], "bars": [], "floor": 0})
            if found and axis == "x": found[-1]["floor"] = y
            if found: found[-1]["tics_" + axis].append((x, v) if axis == "x" else (y, v))
        elif e.tag == S + "use" and place(e) and found:
            found[-1]["marks"].append((*place(e), (e.get("color") or "").replace(" ", "")[4:-1]))
        elif e.tag == S + "path" and found:
            for m in re.finditer(r"M([\d.]+),([\d.]+)\s+L\1,([\d.]+)",
                                 e.get("d") or ""): found[-1]["bars"].append(tuple(map(float,
                                         m.groups())))
    return found

for path in sorted(glob.glob(folder + "/*.svg")):
    name, wrong, points = os.path.basename(path)[:-4], [], 0
    root = ET.parse(path).getroot()
    if (root.get("width"), root.get("height")) != ("1280", "720"): wrong.append("not 1280 by 720")
    sizes = [float(e.get("font-size")) for e in root.iter() if e.get("font-size")]
    if min(sizes) < 18: wrong.append("letters of %g" % min(sizes))
    names = sorted(f for f in rows if re.fullmatch(re.escape(name) + "-?[a-z]", f))
    drawn = panels_of(root)
    setting = open("%s/%s.gp" % (folder, name)).read()
    boxes, logx = (list(map(int,
                            re.search(r"array %s\[\d+\] = \[(.*)\]" % k, setting)[1].split(",")))
                            for k in ("boxes", "logx"))
    if len(drawn) != len(names): wrong.append("%d panels drawn, %d in the table"
                                              % (len(drawn), len(names)))
    for k, (f, p) in enumerate(zip(names, drawn)):
        y, x = line_through([(v - 6.5, t) for v, t in p["tics_y"]]), line_through(p["tics_x"])
        if boxes[k]:                                      # of boxes the bars alone are read
            for r in rows[f]:
                if r[3] is None or r[3] >= r[4]: continue
                if any(abs(y[0](max(b[1:])) - r[3]) <= 1.5 * y[1]
                       and abs(y[0](min(b[1:])) - r[4]) <= 1.5 * y[1]
                       for b in p["bars"]): points += 1
                elif r[4] - r[3] > 2 * y[1]: wrong.append("%s: no bar from %g to %g"
                                                          % (f, r[3], r[4]))
            continue
        if not y: wrong.append(f + ": no axis in y"); continue
        seen = set()
        for px, py, colour in p["marks"]:
            if p["floor"] and py > p["floor"]: continue   # a sample of the legend
            if colour not in COLOURS: wrong.append(f + ": colour " + colour); continue
            hits = [i for i, r in enumerate(rows[f]) if abs(y[0](py) - r[2]) <= 1.5 * y[1]
                    and (logx[k] or not x or abs(x[0](px) - r[1]) <= 1.5 * x[1])]
            if hits: points += 1; seen.update(hits)
            else: wrong.append("%s: a mark at %.4g %.4g, which the table has not"
                               % (f, x[0](px) if x else math.nan, y[0](py)))
        few = collections.Counter(r[0] for r in rows[f])
        for i, r in enumerate(rows[f]):
            if few[r[0]] <= 12 and i not in seen: wrong.append("%s: %s at %g, %g is not drawn"
                    % (f, *r[:3]))
            if few[r[0]] <= 12 and r[3] is not None and r[3] < r[4]:
                if not any(abs(y[0](max(b[1:])) - r[3]) <= 1.5 * y[1]
                           and abs(y[0](min(b[1:])) - r[4]) <= 1.5 * y[1] for b in p["bars"]):
                    wrong.append("%s: no bar from %g to %g" % (f, r[3], r[4]))
    print("figure %s: %s" % (name, "; ".join(wrong[:3])) if wrong
          else "ok figure %s: %d points read back" % (name, points))
