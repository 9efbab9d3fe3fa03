# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Linux guest with the device, the guest's tools and the mediator."""
import json
import re

import pytest

from support import abi
from support.guest import boot, matches, vgpu_stub
from support.mediatord import Host

TOOLS_JOB = """\
echo "== lspci"; lspci -nn; lspci -d 1af4:1111 -vvv; lspci -d 1af4:1111 -n
echo "== sysfs"; cd /sys/bus/pci/devices/0000:00:1e.0
cat vendor device class revision; cd /job
echo "== mmap-test"; ./vgpu-stub-mmap-test --device 00:1e.0 B high 200; echo "status $?"
echo "== mmap-test-wrong"; ./vgpu-stub-mmap-test A low 7; echo "status $?"
echo "== list"; ./vgpu-stub list
echo "== info"; ./vgpu-stub info --device 00:1e.0
echo "== second"; ./vgpu-stub info --device 00:1d.0
echo "== regs"; ./vgpu-stub regs --device 00:1e.0
echo "== echo"; ./vgpu-stub echo; ./vgpu-stub echo --size 34
echo "== json"; ./vgpu-stub echo --json; ./vgpu-stub regs --json
./vgpu-stub bench --json --count 20
echo "== bench"; ./vgpu-stub bench --count 20
echo "== watch"; ./vgpu-stub bench --count 1000000 --device 00:1e.0 >/dev/null &
until ./vgpu-stub watch --device 00:1e.0 --count 1 | grep -q "("; do :; done
# The host may have had no time for it in one of the intervals.
until ./vgpu-stub watch --device 00:1e.0 --count 3 --interval 200 >looks
      ! tail -n 2 looks | grep -q " 0  vgpu-stub"; do :; done
cat looks
./vgpu-stub watch --device 00:1e.0 --count 1 --json; kill $!
echo "== full"
for command in list info regs echo doctor "bench --count 1" "watch --count 2"; do
    ./vgpu-stub $command >/dev/full 2>&1; echo "$command $?"
done
./vgpu-stub-mmap-test >/dev/full 2>&1; echo "mmap-test $?"
echo "== in-use"; cp vgpu-stub éééééééé; ./éééééééé bench --count 1000000 --device 00:1e.0 >/dev/null &
until ./vgpu-stub watch --device 00:1e.0 --count 1 | grep -q "("; do :; done
./vgpu-stub watch --device 00:1e.0 --count 1 --json
./vgpu-stub list; echo "status $?"; ./vgpu-stub list --json; echo "status $?"; kill $!
echo "== lib-test"; ./lib-test; echo "status $?"
echo "== dmesg"; dmesg | grep -i 00:1e.0
"""

FUZZ_JOB = """\
echo "== fuzz"; ./access-fuzz 1000000 20261120; echo "status $?"
echo "== echo"; ./vgpu-stub echo; echo "status $?"
"""


PROGRAMS = ("guest-tools/vgpu-stub", "guest-tools/vgpu-stub-mmap-test",
            "tests/guest/lib-test", "tests/guest/access-fuzz")


def boot_with_mediator(qemu_bin, tmp_path, job):
    """Run the job in a guest with two devices; returns {section: lines}."""
    with Host(tmp_path) as host:
        return boot(
            qemu_bin, tmp_path / "job", job, PROGRAMS,
            *vgpu_stub(host.sockets / "0.sock", 0, "id=gpu0", "addr=0x1e",
                       "pool_id=B", "priority=high", "vm_id=200"),
            *vgpu_stub(host.sockets / "1.sock", 1, "id=gpu1", "addr=0x1d"))


@pytest.fixture(scope="module")
def tools(qemu_bin, tmp_path_factory):
    return boot_with_mediator(qemu_bin, tmp_path_factory.mktemp("tools"),
                              TOOLS_JOB)


def test_lspci(tools):
    for slot in ("1d", "1e"):
        assert matches(tools["lspci"],
                       rf"^00:{slot}.0 Processing accelerators \[1200\]: Red Hat, "
                       r"Inc\. Device \[1af4:1111\] \(rev 02\)$")
    assert matches(tools["lspci"], r"Region 0: Memory at .*"
                                   r"\(32-bit, non-prefetchable\).* \[size=4K\]")
    assert matches(tools["lspci"], r"Interrupt: pin A routed to IRQ \d+")
    assert matches(tools["lspci"], r"MSI: Enable- Count=1/1 Maskable- 64bit\+")
    assert matches(tools["lspci"], r"^00:1e.0 1200: 1af4:1111 \(rev 02\)$")


def test_sysfs(tools):
    assert tools["sysfs"] == ["0x1af4", "0x1111", "0x120000", "0x02"]


def test_mmap_test(tools):
    lines = tools["mmap-test"]
    for line in ("Pool ID: 'B'", "Priority: 2 (high)", "VM ID: 200",
                 "status 0"):
        assert line in lines
    assert "status 1" in tools["mmap-test-wrong"]


def test_list_and_info(tools):
    assert len([line for line in tools["list"] if "0000:00:1" in line]) == 2
    for pattern in (r"Pool:\s+B$", r"Priority:\s+high$", r"VM ID:\s+200$",
                    r"Link:\s+up$", r"Request timeout:\s+30000 ms$"):
        assert matches(tools["info"], pattern), pattern
    for pattern in (r"Pool:\s+A$", r"Priority:\s+medium$", r"VM ID:\s+0$"):
        assert matches(tools["second"], pattern), pattern


def test_regs(tools):
    for name, value in (("POOL_ID", "0x00000042"), ("PRIORITY", "0x00000002"),
                        ("VM_ID", "0x000000c8"), ("LINK", "0x00000003")):
        assert matches(tools["regs"], rf"{name}\s+{value}"), name


def test_echo(tools):
    whole, small = tools["echo"]
    assert whole.startswith("echo: 1024-byte request, 1024-byte response, "
                            "992 data bytes identical, ")
    assert small.startswith("echo: 34-byte request, 34-byte response, "
                            "2 data bytes identical, ")


def test_json_names_the_device(tools):
    echo, regs, bench = map(json.loads, tools["json"])
    assert echo["device"] == regs["device"] == bench["device"] == "0000:00:1d.0"
    assert echo["identical"] is True
    assert echo["response_bytes"] == 1024
    assert regs["POOL_ID"] == abi.VGPU_STUB_POOL_A
    assert bench["requests"] == 20
    assert 0 < bench["p50_us"] <= bench["p99_us"] <= bench["max_us"]
    assert bench["requests_per_second"] > 0
    assert bench["access_ns"] > 0 and bench["interrupts"] is False
    assert "TCG" in bench["hypervisor"]


def test_bench(tools):
    for pattern in (r"^Hypervisor: +QEMU .*TCG", r"^One access: +[\d.]+ us$",
                    r"^Waiting: +by looking", r"^Requests: +20, .* 1024 bytes", r"^Round trip p50: +\d+ us$",
                    r"^Round trip p99: +\d+ us$", r"^Requests a second: +\d+"):
        assert matches(tools["bench"], pattern), pattern


def test_watch_a_device_that_is_in_use(tools):
    name, _, *looks, as_json = tools["watch"]
    assert name == "Device: 0000:00:1e.0"
    assert len(looks) == 3
    for number, look in enumerate(looks):
        requests, pid = re.fullmatch(
            r"\d\d:\d\d:\d\d  up    \w+ +(\d+)  vgpu-stub \((\d+)\)",
            look).groups()
        assert (int(requests) > 0) == (number > 0)
    assert json.loads(as_json)["user_pid"] == int(pid)
    assert json.loads(as_json)["device"] == "0000:00:1e.0"


def test_output_that_cannot_be_written(tools):
    assert tools["full"] == [
        f"{command} 1" for command in (
            "list", "info", "regs", "echo", "doctor", "bench --count 1",
            "watch --count 2", "mmap-test")]


def test_list_a_device_that_is_in_use(tools):
    """By a program whose name the kernel has cut inside a character."""
    look, _, busy, other, status, *listed, json_status = tools["in-use"]
    assert json.loads(look)["user"] == "ééééééé?"
    busy, other = sorted((busy, other), reverse=True)
    assert re.fullmatch(r"0000:00:1e.0 +0000:00:1e.0 is in use by process \d+ "
                        r"\(ééééééé\?\)", busy)
    assert re.fullmatch(r"0000:00:1d.0 +A .* up", other)
    assert status == json_status == "status 5"
    problems = [device.get("problem") for device in json.loads("".join(listed))]
    assert problems[0] is None and "is in use by process" in problems[1]


def test_library(tools):
    assert "status 0" in tools["lib-test"], tools["lib-test"]
    assert not matches(tools["lib-test"], "^not ok")
    assert len([line for line in tools["lib-test"]
                if line.startswith("ok ")]) >= 40


def test_the_kernel_has_no_complaint(tools):
    assert not matches(tools["dmesg"], "(?i)error|fail|can't|conflict")


@pytest.mark.strictest_qemu
def test_a_guest_that_writes_anything_anywhere(qemu_bin, tmp_path):
    sections = boot_with_mediator(qemu_bin, tmp_path, FUZZ_JOB)
    assert "status 0" in sections["fuzz"]
    assert "status 0" in sections["echo"], sections["echo"]
