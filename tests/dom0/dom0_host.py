# SPDX-License-Identifier: GPL-2.0-or-later
"""A dom0 in small: a XenStore, a directory for sockets, a patched wrapper."""
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from support.fake_xenstore import FakeXenStore

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
SUPPORT = TESTS / "support"
PYTHON = "/usr/bin/python3"
TOOL = ROOT / "dom0" / "vgpu-stub-wrapper"
PATCH = ROOT / "qemu-wrapper.patch"
FAKE_WRAPPER = SUPPORT / "fake_wrapper.py"
FAKE_QEMU = SUPPORT / "fake_qemu.py"
MODULES = ROOT / "dom0"

# Users and groups that need no entry in /etc/passwd.
MEDIATOR_ID = 54321
QEMU_ID = 54322
STRANGER_ID = 54323


def uuid_of(domid):
    return f"8f3c1d22-0000-4000-8000-{domid:012x}"


def socket_name(domid, n=0):
    """The nth of a domain that has a UUID in XenStore."""
    return f"{uuid_of(domid)}.{domid}-{n}.sock"


class Dom0:
    """A dom0 below `path`; its sockets are in run_dir."""

    def __init__(self, path):
        self.path = path
        self.run_dir = path / "run"
        self.store = FakeXenStore(path / "xenstore")
        self.store.write("", "/local/domain/0/name", "Domain-0")
        self._processes = []

    def start_domain(self, domid, key=None, vm=None):
        """Put into XenStore what is there before the wrapper runs; vm is what
        the domain's key of that name reads, if not its uuid_of()."""
        self.store.write("", f"/local/domain/{domid}/name", "guest")
        self.store.write("", f"/local/domain/{domid}/vm",
                         f"/vm/{uuid_of(domid)}" if vm is None else vm)
        if key is not None:
            self.store.write("", f"/local/domain/{domid}/platform/"
                             "device-model-args", key)

    def end_domain(self, domid):
        shutil.rmtree(self.path / f"xenstore/local/domain/{domid}")

    def error(self, domid):
        return self.store.read("", f"/local/domain/{domid}/vgpu-stub/error")

    def sockets(self):
        return sorted(path.name for path in self.run_dir.iterdir()
                      if path.name != "qemu-has-device")

    def module(self):
        """The source of vgpu_stub_attach, to work in run_dir and for the
        group MEDIATOR_ID."""
        return (MODULES / "vgpu_stub_attach.py").read_text() + (
            f"\nRUN_DIR = {str(self.run_dir)!r}\n"
            f"mediator_gid = lambda: {MEDIATOR_ID}\n")

    def run_wrapper(self, domid, qemu, *args, module=None, text=None, env=()):
        """Start the patched fake wrapper; returns its Popen. module is
        the source of a vgpu_stub_attach to take instead of module(), text
        that of an unpatched wrapper."""
        lib = Path(tempfile.mkdtemp(prefix="lib-", dir=self.path))
        (lib / "vgpu_stub_attach.py").write_text(
            self.module() if module is None else module)
        shutil.copy(MODULES / "vgpu_stub_qemu.py", lib)
        (lib / "xen" / "lowlevel").mkdir(parents=True)
        (lib / "xen" / "lowlevel" / "xs.py").write_text(
            "from support.fake_xenstore import FakeXenStore\n"
            f"def xs(): return FakeXenStore({str(self.store.root)!r})\n")
        wrapper = lib / "qemu-wrapper"
        wrapper.write_bytes(FAKE_WRAPPER.read_bytes() if text is None else text)
        subprocess.run([TOOL, "apply", "--wrapper", wrapper, "--patch", PATCH],
                       check=True, stdout=subprocess.DEVNULL)
        process = subprocess.Popen(
            [PYTHON, "-B", str(wrapper), str(domid), "-xen-domid", str(domid),
             *map(str, args)],
            env=dict(os.environ, PYTHONPATH=f"{lib}:{TESTS}",
                     PYTHONIOENCODING="ascii",  # as dom0's in the C locale
                     WRAPPER_QEMU=str(qemu), **dict(env)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self._processes.append(process)
        return process

    def close(self):
        for process in self._processes:
            # QEMU, which the wrapper started, is in the same group.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
            process.stdout.close()


def run_as(ident, function):
    """Run function() in a child process with this uid and gid and no other
    group; returns the errno of its OSError, 0 where there was none."""
    pid = os.fork()
    if pid == 0:
        status = 255
        try:
            os.setgroups([])
            os.setgid(ident)
            os.setuid(ident)
            function()
            status = 0
        except OSError as error:
            status = error.errno
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
