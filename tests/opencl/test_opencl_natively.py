# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs on the host's own driver: what the guest is compared with."""
import re

import pytest

import debian_programs as programs
from piglit import commands, run


@pytest.fixture
def native(tmp_path):
    return programs.natively(HOME=str(tmp_path))


def test_clinfo(native):
    fields = programs.clinfo_fields(native.run("clinfo", "--raw"))
    assert fields["CL_PLATFORM_NAME"] == "Portable Computing Language"
    assert len(fields) > 100


def test_pyopencl_takes_arrays(native):
    output = native.python(programs.HERE / "round-trip.py")
    assert re.search("^round trip: ok", output, re.MULTILINE)


@pytest.mark.parametrize("name", programs.PIGLIT)
def test_piglit(folder, name, native, monkeypatch):
    for variable, value in native.environment.items():
        monkeypatch.setenv(variable, value)
    whole, parts, output = run(folder / "piglit",
                               commands(folder / "piglit")[name], 120)
    assert whole == "pass", output


def test_pyopencls_examples(folder, native):
    output = native.python(programs.HERE / "run-examples.py",
                           folder / "pyopencl", *programs.EXAMPLES)
    assert re.findall("^example: (.*)$", output, re.MULTILINE) == \
        list(programs.EXAMPLES)
