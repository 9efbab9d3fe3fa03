# SPDX-License-Identifier: GPL-2.0-or-later
# Programs that feed random bytes to parsers, with clang's libFuzzer.

FUZZ := $(BUILD)/fuzz
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz-%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_SANITIZE := address,undefined -fno-sanitize-recover=all
FUZZ_OBJECTS := $(patsubst %,$(FUZZ)/objects/%,$(filter-out main.o \
    worker/main.o,$(MEDIATOR_MODULES) $(WORKER_MODULES)))
FUZZ_INCLUDE := -Imediator/worker
FUZZ_SECONDS := 60
FUZZ_NAMES := $(FUZZ_TARGETS)

# What runs in the guest
FUZZ_GUEST := container source-tree
$(FUZZ_GUEST:%=$(FUZZ)/%): FUZZ_INCLUDE := -Iguest-tools/opencl
$(FUZZ)/container: $(addprefix guest-tools/opencl/,container.c recipe.c)
$(FUZZ)/source-tree: $(addprefix guest-tools/opencl/,source-tree.c \
    source-file.c lines.c options.c conditions.c)

.PHONY: fuzz fuzz-programs fuzz-dependencies
fuzz: fuzz-programs ## feed random bytes to the parsers: FUZZ_SECONDS=60 FUZZ_NAMES=opencl
	@$(PYTHON) tests/fuzz/run.py --seconds=$(FUZZ_SECONDS) $(FUZZ_NAMES)

fuzz-programs: $(FUZZ_TARGETS:%=$(FUZZ)/%) $(BUILD)/kernels/.built

fuzz-dependencies:
	@$(INSTALL_DEPS) mediator fuzz

$(FUZZ_OBJECTS): $(FUZZ)/objects/%.o: mediator/%.c | fuzz-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CLANG) $(MEDIATOR_CFLAGS) -O1 -g \
	    -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -MMD -MP -c -o $@ $< \
	    $$(pkg-config --cflags $(MEDIATOR_GLIB))

# What it consists of beside its own file
$(FUZZ)/opencl: $(wildcard tests/fuzz/opencl/*)

$(FUZZ)/%: tests/fuzz/fuzz-%.c $(FUZZ_OBJECTS)
	$(call say,CC)
	$(Q)$(CLANG) $(MEDIATOR_CFLAGS) $(FUZZ_INCLUDE) -O1 -g \
	    -fsanitize=fuzzer,$(FUZZ_SANITIZE) -MMD -MP -o $@ \
	    $(filter %.c %.o,$^) $$(pkg-config --cflags --libs \
	    $(MEDIATOR_LIBS) $(WORKER_LIBS)) -ldl -lm

-include $(wildcard $(FUZZ)/*.d $(FUZZ)/objects/*.d $(FUZZ)/objects/*/*.d \
    $(FUZZ)/objects/*/*/*.d)
