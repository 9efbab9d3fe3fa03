# SPDX-License-Identifier: MIT
# The guest's kernel module, for each series of Linux that it is tested with.

DRIVER_SERIES := 5.10 6.1 6.12
DRIVER_SOURCES := $(wildcard guest-tools/driver/*.[ch]) \
    guest-tools/driver/Kbuild include/vgpu-stub-regs.h include/vgpu-stub-ring.h
DRIVER_MODULES := $(DRIVER_SERIES:%=$(BUILD)/driver/%/vgpu-stub.ko)

.PHONY: driver
driver: ## build the guest's kernel module, for Linux 5.10, 6.1 and 6.12
	@scripts/install-deps driver
	@$(MAKE) --no-print-directory $(DRIVER_MODULES)

# … and for the kernel that looks for faults
KASAN_MODULE := $(BUILD)/driver/kasan/vgpu-stub.ko

$(DRIVER_MODULES) $(KASAN_MODULE): $(BUILD)/driver/%/vgpu-stub.ko: \
    $(DRIVER_SOURCES) scripts/build-driver
	@scripts/build-driver $*

.PHONY: check-driver-kasan
check-driver-kasan: ## test it in a kernel that looks for faults, which this builds
	@scripts/install-deps driver kasan qemu guest test
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(MAKE) --no-print-directory $(KASAN_MODULE) driver-test-programs
	@$(PYTHON) -m pytest -v tests/driver/kasan_checks.py \
	    --qemu-bin=$(QEMU_DEFAULT)

.PHONY: driver-deb driver-rpm check-dkms
driver-deb: ## build the Debian package of the guest's kernel module, for DKMS
	@scripts/build-dkms-deb

driver-rpm: ## the same as an RPM package
	@scripts/install-deps rpm
	@scripts/build-dkms-rpm

check-dkms: driver-deb driver-rpm ## install, update and remove these in a fresh Debian 12
	@scripts/install-deps xen
	@for package in $(BUILD)/*-dkms/*.deb $(BUILD)/*-dkms/RPMS/*/*.rpm; do \
	    tests/driver/check-dkms $$package || exit; \
	done

# Programs that test it in a guest
DRIVER_TESTS := $(BUILD)/tests/driver
DRIVER_TEST_PROGRAMS := $(patsubst tests/driver/%.c,$(DRIVER_TESTS)/%, \
    $(wildcard tests/driver/*.c))

.PHONY: driver-test-programs
driver-test-programs: $(DRIVER_TEST_PROGRAMS) ## build what tests the module

$(DRIVER_TESTS)/%: tests/driver/%.c | guest-tools-deps
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(WARN) -std=gnu11 -Iinclude -Iguest-tools/driver \
	    -MMD -MP -pthread -static -o $@ $<

-include $(wildcard $(DRIVER_TESTS)/*.d)
