# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-starter, by its socket: what it is told, and who ends when and how.

Its worker is a shell with a script of the test's.
"""
import array
import errno
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.paths import BUILD
from support.processes import alive, children
from support.wait import PATIENCE, wait_for

HELLO, START, KILL, STARTED, FAILED, GONE = range(1, 7)
OWN_UIDS, MAY_CHROOT = 1, 2
UID_STEP = 1
HEAD = struct.Struct("=4I")
ARGUMENTS_SIZE = 8192
FIRST = 1900100000
KEEPER_AFTER = 8
NOBODY = 65534

BINARY = BUILD / "mediator-sanitizers" / "vgpu-starter"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has uids")
MODES = [pytest.param(True, marks=as_root, id="own uids"),
         pytest.param(False, id="shared")]


def status(pid):
    """{name: value} of /proc/PID/status"""
    return dict(line.split(":\t", 1) for line in
                Path(f"/proc/{pid}/status").read_text().splitlines()
                if ":\t" in line)


def with_uid(uid):
    """The pids of the processes that have it"""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.stat().st_uid == uid or \
                    str(uid) in status(path.name)["Uid"].split():
                found.add(int(path.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def ignore_signals():
    """As what is started with nohup, or behind an & of a script."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


class Starter:
    """A running starter; the test is its daemon."""

    def __init__(self, folder, own_uids, uids=KEEPER_AFTER, options=()):
        self.folder = folder
        self.scratch = folder / "scratch"
        self.scratch.mkdir(mode=0o711, exist_ok=True)
        self.own_uids = own_uids
        self.started = {}
        self.outputs = {}
        self.sock, its = socket.socketpair(socket.AF_UNIX,
                                           socket.SOCK_SEQPACKET)
        self.sock.settimeout(PATIENCE)
        options = [*options, *([f"--uids={FIRST}-{FIRST + uids}"]
                               if own_uids else [])]
        self.log = folder / "starter.log"
        with its, open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [BINARY, "--worker=/bin/sh", f"--scratch={self.scratch}",
                 *options], stdin=its, stderr=log, preexec_fn=ignore_signals)
        self.hello = self.receive()

    def receive(self):
        return HEAD.unpack(self.sock.recv(100))

    def expect(self, kind, number):
        """a and b of the next message"""
        message = self.receive()
        assert message[:2] == (kind, number), (message, self.log.read_text())
        return message[2:]

    def send(self, message, *fds):
        self.sock.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                       array.array("i", fds))] if fds else [])

    def start(self, number, script, kind=STARTED):
        """Returns the pid and the uid."""
        reader, writer = os.pipe()
        stdin, its = socket.socketpair()
        self.send(start_message(number, ["-c", script]), its.fileno(),
                  writer, writer)
        os.close(writer)
        its.close()
        self.outputs[number] = os.fdopen(reader)
        self.started[number] = stdin
        return self.expect(kind, number)

    def kill(self, number):
        self.send(HEAD.pack(KILL, number, 0, 0))

    def line(self, number):
        return self.outputs[number].readline().rstrip("\n")

    def rest(self, number):
        return self.outputs[number].read()

    def close(self):
        for stdin in self.started.values():
            stdin.close()
        for output in self.outputs.values():
            output.close()
        self.sock.close()

    def end(self):
        """Returns its status after the daemon is gone."""
        self.close()
        return self.process.wait(20)


def start_message(number, arguments, flags=0, length=None):
    text = b"".join(argument.encode() + b"\0" for argument in arguments)
    return HEAD.pack(START, number, len(text) if length is None else length,
                     flags) + text.ljust(ARGUMENTS_SIZE, b"\0")


@pytest.fixture
def run(open_folder):
    """run(own_uids): a starter"""
    running = []

    def begin(own_uids, **options):
        running.append(Starter(open_folder(), own_uids, **options))
        return running[-1]
    yield begin
    for starter in running:
        if starter.process.poll() is None:
            assert starter.end() == 0, starter.log.read_text()


@pytest.fixture(params=MODES)
def starter(run, request):
    return run(request.param)


# --- What it says, and what it does ---

def test_hello(starter):
    flags = (OWN_UIDS if starter.own_uids else 0) | \
        (MAY_CHROOT if os.geteuid() == 0 else 0)
    assert starter.hello == (HELLO, 0, 2, flags)


def test_a_worker_comes_and_goes(starter):
    pid, uid = starter.start(7, "echo $TMPDIR; id -u; read x; exit 3")
    if starter.own_uids:
        assert FIRST <= uid < FIRST + KEEPER_AFTER
    else:
        assert uid == os.geteuid()
    folder = Path(starter.line(7))
    assert folder.parent == starter.scratch
    assert (folder.stat().st_uid, folder.stat().st_mode) == (uid, 0o40700)
    assert starter.line(7) == str(uid)
    assert status(pid)["NoNewPrivs"] == "1"
    starter.started[7].send(b"x\n")
    assert starter.expect(GONE, 7) == (3 << 8, 0)
    assert not alive(pid)
    wait_for(lambda: not folder.exists(), "end of its folder")


def test_what_a_worker_is(starter):
    """Nothing but its socket, its output and the starter's pipe is open, and it
    has few rights."""
    pid, uid = starter.start(1, "sleep 1000 & echo; wait")
    starter.line(1)
    assert {"0", "1", "2"} <= set(os.listdir(f"/proc/{pid}/fd"))
    assert os.readlink(f"/proc/{pid}/fd/0").startswith("socket:")
    assert os.readlink(f"/proc/{pid}/fd/1") == os.readlink(f"/proc/{pid}/fd/2")
    mine = {os.readlink(f"/proc/{pid}/fd/{fd}")
            for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2}
    assert not any(link.startswith("socket:") for link in mine)
    assert len([link for link in mine if link.startswith("pipe:")]) == 1
    is_now = status(pid)
    assert is_now["Uid"].split() == [str(uid)] * 4
    chroot = f"{1 << 18:016x}" if starter.hello[3] & MAY_CHROOT else "0" * 16
    assert {is_now[f"Cap{name}"] for name in ("Prm", "Eff", "Amb")} == {chroot}
    if starter.own_uids:
        assert is_now["Gid"].split() == [str(uid)] * 4
        assert is_now["Groups"].strip() == ""
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert " 1024 " in next(line for line in limits.splitlines()
                                if line.startswith("Max processes"))
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "500\n"
    assert int(is_now["SigBlk"], 16) == 0
    # Signals 32 and 33 are the C library's, whose posix_spawn() ignores them.
    assert int(is_now["SigIgn"], 16) & ~(0b11 << 31) == 0
    assert os.getpgid(pid) == os.getsid(pid) == pid


@as_root
def test_the_starter_itself(run):
    starter = run(True)
    is_now = status(starter.process.pid)
    # CHOWN, SETGID, SETUID, SYS_CHROOT
    needed = f"{1 << 0 | 1 << 6 | 1 << 7 | 1 << 18:016x}"
    assert (is_now["CapPrm"], is_now["CapEff"]) == (needed, needed)
    assert is_now["NoNewPrivs"] == "1"


def test_a_program_that_is_not_there(run, tmp_path):
    starter = run(False)
    (starter.folder / "x").write_text("")
    starter.start(1, "exec /not/there")
    assert "/not/there" in starter.rest(1)
    assert starter.expect(GONE, 1) == (127 << 8, 0)


def test_signals_do_not_end_it(starter):
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        starter.process.send_signal(signum)
    starter.start(1, "exit 0")
    assert starter.expect(GONE, 1) == (0, 0)


# --- Uids ---

@as_root
def test_uids_are_used_once_at_a_time(run):
    starter = run(True)
    uids = {starter.start(number, "read x")[1]
            for number in range(KEEPER_AFTER)}
    assert uids == set(range(FIRST, FIRST + KEEPER_AFTER))
    assert starter.start(100, "read x", kind=FAILED) == \
        (errno.EAGAIN, UID_STEP)
    starter.kill(3)
    starter.expect(GONE, 3)

    def again():
        reader, writer = os.pipe()
        starter.send(start_message(103, ["-c", "read x"]), *[writer] * 3)
        os.close(reader)
        os.close(writer)
        return starter.receive()[0] == STARTED
    # Once its folder is removed
    wait_for(again, "a uid that is free again")


@as_root
def test_what_an_earlier_one_left(run):
    """Processes of its uids are no more when they are used."""
    uids = FIRST + 1, FIRST + KEEPER_AFTER - 1
    left = [subprocess.Popen(["sleep", "1000"], user=uid, group=uid,
                             extra_groups=[]) for uid in uids]
    starter = run(True)
    assert [process.wait(20) for process in left] == [-9, -9]


def test_a_folder_that_an_earlier_one_left(starter):
    assert starter.end() == 0
    folder = starter.scratch / "1"
    folder.mkdir(mode=0o700)
    (folder / "old").write_text("")
    if starter.own_uids:
        os.chown(folder, FIRST + 1, FIRST + 1)
    again = Starter(starter.folder, starter.own_uids)
    wait_for(lambda: not folder.exists(), "end of an old folder")
    assert again.end() == 0


# --- The end of a worker ---

# Prints its pid when it is on its own.
ORPHAN = ("setsid sh -c '(setsid sh -c \"trap : TERM HUP; echo \\$\\$; "
          "while :; do sleep 1000; done\" &) ' ")


def test_what_it_has_forked_twice(starter):
    """Is gone when GONE comes, whether it is killed or exits."""
    for number, end in enumerate(("kill", "exit", "crash")):
        pid, _ = starter.start(number, f"{ORPHAN}; read x; kill -11 $$"
                               if end == "crash" else f"{ORPHAN}; read x")
        orphan = int(starter.line(number))
        wait_for(lambda: orphan in children(starter.process.pid), "orphan")
        if end == "kill":
            starter.kill(number)
        else:
            starter.started[number].send(b"x\n")
        starter.expect(GONE, number)
        assert not alive(pid) and not alive(orphan)


def test_a_tree_that_grows(starter):
    """It forks as fast as it can while it is killed."""
    grow = ("f() { while :; do (setsid sh -c 'sleep 1000' &) ; "
            "[ -e $TMPDIR/stop ] && exit; done; }; f & f & echo; read x")
    pid, uid = starter.start(1, "ulimit -u 300; " + grow)
    starter.line(1)
    starter.kill(1)
    starter.expect(GONE, 1)
    assert not alive(pid)
    if starter.own_uids:
        # What empties its folder has it, too.
        wait_for(lambda: not with_uid(uid), "end of its uid")
    else:
        # But for what empties its folder, which is a starter's
        assert {Path(arguments[0]).name for arguments in
                children(starter.process.pid).values()} <= {BINARY.name}


@pytest.mark.parametrize("own_uids", MODES)
@pytest.mark.parametrize("how", ["closes", "is killed"])
def test_the_daemon_goes(run, own_uids, how):
    starter = run(own_uids)
    pids = []
    for number in range(3):
        pids.append(starter.start(number, f"{ORPHAN}; read x")[0])
        pids.append(int(starter.line(number)))
    if how == "closes":
        assert starter.end() == 0
    else:
        starter.process.kill()
        starter.process.wait()
        # Workers die with it; the next starter finds the rest.
        wait_for(lambda: not any(map(alive, pids[::2])), "end of workers")
        if own_uids:
            again = Starter(starter.folder, True)
            wait_for(lambda: not any(map(alive, pids)), "end of all")
            assert again.end() == 0
            return
        for pid in pids[1::2]:
            os.kill(pid, signal.SIGKILL)
        return
    assert not any(map(alive, pids))


def test_a_storm(starter):
    """Starts and kills at all moments; each has its end, and none is left."""
    chance = random.Random(1)
    for round_ in range(5):
        numbers = range(10 * round_, 10 * round_ + KEEPER_AFTER - 1)
        waiting = set()
        for number in numbers:
            reader, writer = os.pipe()
            starter.send(start_message(number, ["-c", chance.choice(
                ["exit 0", "sleep 1000", "sleep 1000 & wait", ORPHAN])]),
                reader, writer, writer)
            os.close(reader)
            os.close(writer)
            waiting.add(number)
            if chance.random() < 0.5:
                starter.kill(number)
        for number in numbers:
            starter.kill(number)
        while waiting:
            kind, number, a, b = starter.receive()
            assert kind != FAILED or (a, b) == (errno.EAGAIN, UID_STEP)
            if kind != STARTED:
                waiting.remove(number)
    assert not children(starter.process.pid) or \
        wait_for(lambda: not children(starter.process.pid), "removers' end")


def test_a_folder_that_defends_itself(starter):
    """Deep, without rights, with links to what is not the worker's."""
    precious = starter.folder / "precious"
    precious.write_text("precious")
    precious.chmod(0o666)
    starter.start(1, f"""
        cd $TMPDIR
        i=0; while [ $i -lt 300 ]; do
            mkdir {'d' * 100} && cd -P {'d' * 100} || exit; i=$((i + 1))
        done
        cd $TMPDIR
        ln -s {starter.folder} folder; ln -s {precious} link
        ln {precious} hard 2>/dev/null
        mkdir -p a/b; touch a/b/file; chmod 0 a/b a
        mkfifo fifo; touch -- '-rf' '
'
        chmod 0 .
        """)
    starter.expect(GONE, 1)
    wait_for(lambda: not list(starter.scratch.iterdir()), "an empty folder")
    assert precious.read_text() == "precious"
    assert starter.log.read_text() == ""


def test_a_folder_of_folders(run, monkeypatch):
    """In memory, as the unit has it: each is looked at once."""
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")
    starter = run(os.geteuid() == 0)
    starter.start(1, """
        cd $TMPDIR
        seq 12000 | xargs mkdir; seq -f %.0f/file 12000 | xargs touch
        """)
    starter.expect(GONE, 1)
    wait_for(lambda: not list(starter.scratch.iterdir()), "an empty folder")


# --- Between workers ---

@as_root
def test_they_cannot_reach_each_other(run):
    starter = run(True)
    victim, uid = starter.start(1, "echo; read x")
    starter.line(1)
    attempts = [
        f"kill -9 {victim}", f"kill -9 {starter.process.pid}",
        f"kill -9 {os.getpid()}", f"echo x >/proc/{victim}/mem",
        f"cat /proc/{victim}/environ", f"cat /proc/{starter.process.pid}/mem",
        f"ls {starter.scratch}/{uid - FIRST}", f"ls {starter.scratch}",
        f"touch {starter.scratch}/mine", f"renice 19 {victim}",
        f"echo 0 >/proc/{victim}/oom_score_adj", f"taskset -p 1 {victim}",
        f"chrt -i -p 0 {victim}", f"prlimit --pid {victim} --nofile=1",
        f"ionice -c 3 -p {victim}"]
    other, _ = starter.start(2, "".join(
        f"({attempt}) >/dev/null 2>&1; echo $?\n" for attempt in attempts) +
        "read x")
    assert [attempt for attempt in attempts if starter.line(2) == "0"] == []
    assert alive(victim) and alive(other)


@as_root
def test_a_worker_that_kills_all_it_can(run):
    starter = run(True)
    victim, _ = starter.start(1, "echo; read x")
    starter.line(1)
    starter.start(2, "kill -9 -1")
    assert starter.expect(GONE, 2) in [(9, 0), (0, 0), (1 << 8, 0)]
    assert alive(victim)
    starter.start(3, "exit 0")
    starter.expect(GONE, 3)


@pytest.fixture
def few_processes():
    """A cgroup in which there can be 40"""
    group = next((path for path in (Path("/sys/fs/cgroup/pids"),
                                    Path("/sys/fs/cgroup"))
                  if (path / "cgroup.procs").exists()), None)
    if group is None:
        pytest.skip("there are no cgroups")
    group /= f"vgpu-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made: {error}")
    try:
        (group / "pids.max").write_text("40")
    except OSError as error:
        group.rmdir()
        pytest.skip(f"processes are not counted: {error}")
    yield group
    (group / "pids.max").write_text("max")
    wait_for(lambda: not (group / "cgroup.procs").read_text(), "its end")
    group.rmdir()


FORK = """
import os, time
while True:
    try:
        if os.fork() == 0:
            time.sleep(1000)
    except OSError:
        pass
"""


@as_root
def test_a_worker_that_takes_all_processes(few_processes, open_folder):
    starter = Starter(open_folder(), True)
    (few_processes / "cgroup.procs").write_text(str(starter.process.pid))
    starter.start(1, f"exec {sys.executable} -c '{FORK}'")
    wait_for(lambda: few_processes.joinpath("pids.current").read_text() ==
             "40\n", "the limit")
    starter.kill(1)
    starter.expect(GONE, 1)
    assert starter.end() == 0


# --- Hostile bytes ---

MALFORMED = {
    "nothing known": HEAD.pack(99, 1, 0, 0),
    "type 0": HEAD.pack(0, 0, 0, 0),
    "its own": HEAD.pack(GONE, 1, 0, 0),
    "hello": HEAD.pack(HELLO, 0, 1, 0),
    "one byte": b"\0",
    "15 bytes": HEAD.pack(KILL, 1, 0, 0)[:15],
    "17 bytes": HEAD.pack(KILL, 1, 0, 0) + b"\0",
    "kill with more": HEAD.pack(KILL, 1, 1, 0),
    "kill with flags": HEAD.pack(KILL, 1, 0, 1),
    "a short start": start_message(1, ["-c", "exit 0"])[:-1],
    "a long start": start_message(1, ["-c", "exit 0"]) + b"\0",
    "an unknown flag": start_message(1, ["-c", "exit 0"], 1),
    "arguments beyond the message": start_message(1, ["x"],
                                                  length=ARGUMENTS_SIZE + 1),
    "arguments of 4 GiB": start_message(1, ["x"], length=(1 << 32) - 1),
    "no end of an argument": start_message(1, ["xy"], length=2),
    "too many arguments": start_message(1, ["x"] * 17),
    "a megabyte": bytes(100000),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_message_that_makes_no_sense(run, what):
    """All end, whoever it was."""
    starter = run(os.geteuid() == 0)
    pid, _ = starter.start(7, "sleep 1000 & wait")
    null = os.open("/dev/null", os.O_RDWR)
    starter.send(MALFORMED[what],
                 *([null] * 3 if "start" in what or "argument" in what or
                   "flag" in what and "kill" not in what else []))
    os.close(null)
    # GONE may be lost, as the daemon is no longer heard.
    assert starter.process.wait(20) == 0
    assert not alive(pid)
    assert "makes no sense" in starter.log.read_text()


@pytest.mark.parametrize("count", [0, 1, 2, 4, 50])
def test_descriptors_too_few_and_too_many(run, count):
    starter = run(False)
    null = os.open("/dev/null", os.O_RDWR)
    starter.send(start_message(1, ["-c", "exit 0"]), *[null] * count)
    os.close(null)
    assert starter.process.wait(20) == 0


def test_an_id_twice(run):
    starter = run(False)
    starter.start(1, "read x")
    null = os.open("/dev/null", os.O_RDWR)
    starter.send(start_message(1, ["-c", "exit 0"]), *[null] * 3)
    os.close(null)
    assert starter.process.wait(20) == 0


def test_kill_of_nobody(starter):
    starter.kill(12345)
    starter.start(1, "exit 0")
    assert starter.expect(GONE, 1) == (0, 0)


@pytest.mark.parametrize("options", [
    [], ["--worker=/bin/sh", "--frob"], ["--worker=/bin/sh", "x"],
    ["--worker=/bin/sh"],                       # no --scratch
    *(["--worker=/bin/sh", "--scratch=/", f"--uids={uids}"] for uids in (
        "", "1", "0-9", "9-1", "5-5", "1-100000", "-1-9", "1-9x",
        "1-99999999999", " 1-9", "1--9")),
    *(["--worker=/bin/sh", "--scratch=/", f"--groups={groups}"] for groups in (
        "", "a", "1,", ",1", "1,x", ",".join("1" * 17), "-1")),
])
def test_bad_options(options):
    result = subprocess.run([BINARY, *options], timeout=PATIENCE, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    assert (result.returncode, result.stdout) == (2, "")
    assert "usage: vgpu-starter" in result.stderr


@as_root
@pytest.mark.parametrize("mode, owner", [(0o777, 0), (0o755, NOBODY)])
def test_a_folder_that_others_write(tmp_path, mode, owner):
    folder = tmp_path / "scratch"
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, owner, owner)
    result = subprocess.run(
        [BINARY, "--worker=/bin/sh", f"--scratch={folder}",
         f"--uids={FIRST}-{FIRST + 9}"], timeout=PATIENCE, text=True,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stderr == (f"vgpu-starter: {folder}: Operation not "
                             "permitted\n")


@as_root
def test_several_share_uids_and_folders(open_folder):
    """Each has uids of its own, and what one leaves that is killed is taken care
    of by the next."""
    folder = open_folder()
    starters = [Starter(folder, True, options=["--shared"])
                for _ in range(2)]
    pids, uids = zip(*[starter.start(1, "sleep 1000 & wait")
                       for starter in starters])
    assert len(set(uids)) == 2
    starters[0].process.kill()
    starters[0].process.wait()
    starters[0].close()
    null = os.open("/dev/null", os.O_RDWR)

    def starts(number):
        starters[1].send(start_message(number, ["-c", "sleep 1000"]),
                         *[null] * 3)
        return starters[1].receive()[0] == STARTED

    # As many as there are uids: what was left in one place has to go.
    for number in range(2, KEEPER_AFTER + 1):
        wait_for(lambda number=number: starts(number), "a uid")
    os.close(null)
    assert alive(pids[1])
    assert starters[1].end() == 0
    assert not with_uid(uids[0]) and not with_uid(uids[1])
