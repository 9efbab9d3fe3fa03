# SPDX-License-Identifier: GPL-2.0-or-later
"""The devices that a test plays for the mediator."""
import socket
from pathlib import Path

from support import abi, operations, wire
from support.wait import PATIENCE


class DeviceLink(wire.Peer):
    """A device's end of its link; it counts its requests from 0 on."""

    def __init__(self, sock, timeout=PATIENCE):
        super().__init__(sock, timeout)
        self.sequence = 0       # of the next request

    def request(self, payload, **fields):
        """The next REQUEST, which is not sent yet."""
        message = wire.request(payload, self.sequence, **fields)
        self.sequence += 1
        return message

    def ask(self, payload, count=1):
        """Send the request so often, in one piece; the answers in the order
        in which they come."""
        self.send(*(self.request(payload) for _ in range(count)))
        return [self.expect(abi.VGPU_STUB_MSG_RESPONSE) for _ in range(count)]

    def answer(self):
        """The answer to the latest request, which has to be the next message:
        its status, results and data, as bytes."""
        message = self.expect(abi.VGPU_STUB_MSG_RESPONSE)
        assert message.sequence == self.sequence - 1, message
        return message.status, *operations.results(message.payload)

    def call(self, payload):
        self.send(self.request(payload))
        return self.answer()


class FakeDevice:
    """A device's listening socket."""

    def __init__(self, path):
        self.path = Path(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.listener.settimeout(PATIENCE)

    def _connection(self):
        """A socket; not one that the daemon has closed before it was
        accepted, as it waits for HELLO for no more than 5 s."""
        while True:
            sock = self.listener.accept()[0]
            try:
                sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return sock
            sock.close()

    def accept(self):
        """The daemon's connection, before any message."""
        return DeviceLink(self._connection())

    def greet(self, **hello):
        """The daemon's connection, after HELLO and WELCOME."""
        peer = self.accept()
        peer.send(wire.hello(**hello))
        peer.expect(abi.VGPU_STUB_MSG_WELCOME)
        return peer

    def has_connection(self):
        self.listener.setblocking(False)
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self):
        """Go, and leave the socket's file behind."""
        self.listener.close()

    def remove(self):
        self.close()
        self.path.unlink()
