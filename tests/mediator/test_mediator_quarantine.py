# SPDX-License-Identifier: GPL-2.0-or-later
"""Quarantines outlive the daemon, its configuration and the VM's devices."""
import json
import os
import signal
from pathlib import Path

import pytest

from support import abi
from support.fake_device import FakeDevice
from support.operations import nop
from support.wait import PATIENCE, wait_connection, wait_for

OK = abi.VGPU_STUB_ERR_NONE
UUID = "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab"
QUARANTINED = abi.VGPU_STUB_ERR_VM_QUARANTINED
BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def serve(start, sockets, state, admin):
    """serve(*args): a daemon, in place of the one before."""
    return lambda *args: start("--socket-dir", sockets, "--state-dir", state,
                               "--admin-socket", admin, *args)


def ask(peer):
    """The status with which a NOP is answered."""
    answer, = peer.ask(nop())
    return answer.status


def left(ctl):
    """{VM: seconds of quarantine that are left}"""
    return {vm["vm"]: vm["quarantined_s"]
            for vm in json.loads(ctl("vms", "--json"))}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart(serve, sockets, ctl, how):
    names = ["7", "8", "9", 'a "b"\\\n\t', "größe"]
    devices = [FakeDevice(sockets / f"{name}-0.sock") for name in names]
    daemon = serve()
    peers = [device.greet() for device in devices]
    ctl("quarantine", names[0])
    ctl("quarantine", names[1], "3600")
    ctl("quarantine", names[2])
    ctl("quarantine", names[3])
    ctl("release", names[2])
    assert [ask(peer) for peer in peers] == [
        QUARANTINED, QUARANTINED, OK, QUARANTINED, OK]
    daemon.process.send_signal(how)
    daemon.process.wait(timeout=PATIENCE)
    again = serve()
    peers = [device.greet() for device in devices]
    assert [ask(peer) for peer in peers] == [
        QUARANTINED, QUARANTINED, OK, QUARANTINED, OK]
    rest = left(ctl)
    assert 0 < rest.pop(names[1]) <= 3600
    assert rest == {names[0]: -1, names[2]: 0, names[3]: -1, names[4]: 0}
    ctl("release", names[0])
    assert again.stop() == 0
    serve()
    assert ask(devices[0].greet()) == OK


def test_reload(serve, sockets, ctl, tmp_path):
    config = tmp_path / "conf"
    config.write_text("")
    device = FakeDevice(sockets / "7-0.sock")
    serve("--config", config)
    peer = device.greet()
    ctl("quarantine", "7")
    config.write_text("[vm]\nquarantine-s=1\n")
    ctl("reload")
    assert ask(peer) == QUARANTINED


def leave(peer, device, how):
    """As a QEMU does that ends, or one that is killed"""
    peer.close()
    if how == "removed":
        device.remove()
    else:
        device.close()


@pytest.mark.parametrize("how", ["removed", "left behind"])
def test_reboots(serve, sockets, ctl, how):
    """The VM has another domain then; it can be lifted meanwhile."""
    vms = [UUID, "0" + UUID[1:], "web"]
    names = [f"{vms[0]}.7", f"{vms[1]}.8", "web"]
    daemon = serve()
    for name in names:
        device = FakeDevice(sockets / f"{name}-0.sock")
        peer = device.greet()
        ctl("quarantine", name.partition(".")[0])
        assert ask(peer) == QUARANTINED
        leave(peer, device, how)
    wait_for(lambda: left(ctl) == {}, "end of the VMs")
    ctl("release", vms[1][:20])
    assert "no VM is called" in ctl.fails("release", vms[1])
    for restart in False, True:
        if restart:
            assert daemon.stop() == 0
            serve()
        for name, status in ((f"{vms[0]}.9", QUARANTINED), (f"{vms[1]}.10", OK),
                             ("web", QUARANTINED)):
            path = sockets / f"{name}-{restart + 1}.sock"
            assert ask(FakeDevice(path).greet()) == status


@pytest.mark.parametrize("how", ["removed", "left behind"])
@pytest.mark.parametrize("while_running", [True, False])
def test_a_stranger_inherits_nothing(serve, sockets, ctl, state, admin, how,
                                     while_running):
    """Where a VM is known by its domid alone, that of another VM follows."""
    daemon = serve()
    device = FakeDevice(sockets / "7-0.sock")
    peer = device.greet()
    ctl("set", "7", "weight", "7")
    ctl("quarantine", "7")
    if not while_running:
        assert daemon.stop() == 0
    leave(peer, device, how)
    if while_running:
        wait_for(lambda: left(ctl) == {}, "end of the VM")
    else:
        serve()
        wait_connection(admin).close()
        assert left(ctl) == {}
    wait_for(lambda: "\t7" not in (state / "quarantines").read_text(),
             "an empty list")
    stranger = FakeDevice(sockets / "7-1.sock").greet()
    assert ask(stranger) == OK
    vm, = json.loads(ctl("vms", "--json"))
    assert (vm["vm"], vm["weight"]) == ("7", 100)


@pytest.mark.parametrize("text, warning", [
    ("", ": not a list of quarantines, ignored"),
    ("garbage\n", ": not a list of quarantines, ignored"),
    ("vgpu-mediatord quarantines 2\n" + BOOT_ID + "\nnever\t7\n",
     ": not a list of quarantines, ignored"),
    ("vgpu-mediatord quarantines 1\n", ": not a list of quarantines, ignored"),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID + "\nnever\t7",
     ": not a list of quarantines, ignored"),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID + "\nnever\t7\0\n",
     ": not a list of quarantines, ignored"),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID + "\nnever\t7\nsoon\t8\n",
     ":4: not a quarantine; the list is ignored"),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID + "\nnever 7\n",
     ":3: not a quarantine; the list is ignored"),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID + "\nnever\t\n",
     ":3: not a quarantine; the list is ignored"),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID + "\n-1\t7\n",
     ":3: not a quarantine; the list is ignored"),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID +
     "\n99999999999999999999\t7\n",
     ":3: not a quarantine; the list is ignored"),
    # Of an earlier start of the host, or over: nothing is wrong.
    ("vgpu-mediatord quarantines 1\nanother boot\nnever\t7\n", None),
    ("vgpu-mediatord quarantines 1\n" + BOOT_ID + "\n1\t7\n", None),
])
def test_files_that_quarantine_nobody(serve, sockets, state, ctl, text,
                                      warning):
    (state / "quarantines").write_text(text)
    device = FakeDevice(sockets / "7-0.sock")
    daemon = serve()
    peer = device.greet()
    assert ask(peer) == OK
    warnings = [line for line in daemon.log() if ": warning: " in line]
    assert warnings == ([f"vgpu-mediatord: warning: {state}/quarantines"
                         + warning] if warning else [])
    # And the next quarantine makes a good one of it.
    ctl("quarantine", "7")
    assert daemon.stop() == 0
    serve()
    assert ask(device.greet()) == QUARANTINED


def test_the_directory_is_missing(start, sockets, state, admin, ctl):
    device = FakeDevice(sockets / "7-0.sock")
    daemon = start("--socket-dir", sockets, "--admin-socket", admin,
                   "--state-dir", state / "missing")
    peer = device.greet()
    reason = ctl.fails("quarantine", "7")
    assert reason.startswith("vgpu-ctl: it was done, but quarantines will not "
                             "be kept over a restart: ")
    assert "No such file or directory" in reason
    assert ask(peer) == QUARANTINED
    line, = daemon.wait_log("warning")
    assert "quarantines will not be kept over a restart: " in line
    assert ctl.fails("release", "7").startswith("vgpu-ctl: it was done, but ")
    assert ask(peer) == OK


@pytest.mark.parametrize("make", [
    os.mkfifo, lambda path: path.symlink_to("elsewhere")])
def test_what_is_not_a_file_is_left_alone(serve, sockets, state, ctl, make):
    """The daemon does not wait for it either."""
    path = state / "quarantines"
    make(path)
    before = path.lstat()
    device = FakeDevice(sockets / "7-0.sock")
    daemon = serve()
    peer = device.greet()
    assert "is not a regular file" in ctl.fails("quarantine", "7")
    assert ask(peer) == QUARANTINED
    daemon.wait_log("will not be kept")
    assert [line for line in daemon.log() if ": warning: " in line] == [
        f"vgpu-mediatord: warning: {what}{path} is not a regular file"
        for what in ("", "quarantines will not be kept over a restart: ")]
    assert (path.lstat().st_ino, path.lstat().st_mode) == (
        before.st_ino, before.st_mode)
    assert [entry.name for entry in state.iterdir()] == ["quarantines"]
