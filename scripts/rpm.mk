# SPDX-License-Identifier: GPL-2.0-or-later
# Packages: XCP-ng's QEMU with the device, and our own.

# A build machine for XCP-ng has rpmbuild and is no Debian system.
rpm_tools = @command -v rpmbuild >/dev/null || scripts/install-deps rpm

.PHONY: rpm srpm packages deb worker-deb opencl-deb check-rpm check-systemd
rpm: ## build XCP-ng's QEMU with the device (SRPM=..., STOCK= to compare)
	$(rpm_tools)
	@scripts/build-rpm '$(SRPM)' $(STOCK:%='%')

srpm: ## the same, but only its source package
	$(rpm_tools)
	@scripts/build-rpm --source-only '$(SRPM)'

packages: ## build our own RPM packages: dom0, mediator, the guest's
	$(rpm_tools)
	@scripts/build-packages

deb: ## build the Debian package of the guest tools
	@scripts/build-deb

worker-deb: ## build the Debian package for hosts that execute for a mediator
	@scripts/build-worker-deb

opencl-deb: ## build the Debian package of OpenCL's driver for guests
	@scripts/build-opencl-deb

check-rpm: ## test the packages: build, install, upgrade, remove
	@scripts/install-deps qemu mediator ptx guest test rpm
	@$(PYTHON) -m pytest tests/rpm

check-systemd: ## our units, which systemd starts in a guest
	@scripts/install-deps qemu mediator ptx guest test rpm
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(PYTHON) -m pytest tests/rpm/systemd_checks.py \
	    --qemu-bin=$(QEMU_DEFAULT)
