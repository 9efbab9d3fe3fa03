# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/build-qemu: what it says of a tree that it cannot build."""
import re
import subprocess

import pytest

from support.paths import ROOT

KNOWN = "there are: 4.2 7.2 10.0. The nearest is that of "


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
        f"build-qemu: no integration for QEMU 9.9; {KNOWN}10.0\n")


@pytest.mark.parametrize("series, nearest", [
    ("1.0", "4.2"), ("4.1", "4.2"), ("5.2", "4.2"), ("6.1", "7.2"),
    ("7.1", "7.2"), ("8.0", "7.2"), ("8.2", "7.2"), ("9.1", "10.0"),
    ("10.1", "10.0"), ("11.0", "10.0")])
def test_the_nearest_series(tmp_path, series, nearest):
    assert build_qemu(tmp_path, series).stdout.endswith(
        f"The nearest is that of {nearest}\n")


@pytest.mark.parametrize("version, message", (
    (None, "has no VERSION: not a QEMU source tree"),
    ("", "says '', not a version of QEMU"),
    ("banana\n", "says 'banana', not a version of QEMU"),
))
def test_trees_that_are_not_known(tmp_path, tree, version, message):
    result = build_qemu(tmp_path, tree(version))
    assert result.returncode == 1
    assert message in result.stdout
    assert result.stdout.count("\n") == 1


def test_a_tree_of_an_unknown_series(tmp_path, tree):
    """Whether the nearest integration would fit is tried, and said."""
    path = tree("7.1.0\n")
    (path / "hw/misc").mkdir(parents=True)
    patch = (ROOT / "patches/qemu-7.2/0001-hw-misc-build-the-vgpu-stub-device"
             ".patch").read_text()
    for name, hunk in re.findall(
            r"^\+\+\+ b/(.*)\n@@.*@@.*\n((?:[ +].*\n)+)", patch, re.M):
        (path / name).write_text("".join(
            line[1:] + "\n" for line in hunk.splitlines() if line[0] == " "))
    before = contents(path)
    result = build_qemu(tmp_path, path)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1] == (
        f"build-qemu: no integration for QEMU 7.1; {KNOWN}7.2, which fits "
        "these sources. Nobody has tried it: copy patches/qemu-7.2 to "
        "patches/qemu-7.1, build again, and have the result pass 'make "
        "device-check QEMU_BIN=...'")
    assert contents(path) == before

    (path / "meson.build").write_text("project('something else')\n")
    result = build_qemu(tmp_path, path)
    assert result.returncode == 1
    assert "1 out of 1 hunk FAILED" in result.stdout
    assert result.stdout.splitlines()[-1] == (
        f"build-qemu: no integration for QEMU 7.1; {KNOWN}7.2, which does not "
        "fit these sources (see above)")


def contents(path):
    return {file: file.read_bytes() for file in path.rglob("*")
            if file.is_file()}


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
        "build-qemu: no integration for QEMU 10.0; there are: 7.2. The nearest "
        "is that of 7.2\n")


def test_unknown_option(tmp_path):
    result = build_qemu(tmp_path, "--fast", "7.2")
    assert result.returncode == 1
    assert "usage: build-qemu [--sst] [--sanitizers]" in result.stdout
