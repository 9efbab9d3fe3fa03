# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-ctl and the daemon's admin socket."""
import itertools
import json
import os
import resource
import signal
import socket
import stat
import subprocess

import pytest

from support import abi, operations
from support.fake_device import FakeDevice
from support.fake_queue_device import FakeQueueDevice
from support.mediatord import starter
from support.wait import PATIENCE, wait_for

OK = abi.VGPU_STUB_ERR_NONE
LIMITED = abi.VGPU_STUB_ERR_RATE_LIMITED
QUARANTINED = abi.VGPU_STUB_ERR_VM_QUARANTINED
UUID = "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab"


@pytest.fixture
def peers(start, admin, sockets, ctl):
    """Connections of the domains 7 and 8."""
    devices = [FakeDevice(sockets / f"{domid}-0.sock") for domid in (7, 8)]
    start("--admin-socket", admin, "--socket-dir", sockets)
    return [device.greet() for device in devices]


def statuses(peer, count=100, opcode=abi.VGPU_STUB_OP_NOP):
    return [answer.status
            for answer in peer.ask(operations.call(opcode), count)]


def use_device(peer):
    """100 requests for an accelerator"""
    assert statuses(peer, opcode=abi.VGPU_STUB_OP_SYNCHRONIZE) == [OK] * 100


def test_status(peers, ctl):
    wait_for(lambda: "trying" not in ctl("status"), "attempts of the pools")
    assert ctl("status") == (
        "state    vms  quarantined  waiting  running  contexts  arena_mib  "
        "worker_uids  pool_A  pool_B\n"
        "serving    2            0        0        0         0          0  "
        "shared       works   works\n")
    assert json.loads(ctl("status", "--json")) == [
        {"state": "serving", "vms": 2, "quarantined": 0, "waiting": 0,
         "running": 0, "contexts": 0, "arena_mib": 0, "worker_uids": "shared", "pool_A": "works",
         "pool_B": "works"}]


def test_vms(start, admin, ctl, sockets):
    devices = [FakeDevice(sockets / f"{name}-0.sock")
               for name in (f"{UUID}.7", "8")]
    start("--admin-socket", admin, "--socket-dir", sockets)
    peers = [device.greet(vm_uuid=bytes(range(16))) for device in devices]
    use_device(peers[0])
    vms = {vm.pop("vm"): vm for vm in json.loads(ctl("--json", "vms"))}
    # Each request is charged at least 1 us.
    assert vms[UUID].pop("device_us") >= 100
    assert vms["8"].pop("device_us") == 0
    assert vms[UUID].pop("domid") == "7"
    assert vms["8"].pop("domid") == "8"
    assert vms[UUID].pop("ended") == 100
    assert vms["8"].pop("ended") == 0
    assert vms[UUID] == vms["8"] == {
        "pool": "any", "priority": "high", "weight": 100, "waiting": 0,
        "running": 0, "failed": 0, "quarantined_s": 0}
    lines = ctl("vms").splitlines()
    assert lines[0].split() == [
        "vm", "domid", "pool", "priority", "weight", "waiting", "running",
        "ended", "failed", "device_us", "quarantined_s"]
    assert len({len(line) for line in lines}) == 1
    assert {line.split()[0] for line in lines[1:]} == {UUID, "8"}


def test_queues(peers, ctl):
    use_device(peers[0])
    queues = json.loads(ctl("queues", "--json"))
    assert [(queue["pool"], queue["priority"]) for queue in queues] == [
        (pool, priority) for pool in "AB"
        for priority in ("high", "medium", "low")]
    for queue in queues:
        used = queue.pop("device_us")
        assert (used >= 100) == (queue["pool"] == "A" and
                                 queue["priority"] == "medium")
        assert (queue["waiting"], queue["running"]) == (0, 0)


def test_workers(peers, ctl):
    """One with memory is there until it dies, and then another."""
    assert json.loads(ctl("workers", "--json")) == []
    assert ctl("workers").split() == ["vm", "context", "pool", "place", "pid", "state", "request",
                                      "memory", "age_s"]
    pids = []
    for _ in range(2):
        answer, = peers[0].ask(operations.alloc(4096))
        assert answer.status == OK
        worker, = json.loads(ctl("workers", "--json"))
        pids.append(worker.pop("pid"))
        assert worker.pop("age_s") >= 0
        assert worker == {"vm": "7", "context": 1, "pool": "A", "place": "-",
                          "state": "idle",
                          "request": "-", "memory": "yes"}
        os.kill(pids[-1], signal.SIGKILL)
        wait_for(lambda: json.loads(ctl("workers", "--json")) == [],
                 "end of the worker")
    assert pids[0] != pids[1]


def test_contexts(start, admin, ctl, sockets, tmp_path):
    """One that has a worker, and one that is refused"""
    config = tmp_path / "conf"
    config.write_text("[vm]\ncontexts=1\n")
    device = FakeQueueDevice(sockets / "7-0.sock")
    start("--admin-socket", admin, "--socket-dir", sockets,
          "--config", config)
    with device.greet() as peer:
        assert json.loads(ctl("contexts", "--json")) == []
        context = peer.open()
        assert peer.refused(peer.start_open()) == abi.VGPU_STUB_ERR_QUEUE_FULL
        served, refused = sorted(json.loads(ctl("contexts", "--json")),
                                 key=lambda row: row["context"])
        worker, = [row for row in json.loads(ctl("workers", "--json"))
                   if row["vm"] == "7"]
        assert worker["context"] == served["context"]
        assert served.pop("context") < refused.pop("context")
        assert served == {"vm": "7", "pool": "A", "state": "served",
                          "requests": 0, "arena_kib": 2816}
        assert refused["state"] == "refused"
        status, = json.loads(ctl("status", "--json"))
        assert (status["contexts"], status["arena_mib"]) == (2, 2)
        assert context.close() == []
        assert len(json.loads(ctl("contexts", "--json"))) == 1
    wait_for(lambda: ctl("contexts").split() == [
        "vm", "context", "pool", "state", "requests", "arena_kib"],
        "end of the contexts")


def test_names_of_all_sorts(start, admin, ctl, sockets):
    names = ['a "b" \\', "tab\tand\nline", "größe", "7", "a#b"]
    devices = [FakeDevice(sockets / f"{name}-0.sock") for name in names]
    start("--admin-socket", admin, "--socket-dir", sockets)
    peers = [device.greet() for device in devices]
    ctl("quarantine", names[1])
    vms = {vm["vm"]: vm["quarantined_s"]
           for vm in json.loads(ctl("vms", "--json"))}
    assert vms == {name: -1 if name == names[1] else 0 for name in names}
    assert len(ctl("vms").splitlines()) == 1 + len(names)
    assert [statuses(peer, 1) for peer in peers] == \
        [[OK], [QUARANTINED], [OK], [OK], [OK]]
    assert any(line.startswith("a#b ") for line in ctl("vms").splitlines())


def test_quarantine_and_release(peers, ctl):
    assert ctl("quarantine", "7") == ""
    assert statuses(peers[0]) == [QUARANTINED] * 100
    assert statuses(peers[1]) == [OK] * 100
    assert json.loads(ctl("status", "--json"))[0]["quarantined"] == 1
    assert ctl("release", "7") == ""
    assert statuses(peers[0]) == [OK] * 100
    ctl("quarantine", "7", "3600")
    assert statuses(peers[0]) == [QUARANTINED] * 100
    left, = (vm["quarantined_s"] for vm in json.loads(ctl("vms", "--json"))
             if vm["vm"] == "7")
    assert 0 < left <= 3600


def test_set(peers, ctl):
    ctl("set", "7", "rate", "1")
    ctl("set", "7", "burst", "1")
    ctl("set", "7", "weight", "250")
    # To 1 per s: 100 would take more time than a peer waits.
    assert statuses(peers[0]).count(LIMITED) > 50
    assert statuses(peers[1]) == [OK] * 100
    weights = {vm["vm"]: vm["weight"]
               for vm in json.loads(ctl("vms", "--json"))}
    assert weights == {"7": 250, "8": 100}


@pytest.mark.parametrize("allowed", ["low", "medium", "high"])
@pytest.mark.parametrize("claimed", ["low", "medium", "high"])
def test_priority_is_the_highest_that_a_vm_gets(start, admin, ctl, device,
                                                allowed, claimed):
    names = ["low", "medium", "high"]
    start("--admin-socket", admin, "--connect", device.path)
    peer = device.greet(priority=names.index(claimed))
    ctl("set", str(device.path), "priority", allowed)
    use_device(peer)
    used = {queue["priority"] for queue in json.loads(ctl("queues", "--json"))
            if queue["device_us"] > 0}
    assert used == {min(allowed, claimed, key=names.index)}


@pytest.mark.parametrize("device_pool", "AB")
@pytest.mark.parametrize("choice", ["any", "A", "B"])
def test_pool_of_a_vm(start, admin, ctl, device, device_pool, choice):
    start("--admin-socket", admin, "--connect", device.path)
    peer = device.greet(pool=ord(device_pool))
    ctl("set", str(device.path), "pool", choice)
    use_device(peer)
    used = {queue["pool"] for queue in json.loads(ctl("queues", "--json"))
            if queue["device_us"] > 0}
    assert used == {device_pool if choice == "any" else choice}


def test_reload(start, admin, ctl, device, tmp_path):
    config = tmp_path / "conf"
    config.write_text("[vm]\nweight=50\n")
    daemon = start("--admin-socket", admin, "--connect", device.path,
                   "--config", config)
    device.greet()

    def weight():
        return json.loads(ctl("vms", "--json"))[0]["weight"]

    assert weight() == 50
    ctl("set", str(device.path), "weight", "70")
    config.write_text("[vm]\nweight=none\n")
    assert ctl.fails("reload") == (
        f"vgpu-ctl: the configuration stays as it was: {config}:2: "
        "[vm] weight is 'none', 1 to 10000 is allowed\n")
    assert weight() == 70
    config.write_text("[vm]\nweight=60\n")
    ctl("reload")
    assert weight() == 60
    assert len(daemon.wait_log("loaded$")) == 1


def test_which_vm_is_meant(start, admin, ctl, sockets):
    uuids = ["5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab",
             "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ac",
             "7f2a9a3c-0f0b-4e7e-9d5a-0123456789ac",
             "1234567c-0f0b-4e7e-9d5a-0123456789ac"]
    devices = [FakeDevice(sockets / f"{uuid}.{domid}-0.sock")
               for domid, uuid in enumerate(uuids, 7)]
    devices.append(FakeDevice(sockets / "web-0.sock"))
    start("--admin-socket", admin, "--socket-dir", sockets)
    for device in devices:
        device.greet()

    def weighted(*words):
        """Those whose weight is set by such an order"""
        for word in words:
            ctl("set", word, "weight", "2")
        vms = json.loads(ctl("vms", "--json"))
        found = {vm["vm"] for vm in vms if vm["weight"] == 2}
        for vm in found:
            ctl("set", vm, "weight", "100")
        return found

    assert weighted(uuids[0]) == weighted("7") == {uuids[0]}
    assert weighted(uuids[1].upper()) == weighted("8") == {uuids[1]}
    assert weighted("7f") == weighted("7F2A9A3C-") == {uuids[2]}
    assert weighted("123456") == weighted("10") == {uuids[3]}
    assert weighted("web") == {"web"}
    assert ctl.fails("set", "5f2a", "weight", "1") == (
        "vgpu-ctl: the UUIDs of 2 VMs begin with '5f2a'; give more of it\n")
    # A domid that has ended is no beginning.
    assert "no VM runs as domain 12345" in ctl.fails("set", "12345", "rate",
                                                     "1")
    for nobody in "we", uuids[0] + "0", "6", "99999":
        assert ctl.fails("quarantine", nobody).startswith("vgpu-ctl: no VM ")
    assert {vm["quarantined_s"]
            for vm in json.loads(ctl("vms", "--json"))} == {0}


KNOWN = ("there are status, vms, workers, contexts, queues, set, quarantine, "
         "release, reload, drain")
LIMITS = ("pool, priority, weight, queue, in-flight, rate, burst, deadline-ms, "
          "faults, fault-window-s, quarantine-s, memory-mib, guest-kernels, "
          "contexts")


@pytest.mark.parametrize("args, reason", [
    (["stop"], f"'stop' is not known, {KNOWN}"),
    ([""], f"'' is not known, {KNOWN}"),
    (["status", "7"], "it has to be: status"),
    (["set", "7", "weight"], "it has to be: set VM LIMIT VALUE"),
    (["set", "7", "weight", "1", "2"], "it has to be: set VM LIMIT VALUE"),
    (["set", "9", "weight", "1"], "no VM runs as domain 9; `vms` lists all"),
    (["set", "07", "weight", "1"], "no VM runs as domain 07; `vms` lists all"),
    (["set", "web", "weight", "1"], "no VM is called 'web'; `vms` lists all"),
    (["set", "7", "colour", "1"],
     f"'colour' is not known, there are {LIMITS}"),
    (["set", "7", "pool", "C"], "pool is 'C', allowed are any, A, B"),
    (["set", "7", "weight", "0"], "weight is '0', 1 to 10000 is allowed"),
    (["quarantine"], "it has to be: quarantine VM [SECONDS]"),
    (["quarantine", "9"], "no VM runs as domain 9; `vms` lists all"),
    (["quarantine", "7", "0"], "SECONDS is '0', 1 to 604800 is allowed"),
    (["quarantine", "7", "1h"], "SECONDS is '1h', 1 to 604800 is allowed"),
    (["release", "7", "8"], "it has to be: release VM"),
    (["release", ""], "no VM is called ''; `vms` lists all"),
    (["reload"], "nothing to reload: there is no --config"),
])
def test_bad_orders(peers, ctl, args, reason):
    assert ctl.fails(*args) == f"vgpu-ctl: {reason}\n"
    assert statuses(peers[0]) == [OK] * 100


def test_only_owner_and_group_may_connect(peers, admin):
    assert stat.S_IMODE(os.stat(admin).st_mode) == 0o660


def test_the_socket_goes_and_a_stale_one_is_replaced(start, admin, ctl,
                                                     device):
    daemon = start("--admin-socket", admin, "--connect", device.path)
    device.greet()
    assert daemon.stop() == 0
    assert not admin.exists()
    FakeDevice(admin).close()
    start("--admin-socket", admin, "--connect", device.path)
    device.greet()
    ctl("status")


@pytest.mark.parametrize("what", ["a file", "a living socket"])
def test_the_path_is_taken(mediatord_bin, admin, what):
    if what == "a file":
        admin.write_text("precious")
    else:
        other = FakeDevice(admin)
    result = subprocess.run([mediatord_bin, *starter(mediatord_bin),
                             "--worker=/bin/true",
                             "--admin-socket", admin],
                            timeout=PATIENCE, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (f"vgpu-mediatord: --admin-socket: {admin}: "
                             "Address already in use\n")
    if what == "a file":
        assert admin.read_text() == "precious"
    else:
        other.listener.accept()[0].close()


@pytest.mark.parametrize("path", ["", "/" + "x" * 107])
def test_path_of_a_wrong_length(mediatord_bin, path):
    result = subprocess.run([mediatord_bin, *starter(mediatord_bin),
                             "--worker=/bin/true",
                             "--admin-socket", path],
                            timeout=PATIENCE, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    assert result.returncode == 2
    assert result.stderr == (f"vgpu-mediatord: --admin-socket: {path}: "
                             "File name too long\n")


def connect(admin):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(admin))
    return client


@pytest.mark.parametrize("order", [
    b"", b"status", b"x" * 4096, b"\0\0\0\n", b"\n", b"\t\t\t\n", b"\\\n",
    b"vms\\\t\\\n", b"\xff\xfe\n", b"set\t" * 1000 + b"\n",
])
def test_garbage(peers, admin, ctl, order):
    with connect(admin) as client:
        client.sendall(order)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer == b"" or answer.startswith(b"error\t")
    ctl("status")


def test_idle_clients_do_not_lock_the_operator_out(peers, admin, ctl):
    clients = [connect(admin) for _ in range(50)]
    for _ in range(3):
        ctl("status")
    assert clients[0].recv(1) == b""
    assert statuses(peers[0]) == [OK] * 100


def test_no_descriptor_for_another_client(start, admin, ctl, device):
    """It waits, without the daemon trying all the time, until there is one."""
    daemon = start("--admin-socket", admin, "--connect", device.path)
    device.greet()
    ctl("status")
    pid = daemon.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)

    def sleeps():
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat_file:
            return stat_file.read().rpartition(")")[2].split()[0] == "S"

    taken = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    lowest = next(fd for fd in itertools.count() if fd not in taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, limits[1]))
    with connect(admin) as client:
        client.sendall(b"status\n")
        wait_for(lambda: all(sleeps() for _ in range(100)), "a daemon at rest")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"ok\n")


def run_ctl(mediatord_bin, *args):
    return subprocess.run([mediatord_bin.with_name("vgpu-ctl"), *args],
                          timeout=PATIENCE, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


@pytest.mark.parametrize("args, message", [
    (["--frob"], "Unknown option --frob (see --help)"),
    (["status", "--socket"], "Missing argument for --socket (see --help)"),
    ([], "an order is missing (see --help)"),
])
def test_bad_options(mediatord_bin, args, message):
    result = run_ctl(mediatord_bin, *args)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"vgpu-ctl: {message}\n"


def test_no_daemon(ctl, admin):
    message = ctl.fails("status")
    assert message.startswith(f"vgpu-ctl: {admin}: ")
    assert message.endswith("No such file or directory\n")


@pytest.mark.parametrize("answer", [b"", b"vm\n7\n", b"a\tb\n1\nok\n", b"ok"])
def test_a_daemon_that_dies(mediatord_bin, admin, answer):
    listener = FakeDevice(admin).listener
    process = subprocess.Popen(
        [mediatord_bin.with_name("vgpu-ctl"), "--socket", admin, "vms"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with listener.accept()[0] as client:
        assert client.recv(100) == b"vms\n"
        client.sendall(answer)
    assert process.communicate(timeout=PATIENCE) == \
        ("", "vgpu-ctl: the answer is incomplete\n")
    assert process.returncode == 1
