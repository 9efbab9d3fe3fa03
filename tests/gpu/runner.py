# SPDX-License-Identifier: GPL-2.0-or-later
"""run [--trial] OUT [GROUP...]

Checks what only a GPU can show, and writes to OUT what comes of it: result.json
and checks.log, both as soon as each check ends, so that nothing is lost when
the machine goes. Without a GROUP all of them run, in this order:
    {groups}
--trial takes the fake of NVIDIA's driver, to try the folder itself.

A line of each check is printed as it ends: passed, FAILED, or "not here" with
what the machine lacks. Exit status: 0 if none failed, 1 if one did, 2 if the
command line is wrong.
"""
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "gpu")]

from check import Here, NotHere, checks

# What is likely to break comes first.
GROUPS = ("machine", "sandbox", "kernels", "programs", "memory", "deadline",
          "chain", "share", "opencl", "figures")

# For all of them
TOTAL_SECONDS = 350


def write_results(out, results):
    """At once, so that the file is whole at any time"""
    part = out / "result.json.part"
    part.write_text(json.dumps(results, indent=1) + "\n")
    part.replace(out / "result.json")


def child(function, here, log, answer):
    """Run the check; what comes of it goes into the file `answer`."""
    os.setsid()
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = open(1, "w", buffering=1, closefd=False)
    outcome, why = "passed", ""
    try:
        function(here)
    except NotHere as error:
        outcome, why = "not here", str(error)
    except BaseException as error:
        traceback.print_exc()
        outcome = "failed"
        why = f"{type(error).__name__}: {error}".strip()
    with open(answer, "w", closefd=False) as file:
        json.dump({"outcome": outcome, "why": why, "notes": here.notes,
                   "figures": here.figures}, file)


def end_group(leader):
    """Of what the check has started, whatever still runs"""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def ended(pid, deadline):
    """Wait; False when the time is over."""
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)    # if it has no group yet
            end_group(pid)
            os.waitpid(pid, 0)
            return False
        time.sleep(0.02)
    end_group(pid)
    return True


def run_check(function, here, log, seconds):
    """{"outcome": …} of a process of its own"""
    if seconds <= 0:
        return failure("no time is left for it")
    with tempfile.TemporaryFile() as answer:
        pid = os.fork()
        if pid == 0:
            child(function, here, log.fileno(), answer.fileno())
            os._exit(0)
        if not ended(pid, time.monotonic() + seconds):
            return failure(f"not done in {seconds:.0f} s")
        answer.seek(0)
        text = answer.read()
    return json.loads(text) if text else failure("ended without a result")


def failure(why):
    return {"outcome": "failed", "why": why, "notes": [], "figures": []}


def show(name, result):
    mark = "FAILED" if result["outcome"] == "failed" else result["outcome"]
    why = result["why"].partition("\n")[0]
    print(f"{mark:8} {result['seconds']:5.1f} s  {name}"
          f"{': ' if why else ''}{why}", flush=True)
    for note in result["notes"]:
        print(f"{'':18}{note}", flush=True)
    for figure in result["figures"]:
        direct = figure["direct"]
        beside = "" if direct is None else f" (directly {direct:.6g})"
        print(f"{'':18}{figure['name']}: {figure['value']:.6g} "
              f"{figure['unit']}{beside}", flush=True)


def run(groups, trial, out):
    """The results, of which each is written as soon as it is there."""
    end = time.monotonic() + TOTAL_SECONDS
    results = {"trial": trial, "begun": time.strftime("%F %T %z"),
               "checks": []}
    with open(out / "checks.log", "a") as log:
        for group in groups:
            for function in checks(importlib.import_module(
                    f"checks.{group}")):
                name = f"{group}.{function.__name__}"
                print(f"\n=== {name}: {function.__doc__}", file=log,
                      flush=True)
                start = time.monotonic()
                result = run_check(function, Here(trial, out), log,
                                   min(function.seconds, end - start))
                result = {"check": name, "about": function.__doc__,
                          "seconds": round(time.monotonic() - start, 2),
                          **result}
                results["checks"].append(result)
                write_results(out, results)
                show(name, result)
    return results


def main(arguments):
    trial = arguments[:1] == ["--trial"]
    names = arguments[trial:]
    groups = names[1:] or GROUPS
    if not names or names[0].startswith("-") or set(groups) - set(GROUPS):
        print(__doc__.format(groups=" ".join(GROUPS)), end="",
              file=sys.stderr)
        return 2
    os.umask(0o022)         # workers have other users and read files
    out = Path(names[0])
    out.mkdir(parents=True, exist_ok=True)
    results = run(groups, trial, out)
    outcomes = [result["outcome"] for result in results["checks"]]
    print(", ".join(f"{outcomes.count(kind)} {kind}"
                    for kind in ("passed", "failed", "not here")) +
          (" (with the fake: this proves nothing about a GPU)"
           if trial else ""))
    return 1 if "failed" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
