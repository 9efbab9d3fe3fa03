# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the guest's tools can be tested without a device."""

import re
import subprocess

import pytest

from support.paths import BUILD, ROOT


def run(program, *args):
    return subprocess.run([BUILD / program, *args], timeout=30, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("program", ["block-test", "block-loop-test",
                                     "text-test", "waiter-test"])
def test_parts_of_the_library(program):
    result = run(f"tests/guest/{program}")
    assert result.returncode == 0, result.stdout
    assert "not ok" not in result.stdout


COMMANDS = ["list", "info", "regs", "watch", "doctor", "echo", "bench",
            "kernels", "run", "free"]


@pytest.mark.parametrize("args, message", [
    ([], "a command is missing"),
    (["frob"], "frob: no such command"),
    (["--device", "00:1e.0", "info"], "--device: no such command"),
    (["info", "regs"], "regs: one word too many"),
    (["info", "--frob"], "unrecognized option '--frob'"),
    (["info", "--device"], "option '--device' requires an argument"),
    (["info", "--device", "gpu0"], "gpu0: not a PCI address"),
    (["watch", "--device", "gpu0"], "gpu0: not a PCI address"),
    (["list", "--device", "00:1e.0"], "unrecognized option '--device'"),
    (["regs", "--size", "100"], "unrecognized option '--size'"),
    (["info", "--timeout", "100"], "unrecognized option '--timeout'"),
    (["echo", "--size", "31"], "31: --size takes 32 to 1024 bytes"),
    (["echo", "--size", "1025"], "1025: --size takes 32 to 1024 bytes"),
    (["echo", "--size", "64k"], "64k: --size takes 32 to 1024 bytes"),
    (["echo", "--timeout", "-1"],
     "-1: --timeout takes 0 to 2147483647 milliseconds"),
    (["echo", "--timeout", "99999999999999999999"],
     "99999999999999999999: --timeout takes 0 to 2147483647 milliseconds"),
    (["run"], "KERNEL: is missing"),
    (["run", "k" * 32], "a kernel's name has 1 to 31 bytes"),
    (["run", "k", "l"], "l: one word too many"),
    (["run", "k", "--u32", "4294967296"], "4294967296: not an integer of 32 "
                                          "bits"),
    (["run", "k", "--u32", "-2147483649"], "not an integer of 32 bits"),
    (["run", "k", "--u32", "0x10"], "0x10: not an integer of 32 bits"),
    (["run", "k", "--u64", "18446744073709551616"],
     "not an integer of 64 bits"),
    (["run", "k", "--u32", "@/none"], "/none: No such file"),
    (["run", "k", "--u32", "@/etc"], "/etc: not a regular file"),
    (["run", "k", "--u32", "@/etc/1"], "/etc: not a regular file"),
    (["run", "k", "--u32", "@/etc/hostname/0"], "not a multiple"),
    (["run", "k", "--f32", "1.5x"], "1.5x: not a number"),
    (["run", "k", "--f64", ""], "not a number"),
    (["run", "k", "--out", "c"], "c: how large is it?"),
    (["run", "k", "--out", "c:0"], "c:0: how large is it?"),
    (["run", "k", "--global", "1,2,3,4"], "one to three numbers"),
    (["run", "k", "--global", "0"], "one to three numbers"),
    (["run", "k", "--local", "4,"], "one to three numbers"),
    (["run", "k", *["--u32", "1"] * 58], "more arguments than any kernel has"),
    (["bench", "--count", "0"], "0: --count takes 1 to 1000000"),
    (["watch", "--interval", "0"],
     "0: --interval takes 1 to 3600000 milliseconds"),
])
def test_usage_errors(args, message):
    result = run("guest-tools/vgpu-stub", *args)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_run_without_its_file(tmp_path):
    result = run("guest-tools/vgpu-stub", "run", "k", "--in", tmp_path / "a")
    assert result.returncode == 1
    assert result.stderr == f"vgpu-stub: {tmp_path}/a: No such file or " \
                            "directory\n"


def test_run_checks_everything_before_it_looks_for_a_device(tmp_path):
    (tmp_path / "a").write_bytes(bytes(10))
    result = run("guest-tools/vgpu-stub", "run", "k", "--in", tmp_path / "a",
                 "--out", tmp_path / "b", "--inout", tmp_path / "a",
                 "--u32", f"@{tmp_path}/a/5", "--u32", "-1", "--f32", "-1e3",
                 "--f64", "nan", "--u64", "18446744073709551615",
                 "--out", f"{tmp_path}/c:@{tmp_path}/a")
    assert result.returncode == 3
    assert not (tmp_path / "b").exists()


def test_a_file_that_is_called_as_a_unit_is(tmp_path):
    """frames/1 is measured, not the folder frames in units of 1 byte."""
    (tmp_path / "frames").mkdir()
    with open(tmp_path / "frames/1", "wb") as file:
        file.truncate(5 << 30)
    result = run("guest-tools/vgpu-stub", "run", "k",
                 "--u32", f"@{tmp_path}/frames/1")
    assert result.returncode == 2
    assert "frames/1: not an integer of 32 bits" in result.stderr


@pytest.mark.parametrize("args", [
    ["--help"], ["--version"], ["list", "--json"], ["run", "--help"]])
def test_output_that_cannot_be_written(args):
    with open("/dev/full", "w") as full:
        result = subprocess.run([BUILD / "guest-tools/vgpu-stub", *args],
                                stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode in (1, 3)
    assert "standard output: cannot be written" in result.stderr


@pytest.mark.parametrize("args", [
    ["list"], ["info"], ["regs"], ["watch"], ["echo"], ["bench"],
    ["free"], ["kernels"],
    ["info", "--device", "ff:1f.7"], ["watch", "--device", "ff:1f.7"],
])
def test_no_device(args):
    result = run("guest-tools/vgpu-stub", *args)
    assert result.returncode == 3
    assert "no vgpu-stub device" in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_list_of_no_device_as_json():
    result = run("guest-tools/vgpu-stub", "list", "--json")
    assert result.returncode == 3
    assert result.stdout == "[]\n"


def test_help_names_every_command_and_exit_status():
    result = run("guest-tools/vgpu-stub", "--help")
    assert result.returncode == 0
    for word in (*COMMANDS, "--help", "--version"):
        assert "\n  " + word in result.stdout
    for status in range(7):
        assert "\n  %d  " % status in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    result = run("guest-tools/vgpu-stub", command, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"Usage: vgpu-stub {command} [OPTION]...")
    assert "\n  --json " in result.stdout


@pytest.mark.parametrize("command, option", [
    ("echo", "size"), ("echo", "timeout"), ("run", "timeout"),
    ("bench", "count"), ("watch", "count"), ("watch", "interval")])
def test_the_manual_has_what_the_help_says(command, option):
    """The range of a number, and its default."""
    page = (ROOT / "docs/man/vgpu-stub.1").read_text()
    entry, = re.findall(rf"^\.BI \\-\\-{option} .*\n((?:(?!\.TP).*\n)*)", page,
                        re.MULTILINE)
    shown = run("guest-tools/vgpu-stub", command, "--help").stdout
    numbers, preset = re.search(
        rf"^  --{option} .*\n +(\d+ to .*); default: (.*)$", shown,
        re.MULTILINE).groups()
    assert numbers + "; default: " in entry
    assert re.search(rf"(default: |\n){re.escape(preset)}[.,]", entry), entry


def test_version():
    result = run("guest-tools/vgpu-stub", "--version")
    assert result.returncode == 0
    assert result.stdout.startswith("vgpu-stub ")


@pytest.mark.parametrize("args", [[], ["B", "high", "200"],
                                  ["--device", "ff:1f.7"]])
def test_mmap_test_without_device(args):
    result = run("guest-tools/vgpu-stub-mmap-test", *args)
    assert result.returncode == 1
    assert "no vgpu-stub device" in result.stderr


@pytest.mark.parametrize("args", [["--help"], ["B"], ["B", "high"],
                                  ["B", "high", "200", "4"], ["--device"]])
def test_mmap_test_usage(args):
    result = run("guest-tools/vgpu-stub-mmap-test", *args)
    assert result.returncode == 1
    assert result.stderr.startswith("Usage: vgpu-stub-mmap-test ")


def complete(line):
    """What bash offers when the cursor is at the end of the line."""
    result = subprocess.run(
        ["bash", "-c", """
        PATH=$1:$PATH
        . "$2"
        COMP_LINE=$3 COMP_POINT=${#3}
        _vgpu_stub
        printf '%s\n' "${COMPREPLY[@]}"
        """, "bash", BUILD / "guest-tools",
         ROOT / "guest-tools/completion/vgpu-stub", line],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.parametrize("line, offered", [
    ("vgpu-stub ", [*COMMANDS, "--help", "--version"]),
    ("vgpu-stub ec", ["echo"]),
    ("vgpu-stub frob --", []),
    ("vgpu-stub list --", ["--json", "--help"]),
    ("vgpu-stub echo --", ["--device", "--json", "--size", "--timeout",
                           "--help"]),
    ("vgpu-stub echo --json --s", ["--size"]),
    ("vgpu-stub echo --size ", []),
    ("vgpu-stub run s", ["saxpy", "sgemm", "sha256"]),
    ("vgpu-stub run sgemm --in", ["--in", "--inout"]),
    ("vgpu-stub run sgemm --in ", []),
])
def test_completion(line, offered):
    assert complete(line) == offered
