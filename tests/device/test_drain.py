# SPDX-License-Identifier: GPL-2.0-or-later
"""A mediator that is replaced under real devices, and what guests see of it."""
import subprocess
import threading

import pytest

from support import abi, operations
from support.device import Device
from support.fake_worker import behave
from support.mediatord import Mediatord
from support.paths import BUILD, FAKE_WORKER
from support.qemu import Qemu
from support.wait import PATIENCE

BIN = BUILD / "mediator"


@pytest.fixture
def serve(tmp_path):
    """serve(): a daemon whose workers take 0.3 s for a request"""
    worker = tmp_path / "worker"
    worker.symlink_to(FAKE_WORKER)
    behave(tmp_path, "takes its time")
    # Longer than anything takes on a busy machine
    config = tmp_path / "mediatord.conf"
    config.write_text("[workers]\ndrain-ms=45000\n")
    return lambda: Mediatord(BIN / "vgpu-mediatord", tmp_path / "log",
                             "--config", config,
                             "--connect", tmp_path / "1-0.sock",
                             "--connect", tmp_path / "2-0.sock",
                             "--admin-socket", tmp_path / "admin",
                             worker=worker)


def drain(tmp_path):
    subprocess.run([BIN / "vgpu-ctl", "--socket", tmp_path / "admin", "drain"],
                   check=True, timeout=PATIENCE)


def test_drain(qemu_bin, tmp_path, serve):
    args = []
    for number in 1, 2:
        args += ["-chardev", f"socket,id=link{number},server=on,wait=off,"
                             f"path={tmp_path}/{number}-0.sock",
                 "-device", f"vgpu-stub,id=gpu{number},chardev=link{number},"
                            f"addr={0x10 + number:#x}"]
    with Qemu(qemu_bin, tmp_path, *args) as qemu:
        busy, idle = (Device(qemu, 0x10 + number, 0xe0000000 + 0x1000 * number)
                      for number in (1, 2))
        for _ in range(3):
            with serve() as daemon:
                for dev in busy, idle:
                    dev.wait_link(1)
                busy.submit(operations.info())
                thread = threading.Thread(target=drain, args=[tmp_path])
                thread.start()
                # One is done with at once, the other when it has its answer.
                idle.wait_link(0)
                assert busy.wait_outcome() == abi.VGPU_STUB_STATUS_DONE
                busy.wait_link(0)
                thread.join(timeout=PATIENCE)
                assert daemon.process.wait(timeout=PATIENCE) == 0
            idle.submit(operations.nop())
            assert idle.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
