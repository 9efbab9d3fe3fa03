# SPDX-License-Identifier: GPL-2.0-or-later
"""sst-sim as a process, and a client that speaks to it as sst-device does."""
import csv
import re
import signal
import socket
import subprocess
from typing import NamedTuple

from support import abi
from support.paths import ROOT
from support.wait import PATIENCE, wait_for

EXAMPLE = ROOT / "sst/simulator/sst-sim.conf"

ECHO = abi.SST_DEVICE_BASE
COMPUTE = ECHO + abi.SST_DEVICE_STRIDE
MEMORY = COMPUTE + abi.SST_DEVICE_STRIDE


def config(**changes):
    """The example configuration; config(format="acalsim") replaces a line."""
    text = EXAMPLE.read_text()
    for key, value in changes.items():
        text, count = re.subn(f"^{key}=.*$", f"{key}={value}", text,
                              flags=re.MULTILINE)
        assert count, key
    if changes.get("format") == "acalsim":      # which has no interrupts
        text = re.sub("^interrupt=.*$", "", text, flags=re.MULTILINE)
    return text


class SstSim:
    """A running simulator, whose sockets are in the folder."""

    def __init__(self, binary, folder, name, text, *command):
        self.statistics_path = folder / f"{name}.csv"
        self.log_path = folder / f"{name}.log"
        self.output_path = folder / f"{name}.out"
        conf = folder / f"{name}.conf"
        conf.write_text(text)
        with open(self.log_path, "wb") as log, \
                open(self.output_path, "wb") as output:
            self.process = subprocess.Popen(
                [binary, "--socket-dir", folder, "--statistics",
                 self.statistics_path, conf, *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        if not command:
            self.wait_log("waiting for a QEMU")

    def log(self):
        return self.log_path.read_text()

    def output(self):
        return self.output_path.read_text()

    def wait_log(self, text):
        def said():
            assert self.process.poll() is None, self.log()
            return text in self.log()

        wait_for(said, f"{text!r} in {self.log_path}")

    def wait(self):
        """The exit status, when the command has ended."""
        return self.process.wait(60)

    def stop(self, signum=signal.SIGTERM):
        """End it well; returns {device: its line of the statistics}."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
            assert self.wait() == 0, self.log()
        return self.statistics()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def statistics(self):
        if not self.statistics_path.exists():
            return None
        with open(self.statistics_path, newline="") as file:
            return {row["device"]: row for row in csv.DictReader(file)}


class Answer(NamedTuple):
    ok: bool
    data: int
    latency: int


class Client:
    def __init__(self, path, wire):
        self.wire = wire
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(path))

    def send(self, data):
        self.sock.sendall(data)

    def encode(self, write, address, size, data=0):
        if self.wire.name == "guide":
            return self.wire.REQUEST.pack(abi.SST_MMIO_REQUEST_MAGIC, write,
                                          address, size, data)
        return self.wire.REQUEST.pack(write, size, 0, address, data)

    def receive(self):
        size = self.wire.RESPONSE.size
        fields = self.wire.RESPONSE.unpack(
            self.sock.recv(size, socket.MSG_WAITALL))
        if self.wire.name == "guide":
            magic, status, data, latency = fields
            assert magic == abi.SST_MMIO_RESPONSE_MAGIC
            return Answer(status == abi.SST_MMIO_STATUS_OK, data, latency)
        success, data = fields
        return Answer(success == abi.SST_MMIO_SUCCESS, data, 0)

    def peek_magic(self):
        """What the next message begins with"""
        return int.from_bytes(
            self.sock.recv(4, socket.MSG_WAITALL | socket.MSG_PEEK), "little")

    def receive_interrupt(self):
        """(level, address)"""
        magic, level, address, reserved = self.wire.INTERRUPT.unpack(
            self.sock.recv(self.wire.INTERRUPT.size, socket.MSG_WAITALL))
        assert (magic, reserved) == (abi.SST_MMIO_INTERRUPT_MAGIC, 0)
        return level, address

    def idle(self, interrupts, ns=abi.SST_MMIO_IDLE_NEVER):
        self.send(self.wire.REQUEST.pack(
            abi.SST_MMIO_REQUEST_MAGIC, abi.SST_MMIO_IDLE, ns, 0, interrupts))

    def access(self, write, address, size=4, data=0):
        self.send(self.encode(write, address, size, data))
        return self.receive()

    def read(self, address, size=4):
        answer = self.access(abi.SST_MMIO_READ, address, size)
        assert answer.ok
        return answer.data

    def write(self, address, data, size=4):
        assert self.access(abi.SST_MMIO_WRITE, address, size, data).ok

    def expect_closed(self):
        """The simulator ends the connection, with no word more."""
        try:
            assert self.sock.recv(1) == b""
        except ConnectionResetError:
            pass
