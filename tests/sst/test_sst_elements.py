# SPDX-License-Identifier: GPL-2.0-or-later
"""The elements for SST, which the distribution does not have."""
import csv
import re
import shutil
import subprocess

import pytest

from support.paths import BUILD, ROOT


def make(*args):
    return subprocess.run(["make", "--no-print-directory", *args], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300)


def test_what_is_missing():
    result = make("sst-elements", "SST_CONFIG=/no/such/sst-config")
    assert result.returncode == 2
    assert "/no/such/sst-config is not in PATH: install SST" in result.stdout


@pytest.mark.skipif(shutil.which("sst-config") is None,
                    reason="SST is not installed here")
@pytest.mark.parametrize("wire", ["guide", "acalsim"])
def test_firmware(sst_qemu, tmp_path, wire):
    """The firmware's tests pass, and SST has counted what it has."""
    assert make("sst-elements").returncode == 0
    result = subprocess.run(
        ["sst", f"--add-lib-path={BUILD}/sst-elements",
         ROOT / "sst/elements/three-devices.py", "--", "--qemu", sst_qemu,
         "--firmware", BUILD / "sst-firmware/device-test.elf",
         "--socket", tmp_path / "socket", "--format", wire,
         "--statistics", tmp_path / "statistics.csv"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300)
    assert result.returncode == 0, result.stdout
    assert len(re.findall(": ok$", result.stdout, re.MULTILINE)) == 9

    counted = {}
    with open(tmp_path / "statistics.csv", newline="") as file:
        for row in csv.DictReader(file):
            counted[row["StatisticSubId"], row["StatisticName"]] = \
                row["Sum.u64"]
    for number, device in enumerate(("echo0", "compute0", "memory0")):
        counts = [counted[device, name]
                  for name in ("reads", "writes", "bytes")]
        assert ("device {}: {} reads, {} writes, {} bytes\n"
                .format(number, *counts)) in result.stdout
    assert not list(tmp_path.glob("socket*"))
