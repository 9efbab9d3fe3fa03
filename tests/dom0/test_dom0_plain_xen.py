# SPDX-License-Identifier: GPL-2.0-or-later
"""Plain Xen as docs/attach.md has it: the script that starts QEMU."""
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from dom0_host import ROOT, socket_name, uuid_of
from support.qemu import FIRMWARE
from support.wait import wait_connection, wait_for

XENSTORE_READ = """#!/bin/sh
[ "$1" = /local/domain/7/vm ] || [ "$1" = /local/domain/8/vm ] || exit 1
echo /vm/%s
"""


@pytest.fixture
def start(open_dir, qemu_bin):
    """start(domid): QEMU as xl starts it, with the device of the example."""
    text = (ROOT / "docs/attach.md").read_text()
    script = re.search(r"^    #!/bin/bash\n((?:    .*\n)+)", text, re.M).group()
    link = re.search(r'"-chardev", "(socket,.*@VM@.*)"', text).group(1)
    (open_dir / "run").mkdir()
    program = open_dir / "vgpu-stub-qemu"
    program.write_text(re.sub("^    ", "", script, flags=re.M).replace(
        "/path/to/build/qemu-7.2/qemu-system-x86_64", str(qemu_bin)))
    xenstore_read = open_dir / "xenstore-read"
    xenstore_read.write_text(XENSTORE_READ % uuid_of(7))
    for path in (program, xenstore_read):
        path.chmod(0o755)
    running = []

    def run(domid):
        running.append(subprocess.Popen(
            [program, "-xen-domid", str(domid), "-machine", "pc",
             "-accel", "qtest", "-nodefaults", "-display", "none", "-m", "32",
             *FIRMWARE,
             "-chardev", link.replace("/run/vgpu-stub", f"{open_dir}/run"),
             "-device", "vgpu-stub,id=gpu0,chardev=vgpu-link-0"],
            env=dict(os.environ, PATH=f"{open_dir}:{os.environ['PATH']}")))
        wait_connection(open_dir / "run" / f"{uuid_of(7)}.{domid}-0.sock",
                        30).close()
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()


def end(process):
    """As libxl ends it: QEMU cleans up, once it handles the signal."""
    status = Path(f"/proc/{process.pid}/status")
    wait_for(lambda: int(re.search("^SigCgt:\t(.*)$", status.read_text(),
                                   re.M).group(1), 16)
             >> signal.SIGTERM - 1 & 1, "QEMU that handles SIGTERM")
    process.terminate()
    assert process.wait(30) == 0


def test_two_of_one_vm_have_sockets_of_their_own(start, open_dir):
    """A migration to the same host: the first ends when the second runs."""
    first = start(7)
    start(8)
    end(first)
    left, = (open_dir / "run").iterdir()
    assert left.name == f"{uuid_of(7)}.8-0.sock" != socket_name(8)
    wait_connection(left).close()
