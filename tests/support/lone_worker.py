# SPDX-License-Identifier: GPL-2.0-or-later
"""A real vgpu-worker, whose mediator is the test."""
import os
import re
import signal
import socket
import struct
import subprocess

from support import abi, operations, wire
from support.arena import Arena
from support.paths import BUILD
from support.wait import LONG_PATIENCE
from support.wire import Message

# protocol/worker-protocol.h
LIMITS, MEMORY, GRANT = 0x100, 0x101, 0x102
GUEST_KERNELS = 1
QUOTA = 256 << 20


class Root:
    """What workers are closed in, as the mediator makes it: their driver's files,
    and a folder for each, by the paths that they knew before."""

    def __init__(self, binary, folder):
        self.path = folder
        self.count = 0
        for name in "bin etc lib lib64 opt sbin usr".split():
            (folder / name).symlink_to(f"files/{name}")
        (folder / "files").mkdir()
        here = folder / str(folder.parent)[1:]
        here.mkdir(parents=True)
        (here / folder.name).symlink_to("/")
        subprocess.run(
            [binary, "--backend=opencl", f"--kernels={BUILD}/kernels",
             f"--make-root={folder}/files"], check=True, timeout=LONG_PATIENCE,
            env=self.environment())

    def environment(self):
        """Of a worker, which may write in a folder of its own"""
        self.count += 1
        work = self.path / f"work{self.count}"
        work.mkdir()
        return dict(os.environ, **dict.fromkeys(
            ["TMPDIR", "HOME", "XDG_CACHE_HOME", "POCL_CACHE_DIR"],
            str(work)))


class LoneWorker(wire.Peer):
    """One worker, with an arena of a queue's context"""

    def __init__(self, binary, root, closed=True, backend="opencl",
                 quota=QUOTA, guest_kernels=True, timeout=LONG_PATIENCE):
        ours, theirs = socket.socketpair()
        super().__init__(ours, timeout)
        self.quota, self.held = quota, 0
        self.process = subprocess.Popen(
            [binary, f"--backend={backend}", f"--kernels={BUILD}/kernels",
             *([f"--root={root.path}"] if closed else [])],
            stdin=theirs, stderr=subprocess.PIPE, env=root.environment())
        theirs.close()
        self.numbers = 0
        self.expect(abi.VGPU_STUB_MSG_HELLO)
        self.limit(guest_kernels)
        self.arena = Arena(small=4, large=4)
        message = Message(abi.VGPU_STUB_MSG_ARENA, wire.ARENA.pack(
            1, self.arena.size, self.arena.small, self.arena.large, 0, 0))
        socket.send_fds(self.sock, [message.encode()], [self.arena.fd])

    def limit(self, guest_kernels):
        self.send(Message(LIMITS, struct.pack(
            "<QQII", self.quota, 0, GUEST_KERNELS if guest_kernels else 0,
            0)))

    def close(self):
        """Returns what it has said, and how it ended."""
        super().close()
        try:
            _, said = self.process.communicate(timeout=60)
        finally:
            self.process.kill()
        self.arena.close()
        return said.decode(), self.process.returncode

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    def __exit__(self, *_):
        said, status = self.close()
        # What PoCL's compiler says of each build
        said = re.sub(r"^\d+ (warnings?|errors?)( and \d+ errors?)? "
                      r"generated\.\n", "", said, flags=re.M)
        assert (said, status) == ("", 0), said

    def ask(self, payload):
        """A mailbox's request: status, results and data"""
        self.numbers += 1
        self.send(Message(abi.VGPU_STUB_MSG_REQUEST, payload, self.numbers))
        answer = self.answer()
        return (answer.status, *operations.results(answer.payload))

    def submit(self, payload, bulk=b"", room=0, capacity=65536, place=None,
               flags=0):
        """Send a queue's request; answers come in this order."""
        place = self.arena.small if place is None else place
        self.numbers += 1
        self.arena.put_request(place, payload)
        if bulk:
            self.arena.put_bulk(place, bulk)
        flags |= (abi.VGPU_STUB_SUBMIT_BULK_FROM_GUEST if bulk else 0) | \
            (abi.VGPU_STUB_SUBMIT_BULK_TO_GUEST if room else 0)
        self.send(Message(abi.VGPU_STUB_MSG_QREQUEST, wire.QREQUEST.pack(
            1, 0, place, len(payload), capacity, len(bulk) or room, flags),
            self.numbers))
        return place

    def complete(self, place):
        """The next answer: status, results, data and the bulk that moved"""
        answer = self.answer()
        _, length, moved, *_ = wire.QRESPONSE.unpack(answer.payload)
        response = self.arena.response(place, length)
        return (answer.status, *operations.results(response),
                self.arena.bulk(place, moved))

    def do(self, payload, **options):
        return self.complete(self.submit(payload, **options))

    def answer(self):
        """The next answer; memory is granted on the way."""
        while True:
            message = self.receive()
            if message.type != MEMORY:
                assert message.request_id <= self.numbers
                return message
            self.held, wanted = struct.unpack("<QQ", message.payload)
            assert self.held % 4096 == wanted % 4096 == 0
            if wanted:
                self.grant(wanted)

    def grant(self, wanted):
        left = self.quota - self.held
        good = wanted <= left
        self.send(Message(GRANT, struct.pack("<QQ", left, self.quota),
                          status=0 if good else
                          abi.VGPU_STUB_ERR_OUT_OF_MEMORY))
        if good:
            self.held += wanted
