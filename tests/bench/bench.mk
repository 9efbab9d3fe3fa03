# SPDX-License-Identifier: GPL-2.0-or-later
# What benches are run with.

.PHONY: bench bench-programs
bench: ## measure, beside what it is compared with: BENCH='NAME …' for some
	@scripts/install-deps bench
	@$(PYTHON) tests/bench/run.py $(BENCH)

bench-programs: $(BUILD)/bench/mediator-load $(BUILD)/bench/echo-server \
    $(BUILD)/bench/opencl-speed

$(BUILD)/bench/opencl-speed: tests/bench/opencl-speed.c | opencl-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 $(WARN) $(CFLAGS) -o $@ $< -l:libOpenCL.so.1

$(BUILD)/bench/%: tests/bench/%.c include/vgpu-stub-wire.h \
    include/vgpu-stub-regs.h sst/include/sst-mmio-wire.h | mediator-dependencies
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 $(WARN) -Iinclude -Isst/include $(CFLAGS) -o $@ $< \
	    $$(pkg-config --cflags --libs glib-2.0)
