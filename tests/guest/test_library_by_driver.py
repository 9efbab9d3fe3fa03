# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's library and tools as an ordinary user, through the driver."""
import re

import pytest

from support.guest import boot, matches, vgpu_stub
from support.mediatord import UNLIMITED, Host

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
echo "== free"; ./as-user ./vgpu-stub free; echo "status $?"
for example in vector-add sgemm "sha256 /bin/busybox"; do
    echo "== $example"; ./as-user ./$example; echo "status $?"
done
sha256sum /bin/busybox
"""

EXAMPLES = [f"guest-tools/examples/{name}" for name in (
    "vector-add", "sgemm", "sha256")]
PROGRAMS = ["driver/6.1/vgpu-stub.ko", "tests/driver/as-user",
            "guest-tools/vgpu-stub", *EXAMPLES]


@pytest.fixture(scope="module")
def tools(qemu_bin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("by-driver")
    with Host(folder, config=UNLIMITED) as host:
        return boot(qemu_bin, folder / "job", BEGIN + TOOLS, PROGRAMS,
                    *vgpu_stub(host.sockets / "0.sock", 0, "addr=0x1e",
                               "pool_id=B", "priority=high", "vm_id=200"),
                    kernel_args="no_timer_check oops=panic")


def test_list_and_info(tools):
    assert len(tools["list"]) == 2
    for pattern in (r"Pool:\s+B$", r"Priority:\s+high$", r"VM ID:\s+200$",
                    r"Link:\s+up$", r"Request timeout:\s+30000 ms$"):
        assert matches(tools["info"], pattern), pattern


@pytest.mark.parametrize("name, last", [
    ("echo", r"992 data bytes identical"), ("bench", "Requests a second"),
    ("doctor", "ok +accelerator"), ("free", "0 bytes freed"),
    ("vector-add", "1000 sums, all as the CPU has them"),
    ("sgemm", "24 x 16 elements, all as the CPU has them")])
def test_a_tool_or_an_example(tools, name, last):
    *_, line, status = tools[name]
    assert status == "status 0" and re.search(last, line), tools[name]


def test_a_megabyte(tools):
    """As bulk: the file is larger than what a request moves."""
    ours, status, theirs = tools["sha256 /bin/busybox"]
    assert status == "status 0" and ours == theirs
