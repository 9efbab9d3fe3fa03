# SPDX-License-Identifier: GPL-2.0-or-later
"""What the service manager is told, played by the test; descriptor limits."""
import os
import resource
import signal
import socket
import subprocess
import uuid

import pytest

from support.fake_device import FakeDevice
from support.mediatord import starter
from support.wait import PATIENCE, wait_for


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """The socket that the service manager reads."""
    name = str(tmp_path / "notify") if request.param == "path" \
        else f"@vgpu-stub-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name.replace("@", "\0"))
        sock.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield sock


def lines(manager):
    """The lines of the next message."""
    return manager.recv(4096).decode().splitlines()


def expect(manager, line):
    """Wait for a message with that line; returns it."""
    while True:
        message = lines(manager)
        if line in message:
            return message


def test_life(manager, start, device, tmp_path, admin, ctl):
    config = tmp_path / "conf"
    config.write_text("")
    daemon = start("--connect", device.path, "--config", config,
                   "--admin-socket", admin)
    # When it says so, orders are taken.
    assert lines(manager) == ["READY=1"]
    ctl("status")
    status, = [line for line in lines(manager) if line.startswith("STATUS=")]
    assert status == ("STATUS=Serving: 1 VMs, 0 of them quarantined; "
                      "0 requests wait, 0 run")
    for text in "", "[garbage]":
        config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        message = expect(manager, "RELOADING=1")
        assert any(line.startswith("MONOTONIC_USEC=") for line in message)
        assert lines(manager) == ["READY=1"]
    assert daemon.stop() == 0
    expect(manager, "STOPPING=1")


def test_drain(manager, admin, start, device, ctl):
    daemon = start("--connect", device.path, "--admin-socket", admin)
    device.greet()
    ctl("drain")
    expect(manager, "STOPPING=1")
    assert daemon.process.wait(timeout=PATIENCE) == 0


def test_watchdog(manager, start, tmp_path, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    start("--socket-dir", tmp_path)
    for _ in range(4):
        expect(manager, "WATCHDOG=1")


def test_watchdog_of_another_process(manager, start, tmp_path, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    start("--socket-dir", tmp_path)
    expect(manager, "WATCHDOG=1")
    manager.settimeout(1)
    with pytest.raises(TimeoutError):
        manager.recv(4096)


@pytest.mark.parametrize("where", ["relative", "/" + "x" * 108, ""])
def test_a_socket_that_cannot_be(start, device, monkeypatch, where):
    monkeypatch.setenv("NOTIFY_SOCKET", where)
    daemon = start("--connect", device.path)
    device.greet()
    assert daemon.log()[0] == (
        f"vgpu-mediatord: warning: NOTIFY_SOCKET is '{where}', which no "
        "socket's address can be")


def test_a_manager_that_has_gone(start, device, monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    start("--connect", device.path)
    device.greet()


def test_more_devices_than_the_soft_limit_allows(mediatord_bin, tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard >= 1024
    sockets = tmp_path / "sockets"
    sockets.mkdir()
    devices = [FakeDevice(sockets / f"{i}-0.sock") for i in range(100)]
    with open(tmp_path / "log", "wb") as log:
        daemon = subprocess.Popen(
            ["sh", "-c", 'ulimit -Sn 50 && exec "$@"', "sh", mediatord_bin,
             *starter(mediatord_bin), "--worker=/bin/true",
             "--socket-dir", sockets], stderr=log)
    try:
        peers = [device.greet() for device in devices]
        wait_for(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) > 100,
                 "100 descriptors")
        for peer in peers:
            peer.close()
    finally:
        daemon.terminate()
        assert daemon.wait(timeout=PATIENCE) == 0
