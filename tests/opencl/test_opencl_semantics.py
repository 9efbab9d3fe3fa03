# SPDX-License-Identifier: GPL-2.0-or-later
"""What OpenCL's specification promises, by programs of ours in programs/."""
import re

import debian_programs
import pytest
from direct import LIBRARY, PROGRAMS, Direct
from support.wait import LONG_PATIENCE

NAMES = sorted(path.stem for path in
               (debian_programs.HERE / "programs").glob("*.c"))


@pytest.mark.parametrize("name", NAMES)
def test_by_a_worker(direct, name):
    output = direct.platform().run(PROGRAMS / name, timeout=LONG_PATIENCE)
    passed = re.findall("^ok ", output, re.MULTILINE)
    assert f"1..{len(passed)}" in output.splitlines(), output


def test_races(tmp_path):
    """Of threads; that sanitizer does not like addresses at random."""
    platform = Direct(tmp_path, "mediator",
                      PROGRAMS / "threads" / LIBRARY).platform()
    platform.run("setarch", "-R", PROGRAMS / "threads/test-events",
                 timeout=LONG_PATIENCE)
