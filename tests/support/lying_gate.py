#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A gate of a host that was taken over: it says what none would.

It is run by a link to it called vgpu-gate; the file `lie` beside the link names
what it does. Else it answers each request with nothing but a header. One that
`waits` reads on after its first answer when there is a file `go`; what it gets is
in `record`, by types. One that `returns` says that it has executed a request, and
answers when there is that file. One that lies `sometimes N` answers validly but for
one request in ten, by random numbers that begin with N.
"""
import os
import random
import struct
import sys
import time
from pathlib import Path

HERE = Path(sys.argv[0]).parent
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import abi, wire               # noqa: E402
from support.wire import Message, response  # noqa: E402

DATA, GONE, CAME, COMPUTED = 0x103, 0x104, 0x106, 0x107
HELLO = struct.Struct("<2I64s")
QRESPONSE = abi.VGPU_STUB_MSG_QRESPONSE


def hello(version=3, place=b"liar", **fields):
    return Message(abi.VGPU_STUB_MSG_HELLO, HELLO.pack(version, 0, place),
                   **fields).encode()


def data(offset, size):
    return Message(DATA, struct.pack("<Q", offset) + b"x" * size).encode()


def progress(kind, number):
    return Message(kind, request_id=number).encode()


HELLOS = {
    "another version": hello(1),
    "no place": hello(place=b""),
    "a place with blanks": hello(place=b"two words"),
    "a place with escapes": hello(place=b"\x1b[2J"),
    "a place without an end": hello(place=b"x" * 64),
    "a short hello": Message(abi.VGPU_STUB_MSG_HELLO, b"liar").encode(),
    "an empty hello": Message(abi.VGPU_STUB_MSG_HELLO).encode(),
    "data at once": data(0, 8),
    "a shell's greeting": b"Welcome to Debian!\n" * 100,
    "2 GiB": Message(abi.VGPU_STUB_MSG_HELLO, length=1 << 31).encode(),
}

# Before the answer to a request, by the size of the arena
LIES = {
    "beyond the arena": lambda size: data(size, 1),
    "over its end": lambda size: data(size - 1, 2),
    "at the end of all": lambda size: data((1 << 64) - 1, 2),
    "at half of all": lambda size: data(1 << 63, 100),
    "no data": lambda size: data(0, 0),
    "too much data": lambda size: data(0, 32769),
    "half an offset": lambda size: Message(DATA, b"1234").encode(),
    "hello again": lambda size: hello(),
    "gone without a word": lambda size: Message(GONE).encode(),
    "gone with too many": lambda size: Message(GONE, b"x" * 401).encode(),
    "gone in no words": lambda size: Message(GONE, b"\xff\xfe").encode(),
    "an unknown message": lambda size: Message(0x105, b"x").encode(),
    "a ping": lambda size: Message(abi.VGPU_STUB_MSG_PING).encode(),
    "memory that it has not": lambda size: Message(
        0x101, struct.pack("<QQ", 1 << 40, 0)).encode(),
    "memory of a fraction": lambda size: Message(
        0x101, struct.pack("<QQ", 0, 1)).encode(),
    "bytes that came before": lambda size: progress(CAME, 1),
    "bytes of another": lambda size: progress(CAME, 2),
    "computed twice": lambda size: 2 * progress(COMPUTED, 1),
    "another was computed": lambda size: progress(COMPUTED, 2),
    "an answer of a mailbox": lambda size: Message(
        abi.VGPU_STUB_MSG_RESPONSE, response(), 1).encode(),
}

# status, response's length, bulk, as an answer has them; how far its number is off
ANSWERS = {
    "a long answer": (0, 5000, 0, 0),
    "a short answer": (0, 31, 0, 0),
    "bulk of nothing": (0, 32, 1, 0),
    "4 GiB of bulk": (0, 32, (1 << 32) - 1, 0),
    "another number": (0, 32, 0, 1),
    "an unknown status": (0x100, 32, 0, 0),
}


# What it says that a request took, in µs, when it lies sometimes
TIMES = [0, 1, 1000, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


def wait_to_go():
    while not (HERE / "go").exists():
        time.sleep(0.01)


def main():
    if "--probe" in sys.argv:
        return
    lie = (HERE / "lie").read_text()
    dice = None
    if lie.startswith("sometimes"):
        dice = random.Random(lie)
    sys.stdout.buffer.write(HELLOS.get(lie, hello()))
    sys.stdout.flush()
    if lie == "silent":
        time.sleep(1000)
    size = 0
    record = open(HERE / "record", "w")
    while True:
        header = sys.stdin.buffer.read(wire.HEADER.size)
        if len(header) < wire.HEADER.size:
            return
        _, _, kind, length, number, _, tell, _ = wire.HEADER.unpack(header)
        payload = sys.stdin.buffer.read(length)
        print(kind, file=record, flush=True)
        if kind == abi.VGPU_STUB_MSG_ARENA:
            _, size, *_ = wire.ARENA.unpack(payload)
        elif kind == abi.VGPU_STUB_MSG_PING:
            os.write(1, Message(abi.VGPU_STUB_MSG_PONG).encode())
        elif kind == abi.VGPU_STUB_MSG_QREQUEST and lie != "is mute":
            context = wire.QREQUEST.unpack(payload)[0]
            took, room = TIMES[-1], 32
            if dice is not None:
                lie = dice.choice([*LIES, *ANSWERS]) \
                    if dice.random() < 0.1 else ""
                took, room = dice.choice(TIMES), dice.randint(32, 4096)
            status, length, bulk, off = ANSWERS.get(lie, (0, room, 0, 0))
            said = LIES.get(lie, lambda size: b"")(size)
            if lie == "floods":
                said = data(0, 1) * 100000
            if tell and lie != "is hasty":
                said += progress(CAME, number)
            if lie == "returns":
                os.write(1, progress(COMPUTED, number))
                wait_to_go()
            os.write(1, said + Message(QRESPONSE, wire.QRESPONSE.pack(
                context, length, bulk, 0, 0, 0, 0), number + off,
                sequence=took, status=status).encode())
            if lie == "waits":
                wait_to_go()


if __name__ == "__main__":
    main()
