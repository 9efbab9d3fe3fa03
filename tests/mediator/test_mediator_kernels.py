# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue of kernels as the build leaves it."""
import configparser
import re

import pytest

from support.paths import BUILD, ROOT

KERNELS = BUILD / "kernels"
NAMES = sorted(path.stem for path in
               (ROOT / "mediator" / "kernels").glob("*.kernel"))

PTX_TYPES = {"buffer": "u64", "u32": "u32", "f32": "f32", "u64": "u64",
             "f64": "f64"}


def test_the_kernels_are_those_that_are_promised():
    documented = re.findall(r"^\| (\w+) \| buffer",
                            (ROOT / "docs/operations.md").read_text(), re.M)
    assert sorted(documented) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_ptx(name):
    """One entry, with the parameters of the manifest, and all of it there."""
    manifest = configparser.ConfigParser()
    manifest.read(KERNELS / f"{name}.kernel")
    ptx = (KERNELS / f"{name}.ptx").read_text()
    (entry, params), = re.findall(r"\.visible \.entry (\w+)\(([^)]*)\)", ptx)
    assert entry == name
    assert re.findall(r"\.param \.(\w+)", params) == [
        PTX_TYPES[value.split()[0]] for value in manifest["args"].values()]
    assert ".extern" not in ptx
    for axis in "xyz"[:int(manifest["kernel"]["dimensions"])]:
        for register in ("tid", "ntid", "ctaid", "nctaid"):
            assert f"%{register}.{axis};" in ptx
    assert re.search(r"^\.address_size 64$", ptx, re.M)
