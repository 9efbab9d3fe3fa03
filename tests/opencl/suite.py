# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of what runs a suite of OpenCL's tests.

Runs anywhere: it needs nothing but python3 and what the suite needs.
"""
import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

USAGE = """\
[--jobs N] [--list] FOLDER [NAME...]

Runs the tests of these names or all of them, on the first device of the first
platform. Prints a line for each, "RESULT SECONDS NAME", and for each part of a
test that does not pass as a whole "RESULT - NAME: PART".

With --list prints but the names of what passes, as native/ has them.
"""


def parse(arguments):
    parser = argparse.ArgumentParser(
        usage=f"%(prog)s {USAGE}", add_help=False)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=600)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true",
                        help="print what tests print that do not pass")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    return parser.parse_args(arguments)


def report(name, whole, parts, seconds):
    yield f"{whole} {seconds:.1f} {name}"
    if whole != "pass":
        for part, result in parts.items():
            yield f"{result} - {name}: {part}"


def timed(run, *arguments):
    begin = time.monotonic()
    return (*run(*arguments), time.monotonic() - begin)


def results(lines):
    """{name: result} of what such a program prints"""
    split = (line.split(" ", 2) for line in lines)
    return {parts[2]: parts[0] for parts in split if len(parts) == 3}


def main(commands, run, arguments):
    """The program: commands(folder) are {name: command}, and run(folder,
    command, seconds) returns the test's result, {part: result} and its output;
    a result is piglit's word, or crash, or timeout."""
    chosen = parse(arguments)
    folder = chosen.folder.resolve()
    known = commands(folder)
    unknown = set(chosen.names) - set(known)
    if unknown:
        sys.exit(f"{folder} has no test {', '.join(sorted(unknown))}")
    names = chosen.names or list(known)
    with ThreadPoolExecutor(chosen.jobs) as pool:
        ran = pool.map(lambda name: timed(run, folder, known[name],
                                          chosen.timeout), names)
        for name, (whole, parts, text, seconds) in zip(names, ran):
            for line in report(name, whole, parts, seconds):
                result, _, what = line.split(" ", 2)
                if not chosen.list:
                    print(line, flush=True)
                elif result == "pass":
                    print(what, flush=True)
            if chosen.verbose and whole != "pass":
                print(text, flush=True)
