# SPDX-License-Identifier: MIT
# OpenCL for the programs of a guest: a client driver for its loader. The tests'
# one reaches a worker without a guest, by tests/opencl/direct-transport.c.

OPENCL := $(GUEST_TOOLS)/opencl
OPENCL_TEST := $(BUILD)/tests/opencl
OPENCL_SO := libvgpu-stub-opencl.so
OPENCL_MAP := guest-tools/opencl/libvgpu-stub-opencl.map
OPENCL_CFLAGS := -std=gnu11 $(WARN) -Iinclude -Iguest-tools/remoting \
    -Iguest-tools/driver \
    -Iguest-tools/libvgpu-stub -DVERSION='"$(VERSION)"' -fPIC -pthread -MMD -MP
OPENCL_LDFLAGS := -pthread -shared -Wl,-z,defs -Wl,-z,nodelete -Wl,-Bsymbolic \
    -Wl,-soname,$(OPENCL_SO) -Wl,--version-script=$(OPENCL_MAP)
OPENCL_SANITIZERS := -fsanitize=address,undefined -fno-omit-frame-pointer \
    -fno-sanitize-recover=undefined
OPENCL_SOURCES := $(wildcard guest-tools/opencl/*.c) \
    $(filter-out %/transport-driver.c,$(wildcard guest-tools/remoting/*.c))

.PHONY: opencl opencl-tests opencl-dependencies
opencl: $(OPENCL)/$(OPENCL_SO) $(OPENCL)/vgpu-stub.icd
opencl: ## build OpenCL's driver for guests

opencl-tests: $(OPENCL_TEST)/$(OPENCL_SO) $(OPENCL_TEST)/sanitizers/$(OPENCL_SO)
opencl-tests: $(OPENCL_TEST)/threads/$(OPENCL_SO) $(OPENCL_TEST)/threads/test-events
opencl-tests: $(OPENCL_TEST)/remoting-test-address \
    $(OPENCL_TEST)/remoting-test-thread
opencl-tests: $(OPENCL_TEST)/vector-sum
opencl-tests: $(patsubst tests/opencl/programs/%.c,$(OPENCL_TEST)/%, \
    $(wildcard tests/opencl/programs/*.c))
opencl-tests: ## build OpenCL's driver as tests without a guest use it

opencl-dependencies:
	@$(INSTALL_DEPS) c opencl

$(OPENCL)/vgpu-stub.icd: guest-tools/opencl/vgpu-stub.icd
	@mkdir -p $(@D)
	$(Q)cp $< $@

# $(1): folder of the library, $(2): its transport's source, $(3): flags, $(4):
# objects that the transport needs
define opencl_build
$(1)/obj/%.o: guest-tools/%.c | opencl-dependencies
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(CFLAGS) $(3) $$(OPENCL_CFLAGS) -c -o $$@ $$<

$(1)/obj/transport.o: $(2) | opencl-dependencies
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(CFLAGS) $(3) $$(OPENCL_CFLAGS) -c -o $$@ $$<

$(1)/$(OPENCL_SO): $$(patsubst guest-tools/%.c,$(1)/obj/%.o,$$(OPENCL_SOURCES)) \
    $(1)/obj/transport.o $(4) $$(OPENCL_MAP)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(3) $$(LDFLAGS) $$(OPENCL_LDFLAGS) -o $$@ \
	    $$(filter %.o,$$^) -lmcpp

-include $$(wildcard $(1)/obj/*.d $(1)/obj/*/*.d)
endef

$(eval $(call opencl_build,$(OPENCL),guest-tools/remoting/transport-driver.c,,$(OPENCL)/obj/libvgpu-stub/devfile.o))
$(eval $(call opencl_build,$(OPENCL_TEST),tests/opencl/direct-transport.c,))
$(eval $(call opencl_build,$(OPENCL_TEST)/sanitizers,tests/opencl/direct-transport.c,$(OPENCL_SANITIZERS)))
$(eval $(call opencl_build,$(OPENCL_TEST)/threads,tests/opencl/direct-transport.c,-fsanitize=thread))
# The session alone, with a worker by a script
REMOTING_TEST := $(wildcard tests/opencl/remoting/*.c) \
    $(filter guest-tools/remoting/%,$(OPENCL_SOURCES))
$(OPENCL_TEST)/remoting-test-%: $(REMOTING_TEST) \
    $(wildcard tests/opencl/remoting/*.h guest-tools/remoting/*.h) \
    include/vgpu-stub-opencl.h tests/guest/tap.h | opencl-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) -fsanitize=$* $(if $(filter address,$*),-fsanitize=undefined) \
	    $(filter-out -MMD -MP,$(OPENCL_CFLAGS)) -o $@ $(REMOTING_TEST)

# The tests' programs, with the system's loader
OPENCL_PROGRAM = $(CC) $(CFLAGS) $(WARN) -std=gnu11 -Itests/opencl -MMD -MP \
    -o $@ $< -l:libOpenCL.so.1 -pthread

$(OPENCL_TEST)/%: tests/opencl/programs/%.c | opencl-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(OPENCL_PROGRAM)

$(OPENCL_TEST)/threads/%: tests/opencl/programs/%.c | opencl-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(OPENCL_PROGRAM) -fsanitize=thread

$(OPENCL_TEST)/%: tests/opencl/%.c | opencl-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(WARN) -std=gnu11 -MMD -MP -o $@ $< -l:libOpenCL.so.1

-include $(wildcard $(OPENCL_TEST)/*.d $(OPENCL_TEST)/threads/*.d)
