# SPDX-License-Identifier: GPL-2.0-or-later
"""The queue with the real mediator and its workers, from end to end."""
import os
import random
import signal
import struct
from contextlib import contextmanager

import pytest

from support import abi, operations, wire
from support.abi import (VGPU_STUB_ERR_CANCELLED as CANCELLED,
                         VGPU_STUB_ERR_CONTEXT_LOST as CONTEXT_LOST,
                         VGPU_STUB_ERR_INVALID_HANDLE as INVALID_HANDLE,
                         VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE as UNAVAILABLE,
                         VGPU_STUB_ERR_OUT_OF_MEMORY as OUT_OF_MEMORY,
                         VGPU_STUB_SUBMIT_BULK_FROM_GUEST as FROM_GUEST,
                         VGPU_STUB_SUBMIT_BULK_TO_GUEST as TO_GUEST)
from support.mediatord import Mediatord
from support.paths import BUILD
from support.qemu import Qemu
from support.queue import Queue
from support.wait import wait_for

MEBIBYTE = 1 << 20
LINK = abi.VGPU_STUB_LINK_UP | abi.VGPU_STUB_LINK_QUEUE


@pytest.fixture
def serve(tmp_path, sockets):
    """serve(*options): a daemon"""
    return lambda *options: Mediatord(
        BUILD / "mediator/vgpu-mediatord", tmp_path / "mediator.log",
        "--socket-dir", sockets, *options)


class Program:
    """What a program of the guest does in its context"""

    def __init__(self, queue, context=1):
        self.queue, self.context = queue, context

    def ask(self, payload, **kwargs):
        return self.queue.ask(payload, context=self.context, **kwargs)

    def call(self, payload, **kwargs):
        """The completion, and the response's results and data"""
        user_data = self.ask(payload, **kwargs)
        completion = self.queue.driver.wait_one(user_data)
        response = self.queue.driver.response(completion)
        return completion, *(operations.results(response) if response
                             else (b"", b""))

    def alloc(self, size):
        completion, results, _ = self.call(operations.alloc(size))
        assert completion.status == 0, self.queue.driver.response(completion)
        return struct.unpack("<Q", results)[0]

    def write(self, handle, address, length, offset=0, **kwargs):
        return self.ask(operations.copy(abi.VGPU_STUB_COPY_TO_DEVICE, length,
                                        handle, offset), flags=FROM_GUEST,
                        pieces=pieces(address, length), **kwargs)

    def read(self, handle, address, length, offset=0, **kwargs):
        return self.ask(operations.copy(abi.VGPU_STUB_COPY_FROM_DEVICE, length,
                                        handle, offset), flags=TO_GUEST,
                        pieces=pieces(address, length), **kwargs)

    def until_ended(self, user_data):
        """The completions up to this one, and what came with it"""
        completions = []
        wait_for(lambda: completions.extend(self.queue.driver.take()) or
                 user_data not in self.queue.driver.pending,
                 f"end of {user_data}")
        return completions

    def close(self):
        user_data = self.queue.driver.close(self.context)
        completions = self.until_ended(user_data)
        assert completions[-1].user_data == user_data
        assert completions[-1].status == 0
        return completions[:-1]


def pieces(address, length):
    """The pages of it"""
    return [(address + at, min(4096, length - at))
            for at in range(0, length, 4096)]


@pytest.fixture
def queue(qemu_bin, tmp_path, sockets, ram):
    path = sockets / "1-0.sock"
    with Qemu(qemu_bin, tmp_path,
              "-chardev", f"socket,id=link,path={path},server=on,wait=off",
              "-device", "vgpu-stub,addr=0x1e,chardev=link,vm_id=1",
              *ram.qemu_args()) as qemu:
        queue = Queue(qemu, ram, path)
        queue.driver.enable()
        yield queue


@contextmanager
def stopped(daemon):
    """Its workers execute nothing meanwhile."""
    workers = daemon.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in workers.keys() & daemon.workers().keys():
        os.kill(pid, signal.SIGCONT)


def linked(queue):
    wait_for(lambda: queue.dev.LINK == LINK, "link of the queue")


def test_echoes(queue, serve):
    with serve():
        linked(queue)
        program = Program(queue)
        for length in (1, 992, 4000, 4064, 4065, 60000):
            data = random.Random(length).randbytes(length)
            completion, _, answer = program.call(operations.echo(data),
                                                 capacity=65536)
            assert (completion.status, answer) == (0, data)


def test_many_at_a_time(queue, serve):
    with serve():
        linked(queue)
        programs = [Program(queue, context) for context in range(4)]
        asked = {}
        for number in range(200):
            data = b"%d" % number
            asked[programs[number % 4].ask(operations.echo(data), capacity=64,
                                           order=number % 3)] = data
        for completion in queue.driver.wait(200):
            assert completion.status == 0
            assert queue.driver.response(completion)[wire.RESPONSE.size:] == \
                asked.pop(completion.user_data)


def test_mebibytes(queue, serve):
    """To the accelerator and back, several at a time, in an order"""
    with serve():
        linked(queue)
        program = Program(queue)
        handle = program.alloc(4 * MEBIBYTE)
        source, target = queue.ram.room(4 * MEBIBYTE), \
            queue.ram.room(4 * MEBIBYTE)
        data = random.Random(4).randbytes(4 * MEBIBYTE)
        queue.ram.write(source, data)
        for copy, address in ((program.write, source), (program.read, target)):
            for number in range(4):
                at = number * MEBIBYTE
                copy(handle, address + at, MEBIBYTE, at)
        for completion in queue.driver.wait(8):
            assert (completion.status, completion.bulk_moved) == (0, MEBIBYTE)
        assert queue.ram.read(target, 4 * MEBIBYTE) == data


def test_a_kernel(queue, serve):
    with serve():
        linked(queue)
        program = Program(queue)
        count = 1000
        numbers, total = program.alloc(4 * count), program.alloc(4)
        room = queue.ram.room(4 * count)
        queue.ram.write(room, struct.pack(f"<{count}f", *range(count)))
        program.write(numbers, room, 4 * count)
        program.ask(operations.reduce(numbers, total, count))
        program.read(total, room, 4)
        for completion in queue.driver.wait(3):
            assert completion.status == 0, queue.driver.response(completion)
        assert struct.unpack("<f", queue.ram.read(room, 4)) == \
            (sum(range(count)),)


def test_contexts_have_nothing_in_common(queue, serve):
    """And what one had is free when it is closed."""
    with serve():
        linked(queue)
        first, second = Program(queue, 1), Program(queue, 2)
        handle = first.alloc(150 << 20)
        room = queue.ram.room(64)
        second.read(handle, room, 64)
        completion, = queue.driver.wait()
        assert completion.status == INVALID_HANDLE
        # The quota is the VM's.
        completion, *_ = second.call(operations.alloc(150 << 20))
        assert completion.status == OUT_OF_MEMORY
        first.close()
        second.alloc(150 << 20)


def test_a_worker_that_dies(queue, serve, tmp_path):
    """Its context is lost, and no other."""
    config = tmp_path / "mediatord.conf"
    config.write_text("[pool A]\nspares=0\n")
    with serve("--config", config) as daemon:
        linked(queue)
        first = Program(queue, 1)
        first.alloc(4096)
        worker, = daemon.workers()
        second = Program(queue, 2)
        second.alloc(4096)
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: worker not in daemon.workers(), "end of the worker")

        def lost():
            completion, *_ = first.call(operations.synchronize())
            return completion.status == CONTEXT_LOST

        wait_for(lost, "loss of the context")
        second.alloc(4096)
        first.close()
        first.alloc(4096)


def test_a_close_ends_what_is_in_flight(queue, serve):
    with serve() as daemon:
        linked(queue)
        program = Program(queue)
        source, target = program.alloc(64 << 20), program.alloc(4)
        with stopped(daemon):
            asked = [program.ask(operations.reduce(source, target, 16 << 20))
                     for _ in range(40)]
            completions = program.close()
        assert {one.user_data for one in completions} == set(asked)
        assert {one.status for one in completions} == {CANCELLED}
        program.alloc(4096)


def test_cancels(queue, serve):
    """What waits is cancelled; what its worker has ends well."""
    with serve() as daemon:
        linked(queue)
        program = Program(queue)
        source, target = program.alloc(64 << 20), program.alloc(4)
        with stopped(daemon):
            asked = [program.ask(operations.reduce(source, target, 16 << 20))
                     for _ in range(20)]
            cancels = [queue.driver.cancel(one) for one in asked[1:]]
            completions = program.until_ended(asked[-1])
        completions += queue.driver.wait(len(queue.driver.pending))
        statuses = {one.user_data: one.status for one in completions}
        assert {statuses[one] for one in cancels} == {0}
        assert {statuses[one] for one in asked} == {0, CANCELLED}
        assert statuses[asked[0]] == 0
        assert statuses[asked[-1]] == CANCELLED


def test_off_and_on_and_reset(queue, serve):
    """Each time what there was has gone, so memory never runs out."""
    with serve():
        for round_ in range(4):
            linked(queue)
            program = Program(queue)
            # A worker that takes its time to go keeps its memory so long.
            wait_for(lambda: program.call(
                operations.alloc(200 << 20))[0].status == 0, "memory")
            program.ask(operations.synchronize())
            if round_ % 2:
                queue.driver.disable()
            else:
                queue.qemu.qmp("system_reset")
                queue.qemu.qmp("query-status")
                queue.dev.place()
                queue.driver.forget()
            queue.driver.enable()


def test_killed_and_restarted(queue, serve):
    for _ in range(3):
        with serve() as daemon:
            linked(queue)
            program = Program(queue)
            program.alloc(4096)
            daemon.process.kill()
            daemon.process.wait()
        queue.dev.wait_link(0)
        completion, *_ = program.call(operations.nop())
        assert completion.status == CONTEXT_LOST
        completion, *_ = Program(queue, 2).call(operations.nop())
        assert completion.status == UNAVAILABLE
        program.close()


def test_the_mailbox_beside_the_queue(queue, serve):
    """It is a context like any other, with memory of its own."""
    with serve():
        linked(queue)
        program = Program(queue)
        handle = program.alloc(4096)
        queue.dev.submit(operations.copy(abi.VGPU_STUB_COPY_FROM_DEVICE, 8,
                                         handle))
        queue.dev.wait_outcome()
        assert queue.dev.ERROR_CODE == INVALID_HANDLE
        queue.dev.submit(operations.echo(b"mailbox"))
        assert queue.dev.wait_outcome() == abi.VGPU_STUB_STATUS_DONE
        program.alloc(4096)
