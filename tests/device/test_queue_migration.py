# SPDX-License-Identifier: GPL-2.0-or-later
"""Suspend, migration, snapshots and resets with a queue that is in use."""
import struct

import pytest

from support import abi
from support.device import ACPI_PCI_EJECT, SLOT, Device
from support.qemu import run
from support.queue import Queue
from support.ram import Ram
from support.ring import BROKEN, OFF, ON, QUEUE

RESTORED = abi.VGPU_STUB_QUEUE_ERROR_RESTORED
MSI_ADDRESS = 0x80000
MSI_DATA = 0x4321


@pytest.fixture
def queue(start_queue):
    """One whose QEMU may end"""
    return start_queue()


@pytest.fixture
def resume(restore, tmp_path):
    """resume(path): a queue whose device has loaded it; it has a memory of its
    own."""
    memories = []

    def load(path, *args):
        ram = Ram()
        memories.append(ram)
        dev = restore(path, *ram.qemu_args(), *args)
        return Queue(dev.qemu, ram, tmp_path / "second.sock", place=False)

    yield load
    for ram in memories:
        ram.close()


def in_use(queue, count=256):
    """A full ring: some at the mediator, some that wait, some that are done and
    not taken."""
    driver = queue.driver
    for number in range(count):
        driver.put(driver.request(b"%d" % number, order=number,
                                  capacity=65536 if number % 7 == 0 else 32,
                                  context=number % 5))
    driver.kick()
    queue.until(lambda: queue.mediator.serve_all(small=4, large=1) or
                len(queue.mediator.requests) >= 20, "requests")
    for request in queue.mediator.requests[:5]:
        queue.mediator.answer(request, b"answer")
    queue.settle()


@pytest.mark.parametrize("msi", (False, True), ids=("intx", "msi"))
def test_a_full_ring_is_broken_after_a_load(queue, resume, tmp_path, msi):
    if msi:
        queue.dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    queue.dev.INTERRUPT_CTRL = QUEUE
    queue.driver.set_cq_event(1000)         # nothing of before interrupts
    in_use(queue)
    place = queue.dev.QUEUE_RING_LO, queue.dev.QUEUE_ENTRIES
    queue.qemu.save(tmp_path / "state")
    saved = queue.ram.read(0, queue.ram.size)

    restored = resume(tmp_path / "state")
    dev = restored.dev
    assert (dev.QUEUE_STATE, dev.QUEUE_ERROR) == (BROKEN, RESTORED)
    assert dev.QUEUE_CONTROL in (0, 1)
    assert (dev.QUEUE_RING_LO, dev.QUEUE_ENTRIES) == place
    assert dev.INTERRUPT_STATUS == QUEUE
    restored.qemu.qmp("cont")
    restored.qemu.clock_step(1)
    if msi:
        assert restored.ram.read32(MSI_ADDRESS) == MSI_DATA
        restored.ram.write32(MSI_ADDRESS, 0)
        restored.qemu.clock_step(1000)
        assert restored.ram.read32(MSI_ADDRESS) == 0    # one interrupt
    else:
        assert dev.intx_asserted()
    # Nothing is written into a ring that is broken, and a doorbell is no harm.
    dev.QUEUE_DOORBELL = 1
    restored.qemu.clock_step(10)
    at, size = queue.driver.ring.address, queue.driver.ring.size
    assert restored.ram.read(at, size) == saved[at:at + size]
    restored.connect()
    dev.QUEUE_DOORBELL = 1
    restored.settle()
    assert not restored.mediator.contexts
    dev.QUEUE_CONTROL = 0
    assert (dev.QUEUE_STATE, dev.QUEUE_ERROR) == (OFF, 0)
    restored.driver.enable()
    restored.work()
    restored.close()

    # The source goes on, should the migration be undone.
    queue.qemu.qmp("cont")
    assert queue.dev.QUEUE_STATE == ON
    queue.finish()


def test_the_guest_memory_does_not_change_after_it_was_saved(queue, tmp_path):
    """Answers wait while the VM is stopped: they would be in no state."""
    in_use(queue, 50)
    queue.qemu.save(tmp_path / "state")
    saved = queue.ram.read(0, queue.ram.size)
    for request in queue.mediator.requests:
        queue.mediator.answer(request, b"late")
    queue.mediator.sync()
    queue.mediator.sync()
    assert queue.ram.read(0, queue.ram.size) == saved
    queue.qemu.qmp("cont")
    queue.finish()


def test_a_queue_that_is_off_but_set_up(queue, resume, tmp_path):
    queue.driver.disable()
    queue.dev.INTERRUPT_CTRL = 3
    queue.dev.QUEUE_RING_HI = 0xfedc
    before = [queue.dev.read(0x880 + at) for at in range(0, 0x2c, 4)]
    queue.qemu.save(tmp_path / "state")
    restored = resume(tmp_path / "state").dev
    assert [restored.read(0x880 + at) for at in range(0, 0x2c, 4)] == before
    assert (restored.QUEUE_STATE, restored.INTERRUPT_CTRL) == (OFF, 3)


@pytest.mark.parametrize("error", (1, 2, 3))
def test_a_queue_that_was_broken_stays_so(queue, resume, tmp_path, error):
    dev = queue.dev
    queue.driver.disable()
    dev.QUEUE_ENTRIES = 3 if error == 1 else 256
    dev.QUEUE_RING_LO = 0xe0000000 if error == 2 else 0x200000
    queue.ram.write32(0x200000, 10000)
    dev.QUEUE_CONTROL = 1
    dev.QUEUE_DOORBELL = 1
    queue.qemu.clock_step(1)
    assert (dev.QUEUE_STATE, dev.QUEUE_ERROR) == (BROKEN, error)
    dev.INTERRUPT_STATUS = 3
    queue.qemu.save(tmp_path / "state")
    restored = resume(tmp_path / "state").dev
    assert (restored.QUEUE_STATE, restored.QUEUE_ERROR) == (BROKEN, error)
    restored.QUEUE_CONTROL = 0
    assert restored.QUEUE_STATE == OFF


def test_a_device_without_a_queue_refuses_a_state_with_one(qemu_bin, queue,
                                                          tmp_path):
    queue.qemu.save(tmp_path / "state")
    with Ram() as ram:
        result = run(qemu_bin, *ram.qemu_args(), "-chardev", "null,id=link",
                     "-device", f"vgpu-stub,id=gpu0,addr={SLOT:#x},"
                                "chardev=link,queue=off",
                     "-incoming", f"exec:cat {tmp_path}/state")
    assert result.returncode == 1
    assert "queue" in result.stdout


# The state's own part, which QEMU calls a subsection
SUBSECTION = b"vgpu-stub/queue" + struct.pack(">I", 1)
RING, STATE, ERROR = 4, 12, 16      # offsets of 32-bit words in it
CORRUPTIONS = {
    "a ring between pages": (RING, 0x200001),
    "a state that is none": (STATE, 3),
    "a state of ones": (STATE, 0xffffffff),
    "broken, but why": (STATE, 2),
    "off with an error": (STATE, 0, ERROR, 1),
    "on with an error": (ERROR, 1),
    "an error that is none": (STATE, 2, ERROR, 5),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_state_is_refused(qemu_bin, queue, tmp_path, name):
    path = tmp_path / "state"
    queue.qemu.save(path)
    state = bytearray(path.read_bytes())
    assert state.count(SUBSECTION) == 1
    fields = state.index(SUBSECTION) + len(SUBSECTION)
    changes = CORRUPTIONS[name]
    for offset, value in zip(changes[::2], changes[1::2]):
        struct.pack_into(">I", state, fields + offset, value)
    path.write_bytes(state)
    with Ram() as ram:
        result = run(qemu_bin, *ram.qemu_args(), "-chardev", "null,id=link",
                     "-device",
                     f"vgpu-stub,id=gpu0,addr={SLOT:#x},chardev=link",
                     "-incoming", f"exec:cat {path}")
    assert result.returncode == 1
    assert "vgpu-stub: saved state refused: QUEUE_" in result.stdout


@pytest.mark.parametrize("source, target", (("on", "off"), ("off", "on"),
                                            ("off", "off")))
def test_a_state_without_a_queue_in_use_loads_everywhere(
        start_qemu, restore, tmp_path, source, target):
    dev = Device(start_qemu(f"queue={source}"))
    dev.SCRATCH = 0x12345678
    dev.qemu.save(tmp_path / "state")
    restored = restore(tmp_path / "state", "-global",
                       f"vgpu-stub.queue={target}")
    assert restored.SCRATCH == 0x12345678
    assert restored.QUEUE_STATE == OFF


def test_a_load_into_a_queue_that_is_on(add_snapshots, queue):
    """A snapshot of before: contexts, arenas and what was pending are gone."""
    add_snapshots(queue.qemu)
    queue.driver.disable()
    assert queue.qemu.hmp("savevm before") == ""
    queue.driver.enable()
    in_use(queue, 20)
    assert queue.qemu.hmp("loadvm before") == ""
    assert (queue.dev.QUEUE_STATE, queue.dev.QUEUE_ERROR) == (OFF, 0)
    queue.check_silence()
    assert queue.mediator.inbox[-1].type == abi.VGPU_STUB_MSG_RESET
    assert not queue.mediator.contexts
    queue.driver.enable()
    queue.work()


def test_reset_with_a_full_ring(queue):
    """All contexts end with one RESET, the mailbox's request with them."""
    in_use(queue)
    queue.dev.submit(b"mailbox")
    queue.mediator.sync()
    queue.qemu.qmp("system_reset")
    queue.qemu.qmp("query-status")
    dev = queue.dev
    dev.place()
    assert (dev.QUEUE_STATE, dev.QUEUE_ERROR, dev.QUEUE_RING_LO,
            dev.QUEUE_ENTRIES, dev.INTERRUPT_STATUS) == (OFF, 0, 0, 0, 0)
    queue.check_silence()
    queue.mediator.sync()
    assert queue.mediator.inbox[-1].type == abi.VGPU_STUB_MSG_RESET
    assert not queue.mediator.contexts
    assert dev.LINK == 3
    queue.driver.enable()
    queue.work()


def test_unplugged_with_a_full_ring(queue):
    in_use(queue)
    queue.qemu.qmp("device_del", id="gpu0")
    # ACPI asks the guest; qtest answers for it: the slot's bit in the port.
    queue.qemu.outl(ACPI_PCI_EJECT, 1 << SLOT)
    queue.mediator.expect_closed()
    queue.mediator.close()
    queue.mediator = None
    before = queue.ram.read(0, queue.ram.size)
    queue.qemu.clock_step(100)
    assert queue.ram.read(0, queue.ram.size) == before


def test_snapshots_with_a_full_ring(add_snapshots, queue):
    add_snapshots(queue.qemu)
    in_use(queue, 100)
    assert queue.qemu.hmp("savevm full") == ""
    queue.finish()
    assert queue.qemu.hmp("loadvm full") == ""
    assert (queue.dev.QUEUE_STATE, queue.dev.QUEUE_ERROR) == (BROKEN, RESTORED)
    queue.check_silence()
    queue.mediator.sync()
    assert not queue.mediator.contexts
    queue.driver.disable()
    queue.driver.enable()
    queue.work()
