# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-sst-launch: the environment of ACALSim becomes devices."""
import os
import subprocess

import pytest

from support import sst
from support.paths import ROOT

LAUNCHER = ROOT / "sst/qemu-sst-launch"

# What QEMUBinaryComponent sets for two devices, and how it calls QEMU.
ENVIRONMENT = {
    "SST_NUM_DEVICES": "2",
    "SST_DEVICE0_SOCKET": "/tmp/qemu-sst-device0.sock",
    "SST_DEVICE0_BASE": "10200000",
    "SST_DEVICE1_SOCKET": "/tmp/qemu-sst-device1.sock",
    "SST_DEVICE1_BASE": "10300000",
}
ARGUMENTS = ("-M", "virt", "-bios", "none", "-nographic", "-kernel", "a b.elf")


@pytest.fixture
def stand_in(tmp_path):
    """Instead of QEMU: prints its arguments, one in a line."""
    path = tmp_path / "qemu"
    path.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    path.chmod(0o755)
    return path


def launch(qemu, environment, *args):
    return subprocess.run(
        [LAUNCHER, *args], stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
        env={"PATH": os.environ["PATH"], "SST_QEMU": str(qemu), **environment})


def test_two_devices(stand_in):
    result = launch(stand_in, ENVIRONMENT, *ARGUMENTS)
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        *ARGUMENTS,
        "-chardev", "socket,id=sst-socket0,path=/tmp/qemu-sst-device0.sock,"
                    "reconnect=1",
        "-device", "sst-device,id=sst0,chardev=sst-socket0,base=0x10200000,"
                   "format=acalsim",
        "-chardev", "socket,id=sst-socket1,path=/tmp/qemu-sst-device1.sock,"
                    "reconnect=1",
        "-device", "sst-device,id=sst1,chardev=sst-socket1,base=0x10300000,"
                   "format=acalsim"]


def test_no_device(stand_in):
    result = launch(stand_in, {}, *ARGUMENTS)
    assert result.stdout.splitlines() == list(ARGUMENTS)


def test_notations(stand_in):
    result = launch(stand_in, {**ENVIRONMENT,
                               "SST_DEVICE0_SOCKET": "/tmp/one, two.sock",
                               "SST_DEVICE0_BASE": "0xFEDC000",
                               "SST_DEVICE1_BASE": "ffffffffffff0000"})
    assert "path=/tmp/one,, two.sock,reconnect=1" in result.stdout
    assert "base=0xfedc000," in result.stdout
    assert "base=0xffffffffffff0000," in result.stdout


@pytest.mark.parametrize("name, value, message", (
    ("SST_NUM_DEVICES", "two", "SST_NUM_DEVICES is 'two', must be a number"),
    ("SST_NUM_DEVICES", "-1", "SST_NUM_DEVICES is '-1', must be a number"),
    ("SST_NUM_DEVICES", "", "SST_NUM_DEVICES is '', must be a number"),
    ("SST_NUM_DEVICES", "3",
     "SST_DEVICE2_SOCKET is not set, but SST_NUM_DEVICES is 3"),
    ("SST_DEVICE1_SOCKET", "",
     "SST_DEVICE1_SOCKET is not set, but SST_NUM_DEVICES is 2"),
    ("SST_DEVICE1_BASE", "",
     "SST_DEVICE1_BASE is not set, but SST_NUM_DEVICES is 2"),
    ("SST_DEVICE0_BASE", "here",
     "SST_DEVICE0_BASE is 'here', must be a hexadecimal number"),
    ("SST_DEVICE0_BASE", "10000000000000000", "of at most 64 bits"),
    ("SST_DEVICE0_BASE", "1,size=0", "must be a hexadecimal number"),
))
def test_what_is_wrong_is_named(stand_in, name, value, message):
    result = launch(stand_in, {**ENVIRONMENT, name: value})
    assert result.returncode == 1
    assert result.stderr.startswith("qemu-sst-launch: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not result.stdout


def test_no_qemu(tmp_path):
    result = launch(tmp_path / "none", {})
    assert result.returncode == 1
    assert f"cannot start QEMU: {tmp_path}/none: No such file" in result.stderr


def test_software_reaches_a_simulator(sst_qemu, program, sim_path):
    """As ACALSim's component does it for one device."""
    with sst.Listener(sim_path, sst.Acalsim,
                      lambda *_: sst.Acalsim.answer(0x600d)) as simulator:
        result = launch(sst_qemu, {"SST_NUM_DEVICES": "1",
                                   "SST_DEVICE0_SOCKET": str(sim_path),
                                   "SST_DEVICE0_BASE": "10200000"},
                        *ARGUMENTS[:-1], program)
        assert result.returncode == 0, result.stderr
        assert simulator.requests == [sst.Request(False, 0x10200000, 4)]
