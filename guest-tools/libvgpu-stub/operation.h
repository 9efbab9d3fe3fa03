/*
 * libvgpu-stub: operations as requests, docs/operations.md
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef VGPU_STUB_OPERATION_H
#define VGPU_STUB_OPERATION_H

#include "opened.h"

/* A 64-bit value as two params, and back from two results */
#define OPERATION_WORDS(value) (uint32_t)(value), (uint32_t)((value) >> 32)

static inline uint64_t operation_value(const uint32_t *words)
{
    return words[0] | (uint64_t)words[1] << 32;
}

/* What a request of an operation consists of */
struct operation {
    uint32_t opcode;            /* VGPU_STUB_OP_… */
    uint32_t param_count;
    const uint32_t *params;
    uint32_t data_length;       /* bytes */
    const void *data;
};

/*
 * Write the request to @buffer; returns its length. The caller sees to it that
 * it fits.
 */
size_t operation_encode(const struct operation *operation,
                        uint8_t buffer[VGPU_STUB_BUF_SIZE]);

/*
 * Do it. @outcome is not NULL; @reply is filled when 0 is returned.
 *
 * Returns and fails as vgpu_stub_call(), with the deadline of opened_call();
 * -EBADMSG the response is malformed, or has fewer than @results results.
 */
int operation_call(struct vgpu_stub *dev, const struct operation *operation,
                   uint32_t results, int64_t deadline_us, unsigned flags,
                   struct vgpu_stub_outcome *outcome,
                   struct vgpu_stub_reply *reply);

/*
 * The same between opened_begin(), as which it fails too, and opened_end(): for
 * what is one request. @timeout_ms as for vgpu_stub_call()
 */
int operation_single(struct vgpu_stub *dev, const struct operation *operation,
                     uint32_t results, int timeout_ms, unsigned flags,
                     struct vgpu_stub_outcome *outcome,
                     struct vgpu_stub_reply *reply);

#endif /* VGPU_STUB_OPERATION_H */
