# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs launchers, and what has a gate's workers started, as services: each
connection has a starter of its own, as systemd's units have it."""
import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import abi, operations
from support.fake_queue_device import FakeQueueDevice
from support.paths import BUILD
from support.processes import children, wait_gone
from support.remote import local_launcher, named, offspring
from support.wait import wait_for

BUILT = BUILD / "mediator-sanitizers"
NONE = abi.VGPU_STUB_ERR_NONE
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
SYNCHRONIZE = operations.synchronize()
ACCEPTS = "00010000"            # __SO_ACCEPTCON, of include/linux/net.h
FIRST = 1900400000
UIDS = 8


def listens(path):
    """Whether somebody does; without a connection, which would be served"""
    return any(line.split()[3] == ACCEPTS and line.endswith(f" {path}")
               for line in Path("/proc/net/unix").read_text().splitlines())


@pytest.fixture
def service():
    """service(path, *options): a starter for each who connects to the path"""
    with ExitStack() as running:
        def make(path, *options):
            process = running.enter_context(subprocess.Popen(
                ["systemd-socket-activate", "--seqpacket", "--accept",
                 "--inetd", f"--listen={path}", BUILT / "vgpu-starter",
                 *options], stderr=subprocess.DEVNULL))
            running.callback(process.terminate)
            wait_for(lambda: listens(path), "socket")
            return process
        yield make


@pytest.fixture
def serve(start, tmp_path, sockets):
    """serve(launcher, *options): the link of a device with a queue"""
    with ExitStack() as links:
        def make(launcher, *options):
            config = tmp_path / "mediatord.conf"
            config.write_text(f"[pool A]\nspares=0\nlauncher={launcher}\n"
                              "[vm]\nfaults=1\n")
            daemon = start("--socket-dir", sockets, "--config", config,
                           *options)
            link = links.enter_context(
                FakeQueueDevice(sockets / "7-0.sock").greet())
            link.daemon = daemon
            return link
        yield make


def test_launchers(service, serve, tmp_path):
    """The daemon starts none itself; what has started them is replaced."""
    path = tmp_path / "launchers"
    launchers = service(path, f"--launchers={tmp_path}/mediatord.conf")
    link = serve(local_launcher(tmp_path / "far"), "--launcher-socket", path)
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    assert named(offspring(link.daemon.process.pid), "vgpu-gate") == []
    [gate] = named(offspring(launchers.pid), "vgpu-gate")
    [starter] = children(launchers.pid)
    os.kill(starter, signal.SIGKILL)
    assert link.refused(context.number) == LOST
    wait_gone(gate)
    assert context.close() == []
    assert link.open().ask(SYNCHRONIZE).status == NONE


# What a gate is run in, as docs/remote.md has it
AROUND = {
    "a job": "bwrap --unshare-pid --unshare-ipc --unshare-uts "
             "--die-with-parent --dev-bind / / --proc /proc",
    "a pod": "setpriv --reuid=1000 --regid=1000 --clear-groups "
             "--no-new-privs --bounding-set=-all --inh-caps=-all",
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")
@pytest.mark.parametrize("what", AROUND)
def test_within(serve, open_folder, what):
    launcher = local_launcher(open_folder() / "far", built=BUILD / "mediator")
    link = serve(f"{AROUND[what]} {launcher}")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    workers = named(offspring(link.daemon.process.pid), "vgpu-worker")
    assert len(workers) == 1
    assert context.close() == []
    wait_gone(*workers)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has uids")
def test_a_gates_workers(service, serve, tmp_path, open_folder):
    """Each has a uid of its own, and is gone with its gate."""
    path, root = tmp_path / "starters", open_folder() / "root"
    root.mkdir()
    subprocess.run([BUILT / "vgpu-gate", "--prepare=nobody",
                    f"--root={root}"], check=True)
    service(path, f"--worker={BUILT}/vgpu-worker", f"--scratch={root}/work",
            f"--uids={FIRST}-{FIRST + UIDS}", "--shared")
    link = serve(local_launcher(
        tmp_path / "far", "--starter-socket", path, "--root", root))
    contexts = [link.open(), link.open()]
    for context in contexts:
        assert context.ask(SYNCHRONIZE).status == NONE
    # What empties the folder of one before has its uid.
    pids = wait_for(lambda: [found for found in [workers_uids()]
                             if len(found) == 2], "two processes")[0]
    assert len({owner(pid) for pid in pids}) == 2
    for gate in named(offspring(link.daemon.process.pid), "vgpu-gate"):
        os.kill(gate, signal.SIGKILL)
    assert {link.expect(abi.VGPU_STUB_MSG_REFUSED).status
            for _ in contexts} == {LOST}
    wait_gone(*pids)


def workers_uids():
    """The pids of those that have one of the workers' uids"""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
            if owner(pid) in range(FIRST, FIRST + UIDS)]


def owner(pid):
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except FileNotFoundError:
        return None
