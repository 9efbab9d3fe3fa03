# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM is what its sockets' names say, not what it says."""
import json

import pytest

from support import abi
from support.fake_device import FakeDevice
from support.operations import nop
from support.wait import wait_for

UUID = "5f2a9a3c-0f0b-4e7e-9d5a-0123456789ab"
OTHER = "00112233-4455-6677-8899-aabbccddeeff"


def lines(path, vm_id, what):
    start = (f"vgpu-mediatord: {path}: vm {vm_id}, pool A, "
             'priority medium, device "": ')
    return [start + "connected"] + ([start + what] if what else [])


SERVED = "served as domain 7, which its socket is for"


@pytest.mark.parametrize("name, vm_id, what", [
    ("7-0.sock", 200, SERVED),
    ("7-1.sock", 4294967295, SERVED),
    ("7-0.sock", 7, None),
    ("7-0.sock", 0, None),
    ("vm.sock", 200, None),
    ("vm-0.sock", 200, None),
    (f"{UUID}.7-0.sock", 200, SERVED),
    (f"{UUID}.7-0.sock", 7, None),
    (f"{UUID}-0.sock", 7, None),
])
@pytest.mark.parametrize("option", ["--connect", "--socket-dir"])
def test_a_claim_that_differs_is_logged(start, sockets, option, name, vm_id,
                                        what):
    path = sockets / name
    device = FakeDevice(path)
    daemon = start(option, path if option == "--connect" else sockets)
    with device.greet(vm_id=vm_id):
        daemon.wait_log("connected$")
    daemon.wait_log("disconnected")
    assert daemon.log()[:-1] == lines(path, vm_id, what)


def test_a_claim_of_another_uuid(start, sockets):
    """It is not believed, whichever the name says."""
    path = sockets / f"{UUID}.7-0.sock"
    device = FakeDevice(path)
    daemon = start("--socket-dir", sockets)
    with device.greet(vm_uuid=bytes.fromhex(OTHER.replace("-", ""))):
        daemon.wait_log("connected$")
        line, = daemon.wait_log("served as")
        assert line.endswith(f"served as VM {UUID}, which its socket is for")


def ask(peer):
    answer, = peer.ask(nop())
    return answer.status


def test_domains_of_a_vm(start, sockets, admin, ctl):
    """While it moves to the same host it has two; it is one VM."""
    def vms():
        return {vm["vm"]: (vm["domid"], vm["ended"])
                for vm in json.loads(ctl("vms", "--json"))}

    devices = [FakeDevice(sockets / name) for name in
               (f"{UUID}.7-0.sock", f"{UUID}.7-1.sock", "web-0.sock")]
    start("--socket-dir", sockets, "--admin-socket", admin)
    peers = [device.greet() for device in devices]
    assert [ask(peer) for peer in peers] == [abi.VGPU_STUB_ERR_NONE] * 3
    assert vms() == {UUID: ("7", 2), "web": ("", 1)}
    destination = FakeDevice(sockets / f"{UUID.upper()}.9-0.sock")
    moved = destination.greet()
    assert vms()[UUID] == ("7,9", 2)
    for device, peer in zip(devices[:2], peers):
        device.remove()
        peer.close()
    assert ask(moved) == abi.VGPU_STUB_ERR_NONE
    wait_for(lambda: vms()[UUID] == ("9", 3), "end of domain 7")
