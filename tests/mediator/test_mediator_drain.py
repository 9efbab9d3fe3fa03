# SPDX-License-Identifier: GPL-2.0-or-later
"""A restart that loses nothing."""
import json
import threading

import pytest

from support import abi, operations, wire
from support.fake_device import FakeDevice
from support.fake_worker import behave
from support.paths import FAKE_WORKER
from support.wait import PATIENCE, wait_for
from support.wire import Closed, Message

OK = abi.VGPU_STUB_ERR_NONE
TIMEOUT = abi.VGPU_STUB_ERR_TIMEOUT
CANCELLED = abi.VGPU_STUB_ERR_CANCELLED


def nops(first, count):
    return [wire.request(operations.nop(), first + i) for i in range(count)]


def test_idle_devices(start, sockets, admin, ctl, tmp_path):
    devices = [FakeDevice(sockets / "7-0.sock"), FakeDevice(tmp_path / "own")]
    options = ("--socket-dir", sockets, "--connect", devices[1].path,
               "--admin-socket", admin)
    daemon = start(*options)
    peers = [device.greet() for device in devices]
    assert ctl("drain") == ""
    assert daemon.process.wait(timeout=PATIENCE) == 0
    for peer in peers:
        with pytest.raises(Closed):
            peer.receive()
    # They take the next daemon as they took this one.
    start(*options)
    for device in devices:
        with device.greet() as peer:
            peer.send(*nops(0, 1))
            assert peer.expect(abi.VGPU_STUB_MSG_RESPONSE).status == OK


@pytest.fixture
def patient(tmp_path):
    """Options of a daemon that waits for what has begun, also on a machine
    that stands still for a while"""
    config = tmp_path / "patient"
    config.write_text("[workers]\ndrain-ms=45000\n")
    return "--config", config


def test_everything_that_was_sent_is_answered(start, sockets, admin, ctl,
                                              patient):
    count = 8
    devices = [FakeDevice(sockets / f"{i}-0.sock") for i in range(count)]
    daemon = start("--socket-dir", sockets, "--admin-socket", admin, *patient)
    peers = [device.greet() for device in devices]
    for round_ in range(3):
        for peer in peers:
            peer.send(*nops(80 * round_, 80))
    ctl("drain")
    assert daemon.process.wait(timeout=PATIENCE) == 0
    for peer in peers:
        answers = [peer.expect(abi.VGPU_STUB_MSG_RESPONSE)
                   for _ in range(240)]
        assert all(answer.status == OK for answer in answers)
        assert sorted(answer.sequence for answer in answers) == \
            list(range(240))
        with pytest.raises(Closed):
            peer.receive()


@pytest.mark.parametrize("behaviour, status", [
    ("takes its time", OK), ("never answers", TIMEOUT)])
def test_what_runs_and_waits_in_workers(start, device, admin, ctl, tmp_path,
                                        behaviour, status):
    """It comes to its end, or its time is up."""
    worker = tmp_path / "worker"
    worker.symlink_to(FAKE_WORKER)
    behave(tmp_path, behaviour)
    config = tmp_path / "conf"
    config.write_text("[workers]\ndrain-ms=45000\n" + (
        "[vm]\ndeadline-ms=2000\n" if status == TIMEOUT else ""))
    daemon = start("--connect", device.path, "--admin-socket", admin,
                   "--config", config, worker=worker)
    peer = device.greet()
    peer.send(*(wire.request(operations.info(), i) for i in range(3)))
    drain = threading.Thread(target=ctl, args=["drain"])
    drain.start()
    daemon.wait_log("draining$")
    answers = [peer.expect(abi.VGPU_STUB_MSG_RESPONSE) for _ in range(3)]
    assert {answer.sequence: answer.status for answer in answers} == \
        dict.fromkeys(range(3), status)
    assert daemon.process.wait(timeout=PATIENCE) == 0
    drain.join(timeout=PATIENCE)
    assert not drain.is_alive()


def text(answer):
    return answer.payload[wire.RESPONSE.size:].decode()


@pytest.fixture
def stuck(start, sockets, admin, ctl, tmp_path):
    """stuck(drain_ms): the daemon, a VM whose request never ends, one whose
    request waits for that, and one that has nothing to do."""
    def begin(drain_ms):
        worker = tmp_path / "worker"
        worker.symlink_to(FAKE_WORKER)
        behave(tmp_path, "never answers")
        config = tmp_path / "conf"
        config.write_text(f"[workers]\ndrain-ms={drain_ms}\n"
                          "[vm]\nfaults=1\n[pool A]\nrunning=1\n")
        devices = [FakeDevice(sockets / f"{name}-0.sock")
                   for name in ("runs", "waits", "idle")]
        daemon = start("--socket-dir", sockets, "--admin-socket", admin,
                       "--config", config, "--state-dir", tmp_path,
                       worker=worker)
        peers = [device.greet(pool=ord(pool))
                 for device, pool in zip(devices, "AAB")]
        peers[0].send(wire.request(operations.info()))
        wait_for(lambda: "busy" in ctl("workers"), "request at the worker")
        peers[1].send(wire.request(operations.info()))
        return daemon, peers
    return begin


def test_what_never_ends_is_stopped(stuck, ctl, tmp_path):
    """That is told honestly, and is nobody's fault."""
    daemon, (runs, waits, _) = stuck(drain_ms=100)
    ctl("drain")
    answers = [peer.expect(abi.VGPU_STUB_MSG_RESPONSE)
               for peer in (runs, waits)]
    assert [(answer.status, text(answer)) for answer in answers] == [
        (CANCELLED, "the mediator ends; it was stopped while it ran"),
        (CANCELLED, "the mediator ends; it has not run")]
    assert daemon.process.wait(timeout=PATIENCE) == 0
    assert not (tmp_path / "quarantines").exists()


def test_idle_devices_are_served_on(stuck, ctl):
    """Somebody else's request does not cut them off."""
    daemon, (runs, waits, idle) = stuck(drain_ms=45000)
    drain = threading.Thread(target=ctl, args=["drain"])
    drain.start()
    daemon.wait_log("draining$")
    for sequence in range(20):
        ping = Message(abi.VGPU_STUB_MSG_PING, b"alive", sequence=sequence)
        idle.send(ping)
        idle.expect(abi.VGPU_STUB_MSG_PONG)
        idle.send(*nops(sequence, 1))
        assert idle.expect(abi.VGPU_STUB_MSG_RESPONSE).status == OK
    assert json.loads(ctl("status", "--json"))[0]["state"] == "draining"
    runs.close()
    waits.close()
    assert daemon.process.wait(timeout=PATIENCE) == 0
    drain.join(timeout=PATIENCE)
    with pytest.raises(Closed):
        idle.receive()


def test_under_load(start, sockets, admin, ctl, patient):
    """What a device cannot send any more was not taken; the rest is done."""
    devices = [FakeDevice(sockets / f"{i}-0.sock") for i in range(4)]
    daemon = start("--socket-dir", sockets, "--admin-socket", admin, *patient)
    peers = [device.greet() for device in devices]
    results = {}

    def work(peer):
        sent = answered = 0
        try:
            while True:
                peer.send(*nops(sent, 1))
                sent += 1
                answer = peer.expect(abi.VGPU_STUB_MSG_RESPONSE)
                assert (answer.status, answer.sequence) == (OK, answered)
                answered += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
        results[peer] = sent, answered

    threads = [threading.Thread(target=work, args=[peer]) for peer in peers]
    for thread in threads:
        thread.start()
    ctl("drain")
    assert daemon.process.wait(timeout=PATIENCE) == 0
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert len(results) == 4
    assert all(sent == answered for sent, answered in results.values())


def test_devices_that_are_not_there_or_say_nothing(start, sockets, admin, ctl,
                                                   tmp_path):
    silent = FakeDevice(sockets / "7-0.sock")
    FakeDevice(sockets / "8-0.sock").close()
    daemon = start("--socket-dir", sockets, "--connect", tmp_path / "absent",
                   "--admin-socket", admin)
    peer = silent.accept()
    ctl("drain")
    assert daemon.process.wait(timeout=PATIENCE) == 0
    peer.expect_closed()


def test_a_device_that_takes_no_answers(start, device, admin, ctl):
    daemon = start("--connect", device.path, "--admin-socket", admin)
    peer = device.greet()
    peer.sock.setblocking(False)
    stream = Message(abi.VGPU_STUB_MSG_PING, bytes(65536)).encode() * 100
    # No more of it is taken while somebody else is served ten times.
    sent = waits = 0
    while waits < 10:
        assert sent < len(stream), "the daemon buffers without limit"
        try:
            sent += peer.sock.send(stream[sent:])
            waits = 0
        except BlockingIOError:
            ctl("status")
            waits += 1
    ctl("drain")
    assert daemon.process.wait(timeout=PATIENCE) == 0
    assert "closed, it does not take its answers" in daemon.log()[-2]
