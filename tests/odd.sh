#!/usr/bin/env bash
# tests/odd.sh -- flags at their ends and outside, in random combinations; towns and constitutions
# with mistakes; models of finite but absurd weights (tests/odd.py says what is wanted of each). A
# sample here; ODD=all is what `make faults` runs.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
command -v python3 >/dev/null || {
    printf '%s\n' '0 passed, 0 failed, 1 skipped' \
        'skipped: no python3 (flags, towns, constitutions and models drawn at random)'
    exit 0
}
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
passed=0 failed=0
while read -r kind few many; do
    n=$few; [ "${ODD:-}" = all ] && n=$many
    case " ${ONLY:-$kind} " in *" $kind "*) ;; *) continue ;; esac
    if python3 tests/odd.py "$kind" "$n" "$T/$kind"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done <<'END'
ends 4 200
flags 4 500
towns 20 2000
laws 10 2000
models 2 200
END
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
