/*
 * OpenCL in the guest: the descriptions of kernels that come with a build
 *
 * SPDX-License-Identifier: MIT
 */
#include "program.h"

#define ALIGN8(size) (((size) + 7) & ~(size_t)7)

/* Is an argument at @at, of at most @size bytes? */
static bool check_argument(const uint8_t *at, size_t size)
{
    const struct vgpu_stub_cl_argument *argument = (const void *)at;

    return size >= sizeof(*argument) && argument->length <= size &&
           argument->length % 8 == 0 &&
           argument->length >= sizeof(*argument) +
                               (uint64_t)argument->name_length +
                               argument->type_length;
}

static bool check_kernel(const uint8_t *at, size_t size)
{
    const struct vgpu_stub_cl_kernel *kernel = (const void *)at;
    uint64_t done;

    if (size < sizeof(*kernel) || kernel->length > size ||
        kernel->length % 8 != 0) {
        return false;
    }
    done = ALIGN8(sizeof(*kernel) + (uint64_t)kernel->name_length +
                  kernel->attributes_length);
    for (uint32_t i = 0; i < kernel->arguments; i++) {
        if (done > kernel->length ||
            !check_argument(at + done, kernel->length - done)) {
            return false;
        }
        done += ((const struct vgpu_stub_cl_argument *)(at + done))->length;
    }
    return done <= kernel->length && kernel->length >= sizeof(*kernel);
}

bool program_check_kernels(const uint8_t *kernels, size_t size, size_t *count)
{
    size_t done = 0;

    *count = 0;
    while (done < size) {
        if (!check_kernel(kernels + done, size - done)) {
            return false;
        }
        done += ((const struct vgpu_stub_cl_kernel *)(kernels + done))->length;
        ++*count;
    }
    return true;
}

const struct vgpu_stub_cl_kernel *program_kernel(cl_program program,
                                                 size_t number)
{
    const uint8_t *at = program->kernels;

    while (number-- > 0) {
        at += ((const struct vgpu_stub_cl_kernel *)at)->length;
    }
    return (const void *)at;
}

const char *program_kernel_name(const struct vgpu_stub_cl_kernel *kernel)
{
    return (const char *)(kernel + 1);
}

const char *program_kernel_attributes(const struct vgpu_stub_cl_kernel *kernel)
{
    return (const char *)(kernel + 1) + kernel->name_length;
}

const struct vgpu_stub_cl_argument *
program_argument(const struct vgpu_stub_cl_kernel *kernel, uint32_t index)
{
    const uint8_t *at = (const uint8_t *)kernel +
        ALIGN8(sizeof(*kernel) + kernel->name_length +
               kernel->attributes_length);

    while (index-- > 0) {
        at += ((const struct vgpu_stub_cl_argument *)at)->length;
    }
    return (const void *)at;
}
