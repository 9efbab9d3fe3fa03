# SPDX-License-Identifier: GPL-2.0-or-later
"""Very many devices, VMs that flood, and links that stall with requests."""
import resource
import select
from contextlib import ExitStack

import pytest

from support import abi, operations, wire
from support.fake_device import FakeDevice
from support.wait import PATIENCE

DEVICES = 1000

OK = abi.VGPU_STUB_ERR_NONE
REFUSED = {abi.VGPU_STUB_ERR_QUEUE_FULL, abi.VGPU_STUB_ERR_RATE_LIMITED}


def echo(sequence, data=b""):
    return wire.request(operations.echo(data), sequence)


@pytest.fixture
def many_descriptors():
    """For the test and the daemon; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_sockets(start, sockets, many_descriptors):
    with ExitStack() as open_ones:
        start("--socket-dir", sockets)
        devices = [FakeDevice(sockets / f"{vm // 2}-{vm % 2}.sock")
                   for vm in range(DEVICES)]
        for device in devices:
            open_ones.callback(device.close)
        peers = [open_ones.enter_context(device.greet())
                 for device in devices]
        for number, peer in enumerate(peers):
            peer.send(echo(number, b"%d" % number))
        for number, peer in enumerate(peers):
            answer = peer.expect(abi.VGPU_STUB_MSG_RESPONSE)
            assert (answer.sequence, answer.status) == (number, OK)
            assert answer.payload[wire.RESPONSE.size:] == b"%d" % number
    # They have all gone at once, and the daemon is there for the next.
    with FakeDevice(sockets / "late.sock").greet() as peer:
        peer.send(echo(1, b"late"))
        assert peer.expect(abi.VGPU_STUB_MSG_RESPONSE).status == OK


def test_a_flood_and_a_neighbour(start, sockets, tmp_path):
    """A VM that sends all it can has the excess refused, each request once; its
    neighbour has every request executed."""
    config = tmp_path / "conf"
    # On a slow machine, too, it sends more than that.
    config.write_text("[vm flood]\nrate=100\nburst=100\n")
    start("--socket-dir", sockets, "--config", config)
    flood, good = (FakeDevice(sockets / f"{vm}-0.sock").greet()
                   for vm in ("flood", "good"))
    count, size = 20000, 900
    stream = memoryview(b"".join(echo(i, bytes(size)).encode()
                                 for i in range(count)))
    answers = bytearray()
    sent = asked = 0
    flood.sock.setblocking(False)
    poll = select.poll()
    poll.register(flood.sock, select.POLLIN | select.POLLOUT)
    while sent < len(stream):
        (_, ready), = poll.poll(10000)
        if ready & select.POLLOUT:
            sent += flood.sock.send(stream[sent:sent + 200000])
        if ready & select.POLLIN:
            answers += flood.sock.recv(1 << 20)
        asked += 1
        good.send(echo(asked, b"good"))
        answer = good.expect(abi.VGPU_STUB_MSG_RESPONSE)
        assert (answer.sequence, answer.status) == (asked, OK)
    flood.sock.settimeout(PATIENCE)

    statuses = {}
    while len(statuses) < count:
        while len(answers) < wire.HEADER.size or len(answers) < \
                wire.HEADER.size + wire.HEADER.unpack_from(answers)[3]:
            answers += flood.sock.recv(1 << 20)
        (_, _, kind, length, _, sequence, status,
         _) = wire.HEADER.unpack_from(answers)
        del answers[:wire.HEADER.size + length]
        assert kind == abi.VGPU_STUB_MSG_RESPONSE
        assert sequence not in statuses
        statuses[sequence] = status
    assert not answers
    assert set(statuses.values()) <= {OK, *REFUSED}
    assert set(statuses.values()) & REFUSED, "it was no flood"


def test_a_link_that_stalls_with_requests(start, sockets):
    """It does not read its answers: its neighbours have theirs, and when it
    reads again, none of its own is missing or doubled."""
    start("--socket-dir", sockets)
    stalled, good = (FakeDevice(sockets / f"{vm}-0.sock").greet()
                     for vm in (7, 8))
    sent = 0
    stalled.sock.setblocking(False)
    rest = b""
    for _ in range(2000):
        rest = rest or echo(sent, bytes(900)).encode()
        try:
            rest = rest[stalled.sock.send(rest):]
        except BlockingIOError:
            break
        sent += 0 if rest else 1
    assert sent < 2000, "the daemon buffers without limit"
    for i in range(100):
        good.send(echo(i, b"good"))
        assert good.expect(abi.VGPU_STUB_MSG_RESPONSE).status == OK
    stalled.sock.settimeout(PATIENCE)
    seen = set()
    while len(seen) < sent:
        answer = stalled.expect(abi.VGPU_STUB_MSG_RESPONSE)
        assert answer.sequence not in seen
        assert answer.status in {OK, *REFUSED}
        seen.add(answer.sequence)
    if rest:
        stalled.sock.sendall(rest)
        assert stalled.expect(abi.VGPU_STUB_MSG_RESPONSE).sequence == sent
