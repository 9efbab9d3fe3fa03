# SPDX-License-Identifier: GPL-2.0-or-later
"""The device against a mediator that is slow, wrong, hostile or gone."""
import socket
import uuid

import pytest

from support import abi, wire
from support.fake_mediator import FakeMediator
from support.wait import PATIENCE, wait_for
from support.wire import Message

UUID = "00112233-4455-6677-8899-aabbccddeeff"
MAX = abi.VGPU_STUB_WIRE_MAX_PAYLOAD
RESPONSE = abi.VGPU_STUB_MSG_RESPONSE
WELCOME = abi.VGPU_STUB_MSG_WELCOME


def test_hello(start_qemu, link_path):
    start_qemu("pool_id=B,priority=high,vm_id=200", "-uuid", UUID)
    with FakeMediator.greet(link_path) as mediator:
        assert mediator.hello.request_id == mediator.hello.sequence == 0
        assert wire.HELLO.unpack(mediator.hello.payload) == (
            abi.VGPU_STUB_WIRE_QUEUE, 0xf, 200,
            abi.VGPU_STUB_POOL_B, abi.VGPU_STUB_PRIORITY_HIGH, 0,
            uuid.UUID(UUID).bytes, b"gpu0".ljust(32, b"\0"))


def test_link_is_up_after_welcome_only(dev, link_path):
    assert dev.LINK == 0
    with FakeMediator.greet(link_path) as mediator:
        mediator.sync()
        assert dev.LINK == 0
        dev.submit(b"early")
        assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
        mediator.send(wire.welcome())
        mediator.sync()
        assert dev.LINK == 1


def test_reject(dev, link_path):
    with FakeMediator.greet(link_path) as mediator:
        mediator.send(Message(abi.VGPU_STUB_MSG_REJECT, b"no \x1b[31mpool\0x",
                              status=abi.VGPU_STUB_ERR_INVALID_POOL))
        mediator.sync()
        assert dev.LINK == 0
        dev.submit(b"please")
        assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
    FakeMediator.accept(link_path).close()      # another may say yes


def test_bytes_one_at_a_time(dev, link_path):
    with FakeMediator.greet(link_path) as mediator:
        mediator.send_slowly(wire.welcome())
        mediator.sync()
        dev.submit(b"question")
        request = mediator.expect_request()
        mediator.send_slowly(wire.response_to(request, b"slow answer"))
        mediator.sync()
        assert dev.STATUS == abi.VGPU_STUB_STATUS_DONE
        assert dev.response() == b"slow answer"


def test_many_messages_in_one_piece(dev, link_path):
    with FakeMediator.greet(link_path) as mediator:
        ping = Message(abi.VGPU_STUB_MSG_PING, b"p" * 100, 5, 6)
        mediator.send(wire.welcome(), *[ping] * 50, Message(0x7777, b"news"))
        for _ in range(50):
            pong = mediator.expect(abi.VGPU_STUB_MSG_PONG)
            assert (pong.payload, pong.request_id, pong.sequence) == (
                b"p" * 100, 5, 6)
        mediator.sync()
        assert dev.LINK == 1


@pytest.mark.parametrize("length", (0, 1, 4095, 4096, MAX))
def test_ping(linked, length):
    payload = bytes(i & 0xff for i in range(length))
    linked.mediator.send(Message(abi.VGPU_STUB_MSG_PING, payload))
    assert linked.mediator.expect(abi.VGPU_STUB_MSG_PONG).payload == payload


@pytest.mark.parametrize("kind", (0, 10, 0xffff))
@pytest.mark.parametrize("length", (0, 33, MAX))
def test_unknown_types_are_skipped(linked, kind, length):
    linked.mediator.send(Message(kind, b"V" * length))
    linked.mediator.sync()
    assert linked.dev.LINK == 1


def test_a_pong_nobody_asked_for_is_skipped(linked):
    linked.mediator.send(Message(abi.VGPU_STUB_MSG_PONG, b"?"))
    linked.mediator.sync()
    assert linked.dev.LINK == 1


VIOLATIONS = {
    "magic 0": Message(RESPONSE, magic=0),
    "magic swapped": Message(RESPONSE, magic=0x56475055),
    "magic one bit off": Message(RESPONSE, magic=abi.VGPU_STUB_WIRE_MAGIC ^ 1),
    "version 0": Message(RESPONSE, version=0),
    "version 2": Message(RESPONSE, version=2),
    "version 0xffff": Message(RESPONSE, version=0xffff),
    "length above the limit": Message(RESPONSE, length=MAX + 1),
    "length with the top bit": Message(RESPONSE, length=0x80000000),
    "length all ones": Message(RESPONSE, length=0xffffffff),
    "unknown type, length above the limit": Message(99, length=MAX + 1),
    "ping above the limit": Message(abi.VGPU_STUB_MSG_PING, length=MAX + 1),
    "response longer than the buffer": Message(RESPONSE, b"x" * 1025),
    "response of the largest size": Message(RESPONSE, b"x" * MAX),
    "response with reserved status 0x0f": Message(RESPONSE, status=0x0f),
    "response with reserved status 0xef": Message(RESPONSE, status=0xef),
    "response with status 0x100": Message(RESPONSE, status=0x100),
    "response with status all ones": Message(RESPONSE, status=0xffffffff),
    "hello": wire.hello(),
    "hello, empty": Message(abi.VGPU_STUB_MSG_HELLO),
    "request": Message(abi.VGPU_STUB_MSG_REQUEST, b"do this"),
    "cancel": Message(abi.VGPU_STUB_MSG_CANCEL),
    "reset": Message(abi.VGPU_STUB_MSG_RESET),
    "second welcome": wire.welcome(),
    "reject after welcome": Message(abi.VGPU_STUB_MSG_REJECT, b"changed"),
    "text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "a good message, then none": wire.Message(99, b"x").encode() + bytes(32),
    "the header of a good message twice": Message(RESPONSE, length=32).encode()
        + Message(RESPONSE, length=MAX + 1).encode()
        + Message(RESPONSE, length=MAX + 1).encode(),
}


def violate(linked, message):
    dev = linked.dev
    dev.submit(b"question")
    linked.mediator.expect_request()
    linked.mediator.send(message)
    linked.mediator.expect_closed()
    assert dev.wait_outcome() == abi.VGPU_STUB_STATUS_ERROR
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_PROTOCOL_ERROR
    assert dev.LINK == 0


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_ends_connection_and_request(linked, link_path, name):
    violate(linked, VIOLATIONS[name])
    with FakeMediator.accept(link_path) as mediator:
        linked.dev.submit(b"again")
        mediator.respond(mediator.expect_request(), b"welcome back")
        assert linked.dev.STATUS == abi.VGPU_STUB_STATUS_DONE
        assert linked.dev.response() == b"welcome back"


BAD_WELCOMES = {
    "empty": Message(WELCOME),
    "short": Message(WELCOME, bytes(7)),
    "long": Message(WELCOME, bytes(9)),
    "version 0": wire.welcome(version=0),
    "another major version": wire.welcome(version=0x00020000),
    "a later minor version": wire.welcome(version=0x00010002),
    "max payload 0": wire.welcome(max_payload=0),
    "max payload below the buffers": wire.welcome(max_payload=1023),
}


@pytest.mark.parametrize("name", BAD_WELCOMES)
def test_bad_welcome(dev, link_path, name):
    with FakeMediator.greet(link_path) as mediator:
        mediator.send(BAD_WELCOMES[name])
        mediator.expect_closed()
    assert dev.LINK == 0
    FakeMediator.accept(link_path).close()


def test_welcome_after_reject_is_a_violation(dev, link_path):
    with FakeMediator.greet(link_path) as mediator:
        mediator.send(Message(abi.VGPU_STUB_MSG_REJECT, b"no"), wire.welcome())
        mediator.expect_closed()
    assert dev.LINK == 0


@pytest.mark.parametrize("change", (-1, 1, 2**63))
def test_an_answer_to_another_request_is_dropped(linked, change):
    linked.dev.submit(b"question")
    request = linked.mediator.expect_request()
    wrong = wire.response_to(request, b"wrong")
    wrong.sequence = (request.sequence + change) % 2**64
    linked.mediator.send(wrong)
    linked.mediator.sync()
    assert linked.dev.STATUS == abi.VGPU_STUB_STATUS_BUSY
    linked.mediator.respond(request, b"right")
    assert linked.dev.STATUS == abi.VGPU_STUB_STATUS_DONE
    assert linked.dev.response() == b"right"


def test_a_second_answer_is_dropped(linked):
    linked.dev.submit(b"question")
    request = linked.mediator.expect_request()
    linked.mediator.send(wire.response_to(request, b"first"),
                         wire.response_to(request, b"other"))
    linked.mediator.sync()
    assert linked.dev.response() == b"first"


def test_an_answer_without_a_question_is_dropped(linked):
    linked.mediator.send(Message(RESPONSE, b"surprise"))
    linked.mediator.sync()
    assert linked.dev.STATUS == abi.VGPU_STUB_STATUS_IDLE
    assert linked.dev.RESPONSE_LEN == 0


@pytest.mark.parametrize("status", [
    *(code for name, code in abi.names("VGPU_STUB_ERR_").items()
      if name != "NONE"), 0xf7])
def test_every_error_code_reaches_the_guest(linked, status):
    linked.dev.submit(b"question")
    linked.mediator.respond(linked.mediator.expect_request(), b"", status)
    assert linked.dev.STATUS == abi.VGPU_STUB_STATUS_ERROR
    assert linked.dev.ERROR_CODE == status


def test_mediator_gone_while_busy(linked, link_path):
    linked.dev.submit(b"question")
    linked.mediator.expect_request()
    linked.mediator.close()
    assert linked.dev.wait_outcome() == abi.VGPU_STUB_STATUS_ERROR
    assert linked.dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
    linked.dev.wait_link(0)


def test_mediator_comes_back_many_times(dev, link_path):
    last = 0
    for round_ in range(20):
        with FakeMediator.accept(link_path) as mediator:
            dev.submit(b"question %d" % round_)
            request = mediator.expect_request()
            assert request.sequence > last
            last = request.sequence
            mediator.respond(request, b"answer %d" % round_)
            assert dev.response() == b"answer %d" % round_
        dev.wait_link(0)


def test_a_mediator_that_leaves_in_the_middle_of_a_message(dev, link_path):
    for cut in (1, 31, 32, 40):
        with FakeMediator.accept(link_path) as mediator:
            dev.submit(b"question")
            request = mediator.expect_request()
            mediator.send(wire.response_to(request, b"answer").encode()[:cut]
                          if cut < 38 else
                          wire.response_to(request, b"a" * 100).encode()[:cut])
        assert dev.wait_outcome() == abi.VGPU_STUB_STATUS_ERROR
        assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
        dev.wait_link(0)


def test_a_mediator_that_never_reads(linked):
    """The buffer is bounded; when it is full the guest is told, not stopped."""
    dev, mediator = linked.dev, linked.mediator
    submitted = 0
    while True:
        dev.submit(b"q" * 1024, submitted)
        if dev.STATUS == abi.VGPU_STUB_STATUS_ERROR:
            break
        submitted += 1
        dev.DOORBELL = abi.VGPU_STUB_DOORBELL_ACK
        assert submitted < 5000, "no limit"
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_QUEUE_FULL
    for request_id in range(submitted):     # nothing was lost or reordered
        request = mediator.expect_request()
        assert (request.request_id, request.payload) == (request_id, b"q" * 1024)
        cancel = mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
        assert cancel.sequence == request.sequence
    dev.submit(b"again")
    mediator.respond(mediator.expect_request(), b"fine")
    assert dev.STATUS == abi.VGPU_STUB_STATUS_DONE


@pytest.mark.parametrize("full", (False, True), ids=("idle", "full"))
def test_a_mediator_that_closes_what_it_receives(linked, link_path, full):
    """Its own side stays open: no end of the stream tells the device."""
    dev, mediator = linked.dev, linked.mediator
    dev.submit(b"q")
    while full and dev.STATUS == abi.VGPU_STUB_STATUS_BUSY:
        dev.DOORBELL = abi.VGPU_STUB_DOORBELL_ACK
        dev.submit(b"q" * 1024)
    mediator.sock.shutdown(socket.SHUT_RD)
    if full:
        mediator.expect_closed()            # makes room for the rest
    else:
        dev.DOORBELL = abi.VGPU_STUB_DOORBELL_ACK   # sends a CANCEL
    dev.wait_link(0)
    dev.submit(b"q")
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
    FakeMediator.accept(link_path).close()


def test_who_does_not_accept_the_device_is_dropped(start_qemu, link_path,
                                                   tmp_path):
    """Or it would keep the only connection from a mediator that does."""
    second_path = tmp_path / "second.sock"
    start_qemu("", "-chardev",
               f"socket,id=second,path={second_path},server=on,wait=off",
               "-device", "vgpu-stub,id=gpu1,chardev=second")
    with FakeMediator.greet(link_path) as silent, \
            FakeMediator.greet(second_path) as rejects:
        rejects.send(Message(abi.VGPU_STUB_MSG_REJECT, b"no"))
        rejects.sync()
        for mediator in silent, rejects:
            mediator.expect_closed()
    for path in link_path, second_path:
        FakeMediator.accept(path).close()


def test_a_mediator_that_pings_and_never_reads(linked):
    """The device stops reading until its PONGs are taken; none is lost."""
    mediator = linked.mediator
    ping = Message(abi.VGPU_STUB_MSG_PING, b"p" * 60000).encode()
    mediator.sock.setblocking(False)
    pending = b""
    sent = 0
    idle = 0
    while idle < 20:                        # until both sides are full
        pending = pending or ping
        try:
            count = mediator.sock.send(pending)
            idle = 0
        except BlockingIOError:
            linked.dev.read(0)              # QEMU's main loop goes round
            idle += 1
            continue
        sent += len(pending) == len(ping)
        pending = pending[count:]
        assert sent < 1000, "no limit"
    dev = linked.dev
    dev.submit(b"q")
    assert dev.wait_outcome() == abi.VGPU_STUB_STATUS_ERROR
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_QUEUE_FULL
    mediator.sock.settimeout(PATIENCE)
    for number in range(sent):
        if number == sent - 1 and pending:
            mediator.send(pending)
        assert len(mediator.expect(abi.VGPU_STUB_MSG_PONG).payload) == 60000
    mediator.sync()
    dev.submit(b"q")
    mediator.respond(mediator.expect_request(), b"a")
    assert dev.STATUS == abi.VGPU_STUB_STATUS_DONE


def test_the_reason_of_a_reject_is_traced(start_qemu, link_path, tmp_path):
    log = tmp_path / "trace"
    qemu = start_qemu("", "-trace", "vgpu_stub_*", "-D", log)
    if "vgpu_stub_link_rejected" not in qemu.hmp("info trace-events"):
        pytest.skip("this QEMU was built without the log trace backend")
    with FakeMediator.greet(link_path) as mediator:
        mediator.send(Message(abi.VGPU_STUB_MSG_REJECT, b"no pool \n"))
        mediator.sync()
    wait_for(lambda: "vgpu_stub_link_closed" in log.read_text(), "trace of close")
    assert 'reason="no pool \\n"' in log.read_text()
