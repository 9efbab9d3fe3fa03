# SPDX-License-Identifier: GPL-2.0-or-later
"""The mediator's side of a device's queue."""
import itertools
import re

import pytest

from support import abi, operations, wire
from support.fake_queue_device import FakeQueueDevice, context_message

NONE = abi.VGPU_STUB_ERR_NONE


@pytest.fixture
def device(tmp_path):
    device = FakeQueueDevice(tmp_path / "vm.sock")
    yield device
    device.close()


@pytest.fixture
def config(tmp_path):
    return tmp_path / "conf"


def data(answer):
    """The data of an answer that has no error"""
    assert answer.status == NONE, answer
    return operations.results(answer.payload)[1]


def why(answer):
    """The sentence of an answer that has one"""
    assert answer.status != NONE, answer
    return operations.results(answer.payload)[1].decode("ascii")


def test_echo(peer):
    context = peer.open()
    answer = context.ask(operations.echo(b"over the queue"), request_id=77)
    assert data(answer) == b"over the queue"
    assert answer.request_id == 77
    assert context.close() == []


@pytest.mark.parametrize("size", [0, 1, 4064, 4065, 65504])
def test_echo_of_any_size(peer, size):
    payload = bytes(i % 251 for i in range(size))
    context = peer.open()
    answer = context.ask(operations.echo(payload), capacity=size + 32)
    assert data(answer) == payload


def test_params_come_back(peer):
    answer = peer.open().ask(operations.call(abi.VGPU_STUB_OP_ECHO,
                                             operations.words(1, 2, 3), b"x"))
    assert operations.results(answer.payload) == \
        (operations.words(1, 2, 3), b"x")


def test_a_response_is_cut(peer):
    context = peer.open()
    answer = context.ask(operations.echo(bytes(100)), capacity=131)
    assert answer.status == abi.VGPU_STUB_ERR_INVALID_LENGTH
    assert len(answer.payload) == wire.RESPONSE.size
    # An error keeps what fits of its text.
    answer = context.ask(operations.request(0, version=0), capacity=40)
    assert answer.status == abi.VGPU_STUB_ERR_INVALID_REQUEST
    assert why(answer) == "version:"


@pytest.mark.parametrize("payload, status, reason", [
    (operations.request(0)[:31], abi.VGPU_STUB_ERR_INVALID_LENGTH,
     "the request is shorter than its header"),
    (operations.request(0, flags=4), abi.VGPU_STUB_ERR_INVALID_REQUEST,
     "flags: a bit is set that has no meaning"),
    (operations.request(99), abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
     "the operation is not supported"),
    (operations.call(abi.VGPU_STUB_OP_NOP, data=b"x"),
     abi.VGPU_STUB_ERR_INVALID_REQUEST,
     "the operation takes no params and no data"),
])
def test_requests_with_mistakes(peer, payload, status, reason):
    answer = peer.open().ask(payload)
    assert (answer.status, why(answer)) == (status, reason)


def test_what_an_echo_does_not_take(peer):
    context = peer.open()
    answer = context.ask(operations.echo(b"x"),
                         flags=abi.VGPU_STUB_SUBMIT_WAITS)
    assert (answer.status, why(answer)) == \
        (abi.VGPU_STUB_ERR_INVALID_REQUEST,
         "flags: the operation does not wait")
    for option in {"bulk": b"x"}, {"room": 1}:
        answer = context.ask(operations.echo(b"x"), **option)
        assert (answer.status, why(answer)) == \
            (abi.VGPU_STUB_ERR_INVALID_REQUEST,
             "flags: the operation takes no bulk")


def test_many_at_once(peer):
    """Each has one answer, those of an order in the order of their coming."""
    contexts = [peer.open() for _ in range(3)]
    sent = {context.number: [] for context in contexts}
    for _ in range(10):
        messages = []
        for context in contexts:
            for i in range(20):
                message = context.request(operations.echo(bytes([i])),
                                          request_id=i)
                sent[context.number].append(message.sequence)
                messages.append(message)
        peer.send(*messages)
        for answer in peer.answers(60):
            assert data(answer) == bytes([answer.request_id])
            assert any(order and order.pop(0) == answer.sequence
                       for order in sent.values()
                       if order and order[0] == answer.sequence)
    for context in contexts:
        assert context.close() == [] == sent[context.number]


def test_mailbox_beside_the_queue(peer):
    context = peer.open()
    context.send(operations.echo(b"queue"))
    answer = peer.answer()
    assert data(answer) == b"queue"
    assert operations.results(peer.ask(operations.echo(b"mailbox"))[0]
                              .payload)[1] == b"mailbox"


def test_a_device_without_a_queue(daemon, device):
    with device.greet(version=abi.VGPU_STUB_WIRE_MAILBOX) as peer:
        peer.ask(operations.echo())
        peer.send(context_message(abi.VGPU_STUB_MSG_CONTEXT_OPEN, 1))
        peer.expect_closed()
    daemon.wait_log("closed, protocol violation: message of type 10, which a "
                    "device does not send here")


def test_a_newer_device(daemon, device):
    with device.greet(version=0x0001FFFF) as peer:
        assert data(peer.open().ask(operations.echo(b"x"))) == b"x"


# --- What a device must not do ---

def own(kind, number, sequence=None, reserved=(0,) * 6):
    return context_message(kind, number, sequence, reserved)


OPEN = abi.VGPU_STUB_MSG_CONTEXT_OPEN
CLOSE = abi.VGPU_STUB_MSG_CONTEXT_CLOSE
QREQUEST = abi.VGPU_STUB_MSG_QREQUEST
QCANCEL = abi.VGPU_STUB_MSG_QCANCEL

THERE = 1                       # the number of a context that is served
NEW = 1000                      # one that was never used


def queued(number=THERE, order=0, place=5, length=32, capacity=32, bulk=0,
           flags=0, sequence=NEW):
    return wire.Message(QREQUEST, wire.QREQUEST.pack(
        number, order, place, length, capacity, bulk, flags),
        sequence=sequence)


VIOLATIONS = {
    "open twice": (own(OPEN, THERE), "CONTEXT_OPEN of context 1, which is "
                   "there"),
    "open with another sequence": (
        own(OPEN, NEW, 7), "CONTEXT_OPEN of context 1000 with sequence 7"),
    "open with a reserved field": (
        own(OPEN, NEW, reserved=(0, 0, 0, 0, 0, 1)),
        "CONTEXT_OPEN with a reserved field that is not 0"),
    "open that is short": (
        wire.Message(OPEN, bytes(31), sequence=NEW),
        "CONTEXT_OPEN of 31 bytes, not 32"),
    "close of nothing": (
        own(CLOSE, NEW), "CONTEXT_CLOSE of context 1000, which is not there"),
    "close with another sequence": (
        own(CLOSE, THERE, 7), "CONTEXT_CLOSE of context 1 with sequence 7"),
    "close with a reserved field": (
        own(CLOSE, THERE, reserved=(1, 0, 0, 0, 0, 0)),
        "CONTEXT_CLOSE with a reserved field that is not 0"),
    "close that is long": (
        wire.Message(CLOSE, bytes(33), sequence=NEW),
        "CONTEXT_CLOSE of 33 bytes, not 32"),
    "close twice": (
        [own(CLOSE, THERE), own(CLOSE, THERE)],
        "CONTEXT_CLOSE of context 1, which is (closed|not there)"),
    "request after the close": (
        [own(CLOSE, THERE), queued()],
        "QREQUEST of context 1, which is (closed|not there)"),
    "cancel after the close": (
        [own(CLOSE, THERE), own(QCANCEL, THERE, 5)],
        "QCANCEL of context 1, which is (closed|not there)"),
    "request of nothing": (
        queued(NEW), "QREQUEST of context 1000, which is not there"),
    "request of one that is refused": (
        [own(OPEN, NEW), queued(NEW)],
        "QREQUEST of context 1000, which is not served"),
    "request that is short": (
        wire.Message(QREQUEST, bytes(31), sequence=NEW),
        "QREQUEST of 31 bytes, not 32"),
    "unknown place": (
        queued(place=66), "QREQUEST: place 66 of an arena that has 66"),
    "place far away": (
        queued(place=0xFFFFFFFF),
        "QREQUEST: place 4294967295 of an arena that has 66"),
    "no request": (
        queued(length=0), "QREQUEST: a request of 0 bytes, 1 to 4096 are "
        "allowed in its place"),
    "request over the place": (
        queued(length=4097), "a request of 4097 bytes, 1 to 4096"),
    "request over a large place": (
        queued(place=65, length=65537), "a request of 65537 bytes, 1 to 65536"),
    "no room": (
        queued(capacity=31), "room for a response of 31 bytes, 32 to 4096"),
    "room over the place": (
        queued(capacity=4097), "room for a response of 4097 bytes, 32 to 4096"),
    "bulk in a small place": (
        queued(bulk=1, flags=1), "bulk of 1 bytes, 0 to 0"),
    "bulk over the place": (
        queued(place=64, bulk=0x100001, flags=2),
        "bulk of 1048577 bytes, 0 to 1048576"),
    "bulk both ways": (
        queued(place=64, bulk=5, flags=3), "flags 0x3 with 5 bytes of bulk"),
    "bulk without a flag": (
        queued(place=64, bulk=5), "flags 0x0 with 5 bytes of bulk"),
    "flag without bulk": (queued(flags=1), "flags 0x1 with 0 bytes of bulk"),
    "unknown flag": (queued(flags=32), "flags 0x20 with"),
    "a guest's flag": (queued(flags=8), "flags 0x8 with"),
    "waits with bulk": (
        queued(place=64, bulk=5, flags=17), "flags 0x11 with 5 bytes of bulk"),
    "cancel of nothing": (
        own(QCANCEL, NEW, 5), "QCANCEL of context 1000, which is not there"),
    "cancel with a reserved field": (
        own(QCANCEL, THERE, 5, reserved=(0, 1, 0, 0, 0, 0)),
        "QCANCEL with a reserved field that is not 0"),
    "cancel that is short": (
        wire.Message(QCANCEL, b""), "QCANCEL of 0 bytes, not 32"),
    "ARENA": (wire.Message(abi.VGPU_STUB_MSG_ARENA, bytes(32)),
              "message of type 11, which a device does not send"),
    "REFUSED": (own(abi.VGPU_STUB_MSG_REFUSED, THERE),
                "message of type 12, which a device does not send"),
    "CLOSED": (own(abi.VGPU_STUB_MSG_CLOSED, THERE),
               "message of type 14, which a device does not send"),
    "QRESPONSE": (wire.Message(abi.VGPU_STUB_MSG_QRESPONSE, bytes(32)),
                  "message of type 16, which a device does not send"),
}


def test_violations(start, tmp_path, config):
    """Each ends its own connection, and the log says what was wrong."""
    config.write_text("[vm]\ncontexts=1\n")
    devices = {name: FakeQueueDevice(tmp_path / f"{i}.sock")
               for i, name in enumerate(VIOLATIONS)}
    daemon = start("--config", config,
                   *itertools.chain(*(("--connect", device.path)
                                      for device in devices.values())))
    peers = {name: device.greet() for name, device in devices.items()}
    for name, (messages, reason) in VIOLATIONS.items():
        with peers[name] as peer:
            assert peer.open().number == THERE, name
            peer.send(*(messages if isinstance(messages, list)
                        else [messages]))
            peer.expect_closed()
        line = daemon.wait_log(f"{devices[name].path}: .*: closed")[0]
        assert re.search(f"closed, protocol violation: .*{reason}", line), name
    for device in devices.values():
        device.close()


# Messages of one send() are taken before anything is executed.

def test_place_in_use(daemon, device):
    with device.greet() as peer:
        peer.open()
        peer.send(queued(), queued(sequence=NEW + 1))
        peer.expect_closed()
    daemon.wait_log("protocol violation: QREQUEST in place 5, which has one")


def test_sequence_in_use(daemon, device):
    with device.greet() as peer:
        peer.open()
        peer.send(queued(place=1), queued(place=2))
        peer.expect_closed()
    daemon.wait_log("protocol violation: QREQUEST with sequence 1000, which "
                    "is running")


def test_cancel_of_another_contexts(daemon, device):
    with device.greet() as peer:
        one, other = peer.open(), peer.open()
        peer.send(queued(), other.cancel(NEW))
        peer.expect_closed()
    daemon.wait_log(f"protocol violation: QCANCEL with context {other.number} "
                    "of a request of context 1")


def test_too_many_contexts(daemon, device):
    with device.greet() as peer:
        for _ in range(64):
            peer.start_open()
        peer.send(own(OPEN, NEW))
        peer.expect_closed()
    daemon.wait_log("protocol violation: CONTEXT_OPEN, although 64 contexts "
                    "are open")
