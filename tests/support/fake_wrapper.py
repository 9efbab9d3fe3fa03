#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""In the place of xenopsd's qemu-wrapper: it reads XenStore, turns xenopsd's
arguments into QEMU's, starts QEMU with descriptors to inherit, in namespaces, a
chroot and under a user of its own, and becomes the process that takes QEMU's
output. Unpatched; its names and their order, and the two lines between which
qemu-wrapper.patch goes in, are those of xenopsd 26.9.0. Releases before that do
not ask for QEMU's version; nothing else of this differs.

    fake_wrapper.py DOMID ARG...

WRAPPER_QEMU names the QEMU to run, WRAPPER_ROOT the directory for it to be
locked into, as user and group WRAPPER_UID.
"""
import ctypes
import os
import re
import socket
import subprocess
import sys

import xen.lowlevel.xs as xs

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWNET = 0x40000000

# What xenopsd says to the wrapper alone, and how many words follow it.
FOR_THE_WRAPPER = {"-acpi": 0, "-priv": 0, "-std-vga": 0, "-trad-compat": 0,
                   "-videoram": 1}

open_fds = []
xenstore = xs.xs()


def get_qemu_major_version(qemu_dm):
    version = subprocess.check_output([qemu_dm, "-version"]).decode()
    return int(re.match(r"QEMU emulator version (\d+)\.\d+\.\d+",
                        version).group(1))


def prepare_exec():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def translate(args):
    """Returns QEMU's arguments for those of xenopsd."""
    result = []
    args = list(args)
    while args:
        word = args.pop(0)
        if word in FOR_THE_WRAPPER:
            del args[:FOR_THE_WRAPPER[word]]
        elif word == "-loadvm":
            open_fds.append(os.open(args.pop(0), os.O_RDONLY))
            result += ["-incoming", "fd:%d" % open_fds[-1]]
        else:
            result.append(word)
    if "-std-vga" in sys.argv:
        result += ["-device", "VGA,vgamem_mb=8,addr=2,romfile="]
    return result


def main(argv):
    print("Arguments: %s" % " ".join(argv[1:]))
    for n in range(len(argv)):
        if argv[n] == "-xen-domid":
            domid = int(argv[n + 1])
            break

    qemu_dm = os.environ["WRAPPER_QEMU"]
    qemu_version = get_qemu_major_version(qemu_dm)
    qemu_args = ["qemu-dm-%d" % domid]
    qemu_args.extend(translate(argv[2:]))

    s1, s2 = socket.socketpair()
    open_fds.append(s1.fileno())
    qemu_args += ["-vnc-clipboard-socket-fd", str(s1.fileno())]
    #qemu_args += ["-trace", "events=/root/trace"]
    # That option is of XCP-ng's QEMU alone.
    option = qemu_args.index("-vnc-clipboard-socket-fd")
    del qemu_args[option:option + 2]

    if "WRAPPER_ROOT" in os.environ:
        root = os.environ["WRAPPER_ROOT"]
        user = "%s:%s" % ((os.environ["WRAPPER_UID"],) * 2)
        if qemu_version >= 10:
            qemu_args += ["-run-with", "chroot=%s" % root]
            qemu_args += ["-run-with", "user=%s" % user]
        else:
            qemu_args += ["-chroot", root]
            qemu_args += ["-runas", user]

    print("Exec: %s %s" % (qemu_dm, " ".join(qemu_args)))
    sys.stdout.flush()
    sys.stderr.flush()
    qemu = subprocess.Popen(qemu_args, executable=qemu_dm,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            preexec_fn=prepare_exec, pass_fds=open_fds)
    xenstore.write("", "/local/domain/%d/image/device-model-pid" % domid,
                   str(qemu.pid))
    os.dup2(qemu.stdout.fileno(), 0)
    qemu.stdout.close()
    for fd in open_fds:
        os.close(fd)
    os.execvp("cat", ["cat"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
