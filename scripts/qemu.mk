# SPDX-License-Identifier: GPL-2.0-or-later
# QEMU with a device: the distribution's own (7.2, 10.0), or a tree of yours.

QEMU ?= 7.2
export BUILD CACHE

.PHONY: qemu qemu-sanitizers qemu-riscv32
qemu: ## build QEMU with the device (QEMU=7.2|10.0, or QEMU_SRC=TREE)
	@scripts/install-deps qemu
	@scripts/build-qemu '$(or $(QEMU_SRC),$(QEMU))'

qemu-sanitizers: ## build QEMU 7.2 with address and undefined-behaviour checks
	@scripts/install-deps qemu
	@scripts/build-qemu --sanitizers 7.2

qemu-riscv32: ## build QEMU 7.2 for RISC-V with sst-device, for simulators
	@scripts/install-deps qemu
	@scripts/build-qemu --sst 7.2
