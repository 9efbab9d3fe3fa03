# SPDX-License-Identifier: GPL-2.0-or-later
# The QEMU-SST bridge: sst-sim, the same with sanitizers and its modules' tests,
# the firmware, and elements for SST where that is installed.

SST_GLIB := glib-2.0 gio-unix-2.0
SST_CFLAGS := -std=gnu11 $(WARN) -Iinclude -DG_LOG_USE_STRUCTURED \
    -DG_LOG_DOMAIN='"sst-sim"'
SST_MODULES := $(patsubst sst/simulator/%.c,%.o,$(wildcard sst/simulator/*.c))

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

$(BUILD)/$(1)/%.o: sst/simulator/%.c | sst-dependencies
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(SST_CFLAGS) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$< \
	    $$$$(pkg-config --cflags $$(SST_GLIB))

$(BUILD)/$(1)/unit/%: tests/sst/unit/%.c \
    $(patsubst %,$(BUILD)/$(1)/%,$(filter-out main.o,$(SST_MODULES)))
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(SST_CFLAGS) -Isst/simulator $$(CFLAGS) $(2) $$(LDFLAGS) \
	    -MMD -MP -o $$@ $$(filter %.c %.o,$$^) \
	    $$$$(pkg-config --cflags --libs $$(SST_GLIB))

-include $(wildcard $(BUILD)/$(1)/*.d $(BUILD)/$(1)/unit/*.d)
endef

$(eval $(call sst_sim_build,sst-sim,))
$(eval $(call sst_sim_build,sst-sim-sanitizers,$(MEDIATOR_SANITIZE)))
