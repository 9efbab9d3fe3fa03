# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs the checks of a GPU: nothing that one of them does stops it."""
import os
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import runner
from check import Here, NotHere, check
from checks import sandbox
from support.processes import wait_gone
from support.wait import wait_for


@pytest.fixture
def run_check(tmp_path):
    def run(function, seconds=20):
        with open(tmp_path / "log", "a") as log:
            return runner.run_check(function, Here(True, tmp_path), log,
                                    seconds)
    return run


def test_what_a_check_says_is_kept(run_check, tmp_path):
    def good(here):
        here.note("seen")
        here.figure("speed", 3, "MiB/s", direct=4)
    assert run_check(good) == {
        "outcome": "passed", "why": "", "notes": ["seen"],
        "figures": [{"name": "speed", "value": 3, "unit": "MiB/s",
                     "direct": 4}]}
    assert "seen\n" in (tmp_path / "log").read_text()


def test_a_failure_has_its_reason(run_check, tmp_path):
    def wrong(here):
        here.note("before")
        raise AssertionError("the sum is 3")
    result = run_check(wrong)
    assert (result["outcome"], result["why"]) == \
        ("failed", "AssertionError: the sum is 3")
    assert result["notes"] == ["before"]
    assert "Traceback" in (tmp_path / "log").read_text()


def test_what_is_missing_is_no_success(run_check):
    def absent(here):
        raise NotHere("no GPU")
    result = run_check(absent)
    assert (result["outcome"], result["why"]) == ("not here", "no GPU")


def test_a_crash_is_a_failure(run_check):
    result = run_check(lambda here: os.kill(os.getpid(), 9))
    assert (result["outcome"], result["why"]) == \
        ("failed", "ended without a result")


def test_a_check_that_hangs_is_ended_with_what_it_started(run_check, tmp_path):
    path = tmp_path / "pid"

    def hang(here):
        child = subprocess.Popen(["sleep", "600"])
        path.write_text(str(child.pid))
        time.sleep(600)

    def hung():
        """What it has started, if it got so far in its time"""
        result = run_check(hang, 1)
        assert (result["outcome"], result["why"]) == \
            ("failed", "not done in 1 s")
        return path.exists() and path.read_text()

    wait_gone(int(wait_for(hung, "check that has started something")))


def test_a_check_is_ended_before_it_begins(run_check, monkeypatch):
    """When it is in no group of its own yet"""
    monkeypatch.setattr(os, "setsid", lambda: time.sleep(600))
    result = run_check(lambda here: None, 1)
    assert (result["outcome"], result["why"]) == ("failed", "not done in 1 s")


def test_when_the_time_is_over_nothing_runs(run_check):
    result = run_check(lambda here: None, 0)
    assert (result["outcome"], result["why"]) == \
        ("failed", "no time is left for it")


def test_results_are_there_as_each_check_ends(monkeypatch, tmp_path, capsys):
    """And those after a failure run."""
    module = types.ModuleType("checks.own")

    @check()
    def wrong(here):
        """fails"""
        raise AssertionError("why")

    @check()
    def right(here):
        """has the result of the one before"""
        assert '"AssertionError: why"' in (here.out / "result.json").read_text()

    for function in wrong, right:
        function.__module__ = module.__name__
        setattr(module, function.__name__, function)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(runner, "GROUPS", ("own",))
    assert runner.main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "FAILED" in shown and "own.wrong: AssertionError: why" in shown
    assert shown.endswith("1 passed, 1 failed, 0 not here\n")


TRACE = """\
12    seccomp(SECCOMP_SET_MODE_STRICT, 0x1, NULL) = -1 EINVAL (Invalid argument)
12    setpriority(PRIO_PROCESS, 0, 5) = -1 EPERM (Operation not permitted)
12    seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {len=9}) = 0
12    socket(AF_UNIX, SOCK_STREAM, 0) = -1 EPERM (Operation not permitted)
13    clone3({flags=CLONE_VM} <unfinished ...>
12    openat(AT_FDCWD, "/dev/none", O_RDWR) = -1 ENOENT (No such file)
13    <... clone3 resumed>)             = -1 ENOSYS (Function not implemented)
12    +++ killed by SIGSYS +++
"""


def test_what_a_trace_says_was_refused():
    """Since the filter was there, and no other failure"""
    assert sandbox.refused(TRACE.splitlines()) == {
        ("socket", "EPERM"): 1, ("clone3", "ENOSYS"): 1, ("?", "SIGSYS"): 1}


def test_a_trace_without_a_filter_is_no_success():
    with pytest.raises(AssertionError, match="before its filter"):
        sandbox.refused(TRACE.splitlines()[:2][1:])


@pytest.mark.parametrize("arguments", [[], ["--trial"], ["--help"],
                                       ["out", "nothing"], ["--tryal", "out"]])
def test_a_wrong_command_line_runs_nothing(arguments, monkeypatch, tmp_path,
                                           capsys):
    monkeypatch.chdir(tmp_path)
    assert runner.main(arguments) == 2
    assert "machine sandbox kernels" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
