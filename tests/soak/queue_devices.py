# SPDX-License-Identifier: GPL-2.0-or-later
"""The VMs of a soak that use the queue: programs that come and go."""
import time

from devices import NAMES
from support import abi
from support.fake_queue_device import FakeQueueDevice, context_message
from support.operations import (alloc, call, copy, echo, list_kernels, reduce,
                                results)
from support.wire import Message

LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
BULK = abi.VGPU_STUB_QUEUE_TRANSFER_MAX
# What a context that cannot be had is refused with
REFUSALS = {abi.VGPU_STUB_ERR_QUEUE_FULL, abi.VGPU_STUB_ERR_VM_QUARANTINED,
            abi.VGPU_STUB_ERR_INVALID_POOL, abi.VGPU_STUB_ERR_BACKEND_ERROR}


class RandomQueue:
    """A device with a queue. Every request has one answer, every context one
    end, whatever happens to the mediator's workers."""

    def __init__(self, chance, path, counters):
        self.chance, self.counters = chance, counters
        self.device = FakeQueueDevice(path)
        self.connect()

    def connect(self):
        self.peer = self.device.greet()
        self.lost = set()           # contexts that the mediator has refused
        self.handles = {}           # context → what it may have
        self.cancelled = set()

    def leave(self):
        self.peer.close()
        self.device.remove()

    # --- What comes ---

    def take(self, message):
        """A message that is nobody's answer in particular"""
        if message.type == abi.VGPU_STUB_MSG_REFUSED:
            assert message.status == LOST, message
            assert message.sequence not in self.lost
            self.lost.add(message.sequence)
            self.counters["lost"] += 1
            return
        assert message.type == abi.VGPU_STUB_MSG_QRESPONSE, message
        answer = self.peer.take(message)
        assert answer.status != abi.VGPU_STUB_ERR_CANCELLED or \
            answer.sequence in self.cancelled
        self.cancelled.discard(answer.sequence)
        self.counters[NAMES[answer.status]] += 1
        if answer.status == 0:
            handle, _ = results(answer.payload)
            if len(handle) == 8:
                self.handles[answer.context].append(
                    int.from_bytes(handle, "little"))

    def until(self, kind):
        """The next message of this kind; those before it are taken."""
        while True:
            message = self.peer.receive()
            if message.type == kind:
                return message
            self.take(message)

    def in_flight(self):
        return sum(len(context.places)
                   for context in self.peer.contexts.values())

    # --- What is done ---

    def payload(self, context):
        """A request and how it is sent"""
        chance = self.chance
        handle = chance.choice(self.handles.setdefault(context.number, [1]))
        size = chance.choice([1, 4000, 60000])
        bulk = chance.randint(1, BULK)
        kinds = [
            (call(abi.VGPU_STUB_OP_NOP), {}),
            (call(abi.VGPU_STUB_OP_SYNCHRONIZE), {}),
            (list_kernels(chance.choice([0, 3, 1000])), {}),
            (alloc(chance.choice([4, 1 << 20, 1 << 30])), {}),
            (call(abi.VGPU_STUB_OP_MEMORY_FREE_ALL), {}),
            (reduce(handle, handle, chance.choice([1, 1 << 18])), {}),
            (chance.randbytes(chance.randint(1, 100)), {}),
        ]
        if context.large:
            kinds += [
                (echo(chance.randbytes(size)), {"capacity": size + 32}),
                (copy(abi.VGPU_STUB_COPY_TO_DEVICE, bulk, handle),
                 {"bulk": bytes(bulk)}),
                (copy(abi.VGPU_STUB_COPY_FROM_DEVICE, bulk, handle),
                 {"room": bulk}),
            ]
        return chance.choice(kinds)

    def send_some(self):
        """Requests of all contexts mixed, as far as there are places"""
        contexts = list(self.peer.contexts.values())
        messages = []
        for _ in range(self.chance.randint(1, 40) if contexts else 0):
            context = self.chance.choice(contexts)
            payload, options = self.payload(context)
            if context.number in self.lost or not context.small:
                continue
            message = context.request(payload, order=self.chance.randint(0, 2),
                                      **options)
            messages.append(message)
            self.counters["requests"] += 1
            if self.chance.random() < 0.1:
                messages.append(context.cancel(message.sequence))
                self.cancelled.add(message.sequence)
        self.peer.send(*messages)

    def work(self):
        self.send_some()
        while self.in_flight():
            self.take(self.peer.receive())

    def open(self):
        if len(self.peer.contexts) > 3:
            return
        number = self.peer.start_open()
        while True:
            message = self.peer.receive()
            if message.sequence != number:
                self.take(message)
            elif message.type == abi.VGPU_STUB_MSG_ARENA:
                self.peer.opened_by(message)
                return
            else:
                break
        assert message.status in REFUSALS, message
        self.counters["refused"] += 1
        self.peer.send(context_message(abi.VGPU_STUB_MSG_CONTEXT_CLOSE,
                                       number))
        self.until(abi.VGPU_STUB_MSG_CLOSED)

    def close(self):
        """With requests under way"""
        self.send_some()
        for context in list(self.peer.contexts.values()):
            if self.chance.random() < 0.5 or context.number in self.lost:
                self.cancelled |= set(context.places)
                self.peer.send(context.message(
                    abi.VGPU_STUB_MSG_CONTEXT_CLOSE))
                message = self.until(abi.VGPU_STUB_MSG_CLOSED)
                assert message.sequence == context.number
                self.peer.forget(context)
                self.counters["closed"] += 1
        while self.in_flight():
            self.take(self.peer.receive())

    def reset(self):
        self.send_some()
        self.peer.send(Message(abi.VGPU_STUB_MSG_RESET),
                       Message(abi.VGPU_STUB_MSG_PING))
        while self.peer.receive().type != abi.VGPU_STUB_MSG_PONG:
            pass
        for context in list(self.peer.contexts.values()):
            context.places.clear()
            self.peer.forget(context)
        self.lost.clear()
        self.cancelled.clear()
        self.counters["reset"] += 1

    def vanish(self):
        self.send_some()
        time.sleep(self.chance.uniform(0, 0.05))
        self.peer.close()
        self.counters["vanished"] += 1
        self.connect()

    def step(self):
        self.chance.choices([self.work, self.open, self.close, self.reset,
                             self.vanish], [20, 8, 3, 1, 1])[0]()
