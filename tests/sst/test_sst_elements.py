# SPDX-License-Identifier: GPL-2.0-or-later
"""The elements for SST, which the distribution does not have."""
import csv
import re
import runpy
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from processes import child, expect_end, interrupted
from support.paths import BUILD, ROOT
from support.wait import wait_for

EXAMPLE = ROOT / "sst/elements/three-devices.py"
ONE_MEMORY = ROOT / "tests/sst/one-memory.py"
MANY_INTERRUPTS = ROOT / "tests/sst/many-interrupts.py"

needs_sst = pytest.mark.skipif(shutil.which("sst-config") is None,
                               reason="SST is not installed here")


def make(*args):
    return subprocess.run(["make", "--no-print-directory", *args], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300)


def test_what_is_missing():
    result = make("sst-elements", "SST_CONFIG=/no/such/sst-config")
    assert result.returncode == 2
    assert "/no/such/sst-config is not in PATH: install SST" in result.stdout


class Recorder:
    """In the place of SST's module for configurations: keeps what it is told.

    {component's name: (element, its parameters)}
    """

    def __init__(self):
        self.components = {}

    def Component(self, name, element):
        params = {}
        self.components[name] = (element, params)
        return SimpleNamespace(addParams=params.update)

    def Link(self, name):
        return SimpleNamespace(connect=lambda *ends: None)

    def setProgramOption(self, name, value):
        assert name == "stop-at"


def test_the_example_is_that_of_sst_sim(monkeypatch):
    """Each device has the same numbers in both configurations."""
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "sst", recorder)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "--firmware", "f"])
    runpy.run_path(str(EXAMPLE))

    text = (ROOT / "sst/simulator/sst-sim.conf").read_text()
    groups = {name: dict(re.findall(r"^([\w-]+)=(.*)$", body, re.MULTILINE))
              for name, body in re.findall(r"^\[(.*)\]\n([^\[]*)", text,
                                           re.MULTILINE)}
    _, cpu = recorder.components["cpu"]
    names = [name.split()[1] for name in groups if name.startswith("device ")]
    assert cpu["num_devices"] == len(names)
    for number, name in enumerate(names):
        group = groups[f"device {name}"]
        element, params = recorder.components[name]
        assert element.lower() == "qemubridge." + group["model"]
        assert params["clock"] == \
            groups[f"clock {group['clock']}"]["frequency"]
        for key in ("latency", "operation-latency"):
            assert params.get(key.replace("-", "_")) == \
                (int(group[key]) if key in group else None)
        assert cpu[f"device{number}_name"] == name
        assert cpu[f"device{number}_base"] == group["base"]
        assert cpu.get(f"device{number}_interrupt", 0) == \
            int(group.get("interrupt", 0))


@pytest.fixture(scope="module")
def elements():
    result = make("sst-elements")
    assert result.returncode == 0, result.stdout
    return BUILD / "sst-elements"


@pytest.fixture
def start_sst(elements, sst_qemu, tmp_path):
    """start_sst(configuration, firmware, **options): SST, that is running."""
    running = []

    def start(configuration, firmware, **options):
        options = {"qemu": sst_qemu, "firmware": firmware,
                   "socket": tmp_path / "socket", **options}
        sst = subprocess.Popen(
            ["sst", f"--add-lib-path={elements}", configuration, "--",
             *(f"--{name.replace('_', '-')}={value}"
               for name, value in options.items())],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        running.append(sst)
        return sst

    yield start
    for sst in running:
        sst.kill()
        sst.communicate()


@pytest.fixture
def run_sst(start_sst):
    """run_sst(…): its exit status, and what it has said at its end."""
    def run(*args, stopping=False, **options):
        sst = start_sst(*args, **options)
        if stopping:
            qemu = wait_for(lambda: child(sst.pid), "QEMU", 60)
            with interrupted(qemu):
                output, _ = sst.communicate(timeout=300)
        else:
            output, _ = sst.communicate(timeout=300)
        return sst.returncode, output
    return run


def read_statistics(path):
    """{device: {name of a statistic: its sum}}"""
    counted = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            counted.setdefault(row["StatisticSubId"], {})[
                row["StatisticName"]] = int(row["Sum.u64"])
    return counted


@needs_sst
@pytest.mark.parametrize("wire", ["guide", "acalsim"])
def test_firmware(run_sst, firmware, tmp_path, wire):
    """The firmware's tests pass, and SST has counted what it has."""
    path = tmp_path / "statistics.csv"
    status, output = run_sst(EXAMPLE, firmware("device-test"), format=wire,
                             statistics=path)
    assert status == 0, output
    assert len(re.findall(": ok$", output, re.MULTILINE)) == 9
    for number, (_, counted) in enumerate(sorted(
            read_statistics(path).items(),
            key=lambda item: ("echo0", "compute0", "memory0").index(item[0]))):
        assert ("device {}: {reads} reads, {writes} writes, {bytes} bytes\n"
                .format(number, **counted)) in output
        assert counted["mmio_reads"] == counted["reads"]
        assert counted["mmio_writes"] == counted["writes"]
        for parts, whole in ((("bytes_sent", "bytes_received"), "bytes"),
                             (("read_latency", "write_latency"), "latency")):
            assert 0 < counted[parts[0]] < counted[whole]
            assert sum(counted[part] for part in parts) == counted[whole]
    assert not list(tmp_path.glob("socket*"))


@needs_sst
@pytest.mark.parametrize("name", ["device-test", "interrupt-test"])
def test_the_hosts_time_does_not_matter(run_sst, firmware, tmp_path, name):
    """Whatever holds QEMU up, everything takes the same simulated time."""
    paths = [tmp_path / "undisturbed.csv", tmp_path / "disturbed.csv"]
    ends = []
    for path in paths:
        status, output = run_sst(EXAMPLE, firmware(name), statistics=path,
                                 stopping=path is paths[1])
        assert status == 0, output
        ends.append(re.search("simulated time: .*", output).group())
    assert ends[0] == ends[1]
    assert paths[0].read_text() == paths[1].read_text()


WALK = """
    SstDevice memory = sst_device(0);

    for (unsigned at = 0; at < 8192; at += 512) {
        sst_write(&memory, at + 504, 8, 0x100000001 * at);
        sst_write(&memory, at + 500, 1, at >> 8);
    }
    for (unsigned at = 0; at < 8192; at += 512) {
        if (sst_read(&memory, at + 504, 8) != 0x100000001 * at ||
            sst_read(&memory, at + 500, 4) != at >> 8) {
            return 1;
        }
    }
    return board_probe(memory.base + 8192) ? 2 : 0;"""


@needs_sst
def test_sizes(run_sst, compile_program):
    status, output = run_sst(ONE_MEMORY, compile_program(WALK))
    assert status == 0, output


def has_memhierarchy():
    return shutil.which("sst-info") is not None and "MemController" in \
        subprocess.run(["sst-info", "memHierarchy"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True).stdout


@pytest.mark.skipif(not has_memhierarchy(),
                    reason="SST's memHierarchy is not installed here")
def test_a_memory_of_memhierarchy(run_sst, compile_program):
    """Its latency is what software's accesses take."""
    status, output = run_sst(ROOT / "sst/elements/standard-memory.py",
                             compile_program(WALK))
    assert status == 0, output
    end, unit = re.search(r"simulated time: ([\d.]+) (\w+)", output).groups()
    assert unit == "us" and float(end) > 0.1 * 64


SLEEP = '__asm__ volatile("1: wfi\\nj 1b"); return 0;'
LOOP = "for (;;) { } return 0;"


@needs_sst
def test_a_processor_that_waits_lets_time_pass(run_sst, compile_program):
    """Hours of it, at once; until the end that the configuration names."""
    program = compile_program(SLEEP)
    status, output = run_sst(ONE_MEMORY, program, stop_at="3600s",
                             max_idle="7200s")
    assert status == 0, output
    assert "simulated time: 3600 s" in output or "3.6 Ks" in output, output

    status, output = run_sst(ONE_MEMORY, program, max_idle="3ms")
    assert status == 1, output
    assert "has waited for an interrupt for max_idle, 3000000 ns" in output


@needs_sst
@pytest.mark.parametrize("name, value, words", (
    *(("max_idle", value, f"max_idle is '{value}', must be a time from 1ns to "
                          "10000000s")
      for value in ("", "0s", "-1s", "0.1ns", "5", "5Hz", "18446745s")),
    ("silence_limit", "-1", "silence_limit is -1, must be from 0 to 4294967295 "
                            "seconds"),
    ("silence_limit", "4294967296", "must be from 0 to 4294967295 seconds"),
    ("silence_limit", "nan", "silence_limit is nan, must be from"),
))
def test_limits_that_are_none(run_sst, compile_program, name, value, words):
    status, output = run_sst(ONE_MEMORY, compile_program("return 0;"),
                             **{name: value})
    assert status == 1, output
    assert words in output


@needs_sst
def test_a_timer_of_the_boards_ends_a_wait(run_sst, compile_program):
    """The time that software has slept is simulated time."""
    program = compile_program("""
        volatile uint32_t *mtimecmp = (volatile uint32_t *)0x02004000;
        uint64_t until = board_time() + 10 * BOARD_MTIME_HZ / 1000;

        mtimecmp[1] = until >> 32;
        mtimecmp[0] = until;
        __asm__ volatile("csrs mie, %0\\nwfi" : : "r"(0x80));
        return board_time() < until;""")
    status, output = run_sst(ONE_MEMORY, program, max_idle="3600s")
    assert status == 0, output
    end, unit = re.search(r"simulated time: ([\d.]+) (\w+)", output).groups()
    assert unit == "ms" and 0 < float(end) <= 10


@needs_sst
def test_software_that_only_calculates(run_sst, compile_program, tmp_path):
    status, output = run_sst(ONE_MEMORY, compile_program(LOOP),
                             silence_limit=0.5)
    assert status == 1, output
    assert "no access in 0.5 s, which is silence_limit" in output
    assert not list(tmp_path.glob("socket*"))


@needs_sst
@pytest.mark.parametrize("body", [SLEEP, LOOP])
def test_qemu_dies_with_sst(start_sst, compile_program, tmp_path, body):
    """Also when that is killed; and nothing is left."""
    sst = start_sst(ONE_MEMORY, compile_program(body), max_idle="1000000s")
    qemu = wait_for(lambda: child(sst.pid), "QEMU", 60)
    wait_for(lambda: not list(tmp_path.glob("socket*")), "connection", 60)
    expect_end(qemu, sst.kill)
    assert not list(tmp_path.glob("socket*"))


@needs_sst
def test_more_interrupts_than_qemu_reads(run_sst, compile_program):
    """The connection stays, and the next access has its answer."""
    status, output = run_sst(MANY_INTERRUPTS, compile_program("""
        SstDevice echo = sst_device(0);
        SstDevice memory = sst_device(1);

        sst_set(&echo, SST_DEVICE_REG_CONTROL, SST_DEVICE_CONTROL_INTERRUPT);
        sst_set(&echo, SST_DEVICE_REG_DATA_IN, 1);
        return sst_get(&memory, 0) != 0 ||
               sst_get(&echo, SST_DEVICE_REG_DATA_IN) != 1;"""))
    assert status == 0, output
