# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs on the guest's driver, without a guest: that driver and a worker
are real, the way between them is not."""
import re

import pytest

import debian_programs as programs
from direct import LIBRARY, PROGRAMS, Direct
from piglit import commands, run


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    folder = tmp_path_factory.mktemp("direct")
    return Direct(folder, "mediator", PROGRAMS / LIBRARY,
                  HOME=str(folder)).platform(memory=1 << 30)


def test_clinfo(platform):
    fields = programs.clinfo_fields(platform.run("clinfo", "--raw"))
    native = programs.clinfo_fields(programs.natively().run("clinfo", "--raw"))
    assert fields["CL_PLATFORM_NAME"] == "vgpu-stub"
    for field in ("CL_DEVICE_NAME", "CL_DEVICE_VENDOR", "CL_DRIVER_VERSION",
                  "CL_DEVICE_VERSION"):
        assert fields[field] == native[field]


def test_pyopencl_takes_arrays(platform):
    output = platform.python(programs.HERE / "round-trip.py")
    assert re.search("^round trip: ok", output, re.MULTILINE)


@pytest.mark.parametrize("name", programs.PIGLIT)
def test_piglit(name, platform, monkeypatch):
    for variable, value in platform.environment.items():
        monkeypatch.setenv(variable, value)
    folder = programs.folder() / "piglit"
    whole, _, output = run(folder, commands(folder)[name], 120)
    assert whole == "pass", output
