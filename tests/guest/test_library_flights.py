# SPDX-License-Identifier: GPL-2.0-or-later
"""The library's transport by the kernel's driver, with sanitizers, where the
driver is tests/guest/flights/fake-driver.c."""
import os
import subprocess

import pytest

from support.paths import BUILD
from support.wait import LONG_PATIENCE


@pytest.mark.parametrize("checks", ["address,undefined", "thread"])
def test_flights(checks):
    program = BUILD / "tests/guest" / f"flights-test-{checks}"
    if not program.is_file():
        raise pytest.UsageError(f"{program} is missing: "
                                "`make guest-test-programs`")
    result = subprocess.run(
        [program], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=LONG_PATIENCE,
        env=dict(os.environ, TSAN_OPTIONS="halt_on_error=1"))
    assert result.returncode == 0, result.stdout
