# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's library and tools as an ordinary user, through the driver."""
import json
import os
import re
import signal
import sys
import threading
from contextlib import suppress

import pytest

from support.guest import boot, matches, vgpu_stub
from support.mediatord import UNLIMITED, Host
from support.paths import ROOT
from support.scripted_mediator import ScriptedMediator

sys.path.insert(0, str(ROOT / "tests/driver"))
from queue_server import QueueServer

CONFIG = UNLIMITED + "contexts=16\nfaults=1000\n"

pytestmark = pytest.mark.strictest_qemu

BEGIN = """\
insmod ./vgpu-stub.ko || exit 1
chgrp 105 /dev/vgpu-stub*
"""

TOOLS = """\
echo "== list"; ./as-user ./vgpu-stub list
echo "== info"; ./as-user ./vgpu-stub info; ./as-user ./vgpu-stub info --json
echo "== regs"; ./as-user ./vgpu-stub regs
echo "== echo"; ./as-user ./vgpu-stub echo; echo "status $?"
echo "== bench"; ./as-user ./vgpu-stub bench --count 50; echo "status $?"
echo "== watch"; ./as-user ./vgpu-stub watch --count 2 --interval 10
echo "== doctor"; ./as-user ./vgpu-stub doctor; echo "status $?"
echo "== kernels"; ./as-user ./vgpu-stub kernels; ./as-user ./vgpu-stub kernels --json
echo "== free"; ./as-user ./vgpu-stub free; echo "status $?"
for example in vector-add sgemm "sha256 /bin/busybox"; do
    echo "== $example"; ./as-user ./$example; echo "status $?"
done
sha256sum /bin/busybox
echo "== promises"; ./as-user ./by-driver-test executed; echo "status $?"
echo "== together"
for i in 1 2 3 4 5 6 7 8; do ./as-user ./hammer $i 500 & all="$all $!"; done
mkfifo said; ./as-user ./compute hoard >said & victim=$!
read line <said; kill -9 $victim
for one in $all; do wait $one; echo "status $?"; done
echo "== stress"; ./as-user ./stress 00:1e.0 8 5; echo "status $?"
"""

HELD = """\
echo "== held"; ./as-user ./by-driver-test held; echo "status $?"
"""

MAILBOX = """\
echo "== mailbox"; ./as-user ./queue-test interrupts; echo "status $?"
"""

LOSSES = """\
echo "== losses"; ./as-user ./losses 4 2>&1; echo "status $?"
"""

EXAMPLES = [f"guest-tools/examples/{name}" for name in (
    "vector-add", "sgemm", "sha256")]
PROGRAMS = ["driver/6.1/vgpu-stub.ko", "tests/driver/as-user",
            "tests/driver/compute", "guest-tools/vgpu-stub", *EXAMPLES,
            *(f"tests/guest/{name}" for name in (
                "by-driver-test", "hammer", "losses", "queue-test",
                "stress"))]


def run(qemu_bin, folder, job, socket, *properties):
    return boot(qemu_bin, folder / "job", BEGIN + job, PROGRAMS,
                *vgpu_stub(socket, 0, "addr=0x1e", "pool_id=B",
                           "priority=high", "vm_id=200", *properties),
                kernel_args="oops=panic")


def check(lines):
    """TAP without a failure"""
    assert [line for line in lines if line.startswith("not ok")] == [], lines
    assert lines[-1] == "status 0", lines


@pytest.fixture(scope="module")
def tools(qemu_bin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("by-driver")
    with Host(folder, config=CONFIG) as host:
        return run(qemu_bin, folder, TOOLS, host.sockets / "0.sock")


def test_list_and_info(tools):
    assert len(tools["list"]) == 2
    for pattern in (r"Pool:\s+B$", r"Priority:\s+high$", r"VM ID:\s+200$",
                    r"Link:\s+up$", r"Request timeout:\s+30000 ms$"):
        assert matches(tools["info"], pattern), pattern


@pytest.mark.parametrize("name, expected", [
    ("echo", r"992 data bytes identical"), ("bench", r"Copy back: +[\d.]+ MiB/s"),
    ("doctor", "ok +accelerator"), ("free", "0 bytes freed"),
    ("vector-add", "1000 sums, all as the CPU has them"),
    ("sgemm", "24 x 16 elements, all as the CPU has them")])
def test_a_tool_or_an_example(tools, name, expected):
    *lines, status = tools[name]
    assert status == "status 0" and matches(lines, expected), tools[name]


def test_a_megabyte(tools):
    """As bulk: the file is larger than what a request moves."""
    ours, status, theirs = tools["sha256 /bin/busybox"]
    assert status == "status 0" and ours == theirs


def test_regs_are_those_that_the_driver_tells(tools):
    assert [line.split()[1] for line in tools["regs"]] == [
        "POOL_ID", "PRIORITY", "VM_ID", "PROTOCOL_VER", "CAPABILITIES",
        "LINK", "REQUEST_TIMEOUT_MS"]


def test_watch(tools):
    assert re.fullmatch(r"\d\d:\d\d:\d\d  up    -              -  -",
                        tools["watch"][-1])


def test_kernels(tools):
    text = [line for line in tools["kernels"] if not line.startswith(("[", " "))]
    assert "vector_add --in a --in b --out c --u32 n" in text
    assert len(text) >= 5 and text == sorted(text)
    listed = json.loads("".join(tools["kernels"][len(text):]))
    assert [kernel["kernel"] for kernel in listed] == [
        line.split()[0] for line in text]
    saxpy = next(kernel for kernel in listed if kernel["kernel"] == "saxpy")
    assert saxpy["arguments"][1] == {"name": "y", "type": "buffer",
                                     "access": "inout"}


def test_promises(tools):
    check(tools["promises"])


def test_many_programs_and_one_is_killed(tools):
    lines = tools["together"]
    assert lines.count("status 0") == 8, lines
    assert lines.count("hammer: right 500 busy 0 cancelled 0 undocumented 0 "
                       "wrong 0") == 8, lines


def test_stress(tools):
    check(tools["stress"])


def test_what_the_host_holds(any_qemu_bin, tmp_path):
    with QueueServer(tmp_path / "link.sock"):
        sections = run(any_qemu_bin, tmp_path, HELD, tmp_path / "link.sock")
    check(sections["held"])


def test_without_a_queue(any_qemu_bin, tmp_path):
    """The same as by the BAR, request for request"""
    with ScriptedMediator(tmp_path / "link.sock"):
        sections = run(any_qemu_bin, tmp_path, MAILBOX,
                       tmp_path / "link.sock", "queue=off")
    check(sections["mailbox"])


class WorkersDie(threading.Thread):
    """Those of the host, again and again, while `with` lasts"""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host = host
        self.over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.wait(1):
            for pid in self.host.workers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_a_worker_that_is_killed(any_qemu_bin, tmp_path):
    with Host(tmp_path, config=CONFIG) as host, WorkersDie(host):
        sections = run(any_qemu_bin, tmp_path, LOSSES,
                       host.sockets / "0.sock")
    assert sections["losses"] == ["losses: 4, and it goes on", "status 0"]
