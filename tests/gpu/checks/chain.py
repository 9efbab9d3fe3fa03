# SPDX-License-Identifier: GPL-2.0-or-later
"""From a program in a guest to the GPU and back"""
import os
import re
import subprocess
import time

from check import NotHere, check
from support.paths import BUILD
from vms import CUDA, host, vm_limits

GUEST = BUILD / "guest"
QEMU = BUILD / "qemu-7.2" / "qemu-system-x86_64"
EXPECTED = (r"^Link: +up", r"^vector-add: 1000 sums, all as the CPU has them",
            r"^/usr/bin/lspci: OK", r"^guest: exit 0")


@check(120)
def guest(here):
    """A Linux guest's programs: info, vector-add, sha256 of a file"""
    if not QEMU.exists():
        raise NotHere("there is no QEMU in this folder")
    with host(CUDA + vm_limits()) as running:
        path = running.folder / "guest-0.sock"
        start = time.monotonic()
        done = subprocess.run(
            [QEMU, "-M", "pc", "-cpu", "qemu64", "-accel", "tcg", "-m", "256M",
             "-no-reboot", "-nodefaults", "-no-user-config",
             "-display", "none", "-serial", "stdio", "-L", GUEST,
             "-kernel", GUEST / "vmlinuz", "-initrd", GUEST / "initrd",
             "-append", "console=ttyS0 loglevel=1 panic=-1 mitigations=off",
             "-chardev", f"socket,id=link,path={path},server=on,wait=off",
             "-device", "vgpu-stub,chardev=link"],
            preexec_fn=lambda: os.umask(0), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=110)
    text = done.stdout.decode(errors="replace").replace("\r", "")
    print(text)
    here.note(f"{time.monotonic() - start:.1f} s")
    for line in text.splitlines():
        if re.match("[0-9a-f]{64} |echo:|vector-add:", line):
            here.note(line)
    for pattern in EXPECTED:
        assert re.search(pattern, text, re.M), f"no {pattern} in the output"
