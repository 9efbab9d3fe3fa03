# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's driver for guests on this machine, without a guest.

The driver, the loader, the programs and the worker are real, and so is what
they compute on. What stands in is the way between them: see
direct-transport.c.
"""
from debian_programs import Platform
from support.lone_worker import Root
from support.paths import BUILD

PROGRAMS = BUILD / "tests/opencl"
LIBRARY = "libvgpu-stub-opencl.so"


class Direct:
    """Makes platforms; each program that uses one has a worker of its own."""

    def __init__(self, folder, variant, library, **environment):
        self.worker = BUILD / variant / "vgpu-worker"
        self.environment = environment
        self.icd = folder / "vgpu-stub.icd"
        self.icd.write_text(f"{library}\n")
        (folder / "root").mkdir()
        self.root = Root(self.worker, folder / "root")

    def platform(self, memory=256 << 20, guest_kernels=True):
        return Platform(
            self.icd, VGPU_STUB_TEST_WORKER=str(self.worker),
            VGPU_STUB_TEST_ARGUMENTS=f"--backend=opencl "
            f"--kernels={BUILD}/kernels --root={self.root.path}",
            VGPU_STUB_TEST_FOLDER=self.root.environment()["HOME"],
            VGPU_STUB_TEST_MEMORY=str(memory),
            VGPU_STUB_TEST_KERNELS="yes" if guest_kernels else "no",
            **self.environment)
