# SPDX-License-Identifier: GPL-2.0-or-later
"""A mediator that serves the queue as a test wants it.

It answers nothing by itself, in no order of its own, and refuses what the real
one refuses: a device that breaks the protocol fails the test.
"""
import socket
from dataclasses import dataclass, field

from support import abi, wire
from support.arena import Arena
from support.fake_mediator import FakeMediator
from support.wire import Message

FROM_GUEST = abi.VGPU_STUB_SUBMIT_BULK_FROM_GUEST
TO_GUEST = abi.VGPU_STUB_SUBMIT_BULK_TO_GUEST
WAITS = abi.VGPU_STUB_SUBMIT_WAITS
RESERVED = (0,) * 6


@dataclass
class QRequest:
    """A request that has no answer yet"""
    sequence: int
    request_id: int
    context: "Context"
    order: int
    place: int
    request_length: int
    response_capacity: int
    bulk_length: int
    flags: int
    cancelled: bool = False

    def payload(self):
        return self.context.arena.request(self.place, self.request_length)

    def bulk(self):
        return self.context.arena.bulk(self.place, self.bulk_length)


@dataclass
class Context:
    number: int
    arena: Arena = None
    refused: bool = False
    silent: bool = False        # refused, and the device knows
    closing: bool = False
    requests: dict = field(default_factory=dict)    # by sequence


class FakeQueueMediator(FakeMediator):
    """`contexts` are those that are open, by number; `requests` those that have
    no answer yet, in the order in which they came; `inbox` has the messages of
    the mailbox."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.contexts = {}
        self.inbox = []
        self._latest = 0            # sequence
        self._sequences = {}        # of each QREQUEST: its context's number
        self._cancelled = set()

    @classmethod
    def accept(cls, path, version=abi.VGPU_STUB_WIRE_QUEUE):
        """Connect and accept the device; its LINK is up on return."""
        peer = cls.greet(path)
        peer.send(wire.welcome(version))
        peer.sync()
        return peer

    def close(self):
        super().close()
        self._forget(*self.contexts)

    def _forget(self, *numbers):
        for number in numbers:
            context = self.contexts.pop(number)
            if context.arena:
                context.arena.close()

    @property
    def requests(self):
        return [request for _, request in sorted(
            (request.sequence, request) for context in self.contexts.values()
            for request in context.requests.values())]

    # What the device sends

    def sync(self):
        """Return when the device has taken everything sent before; what it has
        sent itself has been taken, too."""
        self.send(Message(abi.VGPU_STUB_MSG_PING, b"sync"))
        while True:
            message = self.receive()
            if message.type == abi.VGPU_STUB_MSG_PONG:
                assert message.payload == b"sync"
                break
            self._take(message)
        for context in self.contexts.values():
            context.silent = context.refused

    def _take(self, message):
        handler = self._HANDLERS.get(message.type)
        if handler is None:
            self.inbox.append(message)
            return
        assert (message.status, message.flags) == (0, 0), message
        assert len(message.payload) == 32, message
        handler(self, message)

    def _take_sequence(self, message):
        assert message.sequence > self._latest, "a sequence was used again"
        self._latest = message.sequence

    def _context_of(self, message):
        number, *reserved = wire.CONTEXT.unpack(message.payload)
        assert tuple(reserved) == RESERVED, message
        return number

    def _take_open(self, message):
        self._take_sequence(message)
        number = self._context_of(message)
        assert number == message.sequence
        self.contexts[number] = Context(number)

    def _take_close(self, message):
        number = self._context_of(message)
        assert number == message.sequence
        context = self.contexts[number]
        assert not context.closing
        context.closing = True

    def _take_request(self, message):
        self._take_sequence(message)
        number, *fields = wire.QREQUEST.unpack(message.payload)
        context = self.contexts[number]
        assert context.arena and not (context.silent or context.closing)
        request = QRequest(message.sequence, message.request_id, context,
                           *fields)
        check(request)
        context.requests[request.sequence] = request
        self._sequences[request.sequence] = number

    def _take_cancel(self, message):
        number = self._context_of(message)
        assert self._sequences[message.sequence] == number
        assert message.sequence not in self._cancelled, "cancelled twice"
        self._cancelled.add(message.sequence)
        context = self.contexts.get(number)
        assert context and not context.closing
        if message.sequence in context.requests:
            context.requests[message.sequence].cancelled = True

    def receive(self):
        message = super().receive()
        if message.type == abi.VGPU_STUB_MSG_RESET:
            self._forget(*self.contexts)
        elif message.type == abi.VGPU_STUB_MSG_REQUEST:
            self._take_sequence(message)
        return message

    _HANDLERS = {
        abi.VGPU_STUB_MSG_CONTEXT_OPEN: _take_open,
        abi.VGPU_STUB_MSG_CONTEXT_CLOSE: _take_close,
        abi.VGPU_STUB_MSG_QREQUEST: _take_request,
        abi.VGPU_STUB_MSG_QCANCEL: _take_cancel,
    }

    # What it says

    def serve(self, context, small=64, large=2):
        """Answer CONTEXT_OPEN with an arena."""
        assert context.arena is None and not context.refused
        context.arena = Arena(small, large)
        self.send_arena(context.number, context.arena.fd, small, large)

    def serve_all(self, **places):
        """Answer every CONTEXT_OPEN that has no answer."""
        for context in self.contexts.values():
            if context.arena is None and not context.refused:
                self.serve(context, **places)

    def send_arena(self, number, fd, small=64, large=2, **fields):
        """An ARENA with any descriptor, or None, and any bytes"""
        length = fields.pop("bytes", small * abi.VGPU_STUB_ARENA_SMALL +
                            large * abi.VGPU_STUB_ARENA_LARGE)
        message = Message(
            abi.VGPU_STUB_MSG_ARENA,
            wire.ARENA.pack(number, length, small, large, 0, 0),
            **{"sequence": number, **fields}).encode()
        fds = [] if fd is None else [fd]
        assert socket.send_fds(self.sock, [message], fds) == len(message)

    def _send_context(self, kind, number, status=0):
        self.send(Message(kind, wire.CONTEXT.pack(number, *RESERVED),
                          sequence=number, status=status))

    def refuse(self, context, status):
        """No, or not any more"""
        context.refused = True
        self._send_context(abi.VGPU_STUB_MSG_REFUSED, context.number, status)

    def end(self, context):
        """Nothing of it is left: CLOSED."""
        assert context.closing and not context.requests
        self._forget(context.number)
        self._send_context(abi.VGPU_STUB_MSG_CLOSED, context.number)

    def answer(self, request, response=b"", bulk=None, status=0,
               **fields):
        """A QRESPONSE, once. Bulk that goes to the guest is written; `moved`
        and `length` say other numbers than what there is."""
        del request.context.requests[request.sequence]
        arena = request.context.arena
        arena.put_response(request.place, response)
        if bulk is not None:
            arena.put_bulk(request.place, bulk)
        moved = fields.get("moved", len(bulk) if bulk is not None else
                           request.bulk_length if not status else 0)
        self.send(qresponse(request, fields.get("length", len(response)), moved,
                            status))

    def finish_closing(self):
        """Answer what is left of contexts that are closed, and say so."""
        for context in list(self.contexts.values()):
            if context.closing:
                for request in list(context.requests.values()):
                    self.answer(request, status=abi.VGPU_STUB_ERR_CANCELLED)
                self.end(context)


def qresponse(request, length=0, moved=0, status=0):
    """The QRESPONSE that answers a QRequest"""
    return Message(abi.VGPU_STUB_MSG_QRESPONSE,
                   wire.QRESPONSE.pack(request.context.number, length, moved,
                                       0, 0, 0, 0),
                   request.request_id, request.sequence, status)


def check(request):
    """Is it what docs/wire-protocol.md allows in its context?"""
    arena, others = request.context.arena, request.context.requests.values()
    assert request.place < arena.small + arena.large, request
    assert all(other.place != request.place for other in others), \
        f"{request}: its place is in use"
    room, response_room, bulk_room = arena.room(request.place)
    assert 1 <= request.request_length <= room, request
    assert wire.RESPONSE.size <= request.response_capacity \
        <= response_room, request
    assert request.bulk_length <= bulk_room, request
    assert request.flags in (0, FROM_GUEST, TO_GUEST, WAITS), request
    assert bool(request.bulk_length) == \
        (request.flags in (FROM_GUEST, TO_GUEST)), request
    assert sum(bool(other.flags & WAITS) for other in others) + \
        bool(request.flags & WAITS) <= abi.VGPU_STUB_QUEUE_WAITS_MAX, request
