#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py --seconds=S [NAME…]

Runs the fuzzers that are named, or all, at the same time, from the corpora in
corpus/, and says every ten seconds how far they are. What they find on the way
stays in build/fuzz/corpus/ and is where the next run goes on; an input that
breaks something is kept in build/fuzz/, and a fix should bring it along, as a
part of corpus/.

Exit status: 0 when nothing broke, else 1.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FUZZ = ROOT / "build/fuzz"
NAMES = sorted(path.stem[len("fuzz-"):] for path in HERE.glob("fuzz-*.c"))

# Seconds and MiB that one input may take
TIMEOUT, MEMORY = 20, 2048


class Fuzzer:
    def __init__(self, name, seconds):
        self.name = name
        self.log_path = FUZZ / f"{name}.log"
        found = FUZZ / "corpus" / name
        found.mkdir(parents=True, exist_ok=True)
        dictionary = HERE / f"{name}.dict"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [FUZZ / name, f"-max_total_time={seconds}",
                 f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY}",
                 f"-artifact_prefix={FUZZ}/{name}-", "-print_final_stats=1",
                 *([f"-dict={dictionary}"] if dictionary.exists() else []),
                 found, HERE / "corpus" / name],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"})

    def progress(self):
        log = self.log_path.read_text(errors="replace")
        runs = re.findall(r"^(?:#|Done )(\d+)", log, re.M)
        edges = re.findall(r" cov: (\d+) ", log)
        return (f"{self.name} {int(runs[-1]) if runs else 0:,} inputs, "
                f"{edges[-1] if edges else 0} edges")

    def failure(self):
        """What broke: the end of the log. None when nothing did."""
        if self.process.returncode == 0:
            return None
        log = self.log_path.read_text(errors="replace")
        return f"--- {self.log_path}\n" + log[-4000:]


def main():
    usage, _, description = __doc__.partition("\n")
    parser = argparse.ArgumentParser(
        usage=usage, description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", default=NAMES)
    args = parser.parse_args()
    unknown = set(args.names) - set(NAMES)
    if unknown:
        sys.exit(f"run.py: no fuzzer '{unknown.pop()}'; there are: "
                 + " ".join(NAMES))

    fuzzers = [Fuzzer(name, args.seconds) for name in args.names]
    start = shown = time.monotonic()
    while any(fuzzer.process.poll() is None for fuzzer in fuzzers):
        time.sleep(0.2)
        if time.monotonic() - shown >= 10:
            shown = time.monotonic()
            print(f"{shown - start:4.0f} s: " + "; ".join(
                fuzzer.progress() for fuzzer in fuzzers), flush=True)
    failures = [fuzzer.failure() for fuzzer in fuzzers if fuzzer.failure()]
    print("\n".join(failures))
    print(f"fuzz: {'FAIL' if failures else 'PASS'}: "
          + "; ".join(fuzzer.progress() for fuzzer in fuzzers))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
