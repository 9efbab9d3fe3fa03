# SPDX-License-Identifier: GPL-2.0-or-later
"""Where --statistics writes: whatever the user names stays what it is."""
import os
import stat
import subprocess

import pytest

from sst_sim import EXAMPLE

HEADER = "device,model,reads,writes,bytes,errors," \
         "latency_cycles,messages_sent,messages_received"


@pytest.fixture
def write_statistics(sst_sim_bin, tmp_path):
    """write_statistics(path): what sst-sim says, that has run `true`."""
    def run(path, status=0):
        result = subprocess.run(
            [sst_sim_bin, "--socket-dir", tmp_path, "--statistics", path,
             EXAMPLE, "true"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60)
        assert result.returncode == status, result.stdout
        return result.stdout
    return run


def devices(csv):
    header, *lines = csv.splitlines()
    assert header == HEADER
    return [line.split(",")[0] for line in lines]


ALL = ["echo0", "compute0", "memory0", "-"]


def test_a_file_is_replaced_at_once(write_statistics, tmp_path):
    path = tmp_path / "statistics"
    path.write_text("old\n" * 1000)
    with open(path) as old:
        write_statistics(path)
        assert old.read() == "old\n" * 1000
    assert devices(path.read_text()) == ALL


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(write_statistics, tmp_path, there):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to("target")
    if there:
        target.write_text("old\n" * 1000)
    write_statistics(link)
    assert os.readlink(link) == "target"
    assert devices(target.read_text()) == ALL


def test_a_fifo_is_written_to(write_statistics, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as reader:
        write_statistics(path)
        assert devices(reader.read()) == ALL
    assert stat.S_ISFIFO(path.lstat().st_mode)


def test_a_device_is_written_to(write_statistics):
    master, slave = os.openpty()
    try:
        write_statistics(os.ttyname(slave))
        said = b""
        while said.count(b"\n") <= len(ALL):    # it comes line by line
            said += os.read(master, 4096)
        assert devices(said.decode()) == ALL
    finally:
        os.close(master)
        os.close(slave)


def test_what_cannot_be_written_is_said(write_statistics, tmp_path):
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    assert write_statistics(full, status=1) == \
        f"sst-sim: {full}: No space left on device\n"
    assert write_statistics(tmp_path, status=1) == \
        f"sst-sim: {tmp_path}: Is a directory\n"
