# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's programs in a Debian guest, which compute on the host: unmodified,
as an ordinary user, with our package installed."""
import subprocess

import pytest

import debian_programs as programs
from support.guest import boot, matches, vgpu_stub
from support.mediatord import Host
from support.paths import BUILD, ROOT

CONFIG = """\
[pool A]
backend=opencl
[vm]
rate=1000000
burst=1000000
guest-kernels=yes
memory-mib=1024
"""

# What stands for a driver goes: our package is one as PyOpenCL's asks for it.
JOB = """\
echo "== install"
export SYSTEMD_IGNORE_CHROOT=1      # or udevadm does nothing
cp 60-vgpu-stub.rules /lib/udev/rules.d; udevadm control --reload
dpkg -i vgpu-stub-opencl.deb && dpkg -r stand-in-opencl-icd; echo "status $?"
insmod ./vgpu-stub.ko && udevadm settle; ls -l /dev/vgpu-stub0
as_user() { su user -c "$1" 2>&1; echo "status $?"; }
echo "== clinfo"; as_user "clinfo --raw"
echo "== round-trip"; as_user "PYOPENCL_CTX=0 python3 /job/round-trip.py"
echo "== piglit"; as_user "python3 /job/piglit.py --jobs 1 /opt/piglit TESTS"
echo "== stranger"; su nobody -s /bin/sh -c "clinfo -l"; echo "status $?"
echo "== dmesg"; dmesg | grep -i vgpu-stub
"""


@pytest.fixture(scope="module")
def guest(any_qemu_bin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("opencl")
    subprocess.run(["make", "-s", "-C", ROOT, "opencl-deb"], check=True)
    package, = (BUILD / "deb-opencl").glob("*.deb")
    job = folder / "job"
    job.mkdir()
    (job / "vgpu-stub-opencl.deb").write_bytes(package.read_bytes())
    tests = " ".join(f"'{name}'" for name in programs.PIGLIT)
    with Host(folder, config=CONFIG) as host:
        yield boot(
            any_qemu_bin, job, JOB.replace("TESTS", tests),
            ["driver/6.1/vgpu-stub.ko",
             ROOT / "guest-tools/driver/60-vgpu-stub.rules",
             programs.HERE / "round-trip.py", programs.HERE / "piglit.py"],
            *vgpu_stub(host.sockets / "0.sock"), guest="opencl", timeout=500,
            kernel_args="no_timer_check oops=panic")


def test_the_package_is_a_driver_for_debian(guest):
    assert "status 0" in guest["install"], guest["install"]
    assert matches(guest["install"], "root render .*/dev/vgpu-stub0")


def test_clinfo(guest):
    fields = programs.clinfo_fields("\n".join(guest["clinfo"]))
    native = programs.clinfo_fields(programs.natively().run("clinfo", "--raw"))
    assert fields["CL_PLATFORM_NAME"] == "vgpu-stub", guest
    assert fields["CL_DEVICE_NAME"] == native["CL_DEVICE_NAME"]


def test_pyopencl_takes_arrays(guest):
    assert matches(guest["round-trip"], "^round trip: ok"), guest["round-trip"]


def test_piglit(guest):
    passed = {line.split(" ", 2)[2] for line in guest["piglit"]
              if line.startswith("pass ")}
    assert passed == set(programs.PIGLIT), guest["piglit"]


def test_who_is_not_in_the_group_has_no_platform(guest):
    assert not matches(guest["stranger"], "Platform"), guest["stranger"]
