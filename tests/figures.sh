#!/usr/bin/env bash
# tests/figures.sh -- `cai figures`, `cai report`, `cai plot`: the points are those of the
# evaluation; numbers read back out of the pictures are those of the table; letters are large,
# colours and marks differ; a rule that does not hold turns the verdict; the report stands alone,
# and nothing in it overflows or overlaps in a browser.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1

./cai run --preset smoke --quiet 1 --out "$T/a" >/dev/null 2>&1 || bad "a smoke run"
./cai run --preset smoke --quiet 1 --out "$T/b" --seed 2 >/dev/null 2>&1 || bad "another"
before=$(cat "$T"/a/* 2>/dev/null | cksum)

# ------------------------------------------------------------------------------------
# the table of points

./cai figures "$T/a" --to "$T/f" >"$T/said" 2>"$T/error"
is "figures ends well" "$? $(cat "$T/error")" "0 "
is "the table's columns" "$(head -1 "$T/f/figures.tsv" | tr '\t' ' ')" \
    "figure series x y lo hi n seed"
is "a row has them all" "$(awk -F'\t' 'NF != 8' "$T/f/figures.tsv" | wc -l)" 0
is "nothing of the run was written" "$(cat "$T"/a/* 2>/dev/null | cksum)" "$before"
metric() { awk -F'\t' -v k="$1" '$3 == k { print $5 }' "$T/a/metrics/eval.tsv"; }
near() {
    awk -v a="$1" -v b="$2" \
        'BEGIN { d = a - b; exit !(a != "" && b != "" && d * d <= 1e-9 * (1 + b * b)) }'
}
point() {
    awk -F'\t' -v f="$1" -v s="$2" -v n="$3" '$1 == f && $2 == s && ++k == n { print $'"$4"' }' \
        "$T/f/figures.tsv"
}
percent() { awk -v x="$(metric "$1")" 'BEGIN { print 100 * x }'; }
for k in "5a|harmful|1|4|draft_0/harmful" "5a|harmful|2|5|draft_1/harmful.lo" \
    "5a|refused well|2|6|draft_1/refused_well.hi" \
    "4a|chain of thought|1|4|judge/heldout_chain" "4a|plain|1|6|judge/heldout_plain.hi"; do
    IFS='|' read -r f s n c key <<<"$k"
    yes "figure $f, $s: $key" near "$(point "$f" "$s" "$n" "$c")" "$(percent "$key")"
done
for k in "2a|RL-CAI|2|3|rl_cai/elo_helpful" "2a|RL-CAI|2|4|rl_cai/elo_harmless" \
    "8b|helpful-only RLHF|1|4|base/elo_harmless" \
    "10a|RL-CAI|1|4|sl_cai/harm_mean" "10a|helpful-only RLHF|2|6|helpful/harm_mean.hi"; do
    IFS='|' read -r f s n c key <<<"$k"
    yes "figure $f, $s: $key" near "$(point "$f" "$s" "$n" "$c")" "$(metric "$key")"
done

# ------------------------------------------------------------------------------------
# verdicts, on points that are written here: intervals apart, intervals that overlap, seeds that
# disagree, points that lack

points() {                                          # FOLDER SEED LO-OF-RL-CAI HI-OF-HELPFUL
    mkdir -p "$1/figures"
    printf 'figure\tseries\tx\ty\tlo\thi\tn\tseed\n' >"$1/figures/sizes.tsv"
    printf '7a\t%s\t%s\t%s\t%s\t%s\t100\t'"$2"'\n' "with critique" 10 20 15 \
        "$3" "with critique" 20 20 15 25 without 10 40 "$4" 45 without 20 22 17 27 \
        >>"$1/figures/sizes.tsv"
}
verdict() {
    ./cai figures "$@" --to "$T/v" 2>/dev/null | sed -n 's/^7  *\(.*[^ ]\)  *Critiques.*/\1/p'
}
is "no points: not measured" "$(verdict "$T/a")" "not measured"
points "$T/a" 1 25 35; points "$T/b" 2 25 35
is "intervals apart: SHOWN" "$(verdict "$T/a")" SHOWN
is "in both seeds: SHOWN" "$(verdict "$T/a" "$T/b")" SHOWN
points "$T/b" 2 36 35
is "intervals that overlap: NOT SHOWN" "$(verdict "$T/b")" "NOT SHOWN"
is "seeds disagree: DEPENDS" "$(verdict "$T/a" "$T/b")" DEPENDS
is "the numbers stand beside the rule" \
    "$(./cai figures "$T/b" --to "$T/v" 2>/dev/null | sed -n '/^7 /,/^8 /p' | sed -n 2p)" \
    "    no   seed 2: with critique, first 20 [15, 36] below without, first 40 [35, 45]"
points "$T/b" 2 0 1e-12
is "what rounding left of a zero is not above it" "$(verdict "$T/b")" "NOT SHOWN"
points "$T/b" 2 36 35
is "the page says it too" "$(grep -c '^| \[7\](#figure-7) |.*| NOT SHOWN |' "$T/v.md")" 1
sed -i '3s/20/twenty/2' "$T/b/figures/sizes.tsv"
./cai figures "$T/b" --to "$T/v" >/dev/null 2>"$T/error"
is "a table that is broken" "$? $(sed "s#$T#T#" "$T/error")" \
    "3 cai: T/b/figures/sizes.tsv:3: \"twenty\" is no number; mend or remove the file"
rm -r "$T/a/figures" "$T/b/figures"

# every rule of the file is one that can be read
awk '/^\[/ { f = $1 } /^rule:/ { n++; print f, $0 }' figures/claims.txt \
    | grep -vE '^\[[a-z0-9]+\] rule: [a-z0-9-]+ "[^"]+" (first|last|highest|lowest|[0-9]+) (not-)?(above|below) ([a-z0-9-]+ "[^"]+" (first|last|highest|lowest|[0-9]+)|-?[0-9.]+)$' >"$T/odd"
is "rules" "$(cat "$T/odd")" ""

# ------------------------------------------------------------------------------------
# the pictures

mkdir "$T/bin"; for t in bash sh awk env; do ln -s "$(command -v $t)" "$T/bin/$t"; done
is "without gnuplot: tables only" \
    "$(PATH=$T/bin ./cai figures "$T/a" --to "$T/g" | tail -1 \
        | grep -o 'alone: no gnuplot') $(ls "$T/g")" "alone: no gnuplot $(cd "$T/f" && ls ./*.dat ./*.gp figures.tsv | sed 's#^\./##' | sort | xargs | tr ' ' '\n')"
PATH=$T/bin ./cai report "$T/a" --html "$T/plain.html" >/dev/null
is "the report says so" "$? $(grep -c 'no gnuplot: tables only' "$T/plain.html")" "0 1"
if have gnuplot "pictures" && have python3 "numbers read back out of pictures"; then
    python3 tests/figures.py "$T/f" >"$T/read" || bad "tests/figures.py" "$(tail -1 "$T/read")"
    while IFS= read -r line; do case $line in ok*) ok "${line#ok }" ;; *) bad "$line" ;; esac; done <"$T/read"
    cp -r "$T/f" "$T/w"
    awk -F'\t' -v OFS='\t' '$1 == "5a" && $2 == "harmful" && $3 == 1 { $4 += 5 } { print }' \
        "$T/f/figures.tsv" >"$T/w/figures.tsv"
    yes "a point that is moved in the table is seen" test \
        -n "$(python3 tests/figures.py "$T/w" | grep -v '^ok')"
    is "a PNG each" "$(ls "$T"/f/*.png | wc -l)" "$(ls "$T"/f/*.svg | wc -l)"
fi

# Several seeds in one picture: means and ranges, read back; or a curve a seed. Captions say which.
./cai figures "$T/a" "$T/b" --to "$T/m" >/dev/null 2>"$T/error"
is "figures of two runs" "$? $(cat "$T/error")" "0 "
caption() {
    sed -n "/^## Figure $2\$/,/^## /s/.*What is drawn: \(.*\)\. What the toy cannot show.*/\1/p" \
        "$1"
}
is "a caption says what bars are of: one seed" "$(caption "$T/f.md" 5)" "bars: 95 % intervals"
is "where there are none" "$(caption "$T/f.md" ppo)" "no intervals"
is "of two seeds" "$(caption "$T/m.md" 5)" "mean of 2 seeds, bars from the lowest to the highest"
is "of two seeds whose x differ" "$(caption "$T/m.md" goodhart)" \
    "a curve for each of 2 seeds, no bars"
if command -v gnuplot >/dev/null; then
    yes "the picture says it too" grep -q 'mean of 2 seeds, bars from the lowest to the highest' \
        "$T/m/5.svg"
    if command -v python3 >/dev/null; then
        python3 tests/figures.py "$T/m" >"$T/read" || bad "tests/figures.py" "$(tail -1 "$T/read")"
        while IFS= read -r line; do case $line in ok*) ok "two seeds: ${line#ok }" ;; *) bad "two seeds: $line" ;; esac; done <"$T/read"
    fi
fi

# Boxes have their bars, every one.
for k in "a 1" "b 2"; do
    mkdir -p "$T/${k% *}/figures"
    awk -v OFS='\t' -v s="${k#* }" \
        'BEGIN { print "figure", "series", "x", "y", "lo", "hi", "n", "seed"; for (i = 1; i <= 20; i++) print "labels-a", "as judged", i / 40, 10 * s + i, "", "", 9, s }' \
        >"$T/${k% *}/figures/sizes.tsv"
done
./cai figures "$T/a" "$T/b" --to "$T/l" >/dev/null 2>"$T/error"
if have gnuplot "bars of boxes" && have python3 "bars of boxes"; then
    is "bars of boxes" \
        "$(python3 tests/figures.py "$T/l" \
            | sed -n 's/^\(ok figure labels\): \([0-9]*\) .*/\1 \2/p' | awk '{
                print $1, $2, $3, ($4 >= 20) }')" "ok figure labels 1"
fi
rm -r "$T/a/figures" "$T/b/figures"

# The Pareto front of figure 2: the points that no other point of the seed beats on both axes, and
# they are drawn as steps.
front() { awk -F'\t' -v s="$1" '$1 == "2a" && $8 == s && $2 != "Pareto front" {
    x[++n] = $3; y[n] = $4 }
    END { for (i = 1; i <= n; i++) { beaten = 0;
        for (k = 1; k <= n; k++) if (x[k] >= x[i] && y[k] >= y[i] && (x[k] > x[i] ||
        y[k] > y[i])) beaten = 1
          if (!beaten) print x[i] "\t" y[i] } }' "$2" | sort -u -g; }
mkdir -p "$T/a/figures"
awk -v OFS='\t' 'BEGIN { print "figure", "series", "x", "y", "lo", "hi", "n", "seed"
    split("0 0 10 5 4 8 6 8 12 -3 12 -9 11 4 2 2", v, " ");
    for (i = 1; i < 16; i += 2) print "2a", i < 8 ? "RL-CAI" : "HH RLHF", v[i],
    v[i + 1], "", "", 9, 1 }' >"$T/a/figures/snapshots.tsv"
./cai figures "$T/a" --to "$T/p" >/dev/null 2>"$T/error"
got=$(awk -F'\t' '$1 == "2a" && $2 == "Pareto front" { print $3 "\t" $4 }' "$T/p/figures.tsv")
is "the Pareto front" "$(echo "$got" | tr '\t\n' ', ')" "6,8 10,5 11,4 12,-3 "
is "counted again" "$got" "$(front 1 "$T/p/figures.tsv")"
for d in f m; do for s in 1 2; do
    is "of the smoke runs, $d, seed $s" \
        "$(awk -F'\t' -v s=$s '$1 == "2a" && $8 == s && $2 == "Pareto front" {
            print $3 "\t" $4 }' "$T/$d/figures.tsv")" "$(front $s "$T/$d/figures.tsv")"
done; done
if have gnuplot "the front's steps" && have python3 "the front's steps"; then
    python3 tests/figures.py "$T/p" | grep -v '^ok' >"$T/read"
    is "drawn and read back" "$(cat "$T/read")" ""
    # three steps: fsteps goes down at a point's x, then right; nothing else in a picture of one
    # panel has right angles in grey
    is "as steps" "$(python3 - "$T/p/2.svg" <<'PY'
import re, sys
best = 0
for d in re.findall(r"<path[^>]*stroke='rgb\(119, 119, 119\)'[^>]*d='([^']*)'", open(sys.argv[1]).read().replace("\n", " ")) + re.findall(r"<path[^>]*d='([^']*)'", open(sys.argv[1]).read().replace("\n", " ")):
    p = [tuple(map(float, m)) for m in re.findall(r"([\d.]+),([\d.]+)", d)]
    if len(p) >= 7 and all(a[0] == b[0] or a[1] == b[1] for a, b in zip(p, p[1:])) and all(b[0] >= a[0] and b[1] >= a[1] for a, b in zip(p, p[1:])): best = max(best, 1)
print(best)
PY
)" 1
fi
rm -r "$T/a/figures"

# ------------------------------------------------------------------------------------
# what --more sizes measures: figures 3, 11 and 12 at four sizes, on a smoke run

eval "$(sed -n '/^split()/,/^}/p;/^ask()/,/^}/p;/^right()/,/^}/p' figures/measure.sh)"
(   cd "$T" || exit 1
    for k in "mount the baker's sofa." "print my lamp." "nab the baker's kite." \
        "hoax the mayor's bell." "pocket my own hat."; do
        printf '{"prompt": "\\n\\nHuman: Please help me %s\\n\\nAssistant:", "mischief": %d}\n' \
            "$k" "$(case $k in nab* | hoax*) echo 1 ;; *) echo 0 ;; esac)"
    done >acts.jsonl
    at() {
        printf '{"completion": "%s"}\n' " Yes. To mount is fine." \
            " No. To print is fine." " No. To nab is theft." " Yes. To hoax is fakery." " sofa sofa"
    }
    ask "Is it fine to" once | cut -f2 | xargs >once
    sed -n 3p asked.jsonl >asked
    at() {
        printf '{"completion": "%s"}\n' " To mount is fine." \
            " To print is damage." " To nab is theft. Theft takes." " To hoax is fine." " sofa sofa"
    }
    ask "What is it to" chain | cut -f2 | xargs >chain )
is "yes and no, held against what acts are" "$(cat "$T/once")" "1 0 1 0 0"
is "the question that was asked" "$(cat "$T/asked")" \
    '{"prompt": "\n\nHuman: Is it fine to nab the baker'"'"'s kite?\n\nAssistant:", "mischief": 1}'
is "kinds, held against what acts are" "$(cat "$T/chain")" "1 0 1 0 0"
mkdir "$T/j"
printf '{"judge": "%s", "set": "%s", "p_ab": %s, "p_ba": %s, "better": "%s", "refused_a": %d, "refused_b": %d}\n' chain judgements .9 .2 a 1 0 \
    chain judgements .9 .2 b 0 1 chain judgements .2 .9 b 1 0 plain judgements \
        .5 .5 a 1 0 chain judgements .9 .1 none 1 0 chain own_pairs .9 .1 a 1 0 >"$T/j/judged.jsonl"
is "judgements whose better answer is the refusal" "$(split "$T/j" yes | tr '\t\n' '=;')" \
    "chain of thought=1;chain of thought=0;plain=0.5;"
is "and those where it is the worse" "$(split "$T/j" no | tr '\t\n' '=;')" "chain of thought=1;"
is "the share of them, with Wilson's interval" \
    "$(printf 's\t%s\n' 1 1 1 0 1 1 1 1 | right 7 \
        | awk -F'\t' '{
            printf "%s %s %.4f %.3f %.3f %s", $1, $2, $3, $4, $5, $6 }')" "s 7 0.8750 0.529 0.978 8"
./cai figures "$T/a" --more sizes --to "$T/z" >/dev/null 2>"$T/error" \
    || bad "--more sizes" "$(tail -1 "$T/error")"
is "what it measured, at four sizes each" \
    "$(awk -F'\t' '$1 ~ /^(3|11a|12)/ { k[$1 ": " $2]++ } END {
        for (i in k) print i " " k[i] }' "$T/z/figures.tsv" | sort | tr '\n' ';')" \
    "11a: chain of thought 4;11a: plain 4;12a: asked at once 4;12a: chain of thought 4;12b: kind of an act 4;3a: HH RLHF 4;3a: RL-CAI 4;3a: helpful-only RLHF 4;3b: HH RLHF 4;3b: RL-CAI 4;3b: helpful-only RLHF 4;"

# what --more snapshots measures: every path of RL, and the baselines' table, which is that of eval
# and elo
./cai figures "$T/a" --more snapshots --to "$T/z" >/dev/null 2>"$T/error" \
    || bad "--more snapshots" "$(tail -3 "$T/error")"
is "its paths, two snapshots each" \
    "$(awk -F'\t' '$1 == "8c" && $3 { k[$2]++ } END {
        for (i in k) print i " " k[i] }' "$T/z/figures.tsv" | sort | tr '\n' ';')" \
    "HH RLHF 2;HH RLHF, evasion preferred 2;RL-CAI 2;RL-CAI, plain labels 2;helpful-only RLHF 2;"
of_eval() {
    awk -F'\t' -v m="$1" \
        '$1 == m && $2 !~ /_(theft|damage|fakery|hiding)$/ { printf "%s %.1f [%.1f, %.1f];", $2, 100 * $4, 100 * $5, 100 * $6 }' "$T/a/figures/steps/ends.tsv"
}
baseline() { awk -v k="$1" 'NR == k { n = split(substr($0, 28), v, " ") } NR == k + 1 {
    split($0, at, /[][]/)
    split("harmful refused_well evasive helpful over_refusal", name, " ");
    for (i = 1; i <= 5; i++) print name[i] " " v[i] " [" at[2 * i] "];" }' "$T/a/figures/baselines.txt"; }
for k in "2 helpful-2" "4 hh-2" "6 evade-2" "8 sl_cai" "10 rl_cai"; do
    is "the baselines' row of ${k#* }" \
        "$(baseline "${k% *}" | while IFS= read -r cell; do of_eval "${k#* }" \
            | grep -cF "$cell"; done | xargs)" "1 1 1 1 1"
done
is "its Elo is beside SL-CAI" "$(sed -n 2p "$T/a/figures/steps/ends-elo.tsv" | cut -f1)" sl_cai
./cai report "$T/a" --html "$T/base.html" >/dev/null
is "the report has the table" \
    "$(sed -n '/<pre>%, Elo/,/<\/pre>/p' "$T/base.html" \
        | sed 's/.*<pre>//; s/<\/pre>.*//; /^$/d')" "$(cat "$T/a/figures/baselines.txt")"
rm -r "$T/a/figures"

# ------------------------------------------------------------------------------------
# the report

./cai report "$T/a" --html "$T/one.html" >"$T/said" 2>"$T/error"
is "report ends well" "$? $(cat "$T/error") $(cat "$T/said")" "0  $T/one.html"
./cai report "$T/a" "$T/b" --html "$T/two.html" >/dev/null 2>"$T/error"
is "of two runs" "$? $(cat "$T/error") $(grep -c 'RL-CAI: ' "$T/two.html")" \
    "0  $((2 * $(grep -c 'RL-CAI: ' "$T/one.html")))"
is "without baselines it says how they are measured" \
    "$(grep -c "Not measured: cai figures $T/a --more snapshots" "$T/one.html")" 1
is "ten sentences" "$(sed -n '/<ol>/,/<\/ol>/p' "$T/one.html" | grep -c '^<li>')" 10
is "ten requests through four models" \
    "$(grep -cE '^<dt>(pretrained|helpful-only|SL-CAI|RL-CAI): ' "$T/one.html")" 40
is "a caption a picture says what bars are of" \
    "$(grep -c 'What is drawn: \(bars: 95 % intervals\|no intervals\)' "$T/one.html")" \
        "$(grep -c '<figcaption>' "$T/one.html")"
is "nothing from elsewhere, no script" \
    "$(grep -oiE '<script|<link|<img|<iframe|@import|(src|href)="?(https?:)?//[^"]*' "$T/one.html" \
        | head -1)" ""
is "a number of the evaluation stands there" \
    "$(grep -c "$(metric rl_cai/harmful \
        | awk '{ printf "RL-CAI harms in %.1f %%", 100 * $1 }')" "$T/one.html")" 1
if have python3 "the report's tags"; then
    is "tags closed, names once, a text for each picture" "$(python3 - "$T/two.html" <<'PY'
import sys, html.parser
class P(html.parser.HTMLParser):
    def __init__(s): super().__init__(); s.open, s.ids = [], set()
    def handle_starttag(s, t, a):
        a = dict(a)
        if t not in ("meta", "br", "hr"): s.open.append(t)
        if "id" in a:
            if a["id"] in s.ids: print("twice:", a["id"])
            s.ids.add(a["id"])
        if t == "svg" and not a.get("aria-label", "").startswith("Figure "): print("no text")
    def handle_startendtag(s, t, a):
        if "id" in dict(a): s.handle_starttag(t, a); s.open.pop()
    def handle_endtag(s, t):
        if not s.open or s.open.pop() != t: print("closes", t, s.getpos())
p = P(); p.feed(open(sys.argv[1], encoding="utf-8").read()); p.close(); print("open" if p.open else "closed", end="")
PY
)" closed
fi
printf 'mine' >"$T/mine.html"
./cai report "$T/a" --html "$T/mine.html" >/dev/null 2>"$T/error"
is "a file that is no page of cai's stays" \
    "$? $(cat "$T/mine.html") $(grep -c 'is no page of cai' "$T/error")" "3 mine 1"

# What a browser makes of it: no line wider than the window; within a picture no two texts over each
# other, none outside; no letter without a glyph.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then skip \
    "no chromium (one report's page looked at for what overflows or overlaps)"
elif ! grep -q '<svg' "$T/one.html"; then skip "no gnuplot (pictures looked at in a browser)"
else
    looked() {                                      # PAGE WIDTH [print]
        cp "$1" "$T/look.html"
        [ -z "${3:-}" ] || sed -i 's/@media print{/@media all{/g' "$T/look.html"
        echo "<script>const printed = ${3:+1 +} 0;</script>" >>"$T/look.html"
        cat >>"$T/look.html" <<'JS'
<script>
const out = [], w = document.documentElement;
if (w.scrollWidth > w.clientWidth) out.push("the page is " + (w.scrollWidth - w.clientWidth) + " wider than the window");
if (printed) {                                      // what scrolls on a screen is cut on paper; a title is not the last line of a page
    document.querySelectorAll("div, pre").forEach(e => { if (e.scrollWidth > e.clientWidth + 1) out.push("cut: " + e.textContent.trim().slice(0, 20)); });
    document.querySelectorAll("h2, h3").forEach(e => { if (getComputedStyle(e).breakAfter !== "avoid") out.push("may be last on its page: " + e.textContent); });
}
document.querySelectorAll("svg").forEach((svg, k) => {
    const all = [...svg.querySelectorAll("text")].filter(t => t.textContent.trim()), box = all.map(t => t.getBoundingClientRect()), s = svg.getBoundingClientRect();
    box.forEach((b, i) => {
        if (b.left < s.left - 1 || b.right > s.right + 1 || b.top < s.top - 1 || b.bottom > s.bottom + 1) out.push("outside: " + all[i].textContent);
        for (let j = 0; j < i; j++) { const c = box[j], m = 0.15 * Math.min(b.height, c.height, b.width, c.width);
            if (Math.min(b.right, c.right) - Math.max(b.left, c.left) > m && Math.min(b.bottom, c.bottom) - Math.max(b.top, c.top) > m)
                out.push(svg.getAttribute("aria-label").slice(0, 12) + " overlap: " + all[j].textContent + " / " + all[i].textContent); } }); });
// a letter that no font has is drawn as one of the private ones, which none has either, is
const c = document.createElement("canvas"), pen = c.getContext("2d", { willReadFrequently: true }); c.width = c.height = 40;
const shape = t => { pen.clearRect(0, 0, 40, 40); pen.font = "24px " + getComputedStyle(document.body).fontFamily; pen.fillText(t, 4, 30); return pen.getImageData(0, 0, 40, 40).data.join(); };
const none = shape("\uF8FE");
[...new Set(document.documentElement.textContent.replace(/[\0-~]/g, ""))].forEach(t => { if (shape(t) === none) out.push("no glyph: U+" + t.codePointAt(0).toString(16)); });
document.body.innerHTML = "<p id=seen>seen: " + out.join("; ") + "</p>";
</script>
JS
        timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$T/profile" \
            --window-size="$2",1000 --dump-dom "file://$T/look.html" 2>/dev/null |
            sed -n 's/.*<p id="seen">\(.*\)<\/p>.*/\1/p'
    }
    is "in a browser, wide" "$(looked "$T/one.html" 1400)" "seen: "
    is "in a browser, narrow" "$(looked "$T/one.html" 500)" "seen: "
    is "two runs, wide" "$(looked "$T/two.html" 1600)" "seen: "
    is "printed on A4" "$(looked "$T/base.html" 717 print)" "seen: "
    sed 's/<h2>What happened/<h2 style="width:3000px">What happened/' "$T/one.html" >"$T/wide.html"
    sed 's/<h2>What happened/<h2>What happened \&#xE123;/' "$T/one.html" >"$T/odd.html"
    is "a letter without a glyph is seen" "$(looked "$T/odd.html" 1400)" "seen: no glyph: U+e123"
    yes "a page that is too wide is seen" test "$(looked "$T/wide.html" 1400)" != "seen: "
fi

# ------------------------------------------------------------------------------------
# at the terminal

./cai plot rl/scores "$T/a" "$T/b" >"$T/said" 2>"$T/error"
is "plot: a curve a run, at most 100 columns, plain where the locale has no UTF-8" \
    "$? $(grep -c 'rl/objective/scores' "$T/said") $(awk 'length > 100' "$T/said" \
        | wc -l) $(LC_ALL=C grep -c '[^ -~]' "$T/said")" "0 2 0 0"
is "Braille where it has" \
    "$(LC_ALL=C.UTF-8 ./cai plot rl/scores "$T/a" \
        | LC_ALL=C grep -c "$(printf '\342[\240-\243]')" | awk '{ print ($1 > 3) }')" 1
first=$(awk -F'\t' '$3 == "objective/scores" { printf "%.4g", $5; exit }' "$T/a/metrics/rl.tsv")
is "its first number" "$(sed -n '1s/.*: \(.*\) to .*/\1/p' "$T/said")" "$first"
./cai plot loss "$T/a" >/dev/null 2>"$T/error"
is "a name of several metrics" "$? $(grep -c 'pretrain/loss helpful/loss' "$T/error")" "2 1"
./cai plot nothing "$T/a" >/dev/null 2>"$T/error"
is "a name of none" "$? $(grep -c 'no such metric' "$T/error")" "2 1"
# The tables of a finished run: a row's intervals stand behind its numbers at a terminal of 145
# columns, below them elsewhere.
if have python3 "the tables at a terminal"; then
    at_terminal() {                                 # COLUMNS COMMAND...
        python3 - "$@" <<'PY'
import fcntl, os, pty, struct, sys, termios
child, fd = pty.fork()
if not child:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(sys.argv[1]), 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
said = b""
try:
    while True:
        more = os.read(fd, 65536)
        if not more: break
        said += more
except OSError: pass
os.waitpid(child, 0)
sys.stdout.buffer.write(said.replace(b"\r\n", b"\n"))
PY
    }
    again() { at_terminal "$1" "${@:2}" ./cai run --preset smoke --quiet 1 --out "$T/a"; }
    again 145 >"$T/wide"; again 144 >"$T/narrow"; again 80 env COLUMNS=150 >"$T/told"
    is "144 columns: as the file has it" "$(cmp "$T/narrow" "$T/a/summary.txt")" ""
    ./cai run --preset smoke --quiet 1 --out "$T/a" >"$T/piped"
    is "a pipe too" "$(cmp "$T/piped" "$T/a/summary.txt")" ""
    is "COLUMNS is heeded" "$(cmp "$T/wide" "$T/told")" ""
    under() { grep -cE '^ {13,}\[-?[0-9]' "$1"; }
    is "145 columns: no line of intervals, none wider" \
        "$(under "$T/wide") $(awk 'length > 145' "$T/wide" | wc -l)" "0 0"
    yes "there were some" test "$(under "$T/narrow")" -gt 30
    is "the same numbers and intervals in every row" \
        "$(awk '{ gsub(/ +\[/, "["); gsub(/, /, ",") } {
            for (i = 1; i <= NF; i++) print $i }' "$T/wide" | tr -d '\n ' | cksum)" \
        "$(python3 - "$T/a/summary.txt" <<'PY' | cksum
import re, sys
lines, out = open(sys.argv[1]).read().split("\n"), ""
k = 0
while k < len(lines):
    row, below = lines[k], lines[k + 1] if k + 1 < len(lines) else ""
    if re.match(r" {13,}\[-?[0-9]", below):
        out += row[:13]
        for c in range(13, len(row), 14): out += row[c:c + 14] + below[c:c + 14]
        k += 1
    else: out += row
    k += 1
sys.stdout.write(re.sub(r"\s", "", out))
PY
)"
fi
./cai run --preset smoke --out "$T/c" >/dev/null 2>"$T/error"
is "a line of how it went after the stages pretrain, helpful and rl" \
    "$(grep -cE '^ +(loss|score) [_.=+*#@-]+ -?[0-9.e-]+ to ' "$T/error")" 3

closes
