# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs kept as binaries: other processes, drivers and devices take them."""
import re
import struct

import pytest

from direct import LIBRARY, PROGRAMS, Direct
from support.opencl import CL

PROGRAM = PROGRAMS / "test-binaries"
HEADER = struct.Struct("<8sIIQQ")


def checksum(data):
    """FNV-1a of 64 bits, as guest-tools/opencl/checksum.h has it"""
    result = 0xcbf29ce484222325
    for byte in data:
        result = (result ^ byte) * 0x100000001b3 & 2**64 - 1
    return result


def whole(body):
    """The binary with that behind its header"""
    return HEADER.pack(b"vgpuclpr", 1, 0, len(body), checksum(body)) + body


def string(text):
    return struct.pack("<Q", len(text)) + text


@pytest.fixture(scope="module")
def make_platform(tmp_path_factory):
    folder = tmp_path_factory.mktemp("binaries")
    return Direct(folder, "mediator", PROGRAMS / LIBRARY).platform


@pytest.fixture
def binary(make_platform, tmp_path):
    path = tmp_path / "binary"
    make_platform().run(PROGRAM, "write", path)
    return path


def value(platform, path):
    """What the program in the file computes; or the error"""
    output = platform.run(PROGRAM, "read", path)
    return int(re.search(r"^-?\d+$", output, re.MULTILINE)[0])


def device_name(platform):
    return re.search("CL_DEVICE_NAME +(.*)",
                     platform.run("clinfo", "--raw"))[1].strip()


def test_another_process(make_platform, binary):
    assert value(make_platform(), binary) == 42


def test_an_update_of_the_driver(make_platform, binary):
    """One made with another driver: here it has that one's name."""
    version = re.search("CL_DRIVER_VERSION +(.*)",
                        make_platform().run("clinfo", "--raw"))[1].strip()
    body = binary.read_bytes()[HEADER.size:]
    assert string(version.encode()) in body
    binary.write_bytes(whole(body.replace(string(version.encode()),
                                          string(b"2.0, of last year"))))
    assert value(make_platform(), binary) == 42


def test_another_device(make_platform, binary):
    here, other = make_platform(), make_platform()
    other.environment["POCL_DEVICES"] = "basic"
    assert device_name(here) != device_name(other)
    assert value(other, binary) == 42


def test_a_damaged_one(make_platform, binary):
    data = binary.read_bytes()
    binary.write_bytes(data[:-1])
    assert value(make_platform(), binary) == -42    # CL_INVALID_BINARY


def recipe(kind, options=b"", text=b"", inputs=()):
    return struct.pack("<I", CL[f"CL_PROGRAM_BINARY_TYPE_{kind}"]) + \
        string(options) + string(text) + struct.pack("<I", len(inputs)) + \
        b"".join(inputs)


def libraries(count):
    """As many of 128 sources each, which are one program"""
    library = recipe("LIBRARY", inputs=[
        recipe("COMPILED_OBJECT", text=b" ")] * 128)
    return recipe("EXECUTABLE", inputs=[library] * count)


@pytest.mark.parametrize("made", (
    recipe("EXECUTABLE", b"-D" + b"A" * 900000, b" "),
    recipe("EXECUTABLE", inputs=[
        recipe("COMPILED_OBJECT", b"-D" + b"A" * 900000, b" ")]),
    libraries(3), libraries(200),
), ids=("options", "options of an input", "sources", "many sources"))
def test_what_nobody_can_have_made(make_platform, tmp_path, made):
    """It asks for more than the host makes, and costs nothing."""
    path = tmp_path / "binary"
    path.write_bytes(whole(string(b"device") + string(b"1.0") + made))
    assert value(make_platform(), path) == CL["CL_INVALID_BINARY"]


# --- What programs keep ---

KEEPS = """\
import numpy
import pyopencl
from pyopencl import array
context = pyopencl.create_some_context()
queue = pyopencl.CommandQueue(context)
program = pyopencl.Program(
    context, "kernel void k(global int *a) { a[0] += NUMBER; }").build(
        options=["-DNUMBER=41000"])
values = array.zeros(queue, 1, numpy.int32)
program.k(queue, (1,), None, values.data)
print("value", values.get()[0])
"""


def test_pyopencl_takes_what_it_kept(make_platform, tmp_path):
    """It was changed meanwhile, so that it can be seen."""
    script = tmp_path / "keeps.py"
    script.write_text(KEEPS)
    platform = make_platform()
    platform.environment["XDG_CACHE_HOME"] = str(tmp_path)
    assert "value 41000" in platform.python(script)
    kept, = (path for path in tmp_path.glob("pyopencl/**/binary")
             if b"NUMBER=41000" in path.read_bytes())
    body = kept.read_bytes()[HEADER.size:].replace(b"41000", b"42000")
    kept.write_bytes(whole(body))
    assert "value 42000" in platform.python(script)
