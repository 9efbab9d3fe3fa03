# SPDX-License-Identifier: GPL-2.0-or-later
"""The constants of our interfaces' headers, by their own names.

The headers are the only place where an offset, a bit or a code is written
down in code: tests read them from there, so that they cannot drift.
"""
import re

from support.paths import ROOT

HEADERS = ("include/vgpu-stub-regs.h", "include/vgpu-stub-ring.h",
           "include/vgpu-stub-wire.h", "include/vgpu-stub-opencl.h",
           "sst/include/sst-mmio-wire.h")

_DEFINE = re.compile(
    r"^#define ((?:VGPU_STUB|SST)_\w+)[ \t]+"
    r"(\(1u << \d+\)|0x[0-9A-Fa-f]+|\d+)(?=\s|$)",
    re.MULTILINE)


def _constants(text):
    for name, value in _DEFINE.findall(text):
        shift = re.match(r"\(1u << (\d+)\)", value)
        yield name, 1 << int(shift.group(1)) if shift else int(value, 0)


for _header in HEADERS:
    globals().update(_constants((ROOT / _header).read_text()))


def names(prefix):
    """{name without the prefix: value} of the constants that begin so."""
    return {name[len(prefix):]: value for name, value in globals().items()
            if name.startswith(prefix)}
