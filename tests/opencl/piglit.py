#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""piglit.py [--jobs N] [--list] FOLDER [NAME...]

Runs piglit's OpenCL tests, those of FOLDER/tests/cl.xml.gz with these names or
all of them, on the first device of the first platform. Prints a line for each,
"RESULT SECONDS NAME", and for each part of a test that does not pass as a
whole "RESULT - NAME: PART"; a result is piglit's word, or crash, or timeout.

With --list prints but the names of what passes, as native.txt has them.
Runs anywhere: it needs nothing of piglit's framework.
"""
import argparse
import ast
import gzip
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


def timed(*arguments):
    begin = time.monotonic()
    return (*run(*arguments), time.monotonic() - begin)


def report(name, whole, parts, seconds):
    yield f"{whole} {seconds:.1f} {name}"
    if whole != "pass":
        for part, result in parts.items():
            yield f"{result} - {name}: {part}"


def parse(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=600)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true",
                        help="print what tests print that do not pass")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    return parser.parse_args(arguments)


def main(arguments):
    chosen = parse(arguments)
    folder = chosen.folder.resolve()
    known = commands(folder)
    unknown = set(chosen.names) - set(known)
    if unknown:
        sys.exit(f"piglit.py: {folder} has no test {', '.join(unknown)}")
    names = chosen.names or list(known)
    with ThreadPoolExecutor(chosen.jobs) as pool:
        ran = pool.map(lambda name: timed(folder, known[name], chosen.timeout),
                       names)
        for name, (whole, parts, text, seconds) in zip(names, ran):
            for line in report(name, whole, parts, seconds):
                result, _, what = line.split(" ", 2)
                if not chosen.list:
                    print(line, flush=True)
                elif result == "pass":
                    print(what, flush=True)
            if chosen.verbose and whole != "pass":
                print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
