# SPDX-License-Identifier: GPL-2.0-or-later
"""Hosts for workers elsewhere: vgpu-gate as a test's launcher finds it."""
from pathlib import Path

from support.paths import BUILD
from support.processes import children


def make_gate(folder, *options, built=BUILD / "mediator-sanitizers",
              worker=None):
    """A folder in which vgpu-gate is one with the programs that were built."""
    folder.mkdir(exist_ok=True)
    path = folder / "vgpu-gate"
    words = [built / "vgpu-gate", "--worker", worker or built / "vgpu-worker",
             "--starter", built / "vgpu-starter", "--kernels",
             BUILD / "kernels", *options]
    path.write_text("#!/bin/sh\nexec %s \"$@\"\n" % " ".join(
        f"'{word}'" for word in words))
    path.chmod(0o755)
    return folder


def local_launcher(folder, *options, **others):
    """A launcher that has workers started by a gate on this host"""
    gate = make_gate(folder, *options, **others)
    return f"env PATH={gate}:/usr/sbin:/usr/bin:/sbin:/bin"


def offspring(pid):
    """{pid: arguments} of all that it has started and what those have"""
    found = children(pid)
    for child in list(found):
        found.update(offspring(child))
    return found


def named(processes, program):
    """The pids of those that run the program"""
    return [pid for pid, arguments in processes.items()
            if Path(arguments[0]).name == program and
            "--probe" not in arguments]
