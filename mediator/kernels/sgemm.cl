/*
 * C = alpha * A * B + beta * C, all in rows; A is m x k, B k x n, C m x n
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
__kernel void sgemm(__global const float *a, __global const float *b,
                    __global float *c, uint m, uint n, uint k, float alpha,
                    float beta)
{
    for (size_t row = get_global_id(1); row < m; row += get_global_size(1)) {
        for (size_t column = get_global_id(0); column < n;
             column += get_global_size(0)) {
            float sum = 0;

            for (size_t i = 0; i < k; i++) {
                sum += a[row * k + i] * b[i * n + column];
            }
            c[row * n + column] = alpha * sum + beta * c[row * n + column];
        }
    }
}
