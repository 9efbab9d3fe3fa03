# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that nobody waits for any more when it comes."""
import contextlib
import json
import os
import signal

import pytest

from support import abi, operations, wire
from support.accelerator import Accelerator
from support.wait import wait_for
from support.wire import Message

CANCEL, RESET = abi.VGPU_STUB_MSG_CANCEL, abi.VGPU_STUB_MSG_RESET


@pytest.fixture
def held(start, device, admin, ctl, tmp_path):
    """An accelerator, and the pid of its worker, which is stopped and is to
    allocate memory"""
    config = tmp_path / "mediatord.conf"
    config.write_text("[pool A]\nbackend=cpu\n")
    start("--connect", device.path, "--admin-socket", admin,
          "--config", config)
    accelerator = Accelerator(device.greet())
    accelerator.info()                      # so there is a worker
    worker, = json.loads(ctl("workers", "--json"))
    os.kill(worker["pid"], signal.SIGSTOP)
    accelerator.peer.send(wire.request(operations.alloc(4096), sequence=1000))
    wait_for(lambda: "busy" in ctl("workers"), "the request at the worker")
    return accelerator, worker["pid"]


@pytest.mark.parametrize("more", ["nothing", "requests", "a reset"])
def test_a_late_allocation(held, more):
    """It is freed; a worker that does not come to its end in the grace has
    ended, and freed it, too."""
    accelerator, pid = held
    peer = accelerator.peer
    peer.send(Message(CANCEL, sequence=1000),
              Message(abi.VGPU_STUB_MSG_PING, sequence=7))
    peer.expect(abi.VGPU_STUB_MSG_PONG)     # so it has been cancelled
    if more == "requests":
        peer.send(*(wire.request(operations.info(), sequence=2000 + i)
                    for i in range(3)))
    elif more == "a reset":
        peer.send(Message(RESET))
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    if more == "requests":
        for _ in range(3):
            assert peer.expect(abi.VGPU_STUB_MSG_RESPONSE).status == 0
    assert accelerator.info()[1] == 0
    assert accelerator.alloc(4096) != 0
    assert accelerator.info()[1] == 4096
