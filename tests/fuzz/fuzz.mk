# SPDX-License-Identifier: GPL-2.0-or-later
# Programs that feed random bytes to parsers, with clang's libFuzzer.

FUZZ := $(BUILD)/fuzz
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz-%.c,%,$(wildcard tests/fuzz/*.c))
FUZZ_SANITIZE := address,undefined -fno-sanitize-recover=all
FUZZ_OBJECTS := $(patsubst %,$(FUZZ)/objects/%,$(filter-out main.o \
    worker/main.o,$(MEDIATOR_MODULES) $(WORKER_MODULES)))
FUZZ_SECONDS := 60

.PHONY: fuzz fuzz-programs fuzz-dependencies
fuzz: fuzz-programs ## feed random bytes to the parsers: FUZZ_SECONDS=60
	@$(PYTHON) tests/fuzz/run.py --seconds=$(FUZZ_SECONDS)

fuzz-programs: $(FUZZ_TARGETS:%=$(FUZZ)/%) $(BUILD)/kernels/.built

fuzz-dependencies:
	@$(INSTALL_DEPS) mediator fuzz

$(FUZZ_OBJECTS): $(FUZZ)/objects/%.o: mediator/%.c | fuzz-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)clang $(MEDIATOR_CFLAGS) -O1 -g \
	    -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -MMD -MP -c -o $@ $< \
	    $$(pkg-config --cflags $(MEDIATOR_GLIB))

$(FUZZ)/%: tests/fuzz/fuzz-%.c $(FUZZ_OBJECTS)
	$(call say,CC)
	$(Q)clang $(MEDIATOR_CFLAGS) -Imediator/worker -O1 -g \
	    -fsanitize=fuzzer,$(FUZZ_SANITIZE) -MMD -MP -o $@ \
	    $(filter %.c %.o,$^) $$(pkg-config --cflags --libs \
	    $(MEDIATOR_LIBS) $(WORKER_LIBS)) -ldl -lm

-include $(wildcard $(FUZZ)/*.d $(FUZZ)/objects/*.d $(FUZZ)/objects/*/*.d \
    $(FUZZ)/objects/*/*/*.d)
