# SPDX-License-Identifier: GPL-2.0-or-later
"""Echoes of 1 KiB by the queue: a guest's programs, with the library and
without, the driver, the device and the mediator, beside a port of virtio-serial
of the same guest.

Under TCG, in turns. The port's peer is a bare echo process.
"""
import re
import subprocess
from contextlib import contextmanager

from driver_guest import MAKE, Figures, in_guest, rounds
from result import Result, Target
from support import abi
from support.guest import link

PROGRAMS = ["tests/driver/echo-speed", "tests/driver/port-speed",
            "tests/guest/echo-jobs", "tests/guest/spin-echo"]
DEPTH = 32

BEGIN = """\
interrupts() { awk '/vgpu-stub0/ { print $2 }' /proc/interrupts; }
insmod ./vgpu-stub.ko || exit 1
"""

PORT = """\
modprobe virtio_pci; modprobe virtio_console
until [ -c /dev/vport0p1 ]; do sleep 0.1; done
"""

ROUND = """\
echo "== queue NUMBER"; ./echo-speed DEPTH MILLISECONDS
echo "== port NUMBER"; ./port-speed /dev/vport0p1 DEPTH MILLISECONDS
echo "== queue alone NUMBER"; ./echo-speed 1 MILLISECONDS
echo "== port alone NUMBER"; ./port-speed /dev/vport0p1 1 MILLISECONDS
echo "== processes NUMBER"; ./echo-speed DEPTH MILLISECONDS 8
echo "== jobs NUMBER"; ./echo-jobs DEPTH MILLISECONDS
echo "== jobs of processes NUMBER"; ./echo-jobs DEPTH MILLISECONDS 8
rmmod vgpu-stub
echo "== spinning NUMBER"; ./spin-echo MILLISECONDS
insmod ./vgpu-stub.ko || exit 1
"""

# The queue begins anew, which shows in the trace.
EXITS = """\
rmmod vgpu-stub; insmod ./vgpu-stub.ko || exit 1
echo "== exits NUMBER"; before=$(interrupts); ./echo-speed DEPTH MILLISECONDS
echo "interrupts $(($(interrupts) - before))"
"""


def job(context, each):
    duration = "200" if context.quick else "2000"
    each = each.replace("DEPTH", str(DEPTH)).replace("MILLISECONDS", duration)
    return BEGIN + "".join(each.replace("NUMBER", str(number))
                           for number in rounds(context))


@contextmanager
def echo_peer(context, port):
    with subprocess.Popen([context.build / "bench/guest-peer", "-", port]
                          ) as process:
        try:
            yield
        finally:
            process.terminate()


def beside_virtio_serial(context):
    """{name: its reports, one of each round}"""
    port = context.scratch / "port.sock"
    with echo_peer(context, port):
        sections = in_guest(
            context, "serial", PORT + job(context, ROUND), PROGRAMS, "-device",
            "virtio-serial-pci,max_ports=2", *link(port, 1), "-device",
            "virtserialport,chardev=l1")
    return {name: [sections[f"{name} {number}"] for number in rounds(context)]
            for name in ("queue", "port", "queue alone", "port alone",
                         "processes", "jobs", "jobs of processes", "spinning")}


def exits(context):
    """Doorbells and interrupts for one echo, and what they are, each round"""
    trace = context.scratch / "trace"
    sections = in_guest(
        context, "exits", job(context, EXITS), PROGRAMS, "-D", trace,
        "-trace", "vgpu_stub_mmio_write", "-trace", "vgpu_stub_queue_start")
    starts = trace.read_text().split("vgpu_stub_queue_start")
    doorbell = f"addr=0x{abi.VGPU_STUB_REG_QUEUE_DOORBELL:03x}"
    for number, text in zip(rounds(context), starts[-len(rounds(context)):]):
        report = sections[f"exits {number}"]
        yield (len(re.findall(doorbell, text)) / report["total"],
               report["interrupts"] / report["total"])


def column(reports, key):
    return [report[key] for report in reports]


def run(context):
    reports = beside_virtio_serial(context)
    doorbells, interrupts = zip(*exits(context))
    figures = Figures()
    section = f"driver, {DEPTH} echoes in flight"
    figures.add(section, "throughput", "requests/s",
                column(reports["queue"], "rate"), "virtio-serial",
                column(reports["port"], "rate"),
                "queue_requests_vs_virtio_serial")
    figures.add(section, "8 processes together", "requests/s",
                column(reports["processes"], "rate"), "one process",
                column(reports["queue"], "rate"), "driver_processes_8_vs_1")
    figures.add(section, "doorbells for one", "", doorbells)
    figures.add(section, "interrupts for one", "", interrupts)
    figures.add(section, "doorbells and interrupts for one", "",
                [sum(both) for both in zip(doorbells, interrupts)],
                figure="queue_exits_per_request_depth32")
    section = f"library, {DEPTH} echoes in flight"
    figures.add(section, "throughput", "requests/s",
                column(reports["jobs"], "rate"), "the driver alone",
                column(reports["queue"], "rate"))
    figures.add(section, "8 processes together", "requests/s",
                column(reports["jobs of processes"], "rate"), "one process",
                column(reports["jobs"], "rate"), "library_processes_8_vs_1")
    figures.add(section, "system calls for one", "",
                column(reports["jobs"], "calls"),
                figure="driver_syscalls_per_request_depth32")
    figures.add("driver, one echo at a time", "median", "us",
                column(reports["queue alone"], "p50"), "virtio-serial",
                column(reports["port alone"], "p50"),
                "rtt_queue_vs_virtio_serial")
    figures.add("queue without the driver, one echo at a time",
                "median, by a waiter that spins", "us",
                column(reports["spinning"], "p50"), "virtio-serial",
                column(reports["port alone"], "p50"),
                "rtt_queue_spinning_vs_virtio_serial")
    return Result(figures.rows, figures.summary, [
        Target("queue_requests_vs_virtio_serial", ">=", 5),
        Target("driver_processes_8_vs_1", ">=", 0.9),
        Target("driver_syscalls_per_request_depth32", "<=", 0.1),
        Target("queue_exits_per_request_depth32", "<=", 0.07),
        Target("rtt_queue_vs_virtio_serial", "<=", 1),
        Target("rtt_queue_spinning_vs_virtio_serial", "<=", 0.6),
    ])
