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
    before = programs.native_clinfo()
    programs.compare_clinfo(platform.run("clinfo", "--raw"), before)


def test_pyopencl_takes_arrays(platform):
    output = platform.python(programs.HERE / "round-trip.py")
    assert re.search("^round trip: ok", output, re.MULTILINE)


def test_pyopencls_examples(folder, platform):
    output = platform.python(programs.HERE / "run-examples.py",
                             folder / "pyopencl", *programs.EXAMPLES)
    assert re.findall("^example: (.*)$", output, re.MULTILINE) == \
        list(programs.EXAMPLES)


@pytest.mark.parametrize("name", programs.PIGLIT)
def test_piglit(name, folder, platform, monkeypatch):
    for variable, value in platform.environment.items():
        monkeypatch.setenv(variable, value)
    whole, _, output = run(folder / "piglit",
                           commands(folder / "piglit")[name], 120)
    assert whole == "pass", output
