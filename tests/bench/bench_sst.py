# SPDX-License-Identifier: GPL-2.0-or-later
"""Accesses of firmware to a simulated device, through sst-device and sst-sim.

Beside them, in turns: the same accesses as text on the UART, and messages of
the same sizes between two processes. The software's side has one processor,
the simulator's side another: which of them shares one would else decide the
figures. The medians count.
"""
import os
import re
import statistics
import subprocess
from contextlib import contextmanager

from result import Result, Row, Target
from support import abi
from support.wait import wait_for

QEMU = "qemu-7.2-riscv32/qemu-system-riscv32"
PROGRAMS = ("sst-ping-pong", "sst-text-server")

MAKE = ["qemu-riscv32", "sst-sim", "sst-firmware",
        "build/sst-firmware/uart-text.elf",
        *(f"build/bench/{program}" for program in PROGRAMS)]

# What the firmware "benchmark" uses of the simulator's example configuration
SOCKET = "memory0.sock"
BASE = abi.SST_DEVICE_BASE + 2 * abi.SST_DEVICE_STRIDE

POSTED = ",posted-writes=on"


class Bench:
    def __init__(self, context):
        self.context = context
        self.log = context.scratch / "log"
        cpus = sorted(os.sched_getaffinity(0))
        self.software_cpu, self.simulator_cpu = cpus[0], cpus[-1]

    @contextmanager
    def start(self, cpu, *command):
        """A process on that processor, which ends with the block."""
        with open(self.log, "ab") as log:
            process = subprocess.Popen(["taskset", "--cpu-list", str(cpu),
                                        *map(str, command)],
                                       stdout=subprocess.PIPE, stderr=log,
                                       text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    def run_firmware(self, name, *args):
        """What the firmware says on standard output."""
        elf = self.context.build / f"sst-firmware/{name}.elf"
        with self.start(self.software_cpu, self.context.build / QEMU,
                        "-M", "virt", "-bios", "none", "-display", "none",
                        "-monitor", "none", "-kernel", elf, *args) as qemu:
            output, _ = qemu.communicate(timeout=60)
        assert qemu.returncode == 0, self.log.read_text()
        return output

    @contextmanager
    def simulator(self):
        path = self.context.scratch / SOCKET
        with self.start(self.simulator_cpu,
                        self.context.build / "sst-sim/sst-sim",
                        "--socket-dir", self.context.scratch,
                        self.context.root / "sst/simulator/sst-sim.conf"):
            wait_for(path.exists, f"socket {path}")
            yield path

    def bridge(self, properties=""):
        """{"read": rate, "write": rate} of the firmware's benchmark."""
        with self.simulator() as path:
            output = self.run_firmware(
                "benchmark", "-serial", "stdio",
                "-chardev", f"socket,id=s0,path={path},reconnect=1",
                "-device", f"sst-device,chardev=s0,base={BASE:#x}{properties}")
        return {name: int(count) * 1e6 / int(us) for name, count, us in
                re.findall(r"^(\w+): (\d+) accesses, (\d+) us", output, re.M)}

    def text(self):
        """Rate of reads and writes as text on the UART."""
        pairs = 20 if self.context.quick else 1000
        path = self.context.scratch / "uart.sock"
        with self.start(self.simulator_cpu,
                        self.context.build / "bench/sst-text-server",
                        path, pairs) as server:
            wait_for(path.exists, f"socket {path}")
            self.run_firmware("uart-text", "-chardev",
                              f"socket,id=uart,path={path}",
                              "-serial", "chardev:uart")
            output, _ = server.communicate(timeout=60)
        path.unlink()
        return 2 * pairs / float(output)

    def floor(self):
        """Rate of messages there and back."""
        count = 1000 if self.context.quick else 20000
        output = subprocess.run(
            [self.context.build / "bench/sst-ping-pong",
             str(self.software_cpu), str(self.simulator_cpu), str(count)],
            stdout=subprocess.PIPE, text=True, check=True).stdout
        return count / float(output)

    def round(self):
        """{what: rate}"""
        rates = {"floor": self.floor(), "text": self.text()}
        rates.update(self.bridge())
        rates["posted"] = self.bridge(POSTED)["write"]
        # One of each, as the text protocol's firmware does.
        rates["both"] = 2 / (1 / rates["read"] + 1 / rates["write"])
        return rates


def run(context):
    bench = Bench(context)
    rounds = [bench.round() for _ in range(1 if context.quick else 5)]
    rate = {what: statistics.median(one[what] for one in rounds)
            for what in rounds[0]}
    section = "simulated device, one access at a time"
    unit = "accesses/s"
    rows = [
        Row(section, "read", rate["read"], unit, "bare socket", rate["floor"]),
        Row(section, "acknowledged write", rate["write"], unit, "bare socket",
            rate["floor"]),
        Row(section, "write and read", rate["both"], unit, "text on the UART",
            rate["text"], "sst_vs_text"),
        Row(section, "write and read", rate["both"], unit, "bare socket",
            rate["floor"], "sst_vs_floor"),
        Row(section, "posted write", rate["posted"], unit,
            "acknowledged write", rate["write"], "sst_posted_vs_acked"),
    ]
    summary = {
        "sst_vs_text": rate["both"] / rate["text"],
        "sst_vs_floor": rate["both"] / rate["floor"],
        "sst_posted_vs_acked": rate["posted"] / rate["write"],
    }
    return Result(rows, summary, [
        Target("sst_vs_text", ">=", 10),
        Target("sst_vs_floor", ">=", 0.5),
        Target("sst_posted_vs_acked", ">=", 3),
    ])
