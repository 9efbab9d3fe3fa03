# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-mediatord against devices that the tests play themselves."""
import itertools
import json
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.fake_device import FakeDevice
from support.lone_worker import LoneWorker, Root
from support.mediatord import Mediatord
from support.opencl_program import OpenclProgram
from support.paths import BUILD
from support.wait import PATIENCE, wait_for


@pytest.fixture(scope="session")
def mediatord_bin():
    """With sanitizers: what is shipped runs in the guests' and Xen's tests."""
    path = BUILD / "mediator-sanitizers" / "vgpu-mediatord"
    if not path.is_file():
        raise pytest.UsageError(f"{path} is missing: "
                                "`make mediator-sanitizers`")
    return path


@pytest.fixture
def start(mediatord_bin, tmp_path):
    """start(*args): a daemon, which has to end well after the test."""
    with ExitStack() as running:
        count = itertools.count()
        yield lambda *args, **options: running.enter_context(
            Mediatord(mediatord_bin, tmp_path / f"log{next(count)}", *args,
                      **options))


@pytest.fixture
def open_folder():
    """open_folder(): a folder that every user can reach; pytest closes its
    own ones to others, even while a test runs."""
    with ExitStack() as folders:
        def make():
            folder = Path(folders.enter_context(
                tempfile.TemporaryDirectory(prefix="vgpu-")))
            folder.chmod(0o755)
            return folder
        yield make


@pytest.fixture
def device(tmp_path):
    device = FakeDevice(tmp_path / "vm.sock")
    yield device
    device.close()


@pytest.fixture
def daemon(start, device):
    """A daemon that connects to `device`."""
    return start("--connect", device.path)


@pytest.fixture
def peer(daemon, device):
    """A connection of `daemon` after the handshake."""
    with device.greet() as peer:
        yield peer


@pytest.fixture
def admin(tmp_path):
    return tmp_path / "admin"


@pytest.fixture
def ctl(mediatord_bin, admin):
    """ctl(*args): what vgpu-ctl prints; ctl.fails(*args): why it fails."""
    def run(*args):
        return subprocess.run(
            [mediatord_bin.with_name("vgpu-ctl"), "--socket", admin, *args],
            timeout=PATIENCE, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def good(*args):
        result = run(*args)
        assert (result.returncode, result.stderr) == (0, ""), result
        return result.stdout

    def bad(*args):
        result = run(*args)
        assert (result.returncode, result.stdout) == (1, ""), result
        return result.stderr

    good.fails = bad
    return good


@pytest.fixture
def wait_busy(ctl):
    """wait_busy(): until a worker executes a request, as the daemon sees it"""
    return lambda: wait_for(lambda: "busy" in [
        worker["state"] for worker in json.loads(ctl("--json", "workers"))],
        "a busy worker")


@pytest.fixture(scope="session")
def opencl_root(mediatord_bin):
    """What workers of the backend opencl are closed in"""
    with tempfile.TemporaryDirectory(prefix="vgpu-") as folder:
        yield Root(mediatord_bin.with_name("vgpu-worker"), Path(folder))


@pytest.fixture(scope="session")
def lone_worker_class():
    return LoneWorker


@pytest.fixture
def lone_worker(mediatord_bin, opencl_root):
    """lone_worker(**options): a worker with PoCL, which ends well."""
    with ExitStack() as running:
        yield lambda closed=True, **options: running.enter_context(LoneWorker(
            mediatord_bin.with_name("vgpu-worker"), opencl_root, closed,
            **options))


@pytest.fixture(scope="session")
def opencl_program():
    """opencl_program(worker): a guest's program that uses OpenCL"""
    return OpenclProgram


@pytest.fixture
def program(lone_worker):
    return OpenclProgram(lone_worker())
