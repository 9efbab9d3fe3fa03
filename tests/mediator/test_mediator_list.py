# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of the catalogue's kernels, by the mailbox and by the queue."""
import struct

import pytest

from support import abi, operations
from support.fake_queue_device import FakeQueueDevice
from support.kernel_list import ROW, catalogue, decode

OK = abi.VGPU_STUB_ERR_NONE
INVALID_LENGTH = abi.VGPU_STUB_ERR_INVALID_LENGTH


def read_list(ask):
    """The whole list, and how many rows each page had. ask(first) returns
    status, results and data."""
    found, pages, total = [], [], 1
    while len(found) < total:
        status, results, data = ask(len(found))
        assert status == OK, data
        total, = struct.unpack("<I", results)
        pages.append(len(data) // ROW.size)
        found += decode(data)
    return found, pages


def test_by_the_mailbox(peer):
    def ask(first):
        return peer.call(operations.list_kernels(first))

    wanted = list(catalogue())
    found, pages = read_list(ask)
    assert found == wanted
    assert pages == [24, len(wanted) - 24]
    assert ask(len(wanted)) == (OK, struct.pack("<I", len(wanted)), b"")


@pytest.mark.parametrize("capacity, page", ((76, 1), (155, 2), (65536, 256)))
def test_by_the_queue(start, sockets, capacity, page):
    start("--socket-dir", sockets)
    with FakeQueueDevice(sockets / "7-0.sock").greet() as link:
        context = link.open()

        def ask(first, capacity=capacity):
            answer = context.ask(operations.list_kernels(first),
                                 capacity=capacity)
            return answer.status, *operations.results(answer.payload)

        wanted = list(catalogue())
        found, pages = read_list(ask)
        assert found == wanted
        assert max(pages) == min(page, len(wanted))
        assert ask(0, 75)[0] == INVALID_LENGTH
        assert ask(len(wanted), 36) == (OK, struct.pack("<I", len(wanted)),
                                        b"")
        assert ask(len(wanted), 35)[0] == INVALID_LENGTH
