# SPDX-License-Identifier: GPL-2.0-or-later
"""The file for xcp-rrdd, read as xcp-rrdd does."""
import json
import mmap
import os
import struct
import time
import zlib

import pytest

from support.fake_device import FakeDevice
from support.operations import synchronize
from support.wait import wait_for

UUIDS = ["12345678-9abc-def0-1234-56789abcdef0",
         "00000000-0000-0000-0000-000000000001"]
SIZE = 4 * 1024 * 1024


class Reader:
    """Maps the file once, and reads it as often as one likes."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def read(self):
        """(timestamp, [(name, owner, type, value)]), or None if it is torn."""
        magic, data_crc, metadata_crc, count, timestamp = \
            struct.unpack_from(">11sIIId", self.map)
        assert magic == b"DATASOURCES"
        values = self.map[31:31 + 8 * count]
        if data_crc != zlib.crc32(struct.pack(">d", timestamp) + values):
            return None
        length, = struct.unpack_from(">I", self.map, 31 + len(values))
        start = 31 + len(values) + 4
        metadata = self.map[start:start + length]
        if metadata_crc != zlib.crc32(metadata):
            return None
        pairs = json.loads(metadata, object_pairs_hook=list)
        (word, sources), = pairs
        assert word == "datasources" and len(sources) == count
        rows = []
        for i, (name, attributes) in enumerate(sources):
            row = dict(attributes)
            assert set(row) == {"owner", "description", "units", "type",
                                "value_type", "min", "default"}
            form = {"int64": ">q", "float": ">d"}[row["value_type"]]
            assert row["default"] == "true" and float(row["min"]) == 0
            rows.append((name, row["owner"], row["type"],
                         struct.unpack_from(form, values, 8 * i)[0]))
        return timestamp, rows

    def values(self):
        """{(name, owner): value}"""
        seen = wait_for(self.read, "consistent file")
        values = {(name, owner): value
                  for name, owner, _, value in seen[1]}
        assert len(values) == len(seen[1])
        return values


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vgpu-stub"


def greet(device, uuid):
    return device.greet(vm_uuid=bytes.fromhex(uuid.replace("-", "")))


def test_figures_of_vms(start, sockets, path):
    before = time.time()
    start("--socket-dir", sockets, "--rrdd-file", path)
    wait_for(path.exists, "the file")
    reader = Reader(path)
    assert len(reader.map) == SIZE
    assert reader.values() == {}
    devices = [FakeDevice(sockets / f"{name}-0.sock") for name in
               (UUIDS[0] + ".7", UUIDS[1] + ".8", "9", UUIDS[1] + ".10")]
    # One without a UUID, which claims another's, and a VM with two domains
    peers = [devices[0].greet(), devices[1].greet(),
             greet(devices[2], UUIDS[1]), devices[3].greet()]
    peers[0].ask(synchronize(), 50)
    peers[2].ask(synchronize(), 1)
    peers[1].ask(synchronize(), 3)
    peers[3].ask(synchronize(), 2)
    requests = ("vgpu_requests", f"vm {UUIDS[0]}")
    wait_for(lambda: reader.values().get(requests) == 50 and
             reader.values()["vgpu_requests", f"vm {UUIDS[1]}"] == 5,
             "55 requests")
    values = reader.values()
    assert set(values) == {(name, f"vm {uuid}") for uuid in UUIDS
                           for name in ("vgpu_requests", "vgpu_device_time",
                                        "vgpu_queue")}
    assert 50e-6 <= values["vgpu_device_time", f"vm {UUIDS[0]}"] < 20
    assert values["vgpu_requests", f"vm {UUIDS[1]}"] == 5
    timestamp, rows = wait_for(reader.read, "consistent file")
    assert before <= timestamp <= time.time()
    assert {name: kind for name, _, kind, _ in rows} == {
        "vgpu_requests": "derive", "vgpu_device_time": "derive",
        "vgpu_queue": "gauge"}


def test_the_file_comes_and_goes(start, sockets, path):
    """It gets its name when it is complete, and is kept by a restart."""
    daemon = start("--socket-dir", sockets, "--rrdd-file", path)
    wait_for(path.exists, "the file")
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert not path.with_name("vgpu-stub.tmp").exists()
    # It takes no memory but for what is in use.
    assert os.stat(path).st_blocks * 512 < 65536
    reader = Reader(path)
    first = wait_for(reader.read, "consistent file")[0]
    daemon.process.kill()
    daemon.process.wait()
    assert path.exists()
    again = start("--socket-dir", sockets, "--rrdd-file", path)
    wait_for(lambda: (reader.read() or [0])[0] > first,
             "a new timestamp in the same file")
    assert again.stop() == 0
    assert not path.exists()


def test_the_directory_comes_later(start, sockets, tmp_path):
    path = tmp_path / "metrics" / "vgpu-stub"
    daemon = start("--socket-dir", sockets, "--rrdd-file", path)
    line, = daemon.wait_log("rrdd|metrics")
    assert line == (f"vgpu-mediatord: warning: {path}: No such file or "
                    "directory; will go on trying")
    path.parent.mkdir()
    wait_for(path.exists, "the file")
    assert len(daemon.log()) == 1


@pytest.mark.parametrize("what", ["another file", "link", "pipe"])
def test_the_path_is_taken(start, sockets, path, tmp_path, what):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    if what == "another file":
        path.write_text("precious")
    elif what == "link":
        path.symlink_to(precious)
    else:
        os.mkfifo(path)
    daemon = start("--socket-dir", sockets, "--rrdd-file", path)
    line, = daemon.wait_log("will go on trying")
    assert line.startswith(f"vgpu-mediatord: warning: {path}: ")
    assert daemon.stop() == 0
    assert precious.read_text() == "precious"
    assert path.exists()
    if what == "another file":
        assert path.read_text() == "precious"
