# SPDX-License-Identifier: GPL-2.0-or-later
"""The mediator's side of a device's queue."""
import pytest

from support import abi, operations, wire
from support.fake_queue_device import FakeQueueDevice, context_message

NONE = abi.VGPU_STUB_ERR_NONE


@pytest.fixture
def device(tmp_path):
    device = FakeQueueDevice(tmp_path / "vm.sock")
    yield device
    device.close()


def data(answer):
    """The data of an answer that has no error"""
    assert answer.status == NONE, answer
    return operations.results(answer.payload)[1]


def why(answer):
    """The sentence of an answer that has one"""
    assert answer.status != NONE, answer
    return operations.results(answer.payload)[1].decode("ascii")


def test_echo(peer):
    context = peer.open()
    answer = context.ask(operations.echo(b"over the queue"), request_id=77)
    assert data(answer) == b"over the queue"
    assert answer.request_id == 77
    assert context.close() == []
