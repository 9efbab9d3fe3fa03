# SPDX-License-Identifier: GPL-2.0-or-later
"""A short soak; `make soak` is the long one."""
import json
import subprocess
from xml.etree import ElementTree

from support.paths import ROOT


def test_soak(tmp_path):
    result = subprocess.run(
        ["/usr/bin/python3", ROOT / "tests/soak/run.py", "--seconds=10",
         "--out", tmp_path], timeout=200, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1].startswith("soak: PASS: ")
    samples = json.loads((tmp_path / "soak.json").read_text())
    assert samples[-1]["counters"]["requests"] > 0
    for name in ("soak.svg", "soak-dark.svg"):
        ElementTree.parse(tmp_path / name)
