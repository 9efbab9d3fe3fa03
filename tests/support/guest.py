# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Linux guest that runs a shell script and whose output is compared."""
import os
import re
import shutil
import subprocess
from pathlib import Path

from support.paths import BUILD, ROOT


def link(path, number=0):
    """QEMU's arguments for a chardev that a device of the guest can name."""
    return ("-chardev",
            f"socket,id=l{number},path={path},server=on,wait=off")


def vgpu_stub(path, number=0, *properties):
    """QEMU's arguments for a device and its link."""
    return (*link(path, number), "-device",
            ",".join(("vgpu-stub", *properties, f"chardev=l{number}")))


def make_job(directory, script, programs):
    """What a guest is to run: the script, beside copies of the programs, which
    are paths under build/ or others."""
    directory.mkdir(exist_ok=True)
    for program in programs:
        shutil.copy(BUILD / program, directory)
    (directory / "run").write_text("#!/bin/sh\n" + script)
    (directory / "run").chmod(0o755)


def start(qemu_bin, directory, *qemu_args, timeout=300, guest="plain",
          kernel="6.1", kernel_args="", begin="pvh"):
    """Begin to boot a guest that runs the job, and is as run-guest knows it; the
    process of run-guest."""
    return subprocess.Popen(
        [ROOT / "scripts/run-guest", "--qemu", qemu_bin, "--timeout",
         str(timeout), "--guest", guest, "--kernel", kernel,
         "--kernel-args", kernel_args, "--start", begin, directory, "--", *map(str, qemu_args)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "BUILD": str(BUILD)})


def said(process, status=0):
    """What the guest has said when run-guest has ended, with that status"""
    stdout, stderr = process.communicate()
    assert process.returncode == status, stdout + stderr
    return stdout


def sections_of(text):
    """{section: lines}: the script begins one with `echo "== name"`."""
    parts = re.split(r"^== (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.splitlines() for part in parts[2::2])))


def boot(qemu_bin, directory, script, programs, *qemu_args, **options):
    """Boot a guest that runs the script beside the programs, as make_job() and
    start() have them. Returns its sections."""
    make_job(directory, script, programs)
    return sections_of(said(start(qemu_bin, directory, *qemu_args, **options)))


def numbers(text):
    """{word: number} of what a program says in turns: a word, its number"""
    words = text.split()
    return dict(zip(words[::2], map(float, words[1::2])))


def matches(lines, pattern):
    """Whether the pattern is found in one of the lines."""
    return any(re.search(pattern, line) for line in lines)


def python_files(statement):
    """python3 itself, and the files of all modules that the statement loads"""
    python = Path("/usr/bin/python3").resolve()
    listed = subprocess.run(
        [python, "-S", "-B", "-c", f"""
import sys
{statement}
print(*(module.__file__ for module in sys.modules.values()
        if getattr(module, "__file__", None)), sep="\\n")"""],
        check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return python, [Path(path) for path in listed]


def libraries(binaries):
    """The paths of the shared libraries that these need"""
    listed = subprocess.run(["ldd", *binaries], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return set(re.findall(r"/\S+", listed)) - {f"{path}:"
                                               for path in binaries}


def pack_python(directory, *modules):
    """Make the directory a PYTHONHOME with python3, these modules of the
    standard library and all that those need."""
    python, listed = python_files(f"import {', '.join(modules)}")
    binaries = [python, *(path for path in listed if path.suffix == ".so")]
    for path in listed:
        target = directory / path.relative_to("/usr")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (directory / "lib").mkdir(exist_ok=True)
    for path in libraries(binaries):
        shutil.copy(path, directory / "lib")
    shutil.copy(python, directory / "python3")
