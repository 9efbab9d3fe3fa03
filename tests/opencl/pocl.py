#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pocl.py: runs PoCL's tests, which build-opencl-guest has compiled in FOLDER;
see suite.py."""
import os
import re
import subprocess
import sys

import suite

SKIPPED = 77

# They run the kernel that they are told; a name of its output tells how.
KERNEL, RUN_KERNEL = "tests/kernel/kernel", "tests/workgroup/run_kernel"
WORK_GROUP = re.compile(r"(.*)_(\d+)_(\d+)_(\d+)_(\d+)")


def programs(folder):
    """Those that are a test each"""
    for path in sorted(folder.glob("tests/*/*")):
        name = str(path.relative_to(folder))
        if not path.suffix and os.access(path, os.X_OK) and path.is_file() \
                and name not in (KERNEL, RUN_KERNEL):
            yield name.partition("/")[2], [name]


def kernels(folder):
    for path in sorted(folder.glob("tests/kernel/test_*.cl")):
        yield f"kernel/{path.stem}", [KERNEL, path.stem]


def work_groups(folder):
    for path in sorted(folder.glob("tests/workgroup/*.stdout")):
        match = WORK_GROUP.fullmatch(path.stem)
        if match:
            yield f"workgroup/{path.stem}", [
                RUN_KERNEL, f"{match[1]}.cl", *match.groups()[1:]]


def expected(folder, name):
    """What the test has to print, if that is known"""
    for ending in "_expout.txt", ".output", ".stdout":
        path = folder / "tests" / f"{name}{ending}"
        if path.exists():
            return path.read_text(errors="replace")
    return None


def commands(folder):
    """{name: (command, what it has to print)} of all tests"""
    found = {**dict(programs(folder)), **dict(kernels(folder)),
             **dict(work_groups(folder))}
    return {name: (command, expected(folder, name))
            for name, command in found.items()}


def is_as(said, wanted):
    """What kernels print has no order."""
    return wanted is None or \
        sorted(said.splitlines()) == sorted(wanted.splitlines())


def judge(status, said, wanted):
    if status < 0:
        return "crash"
    if status == SKIPPED:
        return "skip"
    good = status == 0 and "FAIL" not in said and is_as(said, wanted)
    return "pass" if good else "fail"


def run(folder, test, seconds):
    """As suite.py has it"""
    (program, *arguments), wanted = test
    try:
        ended = subprocess.run(
            [folder / program, *arguments], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "timeout", {}, ""
    said, complaints = (text.decode(errors="replace")
                        for text in (ended.stdout, ended.stderr))
    return judge(ended.returncode, said, wanted), {}, said + complaints


if __name__ == "__main__":
    suite.main(commands, run, sys.argv[1:])
