# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers that Slurm places where pam_slurm_adopt says who gets in: a real sshd
with PAM, as the user that the jobs are of."""
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import abi, operations
from support.fake_queue_device import FakeQueueDevice
from support.processes import wait_gone
from support.remote import named, offspring
from support.slurm_login import HAS_FREEZER, NODE, UID, AdoptingSlurm
from support.wait import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make network namespaces")

NONE = abi.VGPU_STUB_ERR_NONE
LOST = abi.VGPU_STUB_ERR_CONTEXT_LOST
SYNCHRONIZE = operations.synchronize()


@pytest.fixture(scope="module")
def cluster():
    # Every user can reach it; pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory(prefix="vgpu-") as folder:
        Path(folder).chmod(0o755)
        cluster = AdoptingSlurm(Path(folder) / "cluster")
        yield cluster
        cluster.close()


@pytest.fixture
def link(start, cluster, tmp_path, sockets):
    (tmp_path / "mediatord.conf").write_text(
        f"[pool A]\nlauncher={cluster.launcher}\nspares=0\n")
    daemon = start("--socket-dir", sockets, "--config",
                   tmp_path / "mediatord.conf")
    with FakeQueueDevice(sockets / "7-0.sock").greet() as link:
        link.daemon = daemon
        link.sock.settimeout(PATIENCE)
        yield link
    assert daemon.stop() == 0
    wait_for(lambda: not cluster.jobs(), "end of all jobs")


def workers(cluster):
    return set(named(offspring(cluster.nodes[NODE].process.pid),
                     "vgpu-worker"))


def test_nobody_gets_in_without_a_job(cluster):
    result = subprocess.run(
        [*cluster.as_user, "ssh", "-F", cluster.folder / "ssh_config", NODE,
         "vgpu-gate --backend=cpu --probe"], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    assert result.returncode == 255
    assert "you have no active jobs on this node" in result.stderr


def test_each_worker_is_in_its_job(link, cluster):
    """Of two that its user has there"""
    seen = set()
    for count in 1, 2:
        assert link.open().ask(SYNCHRONIZE).status == NONE
        [worker] = workers(cluster) - seen
        seen.add(worker)
        status = Path(f"/proc/{worker}/status").read_text()
        assert f"\nUid:\t{UID}\t" in status
        job = max(cluster.jobs(), key=int)
        groups = Path(f"/proc/{worker}/cgroup").read_text()
        assert not HAS_FREEZER or f"job_{job}/" in groups
        assert cluster.run("squeue", "-h", "-j", job, "-o", "%U %k") == \
            f"{UID} vm 7\n"


@pytest.mark.skipif(not HAS_FREEZER,
                    reason="Slurm needs a freezer, or systemd")
def test_what_was_let_in_ends_with_its_job(link, cluster):
    """Also where nobody but Slurm's node ends it"""
    context = link.open()
    assert context.ask(SYNCHRONIZE).status == NONE
    [worker] = workers(cluster)
    [salloc] = named(offspring(link.daemon.process.pid), "salloc")
    os.kill(salloc, signal.SIGSTOP)
    [job] = cluster.jobs()
    cluster.run("scancel", job)
    wait_gone(worker)
    os.kill(salloc, signal.SIGCONT)
    assert link.refused(context.number) == LOST
