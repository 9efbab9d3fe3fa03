# SPDX-License-Identifier: GPL-2.0-or-later
"""Every row of the register table: reset value, access, widths, reserved."""
import struct

import pytest

from support import abi
from support.device import REGISTERS, SLOT, Device
from support.qemu import Qemu

RESET = {
    "DOORBELL": 0,
    "STATUS": abi.VGPU_STUB_STATUS_IDLE,
    "POOL_ID": abi.VGPU_STUB_POOL_A,
    "PRIORITY": abi.VGPU_STUB_PRIORITY_MEDIUM,
    "VM_ID": 0,
    "ERROR_CODE": 0,
    "REQUEST_LEN": 0,
    "RESPONSE_LEN": 0,
    "PROTOCOL_VER": 0x00010000,
    "CAPABILITIES": 0xf,
    "INTERRUPT_CTRL": 0,
    "INTERRUPT_STATUS": 0,
    "REQUEST_ID": 0,
    "TIMESTAMP_LO": 0,
    "TIMESTAMP_HI": 0,
    "SCRATCH": 0,
    "LINK": 0,
    "REQUEST_TIMEOUT_MS": abi.VGPU_STUB_TIMEOUT_MS_DEFAULT,
    "QUEUE_ENTRIES_MAX": abi.VGPU_STUB_QUEUE_ENTRIES_MAX,
    "QUEUE_TRANSFER_MAX": abi.VGPU_STUB_QUEUE_TRANSFER_MAX,
    "QUEUE_SEGMENTS_MAX": abi.VGPU_STUB_QUEUE_SEGMENTS_MAX,
    "QUEUE_RING_LO": 0,
    "QUEUE_RING_HI": 0,
    "QUEUE_ENTRIES": 0,
    "QUEUE_CONTROL": 0,
    "QUEUE_STATE": abi.VGPU_STUB_QUEUE_OFF,
    "QUEUE_ERROR": 0,
    "QUEUE_DOORBELL": 0,
}
# Registers that keep what is written, and which bits of it
WRITABLE = {
    "REQUEST_LEN": 0xffffffff,
    "INTERRUPT_CTRL": 3,
    "REQUEST_ID": 0xffffffff,
    "SCRATCH": 0xffffffff,
    "QUEUE_RING_LO": 0xfffff000,
    "QUEUE_RING_HI": 0xffffffff,
    "QUEUE_ENTRIES": 0xffffffff,
}


def test_the_table_above_is_complete():
    assert RESET.keys() == REGISTERS.keys()


@pytest.mark.parametrize("name", RESET)
def test_reset_value(dev, name):
    assert dev.read(REGISTERS[name]) == RESET[name]


@pytest.mark.parametrize("name", RESET)
def test_what_a_write_leaves(dev, name):
    """Writable registers keep their bits, all others their value."""
    for value in (0xffffffff, 0xa5a5a5a4, 0x5a5a5a5b):
        dev.write(REGISTERS[name], value)
        expected = value & WRITABLE[name] if name in WRITABLE else RESET[name]
        assert dev.read(REGISTERS[name]) == expected
        if name in WRITABLE:
            dev.write(REGISTERS[name], 0)
    changed = {other: dev.read(REGISTERS[other]) for other in RESET
               if dev.read(REGISTERS[other]) != RESET[other]}
    assert not changed


@pytest.mark.parametrize("name", RESET)
def test_narrow_reads_return_the_right_part(dev, name):
    dev.SCRATCH = 0x12345678
    dev.REQUEST_ID = 0x9abcdef0
    offset = REGISTERS[name]
    whole = dev.read(offset).to_bytes(4, "little")
    assert bytes(dev.read(offset + i, 1) for i in range(4)) == whole
    assert dev.read(offset, 2) == int.from_bytes(whole[:2], "little")
    assert dev.read(offset + 2, 2) == int.from_bytes(whole[2:], "little")


def test_a_narrow_write_to_a_register_is_ignored(dev):
    dev.SCRATCH = 0x11223344
    for size, offsets in ((1, range(4)), (2, (0, 2))):
        for offset in offsets:
            dev.write(abi.VGPU_STUB_REG_SCRATCH + offset, 0xff, size)
    assert dev.SCRATCH == 0x11223344


def test_eight_bytes_are_two_registers(dev):
    dev.write(abi.VGPU_STUB_REG_TIMESTAMP_HI, 0x1122334455667788, 8)
    assert dev.SCRATCH == 0x11223344
    assert dev.TIMESTAMP_HI == 0
    assert dev.read(abi.VGPU_STUB_REG_TIMESTAMP_HI, 8) == 0x11223344 << 32
    assert (dev.read(abi.VGPU_STUB_REG_POOL_ID, 8)
            == abi.VGPU_STUB_PRIORITY_MEDIUM << 32 | abi.VGPU_STUB_POOL_A)
    assert dev.read(abi.VGPU_STUB_REG_LINK, 8) == \
        abi.VGPU_STUB_TIMEOUT_MS_DEFAULT << 32


def test_eight_bytes_written_ring_the_doorbell(dev):
    dev.write(abi.VGPU_STUB_REG_DOORBELL, abi.VGPU_STUB_DOORBELL_SUBMIT, 8)
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_INVALID_LENGTH


@pytest.mark.parametrize("size", (1, 2, 4, 8))
def test_the_request_buffer_keeps_what_is_written(dev, size):
    pattern = bytes((i * 7 + size) & 0xff for i in range(1024))
    for offset in range(0, 1024, size):
        dev.write(abi.VGPU_STUB_REQUEST_BUF + offset,
                  int.from_bytes(pattern[offset:offset + size], "little"), size)
    assert dev.read_block(abi.VGPU_STUB_REQUEST_BUF, 1024) == pattern
    assert pattern == b"".join(
        dev.read(abi.VGPU_STUB_REQUEST_BUF + offset, size).to_bytes(size, "little")
        for offset in range(0, 1024, size))
    assert dev.SCRATCH == 0
    assert not any(dev.read_block(abi.VGPU_STUB_RESPONSE_BUF, 1024))


@pytest.mark.parametrize("size", (1, 2, 4, 8))
def test_the_response_buffer_is_read_only(dev, size):
    for offset in range(0, 1024, size):
        dev.write(abi.VGPU_STUB_RESPONSE_BUF + offset, 2**(8 * size) - 1, size)
    assert not any(dev.read_block(abi.VGPU_STUB_RESPONSE_BUF, 1024))


def no_register(offset, size):
    return not any(offset < reg + 4 and reg < offset + size
                   for reg in REGISTERS.values())


@pytest.mark.parametrize("size", (1, 2, 4, 8))
def test_reserved_places_read_zero_and_ignore_writes(dev, size):
    for offset in range(abi.VGPU_STUB_RESERVED, abi.VGPU_STUB_BAR_SIZE, size):
        if no_register(offset, size):
            dev.write(offset, 2**(8 * size) - 1, size)
            assert dev.read(offset, size) == 0


@pytest.mark.parametrize("size", (1, 2, 4, 8))
def test_without_a_queue_its_registers_are_reserved_places(start_qemu, size):
    dev = Device(start_qemu("queue=off"))
    assert dev.CAPABILITIES == 3
    for offset in range(abi.VGPU_STUB_RESERVED, abi.VGPU_STUB_BAR_SIZE, size):
        dev.write(offset, 2**(8 * size) - 1, size)
        assert dev.read(offset, size) == 0
    dev.INTERRUPT_CTRL = 3
    assert dev.INTERRUPT_CTRL == 1


def test_a_whole_block_written_means_what_its_elements_mean(dev):
    """Over read-only and reserved places too; DOORBELL is in it as 0."""
    image = bytearray(b"\xff" * abi.VGPU_STUB_BAR_SIZE)
    struct.pack_into("<I", image, abi.VGPU_STUB_REG_DOORBELL, 0)
    dev.write_block(0, image)
    for name in RESET:
        if name == "INTERRUPT_STATUS":
            assert dev.INTERRUPT_STATUS == 0
        else:
            assert dev.read(REGISTERS[name]) == WRITABLE.get(name, RESET[name])
    assert dev.read_block(abi.VGPU_STUB_REQUEST_BUF, 1024) == b"\xff" * 1024
    assert not any(dev.read(offset)
                   for offset in range(abi.VGPU_STUB_RESERVED,
                                       abi.VGPU_STUB_BAR_SIZE, 4)
                   if no_register(offset, 4))


@pytest.mark.parametrize("size", (2, 4, 8))
def test_accesses_that_are_not_aligned_do_no_harm(dev, size):
    dev.SCRATCH = 0x11223344
    for offset in range(0, 0x48):
        dev.write(offset + 1 if offset % size == 0 else offset, 2, size)
        dev.read(offset + 1 if offset % size == 0 else offset, size)
    assert dev.STATUS == abi.VGPU_STUB_STATUS_IDLE
    assert dev.POOL_ID == abi.VGPU_STUB_POOL_A


def test_other_doorbell_values_are_ignored(dev):
    for value in (0, 3, 0x80000001, 0xffffffff):
        dev.DOORBELL = value
        assert dev.STATUS == abi.VGPU_STUB_STATUS_IDLE


def test_pci_identity(dev):
    assert dev.config(0x00) == 0x11111af4
    assert dev.config(0x08) == 0x12000002       # class 12 00 00, revision 02
    assert dev.config(0x2c) == 0x11111af4
    assert dev.config(0x3d, 1) == 1             # INTA#
    dev.qemu.pci_write(dev.devfn, 0x10, 0xffffffff)
    assert dev.config(0x10) == 0xfffff000       # 4 KiB, 32 bits, not prefetchable


def test_guest_errors_are_logged_but_not_without_limit(qemu_bin, tmp_path):
    log = tmp_path / "guest-errors"
    with Qemu(qemu_bin, tmp_path, "-device", f"vgpu-stub,addr={SLOT:#x}",
              "-d", "guest_errors", "-D", log) as qemu:
        dev = Device(qemu)
        dev.write(abi.VGPU_STUB_REG_REQUEST_LEN, 1, 2)
        for _ in range(2000):
            dev.write(abi.VGPU_STUB_REG_SCRATCH, 1, 1)
        dev.write_block(abi.VGPU_STUB_RESPONSE_BUF, bytes(1024))
    lines = log.read_text().splitlines()
    assert lines[0] == ("vgpu-stub: write of 2 bytes to the register at 0x18 "
                        "ignored, registers take 4")
    assert all("0x3c ignored" in line for line in lines[1:])
    assert len(lines) < 500
