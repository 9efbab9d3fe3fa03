# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of a stream against another one that lies in every frame."""
import itertools
import signal
import struct
import subprocess

import pytest

from support import abi, operations, wire
from support.fake_device import FakeDevice
from support.fake_queue_device import FakeQueueDevice
from support.lying_gate import ANSWERS, HELLOS, LIES
from support.mediatord import Mediatord
from support.paths import BUILD, ROOT
from support.remote import local_launcher
from support.wait import wait_for
from support.wire import Message

NONE = abi.VGPU_STUB_ERR_NONE
BROKEN = abi.VGPU_STUB_ERR_BACKEND_ERROR
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
SYNCHRONIZE = operations.synchronize()
LIMITS, DATA, HELD, GRANT = 0x100, 0x103, 0x101, 0x102
ARENA = wire.ARENA.pack(1, abi.VGPU_STUB_ARENA_LARGE, 0, 1, 0, 0)


@pytest.fixture(scope="module")
def host(mediatord_bin, tmp_path_factory):
    """A daemon whose pool A is a liar's and whose pool B is not"""
    folder = tmp_path_factory.mktemp("liar")
    (folder / "gate").mkdir()
    (folder / "gate/vgpu-gate").symlink_to(ROOT / "tests/support/lying_gate.py")
    (folder / "sockets").mkdir()
    (folder / "mediatord.conf").write_text(
        f"[pool A]\nspares=0\nlauncher=env PATH={folder}/gate:/usr/bin:/bin\n"
        # Nothing of it is the VM's fault.
        "[vm]\nfaults=1\n")
    with Mediatord(mediatord_bin, folder / "log", "--socket-dir",
                   folder / "sockets", "--config",
                   folder / "mediatord.conf") as daemon:
        daemon.folder = folder
        daemon.numbers = itertools.count()
        with FakeDevice(folder / "sockets/8-0.sock").greet(pool=0x42) as good:
            daemon.good = good
            yield daemon


@pytest.fixture
def liar(host):
    """liar(lie): a link of a VM whose gate has this one"""
    links = []
    # That there were failures before is forgotten then.
    loaded = len([line for line in host.log() if line.endswith(": loaded")])
    host.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len([line for line in host.log()
                          if line.endswith(": loaded")]) > loaded, "reload")

    def make(lie):
        (host.folder / "gate/lie").write_text(lie)
        device = FakeQueueDevice(
            host.folder / f"sockets/7-{next(host.numbers)}.sock")
        links.extend([device, device.greet()])
        return links[-1]

    yield make
    for link in reversed(links):
        link.close()
    # It serves others as if nothing had been.
    host.good.send(Message(abi.VGPU_STUB_MSG_REQUEST, SYNCHRONIZE, 9, 9))
    assert host.good.expect(abi.VGPU_STUB_MSG_RESPONSE).status == NONE


@pytest.mark.parametrize("lie", HELLOS)
def test_a_greeting(host, liar, lie):
    link = liar(lie)
    before = host.log()
    assert link.refused(link.start_open()) == BROKEN
    wait_for(lambda: any("killed, it sent" in line
                         for line in host.log()[len(before):]), "the reason")


@pytest.mark.parametrize("lie", [*LIES, *ANSWERS])
def test_an_answer(liar, lie):
    link = liar(lie)
    context = link.open()
    sent = [context.send(SYNCHRONIZE) for _ in range(2)]
    statuses = {}
    refused = []
    while len(statuses) < 2 or not refused:
        message = link.receive()
        if message.type == abi.VGPU_STUB_MSG_REFUSED:
            refused.append(message.status)
        else:
            answer = link.take(message)
            assert statuses.setdefault(answer.sequence,
                                       answer.status) == answer.status
    assert statuses == dict(zip(sent, (BROKEN, LOST))) and refused == [LOST]


def test_a_flood_is_its_own(liar):
    """What it writes is its own VM's arena."""
    link = liar("floods")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE


# --- A mediator that lies to a gate, which has to leave nothing ---

def qrequest(place=0, length=32, capacity=4096, bulk=0, flags=0, number=1):
    return Message(abi.VGPU_STUB_MSG_QREQUEST, wire.QREQUEST.pack(
        1, 0, place, length, capacity, bulk, flags), number)


GOOD = [Message(LIMITS, struct.pack("<2QII", 1 << 20, 0, 0, 0)),
        Message(abi.VGPU_STUB_MSG_ARENA, ARENA)]
ORDERS = {
    "garbage": [b"\xff" * 4096],
    "a qrequest without an arena": [qrequest()],
    "data without an arena": [Message(DATA, bytes(16))],
    "two arenas": [*GOOD, GOOD[1]],
    "an arena of too much": [Message(abi.VGPU_STUB_MSG_ARENA, wire.ARENA.pack(
        1, 0, 1 << 31, 1 << 31, 0, 0))],
    "an arena of nothing": [Message(abi.VGPU_STUB_MSG_ARENA, bytes(32))],
    "data beyond": [*GOOD, Message(DATA, struct.pack("<Q", 1 << 63) + b"x")],
    "a place that is none": [*GOOD, qrequest(place=1)],
    "a request of too much": [*GOOD, qrequest(length=65537)],
    "room of too much": [*GOOD, qrequest(capacity=65537)],
    "bulk of too much": [*GOOD, qrequest(bulk=(1 << 20) + 1, flags=1)],
    "bulk in both directions": [*GOOD, qrequest(bulk=1, flags=3)],
    "another number": [*GOOD, qrequest(number=2)],
    "a mailbox's request": [*GOOD, Message(abi.VGPU_STUB_MSG_REQUEST,
                                           SYNCHRONIZE, 1)],
    "an empty request": [GOOD[0], Message(abi.VGPU_STUB_MSG_REQUEST, b"", 1)],
    "short limits": [Message(LIMITS, b"1234")],
    "a short grant": [Message(GRANT, b"1234")],
    "a gate's word": [Message(HELD, bytes(16))],
}


@pytest.mark.parametrize("what", ORDERS)
def test_an_order(what):
    built = BUILD / "mediator-sanitizers"
    with subprocess.Popen(
            [built / "vgpu-gate", "--backend=cpu", "--worker",
             built / "vgpu-worker", "--starter", built / "vgpu-starter",
             "--kernels", BUILD / "kernels"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as gate:
        assert len(gate.stdout.read(wire.HEADER.size + 72)) > 72
        gate.stdin.write(b"".join(
            order if isinstance(order, bytes) else order.encode()
            for order in ORDERS[what]))
        gate.stdin.flush()
        said = gate.stderr.read().decode()
        assert gate.wait(20) == 1
        assert said.startswith("vgpu-gate: ") and said.count("\n") == 1, said
