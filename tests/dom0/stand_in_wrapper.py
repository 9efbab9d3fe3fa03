#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for xenopsd's qemu-wrapper: it reads XenStore, starts QEMU with
descriptors to inherit, in namespaces, a chroot and under a user of its own,
and becomes the process that takes QEMU's output. Unpatched; the two lines
between which qemu-wrapper.patch goes in are as in the real one.

    stand_in_wrapper.py -xen-domid DOMID ARG...

STAND_IN_QEMU names the QEMU to run, STAND_IN_ROOT the directory for it to be
locked into, as user and group STAND_IN_UID.
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

open_fds = []
xenstore = xs.xs()


def prepare_exec():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def main(argv):
    domid = int(argv[argv.index("-xen-domid") + 1])
    qemu_args = ["qemu-dm-%d" % domid] + argv[1:]

    s1, s2 = socket.socketpair()
    open_fds.append(s1.fileno())
    qemu_args += ["-vnc-clipboard-socket-fd", str(s1.fileno())]
    #qemu_args += ["-trace", "events=/root/trace"]
    # That option is of XCP-ng's QEMU alone.
    option = qemu_args.index("-vnc-clipboard-socket-fd")
    del qemu_args[option:option + 2]

    qemu_dm = os.environ["STAND_IN_QEMU"]
    if "STAND_IN_ROOT" in os.environ:
        root = os.environ["STAND_IN_ROOT"]
        user = "%s:%s" % ((os.environ["STAND_IN_UID"],) * 2)
        version = subprocess.check_output([qemu_dm, "-version"]).decode()
        if int(re.search("version ([0-9]+)", version).group(1)) >= 10:
            qemu_args += ["-run-with", "chroot=%s,user=%s" % (root, user)]
        else:
            qemu_args += ["-chroot", root, "-runas", user]

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
