#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""piglit.py: runs piglit's OpenCL tests, those of FOLDER/tests/cl.xml.gz; see
suite.py. It needs nothing of piglit's framework."""
import ast
import gzip
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import suite

PREFIX = "PIGLIT:"


def commands(folder):
    """{name: command} of all tests, in piglit's order"""
    with gzip.open(folder / "tests/cl.xml.gz") as listed:
        tests = ElementTree.parse(listed).getroot()
    found = {}
    for test in tests:
        values = {option.get("name"): ast.literal_eval(option.get("value"))
                  for option in test}
        program, *arguments = values.get("command") or (
            "cl-program-tester", values["filename"])
        # Those that share with OpenGL are not made.
        if (folder / "bin" / program).exists():
            found[test.get("name")] = [folder / "bin" / program, *arguments]
    return found


def results(output):
    """The test's result, None without one, and {part: result}"""
    whole, parts = None, {}
    for line in output.splitlines():
        if line.startswith(PREFIX):
            said = json.loads(line[len(PREFIX):])
            whole = said.get("result", whole)
            parts.update(said.get("subtest", {}))
    return whole, parts


def run(folder, command, seconds):
    """As results(), with the test's whole output"""
    libraries = {**os.environ, "LD_LIBRARY_PATH": str(folder / "lib")}
    try:
        ended = subprocess.run(
            command, cwd=folder, env=libraries, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        text = (late.stdout or b"").decode(errors="replace")
        return "timeout", results(text)[1], text
    text = ended.stdout.decode(errors="replace")
    whole, parts = results(text)
    if ended.returncode < 0 or whole is None:
        whole = "crash"
    return whole, parts, text


if __name__ == "__main__":
    suite.main(commands, run, sys.argv[1:])
