# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers with uids of their own, and what is left of them when they end."""
import grp
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from support import abi
from support.fake_device import FakeDevice
from support.fake_worker import behave
from support.mediatord import Mediatord
from support.paths import FAKE_WORKER
from support.processes import alive
from support.wait import PATIENCE, wait_connection, wait_for
from test_mediator_workers import (BROKEN, OK, POOL_B, QUARANTINED, TIMEOUT,
                                   Guest)

FIRST, LAST = 1900200000, 1900200099
NOBODY = 65534
CAPABILITIES = "+setuid,+setgid,+chown,+sys_chroot"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has uids")
MODES = [pytest.param(True, marks=as_root, id="own uids"),
         pytest.param(False, id="shared")]


class Host:
    """A daemon, VMs, and workers that do what `behave` says."""

    def __init__(self, binary, folder, own_uids):
        self.folder, self.own_uids = folder, own_uids
        self.binary = binary
        self.worker = folder / "fake-worker"
        self.worker.symlink_to(FAKE_WORKER)
        self.sockets = folder / "sockets"
        self.sockets.mkdir()
        self.admin = folder / "own" / "admin"
        self.admin.parent.mkdir(mode=0o750)
        (folder / "scratch").mkdir(mode=0o711)
        if own_uids:
            os.chown(self.admin.parent, NOBODY, NOBODY)
            folder.chmod(0o777)
        self.daemon = None

    def start(self, config=""):
        (self.folder / "conf").write_text(
            f"[workers]\nuids={FIRST}-{LAST}\n{config}")
        (self.folder / "conf").chmod(0o644)
        self.daemon = Mediatord(
            self.binary, self.folder / "log",
            *(["--user=nobody"] if self.own_uids else []),
            "--config", self.folder / "conf", "--admin-socket", self.admin,
            "--scratch-dir", self.folder / "scratch",
            "--socket-dir", self.sockets, worker=self.worker)
        wait_connection(self.admin).close()
        return self.daemon

    def guest(self, domid, number=0, **hello):
        device = FakeDevice(self.sockets / f"{domid}-{number}.sock")
        if self.own_uids:
            os.chown(device.path, NOBODY, NOBODY)
        return Guest(device, **hello)

    def behave(self, how):
        behave(self.folder, how)

    def orphan(self):
        """The pid of what a worker has left, which lives."""
        path = wait_for(lambda: list(self.folder.glob("orphan-*")),
                        "orphan")[0]
        pid = int(path.name.partition("-")[2])
        path.unlink()
        assert alive(pid)
        return pid

    def worker_pid(self):
        return wait_for(lambda: list(self.daemon.workers()), "worker")[0]

    def close(self):
        if self.daemon and self.daemon.process.poll() is None:
            assert self.daemon.stop() == 0, self.daemon.log()


def uids(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(uid) for uid in
            re.search(r"^Uid:\t(.*)$", status, re.M).group(1).split()]


@pytest.fixture
def make_host(mediatord_bin, open_folder):
    hosts = []

    def make(own_uids):
        hosts.append(Host(mediatord_bin, open_folder(), own_uids))
        return hosts[-1]
    yield make
    for host in hosts:
        host.close()


@pytest.fixture(params=MODES)
def host(make_host, request):
    return make_host(request.param)


# --- Who is who ---

@as_root
def test_each_worker_has_a_uid_of_its_own(make_host):
    host = make_host(True)
    host.start()
    guests = [host.guest(7), host.guest(8), host.guest(8, 1, pool=POOL_B)]
    assert [guest.ask()[0] for guest in guests] == [OK] * 3
    workers = list(host.daemon.workers())
    found = [uids(pid) for pid in workers]
    assert len(workers) == len({uid for four in found for uid in four}) == 3
    # The last one is for something else.
    assert all(len(set(four)) == 1 and FIRST <= four[0] < LAST
               for four in found)
    assert uids(host.daemon.process.pid) == [NOBODY] * 4


@as_root
@pytest.mark.parametrize("workers, enough", [(49, False), (48, True)])
def test_as_many_uids_as_workers(make_host, workers, enough):
    """With the spares of both pools, 1 each"""
    host = make_host(True)
    daemon = host.start("".join(f"[pool {pool}]\nworkers={workers}\n"
                                for pool in "AB"))
    assert [line for line in daemon.log() if "uids" in line] == ([] if enough else [
        f"vgpu-mediatord: warning: [workers] uids={FIRST}-{LAST} are for 99 "
        "workers, workers= and spares= of the pools allow 100"])


@as_root
def test_the_daemon_has_dropped_its_rights(make_host):
    host = make_host(True)
    host.start()
    status = Path(f"/proc/{host.daemon.process.pid}/status").read_text()
    for line in (rf"Uid:{NOBODY}", rf"Gid:{NOBODY}"):
        name, _, number = line.partition(":")
        assert re.search(rf"^{name}:(\t{number}){{4}}$", status, re.M)
    for name in ("Inh", "Prm", "Eff", "Amb"):
        assert re.search(rf"^Cap{name}:\t0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    assert " 0 " not in re.search("^Groups:(.*)$", status, re.M).group(1) + " "
    # Nobody who is not root looks into it.
    assert os.stat(f"/proc/{host.daemon.process.pid}/mem").st_uid == 0


@as_root
def test_as_the_unit_has_it(make_host):
    """With the unit's capabilities alone, for the daemon and vgpu-ctl"""
    host = make_host(True)
    wrapper = host.folder / "limited"
    limit = ["setpriv", "--bounding-set", f"-all,{CAPABILITIES}",
             "--inh-caps=-all", "--no-new-privs"]
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(limit)} --clear-groups '
                       f'{host.binary} "$@"\n')
    wrapper.chmod(0o755)
    for name in ("vgpu-starter", "vgpu-ctl"):
        (host.folder / name).symlink_to(host.binary.with_name(name))
    host.binary = wrapper
    host.start()
    guest = host.guest(7)
    assert guest.ask() == (OK, b"x")
    assert FIRST <= uids(host.worker_pid())[0] < LAST
    ctl = [*limit, f"--groups={NOBODY}", host.folder / "vgpu-ctl", "--socket",
           host.admin]
    subprocess.run([*ctl, "reload"], check=True, timeout=PATIENCE)
    status = subprocess.run([*ctl, "--json", "status"], check=True,
                            timeout=PATIENCE, stdout=subprocess.PIPE).stdout
    assert json.loads(status)[0]["worker_uids"] == "own"
    guest.peer.close()
    subprocess.run([*ctl, "drain"], check=True, timeout=PATIENCE)
    assert host.daemon.process.wait(20) == 0
    # Once more, with what the first one has left
    host.start()


@as_root
@pytest.mark.parametrize("options, message", [
    (["--user=no-such-user"], "--user: no-such-user: no such user: "),
    (["--user=root"], "--user: root: after the drop the daemon still has "
                      "uid 0, which is this user's"),
    (["--user=nobody", "--config=CONF"],
     "[workers] uids=65000-66000: 65534 is the user nobody's"),
    (["--user=nobody", "--config=GROUP"],
     "[workers] groups: 'no-such-group' is no group of this host"),
    (["--user=nobody", "--config=ROOT"],
     "[workers] groups: 'root' is root's group"),
])
def test_users_that_are_refused(make_host, options, message):
    host = make_host(True)
    for name, key in (("CONF", "uids=65000-66000"),
                      ("GROUP", "groups=daemon,no-such-group"),
                      ("ROOT", "groups=root")):
        (host.folder / name).write_text(f"[workers]\n{key}\n")
    result = subprocess.run(
        [host.binary, "--starter", host.binary.with_name("vgpu-starter"),
         "--worker=/bin/true", "--scratch-dir", host.folder / "scratch",
         *options], cwd=host.folder, timeout=PATIENCE, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(
        f"vgpu-mediatord: {message}")


def test_only_root_has_users(mediatord_bin, open_folder):
    if os.geteuid() == 0:
        folder = open_folder()
        binary, starter = (
            shutil.copy(mediatord_bin.with_name(name), folder)
            for name in ("vgpu-mediatord", "vgpu-starter"))
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    else:
        binary = mediatord_bin
        starter, user = mediatord_bin.with_name("vgpu-starter"), {}
    result = subprocess.run(
        [binary, "--starter", starter, "--worker=/bin/true", "--user=nobody",
         "--scratch-dir=/tmp"], timeout=PATIENCE, text=True,
        stderr=subprocess.PIPE, **user)
    assert result.returncode == 2
    assert "vgpu-mediatord: --" in result.stderr


def test_a_starter_that_is_not_there(mediatord_bin):
    result = subprocess.run(
        [mediatord_bin, "--starter=/not/there", "--worker=/bin/true"],
        timeout=PATIENCE, text=True, stderr=subprocess.PIPE)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "vgpu-mediatord: /not/there: No such file or directory",
        "vgpu-mediatord: --starter: /not/there: no HELLO: Connection reset by "
        "peer"]


def test_the_log_and_vgpu_ctl_say_it(host):
    daemon = host.start()
    status = subprocess.run(
        [host.binary.with_name("vgpu-ctl"), "--socket", host.admin, "--json",
         "status"], check=True, timeout=PATIENCE,
        stdout=subprocess.PIPE).stdout
    assert json.loads(status)[0]["worker_uids"] == \
        ("own" if host.own_uids else "shared")
    assert ("workers have the daemon's user" in daemon.log_path.read_text()) \
        != host.own_uids


@as_root
def test_groups_of_workers(make_host):
    host = make_host(True)
    host.start("groups=daemon, games\n")
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    status = Path(f"/proc/{host.worker_pid()}/status").read_text()
    groups = re.search("^Groups:(.*)$", status, re.M).group(1).split()
    assert groups == [str(grp.getgrnam(name).gr_gid)
                      for name in ("daemon", "games")]


@as_root
def test_other_uids_need_a_new_start(make_host):
    host = make_host(True)
    host.start()
    (host.folder / "conf").write_text("[workers]\nuids=1900300000-1900300009")
    host.daemon.process.send_signal(signal.SIGHUP)
    host.daemon.wait_log(r"\[workers\] uids=1900300000-1900300009 comes into "
                         "effect when the daemon is started anew$")
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    assert FIRST <= uids(host.worker_pid())[0] < LAST


# --- What it has started ends with it ---

def test_forked_twice_and_the_deadline(host):
    host.behave("forks twice")
    host.start("[vm]\nfaults=2\ndeadline-ms=3000\n")
    guest = host.guest(7)
    # What has waited for the start of its worker for most of it is no fault.
    while (status := guest.ask()[0]) == TIMEOUT:
        pass
    assert status == QUARANTINED
    orphans = [path.name.partition("-")[2]
               for path in host.folder.glob("orphan-*")]
    assert orphans
    wait_for(lambda: not any(map(alive, orphans)), "end of what was forked")


def test_forked_twice_and_a_crash(host):
    host.behave("forks twice")
    host.start()
    guest = host.guest(7)
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    orphan = host.orphan()
    os.kill(host.worker_pid(), signal.SIGSEGV)
    assert guest.answer()[0] == BROKEN
    wait_for(lambda: not alive(orphan), "end of what was forked")


@pytest.mark.parametrize("end", ["vm", "stop", "kill", "starter"])
def test_forked_twice_and_the_end(host, end):
    host.behave("forks twice and answers")
    host.start()
    guest, neighbour = host.guest(7), host.guest(8)
    assert guest.ask()[0] == OK
    orphan = host.orphan()
    worker = host.worker_pid()
    if end == "vm":
        guest.peer.close()
    elif end == "stop":
        assert host.daemon.stop() == 0
        assert not alive(orphan) and not alive(worker)
    elif end == "kill":
        host.daemon.stop(signal.SIGKILL)
    else:
        starter = host.daemon.starter()
        os.kill(starter, signal.SIGKILL)
        assert host.daemon.process.wait(20) == 1
        assert "vgpu-mediatord: vgpu-starter has ended, and with it all " \
            "workers" in host.daemon.log()
        wait_for(lambda: not alive(worker), "end of the worker")
        if not host.own_uids:
            os.kill(orphan, signal.SIGKILL)
            return
        # The next one finds what was left.
        host.start()
    wait_for(lambda: not alive(orphan) and not alive(worker), "end of all")
    if end == "vm":
        assert neighbour.ask()[0] == OK


# --- What it prints ---

def said(daemon, vm=7):
    return [line.partition(" says: ")[2] for line in daemon.log()
            if re.search(f"vm {vm}: its worker .* says: ", line)]


def test_lines_are_escaped(host):
    host.behave("forges lines")
    daemon = host.start()
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    pid = host.worker_pid()
    wait_for(lambda: len(said(daemon)) == 2, "two lines")
    assert said(daemon) == ["<0>vgpu-mediatord: vm 8: gone",
                            "\\x1b[2Jx\\xff\\\\\\ttab"]
    assert (f"vgpu-mediatord: vm 7: its worker {pid} in pool A says: "
            "<0>vgpu-mediatord: vm 8: gone") in daemon.log()
    assert all(32 <= byte < 127 or byte == 10
               for byte in daemon.log_path.read_bytes())


def test_a_line_is_cut(host):
    host.behave("prints a long line")
    daemon = host.start()
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    wait_for(lambda: len(said(daemon)) == 2, "two lines")
    assert said(daemon) == ["a" * 300 + " ...", "after"]


def test_the_last_line_has_no_end(host):
    host.behave("prints half a line")
    daemon = host.start()
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    assert said(daemon) == []
    guest.peer.close()
    wait_for(lambda: said(daemon) == ["half"], "the rest")


def test_lines_are_counted(host):
    host.behave("prints many lines")
    daemon = host.start()
    guests = host.guest(7), host.guest(8)
    for guest in guests:
        assert guest.ask()[0] == OK
    host.close()
    assert said(daemon, 7) == said(daemon, 8) == \
        [f"line {n}" for n in range(30)]
    for vm in (7, 8):
        assert (f"vgpu-mediatord: vm {vm}: its workers said 970 more lines "
                "in 60 s") in daemon.log()


def test_it_prints_without_end(host):
    """Until it is stopped; the daemon serves others meanwhile."""
    host.behave("prints without end")
    daemon = host.start()
    guest, neighbour = host.guest(7), host.guest(8)
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    wait_for((host.folder / "printing").exists, "output")
    for _ in range(1000):
        assert neighbour.call(abi.VGPU_STUB_OP_NOP)[0] == OK
    guest.cancel()
    daemon.wait_log("lost: killed, its request had to be stopped$")
    host.close()
    assert said(daemon) == ["x" * 300 + " ..."]
