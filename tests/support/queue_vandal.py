# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver and a mediator that keep no rule, at random: all that is asked of
the device is that it lives."""
import os
import random
import socket
import struct

from support import abi, arena, wire
from support.device import PCI_COMMAND, REGISTERS
from support.fake_mediator import FakeMediator
from support.ring import CQ_EVENT, SEGMENT, SQ_TAIL, Ring, Submission
from support.wire import Message

MESSAGES = abi.names("VGPU_STUB_MSG_")
QUEUE_REGISTERS = [name for name in REGISTERS if name.startswith("QUEUE_")]
BUFFERS, BUFFERS_END = 8 << 20, 24 << 20
PLACES = 2, 1           # small and large ones of an arena


class Vandal:
    def __init__(self, queue, seed):
        self.queue, self.dev, self.ram = queue, queue.dev, queue.ram
        self.dice = random.Random(seed)
        self.ring = Ring(queue.ram, 256)
        self.tail = 0
        self.links = 0
        self.peer = None
        queue.disconnect()
        self._connect()

    def _connect(self):
        self.peer = FakeMediator.greet(self.queue.link_path)
        self.peer.send(wire.welcome(abi.VGPU_STUB_WIRE_QUEUE))
        self.contexts, self.requests, self.arenas = [0], [0], []
        self.links += 1

    def run(self, actions):
        names, weights = zip(*self.WEIGHTS.items())
        for name in self.dice.choices(names, weights, k=actions):
            try:
                getattr(self, name)()
            except (wire.Closed, OSError):
                self._reconnect()
        self.queue.qemu.qmp("cont")
        self.peer.close()
        self.dev.place()
        self.dev.wait_link(0)

    def _reconnect(self):
        self.peer.close()
        self.queue.qemu.qmp("cont")
        self.dev.place()
        self.dev.wait_link(0)
        self._connect()

    WEIGHTS = {
        "scribble": 100, "publish": 60, "register": 10, "enable": 15,
        "doorbell": 30, "listen": 60, "say": 60, "answer": 60, "serve": 30,
        "change_arena": 10, "interrupts": 4, "command": 2, "time": 20,
        "pause": 2, "reset": 1, "leave": 1,
    }

    def _number(self, bits):
        dice = self.dice
        return dice.choice((
            0, 1, 31, 32, 4096, 65536, dice.getrandbits(bits),
            dice.getrandbits(5), 2**bits - 1 - dice.getrandbits(3),
            dice.randrange(BUFFERS, BUFFERS_END))) % 2**bits

    def _address(self):
        return self.dice.choice((
            self.dice.randrange(BUFFERS, BUFFERS_END),
            self.dice.randrange(BUFFERS, BUFFERS_END),
            self.ring.address + self.dice.randrange(self.ring.size),
            self.ram.size - self.dice.randrange(100), self.dev.bar,
            self._number(64)))

    # The driver's

    def scribble(self):
        dice = self.dice
        submission = Submission(
            user_data=dice.getrandbits(6), request=self._address(),
            response=self._address(), request_length=dice.randrange(1, 5000),
            response_capacity=dice.choice((32, 4096, 65536)),
            context=dice.getrandbits(7), order=dice.getrandbits(1),
            flags=dice.choice((0, 0, 0, 4, 8, 16)))
        if submission.flags in (4, 8):
            submission = Submission(flags=submission.flags,
                                    context=dice.getrandbits(7),
                                    request=dice.getrandbits(6)
                                    if submission.flags == 4 else 0)
        elif dice.random() < 0.3:
            self._add_segments(submission)
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            field = dice.choice(tuple(vars(submission)))
            setattr(submission, field, self._number(
                32 if field in ("request_length", "response_capacity",
                                "segment_count", "flags", "context", "order")
                else 64))
        self.ring.put(dice.randrange(256), submission)

    def _add_segments(self, submission):
        dice = self.dice
        submission.flags = dice.choice((1, 2))
        submission.segment_count = dice.choice((1, 3, 256, 257))
        submission.segments = dice.randrange(BUFFERS, BUFFERS_END)
        segment = SEGMENT.pack(self._address(), dice.choice((1, 100, 4096)), 0)
        self.ram.write(submission.segments, segment * submission.segment_count)

    def publish(self):
        self.tail += self.dice.choice((1, 1, 1, 5, 20, 300))
        if self.dice.random() < 0.03:
            self.tail = self.dice.getrandbits(32)
        self.ring.set_word(SQ_TAIL, self.tail)
        self.ring.set_word(CQ_EVENT, self._number(32))

    def register(self):
        setattr(self.dev, self.dice.choice(QUEUE_REGISTERS), self._number(32))

    def enable(self):
        """Often as it should be, or nothing else would ever be tried"""
        if self.dev.QUEUE_STATE == abi.VGPU_STUB_QUEUE_ON:
            return
        self.dev.QUEUE_CONTROL = 0
        self.ring.set_word(SQ_TAIL, 0)
        self.tail = 0
        self.ring.point(self.dev)
        self.dev.QUEUE_CONTROL = 1

    def doorbell(self):
        self.dev.QUEUE_DOORBELL = 1

    def interrupts(self):
        self.dev.INTERRUPT_CTRL = self.dice.getrandbits(2)
        self.dev.INTERRUPT_STATUS = self.dice.getrandbits(2)
        self.dev.enable_msi(self.dice.choice((
            self.ring.address & ~3, 0x80000, self.dev.bar +
            self.dice.choice(tuple(REGISTERS.values())))),
            self.dice.getrandbits(2))

    def command(self):
        self.queue.qemu.pci_write(self.dev.devfn, PCI_COMMAND,
                                  self.dice.getrandbits(3), 2)
        self.time()
        self.dev.place()

    def reset(self):
        self.queue.qemu.qmp("system_reset")
        self.queue.qemu.qmp("query-status")
        self.dev.place()

    def pause(self):
        self.queue.qemu.qmp("stop")
        self.say()
        self.answer()
        self.queue.qemu.qmp("cont")

    def time(self):
        self.queue.qemu.clock_step(self.dice.choice((0.05, 1, 1000)))

    # The mediator's

    def listen(self):
        """Take what the device has sent, and remember what there is."""
        self.peer.send(Message(abi.VGPU_STUB_MSG_PING, b"sync"))
        while True:
            message = self.peer.receive()
            if message.type == abi.VGPU_STUB_MSG_PONG:
                return
            if message.type == abi.VGPU_STUB_MSG_CONTEXT_OPEN:
                self.contexts = self.contexts[-50:] + [message.sequence]
            elif message.type == abi.VGPU_STUB_MSG_QREQUEST:
                context, = struct.unpack_from("<Q", message.payload)
                self.requests = self.requests[-50:] + [message.sequence]
                self.contexts.append(context)

    def serve(self):
        small, large = PLACES
        shared = arena.Arena(small, large)
        self._send_fd(shared.fd, wire.ARENA.pack(
            self.contexts[-1], shared.size, small, large, 0, 0))
        shared.close()

    def _send_fd(self, fd, payload):
        message = Message(abi.VGPU_STUB_MSG_ARENA, payload).encode()
        socket.send_fds(self.peer.sock, [message], [fd])

    def answer(self):
        dice = self.dice
        self.peer.send(Message(
            abi.VGPU_STUB_MSG_QRESPONSE, wire.QRESPONSE.pack(
                dice.choice(self.contexts[-3:]), dice.choice((0, 1, 32)),
                0, 0, 0, 0, 0), sequence=dice.choice(self.requests[-8:]),
            status=dice.choice((0, 0, 5, 13))))

    def say(self):
        """Anything, with a known context or none"""
        dice = self.dice
        if dice.random() < 0.9:         # what it could say at another time
            self.peer.send(Message(
                dice.choice((MESSAGES["REFUSED"], MESSAGES["QRESPONSE"],
                             MESSAGES["PING"], MESSAGES["RESPONSE"], 77)),
                struct.pack("<Q24x", dice.choice(self.contexts[-2:])),
                sequence=dice.choice(self.requests),
                status=dice.choice((3, 7, 13, 14))))
            return
        self.peer.send(Message(
            dice.choice(tuple(MESSAGES.values())),
            dice.randbytes(dice.choice((0, 8, 31, 32, 33, 1000))),
            sequence=dice.getrandbits(64), status=dice.getrandbits(8)))

    def change_arena(self):
        """A descriptor that is none, or that nobody asked for"""
        fd = arena.memory(self._number(24), self.dice.getrandbits(5) & ~8,
                          self.dice.choice((0, 0, 0, os.MFD_CLOEXEC)))
        self._send_fd(fd, wire.ARENA.pack(
            self.dice.choice(self.contexts), self._number(64),
            self.dice.getrandbits(9), self.dice.getrandbits(3), 0, 0))
        os.close(fd)

    def leave(self):
        self._reconnect()
