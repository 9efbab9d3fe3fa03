# SPDX-License-Identifier: GPL-2.0-or-later
"""Garbage of every kind to one daemon, which serves another VM all the while."""
import random
import struct
from types import SimpleNamespace

import pytest

from support import abi, wire
from support.fake_device import FakeDevice
from support.mediatord import Mediatord
from support.operations import (BUFFER, U32, alloc, argument, call, copy,
                                free, kernel, words)
from test_mediator_protocol import ANY_TIME, FIRST, LATER
from test_mediator_requests import BAD, parse

INVALID = abi.VGPU_STUB_ERR_INVALID_REQUEST
NO_HANDLE = abi.VGPU_STUB_ERR_INVALID_HANDLE
NO_KERNEL = abi.VGPU_STUB_ERR_UNKNOWN_KERNEL
NO_MEMORY = abi.VGPU_STUB_ERR_OUT_OF_MEMORY
UNSUPPORTED = abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION

U64 = 0xFFFFFFFFFFFFFFFF


def copy_from(length=4, handle=1, direction=abi.VGPU_STUB_COPY_FROM_DEVICE,
              **fields):
    return copy(direction, length, handle, **fields)


def copy_to(data):
    return copy(abi.VGPU_STUB_COPY_TO_DEVICE, 4, 1, data=data)


def copy_within(more=b""):
    return copy(abi.VGPU_STUB_COPY_WITHIN_DEVICE, 4, 1, more=more)


def vector_add(**fields):
    return kernel(b"vector_add", **fields)


BUFFERS = argument(BUFFER, 1) * 3
COUNT = argument(U32, 1)

FOR_WORKERS = {
    "ALLOC without a size": (call(2), INVALID),
    "ALLOC of half a size": (call(2, words(1)), INVALID),
    "ALLOC with a param too many": (call(2, words(1, 0, 0)), INVALID),
    "ALLOC with data": (call(2, words(1, 0), b"x"), INVALID),
    "ALLOC of nothing": (alloc(0), INVALID),
    "ALLOC of more than the quota": (alloc((256 << 20) + 1), NO_MEMORY),
    "ALLOC of 2^63": (alloc(1 << 63), NO_MEMORY),
    "ALLOC of 2^64 - 1": (alloc(U64), NO_MEMORY),
    "FREE of nothing": (call(3), INVALID),
    "FREE of half a handle": (call(3, words(1)), INVALID),
    "FREE of handle 0": (free(0), NO_HANDLE),
    "FREE of handle 1": (free(1), NO_HANDLE),
    "FREE of handle 2^64 - 1": (free(U64), NO_HANDLE),
    "COPY without params": (call(4), INVALID),
    "COPY with a param too few": (call(4, words(1, 4, 1, 0, 0)), INVALID),
    "COPY in direction 3": (copy_from(direction=3), INVALID),
    "COPY in direction 2^32 - 1": (copy_from(direction=2**32 - 1), INVALID),
    "COPY of nothing": (copy_from(0), INVALID),
    "COPY from an unknown buffer": (copy_from(), NO_HANDLE),
    "COPY from it of too much": (copy_from(993), INVALID),
    "COPY from it of 2^32 - 1": (copy_from(2**32 - 1), INVALID),
    "COPY from it with data": (copy_from(data=b"1234"), INVALID),
    "COPY to it without data": (copy_to(b""), INVALID),
    "COPY to it with less data": (copy_to(b"123"), INVALID),
    "COPY to it with more data": (copy_to(b"12345"), INVALID),
    "COPY to an unknown buffer": (copy_to(b"1234"), NO_HANDLE),
    "COPY within nothing": (copy_within(), INVALID),
    "COPY within unknown buffers": (copy_within(struct.pack("<2Q", 2, 0)),
                                    NO_HANDLE),
    "SYNCHRONIZE with a param": (call(6, words(1)), INVALID),
    "SYNCHRONIZE with data": (call(6, data=b"x"), INVALID),
    "KERNEL without params": (call(1), INVALID),
    "KERNEL without a name": (call(1, words(*[1] * 4, *[0] * 6)), INVALID),
    "KERNEL of half a name": (call(1, words(*[1] * 4, *[0] * 6), b"vector"),
                              INVALID),
    "KERNEL with no end of its name": (kernel(b"x" * 32), INVALID),
    "KERNEL with no name": (kernel(b""), INVALID),
    "KERNEL nobody knows": (kernel(b"vector_sub"), NO_KERNEL),
    "KERNEL of a path": (kernel(b"../vector_add"), INVALID),
    "KERNEL in 0 dimensions": (vector_add(dimensions=0), INVALID),
    "KERNEL in 4 dimensions": (vector_add(dimensions=4), INVALID),
    "KERNEL of size 0": (vector_add(size=(0, 1, 1)), INVALID),
    "KERNEL with a size in no dimension": (vector_add(size=(1, 2, 1)), INVALID),
    "KERNEL of 2^96 items": (vector_add(dimensions=3, size=(2**32 - 1,) * 3),
                             INVALID),
    "KERNEL with half a group": (vector_add(group=(1, 0, 0)), INVALID),
    "KERNEL with groups that do not fit": (
        vector_add(size=(3, 1, 1), group=(2, 1, 1)), INVALID),
    "KERNEL with huge groups": (
        vector_add(size=(2**32 - 1, 1, 1), group=(2**32 - 1, 1, 1)), INVALID),
    "KERNEL of the guest": (vector_add(program=1, length=1), UNSUPPORTED),
    "KERNEL with a length of no program": (vector_add(length=1), INVALID),
    "KERNEL with half an argument": (vector_add(arguments=bytes(8)), INVALID),
    "KERNEL with no arguments": (vector_add(), INVALID),
    "KERNEL with too few": (vector_add(arguments=COUNT * 3), INVALID),
    "KERNEL with too many": (vector_add(arguments=COUNT * 5), INVALID),
    "KERNEL with unknown types": (vector_add(arguments=argument(99, 0) * 4),
                                  INVALID),
    "KERNEL with types mixed up": (vector_add(arguments=COUNT * 4), INVALID),
    "KERNEL with reserved bits": (
        vector_add(arguments=argument(BUFFER, 1, 1) + BUFFERS[16:] + COUNT),
        INVALID),
    "KERNEL with unknown buffers": (vector_add(arguments=BUFFERS + COUNT),
                                    NO_HANDLE),
}

REQUESTS = {**BAD, **FOR_WORKERS}
BREACHES = {**FIRST, **ANY_TIME, **LATER}

_random = random.Random(1)
BREACHES.update({f"{size} random bytes": (_random.randbytes(size), None)
                 for size in (32, 33, 64, 1000, 5000)})


def test_there_is_enough_of_it():
    assert len(REQUESTS) + len(BREACHES) >= 150


@pytest.fixture(scope="module")
def served(mediatord_bin, tmp_path_factory):
    """A daemon, a link to it as VM 7 (.peer) and one as VM 8 (.other)."""
    folder = tmp_path_factory.mktemp("garbage")
    devices = [FakeDevice(folder / f"{vm}-0.sock") for vm in (7, 8)]
    with Mediatord(mediatord_bin, folder / "log", "--socket-dir",
                   folder) as daemon:
        with devices[0].greet() as peer, devices[1].greet() as other:
            yield SimpleNamespace(folder=folder, daemon=daemon, peer=peer,
                                  other=other)


@pytest.fixture(autouse=True)
def the_other_vm_is_served(request):
    """Before the garbage is answered, and after."""
    if "served" not in request.fixturenames:
        yield
        return
    other = request.getfixturevalue("served").other
    echo = wire.request(call(7, data=b"the other VM"))
    other.send(echo)
    yield
    other.send(echo)
    for _ in range(2):
        answer = other.expect(abi.VGPU_STUB_MSG_RESPONSE)
        assert parse(answer.payload)[:3] == (0, b"", b"the other VM")


@pytest.mark.parametrize("name", REQUESTS)
def test_request(served, name):
    """It is answered with the one code that is right, and a sentence."""
    payload, code = REQUESTS[name]
    served.peer.send(wire.request(payload, 9))
    answer = served.peer.expect(abi.VGPU_STUB_MSG_RESPONSE)
    status, results, sentence, _ = parse(answer.payload)
    assert (answer.sequence, answer.status, status) == (9, code, code), \
        sentence
    assert results == b"" and sentence.decode("ascii").isprintable()


@pytest.mark.parametrize("name", BREACHES)
def test_breach_of_the_protocol(served, name):
    """It ends its own link, nothing else; each has a socket of its own."""
    number = list(BREACHES).index(name)
    device = FakeDevice(served.folder / f"7-{number + 1}.sock")
    with device.accept() as peer:
        if name in LATER:
            peer.send(wire.hello())
            peer.expect(abi.VGPU_STUB_MSG_WELCOME)
        peer.send(BREACHES[name][0])
        peer.expect_closed()
    device.remove()
    served.daemon.wait_log(f"{device.path}: .*closed, protocol violation")
