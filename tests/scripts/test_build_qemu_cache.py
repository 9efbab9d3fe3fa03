# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/build-qemu: what checkouts that share a cache leave each other.

The source tree is a few lines that build like QEMU's: what is compiled is the
device's code, and a line in a journal tells of each thing that is done.
"""
import os
import re
import shutil
import subprocess

import pytest

from support.paths import ROOT

DAY = 24 * 3600

CONFIGURE = """#!/bin/sh
set -e
tree=$(dirname "$0")
echo configure >>"$JOURNAL"
sed "s|TREE|$tree|g" "$tree/Makefile.in" >Makefile
echo "[{\\"command\\": \\"true\\", \\"file\\": \\"$tree/hw/misc/vgpu-stub/one.c\\"}]" \\
    >compile_commands.json
mkdir pc-bios
"""

MAKEFILE = """
qemu-system-x86_64: TREE/meson.build TREE/hw/misc/vgpu-stub/one.c same.o
\techo link >>"$$JOURNAL"
\tcat $^ >$@
\tchmod +x $@
same.o: TREE/same.c
\techo same.c >>"$$JOURNAL"
\tcp $< $@
"""


class Checkouts:
    def __init__(self, path):
        self.path = path
        self.journal = path / "journal"
        self.tree = path / "tree"
        (self.tree / "hw/misc").mkdir(parents=True)
        (self.tree / "ui/keycodemapdb/tools").mkdir(parents=True)
        (self.tree / "VERSION").write_text("7.2.0\n")
        (self.tree / "Makefile.in").write_text(MAKEFILE)
        (self.tree / "same.c").write_text("same\n")
        (self.tree / "meson.build").write_text("first line\n")
        (self.tree / "configure").write_text(CONFIGURE)
        (self.tree / "configure").chmod(0o755)

    def new(self, name, code, line="hw/misc/vgpu-stub"):
        """A checkout whose device is this code and whose patch adds this
        line."""
        checkout = self.path / name
        shutil.copytree(ROOT / "scripts", checkout / "scripts")
        for folder in ("include", "hw-misc-vgpu-stub", "patches/qemu-7.2"):
            (checkout / folder).mkdir(parents=True)
        (checkout / "include/vgpu-stub-one.h").write_text("")
        (checkout / "hw-misc-vgpu-stub/trace-events").write_text("")
        (checkout / "hw-misc-vgpu-stub/one.h").write_text("")
        (checkout / "hw-misc-vgpu-stub/one.c").write_text(code)
        (checkout / "patches/qemu-7.2/one.patch").write_text(
            "--- a/meson.build\n+++ b/meson.build\n@@ -1,1 +1,2 @@\n"
            f" first line\n+{line}\n")
        return checkout

    def make(self, checkout):
        """Build it; returns what was done for that, and the binary."""
        self.journal.write_text("")
        result = subprocess.run(
            [checkout / "scripts/build-qemu", self.tree], text=True, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"HOME": str(self.path), "PATH": "/usr/bin:/bin",
                 "JOURNAL": str(self.journal)})
        assert result.returncode == 0, result.stdout
        return (self.journal.read_text().split(),
                checkout / "build/qemu-7.2-tree/qemu-system-x86_64")


@pytest.fixture
def checkouts(tmp_path):
    return Checkouts(tmp_path)


def test_nobody_takes_anothers_binary_away(checkouts):
    one, two = (checkouts.new(name, f"{name}\n") for name in ("one", "two"))
    done, first = checkouts.make(one)
    assert done == ["configure", "same.c", "link"]
    with first.open() as running:
        done, second = checkouts.make(two)
        assert done == ["link"]
        assert running.read() == first.read_text()
    assert "one" in first.read_text() and "two" not in first.read_text()
    assert "two" in second.read_text() and "one" not in second.read_text()

    assert checkouts.make(one) == ([], first)
    assert checkouts.make(two) == ([], second)


def test_other_patches_leave_the_rest_as_it_was_compiled(checkouts):
    old = checkouts.new("old", "code\n")
    new = checkouts.new("new", "code\n", line="hw/misc/another")
    checkouts.make(old)
    done, binary = checkouts.make(new)
    assert done == ["link"]
    assert re.findall("hw/misc/.*", binary.read_text()) == ["hw/misc/another"]


def test_changed_sources_are_configured_again(checkouts):
    one = checkouts.new("one", "one\n")
    checkouts.make(one)
    (checkouts.tree / "same.c").write_text("not the same\n")
    done, binary = checkouts.make(one)
    assert done == ["configure", "same.c", "link"]
    assert "not the same" in binary.read_text()


def test_a_tree_that_brings_the_integration(checkouts):
    one = checkouts.new("one", "one\n")
    (checkouts.tree / "meson.build").write_text(
        "first line\nhw/misc/vgpu-stub\n")
    binary = checkouts.make(one)[1]
    assert binary.read_text().count("hw/misc/vgpu-stub") == 1
    (one / "hw-misc-vgpu-stub/one.c").write_text("another one\n")
    done, binary = checkouts.make(one)
    assert done == ["link"]
    assert "another one" in binary.read_text()


def test_old_binaries_go(checkouts):
    one = checkouts.new("one", "one\n")

    def kept():
        return sorted(checkouts.path.glob(
            ".cache/vgpu-stub/binaries/qemu-7.2-tree/*"))

    def build(number, age):
        """With the code of this number, asked for days ago."""
        (one / "hw-misc-vgpu-stub/one.c").write_text(f"code {number}\n")
        before = set(kept())
        binary = checkouts.make(one)[1]
        path = binary.resolve().parents[1]
        then = path.stat().st_mtime - age * DAY
        os.utime(path, (then, then))
        return path, before - set(kept())

    old = [build(0, 3), build(1, 4), build(2, 5)]
    assert not any(gone for path, gone in old)
    paths = [path for path, gone in old]
    assert build(3, 1)[1] == {paths[2]}
    # Many are kept while they are in use; asked for again, one is new.
    assert build(4, 1)[1] == {paths[1]}
    assert build(5, 1)[1] == {paths[0]}
    assert build(6, 1)[1] == set()
    path, gone = build(0, 0)
    assert (path, gone) == (paths[0], set())
