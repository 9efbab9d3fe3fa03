# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/build-qemu: what it says of a tree that it cannot build."""
import subprocess

import pytest

from support.paths import ROOT

KNOWN = "there are: 4.2 7.2 10.0"


def build_qemu(tmp_path, *args):
    """Run it with a cache and a build folder of its own."""
    return subprocess.run([ROOT / "scripts/build-qemu", *args], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, env={"HOME": str(tmp_path),
                                           "PATH": "/usr/bin:/bin",
                                           "BUILD": str(tmp_path / "build")})


@pytest.fixture
def tree(tmp_path):
    """tree(version): a source tree that says it is this version."""
    def make(version):
        directory = tmp_path / "tree"
        directory.mkdir()
        if version is not None:
            (directory / "VERSION").write_text(version)
        return directory
    return make


def test_unknown_series(tmp_path):
    result = build_qemu(tmp_path, "9.9")
    assert result.returncode == 1
    assert result.stdout == (
        f"build-qemu: no integration for QEMU 9.9; {KNOWN}\n")


@pytest.mark.parametrize("version, message", (
    ("5.1.0\n", f"no integration for QEMU 5.1; {KNOWN}"),
    (None, "has no VERSION: not a QEMU source tree"),
    ("", "says '', not a version of QEMU"),
    ("banana\n", "says 'banana', not a version of QEMU"),
))
def test_trees_that_are_not_known(tmp_path, tree, version, message):
    result = build_qemu(tmp_path, tree(version))
    assert result.returncode == 1
    assert message in result.stdout
    assert result.stdout.count("\n") == 1


def test_a_tree_that_is_not_there(tmp_path):
    result = build_qemu(tmp_path, tmp_path / "nowhere")
    assert result.returncode == 1
    assert "nowhere: no such directory" in result.stdout


def test_a_tree_that_the_integration_does_not_fit(tmp_path, tree):
    path = tree("10.0.0\n")
    (path / "meson.build").write_text("project('something else')\n")
    before = sorted(path.rglob("*"))
    result = build_qemu(tmp_path, path)
    assert result.returncode == 1
    assert f"patches/qemu-10.0 does not fit {path}" in result.stdout
    assert sorted(path.rglob("*")) == before


@pytest.mark.parametrize("series", ("4.2", "7.2", "10.0"))
def test_packages_get_one_device(series):
    """sst-device has a build of its own and is in no package."""
    patch = subprocess.run([ROOT / "scripts/make-qemu-patch", series],
                           text=True, stdout=subprocess.PIPE, check=True).stdout
    assert "hw/misc/vgpu-stub/vgpu-stub.c" in patch
    assert "sst" not in patch.lower()


def test_sst_device_in_another_series(tmp_path):
    result = build_qemu(tmp_path, "--sst", "10.0")
    assert result.returncode == 1
    assert result.stdout == (
        "build-qemu: no integration for QEMU 10.0; there are: 7.2\n")


def test_unknown_option(tmp_path):
    result = build_qemu(tmp_path, "--fast", "7.2")
    assert result.returncode == 1
    assert "usage: build-qemu [--sst] [--sanitizers]" in result.stdout
