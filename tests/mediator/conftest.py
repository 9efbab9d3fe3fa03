# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-mediatord against devices that the tests play themselves."""
import itertools
from contextlib import ExitStack

import pytest

from fake_device import FakeDevice
from support.mediatord import Mediatord
from support.paths import BUILD


@pytest.fixture(scope="session", params=["mediator", "mediator-sanitizers"])
def mediatord_bin(request):
    path = BUILD / request.param / "vgpu-mediatord"
    if not path.is_file():
        raise pytest.UsageError(f"{path} is missing: `make {request.param}`")
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
