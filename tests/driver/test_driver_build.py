# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's kernel module as it was built, and how its source is written."""
import subprocess

import pytest

from support.paths import BUILD, ROOT

SOURCE = ROOT / "guest-tools/driver"
SERIES = ("5.10", "6.1", "6.12")


def output(*command, **options):
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, **options)
    assert result.returncode == 0, result.stdout
    return result.stdout


def modinfo(series, field):
    return output("/sbin/modinfo", "-F", field,
                  BUILD / "driver" / series / "vgpu-stub.ko").split()


@pytest.mark.parametrize("series", SERIES)
def test_the_module_is_for_this_kernel_and_device(series):
    """A guest loads it by itself: its alias is that of the device."""
    assert modinfo(series, "vermagic")[0].startswith(f"{series}.")
    assert modinfo(series, "license") == ["GPL"]
    assert modinfo(series, "alias") == [
        "pci:v00001AF4d00001111sv00001AF4sd00001111bc12sc00i*"]
    assert modinfo(series, "depends") == []


def test_kernel_style():
    checkpatch = output(ROOT / "scripts/fetch-checkpatch").split()[-1]
    for path in sorted(SOURCE.glob("*.[ch]")):
        output("perl", checkpatch, "--no-tree", "--strict", "--terse", "-f",
               path)


@pytest.mark.parametrize("command", (
    ("gcc", "-std=c99", "-xc"), ("g++", "-std=c++11", "-xc++")),
    ids=("c", "c++"))
def test_the_interface_in_a_program(command):
    """Structures without holes, the same for programs of 32 and 64 bits"""
    sizes = {"info": 64, "buffer": 24, "submission": 64, "completion": 32,
             "enter": 48}
    text = '#include "vgpu-stub-ioctl.h"\n' + "".join(
        f"char {name}[sizeof(struct vgpu_stub_io_{name}) == {size} ? 1 : -1];\n"
        for name, size in sizes.items())
    output(*command, "-Wall", "-Wextra", "-Wpadded", "-Werror",
           "-fsyntax-only", "-I", SOURCE, "-", input=text)
