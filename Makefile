# Makefile -- `make` builds ./cai with a C11 compiler alone; OpenBLAS makes it several times faster.
# `make help` lists the targets. GNU make 3.81 (macOS) is enough.
# SPDX-License-Identifier: MIT

SYSTEM := $(shell uname -s)
PKG    := pkg-config
B      := build

# Matrix products: openblas, accelerate (part of macOS) or none (three loops in C). Detected, or make BLAS=none
BLAS := $(shell $(PKG) --exists openblas 2>/dev/null && echo openblas || \
          { [ $(SYSTEM) = Darwin ] && echo accelerate || echo none; })

# Instruction set of this machine. ARCH= builds a program that runs on others of its kind too, more slowly.
ARCH := $(shell $(CC) -march=native -E -x c /dev/null >/dev/null 2>&1 && echo -march=native || echo -mcpu=native)

CFLAGS := -O3 -g $(ARCH)
CFLAGS += -fno-math-errno    # sqrt and the like become instructions; IEEE results stay as they are
CFLAGS += -fopenmp-simd      # heeds "#pragma omp simd" (sums in vector order), brings no OpenMP threads
                             # Never -ffast-math: it makes NaN checks empty and our exp wrong by 41 %.
CFLAGS += -std=c11 -Wall -Wextra -Wpedantic -I.
CFLAGS += -pthread           # the workers of model.c
LDLIBS := -lm -pthread

ifeq ($(BLAS),openblas)
CFLAGS += -DCAI_OPENBLAS $(shell $(PKG) --cflags openblas)
LDLIBS += $(shell $(PKG) --libs openblas)
else ifeq ($(BLAS),accelerate)
CFLAGS += -DCAI_ACCELERATE -DACCELERATE_NEW_LAPACK
LDLIBS += -framework Accelerate
else ifeq ($(origin BLAS)$(MAKELEVEL)$(filter deps clean help,$(MAKECMDGOALS)),file0)  # none, and not by choice
$(info No OpenBLAS: matrix products in plain C, several times slower. `make deps` installs it.)
endif

CFLAGS += $(EXTRA)           # what sanitize and memcheck add
SUDO := $(shell [ "`id -u`" = 0 ] || echo sudo)

LIBRARY := layers.c model.c tokenizer.c equations.c train.c $(wildcard data/*.c)   # the rest brings a main or needs one
TESTS   := $(basename $(notdir $(wildcard tests/test_*.c)))
DOUBLES := $(basename $(notdir $(shell grep -l CAI_DOUBLE /dev/null $(wildcard tests/test_*.c))))  # who names it runs in double too
PROGRAMS = $(TESTS:%=$(B)/%) $(DOUBLES:%=$(B)/double/%)

.PHONY: all deps run results test oracle mutants sanitize memcheck clean help FORCE
.SECONDARY:                  # keep objects

all: cai                     ## build ./cai (the default)

cai: $(B)/cai FORCE          # compared, since B may be another folder than last time (sanitize)
	@cmp -s $< $@ || { cp $< $@.tmp && mv $@.tmp $@; }
$(B)/cai: $(B)/cai.o $(B)/eval.o $(B)/commands.o $(LIBRARY:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# Double precision first: make takes the first rule that fits.
$(B)/double/%.o: %.c cai.h $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DCAI_DOUBLE -c -o $@ $<
$(B)/%.o: %.c cai.h $(B)/flags
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

deps:                        ## install OpenBLAS and cmocka (no network if they are there)
	@if $(PKG) --exists cmocka $(if $(filter Darwin,$(SYSTEM)),,openblas) 2>/dev/null; then echo "deps: all there"; \
	elif [ $(SYSTEM) = Darwin ]; then brew install pkgconf cmocka; \
	elif command -v apt-get >/dev/null; then $(SUDO) apt-get update && \
		$(SUDO) apt-get install -y --no-install-recommends build-essential pkg-config libopenblas-dev libcmocka-dev; \
	elif command -v dnf >/dev/null; then $(SUDO) dnf install -y gcc pkgconf-pkg-config openblas-devel libcmocka-devel; \
	else echo "deps: install OpenBLAS, cmocka and pkg-config with your package manager"; exit 1; fi

# Make is called anew because deps may just have brought the BLAS that was looked for above.
run: | $(filter deps,$(MAKECMDGOALS))   ## the whole paper in small into out/ (ARGS="--seed 2" adds flags)
	@$(MAKE) --no-print-directory cai
	./cai run --preset demo --out out $(ARGS)

results: cai                 ## three seeds and the controls (about an hour), then the table of bars
	@tests/results

test: | $(filter deps,$(MAKECMDGOALS))  ## all tests; last line: N passed, N failed
	@$(PKG) --exists cmocka || { echo "cmocka is missing: make deps"; exit 1; }
	@$(MAKE) --no-print-directory $(if $(wildcard tests/*.sh),cai $(B)/spy) $(PROGRAMS)
	@tests/run $(PROGRAMS) $(wildcard tests/*.sh)

# The same numbers a second time, in Python without packages and without a line in common.
$(B)/dump: tests/dump.c $(LIBRARY:%.c=$(B)/double/%.o)
	$(CC) $(CFLAGS) -DCAI_DOUBLE -DDUMP_MAIN -o $@ $^ $(LDLIBS)
oracle: $(B)/dump            ## the tiny cases worked out again in plain Python, compared to 1e-9
	@$(B)/dump $(B)/cases
	@if command -v python3 >/dev/null; then python3 tests/oracle.py $(B)/cases; else echo "no python3: skipped"; fi

# ./cai with a witness between its stages and the training (tests/spy.c says how): what tests/loop.sh looks at.
PROGRAM  := $(filter-out $(LIBRARY),$(wildcard *.c))
SPIED    := sample completion_logprobs sft_step pm_step pm_centre pm_scores ppo_rollout
$(B)/spied/%.o: %.c cai.h Makefile $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -O1 $(foreach f,$(SPIED),-D$(f)=spy_$(f)) -c -o $@ $<
$(B)/spy: tests/spy.c $(PROGRAM:%.c=$(B)/spied/%.o) $(LIBRARY:%.c=$(B)/%.o)
	$(CC) $(CFLAGS) -O1 -o $@ $^ $(LDLIBS)

mutants:                     ## plants the mistakes of tests/mutants.txt one by one; each must turn its check red
	@tests/mutants $(ONLY)

sanitize:                    ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory B=build/sanitize ARCH= EXTRA="-O1 -fsanitize=address,undefined -fno-sanitize-recover=all" test

memcheck:                    ## the tests under valgrind (plain C products: it knows no AVX-512)
	@$(MAKE) --no-print-directory B=build/memcheck ARCH= BLAS=none EXTRA=-O1 WRAP="valgrind -q --error-exitcode=9" test

clean:                       ## remove what make built; out/ stays
	rm -rf build cai

help:                        ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile
