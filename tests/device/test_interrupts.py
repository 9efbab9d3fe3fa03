# SPDX-License-Identifier: GPL-2.0-or-later
"""INTx and MSI, enabled and not, before and after the completion."""
import pytest

from support import abi
from support.device import PCI_COMMAND, PCI_COMMAND_INTX_DISABLE

MSI_ADDRESS = 0x100000          # guest memory that plays the interrupt controller
MSI_DATA = 0x4321


def complete(linked):
    linked.dev.submit(b"question")
    linked.mediator.respond(linked.mediator.expect_request(), b"answer")


def take_msi(qemu):
    """Has a message come since the last call?"""
    data = qemu.read(MSI_ADDRESS, 4)
    qemu.write(MSI_ADDRESS, 0, 4)
    return data == MSI_DATA


def test_intx_follows_status_and_ctrl(linked):
    dev = linked.dev
    dev.INTERRUPT_CTRL = 1
    assert not dev.intx_asserted()
    complete(linked)
    assert dev.INTERRUPT_STATUS == 1 and dev.intx_asserted()
    dev.INTERRUPT_STATUS = 0                # writing 0 clears nothing
    assert dev.intx_asserted()
    dev.INTERRUPT_CTRL = 0
    assert not dev.intx_asserted()
    dev.INTERRUPT_CTRL = 1
    assert dev.intx_asserted()
    dev.INTERRUPT_STATUS = 1
    assert dev.INTERRUPT_STATUS == 0 and not dev.intx_asserted()


def test_a_disabled_interrupt_is_only_noted(linked):
    complete(linked)
    assert linked.dev.INTERRUPT_STATUS == 1
    assert not linked.dev.intx_asserted()


def test_intx_reaches_the_interrupt_controller(linked):
    qemu, dev = linked.qemu, linked.dev
    irq = 10
    for pirq in range(4):                   # PIIX3: route every PIRQ to it
        qemu.pci_write(1 << 3, 0x60 + pirq, irq, 1)
    qemu.intercept_irqs()
    dev.INTERRUPT_CTRL = 1
    complete(linked)
    dev.read(0)
    assert qemu.irqs.get(irq) is True
    dev.INTERRUPT_STATUS = 1
    assert qemu.irqs.get(irq) is False
    qemu.pci_write(dev.devfn, PCI_COMMAND,
                   dev.config(PCI_COMMAND, 2) | PCI_COMMAND_INTX_DISABLE, 2)
    complete(linked)
    dev.read(0)
    assert qemu.irqs.get(irq) is False


def test_errors_interrupt_too(linked):
    dev = linked.dev
    dev.INTERRUPT_CTRL = 1
    dev.REQUEST_LEN = 0
    dev.DOORBELL = abi.VGPU_STUB_DOORBELL_SUBMIT
    assert dev.intx_asserted()


def test_msi_is_one_message_per_completion(linked):
    qemu, dev = linked.qemu, linked.dev
    dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    dev.INTERRUPT_CTRL = 1
    for _ in range(3):                      # INTERRUPT_STATUS is never cleared
        complete(linked)
        assert take_msi(qemu)
        assert not take_msi(qemu)
    assert not dev.intx_asserted()


def test_msi_only_when_enabled(linked):
    qemu, dev = linked.qemu, linked.dev
    dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    complete(linked)
    assert not take_msi(qemu)
    dev.INTERRUPT_CTRL = 1                  # what is pending is told now
    assert take_msi(qemu)
    dev.INTERRUPT_CTRL = 1
    assert not take_msi(qemu)


def test_what_is_pending_is_told_again_when_msi_is_switched(linked):
    qemu, dev = linked.qemu, linked.dev
    dev.INTERRUPT_CTRL = 1
    complete(linked)
    dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    assert not dev.intx_asserted()
    assert take_msi(qemu)
    dev.disable_msi()
    assert dev.intx_asserted()
    dev.INTERRUPT_STATUS = 1
    assert not dev.intx_asserted()
    dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    dev.disable_msi()                       # nothing is pending
    assert not dev.intx_asserted()
    assert not take_msi(qemu)


@pytest.mark.parametrize("msi", (False, True), ids=("intx", "msi"))
def test_reset_ends_interrupts(linked, msi):
    dev = linked.dev
    if msi:
        dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    dev.INTERRUPT_CTRL = 1
    complete(linked)
    linked.qemu.qmp("system_reset")
    dev.place()
    assert dev.INTERRUPT_STATUS == dev.INTERRUPT_CTRL == 0
    assert not dev.intx_asserted()


@pytest.mark.parametrize("request_len", (0, 8), ids=("refused", "sent"))
def test_an_msi_aimed_at_the_doorbell_does_not_recurse(linked, request_len):
    dev = linked.dev
    dev.enable_msi(dev.bar + abi.VGPU_STUB_REG_DOORBELL,
                   abi.VGPU_STUB_DOORBELL_SUBMIT)
    dev.INTERRUPT_CTRL = 1
    dev.REQUEST_LEN = request_len
    dev.DOORBELL = abi.VGPU_STUB_DOORBELL_SUBMIT
    if request_len:
        linked.mediator.respond(linked.mediator.expect_request(), b"answer")
        assert dev.STATUS == abi.VGPU_STUB_STATUS_DONE
    else:
        assert dev.STATUS == abi.VGPU_STUB_STATUS_ERROR
        assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_INVALID_LENGTH
