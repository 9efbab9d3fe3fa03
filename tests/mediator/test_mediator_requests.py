# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests and their answers: docs/operations.md."""
import re
import struct
import time

import pytest

from support import abi, operations, wire
from support.fake_device import FakeDevice
from support.mediatord import Mediatord
from support.paths import ROOT

ECHO = abi.VGPU_STUB_OP_ECHO
NOP = abi.VGPU_STUB_OP_NOP
INFO = abi.VGPU_STUB_OP_GET_DEVICE_INFO
OPERATIONS = set(abi.names("VGPU_STUB_OP_").values())
# OPENCL has to be allowed, and an OpenCL device.
ANSWERED = OPERATIONS - {abi.VGPU_STUB_OP_OPENCL}

HEADER = 32
U32 = 0xFFFFFFFF


def pattern(size):
    return bytes((7 * i + 1) & 0xFF for i in range(size))


def request(opcode=ECHO, *args, **fields):
    return operations.request(opcode, *args, **fields)


def parse(payload):
    """A response's status, results, data and execution time."""
    (version, status, count, offset, length,
     exec_time_us) = wire.RESPONSE.unpack_from(payload)
    assert version == abi.VGPU_STUB_PROTOCOL_VERSION
    assert payload[24:HEADER] == bytes(8)
    assert offset == HEADER + 4 * count
    assert len(payload) == offset + length
    return status, payload[HEADER:offset], payload[offset:], exec_time_us


@pytest.fixture(scope="module")
def link(mediatord_bin, tmp_path_factory):
    """One link for all requests of this file: none of them may break it."""
    folder = tmp_path_factory.mktemp("requests")
    device = FakeDevice(folder / "vm.sock")
    with Mediatord(mediatord_bin, folder / "log", "--connect", device.path):
        with device.greet() as peer:
            yield peer
        device.close()


@pytest.fixture
def call(link):
    """call(payload): send a request, check its answer's frame, parse it."""
    def send(payload):
        sent = link.request(payload, request_id=0xC0FFEE)
        link.send(sent)
        answer = link.expect(abi.VGPU_STUB_MSG_RESPONSE)
        assert answer.request_id == sent.request_id
        assert answer.sequence == sent.sequence
        assert answer.flags == 0
        parts = parse(answer.payload)
        assert answer.status == parts[0]
        return parts
    return send


@pytest.mark.parametrize("size", range(HEADER, 1024 + 1, 31))
def test_echo(link, call, size):
    data = pattern(size - HEADER)
    assert call(request(ECHO, data, offset=HEADER, length=len(data)))[:3] == \
        (abi.VGPU_STUB_ERR_NONE, b"", data)


def test_echo_fills_the_buffer(link):
    data = pattern(992)
    answer, = link.ask(operations.echo(data))
    assert len(answer.payload) == 1024
    assert answer.payload[HEADER:] == data


GOOD = {
    "params": (request(params=3, body=pattern(12)), pattern(12), b""),
    "params up to the end": (request(params=248, body=pattern(992)),
                             pattern(992), b""),
    "params and data": (request(params=2, offset=40, length=5,
                                body=pattern(13)),
                        pattern(13)[:8], pattern(13)[8:]),
    "data after a gap": (request(offset=100, length=10, body=pattern(78)),
                         b"", pattern(78)[68:]),
    "bytes behind the data": (request(offset=32, length=3, body=pattern(60)),
                              b"", pattern(3)),
    "one byte at the end": (request(offset=1023, length=1,
                                    body=pattern(992)),
                            b"", pattern(992)[-1:]),
    "no data, offset after the header": (request(offset=32), b"", b""),
    "no data, offset at the end": (request(offset=1024, body=pattern(992)),
                                   b"", b""),
    "async": (request(flags=abi.VGPU_STUB_REQUEST_ASYNC), b"", b""),
    "boost": (request(flags=abi.VGPU_STUB_REQUEST_BOOST), b"", b""),
    "a later minor version": (request(version=0x0001FFFF), b"", b""),
}


@pytest.mark.parametrize("name", GOOD)
def test_layouts_of_echo(call, name):
    payload, results, data = GOOD[name]
    assert call(payload)[:3] == (abi.VGPU_STUB_ERR_NONE, results, data)


def test_nop(call):
    assert call(request(NOP))[:3] == (abi.VGPU_STUB_ERR_NONE, b"", b"")


def test_get_device_info(call):
    """It comes from a worker."""
    status, results, data, _ = call(request(INFO))
    assert (status, data) == (abi.VGPU_STUB_ERR_NONE, b"CPU")
    (accelerators, opcodes, backend, quota, allocated,
     units, *others) = struct.unpack("<3I2Q9I", results)
    assert (accelerators, backend) == (1, abi.VGPU_STUB_BACKEND_CPU)
    assert {op for op in range(32) if opcodes & 1 << op} == ANSWERED
    assert (quota, allocated) == (256 << 20, 0)
    assert units >= 1
    assert others == [0] * 8        # opcodes from 32 on


def test_execution_takes_no_longer_than_the_round_trip(call):
    before = time.monotonic()
    exec_time_us = call(request(ECHO))[3]
    assert exec_time_us <= (time.monotonic() - before) * 1e6


INVALID = abi.VGPU_STUB_ERR_INVALID_REQUEST
INVALID_LENGTH = abi.VGPU_STUB_ERR_INVALID_LENGTH
TOO_LARGE = abi.VGPU_STUB_ERR_REQUEST_TOO_LARGE
UNSUPPORTED = abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION

BAD = {
    "empty": (b"", INVALID_LENGTH),
    "one byte": (b"\0", INVALID_LENGTH),
    "31 zeros": (bytes(31), INVALID_LENGTH),
    "31 bytes of a header": (request()[:31], INVALID_LENGTH),
    "1025 bytes": (request(body=bytes(993)), TOO_LARGE),
    "1025 bytes of nonsense": (b"\xff" * 1025, TOO_LARGE),
    "65536 bytes": (request(body=bytes(65504)), TOO_LARGE),

    "zeros": (bytes(32), INVALID),
    "ones": (b"\xff" * 1024, INVALID),
    "version 0.1": (request(version=1), INVALID),
    "version 0.65535": (request(version=0xFFFF), INVALID),
    "version 2.0": (request(version=0x20000), INVALID),
    "version 257.0": (request(version=0x1010000), INVALID),
    "version in big-endian": (request(version=0x100), INVALID),
    "version 65535.65535": (request(version=U32), INVALID),

    "flags bit 2": (request(flags=4), INVALID),
    "flags bit 31": (request(flags=1 << 31), INVALID),
    "flags, a known and an unknown one": (request(flags=5), INVALID),
    "flags, all": (request(flags=U32), INVALID),
    "reserved[0] 1": (request(reserved=(1, 0)), INVALID),
    "reserved[1] 1": (request(reserved=(0, 1)), INVALID),
    "reserved[0] high bit": (request(reserved=(1 << 31, 0)), INVALID),
    "reserved, all": (request(reserved=(U32, U32)), INVALID),

    "a param behind the end": (request(params=1), INVALID),
    "a param that is cut": (request(params=1, body=bytes(3)), INVALID),
    "the last param is cut": (request(params=248, body=bytes(991)), INVALID),
    "249 params": (request(params=249, body=bytes(992)), INVALID),
    "params of 2^32 - 32 bytes": (request(params=0x3FFFFFF8), INVALID),
    "params of 2^32 bytes": (request(params=0x40000000), INVALID),
    "params of 2^32 + 4 bytes": (request(params=0x40000001,
                                         body=bytes(992)), INVALID),
    "2^31 params": (request(params=1 << 31), INVALID),
    "2^32 - 1 params": (request(params=U32, body=bytes(992)), INVALID),

    "data without offset": (request(length=1, body=bytes(8)), INVALID),
    "data over the version": (request(offset=1, length=1), INVALID),
    "data over the header's end": (request(offset=31, length=1,
                                           body=bytes(8)), INVALID),
    "data over the header and more": (request(offset=28, length=36,
                                              body=bytes(32)), INVALID),
    "data over the first param": (request(params=1, offset=32, length=4,
                                          body=bytes(8)), INVALID),
    "data over the last param": (request(params=2, offset=39, length=4,
                                         body=bytes(16)), INVALID),
    "data behind the end": (request(offset=32, length=1), INVALID),
    "one byte too many": (request(offset=32, length=993, body=bytes(992)),
                          INVALID),
    "offset behind the end": (request(offset=33, length=1), INVALID),
    "offset behind the end, no data": (request(offset=33), INVALID),
    "offset in the header, no data": (request(offset=31), INVALID),
    "offset in the params, no data": (request(params=1, offset=32,
                                              body=bytes(4)), INVALID),
    "offset far away": (request(offset=U32, length=1, body=bytes(992)),
                        INVALID),
    "length far too large": (request(offset=32, length=U32,
                                     body=bytes(992)), INVALID),
    "offset + length is 2^32": (request(offset=32, length=U32 - 31,
                                        body=bytes(992)), INVALID),
    "offset + length is 2^32 + 64": (request(offset=1024, length=U32 - 959,
                                             body=bytes(992)), INVALID),
    "offset and length of 2^31": (request(offset=1 << 31, length=1 << 31,
                                          body=bytes(992)), INVALID),
    "offset -1 and length 1": (request(offset=U32, length=1), INVALID),

    "NOP with a param": (request(NOP, bytes(4), params=1), INVALID),
    "NOP with data": (request(NOP, b"x", offset=32, length=1), INVALID),
    "GET_DEVICE_INFO with a param": (request(INFO, bytes(4), params=1),
                                     INVALID),
    "GET_DEVICE_INFO with data": (request(INFO, b"x", offset=32, length=1),
                                  INVALID),
    "an unknown opcode and a bad flag": (request(0x1234, flags=4), INVALID),
    "an unknown opcode and bad params": (request(0x1234, params=1), INVALID),
}
BAD.update({f"opcode {opcode:#x}": (request(opcode), UNSUPPORTED)
            for opcode in sorted(set(range(16)) - ANSWERED)
            + [0x100, 0xFFF, 0x1000, 0xFFFF, 0x10000, 0x10007, 0x70000, U32]})


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(call, name):
    payload, code = BAD[name]
    status, results, data, _ = call(payload)
    assert (status, results) == (code, b"")
    assert re.fullmatch(r"[ -~]+", data.decode("ascii"))
    # The next one is served as if nothing had happened.
    assert call(request(params=1, body=b"next"))[:2] == \
        (abi.VGPU_STUB_ERR_NONE, b"next")



def test_opcodes_in_the_documentation():
    text = (ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\| (0x[0-9A-F]{4}) \| \[([A-Z_]+)\]", text, re.M)
    assert {int(opcode, 0) for opcode, _ in rows} == OPERATIONS
    for opcode, name in rows:
        assert getattr(abi, f"VGPU_STUB_OP_{name}") == int(opcode, 0), name
