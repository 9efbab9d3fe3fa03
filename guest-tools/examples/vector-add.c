/*
 * vector-add: add two vectors on the host, check the sum in the guest
 *
 * SPDX-License-Identifier: MIT
 */
#include "example.h"

#define N 1000

int main(void)
{
    static float a[N], b[N], c[N];
    struct vgpu_stub *dev = open_device();
    uint64_t in_a, in_b, out;

    for (int i = 0; i < N; i++) {
        a[i] = i * 0.5f;
        b[i] = N - i;
    }

    in_a = upload(dev, a, sizeof(a));
    in_b = upload(dev, b, sizeof(b));
    out = upload(dev, NULL, sizeof(c));

    const struct vgpu_stub_kernel_arg args[] = {
        vgpu_stub_arg_buffer(in_a),
        vgpu_stub_arg_buffer(in_b),
        vgpu_stub_arg_buffer(out),
        vgpu_stub_arg_u32(N),
    };
    const struct vgpu_stub_kernel kernel = {
        .struct_size = sizeof(kernel),
        .name = "vector_add",
        .dimensions = 1,
        .global_size = { N, 1, 1 },
        .args = args,
        .arg_count = 4,
    };
    check("vector_add", vgpu_stub_launch(dev, &kernel, -1, 0, &outcome));

    download(dev, out, c, sizeof(c));
    vgpu_stub_mem_free(dev, in_a, -1, NULL);
    vgpu_stub_mem_free(dev, in_b, -1, NULL);
    vgpu_stub_close(dev);

    for (int i = 0; i < N; i++) {
        if (c[i] != a[i] + b[i]) {
            errx(EXIT_FAILURE, "c[%d] is %g, not %g", i, c[i], a[i] + b[i]);
        }
    }
    printf("vector-add: %d sums, all as the CPU has them\n", N);
    return end_output();
}
