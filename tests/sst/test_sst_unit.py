# SPDX-License-Identifier: GPL-2.0-or-later
"""sst-sim's modules, by the programs in unit/."""
import subprocess
from pathlib import Path

import pytest

from support.paths import BUILD

SOURCES = sorted((Path(__file__).parent / "unit").glob("*.c"))


@pytest.mark.parametrize("name", [source.stem for source in SOURCES])
def test_unit(name):
    path = BUILD / "sst-sim-sanitizers" / "unit" / name
    if not path.is_file():
        raise pytest.UsageError(f"{path} is missing: `make sst-sim-sanitizers`")
    result = subprocess.run([path], cwd=BUILD.parent, timeout=60, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert result.returncode == 0, result.stdout
