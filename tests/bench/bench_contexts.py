# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a program waits for its worker: from the opening of a context to
the answer to its first request, with a spare and without.

Two mediators take turns. A spare is used only when it is ready.
"""
import json
import statistics
import subprocess
import time
from contextlib import ExitStack

from result import Result, Row, Target
from support import abi
from support.fake_queue_device import FakeQueueDevice
from support.mediatord import Mediatord
from support.operations import call
from support.wait import wait_for

MAKE = ["mediator"]

FIRST = call(abi.VGPU_STUB_OP_SYNCHRONIZE)

# No more than a VM may have started at once
OPENINGS = 15


class Host:
    """A mediator with so many spares, and a device with a queue"""

    def __init__(self, context, stack, backend, spares):
        self.spares = spares
        self.admin = context.scratch / f"admin-{backend}-{spares}"
        self.ctl = context.build / "mediator/vgpu-ctl"
        sockets = context.scratch / f"sockets-{backend}-{spares}"
        sockets.mkdir()
        config = context.scratch / f"config-{backend}-{spares}"
        config.write_text(f"[pool A]\nbackend={backend}\nspares={spares}\n")
        device = FakeQueueDevice(sockets / "vm1.sock")
        stack.callback(device.close)
        self.daemon = stack.enter_context(Mediatord(
            context.build / "mediator/vgpu-mediatord",
            context.scratch / f"log-{backend}-{spares}", "--config", config,
            "--admin-socket", self.admin, "--socket-dir", sockets))
        self.link = device.greet()
        stack.callback(self.link.close)

    def _states(self):
        text = subprocess.run(
            [self.ctl, "--socket", self.admin, "workers", "--json"],
            check=True, stdout=subprocess.PIPE).stdout
        return [worker["state"] for worker in json.loads(text)]

    def open(self):
        """ms of one opening"""
        wait_for(lambda: self._states() == ["spare"] * self.spares,
                 "nothing but spares", timeout=60)
        start = time.perf_counter()
        context = self.link.open()
        answer = context.ask(FIRST)
        took = time.perf_counter() - start
        assert answer.status == abi.VGPU_STUB_ERR_NONE, answer
        context.close()
        return took * 1000


def measure(context, backend, openings):
    """Medians with a spare and without, in ms"""
    with ExitStack() as stack:
        hosts = [Host(context, stack, backend, spares) for spares in (1, 0)]
        times = [[], []]
        for _ in range(openings):
            for host, took in zip(hosts, times):
                took.append(host.open())
    return [statistics.median(took) for took in times]


def run(context):
    rows = []
    summary = {}
    for backend in "cpu", "opencl":
        spare, none = measure(context, backend, 3 if context.quick else OPENINGS)
        figure = f"context_open_to_first_answer_{backend}_spare_vs_none"
        rows.append(Row("mediator: a program begins", f"first answer, {backend}",
                        spare, "ms", "without a spare", none, figure))
        summary[figure] = spare / none
    return Result(rows, summary, [Target(name, "<=", 0.5) for name in summary])
