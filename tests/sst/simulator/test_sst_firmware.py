# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole chain: firmware on a RISC-V QEMU with sst-device, and sst-sim."""
import json
import re
import subprocess

import pytest

from sst_sim import config
from support.wait import PATIENCE, wait_connection, wait_for

DEVICES = ("echo0", "compute0", "memory0")


class Qmp:
    def __init__(self, path):
        self.sock = wait_connection(path, 60)
        self.sock.settimeout(PATIENCE)
        self.file = self.sock.makefile("rw", encoding="utf-8")
        self.file.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        json.dump({"execute": command, "arguments": arguments}, self.file)
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer["return"]


def counts_of_firmware(output):
    return {DEVICES[int(number)]: list(counts) for number, *counts in re.findall(
        r"^device (\d): (\d+) reads, (\d+) writes, (\d+) bytes$", output,
        re.MULTILINE)}


# In the place of what ends QEMU, so that there is somebody to ask at the end
FINISHER = """
[device finisher]
model=memory
socket=finisher.sock
base=0x100000
clock=core
"""


@pytest.mark.parametrize("posted", ["off", "on"])
def test_devices(start_sim, boot, firmware, wire, posted, tmp_path):
    """Every test in the firmware passes, and all three parties have counted
    the same accesses."""
    sim = start_sim(
        config(format=wire.name) + FINISHER,
        *boot(firmware("device-test"),
              "-global", f"sst-device.posted-writes={posted}",
              "-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off"))
    qmp = Qmp(tmp_path / "qmp")

    def counter(device, name):
        return str(qmp("qom-get", path=f"/machine/peripheral/{device}",
                       property=name))

    wait_for(lambda: counter("finisher", "writes") == "1", "the end")
    results = re.findall(r"^(.+): (ok|FAIL)$", sim.output(), re.MULTILINE)
    assert len(results) == 9
    assert {result for _, result in results} == {"ok"}, sim.output()

    qemu = {device: {
        name: counter(device, name)
        for name in ("reads", "writes", "bytes", "errors", "latency-cycles")}
        for device in DEVICES}
    qmp("quit")
    assert sim.wait() == 0, sim.log()

    simulated = sim.statistics()
    firmware_counted = counts_of_firmware(sim.output())
    for device in DEVICES:
        row, counters = simulated[device], qemu[device]
        names = ("reads", "writes", "bytes")
        assert firmware_counted[device] == [row[name] for name in names]
        assert firmware_counted[device] == [counters[name] for name in names]
        assert counters["errors"] == row["errors"]
        if wire.name == "guide":    # the other one does not tell latencies
            assert counters["latency-cycles"] == row["latency_cycles"]
    assert simulated["-"]["errors"] == "0"
    assert simulated["echo0"]["errors"] == "5"
    assert simulated["compute0"]["messages_sent"] == "20"
    assert simulated["memory0"]["messages_received"] == "20"


def test_failure_shows(start_sim, boot, firmware):
    """Other devices than the firmware expects: it says so, and its exit
    status is the number of tests that failed."""
    sim = start_sim(config(model="echo").replace(
        "[link results]", "[link results]\n#"), *boot(firmware("device-test")))
    failed = sim.wait()
    assert "computing: FAIL" in sim.output()
    assert "line " in sim.output()
    assert failed == sim.output().count(": FAIL\n")


def test_benchmark(start_sim, boot, firmware):
    sim = start_sim(config(), *boot(firmware("benchmark")))
    assert sim.wait() == 0, sim.log()
    assert re.fullmatch(
        r"read: 10000 accesses, \d+ us, \d+ cycles each\n"
        r"write: 10000 accesses, \d+ us, \d+ cycles each\n", sim.output())
    row = sim.statistics()["memory0"]
    assert (row["reads"], row["writes"]) == ("10001", "9999")


@pytest.mark.parametrize("body, status, said", [
    ("return 0;", 0, "42 0\n"),
    ("return 7;", 7, "42 0\n"),
    ("board_exit(9);", 9, "42 0\n"),
    ('__asm__ volatile(".word 0"); return 0;', 100,
     r"trap: mcause 00000002, mepc 8[0-9a-f]{7}, mtval 00000000\n"),
    ("return *(volatile int *)0x2c000000;", 100,
     r"trap: mcause 00000005, mepc 8[0-9a-f]{7}, mtval 2c000000\n"),
    ("return board_probe(0x2c000000) * 2 + board_probe(0x80000000);", 1,
     "42 0\n"),
])
def test_start_up_code(boot, compile_program, body, status, said):
    """Data and bss are right, main's result and traps end QEMU."""
    result = subprocess.run(
        boot(compile_program(body)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, timeout=PATIENCE, text=True)
    assert re.search(said, result.stdout), result.stdout
    assert result.returncode == status


def test_simulator_dies(start_sim, boot, compile_program, tmp_path):
    """The firmware goes on without it, and with the next one."""
    program = compile_program("""
        SstDevice memory = sst_device(2);

        sst_set(&memory, 0, 1);
        uart_printf("begun\\n");
        while (sst_get(&memory, 0) == 1) {
        }
        uart_printf("gone %x\\n", (unsigned)sst_get(&memory, 0));
        while (sst_get(&memory, 0) == 0xffffffff) {
        }
        uart_printf("back %x\\n", (unsigned)sst_get(&memory, 0));
        return 0;""")
    sim = start_sim()
    with subprocess.Popen(
            boot(program, "-chardev",
                 f"socket,id=s0,path={tmp_path}/memory0.sock,reconnect=1",
                 "-device", "sst-device,chardev=s0,base=0x10400000"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True) as qemu:
        try:
            lines = iter(qemu.stdout.readline, "")
            assert next(lines) == "42 0\n"
            assert next(lines) == "begun\n"
            sim.kill()
            assert next(lines) == "gone ffffffff\n"
            start_sim()
            assert next(lines) == "back 00000000\n"
            assert qemu.wait(60) == 0
        finally:
            qemu.kill()
