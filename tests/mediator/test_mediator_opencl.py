# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's commands of several VMs, in real workers with PoCL: who notices what
of whom."""
import json
import os
import signal
import struct

import pytest

from support import abi, opencl, operations
from support.fake_queue_device import FakeQueueDevice
from support.opencl import CL
from support.opencl_program import OpenclProgram
from support.paths import BUILD
from support.wait import wait_for

NONE = abi.VGPU_STUB_ERR_NONE
TIMEOUT = abi.VGPU_STUB_ERR_TIMEOUT
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
BROKEN = abi.VGPU_STUB_ERR_BACKEND_ERROR
UNSUPPORTED = abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION

CONFIG = ("[pool A]\nbackend=opencl\n[vm]\nguest-kernels=yes\nfaults=1000\n"
          "deadline-ms=100000\nrate=1000000\nburst=1000000\n")

# One that ends when the first number is 0, and one that takes long
SOURCE = b"""__kernel void spin(__global volatile uint *go)
{
    while (*go) {
    }
}

__kernel void work(__global uint *sums, uint rounds)
{
    uint sum = get_global_id(0);
    for (uint i = 0; i < rounds; i++) {
        sum = sum * 1664525 + 1013904223;
    }
    sums[get_global_id(0)] = sum;
}
"""
BUFFER, PROGRAM, SPIN, WORK = range(1, 5)
ITEMS = 64
ROUNDS = 60000
LAUNCHES = 240


class ContextWorker:
    """The worker of a context, which other contexts of its link do not wait
    for."""

    def __init__(self, context):
        self.context = context

    def do(self, payload, bulk=b"", room=0, capacity=65536):
        answer = self.context.ask(payload, bulk=bulk, room=room,
                                  capacity=capacity)
        return (answer.status, *operations.results(answer.payload),
                answer.bulk)


class Program(OpenclProgram):
    """One with both kernels, which have run once."""

    def __init__(self, link):
        self.link, self.context = link, link.open()
        super().__init__(ContextWorker(self.context))

    def furnish(self):
        self.build(PROGRAM, SOURCE)
        self.good(opencl.buffer_create(BUFFER, 4 * ITEMS),
                  opencl.kernel_create(SPIN, PROGRAM, b"spin"),
                  opencl.kernel_create(WORK, PROGRAM, b"work"),
                  opencl.arg_buffer(SPIN, 0, BUFFER),
                  opencl.arg_buffer(WORK, 0, BUFFER),
                  opencl.arg_value(WORK, 1, struct.pack("<I", ROUNDS)),
                  opencl.launch(SPIN, (1,)), opencl.launch(WORK, (ITEMS,)))
        return self

    def send(self, *commands):
        """A batch that is not waited for; its sequence."""
        sequence = self.context.send(self.request(commands))
        self.next += len(commands)
        return sequence

    def hang(self):
        self.good(opencl.fill(BUFFER, 0, 4, b"\1"))
        return self.send(opencl.launch(SPIN, (1,)))

    def works(self):
        self.good(opencl.launch(WORK, (ITEMS,)))
        return self.get_ints(BUFFER, ITEMS)


@pytest.fixture
def serve(start, tmp_path, sockets, admin):
    """serve(vm, config): the link of a VM, all of one daemon"""
    links = []

    def make(vm="7", config=CONFIG):
        if not links:
            (tmp_path / "mediatord.conf").write_text(config)
            make.daemon = start(
                "--socket-dir", sockets, "--config",
                tmp_path / "mediatord.conf", "--admin-socket", admin,
                worker=BUILD / "mediator/vgpu-worker")
        device = FakeQueueDevice(sockets / f"{vm}-0.sock")
        link = device.greet()
        link.sock.settimeout(100)
        links.extend([link, device])
        return link

    yield make
    for link in links:
        link.close()


@pytest.fixture
def line(ctl):
    """line(vm): what vgpu-ctl says of it"""
    return lambda vm: next(line for line in json.loads(ctl("vms", "--json"))
                           if line["vm"] == vm)


def test_an_endless_kernel(serve, ctl, wait_busy):
    """Its program ends by the deadline; the others wait, and lose nothing."""
    link, other_link = serve("7"), serve("8")
    endless, neighbour = Program(link).furnish(), Program(link).furnish()
    other = Program(other_link).furnish()
    sums = neighbour.works(), other.works()
    endless.good(opencl.fill(BUFFER, 0, 4, b"\1"))
    ctl("set", "7", "deadline-ms", "10000")
    hanging = endless.send(opencl.launch(SPIN, (1,)))
    wait_busy()
    # What begins from now on has time.
    ctl("set", "7", "deadline-ms", "100000")
    sent = neighbour.send(opencl.launch(WORK, (ITEMS,)))
    assert other.works() == sums[1]
    answers = {}
    while len(answers) < 2:
        message = link.receive()
        if message.type == abi.VGPU_STUB_MSG_QRESPONSE:
            answers[message.sequence] = link.take(message).status
        else:
            assert message.type == abi.VGPU_STUB_MSG_REFUSED
    assert answers == {hanging: TIMEOUT, sent: NONE}
    assert endless.context.close() == []
    assert (neighbour.works(), other.works()) == sums


def test_an_answer_does_not_wait_for_a_long_batch(serve):
    program = Program(serve()).furnish()
    program.good(opencl.fill(BUFFER, 0, 4, b"\1"))
    first = program.send(opencl.marker())
    program.send(opencl.launch(SPIN, (1,)))
    answer = program.link.answer()
    assert (answer.sequence, answer.status) == (first, NONE)


def test_a_worker_that_is_killed(serve, ctl):
    link = serve()
    neighbour = Program(link)
    victim = Program(link).furnish()
    [pid] = [worker["pid"] for worker in json.loads(ctl("workers", "--json"))
             if worker["memory"] == "yes"]
    hanging = victim.hang()
    wait_for(lambda: [worker for worker
                      in json.loads(ctl("workers", "--json"))
                      if worker["pid"] == pid and worker["state"] == "busy"],
             "its request at its worker")
    os.kill(pid, signal.SIGKILL)
    messages = [link.receive(), link.receive()]
    refused, = [message.status for message in messages
                if message.type == abi.VGPU_STUB_MSG_REFUSED]
    answer, = [link.take(message) for message in messages
               if message.type == abi.VGPU_STUB_MSG_QRESPONSE]
    assert (refused, answer.sequence, answer.status) == \
        (LOST, hanging, BROKEN)
    assert victim.context.close() == []
    assert neighbour.furnish().works() == Program(link).furnish().works()


def test_objects_are_of_their_context(serve):
    link = serve()
    owner, stranger = Program(link).furnish(), Program(link)
    assert stranger.fails(opencl.read(BUFFER, 0, 4)) == \
        CL["CL_INVALID_MEM_OBJECT"]
    assert stranger.fails(opencl.fill(BUFFER, 0, 4, b"x")) == \
        CL["CL_INVALID_MEM_OBJECT"]
    assert stranger.fails(opencl.build(PROGRAM)) == CL["CL_INVALID_PROGRAM"]
    assert stranger.fails(opencl.launch(WORK, (1,))) == \
        CL["CL_INVALID_KERNEL"]
    assert stranger.fails(opencl.release(BUFFER)) == CL["CL_INVALID_VALUE"]
    assert owner.works()


# --- What a source does to the compiler ---

# 8^9 numbers
EXPANDING = b"#define A0 1,1,1,1,1,1,1,1\n" + b"".join(
    b"#define A%d %s\n" % (i + 1, b",".join([b"A%d" % i] * 8))
    for i in range(8)) + b"__constant int x[] = { A8 };\n"

# Each is in the one around it.
NESTED = b"_Pragma(" * 400000


@pytest.mark.parametrize("source, log", [
    (EXPANDING, "its worker .* says: LLVM ERROR: out of memory$"),
    (NESTED, "its worker .* was lost: "),
], ids=["memory", "stack"])
def test_a_source_without_end(serve, source, log):
    """It takes down the worker that is its program's own."""
    link = serve(config=CONFIG.replace(
        "backend=opencl\n", "backend=opencl\nworker-memory-mib=128\n"))
    neighbour, hostile = Program(link).furnish(), Program(link)
    hostile.good(opencl.program_create(PROGRAM, len(source)))
    for at in range(0, len(source), 60000):
        hostile.good(opencl.program_source(PROGRAM, source[at:at + 60000],
                                           at))
    hostile.send(opencl.build(PROGRAM))
    messages = [link.receive(), link.receive()]
    assert {(message.type, message.status) for message in messages} == {
        (abi.VGPU_STUB_MSG_QRESPONSE, BROKEN),
        (abi.VGPU_STUB_MSG_REFUSED, LOST)}
    serve.daemon.wait_log(log)
    assert neighbour.works()


# 10^13 times nothing, which takes a compiler no memory
NOTHING = b"#define A0\n" + b"".join(
    b"#define A%d %s\n" % (i + 1, b" ".join([b"A%d" % i] * 10))
    for i in range(13)) + b"A13\n"


def test_an_endless_build(serve, ctl, line):
    """Its program ends by the deadline, and its VM is charged for it."""
    link, other_link = serve("7"), serve("8")
    neighbour, hostile = Program(link).furnish(), Program(link)
    other = Program(other_link).furnish()
    sums = neighbour.works(), other.works()
    hostile.source(PROGRAM, NOTHING)
    charged = line("7")["device_us"]
    ctl("set", "7", "deadline-ms", "3000")
    hostile.send(opencl.build(PROGRAM))
    messages = [link.receive(), link.receive()]
    ctl("set", "7", "deadline-ms", "100000")
    assert {(message.type, message.status) for message in messages} == {
        (abi.VGPU_STUB_MSG_QRESPONSE, TIMEOUT),
        (abi.VGPU_STUB_MSG_REFUSED, LOST)}
    assert line("7")["device_us"] - charged >= 3000000
    assert (neighbour.works(), other.works()) == sums


# --- Who may ---

REQUEST = operations.call(opencl.OP_OPENCL,
                          data=opencl.batch(0, [opencl.marker()]))


def test_without_permission(serve):
    link = serve(config=CONFIG.replace("guest-kernels=yes",
                                       "guest-kernels=no"))
    assert link.open().ask(REQUEST).status == UNSUPPORTED


def test_another_backend(serve):
    link = serve(config=CONFIG.replace("backend=opencl", "backend=cpu"))
    assert link.open().ask(REQUEST).status == UNSUPPORTED


def test_by_the_mailbox(serve):
    link = serve()
    link.send(link.request(REQUEST))
    assert link.expect(abi.VGPU_STUB_MSG_RESPONSE).status == UNSUPPORTED


# --- Shares ---

def test_shares_are_of_vms(serve, ctl):
    """Weights 1 and 3; the VM with the smaller one has two programs. What they
    want is there from the begin, so that no time of the test's own counts."""
    config = CONFIG + ("[vm one]\nweight=100\n[vm three]\nweight=300\n"
                       f"[queue]\narena-small={LAUNCHES}\n")
    one, three = serve("one", config), serve("three")
    programs = [Program(link).furnish() for link in (one, one, three)]

    def look():
        """What both have had; None if one of them wants no more."""
        vms = {vm["vm"]: vm for vm in json.loads(ctl("vms", "--json"))}
        return all(vm["waiting"] for vm in vms.values()) and \
            [vms[name]["device_us"] for name in ("one", "three")]

    def is_divided():
        for program in programs:
            for _ in range(LAUNCHES):
                program.send(opencl.launch(WORK, (ITEMS,)))
        answers = three.answers(1)
        begin = look()
        answers += three.answers(LAUNCHES * 2 // 3)
        end = look()
        answers += three.answers(LAUNCHES - len(answers))
        answers += one.answers(2 * LAUNCHES)
        assert {answer.status for answer in answers} == {NONE}
        if not begin or not end:
            return False
        of_one, of_three = end[0] - begin[0], end[1] - begin[1]
        return of_three / (of_one + of_three) == pytest.approx(3 / 4, rel=0.05)

    # Who stands still pays for it, and has no time left to get it back.
    wait_for(is_divided, "shares of 1 and 3")


def cpu_us(pid):
    """What a process has computed, in µs"""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000000 // \
        os.sysconf("SC_CLK_TCK")


def test_who_builds_is_charged(serve, line, ctl):
    """Also beside something else that the device has done in no time."""
    program = Program(serve())
    program.good(opencl.buffer_create(BUFFER, 4096))
    [pid] = [worker["pid"] for worker in json.loads(ctl("workers", "--json"))
             if worker["memory"] == "yes"]
    charged, computed = line("7")["device_us"], cpu_us(pid)
    program.good(opencl.program_create(PROGRAM, len(SOURCE)),
                 opencl.program_source(PROGRAM, SOURCE))
    for i in range(5):
        program.good(opencl.fill(BUFFER, 0, 4096, b"x"),
                     opencl.build(PROGRAM, b"-DI=%d" % i))
    charged = line("7")["device_us"] - charged
    computed = cpu_us(pid) - computed
    assert charged > 0.8 * computed > 50000
