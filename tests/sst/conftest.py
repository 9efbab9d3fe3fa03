# SPDX-License-Identifier: GPL-2.0-or-later
import itertools
import subprocess

import pytest

from support import sst
from support.paths import BUILD, ROOT
from support.qemu import Qemu
from support.sst import Device
from support.wait import PATIENCE

# Longer than anything holds a simulator up that is not to be late
PATIENT = ("-global", f"sst-device.timeout-ms={PATIENCE * 1000}")


@pytest.fixture(scope="session")
def sst_qemu(request):
    """A QEMU with sst-device: the one that is built here, or --sst-qemu."""
    path = (request.config.getoption("sst_qemu") or
            BUILD / "qemu-7.2-riscv32/qemu-system-riscv32")
    if not path.is_file():
        raise pytest.UsageError(f"{path}: no such file; run `make qemu-riscv32`")
    return path


@pytest.fixture
def start_sst_qemu(sst_qemu, tmp_path):
    """start_sst_qemu(*args): a QEMU; with accel="tcg" it runs software."""
    running = []
    names = (f"qemu{number}" for number in itertools.count())

    def start(*args, machine="virt", accel="qtest"):
        qemu = Qemu(sst_qemu, tmp_path, "-bios", "none", *PATIENT, *args,
                    machine=machine, accel=accel, name=next(names))
        running.append(qemu)
        return qemu

    yield start
    for qemu in running:
        with qemu:
            pass


@pytest.fixture
def sim_path(tmp_path):
    return tmp_path / "simulator.sock"


@pytest.fixture
def start_device(start_sst_qemu, sim_path):
    """start_device(properties): a QEMU with a device that seeks sim_path."""
    def start(properties="", *args):
        return Device(start_sst_qemu(
            "-chardev", f"socket,id=s0,path={sim_path},reconnect=1",
            "-device", "sst-device,id=sst0,chardev=s0"
                       + (properties and "," + properties), *args))
    return start


@pytest.fixture
def start_linked(start_sst_qemu, sim_path):
    """start_linked(properties, reply, wire): (device, its simulator).

    The device listens: a lost connection comes back when the test says so.
    """
    running = []

    def start(properties="", reply=None, wire=sst.Guide, machine="virt"):
        device = Device(start_sst_qemu(
            "-chardev", f"socket,id=s0,path={sim_path},server=on,wait=off",
            "-device", f"sst-device,id=sst0,chardev=s0,format={wire.name}"
                       + (properties and "," + properties), machine=machine))
        simulator = sst.Simulator(sim_path, wire, reply)
        running.append(simulator)
        device.wait_connected()
        return device, simulator

    yield start
    for simulator in running:
        with simulator:
            pass


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """Software for QEMU's -kernel; see first-access.S."""
    path = tmp_path_factory.mktemp("program") / "first-access"
    subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv32im", "-mabi=ilp32",
                    "-nostdlib", "-Wl,-Ttext=0x80000000,--build-id=none",
                    ROOT / "tests/sst/first-access.S", "-o", path], check=True)
    return path


@pytest.fixture(scope="session")
def firmware():
    """firmware(name): the path of that program."""
    def find(name):
        path = BUILD / "sst-firmware" / f"{name}.elf"
        if not path.is_file():
            raise pytest.UsageError(f"{path} is missing: `make sst-firmware`")
        return path
    return find


@pytest.fixture
def compile_program(tmp_path):
    """compile_program(body of main): a program with our start-up code."""
    def build(body):
        source, program = tmp_path / "program.c", tmp_path / "program.elf"
        source.write_text(f"""
            #include "board.h"
            #include "sst-device.h"
            static int data = 41;
            static int bss;
            int main(void)
            {{
                data++;
                uart_printf("%u %u\\n", (unsigned)data, (unsigned)bss);
                {body}
            }}""")
        subprocess.run(
            ["riscv64-unknown-elf-gcc", "-march=rv32imac_zicsr", "-mabi=ilp32",
             "-O1", "-ffreestanding", "-nostdlib", "-static",
             f"-I{ROOT}/sst/include", f"-I{ROOT}/sst/firmware",
             f"-Wl,-T,{ROOT}/sst/firmware/link.ld", "-o", program, source,
             *(BUILD / f"sst-firmware/{name}.o"
               for name in ("crt0", "board", "sst-device"))], check=True)
        return program
    return build
