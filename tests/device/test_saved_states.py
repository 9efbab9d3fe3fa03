# SPDX-License-Identifier: GPL-2.0-or-later
"""States that earlier versions of the device have saved load into this one.

states/QEMU-VERSION-OUTCOME.xz: the series of QEMU that saved it, the version of
the device ("first", or "mailbox": the last one without a queue), and what had
become of its request. Those of 4.2 lack its `timer/icount`, which no other series
loads and no real VM has: it comes from the accelerator that tests use.
"""
import lzma
import re
from pathlib import Path

import pytest

from support import abi
from support.device import SLOT, Device
from support.fake_mediator import FakeMediator
from support.qemu import Qemu, run

STATES = Path(__file__).parent / "states"

MSI_ADDRESS = 0x100000
MSI_DATA = 0x4321

# STATUS and ERROR_CODE after the load
OUTCOMES = {
    "idle": (abi.VGPU_STUB_STATUS_IDLE, abi.VGPU_STUB_ERR_NONE),
    "done": (abi.VGPU_STUB_STATUS_DONE, abi.VGPU_STUB_ERR_NONE),
    "error": (abi.VGPU_STUB_STATUS_ERROR, abi.VGPU_STUB_ERR_OUT_OF_MEMORY),
    "busy": (abi.VGPU_STUB_STATUS_ERROR, abi.VGPU_STUB_ERR_CANCELLED),
}


@pytest.fixture(params=sorted(STATES.glob("*.xz")), ids=lambda path: path.stem)
def saved(request):
    return request.param


@pytest.fixture
def plain(qemu_bin):
    """The options of a machine without what belongs to QEMU and its firmware,
    and QEMU's other options for it"""
    if "hpet" in run(qemu_bin, machine="pc,help").stdout:
        return "acpi=off,hpet=off,usb=off,suppress-vmdesc=on", ()
    return "usb=off,suppress-vmdesc=on", ("-no-acpi", "-no-hpet")


@pytest.fixture
def loaded(qemu_bin, restore, tmp_path, saved, plain):
    """The device that has loaded the state"""
    machine = f"pc-i440fx-{saved.stem.split('-')[0]}"
    if machine not in run(qemu_bin, machine="help").stdout:
        pytest.skip("this QEMU is older than the saved state")
    options, more = plain
    state = tmp_path / "state"
    state.write_bytes(lzma.decompress(saved.read_bytes()))
    bios = tmp_path / "bios"
    bios.write_bytes(bytes(65536))
    return restore(state, "-bios", bios, *more, machine=f"{machine},{options}")


def test_a_state_of_an_earlier_version(loaded, saved, tmp_path):
    outcome = saved.stem.split("-")[2]
    asked = outcome != "idle"
    assert loaded.SCRATCH == 0x12345678
    assert loaded.REQUEST_ID == (42 if asked else 0)
    assert (loaded.INTERRUPT_CTRL, loaded.INTERRUPT_STATUS) == (asked, asked)
    assert loaded.read_block(abi.VGPU_STUB_REQUEST_BUF, 8) == \
        (b"question" if asked else bytes(8))
    assert (loaded.LINK, loaded.QUEUE_STATE, loaded.QUEUE_ENTRIES) == (0, 0, 0)

    loaded.qemu.qmp("cont")
    loaded.qemu.clock_step(1)           # the interrupt that was pending
    assert loaded.qemu.read(MSI_ADDRESS, 4) == (MSI_DATA if asked else 0)
    status, error = OUTCOMES[outcome]
    assert loaded.STATUS == status
    if outcome == "done":
        assert loaded.TIMESTAMP_LO == 5_000_000
        assert loaded.response() == b"answer"
    assert loaded.ERROR_CODE == error

    with FakeMediator.accept(tmp_path / "second.sock") as mediator:
        loaded.submit(b"another", 43)
        mediator.respond(mediator.expect_request(), b"one more")
        assert loaded.STATUS == abi.VGPU_STUB_STATUS_DONE
        assert loaded.response() == b"one more"


def configuration_space(dev):
    return b"".join(dev.config(reg).to_bytes(4, "little")
                    for reg in range(0, 256, 4))


@pytest.mark.parametrize("queue", ("on", "off"))
def test_the_configuration_space_is_what_it_always_was(qemu_bin, tmp_path,
                                                       queue):
    """Or no saved state would load: QEMU compares it, bit by bit."""
    expected = bytes.fromhex("".join(re.findall(
        r"(?<=: ).*", (STATES / "configuration-space.txt").read_text())))
    with Qemu(qemu_bin, tmp_path,
              "-device", f"vgpu-stub,addr={SLOT:#x},queue={queue}") as qemu:
        dev = Device(qemu, place=False)
        after_reset = configuration_space(dev)
        for reg in range(0, 256, 4):
            qemu.pci_write(dev.devfn, reg, 0xffffffff)
        assert after_reset + configuration_space(dev) == expected
