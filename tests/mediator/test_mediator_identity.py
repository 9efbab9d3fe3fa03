# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM is what its sockets' names say, not what it says."""
import pytest

from fake_device import FakeDevice

UUID = "00000000-0000-0000-0000-000000000000"


def lines(path, vm_id, what):
    start = (f"vgpu-mediatord: {path}: vm {vm_id}, uuid {UUID}, pool A, "
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
])
@pytest.mark.parametrize("option", ["--connect", "--socket-dir"])
def test_a_claim_that_differs_is_logged(start, tmp_path, option, name, vm_id,
                                        what):
    folder = tmp_path / "sockets"
    folder.mkdir()
    path = folder / name
    device = FakeDevice(path)
    daemon = start(option, path if option == "--connect" else folder)
    with device.greet(vm_id=vm_id):
        daemon.wait_log("connected$")
    daemon.wait_log("disconnected")
    assert daemon.log()[:-1] == lines(path, vm_id, what)
