# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's driver in a kernel that looks for faults: check-driver-kasan.

KASAN sees what is used after it was freed or beside where it is, lockdep locks
that could meet in two orders, DMA_API_DEBUG what the device was not told of or
not told to be over, kmemleak memory that nobody has any more, and each
allocation can be made to fail.
"""
from guest_jobs import (PROMISES, REMOVAL, SHARING, SHARING_MAILBOX, check,
                        check_end, check_interrupted, run)
from support.mediatord import UNLIMITED, Host

MOUNT = "mount -t debugfs debugfs /sys/kernel/debug\n"

FAILURES = """\
echo "== failures"
for kind in failslab fail_page_alloc; do
    echo N >/sys/kernel/debug/$kind/ignore-gfp-wait
    echo 0 >/sys/kernel/debug/$kind/verbose
done
echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
./as-user ./fault-test; echo "status $?"
./fault-test probe; echo "status $?"; ours
unpinned
"""

# All of a sleep but the sleep itself, in which this kernel stays for minutes
SLEEP = """\
echo "== sleep"; echo devices >/sys/power/pm_test
echo 1 >/sys/module/suspend/parameters/pm_test_delay; : >said
./as-user ./stream 1000 8 2 >said & stream=$!
for i in 1 2; do
    works $i; echo freeze >/sys/power/state || echo "no sleep"
done
wait $stream; echo "status $?"; cat said
unpinned
"""

FUZZ = """\
echo "== fuzz"; ./as-user ./ioctl-fuzz 100000 20261128; echo "status $?"
unpinned
"""

# An object has to be 5 s old before it is missed.
LEAKS = """\
echo "== leaks"; sleep 6; leaks=/sys/kernel/debug/kmemleak
echo scan >$leaks; echo scan >$leaks; cat $leaks
"""


def inspect(qemu_bin, tmp_path, job, *qemu_args, transport="queue",
            **options):
    """On q35: the pc's table of interrupts takes this kernel half a minute for
    each time that the device is enabled."""
    sections, _ = run(qemu_bin, tmp_path, "kasan", MOUNT + job + LEAKS, "-m",
                      "1G", "-M", "q35", *qemu_args, timeout=1200, **options)
    check_end(sections, transport)
    assert sections["leaks"] == []
    return sections


def test_each_allocation_fails(any_qemu_bin, tmp_path):
    """Without DMA_API_DEBUG, whose own allocations would fail, too"""
    sections = inspect(any_qemu_bin, tmp_path, FAILURES,
                       programs=["tests/driver/fault-test"],
                       kernel_args="dma_debug=off")
    check(sections, "failures", "unpinned")


def test_use(any_qemu_bin, tmp_path):
    sections = inspect(
        any_qemu_bin, tmp_path,
        PROMISES + SHARING.replace("SEED", "3") + REMOVAL + SLEEP, "-smp", "2")
    check(sections, "interrupts", "0")
    check(sections, "promises")
    check(sections, "states")
    check(sections, "sharing", "kill-test: 25 killed", "unpinned")
    check_interrupted(sections, "removal", "sleep")


def test_use_without_a_queue(any_qemu_bin, tmp_path):
    sections = inspect(
        any_qemu_bin, tmp_path, SHARING_MAILBOX + REMOVAL + SLEEP, "-smp", "2",
        transport="mailbox", properties=["queue=off"],
        mediator=lambda path: Host(tmp_path, "--connect", path,
                                   config=UNLIMITED))
    check(sections, "sharing")
    check_interrupted(sections, "removal", "sleep")


def test_fuzz(any_qemu_bin, tmp_path):
    sections = inspect(any_qemu_bin, tmp_path, FUZZ, "-smp", "2")
    check(sections, "fuzz", "ioctl-fuzz: 100000 calls", "unpinned")
