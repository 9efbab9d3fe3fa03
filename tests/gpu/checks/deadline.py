# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that never ends"""
import struct
import threading

from check import check
from checks.memory import MIB, free_bytes, wait_until_free
from ptx import ENDLESS
from support import abi
from support.accelerator import Error, buffer, u32
from support.wait import wait_for
from vms import elapsed, host, new_workers, vm_limits

# The neighbour's, too, which may be held up for a while
DEADLINE_MS = 10000
CONFIG = ("[pool A]\nbackend=cuda\nrunning=2\n" +
          vm_limits(f"guest-kernels=yes\nmemory-mib=4096\n"
                    f"deadline-ms={DEADLINE_MS}\n"))


class Neighbour(threading.Thread):
    """Computes until it is told to stop; `error` is what went wrong."""

    def __init__(self, accelerator):
        super().__init__(daemon=True)
        self.accelerator = accelerator
        self.sums = self.longest = 0
        self.error = None
        self.stopped = threading.Event()

    def run(self):
        one = self.accelerator
        try:
            a, c = one.store(struct.pack("<f", 1)), one.alloc(4)
            while not self.stopped.is_set():
                self.longest = max(self.longest, elapsed(lambda: one.run(
                    "vector_add", buffer(a), buffer(a), buffer(c), u32(1))))
                assert one.read(c, 4) == struct.pack("<f", 2)
                self.sums += 1
        except Exception as error:
            self.error = error


@check(90)
def endless(here):
    """It ends by its deadline, and its worker with it; a neighbour computes on"""
    with host(CONFIG) as running:
        neighbour = Neighbour(running.vm("two"))
        neighbour.start()
        wait_for(lambda: neighbour.sums or neighbour.error, "first sum", 30)
        before, workers = free_bytes(here), set(running.daemon.workers())
        one = running.vm("one")
        one.alloc(here.size(1024, 1) * MIB)
        mine = new_workers(running, workers)
        flag, outcome = one.alloc(4), []
        seconds = elapsed(lambda: outcome.append(
            outcome_of(one.run_program, ENDLESS, "endless", buffer(flag))))
        during = neighbour.sums
        here.note(f"{outcome[0]} after {seconds:.2f} s")
        assert outcome[0][0] == abi.VGPU_STUB_ERR_TIMEOUT
        wait_for(lambda: not mine & set(running.daemon.workers()),
                 "end of the worker", 20)
        wait_until_free(here, before)
        wait_for(lambda: neighbour.sums > during or neighbour.error,
                 "another sum", 20)
        neighbour.stopped.set()
        neighbour.join(20)
        here.note(f"the neighbour: {neighbour.sums} sums, the longest took "
                  f"{neighbour.longest:.3f} s; {neighbour.error or 'no error'}")
        assert neighbour.error is None
        # And the VM may go on.
        assert one.info()[1] == 0


def outcome_of(work, *arguments):
    try:
        return 0, work(*arguments)
    except Error as error:
        return error.args
