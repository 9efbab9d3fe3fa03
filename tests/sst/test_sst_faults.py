# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulators that are wrong, late, dead or born again."""
import random
import struct
import time

import pytest

from support import abi, sst
from support.sst import Acalsim, Guide
from support.wait import wait_for

LIMIT = "timeout-ms=200"
ONES = 0xffffffff


def silence(sim, request):
    return None


def late(sim, request):
    """When the device does not wait for it any more"""
    sim.wait_end()
    return sim.wire.answer(0x1a7e)


def part(count):
    return lambda sim, request: sim.wire.answer(7)[:count]


def part_and_end(sim, request):
    sim.send(sim.wire.answer(7)[:-1])
    return b""


def guide(magic=abi.SST_MMIO_RESPONSE_MAGIC, status=0):
    return lambda sim, request: struct.pack("<IIQI", magic, status, 7, 1)


def raw(data):
    return lambda sim, request: data


# How a simulator answers, in which format, and how QEMU calls it.
FAULTS = {
    "timeout": (Guide, silence, "no answer within 200 ms"),
    "late": (Guide, late, "no answer within 200 ms"),
    "short": (Guide, part(19), "no answer within 200 ms"),
    "short-acalsim": (Acalsim, part(15), "no answer within 200 ms"),
    "cut-off": (Guide, part_and_end, "ended in the middle of an answer"),
    "hangs-up": (Guide, raw(b""), "the simulator closed the connection"),
    "magic": (Guide, guide(magic=0x12345678), "has the magic 0x12345678, not "
                                              "0x53535450"),
    "request's-magic": (Guide, guide(magic=abi.SST_MMIO_REQUEST_MAGIC),
                        "has the magic 0x53535452"),
    "other-format": (Acalsim, raw(Guide.answer(7)), "reserved bytes that are"),
    "zeros": (Guide, raw(bytes(20)), "has the magic 0x00000000"),
}


def serve_again(device, simulator):
    """Have a good one in its place; where it has but little time for an answer,
    that may take more than one, on a busy host."""
    simulator.reply = sst.Memory()

    def served():
        simulator.stop()
        device.wait_connected(False)
        simulator.start()
        device.wait_connected()
        device.read()           # shows errors of posted writes
        device.write(0x600d)
        return device.read() == 0x600d

    wait_for(served, "simulator that answers in time")


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(start_linked, fault):
    wire, reply, message = FAULTS[fault]
    limited = message.startswith("no answer")
    device, simulator = start_linked(LIMIT if limited else "", reply, wire)
    assert device.read() == ONES
    assert device.get("errors") == 1
    assert not device.get("connected")

    device.write(1)                 # dropped, and no wait for the simulator
    assert device.read(size=8) == (1 << 64) - 1
    assert len(simulator.requests) == 1
    assert device.get("errors") == 3

    serve_again(device, simulator)
    lines = [line for line in device.qemu.log().splitlines()
             if "sst-device sst0:" in line]
    assert message in lines[0]
    assert lines[1].endswith("sst-device sst0: the simulator is back")
    if not limited:
        assert device.get("errors") == 3
        assert len(lines) == 2, lines


@pytest.mark.parametrize("wire", (Guide, Acalsim))
@pytest.mark.parametrize("surplus", (1, 4, 20, 5000))
def test_an_answer_that_is_too_long(start_linked, wire, surplus):
    device, simulator = start_linked(
        "", lambda sim, request: wire.answer(7) + bytes(surplus), wire)
    assert device.read() == 7       # which was an answer
    device.wait_connected(False)
    assert f"{surplus} bytes came that answer nothing" in device.qemu.log() \
        or surplus > 4000 and "bytes came that answer" in device.qemu.log()
    assert device.read() == ONES
    simulator.reply = sst.Memory()
    simulator.start()
    device.wait_connected()
    assert device.read() == 0


def test_bytes_that_nobody_asked_for(start_linked):
    device, simulator = start_linked()
    simulator.send(Guide.answer(1))
    device.wait_connected(False)
    simulator.start()
    device.wait_connected()
    assert device.read() == 0
    assert device.get("errors") == 0


@pytest.mark.parametrize("wire", (Guide, Acalsim))
def test_an_answer_split_into_single_bytes(start_linked, wire):
    def reply(sim, request):
        for byte in wire.answer(0xcafe):
            time.sleep(0.001)
            sim.send(bytes((byte,)))

    device, _ = start_linked(reply=reply, wire=wire)
    assert device.read() == 0xcafe
    device.write(1)
    assert device.read() == 0xcafe
    assert device.get("errors") == 0


def test_a_slow_trickle_does_not_stretch_the_limit(start_linked):
    def reply(sim, request):
        for byte in Guide.answer(1):
            time.sleep(0.03)
            sim.send(bytes((byte,)))

    device, _ = start_linked(LIMIT, reply)
    # All of them are an answer if QEMU is held up until they are there.
    wait_for(lambda: device.read() == ONES, "end of the limit")
    assert "no answer within 200 ms" in device.qemu.log()


def test_a_dead_simulator_and_a_restarted_one(start_device, sim_path):
    with sst.Listener(sim_path):
        device = start_device()
        device.wait_connected()
        device.write(1)
        assert device.read() == 1
    device.wait_connected(False)
    assert device.read() == ONES
    with sst.Listener(sim_path):
        device.wait_connected()
        assert device.read() == 0
    assert device.get("errors") == 1


def test_a_simulator_that_comes_later(start_device, sim_path):
    device = start_device()
    assert device.read() == ONES
    assert not device.get("connected")
    with sst.Listener(sim_path):
        device.wait_connected()
        assert device.read() == 0
    assert device.qemu.log().count("there is no simulator") == 1


def test_the_monitor_is_served_while_the_simulator_is_away(start_linked):
    device, simulator = start_linked()
    simulator.stop()
    for _ in range(3):
        assert device.read() == ONES
        assert device.qemu.qmp("query-status")["running"]


def test_a_device_that_fails_leaves_the_others_alone(start_sst_qemu, tmp_path):
    paths = [tmp_path / "good.sock", tmp_path / "bad.sock"]
    with sst.Listener(paths[0]), sst.Listener(paths[1], reply=raw(b"")):
        args = []
        for number, path in enumerate(paths):
            args += ["-chardev",
                     f"socket,id=s{number},path={path},reconnect=1",
                     "-device",
                     f"sst-device,id=sst{number},chardev=s{number},"
                     f"base={sst.BASE + number * abi.SST_DEVICE_STRIDE:#x}"]
        qemu = start_sst_qemu(*args)
        good = sst.Device(qemu, "sst0")
        bad = sst.Device(qemu, "sst1", sst.BASE + abi.SST_DEVICE_STRIDE)
        good.wait_connected()
        bad.wait_connected()
        assert bad.read() == ONES
        good.write(5)
        assert good.read() == 5
        assert good.get("connected")
        assert (good.get("errors"), bad.get("errors")) == (0, 1)


@pytest.mark.parametrize("wire", (Guide, Acalsim))
@pytest.mark.parametrize("posted", ("off", "on"))
def test_random_answers(start_linked, wire, posted):
    rng = random.Random(f"{wire.name} {posted}")
    begin = time.monotonic()

    def reply(sim, request):
        answer = bytearray(wire.answer(rng.getrandbits(64)))
        for _ in range(rng.randrange(3)):
            answer[rng.randrange(len(answer))] = rng.randrange(256)
        if rng.randrange(4) == 0:
            answer = rng.randbytes(rng.randrange(1, 100))
        cut = rng.randrange(len(answer) + 1)
        if cut:
            sim.send(answer[:cut])
        return bytes(answer[cut:]) or None

    device, simulator = start_linked(f"posted-writes={posted},timeout-ms=20",
                                     reply, wire)
    for _ in range(15):
        while device.get("connected"):
            size = rng.choice((1, 2, 4, 8))
            device.write(rng.getrandbits(8 * size), 8, size)
            device.read(16, size)
        simulator.start()
        device.wait_connected()

    serve_again(device, simulator)
    assert device.get("errors") >= 15
    # A complaint in a second and its end, but not one for each mistake
    assert device.qemu.log().count("sst-device sst0:") <= \
        2 * (time.monotonic() - begin + 1)
