# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts that a simulator sends, and what it is told of processors."""
import pytest

from support import abi, sst
from support.qemu import run
from support.sst import BASE, Guide
from support.wait import wait_for

PENDING = 0x0C001000        # of the PLIC, a bit for each input
LINE = "interrupt=12"
NEVER = abi.SST_MMIO_IDLE_NEVER


def pending(device):
    return [number for number in range(1, 32)
            if device.qemu.read(PENDING, 4) >> number & 1]


def wait_pending(device):
    wait_for(lambda: pending(device) == [12], "interrupt 12")


def test_an_interrupt_at_any_time(start_linked):
    device, simulator = start_linked(LINE)
    assert pending(device) == []
    simulator.send(Guide.interrupt(1))
    wait_pending(device)
    assert device.read() == 0       # the connection serves as before
    assert device.get("errors") == 0


def test_an_interrupt_before_an_answer(start_linked):
    """When software has the answer, it has the interrupt."""
    device, _ = start_linked(
        LINE, lambda sim, request: Guide.interrupt(1) + Guide.answer(5))
    assert device.read() == 5
    assert pending(device) == [12]


def test_an_interrupt_in_single_bytes(start_linked):
    device, simulator = start_linked(LINE)
    for byte in Guide.interrupt(1):
        simulator.send(bytes((byte,)))
    wait_pending(device)


@pytest.mark.parametrize("offsets, address, ours", (
    ("off", BASE, True), ("off", BASE + 4095, True), ("off", BASE + 4096, False),
    ("off", 0, False), ("on", 0, True), ("on", 4096, False), ("on", BASE, False),
))
def test_the_address_says_whose_it_is(start_linked, offsets, address, ours):
    device, _ = start_linked(
        LINE + ",offsets=" + offsets,
        lambda sim, request: Guide.interrupt(1, address) + Guide.answer(0))
    device.read()
    assert pending(device) == [12] * ours


def test_what_answers_nothing_is_refused(start_linked):
    """An answer without a question, as it is without interrupts."""
    device, simulator = start_linked(LINE)
    simulator.send(Guide.answer(1))
    device.wait_connected(False)
    assert "an answer came that answers nothing" in device.qemu.log()


@pytest.mark.parametrize("wire", sst.FORMATS.values(), ids=sst.FORMATS)
def test_who_has_no_line_refuses_interrupts(start_linked, wire):
    device, simulator = start_linked(wire=wire)
    simulator.send(Guide.interrupt(1))
    device.wait_connected(False)
    assert device.qemu.log().count("bytes came that answer nothing") == 1


def test_a_line_is_low_without_a_simulator(start_linked):
    """What is high it says again: that is another interrupt."""
    device, simulator = start_linked(LINE)
    simulator.send(Guide.interrupt(1))
    wait_pending(device)
    simulator.stop()
    device.wait_connected(False)
    device.qemu.qmp("system_reset")
    assert pending(device) == []
    simulator.start()
    device.wait_connected()
    simulator.send(Guide.interrupt(1))
    wait_pending(device)


def test_a_reset_does_not_hide_it(start_linked):
    device, simulator = start_linked(LINE)
    simulator.send(Guide.interrupt(1))
    wait_pending(device)
    device.qemu.qmp("system_reset")
    wait_pending(device)


@pytest.mark.parametrize("machine, setting, words", (
    ("virt", "interrupt=96", "interrupt is 96, must be less than 96"),
    ("virt", "interrupt=4294967295", "must be less than 96"),
    ("virt", "interrupt=-1", "interrupt"),
    ("spike", "interrupt=1",
     "interrupt is 1, but the machine does not have one riscv.sifive.plic"),
    ("virt", "interrupt=1,format=acalsim",
     "format is 'acalsim', must be guide with interrupt or report-idle"),
    ("virt", "report-idle=on,format=acalsim",
     "format is 'acalsim', must be guide with interrupt or report-idle"),
))
def test_bad_properties_are_named(sst_qemu, machine, setting, words):
    result = run(sst_qemu, "-bios", "none", "-device",
                 "sst-device,socket=s," + setting, machine=machine)
    assert result.returncode == 1
    assert words in result.stdout


def test_a_high_line_migrates(start_linked, start_device, sim_path, tmp_path):
    """It is high until the simulator says otherwise."""
    device, simulator = start_linked(LINE)
    simulator.send(Guide.interrupt(1))
    wait_pending(device)
    device.qemu.save(tmp_path / "state")
    device.qemu.quit()
    simulator.stop()

    restored = start_device(LINE, "-S", "-incoming",
                            f"exec:cat {tmp_path}/state", "-trace",
                            "sst_device_interrupt")
    restored.qemu.wait_loaded()
    assert pending(restored) == [12]
    with sst.Listener(sim_path):
        restored.wait_connected()
        wait_for(lambda: "sst_device_interrupt sst0 level=0"
                 in restored.qemu.log(), "the line's fall")
        assert restored.read() == 0


@pytest.mark.parametrize("saved, now", ((0, 1), (1, 0)))
def test_a_load_does_not_change_what_the_simulator_says(
        start_linked, start_device, sim_path, tmp_path, saved, now):
    """It has said so on this connection before the state came."""
    device, simulator = start_linked(LINE)
    if saved:
        simulator.send(Guide.interrupt(1))
        wait_pending(device)
    device.qemu.save(tmp_path / "state")
    device.qemu.quit()
    simulator.stop()

    with sst.Listener(sim_path) as simulator:
        restored = start_device(LINE, "-S", "-incoming", "defer")
        restored.wait_connected()
        if now:
            simulator.send(Guide.interrupt(1))
            wait_pending(restored)
        restored.qemu.qmp("migrate-incoming",
                          uri=f"exec:cat {tmp_path}/state")
        restored.qemu.wait_loaded()
        if saved:
            restored.qemu.qmp("system_reset")   # which the line survives
            assert pending(restored) == []
            simulator.send(Guide.interrupt(1))
        wait_pending(restored)


@pytest.fixture
def start_software(start_sst_qemu, compile_program, sim_path):
    """start_software(body of main): a device that reports idle processors."""
    def start(body):
        qemu = start_sst_qemu(
            "-device", f"sst-device,id=sst0,socket={sim_path},{LINE},"
                       "report-idle=on", "-kernel", compile_program(body),
            accel="tcg")
        return sst.Device(qemu)
    return start


SLEEP = """
    board_enable_interrupt(12);
    for (;;) {
        sst_set(&(SstDevice) { .base = SST_DEVICE_BASE }, 0,
                board_wait_interrupt());
    }"""


def test_an_idle_processor(start_software, sim_path):
    """Said once; and again when an interrupt or an access was between."""
    with sst.Listener(sim_path) as simulator:
        device = start_software(SLEEP)
        wait_for(lambda: simulator.idles, "the first wait")
        for turn in (1, 2):
            simulator.send(Guide.interrupt(1))
            simulator.wait_requests(turn)
            wait_for(lambda: simulator.idles[-1].interrupts == 2 * turn - 1,
                     "the next wait")
            simulator.send(Guide.interrupt(0))
            wait_for(lambda: simulator.idles[-1].interrupts == 2 * turn,
                     "the same wait after another message")
        assert set(idle.ns for idle in simulator.idles) == {NEVER}
        assert [request.data for request in simulator.requests] == [12, 12]
        device.qemu.qmp("stop")
        count = len(simulator.idles)
        device.qemu.qmp("cont")
        assert len(simulator.idles) == count


def test_a_processor_that_a_timer_will_wake(start_software, sim_path):
    with sst.Listener(sim_path) as simulator:
        start_software("""
            volatile uint32_t *mtimecmp = (volatile uint32_t *)0x02004000;

            __asm__ volatile("csrs mie, %0" : : "r"(0x80));
            for (;;) {
                uint64_t until = board_time() + BOARD_MTIME_HZ / 10;

                mtimecmp[1] = until >> 32;
                mtimecmp[0] = until;
                __asm__ volatile("wfi");
            }""")
        wait_for(lambda: len(simulator.idles) >= 3, "three waits")
        assert all(0 <= idle.ns <= 10**8 and idle.interrupts == 0
                   for idle in simulator.idles)


def test_a_processor_that_works_is_not_idle(start_software, sim_path):
    with sst.Listener(sim_path) as simulator:
        start_software("""
            SstDevice device = { .base = SST_DEVICE_BASE };

            for (;;) {
                sst_get(&device, 0);
            }""")
        simulator.wait_requests(1000)
        assert simulator.idles == []
