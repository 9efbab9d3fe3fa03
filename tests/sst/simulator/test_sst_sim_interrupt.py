# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts of simulated devices, and time that passes while software waits."""
import pytest

from processes import child, interrupted
from sst_sim import COMPUTE, ECHO, config
from support import abi
from support.wait import wait_for

CONTROL = COMPUTE + abi.SST_DEVICE_REG_CONTROL
STATUS = COMPUTE + abi.SST_DEVICE_REG_STATUS
BUSY = abi.SST_DEVICE_STATUS_BUSY
READY = abi.SST_DEVICE_STATUS_DATA_READY
INTERRUPT = abi.SST_DEVICE_CONTROL_INTERRUPT
START = abi.SST_DEVICE_CONTROL_START | INTERRUPT


@pytest.fixture
def compute(start_sim, connect):
    start_sim()
    return connect("compute0")


def poll(client):
    """Until an interrupt comes in the place of an answer, which follows."""
    while True:
        client.send(client.encode(abi.SST_MMIO_READ, STATUS, 4))
        if client.peek_magic() == abi.SST_MMIO_INTERRUPT_MAGIC:
            break
        assert client.receive().data == BUSY
    assert client.receive_interrupt() == (1, COMPUTE)
    assert client.receive().data == BUSY    # it came while the access went on
    assert client.read(STATUS) == READY


def test_an_interrupt_comes_before_the_answer(compute):
    compute.write(CONTROL, START)
    poll(compute)


@pytest.mark.parametrize("value", [
    START, abi.SST_DEVICE_CONTROL_RESET, 0],
    ids=["next operation", "reset", "not wanted"])
def test_the_line_falls(compute, value):
    compute.write(CONTROL, START)
    poll(compute)
    compute.send(compute.encode(abi.SST_MMIO_WRITE, CONTROL, 4, value))
    assert compute.receive_interrupt() == (0, COMPUTE)
    assert compute.receive().ok


def test_time_passes_while_software_waits(compute):
    compute.write(CONTROL, START)
    compute.idle(0)
    assert compute.receive_interrupt() == (1, COMPUTE)
    assert compute.read(STATUS) == READY


def test_a_wait_that_an_interrupt_will_end_is_none(compute):
    """QEMU has said it before it saw the second message."""
    compute.write(CONTROL, START)
    compute.idle(0)
    assert compute.receive_interrupt() == (1, COMPUTE)
    compute.send(compute.encode(abi.SST_MMIO_WRITE, CONTROL, 4, START))
    assert compute.receive_interrupt() == (0, COMPUTE)
    assert compute.receive().ok
    compute.idle(1)
    assert compute.read(STATUS) == BUSY
    compute.idle(2)
    assert compute.receive_interrupt() == (1, COMPUTE)


def test_all_have_to_wait(compute, connect):
    echo = connect("echo0")
    compute.write(CONTROL, START)
    echo.read(ECHO)
    compute.idle(0)
    assert compute.read(STATUS) == BUSY
    compute.idle(0)
    echo.idle(0)
    assert compute.receive_interrupt() == (1, COMPUTE)


def test_who_connects_is_told_of_high_lines(compute, connect):
    compute.write(CONTROL, START)
    compute.idle(0)
    assert compute.receive_interrupt() == (1, COMPUTE)
    second = connect("compute0")
    assert second.receive_interrupt() == (1, COMPUTE)
    assert second.read(STATUS) == READY


def test_who_waits_with_nothing_due(compute):
    """There is nothing to do: the connection serves on."""
    compute.idle(0)
    assert compute.read(STATUS) == 0


def test_what_is_due_after_the_end_of_time_does_not_happen(start_sim, connect):
    """That would end all other accesses, too."""
    start_sim(config(frequency="1Hz", **{"operation-latency": 10**9}))
    compute = connect("compute0")
    compute.write(CONTROL, START)
    compute.idle(0)
    assert compute.read(STATUS) == BUSY
    assert compute.read(STATUS) == BUSY


def test_who_takes_nothing_is_told_later(compute, connect):
    """But not of each change: others on the socket make them without end."""
    other = connect("compute0")
    compute.write(CONTROL, START)
    poll(compute)
    changes = [compute.encode(abi.SST_MMIO_WRITE, CONTROL, 4, value)
               for value in (0, INTERRUPT)] * 20
    for _ in range(250):
        compute.send(b"".join(changes))
        for _ in changes:
            compute.receive_interrupt()
            assert compute.receive().ok
    other.send(other.encode(abi.SST_MMIO_READ, STATUS, 4))
    lines = []
    while other.peek_magic() == abi.SST_MMIO_INTERRUPT_MAGIC:
        lines.append(other.receive_interrupt())
    assert other.receive().data == READY
    assert len(lines) < 8000
    assert lines[-2:] == [(0, COMPUTE), (1, COMPUTE)]


def test_without_a_number_there_is_no_line(start_sim, connect):
    start_sim(config(interrupt=0))
    compute = connect("compute0")
    compute.write(CONTROL, START)
    answers = [compute.read(STATUS) for _ in range(200)]
    assert answers[0] == BUSY and answers[-1] == READY


@pytest.mark.parametrize("change, words", (
    (("interrupt=13", "interrupt=12"), "interrupt= is that of [device echo0]"),
    (("interrupt=13", "interrupt=1024"), "a whole number from 0 to 1023"),
    (("format=guide", "format=acalsim"),
     "interrupt= is not possible with [simulator] format=acalsim"),
))
def test_bad_configurations(start_sim, change, words):
    sim = start_sim(config().replace(*change), "true")
    assert sim.wait() == 2
    assert words in sim.log()


@pytest.mark.parametrize("stopping", [False, True])
def test_firmware(start_sim, boot, firmware, stopping):
    """The same whatever holds QEMU up."""
    sim = start_sim(config(), *boot(firmware("interrupt-test")))
    if stopping:
        qemu = wait_for(lambda: child(sim.process.pid), "QEMU")
        with interrupted(qemu):
            status = sim.wait()
    else:
        status = sim.wait()
    assert status == 0, sim.output()
    assert sim.output().count(": ok\n") == 4
    assert sim.output().endswith("\n401 reads, 207 writes\n")
    row = sim.statistics()["compute0"]
    assert (row["reads"], row["writes"]) == ("401", "207")


def test_a_timer_of_the_boards_ends_a_wait(start_sim, boot, compile_program):
    """The time that software has slept is simulated time. Of a sleep nothing is
    left when QEMU was held up before it: then there is another."""
    sim = start_sim(
        config(**{"operation-latency": 1000000}),
        *boot(compile_program("""
            volatile uint32_t *mtimecmp = (volatile uint32_t *)0x02004000;
            SstDevice compute = sst_device(1);

            sst_set(&compute, SST_DEVICE_REG_CONTROL, SST_DEVICE_CONTROL_START);
            for (int sleeps = 0; sleeps < 100; sleeps++) {
                uint64_t until = board_time() + 20 * BOARD_MTIME_HZ / 1000;

                mtimecmp[1] = until >> 32;
                mtimecmp[0] = until;
                __asm__ volatile("csrs mie, %0\\nwfi" : : "r"(0x80));
                if (sst_get(&compute, SST_DEVICE_REG_STATUS) ==
                    SST_DEVICE_STATUS_DATA_READY) {
                    return 0;
                }
            }
            return 1;""")))
    assert sim.wait() == 0
