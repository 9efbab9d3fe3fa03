# SPDX-License-Identifier: GPL-2.0-or-later
"""Two at the same time: the driver and the device, the mediator's end and a
turn. The guest's memory is shared with QEMU, so they really are."""
import os
import subprocess
from pathlib import Path

import pytest

from support import abi
from support.abi import (VGPU_STUB_ERR_CONTEXT_LOST as CONTEXT_LOST,
                         VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE as UNAVAILABLE)
from support.device import SLOT
from support.paths import ROOT
from support.qemu import Qemu
from support.queue import Queue
from support.ring import CANCEL, CQ_TAIL, SQ_TAIL, Submission
from support.wait import wait_for
from test_lifecycle import OwnSlot

MSI_ADDRESS = 0x80000
DOORBELL = abi.VGPU_STUB_REG_QUEUE_DOORBELL
ROUNDS = 3000


@pytest.fixture(scope="session")
def racer(tmp_path_factory):
    program = tmp_path_factory.mktemp("racer") / "ring-race"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-I", ROOT / "include",
                    "-o", program, Path(__file__).with_name("ring-race.c")],
                   check=True)
    return program


def two_processors():
    """Or the one would only run while the other does not"""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


@pytest.mark.parametrize("what", ("doorbells", "interrupts"))
def test_nobody_waits_for_nothing(start_queue, racer, what):
    """The driver publishes while the device stops looking, or goes to sleep
    while a completion comes: one of the two sees what the other has done."""
    queue = start_queue(version=None)
    dev, ring = queue.dev, queue.driver.ring
    for number in range(ring.entries):
        ring.put(number, Submission(flags=CANCEL))
    dev.enable_msi(MSI_ADDRESS, 1)
    dev.INTERRUPT_CTRL = abi.VGPU_STUB_INTERRUPT_QUEUE
    qtest = queue.qemu.qtest_fd()
    ours, qemus = two_processors()
    for thread in os.listdir(f"/proc/{queue.qemu.process.pid}/task"):
        os.sched_setaffinity(int(thread), {qemus})

    def both_came():
        """Has each of the two been the first, in some of the rounds?"""
        result = subprocess.run(
            [racer, queue.ram.path, f"{ring.address:x}", str(qtest),
             f"{dev.bar + DOORBELL:x}", f"{MSI_ADDRESS:x}", str(ROUNDS), what],
            pass_fds=[qtest],
            preexec_fn=lambda: os.sched_setaffinity(0, {ours}),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=300)
        assert result.returncode == 0, result.stdout
        return all(int(count) for count in result.stdout.split())

    if ours == qemus:
        both_came()
    else:
        wait_for(both_came, "rounds of either outcome")
    dev.read(0)


# The mediator has gone, and the device finds out when it writes

@pytest.mark.parametrize("served", (False, True))
@pytest.mark.parametrize("what", ("request", "many", "cancel", "close", "new",
                                  "off", "reset"))
def test_a_mediator_that_dies_before_a_turn(queue, what, served):
    driver = queue.driver
    asked = [queue.ask(order=order) for order in range(3)]
    queue.settle(2)
    if served:
        queue.arrive(3)
    queue.mediator.close()
    queue.mediator = None
    if what == "request":
        queue.ask()
    elif what == "many":
        for order in range(100):
            driver.put(driver.request(b"x", order=order))
        driver.kick()
    elif what == "cancel":
        for one in asked:
            driver.put(Submission(request=one, flags=CANCEL, context=1))
        driver.kick()
    elif what == "close":
        driver.close()
    elif what == "new":
        queue.ask(context=2)
    elif what == "off":
        driver.disable()
    else:
        queue.qemu.qmp("system_reset")
        queue.qemu.qmp("query-status")
        driver.forget()
        queue.dev.place()
    queue.dev.wait_link(0)
    for one in driver.wait(len(driver.pending)) if driver.pending else ():
        assert one.status in (0, CONTEXT_LOST, UNAVAILABLE,
                              abi.VGPU_STUB_ERR_CANCELLED)
        assert one.status != 0 or one.submission.flags
    queue.connect()
    if what in ("off", "reset"):
        driver.enable()
    driver.close()
    queue.finish()
    queue.work()


# An interrupt that does something

@pytest.mark.parametrize("register, value", (
    ("QUEUE_CONTROL", 0), ("QUEUE_DOORBELL", 1), ("QUEUE_ENTRIES", 7),
    ("DOORBELL", 1)))
def test_an_msi_into_the_device_itself(queue, register, value):
    """It is ignored."""
    address = queue.dev.bar + getattr(abi, f"VGPU_STUB_REG_{register}")
    queue.dev.INTERRUPT_CTRL = 3
    queue.dev.enable_msi(address, value)
    for _ in range(3):
        queue.driver.set_cq_event()
        queue.work()
    assert queue.dev.QUEUE_STATE == abi.VGPU_STUB_QUEUE_ON
    assert queue.dev.QUEUE_ENTRIES == 256


def test_two_devices_that_ring_each_others_doorbells(start_queue, tmp_path):
    """While the guest goes on to submit: there is no end of it, but QEMU does
    other things meanwhile."""
    second = tmp_path / "second.sock"
    queue = start_queue(
        "", "-chardev", f"socket,id=second,path={second},server=on,wait=off",
        "-device", f"vgpu-stub,id=gpu1,chardev=second,addr={SLOT - 1:#x}",
        version=None)
    other = Queue(queue.qemu, queue.ram, second, slot=SLOT - 1, bar=0xe0001000)
    other.driver.enable()
    entry = Submission(user_data=1, request=5, flags=CANCEL, context=1)
    words = []
    for one, peer in ((queue, other), (other, queue)):
        for number in range(256):
            one.driver.ring.put(number, entry)
        one.dev.enable_msi(peer.dev.bar + DOORBELL, 1)
        one.dev.INTERRUPT_CTRL = abi.VGPU_STUB_INTERRUPT_QUEUE
        words.append(one.ram.words(one.driver.ring.address, 32))
    for _ in range(20):
        queue.qemu.post(queue.dev.bar + DOORBELL, 1, 4)
        other.qemu.post(other.dev.bar + DOORBELL, 1, 4)
        for _ in range(20000):
            for ring in words:
                done = ring[17]
                ring[1] = done                      # cq_event
                ring[0] = (done + 1) % 2**32        # sq_tail
    for ring in words:
        ring.release()
    for one in queue, other:
        assert one.dev.QUEUE_STATE == abi.VGPU_STUB_QUEUE_ON
        assert one.driver.ring.word(CQ_TAIL) > 0


@pytest.mark.parametrize("how, mapped", (
    ("doorbell", True), ("tail", True), ("entries", True), ("answer", True),
    ("bulk", True), ("lost", True), ("answer", False), ("bulk", False),
    ("lost", False)))
def test_an_msi_that_unplugs_its_device(qemu_bin, tmp_path, link_path, ram,
                                        how, mapped):
    """Where the queue's interrupt leads to, whatever the device is doing."""
    with Qemu(qemu_bin, tmp_path, "-chardev",
              f"socket,id=link,path={link_path},server=on,wait=off",
              "-device", "pcie-root-port,id=port1,addr=3,slot=1",
              "-device", "vgpu-stub,bus=port1,addr=0,chardev=link",
              *ram.qemu_args(), machine="pc-q35-4.2") as qemu:
        slot = OwnSlot(qemu)
        queue = Queue(qemu, ram, link_path, place=False)
        queue.connect()
        queue.driver.enable()
        queue.dev.INTERRUPT_CTRL = abi.VGPU_STUB_INTERRUPT_QUEUE
        unplug(queue, slot, how, mapped)
        queue.mediator.expect_closed()
        wait_for(lambda: "1af4:1111" not in qemu.hmp("info pci"), "unplug")
        before = ram.read(0, ram.size)
        qemu.clock_step(100)
        assert ram.read(0, ram.size) == before
        queue.close()


def unplug(queue, slot, how, mapped):
    driver, dev, mediator = queue.driver, queue.dev, queue.mediator
    if how == "doorbell":
        driver.cancel(5)
    elif how == "tail":
        driver.ring.set_word(SQ_TAIL, 1000)
        dev.QUEUE_DOORBELL = 1
    elif how == "entries":
        dev.QUEUE_CONTROL = 0
        dev.QUEUE_ENTRIES = 3
        dev.QUEUE_CONTROL = 1
    else:
        room = queue.ram.room(1 << 20)
        queue.ask(flags=2 if how == "bulk" else 0,
                  pieces=[(room + 4096 * number, 4096)
                          for number in range(256)] if how == "bulk" else ())
        request, = queue.arrive()
        slot.decode(mapped)
        if how == "lost":
            mediator.send(b"x" * 64)
        else:
            mediator.answer(request)
