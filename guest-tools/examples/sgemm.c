/*
 * sgemm: multiply two matrices on the host, C = alpha A B + beta C, and check
 * the product in the guest
 *
 * SPDX-License-Identifier: MIT
 */
#include "example.h"

#define M 24        /* rows of A and C */
#define N 16        /* columns of B and C */
#define K 20        /* columns of A, rows of B */

/* Small integers, so that every sum is exact, in any order of the summands */
static void fill(float *matrix, int count, int seed)
{
    for (int i = 0; i < count; i++) {
        matrix[i] = (i * seed) % 17 - 8;
    }
}

int main(void)
{
    static float a[M][K], b[K][N], c[M][N], product[M][N];
    const float alpha = 0.5f, beta = -2;
    struct vgpu_stub *dev = open_device();
    uint64_t in_a, in_b, inout;

    fill(a[0], M * K, 3);
    fill(b[0], K * N, 5);
    fill(c[0], M * N, 7);

    in_a = upload(dev, a, sizeof(a));
    in_b = upload(dev, b, sizeof(b));
    inout = upload(dev, c, sizeof(c));

    const struct vgpu_stub_kernel_arg args[] = {
        vgpu_stub_arg_buffer(in_a),
        vgpu_stub_arg_buffer(in_b),
        vgpu_stub_arg_buffer(inout),
        vgpu_stub_arg_u32(M), vgpu_stub_arg_u32(N), vgpu_stub_arg_u32(K),
        vgpu_stub_arg_f32(alpha), vgpu_stub_arg_f32(beta),
    };
    const struct vgpu_stub_kernel kernel = {
        .struct_size = sizeof(kernel),
        .name = "sgemm",
        .dimensions = 2,
        .global_size = { N, M, 1 },     /* columns, rows */
        .args = args,
        .arg_count = 8,
    };
    check("sgemm", vgpu_stub_launch(dev, &kernel, -1, 0, &outcome));

    download(dev, inout, product, sizeof(product));
    vgpu_stub_mem_free(dev, in_a, -1, NULL);
    vgpu_stub_mem_free(dev, in_b, -1, NULL);
    vgpu_stub_close(dev);

    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            float sum = 0;

            for (int k = 0; k < K; k++) {
                sum += a[i][k] * b[k][j];
            }
            if (product[i][j] != alpha * sum + beta * c[i][j]) {
                errx(EXIT_FAILURE, "C[%d][%d] is %g", i, j, product[i][j]);
            }
        }
    }
    printf("sgemm: %d x %d elements, all as the CPU has them\n", M, N);
    return end_output();
}
