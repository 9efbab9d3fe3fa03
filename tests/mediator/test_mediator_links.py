# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that come and go, many at once, and some that do not read."""
import json
import os
import select
import socket
import time


from support import abi, wire
from support.fake_device import FakeDevice
from support.wait import PATIENCE, wait_connection, wait_for
from support.wire import Message

PING = abi.VGPU_STUB_MSG_PING
PONG = abi.VGPU_STUB_MSG_PONG


def check_alive(peer, data=b"alive"):
    peer.send(Message(PING, data))
    assert peer.expect(PONG).payload == data


def test_connection_lost(device, peer):
    """The listener is still there, as when QEMU drops a client."""
    for _ in range(3):
        peer.close()
        peer = device.greet()
        check_alive(peer)
    peer.close()


def test_connection_lost_before_hello(daemon, device):
    device.accept().close()
    with device.greet() as peer:
        check_alive(peer)


def test_connection_lost_in_a_message(daemon, device, peer):
    peer.send(Message(PING, bytes(100)).encode()[:50])
    peer.close()
    with device.greet() as again:
        check_alive(again)


def test_connection_lost_with_requests_running(device, peer):
    request = wire.request(bytes(32))
    for start in range(0, 300, 100):
        for sequence in range(start, start + 100):
            request.sequence = sequence
            peer.send(request)
        peer.close()
        peer = device.greet()
    check_alive(peer)
    peer.close()


def test_new_sockets_and_restarts_are_seen_at_once(start, sockets):
    """Without the directory's watch each would take up to 5 s."""
    start("--socket-dir", sockets)
    deadline = time.monotonic() + 60
    for name in [f"{i}.sock" for i in range(20)] + ["restarted.sock"] * 20:
        device = FakeDevice(sockets / name)
        with device.greet() as peer:
            check_alive(peer)
        device.remove()
        assert time.monotonic() < deadline, name


def test_vm_restart_with_connect(start, device):
    start("--connect", device.path)
    with device.greet() as peer:
        check_alive(peer)
    device.remove()
    again = FakeDevice(device.path)
    with again.greet() as peer:
        check_alive(peer)
    again.close()


def test_socket_of_connect_comes_later(start, tmp_path):
    path = tmp_path / "later.sock"
    daemon = start("--connect", path)
    warning, = daemon.wait_log("cannot connect")
    assert warning == (f"vgpu-mediatord: warning: {path}: cannot connect: "
                       "No such file or directory; will go on trying")
    device = FakeDevice(path)
    with device.greet() as peer:
        check_alive(peer)
    device.close()


def test_stale_socket_file(start, sockets, admin, ctl):
    """What a killed QEMU leaves behind is nobody; its successor is seen."""
    FakeDevice(sockets / "vm.sock").close()
    daemon = start("--socket-dir", sockets, "--admin-socket", admin)
    wait_connection(admin).close()
    assert json.loads(ctl("vms", "--json")) == []
    (sockets / "vm.sock").unlink()
    device = FakeDevice(sockets / "vm.sock")
    with device.greet() as peer:
        check_alive(peer)
    device.close()
    assert daemon.stop() == 0
    assert not [line for line in daemon.log() if "cannot connect" in line]


def test_a_vm_that_has_ended_is_gone(start, sockets, admin, ctl, tmp_path):
    """QEMU was killed, and nobody starts another VM."""
    uuid = "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab"
    options = ("--socket-dir", sockets, "--admin-socket", admin,
               "--state-dir", tmp_path)
    daemon = start(*options)
    device = FakeDevice(sockets / f"{uuid}.7-0.sock")
    with device.greet():
        ctl("quarantine", uuid)
        device.close()
    for again in False, True:
        if again:
            assert daemon.stop() == 0
            daemon = start(*options)
            wait_connection(admin).close()
        wait_for(lambda: json.loads(ctl("vms", "--json")) == [],
                 "end of the VM")
        status, = json.loads(ctl("status", "--json"))
        assert (status["vms"], status["quarantined"]) == (0, 0)
        # Longer than the longest pause between attempts
        assert "no VM runs as domain 7" in ctl.fails("set", "7", "rate", "1")
    assert not [line for line in daemon.log() if "cannot connect" in line]


def test_a_listener_that_comes_late(start, sockets):
    """The file is there for longer than all the first attempts take."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(sockets / "vm.sock"))
    daemon = start("--socket-dir", sockets)
    early = FakeDevice(sockets / "other.sock")
    check_alive(early.greet())
    listener.listen(1)
    listener.settimeout(PATIENCE)
    with wire.Peer(listener.accept()[0]) as peer:
        peer.send(wire.hello())
        peer.expect(abi.VGPU_STUB_MSG_WELCOME)
        daemon.wait_log("vm.sock.*connected$")


def test_another_qemu_takes_the_path_over(start, sockets):
    """As when a VM moves to the host where it is, and the first one's end
    removes the other's socket."""
    path = sockets / "web-0.sock"
    daemon = start("--socket-dir", sockets)
    first = FakeDevice(path)
    peer = first.greet()
    path.unlink()
    second = FakeDevice(path)
    other = second.greet()
    line, = daemon.wait_log("another QEMU listens at this path now")
    assert line.startswith("vgpu-mediatord: warning: ")
    check_alive(peer)
    path.unlink()
    peer.close()
    first.close()
    daemon.wait_log("disconnected")
    check_alive(other)


def test_directory_with_sockets_before_and_after_the_start(start, sockets):
    early = FakeDevice(sockets / "early.sock")
    start("--socket-dir", sockets)
    first = early.greet()
    late = FakeDevice(sockets / "late.sock")
    second = late.greet()
    check_alive(first)
    check_alive(second)


def test_socket_moved_into_the_directory(start, sockets, tmp_path):
    start("--socket-dir", sockets)
    device = FakeDevice(tmp_path / "outside.sock")
    os.rename(device.path, sockets / "inside.sock")
    check_alive(device.greet())


def test_connection_outlives_its_socket_file(start, sockets, tmp_path):
    device = FakeDevice(sockets / "vm.sock")
    daemon = start("--socket-dir", sockets)
    peer = device.greet()
    sockets.rename(tmp_path / "elsewhere")
    daemon.wait_log(f"{sockets}.*No such file or directory")
    check_alive(peer)
    peer.close()
    daemon.wait_log("disconnected")
    (tmp_path / "elsewhere").rename(sockets)
    check_alive(device.greet())


def test_directory_that_comes_later_and_again(start, tmp_path):
    folder = tmp_path / "later"
    daemon = start("--socket-dir", folder)
    daemon.wait_log(f"{folder}.*No such file or directory")
    for _ in range(2):
        folder.mkdir()
        device = FakeDevice(folder / "vm.sock")
        with device.greet() as peer:
            check_alive(peer)
        device.remove()
        folder.rmdir()


def test_other_names_are_left_alone(start, sockets):
    others = [FakeDevice(sockets / name) for name in
              ("vm.socket", "vm.sock.tmp", "sock", ".sock", ".vm.sock")]
    (sockets / "a.sock").write_text("not a socket")
    (sockets / "b.sock").mkdir()
    start("--socket-dir", sockets)
    check_alive(FakeDevice(sockets / "vm.sock").greet())
    assert not any(device.has_connection() for device in others)


def test_both_options(start, sockets, device):
    inside = FakeDevice(sockets / "vm.sock")
    start("--connect", device.path, "--socket-dir", sockets)
    check_alive(inside.greet())
    check_alive(device.greet())


def test_path_too_long_in_the_directory(start, sockets):
    length = 108 - len(os.fsencode(sockets)) - 1
    (sockets / ("x" * (length - len(".sock")) + ".sock")).touch()
    longest = "y" * (length - 1 - len(".sock")) + ".sock"
    device = FakeDevice(sockets / longest)
    daemon = start("--socket-dir", sockets)
    check_alive(device.greet())
    warning, = daemon.wait_log("allowed")
    assert "has 108 bytes, 1 to 107 are allowed" in warning



def test_a_device_that_does_not_read(start, sockets):
    """It is not read from either, the others live on, nothing is lost."""
    stalled, other = (FakeDevice(sockets / f"{i}.sock") for i in range(2))
    start("--socket-dir", sockets)
    peer, witness = stalled.greet(), other.greet()
    pings = [Message(PING, bytes([i]) * 65536, sequence=i)
             for i in range(200)]
    stream = memoryview(b"".join(ping.encode() for ping in pings))

    # No progress in 200 round trips of a neighbour: it is not read.
    sent = idle = 0
    peer.sock.setblocking(False)
    while idle < 200:
        assert sent < len(stream), "the daemon buffers without limit"
        try:
            sent += peer.sock.send(stream[sent:])
            idle = 0
        except BlockingIOError:
            check_alive(witness)
            idle += 1

    received = bytearray()
    while len(received) < len(stream):
        readable, writable, _ = select.select(
            [peer.sock], [peer.sock] if sent < len(stream) else [], [], 10)
        assert readable or writable, f"stuck at {len(received)} bytes"
        if readable:
            received += peer.sock.recv(1 << 20)
        if writable:
            sent += peer.sock.send(stream[sent:])
    expected = b"".join(Message(PONG, ping.payload,
                                sequence=ping.sequence).encode()
                        for ping in pings)
    assert received == expected
    peer.sock.settimeout(PATIENCE)
    check_alive(peer)


def test_a_hundred_devices_and_one_stalls(start, sockets):
    devices = [FakeDevice(sockets / f"{i}.sock") for i in range(100)]
    start("--socket-dir", sockets)
    peers = [device.greet(vm_id=i) for i, device in enumerate(devices)]

    stalled = peers.pop(50)
    stalled.sock.setblocking(False)
    ping = Message(PING, bytes(65536)).encode()
    for _ in range(50):
        try:
            stalled.sock.send(ping)
        except BlockingIOError:
            break

    for round_ in range(5):
        for i, peer in enumerate(peers):
            peer.send(Message(PING, b"%d %d" % (round_, i)))
        for i, peer in enumerate(peers):
            assert peer.expect(PONG).payload == b"%d %d" % (round_, i)
