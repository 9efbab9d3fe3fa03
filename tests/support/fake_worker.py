#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A worker that does what a real one never would.

It is run by a link to it. What it does is the word in the file `behaviour`
beside the link; without such a file it answers each request with the
request's data. It writes its arguments to `worker-PID` there, or leaves an
empty `probe-PID`, and ignores SIGTERM.
"""
import mmap
import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path

HERE = Path(sys.argv[0]).parent
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import abi, wire               # noqa: E402
from support.wire import Message, response  # noqa: E402

HEADER = wire.REQUEST.size
RESPONSE = abi.VGPU_STUB_MSG_RESPONSE
QRESPONSE = abi.VGPU_STUB_MSG_QRESPONSE
LIMITS, MEMORY, GRANT = 0x100, 0x101, 0x102
FOR_EVER = 1000


def answer(number, payload=response(), **fields):
    return Message(RESPONSE, payload, request_id=number, **fields).encode()


def memory(held, wanted=0):
    return Message(MEMORY, struct.pack("<QQ", held, wanted)).encode()


ANSWERS = {
    "another request": lambda n: answer(n + 1),
    "too long": lambda n: answer(n, response(data=bytes(993))),
    "too short": lambda n: answer(n, response()[:31]),
    "empty": lambda n: answer(n, b""),
    "two statuses": lambda n: answer(n, status=5),
    "unknown status": lambda n: answer(n, response(status=0x100), status=0x100),
    "ping": lambda n: Message(abi.VGPU_STUB_MSG_PING, request_id=n).encode(),
    "hello again": lambda n: Message(abi.VGPU_STUB_MSG_HELLO).encode(),
    "reset": lambda n: Message(abi.VGPU_STUB_MSG_RESET).encode(),
    "garbage": lambda n: b"\xff" * 4096,
    "2 GiB": lambda n: answer(n, length=1 << 31),
    "twice": lambda n: answer(n) * 2,
    "memory of nobody": lambda n: memory(4096) + answer(n),
    "half a page": lambda n: memory(0, 100) + answer(n),
    "memory afterwards": lambda n: answer(n) + memory(0, 4096),
    "short memory": lambda n: Message(MEMORY, bytes(15)).encode(),
}


OUTPUTS = {
    "forges lines": b"\n<0>vgpu-mediatord: vm 8: gone\n\x1b[2Jx\xff\\\ttab\n",
    "prints a long line": b"a" * 100000 + b"\nafter\n",
    "prints many lines": b"".join(b"line %d\n" % n for n in range(1000)),
    "prints half a line": b"half",
}


class Mediator(wire.Peer):
    """The socket's other end, with the descriptor of an arena"""
    descriptor = None

    def _read(self, count):
        data = b""
        while len(data) < count:
            piece, fds, _, _ = socket.recv_fds(self.sock, count - len(data), 1)
            if not piece:
                raise wire.Closed
            self.descriptor = fds[0] if fds else self.descriptor
            data += piece
        return data


class Queue:
    """The context's arena, and answers to requests that are there"""

    def __init__(self, peer, message):
        self.number, size, self.small, *_ = wire.ARENA.unpack(message.payload)
        self.peer = peer
        self.memory = mmap.mmap(peer.descriptor, size)

    def _response_at(self, place):
        if place < self.small:
            return place * abi.VGPU_STUB_ARENA_SMALL + \
                abi.VGPU_STUB_ARENA_SMALL_REQUEST
        return self.small * abi.VGPU_STUB_ARENA_SMALL + \
            (place - self.small) * abi.VGPU_STUB_ARENA_LARGE + \
            abi.VGPU_STUB_ARENA_LARGE_REQUEST

    def serve(self, behaviour, message):
        _, _, place, _, capacity, bulk, _ = \
            wire.QREQUEST.unpack(message.payload)
        if behaviour == "scribbles":
            self.memory[:] = os.urandom(len(self.memory))
        else:
            start = self._response_at(place)
            self.memory[start:start + HEADER] = response()
        if behaviour in INTRUSIONS and self.intrude(behaviour, message):
            return
        kind, length, moved, status, times = {
            "more than the room": (QRESPONSE, capacity + 1, 0, 0, 1),
            "less than a header": (QRESPONSE, HEADER - 1, 0, 0, 1),
            "more bulk than there is": (QRESPONSE, HEADER, bulk + 1, 0, 1),
            "no such status": (QRESPONSE, HEADER, 0, 0x100, 1),
            "an answer of a mailbox": (RESPONSE, HEADER, 0, 0, 1),
            "two answers": (QRESPONSE, HEADER, 0, 0, 2),
        }.get(behaviour, (QRESPONSE, HEADER, bulk, 0, 1))
        payload = wire.QRESPONSE.pack(self.number, length, moved, 0, 0, 0, 0)
        self.peer.send(*[Message(kind, payload, message.request_id,
                                 status=status)] * times)


    def intrude(self, behaviour, message):
        """What comes before the answer; True: it was one."""
        number = message.request_id
        arena = wire.ARENA.pack(self.number, len(self.memory), self.small, 4,
                                0, 0)
        if behaviour == "the next request's answer":
            number += 1
        elif behaviour == "asks without end":
            # Nor does it read what it gets.
            while True:
                self.peer.send(*[Message(MEMORY, struct.pack(
                    "<QQ", 0, 1 << 62))] * 100)
        elif behaviour == "cuts its memory":
            try:
                os.ftruncate(self.peer.descriptor, 0)
            except PermissionError:
                return False
        said = {
            "greets again": Message(abi.VGPU_STUB_MSG_HELLO),
            "gives an arena": Message(abi.VGPU_STUB_MSG_ARENA, arena),
            "requests": Message(abi.VGPU_STUB_MSG_QREQUEST,
                                message.payload, number),
        }.get(behaviour, Message(QRESPONSE, wire.QRESPONSE.pack(
            self.number, HEADER, 0, 0, 0, 0, 0), number))
        fds = [0] * (200 if behaviour == "gives descriptors" else 0)
        socket.send_fds(self.peer.sock, [said.encode()], fds)
        return bool(fds)


# What comes before an answer
INTRUSIONS = ("the next request's answer", "greets again", "gives an arena",
              "requests", "asks without end", "cuts its memory",
              "gives descriptors")


def fork_twice():
    """Leave a process on its own, which tells its pid in a file."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            for signum in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(signum, signal.SIG_IGN)
            (HERE / f"orphan-{os.getpid()}").write_text("")
            time.sleep(FOR_EVER)
        os._exit(0)
    os.wait()


def serve(behaviour):
    if behaviour == "exits at once":
        sys.exit(3)
    if behaviour == "does not start":
        time.sleep(FOR_EVER)
    peer = Mediator(socket.socket(fileno=0), timeout=FOR_EVER)
    if behaviour == "no hello":
        peer.send(answer(1))
        time.sleep(FOR_EVER)
    peer.send(Message(abi.VGPU_STUB_MSG_HELLO))
    limits = None
    held = 0
    while True:
        request = peer.receive()
        if request.type == LIMITS:
            limits = request.payload
            continue
        if request.type == abi.VGPU_STUB_MSG_ARENA:
            queue = Queue(peer, request)
            continue
        if request.type == abi.VGPU_STUB_MSG_QREQUEST and \
                behaviour != "never answers":
            queue.serve(behaviour, request)
            continue
        assert request.type in (abi.VGPU_STUB_MSG_REQUEST,
                                abi.VGPU_STUB_MSG_QREQUEST), request
        if behaviour == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif behaviour == "closes its socket":
            peer.sock.shutdown(socket.SHUT_RDWR)
            time.sleep(FOR_EVER)
        elif behaviour == "forks twice":
            fork_twice()
            time.sleep(FOR_EVER)
        elif behaviour == "forks twice and answers":
            fork_twice()
        elif behaviour in OUTPUTS:
            os.write(2, OUTPUTS[behaviour])
        elif behaviour == "prints without end":
            os.write(1, b"x" * 65536)
            (HERE / "printing").write_text("")
            while True:
                os.write(1, b"x" * 65536)
        elif behaviour == "never answers":
            time.sleep(FOR_EVER)
        elif behaviour == "takes its time":
            time.sleep(0.3)
        if behaviour in ("holds memory", "hoards memory"):
            # A page, or as much as it gets
            while not (held and behaviour == "holds memory"):
                peer.send(memory(held, 4096))
                if peer.expect(GRANT).status:
                    break
                held += 4096
        if behaviour == "hoards memory":
            peer.send(answer(request.request_id,
                             response(data=struct.pack("<Q", held))))
        elif behaviour == "limits":
            peer.send(answer(request.request_id, response(data=limits)))
        elif behaviour in ANSWERS:
            peer.send(ANSWERS[behaviour](request.request_id))
        else:
            peer.send(answer(request.request_id,
                             response(data=request.payload[HEADER:])))
        if behaviour == "does not exit":
            time.sleep(FOR_EVER)


def behave(folder, how):
    """What workers do that are started from now on by links in the folder"""
    new = folder / "behaviour.new"
    new.write_text(how)
    new.chmod(0o644)
    new.replace(folder / "behaviour")   # or one that starts now reads nothing


def main():
    path = HERE / "behaviour"
    behaviour = path.read_text() if path.exists() else ""
    if any(word.startswith("--make-root=") for word in sys.argv):
        sys.exit("not this one" if behaviour == "no root" else 0)
    if "--probe" in sys.argv:
        (HERE / f"probe-{os.getpid()}").touch()
        sys.exit("first this\nno such accelerator"
                 if behaviour == "no accelerator" else 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (HERE / f"worker-{os.getpid()}").write_text("\n".join(sys.argv[1:]))
    try:
        serve(behaviour)
    except wire.Closed:
        pass


if __name__ == "__main__":
    main()
