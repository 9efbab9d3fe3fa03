# SPDX-License-Identifier: GPL-2.0-or-later
"""busy.py SECONDS

Keeps the first device busy as clpeak does: with kernels that compute, several
behind one another. Says each second how many have ended.
"""
import sys
import time
from collections import deque

import numpy
import pyopencl as cl

DEPTH = 8
ITEMS = 4096
SOURCE = """
__kernel void compute(__global float *results, int rounds)
{
    float x = get_global_id(0), y = 1;
    for (int i = 0; i < rounds; i++) {
        x = mad(y, x, y); y = mad(x, y, x);
    }
    results[get_global_id(0)] = y;
}
"""

context = cl.create_some_context(interactive=False)
queue = cl.CommandQueue(context)
results = cl.Buffer(context, cl.mem_flags.READ_WRITE, 4 * ITEMS)
compute = cl.Program(context, SOURCE).build().compute
compute.set_args(results, numpy.int32(2000))

under_way = deque()
ended = 0
end = time.monotonic() + float(sys.argv[1])
say = 0
while time.monotonic() < end:
    under_way.append(cl.enqueue_nd_range_kernel(queue, compute, (ITEMS,), None))
    queue.flush()
    if len(under_way) == DEPTH:
        under_way.popleft().wait()
        ended += 1
    if time.monotonic() > say:
        print("kernels:", ended, flush=True)
        say = time.monotonic() + 1
queue.finish()
