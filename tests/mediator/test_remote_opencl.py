# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of guests in OpenCL C, compiled and run by workers elsewhere."""
import pytest

from support import abi
from support.accelerator import Accelerator, Error
from support.fake_device import FakeDevice
from support.remote import local_launcher

SOURCE = b"""__kernel void twice(__global uint *all)
{
    all[get_global_id(0)] *= 2;
}
"""


@pytest.fixture
def serve(start, tmp_path, sockets, admin):
    """serve(*options): what a guest has whose gate has these options"""
    links = []

    def make(*options):
        launcher = local_launcher(tmp_path / "far", *options)
        (tmp_path / "mediatord.conf").write_text(
            f"[pool A]\nbackend=opencl\nlauncher={launcher}\n"
            "[vm]\nguest-kernels=yes\ndeadline-ms=60000\n")
        start("--socket-dir", sockets, "--config",
              tmp_path / "mediatord.conf", "--admin-socket", admin)
        device = FakeDevice(sockets / "7-0.sock")
        links.append(device)
        peer = device.greet()
        links.append(peer)
        peer.sock.settimeout(90)
        return Accelerator(peer)

    yield make
    for link in reversed(links):
        link.close()


def run(accelerator):
    program = accelerator.store(SOURCE + b"\0")
    buffer = accelerator.store(bytes([1, 0, 0, 0]) * 4)
    accelerator.run("twice", (abi.VGPU_STUB_ARG_BUFFER, buffer),
                    program=program, length=len(SOURCE), size=(4, 1, 1))
    return accelerator.read(buffer, 16)


def test_a_program(serve, tmp_path):
    """The gate keeps the host's files from it, in a root that is its own."""
    (tmp_path / "root").mkdir()
    assert run(serve("--root", tmp_path / "root")) == bytes([2, 0, 0, 0]) * 4
    assert (tmp_path / "root/files/usr").is_dir()


def test_without_a_root(serve, ctl):
    with pytest.raises(Error) as error:
        run(serve())
    assert error.value.args[0] == abi.VGPU_STUB_ERR_UNSUPPORTED_OPERATION
    assert "no --root" in ctl("status")
