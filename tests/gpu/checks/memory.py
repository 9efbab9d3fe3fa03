# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory of the GPU: zeroed, bounded, and the same when it comes back"""
import random
import struct

from check import NotHere, check
from support import abi
from support.accelerator import Error, buffer, u32
from support.wait import wait_for
from vms import CUDA, elapsed, host, new_workers, vm_limits

MIB = 1 << 20


def is_zero(accelerator, handle, size, parts=4096):
    """All of it, added up by the GPU: a pattern adds up to something else."""
    sums = accelerator.alloc(4 * parts)
    accelerator.run("reduce", buffer(handle), buffer(sums), u32(size // 4),
                    u32(parts), size=(parts, 1, 1))
    return not any(accelerator.read(sums, 4 * parts))


@check()
def zeroed_after_another_program(here):
    """A guest gets zeros where a program has left a pattern"""
    size = here.size(4096, 4) * MIB
    here.note(str(here.direct("fill", size)))
    with host(CUDA + vm_limits("memory-mib=16384\n")) as running:
        one = running.vm("one")
        handle = one.alloc(size)
        assert is_zero(one, handle, size)
        assert not any(one.read(handle, 4096))


@check()
def zeroed_after_another_vm(here):
    """A guest gets zeros where another VM's worker had digests"""
    count = here.size(1 << 20, 1 << 10)
    with host(CUDA + vm_limits("memory-mib=16384\n")) as running:
        one = running.vm("one")
        data, digests = one.alloc(count), one.alloc(32 * count)
        one.run("sha256", buffer(data), buffer(digests), u32(1), u32(count),
                size=(min(count, 65536), 1, 1))
        # Only so does the sum below tell anything.
        assert not is_zero(one, digests, 32 * count)
        one.peer.close()
        running.devices[0].close()
        two = running.vm("two")
        assert is_zero(two, two.alloc(32 * count), 32 * count)


def out_of_memory(accelerator, size):
    try:
        accelerator.alloc(size)
    except Error as error:
        assert error.args[0] == abi.VGPU_STUB_ERR_OUT_OF_MEMORY, error
        return error.args[1]
    raise AssertionError(f"{size} bytes were allocated")


@check()
def quota(here):
    """A VM gets its quota and no more, and what it frees again"""
    with host(CUDA + vm_limits("memory-mib=16\n")) as running:
        one = running.vm("one")
        here.note(out_of_memory(one, 17 * MIB))
        handle = one.alloc(16 * MIB)
        out_of_memory(one, 4096)
        one.call(abi.VGPU_STUB_OP_MEMORY_FREE, struct.unpack(
            "<2I", struct.pack("<Q", handle)))
        one.alloc(16 * MIB)


@check()
def more_than_there_is(here):
    """More than the GPU has is OUT_OF_MEMORY, and the worker lives on"""
    if here.trial:
        raise NotHere("the fake has no memory of its own")
    total = int(here.direct("info")["total_bytes"])
    with host(CUDA + vm_limits("memory-mib=1048576\n")) as running:
        one = running.vm("one")
        handle = one.store(b"kept")
        workers = set(running.daemon.workers())
        here.note(out_of_memory(one, total + (1 << 30)))
        assert one.read(handle, 4) == b"kept"
        assert set(running.daemon.workers()) == workers


@check(90)
def there_and_back(here):
    """64 MiB there and back are the same (a trial: 128 KiB)"""
    data = random.Random(7).randbytes(here.size(64 * MIB, MIB // 8))
    with host(CUDA + vm_limits("memory-mib=256\n")) as running:
        one = running.vm("one")
        handle = one.alloc(len(data))
        seconds = elapsed(lambda: one.write(handle, data))
        here.figure("to it", len(data) / MIB / seconds, "MiB/s")
        back = []
        seconds = elapsed(lambda: back.append(one.read(handle, len(data))))
        here.figure("from it", len(data) / MIB / seconds, "MiB/s")
        assert back == [data]


@check()
def given_back(here):
    """When a VM goes, so does its worker, and the GPU's memory is free"""
    with host(CUDA + vm_limits("memory-mib=16384\n")) as running:
        two = running.vm("two")
        two.alloc(4096)
        before = free_bytes(here)
        workers = set(running.daemon.workers())
        one = running.vm("one")
        one.alloc(here.size(2048, 1) * MIB)
        mine = new_workers(running, workers)
        one.peer.close()
        running.devices[1].close()
        wait_for(lambda: not mine & set(running.daemon.workers()),
                 "end of the worker", 20)
        wait_until_free(here, before)


def free_bytes(here):
    """What all programs together have left; None for the fake."""
    value = here.direct("info").get("free_bytes")
    if value is None and not here.trial:
        raise NotHere("the driver does not say how much memory is free")
    return int(value or 0)


def wait_until_free(here, before):
    if here.trial:
        here.note("the GPU's memory: not looked at, the fake has none")
        return
    wait_for(lambda: free_bytes(here) >= before - 16 * MIB,
             f"{before} free bytes, as before; {free_bytes(here)}", 20)
