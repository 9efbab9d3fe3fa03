/*
 * libvgpu-stub: kernels
 *
 * SPDX-License-Identifier: MIT
 */
#include "clock.h"
#include "operation.h"
#include "sized.h"

static bool is_valid(const struct vgpu_stub_kernel *kernel)
{
    size_t length = kernel->name ? strnlen(kernel->name,
                                           VGPU_STUB_KERNEL_NAME_SIZE) : 0;

    return kernel->dimensions >= 1 && kernel->dimensions <= 3 &&
           length >= 1 && length < VGPU_STUB_KERNEL_NAME_SIZE &&
           kernel->arg_count <= VGPU_STUB_KERNEL_ARGS_MAX &&
           (kernel->args || kernel->arg_count == 0);
}

/* Encode the request of a valid kernel to @buffer; returns its length. */
static int encode_valid(const struct vgpu_stub_kernel *kernel,
                        uint8_t buffer[VGPU_STUB_BUF_SIZE])
{
    const uint32_t params[] = {
        kernel->dimensions,
        kernel->global_size[0], kernel->global_size[1], kernel->global_size[2],
        kernel->local_size[0], kernel->local_size[1], kernel->local_size[2],
        OPERATION_WORDS(kernel->program), kernel->program_length,
    };
    struct {
        char name[VGPU_STUB_KERNEL_NAME_SIZE];
        struct vgpu_stub_kernel_arg args[VGPU_STUB_KERNEL_ARGS_MAX];
    } data = { .name = "" };
    const size_t args_size = kernel->arg_count * sizeof(data.args[0]);
    const struct operation operation = {
        .opcode = VGPU_STUB_OP_KERNEL,
        .param_count = sizeof(params) / sizeof(params[0]),
        .params = params,
        .data_length = sizeof(data.name) + args_size,
        .data = &data,
    };

    memcpy(data.name, kernel->name, strlen(kernel->name));
    if (args_size > 0) {
        memcpy(data.args, kernel->args, args_size);
    }
    return operation_encode(&operation, buffer);
}

/* Encode the request to @buffer; returns its length, or -EINVAL. */
static int encode(const struct vgpu_stub_kernel *given,
                  uint8_t buffer[VGPU_STUB_BUF_SIZE])
{
    struct vgpu_stub_kernel kernel;
    int rc = SIZED_TAKE(kernel, given, program_length);

    if (rc < 0) {
        return rc;
    }
    return is_valid(&kernel) ? encode_valid(&kernel, buffer) : -EINVAL;
}

int vgpu_stub_launch(struct vgpu_stub *dev,
                     const struct vgpu_stub_kernel *kernel,
                     int timeout_ms, unsigned flags,
                     struct vgpu_stub_outcome *outcome)
{
    uint8_t buffer[VGPU_STUB_BUF_SIZE];
    struct vgpu_stub_outcome unwanted;
    int length = encode(kernel, buffer);
    int cancelling, rc;

    if (length < 0) {
        return length;
    }
    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    rc = opened_call(dev, buffer, length, clock_deadline(timeout_ms), flags,
                     outcome ? outcome : &unwanted);
    opened_end(dev, cancelling);
    return rc;
}

int vgpu_stub_submit_launch(struct vgpu_stub *dev,
                            const struct vgpu_stub_kernel *kernel,
                            int timeout_ms, unsigned flags,
                            struct vgpu_stub_job **job)
{
    uint8_t buffer[VGPU_STUB_BUF_SIZE];
    int length = encode(kernel, buffer);

    if (length < 0) {
        return length;
    }
    return vgpu_stub_submit(dev, buffer, length, timeout_ms, flags, job);
}
