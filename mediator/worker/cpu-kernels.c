/*
 * The catalogue's kernels, for the backend that is a plain CPU
 *
 * mediator/kernels/NAME.cl is the same for the other backends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "cpu-kernels.h"

/* SHA-256's, in bytes */
#define DIGEST_SIZE 32

static void *memory(const KernelArgument *argument)
{
    return argument->memory;
}

/* a, b, c, n */
static void vector_add(const KernelArgument *args)
{
    const float *a = memory(&args[0]);
    const float *b = memory(&args[1]);
    float *c = memory(&args[2]);
    const size_t n = args[3].u32;

    for (size_t i = 0; i < n; i++) {
        c[i] = a[i] + b[i];
    }
}

/* x, y, n, a */
static void saxpy(const KernelArgument *args)
{
    const float *x = memory(&args[0]);
    float *y = memory(&args[1]);
    const size_t n = args[2].u32;
    const float a = args[3].f32;

    for (size_t i = 0; i < n; i++) {
        y[i] += a * x[i];
    }
}

/* a, b, c, m, n, k, alpha, beta */
static void sgemm(const KernelArgument *args)
{
    const float *a = memory(&args[0]);
    const float *b = memory(&args[1]);
    float *c = memory(&args[2]);
    const size_t m = args[3].u32, n = args[4].u32, k = args[5].u32;
    const float alpha = args[6].f32, beta = args[7].f32;

    /* Row by row of B, so that memory is read in its order. */
    for (size_t row = 0; row < m; row++) {
        float *out = c + row * n;

        for (size_t column = 0; column < n; column++) {
            out[column] *= beta;
        }
        for (size_t i = 0; i < k; i++) {
            const float factor = alpha * a[row * k + i];

            for (size_t column = 0; column < n; column++) {
                out[column] += factor * b[i * n + column];
            }
        }
    }
}

/* in, out, n, parts */
static void reduce(const KernelArgument *args)
{
    const float *in = memory(&args[0]);
    float *out = memory(&args[1]);
    const size_t n = args[2].u32, parts = args[3].u32;

    for (size_t part = 0; part < parts; part++) {
        float sum = 0;

        for (size_t i = part; i < n; i += parts) {
            sum += in[i];
        }
        out[part] = sum;
    }
}

/* data, digest, length, count */
static void sha256(const KernelArgument *args)
{
    const guchar *data = memory(&args[0]);
    guint8 *digests = memory(&args[1]);
    const size_t length = args[2].u32, count = args[3].u32;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

    for (size_t i = 0; i < count; i++) {
        gsize size = DIGEST_SIZE;

        g_checksum_reset(checksum);
        g_checksum_update(checksum, data + i * length, length);
        g_checksum_get_digest(checksum, digests + i * DIGEST_SIZE, &size);
    }
}

static const CpuKernel kernels[] = {
    { "vector_add", "bbbu", vector_add },
    { "saxpy", "bbuf", saxpy },
    { "sgemm", "bbbuuuff", sgemm },
    { "reduce", "bbuu", reduce },
    { "sha256", "bbuu", sha256 },
};

const CpuKernel *cpu_kernel_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kernels); i++) {
        if (g_str_equal(kernels[i].name, name)) {
            return &kernels[i];
        }
    }
    return NULL;
}
