# SPDX-License-Identifier: GPL-2.0-or-later
"""Workers on another host, a network namespace of this one: what goes through
ssh beside the same bytes through `ssh HOST cat`, the start of a worker by Slurm
beside a plain salloc with ssh, the device time that is charged beside that of the
same work on a worker here."""
import json
import os
import statistics
import struct
import subprocess
import threading
import time
from contextlib import ExitStack

from result import Result, Row, Target, Unavailable
from support import abi, operations
from support.fake_queue_device import FakeQueueDevice
from support.mediatord import Mediatord
from support.slurm import Slurm
from support.sshd import FarHost, make_key
from support.wait import wait_for

MAKE = ["mediator"]

MIB = 1 << 20
SYNCHRONIZE = operations.synchronize()
CONFIG = "[queue]\narena-large=8\n[vm]\nrate=1000000\nburst=1000000\n"


class Host:
    """A mediator, and a context whose worker its launcher has started"""

    def __init__(self, context, stack, name, launcher, spares=0):
        folder = context.scratch / name
        folder.mkdir()
        self.spares = spares
        self.admin = folder / "admin"
        self.ctl = context.build / "mediator/vgpu-ctl"
        config = folder / "mediatord.conf"
        config.write_text(f"[pool A]\nspares={spares}\nlauncher={launcher}\n"
                          f"{CONFIG}")
        device = FakeQueueDevice(folder / "1-0.sock")
        stack.callback(device.close)
        stack.enter_context(Mediatord(
            context.build / "mediator/vgpu-mediatord", folder / "log",
            "--config", config, "--admin-socket", self.admin, "--socket-dir",
            folder))
        self.link = device.greet()
        self.link.sock.settimeout(60)
        stack.callback(self.link.close)

    def begin(self):
        self.context = self.link.open()
        self.handle = self.alloc(MIB)
        self.buffers = self.alloc(32 * MIB), self.alloc(4)
        assert self.context.ask(SYNCHRONIZE).status == 0
        return self

    def beginning(self, kept):
        """µs of the first request of a new context when all spares are ready,
        without its opening and with it, and of one in a context that is @kept"""
        others = ["idle"] if kept else []
        wait_for(lambda: self.states() == others + ["spare"] * self.spares,
                 "nothing but spares", timeout=60)
        self.context = kept
        warm = self.round_trip() if kept else 0
        # The machine has done the same before each of them.
        self.states()
        start = time.perf_counter()
        self.context = self.link.open()
        first = self.round_trip()
        both = (time.perf_counter() - start) * 1e6
        self.context.close()
        return first, both, warm

    def states(self):
        return sorted(worker["state"] for worker in self.ask_ctl("workers"))

    def alloc(self, size):
        answer = self.context.ask(operations.alloc(size))
        return struct.unpack("<Q", operations.results(answer.payload)[0])[0]

    def round_trip(self):
        """µs of one"""
        start = time.perf_counter()
        self.context.ask(SYNCHRONIZE)
        return (time.perf_counter() - start) * 1e6

    def bulk(self, count):
        """MiB/s, there and back, with some on the way"""
        data = bytes(MIB)
        start = time.perf_counter()
        sent = done = 0
        while done < 2 * count:
            while sent < 2 * count and len(self.context.large) > 0:
                there = sent % 2 == 0
                self.context.send(operations.copy(
                    abi.VGPU_STUB_COPY_TO_DEVICE if there
                    else abi.VGPU_STUB_COPY_FROM_DEVICE, MIB, self.handle),
                    **({"bulk": data} if there else {"room": MIB}))
                sent += 1
            assert self.link.answer().status == 0
            done += 1
        return count / (time.perf_counter() - start)

    def ask_ctl(self, what):
        text = subprocess.run([self.ctl, "--socket", self.admin, what,
                               "--json"], check=True,
                              stdout=subprocess.PIPE).stdout
        return json.loads(text)

    def device_us(self):
        return self.ask_ctl("vms")[0]["device_us"]

    def compute(self):
        """µs of device time that a kernel is charged"""
        before = self.device_us()
        answer = self.context.ask(operations.reduce(*self.buffers, 8 * MIB))
        assert answer.status == 0, answer
        return self.device_us() - before


class Cat:
    """`ssh HOST cat`"""

    def __init__(self, stack, host):
        key = make_key(host.folder / "cat")
        with open(host.folder / "authorized_keys", "a") as keys:
            keys.write(f'command="cat",restrict {key}\n')
        self.process = stack.enter_context(subprocess.Popen(
            [*host.launcher.split()[:-1], "-T", "-i", host.folder / "cat",
             "-o", "IdentitiesOnly=yes", "gpu1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0))
        stack.callback(self.process.terminate)
        self._pass(1)

    def _pass(self, size):
        """So many bytes there and back; seconds"""
        data = bytes(size)
        start = time.perf_counter()
        writer = None
        if size > 4096:
            writer = threading.Thread(target=self._write, args=(data,))
            writer.start()
        else:
            self._write(data)
        left = size
        while left > 0:
            piece = self.process.stdout.read(min(left, 65536))
            assert piece, "ssh has ended"
            left -= len(piece)
        if writer is not None:
            writer.join()
        return time.perf_counter() - start

    def _write(self, data):
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view):]

    def round_trip(self):
        return self._pass(1024) * 1e6

    def bulk(self, count):
        return count / self._pass(count * MIB)


def by_ssh(context, rows, summary):
    trips, mib, kernels = (50, 4, 2) if context.quick else (2000, 64, 40)
    with ExitStack() as stack:
        far = FarHost(context.scratch / "gpu1",
                      built=context.build / "mediator")
        stack.callback(far.close)
        cat = Cat(stack, far)
        remote = Host(context, stack, "ssh", far.launcher).begin()
        local = Host(context, stack, "here", "").begin()
        everybody = remote, cat, local
        rtt = [[], [], []]
        bulk = [[], [], []]
        for _ in range(trips):
            for each, found in zip(everybody, rtt):
                found.append(each.round_trip())
        for _ in range(3):
            for each, found in zip(everybody, bulk):
                found.append(each.bulk(mib))
        charged = [[], []]
        for _ in range(kernels):
            for each, found in zip((remote, local), charged):
                found.append(each.compute())
    rtt, bulk, charged = [[statistics.median(found) for found in each]
                          for each in (rtt, bulk, charged)]
    added = rtt[0] - rtt[2]
    group = "a worker on another host"
    rows += [
        Row(group, "a request by ssh, there and back", rtt[0], "µs",
            "a worker here", rtt[2]),
        Row(group, "the difference", added, "µs", "1 KiB by ssh HOST cat",
            rtt[1], "remote_ssh_rtt_vs_raw"),
        Row(group, "bulk by ssh, there and back", bulk[0], "MiB/s",
            "ssh HOST cat", bulk[1], "remote_ssh_bulk_vs_raw"),
        Row(group, "bulk by ssh, there and back", bulk[0], "MiB/s",
            "a worker here", bulk[2]),
        Row(group, "device time of a kernel", charged[0], "µs",
            "a worker here", charged[1], "remote_device_time_vs_local")]
    summary.update(remote_ssh_rtt_vs_raw=added / rtt[1],
                   remote_ssh_bulk_vs_raw=bulk[0] / bulk[1],
                   remote_device_time_vs_local=charged[0] / charged[1])


def beginnings(context, rows, summary):
    """What a program waits for that has just begun"""
    with ExitStack() as stack:
        far = FarHost(context.scratch / "gpu2",
                      built=context.build / "mediator")
        stack.callback(far.close)
        spare, none = [
            Host(context, stack, f"spares{spares}", far.launcher, spares)
            for spares in (1, 0)]
        kept = spare.link.open()
        found = [[], []]
        for _ in range(2 if context.quick else 15):
            found[0].append(spare.beginning(kept))
            found[1].append(none.beginning(None))
    (first, both, warm), (_, unspared, _) = [
        map(statistics.median, zip(*times)) for times in found]
    group = "a worker on another host"
    rows += [
        Row(group, "a context's first request, with a spare", first, "µs",
            "one in a context that is there", warm),
        Row(group, "the context's opening and that", both, "µs",
            "one in a context that is there", warm,
            "remote_first_with_spare_vs_warm"),
        Row(group, "the context's opening and that", both, "µs",
            "without a spare", unspared, "remote_open_with_spare_vs_none")]
    summary.update(remote_first_with_spare_vs_warm=both / warm,
                   remote_open_with_spare_vs_none=both / unspared)


def by_slurm(context, rows, summary):
    times = [[], []]
    with ExitStack() as stack:
        cluster = Slurm(context.scratch / "slurm",
                        built=context.build / "mediator")
        stack.callback(cluster.close)
        host = Host(context, stack, "placed", cluster.launcher)
        host.begin().context.close()
        for _ in range(1 if context.quick else 5):
            start = time.perf_counter()
            opened = host.link.open()
            assert opened.ask(SYNCHRONIZE).status == 0
            times[0].append(time.perf_counter() - start)
            opened.close()
            start = time.perf_counter()
            # The gate looks at its options and says no: that is enough here.
            subprocess.run([*cluster.launcher.split(), "true"],
                           stderr=subprocess.DEVNULL)
            times[1].append(time.perf_counter() - start)
    start, raw = (statistics.median(found) * 1000 for found in times)
    rows.append(Row("a worker on another host",
                    "Slurm: from nothing to the first answer", start, "ms",
                    "salloc and ssh", raw, "remote_slurm_start"))
    summary["remote_slurm_start"] = start / raw


def run(context):
    if os.geteuid() != 0:
        raise Unavailable("only root can make network namespaces")
    rows = []
    summary = {}
    by_ssh(context, rows, summary)
    beginnings(context, rows, summary)
    by_slurm(context, rows, summary)
    return Result(rows, summary, [
        Target("remote_ssh_rtt_vs_raw", "<=", 1.3),
        Target("remote_ssh_bulk_vs_raw", ">=", 0.7),
        Target("remote_device_time_vs_local", "<=", 1.05),
        Target("remote_first_with_spare_vs_warm", "<=", 2),
        Target("remote_open_with_spare_vs_none", "<=", 0.5),
        Target("remote_slurm_start", "<=", 2)])
