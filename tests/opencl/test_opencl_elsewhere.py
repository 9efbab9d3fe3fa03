# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole way of programs in OpenCL C: a Debian guest, QEMU, the mediator, ssh,
and a worker on another host, which is a network namespace."""
import os

import pytest

import debian_programs as programs
from support.guest import matches, vgpu_stub
from support.mediatord import Host
from support.opencl_guest import CONFIG, boot_opencl
from support.paths import BUILD
from support.sshd import FarHost

JOB = """\
echo "== sum"; as_user /job/vector-sum
echo "== two"; as_user "/job/vector-sum & /job/vector-sum; wait"
echo "== round-trip"; as_user "PYOPENCL_CTX=0 python3 /job/round-trip.py"
"""


@pytest.mark.skipif(os.geteuid() != 0,
                    reason="only root can make network namespaces")
def test_programs_are_compiled_elsewhere(any_qemu_bin, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    far = FarHost(tmp_path / "gpu1", "--root", root, built=BUILD / "mediator")
    try:
        config = CONFIG.replace("[pool A]\n",
                                f"[pool A]\nlauncher={far.launcher}\n")
        with Host(tmp_path, config=config) as host:
            guest = boot_opencl(
                any_qemu_bin, tmp_path / "job", JOB,
                ["tests/opencl/vector-sum", programs.HERE / "round-trip.py"],
                *vgpu_stub(host.sockets / "0.sock"))
            log = host.log()
    finally:
        far.close()
    for name, count in ("sum", 1), ("two", 2):
        sums = [line for line in guest[name] if "all as the processor" in line]
        assert len(sums) == count, (guest, log)
        assert guest[name][-1] == "status 0", (guest, log)
    assert matches(guest["round-trip"], "^round trip: ok"), (guest, log)
