#!/usr/bin/env bash
# tests/calls.sh -- the equations are not for show: counts every function of equations.c in one
# whole smoke run, training and evaluation. Those named in UNUSED must be called never, all others
# at least once, so neither a function that the loop works round nor a stale name on the list goes
# unseen. Needs gcov, which comes with gcc.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
have gcov "which equations the loop calls" || { closes; exit; }

# What the loop has no use for, and why:
UNUSED="
ece                 E8 of stated probabilities; the loop has comparisons: ece_of_pairs
kl_k3_slope         k3 in the loss: --kl-form k3-loss, for the lesson
kl_best_of_n        E7, best-of-n
r_best_of_n         E7, over-optimisation
r_rl                E7, over-optimisation
ece                 E8 of stated probabilities; the loop has comparisons: ece_of_pairs
harm_loss           E9, the ratings come from the town
gibbs_optimum       E11, the yardstick of the tests
dpo_loss            E12, beside the paper's RL
ipo_loss            E12, beside the paper's RL
distill_loss        E13, in HH only
scored_feedback     E14, direct RLAIF
"

# A scratch program; counters in equations.c alone, products in plain C: it must be quick to build.
FLAGS="-std=c11 -O1 -fopenmp-simd -I. -pthread"
for f in *.c lib/*.c engine/*.c study/*.c data/*.c export/*.c cli/*.c; do
    [ "$f" = equations.c ] && continue
    ${CC:-cc} $FLAGS -c -o "$T/$(echo "$f" | tr / _).o" "$f" || exit 1
done
${CC:-cc} $FLAGS --coverage -c -o "$T/equations.o" equations.c 2>"$T/log" \
    && ${CC:-cc} --coverage -pthread -o "$T/counted" "$T"/*.o -lm 2>>"$T/log" || {
        cat "$T/log"
        skip "no coverage by this compiler (which equations the loop calls)"
        closes
        exit
    }
"$T/counted" run --preset smoke --quiet 1 --threads 1 --out "$T/run" >/dev/null || exit 1

gcov -b -c -t "$T/equations.gcda" 2>/dev/null \
    | sed -nE 's/^function ([A-Za-z0-9_]+) called ([0-9]+) .*/\1 \2/p' >"$T/calls"
[ "$(wc -l <"$T/calls")" -gt 30 ] || { echo "gcov said nothing of equations.c"; exit 1; }
echo "$UNUSED" | awk 'NF { print $1 }' | sort >"$T/unused"
while read -r name count; do
    if grep -qx "$name" "$T/unused"; then word=unused; else word=; fi
    if [ -z "$word" ] && [ "$count" = 0 ]; then bad "$name: never called"
    elif [ -n "$word" ] && [ "$count" != 0 ]; then bad "$name: called, strike it from the list"
    else ok "$name: $count calls${word:+, as listed}"; fi
done <"$T/calls"
for name in $(cat "$T/unused"); do
    grep -q "^$name " "$T/calls" || bad "$name: on the list, not in equations.c"
done
closes
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
