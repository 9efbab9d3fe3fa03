# SPDX-License-Identifier: GPL-2.0-or-later
"""A session of remoting/ with a worker by a script, see remoting/."""
import re
import subprocess

import pytest

from direct import PROGRAMS


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_session(sanitizer):
    result = subprocess.run([PROGRAMS / f"remoting-test-{sanitizer}"],
                            timeout=300, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    passed = re.findall("^ok ", result.stdout, re.MULTILINE)
    assert f"1..{len(passed)}" in result.stdout.splitlines(), result.stdout
    assert result.returncode == 0, result.stdout
