# SPDX-License-Identifier: GPL-2.0-or-later
"""The checks of a GPU, from the folder that `make gpu-bundle` makes

With a GPU they say something about it; with the fake of its driver, that
the folder has all that they need. The folder runs them all at once, and each
is a test here.
"""
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import BUILD

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from check import checks
from runner import GROUPS, TOTAL_SECONDS

BUNDLE = BUILD / "gpu-bundle"
NAMES = [f"{group}.{function.__name__}" for group in GROUPS
         for function in checks(importlib.import_module(f"checks.{group}"))]


@pytest.fixture(scope="session")
def bundle():
    if not (BUNDLE / "run").is_file():
        raise pytest.UsageError(f"{BUNDLE} is missing: `make gpu-bundle`")
    return BUNDLE


def run(bundle, folder, *options):
    """{name: result} of all checks"""
    done = subprocess.run([bundle / "run", *options, folder], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=TOTAL_SECONDS + 60)
    print(done.stdout)
    results = json.loads((folder / "result.json").read_text())
    return {result["check"]: result for result in results["checks"]}


def judge(result):
    why = "\n".join([result["why"], *result["notes"]])
    if result["outcome"] == "not here":
        pytest.skip(why)
    assert result["outcome"] == "passed", why


@pytest.fixture(scope="session")
def trial(bundle, tmp_path_factory):
    return run(bundle, tmp_path_factory.mktemp("trial"), "--trial")


@pytest.mark.parametrize("name", NAMES)
def test_with_the_fake(name, trial):
    judge(trial[name])


@pytest.fixture(scope="session")
def no_gpu():
    """Why there is none; "" if there is one."""
    done = subprocess.run([BUILD / "gpu-direct", "info"], text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=60)
    return done.stderr.strip() if done.returncode else ""


@pytest.fixture(scope="session")
def gpu(no_gpu, bundle):
    if no_gpu:
        pytest.skip(f"no NVIDIA GPU here: {no_gpu}")
    # Where it stays, since its figures are worth reading.
    return run(bundle, BUILD / "check-gpu")


@pytest.mark.parametrize("name", NAMES)
def test_on_a_gpu(name, gpu):
    judge(gpu[name])
