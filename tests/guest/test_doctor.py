# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-stub doctor in a real guest: each broken state that it names.

One guest has a device for each state that the host brings about; those that
the guest brings about come one after the other.
"""
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import abi, wire
from support.fake_mediator import FakeMediator, connect_to_guest
from support.guest import boot, matches, vgpu_stub
from support.mediatord import Host
from support.paths import BUILD
from support.wait import PATIENCE, wait_for

CONFIG = """\
[pool B]
backend=none
[vm limited]
rate=1
burst=1
"""

# What a mediator of the test's answers to one doctor after the other, because
# the real one cannot be brought to say it at will.
REFUSALS = ("BACKEND_ERROR", "QUEUE_FULL", "UNSUPPORTED_OPERATION",
            "INVALID_REQUEST", "CANCELLED", "TIMEOUT")

JOB = """\
patient="./vgpu-stub doctor --timeout 60000"
doctor() { echo "== $1"; shift; $patient "$@"; echo "status $?"; }
fake() {        # the only device is one in a directory
    mount --bind "$1" /sys/bus/pci/devices; doctor "$2"
    umount /sys/bus/pci/devices
}

doctor well --device 00:1e.0
doctor json --device 00:1e.0 --json
doctor no-mediator --device 00:1d.0
doctor refused --device 00:1c.0
doctor no-chardev --device 00:1b.0
doctor invalid-pool --device 00:1a.0
# Of its two requests the second one comes too soon, unless it was held up.
echo "== rate-limited"
until $patient --device 00:19.0 >limited; status=$?; [ $status != 0 ]; do sleep 2; done
cat limited; echo "status $status"
doctor quarantined --device 00:18.0
for name in REFUSALS; do doctor $name --device 00:17.0; done
doctor no-accelerator --device 00:17.0
doctor wrong-data --device 00:17.0
doctor no-answer --device 00:17.0 --timeout 300
doctor protocol-error --device 00:17.0
doctor gone --device 00:16.0

doctor no-address --device 00:1f.7
doctor no-bdf --device gpu0
./vgpu-stub bench --device 00:1e.0 --count 1000000 >/dev/null &
until ./vgpu-stub watch --device 00:1e.0 --count 1 | grep -q "("; do :; done
doctor in-use --device 00:1e.0
exit_of() { echo "== exit $1"; shift; "$@" >/dev/null 2>&1; echo $?; }
exit_of 5 ./vgpu-stub echo --device 00:1e.0
kill $!
exit_of 6 ./vgpu-stub echo --device 00:1d.0
mkdir -p /etc; echo "user:x:1000:1000::/:/bin/sh" >/etc/passwd
exit_of 4 su user -c "./vgpu-stub echo"
user() { echo "== $1"; su user -c "./vgpu-stub doctor; echo status \\$?"; }
user user
installed=/lib/modules/$(uname -r)/modules.dep
echo "updates/dkms/vgpu-stub.ko:" >>$installed
user not-loaded

echo "== user-namespace"
su user -c 'unshare -U -r ./vgpu-stub doctor --device 00:1e.0; echo "status $?"'
echo "== read-only"
unshare -m sh -c 'mount -o bind /sys /sys; mount -o remount,ro,bind /sys /sys
                  ./vgpu-stub doctor --device 00:1e.0; echo "status $?"'

# The kernel believes that memory decoding is on.
echo 1 >/sys/bus/pci/devices/0000:00:1e.0/enable
printf '\\0' | dd of=/sys/bus/pci/devices/0000:00:1e.0/config bs=1 seek=4 conv=notrunc 2>/dev/null
doctor no-memory --device 00:1e.0
echo 1 >/sys/bus/pci/devices/0000:00:1e.0/remove; echo 1 >/sys/bus/pci/rescan
doctor memory-again --device 00:1e.0

mkdir -p /tmp/none /tmp/one/0000:00:1e.0
fake /tmp/none no-device
cd /tmp/one/0000:00:1e.0
echo 0x1af4 >vendor; echo 0x1111 >device
cat /sys/bus/pci/devices/0000:00:1e.0/config >config
cd /job
bar=/tmp/one/0000:00:1e.0/resource0
dd if=/dev/zero of=$bar bs=8192 count=1 2>/dev/null
fake /tmp/one stranger
dd if=/dev/zero of=$bar bs=4096 count=1 2>/dev/null
printf '\\0\\0\\2\\0' | dd of=$bar bs=1 seek=32 conv=notrunc 2>/dev/null
fake /tmp/one protocol

mount -t securityfs securityfs /sys/kernel/security
echo integrity >/sys/kernel/security/lockdown
doctor locked-down --device 00:1e.0
user refused-module
""".replace("REFUSALS", " ".join(REFUSALS))


# The same devices in a guest whose driver has them; two, one without a queue
DRIVEN = """\
doctor() { echo "== $1"; shift; "$@" ./vgpu-stub doctor --timeout 60000; echo "status $?"; }
insmod ./vgpu-stub.ko
doctor membership ./as-user
mv /dev/vgpu-stub1 /dev/away1; mv /dev/vgpu-stub0 /dev/away0
doctor no-file
mv /dev/away0 /dev/vgpu-stub0; chgrp 105 /dev/vgpu-stub0
doctor driven ./as-user
mv /dev/away1 /dev/vgpu-stub1; chgrp 105 /dev/vgpu-stub1
echo "== without-queue"
./as-user ./vgpu-stub doctor --device 00:1e.0; echo "status $?"
"""


def refuse_device(path):
    with connect_to_guest(FakeMediator.greet, path) as mediator:
        mediator.send(wire.Message(abi.VGPU_STUB_MSG_REJECT, b"not this one"))
        mediator.expect_closed()


def refuse_requests(path):
    with connect_to_guest(FakeMediator.welcome, path) as mediator:
        for name in REFUSALS:
            mediator.send_response(
                mediator.expect_request(),
                status=getattr(abi, "VGPU_STUB_ERR_" + name))
        echo = mediator.expect_request()
        mediator.send_response(
            echo, wire.response(data=echo.payload[wire.REQUEST.size:]))
        mediator.send_response(mediator.expect_request(),
                               wire.response([0] * 8))
        mediator.send_response(mediator.expect_request(), b"something else")
        mediator.expect_request()
        mediator.expect(abi.VGPU_STUB_MSG_CANCEL)
        mediator.expect_request()
        mediator.send(b"this is not a message of the protocol")
        mediator.expect_closed()


def go_away(path):
    with connect_to_guest(FakeMediator.welcome, path) as mediator:
        mediator.expect_request()


def quarantine(admin_socket):
    """As soon as the mediator knows the VM."""
    wait_for(lambda: subprocess.run(
        [BUILD / "mediator/vgpu-ctl", "--socket", admin_socket, "quarantine",
         "quarantined"], capture_output=True).returncode == 0,
        "quarantine")


@pytest.fixture(scope="module")
def told(any_qemu_bin, tmp_path_factory):
    """{state: what doctor printed}"""
    path = tmp_path_factory.mktemp("doctor")
    served, own = path / "sockets", path / "own"
    own.mkdir()
    arguments = ["-device", "vgpu-stub,addr=0x1b"]
    for slot, socket, properties in (
            (0x1e, served / "well-0.sock", "vm_id=200"),
            (0x1d, own / "nobody.sock", "pool_id=A"),
            (0x1c, own / "refused.sock", "pool_id=A"),
            (0x1a, served / "pool-0.sock", "pool_id=B"),
            (0x19, served / "limited-0.sock", "pool_id=A"),
            (0x18, served / "quarantined-0.sock", "pool_id=A"),
            (0x17, own / "sick.sock", "pool_id=A"),
            (0x16, own / "leaver.sock", "pool_id=A")):
        arguments += vgpu_stub(socket, slot, f"addr={slot:#x}", properties)

    with Host(path, "--admin-socket", path / "admin", config=CONFIG), \
            ThreadPoolExecutor() as pool:
        roles = [pool.submit(refuse_device, own / "refused.sock"),
                 pool.submit(refuse_requests, own / "sick.sock"),
                 pool.submit(go_away, own / "leaver.sock"),
                 pool.submit(quarantine, path / "admin")]
        sections = boot(any_qemu_bin, path / "job", JOB,
                        ["guest-tools/vgpu-stub"], *arguments)
        for role in roles:
            role.result(PATIENCE)
    return {**sections, **driven(any_qemu_bin, path)}


def driven(qemu_bin, path):
    folder = path / "driven"
    folder.mkdir()
    with Host(folder) as host:
        return boot(
            qemu_bin, folder / "job", DRIVEN,
            ["guest-tools/vgpu-stub", "driver/6.1/vgpu-stub.ko",
             "tests/driver/as-user"],
            *vgpu_stub(host.sockets / "0.sock", 0, "addr=0x1d"),
            *vgpu_stub(host.sockets / "1.sock", 1, "addr=0x1e", "queue=off"))


def test_a_device_that_is_well(told):
    *lines, status = told["well"]
    assert status == "status 0"
    assert [line.split()[1] for line in lines if line.startswith("ok ")] == [
        "device", "driver", "waiting", "link", "request", "accelerator",
        "opencl"]
    assert matches(lines, " 256 MiB of memory for this VM: 0 used, 256 free$")
    assert matches(lines, "opencl +no: it needs the kernel's driver")


def test_json(told):
    *lines, status = told["json"]
    assert status == "status 0"
    answer = json.loads("".join(lines))
    assert answer["device"] == "0000:00:1e.0"
    assert answer["healthy"] is True
    assert [(check["check"], check["ok"]) for check in answer["checks"]] == [
        (name, True) for name in ("device", "driver", "waiting", "link",
                                  "request", "accelerator", "opencl")]
    assert [check["check"] for check in answer["checks"]
            if check["advice"]] == ["driver", "opencl"]


@pytest.mark.parametrize("state, status, check, found, advice", [
    ("no-device", 3, "device", "no vgpu-stub device in this machine",
     "on the host, attach a device"),
    ("no-address", 3, "device", "no vgpu-stub device has this address",
     "vgpu-stub list"),
    ("no-bdf", 2, "device", "not a PCI address", "vgpu-stub list"),
    ("stranger", 3, "device", "0000:00:1e.0 has the ids of a vgpu-stub device",
     "one region of memory, of 4K"),
    ("protocol", 1, "device", "another version of the protocol",
     "the version of these tools that belongs to the host's QEMU"),
    ("user", 4, "device", "the driver is not installed, and without it this "
     "needs root", "apt-get install"),
    ("not-loaded", 4, "device", "the driver is not loaded",
     "modprobe vgpu-stub"),
    ("user-namespace", 4, "device", "this is a user namespace",
     "outside of the container"),
    ("read-only", 4, "device", "/sys is mounted read-only",
     "outside of the container"),
    ("locked-down", 4, "device", "locked down",
     "mokutil --import /var/lib/dkms/mok.pub"),
    ("refused-module", 4, "device", "this kernel loads only signed modules",
     "Key was rejected by service"),
    ("membership", 4, "device", "/dev/vgpu-stub0 is for members of the group "
     "render", "usermod -aG render USER"),
    ("no-file", 3, "device", "there is no /dev/vgpu-stub0",
     "--device /dev/vgpu-stub0"),
    ("in-use", 5, "device", r"in use by process \d+ \(vgpu-stub\)",
     "wait until that process has ended"),
    ("no-memory", 1, "device", "memory decoding is off",
     "echo 1 > /sys/bus/pci/rescan"),
    ("no-mediator", 6, "link", "down", "systemctl status vgpu-mediatord"),
    ("refused", 6, "link", "down", "why it refuses the device"),
    ("no-chardev", 6, "link", "down", "chardev="),
    ("invalid-pool", 6, "request", "INVALID_POOL", "backend="),
    ("rate-limited", 6, "accelerator", "RATE_LIMITED", "rate= and burst="),
    ("quarantined", 6, "request", "VM_QUARANTINED", "vgpu-ctl release VM"),
    ("QUEUE_FULL", 6, "request", "QUEUE_FULL", "queue="),
    ("TIMEOUT", 6, "request", "TIMEOUT", "vgpu-ctl status"),
    ("BACKEND_ERROR", 1, "request", "BACKEND_ERROR", "try again"),
    ("UNSUPPORTED_OPERATION", 1, "request", "UNSUPPORTED_OPERATION",
     "a mediator of the version of these tools"),
    ("INVALID_REQUEST", 1, "request", "INVALID_REQUEST",
     "mediator and tools of the same version"),
    ("CANCELLED", 1, "request", "CANCELLED", "run vgpu-stub doctor again"),
    ("gone", 6, "request", "MEDIATOR_UNAVAILABLE",
     "run vgpu-stub doctor again"),
    ("no-accelerator", 6, "accelerator", "none serves pool A", "backend="),
    ("wrong-data", 1, "request", "not what was asked for",
     "of the same version"),
    ("no-answer", 6, "request", "no answer within 300 ms", "vgpu-ctl status"),
    ("protocol-error", 1, "request", "PROTOCOL_ERROR",
     "QEMU and mediator of the same version"),
])
def test_a_broken_state(told, state, status, check, found, advice):
    lines = told[state]
    assert lines[-1] == f"status {status}"
    problem, = (line for line in lines if line.startswith("PROBLEM "))
    assert problem.split()[1] == check
    assert re.search(found, problem)
    cures = lines[lines.index(problem) + 3:-1]
    assert cures and all(line.startswith("- ") for line in cures)
    assert advice in "".join(cures)


@pytest.mark.parametrize("status", ["4", "5", "6"])
def test_exit_status(told, status):
    """As --help says; the tests of a usage error and of no device need no
    guest."""
    assert told[f"exit {status}"] == [status]


def test_the_cure_for_memory_decoding(told):
    assert told["memory-again"][-1] == "status 0"


def test_by_the_driver(told):
    *lines, status = told["driven"]
    assert status == "status 0"
    assert [line.split()[:2] for line in lines if line.startswith("ok ")] == [
        ["ok", check] for check in ("device", "driver", "waiting", "link",
                                    "request", "accelerator", "opencl")]
    assert lines[1].endswith("by the queue")


def test_a_device_without_a_queue(told):
    lines = told["without-queue"]
    assert lines[-1] == "status 0"
    assert re.search("driver .* the device has no queue", "\n".join(lines))
    assert any("no queue=off" in line for line in lines)
