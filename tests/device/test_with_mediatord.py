# SPDX-License-Identifier: GPL-2.0-or-later
"""The device with the real mediator: the flow, kills and restarts included."""
import random
import signal
import struct
from contextlib import ExitStack

import pytest

from support import abi, operations, wire
from support.device import SLOT, Device
from support.mediatord import Mediatord
from support.paths import BUILD
from support.qemu import Qemu
from support.wait import wait_for

MEDIATORD = BUILD / "mediator/vgpu-mediatord"


@pytest.fixture
def mediatord(tmp_path, sockets):
    return lambda: Mediatord(MEDIATORD, tmp_path / "mediator.log",
                             "--socket-dir", sockets)


def start(qemu_bin, tmp_path, sockets, number):
    folder = tmp_path / f"vm{number}"
    folder.mkdir(exist_ok=True)
    path = sockets / f"{number}-0.sock"
    return Qemu(qemu_bin, folder,
                "-chardev", f"socket,id=link,path={path},server=on,wait=off",
                "-device", f"vgpu-stub,addr={SLOT:#x},chardev=link,"
                           f"vm_id={number}")


def echo(dev, data):
    dev.submit(operations.echo(data))
    assert dev.wait_outcome() == abi.VGPU_STUB_STATUS_DONE, dev.ERROR_CODE
    assert dev.response()[wire.RESPONSE.size:] == data


def test_echo_of_the_whole_buffer(qemu_bin, tmp_path, sockets, mediatord):
    with mediatord(), start(qemu_bin, tmp_path, sockets, 1) as qemu:
        dev = Device(qemu)
        dev.wait_link(1)
        for byte in range(20):
            echo(dev, bytes((byte + i) & 0xff for i in range(992)))
            assert dev.RESPONSE_LEN == 1024


def test_an_operation_that_it_does_not_know(qemu_bin, tmp_path, sockets,
                                            mediatord):
    with mediatord(), start(qemu_bin, tmp_path, sockets, 1) as qemu:
        dev = Device(qemu)
        dev.wait_link(1)
        dev.submit(operations.call(0x0fff))
        assert dev.wait_outcome() == abi.VGPU_STUB_STATUS_ERROR
        assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION


def test_killed_and_restarted(qemu_bin, tmp_path, sockets, mediatord):
    with start(qemu_bin, tmp_path, sockets, 1) as qemu:
        dev = Device(qemu)
        for round_ in range(5):
            with mediatord() as daemon:
                dev.wait_link(1)
                echo(dev, b"round %d" % round_)
                daemon.process.kill()
                daemon.process.wait()
            dev.wait_link(0)
            dev.submit(operations.nop())
            assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE


def test_many_vms_of_which_one_restarts(qemu_bin, tmp_path, sockets, mediatord):
    with mediatord(), ExitStack() as vms:
        devices = [Device(vms.enter_context(
            start(qemu_bin, tmp_path, sockets, number))) for number in range(4)]
        for number, dev in enumerate(devices):
            dev.wait_link(1)
            echo(dev, b"vm %d" % number)
        for _ in range(3):
            with start(qemu_bin, tmp_path, sockets, 9) as qemu:
                dev = Device(qemu)
                dev.wait_link(1)
                echo(dev, b"the restarted one")
            for number, dev in enumerate(devices):
                assert dev.LINK & abi.VGPU_STUB_LINK_UP
                echo(dev, b"vm %d again" % number)


def alloc(dev, size):
    """The status, and the handle if there is one"""
    dev.submit(operations.alloc(size))
    dev.wait_outcome()
    status = dev.ERROR_CODE
    results, _ = operations.results(dev.response())
    return status, results and struct.unpack("<Q", results)[0]


def test_a_reboot_frees_memory(qemu_bin, tmp_path, sockets, mediatord):
    """And the next boot cannot read what the one before has left."""
    with mediatord(), start(qemu_bin, tmp_path, sockets, 1) as qemu:
        dev = Device(qemu)
        dev.wait_link(1)
        for _ in range(3):
            # A worker that takes its time to go keeps its memory so long.
            handle = wait_for(lambda: alloc(dev, 200 << 20)[1], "memory")
            assert alloc(dev, 200 << 20)[0] == abi.VGPU_STUB_ERR_OUT_OF_MEMORY
            qemu.qmp("system_reset")
            dev.place()
            assert dev.LINK & abi.VGPU_STUB_LINK_UP
            dev.submit(operations.copy(abi.VGPU_STUB_COPY_FROM_DEVICE, 8,
                                       handle))
            dev.wait_outcome()
            assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_INVALID_HANDLE


class Loaded:
    """A device that is kept busy; counts how its requests end."""

    def __init__(self, dev, number):
        self.dev, self.number = dev, number
        self.sent = self.answered = self.lost = 0
        self.busy = False

    def submit(self):
        self.sent += 1
        self.data = b"request %d of device %d" % (self.sent, self.number)
        assert self.dev.INTERRUPT_STATUS == 0, "a request ended twice"
        self.dev.submit(operations.echo(self.data), self.sent)
        self.busy = True

    def look(self):
        """Take the outcome if there is one."""
        status = self.dev.STATUS
        if status == abi.VGPU_STUB_STATUS_BUSY:
            return
        assert self.dev.INTERRUPT_STATUS == 1
        assert self.dev.REQUEST_ID == self.sent
        if status == abi.VGPU_STUB_STATUS_DONE:
            assert self.dev.response()[wire.RESPONSE.size:] == self.data
            self.answered += 1
        else:
            assert status == abi.VGPU_STUB_STATUS_ERROR
            assert self.dev.ERROR_CODE == \
                abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
            self.lost += 1
        self.dev.INTERRUPT_STATUS = 1
        self.busy = False


def test_killed_and_restarted_under_load(qemu_bin, tmp_path, sockets,
                                         mediatord):
    """Eight devices, kills at moments that nobody chose: each request ends
    exactly once, with its answer or with MEDIATOR_UNAVAILABLE."""
    args = []
    for number in range(8):
        args += ["-chardev", f"socket,id=link{number},server=on,wait=off,"
                             f"path={sockets}/{number}-0.sock",
                 "-device", f"vgpu-stub,id=gpu{number},chardev=link{number},"
                            f"addr={0x10 + number:#x}"]
    moments = random.Random(8)
    with Qemu(qemu_bin, tmp_path, *args) as qemu:
        load = [Loaded(Device(qemu, 0x10 + number,
                              0xe0000000 + 0x1000 * number), number)
                for number in range(8)]
        for _ in range(10):
            with mediatord() as daemon:
                for device in load:
                    device.dev.wait_link(1)
                for _ in range(moments.randrange(10, 40)):
                    device = moments.choice(load)
                    if device.busy:
                        device.look()
                    else:
                        device.submit()
                # Stopped first, so that all of them are under way.
                daemon.process.send_signal(signal.SIGSTOP)
                for device in load:
                    if not device.busy:
                        device.submit()
                daemon.process.kill()
                for device in load:
                    if device.busy:
                        device.dev.wait_outcome()
                        device.look()
                daemon.process.wait()
            for device in load:
                device.dev.wait_link(0)
                device.submit()
                device.look()
        for device in load:
            assert device.dev.INTERRUPT_STATUS == 0
            assert device.sent == device.answered + device.lost
        assert sum(device.answered for device in load) > 0
        assert sum(device.lost for device in load) >= 80
