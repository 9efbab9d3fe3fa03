# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that a guest brings, as PTX"""
import struct

from check import check
from ptx import FAULT, STORE_ARGUMENTS
from support import abi
from support.accelerator import Error, buffer, f32, f64, u32, u64
from support.paths import BUILD
from vms import CUDA, host, vm_limits

ALLOWED = CUDA + vm_limits("guest-kernels=yes\n")


def refusal(work, *arguments, **options):
    """Status and sentence"""
    try:
        work(*arguments, **options)
    except Error as error:
        return error.args
    raise AssertionError("it was not refused")


@check()
def all_types(here):
    """A program of the guest's gets arguments of each type as they are"""
    with host(ALLOWED) as running:
        one = running.vm("one")
        target = one.alloc(24)
        one.run_program(STORE_ARGUMENTS, "store_arguments", buffer(target),
                        u32(0xdeadbeef), f32(1.5), u64(0x0123456789abcdef),
                        f64(-2.25), size=(1, 1, 1))
        assert one.read(target, 24) == struct.pack(
            "<IfQd", 0xdeadbeef, 1.5, 0x0123456789abcdef, -2.25)


@check()
def catalogues_text(here):
    """The catalogue's own PTX, brought by a guest"""
    text = (BUILD / "kernels" / "saxpy.ptx").read_text()
    with host(ALLOWED) as running:
        one = running.vm("one")
        x, y = (one.store(struct.pack("<f", value)) for value in (2, 3))
        one.run_program(text, "saxpy", buffer(x), buffer(y), u32(1), f32(1),
                        size=(1, 1, 1))
        assert one.read(y, 4) == struct.pack("<f", 5)


@check()
def refused(here):
    """A VM that may not; no PTX; binaries; an unknown name"""
    with host(CUDA + vm_limits() + "[vm two]\nguest-kernels=yes\n") as running:
        one, two = running.vm("one"), running.vm("two")
        for vm, text, name, status in (
                (one, STORE_ARGUMENTS, "store_arguments",
                 abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION),
                (two, "int main(void) { return 0; ", "main",
                 abi.VGPU_STUB_ERR_BUILD_FAILED),
                (two, "\x7fELF\x02\x01\x01", "main",
                 abi.VGPU_STUB_ERR_BUILD_FAILED),
                (two, STORE_ARGUMENTS, "missing",
                 abi.VGPU_STUB_ERR_UNKNOWN_KERNEL)):
            found, why = refusal(vm.run_program, text, name,
                                 buffer(vm.alloc(24)))
            here.note(f"{name}: 0x{found:x} {why.strip()!r}")
            assert found == status, (name, found, why)


@check()
def build_log(here):
    """What the driver's compiler says of a mistake reaches the guest"""
    wrong = STORE_ARGUMENTS.replace("st.global.u32", "st.nonsense.u32")
    if here.trial:
        wrong = wrong.replace(".version", ".nonsense")
    with host(ALLOWED) as running:
        one = running.vm("one")
        status, why = refusal(one.run_program, wrong, "store_arguments",
                              buffer(one.alloc(24)))
        here.note(repr(why))
        assert status == abi.VGPU_STUB_ERR_BUILD_FAILED
        assert here.trial or "nonsense" in why or "line" in why, why


@check()
def wrong_arguments(here):
    """Too few or too large arguments are refused, and the worker lives"""
    with host(ALLOWED) as running:
        one = running.vm("one")
        target = one.alloc(24)
        for args in ([buffer(target)],
                     [buffer(target)] + [f64(0)] * 8):
            status, why = refusal(one.run, "saxpy", *args)
            assert status == abi.VGPU_STUB_ERR_INVALID_REQUEST, why
            if not here.trial:
                status, why = refusal(one.run_program, STORE_ARGUMENTS,
                                      "store_arguments", *args)
                here.note(f"{len(args)}: 0x{status:x} {why.strip()!r}")
                assert status == abi.VGPU_STUB_ERR_INVALID_REQUEST, why
        one.run_program(STORE_ARGUMENTS, "store_arguments", buffer(target),
                        u32(1), f32(1), u64(1), f64(1), size=(1, 1, 1))


@check()
def fault(here):
    """A wild address costs its own VM the worker, and another VM nothing"""
    with host(ALLOWED) as running:
        one, two = running.vm("one"), running.vm("two")
        handle = two.store(b"here")
        status, why = refusal(one.run_program, FAULT, "fault")
        here.note(why.strip())
        assert status == abi.VGPU_STUB_ERR_BACKEND_ERROR
        assert one.info()[1] == 0
        assert two.read(handle, 4) == b"here"
