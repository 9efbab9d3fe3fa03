# SPDX-License-Identifier: GPL-2.0-or-later
"""Suspend and migration: state saved to a file and loaded by another QEMU."""
import struct

import pytest

from support import abi
from support.device import SLOT, Device
from support.mediator import FakeMediator
from support.qemu import Qemu, run

MSI_ADDRESS = 0x100000
MSI_DATA = 0x4321
MARKER = b"the marker that tells where the request buffer is saved"


@pytest.fixture
def restore(qemu_bin, tmp_path):
    """restore(path): a stopped QEMU that has loaded it, and its device."""
    running = []

    def load(path):
        qemu = Qemu(qemu_bin, tmp_path,
                    "-chardev", f"socket,id=link,path={tmp_path}/second.sock,"
                                "server=on,wait=off",
                    "-device", f"vgpu-stub,id=gpu0,addr={SLOT:#x},chardev=link",
                    "-S", "-incoming", f"exec:cat {path}", name="restored")
        running.append(qemu)
        qemu.wait_loaded()
        return Device(qemu, place=False)    # the state says where it is

    yield load
    for qemu in running:
        with qemu:
            pass


def registers(dev):
    """All that a guest can see, taken without a side effect on the outcome."""
    image = {name: getattr(dev, name) for name in
             ("REQUEST_LEN", "RESPONSE_LEN", "INTERRUPT_CTRL",
              "INTERRUPT_STATUS", "REQUEST_ID", "TIMESTAMP_LO", "TIMESTAMP_HI",
              "SCRATCH", "POOL_ID", "PRIORITY", "VM_ID")}
    image["buffers"] = dev.read_block(abi.VGPU_STUB_REQUEST_BUF, 2048)
    return image


def test_idle(dev, restore, tmp_path):
    dev.SCRATCH = 0x12345678
    dev.REQUEST_ID = 99
    dev.REQUEST_LEN = 0xffffffff            # any value may be written, so saved
    dev.write_block(abi.VGPU_STUB_REQUEST_BUF, bytes(range(256)) * 4)
    before = registers(dev)
    dev.qemu.save(tmp_path / "state")
    restored = restore(tmp_path / "state")
    assert registers(restored) == before
    assert restored.STATUS == abi.VGPU_STUB_STATUS_IDLE


@pytest.mark.parametrize("status", (0, abi.VGPU_STUB_ERR_BACKEND_ERROR))
def test_outcome(linked, restore, tmp_path, status):
    linked.qemu.clock_step(5000)
    linked.dev.submit(b"question", 42)
    linked.mediator.respond(linked.mediator.expect_request(), b"answer" * 100,
                            status)
    before = registers(linked.dev)
    linked.qemu.save(tmp_path / "state")
    restored = restore(tmp_path / "state")
    assert registers(restored) == before
    assert restored.LINK == 0
    assert restored.STATUS == (abi.VGPU_STUB_STATUS_ERROR if status
                               else abi.VGPU_STUB_STATUS_DONE)
    assert restored.ERROR_CODE == status


def test_an_outcome_that_was_seen_stays_seen(linked, restore, tmp_path):
    linked.dev.submit(b"question")
    linked.mediator.respond(linked.mediator.expect_request(), b"answer")
    assert linked.dev.STATUS == abi.VGPU_STUB_STATUS_DONE
    linked.qemu.save(tmp_path / "state")
    restored = restore(tmp_path / "state")
    restored.read(abi.VGPU_STUB_RESPONSE_BUF, 8)
    assert restored.STATUS == abi.VGPU_STUB_STATUS_IDLE


@pytest.mark.parametrize("msi", (False, True), ids=("intx", "msi"))
def test_busy_ends_cancelled_with_its_interrupt(linked, restore, tmp_path, msi):
    if msi:
        linked.dev.enable_msi(MSI_ADDRESS, MSI_DATA)
    linked.dev.INTERRUPT_CTRL = 1
    linked.dev.submit(b"question", 42)
    request = linked.mediator.expect_request()
    linked.qemu.save(tmp_path / "state")

    restored = restore(tmp_path / "state")
    assert restored.STATUS == abi.VGPU_STUB_STATUS_ERROR
    assert restored.INTERRUPT_STATUS == 1
    assert restored.ERROR_CODE == abi.VGPU_STUB_ERR_CANCELLED
    restored.qemu.qmp("cont")
    restored.qemu.clock_step(1)
    if msi:
        assert restored.qemu.read(MSI_ADDRESS, 4) == MSI_DATA
    else:
        assert restored.intx_asserted()
    with FakeMediator.accept(tmp_path / "second.sock") as mediator:
        restored.submit(b"retry", 42)
        retry = mediator.expect_request()
        assert retry.sequence > request.sequence
        mediator.respond(retry, b"done")
        assert restored.response() == b"done"

    # The source still has the request, should the migration be undone.
    linked.qemu.qmp("cont")
    assert linked.dev.STATUS == abi.VGPU_STUB_STATUS_BUSY
    linked.mediator.respond(request, b"answer")
    assert linked.dev.response() == b"answer"


CORRUPTIONS = {
    "STATUS 4": (0, 4, "STATUS is 4, at most 3 is possible"),
    "STATUS all ones": (0, 0xffffffff, "STATUS is 4294967295"),
    "ERROR_CODE 0x100": (4, 0x100, "ERROR_CODE is 256"),
    "RESPONSE_LEN 1025": (12, 1025, "RESPONSE_LEN is 1025, at most 1024"),
    "RESPONSE_LEN all ones": (12, 0xffffffff, "RESPONSE_LEN is 4294967295"),
    "INTERRUPT_CTRL 2": (16, 2, "INTERRUPT_CTRL is 2"),
    "INTERRUPT_STATUS 3": (20, 3, "INTERRUPT_STATUS is 3"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_state_is_refused(qemu_bin, dev, tmp_path, name):
    offset, value, message = CORRUPTIONS[name]
    dev.write_block(abi.VGPU_STUB_REQUEST_BUF, MARKER)
    path = tmp_path / "state"
    dev.qemu.save(path)
    state = bytearray(path.read_bytes())
    assert state.count(MARKER) == 1
    fields = state.index(MARKER) - 8 - 8 * 4
    struct.pack_into(">I", state, fields + offset, value)
    path.write_bytes(state)
    result = run(qemu_bin, "-chardev", "null,id=link",
                 "-device", f"vgpu-stub,id=gpu0,addr={SLOT:#x},chardev=link",
                 "-incoming", f"exec:cat {path}")
    assert result.returncode == 1
    assert "vgpu-stub: saved state refused: " + message in result.stdout


def test_response_bytes_beyond_response_len_are_not_believed(dev, restore,
                                                             tmp_path):
    dev.write_block(abi.VGPU_STUB_REQUEST_BUF, MARKER)
    path = tmp_path / "state"
    dev.qemu.save(path)
    state = bytearray(path.read_bytes())
    response = state.index(MARKER) + abi.VGPU_STUB_BUF_SIZE
    state[response:response + 1024] = b"\xee" * 1024
    path.write_bytes(state)
    restored = restore(path)
    assert not any(restored.read_block(abi.VGPU_STUB_RESPONSE_BUF, 1024))
