# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from packager import OUR_PACKAGES, Packager, Qemu, find
from system import Root, make_system


@pytest.fixture(scope="session")
def packager(tmp_path_factory):
    machine = Packager(tmp_path_factory.mktemp("packager"))
    machine.install_build_requires()
    return machine


@pytest.fixture(scope="session")
def qemu(packager):
    return Qemu(packager)


@pytest.fixture(scope="session")
def stock_qemu(qemu):
    return find(qemu.stock())


@pytest.fixture(scope="session")
def our_qemu(qemu):
    return find(qemu.ours())


@pytest.fixture(scope="session")
def packages(packager, tmp_path_factory):
    """Our packages: name to path, and "src"."""
    build = tmp_path_factory.mktemp("packages")
    packager.make("packages", BUILD=build)
    found = {name: find(build, arch, name)
             for name, arch in OUR_PACKAGES.items()}
    return dict(found, src=find(build, "src", "vgpu-stub"))


@pytest.fixture
def root(packager, tmp_path):
    """A system without any package."""
    if os.geteuid() != 0:
        pytest.fail("this test installs packages into a system of its own: "
                    "run it as root")
    path = tmp_path / "root"
    path.mkdir()
    make_system(path)
    return Root(path, packager)
