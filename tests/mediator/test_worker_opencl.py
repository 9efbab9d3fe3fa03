# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenCL's commands in a real worker with PoCL, each of them and its errors."""
import struct

import pytest

from support import opencl
from support.opencl import CL


def test_device_info(program):
    name = program.want(opencl.device_info(CL["CL_DEVICE_NAME"]))
    assert name.endswith(b"\0") and len(name) > 2
    assert program.fails(opencl.device_info(0x9999)) == CL["CL_INVALID_VALUE"]
    # Pointers of the worker's are not for the guest.
    for param in "CL_DEVICE_PLATFORM", "CL_DEVICE_PARENT_DEVICE":
        assert program.fails(opencl.device_info(CL[param])) == \
            CL["CL_INVALID_VALUE"]


def test_a_vector_sum(program):
    count = 1000
    numbers = struct.pack(f"<{count}i", *range(count))
    program.build(1, b"__kernel void sum(__global int *a, __global int *b)"
                     b"{ int i = get_global_id(0); b[i] += a[i]; }")
    for buffer in 2, 3:
        program.good(opencl.buffer_create(buffer, len(numbers)),
                     opencl.write(buffer, 0, numbers))
    program.good(opencl.kernel_create(4, 1, b"sum"),
                 opencl.arg_buffer(4, 0, 2), opencl.arg_buffer(4, 1, 3),
                 opencl.launch(4, [count]))
    result = program.want(opencl.read(3, 0, len(numbers)))
    assert result == struct.pack(f"<{count}i",
                                 *(2 * i for i in range(count)))
