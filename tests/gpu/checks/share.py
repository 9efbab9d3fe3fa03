# SPDX-License-Identifier: GPL-2.0-or-later
"""What VMs get of a GPU that all of them want"""
import threading
import time

from check import check, percentile
from support import abi
from support.accelerator import buffer, f32, u32
from vms import CUDA, host, vm_limits

DEVICES = 3                 # of each VM, so that a request of it always waits


class Load(threading.Thread):
    """One device that multiplies matrices until `end`, once at least"""

    def __init__(self, accelerator, n, end):
        super().__init__(daemon=True)
        self.accelerator, self.n, self.end = accelerator, n, end
        self.used_us = self.longest_us = 0
        self.error = None

    def run(self):
        try:
            multiply = Multiplication(self.accelerator, self.n)
            while self.used_us == 0 or time.monotonic() < self.end:
                us = multiply()
                self.used_us += us
                self.longest_us = max(self.longest_us, us)
        except Exception as error:
            self.error = error


class Multiplication:
    def __init__(self, accelerator, n):
        self.accelerator, self.n = accelerator, n
        self.memory = [accelerator.alloc(4 * n * n) for _ in range(3)]

    def __call__(self):
        """Returns its µs."""
        n = self.n
        return self.accelerator.run(
            "sgemm", *map(buffer, self.memory), u32(n), u32(n), u32(n),
            f32(1), f32(0), size=(n, n, 1))


def matrix_of(accelerator, least_us):
    """An n whose multiplication takes so many µs at least"""
    n = 32
    while n < 8192:
        multiply = Multiplication(accelerator, n)
        multiply()
        us = multiply()
        accelerator.call(abi.VGPU_STUB_OP_MEMORY_FREE_ALL)
        if us >= least_us:
            break
        n *= 2
    return n


def run_all(loads):
    for load in loads:
        load.start()
    for load in loads:
        load.join()
        assert load.error is None, load.error


@check(60)
def weights(here):
    """Two VMs at weights 1 and 3 have device time 1 to 3, within 5 %"""
    config = CUDA + vm_limits("memory-mib=4096\n") + \
        "[vm one]\nweight=100\n[vm two]\nweight=300\n"
    with host(config) as running:
        n = matrix_of(running.vm("zero"), here.size(3000, 500))
        vms = {name: [running.vm(name, number) for number in range(DEVICES)]
               for name in ("one", "two")}
        end = time.monotonic() + here.size(10, 2)
        loads = {name: [Load(device, n, end) for device in devices]
                 for name, devices in vms.items()}
        run_all(loads["one"] + loads["two"])
        used = {name: sum(load.used_us for load in parts)
                for name, parts in loads.items()}
    share = used["two"] / (used["one"] + used["two"])
    here.note(f"sgemm with n = {n}; µs: {used}")
    here.figure("share of the VM with weight 3 of 4", share * 100, "%")
    here.judge(abs(share - 0.75) <= 0.75 * 0.05, "75 % within 5 %")


def latencies(accelerator, seconds):
    """ms of each small request, one after the other"""
    multiply, found = Multiplication(accelerator, 16), []
    multiply()
    end = time.monotonic() + seconds
    while not found or time.monotonic() < end:
        start = time.monotonic()
        multiply()
        found.append((time.monotonic() - start) * 1e3)
        time.sleep(0.002)
    return found


@check(60)
def beside_a_flood(here):
    """A VM of high priority waits for what runs, not for what waits"""
    with host(CUDA + vm_limits("memory-mib=4096\n")) as running:
        n = matrix_of(running.vm("zero"), here.size(3000, 500))
        high = running.vm("high", priority=abi.VGPU_STUB_PRIORITY_HIGH)
        alone = latencies(high, here.size(3, 1))
        seconds = here.size(8, 2)
        end = time.monotonic() + seconds
        flood = [Load(running.vm(f"low{vm}", number,
                                 priority=abi.VGPU_STUB_PRIORITY_LOW), n, end)
                 for vm in range(3) for number in range(2)]
        for load in flood:
            load.start()
        beside = latencies(high, seconds - 1)
        for load in flood:
            load.join()
            assert load.error is None, load.error
    longest = max(load.longest_us for load in flood) / 1e3
    for name, values in ("alone", alone), ("beside a flood", beside):
        here.figure(f"p50 {name}", percentile(values, 50), "ms")
        here.figure(f"p99 {name}", percentile(values, 99), "ms")
    here.figure("longest kernel of the flood", longest, "ms")
    # What runs, and what its minimum may give a lower class before it
    here.judge(percentile(beside, 99) <=
               percentile(alone, 99) + 2 * longest + 5,
               "p99 within two kernels of the flood and 5 ms")
