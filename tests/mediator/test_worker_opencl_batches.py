# SPDX-License-Identifier: GPL-2.0-or-later
"""Batches of OpenCL's commands that are malformed: nothing of them happens."""
import struct

import pytest

from support import abi, opencl, operations
from support.opencl import ARG_LOCAL, ARG_OBJECT, FLAG_BULK, FLAG_TIMES

CREATE = opencl.buffer_create(1, 16)
MARKER = opencl.marker()
BULK = bytes(64)
INVALID = abi.VGPU_STUB_ERR_INVALID_REQUEST


def name(name, **changes):
    """The command of that name, all fields 0 but `changes` by index"""
    opcode, layout = opencl.COMMANDS[name]
    fields = [0] * len(layout.unpack(bytes(layout.size)))
    tail, flags = changes.pop("tail", b""), changes.pop("flags", 0)
    for index, value in changes.items():
        fields[int(index[1:])] = value
    return opencl.raw(opcode, layout.pack(*fields) + tail, flags)


def one(command):
    return opencl.batch(0, [command])


# What the data are, why they are refused, and the bulk from the guest and to it
CASES = {
    "nothing": (b"", "shorter than its header"),
    "half a header": (bytes(15), "shorter than its header"),
    "no commands": (opencl.batch(0, []), "1 to 64 commands"),
    "65 commands": (opencl.batch(0, [MARKER] * 65), "1 to 64 commands"),
    "2^32 - 1 commands": (opencl.batch(0, [MARKER], count=2**32 - 1),
                          "1 to 64 commands"),
    "reserved": (opencl.batch(0, [MARKER], reserved=1),
                 "reserved is not 0"),
    "one command too few": (opencl.batch(0, [CREATE, MARKER], count=1),
                            "after the last command"),
    "one command too many": (opencl.batch(0, [CREATE, MARKER], count=3),
                             "command 2: it is not there"),
    "half a command": (opencl.batch(0, [CREATE, MARKER])[:-9],
                       "command 1: it is not there"),
    "data behind": (one(MARKER) + bytes(8), "after the last command"),
    "opcode 0": (one(opencl.raw(0, bytes(8))), "no opcode 0"),
    "an opcode that is too high": (one(opencl.raw(255, bytes(8))),
                                   "no opcode 255"),
    "the highest opcode": (one(opencl.raw(0xffff, bytes(8))),
                           "no opcode 65535"),
    "a length of 0": (one(opencl.raw(21, bytes(8), length=0)),
                      "command 0: its length is not 16 to 16 bytes"),
    "a header's length": (one(opencl.raw(21, bytes(8), length=8)),
                          "its length is not"),
    "a length that is too large": (one(opencl.raw(21, bytes(8), length=17)),
                                   "it leaves the data"),
    "the largest length": (one(opencl.raw(21, bytes(8), length=2**32 - 1)),
                           "it leaves the data"),
    "a tail where there is none": (one(opencl.raw(21, bytes(16))),
                                   "its length is not"),
    "a second command that is wrong": (
        opencl.batch(0, [CREATE, opencl.raw(99)]), "command 1: there is no"),
    "a name that is too long": (one(name("KERNEL_CREATE", tail=bytes(1025))),
                                "its length is not"),
    "a pattern that is too long": (one(name("BUFFER_FILL", tail=bytes(129))),
                                   "its length is not"),
    "an unknown flag": (one(name("BUFFER_READ", flags=4)), "a flag that it"),
    "times of a query": (one(name("DEVICE_INFO", flags=FLAG_TIMES)),
                         "a flag that it"),
    "bulk of a copy": (one(name("BUFFER_COPY", flags=FLAG_BULK)),
                       "a flag that it", 64, 0),
    # Fields that are reserved, or not the kind's
    "a device": (one(name("DEVICE_INFO", f0=1)), "reserved"),
    "a marker's id": (one(name("MARKER", f0=1)), "reserved"),
    "a marker's": (one(name("MARKER", f1=1)), "reserved"),
    "a buffer's": (one(name("BUFFER_CREATE", f1=1)), "reserved"),
    "a range's": (one(name("BUFFER_FILL", f1=1)), "reserved"),
    "a rectangle's": (one(name("BUFFER_READ_RECT", f1=1)), "reserved"),
    "formats'": (one(name("IMAGE_FORMATS", f1=1)), "reserved"),
    "an image's": (one(name("IMAGE_CREATE", f5=1)), "reserved"),
    "a part's": (one(name("IMAGE_READ", f1=1)), "reserved"),
    "a fill's": (one(name("IMAGE_FILL", f1=1)), "reserved"),
    "a program's": (one(name("PROGRAM_CREATE", f1=1)), "reserved"),
    "a link of nothing": (one(name("PROGRAM_LINK", tail=bytes(4))),
                          "1 to 256 programs"),
    "a link of too many": (
        one(name("PROGRAM_LINK", f1=257, tail=bytes(4 * 257))),
        "1 to 256 programs"),
    "a link without its programs": (
        one(name("PROGRAM_LINK", f1=2, tail=bytes(7))), "ids are not there"),
    "a text that there is not": (one(name("PROGRAM_READ", f1=2)),
                                 "no text 2"),
    "a kind that there is not": (one(name("KERNEL_ARG", f2=3)),
                                 "no kind 3 of argument"),
    "a value with an object": (one(name("KERNEL_ARG", f3=1)), "does not have"),
    "a value with local memory": (one(name("KERNEL_ARG", f4=1)),
                                  "does not have"),
    "local memory with a value": (
        one(name("KERNEL_ARG", f2=ARG_LOCAL, tail=b"x")), "does not have"),
    "an object with a value": (
        one(name("KERNEL_ARG", f2=ARG_OBJECT, tail=b"x")), "does not have"),
    "no dimension": (one(name("KERNEL_LAUNCH")), "dimensions are not 1 to 3"),
    "four dimensions": (one(name("KERNEL_LAUNCH", f1=4)),
                        "dimensions are not 1 to 3"),
    "an offset in what is no dimension": (
        one(name("KERNEL_LAUNCH", f1=2, f4=1)), "reserved"),
    "a size in what is no dimension": (
        one(name("KERNEL_LAUNCH", f1=1, f6=1)), "reserved"),
    "a group in what is no dimension": (
        one(name("KERNEL_LAUNCH", f1=2, f10=1)), "reserved"),
    # Sizes that are not those of the data
    "less data than it writes": (one(name("BUFFER_WRITE", f3=2, tail=b"x")),
                                 "not that of its data"),
    "more data than it writes": (one(name("BUFFER_WRITE", f3=1, tail=b"xy")),
                                 "not that of its data"),
    "data of another rectangle": (
        one(name("BUFFER_WRITE_RECT", f5=2, f6=2, f7=2, tail=bytes(9))),
        "not that of its data"),
    "a rectangle without end": (
        one(name("BUFFER_READ_RECT", f5=2**32, f6=2**32, f7=1)),
        "more bytes than there are"),
    "a rectangle of 2^64 and one byte": (
        one(name("BUFFER_READ_RECT", f5=2**21, f6=2**22, f7=2**22)),
        "more bytes than there are"),
    "a source of another size": (
        one(name("PROGRAM_SOURCE", f3=2**64 - 1, tail=b"x")),
        "not that of its data"),
    "pixels of another size": (
        one(name("IMAGE_WRITE", f8=2**64 - 1, tail=b"x")),
        "not that of its data"),
    "too many pixels to read": (one(name("IMAGE_READ", f8=49153)),
                                "more than 49152 bytes without bulk"),
    "times of an image's creation": (one(name("IMAGE_CREATE",
                                              flags=FLAG_TIMES)),
                                     "a flag that it"),
    "bulk of pixels the other way": (
        one(name("IMAGE_READ", f8=64, flags=FLAG_BULK)),
        "its bulk did not come with it", 64, 0),
    "bulk of other pixels": (one(name("IMAGE_WRITE", f8=65, flags=FLAG_BULK)),
                             "not that of its data", 64, 0),
    "too much to read": (one(name("BUFFER_READ", f3=49153)),
                         "more than 49152 bytes without bulk"),
    "too much of a rectangle": (
        one(name("BUFFER_READ_RECT", f5=49153, f6=1, f7=1)),
        "more than 49152 bytes without bulk"),
    "too much of a program": (one(name("PROGRAM_READ", f3=49153)),
                              "more than 49152 bytes"),
    # Bulk
    "no bulk": (one(name("BUFFER_WRITE", f3=64, flags=FLAG_BULK)),
                "its bulk did not come with it"),
    "bulk the other way": (one(name("BUFFER_WRITE", f3=64, flags=FLAG_BULK)),
                           "its bulk did not come with it", 0, 64),
    "bulk the other way, too": (
        one(name("BUFFER_READ", f3=64, flags=FLAG_BULK)),
        "its bulk did not come with it", 64, 0),
    "bulk of another size": (one(name("BUFFER_WRITE", f3=65, flags=FLAG_BULK)),
                             "not that of its data", 64, 0),
    "room of another size": (one(name("BUFFER_READ", f3=63, flags=FLAG_BULK)),
                             "not that of its data", 0, 64),
    "bulk and a tail": (
        one(name("BUFFER_WRITE", f3=64, flags=FLAG_BULK, tail=b"x" * 64)),
        "data beside its bulk", 64, 0),
    "bulk that nobody takes": (one(MARKER), "does not take the bulk", 64, 0),
    "room that nobody fills": (one(MARKER), "does not take the bulk", 0, 64),
    "bulk that is not the last": (
        opencl.batch(0, [name("BUFFER_WRITE", f3=64, flags=FLAG_BULK),
                         MARKER]), "is not the last", 64, 0),
    "bulk for two": (
        opencl.batch(0, [name("BUFFER_WRITE", f3=64, flags=FLAG_BULK)] * 2),
        "is not the last", 64, 0),
}


@pytest.fixture(scope="module")
def victim(mediatord_bin, opencl_root, lone_worker_class):
    """One worker for all of them, which has not executed anything"""
    with lone_worker_class(mediatord_bin.with_name("vgpu-worker"),
                           opencl_root) as worker:
        yield worker
        status, _, data, _ = worker.do(operations.call(
            opencl.OP_OPENCL, data=opencl.batch(0, [CREATE])))
        answer = opencl.Answer.parse(data)
        assert (status, answer.next) == (0, 1) and worker.held == 4096


@pytest.mark.parametrize("case", CASES)
def test_malformed(victim, case):
    data, reason, *bulk = CASES[case]
    sent, room = bulk or (0, 0)
    status, results, why, moved = victim.do(
        operations.call(opencl.OP_OPENCL, data=data), bulk=bytes(sent),
        room=room)
    assert (status, results, moved) == (INVALID, b"", b"")
    assert reason in why.decode("ascii"), why


def test_params(victim):
    status, _, why, _ = victim.do(operations.call(
        opencl.OP_OPENCL, struct.pack("<I", 0), one(CREATE)))
    assert (status, why) == (INVALID, b"param_count: not 0")


def test_a_command_that_waits(victim):
    """The queue's flag for operations that wait for another side"""
    payload = operations.call(opencl.OP_OPENCL, data=one(CREATE))
    place = victim.submit(payload, flags=abi.VGPU_STUB_SUBMIT_WAITS)
    status, _, why, _ = victim.complete(place)
    assert (status, why) == (INVALID, b"flags: the operation does not wait")


@pytest.mark.parametrize("shift", range(1, 8))
def test_data_anywhere(victim, shift):
    """Commands are at multiples of 8 from where the data begin."""
    data = opencl.batch(7, [CREATE])
    status, _, answer, _ = victim.do(operations.request(
        opencl.OP_OPENCL, bytes(shift) + data, offset=32 + shift,
        length=len(data)))
    assert (status, opencl.Answer.parse(answer)) == \
        (0, opencl.Answer(0, [], b""))


def test_the_last_command_needs_no_padding(victim):
    data = opencl.BATCH.pack(7, 1, 0) + opencl.write(1, 0, b"x" * 5)
    status, _, answer, _ = victim.do(operations.call(opencl.OP_OPENCL,
                                                     data=data))
    assert (status, opencl.Answer.parse(answer).next) == (0, 0)
