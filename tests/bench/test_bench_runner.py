# SPDX-License-Identifier: GPL-2.0-or-later
"""The bench runner, with benches of the test's own."""
import json
import re
import subprocess
from xml.etree import ElementTree

import pytest

from support.paths import ROOT

GOOD = """
from result import Result, Row, Target
MAKE = []
def run(context):
    assert context.scratch.is_dir() and not list(context.scratch.iterdir())
    assert context.root.joinpath("Makefile").is_file()
    return Result(
        [Row("speed", "requests", 150 if context.quick else 0, "requests/s",
             "echo", 100, "speed_ratio", (140, 160)),
         Row("speed", "round trip", 0.5, "ms", "echo", 2.0),
         Row("size", "idle VM", 123456, "bytes"),
         Row("speed, later", "round trip", 0.7, "s")],
        {"speed_ratio": 1.5, "size_ratio": 0.5},
        [Target("speed_ratio", ">=", 1.2), Target("size_ratio", "<=", 0.4)])
"""
BROKEN = "MAKE = []\ndef run(context):\n    raise ValueError('no, sorry')\n"
DEADLY = "import os\nMAKE = []\ndef run(context):\n    os._exit(3)\n"
ABSENT = """
from result import Unavailable
MAKE = []
def run(context):
    raise Unavailable("there is no GPU")
"""


@pytest.fixture
def bench(tmp_path):
    """bench(*names, **{name: source}): the runner's end and bench.json."""
    def run(*names, **sources):
        for name, source in sources.items():
            (tmp_path / f"bench_{name}.py").write_text(source)
        result = subprocess.run(
            ["/usr/bin/python3", ROOT / "tests/bench/run.py", "--quick",
             "--benches", tmp_path, "--out", tmp_path / "out", *names],
            timeout=60, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        path = tmp_path / "out/bench.json"
        return result, json.loads(path.read_text()) if path.exists() else None
    return run


def test_table_json_and_picture(bench, tmp_path):
    """A target that is missed is said, and changes nothing else."""
    result, saved = bench(good=GOOD)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("""
              value  unit        peer  its value  ratio

speed
requests        150  requests/s  echo        100    1.5
round trip      0.5  ms          echo          2   0.25

size
idle VM     123,456  bytes

speed, later
round trip      0.7  s

summary
speed_ratio  1.5  target >= 1.2: met
size_ratio   0.5  target <= 0.4: MISSED by 25 %
""")
    assert saved["summary"] == {"speed_ratio": 1.5, "size_ratio": 0.5}
    assert saved["rows"][1] == {
        "section": "speed", "name": "round trip", "value": 0.5, "unit": "ms",
        "peer": "echo", "peer_value": 2.0, "ratio": 0.25, "spread": None}
    assert saved["rows"][2]["ratio"] is None
    assert [target["met"] for target in saved["targets"]] == [True, False]
    assert saved["machine"]["cores"] >= 1

    for name in ("bench.svg", "bench-dark.svg"):
        svg = (tmp_path / "out" / name).read_text()
        text = list(ElementTree.fromstring(svg).itertext())
        for words in ("requests", "requests/s (more is better)",
                      "150", "echo: 100", "goal: \u2265 120",
                      "round trip", "ms (less is better)", "0.5", "echo: 2",
                      "idle VM", "bytes (less is better)", "123,456"):
            assert words in text, words
        # An area's figures stand together, wherever they were measured.
        assert text.count("speed") == 1
        # A browser has to fetch nothing for it.
        assert "src=" not in svg and "http://" not in re.sub(
            r'xmlns(:\w+)?="[^"]*"|<metadata>.*</metadata>|<!DOCTYPE.*?>', "",
            svg, flags=re.DOTALL)


def test_one_breaks(bench):
    result, saved = bench(broken=BROKEN, good=GOOD)
    assert result.returncode == 1
    assert "no, sorry" in result.stderr
    assert "bench broken: BROKEN" in result.stdout
    assert len(saved["rows"]) == 4


def test_the_runner_dies(bench):
    """What was measured before is there."""
    result, saved = bench(a=GOOD, b=DEADLY)
    assert result.returncode == 3
    assert saved["summary"] == {"speed_ratio": 1.5, "size_ratio": 0.5}


def test_one_is_not_for_this_machine(bench):
    result, saved = bench(absent=ABSENT)
    assert (result.returncode, result.stderr) == (0, "")
    assert "bench absent: left out: there is no GPU" in result.stdout
    assert (saved["rows"], saved["summary"]) == ([], {})


def test_selection(bench):
    result, saved = bench("good", good=GOOD, broken=BROKEN)
    assert result.returncode == 0
    assert len(saved["rows"]) == 4
    result, _ = bench("god", good=GOOD)
    assert result.returncode == 1
    assert result.stderr == \
        "run.py: no bench 'god'; there are: broken good\n"
