# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's commands in a real worker with PoCL: programs and kernels."""
import struct

import pytest

from support import opencl
from support.opencl import CL, FLAG_TIMES

INVALID = CL["CL_INVALID_VALUE"]
SIZES = CL["CL_INVALID_WORK_GROUP_SIZE"]
MAX = 2**64 - 1
SUM = (b"__kernel void sum(__global const int *a, __global int *restrict b)"
       b"{ int i = get_global_id(0); b[i] += a[i]; }")


@pytest.fixture(scope="module")
def shared(mediatord_bin, opencl_root, lone_worker_class, opencl_program):
    """A program with one worker for tests that release what they make"""
    with lone_worker_class(mediatord_bin.with_name("vgpu-worker"),
                           opencl_root) as worker:
        yield opencl_program(worker)


def test_a_vector_sum(program):
    count = 1000
    kernels = program.build(1, SUM)
    attributes, ((*a, q), (*b, r)) = kernels["sum"]
    space = CL["CL_KERNEL_ARG_ADDRESS_GLOBAL"]
    access = CL["CL_KERNEL_ARG_ACCESS_NONE"]
    assert a == ["a", "int*", space, access] and q == 1
    assert b == ["b", "int*", space, access] and r == 2
    program.ints(2, range(count))
    program.ints(3, range(count))
    program.good(opencl.kernel_create(4, 1, b"sum"),
                 opencl.arg_buffer(4, 0, 2), opencl.arg_buffer(4, 1, 3),
                 opencl.launch(4, [count]))
    assert program.get_ints(3, count) == [2 * i for i in range(count)]


def test_all_kinds_of_arguments(program):
    kernels = program.build(1, b"""
        typedef struct { int a; char b; long c; } some;
        typedef struct { int x, y; } pair;
        typedef float2 two;
        __kernel void every(char c, some s, pair p, two t, float4 f, ulong u,
                          __local int *l, __constant int *k,
                          __global float *out)
        {
            l[get_local_id(0)] = k[0];
            barrier(CLK_LOCAL_MEM_FENCE);
            out[0] = c + s.a + s.b + s.c + p.x + p.y + t.x + t.y + f.w + u
                     + l[0];
        }""")
    spaces = [argument[2] for argument in kernels["every"][1]]
    assert [CL["CL_KERNEL_ARG_ADDRESS_" + name] for name in
            ["PRIVATE"] * 6 + ["LOCAL", "CONSTANT", "GLOBAL"]] == spaces
    program.ints(2, [1000])
    program.ints(3, [0])
    program.good(
        opencl.kernel_create(4, 1, b"every"),
        opencl.arg_value(4, 0, b"\1"),
        opencl.arg_value(4, 1, struct.pack("=ib3xq", 2, 3, 4)),
        opencl.arg_value(4, 2, struct.pack("<2i", 5, 6)),
        opencl.arg_value(4, 3, struct.pack("<2f", 7, 8)),
        opencl.arg_value(4, 4, struct.pack("<4f", 0, 0, 0, 9)),
        opencl.arg_value(4, 5, struct.pack("<Q", 10)),
        opencl.arg_local(4, 6, 16), opencl.arg_buffer(4, 7, 2),
        opencl.arg_buffer(4, 8, 3), opencl.launch(4, [4], [4]))
    data = program.want(opencl.read(3, 0, 4))
    assert struct.unpack("<f", data) == (1055,)


BAD_ARGUMENTS = b"""
    typedef struct { int a, b; } pair;
    __kernel void k(__global int *a, __local int *b, int c, pair d,
                    read_only image2d_t e) { }"""


def test_bad_arguments(program):
    program.build(1, BAD_ARGUMENTS)
    program.good(opencl.kernel_create(4, 1, b"k"),
                 opencl.buffer_create(5, 16))
    value, size, memory = (CL["CL_INVALID_ARG_VALUE"],
                           CL["CL_INVALID_ARG_SIZE"],
                           CL["CL_INVALID_MEM_OBJECT"])
    for command, error in (
            (opencl.arg_value(5, 0, b"x"), CL["CL_INVALID_KERNEL"]),
            (opencl.arg_value(4, 5, b"x"), CL["CL_INVALID_ARG_INDEX"]),
            (opencl.arg_value(4, 2**32 - 1, b"x"), CL["CL_INVALID_ARG_INDEX"]),
            # A pointer is never what a guest says.
            (opencl.arg_value(4, 0, b"x" * 8), value),
            (opencl.arg_value(4, 1, b"x" * 8), value),
            (opencl.arg_value(4, 4, b"x" * 8), value),
            (opencl.arg_buffer(4, 1, 5), value),
            (opencl.arg_buffer(4, 2, 5), value),
            (opencl.arg_buffer(4, 3, 5), value),
            (opencl.arg_buffer(4, 4, 5), value),
            (opencl.arg_local(4, 0, 8), value),
            (opencl.arg_local(4, 2, 8), value),
            (opencl.arg_local(4, 4, 8), value),
            (opencl.arg_local(4, 1, 0), size),
            (opencl.arg_buffer(4, 0, 4), memory),
            (opencl.arg_buffer(4, 0, 9), memory),
            *((opencl.arg_value(4, 2, b"x" * n), size)
              for n in (0, 1, 5, 8, 4096)),
            # PoCL knows no other sizes of structures.
            (opencl.arg_value(4, 3, b""), size)):
        assert program.fails(command) == error, command


# Each of them declares an argument that is a sampler, under another name.
SAMPLERS = {
    "sampler": b"__kernel void k(sampler_t s) { }",
    "type": b"typedef sampler_t thing; __kernel void k(thing s) { }",
    "macro": b"#define thing sampler_t\n__kernel void k(thing s) { }",
    "macros of the question": b"""
        typedef sampler_t thing; __kernel void k(thing s) { }
        #define _Static_assert(a, b)
        #define __builtin_types_compatible_p(a, b) 0
        #define sampler_t int
        #define thing int
        """,
    "a comment at the end":
        b"typedef sampler_t thing; __kernel void k(thing s) { } // \\",
    "a comment that does not end":
        b"typedef sampler_t thing; __kernel void k(thing s) { } /*",
    "a macro at the end":
        b"typedef sampler_t thing; __kernel void k(thing s) { }\n"
        b"#define a \\",
    "a condition that does not end":
        b"typedef sampler_t thing; __kernel void k(thing s) { }\n#if 0\n",
}


@pytest.mark.parametrize("kind", SAMPLERS)
def test_a_sampler_is_no_number(shared, kind):
    program, result = shared, shared.compile(20, SAMPLERS[kind])
    if result.status != 0:
        program.good(opencl.release(20))
        return
    program.good(opencl.kernel_create(21, 20, b"k"))
    for value in bytes(8), b"x" * 8:
        assert program.fails(opencl.arg_value(21, 0, value)) in (
            CL["CL_INVALID_SAMPLER"], CL["CL_INVALID_ARG_VALUE"])
    # The driver refuses what is no pointer.
    assert program.fails(opencl.arg_value(21, 0, b"x" * 4)) in (
        CL["CL_INVALID_ARG_SIZE"], CL["CL_INVALID_SAMPLER"],
        CL["CL_INVALID_ARG_VALUE"])
    program.good(opencl.release(21), opencl.release(20))


# --- Lifetimes ---

def compilations(worker, opencl_program, kernels):
    """How often the compiler was called for kernels that take a double"""
    program = opencl_program(worker)
    program.build(1, b"#warning counted\n__kernel void k(double x) { }")
    for number in range(2, kernels + 2):
        program.good(opencl.kernel_create(number, 1, b"k"),
                     opencl.arg_value(number, 0, struct.pack("<d", 1)))
    said, status = worker.close()
    assert status == 0
    return said.count("warning generated")


def test_a_type_is_found_out_once(mediatord_bin, opencl_root,
                                  lone_worker_class, opencl_program):
    """It takes the compiler, which a kernel's argument does not wait for."""
    once, often = [compilations(
        lone_worker_class(mediatord_bin.with_name("vgpu-worker"), opencl_root),
        opencl_program, count) for count in (1, 5)]
    assert once == often > 0


def test_a_kernel_keeps_its_program(program):
    program.build(1, SUM)
    program.ints(2, [1])
    program.good(opencl.kernel_create(4, 1, b"sum"), opencl.release(1),
                 opencl.arg_buffer(4, 0, 2), opencl.arg_buffer(4, 1, 2),
                 opencl.launch(4, [1]))
    assert program.get_ints(2, 1) == [2]
    assert program.fails(opencl.kernel_create(5, 1, b"sum")) == \
        CL["CL_INVALID_PROGRAM"]
    program.good(opencl.release(4), opencl.release(2))
    assert program.worker.held == 0


def test_a_kernel_does_not_keep_its_buffers(program):
    """What has the buffer's id afterwards is another one."""
    program.build(1, SUM)
    program.ints(2, [1])
    program.ints(3, [1])
    program.good(opencl.kernel_create(4, 1, b"sum"),
                 opencl.arg_buffer(4, 0, 2), opencl.arg_buffer(4, 1, 3),
                 opencl.launch(4, [1]), opencl.release(3))
    assert program.fails(opencl.launch(4, [1])) == \
        CL["CL_INVALID_KERNEL_ARGS"]
    program.ints(3, [5])
    assert program.fails(opencl.launch(4, [1])) == \
        CL["CL_INVALID_KERNEL_ARGS"]
    program.good(opencl.arg_buffer(4, 1, 3), opencl.launch(4, [1]))
    assert program.get_ints(3, 1) == [6]


def test_released_while_it_runs(program):
    """All in one batch, the second time without waiting"""
    program.build(1, SUM)
    for _ in range(2):
        program.good(
            opencl.buffer_create(2, 4096), opencl.kernel_create(4, 1, b"sum"),
            opencl.arg_buffer(4, 0, 2), opencl.arg_buffer(4, 1, 2),
            opencl.launch(4, [1024]), opencl.launch(4, [1024]),
            opencl.release(2), opencl.release(4))
    program.good(opencl.release(1))
    assert program.worker.held == 0


# --- Programs ---

def test_bad_programs(program):
    assert program.fails(opencl.program_create(1, 0)) == INVALID
    assert program.fails(opencl.program_create(1, (16 << 20) + 1)) == INVALID
    program.good(opencl.program_create(1, 100))
    for offset, data in (99, b"xy"), (101, b"x"), (MAX, b"x"), (1, b"x" * 100):
        assert program.fails(opencl.program_source(1, data, offset)) == INVALID
    assert program.fails(opencl.program_source(2, b"x")) == \
        CL["CL_INVALID_PROGRAM"]
    assert program.fails(opencl.kernel_create(2, 1, b"k")) == \
        CL["CL_INVALID_PROGRAM_EXECUTABLE"]
    assert program.fails(opencl.program_read(1, 0, 0, 1)) == INVALID
    assert program.fails(opencl.program_read(2, 0, 0, 1)) == \
        CL["CL_INVALID_PROGRAM"]


def test_names(program):
    """Of kernels: drivers call files by them."""
    source = b"kernel void %b(global int *a) { a[0] = 7; }\n"
    label = b'kernel void slash(global int *a) __asm__("../slash");\n'
    program.good(opencl.buffer_create(1, 4))
    for number, name in enumerate((b"k" * 251, b"k" * 1024), 2):
        program.build(number, source % name)
        assert program.fails(opencl.kernel_create(9, number, name)) == \
            CL["CL_OUT_OF_RESOURCES"]
    assert "../slash" in program.build(4, label + source % b"slash")
    assert program.fails(opencl.kernel_create(9, 4, b"../slash")) == \
        CL["CL_OUT_OF_RESOURCES"]
    program.build(5, source % (b"k" * 250))
    program.good(opencl.kernel_create(9, 5, b"k" * 250),
                 opencl.arg_buffer(9, 0, 1), opencl.launch(9, [1]))
    assert program.get_ints(1, 1) == [7]


def test_a_build_that_fails(program):
    result = program.compile(1, b"__kernel void k() { nonsense; }")
    assert result.status == CL["CL_BUILD_PROGRAM_FAILURE"]
    assert opencl.BUILD.unpack(result.payload)[0] == CL["CL_BUILD_ERROR"]
    assert "undeclared identifier 'nonsense'" in program.log(1, result)
    # The source is what it is.
    assert program.fails(opencl.program_source(1, b"x")) == \
        CL["CL_INVALID_OPERATION"]
    result = program.compile(2, b"#ifndef GOOD\n#error bad\n#endif\n" + SUM)
    assert "bad" in program.log(2, result)
    result, = program.do(opencl.build(2, b"-D GOOD")).results
    assert result.status == 0
    program.good(opencl.kernel_create(3, 2, b"sum"))
    for number in b"", b"sun", b"sum\0", b"sum\0x", b"x" * 1024:
        assert program.fails(opencl.kernel_create(4, 2, number)) == \
            CL["CL_INVALID_KERNEL_NAME"]
    assert program.fails(opencl.kernel_create(3, 2, b"sum")) == INVALID
    # What has kernels is not built again.
    assert program.fails(opencl.build(2)) == CL["CL_INVALID_OPERATION"]
    program.good(opencl.release(3))
    result, = program.do(opencl.build(2)).results
    assert result.status == CL["CL_BUILD_PROGRAM_FAILURE"]
    assert program.fails(opencl.kernel_create(3, 2, b"sum")) == \
        CL["CL_INVALID_PROGRAM_EXECUTABLE"]


def test_a_build_behind_what_still_runs(program):
    """A kernel that was released is no reason to refuse it."""
    program.build(1, SUM)
    program.good(
        opencl.buffer_create(2, 4096), opencl.kernel_create(3, 1, b"sum"),
        opencl.arg_buffer(3, 0, 2), opencl.arg_buffer(3, 1, 2),
        opencl.launch(3, [1]))
    program.good(opencl.launch(3, [1]), opencl.release(3), opencl.build(1))


def test_a_refused_build_does_not_change_what_kernels_take(program):
    """By other options a sampler were a number, and a number a pointer."""
    program.build(1, b"""
        #ifdef SAMPLER
        typedef sampler_t thing;
        #else
        typedef ulong thing;
        #endif
        __kernel void k(thing x) { }""", b"-DSAMPLER")
    program.good(opencl.kernel_create(2, 1, b"k"))
    assert program.fails(opencl.build(1)) == CL["CL_INVALID_OPERATION"]
    assert program.fails(opencl.arg_value(2, 0, b"x" * 8)) == \
        CL["CL_INVALID_ARG_VALUE"]


def test_files_of_programs(program, opencl_root):
    """There are those of the programs that there are, as they are now."""
    folder = opencl_root.path / f"work{opencl_root.count}"

    def made():
        return [path for path in folder.rglob("*")
                if path.suffix in (".bc", ".so")]

    def use(number):
        program.good(opencl.kernel_create(3, number, b"sum"),
                     opencl.arg_buffer(3, 0, 4), opencl.arg_buffer(3, 1, 4),
                     opencl.launch(3, [1]), opencl.release(3))

    program.good(opencl.buffer_create(4, 4096))
    program.build(1, SUM)
    use(1)
    once = len(made())
    for _ in range(3):
        assert program.result(opencl.build(1)).status == 0
        use(1)
        assert len(made()) == once
    # The same again has its own.
    program.build(2, SUM)
    program.good(opencl.release(1))
    use(2)
    assert len(made()) == once
    program.good(opencl.release(2))
    assert made() == []
    assert program.worker.held == 4096


def test_a_whole_log(program):
    """One that no answer holds, exactly as the compiler says it"""
    source = b"".join(b'#warning "number %d, %s"\n' % (i, b"x" * 100)
                      for i in range(1000))
    result = program.compile(1, source + SUM)
    assert result.status == 0
    log = program.log(1, result)
    assert len(log) > 100000
    assert all(f"number {i}, " in log for i in range(1000))


@pytest.mark.parametrize("options", [
    b"", b" ", b"-cl-std=CL1.2", b"-D A", b"-DA=1 -D B=2", b"\t-w  -Werror\n",
    b"-cl-fast-relaxed-math -cl-kernel-arg-info", b"-DX=\"quoted\"",
    b"-cl-mad-enable -cl-opt-disable", b"-DX=-I/etc", b"-D_x(a)=a",
    b"-g -cl-std=CL1.2 -g", b"-D g"])
def test_good_options(shared, options):
    result = shared.compile(20, SUM, options)
    assert result.status == 0, shared.log(20, result)
    shared.good(opencl.release(20))


@pytest.mark.parametrize("options", [
    b"-I/etc", b"-I /etc", b"-include /etc/passwd", b"-o /tmp/x", b"-x", b"x",
    b"-D", b"-D -I/etc", b"-D A -I.", b"-D @/etc/passwd", b"-D=1", b"-D 1A",
    b"@/etc/passwd", b"-cl-std=CL9", b"-cl-std=", b"-Xclang -load", b"-gz",
    b"-D -g", b"-save-temps", b"-D \"A B\"", b"-DA='b c'", b"-w\0-I/etc", b"\0",
    b"-Wp,-I/etc", b"-fplugin=x", b"-D\xa0A", b"--", b"-w;-I/etc"])
def test_bad_options(shared, options):
    shared.good(opencl.program_create(20, len(SUM)),
                opencl.program_source(20, SUM))
    assert shared.fails(opencl.build(20, options)) == \
        CL["CL_INVALID_BUILD_OPTIONS"]
    shared.good(opencl.release(20))


def test_sources_are_bounded(lone_worker, opencl_program):
    program = opencl_program(lone_worker())
    size = 16 << 20
    program.good(*(opencl.program_create(i, size) for i in range(1, 5)))
    assert program.fails(opencl.program_create(5, 1)) == \
        CL["CL_OUT_OF_HOST_MEMORY"]
    program.good(opencl.release(2), opencl.program_create(5, size - 1),
                 opencl.program_create(6, 1))
    assert program.fails(opencl.program_create(7, 1)) == \
        CL["CL_OUT_OF_HOST_MEMORY"]
    # Without any room, a build says nothing and describes nothing.
    program.good(opencl.release(1), opencl.program_create(1, size - len(SUM)))
    result = program.compile(7, SUM)
    assert result.status == CL["CL_OUT_OF_HOST_MEMORY"]
    program.good(opencl.release(1))
    result, = program.do(opencl.build(7)).results
    assert result.status == 0


def test_a_source_by_bulk(program):
    source = (SUM + b"\n").ljust(1 << 20, b" ")
    program.good(opencl.program_create(1, len(source)))
    program.good(opencl.command("PROGRAM_SOURCE", 1, 0, 0, len(source),
                                flags=opencl.FLAG_BULK), bulk=source)
    assert program.moved == source
    result, = program.do(opencl.build(1)).results
    assert result.status == 0


# --- Launches ---

@pytest.fixture(scope="module")
def counters(shared):
    """The programs of counter()"""
    program = shared
    program.build(1, b"""
        __kernel void count(__global uint *n) { atomic_inc(n); }
        __kernel __attribute__((reqd_work_group_size(4, 2, 1)))
        void grouped(__global uint *n) { atomic_inc(n); }
        __kernel void where(__global uint *n) {
            n[0] = get_global_offset(0); n[1] = get_global_size(1);
            n[2] = get_local_size(2); n[3] = get_work_dim(); }
        __kernel void local_too(__global uint *n, __local uint *l) {
            __local uint more[1000];
            more[get_local_id(0)] = l[0] = 1; n[0] = more[0]; }
        """)
    program.ints(2, [0] * 4)
    for number, name in enumerate([b"count", b"grouped", b"where",
                                   b"local_too"], 4):
        program.good(opencl.kernel_create(number, 1, name),
                     opencl.arg_buffer(number, 0, 2))
    yield program
    program.good(*(opencl.release(number) for number in (1, 2, 4, 5, 6, 7)))


@pytest.fixture
def counter(counters):
    """Kernel 4 counts its work items in buffer 2."""
    counters.good(opencl.write(2, 0, bytes(16)))
    return counters


def test_launches(counter):
    counter.good(opencl.launch(4, [10]), opencl.launch(4, [2, 3], [2, 1]),
                 opencl.launch(4, [2, 2, 2], [1, 2, 1]),
                 opencl.launch(5, [8, 4], [4, 2]))
    assert counter.get_ints(2, 1) == [10 + 6 + 8 + 32]
    counter.good(opencl.launch(6, [4, 6, 8], [1, 2, 4], [7, 8, 9]))
    assert counter.get_ints(2, 4) == [7, 6, 4, 3]
    times = counter.want(opencl.launch(4, [1], flags=FLAG_TIMES))
    queued, submit, start, end = opencl.TIMES.unpack(times)
    assert 0 < queued <= submit <= start <= end


@pytest.mark.parametrize("kernel, sizes, local, error", [
    (4, [4], [3], SIZES), (4, [4], [1 << 20], "CL_INVALID_WORK_ITEM_SIZE"),
    (4, [4], [MAX], "CL_INVALID_WORK_ITEM_SIZE"),
    (4, [4096, 4096, 4096], [4096, 4096, 4096], SIZES),
    (4, [4, 4], [4, 0], SIZES), (4, [4, 4], [0, 4], SIZES),
    (5, [4, 4], [2, 4], SIZES), (5, [4], [4], SIZES), (5, [5, 2], [], SIZES),
    (4, [1 << 40, 1 << 40], [], "CL_INVALID_GLOBAL_WORK_SIZE"),
    (4, [MAX, 1, 2], [], "CL_INVALID_GLOBAL_WORK_SIZE"),
    (7, [1], [], "CL_INVALID_KERNEL_ARGS"),
    (9, [1], [], "CL_INVALID_KERNEL"), (2, [1], [], "CL_INVALID_KERNEL"),
])
def test_bad_launches(counter, kernel, sizes, local, error):
    assert counter.fails(opencl.launch(kernel, sizes, local)) == \
        CL.get(error, error)
    assert counter.get_ints(2, 1) == [0]


@pytest.mark.parametrize("offset", [MAX, MAX - 3])
def test_offsets_that_overflow(counter, offset):
    assert counter.fails(opencl.launch(4, [4], offset=[offset])) == \
        CL["CL_INVALID_GLOBAL_OFFSET"]


def test_local_memory(counter):
    size, = struct.unpack("<Q", counter.want(
        opencl.device_info(CL["CL_DEVICE_LOCAL_MEM_SIZE"])))
    counter.good(opencl.arg_local(7, 1, size - 4000),
                 opencl.launch(7, [4], [4]))
    for local in size - 3999, size, 2**40, 2**63, MAX:
        # PoCL may refuse the argument itself.
        results = counter.all(opencl.arg_local(7, 1, local),
                              opencl.launch(7, [4], [4]))
        assert CL["CL_OUT_OF_RESOURCES"] in [r.status for r in results] or \
            results[0].status < 0


def test_kernel_info(counter):
    size, = struct.unpack("<3Q", counter.want(opencl.kernel_info(
        5, CL["CL_KERNEL_COMPILE_WORK_GROUP_SIZE"])))[:1]
    assert size == 4
    counter.good(opencl.arg_local(7, 1, 4))
    local, = struct.unpack("<Q", counter.want(opencl.kernel_info(
        7, CL["CL_KERNEL_LOCAL_MEM_SIZE"])))
    assert local >= 4000
    assert counter.fails(opencl.kernel_info(4, 0x9999)) == INVALID
    assert counter.fails(opencl.kernel_info(9, 0x11B0)) == \
        CL["CL_INVALID_KERNEL"]


def test_sub_group_info(counter):
    param = CL["CL_KERNEL_MAX_SUB_GROUP_SIZE_FOR_NDRANGE"]
    for value in struct.pack("<Q", 8), struct.pack("<3Q", 8, 1, 1):
        result, = counter.all(opencl.sub_group_info(4, param, value))
        # PoCL has no sub-groups.
        assert result.status in (0, CL["CL_INVALID_OPERATION"])
    for param, value in (param, b""), (param, b"x"), (0x9999, bytes(8)):
        result, = counter.all(opencl.sub_group_info(4, param, value))
        assert result.status < 0


# --- How long a batch is ---

def test_an_unknown_kernel_is_waited_for(program):
    """It may take long, and then it is the last one."""
    program.build(1, b"""
        __kernel void slow(__global uint *n, uint rounds) {
            for (uint i = 0; i < rounds; i++) { n[i % 4] += i * n[0] + 1; }
        }""")
    program.ints(2, [0] * 4)
    program.good(opencl.kernel_create(4, 1, b"slow"),
                 opencl.arg_buffer(4, 0, 2),
                 opencl.arg_value(4, 1, struct.pack("<I", 10_000_000)))
    before = program.next
    program.do(*[opencl.launch(4, [1])] * 8)
    assert program.next == before + 1
    # Now it is known, and each time one is enough.
    program.do(*[opencl.launch(4, [1])] * 8)
    assert program.next == before + 2


# --- What kernels print ---

def test_output(program):
    program.build(1, b'__kernel void hello() { printf("hello %d\\n", 42); }')
    program.good(opencl.kernel_create(4, 1, b"hello"), opencl.launch(4, [3]))
    assert program.printed == b"hello 42\n" * 3


def test_output_that_has_no_room_comes_later(program):
    program.build(1, b'__kernel void hello() { printf("0123456789\\n"); }')
    program.good(opencl.kernel_create(4, 1, b"hello"))
    answer = program.do(opencl.launch(4, [100]), capacity=32 + 16 + 16 + 100)
    assert len(answer.output) == 116
    while len(program.printed) < 1100:
        answer = program.do(opencl.marker(), capacity=32 + 16 + 16)
        assert len(answer.output) == min(16, 1100 - len(program.printed)
                                         + len(answer.output))
    assert program.printed == b"0123456789\n" * 100
    assert program.do(opencl.marker()).output == b""


def test_too_much_output_is_lost(program):
    program.build(1, b'__kernel void hello() { printf("0123456789\\n"); }')
    program.good(opencl.kernel_create(4, 1, b"hello"),
                 opencl.launch(4, [100000]))
    program.good(opencl.marker())
    assert 0 < len(program.printed) <= 2 * 65536
    assert set(program.printed) == set(b"0123456789\n")


def test_arguments_count(lone_worker, opencl_program):
    """Kernels with many of them cost the host more."""
    worker = lone_worker(quota=256 << 10)
    program = opencl_program(worker)
    names = b", ".join(b"int a%d" % i for i in range(1000))
    program.build(1, b"__kernel void k(" + names + b") { }")
    before = worker.held
    make = opencl.kernel_create(3, 1, b"k")
    program.good(opencl.kernel_create(2, 1, b"k"))
    assert worker.held - before == 132 << 10
    assert program.fails(make) == CL["CL_OUT_OF_HOST_MEMORY"]
    assert worker.held - before == 132 << 10
    program.good(opencl.release(2), make)


def test_large_values_count(lone_worker, opencl_program):
    worker = lone_worker(quota=76 << 10)
    program = opencl_program(worker)
    program.build(1, b"""
        typedef struct { char bytes[65]; } large;
        typedef struct { char bytes[64]; } small;
        __kernel void k(large a, large b, small c) { }""")
    program.good(opencl.kernel_create(2, 1, b"k"))
    before = worker.held
    program.good(opencl.arg_value(2, 2, bytes(64)))
    assert worker.held == before
    program.good(*2 * [opencl.arg_value(2, 0, bytes(65))])
    assert worker.held == before + 4096
    assert program.fails(opencl.arg_value(2, 1, bytes(65))) == \
        CL["CL_OUT_OF_HOST_MEMORY"]
    program.good(opencl.release(2))
    assert worker.held == before - 8192
