# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/security.md says of the daemon's process."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import abi
from support.fake_device import FakeDevice
from support.operations import synchronize
from support.paths import ROOT

NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="it starts a daemon as nobody")
def test_nobody_reads_its_memory(mediatord_bin):
    """The files of a process that may not be debugged are root's."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        binary, starter = (shutil.copy(mediatord_bin.with_name(name), folder)
                           for name in ("vgpu-mediatord", "vgpu-starter"))
        device = FakeDevice(Path(folder) / "vm.sock")
        os.chown(device.path, NOBODY, NOBODY)
        daemon = subprocess.Popen([binary, "--starter", starter, "--connect",
                                   device.path],
                                  user=NOBODY, group=NOBODY,
                                  extra_groups=[], stderr=subprocess.DEVNULL)
        try:
            with device.greet():
                status = Path(f"/proc/{daemon.pid}/status").read_text()
                assert re.search(rf"^Uid:\t{NOBODY}\t", status, re.M)
                owner = os.stat(f"/proc/{daemon.pid}/mem").st_uid
                assert owner == 0
        finally:
            daemon.terminate()
            assert daemon.wait(20) == 0
        device.close()


def test_workers_are_in_their_sandbox(start, device):
    daemon = start("--connect", device.path)
    with device.greet() as peer:
        answer, = peer.ask(synchronize())
        assert answer.status == abi.VGPU_STUB_ERR_NONE
        worker, = daemon.workers()
        status = Path(f"/proc/{worker}/status").read_text()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    # 2: there is a filter
    assert re.search(r"^Seccomp:\t2$", status, re.M)


def test_unit_is_hardened():
    """The lines that docs/security.md speaks of."""
    unit = (ROOT / "SOURCES/vgpu-mediatord.service").read_text().splitlines()
    assert {"ExecStart=/usr/sbin/vgpu-mediatord --user=vgpu-stub \\",
            "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_CHOWN "
            "CAP_SYS_CHROOT", "PrivateNetwork=yes", "LimitNPROC=1024",
            "NoNewPrivileges=yes", "RestrictAddressFamilies=AF_UNIX",
            "TasksMax=16384", "OOMPolicy=continue", "Nice=5",
            "MemoryMax=50%", "MemoryLimit=2G", "CPUWeight=50",
            "CPUShares=512"} <= set(unit)
