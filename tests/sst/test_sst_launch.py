# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-sst-launch: the environment of ACALSim becomes a device."""
import os
import subprocess

import pytest

from acalsim import CONTROL, DATA_IN, DATA_OUT, STATUS, Component, EchoDevice
from support import abi, sst
from support.paths import BUILD, ROOT
from support.sst import BASE
from support.wait import PATIENCE

LAUNCHER = ROOT / "sst/qemu-sst-launch"

# What QEMUBinaryComponent sets, and how it calls QEMU
ENVIRONMENT = {
    "SST_NUM_DEVICES": "1",
    "SST_DEVICE0_SOCKET": "/tmp/qemu-sst-mmio.sock",
    "SST_DEVICE0_BASE": "10200000",
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


def test_a_device(stand_in):
    result = launch(stand_in, ENVIRONMENT, *ARGUMENTS)
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        *ARGUMENTS,
        "-device", "sst-device,id=sst0,socket=/tmp/qemu-sst-mmio.sock,"
                   "base=0x10200000,format=acalsim,offsets=on"]


def test_no_device(stand_in):
    result = launch(stand_in, {}, *ARGUMENTS)
    assert result.stdout.splitlines() == list(ARGUMENTS)


@pytest.mark.parametrize("value, base", (
    ("0xFEDC000", "0xfedc000"), ("ffffffffffff0000", "0xffffffffffff0000")))
def test_notations(stand_in, value, base):
    result = launch(stand_in, {**ENVIRONMENT,
                               "SST_DEVICE0_SOCKET": "/tmp/one, two.sock",
                               "SST_DEVICE0_BASE": value})
    assert f"socket=/tmp/one,, two.sock,base={base}," in result.stdout


@pytest.mark.parametrize("name, value, message", (
    ("SST_NUM_DEVICES", "two", "SST_NUM_DEVICES is 'two', must be 0 or 1"),
    ("SST_NUM_DEVICES", "", "SST_NUM_DEVICES is '', must be 0 or 1"),
    ("SST_NUM_DEVICES", "2", "SST_NUM_DEVICES is '2', must be 0 or 1: with "
                             "several devices QEMUBinaryComponent answers no"),
    ("SST_DEVICE0_SOCKET", "",
     "SST_DEVICE0_SOCKET is not set, but SST_NUM_DEVICES is 1"),
    ("SST_DEVICE0_BASE", "",
     "SST_DEVICE0_BASE is not set, but SST_NUM_DEVICES is 1"),
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


@pytest.mark.parametrize("base_addr, status", ((BASE, 0), (2 * BASE, 1)))
def test_software_reaches_a_device(sst_qemu, sim_path, base_addr, status):
    """The component's base_addr is its device_base, as in its own examples."""
    component = Component(BASE, EchoDevice(base_addr))
    with sst.Listener(sim_path, sst.Acalsim, component) as simulator:
        result = launch(sst_qemu, {**ENVIRONMENT,
                                   "SST_DEVICE0_SOCKET": str(sim_path)},
                        "-global",
                        f"sst-device.timeout-ms={PATIENCE * 1000}",
                        *ARGUMENTS[:-1],
                        BUILD / "sst-firmware/echo-test.elf")
        assert result.returncode == status, result.stdout
        assert result.stdout.endswith("ok\n" if status == 0 else "FAIL\n")
        assert simulator.requests[0] == sst.Request(True, DATA_IN, 4,
                                                    0xdeadbeef)


def test_without_offsets_it_takes_twice_the_base(start_linked):
    """As QEMU sends bus addresses unless it is told otherwise."""
    device, simulator = start_linked(
        wire=sst.Acalsim, reply=Component(BASE, EchoDevice(BASE)))
    assert device.read(STATUS) == 0xffffffff
    simulator.reply = Component(BASE, EchoDevice(2 * BASE))
    assert device.read(STATUS) == 0
    device.write(5, DATA_IN)
    while device.read(STATUS) & abi.SST_DEVICE_STATUS_BUSY:
        pass
    assert device.read(DATA_OUT) == 5
    device.write(abi.SST_DEVICE_CONTROL_START, CONTROL)
    assert device.read(DATA_OUT) == 0       # which resets this device
