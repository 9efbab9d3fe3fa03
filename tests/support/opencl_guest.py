# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian guest with programs that use OpenCL, the driver's package installed,
and a user who may use it."""
import subprocess
import threading
import time

from support.guest import make_job, said, sections_of, start
from support.mediatord import UNLIMITED
from support.paths import ROOT

# On a busy host PoCL builds some kernels for longer than the deadline that VMs
# have elsewhere.
CONFIG = "[pool A]\nbackend=opencl\n" + UNLIMITED + \
    "guest-kernels=yes\nmemory-mib=1024\ndeadline-ms=600000\n"

# For programs that want more: what is on a device that is the host's CPU is in
# the worker's memory, too.
LARGE = CONFIG.replace("[vm]", "worker-memory-mib=4096\n[vm]") \
    .replace("=1024", "=2048")

# What stands for a driver goes: our package is one as PyOpenCL's asks for it.
INSTALL = """\
echo "== install"
export SYSTEMD_IGNORE_CHROOT=1      # or udevadm does nothing
cp 60-vgpu-stub.rules /lib/udev/rules.d; udevadm control --reload
dpkg -i vgpu-stub-opencl.deb && dpkg -r stand-in-opencl-icd; echo "status $?"
insmod ./vgpu-stub.ko && udevadm settle; ls -l /dev/vgpu-stub*
as_user() { su user -c "$1" 2>&1; echo "status $?"; }
"""


def start_opencl(qemu_bin, directory, script, files, *qemu_args, timeout=900):
    """Begin to boot it, as support.guest.start(), with the script's job, whose
    as_user runs a command as the user and says its status. The guest has the
    job's directory as /job."""
    # In a folder of its own: who makes it anew first removes what is there.
    build = directory.with_name(f"{directory.name}-build")
    subprocess.run(["make", "-s", "-C", ROOT, "opencl-deb", f"BUILD={build}"],
                   check=True)
    package, = (build / "deb-opencl").glob("*.deb")
    make_job(directory, INSTALL + script,
             ["driver/6.1/vgpu-stub.ko",
              ROOT / "guest-tools/driver/60-vgpu-stub.rules", *files])
    (directory / "vgpu-stub-opencl.deb").write_bytes(package.read_bytes())
    return start(qemu_bin, directory, *qemu_args, guest="opencl",
                 timeout=timeout, kernel_args="oops=panic")


def boot_opencl(*arguments, **options):
    """The sections of what it says, started so"""
    return sections_of(said(start_opencl(*arguments, **options)))


class Listener(threading.Thread):
    """Reads what a guest says that was started so, while it runs: `lines` are
    those with the times at which they came, and in the file at `path` they are
    as well."""

    def __init__(self, guest, path):
        super().__init__(daemon=True)
        self.guest, self.path, self.lines = guest, path, []
        path.parent.mkdir(exist_ok=True)
        self.start()

    def run(self):
        with open(self.path, "w") as file:
            for line in self.guest.stdout:
                self.lines.append((time.monotonic(), line.rstrip("\n")))
                print(line, end="", file=file, flush=True)

    def sections(self):
        """When it has ended, and all was well"""
        self.join()
        assert self.guest.wait() == 0, \
            f"{self.path}: {self.guest.stderr.read()}"
        return sections_of(self.path.read_text())
