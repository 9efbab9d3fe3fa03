# SPDX-License-Identifier: GPL-2.0-or-later
"""Random use of a queue by its driver and its mediator, good and bad, with a
model that knows how each submission may end."""
import random
from collections import Counter
from dataclasses import dataclass, field

from support import abi
from support.abi import (VGPU_STUB_ERR_CANCELLED as CANCELLED,
                         VGPU_STUB_ERR_CONTEXT_LOST as CONTEXT_LOST,
                         VGPU_STUB_ERR_INVALID_LENGTH as INVALID_LENGTH,
                         VGPU_STUB_ERR_INVALID_REQUEST as INVALID_REQUEST,
                         VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE as UNAVAILABLE,
                         VGPU_STUB_ERR_NONE as NONE,
                         VGPU_STUB_ERR_QUEUE_FULL as QUEUE_FULL,
                         VGPU_STUB_ERR_REQUEST_TOO_LARGE as TOO_LARGE,
                         VGPU_STUB_SUBMIT_BULK_FROM_GUEST as FROM_GUEST,
                         VGPU_STUB_SUBMIT_BULK_TO_GUEST as TO_GUEST,
                         VGPU_STUB_SUBMIT_CANCEL as CANCEL,
                         VGPU_STUB_SUBMIT_CLOSE as CLOSE,
                         VGPU_STUB_SUBMIT_WAITS as WAITS)
from support.device import PCI_COMMAND, PCI_COMMAND_MEMORY_MASTER
from support.ring import CQ_EVENT, OFF, ON, SEGMENT, Submission

SMALL_ROOM = 4096
LARGE_ROOM = 0x10000
BULK_ROOM = abi.VGPU_STUB_QUEUE_TRANSFER_MAX
CONTEXTS = 4
ORDERS = 3
NOWHERE = 0xe0000000        # the device itself


@dataclass
class Room:
    """Memory of one submission at a time"""
    request: int
    response: int
    capacity: int
    segments: int = 0
    bulk: int = 0


@dataclass
class Life:
    """What may have happened to a context since it was closed the last time"""
    excuses: set = field(default_factory=set)   # statuses that came with it
    latest_sent: dict = field(default_factory=dict)     # by order
    latest_done: dict = field(default_factory=dict)


@dataclass
class Asked:
    """A submission that is pending"""
    submission: Submission
    life: Life
    allowed: set                # statuses, whatever the mediator says
    room: Room = None
    answer: tuple = None        # the mediator's: status, response, bulk
    bulk: int = 0               # bytes


def pattern(seed, length):
    return (seed.to_bytes(8, "little") * (length // 8 + 1))[:length]


class RandomUse:
    """Each action is one of the driver's or of the mediator's."""

    def __init__(self, queue, seed):
        self.queue, self.driver = queue, queue.driver
        self.dice = random.Random(seed)
        self.actions = 0
        self.ended = 0              # submissions, whatever with
        self.statuses = Counter()   # of those that have a completion
        self.asked = {}             # by user_data
        self.lives = {}             # by the driver's number of the context
        self.closing = set()        # whose close has not completed
        ram = queue.ram
        self.small = [Room(ram.room(SMALL_ROOM), ram.room(SMALL_ROOM),
                           SMALL_ROOM) for _ in range(256)]
        self.large = [Room(ram.room(LARGE_ROOM), ram.room(LARGE_ROOM),
                           LARGE_ROOM, ram.room(4096), ram.room(BULK_ROOM))
                      for _ in range(6)]

    def run(self, actions):
        """So many random actions; then all that is pending ends."""
        names, weights = zip(*self.WEIGHTS.items())
        end = self.actions + actions
        while self.actions < end:
            for name in self.dice.choices(names, weights, k=64):
                getattr(self, name)()
                self.actions += 1
        self.drain()

    WEIGHTS = {
        "ask_small": 400, "ask_large": 30, "ask_wrong": 30, "ask_waits": 10,
        "cancel": 30, "close": 10,
        "kick": 120, "needless_doorbell": 5, "take": 80, "cq_event": 20,
        "turn": 120, "serve": 60, "answer": 300, "finish_closing": 20,
        "refuse": 2, "lose_context": 2,
        "mailbox": 5,
        "off_and_on": 1, "reset": 1, "lose_link": 1, "pause": 1,
        "bus_mastering": 1,
    }

    # The driver's

    def life(self, context):
        return self.lives.setdefault(context, Life())

    def _ask(self, submission, allowed, room=None, bulk=0):
        """Put it into the ring, if it has room."""
        if not self.driver.free():
            self._give_back(room)
            return
        if submission.context in self.closing:
            allowed = allowed | {INVALID_REQUEST}
        submission.user_data = \
            0xabcd << 32 | self.driver.next_user_data
        self.driver.next_user_data += 1
        if room and room.segments and submission.flags & FROM_GUEST:
            self.queue.ram.write(room.bulk,
                                 pattern(submission.user_data, bulk))
        if room:
            payload = pattern(submission.user_data, submission.request_length)
            self.queue.ram.write(submission.request, payload)
        self.driver.put(submission)
        self.asked[submission.user_data] = Asked(
            submission, self.life(submission.context), allowed, room, None,
            bulk)

    def _give_back(self, room):
        if room:
            (self.large if room.segments else self.small).append(room)

    def _somewhere(self):
        return dict(context=self.dice.randrange(CONTEXTS),
                    order=self.dice.randrange(ORDERS))

    def ask_small(self, flags=0):
        if not self.small:
            return
        room = self.small.pop()
        self._ask(Submission(
            request=room.request, response=room.response, flags=flags,
            request_length=self.dice.choice((8, 64, 1000, SMALL_ROOM)),
            response_capacity=self.dice.choice((32, 64, SMALL_ROOM)),
            **self._somewhere()), {QUEUE_FULL} if flags else set(), room)

    def ask_waits(self):
        self.ask_small(WAITS)       # may be too many

    def ask_large(self):
        if not self.large:
            return
        room = self.large.pop()
        flags = self.dice.choice((0, FROM_GUEST, TO_GUEST))
        bulk = self.dice.choice((1, 4096, 70000, BULK_ROOM)) if flags else 0
        pieces = self._pieces(room.bulk, bulk)
        self.queue.ram.write(room.segments, b"".join(
            SEGMENT.pack(address, length, 0) for address, length in pieces))
        self._ask(Submission(
            request=room.request, response=room.response,
            request_length=self.dice.choice((8, LARGE_ROOM)),
            response_capacity=self.dice.choice((64, LARGE_ROOM)),
            segments=room.segments, segment_count=len(pieces), flags=flags,
            **self._somewhere()), set(), room, bulk)

    def _pieces(self, address, length):
        if not length:
            return []
        size = max(self.dice.choice((4096, 8192, 100000, BULK_ROOM)),
                   -(-length // 256))
        return [(address + at, min(size, length - at))
                for at in range(0, length, size)]

    def ask_wrong(self):
        fields, status = self.dice.choice((
            (dict(request_length=0), INVALID_LENGTH),
            (dict(request_length=0x10001), TOO_LARGE),
            (dict(response_capacity=31), INVALID_LENGTH),
            (dict(response_capacity=2**31), TOO_LARGE),
            (dict(segment_count=3), INVALID_LENGTH),
            (dict(flags=1 << self.dice.randrange(5, 32)), INVALID_REQUEST),
            (dict(flags=FROM_GUEST | TO_GUEST, segment_count=1),
             INVALID_REQUEST),
            (dict(reserved=self.dice.getrandbits(63) + 1), INVALID_REQUEST),
            (dict(request=NOWHERE), INVALID_REQUEST),
            (dict(flags=FROM_GUEST, segments=NOWHERE, segment_count=2),
             INVALID_REQUEST),
            (dict(flags=TO_GUEST, segments=2**64 - 8, segment_count=1),
             INVALID_REQUEST),
        ))
        at = self.small[-1].request if self.small else 0x100000
        self._ask(Submission(**{**dict(
            request=at, response=at, request_length=8, response_capacity=64,
            **self._somewhere()), **fields}), {status})

    def cancel(self):
        target = self.dice.choice(tuple(self.asked)) if self.asked else 1
        if self.dice.random() < 0.1:
            target = self.dice.getrandbits(64)
        context = self.dice.randrange(CONTEXTS)
        if target in self.asked and self.dice.random() < 0.9:
            context = self.asked[target].submission.context
        self._ask(Submission(request=target, context=context, flags=CANCEL),
                  {NONE})
        if target in self.asked:
            self.asked[target].allowed.add(CANCELLED)

    def close(self):
        # One that has lost what it had is of no more use.
        lost = [number for number, life in self.lives.items()
                if life.excuses]
        context = self.dice.choice(lost or range(CONTEXTS))
        if context in self.closing or not self.driver.free():
            return
        self.life(context).excuses.add(CANCELLED)
        self._ask(Submission(context=context, flags=CLOSE), {NONE})
        self.closing.add(context)
        del self.lives[context]

    def kick(self):
        self.driver.kick()

    def needless_doorbell(self):
        self.queue.dev.QUEUE_DOORBELL = self.dice.getrandbits(32)

    def cq_event(self):
        self.driver.ring.set_word(CQ_EVENT, self.driver.cq_taken +
                                  self.dice.choice((0, 1, 5, 2**31)))

    def take(self):
        for completion in self.driver.take():
            self._ended(completion)

    def _ended(self, completion):
        asked = self.asked.pop(completion.user_data)
        self._give_back(asked.room)
        self.ended += 1
        self.statuses[completion.status] += 1
        submission, life = asked.submission, asked.life
        if asked.answer and completion.status == asked.answer[0]:
            self._check_answer(asked, completion)
            return
        assert (completion.response_length, completion.bulk_moved) == (0, 0), \
            completion
        if submission.flags == CLOSE:
            assert completion.status == NONE
            self.closing.remove(submission.context)
        assert completion.status in asked.allowed | life.excuses, \
            (completion, asked)

    def _check_answer(self, asked, completion):
        status, response, bulk = asked.answer
        submission = asked.submission
        assert completion.response_length == len(response), (completion, asked)
        assert self.driver.response(completion) == response, completion
        if status == NONE and bulk is not None:
            assert completion.bulk_moved == asked.bulk, completion
            if submission.flags & TO_GUEST:
                assert self.queue.ram.read(asked.room.bulk, asked.bulk) == bulk
        latest = asked.life.latest_done
        assert submission.user_data > latest.get(submission.order, 0), \
            "two of an order were completed the other way round"
        latest[submission.order] = submission.user_data

    # The device's time

    def turn(self):
        self.queue.qemu.clock_step(0.05)
        self._sync()

    def _sync(self):
        mediator = self.queue.mediator
        if not mediator:
            return
        seen = {request.sequence for request in mediator.requests}
        mediator.sync()
        for request in mediator.requests:
            if request.sequence not in seen:
                self._arrived(request)

    def _arrived(self, request):
        """It is what was submitted, and not before what it has to follow."""
        user_data = 0xabcd << 32 | request.request_id
        asked = self.asked.get(user_data)
        if not asked:               # the queue was turned off meanwhile
            assert request.context.closing
            return
        submission = asked.submission
        assert request.order == submission.order
        assert request.flags == submission.flags
        assert request.bulk_length == asked.bulk
        assert request.response_capacity == submission.response_capacity
        assert request.payload() == pattern(user_data,
                                            submission.request_length)
        if request.flags & FROM_GUEST:
            assert request.bulk() == pattern(user_data, asked.bulk)
        latest = asked.life.latest_sent
        assert user_data > latest.get(submission.order, 0), \
            "two of an order were sent the other way round"
        latest[submission.order] = user_data

    # The mediator's

    def serve(self):
        if self.queue.mediator:
            self.queue.mediator.serve_all(
                small=self.dice.choice((1, 4, 64)),
                large=self.dice.choice((1, 2)))

    def answer(self):
        mediator = self.queue.mediator
        first = {}
        for request in mediator.requests if mediator else ():
            first.setdefault((request.context.number, request.order), request)
        if not first:
            return
        request = self.dice.choice(tuple(first.values()))
        asked = self.asked.get(0xabcd << 32 | request.request_id)
        status = self.dice.choices(
            (NONE, abi.VGPU_STUB_ERR_BACKEND_ERROR, 0xf7), (20, 1, 1))[0]
        if request.cancelled and self.dice.random() < 0.5:
            status = CANCELLED
        length = self.dice.choice((0, 32, request.response_capacity))
        response = pattern(request.sequence, length)
        bulk = pattern(request.sequence, request.bulk_length) \
            if request.flags & TO_GUEST and status == NONE else None
        if asked:
            asked.answer = (status, response, bulk)
        mediator.answer(request, response, bulk, status)

    def finish_closing(self):
        if self.queue.mediator:
            self._forget_answers_of(context for context in
                                    self.queue.mediator.contexts.values()
                                    if context.closing)
            self.queue.mediator.finish_closing()

    def _forget_answers_of(self, contexts):
        for context in contexts:
            for request in context.requests.values():
                asked = self.asked.get(0xabcd << 32 | request.request_id)
                if asked:
                    asked.allowed.add(CANCELLED)

    def refuse(self):
        """A context that has no arena"""
        mediator = self.queue.mediator
        waiting = [context for context in mediator.contexts.values()
                   if context.arena is None and not context.refused
                   ] if mediator else ()
        if waiting:
            self._excuse(QUEUE_FULL)
            mediator.refuse(self.dice.choice(waiting), QUEUE_FULL)

    def _excuse(self, *statuses):
        """It may have happened to any context that there is now."""
        for life in self.lives.values():
            life.excuses.update(statuses)
        for asked in self.asked.values():       # of one that is closing
            asked.life.excuses.update(statuses)

    def lose_context(self):
        mediator = self.queue.mediator
        served = [context for context in mediator.contexts.values()
                  if context.arena and not (context.refused or context.closing)
                  ] if mediator else ()
        if not served:
            return
        context = self.dice.choice(served)
        self._excuse(CONTEXT_LOST)
        mediator.refuse(context, CONTEXT_LOST)
        for request in list(context.requests.values()):
            mediator.answer(request, status=CONTEXT_LOST)

    def mailbox(self):
        mediator, dev = self.queue.mediator, self.queue.dev
        if not mediator:
            return
        dev.submit(b"mailbox")
        self._sync()
        if mediator.inbox:
            message = mediator.inbox.pop()
            mediator.inbox.clear()
            if message.type == abi.VGPU_STUB_MSG_REQUEST:
                mediator.send_response(message, b"answer")

    # What changes everything

    def _all_ended(self):
        """The queue is off: nothing of before is written any more."""
        for asked in self.asked.values():
            self._give_back(asked.room)
        self.ended += len(self.asked)
        self.asked.clear()
        self.lives.clear()
        self.closing.clear()
        self.driver.pending.clear()

    def off_and_on(self):
        self.kick()
        self.take()
        self.queue.dev.QUEUE_CONTROL = 0
        self.take()
        self._off()

    def _off(self):
        assert self.queue.dev.QUEUE_STATE == OFF
        image = self.driver.ring.image()
        self._all_ended()
        self.turn()
        self.finish_closing()
        assert self.driver.ring.image() == image
        self.driver.enable()

    def reset(self):
        self.queue.qemu.qmp("system_reset")
        self.queue.qemu.qmp("query-status")
        self.queue.dev.place()
        self.take()
        self._off()

    def lose_link(self):
        """And come back, sometimes with a mediator that knows no queue."""
        self._excuse(CONTEXT_LOST, UNAVAILABLE)
        if self.queue.mediator:
            self.queue.disconnect()
            self.kick()
        self.queue.connect(version=self.dice.choices(
            (abi.VGPU_STUB_WIRE_QUEUE, abi.VGPU_STUB_WIRE_MAILBOX),
            (4, 1))[0])
        if self.queue.mediator and self.queue.dev.LINK == 1:
            self.kick()
            self.turn()
            self._excuse(UNAVAILABLE)
            self.take()
            self.queue.disconnect()
            self.queue.connect()

    def pause(self):
        qemu, ram = self.queue.qemu, self.queue.ram
        qemu.qmp("stop")
        image = ram.read(0, ram.size)
        self.answer()
        self._sync()
        assert ram.read(0, ram.size) == image
        qemu.qmp("cont")

    def bus_mastering(self):
        dev = self.queue.dev
        self.queue.qemu.pci_write(dev.devfn, PCI_COMMAND,
                                  PCI_COMMAND_MEMORY_MASTER & ~4, 2)
        image = self.driver.ring.image()
        self.answer()
        self.turn()
        assert self.driver.ring.image() == image
        dev.place()
        dev.QUEUE_DOORBELL = 1

    def drain(self):
        """Everything that was submitted ends, without more of it."""
        def nothing_pending():
            self.kick()
            self._sync()
            self.serve()
            while self.queue.mediator.requests:
                self.answer()
            self.finish_closing()
            self.take()
            return not self.asked

        self.queue.until(nothing_pending, "end of all submissions")
        assert self.queue.dev.QUEUE_STATE == ON
