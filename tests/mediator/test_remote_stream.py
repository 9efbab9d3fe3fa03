# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers that a launcher starts, which have nothing but a stream in common
with the mediator: here the launcher is `env`."""
import json
import os
import signal
import struct
import subprocess
from contextlib import ExitStack

import pytest

from support import abi, operations, wire
from support.context_memory import alloc, lose, read, write
from support.fake_queue_device import FakeQueueDevice
from support.processes import wait_gone
from support.remote import local_launcher, make_gate, named, offspring
from support.wait import PATIENCE, wait_for

NONE = abi.VGPU_STUB_ERR_NONE
BROKEN = abi.VGPU_STUB_ERR_BACKEND_ERROR
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
MEMORY = abi.VGPU_STUB_ERR_OUT_OF_MEMORY
MIB = 1 << 20
SYNCHRONIZE = operations.synchronize()
HOST = os.uname().nodename
# What only workers say, mediator/protocol/worker-protocol.h
LIMITS = 0x100
DATA = 0x103
HELLO_SIZE = 72


@pytest.fixture
def connect(start, tmp_path, sockets, admin):
    """connect(config): the link of a device with a queue, of VM 7; what
    executes pool A is a gate's."""
    daemon = None

    def make(config="", number=0, **gate):
        nonlocal daemon
        if daemon is None:
            launcher = local_launcher(tmp_path / "far", **gate)
            (tmp_path / "mediatord.conf").write_text(
                f"[pool A]\nlauncher={launcher}\n{config}")
            daemon = start("--socket-dir", sockets, "--config",
                           tmp_path / "mediatord.conf", "--admin-socket",
                           admin)
        link = FakeQueueDevice(sockets / f"7-{number}.sock").greet()
        link.daemon = daemon
        return link

    return make


def far(daemon, program):
    return named(offspring(daemon.process.pid), program)


def test_requests_and_bulk(connect):
    link = connect()
    one, other = link.open(), link.open()
    data = os.urandom(MIB)
    status, handle = alloc(one, MIB)
    assert status == NONE
    assert write(one, handle, data).status == NONE
    assert read(one, handle, MIB).bulk == data
    assert read(one, handle, 4097).bulk == data[:4097]
    assert read(other, handle, 1).status == abi.VGPU_STUB_ERR_INVALID_HANDLE
    assert one.close() == []
    assert other.ask(SYNCHRONIZE).status == NONE


def test_what_waits_in_both_directions(connect):
    """More than all buffers on the way hold, there and back at once."""
    link = connect("[queue]\narena-large=32\n[vm]\nin-flight=32\n")
    context = link.open()
    handles = [alloc(context, MIB)[1] for _ in range(2)]
    data = [os.urandom(MIB) for _ in handles]
    for handle, there in zip(handles, data):
        assert write(context, handle, there).status == NONE
    sent = []
    for turn in range(16):
        sent.append(context.send(operations.copy(
            abi.VGPU_STUB_COPY_FROM_DEVICE, MIB, handles[turn % 2]),
            room=MIB))
        sent.append(context.send(operations.copy(
            abi.VGPU_STUB_COPY_TO_DEVICE, MIB, handles[turn % 2]),
            bulk=data[turn % 2]))
    answers = link.answers(32)
    assert [answer.sequence for answer in answers] == sent
    assert [answer.bulk for answer in answers[::2]] == data * 8


def test_a_mailbox(connect):
    link = connect("spares=0\n")
    link.send(wire.Message(abi.VGPU_STUB_MSG_REQUEST, operations.info(), 5, 1))
    answer = link.expect(abi.VGPU_STUB_MSG_RESPONSE)
    assert (answer.request_id, answer.status) == (5, NONE)


def test_memory_is_the_vms(connect):
    link = connect("[vm]\nmemory-mib=1\n")
    one, other = link.open(), link.open()
    assert alloc(one, MIB - 4096)[0] == NONE
    assert alloc(other, 4097)[0] == MEMORY
    assert alloc(other, 1)[0] == NONE
    assert one.close() == []
    assert alloc(other, MIB - 4096)[0] == NONE


def test_where_it_is(connect, ctl):
    link = connect()
    context = link.open()
    workers = json.loads(ctl("--json", "workers"))
    assert {worker["place"] for worker in workers
            if worker["state"] != "starting"} == {HOST}
    assert context.close() == []


def arguments(daemon, program):
    """Of those that run the program, but not to try the accelerator"""
    return [words for words in offspring(daemon.process.pid).values()
            if words[0].endswith(f"/{program}") and "--probe" not in words]


@pytest.mark.parametrize("name, label", [
    ("7", "--label=7"), (64 * "x", "--label=" + 64 * "x"), (65 * "x", None),
    ("a b", None), ("$(id)", None), ("7;id", None), ("--", "--label=--")])
def test_for_whom_it_is_and_what_it_may_take(connect, sockets, name, label):
    """As arguments, for who looks at the far host's processes"""
    daemon = connect("spares=0\nworker-memory-mib=100\n").daemon
    with FakeQueueDevice(sockets / f"{name}-1.sock").greet() as link:
        assert link.open().ask(SYNCHRONIZE).status == NONE
        for program in "vgpu-gate", "vgpu-worker":
            [words] = arguments(daemon, program)
            assert "--memory-mib=100" in words
            assert [word for word in words if "label" in word] == \
                ([label] if label else [])


def test_a_spare_is_for_nobody(connect):
    def serving(count):
        wait_for(lambda: len(arguments(link.daemon, "vgpu-worker")) == count,
                 "a spare")
        return str(arguments(link.daemon, "vgpu-worker")).count("--label=7")

    link = connect()
    link.open()
    before = serving(2)
    assert link.open().ask(SYNCHRONIZE).status == NONE
    assert serving(3) == before


@pytest.mark.parametrize("program, guilty", [
    ("vgpu-worker", True), ("vgpu-gate", False)])
def test_one_is_killed(connect, program, guilty, wait_busy):
    """Each request ends once; only the worker's own end is a fault."""
    link = connect("spares=0\n[vm]\nfaults=1\n")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [worker] = far(link.daemon, "vgpu-worker")
    os.kill(worker, signal.SIGSTOP)
    sent = [context.send(SYNCHRONIZE) for _ in range(3)]
    wait_busy()
    for pid in far(link.daemon, program):
        os.kill(pid, signal.SIGKILL)
    answers = lose(link, sent)
    assert [answer.status for answer in answers] == [BROKEN, LOST, LOST]
    text = operations.results(answers[0].payload)[1].decode()
    assert ("broke" in text) == guilty
    [line] = link.daemon.wait_log("its worker .* was lost: ")
    why = line.partition(" was lost: ")[2]
    assert guilty or HOST in why
    # Where what runs launchers stands still, it is told too late.
    assert f": {why}; " in text or ": how is not known; " in text
    assert context.close() == []
    wait_gone(worker)
    number = link.start_open()
    if guilty:
        assert link.refused(number) == abi.VGPU_STUB_ERR_VM_QUARANTINED
    else:
        assert link.opened(number).ask(SYNCHRONIZE).status == NONE


def test_the_mediator_is_killed(connect):
    link = connect()
    link.open()
    wait_for(lambda: len(far(link.daemon, "vgpu-worker")) == 2, "a spare")
    pids = list(offspring(link.daemon.process.pid))
    link.daemon.process.kill()
    link.daemon.process.wait()
    wait_gone(*pids)


def test_a_launcher_that_fails(connect, tmp_path, ctl):
    (tmp_path / "false").symlink_to("/bin/false")
    link = connect(worker="/bin/false")
    assert link.refused(link.start_open()) == abi.VGPU_STUB_ERR_INVALID_POOL
    assert "exit status 1" in ctl("status")


def test_only_what_is_configured(connect, tmp_path):
    """The file has changed, and the daemon has not read it anew."""
    link = connect("spares=0\n")
    assert link.open().ask(SYNCHRONIZE).status == NONE
    path = tmp_path / "mediatord.conf"
    path.write_text(path.read_text().replace("env ", "env -i "))
    assert link.refused(link.start_open()) == BROKEN
    link.daemon.wait_log("is not as the configuration says")
    link.daemon.process.send_signal(signal.SIGHUP)
    link.daemon.wait_log(": loaded")
    number = link.start_open()
    assert link.opened(number).ask(SYNCHRONIZE).status == NONE


def test_what_never_ends_is_gone(connect, ctl):
    link = connect("spares=0\n")
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [worker] = far(link.daemon, "vgpu-worker")
    os.kill(worker, signal.SIGSTOP)
    ctl("set", "7", "deadline-ms", "2000")
    [answer] = lose(link, [context.send(SYNCHRONIZE)])
    assert answer.status == abi.VGPU_STUB_ERR_TIMEOUT
    wait_gone(worker)


def test_a_gate_needs_a_stream(tmp_path):
    gate = make_gate(tmp_path / "far") / "vgpu-gate"
    result = subprocess.run([gate, "--backend=cpu"], stdin=subprocess.DEVNULL, text=True,
                            capture_output=True, timeout=PATIENCE)
    assert (result.returncode, result.stdout, result.stderr) == (
        1, "", "vgpu-gate: standard input and output are the stream to the "
        "mediator: pipes or sockets\n")


@pytest.fixture
def gates(tmp_path):
    """gates(): a gate that serves, with tmp_path/"tmp" for its files"""
    (tmp_path / "tmp").mkdir()
    path = make_gate(tmp_path / "far") / "vgpu-gate"
    with ExitStack() as stack:
        def make():
            gate = stack.enter_context(subprocess.Popen(
                [path, "--backend=cpu"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=dict(os.environ, TMPDIR=str(tmp_path / "tmp"))))
            assert gate.stdout.read(wire.HEADER.size + HELLO_SIZE)
            return gate
        yield make


def test_what_killed_gates_have_left(gates, tmp_path):
    """The next one clears it, and nothing else."""
    folder, precious = tmp_path / "tmp", tmp_path / "precious"
    first = gates()
    [left] = folder.iterdir()
    second = gates()
    kept = set(folder.iterdir()) - {left}
    processes = offspring(first.pid)
    for pid in *named(processes, "vgpu-starter"), first.pid:
        os.kill(pid, signal.SIGKILL)
    first.wait()
    wait_gone(*processes)
    deep = left / "0/deep/er"
    deep.mkdir(parents=True)
    (deep.parent / "file").touch()
    precious.mkdir()
    (precious / "file").touch()
    (deep / "link").symlink_to(precious)
    deep.chmod(0)
    for name in "vgpu-gate-linked", "vgpu-gate-link":
        kept.add(folder / name)
        (folder / name).symlink_to(precious)
    for name, mode in ("vgpu-gate-public", 0o777), ("vgpu-gate-longer-name",
                                                    0o700):
        kept.add(folder / name)
        (folder / name).mkdir()
        (folder / name).chmod(mode)
    third = gates()
    kept.update(path for path in folder.iterdir()
                if path.name.startswith("vgpu-gate-") and path not in kept)
    assert set(folder.iterdir()) == kept and not left.exists()
    assert (precious / "file").exists()
    for gate in second, third:
        gate.stdin.close()
        assert gate.wait(20) == 0


@pytest.mark.parametrize("messages, why", [
    ([wire.Message(abi.VGPU_STUB_MSG_REQUEST, SYNCHRONIZE, 1)],
     "a request before LIMITS"),
    ([wire.Message(DATA, bytes(9))], "DATA before ARENA"),
], ids=["request", "data"])
def test_a_mediator_that_lies_to_its_gate(tmp_path, messages, why):
    """It is told what was wrong, and nothing is left of what was started."""
    gate = make_gate(tmp_path / "far") / "vgpu-gate"
    folder = tmp_path / "tmp"
    folder.mkdir()
    with subprocess.Popen([gate, "--backend=cpu"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, TMPDIR=str(folder))) as process:
        assert process.stdout.read(wire.HEADER.size + HELLO_SIZE)
        for message in messages:
            process.stdin.write(message.encode())
        process.stdin.flush()
        said = process.stderr.read().decode()
        assert (process.wait(), said) == (1, f"vgpu-gate: {why}\n")
    wait_for(lambda: not list(folder.iterdir()), "end of its folder")


def test_a_gate_keeps_little_for_a_worker_that_does_not_read(tmp_path):
    gate = make_gate(tmp_path / "far") / "vgpu-gate"
    limits = b"".join(wire.Message(LIMITS, struct.pack(
        "<QQ8x", memory * MIB, 0)).encode() for memory in (1, 2)) * 512
    with subprocess.Popen([gate, "--backend=cpu"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout.read(wire.HEADER.size + HELLO_SIZE)
        [worker] = named(offspring(process.pid), "vgpu-worker")
        os.kill(worker, signal.SIGSTOP)
        with pytest.raises(BrokenPipeError):
            for _ in range(1024):
                process.stdin.write(limits)
                process.stdin.flush()
        assert (process.wait(), process.stderr.read()) == (
            1, b"vgpu-gate: more than the worker takes\n")
        wait_gone(worker)
