# SPDX-License-Identifier: MIT
"""What programs give to the module vgpu_stub, checked and as C takes it."""
import contextlib
import ctypes
import operator
from ctypes import c_uint32

import vgpu_stub_library as _c

LONGEST_MS = (1 << 31) - 1


def integer(value, what, least=0, most=(1 << 64) - 1):
    number = operator.index(value)
    if not least <= number <= most:
        raise ValueError(f"{what} is {number}: it must be {least} to {most}")
    return number


def milliseconds(seconds):
    if not 0 <= seconds <= LONGEST_MS / 1000:
        raise ValueError(f"a timeout is {seconds} seconds: it must be 0 to "
                         f"{LONGEST_MS // 1000}, or None")
    return int(seconds * 1000)


def to_bytes(data):
    """What the data consist of, whatever its elements and its shape."""
    with memoryview(data) as view:
        return view.tobytes()


@contextlib.contextmanager
def memory(data, writable=False):
    """(address, bytes) of the data, where they lie: they stay there while
    `with` lasts. What cannot be had there is copied first."""
    with memoryview(data) as view:
        in_place = view.c_contiguous and not view.readonly
        if writable and not in_place:
            raise TypeError("the data have to be in a row, and writable")
        if view.nbytes == 0:
            yield None, 0
        elif in_place:
            lent = (ctypes.c_char * view.nbytes).from_buffer(view)
            try:
                yield ctypes.addressof(lent), view.nbytes
            finally:
                del lent        # or the view could not be let go of
        else:
            copied = data if isinstance(data, bytes) else view.tobytes()
            yield ctypes.cast(copied, ctypes.c_void_p).value, len(copied)


def kernels(rows):
    """{kernel: [(argument, type), ...]} of the library's rows"""
    found = {}
    arguments = []
    for row in rows:
        name = row.name.decode(errors="replace")
        if row.type == 0:
            arguments = found[name] = []
        elif row.type == _c.ARG_BUFFER:
            arguments.append((name, ["unused", "in", "out",
                                     "inout"][row.detail % 4]))
        else:
            arguments.append((name, {2: "u32", 3: "f32", 4: "u64", 5: "f64"}
                              .get(row.type, "unknown")))
    return found


def kernel(name, args, global_size, local_size, program):
    if len(args) > _c.KERNEL_ARGS_MAX:
        raise ValueError(f"{len(args)} arguments: at most "
                         f"{_c.KERNEL_ARGS_MAX} are possible")
    dimensions, sizes = _nd_range(global_size)
    what = _c.Kernel(name=name.encode(), dimensions=dimensions,
                     global_size=sizes,
                     args=(_c.Arg * len(args))(*map(_argument, args)),
                     arg_count=len(args))
    if local_size is not None:
        what.local_size = _nd_range(local_size)[1]
    if program is not None:
        # 0 would be the catalogue
        what.program = integer(program.handle, "a program's handle", 1)
        what.program_length = integer(program.size, "a program's size", 1,
                                      (1 << 32) - 1)
    return what


def _argument(value):
    if hasattr(value, "handle"):
        return _c.Arg(_c.ARG_BUFFER, 0, value.handle)
    if type(value) not in _c.ARG_TYPES:
        raise TypeError(f"{value!r} is neither a Buffer nor a c_uint32, "
                        "c_int32, c_uint64, c_int64, c_float or c_double")
    return _c.Arg(_c.ARG_TYPES[type(value)], 0,
                  int.from_bytes(bytes(value), "little"))


def _nd_range(size):
    """(dimensions, sizes of all three)"""
    try:
        size = (operator.index(size),)
    except TypeError:
        size = tuple(size)
    if not 1 <= len(size) <= 3:
        raise ValueError(f"{size}: one to three dimensions")
    size = [integer(items, "a number of work items", 1, (1 << 32) - 1)
            for items in size]
    return len(size), (c_uint32 * 3)(*size, *[1] * (3 - len(size)))
