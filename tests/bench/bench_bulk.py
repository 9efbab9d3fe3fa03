# SPDX-License-Identifier: GPL-2.0-or-later
"""Megabytes to the accelerator's memory and back: a guest's program, the
driver, the device, the mediator and a worker, beside virtio-blk over a file in
memory, in the same guest, and beside a copy in the host's memory.

Under TCG, in turns: 64 MiB in requests of 1 MiB, 4 in flight. The processor time
takes four guests more and is left out of a quick run.
"""
import resource
import tempfile
import time
from contextlib import contextmanager

from driver_guest import MAKE, Figures, in_guest, rounds
from result import Result, Target

MIB = 64
ROUNDS = 9          # each is over in no time
MANY = 32           # of 128 MiB, 4 GiB

BEGIN = """\
modprobe virtio_pci; modprobe virtio_blk; insmod ./vgpu-stub.ko || exit 1
until [ -b /dev/vda ]; do sleep 0.1; done
"""

ROUND = """\
echo "== queue NUMBER"; ./bulk-speed MIB
echo "== block NUMBER"; ./bulk-speed MIB /dev/vda
"""


def memcpy():
    """MiB/s of the host"""
    source, target = (bytearray(b"m" * (MIB << 20)) for _ in range(2))
    start = time.perf_counter()
    memoryview(target)[:] = source
    return MIB / (time.perf_counter() - start)


@contextmanager
def guest_with_disk(context):
    """run(name, job): what it says, in a guest with that disk as well"""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as disk:
        disk.write(b"m" * (MIB << 20))
        disk.flush()
        yield lambda name, job: in_guest(
            context, name, BEGIN + job.replace("MIB", str(MIB)),
            ["tests/driver/bulk-speed"], "-drive",
            f"file={disk.name},format=raw,if=none,id=disk,cache=writeback",
            "-device", "virtio-blk-pci,drive=disk")


def in_turns(context, guest):
    """{name: its reports, one of each round}"""
    sections = guest("bulk", "".join(ROUND.replace("NUMBER", str(number))
                                     for number in rounds(context, ROUNDS)))
    return {name: [sections[f"{name} {number}"]
                   for number in rounds(context, ROUNDS)]
            for name in ("queue", "block")}


def processor_seconds(guest, name, argument, count):
    """Of everything that has to do with a guest which moves 128 MiB so many
    times"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    guest(f"{name}-{count}", f"""\
echo "== all"
for i in $(seq {count}); do ./bulk-speed MIB {argument}; done
""")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime +
            after.ru_stime - before.ru_stime)


def seconds_per_gib(guest, name, argument=""):
    """Those of many rounds without those of one, which the guest's start is
    the most of"""
    used = [processor_seconds(guest, name, argument, count)
            for count in (1, 1 + MANY)]
    return (used[1] - used[0]) / (MANY * 2 * MIB / 1024)


def run(context):
    with guest_with_disk(context) as guest:
        reports = in_turns(context, guest)
        if not context.quick:
            queue, block = (seconds_per_gib(guest, *of) for of in (
                ("queue",), ("block", "/dev/vda")))
    copies = [memcpy() for _ in rounds(context, ROUNDS)]
    figures = Figures()
    for key in "write", "read":
        values, others = ([report[key] for report in reports[name]]
                          for name in ("queue", "block"))
        figures.add("driver, 64 MiB", key, "MiB/s", values, "virtio-blk",
                    others, f"bulk_{key}_vs_virtio_blk")
        if key == "write":
            figures.add("driver, 64 MiB", key, "MiB/s", values, "memcpy",
                        copies, "bulk_write_vs_memcpy")
    targets = [
        Target("bulk_write_vs_virtio_blk", ">=", 2),
        Target("bulk_read_vs_virtio_blk", ">=", 2),
        Target("bulk_write_vs_memcpy", ">=", 0.4),
    ]
    if not context.quick:
        figures.add("driver, 64 MiB", "processor time", "s/GiB", [queue],
                    "virtio-blk", [block], "cpu_per_gib_vs_virtio_blk")
        targets.append(Target("cpu_per_gib_vs_virtio_blk", "<=", 1.3))
    return Result(figures.rows, figures.summary, targets)
