# SPDX-License-Identifier: GPL-2.0-or-later
# The whole chain on a real Xen, which QEMU emulates.

.PHONY: check-xen
check-xen: ## the whole chain on a real Xen, emulated (minutes; root at first)
	@scripts/install-deps guest xen
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(MAKE) --no-print-directory mediator guest-tools guest-test-programs
	@tests/xen/check-xen $(QEMU_DEFAULT)
