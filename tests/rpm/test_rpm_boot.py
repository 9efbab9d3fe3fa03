# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo with nothing but what the packages have installed."""
import shutil

from support.paths import BUILD

PROGRAMS = {
    "mediator": ["sbin/vgpu-mediatord", "libexec/vgpu-stub/vgpu-starter",
                 "libexec/vgpu-stub/vgpu-worker"],
    "guest-tools": ["bin/vgpu-stub", "bin/vgpu-stub-mmap-test"],
}


def test_the_demo_guest_runs_on_the_packages(root, packages, our_qemu,
                                             packager, tmp_path):
    root.rpm("-U", "--nodeps", our_qemu, packages["vgpu-stub-mediator"],
             packages["vgpu-stub-guest-tools"],
             packages["vgpu-stub-guest-tools-devel"])
    usr = root.path / "usr"
    build = tmp_path / "build"
    for name, programs in PROGRAMS.items():
        (build / name).mkdir(parents=True)
        for program in programs:
            shutil.copy(usr / program, build / name)
    shutil.copytree(usr / "share/vgpu-stub/kernels", build / "kernels")
    # A package of its own builds it in the guest.
    (build / "driver/6.1").mkdir(parents=True)
    shutil.copy(BUILD / "driver/6.1/vgpu-stub.ko", build / "driver/6.1")
    build_examples(packager, usr, build / "guest-tools/examples")
    done = packager.run(
        "scripts/demo", usr / "lib64/xen/bin/qemu-system-x86_64",
        env=dict(packager.env, BUILD=str(build)))
    assert done.stdout.splitlines()[-1] == "demo: PASS"


def build_examples(packager, usr, folder):
    """As a user of the package builds them, but static: the guest has no
    libraries."""
    folder.mkdir()
    sources = usr / "share/doc/vgpu-stub-guest-tools/examples"
    env = dict(packager.env, PKG_CONFIG_SYSROOT_DIR=str(usr.parent),
               PKG_CONFIG_LIBDIR=str(usr / "lib64/pkgconfig"))
    flags = packager.run("pkg-config", "--static", "--cflags", "--libs",
                         "vgpu-stub", env=env).stdout.split()
    for name in ("vector-add", "sha256", "many-sums"):
        packager.run("gcc", "-static", "-o", folder / name,
                     sources / f"{name}.c", *flags)
