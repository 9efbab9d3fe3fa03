# SPDX-License-Identifier: GPL-2.0-or-later
"""What is logged how often; entries' fields are tested in unit/."""
import os
import signal
import subprocess

import pytest

from support import abi, wire
from support.mediatord import starter
from support.operations import call, nop
from support.wait import PATIENCE, wait_for

UNKNOWN = call(0x1000)


def requests(daemon):
    return [line for line in daemon.log() if ": request " in line]


def test_failures_are_logged_within_limits(daemon, device, peer):
    peer.ask(nop(), 5)
    peer.ask(UNKNOWN, 100)
    assert daemon.stop() == 0
    lines = requests(daemon)
    assert len(lines) == 10
    assert lines[0].startswith(
        f"vgpu-mediatord: vm {device.path}: request 5, id 0, of context 1 "
        "in pool A: unsupported_operation after ")
    assert (f"vgpu-mediatord: vm {device.path}: 90 more requests failed "
            "in 60 s") in daemon.log()


def test_all_requests_are_logged_on_demand(start, device, tmp_path):
    config = tmp_path / "conf"
    config.write_text("")
    daemon = start("--config", config, "--connect", device.path)
    with device.greet() as peer:
        peer.ask(nop(), 5)
        assert requests(daemon) == []
        config.write_text("[log]\nlog-requests=yes\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("loaded$")
        peer.ask(nop(), 50)
        peer.ask(UNKNOWN, 50)
    wait_for(lambda: len(requests(daemon)) == 100, "100 lines")
    assert sum(" done after " in line for line in requests(daemon)) == 50


def refuse(device, **hello):
    """Have a connection refused by its HELLO."""
    with device.accept() as peer:
        peer.send(wire.hello(**hello))
        peer.expect(abi.VGPU_STUB_MSG_REJECT)
        peer.expect_closed()


def test_a_refused_device_is_logged_when_that_changes(daemon, device):
    def log():
        return [line.partition(f"{device.path}: ")[2] for line in daemon.log()]

    for _ in range(2):
        refuse(device, pool=0x43)
    refuse(device, priority=7)
    device.greet().close()
    refuse(device, priority=7)
    lines = wait_for(lambda: log()[4:] and log(), "five lines")
    assert [line.partition(" ")[0] for line in lines] == [
        "rejected:", "rejected:", "vm", "vm", "rejected:"]
    assert lines[0] != lines[1] == lines[4]


@pytest.mark.parametrize("where", ["full disk", "closed pipe", "closed"])
def test_a_log_that_cannot_be_written(mediatord_bin, device, where):
    """The service goes on."""
    if where == "full disk":
        stderr = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, stderr = os.pipe()
        os.close(reader)
    command = [mediatord_bin, *starter(mediatord_bin), "--worker=/bin/true",
               "--connect", device.path]
    if where == "closed":
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    process = subprocess.Popen(command, stderr=stderr)
    os.close(stderr)
    try:
        for _ in range(3):
            with device.greet() as peer:
                peer.ask(UNKNOWN, 100)
                peer.ask(nop(), 100)
    finally:
        process.terminate()
        assert process.wait(timeout=PATIENCE) == 0
