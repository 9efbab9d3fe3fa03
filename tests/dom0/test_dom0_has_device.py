# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU has the device: each that is installed is asked once."""
import os

import pytest
import vgpu_stub_qemu

from dom0_host import STRANGER_ID
from support.processes import wait_gone
from support.wait import wait_for

LIST = 'name "edu", bus PCI\n'
OURS = LIST + 'name "vgpu-stub", bus PCI, desc "a share"\n'


class Program:
    """A program in the place of QEMU; `asked` says how often it was run."""

    def __init__(self, folder):
        self.path = folder / "qemu"
        self.calls = folder / "calls"
        self.answer(OURS)

    def become(self, script):
        """As rpm does it: another file is renamed to this name."""
        new = self.path.with_suffix(".new")
        new.write_text(f"#!/bin/sh\necho \"$*\" >>{self.calls}\n{script}\n")
        new.chmod(0o755)
        os.utime(new, (0, 0))
        new.rename(self.path)

    def answer(self, text):
        self.become(f"cat <<'END'\n{text}END")

    @property
    def asked(self):
        calls = self.calls.read_text() if self.calls.exists() else ""
        return calls.count("-device help\n")


@pytest.fixture
def qemu(tmp_path):
    return Program(tmp_path)


@pytest.fixture
def folder(as_root, tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    return path


def has_device(qemu, folder):
    return vgpu_stub_qemu.has_device(str(qemu.path), str(folder))


@pytest.mark.parametrize("text, answer", [(OURS, True), (LIST, False)])
def test_each_program_is_asked_once(qemu, folder, text, answer):
    qemu.answer(text)
    for _ in range(3):
        assert has_device(qemu, folder) is answer
    assert qemu.asked == 1
    kept, = folder.iterdir()
    assert kept.stat().st_mode & 0o133 == 0


def test_another_program_is_asked_anew(qemu, folder):
    """Also where it is as old and as long as the one before."""
    assert has_device(qemu, folder)
    qemu.answer(OURS.replace('"vgpu-stub"', '"vgpu-stuB"'))
    assert not has_device(qemu, folder)
    qemu.answer(OURS)
    assert has_device(qemu, folder)
    assert qemu.asked == 3


def test_a_device_of_a_similar_name(qemu, folder):
    for name in ("vgpu", "vgpu-stub-2", "xvgpu-stub", "VGPU-STUB"):
        qemu.answer(f'name "{name}", bus PCI\nalias "vgpu-stub"\n')
        assert not has_device(qemu, folder)


def test_a_program_that_changes_while_it_is_asked(qemu, folder):
    """What the old one says is not kept for the new one."""
    qemu.become(f"touch {qemu.path}; cat <<'END'\n{OURS}END")
    assert has_device(qemu, folder)
    assert list(folder.iterdir()) == []


def put_fifo(path):
    path.unlink()
    os.mkfifo(path)


def put_link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(path.read_bytes() * 2),
    lambda path: path.write_bytes(b"\xff" * 100_000),
    lambda path: os.chown(path, STRANGER_ID, 0),
    put_fifo, put_link,
])
def test_an_answer_that_is_not_ours_is_not_believed(qemu, folder, spoil):
    assert has_device(qemu, folder)
    spoil(folder / "qemu-has-device")
    assert has_device(qemu, folder)
    assert qemu.asked == 2
    assert has_device(qemu, folder)
    assert qemu.asked == 2              # the good one is in its place


def test_a_folder_in_the_place_of_the_answer(qemu, folder):
    (folder / "qemu-has-device").mkdir()
    for _ in range(2):
        assert has_device(qemu, folder)
    assert qemu.asked == 2


@pytest.mark.parametrize("make", [
    lambda path: None, lambda path: path.write_text(""),
    lambda path: path.symlink_to("elsewhere"), os.mkfifo])
def test_no_place_to_keep_it(as_root, qemu, tmp_path, make):
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "run")
    for _ in range(2):
        assert has_device(qemu, tmp_path / "run")
    assert qemu.asked == 2
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("script, reason", [
    ("exit 1", "exit status 1, output b''"),
    ("exit 0", "exit status 0, output b''"),
    ("echo no such library; exit 127", "exit status 127, .*no such library"),
    ("kill -9 $$", "exit status -9"),
])
def test_a_qemu_that_does_not_say(qemu, folder, script, reason):
    qemu.become(script)
    for n in range(2):
        with pytest.raises(vgpu_stub_qemu.Unanswered, match=reason):
            has_device(qemu, folder)
    assert qemu.asked == 2
    assert list(folder.iterdir()) == []


def test_no_qemu(qemu, folder):
    qemu.path.chmod(0o644)
    with pytest.raises(vgpu_stub_qemu.Unanswered, match="Permission denied"):
        has_device(qemu, folder)
    qemu.path.unlink()
    with pytest.raises(FileNotFoundError):
        has_device(qemu, folder)


def test_a_qemu_that_hangs_is_ended(qemu, folder, tmp_path, monkeypatch):
    """With what it has started, which holds its output open."""
    monkeypatch.setattr(vgpu_stub_qemu, "PATIENCE", 1)
    child = tmp_path / "child"
    qemu.become(f"sleep 1000 & echo $! >{child}; wait")

    def hung():
        """What it has started, if it got so far in its time"""
        with pytest.raises(vgpu_stub_qemu.Unanswered,
                           match="no answer within"):
            has_device(qemu, folder)
        return child.exists() and child.read_text()

    wait_gone(int(wait_for(hung, "QEMU that has started something")))
