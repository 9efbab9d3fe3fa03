# SPDX-License-Identifier: GPL-2.0-or-later
"""Device <-> mediator messages in Python, for tests that play one of the two."""
import socket
import struct
from dataclasses import dataclass

from support import abi
from support.wait import PATIENCE

HEADER = struct.Struct("<IHHIIQII")
HELLO = struct.Struct("<IIIBBH16s32s")
WELCOME = struct.Struct("<II")
REQUEST = struct.Struct("<6I8x")
RESPONSE = struct.Struct("<6I8x")
CONTEXT = struct.Struct("<Q6I")
ARENA = struct.Struct("<QQ4I")
QREQUEST = struct.Struct("<Q6I")
QRESPONSE = struct.Struct("<QII4I")


class Closed(Exception):
    """The peer closed the connection."""


@dataclass
class Message:
    type: int
    payload: bytes = b""
    request_id: int = 0
    sequence: int = 0
    status: int = 0
    flags: int = 0
    magic: int = abi.VGPU_STUB_WIRE_MAGIC
    version: int = abi.VGPU_STUB_WIRE_VERSION
    length: int = None          # None: that of the payload

    def encode(self):
        length = len(self.payload) if self.length is None else self.length
        return HEADER.pack(self.magic, self.version, self.type, length,
                           self.request_id, self.sequence, self.status,
                           self.flags) + self.payload


def hello(vm_id=0, pool=abi.VGPU_STUB_POOL_A,
          priority=abi.VGPU_STUB_PRIORITY_MEDIUM, device_id=b"",
          vm_uuid=bytes(16), protocol_version=abi.VGPU_STUB_PROTOCOL_VERSION,
          capabilities=abi.VGPU_STUB_CAP_REQUEST):
    return Message(abi.VGPU_STUB_MSG_HELLO,
                   HELLO.pack(protocol_version, capabilities, vm_id, pool,
                              priority, 0, vm_uuid, device_id))


def welcome(version=abi.VGPU_STUB_PROTOCOL_VERSION,
            max_payload=abi.VGPU_STUB_WIRE_MAX_PAYLOAD):
    return Message(abi.VGPU_STUB_MSG_WELCOME, WELCOME.pack(version, max_payload))


def request(payload, sequence=0, **fields):
    return Message(abi.VGPU_STUB_MSG_REQUEST, payload, sequence=sequence,
                   **fields)


def response_to(request, payload=b"", status=abi.VGPU_STUB_ERR_NONE):
    """The RESPONSE message that answers a REQUEST message."""
    return Message(abi.VGPU_STUB_MSG_RESPONSE, payload, request.request_id,
                   request.sequence, status)


def response(results=(), data=b"", status=abi.VGPU_STUB_ERR_NONE):
    """The payload of a response with these words and bytes."""
    words = struct.pack(f"<{len(results)}I", *results)
    return RESPONSE.pack(abi.VGPU_STUB_PROTOCOL_VERSION, status, len(results),
                         RESPONSE.size + len(words), len(data), 0) \
        + words + data


class Peer:
    """One end of a connection; every wait is bounded by `timeout` seconds."""

    def __init__(self, sock, timeout=PATIENCE):
        self.sock = sock
        self.sock.settimeout(timeout)

    @classmethod
    def connect(cls, path, timeout=PATIENCE):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(str(path))
        return cls(sock, timeout)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *messages):
        """Send messages, or bytes as they are, in one piece."""
        self.sock.sendall(b"".join(
            m if isinstance(m, bytes) else m.encode() for m in messages))

    def send_slowly(self, message):
        """Send a message one byte at a time."""
        for byte in message.encode():
            self.sock.sendall(bytes([byte]))

    def _read(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.sock.recv(count - len(data))
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed(f"after {len(data)} of {count} bytes")
            data += piece
        return data

    def receive(self):
        """The next message; Closed when the peer has gone."""
        (magic, version, kind, length, request_id, sequence, status,
         flags) = HEADER.unpack(self._read(HEADER.size))
        assert magic == abi.VGPU_STUB_WIRE_MAGIC, hex(magic)
        assert version == abi.VGPU_STUB_WIRE_VERSION, version
        assert length <= abi.VGPU_STUB_WIRE_MAX_PAYLOAD, length
        return Message(kind, self._read(length), request_id, sequence, status,
                       flags)

    def expect(self, kind):
        """The next message, which has to be of this type."""
        message = self.receive()
        assert message.type == kind, message
        return message

    def expect_closed(self):
        """Wait until the peer closes; messages before that are passed over."""
        try:
            while True:
                self.receive()
        except Closed:
            pass
