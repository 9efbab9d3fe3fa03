# SPDX-License-Identifier: GPL-2.0-or-later
# The front door: `make help` lists every target.

BUILD := build
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vgpu-stub
CC := gcc
CLANG := clang
OBJCOPY := objcopy
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow
PYTHON := /usr/bin/python3

# Recipes say what they make; V=1 shows their commands.
Q := $(if $(V),,@)
say = @printf '  %-7s %s\n' $(1) $@

# Of all that is built here
VERSION := $(shell sed -n 's/^Version: *//p' SPECS/vgpu-stub.spec)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# What installs the packages that a recipe needs; a package build has them.
INSTALL_DEPS := scripts/install-deps

include mediator/mediator.mk guest-tools/guest-tools.mk \
    guest-tools/driver/driver.mk guest-tools/opencl/opencl.mk sst/sst.mk \
    scripts/qemu.mk scripts/install.mk scripts/rpm.mk scripts/xen.mk \
    tests/bench/bench.mk tests/fuzz/fuzz.mk tests/gpu/gpu.mk \
    tests/opencl/opencl.mk

QEMU_DEFAULT := $(BUILD)/qemu-7.2/qemu-system-x86_64

.PHONY: demo
demo: ## the main job: a guest finds the device and has the host compute for it
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@scripts/install-deps guest driver
	@$(MAKE) --no-print-directory mediator guest-tools \
	    $(BUILD)/driver/6.1/vgpu-stub.ko
	@scripts/demo $(QEMU_DEFAULT)

# Device tests run on each of these; `make check` builds them first.
CHECK_QEMUS := 7.2 10.0 7.2-sanitizers

# Most tests wait more than they compute.
CHECK_JOBS := 3

# In a checkout that is new at its old place, most comes from the compiler's cache.
.PHONY: check
check: ## all tests (builds what they need)
	@scripts/install-deps c mediator ptx qemu guest driver opencl xen rpm test sst \
	    bench fuzz gpu remote opencl-test
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(MAKE) --no-print-directory qemu QEMU=10.0
	@$(MAKE) --no-print-directory qemu-sanitizers
	@CCACHE_DIR='$(CACHE)/ccache' $(MAKE) --no-print-directory \
	    --jobs=$(shell nproc) CC='ccache $(CC)' CLANG='ccache $(CLANG)' \
	    mediator mediator-sanitizers ptx \
	    guest-tools guest-test-programs bench-programs fuzz-programs \
	    driver driver-test-programs opencl-tests check-sst-build
	@$(MAKE) --no-print-directory gpu-bundle
	@$(PYTHON) -m pytest tests --numprocesses=$(CHECK_JOBS) --dist=loadgroup \
	    $(CHECK_QEMUS:%=--qemu-bin=$(BUILD)/qemu-%/qemu-system-x86_64)

.PHONY: device-check
device-check: mediator ## the device's tests on any build: QEMU_BIN=PATH
	@test -n '$(QEMU_BIN)' || \
	    { echo 'device-check: which QEMU? Give QEMU_BIN=PATH' >&2; exit 2; }
	@scripts/install-deps test qemu
	@$(PYTHON) -m pytest tests/device --qemu-bin='$(QEMU_BIN)'

SOAK_SECONDS := 600
.PHONY: soak
soak: mediator-sanitizers ## everything goes wrong around the mediator: SOAK_SECONDS=600
	@scripts/install-deps test bench
	@$(PYTHON) tests/soak/run.py --seconds=$(SOAK_SECONDS)

QUEUE_ACTIONS := 1000000
.PHONY: soak-queue
soak-queue: ## the device's queue, used at random: QUEUE_ACTIONS=1000000
	@scripts/install-deps qemu test
	@$(MAKE) --no-print-directory qemu-sanitizers
	@QUEUE_ACTIONS=$(QUEUE_ACTIONS) $(PYTHON) -m pytest -rP \
	    tests/device/test_queue_random.py \
	    --qemu-bin=$(BUILD)/qemu-7.2-sanitizers/qemu-system-x86_64

STRESS_SECONDS := 60
.PHONY: guest-stress
guest-stress: ## the guest's library under stress: STRESS_SECONDS=60
	@scripts/install-deps qemu guest test
	@$(MAKE) --no-print-directory qemu QEMU=7.2
	@$(MAKE) --no-print-directory mediator guest-test-programs
	@GUEST_STRESS_SECONDS=$(STRESS_SECONDS) $(PYTHON) -m pytest -rP \
	    tests/guest/test_stress.py --qemu-bin=$(QEMU_DEFAULT)

.PHONY: clean
clean: ## remove what was built here; ~/.cache/vgpu-stub stays
	rm -rf $(BUILD)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' \
	    $(MAKEFILE_LIST) | sort
