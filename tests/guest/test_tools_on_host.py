# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the guest's tools can be tested without a device."""

import subprocess

import pytest

from support.paths import BUILD


def run(program, *args):
    return subprocess.run([BUILD / program, *args], timeout=30, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_block_moves():
    result = run("tests/guest/block-test")
    assert result.returncode == 0, result.stdout
    assert "not ok" not in result.stdout


@pytest.mark.parametrize("args, message", [
    ([], "a command is missing"),
    (["frob"], "frob: no such command"),
    (["info", "regs"], "regs: more than one command"),
    (["info", "--frob"], "unrecognized option '--frob'"),
    (["info", "--device"], "option '--device' requires an argument"),
    (["info", "--device", "gpu0"], "gpu0: not a PCI address"),
    (["list", "--device", "00:1e.0"], "--device: the command takes no device"),
    (["regs", "--size", "100"], "--size, --timeout: for echo only"),
    (["info", "--timeout", "100"], "--size, --timeout: for echo only"),
    (["echo", "--size", "31"], "31: --size takes 32 to 1024 bytes"),
    (["echo", "--size", "1025"], "1025: --size takes 32 to 1024 bytes"),
    (["echo", "--size", "64k"], "64k: --size takes 32 to 1024 bytes"),
    (["echo", "--timeout", "-1"], "-1: --timeout takes milliseconds"),
    (["echo", "--timeout", "99999999999999999999"],
     "99999999999999999999: --timeout takes milliseconds"),
])
def test_usage_errors(args, message):
    result = run("guest-tools/vgpu-stub", *args)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("args", [
    ["list"], ["info"], ["regs"], ["echo"], ["info", "--device", "ff:1f.7"],
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


def test_help_names_every_command_option_and_exit_status():
    result = run("guest-tools/vgpu-stub", "--help")
    assert result.returncode == 0
    for word in ("list", "info", "regs", "echo", "--device", "--json",
                 "--size", "--timeout", "--help", "--version"):
        assert "\n  " + word in result.stdout
    for status in range(6):
        assert "\n  %d  " % status in result.stdout


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
