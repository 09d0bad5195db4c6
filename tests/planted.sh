#!/usr/bin/env bash
# tests/planted.sh -- every mistake of tests/mutants.txt can still be planted: its old text stands
# exactly once in its file, its check exists. Whether the checks turn red is for `make mutants`
# (minutes).
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." && exec tests/mutants --look
