# SPDX-License-Identifier: GPL-2.0-or-later
"""Options and fixtures that all tests share."""
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

# Folders whose tests share a system that takes minutes to make
LONG = ("xen", "rpm")

# What takes longest begins first, and the last ones to begin are short.
ORDER = (*LONG, "opencl", "bench", "driver", "guest", "gpu", "soak", "fuzz", "sst",
         "mediator")


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
    """What has to run in one process, one after the other: the tests of a file
    with a QEMU, which share what its fixtures make; of a folder where that takes
    minutes."""
    folder = item.path.parent
    if folder.name in LONG:
        return folder.name
    qemu = item.callspec.params.get("qemu_bin") \
        if hasattr(item, "callspec") else None
    return f"{item.location[0]} {qemu.parent.name if qemu else ''}"


def place_in_order(item):
    folder = item.path.relative_to(HERE).parts[0]
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


# Before pytest-xdist, which reads the groups, has its turn, and after pytest, which
# puts together what shares a QEMU
@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    yield
    items.sort(key=place_in_order)


def qemu_bins(config):
    if not config.qemu_bins:
        raise pytest.UsageError(
            "these tests need a QEMU with the device: give --qemu-bin PATH, "
            "or run `make check` or `make device-check QEMU_BIN=PATH`")
    return config.qemu_bins


def strictest(paths):
    """The one with sanitizers, which sees most, if it is there"""
    return next((path for path in paths
                 if path.parent.name.endswith("-sanitizers")), paths[0])


def pytest_generate_tests(metafunc):
    if "qemu_bin" in metafunc.fixturenames:
        # The same objects each time, or session fixtures are made again.
        paths = qemu_bins(metafunc.config)
        if metafunc.definition.get_closest_marker("strictest_qemu"):
            paths = [strictest(paths)]
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
