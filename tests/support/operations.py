# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests as a guest sends them: docs/operations.md."""
import struct

from support import abi, wire

BUFFER = abi.VGPU_STUB_ARG_BUFFER
U32 = abi.VGPU_STUB_ARG_U32


def call(opcode, params=b"", data=b""):
    """A request; params are bytes, too."""
    return wire.REQUEST.pack(
        abi.VGPU_STUB_PROTOCOL_VERSION, opcode, 0, len(params) // 4,
        wire.REQUEST.size + len(params) if data else 0,
        len(data)) + params + data


def echo(data):
    return call(abi.VGPU_STUB_OP_ECHO, data=data)


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
