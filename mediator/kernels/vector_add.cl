/*
 * c[i] = a[i] + b[i], for i < n
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
__kernel void vector_add(__global const float *a, __global const float *b,
                         __global float *c, uint n)
{
    for (size_t i = get_global_id(0); i < n; i += get_global_size(0)) {
        c[i] = a[i] + b[i];
    }
}
