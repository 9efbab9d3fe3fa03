# SPDX-License-Identifier: GPL-2.0-or-later
"""The state machine: each transition of the register map, and no other."""
import pytest

from support import abi
from support.abi import (VGPU_STUB_DOORBELL_ACK as ACK,
                         VGPU_STUB_DOORBELL_SUBMIT as SUBMIT,
                         VGPU_STUB_STATUS_BUSY as BUSY,
                         VGPU_STUB_STATUS_DONE as DONE,
                         VGPU_STUB_STATUS_ERROR as ERROR,
                         VGPU_STUB_STATUS_IDLE as IDLE)
from support.device import Device
from support.fake_mediator import FakeMediator


def start(linked, payload=b"question", request_id=7):
    linked.dev.submit(payload, request_id)
    return linked.mediator.expect_request()


def finish(linked, payload=b"answer", status=0):
    """A request that has ended, its outcome not seen yet."""
    linked.mediator.respond(start(linked), payload, status)


def test_a_request_and_its_answer(linked):
    dev = linked.dev
    request = start(linked, bytes(range(256)) * 4, 0xfeedface)
    assert request.payload == bytes(range(256)) * 4
    assert request.request_id == 0xfeedface
    assert request.status == request.flags == 0
    assert dev.STATUS == BUSY
    assert dev.RESPONSE_LEN == 0
    linked.qemu.clock_step(5)
    linked.mediator.respond(request, bytes(range(255, -1, -1)) * 4)
    assert dev.STATUS == DONE
    assert dev.ERROR_CODE == 0
    assert dev.RESPONSE_LEN == 1024
    assert dev.INTERRUPT_STATUS == 1
    assert dev.response() == bytes(range(255, -1, -1)) * 4


@pytest.mark.parametrize("length", (1, 2, 3, 7, 8, 9, 1023, 1024))
def test_lengths(linked, length):
    payload = bytes(i * 3 & 0xff for i in range(length))
    request = start(linked, payload)
    assert request.payload == payload
    linked.mediator.respond(request, payload[::-1])
    block = linked.dev.read_block(0, abi.VGPU_STUB_REG_LINK)
    answer = block[abi.VGPU_STUB_RESPONSE_BUF:]
    assert answer == payload[::-1] + bytes(1024 - length)


def test_sequence_numbers_are_new_each_time(linked):
    seen = set()
    for _ in range(5):
        request = start(linked)
        assert request.sequence not in seen
        seen.add(request.sequence)
        linked.mediator.respond(request)


def test_the_request_that_runs_is_what_the_guest_sees(linked):
    dev = linked.dev
    first = start(linked, b"first", 1)
    dev.write_block(abi.VGPU_STUB_REQUEST_BUF, b"other")
    dev.REQUEST_ID = 2
    dev.REQUEST_LEN = 3
    dev.DOORBELL = SUBMIT               # BUSY: ignored, all of them
    assert dev.STATUS == BUSY
    linked.mediator.respond(first, b"answer")
    assert first.payload == b"first" and first.request_id == 1
    assert (dev.REQUEST_ID, dev.REQUEST_LEN) == (1, 5)
    assert dev.read_block(abi.VGPU_STUB_REQUEST_BUF, 5) == b"first"
    dev.REQUEST_ID = 2                  # it has ended
    assert dev.REQUEST_ID == 2
    assert dev.STATUS == DONE
    assert dev.response() == b"answer"


def test_done_ends_with_the_last_response_byte(linked):
    dev = linked.dev
    finish(linked, b"0123456789")
    assert dev.STATUS == DONE
    dev.read_block(abi.VGPU_STUB_RESPONSE_BUF, 8)
    assert dev.STATUS == DONE
    dev.read(abi.VGPU_STUB_RESPONSE_BUF + 8, 1)
    assert dev.STATUS == DONE
    dev.read(abi.VGPU_STUB_RESPONSE_BUF + 9, 1)
    assert dev.STATUS == IDLE
    assert dev.RESPONSE_LEN == 10       # values stay readable
    assert dev.response() == b"0123456789"


@pytest.mark.parametrize("size", (1, 2, 4, 8))
def test_a_wide_read_over_the_last_byte_ends_done_too(linked, size):
    finish(linked, b"x" * 9)
    assert linked.dev.STATUS == DONE
    linked.dev.read(abi.VGPU_STUB_RESPONSE_BUF + 8, size)
    assert linked.dev.STATUS == IDLE


def test_done_without_response_ends_with_response_len(linked):
    finish(linked, b"")
    assert linked.dev.STATUS == DONE
    linked.dev.read_block(abi.VGPU_STUB_RESPONSE_BUF, 1024)
    assert linked.dev.STATUS == DONE
    assert linked.dev.RESPONSE_LEN == 0
    assert linked.dev.STATUS == IDLE


def test_error_ends_with_error_code(linked):
    dev = linked.dev
    finish(linked, b"why", abi.VGPU_STUB_ERR_BACKEND_ERROR)
    assert dev.STATUS == ERROR
    assert dev.response() == b"why"     # an error may carry bytes
    assert dev.STATUS == ERROR
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_BACKEND_ERROR
    assert dev.STATUS == IDLE
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_BACKEND_ERROR


def test_an_outcome_that_was_not_seen_is_not_lost(linked):
    """A block read that passed STATUS while BUSY meets the answer later."""
    dev = linked.dev
    request = start(linked)
    assert dev.STATUS == BUSY
    linked.mediator.respond(request, b"answer")
    assert dev.RESPONSE_LEN == 6
    dev.read_block(abi.VGPU_STUB_RESPONSE_BUF, 1024)
    assert dev.STATUS == DONE
    assert dev.response() == b"answer"
    assert dev.STATUS == IDLE


def test_an_error_that_was_not_seen_is_not_lost(linked):
    finish(linked, b"", abi.VGPU_STUB_ERR_QUEUE_FULL)
    assert linked.dev.ERROR_CODE == abi.VGPU_STUB_ERR_QUEUE_FULL
    assert linked.dev.STATUS == ERROR


@pytest.mark.parametrize("offset", (1, 2, 3))
def test_the_upper_bytes_of_status_show_no_outcome(linked, offset):
    finish(linked, b"x")
    linked.dev.read(abi.VGPU_STUB_REG_STATUS + offset, 1)
    linked.dev.read(abi.VGPU_STUB_RESPONSE_BUF, 1)
    assert linked.dev.STATUS == DONE


def test_one_block_read_collects_everything(linked):
    finish(linked, b"answer")
    block = linked.dev.read_block(0, abi.VGPU_STUB_REG_LINK)
    assert block[abi.VGPU_STUB_REG_STATUS] == DONE
    assert block[abi.VGPU_STUB_RESPONSE_BUF:][:6] == b"answer"
    assert linked.dev.STATUS == IDLE


def test_doorbell_2_acknowledges(linked):
    for status in (0, abi.VGPU_STUB_ERR_BACKEND_ERROR):
        finish(linked, b"answer", status)
        linked.dev.DOORBELL = ACK
        assert linked.dev.STATUS == IDLE
        assert linked.dev.ERROR_CODE == status
        assert linked.dev.response() == b"answer"


def test_doorbell_2_while_idle_does_nothing(linked):
    linked.dev.DOORBELL = ACK
    assert linked.dev.STATUS == IDLE
    assert linked.dev.INTERRUPT_STATUS == 0


def test_doorbell_2_aborts(linked):
    dev = linked.dev
    request = start(linked, request_id=9)
    dev.REQUEST_ID = 10
    dev.DOORBELL = ACK
    assert dev.STATUS == ERROR
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_CANCELLED
    cancel = linked.mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
    assert (cancel.sequence, cancel.request_id) == (request.sequence, 9)
    assert cancel.payload == b""
    linked.mediator.respond(request, b"too late")
    assert dev.RESPONSE_LEN == 0


@pytest.mark.parametrize("status", (0, abi.VGPU_STUB_ERR_BACKEND_ERROR))
def test_submit_from_done_and_error(linked, status):
    dev = linked.dev
    finish(linked, b"a long old answer", status)
    request = start(linked)
    assert dev.STATUS == BUSY
    assert dev.RESPONSE_LEN == dev.ERROR_CODE == 0
    assert not any(dev.read_block(abi.VGPU_STUB_RESPONSE_BUF, 1024))
    linked.mediator.respond(request, b"new")
    assert dev.response() == b"new"


@pytest.mark.parametrize("length, code", (
    (0, abi.VGPU_STUB_ERR_INVALID_LENGTH),
    (1025, abi.VGPU_STUB_ERR_REQUEST_TOO_LARGE),
    (0xffffffff, abi.VGPU_STUB_ERR_REQUEST_TOO_LARGE)))
def test_bad_lengths_are_refused_at_once(linked, length, code):
    dev = linked.dev
    finish(linked, b"old")
    dev.INTERRUPT_STATUS = 1
    dev.REQUEST_LEN = length
    dev.DOORBELL = SUBMIT
    assert dev.STATUS == ERROR
    assert dev.INTERRUPT_STATUS == 1
    assert dev.RESPONSE_LEN == 0
    assert dev.ERROR_CODE == code
    linked.mediator.sync()              # and nothing was sent


def test_without_mediator(dev):
    dev.submit(b"anyone?")
    assert dev.STATUS == ERROR
    assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
    assert dev.STATUS == IDLE


def test_timestamp_is_the_virtual_time_of_completion(linked):
    dev = linked.dev
    linked.qemu.clock_step(5_000_000)   # 5,000 s: more than 32 bits of µs
    request = start(linked)
    linked.qemu.clock_step(2)
    linked.mediator.respond(request)
    latched = dev.TIMESTAMP_HI << 32 | dev.TIMESTAMP_LO
    assert 5_000_002_000 <= latched < 5_000_003_000
    linked.qemu.clock_step(7)
    assert dev.TIMESTAMP_HI << 32 | dev.TIMESTAMP_LO == latched


def test_timeout(start_qemu, link_path):
    qemu = start_qemu("request-timeout-ms=250")
    dev = Device(qemu)
    assert dev.REQUEST_TIMEOUT_MS == 250
    with FakeMediator.accept(link_path) as mediator:
        dev.submit(b"slow")
        request = mediator.expect_request()
        qemu.clock_step(249)
        assert dev.STATUS == BUSY
        qemu.clock_step(1)
        assert dev.STATUS == ERROR
        assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_TIMEOUT
        assert dev.INTERRUPT_STATUS == 1
        cancel = mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
        assert cancel.sequence == request.sequence
        mediator.respond(request, b"late")
        assert dev.RESPONSE_LEN == 0
        # The next request has its whole time.
        dev.submit(b"next")
        request = mediator.expect_request()
        qemu.clock_step(249)
        mediator.respond(request, b"in time")
        assert dev.STATUS == DONE
        qemu.clock_step(1000)
        assert dev.STATUS == DONE


def test_timeout_0_is_never(start_qemu, link_path):
    qemu = start_qemu("request-timeout-ms=0")
    with FakeMediator.accept(link_path) as mediator:
        dev = Device(qemu)
        dev.submit(b"slow")
        request = mediator.expect_request()
        qemu.clock_step(10**7)
        assert dev.STATUS == BUSY
        mediator.respond(request, b"after hours")
        assert dev.STATUS == DONE
