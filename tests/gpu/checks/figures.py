# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs, beside the same work done with the driver alone

The figures are those of one link: a request, which this program makes and
whose answer it takes apart, after the other."""
import time

from check import check, median
from support import abi
from support.accelerator import buffer, u32
from support.paths import BUILD
from checks.share import Multiplication
from vms import CUDA, host, vm_limits

REPEATS = 9


def time_us(work, repeats=REPEATS):
    """The median, after a first time that does not count"""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e6)
    return median(times[1:])


def small(here, one, direct):
    """Launch, and 1 KiB, which takes two requests"""
    a, b, c = (one.alloc(4) for _ in range(3))
    kernel_us = []

    def launch():
        kernel_us.append(one.run("vector_add", buffer(a), buffer(b),
                                 buffer(c), u32(1), size=(1, 1, 1)))

    here.figure("nothing (NOP)", time_us(
        lambda: one.call(abi.VGPU_STUB_OP_NOP), 99), "µs")
    here.figure("launch and synchronize", time_us(launch, 99), "µs",
                direct["launch_us"])
    here.figure("of it in the worker", median(kernel_us), "µs",
                direct["launch_us"])
    memory, data = one.alloc(1024), bytes(1024)
    here.figure("1 KiB to it", time_us(lambda: one.write(memory, data), 99),
                "µs", direct["copy_to_1k_us"])
    here.figure("1 KiB from it", time_us(lambda: one.read(memory, 1024), 99),
                "µs", direct["copy_from_1k_us"])


@check(60)
def latency(here):
    """Launch and 1 KiB both ways"""
    direct = measure(here, 1024, 16)
    with host(CUDA + vm_limits("memory-mib=1024\n")) as running:
        small(here, running.vm("one"), direct)


def measure(here, size, n):
    return {name: float(value) for name, value in here.direct(
        "figures", BUILD / "kernels", size, n).items()}


@check(60)
def sgemm(here):
    """The catalogue's sgemm"""
    n = here.size(2048, 64)
    direct = measure(here, 1024, n)
    with host(CUDA + vm_limits("memory-mib=1024\n")) as running:
        multiply = Multiplication(running.vm("one"), n)
        kernel_us = []
        total = time_us(lambda: kernel_us.append(multiply()))
    here.figure(f"sgemm, n = {n}", total, "µs", direct["sgemm_us"])
    here.figure("of it in the worker", median(kernel_us[1:]), "µs",
                direct["sgemm_us"])


@check(90)
def bandwidth(here):
    """64 MiB both ways (a trial: 64 KiB); five times a sixteenth of it"""
    size = here.size(64 << 20, 64 << 10)
    part = size // 16
    direct = measure(here, size, 16)
    with host(CUDA + vm_limits("memory-mib=256\n")) as running:
        one = running.vm("one")
        memory, data = one.alloc(part), bytes(part)
        to = time_us(lambda: one.write(memory, data), 5) * 16
        back = time_us(lambda: one.read(memory, part), 5) * 16
    here.figure("all to it", to / 1e3, "ms", direct["copy_to_us"] / 1e3)
    here.figure("all from it", back / 1e3, "ms",
                direct["copy_from_us"] / 1e3)
