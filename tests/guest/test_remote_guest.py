# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole way: a program in a guest, QEMU, the mediator, ssh, and a worker on
another host, which is a network namespace."""
import hashlib
import os

import pytest

from support.guest import boot, vgpu_stub
from support.mediatord import Host
from support.paths import BUILD
from support.sshd import FarHost

JOB = """\
echo "== mailbox"; ./vector-add; echo "status $?"
insmod ./vgpu-stub.ko || exit 1
echo "== queue"; ./vector-add; echo "status $?"
echo "== digest"; ./sha256 vgpu-stub; echo "status $?"
echo "== compute"; ./compute; echo "status $?"
"""


@pytest.mark.skipif(os.geteuid() != 0,
                    reason="only root can make network namespaces")
def test_it_computes_elsewhere(any_qemu_bin, tmp_path):
    far = FarHost(tmp_path / "gpu1", built=BUILD / "mediator")
    try:
        with Host(tmp_path,
                  config=f"[pool A]\nlauncher={far.launcher}\n") as host:
            sections = boot(
                any_qemu_bin, tmp_path / "job", JOB,
                ["guest-tools/vgpu-stub", "guest-tools/libvgpu-stub.so.1",
                 "guest-tools/examples/vector-add",
                 "guest-tools/examples/sha256", "driver/6.1/vgpu-stub.ko",
                 "tests/driver/compute"],
                *vgpu_stub(host.sockets / "0.sock"))
            log = host.log()
    finally:
        far.close()
    for name in ("mailbox", "queue", "digest", "compute"):
        assert sections[name][-1] == "status 0", (sections, log)
    data = (BUILD / "guest-tools/vgpu-stub").read_bytes()
    assert hashlib.sha256(data).hexdigest() in " ".join(sections["digest"])
    assert "compute: ok, by the queue" in sections["compute"]
