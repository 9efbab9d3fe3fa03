# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue's kernels, against the backend for the CPU"""
import math
import random
import struct

from check import check
from support.accelerator import buffer, f32, u32
from vms import CUDA, host, on_cpu, vm_limits

ODD = (1, 2, 31, 257, 1001)


def floats(count, seed):
    source = random.Random(seed)
    return struct.pack(f"<{count}f",
                       *(source.uniform(-1, 1) for _ in range(count)))


def close(one, other, digits=1e-5):
    """Of numbers, whose sums may be rounded in another order"""
    count = len(one) // 4
    return all(math.isclose(a, b, rel_tol=digits, abs_tol=digits)
               for a, b in zip(struct.unpack(f"<{count}f", one),
                               struct.unpack(f"<{count}f", other)))


def both(work):
    """work(accelerator) on the GPU and on the CPU"""
    with host(CUDA + vm_limits("memory-mib=1024\n")) as running:
        yield from zip(work(running.vm("one")), work(on_cpu(running, "two")))


@check()
def vector_add(here):
    """vector_add: the same bits, for odd sizes"""
    def work(accelerator):
        for n in ODD:
            a, b = (accelerator.store(floats(n, seed)) for seed in (1, 2))
            c = accelerator.alloc(4 * n)
            accelerator.run("vector_add", buffer(a), buffer(b), buffer(c),
                            u32(n), size=(max(n // 2, 1), 1, 1))
            yield accelerator.read(c, 4 * n)
    assert all(gpu == cpu for gpu, cpu in both(work))


@check()
def saxpy(here):
    """saxpy: the same but for rounding"""
    def work(accelerator):
        for n in ODD:
            x, y = (accelerator.store(floats(n, seed)) for seed in (3, 4))
            accelerator.run("saxpy", buffer(x), buffer(y), u32(n), f32(0.37),
                            size=(n, 1, 1))
            yield accelerator.read(y, 4 * n)
    assert all(close(gpu, cpu) for gpu, cpu in both(work))


@check()
def sgemm(here):
    """sgemm in two dimensions, with alpha and beta"""
    def work(accelerator):
        for m, n, k in (1, 1, 1), (17, 33, 5), (40, 31, 64):
            a, b, c = (accelerator.store(floats(count, count))
                       for count in (m * k, k * n, m * n))
            accelerator.run("sgemm", buffer(a), buffer(b), buffer(c), u32(m),
                            u32(n), u32(k), f32(1.5), f32(-0.5),
                            size=(n, m, 1))
            yield accelerator.read(c, 4 * m * n)
    assert all(close(gpu, cpu) for gpu, cpu in both(work))


@check()
def reduce(here):
    """reduce: the same but for rounding"""
    def work(accelerator):
        for n, parts in (1, 1), (1001, 7), (5000, 256):
            source = accelerator.store(floats(n, n))
            target = accelerator.alloc(4 * parts)
            accelerator.run("reduce", buffer(source), buffer(target), u32(n),
                            u32(parts), size=(parts, 1, 1))
            yield accelerator.read(target, 4 * parts)
    assert all(close(gpu, cpu, 1e-4) for gpu, cpu in both(work))


@check()
def sha256(here):
    """sha256: the same bits, for lengths about those of its blocks"""
    def work(accelerator):
        for length in (1, 55, 56, 63, 64, 65, 1000):
            data = random.Random(length).randbytes(3 * length)
            source = accelerator.store(data)
            digests = accelerator.alloc(96)
            accelerator.run("sha256", buffer(source), buffer(digests),
                            u32(length), u32(3), size=(3, 1, 1))
            yield accelerator.read(digests, 96)
    assert all(gpu == cpu for gpu, cpu in both(work))
