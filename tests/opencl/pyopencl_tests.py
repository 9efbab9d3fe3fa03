#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""pyopencl_tests.py: runs PyOpenCL's own tests, FOLDER/test_*.py, each file as
one; see suite.py. What differs in them are their parts, by pytest."""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import suite

# Results are compared with numpy's, which with AVX2 has tanh(x) = inf where QEMU 7.2
# emulates the processor.
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
               "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"}


def commands(folder):
    return {path.stem: path.name for path in sorted(folder.glob("test_*.py"))}


def name(case):
    """That of a test without the device's and the platform's, which pytest has in
    it"""
    name = re.sub(r"<context factory .*?>>", "device", case.get("name"))
    return re.sub(r"<pyopencl.Platform .*?>", "platform", name)


def result(case):
    children = {child.tag for child in case}
    for tag, word in ("error", "crash"), ("failure", "fail"), \
            ("skipped", "skip"):
        if tag in children:
            return word
    return "pass"


def whole(results):
    """That of all tests of a file"""
    if results <= {"pass"}:
        return "pass"
    return "skip" if results <= {"pass", "skip"} else "fail"


def run(folder, file, seconds):
    """As suite.py has it; the parts are the file's tests."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                 "-p", "no:xdist", f"--junitxml={report.name}",
                 f"--rootdir={folder}", folder / file], cwd=tempfile.gettempdir(),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=seconds,
                env=ENVIRONMENT)
        except subprocess.TimeoutExpired:
            return "timeout", {}, ""
        text = ended.stdout.decode(errors="replace")
        if ended.returncode not in (0, 1):
            return "crash", {}, text
        parts = {name(case): result(case)
                 for case in ElementTree.parse(report.name).iter("testcase")}
    return whole(set(parts.values())), parts, text


if __name__ == "__main__":
    suite.main(commands, run, sys.argv[1:])
