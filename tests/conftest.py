# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and fixtures that all tests share."""
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# Folders whose tests share a system that takes minutes to make
LONG = ("xen", "rpm")


def pytest_addoption(parser):
    parser.addoption("--qemu-bin", action="append", default=[], metavar="PATH",
                     help="a qemu-system-x86_64 or -i386 with the device; "
                          "may be repeated, every device test runs on each")
    parser.addoption("--sst-qemu", type=Path, metavar="PATH",
                     help="a QEMU with sst-device (default: that of "
                          "`make qemu-riscv32`)")


def pytest_configure(config):
    config.qemu_bins = [Path(path).absolute()
                        for path in config.getoption("qemu_bin")]
    for path in config.qemu_bins:
        if not path.is_file():
            raise pytest.UsageError(f"--qemu-bin {path}: no such file")


def group_of(item):
    """What has to run in one process, one after the other: the tests of a file,
    which share what its fixtures make; of a folder where that takes minutes."""
    folder = item.path.parent
    return folder.name if folder.name in LONG else item.location[0]


# Before pytest-xdist, which reads the groups, has its turn
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    # What takes longest begins first, beside everything else.
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def qemu_bins(config):
    if not config.qemu_bins:
        raise pytest.UsageError(
            "these tests need a QEMU with the device: give --qemu-bin PATH, "
            "or run `make check` or `make device-check QEMU_BIN=PATH`")
    return config.qemu_bins


def pytest_generate_tests(metafunc):
    if "qemu_bin" in metafunc.fixturenames:
        # The same objects each time, or session fixtures are made again.
        paths = qemu_bins(metafunc.config)
        metafunc.parametrize("qemu_bin", paths, indirect=True, scope="session",
                             ids=[path.parent.name for path in paths])


@pytest.fixture
def sockets():
    """A folder for devices' sockets, with room in their paths"""
    with tempfile.TemporaryDirectory(prefix="vgpu-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def qemu_bin(request):
    return request.param


@pytest.fixture(scope="session")
def any_qemu_bin(pytestconfig):
    """For tests of what is the same whichever QEMU has the device."""
    return qemu_bins(pytestconfig)[0]
