# SPDX-License-Identifier: GPL-2.0-or-later
"""Megabytes to the accelerator's memory and back: a guest's program, the
driver, the device, the mediator and a worker, beside virtio-blk over a file in
memory, in the same guest, and beside a copy in the host's memory.

Under TCG, in turns: 64 MiB in requests of 1 MiB, 4 in flight.
"""
import tempfile
import time

from driver_guest import MAKE, Figures, in_guest, rounds
from result import Result, Target

MIB = 64
ROUNDS = 9          # each is over in no time

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


def in_turns(context):
    """{name: its reports, one of each round}"""
    job = BEGIN + "".join(ROUND.replace("NUMBER", str(number))
                          for number in rounds(context, ROUNDS))
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as disk:
        disk.write(b"m" * (MIB << 20))
        disk.flush()
        sections = in_guest(
            context, "bulk", job.replace("MIB", str(MIB)),
            ["tests/driver/bulk-speed"], "-drive",
            f"file={disk.name},format=raw,if=none,id=disk,cache=writeback",
            "-device", "virtio-blk-pci,drive=disk")
    return {name: [sections[f"{name} {number}"]
                   for number in rounds(context, ROUNDS)]
            for name in ("queue", "block")}


def run(context):
    reports = in_turns(context)
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
    return Result(figures.rows, figures.summary, [
        Target("bulk_write_vs_virtio_blk", ">=", 2),
        Target("bulk_read_vs_virtio_blk", ">=", 2),
        Target("bulk_write_vs_memcpy", ">=", 0.4),
    ])
