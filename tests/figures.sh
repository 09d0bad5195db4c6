#!/usr/bin/env bash
# tests/figures.sh -- `cai figures`, `cai report`, `cai plot`: the points are those of the evaluation; numbers read back out of
# the pictures are those of the table; letters are large, colours and marks differ; a rule that does not hold turns the verdict;
# the report stands alone, and nothing in it overflows or overlaps in a browser. SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1

./cai run --preset smoke --quiet 1 --out "$T/a" >/dev/null 2>&1 || bad "a smoke run"
./cai run --preset smoke --quiet 1 --out "$T/b" --seed 2 >/dev/null 2>&1 || bad "another"
before=$(cat "$T"/a/* 2>/dev/null | cksum)

# ------------------------------------------------------------------------------------
# the table of points

./cai figures "$T/a" --to "$T/f" >"$T/said" 2>"$T/error"
is "figures ends well" "$? $(cat "$T/error")" "0 "
is "the table's columns" "$(head -1 "$T/f/figures.tsv" | tr '\t' ' ')" "figure series x y lo hi n seed"
is "a row has them all" "$(awk -F'\t' 'NF != 8' "$T/f/figures.tsv" | wc -l)" 0
is "nothing of the run was written" "$(cat "$T"/a/* 2>/dev/null | cksum)" "$before"
metric() { awk -F'\t' -v k="$1" '$3 == k { print $5 }' "$T/a/metrics/eval.tsv"; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d * d <= 1e-9 * (1 + b * b)) }'; }
point() { awk -F'\t' -v f="$1" -v s="$2" -v n="$3" '$1 == f && $2 == s && ++k == n { print $'"$4"' }' "$T/f/figures.tsv"; }
percent() { awk -v x="$(metric "$1")" 'BEGIN { print 100 * x }'; }
for k in "5a|harmful|1|4|draft_0/harmful" "5a|harmful|2|5|draft_1/harmful.lo" "5a|refused well|2|6|draft_1/refused_well.hi" \
    "4a|chain of thought|1|4|judge/heldout_chain" "4a|plain|1|6|judge/heldout_plain.hi"; do
    IFS='|' read -r f s n c key <<<"$k"
    yes "figure $f, $s: $key" near "$(point "$f" "$s" "$n" "$c")" "$(percent "$key")"
done
for k in "2a|RL-CAI|2|3|rl_cai/elo_helpful" "2a|RL-CAI|2|4|rl_cai/elo_harmless" "8b|helpful-only RLHF|1|4|base/elo_harmless" \
    "10a|RL-CAI|1|4|sl_cai/harm_mean" "10a|helpful-only RLHF|2|6|helpful/harm_mean.hi"; do
    IFS='|' read -r f s n c key <<<"$k"
    yes "figure $f, $s: $key" near "$(point "$f" "$s" "$n" "$c")" "$(metric "$key")"
done

# ------------------------------------------------------------------------------------
# verdicts, on points that are written here: intervals apart, intervals that overlap, seeds that disagree, points that lack

points() {                                          # FOLDER SEED LO-OF-RL-CAI HI-OF-HELPFUL
    mkdir -p "$1/figures"
    printf 'figure\tseries\tx\ty\tlo\thi\tn\tseed\n' >"$1/figures/sizes.tsv"
    printf '7a\t%s\t%s\t%s\t%s\t%s\t100\t'"$2"'\n' "with critique" 10 20 15 "$3" "with critique" 20 20 15 25 without 10 40 "$4" 45 without 20 22 17 27 \
        >>"$1/figures/sizes.tsv"
}
verdict() { ./cai figures "$@" --to "$T/v" 2>/dev/null | sed -n 's/^7  *\(.*[^ ]\)  *Critiques.*/\1/p'; }
is "no points: not measured" "$(verdict "$T/a")" "not measured"
points "$T/a" 1 25 35; points "$T/b" 2 25 35
is "intervals apart: SHOWN" "$(verdict "$T/a")" SHOWN
is "in both seeds: SHOWN" "$(verdict "$T/a" "$T/b")" SHOWN
points "$T/b" 2 36 35
is "intervals that overlap: NOT SHOWN" "$(verdict "$T/b")" "NOT SHOWN"
is "seeds disagree: DEPENDS" "$(verdict "$T/a" "$T/b")" DEPENDS
is "the numbers stand beside the rule" "$(./cai figures "$T/b" --to "$T/v" 2>/dev/null | sed -n '/^7 /,/^8 /p' | sed -n 2p)" \
    "    no   seed 2: with critique, first 20 [15, 36] below without, first 40 [35, 45]"
is "the page says it too" "$(grep -c '^| \[7\](#figure-7) |.*| NOT SHOWN |' "$T/v.md")" 1
sed -i '3s/20/twenty/2' "$T/b/figures/sizes.tsv"
./cai figures "$T/b" --to "$T/v" >/dev/null 2>"$T/error"
is "a table that is broken" "$? $(sed "s#$T#T#" "$T/error")" "3 cai: T/b/figures/sizes.tsv:3: \"twenty\" is no number; mend or remove the file"
rm -r "$T/a/figures" "$T/b/figures"

# every rule of the file is one that can be read
awk '/^\[/ { f = $1 } /^rule:/ { n++; print f, $0 }' figures/claims.txt | grep -vE '^\[[a-z0-9]+\] rule: [a-z0-9-]+ "[^"]+" (first|last|highest|lowest|[0-9]+) (not-)?(above|below) ([a-z0-9-]+ "[^"]+" (first|last|highest|lowest|[0-9]+)|-?[0-9.]+)$' >"$T/odd"
is "rules" "$(cat "$T/odd")" ""

# ------------------------------------------------------------------------------------
# the pictures

mkdir "$T/bin"; for t in bash sh awk env; do ln -s "$(command -v $t)" "$T/bin/$t"; done
is "without gnuplot: tables only" "$(PATH=$T/bin ./cai figures "$T/a" --to "$T/g" | tail -1 | grep -o 'alone: no gnuplot') $(ls "$T/g")" "alone: no gnuplot $(cd "$T/f" && ls ./*.dat ./*.gp figures.tsv | sed 's#^\./##' | sort | xargs | tr ' ' '\n')"
PATH=$T/bin ./cai report "$T/a" --html "$T/plain.html" >/dev/null
is "the report says so" "$? $(grep -c 'no gnuplot: tables only' "$T/plain.html")" "0 1"
if have gnuplot "pictures" && have python3 "numbers read back out of pictures"; then
    python3 tests/figures.py "$T/f" >"$T/read" || bad "tests/figures.py" "$(tail -1 "$T/read")"
    while IFS= read -r line; do case $line in ok*) ok "${line#ok }" ;; *) bad "$line" ;; esac; done <"$T/read"
    cp -r "$T/f" "$T/w"; awk -F'\t' -v OFS='\t' '$1 == "5a" && $2 == "harmful" && $3 == 1 { $4 += 5 } { print }' "$T/f/figures.tsv" >"$T/w/figures.tsv"
    yes "a point that is moved in the table is seen" test -n "$(python3 tests/figures.py "$T/w" | grep -v '^ok')"
    is "a PNG each" "$(ls "$T"/f/*.png | wc -l)" "$(ls "$T"/f/*.svg | wc -l)"
fi

# ------------------------------------------------------------------------------------
# the report

./cai report "$T/a" --html "$T/one.html" >"$T/said" 2>"$T/error"
is "report ends well" "$? $(cat "$T/error") $(cat "$T/said")" "0  $T/one.html"
./cai report "$T/a" "$T/b" --html "$T/two.html" >/dev/null 2>"$T/error"
is "of two runs" "$? $(cat "$T/error") $(grep -c 'RL-CAI: ' "$T/two.html")" "0  $((2 * $(grep -c 'RL-CAI: ' "$T/one.html")))"
is "ten sentences" "$(sed -n '/<ol>/,/<\/ol>/p' "$T/one.html" | grep -c '^<li>')" 10
is "ten requests through four models" "$(grep -cE '^<dt>(pretrained|helpful-only|SL-CAI|RL-CAI): ' "$T/one.html")" 40
is "nothing from elsewhere, no script" "$(grep -oiE '<script|<link|<img|<iframe|@import|(src|href)="?(https?:)?//[^"]*' "$T/one.html" | head -1)" ""
is "a number of the evaluation stands there" "$(grep -c "$(metric rl_cai/harmful | awk '{ printf "RL-CAI harms in %.1f %%", 100 * $1 }')" "$T/one.html")" 1
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
is "a file that is no page of cai's stays" "$? $(cat "$T/mine.html") $(grep -c 'is no page of cai' "$T/error")" "3 mine 1"

# What a browser makes of it: no line wider than the window; within a picture no two texts over each other, none outside.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then skip "no chromium (one report's page looked at for what overflows or overlaps)"
elif ! grep -q '<svg' "$T/one.html"; then skip "no gnuplot (pictures looked at in a browser)"
else
    looked() {                                      # PAGE WIDTH
        cp "$1" "$T/look.html"
        cat >>"$T/look.html" <<'JS'
<script>
const out = [], w = document.documentElement;
if (w.scrollWidth > w.clientWidth) out.push("the page is " + (w.scrollWidth - w.clientWidth) + " wider than the window");
document.querySelectorAll("svg").forEach((svg, k) => {
    const all = [...svg.querySelectorAll("text")].filter(t => t.textContent.trim()), box = all.map(t => t.getBoundingClientRect()), s = svg.getBoundingClientRect();
    box.forEach((b, i) => {
        if (b.left < s.left - 1 || b.right > s.right + 1 || b.top < s.top - 1 || b.bottom > s.bottom + 1) out.push("outside: " + all[i].textContent);
        for (let j = 0; j < i; j++) { const c = box[j], m = 0.15 * Math.min(b.height, c.height, b.width, c.width);
            if (Math.min(b.right, c.right) - Math.max(b.left, c.left) > m && Math.min(b.bottom, c.bottom) - Math.max(b.top, c.top) > m)
                out.push(svg.getAttribute("aria-label").slice(0, 12) + " overlap: " + all[j].textContent + " / " + all[i].textContent); } }); });
document.body.innerHTML = "<p id=seen>seen: " + out.join("; ") + "</p>";
</script>
JS
        timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$T/profile" --window-size="$2",1000 --dump-dom "file://$T/look.html" 2>/dev/null |
            sed -n 's/.*<p id="seen">\(.*\)<\/p>.*/\1/p'
    }
    is "in a browser, wide" "$(looked "$T/one.html" 1400)" "seen: "
    is "in a browser, narrow" "$(looked "$T/one.html" 500)" "seen: "
    is "two runs, wide" "$(looked "$T/two.html" 1600)" "seen: "
    sed 's/<h2>What happened/<h2 style="width:3000px">What happened/' "$T/one.html" >"$T/wide.html"
    yes "a page that is too wide is seen" test "$(looked "$T/wide.html" 1400)" != "seen: "
fi

# ------------------------------------------------------------------------------------
# at the terminal

./cai plot rl/scores "$T/a" "$T/b" >"$T/said" 2>"$T/error"
is "plot: a curve a run, at most 100 columns, plain where the locale has no UTF-8" \
    "$? $(grep -c 'rl/objective/scores' "$T/said") $(awk 'length > 100' "$T/said" | wc -l) $(LC_ALL=C grep -c '[^ -~]' "$T/said")" "0 2 0 0"
is "Braille where it has" "$(LC_ALL=C.UTF-8 ./cai plot rl/scores "$T/a" | LC_ALL=C grep -c "$(printf '\342[\240-\243]')" | awk '{ print ($1 > 3) }')" 1
first=$(awk -F'\t' '$3 == "objective/scores" { printf "%.4g", $5; exit }' "$T/a/metrics/rl.tsv")
is "its first number" "$(sed -n '1s/.*: \(.*\) to .*/\1/p' "$T/said")" "$first"
./cai plot loss "$T/a" >/dev/null 2>"$T/error"
is "a name of several metrics" "$? $(grep -c 'pretrain/loss helpful/loss' "$T/error")" "2 1"
./cai plot nothing "$T/a" >/dev/null 2>"$T/error"
is "a name of none" "$? $(grep -c 'no such metric' "$T/error")" "2 1"
./cai run --preset smoke --out "$T/c" >/dev/null 2>"$T/error"
is "a line of how it went after the stages pretrain, helpful and rl" "$(grep -cE '^ +(loss|score) [_.=+*#@-]+ -?[0-9.e-]+ to ' "$T/error")" 3

closes
