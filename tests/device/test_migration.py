# SPDX-License-Identifier: GPL-2.0-or-later
"""Suspend and migration: state saved to a file and loaded by another QEMU."""
import json
import re
import struct

import pytest

from support import abi
from support.device import SLOT
from support.fake_mediator import FakeMediator
from support.qemu import run

MSI_ADDRESS = 0x100000
MSI_DATA = 0x4321
MARKER = b"the marker that tells where the request buffer is saved"


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


def test_a_device_without_a_link_takes_the_state_of_one_with(linked, restore,
                                                             tmp_path):
    """So a host that cannot make the socket loses no VM that is resumed."""
    linked.dev.submit(b"question", 42)
    linked.mediator.respond(linked.mediator.expect_request(), b"answer")
    before = registers(linked.dev)
    linked.qemu.save(tmp_path / "state")
    restored = restore(tmp_path / "state", link=False)
    assert registers(restored) == before
    assert restored.STATUS == abi.VGPU_STUB_STATUS_DONE
    restored.qemu.qmp("cont")
    restored.submit(b"anyone?")
    assert restored.STATUS == abi.VGPU_STUB_STATUS_ERROR
    assert restored.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE


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


@pytest.fixture
def snapshots(add_snapshots, qemu):
    add_snapshots(qemu)
    return qemu


def test_sequence_numbers_never_go_back(snapshots, linked):
    """An answer from before the load must not meet a request from after it."""
    dev, mediator = linked.dev, linked.mediator
    dev.submit(b"saved")
    mediator.respond(mediator.expect_request(), b"answer")
    assert snapshots.hmp("savevm before") == ""
    for number in range(3):
        dev.submit(b"lost")
        late = mediator.expect_request()
        if number < 2:
            mediator.respond(late, b"answer")
    assert snapshots.hmp("loadvm before") == ""
    mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
    mediator.expect(abi.VGPU_STUB_MSG_RESET)
    assert dev.STATUS == abi.VGPU_STUB_STATUS_DONE
    assert dev.response() == b"answer"
    dev.submit(b"new")
    request = mediator.expect_request()
    assert (request.payload, request.sequence) == (b"new", late.sequence + 1)
    mediator.respond(late, b"late")
    assert dev.STATUS == abi.VGPU_STUB_STATUS_BUSY
    mediator.respond(request, b"right")
    assert dev.response() == b"right"


# What a saved state is made of, in this order: a state that has another form is
# not loaded by the versions of before, nor theirs by this one.
FIELDS = """
status error_code request_len response_len interrupt_ctrl interrupt_status
request_id scratch
""".split()


def test_the_form_of_a_saved_state(dev, tmp_path):
    """As QEMU describes it at the end of the stream"""
    path = tmp_path / "state"
    dev.qemu.save(path)
    description = json.loads(
        re.search(rb'\{ ?"[ -~]*\}\Z', path.read_bytes())[0])
    ours, = (device for device in description["devices"]
             if device["vmsd_name"] == "vgpu-stub")
    assert (ours["version"], ours.get("subsections")) == (1, None)
    assert [(field["type"], field["size"], field.get("array_len", 1))
            for field in ours["fields"]] == [
        ("struct", 276, 1), *[("uint32", 4, 1)] * len(FIELDS),
        ("uint64", 8, 1), ("uint8", 1, 1024), ("uint8", 1, 1024),
        ("bool", 1, 1), ("uint64", 8, 1)]
    assert [field["name"] for field in ours["fields"]] == [
        "parent_obj", *FIELDS, "timestamp_us", "request", "response",
        "outcome_seen", "saved_sequence"]


PCI_INTERRUPT_LINE = 0x3c       # and pin, in the next byte
REFUSED = "vgpu-stub: saved state refused: "
CORRUPTIONS = {
    "STATUS 4": (0, 4, "STATUS is 4, at most 3 is possible"),
    "STATUS all ones": (0, 0xffffffff, "STATUS is 4294967295"),
    "ERROR_CODE 0x100": (4, 0x100, "ERROR_CODE is 256, but that is reserved"),
    "ERROR_CODE 0x0f": (4, 0x0f, "ERROR_CODE is 15, but that is reserved"),
    "ERROR_CODE 0xef": (4, 0xef, "ERROR_CODE is 239, but that is reserved"),
    "ERROR without code": (0, 3, "ERROR_CODE is 0, but STATUS is ERROR"),
    "RESPONSE_LEN 1025": (12, 1025, "RESPONSE_LEN is 1025, at most 1024"),
    "RESPONSE_LEN all ones": (12, 0xffffffff, "RESPONSE_LEN is 4294967295"),
    "INTERRUPT_CTRL 4": (16, 4, "INTERRUPT_CTRL is 4"),
    "INTERRUPT_STATUS 5": (20, 5, "INTERRUPT_STATUS is 5"),
    "sequence with the top bit": (8 * 4 + 8 + 2048 + 1, 0x80000000,
                                  "the sequence is 9223372036854775808"),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_state_is_refused(qemu_bin, dev, tmp_path, name):
    dev.write_block(abi.VGPU_STUB_REQUEST_BUF, MARKER)
    offset, value, message = CORRUPTIONS[name]
    assert_refused(qemu_bin, dev, tmp_path, offset, value, REFUSED + message)


def assert_refused(qemu_bin, dev, tmp_path, offset, value, message):
    """With this 32-bit value at this offset in the saved fields. The request
    buffer begins with MARKER."""
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
    assert message in result.stdout


def test_another_interrupt_pin_is_refused(qemu_bin, dev, tmp_path):
    """It would end QEMU at the next interrupt. It is in the configuration space,
    which is saved before the fields."""
    dev.write_block(abi.VGPU_STUB_REQUEST_BUF, MARKER)
    assert_refused(qemu_bin, dev, tmp_path, -272 + PCI_INTERRUPT_LINE,
                   0x00900000, "Bad config data: i=0x3d")


def test_done_with_an_error_code_is_refused(qemu_bin, linked, tmp_path):
    linked.dev.submit(MARKER)
    linked.mediator.respond(linked.mediator.expect_request(), b"answer")
    assert_refused(qemu_bin, linked.dev, tmp_path, 4, 5,
                   REFUSED + "ERROR_CODE is 5, but STATUS is DONE")


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
