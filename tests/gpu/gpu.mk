# SPDX-License-Identifier: GPL-2.0-or-later
# One folder that a machine with a GPU needs nothing else for: docs/gpu-check.md

GPU_BUNDLE := $(BUILD)/gpu-bundle

$(BUILD)/gpu-direct: tests/gpu/direct.c mediator/worker/cuda-driver.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 $(WARN) -Imediator/worker $(CFLAGS) $(LDFLAGS) \
	    -o $@ $< -ldl

.PHONY: gpu-bundle
gpu-bundle: ## the folder that checks a GPU on another machine: build/gpu-bundle
	@scripts/install-deps guest gpu opencl test
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(MAKE) --no-print-directory mediator ptx guest-tools opencl-tests \
	    $(BUILD)/gpu-direct $(BUILD)/mediator-sanitizers/fake/libcuda.so.1
	@scripts/build-gpu-bundle $(QEMU_DEFAULT)

.PHONY: check-gpu
check-gpu: gpu-bundle ## what only a GPU can show, on a machine that has one
	@scripts/install-deps test
	@$(PYTHON) -m pytest -q -rs tests/gpu/test_gpu.py -k on_a_gpu

.PHONY: check-gpu-bundle
check-gpu-bundle: gpu-bundle ## try the folder in another release of Debian, without a GPU
	@scripts/check-gpu-bundle
