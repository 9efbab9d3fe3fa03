# SPDX-License-Identifier: GPL-2.0-or-later
"""The mediator beside a bare echo server on the same sockets.

The devices are played by one process, mediator-load. Mediator and echo server
take turns, and the medians count: what else the machine does meanwhile then
burdens both.
"""
import json
import re
import statistics
import subprocess
from contextlib import contextmanager
from pathlib import Path

from result import Result, Row, Target
from support import abi, wire
from support.mediatord import Mediatord

MAKE = ["mediator", "bench-programs"]

# Limits that nothing here meets
CONFIG = "[vm]\nrate=1000000\nburst=1000000\n"

ECHO = wire.REQUEST.pack(abi.VGPU_STUB_PROTOCOL_VERSION, abi.VGPU_STUB_OP_ECHO,
                         0, 0, wire.REQUEST.size, 992) + bytes(992)
IDLE_VMS = 256


class Bench:
    def __init__(self, context):
        self.context = context
        self.count = 0
        self.request = self.file("request", ECHO)
        self.config = self.file("config", CONFIG.encode())

    def file(self, name, content):
        path = self.context.scratch / name
        path.write_bytes(content)
        return path

    def folder(self):
        self.count += 1
        path = self.context.scratch / f"sockets{self.count}"
        path.mkdir()
        return path

    @contextmanager
    def mediator(self, sockets):
        with Mediatord(self.context.build / "mediator/vgpu-mediatord",
                       self.context.scratch / "log",
                       "--config", self.config,
                       "--socket-dir", sockets) as daemon:
            yield daemon.process

    @contextmanager
    def echo_server(self, sockets):
        with subprocess.Popen([self.context.build / "bench/echo-server",
                               sockets]) as process:
            yield process
            process.terminate()

    @contextmanager
    def load(self, seconds, vms, server, *options):
        """Devices of `vms`, and what serves them; their report is promised."""
        sockets = self.folder()
        with subprocess.Popen(
                [self.context.build / "bench/mediator-load",
                 f"--seconds={seconds}", *options, sockets, *vms],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True) as load:
            assert load.stdout.readline() == "listening\n"
            with server(sockets) as process:
                yield process, load.stdout
                load.stdin.close()
                load.wait()

    def measure(self, seconds, vms, server, *options):
        with self.load(seconds, vms, server, *options) as (_, output):
            report = json.loads(output.readline())
        assert report["errors"] == 0, report["errors"]
        report["rate"] = report["requests"] / report["seconds"]
        return report

    def private_kib(self, count, server, *options):
        """What the server keeps of `count` VMs that have nothing to ask."""
        vms = [f"{vm}:1:1:{self.request}" for vm in range(1, count + 1)]
        with self.load(0.2, vms, server, *options) as (process, output):
            output.readline()
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        return sum(int(kib) for kib in
                   re.findall(r"^Private_\w+: +(\d+) kB$", text, re.M))


def idle_memory(bench):
    """KiB per VM of the mediator and of the echo server."""
    for server, options in ((bench.mediator, ()),
                            (bench.echo_server, ("--bare",))):
        one = bench.private_kib(1, server, *options)
        many = bench.private_kib(IDLE_VMS, server, *options)
        yield (many - one) / (IDLE_VMS - 1)


def beside_echo(bench, vms, rounds, seconds):
    """The medians of both servers' figures."""
    specs = [f"{vm}:1:1:{bench.request}" for vm in range(1, vms + 1)]
    reports = {"mediator": [], "echo": []}
    for _ in range(rounds):
        reports["echo"].append(
            bench.measure(seconds, specs, bench.echo_server, "--bare"))
        reports["mediator"].append(
            bench.measure(seconds, specs, bench.mediator))
    return [{key: statistics.median(report[key] for report in reports[name])
             for key in ("rate", "p50_us", "p99_us")}
            for name in ("mediator", "echo")]


def run(context):
    bench = Bench(context)
    rounds, seconds = (1, 0.2) if context.quick else (5, 2)
    rows = []
    summary = {}
    for vms in (1, 8, 64):
        ours, bare = beside_echo(bench, vms, rounds, seconds)
        section = f"ECHO of 1 KiB, {vms} VM{'s' if vms > 1 else ''}"
        for name, key, unit in (("throughput", "rate", "requests/s"),
                                ("median", "p50_us", "us"),
                                ("99th percentile", "p99_us", "us")):
            rows.append(Row(section, name, ours[key], unit, "echo server",
                            bare[key]))
        summary[f"throughput_{vms}vm_vs_echo"] = ours["rate"] / bare["rate"]
    ours, bare = idle_memory(bench)
    rows.append(Row("memory", "idle VM", ours, "KiB", "echo server", bare))
    return Result(rows, summary,
                  [Target("throughput_64vm_vs_echo", ">=", 0.6)])

