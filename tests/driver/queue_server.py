# SPDX-License-Identifier: GPL-2.0-or-later
"""A fake mediator that serves the queue of a real guest, request by request.

A real one executes what it is given at once; this one keeps a request for as
long as the request says, or until its context is closed. Memory is as
docs/operations.md has it, each context's its own; copies are bulk. A request of
the opcode HOLD is answered after as many milliseconds as its param says; one of
the opcode DROP ends the link.
"""
import heapq
import select
import struct
import time

from support import abi, wire
from support.fake_queue_mediator import FakeQueueMediator
from support.server_thread import ServerThread

HOLD = 0x1001
DROP = 0x1002

INVALID = abi.VGPU_STUB_ERR_INVALID_REQUEST
NO_HANDLE = abi.VGPU_STUB_ERR_INVALID_HANDLE


def value(words):
    return words[0] | words[1] << 32


def take_apart(payload):
    """(opcode, params, data), or None: not a request"""
    if len(payload) < wire.REQUEST.size:
        return None
    version, opcode, _, count, offset, length = wire.REQUEST.unpack_from(payload)
    if version != abi.VGPU_STUB_PROTOCOL_VERSION or \
            wire.REQUEST.size + 4 * count > len(payload) or \
            offset + length > len(payload):
        return None
    params = struct.unpack_from(f"<{count}I", payload, wire.REQUEST.size)
    return opcode, params, payload[offset:offset + length]


class Memory:
    """What one context has"""

    def __init__(self):
        self.areas = {}
        self.last = 1 << 32
        self.read = False

    def allocate(self, params):
        if len(params) != 2 or not 0 < value(params) <= 64 << 20:
            return INVALID, [], None
        self.last += 1
        self.areas[self.last] = bytearray(value(params))
        return 0, [self.last & 0xffffffff, self.last >> 32], None

    def free(self, params):
        if len(params) != 2:
            return INVALID, [], None
        found = self.areas.pop(value(params), None) is not None
        return 0 if found else NO_HANDLE, [], None

    def copy(self, params, request):
        if len(params) != 6:
            return INVALID, [], None
        direction, length = params[:2]
        area, offset = self.areas.get(value(params[2:])), value(params[4:])
        if area is None:
            return NO_HANDLE, [], None
        if direction > 1 or length != request.bulk_length or \
                offset + length > len(area) or request.flags != 1 << direction:
            return INVALID, [], None
        if direction == abi.VGPU_STUB_COPY_FROM_DEVICE:
            self.read = True
            return 0, [], bytes(area[offset:offset + length])
        area[offset:offset + length] = request.bulk()
        return 0, [], None


class QueueServer(ServerThread):
    """Serves the device whose QEMU listens at `path`, while `with` lasts.
    `contexts` counts those that were opened, `open` are those that are, and of
    `working` ones memory was read: their program has had answers before."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.dropping = False
        self.contexts = 0
        self.open = 0
        self.working = 0

    def _serve(self):
        try:
            peer = FakeQueueMediator.accept(self.path)
        except (OSError, wire.Closed):
            time.sleep(0.05)
            return
        self.memory = {}
        self.held = []          # (when, sequence, request)
        with peer:
            try:
                while not self.stopping.is_set() and not self.dropping:
                    self._turn(peer)
            except (ConnectionError, wire.Closed):
                pass
        self.dropping = False
        self.open = self.working = 0

    def _turn(self, peer):
        wait = 0.05
        if self.held:
            wait = min(wait, max(0, self.held[0][0] - time.monotonic()))
        if select.select([peer.sock], [], [], wait)[0]:
            peer.sync()
        for context in peer.contexts.values():
            if context.number not in self.memory:
                self.contexts += 1
                self.memory[context.number] = Memory()
        peer.serve_all(small=64, large=4)
        self._begin(peer)
        self._release(peer)
        peer.finish_closing()
        self.open = len(peer.contexts)
        self.working = sum(self.memory[number].read for number in peer.contexts)

    def _begin(self, peer):
        held = {sequence for _, sequence, _ in self.held}
        for request in peer.requests:
            if request.sequence in held or request.context.closing:
                continue
            parts = take_apart(request.payload())
            if parts and parts[0] == DROP:
                self.dropping = True
                return
            delay = parts[1][0] / 1000 if parts and parts[0] == HOLD and \
                parts[1] else 0
            if delay:
                heapq.heappush(self.held, (time.monotonic() + delay,
                                           request.sequence, request))
            else:
                self._answer(peer, request, parts)

    def _release(self, peer):
        """Those whose time has come, and those that are cancelled"""
        kept = []
        for when, sequence, request in self.held:
            if request.context.closing:
                continue
            if request.cancelled:
                peer.answer(request, status=abi.VGPU_STUB_ERR_CANCELLED)
            elif when <= time.monotonic():
                self._answer(peer, request, take_apart(request.payload()))
            else:
                kept.append((when, sequence, request))
        heapq.heapify(kept)
        self.held = kept

    def _answer(self, peer, request, parts):
        if parts is None:
            status, results, bulk, data = INVALID, [], None, b"no request"
        else:
            data = parts[2] if parts[0] == abi.VGPU_STUB_OP_ECHO else b""
            status, results, bulk = self._operate(request, *parts[:2])
        response = wire.response(results, data, status)
        fields = {} if status or not request.bulk_length else \
            {"moved": request.bulk_length}
        if len(response) > request.response_capacity:
            response = response[:wire.RESPONSE.size]
            status = status or abi.VGPU_STUB_ERR_INVALID_LENGTH
            fields = {"moved": 0}
        peer.answer(request, response, bulk, status, **fields)

    def _operate(self, request, opcode, params):
        """Returns status, results, and bulk for the guest."""
        memory = self.memory[request.context.number]
        if opcode == abi.VGPU_STUB_OP_MEMORY_COPY:
            return memory.copy(params, request)
        if request.bulk_length and opcode != HOLD:
            return INVALID, [], None
        if request.flags == abi.VGPU_STUB_SUBMIT_BULK_TO_GUEST:
            return 0, [], b"\xa5" * request.bulk_length
        if opcode == abi.VGPU_STUB_OP_MEMORY_ALLOC:
            return memory.allocate(params)
        if opcode == abi.VGPU_STUB_OP_MEMORY_FREE:
            return memory.free(params)
        return 0, [], None
