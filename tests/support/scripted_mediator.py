# SPDX-License-Identifier: GPL-2.0-or-later
"""A fake mediator that does what each request tells it: slow, failing, gone.

A real mediator cannot be had to do that on demand. A request of the opcode
SCRIPT is answered with its data and the result [0], which counts the requests
that came. Its params are

    [0] the delay of the answer, in milliseconds
    [1] the status of the answer
    [2] what happens instead of an answer when a request with these data comes
        for the first time: 0 nothing, 1 it ends as that status and the next
        ones as NONE, 2 the link is lost, for that delay

Memory is copied as docs/operations.md says.
"""
import select
import socket
import struct
import time

from support import abi, kernel_list, wire
from support.fake_mediator import FakeMediator
from support.server_thread import ServerThread

SCRIPT = 0x1000
ONCE, DROP = 1, 2

# A page of LIST_KERNELS: as many as the mailbox holds
KERNEL_ROWS = 24

# A guest may end at any moment, also while it is answered.
GONE = (wire.Closed, ConnectionError)


def value(words):
    return words[0] | words[1] << 32


class ScriptedMediator(ServerThread):
    """Serves the device whose QEMU listens at `path`, while `with` lasts."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.count = 0
        self.opcodes = []       # of all requests, in their order
        self.cancelled = 0
        self.seen = set()
        self.memory = {}
        self.handles = 1 << 32  # the last one given

    def _serve(self):
        try:
            peer = FakeMediator.welcome(self.path)
        except (FileNotFoundError, socket.timeout, *GONE):
            time.sleep(0.05)
            return
        with peer:
            try:
                while self._serve_one(peer):
                    pass
            except GONE:
                pass

    def _arrives(self, peer, seconds):
        return bool(select.select([peer.sock], [], [], seconds)[0])

    def _serve_one(self, peer):
        """Returns False when the connection is to be closed."""
        if not self._arrives(peer, 0.1):
            return not self.stopping.is_set()
        message = peer.receive()
        if message.type == abi.VGPU_STUB_MSG_REQUEST:
            return self._answer(peer, message)
        if message.type == abi.VGPU_STUB_MSG_CANCEL:
            self.cancelled += 1     # of one that has just been answered
        return True

    def _answer(self, peer, message):
        _, opcode, _, params, offset, length = wire.REQUEST.unpack_from(
            message.payload)
        params = struct.unpack_from(f"<{params}I", message.payload,
                                    wire.REQUEST.size)
        data = message.payload[offset:offset + length]
        self.opcodes.append(opcode)
        if opcode == SCRIPT:
            return self._perform(peer, message, *params, data)
        status, results, data = self._operate(opcode, params, data)
        self._respond(peer, message, status, results, data)
        return True

    def _perform(self, peer, message, delay_ms, status, trick, data):
        self.count += 1
        first = data not in self.seen
        self.seen.add(data)
        if trick == DROP and first:
            peer.close()
            time.sleep(delay_ms / 1000)
            return False
        if trick == ONCE and not first:
            status = abi.VGPU_STUB_ERR_NONE
        if self._arrives(peer, delay_ms / 1000):
            # The device has one request at a time: nothing but its end
            peer.expect(abi.VGPU_STUB_MSG_CANCEL)
            self.cancelled += 1
            return True
        self._respond(peer, message, status, [self.count], data)
        return True

    def _operate(self, opcode, params, data):
        """Returns the status, results and data of another operation."""
        if opcode == abi.VGPU_STUB_OP_MEMORY_ALLOC:
            self.handles += 1
            handle = self.handles
            self.memory[handle] = bytearray(value(params))
            return 0, [handle & 0xffffffff, handle >> 32], b""
        if opcode == abi.VGPU_STUB_OP_MEMORY_FREE:
            if self.memory.pop(value(params), None) is None:
                return abi.VGPU_STUB_ERR_INVALID_HANDLE, [], b"no \x1bhandle"
            return 0, [], b""
        if opcode == abi.VGPU_STUB_OP_MEMORY_FREE_ALL:
            freed = sum(map(len, self.memory.values()))
            self.memory.clear()
            return 0, [freed, 0], b""
        if opcode == abi.VGPU_STUB_OP_MEMORY_COPY:
            return 0, [], self._copy(params, data)
        if opcode == abi.VGPU_STUB_OP_LIST_KERNELS:
            rows = list(kernel_list.catalogue())
            return 0, [len(rows)], kernel_list.encode(
                rows[params[0]:][:KERNEL_ROWS])
        if opcode == abi.VGPU_STUB_OP_GET_DEVICE_INFO:
            return 0, [1, 0xff, abi.VGPU_STUB_BACKEND_CPU, 5, 1, 6, 2, 4], \
                b"script"
        return 0, [], data

    def _copy(self, params, data):
        direction, length = params[:2]
        memory, offset = self.memory[value(params[2:])], value(params[4:])
        assert offset + length <= len(memory)
        if direction == abi.VGPU_STUB_COPY_FROM_DEVICE:
            return bytes(memory[offset:offset + length])
        if direction == abi.VGPU_STUB_COPY_WITHIN_DEVICE:
            source = self.memory[value(params[6:])]
            data = source[value(params[8:]):][:length]
        assert len(data) == length
        memory[offset:offset + length] = data
        return b""

    def _respond(self, peer, message, status, results, data):
        peer.send(wire.response_to(
            message, wire.response(results, data, status), status))
