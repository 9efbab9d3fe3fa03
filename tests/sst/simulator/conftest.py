# SPDX-License-Identifier: GPL-2.0-or-later
"""sst-sim against a QEMU that the tests play themselves, and a real one."""
import itertools

import pytest

from sst_sim import Client, SstSim, config
from support import sst
from support.paths import BUILD
from support.wait import PATIENCE


@pytest.fixture(scope="session", params=["sst-sim", "sst-sim-sanitizers"])
def sst_sim_bin(request):
    path = BUILD / request.param / "sst-sim"
    if not path.is_file():
        raise pytest.UsageError(f"{path} is missing: `make {request.param}`")
    return path


@pytest.fixture
def start_sim(sst_sim_bin, tmp_path):
    """start_sim(text, *command): a simulator with that configuration."""
    running = []
    names = (f"sim{number}" for number in itertools.count())

    def start(text=config(), *command):
        sim = SstSim(sst_sim_bin, tmp_path, next(names), text, *command)
        running.append(sim)
        return sim

    yield start
    for sim in running:
        sim.stop()


@pytest.fixture(params=sst.FORMATS.values(), ids=sst.FORMATS)
def wire(request):
    return request.param


@pytest.fixture
def connect(tmp_path):
    """connect(device, wire): as QEMU's sst-device."""
    running = []

    def start(device, wire=sst.Guide):
        client = Client(tmp_path / f"{device}.sock", wire)
        running.append(client)
        return client

    yield start
    for client in running:
        client.sock.close()


@pytest.fixture
def boot(sst_qemu):
    """boot(program, *args): a command that runs it; its UART is stdout."""
    return lambda program, *args: (
        sst_qemu, "-M", "virt", "-bios", "none", "-nodefaults",
        "-display", "none", "-serial", "stdio", "-global",
        f"sst-device.timeout-ms={PATIENCE * 1000}", "-kernel", program, *args)
