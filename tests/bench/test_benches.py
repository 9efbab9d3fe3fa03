# SPDX-License-Identifier: GPL-2.0-or-later
"""That the benches run; their figures mean nothing here."""
import json
import subprocess

import pytest

from support.paths import ROOT


@pytest.mark.parametrize("name, figures", [
    ("mediator", {"throughput_1vm_vs_echo", "throughput_8vm_vs_echo",
                  "throughput_64vm_vs_echo"}),
])
def test_bench(tmp_path, name, figures):
    result = subprocess.run(
        ["/usr/bin/python3", ROOT / "tests/bench/run.py", "--quick",
         "--out", tmp_path, name], timeout=300, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
    summary = json.loads((tmp_path / "bench.json").read_text())["summary"]
    assert figures <= set(summary)
    assert all(figure > 0 for figure in summary.values())
