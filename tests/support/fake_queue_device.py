# SPDX-License-Identifier: GPL-2.0-or-later
"""A device with a queue that a test plays for the mediator.

What it does by itself keeps the protocol; what a real device would not do, a
test sends as messages of its own.
"""
import fcntl
import itertools
import mmap
import os
import socket
from dataclasses import dataclass

from support import abi, wire
from support.arena import SEALS, Arena
from support.fake_device import DeviceLink, FakeDevice
from support.wait import PATIENCE
from support.wire import Message

RESERVED = (0,) * 6


class DeviceArena(Arena):
    """One that the mediator has made, which has to be a good one"""

    def __init__(self, fd, small, large, size):
        self.fd, self.small, self.large, self.size = fd, small, large, size
        assert size == small * abi.VGPU_STUB_ARENA_SMALL + \
            large * abi.VGPU_STUB_ARENA_LARGE == os.fstat(fd).st_size
        assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS == SEALS
        self._map = mmap.mmap(fd, size)


@dataclass
class Answer:
    """A QRESPONSE with what is in its place"""
    context: int                # number
    sequence: int
    request_id: int
    status: int
    payload: bytes
    bulk: bytes


@dataclass
class Place:
    """What a request that has no answer yet is in"""
    context: "DeviceContext"
    number: int
    capacity: int
    bulk_length: int


class DeviceContext:
    """A context that is served, or not any more"""

    def __init__(self, link, number, arena):
        self.link, self.number, self.arena = link, number, arena
        self.small = set(range(arena.small))
        self.large = set(range(arena.small, arena.small + arena.large))
        self.places = {}        # sequence → Place

    def request(self, payload, order=0, bulk=None, room=0, capacity=4096,
                flags=0, request_id=0):
        """The message of a request, which is in the arena then; its place is
        taken until the answer comes."""
        large = len(payload) > abi.VGPU_STUB_ARENA_SMALL_REQUEST or \
            capacity > abi.VGPU_STUB_ARENA_SMALL_RESPONSE or bulk or room
        place = (self.large if large else self.small).pop()
        sequence = next(self.link.sequences)
        self.arena.put_request(place, payload)
        if bulk:
            self.arena.put_bulk(place, bulk)
            flags |= abi.VGPU_STUB_SUBMIT_BULK_FROM_GUEST
        elif room:
            flags |= abi.VGPU_STUB_SUBMIT_BULK_TO_GUEST
        length = len(bulk or b"") or room
        self.places[sequence] = Place(self, place, capacity, length)
        return Message(abi.VGPU_STUB_MSG_QREQUEST, wire.QREQUEST.pack(
            self.number, order, place, len(payload), capacity, length, flags),
            request_id, sequence)

    def send(self, payload, **options):
        """Send it; its sequence."""
        message = self.request(payload, **options)
        self.link.send(message)
        return message.sequence

    def ask(self, payload, **options):
        """Send it, and wait for its answer, which is the next one."""
        sequence = self.send(payload, **options)
        answer = self.link.answer()
        assert answer.sequence == sequence
        return answer

    def cancel(self, sequence):
        return self.message(abi.VGPU_STUB_MSG_QCANCEL, sequence)

    def message(self, kind, sequence=None):
        return context_message(kind, self.number, sequence)

    def close(self):
        """Close it; the answers that came before CLOSED."""
        self.link.send(self.message(abi.VGPU_STUB_MSG_CONTEXT_CLOSE))
        return self.link.closed(self)

    def take(self, message):
        """The answer that the message is"""
        number, length, moved, *reserved = \
            wire.QRESPONSE.unpack(message.payload)
        place = self.places.pop(message.sequence)
        assert number == self.number and not any(reserved)
        assert length <= place.capacity and moved <= place.bulk_length
        assert message.flags == 0
        payload = self.arena.response(place.number, length)
        assert length < wire.RESPONSE.size or \
            wire.RESPONSE.unpack_from(payload)[1] == message.status
        bulk = self.arena.bulk(place.number, moved) if moved else b""
        (self.small if self.arena.is_small(place.number)
         else self.large).add(place.number)
        return Answer(self.number, message.sequence, message.request_id, message.status,
                      payload, bulk)


def context_message(kind, number, sequence=None, reserved=RESERVED):
    return Message(kind, wire.CONTEXT.pack(number, *reserved),
                   sequence=number if sequence is None else sequence)


class QueueLink(DeviceLink):
    """`contexts` by number: those that have an arena and are not closed."""

    def __init__(self, sock, timeout=PATIENCE):
        super().__init__(sock, timeout)
        self.sequences = itertools.count(1)
        self.contexts = {}
        self._arenas = []
        self._descriptors = []

    def close(self):
        super().close()
        for arena in self._arenas:
            arena.close()
        self._arenas.clear()

    def _read(self, count):
        """As a Peer's, with the descriptors that come along."""
        data = b""
        while len(data) < count:
            try:
                piece, fds, _, _ = socket.recv_fds(self.sock,
                                                   count - len(data), 1)
            except ConnectionResetError:
                piece, fds = b"", []
            if not piece:
                raise wire.Closed(f"after {len(data)} of {count} bytes")
            self._descriptors += fds
            data += piece
        return data

    def start_open(self):
        """Announce a context; its number."""
        number = next(self.sequences)
        self.send(context_message(abi.VGPU_STUB_MSG_CONTEXT_OPEN, number))
        return number

    def opened_by(self, message):
        """The context that is served with this message, an ARENA"""
        number, size, small, large, *reserved = \
            wire.ARENA.unpack(message.payload)
        assert message.sequence == number and not any(reserved)
        assert len(self._descriptors) == 1
        arena = DeviceArena(self._descriptors.pop(), small, large, size)
        self._arenas.append(arena)
        self.contexts[number] = DeviceContext(self, number, arena)
        return self.contexts[number]

    def opened(self, number):
        """The context, which has to be served with the next message."""
        context = self.opened_by(self.expect(abi.VGPU_STUB_MSG_ARENA))
        assert context.number == number
        return context

    def open(self):
        return self.opened(self.start_open())

    def forget(self, context):
        """It has ended, and its arena is not looked at again."""
        del self.contexts[context.number]
        self._arenas.remove(context.arena)
        context.arena.close()

    def refused(self, number):
        """With which status the next message refuses the context"""
        message = self.expect(abi.VGPU_STUB_MSG_REFUSED)
        assert message.payload == wire.CONTEXT.pack(number, *RESERVED)
        assert message.sequence == number
        return message.status

    def answer(self):
        """The next message, which is a QRESPONSE"""
        return self.take(self.expect(abi.VGPU_STUB_MSG_QRESPONSE))

    def take(self, message):
        number = wire.QRESPONSE.unpack(message.payload)[0]
        return self.contexts[number].take(message)

    def answers(self, count):
        return [self.answer() for _ in range(count)]

    def closed(self, context):
        """The answers that come before the context's CLOSED"""
        answers = []
        while True:
            message = self.receive()
            if message.type == abi.VGPU_STUB_MSG_CLOSED:
                break
            if message.type == abi.VGPU_STUB_MSG_QRESPONSE:
                answers.append(self.take(message))
            else:
                assert message.type == abi.VGPU_STUB_MSG_REFUSED, message
        assert message.payload == wire.CONTEXT.pack(context.number, *RESERVED)
        assert message.sequence == context.number
        assert not context.places
        self.forget(context)
        return answers


class FakeQueueDevice(FakeDevice):
    """A listening socket of a device with a queue"""

    def greet(self, version=abi.VGPU_STUB_WIRE_QUEUE, **hello):
        peer = QueueLink(self._connection())
        peer.send(wire.hello(protocol_version=version, **hello))
        welcome = peer.expect(abi.VGPU_STUB_MSG_WELCOME)
        assert wire.WELCOME.unpack(welcome.payload)[0] == \
            min(version, abi.VGPU_STUB_WIRE_QUEUE)
        return peer
