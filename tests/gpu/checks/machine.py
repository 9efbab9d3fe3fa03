# SPDX-License-Identifier: GPL-2.0-or-later
"""What is there"""
import ctypes
import os
import platform
import shutil
from pathlib import Path

from check import NotHere, check, host_environment, output
from support import abi
from vms import CUDA, host, vm_limits


@check(10)
def system(here):
    """Kernel, C library, user, devices, libraries"""
    here.note(f"kernel {platform.release()}, "
              f"{' '.join(platform.libc_ver())}, uid {os.geteuid()}, "
              f"{os.cpu_count()} CPUs")
    devices = sorted(map(str, Path("/dev").glob("nvidia*")))
    here.note(f"devices: {' '.join(devices) or 'no /dev/nvidia*'}")
    here.note(f"/dev/kvm: {os.access('/dev/kvm', os.R_OK | os.W_OK)}")
    for name in "libcuda.so.1", "libnvidia-opencl.so.1":
        try:
            ctypes.CDLL(name)
            here.note(f"{name}: opens")
        except OSError as error:
            here.note(f"{name}: {error}")


@check(30)
def nvidia_smi(here):
    """What NVIDIA's own tool says"""
    if not shutil.which("nvidia-smi"):
        raise NotHere("there is no nvidia-smi")
    here.note(output(
        "nvidia-smi", "--format=csv,noheader",
        "--query-gpu=name,driver_version,memory.total,compute_mode,mig.mode."
        "current", env=host_environment(), seconds=25).strip())


@check()
def directly(here):
    """The driver works for a plain program: name, memory, multiprocessors"""
    for name, value in here.direct("info").items():
        here.note(f"{name} {value}")


@check(60)
def pool(here):
    """A pool of the mediator's comes up and names the same device"""
    expected = here.direct("info")
    with host(CUDA + vm_limits()) as running:
        results, name = running.vm("one").call(
            abi.VGPU_STUB_OP_GET_DEVICE_INFO)
    assert name.decode() == expected["name"], name
    assert results[0] == 1 and results[7] == int(expected["multiprocessors"])
