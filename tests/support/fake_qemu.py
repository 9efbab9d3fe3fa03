#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""In the place of QEMU: prints what it was given and which of the
descriptors that it inherited are listening Unix sockets, as one JSON line."""
import json
import os
import socket
import sys

if sys.argv[1:] == ["-version"]:
    print("QEMU emulator version 4.2.1")
    sys.exit()
if sys.argv[1:] == ["-device", "help"]:
    print('Misc devices:\nname "edu", bus PCI\nname "vgpu-stub", bus PCI')
    sys.exit()

listening = {}
for name in os.listdir("/proc/self/fd"):
    try:
        sock = socket.socket(fileno=os.dup(int(name)))
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listening[name] = sock.getsockname()
    except OSError:
        pass                    # the directory's own descriptor, or no socket
print(json.dumps({"args": sys.argv[1:], "listening": listening}))
