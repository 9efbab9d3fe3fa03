# SPDX-License-Identifier: GPL-2.0-or-later
"""What ACALSim's QEMUBinaryComponent and echo device make of a request.

It is the reply of an sst.Simulator, and refuses what they refuse.
"""
from support import abi
from support.sst import Acalsim

DATA_IN = abi.SST_DEVICE_REG_DATA_IN
DATA_OUT = abi.SST_DEVICE_REG_DATA_OUT
STATUS = abi.SST_DEVICE_REG_STATUS
CONTROL = abi.SST_DEVICE_REG_CONTROL

CONTROL_RESET = 1       # where others have START
POLLS = 3               # how often the status is BUSY


class EchoDevice:
    """Answers 32 bits; what is no register reads as 0 and takes writes."""

    def __init__(self, base_addr, size=4096):
        self.addresses = range(base_addr, base_addr + size)
        self.reset()

    def reset(self):
        self.data_in = self.data_out = self.status = self.control = 0
        self.polls = 0

    def access(self, write, address, size, data):
        """What is read; None is an error."""
        if address not in self.addresses:
            return None
        mask = (1 << 8 * min(size, 4)) - 1
        offset = address - self.addresses.start
        if write:
            self.write(offset, data & mask)
            return 0
        return self.read(offset) & mask

    def read(self, offset):
        if offset == STATUS:
            if self.polls == 1:
                self.data_out = self.data_in
                self.status = abi.SST_DEVICE_STATUS_DATA_READY
            self.polls = max(self.polls - 1, 0)
        return {DATA_OUT: self.data_out, STATUS: self.status,
                CONTROL: self.control}.get(offset, 0)

    def write(self, offset, data):
        if offset == DATA_IN:
            self.data_in = data
            if not self.polls:
                self.status |= abi.SST_DEVICE_STATUS_BUSY
                self.polls = POLLS
        elif offset == CONTROL:
            self.control = data
            if data & CONTROL_RESET:
                self.reset()


class Component:
    """The one with one device: it takes what is sent for an offset."""

    def __init__(self, device_base, device):
        self.device_base = device_base
        self.device = device

    def __call__(self, simulator, request):
        data = self.device.access(
            request.write, self.device_base + request.address, request.size,
            request.data & 0xffffffff)
        return Acalsim.answer(data or 0, ok=data is not None)
