# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets that attach() makes: who may connect, and which are swept."""
import errno
import os
import socket
import stat
import sys

import pytest
import vgpu_stub_attach as attach

from dom0_host import (FAKE_QEMU, MEDIATOR_ID, STRANGER_ID, run_as,
                       socket_name, uuid_of)

ONE = b"-device vgpu-stub"
TWO = b"-device vgpu-stub -device vgpu-stub"


@pytest.fixture
def here(dom0, monkeypatch):
    """The dom0 in which attach() works when a test calls it itself."""
    monkeypatch.setattr(attach, "RUN_DIR", str(dom0.run_dir))
    monkeypatch.setattr(attach, "mediator_gid", lambda: MEDIATOR_ID)
    fds = []

    def call(domid, key, vm=None):
        dom0.start_domain(domid, key, vm)
        args, new = attach.attach(domid, dom0.store, FAKE_QEMU, ["qemu-dm"])
        fds.extend(new)
        return args, new

    dom0.attach = call
    dom0.fds = fds
    yield dom0
    for fd in fds:
        os.close(fd)


def connect(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))


def owner_and_mode(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)


def test_the_descriptors_listen_and_the_arguments_name_them(here):
    args, fds = here.attach(7, TWO)
    assert here.sockets() == [socket_name(7), socket_name(7, 1)]
    for n, fd in enumerate(fds):
        assert args[4 * n:4 * n + 4] == [
            "-chardev",
            f"socket,id=vgpu-link-{n},fd={fd},server=on,wait=off",
            "-device", f"vgpu-stub,id=vgpu-stub-{n},addr=0x{0x1e - n:x},"
                       f"chardev=vgpu-link-{n}"]
        with socket.socket(fileno=os.dup(fd)) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            assert sock.getsockname() == str(
                here.run_dir / socket_name(7, n))


def test_the_log_is_one_line_with_the_arguments(here, capsys):
    args, _ = here.attach(7, TWO)
    assert capsys.readouterr().out == \
        f"vgpu-stub: domain 7: adding {' '.join(args)}\n"
    assert here.error(7) is None


def test_only_root_and_the_group_can_connect(here):
    here.attach(7, ONE)
    path = here.run_dir / socket_name(7)
    assert owner_and_mode(here.run_dir) == (0, MEDIATOR_ID, 0o750)
    assert owner_and_mode(path) == (0, MEDIATOR_ID, 0o660)
    assert run_as(MEDIATOR_ID, lambda: connect(path)) == 0
    assert run_as(STRANGER_ID, lambda: connect(path)) == errno.EACCES
    here.run_dir.chmod(0o755)       # not by the directory's mode alone
    assert run_as(STRANGER_ID, lambda: connect(path)) == errno.EACCES
    connect(path)


def test_the_group_can_add_and_remove_nothing(here):
    here.attach(7, ONE)
    path = here.run_dir / socket_name(7)
    assert run_as(MEDIATOR_ID, path.unlink) == errno.EACCES
    assert run_as(MEDIATOR_ID, (here.run_dir / "x").touch) == errno.EACCES


def test_without_the_group_only_root_can_connect(here, monkeypatch, capsys):
    monkeypatch.setattr(attach, "mediator_gid", lambda: None)
    here.attach(7, ONE)
    path = here.run_dir / socket_name(7)
    assert owner_and_mode(path) == (0, 0, 0o600)
    assert owner_and_mode(here.run_dir)[:2] == (0, 0)
    assert run_as(MEDIATOR_ID, lambda: connect(path)) == errno.EACCES
    connect(path)
    assert capsys.readouterr().out.splitlines()[0] == (
        "vgpu-stub: domain 7: there is no group vgpu-stub: "
        "only root can connect")


def test_the_group_is_looked_up_by_name(monkeypatch):
    monkeypatch.setattr(attach, "GROUP", "daemon")
    assert attach.mediator_gid() == 1
    monkeypatch.setattr(attach, "GROUP", "no-such-group")
    assert attach.mediator_gid() is None


@pytest.mark.parametrize("umask", [0, 0o77])
def test_never_open_to_others_not_even_for_an_instant(here, umask):
    """Look at the modes before and after each call that attach() makes."""
    path = here.run_dir / socket_name(7)
    seen = set()

    def look(_frame, event, _arg):
        for place in (here.run_dir, path):
            try:
                seen.add((place.name, stat.S_IMODE(os.stat(place).st_mode)))
            except FileNotFoundError:
                pass

    here.start_domain(7, ONE)
    old_umask = os.umask(umask)
    sys.setprofile(look)
    try:
        _, fds = attach.attach(7, here.store, FAKE_QEMU, [])
    finally:
        sys.setprofile(None)
        assert os.umask(old_umask) == umask
    here.fds.extend(fds)
    assert {mode for name, mode in seen if name == "run"} == {0o700, 0o750}
    assert {mode for name, mode in seen if name == path.name} == \
        {0o600, 0o660}


def test_stale_sockets_of_the_same_domain_are_replaced(here):
    here.attach(7, TWO)
    os.mkfifo(here.run_dir / "7-3.sock")
    os.mkfifo(here.run_dir / socket_name(7, 3))
    first = os.lstat(here.run_dir / socket_name(7)).st_ino
    os.link(here.run_dir / socket_name(7), here.path / "keeps-the-inode-number")
    here.attach(7, ONE)
    assert here.sockets() == [socket_name(7)]
    assert os.lstat(here.run_dir / socket_name(7)).st_ino != first
    connect(here.run_dir / socket_name(7))


def test_sockets_of_domains_that_are_gone_are_swept(here):
    for domid in (5, 6, 70):
        here.attach(domid, ONE)
    os.mkfifo(here.run_dir / "6-1.sock")
    here.end_domain(6)
    (here.run_dir / "notes.txt").write_text("not ours")
    here.attach(7, ONE)
    assert here.sockets() == [socket_name(5), socket_name(7), socket_name(70),
                              "notes.txt"]
    connect(here.run_dir / socket_name(5))


@pytest.mark.parametrize("vm", [
    b"", b"/vm/", b"/vm/7", uuid_of(7), f"/vm/{uuid_of(7)}/",
    f"/vm/{uuid_of(7)}\n",
    f"/xapi/{uuid_of(7)}", f"/vm/{uuid_of(7)[:-1]}", f"/vm/{uuid_of(7)}0",
    f"/vm/{uuid_of(7).upper()}", f"/vm/{uuid_of(7).replace('-', '')}",
    f"/vm/../{uuid_of(7)}", "/vm/00000000-0000-0000-0000-000000000000",
    b"/vm/" + b"\xff" * 36, b"/vm/" + b"x" * 4096])
def test_without_a_uuid_the_domain_id_names_the_sockets(here, capsys, vm):
    _, fds = here.attach(7, ONE, vm)
    assert len(fds) == 1
    assert here.sockets() == ["7-0.sock"]
    assert capsys.readouterr().out.splitlines()[0] == (
        "vgpu-stub: domain 7: /local/domain/7/vm names no UUID: the mediator "
        "knows this VM by its domain id alone")
    # It has one by its next start, and the same domain id.
    here.attach(7, ONE)
    assert here.sockets() == [socket_name(7)]


def test_two_domains_of_one_vm(here):
    """As in a migration to the same host."""
    here.attach(7, ONE)
    here.attach(8, ONE, f"/vm/{uuid_of(7)}")
    assert here.sockets() == [socket_name(7), f"{uuid_of(7)}.8-0.sock"]


def test_a_domain_that_starts_meanwhile_is_not_swept(here, monkeypatch):
    """Domain 8 appears after domain 7's wrapper has begun to sweep."""
    here.attach(5, ONE)
    listdir = os.listdir

    def list_and_start(path):
        names = listdir(path)
        monkeypatch.setattr(os, "listdir", listdir)
        here.attach(8, ONE)
        return names

    monkeypatch.setattr(os, "listdir", list_and_start)
    here.attach(7, ONE)
    assert here.sockets() == [socket_name(5), socket_name(7), socket_name(8)]


def test_two_wrappers_may_sweep_the_same_socket(here, monkeypatch):
    here.attach(6, ONE)
    here.end_domain(6)
    unlink = os.unlink

    def twice(path):
        unlink(path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", twice)
    here.attach(7, ONE)
    assert here.sockets() == [socket_name(7)]


def test_a_run_dir_of_another_owner_is_taken_over(here):
    here.run_dir.mkdir()
    os.chown(here.run_dir, STRANGER_ID, STRANGER_ID)
    here.run_dir.chmod(0o777)
    here.attach(7, ONE)
    assert owner_and_mode(here.run_dir) == (0, MEDIATOR_ID, 0o750)


def no_mediator(here, capsys, what):
    """attach() adds the devices without sockets, and says `what` in the log
    and in XenStore."""
    args, fds = here.attach(7, TWO)
    assert (args, fds) == (
        ["-device", "vgpu-stub,id=vgpu-stub-0,addr=0x1e",
         "-device", "vgpu-stub,id=vgpu-stub-1,addr=0x1d"], [])
    line = f"vgpu-stub: domain 7: {what}"
    assert capsys.readouterr().out.splitlines() == [
        line, f"vgpu-stub: domain 7: adding {' '.join(args)}"]
    assert here.error(7) == line.encode()


@pytest.mark.parametrize("make", [
    lambda path: path.symlink_to("elsewhere"),
    lambda path: path.write_text("a file"),
])
def test_a_run_dir_that_is_no_directory(here, capsys, make):
    (here.path / "elsewhere").mkdir()
    make(here.run_dir)
    no_mediator(here, capsys, f"no mediator: no socket in {here.run_dir}: "
              f"[Errno 17] File exists: '{here.run_dir}'")
    assert list((here.path / "elsewhere").iterdir()) == []


def test_a_socket_that_cannot_be_made_leaves_none(here, capsys, monkeypatch):
    before = os.listdir("/proc/self/fd")
    chmod = os.chmod

    def fail(path, mode):
        if path.endswith(socket_name(7, 1)):
            raise OSError(errno.ENOSPC, "No space left on device")
        chmod(path, mode)

    monkeypatch.setattr(os, "chmod", fail)
    no_mediator(here, capsys, f"no mediator: no socket in {here.run_dir}: "
              "[Errno 28] No space left on device")
    assert here.sockets() == []
    assert os.listdir("/proc/self/fd") == before


def test_a_refused_key_leaves_a_line_and_no_socket(here, capsys):
    assert here.attach(7, b"-device e1000\n") == ([], [])
    line = ("vgpu-stub: domain 7: device-model-args refused: byte 0x0a at "
            "offset 13: only printable ASCII is allowed")
    assert capsys.readouterr().out == line + "\n"
    assert here.error(7) == line.encode()
    assert not here.run_dir.exists()


def test_without_a_key_nothing_happens(here, capsys):
    here.start_domain(7)
    assert attach.attach(7, here.store, "/no/qemu/is/asked", []) == ([], [])
    assert capsys.readouterr().out == ""
    assert here.error(7) is None
    assert not here.run_dir.exists()
