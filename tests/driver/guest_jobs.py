# SPDX-License-Identifier: GPL-2.0-or-later
"""What guests do with the driver, and what has to come of it.

A job is made of the pieces here, each a section of what the guest says. The
device is served by a fake mediator.
"""
import re
import socket

from queue_server import QueueServer
from support.guest import boot, vgpu_stub
from support.qemu import Monitor, listen
from support.server_thread import ServerThread

PROGRAMS = [f"tests/driver/{name}" for name in (
    "as-user", "interrupt-test", "ioctl-test", "ioctl-fuzz", "kill-test",
    "states-test", "stream")]

# Whatever a kernel says when it has found a fault
FAULTS = re.compile(r"BUG|WARNING|KFENCE|UBSAN|DMA-API|Oops|DMAR.*[Ff]ault|"
                    r"Call Trace|stall|task .* blocked|"
                    r"vgpu-stub .*(does not|of nothing)")

BEGIN = """\
ours() { chgrp 105 /dev/vgpu-stub0; }
device=/sys/bus/pci/devices/0000:00:1e.0
pins() { awk '/nr_foll_pin/ { print $2 }' /proc/vmstat | uniq | wc -l; }
# What a program that has just ended had pinned may be on its way back.
unpinned() { until [ "$(pins)" = 1 ]; do sleep 0.1; done; echo unpinned; }
# A stream's output, until it has worked so often
works() { until [ "$(grep -c works said)" -ge $1 ]; do sleep 0.1; done; }
echo "== boot"; dmesg -c
insmod ./vgpu-stub.ko && ours || exit 1
until [ "$(cat /sys/class/misc/vgpu-stub0/link)" = up ]; do sleep 0.1; done
"""

PROMISES = """\
echo "== attributes"; cd /sys/class/misc/vgpu-stub0
cat pool priority vm_id link; cd /job
echo "== interrupts"; spin_us=/sys/module/vgpu_stub/parameters/spin_us
for most in $(cat $spin_us) 0; do
    echo $most >$spin_us; ./as-user ./interrupt-test; echo "status $?"
done
for most in 1001 -1 many ''; do ! echo $most >$spin_us; echo "status $?"; done
cat $spin_us; echo 500 >$spin_us
echo "== promises"; ./as-user ./ioctl-test; echo "status $?"
echo "== states"; ./states-test; echo "status $?"; ours
"""

# Two programs, and others that are killed meanwhile
SHARING = """\
echo "== sharing"
./as-user ./stream 6 & first=$!
./as-user ./stream 6 32 & second=$!
./as-user ./kill-test 25 SEED; echo "status $?"
wait $first; echo "status $?"; wait $second; echo "status $?"
unpinned
"""

# The same without a queue, where kill-test has nothing to begin
SHARING_MAILBOX = """\
echo "== sharing"
./as-user ./stream 6 & first=$!
for i in $(seq 20); do
    ./as-user ./stream 100 & victim=$!
    sleep 0.$((i % 4)); kill -9 $victim
done
wait $first; echo "status $?"
"""

REMOVAL = """\
echo "== removal"; : >said
./as-user ./stream 100 8 5 >said & stream=$!
for i in 1 2 3 4 5; do
    works $i; echo 1 >$device/remove; echo 1 >/sys/bus/pci/rescan; ours
done
wait $stream; echo "status $?"; cat said
unpinned
"""

# The host wakes it.
SLEEP = """\
echo "== sleep"; : >said
./as-user ./stream 100 8 2 >said & stream=$!
for i in 1 2; do
    works $i; echo mem >/sys/power/state || echo "no sleep"
done
wait $stream; echo "status $?"; cat said
unpinned
"""

FUZZ = """\
echo "== fuzz"; ./as-user ./ioctl-fuzz CALLS 20261128; echo "status $?"
./as-user ./stream 1; echo "status $?"
unpinned
"""

END = """\
echo "== end"; rmmod vgpu-stub; echo "status $?"
echo "== dmesg"; dmesg
"""


# Seconds until a guest that is not done is given up
PATIENCE = 300


def programs_for(series):
    return [f"driver/{series}/vgpu-stub.ko", *PROGRAMS]


def device(path, *properties):
    return vgpu_stub(path, 0, "addr=0x1e", "pool_id=B", "priority=high",
                     "vm_id=200", *properties)


def options_for(series, kernel_args="", **options):
    return {"kernel": series, "timeout": PATIENCE,
            "kernel_args": f"oops=panic {kernel_args}", **options}


class Waker(ServerThread):
    """Wakes a guest that sleeps, while `with` lasts; QEMU's arguments.

    It asks for nothing else: QEMU 7.2 may not end when it is asked something just
    as its guest powers off.
    """

    def __init__(self, path):
        super().__init__()
        self.args = "-qmp", f"unix:{path}"
        self.listener = listen(path)
        self.listener.settimeout(1)
        self.monitor = None

    def _serve(self):
        try:
            self.monitor = self.monitor or Monitor(self.listener)
            self.monitor.wait_for_event("SUSPEND")
            self.monitor("system_wakeup")
        except socket.timeout:
            return                      # it has not started yet
        except (EOFError, ConnectionError):
            self.stopping.wait()        # it has ended

    def __exit__(self, *args):
        super().__exit__(*args)
        self.listener.close()
        if self.monitor:
            self.monitor.close()


def run(qemu_bin, directory, series, job, *qemu_args, programs=(),
        mediator=QueueServer, properties=(), **options):
    """Returns {section: lines}, and the fake mediator when all is over."""
    with mediator(directory / "link.sock") as server, \
            Waker(directory / "qmp") as waker:
        sections = boot(
            qemu_bin, directory / "job", BEGIN + job + END,
            [*programs_for(series), *programs],
            *device(directory / "link.sock", *properties), *waker.args,
            *qemu_args, **options_for(series, **options))
    return sections, server


def check_interrupted(sections, *names):
    """Where the device went away or slept: the stream went on."""
    for name in names:
        check(sections, name, "unpinned")
        assert "no sleep" not in sections[name], sections[name]
        ok, = [line for line in sections[name] if "stream: ok" in line]
        assert int(ok.split()[-1]) > 0, sections[name]


def check(sections, name, *expected):
    """The section's statuses are all 0, and these lines are in it."""
    lines = sections[name]
    assert not [line for line in lines if line.startswith("not ok")], lines
    statuses = [line for line in lines if line.startswith("status ")]
    assert statuses and set(statuses) == {"status 0"}, lines
    for line in expected:
        assert line in lines, lines


def check_end(sections, transport="queue"):
    """It can be unloaded, and the kernel has no complaint."""
    check(sections, "end")
    faults = [line for line in sections["dmesg"] if FAULTS.search(line)]
    assert not faults, "\n".join(sections["dmesg"])
    assert any(f"vgpu-stub0, by the {transport}" in line
               for line in sections["dmesg"])
