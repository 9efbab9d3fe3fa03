# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's programs in a Debian guest, which compute on the host: unmodified,
as an ordinary user, with our package installed."""
import pytest

import debian_programs as programs
import suite
from support.guest import matches, vgpu_stub
from support.mediatord import Host
from support.opencl_guest import boot_opencl

# The guest's devices are of two VMs, and the first may not bring kernels.
CONFIG = """\
[pool A]
backend=opencl
[pool B]
backend=cpu
[vm]
rate=1000000
burst=1000000
deadline-ms=600000
[vm allowed]
guest-kernels=yes
memory-mib=1024
"""

JOB = """\
doctor() { su user -c "/job/vgpu-stub doctor --device $1" 2>&1; }
device=/dev/vgpu-stub; mv ${device}1 /dev/away
echo "== no platform"; as_user "clinfo -l"
echo "== doctor forbidden"; doctor 00:10.0
echo "== doctor other pool"; doctor 00:12.0
mv /dev/away ${device}1
echo "== doctor"; doctor 00:11.0
echo "== clinfo"; as_user "clinfo --raw"
echo "== round-trip"; as_user "PYOPENCL_CTX=0 python3 /job/round-trip.py"
echo "== piglit"; as_user "python3 /job/piglit.py --jobs 2 /opt/piglit TESTS"
echo "== examples"
as_user "PYOPENCL_CTX=0 python3 /job/run-examples.py /opt/pyopencl EXAMPLES"
echo "== two"; as_user "cd /job; ./vector-sum & ./vector-sum; wait"
echo "== stranger"; su nobody -s /bin/sh -c "clinfo -l"; echo "status $?"
mv /etc/OpenCL/vendors/vgpu-stub.icd /tmp
echo "== doctor without driver"; doctor 00:11.0
echo "== dmesg"; dmesg | grep -i vgpu-stub
"""


@pytest.fixture(scope="module")
def clinfo_before():
    return programs.native_clinfo()


@pytest.fixture(scope="module")
def guest(clinfo_before, any_qemu_bin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("opencl")
    job = JOB.replace("TESTS", " ".join(f"'{name}'"
                                        for name in programs.PIGLIT))
    job = job.replace("EXAMPLES", " ".join(programs.EXAMPLES))
    with Host(folder, config=CONFIG) as host:
        return boot_opencl(
            any_qemu_bin, folder / "job", job,
            ["guest-tools/vgpu-stub", "tests/opencl/vector-sum",
             *(programs.HERE / name for name in
               ("round-trip.py", "run-examples.py", "piglit.py", "suite.py"))],
            *vgpu_stub(host.sockets / "forbidden-0.sock", 0, "addr=0x10"),
            *vgpu_stub(host.sockets / "allowed-0.sock", 1, "addr=0x11"),
            *vgpu_stub(host.sockets / "allowed-1.sock", 2, "addr=0x12",
                       "pool_id=B"))


def test_the_package_is_a_driver_for_debian(guest):
    assert "status 0" in guest["install"], guest["install"]
    assert matches(guest["install"], "root render .*/dev/vgpu-stub0")


def test_clinfo(guest, clinfo_before):
    programs.compare_clinfo("\n".join(guest["clinfo"]), clinfo_before)


def test_pyopencl_takes_arrays(guest):
    assert matches(guest["round-trip"], "^round trip: ok"), guest["round-trip"]


def test_piglit(guest):
    passed = {name for name, result in suite.results(guest["piglit"]).items()
              if result == "pass"}
    assert passed == set(programs.PIGLIT), guest["piglit"]


def test_pyopencls_examples(guest):
    ran = [line.split()[1] for line in guest["examples"]
           if line.startswith("example: ")]
    assert ran == list(programs.EXAMPLES), guest["examples"]


def test_two_processes(guest):
    sums = [line for line in guest["two"] if "all as the processor" in line]
    assert len(sums) == 2 and guest["two"][-1] == "status 0", guest["two"]


def test_who_is_not_in_the_group_has_no_platform(guest):
    assert not matches(guest["stranger"], "Platform"), guest["stranger"]


def test_a_vm_that_may_not_bring_kernels_has_no_platform(guest):
    assert not matches(guest["no platform"], "Platform"), guest["no platform"]


@pytest.mark.parametrize("state, found, advice", [
    ("doctor", "yes: programs' kernels run", None),
    ("doctor forbidden", "this VM may not bring kernels", "guest-kernels=yes"),
    ("doctor other pool", "pool B has no OpenCL", "backend=opencl"),
    ("doctor without driver", "not installed", "apt-get install"),
])
def test_doctor(guest, state, found, advice):
    lines = guest[state]
    line, = (line for line in lines if line.startswith("ok      opencl "))
    assert found in line
    cures = [line for line in lines[lines.index(line) + 1:]
             if line.startswith("- ")]
    assert advice in "".join(cures) if advice else not cures
