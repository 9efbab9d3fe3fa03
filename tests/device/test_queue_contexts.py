# SPDX-License-Identifier: GPL-2.0-or-later
"""Contexts, orders, places; what a cancel and a close end."""
import pytest

from support import abi
from support.abi import (VGPU_STUB_ERR_BACKEND_ERROR as BACKEND_ERROR,
                         VGPU_STUB_ERR_CANCELLED as CANCELLED,
                         VGPU_STUB_ERR_CONTEXT_LOST as CONTEXT_LOST,
                         VGPU_STUB_ERR_INVALID_REQUEST as INVALID_REQUEST,
                         VGPU_STUB_ERR_QUEUE_FULL as QUEUE_FULL,
                         VGPU_STUB_ERR_VM_QUARANTINED as VM_QUARANTINED,
                         VGPU_STUB_SUBMIT_BULK_FROM_GUEST as FROM_GUEST,
                         VGPU_STUB_SUBMIT_BULK_TO_GUEST as TO_GUEST,
                         VGPU_STUB_SUBMIT_WAITS as WAITS)
from support.fake_queue_mediator import qresponse
from support.ring import Submission
from support.wait import wait_for

CONTEXTS_MAX = abi.VGPU_STUB_QUEUE_CONTEXTS_MAX
WAITS_MAX = abi.VGPU_STUB_QUEUE_WAITS_MAX
LARGE = dict(capacity=65536)            # fits no small place


def statuses(completions):
    """{user_data: status}"""
    return {one.user_data: one.status for one in completions}


def test_requests_wait_for_their_context(queue):
    """It is announced once, with the first of them."""
    for number in range(3):
        queue.ask(b"%d" % number)
    queue.settle()
    assert len(queue.mediator.contexts) == 1
    assert not queue.mediator.requests
    assert [request.payload() for request in queue.arrive(3)] == [b"0", b"1",
                                                                 b"2"]
    queue.finish()


def test_contexts_are_new_each_time(queue):
    seen = set()
    for context in (1, 2, 1, 1):
        queue.work(context=context)
        number, = queue.mediator.contexts
        assert number not in seen
        seen.add(number)
        queue.driver.close(context)
        queue.finish()
        assert not queue.mediator.contexts


def test_contexts_do_not_wait_for_each_other(queue):
    queue.ask(b"one", context=1)
    queue.ask(b"two", context=2)
    queue.until(lambda: len(queue.mediator.contexts) == 2, "contexts")
    second = max(queue.mediator.contexts)
    queue.mediator.serve(queue.mediator.contexts[second])
    queue.until(lambda: queue.mediator.requests, "request")
    request, = queue.mediator.requests
    assert request.payload() == b"two"
    queue.answer(request)
    queue.finish()


def test_answers_in_another_order(queue):
    user_data = [queue.ask(b"%d" % order, order=order) for order in range(8)]
    for request in reversed(queue.arrive(8)):
        completion = queue.answer(request, request.payload())
        assert completion.user_data == user_data.pop()
        assert queue.driver.response(completion) == b"%d" % len(user_data)


def test_requests_of_an_order_arrive_in_order(queue):
    """Small and large ones, more than there are places"""
    sizes = [32, 65536, 32, 32, 65536, 65536, 65536, 32, 65536, 32] * 3
    for number, capacity in enumerate(sizes):
        queue.ask(b"%d" % number, capacity=capacity,
                  order=number % 2)
    seen = {0: [], 1: []}
    while len(seen[0]) + len(seen[1]) < len(sizes):
        queue.until(lambda: queue.mediator.serve_all(small=4, large=2) or
                    queue.mediator.requests, "request")
        for order in seen:
            for request in queue.mediator.requests:
                if request.order == order:
                    seen[order].append(int(request.payload()))
                    queue.answer(request)
                    break
    assert seen == {0: [*range(0, 30, 2)], 1: [*range(1, 30, 2)]}


def test_what_fits_a_small_place_does_not_wait_for_a_large_one(queue):
    for order in range(5):
        queue.ask(b"large", order=order, **LARGE)
    requests = queue.arrive(2, small=2, large=2)
    small = [queue.ask(b"small", order=10 + number) for number in range(2)]
    requests = queue.arrive(4)
    for request in requests[2:]:
        assert queue.answer(request).user_data in small
    queue.finish()


def test_small_requests_take_large_places_when_all_small_ones_are_taken(queue):
    for order in range(5):
        queue.ask(b"small", order=order)
    queue.until(lambda: queue.mediator.serve_all(small=2, large=2) or
                len(queue.mediator.requests) >= 2, "requests")
    queue.settle()
    # It may leave large places to large requests; none is used twice.
    assert len(queue.mediator.requests) in (2, 4)
    assert len(queue.finish()) == 5


def test_what_is_half_copied_keeps_its_turn(queue):
    """It has the only large place when what is older may go as well. Answers of
    megabytes end the turns in which it begins."""
    room = queue.ram.room(1 << 20)
    pieces = [(room + 4080 * number, 4080) for number in range(257)]
    bulk = dict(pieces=pieces, **LARGE)
    contexts = range(1, 9)
    for context in contexts:
        queue.ask(context=context, order=1, flags=TO_GUEST, **bulk)
        queue.ask(context=context, order=2)
    requests = queue.arrive(16, small=1, large=1)
    for context in contexts:
        queue.ask(context=context, order=3)         # no place is free
        queue.ask(context=context, order=3, **LARGE)    # waits for that
        queue.ask(context=context, order=4, flags=FROM_GUEST, **bulk)
    for request in sorted(requests, key=lambda request: request.order):
        queue.mediator.answer(request, moved=request.bulk_length)
    assert len(queue.finish()) == 40


def test_an_arena_without_small_places(queue):
    queue.ask(b"small")
    request, = queue.arrive(small=0, large=1)
    queue.answer(request)


def test_places_are_used_again_and_idle_memory_goes_back(queue):
    room = queue.ram.room(1 << 20)
    queue.ram.write(room, b"x" * (1 << 20))
    for _ in range(8):
        queue.ask(flags=FROM_GUEST, pieces=[(room, 1 << 20)])
    requests = queue.arrive(2, small=2, large=2)
    arena = requests[0].context.arena
    assert arena.resident() >= 2 << 20
    queue.finish()
    queue.until(lambda: arena.resident() <= 64 << 10, "memory given back")
    queue.work()                        # and can be used again


# Cancels

def test_much_memory_goes_back_in_turns(queue):
    """QEMU's main loop has other things to do between them."""
    room = queue.ram.room(1 << 20)

    def seen_as_it_goes():
        """How many MiB there are, as often as QEMU lets the test look"""
        for context in range(1, 33):
            for order in range(2):
                queue.ask(context=context, order=order, flags=FROM_GUEST,
                          pieces=[(room, 1 << 20)])
        arenas = [context.arena for context in {
            request.context.number: request.context
            for request in queue.arrive(64, small=2, large=2)}.values()]

        def resident():
            queue.dev.read(0)
            return sum(arena.resident() for arena in arenas) >> 20

        seen = {resident()}
        assert seen == {64}
        assert len(queue.finish()) == 64
        while 0 not in seen:
            seen.add(resident())
        return seen

    # A test that has no processor meanwhile misses it, and looks again.
    wait_for(lambda: len(seen_as_it_goes()) > 5, "looks between the turns")


def test_a_cancel_of_what_waits_for_its_arena(queue):
    target = queue.ask()
    other = queue.ask()
    cancel = queue.driver.cancel(target)
    done = statuses(queue.driver.wait(2))
    assert done == {target: CANCELLED, cancel: 0}
    request, = queue.arrive()
    assert queue.answer(request).user_data == other


def test_a_cancel_of_what_waits_for_a_place(queue):
    waiting = [queue.ask(order=order, **LARGE) for order in range(4)]
    queue.arrive(2, small=1, large=2)
    cancel = queue.driver.cancel(waiting[3])
    assert statuses(queue.driver.wait(2)) == {waiting[3]: CANCELLED, cancel: 0}
    first, second = queue.mediator.requests
    queue.answer(first)
    assert statuses(queue.finish()) == {waiting[1]: 0, waiting[2]: 0}


def test_a_cancel_of_what_the_mediator_has(queue):
    """It decides: its place is not free before it has answered."""
    target = queue.ask()
    request, = queue.arrive()
    cancel = queue.driver.cancel(target)
    assert queue.driver.wait_one(cancel).status == 0
    queue.settle()
    assert request.cancelled and target in queue.driver.pending
    queue.driver.cancel(target)         # once is enough
    queue.driver.wait()
    assert queue.answer(request, status=CANCELLED).status == CANCELLED
    target = queue.ask()
    request, = queue.arrive()
    queue.driver.cancel(target)
    queue.driver.wait()
    completion = queue.answer(request, b"it had begun")
    assert completion.status == 0
    assert queue.driver.response(completion) == b"it had begun"


@pytest.mark.parametrize("target", (0, 12345, 2**64 - 1))
def test_a_cancel_of_nothing(queue, target):
    queue.work()
    cancel = queue.driver.cancel(target)
    assert queue.driver.wait_one(cancel).status == 0
    cancel = queue.driver.cancel(target, context=55)
    assert queue.driver.wait_one(cancel).status == 0
    queue.mediator.sync()
    assert len(queue.mediator.contexts) == 1    # and 55 is none


def test_a_cancel_of_what_is_done(queue):
    completion = queue.work()
    cancel = queue.driver.cancel(completion.user_data)
    assert queue.driver.wait_one(cancel).status == 0


def test_a_cancel_of_another_contexts_request(queue):
    """It ends nothing of a context that it does not name."""
    target = queue.ask(context=1)
    request, = queue.arrive()
    cancel = queue.driver.cancel(target, context=2)
    assert queue.driver.wait_one(cancel).status == 0
    queue.settle()
    assert not request.cancelled
    queue.answer(request)


def test_a_cancel_comes_before_what_was_put_with_it(queue):
    """One doorbell for a request and its cancel: it never leaves."""
    driver = queue.driver
    queue.work()
    target = driver.put(driver.request(b"question"))
    cancel = driver.put(Submission(request=target, context=1,
                                   flags=abi.VGPU_STUB_SUBMIT_CANCEL))
    driver.kick()
    queue.settle()
    for request in queue.mediator.requests:     # or it has left already
        assert request.cancelled
        queue.mediator.answer(request, status=CANCELLED)
    assert statuses(driver.wait(2)) == {target: CANCELLED, cancel: 0}


@pytest.mark.parametrize("turns", range(6))
def test_a_cancel_in_the_middle_of_a_mebibyte(queue, turns):
    room = queue.ram.room(1 << 20)
    pieces = [(room + 4096 * number, 4096) for number in range(256)]
    queue.work()
    targets = [queue.ask(flags=flag, pieces=pieces, order=flag)
               for flag in (FROM_GUEST, TO_GUEST)]
    for _ in range(turns):
        queue.step()
    cancels = [queue.driver.cancel(target) for target in targets]
    completions = statuses(queue.finish())
    assert completions.keys() == {*targets, *cancels}
    assert all(completions[target] in (0, CANCELLED) for target in targets)
    queue.work()


# Closes

def test_a_close_completes_last(queue):
    asked = [queue.ask(order=order) for order in range(4)]
    requests = queue.arrive(4)
    close = queue.driver.close()
    queue.until(lambda: requests[0].context.closing, "close")
    assert close in queue.driver.pending
    for request in requests:
        queue.mediator.answer(request, status=CANCELLED)
    queue.settle()
    done = statuses(queue.driver.take())
    assert close in queue.driver.pending
    queue.mediator.end(requests[0].context)
    assert queue.driver.wait()[-1].user_data == close
    assert {**done, close: 0} == {**{one: CANCELLED for one in asked},
                                  close: 0}


def test_a_close_of_what_waits_for_its_arena(queue):
    asked = queue.ask()
    queue.settle()
    context, = queue.mediator.contexts.values()
    close = queue.driver.close()
    queue.settle()
    assert context.closing
    queue.mediator.end(context)
    assert statuses(queue.finish()) == {asked: CANCELLED, close: 0}


def test_a_close_that_crosses_the_arena(queue):
    """The mediator has sent it before it knew."""
    asked = queue.ask()
    queue.settle()
    context, = queue.mediator.contexts.values()
    close = queue.driver.close()
    queue.mediator.serve(context)
    queue.settle()
    assert context.closing
    queue.mediator.end(context)
    assert statuses(queue.finish()) == {asked: CANCELLED, close: 0}
    queue.work()


@pytest.mark.parametrize("turns", range(6))
def test_a_close_at_every_point(queue, turns):
    room = queue.ram.room(1 << 20)
    pieces = [(room + 4096 * number, 4096) for number in range(256)]
    asked = [queue.ask(flags=flag, pieces=pieces, order=flag)
             for flag in (FROM_GUEST, TO_GUEST)] + [queue.ask()]
    for turn in range(turns):
        queue.step()
        if turn > 1:
            queue.mediator.serve_all()
    close = queue.driver.close()
    completions = queue.finish()
    assert completions[-1].user_data == close
    assert statuses(completions).keys() == {*asked, close}
    queue.work()


def test_a_close_of_nothing(queue):
    close = queue.driver.close(context=77)
    assert queue.driver.wait_one(close).status == 0
    queue.mediator.sync()
    assert not queue.mediator.contexts


def test_what_follows_a_close(queue):
    """It is refused until the close has completed, what was before it is not;
    other contexts go on."""
    queue.work()
    close = queue.driver.close()
    late = [queue.ask(), queue.driver.close()]
    assert statuses(queue.driver.wait(2)) == {
        one: INVALID_REQUEST for one in late}
    queue.work(context=2)
    queue.step()
    queue.mediator.finish_closing()
    assert queue.driver.wait_one(close).status == 0
    queue.work()


def test_the_sixty_fifth_context(queue):
    for context in range(CONTEXTS_MAX):
        queue.ask(context=context)
    for request in queue.arrive(CONTEXTS_MAX, small=1, large=1):
        queue.answer(request)
    too_many = queue.ask(context=CONTEXTS_MAX)
    assert queue.driver.wait_one(too_many).status == QUEUE_FULL
    queue.driver.close(context=5)
    queue.finish()
    queue.work(context=CONTEXTS_MAX)


def test_a_closing_context_counts_until_it_has_closed(queue):
    for context in range(CONTEXTS_MAX):
        queue.ask(context=context)
    for request in queue.arrive(CONTEXTS_MAX, small=1, large=1):
        queue.answer(request)
    close = queue.driver.close(context=5)
    refused = queue.ask(context=100)
    assert queue.driver.wait_one(refused).status == QUEUE_FULL
    queue.step()
    queue.mediator.finish_closing()
    assert queue.driver.wait_one(close).status == 0


def test_seventeen_that_wait(queue):
    for order in range(WAITS_MAX):
        queue.ask(flags=WAITS, order=order)
    requests = queue.arrive(WAITS_MAX)
    assert all(request.flags == WAITS for request in requests)
    refused = queue.ask(flags=WAITS, order=99)
    assert queue.driver.wait_one(refused).status == QUEUE_FULL
    queue.ask(flags=WAITS, context=2)           # another's
    queue.arrive(WAITS_MAX + 1)
    queue.answer(requests[0])
    queue.ask(flags=WAITS, order=99)
    queue.arrive(WAITS_MAX + 1)
    queue.finish()


# Contexts that are refused or lost

def test_a_context_that_is_refused(queue):
    """Everything of it has the reason until it is closed."""
    asked = [queue.ask(), queue.ask()]
    queue.settle()
    context, = queue.mediator.contexts.values()
    queue.mediator.refuse(context, VM_QUARANTINED)
    assert statuses(queue.driver.wait(2)) == {
        one: VM_QUARANTINED for one in asked}
    later = queue.ask()
    assert queue.driver.wait_one(later).status == VM_QUARANTINED
    cancel = queue.driver.cancel(later)
    assert queue.driver.wait_one(cancel).status == 0
    queue.work(context=2)
    queue.driver.close()
    queue.finish()
    queue.work()


def test_a_context_that_is_lost(queue):
    """What the mediator has it still answers, nothing else is sent."""
    asked = [queue.ask(order=order, **LARGE) for order in range(4)]
    requests = queue.arrive(2, small=1, large=2)
    context = requests[0].context
    queue.mediator.answer(requests[0], status=BACKEND_ERROR)
    queue.mediator.refuse(context, CONTEXT_LOST)
    queue.settle()
    for request in queue.mediator.requests:
        queue.mediator.answer(request, status=CONTEXT_LOST)
    assert statuses(queue.driver.wait(4)) == {
        asked[0]: BACKEND_ERROR, **{one: CONTEXT_LOST for one in asked[1:]}}
    later = queue.ask()
    assert queue.driver.wait_one(later).status == CONTEXT_LOST
    queue.driver.close()
    queue.finish()
    queue.work()


# Answers that nobody waits for

def late(queue, closed):
    """An answered request, whose answer comes again"""
    queue.ask()
    request, = queue.arrive()
    queue.answer(request)
    if closed:
        queue.driver.close()
        queue.finish()
    return request


@pytest.mark.parametrize("closed", (False, True))
@pytest.mark.parametrize("change", (0, 1, -1, 2**63))
def test_an_answer_that_nobody_waits_for(queue, closed, change):
    """Twice, for a sequence that never was, after the close: it is dropped, as
    it may be late, and never completes another request."""
    request = late(queue, closed)
    other = queue.ask(b"other", context=2)
    queue.arrive()
    message = qresponse(request, 8)
    message.sequence = (message.sequence + change) % 2**64
    if message.sequence == queue.mediator.requests[0].sequence:
        message.sequence -= 2
    queue.mediator.send(message)
    queue.settle()
    waiting, = queue.mediator.requests
    assert not queue.driver.take()
    assert queue.answer(waiting, b"mine").user_data == other


def test_an_answer_with_another_contexts_number(queue):
    queue.ask(context=1)
    queue.ask(context=2)
    first, second = queue.arrive(2)
    message = qresponse(first, 8)
    message.sequence = second.sequence
    queue.mediator.send(message)
    queue.settle()
    assert not queue.driver.take()
    queue.finish()
