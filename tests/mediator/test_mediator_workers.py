# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers that lie, die and never end, and what other VMs notice of it."""
import json
import math
import os
import random
import re
import signal
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from support import abi, operations
from support.fake_device import FakeDevice
from support.fake_worker import behave
from support.paths import BUILD, FAKE_WORKER
from support.processes import alive, wait_gone
from support.wait import wait_for
from support.wire import Message

OK = abi.VGPU_STUB_ERR_NONE
BROKEN = abi.VGPU_STUB_ERR_BACKEND_ERROR
TIMEOUT = abi.VGPU_STUB_ERR_TIMEOUT
INVALID_POOL = abi.VGPU_STUB_ERR_INVALID_POOL
QUARANTINED = abi.VGPU_STUB_ERR_VM_QUARANTINED
POOL_B = abi.VGPU_STUB_POOL_B

UNOPENED = (BROKEN, b"the accelerator could not be opened")


class Guest:
    """The requests of a VM; its answers have to come in their order."""

    def __init__(self, device, **hello):
        self.device = device
        self.peer = device.greet(**hello)

    def send(self, opcode, params=(), data=b"", request_id=0):
        self.peer.send(self.peer.request(
            operations.call(opcode, operations.words(*params), data),
            request_id=request_id))

    def cancel(self):
        self.peer.send(Message(abi.VGPU_STUB_MSG_CANCEL,
                               sequence=self.peer.sequence - 1))

    def ping(self):
        """Return when the daemon has taken what was sent before."""
        self.peer.send(Message(abi.VGPU_STUB_MSG_PING))
        self.peer.expect(abi.VGPU_STUB_MSG_PONG)

    def answer(self):
        """Status, results and data of the answer to the latest request."""
        status, results, data = self.peer.answer()
        return status, struct.unpack(f"<{len(results) // 4}I", results), data

    def call(self, *request):
        self.send(*request)
        return self.answer()

    def ask(self, data=b"x"):
        """Something for a worker; returns status and data."""
        status, _, data = self.call(abi.VGPU_STUB_OP_SYNCHRONIZE, (), data)
        return status, data

    # What only a real worker answers

    def alloc(self, size):
        status, handle, _ = self.call(abi.VGPU_STUB_OP_MEMORY_ALLOC,
                                      (size, 0))
        return status, handle

    def free(self, handle):
        return self.call(abi.VGPU_STUB_OP_MEMORY_FREE, handle)[0]

    def write(self, handle, data):
        return self.call(abi.VGPU_STUB_OP_MEMORY_COPY,
                         (abi.VGPU_STUB_COPY_TO_DEVICE, len(data), *handle,
                          0, 0), data)[0]

    def read(self, handle, length):
        status, _, data = self.call(
            abi.VGPU_STUB_OP_MEMORY_COPY,
            (abi.VGPU_STUB_COPY_FROM_DEVICE, length, *handle, 0, 0))
        return status, data

    def room(self, size):
        """The handle"""
        status, handle = self.alloc(size)
        assert status == OK
        return handle

    def sgemm(self, size):
        """What to send for C += A * B, all of them zero and size * size"""
        memory, result = (self.room(4 * size * size) for _ in range(2))
        arguments = [(abi.VGPU_STUB_ARG_BUFFER, *handle)
                     for handle in (memory, memory, result)]
        arguments += [(abi.VGPU_STUB_ARG_U32, size, 0)] * 3
        arguments += [(abi.VGPU_STUB_ARG_F32, 0x3F800000, 0)] * 2
        return (abi.VGPU_STUB_OP_KERNEL, (1, 1, 1, 1, 0, 0, 0, 0, 0, 0),
                b"sgemm".ljust(32, b"\0") + b"".join(
                    struct.pack("<4I", kind, 0, low, high)
                    for kind, low, high in arguments))


# Some minutes on any CPU
ENDLESS = 4096


class Host:
    """A daemon, its configuration, and VMs by their domain ids."""

    def __init__(self, start, folder, worker):
        self.folder = folder
        self.sockets = folder / "sockets"
        self.sockets.mkdir()
        self.config = folder / "mediatord.conf"
        self._start = start
        self.worker = worker
        self.daemon = None
        self.guests = []

    def start(self, config=""):
        self.config.write_text(config)
        self.daemon = self._start("--config", self.config,
                                  "--socket-dir", self.sockets,
                                  "--admin-socket", self.folder / "admin",
                                  worker=self.worker)

    def status(self, ctl):
        return json.loads(ctl("status", "--json"))[0]

    def wait_tried(self, ctl):
        """Until what workers do from now on is for no first attempt of a pool."""
        wait_for(lambda: not any(self.status(ctl)[f"pool_{pool}"] == "trying"
                                 for pool in "AB"), "attempts of the pools")

    def reload(self, config):
        before = len(self.daemon.log())
        self.config.write_text(config)
        self.daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: any(line.endswith(": loaded")
                             for line in self.daemon.log()[before:]),
                 "reload")

    def guest(self, domid, number=0, **hello):
        guest = Guest(FakeDevice(self.sockets / f"vm{domid}-{number}.sock"),
                      **hello)
        self.guests.append(guest)
        return guest

    def probes(self):
        """How often fake workers were to try the accelerator"""
        return len(list(self.folder.glob("probe-*")))

    def workers(self):
        return self.daemon.workers()

    def wait_workers(self, count=1):
        return wait_for(
            lambda: [found for found in [list(self.workers())]
                     if len(found) == count], f"{count} workers")[0]

    def wait_worker(self):
        """The pid of the only one."""
        return self.wait_workers()[0]

    def wait_fake_worker(self):
        """The same, and it does what it is to do."""
        pid = self.wait_worker()
        wait_for((self.folder / f"worker-{pid}").exists, "worker's start")
        return pid

    def idle(self, ctl):
        """The pids of those that have nothing to do, as the daemon sees it"""
        return [worker["pid"] for worker
                in json.loads(ctl("workers", "--json"))
                if worker["state"] == "idle"]

    def lost(self):
        """What the log says of those that ended on their own: one that was
        to go is killed if it stands still, which is no news."""
        return [line for line in self.daemon.log() if "lost" in line and
                not line.endswith(": killed, it did not exit when it was to")]

    def behave(self, how):
        """What fake workers do that are started from now on"""
        behave(self.folder, how)


@pytest.fixture
def host(start, tmp_path):
    """With workers that do what host.behave() says"""
    worker = tmp_path / "fake-worker"
    worker.symlink_to(FAKE_WORKER)
    return Host(start, tmp_path, worker)


@pytest.fixture
def real_host(start, tmp_path):
    return Host(start, tmp_path, BUILD / "mediator/vgpu-worker")


# --- One worker for each device ---

def test_each_device_has_its_own(host):
    host.start()
    guests = [host.guest(7), host.guest(7, 1), host.guest(8),
              host.guest(7, 2, pool=POOL_B)]
    assert not host.workers()
    for _ in range(2):
        for guest in guests:
            assert guest.ask(b"a") == (OK, b"a")
    assert len(host.workers()) == 4


def test_what_it_is_started_with(host, tmp_path):
    host.start("[workers]\nkernels=/the/kernels\n"
               "[pool B]\nbackend=opencl\ndevice=3\n")
    for guest in (host.guest(7, pool=POOL_B), host.guest(8)):
        assert guest.ask()[0] == OK
    cpu, opencl = sorted(path.read_text().split("\n")
                         for path in tmp_path.glob("worker-*"))
    assert cpu == ["--backend=cpu", "--device=0", "--memory-mib=2048",
                   "--kernels=/the/kernels"]
    assert opencl[:-1] == ["--backend=opencl", "--device=3", "--memory-mib=2048",
                           "--kernels=/the/kernels"]
    assert re.fullmatch("--root=/.*/vgpu-workers-[^/]*", opencl[-1])


def test_it_inherits_nothing(host):
    """But the pipe by which it dies with the starter"""
    host.start()
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    fds = Path(f"/proc/{host.wait_worker()}/fd")
    standard = {fds / name for name in "012"}
    others = set(fds.iterdir()) - standard
    assert [os.readlink(fd).split(":")[0] for fd in others] == ["pipe"]
    assert all(fd.exists() for fd in standard)
    assert os.readlink(fds / "0").startswith("socket:")


# --- Workers that fail ---

# What a worker does, and what the log says of it; each is a fault of its VM.
FAILURES = {
    "another request": "killed, it sent an answer to request 2, not 1",
    "too long": "killed, it sent an answer of 1025 bytes, 32 to 1024 are "
                "allowed",
    "too short": "killed, it sent an answer of 31 bytes, 32 to 1024 are "
                 "allowed",
    "empty": "killed, it sent an answer of 0 bytes, 32 to 1024 are allowed",
    "two statuses": "killed, it sent an answer with status 0x5 and 0x0",
    "unknown status": "killed, it sent an answer with status 0x100",
    "ping": "killed, it sent a message of type 7",
    "hello again": "killed, it sent a message of type 1",
    "reset": "killed, it sent a message of type 9",
    "memory of nobody": "killed, it sent MEMORY of 4096 and 0 bytes",
    "half a page": "killed, it sent MEMORY of 0 and 100 bytes",
    "short memory": "killed, it sent MEMORY of 15 bytes",
    "garbage": "killed, it sent magic 0xffffffff, not 0x55504756",
    "2 GiB": "killed, it sent payload of 2147483648 bytes, at most 65536 are "
             "allowed",
    "crashes": "died by signal 11 (Segmentation fault)",
    "closes its socket": "died by signal 9 (Killed)",
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_worker_fails(host, how):
    host.start("[vm vm7]\nfaults=2\n")
    neighbour, guest = host.guest(8), host.guest(7)
    assert neighbour.ask() == (OK, b"x")
    healthy = host.wait_worker()
    host.behave(how)
    reasons = set()
    for fault in range(2):
        status, why = guest.ask()
        assert status == BROKEN
        reasons.add(re.fullmatch(
            "the request broke its worker: (.*); "
            "its memory on the accelerator is lost", why.decode())[1])
        assert neighbour.ask(b"still") == (OK, b"still")
    # Where the starter stands still, it is told too late.
    assert FAILURES[how] in reasons
    assert reasons <= {FAILURES[how], "how is not known"}
    assert host.daemon.wait_log(
        rf"vm vm7: its worker \d+ in pool A was lost: {re.escape(FAILURES[how])}$")
    assert guest.ask()[0] == QUARANTINED
    assert host.wait_worker() == healthy


def test_how_a_worker_died_cannot_be_known(host, ctl):
    """What it had is answered all the same."""
    host.behave("never answers")
    host.start()
    guest = host.guest(7)
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    wait_for(lambda: "busy" in ctl("workers"), "request at the worker")
    starter = host.daemon.starter()
    os.kill(starter, signal.SIGSTOP)
    try:
        os.kill(host.wait_worker(), signal.SIGKILL)
        status, _, why = guest.answer()
    finally:
        os.kill(starter, signal.SIGCONT)
    assert status == BROKEN
    assert why == (b"the request broke its worker: how is not known; "
                   b"its memory on the accelerator is lost")
    host.behave("")
    wait_for(lambda: guest.ask() == (OK, b"x"), "worker")


@pytest.mark.parametrize("how, why", [
    ("exits at once", "exited with status 3"),
    ("no hello", "killed, it sent something before HELLO"),
])
def test_a_worker_does_not_start(host, how, why):
    """That is not the VM's fault, however often it happens."""
    host.start("[vm]\nfaults=1\n")
    guest = host.guest(7)
    host.behave(how)
    for _ in range(2):
        assert guest.ask() == UNOPENED
    host.daemon.wait_log("warning: pool A: 1 starts of workers in a row have "
                         f"failed, this one for vm vm7: {re.escape(why)}$")
    host.behave("")
    wait_for(lambda: guest.ask() == (OK, b"x"), "worker")
    host.daemon.wait_log(r"pool A: workers start again, after \d+ failures$")


def test_workers_that_do_not_start_are_not_tried_all_the_time(host, tmp_path):
    """Who has a worker notices nothing of it."""
    host.start()
    neighbour, guest = host.guest(8), host.guest(7)
    assert neighbour.ask() == (OK, b"x")
    host.behave("exits at once")
    began = time.monotonic()
    for _ in range(100):
        assert guest.ask() == UNOPENED
        assert neighbour.ask() == (OK, b"x")
    # The first two, and one after each pause: 0.1 s, 0.2 s, 0.4 s …
    most = 3 + math.log2(1 + (time.monotonic() - began) / 0.1)
    starts = len(list(tmp_path.glob("worker-*"))) - 1
    assert 1 <= starts <= most
    lines = [line for line in host.daemon.log() if "starts of workers" in line]
    assert len(lines) <= 1 + math.log2(starts)


def test_a_reboot_is_no_way_out(host, ctl):
    """Faults before it and after it are the same VM's."""
    host.behave("crashes")
    host.start("[vm]\nfaults=2\nfault-window-s=600\n")
    guest = host.guest(7)
    assert guest.ask()[0] == BROKEN
    guest.peer.close()
    guest.device.remove()
    wait_for(lambda: host.status(ctl)["vms"] == 0, "end of the VM")
    again = host.guest(7)
    assert again.ask()[0] == BROKEN
    assert again.ask()[0] == QUARANTINED


def test_an_answer_too_many(host):
    host.start("[vm]\nfaults=1\n")
    guest = host.guest(7)
    host.behave("twice")
    assert guest.ask()[0] == OK
    host.daemon.wait_log("was lost: killed, it sent an answer to no request$")
    host.behave("")
    assert guest.ask() == (OK, b"x")


def kill_at_100_moments(host, innocent, problems):
    """Kill workers, but not the innocent, until there are problems."""
    moments = random.Random(1)
    killed = 0
    while killed < 100 and not problems:
        for pid in host.workers():
            if pid not in innocent:
                time.sleep(moments.uniform(0, 0.01))
                # The one before may not have been quite gone.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1


def test_killed_at_100_moments(real_host, tmp_path):
    """Every request ends once; other VMs get right answers only."""
    real_host.start("[vm]\nfaults=1000\nfault-window-s=1\n")
    victims = [real_host.guest(7, number) for number in range(3)]
    others = [real_host.guest(domid) for domid in (8, 9)]
    over = threading.Event()
    problems = []
    statuses = set()

    def work(guest, expected):
        """Until it is over: write to memory, and read it back."""
        number = 0
        while not over.is_set():
            number += 1
            data = struct.pack("<Q", number) * 100
            status, handle = guest.alloc(len(data))
            seen = [status]
            if status == OK:
                seen.append(guest.write(handle, data))
                status, read = guest.read(handle, len(data))
                seen.append(status)
                if status == OK and read != data:
                    problems.append(f"{number}: read {read}")
                seen.append(guest.free(handle))
            statuses.update(seen)
            if not set(seen) <= expected:
                problems.append(f"{number}: {seen}")

    def guarded(*args):
        try:
            work(*args)
        except Exception as error:          # an answer that did not come
            problems.append(repr(error))

    lost = {OK, BROKEN, abi.VGPU_STUB_ERR_INVALID_HANDLE}
    threads = [threading.Thread(target=guarded, args=(guest, lost))
               for guest in victims]
    threads += [threading.Thread(target=guarded, args=(guest, {OK}))
                for guest in others]
    for guest in others:
        assert guest.ask(b"")[0] == OK
    innocent = set(real_host.wait_workers(len(others)))
    for thread in threads:
        thread.start()
    try:
        kill_at_100_moments(real_host, innocent, problems)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not problems
    assert statuses == lost
    for victim in victims:
        wait_for(lambda: victim.ask(b"")[0] == OK, "worker")
    assert innocent < set(real_host.wait_workers(5))


# --- Requests that have to be stopped ---

def test_a_kernel_that_never_ends(real_host, ctl):
    """It is stopped, and its VM quarantined; nobody has to wait for it."""
    real_host.start("[pool A]\nrunning=2\n[vm vm7]\nfaults=2\n")
    neighbour, guest = real_host.guest(8), real_host.guest(7)
    queued = [real_host.guest(7, number) for number in (1, 2, 3)]
    status, handle = neighbour.alloc(16)
    assert (status, neighbour.write(handle, b"precious")) == (OK, OK)
    for fault in range(2):
        kernel = guest.sgemm(ENDLESS)
        ctl("set", "vm7", "deadline-ms", "500")
        guest.send(*kernel)
        guest.ping()
        # It is the only one that has so little time.
        ctl("set", "vm7", "deadline-ms", "60000")
        # More of this VM, which must not take the slots of others
        for other in queued:
            other.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
        for _ in range(10):
            assert neighbour.read(handle, 8) == (OK, b"precious")
        status, _, why = guest.answer()
        assert (status, why) == (TIMEOUT, b"the request's time is up")
        for other in queued:
            assert other.answer()[0] in (OK, TIMEOUT, QUARANTINED)
    assert guest.ask(b"")[0] == QUARANTINED
    stopped = "lost: killed, its request had to be stopped$"
    wait_for(lambda: len(real_host.daemon.wait_log(stopped)) == 2, "2 ends")
    assert neighbour.read(handle, 8) == (OK, b"precious")


def test_a_request_that_ends_in_the_grace(host, ctl):
    """Its worker lives on."""
    host.behave("takes its time")
    host.start("[vm]\ndeadline-ms=100\nfaults=1000\n")
    guest = host.guest(7)

    def lives_on():
        before = host.idle(ctl)
        assert guest.ask()[0] == TIMEOUT
        return before and host.idle(ctl) == before

    # One that stands still for the grace, or starts, is another's.
    wait_for(lives_on, "a worker that lives on")


def test_cancel_of_what_never_ends(host, wait_busy):
    host.behave("never answers")
    host.start("[pool A]\nrunning=2\n[vm]\nfaults=1\n")
    guest, neighbour = host.guest(7), host.guest(8)
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    worker = host.wait_fake_worker()
    wait_busy()
    host.behave("")
    assert neighbour.ask() == (OK, b"x")
    guest.cancel()
    wait_gone(worker)
    # It had to be stopped.
    assert guest.ask()[0] == QUARANTINED


def test_the_device_goes_during_a_request(host):
    host.behave("never answers")
    host.start()
    guest = host.guest(7)
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    worker = host.wait_fake_worker()
    guest.peer.close()
    wait_gone(worker)
    host.behave("")
    assert Guest(guest.device).ask() == (OK, b"x")


# Longer than a request that is to be stopped may take to end by itself
LONG = 1.2


@pytest.mark.parametrize("how", ["disconnects", "cancels"])
def test_what_ran_long_is_paid_for_however_it_ends(host, ctl, how):
    """With device time, and as a fault."""
    host.behave("never answers")
    host.start("[vm]\nfaults=2\n")
    guest = host.guest(7)
    for runs in (1, 2):
        guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
        worker = host.wait_fake_worker()
        wait_for(lambda: "busy" in ctl("workers"), "request at the worker")
        time.sleep(LONG)
        if how == "cancels":
            guest.cancel()
            wait_gone(worker)
        else:
            guest.peer.close()
            wait_gone(worker)
            guest = Guest(guest.device)
        vm, = json.loads(ctl("vms", "--json"))
        assert vm["device_us"] >= runs * LONG * 1e6
        assert (vm["quarantined_s"] > 0) == (runs == 2)
    assert guest.ask()[0] == QUARANTINED


def test_what_did_not_run_long_is_no_fault(host):
    """A VM may be shut down, or a device unplugged, at any time."""
    host.behave("never answers")
    host.start("[vm]\nfaults=1\n")
    guest = host.guest(7)
    began = time.monotonic()
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    worker = host.wait_fake_worker()
    guest.peer.close()
    host.daemon.wait_log("7-0.sock.* disconnected:")
    # On a machine that stood still it has run long after all.
    long = time.monotonic() - began >= 1
    wait_gone(worker)
    host.behave("")
    assert Guest(guest.device).ask()[0] == OK or long


def test_device_time_is_divided(host, ctl):
    """However many run at the same time, it passes only once."""
    host.behave("takes its time")
    host.start("[pool A]\nrunning=4\n")
    guests = [host.guest(domid) for domid in (7, 8, 9, 10)]
    began = time.monotonic()
    for _ in range(2):
        for guest in guests:
            guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
        for guest in guests:
            assert guest.answer()[0] == OK
    passed = time.monotonic() - began
    used = [vm["device_us"] / 1e6 for vm in json.loads(ctl("vms", "--json"))]
    assert len(used) == 4 and min(used) > 0
    assert sum(used) <= passed


# --- How long a worker lives ---

def test_an_idle_worker_is_retired(host, ctl):
    host.start("[pool A]\nidle-s=1\n")
    guest = host.guest(7)

    def goes_quietly():
        before = len(host.daemon.log())
        assert guest.ask()[0] == OK
        wait_for(lambda: json.loads(ctl("workers", "--json")) == [],
                 "end of the worker")
        return not [line for line in host.daemon.log()[before:]
                    if "vm vm7: " in line]

    # One that stands still when it is to go is killed.
    wait_for(goes_quietly, "quiet end of a worker")
    assert guest.ask()[0] == OK


def test_a_worker_does_not_exit(host):
    host.behave("does not exit")
    host.start("[pool A]\nidle-s=1\n")
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    host.daemon.wait_log("was lost: killed, it did not exit when it was to$")
    path, = host.folder.glob("worker-*")
    assert not alive(path.name.partition("-")[2])


def test_memory_keeps_a_worker(real_host):
    real_host.start("[pool A]\nidle-s=1\n")
    keeper, other = real_host.guest(7), real_host.guest(8)
    status, handle = keeper.alloc(100)
    worker = real_host.wait_worker()
    assert other.ask(b"")[0] == OK
    assert real_host.wait_workers(1) == [worker]
    assert keeper.read(handle, 4) == (OK, bytes(4))
    assert keeper.free(handle) == OK
    wait_gone(worker)


def test_a_device_goes(host):
    """Its worker ends, no other does; its memory is another VM's now."""
    host.behave("holds memory")
    host.start()
    guests = [host.guest(7), host.guest(7, 1), host.guest(8)]
    left = set()
    for guest in guests:
        assert guest.ask()[0] == OK
        worker, = set(host.workers()) - left
        left.add(worker)
    for guest in guests[:2]:
        before = set(host.workers())
        guest.peer.close()
        wait_for(lambda: len(host.workers()) < len(before), "end of a worker")
        assert set(host.workers()) < before
    assert worker in host.workers()
    assert guests[2].ask()[0] == OK
    assert not host.lost()


def test_no_more_workers_than_allowed(host):
    host.start("[pool A]\nworkers=1\n")
    guests = [host.guest(domid) for domid in (7, 8, 9)]
    for _ in range(2):
        for guest in guests:
            guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
        for guest in guests:
            assert guest.answer()[0] == OK
            # One that was seen first may be gone when another one is.
            assert sum(map(alive, host.workers())) <= 1
    assert not host.lost()


def test_memory_keeps_a_place(host):
    host.behave("holds memory")
    host.start("[pool A]\nworkers=1\n[vm vm9]\ndeadline-ms=300\nfaults=1\n")
    keeper, waiting, late = (host.guest(domid) for domid in (7, 8, 9))
    assert keeper.ask()[0] == OK
    worker = host.wait_worker()
    waiting.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    # To wait is nobody's fault.
    assert [late.ask()[0] for _ in range(2)] == [TIMEOUT, TIMEOUT]
    assert keeper.ask()[0] == OK
    assert list(host.workers()) == [worker]
    keeper.peer.close()
    assert waiting.answer()[0] == OK


def test_who_waits_for_a_place_holds_up_nobody(real_host):
    """Not those that have one, and not what needs none."""
    real_host.start("[pool A]\nworkers=2\nrunning=2\n")
    keepers = [real_host.guest(domid) for domid in (7, 8)]
    handles = [keeper.alloc(100)[1] for keeper in keepers]
    waiting = [real_host.guest(domid) for domid in (9, 10)]
    for guest in waiting:
        guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    for number in range(1, 21):
        for keeper, handle in zip(keepers, handles):
            assert keeper.read(handle, 4) == (OK, bytes(4))
        for domid in (9, 10):
            assert nop(real_host.guest(domid, number)) == OK
    # Whoever makes room is heard, too.
    for keeper, handle in zip(keepers, handles):
        assert keeper.free(handle) == OK
    for guest in waiting:
        assert guest.answer()[0] == OK


def test_a_flood_leaves_places_to_others(host):
    """It would go on for half a minute."""
    host.behave("takes its time")
    host.start("[pool A]\nworkers=1\nrunning=2\n")
    flood = host.guest(7)
    for _ in range(100):
        flood.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    host.wait_fake_worker()
    for domid in (8, 9, 8):
        assert host.guest(domid, len(host.guests)).ask() == (OK, b"x")


def test_a_worker_that_starts_has_no_slot(host):
    host.start("[pool A]\nrunning=1\n")
    guest, neighbour = host.guest(7), host.guest(8)
    assert neighbour.ask() == (OK, b"x")
    host.behave("does not start")
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    host.wait_workers(2)
    assert neighbour.ask() == (OK, b"x")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_the_daemon_ends(real_host, signum):
    """While its workers are busy, idle, and have memory"""
    real_host.start()
    busy, keeper, idle = (real_host.guest(domid) for domid in (7, 8, 9))
    assert keeper.alloc(100)[0] == OK
    assert idle.ask(b"")[0] == OK
    busy.send(*busy.sgemm(ENDLESS))
    workers = real_host.wait_workers(3)
    assert real_host.daemon.stop(signum) == (-signum
                                             if signum == signal.SIGKILL
                                             else 0)
    if signum == signal.SIGTERM:
        assert not any(map(alive, workers))
    wait_gone(*workers)


def test_the_daemon_ends_whatever_its_workers_do(host):
    host.behave("never answers")
    host.start()
    guest = host.guest(7)
    guest.send(abi.VGPU_STUB_OP_SYNCHRONIZE)
    worker = host.wait_fake_worker()
    assert host.daemon.stop() == 0
    assert not alive(worker)


def test_what_a_worker_executes(host, ctl):
    """By the number that the guest's log has, too"""
    host.behave("never answers")
    host.start()
    host.guest(7).send(abi.VGPU_STUB_OP_SYNCHRONIZE, request_id=0xC0FFEE)
    wait_for(lambda: [(worker["state"], worker["request"]) for worker
                      in json.loads(ctl("workers", "--json"))]
             == [("busy", str(0xC0FFEE))], "a busy worker")


# --- Pools ---

BAD_POOL = ("pool {}: {} device 0 does not work, nothing serves the pool: "
            "no such accelerator$")


def nop(guest):
    return guest.call(abi.VGPU_STUB_OP_NOP)[0]


def test_an_accelerator_that_does_not_work(host):
    host.behave("no accelerator")
    host.start("[pool B]\nbackend=cuda\n")
    host.daemon.wait_log(BAD_POOL.format("A", "cpu"))
    host.daemon.wait_log(BAD_POOL.format("B", "cuda"))
    guests = host.guest(7), host.guest(8, pool=POOL_B)
    for guest in guests:
        assert nop(guest) == INVALID_POOL
        assert guest.ask() == (INVALID_POOL, b"nothing serves the pool")
    # Until it does: each attempt that fails is for the same reason, no news.
    wait_for(lambda: host.probes() >= 5, "attempts")
    host.behave("")
    for pool, name in ("A", "cpu"), ("B", "cuda"):
        line, = host.daemon.wait_log(f"pool {pool}: {name} device 0 works")
        assert int(re.search(r"after (\d+) attempts that failed", line)[1]) > 1
        assert len(host.daemon.wait_log(BAD_POOL.format(pool, name))) == 1
    for guest in guests:
        assert guest.ask() == (OK, b"x")


def test_a_failed_pool_is_tried_at_each_reload(host):
    host.behave("no accelerator")
    host.start()
    host.daemon.wait_log(BAD_POOL.format("A", "cpu"))
    guest = host.guest(7)
    assert guest.ask()[0] == INVALID_POOL
    host.behave("")
    host.reload("[vm]\nweight=1\n")
    host.daemon.wait_log("pool A: cpu device 0 works, after")
    assert guest.ask()[0] == OK


def test_a_reload_tries_only_what_it_changes(host, ctl):
    host.behave("holds memory")
    host.start()
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    host.wait_tried(ctl)
    worker = host.wait_worker()
    host.behave("no accelerator")
    host.reload("[pool A]\nworkers=2\nidle-s=1\nrunning=3\n"
                "[pool B]\nbackend=none\n")
    # A new worker would have waited for the attempt.
    host.behave("")
    assert host.guest(8).ask()[0] == OK
    assert host.probes() == 2
    assert guest.ask()[0] == OK
    assert worker in host.workers()
    assert not [line for line in host.daemon.log() if "does not work" in line]


def test_memory_outlives_a_reload_to_what_does_not_work(host, ctl):
    """Its VM is served on, by the worker that it has."""
    host.behave("holds memory")
    host.start()
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    host.wait_tried(ctl)
    worker = host.wait_worker()
    host.behave("no accelerator")
    host.reload("[pool A]\nbackend=opencl\ndevice=1\n")
    host.daemon.wait_log("pool A: opencl device 1 does not work")
    other = host.guest(8)
    assert other.ask() == (INVALID_POOL, b"nothing serves the pool")
    assert guest.ask()[0] == OK
    assert host.wait_worker() == worker
    assert host.status(ctl)["pool_A"] == "failed: no such accelerator"
    assert host.status(ctl)["pool_B"] == "works"
    host.behave("")
    host.daemon.wait_log("pool A: opencl device 1 works")
    assert other.ask()[0] == OK
    assert guest.ask()[0] == OK
    assert worker in host.workers()
    assert host.status(ctl)["pool_A"] == "works"


def test_a_failed_pool_is_closed_with_its_last_memory(host, ctl):
    host.behave("holds memory")
    host.start()
    guest = host.guest(7)
    assert guest.ask()[0] == OK
    worker = host.wait_worker()
    host.behave("no accelerator")
    host.reload("[pool A]\nbackend=opencl\n")
    host.daemon.wait_log("pool A: opencl device 0 does not work")
    guest.peer.close()
    guest.device.remove()
    wait_gone(worker)
    # Not even what needs no accelerator
    other = host.guest(8)
    wait_for(lambda: nop(other) == INVALID_POOL, "end of the pool")


def test_a_pool_is_closed_and_opened(host):
    """No link is dropped; the other pool notices nothing."""
    host.behave("holds memory")
    host.start()
    guest, other = host.guest(7), host.guest(8, pool=POOL_B)
    assert guest.ask()[0] == OK
    worker = host.wait_worker()
    assert other.ask()[0] == OK
    host.reload("[pool A]\nbackend=none\n")
    assert nop(guest) == guest.ask()[0] == INVALID_POOL
    wait_gone(worker)
    assert other.ask()[0] == OK
    host.behave("")
    host.reload("")
    assert guest.ask() == (OK, b"x")
    assert not host.guests[0].device.has_connection()


def test_new_settings_are_for_new_workers(host, tmp_path):
    host.behave("holds memory")
    host.start()
    guest, other = host.guest(7), host.guest(8)
    assert guest.ask()[0] == OK
    worker = host.wait_worker()
    host.reload("[pool A]\nbackend=opencl\ndevice=1\n[vm]\nmemory-mib=1\n")
    assert guest.ask()[0] == OK
    assert list(host.workers()) == [worker]
    assert other.ask()[0] == OK
    new, = set(host.workers()) - {worker}
    assert {"--backend=opencl", "--device=1"} < \
        set((tmp_path / f"worker-{new}").read_text().split("\n"))


def test_limits_hold_from_the_next_request(host):
    """Each request says what its VM may, so a worker need not be new."""
    host.behave("limits")
    host.start("[vm]\nmemory-mib=5\nguest-kernels=yes\n")
    guest = host.guest(7)
    assert guest.ask() == (OK, struct.pack("<QQII", 5 << 20, 0, 1, 0))
    worker = host.wait_worker()
    host.reload("[vm]\nmemory-mib=1\n")
    assert guest.ask() == (OK, struct.pack("<QQII", 1 << 20, 0, 0, 0))
    assert list(host.workers()) == [worker]


def test_a_quota_is_lowered(real_host):
    """What a VM has allocated stays; it gets no more."""
    real_host.start("[vm]\nmemory-mib=3\n")
    guest = real_host.guest(7)
    status, kept = guest.alloc(2 << 20)
    assert (status, guest.write(kept, b"kept")) == (OK, OK)
    _, other = guest.alloc(4096)
    real_host.reload("[vm]\nmemory-mib=1\n")
    assert guest.alloc(1)[0] == abi.VGPU_STUB_ERR_OUT_OF_MEMORY
    assert guest.free(other) == OK
    assert guest.alloc(1)[0] == abi.VGPU_STUB_ERR_OUT_OF_MEMORY
    assert guest.read(kept, 4) == (OK, b"kept")
    assert guest.free(kept) == OK
    assert guest.alloc(1 << 20)[0] == OK


def test_no_program_for_workers(host):
    host.worker = host.folder / "absent"
    host.start()
    host.daemon.wait_log("pool A: cpu device 0 does not work, .*"
                         "No such file or directory")
    assert host.guest(7).ask()[0] == INVALID_POOL


# --- Memory ---

def test_memory_quota(real_host):
    real_host.start("[vm vm7]\nmemory-mib=1\n")
    small, large = real_host.guest(7), real_host.guest(8)
    status, handle = small.alloc(1 << 20)
    assert status == OK
    assert small.alloc(1)[0] == abi.VGPU_STUB_ERR_OUT_OF_MEMORY
    assert large.alloc(2 << 20)[0] == OK
    # Its other devices share it.
    assert real_host.guest(7, 1).alloc(1)[0] == \
        abi.VGPU_STUB_ERR_OUT_OF_MEMORY
    assert small.free(handle) == OK
    assert small.alloc(1)[0] == OK


def test_one_sum_for_all_workers_of_a_vm(host):
    """Also when each takes what it can get, and one dies with it."""
    host.behave("hoards memory")
    host.start("[vm]\nmemory-mib=1\n")
    one, other, stranger = host.guest(7), host.guest(7, 1), host.guest(8)
    all_of_it, nothing = struct.pack("<Q", 1 << 20), bytes(8)
    assert one.ask() == (OK, all_of_it)
    worker = host.wait_worker()
    assert other.ask() == (OK, nothing)
    assert stranger.ask() == (OK, all_of_it)
    assert one.ask() == (OK, all_of_it)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: other.ask() == (OK, all_of_it), "memory of the dead")
    assert one.ask() == (OK, nothing)


def test_a_handle_of_another_vm(real_host):
    real_host.start()
    owner, thief = real_host.guest(7), real_host.guest(8)
    other_pool = real_host.guest(7, 1, pool=POOL_B)
    _, handle = owner.alloc(100)
    assert owner.write(handle, b"secret") == OK
    for guest in (thief, other_pool):
        # It may well have memory of its own.
        assert guest.alloc(100)[0] == OK
        assert guest.read(handle, 6)[0] == abi.VGPU_STUB_ERR_INVALID_HANDLE
        assert guest.write(handle, b"x") == abi.VGPU_STUB_ERR_INVALID_HANDLE
        assert guest.free(handle) == abi.VGPU_STUB_ERR_INVALID_HANDLE
    assert owner.read(handle, 6) == (OK, b"secret")


def test_memory_is_lost_with_the_worker(real_host):
    real_host.start("[pool B]\nbackend=none\n")
    guest = real_host.guest(7)
    _, handle = guest.alloc(100)
    worker = real_host.wait_worker()
    os.kill(worker, signal.SIGKILL)
    real_host.daemon.wait_log(r"died by signal 9 \(Killed\)$")
    assert guest.read(handle, 6)[0] == abi.VGPU_STUB_ERR_INVALID_HANDLE
