# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a device's memory when the device is reset or goes."""
import struct

import pytest

from support import abi, operations
from support.fake_device import FakeDevice
from support.paths import BUILD
from support.wait import wait_for
from support.wire import Message

OK = abi.VGPU_STUB_ERR_NONE
INVALID_HANDLE = abi.VGPU_STUB_ERR_INVALID_HANDLE
OUT_OF_MEMORY = abi.VGPU_STUB_ERR_OUT_OF_MEMORY
MIB = 1 << 20


class Device:
    """A device of VM 7 and what its guest asks for."""

    def __init__(self, folder, number):
        self.fake = FakeDevice(folder / f"7-{number}.sock")
        self.peer = self.fake.greet()

    def call(self, payload):
        """Status, results and data"""
        return self.peer.call(payload)

    def alloc(self, size):
        """Status and handle"""
        status, results, _ = self.call(operations.alloc(size))
        return status, results and struct.unpack("<Q", results)[0]

    def write(self, handle, data):
        return self.call(operations.copy(abi.VGPU_STUB_COPY_TO_DEVICE,
                                         len(data), handle, data=data))[0]

    def read(self, handle, length):
        status, _, data = self.call(operations.copy(
            abi.VGPU_STUB_COPY_FROM_DEVICE, length, handle))
        return status, data

    def store(self, data):
        status, handle = self.alloc(len(data))
        assert (status, self.write(handle, data)) == (OK, OK)
        return handle

    def free_all(self):
        """Status, and how many bytes that were"""
        status, results, _ = self.call(
            operations.call(abi.VGPU_STUB_OP_MEMORY_FREE_ALL))
        return status, struct.unpack("<Q", results)[0]

    def used(self):
        """Bytes that all devices of the VM have"""
        status, results, _ = self.call(
            operations.call(abi.VGPU_STUB_OP_GET_DEVICE_INFO))
        assert status == OK
        return struct.unpack_from("<3I2Q", results)[4]

    def reset(self):
        self.peer.send(Message(abi.VGPU_STUB_MSG_RESET))


@pytest.fixture
def connect(start, tmp_path, sockets):
    """connect(number): a device of VM 7, which may have 256 MiB"""
    daemon = None

    def make(number=0, config=""):
        nonlocal daemon
        if daemon is None:
            path = tmp_path / "mediatord.conf"
            path.write_text(config)
            daemon = start("--socket-dir", sockets, "--config", path,
                           worker=BUILD / "mediator/vgpu-worker")
        device = Device(sockets, number)
        device.daemon = daemon
        return device

    return make


def test_a_reset_frees(connect):
    device = connect()
    for boot in range(3):
        handle = device.store(b"boot %d" % boot)
        assert device.alloc(200 * MIB)[0] == OK
        assert device.alloc(200 * MIB)[0] == OUT_OF_MEMORY
        device.reset()
        assert device.read(handle, 6)[0] == INVALID_HANDLE
        assert device.used() == 0


def test_a_reset_while_an_allocation_is_under_way(connect):
    """Wherever the request is, its memory is gone with the device's reset and
    its answer is nobody's."""
    device = connect()
    assert device.used() == 0               # there is a worker
    for _ in range(50):
        device.peer.send(device.peer.request(operations.alloc(200 * MIB)),
                         Message(abi.VGPU_STUB_MSG_RESET),
                         device.peer.request(operations.alloc(200 * MIB)))
        assert device.peer.answer()[0] == OK
        device.reset()
    assert device.used() == 0


def test_a_reset_while_a_kernel_runs(connect):
    """It is not waited for."""
    device, other = connect(0), connect(1)
    precious = other.store(b"precious")
    status, source = device.alloc(100 * MIB)
    assert status == OK
    status, target = device.alloc(4)
    assert status == OK
    device.peer.send(device.peer.request(operations.reduce(source, target,
                                                      5 * MIB)))
    device.reset()
    assert device.alloc(200 * MIB)[0] == OK
    assert device.read(target, 4)[0] == INVALID_HANDLE
    assert other.read(precious, 8) == (OK, b"precious")


def test_each_device_has_its_own(connect):
    """Of the VM's quota, though."""
    one, other = connect(0), connect(1)
    handle = one.store(b"mine")
    assert other.read(handle, 4)[0] == INVALID_HANDLE
    assert other.alloc(256 * MIB)[0] == OUT_OF_MEMORY
    other.store(b"yours")
    assert one.used() == 8192
    other.reset()
    assert other.used() == 4096
    assert one.read(handle, 4) == (OK, b"mine")


def test_free_all(connect):
    one, other = connect(0), connect(1)
    handle = one.store(b"mine")
    kept = other.store(b"yours")
    assert one.alloc(5000)[0] == OK
    assert one.free_all() == (OK, 4096 + 8192)
    assert one.free_all() == (OK, 0)
    assert one.read(handle, 4)[0] == INVALID_HANDLE
    assert other.read(kept, 5) == (OK, b"yours")


def test_a_device_that_goes_leaves_nothing(connect):
    one, other = connect(0), connect(1)
    kept = other.store(b"yours")
    worker, = one.daemon.workers()
    one.store(b"mine")
    one.peer.close()
    wait_for(lambda: other.used() == 4096, "free memory")
    assert other.read(kept, 5) == (OK, b"yours")
    wait_for(lambda: list(one.daemon.workers()) == [worker], "end of a worker")


def test_a_reset_ends_the_worker(connect):
    device = connect()
    device.store(b"data")
    worker, = device.daemon.workers()
    device.reset()
    assert device.used() == 0
    wait_for(lambda: worker not in device.daemon.workers(),
             "end of the worker")


def test_resets_without_end(connect):
    """They cost the host few workers: test_mediator_contexts.py."""
    device = connect()
    handle = device.store(b"data")
    for _ in range(100):
        device.peer.send(*[Message(abi.VGPU_STUB_MSG_RESET)] * 1000)
    assert device.read(handle, 4)[0] == INVALID_HANDLE
    for _ in range(1000):
        device.peer.send(device.peer.request(operations.alloc(1)),
                         Message(abi.VGPU_STUB_MSG_RESET))
    assert device.used() == 0
