# SPDX-License-Identifier: GPL-2.0-or-later
"""Another host: a network namespace with an sshd, which has a key of the
mediator's that is good for vgpu-gate alone."""
import itertools
import os
import signal
import socket
import subprocess
from pathlib import Path

from support.remote import make_gate
from support.wait import PATIENCE, wait_for

PORT = 2222
numbers = itertools.count(os.getpid())


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def take_number():
    """One that no other process has for a host of its: of who makes a network
    of a name at the same time, one succeeds."""
    for number in numbers:
        number %= 16384
        made = subprocess.run(["ip", "netns", "add", f"vgpu{number}"],
                              stderr=subprocess.PIPE, text=True)
        if made.returncode == 0:
            return number
        assert "File exists" in made.stderr, made.stderr


def make_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path],
                   check=True)
    return path.with_suffix(path.suffix + ".pub").read_text().strip()


class FarHost:
    """`launcher` is what has workers started there."""

    within = ()                 # words before its sshd's

    def __init__(self, folder, *gate, **others):
        folder.mkdir()
        self.folder = folder
        number = take_number()
        self.name = f"vgpu{number}"
        self.device = f"vg{number}"
        subnet = f"10.{200 + (number >> 12)}.{number >> 4 & 255}"
        first = (number & 15) * 16 + 1
        self.here, self.address = f"{subnet}.{first}", f"{subnet}.{first + 1}"
        self.process = None
        self._make_network()
        self.gate = make_gate(folder / "gate", *gate, **others) / "vgpu-gate"
        self._make_files()
        self.start()

    def _make_network(self):
        ip("link", "add", self.device, "type", "veth", "peer", "name", "eth0",
           "netns", self.name)
        ip("address", "add", f"{self.here}/28", "dev", self.device)
        ip("link", "set", self.device, "up")
        for words in (["address", "add", f"{self.address}/28", "dev", "eth0"],
                      ["link", "set", "eth0", "up"],
                      ["link", "set", "lo", "up"]):
            ip("-n", self.name, *words)

    def _make_files(self):
        key = make_key(self.folder / "key")
        self.make_host_key()
        known = (self.folder / "host.pub").read_text()
        (self.folder / "known_hosts").write_text(
            f"[{self.address}]:{PORT} {known}")
        (self.folder / "authorized_keys").write_text(
            f'command="{self.gate} --forced",restrict {key}\n')
        (self.folder / "sshd_config").write_text(f"""
ListenAddress {self.address}:{PORT}
HostKey {self.folder}/host
AuthorizedKeysFile {self.folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin forced-commands-only
MaxStartups 100
""")
        (self.folder / "ssh_config").write_text(f"""
Host gpu1
    HostName {self.address}
    Port {PORT}
    IdentityFile {self.folder}/key
    UserKnownHostsFile {self.folder}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout {PATIENCE}
""")
        self.launcher = f"ssh -F {self.folder}/ssh_config gpu1"

    def make_host_key(self):
        for name in ("host", "host.pub"):
            (self.folder / name).unlink(missing_ok=True)
        make_key(self.folder / "host")

    def start(self):
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *self.within,
             "/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config"],
            stderr=open(self.folder / "sshd.log", "ab"))
        wait_for(self._listens, "sshd")

    def _listens(self):
        assert self.process.poll() is None, \
            (self.folder / "sshd.log").read_text()
        with socket.socket() as sock:
            return sock.connect_ex((self.address, PORT)) == 0

    def run(self, command):
        """What becomes of another command for its key"""
        return subprocess.run([*self.launcher.split(), command], text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def stop(self, signum=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(signum)
            self.process.wait()
            self.process = None

    def cut(self):
        """Nothing gets through any more, and nobody is told."""
        ip("link", "set", self.device, "down")

    def heal(self):
        ip("link", "set", self.device, "up")

    def close(self):
        self.stop()
        ip("link", "del", self.device)
        ip("netns", "del", self.name)
