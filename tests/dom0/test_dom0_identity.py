# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a VM is, from XenStore to what an operator sees: hook, wrapper, a QEMU
that is told no UUID, and the mediator, all of them real."""
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from dom0_host import uuid_of
from support.mediatord import Mediatord
from support.paths import BUILD
from support.qemu import FIRMWARE
from support.wait import wait_for

VM = uuid_of(7)
KEY = b"-device vgpu-stub,vm_id=200"


class Host:
    """A dom0 with a mediator."""

    def __init__(self, dom0, qemu_bin):
        self.dom0 = dom0
        self.qemu_bin = qemu_bin
        self.admin = dom0.path / "admin.sock"
        self.metrics = dom0.path / "metrics.sock"
        dom0.run_dir.mkdir()
        (dom0.path / "state").mkdir()
        self.daemon = Mediatord(
            BUILD / "mediator" / "vgpu-mediatord", dom0.path / "log",
            "--socket-dir", dom0.run_dir, "--admin-socket", self.admin,
            "--metrics-socket", self.metrics,
            "--state-dir", dom0.path / "state")

    def start_vm(self, domid, vm=f"/vm/{VM}"):
        """Start the domain as xenopsd does; returns when it is served."""
        self.dom0.start_domain(domid, KEY, vm)
        self.dom0.run_wrapper(
            domid, self.qemu_bin, "-machine", "pc", "-accel", "qtest",
            "-nodefaults", "-display", "none", "-m", "32", *FIRMWARE)
        self.daemon.wait_log(rf"[./]{domid}-0\.sock: .*connected$")

    def end_vm(self, domid):
        """As a domain ends: QEMU is killed, its socket stays."""
        os.kill(self.qemu_pid(domid), signal.SIGKILL)
        self.dom0.end_domain(domid)

    def qemu_pid(self, domid):
        """The wrapper writes it when QEMU may have connected already."""
        return int(wait_for(lambda: self.dom0.store.read(
            "", f"/local/domain/{domid}/image/device-model-pid"), "pid"))

    def ctl(self, *args):
        return subprocess.run(
            [BUILD / "mediator" / "vgpu-ctl", "--socket", self.admin, *args],
            check=True, text=True, stdout=subprocess.PIPE).stdout

    def vms(self):
        return {vm["vm"]: vm for vm in json.loads(self.ctl("vms", "--json"))}

    def scrape(self):
        return subprocess.run(
            ["curl", "-sf", "--unix-socket", self.metrics,
             "http://localhost/metrics"],
            check=True, text=True, stdout=subprocess.PIPE).stdout


@pytest.fixture
def host(dom0, qemu_bin):
    host = Host(dom0, qemu_bin)
    with host.daemon:
        yield host


def test_the_uuid_reaches_the_operator(host):
    host.start_vm(7)
    assert list(host.vms()) == [VM]
    assert f'{{vm="{VM}"}}' in host.scrape()
    arguments = Path(f"/proc/{host.qemu_pid(7)}/cmdline").read_bytes()
    assert b"vgpu-stub" in arguments and b"-uuid" not in arguments


def test_a_quarantine_goes_with_the_vm(host):
    """Over a reboot, and never to the next that has its domain id."""
    host.start_vm(7)
    host.ctl("quarantine", VM)
    host.end_vm(7)
    host.start_vm(9)
    assert host.vms()[VM]["quarantined_s"] == -1
    stranger = uuid_of(8)
    host.start_vm(7, f"/vm/{stranger}")
    wait_for(lambda: stranger in host.vms(), "the stranger")
    assert host.vms()[stranger]["quarantined_s"] == 0


def test_two_domains_of_one_vm(host):
    """A migration to the same host: one VM, until the first domain ends."""
    host.start_vm(7)
    host.start_vm(8)
    vms = host.vms()
    assert list(vms) == [VM] and vms[VM]["domid"] == "7,8"
    host.end_vm(7)
    host.start_vm(9, f"/vm/{uuid_of(9)}")   # sweeps what domain 7 has left
    wait_for(lambda: host.vms()[VM]["domid"] == "8", "end of the first domain")


def test_without_a_uuid(host):
    host.start_vm(7, vm="")
    assert list(host.vms()) == ["7"]
