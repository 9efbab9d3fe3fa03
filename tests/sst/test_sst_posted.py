# SPDX-License-Identifier: GPL-2.0-or-later
"""Posted writes: no wait, errors at the next read."""
import threading

import pytest

from support import sst
from support.sst import BASE, Acalsim, Guide, Request
from support.wait import wait_for

ONES = 0xffffffff
POSTED = "posted-writes=on"


class Gate(sst.Memory):
    """Answers nothing until it is opened."""

    def __init__(self):
        super().__init__()
        self.opened = threading.Event()

    def __call__(self, simulator, request):
        self.opened.wait(10)
        return super().__call__(simulator, request)


def refuse_writes(sim, request):
    return sim.wire.answer(7, ok=not request.write)


@pytest.mark.parametrize("wire", (Guide, Acalsim))
def test_writes_do_not_wait_and_keep_their_order(start_linked, wire):
    gate = Gate()
    device, simulator = start_linked(POSTED, gate, wire)
    for number in range(100):
        device.write(number, 4 * (number % 10), 4)
    gate.opened.set()
    for number in range(10):
        assert device.read(4 * number) == 90 + number
    assert simulator.requests[:100] == [
        Request(True, BASE + 4 * (number % 10), 4, number)
        for number in range(100)]
    assert (device.get("writes"), device.get("errors")) == (100, 0)


def test_more_than_may_be_unanswered(start_linked):
    device, simulator = start_linked(POSTED, sst.Memory(latency=3))
    for number in range(1000):
        device.write(number, 0, 2)
    assert device.read(0, 2) == 999
    assert len(simulator.requests) == 1001
    assert device.get("latency-cycles") == 3003


def test_a_refused_write_shows_at_the_next_read(start_linked):
    device, _ = start_linked(POSTED, refuse_writes)
    device.write(1)
    device.write(2)
    assert device.read() == ONES
    assert device.get("errors") == 2
    assert device.read() == 7       # shown once
    assert device.get("connected")


def test_answers_count_without_a_read(start_linked):
    device, _ = start_linked(POSTED, refuse_writes)
    for _ in range(5):
        device.write(1)
    wait_for(lambda: device.get("errors") == 5, "the errors of five writes")


def test_a_simulator_that_ends_before_it_answers(start_linked):
    def end_at_the_third(sim, request):
        return b"" if len(sim.requests) == 3 else None

    device, simulator = start_linked(POSTED, end_at_the_third)
    for _ in range(3):
        device.write(1)
    device.wait_connected(False)
    assert device.get("errors") == 3
    simulator.reply = sst.Memory()
    simulator.start()
    device.wait_connected()
    assert device.read() == ONES
    assert device.read() == 0


def test_writes_without_a_simulator(start_linked):
    device, simulator = start_linked(POSTED)
    simulator.stop()
    device.wait_connected(False)
    device.write(1)
    assert device.get("errors") == 1
    simulator.start()
    device.wait_connected()
    assert device.read() == ONES
    assert device.read() == 0


def test_silence_is_noticed_without_another_access(start_linked):
    device, _ = start_linked(POSTED + ",timeout-ms=200", lambda *_: None)
    device.write(1)
    device.wait_connected(False)
    assert "no answer within 200 ms" in device.qemu.log()
    assert device.get("errors") == 1


def test_a_simulator_that_does_not_keep_up(start_linked):
    """The writes that may be unanswered are bounded; so is the wait."""
    device, simulator = start_linked(POSTED + ",timeout-ms=200",
                                     lambda *_: None)
    for number in range(1000):
        device.write(number)
    assert device.get("errors") == 1000
    assert not device.get("connected")
    simulator.stop()
    # Where the host is busy, the time of the first was over before.
    assert len(simulator.requests) <= 128


def test_as_many_as_may_be_unanswered_do_not_wait(start_linked):
    device, simulator = start_linked(POSTED, lambda *_: None)
    for number in range(128):
        device.write(number)
    simulator.wait_requests(128)
    assert device.get("connected")


def test_reset_forgets_an_error(start_linked):
    device, _ = start_linked(POSTED, refuse_writes)
    device.write(1)
    device.qemu.qmp("system_reset")
    assert device.read() == 7
    assert device.get("errors") == 1
