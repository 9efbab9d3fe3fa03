# SPDX-License-Identifier: GPL-2.0-or-later
"""The real QEMU behind the patched wrapper, locked in and without rights."""
import json
import os
import signal
import socket
from pathlib import Path

from dom0_host import MEDIATOR_ID, QEMU_ID, socket_name
from support import abi, wire
from support.fake_mediator import FakeMediator
from support.qemu import FIRMWARE
from support.wait import wait_for


def start_qemu(dom0, qemu_bin, key):
    """Start domain 7 behind the wrapper; returns the pid of its QEMU."""
    root = dom0.path / "root-7"
    root.mkdir()
    dom0.start_domain(7, key)
    wrapper = dom0.run_wrapper(
        7, qemu_bin, "-machine", "pc", "-accel", "qtest", "-nodefaults",
        "-display", "none", "-m", "32", *FIRMWARE,
        env={"WRAPPER_ROOT": str(root), "WRAPPER_UID": str(QEMU_ID)})
    pid_key = "/local/domain/7/image/device-model-pid"

    def started():
        assert wrapper.poll() is None, wrapper.stdout.read().decode()
        return dom0.store.read("", pid_key)

    wait_for(started, "QEMU process")
    return int(dom0.store.read("", pid_key))


class RunningMediator:
    """A mediator in a process of its own, with the mediator's rights alone,
    which has accepted the device; it is there until it is killed."""

    def __init__(self, path):
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setgroups([])
                os.setgid(MEDIATOR_ID)
                os.setuid(MEDIATOR_ID)
                peer = FakeMediator.accept(path)
                os.write(writer, peer.hello.payload)
                signal.pause()
            finally:
                os._exit(1)
        os.close(writer)
        with open(reader, "rb") as pipe:
            self.hello = pipe.read(wire.HELLO.size)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def test_a_mediator_killed_and_restarted_50_times(dom0, qemu_bin):
    pid = start_qemu(dom0, qemu_bin, b"-device vgpu-stub,id=gpu0,pool_id=B,"
                                     b"priority=high,vm_id=200")
    path = dom0.run_dir / socket_name(7)
    for _ in range(50):
        mediator = RunningMediator(path)
        _, _, vm_id, pool, priority, _, _, device_id = \
            wire.HELLO.unpack(mediator.hello)
        mediator.kill()
        assert (vm_id, pool, priority) == (
            200, abi.VGPU_STUB_POOL_B, abi.VGPU_STUB_PRIORITY_HIGH)
        assert device_id.rstrip(b"\0") == b"gpu0"

    # It was locked in and without rights all the while.
    process = Path(f"/proc/{pid}")
    assert os.path.samefile(process / "root", dom0.path / "root-7")
    status = dict(line.split(":\t", 1) for line in
                  (process / "status").read_text().splitlines())
    assert set(status["Uid"].split() + status["Gid"].split()) == {str(QEMU_ID)}
    assert int(status["CapEff"], 16) == 0


def test_every_device_has_its_own_mediator(dom0, qemu_bin):
    start_qemu(dom0, qemu_bin, b"-device vgpu-stub,vm_id=1 "
                               b"-device vgpu-stub,vm_id=2 "
                               b"-device vgpu-stub,vm_id=3 "
                               b"-device vgpu-stub,vm_id=4")
    for n in range(4):
        with FakeMediator.accept(dom0.run_dir / socket_name(7, n)) as mediator:
            hello = wire.HELLO.unpack(mediator.hello.payload)
            assert hello[2] == n + 1
            assert hello[7].rstrip(b"\0") == b"vgpu-stub-%d" % n
