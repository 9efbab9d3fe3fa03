# SPDX-License-Identifier: GPL-2.0-or-later
"""A short soak; `make soak` is the long one."""
import subprocess

from support.paths import ROOT


def test_soak():
    result = subprocess.run(
        ["/usr/bin/python3", ROOT / "tests/soak/run.py", "--seconds=10"],
        timeout=200, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1].startswith("soak: PASS: ")
