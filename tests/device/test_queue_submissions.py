# SPDX-License-Identifier: GPL-2.0-or-later
"""One submission: its fields, its addresses, its bulk, its answer."""
import random

import pytest

from support import abi
from support.abi import (VGPU_STUB_ERR_BACKEND_ERROR as BACKEND_ERROR,
                         VGPU_STUB_ERR_INVALID_LENGTH as INVALID_LENGTH,
                         VGPU_STUB_ERR_INVALID_REQUEST as INVALID_REQUEST,
                         VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE as UNAVAILABLE,
                         VGPU_STUB_ERR_REQUEST_TOO_LARGE as TOO_LARGE,
                         VGPU_STUB_SUBMIT_BULK_FROM_GUEST as FROM_GUEST,
                         VGPU_STUB_SUBMIT_BULK_TO_GUEST as TO_GUEST,
                         VGPU_STUB_SUBMIT_CANCEL as CANCEL,
                         VGPU_STUB_SUBMIT_CLOSE as CLOSE,
                         VGPU_STUB_SUBMIT_WAITS as WAITS)
from support.ring import SEGMENT, Submission

REQUEST_MAX = abi.VGPU_STUB_QUEUE_REQUEST_MAX
RESPONSE_MAX = abi.VGPU_STUB_QUEUE_RESPONSE_MAX
TRANSFER_MAX = abi.VGPU_STUB_QUEUE_TRANSFER_MAX
SEGMENTS_MAX = abi.VGPU_STUB_QUEUE_SEGMENTS_MAX
RAM_END = 32 << 20

# No memory of the guest, for 64 bytes and more
NOWHERE = {
    "its own BAR": 0xe0000000,
    "the interrupt controller": 0xfee00000,
    "a hole": 0x30000000,
    "the end of RAM": RAM_END,
    "across the end of RAM": RAM_END - 16,
    "above what a processor can address": 1 << 60,
    "around the end of all addresses": 2**64 - 16,
    "the last address": 2**64 - 1,
}
ROM = 0xfffc0000


def pattern(length, seed=1):
    return random.Random(seed).randbytes(length)


@pytest.fixture
def refused(queue):
    """refused(submission): its status; the mediator has not seen it."""
    queue.work()                        # the context has its arena

    def submit(submission):
        user_data = queue.driver.submit(submission)
        completion = queue.driver.wait_one(user_data)
        queue.mediator.sync()
        assert not queue.mediator.requests
        assert (completion.response_length, completion.bulk_moved) == (0, 0)
        return completion.status

    yield submit
    queue.work()                        # and goes on


FIELDS = {
    "no request": (dict(request_length=0), INVALID_LENGTH),
    "a request that is too long": (dict(request_length=REQUEST_MAX + 1),
                                   TOO_LARGE),
    "a request of 4 GiB": (dict(request_length=2**32 - 1), TOO_LARGE),
    "no room": (dict(response_capacity=0), INVALID_LENGTH),
    "no room for a header": (dict(response_capacity=31), INVALID_LENGTH),
    "room for more than there is": (dict(response_capacity=RESPONSE_MAX + 1),
                                    TOO_LARGE),
    "room for 4 GiB": (dict(response_capacity=2**32 - 1), TOO_LARGE),
    "segments without a flag": (dict(segment_count=1), INVALID_LENGTH),
    "a flag without segments": (dict(flags=FROM_GUEST, segment_count=0),
                                INVALID_LENGTH),
    "segments without end": (dict(flags=TO_GUEST, segment_count=2**32 - 1),
                             TOO_LARGE),
    "more segments than a MiB needs": (
        dict(flags=TO_GUEST, segment_count=SEGMENTS_MAX + 1), TOO_LARGE),
    "both ways": (dict(flags=FROM_GUEST | TO_GUEST, segment_count=1),
                  INVALID_REQUEST),
    "cancel and close": (dict(flags=CANCEL | CLOSE), INVALID_REQUEST),
    "waits and bulk": (dict(flags=WAITS | TO_GUEST, segment_count=1),
                       INVALID_REQUEST),
    "a flag that is unknown": (dict(flags=32), INVALID_REQUEST),
    "the last flag": (dict(flags=1 << 31), INVALID_REQUEST),
    "all flags": (dict(flags=2**32 - 1), INVALID_REQUEST),
    "a reserved field": (dict(reserved=1), INVALID_REQUEST),
    "the end of a reserved field": (dict(reserved=1 << 63), INVALID_REQUEST),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_is_wrong(queue, refused, name):
    fields, status = FIELDS[name]
    submission = queue.driver.request(b"question")
    submission.segments = queue.ram.room(16)
    queue.ram.write(submission.segments,
                    SEGMENT.pack(queue.ram.room(64), 64, 0))
    vars(submission).update(fields)
    assert refused(submission) == status


@pytest.mark.parametrize("field", (
    "response", "segments", "request_length", "response_capacity",
    "segment_count", "order", "reserved"))
@pytest.mark.parametrize("flag", (CANCEL, CLOSE))
def test_a_cancel_and_a_close_have_nothing_else(queue, refused, flag, field):
    submission = Submission(flags=flag, context=9)
    vars(submission)[field] = 1
    assert refused(submission) == INVALID_REQUEST


def test_a_close_has_no_target(refused):
    assert refused(Submission(flags=CLOSE, request=1, context=9)) == \
        INVALID_REQUEST


@pytest.mark.parametrize("part", ("request", "response", "segments"))
@pytest.mark.parametrize("where", NOWHERE)
def test_an_address_that_is_no_memory(queue, refused, part, where):
    """Each part of the submission; a response is refused before it is asked
    for: what is done cannot be undone."""
    room = queue.ram.room(64)
    submission = queue.driver.request(b"q" * 64, capacity=64, flags=FROM_GUEST,
                                      pieces=[(room, 16)] * 4)
    setattr(submission, part, NOWHERE[where])
    assert refused(submission) == INVALID_REQUEST


@pytest.mark.parametrize("flag", (FROM_GUEST, TO_GUEST))
@pytest.mark.parametrize("where", NOWHERE)
def test_a_segment_that_is_no_memory(queue, refused, flag, where):
    good = queue.ram.room(64)
    submission = queue.driver.request(
        b"question", flags=flag, pieces=[(good, 64), (NOWHERE[where], 64)])
    assert refused(submission) == INVALID_REQUEST


def test_rom_is_read_and_not_written(queue):
    """A driver has no business there, but a copy of firmware is harmless."""
    before = queue.qemu.read_block(ROM, 64)
    for submission in (
            queue.driver.request(b"q", flags=TO_GUEST, pieces=[(ROM, 64)]),
            queue.driver.request(b"q", capacity=64)):
        if not submission.flags:
            submission.response = ROM
        user_data = queue.driver.submit(submission)
        queue.settle()
        queue.mediator.serve_all()
        queue.settle()
        for request in queue.mediator.requests:
            queue.mediator.answer(
                request, b"a" * 32,
                bulk=b"x" * 64 if request.bulk_length else None)
        assert queue.driver.wait_one(user_data).status == INVALID_REQUEST
    assert queue.qemu.read_block(ROM, 64) == before


SEGMENTS = {
    "an empty one": ([(64, 0)], INVALID_LENGTH),
    "an empty one among others": ([(64, 0), (0, 0), (64, 0)], INVALID_LENGTH),
    "a reserved field": ([(64, 0), (64, 1)], INVALID_REQUEST),
    "a byte more than a MiB": ([(TRANSFER_MAX, 0), (1, 0)], TOO_LARGE),
    "4 GiB": ([(2**32 - 1, 0)], TOO_LARGE),
    "a sum that goes round": ([(2**31, 0), (2**31, 0), (64, 0)], TOO_LARGE),
}
SEGMENTS["an empty one"] = ([(0, 0)], INVALID_LENGTH)


@pytest.mark.parametrize("flag", (FROM_GUEST, TO_GUEST))
@pytest.mark.parametrize("name", SEGMENTS)
def test_segments_that_are_wrong(queue, refused, flag, name):
    segments, status = SEGMENTS[name]
    room = queue.ram.room(TRANSFER_MAX)
    table = queue.ram.room(16 * len(segments))
    queue.ram.write(table, b"".join(SEGMENT.pack(room, length, reserved)
                                    for length, reserved in segments))
    submission = queue.driver.request(b"question", flags=flag)
    submission.segments, submission.segment_count = table, len(segments)
    assert refused(submission) == status


# What fits

@pytest.mark.parametrize("length", (1, 31, 32, 4095, 4096, 4097, 65535, 65536))
def test_lengths_of_requests_and_responses(queue, length):
    question, answer = pattern(length), pattern(length, 2)
    queue.work(question, answer, capacity=max(32, length))
    if length >= 32:
        queue.work(b"q", answer, capacity=length)
        queue.work(question, b"a", capacity=32)


def test_nothing_but_the_answer_is_written(queue):
    """Around a response, and in the part of it that is not used"""
    guard = b"\xa5" * 4096
    room = queue.ram.room(3 * 4096)
    queue.ram.write(room, guard * 3)
    submission = queue.driver.request(b"question", capacity=100)
    submission.response = room + 4096 + 7
    queue.driver.submit(submission)
    request, = queue.arrive()
    queue.answer(request, b"answer" * 10)
    image = queue.ram.read(room, 3 * 4096)
    assert image == guard + b"\xa5" * 7 + b"answer" * 10 + \
        guard[67:] + guard


def cut(total, pieces):
    """(offset, length) of as many pieces, none of them on a page's bounds"""
    bounds = [0, *sorted(random.Random(3).sample(range(1, total), pieces - 1)),
              total]
    return [(start, end - start) for start, end in zip(bounds, bounds[1:])]


@pytest.mark.parametrize("total, pieces", (
    (1, 1), (4096, 1), (4097, 3), (65536, 20), (TRANSFER_MAX, 1),
    (TRANSFER_MAX, SEGMENTS_MAX), (300, 257)))
@pytest.mark.parametrize("reverse", (False, True))
def test_bulk(queue, total, pieces, reverse):
    """Both ways, from pieces anywhere, in any order"""
    base = queue.ram.room(total + 8192) + 1
    parts = [(base + offset, length) for offset, length in cut(total, pieces)]
    if reverse:
        parts.reverse()
    data = pattern(total)
    queue.ram.write(base, data)
    in_order = b"".join(data[address - base:address - base + length]
                        for address, length in parts)
    user_data = queue.ask(flags=FROM_GUEST, pieces=parts)
    request, = queue.arrive()
    assert request.bulk() == in_order
    completion = queue.answer(request)
    assert (completion.user_data, completion.status) == (user_data, 0)
    assert completion.bulk_moved == total

    answer = pattern(total, 5)
    queue.ask(flags=TO_GUEST, pieces=parts)
    request, = queue.arrive()
    completion = queue.answer(request, bulk=answer)
    assert (completion.status, completion.bulk_moved) == (0, total)
    assert b"".join(queue.ram.read(address, length)
                    for address, length in parts) == answer
    assert queue.ram.read(base - 1, 1) == b"\0"
    assert queue.ram.read(base + total, 1) == b"\0"


@pytest.mark.parametrize("moved", (0, 1, 4096, 5000))
def test_bulk_that_is_moved_in_part(queue, moved):
    room = queue.ram.room(8192)
    queue.ask(flags=TO_GUEST, pieces=[(room, 4096), (room + 4096, 4096)])
    request, = queue.arrive()
    completion = queue.answer(request, bulk=b"x" * 8192, moved=moved)
    assert completion.bulk_moved == moved
    assert queue.ram.read(room, 8192) == b"x" * moved + bytes(8192 - moved)


def test_an_error_moves_what_it_says(queue):
    room = queue.ram.room(4096)
    queue.ask(flags=TO_GUEST, pieces=[(room, 4096)])
    request, = queue.arrive()
    completion = queue.answer(request, b"why", bulk=b"x" * 4096, moved=0,
                              status=BACKEND_ERROR)
    assert completion.status == BACKEND_ERROR
    assert queue.driver.response(completion) == b"why"
    assert not any(queue.ram.read(room, 4096))


@pytest.mark.parametrize("status", sorted(
    code for name, code in abi.names("VGPU_STUB_ERR_").items()))
def test_every_status_reaches_the_driver(queue, status):
    queue.ask()
    request, = queue.arrive()
    completion = queue.answer(request, b"text", status=status)
    assert completion.status == status
    assert queue.driver.response(completion) == b"text"


def test_what_the_mediator_learns(queue):
    submission = queue.driver.request(b"question", capacity=777, order=0xfedc,
                                      context=0xffffffff)
    submission.user_data = 0x123456789abcdef0
    queue.driver.submit(submission)
    request, = queue.arrive()
    assert request.request_id == 0x9abcdef0
    assert request.order == 0xfedc
    assert (request.request_length, request.response_capacity) == (8, 777)
    assert (request.bulk_length, request.flags) == (0, 0)
    queue.answer(request)


# What a submission must not reach

@pytest.mark.parametrize("flag", (FROM_GUEST, TO_GUEST))
def test_segments_aimed_at_the_ring(queue, flag):
    """It is the guest's memory like any other: it can break its own ring, and
    nothing else."""
    ring = queue.driver.ring
    queue.work()
    queue.ask(flags=flag, pieces=[(ring.address, 64), (ring.address + 64,
                                                       ring.size - 64)])
    request, = queue.arrive()
    queue.mediator.answer(request, bulk=b"\xff" * request.bulk_length
                          if flag == TO_GUEST else None)
    queue.settle()
    queue.dev.QUEUE_DOORBELL = 1
    queue.settle()
    queue.driver.pending.clear()
    queue.dev.QUEUE_CONTROL = 0
    queue.mediator.sync()
    queue.mediator.finish_closing()
    queue.driver.enable()
    queue.work()


def test_a_response_aimed_at_its_own_entry(queue):
    """The entry was copied before it was looked at."""
    submission = queue.driver.request(b"question", capacity=64)
    submission.response = queue.driver.ring.submission_at(0)
    user_data = queue.driver.submit(submission)
    request, = queue.arrive()
    completion = queue.answer(request, b"\xff" * 64)
    assert (completion.user_data, completion.status) == (user_data, 0)
    queue.work()


def test_an_entry_that_changes_after_it_was_taken(queue):
    room = queue.ram.room(4096)
    submission = queue.driver.request(b"question", flags=TO_GUEST,
                                      pieces=[(room, 4096)])
    queue.driver.submit(submission)
    request, = queue.arrive()
    queue.driver.ring.put(0, Submission(*[2**32 - 1] * 11))
    queue.ram.write(submission.segments, b"\xff" * 16)
    completion = queue.answer(request, bulk=b"x" * 4096)
    assert completion.status == 0
    assert queue.ram.read(room, 4096) == b"x" * 4096


def test_a_mapping_that_fails(queue):
    """QEMU maps one piece of what is no RAM at a time, and that is taken: the
    device's own buffer there is never used."""
    queue.work()
    for flag in FROM_GUEST, TO_GUEST:
        queue.ask(flags=flag, pieces=[(0xfee00000, 4096), (0xfec00000, 4096)])
        queue.settle()
        for request in queue.mediator.requests:
            queue.mediator.answer(request, bulk=b"x" * request.bulk_length)
        completion, = queue.driver.wait()
        assert completion.status == INVALID_REQUEST
    queue.work()


@pytest.mark.parametrize("seed", range(10))
def test_every_field_random(queue, seed):
    """Whatever it is: one completion each, and the queue lives."""
    dice = random.Random(seed)
    queue.work()

    def anything(bits):
        return dice.choice((0, 1, dice.getrandbits(bits), dice.getrandbits(8),
                            2**bits - 1, dice.randrange(0x100000, RAM_END)
                            % 2**bits))

    for number in range(100):
        fields = [anything(64) for _ in range(4)] + \
            [anything(32) for _ in range(6)] + [dice.choice((0, anything(64)))]
        submission = Submission(*fields)
        submission.flags = dice.choice((submission.flags, 0,
                                        dice.randrange(32)))
        submission.context = dice.choice((submission.context, 1, 2))
        submission.user_data = 0x1000 + number      # the model needs it
        # The model's own memory is no target.
        submission.response = dice.choice((submission.response % 2**64 |
                                           0x2000000, 0x200000))
        queue.driver.submit(submission)
    queue.finish()
    assert queue.dev.QUEUE_STATE == abi.VGPU_STUB_QUEUE_ON


def test_without_a_mediator(start_queue):
    queue = start_queue(version=None)
    for _ in range(3):
        user_data = queue.ask()
        assert queue.driver.wait_one(user_data).status == UNAVAILABLE
