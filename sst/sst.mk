# SPDX-License-Identifier: GPL-2.0-or-later
# The QEMU-SST bridge: sst-sim, the same with sanitizers and its modules' tests,
# the firmware, and elements for SST where that is installed.

SST_GLIB := glib-2.0 gio-unix-2.0
SST_CFLAGS := -std=gnu11 $(WARN) -Isst/include -Isst/models \
    -DG_LOG_USE_STRUCTURED -DG_LOG_DOMAIN='"sst-sim"'
SST_MODELS := $(patsubst sst/%.c,%.o,$(wildcard sst/models/*.c))
SST_MODULES := $(SST_MODELS) \
    $(patsubst sst/%.c,%.o,$(wildcard sst/simulator/*.c))

.PHONY: sst-sim sst-sim-sanitizers sst-dependencies
sst-sim: $(BUILD)/sst-sim/sst-sim ## build the simulator that sst-device talks to

sst-sim-sanitizers: $(BUILD)/sst-sim-sanitizers/sst-sim \
    $(patsubst tests/sst/unit/%.c,$(BUILD)/sst-sim-sanitizers/unit/%,$(wildcard tests/sst/unit/*.c))

sst-dependencies:
	@$(INSTALL_DEPS) c sst

# $(1): folder under $(BUILD), $(2): flags
define sst_sim_build
$(BUILD)/$(1)/sst-sim: $(SST_MODULES:%=$(BUILD)/$(1)/%)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$^ \
	    $$$$(pkg-config --libs $$(SST_GLIB))

$(BUILD)/$(1)/%.o: sst/%.c | sst-dependencies
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(SST_CFLAGS) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$< \
	    $$$$(pkg-config --cflags $$(SST_GLIB))

$(BUILD)/$(1)/unit/%: tests/sst/unit/%.c \
    $(patsubst %,$(BUILD)/$(1)/%,$(filter-out simulator/main.o,$(SST_MODULES)))
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(SST_CFLAGS) -Isst/simulator $$(CFLAGS) $(2) $$(LDFLAGS) \
	    -MMD -MP -o $$@ $$(filter %.c %.o,$$^) \
	    $$$$(pkg-config --cflags --libs $$(SST_GLIB))

-include $(wildcard $(BUILD)/$(1)/*/*.d)
endef

$(eval $(call sst_sim_build,sst-sim,))
$(eval $(call sst_sim_build,sst-sim-sanitizers,$(MEDIATOR_SANITIZE)))

# --- Showing and testing it ---

SST_QEMU := $(BUILD)/qemu-7.2-riscv32/qemu-system-riscv32

.PHONY: demo-sst check-sst check-sst-build
demo-sst: ## firmware on a RISC-V QEMU tests three simulated devices
	@$(MAKE) --no-print-directory qemu-riscv32 sst-sim sst-firmware
	@scripts/demo-sst $(SST_QEMU)

check-sst: check-sst-build ## the bridge's tests
	@scripts/install-deps test
	@$(PYTHON) -m pytest tests/sst

check-sst-build:
	@$(MAKE) --no-print-directory qemu-riscv32 sst-sim sst-sim-sanitizers \
	    sst-firmware

# --- Firmware: each PROGRAM.c of this list becomes PROGRAM.elf ---

SST_FIRMWARE := device-test echo-test interrupt-test benchmark
SST_FIRMWARE_OUT := $(BUILD)/sst-firmware
SST_FIRMWARE_CC := riscv64-unknown-elf-gcc
SST_FIRMWARE_CFLAGS := -march=rv32imac_zicsr -mabi=ilp32 -std=gnu11 -O2 -g \
    -ffreestanding $(WARN) -Isst/include -Isst/firmware -MMD -MP
SST_FIRMWARE_COMMON := crt0.o board.o sst-device.o test.o

.PHONY: sst-firmware
sst-firmware: $(SST_FIRMWARE:%=$(SST_FIRMWARE_OUT)/%.elf) ## build the firmware that tests simulated devices

$(SST_FIRMWARE_OUT)/%.elf: $(SST_FIRMWARE_OUT)/%.o \
    $(SST_FIRMWARE_COMMON:%=$(SST_FIRMWARE_OUT)/%) sst/firmware/link.ld
	$(call say,LINK)
	$(Q)$(SST_FIRMWARE_CC) $(SST_FIRMWARE_CFLAGS) -nostdlib -static \
	    -Wl,-T,sst/firmware/link.ld -o $@ $(filter %.o,$^)

$(SST_FIRMWARE_OUT)/%.o: sst/firmware/%.c | sst-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(SST_FIRMWARE_CC) $(SST_FIRMWARE_CFLAGS) -c -o $@ $<

$(SST_FIRMWARE_OUT)/%.o: sst/firmware/%.S | sst-dependencies
	@mkdir -p $(@D)
	$(call say,AS)
	$(Q)$(SST_FIRMWARE_CC) $(SST_FIRMWARE_CFLAGS) -c -o $@ $<

.SECONDARY: $(SST_FIRMWARE:%=$(SST_FIRMWARE_OUT)/%.o) \
    $(SST_FIRMWARE_COMMON:%=$(SST_FIRMWARE_OUT)/%)
-include $(wildcard $(SST_FIRMWARE_OUT)/*.d)

# --- Elements for SST, where its sst-config is in PATH ---

SST_CONFIG := sst-config
SST_ELEMENTS_OUT := $(BUILD)/sst-elements
SST_ELEMENTS := $(SST_ELEMENTS_OUT)/libqemubridge.so
SST_ELEMENTS_OBJECTS := $(SST_MODELS:%=$(SST_ELEMENTS_OUT)/%) \
    $(patsubst sst/elements/%.cc,$(SST_ELEMENTS_OUT)/%.o, \
    $(wildcard sst/elements/*.cc))

.PHONY: sst-elements sst-config-there
sst-elements: sst-config-there $(SST_ELEMENTS) ## build elements for SST, where that is installed

sst-config-there:
	@command -v $(SST_CONFIG) >/dev/null || { echo 'sst-elements:' \
	    '$(SST_CONFIG) is not in PATH: install SST (sst-core 14.1 to 16), which has' \
	    'it in its bin folder, or give SST_CONFIG=PATH' >&2; exit 1; }

$(SST_ELEMENTS): $(SST_ELEMENTS_OBJECTS)
	$(call say,LINK)
	$(Q)$$($(SST_CONFIG) --CXX) $(CXXFLAGS) -shared -o $@ $^

$(SST_ELEMENTS_OUT)/%.o: sst/elements/%.cc | sst-config-there
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$$($(SST_CONFIG) --CXX) $(CFLAGS) $(WARN) -Isst/include -MMD -MP -c \
	    -o $@ $< $$($(SST_CONFIG) --ELEMENT_CXXFLAGS | \
	    sed 's|-I/|-isystem /|g')

$(SST_ELEMENTS_OUT)/models/%.o: sst/models/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(SST_CFLAGS) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<

-include $(wildcard $(SST_ELEMENTS_OUT)/*.d $(SST_ELEMENTS_OUT)/models/*.d)
