# SPDX-License-Identifier: GPL-2.0-or-later
import os
import shutil

import pytest

from packager import OUR_PACKAGES, ROOT, WORK, Packager, Qemu, find
from system import Root, make_system

EPOCH = "1767225600"


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
def commit(packager, tmp_path_factory):
    """A repository with this tree in its one commit"""
    origin = tmp_path_factory.mktemp("commit") / "origin"
    shutil.copytree(ROOT, origin, ignore=shutil.ignore_patterns(
        "build", ".git", "__pycache__"))
    git = ["git", "-C", origin, "-c", "user.name=x", "-c", "user.email=x@x"]
    packager.run("git", "init", "-q", origin)
    packager.run(*git, "add", "-A")
    packager.run(*git, "commit", "-qm", "x",
                 env=dict(packager.env, GIT_COMMITTER_DATE=f"{EPOCH} +0000"))
    return origin


@pytest.fixture(scope="session")
def build_all(packager, commit, tmp_path_factory):
    """build_all(umask): a folder with all packages that the commit makes"""
    def build(umask):
        # The same directory each time: rpm writes its name into the packages.
        tree, out = WORK / "tree", tmp_path_factory.mktemp("packages")
        shutil.rmtree(tree, ignore_errors=True)
        tree.parent.mkdir(parents=True, exist_ok=True)
        packager.run("git", "clone", "-q", commit, tree, umask=umask)
        for target in ("packages", "deb", "opencl-deb"):
            packager.run("make", "-C", tree, target, umask=umask)
        for path in (tree / "build").rglob("vgpu-stub*"):
            if path.suffix in (".rpm", ".deb"):
                shutil.copy(path, out)
        shutil.rmtree(tree)
        return out

    return build


@pytest.fixture(scope="session")
def built(build_all):
    """A folder with all our packages"""
    return build_all(0o022)


@pytest.fixture(scope="session")
def packages(built):
    """Our RPM packages: name to path, and "src"."""
    found = {name: find(built, arch, name)
             for name, arch in OUR_PACKAGES.items()}
    return dict(found, src=find(built, "src", "vgpu-stub"))


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
