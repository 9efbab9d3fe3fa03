# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that use OpenCL, whole: check-opencl.

What passes natively, as native/ has it, has to pass on the guest's driver; what
differs is in differences/, each with its reason. All runs twice: by the direct
transport, and in a guest of its own, whose processor is slow here.

What was printed is in build/check-opencl.
"""
import hashlib
import re
import subprocess
import sys

import pytest

import debian_programs as programs
import suite
from direct import LIBRARY, PROGRAMS, Direct
from support.guest import matches, vgpu_stub
from support.mediatord import Host
from support.opencl_guest import LARGE, Listener, start_opencl
from support.paths import BUILD

OUT = BUILD / "check-opencl"
SUITES = {"piglit": "piglit.py", "pocl": "pocl.py",
          "pyopencl": "pyopencl_tests.py"}

# {part: (suite, what of it)}
PARTS = {
    "piglit-api": ("piglit", r"(api|custom|program)@(?!execute@).*"),
    "piglit-builtin": ("piglit", r"program@execute@builtin@.*"),
    "piglit-memory": ("piglit", r"program@execute@v?(load|store)@.*"),
    "piglit-execute": ("piglit", r"program@execute@[^@]*"),
    "pocl": ("pocl", ".*"),
    "pyopencl": ("pyopencl", ".*"),
}

# A guest's processor may be shared with much else.
GUEST_SECONDS = 4 * 3600


# --- Suites ---

def passing(name):
    """What has to pass of the suite, and what may not, with the reasons"""
    native = (programs.HERE / f"native/{name}.txt").read_text().splitlines()
    path = programs.HERE / f"differences/{name}.txt"
    differ = dict(line.split("  # ", 1)
                  for line in path.read_text().splitlines()
                  if not line.startswith("#"))
    assert set(differ) <= set(native), \
        f"{path} has what does not pass natively"
    return set(native) - set(differ), set(differ)


def whole(name):
    """The test that this is, or is a part of. Piglit has one with a colon."""
    part = re.match(r"(\w+): ", name)
    return part[1] if part else name


def of_part(part, names):
    """Those of the suite's names that belong to this part"""
    pattern = PARTS[part][1]
    return {name for name in names if re.fullmatch(pattern, whole(name))}


def runner(part):
    """The program that runs this part's suite, and its tests"""
    name = PARTS[part][0]
    tests = {whole(test) for some in passing(name)
             for test in of_part(part, some)}
    return SUITES[name], sorted(tests)


def judge(part, lines):
    name = PARTS[part][0]
    wanted, differ = (of_part(part, names) for names in passing(name))
    passed = {test for test, result in suite.results(lines).items()
              if result == "pass"}
    assert not wanted - passed, "\n".join((*sorted(wanted - passed), *lines))
    assert not differ & passed, f"differences/{name}.txt has what passes"


def test_each_test_is_in_a_part():
    for name in SUITES:
        parts = [runner(part)[1] for part in PARTS if PARTS[part][0] == name]
        assert sorted(sum(parts, [])) == sorted(
            {whole(test) for some in passing(name) for test in some})


# --- Programs ---

# For hashcat: its number of an algorithm, and what has that digest
PASSWORD = "vgpu"
DIGESTS = {"md5": 0, "sha256": 1400}


def hashcat(algorithm):
    digest = hashlib.new(algorithm, PASSWORD.encode()).hexdigest()
    return "hashcat --quiet -D 1,2 --potfile-disable -a 3 " \
           f"-m {DIGESTS[algorithm]} {digest} ?l?l?l?l"


def judge_hashcat(lines):
    assert matches(lines, f"^[0-9a-f]+:{PASSWORD}$"), "\n".join(lines)


def judge_clblast(lines):
    """Products of matrices, against those of the processor"""
    rates = [re.search(r"(\d+) passed .* (\d+) failed", line)
             for line in lines if "Pass rate" in line]
    assert rates and all(int(rate[1]) > 0 and int(rate[2]) == 0
                         for rate in rates), "\n".join(lines[-20:])


def measured(lines):
    """[(section, name)] of the figures that clpeak prints"""
    section = None
    for line in lines:
        match = re.match(r" +(\w[^:]*?) *: +[0-9.]+", line)
        if match and section:
            yield section, match[1]
        elif line.startswith("    "):
            section = line.strip()


def judge_clpeak(lines):
    """It has all figures that it has natively."""
    native = programs.natively().run("clpeak").splitlines()
    assert list(measured(lines)) == list(measured(native)), "\n".join(lines)


# {name: (command, what judges what it prints)}
WHOLE = {
    "clpeak": ("clpeak", judge_clpeak),
    "clblast": ("clblast_test_xgemm -platform 0 -device 0 -cblas 1",
                judge_clblast),
    **{f"hashcat-{algorithm}": (hashcat(algorithm), judge_hashcat)
       for algorithm in DIGESTS},
}


# --- Directly ---

@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    folder = tmp_path_factory.mktemp("direct")
    platform = Direct(folder, "mediator", PROGRAMS / LIBRARY,
                      HOME=str(folder)).platform(memory=2 << 30)
    print(platform.run("clinfo", "--list"))
    return platform


def run(platform, name, *command):
    """The lines that the command prints, which are in OUT as well"""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.log"
    with open(path, "w") as log:
        subprocess.run(command, env=platform.environment, stdout=log,
                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                       check=False)
    return path.read_text().splitlines()


@pytest.mark.parametrize("part", PARTS)
def test_suite_directly(folder, platform, part):
    program, tests = runner(part)
    judge(part, run(platform, part, sys.executable, programs.HERE / program,
                    "--timeout=3600", folder / PARTS[part][0], *tests))


@pytest.mark.parametrize("name", WHOLE)
def test_program_directly(platform, name):
    command, judge_it = WHOLE[name]
    judge_it(run(platform, name, *command.split()))


# --- In a guest ---

def in_guest(qemu_bin, folder, name, command, *files):
    """The lines that the command prints, as run() has them"""
    job = 'echo "== device"; as_user "clinfo --list"\n' \
          f'echo "== ran"; as_user "{command}"\n'
    with Host(folder, config=LARGE) as host:
        guest = start_opencl(qemu_bin, folder / "job", job, files,
                             *vgpu_stub(host.sockets / "0.sock"),
                             timeout=GUEST_SECONDS)
        sections = Listener(guest, OUT / f"guest-{name}.log").sections()
    print("\n".join(sections["device"]))
    assert matches(sections["device"], "Platform.*vgpu-stub")
    return sections["ran"]


@pytest.mark.parametrize("part", PARTS)
def test_suite_in_guest(any_qemu_bin, tmp_path, part):
    program, tests = runner(part)
    names = " ".join(f"'{test}'" for test in tests)
    judge(part, in_guest(
        any_qemu_bin, tmp_path, part,
        f"python3 /job/{program} --timeout=3600 /opt/{PARTS[part][0]} {names}",
        programs.HERE / "suite.py", programs.HERE / program))


@pytest.mark.parametrize("name", WHOLE)
def test_program_in_guest(any_qemu_bin, tmp_path, name):
    command, judge_it = WHOLE[name]
    judge_it(in_guest(any_qemu_bin, tmp_path, name, command))
