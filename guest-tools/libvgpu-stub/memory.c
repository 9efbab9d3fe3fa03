/*
 * libvgpu-stub: the accelerator's memory
 *
 * SPDX-License-Identifier: MIT
 */
#include "clock.h"
#include "operation.h"

/* As large as the length of a copy can be, and page-aligned steps */
#define COPY_STEP (UINT64_C(1) << 31)

VGPU_STUB_ASSERT(VGPU_STUB_WRITE_STEP == 968);
VGPU_STUB_ASSERT(VGPU_STUB_READ_STEP == 992);

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

/* A copy of any length, and what its steps have in common */
struct copy {
    uint32_t direction;         /* VGPU_STUB_COPY_… */
    uint64_t step;              /* the most that one request copies */
    uint64_t handle, offset;
    uint64_t source, source_offset;     /* within the accelerator's memory */
    const uint8_t *in;          /* to the accelerator */
    uint8_t *out;               /* from it */
};

static int copy_step(struct vgpu_stub *dev, const struct copy *copy,
                     uint64_t done, uint32_t length, int64_t deadline_us,
                     unsigned flags, struct vgpu_stub_outcome *outcome)
{
    const uint32_t params[] = {
        copy->direction, length,
        OPERATION_WORDS(copy->handle), OPERATION_WORDS(copy->offset + done),
        OPERATION_WORDS(copy->source),
        OPERATION_WORDS(copy->source_offset + done),
    };
    const struct operation operation = {
        .opcode = VGPU_STUB_OP_MEMORY_COPY,
        .param_count = copy->direction == VGPU_STUB_COPY_WITHIN_DEVICE ? 10
                                                                       : 6,
        .params = params,
        .data_length = copy->in ? length : 0,
        .data = copy->in ? copy->in + done : NULL,
    };
    struct vgpu_stub_reply reply;
    int rc;

    rc = operation_call(dev, &operation, 0, deadline_us, flags, outcome,
                        &reply);
    if (rc == 0 && copy->out) {
        if (reply.data_length != length) {
            return -EBADMSG;
        }
        memcpy(copy->out + done, reply.data, length);
    }
    return rc;
}

static int copy_all(struct vgpu_stub *dev, const struct copy *copy,
                    uint64_t length, int timeout_ms, unsigned flags,
                    struct vgpu_stub_outcome *outcome)
{
    const int64_t deadline = clock_deadline(timeout_ms);
    struct vgpu_stub_outcome unwanted;
    struct limit limit;         /* of all steps, each may be a short one */
    uint64_t done = 0;
    int cancelling, rc;

    rc = request_check(1, flags);
    if (rc < 0) {
        return rc;
    }
    if (length == 0 && outcome) {
        *outcome = (struct vgpu_stub_outcome) {
            .error_code = VGPU_STUB_ERR_NONE,
        };
    }
    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    limit_init(&limit, deadline);
    limit_ask(&limit, dev->stop, dev->opaque);
    while (rc == 0 && done < length) {
        uint64_t left = length - done;
        uint32_t now = left < copy->step ? left : copy->step;

        rc = limit_check(&limit, clock_us());
        if (rc < 0) {
            break;
        }
        rc = copy_step(dev, copy, done, now, deadline, flags,
                       outcome ? outcome : &unwanted);
        done += now;
    }
    opened_end(dev, cancelling);
    return rc;
}

int vgpu_stub_mem_write(struct vgpu_stub *dev, uint64_t handle,
                        uint64_t offset, const void *data, size_t length,
                        int timeout_ms, unsigned flags,
                        struct vgpu_stub_outcome *outcome)
{
    const struct copy copy = {
        .direction = VGPU_STUB_COPY_TO_DEVICE,
        .step = VGPU_STUB_WRITE_STEP,
        .handle = handle,
        .offset = offset,
        .in = data,
    };

    return copy_all(dev, &copy, length, timeout_ms, flags, outcome);
}

int vgpu_stub_mem_read(struct vgpu_stub *dev, uint64_t handle,
                       uint64_t offset, void *data, size_t length,
                       int timeout_ms, unsigned flags,
                       struct vgpu_stub_outcome *outcome)
{
    const struct copy copy = {
        .direction = VGPU_STUB_COPY_FROM_DEVICE,
        .step = VGPU_STUB_READ_STEP,
        .handle = handle,
        .offset = offset,
        .out = data,
    };

    return copy_all(dev, &copy, length, timeout_ms, flags, outcome);
}

int vgpu_stub_mem_copy(struct vgpu_stub *dev,
                       uint64_t to, uint64_t to_offset,
                       uint64_t from, uint64_t from_offset, uint64_t length,
                       int timeout_ms, unsigned flags,
                       struct vgpu_stub_outcome *outcome)
{
    const struct copy copy = {
        .direction = VGPU_STUB_COPY_WITHIN_DEVICE,
        .step = COPY_STEP,
        .handle = to,
        .offset = to_offset,
        .source = from,
        .source_offset = from_offset,
    };

    return copy_all(dev, &copy, length, timeout_ms, flags, outcome);
}
