# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory and kernels: from a device's link through a worker and back.

What each operation refuses is tested in unit/test-session.c. Where there is no
GPU, a fake of NVIDIA's driver runs the kernels.
"""
import ctypes
import hashlib
import random
import struct

import pytest

from support import abi
from support.accelerator import Accelerator, Error, buffer, u32
from support.fake_device import FakeDevice
from support.paths import BUILD
from support.wait import wait_for

@pytest.fixture(params=["cpu", "opencl", "cuda"])
def backend(request, monkeypatch):
    if request.param == "cuda":
        try:
            ctypes.CDLL("libcuda.so.1")
        except OSError:
            monkeypatch.setenv("LD_LIBRARY_PATH", str(
                BUILD / "mediator-sanitizers" / "fake"))
    return request.param


@pytest.fixture
def mediatord_bin(backend):
    """The address sanitizer would also see what drivers do."""
    return BUILD / ("mediator-sanitizers" if backend == "cpu" else
                    "mediator") / "vgpu-mediatord"


@pytest.fixture
def accelerators(start, tmp_path, backend):
    """accelerators(name...): those of VMs; the config is for all of them."""
    devices = []

    def connect(*names, config=""):
        path = tmp_path / "mediatord.conf"
        path.write_text(f"[pool A]\nbackend={backend}\n{config}")
        devices.extend(FakeDevice(tmp_path / f"{name}-0.sock")
                       for name in names)
        start("--config", path, "--socket-dir", tmp_path)
        return [Accelerator(device.greet()) for device in devices]

    yield connect
    for device in devices:
        device.close()


def test_sha256(accelerators, backend):
    accelerator, = accelerators("7")
    assert accelerator.info()[0] == \
        getattr(abi, f"VGPU_STUB_BACKEND_{backend.upper()}")
    data = random.Random(1).randbytes(5 * 1000)
    source, digests = accelerator.store(data), accelerator.alloc(5 * 32)
    accelerator.run("sha256", buffer(source), buffer(digests), u32(1000),
                    u32(5))
    assert accelerator.read(digests, 5 * 32) == b"".join(
        hashlib.sha256(data[at:at + 1000]).digest()
        for at in range(0, len(data), 1000))


def test_a_handle_is_of_no_use_to_another_vm(accelerators):
    one, other = accelerators("vm7", "vm8")
    handle = one.store(b"secret")
    with pytest.raises(Error) as error:
        other.read(handle, 6)
    assert error.value.args[0] == abi.VGPU_STUB_ERR_INVALID_HANDLE
    assert other.info()[1] == 0
    assert one.read(handle, 6) == b"secret"


def test_programs_of_the_guest(accelerators, backend):
    """Of VM 8, whose configuration allows it, and not of VM 7."""
    one, other = accelerators("vm7", "vm8", config="[vm vm8]\nguest-kernels=yes\n")
    text = {
        "cpu": "",
        "opencl": "__kernel void mine(__global int *a) { a[0] = 42; }",
        "cuda": (BUILD / "kernels" / "saxpy.ptx").read_text(),
    }[backend]
    with pytest.raises(Error) as error:
        one.run_program(text, "mine", buffer(one.alloc(4)))
    assert error.value.args[0] == abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION
    if backend == "opencl":
        memory = other.alloc(4)
        other.run_program(text, "mine", buffer(memory))
        assert other.read(memory, 4) == bytes([42, 0, 0, 0])
    elif backend == "cuda":
        memory = [other.store(struct.pack("<f", value)) for value in (2, 3)]
        other.run_program(text, "saxpy", *map(buffer, memory), u32(1),
                          (abi.VGPU_STUB_ARG_F32, 0x3F800000))
        assert struct.unpack("<f", other.read(memory[1], 4)) == (5,)


@pytest.mark.parametrize("backend", ["cuda"], indirect=True)
def test_a_program_that_breaks_the_accelerator(accelerators):
    """It costs its own VM the worker, and another one nothing."""
    one, other = accelerators("vm7", "vm8", config="[vm]\nguest-kernels=yes\n")
    handle = other.store(b"here")
    with pytest.raises(Error) as error:
        one.run_program(
            ".version 4.0\n.target sm_50\n.address_size 64\n"
            ".visible .entry fault()\n{\n"
            "    .reg .b32 %r<2>;\n    .reg .b64 %rd<2>;\n"
            "    mov.u64 %rd1, 16;\n    mov.u32 %r1, 1;\n"
            "    st.global.u32 [%rd1], %r1;\n    ret;\n}\n", "fault")
    assert error.value.args[0] == abi.VGPU_STUB_ERR_BACKEND_ERROR
    assert one.info()[1] == 0
    assert other.read(handle, 4) == b"here"


@pytest.mark.parametrize("backend", ["opencl"], indirect=True)
def test_what_a_driver_writes_is_gone_with_its_worker(
        accelerators, tmp_path, monkeypatch):
    """And no worker finds there what that of another VM has compiled."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    vms = accelerators("vm7", "vm8")
    for vm in vms:
        vm.run("sha256", buffer(vm.store(b"data")), buffer(vm.alloc(32)),
               u32(4), u32(1))
    top, = folder.glob("vgpu-workers-*/work")
    compiled = [path.relative_to(top).parts[0]
                for path in top.rglob("sha256.so")]
    assert len(compiled) == len(set(compiled)) == len(vms)
    for vm in vms:
        vm.peer.close()
    wait_for(lambda: not list(top.iterdir()), "an empty folder")
