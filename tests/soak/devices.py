# SPDX-License-Identifier: GPL-2.0-or-later
"""The VMs of a soak; each step() is something that one does.

A step fails with an exception when the mediator did not do its part.
"""
import os
import struct
import time

from support import abi, wire
from support.fake_device import FakeDevice
from support.operations import (alloc, call, copy, echo, free, list_kernels,
                                reduce, results)
from support.wire import Message

RESPONSE = abi.VGPU_STUB_MSG_RESPONSE
CANCEL = abi.VGPU_STUB_MSG_CANCEL
NAMES = {code: name for name, code in abi.names("VGPU_STUB_ERR_").items()
         if not name.startswith("BACKEND_")}
NAMES[abi.VGPU_STUB_ERR_BACKEND_ERROR] = "BACKEND_ERROR"


class Vm:
    """A device with a link, and requests with one answer each."""

    def __init__(self, path, counters):
        self.device = FakeDevice(path)
        self.counters = counters
        self.peer = self.device.greet()

    def send(self, payload):
        request = self.peer.request(payload)
        self.peer.send(request)
        self.counters["requests"] += 1
        return request.sequence

    def ask(self, payload):
        """The answer's status, results and data."""
        sequence = self.send(payload)
        answer = self.peer.expect(RESPONSE)
        assert answer.sequence == sequence, (answer.sequence, sequence)
        status = wire.RESPONSE.unpack_from(answer.payload)[1]
        assert status == answer.status
        self.counters[NAMES[status]] += 1
        return status, *results(answer.payload)

    def leave(self):
        self.peer.close()
        self.device.remove()


class Steady(Vm):
    """Asks for what needs no worker: that works, always."""

    def step(self):
        data = os.urandom(100)
        status, _, echoed = self.ask(echo(data))
        assert (status, echoed) == (abi.VGPU_STUB_ERR_NONE, data), status
        time.sleep(0.001)


class Memory(Vm):
    """Keeps data on the accelerator; its worker may be killed, no more."""

    handle = None

    def step(self):
        data = os.urandom(900)
        for payload, expected in (
                (copy(abi.VGPU_STUB_COPY_TO_DEVICE, 900, self.handle or 0,
                      data=data), b""),
                (copy(abi.VGPU_STUB_COPY_FROM_DEVICE, 900, self.handle or 0),
                 data)):
            if self.handle is None:
                break
            status, _, returned = self.ask(payload)
            if status in (abi.VGPU_STUB_ERR_BACKEND_ERROR,
                          abi.VGPU_STUB_ERR_INVALID_HANDLE):
                self.handle = None
            else:
                assert (status, returned) == (0, expected), status
        if self.handle is None:
            status, handle, _ = self.ask(alloc(900))
            assert status in (0, abi.VGPU_STUB_ERR_BACKEND_ERROR), status
            if status == 0:
                self.handle, = struct.unpack("<Q", handle)
        time.sleep(0.001)


class RandomDevice(Vm):
    """Does whatever comes to its mind."""

    def __init__(self, chance, path, counters):
        super().__init__(path, counters)
        self.chance = chance
        self.handles = [1, 2]   # Nobody's, at first

    def handle(self):
        return self.chance.choice(self.handles)

    def payload(self):
        chance = self.chance
        size = chance.randint(1, 960)
        return chance.choice([
            lambda: call(abi.VGPU_STUB_OP_NOP),
            lambda: call(abi.VGPU_STUB_OP_GET_DEVICE_INFO),
            lambda: call(abi.VGPU_STUB_OP_SYNCHRONIZE),
            lambda: list_kernels(chance.choice([0, 3, 1000])),
            lambda: echo(chance.randbytes(size)),
            lambda: alloc(chance.choice([4, 4096, 1 << 20, 1 << 30])),
            lambda: free(self.handle()),
            lambda: call(abi.VGPU_STUB_OP_MEMORY_FREE_ALL),
            lambda: copy(abi.VGPU_STUB_COPY_TO_DEVICE, size, self.handle(),
                         data=bytes(size)),
            lambda: copy(abi.VGPU_STUB_COPY_FROM_DEVICE, size, self.handle()),
            lambda: reduce(self.handle(), self.handle(),
                           chance.choice([1, 1000, 1 << 18])),
            lambda: chance.randbytes(size),
        ])()

    def work(self):
        """Requests, some of them cancelled; the others have one answer."""
        sent = {self.send(self.payload())
                for _ in range(self.chance.randint(1, 30))}
        cancelled = {sequence for sequence in sent
                     if self.chance.random() < 0.1}
        for sequence in cancelled:
            self.peer.send(Message(CANCEL, sequence=sequence))
            self.counters["cancelled"] += 1
        open_ones = sent - cancelled
        while open_ones:
            answer = self.peer.expect(RESPONSE)
            status = answer.status
            self.counters[NAMES[status]] += 1
            if answer.sequence in open_ones:
                open_ones.remove(answer.sequence)
            else:
                # It was on its way when it was cancelled; once is enough.
                cancelled.remove(answer.sequence)
            handle, _ = results(answer.payload)
            if status == 0 and len(handle) == 8:
                self.handles += struct.unpack("<Q", handle)
        # What was cancelled does not come later.
        self.peer.send(Message(abi.VGPU_STUB_MSG_PING))
        while self.peer.receive().type == RESPONSE:
            pass

    def send_garbage(self):
        size = self.chance.choice([1, 32, 33, 5000])
        self.peer.send(self.chance.randbytes(size), bytes(32))
        self.peer.expect_closed()
        self.counters["garbage"] += 1
        self.peer = self.reconnected()

    def vanish(self):
        """With requests under way."""
        for _ in range(self.chance.randint(0, 20)):
            self.send(self.payload())
        self.peer.close()
        self.counters["vanished"] += 1
        self.peer = self.reconnected()

    def reconnected(self):
        """As after a new start of the VM, or by the daemon's own doing."""
        if self.chance.random() < 0.7:
            self.device.remove()
            self.device = FakeDevice(self.device.path)
            del self.handles[2:]
        return self.device.greet()

    def reset(self):
        """As a guest's reboot: nothing of before is answered after it."""
        for _ in range(self.chance.randint(0, 20)):
            self.send(self.payload())
        self.peer.send(Message(abi.VGPU_STUB_MSG_RESET),
                       Message(abi.VGPU_STUB_MSG_PING))
        while self.peer.receive().type == RESPONSE:
            pass
        del self.handles[2:]
        self.counters["reset"] += 1

    def stall(self):
        """Send and read nothing for a while."""
        for _ in range(self.chance.randint(1, 50)):
            self.send(self.payload())
        time.sleep(self.chance.uniform(0, 0.2))
        self.vanish()

    def step(self):
        self.chance.choices([self.work, self.send_garbage, self.vanish,
                             self.stall, self.reset], [20, 1, 1, 1, 1])[0]()
