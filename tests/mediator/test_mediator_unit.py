# SPDX-License-Identifier: GPL-2.0-or-later
"""The mediator's modules, by the programs in unit/."""
import os
import re
import subprocess
from pathlib import Path

import pytest

from support.paths import BUILD

SOURCES = sorted((Path(__file__).parent / "unit").glob("*.c"))

UNIT = BUILD / "mediator-sanitizers" / "unit"
FAKE_DRIVER = BUILD / "mediator-sanitizers" / "fake"


def run(name, *args, **variables):
    path = UNIT / name
    if not path.is_file():
        raise pytest.UsageError(f"{path} is missing: "
                                "`make mediator-sanitizers`")
    result = subprocess.run([path, *args], cwd=BUILD.parent, timeout=300,
                            env=dict(os.environ, **variables), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.mark.parametrize("name", [source.stem for source in SOURCES])
def test_unit(name):
    output = run(name)
    # OpenCL is there on every machine, if only on the CPU.
    assert not re.search(r"/opencl/.* # SKIP", output)


def test_opencl_without_a_device(tmp_path):
    output = run("test-session", "-p", "/session/opencl/no-device",
                 OCL_ICD_VENDORS=str(tmp_path))
    assert "there is no device 4000000, there are 0" in output


def test_cuda_without_a_gpu():
    """The backend, with a fake of the driver where test_unit skips it."""
    output = run("test-session", "-p", "/session/cuda",
                 LD_LIBRARY_PATH=str(FAKE_DRIVER))
    assert "SKIP" not in output
