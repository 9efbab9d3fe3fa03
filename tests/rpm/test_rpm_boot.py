# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo with nothing but what the packages have installed."""
import shutil


def test_the_demo_guest_runs_on_the_packages(root, packages, our_qemu,
                                             packager, tmp_path):
    root.rpm("-U", "--nodeps", our_qemu, packages["vgpu-stub-mediator"],
             packages["vgpu-stub-guest-tools"])
    build = tmp_path / "build"
    for name, programs in (
            ("mediator", ["sbin/vgpu-mediatord"]),
            ("guest-tools", ["bin/vgpu-stub", "bin/vgpu-stub-mmap-test"])):
        (build / name).mkdir(parents=True)
        for program in programs:
            shutil.copy(root.path / "usr" / program, build / name)
    done = packager.run(
        "scripts/demo", root.path / "usr/lib64/xen/bin/qemu-system-x86_64",
        env=dict(packager.env, BUILD=str(build)))
    assert done.stdout.splitlines()[-1] == "demo: PASS"
