# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary users of a guest compute on the host, through the driver."""
from support.guest import boot, vgpu_stub
from support.mediatord import UNLIMITED, Host

BEGIN = """\
insmod ./vgpu-stub.ko || exit 1
until [ "$(cat /sys/class/misc/vgpu-stub0/link)" = up ]; do sleep 0.1; done
echo "== stranger"; ./as-user ./compute 2>&1; echo "status $?"
chgrp 105 /dev/vgpu-stub0
"""

# What one of them leaves when it is killed is gone before the others end.
TOGETHER = """\
echo "== together"
./as-user ./compute 6 & first=$!
./as-user ./compute 6 & second=$!
mkfifo said; ./as-user ./compute hoard >said & victim=$!
read line <said; echo "$line"
./as-user ./compute used; kill -9 $victim
until [ "$(./as-user ./compute used)" -lt 8388608 ]; do sleep 0.2; done
echo "given back"
wait $first; echo "status $?"; wait $second; echo "status $?"
until [ "$(./as-user ./compute used)" = 0 ]; do sleep 0.2; done
"""

ALONE = """\
echo "== alone"; ./as-user ./compute; echo "status $?"
"""

# The device does not tell programs apart, but knows when none is left.
LEFTOVERS = """\
echo "== leftovers"
mkfifo said; ./as-user ./compute hoard >said & victim=$!
read line <said; echo "$line"
./as-user ./compute; ./as-user ./compute used; kill -9 $victim
wait $victim; ./as-user ./compute used
"""


def run(qemu_bin, tmp_path, job, *properties):
    with Host(tmp_path, config=UNLIMITED) as host:
        return boot(
            qemu_bin, tmp_path / "job", BEGIN + job,
            ["driver/6.1/vgpu-stub.ko", "tests/driver/as-user",
             "tests/driver/compute"],
            *vgpu_stub(host.sockets / "0.sock", 0, *properties),
            kernel_args="oops=panic")


def test_together_and_one_is_killed(any_qemu_bin, tmp_path):
    sections = run(any_qemu_bin, tmp_path, TOGETHER)
    lines = sections["together"]
    assert lines.count("compute: ok, by the queue") == 2, lines
    assert lines.count("status 0") == 2, lines
    assert "compute: hoarding" in lines and "given back" in lines, lines
    assert max(int(line) for line in lines if line.isdigit()) >= 8 << 20
    assert sections["stranger"][-1] == "status 1", sections["stranger"]
    assert "Permission denied" in sections["stranger"][0]


def test_without_a_queue(any_qemu_bin, tmp_path):
    sections = run(any_qemu_bin, tmp_path, ALONE + LEFTOVERS, "queue=off")
    assert sections["alone"] == ["compute: ready",
                                 "compute: ok, by the mailbox", "status 0"]
    # The shell may say that, at some time.
    assert [line for line in sections["leftovers"] if line != "Killed"] == [
        "compute: hoarding", "compute: ready", "compute: ok, by the mailbox",
        str(8 << 20), "0"]
