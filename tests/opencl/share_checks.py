# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests at weights 1:3 that all want the device: what each gets of it.

A part of check-opencl. Their processors are emulated by the host's, which
computes as well, so that a program's work is counted, and the device time that
the mediator charges its VM, in the time in which all programs are at work.
"""
import json
import re
import subprocess
import time

import pytest

import debian_programs as programs
from opencl_checks import GUEST_SECONDS, OUT
from support.guest import vgpu_stub
from support.mediatord import Host
from support.opencl_guest import LARGE, Listener, start_opencl
from support.paths import BUILD

WEIGHTS = {"one": 100, "three": 300}
SECONDS = 180
LEAST = 60                      # of them, with all programs at work

# Whirlpool, which no password of these has: kernels of about a second. The pauses
# between them are the emulated processor's, and longer than what a turn waits
# where a kernel takes a tenth of that, as MD5's do.
HASHCAT = "hashcat --potfile-disable --force -D 1,2 -n 512 -u 1024 -a 3 -m 6100 " \
    f"--status --status-json --status-timer=1 --runtime={SECONDS} {'0' * 128} " \
    "?a?a?a?a?a?a?a?a"
BUSY = f"PYOPENCL_CTX=0 python3 /job/busy.py {SECONDS}"


class Vms:
    """What the mediator has charged each VM, all the time"""

    def __init__(self, admin):
        self.command = [BUILD / "mediator/vgpu-ctl", "--socket", admin,
                        "vms", "--json"]
        self.samples = {name: [] for name in WEIGHTS}

    def sample(self):
        listed = subprocess.run(self.command, check=True,
                                stdout=subprocess.PIPE).stdout
        for vm in json.loads(listed):
            self.samples[vm["vm"]].append((time.monotonic(), vm["device_us"]))


def at(samples, moment):
    """What a count was that only grows, of which there are [(time, count)]"""
    for (begin, low), (end, high) in zip(samples, samples[1:]):
        if begin <= moment <= end:
            return low + (high - low) * (moment - begin) / (end - begin)
    raise AssertionError(f"no count at {moment}")


def run(qemu_bin, folder, name, commands, files=()):
    """Guests of these names run their commands, together. Returns of each the
    lines with their times, and the samples of its VM."""
    config = LARGE + "".join(f"[vm {vm}]\nweight={weight}\n"
                             for vm, weight in WEIGHTS.items())
    vms = Vms(folder / "admin")
    with Host(folder, "--admin-socket", folder / "admin",
              config=config) as host:
        guests = {vm: Listener(
            start_opencl(qemu_bin, folder / vm,
                         f'echo "== load"; as_user "{command}"\n', files,
                         *vgpu_stub(host.sockets / f"{vm}-0.sock"),
                         timeout=GUEST_SECONDS),
            OUT / f"share-{name}-{vm}.log")
            for vm, command in commands.items()}
        while any(guest.is_alive() for guest in guests.values()):
            vms.sample()
            time.sleep(1)
        for guest in guests.values():
            guest.sections()
    return {vm: (guest.lines, vms.samples[vm])
            for vm, guest in guests.items()}


def counts(lines, pattern):
    """{word: [(time, count)]} of the lines that match, which have the count, and
    before it the word if several programs say theirs"""
    found = {}
    for moment, line in lines:
        match = re.search(pattern, line)
        if match:
            *word, count = match.groups()
            found.setdefault(tuple(word), []).append((moment, int(count)))
    return found


def shares(programs_of, samples_of):
    """Of the VM with the weight 3, while all programs are at work: its share of
    the work, and of the device time"""
    all_programs = [counted for parts in programs_of.values()
                    for counted in parts]
    begin = max(next(moment for moment, count in counted if count > 0)
                for counted in all_programs)
    end = min(counted[-1][0]
              for counted in (*all_programs, *samples_of.values()))
    assert end - begin >= LEAST, f"only {end - begin} s"

    def grown(counted):
        return at(counted, end) - at(counted, begin)

    work = {vm: sum(map(grown, parts)) for vm, parts in programs_of.items()}
    used = {vm: grown(samples) for vm, samples in samples_of.items()}
    busy = sum(used.values()) / (end - begin) / 1e6
    print(f"{end - begin:.0f} s; work: {work}; µs: {used}; "
          f"{busy:.0%} of the time")
    return [part["three"] / sum(part.values()) for part in (work, used)]


def test_hashcat_at_weights(any_qemu_bin, tmp_path):
    """Hashes per second are 1:3, within 10 %."""
    ran = run(any_qemu_bin, tmp_path, "hashcat",
              dict.fromkeys(WEIGHTS, HASHCAT))
    work, used = shares(
        {vm: counts(lines, r'"progress": \[(\d+),').values()
         for vm, (lines, _) in ran.items()},
        {vm: samples for vm, (_, samples) in ran.items()})
    print(f"of the hashes {work:.1%}, of the device time {used:.1%}")
    assert work / (1 - work) == pytest.approx(3, rel=0.1)


def test_busy_programs_at_weights(any_qemu_bin, tmp_path):
    """Device time is the VMs', whose weights are 1:3, however many programs
    each has: within 5 %."""
    two = " & ".join(f"{BUSY} | sed -u s/^/{number}/" for number in (1, 2))
    ran = run(any_qemu_bin, tmp_path, "busy",
              {"one": f"({two}; wait)", "three": BUSY},
              [programs.HERE / "busy.py"])
    programs_of = {vm: counts(lines, r"^(\d?)kernels: (\d+)")
                   for vm, (lines, _) in ran.items()}
    assert [len(parts) for parts in programs_of.values()] == [2, 1]
    work, used = shares(
        {vm: parts.values() for vm, parts in programs_of.items()},
        {vm: samples for vm, (_, samples) in ran.items()})
    print(f"of the kernels {work:.1%}, of the device time {used:.1%}")
    assert used == pytest.approx(3 / 4, rel=0.05)
