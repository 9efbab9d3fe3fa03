# SPDX-License-Identifier: GPL-2.0-or-later
"""A far host's own log says whom its workers are for."""
import json
import os
import re
import socket
import struct
import subprocess

import pytest

from support import abi, operations, wire
from support.fake_queue_device import FakeQueueDevice
from support.paths import BUILD
from support.remote import local_launcher, named, offspring
from support.wait import PATIENCE
from support.wire import Message

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can have another /dev/log")

NONE = abi.VGPU_STUB_ERR_NONE
SYNCHRONIZE = operations.synchronize()
OWNER = 0x105

# Runs a command that has a /dev of its own.
WITH_LOG = """\
mkdir -p FOLDER/dev
mount -t tmpfs none FOLDER/dev
for name in null zero random urandom; do
    : >FOLDER/dev/$name
    mount --bind /dev/$name FOLDER/dev/$name
done
ln -s FOLDER/log FOLDER/dev/log
mount --rbind FOLDER/dev /dev
exec "$@"
"""


class Log:
    """A /dev/log for what is run by `command` and the words after it"""

    def __init__(self, folder):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(folder / "log"))
        self.sock.settimeout(PATIENCE)
        script = folder / "with-log"
        script.write_text(WITH_LOG.replace("FOLDER", str(folder)))
        self.command = ["unshare", "--mount", "sh", str(script)]

    def line(self):
        """The next one, without its time"""
        line = self.sock.recv(4096).decode()
        found = re.fullmatch(r"<30>.{15} vgpu-gate\[\d+\]: ([ -~]*)", line)
        assert found, line
        return found.group(1)


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    yield log
    log.sock.close()


def test_whom_it_is_for(start, tmp_path, sockets, admin, ctl, log):
    launcher = " ".join([*log.command, local_launcher(tmp_path / "far")])
    (tmp_path / "mediatord.conf").write_text(
        f"[pool A]\nlauncher={launcher}\nspares=0\n")
    daemon = start("--socket-dir", sockets, "--config",
                   tmp_path / "mediatord.conf", "--admin-socket", admin)
    with FakeQueueDevice(sockets / "7-0.sock").greet() as link:
        context = link.open()
        assert context.ask(SYNCHRONIZE).status == NONE
        [pid] = named(offspring(daemon.process.pid), "vgpu-worker")
        [worker] = json.loads(ctl("--json", "workers"))
        owner = f"vm 7, context {worker['context']}"
        assert log.line() == f"worker {pid} is for {owner}"
        assert context.close() == []
        assert log.line() == f"{owner}: its worker has ended, 1 answers"


def test_a_name_is_only_text(log):
    built = BUILD / "mediator-sanitizers"
    with subprocess.Popen(
            [*log.command, built / "vgpu-gate", "--backend=cpu", "--worker",
             built / "vgpu-worker", "--starter", built / "vgpu-starter",
             "--kernels", BUILD / "kernels"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}
            ) as gate:
        assert len(gate.stdout.read(wire.HEADER.size + 72)) > 72
        gate.stdin.write(Message(OWNER, struct.pack("<Q", 1 << 63) +
                                 b"a b\n\0\x1b[2J\xff%s").encode())
        gate.stdin.flush()
        said = re.sub(r"\d+", "N", log.line(), count=1)
        owner = f"vm a?b???[2J?%s, context {1 << 63}"
        assert said == f"worker N is for {owner} of the mediator at 192.0.2.1"
        gate.stdin.close()
        assert log.line() == f"{owner}: its worker has ended, 0 answers"
        assert gate.wait(20) == 0
