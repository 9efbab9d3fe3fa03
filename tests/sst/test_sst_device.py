# SPDX-License-Identifier: GPL-2.0-or-later
"""What software and the monitor see of sst-device with a good simulator."""
import pytest

from support import abi, sst
from support.qemu import run
from support.sst import BASE, Device, Request

CHARDEV = ("-chardev", "null,id=n0")
PATTERN = 0x8877665544332211

wires = pytest.mark.parametrize("wire", sst.FORMATS.values(),
                                ids=sst.FORMATS.keys())


@wires
def test_every_size_both_ways(start_linked, wire):
    device, simulator = start_linked(wire=wire)
    for size in (1, 2, 4, 8):
        value = PATTERN & (1 << 8 * size) - 1
        offset = 0x100 + 8 * size
        device.write(value, offset, size)
        assert device.read(offset, size) == value
        assert simulator.requests[-2:] == [
            Request(True, BASE + offset, size, value),
            Request(False, BASE + offset, size)]


@wires
def test_what_is_above_the_size_is_cut_off(start_linked, wire):
    device, _ = start_linked(
        wire=wire, reply=lambda sim, request: wire.answer(PATTERN))
    for size in (1, 2, 4, 8):
        assert device.read(0, size) == PATTERN & (1 << 8 * size) - 1


@wires
def test_offsets_instead_of_addresses(start_linked, wire):
    device, simulator = start_linked("offsets=on", wire=wire)
    device.write(1, 0xff8, 8)
    device.read(4, 2)
    assert simulator.requests == [Request(True, 0xff8, 8, 1),
                                  Request(False, 4, 2)]


def test_a_socket_in_the_place_of_a_chardev(start_sst_qemu, tmp_path):
    """It is sought until it is there, and again when it was away."""
    path = tmp_path / "a, b.sock"
    device = Device(start_sst_qemu(
        "-device", f"sst-device,id=sst0,socket={tmp_path}/a,, b.sock"))
    for value in (1, 2):
        with sst.Listener(path):
            device.wait_connected()
            device.write(value)
            assert device.read() == value
        device.wait_connected(False)


def test_unaligned_accesses_and_the_ends_of_the_range(start_linked):
    device, simulator = start_linked("size=8192")
    device.read(0x101, 4)
    device.read(0, 1)
    device.read(8191, 1)
    device.read(8188, 4)
    assert simulator.requests == [
        Request(False, BASE + 0x101, 4), Request(False, BASE, 1),
        Request(False, BASE + 8191, 1), Request(False, BASE + 8188, 4)]


@wires
def test_a_refused_access(start_linked, wire):
    device, _ = start_linked(
        wire=wire, reply=lambda sim, request: wire.answer(PATTERN, ok=False))
    for size in (1, 2, 4, 8):
        assert device.read(0, size) == (1 << 8 * size) - 1
    device.write(1)
    assert device.get("errors") == 5
    assert device.get("connected")
    assert "sst-device" not in device.qemu.log()


def test_counters(start_linked):
    device, simulator = start_linked(reply=sst.Memory(latency=100))
    for size in (1, 2, 4, 8):
        device.write(size, 0, size)
    device.read(0, 8)
    device.read(0, 2)
    assert {name: device.get(name) for name in
            ("reads", "writes", "bytes", "errors", "latency-cycles")} == {
        "reads": 2, "writes": 4, "bytes": 25, "errors": 0,
        "latency-cycles": 600}
    assert len(simulator.requests) == 6


def test_counters_are_read_only(start_device):
    device = start_device()
    for name in ("reads", "writes", "bytes", "errors", "latency-cycles",
                 "connected"):
        with pytest.raises(RuntimeError):
            device.qemu.qmp("qom-set", path=device.path, property=name, value=1)


def test_trace_events(start_device, sim_path):
    with sst.Listener(sim_path):
        device = start_device("", "-trace", "sst_*")
        device.wait_connected()
        device.write(0x1234, 8)
        device.read(8)
    log = device.qemu.log()
    assert ("sst_device_write sst0 address=0x10200008 size=4 value=0x1234 "
            "latency=0") in log
    assert ("sst_device_read sst0 address=0x10200008 size=4 value=0x1234 "
            "latency=0") in log


@pytest.mark.parametrize("machine, base", (
    ("virt", 0x10200000),
    ("virt", 0x10000000),       # hides the board's UART
    ("virt", 0x400000000 - 4096),
    ("spike", 0x10200000),
    ("sifive_u", 0x40000000),
))
def test_any_machine(start_linked, machine, base):
    device, simulator = start_linked(f"base={base:#x}", machine=machine)
    device.base = base
    device.write(0xfeedface, 4)
    assert device.read(4) == 0xfeedface
    assert [request.address for request in simulator.requests] == [base + 4] * 2


def test_sixteen_devices_at_once(start_sst_qemu, tmp_path):
    paths = [tmp_path / f"sim{number}.sock" for number in range(16)]
    simulators = [sst.Listener(path, list(sst.FORMATS.values())[number % 2])
                  for number, path in enumerate(paths)]
    args = []
    for number, (path, simulator) in enumerate(zip(paths, simulators)):
        args += ["-chardev", f"socket,id=s{number},path={path},reconnect=1",
                 "-device", f"sst-device,id=sst{number},chardev=s{number},"
                            f"base={BASE + number * abi.SST_DEVICE_STRIDE:#x},"
                            f"format={simulator.wire.name}"]
    try:
        qemu = start_sst_qemu(*args)
        devices = [Device(qemu, f"sst{number}",
                          BASE + number * abi.SST_DEVICE_STRIDE)
                   for number in range(16)]
        for device in devices:
            device.wait_connected()
        for turn in range(5):
            for number, device in enumerate(devices):
                device.write(100 * turn + number)
            for number, device in enumerate(devices):
                assert device.read() == 100 * turn + number
        for device, simulator in zip(devices, simulators):
            assert len(simulator.requests) == 10
            assert (device.get("reads"), device.get("writes")) == (5, 5)
    finally:
        for simulator in simulators:
            simulator.stop()


@pytest.mark.parametrize("setting, words", (
    ("format=text", "format is 'text', must be guide or acalsim"),
    ("format=", "format is '', must be guide or acalsim"),
    ("size=0", "size is 0x0, must be a multiple of 4096"),
    ("size=4095", "size is 0xfff, must be a multiple of 4096"),
    ("base=0x10200004", "base is 0x10200004, must be a multiple of 4096"),
    ("base=0xfffffffffffff000,size=8192", "go beyond the last address"),
    ("base=0x1000,size=0xfffffffffffff000", "overlap the machine's memory"),
    ("base=0x80000000", "overlap the machine's memory 'riscv_virt_board.ram'"),
    ("base=0x7ffff000,size=8192",
     "overlap the machine's memory 'riscv_virt_board.ram'"),
    ("timeout-ms=0", "timeout-ms is 0, must be from 1 to 3600000"),
    ("timeout-ms=3600001", "timeout-ms is 3600001, must be from 1 to 3600000"),
    ("timeout-ms=-1", "timeout-ms"),
    ("base=here", "base"),
    ("posted-writes=perhaps", "posted-writes"),
    ("chardev=nobody", "nobody"),
    ("colour=red", "colour"),
))
def test_bad_properties_are_named(sst_qemu, sim_path, setting, words):
    result = run(sst_qemu, "-bios", "none",
                 "-chardev", f"socket,id=s0,path={sim_path},server=on,wait=off",
                 "-device", "sst-device,chardev=s0," + setting, machine="virt")
    assert result.returncode == 1
    assert words in result.stdout
    assert result.stdout.count("qemu-system-riscv32: ") == 1


@pytest.mark.parametrize("args, words", (
    (["-device", "sst-device"],
     "neither chardev nor socket is given, must be one of them"),
    ([*CHARDEV, "-device", "sst-device,chardev=n0,socket=s"],
     "chardev and socket are given, must be one of them"),
    ([*CHARDEV, "-device", "sst-device,chardev=n0"],
     "chardev 'n0' is of a kind that cannot wait for answers, must be a socket"),
    (["-device", "sst-device,socket="],
     "socket is '', must be a path of 1 to 107 bytes"),
    (["-device", "sst-device,socket=" + 108 * "s"],
     "sss', must be a path of 1 to 107 bytes"),
), ids=("none", "both", "null", "no-path", "long"))
def test_chardevs_that_will_not_do(sst_qemu, args, words):
    result = run(sst_qemu, "-bios", "none", *args, machine="virt")
    assert result.returncode == 1
    assert words in result.stdout


@pytest.mark.parametrize("first, second, name", (
    ("id=one", "", "one"),
    ("base=0x10200000", "base=0x10200000", "at 0x10200000"),
    ("id=one,base=0x10201000,size=0x3000", "base=0x10200000,size=8192", "one"),
    ("id=one,base=0x10200000,size=0x3000", "base=0x10202000,size=8192", "one"),
    ("id=one,base=0x10202000", "base=0x10200000,size=0x10000", "one"),
))
def test_two_devices_at_one_place(sst_qemu, tmp_path, first, second, name):
    args = []
    for number, properties in enumerate((first, second)):
        args += ["-chardev", f"socket,id=s{number},path={tmp_path}/{number},"
                             "server=on,wait=off",
                 "-device", f"sst-device,chardev=s{number}"
                            + (properties and "," + properties)]
    result = run(sst_qemu, "-bios", "none", *args, machine="virt")
    assert result.returncode == 1
    assert f"overlap sst-device {name}" in result.stdout


def test_help_names_every_property(sst_qemu):
    text = run(sst_qemu, "-device", "sst-device,help", machine="virt").stdout
    for name in ("chardev", "socket", "base", "size", "format", "offsets",
                 "posted-writes", "timeout-ms", "reads", "writes", "bytes", "errors",
                 "latency-cycles", "connected"):
        line, = [line for line in text.splitlines()
                 if line.strip().startswith(name + "=")]
        assert " - " in line
