# SPDX-License-Identifier: GPL-2.0-or-later
"""The same GPU by NVIDIA's OpenCL"""
import ctypes
import hashlib
import os

from check import NotHere, check
from support import abi
from support.accelerator import Error, buffer, u32
from vms import host, vm_limits

DRIVER = "libnvidia-opencl.so.1"
CONFIG = "[pool A]\nbackend=opencl\n" + vm_limits("guest-kernels=yes\n")


def need_driver():
    try:
        ctypes.CDLL(DRIVER)
    except OSError as error:
        raise NotHere(str(error))
    # The loader takes it for one of its files, installed as such or not.
    os.environ["OCL_ICD_VENDORS"] = DRIVER


@check(60)
def catalogue(here):
    """A pool comes up on it, and a kernel of the catalogue computes"""
    need_driver()
    with host(CONFIG) as running:
        one = running.vm("one")
        backend, _, name = one.info()
        here.note(name)
        assert backend == abi.VGPU_STUB_BACKEND_OPENCL
        source, digest = one.store(b"abc"), one.alloc(32)
        one.run("sha256", buffer(source), buffer(digest), u32(3), u32(1),
                size=(1, 1, 1))
        assert one.read(digest, 32) == hashlib.sha256(b"abc").digest()


@check(60)
def guests_program(here):
    """A guest's program runs, or is refused because files are not closed"""
    need_driver()
    with host(CONFIG) as running:
        one = running.vm("one")
        memory = one.alloc(4)
        try:
            one.run_program("__kernel void mine(__global int *a) { *a = 42; }",
                            "mine", buffer(memory), size=(1, 1, 1))
        except Error as error:
            here.note(str(error))
            assert error.args[0] == abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION
        else:
            assert one.read(memory, 4) == bytes([42, 0, 0, 0])
            here.note("it ran")
