# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line and the monitor: what an operator sees of the device."""
import re

import pytest

from support import abi
from support.device import SLOT, Device
from support.qemu import Qemu, run

MEDIUM = abi.VGPU_STUB_PRIORITY_MEDIUM


@pytest.mark.parametrize("properties, pool, priority, vm_id, timeout", (
    ("", "A", MEDIUM, 0, 30000),
    ("pool_id=A", "A", MEDIUM, 0, 30000),
    ("pool_id=B,priority=high,vm_id=200", "B", abi.VGPU_STUB_PRIORITY_HIGH,
     200, 30000),
    ("priority=low", "A", abi.VGPU_STUB_PRIORITY_LOW, 0, 30000),
    ("priority=medium", "A", MEDIUM, 0, 30000),
    ("vm_id=4294967295", "A", MEDIUM, 4294967295, 30000),
    ("request-timeout-ms=0", "A", MEDIUM, 0, 0),
    ("request-timeout-ms=4294967295", "A", MEDIUM, 0, 4294967295),
))
def test_properties_are_what_the_guest_reads(start_qemu, properties, pool,
                                             priority, vm_id, timeout):
    dev = Device(start_qemu(properties))
    assert chr(dev.POOL_ID) == pool
    assert dev.PRIORITY == priority
    assert dev.VM_ID == vm_id
    assert dev.REQUEST_TIMEOUT_MS == timeout


@pytest.mark.parametrize("setting, words", (
    ("pool_id=C", ("pool_id is 'C', must be A or B",)),
    ("pool_id=a", ("pool_id is 'a', must be A or B",)),
    ("pool_id=", ("pool_id is '', must be A or B",)),
    ("pool_id=AB", ("pool_id is 'AB', must be A or B",)),
    ("priority=urgent", ("priority is 'urgent', must be low, medium or high",)),
    ("priority=HIGH", ("priority is 'HIGH', must be low, medium or high",)),
    ("priority=", ("priority is '', must be low, medium or high",)),
    ("vm_id=4294967296", ("vm_id", "4294967296")),
    ("vm_id=-1", ("vm_id", "-1")),
    ("vm_id=seven", ("vm_id", "seven")),
    ("vm_id=", ("vm_id",)),
    ("request-timeout-ms=1.5", ("request-timeout-ms", "1.5")),
    ("request-timeout-ms=4294967296", ("request-timeout-ms", "4294967296")),
    ("chardev=nobody", ("chardev", "nobody")),
    ("colour=red", ("colour",)),
))
def test_bad_properties_are_named(qemu_bin, setting, words):
    result = run(qemu_bin, "-device", "vgpu-stub," + setting)
    assert result.returncode == 1
    for word in words:
        assert word in result.stdout


def test_one_chardev_serves_one_device(qemu_bin, link_path):
    result = run(qemu_bin, "-chardev",
                 f"socket,id=link,path={link_path},server=on,wait=off",
                 "-device", "vgpu-stub,chardev=link",
                 "-device", "vgpu-stub,chardev=link")
    assert result.returncode == 1
    assert "link" in result.stdout


def test_device_help_lists_it_as_misc(qemu_bin):
    sections = run(qemu_bin, "-device", "help").stdout.split("\n\n")
    section, = (s for s in sections if '"vgpu-stub"' in s)
    assert section.strip().startswith("Misc devices:")
    assert ('name "vgpu-stub", bus PCI, desc "Share of the host\'s '
            'accelerators through a mediator"') in section


PROPERTIES = {
    "pool_id": "pool of accelerators: A (default) or B",
    "priority": "low, medium (default) or high",
    "vm_id": "number that the guest reads",
    "request-timeout-ms": "a request of the mailbox fails after this time, "
                          "0: never",
    "queue": "DMA queue: on (default) or off",
    "chardev": "link to the mediator (default: none)",
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_device_help_describes_the_properties(qemu_bin, name):
    text = run(qemu_bin, "-device", "vgpu-stub,help").stdout
    line, = re.findall(rf"^.*\b{name}=.*$", text, re.MULTILINE)
    # QEMU 4.2 has no place for descriptions.
    if "version 4.2" not in run(qemu_bin, "-version").stdout:
        assert PROPERTIES[name] in line


def test_info_qtree_and_info_pci(start_qemu):
    qemu = start_qemu("pool_id=B,priority=high,vm_id=200")
    tree = qemu.hmp("info qtree")
    start = tree.index('dev: vgpu-stub, id "gpu0"')
    for line in ('pool_id = "B"', 'priority = "high"', "vm_id = 200",
                 "request-timeout-ms = 30000", 'chardev = "link"',
                 "class Class 1200, addr 00:1e.0, pci id 1af4:1111"):
        assert line in tree[start:]
    assert "1af4:1111" in qemu.hmp("info pci")


def test_without_chardev_it_works_without_link(qemu_bin, tmp_path):
    with Qemu(qemu_bin, tmp_path, "-device",
              f"vgpu-stub,addr={SLOT:#x}") as qemu:
        dev = Device(qemu)
        dev.submit(b"x")
        assert dev.LINK == 0
        assert dev.ERROR_CODE == abi.VGPU_STUB_ERR_MEDIATOR_UNAVAILABLE
