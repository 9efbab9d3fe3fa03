# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's driver in real guests, most with the queue of a fake mediator."""
import pytest

from guest_jobs import (FUZZ, PROMISES, REMOVAL, SHARING, SHARING_MAILBOX,
                        SLEEP, check, check_end, check_interrupted, run)
from support.mediatord import UNLIMITED, Host


@pytest.mark.parametrize("series, processors",
                         (("5.10", 1), ("6.1", 2), ("6.12", 2)))
def test_a_guest(any_qemu_bin, tmp_path, series, processors):
    """KFENCE, which 6.12 has, sees what is used after it was freed."""
    job = PROMISES + SHARING + REMOVAL + FUZZ
    sections, server = run(
        any_qemu_bin, tmp_path, series,
        job.replace("SEED", series.replace(".", "")).replace("CALLS", "35000"),
        "-smp", processors, kernel_args="kfence.sample_interval=1",
        begin="bios")
    assert sections["attributes"] == ["B", "high", "200", "up"]
    check(sections, "interrupts", "0")
    check(sections, "promises")
    check(sections, "states")
    check(sections, "sharing", "kill-test: 25 killed", "unpinned")
    check_interrupted(sections, "removal")
    check(sections, "fuzz", "ioctl-fuzz: 35000 calls", "unpinned")
    check_end(sections)
    assert server.contexts > 25 and server.open == 0


# Of several processors under TCG not all wake each time when the host has
# nothing else to do, whatever has slept, and then the guest is reset: one here.

@pytest.mark.parametrize("series", ("5.10", "6.1", "6.12"))
def test_sleep_under_load(any_qemu_bin, tmp_path, series):
    sections, server = run(any_qemu_bin, tmp_path, series, SLEEP,
                           kernel_args="kfence.sample_interval=1",
                           begin="bios")
    check_interrupted(sections, "sleep")
    check_end(sections)
    assert server.open == 0


def test_sleep_without_a_queue(any_qemu_bin, tmp_path):
    sections, _ = run(
        any_qemu_bin, tmp_path, "6.12", SLEEP, properties=["queue=off"],
        mediator=lambda path: Host(tmp_path, "--connect", path,
                                   config=UNLIMITED), begin="bios")
    check_interrupted(sections, "sleep")
    check_end(sections, "mailbox")


def test_without_a_queue_under_load(any_qemu_bin, tmp_path):
    sections, _ = run(
        any_qemu_bin, tmp_path, "6.12",
        SHARING_MAILBOX + REMOVAL + FUZZ.replace("CALLS", "10000"),
        "-smp", 2, properties=["queue=off"],
        mediator=lambda path: Host(tmp_path, "--connect", path,
                                   config=UNLIMITED),
        kernel_args="kfence.sample_interval=1", begin="bios")
    check(sections, "sharing")
    check_interrupted(sections, "removal")
    check(sections, "fuzz", "ioctl-fuzz: 10000 calls")
    check_end(sections, "mailbox")


def test_bounce_buffers(any_qemu_bin, tmp_path):
    """The device sees copies, as in a guest whose memory is encrypted. There is
    room for 4 MiB of them, less than what is to be in flight."""
    sections, _ = run(any_qemu_bin, tmp_path, "5.10",
                      SHARING.replace("SEED", "9"),
                      kernel_args="swiotlb=2048,force")
    check(sections, "sharing", "kill-test: 25 killed", "unpinned")
    check_end(sections)


def test_behind_an_iommu(any_qemu_bin, tmp_path):
    """It reports each access to memory that was given back."""
    sections, _ = run(
        any_qemu_bin, tmp_path, "6.1", (SHARING + REMOVAL).replace("SEED", "7"),
        "-M", "q35", "-device", "intel-iommu",
        kernel_args="intel_iommu=on iommu.strict=1")
    check(sections, "sharing", "kill-test: 25 killed", "unpinned")
    check(sections, "removal", "unpinned")
    check_end(sections)
    assert any("DMAR: IOMMU enabled" in line for line in sections["boot"])
