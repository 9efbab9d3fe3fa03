/*
 * y[i] = a * x[i] + y[i], for i < n
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
__kernel void saxpy(__global const float *x, __global float *y, uint n,
                    float a)
{
    for (size_t i = get_global_id(0); i < n; i += get_global_size(0)) {
        y[i] = a * x[i] + y[i];
    }
}
