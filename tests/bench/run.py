#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py [--quick] [--benches DIR] [--out DIR] [NAME…]

Runs the benches that are named, or all, and prints one table of what they
measured; --out, build/ by default, receives it as bench.json, in which each
bench is as soon as it is done, and as a picture, bench.svg and, for dark pages,
bench-dark.svg.

A bench is a module bench_NAME.py beside this file. It has

    MAKE = ["mediator"]             # goals of make that have to be there
    def run(context): …             # Context → Result, see result.py

and measures, in the same run, each value together with that of a peer: what
users have today, or the least that the machine needs for the same thing. Where
a figure of the summary has a target, the table says whether it is met. That
does not change the exit status: 0 when all benches ran, 1 when one broke; the
others have run then all the same. A bench may raise Unavailable.

With context.quick, only show that the bench works; its figures mean nothing.
"""
import argparse
import importlib.util
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# For the benches: what tests share, and what this folder's modules share.
sys.path[:0] = [str(HERE), str(HERE.parent)]

import report
from picture import save_picture
from result import Context, Result, Unavailable


def parse_args():
    usage, _, description = __doc__.partition("\n")
    parser = argparse.ArgumentParser(
        usage=usage, description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true",
                        help="only show that the benches work")
    parser.add_argument("--benches", type=Path, default=HERE, metavar="DIR",
                        help="where the bench_*.py are")
    parser.add_argument("--out", type=Path, default=ROOT / "build",
                        metavar="DIR")
    parser.add_argument("names", nargs="*", metavar="NAME")
    return parser.parse_args()


def find(folder, names):
    """{name: path} of the benches, in the order of their names."""
    there = {path.stem[len("bench_"):]: path
             for path in sorted(folder.glob("bench_*.py"))}
    for name in names:
        if name not in there:
            sys.exit(f"run.py: no bench '{name}'; there are: "
                     + " ".join(there))
    return {name: path for name, path in there.items()
            if not names or name in names}


def run(path, quick):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.MAKE:
        subprocess.run(["make", "--no-print-directory", "-C", ROOT,
                        *module.MAKE], check=True)
    with tempfile.TemporaryDirectory(prefix="vgpu-bench-") as scratch:
        return module.run(Context(ROOT, ROOT / "build", Path(scratch),
                                  quick))


def run_all(benches, quick, save):
    """The results together, and whether none broke. `save` receives those that
    there are, again and again."""
    whole = Result([], {}, [])
    good = True
    for name, path in benches.items():
        save(whole)
        print(f"bench {name} …", flush=True)
        try:
            result = run(path, quick)
        except Unavailable as reason:
            print(f"bench {name}: left out: {reason}")
            continue
        except Exception:
            traceback.print_exc()
            print(f"bench {name}: BROKEN", flush=True)
            good = False
            continue
        whole.rows += result.rows
        whole.summary.update(result.summary)
        whole.targets += result.targets
    save(whole)
    return whole, good


def main():
    args = parse_args()
    facts = report.machine()
    args.out.mkdir(parents=True, exist_ok=True)

    def save(result):
        report.save_json(result, facts, args.out / "bench.json")

    result, good = run_all(find(args.benches, args.names), args.quick, save)
    save_picture(result, facts, args.out / "bench.svg")
    print("\n" + ", ".join(f"{name} {value}" for name, value in facts.items()))
    print("\n" + report.table(result))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
