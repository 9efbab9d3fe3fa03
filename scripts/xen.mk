# SPDX-License-Identifier: GPL-2.0-or-later
# The whole chain on a real Xen, which QEMU emulates.

# Which; none: those of `make check`
CHECKS_OF_XEN :=
.PHONY: check-xen check-xen-driver
check-xen: ## the whole chain on a real Xen, emulated (minutes; root at first)
	@scripts/install-deps guest driver xen
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(MAKE) --no-print-directory mediator guest-tools guest-test-programs \
	    driver driver-test-programs
	@tests/xen/check-xen $(QEMU_DEFAULT) $(CHECKS_OF_XEN)

check-xen-driver: ## the guest's driver there: its speed, restored, and ballooning
	@$(MAKE) --no-print-directory check-xen CHECKS_OF_XEN=driver
