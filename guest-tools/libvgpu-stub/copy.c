/*
 * libvgpu-stub: copies to the accelerator's memory, from it and within it
 *
 * SPDX-License-Identifier: MIT
 */
#include "copy.h"

#include "clock.h"
#include "operation.h"
#include "sized.h"

/* As large as the length of a copy can be, and page-aligned steps */
#define WITHIN_STEP (UINT64_C(1) << 31)

VGPU_STUB_ASSERT(VGPU_STUB_WRITE_STEP == 968);
VGPU_STUB_ASSERT(VGPU_STUB_READ_STEP == 992);

size_t copy_encode(const struct copy *copy, uint64_t at, uint32_t length,
                   const void *data, uint8_t buffer[VGPU_STUB_BUF_SIZE])
{
    const uint32_t params[] = {
        copy->direction, length,
        OPERATION_WORDS(copy->handle), OPERATION_WORDS(copy->offset + at),
        OPERATION_WORDS(copy->source),
        OPERATION_WORDS(copy->source_offset + at),
    };
    const struct operation operation = {
        .opcode = VGPU_STUB_OP_MEMORY_COPY,
        .param_count = copy->direction == VGPU_STUB_COPY_WITHIN_DEVICE ? 10
                                                                       : 6,
        .params = params,
        .data_length = data ? length : 0,
        .data = data,
    };

    return operation_encode(&operation, buffer);
}

int copy_check_reply(const struct vgpu_stub_outcome *outcome,
                     struct vgpu_stub_reply *reply)
{
    int rc = vgpu_stub_parse(outcome, reply);

    if (rc < 0) {
        return rc;
    }
    return reply->status == VGPU_STUB_ERR_NONE ? 0 : -EBADMSG;
}

/* The most that one request copies without bulk */
static uint64_t step_of(const struct copy *copy)
{
    switch (copy->direction) {
    case VGPU_STUB_COPY_TO_DEVICE:
        return VGPU_STUB_WRITE_STEP;
    case VGPU_STUB_COPY_FROM_DEVICE:
        return VGPU_STUB_READ_STEP;
    default:
        return WITHIN_STEP;
    }
}

/* One request, with what is copied in it */
static int copy_step(struct vgpu_stub *dev, const struct copy *copy,
                     uint32_t length, struct vgpu_stub_outcome *outcome)
{
    const uint8_t *in = copy->direction == VGPU_STUB_COPY_TO_DEVICE
                        ? copy->data + copy->done : NULL;
    uint8_t buffer[VGPU_STUB_BUF_SIZE];
    struct vgpu_stub_reply reply;
    int rc;

    rc = opened_call(dev, buffer,
                     copy_encode(copy, copy->done, length, in, buffer),
                     copy->deadline_us, copy->flags, outcome);
    if (rc == 0) {
        rc = copy_check_reply(outcome, &reply);
    }
    if (rc == 0 && copy->direction == VGPU_STUB_COPY_FROM_DEVICE) {
        if (reply.data_length != length) {
            return -EBADMSG;
        }
        memcpy(copy->data + copy->done, reply.data, length);
    }
    return rc;
}

/* Step by step */
static int copy_steps(struct vgpu_stub *dev, struct copy *copy,
                      struct vgpu_stub_outcome *outcome)
{
    const uint64_t step = step_of(copy);
    struct limit limit;         /* of all steps, each may be a short one */
    int rc = 0;

    limit_init(&limit, copy->deadline_us);
    limit_ask(&limit, dev->stop, dev->opaque);
    while (rc == 0 && copy->done < copy->length) {
        uint64_t left = copy->length - copy->done;
        uint32_t now = left < step ? left : step;

        rc = limit_check(&limit, clock_us());
        if (rc == 0) {
            rc = copy_step(dev, copy, now, outcome);
        }
        copy->done += rc == 0 ? now : 0;
    }
    return rc;
}

/* All of it; @copy has how much that was, also in an error. */
static int copy_all(struct vgpu_stub *dev, struct copy *copy, int timeout_ms,
                    unsigned flags, struct vgpu_stub_outcome *outcome)
{
    struct vgpu_stub_outcome unwanted;
    int cancelling, rc;

    rc = flags & (VGPU_STUB_MORE | VGPU_STUB_LARGE) ? -EINVAL
                                                    : request_check(1, flags);
    if (rc < 0) {
        return rc;
    }
    copy->deadline_us = clock_deadline(timeout_ms);
    copy->flags = flags;
    if (copy->length == 0 && outcome) {
        *outcome = (struct vgpu_stub_outcome) {
            .error_code = VGPU_STUB_ERR_NONE,
        };
    }
    rc = opened_begin(dev, &cancelling);
    if (rc < 0) {
        return rc;
    }
    outcome = outcome ? outcome : &unwanted;
    if (copy->direction != VGPU_STUB_COPY_WITHIN_DEVICE &&
        dev->transport->bulk_max > 0 && copy->length > step_of(copy)) {
        rc = copy_bulk(dev, copy, outcome);
    } else {
        rc = copy_steps(dev, copy, outcome);
    }
    opened_end(dev, cancelling);
    return rc;
}

int vgpu_stub_transfer(struct vgpu_stub *dev, struct vgpu_stub_copy *wanted,
                   int timeout_ms, unsigned flags,
                   struct vgpu_stub_outcome *outcome)
{
    struct vgpu_stub_copy known;
    struct copy copy;
    int rc = SIZED_TAKE(known, wanted, done);

    if (rc < 0) {
        return rc;
    }
    wanted->done = 0;
    if (known.direction > VGPU_STUB_COPY_WITHIN_DEVICE) {
        return -EINVAL;
    }
    copy = (struct copy) {
        .direction = known.direction,
        .handle = known.handle,
        .offset = known.offset,
        .source = known.source,
        .source_offset = known.source_offset,
        .data = known.data,
        .length = known.length,
    };
    rc = copy_all(dev, &copy, timeout_ms, flags, outcome);
    wanted->done = copy.done;
    return rc;
}

int vgpu_stub_mem_write(struct vgpu_stub *dev, uint64_t handle,
                        uint64_t offset, const void *data, size_t length,
                        int timeout_ms, unsigned flags,
                        struct vgpu_stub_outcome *outcome)
{
    struct copy copy = {
        .direction = VGPU_STUB_COPY_TO_DEVICE,
        .handle = handle,
        .offset = offset,
        .data = (uint8_t *)data,     /* which is read */
        .length = length,
    };

    return copy_all(dev, &copy, timeout_ms, flags, outcome);
}

int vgpu_stub_mem_read(struct vgpu_stub *dev, uint64_t handle,
                       uint64_t offset, void *data, size_t length,
                       int timeout_ms, unsigned flags,
                       struct vgpu_stub_outcome *outcome)
{
    struct copy copy = {
        .direction = VGPU_STUB_COPY_FROM_DEVICE,
        .handle = handle,
        .offset = offset,
        .data = data,
        .length = length,
    };

    return copy_all(dev, &copy, timeout_ms, flags, outcome);
}

int vgpu_stub_mem_copy(struct vgpu_stub *dev,
                       uint64_t to, uint64_t to_offset,
                       uint64_t from, uint64_t from_offset, uint64_t length,
                       int timeout_ms, unsigned flags,
                       struct vgpu_stub_outcome *outcome)
{
    struct copy copy = {
        .direction = VGPU_STUB_COPY_WITHIN_DEVICE,
        .handle = to,
        .offset = to_offset,
        .source = from,
        .source_offset = from_offset,
        .length = length,
    };

    return copy_all(dev, &copy, timeout_ms, flags, outcome);
}
