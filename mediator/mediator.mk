# SPDX-License-Identifier: GPL-2.0-or-later
# vgpu-mediatord, and the same with sanitizers for the tests.

MEDIATOR_GLIB := glib-2.0 gio-unix-2.0
MEDIATOR_CFLAGS := -std=gnu11 $(WARN) -Iinclude -DG_LOG_USE_STRUCTURED \
    -DG_LOG_DOMAIN='"vgpu-mediatord"' \
    -DGLIB_VERSION_MIN_REQUIRED=GLIB_VERSION_2_56 \
    -DGLIB_VERSION_MAX_ALLOWED=GLIB_VERSION_2_56

.PHONY: mediator mediator-sanitizers mediator-dependencies
mediator: $(BUILD)/mediator/vgpu-mediatord ## build the mediator

mediator-sanitizers: $(BUILD)/mediator-sanitizers/vgpu-mediatord ## build the mediator with address and undefined-behaviour checks

mediator-dependencies:
	@$(INSTALL_DEPS) c mediator

# $(1): folder under $(BUILD), $(2): flags
define mediator_build
$(BUILD)/$(1)/vgpu-mediatord: \
    $(patsubst mediator/%.c,$(BUILD)/$(1)/%.o,$(wildcard mediator/*.c))
	$$(call say,LINK)
	$$(Q)$$(CC) $$(CFLAGS) $(2) $$(LDFLAGS) -o $$@ $$^ \
	    $$$$(pkg-config --libs $$(MEDIATOR_GLIB))

$(BUILD)/$(1)/%.o: mediator/%.c | mediator-dependencies
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(MEDIATOR_CFLAGS) $$(CFLAGS) $(2) -MMD -MP -c -o $$@ $$< \
	    $$$$(pkg-config --cflags $$(MEDIATOR_GLIB))

-include $(wildcard $(BUILD)/$(1)/*.d)
endef

MEDIATOR_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer

$(eval $(call mediator_build,mediator,))
$(eval $(call mediator_build,mediator-sanitizers,$(MEDIATOR_SANITIZE)))
