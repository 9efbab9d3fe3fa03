# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's program that uses OpenCL, with a worker of its own."""
import struct

from support import abi, opencl, operations


class OpenclProgram:
    """Numbers its commands, and takes each batch's answer before the next."""

    def __init__(self, worker):
        self.worker = worker
        self.next = 0
        self.printed = b""

    def request(self, commands):
        """The request that is the next one"""
        return operations.call(opencl.OP_OPENCL,
                               data=opencl.batch(self.next, commands))

    def do(self, *commands, **options):
        """The answer to one batch, which may be cut"""
        status, results, data, moved = self.worker.do(
            self.request(commands), **options)
        assert (status, results) == (abi.VGPU_STUB_ERR_NONE, b""), data
        answer = opencl.Answer.parse(data)
        assert self.next < answer.next <= self.next + len(commands)
        assert all(self.next <= result.number < answer.next
                   for result in answer.results)
        self.next = answer.next
        self.printed += answer.output
        self.moved = moved
        return answer

    def all(self, *commands, **options):
        """The results of all commands, in as many batches as it takes"""
        results, first = [], self.next
        while self.next - first < len(commands):
            results += self.do(*commands[self.next - first:], **options).results
        return results

    def good(self, *commands, **options):
        """None of them fails; the payloads that there are"""
        results = self.all(*commands, **options)
        assert all(result.status == 0 for result in results), results
        return [result.payload for result in results]

    def want(self, *commands, **options):
        """The payload of the only one that has any"""
        payload, = self.good(*commands, **options)
        return payload

    def fails(self, command, **options):
        """The error of a command"""
        result, = self.all(command, **options)
        assert result.status < 0, result
        return result.status

    def refused(self, payload, **options):
        """Status and sentence of a request that is refused"""
        status, results, data, _ = self.worker.do(payload, **options)
        assert status != abi.VGPU_STUB_ERR_NONE and results == b""
        return status, data.decode("ascii")

    # Programs

    def source(self, number, source):
        """A program that nothing was made of"""
        self.good(opencl.program_create(number, len(source)))
        for at in range(0, len(source), 60000):
            self.good(opencl.program_source(number, source[at:at + 60000],
                                            at))

    def compile(self, number, source, options=b""):
        """Build a program; its result."""
        self.source(number, source)
        return self.result(opencl.build(number, options))

    def result(self, command):
        """What a build, a compilation or a link says"""
        result, = self.do(command).results
        return result

    def build(self, number, source, options=b""):
        """Build a good one; what its kernels take."""
        result = self.compile(number, source, options)
        assert result.status == 0, self.log(number, result)
        return self.kernels(number, result)

    def kernels(self, number, result):
        _, _, _, size = opencl.BUILD.unpack(result.payload)
        return opencl.kernels(self.text(number, opencl.READ_KERNELS, size))

    def log(self, number, result):
        """What the compiler has said in this build"""
        _, _, size, _ = opencl.BUILD.unpack(result.payload)
        return self.text(number, opencl.READ_LOG, size).decode()

    def text(self, number, what, size, step=48 << 10):
        return b"".join(
            self.want(opencl.program_read(number, what, at,
                                          min(step, size - at)))
            for at in range(0, size, step))

    # Buffers of numbers

    def ints(self, number, values):
        """Make a buffer of them."""
        data = struct.pack(f"<{len(values)}i", *values)
        self.good(opencl.buffer_create(number, len(data)),
                  opencl.write(number, 0, data))

    def get_ints(self, number, count):
        data = self.want(opencl.read(number, 0, 4 * count))
        return list(struct.unpack(f"<{count}i", data))
