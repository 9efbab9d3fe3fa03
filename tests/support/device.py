# SPDX-License-Identifier: GPL-2.0-or-later
"""The device as a guest's driver sees it, by the names of the register map."""
from support import abi
from support.wait import wait_for

SLOT = 0x1e

PCI_COMMAND = 0x04
PCI_COMMAND_MEMORY_MASTER = 0x6
PCI_COMMAND_INTX_DISABLE = 0x400
PCI_STATUS = 0x06
PCI_STATUS_INTERRUPT = 0x8
PCI_BAR0 = 0x10
PCI_CAPABILITIES = 0x34
PCI_CAP_ID_MSI = 0x05
ACPI_PCI_EJECT = 0xae08         # the port that takes a bit for each slot

REGISTERS = abi.names("VGPU_STUB_REG_")


class Device:
    """dev.STATUS reads a register, dev.REQUEST_LEN = 4 writes one."""

    def __init__(self, qemu, slot=SLOT, bar=0xe0000000, place=True):
        vars(self).update(qemu=qemu, devfn=slot << 3, bar=bar)
        if place:
            self.place()

    def place(self):
        """What firmware does: give the BAR its address and switch it on."""
        self.qemu.pci_write(self.devfn, PCI_BAR0, self.bar)
        self.qemu.pci_write(self.devfn, PCI_COMMAND, PCI_COMMAND_MEMORY_MASTER,
                            2)

    def __getattr__(self, name):
        if name not in REGISTERS:
            raise AttributeError(name)
        return self.read(REGISTERS[name])

    def __setattr__(self, name, value):
        self.write(REGISTERS[name], value)

    def read(self, offset, size=4):
        return self.qemu.read(self.bar + offset, size)

    def write(self, offset, value, size=4):
        self.qemu.write(self.bar + offset, value, size)

    def read_block(self, offset, size):
        return self.qemu.read_block(self.bar + offset, size)

    def write_block(self, offset, data):
        self.qemu.write_block(self.bar + offset, data)

    def config(self, reg, size=4):
        return self.qemu.pci_read(self.devfn, reg, size)

    def submit(self, payload, request_id=0):
        self.write_block(abi.VGPU_STUB_REQUEST_BUF, payload)
        self.REQUEST_LEN = len(payload)
        self.REQUEST_ID = request_id
        self.DOORBELL = abi.VGPU_STUB_DOORBELL_SUBMIT

    def wait_outcome(self):
        """Wait until the request has ended; returns STATUS."""
        wait_for(lambda: self.STATUS != abi.VGPU_STUB_STATUS_BUSY, "outcome")
        return self.STATUS

    def wait_link(self, up):
        """Until LINK's bit 0 is that"""
        wait_for(lambda: self.LINK & abi.VGPU_STUB_LINK_UP == up, f"LINK {up}")

    def response(self):
        """The RESPONSE_LEN bytes of RESPONSE_BUF."""
        return self.read_block(abi.VGPU_STUB_RESPONSE_BUF, self.RESPONSE_LEN)

    def intx_asserted(self):
        return bool(self.config(PCI_STATUS, 2) & PCI_STATUS_INTERRUPT)

    def _msi_capability(self):
        cap = self.config(PCI_CAPABILITIES, 1)
        while self.config(cap, 1) != PCI_CAP_ID_MSI:
            cap = self.config(cap + 1, 1)
            assert cap, "no MSI capability"
        return cap

    def disable_msi(self):
        self.qemu.pci_write(self.devfn, self._msi_capability() + 2, 0, 2)

    def enable_msi(self, address, data):
        """Let the device's MSI write `data` to `address` in guest memory."""
        cap = self._msi_capability()
        self.qemu.pci_write(self.devfn, cap + 4, address)
        self.qemu.pci_write(self.devfn, cap + 8, 0)
        self.qemu.pci_write(self.devfn, cap + 12, data, 2)
        self.qemu.pci_write(self.devfn, cap + 2, 1, 2)
