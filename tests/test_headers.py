# SPDX-License-Identifier: GPL-2.0-or-later
"""include/ compiles where a device, a program or a driver includes it."""
import subprocess

import pytest

from support.paths import ROOT

HEADERS = ("vgpu-stub-regs.h", "vgpu-stub-ring.h", "vgpu-stub-wire.h",
           "vgpu-stub-opencl.h")

# What the kernel's own <linux/types.h> says of these types
KERNEL_TYPES = """
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned long long uint64_t;
"""


def compile_alone(header, *command):
    result = subprocess.run(
        [*command, "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsyntax-only",
         "-I", ROOT / "include", "-"], input=f'#include "{header}"\n',
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("command", (
    ("gcc", "-std=gnu11", "-xc"), ("g++", "-std=c++11", "-xc++")),
    ids=("c", "c++"))
def test_in_a_program(header, command):
    compile_alone(header, *command)


@pytest.mark.parametrize("header", HEADERS)
def test_in_a_kernel(header, tmp_path):
    """No header of the C library is there."""
    (tmp_path / "linux").mkdir()
    (tmp_path / "linux/types.h").write_text(KERNEL_TYPES)
    compile_alone(header, "gcc", "-std=gnu89", "-xc", "-nostdinc",
                  "-ffreestanding", "-D__KERNEL__", "-I", tmp_path)
