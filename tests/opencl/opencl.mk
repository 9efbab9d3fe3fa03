# SPDX-License-Identifier: GPL-2.0-or-later
# Programs of Debian that use OpenCL, and the guest that runs them

.PHONY: opencl-guest
opencl-guest: ## make the guest for programs that use OpenCL (root at first)
	@scripts/install-deps guest opencl-test
	@scripts/build-opencl-guest >/dev/null
