# SPDX-License-Identifier: GPL-2.0-or-later
"""What vgpu-worker --probe finds out about an accelerator."""
import os
import subprocess
import sys
import tempfile

import pytest

from support.paths import BUILD

WORKER = BUILD / "mediator" / "vgpu-worker"
FAKE_DRIVER = BUILD / "mediator-sanitizers" / "fake"


def probe(backend, *options, **variables):
    return subprocess.run(
        [WORKER, f"--backend={backend}", f"--kernels={BUILD}/kernels",
         "--probe", *options], env=dict(os.environ, **variables), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


@pytest.mark.parametrize("backend", ["cpu", "opencl", "cuda"])
def test_it_says_the_name(backend, tmp_path):
    result = probe(backend, LD_LIBRARY_PATH=str(FAKE_DRIVER),
                   TMPDIR=str(tmp_path), POCL_CACHE_DIR=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("\n") and len(result.stdout) > 3


def test_cuda_in_a_pv_dom0():
    """The driver opens there, and allocates nothing: say what to do."""
    result = probe("cuda", LD_LIBRARY_PATH=str(FAKE_DRIVER),
                   FAKE_CUDA_PV_DOM0="1")
    assert result.returncode == 1
    assert "cuMemAlloc: CUDA error 801" in result.stderr
    assert result.stderr.endswith(
        "; in a PV dom0 NVIDIA's driver says that: give the GPU to a service "
        "VM, or boot with dom0=pvh (docs/kernels.md)\n")


def test_it_is_closed_in_without_rights():
    """A worker of any user's takes a user namespace for it."""
    other = {"user": 65534, "group": 65534, "extra_groups": []}
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        result = subprocess.run(
            [WORKER, "--backend=cpu", f"--kernels={BUILD}/kernels", "--probe",
             f"--root={root}"], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=60,
            **(other if os.geteuid() == 0 else {}))
    assert (result.returncode, result.stderr) == (0, "")


# Locks all that can be opened in the folder and says so.
LOCKER = """
import fcntl, os, sys
for folder, folders, names in os.walk(sys.argv[1]):
    for path in folder, *(os.path.join(folder, name) for name in names):
        try:
            fcntl.flock(os.open(path, os.O_RDONLY | os.O_NONBLOCK),
                        fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes another user")
def test_workers_do_not_lock_their_root(tmp_path):
    """What is in it can be brought up to date, whatever they do there."""
    command = [WORKER, "--backend=opencl", f"--kernels={BUILD}/kernels"]
    environment = dict(os.environ, TMPDIR=str(tmp_path),
                       POCL_CACHE_DIR=str(tmp_path))
    with tempfile.TemporaryDirectory() as root:
        make = [*command, f"--make-root={root}"]
        subprocess.run(make, check=True, timeout=60, env=environment)
        locker = subprocess.Popen(
            [sys.executable, "-c", LOCKER, root], user=65534, group=65534,
            extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with locker:
            assert locker.stdout.readline() == b"locked\n"
            subprocess.run(make, check=True, timeout=60, env=environment)
