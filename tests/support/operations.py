# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests as a guest sends them: docs/operations.md."""
import struct

from support import abi, wire

BUFFER = abi.VGPU_STUB_ARG_BUFFER
U32 = abi.VGPU_STUB_ARG_U32


def words(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def request(opcode, body=b"", *, version=abi.VGPU_STUB_PROTOCOL_VERSION,
            flags=0, params=0, offset=0, length=0, reserved=(0, 0)):
    """Any request: the header's fields and what follows it, as they are given."""
    return words(version, opcode, flags, params, offset, length,
                 *reserved) + body


def call(opcode, params=b"", data=b"", **fields):
    """A request that is laid out well; params are bytes, too."""
    return request(opcode, params + data, params=len(params) // 4,
                   offset=wire.REQUEST.size + len(params) if data else 0,
                   length=len(data), **fields)


def nop():
    return call(abi.VGPU_STUB_OP_NOP)


def info():
    return call(abi.VGPU_STUB_OP_GET_DEVICE_INFO)


def synchronize(data=b""):
    """The least that a worker is needed for"""
    return call(abi.VGPU_STUB_OP_SYNCHRONIZE, data=data)


def echo(data=b""):
    return call(abi.VGPU_STUB_OP_ECHO, data=data)


def list_kernels(first=0):
    return call(abi.VGPU_STUB_OP_LIST_KERNELS, words(first))


def alloc(size):
    return call(abi.VGPU_STUB_OP_MEMORY_ALLOC, struct.pack("<Q", size))


def free(handle):
    return call(abi.VGPU_STUB_OP_MEMORY_FREE, struct.pack("<Q", handle))


def copy(direction, length, handle, offset=0, more=b"", data=b""):
    return call(abi.VGPU_STUB_OP_MEMORY_COPY,
                struct.pack("<2I2Q", direction, length, handle, offset) + more,
                data)


def argument(kind, value, reserved=0):
    return struct.pack("<2IQ", kind, reserved, value)


def kernel(name, arguments=b"", dimensions=1, size=(1, 1, 1),
           group=(0, 0, 0), program=0, length=0):
    return call(abi.VGPU_STUB_OP_KERNEL,
                struct.pack("<7IQI", dimensions, *size, *group, program,
                            length), name.ljust(32, b"\0") + arguments)


def reduce(source, target, count):
    """Adds up `count` numbers: a kernel that takes as long as one likes."""
    return kernel(b"reduce", argument(BUFFER, source) +
                  argument(BUFFER, target) + argument(U32, count) +
                  argument(U32, 1))


def results(payload):
    """The results in a response's payload, as bytes, and its data."""
    count = wire.RESPONSE.unpack_from(payload)[2]
    end = wire.RESPONSE.size + 4 * count
    return payload[wire.RESPONSE.size:end], payload[end:]
