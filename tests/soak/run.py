#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py --seconds=S [--seed=N] [--out=DIR]

Lets loose on a mediator with sanitizers, and its workers, what a host has in a
year: devices that connect, ask, cancel, send garbage and vanish, programs that
use a queue and come and go, workers that are killed, configurations good and bad, the operator's orders. Says every ten
seconds what has happened, and in the end whether

  - every request had one answer, or was cancelled, or lost with its link;
  - two well-behaved VMs were served all the time as if they were alone;
  - the daemon ended when it was told to, without a sanitizer's report;
  - nothing of VMs that have gone was left: no worker, no descriptor.

Exit status: 0 when all of it is so, else 1. DIR, build/ by default, receives what
happened over time as soak.json and as a picture, soak.svg and, for dark pages,
soak-dark.svg. The seed chooses what happens, not
when; it is printed.
"""
import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from devices import Memory, RandomDevice, Steady
from queue_devices import RandomQueue
from support.mediatord import Mediatord
from support.paths import BUILD
from support.wait import PATIENCE, wait_for
from timeline import Timeline, memory_mib

SANITIZED = BUILD / "mediator-sanitizers"
RANDOM_VMS, DEVICES_PER_VM = 6, 2
QUEUE_VMS = 3                   # of them, those that have one with a queue, too


class Trouble:
    """What happens to the daemon itself."""

    def __init__(self, chance, folder, daemon, counters):
        self.chance, self.folder = chance, folder
        self.daemon, self.counters = daemon, counters

    def write_config(self):
        chance = self.chance
        (self.folder / "conf").write_text(
            f"[pool A]\nrunning={chance.randint(1, 8)}\n"
            f"workers={chance.randint(8, 64)}\nidle-s={chance.randint(1, 3)}\n"
            f"[vm]\nweight={chance.randint(1, 1000)}\nfaults=1000\n"
            f"[vm vm1]\nrate={chance.randint(1, 1000)}\nfaults=2\n"
            f"quarantine-s=1\n"
            f"[vm vm2]\nqueue={chance.randint(1, 8)}\n"
            f"deadline-ms={chance.randint(1, 1000)}\n")

    def reload(self):
        self.write_config()
        self.daemon.process.send_signal(signal.SIGHUP)

    def bad_reload(self):
        (self.folder / "conf").write_text(self.chance.choice(
            ["[vm]\nweight=0\n", "nonsense\n", "[pool C]\n", "\0"]))
        self.daemon.process.send_signal(signal.SIGHUP)

    def kill_worker(self):
        workers = self.daemon.workers()
        if workers:
            try:
                os.kill(self.chance.choice(list(workers)), signal.SIGKILL)
            except ProcessLookupError:
                pass            # It was leaving anyway.

    def order(self):
        vm = str(self.chance.randint(1, RANDOM_VMS))
        order = self.chance.choice([
            ["status"], ["vms"], ["queues", "--json"], ["release", vm],
            ["quarantine", vm, "1"], ["reload"], ["nonsense"],
            ["set", vm, "weight", str(self.chance.randint(0, 20000))]])
        subprocess.run([SANITIZED / "vgpu-ctl", "--socket",
                        self.folder / "own" / "admin", *order],
                       timeout=PATIENCE, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def step(self):
        what = self.chance.choice([self.reload, self.bad_reload,
                                   self.kill_worker, self.kill_worker,
                                   self.order, self.order])
        what()
        self.counters[what.__name__] += 1
        time.sleep(self.chance.uniform(0.02, 0.3))


class Soak:
    def __init__(self, seconds, seed, folder):
        self.seconds, self.folder = seconds, folder
        self.counters = Counter()
        self.timeline = Timeline()
        self.failures = []
        self.over = threading.Event()
        sockets = folder / "sockets"
        sockets.mkdir()
        (folder / "conf").write_text("")
        self.daemon = Mediatord(
            SANITIZED / "vgpu-mediatord", folder / "log",
            "--socket-dir", sockets, "--config", folder / "conf",
            "--admin-socket", folder / "own" / "admin", *self.user())
        wait_for((folder / "own" / "admin").exists, "admin socket")
        self.actors = [Trouble(random.Random(seed), folder, self.daemon,
                               self.counters),
                       Steady(sockets / "100-0.sock", self.counters),
                       Memory(sockets / "101-0.sock", self.counters)]
        self.actors += [
            RandomDevice(random.Random(seed + 100 * vm + number),
                         sockets / f"vm{vm}-{number}.sock", self.counters)
            for vm in range(1, RANDOM_VMS + 1)
            for number in range(DEVICES_PER_VM)]
        self.actors += [
            RandomQueue(random.Random(seed + 1000 * vm),
                        sockets / f"vm{vm}-{DEVICES_PER_VM}.sock",
                        self.counters)
            for vm in range(1, QUEUE_VMS + 1)]

    def user(self):
        """Options: as root, workers with uids of their own"""
        own, scratch = self.folder / "own", self.folder / "scratch"
        own.mkdir()
        if os.geteuid() != 0:
            return []
        # What is made from now on, the daemon's user may use.
        os.umask(0)
        self.folder.chmod(0o755)
        own.chmod(0o777)
        scratch.mkdir()
        scratch.chmod(0o711)
        return ["--user=nobody", "--scratch-dir", scratch]

    def live(self, actor):
        try:
            while not self.over.is_set():
                actor.step()
        except Exception:
            self.failures.append(f"{actor.__class__.__name__}: "
                                 + traceback.format_exc())
            self.over.set()

    def descriptors(self):
        """How many the daemon has; 0 where only root may look."""
        try:
            return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))
        except PermissionError:
            return 0

    def look(self):
        self.timeline.add(self.counters,
                          workers=len(self.daemon.workers()),
                          descriptors=self.descriptors(),
                          memory_mib=memory_mib(self.daemon.process.pid))

    def said(self):
        return ", ".join(f"{name} {count:,}"
                         for name, count in sorted(self.counters.items()))

    def run(self):
        before = self.descriptors()
        threads = [threading.Thread(target=self.live, args=(actor,))
                   for actor in self.actors]
        for thread in threads:
            thread.start()
        start = time.monotonic()
        self.look()
        while not self.over.wait(min(10, max(
                0, start + self.seconds - time.monotonic()))):
            passed = time.monotonic() - start
            self.look()
            print(f"{passed:4.0f} s: {self.said()}", flush=True)
            if passed >= self.seconds:
                self.over.set()
        for thread in threads:
            thread.join()
        self.check_end(before)

    def check_end(self, before):
        process = self.daemon.process
        for actor in self.actors[1:]:
            actor.leave()
        if process.poll() is not None:
            self.failures.append(f"the daemon died: {process.returncode}")
            return
        # What is in the folder is looked at every 5 s.
        try:
            wait_for(lambda: not self.daemon.workers(),
                     "end of the last worker")
            wait_for(lambda: self.descriptors() <= before,
                     "end of the last link")
            status = self.daemon.stop()
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            self.failures.append(str(failure))
            return
        if status != 0:
            self.failures.append(f"the daemon ended with status {status}")

    def verdict(self):
        log = (self.folder / "log").read_text(errors="replace")
        for mark in ("Sanitizer", "runtime error", "CRITICAL"):
            if mark in log:
                self.failures.append(f"the log has '{mark}'")
        if self.failures:
            print("\n".join(self.failures))
            print("--- the end of the log\n" + log[-6000:])
        print(f"soak: {'FAIL' if self.failures else 'PASS'}: {self.said()}")
        return 1 if self.failures else 0


def main():
    usage, _, description = __doc__.partition("\n")
    parser = argparse.ArgumentParser(
        usage=usage, description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 16))
    parser.add_argument("--out", type=Path, default=BUILD, metavar="DIR")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="vgpu-soak-") as folder:
        soak = Soak(args.seconds, args.seed, Path(folder))
        try:
            soak.run()
        finally:
            if soak.daemon.process.poll() is None:
                soak.daemon.process.kill()
                soak.daemon.process.wait()
        args.out.mkdir(parents=True, exist_ok=True)
        soak.timeline.save(args.out)
        return soak.verdict()


if __name__ == "__main__":
    sys.exit(main())
