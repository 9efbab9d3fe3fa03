# SPDX-License-Identifier: GPL-2.0-or-later
# Programs of Debian that use OpenCL, and the guest that runs them

.PHONY: opencl-guest
opencl-guest: ## make the guest for programs that use OpenCL (root at first)
	@scripts/install-deps guest opencl-test
	@scripts/build-opencl-guest >/dev/null

.PHONY: check-opencl
check-opencl: ## whole suites of programs that use OpenCL: docs/opencl.md
	@scripts/install-deps qemu guest driver test opencl opencl-test opencl-check
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(MAKE) --no-print-directory mediator opencl opencl-tests \
	    $(BUILD)/driver/6.1/vgpu-stub.ko
	@$(PYTHON) -m pytest -v -rP tests/opencl/opencl_checks.py \
	    tests/opencl/share_checks.py --qemu-bin=$(QEMU_DEFAULT)

.PHONY: demo-opencl
demo-opencl: ## programs that use OpenCL, in a guest of Debian, compute on the host
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@scripts/install-deps guest driver opencl-test test
	@$(MAKE) --no-print-directory mediator opencl-deb opencl-tests \
	    opencl-guest $(BUILD)/driver/6.1/vgpu-stub.ko
	@scripts/demo-opencl $(QEMU_DEFAULT)
