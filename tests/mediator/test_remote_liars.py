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
TIMEOUT = abi.VGPU_STUB_ERR_TIMEOUT
SYNCHRONIZE = operations.synchronize()
LIMITS, DATA, HELD, GRANT, OWNER = 0x100, 0x103, 0x101, 0x102, 0x105
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
        daemon.reload = lambda change: reload(daemon, change)
        with FakeDevice(folder / "sockets/8-0.sock").greet(pool=0x42) as good:
            daemon.good = good
            yield daemon


def reload(daemon, change):
    """Change the text of its configuration, and have it read that."""
    def loaded():
        return len([line for line in daemon.log()
                    if line.endswith(": loaded")])
    before = loaded()
    config = daemon.folder / "mediatord.conf"
    config.write_text(change(config.read_text()))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: loaded() > before, "reload")


@pytest.fixture
def liar(host):
    """liar(lie): a link of a VM whose gate has this one"""
    links = []
    # That there were failures before is forgotten then.
    host.reload(lambda text: text.partition("faults=1\n")[0] + "faults=1\n")

    def make(lie, vm=7):
        (host.folder / "gate/lie").write_text(lie)
        (host.folder / "gate/go").unlink(missing_ok=True)
        device = FakeQueueDevice(
            host.folder / f"sockets/{vm}-{next(host.numbers)}.sock")
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


def outcomes(link, sent):
    """The statuses of what was sent, each of which has one, and of the refusal
    of the context that comes with one that is not NONE"""
    statuses = {}
    refused = []
    while len(statuses) < len(sent) or \
            (any(statuses.values()) and not refused):
        message = link.receive()
        if message.type == abi.VGPU_STUB_MSG_REFUSED:
            refused.append(message.status)
        else:
            answer = link.take(message)
            assert answer.sequence not in statuses
            statuses[answer.sequence] = answer.status
    return [statuses[sequence] for sequence in sent], refused


@pytest.mark.parametrize("lie", [*LIES, *ANSWERS])
def test_an_answer(liar, lie):
    link = liar(lie)
    context = link.open()
    sent = [context.send(SYNCHRONIZE) for _ in range(2)]
    assert outcomes(link, sent) == ([BROKEN, LOST], [LOST])


def test_lies_among_answers(host, liar):
    """What is valid gets through, whatever time it says that it took."""
    link = liar("sometimes")
    valid, lost = 0, 0
    for number in range(12):
        (host.folder / "gate/lie").write_text(f"sometimes {number}")
        context = link.open()
        sent = [context.send(SYNCHRONIZE) for _ in range(8)]
        statuses, refused = outcomes(link, sent)
        good = statuses.index(BROKEN) if refused else len(sent)
        assert statuses == [NONE] * good + [BROKEN][:len(refused)] + \
            [LOST] * (len(sent) - good - 1)
        assert context.close() == []
        valid, lost = valid + good, lost + len(refused)
    assert valid > 4 * lost > 0


def test_a_flood_is_its_own(liar):
    """What it writes is its own VM's arena."""
    link = liar("floods")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE


BULK = operations.copy(abi.VGPU_STUB_COPY_TO_DEVICE, 1 << 20, 1)


def test_an_answer_to_what_has_not_come(liar):
    context = liar("is hasty").open()
    sent = [context.send(BULK, bulk=bytes(1 << 20))]
    assert outcomes(context.link, sent) == ([BROKEN], [LOST])


@pytest.mark.parametrize("bulk, blamed", [(1 << 20, False), (0, True)])
def test_whom_a_late_request_is_blamed_on(host, liar, bulk, blamed):
    """As long as its bytes are on their way, that is not the VM."""
    host.reload(lambda text: text + "deadline-ms=500\n")
    link = liar("is mute", vm=9)
    context = link.open()
    sent = [context.send(BULK, bulk=bytes(bulk)) if bulk
            else context.send(SYNCHRONIZE)]
    assert outcomes(link, sent) == ([TIMEOUT], [LOST])
    number = link.start_open()
    if blamed:
        assert link.refused(number) == abi.VGPU_STUB_ERR_VM_QUARANTINED
    else:
        assert link.opened(number).close() == []


@pytest.mark.parametrize("way", ["there", "back"])
def test_bytes_on_their_way_hold_up_nobody(host, liar, way):
    """The pool executes the requests of one VM at a time; those of another VM
    that never get there, or never come back, take none of its time."""
    link = liar("waits" if way == "there" else "returns")
    context = link.open()
    if way == "there":
        assert context.ask(SYNCHRONIZE).status == NONE
        sent = [context.send(BULK, bulk=bytes(1 << 20)) for _ in range(2)]
    else:
        sent = [context.send(SYNCHRONIZE)]
    assert liar("", vm=8).open().ask(SYNCHRONIZE).status == NONE
    (host.folder / "gate/go").touch()
    assert [answer.sequence for answer in link.answers(len(sent))] == sent


def test_limits_wait_for_their_turn(host, liar):
    """They are for the requests that follow them, at a gate that reads late."""
    link = liar("waits")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    sent = [context.send(BULK, bulk=bytes(1 << 20)) for _ in range(2)]
    # What was sent is taken before the daemon is told to read.
    link.send(Message(abi.VGPU_STUB_MSG_PING))
    link.expect(abi.VGPU_STUB_MSG_PONG)
    host.reload(lambda text: text + "memory-mib=7\n")
    sent.append(context.send(SYNCHRONIZE))
    (host.folder / "gate/go").touch()
    assert [answer.sequence for answer in link.answers(3)] == sent
    said = [int(line) for line in
            (host.folder / "gate/record").read_text().split()]
    request = abi.VGPU_STUB_MSG_QREQUEST
    assert [kind for kind in said if kind in (LIMITS, request)] == [
        LIMITS, request, request, request, LIMITS, request]


# --- A mediator that lies to a gate, which has to leave nothing ---

def qrequest(place=0, length=32, capacity=4096, bulk=0, flags=0, number=1):
    return Message(abi.VGPU_STUB_MSG_QREQUEST, wire.QREQUEST.pack(
        1, 0, place, length, capacity, bulk, flags), number)


FOR_VM = Message(OWNER, struct.pack("<Q", 1) + b"7")
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
    "an owner without a name": [Message(OWNER, bytes(8))],
    "an owner of too much": [Message(OWNER, bytes(8) + b"x" * 201)],
    "two owners": [FOR_VM, FOR_VM],
    "an owner of what has begun": [*GOOD, FOR_VM],
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
