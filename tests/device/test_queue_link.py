# SPDX-License-Identifier: GPL-2.0-or-later
"""The queue's messages: arenas that are none, answers that are wrong, and links
that end."""
import fcntl
import os
import resource
import socket
import sys
import tempfile
import termios

import pytest

from support import abi, wire
from support.abi import (VGPU_STUB_ERR_CANCELLED as CANCELLED,
                         VGPU_STUB_ERR_CONTEXT_LOST as CONTEXT_LOST,
                         VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE as UNAVAILABLE,
                         VGPU_STUB_ERR_OUT_OF_MEMORY as OUT_OF_MEMORY,
                         VGPU_STUB_SUBMIT_BULK_TO_GUEST as TO_GUEST)
from support.arena import SEALS, Arena, memory, size
from support.device import Device
from support.fake_mediator import FakeMediator
from support.fake_queue_mediator import FakeQueueMediator, qresponse
from support.wait import wait_for
from support.wire import Message

MAILBOX = abi.VGPU_STUB_WIRE_MAILBOX
ARENA = abi.VGPU_STUB_MSG_ARENA
REQUEST = abi.VGPU_STUB_MSG_REQUEST
CANCEL = abi.VGPU_STUB_MSG_CANCEL
RESET = abi.VGPU_STUB_MSG_RESET
PONG = abi.VGPU_STUB_MSG_PONG
BOTH = abi.VGPU_STUB_LINK_UP | abi.VGPU_STUB_LINK_QUEUE


def test_hello_and_link(start_qemu, link_path):
    dev = Device(start_qemu())
    with FakeQueueMediator.accept(link_path) as mediator:
        version, capabilities = wire.HELLO.unpack(mediator.hello.payload)[:2]
        assert (version, capabilities) == (abi.VGPU_STUB_WIRE_QUEUE, 0xf)
        assert dev.LINK == BOTH
    dev.wait_link(0)
    with FakeQueueMediator.accept(link_path, MAILBOX):
        assert dev.LINK == abi.VGPU_STUB_LINK_UP


def test_hello_without_a_queue(start_qemu, link_path):
    start_qemu("queue=off")
    with FakeMediator.greet(link_path) as mediator:
        version, capabilities = wire.HELLO.unpack(mediator.hello.payload)[:2]
        assert (version, capabilities) == (MAILBOX, 3)
        mediator.send(wire.welcome(abi.VGPU_STUB_WIRE_QUEUE))
        mediator.expect_closed()            # later than what it speaks


def test_a_mediator_that_knows_no_queue(start_queue):
    """It is sent nothing of the queue, and the mailbox works."""
    queue = start_queue(version=MAILBOX)
    user_data = queue.ask()
    assert queue.driver.wait_one(user_data).status == UNAVAILABLE
    close = queue.driver.close()
    assert queue.driver.wait_one(close).status == 0
    queue.dev.submit(b"question")
    queue.mediator.sync()
    request, = queue.mediator.inbox
    queue.mediator.respond(request, b"answer")
    assert queue.dev.response() == b"answer"
    # Its successor does.
    queue.disconnect()
    queue.connect()
    queue.work(context=5)
    queue.work()


def test_unknown_types_are_skipped(queue):
    queue.mediator.send(Message(18, b"news" * 8))
    queue.work()


# Arenas

def opened(queue):
    """The number of a context that waits for its arena"""
    queue.ask()
    queue.settle()
    number, = queue.mediator.contexts
    return number


def descriptor(kind):
    """Memory that could shrink, cannot be written or is none at all; for one
    small and one large place"""
    length = size(1, 1)
    if kind == "a file":
        with tempfile.TemporaryFile() as file:
            file.truncate(length)
            return os.dup(file.fileno())
    if kind == "a file in memory":
        with tempfile.TemporaryFile(dir="/dev/shm") as file:
            file.truncate(length)
            return os.dup(file.fileno())
    if kind == "a pipe":
        reader, writer = os.pipe()
        os.close(writer)
        return reader
    if kind == "a socket":
        return socket.socket(socket.AF_UNIX).detach()
    if kind == "a folder":
        return os.open("/", os.O_RDONLY)
    if kind == "a terminal":
        leader, follower = os.openpty()
        os.close(follower)
        return leader
    if kind == "huge pages":
        return memory(4 << 20, SEALS, os.MFD_HUGETLB)
    if kind == "read-only":
        fd = memory(length)
        try:
            return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
        finally:
            os.close(fd)
    return memory(length, {
        "no seals": 0,
        "it may shrink": SEALS & ~fcntl.F_SEAL_SHRINK,
        "it may grow": SEALS & ~fcntl.F_SEAL_GROW,
        "seals may be added": SEALS & ~fcntl.F_SEAL_SEAL,
        "nobody may write": SEALS | fcntl.F_SEAL_WRITE,
        "nobody may write later": SEALS | 0x10,     # F_SEAL_FUTURE_WRITE
    }[kind])


@pytest.mark.parametrize("kind", (
    "a file", "a file in memory", "a pipe", "a socket", "a folder",
    "a terminal", "huge pages", "read-only", "no seals", "it may shrink",
    "it may grow", "seals may be added", "nobody may write",
    "nobody may write later"))
def test_a_descriptor_that_is_no_arena(queue, kind):
    number = opened(queue)
    fd = descriptor(kind)
    places = dict(small=1, large=1)
    if kind == "huge pages":
        places = dict(small=224, large=2)       # 4 MiB
    queue.mediator.send_arena(number, fd, **places)
    os.close(fd)
    ended(queue)


def ended(queue):
    """The link has ended for it, and goes on with a better mediator."""
    queue.gone()
    completions = queue.driver.wait(len(queue.driver.pending))
    assert {one.status for one in completions} <= {CONTEXT_LOST, UNAVAILABLE}
    queue.connect()
    queue.driver.close()
    queue.finish()
    queue.work()


ARENAS = {
    "no descriptor": dict(small=1, large=1, fd=None),
    "bytes that are too few": dict(small=1, large=1, bytes=size(1, 1) - 4096),
    "bytes that are too many": dict(small=1, large=1, bytes=size(1, 1) + 4096),
    "0 bytes": dict(small=1, large=1, bytes=0),
    "bytes beyond all memory": dict(small=1, large=1, bytes=2**64 - 1),
    "memory that is too small": dict(small=1, large=1, real=size(1, 1) - 4096),
    "memory that is too large": dict(small=1, large=1, real=size(1, 1) + 4096),
    "no large place": dict(small=1, large=0),
    "too many small places": dict(small=257, large=1),
    "too many large places": dict(small=1, large=257),
    "places that go round": dict(small=2**32 - 1, large=2**32 - 1,
                                 bytes=size(1, 1), real=size(1, 1)),
}


@pytest.mark.parametrize("name", ARENAS)
def test_an_arena_with_wrong_numbers(queue, name):
    fields = dict(ARENAS[name])
    real = fields.pop("real", size(fields["small"], fields["large"]))
    fd = fields.pop("fd", real and memory(real))
    number = opened(queue)
    queue.mediator.send_arena(number, fd, **fields)
    if fd is not None:
        os.close(fd)
    ended(queue)


def test_an_arena_of_another_context(queue):
    number = opened(queue)
    fd = memory(size(1, 1))
    queue.mediator.send_arena(number + 1000, fd, 1, 1)
    os.close(fd)
    queue.settle()                      # it may be late, so it is dropped
    assert not queue.mediator.requests
    queue.finish()


def test_an_arena_without_room_for_it(queue):
    """That ends its context; the link and others go on."""
    queue.work(context=5)
    other = queue.ask(context=6)
    queue.settle()
    number = max(queue.mediator.contexts)
    pid = queue.qemu.process.pid
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (now + (32 << 20), before[1]))
    arena = Arena(256, 256)
    queue.mediator.send_arena(number, arena.fd, 256, 256)
    queue.mediator.contexts[number].arena = arena
    assert queue.driver.wait_one(other).status == OUT_OF_MEMORY
    resource.prlimit(pid, resource.RLIMIT_AS, before)
    again = queue.ask(context=6)
    assert queue.driver.wait_one(again).status == OUT_OF_MEMORY
    queue.work(context=5)
    queue.driver.close(context=6)
    queue.finish()
    queue.work(context=6)


def test_a_second_arena(queue):
    queue.work()
    number, = queue.mediator.contexts
    fd = memory(size(64, 2))
    queue.mediator.send_arena(number, fd)
    os.close(fd)
    ended(queue)


def test_a_descriptor_with_an_earlier_message(queue):
    """Descriptors come with any bytes of the stream: it is closed, or it is the
    arena's. It is never lost in QEMU."""
    number = opened(queue)
    arena = Arena(1, 1)
    before = open_files(queue)
    for _ in range(20):
        message = Message(abi.VGPU_STUB_MSG_PONG, b"?").encode()
        socket.send_fds(queue.mediator.sock, [message], [arena.fd])
        queue.mediator.sync()
    assert open_files(queue) <= before + 1
    queue.mediator.send_arena(number, arena.fd, 1, 1)
    queue.mediator.contexts[number].arena = arena
    queue.finish()


def open_files(queue):
    return len(os.listdir(f"/proc/{queue.qemu.process.pid}/fd"))


def test_arenas_are_given_back(queue):
    """No descriptor and no mapping stays, however a context ends."""
    def arenas():
        maps = f"/proc/{queue.qemu.process.pid}/maps"
        with open(maps, encoding="ascii") as lines:
            return sum("memfd:arena" in line for line in lines)

    queue.work()
    before = open_files(queue)
    for _ in range(5):
        queue.driver.close()
        queue.finish()
        assert arenas() == 0
        queue.work()
        queue.disconnect()
        assert arenas() == 0
        queue.connect()
        queue.driver.close()
        queue.finish()
        queue.work()
        queue.qemu.qmp("system_reset")
        queue.qemu.qmp("query-status")
        queue.dev.place()
        queue.mediator.sync()
        assert arenas() == 0
        queue.driver.enable()
        queue.work()
    assert arenas() == 1
    assert open_files(queue) == before


def test_an_arena_in_pieces(queue):
    """The descriptor comes with its first byte, the rest later."""
    number = opened(queue)
    arena = Arena(1, 1)
    message = Message(ARENA, wire.ARENA.pack(number, arena.size, 1, 1, 0, 0),
                      sequence=number).encode()
    socket.send_fds(queue.mediator.sock, [message[:1]], [arena.fd])
    for byte in message[1:]:
        queue.qemu.clock_step(0.05)
        queue.mediator.sock.sendall(bytes([byte]))
    queue.mediator.contexts[number].arena = arena
    queue.finish()
    queue.work()


def test_an_arena_right_behind_an_answer(queue):
    """One read of the device has the end of one and the start of the other."""
    queue.ask(context=1)
    first, = queue.arrive()
    queue.ask(context=2)
    queue.settle()
    second = max(queue.mediator.contexts)
    arena = Arena(1, 1)
    message = Message(ARENA, wire.ARENA.pack(second, arena.size, 1, 1, 0, 0),
                      sequence=second).encode()
    mediator = queue.mediator
    mediator.answer(first)
    socket.send_fds(mediator.sock, [message], [arena.fd])
    mediator.contexts[second].arena = arena
    assert len(queue.finish()) == 2


def test_what_changes_in_an_arena_while_it_is_in_use(queue):
    """Another process of the host writes everywhere, all the time: the guest
    has wrong bytes, the host has no harm."""
    room = queue.ram.room(1 << 20)
    for round_ in range(4):
        queue.ask(capacity=65536, flags=TO_GUEST, pieces=[(room, 1 << 20)])
        request, = queue.arrive()
        request.context.arena.fill(0xff)
        queue.mediator.answer(request, length=request.response_capacity,
                              moved=request.bulk_length)
        request.context.arena.fill(round_)
        completion, = queue.driver.wait()
        assert completion.status == 0
    assert set(queue.ram.read(room, 1 << 20)) <= {0xff, 3}


def test_nobody_can_shorten_an_arena(queue):
    """So no store of QEMU into it can meet nothing."""
    queue.work()
    context, = queue.mediator.contexts.values()
    for length in (0, 4096, context.arena.size * 2):
        with pytest.raises(PermissionError):
            os.ftruncate(context.arena.fd, length)
    queue.work()


# Answers that are wrong

WRONG = {
    "longer than its capacity": dict(length=4097),
    "4 GiB long": dict(length=2**32 - 1),
    "with more bulk than there was": dict(moved=1),
    "with 4 GiB of bulk": dict(moved=2**32 - 1),
    "with a reserved status": dict(status=0x0f),
    "with another reserved status": dict(status=0x100),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_is(queue, name):
    queue.ask()
    request, = queue.arrive()
    queue.mediator.send(qresponse(request, **WRONG[name]))
    ended(queue)


@pytest.mark.parametrize("kind", (
    "CONTEXT_OPEN", "CONTEXT_CLOSE", "QREQUEST", "QCANCEL"))
def test_what_no_mediator_says(queue, kind):
    queue.work()
    queue.mediator.send(Message(abi.names("VGPU_STUB_MSG_")[kind], bytes(32)))
    ended(queue)


@pytest.mark.parametrize("length", (0, 31, 33, 4096))
@pytest.mark.parametrize("kind", ("ARENA", "REFUSED", "CLOSED", "QRESPONSE"))
def test_a_message_of_another_length(queue, kind, length):
    queue.work()
    number, = queue.mediator.contexts
    queue.mediator.send(Message(
        abi.names("VGPU_STUB_MSG_")[kind],
        number.to_bytes(8, "little").ljust(length, b"\0")[:length],
        sequence=number))
    ended(queue)


def test_the_end_of_a_context_that_is_open(queue):
    """CLOSED without CONTEXT_CLOSE; the device has no more use for it."""
    queue.ask()
    queue.arrive()
    number, = queue.mediator.contexts
    queue.mediator.send(Message(abi.VGPU_STUB_MSG_CLOSED,
                                wire.CONTEXT.pack(number, *[0] * 6),
                                sequence=number))
    ended(queue)


def test_messages_of_the_queue_after_a_welcome_to_1_0(start_queue):
    queue = start_queue(version=MAILBOX)
    for kind in ("ARENA", "REFUSED", "CLOSED", "QRESPONSE"):
        queue.mediator.send(Message(abi.names("VGPU_STUB_MSG_")[kind],
                                    bytes(32)))
    queue.mediator.sync()               # nothing that 1.0 knows: skipped


# Links that end

def test_link_lost_and_back(queue):
    """What a context had is gone with the link, until it is closed."""
    for round_ in range(3):
        lost = [queue.ask(order=order) for order in range(5)]
        queue.arrive(5)
        lost += [queue.ask(context=2, capacity=65536, order=order)
                 for order in range(4)]
        queue.settle()
        queue.disconnect()
        completions = queue.driver.wait(9)
        assert {one.user_data for one in completions} == set(lost)
        assert {one.status for one in completions} == {CONTEXT_LOST}
        new = queue.ask(context=3)
        assert queue.driver.wait_one(new).status == UNAVAILABLE
        later = queue.ask(context=1)
        assert queue.driver.wait_one(later).status == CONTEXT_LOST
        queue.connect()
        later = queue.ask(context=1)
        assert queue.driver.wait_one(later).status == CONTEXT_LOST
        assert not queue.mediator.contexts
        for context in (1, 2):
            close = queue.driver.close(context)
            assert queue.driver.wait_one(close).status == 0
        queue.work()
        queue.work(context=3)
        queue.driver.close(3)
        queue.driver.close(1)
        queue.finish()


def test_link_lost_while_a_close_waits(queue):
    queue.ask()
    queue.arrive()
    close = queue.driver.close()
    queue.settle()
    queue.disconnect()
    completions = {one.user_data: one.status
                   for one in queue.driver.wait(2)}
    assert completions.pop(close) == 0
    assert set(completions.values()) <= {CANCELLED, CONTEXT_LOST}
    queue.connect()
    queue.work()


@pytest.mark.parametrize("turns", range(6))
def test_link_lost_at_every_point(queue, turns):
    room = queue.ram.room(1 << 20)
    pieces = [(room + 4096 * number, 4096) for number in range(256)]
    asked = [queue.ask(flags=flag, pieces=pieces, order=flag)
             for flag in (1, 2)] + [queue.ask()]
    completions = []
    for turn in range(turns):
        queue.step()
        if turn > 1:
            queue.mediator.serve_all()
        if turn > 3:
            for request in queue.mediator.requests:
                queue.mediator.answer(request)
    completions += queue.driver.take()
    queue.disconnect()
    completions += queue.driver.wait(3 - len(completions))
    assert sorted(one.user_data for one in completions) == asked
    queue.connect()
    queue.driver.close()
    queue.finish()
    queue.work()


def test_a_violation_of_the_mailbox_ends_the_queues_contexts(queue):
    queue.ask()
    queue.arrive()
    queue.lose_link(Message(abi.VGPU_STUB_MSG_RESPONSE, b"x" * 1025))
    completion, = queue.driver.wait()
    assert completion.status == CONTEXT_LOST


def test_a_mediator_that_never_reads(start_queue):
    """What does not fit into the socket waits; the mailbox has its own room,
    and nothing is lost when it reads again."""
    queue = start_queue(entries=256)
    queue.work()
    for round_ in range(40):
        asked = [queue.driver.put(queue.driver.request(b"x", order=order))
                 for order in range(100)]
        queue.driver.kick()
        for one in asked:
            queue.driver.cancel(one)
        queue.qemu.clock_step(1)
        queue.driver.take()
        if queue.driver.free() < 200:
            break
    queue.dev.submit(b"question")
    assert queue.dev.STATUS == abi.VGPU_STUB_STATUS_BUSY
    queue.finish()
    request = queue.mediator.inbox.pop()
    queue.mediator.respond(request, b"answer")
    assert queue.dev.response() == b"answer"


MAILBOX_ROOM = 4096     # bytes of the link's for the mailbox's requests


def waiting(sock, what):
    """Bytes that nobody has read yet: FIONREAD or TIOCOUTQ"""
    return int.from_bytes(fcntl.ioctl(sock, what, bytes(4)), sys.byteorder)


def ping(queue, length):
    """The device has taken a PING of this length, its PONG is on its way."""
    sock = queue.mediator.sock
    queue.mediator.send(Message(abi.VGPU_STUB_MSG_PING, bytes(length)))
    wait_for(lambda: not waiting(sock, termios.TIOCOUTQ), "PING taken")
    queue.dev.read(0)


def fill_socket(queue):
    """The device has one PONG that does not fit into it; how many it sent."""
    sock, unread, pongs = queue.mediator.sock, -1, 0
    while waiting(sock, termios.FIONREAD) > unread:
        unread = waiting(sock, termios.FIONREAD)
        ping(queue, 1000)
        pongs += 1
    return pongs


def test_resets_while_nothing_of_the_link_is_read(queue):
    """The link's buffer has room for all that is never dropped."""
    queue.driver.disable()
    mediator, dev = queue.mediator, queue.dev
    pongs = fill_socket(queue)
    # The largest requests, and what is left of the mailbox's room
    dev.submit(bytes(1024))
    dev.DOORBELL = abi.VGPU_STUB_DOORBELL_ACK
    dev.submit(bytes(1024))
    dev.DOORBELL = abi.VGPU_STUB_DOORBELL_ACK
    dev.submit(bytes(MAILBOX_ROOM - 1032 - 2 * (1056 + 32) - 32))
    assert dev.STATUS == abi.VGPU_STUB_STATUS_BUSY
    ping(queue, 65536)
    for _ in range(2):
        queue.qemu.qmp("system_reset")
        queue.qemu.qmp("query-status")
        dev.place()
        queue.driver.enable()
        queue.ask()
    kinds = [mediator.receive().type for _ in range(pongs + 10)]
    assert kinds[pongs:] == [
        REQUEST, CANCEL, REQUEST, CANCEL, REQUEST, PONG, CANCEL, RESET,
        abi.VGPU_STUB_MSG_CONTEXT_OPEN, RESET]
    queue.finish()
