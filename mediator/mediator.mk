# SPDX-License-Identifier: GPL-2.0-or-later
# vgpu-mediatord, vgpu-starter, vgpu-worker, vgpu-ctl and the catalogue of
# kernels, and the programs with sanitizers for the tests, which also test their
# modules: tests/mediator/unit/.

MEDIATOR_GLIB := glib-2.0 gio-unix-2.0
MEDIATOR_LIBS := $(MEDIATOR_GLIB) zlib
WORKER_LIBS := libseccomp
MEDIATOR_CFLAGS := -std=gnu11 $(WARN) -Iinclude -iquote mediator \
    -DG_LOG_USE_STRUCTURED \
    -DG_LOG_DOMAIN='"vgpu-mediatord"' \
    -DVERSION='"$(VERSION)"' \
    -DGLIB_VERSION_MIN_REQUIRED=GLIB_VERSION_2_56 \
    -DGLIB_VERSION_MAX_ALLOWED=GLIB_VERSION_2_56

.PHONY: mediator mediator-sanitizers mediator-dependencies
mediator: $(BUILD)/mediator/vgpu-mediatord $(BUILD)/mediator/vgpu-worker \
    $(BUILD)/mediator/vgpu-starter $(BUILD)/mediator/vgpu-gate \
    $(BUILD)/mediator/vgpu-ctl $(BUILD)/kernels/.built
mediator: ## build the mediator, its workers and their kernels

mediator-sanitizers: $(BUILD)/mediator-sanitizers/vgpu-mediatord \
    $(BUILD)/mediator-sanitizers/vgpu-worker \
    $(BUILD)/mediator-sanitizers/vgpu-starter \
    $(BUILD)/mediator-sanitizers/vgpu-gate \
    $(BUILD)/mediator-sanitizers/vgpu-ctl \
    $(patsubst tests/mediator/unit/%.c,$(BUILD)/mediator-sanitizers/unit/%,$(wildcard tests/mediator/unit/*.c)) \
    $(BUILD)/mediator-sanitizers/fake/libcuda.so.1 \
    $(BUILD)/kernels/.built
mediator-sanitizers: ## build the mediator with address and undefined-behaviour checks, and its unit tests

mediator-dependencies:
	@$(INSTALL_DEPS) c mediator

# The daemon's rooms, each of which knows those after it: tests/test_rooms.py
MEDIATOR_ROOMS := operate links executors schedule vms protocol
MEDIATOR_MODULES := $(patsubst mediator/%.c,%.o,$(wildcard mediator/*.c \
    $(MEDIATOR_ROOMS:%=mediator/%/*.c)))
CTL_MODULES := $(patsubst mediator/%.c,%.o,$(wildcard mediator/ctl/*.c))
STARTER_MODULES := $(patsubst mediator/%.c,%.o,$(wildcard mediator/starter/*.c))
GATE_MODULES := $(patsubst mediator/%.c,%.o,$(wildcard mediator/gate/*.c)) \
    executors/starter-client.o executors/worker-output.o \
    executors/worker-probe.o executors/worker-process.o \
    executors/worker-process-far.o executors/worker-process-send.o \
    executors/worker-root.o \
    protocol/arena.o protocol/carrier.o protocol/channel.o \
    protocol/command-line.o protocol/turn.o protocol/wire.o \
    starter/empty-folder.o starter/gate-options.o
WORKER_MODULES := $(patsubst mediator/%.c,%.o,$(wildcard mediator/worker/*.c \
    mediator/worker/opencl/*.c))

# The catalogue: manifests and OpenCL C
$(BUILD)/kernels/.built: $(wildcard mediator/kernels/*.kernel mediator/kernels/*.cl)
	@mkdir -p $(@D)
	$(call say,KERNELS)
	$(Q)cp $^ $(@D)
	@touch $@

# The same for NVIDIA GPUs; only packages and tests need the compiler.
NVPTX := --target=nvptx64-nvidia-cuda -march=sm_50 -x cl -cl-std=CL1.2 \
    -cl-no-stdinc -include mediator/kernels/nvptx.h -O2 -Wall -Wextra -Wshadow
PTX := $(patsubst mediator/%.cl,$(BUILD)/%.ptx,$(wildcard mediator/kernels/*.cl))

.PHONY: ptx ptx-dependencies
ptx: $(PTX) ## compile the kernels for NVIDIA GPUs

ptx-dependencies:
	@$(INSTALL_DEPS) ptx

$(PTX): $(BUILD)/kernels/%.ptx: mediator/kernels/%.cl mediator/kernels/nvptx.h \
    | ptx-dependencies
	@mkdir -p $(@D)
	$(call say,PTX)
	$(Q)$(CLANG) $(NVPTX) -S -o $@ $<

# $(1): folder under $(BUILD), $(2): flags
define mediator_build
$(BUILD)/$(1)/vgpu-mediatord: $(MEDIATOR_MODULES:%=$(BUILD)/$(1)/%)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$^ \
	    $$$$(pkg-config --libs $$(MEDIATOR_LIBS))

$(BUILD)/$(1)/vgpu-worker: $(WORKER_MODULES:%=$(BUILD)/$(1)/%) \
    $(BUILD)/$(1)/protocol/arena.o $(BUILD)/$(1)/protocol/call.o \
    $(BUILD)/$(1)/protocol/command-line.o \
    $(BUILD)/$(1)/protocol/wire.o
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$^ \
	    $$$$(pkg-config --libs $$(MEDIATOR_GLIB) $$(WORKER_LIBS)) -ldl

$(BUILD)/$(1)/vgpu-starter: $(STARTER_MODULES:%=$(BUILD)/$(1)/%)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$^

$(BUILD)/$(1)/vgpu-gate: $(GATE_MODULES:%=$(BUILD)/$(1)/%)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$^ \
	    $$$$(pkg-config --libs $$(MEDIATOR_GLIB))

$(BUILD)/$(1)/%.o: mediator/%.c | mediator-dependencies
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(MEDIATOR_CFLAGS) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$< \
	    $$$$(pkg-config --cflags $$(MEDIATOR_LIBS))

$(BUILD)/$(1)/main.o: SPECS/vgpu-stub.spec

$(BUILD)/$(1)/vgpu-ctl: $(CTL_MODULES:%=$(BUILD)/$(1)/%) \
    $(BUILD)/$(1)/protocol/command-line.o
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
	    $$$$(pkg-config --libs $$(MEDIATOR_GLIB))

$(BUILD)/$(1)/unit/%: tests/mediator/unit/%.c \
    $(patsubst %,$(BUILD)/$(1)/%,$(filter-out main.o worker/main.o,$(MEDIATOR_MODULES) $(WORKER_MODULES)))
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(MEDIATOR_CFLAGS) -Imediator/worker $$(CFLAGS) $(2) \
	    $$(LDFLAGS) -MMD -MP -o $$@ $$(filter %.c %.o,$$^) \
	    $$$$(pkg-config --cflags --libs $$(MEDIATOR_LIBS) $$(WORKER_LIBS)) -ldl

-include $(wildcard $(BUILD)/$(1)/*.d $(BUILD)/$(1)/*/*.d $(BUILD)/$(1)/*/*/*.d)
endef

MEDIATOR_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer

# For tests of the backend cuda without a GPU
$(BUILD)/mediator-sanitizers/fake/libcuda.so.1: tests/support/fake-cuda.c \
    mediator/worker/cpu-kernels.c $(wildcard mediator/worker/*.h) | mediator-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(MEDIATOR_CFLAGS) -Imediator/worker $(CFLAGS) $(LDFLAGS) \
	    -fPIC -shared -o $@ $(filter %.c,$^) \
	    $$(pkg-config --cflags --libs $(MEDIATOR_GLIB))

$(eval $(call mediator_build,mediator,))
$(eval $(call mediator_build,mediator-sanitizers,$(MEDIATOR_SANITIZE)))
