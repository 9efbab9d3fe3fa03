# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's commands in a real worker with PoCL: programs made in steps."""
import struct

import pytest

from support import opencl
from support.opencl import BUILD, CL

TWICE = b"int twice(int n) { return 2 * n; }"
APPLY = b"""int twice(int n);
    __kernel void apply(__global int *a, int n) { a[0] = twice(a[0]) + n; }"""
FAILED = CL["CL_LINK_PROGRAM_FAILURE"]


def compiled(program, sources):
    """The ids of programs that were compiled from them: 1, 2 and so on"""
    ids = range(1, len(sources) + 1)
    for number, source in zip(ids, sources):
        program.source(number, source)
        result = program.result(opencl.compile_only(number))
        assert result.status == 0, program.log(number, result)
    return ids


def apply(program, number, kernel=100, buffer=101):
    """What its kernel makes of 20"""
    program.ints(buffer, [20])
    program.good(opencl.kernel_create(kernel, number, b"apply"),
                 opencl.arg_buffer(kernel, 0, buffer),
                 opencl.arg_value(kernel, 1, struct.pack("<i", 3)),
                 opencl.launch(kernel, [1]))
    value, = program.get_ints(buffer, 1)
    program.good(opencl.release(kernel), opencl.release(buffer))
    return value


def test_two_sources(program):
    inputs = compiled(program, (TWICE, APPLY))
    result = program.result(opencl.link(3, inputs))
    assert BUILD.unpack(result.payload)[0] == CL["CL_BUILD_SUCCESS"]
    kernels = program.kernels(3, result)
    assert [argument[1] for argument in kernels["apply"][1]] == ["int*", "int"]
    assert apply(program, 3) == 43
    # It needs them no longer, and nothing is left in the end.
    program.good(opencl.release(1), opencl.release(2))
    assert apply(program, 3) == 43
    program.good(opencl.release(3))
    assert program.worker.held == 0


def test_a_library(program):
    compiled(program, (TWICE, APPLY))
    assert program.result(
        opencl.link(3, [1], b"-create-library")).status == 0
    assert program.fails(opencl.kernel_create(4, 3, b"apply")) == \
        CL["CL_INVALID_PROGRAM_EXECUTABLE"]
    assert program.result(opencl.link(4, [3, 2])).status == 0
    assert apply(program, 4) == 43


def test_what_was_only_compiled_has_no_kernels(program):
    compiled(program, (b"__kernel void k() { }",))
    assert program.fails(opencl.kernel_create(2, 1, b"k")) == \
        CL["CL_INVALID_PROGRAM_EXECUTABLE"]
    # Nor has what was built, and was compiled then.
    assert program.result(opencl.build(1)).status == 0
    program.good(opencl.kernel_create(2, 1, b"k"))
    assert program.fails(opencl.compile_only(1)) == CL["CL_INVALID_OPERATION"]
    program.good(opencl.release(2), opencl.compile_only(1))
    assert program.fails(opencl.kernel_create(2, 1, b"k")) == \
        CL["CL_INVALID_PROGRAM_EXECUTABLE"]


def test_a_compilation_that_fails(program):
    program.source(1, b"nonsense")
    result = program.result(opencl.compile_only(1))
    assert result.status == CL["CL_COMPILE_PROGRAM_FAILURE"]
    assert "nonsense" in program.log(1, result)
    assert program.fails(opencl.link(2, [1])) == CL["CL_INVALID_OPERATION"]


def test_a_link_that_fails(program):
    """The program is there, so that its log can be read."""
    compiled(program, (APPLY,))
    result = program.result(opencl.link(2, [1, 1]))
    assert result.status == FAILED
    status, _, _, kernels = BUILD.unpack(result.payload)
    assert (status, kernels) == (CL["CL_BUILD_ERROR"], 0)
    program.log(2, result)
    assert program.fails(opencl.kernel_create(3, 2, b"apply")) == \
        CL["CL_INVALID_PROGRAM_EXECUTABLE"]
    assert program.fails(opencl.link(2, [1])) == CL["CL_INVALID_VALUE"]
    program.good(opencl.release(2), opencl.release(1))
    assert program.worker.held == 0


def test_bad_links(program):
    compiled(program, (TWICE, APPLY))
    program.source(3, TWICE)
    assert program.result(opencl.link(4, [1, 2])).status == 0
    program.good(opencl.buffer_create(5, 16))
    operation = CL["CL_INVALID_OPERATION"]
    for command, error in (
            (opencl.link(6, [9]), CL["CL_INVALID_PROGRAM"]),
            (opencl.link(6, [0]), CL["CL_INVALID_PROGRAM"]),
            (opencl.link(6, [1, 5]), CL["CL_INVALID_PROGRAM"]),
            (opencl.link(6, [6]), CL["CL_INVALID_PROGRAM"]),
            (opencl.link(0, [1]), CL["CL_INVALID_VALUE"]),
            (opencl.link(1, [1]), CL["CL_INVALID_VALUE"]),
            (opencl.link(6, [3]), operation),
            (opencl.link(6, [1, 4]), operation),
            # What was linked has no source.
            (opencl.build(4), operation), (opencl.compile_only(4), operation),
            (opencl.program_source(4, b"x"), operation),
            (opencl.compile_only(9), CL["CL_INVALID_PROGRAM"])):
        assert program.fails(command) == error, command
        assert program.fails(opencl.release(6)) == CL["CL_INVALID_VALUE"]


@pytest.mark.parametrize("options", (
    b"-I/etc", b"-D A", b"-cl-std=CL1.2", b"-l/etc/passwd", b"-Wl,x", b"x",
    b"-create-library -o /tmp/x", b"-create-library\0", b"-x ir /etc/passwd"))
def test_bad_options_of_a_link(program, options):
    inputs = compiled(program, (TWICE,))
    assert program.fails(opencl.link(2, inputs, options)) == \
        CL["CL_INVALID_LINKER_OPTIONS"]


@pytest.mark.parametrize("options", (
    b"", b" \t", b"-create-library",
    b"-create-library -enable-link-options -cl-fast-relaxed-math"))
def test_good_options_of_a_link(program, options):
    inputs = compiled(program, (TWICE,))
    assert program.result(opencl.link(2, inputs, options)).status == 0


def test_bad_options_of_a_compilation(program):
    program.source(1, TWICE)
    for options in b"-I.", b"-include /etc/passwd", b"-create-library":
        assert program.fails(opencl.compile_only(1, options)) == \
            CL["CL_INVALID_COMPILER_OPTIONS"]


def test_a_link_counts(lone_worker, opencl_program):
    """A program without room fails, and gives back what it took."""
    program = opencl_program(lone_worker(quota=3 * 65536))
    inputs = compiled(program, (TWICE, APPLY))
    assert program.result(opencl.link(3, inputs)).status == 0
    assert program.fails(opencl.link(4, inputs)) == \
        CL["CL_OUT_OF_HOST_MEMORY"]
    program.good(opencl.release(3))
    assert program.result(opencl.link(4, inputs)).status == 0


def test_a_link_without_room_for_what_it_takes(program):
    """Nothing has the id, then."""
    source = b"__kernel void k(int with_a_name) { }"
    compiled(program, (source,))
    size = (64 << 20) - len(source)
    for number in range(10, 14):
        program.good(opencl.program_create(number, min(size, 16 << 20)))
        size -= min(size, 16 << 20)
    assert program.fails(opencl.link(2, [1])) == CL["CL_OUT_OF_HOST_MEMORY"]
    program.good(opencl.release(10))
    assert program.result(opencl.link(2, [1])).status == 0


def test_libraries_of_libraries_are_bounded(program):
    compiled(program, (b"typedef int nothing;",))
    library = b"-create-library"
    assert program.result(opencl.link(2, [1] * 16, library)).status == 0
    assert program.result(opencl.link(3, [2] * 16, library)).status == 0
    assert program.fails(opencl.link(4, [2] * 17, library)) == \
        CL["CL_OUT_OF_RESOURCES"]
    assert program.fails(opencl.link(4, [3, 1], library)) == \
        CL["CL_OUT_OF_RESOURCES"]


def test_an_input_may_change_later(program):
    """What was linked stays what it is, whatever becomes of its inputs."""
    inputs = compiled(program, (TWICE, APPLY))
    assert program.result(opencl.link(3, inputs)).status == 0
    assert program.result(opencl.build(1)).status == 0
    assert apply(program, 3) == 43
    assert program.fails(opencl.link(4, inputs)) == CL["CL_INVALID_OPERATION"]


# What a kernel of another source takes: which may be given 8 bytes?
TYPES = {
    "a number": (b"", b"ulong", 0),
    "a name of a number": (b"", b"thing", 0, b"typedef ulong thing;"),
    "a structure": (b"", b"struct pair", 0, b"struct pair { int a, b; };"),
    "a name that both know": (b"typedef ulong thing;", b"thing", 0,
                              b"typedef ulong thing;"),
    "a macro elsewhere": (b"#define thing sampler_t\n", b"thing", 0,
                          b"typedef ulong thing;"),
    "a sampler": (b"", b"sampler_t", CL["CL_INVALID_SAMPLER"]),
    "a name of a sampler": (b"", b"thing", CL["CL_INVALID_ARG_VALUE"],
                            b"typedef sampler_t thing;"),
    "a number elsewhere": (b"typedef ulong thing;", b"thing",
                           CL["CL_INVALID_ARG_VALUE"],
                           b"typedef sampler_t thing;"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_types_of_what_was_linked(program, kind):
    other, name, error, *types = TYPES[kind]
    source = b"".join(types) + b"\n__kernel void k(" + name + b" a) { }"
    inputs = compiled(program, (other + b"\nint nothing(void);", source))
    assert program.result(opencl.link(3, inputs)).status == 0
    program.good(opencl.kernel_create(4, 3, b"k"))
    command = opencl.arg_value(4, 0, bytes(8))
    if error:
        assert program.fails(command) == error
    else:
        program.good(command)


# --- Sources that try to read files of the host ---

SECRET = "nobody of the guest reads this"
TRICKS = (
    '#include "{}"', '#include <{}>', '#include_next "{}"', '#import "{}"',
    '__asm__(".incbin \\"{}\\"");', '__asm__(".include \\"{}\\"");',
    '#pragma include_alias("x.h", "{}")\n#include "x.h"',
    '#pragma clang module load {}', '#pragma GCC pch_preprocess "{}"',
    '#if __has_include("{}")\n#error there\n#endif', '#embed "{}"',
    '#line 1 "{}"\n#error here')


def test_the_hosts_files_are_not_read(mediatord_bin, opencl_root, tmp_path,
                                      lone_worker_class, opencl_program):
    """Compilers look for them where nothing of the host is."""
    path = tmp_path / "secret.h"
    path.write_text(f"#error {SECRET}\n")
    worker = lone_worker_class(mediatord_bin.with_name("vgpu-worker"),
                               opencl_root)
    program = opencl_program(worker)
    for trick in TRICKS:
        for make in opencl.build, opencl.compile_only:
            program.source(1, trick.format(path).encode() + b"\n" + APPLY)
            log = program.log(1, program.result(make(1)))
            assert SECRET not in log and "error: there" not in log, log
            program.good(opencl.release(1))
    said, status = worker.close()
    assert status == 0 and SECRET not in said
    # The assembler was asked, and there was nothing.
    assert f"Could not find incbin file '{path}'" in said
