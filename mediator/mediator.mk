# SPDX-License-Identifier: GPL-2.0-or-later
# vgpu-mediatord and vgpu-ctl, and the same with sanitizers for the tests,
# which also has programs that test their modules: tests/mediator/unit/.

MEDIATOR_GLIB := glib-2.0 gio-unix-2.0
MEDIATOR_LIBS := $(MEDIATOR_GLIB) zlib
MEDIATOR_CFLAGS := -std=gnu11 $(WARN) -Iinclude -DG_LOG_USE_STRUCTURED \
    -DG_LOG_DOMAIN='"vgpu-mediatord"' \
    -DGLIB_VERSION_MIN_REQUIRED=GLIB_VERSION_2_56 \
    -DGLIB_VERSION_MAX_ALLOWED=GLIB_VERSION_2_56

.PHONY: mediator mediator-sanitizers mediator-dependencies
mediator: $(BUILD)/mediator/vgpu-mediatord $(BUILD)/mediator/vgpu-ctl ## build the mediator

mediator-sanitizers: $(BUILD)/mediator-sanitizers/vgpu-mediatord \
    $(BUILD)/mediator-sanitizers/vgpu-ctl \
    $(patsubst tests/mediator/unit/%.c,$(BUILD)/mediator-sanitizers/unit/%,$(wildcard tests/mediator/unit/*.c))
mediator-sanitizers: ## build the mediator with address and undefined-behaviour checks, and its unit tests

mediator-dependencies:
	@$(INSTALL_DEPS) c mediator

MEDIATOR_MODULES := $(patsubst mediator/%.c,%.o,$(wildcard mediator/*.c))
CTL_MODULES := $(patsubst mediator/%.c,%.o,$(wildcard mediator/ctl/*.c))

# $(1): folder under $(BUILD), $(2): flags
define mediator_build
$(BUILD)/$(1)/vgpu-mediatord: $(MEDIATOR_MODULES:%=$(BUILD)/$(1)/%)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$^ \
	    $$$$(pkg-config --libs $$(MEDIATOR_LIBS))

$(BUILD)/$(1)/%.o: mediator/%.c | mediator-dependencies
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(MEDIATOR_CFLAGS) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$< \
	    $$$$(pkg-config --cflags $$(MEDIATOR_LIBS))

$(BUILD)/$(1)/vgpu-ctl: $(CTL_MODULES:%=$(BUILD)/$(1)/%)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
	    $$$$(pkg-config --libs $$(MEDIATOR_GLIB))

$(BUILD)/$(1)/unit/%: tests/mediator/unit/%.c \
    $(patsubst %,$(BUILD)/$(1)/%,$(filter-out main.o,$(MEDIATOR_MODULES)))
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(MEDIATOR_CFLAGS) -Imediator $$(CFLAGS) $(2) $$(LDFLAGS) \
	    -MMD -MP -o $$@ $$(filter %.c %.o,$$^) \
	    $$$$(pkg-config --cflags --libs $$(MEDIATOR_LIBS))

-include $(wildcard $(BUILD)/$(1)/*.d $(BUILD)/$(1)/*/*.d)
endef

MEDIATOR_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer

$(eval $(call mediator_build,mediator,))
$(eval $(call mediator_build,mediator-sanitizers,$(MEDIATOR_SANITIZE)))
