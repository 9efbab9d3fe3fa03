# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's driver while its machine ends and goes on: elsewhere, later, or
as another kernel."""
import shutil
import subprocess

from guest_jobs import (BEGIN, END, PATIENCE, check, check_end, device,
                        options_for, programs_for)
from queue_server import QueueServer
from support.guest import make_job, said, sections_of, start
from support.paths import ROOT
from support.qemu import Monitor, listen
from support.wait import wait_for

SERIES = "6.1"
GONE = 125          # run-guest's status when the guest ended before its job

STREAM = """\
echo "== stream"
./as-user ./stream 100 8 1 >said & first=$!
./as-user ./stream 100 32 1 >other & second=$!
until grep -q works said && grep -q works other; do sleep 0.1; done
"""

AFTER_STREAM = """\
wait $first; echo "status $?"; wait $second; echo "status $?"; cat said other
unpinned
"""

SWAP = """\
modprobe virtio_pci; modprobe virtio_blk
mkswap /dev/vda >/dev/null; swapon /dev/vda
"""

TO_DISK = """\
echo shutdown >/sys/power/disk
echo disk >/sys/power/state || echo "no sleep"
"""

FROM_DISK = """\
modprobe virtio_pci; modprobe virtio_blk
cat /sys/block/vda/dev >/sys/power/resume
exit 1
"""

KEXEC = """\
./kexec-into vmlinuz initrd "$(cat /proc/cmdline)"; exit 1
"""

# Whoever has the machine now has not told the device anything yet.
NEXT_KERNEL = """\
echo "== next"
read bar rest </sys/bus/pci/devices/0000:00:1e.0/resource
echo "queue $(devmem $((bar + 0x8a0)) 32)"
insmod ./vgpu-stub.ko; chgrp 105 /dev/vgpu-stub0
./as-user ./stream 2; echo "status $?"
"""


def check_moved(sections):
    """Both streams have gone on, with what they began anew."""
    check(sections, "stream", "unpinned")
    assert "no sleep" not in sections["stream"]
    anew = [int(line.split()[-1]) for line in sections["stream"]
            if "stream: ok" in line]
    assert len(anew) == 2 and all(anew), sections["stream"]
    check_end(sections)


def test_migration_under_load(any_qemu_bin, tmp_path):
    job, state = tmp_path / "job", tmp_path / "state"
    make_job(job, BEGIN + STREAM + AFTER_STREAM + END, programs_for(SERIES))
    links = [tmp_path / "1.sock", tmp_path / "2.sock"]
    with QueueServer(links[0]) as before, QueueServer(links[1]) as after, \
            listen(tmp_path / "qmp") as listener:
        source = start(any_qemu_bin, job, *device(links[0]),
                       "-qmp", f"unix:{tmp_path}/qmp", **options_for(SERIES))
        monitor = Monitor(listener)
        monitor("migrate-set-parameters", **{"downtime-limit": 60000})
        wait_for(lambda: before.working == 2, "two streams", PATIENCE)
        monitor.save(state)
        monitor("quit")
        monitor.close()
        text = said(source, GONE)
        text += said(start(any_qemu_bin, job, *device(links[1]), "-incoming",
                           f"exec:cat {state}", **options_for(SERIES)))
    check_moved(sections_of(text))
    assert before.contexts == 2 and after.contexts >= 2 and after.open == 0


def test_hibernation_under_load(any_qemu_bin, tmp_path):
    job, again, disk = (tmp_path / name for name in ("job", "again", "disk"))
    make_job(job, BEGIN + SWAP + STREAM + TO_DISK + AFTER_STREAM + END,
             programs_for(SERIES))
    make_job(again, FROM_DISK, ())
    with open(disk, "wb") as file:
        file.truncate(512 << 20)
    link = tmp_path / "link.sock"
    args = *device(link), "-drive", f"file={disk},format=raw,if=virtio"
    with QueueServer(link) as server:
        text = said(start(any_qemu_bin, job, *args, **options_for(SERIES)),
                    GONE)
        text += said(start(any_qemu_bin, again, *args, **options_for(SERIES)))
    check_moved(sections_of(text))
    assert server.contexts >= 4 and server.open == 0


def pack_guest(folder, script, programs):
    """The test guest's kernel, and an initrd with a job, in the folder"""
    image = subprocess.run(
        [ROOT / "scripts/build-guest-image", SERIES], check=True,
        stdout=subprocess.PIPE, text=True).stdout.strip()
    root = folder.with_name("root")
    root.mkdir()
    make_job(root / "job", script, programs)
    shutil.copy(f"{image}/vmlinuz", folder)
    with open(folder / "initrd", "wb") as initrd:
        with open(f"{image}/initramfs.cpio", "rb") as first:
            shutil.copyfileobj(first, initrd)
        initrd.write(subprocess.run([ROOT / "scripts/pack-cpio", root],
                                    check=True,
                                    stdout=subprocess.PIPE).stdout)


def test_another_kernel_finds_it_quiet(any_qemu_bin, tmp_path):
    job, link = tmp_path / "job", tmp_path / "link.sock"
    make_job(job, BEGIN + STREAM + KEXEC,
             [*programs_for(SERIES), "tests/driver/kexec-into"])
    pack_guest(job, NEXT_KERNEL + END, programs_for(SERIES))
    with QueueServer(link) as server:
        sections = sections_of(said(start(
            any_qemu_bin, job, *device(link), "-m", "512M",
            **options_for(SERIES))))
    assert sections["next"][0] == "queue 0x00000000"
    check(sections, "next")
    check_end(sections)
    assert server.contexts == 3 and server.open == 0
