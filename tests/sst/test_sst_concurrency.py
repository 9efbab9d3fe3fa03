# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU goes on while a processor waits for the simulator."""
import threading

import pytest

from support import sst
from support.sst import BASE, Guide, Request

IDLE = 0x1d1e       # with this answer the software does nothing more


class Held:
    """Keeps the first answer back until it is told to give it."""

    def __init__(self):
        self.given = threading.Event()

    def give_soon(self):
        threading.Timer(0.2, self.given.set).start()

    def __call__(self, sim, request):
        if len(sim.requests) == 1:
            assert self.given.wait(60)
        return Guide.answer(IDLE)


@pytest.fixture
def waiting(start_sst_qemu, program, sim_path):
    """(device, simulator, Held): software has asked and has no answer yet."""
    held = Held()
    with sst.Listener(sim_path, reply=held) as simulator:
        qemu = start_sst_qemu(
            "-chardev", f"socket,id=s0,path={sim_path},reconnect=1",
            "-device", "sst-device,id=sst0,chardev=s0,timeout-ms=120000",
            "-kernel", program, accel="tcg")
        # Its software takes a simulator that goes away for a failure.
        with qemu:
            device = sst.Device(qemu)
            simulator.wait_requests(1)
            yield device, simulator, held
            held.given.set()
            assert simulator.requests[0] == Request(False, BASE, 4)
            assert device.get("errors") == 0


def test_the_monitor_is_served(waiting):
    """Had the processor kept the lock, it would not be before the answer."""
    device, _, _ = waiting
    assert device.get("reads") == 1
    assert device.qemu.qmp("query-status")["running"]


def test_another_access_takes_its_turn(waiting):
    device, simulator, held = waiting
    held.give_soon()
    assert device.read(8, 2) == IDLE
    assert simulator.requests[1] == Request(False, BASE + 8, 2)


def test_a_reset_waits_for_the_answer(waiting):
    device, simulator, held = waiting
    held.give_soon()
    device.qemu.qmp("system_reset")
    simulator.wait_requests(2)      # the software has begun again
