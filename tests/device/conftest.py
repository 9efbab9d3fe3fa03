# SPDX-License-Identifier: GPL-2.0-or-later
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from support import abi, wire
from support.device import SLOT, Device
from support.fake_mediator import FakeMediator
from support.qemu import ENVIRONMENT, Qemu
from support.queue import Queue
from support.ram import Ram
from support.wait import wait_for


@pytest.fixture
def link_path(tmp_path):
    """Where the device of start_qemu() listens for its mediator."""
    return tmp_path / "link.sock"


@pytest.fixture
def start_qemu(qemu_bin, tmp_path, link_path):
    """start_qemu(properties, *more args): a QEMU with one linked device."""
    def start(properties="", *args, **kwargs):
        return running.enter_context(
            Qemu(qemu_bin, tmp_path, "-chardev",
                 f"socket,id=link,path={link_path},server=on,wait=off",
                 "-device", f"vgpu-stub,id=gpu0,addr={SLOT:#x},chardev=link"
                            + (properties and "," + properties),
                 *args, **kwargs))

    with ExitStack() as running:
        yield start


@pytest.fixture
def qemu(start_qemu):
    return start_qemu()


@pytest.fixture
def dev(qemu):
    """The device without a mediator."""
    return Device(qemu)


@pytest.fixture
def linked(qemu, link_path):
    """The device (.dev) with its mediator (.mediator), which is the test."""
    with FakeMediator.accept(link_path) as mediator:
        yield SimpleNamespace(qemu=qemu, dev=Device(qemu), mediator=mediator)


@pytest.fixture
def ram():
    """The memory of start_queue()'s guest"""
    with Ram() as memory:
        yield memory


@pytest.fixture
def start_queue(start_qemu, ram, link_path):
    """start_queue(properties, *more args): a device whose queue is on, linked
    unless version=None."""
    started = []

    def start(properties="", *args, version=abi.VGPU_STUB_WIRE_QUEUE,
              entries=256):
        queue = Queue(start_qemu(properties, *ram.qemu_args(), *args), ram,
                      link_path, entries)
        started.append(queue)
        if version is not None:
            queue.connect(version=version)
        queue.driver.enable()
        return queue

    yield start
    for queue in started:
        queue.close()


class SharedQueue:
    """A device for all tests of a file, since starting one takes most of their
    time; one after which nothing is as it was leaves the others a new one."""

    def __init__(self, qemu_bin, tmp_path_factory):
        self._qemu_bin, self._folders = qemu_bin, tmp_path_factory
        self._queue = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._queue:
            self._queue.close()
            with self._queue.qemu:
                self._queue.ram.close()

    def _start(self):
        folder = self._folders.mktemp("queue")
        path = folder / "link.sock"
        ram = Ram()
        qemu = Qemu(self._qemu_bin, folder, "-chardev",
                    f"socket,id=link,path={path},server=on,wait=off",
                    "-device",
                    f"vgpu-stub,id=gpu0,addr={SLOT:#x},chardev=link",
                    *ram.qemu_args())
        return Queue(qemu, ram, path)

    def renewed(self):
        try:
            if self._queue:
                self._queue.renew()
        except (AssertionError, EOFError, OSError, KeyError, wire.Closed):
            self._queue.qemu.process.kill()
            self._queue.qemu.process.wait()
            self._queue.ram.close()
            self._queue = None
        if not self._queue:
            self._queue = self._start()
            self._queue.renew()
        return self._queue


@pytest.fixture(scope="module")
def shared_queue(qemu_bin, tmp_path_factory):
    with SharedQueue(qemu_bin, tmp_path_factory) as shared:
        yield shared


@pytest.fixture
def queue(shared_queue):
    """A queue that is on, with its driver and its mediator"""
    return shared_queue.renewed()


@pytest.fixture
def restore(qemu_bin, tmp_path):
    """restore(path, *args): a stopped QEMU that has loaded it, its device; with
    link=False, one that has no chardev."""
    def load(path, *args, link=True, **kwargs):
        qemu = running.enter_context(
            Qemu(qemu_bin, tmp_path,
                 "-chardev", f"socket,id=link,path={tmp_path}/second.sock,"
                             "server=on,wait=off",
                 "-device", f"vgpu-stub,id=gpu0,addr={SLOT:#x}"
                 + (",chardev=link" if link else ""),
                 "-S", "-incoming", f"exec:cat {path}", *args,
                 name="restored", **kwargs))
        qemu.wait_loaded()
        return Device(qemu, place=False)    # the state says where it is

    with ExitStack() as running:
        yield load


@pytest.fixture
def add_snapshots(monkeypatch, tmp_path):
    """add_snapshots(qemu): a disk that keeps snapshots"""
    # QEMU forgets memory of its own with each.
    monkeypatch.setitem(ENVIRONMENT, "ASAN_OPTIONS", "detect_leaks=0")

    def add(qemu):
        path = tmp_path / "disk"
        path.touch()
        qemu.qmp("blockdev-add", **{"driver": "file", "node-name": "file",
                                    "filename": str(path)})
        qemu.qmp("blockdev-create", **{"job-id": "create", "options": {
            "driver": "qcow2", "file": "file", "size": 1 << 20}})
        wait_for(lambda: qemu.qmp("query-jobs")[0]["status"] == "concluded",
                 "disk")
        assert "error" not in qemu.qmp("query-jobs")[0]
        qemu.qmp("job-dismiss", id="create")
        qemu.qmp("blockdev-add", **{"driver": "qcow2", "node-name": "disk",
                                    "file": "file"})

    return add
