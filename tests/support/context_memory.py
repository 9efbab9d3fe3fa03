# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of a context, by the queue's requests; what ends with the context."""
import struct

from support import abi, operations


def alloc(context, size):
    """(status, handle); without a handle where it is refused"""
    answer = context.ask(operations.alloc(size))
    results = operations.results(answer.payload)[0]
    return answer.status, results and struct.unpack("<Q", results)[0]


def write(context, handle, data):
    return context.ask(operations.copy(abi.VGPU_STUB_COPY_TO_DEVICE, len(data),
                                       handle), bulk=data)


def read(context, handle, length):
    return context.ask(operations.copy(abi.VGPU_STUB_COPY_FROM_DEVICE, length,
                                       handle), room=length)


def lose(link, sent):
    """The answers to what was sent in a context that is lost, in that order"""
    answers = {}
    refused = []
    while len(answers) < len(sent) or not refused:
        message = link.receive()
        if message.type == abi.VGPU_STUB_MSG_REFUSED:
            refused.append(message.status)
        else:
            answer = link.take(message)
            assert answer.sequence not in answers
            answers[answer.sequence] = answer
    assert refused == [abi.VGPU_STUB_ERR_CONTEXT_LOST]
    return [answers[sequence] for sequence in sent]
