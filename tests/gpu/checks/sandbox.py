# SPDX-License-Identifier: GPL-2.0-or-later
"""The worker's sandbox with the real driver: what it refuses, what it breaks"""
import collections
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

from check import NotHere, check, output
from support.accelerator import buffer, u32
from support.paths import BUILD
from vms import CUDA, host, new_workers, vm_limits

WORKER = BUILD / "mediator" / "vgpu-worker"
PROBE = (WORKER, "--backend=cuda", f"--kernels={BUILD}/kernels", "--probe")
UID = 1900000000

# "12 openat(…) = -1 EPERM (…)", "12 <... openat resumed>…) = 3"
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)")
FAILURE = re.compile(r"= -1 (E\w+)")
KILLED = re.compile(r"killed by SIGSYS")
# The C library asks for it, and has clone() instead.
EXPECTED = {("clone3", "ENOSYS")}
FILES = re.compile(r'"(/[^"]*)"')
OPENING = ("open", "openat", "openat2", "stat", "newfstatat", "access",
           "faccessat2", "readlink", "readlinkat", "statx", "execve")
# Bytes of a trace that are kept
KEPT = 4 << 20


@check()
def probe(here):
    """A worker tries the accelerator in its filter"""
    here.note(output(*PROBE).strip())


@check()
def probe_as_another(here):
    """The same, without any right"""
    if os.geteuid() != 0:
        raise NotHere("only root can take another uid")
    here.note(output(*PROBE, user=UID, group=UID, extra_groups=[],
                     cwd="/").strip())


@check()
def probe_without_files(here):
    """The same, with no file but those that it has open"""
    if os.geteuid() != 0:
        raise NotHere("only root has the right to chroot")
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        here.note(output(*PROBE, f"--root={root}").strip())


@check(60)
def serving(here):
    """A serving worker has filter, uid and limits, and computes"""
    with host(CUDA + vm_limits()) as running:
        one = running.vm("one")
        compute(one)
        pid, = new_workers(running)
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines()
                      if ":\t" in line)
        here.note("; ".join(f"{name} {fields.get(name, '?').strip()}"
                            for name in ("Uid", "Seccomp", "NoNewPrivs",
                                         "CapEff", "Threads")))
        limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.M), limits
    assert fields.get("Seccomp", "2").strip() == "2", status
    uid = int(fields["Uid"].split()[0])
    assert (uid >= UID) if running.own_uids else (uid == os.geteuid())


def compute(accelerator):
    """A kernel, which the driver compiles, and copies both ways"""
    memory = [accelerator.store(b"\0\0\x80?" * 100) for _ in range(2)]
    total = accelerator.alloc(400)
    accelerator.run("vector_add", *map(buffer, (*memory, total)), u32(100))
    assert accelerator.read(total, 400) == b"\0\0\0@" * 100


@contextmanager
def traced_worker(folder, *options):
    """The path of a program that is the worker, under strace"""
    strace = BUILD / "strace"
    if not strace.exists():
        raise NotHere("there is no strace")
    folder.chmod(0o777)
    wrapper = folder / "worker"
    wrapper.write_text(f'#!/bin/sh\nexec "{strace}" -f -s 200 '
                       f'{" ".join(options)} -o "{folder}/trace.$$" '
                       f'"{WORKER}" "$@"\n')
    wrapper.chmod(stat.S_IRUSR | 0o555)
    yield wrapper


def trace(here, name, *options):
    """Lines of each of its processes, after a worker's work"""
    folder = Path(tempfile.mkdtemp(prefix="vgpu-"))
    try:
        with traced_worker(folder, *options) as worker:
            try:
                with host(CUDA + vm_limits(), worker=worker) as running:
                    compute(running.vm("one"))
            finally:
                texts = [path.read_text(errors="replace")
                         for path in sorted(folder.glob("trace.*"))]
                (here.out / name).write_text("\n".join(texts)[-KEPT:])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [text.splitlines() for text in texts]


def filters(lines):
    """Where seccomp() is called"""
    return [at for at, line in enumerate(lines)
            if re.match(r"^\d+ +seccomp\(", line)]


def after_filter(lines):
    places = filters(lines)
    assert places, "a worker ended before its filter: see the .strace file"
    return lines[places[-1] + 1:]


def refused(lines):
    """{(call, errno): how often} after the filter was there"""
    found = collections.Counter()
    for line in after_filter(lines):
        call, failure = CALL.match(line), FAILURE.search(line)
        if KILLED.search(line):
            found["?", "SIGSYS"] += 1
        elif call and failure and failure.group(1) in ("EPERM", "ENOSYS"):
            found[call.group(1), failure.group(1)] += 1
    return found


@check(60)
def what_it_refuses(here):
    """Of what the driver asks for while it serves, nothing is refused"""
    every = collections.Counter()
    for lines in trace(here, "sandbox-refused.strace"):
        every.update(refused(lines))
    here.note("refused: " + (", ".join(
        f"{call} {errno} ({count})"
        for (call, errno), count in sorted(every.items())) or "nothing"))
    assert not set(every) - EXPECTED, sorted(set(every) - EXPECTED)


@check(60)
def what_it_would_like(here):
    """Without the filter: all calls and files after it would be there"""
    with_filter = trace(here, "sandbox-refused.strace")
    # The last of them would load it; those before ask what there is.
    last = len(filters(with_filter[0]))
    calls, files = collections.Counter(), set()
    for lines in trace(here, "sandbox-free.strace",
                       f"-e inject=seccomp:retval=0:when={last}+"):
        for line in after_filter(lines):
            call = CALL.match(line)
            if call:
                calls[call.group(1)] += 1
                if call.group(1) in OPENING:
                    files.update(FILES.findall(call.group(2)))
    here.note("calls: " + " ".join(sorted(calls)))
    here.note("files: " + (" ".join(sorted(files)) or "none"))
