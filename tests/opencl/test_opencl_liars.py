# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that was taken over: its worker lies to the guest's driver, whose
program may see errors, and nothing else."""
import re
import subprocess

import debian_programs
import pytest
from direct import LIBRARY, PROGRAMS, Direct
from support.wait import LONG_PATIENCE

LIES = re.findall(r'^    "(.*)": on\(',
                  (debian_programs.HERE / "lying-worker.py").read_text(), re.M)


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """The driver with sanitizers: what its program leaves open is no matter."""
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"],
                             check=True, stdout=subprocess.PIPE, text=True)
    made = Direct(tmp_path_factory.mktemp("liars"), "mediator",
                  PROGRAMS / "sanitizers" / LIBRARY,
                  LD_PRELOAD=runtime.stdout.strip(),
                  ASAN_OPTIONS="detect_leaks=0:"
                  "allocator_may_return_null=1").platform()
    made.environment.update(
        VGPU_STUB_TEST_TRUTH=made.environment["VGPU_STUB_TEST_WORKER"],
        VGPU_STUB_TEST_WORKER=str(debian_programs.HERE / "lying-worker.py"))
    return made


@pytest.mark.parametrize("lie", ["none", *LIES, *map(str, range(10))])
def test_lies(platform, lie):
    platform.environment["VGPU_STUB_TEST_LIE"] = lie
    output = platform.run(PROGRAMS / "test-answers", timeout=LONG_PATIENCE)
    assert not re.search("^not ok", output, re.M), output
    assert re.search(r"^1\.\.\d+$", output, re.M), output
