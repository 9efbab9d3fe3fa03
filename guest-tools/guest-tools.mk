# SPDX-License-Identifier: MIT
# The guest's library and programs, and the programs that test them in a
# guest. The programs are static, so that they run in any guest.

GUEST_TOOLS := $(BUILD)/guest-tools
GUEST_TESTS := $(BUILD)/tests/guest
GUEST_CFLAGS := -std=gnu11 -Iinclude -Iguest-tools/libvgpu-stub \
    -Iguest-tools/driver -MMD -MP -pthread

LIBVGPU_STUB := $(GUEST_TOOLS)/libvgpu-stub.a
LIBVGPU_STUB_SO := $(GUEST_TOOLS)/libvgpu-stub.so.1
LIBVGPU_STUB_MAP := guest-tools/libvgpu-stub/libvgpu-stub.map
GUEST_PRODUCTS := $(LIBVGPU_STUB) $(LIBVGPU_STUB_SO) $(GUEST_TOOLS)/vgpu-stub \
    $(GUEST_TOOLS)/vgpu-stub-mmap-test
GUEST_EXAMPLES := $(patsubst guest-tools/%.c,$(GUEST_TOOLS)/%, \
    $(wildcard guest-tools/examples/*.c))
GUEST_TEST_PROGRAMS := $(patsubst tests/guest/%.c,$(GUEST_TESTS)/%, \
    $(wildcard tests/guest/*.c))
GUEST_FLIGHTS_TESTS := $(addprefix $(GUEST_TESTS)/flights-test-, \
    address,undefined thread)

guest_objects = $(patsubst guest-tools/%.c,$(GUEST_TOOLS)/obj/%.o, \
    $(wildcard guest-tools/$(1)/*.c))

.PHONY: guest-tools
guest-tools: $(GUEST_PRODUCTS) $(GUEST_EXAMPLES)
guest-tools: ## build the guest's library, programs and examples

.PHONY: guest-test-programs
guest-test-programs: $(GUEST_TEST_PROGRAMS) $(GUEST_FLIGHTS_TESTS)
guest-test-programs: ## build the guest's test programs

.PHONY: guest-tools-deps
guest-tools-deps:
	@$(INSTALL_DEPS) c

$(GUEST_TOOLS)/obj/%.o: guest-tools/%.c | guest-tools-deps
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(WARN) $(GUEST_CFLAGS) -c -o $@ $<

$(GUEST_TOOLS)/obj/libvgpu-stub/%.o: GUEST_CFLAGS += -fPIC

# One object, whose other symbols cannot clash with those of a program.
$(LIBVGPU_STUB): $(call guest_objects,libvgpu-stub)
	$(call say,AR)
	$(Q)$(CC) -r -nostdlib -o $(@:.a=.o) $^
	$(Q)$(OBJCOPY) --wildcard --keep-global-symbol='vgpu_stub_*' $(@:.a=.o)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(@:.a=.o)
	$(Q)rm $(@:.a=.o)

$(LIBVGPU_STUB_SO): $(call guest_objects,libvgpu-stub) $(LIBVGPU_STUB_MAP)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -shared -Wl,-z,defs \
	    -Wl,-soname,$(@F) -Wl,--version-script=$(LIBVGPU_STUB_MAP) \
	    -o $@ $(filter %.o,$^)

$(GUEST_TOOLS)/vgpu-stub: $(call guest_objects,cli) $(LIBVGPU_STUB)
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -pthread -static -o $@ $^

$(GUEST_TOOLS)/vgpu-stub-mmap-test: $(GUEST_TOOLS)/obj/vgpu-stub-mmap-test.o
	$(call say,LINK)
	$(Q)$(CC) $(CFLAGS) -pthread -static -o $@ $^

$(GUEST_EXAMPLES): $(GUEST_TOOLS)/%: guest-tools/%.c $(LIBVGPU_STUB)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(WARN) $(GUEST_CFLAGS) -static -o $@ $< $(LIBVGPU_STUB)

$(GUEST_TESTS)/%: tests/guest/%.c $(LIBVGPU_STUB) | guest-tools-deps
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(WARN) $(GUEST_CFLAGS) -static -o $@ $< $(LIBVGPU_STUB)

# For this machine, with sanitizers: the library's transport by the kernel's
# driver, whose place a fake of it has.
$(GUEST_FLIGHTS_TESTS): $(GUEST_TESTS)/flights-test-%: \
    $(wildcard tests/guest/flights/* include/*.h \
        guest-tools/libvgpu-stub/*.[ch] guest-tools/driver/*.h) \
    | guest-tools-deps
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(WARN) $(filter-out -MMD -MP,$(GUEST_CFLAGS)) \
	    -fsanitize=$* -fno-sanitize-recover=all -Wl,--wrap=close,--wrap=ppoll \
	    -o $@ $(filter-out %/devfile.c %/transport.c,$(filter %.c,$^))

-include $(wildcard $(GUEST_TOOLS)/obj/*.d $(GUEST_TOOLS)/obj/*/*.d \
    $(GUEST_TOOLS)/examples/*.d $(GUEST_TESTS)/*.d)
