# SPDX-License-Identifier: GPL-2.0-or-later
"""The ring: its registers, its tails, who is told of what, on, off, broken."""
import pytest

from support import abi
from support.device import PCI_COMMAND, PCI_COMMAND_MEMORY_MASTER, SLOT, Device
from support.queue import Queue
from support.ring import (BROKEN, CQ_EVENT, CQ_TAIL, OFF, ON, QUEUE, SQ_EVENT,
                          SQ_TAIL, Ring, Submission)

ENTRIES, RING, TAIL = (abi.VGPU_STUB_QUEUE_ERROR_ENTRIES,
                       abi.VGPU_STUB_QUEUE_ERROR_RING,
                       abi.VGPU_STUB_QUEUE_ERROR_TAIL)
MSI_ADDRESS = 0x80000
MSI_DATA = 0x4321
PCI_COMMAND_MEMORY = PCI_COMMAND_MEMORY_MASTER & ~4


def test_a_request_and_its_answer(queue):
    completion = queue.work(bytes(range(256)), b"the answer")
    assert completion.bulk_moved == 0
    assert queue.driver.pending == {}


def test_the_registers_of_the_queue(start_queue):
    dev = start_queue(version=None).dev
    dev.QUEUE_CONTROL = 0
    assert dev.QUEUE_ENTRIES_MAX == abi.VGPU_STUB_QUEUE_ENTRIES_MAX
    assert dev.QUEUE_TRANSFER_MAX == abi.VGPU_STUB_QUEUE_TRANSFER_MAX
    assert dev.QUEUE_SEGMENTS_MAX == abi.VGPU_STUB_QUEUE_SEGMENTS_MAX
    assert dev.CAPABILITIES == 0xf
    for name, mask in (("QUEUE_RING_LO", 0xfffff000),
                       ("QUEUE_RING_HI", 0xffffffff),
                       ("QUEUE_ENTRIES", 0xffffffff)):
        for value in (0xffffffff, 0x12345678, 0):
            setattr(dev, name, value)
            assert getattr(dev, name) == value & mask
    for value in (2, 3, 0x80000001, 0xffffffff):    # ignored
        dev.QUEUE_CONTROL = value
        assert (dev.QUEUE_CONTROL, dev.QUEUE_STATE) == (0, OFF)
    dev.QUEUE_DOORBELL = 1                          # off: nothing to look at
    assert (dev.QUEUE_STATE, dev.QUEUE_ERROR) == (OFF, 0)


def test_where_the_ring_is_does_not_change_while_it_is_on(queue):
    dev = queue.dev
    before = dev.QUEUE_RING_LO, dev.QUEUE_RING_HI, dev.QUEUE_ENTRIES
    dev.QUEUE_RING_LO = 0x5000
    dev.QUEUE_RING_HI = 1
    dev.QUEUE_ENTRIES = 2
    dev.QUEUE_CONTROL = 1                           # it is on already
    assert (dev.QUEUE_RING_LO, dev.QUEUE_RING_HI, dev.QUEUE_ENTRIES) == before
    assert (dev.QUEUE_STATE, dev.QUEUE_CONTROL) == (ON, 1)
    queue.work()


def test_a_device_without_a_queue(start_qemu, link_path):
    """Nothing tells it from one of before."""
    dev = Device(start_qemu("queue=off"))
    assert dev.CAPABILITIES == 3
    dev.INTERRUPT_CTRL = 0xffffffff
    assert dev.INTERRUPT_CTRL == 1
    reserved = abi.VGPU_STUB_BAR_SIZE - abi.VGPU_STUB_RESERVED
    dev.write_block(abi.VGPU_STUB_RESERVED, b"\xff" * reserved)
    assert not any(dev.read_block(abi.VGPU_STUB_RESERVED, reserved))


@pytest.mark.parametrize("entries", (2, 4, 32, 256))
def test_a_ring_goes_round(start_queue, entries):
    queue = start_queue(entries=entries)
    for number in range(2 * entries + 3):
        queue.work(b"%d" % number, b"answer %d" % number)


@pytest.mark.parametrize("entries", (0, 1, 3, 6, 255, 257, 512, 0x80000000,
                                     0xffffffff))
def test_entries_that_no_ring_has(start_queue, entries):
    queue = start_queue(version=None)
    dev = queue.dev
    dev.QUEUE_CONTROL = 0
    dev.INTERRUPT_STATUS = QUEUE
    dev.QUEUE_ENTRIES = entries
    dev.QUEUE_CONTROL = 1
    assert (dev.QUEUE_STATE, dev.QUEUE_ERROR) == (BROKEN, ENTRIES)
    assert dev.INTERRUPT_STATUS == QUEUE
    dev.QUEUE_CONTROL = 1                           # broken until it is off
    assert dev.QUEUE_STATE == BROKEN
    dev.QUEUE_CONTROL = 0
    assert (dev.QUEUE_STATE, dev.QUEUE_ERROR) == (OFF, 0)
    queue.driver.enable()


# Where no ring can be, whole or in part. The RAM has 32 MiB.
RAM_END = 32 << 20
BAD_RINGS = {
    "in its own BAR": 0xe0000000,
    "in the interrupt controller": 0xfec00000,
    "in a hole": 0x30000000,
    "in ROM": 0xfffc0000,
    "at the end of RAM": RAM_END,
    "across the end of RAM": RAM_END - 4096,
    "above what a processor can address": 1 << 60,
    "around the end of all addresses": 2**64 - 4096,
}


def look_at(dev):
    """Have the device use its ring: it may find out then only."""
    dev.QUEUE_DOORBELL = 1
    dev.qemu.clock_step(1)
    return dev.QUEUE_STATE


@pytest.mark.parametrize("name", BAD_RINGS)
def test_a_ring_that_is_not_in_memory(start_queue, name):
    queue = start_queue()
    dev = queue.dev
    dev.QUEUE_CONTROL = 0
    before = queue.ram.read(0, RAM_END)
    Ring(queue.ram, 256, BAD_RINGS[name]).point(dev)
    dev.QUEUE_CONTROL = 1
    assert look_at(dev) == BROKEN
    assert dev.QUEUE_ERROR == RING
    assert dev.INTERRUPT_STATUS == QUEUE
    dev.QUEUE_CONTROL = 0
    # What is memory in it may have been written as far as it is the device's.
    after = queue.ram.read(0, RAM_END)
    changed = [at for at in range(0, RAM_END, 4096)
               if before[at:at + 4096] != after[at:at + 4096]]
    assert all(at == BAD_RINGS[name] for at in changed)
    queue.driver.enable()
    queue.work()


@pytest.mark.parametrize("ahead", (257, 1000, 2**31, 2**32 - 1))
@pytest.mark.parametrize("start", (0, 5))
def test_a_tail_that_goes_back_or_too_far(queue, ahead, start):
    for _ in range(start):
        queue.work()
    queue.dev.INTERRUPT_STATUS = QUEUE
    queue.driver.ring.set_word(SQ_TAIL, start + ahead)
    queue.dev.QUEUE_DOORBELL = 1
    queue.qemu.clock_step(1)
    assert (queue.dev.QUEUE_STATE, queue.dev.QUEUE_ERROR) == (BROKEN, TAIL)
    assert queue.dev.INTERRUPT_STATUS == QUEUE
    queue.driver.disable()
    queue.driver.enable()
    queue.work()


def test_a_tail_that_goes_back_while_requests_are_in_flight(queue):
    for _ in range(3):
        queue.ask()
    queue.arrive(3)
    queue.driver.ring.set_word(SQ_TAIL, 2)
    queue.dev.QUEUE_DOORBELL = 1
    queue.until(lambda: queue.dev.QUEUE_STATE == BROKEN, "broken queue")
    assert queue.dev.QUEUE_ERROR == TAIL
    queue.check_silence()


def test_more_than_a_ring_holds_in_flight(start_queue):
    """The completions of the first ring were never taken, the driver goes on
    all the same."""
    queue = start_queue(entries=4)
    for _ in range(4):
        queue.ask()
    requests = queue.arrive(4)
    queue.driver.ring.set_word(SQ_TAIL, 5)
    queue.dev.QUEUE_DOORBELL = 1
    queue.until(lambda: queue.dev.QUEUE_STATE == BROKEN, "broken queue")
    assert queue.dev.QUEUE_ERROR == TAIL
    assert all(request.context.closing for request in requests)
    queue.check_silence()


def test_completions_that_are_never_taken(start_queue):
    """The device needs no one to take them: it writes what it owes."""
    queue = start_queue(entries=4)
    for number in range(40):
        queue.driver.ring.put(number, Submission(user_data=number))
        queue.driver.ring.set_word(SQ_TAIL, number + 1)
        queue.dev.QUEUE_DOORBELL = 1
        queue.until(lambda: queue.driver.ring.word(CQ_TAIL) == number + 1,
                    "completion")
        assert queue.driver.ring.completion(number).user_data == number
    assert queue.dev.QUEUE_STATE == ON


# Who is told

def test_no_doorbell_is_wanted_while_the_device_looks(queue):
    """Its sq_event is where it stopped looking: a driver that keeps the rule
    never waits for nothing."""
    for _ in range(5):
        queue.settle(2)
        assert queue.driver.ring.word(SQ_EVENT) == queue.driver.sq_tail
        queue.work()


@pytest.mark.parametrize("count", (1, 3, 8))
def test_completions_interrupt_when_they_pass_cq_event(queue, count):
    dev, driver = queue.dev, queue.driver
    dev.INTERRUPT_CTRL = QUEUE
    driver.set_cq_event(count - 1)
    for _ in range(count):
        queue.ask()
    for number, request in enumerate(queue.arrive(count)):
        assert not dev.intx_asserted()
        assert dev.INTERRUPT_STATUS == 0
        queue.mediator.answer(request)
        queue.until(lambda: driver.ring.word(CQ_TAIL) == number + 1,
                    "completion")
    assert dev.INTERRUPT_STATUS == QUEUE and dev.intx_asserted()
    dev.INTERRUPT_STATUS = QUEUE
    assert not dev.intx_asserted()
    assert len(driver.take()) == count
    queue.work()                                    # the event lies behind
    assert dev.INTERRUPT_STATUS == 0


def test_an_interrupt_that_is_not_enabled_is_noted(queue):
    queue.dev.INTERRUPT_CTRL = 1                    # the mailbox's alone
    queue.work()
    assert queue.dev.INTERRUPT_STATUS == QUEUE
    assert not queue.dev.intx_asserted()
    queue.dev.INTERRUPT_CTRL = 3
    assert queue.dev.intx_asserted()
    queue.dev.INTERRUPT_STATUS = 1
    assert queue.dev.intx_asserted()


def test_the_msi_is_the_mailboxs_and_the_queues(queue):
    dev, ram = queue.dev, queue.ram
    dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    dev.INTERRUPT_CTRL = 3
    for _ in range(3):
        queue.driver.set_cq_event()
        queue.work()
        assert ram.read32(MSI_ADDRESS) == MSI_DATA
        ram.write32(MSI_ADDRESS, 0)
    queue.driver.set_cq_event(100)
    queue.work()
    assert ram.read32(MSI_ADDRESS) == 0
    dev.submit(b"question")
    queue.mediator.sync()
    queue.mediator.respond(queue.mediator.inbox.pop(), b"answer")
    assert ram.read32(MSI_ADDRESS) == MSI_DATA
    assert dev.response() == b"answer"


def test_a_driver_that_sleeps_is_woken_whatever_happens_between(queue):
    """It has set cq_event after the completion came: it sees that itself."""
    queue.driver.set_cq_event(50)
    queue.ask()
    request, = queue.arrive()
    queue.mediator.answer(request)
    queue.settle()
    assert queue.driver.set_cq_event()              # one is there already
    assert queue.dev.INTERRUPT_STATUS == 0
    queue.driver.take()


def test_events_work_when_the_tails_wrap(start_queue):
    """A ring of 2, and events half the range of a tail away: no interrupt."""
    queue = start_queue(entries=2)
    for event in (0x7fffffff, 0xfffffffe, 0x80000000):
        queue.driver.ring.set_word(CQ_EVENT, queue.driver.cq_taken + event)
        queue.work()
        assert queue.dev.INTERRUPT_STATUS == 0
    queue.driver.set_cq_event()
    queue.work()
    assert queue.dev.INTERRUPT_STATUS == QUEUE


# On and off

def test_off_while_requests_are_in_flight(queue):
    driver = queue.driver
    for order in range(5):
        queue.ask(order=order)
    requests = queue.arrive(5)
    assert len(driver.disable()) == 5
    queue.check_silence()
    queue.mediator.sync()
    assert requests[0].context.closing
    queue.mediator.finish_closing()
    queue.check_silence()
    driver.enable()
    queue.work()
    assert len(queue.mediator.contexts) == 1        # a new one


def test_off_and_on_before_the_old_context_has_ended(queue):
    """It has the number of the new one; the mediator tells them apart."""
    queue.ask(b"old", context=7)
    old, = queue.arrive()
    queue.driver.disable()
    queue.driver.enable()
    user_data = queue.ask(b"new", context=7)
    queue.until(lambda: len(queue.mediator.contexts) == 2 or
                old.context.closing, "end of the old context")
    queue.mediator.answer(old, b"late")
    queue.mediator.end(old.context)
    new, = queue.arrive()
    assert new.payload() == b"new" and new.context is not old.context
    assert queue.answer(new, b"mine").user_data == user_data


@pytest.mark.parametrize("turns", range(8))
@pytest.mark.parametrize("what", ("disable", "reset", "bus mastering"))
def test_off_at_every_point(queue, turns, what):
    """While megabytes are on their way, into the arena and out of it"""
    room = queue.ram.room(1 << 20)
    for flags in (abi.VGPU_STUB_SUBMIT_BULK_FROM_GUEST,
                  abi.VGPU_STUB_SUBMIT_BULK_TO_GUEST):
        queue.ask(flags=flags, pieces=[(room + 4096 * i, 4096)
                                       for i in range(256)], order=flags)
    for turn in range(turns):
        queue.step()
        queue.mediator.serve_all()
        for request in queue.mediator.requests:
            if turn % 2:
                queue.mediator.answer(
                    request, bulk=b"!" * request.bulk_length
                    if request.flags & 2 else None)
    if what == "disable":
        queue.driver.disable()
    elif what == "reset":
        queue.qemu.qmp("system_reset")
        queue.qemu.qmp("query-status")              # it is done after that
        queue.driver.forget()
    else:
        queue.qemu.pci_write(queue.dev.devfn, PCI_COMMAND, PCI_COMMAND_MEMORY,
                             2)
    before = queue.ram.read(0, queue.ram.size)
    queue.settle(5)
    # Firmware runs in no qtest: what changes now, the device has done.
    assert queue.ram.read(0, queue.ram.size) == before
    queue.dev.place()
    if what == "bus mastering":
        queue.dev.QUEUE_DOORBELL = 1
        queue.finish()
    queue.mediator.finish_closing()
    queue.driver.disable()
    queue.mediator.sync()
    queue.mediator.finish_closing()
    queue.driver.enable()
    queue.work()


def test_without_bus_mastering_nothing_is_touched(queue):
    driver, dev = queue.driver, queue.dev
    queue.ask(b"before")
    request, = queue.arrive()
    queue.qemu.pci_write(dev.devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2)
    image = driver.ring.image()
    queue.mediator.answer(request, b"waits")
    queue.settle()
    assert driver.ring.image() == image
    driver.put(driver.request(b"after"))
    driver.publish()
    dev.QUEUE_DOORBELL = 1
    queue.settle()
    assert driver.ring.word(CQ_TAIL) == 0
    assert not queue.mediator.requests
    assert dev.QUEUE_STATE == ON
    dev.place()                                     # on again
    dev.QUEUE_DOORBELL = 1
    completion, = driver.wait()
    assert driver.response(completion) == b"waits"
    request, = queue.arrive()
    assert request.payload() == b"after"
    queue.answer(request)


def test_enabled_without_bus_mastering(start_queue):
    queue = start_queue()
    queue.dev.QUEUE_CONTROL = 0
    queue.qemu.pci_write(queue.dev.devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2)
    ring = queue.driver.ring
    ring.clear()
    ring.set_word(SQ_TAIL, 1)
    image = ring.image()
    queue.dev.QUEUE_CONTROL = 1
    queue.dev.QUEUE_DOORBELL = 1
    queue.settle()
    assert ring.image() == image
    queue.dev.place()
    queue.driver.disable()
    queue.driver.enable()
    queue.work()


def test_the_devices_words_are_its_own_from_the_first_doorbell_on(start_queue):
    """However late it may write, and whatever was there."""
    queue = start_queue()
    queue.dev.QUEUE_CONTROL = 0
    queue.qemu.pci_write(queue.dev.devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2)
    ring = queue.driver.ring
    ring.clear()
    ring.set_word(CQ_TAIL, 77)
    ring.set_word(SQ_EVENT, 78)
    queue.dev.QUEUE_CONTROL = 1
    queue.dev.place()
    queue.dev.QUEUE_DOORBELL = 1
    assert (ring.word(CQ_TAIL), ring.word(SQ_EVENT)) == (0, 0)
    assert queue.dev.QUEUE_STATE == ON


def test_a_paused_machine_has_its_memory_to_itself(queue):
    """What a debugger or a migration reads does not change under it."""
    queue.ask()
    request, = queue.arrive()
    queue.qemu.qmp("stop")
    before = queue.ram.read(0, queue.ram.size)
    queue.mediator.answer(request, b"waits")
    queue.mediator.sync()
    assert queue.ram.read(0, queue.ram.size) == before
    queue.qemu.qmp("cont")
    completion, = queue.driver.wait()
    assert queue.driver.response(completion) == b"waits"


def test_two_devices_have_a_queue_each(start_queue, tmp_path, link_path):
    second = tmp_path / "second.sock"
    queue = start_queue(
        "", "-chardev", f"socket,id=second,path={second},server=on,wait=off",
        "-device", f"vgpu-stub,id=gpu1,chardev=second,addr={SLOT - 1:#x}")
    other = Queue(queue.qemu, queue.ram, second, slot=SLOT - 1,
                  bar=0xe0001000)
    other.connect()
    other.driver.enable()
    for _ in range(3):
        queue.work(b"one", b"first")
        other.work(b"two", b"second")
    queue.driver.disable()
    other.work()
    other.close()
