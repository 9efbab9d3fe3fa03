# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's commands in a real worker with PoCL: buffers, and the way of a batch.

Kernels are in test_worker_opencl_kernels.py, what is malformed in
test_worker_opencl_batches.py.
"""
import struct

import pytest

from support import abi, opencl, operations
from support.opencl import CL, FLAG_TIMES

KIB, MIB = 1 << 10, 1 << 20
INVALID = CL["CL_INVALID_VALUE"]
NO_BUFFER = CL["CL_INVALID_MEM_OBJECT"]
MAX = 2**64 - 1


def test_device_info(program):
    name = program.want(opencl.device_info(CL["CL_DEVICE_NAME"]))
    assert name.endswith(b"\0") and len(name) > 2
    assert program.fails(opencl.device_info(0x9999)) == INVALID
    # Pointers of the worker's are not for the guest.
    for param in "CL_DEVICE_PLATFORM", "CL_DEVICE_PARENT_DEVICE":
        assert program.fails(opencl.device_info(CL[param])) == INVALID


# --- Buffers ---

def test_a_buffer_is_of_zeros(program):
    for _ in range(3):
        program.good(opencl.buffer_create(1, 10000))
        assert program.want(opencl.read(1, 0, 10000)) == bytes(10000)
        program.good(opencl.fill(1, 0, 10000, b"\xff"), opencl.release(1))


def test_what_is_written_is_read(program):
    program.good(opencl.buffer_create(1, 100), opencl.write(1, 10, b"hello"))
    assert program.want(opencl.read(1, 9, 7)) == b"\0hello\0"
    assert program.want(opencl.read(1, 99, 1)) == b"\0"


@pytest.mark.parametrize("make", [
    lambda offset, size: opencl.read(1, offset, min(size, 8)),
    lambda offset, size: opencl.write(1, offset, bytes(min(size, 8))),
    lambda offset, size: opencl.fill(1, offset, size, b"x"),
    lambda offset, size: opencl.copy(1, 2, offset, 0, size),
    lambda offset, size: opencl.copy(2, 1, 0, offset, size),
], ids=["read", "write", "fill", "copy from", "copy to"])
def test_ranges(program, make):
    program.good(opencl.buffer_create(1, 100), opencl.buffer_create(2, 1000))
    program.good(make(92, 8))
    for offset, size in (93, 8), (100, 1), (101, 1), (0, 0), (MAX, 8), \
            (MAX - 7, 8), (2**63, 8):
        assert program.fails(make(offset, size)) == INVALID, (offset, size)
    for offset, size in (8, MAX), (0, 2**63), (0, 101):
        if make(offset, size) != make(offset, 8):
            assert program.fails(make(offset, size)) == INVALID


def test_fills(program):
    program.good(opencl.buffer_create(1, 256))
    for pattern in b"a", b"ab", b"abcd", bytes(range(128)):
        program.good(opencl.fill(1, 0, 256, pattern))
        assert program.want(opencl.read(1, 0, 256)) == \
            pattern * (256 // len(pattern))
    for pattern in b"", b"abc", bytes(127):
        assert program.fails(opencl.fill(1, 0, 0x7f * 2, pattern)) == INVALID
    assert program.fails(opencl.fill(1, 1, 4, b"abcd")) == INVALID
    assert program.fails(opencl.fill(1, 0, 6, b"abcd")) == INVALID


def test_copies(program):
    program.good(opencl.buffer_create(1, 20), opencl.buffer_create(2, 20),
                 opencl.write(1, 0, bytes(range(20))),
                 opencl.copy(1, 2, 2, 5, 10))
    assert program.want(opencl.read(2, 4, 12)) == \
        b"\0" + bytes(range(2, 12)) + b"\0"
    assert program.fails(opencl.copy(1, 1, 0, 5, 10)) == \
        CL["CL_MEM_COPY_OVERLAP"]
    assert program.fails(opencl.copy(1, 3, 0, 0, 1)) == NO_BUFFER
    assert program.fails(opencl.copy(3, 1, 0, 0, 1)) == NO_BUFFER


def test_rectangles(program):
    """Of 3 × 2 × 2 bytes in a buffer of 8 × 4 × 3"""
    program.good(opencl.buffer_create(1, 96),
                 opencl.write(1, 0, bytes(range(96))))
    place = (1, 1, 1), (3, 2, 2), (8, 32)
    expected = bytes(z * 32 + y * 8 + x for z in (1, 2) for y in (1, 2)
                     for x in (1, 2, 3))
    assert program.want(opencl.read_rect(1, *place)) == expected
    program.good(opencl.write_rect(1, *place, b"x" * 12))
    assert program.want(opencl.read_rect(1, *place)) == b"x" * 12
    assert program.want(opencl.read(1, 0, 96)).count(b"x") == 12
    program.good(opencl.buffer_create(2, 12), opencl.copy_rect(
        1, 2, place[0], (0, 0, 0), place[1], place[2]))
    assert program.want(opencl.read(2, 0, 12)) == b"x" * 12


@pytest.mark.parametrize("origin, region, pitches", [
    ((0, 0, 0), (0, 1, 1), (0, 0)),         # nothing
    ((0, 0, 0), (9, 1, 1), (8, 0)),         # a row is shorter
    ((0, 0, 0), (8, 2, 1), (8, 8)),         # a slice is
    ((0, 0, 0), (8, 1, 1), (8, 12)),        # no whole rows
    ((0, 0, 0), (8, 4, 4), (8, 32)),        # one byte too many, or more
    ((1, 0, 0), (8, 4, 3), (8, 32)),
    ((MAX, 0, 0), (1, 1, 1), (8, 32)),      # and what is no number
    ((0, MAX, 0), (1, 1, 1), (8, 32)),
    ((0, 0, MAX), (1, 1, 1), (8, 32)),
    ((0, 2**61, 0), (1, 1, 1), (8, 32)),
    ((0, 0, 2**59), (1, 1, 1), (8, 32)),
    ((0, 0, 0), (1, 2, 1), (MAX, 0)),
    ((0, 0, 0), (1, 1, 2), (1, MAX)),
])
def test_bad_rectangles(program, origin, region, pitches):
    program.good(opencl.buffer_create(1, 96), opencl.buffer_create(2, 1000))
    data = bytes(region[0] * region[1] * region[2])
    small = (0, 0, 0)
    for command in (
            opencl.read_rect(1, origin, region, pitches),
            opencl.write_rect(1, origin, region, pitches, data),
            opencl.copy_rect(1, 2, origin, small, region, pitches),
            opencl.copy_rect(2, 1, small, origin, region, (0, 0), pitches)):
        assert program.fails(command) == INVALID
    assert program.want(opencl.read(1, 0, 96)) == bytes(96)


def test_parts_of_buffers(program):
    program.good(opencl.buffer_create(1, 4096),
                 opencl.sub_buffer_create(2, 1, 1024, 512),
                 opencl.write(2, 0, b"part"))
    assert program.want(opencl.read(1, 1023, 6)) == b"\0part\0"
    assert program.fails(opencl.read(2, 512, 1)) == INVALID
    # The whole lives as long as its part, and counts for as long.
    held = program.worker.held
    program.good(opencl.release(1))
    assert program.want(opencl.read(2, 0, 4)) == b"part"
    assert program.worker.held == held > 0
    program.good(opencl.release(2))
    assert program.worker.held == 0


def test_rectangles_of_parts_of_buffers(program):
    """Between parts, of one buffer and of two, and what is none"""
    region, pitches = (2, 2, 2), (4, 8)
    rows = bytes(range(1, 9))
    program.good(opencl.buffer_create(1, 4096), opencl.buffer_create(2, 4096),
                 opencl.sub_buffer_create(3, 1, 1024, 16),
                 opencl.sub_buffer_create(4, 1, 2048, 16),
                 opencl.sub_buffer_create(5, 2, 512, 16))
    program.good(opencl.write_rect(3, (1, 0, 0), region, pitches, rows))
    for source, target in (3, 4), (4, 5), (5, 2), (2, 3), (3, 1):
        program.good(opencl.fill(target, 0, 16, bytes(1)))
        program.good(opencl.copy_rect(source, target, (1, 0, 0), (1, 0, 0),
                                      region, pitches, pitches))
        assert program.want(opencl.read_rect(target, (1, 0, 0), region,
                                             pitches)) == rows
    assert program.want(opencl.read(1, 1024, 16)) == \
        b"\0\1\2\0\0\3\4\0\0\5\6\0\0\7\x08\0"
    assert program.fails(opencl.copy_rect(
        3, 5, (1, 0, 0), (3, 0, 0), region, pitches, pitches)) == INVALID


def test_bad_parts(program):
    program.good(opencl.buffer_create(1, 4096),
                 opencl.sub_buffer_create(2, 1, 0, 512))
    assert program.fails(opencl.sub_buffer_create(3, 2, 0, 8)) == NO_BUFFER
    assert program.fails(opencl.sub_buffer_create(3, 9, 0, 8)) == NO_BUFFER
    for origin, size in (0, 4097), (4096, 1), (MAX, 1), (128, MAX):
        assert program.fails(
            opencl.sub_buffer_create(3, 1, origin, size)) == INVALID
    assert program.fails(opencl.sub_buffer_create(3, 1, 0, 0)) == \
        CL["CL_INVALID_BUFFER_SIZE"]
    assert program.fails(opencl.sub_buffer_create(3, 1, 1, 8)) == \
        CL["CL_MISALIGNED_SUB_BUFFER_OFFSET"]
    assert program.fails(opencl.sub_buffer_create(1, 1, 0, 8)) == INVALID


# CL_MEM_USE_HOST_PTR, _ALLOC_HOST_PTR, _COPY_HOST_PTR, and what nobody knows
@pytest.mark.parametrize("flags", [1 << 3, 1 << 4, 1 << 5, 1 << 11, 1 << 40])
def test_flags_of_the_host(program, flags):
    assert program.fails(opencl.buffer_create(1, 16, 1 | flags)) == INVALID
    program.good(opencl.buffer_create(1, 16))
    assert program.fails(opencl.sub_buffer_create(2, 1, 0, 16, flags)) == \
        INVALID


def test_ids(program):
    for number in 0, 65536, 2**32 - 1:
        assert program.fails(opencl.buffer_create(number, 16)) == INVALID
        assert program.fails(opencl.program_create(number, 16)) == INVALID
        assert program.fails(opencl.release(number)) == INVALID
    program.good(opencl.buffer_create(65535, 16))
    assert program.fails(opencl.buffer_create(65535, 16)) == INVALID
    assert program.fails(opencl.program_create(65535, 16)) == INVALID
    # One space of numbers, and each is of one kind.
    assert program.fails(opencl.build(65535)) == CL["CL_INVALID_PROGRAM"]
    assert program.fails(opencl.launch(65535, [1])) == CL["CL_INVALID_KERNEL"]
    program.good(opencl.release(65535), opencl.program_create(65535, 16))
    assert program.fails(opencl.read(65535, 0, 1)) == NO_BUFFER
    program.good(opencl.release(65535))
    assert program.fails(opencl.release(65535)) == INVALID


# --- Memory of the VM ---

def test_quota(lone_worker, opencl_program):
    program = opencl_program(lone_worker(quota=MIB))
    program.good(opencl.buffer_create(1, MIB - 4096))
    assert program.worker.held == MIB - 4096
    assert program.fails(opencl.buffer_create(2, 4097)) == \
        CL["CL_MEM_OBJECT_ALLOCATION_FAILURE"]
    program.good(opencl.buffer_create(2, 1))
    assert program.worker.held == MIB
    assert program.fails(opencl.program_create(3, 1)) == \
        CL["CL_OUT_OF_HOST_MEMORY"]
    program.good(opencl.release(1))
    assert program.worker.held == 4096
    for size in MIB, 2**40, 2**63, MAX:
        assert program.fails(opencl.buffer_create(1, size)) == \
            CL["CL_MEM_OBJECT_ALLOCATION_FAILURE"]
    assert program.fails(opencl.buffer_create(1, 0)) == \
        CL["CL_INVALID_BUFFER_SIZE"]
    program.good(opencl.release(2))
    assert program.worker.held == 0


def test_what_the_driver_refuses_is_given_back(lone_worker, opencl_program):
    """The quota is more than the device has."""
    program = opencl_program(lone_worker(quota=2**50))
    assert program.fails(opencl.buffer_create(1, 2**45)) in (
        CL["CL_INVALID_BUFFER_SIZE"], CL["CL_MEM_OBJECT_ALLOCATION_FAILURE"])
    program.good(opencl.marker())
    assert program.worker.held == 0


def test_memory_of_both_kinds_counts_together(program):
    status, results, _, _ = program.worker.do(operations.alloc(8192))
    assert status == abi.VGPU_STUB_ERR_NONE
    program.good(opencl.buffer_create(1, 4096))
    assert program.worker.held == 12288
    status, results, _, _ = program.worker.do(
        operations.call(abi.VGPU_STUB_OP_MEMORY_FREE_ALL))
    assert (status, results) == (0, struct.pack("<Q", 8192))
    assert program.want(opencl.read(1, 0, 1)) == b"\0"
    assert program.worker.held == 4096


# --- Bulk ---

def test_bulk(program):
    data = bytes(range(256)) * 4096
    program.good(opencl.buffer_create(1, len(data)))
    program.good(opencl.fill(1, 0, 16, b"x"),
                 opencl.write_bulk(1, 0, len(data)), bulk=data)
    assert program.moved == data
    program.worker.arena.put_bulk(program.worker.arena.small, bytes(MIB))
    program.good(opencl.read(1, 0, MIB, flags=opencl.FLAG_BULK), room=MIB)
    assert program.moved == data
    program.good(opencl.read_rect(1, (0, 0, 0), (16, 4, 1), (32, 0),
                                  flags=opencl.FLAG_BULK), room=64)
    assert program.moved == bytes(range(16)) + bytes(range(32, 48)) + \
        bytes(range(64, 80)) + bytes(range(96, 112))
    program.good(opencl.command(
        "BUFFER_WRITE_RECT", 1, 0, 0, 0, 0, 8, 8, 1, 8, 64,
        flags=opencl.FLAG_BULK), bulk=b"y" * 64)
    assert program.want(opencl.read(1, 0, 65)) == b"y" * 64 + bytes([64])


def test_bulk_that_fails_has_not_moved(program):
    program.good(opencl.buffer_create(1, 16))
    for command in opencl.read(1, 8, 16, flags=opencl.FLAG_BULK), \
            opencl.read(2, 0, 16, flags=opencl.FLAG_BULK):
        result, = program.all(command, room=16)
        assert result.status < 0 and program.moved == b""
    result, = program.all(opencl.write_bulk(1, 8, 16), bulk=bytes(16))
    assert result.status == INVALID and program.moved == b""


# --- The way of a batch ---

def test_a_batch_that_is_not_the_next_one(program):
    program.good(opencl.marker(), opencl.marker())
    for first in 0, 1, 3, MAX:
        status, _, data, _ = program.worker.do(operations.call(
            opencl.OP_OPENCL, data=opencl.batch(
                first, [opencl.buffer_create(1, 16)])))
        assert (status, opencl.Answer.parse(data)) == \
            (0, opencl.Answer(2, [], b""))
    assert program.worker.held == 0


def test_several_batches_under_way(program):
    """One after the other, without waiting for answers"""
    worker, places = program.worker, []
    for i in range(4):
        places.append(worker.submit(
            operations.call(opencl.OP_OPENCL, data=opencl.batch(
                i, [opencl.buffer_create(i + 1, 16)])),
            place=worker.arena.small + i))
    for i, place in enumerate(places):
        status, _, data, _ = worker.complete(place)
        answer = opencl.Answer.parse(data)
        assert (status, answer.next) == (0, i + 1)
        assert [r.status for r in answer.results] == [0]
    program.next = 4
    assert program.want(opencl.read(4, 0, 1)) == b"\0"


def test_results_are_those_that_are_wanted(program):
    results = program.all(
        opencl.buffer_create(1, 16), opencl.write(1, 0, bytes(16)),
        opencl.read(9, 0, 1), opencl.write(1, 0, bytes(17)),
        opencl.write(1, 0, b"x", flags=FLAG_TIMES), opencl.read(1, 0, 1),
        opencl.read(1, 0, 2, flags=FLAG_TIMES))
    assert [(r.number, r.status, len(r.payload)) for r in results] == [
        (0, 0, 0), (2, NO_BUFFER, 0), (3, INVALID, 0), (4, 0, 32), (5, 0, 1),
        (6, 0, 34)]
    assert results[-1].payload[32:] == b"x\0"


def test_times(program):
    program.good(opencl.buffer_create(1, MIB), opencl.buffer_create(2, MIB))
    previous = 0
    for command in (
            opencl.write(1, 0, b"x", flags=FLAG_TIMES),
            opencl.read(1, 0, 8, flags=FLAG_TIMES),
            opencl.fill(1, 0, MIB, b"x", flags=FLAG_TIMES),
            opencl.copy(1, 2, 0, 0, MIB, flags=FLAG_TIMES),
            opencl.copy_rect(1, 2, (0, 0, 0), (0, 0, 0), (8, 8, 1),
                             flags=FLAG_TIMES),
            opencl.read_rect(1, (0, 0, 0), (1, 1, 1), (0, 0),
                             flags=FLAG_TIMES),
            opencl.write_rect(1, (0, 0, 0), (1, 1, 1), (0, 0), b"x",
                              flags=FLAG_TIMES),
            opencl.marker(flags=FLAG_TIMES)):
        queued, submit, start, end = opencl.TIMES.unpack_from(
            program.want(command))
        assert previous <= queued <= submit <= start <= end and queued > 0
        previous = queued


def test_a_response_without_room_ends_the_batch(program):
    """Of ten results there are as many as fit, and at least one."""
    program.good(opencl.buffer_create(1, 1000))
    commands = [opencl.read(1, 0, 1000)] * 10
    # Header of the response and of the answer, then results
    for capacity, count in (48 + 1016, 1), (48 + 3 * 1016 + 1015, 3):
        # A machine that is busy ends it earlier.
        answer = program.do(*commands, capacity=capacity)
        assert 1 <= len(answer.results) <= count
    # What has nothing to say needs room all the same: it could fail.
    before = program.next
    answer = program.do(*[opencl.marker()] * 10, capacity=48 + 4 * 16)
    assert answer.results == [] and program.next - before <= 4


def test_a_response_without_room_for_one_result(program):
    program.good(opencl.buffer_create(1, 1000))
    request = program.request([opencl.read(1, 0, 1000)])
    for capacity in 32, 47, 63, 64, 48 + 1015:
        status, why = program.refused(request, capacity=capacity)
        assert status == abi.VGPU_STUB_ERR_INVALID_LENGTH
        assert why.startswith("the response has no ro"[:capacity - 32])
    program.good(opencl.read(1, 0, 1000), capacity=48 + 1016)


def test_a_long_copy_ends_the_batch(program):
    """It is probably all that has time: 5 ms for each 5 MB."""
    size = 16 * MIB
    program.good(opencl.buffer_create(1, size), opencl.buffer_create(2, size))
    before = program.next
    program.do(*[opencl.copy(1, 2, 0, 0, size)] * 8)
    assert program.next == before + 1


# --- Who may ---

def test_no_permission(lone_worker, opencl_program):
    program = opencl_program(lone_worker(guest_kernels=False))
    status, why = program.refused(program.request([opencl.marker()]))
    assert status == abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION
    assert why == "this VM may not bring programs of its own"
    assert opencl_bit(program.worker) == 0
    # It may change while the program runs.
    program.worker.limit(True)
    assert opencl_bit(program.worker) == 1
    program.good(opencl.marker())


def opencl_bit(worker):
    """As GET_DEVICE_INFO says it"""
    _, results, _, _ = worker.do(operations.info())
    words = struct.unpack(f"<{len(results) // 4}I", results)
    assert len(words) == 16 and not any(words[8:15])
    return words[15]


def test_not_by_the_mailbox(program):
    status, _, why = program.worker.ask(program.request([opencl.marker()]))
    assert (status, why) == (abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                             b"the operation is one of the queue's alone")


def test_files_that_are_not_closed(lone_worker, opencl_program):
    program = opencl_program(lone_worker(closed=False))
    status, why = program.refused(program.request([opencl.marker()]))
    assert status == abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION
    assert "cannot keep its files" in why


def test_another_backend(lone_worker, opencl_program):
    program = opencl_program(lone_worker(backend="cpu"))
    status, why = program.refused(program.request([opencl.marker()]))
    assert (status, why) == (abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION,
                             "the backend cpu has no OpenCL")
    assert opencl_bit(program.worker) == 0
