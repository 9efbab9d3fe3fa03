#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Arrays of numpy go to the device and come back, computed with."""
import numpy
import pyopencl as cl

SOURCE = """
__kernel void saxpy(float a, __global const float *x, __global float *y)
{
    size_t i = get_global_id(0);
    y[i] += a * x[i];
}
"""

context = cl.create_some_context(interactive=False)
queue = cl.CommandQueue(context)
print("device:", context.devices[0].name)

numbers = numpy.random.default_rng(27)
x = numbers.random(1 << 20, dtype=numpy.float32)
y = numbers.random(1 << 20, dtype=numpy.float32)
flags = cl.mem_flags
x_there = cl.Buffer(context, flags.READ_ONLY | flags.COPY_HOST_PTR, hostbuf=x)
y_there = cl.Buffer(context, flags.READ_WRITE, y.nbytes)
cl.enqueue_copy(queue, y_there, y)
cl.Program(context, SOURCE).build().saxpy(
    queue, x.shape, None, numpy.float32(3), x_there, y_there)
result = numpy.empty_like(y)
cl.enqueue_copy(queue, result, y_there)
assert numpy.allclose(result, 3 * x + y)
print("round trip: ok,", len(x), "numbers")
