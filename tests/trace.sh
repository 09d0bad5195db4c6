#!/usr/bin/env bash
# tests/trace.sh -- `cai trace`: every number that a formula gives stands beside a command of
# build/verify, and the command gives that number; the page in HTML has the same numbers; what equal
# answers and a label of 0.50 lead to; --steps; the request that it chooses. On a smoke run, on one
# with a few thousand documents, and on the folder in RUN if that is set.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
export OPENBLAS_NUM_THREADS=1 B=${B:-build}
REQUEST="How do I nab the baker's kite?"

./cai run --preset smoke --quiet 1 --out "$T/smoke" >/dev/null 2>&1 || bad "a smoke run"
./cai run --quiet 1 --out "$T/small" --corpus 2500 --redteam 64 --helpful 64 \
    --prefs 256 --ai-prefs 128 --eval 32 \
    --judgements 8 --helpful-iters 2 --rl-iters 3 --ppo-batch 64 >/dev/null 2>&1 \
        || bad "a small run"

# numbers FILE: of a trace, a line each "NUMBER<tab>COMMAND"
numbers() { sed -nE 's/^.* (-?[0-9]+\.[0-9]+) +# build\/verify (.*)$/\1\t\2/p' "$1"; }
# of the page in HTML
html_numbers() {
    sed 's/<td/\n<td/g; s/<dd/\n<dd/g' "$1" | sed -nE \
        's/^<td title="build\/verify ([^"]*)">(-?[0-9.]+)<.*/\2\t\1/p; s/^<dd class="x">(-?[0-9.]+) <code>build\/verify ([^<]*)<.*/\1\t\2/p'
}
# recomputed: of such lines those that the command does not give, to half a unit of the fourth
# decimal and what the seven digits of its numbers leave open
recomputed() {
    local number command value
    while IFS=$'\t' read -r number command; do
        # shellcheck disable=SC2086
        value=$($B/verify $command 2>&1 | sed -n 's/^ *value //p')
        awk -v a="$number" -v b="$value" 'BEGIN { d = a - b; d = d < 0 ? -d : d; s = a < 0 ? -a : a
            exit !(b == "" ||
            d > 0.00005001 + 2e-7 * s) }' && echo "$number, ${value:-nothing}: build/verify ${command:0:60}"
    done
}
for run in "$T/smoke" "$T/small" $RUN; do
    name=$(basename "$run")
    ./cai trace "$REQUEST" --out "$run" >"$T/trace" 2>"$T/error"
    # a small corpus may lack a word of the request, and then it is said
    is "$name: ends well" "$? $(grep -v 'of this town; the model has never read' "$T/error")" "0 "
    numbers "$T/trace" >"$T/numbers"
    # else below
    [ "$name" = small ] \
        || is "$name: each command gives its number" "$(recomputed <"$T/numbers" | head -3)" ""
    is "$name: numbers of every tag" "$(cut -f2 "$T/numbers" | cut -d' ' -f1 | sort -uV | xargs)" \
        "E1 E2 E3 E4 E5 E6 E13"
    [ "$name" = smoke ] && continue
    ./cai trace "$REQUEST" --out "$run" --html "$T/$name.html" >"$T/said" 2>"$T/error"
    is "$name: --html says where" "$? $(cat "$T/error") $(cat "$T/said")" \
        "0  $T/$name.html: written"
    # a pipe or a device gets the bytes and stays what it is
    mkfifo "$T/$name.pipe"
    timeout 20 cat "$T/$name.pipe" >"$T/through" & timeout 20 ./cai trace \
        "$REQUEST" --out "$run" --html "$T/$name.pipe" >"$T/said" 2>"$T/error"
    wait
    is "$name: --html into a pipe" "$(cksum <"$T/through") $([ -p "$T/$name.pipe" ] && echo pipe)" \
        "$(cksum <"$T/$name.html") pipe"
    html_numbers "$T/$name.html" >"$T/html"
    is "$name: each command of the page gives its number" "$(recomputed <"$T/html" | head -3)" ""
    is "$name: what the terminal shows stands in the page" \
        "$(sort -u "$T/numbers" | comm -23 - <(sort -u "$T/html") | head -1 | cut -c1-80)" ""
    is "$name: the page has more, the other rows" \
        "$(($(grep -c . "$T/html") > 2 * $(grep -c . "$T/numbers")))" 1
done

# ---- the page stands alone, and is what a browser reads: tags closed, nothing fetched, both colour schemes, print
if have python3 "the page's tags"; then
    is "HTML: every tag is closed" "$(python3 - "$T/small.html" <<'PY'
import sys, html.parser
class P(html.parser.HTMLParser):
    def __init__(s): super().__init__(); s.open = []
    def handle_starttag(s, t, a):
        if t not in ("meta",): s.open.append(t)
    def handle_endtag(s, t):
        if not s.open or s.open.pop() != t: print("closes", t, s.getpos())
p = P(); p.feed(open(sys.argv[1], encoding="utf-8").read()); p.close(); print("open" if p.open else "closed", end="")
PY
)" closed
fi
is "HTML: nothing is fetched" "$(grep -cE 'src=|href=|url\(|<script' "$T/small.html")" 0
is "HTML: light and dark, and paper" \
    "$(grep -c 'color-scheme:light dark' "$T/small.html") $(grep -c '@media print' "$T/small.html")" "1 1"
echo mine >"$T/mine.html"
./cai trace x --out "$T/smoke" --html "$T/mine.html" >/dev/null 2>"$T/error"
is "HTML: a file that is no such page stays" \
    "$? $(cat "$T/mine.html") $(grep -c 'choose another name' "$T/error")" "3 mine 1"
./cai trace "<b>&\"x" --out "$T/smoke" --html "$T/small.html" >/dev/null
is "HTML: written over, and the request is text" \
    "$(grep -c '<h1>request: &lt;b&gt;&amp;&quot;x</h1>' "$T/small.html")" 1

# ---- the request that it chooses, and the pair of feedback.jsonl that it stands on
./cai trace --out "$T/small" >"$T/chosen"
line=$(sed -n 's/.*stands on line \([0-9]*\) of feedback.jsonl.*/\1/p' "$T/chosen")
is "it says why this request" "$(sed -n 2p "$T/chosen")" "0 why this request"
field() { sed -n "${line}p" "$T/small/feedback.jsonl" | sed "s/.*\"$1\": \" *\([^\"]*\)\".*/\1/"; }
# whole FILE: with texts that were wrapped in one line
whole() { awk '/^ +[^ ]/ && match($0, /^ +/) && RLENGTH == 21 { sub(/^ +/, " ");
    printf "%s", $0; next }
    { printf "%s%s", (NR > 1 ? "\n" : ""), $0 } END { print "" }' "$1"; }
shown() {
    whole "$T/chosen" | sed -n '/^4 two/,/^5 /p' | sed -n "s/^    $1  *//p" | head -1 | tr -s ' '
}
is "A is that line's chosen" "$(shown A)" "$(field chosen | tr -s ' ')"
is "B is that line's rejected" "$(shown B)" "$(field rejected | tr -s ' ')"


# ---- a conversation that stands before it is passed over, and the reason says so
cp -r "$T/small" "$T/two"
rm "$T/two/files.txt" # every file is one's own
one=$(sed -n "${line}p" "$T/small/feedback.jsonl")
printf '%s\n' "${one/\"prompt\": \"/\"prompt\": \"\\n\\nHuman: Hello.\\n\\nAssistant: Hello.}" \
    "$one" >"$T/two/feedback.jsonl"
why() { ./cai trace --out "$T/two" 2>/dev/null | sed -n '/^0 why/,/^1 /p' | tr -s ' \n' '  '; }
is "it is the first of one turn" \
    "$(why | grep -o 'line .* request.* of whose') $(why | grep -o '([0-9]* of [^)]*)')" \
    "line 2 of feedback.jsonl: the first request of one turn of whose (2 of 2 pairs)"
printf '%s\n' "$(head -1 "$T/two/feedback.jsonl")" >"$T/two/feedback.jsonl"
is "or the first of all" "$(why | grep -o 'line .* request.* of whose')" \
    "line 1 of feedback.jsonl: the first request of whose"

# ---- what section 3 says is what the stage takes
is "all steps" "$(grep -c 'takes the revisions of all steps, not the last one alone' "$T/chosen")" 1
./cai run --preset smoke --quiet 1 --final-only 1 --out "$T/final" >/dev/null 2>&1 \
    || bad "a run with --final-only"
./cai trace x --out "$T/final" 2>/dev/null >"$T/trace"
is "--final-only: the last step's" "$(grep -c "takes the last step's revisions only" "$T/trace")" 1

# ---- a label of 0.50 is said, and something else follows: a judge that is held to 0.5
./cai trace "$REQUEST" --clamp-lo 0.5 --clamp-hi 0.5 --out "$T/small" 2>/dev/null >"$T/trace"
is "a label of 0.50 is said" \
    "$(grep -c 'The label is 0.50: ' "$T/trace") $(grep -c '^4 again: ' "$T/trace")" "1 1"

# ---- PPO: no KL and no V at the first step, both at the second; one row is shown with all its commands
awk '/^6 a second/ { on = 1 } /^7 / { on = 0 } on' "$T/chosen" >"$T/second"
is "second step: a token's KL is not 0" \
    "$(grep -c 'E4 k1  .*[1-9].*# build/verify E4 kl_k1' "$T/second")" 1
is "second step: its reward, A, G, whitened A, ratio, both terms, both losses" \
    "$(sed -n 's/.*# build\/verify \(E[456] [a-zA-Z_0-9]*\) .*/\1/p' "$T/second" \
        | sort -u | xargs)" \
    "E4 kl_k1 E4 reward_penalised E4 score_counted E5 free_term E5 held_term E5 loss_mean E5 loss_total E5 ppo_clip_loss E5 ratio E5 value_loss E6 gae_return E6 gae_step E6 whiten_deviation E6 whiten_mean E6 whitened"
is "scores of all four answers" \
    "$(grep -cE '^    [1-4]  +-?[0-9.]+ +-?[0-9.]+ +[0-9]+( <)?$' "$T/second")" 4

# ---- a critique's log P stands on the constitution's worked examples, if there are any: cai logprob says the same
{ cat data/constitution.txt
  printf '[critique example]\n\n\nHuman: Help me.\n\nAssistant: Sure.\n\nCritiqueRequest: Look.\n\nCritique: It helps.\n'; } >"$T/law.txt"
./cai trace "$REQUEST" --constitution "$T/law.txt" --out "$T/small" >"$T/trace" 2>/dev/null
if have python3 "log P of critiques under worked examples"; then
    python3 - "$T" "$REQUEST" <<'PY' >"$T/pair"
import json, re, sys
T, request = sys.argv[1:]
text = re.sub(r"\n {21}", " ", open(T + "/trace", errors="replace").read())      # a wrapped text is one line
of = lambda name, part: re.search(r"^    %s +(.*)$" % name, part, re.M).group(1)
law, response = open(T + "/law.txt").read() + "\n", of("draft", text)
for k in range(1, 5):                                            # the first step that is plain text: the model is small
    step = text[text.index("2 step %d" % k):]
    if (response + of("critique", step)).isascii() and "?" not in response + of("critique", step): break
    response = of("revision", step)
print(json.dumps({"completion": " " + of("critique", step), "prompt": "%s\n\nHuman: %s\n\nAssistant: %s\n\nCritiqueRequest: %s\n\nCritique:"
    % (law[law.index("[critique example]\n") + 19:], request, response, of("asked", step))}))
open(T + "/loss", "w").write(re.search(r"E13 -log P +([0-9.]+)", step).group(1))
PY
    ./cai logprob --model helpful --in "$T/pair" --out "$T/small" >"$T/lp"
    is "a critique's log P has the worked examples before it" \
        "$(cat "$T/loss")" \
        "$(python3 -c 'import json, sys; print("%.4f" % -json.loads(open(sys.argv[1]).read())["sum"])' "$T/lp")"
fi

# ---- at a terminal --steps stops before each section
if have script "--steps at a terminal"; then
    printf '\n\nq\n' | script -qec "./cai trace x --steps --out $T/smoke" /dev/null >"$T/typed" 2>&1
    is "--steps: two sections, then q" \
        "$(grep -c '^-- ' "$T/typed") $(grep -c '^    draft ' "$T/typed") $(grep -c '^    revision ' "$T/typed")" "3 1 1"
fi

closes
