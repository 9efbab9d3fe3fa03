#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A worker of a host that was taken over: what it answers is not true.

It is the program's worker in the stead of the one that VGPU_STUB_TEST_TRUTH
names, passes everything on between both, and changes answers by the lie that
VGPU_STUB_TEST_LIE names; another word begins random numbers, for random bytes.
"""
import mmap
import os
import random
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import abi, opencl, wire       # noqa: E402
from support.arena import Arena             # noqa: E402
from support.opencl import OPCODE           # noqa: E402

LIE = os.environ["VGPU_STUB_TEST_LIE"]
MUCH = b"9" * 60000

# What has failed has succeeded by these.
GOOD = ("large pixels", "pixels of nearly all", "a long name",
        "a log without end")


def device_texts(body, payload):
    """Texts without an end, which fill the room that there is for them"""
    _, param = struct.unpack_from("<2I", body)
    if param == opencl.CL["CL_DEVICE_VERSION"]:
        return b"OpenCL 3.0 ".ljust(128, b"9")
    if param in (opencl.CL["CL_DEVICE_NAME"], opencl.CL["CL_DRIVER_VERSION"]):
        return b"9" * 256
    if param in (opencl.CL["CL_DEVICE_OPENCL_C_FEATURES"],
                 opencl.CL["CL_DEVICE_EXTENSIONS_WITH_VERSION"]):
        return struct.pack("<I64s", 1, b"9" * 64)
    return payload


def on(*names):
    """Only of these commands"""
    return lambda change: {OPCODE[name]: change for name in names}


def build_says(log, kernels):
    """It is good, and has texts of so many bytes."""
    return on("PROGRAM_BUILD")(
        lambda body, payload: opencl.BUILD.pack(0, 0, log, kernels))


# A kernel whose name has more bytes than any request
LONG = opencl.KERNEL.pack(opencl.KERNEL.size + (2 << 20), 0, 2 << 20, 0) + \
    b"n" * (2 << 20)


def read_long(body, payload):
    _, _, at, size = opencl.COMMANDS["PROGRAM_READ"][1].unpack(body)
    return LONG[at:at + size]


LIES = {
    "device texts": on("DEVICE_INFO")(device_texts),
    "much of the device": on("DEVICE_INFO")(
        lambda body, payload: payload if len(payload) <= 8 else MUCH),
    "much of formats": on("IMAGE_FORMATS")(
        lambda body, payload: (payload * 8000)[:60000]),
    "much of kernels": on("KERNEL_INFO", "KERNEL_SUB_GROUP_INFO")(
        lambda body, payload: MUCH),
    "large pixels": on("IMAGE_CREATE")(
        lambda body, payload: struct.pack("<2I", 64, 0)),
    "pixels of nearly all": on("IMAGE_CREATE")(
        lambda body, payload: struct.pack("<2I", 2**32 - 1, 0)),
    "what is read": on("BUFFER_READ", "IMAGE_READ", "BUFFER_READ_RECT")(
        lambda body, payload: MUCH[:max(len(payload), 40000)]),
    "kernels": on("PROGRAM_READ")(
        lambda body, payload: b"\xff" * len(payload)),
    "builds": on("PROGRAM_BUILD", "PROGRAM_COMPILE", "PROGRAM_LINK")(
        lambda body, payload: struct.pack("<iIQQ", 0, 0, 2**63, 2**62)),
    "a long name": on("PROGRAM_READ")(read_long) | build_says(0, len(LONG)),
    "a log without end": on("PROGRAM_READ")(
        lambda body, payload: MUCH[:48 << 10]) | build_says(1 << 34, 0),
    "nothing": on(*OPCODE)(lambda body, payload: b""),
}


def commands(data):
    """{number: (opcode, its structure and tail)} of a batch"""
    first, count, _ = opencl.BATCH.unpack_from(data)
    at, found = opencl.BATCH.size, {}
    for number in range(first, first + count):
        at += -at % 8
        opcode, _, length = opencl.COMMAND.unpack_from(data, at)
        found[number] = opcode, data[at + opencl.COMMAND.size:at + length]
        at += length
    return found


def encode(answer):
    return opencl.ANSWER.pack(answer.next, len(answer.results),
                              len(answer.output)) + \
        b"".join(opencl.RESULT.pack(r.number, r.status, len(r.payload)) +
                 opencl.pad(r.payload) for r in answer.results) + answer.output


def change_results(answer, asked, room):
    """Each that the lie is about, as far as there is room"""
    for result in answer.results:
        opcode, body = asked[result.number]
        if LIE in GOOD:
            result.status = 0
        if opcode in LIES[LIE] and result.status == 0:
            left = room - len(encode(answer)) + len(result.payload) - 8
            result.payload = LIES[LIE][opcode](body, result.payload)[:left]


class Liar:
    """Between a program and its worker"""

    def __init__(self, program, worker):
        self.program, self.worker = program, worker
        self.requests = {}
        self.random = random.Random(LIE)

    def take_arena(self, payload, fd):
        _, size, small, large, _, _ = wire.ARENA.unpack(payload)
        self.arena = Arena(small, large)
        self.arena._map = mmap.mmap(fd, size)

    def take_request(self, number, payload):
        _, _, place, length, room, bulk, _ = wire.QREQUEST.unpack(payload)
        self.requests[number] = (place, room, bulk,
                                 self.arena.request(place, length))

    def receive(self):
        """A header and its descriptors; without a header, it has gone."""
        try:
            return socket.recv_fds(self.program, wire.HEADER.size, 1,
                                   socket.MSG_WAITALL)[:2]
        except ConnectionResetError:
            return b"", []

    def pass_on(self):
        """What the program says, until it has gone"""
        while True:
            header, fds = self.receive()
            if not header:
                break
            _, _, kind, length, number, *_ = wire.HEADER.unpack(header)
            payload = self.program.recv(length, socket.MSG_WAITALL) \
                if length else b""
            if kind == abi.VGPU_STUB_MSG_ARENA:
                self.take_arena(payload, fds[0])
            elif kind == abi.VGPU_STUB_MSG_QREQUEST:
                self.take_request(number, payload)
            socket.send_fds(self.worker, [header + payload], fds)
            for fd in fds:
                os.close(fd)
        self.worker.shutdown(socket.SHUT_WR)

    def garble(self, data):
        """A few bytes of it, at random"""
        data = bytearray(data)
        for _ in range(self.random.choice((0, 0, 1, 3))):
            data[self.random.randrange(len(data))] = \
                self.random.choice((0, 1, 0x7f, 0x80, 0xff))
        return bytes(data)

    def lie(self, message):
        """The answer to a request, changed"""
        place, room, bulk, request = self.requests.pop(message.request_id)
        context, length, _, *_ = wire.QRESPONSE.unpack(message.payload)
        response = self.arena.response(place, length)
        _, opcode, _, _, offset, size, _, _ = struct.unpack_from("<8I",
                                                                 request)
        if message.status or opcode != opencl.OP_OPENCL:
            return message
        answer = opencl.Answer.parse(
            response[wire.RESPONSE.size:])
        if LIE in LIES:
            change_results(answer, commands(request[offset:offset + size]),
                           room - wire.RESPONSE.size)
            data = encode(answer)
        else:
            data = self.garble(encode(answer))
        response = wire.response(data=data)
        self.arena.put_response(place, response)
        message.payload = wire.QRESPONSE.pack(context, len(response), bulk,
                                              0, 0, 0, 0)
        return message

    def answer(self):
        """What the worker says, until it has gone"""
        peer = wire.Peer(self.worker, None)
        try:
            while True:
                message = peer.receive()
                if message.type == abi.VGPU_STUB_MSG_QRESPONSE:
                    message = self.lie(message)
                self.program.sendall(message.encode())
        except (wire.Closed, BrokenPipeError):
            pass


def main():
    ours, theirs = socket.socketpair()
    worker = subprocess.Popen([os.environ["VGPU_STUB_TEST_TRUTH"],
                               *sys.argv[1:]], stdin=theirs)
    theirs.close()
    liar = Liar(socket.socket(fileno=0), ours)
    threading.Thread(target=liar.pass_on, daemon=True).start()
    liar.answer()
    worker.wait()


main()
