# SPDX-License-Identifier: GPL-2.0-or-later
"""A mediator that a test plays itself, to send what a real one never would."""
from support import abi, wire
from support.wait import wait_for


class FakeMediator(wire.Peer):
    """Connected to a device; `hello` is the device's first message."""

    @classmethod
    def greet(cls, path):
        """Connect and take the HELLO, without an answer yet."""
        peer = cls.connect(path)
        peer.hello = peer.expect(abi.VGPU_STUB_MSG_HELLO)
        return peer

    @classmethod
    def welcome(cls, path):
        """Connect and accept the device; a guest's request may come at once."""
        peer = cls.greet(path)
        peer.send(wire.welcome())
        return peer

    @classmethod
    def accept(cls, path):
        """The same; the device's LINK is up on return."""
        peer = cls.welcome(path)
        peer.sync()
        return peer

    def sync(self):
        """Return when the device has taken everything sent before."""
        self.send(wire.Message(abi.VGPU_STUB_MSG_PING, b"sync"))
        pong = self.expect(abi.VGPU_STUB_MSG_PONG)
        assert pong.payload == b"sync"

    def expect_request(self):
        return self.expect(abi.VGPU_STUB_MSG_REQUEST)

    def send_response(self, request, payload=b"",
                      status=abi.VGPU_STUB_ERR_NONE):
        """Answer a REQUEST of a guest, which may have the next one ready."""
        self.send(wire.response_to(request, payload, status))

    def respond(self, request, payload=b"", status=abi.VGPU_STUB_ERR_NONE):
        """Answer a REQUEST; the device has the answer on return."""
        self.send_response(request, payload, status)
        self.sync()


def connect_to_guest(handshake, path):
    """FakeMediator.greet or .welcome with the device of a guest that is about
    to start, whose program may take its time."""
    def attempt():
        try:
            return handshake(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
    mediator = wait_for(attempt, f"device at {path}")
    mediator.sock.settimeout(300)
    return mediator
