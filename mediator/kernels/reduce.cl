/*
 * out[i] = in[i] + in[i + parts] + in[i + 2 * parts] ..., for i < parts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
__kernel void reduce(__global const float *in, __global float *out, uint n,
                     uint parts)
{
    for (size_t part = get_global_id(0); part < parts;
         part += get_global_size(0)) {
        float sum = 0;

        for (size_t i = part; i < n; i += parts) {
            sum += in[i];
        }
        out[part] = sum;
    }
}
