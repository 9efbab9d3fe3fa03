# SPDX-License-Identifier: GPL-2.0-or-later
"""The same GPU by NVIDIA's OpenCL"""
import ctypes
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

from check import NotHere, check
from support import abi
from support.accelerator import Error, buffer, u32
from vms import host, vm_limits

sys.path.append(str(Path(__file__).resolve().parents[2] / "opencl"))

from direct import LIBRARY, PROGRAMS, Direct

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


def run_programs(here, platform, *names):
    """What OpenCL promises, by programs that print TAP"""
    for name in names:
        said = platform.run(PROGRAMS / name, timeout=60)
        passed = len(re.findall("^ok ", said, re.MULTILINE))
        here.note(f"{name}: {passed} passed")
        assert f"1..{passed}" in said.splitlines(), said


@check(120)
def guests_driver(here):
    """Programs on the guest's driver and a worker: clinfo, a sum, semantics"""
    need_driver()
    with tempfile.TemporaryDirectory() as folder:
        platform = Direct(Path(folder), "mediator", PROGRAMS / LIBRARY,
                          VGPU_STUB_TEST_VENDORS=DRIVER).platform()
        here.note(platform.run(PROGRAMS / "clinfo", "--list").strip())
        here.note(platform.run(PROGRAMS / "vector-sum").strip())
        run_programs(here, platform, "test-buffers", "test-events",
                     "test-ends")


@check(120)
def guests_sources(here):
    """Programs that include, are compiled and linked, and are kept"""
    need_driver()
    with tempfile.TemporaryDirectory() as folder:
        platform = Direct(Path(folder), "mediator", PROGRAMS / LIBRARY,
                          VGPU_STUB_TEST_VENDORS=DRIVER).platform()
        run_programs(here, platform, "test-includes", "test-links",
                     "test-binaries")
