# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's round trip through the device beside one through virtio-serial.

In one guest under TCG, in turns, with the same echo process at the other end:
what differs is how a request gets from the guest to the host and back.
"""
import re
import statistics
import subprocess
from contextlib import contextmanager

from result import Result, Row, Target, Unavailable
from support import abi
from support.guest import boot, link, numbers, vgpu_stub
from support.mediatord import UNLIMITED, Host

PROGRAMS = ["tests/guest/round-trips", "tests/guest/register-echo"]

MAKE = ["qemu", "QEMU=7.2", "mediator", "guest-tools", "guest-test-programs",
        "driver", "driver-test-programs",
        "build/bench/guest-peer"]

BIND_UIO = """\
modprobe uio_pci_generic
echo 1af4 1111 >/sys/bus/pci/drivers/uio_pci_generic/new_id
"""


def qemu(context):
    return context.build / "qemu-7.2/qemu-system-x86_64"


def medians(lines):
    reports = [numbers(line) for line in lines]
    return {key: statistics.median(report[key] for report in reports)
            for key in reports[0]}


@contextmanager
def echo_peer(context, device, port):
    with subprocess.Popen([context.build / "bench/guest-peer", device,
                           port]) as process:
        try:
            yield
        finally:
            process.terminate()


def beside_virtio_serial(context, rounds, count):
    """{name: figures} of the device, the port, and waiting in both ways."""
    folder = context.scratch / "serial"
    folder.mkdir()
    device, port = folder / "device.sock", folder / "port.sock"
    job = f"""\
modprobe virtio_pci; modprobe virtio_console
until [ -c /dev/vport0p1 ]; do sleep 0.1; done
for i in $(seq {rounds}); do
    echo "== device $i"; ./round-trips device {count}
    echo "== port $i"; ./round-trips port {count} /dev/vport0p1
    echo "== polling $i"; ./round-trips slow 50
done
{BIND_UIO}
for i in $(seq {rounds}); do
    echo "== interrupt $i"; ./round-trips slow 50
done
"""
    with echo_peer(context, device, port):
        sections = boot(
            qemu(context), folder / "job", job, PROGRAMS, *vgpu_stub(device),
            "-device", "virtio-serial-pci,max_ports=2",
            *link(port, 1), "-device", "virtserialport,chardev=l1")
    return {name: medians(sections[f"{name} {i + 1}"][0]
                          for i in range(rounds))
            for name in ("device", "port", "polling", "interrupt")}


def through_mediator(context, rounds, count):
    """The device's figures with the real mediator at the other end."""
    folder = context.scratch / "mediator"
    folder.mkdir()
    job = f'for i in $(seq {rounds}); do echo "== device $i"; ' \
          f"./round-trips device {count}; done\n"
    with Host(folder, config=UNLIMITED) as host:
        sections = boot(qemu(context), folder / "job", job, PROGRAMS,
                        *vgpu_stub(host.sockets / "link.sock"))
    return medians(sections[f"device {i + 1}"][0] for i in range(rounds))


def socketpair(context, rounds, count):
    return medians(subprocess.run(
        [context.build / "tests/guest/round-trips", "socketpair", str(count)],
        check=True, stdout=subprocess.PIPE, text=True).stdout
        for _ in range(rounds))


def accesses(context, program):
    """How often 1 KiB to the mediator and back reaches into the BAR, but for
    the looks that came too early."""
    folder = context.scratch / program.split()[0]
    folder.mkdir()
    trace = folder / "trace"
    with Host(folder, config=UNLIMITED) as host:
        boot(qemu(context), folder / "job", f"./{program}\n", PROGRAMS,
             *vgpu_stub(host.sockets / "link.sock"),
             "-D", trace, "-trace", "vgpu_stub_mmio_*")
    events = [(kind, int(offset, 16)) for kind, offset in re.findall(
        "vgpu_stub_mmio_(read|write) .* addr=0x([0-9a-f]+)",
        trace.read_text())]
    rings = [i for i, event in enumerate(events)
             if event == ("write", abi.VGPU_STUB_REG_DOORBELL)]
    if len(rings) > 1:
        # What an answer needs, and the next request: as much as one request
        events = events[rings[-2] + 1:rings[-1] + 1]
    else:
        events = events[events.index(next(event for event in events
                                          if event[0] == "write")):]
    looks = [offset for kind, offset in events
             if kind == "read" and offset < abi.VGPU_STUB_REQUEST_BUF]
    return len(events) - len(looks) + len(set(looks))


XEN_CHECKS = [f"check_{name}" for name in (
    "device", "trips", "register_by_register", "driver", "queue_trips",
    "queue_speed", "end")]

XEN_FIGURES = {
    "submit": r"(\d+) to submit", "collect": r"(\d+) to collect",
    "block": r"(\d+) us for a 1 KiB echo",
    "registers": r"(\d+) us register by register",
    "trips": r"by the queue, ([0-9.]+) each",
    "queue": r"1 MiB: (\d+) us by the queue", "cold": r"(\d+) us where it is",
    "blocks": r"(\d+) us by 1 KiB blocks",
}


def on_xen(context):
    """What check-xen tells: {name: number}. Of 1 KiB through the mailbox: how
    many requests to the device model, without looks; µs by blocks and register
    by register. Of the queue: such requests for an echo, 32 in flight; µs for
    1 MiB, for the first time, and by the mailbox."""
    try:
        subprocess.run(
            [context.root / "tests/xen/check-xen", qemu(context), *XEN_CHECKS],
            check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise Unavailable("check-xen failed, see build/check-xen") from error
    report = (context.build / "check-xen/checks.tap").read_text()
    return {name: float(re.search(pattern, report)[1])
            for name, pattern in XEN_FIGURES.items()}


def rows_of_xen(xen):
    return [
        Row("guest, on Xen", "1 KiB round trip", xen["block"], "us",
            "register by register", xen["registers"], "xen_block_vs_register"),
        Row("guest, on Xen", "trips to dom0 for a request",
            xen["submit"] + xen["collect"], "", figure="xen_exits_per_request"),
        Row("guest, on Xen", "trips for one by the queue, 32 in flight",
            xen["trips"], "", figure="xen_queue_exits_per_request"),
        Row("guest, on Xen", "1 MiB by the queue", xen["queue"], "us",
            "by 1 KiB blocks", xen["blocks"], "xen_mib_queue_vs_blocks"),
        Row("guest, on Xen", "1 MiB by the queue, memory that is new",
            xen["cold"], "us", "by 1 KiB blocks", xen["blocks"]),
    ]


XEN_TARGETS = [Target("xen_exits_per_request", "<=", 2),
               Target("xen_block_vs_register", "<=", 0.02),
               Target("xen_queue_exits_per_request", "<=", 0.2),
               Target("xen_mib_queue_vs_blocks", "<=", 0.01)]


def run(context):
    rounds, count = (1, 50) if context.quick else (5, 2000)
    serial = beside_virtio_serial(context, rounds, count)
    device, port = serial["device"], serial["port"]
    floor = socketpair(context, rounds, count)
    mediated = through_mediator(context, rounds, count)
    block = accesses(context, "round-trips device 2")
    registers = accesses(context, "register-echo")

    rows = []
    for section, figures, peer, others in (
            ("guest, 1 KiB round trip", device, "virtio-serial", port),
            ("guest, beside the host's floor", device, "socketpair", floor),
            ("guest, through the mediator", mediated, "virtio-serial", port)):
        for name, key, unit in (("median", "p50", "us"),
                                ("99th percentile", "p99", "us"),
                                ("throughput", "rate", "requests/s")):
            rows.append(Row(section, name, figures[key], unit, peer,
                            others[key]))
    rows[0].figure = "rtt_vs_virtio_serial"
    rows += [
        Row("guest, answered after 20 ms", "CPU for waiting, by interrupt",
            serial["interrupt"]["cpu"], "%", "polling",
            serial["polling"]["cpu"]),
        Row("guest, 1 KiB round trip", "accesses to the device", block, "",
            "register by register", registers),
    ]
    summary = {"rtt_vs_virtio_serial": device["p50"] / port["p50"],
               "mmio_ops_per_request": block}
    targets = [Target("rtt_vs_virtio_serial", "<=", 0.5)]
    if not context.quick:
        xen = rows_of_xen(on_xen(context))
        rows += xen
        summary.update((row.figure, row.ratio or row.value)
                       for row in xen if row.figure)
        targets += XEN_TARGETS
    return Result(rows, summary, targets)
