# postern: build, try, test, install. `make help` shows this list; "*" needs root, the others do not.
#
# Build
#   make               build/posternd, build/posternctl and build/postern-milter
#   make install     * into $(DESTDIR)$(PREFIX); into a DESTDIR of your own without root
#   make clean         removes build/
# Try
#   make run         * installs what is missing, and shows the main job with a private Postfix
#   make bench       * what a session costs, beside libssl alone and a bare relay
# Test, the fast loop
#   make check-unit    unit tests of lib/; one suite: CK_RUN_SUITE=prefix make check-unit
#   make check-house   the laws for the sources as a whole
#   make check-e2e   * end-to-end tests; some of them: ONLY='test_gate.Gate'
# Test, before a change goes in (.ci/run)
#   make check       * installs what tests need; the three above, and parts of the next two
#   make check-differential  the choice of a certificate against libssl itself, on all hellos
#   make check-faults * our programs while each allocation fails, one after the other
#   make check-tidy    what clang-tidy finds; in some files: ONLY=lib/smtp
#   make builds        all C with gcc and with clang, warnings as errors
#   make check-asan  * unit and end-to-end tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   make check-tsan  * end-to-end tests under ThreadSanitizer
#   make check-fuzz    the fuzz targets, FUZZ_SECONDS=60 each; needs clang
#   make check-release * make GOALS=check inside RELEASE=other, in a root of ROOTS=/var/cache/postern-roots
#   make check-system * boots RELEASE=other there, and installs and runs postern on it
# Test, what takes hours
#   make mutants       planted changes of one rule at a time, each of which a test must see
#   make check-storm * the tests of many clients, STORMS=10 times under each sanitizer
#   make check-all   * sanitizers on both releases, whole ranges, storms, long fuzzing, mutants
# Write
#   make format        lays C files out by .clang-format
#   make compile_commands.json  for clangd: how each C file is compiled
#   make coverage      lines of lib/ that unit tests reach; with E2E=yes * all code, also by end-to-end tests
#   make record      * plays the dialogues of tests/e2e again for the tests that replay them
#
# CC, CFLAGS and LDFLAGS may be given; they come last. WERROR=-Werror makes warnings errors.

VERSION    := 0.1
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
HOOKDIR    ?= $(PREFIX)/share/postern/hooks
BUILD      ?= build
CFLAGS     ?= -O2 -g
WERROR     ?=
FUZZ_SECONDS ?= 60

# For check-release and check-system: a code name, "here", or "other", the tested one that this
# machine is not.
RELEASE    ?= other
ROOTS      ?= /var/cache/postern-roots
GOALS      ?= check

PROGRAMS := posternd posternctl postern-milter
LIBS     := libssl libcrypto libevent_core jansson
# postern-milter's, which is the only one to use libmilter.
MILTER_LIBS := jansson libidn2

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wvla -Wformat=2 -Wcast-qual -Wimplicit-fallthrough $(WERROR)
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE
FORTIFY  ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
CPP_ALL   = -std=c17 -D_GNU_SOURCE -DPOSTERN_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
            -I. -MMD -MP
CC_ALL    = $(CC) $(CPP_ALL) $(WARNINGS) $(HARDEN) $(FORTIFY) -pthread $(CFLAGS)
LD_ALL    = $(CC) -pthread $(CFLAGS) -pie -Wl,-z,relro,-z,now $(LDFLAGS)
PKG_LIBS  = $(shell pkg-config --libs $(LIBS))

lib_objects  := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard lib/*/*.c)))
common       := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard daemon/common/*.c)))
tls          := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard daemon/tls/*.c)))
differential := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/differential/*.c)))
fuzzers      := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
unit_objects := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/unit/*.c)))
objects_of    = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard daemon/$(1)/*.c daemon/$(1)/*/*.c)))
tests_in_c   := unit differential failnth.so bench_server bench_client bench_reload
library      := $(BUILD)/libpostern.a
binaries     := $(PROGRAMS:%=$(BUILD)/%)

.PHONY: all help install clean run bench check check-unit check-house check-e2e check-differential check-faults check-tidy builds \
        check-asan check-tsan check-fuzz check-release check-system mutants check-storm check-all \
        format compile_commands.json coverage record root-needed fuzz-targets
.SECONDARY:
.SECONDEXPANSION:

all: $(binaries)

# What this file begins with.
help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

# The programs share one library of pure code, the common rooms, and the rooms that call libssl, which
# postern-milter does without; an archive lets each take only what it uses.
$(binaries): $(BUILD)/%: $$(call objects_of,%) $(BUILD)/libtls.a $(BUILD)/libcommon.a $(library)
	$(LD_ALL) -o $@ $(filter-out $(WITHOUT),$^) $(PKG_LIBS)

$(BUILD)/postern-milter: WITHOUT = $(BUILD)/libtls.a
$(BUILD)/postern-milter: PKG_LIBS = $(shell pkg-config --libs $(MILTER_LIBS)) -lmilter -lunistring

$(library): $(lib_objects)
$(BUILD)/libcommon.a: $(common)
$(BUILD)/libtls.a: $(tls)
$(BUILD)/%.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC_ALL) -c -o $@ $<

$(BUILD)/unit: $(unit_objects) $(library)
	$(LD_ALL) -o $@ $^ $(shell pkg-config --libs check jansson) -lunistring

# Only with the compiler and flags of check-fuzz.
$(BUILD)/fuzz_gate: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/fuzz/gate_*.c)) \
                    $(BUILD)/tests/unit/gate_session.o
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(library)
	$(LD_ALL) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(library) -lunistring

$(BUILD)/failnth.so: tests/faults/failnth.c
	$(CC_ALL) -fPIC -shared -o $@ $<

$(BUILD)/bench_reload: $(BUILD)/tests/bench/reload.o $(BUILD)/libtls.a $(BUILD)/libcommon.a $(library)
	$(LD_ALL) -o $@ $^ $(shell pkg-config --libs libssl libcrypto)

$(BUILD)/bench_%: $(BUILD)/tests/bench/%.o
	$(LD_ALL) -o $@ $^ $(shell pkg-config --libs libssl libcrypto)

$(BUILD)/differential: $(differential) $(BUILD)/libtls.a $(BUILD)/libcommon.a $(library)
	$(LD_ALL) -o $@ $^ $(shell pkg-config --libs libssl libcrypto)

# --- trying it ---------------------------------------------------------------------------------

run: root-needed packages-build packages-run
	@echo "building"
	@$(MAKE) --no-print-directory -s -j"$$(nproc)" all
	@python3 tests/lab/run.py --build $(BUILD)

# Before anything is installed or built: a private Postfix can only be started by root.
root-needed:
	@[ "$$(id -u)" = 0 ] || { echo "make: must be run by root: it starts a private Postfix" >&2; exit 1; }

# Installs what is listed for a purpose in tests/lab/packages and is missing.
packages-%:
	@sh tests/lab/install-packages $*

# --- tests -------------------------------------------------------------------------------------

check: root-needed packages-build packages-run packages-check
	@$(MAKE) --no-print-directory check-unit check-e2e check-house check-differential check-faults \
	    HELLOS=2000 FAULTS=sample

# All that is C but the fuzz targets, from nothing with each compiler; a warning is an error.
builds: packages-build packages-check
	@for compiler in gcc clang; do \
	    rm -rf build/$$compiler; \
	    $(MAKE) --no-print-directory -s -j"$$(nproc)" BUILD=build/$$compiler CC=$$compiler \
	        WERROR=-Werror all $$(printf "build/$$compiler/%s " $(tests_in_c)) || exit 1; \
	done

check-house: all
	python3 tests/house/check.py $(BUILD)

# Check's limit for one test is 4 s, too little on a machine with other work.
check-unit: $(BUILD)/unit
	CK_DEFAULT_TIMEOUT=60 $(BUILD)/unit

check-e2e: all $(BUILD)/bench_server
	python3 tests/e2e/main.py --build $(BUILD) $(if $(ONLY),--only '$(ONLY)')

# Certsel against libssl: all hellos, or about HELLOS of them.
check-differential: $(BUILD)/differential
	$(BUILD)/differential $(HELLOS)

# The allocations of what is played: nearly all, or with FAULTS=sample one of each so many.
check-faults: all $(BUILD)/failnth.so
	python3 tests/faults/main.py --build $(BUILD) $(if $(filter sample,$(FAULTS)),,--whole)

check-tidy: packages-build packages-check compile_commands.json
	python3 tests/house/clang.py tidy $(ONLY)

# Builds in copies of its own.
mutants:
	python3 tests/mutants/main.py

asan := BUILD=build/asan FORTIFY= CFLAGS='-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined'
tsan := BUILD=build/tsan FORTIFY= CFLAGS='-O1 -g -fsanitize=thread'

# The unit tests in one process: what each leaves is looked for at its end, which takes long.
check-asan: root-needed packages-build packages-run packages-check
	@CK_FORK=no $(MAKE) --no-print-directory check-unit check-e2e $(asan)

check-tsan: root-needed packages-build packages-run packages-check
	@$(MAKE) --no-print-directory check-e2e $(tsan)

fuzz := CC=clang BUILD=build/fuzz FORTIFY= CFLAGS='-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=fuzzer-no-link,address,undefined'

# The tests of many clients at one time, STORMS times under each sanitizer; 200 reloads in each.
STORMS ?= 10
storms := test_(load|limits|stress|stalled|milter_load|delivery|renewal_storm)
check-storm: export RENEWALS = 200
check-storm: root-needed packages-build packages-run packages-check
	@for round in $$(seq $(STORMS)); do \
	    $(MAKE) --no-print-directory check-e2e ONLY='$(storms)' $(asan) || exit 1; \
	    $(MAKE) --no-print-directory check-e2e ONLY='$(storms)' $(tsan) || exit 1; \
	done

# make GOALS in a fresh clone inside another release.
check-release: root-needed packages-run packages-release
	python3 tests/release/main.py --roots $(ROOTS) --release $(RELEASE) -- $(GOALS)

# Boots a release, with what is committed installed on it.
check-system: root-needed packages-run packages-release
	python3 tests/system/main.py --roots $(ROOTS) --release $(RELEASE)

check-all:
	@$(MAKE) --no-print-directory check-release RELEASE=other GOALS='check check-asan check-tsan check-differential check-faults'
	@$(MAKE) --no-print-directory check-tsan check-faults check-storm mutants check-fuzz FUZZ_SECONDS=600

# Plays the dialogues of tests/e2e anew, for the unit test and the fuzz target that replay them.
record: root-needed all
	python3 tests/e2e/record.py --build $(BUILD)

check-fuzz: packages-build packages-check
	@$(MAKE) --no-print-directory fuzz-targets $(fuzz)
	python3 tests/fuzz/main.py --build build/fuzz --seconds $(FUZZ_SECONDS)

fuzz-targets: $(fuzzers)

# Processor time and memory, not wall time; BENCH='--only cpu --rounds 9' (tests/bench/sessions.py).
bench: root-needed packages-build packages-run
	@$(MAKE) --no-print-directory -s all $(BUILD)/bench_server $(BUILD)/bench_client
	python3 tests/bench/sessions.py --build $(BUILD) $(BENCH)

# --- writing -----------------------------------------------------------------------------------

format:
	python3 tests/house/clang.py format

compile_commands.json:
	@$(MAKE) -Bn --no-print-directory all $(tests_in_c:%=$(BUILD)/%) fuzz-targets | \
	    python3 tests/house/compile_commands.py $@

coverage: packages-build packages-check packages-coverage
	@MAKE='$(MAKE)' tests/house/coverage build/coverage check-unit $(if $(E2E),check-e2e)

# --- installing --------------------------------------------------------------------------------

install: all
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(binaries)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 $(wildcard man/*.8)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 $(wildcard man/*.5)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/postern $(wildcard *.md docs/*.md) conf/postern.conf
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(notdir $(wildcard systemd/*.service)); do \
	    sed 's|@SBINDIR@|$(PREFIX)/sbin|' systemd/$$unit > $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	install -D -m 755 -t $(DESTDIR)$(HOOKDIR) $(wildcard conf/hooks/*)
	sed -i 's|@SBINDIR@|$(PREFIX)/sbin|; s|@SYSCONFDIR@|$(SYSCONFDIR)|; s|@HOOKDIR@|$(HOOKDIR)|' \
	    $(patsubst conf/hooks/%,$(DESTDIR)$(HOOKDIR)/%,$(wildcard conf/hooks/*))

clean:
	rm -rf build

-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)
