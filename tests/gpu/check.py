# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check is, and what it has to say of the machine."""
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from support.paths import BUILD

SECONDS = 40


class NotHere(Exception):
    """This machine lacks what is to be checked; str() says what."""


def check(seconds=SECONDS):
    """A check of its module, which is stopped after so many seconds."""
    def mark(function):
        function.seconds = seconds
        return function
    return mark


def checks(module):
    """Those of a module, in their order."""
    return [item for item in vars(module).values()
            if hasattr(item, "seconds") and item.__module__ == module.__name__]


@dataclass
class Here:
    """Where a check runs, and where it puts what it finds out.

    `trial`: there is no GPU but its fake, which is as slow as the CPU: the
    sizes are small, and what depends on times is told, not judged.
    """
    trial: bool
    out: Path                   # files that are kept
    notes: list = field(default_factory=list)
    figures: list = field(default_factory=list)

    def size(self, real, trial):
        return trial if self.trial else real

    def note(self, text):
        print(text, flush=True)
        self.notes.append(text)

    def figure(self, name, value, unit, direct=None):
        """`direct`: the same work done with the driver alone."""
        beside = "" if direct is None else f", directly {direct:.6g}"
        print(f"{name}: {value:.6g} {unit}{beside}", flush=True)
        self.figures.append({"name": name, "value": value, "unit": unit,
                             "direct": direct})

    def judge(self, good, what):
        """For what depends on times."""
        if self.trial:
            self.note(f"not judged in a trial: {what}: {bool(good)}")
        else:
            assert good, what

    def direct(self, *arguments):
        """{name: text} that gpu-direct prints, in an environment like a
        worker's."""
        text = output(BUILD / "gpu-direct", *arguments)
        return dict(line.split(" ", 1) for line in text.splitlines())


def output(*command, seconds=60, **options):
    """What the command prints; AssertionError with all of it if it fails."""
    done = subprocess.run([str(part) for part in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace", timeout=seconds, **options)
    assert done.returncode == 0, \
        f"{command[0]} ended with {done.returncode}: {done.stdout}"
    return done.stdout


def host_environment():
    """That of the machine's own programs, without the folder's libraries."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("PYTHON")}
    paths = environment.pop("LD_LIBRARY_PATH", "").split(":")
    paths = [path for path in paths if not path.startswith(str(BUILD.parent))]
    if paths:
        environment["LD_LIBRARY_PATH"] = ":".join(paths)
    return environment


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, len(values) * percent // 100)]


def median(values):
    return percentile(values, 50)
