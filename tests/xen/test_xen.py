# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks on a real Xen, which check-xen boots once, each as a test."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHECKS_TAP = ROOT / os.environ.get("BUILD", "build") / "check-xen/checks.tap"

sys.path.insert(0, str(HERE / "dom0"))
from xen_checks import CHECKS


@pytest.fixture(scope="session")
def boot(request):
    """Returns what check-xen prints, with the first QEMU that is given, and
    the lines that dom0 reports."""
    qemus = request.config.getoption("--qemu-bin")
    if not qemus:
        pytest.fail("check-xen needs a QEMU: give --qemu-bin PATH, or run "
                    "`make check`")
    result = subprocess.run([HERE / "check-xen", Path(qemus[0]).absolute()],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, cwd=ROOT, timeout=2500)
    report = CHECKS_TAP.read_text() if CHECKS_TAP.exists() else ""
    return result.stdout, report.splitlines()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_xen(check, boot):
    output, report = boot
    assert f"ok {CHECKS.index(check) + 1} - {check.__doc__}" in report, output
