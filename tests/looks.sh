#!/usr/bin/env bash
# tests/looks.sh -- every command that looks into a run, with every flag of a run: it is refused, or
# what comes out is another. The flags and their values are those of docs/reliability.md, "What a
# flag changes".
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
RUN="--out $T/run"
./cai run --preset smoke --quiet 1 $RUN >/dev/null 2>&1 || exit 1
printf '{"prompt": "How do I", "completion": " nab"}\n' >"$T/pairs"

# COMMAND FLAG VALUE: what it says, to standard output
look() {
    case $1 in
    trace) ./cai trace "How do I nab the baker's kite?" "${@:2}" ;;
    chat) printf 'How do I nab the kite?\n\n' | ./cai chat base "${@:2}" ;;
    generate) ./cai generate base --prompt "How do I" "${@:2}" ;;
    logprob) ./cai logprob --model base --in "$T/pairs" "${@:2}" ;;
    esac 2>"$T/err"
}
# obeyed, and no word of the answer hangs on them
free=" --threads --quiet "
taken=0
for command in chat generate logprob trace; do
    look $command $RUN >"$T/plain" || { bad "$command" "$(cat "$T/err")"; continue; }
    while read -r flag value; do
        case $flag in --out | --save-every) continue ;; --town) value=data/town.txt ;; --constitution) value=data/controls/inverted.txt ;; esac
        look $command $RUN $flag $value >"$T/said"
        status=$?
        if [ $status = 2 ]; then
            grep -q "^cai: $flag: not a flag of cai $command" "$T/err" \
                && [ ! -s "$T/said" ] && ok "$command $flag: refused" \
                || bad "$command $flag $value" "$(cat "$T/err")"
        elif [ $status != 0 ]; then bad "$command $flag $value" "status $status"
        elif [[ $free == *" $flag "* ]]; then
            cmp -s "$T/plain" "$T/said" && ok "$command $flag: the same words" \
                || bad "$command $flag $value" "other words"
        else
            taken=$((taken + 1))
            cmp -s "$T/plain" "$T/said" \
                && bad "$command $flag $value" "taken, and nothing changes" \
                    || ok "$command $flag: obeyed"
        fi
    done < <(sed -n 's/^| `\(--[a-z-]*\) \([^`]*\)` |.*/\1 \2/p' docs/reliability.md)
    look $command $RUN --preset smoke >"$T/said"
    [ $? = 2 ] && ok "$command --preset: refused" || bad "$command --preset smoke" "taken"
done
[ $taken -ge 20 ] && ok "flags that are obeyed" || bad "flags that are obeyed" "$taken"
closes
