# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of VMs by the queue: each has a worker, whatever that does."""
import json
import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from support import abi, operations
from support.fake_device import FakeDevice
from support.context_memory import alloc, read, write
from support.fake_queue_device import FakeQueueDevice
from support.fake_worker import behave
from support.paths import BUILD, ROOT
from support.wait import wait_for

NONE = abi.VGPU_STUB_ERR_NONE
BROKEN = abi.VGPU_STUB_ERR_BACKEND_ERROR
FULL = abi.VGPU_STUB_ERR_QUEUE_FULL
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
HANDLE = abi.VGPU_STUB_ERR_INVALID_HANDLE
MEMORY = abi.VGPU_STUB_ERR_OUT_OF_MEMORY
MIB = 1 << 20
SYNCHRONIZE = operations.call(abi.VGPU_STUB_OP_SYNCHRONIZE)


@pytest.fixture
def connect(start, tmp_path, sockets):
    """connect(config): the link of a device with a queue, of VM 7"""
    worker = BUILD / "mediator/vgpu-worker"
    daemon = None

    def make(config="", number=0, behaviour=None):
        nonlocal daemon, worker
        if behaviour is not None:
            worker = tmp_path / "fake-worker"
            if not worker.exists():
                worker.symlink_to(ROOT / "tests/support/fake_worker.py")
            behave(tmp_path, behaviour)
        if daemon is None:
            (tmp_path / "mediatord.conf").write_text(config)
            daemon = start("--socket-dir", sockets, "--config",
                           tmp_path / "mediatord.conf", "--admin-socket",
                           tmp_path / "admin", worker=worker)
        link = FakeQueueDevice(sockets / f"7-{number}.sock").greet()
        link.daemon = daemon
        link.behave = partial(behave, tmp_path)
        return link

    return make


def test_each_has_its_own(connect):
    link = connect()
    one, other = link.open(), link.open()
    data = os.urandom(MIB)
    status, handle = alloc(one, MIB)
    assert status == NONE
    assert write(one, handle, data).status == NONE
    assert read(one, handle, MIB).bulk == data
    assert read(other, handle, 1).status == HANDLE
    assert len(link.daemon.workers()) >= 2
    assert one.close() == []
    assert other.ask(SYNCHRONIZE).status == NONE


def test_one_sum_for_all_of_a_vm(connect):
    link = connect("[vm]\nmemory-mib=1\n")
    one, other = link.open(), link.open()
    assert alloc(one, MIB - 4096)[0] == NONE
    assert alloc(other, 4097)[0] == MEMORY
    assert alloc(other, 1)[0] == NONE
    assert alloc(one, 1)[0] == MEMORY
    assert one.close() == []
    assert alloc(other, MIB - 4096)[0] == NONE
    assert alloc(other, 1)[0] == MEMORY


@pytest.mark.parametrize("how", [
    "more than the room", "less than a header", "more bulk than there is",
    "no such status", "an answer of a mailbox", "the next request's answer",
    "greets again", "gives an arena", "requests",
])
def test_a_worker_that_lies(connect, how):
    link = connect("[pool A]\nspares=0\n", behaviour="")
    healthy = link.open()
    assert healthy.ask(SYNCHRONIZE).status == NONE
    link.behave(how)
    context = link.open()
    first, second = [context.send(SYNCHRONIZE) for _ in range(2)]
    ended = {}
    refused = []
    while len(ended) < 2 or not refused:
        message = link.receive()
        if message.type == abi.VGPU_STUB_MSG_REFUSED:
            refused.append(message.status)
        else:
            answer = link.take(message)
            ended[answer.sequence] = answer.status
    assert ended == {first: BROKEN, second: LOST} and refused == [LOST]
    assert context.close() == []
    assert healthy.ask(SYNCHRONIZE).status == NONE
    link.daemon.wait_log("its worker .* was lost: killed, it sent")


@pytest.mark.parametrize("how", ["cuts its memory", "gives descriptors"])
def test_a_worker_that_cannot_harm(connect, how):
    """It cannot cut off memory that others have, nor give them files."""
    link = connect("[pool A]\nspares=0\n", behaviour="")
    link.behave(how)
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    folder = f"/proc/{link.daemon.process.pid}/fd"
    before = len(os.listdir(folder))
    assert context.ask(SYNCHRONIZE).status == NONE
    assert len(os.listdir(folder)) < before + 100


def test_a_worker_that_asks_without_end(connect):
    """For memory, until its deadline; others are served meanwhile."""
    link = connect("[pool A]\nspares=0\n[vm]\ndeadline-ms=10000\n",
                   behaviour="")
    healthy = link.open()
    assert healthy.ask(SYNCHRONIZE).status == NONE
    link.behave("asks without end")
    context = link.open()
    context.send(SYNCHRONIZE)
    statuses = {link.receive().status, link.receive().status}
    assert statuses == {abi.VGPU_STUB_ERR_TIMEOUT, LOST}
    assert healthy.ask(SYNCHRONIZE).status == NONE


def test_a_worker_that_scribbles(connect):
    """Its program gets garbage, nobody else notices."""
    link = connect("[pool A]\nspares=0\n", behaviour="")
    healthy = link.open()
    assert healthy.ask(SYNCHRONIZE).status == NONE
    link.behave("scribbles")
    context = link.open()
    for _ in range(5):
        context.link.send(context.request(SYNCHRONIZE))
        message = link.expect(abi.VGPU_STUB_MSG_QRESPONSE)
        assert message.status == NONE
        place = context.places.pop(message.sequence)
        context.small.add(place.number)
    assert healthy.ask(SYNCHRONIZE).status == NONE


def test_memory_of_a_worker_that_stays(connect, ctl):
    """As one does whose driver hangs in the kernel: others are refused what it
    has, and do not wait for it. Here nobody reaps it."""
    link = connect("[vm]\nmemory-mib=1\n")
    one, other = link.open(), link.open()
    assert alloc(one, MIB)[0] == NONE
    [pid] = [worker["pid"] for worker in json.loads(ctl("workers", "--json"))
             if worker["memory"] == "yes"]
    starter = int(Path(f"/proc/{pid}/stat").read_text().split(")")[1]
                  .split()[1])
    os.kill(starter, signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        assert link.expect(abi.VGPU_STUB_MSG_REFUSED).status == LOST
        assert alloc(other, MIB)[0] == MEMORY
        sequence = other.send(operations.alloc(MIB))
        assert link.answer().sequence == sequence
    finally:
        os.kill(starter, signal.SIGCONT)
    one.close()
    assert alloc(other, MIB)[0] == NONE


def test_what_is_refused(connect):
    link = connect("[vm]\ncontexts=2\n")
    one, other = link.open(), link.open()
    assert link.refused(link.start_open()) == FULL
    assert one.close() == []
    again = link.open()
    for context in again, other:
        assert context.ask(SYNCHRONIZE).status == NONE


def test_what_is_refused_takes_nothing(connect, sockets):
    """Not from other VMs; what has lost its worker counts, too."""
    link = connect("[queue]\narena-mib=14\n[pool A]\nspares=0\n"
                   "[vm]\ncontexts=2\n")
    neighbour = FakeQueueDevice(sockets / "8-0.sock").greet()
    refused = [link.start_open() for _ in range(10)]
    seen = [link.receive().type for _ in refused]
    assert seen.count(abi.VGPU_STUB_MSG_ARENA) == 2
    for worker in link.daemon.workers():
        os.kill(worker, signal.SIGKILL)
    for _ in range(2):
        assert link.expect(abi.VGPU_STUB_MSG_REFUSED).status == LOST
    assert link.refused(link.start_open()) == FULL
    for context in [neighbour.open() for _ in range(2)]:
        assert context.ask(SYNCHRONIZE).status == NONE


def test_more_vms_than_places(connect, sockets):
    """Mailboxes are served, and as many programs as there is room for."""
    link = connect("[pool A]\nworkers=2\nspares=0\n")
    others = [FakeQueueDevice(sockets / f"{vm}-0.sock").greet()
              for vm in (8, 9)]
    mailboxes = [FakeDevice(sockets / f"{vm}-0.sock").greet()
                 for vm in (20, 21, 22)]
    for mailbox in mailboxes:
        answer, = mailbox.ask(SYNCHRONIZE)
        assert answer.status == NONE
    for queue in link, others[0]:
        assert queue.open().ask(SYNCHRONIZE).status == NONE
    assert others[1].refused(others[1].start_open()) == FULL


def test_nobody_makes_room(connect, sockets):
    """A program is refused, it does not wait for ever."""
    connect("[pool A]\nworkers=1\nspares=0\n").close()
    other = FakeDevice(sockets / "8-0.sock").greet()
    answer, = other.ask(operations.alloc(4096))
    assert answer.status == NONE
    link = connect(number=1)
    assert link.refused(link.start_open()) == FULL
    free_all = operations.call(abi.VGPU_STUB_OP_MEMORY_FREE_ALL)
    answer, = other.ask(free_all)
    assert answer.status == NONE
    assert link.open().ask(SYNCHRONIZE).status == NONE


def test_a_worker_is_killed(connect):
    """One program's is none of the others'."""
    link = connect("[pool A]\nspares=0\n")
    one = link.open()
    victim, = link.daemon.workers()
    other = link.open()
    assert other.ask(SYNCHRONIZE).status == NONE
    os.kill(victim, signal.SIGKILL)
    assert link.refused(one.number) == LOST
    assert other.ask(SYNCHRONIZE).status == NONE
    assert one.close() == []
    assert link.open().ask(SYNCHRONIZE).status == NONE


def test_a_program_that_is_interrupted(connect, ctl):
    """To end in the middle of something long is no fault of its VM."""
    link = connect("[vm]\nfaults=1\n[pool A]\nspares=0\n",
                   behaviour="never answers")
    context = link.open()
    context.send(SYNCHRONIZE)
    wait_for(lambda: json.loads(ctl("workers", "--json"))[0]["state"] == "busy",
             "the request at the worker")
    time.sleep(1.2)         # more than a stopped request may run on
    status, = [answer.status for answer in context.close()]
    assert status == abi.VGPU_STUB_ERR_CANCELLED
    vm, = json.loads(ctl("vms", "--json"))
    assert not vm["quarantined_s"]


def test_spares(connect, ctl):
    link = connect("[pool A]\nspares=2\n")

    def spares():
        return sum(worker["state"] == "spare"
                   for worker in json.loads(ctl("workers", "--json")))

    wait_for(lambda: spares() == 2, "spares")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    wait_for(lambda: spares() == 2, "another spare")
    assert len(link.daemon.workers()) == 3
    link.close()
    wait_for(lambda: not link.daemon.workers(), "end of the workers")


def test_the_first_spares(connect, ctl, tmp_path):
    """Only one that was taken is missed for a while."""
    link = connect("[pool A]\nspares=2\n")

    def spares():
        return [worker for worker in json.loads(ctl("workers", "--json"))
                if worker["context"] == 0 and worker["state"] != "leaving"]

    assert len(wait_for(spares, "spares")) == 2
    (tmp_path / "mediatord.conf").write_text("[pool A]\nspares=3\n")
    ctl("reload")
    wait_for(lambda: "trying" not in ctl("status"), "attempt of the pool")
    assert len(spares()) == 3
    assert link.open().ask(SYNCHRONIZE).status == NONE


def test_arenas_that_a_device_keeps(connect, ctl):
    """They are contexts of its VM and count as memory until it lets go."""
    link = connect("[vm]\ncontexts=3\n[queue]\narena-mib=28\n")
    kept = []
    for _ in range(3):
        context = link.open()
        handle = alloc(context, MIB)[1]
        assert write(context, handle, bytes(MIB)).status == NONE
        kept.append(os.dup(context.arena.fd))
        context.close()
    assert link.refused(link.start_open()) == FULL
    one = os.fstat(kept[0]).st_size

    def counted():
        return json.loads(ctl("status", "--json"))[0]["arena_mib"]
    assert counted() == 3 * one >> 20
    # Nor does it help to come again.
    link.close()
    link = connect(number=1)
    assert link.refused(link.start_open()) == FULL
    os.close(kept.pop())
    assert counted() == 2 * one >> 20
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    assert context.close() == []
    for fd in kept:
        os.close(fd)
    assert counted() == 0
