# SPDX-License-Identifier: GPL-2.0-or-later
"""An sst-device, and a simulator that a test plays itself."""
import socket
import struct
import threading
from typing import NamedTuple

from support import abi
from support.wait import wait_for

BASE = abi.SST_DEVICE_BASE


class Request(NamedTuple):
    write: bool
    address: int
    size: int
    data: int = 0


class Idle(NamedTuple):
    """Processors wait for an interrupt."""
    ns: int
    interrupts: int


class Guide:
    name = "guide"
    REQUEST = struct.Struct("<IIQIQ")
    RESPONSE = struct.Struct("<IIQI")
    INTERRUPT = struct.Struct("<IIQI")

    @classmethod
    def decode(cls, data):
        magic, kind, address, size, value = cls.REQUEST.unpack(data)
        assert magic == abi.SST_MMIO_REQUEST_MAGIC
        if kind == abi.SST_MMIO_IDLE:
            assert size == 0
            return Idle(address, value)
        assert kind in (abi.SST_MMIO_READ, abi.SST_MMIO_WRITE)
        return Request(kind == abi.SST_MMIO_WRITE, address, size, value)

    @classmethod
    def answer(cls, value=0, ok=True, latency=1):
        return cls.RESPONSE.pack(
            abi.SST_MMIO_RESPONSE_MAGIC,
            abi.SST_MMIO_STATUS_OK if ok else abi.SST_MMIO_STATUS_ERROR,
            value, latency)


    @classmethod
    def interrupt(cls, level, address=BASE):
        return cls.INTERRUPT.pack(abi.SST_MMIO_INTERRUPT_MAGIC, level, address,
                                  0)


class Acalsim:
    name = "acalsim"
    REQUEST = struct.Struct("<BBHQQ")
    RESPONSE = struct.Struct("<B7xQ")

    @classmethod
    def decode(cls, data):
        kind, size, reserved, address, value = cls.REQUEST.unpack(data)
        assert reserved == 0
        assert kind in (abi.SST_MMIO_READ, abi.SST_MMIO_WRITE)
        return Request(kind == abi.SST_MMIO_WRITE, address, size, value)

    @classmethod
    def answer(cls, value=0, ok=True, latency=0):
        assert latency == 0, "the format cannot say it"
        return cls.RESPONSE.pack(abi.SST_MMIO_SUCCESS if ok else 0, value)


FORMATS = {wire.name: wire for wire in (Guide, Acalsim)}


class Memory:
    """What a good simulator does: bytes that are kept, 0 at first."""

    def __init__(self, latency=0):
        self.latency = latency
        self.bytes = {}

    def __call__(self, simulator, request):
        places = range(request.address, request.address + request.size)
        if request.write:
            self.bytes.update(zip(places,
                                  request.data.to_bytes(request.size, "little")))
            value = 0
        else:
            value = int.from_bytes((self.bytes.get(place, 0)
                                    for place in places), "little")
        return simulator.wire.answer(value, latency=self.latency)


class Simulator:
    """Connects to a device that listens; answers in a thread of its own.

    reply(simulator, request) is called for each request. What it returns is
    sent, None is not; an empty answer ends the connection. It may be replaced
    at any time.
    """

    def __init__(self, path, wire=Guide, reply=None):
        self.path = path
        self.wire = wire
        self.reply = reply or Memory()
        self.requests = []
        self.idles = []
        self._sock = None
        self._failure = None
        self._thread = None
        self.start()

    def start(self):
        """Also again, after the connection has ended."""
        self._join()
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.connect(str(self.path))
        self._start(self._serve)

    def _start(self, function):
        self._thread = threading.Thread(target=function)
        self._thread.start()

    def _join(self):
        if self._thread:
            self._thread.join(10)
            assert not self._thread.is_alive()

    def send(self, data):
        """More than an answer, or at another time."""
        try:
            self._sock.sendall(data)
        except OSError:
            pass        # the device has closed the connection

    def wait_end(self):
        """Until the device has closed the connection"""
        self._sock.recv(1, socket.MSG_PEEK)

    def wait_requests(self, count):
        wait_for(lambda: len(self.requests) >= count, f"{count} requests")

    def _serve(self):
        with self._sock:
            try:
                while self._serve_request():
                    pass
            except OSError:
                pass        # the device has closed the connection
            except AssertionError as error:
                self._failure = error

    def _serve_request(self):
        data = self._sock.recv(self.wire.REQUEST.size, socket.MSG_WAITALL)
        if len(data) < self.wire.REQUEST.size:
            return False
        request = self.wire.decode(data)
        if isinstance(request, Idle):
            self.idles.append(request)
            return True
        self.requests.append(request)
        answer = self.reply(self, request)
        if answer:
            self.send(answer)
        return answer != b""

    def stop(self):
        """As when the process ends; may be called again."""
        shutdown(self._sock)
        self._join()
        if self._failure:
            raise self._failure

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Listener(Simulator):
    """Listens, for one device after another."""

    def start(self):
        self._stopping = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        self._start(self._accept)

    def _accept(self):
        while True:
            try:
                self._sock, _ = self._listener.accept()
            except OSError:
                return          # stop()
            if self._stopping:
                self._sock.close()
                return
            self._serve()
            self._sock = None

    def send(self, data):
        """The device may know of its connection before this does."""
        wait_for(lambda: self._sock, "device")
        super().send(data)

    def stop(self):
        self._stopping = True
        shutdown(self._listener)
        super().stop()
        self._listener.close()
        self.path.unlink(missing_ok=True)


def shutdown(sock):
    """End what a thread waits for there."""
    if sock:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass                # it is at its end already


class Device:
    """One sst-device of a running QEMU, with software's eyes and QMP's."""

    def __init__(self, qemu, name="sst0", base=BASE):
        self.qemu = qemu
        self.path = f"/machine/peripheral/{name}"
        self.base = base

    def read(self, offset=0, size=4):
        return self.qemu.read(self.base + offset, size)

    def write(self, value, offset=0, size=4):
        self.qemu.write(self.base + offset, value, size)

    def get(self, name):
        return self.qemu.qmp("qom-get", path=self.path, property=name)

    def wait_connected(self, connected=True):
        wait_for(lambda: self.get("connected") == connected,
                 f"connected={connected} of {self.path}")
