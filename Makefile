# Makefile -- `make` builds ./cai with gcc or clang alone.
# `make help` lists the targets. GNU make 3.81 (macOS) is enough; FreeBSD has it as gmake.
# SPDX-License-Identifier: MIT

SYSTEM := $(shell uname -s)
PKG    := pkg-config
B      := build
VERSION := $(shell sed -n 's/^.define VERSION  *"cai \(.*\)"/\1/p' cli/stages.h)
PREFIX := /usr/local

# Matrix products: our own tiles, and beside them openblas (looked for when the program runs;
# nothing is needed here), accelerate (part of macOS) or none.
BLAS := $(if $(filter Darwin,$(SYSTEM)),accelerate,openblas)

# Instruction set of this machine, and its widest vectors, which compilers shun (they were slow on
# the first processors that had them). ARCH= builds a program that runs on others of its kind too,
# more slowly.
ARCH := $(shell $(CC) -march=native -E -x c /dev/null >/dev/null 2>&1 \
	&& echo -march=native || echo -mcpu=native)
ARCH += $(shell $(CC) $(ARCH) -dM -E -x c /dev/null 2>/dev/null | grep -q __AVX512F__ \
	&& echo -mprefer-vector-width=512)

CFLAGS := -O3 -g $(ARCH)
CFLAGS += -fno-math-errno    # sqrt and the like become instructions; IEEE results stay as they are
CFLAGS += -fopenmp-simd      # heeds "#pragma omp simd" (sums in vector order), brings no threads
# Never -ffast-math: it makes NaN checks empty and our exp wrong by 41 %.
CFLAGS += -std=c11 -Wall -Wextra -Wpedantic -I.
# a * b + c as one instruction, rounded once; -std=c11 alone forbids it: half the speed
CFLAGS += -ffp-contract=fast
CFLAGS += -pthread           # the workers of lib/threads.c
# Two folders build the same bytes.
HERE = $(CURDIR)
CFLAGS += $(shell $(CC) -ffile-prefix-map=a=b -E -x c /dev/null >/dev/null 2>&1 \
	&& echo -ffile-prefix-map='$(HERE)'=.)
LDLIBS := -lm -pthread $(if $(filter Linux,$(SYSTEM)),-ldl)

ifeq ($(BLAS),openblas)
CFLAGS += -DCAI_OPENBLAS
else ifeq ($(BLAS),accelerate)
CFLAGS += -DCAI_ACCELERATE -DACCELERATE_NEW_LAPACK
LDLIBS += -framework Accelerate
endif

CFLAGS += $(EXTRA)           # what sanitize and memcheck add
SUDO := $(shell [ "`id -u`" = 0 ] || echo sudo)

# build/libcai.a is the loop: it knows no town.
LOOP    := equations.c tokenizer.c model.c train.c cai.c $(wildcard lib/*.c engine/*.c study/*.c)
LIBRARY := $(LOOP) $(wildcard data/*.c)
HEADERS := cai.h $(wildcard include/*.h lib/*.h engine/*.h study/*.h data/*.h export/*.h cli/*.h)
PROGRAM := $(wildcard cli/*.c export/*.c)
TESTS   := $(basename $(notdir $(wildcard tests/test_*.c)))
# A test that names CAI_DOUBLE runs in double too.
DOUBLES := $(shell grep -l CAI_DOUBLE /dev/null $(wildcard tests/test_*.c))
DOUBLES := $(basename $(notdir $(DOUBLES)))
PROGRAMS = $(TESTS:%=$(B)/%) $(DOUBLES:%=$(B)/double/%)

STUDIES := $(filter-out lib,$(basename $(notdir $(wildcard studies/*.sh))))
.PHONY: all deps run results figures studies $(STUDIES:%=study-%) test lint \
	verify exercises grade class mutants bare kills faults compilers \
	bench fuzz sanitize sanitize-thread memcheck web web-deps web-test \
	install uninstall dist others clean help FORCE
.SECONDARY:                  # keep objects

all: cai $(B)/libcai.a  ## build ./cai (the default)

cai: $(B)/cai FORCE          # compared, since B may be another folder than last time (sanitize)
	@cmp -s $< $@ || { cp $< $@.tmp && mv $@.tmp $@; }
$(B)/cai: $(PROGRAM:%.c=$(B)/%.o) $(LIBRARY:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# Double precision first: make takes the first rule that fits.
$(B)/double/%.o: %.c $(HEADERS) $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DCAI_DOUBLE -c -o $@ $<
$(B)/%.o: %.c $(HEADERS) $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

# Changes only when the command line does, so that `make BLAS=none` after `make` rebuilds.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(LDLIBS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS) $(LDLIBS)' > $@

$(B)/double/test_%: $(B)/double/tests/test_%.o $(LIBRARY:%.c=$(B)/double/%.o)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) $(shell $(PKG) --libs cmocka)
$(B)/test_%: $(B)/tests/test_%.o $(LIBRARY:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) $(shell $(PKG) --libs cmocka)

# What `make test` uses beside the libraries; a test that misses one says so and is counted as
# skipped.
TOOLS := python3 clang-format clang git mandoc zsh setpriv gnuplot
deps:                   ## install OpenBLAS, cmocka and the tools of the tests
	@if $(PKG) --exists cmocka $(if $(filter Darwin,$(SYSTEM)),,openblas libedit) 2>/dev/null; \
		then echo "deps: libraries are there"; \
	elif [ $(SYSTEM) = Darwin ]; then brew install pkgconf cmocka; \
	elif command -v apt-get >/dev/null; then $(SUDO) apt-get update && \
		$(SUDO) apt-get install -y --no-install-recommends build-essential \
		pkg-config libopenblas-dev libcmocka-dev libedit-dev; \
	elif command -v dnf >/dev/null; \
		then $(SUDO) dnf install -y gcc pkgconf-pkg-config openblas-devel \
		libcmocka-devel libedit-devel; \
	elif command -v pkg >/dev/null; \
		then $(SUDO) pkg install -y pkgconf openblas cmocka bash libedit; \
	else echo "deps: install OpenBLAS, cmocka and pkg-config with your package manager"; \
		exit 1; fi
	@missing=; for t in $(TOOLS); do command -v $$t >/dev/null || missing="$$missing $$t"; done; \
	if [ -z "$$missing" ]; then echo "deps: tools are there"; \
	elif [ $(SYSTEM) = Darwin ]; then brew install python clang-format mandoc gnuplot; \
	elif command -v apt-get >/dev/null; \
		then $(SUDO) apt-get install -y --no-install-recommends \
		python3 clang-format clang git mandoc zsh gnuplot-nox; \
	elif command -v dnf >/dev/null; \
		then $(SUDO) dnf install -y python3 clang clang-tools-extra git mandoc zsh gnuplot; \
	elif command -v pkg >/dev/null; \
		then $(SUDO) pkg install -y python3 llvm git zsh gnuplot-lite; \
	else false; fi \
		|| echo "deps: without$$missing the tests that need them are skipped, by name"

others:                 ## llama.cpp and Hugging Face's tokenizers, by npm, for tests/export.sh
	@mkdir -p $(B)/others && cd $(B)/others && npm init -y >/dev/null && \
		npm install --no-audit --no-fund --ignore-scripts node-llama-cpp@3 \
		@huggingface/tokenizers
	@python3 -c 'import torch' 2>/dev/null \
		|| echo "others: no PyTorch (Debian: apt-get install python3-torch)"

# Make is called anew because deps may just have brought the BLAS that was looked for above.
run: | $(filter deps,$(MAKECMDGOALS))  ## the paper in small into out/ (ARGS="--seed 2": flags)
	@$(MAKE) --no-print-directory cai
	./cai run --preset demo --out out $(ARGS)

results: cai            ## three seeds and the controls, then the table of bars
	@tests/results

$(STUDIES:%=study-%): study-%: cai      # one claim as an experiment, on the finished run RUN=out
	@studies/$*.sh

studies: cai            ## every claim of the textbook, tried on RUN=out (RUN="out a b": seeds)
	@tests/studies_table

figures: cai            ## the paper's figures from RUN=out (RUN="a b c": seeds; MORE=all)
	@command -v gnuplot >/dev/null || { command -v apt-get >/dev/null \
		&& $(SUDO) apt-get install -y --no-install-recommends gnuplot-nox; } \
		|| echo "figures: no gnuplot: tables only"
	@./cai figures $(or $(RUN),out) $(if $(MORE),--more $(MORE)) --to docs/figures

test: | $(filter deps,$(MAKECMDGOALS))  ## all tests but web-test; closes with the counts
	@$(PKG) --exists cmocka || { echo "cmocka is missing: make deps"; exit 1; }
	@$(MAKE) --no-print-directory $(if $(wildcard tests/*.sh),cai $(B)/verify $(B)/spy) \
		$(PROGRAMS)
	@tests/run $(PROGRAMS) $(filter-out tests/web.sh,$(wildcard tests/*.sh))

lint:                   ## style, warnings, who may include and call whom, sizes (part of the tests)
	@tests/lint.sh

VERIFY := $(basename $(wildcard tests/verify*.c))
$(B)/verify: $(VERIFY:%=$(B)/double/%.o) $(LIBRARY:%.c=$(B)/double/%.o)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

verify: $(B)/verify     ## every equation and backward pass against independent values
	@$(B)/verify
	@$(B)/verify --dump $(B)/cases
	@if command -v python3 >/dev/null; then python3 tests/oracle.py $(B)/cases/cases.json; \
		else printf '%s\n' '0 passed, 0 failed, 1 skipped' \
		'skipped: no python3 (the same values by plain Python)'; fi

# tests/exercises.sh grades with the same objects; exercises/grade says what it does.
exercises:              ## blanks of the exercises into exercises/mine/ (those that are there stay)
	@exercises/grade write exercises/mine

grade: $(B)/verify      ## grade exercises/mine/ (ONLY="gae dpo"; ARGS=--json: Gradescope)
	@B=$(B) exercises/grade $(ARGS) $(ONLY)

class: cai $(B)/verify  ## prepare a lecture: the verifier, a finished demo run in out/
	@./cai run --preset demo --out out
	@$(MAKE) --no-print-directory -s exercises

mutants:                ## known mistakes, one at a time; each must turn its check red (minutes)
	@tests/mutants $(ONLY)

# ./cai with a witness between its stages and the training (tests/spy.c says how): what
# tests/loop.sh looks at.
SPIED := sample sample_and_ask completion_logprobs sft_step pm_step pm_centre pm_scores ppo_rollout
$(B)/spied/%.o: %.c $(HEADERS) Makefile $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -O1 $(foreach f,$(SPIED),-D$(f)=spy_$(f)) -c -o $@ $<
SPIED_C := cai.c $(wildcard data/*.c export/*.c cli/*.c)
$(B)/spy: tests/spy.c $(SPIED_C:%.c=$(B)/spied/%.o) \
		$(patsubst %.c,$(B)/%.o,$(filter-out $(SPIED_C),$(LIBRARY)))
	$(CC) $(CFLAGS) -O1 -o $@ $^ $(LDLIBS)

$(B)/bench: $(B)/tests/bench.o $(B)/cli/startup.o $(LIBRARY:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# The loop as a library: the paper's acts, without the town, its oracle and the command line.
$(B)/libcai.a: $(LOOP:%.c=$(B)/%.o)
	@rm -f $@
	$(AR) rcs $@ $^
$(B)/own_loop: $(B)/tests/own_loop.o $(B)/libcai.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# PAIRS alternating runs of our own tiles and OpenBLAS with given kernels: the median ratio.
PAIRS := 5
bench: cai $(B)/bench   ## speed and memory, beside OpenBLAS and PyTorch (minutes)
	@$(B)/bench
	@for core in $(if $(filter openblas,$(BLAS)),SkylakeX Haswell); \
		do for shape in "4 128" "6 256"; do \
		for k in `seq $(PAIRS)`; do \
			echo `OPENBLAS_CORETYPE= $(B)/bench train $$shape` \
				`OPENBLAS_CORETYPE=$$core $(B)/bench train $$shape`; \
		done | awk '{ print $$1 / $$2 }' | sort -n \
		| sed -n "$$((($(PAIRS) + 1) / 2))p" \
		| sed "s/^/own tiles, training, $$shape, times OpenBLAS with $$core kernels: /"; \
	done; done
	@tests/bench_torch.py $(B)/bench 2>/dev/null \
		|| echo "no PyTorch (Debian: python3-torch): nothing to compare with"
	@rm -rf $(B)/demo && ./cai run --quiet 1 --out $(B)/demo 2>/dev/null \
		| sed -n 's/^Seconds: /the demo, seconds: /p'

bare:                   ## README's commands in a bare Debian root (debootstrap, minutes)
	@tests/bare_system

kills: cai              ## a run killed 25 times at random (the tests kill fewer)
	@KILLS=25 tests/resume.sh

faults: cai             ## every system call fails once, thousands of odd inputs (hours)
	@FAULTS=100000 tests/faults.sh
	@ODD=all tests/odd.sh

sanitize:               ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@ASAN_OPTIONS=detect_leaks=0 $(MAKE) --no-print-directory B=build/sanitize ARCH= \
		EXTRA="-O1 -fsanitize=address,undefined -fno-sanitize-recover=all" test
	@echo "== leaks of a smoke run" && rm -rf build/sanitize/run \
		&& echo leak:set_text >build/sanitize/known \
		&& CAI_STARTED=1 LSAN_OPTIONS=suppressions=build/sanitize/known build/sanitize/cai \
		run --preset smoke --quiet 1 --out build/sanitize/run >/dev/null

sanitize-thread:        ## the tests under ThreadSanitizer (plain C products)
	@$(MAKE) --no-print-directory B=build/thread ARCH= BLAS=none \
		EXTRA="-O1 -fsanitize=thread" test

# need TOOL,WHAT: where a whole target is for a tool
need = command -v $(1) >/dev/null || { printf '%s\n' '0 passed, 0 failed, 1 skipped' \
	'skipped: no $(1) ($(2))'; exit 1; }
VALGRIND := valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite
memcheck:               ## unit tests and a smoke run under valgrind (plain C products: no AVX-512)
	@$(call need,valgrind,memory of the tests and of a run)
	@$(MAKE) --no-print-directory B=build/memcheck ARCH= BLAS=none EXTRA=-O1 cai
	@rm -rf build/memcheck/run \
		&& CAI_STARTED=1 $(VALGRIND) build/memcheck/cai run --preset smoke --quiet 1 \
		--out build/memcheck/run >/dev/null
	@for c in "trace x" "generate --max-new 8"; \
		do CAI_STARTED=1 $(VALGRIND) build/memcheck/cai $$c --out build/memcheck/run \
		>/dev/null || exit 1; done
	@$(MAKE) --no-print-directory B=build/memcheck ARCH= BLAS=none \
		EXTRA=-O1 WRAP="valgrind -q --error-exitcode=9" test

# sums term by term, no fused products
IN_ORDER := -fno-openmp-simd -ffp-contract=off -Wno-unknown-pragmas
compilers:              ## gcc and clang, made to add in one order, give the same bytes
	@$(call need,gcc,two compilers)
	@$(call need,clang,two compilers)
	@for c in gcc clang; do \
		$(MAKE) --no-print-directory B=build/$$c CC=$$c ARCH= BLAS=none \
		EXTRA="$(IN_ORDER)" build/$$c/cai || exit 1; \
		rm -rf build/$$c/run; \
		build/$$c/cai run --preset smoke --quiet 1 --out build/$$c/run >/dev/null \
		|| exit 1; done
	diff -r -x kernels.txt build/gcc/run build/clang/run

# One program a reader from one source; clang only. What is found new stays in
# build/fuzz/found/NAME, tests/fuzz/NAME begins.
READERS := tokenizer checkpoint head state town constitution json forms \
	documents packed flags records
FUZZ_S  := 60
RENAMED := -D_exit=fuzz_exit $(foreach f,exit calloc realloc free fopen fclose,-D$(f)=fuzz_$(f))
$(B)/fuzz_%: tests/fuzz/fuzz.c $(HEADERS) \
		$(patsubst %.c,$(B)/%.o,$(filter-out cli/main.c,$(PROGRAM)) $(LIBRARY))
	$(CC) $(CFLAGS) -fsanitize=fuzzer -DREADER=read_$* -o $@ $(filter-out %.h,$^) $(LDLIBS)

fuzz:                   ## FUZZ_S=60 seconds of fuzzing of every reader (needs clang)
	@$(call need,clang,fuzzing)
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang ARCH= BLAS=none \
		$(READERS:%=build/fuzz/fuzz_%) \
		EXTRA="-O1 -Wno-pass-failed -fsanitize=fuzzer-no-link,address,undefined \
			-fno-sanitize-recover=all $(RENAMED)"
	@for r in $(READERS); do mkdir -p build/fuzz/found/$$r; echo "== $$r"; \
		build/fuzz/fuzz_$$r -max_total_time=$(FUZZ_S) -max_len=4096 \
		-timeout=25 -detect_leaks=0 -close_fd_mask=3 \
			-artifact_prefix=build/fuzz/$$r- -print_final_stats=1 \
			build/fuzz/found/$$r tests/fuzz/$$r 2>&1 \
			| grep -E 'stat::number|SUMMARY|Test unit' || exit 1; done

# The manual page and what shells complete: the program prints them from the tables of its flags.
$(B)/cai.1 $(B)/cai.bash $(B)/_cai: $(B)/cai
	@./$(B)/cai help $(if $(filter %.1,$@),man,$(if $(filter %.bash,$@),bash,zsh)) >$@.tmp \
		&& mv $@.tmp $@

SHARE   := $(DESTDIR)$(PREFIX)/share
PLACES  := bin share/cai/data/controls share/cai/figures share/man/man1 \
	share/bash-completion/completions share/zsh/site-functions share/doc/cai
CONTROLS := $(notdir $(wildcard data/controls/*.txt))
install: $(B)/cai $(B)/cai.1 $(B)/cai.bash $(B)/_cai  ## install it (PREFIX, DESTDIR)
	@for d in $(PLACES); do install -d "$(DESTDIR)$(PREFIX)/$$d"; done
	install -m 755 $(B)/cai "$(DESTDIR)$(PREFIX)/bin/cai"
	install -m 644 data/town.txt data/constitution.txt data/shop.txt \
		data/shop_law.txt "$(SHARE)/cai/data"
	install -m 644 $(CONTROLS:%=data/controls/%) "$(SHARE)/cai/data/controls"
	install -m 644 figures/*.gp figures/claims.txt figures/measure.sh "$(SHARE)/cai/figures"
	install -m 644 $(B)/cai.1 "$(SHARE)/man/man1/cai.1"
	install -m 644 $(B)/cai.bash "$(SHARE)/bash-completion/completions/cai"
	install -m 644 $(B)/_cai "$(SHARE)/zsh/site-functions/_cai"
	install -m 644 README.md LICENSE CHANGELOG.md "$(SHARE)/doc/cai"

uninstall:              ## remove what install put there
	rm -f "$(DESTDIR)$(PREFIX)/bin/cai" "$(SHARE)/man/man1/cai.1" \
		"$(SHARE)/bash-completion/completions/cai" "$(SHARE)/zsh/site-functions/_cai"
	cd "$(SHARE)" && rm -f cai/figures/*.gp cai/figures/claims.txt \
		cai/figures/measure.sh cai/data/town.txt cai/data/constitution.txt \
		cai/data/shop.txt cai/data/shop_law.txt $(CONTROLS:%=cai/data/controls/%) \
		doc/cai/README.md doc/cai/LICENSE doc/cai/CHANGELOG.md
	-cd "$(SHARE)" && rmdir cai/figures cai/data/controls cai/data cai doc/cai

dist:                   ## the archive of a release, build/cai-VERSION.tar.gz, of the commit
	@mkdir -p $(B)
	git archive --format=tar --prefix=cai-$(VERSION)/ HEAD \
		| gzip -n9 >$(B)/cai-$(VERSION).tar.gz

# The same sources for a browser (docs/web.md), with Debian's clang, lld, wasi-libc and builtins.
# Sums go term by
# term and products are rounded before they are added, so that the bytes are those of a native
# program made so (make compilers says how).
WASM      := $(B)/wasm
WASM_CC   := clang --target=wasm32-wasi
WASM_FLAGS = -O3 -msimd128 -std=c11 -Wall -Wextra -Iweb/wasi -I. -include \
	web/wasi/platform.h -fno-math-errno \
	-fno-openmp-simd -ffp-contract=off -Wno-unknown-pragmas \
	-D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS
WASM_LINK := -Wl,-z,stack-size=8388608,--stack-first,--strip-all \
	-lwasi-emulated-signal -lwasi-emulated-process-clocks
# With threads, for a page whose memory can be shared: own locks, around wasi-libc's heap too, whose
# objects know of neither.
WASM_SHARED := -matomics -mbulk-memory -mmutable-globals -ftls-model=local-exec
WASM_THREADS := -Wl,--shared-memory,--import-memory,--no-check-features \
	-Wl,--initial-memory=33554432,--max-memory=1073741824 \
	-Wl,--export-table,--export=__stack_pointer \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
$(WASM)/double/%.o: %.c $(HEADERS) $(wildcard web/wasi/*.h) Makefile
	@mkdir -p $(@D)
	@$(WASM_CC) $(WASM_FLAGS) -DCAI_DOUBLE -c -o $@ $<
$(WASM)/threads/%.o: %.c $(HEADERS) $(wildcard web/wasi/*.h web/wasi/threads/*.h) Makefile
	@mkdir -p $(@D)
	@$(WASM_CC) -Iweb/wasi/threads $(WASM_FLAGS) $(WASM_SHARED) -c -o $@ $<
$(WASM)/%.o: %.c $(HEADERS) $(wildcard web/wasi/*.h) Makefile
	@mkdir -p $(@D)
	@$(WASM_CC) $(WASM_FLAGS) -c -o $@ $<
$(WASM)/cai.wasm: $(PROGRAM:%.c=$(WASM)/%.o) $(LIBRARY:%.c=$(WASM)/%.o)
	@$(WASM_CC) -o $@ $^ $(WASM_LINK)
$(WASM)/cai-threads.wasm: $(PROGRAM:%.c=$(WASM)/threads/%.o) \
		$(LIBRARY:%.c=$(WASM)/threads/%.o) $(WASM)/threads/web/wasi/threads/pthread.o
	@$(WASM_CC) -o $@ $^ $(WASM_LINK) $(WASM_THREADS)
$(WASM)/verify.wasm: $(VERIFY:%=$(WASM)/double/%.o) $(LIBRARY:%.c=$(WASM)/double/%.o)
	@$(WASM_CC) -o $@ $^ $(WASM_LINK)

# The versions are pinned here. npm runs no script of theirs; nothing of it is read when the page
# runs, but the first.
WEB_TOOLS := $(B)/web-tools/node_modules
$(WEB_TOOLS)/.done: Makefile
	@mkdir -p $(B)/web-tools && cd $(B)/web-tools && npm init -y >/dev/null \
		&& npm install --no-audit --no-fund --ignore-scripts \
		--save-exact @bjorn3/browser_wasi_shim@0.4.2 puppeteer-core@24.8.2 \
		axe-core@4.14.1 >/dev/null
	@touch $@

web: cai | web-deps     ## the page with the run RUN=out: build/web/; build/web/cai.html for a disk
	@$(MAKE) --no-print-directory -j2 $(WASM)/cai.wasm $(WASM)/cai-threads.wasm \
		$(WASM)/verify.wasm $(WEB_TOOLS)/.done
	@node web/build.mjs $(or $(RUN),out) $(WASM) $(WEB_TOOLS)/@bjorn3/browser_wasi_shim $(B)/web

# What `make web` needs, if it is missing: clang, lld, wasi-libc, clang's builtins for wasm32, node
# and npm.
web-deps:
	@mkdir -p $(WASM) && echo 'int main(void) { return 0; }' >$(WASM)/empty.c
	@if $(WASM_CC) -o $(WASM)/empty.wasm $(WASM)/empty.c 2>/dev/null \
		&& command -v node >/dev/null && command -v npm >/dev/null; then :; \
	elif command -v apt-get >/dev/null; then $(SUDO) apt-get update && \
		$(SUDO) apt-get install -y --no-install-recommends clang lld \
		wasi-libc libclang-rt-dev-wasm32 && \
		{ command -v npm >/dev/null \
		|| $(SUDO) apt-get install -y --no-install-recommends nodejs npm; }; \
	else echo "web: install clang with its wasm32 builtins, lld, wasi-libc, node and npm"; exit 1; fi

web-test: cai           ## the page in headless Chromium, with RUN=out (minutes)
	-@$(MAKE) --no-print-directory web-deps
	-@command -v chromium >/dev/null || ! command -v apt-get >/dev/null \
		|| $(SUDO) apt-get install -y --no-install-recommends chromium
	@RUN=$(or $(RUN),out) tests/web.sh

$(WASM)/speed.wasm: $(WASM)/tests/speed.o $(LIBRARY:%.c=$(WASM)/%.o)
	@$(WASM_CC) -o $@ $^ $(WASM_LINK)
$(WASM)/%-threads.wasm: $(WASM)/threads/tests/%.o \
		$(LIBRARY:%.c=$(WASM)/threads/%.o) $(WASM)/threads/web/wasi/threads/pthread.o
	@$(WASM_CC) -o $@ $^ $(WASM_LINK) $(WASM_THREADS)
$(B)/speed: $(B)/tests/speed.o $(LIBRARY:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

clean:                  ## remove what make built; out/ stays
	rm -rf build cai

help:                   ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile
