# SPDX-License-Identifier: GPL-2.0-or-later
"""The mediator's side of docs/wire-protocol.md."""

import pytest

from support import abi, operations, wire
from support.fake_device import FakeDevice
from support.wire import Message

HELLO = abi.VGPU_STUB_MSG_HELLO
REQUEST = abi.VGPU_STUB_MSG_REQUEST
RESPONSE = abi.VGPU_STUB_MSG_RESPONSE
CANCEL = abi.VGPU_STUB_MSG_CANCEL
PING = abi.VGPU_STUB_MSG_PING
PONG = abi.VGPU_STUB_MSG_PONG

MAX_PAYLOAD = abi.VGPU_STUB_WIRE_MAX_PAYLOAD
UUID = bytes.fromhex("00112233445566778899aabbccddeeff")


def echo(sequence, data=b"", **fields):
    """A REQUEST that asks for an ECHO of data."""
    return wire.request(operations.echo(data), sequence, **fields)


def echoed(peer, sequence):
    """The data in the next message, which has to answer echo(sequence)."""
    answer = peer.expect(RESPONSE)
    assert answer.sequence == sequence
    assert answer.status == abi.VGPU_STUB_ERR_NONE
    return answer.payload[wire.RESPONSE.size:]


def check_alive(peer):
    """Everything before has been answered, and the link works."""
    peer.send(echo(0xA11FE, b"alive"))
    assert echoed(peer, 0xA11FE) == b"alive"


def test_handshake(daemon, device):
    peer = device.accept()
    peer.send(wire.hello(vm_id=200, pool=abi.VGPU_STUB_POOL_B,
                         priority=abi.VGPU_STUB_PRIORITY_HIGH,
                         device_id=b"gpu0", vm_uuid=UUID))
    welcome = peer.expect(abi.VGPU_STUB_MSG_WELCOME)
    assert wire.WELCOME.unpack(welcome.payload) == \
        (abi.VGPU_STUB_PROTOCOL_VERSION, MAX_PAYLOAD)
    assert (welcome.status, welcome.flags) == (0, 0)
    check_alive(peer)
    assert daemon.log() == [
        f"vgpu-mediatord: {device.path}: vm 200, pool B, priority high, "
        'device "gpu0": connected']


@pytest.mark.parametrize("hello", [
    wire.hello(protocol_version=0x00010001),
    wire.hello(protocol_version=0x0001FFFF),
    wire.hello(capabilities=0xFFFFFFFF),
    wire.hello(vm_id=0xFFFFFFFF, device_id=b"x" * 32, vm_uuid=b"\xff" * 16),
    wire.hello(pool=abi.VGPU_STUB_POOL_B,
               priority=abi.VGPU_STUB_PRIORITY_LOW),
])
def test_hello_that_is_welcome(daemon, device, hello):
    with device.accept() as peer:
        peer.send(hello)
        peer.expect(abi.VGPU_STUB_MSG_WELCOME)
        check_alive(peer)


@pytest.mark.parametrize("hello, status, reason", [
    (wire.hello(protocol_version=0), abi.VGPU_STUB_ERR_PROTOCOL_ERROR,
     "protocol version 0.0, major version 1 is served"),
    (wire.hello(protocol_version=0x00020003),
     abi.VGPU_STUB_ERR_PROTOCOL_ERROR,
     "protocol version 2.3, major version 1 is served"),
    (wire.hello(pool=0), abi.VGPU_STUB_ERR_INVALID_POOL,
     "pool 0x00, 0x41 (A) and 0x42 (B) are served"),
    (wire.hello(pool=0x43), abi.VGPU_STUB_ERR_INVALID_POOL,
     "pool 0x43, 0x41 (A) and 0x42 (B) are served"),
    (wire.hello(priority=3), abi.VGPU_STUB_ERR_PROTOCOL_ERROR,
     "priority 3, 0 (low) to 2 (high) are served"),
    (wire.hello(priority=255), abi.VGPU_STUB_ERR_PROTOCOL_ERROR,
     "priority 255, 0 (low) to 2 (high) are served"),
])
def test_hello_that_is_rejected(daemon, device, hello, status, reason):
    with device.accept() as peer:
        peer.send(hello)
        reject = peer.expect(abi.VGPU_STUB_MSG_REJECT)
        assert reject.status == status
        assert reject.payload.decode() == reason
        peer.expect_closed()
    assert daemon.log() == [
        f"vgpu-mediatord: warning: {device.path}: rejected: {reason}"]
    device.greet()


FIRST = {
    "a PING first": (
        Message(PING), "the first message has type 7, not 1 (HELLO)"),
    "a REQUEST first": (
        echo(1), "the first message has type 4, not 1 (HELLO)"),
    "a WELCOME first": (
        wire.welcome(), "the first message has type 2, not 1 (HELLO)"),
    "an unknown type first": (
        Message(99), "the first message has type 99, not 1 (HELLO)"),
    "an empty HELLO": (
        Message(HELLO), "HELLO of 0 bytes, not 64"),
    "a short HELLO": (
        Message(HELLO, bytes(63)), "HELLO of 63 bytes, not 64"),
    "a long HELLO": (
        Message(HELLO, bytes(65)), "HELLO of 65 bytes, not 64"),
    "the longest HELLO": (
        Message(HELLO, bytes(MAX_PAYLOAD)), "HELLO of 65536 bytes, not 64"),
}

ANY_TIME = {
    "magic 0": (
        Message(PING, magic=0), "magic 0x00000000, not 0x55504756"),
    "magic in big-endian": (
        Message(PING, magic=0x56475055),
        "magic 0x56475055, not 0x55504756"),
    "wire version 0": (
        Message(PING, version=0), "wire version 0, not 1"),
    "wire version 2": (
        Message(PING, version=2), "wire version 2, not 1"),
    "wire version 65535": (
        Message(PING, version=0xFFFF), "wire version 65535, not 1"),
    "length 65537": (
        Message(PING, length=MAX_PAYLOAD + 1),
        "payload of 65537 bytes, at most 65536 are allowed"),
    "length 2^31": (
        Message(PING, length=1 << 31),
        "payload of 2147483648 bytes, at most 65536 are allowed"),
    "length 2^32 - 1": (
        Message(PING, length=0xFFFFFFFF),
        "payload of 4294967295 bytes, at most 65536 are allowed"),
    "length 2^32 - 32": (
        Message(REQUEST, length=0xFFFFFFE0),
        "payload of 4294967264 bytes, at most 65536 are allowed"),
    "an unknown type, too long": (
        Message(99, length=MAX_PAYLOAD + 1),
        "payload of 65537 bytes, at most 65536 are allowed"),
    "text": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "magic 0x20544547, not 0x55504756"),
    "zeros": (
        bytes(4096), "magic 0x00000000, not 0x55504756"),
}

LATER = {
    "a second HELLO": (
        wire.hello(), "message of type 1, which a device does not send here"),
    "a WELCOME": (
        wire.welcome(),
        "message of type 2, which a device does not send here"),
    "a REJECT": (
        Message(abi.VGPU_STUB_MSG_REJECT),
        "message of type 3, which a device does not send here"),
    "a RESPONSE": (
        Message(RESPONSE, bytes(32)),
        "message of type 5, which a device does not send here"),
    "a CANCEL with a payload": (
        Message(CANCEL, b"x"), "CANCEL with a payload of 1 bytes"),
    "a RESET with a payload": (
        Message(abi.VGPU_STUB_MSG_RESET, b"x"),
        "RESET with a payload of 1 bytes"),
    "a sequence twice": (
        echo(5).encode() + echo(5).encode(),
        "REQUEST with sequence 5, which is running"),
}


def check_violation(daemon, device, peer, violation):
    message, what = violation
    peer.send(message)
    peer.expect_closed()
    lines = [line for line in daemon.log() if "protocol violation" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"vgpu-mediatord: warning: {device.path}: ")
    assert lines[0].endswith(f": closed, protocol violation: {what}") or \
        lines[0].endswith(f"{device.path}: closed, protocol violation: {what}")
    # The daemon comes back, and no worse.
    with device.greet() as again:
        check_alive(again)


@pytest.mark.parametrize("name", {**FIRST, **ANY_TIME})
def test_violation_before_hello(daemon, device, name):
    with device.accept() as peer:
        check_violation(daemon, device, peer, {**FIRST, **ANY_TIME}[name])


@pytest.mark.parametrize("name", {**LATER, **ANY_TIME})
def test_violation_after_hello(daemon, device, peer, name):
    check_violation(daemon, device, peer, {**LATER, **ANY_TIME}[name])


def test_violation_after_good_messages_in_the_same_piece(daemon, device,
                                                         peer):
    check_violation(daemon, device, peer, (
        Message(PING).encode() + echo(1).encode() + bytes(32),
        "magic 0x00000000, not 0x55504756"))


def test_no_hello(start, tmp_path):
    """Silence and half a HELLO end after 5 s; other links live on."""
    devices = [FakeDevice(tmp_path / f"{i}.sock") for i in range(3)]
    daemon = start("--socket-dir", tmp_path)
    silent, halfway = devices[0].accept(), devices[1].accept()
    good = devices[2].greet()
    halfway.send(wire.hello().encode()[:50])
    for peer, device in ((silent, devices[0]), (halfway, devices[1])):
        peer.expect_closed()
        daemon.wait_log(f"{device.path}: closed, protocol violation: "
                        "no HELLO within 5 s")
    check_alive(good)


def test_bytes_one_at_a_time(daemon, device):
    with device.accept() as peer:
        peer.send_slowly(wire.hello())
        peer.expect(abi.VGPU_STUB_MSG_WELCOME)
        for sequence in 1, 2:
            data = bytes(range(256)) * 3
            peer.send_slowly(echo(sequence, data))
            assert echoed(peer, sequence) == data


def test_handshake_and_requests_in_one_piece(daemon, device):
    """Nothing says that a device waits for WELCOME before it sends."""
    with device.accept() as peer:
        peer.send(wire.hello(), *(echo(i, b"%d" % i) for i in range(200)))
        peer.expect(abi.VGPU_STUB_MSG_WELCOME)
        for i in range(200):
            assert echoed(peer, i) == b"%d" % i


def test_message_split_over_two_pieces(peer):
    stream = b"".join(echo(i, bytes([i]) * 100).encode() for i in range(8))
    for cut in range(1, len(stream), 97):
        peer.send(stream[:cut])
        peer.send(stream[cut:])
        for i in range(8):
            assert echoed(peer, i) == bytes([i]) * 100


@pytest.mark.parametrize("kind", [0, 18, 255, 0x8001, 0xFFFF])
@pytest.mark.parametrize("size", [0, 1, 5000, MAX_PAYLOAD])
def test_unknown_types_are_skipped(peer, kind, size):
    # The payload looks like a message; it must not be taken for one.
    inner = (echo(666).encode() * (size // 64 + 1))[:size]
    peer.send(Message(kind, inner, status=1, flags=1))
    check_alive(peer)


def test_pong_that_nobody_asked_for(peer):
    peer.send(Message(PONG, b"here"))
    check_alive(peer)


@pytest.mark.parametrize("size", [0, 1, 1024, 4064, 4065, 65535, MAX_PAYLOAD])
def test_ping(peer, size):
    payload = (b"vgpu-stub" * 8000)[:size]
    peer.send(Message(PING, payload, request_id=7, sequence=1 << 63))
    pong = peer.expect(PONG)
    assert pong == Message(PONG, payload, 7, 1 << 63, length=None)


def test_header_fields_come_back(peer):
    peer.send(echo(0xFEDCBA9876543210, b"x", request_id=0xFFFFFFFF))
    answer = peer.expect(RESPONSE)
    assert answer.sequence == 0xFEDCBA9876543210
    assert answer.request_id == 0xFFFFFFFF


def test_a_cancelled_request_is_not_answered(peer):
    peer.send(echo(1), Message(CANCEL, sequence=1), echo(2, b"two"))
    assert echoed(peer, 2) == b"two"
    check_alive(peer)


def test_cancel_of_one_among_several(peer):
    peer.send(echo(1), echo(2), echo(3), Message(CANCEL, sequence=2))
    assert echoed(peer, 1) == b""
    assert echoed(peer, 3) == b""
    check_alive(peer)


def test_cancel_of_no_request(peer):
    peer.send(Message(CANCEL, sequence=1), echo(1))
    assert echoed(peer, 1) == b""
    peer.send(Message(CANCEL, sequence=1), Message(CANCEL, sequence=99))
    check_alive(peer)


def test_sequence_again_after_cancel(peer):
    """The cancelled request's end must not touch the new one."""
    peer.send(echo(1, b"old"), Message(CANCEL, sequence=1), echo(1, b"new"))
    assert echoed(peer, 1) == b"new"
    check_alive(peer)


def test_device_id_cannot_forge_log_lines(daemon, device):
    with device.greet(device_id=b'a\nb\x1b[2J"\\\xff'):
        line, = daemon.wait_log("connected$")
        assert 'device "a\\nb\\033[2J\\"\\\\\\377": connected' in line
    assert len(daemon.wait_log("peer closed the connection$")) == 1
    assert len(daemon.log()) == 2


def test_disconnect_is_logged(daemon, device, peer):
    peer.close()
    line, = daemon.wait_log("disconnected")
    assert line == (
        f"vgpu-mediatord: {device.path}: vm 0, pool A, priority medium, "
        'device "": disconnected: the peer closed the connection')
