/*
 * libvgpu-stub: the accelerator's memory
 *
 * SPDX-License-Identifier: MIT
 */
#include "operation.h"

int vgpu_stub_mem_alloc(struct vgpu_stub *dev, uint64_t bytes,
                        uint64_t *handle, int timeout_ms,
                        struct vgpu_stub_outcome *outcome)
{
    const uint32_t params[] = { OPERATION_WORDS(bytes) };
    const struct operation alloc = {
        .opcode = VGPU_STUB_OP_MEMORY_ALLOC,
        .param_count = 2,
        .params = params,
    };
    struct vgpu_stub_outcome unwanted;
    struct vgpu_stub_reply reply;
    int rc;

    rc = operation_single(dev, &alloc, 2, timeout_ms, 0,
                          outcome ? outcome : &unwanted, &reply);
    if (rc == 0) {
        *handle = operation_value(reply.results);
    }
    return rc;
}

int vgpu_stub_mem_free(struct vgpu_stub *dev, uint64_t handle, int timeout_ms,
                       struct vgpu_stub_outcome *outcome)
{
    const uint32_t params[] = { OPERATION_WORDS(handle) };
    const struct operation release = {
        .opcode = VGPU_STUB_OP_MEMORY_FREE,
        .param_count = 2,
        .params = params,
    };
    struct vgpu_stub_outcome unwanted;
    struct vgpu_stub_reply reply;

    return operation_single(dev, &release, 0, timeout_ms, 0,
                            outcome ? outcome : &unwanted, &reply);
}

int vgpu_stub_mem_free_all(struct vgpu_stub *dev, uint64_t *bytes,
                           int timeout_ms, struct vgpu_stub_outcome *outcome)
{
    const struct operation release = {
        .opcode = VGPU_STUB_OP_MEMORY_FREE_ALL,
    };
    struct vgpu_stub_outcome unwanted;
    struct vgpu_stub_reply reply;
    int rc;

    rc = operation_single(dev, &release, 2, timeout_ms, 0,
                          outcome ? outcome : &unwanted, &reply);
    if (rc == 0 && bytes) {
        *bytes = operation_value(reply.results);
    }
    return rc;
}
