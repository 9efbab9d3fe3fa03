# SPDX-License-Identifier: GPL-2.0-or-later
"""A device with a queue, its driver and its mediator, all but the device played
by the test."""
from support import abi
from support.device import Device
from support.fake_queue_mediator import FakeQueueMediator
from support.ring import Driver
from support.wait import wait_for

TURN_MS = 0.05      # the device goes on with what takes longer after that


class Queue:
    """.dev, .ram, .driver and, once connect() was called, .mediator"""

    def __init__(self, qemu, ram, link_path, entries=256, **device):
        self.qemu, self.ram, self.link_path = qemu, ram, link_path
        self.dev = Device(qemu, **device)
        self.driver = Driver(self.dev, ram, entries)
        self.mediator = None

    def connect(self, **kwargs):
        self.mediator = FakeQueueMediator.accept(self.link_path, **kwargs)
        return self.mediator

    def disconnect(self):
        """The mediator goes away; the device has seen that on return."""
        self.mediator.close()
        self.mediator = None
        self.dev.wait_link(0)

    def close(self):
        if self.mediator:
            self.mediator.close()

    def renew(self):
        """All is as after the start: nothing is pending, no context is open,
        the memory is 0 and free."""
        dev = self.dev
        dev.place()
        dev.disable_msi()
        dev.INTERRUPT_CTRL = 0
        dev.QUEUE_CONTROL = abi.VGPU_STUB_QUEUE_DISABLE
        dev.INTERRUPT_STATUS = 3
        if self.mediator is None:
            self.connect()
        self.mediator.sync()
        self.mediator.finish_closing()
        self.mediator.sync()
        self.mediator.inbox.clear()
        assert dev.LINK == 3 and not self.mediator.contexts
        self.ram.renew()
        self.driver = Driver(dev, self.ram)
        self.driver.enable()

    # Time

    def step(self):
        """One turn of the device; the mediator has what came of it."""
        self.qemu.clock_step(TURN_MS)
        if self.mediator:
            self.mediator.sync()

    def settle(self, turns=10):
        """Turns enough for all that has no megabytes in it"""
        for _ in range(turns):
            self.step()

    def until(self, condition, what):
        def turn():
            self.step()
            return condition()

        return wait_for(turn, what)

    # Requests

    def ask(self, payload=b"question", **kwargs):
        """Submit a request with this payload; returns its user_data."""
        return self.driver.submit(self.driver.request(payload, **kwargs))

    def arrive(self, count=1, **places):
        """The requests that the mediator has, when there are so many. Contexts
        that ask for it get an arena."""
        def all_there():
            self.mediator.serve_all(**places)
            return len(self.mediator.requests) >= count

        self.until(all_there, f"{count} requests at the mediator")
        assert len(self.mediator.requests) == count, self.mediator.requests
        return self.mediator.requests

    def answer(self, request, response=b"answer", **kwargs):
        """Answer a request; returns its completion, which is the next one."""
        self.mediator.answer(request, response, **kwargs)
        completion, = self.driver.wait()
        assert completion.user_data % 2**32 == request.request_id
        return completion

    def work(self, payload=b"question", response=b"answer", **kwargs):
        """A whole request, from its submission to its response"""
        user_data = self.ask(payload, **kwargs)
        request, = self.arrive()
        assert request.payload() == payload
        completion = self.answer(request, response)
        assert (completion.user_data, completion.status) == (user_data, 0)
        assert self.driver.response(completion) == response
        return completion

    def finish(self):
        """Answer everything until nothing is pending; returns what came."""
        completions = []

        def nothing_pending():
            if self.mediator:
                self.mediator.serve_all()
                for request in self.mediator.requests:
                    self.mediator.answer(request)
                self.mediator.finish_closing()
            completions.extend(self.driver.take())
            return not self.driver.pending

        self.until(nothing_pending, "end of all requests")
        return completions

    def check_silence(self):
        """The queue is not on: what was pending has ended, and nothing of the
        guest's memory is written."""
        self.driver.forget()
        before = self.ram.read(0, self.ram.size)
        self.settle()
        assert self.ram.read(0, self.ram.size) == before

    def lose_link(self, message):
        """Send what the device does not forgive."""
        self.mediator.send(message)
        self.gone()

    def gone(self):
        """The device has closed the connection."""
        self.mediator.expect_closed()
        self.disconnect()
