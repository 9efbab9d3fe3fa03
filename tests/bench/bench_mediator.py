# SPDX-License-Identifier: GPL-2.0-or-later
"""The mediator beside a bare echo server on the same sockets.

The devices are played by one process, mediator-load. Mediator and echo server
take turns, and the medians count: what else the machine does meanwhile then
burdens both.
"""
import json
import re
import statistics
import struct
import subprocess
from contextlib import contextmanager
from pathlib import Path

from result import Result, Row, Target
from support import abi
from support.mediatord import Mediatord
from support.operations import copy, echo, reduce
from support.paths import ROOT
from support.wait import wait_for

LOW = abi.VGPU_STUB_PRIORITY_LOW
MEDIUM = abi.VGPU_STUB_PRIORITY_MEDIUM
HIGH = abi.VGPU_STUB_PRIORITY_HIGH

MAKE = ["mediator", "bench-programs"]

# Limits that nothing here meets, and one accelerator that is always asked for
CONFIG = """
[pool A]
running=1
workers=256
[vm]
rate=1000000
burst=1000000
"""

IDLE_VMS = 256

# Numbers that a kernel adds up: some hundred microseconds
NUMBERS = 1 << 17

# What stands for two handles in a request
PLACES = 0xA1A2A3A4A5A6A7A8, 0xB1B2B3B4B5B6B7B8


class Bench:
    def __init__(self, context):
        self.context = context
        self.count = 0
        self.request = self.file("request", echo(bytes(992)))

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
    def mediator(self, sockets, config=""):
        with Mediatord(self.context.build / "mediator/vgpu-mediatord",
                       self.context.scratch / "log", "--config",
                       self.file("config", (CONFIG + config).encode()),
                       "--admin-socket", self.context.scratch / "admin",
                       "--socket-dir", sockets) as daemon:
            yield daemon.process

    @contextmanager
    def echo_server(self, sockets):
        with subprocess.Popen([self.context.build / "bench/echo-server",
                               sockets]) as process:
            yield process
            process.terminate()

    def vms(self):
        """What the mediator reports of each VM."""
        text = subprocess.run(
            [self.context.build / "mediator/vgpu-ctl", "--socket",
             self.context.scratch / "admin", "vms", "--json"],
            check=True, stdout=subprocess.PIPE).stdout
        return {vm["vm"]: vm for vm in json.loads(text)}

    def later(self, before):
        """The same, when more requests of each have ended"""
        def more():
            now = self.vms()
            return all(now[vm]["ended"] > before[vm]["ended"]
                       for vm in before) and now

        return wait_for(more, "another request of each VM")

    @contextmanager
    def load(self, seconds, sockets, vms, *options):
        """The standard output of devices that are on their way."""
        with subprocess.Popen(
                [self.context.build / "bench/mediator-load",
                 f"--seconds={seconds}", *options, sockets, *vms],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True) as load:
            assert load.stdout.readline() == "listening\n"
            yield load.stdout
            load.stdin.close()
        assert load.returncode == 0, load.returncode

    def report(self, output, measuring=lambda: None):
        """What the load has seen; no request of it may have failed. Calls
        `measuring` when it begins."""
        assert output.readline() == "measuring\n"
        measuring()
        report = json.loads(output.readline())
        assert report["requests"] > 0 and report["errors"] == 0, report
        report["rate"] = report["requests"] / report["seconds"]
        return report

    def measure(self, seconds, vms, server, *options):
        sockets = self.folder()
        with self.load(seconds, sockets, vms, *options) as output:
            with server(sockets):
                return self.report(output)

    def memory_kib(self, count, server, *options):
        """What the server keeps of `count` VMs that have nothing to ask."""
        vms = [f"{vm}:1:1:{self.request}" for vm in range(1, count + 1)]
        sockets = self.folder()
        with self.load(0.2, sockets, vms, *options) as output:
            with server(sockets) as process:
                self.report(output)
                text = Path(f"/proc/{process.pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB$", text, re.M).group(1))

    def share(self, seconds, vms, config=""):
        """The load's report, and (device time in us, requests) of each VM, as
        the mediator counts them, while (domid, devices, priority, request) of
        `vms` are at work for as long as they can."""
        sockets = self.folder()
        specs = [":".join(map(str, vm)) for vm in vms]
        counts = []
        with self.mediator(sockets, config):
            with self.load(seconds, sockets, specs, "--busy") as output:
                report = self.report(output,
                                     lambda: counts.append(self.vms()))
                counts.append(self.later(*counts))
        before, after = counts
        return report, [[after[f"vm{vm}"][key] - before[f"vm{vm}"][key]
                         for key in ("device_us", "ended")]
                        for vm, *_ in vms]

    def with_memory(self, name, request, sizes):
        """For mediator-load: a request, and what has to be allocated for it:
        {the handle's place in it: bytes}."""
        memory = [f"{size}@{request.index(struct.pack('<Q', place))}"
                  for place, size in sizes.items()]
        return ":".join([str(self.file(name, request)), *memory])

    def kernel(self, numbers):
        """One that adds up so many numbers"""
        return self.with_memory(f"kernel{numbers}",
                                reduce(*PLACES, numbers),
                                dict(zip(PLACES, (4 * numbers, 4))))

    def copies(self, size):
        """One that copies so many bytes from memory to memory"""
        source, target = PLACES
        return self.with_memory(
            "copies", copy(abi.VGPU_STUB_COPY_WITHIN_DEVICE, size, source,
                           more=struct.pack("<2Q", target, 0)),
            dict.fromkeys(PLACES, size))


def idle_memory(bench):
    """KiB per VM of the mediator and of the echo server."""
    for server, options in ((bench.mediator, ()),
                            (bench.echo_server, ("--bare",))):
        one = bench.memory_kib(1, server, *options)
        many = bench.memory_kib(IDLE_VMS, server, *options)
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


def jain(shares):
    """1 when all are equal, 1 / n when one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(x * x for x in shares))


def jain_equal(bench, seconds):
    """VMs of one weight, however many devices and however long kernels."""
    _, vms = bench.share(seconds, [
        (vm, devices, MEDIUM, bench.kernel(NUMBERS * factor))
        for vm, devices, factor in ((1, 1, 1), (2, 16, 1), (3, 2, 4), (4, 8, 2),
                                    (5, 1, 4), (6, 4, 1))])
    return jain([used for used, _ in vms])


def weighted(bench, seconds):
    """VMs of the weights 1 : 2 : 4 that run the same kernel: how far, of its
    share of the device time, the worst off is from that, and the least and the
    most device time of a request among them, in us. The latter differ: by what
    else a worker's processor does. So many devices that all VMs wait all the
    time."""
    weights = 100, 200, 400
    _, vms = bench.share(
        seconds,
        [(vm, 64, MEDIUM, bench.kernel(NUMBERS)) for vm in (1, 2, 3)],
        "".join(f"[vm vm{vm}]\nweight={weight}\n"
                for vm, weight in enumerate(weights, 1)))
    whole = sum(used for used, _ in vms)
    error = max(abs(used / whole / (weight / sum(weights)) - 1)
                for (used, _), weight in zip(vms, weights))
    each = [used / requests for used, requests in vms]
    return error, min(each), max(each)


def p99_beside(bench, seconds, request, others):
    """The 99th percentiles of a high-priority VM beside others and alone, in
    us."""
    for beside in others, []:
        report, _ = bench.share(seconds, [(1, 1, HIGH, request)] + beside)
        yield report["vms"]["1"]["p99_us"]


def high_latency(bench, seconds):
    """Of kernels, beside VMs of low priority that flood"""
    kernel = bench.kernel(NUMBERS)
    return p99_beside(bench, seconds, kernel,
                      [(vm, 16, LOW, kernel) for vm in range(2, 6)])


def latency_beside_copies(bench, seconds):
    """Of an ECHO of 1 KiB, beside one VM that copies 16 MiB all the time"""
    return p99_beside(bench, seconds, bench.request,
                      [(2, 1, MEDIUM, bench.copies(16 << 20))])


def run(context):
    bench = Bench(context)
    rounds, seconds = (1, 0.2) if context.quick else (5, 2)
    rows = []
    summary = {}
    for vms in (1, 8, 64):
        ours, bare = beside_echo(bench, vms, rounds, seconds)
        section = f"mediator: ECHO of 1 KiB, {vms} VM{'s' if vms > 1 else ''}"
        figure = f"throughput_{vms}vm_vs_echo"
        for name, key, unit, of in (
                ("throughput", "rate", "requests/s", figure),
                ("median", "p50_us", "us", None),
                ("99th percentile", "p99_us", "us", None)):
            rows.append(Row(section, name, ours[key], unit, "echo server",
                            bare[key], of))
        summary[figure] = ours["rate"] / bare["rate"]

    ours, bare = idle_memory(bench)
    rows.append(Row("mediator: memory", "idle VM", ours, "KiB", "echo server",
                    bare))

    seconds = 0.2 if context.quick else 10
    section = "mediator: kernels on one accelerator"
    summary["jain_equal"] = jain_equal(bench, seconds)
    error, least, most = weighted(bench, seconds)
    summary["share_error_weighted"] = error
    busy, idle = high_latency(bench, seconds)
    summary["high_p99_vs_idle"] = busy / idle
    copying, quiet = latency_beside_copies(bench, seconds)
    summary["high_p99_vs_idle_copies"] = copying / quiet
    rows += [
        Row(section, "Jain's index of 6 equal VMs", summary["jain_equal"], "",
            figure="jain_equal"),
        Row(section, "worst share of weights 1:2:4",
            error * 100, "% off", figure="share_error_weighted"),
        Row(section, "device time of a request, most of these VMs", most, "us",
            "least", least),
        Row(section, "high priority in a flood, 99th percentile", busy, "us",
            "alone", idle),
        Row(section, "ECHO beside copies of 16 MiB, 99th percentile", copying,
            "us", "alone", quiet, "high_p99_vs_idle_copies")]
    return Result(rows, summary,
                  [Target("throughput_8vm_vs_echo", ">=", 0.8),
                   Target("throughput_64vm_vs_echo", ">=", 0.8),
                   Target("jain_equal", ">=", 0.99),
                   Target("share_error_weighted", "<=", 0.02),
                   Target("high_p99_vs_idle_copies", "<=", 4)])
