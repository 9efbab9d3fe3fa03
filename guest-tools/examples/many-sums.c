/*
 * many-sums SECONDS: add vectors on the host for so long, several sums under way
 * at a time, and check the last one in the guest
 *
 * SPDX-License-Identifier: MIT
 */
#include <time.h>

#include "example.h"

#define N (1 << 20)         /* numbers of a vector, 4 MiB */
#define JOBS 4

static void add(struct vgpu_stub *dev, const struct vgpu_stub_kernel *kernel)
{
    struct vgpu_stub_job *jobs[JOBS];

    for (int i = 0; i < JOBS; i++) {
        /* The driver gets all of them in one call */
        check("submit", vgpu_stub_submit_launch(
            dev, kernel, -1, i < JOBS - 1 ? VGPU_STUB_MORE : 0, &jobs[i]));
    }
    for (int i = 0; i < JOBS; i++) {
        check("vector_add", vgpu_stub_wait(jobs[i], -1, &outcome));
        vgpu_stub_job_free(jobs[i]);
    }
}

int main(int argc, char **argv)
{
    static float a[N], b[N], c[N];
    const time_t end = time(NULL) + (argc == 2 ? atoi(argv[1]) : 0);
    struct vgpu_stub *dev = open_device();
    unsigned sums = 0;

    for (int i = 0; i < N; i++) {
        a[i] = i % 1000;
        b[i] = i % 7;
    }

    const uint64_t in_a = upload(dev, a, sizeof(a));
    const uint64_t in_b = upload(dev, b, sizeof(b));
    const uint64_t out = upload(dev, NULL, sizeof(c));
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

    do {
        add(dev, &kernel);
        sums += JOBS;
    } while (time(NULL) < end);

    download(dev, out, c, sizeof(c));
    vgpu_stub_close(dev);       /* which frees what is left */
    for (int i = 0; i < N; i++) {
        if (c[i] != a[i] + b[i]) {
            errx(EXIT_FAILURE, "c[%d] is %g, not %g", i, c[i], a[i] + b[i]);
        }
    }
    printf("many-sums: %u sums of %d numbers, the last as the CPU has it\n",
           sums, N);
    return end_output();
}
