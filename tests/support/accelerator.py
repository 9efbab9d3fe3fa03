# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that computes, as the mediator sees it: memory and kernels."""
import struct

from support import abi, operations, wire

OK = abi.VGPU_STUB_ERR_NONE
NAME_SIZE = abi.VGPU_STUB_KERNEL_NAME_SIZE


class Error(Exception):
    """The status of an answer that is not OK, and its sentence."""


class Accelerator:
    """What a guest has of it, on one link."""

    def __init__(self, peer):
        self.peer = peer
        self.exec_us = 0        # of the latest answer

    def call(self, opcode, params=(), data=b""):
        answer, = self.peer.ask(
            operations.call(opcode, operations.words(*params), data))
        results, returned = operations.results(answer.payload)
        if answer.status != OK:
            raise Error(answer.status, returned.decode())
        self.exec_us = wire.RESPONSE.unpack_from(answer.payload)[5]
        return struct.unpack(f"<{len(results) // 4}I", results), returned

    def info(self):
        """The backend, the bytes that are allocated, the name."""
        results, name = self.call(abi.VGPU_STUB_OP_GET_DEVICE_INFO)
        return results[2], words64(results[5:7]), name.decode()

    def alloc(self, size):
        results, _ = self.call(abi.VGPU_STUB_OP_MEMORY_ALLOC, split64(size))
        return words64(results)

    def write(self, handle, data):
        for at in range(0, len(data), 968):
            piece = data[at:at + 968]
            self.call(abi.VGPU_STUB_OP_MEMORY_COPY,
                      (abi.VGPU_STUB_COPY_TO_DEVICE, len(piece),
                       *split64(handle), *split64(at)), piece)

    def read(self, handle, size):
        return b"".join(
            self.call(abi.VGPU_STUB_OP_MEMORY_COPY,
                      (abi.VGPU_STUB_COPY_FROM_DEVICE, min(992, size - at),
                       *split64(handle), *split64(at)))[1]
            for at in range(0, size, 992))

    def store(self, data):
        handle = self.alloc(len(data))
        self.write(handle, data)
        return handle

    def run(self, kernel, *args, program=0, length=0, size=(64, 1, 1)):
        """`size` is the global one. Returns the kernel's own time in µs."""
        data = kernel.encode().ljust(NAME_SIZE, b"\0")
        for kind, value in args:
            data += struct.pack("<IIQ", kind, 0, value)
        dimensions = max((i for i in range(3) if size[i] > 1), default=0) + 1
        self.call(abi.VGPU_STUB_OP_KERNEL,
                  (dimensions, *size, 0, 0, 0, *split64(program), length),
                  data)
        return self.exec_us

    def run_program(self, text, kernel, *args, **options):
        text = text.encode() + b"\0"
        return self.run(kernel, *args, program=self.store(text),
                        length=len(text), **options)


def split64(value):
    return value & 0xFFFFFFFF, value >> 32


def words64(words):
    return words[0] | words[1] << 32


def buffer(handle):
    return abi.VGPU_STUB_ARG_BUFFER, handle


def u32(value):
    return abi.VGPU_STUB_ARG_U32, value


def f32(value):
    return (abi.VGPU_STUB_ARG_F32,
            *struct.unpack("<I", struct.pack("<f", value)))


def u64(value):
    return abi.VGPU_STUB_ARG_U64, value


def f64(value):
    return (abi.VGPU_STUB_ARG_F64,
            *struct.unpack("<Q", struct.pack("<d", value)))
