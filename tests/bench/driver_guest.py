# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest whose programs use the driver, with the real mediator behind it."""
import statistics

from result import Row
from support.guest import boot, numbers, vgpu_stub
from support.mediatord import UNLIMITED, Host

MAKE = ["qemu", "QEMU=7.2", "mediator", "driver", "driver-test-programs",
        "guest-test-programs", "build/bench/guest-peer"]

CONFIG = UNLIMITED + "[pool A]\nbackend=cpu\n"


def rounds(context, count=3):
    return range(1 if context.quick else count)


def in_guest(context, name, job, programs, *qemu_args):
    """{section: {word: number}} of what such a guest's job says"""
    folder = context.scratch / name
    folder.mkdir()
    with Host(folder, config=CONFIG) as host:
        sections = boot(
            context.build / "qemu-7.2/qemu-system-x86_64", folder / "job", job,
            ["driver/6.1/vgpu-stub.ko", *programs],
            *vgpu_stub(host.sockets / "0.sock"), *qemu_args,
            kernel_args="oops=panic")
    return {section: numbers(" ".join(lines))
            for section, lines in sections.items()}


class Figures:
    """Rows and figures, each the median of the rounds, with their spread

    Beside the figure NAME of the summary, NAME_spread is by how much those of
    the rounds differ.
    """

    def __init__(self):
        self.rows = []
        self.summary = {}

    def add(self, section, name, unit, values, peer=None, others=None,
            figure=None):
        """`values`, and those of the peer, of each round; the figure is their
        ratio, or the value where there is no peer."""
        self.rows.append(Row(section, name, statistics.median(values), unit,
                             peer, others and statistics.median(others),
                             figure, (min(values), max(values))))
        if figure:
            ratios = [value / other for value, other
                      in zip(values, others)] if others else values
            self.summary[figure] = statistics.median(ratios)
            self.summary[f"{figure}_spread"] = max(ratios) - min(ratios)
