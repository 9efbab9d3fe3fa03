# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers on another host by OpenSSH: a real sshd, in a network namespace."""
import collections
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from support import abi, operations
from support.context_memory import alloc, lose, read, write
from support.fake_queue_device import FakeQueueDevice
from support.processes import alive, wait_gone
from support.remote import named, offspring
from support.sshd import FarHost
from support.wait import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make network namespaces")

NONE = abi.VGPU_STUB_ERR_NONE
BROKEN = abi.VGPU_STUB_ERR_BACKEND_ERROR
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
MIB = 1 << 20
UNKNOWN = abi.VGPU_STUB_ERR_INVALID_HANDLE
SYNCHRONIZE = operations.synchronize()
# To memory that there is not; it is on its way all the same.
BULK = operations.copy(abi.VGPU_STUB_COPY_TO_DEVICE, MIB, 1)


@pytest.fixture
def host(tmp_path):
    host = FarHost(tmp_path / "gpu1")
    yield host
    host.close()


@pytest.fixture
def connect(start, host, tmp_path, sockets, admin):
    """connect(config): the link of a device with a queue, of VM 7"""
    daemon = None

    def make(config="", vm=7, number=0):
        nonlocal daemon
        if daemon is None:
            (tmp_path / "mediatord.conf").write_text(
                f"[pool A]\nlauncher={host.launcher}\n{config}")
            daemon = start("--socket-dir", sockets, "--config",
                           tmp_path / "mediatord.conf", "--admin-socket",
                           admin)
        link = FakeQueueDevice(sockets / f"{vm}-{number}.sock").greet()
        link.daemon = daemon
        link.sock.settimeout(PATIENCE)
        return link

    return make


def far(host, program):
    """The pids of those that run the program for a worker there"""
    return named(offspring(host.process.pid), program)


def test_bulk(connect):
    link = connect()
    context = link.open()
    data = os.urandom(MIB)
    status, handle = alloc(context, MIB)
    assert status == NONE
    assert write(context, handle, data).status == NONE
    assert read(context, handle, MIB).bulk == data
    assert context.close() == []


def kill_ssh(host, daemon):
    return named(offspring(daemon.process.pid), "ssh")


def kill_sshd(host, daemon):
    return [pid for pid, words in offspring(host.process.pid).items()
            if words[0].startswith("sshd:")]


@pytest.mark.parametrize("whom, guilty", [
    (kill_ssh, False), (kill_sshd, False),
    (lambda host, daemon: far(host, "vgpu-gate"), False),
    (lambda host, daemon: far(host, "vgpu-starter"), True),
    (lambda host, daemon: far(host, "vgpu-worker"), True)],
    ids=["ssh", "sshd", "gate", "starter", "worker"])
def test_one_on_the_way_is_killed(connect, host, whom, guilty, wait_busy):
    link = connect("spares=0\n")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [worker] = far(host, "vgpu-worker")
    os.kill(worker, signal.SIGSTOP)
    sent = [context.send(SYNCHRONIZE) for _ in range(3)]
    wait_busy()
    for pid in whom(host, link.daemon):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    answers = lose(link, sent)
    assert [answer.status for answer in answers] == [BROKEN, LOST, LOST]
    text = operations.results(answers[0].payload)[1].decode()
    assert ("broke" in text) == guilty
    [line] = link.daemon.wait_log("its worker .* was lost: ")
    why = line.partition(" was lost: ")[2]
    assert guilty or os.uname().nodename in why
    # Where what runs launchers stands still, it is told too late.
    assert f": {why}; " in text or ": how is not known; " in text
    wait_gone(worker)
    assert context.close() == []
    assert link.open().ask(SYNCHRONIZE).status == NONE


def test_the_mediator_is_killed(connect, host):
    link = connect()
    link.open()
    wait_for(lambda: len(far(host, "vgpu-worker")) == 2, "a spare")
    pids = [pid for pid in offspring(host.process.pid)]
    link.daemon.process.kill()
    link.daemon.process.wait()
    wait_gone(*pids)


def test_the_network_is_cut(connect, host):
    """Nobody is told; both ends find out, and what is healed works again."""
    link = connect("spares=0\n")
    busy, idle = link.open(), link.open()
    for context in busy, idle:
        assert context.ask(SYNCHRONIZE).status == NONE
    workers = far(host, "vgpu-worker")
    # The first is busy's; which of them it is does not matter.
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    host.cut()
    sent = busy.send(SYNCHRONIZE)
    ended = []
    while len(ended) < 3:
        message = link.receive()
        ended.append((message.type, message.status))
        if message.type == abi.VGPU_STUB_MSG_QRESPONSE:
            assert link.take(message).sequence == sent
    assert sorted(ended) == sorted(
        [(abi.VGPU_STUB_MSG_QRESPONSE, BROKEN)] +
        [(abi.VGPU_STUB_MSG_REFUSED, LOST)] * 2)
    wait_for(lambda: not any(map(alive, workers)), "end of the workers")
    link.daemon.wait_log("nothing was heard of it for 15 s")
    host.heal()
    assert busy.close() == [] and idle.close() == []
    assert link.open().ask(SYNCHRONIZE).status == NONE


def test_a_host_that_is_not_there(connect, host, ctl):
    """It is tried again, and why it fails is said."""
    host.stop()
    link = connect()
    assert link.refused(link.start_open()) == abi.VGPU_STUB_ERR_INVALID_POOL
    [line] = link.daemon.wait_log("does not work")
    assert "ssh" in line and "Connection refused" in line
    assert "Connection refused" in ctl("status")
    host.start()
    link.daemon.wait_log("works, after")
    assert link.open().ask(SYNCHRONIZE).status == NONE


def test_another_host_key(connect, host):
    host.stop()
    host.make_host_key()
    host.start()
    link = connect()
    assert link.refused(link.start_open()) == abi.VGPU_STUB_ERR_INVALID_POOL
    [line] = link.daemon.wait_log("does not work")
    assert "Host key verification failed" in line


REFUSED = [
    "", "id", "vgpu-gate; id", "vgpu-gate --backend=cpu;id",
    "vgpu-gate --backend=cpu --worker=/bin/sh", "vgpu-gate --forced",
    "vgpu-gate --starter=/bin/sh --backend=cpu", "vgpu-gate --device=1000",
    "vgpu-gate --backend=none", "vgpu-gate --root=/", "/bin/sh vgpu-gate",
    "vgpu-gate --backend=cpu --kernels=/etc", "vgpu-gate\n--probe",
    "vgpu-gate --label=", "vgpu-gate --label=" + 65 * "x",
    "vgpu-gate --label=$(id)", "vgpu-gate --label=7;id", "vgpu-gate --label",
    "vgpu-gate --label=a/b", "vgpu-gate --label=\x1b[2J", "vgpu-gate --label=a%s",
    "vgpu-gate --label=7\n--worker=/bin/sh", "vgpu-gate --label=\xe9",
    "vgpu-gate --memory-mib=", "vgpu-gate --memory-mib=-1",
    "vgpu-gate --memory-mib=10000000",
]


def test_the_gate_does_nothing_else(host):
    with ThreadPoolExecutor(4) as pool:
        for command, result in zip(REFUSED, pool.map(host.run, REFUSED)):
            assert (result.returncode, result.stdout) == (2, ""), command
            assert "for nothing else" in result.stderr, command


def test_the_gate_tells_what_it_can(host):
    result = host.run("vgpu-gate --backend=cpu --device=0 --probe")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    result = host.run("vgpu-gate --backend=cuda --device=0 --probe")
    assert result.returncode == 1 and result.stderr.strip()


def test_a_mailbox_and_a_reload(connect, host, tmp_path, ctl):
    """The other launcher is for those that are started from then on."""
    link = connect("spares=0\n")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    path = tmp_path / "mediatord.conf"
    path.write_text(path.read_text().replace("ssh -F", "ssh -q -F"))
    ctl("reload")
    other = link.open()
    assert other.ask(SYNCHRONIZE).status == NONE
    assert context.ask(SYNCHRONIZE).status == NONE
    words = [words for words in offspring(link.daemon.process.pid).values()
             if words[0] == "ssh" and "--probe" not in words]
    assert sorted("-q" in each for each in words) == [False, True]


class Load:
    """Programs that come, ask and go, on one link; counts what they get."""

    def __init__(self, link, programs, requests, chance):
        self.chance = chance
        self.link, self.programs, self.requests = link, programs, requests
        self.opening, self.closing = set(), set()
        self.sent = set()
        self.ended = collections.Counter()

    def keep_up(self):
        link = self.link
        while len(self.opening) + len(link.contexts) < self.programs:
            self.opening.add(link.start_open())
        for number, context in link.contexts.items():
            while number not in self.closing and \
                    len(context.places) < self.requests:
                bulk = context.large and self.chance.random() < 0.3
                self.sent.add(context.send(BULK, bulk=bytes(MIB)) if bulk
                              else context.send(SYNCHRONIZE))

    def take_one(self):
        message = self.link.receive()
        if message.type == abi.VGPU_STUB_MSG_ARENA:
            self.opening.remove(self.link.opened_by(message).number)
        elif message.type == abi.VGPU_STUB_MSG_QRESPONSE:
            answer = self.link.take(message)
            self.sent.remove(answer.sequence)
            self.ended[answer.status] += 1
        elif message.type == abi.VGPU_STUB_MSG_REFUSED:
            self._refused(message.sequence)
        else:
            assert message.type == abi.VGPU_STUB_MSG_CLOSED
            self.closing.remove(message.sequence)
            context = self.link.contexts[message.sequence]
            assert not context.places
            self.link.forget(context)

    def _refused(self, number):
        if number in self.opening:
            self.opening.remove(number)
        elif number not in self.closing:
            self.closing.add(number)
            self.link.send(self.link.contexts[number].message(
                abi.VGPU_STUB_MSG_CONTEXT_CLOSE))


def test_kills_under_load(connect, host):
    """Whatever is killed, and whenever, each request ends once."""
    chance = random.Random(7)
    link = connect("spares=4\n[vm]\nfaults=1000\ncontexts=16\n")
    load = Load(link, 4, 4, chance)
    programs = ("vgpu-gate", "vgpu-starter", "vgpu-worker")
    whom = [kill_ssh, kill_sshd, *[lambda host, _, name=name: far(host, name)
                                   for name in programs]]
    for _ in range(KILLS):
        load.keep_up()
        for _ in range(chance.randint(1, 30)):
            load.take_one()
            load.keep_up()
        pids = chance.choice(whom)(host, link.daemon)
        if pids:
            # It may have ended with one that was killed before.
            with suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
    while load.sent or load.opening or load.closing:
        load.take_one()
    assert set(load.ended) <= {NONE, UNKNOWN, BROKEN, LOST}
    assert load.ended[NONE] and load.ended[UNKNOWN]
    print(dict(load.ended))
    link.close()
    wait_for(lambda: len(far(host, "vgpu-worker")) == 0, "end of the workers")


# More of them: VGPU_KILLS=200
KILLS = int(os.environ.get("VGPU_KILLS", 20))
