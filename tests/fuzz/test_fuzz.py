# SPDX-License-Identifier: GPL-2.0-or-later
"""Some seconds of random bytes for each parser, all at the same time."""
import subprocess

import pytest

from support.paths import BUILD, ROOT

SECONDS = 10
NAMES = sorted(path.stem[len("fuzz-"):]
               for path in (ROOT / "tests/fuzz").glob("fuzz-*.c"))


def run(*args):
    for name in NAMES:
        if not (BUILD / "fuzz" / name).is_file():
            raise pytest.UsageError(f"{BUILD}/fuzz/{name} is missing: "
                                    "`make fuzz-programs`")
    return subprocess.run(["/usr/bin/python3", ROOT / "tests/fuzz/run.py",
                           *args], timeout=SECONDS + 120, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_fuzz():
    result = run(f"--seconds={SECONDS}")
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1].startswith("fuzz: PASS: ")


def test_unknown_name():
    result = run("--seconds=1", "wires")
    assert result.returncode == 1
    assert result.stdout == ("run.py: no fuzzer 'wires'; there are: "
                             + " ".join(NAMES) + "\n")
