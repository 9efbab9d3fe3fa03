# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's commands in a real worker with PoCL: images and samplers."""
import struct

import pytest

from support import opencl
from support.opencl import CL, FLAG_BULK, FLAG_TIMES

INVALID = CL["CL_INVALID_VALUE"]
NO_MEMORY = CL["CL_INVALID_MEM_OBJECT"]
DESCRIPTOR = CL["CL_INVALID_IMAGE_DESCRIPTOR"]
SIZE = CL["CL_INVALID_IMAGE_SIZE"]
VALUE = CL["CL_INVALID_ARG_VALUE"]
MAX = 2**64 - 1
ZERO = 0, 0, 0

LINE, PLANE, SPACE, LINES, PLANES, VIEW = (
    CL["CL_MEM_OBJECT_IMAGE" + name] for name in
    ("1D", "2D", "3D", "1D_ARRAY", "2D_ARRAY", "1D_BUFFER"))
# Four bytes, and four times four
RGBA8 = CL["CL_RGBA"], CL["CL_UNSIGNED_INT8"]
RGBA32 = CL["CL_RGBA"], CL["CL_UNSIGNED_INT32"]
SIZES = {LINE: (7, 1, 1), PLANE: (7, 5, 1), SPACE: (7, 5, 3),
         LINES: (7, 5, 1), PLANES: (7, 5, 3), VIEW: (7, 1, 1)}


def make(program, number, kind, size=None, channels=RGBA8):
    """An image of zeros; its buffer, if it needs one, has that number + 100."""
    size = size or SIZES[kind]
    commands = []
    if kind == VIEW:
        commands = [opencl.buffer_create(number + 100, 4096)]
    payload, = program.good(*commands, opencl.image_create(
        number, kind, size, channels,
        buffer=number + 100 if kind == VIEW else 0))[-1:]
    pixel, reserved = struct.unpack("<2I", payload)
    assert pixel in (4, 16) and reserved == 0
    return size


def pixels(size, pixel=4):
    count = size[0] * size[1] * size[2] * pixel
    return bytes(i * 7 % 251 for i in range(count))


def test_formats(program):
    for kind in SIZES:
        data = program.want(opencl.image_formats(kind))
        formats = set(struct.iter_unpack("<2I", data))
        assert RGBA8 in formats and RGBA32 in formats
    for kind, flags in (0, 1), (0x10f0, 1), (0x10f7, 1), (PLANE, 1 << 3), \
            (PLANE, MAX):
        assert program.fails(opencl.image_formats(kind, flags)) == INVALID


@pytest.mark.parametrize("kind", SIZES)
def test_all_formats(program, kind):
    """New images are of zeros; what is written is read, and a fill fills."""
    size = SIZES[kind]
    program.good(opencl.buffer_create(2, 4096))
    for channels in struct.iter_unpack(
            "<2I", program.want(opencl.image_formats(kind))):
        payload = program.want(opencl.image_create(
            1, kind, size, channels, buffer=2 if kind == VIEW else 0))
        data = pixels(size, struct.unpack_from("<I", payload)[0])
        read = opencl.image_read(1, ZERO, size, len(data))
        if kind != VIEW:
            assert program.want(read) == bytes(len(data)), channels
        program.good(opencl.image_write(1, ZERO, size, data))
        assert program.want(read) == data, channels
        program.good(opencl.image_fill(1, ZERO, size, [0] * 4))
        assert program.want(read) == bytes(len(data)), channels
        program.good(opencl.release(1))


@pytest.mark.parametrize("kind", SIZES)
def test_an_image_is_of_zeros(program, kind):
    for _ in range(3):
        size = make(program, 1, kind, channels=RGBA32)
        length = size[0] * size[1] * size[2] * 16
        assert program.want(opencl.image_read(1, ZERO, size, length)) == \
            bytes(length)
        program.good(opencl.image_fill(1, ZERO, size, [MAX >> 32] * 4))
        assert program.want(opencl.image_read(1, ZERO, size, length)) == \
            b"\xff" * length
        program.good(opencl.release(1), *[opencl.release(101)
                                          for _ in [1] if kind == VIEW])
    assert program.worker.held == 0


@pytest.mark.parametrize("kind", SIZES)
def test_what_is_written_is_read(program, kind):
    size = make(program, 1, kind)
    data = pixels(size)
    program.good(opencl.image_write(1, ZERO, size, data))
    assert program.want(opencl.image_read(1, ZERO, size, len(data))) == data
    # The last pixel of all, and of the first row without its ends
    last = [n - 1 for n in size]
    assert program.want(opencl.image_read(1, last, (1, 1, 1), 4)) == data[-4:]
    assert program.want(opencl.image_read(1, (1, 0, 0), (5, 1, 1), 20)) == \
        data[4:24]
    program.good(opencl.image_write(1, last, (1, 1, 1), b"last"))
    assert program.want(opencl.image_read(1, ZERO, size, len(data))) == \
        data[:-4] + b"last"


def box(data, size, origin, region, pixel=4):
    """The bytes of a part"""
    return b"".join(
        data[((origin[2] + z) * size[1] + origin[1] + y) * size[0] * pixel:]
            [origin[0] * pixel:(origin[0] + region[0]) * pixel]
        for z in range(region[2]) for y in range(region[1]))


@pytest.mark.parametrize("source", SIZES)
@pytest.mark.parametrize("target", SIZES)
def test_copies(program, source, target):
    """Between all types, as much as both have"""
    size, other = make(program, 1, source), make(program, 2, target)
    data = pixels(size)
    region = [min(a, b) - (min(a, b) > 1) for a, b in zip(size, other)]
    origin = [a - r for a, r in zip(size, region)]
    program.good(opencl.image_write(1, ZERO, size, data),
                 opencl.image_copy(1, 2, origin, ZERO, region))
    expected = box(data, size, origin, region)
    assert program.want(opencl.image_read(2, ZERO, region, len(expected))) == \
        expected


@pytest.mark.parametrize("kind", SIZES)
def test_buffers(program, kind):
    size = make(program, 1, kind)
    data = pixels(size)
    program.good(opencl.buffer_create(3, len(data) + 8),
                 opencl.write(3, 4, data),
                 opencl.buffer_to_image(1, 3, ZERO, size, 4))
    assert program.want(opencl.image_read(1, ZERO, size, len(data))) == data
    origin = [n // 2 for n in size]
    region = [n - o for n, o in zip(size, origin)]
    part = box(data, size, origin, region)
    program.good(opencl.fill(3, 0, len(data) + 8, b"\xee"),
                 opencl.image_to_buffer(1, 3, origin, region, 4))
    assert program.want(opencl.read(3, 0, len(part) + 8)) == \
        b"\xee" * 4 + part + b"\xee" * 4


@pytest.mark.parametrize("kind", SIZES)
def test_parts_of_buffers(program, kind):
    size = make(program, 1, kind)
    data = pixels(size)
    program.good(opencl.buffer_create(3, 4096),
                 opencl.sub_buffer_create(4, 3, 1024, len(data) + 4),
                 opencl.sub_buffer_create(5, 3, 2048, len(data) + 4),
                 opencl.write(4, 4, data),
                 opencl.buffer_to_image(1, 4, ZERO, size, 4),
                 opencl.image_to_buffer(1, 5, ZERO, size, 4))
    for part in 4, 5:
        assert program.want(opencl.read(part, 0, len(data) + 4)) == \
            bytes(4) + data
    for command in opencl.buffer_to_image, opencl.image_to_buffer:
        assert program.fails(command(1, 4, ZERO, size, 8)) == INVALID


@pytest.mark.parametrize("kind", SIZES)
def test_bad_parts(program, kind):
    """Each of them, of each command that has one"""
    size = make(program, 1, kind)
    make(program, 2, SPACE, (20, 20, 20))
    program.good(opencl.buffer_create(3, 1 << 16))
    places = [(ZERO, (0, 1, 1)), (ZERO, (1, 0, 1)), (ZERO, (1, 1, 0))]
    for i in range(3):
        for first, count in (size[i], 1), (0, size[i] + 1), (1, size[i]), \
                (MAX, 1), (1, MAX), (MAX, 2), (2**32, 1), (0, 2**62), \
                (2**63, 2**63):
            origin, region = [0, 0, 0], [1, 1, 1]
            origin[i], region[i] = first, count
            places.append((origin, region))
    for origin, region in places:
        for command in (
                opencl.image_read(1, origin, region, 4),
                opencl.image_write(1, origin, region, b"four"),
                opencl.image_fill(1, origin, region, [0] * 4),
                opencl.image_copy(1, 2, origin, ZERO, region),
                opencl.image_copy(2, 1, ZERO, origin, region),
                opencl.image_to_buffer(1, 3, origin, region),
                opencl.buffer_to_image(1, 3, origin, region)):
            assert program.fails(command) == INVALID, (origin, region)
    length = size[0] * size[1] * size[2] * 4
    assert program.want(opencl.image_read(1, ZERO, size, length)) == \
        bytes(length)


def test_data_of_another_size(program):
    make(program, 1, PLANE)
    for size in 0, 3, 5, 8:
        assert program.fails(opencl.image_read(1, ZERO, (1, 1, 1), size)) == \
            INVALID
        assert program.fails(opencl.image_write(1, ZERO, (1, 1, 1),
                                                bytes(size))) == INVALID


def test_buffers_that_are_too_small(program):
    make(program, 1, PLANE, (4, 4, 1))
    program.good(opencl.buffer_create(3, 64))
    for offset in 1, 64, 2**63, MAX, MAX - 63:
        for make_command in opencl.image_to_buffer, opencl.buffer_to_image:
            assert program.fails(make_command(1, 3, ZERO, (4, 4, 1),
                                              offset)) == INVALID
    program.good(opencl.image_to_buffer(1, 3, ZERO, (4, 4, 1)))


def test_wrong_objects(program):
    """Ids of others are no images, nor images buffers"""
    make(program, 1, PLANE)
    program.good(opencl.buffer_create(3, 4096),
                 opencl.sampler_create(4, 0, 0x1130, 0x1140))
    one = 1, 1, 1
    for wrong in 0, 3, 4, 9, 65535, 2**32 - 1:
        for command in (
                opencl.image_read(wrong, ZERO, one, 4),
                opencl.image_write(wrong, ZERO, one, b"four"),
                opencl.image_fill(wrong, ZERO, one, [0] * 4),
                opencl.image_copy(1, wrong, ZERO, ZERO, one),
                opencl.image_copy(wrong, 1, ZERO, ZERO, one),
                opencl.image_to_buffer(wrong, 3, ZERO, one),
                opencl.buffer_to_image(wrong, 3, ZERO, one)):
            assert program.fails(command) == NO_MEMORY, wrong
    for wrong in 0, 1, 4, 9:
        for command in (
                opencl.image_to_buffer(1, wrong, ZERO, one),
                opencl.buffer_to_image(1, wrong, ZERO, one),
                opencl.read(wrong, 0, 1), opencl.write(wrong, 0, b"x"),
                opencl.fill(wrong, 0, 1, b"x"), opencl.copy(3, wrong, 0, 0, 1),
                opencl.sub_buffer_create(5, wrong, 0, 16)):
            assert program.fails(command) == NO_MEMORY, wrong
        if wrong:
            assert program.fails(opencl.image_create(
                5, VIEW, (4,), RGBA8, buffer=wrong)) == NO_MEMORY


def test_copies_of_another_format(program):
    make(program, 1, PLANE)
    make(program, 2, PLANE, channels=RGBA32)
    for source, target in (1, 2), (2, 1):
        assert program.fails(opencl.image_copy(
            source, target, ZERO, ZERO, (7, 5, 1))) == \
            CL["CL_IMAGE_FORMAT_MISMATCH"]
    assert program.fails(opencl.image_copy(1, 1, ZERO, (1, 1, 0),
                                           (4, 4, 1))) == \
        CL["CL_MEM_COPY_OVERLAP"]


def test_bad_images(program):
    good = (1, PLANE, (4, 4), RGBA8)
    for kind, size in (
            (PLANE, (0, 4)), (PLANE, (4, 0)), (PLANE, (4, 4, 2)),
            (PLANE, (4, 4, 0)), (LINE, (4, 2)), (LINE, (4, 1, 2)),
            (SPACE, (4, 4, 0)), (LINES, (4, 2, 2)), (LINES, (4, 0)),
            (0, (1,)), (0x10f0, (1,)), (0x10f7, (1,)), (2**32 - 1, (1,)),
            (SPACE, (2**32 - 1,) * 3), (PLANE, (2**32, 1)), (LINE, (MAX,)),
            (PLANE, (MAX, MAX)), (PLANES, (2**31, 2**31, 2**31))):
        assert program.fails(opencl.image_create(1, kind, size, RGBA8)) == \
            SIZE, (kind, size)
    for channels in (0, 0), (RGBA8[0], 0), (0, RGBA8[1]), (2**32 - 1,) * 2, \
            (CL["CL_RGB"], CL["CL_FLOAT"]):
        assert program.fails(opencl.image_create(*good[:3], channels)) < 0
    for flags in 1 << 3, 1 << 4, 1 << 5, 1 << 10, 1 << 12, 1 << 40:
        assert program.fails(opencl.image_create(*good, flags=1 | flags)) == \
            INVALID
    for number in 0, 65536, 2**32 - 1:
        assert program.fails(opencl.image_create(number, *good[1:])) == \
            INVALID
    assert program.fails(opencl.image_create(*good, row_pitch=16)) == \
        DESCRIPTOR
    program.good(opencl.buffer_create(3, 4096))
    for kind in SIZES.keys() - {PLANE, VIEW}:
        assert program.fails(opencl.image_create(
            1, kind, SIZES[kind], RGBA8, buffer=3)) == DESCRIPTOR
    program.good(opencl.release(3))
    assert program.worker.held == 0
    program.good(opencl.image_create(*good))
    assert program.fails(opencl.image_create(*good)) == INVALID
    assert program.fails(opencl.buffer_create(1, 16)) == INVALID


def test_views_of_buffers(program):
    program.good(opencl.buffer_create(3, 64))
    for width in 17, 2**20, 2**28, 2**30, 2**32 - 1:
        assert program.fails(opencl.image_create(1, VIEW, (width,), RGBA8,
                                                 buffer=3)) < 0
    program.good(opencl.image_create(1, VIEW, (16,), RGBA8, buffer=3),
                 opencl.write(3, 60, b"last"))
    assert program.want(opencl.image_read(1, (15, 0, 0), (1, 1, 1), 4)) == \
        b"last"
    held = program.worker.held
    program.good(opencl.release(3),
                 opencl.image_write(1, (15, 0, 0), (1, 1, 1), b"view"))
    assert program.want(opencl.image_read(1, (15, 0, 0), (1, 1, 1), 4)) == \
        b"view"
    assert program.worker.held == held == 4096
    program.good(opencl.release(1))
    assert program.worker.held == 0


def test_planes_of_buffers(program):
    """PoCL has none: what is not inside of the buffer is refused before."""
    program.good(opencl.buffer_create(3, 4096))
    for size, row_pitch, errors in (
            ((16, 65), 0, {SIZE}), ((16, 16), 63, {DESCRIPTOR}),
            ((16, 16), 65, {DESCRIPTOR}), ((16, 65), 64, {SIZE}),
            ((16, 2), MAX - 3, {DESCRIPTOR}), ((1, 1), 2**63, {SIZE}),
            ((16, 64), 64, {CL["CL_INVALID_OPERATION"]}),
            ((16, 64), 0, {CL["CL_INVALID_OPERATION"]})):
        assert program.fails(opencl.image_create(
            1, PLANE, size, RGBA8, buffer=3, row_pitch=row_pitch)) in errors
    assert program.fails(opencl.image_create(
        1, PLANE, (4, 4), RGBA8, buffer=9)) == NO_MEMORY


def test_quota(lone_worker, opencl_program):
    program = opencl_program(lone_worker(quota=1 << 20))
    make(program, 1, PLANE, (512, 256, 1))
    assert program.worker.held == 512 << 10
    assert program.fails(opencl.image_create(2, PLANE, (512, 257), RGBA8)) == \
        CL["CL_MEM_OBJECT_ALLOCATION_FAILURE"]
    make(program, 2, PLANE, (128, 256, 1), RGBA32)
    assert program.worker.held == 1 << 20
    assert program.fails(opencl.image_create(3, LINE, (1,), RGBA8)) == \
        CL["CL_MEM_OBJECT_ALLOCATION_FAILURE"]
    assert program.fails(opencl.sampler_create(3, 0, 0x1130, 0x1140)) == \
        CL["CL_OUT_OF_HOST_MEMORY"]
    program.good(opencl.release(1), opencl.release(2))
    assert program.worker.held == 0
    for size in (16384, 16384, 1), (2048, 2048, 2048):
        assert program.fails(opencl.image_create(1, SPACE, size,
                                                 RGBA32)) < 0
    assert program.worker.held == 0


def test_bulk(program):
    size = 512, 512, 1
    data = pixels(size)
    make(program, 1, PLANE, size)
    program.good(opencl.command("IMAGE_WRITE", 1, 0, *ZERO, *size, len(data),
                                flags=FLAG_BULK), bulk=data)
    assert program.moved == data
    program.good(opencl.image_read(1, ZERO, size, len(data), flags=FLAG_BULK),
                 room=len(data))
    assert program.moved == data
    result, = program.all(opencl.image_read(
        1, (1, 0, 0), size, len(data), flags=FLAG_BULK), room=len(data))
    assert result.status == INVALID and program.moved == b""


def test_times(program):
    make(program, 1, PLANE)
    make(program, 2, PLANE)
    program.good(opencl.buffer_create(3, 4096))
    size = 7, 5, 1
    for command in (
            opencl.image_write(1, ZERO, size, bytes(140), flags=FLAG_TIMES),
            opencl.image_read(1, ZERO, size, 140, flags=FLAG_TIMES),
            opencl.image_fill(1, ZERO, size, [0] * 4, flags=FLAG_TIMES),
            opencl.image_copy(1, 2, ZERO, ZERO, size, flags=FLAG_TIMES),
            opencl.image_to_buffer(1, 3, ZERO, size, flags=FLAG_TIMES),
            opencl.buffer_to_image(1, 3, ZERO, size, flags=FLAG_TIMES)):
        queued, submit, start, end = opencl.TIMES.unpack_from(
            program.want(command))
        assert 0 < queued <= submit <= start <= end


# --- Kernels ---

KERNELS = b"""
    kernel void turn(read_only image2d_t from, write_only image2d_t to,
                     sampler_t s)
    {
        int2 at = (int2)(get_global_id(0), get_global_id(1));
        int2 end = (int2)(get_image_width(from) - 1,
                          get_image_height(from) - 1);
        write_imageui(to, at, read_imageui(from, s, end - at));
    }
    kernel void other(read_only image3d_t a, sampler_t b, global int *c,
                      ulong d, read_only image1d_buffer_t e)
    {
        c[0] = read_imageui(a, b, (int4)(0)).x + d + read_imageui(e, 0).x;
    }"""


def test_a_kernel_reads_and_writes(program):
    program.build(10, KERNELS)
    size = make(program, 1, PLANE)
    make(program, 2, PLANE)
    data = pixels(size)
    program.good(opencl.image_write(1, ZERO, size, data),
                 opencl.sampler_create(3, 0, 0x1130, 0x1140),
                 opencl.kernel_create(11, 10, b"turn"),
                 opencl.arg_buffer(11, 0, 1), opencl.arg_buffer(11, 1, 2),
                 opencl.arg_buffer(11, 2, 3), opencl.launch(11, size[:2]))
    turned = struct.unpack("<35I", program.want(opencl.image_read(
        2, ZERO, size, len(data))))
    assert turned[::-1] == struct.unpack("<35I", data)


def test_arguments(program):
    """No handle of the guest's choice, and none of another kind"""
    program.build(10, KERNELS)
    program.good(opencl.kernel_create(11, 10, b"other"),
                 opencl.buffer_create(1, 4096),
                 opencl.sampler_create(2, 0, 0x1130, 0x1140))
    for number, kind in (3, PLANE), (4, SPACE), (5, VIEW), (6, PLANES):
        make(program, number, kind)
    no_sampler = CL["CL_INVALID_SAMPLER"]
    for index, number, error in (
            (0, 0, NO_MEMORY), (0, 9, NO_MEMORY), (0, 2, NO_MEMORY),
            (0, 1, VALUE), (0, 3, VALUE), (0, 5, VALUE), (0, 6, VALUE),
            (1, 0, no_sampler), (1, 1, no_sampler), (1, 4, no_sampler),
            (1, 9, no_sampler), (1, 11, no_sampler),
            (2, 2, NO_MEMORY), (2, 4, VALUE), (2, 5, VALUE),
            (3, 1, VALUE), (3, 2, VALUE), (3, 3, VALUE), (3, 0, VALUE),
            (4, 1, VALUE), (4, 4, VALUE), (4, 2, NO_MEMORY)):
        assert program.fails(opencl.arg_buffer(11, index, number)) == error, \
            (index, number)
    for index, error in (0, VALUE), (1, no_sampler), (2, VALUE), (4, VALUE):
        for value in bytes(8), b"\x10" * 8:
            assert program.fails(opencl.arg_value(11, index, value)) == error
        assert program.fails(opencl.arg_local(11, index, 8)) == VALUE
    program.good(opencl.arg_buffer(11, 0, 4), opencl.arg_buffer(11, 1, 2),
                 opencl.arg_buffer(11, 2, 1),
                 opencl.arg_value(11, 3, bytes(8)),
                 opencl.arg_buffer(11, 4, 5), opencl.launch(11, [1]))


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_an_argument_that_is_gone(program, gone):
    """Nor is what has its id afterwards"""
    program.build(10, KERNELS)
    made = {1: opencl.image_create(1, PLANE, (7, 5), RGBA8),
            2: opencl.image_create(2, PLANE, (7, 5), RGBA8),
            3: opencl.sampler_create(3, 0, 0x1130, 0x1140)}
    program.good(*made.values(), opencl.kernel_create(11, 10, b"turn"),
                 *[opencl.arg_buffer(11, i, i + 1) for i in range(3)],
                 opencl.launch(11, [7, 5]), opencl.release(gone))
    for again in False, True:
        if again:
            program.good(made[gone])
        assert program.fails(opencl.launch(11, [7, 5])) == \
            CL["CL_INVALID_KERNEL_ARGS"]
    program.good(opencl.arg_buffer(11, gone - 1, gone),
                 opencl.launch(11, [7, 5]))


def test_released_while_it_runs(program):
    """All in one batch"""
    program.build(10, KERNELS)
    for _ in range(20):
        program.good(
            opencl.image_create(1, PLANE, (512, 512), RGBA8),
            opencl.image_create(2, PLANE, (512, 512), RGBA8),
            opencl.sampler_create(3, 0, 0x1130, 0x1140),
            opencl.kernel_create(11, 10, b"turn"),
            *[opencl.arg_buffer(11, i, i + 1) for i in range(3)],
            opencl.launch(11, [512, 512]), opencl.launch(11, [512, 512]),
            opencl.image_fill(2, ZERO, (512, 512, 1), [1] * 4),
            *[opencl.release(number) for number in (3, 2, 1, 11)])
    program.good(opencl.release(10))
    assert program.worker.held == 0


# --- Samplers ---

def test_samplers(program):
    for number, (normalized, addressing, filtering) in enumerate(
            [(n, a, f) for n in (0, 1) for a in range(0x1130, 0x1133)
             for f in (0x1140, 0x1141)], 1):
        program.good(opencl.sampler_create(number, normalized, addressing,
                                           filtering))
    assert program.worker.held == 12 * 4096
    for values in (2, 0x1130, 0x1140), (2**32 - 1, 0x1130, 0x1140), \
            (0, 0x112f, 0x1140), (0, 0x1135, 0x1140), (0, 0x1130, 0x113f), \
            (0, 0x1130, 0x1142), (0, 0, 0), (0, 0x1133, 0x1140):
        assert program.fails(opencl.sampler_create(50, *values)) == INVALID
    assert program.fails(opencl.sampler_create(1, 0, 0x1130, 0x1140)) == \
        INVALID
    program.good(*[opencl.release(number) for number in range(1, 13)])
    assert program.worker.held == 0
