#!/usr/bin/env bash
# tests/install.sh -- installed like any program: two folders build the same bytes; the release
# archive builds; the installed program finds its data from anywhere, and a run's folder goes on
# without them; uninstall leaves nothing; program, help, manual page, completions and pages name the
# same flags; the version stands in one place.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/checks"
here=$PWD
unset MAKEFLAGS MAKELEVEL B

# ------------------------------------------------------------------------------------
# two folders, one program

version=$(./cai --version) && version=${version#cai }
repository() {
    git rev-parse HEAD >/dev/null 2>&1 || {
        skip "no repository of git's (the release archive)"
        false
    }
}
if have git "the release archive" && repository; then
    make -s dist B="$T/dist" || bad "make dist"
    yes "the archive has the version's name" [ -s "$T/dist/cai-$version.tar.gz" ]
    for d in one two; do mkdir "$T/$d" && tar -xzf "$T/dist/cai-$version.tar.gz" -C "$T/$d"; done
else
    for d in one two; do
        mkdir -p "$T/$d/cai-$version" \
            && cp -r ./*.[ch] Makefile README.md LICENSE CHANGELOG.md \
                cli data engine export figures include lib study "$T/$d/cai-$version"
    done
fi
one=$T/one/cai-$version two=$T/two/cai-$version
build() { local d=$1; shift; make -s -j2 -C "$d" EXTRA=-O0 "$@" >"$d.log" 2>&1 || cat "$d.log"; }
build "$one" cai
is "the archive builds" "$("$one/cai" --version 2>&1)" "cai $version"
some="build/equations.o build/lib/files.o build/engine/load.o build/cli/help.o build/cli/startup.o"
build "$two" $some            # objects of the second folder, for the seconds that all of them take
for o in $some; do cmp -s "$one/$o" "$two/$o" || echo "$o"; done >"$T/differ"
is "two folders build the same bytes" "$(cat "$T/differ")" ""
cp cai "$one/build/cai" && cp cai "$one/cai"      # from here on the quick program of this folder

# ------------------------------------------------------------------------------------
# installed, called from elsewhere

R=$T/installed/usr
SMALL="--preset smoke --dim 16 --hidden 16 --layers 1 --heads 1 --corpus 60 --vocab 320 --superwords 4 --redteam 8 --helpful 8
--prefs 8 --ai-prefs 8 --judgements 8 --max-new 4 --revisions 1 --context 1024 --quiet"
make -s -C "$one" EXTRA=-O0 install PREFIX=/usr DESTDIR="$T/installed" >"$T/log" 2>&1 \
    || bad "make install" "$(tail -n 1 "$T/log")"
mkdir "$T/elsewhere" && cd "$T/elsewhere" || exit 1
PATH=$R/bin:$PATH cai run $SMALL --out "$T/run" --to revise >/dev/null 2>"$T/stderr"
is "run from an empty folder, by PATH" "$? $(cat "$T/stderr")" "0 "
ln -s "$R/bin/cai" "$T/elsewhere/link"
./link data --preset smoke --quiet --out "$T/control" \
    --constitution data/controls/inverted.txt >/dev/null 2>"$T/stderr"
is "a control of the installed data, by a link" "$? $(cat "$T/stderr")" "0 "
yes "its copy is in the folder" cmp -s "$T/control/constitution.txt" \
    "$R/share/cai/data/controls/inverted.txt"
"$one/cai" data --preset smoke --quiet --out "$T/beside" >/dev/null 2>"$T/stderr"
is "beside the program, without an installation" "$? $(cat "$T/stderr")" "0 "
mkdir -p "$T/elsewhere/data" \
    && sed 's/^critique: /critique: Mine. /' "$R/share/cai/data/constitution.txt" \
        >data/constitution.txt
./link data --preset smoke --quiet --out "$T/near" >/dev/null
yes "what is here comes before what is installed" cmp \
    -s "$T/near/constitution.txt" data/constitution.txt
"$R/bin/cai" revise --quiet --out "$T/run" >"$T/stdout" 2>"$T/stderr"
is "another constitution here than the run's is told" "$? $(cat "$T/stderr")" \
    "0 cai: data/constitution.txt: not the constitution.txt of this folder, which it takes the place of"
rm -r data
cp -r "$T/run" "$T/moved" && mv "$R/share/cai" "$T/away"
"$R/bin/cai" revise --quiet --out "$T/moved" >/dev/null 2>"$T/stderr"
is "a run goes on by its own copies, without any data" "$? $(cat "$T/stderr")" "0 "
"$R/bin/cai" run --preset smoke --out "$T/none" >/dev/null 2>"$T/stderr"
is "without data a new run says what is missing" \
    "$? $(grep -c 'data/town.txt: No such file' "$T/stderr")" "3 1"
mv "$T/away" "$R/share/cai"
cd "$here" || exit 1
make -s -C "$one" EXTRA=-O0 uninstall PREFIX=/usr DESTDIR="$T/installed" >"$T/log" 2>&1
is "uninstall leaves no file" "$(find "$T/installed" -type f -o -path '*cai*')" ""

# ------------------------------------------------------------------------------------
# help, manual page, completions: the same flags

./cai help | sed -nE '/^Flags and defaults/,/^Flags of single/s/^  --([a-z-]+) .*/--\1/p' \
    | sort -u >"$T/run-flags"
./cai help | sed -n '/^Flags of single/,/^$/p' | grep -oE -- '--[a-z-]+' | sort -u >"$T/own-flags"
sort -u "$T/run-flags" "$T/own-flags" >"$T/flags"
yes "the help lists flags of a run and of commands" [ "$(wc -l <"$T/run-flags")" \
    -gt 40 -a "$(wc -l <"$T/own-flags")" -gt 5 ]
while read -r f; do              # a flag that the program does not know is refused as unknown
    # or a run would begin
    ./cai run "$f" --bogus --bogus 2>&1 | grep -q -- "^cai: $f: unknown flag" && echo "$f"
done <"$T/flags" >"$T/unknown"
is "the program knows every flag of its help" "$(cat "$T/unknown")" ""
./cai help bash >"$T/bash" && ./cai help zsh >"$T/zsh"
while read -r f; do
    grep -qE -- " $f( |\")" "$T/bash" && grep -q -- "'$f\[" "$T/zsh" || echo "$f"
done <"$T/flags" >"$T/lacks"
is "bash and zsh complete every flag" "$(cat "$T/lacks")" ""
./cai help man >"$T/cai.1"
sed -nE 's/^\.It Fl (-[a-z-]+)( .*)?$/-\1/p' "$T/cai.1" | sort -u >"$T/man-flags"
is "the manual page has the same flags" "$(diff "$T/flags" "$T/man-flags")" ""
./cai help | sed -nE 's/^  cai ([a-z]+) .*/\1/p; /^Stages/,/^$/s/^  ([a-z]+) .*/\1/p' \
    | sort -u >"$T/commands"
while read -r c; do
    ./cai help "$c" | grep -q "cai" || echo "$c"
    ./cai "$c" --help | cmp -s - <(./cai help "$c") || echo "$c --help"
    grep -qx "\.It Cm $c" "$T/cai.1" || echo "$c (man)"
done <"$T/commands" >"$T/lacks"
is "every command has its own help" "$(cat "$T/lacks")" ""
for f in $(./cai help generate | grep -oE '^  --[a-z]+'); do
    grep -qx -- "$f" "$T/own-flags" || echo "$f"
done >"$T/lacks"
is "help generate names its flags" \
    "$(./cai help generate \
        | grep -cE '^  --(prompt|temperature|count|model|tokenizer) ') $(cat "$T/lacks")" "5 "
is "-h and -V are --help and --version" "$(./cai -h | cksum) $(./cai -V)" \
    "$(./cai --help | cksum) $(./cai --version)"
for c in chat generate trace compare plot figures report logprob export; do
    says=0 takes=1
    ./cai help "$c" | grep -q 'that of --out' && says=1
    ./cai "$c" --out "$T/none" </dev/null 2>&1 | grep -q -- '--out: not a flag' && takes=0
    [ $says = $takes ] || echo "$c"
done >"$T/lacks"
is "a help that names --out is of a command that takes it" "$(cat "$T/lacks")" ""
./cai help nonsense >/dev/null 2>"$T/stderr"
is "help on no command" "$? $(cat "$T/stderr")" \
    "2 cai: nonsense: no such command or stage; see cai --help"
if have mandoc "the manual page is valid"; then
    is "the manual page is valid" "$(mandoc -Tlint "$T/cai.1")" ""
fi
is "bash reads its completions" "$(./cai help bash | bash -n 2>&1)" ""
complete_with() {
    bash -c 'eval "$(./cai help bash)"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _cai; echo "${COMPREPLY[*]}"' _ "$@"
}
is "bash completes a command" "$(complete_with cai ge)" "generate"
is "bash completes a flag" "$(complete_with cai run --lambda-k)" "--lambda-kl"
is "bash completes a stage" "$(complete_with cai run --to re)" "revise"
is "bash completes no flag of another command" "$(complete_with cai chat --cou)" ""
if have zsh "zsh reads its completions"; then
    is "zsh reads its completions" "$(./cai help zsh | zsh -n 2>&1)" ""
fi

# Flags of a command line "cai ..." that a page shows.
grep -rhoE '(^|[ `/])cai [a-z][^`|#]*' README.md docs --include='*.md' \
    | grep -oE -- ' --[a-z-]+' | sort -u | tr -d ' ' \
    | grep -vxF -- '--help' | comm -23 - "$T/flags" >"$T/lacks"
is "the pages name no flag that is not there" "$(cat "$T/lacks")" ""

# ------------------------------------------------------------------------------------
# a switch without its number; the version

./cai data --preset smoke --out "$T/switch" --quiet --hard >/dev/null 2>"$T/stderr"
is "--quiet and --hard alone are 1" "$? $(cat "$T/stderr") $(grep hard "$T/switch/flags.txt")" \
    "0  hard 1"
./cai data --preset smoke --out "$T/switch" --hard 0 --quiet 1 >/dev/null 2>"$T/stderr"
is "with a number they are that" "$? $(grep -c -- '--hard 1, this command --hard 0' "$T/stderr")" \
    "2 1"
./cai data --preset smoke --out "$T/switch2" --quiet 7 >/dev/null 2>"$T/stderr"
is "a number out of range is refused" "$? $(grep -c 'not a number from 0 to 1' "$T/stderr")" "2 1"
is "CITATION.cff has the version" "$(sed -n 's/^version: "\(.*\)"/\1/p' CITATION.cff)" "$version"
is "CHANGELOG.md begins with the version" "$(grep -m 1 -oE '^## [0-9.]+' CHANGELOG.md)" \
    "## $version"

closes
