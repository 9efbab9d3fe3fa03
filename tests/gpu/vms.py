# SPDX-License-Identifier: GPL-2.0-or-later
"""The real mediator as it runs on a host, and VMs that a check plays."""
import os
import pwd
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from support import abi
from support.accelerator import Accelerator
from support.fake_device import FakeDevice
from support.mediatord import Mediatord
from support.paths import BUILD
from support.wait import wait_for

USER = "nobody"
CUDA = "[pool A]\nbackend=cuda\n[pool B]\nbackend=cpu\n"
# A check sends as fast as it can, and breaks things on purpose.
LIMITS = ("rate=1000000\nburst=1000000\nfaults=1000\n"
          "fault-window-s=86400\n")
# Not the default: of two daemons with the same, one ends the other's workers.
UIDS = "\n[workers]\nuids=1900500000-1900504095\n"


def vm_limits(text=""):
    """The section [vm] of a configuration"""
    return f"[vm]\n{LIMITS}{text}"


class Host:
    """A mediator with a uid for each worker where the check is root's."""

    def __init__(self, folder, config, worker=None):
        self.folder = folder
        self.own_uids = os.geteuid() == 0
        self.devices = []
        (folder / "conf").write_text(config + UIDS)
        options = ["--config", folder / "conf", "--socket-dir", folder]
        if self.own_uids:
            scratch = folder / "scratch"
            scratch.mkdir(mode=0o711)
            options += [f"--user={USER}", "--scratch-dir", scratch]
        self.daemon = Mediatord(BUILD / "mediator" / "vgpu-mediatord",
                                folder / "log", *options, worker=worker)

    def vm(self, name, number=0, **hello):
        """What one device of the VM has of its pool."""
        path = self.folder / f"{name}-{number}.sock"
        device = FakeDevice(path)
        if self.own_uids:
            user = pwd.getpwnam(USER)
            os.chown(path, user.pw_uid, user.pw_gid)
        self.devices.append(device)
        peer = device.greet(**hello)
        peer.sock.settimeout(60)
        return Accelerator(peer)

    def close(self):
        for device in self.devices:
            device.close()


@contextmanager
def host(config, worker=None):
    """A Host, whose log is in the check's."""
    folder = Path(tempfile.mkdtemp(prefix="vgpu-"))
    folder.chmod(0o755)
    running = Host(folder, config, worker)
    try:
        with running.daemon:
            yield running
    finally:
        running.close()
        print("--- the mediator's log")
        print((folder / "log").read_text(errors="replace"), flush=True)
        shutil.rmtree(folder, ignore_errors=True)


def on_cpu(host, name):
    """A VM in the pool that computes on the CPU"""
    return host.vm(name, pool=abi.VGPU_STUB_POOL_B)


def new_workers(host, before=()):
    """Those pids that serve VMs now and are not in `before`"""
    return wait_for(lambda: set(host.daemon.workers()) - set(before),
                    "worker")


def elapsed(work):
    """Seconds"""
    start = time.monotonic()
    work()
    return time.monotonic() - start
