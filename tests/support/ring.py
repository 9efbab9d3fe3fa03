# SPDX-License-Identifier: GPL-2.0-or-later
"""The queue as a guest's driver uses it: docs/queue.md.

Ring is its memory, field by field, for a driver that does anything. Driver
keeps the rules, remembers what it has submitted and checks all that the device
does with it.
"""
import struct
from dataclasses import dataclass

from support import abi
from support.wait import wait_for

SUBMISSION = struct.Struct("<4Q6IQ")
COMPLETION = struct.Struct("<2Q2IQ")
SEGMENT = struct.Struct("<Q2I")

SQ_TAIL = abi.VGPU_STUB_RING_DRIVER
CQ_EVENT = abi.VGPU_STUB_RING_DRIVER + 4
SQ_EVENT = abi.VGPU_STUB_RING_DEVICE
CQ_TAIL = abi.VGPU_STUB_RING_DEVICE + 4

QUEUE = abi.VGPU_STUB_INTERRUPT_QUEUE
CANCEL = abi.VGPU_STUB_SUBMIT_CANCEL
CLOSE = abi.VGPU_STUB_SUBMIT_CLOSE
OFF = abi.VGPU_STUB_QUEUE_OFF
ON = abi.VGPU_STUB_QUEUE_ON
BROKEN = abi.VGPU_STUB_QUEUE_BROKEN

# All that a guest may see
STATUSES = {*range(abi.VGPU_STUB_ERR_CONTEXT_LOST + 1),
            *range(abi.VGPU_STUB_ERR_BACKEND_FIRST,
                   abi.VGPU_STUB_ERR_BACKEND_LAST + 1)}


def passed(event, before, now):
    """Does a tail pass the event when it goes from `before` to `now`?"""
    return (now - event - 1) % 2**32 < (now - before) % 2**32


@dataclass
class Submission:
    user_data: int = 0
    request: int = 0
    response: int = 0
    segments: int = 0
    request_length: int = 0
    response_capacity: int = 0
    segment_count: int = 0
    flags: int = 0
    context: int = 0
    order: int = 0
    reserved: int = 0

    def encode(self):
        return SUBMISSION.pack(*vars(self).values())


@dataclass
class Completion:
    user_data: int
    bulk_moved: int
    status: int
    response_length: int
    reserved: int


class Ring:
    """The memory of a ring with so many entries"""

    def __init__(self, ram, entries, address=None):
        self.ram, self.entries = ram, entries
        self.size = 128 + 96 * entries
        self.address = ram.room(self.size) if address is None else address

    def word(self, offset):
        return self.ram.read32(self.address + offset)

    def set_word(self, offset, value):
        self.ram.write32(self.address + offset, value % 2**32)

    def submission_at(self, number):
        return self.address + 128 + 64 * (number % self.entries)

    def completion_at(self, number):
        return self.address + 128 + 64 * self.entries + \
            32 * (number % self.entries)

    def put(self, number, submission):
        self.ram.write(self.submission_at(number), submission.encode())

    def completion(self, number):
        return Completion(*COMPLETION.unpack(
            self.ram.read(self.completion_at(number), COMPLETION.size)))

    def image(self):
        return self.ram.read(self.address, self.size)

    def clear(self):
        self.ram.write(self.address, bytes(self.size))

    def enable(self, dev):
        """Clear the ring and turn the queue on with it; returns QUEUE_STATE."""
        self.clear()
        self.point(dev)
        dev.QUEUE_CONTROL = abi.VGPU_STUB_QUEUE_ENABLE
        return dev.QUEUE_STATE

    def point(self, dev):
        """Say where it is."""
        dev.QUEUE_RING_LO = self.address & 0xffffffff
        dev.QUEUE_RING_HI = self.address >> 32
        dev.QUEUE_ENTRIES = self.entries


class Driver:
    """`pending` has what was submitted and is not completed, by user_data."""

    def __init__(self, dev, ram, entries=256):
        self.dev, self.ram = dev, ram
        self.ring = Ring(ram, entries)
        self.next_user_data = 1
        self.pending = {}

    def enable(self):
        assert self.ring.enable(self.dev) == ON
        self.sq_tail = self.cq_taken = self.rung = 0
        self.pending = {}
        self.set_cq_event()

    def disable(self):
        """Turn it off; what was pending has ended. Returns that."""
        self.take()
        self.dev.QUEUE_CONTROL = abi.VGPU_STUB_QUEUE_DISABLE
        assert self.dev.QUEUE_STATE == OFF
        self.take()                 # what came before that
        lost, self.pending = self.pending, {}
        return lost

    def forget(self):
        """Everything has ended that was submitted, without completions."""
        self.pending.clear()
        self.cq_taken = self.ring.word(CQ_TAIL)

    # Submitting

    def free(self):
        """How many more may be submitted"""
        return self.ring.entries - len(self.pending)

    def put(self, submission):
        """Write the entry; the device does not know of it yet. Returns its
        user_data, which is new unless the submission has one."""
        assert len(self.pending) < self.ring.entries
        if not submission.user_data:
            submission.user_data = self.next_user_data
            self.next_user_data += 1
        assert submission.user_data not in self.pending
        self.ring.put(self.sq_tail, submission)
        self.pending[submission.user_data] = submission
        self.sq_tail = (self.sq_tail + 1) % 2**32
        return submission.user_data

    def publish(self):
        """Move sq_tail over what was put. Returns whether the device wants to
        be told."""
        self.ring.set_word(SQ_TAIL, self.sq_tail)
        before, self.rung = self.rung, self.sq_tail
        return passed(self.ring.word(SQ_EVENT), before, self.sq_tail)

    def kick(self):
        """Publish, and ring if the device wants it."""
        if self.publish():
            self.dev.QUEUE_DOORBELL = 1

    def submit(self, submission):
        user_data = self.put(submission)
        self.kick()
        return user_data

    def request(self, payload, capacity=4096, context=1, order=0, flags=0,
                pieces=(), capacity_room=None):
        """A submission whose request is in memory; pieces are (address,
        length) of its bulk."""
        segments = b"".join(SEGMENT.pack(address, length, 0)
                            for address, length in pieces)
        at = self.ram.room(max(len(segments), 1), 16)
        self.ram.write(at, segments)
        request = self.ram.room(len(payload), 1)
        self.ram.write(request, payload)
        response = self.ram.room(
            capacity if capacity_room is None else capacity_room, 1)
        return Submission(request=request, request_length=len(payload),
                          response=response, response_capacity=capacity,
                          segments=at if pieces else 0,
                          segment_count=len(pieces), flags=flags,
                          context=context, order=order)

    def cancel(self, target, context=1):
        return self.submit(Submission(request=target, flags=CANCEL,
                                      context=context))

    def close(self, context=1):
        return self.submit(Submission(flags=CLOSE, context=context))

    # Completions

    def set_cq_event(self, more=0):
        """Be told when the device has completed one, and `more`, beyond those
        that were taken. Returns whether there is one already."""
        self.ring.set_word(CQ_EVENT, self.cq_taken + more)
        return self.ring.word(CQ_TAIL) != self.cq_taken

    def take(self):
        """The completions that are new, each of them checked."""
        count = (self.ring.word(CQ_TAIL) - self.cq_taken) % 2**32
        assert count <= len(self.pending), "more completions than submissions"
        taken = []
        for _ in range(count):
            taken.append(self._check(self.ring.completion(self.cq_taken)))
            self.cq_taken = (self.cq_taken + 1) % 2**32
        return taken

    def _check(self, completion):
        submission = self.pending.pop(completion.user_data, None)
        assert submission, f"{completion}: nobody waits for it"
        assert completion.reserved == 0
        assert completion.status in STATUSES, completion
        assert completion.response_length <= submission.response_capacity
        completion.submission = submission
        return completion

    def response(self, completion):
        return self.ram.read(completion.submission.response,
                             completion.response_length)

    def wait(self, count=1):
        """The next completions, as many as that, while the virtual clock goes
        on."""
        taken = []

        def enough():
            self.dev.qemu.clock_step(0.05)
            taken.extend(self.take())
            return len(taken) >= count

        wait_for(enough, f"{count} completions")
        # The turn that wrote them is over, its interrupt has been sent.
        self.dev.read(0)
        assert len(taken) == count, taken
        return taken

    def wait_one(self, user_data):
        """The next completion, which is to be this one's."""
        completion, = self.wait()
        assert completion.user_data == user_data, completion
        return completion
