# SPDX-License-Identifier: GPL-2.0-or-later
"""The first access of software waits for a simulator that is not there yet."""
import subprocess
import threading

import pytest

from support import sst
from support.sst import Guide
from support.wait import wait_for


@pytest.fixture
def run_program(sst_qemu, program, sim_path):
    """run_program(chardev's options, properties, processors): QEMU's end."""
    def run(options="reconnect=1", properties="timeout-ms=10000", smp=1):
        return subprocess.run(
            [sst_qemu, "-machine", "virt", "-bios", "none", "-kernel", program,
             "-display", "none", "-nodefaults", "-smp", str(smp),
             "-chardev", f"socket,id=s0,path={sim_path},{options}",
             "-device", f"sst-device,id=sst0,chardev=s0,{properties}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60, text=True)
    return run


def answer(sim, request):
    return Guide.answer(0x600d)


@pytest.mark.parametrize("smp", (1, 4))
def test_the_simulator_is_first(run_program, sim_path, smp):
    with sst.Listener(sim_path, reply=answer):
        for _ in range(5):
            result = run_program(smp=smp)
            assert result.returncode == 0, result.stdout
            assert "sst-device" not in result.stdout


@pytest.mark.parametrize("simulator, options", (
    (sst.Listener, "reconnect=1"),
    (sst.Simulator, "server=on,wait=off"),
))
def test_qemu_is_first(run_program, sim_path, simulator, options):
    started = []

    def attempt():
        try:
            return simulator(sim_path, reply=answer)
        except (FileNotFoundError, ConnectionRefusedError):
            return None             # QEMU takes its time

    def start():
        started.append(wait_for(attempt, "QEMU's socket"))

    timer = threading.Timer(0.5, start)
    timer.start()
    result = run_program(options)
    timer.join()
    with started[0]:
        assert result.returncode == 0, result.stdout


def test_the_simulator_never_comes(run_program):
    result = run_program(properties="timeout-ms=300")
    assert result.returncode == 1
    assert result.stdout.count("sst-device sst0: there is no simulator") == 1
