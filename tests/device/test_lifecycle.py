# SPDX-License-Identifier: GPL-2.0-or-later
"""Reset, unplug, and several devices in one VM."""
import pytest

from support import abi
from support.device import (ACPI_PCI_EJECT, PCI_CAP_ID_MSI, PCI_CAPABILITIES,
                            SLOT, Device)
from support.fake_mediator import FakeMediator
from support.qemu import Qemu
from support.wait import wait_for
from test_registers import RESET


def test_reset_while_busy_cancels(linked):
    dev, mediator = linked.dev, linked.mediator
    dev.SCRATCH = 5
    dev.INTERRUPT_CTRL = 1
    dev.submit(b"x" * 1024, 77)
    request = mediator.expect_request()
    linked.qemu.qmp("system_reset")
    cancel = mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
    assert (cancel.sequence, cancel.request_id) == (request.sequence, 77)
    assert mediator.expect(abi.VGPU_STUB_MSG_RESET).payload == b""
    dev.place()
    for name, value in RESET.items():
        assert getattr(dev, name) == (1 if name == "LINK" else value), name
    assert not any(dev.read_block(abi.VGPU_STUB_REQUEST_BUF, 2048))
    mediator.respond(request, b"late")
    assert dev.STATUS == abi.VGPU_STUB_STATUS_IDLE
    dev.submit(b"next")                     # the link stayed up
    request = mediator.expect_request()
    linked.qemu.clock_step(29_999)          # the old timeout is gone
    mediator.respond(request, b"fine")
    assert dev.response() == b"fine"


def test_the_mediator_is_told_of_a_reset_that_concerns_it(linked):
    """Once for what was sent: a boot brings many resets."""
    dev, mediator = linked.dev, linked.mediator
    for _ in range(2):
        linked.qemu.qmp("system_reset")
        mediator.sync()
        dev.place()
        dev.submit(b"question")
        mediator.respond(mediator.expect_request(), b"answer")
        linked.qemu.qmp("system_reset")
        mediator.expect(abi.VGPU_STUB_MSG_RESET)


def test_resets_under_a_mediator_that_never_reads(linked):
    """The reserved room of the buffer holds what follows each request."""
    dev, mediator = linked.dev, linked.mediator
    submitted = 0
    while True:
        dev.submit(b"q" * 1024, submitted)
        if dev.STATUS == abi.VGPU_STUB_STATUS_ERROR:
            break
        submitted += 1
        for _ in range(3):
            linked.qemu.qmp("system_reset")
        dev.place()
        assert submitted < 5000, "no limit"
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_QUEUE_FULL
    for request_id in range(submitted):
        assert mediator.expect_request().request_id == request_id
        mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
        mediator.expect(abi.VGPU_STUB_MSG_RESET)
    mediator.sync()


@pytest.mark.parametrize("outcome", ("done", "error"))
def test_reset_with_an_outcome(linked, outcome):
    linked.dev.submit(b"x")
    linked.mediator.respond(linked.mediator.expect_request(), b"y" * 1024,
                            0 if outcome == "done" else 0xf0)
    linked.qemu.qmp("system_reset")
    linked.dev.place()
    for name, value in RESET.items():
        assert getattr(linked.dev, name) == (1 if name == "LINK" else value)
    assert not any(linked.dev.read_block(abi.VGPU_STUB_RESPONSE_BUF, 1024))


@pytest.mark.parametrize("busy", (False, True), ids=("idle", "busy"))
def test_unplug_and_plug_again(linked, link_path, busy):
    qemu = linked.qemu
    if busy:
        linked.dev.submit(b"x")
        linked.mediator.expect_request()
    qemu.qmp("device_del", id="gpu0")
    qemu.outl(ACPI_PCI_EJECT, 1 << SLOT)    # what the guest's ACPI does
    linked.mediator.expect_closed()
    wait_for(lambda: "1af4:1111" not in qemu.hmp("info pci"), "unplug")
    qemu.clock_step(60_000)                 # nothing of it is left to fire

    def plugged():
        try:
            qemu.qmp("device_add", driver="vgpu-stub", id="gpu1",
                     chardev="link", addr=f"{SLOT:#x}", pool_id="B")
            return True
        except RuntimeError as error:       # RCU has not freed the first yet
            assert "in use" in str(error)

    wait_for(plugged, "free chardev")
    with FakeMediator.accept(link_path) as mediator:
        dev = Device(qemu)
        assert dev.POOL_ID == abi.VGPU_STUB_POOL_B
        dev.submit(b"x")
        mediator.respond(mediator.expect_request(), b"y")
        assert dev.response() == b"y"


def test_two_devices_are_independent(start_qemu, link_path, tmp_path):
    second_path = tmp_path / "second.sock"
    qemu = start_qemu("pool_id=A,vm_id=1", "-chardev",
                      f"socket,id=second,path={second_path},server=on,wait=off",
                      "-device", "vgpu-stub,id=gpu1,addr=0x1d,chardev=second,"
                                 "pool_id=B,priority=low,vm_id=2")
    first = Device(qemu, SLOT, 0xe0000000)
    second = Device(qemu, 0x1d, 0xe0001000)
    assert (first.POOL_ID, first.VM_ID) == (abi.VGPU_STUB_POOL_A, 1)
    assert (second.POOL_ID, second.VM_ID) == (abi.VGPU_STUB_POOL_B, 2)
    with FakeMediator.accept(link_path) as mediator:
        assert (first.LINK, second.LINK) == (1, 0)
        with FakeMediator.accept(second_path) as other:
            first.submit(b"one")
            second.submit(b"two")
            one = mediator.expect_request()
            two = other.expect_request()
            assert (one.payload, two.payload) == (b"one", b"two")
            other.respond(two, b"TWO")
            assert first.STATUS == abi.VGPU_STUB_STATUS_BUSY
            assert second.response() == b"TWO"
            mediator.respond(one, b"ONE")
            assert first.response() == b"ONE"
        second.wait_link(0)
        assert first.LINK == 1


class OwnSlot:
    """A device behind a PCIe port, whose MSI switches that port's slot off: the
    device is gone when its own message has been sent."""

    ECAM = 0xb0000000
    PORT = ECAM + (3 << 15)
    DEVICE = ECAM + (1 << 20)
    PCI_CAP_ID_EXP = 0x10
    SLOT_CONTROL = 0x18
    SLOT_OFF = 0x0700           # power controller and indicator off

    def __init__(self, qemu):
        self.qemu = qemu
        qemu.pci_write(0, 0x60, self.ECAM | 1)          # PCIEXBAR
        qemu.write(self.PORT + 0x18, 0x010100, 4)       # its bus is 1
        qemu.write(self.PORT + 0x20, 0xe000e000, 4)     # the window
        qemu.write(self.PORT + 4, 6, 2)
        qemu.write(self.DEVICE + 0x10, 0xe0000000, 4)
        self.dev = Device(qemu, place=False)
        self.decode(True)
        msi = self.capability(self.DEVICE, PCI_CAP_ID_MSI)
        slot = self.capability(self.PORT, self.PCI_CAP_ID_EXP)
        qemu.write(msi + 4, slot + self.SLOT_CONTROL, 4)
        qemu.write(msi + 12, self.SLOT_OFF, 2)
        qemu.write(msi + 2, 1, 2)
        self.dev.INTERRUPT_CTRL = abi.VGPU_STUB_INTERRUPT_COMPLETION

    def decode(self, on):
        """Whether BAR0 is there; it sends in any case"""
        self.qemu.write(self.DEVICE + 4, 6 if on else 4, 2)

    def capability(self, function, kind):
        cap = self.qemu.read(function + PCI_CAPABILITIES, 1)
        while self.qemu.read(function + cap, 1) != kind:
            cap = self.qemu.read(function + cap + 1, 1)
            assert cap, "no such capability"
        return function + cap


@pytest.fixture
def own_slot(qemu_bin, tmp_path, link_path):
    # A machine of before ACPI took over the ports: the guest switches them.
    with Qemu(qemu_bin, tmp_path, "-chardev",
              f"socket,id=link,path={link_path},server=on,wait=off",
              "-device", "pcie-root-port,id=port1,addr=3,slot=1",
              "-device", "vgpu-stub,bus=port1,addr=0,chardev=link",
              machine="pc-q35-4.2") as qemu:
        yield OwnSlot(qemu)


def end_request(own_slot, mediator, how, mapped):
    dev = own_slot.dev
    if how in ("refused", "enabled"):
        dev.INTERRUPT_CTRL = how == "refused"
        dev.REQUEST_LEN = 0
        dev.DOORBELL = abi.VGPU_STUB_DOORBELL_SUBMIT
    else:
        dev.submit(b"question")
        request = mediator.expect_request()
        own_slot.decode(mapped)
    if how == "enabled":                # and INTERRUPT_STATUS, in one access
        dev.write(abi.VGPU_STUB_REG_INTERRUPT_CTRL, 1 << 32 | 1, 8)
    elif how == "answered":
        mediator.send_response(request, b"answer")
    elif how == "cancelled":
        dev.DOORBELL = abi.VGPU_STUB_DOORBELL_ACK
    elif how == "lost":
        mediator.send(b"x" * 64)
    elif how == "timeout":
        dev.qemu.clock_step(30_000)


@pytest.mark.parametrize("how, mapped", (
    ("refused", True), ("enabled", True), ("cancelled", True),
    ("answered", True), ("lost", True), ("timeout", True),
    ("answered", False), ("lost", False), ("timeout", False)))
def test_an_msi_that_unplugs_its_device(own_slot, link_path, how, mapped):
    """Nothing keeps a device in memory whose BAR is not mapped."""
    with FakeMediator.accept(link_path) as mediator:
        end_request(own_slot, mediator, how, mapped)
        mediator.expect_closed()
    wait_for(lambda: "1af4:1111" not in own_slot.qemu.hmp("info pci"),
             "unplug")
